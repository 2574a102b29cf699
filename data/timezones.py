"""Local clock times to UTC, with the hours counted that a clock change repeats or skips.

Works on whole microseconds since 1970 as 64-bit integers; the zone rules come from `zoneinfo` alone, so that
they are the same on every machine.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from data.errors import InvalidMapping

Micros = NDArray[np.int64]

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


@dataclass(frozen=True)
class UtcTimes:
    """Times in UTC, and which of them the local clock showed twice or never."""

    utc: Micros
    is_ambiguous: NDArray[np.bool_]
    is_missing: NDArray[np.bool_]


def zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name.

    Raises
    ------
    InvalidMapping
        If there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as err:
        raise InvalidMapping(f"--timezone needs an IANA name such as America/Phoenix, got {name!r}") from err


class LocalClock:
    """The clock of one timezone; remembers the offsets of the days it has seen."""

    def __init__(self, name: str) -> None:
        self._zone = zone(name)
        self._offset_of_day: dict[int, int | None] = {}

    def to_utc(self, local: Micros) -> UtcTimes:
        """Return local times in UTC.

        A time shown twice is taken as the first; one never shown is moved on by what the clock skipped.

        Examples
        --------
        >>> clock = LocalClock("Europe/Berlin")
        >>> local = np.array(["2024-03-31T02:30", "2024-10-27T02:30"], "datetime64[us]").astype(np.int64)
        >>> times = clock.to_utc(local)
        >>> times.utc.astype("datetime64[us]").astype("datetime64[m]").astype(str).tolist()
        ['2024-03-31T01:30', '2024-10-27T00:30']
        >>> times.is_missing.tolist(), times.is_ambiguous.tolist()
        ([True, False], [False, True])
        """
        days, of_row = np.unique(local // DAY_US, return_inverse=True)
        offsets = [self._day_offset(int(day)) for day in days]
        changing = np.array([offset is None for offset in offsets], dtype=np.bool_)[of_row]
        steady = np.array([offset or 0 for offset in offsets], dtype=np.int64)[of_row]
        utc = local - steady
        ambiguous, missing = np.zeros(len(local), np.bool_), np.zeros(len(local), np.bool_)
        if changing.any():
            where = np.flatnonzero(changing)
            utc[where], ambiguous[where], missing[where] = self._one_by_one(local[where])
        return UtcTimes(utc, ambiguous, missing)

    def _day_offset(self, day: int) -> int | None:
        """Return a local day's offset from UTC in microseconds; None on a day with a clock change."""
        if day not in self._offset_of_day:
            start, end = self._offset(day * DAY_US, 0), self._offset((day + 1) * DAY_US, 0)
            self._offset_of_day[day] = start if start == end else None
        return self._offset_of_day[day]

    def _one_by_one(self, local: Micros) -> tuple[Micros, NDArray[np.bool_], NDArray[np.bool_]]:
        values, of_row = np.unique(local, return_inverse=True)
        first = np.array([self._offset(int(v), 0) for v in values], dtype=np.int64)
        second = np.array([self._offset(int(v), 1) for v in values], dtype=np.int64)
        # PEP 495: in a repeated hour the first reading has the larger offset, in a skipped one the smaller.
        return (values - first)[of_row], (first > second)[of_row], (first < second)[of_row]

    def _offset(self, local_us: int, fold: int) -> int:
        moment = datetime(1970, 1, 1) + timedelta(microseconds=local_us)
        offset = moment.replace(tzinfo=self._zone, fold=fold).utcoffset()
        return (offset or timedelta(0)) // timedelta(microseconds=1)


def now_us() -> int:
    """Return this moment in UTC."""
    return int(datetime.now(UTC).timestamp() * SECOND_US)
