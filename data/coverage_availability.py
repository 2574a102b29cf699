"""Availability files as coverage: one row per cell and rule set, made of the best offers over all files."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from data.coverage_offers import CellCounts, LocationOffers
from data.errors import InvalidMapping, UnreadableFile
from data.raw_rows import reject_table
from data.readers.availability import ByteStream, read_offers
from data.readers.availability_files import AvailabilityFile, opened
from data.readers.raw import CHUNK_ROWS, RawReject
from data.records import COVERAGE_SCHEMA, CleanBatch, IngestSpec, ReadReport
from spatial.grid import hex_strings

_EMPTY = COVERAGE_SCHEMA.empty_table()
_NO_REJECTS = reject_table([])

_UNKNOWN = (
    "locations that no provider reports never appear in these files: unserved are those of the files; a "
    "layer of locations or housing units tells of how many"
)


class AvailabilitySource:
    """Availability files as canonical coverage; `report` is complete when `batches` has ended.

    Its rows are the cells of each rule set; the rows of the files are told in the report's counts.
    """

    def __init__(self, path: Path, files: Sequence[AvailabilityFile], spec: IngestSpec) -> None:
        if spec.mapping:
            raise InvalidMapping(
                f"{path.name}: an availability file is read by its own columns, got --map "
                + ", ".join(f"{field}={column}" for field, column in spec.mapping.items())
            )
        self._name = path.name
        self._files = files
        self._offers = LocationOffers()
        self.report = ReadReport(
            format="FCC availability",
            encoding="UTF-8",
            timezone=spec.timezone or "UTC",
            columns={"cell": "h3_res8_id", "locations": "location_id"},
        )

    def batches(self) -> Iterator[CleanBatch]:
        """Yield the rejected rows while the files are read, then the cells."""
        digests: list[str] = []
        n_rows = 0
        for file in self._files:
            for rejects, found in self._read(file, digests):
                n_rows += found
                if rejects:
                    yield self._rejected(file, rejects)
        if not n_rows:
            raise UnreadableFile(f"{self._name}: rows are needed, there are none (a header only?)")
        self.report.digest = hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
        counts, n_locations, n_several = self._offers.counts()
        del self._offers
        yield from self._cells(counts)
        self._close_books(counts, n_rows, n_locations, n_several)

    def _read(self, file: AvailabilityFile, digests: list[str]) -> Iterator[tuple[list[RawReject], int]]:
        """Yield the rejects of each block and how many rows it had; take in the others."""
        with opened(file) as stream:
            _skip_line(stream)
            for offers, rejects, n_rows in read_offers(stream, file.layout, file.name):
                self._offers.add(offers)
                yield rejects, n_rows
            digests.append(stream.digest())

    def _rejected(self, file: AvailabilityFile, rejects: list[RawReject]) -> CleanBatch:
        for reject in rejects:
            self.report.rejected[reject.reason] = self.report.rejected.get(reject.reason, 0) + 1
        self.report.n_rows += len(rejects)
        if len(self._files) > 1:
            rejects = [RawReject(r.row, r.reason, f"{file.name}: {r.detail}", r.original) for r in rejects]
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
            "availability.files": len(self._files),
            "availability.rows": n_rows,
            "availability.locations": n_locations,
            "availability.cells": n_cells,
        }
        many = f"{len(self._files)} files" if len(self._files) > 1 else "the file"
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


def _skip_line(stream: ByteStream) -> None:
    """Read up to the end of the first line, byte by byte: what comes after belongs to the rows."""
    byte = bytearray(1)
    while stream.readinto(memoryview(byte)) and byte != b"\n":
        pass
