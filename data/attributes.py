"""Rows as JSON text, made by the embedded engine a chunk at a time."""

from collections import Counter
from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc


class RowJson:
    """Turns columns into one JSON object per row."""

    def __init__(self) -> None:
        self._engine = duckdb.connect(":memory:", config={"threads": 1})

    def of(self, table: pa.Table, columns: Sequence[str], names: Sequence[str] | None = None) -> pa.Array:
        """Return one JSON object per row with the columns (under `names`); null where there is no column."""
        if not columns:
            return pa.nulls(table.num_rows, pa.string())
        if not table.num_rows:
            return pa.array([], pa.string())
        plain = pa.table({name: _plain(table[c]) for c, name in zip(columns, names or columns, strict=True)})
        rows = self._engine.from_arrow(plain).set_alias("row_of_file")
        text = rows.project("to_json(row_of_file)::VARCHAR AS json").to_arrow_table()["json"]
        return pc.cast(text, pa.string()).combine_chunks()


def spelled(columns: Sequence[str], spellings: Mapping[str, str]) -> list[str]:
    """Return the columns as `spellings` (by names without case) has them, where that keeps them apart.

    Examples
    --------
    >>> spelled(["CADLOG", "Zip"], {"cadlog": "Cadlog"})
    ['Cadlog', 'Zip']
    >>> spelled(["CADLOG", "Cadlog"], {"cadlog": "Cadlog"})
    ['CADLOG', 'Cadlog']
    """
    times = Counter(column.casefold() for column in columns)
    return [
        spellings.get(column.casefold(), column) if times[column.casefold()] == 1 else column
        for column in columns
    ]


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column that JSON can carry: no NaN, no bytes, no dictionary."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(pc.cast(column, kind.value_type))
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(column), column, pa.scalar(None, kind))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.nulls(len(column), pa.string())
    if pa.types.is_null(kind):
        return pc.cast(column, pa.string())
    return column
