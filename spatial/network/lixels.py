"""Lixels: routes cut in equal short pieces, the units on which incidents are counted."""

import numpy as np

from spatial.errors import InvalidValues
from spatial.network.parts import Floats, Ints, Lixels, Network, Routes
from spatial.network.pieces import class_order, route_paths, stations
from spatial.network.routes import most

# A junction this near to the border of two pieces lies between them.
_BORDER_M = 1e-6
# By so much a route may fall short of a whole number of pieces through rounding alone.
_SAME = 1e-9


def lixels_of(network: Network, routes: Routes, *, length_m: float = 80.0, at_least: bool = False) -> Lixels:
    """Return each route in equal pieces of about a length: L / n long, n = L / length rounded, at least one.

    Parameters
    ----------
    network, routes
        Routes of this network.
    length_m : float
        Above 0.
    at_least : bool
        Round n down, so that no piece is shorter, of a route that is not itself.

    Returns
    -------
    Lixels
        Of all routes in their order. The class is the one of most of the piece (the greater among equals),
        the traffic the mean by length of what is known, a junction between two pieces counts half in each.

    Raises
    ------
    InvalidValues
        If the length is not above 0.
    """
    if not (np.isfinite(length_m) and length_m > 0):
        raise InvalidValues(f"pieces of a route need a length above 0 m, got {length_m}")
    times = routes.length_m / length_m
    n = np.maximum(1, np.floor(times + _SAME) if at_least else np.rint(times)).astype(np.int64)
    route = np.repeat(np.arange(len(n)), n)
    piece = np.arange(len(route)) - (np.cumsum(n) - n)[route]
    start = routes.length_m[route] * piece / n[route]
    end = routes.length_m[route] * (piece + 1) / n[route]
    x, y = route_paths(network, routes).at(route, (start + end) / 2)
    lixel, edge, share_m = _overlaps(routes, route, start, end)
    words, which = np.unique(network.roads.road_class[network.road].astype(str), return_inverse=True)
    order = np.lexsort((words, class_order(words)))
    _, best = most(lixel, np.argsort(order)[which[edge]], share_m)
    return Lixels(
        route=route,
        start_m=start,
        end_m=end,
        x=x,
        y=y,
        road_class=words[order][best].astype(object),
        aadt=_traffic(network, lixel, edge, share_m, len(route)),
        junctions=_junctions(network, routes, n),
    )


def _overlaps(routes: Routes, route: Ints, start: Floats, end: Floats) -> tuple[Ints, Ints, Floats]:
    """Return piece, edge and metres of all that they share."""
    base = (
        np.concatenate([[0.0], np.cumsum(routes.length_m + 1.0)[:-1]])
        if len(routes.length_m)
        else np.zeros(0)
    )
    piece_from, edge_from = base[route] + start, base[routes.route] + routes.offset_m
    piece_to = base[route] + end
    edge_to = np.append(edge_from[1:], np.inf)
    is_last = np.diff(routes.route, append=-1) != 0
    edge_to[is_last] = (base + routes.length_m)[routes.route[is_last]]
    first = np.maximum(np.searchsorted(edge_from, piece_from, side="right") - 1, 0)
    n = np.maximum(np.searchsorted(edge_from, piece_to, side="left") - first, 1)
    lixel = np.repeat(np.arange(len(route)), n)
    at = first[lixel] + np.arange(len(lixel)) - (np.cumsum(n) - n)[lixel]
    metres = np.minimum(piece_to[lixel], edge_to[at]) - np.maximum(piece_from[lixel], edge_from[at])
    return lixel, routes.edge[at], np.maximum(metres, 0.0)


def _traffic(network: Network, lixel: Ints, edge: Ints, share_m: Floats, n: int) -> Floats:
    aadt = network.aadt[edge]
    known = np.isfinite(aadt)
    metres = np.bincount(lixel[known], weights=share_m[known], minlength=n)
    total = np.bincount(lixel[known], weights=share_m[known] * aadt[known], minlength=n)
    mean: Floats = np.divide(total, metres, out=np.full(n, np.nan), where=metres > 0)
    return mean


def _junctions(network: Network, routes: Routes, n: Ints) -> Floats:
    """Return junctions by piece; the place where a loop closes lies between its last and its first piece."""
    degree = np.bincount(np.concatenate([network.start, network.end]), minlength=len(network.node_x))
    route, offset, node = stations(network, routes)
    is_junction = degree[node] >= 3
    route, offset = route[is_junction], offset[is_junction]
    length, first = routes.length_m[route], (np.cumsum(n) - n)[route]
    size = length / n[route]
    border = np.rint(offset / size).astype(np.int64)
    is_border = np.abs(offset - border * size) <= _BORDER_M
    inner = np.minimum(np.floor(offset / size).astype(np.int64), n[route] - 1)
    before, after = np.where(is_border, border - 1, inner), np.where(is_border, border, inner)
    # A loop meets its closing junction twice, at both ends: half in the first and half in the last piece.
    loops = routes.is_loop[route]
    weight_before = np.where(before >= 0, np.where((after < n[route]) | loops, 0.5, 1.0), 0.0)
    weight_after = np.where(after < n[route], np.where((before >= 0) | loops, 0.5, 1.0), 0.0)
    n_all = int(n.sum())
    pieces = np.concatenate([first + np.maximum(before, 0), first + np.minimum(after, n[route] - 1)])
    weights = np.concatenate([weight_before, weight_after])
    return np.asarray(np.bincount(pieces, weights=weights, minlength=n_all), dtype=np.float64)
