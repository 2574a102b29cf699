"""The study area of a question, with the incidents of a layer counted into it; zeros are data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from data.engine import Selection, categories_of, cell_counts, totals
from data.store import Layer, Store
from service.analyses.carried import crowding_diagnostics, dates_of
from service.layer_kinds import layer_of_kind
from service.parameters import IncidentInputs, instants
from service.population import Population, population_area, population_on
from spatial.study_area import StudyArea, study_area_cut, study_area_from_data, study_area_from_polygon

# Incidents outside the study area are worth a sentence from this share on.
_WORTH_A_NOTE = 0.01


@dataclass(frozen=True)
class Counted:
    """Incidents of a layer by cell of a study area, and how they were taken."""

    count: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    selection: Selection
    measure: str
    outside: float
    found: dict[str, int]


@dataclass(frozen=True)
class Grid:
    """The study area with the incidents of a layer counted into it."""

    area: StudyArea
    count: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    selection: Selection
    diagnostics: dict[str, Any]


def gridded(store: Store, layer: Layer, inputs: IncidentInputs, max_cells: int) -> Grid:
    """Count the selected incidents into the study area; zeros are data."""
    area = study_area(store, [layer], inputs, max_cells)
    counted = counted_into(store, layer, area, selection_of(layer, inputs))
    diagnostics = _grid_diagnostics(layer, area, counted)
    told, notes = crowding_diagnostics(store, layer, area, counted.selection, counted.count)
    diagnostics |= told | {"notes": [*diagnostics["notes"], *notes]}
    if not counted.found["selected"]:
        diagnostics["notes"].append(nothing_selected(store, layer, inputs))
    return Grid(area, counted.count, counted.selection, diagnostics)


def with_people(store: Store, inputs: IncidentInputs, grid: Grid) -> tuple[Grid, Population | None]:
    """Return the cells whose population is known, and their people; without a population all cells."""
    if not inputs.population:
        return grid, None
    people = population_on(store, inputs.population, grid.area)
    known = ~np.isnan(people.people)
    left_out = grid.count[~known].sum().item()
    outside = grid.diagnostics["outside_study_area"] + left_out
    told = {
        **grid.diagnostics,
        **people.diagnostics,
        "study_area_cells": int(known.sum()),
        "outside_study_area": outside,
        "incidents_of_unknown_population": left_out,
        "notes": [*grid.diagnostics["notes"], *people.notes, *_outside_notes(outside, grid.count[known])],
    }
    area = replace(grid.area, cells=grid.area.cells[known])
    kept = replace(grid, area=area, count=grid.count[known], diagnostics=told)
    return kept, replace(people, people=people.people[known])


def _outside_notes(outside: float, inside: npt.NDArray[Any]) -> list[str]:
    selected = outside + inside.sum().item()
    if outside <= _WORTH_A_NOTE * selected:
        return []
    return [
        f"{outside:,} of {selected:,} incidents lie outside the study area and are not counted: with a"
        " population and no boundary it is the cells whose population is known"
    ]


def selection_of(layer: Layer, inputs: IncidentInputs, *, categories: bool = True) -> Selection:
    """Return which incidents of a layer the inputs select; dates are days of the layer's timezone."""
    start, end = instants(inputs.datetime, layer.timezone)
    return Selection(start, end, tuple(inputs.category) if categories else (), inputs.bbox)


def counted_into(store: Store, layer: Layer, area: StudyArea, selection: Selection) -> Counted:
    """Count the selected incidents of a layer into the cells of a study area."""
    found = totals(store, layer, selection)
    measure = "weight" if found.pop("fractional_weight") > 0 else "count"
    chosen = cell_counts(store, layer, area.resolution, selection, measures=(measure,))
    values = whole_numbers(chosen.weight) if chosen.weight is not None else chosen.count
    position = np.searchsorted(area.cells, chosen.cell)
    position = np.minimum(position, len(area.cells) - 1)
    inside = area.cells[position] == chosen.cell
    count = np.zeros(len(area.cells), dtype=values.dtype)
    count[position[inside]] = values[inside]
    return Counted(count, selection, measure, values[~inside].sum().item(), found)


def nothing_selected(store: Store, layer: Layer, inputs: IncidentInputs) -> str:
    """Tell a reader of an all-zero answer why: a mistyped category looks like a quiet month."""
    if not inputs.category:
        return "no incident is selected: every cell is zero"
    known = ", ".join(name for name, _ in categories_of(store, layer, limit=5)) or "none"
    asked = ", ".join(inputs.category)
    return f"no incident is selected by category {asked}: every cell is zero (commonest categories: {known})"


def study_area(store: Store, layers: Sequence[Layer], inputs: IncidentInputs, max_cells: int) -> StudyArea:
    """Return the boundary's cells, else the population's, else those that the layers' rows span.

    Which rows are selected does not change the area.
    """
    if inputs.boundary:
        outline = boundary_outline(store, inputs.boundary)
        area = study_area_from_polygon(outline, inputs.resolution, max_cells)
    elif inputs.population:
        area = population_area(store, inputs.population, inputs.resolution, max_cells)
    else:
        every = [cell_counts(store, layer, inputs.resolution) for layer in layers]
        cells, place = np.unique(np.concatenate([one.cell for one in every]), return_inverse=True)
        counts = np.bincount(place, np.concatenate([one.count for one in every]), len(cells))
        area = study_area_from_data(cells, counts.astype(np.int64), inputs.resolution, max_cells)
    return study_area_cut(area, inputs.bbox) if inputs.bbox else area


def boundary_outline(store: Store, layer_id: str) -> shapely.Geometry:
    """Return the union of a boundary layer's polygons."""
    layer_of_kind(store, "boundary", layer_id, "boundary")
    table = store.geometries(layer_id)
    outline = shapely.union_all(shapely.from_wkb(table["geometry"].to_pylist()))
    shapely.prepare(outline)
    return outline


def _grid_diagnostics(layer: Layer, area: StudyArea, counted: Counted) -> dict[str, Any]:
    found = counted.found
    notes = []
    if found["coarse_time"]:
        notes.append(
            f"{found['coarse_time']:,} incidents are known only to the month or year: a datetime filter takes"
            " them at its first instant"
        )
    if counted.measure == "weight":
        notes.append("counts are sums of the layer's weight: a row stands for that many incidents")
    return {
        **area_told(area, found, counted.outside),
        "measure": counted.measure,
        "timezone": layer.timezone,
        **dates_of(layer),
        "notes": notes,
    }


def area_told(area: StudyArea, found: Mapping[str, int], outside: float) -> dict[str, Any]:
    """Return what every method tells of its study area and of the rows that it was asked of."""
    return {
        "study_area_source": area.source,
        "study_area_cells": len(area.cells),
        "isolated_parents": area.n_isolated_parents,
        "isolated_rows": area.n_isolated_rows,
        "rows": found["rows"],
        "rows_selected": found["selected"],
        "rows_without_time": found["without_time"],
        "rows_with_coarse_time": found["coarse_time"],
        "outside_study_area": outside,
    }


def rate_of(count: npt.NDArray[Any], people: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return incidents per person; NaN where nobody lives."""
    rate: npt.NDArray[np.float64] = np.full(len(people), np.nan)
    np.divide(count, people, out=rate, where=people > 0)
    return rate


def whole_numbers(values: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """Return integers where all values are whole."""
    whole = values.astype(np.int64)
    return whole if np.array_equal(whole, values) else values
