"""The H3 grid on arrays: index, coarsen, draw, measure.

The only module that knows the H3 libraries, and the only one where latitude comes before longitude.
Cells are `uint64` everywhere; nothing here knows what is counted in them.
"""

from functools import cache
from typing import Any

import h3.api.numpy_int as h3
import h3ronpy
import numpy as np
import pyarrow as pa
import shapely
from h3ronpy import vector as h3vector
from numpy.typing import ArrayLike, NDArray

from spatial.errors import InvalidCells, InvalidGeometry, ResolutionOutOfRange

Cells = NDArray[np.uint64]
Floats = NDArray[np.float64]
Geometries = NDArray[np.object_]

FINEST = 15
_RESOLUTION_SHIFT = 52
_BASE_CELL_SHIFT = 45
_POLYGON_HEADER = np.dtype([("order", "u1"), ("type", "<u4"), ("rings", "<u4"), ("points", "<u4")])


def cells_at(lng: ArrayLike, lat: ArrayLike, resolution: int) -> Cells:
    """Return the cell that holds each point.

    Parameters
    ----------
    lng, lat : array, shape (n,)
        Degrees, WGS 84. Longitudes may be given beyond ±180.
    resolution : int
        H3 resolution, 0–15.

    Returns
    -------
    array of uint64, shape (n,)
        Cells; 0, which is no cell, where a coordinate is not finite or the latitude is beyond ±90.

    Raises
    ------
    ResolutionOutOfRange
        If the resolution is outside 0–15.

    Examples
    --------
    >>> hex_strings(cells_at([-75.1, np.nan], [40.1, 40.1], 8))
    ['882a1358b1fffff', '000000000000000']
    """
    _require_resolution(resolution)
    x = np.ascontiguousarray(lng, dtype=np.float64)
    y = np.ascontiguousarray(lat, dtype=np.float64)
    usable = np.isfinite(x) & np.isfinite(y) & (np.abs(y) <= 90) & (np.abs(x) <= 540)
    if usable.all():
        return _indexed(x, y, resolution)
    cells = np.zeros(len(x), dtype=np.uint64)
    cells[usable] = _indexed(x[usable], y[usable], resolution)
    return cells


def parent_masks(resolution: int) -> tuple[int, int]:
    """Return (and_mask, or_mask) so that `(cell & and_mask) | or_mask` is the parent.

    Both fit a signed 64-bit integer, so the same expression runs in any SQL engine.

    Examples
    --------
    >>> and_mask, or_mask = parent_masks(7)
    >>> hex((0x882A135927FFFFF & and_mask) | or_mask)
    '0x872a13592ffffff'
    """
    _require_resolution(resolution)
    and_mask = (1 << 63) - 1 - (FINEST << _RESOLUTION_SHIFT)
    or_mask = (resolution << _RESOLUTION_SHIFT) | ((1 << 3 * (FINEST - resolution)) - 1)
    return and_mask, or_mask


def parents(cells: ArrayLike, resolution: int) -> Cells:
    """Return the ancestor of every cell at a coarser (or the same) resolution.

    Parameters
    ----------
    cells : array of uint64, shape (n,)
        Valid cells at `resolution` or finer.
    resolution : int
        Resolution of the ancestors.

    Returns
    -------
    array of uint64, shape (n,)

    Raises
    ------
    ResolutionOutOfRange
        If a cell is coarser than `resolution`.

    Examples
    --------
    >>> hex_strings(parents(cells_from_hex(["882a135927fffff"]), 5))
    ['852a135bfffffff']
    """
    and_mask, or_mask = parent_masks(resolution)
    found = np.asarray(cells, dtype=np.uint64)
    if found.size and int(resolutions(found).min()) < resolution:
        raise ResolutionOutOfRange(
            f"parents at resolution {resolution} need cells at {resolution} or finer, "
            f"got a cell at {int(resolutions(found).min())}"
        )
    return (found & np.uint64(and_mask)) | np.uint64(or_mask)


def resolutions(cells: ArrayLike) -> NDArray[np.uint8]:
    """Return the resolution of every cell, read from its bits.

    Examples
    --------
    >>> resolutions(cells_from_hex(["882a135927fffff", "852a1353fffffff"])).tolist()
    [8, 5]
    """
    bits = np.asarray(cells, dtype=np.uint64) >> np.uint64(_RESOLUTION_SHIFT)
    return (bits & np.uint64(15)).astype(np.uint8)


