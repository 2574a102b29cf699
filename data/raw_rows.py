"""What the sources of every kind do with raw chunks: take them in turn, put their rows into words."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from data.attributes import RowJson
from data.errors import UnreadableFile
from data.numbers import is_null
from data.readers.raw import RawChunk, RawReject
from data.records import REJECT_SCHEMA


def reject_table(rejects: Sequence[RawReject]) -> pa.Table:
    """Return rejected rows in file order."""
    ordered = sorted(rejects, key=lambda reject: reject.row)
    columns = {name: [getattr(reject, name) for reject in ordered] for name in REJECT_SCHEMA.names}
    return pa.table(columns, schema=REJECT_SCHEMA)


def rejected_rows(
    chunk: RawChunk,
    bad: NDArray[np.int64],
    reasons: Sequence[str],
    words: Sequence[str],
    json: RowJson,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Return the bad rows of a chunk and those that the reader rejected.

    Reason and words are one for each bad row; `columns`, by default all, and the geometry tell the original.
    """
    columns = chunk.table.column_names if columns is None else columns
    texts = json.of(chunk.table.take(pa.array(bad)), columns).to_pylist()
    if chunk.geometry is not None:
        wkb = chunk.geometry.take(pa.array(bad)).to_numpy(zero_copy_only=False)
        shapes = shapely.from_wkb(wkb, on_invalid="ignore")
        texts = [with_geometry(text, shape) for text, shape in zip(texts, shapes, strict=True)]
    own = [
        RawReject(row, reason, detail, text or "")
        for row, reason, detail, text in zip(chunk.rows[bad].tolist(), reasons, words, texts, strict=True)
    ]
    return reject_table([*own, *chunk.rejects])


def field_text(table: pa.Table, column: str | None) -> pa.ChunkedArray:
    """Return a column as trimmed text, null where it says nothing; all null without a column."""
    if column is None:
        return pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
    text = pc.utf8_trim_whitespace(as_text(table[column]))
    return pc.if_else(is_null(text), pa.scalar(None, pa.string()), text)


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return any column as text; whole numbers in float columns without `.0`."""
    kind = column.type
    if pa.types.is_string(kind):
        return column
    if pa.types.is_floating(kind):
        filled = column.drop_null()
        if pc.all(pc.equal(filled, pc.floor(filled))).as_py() is not False:
            finite = pc.if_else(pc.is_finite(column), column, pa.scalar(None, kind))
            return pc.cast(pc.cast(finite, pa.int64(), safe=False), pa.string())
    if pa.types.is_nested(kind):
        values = [None if v is None else str(v) for v in column.to_pylist()]
        return pa.chunked_array([pa.array(values, pa.string())])
    return pc.cast(column, pa.string())


def first_filled(chunks: Iterator[RawChunk], name: str) -> list[RawChunk]:
    """Return the first chunks up to one that has rows."""
    taken: list[RawChunk] = []
    for chunk in chunks:
        taken.append(chunk)
        if chunk.table.num_rows:
            return taken
    if not any(chunk.rejects for chunk in taken):
        raise UnreadableFile(f"{name}: rows are needed, there are none (a header only?)")
    return taken


def replayed(first: list[RawChunk], rest: Iterator[RawChunk]) -> Iterator[RawChunk]:
    """Yield the chunks that were taken to look at, letting go of each, then the others."""
    while first:
        yield first.pop(0)
    yield from rest


def with_geometry(text: str | None, shape: shapely.Geometry | None) -> str:
    """Return a row's JSON with its geometry as (shortened) WKT."""
    if shape is None:
        return text or "{}"
    wkt = shapely.to_wkt(shape, rounding_precision=-1)[:1000]
    head = (text or "{}")[:-1]
    return f'{head}{"," if len(head) > 1 else ""}"geometry":"{wkt}"}}'
