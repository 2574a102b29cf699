"""Cells to neighbours, z, p and q: how long and how much memory, beside libpysal and esda.

python -m tests.benchmarks.bench_hotspots
"""

import time
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from models.hotspots import hotspots
from spatial.grid import cells_at, disk
from spatial.neighbors import neighbor_index, neighbor_pairs

# Radii of round study areas at resolution 9 with about 10 thousand, 100 thousand and 1 million cells.
RADII = {"10k": 58, "100k": 183, "1M": 578}
AIMS_MS = {"10k": 10, "100k": 50, "1M": 600}
REFERENCE_SIZES = ("10k", "100k")
MEAN_PER_CELL = 2.0
RUNS = 9
OURS_AT_1 = "Emberline, exact p, k=1"
OURS_AUTO = "Emberline, exact p, k=auto (rings 1, 2, 3)"
REFERENCE_BOUND_S = 60.0


@dataclass(frozen=True)
class Row:
    """One way to do the work at one size; `peak_mib` is the most memory that Python and NumPy held."""

    size: str
    n_cells: int
    way: str
    ms: float | None
    peak_mib: float | None
    note: str = ""


def run() -> list[Row]:
    """Return all measurements: ours first, the references after."""
    rows = []
    for size, radius in RADII.items():
        cells = disk(cells_at([-111.93], [33.42], 9), radius)
        counts = np.random.default_rng(0).poisson(MEAN_PER_CELL, len(cells))
        for way, k in (
            (OURS_AT_1, 1),
            (OURS_AUTO, "auto"),
        ):
            rows.append(_measured(size, way, cells, lambda c=cells, x=counts, k=k: _ours(c, x, k), RUNS))
        if size in REFERENCE_SIZES:
            rows += _references(size, cells, counts)
    return rows


def markdown() -> str:
    """Return the measurements as a table."""
    rows = run()
    ours = {row.size: row.ms for row in rows if row.way == OURS_AT_1}
    lines = [
        f"Cells to neighbours, z, p and q; Poisson counts of mean {MEAN_PER_CELL:g}, median of {RUNS} runs "
        "(references: one run after a warm-up). Ratio: time over that of the exact p at k=1.",
        "",
        "| cells | way | ms | ratio | peak MiB | |",
        "| ---: | --- | ---: | ---: | ---: | --- |",
    ]
    for row in rows:
        base = ours[row.size]
        ratio = f"{row.ms / base:,.1f}" if row.ms is not None and base else "–"
        ms = f"{row.ms:,.1f}" if row.ms is not None else "–"
        peak = f"{row.peak_mib:,.0f}" if row.peak_mib is not None else "–"
        lines.append(f"| {row.n_cells:,} | {row.way} | {ms} | {ratio} | {peak} | {row.note} |")
    return "\n".join(lines) + "\n"


def _ours(cells: NDArray[np.uint64], counts: NDArray[np.int64], k: int | str) -> None:
    hotspots(counts, neighbor_index(cells), k=k, side="hot", rng=np.random.default_rng(0))


def _measured(size: str, way: str, cells: NDArray[np.uint64], work: Callable[[], None], runs: int) -> Row:
    work()
    times = [_seconds(work) for _ in range(runs)]
    note = f"aim {AIMS_MS[size]} ms; fastest run {1000 * min(times):,.1f} ms"
    return Row(size, len(cells), way, 1000 * median(times), _peak_mib(work), note)


def _references(size: str, cells: NDArray[np.uint64], counts: NDArray[np.int64]) -> list[Row]:
    """Return libpysal + esda, given the neighbour pairs for nothing."""
    from esda.getisord import G_Local
    from libpysal.weights import WSP
    from scipy.sparse import csr_array

    rows, cols = neighbor_pairs(neighbor_index(cells), 1)
    n, x = len(cells), counts.astype(float)

    def weights() -> object:
        return WSP(csr_array((np.ones(len(rows)), (rows, cols)), shape=(n, n))).to_W(silence_warnings=True)

    measured = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        built_s = _seconds(weights)
        w = weights()
        for way, permutations in (("esda, analytic p", 0), ("esda, 999 permutations", 999)):

            def work(permutations: int = permutations) -> None:
                G_Local(x, w, transform="B", star=True, permutations=permutations, seed=0, n_jobs=1)

            measured.append(_bounded(size, f"libpysal + {way}, k=1", n, work, built_s))
    return measured


def _bounded(size: str, way: str, n: int, work: Callable[[], None], built_s: float) -> Row:
    """Measure once more after a warm-up, unless that took too long already."""
    warm_up_s = _seconds(work)
    if warm_up_s > REFERENCE_BOUND_S:
        return Row(size, n, way, 1000 * (built_s + warm_up_s), None, "first run, compilation included")
    note = f"of which {1000 * built_s:,.0f} ms for the weights; first run {warm_up_s:,.1f} s"
    return Row(size, n, way, 1000 * (built_s + _seconds(work)), None, note)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _peak_mib(work: Callable[[], None]) -> float:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


if __name__ == "__main__":
    print(markdown())
