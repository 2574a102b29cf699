"""Priority on 100 thousand cells: the model alone, and a whole run over published analyses.

python -m tests.benchmarks.bench_priority
"""

import json

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from data.duckdb_store import DuckDBStore
from data.store import StoredSnapshot
from models.priority import priority
from models.significance import benjamini_hochberg
from service.snapshots import snapshot, to_blobs
from service.store_use_cases import StoreUseCases
from spatial.grid import Cells, boundaries, cells_at, disk, hex_strings
from tests.benchmarks.timing import interleaved, table

RADIUS = 183  # about 100 thousand cells at resolution 9
N_LAYERS = 5
CORRELATION = 0.3
GAPS = 0.1
RUNS = 5


def made_p(n_cells: int, gaps: float = 0.0) -> NDArray[np.float64]:
    """Return p of layers that correlate; a share of them missing, in every pattern."""
    rng = np.random.default_rng(0)
    matrix = np.full((N_LAYERS, N_LAYERS), CORRELATION) + (1 - CORRELATION) * np.eye(N_LAYERS)
    p = ndtr(-rng.multivariate_normal(np.zeros(N_LAYERS), matrix, n_cells).T)
    return np.where(rng.random(p.shape) < gaps, np.nan, p)


def published(cells: Cells) -> StoreUseCases:
    """Return a store with as many published hotspot analyses as there are layers."""
    store = DuckDBStore()
    names, shapes = hex_strings(cells), boundaries(cells)
    for number, p in enumerate(made_p(len(cells))):
        name = f"layer-{number}"
        classes = np.where(benjamini_hochberg(p) <= 0.05, "hot", "none")
        columns = {"h3": names, "p": p, "class": classes.tolist(), "neighbors": np.full(len(p), 19)}
        emberline = {"run": name, "method": "hotspots", "parameters": {"side": "hot"}, "data_version": 1}
        stamp = "2026-01-01T00:00:00Z"
        wholes = [
            snapshot(name, "responder", [], None, {}, emberline, timestamp=stamp),
            snapshot(f"{name}.cells", "responder", names, shapes, columns, emberline, timestamp=stamp),
        ]
        blobs = [
            {key: one.encode() if isinstance(one, str) else one for key, one in to_blobs(whole).items()}
            for whole in wholes
        ]
        store.save_analysis({"id": name, "method": "hotspots", "inputs": {"layer": "calls"}})
        store.publish(
            name,
            name,
            [
                StoredSnapshot(whole.collection, "responder", name, blob, None)
                for whole, blob in zip(wholes, blobs, strict=True)
            ],
        )
    return StoreUseCases(store, max_cells=5_000_000)


def markdown() -> str:
    """Measure and return the table."""
    cells = disk(cells_at([-111.93], [33.42], 9), RADIUS)
    full, gapped = made_p(len(cells)), made_p(len(cells), GAPS)
    weights = np.ones(N_LAYERS)
    use_cases = published(cells)
    inputs = {"inputs": [f"layer-{number}" for number in range(N_LAYERS)]}
    n_found = len(json.loads(use_cases.execute("priority", inputs))["features"])
    taken = interleaved(
        {
            "model, every layer everywhere": lambda: priority(full, weights, full <= 1e-4),
            "model, a tenth of the evidence missing": lambda: priority(gapped, weights, gapped <= 1e-4),
            "whole run, from published snapshots to GeoJSON": lambda: use_cases.execute("priority", inputs),
        },
        runs=RUNS,
    )
    use_cases.close()
    rows = [[name, f"{one.median_s:.2f}", f"{one.min_s:.2f}"] for name, one in taken.items()]
    return (
        f"{N_LAYERS} layers on {n_found:,} cells: score, contributions, rank and its range over"
        f" {2 * N_LAYERS} sets of weights; median of {RUNS} runs. Aim for the model: about 1 s.\n\n"
        + table(["work", "s", "fastest run, s"], rows)
    )


if __name__ == "__main__":
    print(markdown())
