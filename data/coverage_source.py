"""Broadband coverage out of any raw source: where each row lies, what it counts, and the books kept."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from data.attributes import RowJson, spelled
from data.coverage_codes import codes
from data.coverage_columns import CoveragePlan, coverage_plan, without_first_row
from data.coverage_figures import Figures, figures
from data.numbers import flags_of, is_null
from data.observations import Observations
from data.plan import WGS84, crs_name
from data.raw_rows import as_text, field_text, first_filled, rejected_rows, replayed
from data.readers.raw import RawChunk, RawReject, RawSource
from data.records import COVERAGE_SCHEMA, CleanBatch, IngestSpec, ReadReport
from data.row_shapes import CODES as SHAPE_CODES
from data.row_shapes import REASONS as SHAPE_REASONS
from data.row_shapes import cells_of, judged_shapes, read_shapes

Flags = NDArray[np.bool_]
Reasons = NDArray[np.object_]

REASONS = SHAPE_REASONS | {
    "no_cell": "an H3 cell is needed, the row has none",
    "unreadable_cell": "the cell is no H3 cell",
    "no_code": "a code is needed, the row has none",
    "unreadable_code": "the code is none of a county, zip, tract, block group or block",
}

_NOTES = {
    "geometry.repaired": "geometries were not valid (rings crossing and the like); they were repaired",
    "code.padded": "codes had lost the zeros in front; they were put back",
    "code.repeated": "rows repeat the code of an earlier row; all of them were kept",
    "unserved.filled": "rows without unserved locations: locations − served − underserved was taken",
    "counts.contradict": "rows where served, underserved and unserved exceed the locations; kept as they are",
    "figures.none": "rows without any count or share",
}
_NOTES_OF_FIELDS = {
    "sentinel": "values of {} stand for a missing estimate; they were taken as such",
    "negative": "negative values of {} were left out",
    "unreadable": "values of {} are no numbers; they were left out",
    "out_of_range": "values of {} lie beyond 100 %; they were left out",
}


class CoverageSource:
    """A raw source as canonical coverage; `report` is complete when `batches` has ended."""

    def __init__(self, raw: RawSource, spec: IngestSpec) -> None:
        self._raw = raw
        self._spellings = spec.spellings
        self._chunks = raw.chunks()
        self._first = first_filled(self._chunks, raw.facts.name)
        self._plan = coverage_plan(self._first[-1], raw, spec)
        self._json = RowJson()
        self._seen = Observations()
        self._repeats = _Repeats()
        self.report = ReadReport(
            format=raw.facts.format,
            encoding=raw.facts.encoding,
            crs=crs_name(self._plan.place.crs if self._plan.place else WGS84),
            timezone=spec.timezone or "UTC",
            columns=self._plan.recognised(),
        )

    def batches(self) -> Iterator[CleanBatch]:
        """Yield the rows chunk by chunk, in file order."""
        n_above = int(self._plan.has_labels)
        waits_for_labels = self._plan.has_labels
        for chunk in replayed(self._first, self._chunks):
            if waits_for_labels and chunk.table.num_rows:
                chunk, waits_for_labels = without_first_row(chunk), False
            yield self._clean(_numbered(chunk, n_above))
        self._close_books()

    def _clean(self, chunk: RawChunk) -> CleanBatch:
        self._seen.look_at(chunk.table)
        found = _Places(chunk, self._plan)
        for name, number in found.counts.items():
            self._count(name, number)
        good = found.reasons == ""
        rows = self._canonical(chunk, found, good)
        rejects = self._rejects(chunk, found.reasons)
        self.report.n_rows += rows.num_rows + rejects.num_rows
        for entry in pc.value_counts(rejects["reason"]).to_pylist():
            reason = entry["values"]
            self.report.rejected[reason] = self.report.rejected.get(reason, 0) + entry["counts"]
        return CleanBatch(rows, rejects)

    def _canonical(self, chunk: RawChunk, found: "_Places", good: Flags) -> pa.Table:
        keep = pa.array(good)
        table = chunk.table.filter(keep)
        figured = figures(table, self._plan)
        for name, number in figured.counts.items():
            self._count(name, number)
        self._count("figures.none", int((~figured.has_any).sum()))
        cells, shapes = found.cells[good], found.shapes[good]
        columns: dict[str, pa.Array | pa.ChunkedArray] = {
            "row": pa.array(chunk.rows[good], pa.int64()),
            "source_id": self._text(table, "id"),
            "name": self._text(table, "name"),
            "code": found.codes.filter(keep),
            "cell": pa.array(cells.view(np.int64), pa.int64(), mask=cells == 0),
            "geometry": pa.array(shapely.to_wkb(shapes), pa.binary()),
            "source": self._text(table, "source"),
            "attributes": self._attributes(table),
        }
        columns |= {name: pa.array(v, mask=np.isnan(v)) for name, v in figured.values.items()}
        rows = pa.table({name: columns[name] for name in COVERAGE_SCHEMA.names}, schema=COVERAGE_SCHEMA)
        self._repeats.look_at(rows, figured)
        return rows

    def _text(self, table: pa.Table, name: str) -> pa.ChunkedArray:
        return field_text(table, self._plan.fields.get(name))

    def _attributes(self, table: pa.Table) -> pa.Array:
        kept = [c for c in table.column_names if c and c not in self._plan.taken]
        return self._json.of(table, kept, spelled(kept, self._spellings))

    def _rejects(self, chunk: RawChunk, reasons: Reasons) -> pa.Table:
        bad = np.flatnonzero(reasons != "")
        told = reasons[bad].tolist()
        return rejected_rows(chunk, bad, told, [REASONS[one] for one in told], self._json)

    def _count(self, what: str, number: int) -> None:
        if number:
            self.report.counts[what] = self.report.counts.get(what, 0) + number

    def _close_books(self) -> None:
        report, plan = self.report, self._plan
        for name, number in (self._raw.facts.counts | self._seen.counts()).items():
            self._count(name, number)
        self._count("code.repeated", self._repeats.n_codes())
        report.notes += [*self._raw.facts.notes, *plan.notes]
        report.notes += [f"{n:,} {words}" for name, words in _NOTES.items() if (n := report.counts.get(name))]
        for what, words in _NOTES_OF_FIELDS.items():
            told = {n.partition(".")[2]: k for n, k in report.counts.items() if n.startswith(f"{what}.")}
            report.notes += [f"{n:,} {words.format(name)}" for name, n in told.items()]
        n_parts, total, once = self._repeats.parts()
        self._count("counts.shared", n_parts)
        if n_parts:
            report.notes.append(
                f"{n_parts:,} rows repeat all columns but id and geometry of another row: areas that count"
                f" alike, or parts of one area with the counts of the whole; the rows sum to {total:,.0f}"
                f" locations, rows that are alike taken once to {once:,.0f}"
            )


class _Places:
    """Where the rows of a chunk lie, and why a row lies nowhere: geometry or cell first, then the code."""

    def __init__(self, chunk: RawChunk, plan: CoveragePlan) -> None:
        n = chunk.table.num_rows
        self.shapes = np.full(n, None, dtype=object)
        self.cells = np.zeros(n, np.uint64)
        self.codes = pa.chunked_array([pa.nulls(n, pa.string())])
        self.reasons: Reasons = np.full(n, "", dtype=object)
        self.counts: dict[str, int] = {}
        nowhere = np.ones(n, np.bool_)
        if plan.place is not None:
            self._from_cells(chunk, plan) if plan.place.cell else self._from_shapes(chunk, plan)
            nowhere = (self.reasons == "no_geometry") | (self.reasons == "no_cell")
        if plan.code is not None:
            self._from_codes(chunk, plan, nowhere)

    def _from_shapes(self, chunk: RawChunk, plan: CoveragePlan) -> None:
        assert plan.place is not None
        found = judged_shapes(*read_shapes(chunk, plan.place), plan.place.crs)
        self.shapes = found.shapes
        self.reasons = np.array(SHAPE_CODES, dtype=object)[found.code]
        self.counts["geometry.repaired"] = found.n_repaired

    def _from_cells(self, chunk: RawChunk, plan: CoveragePlan) -> None:
        assert plan.place is not None
        column = chunk.table[plan.place.cell]
        self.cells = cells_of(column)
        missing = flags_of(is_null(as_text(column)))
        self.reasons[self.cells == 0] = "unreadable_cell"
        self.reasons[missing] = "no_cell"

    def _from_codes(self, chunk: RawChunk, plan: CoveragePlan, nowhere: Flags) -> None:
        assert plan.code is not None
        found = codes(chunk.table, plan.code)
        blank = pa.scalar(None, pa.string())
        self.codes = pc.if_else(pa.array(nowhere), found.values, blank)
        self.reasons[nowhere] = ""
        self.reasons[nowhere & found.is_unreadable] = "unreadable_code"
        self.reasons[nowhere & found.is_missing] = "no_code"
        self.counts["code.padded"] = int((found.is_padded & nowhere).sum())


class _Repeats:
    """Codes that stand on several rows, and rows that are parts of one area with the counts of the whole."""

    def __init__(self) -> None:
        self._codes: list[NDArray[np.int64]] = []
        self._seen: dict[int, int] = {}
        self._total = self._once = 0.0

    def look_at(self, rows: pa.Table, figured: Figures) -> None:
        """Take in some rows."""
        self._codes.append(np.array(pc.cast(rows["code"].drop_null(), pa.int64()).to_numpy()))
        counted = np.flatnonzero(figured.has_any & flags_of(pc.is_valid(rows["geometry"])))
        if not len(counted):
            return
        part = rows.take(pa.array(counted))
        keys = zip(*(part[name].to_pylist() for name in _TOLD), strict=True)
        for key, locations in zip(keys, part["locations"].to_pylist(), strict=True):
            digest = hash(key)
            self._total += locations or 0.0
            self._once += 0.0 if digest in self._seen else locations or 0.0
            self._seen[digest] = self._seen.get(digest, 0) + 1

    def n_codes(self) -> int:
        """Return how many rows have the code of an earlier one."""
        every = np.concatenate([np.zeros(0, np.int64), *self._codes])
        return int(len(every) - len(np.unique(every)))

    def parts(self) -> tuple[int, float, float]:
        """Return the rows beyond the first of each area, the sum of locations, and the sum over areas."""
        return sum(self._seen.values()) - len(self._seen), self._total, self._once


#: What tells areas apart when neither id nor geometry does.
_TOLD = ("name", "locations", "served", "underserved", "unserved", "source", "attributes")


def _numbered(chunk: RawChunk, n_above: int) -> RawChunk:
    """Return the chunk with its rows counted from behind a second header."""
    if not n_above:
        return chunk
    rejects: Sequence[RawReject] = [
        RawReject(r.row - n_above, r.reason, r.detail, r.original) for r in chunk.rejects
    ]
    return RawChunk(chunk.table, chunk.rows - n_above, chunk.geometry, rejects)
