"""Fixed availability files of the FCC's Broadband Data Collection: lines of bytes to arrays, from the right.

Brand names hold commas that nobody quoted, so that a line has 12, 13 or 14 fields; what stands right of the
brand name is counted from the end of the line. A block of lines is taken apart at once: eight characters of
each line are one integer, and the digits in it are added up side by side. Lines that do not fit that pattern
go through a slower reader, which also says what is wrong with them.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from data.columns import plain
from data.coverage_rules import CUSTOMERS, TECHNOLOGIES
from data.errors import UnreadableFile
from data.readers.raw import RawReject
from spatial.grid import are_valid, resolutions

Words = NDArray[np.uint64]
Places = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: Columns that are needed; their order may differ, their names not.
FIELDS = (
    "location_id",
    "technology",
    "max_advertised_download_speed",
    "max_advertised_upload_speed",
    "low_latency",
    "business_residential_code",
    "h3_res8_id",
)
_BRAND = "brand_name"

#: Resolution of the cells in these files: nothing finer can be known from them.
RESOLUTION = 8

#: Location ids are numbers of ten digits.
MOST_LOCATION_DIGITS = 10

#: Bytes taken apart at a time; a line must fit into one block.
BLOCK_BYTES = 8 << 20

#: Room in front of a block: the eight characters before a field's end may begin before the block.
_ROOM = 16

#: A quoted brand name may run over this many lines.
_MOST_LINES = 50
_MOST_TEXT = 2000

_COMMA, _NEWLINE, _RETURN, _QUOTE = b',\n\r"'

REASONS = {
    "ragged_row": "too few fields",
    "bad_location": "the location id is no number of at most ten digits",
    "bad_technology": "the technology is none of " + ", ".join(str(code) for code in TECHNOLOGIES),
    "bad_speed": "a speed is no number of zero or more",
    "bad_latency": "low_latency is neither 0 nor 1",
    "bad_customer": "business_residential_code is none of " + ", ".join(CUSTOMERS),
    "bad_cell": f"the cell is no H3 cell of resolution {RESOLUTION}",
}


@dataclass(frozen=True)
class Offers:
    """Rows that are whole: one offer of one provider at one location each; equal-length arrays."""

    location: Words
    cell: Words
    technology: NDArray[np.uint8]
    down: NDArray[np.float64]
    up: NDArray[np.float64]
    low_latency: Flags
    customer: NDArray[np.uint8]


@dataclass(frozen=True)
class Layout:
    """How many fields a line has, and where the needed ones stand: from the left, else from the right."""

    n_fields: int
    from_left: dict[str, int]
    from_right: dict[str, int]


def availability_layout(header: bytes) -> Layout | None:
    """Return the layout that a header line announces; None where it is no availability file's.

    Examples
    --------
    >>> availability_layout(b"id,lat,lng") is None
    True
    """
    # Wide characters have zero bytes; such a file is read as any other table.
    if b"\x00" in header:
        return None
    text = header.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").strip()
    names = _quoted_fields(text)
    known = {plain(field): field for field in (*FIELDS, _BRAND)}
    found = {known[plain(name)]: i for i, name in enumerate(names) if plain(name) in known}
    if not set(FIELDS) <= found.keys():
        return None
    # Without a brand name nothing holds a comma.
    brand = found.pop(_BRAND, len(names))
    return Layout(
        len(names),
        {field: i for field, i in found.items() if i < brand},
        {field: len(names) - 1 - i for field, i in found.items() if i > brand},
    )


class ByteStream(Protocol):
    """What can be read into room of ours."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Read the next bytes; 0 at the end."""
        ...


