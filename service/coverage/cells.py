"""Places of a coverage layer on the cells of a study area: what each cell holds, how finely it is known."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import csr_array

from data.store import Store
from service.analyses.gridded import boundary_outline
from service.coverage.denominators import in_cells, locations_of
from service.coverage.sources import Sources
from service.parameters import GapsInputs
from spatial.allocation import Allocation, allocation, cells_touched
from spatial.errors import EmptyStudyArea
from spatial.study_area import (
    StudyArea,
    study_area_cut,
    study_area_from_cells,
    study_area_from_polygon,
)

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]

FINER, EQUAL, COARSER, NOWHERE = 0, 1, 2, -1
SUPPORT_WORDS = np.array(["finer", "equal", "coarser", None], dtype=object)

# Steps of the grid are areas of 1 : 7; half a step to either side is the size of a cell.
_HALF_A_STEP = float(np.sqrt(7.0))
# Less than this share of an area covered by others is a border drawn twice.
_SLIVER = 0.01


@dataclass(frozen=True)
class Laid:
    """Places shared out to the cells of a study area.

    Attributes
    ----------
    area : StudyArea
    given : Allocation
    size : array of int
        Per place: FINER, EQUAL or COARSER than a cell, NOWHERE without a place. The area of a polygon or cell
        is compared with the mean area of the cells that it touches: equal means within a factor of √7, half
        the step from one H3 resolution to the next. A line counts as a strip one cell wide.
    """

    area: StudyArea
    given: Allocation
    size: Indices

    @property
    def touched(self) -> Mask:
        """Which places lie in the study area, in whole or in part."""
        return np.asarray(self.given.inside > 0)


@dataclass(frozen=True)
class CellAmounts:
    """What each cell holds; NaN where only places lie that do not tell.

    Attributes
    ----------
    locations, underserved, unserved, share, margin, share_margin : array of float
        Margins are those of the places, shared out as their amounts are and added as squares.
    support : array of int
        FINER, EQUAL or COARSER: of the places that most of the cell's locations come from, or most of its
        ground where it holds none. NOWHERE where there is no place.
    owner : array of int
        The place that most of the cell's locations come from: among the coarser ones where its support is
        coarser; -1 where there is none.
    """

    locations: Floats
    underserved: Floats
    unserved: Floats
    share: Floats
    margin: Floats
    share_margin: Floats
    support: Indices
    owner: Indices

    @property
    def are_tested(self) -> bool:
        """Whether cells are tested: at least half of all locations are known as finely as cells are."""
        held = np.nan_to_num(self.locations)
        return bool(held[self.support != COARSER].sum() >= held.sum() / 2)


def laid(store: Store, sources: Sources, inputs: GapsInputs, max_cells: int) -> Laid:
    """Share the places out to the study area: the boundary, else all cells that they touch.

    Without a boundary or box nothing is lost. With a boundary, what lies outside it stays outside, and its
    holes are water: nothing lies there.
    """
    shapes = sources.shapes
    if inputs.boundary:
        outline = boundary_outline(store, inputs.boundary)
        area = study_area_from_polygon(outline, inputs.resolution, max_cells)
        shapes = _without_holes(shapes, outline)
    else:
        area = _coverage_area(sources, inputs.resolution, max_cells)
    if inputs.bbox:
        area = study_area_cut(area, inputs.bbox)
    is_cut = bool(inputs.boundary or inputs.bbox)
    weights = None
    if inputs.locations:
        given = locations_of(store, inputs.locations)
        weights = in_cells(given, area.cells)[0] if given.is_placed.any() else None
    own = shapes.copy()
    own[sources.cells > 0] = None
    found = allocation(own, sources.cells, area.cells, weights=weights, keep_total=not is_cut)
    if not is_cut:
        filled = np.flatnonzero(np.diff(found.shares.indptr) > 0)
        area = replace(area, cells=area.cells[filled])
        found = replace(found, shares=csr_array(found.shares[filled]))
    size = found.relative_size
    kinds = np.where(size > _HALF_A_STEP, COARSER, np.where(size * _HALF_A_STEP >= 1, EQUAL, FINER))
    return Laid(area, found, np.where(np.isnan(size), NOWHERE, kinds))


def cell_amounts(sources: Sources, on: Laid) -> CellAmounts:
    """Return what each cell holds of the places."""
    shares = on.given.shares
    n, u = _summed(shares, sources.locations), _summed(shares, sources.unserved)
    margin = np.sqrt(_summed(csr_array(shares.multiply(shares)), sources.margin**2))
    share = np.divide(u, n, out=np.full(len(n), np.nan), where=n > 0)
    share_margin = np.divide(margin, n, out=np.full(len(n), np.nan), where=n > 0)
    told, told_margin = _mean_shares(sources, on)
    support, owner = _support(sources, on)
    return CellAmounts(
        locations=n,
        underserved=_summed(shares, sources.underserved),
        unserved=u,
        share=np.minimum(np.where(np.isnan(n), told, share), 1.0),
        margin=margin,
        share_margin=np.where(np.isnan(n), told_margin, share_margin),
        support=support,
        owner=owner,
    )


def main_cells(on: Laid) -> Indices:
    """Return the cell that holds most of each place; -1 where less than half of it lies in the study area."""
    by_source = on.given.shares.tocsc()
    found = np.full(by_source.shape[1], -1, dtype=np.int64)
    source = np.repeat(np.arange(by_source.shape[1]), np.diff(by_source.indptr))
    order = np.lexsort((-by_source.indices, by_source.data, source))
    found[source[order]] = by_source.indices[order]  # the last of each place is its largest
    found[on.given.inside < 0.5] = -1
    return found


def grid_diagnostics(sources: Sources, on: Laid) -> tuple[dict[str, Any], list[str]]:
    """Return what became of the places on the grid, and sentences about it."""
    given, n = on.given, np.nan_to_num(sources.locations)
    outside = n * (1 - given.inside)
    doubled = given.overlap_share > _SLIVER
    told = {
        "study_area_source": on.area.source,
        "study_area_cells": len(on.area.cells),
        "support_of_places": {
            str(word): int((on.size == kind).sum()) for kind, word in enumerate(SUPPORT_WORDS[:3])
        },
        "locations": float(n.sum()),
        "unserved": float(np.nansum(sources.unserved)),
        "locations_outside_study_area": float(outside.sum()) if outside.sum() > 1e-9 * n.sum() else 0.0,
        "places_outside_study_area": int((~on.touched).sum()),
        "overlapping_areas": int(doubled.sum()),
        "locations_in_overlaps": float((n * given.overlap_share)[doubled].sum()),
        "areas_without_weight": int(given.by_area.sum()),
    }
    notes = []
    if doubled.any():
        notes.append(
            f"{int(doubled.sum()):,} areas overlap others of the layer:"
            f" {told['locations_in_overlaps']:,.0f} of their locations lie where another area counts too, and"
            " are in the totals twice"
        )
    kinds = np.unique(shapely.get_dimensions(sources.shapes[n > 0]))
    if len(kinds) > 1:
        notes.append("The layer counts by areas and by lines or points alike: what is in both counts twice")
    return told, notes


def _coverage_area(sources: Sources, resolution: int, max_cells: int) -> StudyArea:
    """Return the cells that the places may touch."""
    own = sources.cells[sources.cells > 0]
    parts = [cells_touched(sources.shapes, sources.cells, resolution)]
    if len(own):
        parts.append(study_area_from_cells(own, resolution, max_cells).cells)
    drawn = sources.shapes[sources.cells == 0]
    flat = drawn[shapely.get_dimensions(drawn) == 2]
    if len(flat):
        try:
            parts.append(study_area_from_polygon(shapely.union_all(flat), resolution, max_cells).cells)
        except EmptyStudyArea:
            pass  # smaller than cells, all of them: the outlines tell where they lie
    return study_area_from_cells(np.concatenate(parts), resolution, max_cells)


def _without_holes(shapes: npt.NDArray[np.object_], outline: shapely.Geometry) -> npt.NDArray[np.object_]:
    """Return polygons without what lies in the holes of a boundary."""
    rings, part_of = shapely.get_rings(shapely.get_parts(outline), return_index=True)
    holes = shapely.polygons(rings[np.diff(part_of, prepend=-1) == 0])
    if not len(holes):
        return shapes
    water = shapely.union_all(holes)
    shapely.prepare(water)
    wet = np.flatnonzero((shapely.get_dimensions(shapes) == 2) & shapely.intersects(water, shapes))
    dry = shapes.copy()
    dry[wet] = shapely.difference(shapes[wet], water)
    return dry


def _summed(shares: csr_array, values: Floats) -> Floats:
    """Return amounts by cell; NaN where no place tells."""
    known = ~np.isnan(values)
    told = (shares @ known.astype(np.float64)) > 0
    return np.where(told, shares @ np.where(known, values, 0.0), np.nan)


def _mean_shares(sources: Sources, on: Laid) -> tuple[Floats, Floats]:
    """Return the mean of the places' shares, by common ground, and its margin."""
    common = _ground(on)
    known = ~np.isnan(sources.share)
    total = common @ known.astype(np.float64)
    safe = np.where(total > 0, total, 1.0)
    mean = np.where(total > 0, (common @ np.where(known, sources.share, 0.0)) / safe, np.nan)
    margins = np.where(np.isnan(sources.share_margin), 0.0, sources.share_margin)
    spread = np.sqrt(csr_array(common.multiply(common)) @ margins**2) / safe
    told = (common @ (~np.isnan(sources.share_margin)).astype(np.float64)) > 0
    return mean, np.where(told, spread, np.nan)


