"""A published `emerging` after one week more: from scratch, and from what the run before left.

    python -m tests.benchmarks.bench_refresh

101,017 cells by 52 weeks in a store. Seconds of the processor, for the work is done on one core and the clock
of a shared machine tells of others too.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from data.duckdb_store import DuckDBStore
from models.space_time import WINDOWS
from service.analyses import emerging as room
from service.ingesting import IngestOrder, ingest_file
from service.publishing import publish_analysis
from spatial.grid import boundaries, cells_at, centers, disk
from tests.benchmarks.timing import table

RADIUS = 183  # 101,017 cells at resolution 9
N_BINS = 52
MEAN_PER_BIN = 0.5
RUNS = 3
START = np.datetime64("2024-01-01", "s")
WEEK_S = 7 * 86_400
MAX_CELLS = 10**6
STEPS = ("counted_by_bin", "emerging_of", "memory_of")
HEAD = ("window", "", "in all", "counting", "testing", "what is left written", "MiB left")


def markdown() -> str:
    """Return the measurements as a table."""
    with tempfile.TemporaryDirectory() as folder:
        stores = _filled(Path(folder))
        rows = [row for window in WINDOWS for row in _of_window(stores, window)]
        for store in stores:
            store.close()
    return (
        f"101,017 cells, {N_BINS} weeks, then one more; Poisson counts of mean {MEAN_PER_BIN:g}, rings 1–3,"
        " from the rows in the store to published features. Seconds of the processor, median of"
        f" {RUNS} runs; what the steps leave over is features and their encoding.\n\n" + table(HEAD, rows)
    )


def _of_window(stores: tuple[DuckDBStore, DuckDBStore], window: str) -> Iterator[tuple[object, ...]]:
    """Return both rows of a window; runs take turns."""
    before, after = stores
    _published(before, window)
    left = before.memory("x")
    taken: dict[str, list[dict[str, float]]] = {"from scratch": [], "from the run before": []}
    for _ in range(RUNS):
        for name, runs in taken.items():
            with patch.object(
                after, "memory", lambda _, scratch=name == "from scratch": {} if scratch else left
            ):
                runs.append(_published(after, window))
    size = sum(len(part) for part in left.values()) / 2**20
    for name, runs in taken.items():
        seconds = [median(run[step] for run in runs) for step in ("all", *STEPS)]
        yield (window, name, *(f"{one:.2f}" for one in seconds), f"{size:.1f}")


def _published(store: DuckDBStore, window: str) -> dict[str, float]:
    """Publish, and return the seconds of all and of each step."""
    inputs = {"layer": "calls", "boundary": "outline", "window": window}
    spent = dict.fromkeys(STEPS, 0.0)
    with _timed(spent):
        start = time.process_time()
        publish_analysis(store, {"id": "x", "method": "emerging", "inputs": inputs}, max_cells=MAX_CELLS)
        return {"all": time.process_time() - start, **spent}


@contextmanager
def _timed(spent: dict[str, float]) -> Iterator[None]:
    """Note the time of every step while this lasts."""
    originals = {name: getattr(room, name) for name in STEPS}

    def timed(name: str) -> Any:
        def work(*given: Any, **named: Any) -> Any:
            start = time.process_time()
            found = originals[name](*given, **named)
            spent[name] += time.process_time() - start
            return found

        return work

    with patch.multiple(room, **{name: timed(name) for name in STEPS}):
        yield


def _filled(folder: Path) -> tuple[DuckDBStore, DuckDBStore]:
    """Return a store with all weeks but the last, and one with all."""
    cells = disk(cells_at([-111.93], [33.42], 9), RADIUS)
    outline = folder / "outline.geojson"
    shape = json.loads(shapely.to_geojson(shapely.union_all(boundaries(cells))))
    feature = {"type": "Feature", "properties": {"name": "all"}, "geometry": shape}
    outline.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    weeks = [
        _rows(folder / "weeks.parquet", cells, 0, N_BINS),
        _rows(folder / "week.parquet", cells, N_BINS, 1),
    ]
    stores = DuckDBStore(folder / "before.duckdb"), DuckDBStore(folder / "after.duckdb")
    for store, files in zip(stores, (weeks[:1], weeks), strict=True):
        ingest_file(store, outline, IngestOrder("outline", kind="boundary", timezone="UTC"))
        for file in files:
            ingest_file(store, file, IngestOrder("calls", timezone="UTC"))
    return stores


def _rows(path: Path, cells: Any, first: int, n_weeks: int) -> Path:
    """Write incidents of some weeks, from their first to their last second."""
    rng = np.random.default_rng(first)
    n = int(len(cells) * n_weeks * MEAN_PER_BIN)
    at = rng.integers(0, len(cells), n)
    seconds = rng.integers(0, n_weeks * WEEK_S, n)
    seconds[:2] = 0, n_weeks * WEEK_S - 1
    lng, lat = centers(cells)
    time_ = START + (first * WEEK_S + seconds).astype("timedelta64[s]")
    ids = [f"{first}-{i}" for i in range(n)]
    columns = {"id": ids, "time": time_.astype("datetime64[us]"), "lng": lng[at], "lat": lat[at]}
    pq.write_table(pa.table(columns), path)
    return path


if __name__ == "__main__":
    print(markdown())
