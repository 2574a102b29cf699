"""Incidents one by one, as methods need them that look at points rather than cells."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from data.engine import Selection, incident_rows, totals
from data.store import Layer, Store
from models.errors import TooFewObservations
from service.analyses.carried import dates_of
from service.analyses.gridded import boundary_outline
from service.parameters import PointInputs, instants

Mask = npt.NDArray[np.bool_]

_COLUMNS = ("lng", "lat", "time", "time_precision", "category", "street", "weight")


@dataclass(frozen=True)
class Incidents:
    """The incidents that take part, and how many were left out, by reason."""

    rows: pa.Table
    weight: npt.NDArray[np.float64]
    measure: str
    found: dict[str, int]
    left_out: dict[str, int]

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return one column of the rows."""
        return np.asarray(self.rows[name].to_numpy())

    @property
    def days(self) -> npt.NDArray[np.float64]:
        """Times in days since 1970."""
        times = self.rows["time"].cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
        return np.asarray(times, dtype=np.float64) / 86_400e6


def incidents_told(layer: Layer, incidents: Incidents) -> dict[str, Any]:
    """Return what every method tells that looks at points: rows, those left out and why, and dates."""
    times = incidents.rows["time"].cast(pa.timestamp("us"))
    span = pc.min_max(times)
    return {
        "rows": incidents.found["rows"],
        "rows_selected": incidents.found["selected"],
        "rows_without_time": incidents.found["without_time"],
        "rows_with_coarse_time": incidents.found["coarse_time"],
        "left_out": incidents.left_out,
        "measure": incidents.measure,
        "timezone": layer.timezone,
        **dates_of(layer),
        "first_selected": _iso(span["min"]),
        "last_selected": _iso(span["max"]),
        "n": len(incidents.rows),
        "total": incidents.weight.sum().item(),
    }


def _iso(value: pa.Scalar) -> str | None:
    found = value.as_py()
    return None if found is None else str(found.isoformat())


def incidents_of(store: Store, layer: Layer, inputs: PointInputs, *, timed_for: str | None) -> Incidents:
    """Return the selected incidents that have what is needed: a place inside, a time where it counts.

    `timed_for` names what needs times, known to the day or better; None where times play no part.

    Raises
    ------
    TooFewObservations
        If times are needed and none of the selected incidents has one.
    """
    selection = Selection(*instants(inputs.datetime, layer.timezone), tuple(inputs.category), inputs.bbox)
    found = totals(store, layer, selection)
    measure = "weight" if found.pop("fractional_weight") > 0 else "count"
    rows = incident_rows(store, layer, selection, _COLUMNS)
    keep, left_out = np.ones(len(rows), dtype=bool), {}
    if inputs.boundary:
        outline = boundary_outline(store, inputs.boundary)
        inside = shapely.intersects_xy(outline, rows["lng"].to_numpy(), rows["lat"].to_numpy())
        left_out["outside the boundary"] = _count_and_drop(keep, ~inside)
    if timed_for is not None:
        timed = np.asarray(rows["time"].is_valid())
        if len(rows) and not timed.any():
            raise TooFewObservations(
                f"{timed_for} needs incidents with times, {layer.id!r} has none that is selected"
            )
        left_out["without time"] = _count_and_drop(keep, ~timed)
        coarse = np.isin(rows["time_precision"].fill_null("").to_numpy(), ("month", "year"))
        left_out["known only to the month or year"] = _count_and_drop(keep, coarse)
    rows = rows.filter(pa.array(keep))
    weight = rows["weight"].fill_null(1.0).to_numpy() if measure == "weight" else np.ones(len(rows))
    return Incidents(rows, weight, measure, found, {why: n for why, n in left_out.items() if n})


def _count_and_drop(keep: Mask, dropped: Mask) -> int:
    """Drop some of those that are kept; return how many these were."""
    number = int((keep & dropped).sum())
    keep &= ~dropped
    return number
