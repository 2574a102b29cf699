"""From any coordinate reference system to WGS 84, longitude first.

Everything past this door is in degrees, `lng` before `lat`.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from spatial.errors import UnknownCrs

WGS84 = "EPSG:4326"


def to_wgs84(x: ArrayLike, y: ArrayLike, crs: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (lng, lat) in degrees of points given in another reference system.

    Parameters
    ----------
    x, y : array, shape (n,)
        Easting and northing, or longitude and latitude: x first, whatever order the system prefers.
    crs : str, int or pyproj.CRS
        Anything that pyproj reads: "EPSG:2272", WKT, PROJJSON. A compound system counts by its horizontal
        part; units such as feet are the system's own.

    Returns
    -------
    lng, lat : array of float64, shape (n,)
        NaN where a point has no place in WGS 84.

    Raises
    ------
    UnknownCrs
        If the system is not known, or has no path to WGS 84 (a local engineering system).

    Examples
    --------
    >>> lng, lat = to_wgs84([500000.0], [4649776.22], "EPSG:32633")
    >>> lng.round(4).tolist(), lat.round(4).tolist()
    ([15.0], [42.0])
    """
    xs, ys = np.array(x, dtype=np.float64), np.array(y, dtype=np.float64)
    transformer = _transformer(_horizontal(crs).to_wkt())
    if transformer is None:
        return xs, ys
    lng, lat = transformer.transform(xs, ys)
    lng, lat = np.asarray(lng, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    lost = ~(np.isfinite(lng) & np.isfinite(lat))
    return np.where(lost, np.nan, lng), np.where(lost, np.nan, lat)


def wgs84_geometries(geometries: ArrayLike, crs: Any) -> NDArray[np.object_]:
    """Return geometries with their coordinates in WGS 84, heights dropped.

    Raises
    ------
    UnknownCrs
        If the system is not known, or has no path to WGS 84.

    Examples
    --------
    >>> point = wgs84_geometries([shapely.Point(500000, 0)], "EPSG:32633")[0]
    >>> round(point.x, 6), round(point.y, 6)
    (15.0, 0.0)
    """
    flat = shapely.force_2d(np.asarray(geometries, dtype=object))
    if _transformer(_horizontal(crs).to_wkt()) is None:
        return np.asarray(flat, dtype=object)
    moved = shapely.transform(flat, lambda points: np.column_stack(to_wgs84(points[:, 0], points[:, 1], crs)))
    return np.asarray(moved, dtype=object)


def _horizontal(crs: Any) -> CRS:
    """Return the horizontal part of a reference system."""
    try:
        system = CRS.from_user_input(crs)
    except (CRSError, TypeError, ValueError) as err:
        raise UnknownCrs(f"a known coordinate reference system was needed, got {str(crs)[:80]!r}") from err
    if system.is_compound:
        system = system.sub_crs_list[0]
    return system.to_2d()


@lru_cache(maxsize=64)
def _transformer(wkt: str) -> Transformer | None:
    """Return the way to WGS 84; None where the system is WGS 84 (in either axis order) already."""
    system = CRS.from_wkt(wkt)
    if system.equals(CRS.from_user_input(WGS84), ignore_axis_order=True):
        return None
    try:
        return Transformer.from_crs(system, WGS84, always_xy=True)
    except (CRSError, ProjError) as err:
        raise UnknownCrs(f"a path to WGS 84 was needed, {system.name!r} has none") from err
