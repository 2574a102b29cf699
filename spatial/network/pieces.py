"""Places along routes: coordinates by offset, pieces as lines, names of the streets that cross.

One running measure goes through all routes, with a gap of a metre between two, so that one sorted array
answers for every route at once.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from spatial.errors import InvalidValues
from spatial.network.names import normalised_streets
from spatial.network.parts import Floats, Ints, Mask, Network, Objects, Routes

# From the most to the least of a road; other words of the same rank are those that cities use.
_CLASS_ORDER = (
    "motorway freeway interstate",
    "trunk expressway highway",
    "primary arterial major_arterial principal_arterial",
    "secondary minor_arterial",
    "tertiary collector major_collector minor_collector",
    "motorway_link ramp",
    "trunk_link",
    "primary_link",
    "secondary_link",
    "tertiary_link",
    "unclassified",
    "residential local",
    "living_street",
    "",  # any other word
    "service private alley driveway parking_aisle",
    "track",
    "cycleway",
    "pedestrian footway path steps",
)
_ORDER_OF = {word: i for i, words in enumerate(_CLASS_ORDER) for word in words.split()}
_GAP_M = 1.0


@dataclass(frozen=True)
class RoutePaths:
    """All routes as one row of corners.

    Attributes
    ----------
    x, y, measure : array of float, shape (n_corners,)
        The measure never falls; it jumps by a metre from route to route.
    base : array of float, shape (n_routes,)
        Measure at which a route starts.
    """

    x: Floats
    y: Floats
    measure: Floats
    base: Floats

    def at(self, route: Ints, offset_m: Floats) -> tuple[Floats, Floats]:
        """Return the places at offsets along routes."""
        along = self.base[route] + offset_m
        if not len(along):
            return along, along
        return np.interp(along, self.measure, self.x), np.interp(along, self.measure, self.y)


def class_order(road_class: ArrayLike) -> Ints:
    """Return the place of each class, 0 for the greatest road; words that are not known stand before service.

    Examples
    --------
    >>> order = class_order(["motorway", "residential", "S1400", "service"])
    >>> bool((np.diff(order) > 0).all())
    True
    """
    words, which = np.unique(np.asarray(road_class, dtype=str), return_inverse=True)
    other = _CLASS_ORDER.index("")
    return np.array([_ORDER_OF.get(word.lower(), other) for word in words.tolist()], dtype=np.int64)[which]


def route_paths(network: Network, routes: Routes) -> RoutePaths:
    """Return the corners of all routes in their order."""
    return strung_paths(
        np.asarray(network.line[routes.edge], dtype=object),
        routes.is_reversed,
        routes.route,
        len(routes.length_m),
    )


def strung_paths(lines: Objects, is_reversed: Mask, route: Ints, n_routes: int) -> RoutePaths:
    """Return the corners of lines strung together: lines in route order, each perhaps run backwards."""
    xy = shapely.get_coordinates(lines)
    n_corners = shapely.get_num_coordinates(lines).astype(np.int64)
    first = np.cumsum(n_corners) - n_corners
    of_line = np.repeat(np.arange(len(lines)), n_corners)
    step = np.arange(len(xy)) - first[of_line]
    corner = np.where(
        is_reversed[of_line], first[of_line] + n_corners[of_line] - 1 - step, np.arange(len(xy))
    )
    x, y = xy[corner, 0], xy[corner, 1]
    travelled = np.hypot(np.diff(x, prepend=x[:1]), np.diff(y, prepend=y[:1]))
    # The join of two lines is one place, whatever the last digits of their ends say.
    travelled[first] = 0.0
    starts_route = np.flatnonzero(np.diff(route, prepend=-1))
    travelled[first[starts_route[1:]]] = _GAP_M
    measure = np.cumsum(travelled)
    base = np.zeros(n_routes)
    base[route[starts_route]] = measure[first[starts_route]]
    return RoutePaths(x, y, measure, base)


def route_piece(
    network: Network, routes: Routes, route: int, start_m: float, end_m: float
) -> shapely.LineString:
    """Return one piece of a route; see `route_pieces`."""
    piece: shapely.LineString = route_pieces(network, routes, [route], [start_m], [end_m])[0]
    return piece


def route_pieces(
    network: Network, routes: Routes, route: ArrayLike, start_m: ArrayLike, end_m: ArrayLike
) -> NDArray[np.object_]:
    """Return pieces of routes as lines, in the direction of the route.

    A divided road is drawn along the carriageway that was kept.

    Parameters
    ----------
    network, routes
        Routes of this network.
    route : array of int, shape (n,)
    start_m, end_m : array, shape (n,)
        Metres along the route; what lies beyond its ends is cut off.

    Returns
    -------
    array of shapely LineString, shape (n,)

    Raises
    ------
    InvalidValues
        If a route is not one of these, or a piece has no length.
    """
    number = np.asarray(route, dtype=np.int64)
    if len(number) and (number.min() < 0 or number.max() >= len(routes.length_m)):
        raise InvalidValues(f"route numbers must be 0 to {len(routes.length_m) - 1}, got {number.max()}")
    begin = np.clip(np.asarray(start_m, dtype=np.float64), 0.0, routes.length_m[number])
    finish = np.clip(np.asarray(end_m, dtype=np.float64), 0.0, routes.length_m[number])
    if not (begin < finish).all():
        raise InvalidValues("a piece of a route needs a start before its end, both on the route")
    return _pieces(route_paths(network, routes), number, begin, finish)


def _pieces(paths: RoutePaths, route: Ints, begin: Floats, finish: Floats) -> Objects:
    low, high = paths.base[route] + begin, paths.base[route] + finish
    # Corners strictly between both ends, then the ends themselves in front and behind.
    first = np.searchsorted(paths.measure, low, side="right")
    n_inner = np.maximum(np.searchsorted(paths.measure, high, side="left") - first, 0)
    which = np.repeat(np.arange(len(route)), n_inner)
    inner = first[which] + np.arange(len(which)) - (np.cumsum(n_inner) - n_inner)[which]
    # Joined lines share a corner: one of them is enough.
    inner_is_new = np.diff(paths.measure[inner], prepend=-np.inf) > 0
    inner_is_new[np.flatnonzero(np.diff(which, prepend=-1))] = True
    which, inner = which[inner_is_new], inner[inner_is_new]
    all_which = np.concatenate([np.arange(len(route)), which, np.arange(len(route))])
    part = np.repeat([0, 1, 2], [len(route), len(which), len(route)])
    along = np.concatenate([low, paths.measure[inner], high])
    ends_x, ends_y = paths.at(route, begin), paths.at(route, finish)
    x = np.concatenate([ends_x[0], paths.x[inner], ends_y[0]])
    y = np.concatenate([ends_x[1], paths.y[inner], ends_y[1]])
    order = np.lexsort((along, part, all_which))
    xy = np.column_stack([x, y])[order]
    return np.asarray(shapely.linestrings(xy, indices=all_which[order]), dtype=object)


def cross_streets(
    network: Network, routes: Routes, route: ArrayLike, offset_m: ArrayLike, tolerance_m: float = 60.0
) -> list[str | None]:
    """Return the name of the street that crosses a route nearest to a place on it.

    Parameters
    ----------
    network, routes
        Routes of this network.
    route : array of int, shape (n,)
    offset_m : array, shape (n,)
        Metres along the route.
    tolerance_m : float
        How far along the route the crossing may lie.

    Returns
    -------
    list of str or None
        As the file spells it; the greatest street of the junction, the first by name among equals. None where
        no named street other than the route's own is within the tolerance.
    """
    number = np.asarray(route, dtype=np.int64)
    at = np.asarray(offset_m, dtype=np.float64)
    on_route, where_m, name = _crossings(network, routes)
    if not len(on_route):
        return [None] * len(number)
    base = np.concatenate([[0.0], np.cumsum(routes.length_m + 2 * tolerance_m + _GAP_M)])
    along = base[on_route] + where_m
    wanted = base[number] + at
    after = np.searchsorted(along, wanted)
    left, right = np.maximum(after - 1, 0), np.minimum(after, len(along) - 1)
    # Between two that are equally far the one nearer to the start of the route is taken.
    nearest = np.where(np.abs(wanted - along[left]) <= np.abs(along[right] - wanted) + 1e-6, left, right)
    is_near = (on_route[nearest] == number) & (np.abs(where_m[nearest] - at) <= tolerance_m)
    return [name[i] if near else None for i, near in zip(nearest.tolist(), is_near.tolist(), strict=True)]


def stations(network: Network, routes: Routes) -> tuple[Ints, Floats, Ints]:
    """Return every passing of a route through a node: route, offset in metres, node; in route order."""
    enters = np.where(routes.is_reversed, network.end[routes.edge], network.start[routes.edge])
    leaves = np.where(routes.is_reversed, network.start[routes.edge], network.end[routes.edge])
    is_last = np.diff(routes.route, append=-1) != 0
    route = np.concatenate([routes.route, routes.route[is_last]])
    offset = np.concatenate([routes.offset_m, routes.length_m[routes.route[is_last]]])
    node = np.concatenate([enters, leaves[is_last]])
    order = np.lexsort((np.arange(len(route)), offset, route))
    return route[order], offset[order], node[order]


def _crossings(network: Network, routes: Routes) -> tuple[Ints, Floats, Objects]:
    """Return route, offset and street of every place where a street of another name meets a route."""
    route, offset, node = stations(network, routes)
    raw = network.roads.name[network.road]
    street = normalised_streets(raw)
    own = normalised_streets(routes.name)
    of_edge = np.empty(len(network.line), dtype=np.int64)
    of_edge[routes.edge] = routes.route
    end_node = np.concatenate([network.start, network.end])
    by_node = np.argsort(end_node, kind="stable")
    low = np.searchsorted(end_node[by_node], node, side="left")
    n_ends = np.searchsorted(end_node[by_node], node, side="right") - low
    station = np.repeat(np.arange(len(node)), n_ends)
    within = np.arange(len(station)) - (np.cumsum(n_ends) - n_ends)[station]
    edge = by_node[low[station] + within] % len(network.line)
    has_name = np.array([one is not None for one in street.tolist()], dtype=bool)
    is_other = has_name[edge] & (of_edge[edge] != route[station]) & (street[edge] != own[route[station]])
    station, edge = station[is_other], edge[is_other]
    order = np.lexsort(
        (raw[edge].astype(str), class_order(network.roads.road_class[network.road[edge]]), station)
    )
    station, edge = station[order], edge[order]
    is_first = np.diff(station, prepend=-1) != 0
    best, edge = station[is_first], edge[is_first]
    return route[best], offset[best], np.asarray(raw[edge], dtype=object)
