"""Made coverage layers for tests of `gaps`: blocks, cells, codes, in stores of their own."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import shapely

from data.duckdb_store import DuckDBStore
from data.records import COVERAGE_SCHEMA, FEATURE_SCHEMA, CleanBatch, IngestSpec, ReadReport
from service.analyses.findings import Findings
from service.analyses.run import findings
from service.methods import inputs_of
from tests.data.rows import reject_table


class MadeRows:
    """A clean source of ready rows."""

    def __init__(self, rows: Sequence[dict[str, Any]], schema: pa.Schema) -> None:
        self._rows, self._schema = rows, schema
        self.report = ReadReport(format="made", n_rows=len(rows))

    def batches(self):  # type: ignore[no-untyped-def]
        table = {name: [row.get(name) for row in self._rows] for name in self._schema.names}
        table["row"] = list(range(1, len(self._rows) + 1))
        table["geometry"] = [
            None if row.get("geometry") is None else shapely.to_wkb(row["geometry"]) for row in self._rows
        ]
        yield CleanBatch(pa.table(table, schema=self._schema), reject_table(0))


def add(store: DuckDBStore, layer: str, kind: str, rows: Sequence[dict[str, Any]]) -> None:
    schema = COVERAGE_SCHEMA if kind == "coverage" else FEATURE_SCHEMA
    source = MadeRows(rows, schema)
    store.ingest(IngestSpec(layer, kind=kind), source, title="", drop_duplicates=False, replace=False)


def stored(rows: Sequence[dict[str, Any]], **others: tuple[str, Sequence[dict[str, Any]]]) -> DuckDBStore:
    """Return a store with the coverage layer `served` and further layers as id=(kind, rows)."""
    store = DuckDBStore()
    add(store, "served", "coverage", rows)
    for layer, (kind, some) in others.items():
        add(store, layer, kind, some)
    return store


def run(store: DuckDBStore, **inputs: Any) -> Findings:
    given = inputs_of("gaps", {"layer": "served", **inputs})
    return findings("gaps", store, given, max_cells=1_000_000)


def columns(found: Findings, name: str = "cells") -> dict[str, Any]:
    return found.collections[name].columns


def told(found: Findings) -> dict[str, Any]:
    diagnostics: dict[str, Any] = found.emberline["diagnostics"]
    return diagnostics
