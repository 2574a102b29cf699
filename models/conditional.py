"""Permutation tails of the sum around a cell by simulation, the cell's own value held fixed."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Sums that differ by less than this share of their size are ties.
_TIE = 1e-9


def conditional_p(
    sums: ArrayLike,
    sizes: ArrayLike,
    values: ArrayLike,
    *,
    simulations: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Return permutation tails of sums over neighbours, (1 + #) / (1 + R), for any values.

    Every simulation draws cells without replacement, one more than the largest neighbourhood needs. All cells
    with c neighbours share the first c of a draw; a cell that is among these itself gives its place to the
    next one drawn. That is a simple random sample of the other n - 1 cells, and only the few cells drawn need
    a sum of their own.

    Parameters
    ----------
    sums, sizes : array, shape (n,)
        Sum over the neighbours of each cell, and their number; less than n - 1 is tested, others get 1.
    values : array, shape (n,)
        The values of the cells.
    simulations : int
        R; the smallest p is 1 / (1 + R).
    rng : numpy.random.Generator

    Returns
    -------
    p_upper, p_lower : array, shape (n,)
        Share of draws at or above, and at or below the observed sum; ties count on both sides.

    References
    ----------
    Anselin (1995), Geographical Analysis 27(2), 93-115 (conditional permutation).

    Examples
    --------
    Beside the 5 there are 0, 1 and 2: one of three has the value 2, all have 2 or less.

    >>> rng = np.random.default_rng(0)
    >>> upper, lower = conditional_p([2, 0, 0, 0], [1, 1, 1, 1], [5, 0, 1, 2], simulations=9999, rng=rng)
    >>> bool(abs(upper[0] - 1 / 3) < 0.02), lower[0]
    (True, np.float64(1.0))
    """
    x, observed = np.asarray(values, dtype=np.float64), np.asarray(sums, dtype=np.float64)
    c = np.asarray(sizes, dtype=np.int64)
    n = len(x)
    p_upper, p_lower = np.ones(n), np.ones(n)
    is_tested = (c > 0) & (c < n - 1)
    if not is_tested.any():
        return p_upper, p_lower
    widest = int(c[is_tested].max())
    drawn = np.stack([rng.choice(n, widest + 1, replace=False) for _ in range(simulations)])
    sums_of_first = np.cumsum(x[drawn], axis=1)
    tolerance = _TIE * np.maximum(np.abs(observed), float(np.abs(x).max()))
    for size in np.unique(c[is_tested]).tolist():
        cells = np.flatnonzero(is_tested & (c == size))
        low, high = (observed - tolerance)[cells], (observed + tolerance)[cells]
        simulated = sums_of_first[:, size - 1]
        ordered = np.sort(simulated)
        n_upper = simulations - np.searchsorted(ordered, low, side="left")
        n_lower = np.searchsorted(ordered, high, side="right")
        place = np.full(n, -1)
        place[cells] = np.arange(len(cells))
        round_, at = np.nonzero(place[drawn[:, :size]] >= 0)  # cells that met themselves
        own = place[drawn[round_, at]]
        before = simulated[round_]
        after = before - x[drawn[round_, at]] + x[drawn[round_, size]]
        change_upper = (after >= low[own]).astype(np.int64) - (before >= low[own])
        change_lower = (after <= high[own]).astype(np.int64) - (before <= high[own])
        np.add.at(n_upper, own, change_upper)
        np.add.at(n_lower, own, change_lower)
        p_upper[cells], p_lower[cells] = (1 + n_upper) / (1 + simulations), (1 + n_lower) / (1 + simulations)
    return p_upper, p_lower
