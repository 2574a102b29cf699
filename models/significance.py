"""From a statistic to a verdict: p-values, false discovery rate, combination over scales, bins."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Sums that differ by less than this share of their size are ties.
_TIE = 1e-9
_P_RANGE = (1e-15, 1 - 1e-9)
# What a p counts as at most where discrete tests are combined.
HIGHEST_P = 0.99


def normal_p(z: ArrayLike) -> tuple[Floats, Floats]:
    """Return the upper and lower tail of the standard normal law; NaN stays NaN.

    Not safe on sparse or overdispersed counts: there most null maps get false hotspots.

    Examples
    --------
    >>> [p.round(3).tolist() for p in normal_p([1.96, 0])]
    [[0.025, 0.5], [0.975, 0.5]]
    """
    scores = np.asarray(z, dtype=np.float64)
    return ndtr(-scores), ndtr(scores)


def monte_carlo_p(
    sums: ArrayLike,
    ring_sizes: ArrayLike,
    weights: ArrayLike,
    values: ArrayLike,
    *,
    simulations: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Return permutation tails by simulation, (1 + #) / (1 + R), for any values and ring weights.

    Every simulation draws cells without replacement; all disks with the same number of cells in every ring
    share the draws, for under the null hypothesis their sums have the same law.

    Parameters
    ----------
    sums : array, shape (m,)
        Weighted sum over each disk.
    ring_sizes : array of int, shape (k + 1, m)
        Cells of each disk at 0, 1, … k steps.
    weights : array, shape (k + 1,)
        Weight of each ring.
    values : array, shape (n,)
        The values of the whole study area.
    simulations : int
        R; the smallest p is 1 / (1 + R).
    rng : numpy.random.Generator

    Returns
    -------
    p_hot, p_cold : array, shape (m,)
        Share of draws at or above, and at or below the observed sum; ties count on both sides.

    References
    ----------
    Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9(1), 39.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p_hot, _ = monte_carlo_p([3.0], [[1], [1]], [1, 1], [0, 0, 1, 2], simulations=9999, rng=rng)
    >>> bool(abs(p_hot[0] - 1 / 6) < 0.01)
    True
    """
    observed, w = np.asarray(sums, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    sizes, x = np.asarray(ring_sizes, dtype=np.int64), np.asarray(values, dtype=np.float64)
    if (w == w[0]).all():  # only the size of the whole disk matters
        sizes, w = sizes.sum(axis=0, keepdims=True), w[:1]
    draws = _prefix_sums_of_draws(x, int(sizes.sum(axis=0).max(initial=0)), simulations, rng)
    patterns, which = _patterns(sizes)
    order = np.argsort(which, kind="stable")
    bounds = np.searchsorted(which[order], np.arange(len(patterns) + 1))
    tolerance = _TIE * np.maximum(np.abs(observed), float(np.abs(x).max(initial=0)))
    p_hot, p_cold = np.empty(len(observed)), np.empty(len(observed))
    for number, pattern in enumerate(patterns):
        cells = order[bounds[number] : bounds[number + 1]]
        edges = np.concatenate([[0], np.cumsum(pattern)])
        simulated = np.sort(np.diff(draws[:, edges], axis=1) @ w)
        n_below = np.searchsorted(simulated, observed[cells] - tolerance[cells], side="left")
        n_not_above = np.searchsorted(simulated, observed[cells] + tolerance[cells], side="right")
        p_hot[cells] = (1 + simulations - n_below) / (1 + simulations)
        p_cold[cells] = (1 + n_not_above) / (1 + simulations)
    return p_hot, p_cold


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Return q-values: the false discovery rate at which each test would be called.

    Parameters
    ----------
    p : array, shape (n,)
        NaN where nothing was tested; such places do not count as tests and stay NaN.

    References
    ----------
    Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57(1), 289-300.

    Examples
    --------
    Of three tests the smallest p counts three times, the second 3/2 times.

    >>> benjamini_hochberg([0.01, 0.04, float("nan"), 0.03]).round(3).tolist()
    [0.03, 0.04, nan, 0.04]
    """
    found = np.asarray(p, dtype=np.float64)
    q = np.full(found.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(found))
    order = tested[np.argsort(found[tested])]
    m = len(order)
    scaled = found[order] * m / np.arange(1, m + 1)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return q


def fdr_cutoffs(p: ArrayLike, levels: Sequence[float]) -> list[float]:
    """Return, for every level, the largest p that Benjamini-Hochberg calls; below 0 where it calls none.

    The q of a test is at most the level exactly where its p is at most the cut-off. For millions of tests:
    only those with a p up to the highest level are sorted.

    Parameters
    ----------
    p : array
        NaN where nothing was tested; such places do not count as tests.
    levels : sequence of float
        False discovery rates.

    Examples
    --------
    >>> fdr_cutoffs([0.01, 0.04, float("nan"), 0.03], [0.01, 0.03, 0.05])
    [-1.0, 0.01, 0.04]
    """
    found = np.asarray(p, dtype=np.float64).ravel()
    m = len(found) - int(np.count_nonzero(np.isnan(found)))
    low = np.sort(found[found <= max(levels)])
    scaled = low * m / np.arange(1, len(low) + 1)
    called = [np.flatnonzero(scaled <= level) for level in levels]
    return [float(low[places[-1]]) if len(places) else -1.0 for places in called]


def cauchy_combination(p: ArrayLike) -> Floats:
    """Return one p for several dependent tests of the same cell, by the mean of Cauchy scores.

    p = 1/2 - arctan(mean of tan((1/2 - p_k) π)) / π, each p_k clipped to 1e-15 … 1 - 1e-9.

    Parameters
    ----------
    p : array, shape (k, n)
        NaN where a test was not done: the others are combined; NaN where none was.

    References
    ----------
    Liu and Xie (2020), Journal of the American Statistical Association 115(529), 393-402.

    Examples
    --------
    >>> cauchy_combination([[0.01, 0.5], [0.01, float("nan")], [0.01, float("nan")]]).round(6).tolist()
    [0.01, 0.5]
    """
    found = np.asarray(p, dtype=np.float64)
    n_done = np.count_nonzero(~np.isnan(found), axis=0)
    return p_of_cauchy_scores(cauchy_scores(found).sum(axis=0), n_done)


def truncated_cauchy(p: ArrayLike) -> Floats:
    """Return one p for several dependent tests of the same cell, where a p of 1 is nothing unusual.

    As `cauchy_combination`, with each p_k above .99 taken for .99. The two-sided p of a discrete statistic is
    1 often, and the Cauchy score of 1 would outweigh any evidence from the other scales; what decides at
    small p, the large scores, stays as it is.

    Parameters
    ----------
    p : array, shape (k, n)
        NaN where a test was not done: the others are combined; NaN where none was.

    References
    ----------
    Fang, Chang, Park and Tseng (2023), Statistica Sinica 33, 1115-1142.

    Examples
    --------
    >>> p = [[0.001], [1.0]]
    >>> cauchy_combination(p).round(4).tolist(), truncated_cauchy(p).round(4).tolist()
    ([1.0], [0.0022])
    """
    return cauchy_combination(np.minimum(np.asarray(p, dtype=np.float64), HIGHEST_P))


def cauchy_scores(p: ArrayLike) -> Floats:
    """Return tan((1/2 - p) π), written with the cotangent, which keeps small p exact; 0 for NaN.

    Examples
    --------
    >>> cauchy_scores([0.25, 0.5, float("nan")]).round(12).tolist()
    [1.0, 0.0, 0.0]
    """
    found = np.asarray(p, dtype=np.float64)
    scores: Floats = 1 / np.tan(np.pi * np.clip(found, *_P_RANGE))
    return np.where(np.isnan(scores), 0.0, scores)


def p_of_cauchy_scores(score_sums: Floats, n_scores: ArrayLike) -> Floats:
    """Return the p of the mean of n Cauchy scores; NaN where there is none.

    Examples
    --------
    >>> p_of_cauchy_scores(np.array([1.0, 0.0]), [1, 0]).tolist()
    [0.25, nan]
    """
    n = np.asarray(n_scores)
    # atan2(1, m) is π/2 - atan(m) without the cancellation that would swallow small p.
    p: Floats = np.arctan2(n, score_sums) / np.pi
    return np.where(n > 0, p, np.nan) if (n == 0).any() else p


def gi_bin(q: ArrayLike, is_hot: ArrayLike) -> NDArray[np.int8]:
    """Return -3 … 3 for display: q at most .01, .05 or .10, negative for cold; 0 otherwise.

    Examples
    --------
    >>> gi_bin([0.005, 0.04, 0.09, 0.5, float("nan")], [True, False, True, True, True]).tolist()
    [3, -2, 1, 0, 0]
    """
    found = np.asarray(q, dtype=np.float64)
    levels = sum((found <= level).astype(np.int8) for level in (0.01, 0.05, 0.10))
    return np.where(np.asarray(is_hot, dtype=bool), levels, -levels).astype(np.int8)


def _prefix_sums_of_draws(x: Floats, size: int, simulations: int, rng: np.random.Generator) -> Floats:
    """Return the running sums of `simulations` draws of `size` values, without replacement; a 0 in front."""
    picked = np.stack([rng.choice(len(x), size, replace=False) for _ in range(simulations)])
    return np.concatenate([np.zeros((simulations, 1)), np.cumsum(x[picked], axis=1)], axis=1)


def _patterns(sizes: Integers) -> tuple[Integers, Integers]:
    """Return the distinct columns of the ring sizes as rows, and which of them each disk has."""
    key = np.zeros(sizes.shape[1], dtype=np.int64)
    for ring in sizes:
        key = key * (int(ring.max(initial=0)) + 1) + ring
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    return sizes[:, first].T, which
