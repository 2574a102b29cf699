"""The network that corridors are looked for on: roads, cut where that is asked, as routes and lixels."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from data.store import Store
from models.errors import TooFewObservations
from service.analyses.findings import Progress
from service.analyses.gridded import boundary_outline
from service.corridors.roads import taken_roads
from service.parameters import CorridorsInputs
from spatial.local_plane import LocalPlane
from spatial.network.build import network_of
from spatial.network.lixels import lixels_of
from spatial.network.parts import Lixels, Network, RoadLines, Routes
from spatial.network.routes import routes_of

#: Length of the pieces that crashes are counted on. Stretches that are chosen by what they gather may begin
#: at shorter ones; where corridors may be shorter than two pieces, two halves make the shortest.
LIXEL_M = 80.0
CHOICE_LIXEL_M = 50.0

# A box is cut along its parallels: its edges in the plane have corners so many degrees apart.
_CORNER_DEGREES = 0.01
# Farther from the middle of the roads than any of them, and near enough for their plane.
_NEAR_DEGREES = 45.0
_M_PER_MILE = 1609.344


@dataclass(frozen=True)
class Streets:
    """Roads as a network; `title` of their layer, `told` is its report, metres are those of `plane`."""

    title: str
    plane: LocalPlane
    network: Network
    routes: Routes
    lixels: Lixels
    told: dict[str, Any]

    @property
    def length_m(self) -> float:
        """Length of the whole network."""
        return float(self.lixels.length_m.sum())


def streets_of(store: Store, inputs: CorridorsInputs, progress: Progress) -> Streets:
    """Return the network of the roads layer that the mode of travel uses.

    Raises
    ------
    TooFewObservations
        If no road is left within the box and the boundary.
    InvalidInputs
        If the layer has no road for the mode of travel.
    """
    progress("reading roads")
    title = store.layer(inputs.roads).title or inputs.roads
    taken = taken_roads(store, inputs.roads, travel_mode=inputs.travel_mode)
    lines = _cut(store, taken.lines, taken.plane, inputs)
    if not len(lines.line):
        where = "the boundary" if inputs.boundary else "the bbox"
        raise TooFewObservations(f"corridors needs roads, {title!r} has none within {where}")
    progress(f"building the network of {len(lines.line):,} roads")
    network = network_of(lines)
    if not len(network.line):
        raise TooFewObservations(f"corridors needs roads with a length, {title!r} has none")
    routes = routes_of(network)
    lixels = _lixels(network, routes, inputs)
    length_m = float(lixels.length_m.sum())
    told = {
        "roads": {**taken.report, "lines_within": len(lines.line)},
        "lixels": len(lixels.route),
        "routes": len(routes.length_m),
        "network_km": round(length_m / 1000, 3),
        "network_miles": round(length_m / _M_PER_MILE, 3),
        "lixel_m": round(float(np.median(lixels.length_m)), 1),
        "named_share": round(_named_share(routes), 6),
        "network": network.report,
    }
    return Streets(title, taken.plane, network, routes, lixels, told)


def _lixels(network: Network, routes: Routes, inputs: CorridorsInputs) -> Lixels:
    length_m = LIXEL_M if inputs.select == "scan" else CHOICE_LIXEL_M
    half = inputs.min_length_m / 2
    if inputs.select == "scan" and half >= length_m:
        return lixels_of(network, routes, length_m=length_m)
    return lixels_of(network, routes, length_m=min(length_m, half), at_least=True)


def _named_share(routes: Routes) -> float:
    """Return the share of the length that lies on routes with a name."""
    named = np.array([bool(name) for name in routes.name], dtype=np.bool_)
    return float(routes.length_m[named].sum() / routes.length_m.sum())


def _cut(store: Store, lines: RoadLines, plane: LocalPlane, inputs: CorridorsInputs) -> RoadLines:
    """Return the parts of the roads within the boundary and the box."""
    for whole in _outlines(store, inputs):
        outline = _near(whole, plane)
        shape = plane.to_metres(np.array([shapely.segmentize(outline, _CORNER_DEGREES)], dtype=object))[0]
        lines = _within(lines, shapely.make_valid(shape))
    return lines


def _near(outline: shapely.Geometry, plane: LocalPlane) -> shapely.Geometry:
    """Return the part of an outline that the plane holds; it may lie across the antimeridian or far off."""
    around = shapely.box(plane.lng - _NEAR_DEGREES, -89.0, plane.lng + _NEAR_DEGREES, 89.0)
    turns = np.array([_turned(outline, degrees) for degrees in (-360.0, 0.0, 360.0)], dtype=object)
    return shapely.union_all(shapely.intersection(turns, around))


def _turned(outline: shapely.Geometry, degrees: float) -> shapely.Geometry:
    def turned(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.column_stack([places[:, 0] + degrees, places[:, 1]])

    return shapely.transform(outline, turned)


def _outlines(store: Store, inputs: CorridorsInputs) -> list[shapely.Geometry]:
    found = [boundary_outline(store, inputs.boundary)] if inputs.boundary else []
    if inputs.bbox:
        west, south, east, north = inputs.bbox
        parts = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        found.append(shapely.union_all([shapely.box(left, south, right, north) for left, right in parts]))
    return found


def _within(lines: RoadLines, shape: shapely.Geometry) -> RoadLines:
    shapely.prepare(shape)
    meets = np.flatnonzero(shapely.intersects(shape, lines.line))
    inside = shapely.covers(shape, lines.line[meets])
    whole, crossing = meets[inside], meets[~inside]
    cut = shapely.intersection(lines.line[crossing], shape)
    parts, of = shapely.get_parts(cut, return_index=True)
    is_line = (shapely.get_type_id(parts) == shapely.GeometryType.LINESTRING) & (shapely.length(parts) > 0)
    row = np.concatenate([whole, crossing[of[is_line]]])
    line = np.concatenate([lines.line[whole], parts[is_line]])
    order = np.argsort(row, kind="stable")
    return _taken(lines, row[order], line[order])


def _taken(lines: RoadLines, row: npt.NDArray[np.int64], line: npt.NDArray[np.object_]) -> RoadLines:
    return replace(
        lines,
        line=line,
        name=lines.name[row],
        road_class=lines.road_class[row],
        oneway=lines.oneway[row],
        level=lines.level[row],
        is_roundabout=lines.is_roundabout[row],
        aadt=lines.aadt[row],
    )
