"""Times as cities write them, to local or UTC instants and how precisely they are known.

A text is reduced to its shape (digits as 9, the rest as it stands); each shape is read once for all of
its rows. Nothing here knows a timezone but those written in the text.
"""

import re
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.numbers import is_null
from data.timezones import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Micros

#: Precisions from coarse to fine; arrays hold the index.
PRECISIONS = ("year", "month", "day", "hour", "minute", "second")
YEAR, MONTH, DAY, HOUR, MINUTE, SECOND = range(6)

#: Time columns are looked at no further than this many characters.
WIDEST = 64

FIRST_YEAR, LAST_YEAR = 1900, 2200

_MONTH_WORDS = (
    ("jan", "ene", "janv", "januar", "january", "enero", "janeiro", "janvier"),
    ("feb", "fev", "fevr", "februar", "february", "febrero", "fevereiro", "fevrier"),
    ("mar", "mrz", "marz", "march", "marzo", "marco", "mars"),
    ("apr", "abr", "avr", "april", "abril", "avril"),
    ("may", "mai", "mayo", "maio"),
    ("jun", "june", "juni", "junio", "junho", "juin"),
    ("jul", "july", "juli", "julio", "julho", "juillet", "juil"),
    ("aug", "ago", "august", "agosto", "aout"),
    ("sep", "set", "sept", "september", "septiembre", "setembro", "septembre"),
    ("oct", "okt", "out", "october", "oktober", "octubre", "outubro", "octobre"),
    ("nov", "november", "noviembre", "novembro", "novembre"),
    ("dec", "dez", "dic", "december", "dezember", "diciembre", "dezembro", "decembre"),
)
_MONTH_NUMBER = {word: number for number, words in enumerate(_MONTH_WORDS, start=1) for word in words}

_CLOCK = (
    r"(?P<hour>9{1,2})(?::(?P<minute>99)(?::(?P<second>99)(?:[.,:](?P<fraction>9{1,9}))?)?)?"
    r" ?(?P<half>am|pm|a\.? ?m\.?|p\.? ?m\.?)?"
)
_ZONE = r" ?(?P<zone>z|utc|gmt|(?P<sign>[+-])(?P<zone_hour>99)(?::?(?P<zone_minute>99))?)?(?: ?utc)?"
_AT = r"(?:[t ,_@]+|, | at )"
_TAIL = rf"(?:{_AT}{_CLOCK}{_ZONE})?"
_WEEKDAY = r"(?:[a-z]{2,10}[.,]{0,2} )?"
_NAME = r"(?P<name>[a-z]{3,10})"

_SHAPES = [
    (kind, re.compile(f"^{pattern}$"))
    for kind, pattern in (
        ("iso", rf"(?P<year>9999)[-/.](?P<month>9{{1,2}})[-/.](?P<day>9{{1,2}}){_TAIL}"),
        ("iso", r"(?P<year>9999)[-/.](?P<month>9{1,2})"),
        ("iso", r"(?P<year>9999)(?:\.0)?"),
        (
            "iso",
            r"(?P<year>9999)(?P<month>99)(?P<day>99)"
            rf"(?:[t ]?(?P<hour>99)(?P<minute>99)(?P<second>99)?{_ZONE})?",
        ),
        ("compact_month", r"(?P<year>9999)(?P<month>99)"),
        ("order", rf"(?P<one>9{{1,2}})[-/. ](?P<two>9{{1,2}})[-/. ](?P<year>9999|99){_TAIL}"),
        ("iso", r"(?P<month>9{1,2})[-/.](?P<year>9999)"),
        (
            "named",
            rf"{_WEEKDAY}(?P<day>9{{1,2}})(?:st|nd|rd|th|\.)?[- /]?(?:de )?{_NAME}\.?"
            rf"[- /,]*(?:de )?(?P<year>9999|99){_TAIL}",
        ),
        ("named", rf"{_WEEKDAY}{_NAME}\.?[- ](?P<day>9{{1,2}})(?:st|nd|rd|th)?,?[- ](?P<year>9999){_TAIL}"),
        ("named", rf"(?P<year>9999)[- /]{_NAME}[- /](?P<day>9{{1,2}}){_TAIL}"),
        ("named", rf"{_NAME}\.?[- /,]*(?P<year>9999)"),
        ("named", rf"(?P<year>9999)[- /]{_NAME}"),
        ("epoch_s", r"-?9{9,10}(?:\.9{1,6})?"),
        ("epoch_ms", r"-?9{12,13}(?:\.9{1,6})?"),
        ("serial", r"9{5}(?:[.,]9{1,12})?"),
    )
]


