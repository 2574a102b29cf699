"""What `cells` shows beside incidents: the state of the wastewater and the unserved homes of every cell."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from data.store import Store
from service.analyses.findings import Progress
from service.analyses.surveillance import surveillance_findings
from service.coverage.cells import SUPPORT_WORDS, cell_amounts, grid_diagnostics, laid
from service.coverage.sources import coverage_sources
from service.parameters import CellsInputs, GapsInputs, SurveillanceInputs
from spatial.grid import Cells
from spatial.overlaps import overlaps
from spatial.study_area import StudyArea

Columns = dict[str, Any]
Told = dict[str, Any]


def wastewater_columns(
    store: Store, inputs: CellsInputs, area: StudyArea, progress: Progress
) -> tuple[Columns, Told]:
    """Return the sewershed of every cell, and for each analyte its activity level and state there.

    A cell belongs to the sewershed that covers most of it; nothing is interpolated.
    """
    asked = SurveillanceInputs(
        layer=str(inputs.samples),
        sewersheds=inputs.sewersheds,
        analyte=inputs.analyte,
        datetime=inputs.datetime,
    )
    found = surveillance_findings(store, asked, max_cells=len(area.cells), only="alerts", progress=progress)
    finding = found.collections["alerts"]
    names = np.array([*finding.columns["sewershed"], ""], dtype=object)[:-1]
    keys, first = np.unique(names.astype(str), return_index=True)
    shapes = np.asarray(finding.geometries, dtype=object)[first]
    owner = overlaps(shapes, area.cells).covering()
    columns: Columns = {"sewershed": [str(keys[row]) if row >= 0 else None for row in owner.tolist()]}
    analytes = _objects(finding.columns["analyte"])
    level, state = _numbers(finding.columns["activity_level"]), _objects(finding.columns["state"])
    for analyte in sorted({one for one in analytes.tolist() if one is not None}):
        rows = np.flatnonzero(analytes == analyte)
        row_of = dict(zip(names[rows].tolist(), rows.tolist(), strict=True))
        place = np.array([row_of.get(one, -1) for one in columns["sewershed"]], dtype=np.int64)
        columns[f"{analyte}_level"] = np.where(place >= 0, level[place], np.nan)
        columns[f"{analyte}_state"] = pa.array(state[place], pa.string(), mask=place < 0)
    told = {
        "sewersheds": len(keys),
        "sewersheds_without_polygon": int(shapely.is_missing(shapes).sum()),
        "cells_outside_sewersheds": int((owner < 0).sum()),
        "states": found.emberline["diagnostics"]["states"],
        "notes": found.emberline["diagnostics"]["notes"],
    }
    return columns, {"wastewater": told}


def coverage_area(store: Store, inputs: CellsInputs, max_cells: int) -> StudyArea:
    """Return the cells of the coverage layer."""
    asked = _gaps_inputs(inputs)
    return laid(store, coverage_sources(store, asked), asked, max_cells).area


def coverage_columns(
    store: Store, inputs: CellsInputs, area: StudyArea, max_cells: int
) -> tuple[Columns, Told]:
    """Return locations, unserved and underserved of every cell, and how finely they are known."""
    asked = _gaps_inputs(inputs)
    sources = coverage_sources(store, asked)
    on = laid(store, sources, asked, max_cells)
    amounts = cell_amounts(sources, on)
    row = _rows(on.area.cells, area.cells)
    has = row >= 0

    def looked_up(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.where(has, values[row], np.nan)

    columns: Columns = {
        "locations": looked_up(amounts.locations),
        "unserved": looked_up(amounts.unserved),
        "underserved": looked_up(amounts.underserved),
        "share_unserved": looked_up(amounts.share),
        "coverage_support": pa.array(SUPPORT_WORDS[amounts.support[row]], pa.string(), mask=~has),
    }
    outside = np.ones(len(on.area.cells), dtype=bool)
    outside[row[has]] = False
    told, notes = grid_diagnostics(sources, on)
    told["locations_outside_study_area"] += float(np.nansum(amounts.locations[outside]))
    return columns, {"coverage": {**sources.diagnostics, **told, "notes": [*sources.notes, *notes]}}


def _gaps_inputs(inputs: CellsInputs) -> GapsInputs:
    return GapsInputs(
        layer=str(inputs.coverage),
        resolution=inputs.resolution,
        boundary=inputs.boundary,
        bbox=inputs.bbox,
        areas=inputs.areas,
        locations=inputs.locations,
        rules=inputs.rules,
    )


def _rows(among: Cells, sought: Cells) -> npt.NDArray[np.int64]:
    """Return where each sought cell stands among sorted cells, -1 where it does not."""
    if not len(among):
        return np.full(len(sought), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(among, sought), len(among) - 1)
    return np.where(among[place] == sought, place, -1)


def _objects(values: Any) -> npt.NDArray[np.object_]:
    listed = values.to_pylist() if isinstance(values, pa.Array) else list(values)
    return np.array([*listed, None], dtype=object)[:-1]


def _numbers(values: Any) -> npt.NDArray[np.float64]:
    return np.array([np.nan if one is None else float(one) for one in _objects(values)], dtype=np.float64)
