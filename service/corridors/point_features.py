"""What is told as points: single places that stand out, and crashes on no road or on more than one."""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from models.empirical_bayes import window_sums
from service.analyses.findings import Finding
from service.corridors.chosen import Chosen, Exposure
from service.corridors.corridor_features import digest, distinct
from service.corridors.crashes import Crashes
from service.corridors.placed import Placed
from service.corridors.severity_columns import Severity
from service.corridors.streets import Streets
from service.corridors.words import crash_words, expected_words, p_words, street_words
from service.parameters import CorridorsInputs
from spatial.network.pieces import stations

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# A spot this near to a node is the junction; else it is told by the place of its crashes.
_AT_NODE_M = 60.0
_ID_DECIMALS = 5


def intersection_finding(
    streets: Streets,
    exposure: Exposure,
    severity: Severity,
    found: Chosen,
    crashes: Placed,
    counted: Mask,
    inputs: CorridorsInputs,
) -> Finding:
    """Return single places that stand out, as points: junctions, or addresses, but no corridors."""
    kept = np.flatnonzero(found.is_intersection)
    first, last = found.first[kept], found.last[kept]
    spots = [_spot(streets, crashes, counted, int(a), int(b)) for a, b in zip(first, last, strict=True)]
    x, y = np.array([spot[:2] for spot in spots], dtype=np.float64).reshape(-1, 2).T
    lng, lat = streets.plane.degrees(x, y)
    streets_there = [spot[2] for spot in spots]
    mean, p = window_sums(exposure.mu, first, last), found.p[kept]
    count = window_sums(exposure.y, first, last).astype(np.int64)
    columns: dict[str, Any] = {
        "rank": np.arange(1, len(kept) + 1),
        "name": [" / ".join(names) or None for names in streets_there],
        "incidents": count,
        **severity.columns(first, last),
        "expected": mean.round(6),
        "excess": window_sums(exposure.excess, first, last).round(6),
        "llr": found.llr[kept].round(6),
        "p": p,
        "p_source": [found.p_source[one] for one in kept.tolist()],
        "stability": found.stability[kept].round(6),
        "words": [
            f"{crash_words(n, inputs.measure, inputs.travel_mode)} at one place"
            f" ({street_words(' / '.join(names), '')}) where {expected_words(e)} would be expected;"
            f" {p_words(one)}"
            for n, names, e, one in zip(count.tolist(), streets_there, mean.tolist(), p.tolist(), strict=True)
        ],
    }
    places = np.column_stack([lng, lat]).round(_ID_DECIMALS) + 0.0
    fids = distinct([f"node-{digest(str(place))}" for place in places.tolist()])
    return Finding(".intersections", "single places", fids, np.asarray(shapely.points(lng, lat)), columns)


def _spot(
    streets: Streets, crashes: Placed, counted: Mask, first: int, last: int
) -> tuple[float, float, list[str]]:
    """Return where a spot is, and the streets that meet there: the nearest node, else its busiest place."""
    mine = np.flatnonzero(counted & (crashes.lixel >= first) & (crashes.lixel < last))
    places, at, times = np.unique(crashes.place[mine], return_index=True, return_counts=True)
    offset = float(np.median(crashes.offset_m[mine]))
    busiest = mine[at[np.lexsort((places, -times))[0]]]
    route = int(streets.lixels.route[first])
    passed, offsets, nodes = stations(streets.network, streets.routes)
    low, high = np.searchsorted(passed, [route, route + 1])
    nearest = low + int(np.abs(offsets[low:high] - offset).argmin())
    node = int(nodes[nearest])
    name = streets.routes.name[route]
    if abs(float(offsets[nearest]) - offset) > _AT_NODE_M or _degree(streets, node) < 3:
        return float(crashes.x[busiest]), float(crashes.y[busiest]), [name] if name else []
    return float(streets.network.node_x[node]), float(streets.network.node_y[node]), _meeting(streets, node)


def _degree(streets: Streets, node: int) -> int:
    return int((streets.network.start == node).sum() + (streets.network.end == node).sum())


def _meeting(streets: Streets, node: int) -> list[str]:
    """Return the named streets that meet at a node, those with most arms first."""
    network = streets.network
    edges = np.flatnonzero((network.start == node) | (network.end == node))
    names = Counter(str(name) for name in network.roads.name[network.road[edges]] if name)
    return [name for name, _ in sorted(names.items(), key=lambda one: (-one[1], one[0]))][:3]


def unmatched_finding(crashes: Crashes, where: Placed) -> Finding:
    """Return the crashes that lie on no road."""
    rows = np.flatnonzero(where.lixel < 0)
    return _crash_points(".unmatched", "crashes on no road", crashes, where, rows, {})


def ambiguous_finding(streets: Streets, crashes: Crashes, where: Placed) -> Finding:
    """Return the crashes that are as near to another street, with the streets that they could belong to."""
    rows = np.flatnonzero(where.is_ambiguous)
    routes = streets.routes
    taken = [name or None for name in routes.name[where.route[rows]].tolist()]
    more = {"second_m": _metres(where.second_m[rows]), "street": taken}
    return _crash_points(".ambiguous", "crashes near several streets", crashes, where, rows, more)


def _crash_points(
    suffix: str, title: str, crashes: Crashes, where: Placed, rows: Ints, more: dict[str, Any]
) -> Finding:
    time = crashes.time[rows]
    columns: dict[str, Any] = {
        "time": time,
        "severity": crashes.severity[rows].tolist(),
        "reported_street": [street or None for street in crashes.street[rows].tolist()],
        "distance_m": _metres(where.distance_m[rows]),
        **more,
    }
    points = np.asarray(shapely.points(crashes.lng[rows], crashes.lat[rows]), dtype=object)
    fids = [str(one) for one in crashes.id[rows].tolist()]
    return Finding(suffix, title, fids, points, columns, start=time, end=time)


def _metres(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan).round(1)
