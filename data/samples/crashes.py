"""Crashes of the made city: they follow traffic and junctions; corridors and places have too many.

A piece of street expects rate × AADT × length, a junction a share of both streets' traffic. What is
planted multiplies it; what merely looks like a corridor stands in the truth as a decoy.
"""

from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from data.samples.calls import station_point
from data.samples.crash_hotspots import Site, harm_of, mode_shares, site_truth, sites
from data.samples.dirt import Defects, Soiled, soiled
from data.samples.export import Table, coordinate_texts, geojson
from data.samples.layout import City, Floats, freeway_y, stream, to_lnglat
from data.samples.people import Addresses
from data.samples.planted import YEARS
from data.samples.rhythm import CRASH, texts, wall_times
from data.samples.streets import (
    ARTERIAL,
    COLLECTOR,
    FREEWAY,
    FREEWAY_NAME,
    FRONTAGE_NAME,
    FRONTAGE_OFFSET_M,
    LOCAL,
    RAMP,
    Bools,
    Ints,
    Streets,
)

#: Crashes per million vehicle-km between junctions, by road class.
_RATE = {FREEWAY: 0.55, RAMP: 0.9, ARTERIAL: 1.2, COLLECTOR: 1.1, LOCAL: 0.8}
#: Crashes per year at a junction, per vehicle/day of the mean (geometric) of its two streets' traffic.
_JUNCTION_RATE = 1.15e-4
#: Variance of the chance factor that makes one junction worse than another one alike.
_JUNCTION_VARIANCE = 0.1
BAD_JUNCTION_RISK = 7.0
_BAD_JUNCTION = (16, 16)
_MISGEOCODED_SHARE = 0.5
_BETWEEN_M = FRONTAGE_OFFSET_M - 17.0
DEFECTS = Defects(
    duplicate=60, swapped=11, null_island=17, missing=70, lost_decimal_point=4, outside_boundary=8, 
    far_away=2, skipped_hour=3, repeated_hour=4, trailing_dash=6,
)  # fmt: skip
PILE = 160

_SEVERITY = np.array(
    ["K - Fatal Injury", "A - Suspected Serious Injury", "B - Suspected Minor Injury", "C - Possible Injury",
     "O - No Apparent Injury", "U - Unknown"], dtype=object,
)  # fmt: skip
_MODES = np.array(["Motor Vehicle", "Pedestrian", "Bicycle"], dtype=object)
_MODE_SHARE = (0.925, 0.045, 0.03)
#: Share of each severity, by mode.
_SEVERITY_SHARE = np.array(
    [
        [0.004, 0.020, 0.100, 0.180, 0.690, 0.006],
        [0.060, 0.190, 0.420, 0.260, 0.060, 0.010],
        [0.015, 0.120, 0.450, 0.320, 0.090, 0.005],
    ]
)


@dataclass(frozen=True)
class Corridor:
    """A named stretch of one plan line, from one plan coordinate to another, with its relative risk."""

    id: str
    is_ns: bool
    line: int
    low: int
    high: int
    risk: float


# The third is a collector: crashes at its crossings are mostly reported on the busier street, so that on its
# own name a risk of 4 shows as less than 3.
CORRIDORS = (
    Corridor("corridor-1", False, 16, -40, -20, 3.0),
    Corridor("corridor-2", True, -16, 16, 40, 3.0),
    Corridor("corridor-3", False, -8, 10, 36, 4.0),
    Corridor("corridor-4", True, 32, -48, -32, 3.0),
)


@dataclass(frozen=True)
class _Crashes:
    """Drawn crashes: where, on which piece, at which junction, and of which planted place; -1: of none."""

    x: Floats
    y: Floats
    piece: Ints
    node: Ints
    scene: Ints

    def take(self, index: Ints | Bools) -> "_Crashes":
        """Return some of the crashes, in this order."""
        return _Crashes(self.x[index], self.y[index], self.piece[index], self.node[index], self.scene[index])


