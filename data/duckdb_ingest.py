"""From clean batches to committed rows: staging, identity, equal rows, rejects.

Identity of a row is its source id, else a digest of its content plus its ordinal among equal rows of the
file. Of a sample without one it is a digest of its sewershed, analyte, start and replicate, of a row of
coverage one of its place and source, plus its ordinal among the rows of the file that share them. All of it
happens in SQL on a temporary table, so that memory stays bounded; the caller holds the transaction.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from data.duckdb_schema import IDENTITY_COLUMNS, row_columns
from data.prefetch import prefetched
from data.records import CleanSource
from spatial.grid import boundaries, boundary_rings

#: A column taken for the id without being mapped is not believed when more than this share of its rows
#: repeats the id of a row with other content.
MAX_ID_CONFLICTS = 0.10
MIN_ROWS_TO_DOUBT = 20

#: Digest of a row's identity and content, from which the layer's digest is mixed.
_CONTENT = "md5_number_lower(stage.id || ':' || digest)"

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
        if "geometry" in rows.column_names:
            rows = _with_boxes(rows)
        place = np.arange(self.n_rows, self.n_rows + rows.num_rows)
        return rows.append_column("pos", pa.array(place, pa.int64()))

    def settle(
        self,
        table: str,
        ingest: int,
        *,
        id_is_mapped: bool,
        id_column: str,
        drop_duplicates: bool,
        next_ordinal: int,
    ) -> Counts:
        """Give every staged row its identity and merge the rows into the layer's table.

        An `id_column` that turns out to be no identity stays with the rows as one of their attributes: it may
        say which rows belong together.
        """
        self._find_repeats()
        conflicts = self._id_conflicts()
        refused = (
            not id_is_mapped
            and self.n_rows >= MIN_ROWS_TO_DOUBT
            and conflicts > MAX_ID_CONFLICTS * self.n_rows
        )
        if refused:
            self._keep_as_attribute(id_column)
            self.connection.execute(f"UPDATE stage SET source_id = NULL, id = {_own_id(self.kind)}")
            self._find_repeats()
        self._number_repeats(drop_duplicates)
        equal_rows = self._count("FROM stage WHERE is_copy")
        accepted, duplicate, updated = self._merge(table, ingest, drop_duplicates, next_ordinal)
        self.connection.execute("INSERT INTO rejects SELECT $1, * FROM staged_rejects", [ingest])
        return Counts(accepted, self.n_rejected, duplicate, updated, equal_rows, conflicts, refused)

    def drop(self) -> None:
        """Remove the temporary tables."""
        for name in ("repeated", "stage", "staged_rejects", "fates"):
            self.connection.execute(f"DROP TABLE IF EXISTS temp.{name}")

    def _keep_as_attribute(self, column: str) -> None:
        """Put the source ids among the attributes, under their column's name, and into the digests."""
        member = "to_json($1::VARCHAR)::VARCHAR || ':' || to_json(source_id)::VARCHAR"
        self.connection.execute(
            f"""
            UPDATE stage SET attributes = CASE WHEN attributes IS NULL OR attributes = '{{}}'
                THEN '{{' || {member} || '}}' ELSE left(attributes, -1) || ',' || {member} || '}}' END
            WHERE source_id IS NOT NULL
            """,
            [column],
        )
        self.connection.execute(f"UPDATE stage SET digest = {_content_digest(self.kind)}")

    def _find_repeats(self) -> None:
        """Make `repeated`: the ids that stand on more than one row. Most files have few."""
        self.connection.execute(
            "CREATE OR REPLACE TEMP TABLE repeated AS SELECT id FROM stage GROUP BY id HAVING count(*) > 1"
        )

    def _id_conflicts(self) -> int:
        """Return the rows whose source id also stands on a row with other content."""
        return self._count(
            "FROM (SELECT DISTINCT id, digest FROM stage SEMI JOIN repeated USING (id)"
            " WHERE source_id IS NOT NULL)",
            "count(*) - count(DISTINCT id)",
        )

    def _number_repeats(self, drop_duplicates: bool) -> None:
        """Give the rows of one id their numbers: 1 is the row that counts.

        With a source id that is the last row of the file. Rows without one are numbered by content, then in
        file order, and each number is an identity of its own: so a file in another order has the same
        identities. Copies are rows equal to an earlier one; where they are to be dropped they share its
        number.
        """
        if not self._count("FROM repeated"):
            return
        own = (
            "dense_rank() OVER (PARTITION BY id ORDER BY digest)"
            if drop_duplicates
            else ("row_number() OVER (PARTITION BY id ORDER BY digest, pos)")
        )
        self.connection.execute(
            f"""
            UPDATE stage SET repeat = numbered.repeat, is_copy = numbered.copy > 1 AND source_id IS NULL,
                id = CASE WHEN source_id IS NULL THEN left(id, 21) || numbered.repeat ELSE id END
            FROM (SELECT pos, row_number() OVER (PARTITION BY id, digest ORDER BY pos) AS copy,
                      CASE WHEN source_id IS NULL THEN {own}
                           ELSE row_number() OVER (PARTITION BY id ORDER BY -pos) END AS repeat
                  FROM stage SEMI JOIN repeated USING (id)) AS numbered
            WHERE stage.pos = numbered.pos AND (numbered.repeat > 1 OR numbered.copy > 1)
            """
        )

    def _merge(
        self, table: str, ingest: int, drop_duplicates: bool, next_ordinal: int
    ) -> tuple[int, int, int]:
        """Insert what is new, update what changed; return accepted, duplicate, updated.

        The last row of a source id decides its fate against the store. The earlier rows of that id are
        duplicates where they say the same or where the deciding row is one; else they were updated.
        """
        is_new_layer = not self._count(f"FROM {table}")
        n_repeats = self._count(
            "FROM stage WHERE (repeat > 1 AND source_id IS NOT NULL) OR (is_copy AND $1)",
            parameters=[drop_duplicates],
        )
        columns = _column_list(self.kind)
        if is_new_layer and not n_repeats:
            # The commonest case needs no join and no sort.
            self.connection.execute(
                f"INSERT INTO {table} (ordinal, id, content, ingest, {columns})"
                f" SELECT $1 + pos, id, {_CONTENT}, $2, {columns} FROM stage",
                [next_ordinal, ingest],
            )
            return self.n_rows, 0, 0
        self._decide(table, drop_duplicates)
        self.connection.execute(
            f"""
            INSERT INTO {table} (ordinal, id, content, ingest, {columns})
            SELECT $1 + row_number() OVER (ORDER BY pos) - 1, stage.id, fates.content, $2, {columns}
            FROM fates JOIN stage USING (pos) WHERE fate = 'accepted' ORDER BY pos
            """,
            [next_ordinal, ingest],
        )
        settings = ", ".join(f'"{name}" = incoming."{name}"' for name in row_columns(self.kind))
        self.connection.execute(
            f"""
            UPDATE {table} SET content = incoming.content, ingest = $1, {settings}
            FROM (SELECT stage.id, fates.content, {columns} FROM fates JOIN stage USING (pos)
                  WHERE fate = 'updated' AND decides) AS incoming
            WHERE {table}.id = incoming.id
            """,
            [ingest],
        )
        fates = dict(self.connection.execute("SELECT fate, count(*) FROM fates GROUP BY fate").fetchall())
        return fates.get("accepted", 0), fates.get("duplicate", 0), fates.get("updated", 0)

    def _decide(self, table: str, drop_duplicates: bool) -> None:
        """Make `fates`: what becomes of each row, and whether the row decided it."""
        self.connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE fates AS
            WITH deciding AS (
                SELECT stage.pos, stage.id, {_CONTENT} AS content,
                    CASE WHEN stored.id IS NULL THEN 'accepted'
                         WHEN stored.content = {_CONTENT} THEN 'duplicate' ELSE 'updated' END AS fate
                FROM stage LEFT JOIN (SELECT id, content FROM {table}) AS stored ON stored.id = stage.id
                WHERE CASE WHEN source_id IS NULL THEN NOT (is_copy AND $1) ELSE repeat = 1 END)
            SELECT pos, content, fate, true AS decides FROM deciding
            UNION ALL
            SELECT stage.pos, {_CONTENT},
                CASE WHEN source_id IS NULL OR deciding.fate = 'duplicate' OR {_CONTENT} = deciding.content
                     THEN 'duplicate' ELSE 'updated' END,
                false
            FROM stage LEFT JOIN deciding ON stage.source_id = deciding.id
            WHERE CASE WHEN source_id IS NULL THEN is_copy AND $1 ELSE repeat > 1 END
            """,
            [drop_duplicates],
        )

    def _count(self, what: str, measure: str = "count(*)", parameters: Sequence[object] = ()) -> int:
        row = self.connection.execute(f"SELECT {measure} {what}", list(parameters)).fetchone()
        return int(row[0]) if row else 0


def _with_boxes(rows: pa.Table) -> pa.Table:
    """Add the box around each geometry or cell, so that a box query needs no geometry engine."""
    boxes = shapely.bounds(shapely.from_wkb(np.array(rows["geometry"].to_pylist(), dtype=object)))
    boxes = boxes.reshape(-1, 4)
    if "cell" in rows.column_names:
        cells = rows["cell"].fill_null(0).to_numpy().astype(np.uint64)
        boxes[cells > 0] = _cell_boxes(cells[cells > 0])
    for name, values in zip(BOX, boxes.T, strict=True):
        rows = rows.append_column(name, pa.array(values, pa.float64(), mask=np.isnan(values)))
    return rows


def _cell_boxes(cells: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return west, south, east and north of each cell."""
    if not len(cells):
        return np.zeros((0, 4))
    corners, offsets = boundary_rings(cells)
    lows = np.minimum.reduceat(corners, offsets[:-1])
    highs = np.maximum.reduceat(corners, offsets[:-1])
    boxes = np.hstack([lows, highs])
    across = boxes[:, 2] - boxes[:, 0] > 180.0
    boxes[across] = shapely.bounds(boundaries(cells[across])).reshape(-1, 4)
    return boxes


