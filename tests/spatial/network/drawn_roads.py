"""Roads drawn by coordinates, and what two networks have in common."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import shapely

from spatial.network.parts import Floats, Network, RoadLines


def roads_along(
    lines: Sequence[Any],
    *,
    name: Sequence[str | None] | None = None,
    road_class: Sequence[str] | None = None,
    oneway: Sequence[int] | None = None,
    level: Sequence[int] | None = None,
    is_roundabout: Sequence[bool] | None = None,
    aadt: Sequence[float] | None = None,
) -> RoadLines:
    """Return roads of one kind unless told otherwise; lines are given as corners or as lines."""
    n = len(lines)
    line = np.empty(n, dtype=object)
    line[:] = [
        value if isinstance(value, shapely.LineString) else shapely.LineString(value) for value in lines
    ]
    return RoadLines(
        line=line,
        name=np.array(name if name is not None else [None] * n, dtype=object),
        road_class=np.array(road_class if road_class is not None else [""] * n, dtype=object),
        oneway=np.array(oneway if oneway is not None else [0] * n, dtype=np.int8),
        level=np.array(level if level is not None else [0] * n, dtype=np.int16),
        is_roundabout=np.array(is_roundabout if is_roundabout is not None else [False] * n, dtype=np.bool_),
        aadt=np.array(aadt if aadt is not None else [np.nan] * n, dtype=np.float64),
    )


def taken(roads: RoadLines, rows: Sequence[int] | np.ndarray) -> RoadLines:
    """Return some of the roads, in another order."""
    return RoadLines(
        roads.line[rows],
        roads.name[rows],
        roads.road_class[rows],
        roads.oneway[rows],
        roads.level[rows],
        roads.is_roundabout[rows],
        roads.aadt[rows],
    )


def drawn_backwards(roads: RoadLines, rows: np.ndarray) -> RoadLines:
    """Return the roads with some drawn the other way round; traffic runs as before."""
    line, oneway = roads.line.copy(), roads.oneway.copy()
    line[rows] = shapely.reverse(line[rows])
    oneway[rows] = -oneway[rows]
    return RoadLines(line, roads.name, roads.road_class, oneway, roads.level, roads.is_roundabout, roads.aadt)


def moved(roads: RoadLines, angle: float, by: tuple[float, float]) -> RoadLines:
    """Return the roads turned around the origin and shifted."""
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    line = np.asarray(shapely.transform(roads.line, lambda xy: xy @ turn + np.array(by)), dtype=object)
    return RoadLines(
        line, roads.name, roads.road_class, roads.oneway, roads.level, roads.is_roundabout, roads.aadt
    )


def split(roads: RoadLines, rng: np.random.Generator, share: float = 0.5) -> RoadLines:
    """Return the roads with lines cut at some of their inner vertices."""
    rows, lines = [], []
    for row, line in enumerate(roads.line):
        corners = shapely.get_coordinates(line)
        inner = 1 + np.flatnonzero(rng.random(len(corners) - 2) < share)
        bounds = [0, *inner.tolist(), len(corners) - 1]
        for first, last in pairwise(bounds):
            rows.append(row)
            lines.append(shapely.LineString(corners[first : last + 1]))
    many = taken(roads, np.array(rows))
    line_array = np.empty(len(lines), dtype=object)
    line_array[:] = lines
    return RoadLines(
        line_array, many.name, many.road_class, many.oneway, many.level, many.is_roundabout, many.aadt
    )


def junctions(network: Network) -> Floats:
    """Return x, y and degree of the nodes where a road does not only go on, sorted."""
    degree = np.bincount(np.r_[network.start, network.end], minlength=len(network.node_x))
    rows = np.column_stack([network.node_x, network.node_y, degree])[degree != 2]
    return np.asarray(rows[np.lexsort(np.round(rows, 2).T)], dtype=np.float64)


def shapes(network: Network) -> set[tuple[bytes, int]]:
    """Return each edge's shape and road."""
    return set(zip(shapely.to_wkb(network.line).tolist(), network.road.tolist(), strict=True))
