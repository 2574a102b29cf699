"""The time of every row: columns joined, clock changes counted, precision kept, and told in a report."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.numbers import NumberStyle, numbers
from data.plan import TimePlan
from data.readers.raw import RawSource
from data.records import TIME_PRECISIONS
from data.times import (
    DAY,
    HOUR,
    MONTH,
    PRECISIONS,
    YEAR,
    DateOrder,
    Instants,
    gather_order,
    instants,
    time_of_day,
)
from data.timezones import DAY_US, LocalClock, Micros, now_us

Flags = NDArray[np.bool_]

#: Zones whose people write the month first.
_MONTH_FIRST = ("US/", "America/")
_NOT_MONTH_FIRST = (
    "America/Sao_Paulo",
    "America/Argentina",
    "America/Bogota",
    "America/Mexico_City",
    "America/Lima",
)


@dataclass(frozen=True)
class RowTimes:
    """Times of a chunk: `utc` and the `local` clock, 0 where there is none."""

    utc: Micros
    local: Micros
    precision: NDArray[np.int8]
    has_time: Flags
    is_unreadable: Flags
    is_out_of_range: Flags
    is_ambiguous: Flags
    is_skipped: Flags
    lacks_clock: Flags
    has_bad_clock: Flags

    def precision_names(self, rows: Flags) -> pa.Array:
        """Return the precisions' names for the given rows; null without a time."""
        codes = pa.array(self.precision[rows].astype(np.int32), mask=~self.has_time[rows])
        return pa.DictionaryArray.from_arrays(codes, pa.array(PRECISIONS)).cast(pa.string())


