"""`scan`: the most likely clusters in space and time, with one p for each as a whole."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from data.engine import Selection, TimeBins, cell_counts, totals
from data.store import Layer, Store
from models.errors import InvalidParameter, TooFewObservations
from models.scan import Cluster, Scan, scan
from models.scan_cases import fold_cases
from service.analyses.carried import NO_TEST, with_carried
from service.analyses.findings import Finding, Findings, Progress, replicates_told
from service.analyses.gridded import area_told, selection_of, study_area
from service.analyses.provenance import emberline_member, timestamp
from service.layer_kinds import incident_layer
from service.parameters import ScanInputs
from service.places import named_places
from service.population import Population, population_on
from service.time_bins import Bins, bins_of, check_precision, covered, notes_of_bins, one_bin_of, width_of
from spatial.geometry import dissolve
from spatial.grid import areas_km2, hex_strings, parents
from spatial.neighbors import neighbor_index
from spatial.study_area import StudyArea

_FINEST = 15
_SPATIAL = "none"
_FEWEST_BINS = 2


@dataclass(frozen=True)
class _Cases:
    """Cases by cell and bin after folding, and what became of the others."""

    counts: npt.NDArray[np.int64]
    n_folded: int
    outside_bins: int
    outside_area: int
    found: dict[str, int]


def scan_findings(
    store: Store,
    inputs: ScanInputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
) -> Findings:
    """One feature per cluster: a disk of cells, its window, observed and expected cases, one p."""
    layer = incident_layer(store, inputs.layer)
    area = study_area(store, [layer], inputs, max_cells)
    selection = selection_of(layer, inputs)
    bins = _bins(covered(store, layer), selection, inputs)
    progress(f"counting cases in {len(area.cells):,} cells and {len(bins):,} bins")
    cases = _cases(store, layer, area, selection, bins, fold=inputs.fold)
    people = population_on(store, inputs.population, area) if inputs.population else None
    progress(f"scanning, {inputs.simulations:,} simulated maps")
    index = neighbor_index(area.cells)
    found = scan(
        cases.counts,
        index,
        expected=None if people is None else np.nan_to_num(people.people),
        mode=inputs.mode,
        max_radius=inputs.max_radius,
        max_bins=_longest(bins, inputs),
        null_model=inputs.null_model,
        simulations=inputs.simulations,
        days_between_analyses=_days(bins) if inputs.bin != _SPATIAL else None,
        max_clusters=inputs.max_clusters,
        on_replicates=replicates_told(progress, "scanning simulated maps", inputs.simulations),
        rng=np.random.default_rng(inputs.seed),
    )
    told = _diagnostics(layer, area, bins, cases, people, found)
    told = with_carried(store, layer, area, selection, cases.counts.sum(axis=1), told, index=index)
    emberline = emberline_member("scan", store, inputs, told)
    finding = _finding(store, layer, inputs, area, bins, found)
    return Findings(emberline["run"], emberline, timestamp(store, inputs), {"areas": finding})


def _bins(layer: Layer, selection: Selection, inputs: ScanInputs) -> Bins:
    if inputs.bin != _SPATIAL:
        bins = bins_of(layer, selection, width_of(inputs.bin), inputs.align)
        if len(bins) < _FEWEST_BINS:
            raise TooFewObservations(
                f"bin={inputs.bin} makes {len(bins)} bin of the period, {_FEWEST_BINS} are needed: a shorter"
                " bin, or bin=none with a population for a purely spatial scan"
            )
        return bins
    if not inputs.population:
        raise InvalidParameter(
            "bin=none is a purely spatial scan, which needs a denominator (population); without one a scan"
            " compares times, and needs a bin such as P7D"
        )
    return one_bin_of(layer, selection)


def _longest(bins: Bins, inputs: ScanInputs) -> int | None:
    """Return the bins of the longest window, at least one."""
    if inputs.max_duration is None:
        return None
    width = width_of(inputs.max_duration, "max_duration")
    days = width.months * 30.44 + width.fixed.total_seconds() / 86_400
    return max(1, int(days / _days(bins) + 1e-9))


def _days(bins: Bins) -> float:
    """Return the mean length of a bin in days."""
    span = (bins.edges[-1] - bins.edges[0]).astype("timedelta64[s]").astype(float)
    return float(span / 86_400 / len(bins))


def _cases(
    store: Store, layer: Layer, area: StudyArea, selection: Selection, bins: Bins, *, fold: bool
) -> _Cases:
    """Count cases by cell and bin; of those at one place in one bin only the first counts where folded."""
    found = totals(store, layer, selection)
    check_precision(layer, bins, found)
    if found.pop("fractional_weight") > 0:
        raise InvalidParameter("scan needs cases that are counted one by one; the layer has weights")
    timed = bins.is_timed
    rows = cell_counts(
        store,
        layer,
        _FINEST,
        selection,
        bins=TimeBins(bins.origin, bins.unit) if timed else None,
    )
    t = bins.number_of(rows.bin) if timed and rows.bin is not None else np.zeros(len(rows.cell), np.int64)
    in_bins = t >= 0
    cell = parents(rows.cell, area.resolution) if len(rows.cell) else rows.cell
    place = np.minimum(np.searchsorted(area.cells, cell), len(area.cells) - 1)
    in_area = area.cells[place] == cell
    keep = np.flatnonzero(in_bins & in_area)
    number = rows.count[keep]
    n_folded = 0
    if fold:
        kept = fold_cases(t[keep], place=rows.cell[keep].astype(np.int64)).kept
        n_folded = int(number.sum()) - len(kept)
        keep, number = keep[kept], np.ones(len(kept), dtype=np.int64)
    counts = np.zeros((len(area.cells), len(bins)), dtype=np.int64)
    np.add.at(counts, (place[keep], t[keep]), number)
    return _Cases(
        counts,
        n_folded,
        int(rows.count[~in_bins].sum()),
        int(rows.count[in_bins & ~in_area].sum()),
        found,
    )


def _finding(
    store: Store, layer: Layer, inputs: ScanInputs, area: StudyArea, bins: Bins, found: Scan
) -> Finding:
    """Return one feature per cluster, the most likely first."""
    clusters = [one for one in found.clusters if one.p <= inputs.alpha or not inputs.significant]
    cells = [area.cells[one.members] for one in clusters]
    shapes = np.array([*(dissolve(some) for some in cells), None], dtype=object)[:-1]
    places = named_places(store, layer, inputs, shapes, [[] for _ in clusters])
    centers = hex_strings(area.cells[[one.center for one in clusters]]) if clusters else []
    start, end = _windows(layer, bins, clusters)
    columns: dict[str, Any] = {
        "rank": _numbers(clusters, "rank", np.int64),
        "name": places.names,
        "district": places.districts,
        "count": _numbers(clusters, "count", np.int64),
        "expected": _numbers(clusters, "expected", np.float64),
        "relative_risk": _numbers(clusters, "relative_risk", np.float64),
        "llr": _numbers(clusters, "llr", np.float64),
        "p": _numbers(clusters, "p", np.float64),
        "p_source": [one.p_source for one in clusters],
        "significant": np.array([one.p <= inputs.alpha for one in clusters], dtype=bool),
        "recurrence_days": _numbers(clusters, "recurrence_days", np.float64),
        "window_start": start,
        "window_end": end,
        "radius_cells": _numbers(clusters, "radius", np.int64),
        "center": centers,
        "n_cells": np.array([len(some) for some in cells], dtype=np.int64),
        "cells": [hex_strings(some) for some in cells],
        "area_km2": np.array([areas_km2(some).sum() for some in cells], dtype=np.float64).round(4),
    }
    fids = [f"scan-{center}" for center in centers]
    return Finding("", "areas", fids, shapes, columns, start=start, end=end)


def _numbers(clusters: list[Cluster], name: str, dtype: Any) -> npt.NDArray[Any]:
    return np.array([getattr(one, name) for one in clusters], dtype=dtype)


def _windows(
    layer: Layer, bins: Bins, clusters: list[Cluster]
) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.datetime64]]:
    """Return first and last instant of every window, in UTC; the last is a microsecond before the end."""
    zone = ZoneInfo(layer.timezone)
    start = [bins.instant(one.window_start, zone) for one in clusters]
    end = [bins.instant(one.window_end + 1, zone) - np.timedelta64(1, "us") for one in clusters]
    return np.array(start, dtype="datetime64[us]"), np.array(end, dtype="datetime64[us]")


def _diagnostics(
    layer: Layer, area: StudyArea, bins: Bins, cases: _Cases, people: Population | None, found: Scan
) -> dict[str, Any]:
    notes = notes_of_bins(bins, cases.found, cases.counts.sum(axis=0))
    if cases.n_folded:
        notes.append(
            f"{cases.n_folded:,} cases at the place of another one in the same bin were taken for the same"
            " event and folded into it (fold=false counts them)"
        )
    return {
        **area_told(area, cases.found, cases.outside_area),
        "folded": cases.n_folded,
        "outside_bins": cases.outside_bins,
        "timezone": layer.timezone,
        "period_start": str(bins.edges[0].astype("datetime64[m]")),
        "period_end": str(bins.edges[-1].astype("datetime64[m]")),
        **({} if people is None else people.diagnostics),
        **found.diagnostics,
        **_tested(found),
        "reason": found.reason,
        "notes": [*notes, *([] if people is None else people.notes)],
    }


def _tested(found: Scan) -> dict[str, Any]:
    """Return what was tested under the names of every method; one p is for all candidates together."""
    told = found.diagnostics
    if not told.get("n_candidates"):
        return NO_TEST
    return {
        "n_tests": told["n_candidates"],
        "p_method": "monte-carlo",
        "smallest_attainable_p": told["smallest_monte_carlo_p"],
    }
