"""How much of every polygon lies in every cell: exact overlaps, in km² on the sphere.

Edges are straight in lng/lat, as GeoJSON says, for polygons and cells alike: two cells that share two
corners share the edge, so the parts of a polygon add up to it. Areas are integrated in closed form along
these edges; nothing is projected. What is made of the overlaps is the business of `spatial.interpolate`.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from spatial.errors import InvalidCells, InvalidGeometry
from spatial.geometry import repaired
from spatial.grid import Cells, Floats, Geometries, are_valid, boundaries, lng_lat_area, resolutions

Indices = NDArray[np.int64]

# The sphere that H3 measures its cells on: the one with the surface of WGS 84.
_RADIUS_KM = 6371.007180918475
# Less than this share of the smaller one is rounding along a shared edge, not an overlap.
_ROUNDING = 1e-9
# Shares of a cell that differ by less are the same.
_SAME_SHARE = 1e-6
_CELLS_AT_ONCE = 250_000
# Polygons with more corners are cut into pieces before they are intersected with cells one by one.
_MANY_CORNERS = 256
_MAX_CUTS = 40


@dataclass(frozen=True)
class Overlaps:
    """Which polygon overlaps which cell, and by how much.

    Attributes
    ----------
    polygon, cell : array of int64, shape (n_overlaps,)
        Positions of the two in what was given, sorted by polygon, then cell.
    area_km2 : array, shape (n_overlaps,)
        What they have in common; more than 0.
    polygon_area_km2 : array, shape (n_polygons,)
        0 where a polygon is missing or empty.
    cell_area_km2 : array, shape (n_cells,)
    polygon_shared_km2 : array, shape (n_polygons,)
        What of a polygon another polygon covers too.
    cell_covered_km2 : array, shape (n_cells,)
        What of a cell lies in any polygon, counted once.
    n_repaired : int
        Polygons that were invalid and had to be repaired.
    """

    polygon: Indices
    cell: Indices
    area_km2: Floats
    polygon_area_km2: Floats
    cell_area_km2: Floats
    polygon_shared_km2: Floats
    cell_covered_km2: Floats
    n_repaired: int

    @property
    def inside_share(self) -> Floats:
        """Share of every polygon's area that lies in the cells, 0–1, shape (n_polygons,)."""
        inside = sums_at(self.polygon, self.area_km2, len(self.polygon_area_km2))
        return _share(inside, self.polygon_area_km2)

    @property
    def overlap_share(self) -> Floats:
        """Share of every polygon's area that another polygon covers too, 0–1, shape (n_polygons,)."""
        return _share(self.polygon_shared_km2, self.polygon_area_km2)

    def covering(self, least: float = 0.5) -> Indices:
        """Return the polygon that covers most of each cell, shape (n_cells,).

        -1 where polygons cover less than the share `least` of the cell. Of several that cover the same share
        the smallest polygon is taken, then the first.
        """
        share = np.round(self.area_km2 / self.cell_area_km2[self.cell] / _SAME_SHARE)
        order = np.lexsort((self.polygon, self.polygon_area_km2[self.polygon], -share, self.cell))
        cell, first = np.unique(self.cell[order], return_index=True)
        found = np.full(len(self.cell_area_km2), -1, dtype=np.int64)
        found[cell] = self.polygon[order][first]
        found[self.cell_covered_km2 < least * self.cell_area_km2] = -1
        return found

    @property
    def touches_no_cell(self) -> NDArray[np.bool_]:
        """Whether a polygon has nothing in common with any cell, shape (n_polygons,)."""
        untouched: NDArray[np.bool_] = np.bincount(self.polygon, minlength=len(self.polygon_area_km2)) == 0
        return untouched


