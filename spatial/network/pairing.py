"""Which edges are carriageways of one divided road.

Two edges are a pair where they run side by side: one name, both one-way, opposite ways, less than 40 m apart.
Some files say one-way and draw both the same way: edges that have nothing opposite are pairs then too.
It is looked at every ten metres, so it does not matter where the two are cut.
"""

from dataclasses import dataclass
from itertools import groupby

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from spatial.network.cutting import places_on
from spatial.network.meetings import straight_pieces
from spatial.network.noding import Noded
from spatial.network.parts import Floats, Ints, Mask

MAX_APART_M = 40.0
# Nearer than this they are one line with itself, end to end.
_MIN_APART_M = 1.5
_MAX_ANGLE_DEG = 15.0
_STEP_M = 10.0
# Side by side or apart for less than this changes nothing.
_MIN_RUN = 4
# A carriageway goes on in an edge that bends less than this from it.
_MAX_BEND_DEG = 60.0
# A road divided for less than this is not divided: traffic islands.
_MIN_DIVIDED_M = 50.0


@dataclass(frozen=True)
class Samples:
    """Places on edges, the middles of equal steps of about ten metres; in order of edge and place.

    `way` is the direction of traffic, a unit vector.
    """

    edge: Ints
    at_m: Floats
    step_m: Floats
    xy: Floats
    way: Floats


@dataclass(frozen=True)
class Pairs:
    """Samples that lie side by side, in both orders; `one` ascending."""

    one: Ints
    other: Ints


def samples_on(edges: Noded, chosen: Ints, travel: Ints) -> Samples:
    """Return places on the chosen edges."""
    pieces = straight_pieces(edges.line[chosen])
    length = np.bincount(pieces.line, pieces.length_m, len(chosen))
    n = np.maximum(1, np.round(length / _STEP_M)).astype(np.int64)
    row = np.repeat(np.arange(len(chosen)), n)
    rank = np.arange(len(row)) - np.repeat(np.cumsum(n) - n, n)
    step = (length / n)[row]
    at = (rank + 0.5) * step
    edge = chosen[row]
    xy, before, after = (places_on(pieces, row, at + off * step) for off in (0.0, -0.49, 0.49))
    along = after - before
    size = np.maximum(np.hypot(*along.T), 1e-12)
    return Samples(edge, at, step, xy, along / size[:, None] * travel[edge][:, None])


def side_by_side(samples: Samples, street: Ints, n_edges: int) -> Pairs:
    """Return samples that lie side by side on two carriageways of one street."""
    if not len(samples.edge):
        return Pairs(samples.edge, samples.edge)
    one, other, cosine = _neighbors(samples, street)
    limit = np.cos(np.radians(_MAX_ANGLE_DEG))
    is_opposite = cosine <= -limit
    has_opposite = np.zeros(n_edges, dtype=np.bool_)
    has_opposite[samples.edge[np.r_[one[is_opposite], other[is_opposite]]]] = True
    is_lone = ~has_opposite[samples.edge[one]] & ~has_opposite[samples.edge[other]]
    fits = is_opposite | (is_lone & (cosine >= limit))
    one, other = np.r_[one[fits], other[fits]], np.r_[other[fits], one[fits]]
    order = np.lexsort((other, one))
    return Pairs(one[order], other[order])


def _neighbors(samples: Samples, street: Ints) -> tuple[Ints, Ints, Floats]:
    """Return samples beside each other on two edges of one street, and the cosine between their ways."""
    # A street is a height of its own, so that only places of one street are near to each other.
    height = street[samples.edge] * 4 * MAX_APART_M
    near = KDTree(np.column_stack([samples.xy, height])).query_pairs(
        float(np.hypot(MAX_APART_M, _STEP_M)), output_type="ndarray"
    )
    one, other = near[:, 0].astype(np.int64), near[:, 1].astype(np.int64)
    between = samples.xy[other] - samples.xy[one]
    along = np.abs((between * samples.way[one]).sum(axis=1))
    aside = np.abs(between[:, 0] * samples.way[one, 1] - between[:, 1] * samples.way[one, 0])
    fits = (samples.edge[one] != samples.edge[other]) & (along <= _STEP_M)
    fits &= (aside >= _MIN_APART_M) & (aside <= MAX_APART_M)
    one, other = one[fits], other[fits]
    return one, other, np.asarray((samples.way[one] * samples.way[other]).sum(axis=1), dtype=np.float64)


def share_of_edges(samples: Samples, is_paired: Mask, n_edges: int) -> Floats:
    """Return which share of the samples of each edge is so; 0 without samples."""
    n = np.bincount(samples.edge, minlength=n_edges)
    return np.asarray(np.bincount(samples.edge, is_paired, n_edges) / np.maximum(n, 1), dtype=np.float64)


