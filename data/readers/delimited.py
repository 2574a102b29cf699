"""Text tables: CSV, TSV and their relatives, streamed through Arrow's CSV parser."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from data.errors import UnreadableFile
from data.readers.dialect import HEAD_BYTES, Dialect, TextScan, open_text, recognise_dialect, scan_text
from data.readers.raw import RawChunk, RawFacts, RawReject, told_apart

#: Bytes parsed at a time; a row must fit into one block.
BLOCK_BYTES = 8 << 20

#: Of a row that is no row, this much is kept.
MOST_TEXT = 2000

_FORMATS = {",": "CSV", ";": "CSV (semicolon)", "\t": "TSV", "|": "CSV (pipe)"}


class DelimitedSource:
    """A text table whose columns all come as text; only the empty cell is null."""

    rereadable = True

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._scan = scan_text(path)
        self._dialect = self._recognise(name)
        columns, repeated = told_apart(self._dialect.names)
        self.facts = RawFacts(
            name, _FORMATS[self._dialect.delimiter], columns, encoding=encoding_name(self._scan)
        )
        self.facts.notes += self._dialect.notes
        self.facts.notes += encoding_notes(self._scan)
        self.facts.count("control_characters", self._scan.n_controls)
        self.facts.count("duplicate_headers", len(repeated))
        if repeated:
            self.facts.notes.append(
                f"repeated column names were told apart: {', '.join(sorted(set(repeated)))}"
            )

    def _recognise(self, name: str) -> Dialect:
        with open_text(self._path, self._scan) as file:
            head = file.read(HEAD_BYTES).decode("utf-8", "ignore")
        if not head.strip():
            raise UnreadableFile(f"{name}: a header and rows are needed, the file is empty")
        if len(head) >= HEAD_BYTES // 4 and not re.search(r"[\r\n]", head):
            raise UnreadableFile(
                f"{name}: a table is needed, the first line is longer than {len(head):,} characters"
            )
        return recognise_dialect(head, name)

    def chunks(self, columns: Sequence[str] | None = None) -> Iterator[RawChunk]:
        """Yield the table block by block; rows with a wrong number of fields come as rejects."""
        skipped: list[RawReject] = []
        first_row, before = 1, 0
        with open_text(self._path, self._scan) as text:
            try:
                reader = self._open(text, skipped, columns)
                for batch in reader:
                    # The parser reads ahead: keep back what was skipped behind this block.
                    rows, taken = _row_numbers(batch.num_rows, first_row, skipped)
                    first_row = int(rows[-1]) + 1 if len(rows) else first_row
                    before += taken
                    yield from self._checked(pa.Table.from_batches([batch]), rows, skipped[:taken])
                    del skipped[:taken]
            except pa.ArrowInvalid as err:
                raise UnreadableFile(self._explained(err, first_row)) from err
            if skipped:
                empty = pa.table({c: pa.array([], pa.string()) for c in columns or self.facts.columns})
                yield RawChunk(empty, np.zeros(0, np.int64), None, list(skipped))

    def _open(
        self, text: Any, skipped: list[RawReject], columns: Sequence[str] | None
    ) -> pa_csv.CSVStreamingReader:
        names = self.facts.columns
        n_wanted = len(names)

        def skip(row: pa_csv.InvalidRow) -> str:
            detail = f"needed {n_wanted} fields, got {row.actual_columns}"
            # The parser counts the lines above the data too.
            skipped.append(
                RawReject(row.number - self._dialect.skip_lines, "ragged_row", detail, row.text[:MOST_TEXT])
            )
            return "skip"

        # A file object, not a path: Arrow would unpack by the name's ending.
        source: Any = pa.OSFile(str(self._path)) if self._scan.is_plain else pa.PythonFile(text, mode="r")
        return pa_csv.open_csv(
            source,
            read_options=pa_csv.ReadOptions(
                use_threads=False,  # only then are skipped rows numbered
                block_size=BLOCK_BYTES,
                column_names=names,
                skip_rows=self._dialect.skip_lines,
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=self._dialect.delimiter, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                include_columns=list(columns) if columns else None,
                check_utf8=False,
            ),
        )

    def _checked(self, table: pa.Table, rows: Any, rejects: list[RawReject]) -> Iterator[RawChunk]:
        swallowed = _swallowed_lines(
            table, self._dialect.delimiter, len(self.facts.columns), self._scan.n_quotes
        )
        if swallowed is None:
            yield RawChunk(table, rows, None, rejects)
            return
        lost = swallowed > 0
        self.facts.count("unclosed_quote.lines", int(swallowed.sum()))
        for i in np.flatnonzero(lost):
            cells = [str(v) for v in table.slice(int(i), 1).to_pylist()[0].values() if v is not None]
            detail = f"a quote opened in this row swallows {int(swallowed[i])} lines"
            rejects.append(
                RawReject(int(rows[i]), "unclosed_quote", detail, self._dialect.delimiter.join(cells))
            )
        yield RawChunk(table.filter(pa.array(~lost)), rows[~lost], None, rejects)

    def _explained(self, err: pa.ArrowInvalid, row: int) -> str:
        name = self.facts.name
        if "straddling" in str(err):
            size = BLOCK_BYTES >> 20
            return f"{name}: a row after row {row - 1} is longer than {size} MB; is a quote unclosed?"
        words = str(err).splitlines()[0][:200]
        return f"{name}: not readable as {self.facts.format} after row {row - 1}: {words}"


def encoding_name(scan: TextScan) -> str:
    """Return an encoding's usual name."""
    names = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8 (BOM)", "cp1252": "Windows-1252"}
    return names.get(scan.encoding, scan.encoding.upper())


def encoding_notes(scan: TextScan) -> list[str]:
    """Return what a reader must say of a file's bytes."""
    notes = []
    if scan.mixed:
        notes.append(
            "the text is UTF-8 with bytes of another encoding among it; those were read as Windows-1252"
        )
    if scan.n_controls:
        notes.append(f"{scan.n_controls:,} control characters (NUL and the like) were taken out")
    return notes


def _row_numbers(n_rows: int, first_row: int, skipped: list[RawReject]) -> tuple[Any, int]:
    """Return the numbers of a block's rows, leaving out those of skipped ones, and how many those were."""
    gaps = [reject.row for reject in skipped]
    rows = np.arange(first_row, first_row + n_rows, dtype=np.int64)
    taken = 0
    for gap in sorted(gaps):
        if not n_rows or gap > rows[-1]:
            break
        rows[np.searchsorted(rows, gap) :] += 1
        taken += 1
    return rows, taken


def _swallowed_lines(table: pa.Table, delimiter: str, n_columns: int, n_quotes: int) -> Any:
    """Return per row how many whole rows stand inside one of its quoted cells; None where there are none."""
    result = None
    odd = n_quotes % 2 == 1
    # Where all quotes close, a line break in a short row is more likely an address of several lines.
    if not n_quotes or n_columns < (2 if odd else 4):
        return None
    for column in table.columns:
        broken = pc.match_substring(column, "\n")
        if not pc.any(broken).as_py():
            continue
        for i in np.flatnonzero(broken.fill_null(False).to_numpy(zero_copy_only=False)):
            lines = column[int(i)].as_py().split("\n")[1:]
            rows = sum(_looks_like_row(line, delimiter, n_columns, odd=odd) for line in lines)
            if rows:
                result = np.zeros(table.num_rows, np.int64) if result is None else result
                result[i] += rows
    return result


def _looks_like_row(line: str, delimiter: str, n_columns: int, *, odd: bool) -> bool:
    n = line.count(delimiter)
    return n >= n_columns - 1 if odd else n == n_columns - 1
