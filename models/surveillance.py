"""Surveillance of wastewater series: the latest campaign of each against its own history.

Everything happens on the log scale and in time. No spatial test: a handful of sewersheds carries none.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtr, stdtrit

from models.baselines import METHODS, Baseline, baseline_of, c3_statistics, fewest_campaigns
from models.campaigns import Campaigns, campaigns
from models.errors import InvalidParameter
from models.moderated_variance import moderated_variance
from models.significance import benjamini_hochberg
from models.trend import mann_kendall, theil_sen

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Texts = NDArray[np.str_]

SIDES = ("hot", "cold", "both")
FEWEST_FOR_TREND = 5
_TREND_STEP_DAYS = 30
_LOW_PERCENTILE = 10
_BELOW = "latest campaign below the limit: no rise can be shown"


@dataclass(frozen=True)
class Surveillance:
    """The state of every series; arrays of shape (n_series,). NaN where there is no answer; see `reason`.

    Attributes
    ----------
    latest : geometric mean of the latest campaign, in the unit of the values.
    baseline : geometric mean (median for "robust", fit for "regression") of the baseline, same unit.
    upper : one-sided prediction limit at alpha, same unit (lower limit for side "cold").
    z : standardised distance of the latest campaign; the C3 statistic for "c3".
    p, q : tail of the asked side; the same adjusted by Benjamini-Hochberg over the series that have a p.
    p_method : "t", "rank", "normal" (C3 only), or "" without p.
    alarm : q at or below alpha.
    activity_level : exp((ln latest - 10th percentile) / sd) over the campaigns of the look-back before it;
        NaN where p is by rank, as the spread then says nothing.
    trend : "up", "down", "flat" or "unknown".
    trend_slope_pct : Theil-Sen slope, change in % per 30 days.
    trend_p : two-sided Mann-Kendall p.
    n_samples, n_censored : usable samples; those of them below a limit.
    n_campaigns, n_baseline : campaigns in all; in the baseline.
    last_sample : day of the latest usable sample, datetime64[D]; NaT without.
    reason : why an answer is missing or how it differs from the usual; "" otherwise.
    campaigns : the campaigns, by series and time.
    """

    latest: Floats
    baseline: Floats
    upper: Floats
    z: Floats
    p: Floats
    q: Floats
    p_method: Texts
    alarm: Mask
    activity_level: Floats
    trend: Texts
    trend_slope_pct: Floats
    trend_p: Floats
    n_samples: Integers
    n_censored: Integers
    n_campaigns: Integers
    n_baseline: Integers
    last_sample: NDArray[np.datetime64]
    reason: Texts
    campaigns: Campaigns

    def __len__(self) -> int:
        return len(self.latest)


def surveillance(
    series: ArrayLike,
    start: ArrayLike,
    value: ArrayLike,
    below_limit: ArrayLike | None = None,
    limit: ArrayLike | None = None,
    *,
    n_series: int | None = None,
    alpha: float = 0.05,
    side: str = "hot",
    method: str = "moderated",
    min_baseline: int = 8,
    guard: int = 2,
    lookback_days: int = 730,
    trend_campaigns: int = 8,
    trend_alpha: float = 0.05,
    gap_days: int = 2,
    max_days: int = 7,
    nondetect: str = "limit/sqrt2",
) -> Surveillance:
    """Return alarm, trend and activity level of every series.

    The latest campaign is judged by a t prediction interval: z = (y - center) / sqrt(variance · factor +
    extra), where factor counts the uncertainty of the centre (1 + 1/n for a mean) and extra the days that the
    latest campaign has fewer than those of the baseline. Where the t law would mislead, because the baseline
    is constant or more than half of it below the limit, p is the exact rank p of the latest among all.

    Parameters
    ----------
    series, start, value, below_limit, limit, gap_days, max_days, nondetect
        As in `campaigns`. One series is one analyte in one sewershed, in one unit.
    n_series : int, optional
        How many series there are, those without any sample included; the highest number plus 1 by default.
    alpha : float
        False discovery rate of the alarms.
    side : {"hot", "cold", "both"}
        Rises, falls, or either.
    method : {"moderated", "prediction", "robust", "regression", "c1", "c2", "c3"}
        "prediction" takes each series by itself. "moderated", the default, is the same with variances that
        inform each other, as far as the series are alike. For the others see `baseline_of`; the p of "c3" is
        that of its makers, which is too small.
    min_baseline : int
        Fewest campaigns in the baseline (7 with "c1" and "c2", 9 with "c3"); 3 or more.
    guard : int
        Campaigns just before the latest that the baseline leaves out, so that a rise does not hide itself
        (0 with "c1", 2 with "c2" and "c3").
    lookback_days : int
        Age of the oldest campaign of the baseline, of the activity level and of the trend, before the latest.
    trend_campaigns : int
        Latest campaigns in the trend; 5 or more.
    trend_alpha : float
        Two-sided level of the trend.

    Raises
    ------
    InvalidParameter
        If a parameter is out of range or the arrays do not fit.

    References
    ----------
    Hahn and Meeker (1991), Statistical Intervals, Wiley (prediction interval). Smyth (2004), Statistical
    Applications in Genetics and Molecular Biology 3(1), 3 (moderated t).

    Examples
    --------
    Ten months at 1 or e, then e³: the baseline has log mean 0.5 and variance 2/7, and 8 campaigns.

    >>> months = np.arange("2025-01", "2025-12", dtype="datetime64[M]").astype("datetime64[D]")
    >>> values = np.exp([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 3])
    >>> found = surveillance(np.zeros(11, dtype=int), months, values)
    >>> found.z.round(3).tolist(), found.p.round(4).tolist(), found.alarm.tolist(), found.trend.tolist()
    ([4.41], [0.0016], [True], ['flat'])
    """
    _check(alpha, side, method, min_baseline, guard, lookback_days, trend_campaigns)
    numbers = np.asarray(series, dtype=np.int64)
    n = int(numbers.max(initial=-1)) + 1 if n_series is None else n_series
    if numbers.max(initial=-1) >= n:
        raise InvalidParameter(f"series numbers below {n} are needed, got {numbers.max()}")
    found = campaigns(
        numbers, start, value, below_limit, limit, gap_days=gap_days, max_days=max_days, nondetect=nondetect
    )
    needed, left_out = fewest_campaigns(method, min_baseline, guard)
    question = _Question(method, needed, left_out, lookback_days, trend_campaigns, trend_alpha)
    bounds = np.searchsorted(found.series, np.arange(n + 1))
    states = [_state(found, np.arange(*bounds[i : i + 2]), question) for i in range(n)]
    judged = _judge(states, method, side, alpha)
    unusable = np.bincount(numbers[(numbers >= 0) & ~found.samples.is_usable], minlength=n)
    assumed = np.bincount(numbers[found.samples.is_limit_assumed], minlength=n)
    n_samples = np.bincount(found.series, found.n_samples, n).astype(np.int64)
    return Surveillance(
        latest=np.array([np.exp(state.latest) for state in states]),
        baseline=judged.baseline,
        upper=judged.upper,
        z=judged.z,
        p=judged.p,
        q=judged.q,
        p_method=judged.p_method,
        alarm=judged.q <= alpha,
        activity_level=np.array([state.activity_level for state in states]),
        trend=np.array([state.trend for state in states], dtype=np.str_),
        trend_slope_pct=np.array([state.trend_slope_pct for state in states]),
        trend_p=np.array([state.trend_p for state in states]),
        n_samples=n_samples,
        n_censored=np.bincount(found.series, found.n_censored, n).astype(np.int64),
        n_campaigns=np.bincount(found.series, minlength=n),
        n_baseline=np.array([state.n_baseline for state in states], dtype=np.int64),
        last_sample=np.array([state.last_day for state in states], dtype="datetime64[D]"),
        reason=np.array(
            [
                "; ".join([*_sample_reasons(*counts), *state.reasons])
                for state, counts in zip(
                    states, zip(n_samples.tolist(), unusable, assumed, strict=True), strict=True
                )
            ],
            dtype=np.str_,
        ),
        campaigns=found,
    )


@dataclass(frozen=True)
class _Question:
    method: str
    needed: int
    left_out: int
    lookback_days: int
    trend_campaigns: int
    trend_alpha: float


@dataclass(frozen=True)
class _State:
    """One series before its p: what needs no other series."""

    reasons: list[str] = field(default_factory=list)
    last_day: np.datetime64 | None = None
    latest: float = np.nan
    latest_limit: float = np.nan
    n_baseline: int = 0
    prediction: Baseline | None = None
    extra_variance: float = 0.0
    rank_p: tuple[float, float] | None = None
    c3: tuple[float, float] = (np.nan, np.nan)
    activity_level: float = np.nan
    trend: str = "unknown"
    trend_slope_pct: float = np.nan
    trend_p: float = np.nan


def _check(
    alpha: float,
    side: str,
    method: str,
    min_baseline: int,
    guard: int,
    lookback_days: int,
    trend_campaigns: int,
) -> None:
    if not 0 < alpha < 1:
        raise InvalidParameter(f"alpha between 0 and 1 is needed, got {alpha}")
    if side not in SIDES:
        raise InvalidParameter(f"side must be one of {', '.join(SIDES)}, got {side!r}")
    if method not in METHODS:
        raise InvalidParameter(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if min_baseline < 3 or guard < 0 or lookback_days < 1:
        raise InvalidParameter(
            "min_baseline of 3 or more, guard of 0 or more and lookback_days of 1 or more are needed, "
            f"got {min_baseline}, {guard} and {lookback_days}"
        )
    if trend_campaigns < FEWEST_FOR_TREND:
        raise InvalidParameter(
            f"trend_campaigns of {FEWEST_FOR_TREND} or more is needed, got {trend_campaigns}"
        )


def _sample_reasons(n_samples: int, n_unusable: int, n_assumed: int) -> list[str]:
    """Return what is to say of the samples of one series."""
    if n_samples + n_unusable == 0:
        return ["no sample"]
    reasons = []
    if n_unusable:
        total = n_samples + n_unusable
        reasons.append(
            f"{n_unusable} of {total} samples not usable (no time, no value, negative, or no limit)"
        )
    if n_assumed:
        reasons.append(f"limit not stated for {n_assumed} samples: the lowest of the series stands for it")
    return reasons


def _state(found: Campaigns, rows: Integers, question: _Question) -> _State:
    if not len(rows):
        return _State()
    y, limit, last = found.log_mean, found.log_limit, int(rows[-1])
    rows = rows[found.day[rows] >= found.day[last] - question.lookback_days]
    base = rows[: max(len(rows) - 1 - question.left_out, 0)]
    trend, slope, trend_p, reasons = _trend(found, rows[-question.trend_campaigns :], question.trend_alpha)
    state = _State(
        reasons=reasons,
        last_day=found.last_day[last],
        latest=float(y[last]),
        latest_limit=float(limit[last]),
        n_baseline=len(base),
        trend=trend,
        trend_slope_pct=slope,
        trend_p=trend_p,
    )
    if len(base) < question.needed:
        return replace(state, reasons=[_too_few(question, len(rows)), *reasons])
    prediction = baseline_of(question.method, found.day[base], y[base], float(found.day[last]))
    why = why_rank(prediction, limit[base])
    return replace(
        state,
        reasons=[*([] if np.isnan(limit[last]) else [_BELOW]), *([why] if why else []), *reasons],
        prediction=prediction,
        extra_variance=extra_variance(found, base, last),
        rank_p=_rank_p(float(y[last]), float(limit[last]), y[base], limit[base]) if why else None,
        c3=c3_statistics(y[rows]) if question.method == "c3" else (np.nan, np.nan),
        activity_level=np.nan if why else _activity_level(float(y[last]), y[rows[:-1]]),
    )


def _too_few(question: _Question, n: int) -> str:
    total = question.needed + question.left_out + 1
    parts = f"{question.needed} for the baseline, {question.left_out} left out, 1 to judge"
    return f"{total} campaigns within {question.lookback_days} days needed ({parts}), got {n}"


def why_rank(prediction: Baseline, limit: Floats) -> str:
    """Return why the t law cannot judge a campaign by this baseline, with its limits; "" where it can."""
    n, n_below = len(limit), int(np.count_nonzero(~np.isnan(limit)))
    least = f"p by rank, {1 / (n + 1):.2g} or more"
    if 2 * n_below > n:
        return f"{n_below} of {n} campaigns of the baseline below the limit: {least}"
    return f"constant baseline: {least}" if prediction.variance == 0 else ""


def _rank_p(latest: float, latest_limit: float, y: Floats, limit: Floats) -> tuple[float, float]:
    """Return the exact upper and lower tail of the latest among all, if all orders are equally likely.

    What a limit leaves open counts against the finding.
    """
    tie = 1e-12 * (1 + abs(latest))
    is_below, n = ~np.isnan(limit), len(y)
    n_not_under = np.count_nonzero(np.where(is_below, limit > latest + tie, y >= latest - tie))
    p_hot = (1 + n_not_under) / (n + 1) if np.isnan(latest_limit) else 1.0
    highest = latest if np.isnan(latest_limit) else latest_limit
    n_not_over = np.count_nonzero(is_below | (y <= highest + tie))
    return p_hot, (1 + n_not_over) / (n + 1)


def extra_variance(found: Campaigns, base: Integers, last: int) -> float:
    """Return the variance that a campaign has by having fewer days than those of its baseline (log scale)."""
    free = found.n_days[base] - 1
    if not free.sum():
        return 0.0
    within = float((free * np.nan_to_num(found.log_sd[base]) ** 2).sum() / free.sum())
    return within * max(0.0, float(1 / found.n_days[last] - (1 / found.n_days[base]).mean()))


def _activity_level(latest: float, y: Floats) -> float:
    sd = float(y.std(ddof=1))
    if sd <= 1e-9 * (1 + float(np.abs(y).max())):
        return np.nan
    exponent = (latest - float(np.percentile(y, _LOW_PERCENTILE))) / sd
    return float(np.exp(exponent)) if exponent < 700 else np.nan


def _trend(found: Campaigns, rows: Integers, alpha: float) -> tuple[str, float, float, list[str]]:
    """Return the trend, its slope in % per 30 days, its p and reasons."""
    if len(rows) < FEWEST_FOR_TREND:
        return "unknown", np.nan, np.nan, [f"trend: {FEWEST_FOR_TREND} campaigns needed, got {len(rows)}"]
    limit = found.log_limit[rows]
    is_below = ~np.isnan(limit)
    if is_below.all():
        return "unknown", np.nan, np.nan, ["trend: all campaigns below the limit"]
    y = found.log_mean[rows]
    test = mann_kendall(found.day[rows], np.where(is_below, limit, y), is_below)
    slope = 100 * float(np.expm1(min(_TREND_STEP_DAYS * theil_sen(found.day[rows], y), 700)))
    if test.p_two_sided > alpha:
        return "flat", slope, test.p_two_sided, []
    return ("up" if test.score > 0 else "down"), slope, test.p_two_sided, []


@dataclass(frozen=True)
class _Judged:
    baseline: Floats
    upper: Floats
    z: Floats
    p: Floats
    q: Floats
    p_method: Texts


def _judge(states: list[_State], method: str, side: str, alpha: float) -> _Judged:
    """Return z, p and q of all series together."""
    has_rank = np.array([state.rank_p is not None for state in states], dtype=bool)
    center, variance, df, factor = _predictions(states)
    if method == "moderated":
        alike = ~has_rank & ~np.isnan(variance)
        variance[alike], df[alike] = moderated_variance(variance[alike], df[alike])
    extra = np.array([state.extra_variance for state in states])
    sd = np.sqrt(np.where(has_rank, np.nan, variance * factor + extra))
    latest = np.array([state.latest for state in states])
    limit = np.array([state.latest_limit for state in states])
    is_below = ~np.isnan(limit)
    z = (latest - center) / sd
    p_hot, p_method = stdtr(df, -z), np.where(np.isnan(z), "", "t").astype("U6")
    p_cold = stdtr(df, (np.where(is_below, limit, latest) - center) / sd)
    if method == "c3":
        z, down = (np.array([state.c3[i] for state in states]) for i in (0, 1))
        z[np.isnan(sd)] = down[np.isnan(sd)] = np.nan
        p_hot, p_cold, p_method = ndtr(-z), ndtr(-down), np.where(np.isnan(z), "", "normal").astype("U6")
    # What is below a limit cannot show a rise, however high the limit.
    p_hot = np.where(is_below & ~np.isnan(p_hot), 1.0, p_hot)
    for i in np.flatnonzero(has_rank):
        p_hot[i], p_cold[i] = states[i].rank_p or (np.nan, np.nan)
        p_method[i] = "rank"
    p = {"hot": p_hot, "cold": p_cold, "both": np.minimum(1, 2 * np.minimum(p_hot, p_cold))}[side]
    margin = stdtrit(df, alpha if side == "cold" else 1 - alpha) * sd
    return _Judged(
        baseline=np.exp(center),
        upper=np.exp(center + margin),
        z=z,
        p=p,
        q=benjamini_hochberg(p),
        p_method=p_method,
    )


def _predictions(states: list[_State]) -> tuple[Floats, Floats, Floats, Floats]:
    """Return center, variance, df and factor of every series; NaN without prediction."""
    missing = Baseline(np.nan, np.nan, np.nan, np.nan)
    found = [state.prediction or missing for state in states]
    columns = [[b.center, b.variance, b.df, b.factor] for b in found]
    center, variance, df, factor = np.array(columns, dtype=np.float64).reshape(-1, 4).T.copy()
    return center, variance, df, factor
