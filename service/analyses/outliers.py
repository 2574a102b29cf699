"""`outliers`: local Moran of one incident layer, cells that are like their neighbours or odd among them."""

from typing import Any

import numpy as np

from data.store import Store
from models.moran import LocalMoran, local_moran
from service.analyses.findings import Finding, Findings, Progress
from service.analyses.gridded import Grid, gridded
from service.analyses.provenance import emberline_member, timestamp
from service.layer_kinds import incident_layer
from service.parameters import OutliersInputs
from spatial.grid import boundaries, hex_strings
from spatial.neighbors import neighbor_index


def outlier_findings(
    store: Store,
    inputs: OutliersInputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
) -> Findings:
    """High cells among high ones, low among low, and the odd ones: high among low, low among high."""
    layer = incident_layer(store, inputs.layer)
    progress("counting incidents by cell")
    grid = gridded(store, layer, inputs, max_cells)
    progress(f"testing {len(grid.area.cells):,} cells")
    found = local_moran(
        grid.count,
        neighbor_index(grid.area.cells),
        k=inputs.k,
        alpha=inputs.alpha,
        p_method=inputs.p_method,
        simulations=inputs.simulations,
        rng=np.random.default_rng(inputs.seed),
    )
    told = {**grid.diagnostics, **found.diagnostics}
    if inputs.population:
        words = "the population gives the study area alone: cells are judged by numbers, not by risk"
        told["notes"] = [*told["notes"], words]
    emberline = emberline_member("outliers", store, inputs, told)
    finding = _finding(inputs, grid, found)
    return Findings(emberline["run"], emberline, timestamp(store, inputs), {"cells": finding})


def _finding(inputs: OutliersInputs, grid: Grid, found: LocalMoran) -> Finding:
    """Return one feature per cell."""
    keep = found.classes != "none" if inputs.significant else np.ones(len(found.q), dtype=bool)
    cells = grid.area.cells[keep]
    names = hex_strings(cells)
    columns: dict[str, Any] = {
        "h3": names,
        "count": grid.count[keep],
        "ring": found.ring[keep],
        "neighbors": found.neighbors[keep],
        "moran_i": found.moran_i[keep],
        "quadrant": [one or None for one in found.quadrant[keep].tolist()],
        "p": found.p[keep],
        "q": found.q[keep],
        "class": found.classes[keep].tolist(),
        "p_method": [found.p_method] * len(cells),
    }
    return Finding("", "cells", names, boundaries(cells), columns)
