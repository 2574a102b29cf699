"""How fast finished features leave: one uvicorn worker in a process of its own, one client, no compression.

Run alone: ``python -m tests.benchmarks.bench_items``.
"""

import statistics
import time

import httpx2
import numpy as np
from fastapi import FastAPI

from service.app import create_app
from service.encode import feature_objects, geometry_members, joined, published_geometries
from service.settings import Settings
from service.snapshots import snapshot
from tests.contract.server import served
from tests.service.memory import MemoryCatalog, NotingUseCases, cells, hexagons

N_CELLS = 10_000


def markdown() -> str:
    """Return the table of latencies and the time of encoding."""
    with (
        served("tests.benchmarks.bench_items:made_app") as base,
        httpx2.Client(headers={"Accept-Encoding": "identity"}) as client,
    ):
        lines = [_row(name, *_timed_ms(client, base + path, n)) for name, path, n in _REQUESTS]
        full = client.get(f"{base}/collections/cells/items?limit=1000")
        headers = {"If-None-Match": full.headers["etag"]}
        url = f"{base}/collections/cells/items?limit=1000"
        lines.append(_row("1,000 cells, unchanged (304)", *_timed_ms(client, url, 100, headers)))
        packed = {"Accept-Encoding": "gzip"}
        lines.append(_row("1,000 cells, gzip, asked before", *_timed_ms(client, url, 100, packed)))
    head = "| request | p50 ms | min ms | bytes |\n|---|---|---|---|"
    return "\n".join([head, *lines, "", _encoding()])


_REQUESTS = [
    ("10 cells", "/collections/cells/items?limit=10", 300),
    ("10 cells, deep page", "/collections/cells/items?limit=10&offset=9000", 300),
    ("1,000 cells (aim 3)", "/collections/cells/items?limit=1000", 100),
    ("10,000 cells (aim 25)", "/collections/cells/items?limit=10000", 30),
    (
        "bbox, about 50 cells (aim 2)",
        "/collections/cells/items?limit=1000&bbox=-111.7,33.5,-111.675,33.525",
        200,
    ),
    ("one property filter, 1,000 cells", "/collections/cells/items?limit=1000&ring=1", 100),
    ("one cell by id", "/collections/cells/items/890000000000007", 200),
    ("collection description", "/collections/cells", 200),
]


def _timed_ms(
    client: httpx2.Client, url: str, n: int, headers: dict[str, str] | None = None
) -> tuple[list[float], int]:
    times, size = [], 0
    for _ in range(n + 3):
        begin = time.perf_counter()
        answer = client.get(url, headers=headers)
        times.append(1000 * (time.perf_counter() - begin))
        size = len(answer.content)
        if answer.status_code not in (200, 304):
            raise RuntimeError(f"{url}: {answer.status_code} {answer.text}")
    return times[3:], size


def _row(name: str, times: list[float], size: int) -> str:
    return f"| {name} | {statistics.median(times):.2f} | {min(times):.2f} | {size:,} |"


def _encoding(n: int = 100_000) -> str:
    """Time the way from shapes and columns to bytes."""
    shapes, ids, columns = hexagons(n)
    plain = [values.tolist() if isinstance(values, np.ndarray) else values for values in columns.values()]
    begin = time.perf_counter()
    published = published_geometries(shapes)
    members = geometry_members(published)
    objects = feature_objects(ids, members, list(columns), plain)
    text, _ = joined(objects)
    bytes_s = time.perf_counter() - begin
    begin = time.perf_counter()
    snapshot("cells", "responder", ids, shapes, columns, {}, timestamp="2026-01-01T00:00:00Z")
    whole_s = time.perf_counter() - begin
    return (
        f"Encoding {n:,} hexagons with {len(columns)} properties: {bytes_s:.2f} s to bytes "
        f"({len(text) / 1e6:.0f} MB), {whole_s:.2f} s to a whole snapshot."
    )


def made_app() -> FastAPI:
    """Return the service over made cells."""
    return create_app(Settings(), catalog=MemoryCatalog(cells(N_CELLS)), use_cases=NotingUseCases())


if __name__ == "__main__":
    print(markdown())
