"""Made wastewater: sewersheds as GeoJSON, and campaigns of daily composites, for tests of the whole way."""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tests.service.made import write_rows

Row = dict[str, Any]

FIELDS = ("id", "sewershed", "date", "analyte", "value", "unit", "flow", "flow_unit", "population")


def campaigns_of(
    sewershed: str,
    *,
    months: int = 14,
    analyte: str = "fentanyl",
    level: float = 100.0,
    log_sd: float = 0.15,
    rises: dict[int, float] | None = None,
    seed: int = 0,
    **constant: Any,
) -> list[Row]:
    """Return seven daily composites a month from January 2024; `rises` are factors by month."""
    rng = np.random.default_rng([seed, *sewershed.encode(), *analyte.encode()])
    rows = []
    for month in range(months):
        factor = (rises or {}).get(month, 1.0)
        mean = level * factor * np.exp(log_sd * rng.normal())
        first = date(2024 + month // 12, 1 + month % 12, 5)
        for day in range(7):
            when = first + timedelta(days=day)
            rows.append(
                {
                    "id": f"{sewershed}-{analyte}-{when:%y%m%d}",
                    "sewershed": sewershed,
                    "date": when.isoformat(),
                    "analyte": analyte,
                    "value": f"{mean * np.exp(0.2 * rng.normal()):.4f}",
                    "unit": "ng/L",
                    "flow": 5,
                    "flow_unit": "MGD",
                    "population": 40_000,
                    **constant,
                }
            )
    return rows


def write_samples(path: Path, rows: Sequence[Row]) -> Path:
    return write_rows(path, rows, list(rows[0]))


def write_sewersheds(path: Path, *properties: Row) -> Path:
    """Write sewersheds side by side, each a square of a twentieth of a degree."""
    features = []
    for number, one in enumerate(properties):
        west, east = -112.0 + 0.05 * number, -111.95 + 0.05 * number
        ring = [[west, 33.4], [east, 33.4], [east, 33.45], [west, 33.45], [west, 33.4]]
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "properties": one, "geometry": geometry})
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path