def read_offers(
    file: ByteStream, layout: Layout, name: str, first_row: int = 1
) -> Iterator[tuple[Offers, list[RawReject], int]]:
    """Yield the rows behind the header block by block: whole rows, rejected ones, and how many there were.

    Raises
    ------
    UnreadableFile
        If a line is longer than a block.
    """
    reader = _Blocks(layout, first_row)
    buffer = bytearray(_ROOM + BLOCK_BYTES)
    view = memoryview(buffer)
    kept = 0
    ended = False
    while not ended:
        if _ROOM + kept >= len(buffer) - 1:
            raise UnreadableFile(
                f"{name}: a line after row {reader.next_row - 1} is longer than {BLOCK_BYTES >> 20} MB"
            )
        got = file.readinto(view[_ROOM + kept : -1])
        ended = not got
        size = kept + (got or 0)
        if ended:
            if not size:
                return
            buffer[_ROOM + size] = _NEWLINE
            whole = size + 1
        else:
            whole = buffer.rfind(b"\n", _ROOM, _ROOM + size) + 1 - _ROOM
        if whole <= 0:
            kept = size
            continue
        offers, rejects, n_rows, used = reader.take(buffer, whole, is_last=ended)
        yield offers, rejects, n_rows
        kept = 0 if ended else size - used
        view[_ROOM : _ROOM + kept] = bytes(view[_ROOM + used : _ROOM + used + kept])


class _Blocks:
    """Takes blocks of whole lines apart, one after the other, and numbers their rows."""

    def __init__(self, layout: Layout, first_row: int) -> None:
        self._layout = layout
        self.next_row = first_row

    def take(
        self, buffer: bytearray, size: int, *, is_last: bool
    ) -> tuple[Offers, list[RawReject], int, int]:
        """Return the rows of a block, its rejects, how many rows, and how many bytes were used."""
        text = np.frombuffer(buffer, np.uint8, _ROOM + size)
        words = np.ndarray((_ROOM + size - 7,), dtype="<u8", buffer=buffer, strides=(1,))
        marks = np.flatnonzero((text == _COMMA) | (text == _NEWLINE))
        marks = marks[np.searchsorted(marks, _ROOM) :]
        ends_at = np.flatnonzero(text[marks] == _NEWLINE)
        lines = _Lines(text, words, marks, ends_at)
        fast, offers = _fast(lines, self._layout)
        slow = np.flatnonzero(~fast & ~lines.are_blank)
        joined, used_lines = self._joined(lines, slow, is_last=is_last)
        n_lines = len(ends_at) if used_lines is None else used_lines
        return self._numbered(lines, offers, fast, slow, joined, n_lines)

    def _joined(self, lines: "_Lines", slow: Places, *, is_last: bool) -> tuple[dict[int, int], int | None]:
        """Return the lines that a quoted line break cut, with the last line of each; and where to stop.

        A row that is still open at the end of a block waits for the next one.
        """
        joined: dict[int, int] = {}
        behind = -1
        for line in slow.tolist():
            if line <= behind or lines.text_of(line).count(b'"') % 2 == 0:
                continue
            last = self._closing_line(lines, line)
            if last is not None:
                joined[line] = behind = last
            elif not is_last and line + _MOST_LINES >= lines.n and line > 0 and lines.opens(line):
                return joined, line
        return joined, None

    def _closing_line(self, lines: "_Lines", first: int) -> int | None:
        """Return the line with which a quoted name ends and the row is whole; None where none does."""
        for last in range(first + 1, min(first + _MOST_LINES, lines.n)):
            if lines.text_of(last).count(b'"') % 2 == 0:
                continue
            fields = _quoted_fields(_decoded(lines.text_of(first, last)))
            return last if len(fields) == self._layout.n_fields else None
        return None

    def _numbered(
        self,
        lines: "_Lines",
        offers: Offers,
        fast: Flags,
        slow: Places,
        joined: dict[int, int],
        n_lines: int,
    ) -> tuple[Offers, list[RawReject], int, int]:
        is_row = ~lines.are_blank
        is_row[n_lines:] = False
        for first, last in joined.items():
            is_row[first + 1 : last + 1] = False
        rows = self.next_row - 1 + np.cumsum(is_row)
        keep = is_row[fast]
        parts = [_selected(offers, keep)] if not keep.all() else [offers]
        more, rejects = [], []
        for line in slow[is_row[slow]].tolist():
            text = _decoded(lines.text_of(line, joined.get(line, line)))
            found = _slow_row(text, self._layout)
            if isinstance(found, str):
                rejects.append(RawReject(int(rows[line]), found, REASONS[found], text[:_MOST_TEXT]))
            else:
                more.append(found)
        if more:
            parts.append(_offers_of(more))
        n_rows = int(is_row.sum())
        self.next_row += n_rows
        used = int(lines.ends[n_lines - 1]) + 1 - _ROOM if n_lines else 0
        return _concatenated(parts), rejects, n_rows, used


