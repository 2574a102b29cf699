"""JSON one item at a time: features or plain records, from lines, sequences, arrays, or already parsed."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely

from data.errors import UnreadableFile
from data.readers.dialect import open_text, scan_text
from data.readers.raw import RawChunk, RawFacts, RawReject

ITEMS_PER_CHUNK = 20_000

#: One item may be this long; a bare array of records is read whole and may be this long.
MOST_ITEM_BYTES = 16 << 20
MOST_ARRAY_BYTES = 1 << 30

_SEPARATOR = b"\x1e"


class FeatureItems:
    """Items that are GeoJSON features (or plain records) as raw chunks; an iterator can be read only once."""

    def __init__(self, items: Iterable[Any], name: str, form: str = "GeoJSON") -> None:
        self._items = items
        self.rereadable = isinstance(items, Sequence)
        self.facts = RawFacts(name, form, [])
        self._head: list[Any] = []
        self._stream = iter(items)
        self._head = list(islice(self._stream, ITEMS_PER_CHUNK))
        first = _taken_apart(self._head, 1)
        self._has_geometry = first.has_geometry
        self.facts.columns = list(first.columns)
        if self._head and not first.rows:
            raise UnreadableFile(f"{name}: features are needed, none came: {first.rejects[0].detail}")

    def chunks(self, columns: Sequence[str] | None = None) -> Iterator[RawChunk]:
        """Yield the items in order."""
        stream = iter(self._items) if self.rereadable else self._stream
        items = list(islice(stream, ITEMS_PER_CHUNK)) if self.rereadable else self._head
        row = 1
        while items:
            yield self._chunk(_taken_apart(items, row))
            row += len(items)
            items = list(islice(stream, ITEMS_PER_CHUNK))

    def _chunk(self, parts: "_Parts") -> RawChunk:
        names = dict.fromkeys([*self.facts.columns, *parts.columns])
        n = len(parts.rows)
        columns = {c: arrow_column(parts.columns.get(c, [None] * n)) for c in names}
        table = pa.table(columns) if columns else pa.table({"": pa.nulls(n, pa.string())})
        geometry = pa.chunked_array([parts.wkb()]) if self._has_geometry or parts.has_geometry else None
        return RawChunk(table, np.array(parts.rows, dtype=np.int64), geometry, parts.rejects)


class JsonLines(FeatureItems):
    """A file with one item per line or per record separator; a broken line is one reject."""

    def __init__(self, path: Path, name: str) -> None:
        self._lines = _Lines(path, name)
        super().__init__(self._lines, name, "newline-delimited GeoJSON")
        self.rereadable = True
        self.facts.encoding = "UTF-8"


class JsonArray(FeatureItems):
    """A file that is one array of records, as Open311 and Socrata answer; read whole."""

    def __init__(self, path: Path, name: str) -> None:
        if (size := path.stat().st_size) > MOST_ARRAY_BYTES:
            raise UnreadableFile(
                f"{name}: a bare JSON array of up to {MOST_ARRAY_BYTES >> 20:,} MB can be read, this has "
                f"{size >> 20:,} MB: write it as newline-delimited JSON"
            )
        with open_text(path, scan_text(path)) as text:
            items = _loaded(text.read(), name)
        if not items:
            raise UnreadableFile(f"{name}: records are needed, the array is empty")
        super().__init__(items, name, "JSON array")


class _Lines:
    """The parsed lines of a file, anew at each iteration; what does not parse comes as a reject."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._scan = scan_text(path)
        with path.open("rb") as file:
            self._separated = file.read(64).lstrip(b"\xef\xbb\xbf \r\n").startswith(_SEPARATOR)

    def __iter__(self) -> Iterator[Any]:
        row = 0
        for text in self._texts():
            if not text.strip():
                continue
            row += 1
            try:
                item = orjson.loads(text)
            except orjson.JSONDecodeError as err:
                words = f"a JSON object is needed, the line is broken: {err}"
                yield RawReject(row, "unreadable_row", words, text[:1000].decode("utf-8", "replace"))
                continue
            yield item

    def _texts(self) -> Iterator[bytes]:
        if self._separated:
            # The separator is a control character: read the file as it lies.
            with self._path.open("rb") as file:
                yield from _split(file, _SEPARATOR, self._name)
        else:
            with open_text(self._path, self._scan) as file:
                yield from _split(file, b"\n", self._name)


