"""How a text table is written: encoding, delimiter, where its header stands."""

import codecs
import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from data.errors import UnreadableFile

DELIMITERS = ",;\t|"

#: A header or preamble longer than this is not a table's.
HEAD_BYTES = 1 << 20

#: Lines looked at when the delimiter is chosen.
SAMPLE_LINES = 60

#: Control characters that no text needs (tab, line feed and carriage return stay).
CONTROLS = bytes([*range(0, 9), 11, 12, *range(14, 32), 127])

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class TextScan:
    """What one pass over a file's bytes shows.

    `mixed` says that the text is UTF-8 with some bytes of CP1252 among it.
    """

    encoding: str
    mixed: bool = False
    n_controls: int = 0
    n_quotes: int = 0
    n_bytes: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether the bytes can be parsed as they lie on disk."""
        return self.encoding in ("utf-8", "utf-8-sig") and not self.mixed and not self.n_controls


@dataclass(frozen=True)
class Dialect:
    """Delimiter, header names, and how many lines stand above the first data row."""

    delimiter: str
    names: list[str]
    skip_lines: int
    notes: list[str] = field(default_factory=list)


def scan_text(path: Path) -> TextScan:
    """Return a file's encoding and what else one pass over its bytes shows."""
    with path.open("rb") as file:
        head = file.read(4096)
        wide = _wide_encoding(head)
        file.seek(0)
        return _scan_wide(file, wide) if wide else _scan_narrow(file, head)


def utf8_text(data: bytes, scan: TextScan) -> str:
    """Return the text of a whole piece of a file in one of the narrow encodings."""
    text = data.decode("utf-8" if scan.mixed else scan.encoding, "surrogateescape")
    return _without_surrogates(text)


def open_text(path: Path, scan: TextScan) -> io.BufferedReader:
    """Return a file's bytes as clean UTF-8: decoded, control characters taken out."""
    return io.BufferedReader(_CleanBytes(path, scan), 1 << 20)


def recognise_dialect(head: str, name: str) -> Dialect:
    """Return delimiter, header and preamble of a text table from its first lines."""
    text, skipped, said = _declared_delimiter(head)
    delimiter = said or _likeliest_delimiter(text)
    records = _records(text, delimiter)
    if not records:
        raise UnreadableFile(f"{name}: a header and rows are needed, the file holds no text")
    start, lines = _header_position(records)
    names = [cell.strip().strip("\ufeff") for cell in records[start][0]]
    widths = [len(cells) for cells, _ in records[start + 1 :]]
    notes = []
    if start:
        notes.append(f"{lines} lines above the header were skipped")
    if widths and Counter(widths).most_common(1)[0][0] == len(names) + 1:
        names, note = _widened(names, [cells for cells, _ in records[start + 1 :]])
        notes.append(note)
    return Dialect(delimiter, names, skipped + lines + records[start][1], notes)


def _wide_encoding(head: bytes) -> str | None:
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return None if encoding == "utf-8-sig" else encoding
    # Latin text in UTF-16 without a byte order mark: every other byte is zero.
    even, odd = head[0::2], head[1::2]
    if len(head) >= 8 and odd.count(0) > 0.4 * len(odd) and even.count(0) < 0.1 * len(even):
        return "utf-16-le"
    if len(head) >= 8 and even.count(0) > 0.4 * len(even) and odd.count(0) < 0.1 * len(odd):
        return "utf-16-be"
    return None


def _scan_wide(file: io.BufferedReader, encoding: str) -> TextScan:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    n_controls = n_quotes = n_bytes = 0
    while block := file.read(1 << 22):
        text = decoder.decode(block).encode("utf-8", "replace")
        n_controls += len(text) - len(text.translate(None, CONTROLS))
        n_quotes += text.count(b'"')
        n_bytes += len(text)
    return TextScan(encoding, n_controls=n_controls, n_quotes=n_quotes, n_bytes=n_bytes)


def _scan_narrow(file: io.BufferedReader, head: bytes) -> TextScan:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    n_controls = n_quotes = n_bytes = n_strange = n_multibyte = 0
    while block := file.read(1 << 22):
        n_bytes += len(block)
        n_quotes += block.count(b'"')
        n_controls += len(block) - len(block.translate(None, CONTROLS))
        if block.isascii() and not decoder.getstate()[0]:
            continue
        text = decoder.decode(block)
        strange, multibyte = _non_ascii(text)
        n_strange += strange
        n_multibyte += multibyte
    n_strange += len(decoder.getstate()[0])
    encoding = "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
    # More stray bytes than good sequences: the text was never UTF-8.
    if n_strange > n_multibyte:
        encoding = "cp1252"
    mixed = 0 < n_strange <= n_multibyte
    return TextScan(encoding, mixed, n_controls, n_quotes, n_bytes)


