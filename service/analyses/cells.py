"""`cells`: the joined table, one row per cell of the study area."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data.engine import CellCounts, cell_counts
from data.store import Layer, Store
from service.analyses.findings import Finding, Findings, Progress
from service.analyses.gridded import gridded, whole_numbers
from service.analyses.provenance import emberline_member, timestamp
from service.layer_kinds import incident_layer
from service.parameters import CellsInputs
from service.population import population_on
from spatial.grid import boundaries, hex_strings


def cells_findings(
    store: Store,
    inputs: CellsInputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
) -> Findings:
    """Return the joined table: for each cell of the study area the incidents in all and by category."""
    layer = incident_layer(store, inputs.layer)
    progress("counting incidents by cell and category")
    grid = gridded(store, layer, inputs, max_cells)
    by_category = cell_counts(
        store, layer, inputs.resolution, grid.selection, measures=("weight",), group="category"
    )
    people = population_on(store, inputs.population, grid.area) if inputs.population else None
    columns: dict[str, Any] = {
        "h3": hex_strings(grid.area.cells),
        "population": np.full(len(grid.area.cells), np.nan) if people is None else people.people,
        f"n_{layer.id}": grid.count,
        **_category_columns(layer, grid.area.cells, by_category),
    }
    told = grid.diagnostics if people is None else {**grid.diagnostics, **people.diagnostics}
    emberline = emberline_member("cells", store, inputs, told)
    finding = Finding("", "Cells", columns["h3"], boundaries(grid.area.cells), columns)
    return Findings(emberline["run"], emberline, timestamp(store, inputs), {"cells": finding})


def _category_columns(
    layer: Layer, cells: npt.NDArray[np.uint64], counts: CellCounts, top: int = 100
) -> dict[str, npt.NDArray[np.float64]]:
    """Return one column per category, the commonest first."""
    if counts.weight is None or counts.group is None:
        return {}
    labels = pa.array(counts.group).dictionary_encode()
    codes = labels.indices.fill_null(-1).to_numpy()
    words = labels.dictionary.to_pylist()
    total = np.bincount(codes[codes >= 0], counts.weight[codes >= 0], len(words))
    columns = {}
    for code in sorted(range(len(words)), key=lambda code: (-total[code], words[code]))[:top]:
        mine = codes == code
        place = np.minimum(np.searchsorted(cells, counts.cell[mine]), len(cells) - 1)
        inside = cells[place] == counts.cell[mine]
        values = np.zeros(len(cells))
        values[place[inside]] = counts.weight[mine][inside]
        columns[f"n_{layer.id}.{words[code]}"] = whole_numbers(values)
    return columns
