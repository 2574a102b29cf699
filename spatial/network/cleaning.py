"""Lines as a file gives them made fit for a network: what is no line goes, what is drawn twice stays once.

Lines come out in an order and a direction that only their shapes decide, so that neither the order of rows
nor the direction of drawing changes anything that is built on them.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from spatial.errors import InvalidGeometry, InvalidValues
from spatial.network.parts import Floats, Ints, Mask, Objects, RoadLines

# Vertices nearer than this are one; a line shorter than this is none.
SAME_PLACE_M = 1e-3


@dataclass(frozen=True)
class CleanLines:
    """Lines in an order and a direction of their own.

    Attributes
    ----------
    line : array of shapely LineString, shape (n,)
        Two-dimensional, without repeated vertices.
    road : array of int, shape (n,)
        Row of the roads that were given.
    is_flipped : array of bool, shape (n,)
        Whether `line` runs against the line as given.
    level : array of int16, shape (n,)
    aadt : array of float, shape (n,)
        Of the line or, where it has none, of its duplicate.
    dropped : dict of str to int
        Lines left out by reason.
    duplicates : int
        Lines left out since another one is the same.
    """

    line: Objects
    road: Ints
    is_flipped: Mask
    level: NDArray[np.int16]
    aadt: Floats
    dropped: dict[str, int]
    duplicates: int


def clean_lines(roads: RoadLines) -> CleanLines:
    """Return the lines that a network can be built of.

    Of lines that are the same on one level (in either direction) the one with a name stays, then the one with
    an AADT, then the first by name and class.

    Raises
    ------
    InvalidGeometry
        If something other than a single line is given.
    InvalidValues
        If the attributes differ in length.
    """
    _check(roads)
    given = np.asarray(roads.line, dtype=object)
    reason = _reasons(given)
    kept = np.flatnonzero(reason == "")
    lines = _simple(given[kept])
    is_short = shapely.length(lines) <= SAME_PLACE_M
    reason[kept[is_short]] = "zero length"
    kept, lines = kept[~is_short], lines[~is_short]
    lines, is_flipped = _directed(lines)
    order = _order(lines, roads.level[kept])
    kept, lines, is_flipped = kept[order], lines[order], is_flipped[order]
    stays, aadt = _singled(roads, lines, kept)
    names, counts = np.unique(reason[reason != ""], return_counts=True)
    return CleanLines(
        lines[stays],
        kept[stays],
        is_flipped[stays],
        roads.level[kept[stays]],
        aadt,
        dict(zip(names.tolist(), counts.tolist(), strict=True)),
        len(lines) - len(stays),
    )


def directed_like(line: Objects) -> Mask:
    """Return which lines run against the direction that their own shape decides."""
    coordinates, index = shapely.get_coordinates(line, return_index=True)
    counts = np.bincount(index, minlength=len(line))
    first = np.cumsum(counts) - counts
    last = first + counts - 1
    is_ring = (coordinates[first] == coordinates[last]).all(axis=1)
    one, other = coordinates[first + is_ring], coordinates[last - is_ring]
    return np.asarray(
        (one[:, 0] > other[:, 0]) | ((one[:, 0] == other[:, 0]) & (one[:, 1] > other[:, 1])), dtype=np.bool_
    )


def _check(roads: RoadLines) -> None:
    n = len(roads.line)
    columns = (roads.name, roads.road_class, roads.oneway, roads.level, roads.is_roundabout, roads.aadt)
    if any(len(column) != n for column in columns):
        raise InvalidValues(
            f"every attribute of {n} roads must have {n} values, got {[len(c) for c in columns]}"
        )
    kinds = shapely.get_type_id(np.asarray(roads.line, dtype=object))
    if np.any((kinds > 2) | (kinds == 0)):
        raise InvalidGeometry("single lines were needed, got points, areas or geometries of several parts")


def _reasons(lines: Objects) -> Objects:
    """Return why a line is none; "" where it may be one."""
    reason = np.full(len(lines), "", dtype=object)
    reason[shapely.get_num_coordinates(lines) == 1] = "one vertex"
    reason[shapely.is_missing(lines) | shapely.is_empty(lines)] = "empty"
    coordinates, index = shapely.get_coordinates(lines, return_index=True)
    reason[index[~np.isfinite(coordinates).all(axis=1)]] = "not finite"
    return reason


def _simple(lines: Objects) -> Objects:
    flat = shapely.force_2d(lines)
    return np.asarray(shapely.remove_repeated_points(flat, SAME_PLACE_M), dtype=object)


def _directed(lines: Objects) -> tuple[Objects, Mask]:
    is_flipped = directed_like(lines)
    directed = lines.copy()
    directed[is_flipped] = shapely.reverse(lines[is_flipped])
    return directed, is_flipped


def _order(lines: Objects, level: NDArray[np.int16]) -> Ints:
    """Return an order that only shapes and levels decide."""
    start, end = (shapely.get_coordinates(shapely.get_point(lines, at)) for at in (0, -1))
    middle = shapely.get_coordinates(shapely.line_interpolate_point(lines, 0.5, normalized=True))
    keys = (level, shapely.length(lines), *middle.T, *end.T, *start.T)
    return np.asarray(np.lexsort(keys), dtype=np.int64)


def _singled(roads: RoadLines, lines: Objects, kept: Ints) -> tuple[Ints, Floats]:
    """Return which lines stay and the AADT of each; equal lines on one level are one."""
    if not len(lines):
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    shapes: dict[tuple[bytes, int], int] = {}
    keys = zip(shapely.to_wkb(lines).tolist(), roads.level[kept].tolist(), strict=True)
    group = np.array([shapes.setdefault(key, len(shapes)) for key in keys], dtype=np.int64)
    aadt = roads.aadt[kept].astype(np.float64)
    name = np.array(["" if value is None else str(value) for value in roads.name[kept]])
    road_class = roads.road_class[kept].astype(str)
    best_first = np.lexsort((kept, -np.nan_to_num(aadt), road_class, name, np.isnan(aadt), name == "", group))
    stays = best_first[np.r_[True, np.diff(group[best_first]) > 0]]
    known = np.full(len(stays), -np.inf)
    np.maximum.at(known, group, np.where(np.isnan(aadt), -np.inf, aadt))
    own = aadt[stays]
    filled = np.where(np.isnan(own) & np.isfinite(known[group[stays]]), known[group[stays]], own)
    return stays, filled
