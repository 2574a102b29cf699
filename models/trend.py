"""Monotone trends of irregular series: Theil-Sen and Mann-Kendall, with ties and values below a limit."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from models.errors import TooFewObservations

Floats = NDArray[np.float64]

# Up to this length, and without ties, the law of the Mann-Kendall score is counted out.
_EXACT_UP_TO = 40


class MannKendall(NamedTuple):
    """`score`: pairs that rise minus pairs that fall; `p_two_sided`; `method`: "exact" or "normal"."""

    score: float
    p_two_sided: float
    method: str


def theil_sen(time: ArrayLike, value: ArrayLike) -> float:
    """Return the median slope over all pairs of points at different times.

    Parameters
    ----------
    time : array, shape (n,)
        Any unit; need not be sorted or regular.
    value : array, shape (n,)
        Slope is in units of value per unit of time. Points with NaN are left out.

    Raises
    ------
    TooFewObservations
        If no two points have different times.

    References
    ----------
    Sen (1968), Journal of the American Statistical Association 63(324), 1379-1389.

    Examples
    --------
    One wild value does not move the line.

    >>> theil_sen([0, 1, 2, 3, 4], [1, 3, 5, 7, 100])
    2.0
    """
    t, y = _known(time, value)
    i, j = np.triu_indices(len(t), 1)
    apart = t[i] != t[j]
    if not apart.any():
        raise TooFewObservations("a slope needs values at 2 different times, got fewer")
    i, j = i[apart], j[apart]
    return float(np.median((y[j] - y[i]) / (t[j] - t[i])))


def mann_kendall(time: ArrayLike, value: ArrayLike, is_below: ArrayLike | None = None) -> MannKendall:
    """Return the Mann-Kendall test of a monotone trend against an exchangeable series.

    A value below a limit is known to lie under its limit only: it is under every measured value at or above
    the limit, and not comparable with any other. So a change of the limit alone never makes a trend.

    Parameters
    ----------
    time : array, shape (n,)
        Equal times are ties.
    value : array, shape (n,)
        The limit itself where the value is below a limit. Points with NaN are left out.
    is_below : array of bool, shape (n,), optional
        Where the value is below its limit; nowhere by default.

    Returns
    -------
    MannKendall
        The p is exact for up to 40 points without ties. With ties, or more points, it is normal with the
        permutation variance of the score and a correction for continuity of 1. NaN for fewer than 2 points.

    References
    ----------
    Mann (1945), Econometrica 13(3), 245-259. Daniels (1944), Biometrika 33(2), 129-135 (variance under ties).

    Examples
    --------
    Five rising values: the one of 5! = 120 orders at either end that is as extreme.

    >>> result = mann_kendall([1, 2, 3, 4, 5], [1, 2, 3, 5, 8])
    >>> result.score, round(result.p_two_sided, 4), result.method
    (10.0, 0.0167, 'exact')
    """
    values = np.asarray(value, dtype=np.float64)
    below = np.zeros(values.shape, dtype=bool) if is_below is None else np.asarray(is_below, dtype=bool)
    below = below[~(np.isnan(values) | np.isnan(np.asarray(time, dtype=np.float64)))]
    t, y = _known(time, value)
    n = len(t)
    if n < 2:
        return MannKendall(0.0, np.nan, "exact")
    rises, later = _value_signs(y, below), np.sign(t[None, :] - t[:, None])
    score = float((rises * later).sum() / 2)
    off_diagonal = ~np.eye(n, dtype=bool)
    if n <= _EXACT_UP_TO and rises[off_diagonal].all() and later[off_diagonal].all():
        return MannKendall(score, _exact_p(score, n), "exact")
    sd = float(np.sqrt(_score_variance(rises, later)))
    p = 2 * float(ndtr(-max(abs(score) - 1, 0) / sd)) if sd > 0 else 1.0
    return MannKendall(score, min(p, 1.0), "normal")


def _known(time: ArrayLike, value: ArrayLike) -> tuple[Floats, Floats]:
    t, y = np.asarray(time, dtype=np.float64), np.asarray(value, dtype=np.float64)
    known = ~(np.isnan(t) | np.isnan(y))
    return t[known], y[known]


def _value_signs(y: Floats, below: NDArray[np.bool_]) -> Floats:
    """Return the sign of y_j - y_i for every pair, 0 where a limit leaves it open."""
    signs = np.sign(y[None, :] - y[:, None])
    # Under its limit is less than a measured value that equals the limit.
    signs[below[:, None] & ~below[None, :] & (y[None, :] >= y[:, None])] = 1
    signs[~below[:, None] & below[None, :] & (y[:, None] >= y[None, :])] = -1
    is_open = below[:, None] & below[None, :]
    is_open |= below[:, None] & ~below[None, :] & (y[None, :] < y[:, None])
    is_open |= ~below[:, None] & below[None, :] & (y[:, None] < y[None, :])
    signs[is_open] = 0
    return signs


def _score_variance(a: Floats, b: Floats) -> float:
    """Return the variance of sum(a_ij b_ij) / 2 over all orders of one of two antisymmetric score tables."""
    n = len(a)
    a_rows, b_rows = (a.sum(axis=1) ** 2).sum(), (b.sum(axis=1) ** 2).sum()
    a_squares, b_squares = (a**2).sum(), (b**2).sum()
    variance = 2 * a_squares * b_squares / (n * (n - 1))
    if n > 2:
        variance += 4 * (a_rows - a_squares) * (b_rows - b_squares) / (n * (n - 1) * (n - 2))
    return float(variance / 4)


def _exact_p(score: float, n: int) -> float:
    """Return the two-sided p from the number of permutations with each number of inversions."""
    shares = np.ones(1)
    for size in range(2, n + 1):
        shares = np.convolve(shares, np.full(size, 1 / size))
    n_falling = round((n * (n - 1) / 2 - abs(score)) / 2)
    return min(1.0, 2 * float(shares[: n_falling + 1].sum()))
