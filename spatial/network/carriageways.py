"""Divided roads to one line: one carriageway stays, the other folds, cross streets run on to the first."""

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spatial.network.cutting import cut_lines, led_on
from spatial.network.noding import Noded
from spatial.network.pairing import (
    MAX_APART_M,
    Samples,
    changes,
    kept_and_folded,
    samples_on,
    share_of_edges,
    side_by_side,
    strands,
)
from spatial.network.parts import Floats, Ints, Mask
from spatial.network.roundabouts import Folded, second_legs

# A cross street between two carriageways is no longer than this.
_STUB_M = 1.5 * MAX_APART_M
# A folded junction goes to a junction of the carriageway that stays if one is this near.
_JUNCTION_M = 20.0


@dataclass(frozen=True)
class Traffic:
    """What tells carriageways apart; arrays of one length, by edge.

    Attributes
    ----------
    travel : array of int
        1 where traffic runs along the edge only, -1 against it, 0 both ways.
    street : array of int
        Number of the street's name, -1 without one.
    aadt : array of float
    """

    travel: Ints
    street: Ints
    aadt: Floats

    def at(self, edge: Ints) -> "Traffic":
        """Return the traffic of some edges."""
        return Traffic(self.travel[edge], self.street[edge], self.aadt[edge])


@dataclass(frozen=True)
class Undivided:
    """Edges with each divided road as one line.

    Attributes
    ----------
    edges : Noded
    street : array of int, shape (n_edges,)
    is_divided : array of bool, shape (n_edges,)
    aadt : array of float, shape (n_edges,)
    onto : array of int, shape (n_nodes,)
        The node that each node went into.
    stubs : Folded
        What ran between carriageways.
    second : Folded
        Carriageways that folded; `node` is the number of the street.
    """

    edges: Noded
    street: Ints
    is_divided: Mask
    aadt: Floats
    onto: Ints
    stubs: Folded
    second: Folded


def undivided(edges: Noded, traffic: Traffic) -> Undivided:
    """Return the edges with the second carriageways of divided roads folded onto the first.

    Notes
    -----
    AADT of a pair: where both carriageways carry the same figure it is that of the whole road, else the sum;
    where only one has a figure, that one.
    """
    candidates = _candidates(edges, traffic)
    samples = samples_on(edges, candidates, traffic.travel)
    n_edges = len(edges.line)
    is_paired = np.zeros(len(samples.edge), dtype=np.bool_)
    is_paired[side_by_side(samples, traffic.street, n_edges).one] = True
    edges, parent = _split(edges, *changes(samples, is_paired, n_edges))
    traffic = traffic.at(parent)
    samples = samples_on(edges, _candidates(edges, traffic), traffic.travel)
    kept, folded, is_divided, aadt = _judged(edges, traffic, samples)
    edges, parent = _split(edges, *_landings(edges, traffic.street, is_divided, folded))
    traffic, kept, folded = traffic.at(parent), kept[parent], folded[parent]
    is_divided, aadt = is_divided[parent], aadt[parent]
    onto = _onto(edges, traffic.street, is_divided, folded)
    return _rebuilt(edges, traffic, is_divided, folded, aadt, onto)


def _candidates(edges: Noded, traffic: Traffic) -> Ints:
    return np.flatnonzero((traffic.travel != 0) & (traffic.street >= 0) & (edges.start != edges.end))


def _judged(edges: Noded, traffic: Traffic, samples: Samples) -> tuple[Mask, Mask, Mask, Floats]:
    """Return which edges stay as carriageways, fold, stand for two, and the AADT of each."""
    n = len(edges.line)
    pairs = side_by_side(samples, traffic.street, n)
    is_paired = np.zeros(len(samples.edge), dtype=np.bool_)
    is_paired[pairs.one] = True
    matched = np.flatnonzero(share_of_edges(samples, is_paired, n) >= 0.5)
    strand = strands(samples, edges, traffic.travel, traffic.street, matched)
    length = np.asarray(shapely.length(edges.line), dtype=np.float64)
    kept, folded = kept_and_folded(samples, pairs, length, matched, strand)
    across = kept[samples.edge[pairs.one]] & folded[samples.edge[pairs.other]]
    has_second = np.zeros(len(samples.edge), dtype=np.bool_)
    has_second[pairs.one[across]] = True
    is_divided = kept & (share_of_edges(samples, has_second, n) >= 0.5)
    one, other = samples.edge[pairs.one[across]], samples.edge[pairs.other[across]]
    return kept, folded, is_divided, _both_aadt(traffic.aadt, one, other, is_divided)


