"""Every campaign of a series judged as it would have been when it was the latest, for charts of the past."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from models.baselines import baseline_of, fewest_campaigns
from models.campaigns import Campaigns
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
    center, sd, df = (np.full(len(found), np.nan) for _ in range(3))
    starts = np.searchsorted(found.series, found.series)
    for i in range(len(found)):
        base = np.arange(starts[i], max(i - left_out, starts[i]))
        base = base[found.day[base] >= found.day[i] - lookback_days]
        if len(base) < needed:
            continue
        predicted = baseline_of(method, found.day[base], found.log_mean[base], float(found.day[i]))
        if not why_rank(predicted, found.log_limit[base]):
            variance = predicted.variance * predicted.factor + extra_variance(found, base, i)
            center[i], sd[i], df[i] = predicted.center, np.sqrt(variance), predicted.df
    return _judged(found, center, sd, df, side, alpha)


def _judged(found: Campaigns, center: Floats, sd: Floats, df: Floats, side: str, alpha: float) -> Hindsight:
    is_below = ~np.isnan(found.log_limit)
    z = (found.log_mean - center) / sd
    # What is below a limit cannot show a rise; a fall is judged at its limit.
    p_hot = np.where(is_below & ~np.isnan(z), 1.0, stdtr(df, -z))
    p_cold = stdtr(df, (np.where(is_below, found.log_limit, found.log_mean) - center) / sd)
    p = {"hot": p_hot, "cold": p_cold, "both": np.minimum(1, 2 * np.minimum(p_hot, p_cold))}[side]
    margin = stdtrit(df, alpha if side == "cold" else 1 - alpha) * sd
    return Hindsight(np.exp(center), np.exp(center + margin), z, p, p <= alpha)
