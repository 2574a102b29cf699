"""Lines of roads as geometries: flat, in degrees, without pieces that have no length."""

import struct
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from data.raw_rows import as_text
from data.row_shapes import CODES as SHAPE_CODES
from data.row_shapes import REASONS as SHAPE_REASONS
from data.row_shapes import Flags, Shapes, judged_shapes

#: What can be wrong with a row, with words.
REASONS = SHAPE_REASONS | {
    "wrong_geometry": "a line is needed for the kind roads, the geometry is another",
    "one_vertex": "a line needs two vertices, this one has one",
    "zero_length": "a line needs a length, all vertices of this one lie at one place",
}

_LINES = (1, 2, 5)


@dataclass(frozen=True)
class JudgedLines:
    """LineStrings and MultiLineStrings fit to keep, None elsewhere; the reason against each other row."""

    shapes: Shapes
    reasons: NDArray[np.object_]
    counts: dict[str, int]


def judged_lines(shapes: Shapes, missing: Flags, has_one_vertex: Flags, crs: str) -> JudgedLines:
    """Return lines in WGS 84 and what is wrong with the others."""
    flat = np.asarray(shapely.force_2d(shapes), dtype=object)
    n_with_heights = int(shapely.has_z(shapes).sum())
    lines, n_dropped, has_no_length = _with_length(flat)
    found = judged_shapes(lines, missing, crs, _LINES)
    reasons = np.array(SHAPE_CODES, dtype=object)[found.code]
    reasons[has_no_length & ((reasons == "") | (reasons == "unusable_geometry"))] = "zero_length"
    reasons[has_one_vertex & (reasons == "unreadable_geometry")] = "one_vertex"
    found.shapes[reasons != ""] = None
    counts = {"geometry.heights_dropped": n_with_heights, "geometry.parts_without_length": n_dropped}
    return JudgedLines(found.shapes, reasons, counts)


def have_one_vertex(written: pa.Array | pa.ChunkedArray) -> Flags:
    """Return which geometries (WKB, or text) are lines of one vertex, which no library opens."""
    if pa.types.is_binary(written.type):
        return np.array([wkb is not None and _is_one_vertex(wkb) for wkb in written.to_pylist()], np.bool_)
    pattern = r"(?i)^\s*(srid=\d+;)?\s*linestring\s*(z|m|zm)?\s*\([^,()]*\)\s*$"
    match = pc.match_substring_regex(as_text(written), pattern).fill_null(False)
    return np.array(match.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _is_one_vertex(wkb: bytes) -> bool:
    """Return whether WKB says LineString (2, with heights 1002 or flagged) with a single vertex."""
    if len(wkb) < 9 or len(wkb) > 64:
        return False
    kind, n_vertices = struct.unpack("<II" if wkb[0] == 1 else ">II", wkb[1:9])
    return bool((kind & 0x0FFFFFFF) % 1000 == 2 and n_vertices == 1)


def _with_length(shapes: Shapes) -> tuple[Shapes, int, Flags]:
    """Return lines without their parts of no length, how many parts that were, and lines that have none.

    Collections become their lines; what has no line at all stays as it is.
    """
    result = shapes.copy()
    kinds = shapely.get_type_id(shapes)
    has_no_length = np.isin(kinds, _LINES) & (shapely.length(shapes) == 0) & ~shapely.is_empty(shapes)
    n_dropped = 0
    for row in np.flatnonzero(np.isin(kinds, (5, 7))):
        if not np.isfinite(shapely.get_coordinates(shapes[row])).all():
            continue
        parts = shapely.get_parts(shapely.get_parts(shapes[row]))
        lines = parts[np.isin(shapely.get_type_id(parts), _LINES[:2])]
        long = lines[shapely.length(lines) > 0]
        n_dropped += len(lines) - len(long) if len(long) else 0
        if len(long) and (kinds[row] == 7 or len(long) < len(lines)):
            result[row] = long[0] if len(long) == 1 else shapely.multilinestrings(long)
    return result, n_dropped, np.asarray(has_no_length, dtype=np.bool_)
