"""The straight parts of a network's lines, and a square grid that says which of them are near a place."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from spatial.network.names import normalised_streets, reported_streets, street_parts
from spatial.network.parts import Floats, Ints, Network, Objects, Routes
from spatial.network.pieces import class_order

_NO_STREET, _NO_NAME, _NO_KIND = -1, -2, 0
_PARTS_AT_ONCE = 50_000
# Longer parts enter the grid piece by piece, so that a diagonal does not fill the box around it.
_CELLS_OF_A_PIECE = 4


@dataclass(frozen=True)
class StraightParts:
    """Straight parts of edges and folded lines, in the order of the routes.

    Attributes
    ----------
    x, y, dx, dy, length_m : array of float, shape (n,)
        Where a part begins and how far it goes; always some way.
    per_square_m : array of float, shape (n,)
        One by the squared length.
    edge, route : array of int, shape (n,)
    rank : array of int, shape (n,)
        Of the edge: smaller goes before when nothing else decides. By class, traffic, name, route.
    offset_m : array of float, shape (n,)
        Where on the route the part begins; it runs with the route. NaN on folded lines.
    stem, kind : array of int, shape (n,)
        Numbers of what the road is called, see `Streets`.
    """

    x: Floats
    y: Floats
    dx: Floats
    dy: Floats
    length_m: Floats
    per_square_m: Floats
    edge: Ints
    route: Ints
    rank: Ints
    offset_m: Floats
    stem: Ints
    kind: Ints


@dataclass(frozen=True)
class Grid:
    """Parts near each cell: those of `cell[i]` are `part[first[i] : first[i] + n[i]]`; cells ascend."""

    x0: float
    y0: float
    size_m: float
    n_columns: int
    n_rows: int
    cell: Ints
    first: Ints
    n: Ints
    part: Ints


class Streets:
    """Numbers for stems and kinds of the street names of a network."""

    def __init__(self, names: Objects) -> None:
        normalised = normalised_streets(names)
        is_named = np.array([name is not None for name in normalised.tolist()], dtype=bool)
        different, which = np.unique(normalised[is_named].astype(str), return_inverse=True)
        self._stems: dict[str, int] = {}
        self._kinds: dict[str, int] = {"": _NO_KIND}
        self._known: dict[int, set[int]] = {}
        codes = np.array([self._add(name) for name in different.tolist()], dtype=np.int64).reshape(-1, 2)
        self.order = np.full(len(names), len(different), dtype=np.int64)
        self.order[is_named] = which
        self.stem = np.full(len(names), _NO_NAME, dtype=np.int64)
        self.kind = np.full(len(names), _NO_KIND, dtype=np.int64)
        self.stem[is_named], self.kind[is_named] = codes[which, 0], codes[which, 1]

    def _add(self, name: str) -> tuple[int, int]:
        kind, stem = street_parts(name)
        code = (
            self._stems.setdefault(stem, len(self._stems)),
            self._kinds.setdefault(kind, len(self._kinds)),
        )
        self._known.setdefault(code[0], set()).add(code[1])
        return code

    def reported(self, streets: NDArray[np.object_]) -> Ints:
        """Return stem and kind of the first and of the second street that each text names, shape (4, n).

        Of the readings of a street the fullest one that a street of the network bears is taken.
        """
        texts = streets.tolist()
        number = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        table = np.full((4, len(number)), _NO_STREET, dtype=np.int64)
        for text, i in number.items():
            readings = reported_streets(text) if isinstance(text, str) else ()
            for row, one in zip((0, 2), readings, strict=False):
                table[row : row + 2, i] = self._first_known(one)
        return table[:, np.fromiter(map(number.__getitem__, texts), dtype=np.int64, count=len(texts))]

    def _first_known(self, readings: tuple[str, ...]) -> tuple[int, int]:
        for reading in readings:
            kind, stem = street_parts(reading)
            kinds = self._known.get(self._stems.get(stem, _NO_STREET), set())
            code = self._kinds.get(kind, -1)
            if kinds and (code == _NO_KIND or code in kinds or _NO_KIND in kinds):
                return self._stems[stem], code
        return _NO_STREET, _NO_KIND


def straight_parts(network: Network, routes: Routes, streets: Streets) -> StraightParts:
    """Return the straight parts of all lines; neither rows nor directions of the file decide their order."""
    n_edges = len(network.line)
    line = np.concatenate([network.line, network.folded_line]).astype(object)
    # Edges as the route runs them: of two equally near places the one first on the route comes first.
    turned = routes.edge[routes.is_reversed]
    line[turned] = shapely.reverse(line[turned])
    edge_of = np.concatenate([np.arange(n_edges), network.folded_edge]).astype(np.int64)
    road_of = np.concatenate([network.road, network.folded_road]).astype(np.int64)
    place = np.empty(n_edges, dtype=np.int64)
    place[routes.edge] = np.arange(n_edges)
    middle = np.round(shapely.get_coordinates(shapely.centroid(line)), 3)
    is_folded = np.arange(len(line)) >= n_edges
    order = np.lexsort((middle[:, 1], middle[:, 0], is_folded, place[edge_of]))
    xy = shapely.get_coordinates(line[order])
    of_corner = np.repeat(np.arange(len(order)), shapely.get_num_coordinates(line[order]))
    is_part = (of_corner[1:] == of_corner[:-1]) & np.diff(xy, axis=0).any(axis=1)
    of_line = of_corner[:-1][is_part]
    step = np.diff(xy, axis=0)[is_part]
    length = np.hypot(step[:, 0], step[:, 1])
    run = np.cumsum(length) - length
    run -= run[np.searchsorted(of_line, of_line)]
    edge, folded = edge_of[order][of_line], is_folded[order][of_line]
    return StraightParts(
        x=xy[:-1, 0][is_part],
        y=xy[:-1, 1][is_part],
        dx=step[:, 0],
        dy=step[:, 1],
        length_m=length,
        per_square_m=1.0 / length**2,
        edge=edge,
        route=routes.route[place[edge]],
        rank=_ranks(network, routes, place, streets)[edge],
        offset_m=np.where(folded, np.nan, routes.offset_m[place[edge]] + run),
        stem=streets.stem[road_of[order][of_line]],
        kind=streets.kind[road_of[order][of_line]],
    )


def _ranks(network: Network, routes: Routes, place: Ints, streets: Streets) -> Ints:
    order = np.lexsort(
        (
            place,
            routes.route[place],
            streets.order[network.road],
            -np.where(np.isfinite(network.aadt), network.aadt, -1.0),
            class_order(network.roads.road_class[network.road]),
        )
    )
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank


def grid_of(parts: StraightParts, box: tuple[float, float, float, float], reach_m: float) -> Grid:
    """Return the grid over a box in which every part is entered in all cells within reach of it."""
    # Cells of the reach: smaller ones make more entries than they save comparisons.
    size = max(reach_m, 10.0)
    x0, y0, x1, y1 = box
    columns, rows = int((x1 - x0) // size) + 1, int((y1 - y0) // size) + 1
    grid = Grid(x0, y0, size, columns, rows, *(np.zeros(0, np.int64),) * 4)
    chosen = np.flatnonzero(
        (np.minimum(parts.x, parts.x + parts.dx) <= x1 + reach_m)
        & (np.maximum(parts.x, parts.x + parts.dx) >= x0 - reach_m)
        & (np.minimum(parts.y, parts.y + parts.dy) <= y1 + reach_m)
        & (np.maximum(parts.y, parts.y + parts.dy) >= y0 - reach_m)
    )
    entries = [
        _entries(parts, chosen[i : i + _PARTS_AT_ONCE], grid, reach_m)
        for i in range(0, len(chosen), _PARTS_AT_ONCE)
    ]
    # One number per entry: sorting numbers is much quicker than sorting rows.
    packed = np.sort(np.concatenate(entries)) if entries else np.zeros(0, np.int64)
    packed = packed[np.diff(packed, prepend=-1) != 0]
    cell, part = packed // len(parts.x), packed % len(parts.x)
    first = np.flatnonzero(np.diff(cell, prepend=-1))
    return Grid(x0, y0, size, columns, rows, cell[first], first, np.diff(first, append=len(cell)), part)


def _entries(parts: StraightParts, chosen: Ints, grid: Grid, reach_m: float) -> Ints:
    """Return cell · parts + part for each cell whose middle is within reach and half a diagonal of a part."""
    n = np.maximum(1, np.ceil(parts.length_m[chosen] / (_CELLS_OF_A_PIECE * grid.size_m))).astype(np.int64)
    part = np.repeat(chosen, n)
    share = 1.0 / np.repeat(n, n)
    begin = (np.arange(len(part)) - np.repeat(np.cumsum(n) - n, n)) * share
    dx, dy = parts.dx[part] * share, parts.dy[part] * share
    x, y = parts.x[part] + parts.dx[part] * begin - grid.x0, parts.y[part] + parts.dy[part] * begin - grid.y0
    left, right = _span(x, dx, grid.size_m, reach_m, grid.n_columns)
    low, high = _span(y, dy, grid.size_m, reach_m, grid.n_rows)
    width, height = np.maximum(right - left + 1, 0), np.maximum(high - low + 1, 0)
    which = np.repeat(np.arange(len(part)), width * height)
    k = np.arange(len(which)) - np.repeat(np.cumsum(width * height) - width * height, width * height)
    column, row = left[which] + k % width[which], low[which] + k // width[which]
    wx, wy = (column + 0.5) * grid.size_m - x[which], (row + 0.5) * grid.size_m - y[which]
    square = np.maximum(dx * dx + dy * dy, 1e-300)
    t = np.clip((wx * dx[which] + wy * dy[which]) / square[which], 0.0, 1.0)
    away = np.hypot(wx - t * dx[which], wy - t * dy[which])
    is_near = away <= reach_m + grid.size_m * np.sqrt(0.5) + 1e-6
    cell = row[is_near] * grid.n_columns + column[is_near]
    return np.asarray(cell * len(parts.x) + part[which[is_near]], dtype=np.int64)


def _span(begin: Floats, step: Floats, size_m: float, reach_m: float, n: int) -> tuple[Ints, Ints]:
    first = np.floor((np.minimum(begin, begin + step) - reach_m) / size_m)
    last = np.floor((np.maximum(begin, begin + step) + reach_m) / size_m)
    return np.clip(first, 0, n).astype(np.int64), np.clip(last, -1, n - 1).astype(np.int64)
