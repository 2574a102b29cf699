"""Snapping: which road, and where on it, points belong to.

Every straight part of the network is entered in the cells of a square grid that lie within the tolerance of
it; a point meets only the parts of its own cell. The rule, for each point by itself, so that equal points
have equal answers and no order of rows plays a part:

1. Roads within the tolerance are candidates. If the report names streets and a candidate bears the first of
   them, only those candidates stay; if none does but one bears the second, only those.
2. The nearest stays, with all that are no more than 1.5 m farther: positions are not better than that, and
   at a junction two streets are equally far.
3. Of these the greatest class wins, then the most traffic, then the first name, then the route that starts
   farthest west. A bridge and the road below it are told apart by nothing else: a point has no level.
4. On the route that won, the nearest place is taken.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike

from spatial.errors import InvalidValues
from spatial.network.parts import Floats, Ints, Lixels, Mask, Network, Objects, Routes, Snaps
from spatial.network.straight_parts import Grid, StraightParts, Streets, grid_of, straight_parts

TIE_M = 1.5
# The distance of points without a road within the tolerance is looked for so many times farther.
_SEARCH = 10.0
_BORDER_M = 1e-6
_PAIRS_AT_ONCE = 200_000
_THREADS = 2


def snapped(
    network: Network,
    routes: Routes,
    lixels: Lixels,
    x: ArrayLike,
    y: ArrayLike,
    *,
    street: Sequence[object] | Objects | None = None,
    tolerance_m: float = 25.0,
) -> Snaps:
    """Return where on the network points belong.

    Parameters
    ----------
    network, routes, lixels
        Of one another.
    x, y : array, shape (n,)
        Metres of the network's plane. A point without a place (NaN) is unmatched.
    street : sequence of str or None, shape (n,), optional
        The street, address or crossing that was reported with each point.
    tolerance_m : float
        How far from the line of a road a point may lie; above 0.

    Returns
    -------
    Snaps
        In the order of the points. A point on a folded line (the other carriageway, the ring of a roundabout)
        belongs to the nearest place on the edge that stands for it; `distance_m` is to the folded line.

    Raises
    ------
    InvalidValues
        If the arrays differ in length or the tolerance is not above 0.
    """
    px, py = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if px.shape != py.shape or px.ndim != 1 or (street is not None and len(street) != len(px)):
        told = "" if street is None else f" and {len(street)} streets"
        raise InvalidValues(f"points need as many y (and streets) as x, got {px.shape}, {py.shape}{told}")
    if not (np.isfinite(tolerance_m) and tolerance_m > 0):
        raise InvalidValues(f"snapping needs a tolerance above 0 m, got {tolerance_m}")
    found = _nothing_found(len(px))
    is_placed = np.isfinite(px) & np.isfinite(py)
    if not len(network.line) or not is_placed.any():
        return _answer(routes, lixels, found)
    streets = Streets(network.roads.name)
    parts = straight_parts(network, routes, streets)
    reported = None if street is None else streets.reported(_objects(street))
    _find(parts, px, py, np.flatnonzero(is_placed), reported, float(tolerance_m), found)
    _place_folded(network, routes, parts, px, py, found)
    _look_farther(network, px, py, is_placed, _SEARCH * tolerance_m, found)
    return _answer(routes, lixels, found)


@dataclass(frozen=True)
class _Found:
    """What is known of each point so far, filled in place; `part` and `route` are -1 where nothing is."""

    part: Ints
    route: Ints
    offset_m: Floats
    distance_m: Floats
    second_m: Floats
    is_ambiguous: Mask
    by_name: Mask


def _nothing_found(n: int) -> _Found:
    return _Found(
        part=np.full(n, -1, dtype=np.int64),
        route=np.full(n, -1, dtype=np.int64),
        offset_m=np.full(n, np.nan),
        distance_m=np.full(n, np.inf),
        second_m=np.full(n, np.inf),
        is_ambiguous=np.zeros(n, dtype=bool),
        by_name=np.zeros(n, dtype=bool),
    )


def _objects(street: Sequence[object] | Objects) -> Objects:
    result = np.empty(len(street), dtype=object)
    result[:] = list(street)
    return result


def _find(
    parts: StraightParts,
    px: Floats,
    py: Floats,
    placed: Ints,
    reported: Ints | None,
    tolerance_m: float,
    found: _Found,
) -> None:
    box = px[placed].min(), py[placed].min(), px[placed].max(), py[placed].max()
    near_network = _near(parts, px[placed], py[placed], tolerance_m)
    if not near_network.any():
        return
    placed = placed[near_network]
    box = px[placed].min(), py[placed].min(), px[placed].max(), py[placed].max()
    grid = grid_of(parts, box, tolerance_m)

    def chunk(point: Ints, first: Ints, n: Ints) -> None:
        pair = np.repeat(np.arange(len(point)), n)
        part = grid.part[np.arange(len(pair)) + np.repeat(first - (np.cumsum(n) - n), n)]
        away, t = _away(parts, np.repeat(px[point], n), np.repeat(py[point], n), part)
        kept = np.flatnonzero(away <= tolerance_m * tolerance_m)
        if len(kept):
            near = _Near(pair[kept], part[kept], np.sqrt(away[kept]), t[kept])
            _choose(parts, point, near, reported, found)

    # Chunks write rows of their own; NumPy works outside the interpreter's lock.
    with ThreadPoolExecutor(_THREADS) as threads:
        for done in [threads.submit(chunk, *work) for work in _by_cell(grid, px, py, placed)]:
            done.result()


def _near(parts: StraightParts, x: Floats, y: Floats, reach_m: float) -> Mask:
    """Return which points lie in the box around the network: the grid need not span a stray one."""
    left = np.minimum(parts.x, parts.x + parts.dx).min() - reach_m
    right = np.maximum(parts.x, parts.x + parts.dx).max() + reach_m
    low = np.minimum(parts.y, parts.y + parts.dy).min() - reach_m
    high = np.maximum(parts.y, parts.y + parts.dy).max() + reach_m
    return np.asarray((x >= left) & (x <= right) & (y >= low) & (y <= high))


def _by_cell(grid: Grid, px: Floats, py: Floats, placed: Ints) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Yield points that have parts in their cell, cell by cell, with the first and the number of these."""
    if not len(grid.cell):
        return
    column = ((px[placed] - grid.x0) / grid.size_m).astype(np.int64)
    row = ((py[placed] - grid.y0) / grid.size_m).astype(np.int64)
    cell = row * grid.n_columns + column
    order = np.argsort(cell)
    cell = cell[order]
    begins = np.flatnonzero(np.diff(cell, prepend=-1))
    at = np.minimum(np.searchsorted(grid.cell, cell[begins]), len(grid.cell) - 1)
    is_met = grid.cell[at] == cell[begins]
    n_points = np.diff(begins, append=len(cell))
    keep = np.repeat(is_met, n_points)
    point = placed[order[keep]]
    first = np.repeat(grid.first[at[is_met]], n_points[is_met])
    n = np.repeat(grid.n[at[is_met]], n_points[is_met])
    chunk = np.cumsum(n) // _PAIRS_AT_ONCE
    for part in np.split(np.arange(len(point)), np.flatnonzero(np.diff(chunk)) + 1):
        yield point[part], first[part], n[part]


