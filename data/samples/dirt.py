"""The defects that real exports have, planted in exact numbers.

Every defect takes rows of its own, so that the numbers add up: a duplicate is always the copy of a row
without any other defect.
"""

from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from data.samples.layout import CENTER_LAT, CENTER_LNG, City, Floats, to_lnglat
from data.samples.rhythm import DAY_S, autumn_days, in_repeated_hour, spring_days
from data.samples.streets import Bools, Ints


@dataclass(frozen=True)
class Defects:
    """How many rows get which defect."""

    duplicate: int = 0
    swapped: int = 0
    null_island: int = 0
    missing: int = 0
    lost_decimal_point: int = 0
    outside_boundary: int = 0
    far_away: int = 0
    skipped_hour: int = 0
    repeated_hour: int = 0
    trailing_dash: int = 0
    day_only: int = 0
    month_only: int = 0


@dataclass(frozen=True)
class Soiled:
    """Coordinates and times with their defects; `order` are the rows of the file, copies included.

    `is_usable`: the row (before copying) has a true position and an existing time. `rows` are the rows
    that got a defect which the layer itself must write (labels, shortened times).
    """

    lng: Floats
    lat: Floats
    time: Ints
    is_usable: Bools
    order: Ints
    counts: dict[str, int]
    rows: dict[str, Ints] = field(default_factory=dict)


def soiled(
    rng: np.random.Generator,
    place: City,
    lng: Floats,
    lat: Floats,
    time: Ints,
    defects: Defects,
    spared: Bools,
) -> Soiled:
    """Plant the defects; `spared` rows get none."""
    lng, lat, time = lng.copy(), lat.copy(), time.copy()
    rows = _chosen(rng, time, defects, spared)
    at = rows["swapped"]
    lng[at], lat[at] = lat[at].copy(), lng[at].copy()
    lng[rows["null_island"]] = lat[rows["null_island"]] = 0.0
    lng[rows["missing"]] = lat[rows["missing"]] = np.nan
    at = rows["lost_decimal_point"]
    lng[at], lat[at] = np.round(lng[at] * 1e6), np.round(lat[at] * 1e6)
    at = rows["outside_boundary"]
    lng[at], lat[at] = _beyond_the_limit(rng, place, len(at))
    at = rows["far_away"]
    lng[at] = np.round(CENTER_LNG + rng.uniform(2.0, 4.0, len(at)), 6)
    lat[at] = np.round(CENTER_LAT + rng.uniform(1.0, 3.0, len(at)), 6)
    at = rows["skipped_hour"]
    time[at] = time[at] // DAY_S * DAY_S + 2 * 3600 + time[at] % 3600
    at = rows["repeated_hour"]
    time[at] = time[at] // DAY_S * DAY_S + 3600 + time[at] % 3600
    order = _with_copies(rng, len(lng), rows["duplicate"])
    counts = {name: len(at) for name, at in rows.items()}
    has_clock = ~np.isin(order, np.concatenate([rows["day_only"], rows["month_only"]]))
    counts["repeated_hour"] = int((in_repeated_hour(time[order]) & has_clock).sum())
    bad = [rows[name] for name in _SPOILS_POSITION_OR_TIME]
    is_usable = ~np.isin(np.arange(len(lng)), np.concatenate(bad))
    return Soiled(lng, lat, time, is_usable, order, counts, rows)


_SPOILS_POSITION_OR_TIME = (
    "swapped", "null_island", "missing", "lost_decimal_point", "outside_boundary", "far_away", "skipped_hour",
    "day_only", "month_only",
)  # fmt: skip


def _chosen(
    rng: np.random.Generator, time: Ints, defects: Defects, spared: Bools
) -> dict[str, NDArray[np.int64]]:
    """Choose disjoint rows per defect; skipped and repeated hours need rows of those very days."""
    rows: dict[str, Ints] = {}
    for name, days in (("skipped_hour", spring_days()), ("repeated_hour", autumn_days())):
        of_that_day = np.isin(time // DAY_S, days) & ~spared
        rows[name] = np.sort(rng.permutation(np.flatnonzero(of_that_day))[: getattr(defects, name)])
        spared = spared | of_that_day
    pool = rng.permutation(np.flatnonzero(~spared))
    taken = 0
    for name, n in vars(defects).items():
        if name not in rows:
            rows[name] = np.sort(pool[taken : taken + n])
            taken += n
    return rows


def _beyond_the_limit(rng: np.random.Generator, place: City, n: int) -> tuple[Floats, Floats]:
    """Return calls of neighbouring communities: up to 3 km outside the city's limit."""
    ring = place.land.exterior
    at = shapely.get_coordinates(shapely.line_interpolate_point(ring, rng.uniform(0, ring.length, n)))
    out = 1.0 + rng.uniform(0.12, 0.5, n)
    return to_lnglat(at[:, 0] * out, at[:, 1] * out)


def _with_copies(rng: np.random.Generator, n: int, copied: Ints) -> Ints:
    """Return the rows in order, copies a little later in the file than their originals."""
    row = np.concatenate([np.arange(n), copied])
    place_in_file = np.concatenate([np.arange(n), copied + rng.integers(1, 400, len(copied)) - 0.5])
    return row[np.argsort(place_in_file, kind="stable")]
