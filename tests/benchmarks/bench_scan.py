"""The scan with 999 simulations and near repeats with 999 permutations: how long and how much memory.

python -m tests.benchmarks.bench_scan
"""

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

from models.near_repeat import near_repeat
from models.scan import scan
from spatial.grid import cells_at, disk
from spatial.neighbors import neighbor_index
from tests.benchmarks.timing import table

RADIUS = 58  # 10,267 cells at resolution 9
N_BINS = 28  # windows of 1 to 14 bins
SIMULATIONS = 999
SIMULATIONS_FOR_MEMORY = 50  # more of them need no more of it
CASES = (2_000, 20_000)
POINTS = (10_000, 100_000)
POINTS_PER_KM2 = 250
RUNS = 3
RISK_SHAPE = 0.5  # of the gamma law of the cells' risks: squared coefficient of variation 2


@dataclass(frozen=True)
class Row:
    """One task; `peak_mib` is the most memory that Python and NumPy held."""

    what: str
    size: str
    seconds: float
    peak_mib: float
    note: str


def run() -> list[Row]:
    """Return all measurements."""
    return [*_scans(), *_near_repeats()]


def markdown() -> str:
    """Return the measurements as a table."""
    rows = [[r.what, r.size, f"{r.seconds:.1f}", f"{r.peak_mib:,.0f}", r.note] for r in run()]
    return (
        f"{SIMULATIONS} simulations or permutations. Scan: 10,267 cells, disks of radius 0 to 10, log-normal "
        f"population; unlike risks: gamma, φ = {1 / RISK_SHAPE:g}; in time {N_BINS} bins, prospective with "
        f"14 windows, retrospective with 301. Near repeats: {POINTS_PER_KM2} incidents a km² over three "
        "years, bands to 100, 200 and 300 m and to 7, 14 and 28 days. "
        f"Median of {RUNS} runs.\n\n" + table(["what", "size", "s", "peak MiB", ""], rows)
    )


def _scans() -> list[Row]:
    index = neighbor_index(disk(cells_at([-111.93], [33.42], 9), RADIUS))
    people = np.random.default_rng(0).lognormal(0, 1, len(index))
    rows = []
    risks = people * np.random.default_rng(2).gamma(RISK_SHAPE, 1 / RISK_SHAPE, len(people))
    for n_cases in CASES:
        # Without unlike risks the dispersion is 0, and the default simulates what Poisson does.
        counts, unlike = _cases(people, n_cases), _cases(risks, n_cases)
        spatial = counts.sum(axis=1)
        size = f"{n_cases:,} cases"

        def work(
            what: object = counts,
            mode: str = "prospective",
            denominator: bool = False,
            null_model: str = "auto",
        ) -> Callable[[int], None]:
            def once(simulations: int) -> None:
                scan(
                    what,  # type: ignore[arg-type]
                    index,
                    expected=people if denominator else None,
                    mode=mode,
                    null_model=null_model,
                    simulations=simulations,
                    rng=np.random.default_rng(1),
                )

            return once

        rows += [
            _measured(
                "negative binomial (default), purely spatial",
                size,
                work(unlike.sum(axis=1), denominator=True),
                "aim 3 s",
            ),
            _measured(
                "negative binomial (default), prospective, 14 windows",
                size,
                work(unlike, denominator=True),
                "aim 30 s",
            ),
            _measured(
                "Poisson, purely spatial",
                size,
                work(spatial, denominator=True, null_model="poisson"),
                "aim 3 s",
            ),
            _measured(
                "Poisson, prospective, 14 windows",
                size,
                work(denominator=True, null_model="poisson"),
                "aim 30 s",
            ),
            _measured("permutation, prospective, 14 windows", size, work(), "aim 30 s"),
        ]
    rows.append(_measured("permutation, retrospective", size, work(mode="retrospective"), "one run", 1))
    return rows


def _cases(people: np.ndarray, n_cases: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    cells = rng.choice(len(people), n_cases, p=people / people.sum())
    return np.bincount(
        cells * N_BINS + rng.integers(N_BINS, size=n_cases), minlength=len(people) * N_BINS
    ).reshape(-1, N_BINS)


def _near_repeats() -> list[Row]:
    rows = []
    for n in POINTS:
        rng = np.random.default_rng(0)
        side_m = 1000 * np.sqrt(n / POINTS_PER_KM2)
        x, y = rng.uniform(0, side_m, (2, n))
        days = rng.uniform(0, 3 * 365, n)

        def work(simulations: int, x: np.ndarray = x, y: np.ndarray = y, days: np.ndarray = days) -> None:
            near_repeat(
                x,
                y,
                days,
                distance_limits_m=[100, 200, 300],
                day_limits=[7, 14, 28],
                simulations=simulations,
                rng=np.random.default_rng(1),
            )

        rows.append(_measured("near repeats", f"{n:,} incidents", work, "one run", 1))
    return rows


def _measured(what: str, size: str, work: Callable[[int], None], note: str, runs: int = RUNS) -> Row:
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work(SIMULATIONS)
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    try:
        work(SIMULATIONS_FOR_MEMORY)
        peak_mib = tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
    return Row(what, size, median(seconds), peak_mib, note)


if __name__ == "__main__":
    print(markdown())
