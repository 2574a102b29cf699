"""Where a row lies: from a pair of columns, a geometry or a text to x and y."""

import re
from dataclasses import dataclass, field

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from data.numbers import NumberStyle, is_null, numbers

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_DEGREES = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_PAIR = rf"(?P<a>{_DEGREES})\s*°?\s*[,; ]\s*(?P<b>{_DEGREES})\s*°?\s*\)?\s*$"
_LAT_LNG_KEYS = (
    r"""["']?(?:latitude|lat)["']?\s*[:=]\s*["']?(?P<a>[+-]?\d+(?:\.\d+)?)""",
    r"""["']?(?:longitude|lng|long|lon)["']?\s*[:=]\s*["']?(?P<b>[+-]?\d+(?:\.\d+)?)""",
)
_GEOJSON_POINT = (
    r"""["']type["']\s*:\s*["']Point["'].*["']coordinates["']\s*:\s*\[\s*(?P<a>[^,\s\]]+)\s*,\s*(?P<b>[^,\s\]]+)"""
    r"""|["']coordinates["']\s*:\s*\[\s*(?P<c>[^,\s\]]+)\s*,\s*(?P<d>[^,\s\]]+).*["']type["']\s*:\s*["']Point["']"""
)


@dataclass
class Positions:
    """x and y per row, NaN where there is none, and why."""

    x: Floats
    y: Floats
    is_missing: Flags
    is_unreadable: Flags
    is_empty_point: Flags = field(repr=False)
    is_not_a_point: Flags = field(repr=False)


def from_columns(
    x: pa.ChunkedArray, y: pa.ChunkedArray, x_style: NumberStyle, y_style: NumberStyle
) -> Positions:
    """Return positions from a column of x and one of y."""
    xs, ys = numbers(x, x_style), numbers(y, y_style)
    none = np.zeros(len(xs.values), np.bool_)
    return Positions(
        xs.values,
        ys.values,
        xs.is_missing | ys.is_missing,
        (xs.is_unreadable | ys.is_unreadable) & ~(xs.is_missing | ys.is_missing),
        none,
        none,
    )


def from_wkb(column: pa.ChunkedArray) -> Positions:
    """Return positions from WKB points."""
    missing = _flags(pc.is_null(column))
    values = column.to_numpy(zero_copy_only=False)
    shapes = shapely.from_wkb(values, on_invalid="ignore")
    return _from_shapes(shapes, missing)


def from_text(column: pa.ChunkedArray) -> Positions:
    """Return positions from texts: WKT, hexadecimal WKB, GeoJSON, `(lat, lng)`, objects with both."""
    if not pa.types.is_string(column.type):
        column = _as_text(column)
    text = pc.utf8_trim_whitespace(column)
    missing = _flags(is_null(text))
    sample = next((v for v in text.filter(pa.array(~missing)).slice(0, 50).to_pylist() if v), "")
    if sample.startswith("{") or "latitude" in sample.lower():
        return _from_objects(text, missing)
    if re.match(r"^\(?\s*[+-]?\d+(\.\d+)?\s*°?\s*[,; ]", sample):
        return _from_pairs(text, missing)
    if re.fullmatch(r"[0-9A-Fa-f]{42,}", sample):
        raw = [_unhexed(v) for v in text.to_pylist()]
        return _from_shapes(shapely.from_wkb(np.array(raw, object), on_invalid="ignore"), missing)
    bare = pc.replace_substring_regex(text, r"(?i)^SRID=\d+;\s*", "")
    return _from_shapes(shapely.from_wkt(bare.to_numpy(zero_copy_only=False), on_invalid="ignore"), missing)


def shapes_from_text(column: pa.ChunkedArray) -> tuple[NDArray[np.object_], Flags]:
    """Return geometries from texts (WKT, hexadecimal WKB, GeoJSON), and where there is no text."""
    text = pc.utf8_trim_whitespace(column if pa.types.is_string(column.type) else _as_text(column))
    missing = _flags(is_null(text))
    values = text.to_numpy(zero_copy_only=False)
    sample = next((v for v in values[~missing][:50] if v), "")
    if sample.startswith("{"):
        return np.asarray(shapely.from_geojson(values, on_invalid="ignore"), dtype=object), missing
    if re.fullmatch(r"[0-9A-Fa-f]{18,}", sample):
        raw = np.array([_unhexed(v) for v in values], dtype=object)
        return np.asarray(shapely.from_wkb(raw, on_invalid="ignore"), dtype=object), missing
    bare = pc.replace_substring_regex(text, r"(?i)^SRID=\d+;\s*", "").to_numpy(zero_copy_only=False)
    return np.asarray(shapely.from_wkt(bare, on_invalid="ignore"), dtype=object), missing


