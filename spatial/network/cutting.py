"""Lines cut at places along them, and moved at their ends."""

import numpy as np
import shapely

from spatial.network.cleaning import SAME_PLACE_M
from spatial.network.meetings import Pieces, straight_pieces
from spatial.network.parts import Floats, Ints, Mask, Objects


def places_on(pieces: Pieces, line: Ints, at: Floats) -> Floats:
    """Return x and y of places on lines, given by their straight pieces and metres along each line."""
    n = int(pieces.line.max(initial=-1)) + 1
    first = np.searchsorted(pieces.line, np.arange(n), side="left")
    running = np.cumsum(pieces.length_m) - pieces.length_m
    found = np.searchsorted(running, running[first[line]] + at, side="right") - 1
    last = np.searchsorted(pieces.line, np.arange(n), side="right") - 1
    found = np.clip(found, first[line], last[line])
    share = np.clip((at - pieces.at_m[found]) / pieces.length_m[found], 0, 1)
    return np.asarray(
        pieces.start[found] + share[:, None] * (pieces.end[found] - pieces.start[found]), dtype=np.float64
    )


def inner_vertices(pieces: Pieces, line: Ints, at: Floats) -> tuple[Floats, Ints]:
    """Return the vertices of lines that are no spots, and the spot before each.

    Parameters
    ----------
    pieces : Pieces
        Of all the lines.
    line, at : array, shape (n_spots,)
        Spots in order of line and metres along it; the first of each line is its start, the last its end.
    """
    is_inner = np.r_[False, pieces.line[1:] == pieces.line[:-1]][: len(pieces.line)]
    vertex, v_line, v_at = pieces.start[is_inner], pieces.line[is_inner], pieces.at_m[is_inner]
    kind = np.r_[np.zeros(len(at)), np.ones(len(v_at))]
    order = np.lexsort((kind, np.r_[at, v_at], np.r_[line, v_line]))
    is_spot = order < len(at)
    before = (np.cumsum(is_spot) - 1)[~is_spot]
    vertices = order[~is_spot] - len(at)
    after = np.minimum(before + 1, len(at) - 1)
    away = np.minimum(v_at[vertices] - at[before], at[after] - v_at[vertices])
    apart = away > SAME_PLACE_M
    return vertex[vertices[apart]], before[apart]


def drawn(start: Floats, end: Floats, inner: Floats, piece: Ints) -> Objects:
    """Return lines from start to end over inner vertices, which come in order and name their piece."""
    n = len(start)
    coordinates = np.concatenate([start, inner, end])
    index = np.concatenate([np.arange(n), piece, np.arange(n)])
    rank = np.concatenate([np.zeros(n), np.ones(len(piece)), np.full(n, 2)])
    order = np.lexsort((rank, index))
    return np.asarray(shapely.linestrings(coordinates[order], indices=index[order]), dtype=object)


def cut_lines(lines: Objects, line: Ints, at: Floats) -> tuple[Objects, Ints, Mask]:
    """Return the pieces of lines, the line of each, and which pieces start at a cut.

    Parameters
    ----------
    lines : array of shapely LineString
    line, at : array, shape (n_cuts,)
        Metres along each line, off its ends; in any order.
    """
    if not len(lines):
        return lines, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_)
    n = len(lines)
    straight = straight_pieces(lines)
    total = np.bincount(straight.line, straight.length_m, n)
    spot_line = np.concatenate([np.arange(n), line, np.arange(n)])
    spot_at = np.concatenate([np.zeros(n), at, total])
    kind = np.concatenate([np.zeros(n), np.ones(len(at)), np.full(n, 2)])
    order = np.lexsort((kind, spot_at, spot_line))
    spot_line, spot_at = spot_line[order], spot_at[order]
    places = places_on(straight, spot_line, spot_at)
    from_ = np.flatnonzero(spot_line[1:] == spot_line[:-1])
    inner, before = inner_vertices(straight, spot_line, spot_at)
    pieces = drawn(places[from_], places[from_ + 1], inner, np.searchsorted(from_, before))
    return pieces, spot_line[from_].astype(np.int64), kind[order][from_] == 1


def led_on(lines: Objects, start: Floats, end: Floats) -> Objects:
    """Return lines led on straight to new starts and ends where these are other places."""
    if not len(lines):
        return lines
    coordinates, index = shapely.get_coordinates(lines, return_index=True)
    is_first = np.r_[True, index[1:] != index[:-1]]
    old_start, old_end = coordinates[is_first], coordinates[np.roll(is_first, -1)]
    before = np.flatnonzero(np.hypot(*(start - old_start).T) > SAME_PLACE_M)
    after = np.flatnonzero(np.hypot(*(end - old_end).T) > SAME_PLACE_M)
    rows = np.concatenate([start[before], coordinates, end[after]])
    number = np.concatenate([before, index, after])
    rank = np.concatenate([np.zeros(len(before)), np.ones(len(index)), np.full(len(after), 2)])
    order = np.lexsort((rank, number))
    return np.asarray(shapely.linestrings(rows[order], indices=number[order]), dtype=object)
