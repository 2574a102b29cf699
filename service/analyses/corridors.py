"""`corridors`: stretches of street with more crashes than their kind and traffic explain."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data.store import Store
from models.errors import InvalidParameter
from models.severity import is_counted, severity_counts
from service.analyses.findings import Finding, Findings, Progress
from service.analyses.provenance import emberline_member, timestamp
from service.corridors.chosen import Chosen, Exposure, chosen, exposure_of, weights_of
from service.corridors.corridor_features import corridor_finding
from service.corridors.crashes import Crashes, crashes_of
from service.corridors.holdout import holdout_told
from service.corridors.placed import Placed, placed
from service.corridors.point_features import ambiguous_finding, intersection_finding, unmatched_finding
from service.corridors.report import diagnostics_of, years_of
from service.corridors.segment_features import segment_finding
from service.corridors.severity_columns import Severity, severity_of
from service.corridors.streets import Streets, streets_of
from service.layer_kinds import incident_layer
from service.parameters import CorridorsInputs, instants

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Case:
    """Everything that the collections are made of; `counted` are the crashes that corridors are found by."""

    streets: Streets
    crashes: Crashes
    where: Placed
    counted: Mask
    severity: Severity
    exposure: Exposure
    found: Chosen
    years: float | None


def corridor_findings(
    store: Store,
    inputs: CorridorsInputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
) -> Findings:
    """Corridors as lines; every piece of road; single places; crashes on no road or on more than one."""
    layer = incident_layer(store, inputs.layer)
    _check_periods(inputs, layer.timezone)
    progress("reading crashes")
    crashes = crashes_of(store, layer, inputs)
    streets = streets_of(store, inputs, progress)
    progress(f"snapping {len(crashes):,} crashes to {len(streets.lixels.route):,} pieces of road")
    where = placed(streets, crashes, tolerance_m=inputs.tolerance_m)
    n = len(streets.lixels.route)
    early = _within(crashes, inputs.train, layer.timezone)
    lixel = np.where(early, where.lixel, -1)
    of_measure = is_counted(crashes.severity, "all" if weights_of(inputs) else str(inputs.measure))
    severity = severity_of(lixel, crashes.severity, n, inputs.epdo_table)
    progress("predicting crashes by class and traffic")
    exposure = exposure_of(streets, lixel, crashes.severity, of_measure, inputs)
    counted = of_measure & (lixel >= 0)
    found = chosen(streets, exposure, (lixel[counted], where.place[counted]), inputs, progress)
    years = years_of(crashes, early, inputs, layer.timezone)
    case = _Case(streets, crashes, where, counted, severity, exposure, found, years)
    holdout = None
    if inputs.train and inputs.test:
        late = _within(crashes, inputs.test, layer.timezone)
        later = severity_counts(crashes.severity, np.where(late, where.lixel, -1), n)
        intervals = [inputs.train, inputs.test]
        holdout = holdout_told(streets, exposure, severity, found, later, intervals)
    told = diagnostics_of(layer, inputs, case, holdout)
    emberline = emberline_member("corridors", store, inputs, told)
    collections = _collections(case, inputs, only, progress)
    return Findings(emberline["run"], emberline, timestamp(store, inputs), collections)


def _check_periods(inputs: CorridorsInputs, timezone: str) -> None:
    """Refuse a test period that is not later: crashes that chose the corridors cannot check them."""
    if not (inputs.train and inputs.test):
        return
    _, end = instants(inputs.train, timezone)
    start, _ = instants(inputs.test, timezone)
    if end is None or start is None or start < end:
        raise InvalidParameter(
            f"test needs to begin when train has ended, got train={inputs.train} and test={inputs.test}"
        )


def _within(crashes: Crashes, interval: str | None, timezone: str) -> Mask:
    if interval is None:
        return np.ones(len(crashes), dtype=np.bool_)
    return crashes.within(interval, timezone)


def _collections(
    case: _Case, inputs: CorridorsInputs, only: str | None, progress: Progress
) -> dict[str, Finding]:
    """Return the collections that are wanted, the corridors first."""
    places = case.where
    makers: dict[str, Any] = {
        "corridors": lambda: corridor_finding(
            case.streets,
            case.exposure,
            case.severity,
            case.found,
            (places.lixel[case.counted], places.place[case.counted]),
            inputs,
        ),
        "segments": lambda: segment_finding(
            case.streets, case.exposure, case.severity, case.found, inputs, case.years
        ),
        "intersections": lambda: intersection_finding(
            case.streets, case.exposure, case.severity, case.found, places, case.counted, inputs
        ),
        "unmatched": lambda: unmatched_finding(case.crashes, places),
        "ambiguous": lambda: ambiguous_finding(case.streets, case.crashes, places),
    }
    found = {}
    for name, make in makers.items():
        if only in (None, name):
            progress(f"describing {name}")
            found[name] = make()
    return found
