"""What providers offer around the digital desert, location by location, as federal availability files say.

One row per location, provider and technology; commas in brand names stand as they are, without quotes.
The best reliable offer of each location is that which the counts of its block tell.
"""

from pathlib import Path

import numpy as np
import shapely

from data.samples.broadband import Counts
from data.samples.layout import stream, to_lnglat
from data.samples.people import Blocks, block_codes, points_in
from data.samples.streets import Ints
from spatial.grid import cells_at, hex_strings

HEADER = (
    "frn,provider_id,brand_name,location_id,technology,max_advertised_download_speed,"
    "max_advertised_upload_speed,low_latency,business_residential_code,state_usps,block_geoid,h3_res8_id"
)
#: Blocks so near to the desert are in the file.
NEAR_M = 700.0
#: Brand, technology, speeds down and up in Mbit/s, low latency: for whom it is, and how many of them have it.
_CABLE = ("Lumbre Cable, LLC d/b/a Brightline", 40, 1200, 35, 1)
_FIBRE = ("Sierra Fiber", 50, 5000, 5000, 1)
_DSL = ("High Plains Telephone, Inc.", 10, 50, 10, 1)
_SLOW_DSL = ("High Plains Telephone, Inc.", 10, 10, 1, 1)
_WIRELESS = ("Mesa Air", 70, 100, 20, 1)
_SATELLITE = ("Far Orbit", 60, 150, 3, 0)
_OFFERS = (_CABLE, _FIBRE, _DSL, _SLOW_DSL, _WIRELESS, _SATELLITE)
_SERVED, _UNDERSERVED, _UNSERVED = range(3)
#: Share of the served, underserved and unserved locations that have each of the offers. Those of satellite
#: and unlicensed wireless are no reliable ones.
_SHARES = np.array(
    [
        [1.0, 0.0, 0.0],
        [0.4, 0.0, 0.0],
        [0.3, 1.0, 0.0],
        [0.0, 0.0, 0.5],
        [0.2, 0.3, 0.3],
        [1.0, 1.0, 1.0],
    ]
)
_FIRST_LOCATION = 1_000_000_000


def write_availability(path: Path, where: Blocks, counts: Counts, seed: int) -> dict[str, object]:
    """Write the file; return its part of the truth."""
    rng = stream(seed, "availability")
    block, state = _locations(where, counts)
    cell = _cells(rng, where, block)
    number = _FIRST_LOCATION + np.sort(rng.choice(90_000_000, len(block), replace=False))
    has = rng.random((len(block), len(_OFFERS))) < _SHARES[:, state].T
    codes, at = block_codes(where), hex_strings(cell)
    lines = [HEADER]
    for row, offer in np.argwhere(has).tolist():
        brand, technology, down, up, low_latency = _OFFERS[offer]
        lines.append(
            f"00{12345600 + offer:08d},{130_000 + offer},{brand},{number[row]},{technology},{down},{up},"
            f"{low_latency},X,ZZ,{codes[block[row]]},{at[row]}"
        )
    path.write_bytes(("\n".join(lines) + "\n").encode())
    return {
        "rows": len(lines) - 1, "locations": len(block), "unserved": int((state == _UNSERVED).sum()),
        "underserved": int((state == _UNDERSERVED).sum()), "cells": len(np.unique(cell)),
        "rules": "bead-2024",
    }  # fmt: skip


def _locations(where: Blocks, counts: Counts) -> tuple[Ints, Ints]:
    """Return block and state of each location near the desert."""
    desert = shapely.union_all(where.polygon[counts.in_desert])
    near = np.flatnonzero(shapely.dwithin(where.polygon, desert, NEAR_M))
    served = counts.locations - counts.underserved - counts.unserved
    of_states = np.column_stack([served, counts.underserved, counts.unserved])[near]
    block = np.repeat(near, of_states.sum(axis=1))
    state = np.repeat(np.tile(np.arange(3), len(near)), of_states.ravel())
    return block, state


def _cells(
    rng: np.random.Generator, where: Blocks, block: Ints
) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    x, y = points_in(rng, where.polygon, block)
    lng, lat = to_lnglat(x, y)
    return cells_at(lng, lat, 8)
