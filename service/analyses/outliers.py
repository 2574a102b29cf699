"""`outliers`: local Moran of one incident layer, cells that are like their neighbours or odd among them.

Of counts; with a population of rates.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from data.store import Store
from models.errors import InvalidParameter
from models.moran import LocalMoran, local_moran
from models.moran_rates import P_METHOD as P_OF_RATES
from models.moran_rates import RateMoran, local_moran_rates
from models.rates import empirical_bayes
from service.analyses.carried import advice_on_resolution, edge_of_area
from service.analyses.findings import Finding, Findings, Progress
from service.analyses.gridded import Grid, gridded, rate_of, with_people
from service.analyses.provenance import emberline_member, timestamp
from service.layer_kinds import incident_layer
from service.parameters import OutliersInputs
from spatial.grid import boundaries, hex_strings
from spatial.neighbors import NeighborIndex, neighbor_index

Floats = npt.NDArray[np.float64]

#: What a population adds to every cell.
_OF_RATES = ("expected", "rate", "rate_eb", "relative_risk", "relative_risk_around")


def outlier_findings(
    store: Store,
    inputs: OutliersInputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
) -> Findings:
    """High cells among high ones, low among low, and the odd ones: high among low, low among high."""
    _check_method(inputs)
    layer = incident_layer(store, inputs.layer)
    progress("counting incidents by cell")
    grid, people = with_people(store, inputs, gridded(store, layer, inputs, max_cells))
    progress(f"testing {len(grid.area.cells):,} cells")
    index = neighbor_index(grid.area.cells)
    if people is None:
        found, rates = _of_counts(inputs, grid, index), dict.fromkeys(_OF_RATES, _nothing(grid))
    else:
        judged = local_moran_rates(grid.count, people.people, index, k=inputs.k, alpha=inputs.alpha)
        found, rates = judged.moran, _rates(grid, people.people, judged)
    advice = advice_on_resolution(
        store,
        layer,
        inputs,
        grid.area,
        grid.selection,
        side="both",
        p_method=found.p_method,
        phi=found.diagnostics.get("phi"),
    )
    told = {
        **grid.diagnostics,
        **found.diagnostics,
        **edge_of_area(index, found.diagnostics["rings"]),
        "resolution_advice": advice,
    }
    emberline = emberline_member("outliers", store, inputs, told)
    finding = _finding(inputs, grid, found, rates)
    return Findings(emberline["run"], emberline, timestamp(store, inputs), {"cells": finding})


def _check_method(inputs: OutliersInputs) -> None:
    """Refuse a null that does not fit: with a population cells are unlike, without one there is no rate."""
    if inputs.population and inputs.p_method not in ("auto", P_OF_RATES):
        raise InvalidParameter(
            f"p_method={inputs.p_method} takes all cells for alike, which a population says they are not;"
            f" choose auto or {P_OF_RATES}"
        )
    if not inputs.population and inputs.p_method == P_OF_RATES:
        raise InvalidParameter(
            f"p_method={P_OF_RATES} needs a denominator (population), got none; choose auto, exact or"
            " monte-carlo"
        )


def _of_counts(inputs: OutliersInputs, grid: Grid, index: NeighborIndex) -> LocalMoran:
    return local_moran(
        grid.count,
        index,
        k=inputs.k,
        alpha=inputs.alpha,
        p_method=inputs.p_method,
        simulations=inputs.simulations,
        rng=np.random.default_rng(inputs.seed),
    )


def _nothing(grid: Grid) -> Floats:
    return np.full(len(grid.count), np.nan)


def _rates(grid: Grid, people: Floats, judged: RateMoran) -> dict[str, Floats]:
    return {
        "expected": judged.expected,
        "rate": rate_of(grid.count, people),
        "rate_eb": empirical_bayes(grid.count, people).rate,
        "relative_risk": judged.relative_risk,
        "relative_risk_around": judged.relative_risk_around,
    }


def _finding(inputs: OutliersInputs, grid: Grid, found: LocalMoran, rates: dict[str, Floats]) -> Finding:
    """Return one feature per cell."""
    keep = found.classes != "none" if inputs.significant else np.ones(len(found.q), dtype=bool)
    cells = grid.area.cells[keep]
    names = hex_strings(cells)
    columns: dict[str, Any] = {
        "h3": names,
        "count": grid.count[keep],
        **{name: values[keep] for name, values in rates.items()},
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
