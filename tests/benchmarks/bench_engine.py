"""Incidents to cells: the aggregation through Ibis, beside the same group-by written by hand."""

import numpy as np

from data.duckdb_schema import rows_table_ddl
from data.duckdb_store import DuckDBStore
from data.engine import cell_counts
from data.records import IngestSpec
from data.store import Layer
from spatial.grid import parent_masks
from tests.benchmarks.timing import interleaved, table
from tests.data.rows import MadeSource, incident

ROWS = 20_000_000
RESOLUTION = 8


def filled_store(rows: int) -> tuple[DuckDBStore, Layer]:
    """Return a store whose one layer has this many incidents around a city, made inside the engine."""
    store = DuckDBStore()
    store.ingest(
        IngestSpec("calls"), MadeSource([incident()]), title="", drop_duplicates=False, replace=False
    )
    layer = store.layer("calls")
    store.query("SELECT setseed(0.5)")
    scale = 2**24
    store._connection.execute(f"DROP TABLE {layer.table}")
    store._connection.execute(rows_table_ddl(layer.table, "incidents"))
    cells = np.unique(_some_cells())
    store._connection.register("some_cells", {"cell15": cells.view(np.int64)})
    store._connection.execute(
        f"""INSERT INTO {layer.table} (ordinal, id, cell15, time, lng, lat, category)
            SELECT i, i::VARCHAR, (SELECT 0) + cell15, TIMESTAMP '2024-01-01' + INTERVAL (i % {scale}) SECOND,
                   0, 0, 'EMS'
            FROM range({rows}) AS t(i)
            JOIN (SELECT row_number() OVER () - 1 AS place, cell15 FROM some_cells) AS c
              ON c.place = hash(i) % {len(cells)}"""
    )
    return store, layer


def _some_cells() -> np.ndarray:
    from spatial.grid import cells_at

    rng = np.random.default_rng(0)
    return cells_at(-112 + rng.normal(0, 0.7, 400_000), 33.4 + rng.normal(0, 0.6, 400_000), 15)


def markdown(rows: int = ROWS) -> str:
    """Measure and return the table."""
    store, layer = filled_store(rows)
    keep, fill = parent_masks(RESOLUTION)
    bare = f"SELECT (cell15 & {keep}) | {fill} AS cell, count(*) AS count FROM {layer.table} GROUP BY 1"
    taken = interleaved(
        {"ours": lambda: cell_counts(store, layer, RESOLUTION), "bare": lambda: store.query(bare)}, runs=9
    )
    ours, plain = taken["ours"].median_s, taken["bare"].median_s
    cells = len(cell_counts(store, layer, RESOLUTION).cell)
    line = [f"{rows:,}", f"{cells:,}", f"{ours * 1e3:.0f}", f"{plain * 1e3:.0f}", f"{ours / plain:.2f}"]
    head = ["incidents", "cells", "ours, ms", "bare group-by, ms", "ratio (aim ≤ 1.3)"]
    return f"## Incidents to cells (resolution {RESOLUTION})\n\n" + table(head, [line])


if __name__ == "__main__":
    print(markdown())
