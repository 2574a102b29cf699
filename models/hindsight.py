"""Every campaign of a series judged as it would have been when it was the latest, for charts of the past."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from models.baselines import EARS_BASELINE, baseline_of, fewest_campaigns
from models.campaigns import Campaigns
from models.ears import EARS_LAGS
from models.surveillance import extra_variance, why_rank

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Hindsight:
    """One entry per campaign; NaN and False where its baseline was too short or p is by rank.

    Attributes
    ----------
    baseline, upper : as in `Surveillance`, from the campaigns before it.
    z, p : standardised distance; tail of the asked side, not adjusted for the number of series.
    exceeds : p at or below alpha.
    """

    baseline: Floats
    upper: Floats
    z: Floats
    p: Floats
    exceeds: NDArray[np.bool_]


def hindsight(
    found: Campaigns,
    *,
    alpha: float = 0.05,
    side: str = "hot",
    method: str = "moderated",
    min_baseline: int = 8,
    guard: int = 2,
    lookback_days: int = 730,
) -> Hindsight:
    """Return baseline and limit of every campaign, from those before it alone.

    Each series is taken by itself: "moderated" is "prediction" here, as at most of those times the other
    series ended elsewhere; "c3" is judged as "c2". Parameters as in `surveillance`, which checks them.

    References
    ----------
    Hahn and Meeker (1991), Statistical Intervals, Wiley (prediction interval).

    Examples
    --------
    Ten months at 1 or e, then e³: the first eight are too few to judge, the eleventh exceeds its limit.

    >>> from models.campaigns import campaigns
    >>> months = np.arange("2025-01", "2025-12", dtype="datetime64[M]").astype("datetime64[D]")
    >>> values = np.exp([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 3])
    >>> past = hindsight(campaigns(np.zeros(11, dtype=int), months, values))
    >>> past.z.round(2).tolist()[-2:], past.exceeds.tolist()[-2:]
    ([nan, 4.41], [False, True])
    """
    needed, left_out = fewest_campaigns(method, min_baseline, guard)
    first, end = _baselines(found, left_out, lookback_days)
    judged = np.flatnonzero(end - first >= needed)
    predict = _of_each if method in _ONE_BY_ONE else _of_means
    center, sd, df = (np.full(len(found), np.nan) for _ in range(3))
    center[judged], sd[judged], df[judged] = predict(found, method, first[judged], end[judged], judged)
    return _judged(found, center, sd, df, side, alpha)


# Those that are no mean and variance of their baseline.
_ONE_BY_ONE = ("robust", "regression")
# Steps below this share of the values are rounding.
_ROUNDING = 1e-9


def _baselines(found: Campaigns, left_out: int, lookback_days: int) -> tuple[Integers, Integers]:
    """Return where the baseline of each campaign starts and ends; it is empty where they are equal."""
    of_series = np.searchsorted(found.series, found.series)
    end = np.maximum(np.arange(len(found)) - left_out, of_series)
    first = of_series.copy()
    for i in range(len(found)):
        while first[i] < end[i] and found.day[first[i]] < found.day[i] - lookback_days:
            first[i] += 1
        if i + 1 < len(found) and of_series[i + 1] == of_series[i]:
            # The campaigns of a series follow each other in time: what is too old now stays so.
            first[i + 1] = first[i]
    return first, np.maximum(end, first)


def _of_each(
    found: Campaigns, method: str, first: Integers, end: Integers, judged: Integers
) -> tuple[Floats, Floats, Floats]:
    """Return centre, standard deviation and degrees of freedom, one baseline after the other."""
    center, sd, df = (np.full(len(judged), np.nan) for _ in range(3))
    for place, (start, stop, i) in enumerate(zip(first, end, judged, strict=True)):
        base = np.arange(start, stop)
        predicted = baseline_of(method, found.day[base], found.log_mean[base], float(found.day[i]))
        if not why_rank(predicted, found.log_limit[base]):
            variance = predicted.variance * predicted.factor + extra_variance(found, base, int(i))
            center[place], sd[place], df[place] = predicted.center, np.sqrt(variance), predicted.df
    return center, sd, df


def _of_means(
    found: Campaigns, method: str, first: Integers, end: Integers, judged: Integers
) -> tuple[Floats, Floats, Floats]:
    """Return the same for all baselines at once: sums over stretches are differences of running sums."""
    start = np.maximum(first, end - EARS_BASELINE) if method in EARS_LAGS else first
    # Sums of squares keep their digits when they are taken around a middle of the series.
    middle = found.log_mean[np.searchsorted(found.series, found.series)]
    y = found.log_mean - middle
    n = end - start
    mean = _sums(y, start, end) / n
    variance = np.maximum(_sums(y**2, start, end) - n * mean**2, 0) / (n - 1)
    n_all = end - first
    is_below = _sums(~np.isnan(found.log_limit), first, end)
    free = found.n_days - 1.0
    within = _sums(free * np.nan_to_num(found.log_sd) ** 2, first, end) / np.maximum(
        _sums(free, first, end), 1
    )
    fewer = 1 / found.n_days[judged] - _sums(1 / found.n_days, first, end) / n_all
    # Differences of running sums are never quite zero: a constant baseline is told by its steps.
    steps = np.abs(np.diff(found.log_mean, prepend=np.nan)) > _ROUNDING * (1 + np.abs(found.log_mean))
    is_constant = _sums(steps, start + 1, end) == 0
    by_rank = (2 * is_below > n_all) | is_constant
    sd = np.sqrt(variance * (1 + 1 / n) + within * np.maximum(fewer, 0))
    return (
        np.where(by_rank, np.nan, mean + middle[judged]),
        np.where(by_rank, np.nan, sd),
        (n - 1).astype(np.float64),
    )


def _sums(values: ArrayLike, first: Integers, end: Integers) -> Floats:
    running = np.concatenate([[0.0], np.cumsum(np.asarray(values, dtype=np.float64))])
    sums: Floats = running[end] - running[first]
    return sums


def _judged(found: Campaigns, center: Floats, sd: Floats, df: Floats, side: str, alpha: float) -> Hindsight:
    is_below = ~np.isnan(found.log_limit)
    z = (found.log_mean - center) / sd
    # What is below a limit cannot show a rise; a fall is judged at its limit.
    p_hot = np.where(is_below & ~np.isnan(z), 1.0, stdtr(df, -z))
    p_cold = stdtr(df, (np.where(is_below, found.log_limit, found.log_mean) - center) / sd)
    p = {"hot": p_hot, "cold": p_cold, "both": np.minimum(1, 2 * np.minimum(p_hot, p_cold))}[side]
    margin = stdtrit(df, alpha if side == "cold" else 1 - alpha) * sd
    return Hindsight(np.exp(center), np.exp(center + margin), z, p, p <= alpha)
