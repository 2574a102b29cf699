"""`near-repeat`: whether incidents follow one another nearby in place and time more often than by chance."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data.store import Layer, Store
from models.near_repeat import NearRepeats, near_repeat
from models.piles import LEAST_PILE, TIMES_USUAL, Places, places
from service.analyses.findings import Finding, Findings, Progress, replicates_told
from service.analyses.gridded import whole_numbers
from service.analyses.points import Incidents, incidents_of, incidents_told
from service.analyses.provenance import emberline_member, timestamp
from service.layer_kinds import incident_layer
from service.parameters import NearRepeatInputs
from spatial.local_plane import LocalMetres, local_metres

_US_PER_DAY = 86_400_000_000
_SAME_PLACE_WARNING = 0.5
# Beyond this a band's limit would be off by more than a metre in a hundred.
_STRETCH_WARNING = 0.01


def near_repeat_findings(
    store: Store,
    inputs: NearRepeatInputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
) -> Findings:
    """One row per distance and time band: pairs observed, pairs expected, and how likely chance is."""
    layer = incident_layer(store, inputs.layer)
    progress("reading incidents")
    incidents = incidents_of(store, layer, inputs, timed_for="near-repeat")
    metres = local_metres(incidents.column("lng"), incidents.column("lat"))
    days, by = _local_days(incidents, layer.timezone)
    progress(f"comparing {len(incidents.rows):,} incidents in pairs, {inputs.simulations:,} times")
    found = near_repeat(
        metres.x_m,
        metres.y_m,
        days,
        distance_limits_m=inputs.distances_m,
        day_limits=inputs.days,
        simulations=inputs.simulations,
        on_replicates=replicates_told(progress, "comparing pairs under permuted times", inputs.simulations),
        rng=np.random.default_rng(inputs.seed),
    )
    told = _diagnostics(layer, incidents, metres, found, by)
    emberline = emberline_member("near-repeat", store, inputs, told)
    return Findings(emberline["run"], emberline, timestamp(store, inputs), {"near-repeat": _finding(found)})


def _local_days(incidents: Incidents, timezone: str) -> tuple[npt.NDArray[np.float64], str]:
    """Return the times in days of local clocks, and whether they are compared by `time` or by `day`.

    Clocks, not instants: seven days later at the same hour is seven days, also when clocks were changed.
    Where some incidents are known only to the day, all are compared by day.
    """
    local = pc.local_timestamp(incidents.rows["time"].cast(pa.timestamp("us", "UTC")).cast(_zoned(timezone)))
    ticks = np.asarray(local.cast(pa.int64()).to_numpy(), dtype=np.int64)
    if (incidents.rows["time_precision"].fill_null("").to_numpy() == "day").any():
        return (ticks // _US_PER_DAY).astype(np.float64), "day"
    return ticks / _US_PER_DAY, "time"


def _zoned(timezone: str) -> pa.DataType:
    return pa.timestamp("us", timezone)


def _finding(found: NearRepeats) -> Finding:
    limits = [f"{metres:g}m-{days:g}d" for metres, days in _limits(found)]
    columns: dict[str, Any] = {
        "distance_from_m": whole_numbers(found.distance_from_m),
        "distance_m": whole_numbers(found.distance_to_m),
        "days_from": whole_numbers(found.days_from),
        "days": whole_numbers(found.days_to),
        "observed": found.observed,
        "expected": found.expected.round(6),
        "ratio": found.ratio.round(6),
        "p": found.p.round(9),
    }
    return Finding("", "near repeats", limits, None, columns)


def _limits(found: NearRepeats) -> list[tuple[float, float]]:
    return list(zip(found.distance_to_m.tolist(), found.days_to.tolist(), strict=True))


def _diagnostics(
    layer: Layer, incidents: Incidents, metres: LocalMetres, found: NearRepeats, by: str
) -> dict[str, Any]:
    where = places(incidents.column("lng"), incidents.column("lat"))
    told: dict[str, Any] = {
        **incidents_told(layer, incidents),
        "incidents": found.n,
        "places": len(where),
        "pairs": found.n * (found.n - 1) // 2,
        "near_pairs": found.n_near_pairs,
        "pairs_at_one_place": _pairs_at_one_place(where),
        "piles": {
            "coordinates": int(where.is_pile.sum()),
            "incidents": int(where.count[where.is_pile].sum()),
        },
        "compared_by": by,
        "distance_stretch": round(metres.stretch, 9),
        "tests": 0 if found.reason else len(found.p),
        "p_method": "monte-carlo: times permuted over the places",
        "p_smallest": None if found.reason else 1 / (1 + found.simulations),
        "n_tests": 0 if found.reason else len(found.p),
        "smallest_attainable_p": None if found.reason else 1 / (1 + found.simulations),
        "simulations": found.simulations,
    }
    return {**told, "notes": _notes(incidents, found, told)}


def _pairs_at_one_place(where: Places) -> int:
    return int((where.count * (where.count - 1) / 2).sum())


def _notes(incidents: Incidents, found: NearRepeats, told: dict[str, Any]) -> list[str]:
    """Return what a reader must know, in sentences."""
    notes = [
        "p is for each band on its own: a place that is always busy raises no ratio, a season that moves from"
        " place to place does"
    ]
    if found.reason:
        notes.append(f"no p: {found.reason}")
    else:
        notes.append(
            f"{told['tests']} bands are tested: p at or below {0.05 / told['tests']:.2g} is at or below .05"
            f" for all of them together; the smallest p that {found.simulations:,} simulations can give is"
            f" {told['p_smallest']:.2g}"
        )
    for why, number in incidents.left_out.items():
        notes.append(f"{number:,} incidents {why} take no part")
    if told["compared_by"] == "day":
        notes.append("some incidents are known only to the day: all are compared by local days")
    if incidents.measure == "weight":
        notes.append("the layer's weight is not used: a pair is two rows")
    if piles := told["piles"]["coordinates"]:
        notes.append(
            f"{piles:,} piles ({LEAST_PILE} incidents or more on one coordinate, and {TIMES_USUAL} times the"
            f" usual number) hold {told['piles']['incidents']:,} incidents: busy addresses or a"
            " geocoder's defaults, whose pairs count as repeats at the same place"
        )
    if found.n_near_pairs and told["pairs_at_one_place"] > _SAME_PLACE_WARNING * found.n_near_pairs:
        notes.append(
            "most near pairs lie on one coordinate: the data may be moved to blocks or centres, so that short"
            " distances mean little; equal records of one event count as pairs too"
        )
    if told["distance_stretch"] > _STRETCH_WARNING:
        notes.append(
            f"the incidents span so much that distances are up to {told['distance_stretch']:.1%} too long at"
            " the edges: choose a bbox or a boundary"
        )
    return notes