def overlaps(polygons: ArrayLike, cells: ArrayLike) -> Overlaps:
    """Return every pair of a polygon and a cell that share an area, with that area.

    Cells wholly inside a polygon are told by an indexed containment test; only cells on its border are
    intersected with it.

    Parameters
    ----------
    polygons : array of shapely geometries, shape (n_polygons,)
        In lng/lat. Holes and several parts are respected, invalid rings repaired and counted; a polygon
        across the antimeridian may be cut there, jump, or run on past ±180. Missing geometries, points and
        lines have no area and overlap nothing. Polygons may overlap one another.
    cells : array of uint64, shape (n_cells,)
        Valid cells of one resolution, each once, in any order.

    Returns
    -------
    Overlaps
        Areas are exact for straight lng/lat edges but for rounding: below 1e-10 of a cell, 3e-9 at resolution
        15. `areas_km2` bends the edges of a cell along great circles and differs by less than 1e-8 of it at
        resolution 7 and finer, 3e-6 at resolution 4; near the poles (85°) ten times that.

    Raises
    ------
    InvalidGeometry
        If coordinates are not finite or not degrees.
    InvalidCells
        If a cell is no H3 cell, is given twice, or has another resolution than the first.

    Examples
    --------
    >>> from spatial.grid import disk
    >>> cells = disk([0x882A135927FFFFF], 1)
    >>> halves = [shapely.box(-76, 40, -75.218, 41), shapely.box(-75.218, 40, -74, 41)]
    >>> found = overlaps(halves, cells)
    >>> bool(np.isclose(found.area_km2.sum(), found.cell_area_km2.sum(), rtol=1e-12))
    True
    >>> found.overlap_share.tolist(), found.touches_no_cell.tolist()
    ([0.0, 0.0], [False, False])
    """
    areas, n_repaired = _usable(polygons)
    found = distinct_cells(cells)
    polygon, cell, area_km2, cell_area_km2 = _pairs(areas, found)
    polygon_area_km2 = spherical_areas_km2(areas)
    shared_km2, doubled, remainders = _between(areas, polygon_area_km2)
    is_double = np.zeros(len(areas), dtype=bool)
    is_double[doubled] = True
    once = ~is_double[polygon]
    covered_km2 = sums_at(cell[once], area_km2[once], len(found))
    if len(doubled):
        _, again, remaining_km2, _ = _pairs(remainders, found)
        covered_km2 += sums_at(again, remaining_km2, len(found))
    return Overlaps(
        polygon=polygon,
        cell=cell,
        area_km2=area_km2,
        polygon_area_km2=polygon_area_km2,
        cell_area_km2=cell_area_km2,
        polygon_shared_km2=shared_km2,
        cell_covered_km2=np.minimum(covered_km2, cell_area_km2),
        n_repaired=n_repaired,
    )


def spherical_areas_km2(geometries: ArrayLike) -> Floats:
    """Return the area of every geometry on the sphere, its edges straight in lng/lat.

    By Green's theorem an area is the integral of sin(latitude) over longitude along its rings; along a
    straight edge the mean of sin(latitude) is sin(m) sin(h)/h, with the mean m of its ends and half their
    difference h.

    Parameters
    ----------
    geometries : array of shapely geometries, shape (n,)
        In degrees, valid, within ±180.

    Returns
    -------
    array, shape (n,)
        km²; 0 for whatever has no area.

    Examples
    --------
    >>> spherical_areas_km2([shapely.box(-180, -90, 180, 90), shapely.box(0, 0, 1, 1)]).round(1).tolist()
    [510065621.7, 12363.7]
    """
    found = np.asarray(geometries, dtype=object)
    parts, part_of = shapely.get_parts(found, return_index=True)
    parts, inner_of = shapely.get_parts(parts, return_index=True)
    is_area = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    parts, owner = parts[is_area], part_of[inner_of][is_area]
    rings, ring_of = shapely.get_rings(parts, return_index=True)
    is_shell = np.diff(ring_of, prepend=-1) > 0
    ring_km2 = _ring_areas_km2(rings)
    return sums_at(owner[ring_of], np.where(is_shell, ring_km2, -ring_km2), len(found))


def distinct_cells(cells: ArrayLike) -> Cells:
    """Return cells as an array, sure to be of one resolution and each there once.

    Raises
    ------
    InvalidCells
        If a cell is no H3 cell, is given twice, or has another resolution than the first.

    Examples
    --------
    >>> distinct_cells([0x882A135927FFFFF]).dtype
    dtype('uint64')
    """
    found = np.asarray(cells, dtype=np.uint64)
    valid = are_valid(found)
    if not valid.all():
        raise InvalidCells(f"H3 cells were needed, got {int(found[np.argmin(valid)]):x}")
    if (n_repeated := len(found) - len(np.unique(found))) > 0:
        raise InvalidCells(f"each cell once was needed, got {n_repeated} repeated")
    if len(levels := np.unique(resolutions(found))) > 1:
        raise InvalidCells(f"cells of one resolution were needed, got {levels.tolist()}")
    return found


def sums_at(positions: Indices, amounts: Floats, n: int) -> Floats:
    """Return the amounts summed by position, shape (n,).

    Examples
    --------
    >>> sums_at(np.array([2, 0, 2]), np.array([1.0, 2.0, 3.0]), 3).tolist()
    [2.0, 0.0, 4.0]
    """
    return np.bincount(positions, amounts, n).astype(np.float64)


