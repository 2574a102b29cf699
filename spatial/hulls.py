"""The area that some points take up: a hull drawn in metres on an equal-area map of their own.

Nothing here knows what the points are.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from spatial.errors import InvalidValues
from spatial.grid import split_at_antimeridian

Floats = NDArray[np.float64]

EARTH_RADIUS_M = 6_371_008.8

# How far a hull follows its points: 0 as far as it can, 1 not at all (the convex hull).
_RATIO = 0.3
_CORNERS_OF_A_QUARTER = 8


@dataclass(frozen=True)
class Hull:
    """An area in lng/lat and its size on the sphere."""

    geometry: shapely.Polygon | shapely.MultiPolygon
    area_km2: float


def hull(lng: ArrayLike, lat: ArrayLike, margin_m: float) -> Hull:
    """Return the concave hull of points, widened by a margin, so that one point has an area too.

    Parameters
    ----------
    lng, lat : array, shape (n,)
        Degrees; at least one point, none more than a few hundred kilometres from the others. Their order
        plays no part.
    margin_m : float
        Metres; above 0.

    Returns
    -------
    Hull
        One polygon without holes that holds all points; two parts where it crosses the antimeridian.

    Raises
    ------
    InvalidValues
        If there is no point, or no margin.

    Examples
    --------
    A point becomes (nearly) a circle of 30 m: π 0.03² = 0.0028 km².

    >>> one = hull([10.0], [50.0], 30.0)
    >>> one.geometry.geom_type, round(one.area_km2, 4)
    ('Polygon', 0.0028)
    """
    points = np.unique(np.column_stack([lng, lat]).astype(np.float64), axis=0)
    if not len(points) or not margin_m > 0:
        raise InvalidValues(f"points and a margin above 0 were needed, got {len(points)} and {margin_m}")
    plane = _Plane(points)
    at = shapely.MultiPoint(plane.to_metres(points))
    outline = shapely.concave_hull(at, ratio=_RATIO) if len(points) > 3 else at.convex_hull
    wide = shapely.buffer(outline, margin_m, quad_segs=_CORNERS_OF_A_QUARTER)
    simple = shapely.simplify(wide, margin_m / 60)
    ring = plane.to_degrees(shapely.get_coordinates(simple.exterior))
    ring[-1] = ring[0]
    return Hull(split_at_antimeridian(ring), shapely.Polygon(simple.exterior).area / 1e6)


class _Plane:
    """Lambert's azimuthal equal-area map of the sphere, around the middle of some points."""

    def __init__(self, points: Floats) -> None:
        middle = _on_sphere(points).mean(axis=0)
        length = float(np.linalg.norm(middle))
        up = middle / length if length > 0 else _on_sphere(points[:1])[0]
        east = np.cross([0.0, 0.0, 1.0], up)
        if np.linalg.norm(east) < 1e-12:  # at a pole any direction is as good
            east = np.array([1.0, 0.0, 0.0])
        east /= np.linalg.norm(east)
        self._axes = np.stack([east, np.cross(up, east), up])

    def to_metres(self, points: Floats) -> Floats:
        x, y, z = self._axes @ _on_sphere(points).T
        scale = EARTH_RADIUS_M * np.sqrt(2 / (1 + z))
        return np.column_stack([scale * x, scale * y])

    def to_degrees(self, metres: Floats) -> Floats:
        x, y = metres.T / EARTH_RADIUS_M
        squared = x**2 + y**2
        across = np.sqrt(1 - squared / 4)
        on_sphere = np.stack([across * x, across * y, 1 - squared / 2])
        a, b, c = self._axes.T @ on_sphere
        found: Floats = np.degrees(np.column_stack([np.arctan2(b, a), np.arcsin(np.clip(c, -1, 1))]))
        return found


def _on_sphere(points: Floats) -> Floats:
    lng, lat = np.radians(points).T
    return np.column_stack([np.cos(lat) * np.cos(lng), np.cos(lat) * np.sin(lng), np.sin(lat)])