class _Parts:
    """Items taken apart into columns."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.columns: dict[str, list[Any]] = {}
        self.geometries: list[Any] = []
        self.rejects: list[RawReject] = []
        self.has_geometry = False

    def add(self, row: int, properties: dict[str, Any], geometry: Any) -> None:
        n = len(self.rows)
        self.rows.append(row)
        self.geometries.append(geometry)
        self.has_geometry |= geometry is not None
        for name, value in properties.items():
            column = self.columns.get(name)
            if column is None:
                column = self.columns[name] = [None] * n
            column.append(value)
        for column in self.columns.values():
            if len(column) == n:
                column.append(None)

    def wkb(self) -> pa.Array:
        """Return the geometries as WKB; empty bytes where one is no geometry."""
        texts = np.array([None if g is None else orjson.dumps(g) for g in self.geometries], dtype=object)
        shapes = shapely.from_geojson(texts, on_invalid="ignore") if len(texts) else texts
        wkb = shapely.to_wkb(shapes)
        broken = [g is not None and shape is None for g, shape in zip(self.geometries, shapes, strict=True)]
        return pa.array([b"" if bad else w for bad, w in zip(broken, wkb, strict=True)], pa.binary())


def _taken_apart(items: Sequence[Any], first_row: int) -> _Parts:
    parts = _Parts()
    for row, item in enumerate(items, start=first_row):
        if isinstance(item, RawReject):
            parts.rejects.append(RawReject(row, item.reason, item.detail, item.original))
        elif isinstance(item, dict):
            parts.add(row, *_properties_and_geometry(item))
        else:
            words = f"a feature is needed, got {type(item).__name__}"
            parts.rejects.append(RawReject(row, "not_a_feature", words, str(item)[:1000]))
    return parts


def _properties_and_geometry(item: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    if item.get("type") == "Feature":
        properties = item.get("properties")
        properties = dict(properties) if isinstance(properties, dict) else {}
        if item.get("id") is not None:
            # The feature's own id is its identity, whatever a property of that name says.
            properties = {"id": item["id"], **{k: v for k, v in properties.items() if k != "id"}}
        return properties, item.get("geometry")
    geometry = item.get("geometry")
    if isinstance(geometry, dict) and "coordinates" in geometry:
        return {k: v for k, v in item.items() if k != "geometry"}, geometry
    return item, None


def arrow_column(values: list[Any]) -> pa.ChunkedArray:
    """Return parsed JSON values as a column: numbers and booleans where all are, else text.

    Examples
    --------
    >>> arrow_column([1, None, 2]).type, arrow_column(["a", 1, {"b": 2}]).to_pylist()
    (DataType(int64), ['a', '1', '{"b":2}'])
    """
    kinds = {type(v) for v in values if v is not None}
    try:
        if kinds == {bool}:
            return pa.chunked_array([pa.array(values, pa.bool_())])
        if kinds == {int}:
            return pa.chunked_array([pa.array(values, pa.int64())])
        if kinds and kinds <= {int, float}:
            return pa.chunked_array([pa.array(values, pa.float64())])
    except (OverflowError, pa.ArrowInvalid):
        pass
    texts = [v if v is None or isinstance(v, str) else orjson.dumps(v, default=str).decode() for v in values]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _split(file: Any, separator: bytes, name: str) -> Iterator[bytes]:
    """Yield what stands between separators, in bounded memory."""
    rest = b""
    while block := file.read(1 << 20):
        *whole, rest = (rest + block).split(separator)
        yield from whole
        if len(rest) > MOST_ITEM_BYTES:
            raise UnreadableFile(f"{name}: one item may have {MOST_ITEM_BYTES >> 20} MB, a longer one came")
    yield rest


def _loaded(text: bytes, name: str) -> list[Any]:
    try:
        items = orjson.loads(text)
    except orjson.JSONDecodeError as err:
        raise UnreadableFile(f"{name}: not readable as JSON: {err}") from err
    return list(items)
