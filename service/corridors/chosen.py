"""Which stretches are the corridors: those that stand out by chance's measure, or the largest excess."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from models.corridor_choice import chosen_corridors
from models.corridor_scan import CorridorScan, corridor_scan, family_wise_p
from models.corridor_windows import FEWEST_INCIDENTS, Score
from models.empirical_bayes import empirical_bayes, window_sums
from models.errors import ModelError
from models.next_period import expected_next
from models.severity import CODES, WeightTable, pooled_ka, severity_counts, weights
from models.spf import FEWEST_FOR_CLASSES, Spf, fitted_spf
from service.analyses.findings import Progress, replicates_told
from service.corridors.streets import Streets
from service.parameters import CorridorsInputs

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# Crashes of a severity with fewer than this have no expectation of their own: they go with the next milder.
_FEWEST_OF_A_GROUP = 100


@dataclass(frozen=True)
class Exposure:
    """What crashes are predicted and expected per lixel.

    `y` are those that the measure counts, `mu` what is predicted (SPF), `expected` the empirical Bayes
    estimate, `excess` the second less the first. `ahead` is the estimate that also knows the street before
    and behind a piece. `gain` is what select=excess gathers: `ahead` less what as much of an average street
    would hold, or `excess`; where severities are weighted the sum of theirs.
    """

    y: Ints
    mu: Floats
    expected: Floats
    excess: Floats
    variance: Floats
    ahead: Floats
    gain: Floats
    k: float
    exposure: str | None
    told: dict[str, Any]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Chosen:
    """Stretches of lixels first … last - 1 in the order of their ranks, arrays of one length.

    `p` is NaN where none can be given; `is_intersection` are single spots, which have no rank.
    """

    route: Ints
    first: Ints
    last: Ints
    llr: Floats
    p: Floats
    p_source: list[str | None]
    stability: Floats
    is_intersection: Mask
    scan: CorridorScan
    told: dict[str, Any]

    def __len__(self) -> int:
        return len(self.route)


def exposure_of(
    streets: Streets, lixel: Ints, severity: npt.NDArray[np.str_], counted: Mask, inputs: CorridorsInputs
) -> Exposure:
    """Return what is predicted and expected of every lixel from the crashes on it.

    `lixel` is that of every crash, -1 for those that take no part; `counted` are those of the measure.
    """
    n = len(streets.lixels.route)
    on = lixel >= 0
    y = np.bincount(lixel[on & counted], minlength=n).astype(np.int64)
    if not y.any():
        none = np.zeros(n)
        return Exposure(y, none, none, none, none, none, none, 0.0, None, {"exposure": None, "k_lixel": None})
    spf = _spf(streets, y)
    eb = empirical_bayes(spf.mu, y, spf.k)
    ahead = _ahead(streets, y, spf)
    gain = eb.excess if inputs.excess_over == "kind" else _beyond_average(streets, ahead)
    told: dict[str, Any] = {"exposure": spf.exposure, "k_lixel": spf.k, "spf": spf.coefficients}
    if table := weights_of(inputs):
        gain, told["weights"] = _weighed(streets, lixel, severity, table, inputs.excess_over)
    return Exposure(
        y=y,
        mu=spf.mu,
        expected=eb.expected,
        excess=eb.excess,
        variance=eb.variance,
        ahead=ahead,
        gain=gain,
        k=spf.k,
        exposure=spf.exposure,
        told=told,
        notes=list(spf.notes),
    )


def _ahead(streets: Streets, y: Ints, spf: Spf) -> Floats:
    """Return what to expect of each piece in a period as long as the one seen."""
    lixels = streets.lixels
    return expected_next(y, spf.mu, lixels.route, lixels.length_m, k=spf.k).expected


def _beyond_average(streets: Streets, ahead: Floats) -> Floats:
    """Return what to expect of each piece less what as much of an average street holds.

    Under a budget of length, taking that off changes no choice: the stretches are those that will hold most
    crashes.
    """
    length = streets.lixels.length_m
    return np.asarray(ahead - ahead.sum() * length / length.sum(), dtype=np.float64)


def weights_of(inputs: CorridorsInputs) -> WeightTable | None:
    """Return the weights that the measure names; None where it counts crashes."""
    if isinstance(inputs.measure, str) and inputs.measure in ("all", "injury", "ksi"):
        return None
    return weights(inputs.measure)


def _spf(streets: Streets, y: Ints) -> Spf:
    lixels = streets.lixels
    return fitted_spf(
        y,
        lixels.length_m,
        road_class=lixels.road_class,
        aadt=lixels.aadt if np.isfinite(lixels.aadt).any() else None,
        junctions=lixels.junctions,
    )


def _weighed(
    streets: Streets, lixel: Ints, severity: npt.NDArray[np.str_], table: WeightTable, over: str
) -> tuple[Floats, dict[str, Any]]:
    """Return the excess in weights: that of each severity by itself, times its weight, in a sum.

    Severities with few crashes join the next milder one, at the mean weight of both, as K and A always do.
    """
    on = lixel >= 0
    n = len(streets.lixels.route)
    counts = severity_counts(severity[on], lixel[on], n)
    table = _pooled(table, counts)
    gain, told = np.zeros(n), []
    for codes in _groups(table.weights, counts.sum(axis=0)):
        member = [CODES.index(code) for code in codes]
        y = counts[:, member].sum(axis=1)
        weight = float(counts[:, member].sum(axis=0) @ table.weights[member] / y.sum())
        spf = _spf(streets, y)
        if over == "kind":
            gain += weight * empirical_bayes(spf.mu, y, spf.k).excess
        else:
            gain += weight * _beyond_average(streets, _ahead(streets, y, spf))
        told.append({"severities": "".join(codes), "crashes": int(y.sum()), "weight": round(weight, 6)})
    return gain, {"table": table.name, "groups": told}


def _pooled(table: WeightTable, counts: npt.NDArray[np.int64]) -> WeightTable:
    """Return the table with K and A at their common mean, where there is any such crash."""
    try:
        return pooled_ka(table, counts)
    except ModelError:
        return table


def _groups(weight: Floats, total: Ints) -> list[list[str]]:
    """Return severities that are judged together, worst first; none without weight or crashes."""
    groups: list[list[str]] = []
    gathered = 0
    for code in ("K", "A", "B", "C", "O", "U"):
        place = CODES.index(code)
        if weight[place] <= 0 or not total[place]:
            continue
        starts_anew = not groups or (gathered >= _FEWEST_OF_A_GROUP and code != "A")
        if starts_anew:
            groups.append([])
            gathered = 0
        groups[-1].append(code)
        gathered += int(total[place])
    if len(groups) > 1 and gathered < _FEWEST_OF_A_GROUP:
        last = groups.pop()
        groups[-1] += last
    return groups


def chosen(
    streets: Streets,
    exposure: Exposure,
    location: tuple[Ints, Ints],
    inputs: CorridorsInputs,
    progress: Progress,
) -> Chosen:
    """Return the corridors. `location` is lixel and place of every crash that counts."""
    scan = _scanned(streets, exposure, location, inputs, progress)
    if inputs.select == "excess":
        progress("choosing the stretches with the largest excess")
        return _by_excess(streets, exposure, scan, inputs)
    return Chosen(
        scan.route,
        scan.first,
        scan.last,
        scan.llr,
        scan.p,
        [str(one) for one in scan.p_source],
        scan.stability,
        scan.is_intersection,
        scan,
        {"select": "scan"},
    )


def _scanned(
    streets: Streets,
    exposure: Exposure,
    location: tuple[Ints, Ints],
    inputs: CorridorsInputs,
    progress: Progress,
) -> CorridorScan:
    """Return the scan; an empty one with its reason where too few crashes tell how risks differ anyway."""
    lixels, total = streets.lixels, int(exposure.y.sum())
    progress(f"scanning {len(lixels.route):,} pieces of road")
    is_enough = total >= FEWEST_FOR_CLASSES
    scan = corridor_scan(
        exposure.y if is_enough else np.zeros_like(exposure.y),
        exposure.mu,
        lixels.route,
        lixels.length_m,
        location=location if is_enough else None,
        min_length_m=inputs.min_length_m,
        max_length_m=inputs.max_length_m,
        null_model=inputs.null_model,
        alpha=inputs.alpha,
        simulations=inputs.simulations,
        rng=np.random.default_rng(inputs.seed),
        progress=replicates_told(progress, "scanning simulated networks", inputs.simulations),
    )
    if is_enough or not total:
        return scan
    reason = (
        f"{total} crashes are too few to tell how much the risks of ordinary streets differ; at least"
        f" {FEWEST_FOR_CLASSES} are needed"
    )
    return replace(scan, reason=reason, diagnostics={**scan.diagnostics, "incidents": total})


def _by_excess(streets: Streets, exposure: Exposure, scan: CorridorScan, inputs: CorridorsInputs) -> Chosen:
    """Return the stretches that gather the largest excess; each is held against the scan's maps too."""
    lixels = streets.lixels
    budget_m = inputs.length_share * streets.length_m
    found = chosen_corridors(
        exposure.gain,
        lixels.route,
        lixels.length_m,
        budget_m=budget_m,
        min_length_m=inputs.min_length_m,
        max_length_m=inputs.max_length_m,
    )
    useful = found.gain > 0
    order = np.flatnonzero(useful)[np.lexsort((found.first[useful], -found.gain[useful].round(9)))]
    first, last = found.first[order], found.last[order]
    llr, p, source = _tested(exposure, scan, first, last)
    told: Mapping[str, Any] = {
        "select": "excess",
        "excess_over": inputs.excess_over,
        "budget_m": round(budget_m, 1),
        "chosen_m": round(float(found.length_m[order].sum()), 1),
        "chosen_gain": float(found.gain[order].sum()),
        "best_possible_gain": float(found.bound),
        "gap": float(found.gap),
    }
    none = np.full(len(order), np.nan)
    return Chosen(
        lixels.route[first],
        first,
        last,
        llr,
        p,
        source,
        none,
        np.zeros(len(order), dtype=np.bool_),
        scan,
        dict(told),
    )


def _tested(
    exposure: Exposure, scan: CorridorScan, first: Ints, last: Ints
) -> tuple[Floats, Floats, list[str | None]]:
    """Return score and family-wise p of given stretches, 0 and 1 for those that no scan looks at."""
    total = int(exposure.y.sum())
    if not len(scan.maxima):
        none = np.full(len(first), np.nan)
        return none, none, [None] * len(first)
    count, mean = window_sums(exposure.y, first, last), window_sums(exposure.mu, first, last)
    # Differences of running sums round: n pieces that sum to E have squares of E² / n to E².
    squares = np.clip(
        window_sums(np.square(exposure.mu), first, last), np.square(mean) / (last - first), np.square(mean)
    )
    llr = np.zeros(len(first))
    # What the scan leaves out is not among the simulated maxima: it has no score.
    can_be = (count >= FEWEST_INCIDENTS) & (mean > 0) & (mean <= total / 2)
    score = Score(total, scan.heterogeneity.k_1)
    llr[can_be] = score.llr(count[can_be], mean[can_be], squares[can_be])
    p, source = family_wise_p(llr, scan.maxima)
    return llr, p, [str(one) for one in source]