def _ground(on: Laid) -> csr_array:
    """Return how much ground each cell has in common with each place; lines and points have next to none."""
    area = np.where(on.given.area_km2 > 0, on.given.area_km2, 1e-9)
    return csr_array(on.given.shares.multiply(area[None, :]))


def _support(sources: Sources, on: Laid) -> tuple[Indices, Indices]:
    held = csr_array(on.given.shares.multiply(np.nan_to_num(sources.locations)[None, :]))
    ground = _ground(on)
    kinds = (on.size[None, :] == np.arange(3)[:, None]).astype(np.float64)
    by_held, by_ground = held @ kinds.T, ground @ kinds.T
    holds = by_held.sum(axis=1) > 0
    weight = np.where(holds[:, None], by_held, by_ground)
    support = np.where(weight.sum(axis=1) > 0, weight.argmax(axis=1), NOWHERE)
    anything = np.ones(len(on.size), dtype=bool)
    coarse, every = (
        np.where(holds, _largest(held, among), _largest(ground, among))
        for among in (on.size == COARSER, anything)
    )
    return support, np.where(support == COARSER, coarse, every)


def _largest(amounts: csr_array, among: Mask) -> Indices:
    """Return the column of the largest entry of each row among some columns; -1 where there is none."""
    row = np.repeat(np.arange(amounts.shape[0]), np.diff(amounts.indptr))
    kept = among[amounts.indices] & (amounts.data > 0)
    row, column, value = row[kept], amounts.indices[kept].astype(np.int64), amounts.data[kept]
    found = np.full(amounts.shape[0], -1, dtype=np.int64)
    order = np.lexsort((-column, value, row))
    found[row[order]] = column[order]
    return found
