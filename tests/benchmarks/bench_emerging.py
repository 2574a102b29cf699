"""Emerging hotspots of 100 thousand cells by 52 weeks, one week more, and local Moran of as many cells.

python -m tests.benchmarks.bench_emerging
"""

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from models.emerging import Emerging, emerging, extended
from models.moran import local_moran
from models.space_time import WINDOWS
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, neighbor_index
from tests.benchmarks.timing import table

RADIUS = 183  # 101,017 cells at resolution 9
N_BINS = 52
MEAN_PER_BIN = 0.5
MEAN_PER_CELL = 2.0
AIM_S = 2.0
RUNS = 3


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
    )


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
