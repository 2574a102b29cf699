"""Broadband in the made city: locations by census block, counted as a state's broadband office does.

A location is a home or a small business. The digital desert lies where few of them are: on the industrial
land, which the fibre of the city passes by. Blocks with many more unserved locations lie elsewhere.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from data.samples.export import geojson, write_features
from data.samples.layout import plan_to_metres, stream, to_lnglat
from data.samples.people import Blocks, block_codes, housing_units
from data.samples.streets import Bools, Ints
from spatial.grid import cells_within, hex_strings

#: Shares of the locations of a block: unserved (less than 25/3 Mbit/s) and underserved (less than 100/20).
UNSERVED, UNDERSERVED = 0.04, 0.07
DESERT_UNSERVED, DESERT_UNDERSERVED = 0.45, 0.25
#: How alike blocks are in their share: the total of the two parameters of a beta law.
_ALIKE = 150.0
#: Small businesses on a block, by the letter of its square.
_BUSINESSES = {"D": 4.0, "G": 1.0, "C": 0.5, "I": 2.0, "O": 0.0}
#: The industrial land south of this plan line and west of that one.
_DESERT_NORTH, _DESERT_EAST = -32.0, -32.0
_CELL_RESOLUTIONS = (8, 9)


@dataclass(frozen=True)
class Counts:
    """Homes and locations of each block, and how many of those are un- and underserved."""

    homes: list[int]
    locations: Ints
    underserved: Ints
    unserved: Ints
    in_desert: Bools


def broadband(where: Blocks, seed: int) -> Counts:
    """Return the counts of a seed."""
    rng = stream(seed, "broadband")
    in_desert = desert_blocks(where)
    mean = np.select([where.letter == key for key in _BUSINESSES], list(_BUSINESSES.values()))
    homes = housing_units(where)
    locations = np.array(homes) + rng.poisson(mean)
    share = np.where(in_desert, DESERT_UNSERVED, UNSERVED)
    unserved = _drawn(rng, locations, share)
    share_under = np.where(in_desert, DESERT_UNDERSERVED, UNDERSERVED)
    underserved = _drawn(rng, locations - unserved, share_under / (1 - share))
    return Counts(homes, locations, underserved, unserved, in_desert)


def write_broadband(path: Path, where: Blocks, counts: Counts) -> dict[str, object]:
    """Write the blocks with their counts; return their part of the truth."""
    codes = block_codes(where)
    lng, lat = to_lnglat(*shapely.get_coordinates(shapely.point_on_surface(where.polygon)).T)
    rows = [
        {
            "GEOID20": code, "INTPTLAT20": f"{y:+.6f}", "INTPTLON20": f"{x:+.6f}", "HOUSING_UNITS": home,
            "LOCATIONS": n, "SERVED": n - under - none, "UNDERSERVED": under, "UNSERVED": none,
            "AS_OF": "2025-06-30",
        }
        for code, x, y, home, n, under, none in zip(
            codes, lng.tolist(), lat.tolist(), counts.homes, counts.locations.tolist(),
            counts.underserved.tolist(), counts.unserved.tolist(), strict=True,
        )
    ]  # fmt: skip
    write_features(path, list(zip(rows, where.polygon, strict=True)))
    return {
        "rows": len(rows), "locations": int(counts.locations.sum()), "unserved": int(counts.unserved.sum()),
        "underserved": int(counts.underserved.sum()), "desert": _desert_truth(where, counts, codes),
    }  # fmt: skip


def desert_blocks(where: Blocks) -> Bools:
    """Return which blocks are the desert: the industrial ones in the south-west."""
    limit_x, limit_y = (
        float(value) for value in plan_to_metres(np.array(_DESERT_EAST), np.array(_DESERT_NORTH))
    )
    middle = shapely.centroid(where.polygon)
    is_there = (shapely.get_x(middle) < limit_x + 60) & (shapely.get_y(middle) < limit_y + 60)
    return np.asarray((where.letter == "I") & is_there)


def _drawn(rng: np.random.Generator, n: Ints, share: NDArray[np.float64]) -> Ints:
    """Return how many of n: binomial, with a share of its own for each block."""
    return np.asarray(rng.binomial(n, rng.beta(share * _ALIKE, (1 - share) * _ALIKE)))


def _desert_truth(where: Blocks, counts: Counts, codes: list[str]) -> dict[str, object]:
    in_desert, locations, unserved = counts.in_desert, counts.locations, counts.unserved
    area = shapely.union_all(shapely.buffer(where.polygon[in_desert], 0.5, join_style="mitre"))
    degrees = shapely.transform(area, lambda points: np.column_stack(to_lnglat(points[:, 0], points[:, 1])))
    n, none = int(locations[in_desert].sum()), int(unserved[in_desert].sum())
    n_else, none_else = int(locations[~in_desert].sum()), int(unserved[~in_desert].sum())
    return {
        "id": "broadband-desert", "layer": "broadband", "title": "A digital desert on industrial land",
        "locations": n, "unserved": none, "share_unserved": round(none / n, 4),
        "share_elsewhere": round(none_else / n_else, 4),
        "blocks": [code for code, is_in in zip(codes, in_desert.tolist(), strict=True) if is_in],
        "cells": {
            str(resolution): hex_strings(np.sort(cells_within(degrees, resolution)))
            for resolution in _CELL_RESOLUTIONS
        },
        "geometry": geojson(area),
    }  # fmt: skip
