"""What is to say of every series of samples: alarm or not, stale, unknown, without data; and why."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.hindsight import hindsight
from models.significance import benjamini_hochberg
from models.staleness import is_stale, longest_silence_days, newest_day, usual_interval_days
from models.surveillance import Surveillance, surveillance
from service.parameters import SurveillanceInputs
from service.wastewater.sample_panel import Panel
from service.wastewater.sample_series import Measures, SampleRows, or_none

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: The model's names of the methods that are called otherwise in requests.
_MODEL_METHODS = {"farrington": "regression", "ears-c1": "c1", "ears-c2": "c2", "ears-c3": "c3"}

_FIGURES = (
    "latest", "baseline", "upper", "z", "p", "activity_level", "trend_slope_pct", "n_samples", "n_censored",
    "n_campaigns", "n_baseline",
)  # fmt: skip

#: What speaks of now, and so is not said of a stale series.
_OF_NOW = ("z", "p", "activity_level", "trend_slope_pct")


@dataclass(frozen=True)
class States:
    """The states of all series, and for every row the campaign that it is in.

    `of_series` are columns of shape (n_series,): the figures of `models.surveillance`, NaN or unknown where a
    series is stale and they would speak of now, beside `state`, `alarm` (None where nothing can be said),
    `last_sample` and `reason`. `of_rows` are columns of shape (n_rows,): `campaign`, counted from 1 in each
    series and 0 for rows in none, `is_latest`, and of that campaign its `mean`, `baseline`, `upper` and
    whether it `exceeds` its limit. `as_of` is the newest day of all rows; None without any.
    """

    of_series: dict[str, npt.NDArray[Any]]
    of_rows: dict[str, npt.NDArray[Any]]
    as_of: np.datetime64 | None


def states(inputs: SurveillanceInputs, rows: SampleRows, panel: Panel, tested: Measures) -> States:
    """Judge the series, those that share the control of false discoveries together."""
    as_of = newest_day(rows.day) if len(rows) else None
    of_series = {name: np.full(len(panel), np.nan) for name in (*_FIGURES, "q")}
    of_series |= {name: np.full(len(panel), None, dtype=object) for name in _TEXTS}
    of_series["last_sample"] = np.full(len(panel), np.datetime64("NaT"), dtype="datetime64[us]")
    of_rows: dict[str, npt.NDArray[Any]] = {"campaign": np.zeros(len(rows), dtype=np.int64)}
    of_rows |= {name: np.full(len(rows), np.nan) for name in ("mean", "baseline", "upper")}
    of_rows |= {
        "is_latest": np.zeros(len(rows), dtype=bool),
        "exceeds": np.full(len(rows), None, dtype=object),
    }
    left_out = _left_out_words(panel, tested)
    for members in _families(inputs, panel):
        mine = np.flatnonzero(np.isin(panel.series, members))
        own = np.searchsorted(members, panel.series[mine])
        found = _judged(inputs, rows, tested, mine, own, len(members))
        counted = _counted(rows, tested, mine, own, len(members))
        for name, values in _of_series(inputs, found, counted, as_of).items():
            of_series[name][members] = values
        for name, values in _of_rows(inputs, found, own).items():
            of_rows[name][mine] = values
        for place, number in enumerate(members):
            model_words = found.reason[place] if found.n_samples[place] else counted.reasons[place]
            words = _words(inputs, model_words, left_out[number], tested.told[number])
            before = of_series["reason"][number]
            of_series["reason"][number] = "; ".join([*([before] if before else []), *words]) or None
    return States(of_series, of_rows, as_of)


_TEXTS = ("trend", "p_method", "state", "alarm", "reason")


def _families(inputs: SurveillanceInputs, panel: Panel) -> list[Integers]:
    """Return the series, in families over which false discoveries are controlled."""
    if inputs.correction == "all":
        return [np.arange(len(panel))]
    return [np.flatnonzero(panel.analyte == number) for number in np.unique(panel.analyte)]


def _judged(
    inputs: SurveillanceInputs,
    rows: SampleRows,
    tested: Measures,
    mine: Integers,
    own: Integers,
    n_series: int,
) -> Surveillance:
    """Run the model on one family; rows that were left out are in no series."""
    return surveillance(
        np.where(tested.left_out[mine] == "", own, -1),
        rows.day[mine],
        tested.value[mine],
        rows.is_below[mine],
        tested.limit[mine],
        n_series=n_series,
        alpha=inputs.alpha,
        side=inputs.side,
        method=_MODEL_METHODS.get(inputs.method, inputs.method),
        min_baseline=inputs.min_baseline,
        guard=inputs.guard,
        lookback_days=inputs.lookback_days,
        trend_campaigns=inputs.trend_campaigns,
        gap_days=inputs.gap_days,
        max_days=inputs.max_days,
        nondetect=inputs.nondetect,
    )


@dataclass(frozen=True)
class _Counted:
    """The samples of each series that were not left out; `reasons` where none of them has a number."""

    n_samples: Integers
    n_censored: Integers
    last_sample: npt.NDArray[np.datetime64]
    last_day: npt.NDArray[np.datetime64]
    reasons: list[str]


def _counted(rows: SampleRows, tested: Measures, mine: Integers, own: Integers, n: int) -> _Counted:
    used = tested.left_out[mine] == ""
    at, series = mine[used], own[used]
    last = {"start": np.full(n, np.datetime64("NaT"), "datetime64[us]")}
    last["day"] = last["start"].astype("datetime64[D]")
    for name, values in last.items():
        np.fmax.at(values, series, getattr(rows, name)[at])
    n_samples = np.bincount(series, minlength=n)
    reasons = [f"{number:,} samples, all below a limit that is not told" for number in n_samples.tolist()]
    reasons = [words if number else "no sample" for words, number in zip(reasons, n_samples, strict=True)]
    n_censored = np.bincount(series[rows.is_below[at]], minlength=n)
    return _Counted(n_samples, n_censored, last["start"], last["day"], reasons)


def _of_series(
    inputs: SurveillanceInputs, found: Surveillance, counted: _Counted, as_of: np.datetime64 | None
) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of one family; q is over those of its series that are not stale."""
    silence = longest_silence_days(usual_interval_days(found.campaigns, len(found)))
    if inputs.stale_days != "auto":
        silence = np.full(len(found), float(inputs.stale_days))
    stale = np.zeros(len(found), dtype=bool)
    if as_of is not None:
        stale = is_stale(counted.last_day, as_of, silence)
    columns: dict[str, npt.NDArray[Any]] = {
        name: np.array(getattr(found, name), dtype=float) for name in _FIGURES
    }
    for name in _OF_NOW:
        columns[name][stale] = np.nan
    q = benjamini_hochberg(columns["p"])
    alarm = or_none(q <= inputs.alpha, ~np.isnan(q))
    state = np.where(np.isnan(q), "unknown", np.where(q <= inputs.alpha, "alarm", "normal")).astype(object)
    state[stale] = "stale"
    state[counted.n_samples == 0] = "no data"
    reason = np.full(len(found), "", dtype=object)
    for place in np.flatnonzero(stale):
        reason[place] = _stale_words(counted.last_day[place], as_of, silence[place])
    return {
        **columns,
        "n_samples": counted.n_samples,
        "n_censored": counted.n_censored,
        "last_sample": counted.last_sample,
        "q": q,
        "alarm": alarm,
        "state": state,
        "trend": np.where(stale, "unknown", found.trend).astype(object),
        "p_method": or_none(found.p_method, ~np.isnan(q)),
        "reason": reason,
    }


