"""`forecast`: the incidents that each cell is to expect next, and what such forecasts were worth before."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from data.store import Layer, Store
from models.errors import TooFewObservations
from models.forecast import BASELINE, LEAST_BACKTEST, LEAST_HISTORY, Forecast, forecast
from models.hit_rates import HitRates, hit_rates
from service.analyses.carried import NO_TEST, with_carried
from service.analyses.findings import Finding, Findings, Progress
from service.analyses.gridded import area_told, selection_of, study_area
from service.analyses.provenance import emberline_member, timestamp
from service.layer_kinds import incident_layer
from service.parameters import ForecastInputs
from service.time_bins import BinnedCounts, Bins, Width, bins_of, counted_by_bin, covered, width_of
from spatial.grid import areas_km2, boundaries, hex_strings
from spatial.neighbors import neighbor_index
from spatial.study_area import StudyArea

Floats = npt.NDArray[np.float64]

#: The model that had been best before each period, beside the models themselves.
CHOSEN = "chosen"
_DIGITS = 6


@dataclass(frozen=True)
class _Question:
    """What is forecast: whole periods, and the incidents of each cell in them."""

    layer: Layer
    area: StudyArea
    bins: Bins
    width: Width
    counted: BinnedCounts
    areas: Floats

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.layer.timezone)

    @property
    def edges(self) -> list[str]:
        """Local edges of the periods, and the end of the one that is forecast."""
        last = self.bins.edges[-1]
        if self.width.months:
            following = (last.astype("datetime64[M]") + self.width.months).astype("datetime64[m]")
        else:
            following = (last + np.timedelta64(int(self.width.fixed.total_seconds()), "s")).astype(
                "datetime64[m]"
            )
        return [*(str(edge) for edge in self.bins.edges.astype("datetime64[m]")), str(following)]

    @property
    def season(self) -> int | None:
        """Periods of a year, where a year is several of them."""
        if self.width.months:
            return 12 // self.width.months if self.width.months in (1, 2, 3, 4, 6) else None
        days = self.width.fixed / timedelta(days=1)
        return round(365.25 / days) if 1 <= days <= 92 else None


def forecast_findings(
    store: Store,
    inputs: ForecastInputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
) -> Findings:
    """One feature per cell with what it is to expect; and a table of the hit rates of every model."""
    question = _question(store, inputs, max_cells, progress)
    progress(f"forecasting {len(question.bins):,} periods of {len(question.area.cells):,} cells")
    index = neighbor_index(question.area.cells)
    found = forecast(
        question.counted.counts,
        index,
        model=inputs.model,
        backtest=inputs.backtest,
        season=question.season,
        seed=inputs.seed,
    )
    rates = _rates(inputs, question, found)
    told = with_carried(
        store,
        question.layer,
        question.area,
        selection_of(question.layer, inputs),
        question.counted.counts.sum(axis=1),
        _diagnostics(inputs, question, found, rates),
        index=index,
    )
    # Last: what a reader of the forecast needs least.
    told["notes"] += [f"left out {part}" for part in question.bins.dropped]
    emberline = emberline_member("forecast", store, inputs, told)
    makers: dict[str, Callable[[], Finding]] = {
        "cells": lambda: _cells(question, found),
        "backtest": lambda: _table(question, found, rates),
    }
    return Findings(
        run=emberline["run"],
        emberline=emberline,
        timestamp=timestamp(store, inputs),
        collections={name: make() for name, make in makers.items() if only in (None, name)},
    )


def _question(store: Store, inputs: ForecastInputs, max_cells: int, progress: Progress) -> _Question:
    """Count the incidents of all whole periods.

    Raises
    ------
    TooFewObservations
        If there are fewer periods than a forecast with its back-test needs.
    """
    layer = incident_layer(store, inputs.layer)
    width = width_of(inputs.bin)
    selection = selection_of(layer, inputs)
    bins = bins_of(covered(store, layer), selection, width, inputs.align)
    needed = LEAST_HISTORY + LEAST_BACKTEST
    if len(bins) < needed:
        raise TooFewObservations(
            f"forecast needs at least {needed} whole periods of {inputs.bin}, got {len(bins)} (from"
            f" {bins.starts[0]}): a shorter bin or a longer history fits"
        )
    area = study_area(store, [layer], inputs, max_cells)
    progress(f"counting incidents in {len(area.cells):,} cells and {len(bins):,} periods")
    counted = counted_by_bin(store, layer, area, selection, bins)
    return _Question(layer, area, bins, width, counted, areas_km2(area.cells))


def _cells(question: _Question, found: Forecast) -> Finding:
    names = hex_strings(question.area.cells)
    columns: dict[str, Any] = {
        "h3": names,
        "expected": _significant(found.expected),
        "low": found.low.astype(np.int64),
        "high": found.high.astype(np.int64),
        "rank": found.rank,
        "last_count": question.counted.counts[:, -1],
    }
    return Finding("", "cells", names, boundaries(question.area.cells), columns)


def _significant(values: Floats) -> Floats:
    """Return values with as many significant digits as make sense."""
    scale = 10.0 ** (_DIGITS - 1 - np.floor(np.log10(values)))
    rounded: Floats = np.round(values * scale) / scale
    return rounded


# Hit rates

_Rates = dict[float, dict[str, list[HitRates]]]


def _rates(inputs: ForecastInputs, question: _Question, found: Forecast) -> _Rates:
    """Return by area share and model the hit rates of every tested period."""
    tested, counts = found.backtest, question.counted.counts
    before = np.cumsum(counts, axis=1)
    scores = {**tested.expected, CHOSEN: tested.expected_by_choice()}
    return {
        share: {
            model: [
                hit_rates(values[row], counts[:, t], question.areas, share, before=before[:, t - 1])
                for row, t in enumerate(tested.periods)
            ]
            for model, values in scores.items()
        }
        for share in dict.fromkeys(inputs.area_share)
    }


def _pooled(rates: list[HitRates]) -> dict[str, float | None]:
    """Return the hit rates of all periods together: sums over sums."""
    hits, incidents = sum(one.hits for one in rates), sum(one.incidents for one in rates)
    best = sum(one.best_hits for one in rates)
    if not incidents:
        return {"pai": None, "pei": None, "rri": None}
    known = [one for one in rates if one.share_before > 0 and one.incidents > 0]
    recaptured = sum(one.hits for one in known)
    before = sum(one.share_before * one.incidents for one in known)
    return {
        "pai": _or_none(hits / incidents / (rates[0].area / rates[0].total_area)),
        "pei": _or_none(hits / best),
        "rri": _or_none(recaptured / before if before else np.nan),
    }


def _table(question: _Question, found: Forecast, rates: _Rates) -> Finding:
    """Return one row per tested period, area share and model."""
    edges, tested = question.edges, found.backtest
    rows: list[dict[str, Any]] = []
    starts, ends = [], []
    for row, t in enumerate(tested.periods.tolist()):
        for share, by_model in rates.items():
            for model in tested.expected:
                one = by_model[model][row]
                rows.append(
                    {
                        "id": f"{edges[t]}.{share:g}.{model}",
                        "period_start": edges[t],
                        "period_end": edges[t + 1],
                        "model": model,
                        "chosen": model == tested.chosen[row],
                        "area_share": share,
                        "n_cells": one.n_cells,
                        "area_km2": round(one.area, _DIGITS),
                        "incidents": one.incidents,
                        "hits": round(one.hits, _DIGITS),
                        "pai": _or_none(one.pai),
                        "pei": _or_none(one.pei),
                        "rri": _or_none(one.rri),
                        "deviance": _or_none(float(tested.loss[model][row])),
                    }
                )
                starts.append(question.bins.instant(t, question.zone))
                ends.append(question.bins.instant(t + 1, question.zone))
    fids = [str(one.pop("id")) for one in rows]
    columns: dict[str, Any] = {name: [one[name] for one in rows] for name in rows[0]}
    for name in ("pai", "pei", "rri"):
        columns[name] = np.array(columns[name], dtype=np.float64)
    when = [np.array(some, dtype="datetime64[us]") for some in (starts, ends)]
    return Finding(".backtest", "back-test", fids, None, columns, start=when[0], end=when[1])


# What is told of a run


def _diagnostics(
    inputs: ForecastInputs, question: _Question, found: Forecast, rates: _Rates
) -> dict[str, Any]:
    counted, edges, tested = question.counted, question.edges, found.backtest
    totals = counted.counts.sum(axis=0)
    told: dict[str, Any] = {
        **area_told(question.area, counted.found, counted.outside_area),
        **NO_TEST,
        "study_area_km2": round(float(question.areas.sum()), 3),
        "outside_periods": counted.outside_bins,
        "measure": counted.measure,
        "timezone": question.layer.timezone,
        "periods": len(question.bins),
        "first_period": edges[0],
        "forecast_start": edges[-2],
        "forecast_end": edges[-1],
        "expected_total": round(float(found.expected.sum()), 3),
        "model": found.model,
        "model_why": _why(inputs, found),
        "deviance": {name: round(float(loss.mean()), _DIGITS) for name, loss in tested.loss.items()},
        "half_life_periods": found.half_life if np.isfinite(found.half_life) else None,
        "prior_periods": found.prior,
        "interval": "holds at least 90 % of the counts: negative binomial, dispersion from the back-test",
        "phi": round(found.phi, _DIGITS),
        "interval_coverage": round(found.coverage, 4),
        "interval_coverage_busy": _or_none(round(found.coverage_busy, 4)),
        "backtest": [
            {
                "start": edges[t],
                "end": edges[t + 1],
                "incidents": totals[t].item(),
                "chosen": tested.chosen[row],
            }
            for row, t in enumerate(tested.periods.tolist())
        ],
        "baseline": f"{BASELINE}: same cells as last period",
        "area_share": list(rates),
    }
    for name in ("pai", "pei", "rri"):
        told[name] = {
            f"{share:g}": {
                model: [_or_none(getattr(one, name)) for one in some] for model, some in by_model.items()
            }
            for share, by_model in rates.items()
        }
    told["pooled"] = {
        f"{share:g}": {model: _pooled(some) for model, some in by_model.items()}
        for share, by_model in rates.items()
    }
    return {**told, "notes": _notes(question, found, told, totals)}


def _why(inputs: ForecastInputs, found: Forecast) -> str:
    if inputs.model != "auto":
        return "as asked for"
    return (
        f"smallest Poisson deviance in {len(found.backtest.periods)} periods, each forecast from those"
        f" before; in the back-test `{CHOSEN}` is what had been best before each period"
    )


def _notes(
    question: _Question, found: Forecast, told: Mapping[str, Any], totals: npt.NDArray[Any]
) -> list[str]:
    """Return what a reader must know, in sentences."""
    notes = [
        "a forecast says where incidents were recorded and will be again; where recording follows attention,"
        " acting on it alone feeds it back"
    ]
    if coarse := told["rows_with_coarse_time"]:
        notes.append(
            f"{coarse:,} incidents are known only to the month or year: they count in the period of"
            " its first day"
        )
    if told["measure"] == "weight":
        notes.append("counts are sums of the layer's weight: a row stands for that many incidents")
    empty = len(totals) - 1 - int(np.flatnonzero(totals).max(initial=-1))
    if empty:
        notes.append(
            f"the last {empty:,} periods hold no incident: if the data end earlier or a time is mistyped,"
            " datetime=../LAST gives the end"
        )
    for share, by_model in told["pooled"].items():
        own, naive = by_model[CHOSEN]["pai"], by_model[BASELINE]["pai"]
        is_whole = float(share) >= 1  # any order of the cells finds all there
        if is_whole or found.model == BASELINE or own is None or naive is None or own > naive:
            continue
        notes.append(
            f"at {_percent(float(share))} of the area the forecast was worth no more (PAI {own:.2f}) than the"
            f" same cells as last period ({naive:.2f})"
        )
    return notes


def _percent(share: float) -> str:
    """Return a share in percent with as many digits as tell it.

    Examples
    --------
    >>> [_percent(share) for share in (0.0004, 0.005, 0.05, 0.999, 0.00000012)]
    ['0.04 %', '0.5 %', '5 %', '99.9 %', '0.000012 %']
    """
    return f"{np.format_float_positional(100 * share, precision=3, fractional=False, trim='-')} %"


def _or_none(value: float) -> float | None:
    return round(float(value), _DIGITS) if np.isfinite(value) else None
