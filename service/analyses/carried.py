"""What a run carries beside its findings, the same for every method, under the same names.

How incidents are spread over cells, which dates they have, how they crowd on single places, how much of the
study area lies on its edge, what was tested, and which resolution the incidents fit.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data.engine import Selection, cell_counts, crowding
from data.store import Layer, Store
from models.hotspots import AUTO_RINGS
from models.piles import LEAST_PILE, TIMES_USUAL
from models.resolution import resolution_advice, support_of
from service.parameters import HotspotInputs, OutliersInputs
from spatial.grid import hex_strings, n_children, parents
from spatial.neighbors import NeighborIndex, on_edge
from spatial.study_area import StudyArea, cell_positions

#: Resolutions that the advice looks at, beside the one that is asked.
ADVISED = range(6, 11)
# Piles that hold more than this share of the incidents are worth a sentence.
_WORTH_A_NOTE = 0.1


#: What a method tells that tests nothing: no p, and so none that could be the smallest.
NO_TEST: dict[str, Any] = {"n_tests": 0, "p_method": None, "smallest_attainable_p": None}


def with_carried(
    store: Store,
    layer: Layer,
    area: StudyArea,
    selection: Selection,
    count: npt.NDArray[Any],
    told: Mapping[str, Any],
    *,
    index: NeighborIndex,
    rings: Sequence[int] = (1,),
) -> dict[str, Any]:
    """Return what a method tells with all that every method on cells tells; its own words stand.

    `count` is that of each cell, in the order of the area.
    """
    crowded, notes = crowding_diagnostics(store, layer, area, selection, count)
    common = dates_of(layer) | crowded | spread_of(count) | edge_of_area(index, rings)
    return {**common, **told, "notes": [*told["notes"], *notes]}


def spread_of(count: npt.NDArray[Any]) -> dict[str, Any]:
    """Return how the incidents are spread over the cells: in all, per cell, and variance over mean.

    Examples
    --------
    >>> spread_of(np.array([0, 4, 0, 0]))
    {'n': 4, 'total': 4, 'zeros': 3, 'mean': 1.0, 'variance': 3.0, 'dispersion': 3.0}
    """
    mean, variance = (float(count.mean()), float(count.var())) if len(count) else (0.0, 0.0)
    return {
        "n": len(count),
        "total": count.sum().item(),
        "zeros": int((count == 0).sum()),
        "mean": mean,
        "variance": variance,
        "dispersion": variance / mean if mean > 0 else None,
    }


def dates_of(layer: Layer) -> dict[str, str | None]:
    """Return the first and the last time of a layer."""
    return {
        "first_time": layer.first_time.isoformat() if layer.first_time else None,
        "last_time": layer.last_time.isoformat() if layer.last_time else None,
    }


def edge_of_area(index: NeighborIndex, rings: Sequence[int]) -> dict[str, dict[int, float]]:
    """Return by ring the share of the cells whose disk is cut by the edge of the study area."""
    return {"share_on_edge": {k: float(on_edge(index, k).mean()) for k in rings}}


def crowding_diagnostics(
    store: Store, layer: Layer, area: StudyArea, selection: Selection, count: npt.NDArray[Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return first and last time and the piles of the selected incidents, and what a reader should mind.

    A place is a point of about a metre. A pile is one with 10 incidents or more and ten times as many as the
    median place: the default point of a geocoder, or a hospital.
    """
    found = crowding(store, layer, selection)
    times = {
        "first_selected": found.first_time.isoformat() if found.first_time else None,
        "last_selected": found.last_time.isoformat() if found.last_time else None,
    }
    n_rows = int(found.count @ found.places)
    if not n_rows:
        return times | {"piles": None}, []
    usual = _median(found.count, found.places)
    is_pile = (found.count >= LEAST_PILE) & (found.count >= TIMES_USUAL * usual)
    share = float(found.count[is_pile] @ found.places[is_pile]) / n_rows
    piles = {
        "places": int(found.places.sum()),
        "usual_on_a_place": usual,
        "busiest_place": int(found.count[-1]),
        "busiest_place_share": float(found.count[-1]) / n_rows,
        "busiest_place_in": hex_strings(parents(found.cell[-1:], area.resolution))[0],
        "piles": int(found.places[is_pile].sum()),
        "share_in_piles": share,
        "busiest_cell": hex_strings(area.cells[[int(count.argmax())]])[0] if count.any() else None,
        "busiest_cell_share": float(count.max() / count.sum()) if count.any() else None,
    }
    return times | {"piles": piles}, _notes(piles)


def advice_on_resolution(
    store: Store,
    layer: Layer,
    inputs: HotspotInputs | OutliersInputs,
    area: StudyArea,
    selection: Selection,
    *,
    side: str,
    p_method: str,
    phi: float | None,
) -> dict[str, Any]:
    """Return what each resolution could show on the same ground; counted once, at the finest, and summed."""
    asked = inputs.resolution
    resolutions = sorted({*ADVISED, asked})
    counts = cell_counts(store, layer, resolutions[-1], selection)
    inside = cell_positions(area, parents(counts.cell, asked)) >= 0
    cells, count = counts.cell[inside], counts.count[inside]
    supports = {}
    for resolution in resolutions:
        _, place = np.unique(parents(cells, resolution), return_inverse=True)
        n_cells = (
            n_children(area.cells, resolution)
            if resolution > asked
            else len(np.unique(parents(area.cells, resolution)))
        )
        supports[resolution] = support_of(np.bincount(place, count), n_cells)
    return resolution_advice(
        supports,
        asked,
        k=AUTO_RINGS[-1] if isinstance(inputs.k, str) else inputs.k,
        alpha=inputs.alpha,
        side=side,
        p_method=p_method,
        simulations=inputs.simulations,
        phi=phi,
    )


def _median(count: npt.NDArray[np.int64], places: npt.NDArray[np.int64]) -> float:
    """Return the median number of incidents on a place; `count` ascends."""
    until = np.cumsum(places)
    middle = [(until[-1] - 1) // 2, until[-1] // 2]
    return float(count[np.searchsorted(until, middle, side="right")].mean())


def _notes(piles: dict[str, Any]) -> list[str]:
    if piles["share_in_piles"] <= _WORTH_A_NOTE:
        return []
    return [
        f"{piles['share_in_piles']:.0%} of the incidents lie on {piles['piles']:,} points with ten times"
        f" the usual number; the busiest, in cell {piles['busiest_place_in']}, holds"
        f" {piles['busiest_place']:,}: see whether a geocoder put them there"
    ]
