"""Corridors as features: one line each, with the properties of a report, in the order of their ranks."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from models.corridor_extraction import Locations
from models.empirical_bayes import rate_ratio_interval, window_sums
from models.severity import ksi
from service.analyses.findings import Finding
from service.corridors.chosen import Chosen, Exposure
from service.corridors.severity_columns import Severity
from service.corridors.streets import Streets
from service.corridors.words import corridor_words, crash_words, street_words
from service.parameters import CorridorsInputs
from spatial.network.pieces import cross_streets, route_pieces

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]

_ORDER = (
    *("name", "class", "from_street", "to_street", "length_m", "incidents", *"kabcou", "ksi", "epdo"),
    *("epdo_table", "expected", "expected_eb", "excess", "expected_next", "relative_risk", "rr_low"),
    *(
        "rr_high",
        "llr",
        "p",
        "p_source",
        "ksi_share",
        "length_share",
        "locations",
        "stability",
        "exposure",
        "null_model",
    ),
)
# A corridor that ends within a block is told by the crossing this near.
_NEAR_M = 200.0
# Ids hold on to about a metre.
_ID_DECIMALS = 5


def corridor_finding(
    streets: Streets,
    exposure: Exposure,
    severity: Severity,
    found: Chosen,
    place: tuple[Ints, Ints],
    inputs: CorridorsInputs,
) -> Finding:
    """Return the corridors as a collection. `place` is lixel and place of every crash that counts."""
    kept = np.flatnonzero(
        ~found.is_intersection & (~np.bool_(inputs.significant) | (found.p <= inputs.alpha))
    )
    first, last, route = found.first[kept], found.last[kept], found.route[kept]
    start, end = streets.lixels.start_m[first], streets.lixels.end_m[last - 1]
    lines = pieces(streets, route, start, end)
    told = _streets(streets, route, start, end) | _counts(exposure, severity, first, last)
    told |= _tested(exposure, found, kept, first, last, place) | _shares(
        severity, told["ksi"], (end - start) / streets.length_m
    )
    told |= {"exposure": [exposure.exposure] * len(kept), "null_model": [inputs.null_model] * len(kept)}
    columns = {"rank": np.arange(1, len(kept) + 1)} | {name: told[name] for name in _ORDER}
    columns["words"] = _words(columns, inputs)
    return Finding("", "corridors", line_ids(lines, columns["name"]), lines, columns)


def _words(columns: Mapping[str, Any], inputs: CorridorsInputs) -> list[str]:
    """Return every corridor in one sentence."""
    parts = ("length_m", "name", "class", "incidents", "expected", "p")
    rows = zip(*(np.asarray(columns[part], dtype=object).tolist() for part in parts), strict=True)
    return [
        corridor_words(
            metres,
            street_words(name, road_class),
            crash_words(number, inputs.measure, inputs.travel_mode),
            mean,
            p,
        )
        for metres, name, road_class, number, mean, p in rows
    ]


def pieces(streets: Streets, route: Ints, start: Floats, end: Floats) -> Objects:
    """Return pieces of routes as lines in degrees."""
    if not len(route):
        return np.zeros(0, dtype=object)
    return streets.plane.to_degrees(route_pieces(streets.network, streets.routes, route, start, end))


def line_ids(lines: Objects, names: Sequence[str | None]) -> list[str]:
    """Return ids of pieces of streets: digests of the name and of where they begin, lie and end."""
    if not len(lines):
        return []
    marks = [shapely.line_interpolate_point(lines, share, normalized=True) for share in (0.0, 0.5, 1.0)]
    places = np.column_stack([shapely.get_coordinates(mark) for mark in marks]).round(_ID_DECIMALS) + 0.0
    texts = [f"{name or ''}|{place}" for name, place in zip(names, places.tolist(), strict=True)]
    return distinct([digest(text) for text in texts])


def digest(text: str) -> str:
    """Return a short digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def distinct(ids: list[str]) -> list[str]:
    """Return ids of which the repeated ones are numbered."""
    times: dict[str, int] = {}
    found = []
    for one in ids:
        times[one] = times.get(one, 0) + 1
        found.append(one if times[one] == 1 else f"{one}-{times[one]}")
    return found


def _streets(streets: Streets, route: Ints, start: Floats, end: Floats) -> dict[str, Any]:
    """Return what the corridors are called, and the streets at which they begin and end."""
    network, routes = streets.network, streets.routes
    return {
        "name": [name or None for name in routes.name[route].tolist()],
        "class": [name or None for name in routes.road_class[route].tolist()],
        "from_street": cross_streets(network, routes, route, start, _NEAR_M),
        "to_street": cross_streets(network, routes, route, end, _NEAR_M),
        "length_m": (end - start).round(1),
    }


def _counts(exposure: Exposure, severity: Severity, first: Ints, last: Ints) -> dict[str, Any]:
    """Return what happened, what was predicted, and the excess."""
    mean = window_sums(exposure.mu, first, last)
    return {
        "incidents": window_sums(exposure.y, first, last).astype(np.int64),
        **severity.columns(first, last),
        "expected": mean.round(6),
        "expected_eb": window_sums(exposure.expected, first, last).round(6),
        "excess": window_sums(exposure.excess, first, last).round(6),
        "expected_next": window_sums(exposure.ahead, first, last).round(6),
    }


def _tested(
    exposure: Exposure, found: Chosen, kept: Ints, first: Ints, last: Ints, place: tuple[Ints, Ints]
) -> dict[str, Any]:
    """Return how far the corridors stand out, and how firmly."""
    count = window_sums(exposure.y, first, last)
    mean = window_sums(exposure.mu, first, last)
    ratio = rate_ratio_interval(count, mean * _outside(exposure, count, mean))
    where = Locations(*place, exposure.y)
    stretches = zip(first.tolist(), last.tolist(), strict=True)
    return {
        "relative_risk": ratio.estimate.round(6),
        "rr_low": ratio.low.round(6),
        "rr_high": ratio.high.round(6),
        "llr": found.llr[kept].round(6),
        "p": found.p[kept],
        "p_source": [found.p_source[one] for one in kept.tolist()],
        "locations": np.array([where.distinct(*one) for one in stretches], dtype=np.int64),
        "stability": found.stability[kept].round(6),
    }


def _outside(exposure: Exposure, count: Floats, mean: Floats) -> Floats:
    """Return the ratio of crashes to expectation on the rest of the network; NaN where there is no rest."""
    rest = float(exposure.mu.sum()) - mean
    some = (rest > 1e-9) & (exposure.y.sum() > count)
    found: Floats = np.full(len(mean), np.nan)
    np.divide(exposure.y.sum() - count, rest, out=found, where=some)
    return found


def _shares(severity: Severity, of_each: Ints, length_share: Floats) -> dict[str, Any]:
    """Return the corridors' shares of all killed-or-serious crashes and of the network's length.

    Lengths are rounded for people, shares so finely that many sum to no more than was asked.
    """
    total = int(ksi(severity.total))
    of_ksi = of_each / total if total else np.full(len(of_each), np.nan)
    return {"ksi_share": np.round(of_ksi, 6), "length_share": np.round(length_share, 12)}
