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
from models.significance import benjamini_hochberg, cauchy_combination, gi_bin, monte_carlo_p, normal_p
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
    """Sums and sizes of the disks of one radius; `weighted` where the kernel is not uniform."""

    k: int
    sums: NDArray[Any]
    sizes: NDArray[np.int32]
    edge: Mask
    z: Floats
    ring_sizes: NDArray[np.int64] | None
    weights: Floats | None


@dataclass(frozen=True)
class _Tails:
    p_hot: Floats
    p_cold: Floats


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
    constant = is_constant(x)
    tails = [_tails(scale, x, method, law, simulations, rng, constant) for scale in scales]
    judged = np.stack([_one_p(tail, side) for tail in tails])
    p = judged[0] if len(scales) == 1 else cauchy_combination(judged)
    best = np.argmin(np.where(np.isnan(judged), np.inf, judged), axis=0)

    p_hot, p_cold = _of_best([t.p_hot for t in tails], best), _of_best([t.p_cold for t in tails], best)
    q = benjamini_hochberg(p)
    is_hot = np.full(len(x), side == "hot") if side != "both" else p_hot <= p_cold
    flagged = q <= alpha
    return Hotspots(
        ring=np.array(radii, dtype=np.int8)[best],
        neighbors=_of_best([s.sizes for s in scales], best),
        edge=_of_best([s.edge for s in scales], best),
        z=_of_best([s.z for s in scales], best),
        p_hot=p_hot,
        p_cold=p_cold,
        p=p,
        q=q,
        gi_bin=gi_bin(q, is_hot),
        classes=_CLASSES[np.where(flagged, np.where(is_hot, 1, 2), 0)],
        p_method=method,
        diagnostics=_diagnostics(
            x, scales, judged, p, k=k, method=method, law=law, side=side, alpha=alpha, simulations=simulations
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
    edge = sizes < full_disk_sizes(index, k)
    if kernel == "uniform":
        sums = disk_sums(index, x, k)
        return _Scale(k, sums, sizes, edge, gi_star_z(sums, sizes, x), None, None)
    weights = kernel_weights(kernel, k)
    ring_sizes = ring_sums(index, np.ones(len(x), dtype=np.int64), k).astype(np.int64, copy=False)
    sums = weights @ ring_sums(index, x, k)
    z = gi_star_z_weighted(sums, weights @ ring_sizes, weights**2 @ ring_sizes, x)
    return _Scale(k, sums, sizes, edge, np.where(sizes < len(x), z, np.nan), ring_sizes, weights)


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


def _tails(
    scale: _Scale,
    x: NDArray[Any],
    method: str,
    law: DiskSumLaw | None,
    simulations: int,
    rng: np.random.Generator,
    constant: bool,
) -> _Tails:
    """Return both one-sided p, NaN where there is nothing to test."""
    if constant:
        nothing = np.full(len(x), np.nan)
        return _Tails(nothing, nothing)
    if method == "normal":
        return _Tails(*normal_p(scale.z))
    if law is not None:
        p_hot, p_cold = law.tails(scale.sums, scale.sizes)
    else:
        ring_sizes = scale.sizes[None, :] if scale.ring_sizes is None else scale.ring_sizes
        weights = np.ones(1) if scale.weights is None else scale.weights
        p_hot, p_cold = monte_carlo_p(scale.sums, ring_sizes, weights, x, simulations=simulations, rng=rng)
    untested = scale.sizes >= len(x)
    if untested.any():
        p_hot[untested] = p_cold[untested] = np.nan
    return _Tails(p_hot, p_cold)


def _one_p(tails: _Tails, side: str) -> Floats:
    if side == "hot":
        return tails.p_hot
    if side == "cold":
        return tails.p_cold
    both: Floats = np.minimum(1.0, 2 * np.minimum(tails.p_hot, tails.p_cold))
    return both


def _of_best(arrays: list[Any], best: NDArray[np.int64]) -> Any:
    """Return for every cell the entry of its best ring."""
    return arrays[0] if len(arrays) == 1 else np.choose(best, arrays)


def _diagnostics(
    x: NDArray[Any],
    scales: list[_Scale],
    judged: Floats,
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
        "share_on_edge": {scale.k: float(scale.edge.mean()) for scale in scales},
        "null_cells": _null_cells(x, scales, judged),
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


def _null_cells(x: NDArray[Any], scales: list[_Scale], judged: Floats) -> dict[str, int]:
    """Return how many cells have no answer at all, by reason."""
    n_null = int(np.isnan(judged).all(axis=0).sum())
    if not n_null:
        return {}
    if is_constant(x):
        return {"all values are equal": n_null}
    return {"the disk is the whole study area": n_null}


def _warnings(found: dict[str, Any]) -> list[str]:
    """Return the caveats as sentences."""
    sentences = ["No denominator was given: the map shows where incidents are, not where risk is."]
    sentences += [f"{count} cells have no answer: {why}." for why, count in found["null_cells"].items()]
    mean, widest = found["mean"], found["rings"][-1]
    per_disk = found["expected_events_per_disk"][widest]
    if found["n_tests"] and per_disk < 1:
        sentences.append(
            f"A disk of radius {widest} holds {per_disk:.2g} incidents on average: too few to find anything but "
            "strong concentrations. Choose a coarser resolution, a longer period or a larger k."
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
