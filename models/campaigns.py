"""From samples to campaigns: replicate and consecutive days are one observation, on the log scale.

Samples below a limit of detection are censored values and never zeros. Days without a sample are days without
a sample and never zeros either.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameter

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Days = NDArray[np.datetime64]

# What stands for a value below its limit, as a share of the limit.
NONDETECT_SHARES = {"limit/sqrt2": 2**-0.5, "limit/2": 0.5, "limit": 1.0}


@dataclass(frozen=True)
class Samples:
    """What became of each sample, in the order of the input; arrays of shape (n_samples,).

    Attributes
    ----------
    log_value : natural logarithm of the value, or of what stands for it below a limit; NaN where unusable.
    log_limit : logarithm of the limit where the value is below it, else NaN.
    is_censored : whether the value is below its limit; zero counts as below a limit.
    is_limit_assumed : whether that limit was not stated, and the lowest of the series stands for it.
    is_usable : whether the sample has a series, a time and a value that is not negative.
    campaign : number of the campaign, -1 where unusable.
    """

    log_value: Floats
    log_limit: Floats
    is_censored: Mask
    is_limit_assumed: Mask
    is_usable: Mask
    campaign: Integers


@dataclass(frozen=True)
class Campaigns:
    """Campaigns by series and time; arrays of shape (n_campaigns,).

    Attributes
    ----------
    series : number of the series.
    first_day, last_day : datetime64[D].
    day : mean of the sampled days, in days since 1970-01-01.
    log_mean : mean over days of the mean logarithm of each day: the logarithm of the geometric mean.
    log_sd : standard deviation between the days of the campaign; NaN for one day.
    log_limit : where all samples are below their limits, the same mean of the limits; else NaN.
    n_days, n_samples, n_censored : sampled days, usable samples, samples below a limit.
    samples : what became of each sample.
    """

    series: Integers
    first_day: Days
    last_day: Days
    day: Floats
    log_mean: Floats
    log_sd: Floats
    log_limit: Floats
    n_days: Integers
    n_samples: Integers
    n_censored: Integers
    samples: Samples

    def __len__(self) -> int:
        return len(self.series)


def campaigns(
    series: ArrayLike,
    start: ArrayLike,
    value: ArrayLike,
    below_limit: ArrayLike | None = None,
    limit: ArrayLike | None = None,
    *,
    gap_days: int = 2,
    max_days: int = 7,
    nondetect: str = "limit/sqrt2",
) -> Campaigns:
    """Return the campaigns of many series.

    The samples of one day (replicates, or a repeated row) are averaged first, so that no day weighs more than
    another. Then days that follow each other are one campaign, until `gap_days` days of silence end it. A
    series sampled without such silence is cut after every `max_days` days, counted from the first of them.

    Parameters
    ----------
    series : array of int, shape (n_samples,)
        Number of the series; negative: none.
    start : array of datetime64, shape (n_samples,)
        Local time of the sewershed, any order. NaT: not usable.
    value : array, shape (n_samples,)
        Concentration or load. NaN, infinite and negative values are not usable. Zero is below a limit. Where
        `below_limit` says so, the value counts only as the limit that was not stated otherwise.
    below_limit : array of bool, shape (n_samples,), optional
    limit : array, shape (n_samples,), optional
        Limit of detection in the unit of the value. Where it is needed and missing, the lowest stated limit
        of the series is taken, else its lowest measured value; without either the sample is not usable.
    gap_days : int
        Days without a sample that end a campaign; 1 or more.
    max_days : int
        Longest campaign.
    nondetect : {"limit/sqrt2", "limit/2", "limit"}
        What stands for a value below its limit.

    Raises
    ------
    InvalidParameter
        If a parameter is out of range, or start is no time.

    References
    ----------
    Hornung and Reed (1990), Applied Occupational and Environmental Hygiene 5(1), 46-51 (limit over root 2).

    Examples
    --------
    Two days and a replicate, silence, one day below a limit of 2.

    >>> days = np.array(["2026-03-01", "2026-03-01", "2026-03-02", "2026-04-01"], dtype="datetime64[D]")
    >>> found = campaigns([0, 0, 0, 0], days, [8, 2, 1, 0], [False, False, False, True], [2, 2, 2, 2])
    >>> np.exp(found.log_mean).round(3).tolist(), found.n_days.tolist(), found.n_censored.tolist()
    ([2.0, 1.414], [2, 1], [0, 1])
    """
    if gap_days < 1 or max_days < 1:
        raise InvalidParameter(
            f"gap_days and max_days of 1 or more are needed, got {gap_days} and {max_days}"
        )
    if nondetect not in NONDETECT_SHARES:
        raise InvalidParameter(f"nondetect must be one of {', '.join(NONDETECT_SHARES)}, got {nondetect!r}")
    which = np.asarray(series, dtype=np.int64)
    day = _whole_days(start)
    values = np.asarray(value, dtype=np.float64)
    below = np.zeros(values.shape, dtype=bool) if below_limit is None else np.asarray(below_limit, dtype=bool)
    limits = np.full(values.shape, np.nan) if limit is None else np.asarray(limit, dtype=np.float64)
    if not which.shape == day.shape == values.shape == below.shape == limits.shape:
        raise InvalidParameter("series, start, value, below_limit and limit of equal length are needed")
    is_known = (which >= 0) & ~np.isnat(day)
    log_value, log_limit, censored, assumed = _logs(which, values, below, limits, is_known, nondetect)
    usable = ~np.isnan(log_value)
    rows = np.flatnonzero(usable)
    rows = rows[np.lexsort((day[rows], which[rows]))]
    number = day[rows].astype(np.int64)
    of_day, of_campaign = _groups(which[rows], number, gap_days, max_days)
    campaign = np.full(values.shape, -1, dtype=np.int64)
    campaign[rows] = of_campaign[of_day]
    samples = Samples(log_value, log_limit, censored & usable, assumed & usable, usable, campaign)
    return _summary(samples, rows, which[rows], number, of_day, of_campaign)


def _whole_days(start: ArrayLike) -> Days:
    times = np.asarray(start)
    if times.dtype.kind != "M" and times.size:
        raise InvalidParameter(f"start must be datetime64, got {times.dtype}")
    return times.astype("datetime64[D]")


def _logs(
    series: Integers, value: Floats, below: Mask, limit: Floats, is_known: Mask, nondetect: str
) -> tuple[Floats, Floats, Mask, Mask]:
    """Return log value, log limit, whether censored, whether its limit is assumed; NaN where unusable."""
    is_stated = np.isfinite(limit) & (limit > 0)
    is_number = np.isfinite(value) & (value >= 0)
    censored = is_known & (below | (is_number & (value == 0)))
    measured = is_known & is_number & ~censored
    # A value reported as below a limit is itself that limit where none stands beside it.
    own = np.where(is_stated, limit, np.where(is_number & (value > 0), value, np.nan))
    assumed = censored & np.isnan(own)
    n_series = int(series.max(initial=-1)) + 1
    lowest = _lowest(series, limit, is_known & is_stated, n_series)
    lowest = np.where(np.isnan(lowest), _lowest(series, own, censored & ~assumed, n_series), lowest)
    lowest = np.where(np.isnan(lowest), _lowest(series, value, measured, n_series), lowest)
    used = own.copy()
    used[assumed] = lowest[series[assumed]]
    log_limit = np.full(value.shape, np.nan)
    log_limit[censored] = np.log(used[censored])
    log_value = log_limit + np.log(NONDETECT_SHARES[nondetect])
    log_value[measured] = np.log(value[measured])
    return log_value, log_limit, censored, assumed


def _lowest(series: Integers, value: Floats, of: Mask, n_series: int) -> Floats:
    lowest = np.full(n_series, np.inf)
    np.minimum.at(lowest, series[of], value[of])
    return np.where(np.isinf(lowest), np.nan, lowest)


def _groups(series: Integers, day: Integers, gap_days: int, max_days: int) -> tuple[Integers, Integers]:
    """Return the sampled day of each sorted row, and the campaign of each sampled day."""
    changes = np.ones(len(day), dtype=bool)
    changes[1:] = (np.diff(series) != 0) | (np.diff(day) != 0)
    of_day = np.cumsum(changes) - 1
    series, day = series[changes], day[changes]
    breaks = np.ones(len(day), dtype=bool)
    breaks[1:] = (np.diff(series) != 0) | (np.diff(day) > gap_days)
    first = day[breaks][np.cumsum(breaks) - 1]
    block = (day - first) // max_days
    breaks[1:] |= np.diff(block) != 0
    return of_day, np.cumsum(breaks) - 1


def _summary(
    samples: Samples, rows: Integers, series: Integers, day: Integers, of_day: Integers, of_campaign: Integers
) -> Campaigns:
    n_days, n = len(of_campaign), int(of_campaign.max(initial=-1)) + 1
    in_day, days_in = np.bincount(of_day, minlength=n_days), np.bincount(of_campaign, minlength=n)
    day_log = np.bincount(of_day, samples.log_value[rows], n_days) / in_day
    log_mean = np.bincount(of_campaign, day_log, n) / days_in
    squares = np.bincount(of_campaign, (day_log - log_mean[of_campaign]) ** 2, n)
    # NaN spreads from any measured sample: the limit counts only where all samples are below it.
    day_limit = np.bincount(of_day, samples.log_limit[rows], n_days) / in_day
    day_number = np.zeros(n_days, dtype=np.int64)
    day_number[of_day] = day
    first, last = np.full(n, np.iinfo(np.int64).max), np.full(n, np.iinfo(np.int64).min)
    np.minimum.at(first, of_campaign, day_number)
    np.maximum.at(last, of_campaign, day_number)
    campaign = of_campaign[of_day]
    of_series = np.zeros(n, dtype=np.int64)
    of_series[campaign] = series
    return Campaigns(
        series=of_series,
        first_day=first.astype("datetime64[D]"),
        last_day=last.astype("datetime64[D]"),
        day=np.bincount(of_campaign, day_number, n) / days_in,
        log_mean=log_mean,
        log_sd=np.sqrt(squares / np.where(days_in > 1, days_in - 1, np.nan)),
        log_limit=np.bincount(of_campaign, day_limit, n) / days_in,
        n_days=days_in,
        n_samples=np.bincount(campaign, minlength=n),
        n_censored=np.bincount(campaign, samples.is_censored[rows], n).astype(np.int64),
        samples=samples,
    )
