"""Priority: what several layers say of the same place, on one scale, without counting the same thing twice.

Evidence in, a score with its accounts out. Which layers, and how they come to lie on the same cells, is
decided above.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincc
from scipy.stats import rankdata

from models.errors import DegenerateInput, InvalidParameter

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: Evidence of one layer is bounded here: nothing counts for more than one chance in a million.
MAX_EVIDENCE = 6.0
#: The combined p whose score is 50; every further factor of 1,000 halves what is left to 100.
P_OF_SCORE_50 = 1e-3
#: In the sensitivity of the rank each weight in turn is multiplied by these.
WEIGHT_FACTORS = (0.5, 2.0)

_MAX_LAYERS = 62  # a set of layers is kept as the bits of one integer
# Values that agree to so many decimals are ties, whatever the order in which they were summed.
_DECIMALS = 8
_TINY = 1e-300
_GRID = 4001


@dataclass(frozen=True)
class Priority:
    """Score, rank and accounts of every cell; n cells, k layers, in the order of the input.

    Attributes
    ----------
    score : array, shape (n,)
        0-100: 0 where no layer shows anything, 50 where chance alone would give as much combined evidence to
        one place in 1,000, 75 to one in a million. NaN where no layer has evidence.
    p : array, shape (n,)
        Chance of as much combined evidence if all layers were at rest here; NaN without evidence.
    rank : array, shape (n,)
        1 is the highest score; ties go to the stronger evidence beyond the bound, then to the higher
        agreement, then to the smaller id. NaN without evidence.
    rank_low, rank_high : array, shape (n,)
        Best and worst rank as each weight in turn is halved and doubled. The rank itself lies between them.
    contributions : array, shape (k, n)
        What each layer gives to the score; their sum over the layers is the score. NaN without evidence.
    evidence : array, shape (k, n)
        -log10 p of each layer, 0 to `MAX_EVIDENCE`; NaN without evidence.
    agreement : array of int, shape (n,)
        Layers of weight above 0 in which the cell is significant on its own.
    n_layers : array of int, shape (n,)
        Layers of weight above 0 that have evidence here.
    weights : array, shape (k,)
        As asked for, made to sum to 1.
    effective_weights : array, shape (k,)
        The same after likeness between layers is discounted, where all layers have evidence; sum is 1.
    correlation : array, shape (k, k)
        Between layers, as used: estimate plus one standard error, within 0 and 1.
    estimated_correlation : array, shape (k, k)
        The estimate itself; NaN where two layers have fewer than 3 cells in common or one does not vary.
    n_common : array of int, shape (k, k)
        Cells in which both layers have evidence.
    n_variations : int
        Sets of weights behind `rank_low` and `rank_high`, beside the one asked for.
    """

    score: Floats
    p: Floats
    rank: Floats
    rank_low: Floats
    rank_high: Floats
    contributions: Floats
    evidence: Floats
    agreement: Integers
    n_layers: Integers
    weights: Floats
    effective_weights: Floats
    correlation: Floats
    estimated_correlation: Floats
    n_common: Integers
    n_variations: int


@dataclass(frozen=True)
class LayerCorrelation:
    """How alike layers are: `used` (estimate plus one standard error), `estimated`, `n_common` cells."""

    used: Floats
    estimated: Floats
    n_common: Integers


@dataclass(frozen=True)
class _Pattern:
    """Cells in which the same layers have evidence; `cells` is a slice where these are all cells."""

    layers: Integers
    cells: Integers | slice


def priority(
    p: ArrayLike,
    weights: ArrayLike,
    significant: ArrayLike,
    *,
    n_independent: ArrayLike | None = None,
    ids: ArrayLike | None = None,
) -> Priority:
    """Return the priority of every cell from the evidence of several layers.

    Every layer's evidence is -log10 of its one-sided p, at most `MAX_EVIDENCE`. Combined they are a weighted
    sum over the layers that have evidence in the cell, judged against what chance alone would sum to with
    layers as correlated as these (Brown's extension of Fisher's method). A layer that is quiet in a place
    adds nothing and takes nothing away; a layer without evidence there is not asked.

    Parameters
    ----------
    p : array, shape (k, n)
        One-sided p of each layer in each cell, small where there is need; NaN where a layer has no evidence.
    weights : array, shape (k,)
        0 or more, not all 0. A layer of weight 0 changes nothing.
    significant : array of bool, shape (k, n)
        Whether the cell is significant in that layer on its own; not looked at where p is NaN.
    n_independent : array, shape (k,), optional
        Independent places that stand behind a layer's cells: the polygons where cells share the finding of
        one, fewer than the cells where disks overlap. Default: the cells that have evidence.
    ids : array, shape (n,), optional
        Break the last ties; by default the order of the cells.

    Raises
    ------
    InvalidParameter
        If shapes differ, a p is not a probability, or weights are negative or all 0.
    DegenerateInput
        If no layer of weight above 0 has evidence in any cell.

    References
    ----------
    Fisher (1932), Statistical Methods for Research Workers, 4th ed., section 21.1.
    Brown (1975), Biometrics 31(4), 987-992.
    Kost and McDermott (2002), Statistics and Probability Letters 60(2), 183-190.

    Examples
    --------
    Five cells, two layers whose ranks do not correlate. If that were certain, both at p = .01 would be
    (1 - 2 ln .01) .01² = .001; from five cells it is not, so less is claimed. One silent layer costs little.

    >>> few = [[0.01, 0.2, 0.4, 0.6, 1.0], [0.01, 0.9, 0.7, 0.5, 0.3]]
    >>> found = priority(few, [1, 1], np.less_equal(few, 0.05))
    >>> found.p.round(4).tolist(), found.rank.tolist(), found.agreement.tolist()
    ([0.0042, 0.4544, 0.5781, 0.5995, 0.5995], [1.0, 2.0, 3.0, 4.0, 5.0], [2, 0, 0, 0, 0])

    A layer given twice counts once: everywhere the p of both is that of one.

    >>> priority([few[0], few[0]], [1, 1], np.less_equal([few[0]] * 2, 0.05)).p.round(4).tolist()
    [0.01, 0.2, 0.4, 0.6, 1.0]
    """
    found, w, is_called = _checked(p, weights, significant)
    has = ~np.isnan(found) & (w > 0)[:, None]
    if not has.any():
        raise DegenerateInput("priority needs evidence of a layer of weight above 0, got none in any cell")
    # Beyond the bound -ln p still breaks ties, so both are kept; 0 where there is no evidence.
    full = -np.log(np.clip(np.where(np.isnan(found), 1.0, found), _TINY, 1.0))
    bounded = np.minimum(full, MAX_EVIDENCE * np.log(10)) + 0.0  # + 0.0: no minus zero in an answer
    related = layer_correlation(found, n_independent)
    patterns = _patterns(has)
    chance, shares, strength = _combined(bounded, full, w, related.used, patterns)
    score = score_of_p(chance)
    n_layers, agreement = has.sum(axis=0), (is_called & has).sum(axis=0)
    n = found.shape[1]
    tie = np.arange(n) if ids is None else np.asarray(ids)
    order = np.lexsort((tie, -agreement, -strength, np.where(n_layers > 0, _rounded_log(chance), np.inf)))
    variations = weight_variations(w)
    low, high = _rank_range(bounded, has, variations, related.used, order)
    nothing = n_layers == 0
    rank, rank_low, rank_high = (
        np.where(nothing, np.nan, one) for one in (_ranks(order), np.asarray(low), np.asarray(high))
    )
    return Priority(
        score=score,
        p=chance,
        rank=rank,
        rank_low=rank_low,
        rank_high=rank_high,
        contributions=np.where(has, shares * score, np.nan),
        evidence=np.where(np.isnan(found), np.nan, bounded / np.log(10)),
        agreement=agreement,
        n_layers=n_layers,
        weights=w,
        effective_weights=effective_weights(w, related.used),
        correlation=related.used,
        estimated_correlation=related.estimated,
        n_common=related.n_common,
        n_variations=len(variations),
    )


def score_of_p(p: ArrayLike) -> Floats:
    """Return the score of a combined p: 100 (1 - 2^(log10 p / 3)); NaN stays NaN.

    Examples
    --------
    >>> score_of_p([1, 0.05, 1e-3, 1e-6, 1e-9]).round(1).tolist()
    [0.0, 26.0, 50.0, 75.0, 87.5]
    """
    chance = np.clip(np.asarray(p, dtype=np.float64), _TINY, 1)
    halvings = np.log(chance) / np.log(P_OF_SCORE_50)
    score: Floats = -100 * np.expm1(-np.log(2) * halvings) + 0.0
    return score


def effective_weights(weights: ArrayLike, correlation: ArrayLike) -> Floats:
    """Return weights, summing to 1, in which layers that say the same share what one of them would have.

    w_i² / Σ_j w_j r_ij⁴: unrelated layers keep their weight; m copies of one layer, equally weighted, have
    together the weight of one. A layer of weight 0 has 0 and takes nothing from the others. r⁴, the square of
    the shared variance, is roughly the share of the top hundredth of one layer that is in that of the other.

    Parameters
    ----------
    weights : array, shape (k,)
        0 or more, not all 0.
    correlation : array, shape (k, k)
        0 to 1, 1 on the diagonal.

    Examples
    --------
    >>> effective_weights([1, 1, 1], [[1, 1, 0], [1, 1, 0], [0, 0, 1]]).tolist()
    [0.25, 0.25, 0.5]
    >>> effective_weights([3, 1, 0], [[1, 0, 1], [0, 1, 0], [1, 0, 1]]).tolist()
    [0.75, 0.25, 0.0]
    """
    w = np.asarray(weights, dtype=np.float64)
    crowd = np.asarray(correlation, dtype=np.float64) ** 4 @ w
    kept = np.divide(w * w, crowd, out=np.zeros(len(w)), where=w > 0)
    share: Floats = kept / kept.sum()
    return share


def evidence_covariance(correlation: ArrayLike) -> Floats:
    """Return the covariance of -ln p of two one-sided tests whose normal scores correlate by r ≥ 0.

    (3.263 r + .710 r² + .027 r³) / 4, which is 1 at r = 1.

    References
    ----------
    Kost and McDermott (2002), Statistics and Probability Letters 60(2), 183-190.

    Examples
    --------
    >>> evidence_covariance([0.0, 0.5, 1.0]).round(4).tolist()
    [0.0, 0.4531, 1.0]
    """
    r = np.asarray(correlation, dtype=np.float64)
    return (3.263 * r + 0.710 * r**2 + 0.027 * r**3) / 4


def layer_correlation(p: ArrayLike, n_independent: ArrayLike | None = None) -> LayerCorrelation:
    """Return how alike the evidence of layers is over the cells that they have in common.

    Spearman's rank correlation, on the scale of normal scores (2 sin(π r / 6)): a few extreme cells do not
    make it. Used is the estimate plus one standard error, within 0 and 1: what is not known to be
    independent must not count as independent, and layers that point apart do not confirm each other more
    than unrelated ones. Two layers with fewer than 3 cells in common count as one and the same.

    Parameters
    ----------
    p : array, shape (k, n)
        NaN where a layer has no evidence.
    n_independent : array, shape (k,), optional
        See `priority`.

    Examples
    --------
    >>> found = layer_correlation([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4], [0.2, 0.4, 0.1, 0.3]])
    >>> found.used[0].round(2).tolist(), found.estimated[0].round(2).tolist()
    ([1.0, 1.0, 0.58], [1.0, 1.0, 0.0])
    """
    x = np.asarray(p, dtype=np.float64)
    k = len(x)
    has = ~np.isnan(x)
    n_own = has.sum(axis=1)
    independent = n_own if n_independent is None else np.asarray(n_independent, dtype=np.float64)
    share = np.divide(independent, n_own, out=np.ones(k), where=n_own > 0)
    used, estimated, n_common = np.eye(k), np.eye(k), np.diag(n_own).astype(np.int64)
    whole_ranks = {i: rankdata(x[i]) for i in range(k) if has[i].all()}
    for i in range(k):
        for j in range(i):
            both = has[i] & has[j]
            n = int(both.sum())
            is_whole = i in whole_ranks and j in whole_ranks
            a, b = (
                (whole_ranks[i], whole_ranks[j]) if is_whole else (rankdata(x[i, both]), rankdata(x[j, both]))
            )
            r = _normal_correlation(a, b)
            n_common[i, j] = n_common[j, i] = n
            estimated[i, j] = estimated[j, i] = r
            used[i, j] = used[j, i] = _cautious(r, n, n * min(share[i], share[j], 1.0))
    return LayerCorrelation(used, estimated, n_common)


def weight_variations(weights: ArrayLike) -> Floats:
    """Return the sets of weights that the rank is tried with, shape (m, k): each weight times each factor.

    With one layer there is nothing to vary.

    Examples
    --------
    >>> weight_variations([1, 1]).tolist()
    [[0.5, 1.0], [2.0, 1.0], [1.0, 0.5], [1.0, 2.0]]
    >>> weight_variations([1, 0]).shape
    (0, 2)
    """
    w = np.asarray(weights, dtype=np.float64)
    layers = np.flatnonzero(w > 0)
    if len(layers) < 2:
        return np.empty((0, len(w)))
    varied = np.tile(w, (len(layers) * len(WEIGHT_FACTORS), 1))
    rows = np.arange(len(varied))
    varied[rows, np.repeat(layers, len(WEIGHT_FACTORS))] *= np.tile(WEIGHT_FACTORS, len(layers))
    return varied


def _checked(p: ArrayLike, weights: ArrayLike, significant: ArrayLike) -> tuple[Floats, Floats, Mask]:
    found, w = np.asarray(p, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    called = np.asarray(significant, dtype=bool)
    if found.ndim != 2 or w.shape != found.shape[:1] or called.shape != found.shape:
        raise InvalidParameter(
            "priority needs p and significant of shape (layers, cells) and one weight per layer, got"
            f" {found.shape}, {called.shape} and {w.shape}"
        )
    if len(found) > _MAX_LAYERS:
        raise InvalidParameter(f"priority takes at most {_MAX_LAYERS} layers, got {len(found)}")
    if ((found < 0) | (found > 1)).any():
        raise InvalidParameter("p must lie between 0 and 1")
    if not (np.isfinite(w).all() and (w >= 0).all() and w.sum() > 0):
        raise InvalidParameter(f"weights must be 0 or more and not all 0, got {w.tolist()}")
    return found, w / w.sum(), called


def _patterns(has: Mask) -> list[_Pattern]:
    """Return the sets of layers that occur together; cells without any are in none."""
    codes = (1 << np.arange(len(has), dtype=np.int64)) @ has
    first = int(codes[0]) if len(codes) else 0
    if (codes == first).all():
        return [_Pattern(np.flatnonzero(has[:, 0]), slice(None))] if first else []
    order = np.argsort(codes, kind="stable")
    known, starts = np.unique(codes[order], return_index=True)
    groups = np.split(order, starts[1:])
    return [
        _Pattern(np.flatnonzero(has[:, cells[0]]), cells)
        for code, cells in zip(known.tolist(), groups, strict=True)
        if code
    ]


def _combined(
    bounded: Floats, full: Floats, weights: Floats, correlation: Floats, patterns: list[_Pattern]
) -> tuple[Floats, Floats, Floats]:
    """Return the combined p, each layer's share of the evidence, and the evidence without its bound."""
    n = bounded.shape[1]
    chance, shares, strength = np.full(n, np.nan), np.zeros(bounded.shape), np.zeros(n)
    for pattern in patterns:
        own, variance = _law(pattern.layers, weights, correlation)
        parts = own[:, None] * bounded[pattern.layers][:, pattern.cells]
        total = parts.sum(axis=0)
        chance[pattern.cells] = _chance(total, variance)
        strength[pattern.cells] = np.round(own @ full[pattern.layers][:, pattern.cells], _DECIMALS)
        np.divide(parts, total, out=parts, where=total > 0)
        shares[np.ix_(pattern.layers, np.arange(n)[pattern.cells])] = parts
    return chance, shares, strength