class _Lines:
    """The lines of a block, and where the commas in them are."""

    def __init__(self, text: NDArray[np.uint8], words: Words, marks: Places, ends_at: Places) -> None:
        self.text = text
        self.words = words
        self.marks = marks
        self.ends_at = ends_at
        self.n = len(ends_at)
        self.ends = marks[ends_at]
        self.starts = np.concatenate([[_ROOM], self.ends[:-1] + 1])
        # Where the text of a line ends: before a carriage return.
        self.stops = self.ends - (text[self.ends - 1] == _RETURN)
        self.n_commas = np.diff(ends_at, prepend=-1) - 1
        self.are_blank = self._blank()
        self.has_quotes = bool((text == _QUOTE).any())

    def text_of(self, first: int, last: int | None = None) -> bytes:
        """Return the bytes of a line, or of all lines up to another."""
        return self.text[self.starts[first] : self.stops[first if last is None else last]].tobytes()

    def opens(self, line: int) -> bool:
        """Return whether a quoted field begins in a line and does not end in it."""
        return re.search(rb'(?:^|,)"[^"]*$', self.text_of(line)) is not None

    def _blank(self) -> Flags:
        blank = self.stops <= self.starts
        for line in np.flatnonzero(~blank & (self.n_commas == 0)):
            blank[line] = not self.text_of(int(line)).strip()
        return np.asarray(blank)


class _Fields:
    """Where the fields of some lines of a block begin and end."""

    def __init__(self, lines: _Lines, rows: Places, layout: Layout) -> None:
        self._lines = lines
        self._rows = rows
        self._layout = layout
        self._ends_at = lines.ends_at if len(rows) == lines.n else lines.ends_at[rows]
        self._stops = lines.stops if len(rows) == lines.n else lines.stops[rows]
        # Neighbours share the comma between them.
        self._commas: dict[int, Places] = {}

    def place(self, name: str) -> tuple[Places, Places]:
        """Return where a field begins and ends, quotes around it left out."""
        lines = self._lines
        if name in self._layout.from_right:
            right = self._layout.from_right[name]
            begins, ends = self._comma(right + 1) + 1, self._comma(right) if right else self._stops
        else:
            left = self._layout.from_left[name]
            first = self._ends_at - lines.n_commas[self._rows]
            begins = lines.marks[first + left - 1] + 1 if left else lines.starts[self._rows]
            ends = np.minimum(lines.marks[first + left], self._stops)
        if lines.has_quotes:
            quoted = (lines.text[begins] == _QUOTE) & (ends - begins >= 2) & (lines.text[ends - 1] == _QUOTE)
            begins, ends = begins + quoted, ends - quoted
        return begins, ends

    def _comma(self, right: int) -> Places:
        """Return where the comma stands that is so many from the end of the line, 1 for the last."""
        if right not in self._commas:
            self._commas[right] = self._lines.marks[self._ends_at - right]
        return self._commas[right]


# the fast road


