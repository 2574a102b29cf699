"""`emerging`: how every cell has behaved over time, and whether that is new, lasting, fading or gone."""

from typing import Any

import numpy as np

from data.store import Layer, Store, StoredMemory
from models.emerging import Emerging
from service.analyses.carried import with_carried
from service.analyses.emerging_memory import emerging_of, memory_of
from service.analyses.findings import Finding, Findings, Progress, Recall
from service.analyses.gridded import area_told, selection_of, study_area
from service.analyses.provenance import emberline_member, timestamp
from service.layer_kinds import incident_layer
from service.parameters import EmergingInputs
from service.time_bins import BinnedCounts, Bins, bins_of, counted_by_bin, notes_of_bins, width_of
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
    bins = bins_of(layer, selection, width_of(inputs.bin), inputs.align)
    progress(f"counting incidents in {len(area.cells):,} cells and {len(bins):,} bins")
    counted = counted_by_bin(store, layer, area, selection, bins)
    options = {
        "k": inputs.k,
        "time_lag": inputs.time_lag,
        "window": inputs.window,
        "alpha": inputs.alpha,
        "side": inputs.side,
        "p_method": inputs.p_method,
        "simulations": inputs.simulations,
    }
    found = emerging_of(
        counted.counts, area.cells, options, seed=inputs.seed, recall=recall, progress=progress
    )
    told = _diagnostics(layer, area, bins, counted, found)
    told["notes"] += _notes(inputs, counted, found)
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
    finding = _finding(inputs, area, counted, found)
    parts = None if recall is None else memory_of(found)
    memory = None if parts is None else StoredMemory(layer.id, parts)
    return Findings(emberline["run"], emberline, timestamp(store, inputs), {"cells": finding}, memory)


def _finding(inputs: EmergingInputs, area: StudyArea, counted: BinnedCounts, found: Emerging) -> Finding:
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
        "trend_z": found.trend_z[keep],
        "trend_p": found.trend_p[keep],
        "share_hot": found.share_hot[keep],
        "share_cold": found.share_cold[keep],
        "last_bin": found.last_bin[keep],
        "bins": found.bins[keep].tolist(),
    }
    return Finding("", "cells", names, boundaries(cells), columns)


def _notes(inputs: EmergingInputs, counted: BinnedCounts, found: Emerging) -> list[str]:
    """Tell what a map of these patterns could be taken for, and is not."""
    notes = []
    if inputs.population:
        notes.append("the population gives the study area alone: patterns are of numbers, not of risk")
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
    notes = notes_of_bins(bins, counted.found)
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
