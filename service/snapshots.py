"""Findings as they are served: immutable, every feature encoded once, pages cut from the same bytes.

A snapshot holds the features' JSON, and beside it what filters, counts, tables and downloads need: bounds,
geometries (WKB), property columns, times. A page of an unfiltered snapshot is a slice of its bytes.
Nothing here knows HTTP.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import ArrayLike, NDArray

from service.encode import feature_objects, geometry_members, joined, json_bytes, published_geometries

VIEWS = ("responder", "public")

#: µs since 1970 of a feature that has no time: smaller than any real one.
NO_TIME = int(np.iinfo(np.int64).min)

Bbox = tuple[float, float, float, float]


@dataclass(frozen=True)
class Interval:
    """A closed stretch of time in µs since 1970, UTC; None where it is open."""

    start: int | None
    end: int | None


@dataclass(frozen=True)
class Snapshot:
    """One finished collection in one view.

    `features` are the feature objects joined by commas; object i is
    ``features[offsets[i] : offsets[i + 1] - 1]``. `bounds` is (n, 4) as minx, miny, maxx, maxy, NaN without
    geometry. `columns` are the properties; lists and objects are JSON text there (field metadata says so).
    `start` and `end` are µs since 1970 per feature (`NO_TIME` where it has none), or None when the
    collection has no time field. `id` is the digest of everything in it.
    """

    id: str
    collection: str
    view: str
    title: str
    description: str
    geometry_kind: str | None
    fids: list[str]
    features: bytes
    offsets: NDArray[np.int64]
    bounds: NDArray[np.float64]
    wkb: pa.Array
    columns: pa.Table
    start: NDArray[np.int64] | None
    end: NDArray[np.int64] | None
    emberline: dict[str, Any]
    timestamp: str
    descriptions: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.fids)

    @property
    def run(self) -> str:
        """The run that made it; the snapshot's own id where no run is named."""
        return str(self.emberline.get("run") or self.id)

    @cached_property
    def n_bytes(self) -> int:
        """Roughly what it holds in memory, for a bounded cache."""
        fids = sum(map(len, self.fids)) + 60 * len(self.fids)
        return len(self.features) + int(self.wkb.nbytes) + int(self.columns.nbytes) + fids + 56 * len(self)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of every feature id."""
        return {fid: row for row, fid in enumerate(self.fids)}

    @cached_property
    def bbox(self) -> Bbox | None:
        """The smallest box around all features, or None when none has a geometry."""
        if not len(self) or np.isnan(self.bounds[:, 0]).all():
            return None
        low, high = np.nanmin(self.bounds[:, :2], axis=0), np.nanmax(self.bounds[:, 2:], axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @cached_property
    def interval(self) -> Interval | None:
        """First and last time of all features, or None when none has a time."""
        if self.start is None or self.end is None:
            return None
        timed = self.start != NO_TIME
        if not timed.any():
            return None
        return Interval(int(self.start[timed].min()), int(self.end[timed].max()))

    @cached_property
    def properties(self) -> dict[str, dict[str, Any]]:
        """JSON schema of every property, in order."""
        return {f.name: property_schema(f, self.descriptions.get(f.name)) for f in self.columns.schema}

    @cached_property
    def emberline_json(self) -> bytes:
        """The foreign member as JSON."""
        return json_bytes(self.emberline)

    def feature(self, row: int) -> bytes:
        """Return the JSON object of one feature."""
        return self.features[self.offsets[row] : self.offsets[row + 1] - 1]


@dataclass(frozen=True)
class Page:
    """Some features of a snapshot: which rows, their JSON joined by commas, and how many match in all."""

    rows: NDArray[np.int64]
    features: bytes | memoryview
    number_matched: int
    offset: int

    @property
    def number_returned(self) -> int:
        """How many features this page holds."""
        return len(self.rows)

    @property
    def has_next(self) -> bool:
        """Whether more features match behind this page."""
        return self.offset + len(self.rows) < self.number_matched


def snapshot(
    collection: str,
    view: str,
    fids: Sequence[str],
    geometries: ArrayLike | None,
    columns: Mapping[str, Any],
    emberline: Mapping[str, Any],
    *,
    timestamp: str,
    title: str = "",
    description: str = "",
    start: ArrayLike | None = None,
    end: ArrayLike | None = None,
    descriptions: Mapping[str, str] | None = None,
) -> Snapshot:
    """Encode every feature once and return the snapshot.

    Parameters
    ----------
    collection, view : str
        The collection's id; ``responder`` or ``public``.
    fids : sequence of str, length n
        Feature ids, each once.
    geometries : array of shapely geometries, shape (n,), or None
        In longitude and latitude (WGS 84); None for a collection without geometry.
    columns : mapping of name to array, list or Arrow array, each of length n
        Properties in the order they are published. NaN, NaT and None become null.
    emberline : mapping
        The foreign member: run, method, method_version, parameters, layers, data_version, diagnostics.
    timestamp : str
        Time of the data version (RFC 3339), the ``timeStamp`` of every answer.
    start, end : array of datetime64 or int64 (µs since 1970, UTC), shape (n,), optional
        The time field; NaT or `NO_TIME` where a feature has none. `end` defaults to `start`.
    descriptions : mapping of property to sentence, optional
        Shown in the collection's schema.

    Raises
    ------
    ValueError
        If an id comes twice, a column is not of length n or the view is unknown.
    """
    _check(view, fids, columns)
    shapes = np.full(len(fids), None, dtype=object)
    if geometries is not None:
        shapes = published_geometries(np.asarray(geometries, dtype=object))
    if len(shapes) != len(fids):
        raise ValueError(f"one geometry per feature is needed: {len(fids)} ids, {len(shapes)} geometries")
    objects = feature_objects(
        fids, geometry_members(shapes), list(columns), [_plain(values) for values in columns.values()]
    )
    features, offsets = joined(objects)
    starts = _microseconds(start)
    ends = starts if end is None else _microseconds(end)
    meta = orjson.loads(json_bytes(dict(emberline)))
    words = [collection, view, title, description, timestamp]
    return Snapshot(
        id=_digest(features, starts, ends, words, meta),
        collection=collection,
        view=view,
        title=title or collection,
        description=description,
        geometry_kind=None if geometries is None else _geometry_kind(shapes),
        fids=list(fids),
        features=features,
        offsets=offsets,
        bounds=shapely.bounds(shapes).reshape(len(fids), 4),
        wkb=pa.array(shapely.to_wkb(shapes), pa.binary()),
        columns=_table(columns, len(fids)),
        start=starts,
        end=ends,
        emberline=meta,
        timestamp=timestamp,
        descriptions=dict(descriptions or {}),
    )


def page(
    whole: Snapshot,
    *,
    limit: int | None,
    offset: int = 0,
    bbox: Bbox | None = None,
    datetime: Interval | None = None,
    filters: Mapping[str, Any] | None = None,
) -> Page:
    """Return the features of a page; `limit=None` returns all that match.

    `bbox` with minx > maxx crosses the antimeridian. `filters` are property → value of the column's type.
    """
    mask = _mask(whole, bbox, datetime, filters or {})
    if mask is None:
        return _slice(whole, limit, offset)
    matching = np.flatnonzero(mask)
    rows = matching[offset:] if limit is None else matching[offset : offset + limit]
    first, last = whole.offsets[rows].tolist(), (whole.offsets[rows + 1] - 1).tolist()
    parts = [whole.features[a:b] for a, b in zip(first, last, strict=True)]
    return Page(rows, b",".join(parts), len(matching), offset)


def to_blobs(whole: Snapshot) -> dict[str, bytes | str]:
    """Return the snapshot as named blobs for a store: `features`, `offsets`, `table` and the JSON `meta`."""
    table = whole.columns.append_column(_GEOMETRY, whole.wkb).append_column(
        _FID, pa.array(whole.fids, pa.string())
    )
    if whole.start is not None and whole.end is not None:
        table = table.append_column(_START, pa.array(whole.start)).append_column(_END, pa.array(whole.end))
    sink = BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    meta = {name: getattr(whole, name) for name in _META} | {"n_bytes": len(whole.features), "n": len(whole)}
    return {
        "features": pa.compress(whole.features, codec="zstd", asbytes=True),
        "offsets": whole.offsets.astype("<i8").tobytes(),
        "bounds": whole.bounds.astype("<f8").tobytes(),
        "table": sink.getvalue(),
        "meta": orjson.dumps(meta).decode(),
    }


def from_blobs(blobs: Mapping[str, bytes | str]) -> Snapshot:
    """Return the snapshot that `to_blobs` took apart."""
    meta = orjson.loads(blobs["meta"])
    size, n = meta.pop("n_bytes"), meta.pop("n")
    table = pa.ipc.open_stream(blobs["table"]).read_all()
    timed = _START in table.column_names
    wkb = table[_GEOMETRY].combine_chunks()
    return Snapshot(
        **meta,
        fids=table[_FID].to_pylist(),
        features=pa.decompress(blobs["features"], size, codec="zstd", asbytes=True) if size else b"",
        offsets=np.frombuffer(_as_bytes(blobs["offsets"]), "<i8").astype(np.int64),
        bounds=np.frombuffer(_as_bytes(blobs["bounds"]), "<f8").astype(np.float64).reshape(n, 4),
        wkb=wkb.combine_chunks() if isinstance(wkb, pa.ChunkedArray) else wkb,
        columns=table.select([name for name in table.column_names if name not in _OWN_COLUMNS]),
        start=table[_START].to_numpy() if timed else None,
        end=table[_END].to_numpy() if timed else None,
    )


def property_schema(arrow_field: pa.Field, description: str | None = None) -> dict[str, Any]:
    """Return the JSON schema of one property.

    Examples
    --------
    >>> property_schema(pa.field("count", pa.int64()))
    {'title': 'count', 'type': 'integer'}
    """
    schema: dict[str, Any] = {"title": arrow_field.name} | _json_type(arrow_field)
    return schema | ({"description": description} if description else {})


_GEOMETRY, _FID, _START, _END = "__wkb", "__fid", "__start", "__end"
_OWN_COLUMNS = {_GEOMETRY, _FID, _START, _END}
_META = (
    "id",
    "collection",
    "view",
    "title",
    "description",
    "geometry_kind",
    "emberline",
    "timestamp",
    "descriptions",
)
_JSON_TEXT = b"json"


def _check(view: str, fids: Sequence[str], columns: Mapping[str, Any]) -> None:
    if view not in VIEWS:
        raise ValueError(f"a view is one of {', '.join(VIEWS)}, got {view!r}")
    if len(set(fids)) != len(fids):
        raise ValueError(f"feature ids must differ: {len(fids)} features, {len(set(fids))} ids")
    for name, values in columns.items():
        if len(values) != len(fids):
            raise ValueError(f"property {name!r} needs {len(fids)} values, got {len(values)}")
        if name in _OWN_COLUMNS:
            raise ValueError(f"{name!r} is a reserved name")


def _plain(values: Any) -> Sequence[Any]:
    """Return the values as Python objects that the JSON encoder takes, absent ones as None."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return list(values.to_pylist())
    if isinstance(values, list | tuple):
        return values
    array = np.asarray(values)
    if array.dtype.kind == "M":
        return [None if np.isnat(value) else value for value in array.astype("datetime64[us]")]
    return list(array.tolist())