@dataclass
class DateOrder:
    """Evidence for day-before-month or month-before-day, gathered over a column."""

    n_day_first: int = 0
    n_month_first: int = 0
    n_open: int = 0
    assumed_day_first: bool = False

    @property
    def is_decided(self) -> bool:
        """Whether some value can be read in one order only."""
        return self.n_day_first != self.n_month_first

    @property
    def day_first(self) -> bool:
        """The order to read by."""
        return self.n_day_first > self.n_month_first if self.is_decided else self.assumed_day_first

    @property
    def is_conflicting(self) -> bool:
        """Whether values of both orders were seen."""
        return bool(self.n_day_first and self.n_month_first)


@dataclass
class Instants:
    """One time per row: microseconds since 1970, local unless `is_utc`; `ok` false where there is none."""

    micros: Micros
    precision: NDArray[np.int8]
    is_utc: NDArray[np.bool_]
    is_missing: NDArray[np.bool_]
    is_unreadable: NDArray[np.bool_]
    is_out_of_range: NDArray[np.bool_]
    has_clock: NDArray[np.bool_] = field(repr=False)


def instants(column: pa.ChunkedArray, order: DateOrder) -> Instants:
    """Return the times of a column, text or typed."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return _from_typed(column)
    if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
        column = _number_text(column)
    return _from_text(column, order)


def gather_order(column: pa.ChunkedArray, order: DateOrder) -> None:
    """Add a column's values to the evidence on the order of day and month."""
    if not pa.types.is_string(column.type):
        return
    for shape in _shapes(column):
        kind, match = _recognised(shape.pattern)
        if kind != "order" or match is None:
            continue
        one, two = shape.number(match, "one"), shape.number(match, "two")
        order.n_day_first += int(((one > 12) & (two <= 12)).sum())
        order.n_month_first += int(((two > 12) & (one <= 12)).sum())
        order.n_open += int(((one <= 12) & (two <= 12) & (one != two)).sum())


def time_of_day(
    column: pa.ChunkedArray, *, hours_only: bool
) -> tuple[Micros, NDArray[np.int8], NDArray[np.bool_]]:
    """Return microseconds since midnight, their precision, and where the text is no time of day.

    Microseconds are -1 where there is none; 24:00 is the midnight that ends the day.
    """
    n = len(column)
    micros, precision = np.full(n, -1, np.int64), np.full(n, DAY, np.int8)
    if pa.types.is_time(column.type):
        whole = pc.cast(pc.cast(column, pa.time64("us")), pa.int64()).fill_null(-1)
        micros = np.array(whole.to_numpy(), dtype=np.int64)
        return micros, np.where(micros >= 0, SECOND, DAY).astype(np.int8), np.zeros(n, np.bool_)
    if not pa.types.is_string(column.type):
        column = _number_text(column)
    readable = np.zeros(n, np.bool_)
    for shape in _shapes(column):
        found = _clock_of_shape(shape, hours_only)
        if found is not None:
            micros[shape.rows], precision[shape.rows] = found
            readable[shape.rows] = found[0] >= 0
    missing = np.array(is_null(pc.utf8_trim_whitespace(column)).to_numpy(), dtype=np.bool_)
    return micros, precision, ~readable & ~missing


def has_hours_only(column: pa.ChunkedArray) -> bool:
    """Return whether a column of times of day holds bare hours (0–24) rather than HHMM."""
    if pa.types.is_time(column.type):
        return False
    text = column if pa.types.is_string(column.type) else _number_text(column)
    trimmed = pc.utf8_trim_whitespace(text)
    bare = pc.match_substring_regex(trimmed, r"^([01]?\d|2[0-4])$")
    filled = pc.invert(is_null(trimmed))
    return bool(pc.all(pc.or_(bare, pc.invert(filled))).as_py() and pc.any(filled).as_py())