class TimeReader:
    """Reads the times of chunk after chunk by one plan."""

    def __init__(self, plan: TimePlan | None, timezone: str | None, raw: RawSource) -> None:
        self._plan = plan
        self._raw = raw
        self._clock = LocalClock(timezone) if timezone else None
        self._timezone_said = timezone
        self.timezone = timezone or "UTC"
        self.counts: dict[str, int] = {}
        self._order = DateOrder()
        self._all_midnight = False
        self._n_local = 0
        self._now = now_us()

    def learn(self, sample: pa.Table) -> None:
        """Decide the order of day and month, and whether midnight means the whole day, from the column."""
        if self._plan is None or self._plan.parts:
            return
        name = self._plan.columns[0]
        self._order.assumed_day_first = not _writes_month_first(self._timezone_said, sample[name])
        gather_order(sample[name], self._order)
        self._all_midnight = self._plan.of_day is None and _is_midnight(sample[name], self._order)
        undecided = self._order.n_open and not self._order.is_decided
        if (undecided or self._all_midnight) and self._raw.rereadable:
            self._look_on(name, undecided=bool(undecided))

    def read(self, table: pa.Table) -> RowTimes:
        """Return the times of a chunk."""
        n = table.num_rows
        if self._plan is None:
            none, zero = np.zeros(n, np.bool_), np.zeros(n, np.int64)
            return RowTimes(zero, zero, np.zeros(n, np.int8), none, none, none, none, none, none, none)
        found = (
            self._parts(table) if self._plan.parts else instants(table[self._plan.columns[0]], self._order)
        )
        lacks, bad = self._add_clock(found, table)
        if self._all_midnight:
            midnight = found.has_clock & ~found.is_utc & (found.micros % DAY_US == 0)
            found.precision[midnight] = DAY
        return self._in_utc(found, lacks, bad)

    def keep_books(self, times: RowTimes, good: Flags) -> None:
        """Count what accepted rows show."""
        with_time = times.has_time & good
        self._count("time.ambiguous", times.is_ambiguous & good)
        self._count("time.missing", times.is_skipped & good)
        self._count("time.none", ~times.has_time & good if self._plan else np.zeros(0, np.bool_))
        self._count("time.future", with_time & (times.utc > self._now))
        self._count("time.no_time_of_day", times.lacks_clock & with_time)
        self._count("time.unreadable_time_of_day", times.has_bad_clock & with_time)
        for code in (YEAR, MONTH, DAY):
            self._count(f"time.precision.{PRECISIONS[code]}", with_time & (times.precision == code))

    def close_books(self) -> None:
        """Count what only the whole column shows."""
        order = self._order
        if order.is_conflicting:
            self.counts["time.order_conflict"] = min(order.n_day_first, order.n_month_first)
        elif order.n_open and not order.is_decided:
            self.counts["time.order_ambiguous"] = order.n_open

    def notes(self) -> list[str]:
        """Return what people should know of the times."""
        if self._plan is None:
            return ["no column of times was recognised: rows have no time (name one with --map time=…)"]
        get = self.counts.get
        notes = []
        if self._n_local and self._clock is None:
            notes.append("times tell no offset and no --timezone was given: they are taken as UTC")
        notes += self._order_notes()
        if self._all_midnight:
            notes.append("every time is at midnight: times are known to the day only")
        sentences = {
            "time.ambiguous": "in an hour that the clock showed twice; the first was taken",
            "time.missing": "in an hour that the clock skipped; moved on by what it skipped",
            "time.future": "in the future",
            "time.precision.month": "known to the month only",
            "time.precision.year": "known to the year only",
            "time.no_time_of_day": "without a time of day; they are known to the day",
            "time.unreadable_time_of_day": "whose time of day is not readable; they are known to the day",
        }
        notes += [
            f"{number_of(get(code, 0), 'time')} {words}" for code, words in sentences.items() if get(code)
        ]
        if n := get("time.none"):
            notes.append(f"{number_of(n, 'row')} without a time; they were kept")
        return notes

    def _order_notes(self) -> list[str]:
        order, words = self._order, {True: "day before month", False: "month before day"}
        if order.is_conflicting:
            few = min(order.n_day_first, order.n_month_first)
            return [f"dates are read {words[order.day_first]}; {few:,} rows seen fit the other order only"]
        if order.n_open and not order.is_decided:
            return [
                f"no date tells whether day or month comes first; {order.n_open:,} rows were read "
                f"{words[order.day_first]}"
            ]
        return [f"dates are read {words[order.day_first]}"] if order.is_decided else []

    def _count(self, what: str, where: Flags) -> None:
        if n := int(where.sum()):
            self.counts[what] = self.counts.get(what, 0) + n

    def _look_on(self, name: str, *, undecided: bool) -> None:
        """Read on through the column until a value decides what the first chunk left open."""
        for number, chunk in enumerate(self._raw.chunks([name])):
            if number == 0:
                continue
            if undecided:
                gather_order(chunk.table[name], self._order)
            if self._all_midnight:
                self._all_midnight = _is_midnight(chunk.table[name], self._order, default=True)
            if (self._order.is_decided or not undecided) and not self._all_midnight:
                return

    def _parts(self, table: pa.Table) -> Instants:
        """Return dates put together from columns of year, month and day."""
        names = self._plan.columns if self._plan else ()
        texts = []
        for place, name in enumerate(names):
            values = numbers(table[name], NumberStyle()).values
            whole = pa.array(np.nan_to_num(values, nan=0).astype(np.int64), mask=~np.isfinite(values))
            texts.append(pc.utf8_lpad(pc.cast(whole, pa.string()), 4 if place == 0 else 2, "0"))
        # Without a day (or month) the date is known to the month (or year).
        joined = pc.binary_join_element_wise(*texts, "-", null_handling="skip")
        joined = pc.if_else(pc.is_null(texts[0]), pa.scalar(None, pa.string()), joined)
        return instants(pa.chunked_array([joined]), self._order)

    def _add_clock(self, found: Instants, table: pa.Table) -> tuple[Flags, Flags]:
        none = np.zeros(len(found.micros), np.bool_)
        if self._plan is None or self._plan.of_day is None:
            return none, none
        micros, precision, bad = time_of_day(table[self._plan.of_day], hours_only=self._plan.hours_only)
        dated = ~(found.is_missing | found.is_unreadable | found.is_out_of_range) & (found.precision >= DAY)
        told = dated & (micros >= 0)
        whole_days = found.micros // DAY_US * DAY_US
        found.micros[told] = whole_days[told] + micros[told]
        found.precision[told] = precision[told]
        found.has_clock |= told
        untold = dated & ~told
        found.precision[untold] = np.minimum(found.precision[untold], DAY)
        return untold & ~bad, untold & bad

    def _in_utc(self, found: Instants, lacks: Flags, bad: Flags) -> RowTimes:
        has_time = ~(found.is_missing | found.is_unreadable | found.is_out_of_range)
        utc, local = found.micros.copy(), found.micros
        n = len(utc)
        ambiguous, skipped = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
        is_local = has_time & ~found.is_utc
        self._n_local += int(is_local.sum())
        if self._clock is not None and is_local.any():
            answer = self._clock.to_utc(local[is_local])
            # The start of a day is no clock reading: only hours and finer can be ambiguous.
            fine = found.precision[is_local] >= HOUR
            utc[is_local] = answer.utc
            ambiguous[is_local] = answer.is_ambiguous & fine
            skipped[is_local] = answer.is_missing & fine
        return RowTimes(
            utc, local, found.precision, has_time, found.is_unreadable, found.is_out_of_range,
            ambiguous, skipped, lacks, bad,
        )  # fmt: skip


def number_of(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> number_of(1, "row"), number_of(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _is_midnight(column: pa.ChunkedArray, order: DateOrder, *, default: bool = False) -> bool:
    """Return whether times of day are told and all of them are 00:00."""
    if len(column) > 2000 and not _is_midnight(column.slice(0, 1000), order, default=True):
        return False
    found = instants(column, order)
    told = found.has_clock & ~(found.is_missing | found.is_unreadable | found.is_out_of_range | found.is_utc)
    return bool((found.micros[told] % DAY_US == 0).all()) if told.any() else default


def _writes_month_first(timezone: str | None, column: pa.ChunkedArray) -> bool:
    """Return which order to assume where no value tells: by AM and PM, the mark, then the zone."""
    if not pa.types.is_string(column.type):
        return False
    head = column.slice(0, 200)
    if pc.any(pc.match_substring_regex(head, r"(?i)\d\s?[ap]\.?m")).as_py():
        return True
    if pc.any(pc.match_substring_regex(head, r"^\s*\d{1,2}\.\d{1,2}\.\d")).as_py():
        return False
    name = timezone or ""
    return name.startswith(_MONTH_FIRST) and not name.startswith(_NOT_MONTH_FIRST)


assert set(PRECISIONS) == set(TIME_PRECISIONS), "one set of precisions"
