"""People per cell from a population layer: points, polygons (blocks, wards), or H3 cells as polygons."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from data.store import Store
from models.errors import DegenerateInput
from service.layer_kinds import layer_of_kind
from spatial.grid import cells_at
from spatial.interpolate import overlaps, points_to_cells, to_cells
from spatial.study_area import StudyArea, study_area_from_polygon

Floats = npt.NDArray[np.float64]
Shapes = npt.NDArray[np.object_]


# A polygon larger than so many cells is wider than the smallest disk: within it, people are not told apart.
_CELLS_OF_A_DISK = 7
# A share of the people below this is not worth a sentence.
_WORTH_A_NOTE = 0.1


@dataclass(frozen=True)
class Population:
    """People per cell of a study area (NaN: not known), and what of the layer lies outside it."""

    people: Floats
    diagnostics: dict[str, Any]
    notes: list[str]


def population_area(store: Store, layer_id: str, resolution: int, max_cells: int) -> StudyArea:
    """Return the cells that hold a population layer's points, or have their centre in its polygons.

    Rows without a number are left out: where nobody knows how many people live, nothing can be expected.
    """
    shapes, values = _rows(store, layer_id)
    shapes = shapes[~np.isnan(values)]
    is_point = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
    parts = []
    if is_point.any():
        points = shapes[is_point]
        parts.append(np.unique(cells_at(shapely.get_x(points), shapely.get_y(points), resolution)))
    if not is_point.all():
        outline = shapely.union_all(shapes[~is_point])
        parts.append(study_area_from_polygon(outline, resolution, max_cells).cells)
    return StudyArea(np.unique(np.concatenate(parts)), resolution, "population")


def population_on(store: Store, layer_id: str, area: StudyArea) -> Population:
    """Return the people of each cell; polygons are shared out by area, points counted where they are.

    NaN where rows without a number cover more of the cell than others do; 0 where no row lies.
    """
    shapes, values = _rows(store, layer_id)
    is_point = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
    parts = [
        taken(shapes[chosen], values[chosen], area)
        for taken, chosen in ((_points_on, is_point), (_polygons_on, ~is_point))
        if chosen.any()
    ]
    people = np.sum([part.people for part in parts], axis=0)
    is_unknown = np.sum([part.unknown - part.known for part in parts], axis=0) > 0
    total = float(people[~is_unknown].sum())
    if total <= 0:
        raise DegenerateInput(
            f"population needs people in the study area, got none of the {np.nansum(values):,.0f}"
            f" in {layer_id!r}"
        )
    diagnostics = {
        "population_layer": layer_id,
        "population": total,
        "population_outside_study_area": sum(part.outside for part in parts),
        "population_rows_without_value": int(np.isnan(values).sum()),
        "population_in_coarse_polygons": sum(part.coarse for part in parts),
        "cells_without_population": int((people[~is_unknown] <= 0).sum()),
        "cells_of_unknown_population": int(is_unknown.sum()),
    }
    return Population(np.where(is_unknown, np.nan, people), diagnostics, _notes(diagnostics))


@dataclass(frozen=True)
class _Part:
    """What rows of one sort bring: people, and how much of a cell rows with and without a number hold."""

    people: Floats
    known: Floats
    unknown: Floats
    outside: float
    coarse: float = 0.0


def _points_on(points: Shapes, values: Floats, area: StudyArea) -> _Part:
    lng, lat, is_missing = shapely.get_x(points), shapely.get_y(points), np.isnan(values)
    placed = points_to_cells(lng, lat, values, area.cells)
    ones = np.ones(int(is_missing.sum()))
    unknown = points_to_cells(lng[is_missing], lat[is_missing], ones, area.cells).values
    n_known = placed.n_points.astype(np.float64)
    return _Part(placed.values, n_known, unknown, placed.outside)


def _polygons_on(polygons: Shapes, values: Floats, area: StudyArea) -> _Part:
    shared = overlaps(polygons, area.cells)
    moved = to_cells(values, shared, extensive=True)
    is_missing = np.isnan(values)[shared.polygon]
    known, unknown = (
        np.bincount(shared.cell[chosen], shared.area_km2[chosen], len(area.cells)).astype(np.float64)
        for chosen in (~is_missing, is_missing)
    )
    is_coarse = shared.polygon_area_km2 > _CELLS_OF_A_DISK * shared.cell_area_km2.mean()
    coarse = float(np.nansum((values - moved.outside)[is_coarse]))
    return _Part(np.nan_to_num(moved.values), known, unknown, float(moved.outside.sum()), coarse)


def _notes(told: dict[str, Any]) -> list[str]:
    notes = []
    coarse_share = told["population_in_coarse_polygons"] / told["population"]
    if told["population_rows_without_value"]:
        notes.append(
            f"{told['population_rows_without_value']:,} rows of {told['population_layer']} have no number of"
            " people: where they lie nothing is expected or tested"
        )
    if coarse_share >= _WORTH_A_NOTE:
        notes.append(
            f"{coarse_share:.0%} of the people are known only for polygons larger than"
            f" {_CELLS_OF_A_DISK} cells, and are spread evenly within them: a hot cell there may show where"
            " they really live. Choose a coarser resolution or a finer population"
        )
    return notes


def _rows(store: Store, layer_id: str) -> tuple[Shapes, Floats]:
    layer_of_kind(store, "population", layer_id, "population")
    table = store.geometries(layer_id)
    shapes = np.asarray(shapely.from_wkb(np.array(table["geometry"].to_pylist(), dtype=object)))
    values = np.array(
        [np.nan if value is None else value for value in table["value"].to_pylist()], dtype=float
    )
    values[values < 0] = np.nan  # the marks of census tables for "not known"
    if np.isnan(values).all():
        raise DegenerateInput(
            f"population needs a number of people per row; {layer_id!r} has none. A layer gets it by ingest"
            " with --map population=COLUMN, a file given to run by --map population.population=COLUMN"
        )
    return shapes, values
