"""The corridor scan with 999 simulations on 60,000 lixels: how long and how much memory.

python -m tests.benchmarks.bench_corridors
"""

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from statistics import median

import numpy as np
from numpy.typing import NDArray

from models.corridor_scan import corridor_scan
from tests.benchmarks.timing import peak_rss_mib, table

N_LIXELS = 60_000
SIMULATIONS = 999
RUNS = 3
LENGTH_M = 80.0
AIM_S = 10


@dataclass(frozen=True)
class Network:
    """Routes as a law of their number of lixels."""

    name: str
    log_median: float
    log_spread: float


@dataclass(frozen=True)
class Task:
    """A network with incidents, and how it is scanned."""

    network: Network
    incidents: int
    k: float
    null_model: str
    threads: int = 2


@dataclass(frozen=True)
class Measured:
    """Median seconds, and seconds of processors; the most memory, and how much was there before the scan."""

    seconds: float
    cpu_s: float
    peak_mib: float
    before_mib: float
    windows: int


CITY = Network("city: half of the routes up to 800 m", 2.3, 1.0)
LONG = Network("long routes: half of them 8 km or more", 4.6, 0.7)
TASKS = (
    Task(CITY, 15_000, 0.0, "poisson"),
    Task(CITY, 15_000, 0.0, "nb"),
    Task(CITY, 15_000, 1.0, "nb"),
    Task(CITY, 15_000, 1.0, "nb", threads=1),
    Task(CITY, 100_000, 1.0, "nb"),
    Task(LONG, 15_000, 1.0, "nb"),
    Task(LONG, 100_000, 1.0, "nb"),
)


def run() -> list[tuple[Task, Measured]]:
    """Return all measurements, each from a process of its own, so that its memory is its own."""
    found = []
    for task in TASKS:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            found.append((task, pool.submit(measured, task).result()))
    return found


def markdown() -> str:
    """Return the measurements as a table."""
    rows = [
        [
            task.network.name,
            f"{measure.windows:,}",
            f"{task.incidents:,}",
            f"{task.null_model}, k = {task.k:g} per lixel",
            str(task.threads),
            f"{measure.seconds:.1f}",
            f"{measure.cpu_s:.1f}",
            f"{measure.peak_mib:,.0f} ({measure.before_mib:,.0f})",
        ]
        for task, measure in run()
    ]
    return (
        f"{N_LIXELS:,} lixels of {LENGTH_M:g} m, stretches of 400 to 5,000 m, {SIMULATIONS} simulations, 50 "
        f"bootstraps where something is found. Aim {AIM_S} s on two threads. Log-normal lengths and "
        f"risks of routes. Peak RSS of the process in MiB, in brackets before the scan. Median of {RUNS} "
        "runs.\n\n"
        + table(["routes", "windows", "incidents", "null", "threads", "s", "CPU s", "peak MiB"], rows)
    )


def measured(task: Task) -> Measured:
    """Scan a few times; the first run counts like the others, for nothing is compiled."""
    route, mu, y = made(task)
    length_m, windows, before = np.full(len(route), LENGTH_M), 0, peak_rss_mib()
    seconds, cpu_s = [], []
    for _ in range(RUNS):
        start, start_cpu = time.perf_counter(), time.process_time()
        scan = corridor_scan(
            y,
            mu,
            route,
            length_m,
            null_model=task.null_model,
            simulations=SIMULATIONS,
            threads=task.threads,
            rng=np.random.default_rng(1),
        )
        seconds.append(time.perf_counter() - start)
        cpu_s.append(time.process_time() - start_cpu)
        windows = scan.diagnostics["windows"]
    return Measured(median(seconds), median(cpu_s), peak_rss_mib(), before, windows)


def made(task: Task) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return routes, expectations and incidents, with three corridors of 1.6 km at four times the risk."""
    rng = np.random.default_rng(0)
    sizes = 1 + rng.lognormal(task.network.log_median, task.network.log_spread, N_LIXELS).astype(np.int64)
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), N_LIXELS)) + 1]
    route = np.repeat(np.arange(len(sizes)), sizes)[:N_LIXELS]
    mu = rng.lognormal(0, 0.7, len(sizes))[route]
    mu *= task.incidents / mu.sum()
    risks = mu * rng.gamma(1 / task.k, task.k, len(mu)) if task.k else mu.copy()
    for one in np.argsort(-sizes, kind="stable")[:3].tolist():
        first = int(np.flatnonzero(route == one)[0])
        risks[first : first + 20] *= 4
    return route, mu, rng.poisson(risks)


if __name__ == "__main__":
    print(markdown())