def _fast(lines: _Lines, layout: Layout) -> tuple[Flags, Offers]:
    """Return which lines are whole rows in the plainest form, and those rows."""
    rows = np.flatnonzero(lines.n_commas >= layout.n_fields - 1)
    fields = _Fields(lines, rows, layout)

    def number(name: str, most_digits: int) -> tuple[Words, Flags]:
        return _whole_numbers(lines.words, *fields.place(name), most_digits)

    location, ok = number("location_id", MOST_LOCATION_DIGITS)
    technology, fine = number("technology", 2)
    ok &= fine & _IS_TECHNOLOGY[np.minimum(technology, 99).astype(np.int64)]
    down, fine = number("max_advertised_download_speed", 8)
    ok &= fine
    up, fine = number("max_advertised_upload_speed", 8)
    ok &= fine
    latency, fine = number("low_latency", 1)
    ok &= fine & (latency <= 1)
    begins, ends = fields.place("business_residential_code")
    customer = lines.text[begins]
    ok &= (ends - begins == 1) & _IS_CUSTOMER[customer]
    cell, fine = _cells(lines.words, *fields.place("h3_res8_id"))
    ok &= fine
    is_fast = np.zeros(lines.n, np.bool_)
    is_fast[rows[ok]] = True
    offers = Offers(
        location,
        cell,
        technology.astype(np.uint8),
        down.astype(np.float64),
        up.astype(np.float64),
        latency == 1,
        customer,
    )
    return is_fast, offers if ok.all() else _selected(offers, ok)


_IS_TECHNOLOGY = np.isin(np.arange(100), list(TECHNOLOGIES))
_IS_CUSTOMER = np.isin(np.arange(256), [ord(code) for code in CUSTOMERS])


def _each_byte(value: int) -> np.uint64:
    return np.uint64(value * 0x0101010101010101)


_ZEROS, _HIGH_BITS, _LOW_NIBBLES, _ONES = (_each_byte(v) for v in (0x30, 0x80, 0x0F, 0x01))
_SIXTEENS = _each_byte(0x10)
_ABOVE_NINE, _TO_LETTER = _each_byte(0x76), np.uint64(0x27)
_U = [np.uint64(n) for n in range(65)]


def _whole_numbers(words: Words, begins: Places, ends: Places, most_digits: int) -> tuple[Words, Flags]:
    """Return the decimal numbers between places, and which are numbers of one to so many digits."""
    length = ends - begins
    ok = (length >= 1) & (length <= most_digits)
    values, are_digits = _eight_digits(words, ends, np.minimum(length, 8))
    if most_digits > 8 and (length > 8).any():
        higher, are_more = _eight_digits(words, ends - 8, np.clip(length - 8, 0, 8))
        return values + higher * np.uint64(100_000_000), ok & are_digits & are_more
    return values, ok & are_digits


def _eight_digits(words: Words, ends: Places, length: Places) -> tuple[Words, Flags]:
    """Return the numbers that the last digits before some places make, up to eight, and which are digits.

    The characters are one little-endian word, the last one in its highest byte; those in front of the number
    are replaced by zeros. Then neighbours are added in pairs, fours and eights.
    """
    front = (8 * (8 - np.clip(length, 0, 8))).astype(np.uint64)
    # A shift by 64 bits is not defined: do it in two halves.
    half = front >> _U[1]
    rest = front - half
    digits = words[ends - 8] ^ _ZEROS
    kept = np.asarray((((digits >> half) >> rest) << rest) << half, dtype=np.uint64)
    ok = ((kept + _ABOVE_NINE) | kept) & _HIGH_BITS == 0
    pairs = ((kept * np.uint64(2561)) >> _U[8]) & np.uint64(0x00FF00FF00FF00FF)
    fours = ((pairs * np.uint64(6553601)) >> _U[16]) & np.uint64(0x0000FFFF0000FFFF)
    return (fours * np.uint64(42949672960001)) >> _U[32], ok


def _cells(words: Words, begins: Places, ends: Places) -> tuple[Words, Flags]:
    """Return the cells written at some places in fifteen lower-case digits, and which are valid."""
    ok = ends - begins == 15
    first, fine = _eight_nibbles(words[np.minimum(begins, len(words) - 1)])
    last, also = _eight_nibbles(words[ends - 8])
    cells = (first << _U[28]) | (last & np.uint64(0x0FFFFFFF))
    ok &= fine & also & (cells >> _U[52] == np.uint64(0x80 | RESOLUTION))
    ok[ok] = are_valid(cells[ok])
    return cells, ok


