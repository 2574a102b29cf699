"""`priority`: what several published analyses say of the same cells, put together."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from data.store import Store
from models.priority import MAX_EVIDENCE, Priority, priority
from service.analyses.evidence import CellEvidence, Evidence, evidence_of, fault_of, on_cells
from service.analyses.findings import Finding, Findings, Progress
from service.analyses.gridded import boundary_outline
from service.analyses.provenance import Published, emberline_member, published_of, timestamp
from service.errors import InvalidInputs
from service.parameters import PriorityInputs
from spatial.errors import EmptyStudyArea, TooManyCells
from spatial.grid import Cells, boundaries, children, hex_strings, n_children, parents
from spatial.study_area import StudyArea, study_area_cut, study_area_from_polygon

_SCALE = (
    "score 0: no layer shows anything; 50: chance alone would show as much in one place of 1,000; 75: in one"
    " of a million. Contributions add up to the score. Evidence is -log10 p, at most"
    f" {MAX_EVIDENCE:g} for a layer."
)
_RANGE = "rank_low and rank_high: best and worst rank as each weight in turn is halved and doubled"
# Fewer independent places than this leave it open how alike two layers are.
_FEW_PLACES = 30
# Correlations above this are worth a sentence: the layers say much of the same.
_ALIKE = 0.7


@dataclass(frozen=True)
class _Layer:
    """One input: its role and weight, the analysis behind it, what that says, and what it says by cell."""

    role: str
    weight: float
    published: Published
    evidence: Evidence


def priority_findings(
    store: Store,
    inputs: PriorityInputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
) -> Findings:
    """One feature per cell: score, rank and its range, contributions, agreement."""
    published = {one.id: one for one in published_of(store, inputs)}
    _require_usable(store, inputs)
    progress("reading the published analyses")
    layers = [
        _Layer(role, inputs.weight_of(role), published[name], _evidence(store, published[name]))
        for role, name in sorted(inputs.inputs.items())
        if inputs.weight_of(role) > 0
    ]
    area = _study_area(store, layers, inputs, max_cells)
    progress(f"putting {len(layers)} layers together on {len(area.cells):,} cells")
    placed = [on_cells(layer.evidence, area.cells) for layer in layers]
    found = priority(
        np.stack([one.p for one in placed]),
        [layer.weight for layer in layers],
        np.stack([one.significant for one in placed]),
        n_independent=[one.n_independent for one in placed],
    )
    told = _diagnostics(inputs, area, layers, placed, found)
    emberline = emberline_member("priority", store, inputs, told)
    finding = _finding(inputs, area, layers, placed, found)
    return Findings(emberline["run"], emberline, timestamp(store, inputs), {"cells": finding})


def _require_usable(store: Store, inputs: PriorityInputs) -> None:
    """Refuse analyses that have no evidence to give, all of them at once."""
    definitions = {one.id: one.definition for one in store.analyses()}
    faults = [
        f"{name!r} {fault}"
        for name in sorted(set(inputs.analyses()))
        if (fault := fault_of(definitions[name]))
    ]
    if faults:
        raise InvalidInputs(
            f"inputs: {'; '.join(faults)}", [{"field": "inputs", "detail": fault} for fault in faults]
        )


def _evidence(store: Store, published: Published) -> Evidence:
    return evidence_of(store, published.id, published.method, published.run)


def _study_area(store: Store, layers: list[_Layer], inputs: PriorityInputs, max_cells: int) -> StudyArea:
    """Return the boundary's cells, else all cells that any of the layers is about."""
    if inputs.boundary:
        outline = boundary_outline(store, inputs.boundary)
        area = study_area_from_polygon(outline, inputs.resolution, max_cells)
    else:
        parts = [_cells_of(layer.evidence, inputs.resolution, max_cells) for layer in layers]
        area = StudyArea(np.unique(np.concatenate(parts)), inputs.resolution, "inputs")
        if not len(area.cells):
            raise EmptyStudyArea("the inputs cover no cell of this resolution; a finer one may fit")
        if len(area.cells) > max_cells:
            raise _too_many(len(area.cells), inputs.resolution, max_cells)
    return study_area_cut(area, inputs.bbox) if inputs.bbox else area


def _cells_of(evidence: Evidence, resolution: int, max_cells: int) -> Cells:
    """Return the cells that the evidence is about."""
    if evidence.shapes is not None:
        outline = shapely.union_all(evidence.shapes)
        try:
            return study_area_from_polygon(outline, resolution, max_cells).cells
        except EmptyStudyArea:
            return np.empty(0, dtype=np.uint64)
    own = evidence.resolution
    if own is None or evidence.cells is None:
        return np.empty(0, dtype=np.uint64)
    if own >= resolution:
        return np.unique(parents(evidence.cells, resolution))
    if (n := n_children(evidence.cells, resolution)) > max_cells:
        raise _too_many(n, resolution, max_cells)
    return children(evidence.cells, resolution)


def _too_many(n: int, resolution: int, max_cells: int) -> TooManyCells:
    coarser = max(0, resolution - int(np.ceil(np.log(n / max_cells) / np.log(7))))
    return TooManyCells(
        f"the inputs cover {n:,} cells of resolution {resolution}, {max_cells:,} are allowed;"
        f" resolution {coarser} fits"
    )