def _ring_areas_km2(rings: Geometries) -> Floats:
    points, ring_of = shapely.get_coordinates(rings, return_index=True)
    if not len(points):
        return np.zeros(len(rings))
    is_edge = ring_of[1:] == ring_of[:-1]
    lng, lat = np.radians(points[:, 0]), np.radians(points[:, 1])
    first = np.searchsorted(ring_of, ring_of[:-1][is_edge])
    width = np.diff(lng)[is_edge]
    middle = ((lat[1:] + lat[:-1]) / 2)[is_edge]
    half = (np.diff(lat) / 2)[is_edge]
    # Relative to the sine at the ring's first corner, so that small rings do not drown in rounding.
    rise = 2 * np.cos((middle + lat[first]) / 2) * np.sin((middle - lat[first]) / 2)
    mean_sine = rise - np.sin(middle) * _one_minus_sinc(half)
    return np.asarray(
        _RADIUS_KM**2 * np.abs(np.bincount(ring_of[:-1][is_edge], width * mean_sine, len(rings)))
    )


def _one_minus_sinc(angle: Floats) -> Floats:
    """Return 1 - sin(x)/x, by its series where the difference would cancel."""
    square = angle**2
    is_small = np.abs(angle) < 0.01
    safe = np.where(is_small, 1.0, angle)
    return np.where(is_small, square / 6 - square**2 / 120, 1 - np.sin(safe) / safe)


def _usable(polygons: ArrayLike) -> tuple[Geometries, int]:
    """Return the polygons valid and within ±180, and how many were invalid."""
    found = np.array(polygons, dtype=object).ravel()
    found[shapely.is_missing(found)] = shapely.Polygon()
    found = np.asarray(shapely.force_2d(found), dtype=object)
    points, owner = shapely.get_coordinates(found, return_index=True)
    wrong = ~np.isfinite(points).all(axis=1) | (np.abs(points) > [[540.0, 90.0]]).any(axis=1)
    if wrong.any():
        raise InvalidGeometry(
            f"polygons in degrees were needed, got a coordinate {points[wrong][0].tolist()} "
            f"in polygon {int(owner[wrong][0])}"
        )
    was_invalid = ~shapely.is_valid(found)
    west, _, east, _ = shapely.bounds(found).reshape(-1, 4).T
    is_odd = (west < -180) | (east > 180) | (east - west > 180)
    is_odd |= ~np.isin(shapely.get_type_id(found), (3, 6))
    for row in np.flatnonzero(is_odd):
        found[row] = lng_lat_area(found[row])
    was_invalid |= ~shapely.is_valid(found)
    return repaired(found)[0], int(was_invalid.sum())


def _pairs(polygons: Geometries, cells: Cells) -> tuple[Indices, Indices, Floats, Floats]:
    """Return (polygon, cell, area) of all overlaps and the area of every cell.

    Some cells at a time, to bound the memory.
    """
    shapely.prepare(polygons)
    pieces, piece_of = _pieces(polygons)
    found = [
        _pairs_with(polygons, pieces, piece_of, cells[start : start + _CELLS_AT_ONCE], start)
        for start in range(0, max(len(cells), 1), _CELLS_AT_ONCE)
    ]
    rows, columns, areas, cell_areas = zip(*found, strict=True)
    polygon, cell, area_km2 = np.concatenate(rows), np.concatenate(columns), np.concatenate(areas)
    order = np.lexsort((cell, polygon))
    return polygon[order], cell[order], area_km2[order], np.concatenate(cell_areas)


def _pairs_with(
    polygons: Geometries, pieces: Geometries, piece_of: Indices, cells: Cells, start: int
) -> tuple[Indices, Indices, Floats, Floats]:
    shapes = boundaries(cells)
    cell_km2 = spherical_areas_km2(shapes)
    polygon, cell = shapely.STRtree(shapes).query(polygons, predicate="intersects")
    is_border = ~shapely.covers(polygons[polygon], shapes[cell])
    area_km2 = cell_km2[cell]
    is_whole = np.bincount(piece_of, minlength=len(polygons))[polygon] == 1
    whole, cut = np.flatnonzero(is_border & is_whole), np.flatnonzero(is_border & ~is_whole)
    area_km2[whole] = spherical_areas_km2(shapely.intersection(polygons[polygon[whole]], shapes[cell[whole]]))
    area_km2[cut] = _areas_with_pieces(pieces, piece_of, polygon[cut], shapes[cell[cut]])
    smaller_km2 = np.minimum(spherical_areas_km2(polygons)[polygon], cell_km2[cell])
    kept = area_km2 > _ROUNDING * smaller_km2
    return polygon[kept].astype(np.int64), cell[kept].astype(np.int64) + start, area_km2[kept], cell_km2