def are_valid(cells: ArrayLike) -> NDArray[np.bool_]:
    """Return whether each integer is a valid H3 cell.

    Examples
    --------
    >>> are_valid(np.array([0x882A135927FFFFF, 0, 7], dtype=np.uint64)).tolist()
    [True, False, False]
    """
    found = np.ascontiguousarray(cells, dtype=np.uint64)
    return np.array(h3ronpy.cells_valid(found, booleanarray=True), dtype=np.bool_)


def are_pentagons(cells: ArrayLike) -> NDArray[np.bool_]:
    """Return whether each cell is one of the twelve pentagons of its resolution.

    Examples
    --------
    >>> are_pentagons(cells_from_hex(["8009fffffffffff", "882a135927fffff"])).tolist()
    [True, False]
    """
    found = np.asarray(cells, dtype=np.uint64)
    base_cells = (found >> np.uint64(_BASE_CELL_SHIFT)) & np.uint64(127)
    unused = (np.uint64(1) << (3 * (FINEST - resolutions(found).astype(np.uint64)))) - np.uint64(1)
    digits = found & np.uint64((1 << _BASE_CELL_SHIFT) - 1)
    at_the_centre: NDArray[np.bool_] = digits == unused
    found_pentagons: NDArray[np.bool_] = _pentagon_base_cells()[base_cells] & at_the_centre
    return found_pentagons


def hex_strings(cells: ArrayLike) -> list[str]:
    """Return the 15-digit lower-case hexadecimal form of every cell.

    Examples
    --------
    >>> hex_strings(np.array([0x882A135927FFFFF], dtype=np.uint64))
    ['882a135927fffff']
    """
    big_endian = np.ascontiguousarray(cells, dtype=np.uint64).astype(">u8")
    text = big_endian.tobytes().hex()
    return [text[start : start + 15] for start in range(1, len(text), 16)]


def cells_from_hex(texts: list[str]) -> Cells:
    """Return the cells that hexadecimal strings name.

    Raises
    ------
    InvalidCells
        If a text is not the name of an H3 cell.

    Examples
    --------
    >>> cells_from_hex(["882a135927fffff"]).tolist() == [0x882A135927FFFFF]
    True
    """
    try:
        cells = np.fromiter((int(text, 16) for text in texts), dtype=np.uint64, count=len(texts))
    except (ValueError, OverflowError, TypeError) as err:
        raise InvalidCells(f"H3 cells in hexadecimal were needed: {err}") from err
    wrong = ~are_valid(cells)
    if wrong.any():
        raise InvalidCells(f"H3 cells were needed, got {texts[int(np.argmax(wrong))]!r}")
    return cells


def centers(cells: ArrayLike) -> tuple[Floats, Floats]:
    """Return (lng, lat) of every cell's centre, in degrees.

    Examples
    --------
    >>> lng, lat = centers(cells_from_hex(["882a135927fffff"]))
    >>> lng.round(3).tolist(), lat.round(3).tolist()
    ([-75.218], [40.18])
    """
    found = np.ascontiguousarray(cells, dtype=np.uint64)
    table = h3vector.cells_to_coordinates(found)
    return _numpy(table.column("lng")), _numpy(table.column("lat"))


def areas_km2(cells: ArrayLike) -> Floats:
    """Return the area of every cell on the sphere, in km².

    Examples
    --------
    >>> areas_km2(cells_from_hex(["882a135927fffff"])).round(3).tolist()
    [0.734]
    """
    return _numpy(h3ronpy.cells_area_km2(np.ascontiguousarray(cells, dtype=np.uint64)))


def children(cells: ArrayLike, resolution: int) -> Cells:
    """Return all descendants at a finer (or the same) resolution, parent by parent.

    Raises
    ------
    ResolutionOutOfRange
        If a cell is finer than `resolution`.

    Examples
    --------
    >>> len(children(cells_from_hex(["882a135927fffff"]), 10))
    49
    """
    _require_resolution(resolution)
    found = np.ascontiguousarray(cells, dtype=np.uint64)
    if found.size and int(resolutions(found).max()) > resolution:
        raise ResolutionOutOfRange(
            f"children at resolution {resolution} need cells at {resolution} or coarser, "
            f"got a cell at {int(resolutions(found).max())}"
        )
    return _numpy(h3ronpy.change_resolution(found, resolution))


