"""`surveillance`: every series of wastewater samples against its own history, drawn on its sewershed."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data.engine import Selection
from data.store import Store
from models.activity import activity_names
from service.analyses.findings import Finding, Findings, Progress
from service.analyses.provenance import emberline_member, timestamp
from service.layer_kinds import layer_of_kind
from service.parameters import SurveillanceInputs, instants
from service.wastewater.sample_panel import Panel, panel_of
from service.wastewater.sample_series import (
    LOAD_UNITS,
    Measures,
    SampleRows,
    measures,
    or_none,
    sample_rows,
    spelled,
)
from service.wastewater.series_states import States, states
from service.wastewater.sewersheds import named_some

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

STATES = ("alarm", "normal", "unknown", "stale", "no data")

#: Findings on fewer people than this can point at single households: look before publishing them.
SMALL_POPULATION, TINY_POPULATION = 10_000, 3_000

_NO_SPATIAL_TEST = "none: each sewershed is judged against its own history, never against its neighbours"


def surveillance_findings(
    store: Store,
    inputs: SurveillanceInputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
) -> Findings:
    """Alarm, trend and activity level of every analyte in every sewershed; and all samples behind them."""
    layer = layer_of_kind(store, "layer", inputs.layer, "samples")
    progress("reading samples")
    selection = Selection(*instants(inputs.datetime, layer.timezone))
    rows = sample_rows(store, layer, selection, inputs.analyte)
    panel = panel_of(store, inputs, rows)
    tested = measures(
        rows,
        panel.series,
        len(panel),
        panel.people_of_rows(rows),
        measure=inputs.measure,
        excluded_quality=inputs.exclude_quality,
    )
    progress(f"judging {len(panel):,} series")
    found = states(inputs, rows, panel, tested)
    told = _diagnostics(inputs, rows, panel, tested, found)
    emberline = emberline_member("surveillance", store, inputs, {**told, "timezone": layer.timezone})
    makers: dict[str, Callable[[], Finding]] = {
        "alerts": lambda: _alerts(inputs, rows, panel, tested, found),
        "series": lambda: _series(inputs, rows, panel, tested, found),
    }
    return Findings(
        run=emberline["run"],
        emberline=emberline,
        timestamp=timestamp(store, inputs),
        collections={name: make() for name, make in makers.items() if only in (None, name)},
    )


def _alerts(
    inputs: SurveillanceInputs, rows: SampleRows, panel: Panel, tested: Measures, found: States
) -> Finding:
    """Return one feature per series: the latest state of an analyte, drawn on its sewershed."""
    state = found.of_series
    unit = np.array([*tested.unit, None], dtype=object)[:-1]
    keys = [panel.places.keys[place] for place in panel.place]
    analytes = [panel.analytes[number] for number in panel.analyte]
    columns: dict[str, Any] = {
        "sewershed": keys,
        "name": [panel.places.names[place] for place in panel.place],
        "analyte": analytes,
        "state": state["state"],
        "alarm": state["alarm"],
        "latest": state["latest"],
        "unit": unit,
        "load_mg_day_1000": _latest_load(rows, panel, tested, found),
        "baseline": state["baseline"],
        "upper": state["upper"],
        "z": state["z"],
        "p": state["p"],
        "q": state["q"],
        "p_method": state["p_method"],
        "activity_level": state["activity_level"],
        "activity_name": _activity_names(state, unit, analytes),
        "trend": state["trend"],
        "trend_slope_pct": state["trend_slope_pct"],
        "n_samples": _whole(state["n_samples"]),
        "n_censored": _whole(state["n_censored"]),
        "n_campaigns": _whole(state["n_campaigns"]),
        "n_baseline": _whole(state["n_baseline"]),
        "population": _people(rows, panel)[panel.place],
        "last_sample": state["last_sample"],
        "reason": state["reason"],
    }
    keep = np.flatnonzero(state["state"] == "alarm") if inputs.significant else np.arange(len(panel))
    taken = {name: _typed(name, _taken(values, keep)) for name, values in columns.items()}
    shapes = panel.places.shapes[panel.place[keep]] if inputs.sewersheds else None
    last = state["last_sample"][keep]
    return Finding("", "alerts", _fids(taken["sewershed"], taken["analyte"]), shapes, taken, start=last)


def _series(
    inputs: SurveillanceInputs, rows: SampleRows, panel: Panel, tested: Measures, found: States
) -> Finding:
    """Return one feature per selected sample, in time order: its value, and its campaign's limits."""
    of_rows, number = found.of_rows, panel.series
    is_used = tested.left_out == ""
    unit = np.array([*tested.unit, None], dtype=object)
    alarm = or_none(found.of_series["alarm"][number], of_rows["is_latest"])
    columns: dict[str, Any] = {
        "sewershed": [panel.places.keys[place] for place in panel.place_of_row],
        "name": [panel.places.names[place] for place in panel.place_of_row],
        "analyte": [rows.analytes[one] for one in rows.analyte],
        "start": rows.start,
        "end": rows.end,
        "day": np.datetime_as_string(rows.day).tolist(),
        "value": np.where(is_used & ~rows.is_below, tested.value, np.nan),
        "unit": or_none(unit[number], is_used),
        "load_mg_day_1000": tested.load_mg_day_1000,
        "below_limit": rows.is_below,
        "limit": np.where(is_used, tested.limit, np.nan),
        "campaign": pa.array(of_rows["campaign"], mask=of_rows["campaign"] == 0),
        "campaign_mean": of_rows["mean"],
        "baseline": of_rows["baseline"],
        "upper": of_rows["upper"],
        "exceeds": of_rows["exceeds"],
        "alarm": alarm,
        "left_out": or_none(tested.left_out, ~is_used),
    }
    keep = np.arange(len(rows))
    if inputs.significant:
        keep = np.flatnonzero(found.of_series["state"][number] == "alarm")
    taken = {name: _typed(name, _taken(values, keep)) for name, values in columns.items()}
    fids = [rows.ids[row] for row in keep]
    return Finding(".series", "series", fids, None, taken, start=rows.start[keep])


