"""Networks of straight roads for the density: nodes and edges as given, one route to an edge."""

import numpy as np
import shapely
from numpy.typing import ArrayLike

from spatial.network.parts import Lixels, Network, RoadLines, Routes


def made(
    node_x: ArrayLike, node_y: ArrayLike, start: ArrayLike, end: ArrayLike, *, lixel_m: float
) -> tuple[Network, Routes, Lixels]:
    """Return the network of straight edges between nodes, one route to an edge, in about equal lixels."""
    x, y = np.asarray(node_x, dtype=float), np.asarray(node_y, dtype=float)
    a, b = np.asarray(start, dtype=np.int64), np.asarray(end, dtype=np.int64)
    n = len(a)
    corners = np.stack([np.column_stack([x[a], y[a]]), np.column_stack([x[b], y[b]])], axis=1)
    line = np.asarray(shapely.linestrings(corners), dtype=object)
    length = np.hypot(x[a] - x[b], y[a] - y[b])
    word, unknown = np.full(n, "residential", dtype=object), np.full(n, np.nan)
    none, no = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool)
    roads = RoadLines(line, np.full(n, None), word, none.astype(np.int8), none.astype(np.int16), no, unknown)
    network = Network(
        x, y, a, b, line, length, np.arange(n), none, line[:0], none[:0], none[:0], no, unknown, roads
    )
    routes = Routes(np.arange(n), no, np.arange(n), np.zeros(n), length, np.full(n, None), word, no)
    return network, routes, lixels_along(routes, lixel_m)


def lixels_along(routes: Routes, lixel_m: float) -> Lixels:
    """Return equal pieces of every route; only what a density needs to know of them is filled in."""
    n_each = np.maximum(1, np.rint(routes.length_m / lixel_m)).astype(np.int64)
    route = np.repeat(np.arange(len(n_each)), n_each)
    step = np.arange(len(route)) - (np.cumsum(n_each) - n_each)[route]
    size = routes.length_m[route] / n_each[route]
    unknown = np.full(len(route), np.nan)
    word = np.full(len(route), "residential", dtype=object)
    return Lixels(route, step * size, (step + 1) * size, unknown, unknown, word, unknown, unknown)


def star(n_arms: int, arm_m: float, *, lixel_m: float) -> tuple[Network, Routes, Lixels]:
    """Return arms that all start at one junction."""
    angle = 2 * np.pi * np.arange(n_arms) / n_arms
    node_x = np.concatenate([[0.0], arm_m * np.cos(angle)])
    node_y = np.concatenate([[0.0], arm_m * np.sin(angle)])
    return made(node_x, node_y, np.zeros(n_arms), 1 + np.arange(n_arms), lixel_m=lixel_m)


def grid(n: int, block_m: float, *, lixel_m: float) -> tuple[Network, Routes, Lixels]:
    """Return a square grid of n by n junctions."""
    index = np.arange(n * n).reshape(n, n)
    start = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    end = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    return made(block_m * (index % n).ravel(), block_m * (index // n).ravel(), start, end, lixel_m=lixel_m)
