"""Amounts of polygons, lines, points and cells shared out to cells, as one sparse matrix for all quantities.

What `spatial.interpolate` does for one quantity at a time; here the shares themselves are wanted, for several
quantities, for margins of error, which add up as squares, and to ask which source a cell's amount comes from.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from spatial.errors import InvalidValues
from spatial.grid import (
    Cells,
    Floats,
    Geometries,
    are_pentagons,
    areas_km2,
    boundaries,
    cells_at,
    parents,
    resolutions,
)
from spatial.overlaps import Indices, distinct_cells, overlaps, spherical_areas_km2, sums_at

_KM_PER_DEGREE = 111.195
# Less than this share of a line is rounding at a corner of a cell.
_ROUNDING = 1e-9
# Along an outline a cell is looked up this often in a cell's width; corners cut shorter hold next to nothing.
_STEPS_PER_WIDTH = 4


@dataclass(frozen=True)
class Allocation:
    """Which share of every source's amount goes to which cell.

    Attributes
    ----------
    shares : sparse array, shape (n_cells, n_sources)
        Columns add up to the part of the source that lies in the cells, 1 at most.
    area_km2 : array, shape (n_sources,)
        Of polygons and cells; 0 for lines and points.
    relative_size : array, shape (n_sources,)
        Over how many cells a source spreads its amount: its area in cells; for a line, its length in widths
        of a cell; 0 for a point, NaN for what has no place.
    overlap_share : array, shape (n_sources,)
        Share of a polygon that other polygons cover too.
    by_area : array of bool, shape (n_sources,)
        Polygons and cells shared out by area because their cells carry no weight.
    """

    shares: csr_array
    area_km2: Floats
    relative_size: Floats
    overlap_share: Floats
    by_area: NDArray[np.bool_]

    @property
    def inside(self) -> Floats:
        """Part of every source that lies in the cells, 0–1, shape (n_sources,)."""
        return np.minimum(np.asarray(self.shares.sum(axis=0)).ravel(), 1.0)


def allocation(
    shapes: ArrayLike,
    source_cells: ArrayLike,
    cells: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    keep_total: bool = False,
) -> Allocation:
    """Return how sources of any kind are shared out to cells.

    Polygons give each cell the part of their area that lies in it, lines the part of their length, points
    all; a cell as a source follows the hierarchy of the grid, as `interpolate.cells_to_cells` does.

    Parameters
    ----------
    shapes : array of shapely geometries, shape (n_sources,)
        In lng/lat; None or empty where the source is a cell, or has no place.
    source_cells : array of uint64, shape (n_sources,)
        H3 cells of any resolution, 0 where the shape says where the source lies.
    cells : array of uint64, shape (n_cells,)
        Valid cells of one resolution, each once.
    weights : array, shape (n_cells,), optional
        Amount per cell that polygons and cells follow instead of the area; see `interpolate.to_cells`.
    keep_total : bool
        The whole amount goes to the cells that a source does touch, also where a part lies outside them.

    Raises
    ------
    InvalidValues
        If there is not one cell per shape and one weight per cell, or a weight is negative or not finite.
    InvalidCells, InvalidGeometry
        As `overlaps.overlaps`.

    Examples
    --------
    >>> from spatial.grid import centers, children, disk
    >>> cells = children([0x872A13592FFFFFF], 8)[:4]
    >>> place = shapely.Point(*(x[0] for x in centers(cells[:1])))
    >>> found = allocation([place, None], [0, int(parents(cells[:1], 7)[0])], cells)
    >>> found.shares.toarray().sum(axis=0).round(6).tolist(), found.relative_size.tolist()
    ([1.0, 0.571429], [0.0, 7.0])
    """
    sources, target = np.asarray(shapes, dtype=object), distinct_cells(cells)
    own = np.asarray(source_cells, dtype=np.uint64)
    if own.shape != sources.shape:
        raise InvalidValues(f"one cell (or 0) for each of {len(sources)} shapes was needed, got {own.shape}")
    per_cell = None if weights is None else np.asarray(weights, dtype=np.float64)
    if per_cell is not None and (per_cell.shape != target.shape or not (per_cell >= 0).all()):
        raise InvalidValues("one weight of 0 or more per cell was needed")
    dimension = np.where(own > 0, -2, shapely.get_dimensions(sources))
    found = _Shares(len(target), len(sources), per_cell, keep_total)
    _add_polygons(found, sources, np.flatnonzero(dimension == 2), target)
    _add_lines(found, sources, np.flatnonzero(dimension == 1), target)
    _add_points(found, sources, np.flatnonzero(dimension == 0), target)
    _add_cells(found, own, np.flatnonzero(own > 0), target)
    return found.allocation()


def cells_touched(shapes: ArrayLike, source_cells: ArrayLike, resolution: int) -> Cells:
    """Return cells enough to hold all that lies along the outlines of sources, sorted; some hold nothing.

    What lies inside a polygon, away from its outline, is found by its cells' centres: see `study_area`.

    Examples
    --------
    >>> line = shapely.LineString([(-75.22, 40.0), (-75.22, 40.05)])
    >>> len(cells_touched([line], [0], 8)) >= 6
    True
    """
    sources, own = np.asarray(shapes, dtype=object), np.asarray(source_cells, dtype=np.uint64)
    found = [np.empty(0, dtype=np.uint64)]
    drawn = sources[(own == 0) & ~shapely.is_missing(sources) & ~shapely.is_empty(sources)]
    if len(drawn):
        inner = shapely.get_coordinates(shapely.point_on_surface(drawn))
        smallest_km2 = float(areas_km2(cells_at(inner[:, 0], inner[:, 1], resolution)).min())
        # A degree is shorter than at the equator, so the steps are at most this long.
        step = np.sqrt(smallest_km2) / _STEPS_PER_WIDTH / _KM_PER_DEGREE
        points = shapely.get_coordinates(shapely.segmentize(drawn, step))
        found += [np.unique(cells_at(points[:, 0], points[:, 1], resolution))]
    return np.unique(np.concatenate(found))


class _Shares:
    """Triples of cell, source and share, and what is known of the sources so far."""

    def __init__(self, n_cells: int, n_sources: int, weights: Floats | None, keep_total: bool) -> None:
        self.shape = (n_cells, n_sources)
        self.weights, self.keep_total = weights, keep_total
        self.rows: list[Indices] = []
        self.columns: list[Indices] = []
        self.values: list[Floats] = []
        self.area_km2, self.overlap_share = np.zeros(n_sources), np.zeros(n_sources)
        self.relative_size = np.full(n_sources, np.nan)
        self.by_area = np.zeros(n_sources, dtype=bool)

    def add(self, cell: Indices, source: Indices, part: Floats, cell_part: Floats) -> None:
        """Take pairs: `part` of the source lies in the cell and fills `cell_part` of it, both 0–1."""
        n = self.shape[1]
        inside = sums_at(source, part, n)
        placed = np.where(inside > 0, 1.0, 0.0) if self.keep_total else np.minimum(inside, 1.0)
        placed[(inside > 1 - _ROUNDING) & (inside > 0)] = 1.0
        amount = part if self.weights is None else self.weights[cell] * cell_part
        total = sums_at(source, amount, n)
        bare = (total <= 0) & (inside > 0)
        if self.weights is not None:
            self.by_area |= bare
        amount = np.where(bare[source], part, amount)
        total = np.where(bare, inside, total)
        self.put(cell, source, amount / total[source] * placed[source])

    def put(self, cell: Indices, source: Indices, share: Floats) -> None:
        """Take pairs with their share as it is."""
        self.rows.append(cell)
        self.columns.append(source)
        self.values.append(share)

    def allocation(self) -> Allocation:
        values, rows, columns = (
            np.concatenate(parts) if parts else np.empty(0)
            for parts in (self.values, self.rows, self.columns)
        )
        matrix = csr_array((values, (rows.astype(np.int64), columns.astype(np.int64))), shape=self.shape)
        return Allocation(matrix, self.area_km2, self.relative_size, self.overlap_share, self.by_area)


def _add_polygons(found: _Shares, shapes: Geometries, at: Indices, cells: Cells) -> None:
    if not len(at):
        return
    pairs = overlaps(shapes[at], cells)
    found.area_km2[at], found.overlap_share[at] = pairs.polygon_area_km2, pairs.overlap_share
    part = pairs.area_km2 / pairs.polygon_area_km2[pairs.polygon]
    found.add(pairs.cell, at[pairs.polygon], part, pairs.area_km2 / pairs.cell_area_km2[pairs.cell])
    mean_km2 = _mean_cell_km2(pairs.polygon, pairs.cell_area_km2[pairs.cell], len(at))
    found.relative_size[at] = pairs.polygon_area_km2 / mean_km2


def _add_lines(found: _Shares, shapes: Geometries, at: Indices, cells: Cells) -> None:
    """Share lines out by length; a line along an edge of two cells goes to both, half each."""
    if not len(at) or not len(cells):
        return
    lines, outlines = shapes[at], boundaries(cells)
    cell, line = shapely.STRtree(lines).query(outlines, predicate="intersects")
    length = _lengths_km(shapely.intersection(lines[line], outlines[cell]))
    whole = _lengths_km(lines)
    part = np.divide(length, whole[line], out=np.zeros(len(line)), where=whole[line] > 0)
    kept = part > _ROUNDING
    cell, line, part = cell[kept], line[kept], part[kept]
    inside = sums_at(line, part, len(at))
    part = part / np.maximum(inside, 1.0)[line]
    if found.keep_total:
        part = part / sums_at(line, part, len(at))[line]
    found.put(cell, at[line], part)
    width_km = np.sqrt(_mean_cell_km2(line, areas_km2(cells)[cell], len(at)))
    found.relative_size[at] = whole / width_km


def _add_points(found: _Shares, shapes: Geometries, at: Indices, cells: Cells) -> None:
    if not len(at) or not len(cells):
        return
    points, owner = shapely.get_coordinates(shapes[at], return_index=True)
    place = _positions(cells, cells_at(points[:, 0], points[:, 1], int(resolutions(cells[:1])[0])))
    share = 1 / np.bincount(owner, minlength=len(at))[owner]
    found.put(place[place >= 0], at[owner[place >= 0]], share[place >= 0])
    found.relative_size[at] = 0.0


def _add_cells(found: _Shares, own: Cells, at: Indices, cells: Cells) -> None:
    if not len(at) or not len(cells):
        return
    aim, levels = int(resolutions(cells[:1])[0]), resolutions(own[at]).astype(np.int64)
    found.area_km2[at] = areas_km2(own[at])
    found.relative_size[at] = 7.0 ** (aim - levels)
    for level in np.unique(levels).tolist():
        mine = at[levels == level]
        if level >= aim:
            place = _positions(cells, parents(own[mine], aim))
            mine, place = mine[place >= 0], place[place >= 0]
            ones = np.ones(len(mine))
            found.put(place, mine, ones)
        else:
            # Several rows may name the same cell: each takes all its children.
            ancestors, order = parents(cells, level), np.argsort(own[mine], kind="stable")
            first = np.searchsorted(own[mine][order], ancestors, side="left")
            times = np.searchsorted(own[mine][order], ancestors, side="right") - first
            place = np.repeat(np.arange(len(cells)), times)
            nth = np.arange(len(place)) - np.repeat(np.cumsum(times) - times, times)
            source = mine[order[np.repeat(first, times) + nth]]
            part = 1 / _n_descendants(own[source], aim - level)
            found.add(place, source, part, np.ones(len(place)))


def _n_descendants(cells: Cells, levels: int) -> Floats:
    """Return how many cells each has so many levels down."""
    return np.asarray(np.where(are_pentagons(cells), 1 + 5 * (7.0**levels - 1) / 6, 7.0**levels))


def _mean_cell_km2(source: Indices, cell_km2: Floats, n: int) -> Floats:
    """Return the mean area of the cells that each source touches; of all of them where it touches none."""
    times = np.bincount(source, minlength=n)
    anywhere = float(cell_km2.mean()) if len(cell_km2) else np.nan
    return np.where(times > 0, sums_at(source, cell_km2, n) / np.maximum(times, 1), anywhere)


def _lengths_km(lines: Geometries) -> Floats:
    """Return lengths on the sphere to within some 1e-3; only their proportions along a line count."""
    latitude = np.nan_to_num(shapely.bounds(lines)[:, [1, 3]].mean(axis=1))
    points, owner = shapely.get_coordinates(lines, return_index=True)
    flat = points * np.stack([np.cos(np.radians(latitude))[owner], np.ones(len(owner))], axis=1)
    return np.asarray(shapely.length(shapely.set_coordinates(lines.copy(), flat)) * _KM_PER_DEGREE)


def _positions(cells: Cells, sought: Cells) -> Indices:
    """Return where each sought cell stands among the cells, -1 where it does not."""
    order = np.argsort(cells)
    at = order[np.minimum(np.searchsorted(cells[order], sought), len(cells) - 1)]
    return np.where(cells[at] == sought, at, -1)


def polygons_in_polygons(values: ArrayLike, shapes: ArrayLike, areas: ArrayLike) -> tuple[Floats, Floats]:
    """Return amounts of points and polygons summed by the areas that hold them, and what lies in none.

    A polygon gives each area the part of its own area that they share; where areas overlap, each gets its
    part.

    Parameters
    ----------
    values : array, shape (n,)
        Amounts; NaN counts as nothing.
    shapes : array of shapely geometries, shape (n,)
        Polygons or points, in lng/lat.
    areas : array of shapely geometries, shape (m,)

    Returns
    -------
    sums : array, shape (m,)
    outside : array, shape (n,)
        What of each amount lies in no area.

    Examples
    --------
    >>> west, east = shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)
    >>> sums, outside = polygons_in_polygons([8.0, 2.0], [shapely.box(0.5, 0, 1.5, 1), shapely.Point(9, 9)],
    ...                                      [west, east])
    >>> sums.round(9).tolist(), outside.tolist()
    ([4.0, 4.0], [0.0, 2.0])
    """
    amounts = np.nan_to_num(np.asarray(values, dtype=np.float64))
    given, target = np.asarray(shapes, dtype=object), np.asarray(areas, dtype=object)
    one, area = shapely.STRtree(target).query(given, predicate="intersects")
    is_flat = shapely.get_dimensions(given) == 2
    part = np.ones(len(one))
    flat = is_flat[one]
    own_km2 = spherical_areas_km2(given)
    common = spherical_areas_km2(shapely.intersection(given[one[flat]], target[area[flat]]))
    part[flat] = np.divide(common, own_km2[one[flat]], out=np.zeros(len(common)), where=common > 0)
    # A point on the border of two areas is in both: half each.
    times = np.bincount(one[~flat], minlength=len(given))
    part[~flat] = 1 / times[one[~flat]]
    inside = sums_at(one, part, len(given))
    left = np.clip(1 - inside, 0.0, 1.0)
    left[left < _ROUNDING] = 0.0
    return sums_at(area, amounts[one] * part, len(target)), amounts * left