def _law(layers: Integers, weights: Floats, correlation: Floats) -> tuple[Floats, float]:
    """Return the effective weights of these layers, and the variance of their sum of -ln p; its mean is 1."""
    related = correlation[np.ix_(layers, layers)]
    own = effective_weights(weights[layers], related)
    # Weights and covariances are 0 or more, so this is above 0 whether or not the matrix is definite.
    return own, float(own @ evidence_covariance(related) @ own)


def _chance(total: Floats, variance: float) -> Floats:
    """Return the upper tail of the gamma law of mean 1 and this variance."""
    return np.asarray(gammaincc(1 / variance, total / variance), dtype=np.float64)


def _rounded_log(chance: Floats) -> Floats:
    return np.asarray(np.round(np.log(np.maximum(chance, _TINY)), _DECIMALS), dtype=np.float64)


def _log_chance(total: Floats, variance: float) -> Floats:
    """Return ln of `_chance`, read off a fine grid: for the order of cells, not for their p."""
    grid = np.linspace(0, MAX_EVIDENCE * np.log(10) + 1e-9, _GRID)
    log_tail = np.log(np.maximum(_chance(grid, variance), _TINY))
    return np.interp(total, grid, log_tail)


def _rank_range(
    bounded: Floats, has: Mask, variations: Floats, correlation: Floats, order: Integers
) -> tuple[Integers, Integers]:
    """Return the best and the worst rank over the variations, the given order included.

    Worked in the given order: it decides where a variation ties.
    """
    n = len(order)
    sorted_bounded, patterns = bounded[:, order], _patterns(has[:, order])
    parts = [sorted_bounded[pattern.layers][:, pattern.cells] for pattern in patterns]
    low = np.arange(1, n + 1)
    high = low.copy()
    for weights in variations:
        key = np.full(n, np.inf)
        for pattern, part in zip(patterns, parts, strict=True):
            own, variance = _law(pattern.layers, weights, correlation)
            total = own @ part
            # Where all cells have the same layers the sums have the order of their chances.
            key[pattern.cells] = _log_chance(total, variance) if len(patterns) > 1 else -total
        ranks = _ranks(np.argsort(np.round(key, _DECIMALS), kind="stable"))
        np.minimum(low, ranks, out=low)
        np.maximum(high, ranks, out=high)
    back = _ranks(order) - 1
    return low[back], high[back]


def _ranks(order: NDArray[np.intp]) -> Integers:
    """Return the rank, from 1, of every position of an order."""
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return ranks


def _normal_correlation(ranks: Floats, others: Floats) -> float:
    """Return Spearman's correlation on the scale of normal scores; NaN where it has no answer."""
    if len(ranks) < 3:
        return float("nan")
    a, b = ranks - ranks.mean(), others - others.mean()
    # Plain sums: over so few numbers the threads of a matrix product cost more than they save.
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    if scale == 0:
        return float("nan")
    return 2 * float(np.sin(np.pi / 6 * np.clip((a * b).sum() / scale, -1, 1)))


def _cautious(r: float, n_common: int, n_independent: float) -> float:
    """Return the estimate plus one standard error, within 0 and 1."""
    if n_common < 3:
        return 1.0
    if np.isnan(r):  # a layer that does not vary: there is nothing that the two could share
        return 0.0
    error = (1 - r * r) / np.sqrt(max(n_independent - 1, 1.0))
    return float(np.clip(r + error, 0, 1))