def _table(columns: Mapping[str, Any], n: int) -> pa.Table:
    """Return the properties as Arrow columns."""
    if not columns:
        return pa.table({"none": pa.nulls(n)}).select([])
    named = [_column(name, values) for name, values in columns.items()]
    return pa.Table.from_arrays([values for _, values in named], schema=pa.schema([f for f, _ in named]))


def _column(name: str, values: Any) -> tuple[pa.Field, pa.Array]:
    """Return a property as an Arrow column; lists and objects as JSON text, marked in the metadata."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        if pa.types.is_nested(values.type):
            return _column(name, values.to_pylist())
        return _field(name, values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values)
    array = None if isinstance(values, list | tuple) else np.asarray(values)
    if array is not None and array.ndim == 1 and array.dtype.kind == "M":
        return _field(name, pa.array(array.astype("datetime64[us]"), pa.timestamp("us", tz="UTC")))
    if array is not None and array.ndim == 1 and array.dtype.kind != "O":
        return _field(name, pa.array(array, from_pandas=True))
    return _column_of_objects(name, list(_plain(values)))


def _column_of_objects(name: str, values: list[Any]) -> tuple[pa.Field, pa.Array]:
    """Return Python objects as a column: by what the first nested value is, else by Arrow's inference."""
    nested = next((value for value in values if isinstance(value, list | tuple | dict | np.ndarray)), None)
    if nested is not None:
        text = pa.array([None if v is None else json_bytes(v).decode() for v in values], pa.string())
        kind = b"object" if isinstance(nested, dict) else b"array"
        return pa.field(name, pa.string(), metadata={_JSON_TEXT: kind}), text
    try:
        inferred = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        inferred = pa.array([None if v is None else str(v) for v in values], pa.string())
    if pa.types.is_null(inferred.type):
        inferred = inferred.cast(pa.string())  # files have no type for "nothing known"
    if pa.types.is_timestamp(inferred.type):
        inferred = inferred.cast(pa.timestamp("us", tz="UTC"))
    return _field(name, inferred)


