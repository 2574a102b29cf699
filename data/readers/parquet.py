"""Parquet and GeoParquet, row group by row group."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely

from data.errors import UnreadableFile
from data.readers.raw import CHUNK_ROWS, RawChunk, RawFacts, told_apart


class ParquetSource:
    """A Parquet file; its geometry column, where its metadata name one, comes as WKB."""

    rereadable = True

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        with self._opened() as file:
            schema, n_rows = file.schema_arrow, file.metadata.num_rows
        self._geometry, self._encoding, crs = _geo_facts(schema, name)
        columns, repeated = told_apart([f.name for f in schema])
        self.facts = RawFacts(
            name,
            "GeoParquet" if self._geometry else "Parquet",
            [c for c in columns if c != self._geometry],
            crs=crs,
        )
        if repeated:
            raise UnreadableFile(
                f"{name}: column names must differ, got {', '.join(sorted(set(repeated)))} twice"
            )
        if not n_rows:
            raise UnreadableFile(f"{name}: rows are needed, the file holds none")

    def chunks(self, columns: Sequence[str] | None = None) -> Iterator[RawChunk]:
        """Yield the rows in file order."""
        first_row = 1
        wanted = list(columns) if columns else None
        try:
            with pq.ParquetFile(self._path) as file:
                for batch in file.iter_batches(CHUNK_ROWS, columns=wanted):
                    rows = np.arange(first_row, first_row + batch.num_rows, dtype=np.int64)
                    first_row += batch.num_rows
                    yield self._chunk(pa.Table.from_batches([batch]), rows)
        except (pa.ArrowException, OSError) as err:
            raise UnreadableFile(
                f"{self._name}: not readable as Parquet after row {first_row - 1}: {_first_line(err)}"
            ) from err

    def _opened(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self._path)
        except (pa.ArrowException, OSError) as err:
            raise UnreadableFile(f"{self._name}: not readable as Parquet: {_first_line(err)}") from err

    def _chunk(self, table: pa.Table, rows: Any) -> RawChunk:
        geometry = None
        if self._geometry and self._geometry in table.column_names:
            geometry = _wkb(table[self._geometry], self._encoding)
            table = table.drop_columns([self._geometry])
        return RawChunk(_decoded(table), rows, geometry)


def _geo_facts(schema: pa.Schema, name: str) -> tuple[str | None, str, str | None]:
    """Return the geometry column, its encoding and its CRS (None for longitude and latitude)."""
    text = (schema.metadata or {}).get(b"geo")
    if text is None:
        return None, "", None
    try:
        geo = json.loads(text)
        primary = geo["primary_column"]
        column = geo["columns"][primary]
        encoding = str(column["encoding"]).lower()
    except (ValueError, KeyError, TypeError) as err:
        raise UnreadableFile(f"{name}: GeoParquet metadata are needed, the `geo` entry is broken") from err
    if primary not in schema.names:
        raise UnreadableFile(f"{name}: the geometry column {primary!r} of the metadata is not in the file")
    # Absent means longitude and latitude; an explicit null means that nobody knows.
    crs = column.get("crs")
    return primary, encoding, json.dumps(crs) if crs else None


def _wkb(column: pa.ChunkedArray, encoding: str) -> pa.ChunkedArray:
    if encoding == "wkb" and not isinstance(column.type, pa.ExtensionType):
        return pc.cast(column, pa.binary())
    if isinstance(column.type, pa.ExtensionType):
        return _wkb(pc.cast(column, column.type.storage_type), encoding)
    if encoding == "point" and pa.types.is_struct(column.type):
        whole = column.combine_chunks()
        x, y = (pc.struct_field(whole, k).to_numpy(zero_copy_only=False) for k in ("x", "y"))
        shapes = np.asarray(shapely.points(np.array(x, np.float64), np.array(y, np.float64)), dtype=object)
        shapes[np.array(pc.is_null(whole))] = None
        return pa.chunked_array([pa.array(shapely.to_wkb(shapes), pa.binary())])
    raise UnreadableFile(f"geometry as WKB or points is needed, the column is encoded as {encoding!r}")


def _decoded(table: pa.Table) -> pa.Table:
    """Return the table without dictionaries and large or extension types."""
    columns = {f.name: _decoded_column(table[f.name]) for f in table.schema}
    return pa.table(columns)


def _decoded_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if isinstance(kind, pa.ExtensionType):
        return _decoded_column(pc.cast(column, kind.storage_type))
    if pa.types.is_dictionary(kind):
        return _decoded_column(pc.cast(column, kind.value_type))
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pc.cast(column, pa.string())
    return column


def _first_line(err: BaseException) -> str:
    lines = str(err).splitlines()
    return lines[0][:200] if lines else type(err).__name__