@dataclass(frozen=True)
class _Near:
    """Parts within the tolerance of the points of a chunk: whose (ascending), which, how far, where on it."""

    pair: Ints
    part: Ints
    distance_m: Floats
    t: Floats


def _away(parts: StraightParts, x: Floats, y: Floats, part: Ints) -> tuple[Floats, Floats]:
    """Return squared distances of places from parts, and where (0 to 1) on a part the nearest place is."""
    dx, dy = parts.dx[part], parts.dy[part]
    wx, wy = x - parts.x[part], y - parts.y[part]
    t = wx * dx
    t += wy * dy
    t *= parts.per_square_m[part]
    np.clip(t, 0.0, 1.0, out=t)
    wx -= t * dx
    wy -= t * dy
    return wx * wx + wy * wy, t


def _choose(parts: StraightParts, point: Ints, near: _Near, reported: Ints | None, found: _Found) -> None:
    """Apply the rule to the points of a chunk that have a part near them."""
    pair, part, distance, t = near.pair, near.part, near.distance_m, near.t
    begins = np.flatnonzero(np.diff(pair, prepend=-1))
    point = point[pair[begins]]
    group = np.repeat(np.arange(len(begins)), np.diff(begins, append=len(pair)))
    pool = None if reported is None else _pool(parts, part, reported[:, point], group, begins)
    in_pool = distance if pool is None else np.where(pool, distance, np.inf)
    limit = np.minimum.reduceat(in_pool, begins) + TIE_M
    contends = in_pool <= limit[group]
    rank = np.where(contends, parts.rank[part], np.iinfo(np.int64).max)
    is_winner = rank == np.minimum.reduceat(rank, begins)[group]
    route = np.maximum.reduceat(np.where(is_winner, parts.route[part], -1), begins)
    on_route = parts.route[part] == route[group]
    # On the winning route: the nearest place; of two equally near the one that comes first on it.
    own = np.where(contends & on_route, distance, np.inf)
    nearest = np.minimum.reduceat(own, begins)
    place = np.where(own <= nearest[group] + 1e-6, np.arange(len(part)), len(part))
    best = np.minimum.reduceat(place, begins)
    found.part[point], found.route[point] = part[best], route
    chosen = part[best]
    found.offset_m[point] = parts.offset_m[chosen] + t[best] * parts.length_m[chosen]
    found.distance_m[point] = distance[best]
    found.second_m[point] = np.minimum.reduceat(np.where(on_route, np.inf, distance), begins)
    found.is_ambiguous[point] = np.logical_or.reduceat(contends & ~on_route, begins)
    if pool is not None:
        beaten = ~pool & ~on_route & (distance <= nearest[group] + TIE_M)
        found.by_name[point] = np.logical_or.reduceat(beaten, begins)