def _finding(
    inputs: PriorityInputs,
    area: StudyArea,
    layers: list[_Layer],
    placed: list[CellEvidence],
    found: Priority,
) -> Finding:
    least = max(inputs.min_agreement, int(inputs.significant))
    keep = np.flatnonzero(found.agreement >= least)
    names = hex_strings(area.cells[keep])
    roles = [layer.role for layer in layers]
    columns: dict[str, Any] = {
        "h3": names,
        "score": found.score[keep],
        "rank": _whole(found.rank[keep]),
        "rank_low": _whole(found.rank_low[keep]),
        "rank_high": _whole(found.rank_high[keep]),
        "agreement": found.agreement[keep],
        "n_layers": found.n_layers[keep],
        "p": found.p[keep],
        "contributions": _objects(roles, found.contributions[:, keep]),
        "evidence": _objects(roles, found.evidence[:, keep].round(4)),
        "support": _support(placed, found.n_layers, keep),
    }
    return Finding("", "cells", names, boundaries(area.cells[keep]), columns)


def _whole(ranks: npt.NDArray[np.float64]) -> pa.Array:
    """Return ranks as integers, null where there is none."""
    missing = np.isnan(ranks)
    return pa.array(np.where(missing, 0, ranks).astype(np.int64), mask=missing)


def _objects(roles: list[str], values: npt.NDArray[np.float64]) -> list[dict[str, float | None]]:
    """Return role → value for every cell, null where a layer has nothing to say."""
    rows = values.astype(object)
    rows[np.isnan(values)] = None
    return [dict(zip(roles, row, strict=True)) for row in rows.T.tolist()]


def _support(
    placed: list[CellEvidence], n_layers: npt.NDArray[np.int64], keep: npt.NDArray[np.intp]
) -> pa.Array:
    """Return equal where a layer speaks of the very cell, coarser where all speak of something larger."""
    speaks_of_cell = np.any([~np.isnan(one.p) & ~one.is_coarse for one in placed], axis=0)[keep]
    words = np.where(speaks_of_cell, "equal", "coarser")
    return pa.array(words.tolist(), pa.string(), mask=n_layers[keep] == 0)


def _diagnostics(
    inputs: PriorityInputs,
    area: StudyArea,
    layers: list[_Layer],
    placed: list[CellEvidence],
    found: Priority,
) -> dict[str, Any]:
    roles = [layer.role for layer in layers]
    return {
        "study_area_source": area.source,
        "study_area_cells": len(area.cells),
        "cells_without_evidence": int((found.n_layers == 0).sum()),
        "scale": _SCALE,
        "rank_range": _RANGE,
        "weight_variations": found.n_variations,
        "weights": _by_role(roles, found.weights),
        "effective_weights": _by_role(roles, found.effective_weights),
        "correlation": {
            role: _by_role(roles, row) for role, row in zip(roles, found.correlation, strict=True)
        },
        "estimated_correlation": {
            role: _by_role(roles, row) for role, row in zip(roles, found.estimated_correlation, strict=True)
        },
        "common_cells": {
            role: dict(zip(roles, row, strict=True))
            for role, row in zip(roles, found.n_common.tolist(), strict=True)
        },
        "inputs": [_told(layer, one) for layer, one in zip(layers, placed, strict=True)],
        "without_weight": sorted(role for role in inputs.inputs if inputs.weight_of(role) == 0),
        "notes": _notes(layers, placed, found),
    }


def _by_role(roles: list[str], values: npt.NDArray[np.float64]) -> dict[str, float | None]:
    rounded = [None if np.isnan(value) else round(float(value), 4) for value in values]
    return dict(zip(roles, rounded, strict=True))


def _told(layer: _Layer, placed: CellEvidence) -> dict[str, Any]:
    known = ~np.isnan(placed.p)
    return {
        "role": layer.role,
        "analysis": layer.published.id,
        "method": layer.published.method,
        "run": layer.published.run,
        "timestamp": layer.published.timestamp,
        "resolution": layer.evidence.resolution,
        "support": "area" if layer.evidence.shapes is not None else "cell",
        "rule": placed.rule,
        "cells_with_evidence": int(known.sum()),
        "cells_without_evidence": int((~known).sum()),
        "cells_of_coarser_support": int((known & placed.is_coarse).sum()),
        "significant_cells": int(placed.significant.sum()),
        "independent_places": round(placed.n_independent, 1),
    }


def _notes(layers: list[_Layer], placed: list[CellEvidence], found: Priority) -> list[str]:
    notes = [f"{layer.role}: {note}" for layer in layers for note in layer.evidence.notes]
    for layer, one in zip(layers, placed, strict=True):
        if np.isnan(one.p).all():
            notes.append(f"{layer.role}: no evidence in any cell of the study area; it takes no part")
        elif layer.evidence.shapes is not None:
            notes.append(f"{layer.role}: found for areas; their cells share what was found for the area")
        if len(layers) > 1 and 0 < one.n_independent < _FEW_PLACES:
            notes.append(
                f"{layer.role}: {one.n_independent:,.0f} independent places leave its likeness to the others"
                " uncertain; it is taken at its upper end, so that less is claimed"
            )
    for i, j in zip(*np.nonzero(np.triu(found.correlation >= _ALIKE, 1)), strict=True):
        if found.n_common[i, j]:
            both = (layers[i], layers[j])
            bare = [layer.role for layer in both if not layer.evidence.has_denominator]
            way_out = (
                f"; a population for {' and '.join(bare)} takes out that people live there" if bare else ""
            )
            notes.append(
                f"{both[0].role} and {both[1].role} say much of the same (correlation up to"
                f" {found.correlation[i, j]:.2f}): together they count for little more than one{way_out}"
            )
    if len(layers) == 1:
        notes.append("one layer alone: nothing to combine, and no weight to vary")
    return notes
