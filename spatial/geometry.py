"""Areas made of cells, and areas that come from outside: dissolve, repair.

Coordinates are lng/lat; what leaves here is valid and as RFC 7946 wants it.
"""

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from spatial.errors import InvalidCells
from spatial.grid import Cells, Floats, Geometries, boundaries, boundary_rings, wrapped

# Two cells give a shared corner with a difference of rounding; real corners are at least 1e-6 degrees apart.
_SAME_CORNER_DEG = 1e-9


def dissolve(cells: ArrayLike) -> shapely.Polygon | shapely.MultiPolygon:
    """Return the outline of cells of one resolution: shared edges gone, holes kept.

    Parameters
    ----------
    cells : array of uint64, shape (n,)
        Any cells of one resolution, each once; a polygon comes back where they are connected.

    Returns
    -------
    shapely Polygon or MultiPolygon
        Valid; exterior rings counter-clockwise; cut at the antimeridian.

    Raises
    ------
    InvalidCells
        If there is no cell.

    Examples
    --------
    >>> from spatial.grid import disk
    >>> ring = np.setdiff1d(disk([0x882A135927FFFFF], 1), np.array([0x882A135927FFFFF], dtype=np.uint64))
    >>> outline = dissolve(ring)
    >>> outline.geom_type, len(outline.exterior.coords), len(outline.interiors)
    ('Polygon', 19, 1)
    """
    found: Cells = np.unique(np.asarray(cells, dtype=np.uint64))
    if not len(found):
        raise InvalidCells("at least one cell was needed to draw an area, got none")
    coordinates, offsets = boundary_rings(found)
    lows, highs = (
        np.minimum.reduceat(coordinates[:, 0], offsets[:-1]),
        np.maximum.reduceat(coordinates[:, 0], offsets[:-1]),
    )
    if (highs - lows > 180).any():
        return _dissolved_across_antimeridian(found, coordinates, highs - lows)
    return _polygons(_outline(coordinates, offsets))


def repaired(geometries: ArrayLike) -> tuple[Geometries, int]:
    """Return geometries made valid, and how many had to be.

    A missing geometry stays missing. A polygon stays a polygon or becomes several; lines and points that
    the repair leaves over are dropped.

    Examples
    --------
    >>> bow_tie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    >>> geometries, n_repaired = repaired([bow_tie, shapely.box(0, 0, 1, 1)])
    >>> [g.geom_type for g in geometries], n_repaired
    (['MultiPolygon', 'Polygon'], 1)
    """
    found = np.array(geometries, dtype=object)
    wrong = ~shapely.is_valid(found) & ~shapely.is_missing(found)
    areas = np.isin(shapely.get_type_id(found), (3, 6))
    found[wrong] = shapely.make_valid(found[wrong])
    for row in np.flatnonzero(wrong & areas):
        found[row] = _only_areas(found[row])
    return found, int(wrong.sum())


def _only_areas(geometry: shapely.Geometry) -> shapely.Geometry:
    if isinstance(geometry, shapely.Polygon | shapely.MultiPolygon):
        return geometry
    parts = [p for p in shapely.get_parts(shapely.get_parts([geometry])) if p.geom_type == "Polygon"]
    return shapely.union_all(parts) if parts else shapely.Polygon()


def _dissolved_across_antimeridian(
    cells: Cells, coordinates: Floats, widths: Floats
) -> shapely.Polygon | shapely.MultiPolygon:
    """Move the western half a turn on, dissolve, and cut again; around a pole unite the cut cells."""
    shifted = coordinates.copy()
    shifted[shifted[:, 0] < 0, 0] += 360
    offsets = boundary_rings(cells)[1]
    lows = np.minimum.reduceat(shifted[:, 0], offsets[:-1])
    highs = np.maximum.reduceat(shifted[:, 0], offsets[:-1])
    if (highs - lows > 180).any():  # a cell that wraps either way: it holds a pole, or lies next to it
        return wrapped(shapely.union_all(boundaries(cells), grid_size=_SAME_CORNER_DEG))
    return wrapped(_polygons(_outline(shifted, offsets)))


def _outline(coordinates: Floats, offsets: NDArray[np.int64]) -> list[Floats]:
    """Return the rings left when every edge that two cells share has been cancelled."""
    corners, which = _corners(coordinates)
    is_last = np.zeros(len(coordinates), dtype=bool)
    is_last[offsets[1:] - 1] = True
    starts, ends = which[:-1][~is_last[:-1]], which[1:][~is_last[:-1]]
    n = len(corners)
    is_shared = np.isin(starts * n + ends, ends * n + starts)
    following = dict(zip(starts[~is_shared].tolist(), ends[~is_shared].tolist(), strict=True))
    rings = []
    while following:
        corner, onward = following.popitem()
        ring = [corner, onward]
        while onward in following:
            onward = following.pop(onward)
            ring.append(onward)
        rings.append(corners[ring])
    return rings


def _corners(coordinates: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return the distinct corners, and which of them each coordinate is."""
    x, y = _grouped(coordinates[:, 0]), _grouped(coordinates[:, 1])
    _, first, which = np.unique(x * (y.max() + 1) + y, return_index=True, return_inverse=True)
    return coordinates[first], which


def _grouped(numbers: Floats) -> NDArray[np.int64]:
    """Return the same label for numbers that differ by rounding only."""
    order = np.argsort(numbers)
    labels = np.empty(len(numbers), dtype=np.int64)
    labels[order] = np.cumsum(np.diff(numbers[order], prepend=numbers[order[0]]) > _SAME_CORNER_DEG)
    return labels


def _polygons(rings: list[Floats]) -> shapely.Polygon | shapely.MultiPolygon:
    """Return the polygons of outline rings: those that turn left enclose, those that turn right are holes."""
    lines = [shapely.LinearRing(ring) for ring in rings]
    shells = sorted((shapely.Polygon(line) for line in lines if line.is_ccw), key=lambda shell: shell.area)
    holes: list[list[shapely.LinearRing]] = [[] for _ in shells]
    for line in lines:
        if not line.is_ccw:  # it belongs to the smallest area around it
            around = [shell.contains(shapely.Polygon(line)) for shell in shells]
            holes[around.index(True)].append(line)
    made = [shapely.Polygon(shell.exterior, inner) for shell, inner in zip(shells, holes, strict=True)]
    return made[0] if len(made) == 1 else shapely.MultiPolygon(made)