@dataclass(frozen=True)
class _Shape:
    """Rows of one shape: the pattern, which rows, and their characters, shape (n, width)."""

    pattern: str
    rows: NDArray[np.int64]
    characters: NDArray[np.uint8]

    def number(self, match: re.Match[str], group: str) -> NDArray[np.int64]:
        start, end = match.span(group)
        return self.digits(start, end)

    def digits(self, start: int, end: int) -> NDArray[np.int64]:
        value = np.zeros(len(self.rows), np.int64)
        for place in range(start, end):
            value = value * 10 + (self.characters[:, place].astype(np.int64) - 48)
        return value


_WEIGHTS = np.random.default_rng(7).integers(1, 1 << 62, WIDEST, dtype=np.uint64) | np.uint64(1)
_CLASS_OF_BYTE = np.array(
    [57 if 48 <= b <= 57 else b + 32 if 65 <= b <= 90 else b for b in range(256)], np.uint8
)


def _shapes(column: pa.ChunkedArray) -> list[_Shape]:
    """Return the rows of a text column grouped by shape; null and overlong values are in none."""
    text = _in_ascii(pc.utf8_trim_whitespace(column)).combine_chunks().cast(pa.binary())
    lengths = np.array(pc.binary_length(text).fill_null(0).to_numpy(), dtype=np.int64)
    result: list[_Shape] = []
    for length in np.unique(lengths[(lengths > 0) & (lengths <= WIDEST)]):
        rows = np.flatnonzero(lengths == length)
        block = text if len(rows) == len(text) else text.take(pa.array(rows))
        characters = _matrix(block, int(length))
        result += _grouped(rows, characters)
    return result


