"""Small networks made by hand: lines that already meet only at their ends."""

from collections.abc import Sequence

import numpy as np
import shapely

from spatial.network.parts import Network, RoadLines

Corners = Sequence[tuple[float, float]]


def road_lines(
    lines: Sequence[Corners],
    name: Sequence[str | None] | None = None,
    road_class: Sequence[str] | None = None,
    aadt: Sequence[float] | None = None,
) -> RoadLines:
    n = len(lines)
    return RoadLines(
        line=_objects([shapely.LineString(corners) for corners in lines]),
        name=_objects(name or [None] * n),
        road_class=_objects(road_class or ["residential"] * n),
        oneway=np.zeros(n, np.int8),
        level=np.zeros(n, np.int16),
        is_roundabout=np.zeros(n, bool),
        aadt=np.full(n, np.nan) if aadt is None else np.asarray(aadt, dtype=float),
    )


def network_from(roads: RoadLines, folded: Sequence[tuple[Corners, int, int]] = ()) -> Network:
    """Return lines as edges: ends at one place (to a centimetre) are one node. Folded: line, edge, road."""
    n = len(roads.line)
    first = shapely.get_coordinates(shapely.get_point(roads.line, 0)).reshape(-1, 2)
    last = shapely.get_coordinates(shapely.get_point(roads.line, -1)).reshape(-1, 2)
    place, node = np.unique(np.round(np.vstack([first, last]), 2), axis=0, return_inverse=True)
    node = node.ravel().astype(np.int64)
    return Network(
        node_x=place[:, 0],
        node_y=place[:, 1],
        start=node[:n],
        end=node[n:],
        line=roads.line,
        length_m=shapely.length(roads.line),
        road=np.arange(n),
        component=np.zeros(n, np.int64),
        folded_line=_objects([shapely.LineString(corners) for corners, _, _ in folded]),
        folded_edge=np.array([edge for _, edge, _ in folded], dtype=np.int64),
        folded_road=np.array([road for _, _, road in folded], dtype=np.int64),
        is_divided=np.zeros(n, bool),
        aadt=roads.aadt,
        roads=roads,
    )


def made_network(
    lines: Sequence[Corners],
    name: Sequence[str | None] | None = None,
    road_class: Sequence[str] | None = None,
    aadt: Sequence[float] | None = None,
    folded: Sequence[tuple[Corners, int, int]] = (),
) -> Network:
    return network_from(road_lines(lines, name, road_class, aadt), folded)


def grid_roads(
    n_columns: int, n_rows: int, block_m: float = 100.0, *, arterial_every: int = 4, named: bool = True
) -> RoadLines:
    """Return a grid of named streets cut at its junctions; each fourth one is an arterial with its traffic.

    Streets run east (`E 3rd St`), avenues north (`Avenue 2`).
    """
    lines, names, classes, traffic = [], [], [], []
    for row in range(n_rows):
        for column in range(n_columns - 1):
            lines.append([(column * block_m, row * block_m), ((column + 1) * block_m, row * block_m)])
            names.append(f"E {row + 1}th St" if named else None)
            classes.append("secondary" if row % arterial_every == 0 else "residential")
            traffic.append(15_000.0 if row % arterial_every == 0 else np.nan)
    for column in range(n_columns):
        for row in range(n_rows - 1):
            lines.append([(column * block_m, row * block_m), (column * block_m, (row + 1) * block_m)])
            names.append(f"Avenue {column + 1}" if named else None)
            classes.append("primary" if column % arterial_every == 0 else "residential")
            traffic.append(25_000.0 if column % arterial_every == 0 else np.nan)
    return road_lines(lines, names, classes, traffic)


def grid_network(n_columns: int, n_rows: int, block_m: float = 100.0, *, named: bool = True) -> Network:
    return network_from(grid_roads(n_columns, n_rows, block_m, named=named))


def shuffled(roads: RoadLines, rng: np.random.Generator) -> tuple[RoadLines, np.ndarray]:
    """Return the roads in another order, some run the other way, and where each one came from."""
    order = rng.permutation(len(roads.line))
    turned = rng.random(len(order)) < 0.5
    line = roads.line[order]
    line[turned] = shapely.reverse(line[turned])
    return (
        RoadLines(
            line,
            roads.name[order],
            roads.road_class[order],
            np.where(turned, -roads.oneway[order], roads.oneway[order]).astype(np.int8),
            roads.level[order],
            roads.is_roundabout[order],
            roads.aadt[order],
        ),
        order,
    )


def moved(roads: RoadLines, *, degrees: float = 0.0, dx: float = 0.0, dy: float = 0.0) -> RoadLines:
    """Return the roads turned about the origin, then shifted."""
    line = turned_xy(roads.line, degrees, dx, dy)
    return RoadLines(
        line, roads.name, roads.road_class, roads.oneway, roads.level, roads.is_roundabout, roads.aadt
    )


def turned_xy(lines: np.ndarray, degrees: float, dx: float = 0.0, dy: float = 0.0) -> np.ndarray:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(shapely.transform(lines, lambda xy: xy @ turn.T + [dx, dy]), dtype=object)


def _objects(values: Sequence[object]) -> np.ndarray:
    result = np.empty(len(values), dtype=object)
    result[:] = list(values)
    return result
