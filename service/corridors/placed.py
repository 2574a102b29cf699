"""Where on the network crashes belong, and those that belong to no road or to more than one."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from models.errors import TooFewObservations
from service.corridors.crashes import Crashes
from service.corridors.streets import Streets
from spatial.network.parts import Snaps
from spatial.network.snapping import snapped

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_EARTH_RADIUS_M = 6_371_008.8
# Beyond the roads' box by this much no crash is looked at: its distance to a road is not told.
_BESIDE_DEGREES = 0.05
_FEW = 0.5
_FAR_M = 1000.0
_MOSTLY = 0.3


@dataclass(frozen=True)
class Placed:
    """Crashes with their piece of road, -1 where there is none; arrays in the order of the crashes.

    `place` numbers distinct coordinates; `x` and `y` are metres of the streets' plane, NaN far outside.
    """

    lixel: Ints
    route: Ints
    offset_m: Floats
    distance_m: Floats
    second_m: Floats
    is_ambiguous: Mask
    by_name: Mask
    place: Ints
    x: Floats
    y: Floats
    told: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    @property
    def is_snapped(self) -> Mask:
        """Crashes that belong to a road."""
        return self.lixel >= 0


def placed(streets: Streets, crashes: Crashes, *, tolerance_m: float) -> Placed:
    """Return where on the network the crashes belong; by the reported street where one is told.

    Raises
    ------
    TooFewObservations
        If there are crashes and not one lies within the tolerance of a road; the message tells how far off
        they are.
    """
    near = np.flatnonzero(_beside(streets, crashes))
    x, y = np.full(len(crashes), np.nan), np.full(len(crashes), np.nan)
    x[near], y[near] = streets.plane.metres(crashes.lng[near], crashes.lat[near])
    street = crashes.street[near]
    has_street = any(street.tolist())
    snaps = snapped(
        streets.network,
        streets.routes,
        streets.lixels,
        x[near],
        y[near],
        street=street if has_street else None,
        tolerance_m=tolerance_m,
    )
    if len(crashes) and not snaps.is_snapped.any():
        raise TooFewObservations(_nothing_near(streets, crashes, tolerance_m))
    return _spread(len(crashes), near, x, y, snaps, crashes, streets, tolerance_m)


def _beside(streets: Streets, crashes: Crashes) -> Mask:
    """Return which crashes lie in the box of the roads, or just beside it."""
    # Vertices, not nodes: a ring road may lie far from the one node that it has.
    lng, lat = streets.plane.degrees(*shapely.get_coordinates(streets.network.line).T)
    return np.asarray(
        (crashes.lng >= lng.min() - _BESIDE_DEGREES)
        & (crashes.lng <= lng.max() + _BESIDE_DEGREES)
        & (crashes.lat >= lat.min() - _BESIDE_DEGREES)
        & (crashes.lat <= lat.max() + _BESIDE_DEGREES)
    )


def _spread(
    n: int,
    near: Ints,
    x: Floats,
    y: Floats,
    snaps: Snaps,
    crashes: Crashes,
    streets: Streets,
    tolerance_m: float,
) -> Placed:
    """Return the snaps of those that were looked at among all, with what is told of them."""

    def of_all(values: npt.NDArray[Any], missing: float | bool) -> npt.NDArray[Any]:
        found = np.full(n, missing, dtype=values.dtype)
        found[near] = values
        return found

    lixel = of_all(snaps.lixel, -1)
    is_ambiguous, by_name = of_all(snaps.is_ambiguous, False), of_all(snaps.by_name, False)
    place = np.unique(np.column_stack([crashes.lng, crashes.lat]).round(6), axis=0, return_inverse=True)[1]
    told = {
        "snapped": int((lixel >= 0).sum()),
        "unmatched": int((lixel < 0).sum()),
        "ambiguous": int(is_ambiguous.sum()),
        "snapped_by_name": int(by_name.sum()),
        "beside_network": n - len(near),
        "tolerance_m": tolerance_m,
    }
    return Placed(
        lixel=lixel,
        route=of_all(snaps.route, -1),
        offset_m=of_all(snaps.offset_m, np.nan),
        distance_m=of_all(snaps.distance_m, np.inf),
        second_m=of_all(snaps.second_m, np.inf),
        is_ambiguous=is_ambiguous,
        by_name=by_name,
        place=place.ravel().astype(np.int64),
        x=x,
        y=y,
        told=told,
        notes=_notes(n, told, lixel, streets, x, y),
    )


def _notes(n: int, told: dict[str, Any], lixel: Ints, streets: Streets, x: Floats, y: Floats) -> list[str]:
    """Return what a reader must know of what lies on the roads and beside them."""
    notes = []
    if n and told["snapped"] < _FEW * n:
        notes.append(
            f"only {told['snapped']:,} of {n:,} crashes lie within {told['tolerance_m']:g} m of a road; the"
            " others take no part: do the roads cover the area of the crashes?"
        )
    elif told["unmatched"]:
        notes.append(
            f"{told['unmatched']:,} of {n:,} crashes lie on no road within {told['tolerance_m']:g} m and take"
            " no part (collection .unmatched)"
        )
    if told["ambiguous"]:
        notes.append(
            f"{told['ambiguous']:,} crashes are as near to another street; a fixed rule chose (collection"
            " .ambiguous)"
        )
    empty = _share_without_crashes(lixel, streets, x, y)
    if empty > _MOSTLY:
        notes.append(
            f"{empty:.0%} of the network lies more than 1 km from any crash: where none were recorded a"
            " boundary should leave the roads out, for they lower what is expected elsewhere"
        )
    return notes


def _share_without_crashes(lixel: Ints, streets: Streets, x: Floats, y: Floats) -> float:
    """Return the share of the network's length that is farther than 1 km from every crash on it."""
    snapped_ = lixel >= 0
    if not snapped_.any():
        return 0.0
    tree = cKDTree(np.unique(np.column_stack([x[snapped_], y[snapped_]]).round(-1), axis=0))
    middle = np.column_stack([streets.lixels.x, streets.lixels.y])
    distance = tree.query(middle, distance_upper_bound=_FAR_M)[0]
    length = streets.lixels.length_m
    return float(length[np.isinf(distance)].sum() / length.sum())


def _nothing_near(streets: Streets, crashes: Crashes, tolerance_m: float) -> str:
    """Return the words of an error: how far the crashes are from the roads."""
    road = _on_sphere(*streets.plane.degrees(streets.lixels.x, streets.lixels.y))
    chord = cKDTree(road).query(_on_sphere(crashes.lng, crashes.lat))[0]
    metres = 2 * _EARTH_RADIUS_M * np.arcsin(np.minimum(chord / 2, 1))
    nearest, usual = float(metres.min()), float(np.median(metres))
    return (
        f"corridors needs crashes within {tolerance_m:g} m of a road of {streets.title!r}; of"
        f" {len(crashes):,} none is: the nearest lies {_distance(nearest)} away, half of them"
        f" {_distance(usual)} or more"
    )


def _distance(metres: float) -> str:
    return f"{metres:,.0f} m" if metres < 10_000 else f"{metres / 1000:,.0f} km"


def _on_sphere(lng: Floats, lat: Floats) -> Floats:
    a, b = np.radians(lng), np.radians(lat)
    return np.column_stack([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)])
