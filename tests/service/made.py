"""Made incidents in files and stores, and a service over them, for tests of the whole way."""

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from starlette.testclient import TestClient

from data.duckdb_store import DuckDBStore
from service.app import create_app
from service.cli import main
from service.ingesting import IngestOrder, ingest_file
from service.settings import Settings
from service.wiring import open_backend

ZONE = "America/Phoenix"
CATEGORIES = ("MEDICAL||ILLNESS||OVERDOSE", "MEDICAL||INJURY", "FIRE||STRUCTURE")
STREETS = ("On or near Mill Lane", "12 High St", "Low Street")
FIELDS = ("id", "time", "lng", "lat", "category", "street")

Row = dict[str, Any]


def calls(n: int = 400, *, seed: int = 0, at: tuple[float, float] = (-111.93, 33.42)) -> list[Row]:
    """Return calls all over a small town, a quarter of them within a few hundred metres of one place."""
    rng = np.random.default_rng(seed)
    is_piled = np.arange(n) % 4 == 0
    spread = np.where(is_piled, 0.0015, 0.04)[:, None]
    positions = np.array(at) + rng.uniform(-1, 1, (n, 2)) * spread
    start = datetime(2024, 1, 1, 12)
    return [
        {
            "id": f"c{seed}-{i}",
            "time": (start + timedelta(hours=5 * i)).strftime("%Y-%m-%d %H:%M:%S"),
            "lng": f"{positions[i, 0]:.6f}",
            "lat": f"{positions[i, 1]:.6f}",
            "category": CATEGORIES[i % 3],
            "street": STREETS[i % 3],
        }
        for i in range(n)
    ]


def write_rows(path: Path, rows: Sequence[Row], names: Sequence[str] | None = None) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names or list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_boundary(path: Path) -> Path:
    """Write two districts side by side, around the town of `calls`."""
    west, east = _box(-111.98, 33.37, -111.93, 33.47), _box(-111.93, 33.37, -111.88, 33.47)
    features = [_feature("West", west), _feature("East", east)]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def write_roads(path: Path) -> Path:
    line = {"type": "LineString", "coordinates": [[-111.98, 33.42], [-111.88, 33.42]]}
    features = [_feature("Ash Avenue", line)]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def filled_store(path: Path | None, folder: Path, rows: Sequence[Row] | None = None) -> DuckDBStore:
    """Return a store with the layers `calls`, `boundary` and `roads`."""
    store = DuckDBStore(path)
    files = {
        "calls": (write_rows(folder / "calls.csv", rows or calls()), "incidents"),
        "boundary": (write_boundary(folder / "boundary.geojson"), "boundary"),
        "roads": (write_roads(folder / "roads.geojson"), "roads"),
    }
    for layer, (file, kind) in files.items():
        zone = ZONE if kind == "incidents" else None
        ingest_file(store, file, IngestOrder(layer, kind=kind, timezone=zone))
    return store


@contextmanager
def client_of(path: Path, **settings: Any) -> Iterator[TestClient]:
    """Yield a client of the real service over a store's file."""
    app = create_app(Settings(store_url=f"duckdb:///{path}", **settings), open_backend=open_backend)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def wait_for_refresh(client: TestClient) -> None:
    """Return when the analyses have followed the data."""
    client.app.state.context.use_cases.refresher.wait()  # type: ignore[attr-defined]


def emberline(*arguments: object) -> int:
    """Run a command line in this process."""
    return main([str(one) for one in arguments])


def _feature(name: str, geometry: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"name": name}, "geometry": geometry}


def _box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}