def n_children(cells: ArrayLike, resolution: int) -> int:
    """Return how many descendants the cells have at a resolution, without making them.

    Examples
    --------
    >>> n_children(cells_from_hex(["8009fffffffffff", "822a17fffffffff"]), 3)
    293
    """
    found = np.asarray(cells, dtype=np.uint64)
    steps = resolution - resolutions(found).astype(np.int64)
    of_hexagons = 7**steps
    of_pentagons = 1 + 5 * (of_hexagons - 1) // 6
    return int(np.where(are_pentagons(found), of_pentagons, of_hexagons).sum())


def disk(cells: ArrayLike, k: int) -> Cells:
    """Return the cells within `k` steps of any of the given cells, sorted, each once.

    Examples
    --------
    >>> len(disk(cells_from_hex(["882a135927fffff"]), 2))
    19
    """
    found = np.ascontiguousarray(cells, dtype=np.uint64)
    return np.unique(_numpy(h3ronpy.grid_disk(found, k, flatten=True)))


def disk_pairs(cells: ArrayLike, k: int) -> tuple[NDArray[np.int64], Cells, NDArray[np.int32]]:
    """Return every (cell, member of its disk, steps between them) as three equal-length arrays.

    Parameters
    ----------
    cells : array of uint64, shape (n,)
    k : int
        Radius of the disk in steps on the grid.

    Returns
    -------
    rows : array of int64
        Position of the cell in `cells`.
    members : array of uint64
        Cells of its disk, itself included.
    steps : array of int32
        Distance on the grid, 0 to k.

    Examples
    --------
    >>> rows, members, steps = disk_pairs(cells_from_hex(["8009fffffffffff"]), 1)
    >>> len(members), sorted(steps.tolist())
    (6, [0, 1, 1, 1, 1, 1])
    """
    found = np.ascontiguousarray(cells, dtype=np.uint64)
    table = h3ronpy.grid_disk_distances(found, k, flatten=False)
    members = pa.array(table.column("cell"))
    sizes = np.diff(members.offsets.to_numpy())
    steps = pa.array(table.column("k")).flatten().to_numpy().astype(np.int32)
    return np.repeat(np.arange(len(found)), sizes), members.flatten().to_numpy(), steps


