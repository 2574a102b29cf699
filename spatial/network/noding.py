"""Lines cut where they meet: every line a chain of edges from node to node.

Places that are one within the tolerance become one node, but the two ends of a line never become one because
the line is short: a street drawn in steps of half a metre stays a street.
"""

from dataclasses import dataclass, replace

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial import KDTree

from spatial.network.cleaning import SAME_PLACE_M, CleanLines
from spatial.network.cutting import cut_lines, drawn, inner_vertices, places_on
from spatial.network.meetings import Meetings, Pieces, crossings, ends_on_lines, straight_pieces, turns_back
from spatial.network.parts import Floats, Ints, Mask, Objects

# Weight of a way along a short line, below that of any link.
_ALONG_LINE = 1e-9


@dataclass(frozen=True)
class Noded:
    """Edges from node to node.

    Attributes
    ----------
    node : array of float, shape (n_nodes, 2)
        x and y.
    start, end : array of int, shape (n_edges,)
        Nodes.
    line : array of shapely LineString, shape (n_edges,)
        From start to end.
    clean : array of int, shape (n_edges,)
        The clean line that an edge is a piece of.
    """

    node: Floats
    start: Ints
    end: Ints
    line: Objects
    clean: Ints

    def where(self, chosen: Mask) -> "Noded":
        """Return some of the edges, on the same nodes."""
        return Noded(self.node, self.start[chosen], self.end[chosen], self.line[chosen], self.clean[chosen])


@dataclass(frozen=True)
class _Spots:
    """Places on lines: first the start of every line, then every end, then the places where lines are cut.

    `joined` are pairs of spots that are one node.
    """

    line: Ints
    at_m: Floats
    xy: Floats
    joined: Ints


def noded(clean: CleanLines, is_named: Mask, tolerance_m: float) -> tuple[Noded, dict[str, int]]:
    """Return the edges of lines and what was mended: counts by name.

    Parameters
    ----------
    clean : CleanLines
    is_named : array of bool, shape (n_clean,)
    tolerance_m : float
        Ends this near to a line or to another end are joined to it.

    Notes
    -----
    Lines of one level meet where they cross, touch or share a vertex. Lines of different levels meet only at
    their ends, and where an end of one is a vertex of the other.
    """
    if not len(clean.line):
        return _no_edges(), dict.fromkeys(
            ("ends_mended", "ends_joined", "crossings_cut", "levels_respected"), 0
        )
    # The tip of a line that runs back over itself is an end like any other.
    lines, of, _ = cut_lines(clean.line, *turns_back(straight_pieces(clean.line)))
    level, pieces = clean.level[of], straight_pieces(lines)
    total = np.bincount(pieces.line, pieces.length_m, len(lines)).astype(np.float64)
    crossed = crossings(pieces)
    is_level = np.asarray(level[crossed.line] == level[crossed.other], dtype=np.bool_)
    level_crossed = crossed.where(is_level)
    touched = ends_on_lines(pieces, level, tolerance_m)
    spots, cut = _spots(pieces, total, (touched, level_crossed), tolerance_m)
    n_touched, is_inner = len(touched.line), _is_inner(crossed, total, tolerance_m)
    node, node_xy, n_joined = _nodes(spots, total, tolerance_m)
    cut_edges = _cut(pieces, spots, node, node_xy, tolerance_m)
    edges = replace(cut_edges, clean=of[cut_edges.clean])
    single = edges.where(_is_only(edges, clean, is_named, tolerance_m))
    mended = {
        "ends_mended": _distinct(spots.joined[:n_touched, 0][cut[:n_touched, 1] & ~cut[:n_touched, 0]]),
        "ends_joined": n_joined,
        "crossings_cut": _pairs(level_crossed, np.asarray(cut[n_touched:].all(axis=1))),
        "levels_respected": _pairs(crossed, np.logical_and(~is_level, is_inner)),
        "overlaps": len(edges.line) - len(single.line),
    }
    return single, mended


def _no_edges() -> Noded:
    none = np.zeros(0, dtype=np.int64)
    return Noded(np.zeros((0, 2)), none, none, np.zeros(0, dtype=object), none)