def _pool(parts: StraightParts, part: Ints, reported: Ints, group: Ints, begins: Ints) -> Mask:
    """Return the candidates that stay after rule 1."""
    stem = parts.stem[part]
    level = np.zeros(len(part), dtype=np.int8)
    for row, value in ((2, 1), (0, 2)):
        fits = np.flatnonzero(stem == reported[row][group])
        kind, asked = parts.kind[part[fits]], reported[row + 1][group[fits]]
        level[fits[(kind == asked) | (kind == 0) | (asked == 0)]] = value
    return np.asarray(level == np.maximum.reduceat(level, begins)[group])


def _place_folded(
    network: Network, routes: Routes, parts: StraightParts, px: Floats, py: Floats, found: _Found
) -> None:
    """Give points on folded lines the nearest place on the edge that stands for them."""
    point = np.flatnonzero((found.part >= 0) & np.isnan(found.offset_m))
    if not len(point):
        return
    place = np.empty(len(network.line), dtype=np.int64)
    place[routes.edge] = np.arange(len(network.line))
    edge = parts.edge[found.part[point]]
    along = shapely.line_locate_point(network.line[edge], shapely.points(px[point], py[point]))
    turned = routes.is_reversed[place[edge]]
    found.offset_m[point] = routes.offset_m[place[edge]] + np.where(
        turned, network.length_m[edge] - along, along
    )


def _look_farther(
    network: Network, px: Floats, py: Floats, is_placed: Mask, reach_m: float, found: _Found
) -> None:
    """Tell how far unmatched points are from the nearest line."""
    point = np.flatnonzero(is_placed & (found.part < 0))
    if not len(point):
        return
    tree = shapely.STRtree(np.concatenate([network.line, network.folded_line]))
    (which, _), distance = tree.query_nearest(
        shapely.points(px[point], py[point]), max_distance=reach_m, return_distance=True, all_matches=False
    )
    found.distance_m[point[which]] = distance


def _answer(routes: Routes, lixels: Lixels, found: _Found) -> Snaps:
    lixel = np.full(len(found.part), -1, dtype=np.int64)
    point = np.flatnonzero(found.route >= 0)
    route = found.route[point]
    offset = np.clip(found.offset_m[point], 0.0, routes.length_m[route])
    # Pieces are equal: the share of the route says which one it is, but for the last digits. What lies on a
    # border, as a junction may, belongs to the next piece, however its line was drawn.
    n = np.bincount(lixels.route, minlength=len(routes.length_m))[route]
    first = np.searchsorted(lixels.route, np.arange(len(routes.length_m)))[route]
    share = np.clip(offset / routes.length_m[route] * n, 0, n - 1).astype(np.int64)
    share -= (offset < lixels.start_m[first + share] - _BORDER_M) & (share > 0)
    share += (offset >= lixels.end_m[first + share] - _BORDER_M) & (share < n - 1)
    lixel[point] = first + share
    all_offsets = np.full(len(found.part), np.nan)
    all_offsets[point] = offset
    return Snaps(
        lixel=lixel,
        route=found.route,
        offset_m=all_offsets,
        distance_m=found.distance_m,
        second_m=found.second_m,
        is_ambiguous=found.is_ambiguous,
        by_name=found.by_name,
    )
