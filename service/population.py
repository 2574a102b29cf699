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


@dataclass(frozen=True)
class Population:
    """People per cell of a study area, and what of the layer lies outside it."""

    people: Floats
    diagnostics: dict[str, Any]


def population_area(store: Store, layer_id: str, resolution: int, max_cells: int) -> StudyArea:
    """Return the cells that hold a population layer's points, or have their centre in its polygons."""
    shapes, _ = _rows(store, layer_id)
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
    """Return the people of each cell; polygons are shared out by area, points counted where they are."""
    shapes, values = _rows(store, layer_id)
    is_point = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
    people = np.zeros(len(area.cells))
    outside = 0.0
    if is_point.any():
        points = shapes[is_point]
        placed = points_to_cells(shapely.get_x(points), shapely.get_y(points), values[is_point], area.cells)
        people += placed.values
        outside += placed.outside
    if not is_point.all():
        shared = to_cells(values[~is_point], overlaps(shapes[~is_point], area.cells), extensive=True)
        people += np.nan_to_num(shared.values)
        outside += float(shared.outside.sum())
    if people.sum() <= 0:
        raise DegenerateInput(
            f"population needs people in the study area, got none of the {np.nansum(values):,.0f}"
            f" in {layer_id!r}"
        )
    return Population(
        people,
        {
            "population_layer": layer_id,
            "population": float(people.sum()),
            "population_outside_study_area": outside,
            "population_rows_without_value": int(np.isnan(values).sum()),
            "cells_without_population": int((people <= 0).sum()),
        },
    )


def _rows(store: Store, layer_id: str) -> tuple[Shapes, Floats]:
    layer_of_kind(store, "population", layer_id, "population")
    table = store.geometries(layer_id)
    shapes = np.asarray(shapely.from_wkb(np.array(table["geometry"].to_pylist(), dtype=object)))
    values = np.array(
        [np.nan if value is None else value for value in table["value"].to_pylist()], dtype=float
    )
    if np.isnan(values).all():
        raise DegenerateInput(
            f"population needs a number of people per row; {layer_id!r} has none (--map population=COLUMN)"
        )
    return shapes, values
