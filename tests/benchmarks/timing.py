"""Timing for benchmarks: medians of interleaved runs, so that a drifting machine moves both sides alike."""

import gc
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Seconds of one contender: median and minimum of its runs."""

    median_s: float
    min_s: float


def interleaved(contenders: dict[str, Callable[[], object]], runs: int = 5) -> dict[str, Timing]:
    """Time the contenders in turn, A B A B …, after one run of each that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for name, work in contenders.items():
        work()
        del name
    for _ in range(runs):
        for name, work in contenders.items():
            gc.collect()
            start = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - start)
    return {name: Timing(statistics.median(all_), min(all_)) for name, all_ in taken.items()}


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def peak_rss_mib() -> float:
    """Return the largest memory that this process has held so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