def _areas_with_pieces(pieces: Geometries, piece_of: Indices, polygon: Indices, shapes: Geometries) -> Floats:
    """Return what each shape has in common with its polygon, summed over the pieces of the polygon."""
    pair, piece = shapely.STRtree(pieces).query(shapes)
    own = piece_of[piece] == polygon[pair]
    pair, piece = pair[own], piece[own]
    common = shapely.intersection(pieces[piece], shapes[pair])
    return sums_at(pair, spherical_areas_km2(common), len(shapes))


def _pieces(polygons: Geometries) -> tuple[Geometries, Indices]:
    """Return polygons halved until each piece has few corners, and the polygon of each piece.

    An intersection costs as much as both have corners: a coastline against each cell along it would be
    quadratic.
    """
    done: list[Geometries] = []
    owners: list[Indices] = []
    parts, owner = polygons, np.arange(len(polygons))
    for _ in range(_MAX_CUTS):
        is_large = shapely.get_num_coordinates(parts) > _MANY_CORNERS
        done.append(parts[~is_large])
        owners.append(owner[~is_large])
        parts, owner = parts[is_large], owner[is_large]
        if not len(parts):
            break
        west, south, east, north = shapely.bounds(parts).T
        is_wide = east - west > north - south
        x, y = (west + east) / 2, (south + north) / 2
        low = shapely.box(west, south, np.where(is_wide, x, east), np.where(is_wide, north, y))
        high = shapely.box(np.where(is_wide, x, west), np.where(is_wide, south, y), east, north)
        parts = np.concatenate([shapely.intersection(parts, low), shapely.intersection(parts, high)])
        owner = np.concatenate([owner, owner])
    return np.concatenate([*done, parts]), np.concatenate([*owners, owner])


def _between(polygons: Geometries, polygon_km2: Floats) -> tuple[Floats, Indices, Geometries]:
    """Return what each polygon shares with others, the polygons that do, what earlier ones leave of these.

    The remainders cover the same ground as the polygons, each piece of it once.
    """
    shared_km2 = np.zeros(len(polygons))
    one, other, common = _common_areas(polygons, polygon_km2)
    doubled = np.unique(one)
    remainders = polygons[doubled]
    bounds = np.searchsorted(one, [doubled, doubled + 1])
    for row, (start, end) in enumerate(bounds.T):
        all_common = shapely.union_all(common[start:end])
        shared_km2[doubled[row]] = spherical_areas_km2(np.array([all_common], dtype=object))[0]
        earlier = other[start:end] < doubled[row]
        if earlier.any():
            taken = shapely.union_all(common[start:end][earlier])
            remainders[row] = shapely.difference(remainders[row], taken)
    return np.minimum(shared_km2, polygon_km2), doubled, remainders


def _common_areas(polygons: Geometries, polygon_km2: Floats) -> tuple[Indices, Indices, Geometries]:
    """Return each polygon, another that overlaps it, and their intersection, sorted by the first."""
    none = np.empty(0, dtype=np.int64)
    if len(polygons) < 2:
        return none, none, np.empty(0, dtype=object)
    # Cheap for a clean mosaic, where no two neighbours need to be intersected.
    is_suspect = ~shapely.is_empty(shapely.coverage_invalid_edges(polygons))
    one, other = shapely.STRtree(polygons).query(polygons, predicate="intersects")
    asked = (one < other) & (is_suspect[one] | is_suspect[other])
    one, other = one[asked], other[asked]
    common = shapely.intersection(polygons[one], polygons[other])
    common_km2 = spherical_areas_km2(common)
    is_real = common_km2 > _ROUNDING * np.minimum(polygon_km2[one], polygon_km2[other])
    one, other, common = one[is_real], other[is_real], common[is_real]
    both, opposite, twice = np.r_[one, other], np.r_[other, one], np.r_[common, common]
    order = np.argsort(both, kind="stable")
    return both[order].astype(np.int64), opposite[order].astype(np.int64), twice[order]


def _share(part: Floats, whole: Floats) -> Floats:
    """Return part / whole within 0–1; 0 where there is no whole."""
    safe = np.where(whole > 0, whole, 1.0)
    return np.clip(np.where(whole > 0, part / safe, 0.0), 0.0, 1.0)
