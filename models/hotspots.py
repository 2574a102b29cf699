"""Hotspots: Gi*, its p, the false discovery rate and the verdict, for every cell of a study area.

Composes `getis_ord`, `exact` and `significance`, and with a denominator `exposure`; `caveats` says what the
data could not have shown.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.caveats import diagnostics
from models.errors import InvalidParameter
from models.exact import DiskSumLaw, disk_sum_law, is_feasible, value_groups
from models.exposure import (
    DiskExpectation,
    Exposure,
    disk_expectation,
    exposure_of,
    exposure_risk,
    exposure_tails,
    exposure_z,
)
from models.getis_ord import KERNELS, gi_star_z, gi_star_z_weighted, is_constant
from models.rates import RelativeRisk
from models.scales import Scale, best_scale, edge_of, of_best, scale_of
from models.significance import (
    benjamini_hochberg,
    cauchy_combination,
    cauchy_scores,
    gi_bin,
    monte_carlo_p,
    normal_p,
    p_of_cauchy_scores,
)
from models.values import checked_values
from spatial.neighbors import MAX_K, NeighborIndex

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Tails = tuple[Floats, Floats]

AUTO_RINGS = (1, 2, 3)
SIDES = ("hot", "cold", "both")
P_METHODS = ("auto", "exact", "monte-carlo", "normal")
P_METHODS_WITH_DENOMINATOR = ("auto", "negative-binomial", "binomial", "normal")
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
        Gi*, or with a denominator (O - E) / sqrt(Var) of the disk; NaN where there is no answer.
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
        How p came about: "exact", "monte-carlo", "normal", "negative-binomial" or "binomial".
    expected : array of float
        Expected incidents of the cell itself; without a denominator the mean of all cells.
    relative_risk, rr_low, rr_high : array of float
        Risk in the disk of radius `ring` over the risk outside it, and its 95 % interval: exact for the share
        of the disk in all incidents, widened by the dispersion. NaN without a denominator, where the disk or
        what lies outside it expects nothing, and (ratio and upper end) where no incident lies outside.
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
    expected: Floats
    relative_risk: Floats
    rr_low: Floats
    rr_high: Floats
    diagnostics: dict[str, Any]


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
    expected: ArrayLike | None = None,
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
    p_method : {"auto", "exact", "monte-carlo", "normal", "negative-binomial", "binomial"}
        "auto" takes the exact permutation p for counts, Monte Carlo where weights or values are no whole
        numbers, where a value is negative, or where the exact table would be too large. With a denominator
        it is "negative-binomial"; "binomial", which knows no dispersion, and "normal" on request.
    expected : array, shape (n,), optional
        The denominator: what every cell should hold if the risk were the same everywhere; see
        `rates.expected_counts`. The values must be counts then, and the kernel uniform. The negative binomial
        p compares with the level that the ordinary cells keep (`level` among the diagnostics), z with what
        is given here.
    simulations : int
        Draws of the Monte Carlo; its smallest p is 1 / (1 + simulations).
    rng : numpy.random.Generator
        Used by Monte Carlo only.

    Returns
    -------
    Hotspots
        All values equal, or a disk that is the whole study area, or one that expects nothing: NaN and class
        "none", with the reason among the diagnostics.

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
    x = checked_values(values, len(index), "Gi*")
    radii = _checked_parameters(k, alpha, side, kernel, p_method, simulations, expected is not None)
    scales = [scale_of(index, x, radius, kernel) for radius in radii]
    law, exposure, disks = None, None, None
    if expected is not None:
        method = "negative-binomial" if p_method == "auto" else p_method
        exposure = exposure_of(x, expected, method)
        disks = [disk_expectation(index, exposure, scale) for scale in scales]
        tails = [
            exposure_tails(index, scale, exposure, disk) for scale, disk in zip(scales, disks, strict=True)
        ]
        evidence = _evidence(tails, side)
    else:
        method, law = _chosen_method(p_method, kernel, x, scales)
        if is_constant(x):
            evidence = _no_evidence(x)
        elif law is not None:
            evidence = _exact_evidence(law, x, scales, side)
        else:
            evidence = _evidence([_tails(scale, x, method, simulations, rng) for scale in scales], side)
    q = benjamini_hochberg(evidence.p)
    is_hot = np.full(len(x), side == "hot") if side != "both" else evidence.p_hot <= evidence.p_cold
    edges = [edge_of(index, scale) for scale in scales]
    risk = _risk(len(x), scales, exposure, disks, evidence.best)
    return Hotspots(
        ring=np.array(radii, dtype=np.int8)[evidence.best],
        neighbors=of_best([scale.sizes for scale in scales], evidence.best),
        edge=of_best(edges, evidence.best),
        z=_z(x, scales, exposure, disks, evidence.best),
        p_hot=evidence.p_hot,
        p_cold=evidence.p_cold,
        p=evidence.p,
        q=q,
        gi_bin=gi_bin(q, is_hot),
        classes=_CLASSES[np.where(q <= alpha, np.where(is_hot, 1, 2), 0)],
        p_method=method,
        expected=np.full(len(x), x.mean()) if exposure is None else exposure.expected,
        relative_risk=risk.value,
        rr_low=risk.low,
        rr_high=risk.high,
        diagnostics=diagnostics(
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
            exposure=exposure,
            disks=disks,
        )
        | {"kernel": kernel},
    )


def _checked_parameters(
    k: int | str,
    alpha: float,
    side: str,
    kernel: str,
    p_method: str,
    simulations: int,
    has_denominator: bool,
) -> tuple[int, ...]:
    """Return the radii to be analysed."""
    if p_method in NEED_A_DENOMINATOR and not has_denominator:
        raise InvalidParameter(
            f"p_method={p_method} needs a denominator (population or expected counts), got none; "
            f"choose one of {', '.join(P_METHODS)}"
        )
    if has_denominator and p_method in P_METHODS and p_method not in P_METHODS_WITH_DENOMINATOR:
        raise InvalidParameter(
            f"p_method={p_method} takes all cells for alike, which a denominator says they are not; "
            f"choose one of {', '.join(P_METHODS_WITH_DENOMINATOR)}"
        )
    if has_denominator and kernel in KERNELS and kernel != "uniform":
        raise InvalidParameter(f"a denominator needs the uniform kernel, got {kernel!r}")
    for name, value, allowed in (
        ("p_method", p_method, P_METHODS_WITH_DENOMINATOR if has_denominator else P_METHODS),
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


def _z(
    x: NDArray[Any],
    scales: list[Scale],
    exposure: Exposure | None,
    disks: list[DiskExpectation] | None,
    best: NDArray[np.int8],
) -> Floats:
    """Return the z-score of every cell at its best scale."""
    if exposure is None or disks is None:
        return _gi_star(x, scales, best)
    scores = [exposure_z(scale, exposure, disk) for scale, disk in zip(scales, disks, strict=True)]
    found: Floats = of_best(scores, best)
    return found


def _risk(
    n: int,
    scales: list[Scale],
    exposure: Exposure | None,
    disks: list[DiskExpectation] | None,
    best: NDArray[np.int8],
) -> RelativeRisk:
    """Return the relative risk of every cell's disk; NaN without a denominator."""
    if exposure is None or disks is None:
        nothing = np.full(n, np.nan)
        return RelativeRisk(nothing, nothing, nothing)
    return exposure_risk(scales, exposure, disks, best)


