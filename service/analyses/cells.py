"""`cells`: the joined table. Every input meets here, one row per cell of the study area."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data.engine import CellCounts, cell_counts
from data.store import Layer, Store
from service.analyses.carried import NO_TEST, crowding_diagnostics, dates_of, edge_of_area, spread_of
from service.analyses.findings import Finding, Findings, Progress
from service.analyses.gridded import counted_into, rate_of, selection_of, study_area, whole_numbers
from service.analyses.joined import coverage_area, coverage_columns, wastewater_columns
from service.analyses.provenance import emberline_member, timestamp
from service.layer_kinds import layer_of_kind
from service.parameters import CellsInputs
from service.population import Population, population_on
from spatial.grid import boundaries, hex_strings
from spatial.neighbors import neighbor_index
from spatial.study_area import StudyArea

#: Categories of a layer that get a column of their own; the others are in its total.
MAX_CATEGORIES = 100


@dataclass
class _Table:
    """The columns so far, and what is to be told of them."""

    columns: dict[str, Any]
    diagnostics: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def cells_findings(
    store: Store,
    inputs: CellsInputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
) -> Findings:
    """Return the joined table: incidents by layer and category, people, rates, wastewater, unserved homes."""
    layers = [layer_of_kind(store, "layer", name, "incidents") for name in inputs.incident_layers()]
    area = _study_area(store, layers, inputs, max_cells)
    names = hex_strings(area.cells)
    people = population_on(store, inputs.population, area) if inputs.population else None
    table = _Table(
        {"h3": names, "population": np.full(len(names), np.nan) if people is None else people.people}
    )
    if people is not None:
        table.diagnostics |= people.diagnostics
    table.diagnostics |= {"study_area_source": area.source, "study_area_cells": len(area.cells)}
    table.diagnostics |= NO_TEST | edge_of_area(neighbor_index(area.cells), (1,))
    table.diagnostics["incidents"] = {}
    for layer in layers:
        progress(f"counting {layer.id} by cell and category")
        _add_incidents(table, store, layer, inputs, area, people)
    if inputs.samples:
        progress("judging wastewater series")
        _add(table, *wastewater_columns(store, inputs, area, lambda _: None))
    if inputs.coverage:
        progress("laying the coverage on the grid")
        _add(table, *coverage_columns(store, inputs, area, max_cells))
    told = {**table.diagnostics, "notes": table.notes}
    emberline = emberline_member("cells", store, inputs, told)
    finding = Finding("", "Cells", names, boundaries(area.cells), table.columns)
    return Findings(emberline["run"], emberline, timestamp(store, inputs), {"cells": finding})


def _study_area(store: Store, layers: list[Layer], inputs: CellsInputs, max_cells: int) -> StudyArea:
    """Return the boundary's cells, else those of the population, of the coverage, of the incidents."""
    if inputs.coverage and not inputs.boundary and not inputs.population:
        return replace(coverage_area(store, inputs, max_cells), source="coverage")
    return study_area(store, layers, inputs, max_cells)


def _add(table: _Table, columns: dict[str, Any], told: dict[str, Any]) -> None:
    """Add columns and what is told of them."""
    table.columns |= columns
    for part, words in told.items():
        table.notes += [f"{part}: {note}" for note in words.pop("notes")]
        table.diagnostics[part] = words


def _add_incidents(
    table: _Table,
    store: Store,
    layer: Layer,
    inputs: CellsInputs,
    area: StudyArea,
    people: Population | None,
) -> None:
    """Add a layer's number per cell, its rate, and one column per category."""
    selection = selection_of(layer, inputs, categories=layer.id == inputs.layer)
    counted = counted_into(store, layer, area, selection)
    table.columns[f"n_{layer.id}"] = counted.count
    if people is not None:
        table.columns[f"rate_{layer.id}"] = rate_of(counted.count, people.people)
    by_category = cell_counts(
        store, layer, area.resolution, selection, measures=("weight",), group="category"
    )
    columns, n_further = _category_columns(layer, area.cells, by_category)
    table.columns |= columns
    if n_further:
        table.notes.append(
            f"{layer.id} has {n_further:,} categories beyond the {MAX_CATEGORIES} commonest:"
            " they are in its total alone"
        )
    crowded, notes = crowding_diagnostics(store, layer, area, selection, counted.count)
    table.notes += [f"{layer.id}: {note}" for note in notes]
    table.diagnostics["incidents"][layer.id] = {
        **_counts_told(counted.found, counted.measure, counted.outside),
        **dates_of(layer),
        **crowded,
        **spread_of(counted.count),
    }


def _counts_told(found: Mapping[str, int], measure: str, outside: float) -> dict[str, Any]:
    return {
        "rows": found["rows"],
        "rows_selected": found["selected"],
        "rows_without_time": found["without_time"],
        "rows_with_coarse_time": found["coarse_time"],
        "outside_study_area": outside,
        "measure": measure,
    }


def _category_columns(
    layer: Layer, cells: npt.NDArray[np.uint64], counts: CellCounts
) -> tuple[dict[str, npt.NDArray[Any]], int]:
    """Return one column per category, the commonest first, and how many categories have none."""
    if counts.weight is None or counts.group is None:
        return {}, 0
    labels = pa.array(counts.group, pa.string()).dictionary_encode()
    codes = labels.indices.fill_null(-1).to_numpy()
    words = labels.dictionary.to_pylist()
    total = np.bincount(codes[codes >= 0], counts.weight[codes >= 0], len(words))
    # Sorted by code once, so that each category is a slice and not a pass over all rows.
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(words) + 1))
    columns = {}
    for code in sorted(range(len(words)), key=lambda code: (-total[code], words[code]))[:MAX_CATEGORIES]:
        mine = order[starts[code] : starts[code + 1]]
        place = np.minimum(np.searchsorted(cells, counts.cell[mine]), len(cells) - 1)
        inside = cells[place] == counts.cell[mine]
        values = np.zeros(len(cells))
        values[place[inside]] = counts.weight[mine][inside]
        columns[f"n_{layer.id}.{words[code]}"] = whole_numbers(values)
    return columns, max(len(words) - MAX_CATEGORIES, 0)