def _field(name: str, values: pa.Array) -> tuple[pa.Field, pa.Array]:
    """Return field and values; a number that is not finite is absent, as it is in the JSON."""
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))
    return pa.field(name, values.type), values


def _json_type(arrow_field: pa.Field) -> dict[str, Any]:
    kind = (arrow_field.metadata or {}).get(_JSON_TEXT)
    if kind:
        return {"type": str(kind.decode())}
    arrow_type = arrow_field.type
    if pa.types.is_boolean(arrow_type):
        return {"type": "boolean"}
    if pa.types.is_integer(arrow_type):
        return {"type": "integer"}
    if pa.types.is_floating(arrow_type) or pa.types.is_decimal(arrow_type):
        return {"type": "number"}
    if pa.types.is_timestamp(arrow_type):
        return {"type": "string", "format": "date-time"}
    if pa.types.is_date(arrow_type):
        return {"type": "string", "format": "date"}
    return {"type": "string"}


def _microseconds(times: ArrayLike | None) -> NDArray[np.int64] | None:
    """Return times as µs since 1970; NaT has the same bits as `NO_TIME`."""
    if times is None:
        return None
    array = np.asarray(times)
    return (
        array.astype("datetime64[us]").astype(np.int64) if array.dtype.kind == "M" else array.astype(np.int64)
    )


