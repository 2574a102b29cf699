"""How often layers at rest pass together, beside combinations that take them for independent.

``python -m tests.studies.priority_calibration`` prints the tables of docs/decisions/0008.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import chi2

from models.hotspots import hotspots
from models.priority import priority
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, disk_sums, neighbor_index
from tests.benchmarks.timing import table

Floats = NDArray[np.float64]

N_CELLS = 3_000
N_MAPS = 200
N_LAYERS = 3
LEVEL = 0.05


def normal_layers(correlation: float) -> Callable[[np.random.Generator], tuple[Floats, float]]:
    """Return a maker of layers at rest whose normal scores correlate; cells are independent."""
    matrix = np.full((N_LAYERS, N_LAYERS), correlation) + (1 - correlation) * np.eye(N_LAYERS)

    def made(rng: np.random.Generator) -> tuple[Floats, float]:
        return ndtr(-rng.multivariate_normal(np.zeros(N_LAYERS), matrix, N_CELLS).T), N_CELLS

    return made


def smooth_layers(index: NeighborIndex, k: int) -> Callable[[np.random.Generator], tuple[Floats, float]]:
    """Return a maker of independent layers of which each is a sum over disks, as Gi* is."""
    size = 1 + 3 * k * (k + 1)

    def made(rng: np.random.Generator) -> tuple[Floats, float]:
        z = np.stack([disk_sums(index, rng.normal(size=len(index)), k) for _ in range(N_LAYERS)])
        spread = np.sqrt(disk_sums(index, np.ones(len(index)), k))
        p: Floats = ndtr(-np.asarray(z / spread, dtype=np.float64))
        return p, len(index) / size

    return made


def sparse_maps(index: NeighborIndex, mean: float) -> Callable[[np.random.Generator], tuple[Floats, float]]:
    """Return a maker of independent Poisson maps with their exact p, all rings combined."""

    def made(rng: np.random.Generator) -> tuple[Floats, float]:
        maps = [rng.poisson(mean, len(index)) for _ in range(N_LAYERS)]
        return np.stack([hotspots(one, index, side="hot", rng=rng).p for one in maps]), len(index) / 19

    return made


def shares(make: Callable[[np.random.Generator], tuple[Floats, float]]) -> list[float]:
    """Return the share of cells at or below the level: priority, Fisher and Stouffer as if independent."""
    rng = np.random.default_rng(0)
    found = np.zeros(3)
    for _ in range(N_MAPS):
        p, n_independent = make(rng)
        ours = priority(p, np.ones(N_LAYERS), p <= 0, n_independent=[n_independent] * N_LAYERS).p
        fisher = chi2.sf(-2 * np.log(np.maximum(p, 1e-300)).sum(axis=0), 2 * N_LAYERS)
        z = -ndtri(np.clip(p, 1e-15, 1 - 1e-9)).sum(axis=0) / np.sqrt(N_LAYERS)
        found += [(one <= LEVEL).mean() for one in (ours, fisher, ndtr(-z))]
    return [float(one) for one in found / N_MAPS]


def markdown() -> str:
    """Return the table of shares."""
    index = neighbor_index(disk(cells_at([-111.93], [33.42], 9), 31))
    cases = {f"normal scores, correlation {r}": normal_layers(r) for r in (0.0, 0.3, 0.6, 0.9, 1.0)}
    cases["independent sums over disks, k = 2"] = smooth_layers(index, 2)
    cases["independent Poisson maps, mean .1, exact p"] = sparse_maps(index, 0.1)
    cases["independent Poisson maps, mean 2, exact p"] = sparse_maps(index, 2.0)
    rows = [[name, *(f"{share:.1%}" for share in shares(make))] for name, make in cases.items()]
    return table(["three layers at rest", "priority", "Fisher", "Stouffer"], rows)


if __name__ == "__main__":
    print(f"Share of cells with a combined p of at most {LEVEL}, {N_MAPS} maps of about {N_CELLS:,} cells.\n")
    print(markdown())
