"""Values moved between polygons, cells and points, with nothing lost on the way.

An extensive quantity (people, locations) is shared out: what arrives and what is left outside add up to what
was there. An intensive one (a share, a concentration) is averaged. What was interpolated is for display and
for combining; it is not evidence that a test may count cell by cell.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spatial.errors import InvalidCells, InvalidValues
from spatial.grid import Cells, Floats, are_pentagons, are_valid, cells_at, parents, resolutions
from spatial.overlaps import Indices, Overlaps, distinct_cells, overlaps, sums_at

__all__ = [
    "CellValues",
    "Overlaps",
    "PointTotals",
    "PolygonValues",
    "cells_to_cells",
    "overlaps",
    "points_to_cells",
    "to_cells",
    "to_polygons",
]

Mask = NDArray[np.bool_]

# Covered to within this share is covered: the rest is rounding of areas.
_ALL = 1 - 1e-9


@dataclass(frozen=True)
class CellValues:
    """A quantity per cell, and what became of every source (polygon or cell) that it came from.

    Attributes
    ----------
    values : array, shape (n_cells,)
        Extensive: 0 where no source lies, NaN where only sources without a value lie. Intensive: NaN where
        no source with a value lies.
    coverage : array, shape (n_cells,)
        Share of the cell that sources with a value cover, 0–1.
    outside : array, shape (n_sources,)
        Extensive: what of each source's value lies on no given cell; 0 for sources without a value.
        `values` and `outside` add up to the source values. Intensive: all 0.
    touches_none : array of bool, shape (n_sources,)
        Sources with nothing in common with any given cell; their value is in `outside`.
    by_area : array of bool, shape (n_sources,)
        Sources shared out by area because their cells carry no weight; all False without weights.
    is_missing : array of bool, shape (n_sources,)
        Sources whose value is NaN.
    """

    values: Floats
    coverage: Floats
    outside: Floats
    touches_none: Mask
    by_area: Mask
    is_missing: Mask


@dataclass(frozen=True)
class PolygonValues:
    """A quantity per polygon, and what of every cell went to none; read like `CellValues`, roles exchanged.

    Attributes
    ----------
    values : array, shape (n_polygons,)
        Extensive: 0 where a polygon has no cell, NaN where it has only cells without a value.
        Intensive: NaN in both cases.
    coverage : array, shape (n_polygons,)
        Share of the polygon that cells with a value cover, 0–1.
    outside : array, shape (n_cells,)
        Extensive: what of each cell's value lies in no polygon. Intensive: all 0.
    overlap_share : array, shape (n_polygons,)
        Share of the polygon that another polygon covers too; what lies there is counted in each of them.
    """

    values: Floats
    coverage: Floats
    outside: Floats
    overlap_share: Floats


@dataclass(frozen=True)
class PointTotals:
    """Values of points summed by cell.

    Attributes
    ----------
    values : array, shape (n_cells,)
    n_points : array of int64, shape (n_cells,)
    outside : float
        Sum of the values of points in none of the cells, or without a place.
    n_outside : int
        Number of these.
    n_missing : int
        Points without a value (NaN); counted nowhere else.
    """

    values: Floats
    n_points: Indices
    outside: float
    n_outside: int
    n_missing: int


def to_cells(
    values: ArrayLike,
    overlaps: Overlaps,
    *,
    extensive: bool,
    weights: ArrayLike | None = None,
    keep_total: bool = False,
) -> CellValues:
    """Return values of polygons interpolated to cells.

    Parameters
    ----------
    values : array, shape (n_polygons,)
        One per polygon; NaN where unknown.
    overlaps : Overlaps
        Of these polygons with the cells. Where polygons overlap one another, each keeps its own total;
        `overlaps.overlap_share` tells how much they do.
    extensive : bool
        True: the value is an amount, shared among the cells of its polygon in proportion to the common
        area. False: it is a density, share or mean; a cell gets the mean of its polygons, weighted by the
        common area.
    weights : array, shape (n_cells,), optional
        Amount per cell (such as population) that an extensive value follows instead of the area, taken as
        even within a cell: dasymetric. Not negative; 0 for water. A polygon with no weight in its cells is
        shared by area and marked in `by_area`. Means over the polygons of one cell do not depend on it.
    keep_total : bool
        What of a polygon lies outside the given cells (by area) is reported in `outside`; with True the whole
        value goes to the cells that it does touch.

    Returns
    -------
    CellValues

    Raises
    ------
    InvalidValues
        If there is not one value per polygon or one weight per cell, a value is infinite, or a weight is
        negative or not finite.

    References
    ----------
    Goodchild and Lam (1980), Geo-Processing 1, 297-312. Eicher and Brewer (2001), Cartography and Geographic
    Information Science 28(2), 125-138.

    Examples
    --------
    >>> import shapely
    >>> from spatial.grid import disk
    >>> west = shapely.box(-76, 40, -75.218, 41)
    >>> found = overlaps([west], disk([0x882A135927FFFFF], 1))
    >>> shared = to_cells([1000.0], found, extensive=True, keep_total=True)
    >>> float(shared.values.sum().round(9)), shared.coverage.round(2).tolist()
    (1000.0, [0.0, 0.0, 0.8, 0.53, 1.0, 0.26, 1.0])
    >>> to_cells([0.25], found, extensive=False).values.tolist()
    [nan, nan, 0.25, 0.25, 0.25, 0.25, 0.25]
    """
    found = _required_values(values, len(overlaps.polygon_area_km2), "polygon")
    spread = _spread(
        found,
        overlaps.polygon,
        overlaps.cell,
        overlaps.area_km2,
        overlaps.polygon_area_km2,
        overlaps.cell_area_km2,
        extensive=extensive,
        weights=_required_weights(weights, len(overlaps.cell_area_km2)),
        keep_total=keep_total,
    )
    once = overlaps.cell_covered_km2 / overlaps.cell_area_km2
    return replace(spread, coverage=np.where(once > _ALL, spread.coverage, np.minimum(spread.coverage, once)))


def to_polygons(
    values: ArrayLike, overlaps: Overlaps, *, extensive: bool, weights: ArrayLike | None = None
) -> PolygonValues:
    """Return values of cells interpolated to polygons.

    Parameters
    ----------
    values : array, shape (n_cells,)
        One per cell; NaN where unknown.
    overlaps : Overlaps
        Of the polygons with these cells.
    extensive : bool
        True: each polygon gets of a cell's amount the share of the cell that lies in it; where polygons
        overlap one another each gets its full share. False: it gets the mean of its cells.
    weights : array, shape (n_cells,), optional
        Amount per cell (such as population) that an intensive mean is weighted by, beside the area; NaN
        where the cells of a polygon carry none. An extensive amount is even within its cell, so nothing
        is left to weight.

    Raises
    ------
    InvalidValues
        As `to_cells`, with the roles exchanged.

    Examples
    --------
    >>> import shapely
    >>> from spatial.grid import disk
    >>> found = overlaps([shapely.box(-76, 40, -74, 41)], disk([0x882A135927FFFFF], 1))
    >>> to_polygons([1, 2, 3, 4, 5, 6, 7], found, extensive=True).values.round(9).tolist()
    [28.0]
    """
    cell, polygon, area_km2 = overlaps.cell, overlaps.polygon, overlaps.area_km2
    found = _required_values(values, len(overlaps.cell_area_km2), "cell")
    per_cell = _required_weights(weights, len(found))
    if per_cell is not None and not extensive:
        known_area = area_km2 * (per_cell / overlaps.cell_area_km2)[cell]
        means = _means(found, cell, polygon, known_area, len(overlaps.polygon_area_km2))
    spread = _spread(
        found,
        cell,
        polygon,
        area_km2,
        overlaps.cell_area_km2,
        overlaps.polygon_area_km2,
        extensive=extensive,
        weights=None,
        keep_total=False,
    )
    left = 1 - overlaps.cell_covered_km2 / overlaps.cell_area_km2
    left[left < 1 - _ALL] = 0.0
    return PolygonValues(
        values=spread.values if per_cell is None or extensive else means,
        coverage=spread.coverage,
        outside=np.where(np.isnan(found), 0.0, found) * left if extensive else np.zeros(len(found)),
        overlap_share=overlaps.overlap_share,
    )


def points_to_cells(lng: ArrayLike, lat: ArrayLike, values: ArrayLike, cells: ArrayLike) -> PointTotals:
    """Return the values of points summed by the cell that holds them.

    Parameters
    ----------
    lng, lat : array, shape (n,)
        Degrees; a point without finite coordinates counts as outside.
    values : array, shape (n,)
        Amounts, such as the people of a census block; NaN where unknown.
    cells : array of uint64, shape (n_cells,)
        Valid cells of one resolution, each once, in any order.

    Raises
    ------
    InvalidValues
        If the three arrays differ in length, or a value is infinite.
    InvalidCells
        If a cell is no H3 cell, is given twice, or has another resolution than the first.

    Examples
    --------
    >>> cells = cells_at([-75.1, -111.9], [40.1, 33.4], 8)
    >>> found = points_to_cells([-75.1, -75.1, 0.0], [40.1, 40.1, 0.0], [10.0, 5.0, 2.0], cells)
    >>> found.values.tolist(), found.outside, found.n_outside
    ([15.0, 0.0], 2.0, 1)
    """
    x, y = np.asarray(lng, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    amounts = _required_values(values, len(x), "point")
    if len(y) != len(x):
        raise InvalidValues(f"as many latitudes as longitudes were needed, got {len(y)} and {len(x)}")
    targets = distinct_cells(cells)
    resolution = int(resolutions(targets[:1])[0]) if len(targets) else 0
    at = _positions(targets, cells_at(x, y, resolution))
    is_known = ~np.isnan(amounts)
    inside, outside = is_known & (at >= 0), is_known & (at < 0)
    return PointTotals(
        values=sums_at(at[inside], amounts[inside], len(targets)),
        n_points=np.bincount(at[inside], minlength=len(targets)),
        outside=float(amounts[outside].sum()),
        n_outside=int(outside.sum()),
        n_missing=int((~is_known).sum()),
    )


def cells_to_cells(
    source_cells: ArrayLike,
    values: ArrayLike,
    target_cells: ArrayLike,
    *,
    extensive: bool,
    weights: ArrayLike | None = None,
    keep_total: bool = False,
) -> CellValues:
    """Return values of cells moved to other cells of the grid, coarser, finer or the same.

    A coarser target takes its descendants whole; finer targets get equal shares of their ancestor. This is
    the hierarchy of the grid, not geometry: a child sticks out of its parent by a little.

    Parameters
    ----------
    source_cells : array of uint64, shape (n_sources,)
        Valid cells; resolutions may be mixed. A cell given twice counts twice.
    values : array, shape (n_sources,)
        One per source cell; NaN where unknown.
    target_cells : array of uint64, shape (n_cells,)
        Valid cells of one resolution, each once, in any order.
    extensive, weights, keep_total
        As in `to_cells`.

    Raises
    ------
    InvalidValues
        As `to_cells`.
    InvalidCells
        If a cell is no H3 cell, or a target is given twice or has another resolution than the first.

    Examples
    --------
    >>> from spatial.grid import children
    >>> parent = parents([0x882A135927FFFFF], 7)
    >>> finer = cells_to_cells(parent, [70.0], children(parent, 8)[:5], extensive=True)
    >>> finer.values.tolist(), finer.outside.tolist()
    ([10.0, 10.0, 10.0, 10.0, 10.0], [20.0])
    >>> cells_to_cells(children(parent, 8), [1, 2, 3, 4, 5, 6, 7], parent, extensive=True).values.tolist()
    [28.0]
    """
    sources = np.asarray(source_cells, dtype=np.uint64)
    if not are_valid(sources).all():
        raise InvalidCells(f"H3 cells were needed, got {int(sources[np.argmin(are_valid(sources))]):x}")
    targets = distinct_cells(target_cells)
    found = _required_values(values, len(sources), "source cell")
    source, target, common, source_size = _kinship(sources, targets)
    return _spread(
        found,
        source,
        target,
        common,
        source_size,
        np.ones(len(targets)),
        extensive=extensive,
        weights=_required_weights(weights, len(targets)),
        keep_total=keep_total,
    )


def _spread(
    values: Floats,
    source: Indices,
    target: Indices,
    common: Floats,
    source_size: Floats,
    target_size: Floats,
    *,
    extensive: bool,
    weights: Floats | None,
    keep_total: bool,
) -> CellValues:
    """Return values of sources on targets; `common` and the sizes are areas in one unit."""
    n_sources, n_targets = len(values), len(target_size)
    is_missing = np.isnan(values)
    known = ~is_missing[source]
    covered = sums_at(target[known], common[known], n_targets)
    is_touched = np.bincount(source, minlength=n_sources) > 0
    by_area = np.zeros(n_sources, dtype=bool)
    outside = np.zeros(n_sources)
    if extensive:
        shares, by_area = _shares(source, target, common, target_size, n_sources, weights)
        placed = _placed_share(source, common, source_size)
        placed = np.where(is_touched, 1.0, 0.0) if keep_total else placed
        amounts = np.where(is_missing, 0.0, values)
        outside = amounts * (1 - placed)
        spread = sums_at(target, (amounts * placed)[source] * shares, n_targets)
        only_unknown = (np.bincount(target, minlength=n_targets) > 0) & (covered == 0)
        spread[only_unknown] = np.nan
    else:
        spread = _means(values, source, target, common, n_targets)
    coverage = np.divide(covered, target_size, out=np.zeros(n_targets), where=target_size > 0)
    return CellValues(
        values=spread,
        coverage=np.clip(np.where(coverage > _ALL, 1.0, coverage), 0.0, 1.0),
        outside=outside,
        touches_none=~is_touched,
        by_area=by_area & ~is_missing,
        is_missing=is_missing,
    )


def _shares(
    source: Indices,
    target: Indices,
    common: Floats,
    target_size: Floats,
    n_sources: int,
    weights: Floats | None,
) -> tuple[Floats, Mask]:
    """Return the share of its source that each pair gets (they add up to 1), and who fell back to area."""
    total_area = sums_at(source, common, n_sources)
    area_shares = common / total_area[source]
    if weights is None:
        return area_shares, np.zeros(n_sources, dtype=bool)
    largest = weights.max(initial=0.0)
    scaled = weights / largest if largest > 0 else weights  # so that no sum of weights leaves the floats
    amount = scaled[target] * (common / target_size[target])
    total = sums_at(source, amount, n_sources)
    by_area = (total == 0) & (total_area > 0)
    safe = np.where(total > 0, total, 1.0)
    return np.where(by_area[source], area_shares, amount / safe[source]), by_area


def _placed_share(source: Indices, common: Floats, source_size: Floats) -> Floats:
    """Return the share of each source that lies on targets, 0–1."""
    inside = sums_at(source, common, len(source_size))
    share = np.divide(inside, source_size, out=np.zeros(len(source_size)), where=source_size > 0)
    return np.where(share > _ALL, 1.0, share)


def _means(values: Floats, source: Indices, target: Indices, common: Floats, n_targets: int) -> Floats:
    """Return the mean of the known values at each target, weighted by what is in common; NaN without any."""
    known = ~np.isnan(values)[source] & (common > 0)
    source, target, common = source[known], target[known], common[known]
    total = sums_at(target, common, n_targets)
    share = common / total[target]
    means = sums_at(target, values[source] * share, n_targets)
    return np.where(total > 0, means, np.nan)


def _kinship(sources: Cells, targets: Cells) -> tuple[Indices, Indices, Floats, Floats]:
    """Return (source, target, common size) of all relatives and the size of each source, in target cells."""
    size = np.ones(len(sources))
    rows: list[Indices] = [np.empty(0, dtype=np.int64)]
    columns: list[Indices] = [np.empty(0, dtype=np.int64)]
    if not len(targets):
        return rows[0], columns[0], np.empty(0), size
    aim = int(resolutions(targets[:1])[0])
    levels = resolutions(sources)
    for level in np.unique(levels).tolist():
        mine = np.flatnonzero(levels == level)
        if level >= aim:
            ancestors = parents(sources[mine], aim)
            size[mine] = 1 / _n_descendants(ancestors, level)
            at = _positions(targets, ancestors)
            rows.append(mine[at >= 0])
            columns.append(at[at >= 0])
        else:
            size[mine] = _n_descendants(sources[mine], aim)
            row, column = _matches(sources[mine], parents(targets, level))
            rows.append(mine[row])
            columns.append(column)
    source, target = np.concatenate(rows), np.concatenate(columns)
    return source, target, np.minimum(size[source], 1.0), size


def _n_descendants(cells: Cells, resolution: int) -> Floats:
    """Return how many cells each has below it at a finer (or the same) resolution."""
    hexagons = 7.0 ** (resolution - resolutions(cells).astype(np.int64))
    return np.asarray(np.where(are_pentagons(cells), 1 + 5 * (hexagons - 1) / 6, hexagons))


def _matches(some: Cells, others: Cells) -> tuple[Indices, Indices]:
    """Return the positions of all equal pairs of two arrays that may both hold repetitions."""
    order = np.argsort(others, kind="stable")
    starts = np.searchsorted(others[order], some, side="left")
    n_each = np.searchsorted(others[order], some, side="right") - starts
    row = np.repeat(np.arange(len(some)), n_each)
    within = np.arange(len(row)) - np.repeat(np.cumsum(n_each) - n_each, n_each)
    return row, order[starts[row] + within]


def _positions(cells: Cells, sought: Cells) -> Indices:
    """Return where each sought cell stands among cells in any order, -1 where it does not."""
    if not len(cells):
        return np.full(len(sought), -1, dtype=np.int64)
    order = np.argsort(cells)
    at = order[np.minimum(np.searchsorted(cells[order], sought), len(cells) - 1)]
    return np.where(cells[at] == sought, at, -1)


def _required_values(values: ArrayLike, n: int, of_what: str) -> Floats:
    found = np.asarray(values, dtype=np.float64)
    if found.shape != (n,):
        raise InvalidValues(f"one value per {of_what} was needed ({n}), got an array of shape {found.shape}")
    if np.isinf(found).any():
        raise InvalidValues(f"finite values were needed, got {found[np.isinf(found)][0]}")
    return found


def _required_weights(weights: ArrayLike | None, n: int) -> Floats | None:
    if weights is None:
        return None
    found = np.asarray(weights, dtype=np.float64)
    if found.shape != (n,):
        raise InvalidValues(f"one weight per cell was needed ({n}), got an array of shape {found.shape}")
    wrong = ~(np.isfinite(found) & (found >= 0))
    if wrong.any():
        raise InvalidValues(f"weights of 0 or more were needed, got {found[wrong][0]}")
    return found