#: Columns of objects, with the type that they have even where all of them are null.
_TYPES = {
    **dict.fromkeys(("alarm", "exceeds"), pa.bool_()),
    **dict.fromkeys(
        ("name", "state", "unit", "p_method", "activity_name", "trend", "reason", "left_out", "day"),
        pa.string(),
    ),
}


def _taken(values: Any, keep: Integers) -> Any:
    if isinstance(values, pa.Array):
        return values.take(pa.array(keep))
    return [values[row] for row in keep] if isinstance(values, list) else values[keep]


#: Columns in the unit of their series: more digits than these no laboratory has.
_AMOUNTS = frozenset(
    ("latest", "load_mg_day_1000", "baseline", "upper", "value", "limit", "campaign_mean", "trend_slope_pct")
)
_DIGITS = 7


def _typed(name: str, values: Any) -> Any:
    if name in _AMOUNTS:
        return _rounded(values)
    return pa.array(list(values), _TYPES[name]) if name in _TYPES else values


def _rounded(values: Floats) -> Floats:
    """Return values with as many significant digits as make sense."""
    sizes = np.abs(np.where(np.isfinite(values) & (values != 0), values, 1.0))
    scale = 10.0 ** (_DIGITS - 1 - np.floor(np.log10(sizes)))
    rounded: Floats = np.round(values * scale) / scale
    return rounded


def _whole(values: Floats) -> Integers:
    return np.nan_to_num(values).astype(np.int64)


def _fids(sewersheds: list[str], analytes: list[str]) -> list[str]:
    """Return `<sewershed>.<analyte>`, told apart where dots inside the names make two of them one."""
    seen: Counter[str] = Counter()
    fids = []
    for sewershed, analyte in zip(sewersheds, analytes, strict=True):
        fid = f"{sewershed}.{analyte}"
        seen[fid] += 1
        fids.append(fid if seen[fid] == 1 else f"{fid}~{seen[fid]}")
    return fids


def _latest_load(rows: SampleRows, panel: Panel, tested: Measures, found: States) -> Floats:
    """Return the load of the latest campaign: what is tested, else the mean of its days if all have one."""
    n = len(panel)
    is_tested = np.array([unit == LOAD_UNITS["mg/day/1000"] for unit in tested.unit], dtype=bool)
    mine = np.flatnonzero(found.of_rows["is_latest"] & ~rows.is_below)
    with np.errstate(divide="ignore"):
        logs = np.log(tested.load_mg_day_1000[mine])
    days = rows.day[mine].astype("datetime64[D]").astype(np.int64)
    groups, group = np.unique(np.stack([panel.series[mine], days]), axis=1, return_inverse=True)
    per_day = np.bincount(group.ravel(), logs, groups.shape[1]) / np.maximum(
        np.bincount(group.ravel(), minlength=groups.shape[1]), 1
    )
    total = np.bincount(groups[0], per_day, n)
    number = np.bincount(groups[0], minlength=n)
    mean = np.exp(np.divide(total, number, out=np.full(n, np.nan), where=number > 0))
    return np.where(is_tested, found.of_series["latest"], mean)


def _activity_names(
    state: dict[str, npt.NDArray[Any]], unit: npt.NDArray[np.object_], analytes: list[str]
) -> list[str | None]:
    """Return the published name of each level; they are meant for concentrations of genes alone."""
    is_meant = np.isin(unit.astype(str), ("copies/L", "copies/g"))
    levels = np.where(is_meant, state["activity_level"], np.nan)
    names = activity_names(levels, np.array(analytes, dtype=np.str_), state["last_sample"])
    return [name or None for name in names.tolist()]