def _eight_nibbles(texts: Words) -> tuple[Words, Flags]:
    """Return the numbers that eight hexadecimal digits make, the first one highest, and which are digits."""
    nibbles = (texts & _LOW_NIBBLES) + ((texts >> _U[6]) & _ONES) * np.uint64(9)
    is_letter = ((nibbles + _ABOVE_NINE) >> _U[7]) & _ONES
    ok = (nibbles + _ZEROS + is_letter * _TO_LETTER == texts) & (nibbles & _SIXTEENS == 0)
    pairs = ((nibbles << _U[4]) | (nibbles >> _U[8])) & np.uint64(0x00FF00FF00FF00FF)
    fours = ((pairs << _U[8]) | (pairs >> _U[16])) & np.uint64(0x0000FFFF0000FFFF)
    return ((fours << _U[16]) | (fours >> _U[32])) & np.uint64(0xFFFFFFFF), ok


# the slow road

_Row = tuple[int, int, int, float, float, bool, int]


def _slow_row(text: str, layout: Layout) -> _Row | str:
    """Return the values of one row, or the reason why it has none."""
    fields = _fields(text, layout)
    if fields is None:
        return "ragged_row"
    location = fields["location_id"]
    if not re.fullmatch(rf"\d{{1,{MOST_LOCATION_DIGITS}}}", location, re.ASCII):
        return "bad_location"
    technology = _number(fields["technology"])
    if technology not in TECHNOLOGIES:
        return "bad_technology"
    down = _number(fields["max_advertised_download_speed"])
    up = _number(fields["max_advertised_upload_speed"])
    if down is None or up is None:
        return "bad_speed"
    latency = {"true": "1", "t": "1", "false": "0", "f": "0"}.get(
        fields["low_latency"].lower(), fields["low_latency"]
    )
    if latency not in ("0", "1"):
        return "bad_latency"
    customer = fields["business_residential_code"].upper()
    if customer not in CUSTOMERS:
        return "bad_customer"
    cell = _cell(fields["h3_res8_id"])
    if cell is None:
        return "bad_cell"
    return int(location), cell, int(technology), down, up, latency == "1", ord(customer)


def _fields(text: str, layout: Layout) -> dict[str, str] | None:
    """Return the needed fields of a line; None where it has too few."""
    parts = _quoted_fields(text)
    if len(parts) != layout.n_fields:
        # Quotes that belong to the name, not to the form: then every comma parts.
        parts = text.split(",")
    if len(parts) < layout.n_fields:
        return None
    found = {name: parts[i] for name, i in layout.from_left.items()}
    found |= {name: parts[len(parts) - 1 - i] for name, i in layout.from_right.items()}
    return {name: value.strip().strip('"').strip() for name, value in found.items()}


def _quoted_fields(text: str) -> list[str]:
    """Return the fields of a line, quoted ones as one; none where the quotes make no sense."""
    try:
        return next(csv.reader([text.replace("\r", " ").replace("\n", " ")]), [])
    except csv.Error:
        return []


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d*)?", text, re.ASCII) else None


def _cell(text: str) -> int | None:
    if not re.fullmatch(r"0?[0-9a-fA-F]{15}", text):
        return None
    cell = np.array([int(text, 16)], dtype=np.uint64)
    return int(cell[0]) if are_valid(cell)[0] and resolutions(cell)[0] == RESOLUTION else None


def _offers_of(rows: Sequence[_Row]) -> Offers:
    location, cell, technology, down, up, latency, customer = zip(*rows, strict=True)
    return Offers(
        np.array(location, np.uint64),
        np.array(cell, np.uint64),
        np.array(technology, np.uint8),
        np.array(down, np.float64),
        np.array(up, np.float64),
        np.array(latency, np.bool_),
        np.array(customer, np.uint8),
    )


def _selected(offers: Offers, keep: Flags) -> Offers:
    return Offers(*(values[keep] for values in vars(offers).values()))


def _concatenated(parts: Sequence[Offers]) -> Offers:
    if len(parts) == 1:
        return parts[0]
    return Offers(
        *(np.concatenate(values) for values in zip(*(vars(p).values() for p in parts), strict=True))
    )


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")
