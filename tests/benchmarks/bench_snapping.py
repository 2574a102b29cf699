"""A million points to the streets they belong to, beside the nearest line by a tree.

python -m tests.benchmarks.bench_snapping
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import shapely

from spatial.network.lixels import lixels_of
from spatial.network.parts import Network
from spatial.network.routes import routes_of
from spatial.network.snapping import snapped
from tests.benchmarks.timing import peak_rss_mib, table
from tests.spatial.network.made_networks import grid_roads, network_from

N_POINTS = 1_000_000
SIDE = 159  # a grid of this many streets each way has 50 thousand blocks
SPREAD_M = 5.0
STACKED = 0.21
RUNS = 3


def town() -> Network:
    """Return a grid of about 50 thousand blocks of 110 m, each bent twice."""
    roads = grid_roads(SIDE, SIDE, 110.0)
    rng = np.random.default_rng(0)
    corners = shapely.get_coordinates(shapely.line_interpolate_point(roads.line, 1 / 3, normalized=True))
    others = shapely.get_coordinates(shapely.line_interpolate_point(roads.line, 2 / 3, normalized=True))
    shape = (len(roads.line), 2)
    ends = shapely.get_coordinates(roads.line).reshape(-1, 2, 2)
    bent = np.stack(
        [ends[:, 0], corners + rng.normal(0, 2, shape), others + rng.normal(0, 2, shape), ends[:, 1]], axis=1
    )
    roads.line[:] = shapely.linestrings(bent)
    return network_from(roads)


def crashes(network: Network, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return places near streets, a fifth of them in stacks at junctions, and the street of each."""
    rng = np.random.default_rng(1)
    edge = rng.integers(len(network.line), size=n)
    at = shapely.line_interpolate_point(network.line[edge], rng.random(n), normalized=True)
    xy = shapely.get_coordinates(at) + rng.normal(0, SPREAD_M, (n, 2))
    stacked = rng.random(n) < STACKED
    node = network.start[edge[stacked]]
    xy[stacked] = np.column_stack([network.node_x[node], network.node_y[node]])
    return xy[:, 0], xy[:, 1], network.roads.name[network.road[edge]]


def markdown() -> str:
    """Return the measurements as a table."""
    network = town()
    routes, routes_s = _timed(lambda: routes_of(network))
    lixels, lixels_s = _timed(lambda: lixels_of(network, routes))
    x, y, street = crashes(network, N_POINTS)
    bare, bare_s = _timed(lambda: snapped(network, routes, lixels, x, y))
    told, told_s = _timed(lambda: snapped(network, routes, lixels, x, y, street=street))
    peak = peak_rss_mib()
    _, tree_s = _timed(lambda: _by_tree(network, x, y), 1)
    rows = [
        ["edges to routes", f"{len(network.line):,} edges", f"{routes_s:.2f}", ""],
        ["routes to pieces of 80 m", f"{len(lixels.route):,} pieces", f"{lixels_s:.2f}", ""],
        ["points to routes", f"{N_POINTS:,} points", f"{bare_s:.2f}", f"{bare.is_ambiguous.mean():.3f}"],
        ["with reported streets", f"{N_POINTS:,} points", f"{told_s:.2f}", f"{told.is_ambiguous.mean():.3f}"],
        ["shapely's tree, nearest line alone", f"{N_POINTS:,} points", f"{tree_s:.2f}", ""],
    ]
    return (
        f"{len(network.line):,} edges of three straight parts, tolerance 25 m, positions shaken by"
        f" {SPREAD_M:.0f} m, {STACKED:.0%} of the points in stacks at junctions. Median of {RUNS} runs (of"
        f" the tree one, points sorted by place). Largest memory before the tree: {peak:,.0f} MiB.\n\n"
        + table(("work", "of", "s", "ambiguous"), rows)
    )


def _by_tree(network: Network, x: np.ndarray, y: np.ndarray) -> Any:
    order = np.lexsort((x // 200, y // 200))
    points = shapely.points(x[order], y[order])
    return shapely.STRtree(network.line).query_nearest(points, max_distance=25.0, all_matches=False)


def _timed(work: Callable[[], Any], runs: int = RUNS) -> tuple[Any, float]:
    """Return the answer and the median of seconds."""
    taken, answer = [], None
    for _ in range(runs):
        start = time.perf_counter()
        answer = work()
        taken.append(time.perf_counter() - start)
    return answer, median(taken)


if __name__ == "__main__":
    print(markdown())
