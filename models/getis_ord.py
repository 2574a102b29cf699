"""Gi*: how far the sum around a cell lies from what the study area as a whole lets expect.

Only the z-score; whether it means anything is the business of `significance` and `exact`.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameter

Floats = NDArray[np.float64]

# Weight at `step` steps for a disk of radius k, by name. All are 1 at the centre and positive at k.
KERNELS: dict[str, Callable[[Floats, int], Floats]] = {
    "uniform": lambda step, k: np.ones_like(step),
    "triangular": lambda step, k: 1 - step / (k + 1),
    "quartic": lambda step, k: (1 - (step / (k + 1)) ** 2) ** 2,
    "gaussian": lambda step, k: np.exp(-2 * (step / (k + 1)) ** 2),  # k + 1 steps are two standard deviations
}


def kernel_weights(kernel: str, k: int) -> Floats:
    """Return the weights of the rings 0, 1, … k.

    Raises
    ------
    InvalidParameter
        If there is no kernel of that name.

    Examples
    --------
    >>> kernel_weights("triangular", 1).tolist()
    [1.0, 0.5]
    """
    if kernel not in KERNELS:
        raise InvalidParameter(f"kernel must be one of {', '.join(KERNELS)}, got {kernel!r}")
    return KERNELS[kernel](np.arange(k + 1, dtype=np.float64), k)


def gi_star_z(sums: ArrayLike, sizes: ArrayLike, values: ArrayLike) -> Floats:
    """Return the Gi* z-score of every cell for equal weights.

    z = (S_i - m c_i) / (s sqrt((n c_i - c_i²) / (n - 1))), with S_i the sum over the disk, c_i its cells, and
    m and s the mean and the standard deviation (divided by n) of all values.

    Parameters
    ----------
    sums : array, shape (m,)
        Sum of the values over the disk of each cell, itself included.
    sizes : array, shape (m,)
        Cells in that disk.
    values : array, shape (n,)
        The values of the whole study area.

    Returns
    -------
    array, shape (m,)
        No unit; NaN where the disk is the whole study area, or where all values are equal.

    References
    ----------
    Ord and Getis (1995), Geographical Analysis 27(4), 286-306.

    Examples
    --------
    Four cells in a row: m = 4.5, s² = 16.25; the first disk holds 9 + 8 and expects 2 · 4.5, with a variance
    of 16.25 (4 · 2 - 4) / 3 = 21.67, so z = 8 / 4.65.

    >>> gi_star_z([17, 18, 9, 1], [2, 3, 3, 2], [9, 8, 1, 0]).round(2).tolist()
    [1.72, 1.12, -1.12, -1.72]
    """
    return gi_star_z_weighted(sums, sizes, sizes, values)


def gi_star_z_weighted(
    weighted_sums: ArrayLike, weight_sums: ArrayLike, weight_squares: ArrayLike, values: ArrayLike
) -> Floats:
    """Return the Gi* z-score of every cell for weights that fall off with distance.

    Parameters
    ----------
    weighted_sums : array, shape (m,)
        Σ w x over the disk of each cell, itself included.
    weight_sums, weight_squares : array, shape (m,)
        Σ w and Σ w² over that disk.
    values : array, shape (n,)
        The values of the whole study area.

    Returns
    -------
    array, shape (m,)
        No unit; NaN where the weights leave nothing to vary, or where all values are equal.

    Examples
    --------
    Weights 1 and 1/2 on the values 9 and 8: the excess is 13 - 4.5 · 1.5 = 6.25, its variance
    16.25 (4 · 1.25 - 1.5²) / 3 = 14.90, so z = 6.25 / 3.86.

    >>> gi_star_z_weighted([13.0], [1.5], [1.25], [9, 8, 1, 0]).round(2).tolist()
    [1.62]
    """
    x = np.asarray(values, dtype=np.float64)
    w, w2 = np.asarray(weight_sums, dtype=np.float64), np.asarray(weight_squares, dtype=np.float64)
    n = len(x)
    mean = x.mean() if n else np.nan
    variance = np.mean((x - mean) ** 2) if n else np.nan
    if n < 2 or is_constant(x):
        return np.full(w.shape, np.nan)
    spread = np.sqrt(variance * np.maximum(n * w2 - w**2, 0) / (n - 1))
    excess = np.asarray(weighted_sums, dtype=np.float64) - mean * w
    z = np.full(w.shape, np.nan)
    np.divide(excess, spread, out=z, where=spread > 0)
    return z


def is_constant(values: ArrayLike) -> bool:
    """Return whether all values are equal: then no statistic of difference has an answer.

    Examples
    --------
    >>> is_constant([2, 2, 2]), is_constant([0, 1])
    (True, False)
    """
    x = np.asarray(values)
    if (x[:100] != x[:1]).any():  # mostly, a glance is enough
        return False
    return not len(x) or bool((x == x[0]).all())
