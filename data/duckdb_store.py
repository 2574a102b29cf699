"""A store in one DuckDB file (or in memory): connection, transactions, layers, analyses, snapshots.

One process holds the file; threads of that process get cursors of their own. Writers take turns.
"""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from data.duckdb_ingest import BOX, Counts, StagedFile
from data.duckdb_report import stray_times
from data.duckdb_roads import upgrade_roads
from data.duckdb_schema import SCHEMA_VERSION, TABLES, row_columns, rows_table_ddl
from data.errors import (
    AnalysisNotFound,
    LayerExists,
    LayerNotFound,
    SnapshotNotFound,
    StoreLocked,
    StoreUnavailable,
    SumsExist,
)
from data.holder import store_holder
from data.records import KINDS, CleanSource, IngestSpec, ReadReport, time_column
from data.store import IngestResult, Layer, SnapshotKey, StoredAnalysis, StoredMemory, StoredSnapshot

#: Layer and analysis ids: they stand in URLs and in file names.
ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


class DuckDBStore:
    """The embedded store; see the protocol `data.store.Store` for what each call promises."""

    dialect = "duckdb"

    def __init__(self, path: Path | None = None, *, clock: Callable[[], datetime] | None = None) -> None:
        self.path = path
        self._clock = clock or (lambda: datetime.now(UTC))
        self._connection = _connected(path)
        self._writing = threading.Lock()
        self._local = threading.local()
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        try:
            self._connection.execute(TABLES)
            self._check_version()
            upgrade_roads(self._connection)
        except duckdb.Error as err:
            raise StoreUnavailable(f"the store {path} cannot be used: {_one_line(err)}") from err

    def close(self) -> None:
        """Let go of the file; a cursor left open in some thread would hold it."""
        for connection in (*self._cursors, self._connection):
            connection.close()

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        """Return the answer of a reading statement."""
        return self._reader().sql(sql, params=list(parameters) or None).to_arrow_table()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let this thread see the store as it is now, whatever others commit meanwhile."""
        cursor = self._reader()
        cursor.begin()
        try:
            yield
        finally:
            cursor.rollback()

    # layers

    def layers(self) -> list[Layer]:
        """Return all layers, by id."""
        return [_layer(row) for row in self._rows("SELECT * FROM layers ORDER BY id")]

    def layer(self, layer_id: str) -> Layer:
        """Return one layer; raise `LayerNotFound`."""
        rows = self._rows("SELECT * FROM layers WHERE id = ?", [layer_id])
        if not rows:
            known = ", ".join(layer.id for layer in self.layers()) or "none"
            raise LayerNotFound(f"there is no layer {layer_id!r}; the store has: {known}")
        return _layer(rows[0])

    def ingest(
        self, spec: IngestSpec, source: CleanSource, *, title: str, drop_duplicates: bool, replace: bool
    ) -> IngestResult:
        """Take all rows of a file in one transaction; a failure leaves the store as it was."""
        self.check_new_id(spec.layer, spec.kind)
        with self._writing:
            connection = self._connection.cursor()
            staged = StagedFile(connection, spec.kind)
            connection.begin()
            try:
                result = self._ingested(connection, staged, spec, source, title, drop_duplicates, replace)
                staged.drop()
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            finally:
                connection.close()
            return result

    def delete_layer(self, layer_id: str) -> None:
        """Remove a layer with its rows, its log and what analyses remember of its rows."""
        layer = self.layer(layer_id)
        with self._transaction() as connection:
            connection.execute(f"DROP TABLE {layer.table}")
            connection.execute("DELETE FROM layers WHERE id = ?", [layer_id])
            connection.execute(
                "DELETE FROM rejects WHERE ingest IN (SELECT id FROM ingests WHERE layer = ?)", [layer_id]
            )
            connection.execute("DELETE FROM ingests WHERE layer = ?", [layer_id])
            connection.execute("DELETE FROM memories WHERE layer = ?", [layer_id])

    def check_new_id(self, layer_id: str, kind: str) -> None:
        """Raise `LayerExists` where the id is malformed, of another kind, or an analysis."""
        if not ID_PATTERN.fullmatch(layer_id):
            raise LayerExists(f"a layer id needs letters, digits, - and _ (63 at most), got {layer_id!r}")
        if kind not in KINDS:
            raise LayerExists(f"kind needs one of {', '.join(KINDS)}; got {kind!r}")
        taken = self._rows("SELECT kind FROM layers WHERE id = ?", [layer_id])
        if taken and taken[0]["kind"] != kind:
            raise LayerExists(f"layer {layer_id!r} is of kind {taken[0]['kind']}, got a file of kind {kind}")
        if self._rows("SELECT id FROM analyses WHERE id = ?", [layer_id]):
            raise LayerExists(
                f"{layer_id!r} is the id of an analysis; layers and analyses share one namespace"
            )

    def geometries(self, layer_id: str) -> pa.Table:
        """Return name, value and geometry (WKB) of a feature layer's rows, in their order."""
        layer = self.layer(layer_id)
        value = {"coverage": "locations AS value", "roads": "aadt AS value"}.get(layer.kind, "value")
        return self.query(f"SELECT name, {value}, geometry FROM {layer.table} ORDER BY ordinal")

    def rows(self, layer_id: str, columns: Sequence[str]) -> pa.Table:
        """Return some canonical columns of a layer's rows, and their ids as `id`, in their order."""
        layer = self.layer(layer_id)
        listed = ", ".join(f'"{name}"' for name in ("id", *columns))
        return self.query(f"SELECT {listed} FROM {layer.table} ORDER BY ordinal")

    def ingests(self, layer_id: str) -> list[dict[str, Any]]:
        """Return the ingest log of a layer, newest first."""
        rows = self._rows("SELECT * FROM ingests WHERE layer = ? ORDER BY id DESC", [layer_id])
        return [{**row, "report": json.loads(row["report"])} for row in rows]

    def rejects(self, ingest: int) -> pa.Table:
        """Return the rows that an ingest rejected, in file order."""
        return self.query(
            "SELECT row, reason, detail, original FROM rejects WHERE ingest = ? ORDER BY row", [ingest]
        )

    # analyses and snapshots

    def save_analysis(self, definition: dict[str, Any]) -> StoredAnalysis:
        """Keep or replace the definition of an analysis."""
        analysis_id = str(definition["id"])
        self.check_analysis_id(analysis_id)
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO analyses VALUES ($1, $2, NULL, $3)"
                " ON CONFLICT (id) DO UPDATE SET definition = excluded.definition",
                [analysis_id, json.dumps(definition, sort_keys=True), self._now()],
            )
        return next(analysis for analysis in self.analyses() if analysis.id == analysis_id)

    def check_analysis_id(self, analysis_id: str) -> None:
        """Raise `LayerExists` where the id is malformed or a layer's."""
        if not ID_PATTERN.fullmatch(analysis_id):
            raise LayerExists(
                f"an analysis id needs letters, digits, - and _ (63 at most), got {analysis_id!r}"
            )
        if self._rows("SELECT id FROM layers WHERE id = ?", [analysis_id]):
            raise LayerExists(
                f"{analysis_id!r} is the id of a layer; layers and analyses share one namespace"
            )

    def analyses(self) -> list[StoredAnalysis]:
        """Return all saved analyses, by id."""
        return [
            StoredAnalysis(row["id"], json.loads(row["definition"]), row["run"], _utc(row["created"]))
            for row in self._rows("SELECT * FROM analyses ORDER BY id")
        ]

    def delete_analysis(self, analysis_id: str) -> None:
        """Remove an analysis with its snapshots and its memory."""
        if not self._rows("SELECT id FROM analyses WHERE id = ?", [analysis_id]):
            raise AnalysisNotFound(f"there is no analysis {analysis_id!r}")
        with self._transaction() as connection:
            connection.execute("DELETE FROM snapshots WHERE analysis = ?", [analysis_id])
            connection.execute("DELETE FROM memories WHERE analysis = ?", [analysis_id])
            connection.execute("DELETE FROM analyses WHERE id = ?", [analysis_id])

    def publish(
        self, analysis_id: str, run: str, snapshots: list[StoredSnapshot], memory: StoredMemory | None = None
    ) -> None:
        """Show the snapshots of a run, mark those before as superseded, swap the memory: in one step."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE snapshots SET superseded = $1"
                " WHERE analysis = $2 AND run <> $3 AND superseded IS NULL",
                [self._now(), analysis_id, run],
            )
            connection.execute("DELETE FROM snapshots WHERE analysis = $1 AND run = $2", [analysis_id, run])
            for item in snapshots:
                _insert_parts(
                    connection,
                    "INSERT INTO snapshots SELECT $1, $2, $3, $4, NULL, part, content FROM incoming",
                    [analysis_id, item.collection, item.view, run],
                    item.blobs,
                )
            connection.execute("DELETE FROM memories WHERE analysis = ?", [analysis_id])
            if memory is not None:
                _insert_parts(
                    connection,
                    "INSERT INTO memories SELECT $1, $2, part, content FROM incoming",
                    [analysis_id, memory.layer],
                    memory.parts,
                )
            connection.execute("UPDATE analyses SET run = $1 WHERE id = $2", [run, analysis_id])

    def memory(self, analysis_id: str) -> dict[str, bytes]:
        """Return the parts that the last published run left for the next one; empty if it left none."""
        rows = self._rows("SELECT part, content FROM memories WHERE analysis = $1", [analysis_id])
        return {row["part"]: bytes(row["content"]) for row in rows}

    def snapshot_keys(self) -> list[SnapshotKey]:
        """Return the keys of all stored snapshots."""
        rows = self._rows(
            "SELECT collection, view_name, run, superseded,"
            " coalesce(max(md5(content)) FILTER (part = 'meta'), '') AS digest FROM snapshots"
            " GROUP BY ALL ORDER BY collection, run"
        )
        return [
            SnapshotKey(r["collection"], r["view_name"], r["run"], _utc_or_none(r["superseded"]), r["digest"])
            for r in rows
        ]

    def snapshot(self, collection: str, view: str, run: str) -> StoredSnapshot:
        """Return one snapshot with its bytes; raise `SnapshotNotFound`."""
        rows = self._rows(
            "SELECT part, content, superseded FROM snapshots"
            " WHERE collection = $1 AND view_name = $2 AND run = $3",
            [collection, view, run],
        )
        if not rows:
            raise SnapshotNotFound(f"collection {collection!r} has no run {run!r} for the {view} view")
        blobs = {row["part"]: bytes(row["content"]) for row in rows}
        return StoredSnapshot(collection, view, run, blobs, _utc_or_none(rows[0]["superseded"]))

    def drop_snapshots(self, superseded_before: datetime) -> None:
        """Remove the snapshots that were superseded before this time."""
        with self._transaction() as connection:
            connection.execute(
                "DELETE FROM snapshots WHERE superseded < ?",
                [superseded_before.astimezone(UTC).replace(tzinfo=None)],
            )

    # inside

    def _ingested(
        self,
        connection: duckdb.DuckDBPyConnection,
        staged: StagedFile,
        spec: IngestSpec,
        source: CleanSource,
        title: str,
        drop_duplicates: bool,
        replace: bool,
    ) -> IngestResult:
        staged.stage(source)
        known = _dicts(connection.execute("SELECT * FROM layers WHERE id = ?", [spec.layer]))
        ingest = int(_value(connection, "SELECT nextval('ingest_key')"))
        if known:
            table, first = known[0]["table_name"], known[0]
        else:
            table = f"rows_{int(_value(connection, 'SELECT nextval($$layer_key$$)'))}"
            first = None
            connection.execute(rows_table_ddl(table, spec.kind))
        if replace:
            connection.execute(f"DELETE FROM {table}")
        elif first is not None and source.report.digest:
            _require_same_files(connection, spec.layer, table, source.report.digest)
        next_ordinal = int(_value(connection, f"SELECT coalesce(max(ordinal) + 1, 0) FROM {table}"))
        counts = staged.settle(
            table,
            ingest,
            id_is_mapped="id" in spec.mapping,
            id_column=source.report.columns.get("id", "id"),
            drop_duplicates=drop_duplicates,
            next_ordinal=next_ordinal,
        )
        report = _report(connection, source.report, counts, table, ingest, spec.kind)
        keeps_nothing = first is None and counts.accepted == 0
        if keeps_nothing:
            connection.execute(f"DROP TABLE {table}")
        else:
            self._note_layer(connection, spec, source.report, first, table, title)
        connection.execute(
            "INSERT INTO ingests VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            [
                ingest,
                spec.layer,
                self._now(),
                counts.accepted,
                counts.rejected,
                counts.duplicate,
                counts.updated,
                json.dumps(report),
            ],
        )
        return IngestResult(
            ingest, spec.layer, counts.accepted, counts.rejected, counts.duplicate, counts.updated, report
        )

    def _note_layer(
        self,
        connection: duckdb.DuckDBPyConnection,
        spec: IngestSpec,
        report: ReadReport,
        before: dict[str, Any] | None,
        table: str,
        title: str,
    ) -> None:
        """Write the layer's line: extent, times, digest; the version grows only when rows changed."""
        extent = _extent(connection, table, spec.kind)
        timezone = spec.timezone or (before["timezone"] if before else report.timezone)
        text = f"{spec.kind}:{timezone}:{extent['n_rows']}:{extent['mixed']}"
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        changed = before is None or before["data_digest"] != digest
        version = (before["data_version"] if before else 0) + int(changed)
        columns = {**(json.loads(before["columns"]) if before else {}), **report.columns}
        connection.execute("DELETE FROM layers WHERE id = ?", [spec.layer])
        connection.execute(
            f"INSERT INTO layers VALUES ({', '.join('?' * 16)})",
            [
                spec.layer,
                spec.kind,
                title or (before["title"] if before else spec.layer),
                timezone,
                table,
                extent["n_rows"],
                version,
                digest,
                self._now() if changed or before is None else before["data_time"],
                extent["west"],
                extent["south"],
                extent["east"],
                extent["north"],
                extent["first_time"],
                extent["last_time"],
                json.dumps(columns),
            ],
        )

    def _now(self) -> datetime:
        return self._clock().astimezone(UTC).replace(tzinfo=None, microsecond=0)

    def _check_version(self) -> None:
        self._connection.execute(
            "INSERT INTO store_meta VALUES ('schema', $1) ON CONFLICT DO NOTHING", [SCHEMA_VERSION]
        )
        found = _value(self._connection, "SELECT value FROM store_meta WHERE key = 'schema'")
        if found != SCHEMA_VERSION:
            raise StoreUnavailable(f"the store {self.path} has schema {found}, needed {SCHEMA_VERSION}")

    def _reader(self) -> duckdb.DuckDBPyConnection:
        """Return this thread's own cursor: one connection must not serve two threads."""
        if not hasattr(self._local, "cursor"):
            self._local.cursor = self._connection.cursor()
            self._cursors.append(self._local.cursor)
        cursor: duckdb.DuckDBPyConnection = self._local.cursor
        return cursor

    def _rows(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        return _dicts(self._reader().execute(sql, list(parameters)))

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._writing:
            connection = self._connection.cursor()
            connection.begin()
            try:
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            finally:
                connection.close()


def _connected(path: Path | None) -> duckdb.DuckDBPyConnection:
    """Open the file; tell who holds it where another process does."""
    if path is not None and not path.parent.is_dir():
        raise StoreUnavailable(f"the store needs the directory {path.parent}, which does not exist")
    if path is not None:
        _require_store_file(path)
    try:
        # The whole path: a name like md:city would mean something else to the engine.
        place = str(path.absolute()) if path else ":memory:"
        return duckdb.connect(place, config={"preserve_insertion_order": "true"})
    except duckdb.IOException as err:
        if path is not None and "lock" in str(err).lower():
            raise StoreLocked(store_holder(path, str(err))) from err
        raise StoreUnavailable(f"the store {path} cannot be opened: {_one_line(err)}") from err
    except duckdb.Error as err:
        raise StoreUnavailable(f"{path} is not a store that can be opened: {_one_line(err)}") from err


def _require_store_file(path: Path) -> None:
    """Refuse a file that is no database: the engine would open a table as a view, and keep nothing."""
    try:
        if not path.exists() or not path.stat().st_size:
            return
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as err:
        raise StoreUnavailable(f"the store {path} cannot be opened: {err.strerror}") from err
    if head[8:] != b"DUCK":
        raise StoreUnavailable(f"{path} is not a store: a DuckDB file is needed, this is another")


def _require_same_files(connection: duckdb.DuckDBPyConnection, layer: str, table: str, digest: str) -> None:
    """Refuse sums of other files than those that the layer holds: what they share cannot be told any more."""
    others = _value(
        connection,
        "SELECT count(*) FROM ingests WHERE layer = $layer AND json_extract_string(report, '$.digest') <>"
        f" $digest AND id IN (SELECT DISTINCT ingest FROM {table})",
        {"layer": layer, "digest": digest},
    )
    if others:
        raise SumsExist(
            f"layer {layer!r} holds the sums of other availability files, which cannot be merged with these:"
            " read all files at once (a zip or folder of them), or take these instead with --replace"
        )


def _report(
    connection: duckdb.DuckDBPyConnection,
    report: ReadReport,
    counts: Counts,
    table: str,
    ingest: int,
    kind: str,
) -> dict[str, Any]:
    """Return what was found in the file, with what only the store can see: equal rows and piles."""
    notes = list(report.notes)
    found = dict(report.counts)
    if counts.equal_rows:
        found["rows.equal"] = counts.equal_rows
        notes.append(
            f"{counts.equal_rows:,} rows equal an earlier row of the file in every column:"
            " kept, for exports often lose what tells incidents apart (--drop-duplicates drops them)"
        )
    if counts.id_refused:
        column = report.columns.get("id", "id")
        notes.append(
            f"column {column!r} was not taken as identity: {counts.id_conflicts:,} rows share its value with"
            " a row of other content (--map id=COLUMN names one)"
        )
    elif counts.id_conflicts:
        found["id.repeated"] = counts.id_conflicts
        notes.append(
            f"{counts.id_conflicts:,} rows share their id with a later row of other content:"
            " the last one counts"
        )
    if kind == "incidents":
        found.update(_piles(connection, table, ingest, notes))
    if time := time_column(kind):
        found.update(stray_times(connection, table, ingest, notes, time))
    return {
        "format": report.format,
        "encoding": report.encoding,
        "crs": report.crs,
        "timezone": report.timezone,
        "n_rows": report.n_rows,
        "columns": report.columns,
        "rejected": report.rejected,
        "counts": found,
        "notes": notes,
        **({"digest": report.digest} if report.digest else {}),
    }


def _piles(
    connection: duckdb.DuckDBPyConnection, table: str, ingest: int, notes: list[str]
) -> dict[str, int]:
    """Return how often the commonest coordinate repeats, and how many distinct ones there are."""
    row = connection.execute(
        f"SELECT coalesce(max(n), 0), count(*), arg_max(lng, n), arg_max(lat, n), coalesce(sum(n), 0)"
        f" FROM (SELECT lng, lat, count(*) AS n FROM {table} WHERE ingest = $1 GROUP BY lng, lat)",
        [ingest],
    ).fetchone()
    if row is None or not row[0]:
        return {}
    largest, distinct, lng, lat, total = row
    if largest >= 10 and largest > 0.005 * total:
        notes.append(
            f"{largest:,} rows lie on one coordinate ({lng:.5f}, {lat:.5f}): a default of the geocoder"
            " or one busy address; look before you believe a hotspot there"
        )
    return {"place.largest_pile": int(largest), "place.distinct": int(distinct)}


def _insert_parts(
    connection: duckdb.DuckDBPyConnection, sql: str, values: list[object], parts: dict[str, bytes]
) -> None:
    """Run a statement that inserts from `incoming`, the parts with their content."""
    rows = pa.table({"part": list(parts), "content": pa.array(parts.values(), pa.large_binary())})
    connection.register("incoming", rows)
    connection.execute(sql, values)
    connection.unregister("incoming")


def _extent(connection: duckdb.DuckDBPyConnection, table: str, kind: str) -> dict[str, Any]:
    columns = row_columns(kind)
    if "lng" in columns:
        box = "min(lng) AS west, min(lat) AS south, max(lng) AS east, max(lat) AS north"
    elif "west" in columns:
        box = ", ".join(
            f"{side}({name}) AS {name}" for side, name in zip(("min", "min", "max", "max"), BOX, strict=True)
        )
    else:
        box = ", ".join(f"NULL::DOUBLE AS {name}" for name in BOX)
    time = time_column(kind)
    times = (
        f'min("{time}") AS first_time, max("{time}") AS last_time'
        if time
        else ("NULL AS first_time, NULL AS last_time")
    )
    sql = f"SELECT count(*) AS n_rows, bit_xor(content) AS mixed, {box}, {times} FROM {table}"
    return _dicts(connection.execute(sql))[0]


def _layer(row: dict[str, Any]) -> Layer:
    box = (row["west"], row["south"], row["east"], row["north"])
    return Layer(
        id=row["id"],
        kind=row["kind"],
        title=row["title"],
        timezone=row["timezone"],
        table=row["table_name"],
        n_rows=row["n_rows"],
        data_version=row["data_version"],
        data_digest=row["data_digest"],
        data_time=_utc(row["data_time"]),
        bbox=None if row["west"] is None else box,
        first_time=_utc_or_none(row["first_time"]),
        last_time=_utc_or_none(row["last_time"]),
        columns=json.loads(row["columns"]),
    )


def _dicts(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _value(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, object] | None = None
) -> Any:
    row = connection.execute(sql, parameters).fetchone()
    return row[0] if row else None


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC)


def _utc_or_none(value: datetime | None) -> datetime | None:
    return None if value is None else _utc(value)


def _one_line(err: Exception) -> str:
    return " ".join(str(err).split())
