"""When things happen in the made city: seasons, weekdays, hours; all in local wall time.

A wall time is an int64 of seconds since 1970-01-01 00:00 *on the city's clocks*, without an offset, as
exports write it. The hour that a daylight-saving change skips holds nothing but planted errors.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from data.samples.layout import END, START, Floats
from data.samples.streets import Bools, Ints

DAY_S = 86_400
FIRST_DAY = int(np.datetime64(START, "D").astype(int))
N_DAYS = int((np.datetime64(END, "D") - np.datetime64(START, "D")).astype(int))


@dataclass(frozen=True)
class Rhythm:
    """Relative frequencies: 12 months, 7 weekdays from Monday, 24 hours."""

    month: tuple[float, ...]
    weekday: tuple[float, ...]
    hour: tuple[float, ...]

    def day_weights(self) -> Floats:
        """Return the share of every day of the three years; they sum to one."""
        days = np.datetime64(START, "D") + np.arange(N_DAYS)
        month = days.astype("datetime64[M]").astype(int) % 12
        weekday = (days.astype(int) + 3) % 7
        weight = np.array(self.month)[month] * np.array(self.weekday)[weekday]
        return np.asarray(weight / weight.sum())


_EVEN_MONTHS = (1.0,) * 12
_NIGHT_LOW = (
    0.55, 0.48, 0.44, 0.40, 0.40, 0.45, 0.6, 0.85, 1.1, 1.25, 1.32, 1.36,
    1.38, 1.36, 1.34, 1.36, 1.4, 1.44, 1.4, 1.3, 1.18, 1.02, 0.86, 0.7,
)  # fmt: skip
MEDICAL = Rhythm(
    (1.08, 1.05, 1.0, 0.96, 0.97, 1.02, 1.06, 1.04, 0.98, 0.95, 0.96, 1.04),
    (1.02, 1.0, 0.99, 0.99, 1.03, 1.01, 0.96),
    _NIGHT_LOW,
)
OVERDOSE = Rhythm(
    (0.92, 0.93, 1.0, 1.02, 1.05, 1.08, 1.1, 1.06, 1.0, 0.98, 0.94, 0.92),
    (0.95, 0.94, 0.95, 0.98, 1.08, 1.14, 1.02),
    (
        1.1, 1.0, 0.9, 0.75, 0.6, 0.5, 0.5, 0.55, 0.65, 0.75, 0.85, 0.95,
        1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.35, 1.35, 1.3, 1.3, 1.25, 1.2,
    ),
)  # fmt: skip
FIRE = Rhythm(
    (0.7, 0.75, 0.95, 1.15, 1.35, 1.5, 1.35, 1.1, 0.95, 0.85, 0.7, 0.65),
    (0.96, 0.95, 0.95, 0.97, 1.0, 1.1, 1.09),
    (
        0.7, 0.55, 0.5, 0.45, 0.4, 0.4, 0.45, 0.55, 0.7, 0.85, 1.0, 1.15,
        1.25, 1.35, 1.4, 1.5, 1.55, 1.6, 1.65, 1.6, 1.5, 1.3, 1.1, 0.85,
    ),
)  # fmt: skip
CRASH = Rhythm(
    (0.98, 0.97, 1.02, 1.0, 1.0, 0.96, 0.93, 1.0, 1.01, 1.06, 1.04, 1.03),
    (0.98, 1.0, 1.01, 1.03, 1.17, 0.98, 0.83),
    (
        0.38, 0.33, 0.34, 0.22, 0.22, 0.36, 0.7, 1.25, 1.2, 0.95, 0.95, 1.1,
        1.3, 1.25, 1.4, 1.75, 1.9, 2.0, 1.5, 1.05, 0.85, 0.75, 0.65, 0.5,
    ),
)  # fmt: skip
#: Crashes of an entertainment district: evenings until the bars close, Friday to Sunday.
NIGHTLIFE = Rhythm(
    (0.95, 0.95, 1.02, 1.02, 1.05, 1.02, 1.0, 1.0, 1.0, 1.04, 0.98, 1.0),
    (0.6, 0.6, 0.68, 0.85, 1.35, 1.75, 1.17),
    (
        2.3, 2.2, 1.7, 0.6, 0.25, 0.2, 0.25, 0.4, 0.45, 0.45, 0.5, 0.6,
        0.7, 0.7, 0.7, 0.8, 0.9, 1.1, 1.3, 1.5, 1.7, 1.9, 2.1, 2.3,
    ),
)  # fmt: skip
#: Crashes at the driveways of a shopping centre: opening hours, Saturdays, the weeks before Christmas.
SHOPPING = Rhythm(
    (0.9, 0.9, 0.96, 0.96, 1.0, 0.98, 0.96, 1.0, 0.96, 0.98, 1.12, 1.28),
    (0.88, 0.88, 0.9, 0.95, 1.12, 1.35, 0.92),
    (
        0.1, 0.06, 0.05, 0.05, 0.06, 0.12, 0.3, 0.6, 0.8, 1.1, 1.5, 1.75,
        2.0, 1.9, 1.85, 1.95, 2.1, 2.2, 2.0, 1.5, 1.0, 0.6, 0.3, 0.15,
    ),
)  # fmt: skip
OFFICE = Rhythm(
    (0.92, 0.94, 1.0, 1.04, 1.06, 1.05, 1.1, 1.1, 1.02, 0.98, 0.92, 0.87),
    (1.3, 1.22, 1.17, 1.12, 1.05, 0.65, 0.49),
    (
        0.15, 0.1, 0.07, 0.05, 0.06, 0.12, 0.35, 0.9, 1.6, 1.9, 2.0, 1.85,
        1.55, 1.6, 1.65, 1.55, 1.4, 1.1, 0.85, 0.75, 0.65, 0.55, 0.4, 0.25,
    ),
)  # fmt: skip


def wall_times(rng: np.random.Generator, n: int, rhythm: Rhythm, day_factor: Floats | None = None) -> Ints:
    """Draw n wall times; `day_factor` (one per day) multiplies the share of each day."""
    weight = rhythm.day_weights() * (1.0 if day_factor is None else day_factor)
    day = _draw(rng, n, weight)
    hour = _draw(rng, n, np.array(rhythm.hour))
    time = (FIRST_DAY + day) * DAY_S + hour * 3600 + rng.integers(0, 3600, n)
    return without_skipped_hour(time)


def without_skipped_hour(time: Ints) -> Ints:
    """Move times that the clocks skipped an hour ahead, as the clocks did."""
    return np.asarray(time + np.where(in_skipped_hour(time), 3600, 0))


def in_skipped_hour(time: Ints) -> Bools:
    """Whether a wall time falls into an hour that did not exist (02:00 to 03:00 in March)."""
    return _in_hour(time, spring_days(), 2)


def in_repeated_hour(time: Ints) -> Bools:
    """Whether a wall time falls into an hour that came twice (01:00 to 02:00 in November)."""
    return _in_hour(time, autumn_days(), 1)


def spring_days() -> Ints:
    """Return the days since 1970 on which the clocks go ahead: second Sunday of March."""
    return _sundays(3, 8)


def autumn_days() -> Ints:
    """Return the days since 1970 on which the clocks go back: first Sunday of November."""
    return _sundays(11, 1)


def day_number(text: str) -> int:
    """Return the number of a date within the three years, the first day being 0."""
    return int(np.datetime64(text, "D").astype(int)) - FIRST_DAY


def texts(time: Ints, separator: str = " ") -> NDArray[np.str_]:
    """Return wall times as ISO text without an offset."""
    return np.strings.replace(np.datetime_as_string(time.astype("datetime64[s]")), "T", separator)


def _in_hour(time: Ints, days: Ints, hour: int) -> Bools:
    return np.isin(time // 3600, days * 24 + hour)


def _sundays(month: int, not_before: int) -> Ints:
    years = range(int(START[:4]), int(END[:4]))
    firsts = [date(year, month, not_before) for year in years]
    sundays = [first + timedelta(days=(6 - first.weekday()) % 7) for first in firsts]
    return np.array([np.datetime64(day, "D").astype(int) for day in sundays], dtype=np.int64)


def _draw(rng: np.random.Generator, n: int, weight: Floats) -> Ints:
    cumulated = np.cumsum(weight)
    return np.asarray(np.searchsorted(cumulated, rng.random(n) * cumulated[-1], side="right"), dtype=np.int64)
