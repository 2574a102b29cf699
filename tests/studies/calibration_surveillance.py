"""Does the surveillance hold? False alarms on null series, steps caught, and the real series.

    python -m tests.studies.calibration_surveillance [--series 2000] [--out docs/calibration-surveillance.md]

A panel is what one analysis sees: a few series sampled by campaigns of seven daily composites a month, with
days and months left out and values below a limit. Every panel is made from its own seed. The real series are
described where `EMBERLINE_DATASETS` names them.
"""

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.surveillance import Surveillance, surveillance
from models.wastewater import concentrations
from tests.studies.page_sections import table_lines

WITHIN_SD = 0.2  # between the days of a campaign
CAMPAIGN_DAYS = 7
MISSED_DAYS = 0.1
MISSED_MONTHS = 0.1
BELOW_SHARE = 0.05  # of the days of a series at rest
GUARD = 2
STEP = np.log(2)
ALPHAS = (0.05, 0.01)
CAUGHT_BAR = 0.90
FEWEST_PANELS = 200


@dataclass(frozen=True)
class Design:
    """`n_series` series with `n_baseline` campaigns before the guard; log-sds of the campaigns' means."""

    n_series: int
    n_baseline: int
    sds: tuple[float, ...]

    @property
    def name(self) -> str:
        sds = " and ".join(f"{sd:g}" for sd in self.sds)
        return f"{self.n_series} series, {self.n_baseline} baseline campaigns, log-sd {sds}"


@dataclass(frozen=True)
class Panel:
    series: NDArray[np.int64]
    start: NDArray[np.datetime64]
    value: NDArray[np.float64]
    below: NDArray[np.bool_]
    limit: NDArray[np.float64]
    campaign: NDArray[np.int64]


def made_panel(design: Design, step: float, rng: np.random.Generator) -> Panel:
    """Return a panel whose first series rises by `step` in the last two of its campaigns."""
    m, n = design.n_series, design.n_baseline + GUARD + 2
    month = np.cumsum(1 + (rng.random((m, n)) < MISSED_MONTHS), axis=1)
    first = (np.datetime64("2020-01") + month).astype("datetime64[D]") + rng.integers(0, 10, (m, n))
    sd = np.resize(design.sds, m)[:, None]
    # The log-sd between campaigns is that of their geometric means; their days have a part in it.
    own_sd = np.sqrt(sd**2 - WITHIN_SD**2 / CAMPAIGN_DAYS)
    level = rng.normal(4, 1, (m, 1)) + own_sd * rng.normal(size=(m, n))
    level[0, -2:] += step
    log = level[:, :, None] + WITHIN_SD * rng.normal(size=(m, n, CAMPAIGN_DAYS))
    present = rng.random(log.shape) >= MISSED_DAYS
    present[:, :, 0] |= ~present.any(axis=2)
    limit = np.exp(np.quantile(log[:, :-2], BELOW_SHARE, axis=(1, 2)))
    series, campaign, day = np.nonzero(present)
    order = rng.permutation(len(series))
    series, campaign, day = series[order], campaign[order], day[order]
    value = np.exp(log[series, campaign, day])
    below = value < limit[series]
    start = first[series, campaign] + day
    return Panel(series, start, np.where(below, 0.0, value), below, limit[series], campaign)


def watched(panel: Panel, n_campaigns: int, method: str) -> Surveillance:
    """Return the surveillance of the first campaigns of a panel."""
    seen = panel.campaign < n_campaigns
    return surveillance(
        panel.series[seen],
        panel.start[seen],
        panel.value[seen],
        panel.below[seen],
        panel.limit[seen],
        method=method,
        guard=GUARD,
        lookback_days=5000,
    )


@dataclass(frozen=True)
class Figures:
    """By alpha. `p_share`: null series with p at most alpha; `alarms`: with an alarm; `panels`: with any.

    `first`, `caught`: steps alarmed at the first, at the first or second campaign; `other`: share of panels
    with a step in which a series without one is alarmed at the first campaign.
    """

    n_panels: int
    p_share: dict[float, float]
    alarms: dict[float, float]
    panels: dict[float, float]
    first: dict[float, float]
    caught: dict[float, float]
    other: dict[float, float]