def _people(rows: SampleRows, panel: Panel) -> Floats:
    """Return the population of every sewershed: as its latest sample tells, else as its layer does."""
    people = panel.places.population.copy()
    told = rows.population > 0
    people[panel.place_of_row[told]] = rows.population[told]
    return people


def _diagnostics(
    inputs: SurveillanceInputs, rows: SampleRows, panel: Panel, tested: Measures, found: States
) -> dict[str, Any]:
    state = found.of_series["state"]
    left_out = Counter(tested.left_out[tested.left_out != ""].tolist())
    sampled = np.isin(np.arange(len(panel.places.keys)), panel.place[found.of_series["n_samples"] > 0])
    drawn = np.arange(len(sampled)) < panel.n_drawn
    keys = np.array([*panel.places.keys, ""], dtype=object)[:-1]
    people = _people(rows, panel)
    small = keys[sampled & (people < SMALL_POPULATION)].tolist()
    told = {
        "rows": rows.n_rows,
        "rows_selected": len(rows),
        "rows_left_out": dict(sorted(left_out.items())),
        "samples_used": int(found.of_series["n_samples"].sum()) if len(panel) else 0,
        "series": len(panel),
        "states": {name: int((state == name).sum()) for name in STATES},
        "analytes": _by_analyte(panel, tested, found),
        "newest_sample": None if found.as_of is None else str(found.as_of),
        "q_over": "the series of one analyte" if inputs.correction == "analyte" else "all series",
        "nondetects": f"a value below its limit stands at {inputs.nondetect}",
        "spatial_test": _NO_SPATIAL_TEST,
        "sewersheds": panel.n_drawn,
        "sewersheds_without_samples": keys[~sampled & drawn].tolist(),
        "samples_without_sewershed": keys[~drawn].tolist() if inputs.sewersheds else [],
        "small_sewersheds": small,
        "tiny_sewersheds": keys[sampled & (people < TINY_POPULATION)].tolist(),
    }
    return {**told, "notes": [*panel.places.notes, *_notes(inputs, rows, panel, told)]}


def _by_analyte(panel: Panel, tested: Measures, found: States) -> dict[str, Any]:
    """Return for each analyte its series by state, and the units that are tested."""
    told = {}
    for number in np.unique(panel.analyte).tolist():
        mine = np.flatnonzero(panel.analyte == number)
        judged = int((~np.isnan(found.of_series["q"][mine])).sum())
        told[panel.analytes[number]] = {
            "series": len(mine),
            "judged": judged,
            "alarms": int((found.of_series["state"][mine] == "alarm").sum()),
            "units": sorted({unit for i in mine if (unit := tested.unit[i])}),
        }
    return told


def _notes(inputs: SurveillanceInputs, rows: SampleRows, panel: Panel, told: dict[str, Any]) -> list[str]:
    """Return what a reader must know, in sentences."""
    notes = []
    known = {spelled(name) for name in rows.analytes}
    if unknown := [name for name in inputs.analyte if spelled(name) not in known]:
        there = named_some(rows.analytes) or "none"
        notes.append(f"no samples of {named_some(unknown)}; the layer has {there}")
    if names := told["sewersheds_without_samples"]:
        notes.append(f"{len(names):,} of {panel.n_drawn:,} sewersheds have no samples: {named_some(names)}")
    if names := told["samples_without_sewershed"]:
        notes.append(
            f"samples of {len(names):,} places have no polygon in {inputs.sewersheds}: {named_some(names)}"
        )
    if total := sum(told["rows_left_out"].values()):
        reasons = "; ".join(f"{why} ({n:,})" for why, n in told["rows_left_out"].items())
        notes.append(f"{total:,} of {len(rows):,} samples were left out: {reasons}")
    for unit, n in rows.flow_unread.items():
        why = f"the unit {unit!r}, which is not known" if unit else "no unit (--map flow_unit==MGD names one)"
        notes.append(f"{n:,} flows have {why}: no load for those samples")
    if stale := told["states"]["stale"]:
        notes.append(
            f"{stale:,} series ended before the others and say nothing of now (newest sample:"
            f" {told['newest_sample']})"
        )
    if names := told["small_sewersheds"]:
        notes.append(
            f"{len(names):,} sewersheds have fewer than {SMALL_POPULATION:,} people ({named_some(names)}),"
            f" {len(told['tiny_sewersheds']):,} of them fewer than {TINY_POPULATION:,}: review before you"
            " publish findings on so few"
        )
    judged = sum(one["judged"] for one in told["analytes"].values())
    if len(told["analytes"]) > 1 and inputs.correction == "all":
        notes.append(f"q is over all {judged:,} judged series: watching fewer at once sees more")
    return notes