def _both_aadt(aadt: Floats, one: Ints, other: Ints, is_divided: Mask) -> Floats:
    """Return the AADT of whole roads; `one` has `other` beside it, once for every place."""
    n = len(aadt)
    known = ~np.isnan(aadt[other])
    count = np.bincount(one[known], minlength=n)
    beside = np.bincount(one[known], aadt[other[known]], n) / np.maximum(count, 1)
    is_same = np.isclose(aadt, beside, rtol=1e-6, atol=0.5)
    both = np.where(np.isnan(aadt), beside, np.where(is_same, aadt, aadt + beside))
    return np.where(is_divided & (count > 0), both, aadt)


def _split(edges: Noded, edge: Ints, at: Floats) -> tuple[Noded, Ints]:
    """Return the edges cut at places along them, and the edge that each was part of."""
    if not len(edge):
        return edges, np.arange(len(edges.line))
    lines, parent, starts_at_cut = cut_lines(edges.line, edge, at)
    n = len(edges.node)
    new = n + np.cumsum(starts_at_cut) - 1
    start = np.where(starts_at_cut, new, edges.start[parent])
    ends_at_cut = np.r_[starts_at_cut[1:], False]
    end = np.where(ends_at_cut, np.r_[new[1:], 0], edges.end[parent])
    places = shapely.get_coordinates(shapely.get_point(lines[starts_at_cut], 0))
    return Noded(np.concatenate([edges.node, places]), start, end, lines, edges.clean[parent]), parent


def _ends(edges: Noded, street: Ints, chosen: Mask) -> Ints:
    """Return distinct (node, street) of the chosen edges."""
    both = np.column_stack(
        [np.r_[edges.start[chosen], edges.end[chosen]], np.r_[street[chosen], street[chosen]]]
    )
    return np.unique(both, axis=0)


def _is_among(rows: Ints, table: Ints) -> Mask:
    """Return which (node, street) rows are in the table."""
    top = max(rows.max(initial=0), table.max(initial=0)) + 1
    return np.asarray(np.isin(rows[:, 0] * top + rows[:, 1], table[:, 0] * top + table[:, 1]), dtype=np.bool_)


def _open_ends(edges: Noded, street: Ints, is_divided: Mask, folded: Mask) -> Ints:
    """Return (node, street) of folded edges that lie on no carriageway that stays."""
    rows = _ends(edges, street, folded)
    return rows[~_is_among(rows, _ends(edges, street, is_divided))]


def _stubs(edges: Noded, street: Ints, is_divided: Mask, open_ends: Ints) -> tuple[Ints, Ints, Floats]:
    """Return the row of `open_ends`, the node of the carriageway that stays and the metres of each stub."""
    length = np.asarray(shapely.length(edges.line), dtype=np.float64)
    kept = _ends(edges, street, is_divided)
    short = np.flatnonzero(length <= _STUB_M)
    from_ = np.r_[edges.start[short], edges.end[short]]
    to, way = np.r_[edges.end[short], edges.start[short]], np.r_[short, short]
    order = np.argsort(from_, kind="stable")
    from_, to, way = from_[order], to[order], way[order]
    low, high = (np.searchsorted(from_, open_ends[:, 0], side=side) for side in ("left", "right"))
    n = high - low
    row = np.repeat(np.arange(len(open_ends)), n)
    at = np.arange(len(row)) - np.repeat(np.cumsum(n) - n, n) + np.repeat(low, n)
    fits = _is_among(np.column_stack([to[at], open_ends[row, 1]]), kept)
    fits &= street[way[at]] != open_ends[row, 1]
    return row[fits], to[at[fits]], length[way[at[fits]]]


def _beside(
    edges: Noded, street: Ints, is_divided: Mask, places: Floats, of: Ints
) -> tuple[Ints, Ints, Floats, Floats]:
    """Return row, edge, metres along it and distance: the nearest divided edge of each place's street."""
    divided = np.flatnonzero(is_divided)
    tree = shapely.STRtree(edges.line[divided])
    points = shapely.points(places)
    row, hit = tree.query(points, predicate="dwithin", distance=_STUB_M)
    edge = divided[hit]
    fits = street[edge] == of[row]
    row, edge = row[fits], edge[fits]
    near = np.asarray(points, dtype=object)[row]
    away = np.asarray(shapely.distance(edges.line[edge], near), dtype=np.float64)
    order = np.lexsort((edge, away, row))
    order = order[np.r_[True, np.diff(row[order]) > 0][: len(order)]]
    at = shapely.line_locate_point(edges.line[edge[order]], near[order])
    return row[order], edge[order], np.asarray(at, dtype=np.float64), away[order]


def _landings(edges: Noded, street: Ints, is_divided: Mask, folded: Mask) -> tuple[Ints, Floats]:
    """Return where carriageways that stay need a junction for a folded one that has none near."""
    open_ends = _open_ends(edges, street, is_divided, folded)
    bound, _, _ = _stubs(edges, street, is_divided, open_ends)
    free = np.delete(open_ends, np.unique(bound), axis=0)
    if not len(free):
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    _, edge, at, _ = _beside(edges, street, is_divided, edges.node[free[:, 0]], free[:, 1])
    to_end = np.minimum(at, shapely.length(edges.line[edge]) - at)
    edge, at = edge[to_end > _JUNCTION_M], at[to_end > _JUNCTION_M]
    order = np.lexsort((at, edge))
    edge, at = edge[order], at[order]
    is_apart = np.r_[True, (np.diff(edge) > 0) | (np.diff(at) > 1.0)][: len(edge)]
    return edge[is_apart], at[is_apart]


