"""Hotspots: Gi*, its p, the false discovery rate and the verdict, for every cell of a study area.

Composes `getis_ord`, `exact` and `significance`; it also says what the data could not have shown.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameter, TooFewObservations
from models.exact import DiskSumLaw, disk_sum_law, is_feasible, smallest_attainable_p, value_groups
from models.getis_ord import KERNELS, gi_star_z, gi_star_z_weighted, is_constant, kernel_weights
from models.significance import (
    benjamini_hochberg,
    cauchy_combination,
    cauchy_scores,
    gi_bin,
    monte_carlo_p,
    normal_p,
    p_of_cauchy_scores,
)
from spatial.neighbors import MAX_K, NeighborIndex, disk_sizes, disk_sums, full_disk_sizes, ring_sums

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

AUTO_RINGS = (1, 2, 3)
SIDES = ("hot", "cold", "both")
P_METHODS = ("auto", "exact", "monte-carlo", "normal")
NEED_A_DENOMINATOR = ("binomial", "negative-binomial")
_CLASSES = np.array(["none", "hot", "cold"])


@dataclass(frozen=True)
class Hotspots:
    """The verdict on every cell, in the order of the cells.

    Attributes
    ----------
    ring : array of int
        The k that the figures of the cell refer to; with k="auto" the one with the smallest p.
    neighbors : array of int
        Cells in its disk inside the study area, itself included.
    edge : array of bool
        Whether a cell of the full disk lies outside the study area.
    z : array of float
        Gi*; NaN where there is no answer.
    p_hot, p_cold : array of float
        One-sided p at `ring`; NaN where the cell was not tested.
    p : array of float
        The p that is judged: one-sided for side "hot" or "cold", min(1, 2 min(p_hot, p_cold)) for "both",
        combined over the rings for k="auto".
    q : array of float
        Benjamini-Hochberg of `p` over all tested cells.
    gi_bin : array of int
        -3 … 3 for display, from q at .01, .05, .10.
    classes : array of str
        "hot", "cold" or "none".
    p_method : str
        How p came about: "exact", "monte-carlo" or "normal".
    diagnostics : dict
        What a reader needs to trust the above; `warnings` holds sentences.
    """

    ring: NDArray[np.int8]
    neighbors: NDArray[np.int32]
    edge: Mask
    z: Floats
    p_hot: Floats
    p_cold: Floats
    p: Floats
    q: Floats
    gi_bin: NDArray[np.int8]
    classes: NDArray[np.str_]
    p_method: str
    diagnostics: dict[str, Any]


@dataclass(frozen=True)
class _Scale:
    """Disks of one radius: sums, sizes, cells by ring and weights of the rings; one "ring" if uniform."""

    k: int
    sums: NDArray[Any]
    sizes: NDArray[np.int32]
    ring_sizes: NDArray[np.integer]
    weights: Floats


@dataclass(frozen=True)
class _Evidence:
    """For every cell: its best scale, both tails there, and the p that is judged."""

    best: NDArray[np.int8]
    p_hot: Floats
    p_cold: Floats
    p: Floats


def hotspots(
    values: ArrayLike,
    index: NeighborIndex,
    *,
    k: int | str = "auto",
    alpha: float = 0.05,
    side: str = "hot",
    kernel: str = "uniform",
    p_method: str = "auto",
    simulations: int = 999,
    rng: np.random.Generator,
) -> Hotspots:
    """Return the hotspots of counts over a study area.

    Parameters
    ----------
    values : array, shape (n,)
        Incidents (or their weight) per cell, in the order of the index; zeros are data.
    index : NeighborIndex
        Neighbourhoods of the study area.
    k : 1 … 10 or "auto"
        Radius of the disk in steps; "auto" combines 1, 2 and 3.
    alpha : float
        False discovery rate up to which a cell is called hot or cold.
    side : {"hot", "cold", "both"}
        What is looked for.
    kernel : {"uniform", "triangular", "quartic", "gaussian"}
        How weights fall off with the steps from the cell.
    p_method : {"auto", "exact", "monte-carlo", "normal"}
        "auto" takes the exact permutation p for counts, Monte Carlo where weights or values are no whole
        numbers, where a value is negative, or where the exact table would be too large.
    simulations : int
        Draws of the Monte Carlo; its smallest p is 1 / (1 + simulations).
    rng : numpy.random.Generator
        Used by Monte Carlo only.

    Returns
    -------
    Hotspots
        All values equal, or a disk that is the whole study area: NaN and class "none", with the reason among
        the diagnostics.

    Raises
    ------
    InvalidParameter
        If a parameter is outside its range, or a value is not finite.
    TooFewObservations
        If there is no cell.

    References
    ----------
    Ord and Getis (1995), Geographical Analysis 27(4), 286-306.
    Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57(1), 289-300.

    Examples
    --------
    Nine incidents in each of the seven cells around one cell, none in the other 162.

    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> cells = disk([0x892A1358B17FFFF], 7)
    >>> values = 9 * np.isin(cells, disk([0x892A1358B17FFFF], 1))
    >>> found = hotspots(values, neighbor_index(cells), k=1, side="hot", rng=np.random.default_rng(0))
    >>> int((found.classes == "hot").sum()), found.p_method
    (7, 'exact')
    """
    x = _checked_values(values, index)
    radii = _checked_parameters(k, alpha, side, kernel, p_method, simulations)
    scales = [_scale(index, x, radius, kernel) for radius in radii]
    method, law = _chosen_method(p_method, kernel, x, scales)
    if is_constant(x):
        evidence = _no_evidence(x, scales)
    elif law is not None:
        evidence = _exact_evidence(law, x, scales, side)
    else:
        evidence = _simple_evidence(x, scales, side, method, simulations, rng)
    q = benjamini_hochberg(evidence.p)
    is_hot = np.full(len(x), side == "hot") if side != "both" else evidence.p_hot <= evidence.p_cold
    edges = [_edge(index, scale) for scale in scales]
    return Hotspots(
        ring=np.array(radii, dtype=np.int8)[evidence.best],
        neighbors=_of_best([scale.sizes for scale in scales], evidence.best),
        edge=_of_best(edges, evidence.best),
        z=_z(x, scales, evidence.best),
        p_hot=evidence.p_hot,
        p_cold=evidence.p_cold,
        p=evidence.p,
        q=q,
        gi_bin=gi_bin(q, is_hot),
        classes=_CLASSES[np.where(q <= alpha, np.where(is_hot, 1, 2), 0)],
        p_method=method,
        diagnostics=_diagnostics(
            x,
            scales,
            edges,
            evidence.p,
            k=k,
            method=method,
            law=law,
            side=side,
            alpha=alpha,
            simulations=simulations,
        )
        | {"kernel": kernel},
    )


def _checked_values(values: ArrayLike, index: NeighborIndex) -> NDArray[Any]:
    """Return whole numbers as int64, others as float64."""
    x = np.asarray(values)
    if x.shape != (len(index),):
        raise InvalidParameter(f"one value for each of {len(index)} cells was needed, got shape {x.shape}")
    if not len(x):
        raise TooFewObservations("Gi* needs at least 1 cell, got 0")
    if x.dtype.kind in "iub":
        return x.astype(np.int64, copy=False)
    x = x.astype(np.float64, copy=False)
    if not np.isfinite(x).all():
        raise InvalidParameter(f"finite values were needed, got {int((~np.isfinite(x)).sum())} that are not")
    is_whole = bool((x == np.rint(x)).all()) and float(np.abs(x).max()) < 2**53
    return x.astype(np.int64) if is_whole else x


def _checked_parameters(
    k: int | str, alpha: float, side: str, kernel: str, p_method: str, simulations: int
) -> tuple[int, ...]:
    """Return the radii to be analysed."""
    if p_method in NEED_A_DENOMINATOR:
        raise InvalidParameter(
            f"p_method={p_method} needs a denominator (population or expected counts), "
            f"which is not offered yet; choose one of {', '.join(P_METHODS)}"
        )
    for name, value, allowed in (
        ("p_method", p_method, P_METHODS),
        ("side", side, SIDES),
        ("kernel", kernel, tuple(KERNELS)),
    ):
        if value not in allowed:
            raise InvalidParameter(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    if p_method == "exact" and kernel != "uniform":
        raise InvalidParameter(f"the exact p needs the uniform kernel, got {kernel!r}: choose monte-carlo")
    if not 0 < alpha < 1:
        raise InvalidParameter(f"alpha must lie between 0 and 1, got {alpha}")
    if simulations < 1:
        raise InvalidParameter(f"at least 1 simulation is needed, got {simulations}")
    if k == "auto":
        return AUTO_RINGS
    if isinstance(k, str) or isinstance(k, bool) or k != int(k) or not 1 <= k <= MAX_K:
        raise InvalidParameter(f"k must be 1 to {MAX_K} or auto, got {k!r}")
    return (int(k),)


def _scale(index: NeighborIndex, x: NDArray[Any], k: int, kernel: str) -> _Scale:
    sizes = disk_sizes(index, k)
    if kernel == "uniform":
        return _Scale(k, disk_sums(index, x, k), sizes, sizes[None, :], np.ones(1))
    weights = kernel_weights(kernel, k)
    ring_sizes = ring_sums(index, np.ones(len(x), dtype=np.int64), k).astype(np.int64, copy=False)
    return _Scale(k, weights @ ring_sums(index, x, k), sizes, ring_sizes, weights)


def _edge(index: NeighborIndex, scale: _Scale) -> Mask:
    return scale.sizes < full_disk_sizes(index, scale.k)


def _z(x: NDArray[Any], scales: list[_Scale], best: NDArray[np.int8]) -> Floats:
    """Return Gi* of every cell at its best scale; NaN where the disk is the whole study area."""
    sums, sizes = _of_best([s.sums for s in scales], best), _of_best([s.sizes for s in scales], best)
    if len(scales[0].weights) == 1:
        return gi_star_z(sums, sizes, x)
    sums_of_weights = _of_best([s.weights @ s.ring_sizes for s in scales], best)
    sums_of_squares = _of_best([s.weights**2 @ s.ring_sizes for s in scales], best)
    return np.where(sizes < len(x), gi_star_z_weighted(sums, sums_of_weights, sums_of_squares, x), np.nan)


def _chosen_method(
    p_method: str, kernel: str, x: NDArray[Any], scales: list[_Scale]
) -> tuple[str, DiskSumLaw | None]:
    """Return the method in use, and the exact law if that is it."""
    if p_method in ("normal", "monte-carlo"):
        return p_method, None
    is_count = x.dtype.kind == "i" and int(x.min()) >= 0
    if p_method == "exact" and not is_count:
        raise InvalidParameter("the exact p needs counts, got values that are negative or no whole numbers")
    if not is_count or kernel != "uniform":
        return "monte-carlo", None
    max_size = max(int(scale.sizes.max()) for scale in scales)
    groups = value_groups(x)
    max_excess = max(int((scale.sums - scale.sizes * groups.minimum).max()) for scale in scales)
    if p_method == "exact" or is_feasible(groups, max_size, max_excess):
        return "exact", disk_sum_law(groups, max_size, max_excess)
    return "monte-carlo", None


def _no_evidence(x: NDArray[Any], scales: list[_Scale]) -> _Evidence:
    nothing = np.full(len(x), np.nan)
    return _Evidence(np.zeros(len(x), dtype=np.int8), nothing, nothing, nothing)


def _exact_evidence(law: DiskSumLaw, x: NDArray[Any], scales: list[_Scale], side: str) -> _Evidence:
    """Look everything up in tables over (cells in the disk, sum): they are small, the study area is not."""
    upper, lower = law.upper.copy(), law.lower.copy()
    upper[len(x) :] = lower[len(x) :] = np.nan
    table = _one_p(upper, lower, side).ravel()
    spots = [law.spots(scale.sums, scale.sizes) for scale in scales]
    judged = [table[spot] for spot in spots]
    best = _best(judged)
    p = judged[0]
    if len(scales) > 1:
        scores = cauchy_scores(table)
        n_tested = sum((scale.sizes < len(x)).astype(np.int8) for scale in scales)
        p = p_of_cauchy_scores(np.sum([scores[spot] for spot in spots], axis=0), n_tested)
    at_best = _of_best(spots, best)
    return _Evidence(best, upper.ravel()[at_best], lower.ravel()[at_best], p)


def _simple_evidence(
    x: NDArray[Any],
    scales: list[_Scale],
    side: str,
    method: str,
    simulations: int,
    rng: np.random.Generator,
) -> _Evidence:
    """Work out both tails of every cell, by simulation or by normal theory."""
    tails = [_tails(scale, x, method, simulations, rng) for scale in scales]
    judged = [_one_p(p_hot, p_cold, side) for p_hot, p_cold in tails]
    best = _best(judged)
    p = judged[0] if len(scales) == 1 else cauchy_combination(judged)
    return _Evidence(best, _of_best([t[0] for t in tails], best), _of_best([t[1] for t in tails], best), p)


def _tails(
    scale: _Scale, x: NDArray[Any], method: str, simulations: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    if method == "normal":
        return normal_p(_z(x, [scale], np.zeros(len(x), dtype=np.int8)))
    p_hot, p_cold = monte_carlo_p(
        scale.sums, scale.ring_sizes, scale.weights, x, simulations=simulations, rng=rng
    )
    untested = scale.sizes >= len(x)
    return np.where(untested, np.nan, p_hot), np.where(untested, np.nan, p_cold)


def _one_p(p_hot: Floats, p_cold: Floats, side: str) -> Floats:
    if side == "hot":
        return p_hot
    if side == "cold":
        return p_cold
    both: Floats = np.minimum(1.0, 2 * np.minimum(p_hot, p_cold))
    return both


def _best(judged: list[Floats]) -> NDArray[np.int8]:
    """Return which scale has the smallest p, the first of equals; NaN never wins over a number."""
    best = np.zeros(len(judged[0]), dtype=np.int8)
    smallest = judged[0]
    for number, p in enumerate(judged[1:], start=1):
        best[(p < smallest) | (np.isnan(smallest) & ~np.isnan(p))] = number
        smallest = np.fmin(smallest, p)
    return best


def _of_best(arrays: list[Any], best: NDArray[np.int8]) -> Any:
    """Return for every cell the entry of its best scale."""
    chosen = arrays[0]
    for number, array in enumerate(arrays[1:], start=1):
        chosen = np.where(best == number, array, chosen)
    return chosen


def _diagnostics(
    x: NDArray[Any],
    scales: list[_Scale],
    edges: list[Mask],
    p: Floats,
    *,
    k: int | str,
    method: str,
    law: DiskSumLaw | None,
    side: str,
    alpha: float,
    simulations: int,
) -> dict[str, Any]:
    """Return what a reader needs to trust the result, in plain numbers and sentences."""
    n, n_tests = len(x), int((~np.isnan(p)).sum())
    mean, variance = float(x.mean()), float(x.var())
    found: dict[str, Any] = {
        "n": n,
        "total": float(x.sum()) if x.dtype.kind == "f" else int(x.sum()),
        "zeros": int((x == 0).sum()),
        "mean": mean,
        "variance": variance,
        "dispersion": variance / mean if mean > 0 else None,
        "k": k,
        "rings": [scale.k for scale in scales],
        "side": side,
        "alpha": alpha,
        "p_method": method,
        "simulations": simulations if method == "monte-carlo" else None,
        "n_tests": n_tests,
        "smallest_p_needed": alpha / n_tests if n_tests else None,
        "smallest_attainable_p": _floor(x, scales, method, side, simulations) if n_tests else None,
        "expected_events_per_disk": {scale.k: mean * float(scale.sizes.mean()) for scale in scales},
        "confirmed_alone_at": _confirmed_alone_at(x, scales, law, alpha / n_tests if n_tests else 0.0),
        "share_on_edge": {s.k: float(e.mean()) for s, e in zip(scales, edges, strict=True)},
        "null_cells": _null_cells(x, n - n_tests),
    }
    return found | {"warnings": _warnings(found)}


def _floor(x: NDArray[Any], scales: list[_Scale], method: str, side: str, simulations: int) -> float | None:
    """Return the smallest p that any map with these values could give a cell; None for the normal p."""
    if method == "normal":
        return None
    if method == "monte-carlo":
        return min(1.0, (2.0 if side == "both" else 1.0) / (1 + simulations))
    sizes = {int(c) for scale in scales for c in np.flatnonzero(np.bincount(scale.sizes)) if c < len(x)}
    hot, cold = smallest_attainable_p(value_groups(x), sorted(sizes))
    return {"hot": hot, "cold": cold, "both": min(1.0, 2 * min(hot, cold))}[side]


def _confirmed_alone_at(
    x: NDArray[Any], scales: list[_Scale], law: DiskSumLaw | None, needed: float
) -> dict[int, int | None]:
    """Return the incidents that call a full disk hot on their own; None if no sum seen is enough."""
    if law is None or needed <= 0:
        return {}
    found: dict[int, int | None] = {}
    for scale in scales:
        c = int(scale.sizes.max())
        enough = np.flatnonzero(law.upper[c] <= needed)
        found[scale.k] = int(enough[0]) * law.unit + c * law.minimum if len(enough) and c < len(x) else None
    return found


def _null_cells(x: NDArray[Any], n_null: int) -> dict[str, int]:
    """Return how many cells have no answer at all, by reason."""
    if not n_null:
        return {}
    return {"all values are equal" if is_constant(x) else "the disk is the whole study area": n_null}


def _warnings(found: dict[str, Any]) -> list[str]:
    """Return the caveats as sentences."""
    sentences = ["No denominator was given: the map shows where incidents are, not where risk is."]
    sentences += [f"{count} cells have no answer: {why}." for why, count in found["null_cells"].items()]
    mean, widest = found["mean"], found["rings"][-1]
    per_disk = found["expected_events_per_disk"][widest]
    if found["n_tests"] and per_disk < 1:
        sentences.append(
            f"A disk of radius {widest} holds {per_disk:.2g} incidents on average: too few to find anything "
            "but strong concentrations. Choose a coarser resolution, a longer period or a larger k."
        )
    if found["n_tests"] and 0 <= mean < 0.2:
        sentences.append(
            f"At {mean:.2g} incidents a cell, places with twice the risk are not found at all; "
            "a map without hotspots does not show that there are none."
        )
    sentences += _floor_warnings(found)
    if found["p_method"] == "normal":
        sentences.append(
            "The normal p calls false hotspots on sparse or overdispersed counts; prefer the exact p."
        )
    edge = found["share_on_edge"][widest]
    if edge > 0.2:
        sentences.append(f"{edge:.0%} of the cells lack a part of their disk at the edge of the study area.")
    return sentences


def _floor_warnings(found: dict[str, Any]) -> list[str]:
    floor, needed = found["smallest_attainable_p"], found["smallest_p_needed"]
    if floor is None or needed is None or floor <= needed:
        return []
    if floor > found["alpha"]:
        return [
            f"Nothing could be confirmed: the smallest p that these values allow is {floor:.2g}, "
            f"above alpha {found['alpha']:g}."
        ]
    n_together = int(np.ceil(floor / needed))
    remedy = " Raise simulations." if found["p_method"] == "monte-carlo" else ""
    return [
        f"The smallest attainable p is {floor:.2g}, a single cell needs {needed:.2g}: "
        f"only {n_together} cells or more at that p can be confirmed, together.{remedy}"
    ]
