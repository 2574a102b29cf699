"""All benchmarks, written to docs/benchmarks.md with machine and date: `make bench`."""

import argparse
import os
import platform
from datetime import UTC, datetime
from importlib import import_module, metadata
from pathlib import Path

PARTS = {
    "bench_ingest": "Ingest",
    "bench_availability": "Availability files to cells",
    "bench_engine": "Incidents to cells",
    "bench_hotspots": "Cells to z, p and q",
    "bench_emerging": "Emerging hotspots and local Moran",
    "bench_refresh": "A published emerging analysis, one week later",
    "bench_scan": "Scan and near repeats",
    "bench_corridors": "Corridor scan",
    "bench_network": "Roads to network, routes and lixels",
    "bench_items": "Items over HTTP",
    "bench_interpolate": "Polygons to cells",
    "bench_cells": "The joined cells table",
    "bench_priority": "Priority",
    "bench_snapping": "Points to streets",
}
PACKAGES = ("duckdb", "ibis-framework", "numpy", "scipy", "esda", "libpysal", "tobler", "fastapi", "uvicorn")


def head() -> str:
    """Return what the figures were measured on."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        "# Benchmarks\n\n"
        f"Measured {datetime.now(UTC):%Y-%m-%d} by `make bench` on {os.cpu_count()} shared cores"
        f" ({platform.machine()}), {memory_gib:.0f} GiB, Python {platform.python_version()}; {versions}.\n"
        "Contenders run in turn in one process; figures are medians. Absolute times move with the machine\n"
        "by a factor of two, ratios less.\n\n"
    )


def main() -> None:
    """Run every part and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks.md"))
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    pages = []
    for part in options.only:
        print(f"{part} …", flush=True)
        page = import_module(f"tests.benchmarks.{part}").markdown()
        print(page, flush=True)
        pages.append(page if page.startswith("## ") else f"## {PARTS[part]}\n\n{page}")
    options.out.write_text(head() + "\n".join(page.rstrip("\n") + "\n" for page in pages), encoding="utf-8")


if __name__ == "__main__":
    main()