def figures(design: Design, method: str, panels: int) -> Figures:
    p, q, q_first, q_second = (np.empty((panels, design.n_series)) for _ in range(4))
    n = design.n_baseline + GUARD + 1
    for seed in range(panels):
        null = watched(made_panel(design, 0.0, np.random.default_rng([seed, 1])), n, method)
        p[seed], q[seed] = null.p, null.q
        stepped = made_panel(design, STEP, np.random.default_rng([seed, 2]))
        q_first[seed], q_second[seed] = (watched(stepped, n + more, method).q for more in (0, 1))
    either = np.minimum(q_first[:, 0], q_second[:, 0])
    return Figures(
        n_panels=panels,
        p_share={a: float((p <= a).mean()) for a in ALPHAS},
        alarms={a: float((q <= a).mean()) for a in ALPHAS},
        panels={a: float((q <= a).any(axis=1).mean()) for a in ALPHAS},
        first={a: float((q_first[:, 0] <= a).mean()) for a in ALPHAS},
        caught={a: float((either <= a).mean()) for a in ALPHAS},
        other={a: float((q_first[:, 1:] <= a).any(axis=1).mean()) for a in ALPHAS},
    )


def false_alarm_bar(alpha: float, n: int) -> float:
    """Return the nominal share and three standard errors of a share of n."""
    return float(alpha + 3 * np.sqrt(alpha * (1 - alpha) / n))


CURVE = (0.2, 0.3, 0.4)
SIZES = ((1, 12), (5, 12), (5, 24), (20, 12))
HEAD = [
    "design",
    "method",
    "alpha",
    "null series with p ≤ alpha (%)",
    "with alarm (%)",
    "null panels with an alarm (%)",
    "step caught at once (%)",
    "within two campaigns (%)",
    "others alarmed beside a step (% of panels)",
]


