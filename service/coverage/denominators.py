"""Locations (homes, businesses, people) of a layer, counted into the cells or areas that another is about."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from data.store import Store
from models.errors import DegenerateInput
from spatial.allocation import allocation, polygons_in_polygons
from spatial.grid import boundaries

Floats = npt.NDArray[np.float64]
Shapes = npt.NDArray[np.object_]
Cells = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Locations:
    """The rows of a layer that gives denominators: each lies by its shape, its cell or its code."""

    layer: str
    shapes: Shapes
    cells: Cells
    codes: list[str | None]
    values: Floats

    @property
    def is_placed(self) -> npt.NDArray[np.bool_]:
        """Which rows have a place of their own."""
        placed: npt.NDArray[np.bool_] = (self.cells > 0) | ~(
            shapely.is_missing(self.shapes) | shapely.is_empty(self.shapes)
        )
        return placed


def locations_of(store: Store, layer_id: str) -> Locations:
    """Return the rows of a population or coverage layer with their numbers.

    Raises
    ------
    DegenerateInput
        If no row has a number.
    """
    if store.layer(layer_id).kind == "coverage":
        table = store.rows(layer_id, ["geometry", "cell", "code", "locations"])
        cells = [one or 0 for one in table["cell"].to_pylist()]
        codes, told = table["code"].to_pylist(), table["locations"].to_pylist()
    else:
        table = store.rows(layer_id, ["geometry", "value"])
        cells, codes, told = [0] * table.num_rows, table["id"].to_pylist(), table["value"].to_pylist()
    values = np.array([np.nan if one is None or one < 0 else one for one in told], dtype=float)
    if np.isnan(values).all():
        raise DegenerateInput(f"locations needs a number per row; {layer_id!r} has none")
    shapes = np.array(shapely.from_wkb(table["geometry"].to_pylist()), dtype=object)
    return Locations(layer_id, shapes, np.array(cells, dtype=np.uint64), codes, values)


def in_cells(found: Locations, cells: Cells) -> tuple[Floats, float]:
    """Return the locations of each cell, and how many lie in none of them."""
    shares = allocation(found.shapes, found.cells, cells)
    known = np.nan_to_num(found.values)
    values: Floats = shares.shares @ known
    return values, float(known.sum() - values.sum())


def in_areas(found: Locations, shapes: Shapes) -> tuple[Floats, float]:
    """Return the locations of each area, and how many lie in none of them."""
    placed = found.shapes.copy()
    at = np.flatnonzero(found.cells > 0)
    if len(at):
        placed[at] = boundaries(found.cells[at])
    sums, outside = polygons_in_polygons(found.values, placed, shapes)
    return sums, float(outside.sum())
