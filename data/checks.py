"""What is wrong with a row: coordinates and times judged one vector at a time, one reason per row.

A judgement only says what it found; nothing is put right here.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.bulk import Window
from data.positions import Positions

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Reject codes in the order in which they are tried, with their words.
REASONS = {
    "no_coordinate": "a position is needed, the row has none",
    "not_a_point": "a point is needed, the geometry is a line, an area or a collection",
    "unreadable_coordinate": "a number is needed for either coordinate",
    "not_finite": "finite coordinates are needed",
    "zero_coordinate": "the position is 0, 0, which is how a missing one is often written",
    "lost_decimal_point": "a coordinate has the digits of its neighbours without the decimal point",
    "suspected_swap": "longitude and latitude seem exchanged: turned round, the row lies with the others",
    "out_of_range": "longitude within ±180 and latitude within ±90 are needed",
    "outside_boundary": "the position lies outside the boundary",
    "unreadable_time": "the time is not readable",
    "time_out_of_range": "the time lies outside the years 1900 to 2200",
}
CODES = ("", *REASONS)

#: Coordinates that one lost or shifted decimal point may have multiplied by up to 10 to this power.
_MOST_LOST_DIGITS = 16


@dataclass(frozen=True)
class Judged:
    """Per row the index of its reason in `CODES`, 0 where the row is good."""

    code: NDArray[np.int8]

    @property
    def is_good(self) -> Flags:
        """Which rows are accepted so far."""
        return np.asarray(self.code == 0, dtype=np.bool_)


def judge_raw(positions: Positions) -> Judged:
    """Judge positions before they are brought to longitude and latitude."""
    code = np.zeros(len(positions.x), np.int8)
    x, y = positions.x, positions.y
    finite = np.isfinite(x) & np.isfinite(y)
    _mark(code, positions.is_missing, "no_coordinate")
    _mark(code, positions.is_not_a_point, "not_a_point")
    _mark(code, positions.is_unreadable, "unreadable_coordinate")
    _mark(code, ~finite, "not_finite")
    _mark(code, (x == 0) & (y == 0), "zero_coordinate")
    return Judged(code)


def judge_degrees(
    judged: Judged, lng: Floats, lat: Floats, window: Window | None, boundary: shapely.Geometry | None
) -> None:
    """Add the judgement on longitude and latitude."""
    code = judged.code
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(lng) & np.isfinite(lat)
        in_range = finite & (np.abs(lng) <= 180) & (np.abs(lat) <= 90)
    _mark(code, ~finite, "not_finite")
    if window is not None:
        _mark(code, _lost_point(lng, lat, window), "lost_decimal_point")
        _mark(code, is_swapped(lng, lat, window), "suspected_swap")
    _mark(code, ~in_range, "out_of_range")
    if boundary is not None:
        _judge_boundary(code, lng, lat, boundary)


def judge_times(judged: Judged, unreadable: Flags, out_of_range: Flags) -> None:
    """Add the judgement on times."""
    _mark(judged.code, unreadable, "unreadable_time")
    _mark(judged.code, out_of_range, "time_out_of_range")


def is_swapped(lng: Floats, lat: Floats, window: Window) -> Flags:
    """Return where only the exchanged position lies with the others."""
    with np.errstate(invalid="ignore"):
        far = ~window.holds(lng, lat, margin=1.0)
        off_globe = (np.abs(lat) > 90) | (np.abs(lng) > 180)
        # Off the globe nothing speaks for the position as given: then near is near enough.
        return far & (window.holds(lat, lng) | (off_globe & window.holds(lat, lng, margin=1.0)))


def _mark(code: NDArray[np.int8], where: Flags, reason: str) -> None:
    code[(code == 0) & where] = CODES.index(reason)


def _lost_point(lng: Floats, lat: Floats, window: Window) -> Flags:
    """Return where a coordinate beyond its range lies among the others once divided by a power of ten."""
    result = np.zeros(len(lng), np.bool_)
    with np.errstate(invalid="ignore"):
        candidates = np.flatnonzero((np.abs(lng) > 180) | (np.abs(lat) > 90))
    if not len(candidates):
        return result
    x = _nearest_power(lng[candidates], window.west, window.east, 180.0)
    y = _nearest_power(lat[candidates], window.south, window.north, 90.0)
    result[candidates] = window.holds(x, y, margin=0.5)
    return result


def _nearest_power(values: Floats, low: float, high: float, limit: float) -> Floats:
    """Return values beyond the limit divided by the power of ten that brings them between low and high."""
    result = values.copy()
    for power in range(1, _MOST_LOST_DIGITS):
        shrunk = values / 10.0**power
        fits = (np.abs(values) > limit) & (shrunk >= low) & (shrunk <= high)
        result[fits] = shrunk[fits]
    return result


def _judge_boundary(code: NDArray[np.int8], lng: Floats, lat: Floats, boundary: shapely.Geometry) -> None:
    shapely.prepare(boundary)
    where = np.flatnonzero(code == 0)
    outside = where[~shapely.intersects_xy(boundary, lng[where], lat[where])]
    turned = shapely.intersects_xy(boundary, lat[outside], lng[outside])
    code[outside[turned]] = CODES.index("suspected_swap")
    code[outside[~turned]] = CODES.index("outside_boundary")
