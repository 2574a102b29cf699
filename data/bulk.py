"""Where most rows of a file lie, learned while it is read: what makes a swap or a stray recognisable."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Degrees of the raster on which positions are counted; ten times that once it holds too many cells.
RASTER_DEGREES = 0.01
MOST_RASTER_CELLS = 1_000_000

#: The window around most rows reaches at least this far from their middle.
LEAST_REACH_DEGREES = 0.1

#: A row is far when it lies this much farther from the middle than 99 % of the rows.
FAR_FACTOR = 1.25

KM_PER_DEGREE = 111.2


@dataclass(frozen=True)
class Window:
    """A rectangle in degrees around most rows."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, lng: Floats, lat: Floats, margin: float = 0.0) -> Flags:
        """Return which points lie inside, the rectangle widened by `margin` of its own size."""
        dx = margin * (self.east - self.west)
        dy = margin * (self.north - self.south)
        inside = (
            (lng >= self.west - dx)
            & (lng <= self.east + dx)
            & (lat >= self.south - dy)
            & (lat <= self.north + dy)
        )
        return np.asarray(inside, dtype=np.bool_)


@dataclass(frozen=True)
class Strays:
    """How many rows lie far from the rest, how far the farthest, and where most lie."""

    n_far: int
    farthest_km: float
    radius_km: float


class Bulk:
    """Counts positions on a raster; bounded memory whatever the number of rows."""

    def __init__(self) -> None:
        self._degrees = RASTER_DEGREES
        self._keys = np.zeros(0, np.int64)
        self._counts = np.zeros(0, np.int64)

    def add(self, lng: Floats, lat: Floats) -> None:
        """Count accepted positions."""
        if not len(lng):
            return
        columns, rows = np.floor(lng / self._degrees), np.floor(lat / self._degrees)
        keys, counts = np.unique(_key(columns.astype(np.int64), rows.astype(np.int64)), return_counts=True)
        self._merge(keys, counts)
        while len(self._keys) > MOST_RASTER_CELLS:
            self._coarsen()

    def window(self) -> Window | None:
        """Return the rectangle around most rows, whatever a minority does; None without rows.

        Its half sides are five times the distance from the median within which 60 % of the rows lie: for
        a normal scatter four standard deviations.
        """
        if not len(self._keys):
            return None
        x, y = self._centres()
        (west, east), (south, north) = self._reach(x), self._reach(y)
        return Window(west, south, east, north)

    def _reach(self, values: Floats) -> tuple[float, float]:
        middle = float(_quantiles(values, self._counts, (0.5,))[0])
        spread = float(_quantiles(np.abs(values - middle), self._counts, (0.6,))[0])
        reach = 5 * spread + LEAST_REACH_DEGREES
        return middle - reach, middle + reach

    def strays(self) -> Strays:
        """Return what lies far from the rest."""
        if not len(self._keys):
            return Strays(0, 0.0, 0.0)
        x, y = self._centres()
        middle_x, middle_y = (_quantiles(v, self._counts, (0.5,))[0] for v in (x, y))
        dx = (x - middle_x + 180) % 360 - 180
        radius = np.hypot(dx * np.cos(np.radians(middle_y)), y - middle_y) * KM_PER_DEGREE
        usual = float(_quantiles(radius, self._counts, (0.99,))[0])
        far = radius > max(FAR_FACTOR * usual, 2 * self._degrees * KM_PER_DEGREE)
        return Strays(int(self._counts[far].sum()), float(radius.max()), usual)

    def _centres(self) -> tuple[Floats, Floats]:
        columns, rows = self._keys >> 32, (self._keys & 0xFFFFFFFF) - (1 << 31)
        half = np.float64(0.5)
        return (columns + half) * self._degrees, (rows + half) * self._degrees

    def _merge(self, keys: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        merged, of_key = np.unique(np.concatenate([self._keys, keys]), return_inverse=True)
        weights = np.concatenate([self._counts, counts])
        self._counts = np.bincount(of_key, weights, minlength=len(merged)).astype(np.int64)
        self._keys = merged

    def _coarsen(self) -> None:
        x, y = self._centres()
        counts = self._counts
        self._degrees *= 10
        keys = _key(
            np.floor(x / self._degrees).astype(np.int64), np.floor(y / self._degrees).astype(np.int64)
        )
        self._keys, self._counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._merge(keys, counts)


def _key(columns: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return (columns << 32) + rows + (1 << 31)


def _quantiles(values: Floats, weights: NDArray[np.int64], shares: tuple[float, ...]) -> Floats:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    places = np.searchsorted(reached, np.array(shares) * reached[-1])
    return np.asarray(values[order][np.minimum(places, len(values) - 1)], dtype=np.float64)