def _geometry_kind(shapes: NDArray[np.object_]) -> str | None:
    """Name the one GeoJSON type that holds all geometries; ``Geometry`` when they are of several kinds."""
    names = {str(shape.geom_type) for shape in shapes if shape is not None}
    if len(names) > 1 and len({name.removeprefix("Multi") for name in names}) == 1:
        return next(name for name in names if name.startswith("Multi"))
    return names.pop() if len(names) == 1 else "Geometry"


def _digest(
    features: bytes,
    start: NDArray[np.int64] | None,
    end: NDArray[np.int64] | None,
    words: list[str],
    meta: dict[str, Any],
) -> str:
    digest = sha256(features)
    for times in (start, end):
        digest.update(b"" if times is None else times.tobytes())
    digest.update(json_bytes([words, meta]))
    return digest.hexdigest()[:32]


def _as_bytes(blob: bytes | str) -> bytes:
    return blob.encode() if isinstance(blob, str) else blob


def _slice(whole: Snapshot, limit: int | None, offset: int) -> Page:
    """Cut a page out of the unfiltered snapshot without touching its features."""
    n = len(whole)
    first = min(offset, n)
    last = n if limit is None else min(first + limit, n)
    text = memoryview(whole.features)[whole.offsets[first] : max(whole.offsets[last] - 1, 0)]
    return Page(np.arange(first, last), text if last > first else b"", n, offset)


def _mask(
    whole: Snapshot, bbox: Bbox | None, datetime: Interval | None, filters: Mapping[str, Any]
) -> NDArray[np.bool_] | None:
    """Return which features match everything asked, or None when nothing was asked."""
    masks = [_equals(whole.columns[name], value) for name, value in filters.items()]
    if datetime is not None:
        masks.append(_during(whole, datetime))
    if bbox is not None:
        masks.append(_inside(whole, bbox))
    return np.logical_and.reduce(masks) if masks else None


def _equals(column: pa.ChunkedArray, value: Any) -> NDArray[np.bool_]:
    if pa.types.is_null(column.type):
        return np.zeros(len(column), dtype=bool)
    try:
        wanted = pa.scalar(value, column.type)
    except (pa.ArrowInvalid, OverflowError):  # beyond what the column can hold
        return np.zeros(len(column), dtype=bool)
    equal = pc.equal(column, wanted)
    return np.asarray(pc.fill_null(equal, False).to_numpy(), dtype=bool)


def _during(whole: Snapshot, asked: Interval) -> NDArray[np.bool_]:
    """Features whose time touches the interval, and those without a time (as the standard has it)."""
    if whole.start is None or whole.end is None:
        return np.ones(len(whole), dtype=bool)
    mask = np.ones(len(whole), dtype=bool)
    if asked.start is not None:
        mask &= whole.end >= asked.start
    if asked.end is not None:
        mask &= whole.start <= asked.end
    return np.asarray(mask | (whole.start == NO_TIME))


def _inside(whole: Snapshot, bbox: Bbox) -> NDArray[np.bool_]:
    """Features that intersect the box, and those without a geometry (as the standard has it)."""
    minx, miny, maxx, maxy = bbox
    if minx > maxx:
        return _inside(whole, (minx, miny, 180.0, maxy)) | _inside(whole, (-180.0, miny, maxx, maxy))
    low_x, low_y, high_x, high_y = whole.bounds.T
    touches = (low_x <= maxx) & (high_x >= minx) & (low_y <= maxy) & (high_y >= miny)
    within = (low_x >= minx) & (high_x <= maxx) & (low_y >= miny) & (high_y <= maxy)
    # Only where the box cuts a feature's bounds does the shape itself decide.
    doubtful = np.flatnonzero(touches & ~within)
    if len(doubtful) and whole.geometry_kind != "Point":
        shapes = shapely.from_wkb(np.asarray(whole.wkb.take(pa.array(doubtful)).to_pylist(), dtype=object))
        window = shapely.box(minx, miny, maxx, maxy)
        shapely.prepare(window)
        touches[doubtful] = shapely.intersects(window, shapes)
    return np.asarray(touches | np.isnan(low_x))