def _gi_star(x: NDArray[Any], scales: list[Scale], best: NDArray[np.int8]) -> Floats:
    """Return Gi* of every cell at its best scale; NaN where the disk is the whole study area."""
    sums, sizes = of_best([s.sums for s in scales], best), of_best([s.sizes for s in scales], best)
    if len(scales[0].weights) == 1:
        return gi_star_z(sums, sizes, x)
    sums_of_weights = of_best([s.weights @ s.ring_sizes for s in scales], best)
    sums_of_squares = of_best([s.weights**2 @ s.ring_sizes for s in scales], best)
    return np.where(sizes < len(x), gi_star_z_weighted(sums, sums_of_weights, sums_of_squares, x), np.nan)


def _chosen_method(
    p_method: str, kernel: str, x: NDArray[Any], scales: list[Scale]
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


def _no_evidence(x: NDArray[Any]) -> _Evidence:
    nothing = np.full(len(x), np.nan)
    return _Evidence(np.zeros(len(x), dtype=np.int8), nothing, nothing, nothing)


def _exact_evidence(law: DiskSumLaw, x: NDArray[Any], scales: list[Scale], side: str) -> _Evidence:
    """Look everything up in tables over (cells in the disk, sum): they are small, the study area is not."""
    upper, lower = law.upper.copy(), law.lower.copy()
    upper[len(x) :] = lower[len(x) :] = np.nan
    table = _one_p(upper, lower, side).ravel()
    spots = [law.spots(scale.sums, scale.sizes) for scale in scales]
    judged = [table[spot] for spot in spots]
    best = best_scale(judged)
    p = judged[0]
    if len(scales) > 1:
        scores = cauchy_scores(table)
        n_tested = sum((scale.sizes < len(x)).astype(np.int8) for scale in scales)
        p = p_of_cauchy_scores(np.sum([scores[spot] for spot in spots], axis=0), n_tested)
    at_best = of_best(spots, best)
    return _Evidence(best, upper.ravel()[at_best], lower.ravel()[at_best], p)


def _evidence(tails: list[Tails], side: str) -> _Evidence:
    """Judge both tails of every cell at every scale."""
    judged = [_one_p(p_hot, p_cold, side) for p_hot, p_cold in tails]
    best = best_scale(judged)
    p = judged[0] if len(tails) == 1 else cauchy_combination(judged)
    return _Evidence(best, of_best([t[0] for t in tails], best), of_best([t[1] for t in tails], best), p)


def _tails(
    scale: Scale, x: NDArray[Any], method: str, simulations: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    if method == "normal":
        return normal_p(_gi_star(x, [scale], np.zeros(len(x), dtype=np.int8)))
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
