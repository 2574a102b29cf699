"""The roads of a layer as lines in metres: those that a mode of travel uses, and what was left out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from data.store import Store
from service.errors import InvalidInputs
from service.layer_kinds import layer_of_kind
from spatial.local_plane import LocalPlane, plane_around
from spatial.network.parts import RoadLines

#: Ways that no motor vehicle drives, or that are private ground: crashes there are no crashes of the street.
NOT_FOR_MOTORS = frozenset("service track pedestrian footway cycleway path steps".split())

#: What a mode uses besides the streets: people walk and ride along the streets as well.
ALSO = {
    "pedestrian": frozenset("pedestrian footway path steps".split()),
    "bicycle": frozenset("cycleway path track pedestrian".split()),
}

#: Footways that belong to a street: as lines of their own they would take the crashes of the street.
_BESIDE_STREETS = frozenset(("sidewalk", "crossing", "traffic_island", "link"))

_CLOSED = frozenset(("no", "private"))
_OPEN = frozenset(("yes", "designated", "permissive", "destination", "customers", "delivery"))


@dataclass(frozen=True)
class TakenRoads:
    """Lines of the network and where they come from.

    `row` is the place of each line's row in the layer: a row of several parts gives several lines. `report`
    counts rows: `rows`, `taken`, `left_out` by reason, `lines`.
    """

    lines: RoadLines
    plane: LocalPlane
    row: NDArray[np.int64]
    report: dict[str, Any]


def road_lines(store: Store, layer: str, *, travel_mode: str | None = None) -> tuple[RoadLines, LocalPlane]:
    """Return the lines of a roads layer in metres, and their plane; see `taken_roads`."""
    found = taken_roads(store, layer, travel_mode=travel_mode)
    return found.lines, found.plane


def taken_roads(store: Store, layer: str, *, travel_mode: str | None = None) -> TakenRoads:
    """Return the roads that belong to the network of a mode of travel, in metres around their middle.

    The network of motor vehicles, which is that of all crashes too, has the public streets of every class:
    alleys, drives and parking aisles, tracks and ways for walking and riding are left out, and so is what is
    closed or private. Pedestrians and bicycles have their own ways beside the streets, but not sidewalks and
    crossings that are drawn apart: what happens there happens on the street.

    Raises
    ------
    LayerNotFound
        If there is no such layer, or it is of another kind.
    InvalidInputs
        If none of its roads is in the network.
    """
    layer_of_kind(store, "roads", layer, "roads")
    columns = ("name", "class", "oneway", "level", "roundabout", "aadt", "geometry", "attributes")
    table = store.rows(layer, columns)
    reason = _reasons_against(table, travel_mode)
    taken = np.flatnonzero(reason == "")
    left_out = dict(
        zip(*(part.tolist() for part in np.unique(reason[reason != ""], return_counts=True)), strict=True)
    )
    if not len(taken):
        told = ", ".join(f"{number:,} {name}" for name, number in left_out.items()) or "none at all"
        raise InvalidInputs(
            f"roads needs a layer with streets for {travel_mode or 'motor vehicles'};"
            f" {layer!r} has no such line, only: {told}"
        )
    table = table.take(pa.array(taken))
    shapes = np.asarray(shapely.from_wkb(table["geometry"].to_numpy(zero_copy_only=False)), dtype=object)
    parts, of_row = shapely.get_parts(shapes, return_index=True)
    west, south, east, north = shapely.bounds(parts).T
    plane = plane_around((west + east) / 2, (south + north) / 2)
    lines = _lines(table.take(pa.array(of_row)), plane.to_metres(parts))
    report = {"rows": len(reason), "taken": len(taken), "left_out": left_out, "lines": len(parts)}
    return TakenRoads(lines, plane, taken[of_row], report)


def _lines(table: pa.Table, line: NDArray[np.object_]) -> RoadLines:
    return RoadLines(
        line=line,
        name=_objects(table["name"]),
        road_class=np.array([word or "" for word in table["class"].to_pylist()], dtype=object),
        oneway=table["oneway"].to_numpy().astype(np.int8),
        level=table["level"].to_numpy().astype(np.int16),
        is_roundabout=table["roundabout"].to_numpy().astype(np.bool_),
        aadt=table["aadt"].fill_null(np.nan).to_numpy().astype(np.float64),
    )


def _objects(column: pa.ChunkedArray) -> NDArray[np.object_]:
    result = np.full(len(column), None, dtype=object)
    result[:] = column.to_pylist()
    return result


def _reasons_against(table: pa.Table, travel_mode: str | None) -> NDArray[np.object_]:
    """Return why each row is not in the network; "" where it is."""
    also = ALSO.get(travel_mode or "", frozenset())
    classes = [word or "" for word in table["class"].to_pylist()]
    reason = np.array([c if c in NOT_FOR_MOTORS and c not in also else "" for c in classes], dtype=object)
    for row, text in enumerate(table["attributes"].to_pylist()):
        # Most rows tell nothing of who may use them: only those that do are taken apart.
        if not reason[row] and text is not None and any(key in text for key in _TELLING):
            reason[row] = _closed(orjson.loads(text), classes[row], also)
    return reason


_TELLING = ('"access":"', '"motor_vehicle":"', '"footway":"')


def _closed(row: dict[str, Any], road_class: str, also: frozenset[str]) -> str:
    if road_class in also:
        is_beside = road_class == "footway" and str(row.get("footway")).casefold() in _BESIDE_STREETS
        may_walk = bool(_OPEN & {str(row.get(key)).casefold() for key in ("foot", "bicycle")})
        is_closed = str(row.get("access")).casefold() in _CLOSED and not may_walk
        return "beside a street" if is_beside else "closed or private" if is_closed else ""
    motor = str(row.get("motor_vehicle")).casefold()
    is_closed = motor in _CLOSED or (str(row.get("access")).casefold() in _CLOSED and motor not in _OPEN)
    return "closed or private" if is_closed else ""
