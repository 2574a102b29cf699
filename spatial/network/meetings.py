"""Where lines meet: crossings, ends that touch or nearly touch a line, lines that come back to themselves.

Straight pieces between vertices are compared with each other, all at once.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from spatial.network.cleaning import SAME_PLACE_M
from spatial.network.parts import Floats, Ints, Mask, Objects

# Cosine of the turn at a vertex from which a line runs back over itself (one degree).
_BACK = -0.99985
# Sine of the angle under which two straight pieces count as parallel: their crossing is no place.
_PARALLEL = 1e-9


@dataclass(frozen=True)
class Pieces:
    """Straight pieces between the vertices of lines, in the order of the lines.

    Attributes
    ----------
    start, end : array of float, shape (n, 2)
    line : array of int, shape (n,)
    at_m : array of float, shape (n,)
        Metres from the start of the line to the start of the piece.
    length_m : array of float, shape (n,)
    """

    start: Floats
    end: Floats
    line: Ints
    at_m: Floats
    length_m: Floats

    def line_ends(self) -> tuple[Floats, Floats]:
        """Return the starts and the ends of the lines."""
        is_first = _is_first(self.line)
        return self.start[is_first], self.end[np.roll(is_first, -1)]

    @cached_property
    def tree(self) -> shapely.STRtree:
        """An index of the pieces."""
        straight = shapely.linestrings(np.stack([self.start, self.end], axis=1))
        return shapely.STRtree(np.asarray(straight, dtype=object))


@dataclass(frozen=True)
class Meetings:
    """Two places that are one; arrays of one length.

    Attributes
    ----------
    line, other : array of int, shape (n,)
    at_m, other_at_m : array of float, shape (n,)
        Metres from the start of each line.
    """

    line: Ints
    at_m: Floats
    other: Ints
    other_at_m: Floats

    def where(self, chosen: Mask) -> "Meetings":
        """Return some of the meetings."""
        return Meetings(self.line[chosen], self.at_m[chosen], self.other[chosen], self.other_at_m[chosen])


def straight_pieces(lines: Objects) -> Pieces:
    """Return the straight pieces of lines."""
    coordinates, index = shapely.get_coordinates(lines, return_index=True)
    is_inner = index[1:] == index[:-1]
    start, end, line = coordinates[:-1][is_inner], coordinates[1:][is_inner], index[1:][is_inner]
    length = np.hypot(*(end - start).T)
    before = np.cumsum(length) - length
    first = np.flatnonzero(_is_first(line))
    counts = np.diff(np.r_[first, len(line)])
    at = before - np.repeat(before[first], counts)
    return Pieces(start, end, line.astype(np.int64), at, length)


def crossings(pieces: Pieces) -> Meetings:
    """Return where straight pieces cross or touch, also of one line with itself; levels are not looked at."""
    boxes = shapely.box(
        np.minimum(pieces.start[:, 0], pieces.end[:, 0]),
        np.minimum(pieces.start[:, 1], pieces.end[:, 1]),
        np.maximum(pieces.start[:, 0], pieces.end[:, 0]),
        np.maximum(pieces.start[:, 1], pieces.end[:, 1]),
    )
    one, other = pieces.tree.query(boxes)
    is_pair = (one < other) & ~((other - one == 1) & (pieces.line[one] == pieces.line[other]))
    one, other = one[is_pair], other[is_pair]
    order = np.lexsort((other, one))
    one, other = one[order], other[order]
    share, other_share, is_met = _shares(pieces, one, other)
    one, other, share, other_share = one[is_met], other[is_met], share[is_met], other_share[is_met]
    return Meetings(
        pieces.line[one],
        pieces.at_m[one] + share * pieces.length_m[one],
        pieces.line[other],
        pieces.at_m[other] + other_share * pieces.length_m[other],
    )


def turns_back(pieces: Pieces) -> tuple[Ints, Floats]:
    """Return the lines, and where on them, that run back over themselves from a vertex."""
    way = (pieces.end - pieces.start) / np.maximum(pieces.length_m, SAME_PLACE_M)[:, None]
    turn = (way[1:] * way[:-1]).sum(axis=1)
    at = np.flatnonzero((pieces.line[1:] == pieces.line[:-1]) & (turn <= _BACK)) + 1
    return pieces.line[at], pieces.at_m[at]


def ends_on_lines(pieces: Pieces, level: NDArray[np.int16], tolerance_m: float) -> Meetings:
    """Return where an end of a line lies on another line, or nearly so; `line` is the one that ends.

    On another level an end touches only where it shares a vertex. A line meets itself where its way back is
    longer than three times the tolerance.
    """
    places = np.concatenate(pieces.line_ends())
    n = len(places) // 2
    total = np.bincount(pieces.line, pieces.length_m, n)
    end, piece = pieces.tree.query(shapely.points(places), predicate="dwithin", distance=tolerance_m)
    line, at = end % n, np.where(end < n, 0.0, total[end % n])
    share, distance = _nearest(pieces, piece, places[end])
    other, other_at = pieces.line[piece], pieces.at_m[piece] + share * pieces.length_m[piece]
    from_vertex = np.minimum(share, 1 - share) * pieces.length_m[piece]
    shares_vertex = (from_vertex <= SAME_PLACE_M) & (distance <= SAME_PLACE_M)
    is_other = np.where(
        line == other, np.abs(at - other_at) > 3 * tolerance_m, (level[line] == level[other]) | shares_vertex
    )
    order = np.lexsort((other_at, distance, other, end))
    order = order[is_other[order]]
    nearest = order[_is_first(end[order], other[order])]
    return Meetings(line[nearest], at[nearest], other[nearest], other_at[nearest])


def _shares(pieces: Pieces, one: Ints, other: Ints) -> tuple[Floats, Floats, Mask]:
    """Return how far along each piece two of them cross, 0 to 1, and whether they do."""
    along, across = pieces.end[one] - pieces.start[one], pieces.end[other] - pieces.start[other]
    between = pieces.start[other] - pieces.start[one]
    turn = _cross(along, across)
    lengths = pieces.length_m[one] * pieces.length_m[other]
    is_parallel = np.abs(turn) <= _PARALLEL * lengths
    safe = np.where(is_parallel, 1.0, turn)
    share, other_share = _cross(between, across) / safe, _cross(between, along) / safe
    slack, other_slack = SAME_PLACE_M / pieces.length_m[one], SAME_PLACE_M / pieces.length_m[other]
    is_met = (
        ~is_parallel
        & (share >= -slack)
        & (share <= 1 + slack)
        & (other_share >= -other_slack)
        & (other_share <= 1 + other_slack)
    )
    return np.clip(share, 0, 1), np.clip(other_share, 0, 1), is_met


def _cross(one: Floats, other: Floats) -> Floats:
    return np.asarray(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0], dtype=np.float64)


def _nearest(pieces: Pieces, piece: Ints, point: Floats) -> tuple[Floats, Floats]:
    """Return how far along a piece the nearest place to a point is, 0 to 1, and its distance in metres."""
    start, along = pieces.start[piece], pieces.end[piece] - pieces.start[piece]
    share = np.clip(((point - start) * along).sum(axis=1) / pieces.length_m[piece] ** 2, 0, 1)
    return share, np.hypot(*(point - start - share[:, None] * along).T)


def _is_first(*keys: Ints) -> Mask:
    """Return which entries of sorted keys differ from the one before."""
    if not len(keys[0]):
        return np.zeros(0, dtype=np.bool_)
    changes = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return np.concatenate([[True], changes]).astype(np.bool_)
