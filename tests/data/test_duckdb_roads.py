"""A store whose roads layers were made before roads had columns of their own."""

import json
from pathlib import Path

import duckdb
import pyarrow as pa

from data.duckdb_store import DuckDBStore
from data.readers.open import open_roads
from data.records import IngestSpec
from tests.data.roads import write_table

COLUMNS = ["name", "class", "oneway", "level", "aadt"]
ROWS = [("Main St", "Minor Arterial", "TF", "1", "900"), ("Ash", "Zebra", "", "", "0"), ("", "", "B", "", "")]


def test_an_old_roads_layer_gets_the_columns_of_roads_and_stays_usable(tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    file = write_table(tmp_path / "roads.csv", COLUMNS, *ROWS)
    _ingest(path, file)
    _make_old(path)
    store = DuckDBStore(path)
    rows = store.rows("streets", [*COLUMNS, "roundabout"]).drop_columns(["id"]).to_pylist()
    told = [tuple(row.values()) for row in rows]
    assert told == [
        ("Main St", "secondary", -1, 1, 900.0, False),
        ("Ash", "zebra", 0, 0, None, False),
        (None, None, 0, 0, None, False),
    ]
    assert store.geometries("streets").column_names == ["name", "value", "geometry"]
    store.close()
    _ingest(path, file)


def test_a_new_roads_layer_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.duckdb"
    _ingest(path, write_table(tmp_path / "roads.csv", COLUMNS, *ROWS))
    before = _rows(path)
    assert _rows(path).equals(before)


def _rows(path: Path) -> pa.Table:
    store = DuckDBStore(path)
    table = store.rows("streets", [*COLUMNS, "attributes", "geometry"])
    store.close()
    return table


def _ingest(path: Path, file: Path) -> None:
    store = DuckDBStore(path)
    spec = IngestSpec("streets", kind="roads")
    store.ingest(spec, open_roads(file, spec), title="", drop_duplicates=False, replace=False)
    store.close()


def _make_old(path: Path) -> None:
    """Turn the layer's table into what it was: class, direction and level among the attributes."""
    connection = duckdb.connect(str(path))
    row = connection.execute("SELECT table_name FROM layers").fetchone()
    assert row is not None
    table = row[0]
    connection.execute(f"ALTER TABLE {table} RENAME COLUMN aadt TO value")
    for name in ("class", "oneway", "level", "roundabout"):
        connection.execute(f'ALTER TABLE {table} DROP COLUMN "{name}"')
    ordinals = connection.execute(f"SELECT ordinal FROM {table} ORDER BY ordinal").fetchall()
    for (ordinal,), (_, label, way, step, aadt) in zip(ordinals, ROWS, strict=True):
        attributes = json.dumps({"class": label or None, "oneway": way or None, "level": step or None})
        connection.execute(
            f"UPDATE {table} SET attributes = ?, value = ? WHERE ordinal = ?",
            [attributes, float(aadt) if aadt else None, ordinal],
        )
    connection.close()
