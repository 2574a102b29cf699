"""`gaps`: where locations without service are, and where their share stands out.

Each place is tested as finely as it is known and no finer: places that fit into a cell are counted into cells
and tested there; areas coarser than a cell are tested as areas, and their cells inherit the verdict.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from data.store import Store
from models.gaps import P_METHOD, Gaps, gaps, share_eb
from service.analyses.carried import NO_TEST, edge_of_area
from service.analyses.findings import Finding, Findings, Progress
from service.analyses.provenance import emberline_member, timestamp
from service.coverage.cells import (
    COARSER,
    NOWHERE,
    SUPPORT_WORDS,
    CellAmounts,
    Laid,
    cell_amounts,
    grid_diagnostics,
    laid,
    main_cells,
)
from service.coverage.sources import Sources, coverage_sources
from service.parameters import GapsInputs
from spatial.contiguity import Contiguity, contiguity
from spatial.grid import boundaries, hex_strings, resolutions
from spatial.neighbors import NeighborIndex, neighbor_index

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]
Objects = npt.NDArray[np.object_]

_NO_COUNTS = "no counts: a share alone says nothing of chance"
_NOTHING = "the layer tells neither counts nor a share"
_NO_LOCATIONS = "no locations"
_ELSEWHERE = "its places lie mostly in neighbouring cells and are tested there"
_NOWHERE = "no place of the layer lies here"
_IS_POINT = "a point is tested in its cell"


@dataclass(frozen=True)
class _Verdict:
    """What the tests say of every cell or place; NaN and a reason where they say nothing."""

    share_eb: Floats
    z: Floats
    p: Floats
    q: Floats
    ring: Floats
    classes: Objects
    reason: Objects

    def taken(self, at: Any, other: "_Verdict", of: Any) -> None:
        """Write into some of these what another says."""
        for one in fields(self):
            getattr(self, one.name)[at] = getattr(other, one.name)[of]

    def told(self, at: Indices, found: Gaps) -> None:
        """Write the answers of a test, and why it gave none."""
        for name in ("z", "p", "q"):
            getattr(self, name)[at] = getattr(found, name)
        self.ring[at] = np.where(np.isnan(found.p), np.nan, found.ring)
        self.classes[at] = found.classes.astype(object)
        silent = [why for why in found.diagnostics["null_units"] if why != _NO_LOCATIONS]
        self.reason[at] = np.where(np.isnan(found.p), silent[0] if silent else None, None)


def gaps_findings(
    store: Store,
    inputs: GapsInputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
) -> Findings:
    """Return unserved locations per cell and per source area, with the places whose share stands out."""
    progress("reading the coverage layer")
    sources = coverage_sources(store, inputs)
    progress(f"laying {len(sources):,} places on the grid")
    on = laid(store, sources, inputs, max_cells)
    amounts = cell_amounts(sources, on)
    told, notes = grid_diagnostics(sources, on)
    told = {**sources.diagnostics, **told, "resolution": on.area.resolution}
    progress(f"testing {len(on.area.cells):,} cells")
    inherits = amounts.owner >= 0
    if amounts.are_tested:
        inherits &= amounts.support == COARSER
    of_cells, told["tests_of_cells"] = _cell_verdict(sources, on, amounts, ~inherits, inputs)
    of_areas = None
    if only != "cells" or inherits.any():
        progress("testing areas")
        of_areas, told["tests_of_areas"] = _area_verdict(sources, on, inputs)
        of_cells.taken(inherits, of_areas, amounts.owner[inherits])
    told |= _tests_told(told) | edge_of_area(neighbor_index(on.area.cells), _rings_of(told["tests_of_cells"]))
    owner = np.where(inherits, amounts.owner, -1)
    notes = [*sources.notes, *notes, *_notes(amounts, inherits)]
    emberline = emberline_member("gaps", store, inputs, {**told, "notes": notes})
    makers: dict[str, Callable[[], Finding]] = {
        "cells": lambda: _cell_finding(sources, on, amounts, owner, of_cells, inputs)
    }
    if of_areas is not None:
        makers["areas"] = lambda: _area_finding(sources, on, of_areas, inputs)
    return Findings(
        run=emberline["run"],
        emberline=emberline,
        timestamp=timestamp(store, inputs),
        collections={name: make() for name, make in makers.items() if only in (None, name)},
    )


def _tests_told(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what cells and areas were tested by, together, under the names that every run has."""
    tests = [one for name in ("tests_of_cells", "tests_of_areas") if (one := told.get(name))]
    floors = [one["smallest_attainable_p"] for one in tests if one["smallest_attainable_p"] is not None]
    n_tests = sum(one["n_tests"] for one in tests)
    if not n_tests:
        return NO_TEST
    return {"n_tests": n_tests, "p_method": P_METHOD, "smallest_attainable_p": min(floors)}


