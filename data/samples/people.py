"""Where people live in the made city: census blocks, and the front doors that incidents are sent to."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import KDTree
from shapely.geometry.base import BaseGeometry

from data.samples.layout import (
    DENSITY_PER_KM2,
    POPULATION,
    City,
    Floats,
    plan_to_metres,
    square_letters,
    stream,
)
from data.samples.streets import Ints, Streets

_BLOCK_UNITS = 2
_SLIVER_M2 = 400.0
_LOT_M = 20.0
_SETBACK_M = 14.0
_HOUSE_NUMBERS_PER_UNIT = 50
_PEOPLE_PER_HOME = 2.55


@dataclass(frozen=True)
class Blocks:
    """Census blocks of about 200 by 200 m, cut at the city's limit and the lake's shore."""

    polygon: NDArray[np.object_]
    population: Ints
    letter: NDArray[np.str_]


@dataclass(frozen=True)
class Addresses:
    """Front doors, two rows along every ordinary street. `street` indexes the pieces of `Streets`."""

    x: Floats
    y: Floats
    street: Ints
    number: Ints
    tree: KDTree


def blocks(place: City, seed: int) -> Blocks:
    """Return the blocks; people are shared out by density of the square, centre and chance."""
    rng = stream(seed, "population")
    u, v = (
        grid.ravel()
        for grid in np.meshgrid(np.arange(-58, 58, _BLOCK_UNITS), np.arange(-52, 52, _BLOCK_UNITS))
    )
    corner_u = np.column_stack([u, u + _BLOCK_UNITS, u + _BLOCK_UNITS, u, u]).astype(float)
    corner_v = np.column_stack([v, v, v + _BLOCK_UNITS, v + _BLOCK_UNITS, v]).astype(float)
    quad = shapely.polygons(np.stack(plan_to_metres(corner_u, corner_v), axis=-1))
    polygon = _without_spikes(np.asarray(shapely.intersection(quad, place.land), dtype=object))
    kept = shapely.area(polygon) > _SLIVER_M2
    letter = square_letters(u + 1.0, v + 1.0)
    density = np.select([letter == key for key in DENSITY_PER_KM2], list(DENSITY_PER_KM2.values()))
    from_center = np.hypot(u + 1, v + 1) / 57
    weight = density * (1.15 - 0.3 * from_center) * rng.lognormal(-0.08, 0.4, len(u))
    weight = weight * np.where(kept, shapely.area(polygon), 0.0)
    people = rng.multinomial(POPULATION, weight / weight.sum())
    return Blocks(polygon[kept], people[kept], letter[kept])


def block_codes(where: Blocks) -> list[str]:
    """Return made-up 15-digit codes of the blocks (state code 00 does not exist)."""
    return [f"00001{1 + i // 250:06d}{1000 + i % 250:04d}" for i in range(len(where.population))]


def housing_units(where: Blocks) -> list[int]:
    """Return the homes of each block."""
    return [round(n / _PEOPLE_PER_HOME) for n in where.population.tolist()]


def addresses(place: City, net: Streets) -> Addresses:
    """Return a front door each 20 m on both sides, with numbers that grow away from the city's middle."""
    length = np.where(net.on_plan, net.length_m, 0.0)
    n_lots = np.maximum(((length - 2 * _SETBACK_M) // _LOT_M).astype(int), 0)
    street = np.repeat(np.arange(len(length)), n_lots)
    rank = np.arange(len(street)) - np.repeat(np.cumsum(n_lots) - n_lots, n_lots)
    along = _SETBACK_M + (rank + 0.5) * _LOT_M
    x, y, east, north = _points_along(net.line[street], along)
    side = np.concatenate([np.full(len(street), 1.0), np.full(len(street), -1.0)])
    street, along = np.tile(street, 2), np.tile(along, 2)
    x = np.tile(x, 2) - np.tile(north, 2) * side * _SETBACK_M
    y = np.tile(y, 2) + np.tile(east, 2) * side * _SETBACK_M
    plan = net.span[street, 0] + along / length[street] * (net.span[street, 1] - net.span[street, 0])
    number = 2 * (np.abs(plan) * _HOUSE_NUMBERS_PER_UNIT / 2).astype(int) + (side > 0) + 2
    fits = shapely.contains_xy(place.land.buffer(-3.0), x, y)
    return Addresses(
        x[fits], y[fits], street[fits], number[fits], KDTree(np.column_stack([x[fits], y[fits]]))
    )


def points_in_blocks(
    rng: np.random.Generator, n: int, where: Blocks, area: BaseGeometry | None = None
) -> tuple[Floats, Floats]:
    """Draw n points as people live, all of them inside `area` where one is given."""
    polygon, weight = where.polygon, where.population.astype(float)
    if area is not None:
        share = shapely.area(shapely.intersection(polygon, area)) / shapely.area(polygon)
        weight = weight * share
        polygon = shapely.intersection(polygon, area)
    return points_in(rng, polygon, rng.choice(len(weight), n, p=weight / weight.sum()))


def points_in(
    rng: np.random.Generator, polygon: NDArray[np.object_], which: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Draw a point in the polygon that each number names."""
    x, y = np.empty(len(which)), np.empty(len(which))
    missing = np.arange(len(which))
    bounds = shapely.bounds(polygon)
    shapely.prepare(polygon)
    while len(missing):
        west, south, east, north = bounds[which[missing]].T
        draw = rng.random((2, len(missing)))
        x[missing], y[missing] = west + draw[0] * (east - west), south + draw[1] * (north - south)
        inside = shapely.contains_xy(polygon[which[missing]], x[missing], y[missing])
        missing = missing[~inside]
    return x, y


def population_in(where: Blocks, area: BaseGeometry) -> float:
    """Return the number of people in an area, blocks shared out by their part in it."""
    share = shapely.area(shapely.intersection(where.polygon, area)) / shapely.area(where.polygon)
    return float((share * where.population).sum())


def nearest_addresses(doors: Addresses, x: Floats, y: Floats) -> Ints:
    """Return the front door closest to each point."""
    _, index = doors.tree.query(np.column_stack([x, y]))
    return np.asarray(index, dtype=np.int64)


def _without_spikes(polygon: NDArray[np.object_]) -> NDArray[np.object_]:
    """Take away what is narrower than a metre, which rounding to 0.1 m could fold over itself."""
    core = shapely.buffer(polygon, -0.5, join_style="mitre")
    return np.asarray(shapely.buffer(core, 0.5, join_style="mitre"), dtype=object)


def _points_along(line: NDArray[np.object_], along: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return x, y and the unit direction at a distance along each line."""
    x, y = shapely.get_coordinates(shapely.line_interpolate_point(line, along)).T
    ahead_x, ahead_y = shapely.get_coordinates(shapely.line_interpolate_point(line, along + 0.5)).T
    back_x, back_y = shapely.get_coordinates(shapely.line_interpolate_point(line, along - 0.5)).T
    norm = np.hypot(ahead_x - back_x, ahead_y - back_y)
    return x, y, (ahead_x - back_x) / norm, (ahead_y - back_y) / norm