def local_ij(cells: ArrayLike, anchor: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the local (i, j) coordinates of cells around an anchor, and where they exist.

    Neighbours differ by (1, 0), (1, 1), (0, 1) or the negatives of these, as long as no pentagon lies between
    a cell and the anchor; the caller has to check that.

    Returns
    -------
    i, j : array of int64, shape (n,)
        0 where there is no answer.
    known : array of bool, shape (n,)
        Whether the cell has coordinates around this anchor.

    Examples
    --------
    >>> cell = cells_from_hex(["882a135927fffff"])
    >>> i, j, known = local_ij(disk(cell, 1), int(cell[0]))
    >>> sorted({(a - b) for a, b in zip(i.tolist(), j.tolist())}), known.all()
    ([-509, -508, -507], np.True_)
    """
    found = np.ascontiguousarray(cells, dtype=np.uint64)
    table = h3ronpy.cells_to_localij(found, int(anchor), set_failing_to_invalid=True)
    i, j = pa.array(table.column("i")), pa.array(table.column("j"))
    known = np.asarray(i.is_valid()) & np.asarray(j.is_valid())
    return _filled(i), _filled(j), known


def boundaries(cells: ArrayLike) -> Geometries:
    """Return every cell as a polygon in lng/lat, as RFC 7946 wants it.

    Rings are closed and counter-clockwise. Cells across the antimeridian become a MultiPolygon of two parts;
    a cell that holds a pole reaches it along the antimeridian.

    Returns
    -------
    array of shapely geometries, shape (n,)

    Examples
    --------
    >>> cell = cells_from_hex(["882a135927fffff"])
    >>> boundaries(cell)[0].geom_type, len(boundaries(cell)[0].exterior.coords)
    ('Polygon', 7)
    """
    coordinates, offsets = boundary_rings(cells)
    rings = np.arange(len(offsets))
    polygons = shapely.from_ragged_array(shapely.GeometryType.POLYGON, coordinates, (offsets, rings))
    lows = np.minimum.reduceat(coordinates[:, 0], offsets[:-1]) if len(offsets) > 1 else np.empty(0)
    highs = np.maximum.reduceat(coordinates[:, 0], offsets[:-1]) if len(offsets) > 1 else np.empty(0)
    for row in np.flatnonzero(highs - lows > 180):
        polygons[row] = split_at_antimeridian(coordinates[offsets[row] : offsets[row + 1]])
    return np.asarray(polygons, dtype=object)


def boundary_rings(cells: ArrayLike) -> tuple[Floats, NDArray[np.int64]]:
    """Return the closed rings of all cells as (coordinates, offsets).

    Ring i is coordinates[offsets[i]:offsets[i + 1]].
    Longitudes lie in −180…180, so a ring across the antimeridian jumps; `boundaries` splits these.

    Examples
    --------
    >>> coordinates, offsets = boundary_rings(cells_from_hex(["882a135927fffff", "8009fffffffffff"]))
    >>> coordinates.shape, offsets.tolist()
    ((13, 2), [0, 7, 13])
    """
    found = np.ascontiguousarray(cells, dtype=np.uint64)
    if not found.size:
        return np.empty((0, 2)), np.zeros(1, dtype=np.int64)
    wkb = pa.array(h3vector.cells_to_wkb_polygons(found))
    starts = np.frombuffer(wkb.buffers()[1], dtype=np.int64)[wkb.offset : wkb.offset + len(wkb) + 1]
    data = np.frombuffer(wkb.buffers()[2], dtype=np.uint8)
    n_points = (np.diff(starts) - _POLYGON_HEADER.itemsize) // 16
    offsets = np.concatenate([[0], np.cumsum(n_points)]).astype(np.int64)
    is_header = np.zeros(int(starts[-1] - starts[0]), dtype=bool)
    is_header[(starts[:-1, None] - starts[0] + np.arange(_POLYGON_HEADER.itemsize)).ravel()] = True
    body = data[starts[0] : starts[-1]][~is_header]
    coordinates = np.frombuffer(body.tobytes(), dtype="<f8").reshape(-1, 2).copy()
    return coordinates, offsets


def split_at_antimeridian(ring: Floats) -> shapely.Polygon | shapely.MultiPolygon:
    """Return the polygon of one ring that jumps across ±180°, cut there.

    Parameters
    ----------
    ring : array, shape (m, 2)
        Closed ring in degrees; consecutive points lie less than 180° of longitude apart on the globe.

    Examples
    --------
    >>> ring = np.array([[179.0, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]])
    >>> [part.bounds for part in split_at_antimeridian(ring).geoms]
    [(-180.0, 0.0, -179.0, 1.0), (179.0, 0.0, 180.0, 1.0)]
    """
    jumps = -np.round(np.diff(ring[:, 0]) / 360)  # whole turns, so that the ring still closes to the last bit
    unwrapped = ring.copy()
    unwrapped[1:, 0] += 360 * np.cumsum(jumps)
    turns = int(jumps.sum())
    if turns:
        pole = 90.0 if ring[:, 1].mean() > 0 else -90.0
        unwrapped = np.vstack([unwrapped, [unwrapped[-1, 0], pole], [unwrapped[0, 0], pole], unwrapped[:1]])
    return wrapped(shapely.Polygon(unwrapped))


def wrapped(geometry: shapely.Geometry) -> shapely.Polygon | shapely.MultiPolygon:
    """Return an area that runs on past ±180° cut there, all parts within -180…180 and oriented.

    Examples
    --------
    >>> [part.bounds for part in wrapped(shapely.box(179, 0, 182, 1)).geoms]
    [(-180.0, 0.0, -178.0, 1.0), (179.0, 0.0, 180.0, 1.0)]
    """
    low, _, high, _ = shapely.bounds(geometry)
    turns = range(int(np.floor((low + 180) / 360)), int(np.ceil((high + 180) / 360)))
    pieces = [
        shapely.transform(
            shapely.intersection(geometry, shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90)),
            lambda points, turn=turn: points - [360 * turn, 0],  # type: ignore[misc]
        )
        for turn in turns
    ]
    areas = [part for part in shapely.get_parts(pieces) if part.geom_type == "Polygon" and part.area > 0]
    merged = shapely.get_parts(shapely.union_all(areas))
    oriented = list(shapely.orient_polygons(merged, exterior_cw=False))
    return oriented[0] if len(oriented) == 1 else shapely.MultiPolygon(oriented)


def cells_within(geometry: shapely.Geometry, resolution: int) -> Cells:
    """Return the cells whose centre lies in an area, sorted.

    Parameters
    ----------
    geometry : shapely Polygon, MultiPolygon or collection of these
        In lng/lat. Holes are respected. A polygon across the antimeridian may be split there (RFC 7946),
        may jump from 180 to -180, or may run on past ±180.
    resolution : int
        H3 resolution, 0–15.

    Returns
    -------
    array of uint64, shape (n,)
        Empty where the geometry has no area.

    Raises
    ------
    ResolutionOutOfRange
        If the resolution is outside 0–15.
    InvalidGeometry
        If coordinates are not degrees.

    Examples
    --------
    >>> square = shapely.box(-75.12, 40.09, -75.09, 40.12)
    >>> hex_strings(cells_within(square, 7))
    ['872a1358affffff', '872a1358bffffff']
    """
    _require_resolution(resolution)
    found = [_cells_in_part(part, resolution) for part in shapely.get_parts(lng_lat_area(geometry))]
    return np.unique(np.concatenate([np.empty(0, dtype=np.uint64), *found]))


def lng_lat_area(geometry: shapely.Geometry) -> shapely.MultiPolygon:
    """Return the polygons of a geometry, valid and cut at the antimeridian.

    Raises
    ------
    InvalidGeometry
        If a coordinate is not finite, or not a degree of latitude.
    """
    points = shapely.get_coordinates(geometry)
    if not np.isfinite(points).all() or bool((np.abs(points) > [[540.0, 90.0]]).any()):
        raise InvalidGeometry("an area in degrees was needed, got coordinates beyond ±90 or not finite")
    parts = shapely.get_parts(shapely.get_parts(np.array([geometry], dtype=object)))
    areas = [_area_without_jumps(part) for part in parts if part.geom_type == "Polygon" and not part.is_empty]
    polygons = [part for area in areas for part in shapely.get_parts(area)]
    return shapely.MultiPolygon(polygons)


def _cells_in_part(polygon: shapely.Polygon, resolution: int) -> Cells:
    west, south, east, north = polygon.bounds
    if east - west <= 90 and max(-south, north) <= 80:
        return _numpy(h3vector.geometry_to_cells(polygon, resolution))
    # The H3 library takes wide and polar areas for the far side of the globe: test the centres ourselves.
    coarse = children(np.array(sorted(h3.get_res0_cells()), dtype=np.uint64), min(resolution, 3))
    touched = coarse[shapely.intersects(boundaries(coarse), polygon)]
    candidates = children(disk(touched, 1), resolution)
    return candidates[shapely.contains_xy(polygon, *centers(candidates))]


def _area_without_jumps(polygon: shapely.Polygon) -> shapely.Polygon | shapely.MultiPolygon:
    """Return one polygon made valid, unwrapped where an edge of its ring jumps over half the globe."""
    longitudes = shapely.get_coordinates(shapely.get_rings(polygon)[0])[:, 0]
    strides = np.abs(np.diff(longitudes))
    jumps = bool(((strides > 180) & (strides < 360)).any())  # 360 is the edge of a map of the whole world
    if jumps:
        polygon = shapely.transform(
            polygon, lambda points: points + np.where(points[:, :1] < 0, [[360.0, 0.0]], [[0.0, 0.0]])
        )
    valid = polygon if polygon.is_valid else shapely.make_valid(polygon)
    return wrapped(valid)


def _indexed(lng: Floats, lat: Floats, resolution: int) -> Cells:
    return _numpy(h3vector.coordinates_to_cells(lat, lng, int(resolution)))


@cache
def _pentagon_base_cells() -> NDArray[np.bool_]:
    is_pentagon = np.zeros(128, dtype=bool)
    for pentagon in h3.get_pentagons(0):
        is_pentagon[h3.get_base_cell_number(int(pentagon))] = True
    return is_pentagon


def _require_resolution(resolution: int) -> None:
    if not 0 <= resolution <= FINEST:
        raise ResolutionOutOfRange(f"a resolution between 0 and {FINEST} was needed, got {resolution}")


def _filled(column: pa.Array) -> NDArray[np.int64]:
    numbers = column.fill_null(0).to_numpy(zero_copy_only=False)
    return numbers.astype(np.int64)  # type: ignore[no-any-return]


def _numpy(column: object) -> NDArray[Any]:
    """Return an Arrow array of the H3 library as a NumPy array of its own."""
    return np.array(column)
