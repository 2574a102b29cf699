"""Every piece of road with its figures: observed, predicted, expected, excess, and what engineers report."""

from typing import Any

import numpy as np
import numpy.typing as npt

from models.screening import crash_rates, level_of_service, peak_search, simple_ranking, window_maximum
from service.analyses.findings import Finding
from service.corridors.chosen import Chosen, Exposure
from service.corridors.corridor_features import line_ids, pieces
from service.corridors.severity_columns import Severity
from service.corridors.streets import Streets
from service.parameters import CorridorsInputs
from spatial.network.density import network_density

Ints = npt.NDArray[np.int64]

#: Bandwidth of the density that is drawn.
DENSITY_M = 250.0


def segment_finding(
    streets: Streets,
    exposure: Exposure,
    severity: Severity,
    found: Chosen,
    inputs: CorridorsInputs,
    years: float | None,
) -> Finding:
    """Return all pieces of road as a collection, in route order.

    `years` is the length of the period of the crashes; None where it is not known.
    """
    lixels, routes = streets.lixels, streets.routes
    lines = pieces(streets, lixels.route, lixels.start_m, lixels.end_m)
    every = np.arange(len(lixels.route))
    names = [name or None for name in routes.name[lixels.route].tolist()]
    known = exposure.mu > 0
    ratio = np.divide(exposure.y, exposure.mu, out=np.full(len(every), np.nan), where=known)
    columns: dict[str, Any] = {
        "name": names,
        "class": [name or None for name in lixels.road_class.tolist()],
        "length_m": lixels.length_m.round(1),
        "aadt": lixels.aadt.round(1),
        "junctions": lixels.junctions,
        "incidents": exposure.y,
        **severity.columns(every, every + 1),
        "predicted": exposure.mu.round(6),
        "expected": exposure.expected.round(6),
        "excess": exposure.excess.round(6),
        "expected_next": exposure.ahead.round(6),
        "observed_over_predicted": ratio.round(6),
        **_screening(streets, exposure, years),
        "density_km": network_density(
            streets.network, routes, lixels, exposure.y.astype(np.float64), sigma_m=DENSITY_M
        ).round(6),
        "corridor": corridor_ranks(found, len(every), inputs),
    }
    return Finding(".segments", "segments", line_ids(lines, names), lines, columns)


def _screening(streets: Streets, exposure: Exposure, years: float | None) -> dict[str, Any]:
    """Return the measures of the Highway Safety Manual; they test nothing."""
    lixels = streets.lixels
    n, route, length = len(lixels.route), lixels.route, lixels.length_m
    peaks = peak_search(exposure.expected, exposure.variance, route, length)
    at = np.searchsorted(peaks.route, route)
    middle = (lixels.start_m + lixels.end_m) / 2
    found: dict[str, Any] = {
        "excess_rank": simple_ranking(exposure.excess),
        "window_incidents": window_maximum(exposure.y, route, length).round(6),
        "window_excess": window_maximum(exposure.excess, route, length).round(6),
        "in_peak": (middle >= peaks.start_m[at]) & (middle <= peaks.end_m[at]),
        "peak_expected_km": peaks.value[at].round(6),
        "peak_cv": np.where(np.isfinite(peaks.cv[at]), peaks.cv[at], np.nan).round(6),
        "loss": level_of_service(exposure.y, exposure.mu, exposure.k).tolist(),
        "rate_mvmt": np.full(n, np.nan),
        "critical_rate_mvmt": np.full(n, np.nan),
        "exceeds_critical_rate": [None] * n,
    }
    if years is None or not np.isfinite(lixels.aadt).any():
        return found
    rates = crash_rates(exposure.y, length, lixels.aadt, years=years, group=lixels.road_class)
    known = np.isfinite(rates.rate)
    return found | {
        "rate_mvmt": rates.rate.round(6),
        "critical_rate_mvmt": rates.critical_rate.round(6),
        "exceeds_critical_rate": [
            bool(one) if there else None for one, there in zip(rates.exceeds, known, strict=True)
        ],
    }


def corridor_ranks(found: Chosen, n: int, inputs: CorridorsInputs) -> list[int | None]:
    """Return for each piece the rank of the corridor that it belongs to; None where to none."""
    ranks: list[int | None] = [None] * n
    kept = np.flatnonzero(
        ~found.is_intersection & (~np.bool_(inputs.significant) | (found.p <= inputs.alpha))
    )
    for rank, one in enumerate(kept.tolist(), 1):
        first, last = int(found.first[one]), int(found.last[one])
        ranks[first:last] = [rank] * (last - first)
    return ranks
