"""Wastewater of the made city: a laboratory's file of opioids in the five sewersheds, a week each month.

A load is the sewershed's usual one times what is planted times chance: a log-normal factor for the campaign,
part of which the drug and its metabolite share, and another for the day. The laboratory reports the
concentration that this load has in the flow of the day.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from data.samples.export import Table
from data.samples.layout import END, START, Floats, stream
from data.samples.rhythm import DAY_S, texts
from data.samples.sewersheds import Sewersheds
from data.samples.streets import Bools, Ints

Days = NDArray[np.datetime64]

#: Standard deviations of the logarithms: what a drug's analytes share in a campaign and what each has of its
#: own (together .2), the day, and the flow of campaign and day.
SHARED_SD, OWN_SD, DAY_SD = 0.15, 0.13, 0.22
FLOW_CAMPAIGN_SD, FLOW_DAY_SD = 0.05, 0.04
#: The last campaigns stay within this share of the middle of their law: only what is planted stands out.
QUIET_CAMPAIGNS, QUIET_SHARE = 2, 0.5

CAMPAIGN_DAYS = 7
STARTS_AT_S = 7 * 3600
LITRES_PER_MGD = 3.785411784e6
FLOW_MGD_PER_1000 = 0.098
#: The laboratory changed its method on this day.
NEW_METHOD_SINCE = "2024-07-01"
MISSED_CAMPAIGN = ("SW-5", "2024-07")
REPLICATED = ("SW-3", "2025-09", 2)
CORRECTED = ("SW-1", "2025-06", 3, "codeine")
#: Share of the days on which a sampler failed.
FAILED_SHARE = 0.03


@dataclass(frozen=True)
class Analyte:
    """A substance.

    `load` is the usual one in mg a day per 1,000 people; `limits` are those of detection in ng/L, before and
    since the new method; `weekend` is the factor on Saturdays and Sundays.
    """

    name: str
    drug: str
    load: float
    limits: tuple[float, float]
    weekend: float


@dataclass(frozen=True)
class Change:
    """What is planted in a sewershed: the factor on some analytes, straight on the log scale between days.

    `course` says rise or intervention; `is_alarm` whether the latest campaign stands out from its history.
    """

    id: str
    title: str
    sewershed: str
    analytes: tuple[str, ...]
    course: str
    since: str
    factors: tuple[tuple[str, float], ...]
    is_alarm: bool = False
    works: bool | None = None
    incidents: str | None = None

    def factor(self, day: Days) -> Floats:
        """Return the factor of each day."""
        days, factors = zip(*self.factors, strict=True)
        known = np.array(days, dtype="datetime64[D]").astype(float)
        return np.asarray(np.exp(np.interp(day.astype(float), known, np.log(factors))))


@dataclass(frozen=True)
class _Composites:
    """One entry per composite sample: sewershed, first day, campaign, number of the day within it, flow."""

    shed: Ints
    day: Days
    campaign: Ints
    number: Ints
    flow_mgd: Floats


ANALYTES = (
    Analyte("fentanyl", "fentanyl", 2.6, (1.5, 1.0), 1.06),
    Analyte("norfentanyl", "fentanyl", 8.0, (2.0, 1.5), 1.04),
    Analyte("heroin-6-MAM", "heroin", 0.75, (2.5, 1.5), 1.05),
    Analyte("oxycodone", "oxycodone", 20.0, (2.0, 2.0), 0.98),
    Analyte("noroxycodone", "oxycodone", 35.0, (2.5, 2.5), 0.98),
    Analyte("codeine", "codeine", 16.0, (2.5, 2.5), 0.97),
)
_FENTANYL = ("fentanyl", "norfentanyl")
_OXYCODONE = ("oxycodone", "noroxycodone")

CHANGES = (
    Change("wastewater-fentanyl-rise", "Fentanyl that rises in the last two campaigns", "SW-2", _FENTANYL,
           "rise", "2025-11-10", (("2025-11-09", 1.0), ("2025-11-10", 2.5)), True,
           incidents="ems-opioid-rise"),
    Change("wastewater-fentanyl-known", "Fentanyl that rose the year before and stays high", "SW-4",
           _FENTANYL, "rise", "2024-07-01", (("2024-07-01", 1.0), ("2025-01-01", 1.6)),
           incidents="ems-opioid-district"),
    Change("wastewater-outreach", "Fentanyl before and after street outreach (it works)", "SW-3", _FENTANYL,
           "intervention", "2024-10-01", (("2024-10-01", 1.5), ("2025-04-01", 0.85)), works=True,
           incidents="ems-opioid-outreach"),
    Change("wastewater-hotline", "Fentanyl before and after a hotline campaign (it does not work)", "SW-5",
           _FENTANYL, "intervention", "2024-10-01", (("2024-10-01", 1.0), ("2025-10-01", 1.0)), works=False,
           incidents="ems-opioid-hotline"),
    Change("wastewater-clinic", "Oxycodone that falls since a pain clinic was closed (it works)", "SW-1",
           _OXYCODONE, "intervention", "2025-05-15", (("2025-05-15", 1.0), ("2025-12-01", 0.2)), works=True),
)  # fmt: skip

#: How much of each drug there is, compared with the city.
_LEVELS = {
    "fentanyl": (0.7, 0.9, 1.5, 1.2, 1.1), "heroin": (0.8, 0.9, 1.5, 1.2, 0.9),
    "oxycodone": (1.1, 1.0, 0.9, 1.0, 1.0), "codeine": (0.9, 1.0, 1.1, 1.0, 1.1),
}  # fmt: skip


def wastewater(sheds: Sewersheds, seed: int) -> tuple[Table, Ints, dict[str, object]]:
    """Return the table of results, the order of its rows in the file, and its part of the truth."""
    rng = stream(seed, "wastewater")
    taken = _composites(rng, sheds)
    concentration = _concentrations(rng, sheds, taken)
    n_analytes = len(ANALYTES)
    twice = np.flatnonzero(_is_composite(sheds, taken, *REPLICATED))
    composite = np.concatenate([np.repeat(np.arange(len(taken.day)), n_analytes), twice.repeat(n_analytes)])
    analyte = np.tile(np.arange(n_analytes), len(taken.day) + len(twice))
    is_second = np.arange(len(composite)) >= len(taken.day) * n_analytes
    value = concentration[composite, analyte] * np.where(is_second, rng.lognormal(0, 0.06, len(composite)), 1)
    is_new = taken.day[composite] >= np.datetime64(NEW_METHOD_SINCE)
    limit = np.array([one.limits for one in ANALYTES])[analyte, is_new.astype(int)]
    is_wrong = _is_composite(sheds, taken, *CORRECTED[:3])[composite] & (analyte == _number_of(CORRECTED[3]))
    table = _table(sheds, taken, composite, analyte, is_second, value, limit)
    order = np.concatenate([np.argsort(composite, kind="stable"), _corrected(table, is_wrong)])
    return table, order, _truth(sheds, taken, table, order)


def campaign_starts() -> Days:
    """Return the Mondays on which the weeks of sampling begin: the second of each month."""
    months = np.arange(START[:7], END[:7], dtype="datetime64[M]").astype("datetime64[D]")
    weekday = (months.astype(int) + 3) % 7
    return np.asarray(months + (7 - weekday) % 7 + 7)


def _composites(rng: np.random.Generator, sheds: Sewersheds) -> _Composites:
    """Return what was sampled: every day of every campaign, but for what was missed."""
    starts, n_sheds = campaign_starts(), len(sheds.id)
    shed, campaign, number = (
        axis.ravel()
        for axis in np.meshgrid(
            np.arange(n_sheds), np.arange(len(starts)), np.arange(CAMPAIGN_DAYS), indexing="ij"
        )
    )
    day = starts[campaign] + number
    month = day.astype("datetime64[M]")
    log_flow = rng.normal(0, FLOW_CAMPAIGN_SD, (n_sheds, len(starts)))[shed, campaign]
    log_flow += rng.normal(0, FLOW_DAY_SD, len(day))
    # Late summer brings storms, and the sewers some of their water.
    log_flow += np.where(np.isin(month.astype(int) % 12, (6, 7)), 0.1, 0.0)
    flow = FLOW_MGD_PER_1000 * sheds.population[shed] / 1000 * np.exp(log_flow)
    every = _Composites(shed, day, campaign, number, np.round(flow, 3))
    is_missed = (shed == sheds.index(MISSED_CAMPAIGN[0])) & (month == np.datetime64(MISSED_CAMPAIGN[1]))
    is_failed = rng.random(len(day)) < FAILED_SHARE
    is_needed = _is_composite(sheds, every, *REPLICATED) | _is_composite(sheds, every, *CORRECTED[:3])
    kept = np.flatnonzero(~is_missed & (~is_failed | is_needed))
    kept = kept[np.lexsort((shed[kept], day[kept]))]
    return _Composites(shed[kept], day[kept], campaign[kept], number[kept], every.flow_mgd[kept])


def _concentrations(rng: np.random.Generator, sheds: Sewersheds, taken: _Composites) -> Floats:
    """Return the true concentrations in ng/L, one row per composite, one column per analyte."""
    n_sheds, n_campaigns = len(sheds.id), len(campaign_starts())
    drugs = list(_LEVELS)
    shared = _deviates(rng, (n_sheds, n_campaigns, len(drugs))) * SHARED_SD
    own = _deviates(rng, (n_sheds, n_campaigns, len(ANALYTES))) * OWN_SD
    log_load = rng.normal(0, DAY_SD, (len(taken.day), len(ANALYTES)))
    log_load += (shared[:, :, [drugs.index(one.drug) for one in ANALYTES]] + own)[taken.shed, taken.campaign]
    log_load += np.log([one.load for one in ANALYTES])
    log_load += np.log([_LEVELS[one.drug] for one in ANALYTES]).T[taken.shed]
    log_load += np.where((taken.number >= 5)[:, None], np.log([one.weekend for one in ANALYTES]), 0.0)
    for change in CHANGES:
        there = np.flatnonzero(taken.shed == sheds.index(change.sewershed))
        columns = np.array([_number_of(name) for name in change.analytes])
        log_load[np.ix_(there, columns)] += np.log(change.factor(taken.day[there]))[:, None]
    litres_per_1000 = taken.flow_mgd * LITRES_PER_MGD / (sheds.population[taken.shed] / 1000)
    return np.asarray(np.exp(log_load) * 1e6 / litres_per_1000[:, None])


def _deviates(rng: np.random.Generator, shape: tuple[int, int, int]) -> Floats:
    """Return standard normal deviates, those of the last campaigns from the middle of their law."""
    share = rng.random(shape)
    share[:, -QUIET_CAMPAIGNS:] = 0.5 + QUIET_SHARE * (share[:, -QUIET_CAMPAIGNS:] - 0.5)
    return np.asarray(ndtri(share))


def _is_composite(sheds: Sewersheds, taken: _Composites, shed: str, month: str, number: int) -> Bools:
    """Return where one composite stands: that of a sewershed, month and day within the campaign."""
    in_month = taken.day.astype("datetime64[M]") == np.datetime64(month)
    return np.asarray((taken.shed == sheds.index(shed)) & in_month & (taken.number == number))


def _number_of(analyte: str) -> int:
    return [one.name for one in ANALYTES].index(analyte)


def _table(
    sheds: Sewersheds,
    taken: _Composites,
    composite: Ints,
    analyte: Ints,
    is_second: Bools,
    value: Floats,
    limit: Floats,
) -> Table:
    shed, day = taken.shed[composite], taken.day[composite]
    start = day.astype("datetime64[s]").astype(np.int64) + STARTS_AT_S
    is_below, is_low = value < limit, value < 3 * limit
    word = np.where(day < np.datetime64(NEW_METHOD_SINCE), "ND", "<LOD")
    compact = np.strings.replace(np.datetime_as_string(day), "-", "")
    ids = np.strings.replace(np.array(sheds.id), "-", "")[shed].astype(object) + "-" + compact.astype(object)
    return {
        "Sample_ID": ids.tolist(),
        "Sewershed": np.array(sheds.id)[shed].tolist(),
        "Collection_Start": [text[:-3] for text in texts(start).tolist()],
        "Collection_End": [text[:-3] for text in texts(start + DAY_S).tolist()],
        "Analyte": np.array([one.name for one in ANALYTES])[analyte].tolist(),
        "Concentration": [
            text if below else float(f"{number:.3g}")
            for text, below, number in zip(word.tolist(), is_below.tolist(), value.tolist(), strict=True)
        ],
        "Unit": ["ng/L"] * len(shed),
        "LOD": limit.tolist(),
        "Flow_MGD": taken.flow_mgd[composite].tolist(),
        "Population_Served": sheds.population[shed].tolist(),
        "Replicate": np.where(is_second, 2, 1).tolist(),
        "QC_Flag": np.select([is_below, is_low, is_second], ["U", "J", "D"], "").tolist(),
    }


def _corrected(table: Table, is_wrong: Bools) -> Ints:
    """Let a slip of the decimal point stand in some rows; add the rows that the laboratory sent later."""
    for row in np.flatnonzero(is_wrong).tolist():
        for name, values in table.items():
            values.append("C" if name == "QC_Flag" else values[row])
        right = table["Concentration"][row]
        table["Concentration"][row] = round(float(str(right)) * 10, 3)
    return np.arange(len(is_wrong), len(is_wrong) + int(is_wrong.sum()))


def _truth(sheds: Sewersheds, taken: _Composites, table: Table, order: Ints) -> dict[str, object]:
    n_below = sum(value in ("ND", "<LOD") for value in table["Concentration"])
    n_possible = len(sheds.id) * len(campaign_starts()) * CAMPAIGN_DAYS
    n_missed = CAMPAIGN_DAYS
    return {
        "rows": len(order), "distinct_rows": len(order) - 1, "composites": len(taken.day),
        "campaigns": len(np.unique(taken.shed * 1000 + taken.campaign)), "below_limit": n_below,
        "missed_campaign": {"sewershed": MISSED_CAMPAIGN[0], "month": MISSED_CAMPAIGN[1]},
        "missing_days": n_possible - n_missed - len(taken.day),
        "replicate_pair": {"sewershed": REPLICATED[0], "month": REPLICATED[1], "rows": 2 * len(ANALYTES)},
        "correction": {
            "sewershed": CORRECTED[0], "month": CORRECTED[1], "analyte": CORRECTED[3],
            "value": table["Concentration"][-1], "id": table["Sample_ID"][-1],
        },
        "changes": [_change_truth(change) for change in CHANGES],
    }  # fmt: skip


def _change_truth(change: Change) -> dict[str, object]:
    """Describe what is planted; `factors` are days and the factor on the load, straight on the log scale."""
    truth: dict[str, object] = {
        "id": change.id, "layer": "wastewater", "title": change.title, "sewershed": change.sewershed,
        "analytes": list(change.analytes), "course": change.course, "since": change.since,
        "factors": [list(point) for point in change.factors], "alarm": change.is_alarm,
    }  # fmt: skip
    if change.works is not None:
        truth |= {"intervention": change.since, "works": change.works}
    if change.incidents:
        truth["incidents"] = change.incidents
    return truth
