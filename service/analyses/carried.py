"""What the selected incidents carry: dates, how they crowd on single places, which resolution they fit."""

from typing import Any

import numpy as np
import numpy.typing as npt

from data.engine import Selection, cell_counts, crowding
from data.store import Layer, Store
from models.hotspots import AUTO_RINGS
from models.piles import LEAST_PILE, TIMES_USUAL
from models.resolution import resolution_advice, support_of
from service.parameters import HotspotInputs
from spatial.grid import hex_strings, n_children, parents
from spatial.study_area import StudyArea, cell_positions

#: Resolutions that the advice looks at, beside the one that is asked.
ADVISED = range(6, 11)
# Piles that hold more than this share of the incidents are worth a sentence.
_WORTH_A_NOTE = 0.1


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
    inputs: HotspotInputs,
    area: StudyArea,
    selection: Selection,
    *,
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
        side=inputs.side,
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
