"""A made availability file of any size, as the FCC publishes them: commas in names, every technology."""

from pathlib import Path

import numpy as np

from spatial.grid import disk, hex_strings

HEADER = (
    "frn,provider_id,brand_name,location_id,technology,max_advertised_download_speed,"
    "max_advertised_upload_speed,low_latency,business_residential_code,state_usps,block_geoid,h3_res8_id"
)

#: Names as providers register them; more than a third hold commas that nobody quotes.
BRANDS = (
    "Valley Fiber",
    "Copper State Telephone, Inc.",
    "Mesa, Ltd., a Division of Mesa Holdings",
    "Sonora Cable",
    "Skyline Wireless, LLC",
    "Ørbit Satellite",
    "High Desert Broadband Cooperative",
    "Tempe Net",
)
_OFFERS = (
    # technology, down, up, low latency, customers
    (50, 1000, 1000, 1, "X"),
    (40, 1200, 35, 1, "X"),
    (40, 100, 20, 1, "R"),
    (10, 25, 3, 1, "R"),
    (10, 10, 1, 1, "R"),
    (71, 100, 20, 1, "X"),
    (72, 200, 25, 1, "X"),
    (70, 50, 10, 1, "R"),
    (60, 100, 3, 0, "X"),
    (61, 220, 25, 1, "X"),
    (0, 0, 0, 0, "B"),
)
_CENTRE = 0x882A135927FFFFF
_BATCH = 200_000


def write_availability(path: Path, n_rows: int, *, rows_per_location: float = 5.0, seed: int = 0) -> int:
    """Write so many rows, those of a location far apart in the file; return how many locations exist."""
    rng = np.random.default_rng(seed)
    n_locations = max(1, int(n_rows / rows_per_location))
    rings = int(np.sqrt(n_locations / 60.0)) + 1
    cells = np.array(hex_strings(disk([_CENTRE], rings)))
    of_location = rng.integers(0, len(cells), n_locations)
    with path.open("wb") as file:
        file.write(f"{HEADER}\n".encode())
        for first in range(0, n_rows, _BATCH):
            file.write(_lines(rng, min(_BATCH, n_rows - first), cells, of_location))
    return n_locations


def _lines(rng: np.random.Generator, n: int, cells: np.ndarray, of_location: np.ndarray) -> bytes:
    location = np.sort(rng.integers(0, len(of_location), n))
    brand = rng.integers(0, len(BRANDS), n)
    offer = rng.integers(0, len(_OFFERS), n)
    offers = [",".join(str(value) for value in one) for one in _OFFERS]
    heads = [f"00{number:08d},{130000 + number},{name}," for number, name in enumerate(BRANDS)]
    ids = location + 1_000_000_000
    texts = cells[of_location[location]]
    blocks = 40_130_101_001_000 + of_location[location] % 1000
    return "".join(
        f"{heads[b]}{i},{offers[o]},AZ,0{block},{cell}\n"
        for b, i, o, block, cell in zip(
            brand.tolist(), ids.tolist(), offer.tolist(), blocks.tolist(), texts.tolist(), strict=True
        )
    ).encode()