@dataclass(frozen=True)
class _Risk:
    """Expected crashes in three years without and with the corridors; the places come on top."""

    piece_even: Floats
    node_even: Floats
    piece: Floats
    node: Floats
    stretch: dict[str, Bools]
    sites: list[Site]


def crashes(
    place: City, net: Streets, doors: Addresses, seed: int
) -> tuple[Table, NDArray[np.int64], dict[str, object]]:
    """Return the table of crashes, the order of its rows in the file, and its part of the truth."""
    rng = stream(seed, "crashes")
    risk = _risk(place, net, rng)
    drawn, time = _in_order_of_time(_everywhere(rng, net, risk))
    drawn, misplaced = _beside_the_frontage_road(rng, net, drawn)
    drawn, piled = _piled_up(rng, risk, drawn, doors)
    lng, lat = to_lnglat(drawn.x, drawn.y)
    dirt = soiled(rng, place, lng, lat, time, DEFECTS, piled | misplaced)
    table = _table(rng, net, drawn, dirt)
    usable = dirt.is_usable & ~piled
    truth: dict[str, object] = {
        "rows": len(dirt.order), "distinct_rows": len(lng), "defects": dirt.counts,
        "hotspots": [site_truth(site, drawn.x, drawn.y, time, usable) for site in risk.sites],
        "corridors": [_corridor_truth(corridor, net, risk, drawn, usable) for corridor in CORRIDORS],
        "decoys": [
            _junction_truth(net, risk, drawn, usable),
            _frontage_truth(net, risk, drawn, usable, misplaced),
            _pile_truth(drawn, piled),
        ],
    }  # fmt: skip
    return table, dirt.order, truth


def _risk(place: City, net: Streets, rng: np.random.Generator) -> _Risk:
    rate = np.array([_RATE[kind] for kind in range(len(_RATE))])[net.road_class]
    piece_even = rate * net.aadt * net.length_m / 1000 * 365.25 * YEARS / 1e6
    node_even = _JUNCTION_RATE * _junction_traffic(net) * YEARS
    luck = rng.gamma(1 / _JUNCTION_VARIANCE, _JUNCTION_VARIANCE, len(node_even))
    piece, node = piece_even.copy(), node_even * luck
    places = sites(place, net, piece_even, node_even)
    for site in places:
        node[site.nodes] = node_even[site.nodes]
    stretch = {corridor.id: _pieces_of(corridor, net) for corridor in CORRIDORS}
    for corridor in CORRIDORS:
        pieces = stretch[corridor.id]
        at = _nodes_of(net, pieces)
        piece[pieces] *= corridor.risk
        node[at] = node_even[at] * corridor.risk
    bad = _bad_junction(net)
    node[bad] = node_even[bad] * BAD_JUNCTION_RISK
    return _Risk(piece_even, node_even, piece, node, stretch, places)


def _junction_traffic(net: Streets) -> Floats:
    """Return the geometric mean of the two crossing streets' traffic; zero where nothing crosses."""
    traffic = np.zeros((2, len(net.node_x)))
    plan = net.on_plan
    for node in (net.start[plan], net.end[plan]):
        np.maximum.at(traffic, (net.is_ns[plan].astype(int), node), net.aadt[plan])
    return np.asarray(np.sqrt(traffic[0] * traffic[1]))


def _pieces_of(corridor: Corridor, net: Streets) -> Bools:
    on_line = (net.plan_line == corridor.line) & (net.is_ns == corridor.is_ns)
    within: Bools = on_line & (net.span[:, 0] >= corridor.low) & (net.span[:, 1] <= corridor.high)
    return within


def _nodes_of(net: Streets, pieces: Bools) -> Ints:
    nodes: Ints = np.unique(np.concatenate([net.start[pieces], net.end[pieces]]))
    return nodes


def _bad_junction(net: Streets) -> int:
    u, v = _BAD_JUNCTION
    return int(np.flatnonzero((net.node_u == u) & (net.node_v == v))[0])


