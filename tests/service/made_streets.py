"""A made town for corridors: a grid of streets, crashes by class, one stretch with three times as many."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spatial.local_plane import LocalPlane
from tests.service.made import Row, write_rows

PLANE = LocalPlane(-111.93, 33.42)
BLOCK_M = 200.0
N_STREETS = 21
#: Every fourth street is an arterial, with five times the crashes of a local one.
ARTERIALS = range(0, N_STREETS, 4)
#: The planted corridor: a stretch of an arterial that runs west-east.
PLANTED = "8th Street"
PLANTED_FROM_M, PLANTED_TO_M = 1400.0, 2800.0
SEVERITIES = ("Fatal", "Suspected Serious Injury", "Suspected Minor Injury", "Possible Injury", "PDO")
_SHARES = (0.01, 0.05, 0.15, 0.2, 0.59)


def streets(*, named: bool = True, classed: bool = True) -> list[dict[str, Any]]:
    """Return the roads as GeoJSON features, one for each street from end to end."""
    far = BLOCK_M * (N_STREETS - 1)
    features = []
    for number in range(N_STREETS):
        at = number * BLOCK_M
        for name, ends in (
            (f"{_ordinal(number)} Street", [(0.0, at), (far, at)]),
            (f"{_ordinal(number)} Avenue", [(at, 0.0), (at, far)]),
        ):
            properties: dict[str, Any] = {"id": name}
            if named:
                properties["name"] = name
            if classed:
                properties["highway"] = "primary" if number in ARTERIALS else "residential"
            line = {"type": "LineString", "coordinates": _degrees(ends)}
            features.append({"type": "Feature", "properties": properties, "geometry": line})
    return features


def write_streets(path: Path, features: Sequence[dict[str, Any]] | None = None) -> Path:
    collection = {"type": "FeatureCollection", "features": list(features or streets())}
    path.write_text(json.dumps(collection), encoding="utf-8")
    return path


def crashes(*, seed: int = 0, per_local_km: float = 4.0, risk: float = 3.0, years: int = 4) -> list[Row]:
    """Return crashes as rows of a file; `risk` is that of the planted stretch against its kind."""
    rng = np.random.default_rng(seed)
    x, y, street = _places(rng, per_local_km, risk)
    n = len(x)
    lng, lat = PLANE.degrees(x + rng.normal(0, 3, n), y + rng.normal(0, 3, n))
    severity = rng.choice(len(SEVERITIES), n, p=_SHARES)
    mode = rng.choice(3, n, p=(0.08, 0.05, 0.87))
    start = datetime(2020, 1, 1)
    hours = rng.integers(0, years * 365 * 24, n)
    return [
        {
            "crash_id": f"{seed}-{row:05d}",
            "crash_date": f"{start + timedelta(hours=int(hours[row])):%Y-%m-%d %H:%M:%S}",
            "longitude": f"{lng[row]:.7f}",
            "latitude": f"{lat[row]:.7f}",
            "crash_severity": SEVERITIES[severity[row]],
            "mode": ("Pedestrian", "Bicycle", "Motor Vehicle")[mode[row]],
            "street": street[row],
        }
        for row in range(n)
    ]


def write_crashes(path: Path, rows: Sequence[Row] | None = None) -> Path:
    return write_rows(path, rows or crashes())


def _places(
    rng: np.random.Generator, per_local_km: float, risk: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Return where crashes happen: evenly along every street, more on arterials and where it is planted."""
    far = BLOCK_M * (N_STREETS - 1)
    parts: list[tuple[NDArray[np.float64], NDArray[np.float64], str]] = []
    for number in range(N_STREETS):
        rate = per_local_km * (5 if number in ARTERIALS else 1) / 1000
        for kind in ("Street", "Avenue"):
            name = f"{_ordinal(number)} {kind}"
            along = rng.uniform(0, far, rng.poisson(rate * far))
            if name == PLANTED:
                more = rng.poisson(rate * (risk - 1) * (PLANTED_TO_M - PLANTED_FROM_M))
                along = np.concatenate([along, rng.uniform(PLANTED_FROM_M, PLANTED_TO_M, more)])
            across = np.full(len(along), number * BLOCK_M)
            parts.append((along, across, name) if kind == "Street" else (across, along, name))
    x = np.concatenate([part[0] for part in parts])
    y = np.concatenate([part[1] for part in parts])
    return x, y, [part[2] for part in parts for _ in range(len(part[0]))]


def _degrees(places: Sequence[tuple[float, float]]) -> list[list[float]]:
    lng, lat = PLANE.degrees([x for x, _ in places], [y for _, y in places])
    return [[round(a, 8), round(b, 8)] for a, b in zip(lng.tolist(), lat.tolist(), strict=True)]


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number // 10 != 1 else 0, "th")
    return f"{number}{ending}"
