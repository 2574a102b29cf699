"""Disks of several radii around every cell, and which of them speaks for the cell."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.getis_ord import kernel_weights
from spatial.neighbors import NeighborIndex, disk_sizes, disk_sums, full_disk_sizes, ring_sums

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scale:
    """Disks of one radius: sums, sizes, cells by ring and weights of the rings; one "ring" if uniform."""

    k: int
    sums: NDArray[Any]
    sizes: NDArray[np.int32]
    ring_sizes: NDArray[np.integer]
    weights: Floats


def scale_of(index: NeighborIndex, x: NDArray[Any], k: int, kernel: str) -> Scale:
    """Return the disks of radius k around every cell, with the values in them."""
    sizes = disk_sizes(index, k)
    if kernel == "uniform":
        return Scale(k, disk_sums(index, x, k), sizes, sizes[None, :], np.ones(1))
    weights = kernel_weights(kernel, k)
    ring_sizes = ring_sums(index, np.ones(len(x), dtype=np.int64), k).astype(np.int64, copy=False)
    return Scale(k, weights @ ring_sums(index, x, k), sizes, ring_sizes, weights)


def edge_of(index: NeighborIndex, scale: Scale) -> Mask:
    """Return whether a cell of the full disk lies outside the study area."""
    return scale.sizes < full_disk_sizes(index, scale.k)


def best_scale(judged: list[Floats]) -> NDArray[np.int8]:
    """Return which scale has the smallest p, the first of equals; NaN never wins over a number."""
    best = np.zeros(len(judged[0]), dtype=np.int8)
    smallest = judged[0]
    for number, p in enumerate(judged[1:], start=1):
        best[(p < smallest) | (np.isnan(smallest) & ~np.isnan(p))] = number
        smallest = np.fmin(smallest, p)
    return best


def of_best(arrays: list[Any], best: NDArray[np.int8]) -> Any:
    """Return for every cell the entry of its best scale."""
    chosen = arrays[0]
    for number, array in enumerate(arrays[1:], start=1):
        chosen = np.where(best == number, array, chosen)
    return chosen