def _onto(edges: Noded, street: Ints, is_divided: Mask, folded: Mask) -> Ints:
    """Return the node that each node goes into; itself for most."""
    n = len(edges.node)
    open_ends = _open_ends(edges, street, is_divided, folded)
    row, to, metres = _stubs(edges, street, is_divided, open_ends)
    bound = np.unique(row)
    free = np.setdiff1d(np.arange(len(open_ends)), bound)
    if len(free):
        places, of = edges.node[open_ends[free, 0]], open_ends[free, 1]
        found, edge, at, away = _beside(edges, street, is_divided, places, of)
        is_start = at <= shapely.length(edges.line[edge]) - at
        row = np.r_[row, free[found]]
        to = np.r_[to, np.where(is_start, edges.start[edge], edges.end[edge])]
        # A stub says more than a short way.
        metres = np.r_[metres, away + _STUB_M]
    node = open_ends[row, 0]
    order = np.lexsort((to, metres, node))
    order = order[np.r_[True, np.diff(node[order]) > 0][: len(order)]]
    return _roots(node[order], to[order], n)


def _roots(node: Ints, to: Ints, n: int) -> Ints:
    """Return where pointers lead in the end; those that run in a circle lead to its first node."""
    pointer = np.arange(n)
    pointer[node] = to
    graph = coo_array((np.ones(len(node)), (node, to)), shape=(n, n))
    group = connected_components(graph, directed=False)[1]
    is_root = pointer == np.arange(n)
    order = np.lexsort((np.arange(n), ~is_root, group))
    first = order[np.r_[True, np.diff(group[order]) > 0][: len(order)]]
    return np.asarray(first[group], dtype=np.int64)


def _rebuilt(
    edges: Noded, traffic: Traffic, is_divided: Mask, folded: Mask, aadt: Floats, onto: Ints
) -> Undivided:
    start, end = onto[edges.start], onto[edges.end]
    length = np.asarray(shapely.length(edges.line), dtype=np.float64)
    is_stub = ~folded & (start == end) & (edges.start != edges.end) & (length <= 2 * _STUB_M)
    is_stub |= ~folded & _spurs(start, end, folded | is_stub, length, onto)
    lines = led_on(edges.line, edges.node[start], edges.node[end])
    moved = Noded(edges.node, start, end, lines, edges.clean)
    # Where carriageways part and join they run too wide of each other to be side by side.
    is_landing = np.zeros(len(onto), dtype=np.bool_)
    is_landing[onto[onto != np.arange(len(onto))]] = True
    may = ~folded & ~is_stub & (traffic.street >= 0) & (is_landing[start] | is_landing[end])
    first, second = second_legs(moved, may, traffic.travel, traffic.street)
    is_divided, folded = is_divided.copy(), folded.copy()
    is_divided[first], folded[second] = True, True
    is_first = np.zeros(len(start), dtype=np.bool_)
    is_first[first] = True
    aadt = _both_aadt(aadt, first, second, is_first)
    stays = ~folded & ~is_stub
    return Undivided(
        edges=moved.where(stays),
        street=traffic.street[stays],
        is_divided=is_divided[stays],
        aadt=aadt[stays],
        onto=onto,
        stubs=Folded(edges.line[is_stub], edges.clean[is_stub], start[is_stub]),
        second=Folded(edges.line[folded], edges.clean[folded], traffic.street[folded]),
    )


def _spurs(start: Ints, end: Ints, gone: Mask, length: Floats, onto: Ints) -> Mask:
    """Return the two halves of stubs that were cut between the carriageways and now lead there and back."""
    stays = np.flatnonzero(~gone & (start != end))
    n = len(onto)
    degree = np.bincount(np.r_[start[stays], end[stays]], minlength=n)
    is_target = np.zeros(n, dtype=np.bool_)
    is_target[onto[onto != np.arange(n)]] = True
    short = stays[length[stays] <= MAX_APART_M]
    low, high = np.minimum(start[short], end[short]), np.maximum(start[short], end[short])
    order = np.lexsort((short, high, low))
    one, other = order[:-1], order[1:]
    is_pair = (low[one] == low[other]) & (high[one] == high[other])
    is_pair &= ((degree[low[one]] == 2) & is_target[high[one]]) | (
        (degree[high[one]] == 2) & is_target[low[one]]
    )
    spur = np.zeros(len(start), dtype=np.bool_)
    spur[short[one[is_pair]]] = True
    spur[short[other[is_pair]]] = True
    return spur
