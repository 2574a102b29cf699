"""What areas are called: by the streets of their incidents, by a roads layer, by their districts."""

import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import shapely

from data.store import Layer, Store
from service.layer_kinds import layer_of_kind

#: Streets in a name; more would be a list, not a name.
MAX_STREETS = 2

#: What exports write in front of a street: that it is only near, the block, the house number.
_PREFIX = re.compile(
    r"^((on or near|near|at)\s+)?(\d+[a-z]?(-\d+)?\s+)?((blk|block)\s+(of\s+)?)?(?=\S)", re.IGNORECASE
)

#: What exports write between the streets of a junction.
_JUNCTION = re.compile(r"\s*(?:[&@/]|\s(?:and|at)\s)\s*", re.IGNORECASE)

#: What stands in a street's place and names none: gaps, and the kinds of place that British police data
#: tell instead (https://data.police.uk/about/).
_NO_STREET = frozenset(
    (
        "dead end|no location|no address|unknown|unk|n/a|na|nc|none|null|airport/airfield|bus/coach station"
        "|conference/exhibition centre|ferry terminal|football ground|further/higher educational building"
        "|hospital|motorway service area|nightclub|park/open space|parking area|pedestrian subway"
        "|petrol station|police station|prison|race track|shopping area|sports/recreation area|supermarket"
        "|theatre/concert hall|theme/adventure park"
    ).split("|")
)


class NamingInputs(Protocol):
    """Inputs that may name a roads layer and a boundary layer."""

    @property
    def roads(self) -> str | None:
        """Id of the roads layer."""

    @property
    def boundary(self) -> str | None:
        """Id of the boundary layer."""


@dataclass(frozen=True)
class Places:
    """A name and a district for each area; None where neither is known."""

    names: list[str | None]
    districts: list[str | None]


def named_places(
    store: Store,
    layer: Layer,
    inputs: NamingInputs,
    shapes: npt.NDArray[np.object_],
    streets: list[list[str]],
) -> Places:
    """Name each area by its commonest streets, else by the named roads that run longest in it."""
    names = [street_name(some) for some in streets]
    if inputs.roads:
        along = longest_roads(store, inputs.roads, shapes)
        names = [road or name for road, name in zip(along, names, strict=True)]
    districts: list[str | None] = [None] * len(shapes)
    if inputs.boundary:
        districts = districts_of(store, inputs.boundary, shapes)
    return Places(names, districts)


def streets_of(address: str) -> list[str]:
    """Return the streets of an address as exports write it: two of a junction, none of a kind of place.

    Examples
    --------
    >>> [streets_of(text) for text in ("On or near Mill Lane", "141 S 4th St", "1200 BLOCK OF W MAIN ST")]
    [['Mill Lane'], ['S 4th St'], ['W MAIN ST']]
    >>> [streets_of(text) for text in ("MAIN ST & HIGH ST", "OAK CT & DEAD END", "On or near Supermarket")]
    [['MAIN ST', 'HIGH ST'], ['OAK CT'], []]
    """
    whole = _without_prefix(address)
    if whole.casefold() in _NO_STREET:
        return []
    parts = [_without_prefix(part) for part in _JUNCTION.split(whole)]
    return [part for part in dict.fromkeys(parts) if part and part.casefold() not in _NO_STREET]


def _without_prefix(address: str) -> str:
    return _PREFIX.sub("", address.strip(), count=1)


def street_name(streets: list[str]) -> str | None:
    """Return the name that an area's commonest streets make.

    Examples
    --------
    >>> street_name(["Mill Lane", "High Street", "Low Street"])
    'Mill Lane / High Street'
    """
    return " / ".join(streets[:MAX_STREETS]) or None


def longest_roads(store: Store, layer_id: str, shapes: npt.NDArray[np.object_]) -> list[str | None]:
    """Return the named roads with the greatest length in each area."""
    names, lines = _named_geometries(store, layer_id, "roads")
    found: list[str | None] = [None] * len(shapes)
    if not len(lines) or not len(shapes):
        return found
    area, line = shapely.STRtree(lines).query(shapes, predicate="intersects")
    length = shapely.length(shapely.intersection(lines[line], shapes[area]))
    for one in range(len(shapes)):
        mine = area == one
        labels, inverse = np.unique(names[line[mine]], return_inverse=True)
        total = np.bincount(inverse, length[mine], len(labels))
        order = np.lexsort((labels, -total))
        found[one] = street_name([str(labels[place]) for place in order[:MAX_STREETS]])
    return found


def districts_of(store: Store, layer_id: str, shapes: npt.NDArray[np.object_]) -> list[str | None]:
    """Return the named polygon of the boundary layer that covers most of each area."""
    names, polygons = _named_geometries(store, layer_id, "boundary")
    found: list[str | None] = [None] * len(shapes)
    if len(polygons) < 2 or not len(shapes):
        return found
    area, polygon = shapely.STRtree(polygons).query(shapes, predicate="intersects")
    shared = shapely.area(shapely.intersection(polygons[polygon], shapes[area]))
    for one in range(len(shapes)):
        mine = np.flatnonzero(area == one)
        if len(mine):
            found[one] = str(names[polygon[mine[np.argmax(shared[mine])]]])
    return found


def _named_geometries(
    store: Store, layer_id: str, kind: str
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    layer_of_kind(store, kind, layer_id, kind)
    table = store.geometries(layer_id)
    names = np.array(table["name"].to_pylist(), dtype=object)
    shapes = np.asarray(shapely.from_wkb(np.array(table["geometry"].to_pylist(), dtype=object)))
    is_named = np.array([bool(name) for name in names], dtype=bool)
    return names[is_named], shapes[is_named]
