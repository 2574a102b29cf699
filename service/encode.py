"""Features to bytes: GeoJSON geometries and feature objects from arrays, each encoded once.

Coordinates leave with six decimals (about 0.1 m), outer rings counter-clockwise (RFC 7946), and a number
that is not finite leaves as null. Nothing here knows of collections, pages or HTTP.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray

COORDINATE_DECIMALS = 6

_JSON_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC | orjson.OPT_NON_STR_KEYS

_TYPE_NAMES = {
    shapely.GeometryType.POINT: "Point",
    shapely.GeometryType.LINESTRING: "LineString",
    shapely.GeometryType.POLYGON: "Polygon",
    shapely.GeometryType.MULTIPOINT: "MultiPoint",
    shapely.GeometryType.MULTILINESTRING: "MultiLineString",
    shapely.GeometryType.MULTIPOLYGON: "MultiPolygon",
}


def json_bytes(value: Any) -> bytes:
    """Return compact JSON; NaN and infinities become null, numpy scalars numbers, times UTC with a Z."""
    return orjson.dumps(value, option=_JSON_OPTIONS)


def published_geometries(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the geometries as they are published: two dimensions, rounded, rings wound as RFC 7946 asks.

    Empty geometries become None.

    Examples
    --------
    >>> clockwise = shapely.Polygon([(0, 0), (0, 1), (1.00000049, 1), (0, 0)])
    >>> published_geometries(np.array([clockwise, None]))[0].wkt
    'POLYGON ((0 0, 1 1, 0 1, 0 0))'
    """
    flat = shapely.force_2d(geometries)
    # + 0.0 turns the -0.0 that rounding leaves into 0.0
    rounded = shapely.transform(flat, lambda xy: np.round(xy, COORDINATE_DECIMALS) + 0.0)
    wound = shapely.orient_polygons(rounded)
    published: NDArray[np.object_] = np.array(wound, dtype=object)
    published[shapely.is_empty(published)] = None
    return published


def geometry_members(geometries: NDArray[np.object_]) -> list[bytes]:
    """Return one GeoJSON geometry object per geometry, ``null`` for None.

    Examples
    --------
    >>> geometry_members(np.array([shapely.Point(-111.9, 33.4), None]))
    [b'{"type":"Point","coordinates":[-111.9,33.4]}', b'null']
    """
    members = np.full(len(geometries), b"null", dtype=object)
    types = shapely.get_type_id(geometries)
    for type_id in np.unique(types[types >= 0]):
        rows = np.flatnonzero(types == type_id)
        members[rows] = _members_of_type(geometries[rows], shapely.GeometryType(type_id))
    return list(members)


def feature_objects(
    fids: Sequence[str],
    geometry_json: Sequence[bytes],
    names: Sequence[str],
    columns: Sequence[Sequence[Any]],
) -> list[bytes]:
    """Return one GeoJSON feature object per row of equally long columns.

    Examples
    --------
    >>> feature_objects(["a"], [b"null"], ["count", "z"], [[3], [float("nan")]])
    [b'{"type":"Feature","id":"a","geometry":null,"properties":{"count":3,"z":null}}']
    """
    dumps = orjson.dumps
    ids = [dumps(fid) for fid in fids]
    rows: Iterable[tuple[Any, ...]] = zip(*columns, strict=True) if columns else ((),) * len(ids)
    return [
        b'{"type":"Feature","id":%b,"geometry":%b,"properties":%b}'
        % (fid, geometry, dumps(dict(zip(names, row, strict=True)), None, _JSON_OPTIONS))
        for fid, geometry, row in zip(ids, geometry_json, rows, strict=True)
    ]


def joined(objects: Sequence[bytes]) -> tuple[bytes, NDArray[np.int64]]:
    """Return the objects joined by commas and where each starts; the last offset is where one more would.

    So the objects i…j are ``features[offsets[i] : offsets[j] - 1]``, commas in place.
    """
    lengths = np.fromiter((len(part) + 1 for part in objects), dtype=np.int64, count=len(objects))
    return b",".join(objects), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _members_of_type(geometries: NDArray[np.object_], geometry_type: shapely.GeometryType) -> list[bytes]:
    """Encode geometries of one type level by level: positions, rings, polygons."""
    name = _TYPE_NAMES.get(geometry_type)
    if name is None:
        return [_member_of_mixed(geometry) for geometry in geometries]
    _, coordinates, *levels = shapely.to_ragged_array(geometries)
    offsets: tuple[NDArray[Any], ...] = levels[0] if levels else ()
    prefix = b'{"type":"%b","coordinates":' % name.encode()
    if not offsets:
        parts = _split_rows(coordinates)
    else:
        parts = _position_lists(coordinates, offsets[0])
        for ends in offsets[1:]:
            parts = [b"[%b]" % b",".join(parts[a:b]) for a, b in pairwise(ends.tolist())]
    return [prefix + part + b"}" for part in parts]


def _position_lists(coordinates: NDArray[np.float64], ends: NDArray[Any]) -> list[bytes]:
    """Encode one list of positions per line or ring."""
    sizes = np.diff(ends)
    if len(sizes) and (sizes == sizes[0]).all() and sizes[0] > 0:
        # Hexagons: all rings are equally long, so one call encodes all of them.
        return _split_rows(coordinates.reshape(len(sizes), int(sizes[0]), 2))
    spans = pairwise(ends.tolist())
    return [orjson.dumps(coordinates[a:b], None, orjson.OPT_SERIALIZE_NUMPY) for a, b in spans]


def _split_rows(array: NDArray[np.float64]) -> list[bytes]:
    """Encode an array in one call and cut the text into its rows."""
    if not len(array):
        return []
    text = orjson.dumps(np.ascontiguousarray(array), None, orjson.OPT_SERIALIZE_NUMPY)
    depth = array.ndim - 1
    opening, closing = b"[" * depth, b"]" * depth
    inner = text[1 + depth : -1 - depth]
    return [opening + part + closing for part in inner.split(closing + b"," + opening)]


def _member_of_mixed(geometry: shapely.Geometry) -> bytes:
    """Encode a geometry collection, which has no ragged form."""
    parts = geometry_members(shapely.get_parts(geometry))
    return b'{"type":"GeometryCollection","geometries":[%b]}' % b",".join(parts)
