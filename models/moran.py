"""Local Moran: cells that are like their neighbours, and those that are odd among them.

Given the value of a cell, I_i is monotone in the sum over its neighbours, and that sum is a simple random
sample of the other n - 1 values if these are exchangeable. So p is exact (`exact.other_sum_laws`) where the
tables are small, and simulated (`conditional`) where they are not. Both tails count ties fully, and the
two-sided p is twice the smaller of them: nothing is folded.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.conditional import conditional_p
from models.errors import InvalidParameter
from models.exact import (
    ValueGroups,
    are_other_laws_feasible,
    other_sum_laws,
    smallest_attainable_p,
    value_groups,
)
from models.getis_ord import is_constant
from models.scales import best_scale, of_best
from models.significance import benjamini_hochberg, truncated_cauchy
from models.values import checked_values
from spatial.neighbors import MAX_K, NeighborIndex, disk_sizes, disk_sums

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

AUTO_RINGS = (1, 2, 3)
P_METHODS = ("auto", "exact", "monte-carlo")
NO_QUADRANT = ""
_QUADRANTS = np.array(["LL", "LH", "HL", "HH"])
# Deviations from the mean that are smaller than this share of the values are none.
_TIE = 1e-9


@dataclass(frozen=True)
class LocalMoran:
    """The verdict on every cell, in the order of the cells.

    Attributes
    ----------
    ring : array of int
        The k that the figures of the cell refer to; with k="auto" the one with the smallest p.
    neighbors : array of int
        Cells within `ring` steps inside the study area, the cell itself not counted.
    moran_i : array of float
        I_i with weights that add up to 1; NaN where there is no neighbour or nothing varies.
    quadrant : array of str
        "HH", "LL", "HL" or "LH": the cell, then the mean of its neighbours, above the mean of all cells (H)
        or not (L); "" where there is no I_i.
    p_upper, p_lower : array of float
        P that neighbours drawn at random hold as much as these or more, as much or less; NaN where untested.
    p : array of float
        Two-sided: min(1, 2 min(p_upper, p_lower)), combined over the rings for k="auto". 1 where the cell
        equals the mean: I_i is 0 there whatever lies around.
    q : array of float
        Benjamini-Hochberg of `p` over all tested cells.
    classes : array of str
        The quadrant where q is at most alpha, else "none".
    p_method : str
        "exact" or "monte-carlo".
    diagnostics : dict
        What a reader needs to trust the above; `warnings` holds sentences.
    """

    ring: NDArray[np.int8]
    neighbors: NDArray[np.int32]
    moran_i: Floats
    quadrant: NDArray[np.str_]
    p_upper: Floats
    p_lower: Floats
    p: Floats
    q: Floats
    classes: NDArray[np.str_]
    p_method: str
    diagnostics: dict[str, Any]


@dataclass(frozen=True)
class Surroundings:
    """Sum and number of the neighbours of every cell within k steps, the cell itself left out."""

    k: int
    sums: NDArray[Any]
    sizes: Integers


def local_moran(
    values: ArrayLike,
    index: NeighborIndex,
    *,
    k: int | str = "auto",
    alpha: float = 0.05,
    p_method: str = "auto",
    simulations: int = 999,
    rng: np.random.Generator,
) -> LocalMoran:
    """Return clusters and outliers of values over a study area.

    I_i = (x_i - m) / m2 · Σ_j w_ij (x_j - m), with m the mean, m2 the variance (divided by n) of all values
    and w_ij = 1 / (number of neighbours).

    Parameters
    ----------
    values : array, shape (n,)
        Counts or other numbers per cell, in the order of the index; zeros are data.
    index : NeighborIndex
        Neighbourhoods of the study area.
    k : 1 … 10 or "auto"
        Neighbours are the cells within k steps; "auto" combines 1, 2 and 3.
    alpha : float
        False discovery rate up to which a cell is called.
    p_method : {"auto", "exact", "monte-carlo"}
        "auto" takes the exact p for whole numbers, Monte Carlo for others and where the tables would be too
        large.
    simulations : int
        Draws of the Monte Carlo; its smallest two-sided p is 2 / (1 + simulations).
    rng : numpy.random.Generator
        Used by Monte Carlo only.

    Returns
    -------
    LocalMoran
        All values equal, no neighbour, or all other cells neighbours: NaN and class "none", with the reason
        among the diagnostics.

    Raises
    ------
    InvalidParameter
        If a parameter is outside its range, or a value is not finite.
    TooFewObservations
        If there is no cell.

    References
    ----------
    Anselin (1995), Geographical Analysis 27(2), 93-115.

    Examples
    --------
    A middle cell with 6 and six around it with 0: m = 6/7, m2 = 36/7 - 36/49 = 216/49. The middle deviates
    by 36/7, its neighbours by -6/7: I = (36/7)(-6/7) / (216/49) = -1. A cell of the rim has three neighbours
    with the mean 2: I = (-6/7)(2 - 6/7) / (216/49) = -48/216.

    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> cells = disk([0x892A1358B17FFFF], 1)
    >>> values = 6 * (cells == 0x892A1358B17FFFF)
    >>> found = local_moran(values, neighbor_index(cells), k=1, rng=np.random.default_rng(0))
    >>> sorted(set(found.moran_i.round(4).tolist())), sorted(set(found.quadrant.tolist()))
    ([-1.0, -0.2222], ['HL', 'LH'])
    """
    x = checked_values(values, len(index), "local Moran")
    radii = checked_rings(k, alpha)
    _check_method(p_method, simulations)
    around = [surroundings(index, x, radius) for radius in radii]
    groups, method = _chosen_method(p_method, x, around)
    deviations = deviations_of(x)
    tails = _tails(x, around, groups, simulations, rng)
    judged = [_two_sided(upper, lower, deviations) for upper, lower in tails]
    best = best_scale(judged)
    p = judged[0] if len(judged) == 1 else truncated_cauchy(judged)
    q = benjamini_hochberg(p)
    sums, sizes = of_best([a.sums for a in around], best), of_best([a.sizes for a in around], best)
    moran_i = local_i(x, sums, sizes)
    quadrant = quadrants(x, deviations, sums, sizes)
    return LocalMoran(
        ring=np.array(radii, dtype=np.int8)[best],
        neighbors=sizes.astype(np.int32),
        moran_i=moran_i,
        quadrant=quadrant,
        p_upper=of_best([upper for upper, _ in tails], best),
        p_lower=of_best([lower for _, lower in tails], best),
        p=p,
        q=q,
        classes=np.where(q <= alpha, quadrant, "none"),
        p_method=method,
        diagnostics=_diagnostics(x, around, groups, p, k=k, alpha=alpha, simulations=simulations),
    )


def _check_method(p_method: str, simulations: int) -> None:
    if p_method not in P_METHODS:
        raise InvalidParameter(f"p_method must be one of {', '.join(P_METHODS)}, got {p_method!r}")
    if simulations < 1:
        raise InvalidParameter(f"at least 1 simulation is needed, got {simulations}")


def checked_rings(k: int | str, alpha: float) -> tuple[int, ...]:
    """Return the radii to be analysed.

    Raises
    ------
    InvalidParameter
        If k or alpha is outside its range.

    Examples
    --------
    >>> checked_rings("auto", 0.05), checked_rings(2, 0.05)
    ((1, 2, 3), (2,))
    """
    if not 0 < alpha < 1:
        raise InvalidParameter(f"alpha must lie between 0 and 1, got {alpha}")
    if k == "auto":
        return AUTO_RINGS
    if isinstance(k, str) or isinstance(k, bool) or k != int(k) or not 1 <= k <= MAX_K:
        raise InvalidParameter(f"k must be 1 to {MAX_K} or auto, got {k!r}")
    return (int(k),)


def surroundings(index: NeighborIndex, x: NDArray[Any], k: int) -> Surroundings:
    """Return sum and number of the cells within k steps of each, itself left out."""
    return Surroundings(k, disk_sums(index, x, k) - x, disk_sizes(index, k).astype(np.int64) - 1)


def _chosen_method(
    p_method: str, x: NDArray[Any], around: list[Surroundings]
) -> tuple[ValueGroups | None, str]:
    """Return the groups of equal values where p is to be exact, and the name of the method."""
    if p_method == "exact" and x.dtype.kind != "i":
        raise InvalidParameter("the exact p needs whole numbers, got others: choose monte-carlo")
    if p_method == "monte-carlo" or x.dtype.kind != "i":
        return None, "monte-carlo"
    groups = value_groups(x)
    if p_method == "exact" or are_other_laws_feasible(groups, *_extent(groups, around)):
        return groups, "exact"
    return None, "monte-carlo"


def _extent(groups: ValueGroups, around: list[Surroundings]) -> tuple[int, int]:
    """Return the largest number of neighbours, and the largest excess of their sum."""
    return (
        max(int(a.sizes.max()) for a in around),
        max(int((a.sums - a.sizes * groups.minimum).max()) for a in around),
    )


def deviations_of(x: NDArray[Any]) -> NDArray[Any]:
    """Return n (x - m), exactly for whole numbers; what is only rounding is 0."""
    deviations: NDArray[Any] = len(x) * x - x.sum()
    if x.dtype.kind == "f":
        deviations[np.abs(deviations) <= _TIE * len(x) * np.abs(x).max()] = 0
    return deviations


def _tails(
    x: NDArray[Any],
    around: list[Surroundings],
    groups: ValueGroups | None,
    simulations: int,
    rng: np.random.Generator,
) -> list[tuple[Floats, Floats]]:
    """Return for every scale P(sum >= observed) and P(sum <= observed), NaN where nothing can vary."""
    if is_constant(x):
        return [(np.full(len(x), np.nan),) * 2 for _ in around]
    if groups is None:
        tails = [conditional_p(a.sums, a.sizes, x, simulations=simulations, rng=rng) for a in around]
    else:
        tails = _exact_tails(x, around, groups)
    for (upper, lower), a in zip(tails, around, strict=True):
        untested = (a.sizes == 0) | (a.sizes >= len(x) - 1)
        upper[untested] = lower[untested] = np.nan
    return tails


def _exact_tails(
    x: NDArray[Any], around: list[Surroundings], groups: ValueGroups
) -> list[tuple[Floats, Floats]]:
    tails = [(np.empty(len(x)), np.empty(len(x))) for _ in around]
    which = np.searchsorted(groups.distinct, (x - groups.minimum) // groups.unit)
    order = np.argsort(which, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(groups.frequencies)])
    for number, law in other_sum_laws(groups, *_extent(groups, around)):
        cells = order[bounds[number] : bounds[number + 1]]
        for (upper, lower), a in zip(tails, around, strict=True):
            upper[cells], lower[cells] = law.tails(a.sums[cells], a.sizes[cells])
    return tails


def _two_sided(upper: Floats, lower: Floats, deviations: NDArray[Any]) -> Floats:
    p: Floats = np.minimum(1.0, 2 * np.minimum(upper, lower))
    return np.where((deviations == 0) & ~np.isnan(p), 1.0, p)


def local_i(x: NDArray[Any], sums: NDArray[Any], sizes: Integers) -> Floats:
    """Return I_i; NaN without a neighbour, or where all values are equal."""
    if is_constant(x):
        return np.full(len(x), np.nan)
    mean, variance = x.mean(), x.var()
    lag = np.full(len(x), np.nan)
    np.divide(sums, sizes, out=lag, where=sizes > 0)
    found: Floats = (x - mean) * (lag - mean) / variance
    return found


def quadrants(
    x: NDArray[Any], deviations: NDArray[Any], sums: NDArray[Any], sizes: Integers
) -> NDArray[np.str_]:
    """Return HH, HL, LH or LL: the cell, then the mean of its neighbours, above the mean (H) or not."""
    around = len(x) * sums - sizes * x.sum()
    if x.dtype.kind == "f":
        around[np.abs(around) <= _TIE * len(x) * sizes * np.abs(x).max()] = 0
    names = _QUADRANTS[2 * (deviations > 0) + (around > 0)]
    return np.where((sizes == 0) | is_constant(x), NO_QUADRANT, names)


def _diagnostics(
    x: NDArray[Any],
    around: list[Surroundings],
    groups: ValueGroups | None,
    p: Floats,
    *,
    k: int | str,
    alpha: float,
    simulations: int,
) -> dict[str, Any]:
    """Return what a reader needs to trust the result, in plain numbers and sentences."""
    n, n_tests = len(x), int((~np.isnan(p)).sum())
    mean, variance = float(x.mean()), float(x.var())
    found: dict[str, Any] = {
        "denominator": False,
        "n": n,
        "total": float(x.sum()) if x.dtype.kind == "f" else int(x.sum()),
        "zeros": int((x == 0).sum()),
        "mean": mean,
        "variance": variance,
        "dispersion": variance / mean if mean > 0 else None,
        "k": k,
        "rings": [a.k for a in around],
        "alpha": alpha,
        "p_method": "monte-carlo" if groups is None else "exact",
        "simulations": simulations if groups is None else None,
        "n_tests": n_tests,
        "smallest_p_needed": alpha / n_tests if n_tests else None,
        "smallest_attainable_p": _floor(around, groups, n, simulations) if n_tests else None,
        "expected_events_around": {a.k: mean * float(a.sizes.mean()) for a in around},
        "null_cells": _null_cells(x, around, p),
    }
    return found | {"warnings": _warnings(found)}


def _floor(around: list[Surroundings], groups: ValueGroups | None, n: int, simulations: int) -> float:
    """Return the smallest two-sided p that any arrangement of these values could give a cell."""
    if groups is None:
        return min(1.0, 2 / (1 + simulations))
    sizes = np.unique(np.concatenate([a.sizes for a in around]))
    sizes = sizes[(sizes > 0) & (sizes < n - 1)]
    floor = 1.0
    for number in range(len(groups.distinct)):
        others = groups.frequencies - (np.arange(len(groups.distinct)) == number)
        left = ValueGroups(groups.distinct, others, groups.minimum, groups.unit)
        floor = min(floor, 2 * min(smallest_attainable_p(left, sizes)))
    return floor


def _null_cells(x: NDArray[Any], around: list[Surroundings], p: Floats) -> dict[str, int]:
    """Return how many cells have no answer at all, by reason."""
    is_null = np.isnan(p)
    if not is_null.any():
        return {}
    if is_constant(x):
        return {"all values are equal": int(is_null.sum())}
    alone = np.all([a.sizes == 0 for a in around], axis=0)
    reasons = {
        "no neighbour in the study area": int((is_null & alone).sum()),
        "all other cells are neighbours": int((is_null & ~alone).sum()),
    }
    return {reason: count for reason, count in reasons.items() if count}


def _warnings(found: dict[str, Any]) -> list[str]:
    """Return the caveats as sentences."""
    sentences = [f"{count} cells have no answer: {why}." for why, count in found["null_cells"].items()]
    floor, needed = found["smallest_attainable_p"], found["smallest_p_needed"]
    if floor is not None and floor > found["alpha"]:
        sentences.append(
            f"Nothing could be confirmed: the smallest p that these values allow is {floor:.2g}, "
            f"above alpha {found['alpha']:g}."
        )
    elif floor is not None and floor > needed:
        remedy = " Raise simulations." if found["p_method"] == "monte-carlo" else ""
        sentences.append(
            f"The smallest attainable p is {floor:.2g}, a single cell needs {needed:.2g}: only "
            f"{int(np.ceil(floor / needed))} cells or more at that p can be confirmed, together.{remedy}"
        )
    widest = found["rings"][-1]
    around = found["expected_events_around"][widest]
    if found["n_tests"] and 0 <= around < 3:
        sentences.append(
            f"The neighbours of a cell hold {around:.2g} incidents on average: that none lies around it "
            "tells nothing, so low surroundings (LL, HL) cannot be confirmed. Choose a coarser resolution, "
            "a longer period or a larger k."
        )
    return sentences
