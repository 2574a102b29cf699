"""Routes: edges strung together as a driver would follow them.

At a node where just two edges meet the road goes on, whatever its bend, if both have one name, or neither has
one and both are of one class. At every other node pairs of edges are joined, the best ones first: same name
before other pairs, same class before others, then the smaller bend. A pair of one name may bend by less than
90°, any other pair by less than 45°. A named edge goes on as an unnamed one only within one class; two
different names are never joined, nor strung together by unnamed edges between them. Each end of an edge has
at most one partner, so every edge lies in exactly one route.

Bends are measured 20 m along the road, through the nodes where it only goes on: it does not matter at how
many corners a road is cut. What is equally good is decided by length and place, never by the order of rows.
A route starts at its end with the smaller x, then y; a closed one runs counter-clockwise.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from spatial.network.names import normalised_streets
from spatial.network.parts import Floats, Ints, Mask, Network, Objects, Routes
from spatial.network.pieces import class_order, strung_paths

# An end of an edge is a number: 2 · edge for its start, 2 · edge + 1 for its end. `partner` holds for each
# end the one that it is joined to, -1 for none.
_NONE = -1
_LOOK_M = 20.0
_BEND_OF_A_NAME = 90.0
_BEND = 45.0


@dataclass(frozen=True)
class _Strings:
    """Edges in the order and direction of their strings; first and last are ends of edges."""

    edge: Ints
    is_reversed: Mask
    string: Ints
    offset_m: Floats
    length_m: Floats
    first: Ints
    last: Ints


@dataclass(frozen=True)
class _Ends:
    """What is known of the ends of edges, and of the edges (name and class as numbers)."""

    node: Ints
    x: Floats
    y: Floats
    name: Ints
    road_class: Ints
    degree: Ints


def routes_of(network: Network) -> Routes:
    """Return the routes of a network.

    Parameters
    ----------
    network : Network
        Cut at its junctions.

    Returns
    -------
    Routes
        In the order of the place where they start.

    Examples
    --------
    A cross of two streets, each cut at the middle: two routes of 200 m.

    >>> from spatial.network.parts import RoadLines
    >>> import shapely
    >>> node_x, node_y = np.array([-100.0, 0, 100, 0, 0]), np.array([0.0, 0, 0, -100, 100])
    >>> start, end = np.array([0, 1, 3, 4]), np.array([1, 2, 1, 1])
    >>> line = shapely.linestrings(
    ...     [[(node_x[a], node_y[a]), (node_x[b], node_y[b])] for a, b in zip(start, end)]
    ... )
    >>> roads = RoadLines(
    ...     line, np.array(["A St", "A Street", "B St", "B St"], dtype=object), np.array(["residential"] * 4,
    ...     dtype=object), np.zeros(4, np.int8), np.zeros(4, np.int16), np.zeros(4, bool), np.full(4, np.nan),
    ... )
    >>> nothing = np.array([], dtype=np.int64)
    >>> network = Network(node_x, node_y, start, end, line, np.full(4, 100.0), np.arange(4), np.zeros(4, int),
    ...     nothing.astype(object), nothing, nothing, np.zeros(4, bool), np.full(4, np.nan), roads)
    >>> routes = routes_of(network)
    >>> routes.edge.tolist(), routes.is_reversed.tolist(), routes.length_m.tolist(), routes.name.tolist()
    ([0, 1, 2, 3], [False, False, False, True], [200.0, 200.0], ['A St', 'B St'])
    """
    if not len(network.line):
        return _no_routes()
    ends = _ends_of(network)
    partner = _continued(ends)
    partner, bend = _joined(network, ends, partner)
    partner = _opened(ends, partner)
    strings = _strung(network, ends, partner)
    cut = _between_names(ends, strings, bend)
    if len(cut):
        partner[partner[cut]] = _NONE
        partner[cut] = _NONE
        strings = _strung(network, ends, partner)
    return _numbered(network, ends, strings)


def _ends_of(network: Network) -> _Ends:
    names = normalised_streets(network.roads.name[network.road])
    is_named = np.array([name is not None for name in names.tolist()], dtype=bool)
    code = np.full(len(names), _NONE, dtype=np.int64)
    code[is_named] = np.unique(names[is_named].astype(str), return_inverse=True)[1]
    classes = network.roads.road_class[network.road].astype(str)
    node = np.column_stack([network.start, network.end]).ravel().astype(np.int64)
    return _Ends(
        node=node,
        x=np.round(network.node_x[node], 3),
        y=np.round(network.node_y[node], 3),
        name=code,
        road_class=np.unique(classes, return_inverse=True)[1].astype(np.int64),
        degree=np.bincount(node, minlength=len(network.node_x)),
    )


def _continued(ends: _Ends) -> Ints:
    """Join the two edges of every node that is no junction, if nothing changes there."""
    partner = np.full(len(ends.node), _NONE, dtype=np.int64)
    by_node = np.argsort(ends.node, kind="stable")
    pair = by_node[ends.degree[ends.node[by_node]] == 2].reshape(-1, 2)
    a, b = pair[:, 0], pair[:, 1]
    name, other = ends.name[a // 2], ends.name[b // 2]
    goes_on = (name == other) & ((name >= 0) | (ends.road_class[a // 2] == ends.road_class[b // 2]))
    a, b = a[goes_on], b[goes_on]
    partner[a], partner[b] = b, a
    return partner


def _joined(network: Network, ends: _Ends, partner: Ints) -> tuple[Ints, Floats]:
    """Join the best pairs of what still ends at a node; return partners and the bends of the joins."""
    strands = _strung(network, ends, _opened(ends, partner))
    x, y = _looks(network, strands)
    end = np.concatenate([strands.first, strands.last])
    strand = np.tile(np.arange(len(strands.length_m)), 2)
    # Ends that are joined already (of a ring that was opened) have no other choice to make.
    is_free = partner[end] < 0
    end, strand, x, y = end[is_free], strand[is_free], x[is_free], y[is_free]
    by_node = np.argsort(ends.node[end], kind="stable")
    i, j = _pairs_within(ends.node[end][by_node])
    a, b = by_node[i], by_node[j]
    bends = _bends(x - ends.x[end], y - ends.y[end], a, b)
    rank, may = _rank(ends, end[a], end[b], bends)
    may &= strand[a] != strand[b]
    length = np.round(strands.length_m[strand[a]] + strands.length_m[strand[b]], 2)
    place = _places(np.round(x, 2), np.round(y, 2))
    low, high = np.minimum(place[a], place[b]), np.maximum(place[a], place[b])
    order = np.lexsort((high, low, -length, np.round(bends, 2), rank, ends.node[end[a]]))
    order = order[may[order]]
    partner, bend = partner.copy(), np.full(len(partner), np.nan)
    for a_end, b_end, at in _best_first(ends, end[a][order], end[b][order], bends[order]):
        partner[a_end], partner[b_end] = b_end, a_end
        bend[a_end] = bend[b_end] = at
    return partner, bend


def _looks(network: Network, strands: _Strings) -> tuple[Floats, Floats]:
    """Return where one looks from each end: of all first ends, then of all last ones."""
    n = len(strands.length_m)
    paths = strung_paths(
        np.asarray(network.line[strands.edge], dtype=object), strands.is_reversed, strands.string, n
    )
    look = np.minimum(_LOOK_M, strands.length_m / 2)
    number = np.tile(np.arange(n), 2)
    return paths.at(number, np.concatenate([look, strands.length_m - look]))


def _pairs_within(group: Ints) -> tuple[Ints, Ints]:
    """Return all pairs of places with one value; `group` is sorted."""
    place = np.arange(len(group))
    n_later = np.searchsorted(group, group, side="right") - place - 1
    i = np.repeat(place, n_later)
    return i, i + 1 + np.arange(len(i)) - (np.cumsum(n_later) - n_later)[i]


def _bends(dx: Floats, dy: Floats, a: Ints, b: Ints) -> Floats:
    """Return by how many degrees one turns from one edge into the other; 0 is straight on."""
    cross = dx[a] * dy[b] - dy[a] * dx[b]
    dot = dx[a] * dx[b] + dy[a] * dy[b]
    return np.degrees(np.arctan2(np.abs(cross), -dot))


def _rank(ends: _Ends, a: Ints, b: Ints, bends: Floats) -> tuple[Ints, Mask]:
    """Return how well a pair fits but for its bend (0 best), and whether it may be joined at all."""
    name, other = ends.name[a // 2], ends.name[b // 2]
    same_name = (name == other) & (name >= 0)
    same_class = ends.road_class[a // 2] == ends.road_class[b // 2]
    no_names = (name < 0) & (other < 0)
    one_name = (name < 0) != (other < 0)
    may = (same_name & (bends < _BEND_OF_A_NAME)) | ((no_names | (one_name & same_class)) & (bends < _BEND))
    return np.where(same_name, 0, 2) + np.where(same_class, 0, 1), may


def _places(x: Floats, y: Floats) -> Ints:
    """Return the order of points by x, then y."""
    return np.unique(np.column_stack([x, y]), axis=0, return_inverse=True)[1].ravel().astype(np.int64)


def _best_first(ends: _Ends, a: Ints, b: Ints, bends: Floats) -> list[tuple[Ints, Ints, Floats]]:
    """Return the pairs to join, best first at every node; they come by node, then by how good they are."""
    rounds = []
    is_taken = np.zeros(len(ends.node), dtype=bool)
    while len(a):
        first = np.diff(ends.node[a], prepend=-1) != 0
        is_taken[a[first]] = is_taken[b[first]] = True
        rounds.append((a[first], b[first], bends[first]))
        left = ~(is_taken[a] | is_taken[b])
        a, b, bends = a[left], b[left], bends[left]
    return rounds


def _opened(ends: _Ends, partner: Ints) -> Ints:
    """Cut every ring at one node: a junction if it has one, then the smallest x, then y."""
    n = len(partner) // 2
    joined = np.flatnonzero(partner >= 0)
    graph = csr_array((np.ones(len(joined), np.int8), (joined // 2, partner[joined] // 2)), shape=(n, n))
    n_parts, part = connected_components(graph, directed=False)
    is_open = np.zeros(n_parts, dtype=bool)
    is_open[part[np.flatnonzero(partner < 0) // 2]] = True
    end = np.flatnonzero(~is_open[part[np.arange(len(partner)) // 2]])
    if not len(end):
        return partner.copy()
    is_junction = ends.degree[ends.node[end]] > 2
    order = np.lexsort((ends.y[end], ends.x[end], ~is_junction, part[end // 2]))
    end = end[order]
    cut = end[np.diff(part[end // 2], prepend=-1) != 0]
    result = partner.copy()
    result[partner[cut]] = _NONE
    result[cut] = _NONE
    return result


def _strung(network: Network, ends: _Ends, partner: Ints) -> _Strings:
    """Return joined edges in their order; `partner` holds no ring."""
    n = len(network.line)
    edge = np.arange(n)
    steps, terminal = _walked(partner)
    behind, before = terminal[2 * edge], terminal[2 * edge + 1]
    low, high = np.minimum(behind, before), np.maximum(behind, before)
    ways, way = np.unique(low * np.int64(2 * n) + high, return_inverse=True)
    first, last = ways // (2 * n), ways % (2 * n)
    swap = _starts_at_last(network, ends, first, last, way, behind)
    first, last = np.where(swap, last, first), np.where(swap, first, last)
    is_reversed = behind != first[way]
    position = np.where(is_reversed, steps[2 * edge + 1], steps[2 * edge])
    order = np.lexsort((position, way))
    string = way[order].astype(np.int64)
    length = np.bincount(way, weights=network.length_m, minlength=len(ways))
    run = np.cumsum(network.length_m[order]) - network.length_m[order]
    begins = np.flatnonzero(np.diff(string, prepend=-1))
    offset = run - run[begins][string]
    return _Strings(
        edge=order.astype(np.int64),
        is_reversed=is_reversed[order],
        string=string,
        offset_m=np.asarray(offset, dtype=np.float64),
        length_m=np.asarray(length, dtype=np.float64),
        first=first,
        last=last,
    )


def _walked(partner: Ints) -> tuple[Ints, Ints]:
    """Return, leaving an edge through an end, how many more edges follow and the end where they stop."""
    place = np.arange(len(partner))
    hop = np.where(partner >= 0, partner ^ 1, place)
    steps = (partner >= 0).astype(np.int64)
    # Each round doubles the way that is looked ahead.
    while True:
        further = hop[hop]
        if np.array_equal(further, hop):
            return steps, hop
        steps = steps + steps[hop]
        hop = further


def _starts_at_last(network: Network, ends: _Ends, first: Ints, last: Ints, way: Ints, behind: Ints) -> Mask:
    """Return which strings should be run the other way round."""
    dx, dy = ends.x[last] - ends.x[first], ends.y[last] - ends.y[first]
    swap = (dx < 0) | ((dx == 0) & (dy < 0))
    is_closed = (dx == 0) & (dy == 0)
    if not is_closed.any():
        return np.asarray(swap, dtype=bool)
    area = np.zeros(len(first))
    edge = np.flatnonzero(is_closed[way])
    turn = np.where(behind[edge] == first[way[edge]], 1.0, -1.0)
    np.add.at(
        area, way[edge], turn * _swept(network, edge, ends.x[first[way[edge]]], ends.y[first[way[edge]]])
    )
    flat = is_closed & (np.abs(area) < 1e-3)
    swap = np.where(is_closed, area < 0, swap)
    corners = _second_corners(network, np.concatenate([first, last]))
    x, y = corners[0].reshape(2, -1), corners[1].reshape(2, -1)
    back = (x[1] < x[0]) | ((x[1] == x[0]) & (y[1] < y[0]))
    return np.asarray(np.where(flat, back, swap), dtype=bool)


def _swept(network: Network, edge: Ints, x0: Floats, y0: Floats) -> Floats:
    """Return twice the area that a line sweeps, seen from a point; positive to the left."""
    path = strung_paths(
        np.asarray(network.line[edge], dtype=object),
        np.zeros(len(edge), dtype=bool),
        np.arange(len(edge)),
        len(edge),
    )
    of = np.searchsorted(path.base, path.measure, side="right") - 1
    x, y = path.x - x0[of], path.y - y0[of]
    cross = np.append(x[:-1] * y[1:] - x[1:] * y[:-1], 0.0)
    cross[:-1][of[1:] != of[:-1]] = 0.0
    return np.asarray(np.bincount(of, weights=cross, minlength=len(edge)), dtype=np.float64)


def _second_corners(network: Network, end: Ints) -> tuple[Floats, Floats]:
    """Return the corner next to each end of an edge."""
    corner = shapely.get_point(network.line[end // 2], np.where(end % 2 == 0, 1, -2))
    return np.round(shapely.get_x(corner), 3), np.round(shapely.get_y(corner), 3)


def _between_names(ends: _Ends, strings: _Strings, bend: Floats) -> Ints:
    """Return ends to cut so that no string holds two names: of each unnamed gap the join that bends more."""
    name = ends.name[strings.edge]
    named = np.flatnonzero(name >= 0)
    here, there = named[:-1], named[1:]
    clash = (strings.string[here] == strings.string[there]) & (name[here] != name[there])
    here, there = here[clash], there[clash]
    leaves = 2 * strings.edge[here] + ~strings.is_reversed[here]
    enters = 2 * strings.edge[there] + strings.is_reversed[there]
    a, b = np.round(bend[leaves], 2), np.round(bend[enters], 2)
    # Of two equal bends the one farther to the east (then north) goes.
    farther = (ends.x[leaves] > ends.x[enters]) | (
        (ends.x[leaves] == ends.x[enters]) & (ends.y[leaves] > ends.y[enters])
    )
    return np.asarray(np.where((a > b) | ((a == b) & farther), leaves, enters), dtype=np.int64)


def _numbered(network: Network, ends: _Ends, strings: _Strings) -> Routes:
    """Return routes in the order of their starts, ends, lengths."""
    first, last = strings.first, strings.last
    x, y = _second_corners(network, first)
    keys = (y, x, np.round(strings.length_m, 2), ends.y[last], ends.x[last])
    order = np.lexsort((*keys, ends.y[first], ends.x[first]))
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    sequence = np.argsort(number[strings.string], kind="stable")
    edge, route = strings.edge[sequence], number[strings.string][sequence]
    return Routes(
        edge=edge,
        is_reversed=strings.is_reversed[sequence],
        route=route,
        offset_m=strings.offset_m[sequence],
        length_m=strings.length_m[order],
        name=_names(network, ends, edge, route, len(order)),
        road_class=_classes(network, edge, route, len(order)),
        is_loop=ends.node[first[order]] == ends.node[last[order]],
    )


def _names(network: Network, ends: _Ends, edge: Ints, route: Ints, n_routes: int) -> Objects:
    """Return the spelling that holds most of each route; it has one name in perhaps several spellings."""
    raw = network.roads.name[network.road[edge]]
    is_named = ends.name[edge] >= 0
    result = np.full(n_routes, None, dtype=object)
    if is_named.any():
        spelling, which = np.unique(raw[is_named].astype(str), return_inverse=True)
        best, value = most(route[is_named], which.astype(np.int64), network.length_m[edge[is_named]])
        result[best] = spelling[value].astype(object)
    return result


def _classes(network: Network, edge: Ints, route: Ints, n_routes: int) -> Objects:
    words, which = np.unique(network.roads.road_class[network.road[edge]].astype(str), return_inverse=True)
    # Equal lengths: the greater class.
    order = np.lexsort((words, class_order(words)))
    place = np.argsort(order)
    best, value = most(route, place[which], network.length_m[edge])
    result = np.full(n_routes, "", dtype=object)
    result[best] = words[order][value].astype(object)
    return result


def most(group: Ints, value: Ints, weight: Floats) -> tuple[Ints, Ints]:
    """Return the groups, ascending, and the value that holds most weight in each; the smallest among equals.

    Examples
    --------
    >>> [a.tolist() for a in most(np.array([0, 0, 0, 2]), np.array([5, 7, 7, 1]), np.array([3.0, 2, 2, 1]))]
    [[0, 2], [7, 1]]
    """
    n_values = np.int64(value.max() + 1) if len(value) else np.int64(1)
    both, which = np.unique(group * n_values + value, return_inverse=True)
    total = np.round(np.bincount(which, weights=weight, minlength=len(both)), 6)
    order = np.lexsort((both % n_values, -total, both // n_values))
    is_first = np.diff(both[order] // n_values, prepend=-1) != 0
    best = both[order][is_first]
    return best // n_values, best % n_values


def _no_routes() -> Routes:
    ints, floats, objects = np.zeros(0, np.int64), np.zeros(0), np.zeros(0, object)
    mask = np.zeros(0, bool)
    return Routes(ints, mask, ints, floats, floats, objects, objects, mask)
