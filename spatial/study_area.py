"""The cells an analysis is about, zeros included: from a polygon, or from the data themselves.

How many cells an area has is worked out before they are made.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from spatial.errors import EmptyStudyArea, TooManyCells
from spatial.grid import (
    Cells,
    Floats,
    cells_within,
    centers,
    children,
    disk,
    disk_pairs,
    n_children,
    parents,
    resolutions,
)

_STRAY_SHARE = 0.001
_STRAYS_SHARE_IN_ALL = 0.02
_ENOUGH_TO_COUNT = 10_000


@dataclass(frozen=True)
class StudyArea:
    """The cells of an analysis, and where they come from.

    Attributes
    ----------
    cells : array of uint64, shape (n,)
        Sorted, each once, all of one resolution.
    resolution : int
    source : str
        "boundary", "population" or "data".
    n_isolated_parents : int
        Coarse cells with data that were left out as strays; 0 unless the source is "data".
    n_isolated_rows : int
        Incidents in these.
    """

    cells: Cells
    resolution: int
    source: str
    n_isolated_parents: int = 0
    n_isolated_rows: int = 0


def study_area_from_polygon(
    geometry: shapely.Geometry, resolution: int, max_cells: int, *, source: str = "boundary"
) -> StudyArea:
    """Return the cells whose centre lies in a polygon.

    Parameters
    ----------
    geometry : shapely Polygon or MultiPolygon
        In lng/lat; see `cells_within`.
    resolution : int
        H3 resolution of the cells.
    max_cells : int
        The most cells allowed.
    source : str
        What the study area says of its origin.

    Raises
    ------
    TooManyCells
        If there would be more than `max_cells`; names the resolution that fits.
    EmptyStudyArea
        If no cell has its centre in the polygon.

    Examples
    --------
    >>> area = study_area_from_polygon(shapely.box(-75.12, 40.09, -75.09, 40.12), 8, 1000)
    >>> len(area.cells), area.source
    (12, 'boundary')
    """
    for coarser in range(max(0, resolution - 10), resolution + 1):
        found = cells_within(geometry, coarser)
        n_cells = len(found) * 7 ** (resolution - coarser)
        # 5 % grace: a count at a coarser resolution is off by the cells along the border.
        grace = 1.0 if coarser == resolution else 1.05
        _require_few(n_cells / grace, resolution, max_cells, _arithmetic(n_cells, resolution))
        if len(found) >= _ENOUGH_TO_COUNT:
            break
    cells = found if coarser == resolution else cells_within(geometry, resolution)
    if not len(cells):
        raise EmptyStudyArea(
            f"an area holding the centre of a resolution-{resolution} cell was needed, got none"
        )
    n_cells = len(cells)
    _require_few(n_cells, resolution, max_cells, _arithmetic(n_cells, resolution))
    return StudyArea(cells, resolution, source)


def study_area_from_data(cells: ArrayLike, counts: ArrayLike, resolution: int, max_cells: int) -> StudyArea:
    """Return the cells around the data: every occupied neighbourhood whole, and one ring more.

    All children of each cell two resolutions coarser ("parent") that holds data, plus one ring of such
    parents. Strays are left out and counted: parents with no neighbour that holds data and less than 0.1 % of
    the incidents. Where these hold more than 2 % of the incidents together the layer is one of many small
    places, and nothing is left out.

    Parameters
    ----------
    cells : array of uint64, shape (m,)
        Cells with data, at `resolution` or finer.
    counts : array, shape (m,)
        Incidents in each; cells with 0 are ignored.
    resolution : int
        H3 resolution of the study area.
    max_cells : int
        The most cells allowed.

    Raises
    ------
    TooManyCells
        If there would be more than `max_cells`; names the resolution that fits.
    EmptyStudyArea
        If no cell has data.

    References
    ----------
    The rule stands in the product's contract; empty cells are data, and a test without them loses power.

    Examples
    --------
    >>> cell = children(disk(np.array([0x862A1358FFFFFFF], dtype=np.uint64), 0), 8)[:1]
    >>> area = study_area_from_data(cell, [3], 8, 1000)
    >>> len(area.cells), area.source, area.n_isolated_rows
    (343, 'data', 0)
    """
    occupied, rows = _rows_by_parent(cells, counts, max(resolution - 2, 0))
    if not len(occupied):
        raise EmptyStudyArea("at least one incident was needed to derive a study area from, got none")
    stray = _strays(occupied, rows)
    kept = occupied[~stray]

    def n_cells_at(coarser: int) -> float:
        return n_children(disk(parents(kept, max(coarser - 2, 0)), 1), coarser)

    _require_few(n_cells_at(resolution), resolution, max_cells, n_cells_at)
    around = disk(kept, 1)
    return StudyArea(
        cells=np.sort(children(around, resolution)),
        resolution=resolution,
        source="data",
        n_isolated_parents=int(stray.sum()),
        n_isolated_rows=int(rows[stray].sum()),
    )


def study_area_from_cells(
    cells: ArrayLike, resolution: int, max_cells: int, *, source: str = "coverage"
) -> StudyArea:
    """Return the cells of a resolution that given cells are, lie in or hold.

    Parameters
    ----------
    cells : array of uint64, shape (m,)
        Valid cells; resolutions may be mixed.
    resolution, max_cells, source
        As in `study_area_from_polygon`.

    Raises
    ------
    TooManyCells
        If there would be more than `max_cells`; names the resolution that fits.
    EmptyStudyArea
        If there is no cell.

    Examples
    --------
    >>> len(study_area_from_cells([0x882A135927FFFFF], 9, 100).cells)
    7
    """
    found = np.unique(np.asarray(cells, dtype=np.uint64))
    if not len(found):
        raise EmptyStudyArea("at least one cell was needed to derive a study area from, got none")
    levels = resolutions(found)

    def n_cells_at(level: int) -> float:
        return len(np.unique(parents(found[levels >= level], level))) + n_children(
            found[levels < level], level
        )

    _require_few(n_cells_at(resolution), resolution, max_cells, n_cells_at)
    finer = parents(found[levels >= resolution], resolution)
    coarser = children(found[levels < resolution], resolution)
    return StudyArea(np.unique(np.concatenate([finer, coarser])), resolution, source)


def study_area_cut(area: StudyArea, bbox: tuple[float, float, float, float]) -> StudyArea:
    """Return the part of a study area whose cell centres lie in a box.

    Parameters
    ----------
    area : StudyArea
    bbox : (west, south, east, north)
        Degrees; west > east means a box across the antimeridian.

    Raises
    ------
    EmptyStudyArea
        If no centre lies in the box.

    Examples
    --------
    >>> area = study_area_from_polygon(shapely.box(-75.12, 40.09, -75.09, 40.12), 8, 1000)
    >>> len(study_area_cut(area, (-75.12, 40.09, -75.105, 40.12)).cells)
    6
    """
    west, south, east, north = bbox
    lng, lat = centers(area.cells)
    inside = (lng >= west) & (lng <= east) if west <= east else (lng >= west) | (lng <= east)
    inside &= (lat >= south) & (lat <= north)
    if not inside.any():
        raise EmptyStudyArea(f"a box holding a part of the study area was needed, got {bbox}")
    return replace(area, cells=area.cells[inside])


def cell_positions(area: StudyArea, cells: ArrayLike) -> NDArray[np.int64]:
    """Return where each cell stands in the study area, -1 for a cell outside it.

    Examples
    --------
    >>> area = study_area_from_polygon(shapely.box(-75.12, 40.09, -75.09, 40.12), 8, 1000)
    >>> cell_positions(area, [area.cells[3], 0]).tolist()
    [3, -1]
    """
    sought = np.asarray(cells, dtype=np.uint64)
    positions = np.minimum(np.searchsorted(area.cells, sought), len(area.cells) - 1)
    return np.where(area.cells[positions] == sought, positions, -1)


def _rows_by_parent(cells: ArrayLike, counts: ArrayLike, parent_resolution: int) -> tuple[Cells, Floats]:
    """Return the parents that hold data, sorted, and the incidents in each."""
    n_rows = np.asarray(counts, dtype=np.float64)
    found = np.asarray(cells, dtype=np.uint64)[n_rows > 0]
    occupied, which = np.unique(parents(found, parent_resolution), return_inverse=True)
    rows = np.zeros(len(occupied))
    np.add.at(rows, which, n_rows[n_rows > 0])
    return occupied, rows


def _strays(occupied: Cells, rows: Floats) -> NDArray[np.bool_]:
    """Return which parents with data are strays; see `study_area_from_data`."""
    a, members, _ = disk_pairs(occupied, 1)
    b = np.minimum(np.searchsorted(occupied, members), len(occupied) - 1)
    touching = (occupied[b] == members) & (a != b)
    is_isolated = np.bincount(a[touching], minlength=len(occupied)) == 0
    is_stray = is_isolated & (rows < _STRAY_SHARE * rows.sum())
    is_scattered = rows[is_stray].sum() > _STRAYS_SHARE_IN_ALL * rows.sum()
    return np.zeros(len(occupied), dtype=bool) if is_scattered else is_stray


def _arithmetic(n_cells: float, resolution: int) -> Callable[[int], float]:
    """Return how many cells an area has at a coarser resolution: a seventh for every step."""
    return lambda coarser: n_cells / 7 ** (resolution - coarser)


def _require_few(n_cells: float, resolution: int, max_cells: int, n_cells_at: Callable[[int], float]) -> None:
    """Refuse more cells than allowed, naming the finest resolution that fits."""
    if n_cells <= max_cells:
        return
    fits = next((r for r in range(resolution - 1, -1, -1) if n_cells_at(r) <= max_cells), None)
    way_out = "no resolution fits" if fits is None else f"resolution {fits} fits"
    raise TooManyCells(
        f"the study area would have about {n_cells:,.0f} cells at resolution {resolution}, "
        f"more than the {max_cells:,} allowed: {way_out}"
    )
