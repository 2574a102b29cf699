"""Layers of roads in stores that were made when roads had the columns of any feature."""

from collections.abc import Callable

import duckdb
import pyarrow as pa

from data.duckdb_schema import ROAD_COLUMNS
from data.road_classes import own_word, road_class
from data.road_traits import level, oneway

_ADDED = {"class": "NULL", "oneway": "0", "level": "0", "roundabout": "false"}


def upgrade_roads(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the roads layers of such a store the columns of roads, out of what their attributes tell."""
    tables = connection.execute("SELECT table_name FROM layers WHERE kind = 'roads'").fetchall()
    for (table,) in tables:
        found = connection.execute(
            "SELECT column_name FROM duckdb_columns() WHERE table_name = ?", [table]
        ).fetchall()
        if ("value",) in found:
            connection.begin()
            try:
                _upgrade(connection, table)
                connection.commit()
            except BaseException:
                connection.rollback()
                raise


def _upgrade(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    connection.execute(f"ALTER TABLE {table} RENAME COLUMN value TO aadt")
    connection.execute(f"UPDATE {table} SET aadt = NULL WHERE aadt <= 0")
    for name, default in _ADDED.items():
        kind = ROAD_COLUMNS[name]
        connection.execute(f'ALTER TABLE {table} ADD COLUMN "{name}" {kind} DEFAULT {default}')
    readers: dict[str, Callable[[str], str | float | None]] = {
        "class": _word, "oneway": lambda text: oneway(text.casefold()), "level": level,
    }  # fmt: skip
    for name, value_of in readers.items():
        told = f"json_extract_string(attributes, '$.{name}')"
        texts = [text for (text,) in connection.execute(f"SELECT DISTINCT {told} FROM {table}").fetchall()]
        values = {text: value_of(text) for text in texts if text is not None}
        known = {text: value for text, value in values.items() if value is not None}
        if known:
            words = pa.table({"text": list(known), "value": [str(value) for value in known.values()]})
            connection.register("words_of_roads", words)
            connection.execute(
                f'UPDATE {table} SET "{name}" = words_of_roads.value::{_cast(name)} FROM words_of_roads'
                f" WHERE {told} = words_of_roads.text"
            )
            connection.unregister("words_of_roads")


def _word(label: str) -> str | None:
    word = road_class(label)
    return (own_word(label) if word is None else word) or None


def _cast(name: str) -> str:
    return "VARCHAR" if name == "class" else f"DOUBLE::{ROAD_COLUMNS[name]}"