def _spots(
    pieces: Pieces, total: Floats, meetings: tuple[Meetings, ...], tolerance_m: float
) -> tuple[_Spots, Mask]:
    """Return the spots of all meetings and, for both sides of each, whether it cuts the line there.

    A meeting as near as the tolerance to the end of a line is at that end.
    """
    n = len(total)
    line = np.concatenate([part for m in meetings for part in (m.line, m.other)])
    at = np.concatenate([part for m in meetings for part in (m.at_m, m.other_at_m)])
    to_end = total[line] - at
    is_cut = np.minimum(at, to_end) > tolerance_m
    cut_line, cut_at, number = _merged(line[is_cut], at[is_cut])
    spot = np.where(at <= to_end, line, line + n)
    spot[is_cut] = 2 * n + number
    xy = np.concatenate([*pieces.line_ends(), places_on(pieces, cut_line, cut_at)])
    pairs, sides, begin = [], [], 0
    for m in meetings:
        middle, stop = begin + len(m.line), begin + 2 * len(m.line)
        pairs.append(np.column_stack([spot[begin:middle], spot[middle:stop]]))
        sides.append(np.column_stack([is_cut[begin:middle], is_cut[middle:stop]]))
        begin = stop
    is_near = (cut_line[1:] == cut_line[:-1]) & (np.diff(cut_at) <= tolerance_m)
    near = 2 * n + np.flatnonzero(is_near)
    joined = np.concatenate([*pairs, np.column_stack([near, near + 1])])
    spots = _Spots(
        np.concatenate([np.arange(n), np.arange(n), cut_line]),
        np.concatenate([np.zeros(n), total, cut_at]),
        xy,
        joined,
    )
    return spots, np.concatenate(sides)


def _merged(line: Ints, at: Floats) -> tuple[Ints, Floats, Ints]:
    """Return the distinct places on lines, in order along them, and which one each given place is."""
    order = np.lexsort((at, line))
    is_new = np.r_[True, (np.diff(line[order]) > 0) | (np.diff(at[order]) > SAME_PLACE_M)][: len(order)]
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.cumsum(is_new) - 1
    first = order[is_new]
    return line[first], at[first], number


def _nodes(spots: _Spots, total: Floats, tolerance_m: float) -> tuple[Ints, Floats, int]:
    """Return the node of each spot, the places of nodes and how many ends were joined over a gap."""
    n = len(total)
    near = KDTree(spots.xy[: 2 * n]).query_pairs(tolerance_m, output_type="ndarray").astype(np.int64)
    near = near[np.lexsort(near.T)]
    links = np.concatenate([spots.joined, near])
    gap = np.hypot(*(spots.xy[links[:, 0]] - spots.xy[links[:, 1]]).T)
    same, xy = _grouped(links[gap <= SAME_PLACE_M], spots.xy)
    short = np.flatnonzero(total <= 2 * tolerance_m)
    along = np.column_stack([same[short], same[short + n]])
    is_apart = gap > SAME_PLACE_M
    links, weight = same[links[is_apart]], gap[is_apart]
    ways = np.concatenate([along, links])
    chosen = _tree(ways, np.concatenate([np.full(len(along), _ALONG_LINE), weight]), len(xy))
    node, node_xy = _grouped(chosen, xy)
    is_end = np.zeros(len(xy), dtype=np.bool_)
    is_end[same[: 2 * n]] = True
    return node[same], node_xy, int(is_end[chosen].all(axis=1).sum())


def _grouped(pairs: Ints, xy: Floats) -> tuple[Ints, Floats]:
    """Return the group of each place that pairs join, and the middle of each group."""
    n = len(xy)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    n_groups, group = connected_components(graph, directed=False)
    size = np.bincount(group, minlength=n_groups)
    first = np.full(n_groups, n)
    np.minimum.at(first, group, np.arange(n))
    # The middle is taken from the first place on: equal places give that very place, to the last bit.
    off = xy - xy[first[group]]
    middle = [np.bincount(group, off[:, axis], n_groups) / size for axis in (0, 1)]
    return group.astype(np.int64), xy[first] + np.column_stack(middle)


