"""Roads to a network, routes and lixels; spaghetti on a small network beside it.

EMBERLINE_SPAGHETTI=/path/to/python python -m tests.benchmarks.bench_network

spaghetti runs where the variable names a Python that has it: it pulls in what the service does not need.
"""

import os
import subprocess
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import geopandas
import numpy as np
import shapely

from spatial.network.build import network_of
from spatial.network.lixels import lixels_of
from spatial.network.parts import RoadLines
from spatial.network.routes import routes_of
from tests.benchmarks.timing import peak_rss_mib, table

SIZES = (10_000, 50_000)
COMPARED = 10_000
PEER_LIMIT_S = 60
RUNS = 3
AIM_S = 10
PEER = """
import sys, time, warnings
import geopandas, spaghetti
warnings.simplefilter("ignore")
lines = geopandas.read_file(sys.argv[1])
begun = time.perf_counter()
spaghetti.Network(in_data=lines)
print(time.perf_counter() - begun)
"""
BLOCK_M = 110.0


def made_city(n_lines: int) -> RoadLines:
    """Return crooked blocks with about so many lines.

    Every eighth avenue is divided, one junction in a hundred is a roundabout, four ends in ten lie inside
    another line, one line in two hundred is a bridge over a street that goes on below.
    """
    rng = np.random.default_rng(0)
    side = round(np.sqrt(n_lines / 1.55))
    x, y = np.meshgrid(np.arange(side) * BLOCK_M, np.arange(side) * BLOCK_M)
    place = np.stack([x, y], axis=2) + rng.normal(0, 4, (side, side, 2))
    lines: list[shapely.LineString] = []
    names: list[str | None] = []
    oneway: list[int] = []
    level: list[int] = []
    for row in range(side):
        is_divided = row % 8 == 0
        for shift, way in ((-8.0, 1), (8.0, -1)) if is_divided else ((0.0, 0),):
            corners = place[row] + np.array([0.0, shift])
            # A line of two blocks leaves an end of each cross street inside it.
            for first in range(0, side - 1, 2):
                lines.append(_crooked(corners[first : first + 3], rng))
                names.append(f"{row} Avenue")
                oneway.append(way)
                level.append(0)
    for column in range(side):
        for first in range(side - 1):
            lines.append(_crooked(place[first : first + 2, column], rng))
            names.append(f"{column} Street" if rng.random() < 0.6 else None)
            oneway.append(0)
            level.append(int(rng.random() < 0.005))
    centres = place[rng.random((side, side)) < 0.01]
    angle = np.linspace(0, 2 * np.pi, 13)
    circle = 14 * np.column_stack([np.cos(angle), np.sin(angle)])
    circle[-1] = circle[0]
    rings = [shapely.LineString(centre + circle) for centre in centres]
    n, n_rings = len(lines) + len(rings), len(rings)
    line = np.empty(n, dtype=object)
    line[:] = lines + rings
    return RoadLines(
        line=line,
        name=np.array(names + [None] * n_rings, dtype=object),
        road_class=np.full(n, "residential", dtype=object),
        oneway=np.array(oneway + [1] * n_rings, dtype=np.int8),
        level=np.array(level + [0] * n_rings, dtype=np.int16),
        is_roundabout=np.arange(n) >= len(lines),
        aadt=np.full(n, np.nan),
    )


def _crooked(corners: np.ndarray, rng: np.random.Generator) -> shapely.LineString:
    """Return a line through the corners with two bends between each two."""
    parts = []
    for start, end in pairwise(corners):
        bends = start + np.array([[0.33], [0.67]]) * (end - start) + rng.normal(0, 1.5, (2, 2))
        parts += [start[None], bends]
    return shapely.LineString(np.concatenate([*parts, corners[-1:]]))


def markdown() -> str:
    """Return the measurements as tables."""
    rows = [row for n in SIZES for row in _rows(n)]
    head = ("lines", "step", "gives", "clock s", "processor s", "peak RSS, MiB")
    return (
        "Roads cut at junctions, roundabouts and divided roads folded, strung into routes and lixels of "
        f"80 m; made streets, four in ten ends inside another line. Median of {RUNS} runs; aim {AIM_S} s for "
        "50,000 lines.\n\n"
        + table(head, rows)
        + "\n"
        + _beside_spaghetti(os.environ.get("EMBERLINE_SPAGHETTI"))
    )


def _rows(n_lines: int) -> list[list[str]]:
    roads = made_city(n_lines)
    clock, cpu = np.zeros((RUNS, 3)), np.zeros((RUNS, 3))
    for run in range(RUNS):
        marks = [(time.perf_counter(), time.process_time())]
        network = network_of(roads)
        marks.append((time.perf_counter(), time.process_time()))
        routes = routes_of(network)
        marks.append((time.perf_counter(), time.process_time()))
        lixels = lixels_of(network, routes)
        marks.append((time.perf_counter(), time.process_time()))
        clock[run], cpu[run] = np.diff(np.array(marks), axis=0).T
    gives = [
        f"{len(network.line):,} edges",
        f"{len(routes.length_m):,} routes",
        f"{len(lixels.route):,} lixels",
    ]
    steps = [*zip(("network", "routes", "lixels"), gives, np.arange(3)[:, None], strict=True)]
    steps.append(("all three", "", np.arange(3)))
    count, peak = f"{len(roads.line):,}", f"{peak_rss_mib():,.0f}"
    return [
        [count, step, what, *(f"{median(seconds[:, at].sum(axis=1)):.2f}" for seconds in (clock, cpu)), peak]
        for step, what, at in steps
    ]


def _beside_spaghetti(python: str | None) -> str:
    if python is None:
        return "spaghetti was not run (EMBERLINE_SPAGHETTI names no Python that has it).\n"
    roads = made_city(COMPARED)
    begun = time.perf_counter()
    network = network_of(roads)
    ours = time.perf_counter() - begun
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "given.gpkg"
        # It needs lines that are cut already: it is given ours.
        geopandas.GeoDataFrame(geometry=network.line, crs=32612).to_file(given)
        theirs = _peer_seconds(python, given)
    rows = [
        ["Emberline", f"{len(roads.line):,}", "cut, folded, built", f"{ours:.1f}"],
        ["spaghetti", f"{len(network.line):,}", "built of lines cut already", theirs],
    ]
    return table(("way", "lines", "what", "s"), rows)


def _peer_seconds(python: str, given: Path) -> str:
    command = [python, "-c", PEER, str(given)]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PEER_LIMIT_S)
    except subprocess.TimeoutExpired:
        return f"more than {PEER_LIMIT_S}"
    return f"{float(done.stdout):.1f}"


if __name__ == "__main__":
    print(markdown())