def _rings_of(tests: Mapping[str, Any] | None) -> list[int]:
    return list(tests["rings"]) if tests else [1]


def _cell_verdict(
    sources: Sources, on: Laid, amounts: CellAmounts, is_fine: Mask, inputs: GapsInputs
) -> tuple[_Verdict, dict[str, Any] | None]:
    """Test cells whose places are no coarser: a place counts, whole, in the cell that holds most of it.

    So the counts are those of independent places; the amounts that are shown are shared out over cells.
    """
    found = _silent(len(on.area.cells))
    found.share_eb[is_fine] = share_eb(
        np.nan_to_num(amounts.unserved[is_fine]), np.nan_to_num(amounts.locations[is_fine])
    )
    n, u = _whole(sources)
    main = np.where((on.size != COARSER) & (on.size != NOWHERE), main_cells(on), -1)
    held = main >= 0
    cell_n, cell_u = (
        np.bincount(main[held], values[held], len(is_fine)).astype(np.int64) for values in (n, u)
    )
    tested = np.flatnonzero(is_fine & (cell_n > 0))
    found.reason[:] = np.select(
        [
            amounts.support == NOWHERE,
            np.isnan(amounts.share) & np.isnan(amounts.locations),
            np.isnan(amounts.locations),
            amounts.locations <= 0,
        ],
        [_NOWHERE, _NOTHING, _NO_COUNTS, _NO_LOCATIONS],
        _ELSEWHERE,
    )
    if not len(tested):
        return found, None
    index = neighbor_index(on.area.cells[tested])
    answers = gaps(cell_u[tested], cell_n[tested], index, k=inputs.k, alpha=inputs.alpha, side=inputs.side)
    found.told(tested, answers)
    return found, answers.diagnostics


def _area_verdict(sources: Sources, on: Laid, inputs: GapsInputs) -> tuple[_Verdict, dict[str, Any] | None]:
    """Test the places themselves, each with those it borders on; cells among them as cells."""
    found = _silent(len(sources))
    n, u = _whole(sources)
    known = ~np.isnan(sources.locations) & ~np.isnan(sources.unserved)
    is_point = (shapely.get_dimensions(sources.shapes) == 0) & (sources.cells == 0)
    found.share_eb[:] = share_eb(
        np.where(known, np.nan_to_num(sources.unserved), 0), np.where(known, sources.locations, 0)
    )
    found.reason[:] = np.select(
        [is_point, ~known & np.isnan(sources.share), ~known], [_IS_POINT, _NOTHING, _NO_COUNTS], _NO_LOCATIONS
    )
    tested = np.flatnonzero(on.touched & ~is_point & known & (n > 0))
    if not len(tested):
        return found, None
    neighbors, order = _neighbors(sources, tested)
    tested = tested[order]
    answers = gaps(u[tested], n[tested], neighbors, k=inputs.k, alpha=inputs.alpha, side=inputs.side)
    found.told(tested, answers)
    return found, answers.diagnostics


def _neighbors(sources: Sources, at: Indices) -> tuple[NeighborIndex | Contiguity, Indices]:
    """Return who is next to whom among some places, and the order in which it takes them."""
    cells = sources.cells[at]
    is_grid = (cells > 0).all() and len(np.unique(cells)) == len(cells)
    if is_grid and len(np.unique(resolutions(cells))) == 1:
        order = np.argsort(cells)
        return neighbor_index(cells[order]), order
    return contiguity(sources.shapes[at]), np.arange(len(at))