def changes(samples: Samples, is_paired: Mask, n_edges: int) -> tuple[Ints, Floats]:
    """Return the edges, and where on them, that a second carriageway begins or ends for 40 m or more."""
    share = share_of_edges(samples, is_paired, n_edges)
    is_mixed = (share > 0) & (share < 1)
    rows = np.flatnonzero(is_mixed[samples.edge])
    edge_of, at = [], []
    for edge, group in groupby(rows.tolist(), key=lambda row: int(samples.edge[row])):
        mine = list(group)
        smooth = _smoothed([bool(is_paired[row]) for row in mine])
        for before, row in zip(smooth, range(1, len(mine)), strict=False):
            if smooth[row] != before:
                edge_of.append(edge)
                at.append(float(samples.at_m[mine[row]] - samples.step_m[mine[row]] / 2))
    return np.array(edge_of, dtype=np.int64), np.array(at, dtype=np.float64)


def strands(samples: Samples, edges: Noded, travel: Ints, street: Ints, matched: Ints) -> Ints:
    """Return the strand of each matched edge: edges of one street that go on in one another.

    The two carriageways of a road that is divided from here on meet, but neither goes on in the other.
    """
    first = np.searchsorted(samples.edge, matched, side="left")
    last = np.searchsorted(samples.edge, matched, side="right") - 1
    drawn = travel[matched][:, None]
    # Directions away from both ends of each edge; a number at an end: its edge twice, plus one at the end.
    away = np.stack([samples.way[first] * drawn, -samples.way[last] * drawn], axis=1).reshape(-1, 2)
    node = np.column_stack([edges.start[matched], edges.end[matched]]).ravel()
    order = np.argsort(node, kind="stable")
    low, high = (np.searchsorted(node[order], node, side=side) for side in ("left", "right"))
    n = high - low
    one = np.repeat(np.arange(len(node)), n)
    other = order[np.arange(len(one)) - np.repeat(np.cumsum(n) - n, n) + np.repeat(low, n)]
    goes_on = (away[one] * away[other]).sum(axis=1) <= -np.cos(np.radians(_MAX_BEND_DEG))
    goes_on &= street[matched[one // 2]] == street[matched[other // 2]]
    size = len(matched)
    graph = coo_array((np.ones(goes_on.sum()), (one[goes_on] // 2, other[goes_on] // 2)), shape=(size, size))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def kept_and_folded(
    samples: Samples, pairs: Pairs, length: Floats, matched: Ints, strand: Ints
) -> tuple[Mask, Mask]:
    """Return which edges stand for the road and which fold onto them.

    The longest strand stays; what runs beside a strand that stays folds, and so on by length.
    """
    n_edges = len(length)
    strand_of = np.full(n_edges, -1)
    strand_of[matched] = strand
    is_whole = (strand_of[samples.edge[pairs.one]] >= 0) & (strand_of[samples.edge[pairs.other]] >= 0)
    is_whole &= strand_of[samples.edge[pairs.one]] != strand_of[samples.edge[pairs.other]]
    one, other = pairs.one[is_whole], pairs.other[is_whole]
    is_long = _long_groups(samples, one, other, strand_of, int(strand.max(initial=-1)) + 1)
    total = np.bincount(strand, length[matched], len(is_long))
    order = np.lexsort((np.arange(len(total)), -np.round(total, 3)))
    kept, folded = np.zeros(n_edges, dtype=np.bool_), np.zeros(n_edges, dtype=np.bool_)
    by_strand = np.argsort(strand_of[samples.edge[one]], kind="stable")
    one, other = one[by_strand], other[by_strand]
    bounds = np.searchsorted(strand_of[samples.edge[one]], np.arange(len(total) + 1))
    edges_by = np.argsort(strand, kind="stable")
    edge_bounds = np.searchsorted(strand[edges_by], np.arange(len(total) + 1))
    n_samples = np.bincount(samples.edge, minlength=n_edges)
    for number in order[is_long[order]]:
        mine = matched[edges_by[edge_bounds[number] : edge_bounds[number + 1]]]
        here = slice(bounds[number], bounds[number + 1])
        beside = np.unique(one[here][kept[samples.edge[other[here]]]])
        paired = np.bincount(samples.edge[beside], minlength=n_edges)[mine] if len(beside) else 0 * mine
        is_beside = paired >= 0.5 * n_samples[mine]
        folded[mine[is_beside]] = True
        kept[mine[~is_beside]] = True
    return kept, folded


def _long_groups(samples: Samples, one: Ints, other: Ints, strand_of: Ints, n_strands: int) -> Mask:
    """Return which strands belong to a road that is divided for long enough."""
    ends = (strand_of[samples.edge[one]], strand_of[samples.edge[other]])
    graph = coo_array((np.ones(len(one)), ends), shape=(n_strands, n_strands))
    n_groups, group = connected_components(graph, directed=False)
    paired = np.unique(one)
    metres = np.bincount(group[strand_of[samples.edge[paired]]], samples.step_m[paired], n_groups)
    return np.asarray(metres[group] >= 2 * _MIN_DIVIDED_M, dtype=np.bool_)


def _smoothed(is_paired: list[bool]) -> list[bool]:
    """Return the runs without short ones: first short gaps close, then short stretches go."""
    for value in (False, True):
        runs = [(flag, len(list(run))) for flag, run in groupby(is_paired)]
        if len(runs) > 1:
            is_paired = [
                (not flag if flag == value and n < _MIN_RUN else flag) for flag, n in runs for _ in range(n)
            ]
    return is_paired