def table(designs: list[Design], methods: tuple[str, ...], n_null_series: int) -> Iterator[list[str]]:
    """Yield the rows of one table; figures beyond their bar are bold."""
    for design in designs:
        panels = max(-(-n_null_series // design.n_series), FEWEST_PANELS)
        for method in methods[:1] if design.n_series == 1 else methods:
            found = figures(design, method, panels)
            for alpha in ALPHAS:
                yield [
                    design.name,
                    method,
                    f"{alpha:g}",
                    _percent(found.p_share[alpha], false_alarm_bar(alpha, panels * design.n_series)),
                    _percent(found.alarms[alpha], false_alarm_bar(alpha, panels * design.n_series)),
                    _percent(found.panels[alpha], false_alarm_bar(alpha, panels)),
                    _percent(found.first[alpha], 1),
                    _percent(found.caught[alpha], 1),
                    _percent(found.other[alpha], 1),
                ]


def _percent(share: float, bar: float) -> str:
    text = f"{100 * share:.1f}"
    return f"**{text}**" if share > bar else text


def nz_esr(folder: Path) -> tuple[list[str], Surveillance, int]:
    """Return the sites, their state, and the rows of the older release that the newer one repeats."""
    current, historic = (pd.read_csv(folder / f"data_{name}ww_data_all.csv.gz") for name in ("", "historic_"))
    both = pd.concat([current, historic], ignore_index=True)
    key = ["SampleLocation", "Collected", "Result", "sars_gcl", "copies_per_day_per_person"]
    # A row of the older release counts only where the newer one holds fewer equal rows.
    both["release"] = np.repeat(["current", "historic"], [len(current), len(historic)])
    both["ordinal"] = both.groupby(["release", *key], dropna=False).cumcount()
    rows = both.drop_duplicates([*key, "ordinal"])
    sites = sorted(rows["SampleLocation"].unique())
    value, _ = concentrations(rows["copies_per_day_per_person"].to_numpy(), "copies_per_day_per_person")
    found = surveillance(
        pd.Index(sites).get_indexer(rows["SampleLocation"]),
        pd.to_datetime(rows["Collected"]).to_numpy(),
        value,
        (rows["Result"] == "Not detected").to_numpy(),
    )
    return sites, found, len(both) - len(rows)


def twin_cities(folder: Path) -> Surveillance:
    """Return the state of the nine plants; only the first has a series."""
    rows = pd.read_csv(folder / "clean_load_data.csv.gz")
    value, _ = concentrations(rows["copies_day_person_M_mn"].to_numpy(), "million copies/person/day")
    return surveillance(np.zeros(len(rows), int), pd.to_datetime(rows["date"]).to_numpy(), value, n_series=9)


def real_rows(datasets: Path) -> Iterator[list[str]]:
    """Yield one row of figures for each real data set."""
    _, zealand, repeated = nz_esr(datasets / "wastewater/nz_esr")
    cities = twin_cities(datasets / "wastewater/twin_cities_metc")
    for name, found, note in (
        ("wastewater/nz_esr", zealand, f"{repeated:,} rows stand in both releases and count once"),
        (
            "wastewater/twin_cities_metc",
            cities,
            f"{(cities.n_samples == 0).sum()} sewersheds without a sample",
        ),
    ):
        trends = " / ".join(str(int((found.trend == t).sum())) for t in ("up", "flat", "down", "unknown"))
        yield [
            name,
            str(len(found)),
            f"{found.n_samples.sum():,}",
            f"{found.n_censored.sum():,}",
            f"{found.n_campaigns.sum():,}",
            str(int((~np.isnan(found.p)).sum())),
            str(int((found.p_method == "rank").sum())),
            str(int(found.alarm.sum())),
            trends,
            note,
        ]


REAL_HEAD = [
    "data set",
    "series",
    "samples",
    "below limit",
    "campaigns",
    "judged",
    "by rank",
    "alarms",
    "up / flat / down / unknown",
    "note",
]


def markdown(n_null_series: int, datasets: Path | None) -> str:
    """Return the whole page."""
    curve = [Design(m, n, (sd,)) for m, n in SIZES for sd in CURVE]
    options = [Design(5, 12, (0.2,))]
    uneven = [Design(5, 12, (0.2, 0.4)), Design(20, 12, (0.2, 0.4))]
    lines = [
        "# Calibration of the surveillance",
        "",
        "Made by `python -m tests.studies.calibration_surveillance "
        f"--series {n_null_series}`; seeds are fixed.",
        "",
        f"Log-normal series: campaigns of {CAMPAIGN_DAYS} daily composites a month, log-sd {WITHIN_SD:g} "
        f"between their days; {100 * MISSED_DAYS:g} % of the days, {100 * MISSED_MONTHS:g} % of the months "
        f"are left out, {100 * BELOW_SHARE:g} % of the days lie below the limit. The log-sd of a design is "
        f"that of the geometric means of full campaigns. Side hot; q over the series of a panel; {GUARD} "
        "campaigns between baseline and latest. The step is a doubling in one series of the panel.",
        "",
        f"Each figure rests on {n_null_series:,} null series or more and as many panels as they make, at "
        f"least {FEWEST_PANELS}, each once without and once with a step. Bold: false alarms above alpha and "
        "three standard errors. Wanted at log-sd 0.2 and alpha 0.05: none bold, and at least "
        f"{100 * CAUGHT_BAR:g} % of the steps caught within two campaigns.",
        "",
        "## The default, and each series by itself",
        "",
        "The more series share a panel, the stronger is the correction, and the fewer of the steps in a "
        "single series are caught: few analytes in one analysis see more than many.",
        "",
        *table_lines(HEAD, table(curve, ("moderated", "prediction"), n_null_series)),
        "",
        "## Panels of unlike series",
        "",
        "How variances that inform each other do where the series differ in spread.",
        "",
        *table_lines(HEAD, table(uneven, ("moderated", "prediction"), n_null_series)),
        "",
        "## The options",
        "",
        "The p of EARS C3 is that of its makers and known to be too small.",
        "",
        *table_lines(HEAD, table(options, ("robust", "regression", "c1", "c2", "c3"), n_null_series)),
        "",
    ]
    if datasets:
        lines += [
            "## Real series",
            "",
            "Default settings. The series follow epidemics and are no null series: their campaigns depend on "
            "those before them, so the alarms tell a high state against the two years before, not chance.",
            "",
            *table_lines(REAL_HEAD, real_rows(datasets)),
            "",
        ]
    return "\n".join(lines)


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--series", type=int, default=2000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    root = os.environ.get("EMBERLINE_DATASETS")
    text = markdown(arguments.series, Path(root) if root else None)
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