def _in_ascii(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return text without accents and with plain blanks, where it has others."""
    if pc.all(pc.string_is_ascii(text)).as_py() is not False:
        return text
    return pc.replace_substring_regex(pc.utf8_normalize(text, form="NFKD"), r"\p{Mn}", "")


def _matrix(block: pa.Array, width: int) -> NDArray[np.uint8]:
    offset = np.frombuffer(block.buffers()[1], np.int32)[block.offset]
    data = np.frombuffer(block.buffers()[2], np.uint8)
    return data[offset : offset + len(block) * width].reshape(len(block), width)


def _grouped(rows: NDArray[np.int64], characters: NDArray[np.uint8]) -> list[_Shape]:
    classes = _CLASS_OF_BYTE[characters]
    first = classes[0]
    same = (classes == first).all(axis=1)
    if same.all():
        return [_Shape(_pattern(first), rows, characters)]
    codes = classes.astype(np.uint64) @ _WEIGHTS[: classes.shape[1]]
    _, firsts, of_row = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(of_row, kind="stable")
    bounds = np.searchsorted(of_row[order], np.arange(len(firsts) + 1))
    return [
        _Shape(_pattern(classes[start]), rows[members], characters[members])
        for start, members in ((firsts[i], order[bounds[i] : bounds[i + 1]]) for i in range(len(firsts)))
    ]


def _pattern(classes: NDArray[np.uint8]) -> str:
    return classes.tobytes().decode("latin-1")


def _recognised(pattern: str) -> tuple[str, re.Match[str] | None]:
    for kind, shape in _SHAPES:
        if match := shape.match(pattern):
            return kind, match
    return "", None


def _from_text(column: pa.ChunkedArray, order: DateOrder) -> Instants:
    n = len(column)
    missing = np.array(is_null(pc.utf8_trim_whitespace(column)).to_numpy(), dtype=np.bool_)
    result = Instants(
        np.zeros(n, np.int64),
        np.full(n, DAY, np.int8),
        np.zeros(n, np.bool_),
        missing,
        ~missing,
        np.zeros(n, np.bool_),
        np.zeros(n, np.bool_),
    )
    for shape in _shapes(column):
        kind, match = _recognised(shape.pattern)
        if match is None or missing[shape.rows[0]]:
            continue
        if kind.startswith("epoch") or kind == "serial":
            _set_counted(result, shape, kind)
        else:
            _set_dated(result, shape, kind, match, order)
    return result


def _set_counted(result: Instants, shape: _Shape, kind: str) -> None:
    text = shape.characters.tobytes().decode().replace(",", ".")
    width = shape.characters.shape[1]
    values = np.array([text[i : i + width] for i in range(0, len(text), width)], dtype=np.float64)
    scale = {"epoch_s": SECOND_US, "epoch_ms": 1000, "serial": DAY_US}[kind]
    if kind == "serial":
        values = values - 25569.0  # days from the spreadsheet's 1899-12-30 to 1970-01-01
    rows = shape.rows
    micros = np.round(values * scale).astype(np.int64)
    if kind == "serial":
        micros = (micros + SECOND_US // 2) // SECOND_US * SECOND_US
    result.micros[rows] = micros
    result.is_utc[rows] = kind != "serial"
    has_clock = micros % DAY_US != 0
    result.precision[rows] = np.where(has_clock | (kind != "serial"), SECOND, DAY)
    result.has_clock[rows] = True
    result.is_unreadable[rows] = False
    result.is_out_of_range[rows] = _beyond(micros)


def _set_dated(result: Instants, shape: _Shape, kind: str, match: re.Match[str], order: DateOrder) -> None:
    groups = match.groupdict()
    year = shape.number(match, "year")
    if len(groups["year"]) == 2:
        year = np.where(year < 70, 2000 + year, 1900 + year)
    month, day, precision = _month_and_day(shape, kind, match, order)
    if month is None:
        return
    start, valid = _days(year, month, day)
    clock, clock_ok, clock_precision = _clock(shape, match)
    micros = start * DAY_US + clock
    rows = shape.rows
    in_time = (year >= FIRST_YEAR) & (year <= LAST_YEAR)
    result.micros[rows] = np.where(valid & clock_ok & in_time, micros - _zone_offset(shape, match), 0)
    result.precision[rows] = precision if clock_precision is None else clock_precision
    result.is_utc[rows] = bool(groups.get("zone"))
    result.has_clock[rows] = clock_precision is not None
    result.is_unreadable[rows] = ~(valid & clock_ok)
    result.is_out_of_range[rows] = valid & clock_ok & ~in_time


def _month_and_day(
    shape: _Shape, kind: str, match: re.Match[str], order: DateOrder
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64], int]:
    groups = match.groupdict()
    one = np.ones(len(shape.rows), np.int64)
    if kind == "named":
        number = _MONTH_NUMBER.get(groups["name"]) or _MONTH_NUMBER.get(groups["name"][:3])
        day = shape.number(match, "day") if groups.get("day") else one
        return (None if number is None else one * number), day, DAY if groups.get("day") else MONTH
    if kind == "order":
        first, second = shape.number(match, "one"), shape.number(match, "two")
        return (second, first, DAY) if order.day_first else (first, second, DAY)
    month = shape.number(match, "month") if groups.get("month") else one
    day = shape.number(match, "day") if groups.get("day") else one
    return month, day, DAY if groups.get("day") else MONTH if groups.get("month") else YEAR


def _days(
    year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return days since 1970 and whether the calendar has such a day."""
    valid = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    months = np.where(valid, (year - 1970) * 12 + month - 1, 0)
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    after = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    days = first + np.where(valid, day - 1, 0)
    return days, valid & (days < after)


def _clock(shape: _Shape, match: re.Match[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_], int | None]:
    groups = match.groupdict()
    zero = np.zeros(len(shape.rows), np.int64)
    if not groups.get("hour"):
        return zero, zero == 0, None
    hour = shape.number(match, "hour")
    minute = shape.number(match, "minute") if groups.get("minute") else zero
    second = shape.number(match, "second") if groups.get("second") else zero
    valid = (minute < 60) & (second <= 60)
    if half := groups.get("half"):
        valid &= (hour >= 1) & (hour <= 12)
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    valid &= (hour < 24) | ((hour == 24) & (minute == 0) & (second == 0))
    micros = hour * HOUR_US + minute * MINUTE_US + second * SECOND_US + _fraction(shape, match)
    precision = SECOND if groups.get("second") else MINUTE if groups.get("minute") else HOUR
    return micros, valid, precision


def _fraction(shape: _Shape, match: re.Match[str]) -> NDArray[np.int64]:
    if not match.groupdict().get("fraction"):
        return np.zeros(len(shape.rows), np.int64)
    start, end = match.span("fraction")
    scale = int(10 ** max(0, 6 - (end - start)))
    return shape.digits(start, min(end, start + 6)) * scale


def _zone_offset(shape: _Shape, match: re.Match[str]) -> NDArray[np.int64]:
    groups = match.groupdict()
    if not groups.get("zone_hour"):
        return np.zeros(len(shape.rows), np.int64)
    zero = np.zeros(len(shape.rows), np.int64)
    minutes = shape.number(match, "zone_minute") if groups.get("zone_minute") else zero
    sign = -1 if groups["sign"] == "-" else 1
    offset: NDArray[np.int64] = sign * (shape.number(match, "zone_hour") * HOUR_US + minutes * MINUTE_US)
    return offset


_CLOCK_SHAPE = re.compile(f"^{_CLOCK}$")
_H_SHAPE = re.compile(r"^(?P<hour>9{1,2})h(?P<minute>99)?(?:m|min)?(?:(?P<second>99)s)?$")


def _clock_of_shape(shape: _Shape, hours_only: bool) -> tuple[NDArray[np.int64], NDArray[np.int8]] | None:
    # Numbers that went through a data frame end in `.0`.
    pattern = shape.pattern[:-2] if re.fullmatch(r"9{1,6}\.9", shape.pattern) else shape.pattern
    if re.fullmatch(r"9{1,4}|9{6}", pattern):
        return _from_number(shape.digits(0, len(pattern)), len(pattern), hours_only)
    if re.fullmatch(r"9{4}-9{2}-9{2}[t ].*", pattern):
        # A date glued to a time of day (1899-12-30 from databases): only the clock counts.
        return _dated_clock(shape)
    match = _CLOCK_SHAPE.match(pattern) or _H_SHAPE.match(pattern)
    if match is None:
        return None
    micros, valid, precision = _clock(shape, match)
    return np.where(valid, micros, -1), np.full(len(micros), precision or HOUR, np.int8)


def _dated_clock(shape: _Shape) -> tuple[NDArray[np.int64], NDArray[np.int8]] | None:
    kind, match = _recognised(shape.pattern)
    if kind != "iso" or match is None:
        return None
    micros, valid, precision = _clock(shape, match)
    return np.where(valid, micros, -1), np.full(len(micros), DAY if precision is None else precision, np.int8)


def _from_number(
    number: NDArray[np.int64], n_digits: int, hours_only: bool
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    zero = np.zeros(len(number), np.int64)
    if hours_only:
        hour, minute, second, precision = number, zero, zero, HOUR
    elif n_digits == 6:
        hour, minute, second, precision = number // 10_000, number // 100 % 100, number % 100, SECOND
    else:
        hour, minute, second, precision = number // 100, number % 100, zero, MINUTE
    valid = (minute < 60) & (second < 60) & ((hour < 24) | ((hour == 24) & (minute == 0) & (second == 0)))
    micros = hour * HOUR_US + minute * MINUTE_US + second * SECOND_US
    return np.where(valid, micros, -1), np.where(valid, precision, DAY).astype(np.int8)


def _from_typed(column: pa.ChunkedArray) -> Instants:
    missing = np.array(pc.is_null(column).to_numpy(), dtype=np.bool_)
    n = len(column)
    is_date = pa.types.is_date(column.type)
    zoned = not is_date and column.type.tz is not None
    target = pa.timestamp("us", tz="UTC") if zoned else pa.timestamp("us")
    whole = pc.cast(column, target, safe=False)
    micros = np.array(pc.cast(whole, pa.int64()).fill_null(0).to_numpy(), dtype=np.int64)
    beyond = _beyond(micros) & ~missing
    return Instants(
        np.where(beyond, 0, micros),
        np.full(n, DAY if is_date else SECOND, np.int8),
        np.full(n, zoned, np.bool_),
        missing,
        np.zeros(n, np.bool_),
        beyond,
        np.full(n, not is_date, np.bool_),
    )


def _beyond(micros: Micros) -> NDArray[np.bool_]:
    first = np.datetime64(f"{FIRST_YEAR}-01-01", "us").astype(np.int64)
    last = np.datetime64(f"{LAST_YEAR + 1}-01-01", "us").astype(np.int64)
    return np.asarray((micros < first) | (micros >= last))


def _number_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return numbers as the text a file would hold, without the `.0` of float columns."""
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        floats = pc.cast(column, pa.float64(), safe=False)
        whole = pc.all(pc.equal(floats, pc.floor(floats))).as_py()
        finite = pc.if_else(pc.is_finite(floats), floats, None)
        column = pc.cast(finite, pa.int64()) if whole else pc.cast(finite, pa.decimal128(28, 6), safe=False)
    if pa.types.is_null(column.type):
        return pc.cast(column, pa.string())
    return pc.cast(column, pa.string())
