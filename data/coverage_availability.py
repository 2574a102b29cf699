"""Availability files as coverage: one row per cell and rule set, made of the best offers over all files."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.columns import plain
from data.coverage_offers import CellCounts, LocationOffers
from data.coverage_source import CoverageSource
from data.errors import InvalidMapping, UnreadableFile
from data.raw_rows import as_text, reject_table
from data.readers.availability import FIELDS, ByteStream, Offers, availability_layout, read_offers
from data.readers.availability_files import AvailabilityFile, opened
from data.readers.raw import CHUNK_ROWS, RawReject, RawSource
from data.records import COVERAGE_SCHEMA, CleanBatch, CleanSource, IngestSpec, ReadReport
from data.row_shapes import cells_of
from spatial.grid import hex_strings

_EMPTY = COVERAGE_SCHEMA.empty_table()
_NO_REJECTS = reject_table([])
_NO_OFFERS = Offers(*(np.zeros(0, kind) for kind in ("u8", "u8", "u1", "f8", "f8", np.bool_, "u1")))

_UNKNOWN = (
    "locations that no provider reports never appear in these files: unserved are those of the files; a "
    "layer of locations or housing units tells of how many"
)


Block = tuple[Offers, list[RawReject], int]


class _Table(Protocol):
    """One table of offers; its digest is known when all of its blocks have been read."""

    @property
    def name(self) -> str:
        """What people are told."""
        ...

    def blocks(self, digests: list[str]) -> Iterator[Block]:
        """Yield rows, rejects and how many there were; add the digest at the end."""
        ...


class AvailabilitySource:
    """Availability files as canonical coverage; `report` is complete when `batches` has ended.

    Its rows are the cells of each rule set; the rows of the files are told in the report's counts.
    """

    def __init__(self, name: str, tables: Sequence[_Table], spec: IngestSpec, form: str = "CSV") -> None:
        if spec.mapping:
            raise InvalidMapping(
                f"{name}: an availability file is read by its own columns, got --map "
                + ", ".join(f"{field}={column}" for field, column in spec.mapping.items())
            )
        self._name = name
        self._tables = tables
        self._offers = LocationOffers()
        self.report = ReadReport(
            format=f"FCC availability ({form})",
            timezone=spec.timezone or "UTC",
            columns={"cell": "h3_res8_id", "locations": "location_id"},
        )

    def batches(self) -> Iterator[CleanBatch]:
        """Yield the rejected rows while the files are read, then the cells."""
        digests: list[str] = []
        n_rows = 0
        for table in self._tables:
            for offers, rejects, found in table.blocks(digests):
                self._offers.add(offers)
                n_rows += found
                if rejects:
                    yield self._rejected(table.name, rejects)
        if not n_rows:
            raise UnreadableFile(f"{self._name}: rows are needed, there are none (a header only?)")
        self.report.digest = hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
        counts, n_locations, n_several = self._offers.counts()
        del self._offers
        yield from self._cells(counts)
        self._close_books(counts, n_rows, n_locations, n_several)

    def _rejected(self, name: str, rejects: list[RawReject]) -> CleanBatch:
        for reject in rejects:
            self.report.rejected[reject.reason] = self.report.rejected.get(reject.reason, 0) + 1
        self.report.n_rows += len(rejects)
        if len(self._tables) > 1:
            rejects = [RawReject(r.row, r.reason, f"{name}: {r.detail}", r.original) for r in rejects]
        return CleanBatch(_EMPTY, reject_table(rejects))

    def _cells(self, counts: Sequence[CellCounts]) -> Iterator[CleanBatch]:
        for found in counts:
            for first in range(0, len(found.cells), CHUNK_ROWS):
                part = slice(first, first + CHUNK_ROWS)
                rows = _rows(found, part, self.report.n_rows - sum(self.report.rejected.values()))
                self.report.n_rows += rows.num_rows
                yield CleanBatch(rows, _NO_REJECTS)

    def _close_books(
        self, counts: Sequence[CellCounts], n_rows: int, n_locations: int, n_several: int
    ) -> None:
        report = self.report
        n_cells = len(counts[0].cells) if counts else 0
        report.counts |= {
            "availability.files": len(self._tables),
            "availability.rows": n_rows,
            "availability.locations": n_locations,
            "availability.cells": n_cells,
        }
        many = f"{len(self._tables)} files" if len(self._tables) > 1 else "the file"
        report.notes.append(
            f"{n_rows:,} rows of {many} tell of {n_locations:,} locations in {n_cells:,} cells of resolution "
            f"8; the best offer of each location counts, under {len(counts)} sets of rules"
        )
        for found in counts:
            served, under, un = (int(v.sum()) for v in (found.served, found.underserved, found.unserved))
            report.counts |= {
                f"served.{found.rules.name}": served,
                f"underserved.{found.rules.name}": under,
                f"unserved.{found.rules.name}": un,
                f"without_offer.{found.rules.name}": found.n_without_offer,
            }
            report.notes.append(
                f"{found.rules.name} ({found.rules.title}): {served:,} served, {under:,} underserved, "
                f"{un:,} unserved, of which {found.n_without_offer:,} have no offer that counts"
            )
        if n_several:
            report.counts["location.several_cells"] = n_several
            report.notes.append(f"{n_several:,} locations stand in several cells; each counts in one of them")
        report.notes.append(_UNKNOWN)


def _rows(found: CellCounts, part: slice, n_before: int) -> pa.Table:
    cells = found.cells[part]
    n, name = len(cells), found.rules.name
    columns = {
        "row": pa.array(np.arange(n_before + 1, n_before + n + 1)),
        "source_id": pa.array([f"{name}:{text}" for text in hex_strings(cells)], pa.string()),
        "cell": pa.array(cells.view(np.int64), pa.int64()),
        "source": pa.array([name] * n, pa.string()),
    }
    for field in ("locations", "served", "underserved", "unserved"):
        columns[field] = pa.array(getattr(found, field)[part], pa.float64())
    blank = {f.name: pa.nulls(n, f.type) for f in COVERAGE_SCHEMA if f.name not in columns}
    both = columns | blank
    return pa.table({name: both[name] for name in COVERAGE_SCHEMA.names}, schema=COVERAGE_SCHEMA)


@dataclass(frozen=True)
class FileOfOffers:
    """Offers in a file of lines, as they are published."""

    file: AvailabilityFile

    @property
    def name(self) -> str:
        """What people are told."""
        return self.file.name

    def blocks(self, digests: list[str]) -> Iterator[Block]:
        """Yield the rows of the file block by block."""
        with opened(self.file) as stream:
            _skip_line(stream)
            yield from read_offers(stream, self.file.layout, self.name)
            digests.append(stream.digest())


@dataclass(frozen=True)
class ColumnsOfOffers:
    """Offers in a table of another form (Parquet, other encodings and delimiters), written as lines again."""

    raw: RawSource

    @property
    def name(self) -> str:
        """What people are told."""
        return self.raw.facts.name

    def blocks(self, digests: list[str]) -> Iterator[Block]:
        """Yield the rows of the table chunk by chunk."""
        layout = availability_layout(",".join(FIELDS).encode())
        assert layout is not None
        digest = hashlib.sha256()
        for chunk in self.raw.chunks():
            text = _lines(chunk.table)
            digest.update(text)
            for offers, rejects, n_rows in read_offers(io.BytesIO(text), layout, self.name):
                own = [replace(one, row=int(chunk.rows[one.row - 1])) for one in rejects]
                yield offers, own, n_rows
            if chunk.rejects:
                yield _NO_OFFERS, list(chunk.rejects), len(chunk.rejects)
        digests.append(digest.hexdigest())


def coverage_source(raw: RawSource, spec: IngestSpec) -> CleanSource:
    """Return a table as coverage: offers summed up to cells, anything else row by row."""
    if _holds_offers(raw):
        return AvailabilitySource(raw.facts.name, [ColumnsOfOffers(raw)], spec, raw.facts.format)
    return CoverageSource(raw, spec)


def _holds_offers(raw: RawSource) -> bool:
    """Return whether a table has the columns of availability files."""
    return {plain(field) for field in FIELDS} <= {plain(column) for column in raw.facts.columns}


def _lines(table: pa.Table) -> bytes:
    """Return the needed columns as lines."""
    columns = {plain(name): table[name] for name in table.column_names}
    texts = [_text(columns[plain(field)], is_cell=field == "h3_res8_id") for field in FIELDS]
    lines = pc.binary_join_element_wise(*texts, ",", null_handling="replace", null_replacement="")
    return "".join(f"{line}\n" for line in lines.to_pylist()).encode()


def _text(column: pa.ChunkedArray, *, is_cell: bool) -> pa.ChunkedArray:
    if is_cell and pa.types.is_integer(column.type):
        return pa.chunked_array([[f"{cell:x}" for cell in cells_of(column).tolist()]], pa.string())
    return pc.replace_substring_regex(as_text(column), r"[,\r\n]", " ")


def _skip_line(stream: ByteStream) -> None:
    """Read up to the end of the first line, byte by byte: what comes after belongs to the rows."""
    byte = bytearray(1)
    while stream.readinto(memoryview(byte)) and byte != b"\n":
        pass