def _everywhere(rng: np.random.Generator, net: Streets, risk: _Risk) -> list[tuple[_Crashes, Ints]]:
    """Draw the crashes of the whole city, then those that each planted place adds, with their times."""
    drawn = _drawn(rng, net, risk.piece, risk.node, -1)
    parts = [(drawn, wall_times(rng, len(drawn.x), CRASH))]
    for i, site in enumerate(risk.sites):
        near = _drawn(rng, net, site.piece_even * site.extra, risk.node_even * site.nodes * site.extra, i)
        added = near.take(site.contains(near.x, near.y))
        extra_risk = site.scene.plant.daily_risk() - 1.0
        parts.append((added, wall_times(rng, len(added.x), site.scene.rhythm, extra_risk)))
    return parts


def _in_order_of_time(parts: list[tuple[_Crashes, Ints]]) -> tuple[_Crashes, Ints]:
    time = np.concatenate([times for _, times in parts])
    order = np.argsort(time, kind="stable")
    drawn = _Crashes(
        np.concatenate([part.x for part, _ in parts]),
        np.concatenate([part.y for part, _ in parts]),
        np.concatenate([part.piece for part, _ in parts]),
        np.concatenate([part.node for part, _ in parts]),
        np.concatenate([part.scene for part, _ in parts]),
    )
    return drawn.take(order), time[order]


def _drawn(
    rng: np.random.Generator, net: Streets, piece_expected: Floats, node_expected: Floats, scene: int
) -> _Crashes:
    """Draw crashes between junctions (along a piece) and at junctions (three in four exactly on the node)."""
    piece = np.repeat(np.arange(len(net.line)), rng.poisson(piece_expected))
    along = rng.random(len(piece)) * net.length_m[piece]
    x, y = shapely.get_coordinates(shapely.line_interpolate_point(net.line[piece], along)).T
    node = np.repeat(np.arange(len(node_expected)), rng.poisson(node_expected))
    node_piece = _piece_at(rng, net, node)
    near_x, near_y = _on_the_approach(rng, net, node, node_piece)
    scatter = rng.normal(0.0, 3.0, (2, len(piece)))
    return _Crashes(
        np.concatenate([x + scatter[0], near_x]),
        np.concatenate([y + scatter[1], near_y]),
        np.concatenate([piece, node_piece]),
        np.concatenate([np.full(len(piece), -1), node]),
        np.full(len(piece) + len(node), scene),
    )


def _piece_at(rng: np.random.Generator, net: Streets, node: Ints) -> Ints:
    """Choose the piece that each junction crash is reported on, by traffic."""
    plan = np.flatnonzero(net.on_plan)
    arm_node = np.concatenate([net.start[plan], net.end[plan]])
    arm_piece = np.concatenate([plan, plan])
    order = np.argsort(arm_node, kind="stable")
    arm_node, arm_piece = arm_node[order], arm_piece[order]
    cumulated = np.concatenate([[0.0], np.cumsum(net.aadt[arm_piece])])
    first = np.searchsorted(arm_node, node)
    after = np.searchsorted(arm_node, node, side="right")
    draw = cumulated[first] + rng.random(len(node)) * (cumulated[after] - cumulated[first])
    chosen = np.searchsorted(cumulated, draw, side="right") - 1
    return np.asarray(arm_piece[chosen.clip(first, after - 1)])


def _on_the_approach(
    rng: np.random.Generator, net: Streets, node: Ints, piece: Ints
) -> tuple[Floats, Floats]:
    distance = np.where(rng.random(len(node)) < 0.75, 0.0, rng.uniform(3.0, 30.0, len(node)))
    from_end = net.end[piece] == node
    along = np.where(from_end, net.length_m[piece] - distance, distance)
    x, y = shapely.get_coordinates(shapely.line_interpolate_point(net.line[piece], along)).T
    exact = distance == 0.0
    return np.where(exact, net.node_x[node], x), np.where(exact, net.node_y[node], y)


