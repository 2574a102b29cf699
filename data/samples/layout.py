"""The plan of the made city: where it lies, what stands in which square mile, what is planted where.

Plan coordinates (u, v) count sixteenths of a mile east and north of Main Street and Central Avenue;
`plan_to_metres` bends them into local metres, `to_lnglat` turns metres into WGS 84. No randomness here:
every seed builds on the same plan, so that the planted places are the same for all of them.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.base import BaseGeometry

Floats = NDArray[np.float64]

CITY_NAME = "Lumbre Springs"
TIMEZONE = "America/Denver"
#: The three calendar years of every incident layer; the end is not included.
START, END = "2023-01-01", "2026-01-01"

#: Placed in what is open desert, so that nobody takes the made city for a real one.
CENTER_LNG, CENTER_LAT = -106.85, 33.45
UNIT_M = 1609.344 / 16

#: One letter per square mile, north at the top, from 4 miles west to 4 miles east:
#: D downtown, G gridded streets, C curved streets, I industry, O open desert.
PLAN = (
    "OCCCCCOO",
    "CCCCCCCO",
    "CGGGGCCC",
    "GGGDDGCC",
    "GGGDDGGC",
    "IGGGGGGC",
    "IIGGGCCO",
    "OICCCCOO",
)
DENSITY_PER_KM2 = {"D": 4200.0, "G": 2900.0, "C": 1700.0, "I": 120.0, "O": 0.0}
POPULATION = 200_000

_BOUNDARY_PLAN = (
    (-57, -18), (-51, -18), (-51, -41), (-41, -41), (-41, -51), (35, -51), (35, -43), (44, -43), (44, -35),
    (57, -35), (57, 35), (50, 35), (50, 44), (38, 44), (38, 51), (-44, 51), (-44, 44), (-57, 44), (-57, -18),
)  # fmt: skip

LAKE_NAME = "Lake Esperanza"
_LAKE_CENTER, _LAKE_RADII = (40.0, 24.0), (6.0, 5.6)

#: The five areas that drain to one sewer point each, as plan polygons; cut to the city where they are used.
DISTRICTS: dict[str, tuple[str, tuple[tuple[int, int], ...]]] = {
    "SW-1": ("Northwest", ((-60, 10), (-60, 60), (-4, 60), (-4, 10))),
    "SW-2": ("Northeast", ((-4, 10), (-4, 60), (60, 60), (60, 10))),
    "SW-3": ("Central", ((-24, -14), (-24, 10), (24, 10), (24, -14))),
    "SW-4": ("Southwest", ((-60, -60), (-60, 10), (-24, 10), (-24, -14), (0, -14), (0, -60))),
    "SW-5": ("Southeast", ((0, -60), (0, -14), (24, -14), (24, 10), (60, 10), (60, -60))),
}
OPIOID_DISTRICT = "SW-4"
POLICE_STATION_PLAN = (4.0, -3.0)


@dataclass(frozen=True)
class City:
    """The outline in local metres: boundary without the lake, the lake, the five districts."""

    land: shapely.Polygon
    lake: shapely.Polygon
    districts: dict[str, BaseGeometry]


def city() -> City:
    """Return the outline of the city."""
    lake = shapely.Polygon(_lake_ring())
    land = shapely.Polygon(_plan_ring(_BOUNDARY_PLAN), [np.asarray(lake.exterior.coords)])
    districts = {
        key: shapely.intersection(land, shapely.Polygon(_plan_ring((*ring, ring[0]))))
        for key, (_, ring) in DISTRICTS.items()
    }
    return City(land, lake, districts)


def stream(seed: int, layer: str) -> np.random.Generator:
    """Return the layer's own random stream: layers that come later leave the others' bytes alone."""
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(layer.encode())]))


def square_letters(u: ArrayLike, v: ArrayLike) -> NDArray[np.str_]:
    """Return the plan's letter at each point; open desert outside it."""
    column = np.floor(np.asarray(u) / 16).astype(int) + 4
    row = 3 - np.floor(np.asarray(v) / 16).astype(int)
    inside = (column >= 0) & (column < 8) & (row >= 0) & (row < 8)
    letters = np.array([list(line) for line in PLAN])
    return np.where(inside, letters[row.clip(0, 7), column.clip(0, 7)], "O")


def plan_to_metres(u: ArrayLike, v: ArrayLike) -> tuple[Floats, Floats]:
    """Return local metres: a gentle sweep over the whole city, more inside squares with curved streets."""
    u, v = np.asarray(u, dtype=float), np.asarray(v, dtype=float)
    x, y = _sweep(u, v)
    a, b = np.mod(u, 16) / 16, np.mod(v, 16) / 16
    turn = np.floor(u / 16) * 1.7 + np.floor(v / 16) * 2.3  # another figure in every square
    bend = np.where(square_letters(u, v) == "C", 75.0, 0.0) * np.sin(np.pi * a) * np.sin(np.pi * b)
    return x + bend * np.sin(2.6 * np.pi * b + turn), y + bend * np.cos(2.4 * np.pi * a + turn)


def to_lnglat(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Return degrees rounded to 6 decimals (0.1 m) for local metres."""
    m_per_lng, m_per_lat = _metres_per_degree()
    lng = CENTER_LNG + np.asarray(x) / m_per_lng
    lat = CENTER_LAT + np.asarray(y) / m_per_lat
    return np.round(lng, 6), np.round(lat, 6)


def to_metres(lng: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Return local metres for degrees."""
    m_per_lng, m_per_lat = _metres_per_degree()
    return (np.asarray(lng) - CENTER_LNG) * m_per_lng, (np.asarray(lat) - CENTER_LAT) * m_per_lat


def freeway_y(x: ArrayLike) -> Floats:
    """Return the freeway's middle, local metres north, at x metres east."""
    return np.asarray(-24.0 * UNIT_M + 230.0 * np.sin(np.asarray(x) / 2300.0))


def _sweep(u: Floats, v: Floats) -> tuple[Floats, Floats]:
    return u * UNIT_M + 35.0 * np.sin(v / 26.0 + 0.6), v * UNIT_M + 30.0 * np.sin(u / 31.0 - 0.4)


def _metres_per_degree() -> tuple[float, float]:
    """Return the length of a degree on the WGS 84 ellipsoid at the city's latitude."""
    a, e2 = 6378137.0, 0.00669437999014
    sine = np.sin(np.radians(CENTER_LAT))
    root = np.sqrt(1 - e2 * sine**2)
    m_per_lng = np.radians(1.0) * a * np.cos(np.radians(CENTER_LAT)) / root
    return float(m_per_lng), float(np.radians(1.0) * a * (1 - e2) / root**3)


def _plan_ring(corners: tuple[tuple[int, int], ...]) -> Floats:
    """Return a closed plan ring in metres, with a vertex each unit so that it follows the sweep."""
    line = shapely.segmentize(shapely.LineString(corners), 1.0)
    u, v = shapely.get_coordinates(line).T
    return np.column_stack(_sweep(u, v))


def _lake_ring() -> Floats:
    angle = np.linspace(0, 2 * np.pi, 97)
    radius = 1 + 0.13 * np.sin(2 * angle + 0.7) + 0.09 * np.sin(3 * angle) + 0.04 * np.sin(7 * angle)
    radius[-1] = radius[0]
    u = _LAKE_CENTER[0] + _LAKE_RADII[0] * radius * np.cos(angle)
    v = _LAKE_CENTER[1] + _LAKE_RADII[1] * radius * np.sin(angle)
    ring = np.column_stack([u * UNIT_M, v * UNIT_M])
    ring[-1] = ring[0]
    return ring