def _non_ascii(text: str) -> tuple[int, int]:
    if text.isascii():
        return 0, 0
    rest = [c for c in text if c > "\x7f"]
    strange = sum("\udc80" <= c <= "\udcff" for c in rest)
    return strange, len(rest) - strange


def _without_surrogates(text: str) -> str:
    return text.translate(_CP1252_OF_SURROGATE) if not text.isascii() else text


#: The character that each undecodable byte stands for: CP1252 where it defines one, Latin-1 elsewhere.
_CP1252_OF_SURROGATE = {
    0xDC00 + byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0x100)
}


class _CleanBytes(io.RawIOBase):
    """A file read as UTF-8 without control characters, whatever its encoding."""

    def __init__(self, path: Path, scan: TextScan) -> None:
        self._file = path.open("rb")
        encoding = "utf-8" if scan.mixed or scan.encoding == "cp1252" else scan.encoding
        errors = "replace" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._all_bytes = scan.encoding == "cp1252"
        self._rest = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest and not self._ended:
            block = self._file.read(1 << 20)
            self._ended = not block
            self._rest = self._decode(block).encode("utf-8", "replace").translate(None, CONTROLS)
        n = min(len(buffer), len(self._rest))
        buffer[:n] = self._rest[:n]
        self._rest = self._rest[n:]
        return n

    def _decode(self, block: bytes) -> str:
        if self._all_bytes:
            return _without_surrogates(block.decode("ascii", "surrogateescape"))
        return _without_surrogates(self._decoder.decode(block, final=not block))

    def close(self) -> None:
        self._file.close()
        super().close()


def _declared_delimiter(head: str) -> tuple[str, int, str | None]:
    # Spreadsheets write `sep=;` above the header.
    line, _, rest = head.partition("\n")
    if line[:4].lower() == "sep=" and len(line.rstrip("\r")) == 5:
        return rest, 1, line[4]
    return head, 0, None


def _likeliest_delimiter(text: str) -> str:
    def score(delimiter: str) -> tuple[float, int]:
        widths = [len(cells) for cells, _ in _records(text, delimiter)]
        if not widths or max(widths) < 2:
            return 0.0, 1
        width, _ = max(Counter(widths).items(), key=lambda pair: (pair[1] * (pair[0] > 1), pair[0]))
        share = sum(w == width for w in widths) / len(widths)
        # A delimiter that the first line lacks is more likely a decimal comma in the rows below.
        return (share if widths[0] > 1 else share / 2), width

    return max(DELIMITERS, key=score)


def _records(text: str, delimiter: str) -> list[tuple[list[str], int]]:
    """Return the first records and how many lines each takes, blank lines dropped from the records."""
    lines = list(io.StringIO(text, newline=""))
    whole = len(text) < HEAD_BYTES
    reader = csv.reader(iter(lines), delimiter=delimiter)
    records: list[tuple[list[str], int]] = []
    before = 0
    try:
        for cells in reader:
            if cells:
                records.append((cells, reader.line_num - before))
                before = reader.line_num
            if len(records) >= SAMPLE_LINES:
                return records
    except csv.Error:
        return records or [(lines[0].rstrip("\r\n").split(delimiter), 1)]
    # The sample may end inside a record.
    return records if whole or len(records) < 2 else records[:-1]


def _header_position(records: list[tuple[list[str], int]]) -> tuple[int, int]:
    """Return which record is the header, and how many lines stand above it."""
    widths = [len(cells) for cells, _ in records]
    usual = Counter(widths).most_common(1)[0][0]
    if usual < 3 or len(records) < 3 or widths[0] == usual:
        return 0, 0
    position = widths.index(usual)
    # A header may be one name shorter than its rows; then the first whole record is a row already.
    if widths[position - 1] == usual - 1 and any(_is_number(cell) for cell in records[position][0]):
        position -= 1
    return position, sum(n_lines for _, n_lines in records[:position])


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[+-]?\d+([.,]\d+)?", cell.strip()) is not None


def _widened(names: list[str], rows: list[list[str]]) -> tuple[list[str], str]:
    wide = [cells for cells in rows if len(cells) == len(names) + 1]
    if all(not cells[-1].strip() for cells in wide):
        return [*names, ""], "rows end with a delimiter that the header lacks: an empty last column was added"
    return ["row_name", *names], "rows have one field more than the header: the first is taken as a row name"