def _beside_the_frontage_road(
    rng: np.random.Generator, net: Streets, drawn: _Crashes
) -> tuple[_Crashes, Bools]:
    """Move part of the freeway's crashes towards the frontage road, as careless geocoding does.

    They come to lie within 25 m of both, a little nearer to the frontage road; the reported street tells.
    """
    frontage = net.line[net.name == FRONTAGE_NAME][0]
    west, _, east, _ = frontage.bounds
    on_freeway = (net.name[drawn.piece] == FREEWAY_NAME) & (drawn.x > west) & (drawn.x < east)
    misplaced = on_freeway & (rng.random(len(drawn.x)) < _MISGEOCODED_SHARE)
    between = freeway_y(drawn.x) - _BETWEEN_M + rng.normal(0.0, 1.0, len(drawn.x))
    y = np.where(misplaced, between, drawn.y)
    return replace(drawn, y=y), misplaced


def _piled_up(
    rng: np.random.Generator, risk: _Risk, drawn: _Crashes, doors: Addresses
) -> tuple[_Crashes, Bools]:
    """Geocode some crashes to the police station: none of what is planted, so that its numbers stay true."""
    planted = np.any([pieces[drawn.piece] for pieces in risk.stretch.values()], axis=0)
    for site in risk.sites:
        planted |= site.contains(drawn.x, drawn.y)
    rows = rng.permutation(np.flatnonzero(~planted & (drawn.node < 0)))[:PILE]
    piled = np.zeros(len(drawn.x), dtype=bool)
    piled[rows] = True
    station = doors.tree.query(station_point())[1]
    x, y = np.where(piled, doors.x[station], drawn.x), np.where(piled, doors.y[station], drawn.y)
    return replace(drawn, x=x, y=y), piled


def _corridor_truth(
    corridor: Corridor, net: Streets, risk: _Risk, drawn: _Crashes, usable: Bools
) -> dict[str, object]:
    pieces = risk.stretch[corridor.id]
    nodes = _nodes_of(net, pieces)
    on_it = (pieces[drawn.piece] & (drawn.node < 0)) | np.isin(drawn.node, nodes)
    line = shapely.line_merge(shapely.MultiLineString(net.line[pieces].tolist()))
    ends = net.span[pieces].min(), net.span[pieces].max()
    return {
        "id": corridor.id, "layer": "crashes", "name": str(net.name[pieces][0]),
        "from_street": _crossing_name(net, corridor, ends[0]),
        "to_street": _crossing_name(net, corridor, ends[1]),
        "length_m": round(float(net.length_m[pieces].sum()), 1), "relative_risk": corridor.risk,
        "expected_even": round(float(risk.piece_even[pieces].sum() + risk.node_even[nodes].sum()), 2),
        "observed": int((on_it & usable).sum()), "geometry": geojson(line),
    }  # fmt: skip


def _crossing_name(net: Streets, corridor: Corridor, along: float) -> str | None:
    """Return the street that crosses a corridor's end."""
    crossing = (net.plan_line == along) & (net.is_ns != corridor.is_ns)
    at = crossing & (net.span[:, 0] <= corridor.line) & (net.span[:, 1] >= corridor.line)
    names = net.name[at]
    return str(names[0]) if len(names) else None


def _junction_truth(net: Streets, risk: _Risk, drawn: _Crashes, usable: Bools) -> dict[str, object]:
    bad = _bad_junction(net)
    lng, lat = to_lnglat(net.node_x[bad], net.node_y[bad])
    names = sorted(set(net.name[(net.start == bad) | (net.end == bad)]))
    return {
        "id": "bad-junction", "layer": "crashes", "kind": "single bad junction",
        "title": " and ".join(names),
        "point": [float(lng), float(lat)], "relative_risk": BAD_JUNCTION_RISK,
        "expected_even": round(float(risk.node_even[bad]), 2),
        "observed": int(((drawn.node == bad) & usable).sum()),
    }  # fmt: skip


