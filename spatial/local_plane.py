"""Points and lines of a city or a region in metres: transverse Mercator around their own middle.

For methods that compare distances of near points. Where distances may be large, use the sphere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer

from spatial.errors import InvalidValues

Floats = NDArray[np.float64]
Objects = NDArray[np.object_]

_EARTH_RADIUS_M = 6_371_008.8
# The middle is taken to a thousandth of a degree: a point more or less seldom moves it.
_DECIMALS = 3


@dataclass(frozen=True)
class LocalMetres:
    """Projected points.

    Attributes
    ----------
    x_m, y_m : arrays, shape (n,)
        Metres east and north of the middle; equal coordinates stay equal.
    stretch : float
        By how much distances are too long where they are worst, as a share: 1e-5 at 28 km east or west of the
        middle, 1e-3 at 285 km. 0 without points.
    """

    x_m: Floats
    y_m: Floats
    stretch: float


@dataclass(frozen=True)
class LocalPlane:
    """A plane in metres that touches the globe along the meridian of its middle.

    Attributes
    ----------
    lng, lat : float
        The middle, which is (0, 0) of the plane; degrees.
    """

    lng: float
    lat: float

    def metres(self, lng: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
        """Return x and y in metres of places in degrees; equal coordinates stay equal.

        Raises
        ------
        InvalidValues
            If the arrays differ in length, a coordinate is not finite or lies too far from the middle.
        """
        return _moved(self._to_plane.transform, lng, lat)

    def degrees(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Return lng and lat of places in metres.

        Raises
        ------
        InvalidValues
            If the arrays differ in length, a coordinate is not finite or lies too far from the middle.
        """
        return _moved(self._to_globe.transform, x, y)

    def to_metres(self, geometries: Objects) -> Objects:
        """Return geometries in degrees as geometries in metres, without heights."""
        return _moved_geometries(geometries, self.metres)

    def to_degrees(self, geometries: Objects) -> Objects:
        """Return geometries in metres as geometries in degrees, without heights."""
        return _moved_geometries(geometries, self.degrees)

    @cached_property
    def _plane(self) -> str:
        return f"+proj=tmerc +lon_0={self.lng} +lat_0={self.lat} +k=1 +ellps=WGS84 +units=m +no_defs"

    @cached_property
    def _to_plane(self) -> Transformer:
        return Transformer.from_crs("EPSG:4326", self._plane, always_xy=True)

    @cached_property
    def _to_globe(self) -> Transformer:
        return Transformer.from_crs(self._plane, "EPSG:4326", always_xy=True)


def plane_around(lng: ArrayLike, lat: ArrayLike) -> LocalPlane:
    """Return the plane around the middle of points; neither their order nor the antimeridian matters.

    Parameters
    ----------
    lng, lat : array, shape (n,)
        Degrees.

    Raises
    ------
    InvalidValues
        If there is no point, the arrays differ in length or a coordinate is not finite.

    Examples
    --------
    >>> plane = plane_around([24.999, 25.001], [60.0, 60.0])
    >>> plane.lng, plane.lat
    (25.0, 60.0)
    >>> x, y = plane.metres([25.001], [60.0])
    >>> round(float(x[0]), 1), round(float(plane.degrees(x, y)[0][0]), 6)
    (55.8, 25.001)
    """
    degrees = _pairs(lng, lat)
    if not len(degrees):
        raise InvalidValues("a plane needs at least one point, got none")
    return LocalPlane(*_middle(degrees))


def local_metres(lng: ArrayLike, lat: ArrayLike) -> LocalMetres:
    """Return points in metres around their middle; neither their order nor the antimeridian matters.

    Parameters
    ----------
    lng, lat : array, shape (n,)
        Degrees.

    Raises
    ------
    InvalidValues
        If the arrays differ in length, a coordinate is not finite, or the points span half the globe.

    Examples
    --------
    A thousandth of a degree of latitude is 111 metres, of longitude at 60° north half as much.

    >>> found = local_metres([24.999, 25.001], [60.0, 60.0])
    >>> found.x_m.round(1).tolist(), bool(found.stretch < 1e-9)
    ([-55.8, 55.8], True)
    """
    degrees = _pairs(lng, lat)
    if not len(degrees):
        return LocalMetres(degrees[:, 0], degrees[:, 1], 0.0)
    x, y = LocalPlane(*_middle(degrees)).metres(*degrees.T)
    return LocalMetres(x, y, float(np.cosh(np.abs(x).max() / _EARTH_RADIUS_M) - 1))


def _pairs(x: ArrayLike, y: ArrayLike) -> Floats:
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise InvalidValues(f"two arrays of one length were needed, got {first.shape} and {second.shape}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InvalidValues("coordinates must be finite")
    return np.column_stack([first, second])


def _moved(
    transform: Callable[..., tuple[Floats, Floats]], x: ArrayLike, y: ArrayLike
) -> tuple[Floats, Floats]:
    first, second = (np.asarray(values, dtype=np.float64) for values in transform(*_pairs(x, y).T))
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InvalidValues("points of one region were needed, got points that span half the globe")
    return first, second


def _moved_geometries(
    geometries: Objects, move: Callable[[Floats, Floats], tuple[Floats, Floats]]
) -> Objects:
    moved = shapely.transform(geometries, lambda xy: np.column_stack(move(xy[:, 0], xy[:, 1])))
    return np.asarray(moved, dtype=object)


def _middle(degrees: Floats) -> tuple[float, float]:
    """Return the middle of the distinct points on the sphere, rounded."""
    lng, lat = np.radians(np.unique(degrees, axis=0)).T
    a, b, c = (
        float(np.mean(part)) for part in (np.cos(lat) * np.cos(lng), np.cos(lat) * np.sin(lng), np.sin(lat))
    )
    middle_lng, middle_lat = np.degrees(np.arctan2(b, a)), np.degrees(np.arctan2(c, np.hypot(a, b)))
    return round(float(middle_lng), _DECIMALS), round(float(middle_lat), _DECIMALS)
