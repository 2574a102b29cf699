"""What areas do to each other, seen when all of them are read: how many overlap, and by how much."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

#: Overlaps smaller than this share of the smaller area are rounding along a common border.
_LEAST_SHARE = 1e-9


@dataclass(frozen=True)
class AreaOverlaps:
    """How many pairs of areas overlap, and the largest overlap as a share of the smaller area of its pair."""

    n_pairs: int
    largest_share: float


def area_overlaps(shapes: NDArray[np.object_]) -> AreaOverlaps:
    """Return how valid areas overlap; areas that only touch do not.

    Examples
    --------
    >>> found = area_overlaps(np.array([shapely.box(0, 0, 2, 1), shapely.box(1.5, 0, 2.5, 1)], dtype=object))
    >>> found.n_pairs, found.largest_share
    (1, 0.5)
    """
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    one, other = one[one < other], other[one < other]
    if not len(one):
        return AreaOverlaps(0, 0.0)
    areas = shapely.area(shapes)
    common = shapely.area(shapely.intersection(shapes[one], shapes[other]))
    shares = common / np.minimum(areas[one], areas[other])
    return AreaOverlaps(int((shares > _LEAST_SHARE).sum()), float(shares.max()))


def n_rings(shapes: NDArray[np.object_]) -> int:
    """Return how many rings, holes included, areas have.

    Examples
    --------
    >>> n_rings(np.array([shapely.box(0, 0, 9, 9) - shapely.box(1, 1, 2, 2), shapely.Point(0, 0)]))
    2
    """
    parts = shapely.get_parts(shapely.get_parts(shapes))
    polygons = parts[shapely.get_type_id(parts) == 3]
    return int(len(polygons) + shapely.get_num_interior_rings(polygons).sum())