def _whole(sources: Sources) -> tuple[Indices, Indices]:
    """Return locations and unserved as counts, 0 where they are not known."""
    known = ~np.isnan(sources.locations) & ~np.isnan(sources.unserved)
    n = np.rint(np.where(known, sources.locations, 0)).astype(np.int64)
    u = np.rint(np.where(known, sources.unserved, 0)).astype(np.int64)
    return n, np.minimum(u, n)


def _silent(n: int) -> _Verdict:
    eb, z, p, q, ring = np.full((5, n), np.nan)
    return _Verdict(eb, z, p, q, ring, np.full(n, "none", dtype=object), np.full(n, None, dtype=object))


def _notes(amounts: CellAmounts, inherits: Mask) -> list[str]:
    n_coarse = int((amounts.support == COARSER).sum())
    notes = []
    if n_coarse:
        notes.append(
            f"{n_coarse:,} of {len(amounts.support):,} cells are finer than what is known of them; their"
            " counts are interpolated"
        )
    if inherits.any():
        notes.append(
            f"{int(inherits.sum()):,} cells inherit share_eb, z, p, q and class of the area that holds most"
            " of their locations"
        )
    if np.isnan(amounts.locations).any() and not np.isnan(amounts.share).all():
        notes.append("Where the table tells shares and no counts, the share is shown and nothing is tested")
    return notes


def _cell_finding(
    sources: Sources, on: Laid, amounts: CellAmounts, owner: Indices, found: _Verdict, inputs: GapsInputs
) -> Finding:
    """Return one feature per cell of the study area."""
    keep = found.classes != "none" if inputs.significant else np.ones(len(found.z), dtype=bool)
    cells, owner = on.area.cells[keep], owner[keep]
    names = hex_strings(cells)
    labels = sorted({label for label in sources.denominator if label})
    has_counts = ~np.isnan(amounts.locations[keep])
    columns: dict[str, Any] = {
        "h3": names,
        "locations": amounts.locations[keep],
        "unserved": amounts.unserved[keep],
        "underserved": amounts.underserved[keep],
        "share_unserved": amounts.share[keep],
        "margin": amounts.margin[keep],
        "share_margin": amounts.share_margin[keep],
        **_tested(found, keep),
        "support": SUPPORT_WORDS[amounts.support[keep]].tolist(),
        "area": [sources.ids[at] if at >= 0 else None for at in owner.tolist()],
        "denominator_source": [", ".join(labels) if known else None for known in has_counts.tolist()],
    }
    return Finding("", "cells", names, boundaries(cells), columns)


def _area_finding(sources: Sources, on: Laid, found: _Verdict, inputs: GapsInputs) -> Finding:
    """Return one feature per place of the layer in the study area; points stand in their cells."""
    is_point = (shapely.get_dimensions(sources.shapes) == 0) & (sources.cells == 0)
    keep = on.touched & ~is_point
    if inputs.significant:
        keep &= found.classes != "none"
    at = np.flatnonzero(keep)
    ids = [sources.ids[row] for row in at]
    columns: dict[str, Any] = {
        "area": ids,
        "name": [sources.names[row] for row in at],
        "locations": sources.locations[keep],
        "unserved": sources.unserved[keep],
        "underserved": sources.underserved[keep],
        "share_unserved": sources.share[keep],
        "margin": sources.margin[keep],
        "share_margin": sources.share_margin[keep],
        **_tested(found, keep),
        "support": SUPPORT_WORDS[on.size[keep]].tolist(),
        "denominator_source": [sources.denominator[row] for row in at],
    }
    return Finding(".areas", "areas", ids, sources.shapes[keep], columns)


def _tested(found: _Verdict, keep: Mask) -> dict[str, Any]:
    return {
        "share_eb": found.share_eb[keep],
        "ring": pa.array(found.ring[keep], pa.float64(), from_pandas=True).cast(pa.int64()),
        "z": found.z[keep],
        "p": found.p[keep],
        "q": found.q[keep],
        "class": found.classes[keep].tolist(),
        "reason": found.reason[keep].tolist(),
    }
