"""From clean batches to committed rows: staging, identity, equal rows, rejects.

Identity of a row is its source id, else a digest of its content plus its ordinal among equal rows of the
file. All of it happens in SQL on a temporary table, so that memory stays bounded; the caller holds the
transaction.
"""

from contextlib import closing
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import shapely

from data.duckdb_schema import row_columns
from data.prefetch import prefetched
from data.records import CleanSource

#: A column taken for the id without being mapped is not believed when more than this share of its rows
#: repeats the id of a row with other content.
MAX_ID_CONFLICTS = 0.10
MIN_ROWS_TO_DOUBT = 20

BOX = ("west", "south", "east", "north")


@dataclass(frozen=True)
class Counts:
    """What became of the rows, and what was noticed about their identity."""

    accepted: int
    rejected: int
    duplicate: int
    updated: int
    equal_rows: int
    id_conflicts: int
    id_refused: bool


class StagedFile:
    """The rows of one file in a temporary table of this connection, and its rejects beside it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, kind: str) -> None:
        self.connection = connection
        self.kind = kind
        self.n_rows = 0
        self.n_rejected = 0

    def stage(self, source: CleanSource) -> None:
        """Bring the file's rows and rejects into temporary tables, chunk by chunk."""
        self.connection.execute(_stage_ddl(self.kind))
        self.connection.execute(
            "CREATE OR REPLACE TEMP TABLE staged_rejects"
            " (row BIGINT, reason VARCHAR, detail VARCHAR, original VARCHAR)"
        )
        insert_rows = _stage_sql(self.kind)
        with closing(prefetched(source.batches())) as batches:
            for batch in batches:
                if batch.rejects.num_rows:
                    self._insert("INSERT INTO staged_rejects SELECT * FROM incoming", batch.rejects)
                    self.n_rejected += batch.rejects.num_rows
                if batch.rows.num_rows:
                    self._insert(insert_rows, self._placed(batch.rows))
                    self.n_rows += batch.rows.num_rows

    def _insert(self, statement: str, table: pa.Table) -> None:
        self.connection.register("incoming", table)
        self.connection.execute(statement)
        self.connection.unregister("incoming")

    def _placed(self, rows: pa.Table) -> pa.Table:
        """Add to each row its place in the file, and to features the box around them."""
        if self.kind != "incidents":
            rows = _with_boxes(rows)
        place = np.arange(self.n_rows, self.n_rows + rows.num_rows)
        return rows.append_column("pos", pa.array(place, pa.int64()))

    def settle(
        self, table: str, ingest: int, *, id_is_mapped: bool, drop_duplicates: bool, next_ordinal: int
    ) -> Counts:
        """Give every staged row its identity and merge the rows into the layer's table."""
        conflicts = self._id_conflicts()
        refused = (
            not id_is_mapped
            and self.n_rows >= MIN_ROWS_TO_DOUBT
            and conflicts > MAX_ID_CONFLICTS * self.n_rows
        )
        if refused:
            self.connection.execute("UPDATE stage SET source_id = NULL")
        self._identify()
        equal_rows = self._number("SELECT count(*) FROM named WHERE repeat > 1 AND source_id IS NULL")
        accepted, duplicate, updated = self._merge(table, ingest, drop_duplicates, next_ordinal)
        self.connection.execute("INSERT INTO rejects SELECT $1, * FROM staged_rejects", [ingest])
        return Counts(accepted, self.n_rejected, duplicate, updated, equal_rows, conflicts, refused)

    def drop(self) -> None:
        """Remove the temporary tables."""
        for name in ("named", "stage", "staged_rejects", "fates"):
            self.connection.execute(f"DROP TABLE IF EXISTS temp.{name}")

    def _id_conflicts(self) -> int:
        """Return the rows whose source id also stands on a later row with other content."""
        return self._number(
            "SELECT coalesce(sum(contents - 1), 0) FROM (SELECT count(DISTINCT (d1, d2)) AS contents"
            " FROM stage WHERE source_id IS NOT NULL GROUP BY source_id HAVING count(*) > 1)"
        )

    def _identify(self) -> None:
        """Make `named`: id, content digest and the ordinal among rows of the same identity.

        With a source id the last row of the file is ordinal 1 (it counts); without, equal rows are
        numbered in file order. Only repeated rows go through the window, for most files have few.
        """
        self.connection.execute(
            """
            CREATE OR REPLACE TEMP TABLE named AS
            WITH repeated AS (
                SELECT key FROM (SELECT coalesce(source_id, d1 || ':' || d2) AS key FROM stage)
                GROUP BY key HAVING count(*) > 1),
            numbered AS (
                SELECT pos, row_number() OVER (
                    PARTITION BY source_id, CASE WHEN source_id IS NULL THEN d1 END,
                                 CASE WHEN source_id IS NULL THEN d2 END
                    ORDER BY CASE WHEN source_id IS NULL THEN pos ELSE -pos END) AS repeat
                FROM stage
                WHERE coalesce(source_id, d1 || ':' || d2) IN (SELECT key FROM repeated)),
            identified AS (
                SELECT stage.pos, source_id, d1, d2, coalesce(repeat, 1) AS repeat,
                    coalesce(source_id,
                             lpad(lower(hex(d1)), 16, '0') || left(lpad(lower(hex(d2)), 16, '0'), 4)
                             || '-' || coalesce(repeat, 1)) AS id
                FROM stage LEFT JOIN numbered USING (pos))
            SELECT pos, source_id, repeat, id, md5_number_lower(id || ':' || d1 || ':' || d2) AS content
            FROM identified
            """
        )

    def _merge(
        self, table: str, ingest: int, drop_duplicates: bool, next_ordinal: int
    ) -> tuple[int, int, int]:
        """Insert what is new, update what changed; return accepted, duplicate, updated.

        The last row of a source id decides its fate against the store. The earlier rows of that id are
        duplicates where they say the same or where the deciding row is one; else they were updated.
        """
        self.connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE fates AS
            WITH deciding AS (
                SELECT named.pos, named.id, named.content, named.source_id,
                    CASE WHEN stored.id IS NULL THEN 'accepted'
                         WHEN stored.content = named.content THEN 'duplicate' ELSE 'updated' END AS fate
                FROM named LEFT JOIN {table} AS stored USING (id)
                WHERE named.repeat = 1 OR (named.source_id IS NULL AND NOT $1))
            SELECT pos, id, content, fate FROM deciding
            UNION ALL
            SELECT named.pos, NULL, NULL,
                CASE WHEN named.source_id IS NULL OR deciding.fate = 'duplicate'
                          OR named.content = deciding.content THEN 'duplicate' ELSE 'updated' END
            FROM named LEFT JOIN deciding ON named.source_id = deciding.source_id
            WHERE named.repeat > 1 AND (named.source_id IS NOT NULL OR $1)
            """,
            [drop_duplicates],
        )
        columns = ", ".join(row_columns(self.kind))
        self.connection.execute(
            f"""
            INSERT INTO {table} (ordinal, id, content, ingest, {columns})
            SELECT $1 + row_number() OVER (ORDER BY pos) - 1, id, fates.content, $2, {columns}
            FROM fates JOIN stage USING (pos) WHERE fate = 'accepted' ORDER BY pos
            """,
            [next_ordinal, ingest],
        )
        settings = ", ".join(f"{name} = incoming.{name}" for name in row_columns(self.kind))
        self.connection.execute(
            f"""
            UPDATE {table} SET content = incoming.content, ingest = $1, {settings}
            FROM (SELECT id, fates.content, {columns} FROM fates JOIN stage USING (pos)
                  WHERE fate = 'updated' AND id IS NOT NULL) AS incoming
            WHERE {table}.id = incoming.id
            """,
            [ingest],
        )
        fates = dict(self.connection.execute("SELECT fate, count(*) FROM fates GROUP BY fate").fetchall())
        return fates.get("accepted", 0), fates.get("duplicate", 0), fates.get("updated", 0)

    def _number(self, sql: str) -> int:
        row = self.connection.execute(sql).fetchone()
        return int(row[0]) if row else 0


def _with_boxes(rows: pa.Table) -> pa.Table:
    """Add the box around each geometry, so that a box query needs no geometry engine."""
    shapes = shapely.from_wkb(np.array(rows["geometry"].to_pylist(), dtype=object))
    for name, values in zip(BOX, shapely.bounds(shapes).reshape(-1, 4).T, strict=True):
        rows = rows.append_column(name, pa.array(values, pa.float64()))
    return rows


def _stage_ddl(kind: str) -> str:
    columns = "".join(f", {name} {type_}" for name, type_ in row_columns(kind).items())
    return (
        f"CREATE OR REPLACE TEMP TABLE stage (pos BIGINT, source_id VARCHAR, d1 UBIGINT, d2 UBIGINT{columns})"
    )


def _stage_sql(kind: str) -> str:
    """Return the statement that digests and stages what a stream brings."""
    selected = ", ".join(_staged(name) for name in row_columns(kind))
    derived = {"cell15", *BOX}
    parts = ", ".join(_digested(name) for name in row_columns(kind) if name not in derived)
    return f"""
        INSERT INTO stage
        SELECT pos, source_id, md5_number_upper(text), md5_number_lower(text), {", ".join(row_columns(kind))}
        FROM (SELECT pos, source_id, {selected}, concat_ws(chr(31), {parts}) AS text FROM incoming)
    """


def _staged(name: str) -> str:
    """Return how a reader's column becomes the table's (times lose their zone: they are UTC)."""
    return "make_timestamp(epoch_us(time)) AS time" if name == "time" else name


def _digested(name: str) -> str:
    """Return the text of a column in the digest; null is told from empty."""
    text = {"geometry": "hex(geometry)", "time": "epoch_us(time)::VARCHAR"}.get(name, f"{name}::VARCHAR")
    return f"coalesce({text}, chr(30))"
