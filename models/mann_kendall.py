"""Mann-Kendall for many series of the same length at once, and what to do where neighbours in time agree.

`trend` has the test of one irregular series. Here all series stand side by side, one row a time bin, so that
a pair of bins is one comparison of two rows.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]
Scores = NDArray[np.int32]

_SERIES_AT_ONCE = 1 << 15  # as many as stay in a processor's cache
_VALUES_AT_ONCE = 1 << 23


def kendall_scores(series: NDArray[Any]) -> tuple[Scores, NDArray[np.int64]]:
    """Return the score and the tie term of every series.

    Parameters
    ----------
    series : array, shape (n_bins, n_series)
        One row a time bin, earliest first; no NaN.

    Returns
    -------
    scores : array, shape (n_series,)
        S: pairs of bins that rise less pairs that fall; a tie counts 0.
    ties : array, shape (n_series,)
        Σ t (t - 1) (2t + 5) over the groups of t equal values.

    Examples
    --------
    Of the pairs of 1, 3, 3, 2 three rise, two fall and one is a tie.

    >>> kendall_scores(np.array([[1], [3], [3], [2]]))
    (array([1], dtype=int32), array([18]))
    """
    n_bins, n_series = series.shape
    scores, ties = np.zeros(n_series, dtype=np.int32), np.zeros(n_series, dtype=np.int64)
    for start in range(0, n_series, _SERIES_AT_ONCE):
        part = slice(start, start + _SERIES_AT_ONCE)
        rows = np.ascontiguousarray(series[:, part])
        for j in range(1, n_bins):
            scores[part], ties[part] = scores_with(scores[part], ties[part], rows[:j], rows[j])
    return scores, ties


def scores_with(
    scores: Scores, ties: NDArray[np.int64], series: NDArray[Any], new: NDArray[Any]
) -> tuple[Scores, NDArray[np.int64]]:
    """Return scores and tie terms after one more bin: a comparison with each of the earlier ones.

    Parameters
    ----------
    scores, ties : array, shape (n_series,)
        Of the series so far; see `kendall_scores`.
    series : array, shape (n_bins, n_series)
        The series so far.
    new : array, shape (n_series,)
        The bin that follows.

    Examples
    --------
    >>> scores_with(np.array([2]), np.array([0]), np.array([[1], [3]]), np.array([3]))
    (array([3], dtype=int32), array([18]))
    """
    n_bins = len(series)
    kind = np.uint8 if n_bins < 256 else np.uint16 if n_bins < 1 << 16 else np.uint32
    n_less, n_more = np.zeros(new.shape, dtype=kind), np.zeros(new.shape, dtype=kind)
    for row in series:
        n_less += row < new
        n_more += row > new
    less, more = n_less.astype(np.int32), n_more.astype(np.int32)
    tied = (n_bins - less - more).astype(np.int64)
    # With t equal values t (t - 1) (2t + 5) grows by 6t (t + 2) as one more joins them.
    return (scores + less - more).astype(np.int32), ties + 6 * tied * (tied + 2)


def mann_kendall_z(scores: ArrayLike, ties: ArrayLike, n_bins: int) -> Floats:
    """Return the Mann-Kendall z, with ties and the correction for continuity.

    z = (S ∓ 1) / sd, sd² = [T (T - 1) (2T + 5) - Σ t (t - 1) (2t + 5)] / 18; 0 where S is 0.

    Parameters
    ----------
    scores, ties : array, shape (n_series,)
        See `kendall_scores`.
    n_bins : int
        T.

    References
    ----------
    Mann (1945), Econometrica 13(3), 245-259. Kendall (1975), Rank Correlation Methods, 4th edition.

    Examples
    --------
    Five rising values: S = 10, sd² = 5 · 4 · 15 / 18 = 16.67, z = 9 / 4.08.

    >>> mann_kendall_z([10, -10, 0], [0, 0, 300], 5).round(2).tolist()
    [2.2, -2.2, 0.0]
    """
    s = np.asarray(scores, dtype=np.float64)
    variance = (n_bins * (n_bins - 1) * (2 * n_bins + 5) - np.asarray(ties, dtype=np.float64)) / 18
    z = np.zeros(s.shape)
    np.divide(s - np.sign(s), np.sqrt(variance), out=z, where=variance > 0)
    return z


def two_sided_p(z: ArrayLike) -> Floats:
    """Return the two-sided normal p; NaN stays NaN.

    Examples
    --------
    >>> two_sided_p([1.96, 0.0]).round(3).tolist()
    [0.05, 1.0]
    """
    p: Floats = 2 * ndtr(-np.abs(np.asarray(z, dtype=np.float64)))
    return p


def lag1_autocorrelation(series: NDArray[Any]) -> Floats:
    """Return the lag-1 autocorrelation of every series after its straight line is taken off.

    Parameters
    ----------
    series : array, shape (n_bins, n_series)
        No NaN.

    Returns
    -------
    array, shape (n_series,)
        Σ e_t e_(t+1) / Σ e_t²; NaN where the series is a straight line.

    Examples
    --------
    0, 1, 0, 1 has the line 0.2 + 0.2 t: e = -.2, .6, -.6, .2, and Σ e e' = -.12 - .36 - .12 = -.6 of .8.

    >>> lag1_autocorrelation(np.array([[0.0], [1.0], [0.0], [1.0]])).round(4).tolist()
    [-0.75]
    """
    n_bins, n_series = series.shape
    time = np.arange(n_bins) - (n_bins - 1) / 2
    found = np.full(n_series, np.nan)
    for start in range(0, n_series, _SERIES_AT_ONCE):
        part = slice(start, start + _SERIES_AT_ONCE)
        e = series[:, part].astype(np.float64)
        scale = np.abs(e).max(axis=0)
        e -= e.mean(axis=0)
        e -= time[:, None] * ((time @ e) / max(float(time @ time), 1.0))
        squares = np.einsum("ij,ij->j", e, e)
        products = np.einsum("ij,ij->j", e[:-1], e[1:])
        varies = squares > n_bins * (1e-12 * scale) ** 2
        found[part] = np.divide(products, squares, out=np.full(len(squares), np.nan), where=varies)
    return found


def block_permutation_p(
    series: NDArray[Any], *, block: int = 3, permutations: int = 999, rng: np.random.Generator
) -> Floats:
    """Return the two-sided p of the Mann-Kendall score from orders in which blocks of bins stay together.

    All series see the same orders. Of a pair of blocks only the sign turns when their order does, so the
    scores of all orders are one matrix product, in whole numbers.

    Parameters
    ----------
    series : array, shape (n_bins, n_series)
        One row a time bin; no NaN.
    block : int
        Bins in a block; the first block takes what is left over.
    permutations : int
        R; the smallest p is 1 / (1 + R).
    rng : numpy.random.Generator

    Returns
    -------
    array, shape (n_series,)
        (1 + orders with a score as far from 0 or farther) / (1 + R).

    Examples
    --------
    Six rising values in two blocks: both orders keep what rises within a block, one is as extreme.

    >>> rising = np.arange(6.0)[:, None]
    >>> p = block_permutation_p(rising, permutations=9999, rng=np.random.default_rng(0))
    >>> bool(abs(p[0] - 0.5) < 0.02)
    True
    """
    n_bins, n_series = series.shape
    n_blocks = -(-n_bins // block)
    block_of = (np.arange(n_bins) + n_blocks * block - n_bins) // block
    orders = rng.permuted(np.tile(np.arange(n_blocks), (permutations, 1)), axis=1)
    first, second = np.triu_indices(n_blocks, 1)
    signs = np.where(orders[:, first] < orders[:, second], 1, -1).astype(np.float32)
    pair_of = np.zeros((n_blocks, n_blocks), dtype=np.int64)
    pair_of[first, second] = np.arange(len(first))
    p = np.empty(n_series)
    at_once = max(_VALUES_AT_ONCE // max(permutations, len(first)), 1)
    for start in range(0, n_series, at_once):
        part = slice(start, start + at_once)
        within, between = _block_scores(np.ascontiguousarray(series[:, part]), block_of, pair_of)
        observed = np.abs(within + between.sum(axis=0))
        # Scores are whole numbers far below 2^24, so single precision adds them exactly.
        shuffled = np.abs(within + signs @ between)
        p[part] = (1 + (shuffled >= observed).sum(axis=0)) / (1 + permutations)
    return p


def _block_scores(
    series: NDArray[Any], block_of: NDArray[np.int64], pair_of: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the part of the score from within the blocks, and that from every pair of blocks."""
    n_bins, n_series = series.shape
    n_blocks = len(pair_of)
    within = np.zeros(n_series, dtype=np.float32)
    between = np.zeros((n_blocks * (n_blocks - 1) // 2, n_series), dtype=np.float32)
    for j in range(1, n_bins):
        for i in range(j):
            sign = (series[i] < series[j]).view(np.int8) - (series[i] > series[j]).view(np.int8)
            if block_of[i] == block_of[j]:
                within += sign
            else:
                between[pair_of[block_of[i], block_of[j]]] += sign
    return within, between
