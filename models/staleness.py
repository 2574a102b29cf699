"""Whether a series still speaks of now: how often it is sampled, and how long it has been silent."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.campaigns import Campaigns

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Nobody can tell a late laboratory from a plant that stopped in less than this.
LEAST_SILENCE_DAYS = 14
_INTERVALS = 2.5
# A day this far behind all others, of so few samples, is a slip of the pen.
_STRAY_DAYS = 365
_STRAY_SHARE = 0.01
_LOOK_BACK = 12
_WITHOUT_ANY = 30.0


def newest_day(days: ArrayLike) -> np.datetime64:
    """Return the newest day of all samples, but for dates that can only be slips of the pen.

    Left aside are days that come more than a year behind the last day before them and together hold 1 % of
    the samples or less: one sample of 2052 must not make every series look silent.

    Parameters
    ----------
    days : array of datetime64[D], shape (n,)
        One per sample, any order; NaT is left aside.

    Returns
    -------
    datetime64[D]
        NaT without any day.

    Examples
    --------
    >>> days = np.datetime64("2025-01-01") + np.arange(200)
    >>> str(newest_day(days)), str(newest_day(np.append(days, np.datetime64("2052-01-01"))))
    ('2025-07-19', '2025-07-19')
    """
    given = np.asarray(days, dtype="datetime64[D]")
    found = np.sort(given[~np.isnat(given)])
    if not len(found):
        return np.datetime64("NaT", "D")
    gaps = np.diff(found).astype(np.int64)
    behind = np.arange(1, len(found))[gaps > _STRAY_DAYS]
    strays = behind[len(found) - behind <= _STRAY_SHARE * len(found)]
    last: np.datetime64 = found[strays[0] - 1 if len(strays) else -1]
    return last


def usual_interval_days(found: Campaigns, n_series: int) -> Floats:
    """Return the median time between the starts of the last campaigns of every series.

    Parameters
    ----------
    found : Campaigns
    n_series : int
        How many series there are.

    Returns
    -------
    array, shape (n_series,)
        Days, over the last 12 intervals at most. A series of one campaign, or none, gets the median of the
        others; 30 where there is no other.

    Examples
    --------
    >>> from models.campaigns import campaigns
    >>> days = np.array(["2026-01-01", "2026-02-02", "2026-03-01", "2026-03-01"], dtype="datetime64[D]")
    >>> usual_interval_days(campaigns([0, 0, 0, 1], days, [1, 1, 1, 1]), 3).tolist()
    [29.5, 29.5, 29.5]
    """
    bounds = np.searchsorted(found.series, np.arange(n_series + 1))
    own = np.full(n_series, np.nan)
    for i in range(n_series):
        starts = found.first_day[bounds[i] : bounds[i + 1]][-(_LOOK_BACK + 1) :]
        if len(starts) > 1:
            own[i] = float(np.median(np.diff(starts).astype(np.int64)))
    usual = float(np.median(own[~np.isnan(own)])) if (~np.isnan(own)).any() else _WITHOUT_ANY
    return np.where(np.isnan(own), usual, own)


def longest_silence_days(interval_days: ArrayLike) -> Floats:
    """Return the days of silence after which a series is stale: two and a half of its intervals, 14 or more.

    Examples
    --------
    >>> longest_silence_days([3, 7, 30]).tolist()
    [14.0, 17.5, 75.0]
    """
    return np.maximum(_INTERVALS * np.asarray(interval_days, dtype=np.float64), LEAST_SILENCE_DAYS)


def is_stale(last_day: ArrayLike, as_of: np.datetime64, silence_days: ArrayLike) -> Mask:
    """Return which series ended more than `silence_days` before `as_of`; a series without any day is not.

    Examples
    --------
    >>> last = np.array(["2026-03-01", "2025-12-01", "NaT"], dtype="datetime64[D]")
    >>> is_stale(last, np.datetime64("2026-03-03"), [60, 60, 60]).tolist()
    [False, True, False]
    """
    days = np.asarray(last_day, dtype="datetime64[D]")
    silent = (as_of.astype("datetime64[D]") - days).astype(np.float64)
    stale: Mask = ~np.isnat(days) & (silent > np.asarray(silence_days, dtype=np.float64))
    return stale