def _frontage_truth(
    net: Streets, risk: _Risk, drawn: _Crashes, usable: Bools, misplaced: Bools
) -> dict[str, object]:
    piece = int(np.flatnonzero(net.name == FRONTAGE_NAME)[0])
    return {
        "id": "frontage-road", "layer": "crashes", "kind": "frontage road",
        "title": "Crashes of the freeway, geocoded nearer to the frontage road beside it",
        "name": FRONTAGE_NAME,
        "relative_risk": 1.0, "expected_even": round(float(risk.piece_even[piece]), 2),
        "observed": int(((drawn.piece == piece) & usable).sum()),
        "misplaced": int((misplaced & usable).sum()), "geometry": geojson(net.line[piece]),
    }  # fmt: skip


def _pile_truth(drawn: _Crashes, piled: Bools) -> dict[str, object]:
    first = int(np.flatnonzero(piled)[0])
    lng, lat = to_lnglat(drawn.x[first], drawn.y[first])
    return {
        "id": "crashes-police-station", "layer": "crashes", "kind": "geocoding pile",
        "title": "Crashes without a known place, geocoded to the police station",
        "point": [float(lng), float(lat)], "rows": int(piled.sum()),
    }  # fmt: skip


def _table(rng: np.random.Generator, net: Streets, drawn: _Crashes, dirt: Soiled) -> Table:
    n = len(drawn.x)
    mode = _chosen(rng, mode_shares(drawn.scene, _MODE_SHARE))
    severity_share = _SEVERITY_SHARE[mode]
    severity_share[:, :3] *= harm_of(drawn.scene)[:, None]
    severity = _SEVERITY[_chosen(rng, severity_share)]
    severity[dirt.rows["trailing_dash"]] += " -"
    stamp = texts(dirt.time)
    date = [f"{t[5:7]}/{t[8:10]}/{t[:4]}" for t in stamp.tolist()]
    hour = (dirt.time // 3600) % 24
    light = np.where((hour >= 7) & (hour < 18), "Daylight", "Dark - Lighted")
    vehicles = 1 + (rng.random(n) < np.where(mode == 0, 0.85, 0.05))
    return {
        "CrashID": (20_230_001 + np.arange(n)).tolist(),
        "CrashDate": list(date),
        "CrashTime": [t[11:16] for t in stamp.tolist()],
        "CrashSeverity": severity.tolist(),
        "OnStreet": net.name[drawn.piece].tolist(),
        "CrossStreet": _cross_streets(net, drawn).tolist(),
        "TravelMode": _MODES[mode].tolist(),
        "Vehicles": vehicles.tolist(),
        "LightCondition": light.tolist(),
        "Longitude": coordinate_texts(dirt.lng),
        "Latitude": coordinate_texts(dirt.lat),
    }


def _chosen(rng: np.random.Generator, share: Floats) -> Ints:
    """Choose a column for every row of shares, which need not sum to one."""
    cumulated = np.cumsum(share, axis=1)
    draw = rng.random(len(share)) * cumulated[:, -1]
    return np.asarray((draw[:, None] > cumulated[:, :-1]).sum(axis=1))


def _cross_streets(net: Streets, drawn: _Crashes) -> NDArray[np.object_]:
    """Return the other street of a junction crash; None between junctions."""
    by_node = np.full((2, len(net.node_x)), None, dtype=object)
    plan = np.flatnonzero(net.on_plan)
    for node in (net.start[plan], net.end[plan]):
        by_node[net.is_ns[plan].astype(int), node] = net.name[plan]
    at_node = drawn.node >= 0
    cross: NDArray[np.object_] = np.full(len(drawn.node), None, dtype=object)
    other = 1 - net.is_ns[drawn.piece[at_node]].astype(int)
    cross[at_node] = by_node[other, drawn.node[at_node]]
    return cross
