"""The sewersheds of the made city: whole blocks that drain to one sewer point, as the utility draws them.

The file is what a utility hands out: State Plane feet, one ring that touches itself, one part of a sewershed
that lies within another and is pumped across.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from data.samples.export import geojson, rings_of, write_json
from data.samples.layout import DISTRICTS, City, Floats, plan_to_metres, to_lnglat
from data.samples.people import Blocks
from data.samples.streets import Ints

#: NAD83 / New Mexico Central in US survey feet.
CRS = "EPSG:2258"
#: The sewershed that has a part within another one; the plan square (west, south, east, north) of that part.
PUMPED, PUMPED_SQUARE = "SW-2", (40, -4, 46, 2)
#: The sewershed whose ring touches itself, round a works with its own treatment at the city limit.
TOUCHING, _WORKS_PLAN = "SW-4", (-41.0, -46.0)
_WORKS_M = ((150.0, -60.0), (150.0, 60.0))

_BLOCK_UNITS = 2
_REACH = 62


@dataclass(frozen=True)
class Sewersheds:
    """The sewersheds in the order of their ids: area in metres, and how many people live there."""

    id: list[str]
    name: list[str]
    area: NDArray[np.object_]
    population: Ints

    def index(self, sewershed: str) -> int:
        """Return the place of a sewershed."""
        return self.id.index(sewershed)


def sewersheds(place: City, where: Blocks) -> Sewersheds:
    """Return the sewersheds of the city; every block belongs to one of them."""
    u, v = (
        grid.ravel()
        for grid in np.meshgrid(
            np.arange(-_REACH, _REACH, _BLOCK_UNITS), np.arange(-_REACH, _REACH, _BLOCK_UNITS)
        )
    )
    square, half = _squares(u, v), 0.5 * _BLOCK_UNITS
    drains_to = _drains_to(np.asarray(u + half, dtype=float), np.asarray(v + half, dtype=float))
    whole = [shapely.coverage_union_all(square[drains_to == i]) for i in range(len(DISTRICTS))]
    area = np.array([_polygons(shapely.intersection(shape, place.land)) for shape in whole], dtype=object)
    inside = shapely.point_on_surface(where.polygon)
    population = [int(where.population[shapely.contains_properly(shape, inside)].sum()) for shape in area]
    names = [name for name, _ in DISTRICTS.values()]
    ids = list(DISTRICTS)
    touching = ids.index(TOUCHING)
    area[touching] = shapely.difference(area[touching], _works(area[touching]))
    return Sewersheds(ids, names, area, np.array(population))


def write_sewersheds(path: Path, sheds: Sewersheds) -> None:
    """Write GeoJSON in State Plane feet, with the member that names it, as desktop programs do."""
    features = []
    for i, area in enumerate(sheds.area):
        rings = [[_feet(ring) for ring in part] for part in rings_of(area)]
        if sheds.id[i] == TOUCHING:
            rings = [_with_touching_ring(part) for part in rings]
        shape: dict[str, object] = {"type": "MultiPolygon", "coordinates": rings}
        if len(rings) == 1:
            shape = {"type": "Polygon", "coordinates": rings[0]}
        row = {
            "ID": sheds.id[i], "NAME": sheds.name[i], "POP_SERVED": int(sheds.population[i]),
            "SAMPLE_PT": f"MH-{401 + 17 * i}", "UPDATED": "2025-03-14",
        }  # fmt: skip
        features.append({"type": "Feature", "properties": row, "geometry": shape})
    named = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{CRS.split(':')[1]}"}}
    write_json(path, {"type": "FeatureCollection", "name": "sewersheds", "crs": named, "features": features})


def sewersheds_truth(sheds: Sewersheds) -> list[dict[str, object]]:
    """Describe the sewersheds as they are meant to be: valid, in degrees."""
    return [
        {
            "id": sheds.id[i], "name": sheds.name[i], "population": int(sheds.population[i]),
            "area_km2": round(area.area / 1e6, 4), "parts": len(shapely.get_parts(area)),
            "self_touching_in_file": sheds.id[i] == TOUCHING, "geometry": geojson(area),
        }
        for i, area in enumerate(sheds.area)
    ]  # fmt: skip


def _squares(u: Ints, v: Ints) -> NDArray[np.object_]:
    """Return the plan's squares in metres: the blocks before city limit and lake cut them."""
    east, north = u + _BLOCK_UNITS, v + _BLOCK_UNITS
    corner_u = np.column_stack([u, east, east, u, u]).astype(float)
    corner_v = np.column_stack([v, v, north, north, v]).astype(float)
    return np.asarray(shapely.polygons(np.stack(plan_to_metres(corner_u, corner_v), axis=-1)), dtype=object)


def _drains_to(u: Floats, v: Floats) -> Ints:
    """Return the sewershed of each plan point: the districts, with edges as the ground falls."""
    fallen_u = u + 2.4 * np.sin(v / 4.3 + 0.8) + 1.3 * np.sin(v / 1.9)
    fallen_v = v + 2.2 * np.sin(u / 5.1 + 2.0) + 1.2 * np.sin(u / 2.3)
    # The districts end at 60 units; what lies beyond belongs to the nearest.
    points = shapely.points(fallen_u.clip(-59, 59), fallen_v.clip(-59, 59))
    rings = [shapely.Polygon(ring) for _, ring in DISTRICTS.values()]
    number = np.argmin(np.stack([shapely.distance(ring, points) for ring in rings]), axis=0)
    west, south, east, north = PUMPED_SQUARE
    pumped = (u > west) & (u < east) & (v > south) & (v < north)
    return np.where(pumped, list(DISTRICTS).index(PUMPED), number)


def _polygons(shape: BaseGeometry) -> BaseGeometry:
    """Return the areas of a cut; lines and points where two edges meet are left out."""
    parts = shapely.get_parts(shape)
    return shapely.union_all(parts[(shapely.get_dimensions(parts) == 2) & (shapely.area(parts) > 400.0)])


def _works(area: BaseGeometry) -> shapely.Polygon:
    """Return the works: a triangle within the sewershed, one corner of which is a corner of its ring."""
    corners = shapely.get_coordinates(shapely.get_exterior_ring(shapely.get_geometry(area, 0)))
    at = np.array([float(value) for value in plan_to_metres(*(np.array(value) for value in _WORKS_PLAN))])
    corner = corners[np.hypot(*(corners - at).T).argmin()]
    return shapely.Polygon([corner, *(corner + np.array(step) for step in _WORKS_M)])


def _with_touching_ring(rings: list[list[list[float]]]) -> list[list[list[float]]]:
    """Draw a hole that touches the outline as a detour of the outline: a ring that touches itself."""
    outline, *holes = rings
    for i, hole in enumerate(holes):
        shared = [position for position in hole[:-1] if position in outline]
        if shared:
            at, begin = outline.index(shared[0]), hole.index(shared[0])
            detour = [*hole[begin:-1], *hole[:begin], shared[0]]
            return [[*outline[:at], *detour, *outline[at + 1 :]], *holes[:i], *holes[i + 1 :]]
    return rings


def _feet(ring: BaseGeometry) -> list[list[float]]:
    to_feet = Transformer.from_crs("EPSG:4326", CRS, always_xy=True)
    x, y = to_feet.transform(*to_lnglat(*shapely.get_coordinates(ring).T))
    return [list(position) for position in zip(np.round(x, 2).tolist(), np.round(y, 2).tolist(), strict=True)]