def looks_like_position(column: pa.ChunkedArray) -> bool:
    """Return whether a text column's values are mostly positions that `from_text` reads."""
    kind = column.type
    if pa.types.is_struct(kind):
        return True
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return False
    filled = column.filter(pc.invert(is_null(pc.utf8_trim_whitespace(column)))).slice(0, 2000)
    if not len(filled):
        return False
    found = from_text(filled)
    return bool((np.isfinite(found.x) | found.is_empty_point | found.is_not_a_point).mean() > 0.5)


def _from_shapes(shapes: NDArray[np.object_], missing: Flags) -> Positions:
    kinds = shapely.get_type_id(shapes)
    single = (kinds == 4) & (shapely.get_num_geometries(shapes) == 1)
    if single.any():
        shapes = shapes.copy()
        shapes[single] = shapely.get_geometry(shapes[single], 0)
        kinds = shapely.get_type_id(shapes)
    empty = shapely.is_empty(shapes) & (kinds >= 0)
    other = (kinds > 0) & ~empty
    points = np.full(len(shapes), None, dtype=object)
    points[(kinds == 0) & ~empty] = shapes[(kinds == 0) & ~empty]
    return Positions(
        np.array(shapely.get_x(points), np.float64),
        np.array(shapely.get_y(points), np.float64),
        missing | empty,
        (kinds < 0) & ~missing,
        empty,
        other,
    )


def _from_pairs(text: pa.ChunkedArray, missing: Flags) -> Positions:
    found = pc.extract_regex(text, _PAIR)
    return _from_first_second(found, missing, latitude_first=True)


def _from_objects(text: pa.ChunkedArray, missing: Flags) -> Positions:
    geojson = pc.extract_regex(text, _GEOJSON_POINT).combine_chunks()
    x = _parsed(pc.coalesce(_group(geojson, "a"), _group(geojson, "c")))
    y = _parsed(pc.coalesce(_group(geojson, "b"), _group(geojson, "d")))
    lat = _parsed(_group(pc.extract_regex(text, "(?i)" + _LAT_LNG_KEYS[0]).combine_chunks(), "a"))
    lng = _parsed(_group(pc.extract_regex(text, "(?i)" + _LAT_LNG_KEYS[1]).combine_chunks(), "b"))
    x, y = np.where(np.isnan(x), lng, x), np.where(np.isnan(y), lat, y)
    none = np.zeros(len(x), np.bool_)
    return Positions(x, y, missing, (np.isnan(x) | np.isnan(y)) & ~missing, none, none)


def _from_first_second(found: pa.ChunkedArray, missing: Flags, *, latitude_first: bool) -> Positions:
    whole = found.combine_chunks()
    first, second = _parsed(_group(whole, "a")), _parsed(_group(whole, "b"))
    # `(lat, lng)` is the custom; values that cannot be latitudes turn it round.
    if _middle(first) > 90 >= _middle(second):
        latitude_first = False
    y, x = (first, second) if latitude_first else (second, first)
    none = np.zeros(len(x), np.bool_)
    return Positions(x, y, missing, (np.isnan(x) | np.isnan(y)) & ~missing, none, none)


def _middle(values: Floats) -> float:
    known = np.abs(values[np.isfinite(values)])
    return float(np.median(known)) if len(known) else 0.0


def _group(found: pa.StructArray, name: str) -> pa.Array:
    values = pc.struct_field(found, name)
    return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)


def _parsed(values: pa.Array) -> Floats:
    return numbers(pa.chunked_array([values]), NumberStyle()).values


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_struct(column.type):
        return pa.chunked_array(
            [[None if v is None else orjson.dumps(v).decode() for v in column.to_pylist()]], pa.string()
        )
    return pc.cast(column, pa.string())


def _unhexed(value: str | None) -> bytes | None:
    try:
        return None if value is None else bytes.fromhex(value)
    except ValueError:
        return b""


def _flags(column: pa.ChunkedArray) -> Flags:
    return np.array(column.fill_null(False).to_numpy(), dtype=np.bool_)