def _tree(ways: Ints, weight: Floats, n: int) -> Ints:
    """Return the links of the shortest forest over all ways; ways along lines come first and are left out."""
    low, high = ways.min(axis=1, initial=n), ways.max(axis=1, initial=-1)
    order = np.lexsort((weight, high, low))
    order = order[low[order] != high[order]]
    is_new = np.r_[True, (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)][: len(order)]
    order = order[is_new]
    graph = coo_array((weight[order], (low[order], high[order])), shape=(n, n))
    tree = minimum_spanning_tree(graph.tocsr()).tocoo()
    is_link = tree.data > _ALONG_LINE
    return np.column_stack([tree.row[is_link], tree.col[is_link]]).astype(np.int64)


def _cut(pieces: Pieces, spots: _Spots, node: Ints, node_xy: Floats, tolerance_m: float) -> Noded:
    """Return the pieces of lines between their spots, drawn from node to node."""
    order = np.lexsort((spots.at_m, spots.line))
    line, at, spot = spots.line[order], spots.at_m[order], order
    from_ = np.flatnonzero(line[1:] == line[:-1])
    start, end = node[spot[from_]], node[spot[from_ + 1]]
    is_sliver = (start == end) & (at[from_ + 1] - at[from_] <= 2 * tolerance_m)
    kept = np.flatnonzero(~is_sliver)
    inner, before = inner_vertices(pieces, line, at)
    piece = np.searchsorted(from_, before)
    stays = ~is_sliver[piece]
    number = np.cumsum(~is_sliver) - 1
    edges = drawn(node_xy[start[kept]], node_xy[end[kept]], inner[stays], number[piece[stays]])
    is_long = shapely.length(edges) > SAME_PLACE_M
    kept = kept[is_long]
    return renumbered(Noded(node_xy, start[kept], end[kept], edges[is_long], line[from_[kept]]))


def renumbered(edges: Noded) -> Noded:
    """Return the edges on the nodes that they use."""
    used, ends = np.unique(np.r_[edges.start, edges.end], return_inverse=True)
    start, end = ends[: len(edges.start)], ends[len(edges.start) :]
    return Noded(edges.node[used], start, end, edges.line, edges.clean)


def _is_only(edges: Noded, clean: CleanLines, is_named: Mask, tolerance_m: float) -> Mask:
    """Return which edges stay where several of one level run the same way.

    The one of a road with a name stays, then of one with an AADT, then the shortest.
    """
    low, high = np.minimum(edges.start, edges.end), np.maximum(edges.start, edges.end)
    at_level, of = clean.level[edges.clean], edges.clean
    length = np.round(shapely.length(edges.line), 3)
    order = np.lexsort((of, length, np.isnan(clean.aadt[of]), ~is_named[of], at_level, high, low))
    is_only = np.ones(len(order), dtype=np.bool_)
    step = 1
    while True:
        one, other = order[:-step], order[step:]
        is_pair = (low[one] == low[other]) & (high[one] == high[other]) & (at_level[one] == at_level[other])
        if not is_pair.any():
            return is_only
        one, other = one[is_pair], other[is_pair]
        apart = shapely.hausdorff_distance(edges.line[one], edges.line[other])
        is_only[other[(apart <= tolerance_m) & is_only[one]]] = False
        step += 1


def _is_inner(meetings: Meetings, total: Floats, tolerance_m: float) -> Mask:
    """Return which meetings lie off the ends of both lines."""
    first = np.minimum(meetings.at_m, total[meetings.line] - meetings.at_m)
    other = np.minimum(meetings.other_at_m, total[meetings.other] - meetings.other_at_m)
    return np.asarray(np.minimum(first, other) > tolerance_m, dtype=np.bool_)


def _distinct(values: Ints) -> int:
    return len(np.unique(values))


def _pairs(meetings: Meetings, chosen: Mask) -> int:
    """Return how many pairs of different lines have a chosen meeting."""
    some = meetings.where(chosen & (meetings.line != meetings.other))
    return len(np.unique(np.column_stack([some.line, some.other]), axis=0))
