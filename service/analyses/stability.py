"""The same question about hotspots with one setting changed, and what it leaves of each area.

Four changes, each alone: one resolution coarser, one finer, one ring narrower, one wider. The ground stays
the same: the cells' own parents and children are counted anew; with a population the parents
sum up their cells.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data.store import Layer, Store
from models.areas import Areas
from models.errors import DegenerateInput
from models.exact import law_cost, value_groups
from models.hotspots import AUTO_RINGS, Hotspots
from models.stability import Stability, area_stability, kept_in_parts, kept_in_wholes
from service.analyses.findings import Progress
from service.analyses.gridded import Grid, counted_into
from service.analyses.verdict import Count, Floats, verdict
from service.parameters import HotspotInputs
from service.population import population_on
from spatial.grid import children, n_children, parents
from spatial.neighbors import MAX_K, NeighborIndex, disk_sizes, disk_sums, neighbor_index
from spatial.study_area import StudyArea, cell_positions

# Up to so many operations (some tenths of a second) the exact law of a changed question is worth its time.
_CHEAP_LAW = 3e8
# Draws where it is not: the smallest p is one in ten thousand.
_DRAWS = 9999


@dataclass(frozen=True)
class Change:
    """One setting changed; `left_out` tells why it cannot be asked."""

    name: str
    resolution: int
    k: int | str
    left_out: str | None = None


def changes_of(inputs: HotspotInputs, area: StudyArea, max_cells: int) -> list[Change]:
    """Return the four changes.

    A combination of rings (auto) has no ring beside it: its two ends, each alone, stand for narrower
    and wider.
    """
    r, k = inputs.resolution, inputs.k
    narrower, wider = (AUTO_RINGS[0], AUTO_RINGS[-1]) if isinstance(k, str) else (k - 1, k + 1)
    n_finer = n_children(area.cells, r + 1)
    too_many = (
        f"{n_finer:,} cells would be needed, {max_cells:,} are allowed" if n_finer > max_cells else None
    )
    return [
        Change("coarser", r - 1, k),
        Change("finer", r + 1, k, too_many),
        Change("narrower", r, narrower, None if narrower >= 1 else "there is no ring below 1"),
        Change("wider", r, wider, None if wider <= MAX_K else f"there is no ring above {MAX_K}"),
    ]


def told_of(changes: list[Change]) -> dict[str, Any]:
    """Return the changes as the diagnostics tell them."""
    return {
        one.name: {"left_out": one.left_out} if one.left_out else {"resolution": one.resolution, "k": one.k}
        for one in changes
    }


def stability_of(
    store: Store,
    layer: Layer,
    inputs: HotspotInputs,
    grid: Grid,
    found: Hotspots,
    joined: Areas,
    *,
    people: Floats | None,
    index: NeighborIndex,
    changes: list[Change],
    progress: Progress,
) -> Stability:
    """Repeat the question with every change that can be asked; without areas nothing is asked."""
    kept = {}
    for change in changes if len(joined) else []:
        if change.left_out:
            continue
        progress(f"asking again {change.name}: resolution {change.resolution}, k {change.k}")
        if change.resolution == inputs.resolution:
            other = _verdict(inputs, change, grid.count, index, people)
            position = np.arange(len(grid.count))
            kept[change.name] = kept_in_wholes(found.classes, position, other.classes, ~np.isnan(other.q))
        elif people is not None and change.resolution < inputs.resolution:
            kept[change.name] = _kept_in_parents(inputs, grid, found, people, change)
        else:
            kept[change.name] = _kept_at(store, layer, inputs, grid, found, change)
    return area_stability(joined.labels, kept, len(joined))


def rows_of(stability: Stability, changes: list[Change]) -> Iterator[dict[str, float | None]]:
    """Yield for every area its share under each change; None where there is no answer."""
    nothing = np.full(len(stability.share), np.nan)
    columns = {one.name: stability.by_change.get(one.name, nothing).tolist() for one in changes}
    for row in zip(*columns.values(), strict=True):
        yield {name: None if np.isnan(share) else share for name, share in zip(columns, row, strict=True)}


def _kept_in_parents(
    inputs: HotspotInputs, grid: Grid, found: Hotspots, people: Floats, change: Change
) -> Floats:
    """Sum incidents and people up to the cells' parents, ask, and compare.

    A parent then holds what its children in the study area hold, of both: it is cut by the same edge, and
    people are not laid on the grid a second time, which takes far longer than the answer.
    """
    cells, position = np.unique(parents(grid.area.cells, change.resolution), return_inverse=True)
    sums = np.bincount(position, grid.count, len(cells))
    count: Count = sums.astype(np.int64) if grid.count.dtype.kind == "i" else sums.astype(np.float64)
    living = np.bincount(position, people, len(cells)).astype(np.float64)
    other = _verdict(inputs, change, count, neighbor_index(cells), living)
    return kept_in_wholes(found.classes, position, other.classes, ~np.isnan(other.q))


def _kept_at(
    store: Store,
    layer: Layer,
    inputs: HotspotInputs,
    grid: Grid,
    found: Hotspots,
    change: Change,
) -> Floats:
    """Count anew at another resolution, ask, and compare with the cells' parents or children."""
    cells = grid.area.cells
    is_finer = change.resolution > inputs.resolution
    others = children(cells, change.resolution) if is_finer else parents(cells, change.resolution)
    area = replace(grid.area, cells=np.unique(others), resolution=change.resolution)
    people = None
    if inputs.population:
        try:
            people = population_on(store, inputs.population, area).people
        except DegenerateInput:  # nobody lives in cells of this size whose people are known
            return np.full(len(cells), np.nan)
        known = ~np.isnan(people)
        area, people = replace(area, cells=area.cells[known]), people[known]
    count = counted_into(store, layer, area, grid.selection).count
    other = _verdict(inputs, change, count, neighbor_index(area.cells), people)
    tested = ~np.isnan(other.q)
    if is_finer:
        owner = cell_positions(grid.area, parents(area.cells, inputs.resolution))
        return kept_in_parts(found.classes, owner, other.classes, tested)
    return kept_in_wholes(found.classes, cell_positions(area, others), other.classes, tested)


def _verdict(
    inputs: HotspotInputs, change: Change, count: Count, index: NeighborIndex, people: Floats | None
) -> Hotspots:
    """Ask the changed question, by Monte Carlo where the exact law would cost more than the first answer."""
    changed: dict[str, Any] = {"k": change.k}
    widest = AUTO_RINGS[-1] if isinstance(change.k, str) else change.k
    if people is None and inputs.p_method in ("auto", "exact") and _is_dear(count, index, widest):
        changed |= {"p_method": "monte-carlo", "simulations": max(_DRAWS, inputs.simulations)}
    return verdict(inputs.model_copy(update=changed), count, index, people)


def _is_dear(count: Count, index: NeighborIndex, k: int) -> bool:
    if count.dtype.kind != "i":
        return False
    groups, sizes = value_groups(count), disk_sizes(index, k)
    excess = disk_sums(index, count, k) - sizes * groups.minimum
    operations, _ = law_cost(groups, int(sizes.max()), int(excess.max()))
    return operations > _CHEAP_LAW
