"""What a store is: the protocol that DuckDB fulfils today and PostgreSQL later, and its plain records.

No SQL here and no connection; `duckdb_store` holds those.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa

from data.records import CleanSource, IngestSpec


@dataclass(frozen=True)
class Layer:
    """One input data set as the store knows it.

    `table` holds its rows. `data_digest` depends on the rows alone, not on the order or the number of
    the uploads that brought them; `data_version` counts the changes; `data_time` is when the last one was
    committed (UTC).
    """

    id: str
    kind: str
    title: str
    timezone: str
    table: str
    n_rows: int
    data_version: int
    data_digest: str
    data_time: datetime
    bbox: tuple[float, float, float, float] | None
    first_time: datetime | None
    last_time: datetime | None
    columns: dict[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class IngestResult:
    """What became of every row of one upload: n_rows = accepted + rejected + duplicate + updated."""

    ingest: int
    layer: str
    accepted: int
    rejected: int
    duplicate: int
    updated: int
    report: dict[str, Any]


@dataclass(frozen=True)
class StoredAnalysis:
    """A saved analysis: its definition as published and the run that its collections show."""

    id: str
    definition: dict[str, Any]
    run: str | None
    created: datetime


@dataclass(frozen=True)
class StoredSnapshot:
    """One published collection of one run, as bytes; `superseded` tells when a newer run took its place."""

    collection: str
    view: str
    run: str
    blobs: dict[str, bytes]
    superseded: datetime | None


@dataclass(frozen=True)
class SnapshotKey:
    """A stored snapshot without its bytes; `digest` tells whether they changed under the same run."""

    collection: str
    view: str
    run: str
    superseded: datetime | None
    digest: str = ""


@dataclass(frozen=True)
class StoredMemory:
    """What a run of an analysis leaves for its next one, made from the rows of `layer`; as bytes by part."""

    layer: str
    parts: dict[str, bytes]


class Store(Protocol):
    """Layers, incidents, the ingest log, analyses and snapshots, behind one transaction rule.

    A call that returns has committed; one that raises has changed nothing.
    """

    dialect: str

    def close(self) -> None:
        """Let go of the file or the connections."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        """Return the answer of a reading statement in this store's dialect."""

    def reading(self) -> AbstractContextManager[None]:
        """Let this thread see the store as it is now, whatever others commit meanwhile."""

    def layers(self) -> list[Layer]:
        """Return all layers, by id."""

    def layer(self, layer_id: str) -> Layer:
        """Return one layer; raise `LayerNotFound`."""

    def geometries(self, layer_id: str) -> pa.Table:
        """Return name, value and geometry (WKB) of a feature layer's rows, in their order."""

    def rows(self, layer_id: str, columns: Sequence[str]) -> pa.Table:
        """Return some canonical columns of a layer's rows, and their ids as `id`, in their order."""

    def ingest(
        self, spec: IngestSpec, source: CleanSource, *, title: str, drop_duplicates: bool, replace: bool
    ) -> IngestResult:
        """Take all rows of a file in one transaction."""

    def delete_layer(self, layer_id: str) -> None:
        """Remove a layer with its rows, its log and what analyses remember of its rows."""

    def ingests(self, layer_id: str) -> list[dict[str, Any]]:
        """Return the ingest log of a layer, newest first."""

    def rejects(self, ingest: int) -> pa.Table:
        """Return the rows that an ingest rejected (`REJECT_SCHEMA`)."""

    def check_new_id(self, layer_id: str, kind: str) -> None:
        """Raise `LayerExists` where a layer of this id and kind cannot be."""

    def check_analysis_id(self, analysis_id: str) -> None:
        """Raise `LayerExists` where an analysis cannot have this id."""

    def save_analysis(self, definition: dict[str, Any]) -> StoredAnalysis:
        """Keep or replace the definition of an analysis."""

    def analyses(self) -> list[StoredAnalysis]:
        """Return all saved analyses, by id."""

    def delete_analysis(self, analysis_id: str) -> None:
        """Remove an analysis with its snapshots and its memory."""

    def publish(
        self, analysis_id: str, run: str, snapshots: list[StoredSnapshot], memory: StoredMemory | None = None
    ) -> None:
        """Show the snapshots of a run under their collections, and mark those before as superseded.

        The memory takes the place of the one before: there is never more than one of an analysis.
        """

    def memory(self, analysis_id: str) -> dict[str, bytes]:
        """Return the parts that the last published run left for the next one; empty if it left none."""

    def snapshot_keys(self) -> list[SnapshotKey]:
        """Return the keys of all stored snapshots."""

    def snapshot(self, collection: str, view: str, run: str) -> StoredSnapshot:
        """Return one snapshot with its bytes; raise `SnapshotNotFound`."""

    def drop_snapshots(self, superseded_before: datetime) -> None:
        """Remove the snapshots that were superseded before this time."""
