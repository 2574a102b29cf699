"""`emerging`: how every cell has behaved over time, and whether that is new, lasting, fading or gone."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from data.store import Layer, Store, StoredMemory
from models.emerging import Emerging
from service.analyses.carried import with_carried
from service.analyses.emerging_memory import emerging_of, memory_of
from service.analyses.findings import Finding, Findings, Progress, Recall
from service.analyses.gridded import area_told, nothing_selected, rate_of, selection_of, study_area
from service.analyses.provenance import emberline_member, timestamp
from service.layer_kinds import incident_layer
from service.parameters import EmergingInputs
from service.population import Population, population_on
from service.time_bins import BinnedCounts, Bins, bins_of, counted_by_bin, covered, notes_of_bins, width_of
from spatial.grid import boundaries, hex_strings
from spatial.neighbors import neighbor_index
from spatial.study_area import StudyArea


def emerging_findings(
    store: Store,
    inputs: EmergingInputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
    recall: Recall | None = None,
) -> Findings:
    """One feature per cell with its pattern, its trend and the class of every bin."""
    layer = incident_layer(store, inputs.layer)
    area = study_area(store, [layer], inputs, max_cells)
    selection = selection_of(layer, inputs)
    bins = bins_of(covered(store, layer), selection, width_of(inputs.bin), inputs.align)
    progress(f"counting incidents in {len(area.cells):,} cells and {len(bins):,} bins")
    counted = counted_by_bin(store, layer, area, selection, bins)
    people = population_on(store, inputs.population, area) if inputs.population else None
    if people is not None:
        area, counted, people = _where_known(area, counted, people)
    options: dict[str, Any] = {
        "k": inputs.k,
        "time_lag": inputs.time_lag,
        "window": inputs.window,
        "alpha": inputs.alpha,
        "side": inputs.side,
        "p_method": inputs.p_method,
        "simulations": inputs.simulations,
    }
    if people is not None:
        options["population"] = people.people
    found = emerging_of(
        counted.counts, area.cells, options, seed=inputs.seed, recall=recall, progress=progress
    )
    told = _diagnostics(layer, area, bins, counted, found)
    told["notes"] += _notes(counted, found)
    if not counted.found["selected"]:
        told["notes"].insert(0, nothing_selected(store, layer, inputs))
    if people is not None:
        told |= people.diagnostics | {"notes": [*told["notes"], *people.notes]}
    told = with_carried(
        store,
        layer,
        area,
        selection,
        counted.counts.sum(axis=1),
        told,
        index=neighbor_index(area.cells),
        rings=told["rings"],
    )
    emberline = emberline_member("emerging", store, inputs, told)
    finding = _finding(inputs, area, counted, found, people)
    parts = None if recall is None else memory_of(found)
    memory = None if parts is None else StoredMemory(layer.id, parts)
    return Findings(emberline["run"], emberline, timestamp(store, inputs), {"cells": finding}, memory)


def _where_known(
    area: StudyArea, counted: BinnedCounts, people: Population
) -> tuple[StudyArea, BinnedCounts, Population]:
    """Return the cells whose population is known: elsewhere nothing can be expected."""
    known = ~np.isnan(people.people)
    left_out = counted.counts[~known].sum().item()
    told = people.diagnostics | {"incidents_of_unknown_population": left_out}
    return (
        replace(area, cells=area.cells[known]),
        replace(counted, counts=counted.counts[known], outside_area=counted.outside_area + left_out),
        replace(people, people=people.people[known], diagnostics=told),
    )


def _finding(
    inputs: EmergingInputs,
    area: StudyArea,
    counted: BinnedCounts,
    found: Emerging,
    people: Population | None,
) -> Finding:
    """Return one feature per cell."""
    is_called = found.pattern != "no pattern detected"
    keep = is_called if inputs.significant else np.ones(len(is_called), dtype=bool)
    cells = area.cells[keep]
    names = hex_strings(cells)
    columns: dict[str, Any] = {
        "h3": names,
        "pattern": found.pattern[keep].tolist(),
        "short": found.short[keep].tolist(),
        "reason": found.reason[keep].tolist(),
        "count": counted.counts[keep].sum(axis=1),
        "last_count": counted.counts[keep, -1],
        "expected": found.expected[keep],
        "last_expected": found.last_expected[keep],
        "rate": _rate(counted, people)[keep],
        "relative_risk": found.relative_risk[keep],
        "rr_low": found.rr_low[keep],
        "rr_high": found.rr_high[keep],
        "trend_z": found.trend_z[keep],
        "trend_p": found.trend_p[keep],
        "share_hot": found.share_hot[keep],
        "share_cold": found.share_cold[keep],
        "last_bin": found.last_bin[keep],
        "bins": found.bins[keep].tolist(),
    }
    return Finding("", "cells", names, boundaries(cells), columns)


def _rate(counted: BinnedCounts, people: Population | None) -> npt.NDArray[np.float64]:
    """Return incidents of all bins per person; NaN without a population, and where nobody lives."""
    if people is None:
        return np.full(len(counted.counts), np.nan)
    return rate_of(counted.counts.sum(axis=1), people.people)


def _notes(counted: BinnedCounts, found: Emerging) -> list[str]:
    """Tell what a map of these patterns could be taken for, and is not."""
    notes = []
    is_cold = np.char.endswith(found.pattern.astype(str), "cold spot")
    n_cold = int(is_cold.sum())
    n_never = int((is_cold & (counted.counts.sum(axis=1) == 0)).sum())
    if n_never > n_cold / 2:
        notes.append(
            f"{n_never:,} of {n_cold:,} cells with a cold pattern held nothing in any bin: read no change"
            " into them; a boundary leaves out where nothing can happen, side=hot the cold patterns"
        )
    return notes


def _diagnostics(
    layer: Layer, area: StudyArea, bins: Bins, counted: BinnedCounts, found: Emerging
) -> dict[str, Any]:
    patterns, numbers = np.unique(found.pattern, return_counts=True)
    notes = notes_of_bins(bins, counted.found, counted.counts.sum(axis=0))
    if counted.measure == "weight":
        notes.append("counts are sums of the layer's weight: a row stands for that many incidents")
    return {
        **area_told(area, counted.found, counted.outside_area),
        "outside_bins": counted.outside_bins,
        "measure": counted.measure,
        "timezone": layer.timezone,
        "bin_starts": bins.starts,
        "bins_end": str(bins.edges[-1].astype("datetime64[m]")),
        "patterns": dict(zip(patterns.tolist(), numbers.tolist(), strict=True)),
        **found.diagnostics,
        "trend_method": found.trend_method,
        "notes": notes,
    }
