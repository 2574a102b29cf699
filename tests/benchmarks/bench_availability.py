"""Availability files to cells: the whole `emberline ingest` process, its speed and its largest memory.

`python -m tests.benchmarks.bench_availability --rows 20000000` is the size of a large state's files together.
"""

import argparse
import tempfile
import time
from pathlib import Path

from data.coverage_offers import LocationOffers
from data.readers.availability import read_offers
from data.readers.availability_files import availability_files
from tests.benchmarks.made_availability import write_availability
from tests.benchmarks.timing import table
from tests.contract.installed import emberline

ROWS = 2_000_000

#: What a file of 20 million rows must reach.
AIM_ROWS_PER_S = 300_000
AIM_RSS_MB = 1_610


def markdown(rows: int = ROWS) -> str:
    """Measure and return the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bdc.csv"
        n_locations = write_availability(path, rows)
        megabytes = path.stat().st_size / 1e6
        order = ("--layer", "bdc", "--kind", "coverage", "--store", "duckdb:///bench.duckdb")
        run = emberline(Path(folder), "ingest", str(path), *order)
        wall_s, cpu_s = aggregated(path)
    lines = [
        ["`emberline ingest`", *_speed(rows, run.seconds, run.cpu_s), f"{run.peak_mb:,.0f}"],
        ["reading and aggregating alone", *_speed(rows, wall_s, cpu_s), "–"],
    ]
    head = ["way", "s", f"rows/s (aim {AIM_ROWS_PER_S:,})", "CPU s", "rows per CPU s"]
    note = (
        f"\n{rows:,} made rows ({megabytes:,.0f} MB, three of eight brand names with commas that nobody"
        f" quoted) of about {n_locations:,} locations, to cells under four sets of rules: {run.lines[-1]}."
        " The first way is the whole process, its start included.\n"
    )
    return table([*head, f"peak MB (aim {AIM_RSS_MB:,})"], lines) + note


def aggregated(path: Path) -> tuple[float, float]:
    """Read the file and count its locations by cell, in this process; return wall and processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    [file] = availability_files(path)
    found = LocationOffers()
    with path.open("rb") as stream:
        stream.readline()
        for offers, _, _ in read_offers(stream, file.layout, path.name):
            found.add(offers)
    found.counts()
    return time.perf_counter() - wall, time.process_time() - cpu


def _speed(rows: int, wall_s: float, cpu_s: float) -> list[str]:
    return [f"{wall_s:.1f}", f"{rows / wall_s:,.0f}", f"{cpu_s:.1f}", f"{rows / cpu_s:,.0f}"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    print(markdown(parser.parse_args().rows))