def _stale_words(last_day: Any, as_of: Any, silence: float) -> str:
    behind = int(np.subtract(as_of, last_day).astype("timedelta64[D]").astype(np.int64))
    return (
        f"stale: last sample on {last_day}, {behind:,} days behind the newest of the layer"
        f" (more than {silence:g}): nothing is said of now"
    )


def _of_rows(inputs: SurveillanceInputs, found: Surveillance, own: Integers) -> dict[str, npt.NDArray[Any]]:
    """Return the campaign of each row and how that campaign was judged; the latest as its series was."""
    past = hindsight(
        found.campaigns,
        alpha=inputs.alpha,
        side=inputs.side,
        method=_MODEL_METHODS.get(inputs.method, inputs.method),
        min_baseline=inputs.min_baseline,
        guard=inputs.guard,
        lookback_days=inputs.lookback_days,
    )
    series, numbers = found.campaigns.series, np.arange(len(found))
    first, end = np.searchsorted(series, numbers), np.searchsorted(series, numbers, side="right")
    has = end > first
    baseline, upper, p = past.baseline.copy(), past.upper.copy(), past.p.copy()
    for values, judged in ((baseline, found.baseline), (upper, found.upper), (p, found.p)):
        values[end[has] - 1] = judged[has]
    campaign = found.campaigns.samples.campaign
    inside, which = campaign >= 0, np.maximum(campaign, 0)
    if not len(found.campaigns):
        return {"campaign": np.zeros(len(own), dtype=np.int64)}
    exceeds = or_none(p <= inputs.alpha, ~np.isnan(p))
    return {
        "campaign": np.where(inside, which - first[own] + 1, 0),
        "is_latest": inside & (which == end[own] - 1),
        "mean": np.where(inside, np.exp(found.campaigns.log_mean)[which], np.nan),
        "baseline": np.where(inside, baseline[which], np.nan),
        "upper": np.where(inside, upper[which], np.nan),
        "exceeds": or_none(exceeds[which], inside),
    }


def _left_out_words(panel: Panel, tested: Measures) -> list[list[str]]:
    """Return for each series how many of its samples were left out, and why."""
    counts: list[Counter[str]] = [Counter() for _ in range(len(panel))]
    for number in panel.series[tested.left_out == ""].tolist():
        counts[number][""] += 1
    for row in np.flatnonzero(tested.left_out != ""):
        counts[panel.series[row]][tested.left_out[row]] += 1
    return [
        [f"{n:,} of {some.total():,} samples left out: {why}" for why, n in some.most_common() if why]
        for some in counts
    ]


def _words(inputs: SurveillanceInputs, model_reason: str, left_out: list[str], told: list[str]) -> list[str]:
    """Return what is to say of one series besides its being stale."""
    if model_reason != "no sample":
        return [*([model_reason] if model_reason else []), *left_out, *told]
    if left_out:
        return ["no usable sample", *left_out]
    return [f"no samples from this sewershed{' in the selected time' if inputs.datetime else ''}"]
