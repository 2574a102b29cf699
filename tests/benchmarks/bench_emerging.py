"""Emerging hotspots of 100 thousand cells by 52 weeks, one week more, and local Moran of as many cells.

    [EMBERLINE_PYEHSA=PYTHON] python -m tests.benchmarks.bench_emerging

pyehsa runs beside it where the variable names a Python that has it; it wants a compiler, so it is no
requirement.
"""

import os
import subprocess
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from models.emerging import Emerging, emerging, extended
from models.moran import local_moran
from models.space_time import WINDOWS
from spatial.grid import boundaries, cells_at, disk, hex_strings
from spatial.neighbors import NeighborIndex, neighbor_index
from tests.benchmarks.timing import table
from tests.studies.planted_emerging import PEER, PEER_SECONDS

RADIUS = 183  # 101,017 cells at resolution 9
N_BINS = 52
MEAN_PER_BIN = 0.5
MEAN_PER_CELL = 2.0
AIM_S = 2.0
RUNS = 3
#: Radii of the areas that pyehsa is asked of, one after another until it takes more than a minute.
PEER_RADII = (2, 4, 6, 9, 13, 18)


@dataclass(frozen=True)
class Row:
    """One task; seconds by the clock and of the processor, and the most memory that NumPy and Python held."""

    task: str
    clock_s: float
    cpu_s: float
    peak_mib: float


def run() -> list[Row]:
    """Return all measurements."""
    index = neighbor_index(disk(cells_at([-111.93], [33.42], 9), RADIUS))
    counts = np.random.default_rng(0).poisson(MEAN_PER_BIN, (len(index), N_BINS + 1))
    rows = []
    for window, k in (("cube", 1), *((window, "auto") for window in WINDOWS)):
        before = _emerging(counts, index, k, window)  # the first run does not count
        name = f"{window}, k={k}"
        rows.append(_measured(f"emerging, {name}", lambda w=window, k=k: _emerging(counts, index, k, w)))
        more = lambda b=before: extended(b, counts[:, N_BINS], rng=np.random.default_rng(0))  # noqa: E731
        rows.append(_measured(f"one week more, {name}", more))
    values = np.random.default_rng(1).poisson(MEAN_PER_CELL, len(index))
    for k in (1, "auto"):
        work = lambda k=k: local_moran(values, index, k=k, rng=np.random.default_rng(0))  # noqa: E731
        rows.append(_measured(f"local Moran, exact p, k={k}", work))
    return rows


def markdown() -> str:
    """Return the measurements as a table."""
    rows = [(row.task, f"{row.clock_s:.2f}", f"{row.cpu_s:.2f}", f"{row.peak_mib:,.0f}") for row in run()]
    return (
        f"101,017 cells by {N_BINS} weeks, Poisson counts of mean {MEAN_PER_BIN:g}, time lag 1, exact p, "
        f"trend and patterns included; aim {AIM_S:g} s. Local Moran: Poisson counts of mean "
        f"{MEAN_PER_CELL:g}. Median of {RUNS} runs.\n\n"
        + table(("task", "clock s", "processor s", "peak MiB"), rows)
        + _beside_pyehsa(os.environ.get("EMBERLINE_PYEHSA"))
    )


def _beside_pyehsa(python: str | None) -> str:
    """Return the largest area that pyehsa does within a minute, with the times of both."""
    if python is None:
        return "\npyehsa was not run (EMBERLINE_PYEHSA names no Python that has it).\n"
    rows: list[tuple[object, ...]] = []
    for radius in PEER_RADII:
        index = neighbor_index(disk(cells_at([-111.93], [33.42], 9), radius))
        counts = np.random.default_rng(0).poisson(MEAN_PER_BIN, (len(index), N_BINS))
        start = time.perf_counter()
        emerging(counts, index, k=1, rng=np.random.default_rng(0))
        ours = time.perf_counter() - start
        theirs = _pyehsa_seconds(python, index, counts)
        if theirs is None:
            rows.append((f"{len(index):,}", f"{ours:.3f}", f"more than {PEER_SECONDS}", ""))
            break
        rows.append((f"{len(index):,}", f"{ours:.3f}", f"{theirs:.1f}", f"{theirs / ours:,.0f}"))
    words = f"\nBeside pyehsa (k=1, 199 simulations, its process and imports included), {N_BINS} weeks:\n\n"
    return words + table(("cells", "Emberline, s", "pyehsa, s", "ratio"), rows)


def _pyehsa_seconds(python: str, index: NeighborIndex, counts: NDArray[np.int64]) -> float | None:
    """Return how long pyehsa takes; None where that is more than a minute."""
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "given.csv"
        shapes = shapely.to_wkt(boundaries(index.cells), rounding_precision=9)
        pd.DataFrame(
            {
                "cell": np.repeat(hex_strings(index.cells), N_BINS),
                "month": np.tile(np.arange(N_BINS), len(index)),
                "count": counts.ravel(),
                "geometry": np.repeat(shapes, N_BINS),
            }
        ).to_csv(given, index=False)
        start = time.perf_counter()
        try:
            subprocess.run(
                [python, "-c", PEER, str(given), str(Path(folder) / "answer.csv")],
                check=True,
                capture_output=True,
                timeout=PEER_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return None
        return time.perf_counter() - start


def _emerging(counts: NDArray[np.int64], index: NeighborIndex, k: int | str, window: str) -> Emerging:
    return emerging(counts[:, :N_BINS], index, k=k, window=window, rng=np.random.default_rng(0))


def _measured(task: str, work: Callable[[], object]) -> Row:
    clock, cpu = [], []
    for _ in range(RUNS):
        start, start_cpu = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    tracemalloc.start()
    try:
        work()
        peak = tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
    return Row(task, median(clock), median(cpu), peak)


if __name__ == "__main__":
    print(markdown())