def _stage_ddl(kind: str) -> str:
    columns = "".join(f', "{name}" {type_}' for name, type_ in row_columns(kind).items())
    own = "pos BIGINT, source_id VARCHAR, digest VARCHAR, id VARCHAR, repeat BIGINT, is_copy BOOLEAN"
    return f"CREATE OR REPLACE TEMP TABLE stage ({own}{columns})"


def _stage_sql(kind: str) -> str:
    """Return the statement that digests and stages what a stream brings."""
    columns = row_columns(kind)
    selected = ", ".join(_staged(name, type_) for name, type_ in columns.items())
    digest = _content_digest(kind)
    return f"""
        INSERT INTO stage
        SELECT pos, source_id, digest, coalesce(source_id, {_own_id(kind)}), 1, false, {_column_list(kind)}
        FROM (SELECT pos, source_id, {selected}, {digest} AS digest FROM incoming)
    """


def _content_digest(kind: str) -> str:
    """Return the digest of all that a row says; what follows from it is left out."""
    derived = {"cell15", *BOX}
    return _digest([name for name in row_columns(kind) if name not in derived], kind)


def _own_id(kind: str) -> str:
    """Return the identity of a row without a source id, as long as no row before it has the same."""
    key = IDENTITY_COLUMNS.get(kind)
    return f"left({_digest(key, kind) if key else 'digest'}, 20) || '-1'"


def _digest(names: Sequence[str], kind: str) -> str:
    types = row_columns(kind)
    parts = ", ".join(_digested(name, types[name]) for name in names)
    return f"md5(concat_ws(chr(31), {parts}))"


def _column_list(kind: str) -> str:
    return ", ".join(f'"{name}"' for name in row_columns(kind))


def _staged(name: str, type_: str) -> str:
    """Return how a reader's column becomes the table's (times lose their zone: they are UTC)."""
    return f'make_timestamp(epoch_us("{name}")) AS "{name}"' if type_ == "TIMESTAMP" else f'"{name}"'


def _digested(name: str, type_: str) -> str:
    """Return the text of a column in the digest; null is told from empty."""
    text = {"BLOB": f'hex("{name}")', "TIMESTAMP": f'epoch_us("{name}")::VARCHAR'}.get(
        type_, f'"{name}"::VARCHAR'
    )
    return f"coalesce({text}, chr(30))"
