"""The one aggregation: incidents → cell at a resolution × time bin × category → count, weight, first, last.

Written once as an Ibis expression over plain columns, so that every engine that Ibis speaks to answers it
alike. Cells are coarsened by bit arithmetic and local time is built from the zone's offsets, so no engine
needs an H3 or a time-zone extension. No connection here: a store runs the compiled text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data.errors import InvalidFilter
from data.store import Layer, Store
from spatial.grid import parent_masks

MEASURES = ("count", "weight", "first_time", "last_time")

#: Fields that an expression may group by beside the cell.
GROUPINGS = ("category", "severity", "street", "mode")


@dataclass(frozen=True)
class Selection:
    """Which incidents count.

    `start` and `end` are inclusive instants in UTC, None for open; `categories` are labels, a value
    ending in ``||`` stands for all labels below it; `bbox` is west, south, east, north in degrees
    (west > east crosses the antimeridian).
    """

    start: datetime | None = None
    end: datetime | None = None
    categories: tuple[str, ...] = ()
    bbox: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class TimeBins:
    """Bins of equal width in local time: `origin` (local, naive) starts bin 0, `width` is one bin."""

    origin: datetime
    width: timedelta


@dataclass(frozen=True)
class CellCounts:
    """Arrays of equal length, ordered by cell (then by the other keys)."""

    cell: npt.NDArray[np.uint64]
    count: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64] | None
    first_time: npt.NDArray[np.datetime64] | None
    last_time: npt.NDArray[np.datetime64] | None
    bin: npt.NDArray[np.int64] | None
    group: npt.NDArray[np.object_] | None


@dataclass(frozen=True)
class Crowding:
    """How incidents crowd on single places: for each number of incidents, the places that hold so many.

    A place is a cell of resolution 15 (about a metre). Arrays of equal length, by ascending `count`:
    `places` is how many there are, `cell` the first of them; times are those of the whole selection.
    """

    count: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    cell: npt.NDArray[np.uint64]
    first_time: datetime | None
    last_time: datetime | None


def aggregation(
    layer: Layer,
    resolution: int,
    selection: Selection,
    *,
    measures: Sequence[str] = MEASURES,
    group: str | None = None,
    bins: TimeBins | None = None,
) -> Any:
    """Return the Ibis expression: one row per cell (× bin × group) with the measures asked for."""
    rows = incidents_table(layer.table)
    rows = rows.filter(conditions(rows, selection))
    keys: dict[str, Any] = {"cell": cell_at(rows.cell15, resolution)}
    if bins is not None:
        keys["bin"] = _bin_of(rows.time, bins, layer)
    if group is not None:
        if group not in GROUPINGS:
            raise InvalidFilter(f"grouping needs one of {', '.join(GROUPINGS)}; got {group!r}")
        keys["group"] = rows[group]
    values = {
        "count": rows.count(),
        "weight": rows.weight.fill_null(1.0).sum(),
        "first_time": rows.time.min(),
        "last_time": rows.time.max(),
    }
    return rows.group_by(**keys).agg(**{name: values[name] for name in measures})


def cell_counts(
    store: Store,
    layer: Layer,
    resolution: int,
    selection: Selection | None = None,
    *,
    measures: Sequence[str] = ("count",),
    group: str | None = None,
    bins: TimeBins | None = None,
) -> CellCounts:
    """Return the layer's incidents by cell (× bin × group), ordered."""
    sql = _compiled(
        layer, resolution, selection or Selection(), tuple(measures), group, bins, dialect=store.dialect
    )
    table = store.query(sql)
    cell = table["cell"].to_numpy().view(np.uint64)
    order = _order(table, cell)
    picked = {
        name: table[name].to_numpy()[order] for name in table.column_names if name not in ("cell", "group")
    }
    return CellCounts(
        cell=cell[order],
        count=picked.get("count", np.zeros(0, np.int64)),
        weight=picked.get("weight"),
        first_time=picked.get("first_time"),
        last_time=picked.get("last_time"),
        bin=picked.get("bin"),
        group=table["group"].to_numpy(zero_copy_only=False)[order] if group else None,
    )


def totals(store: Store, layer: Layer, selection: Selection) -> dict[str, int]:
    """Return how many rows there are, how many are selected, and how many have no or a coarse time."""
    rows = incidents_table(layer.table)
    chosen = rows.filter(conditions(rows, selection))
    coarse = chosen.time_precision.isin(["month", "year"])
    expression = chosen.agg(
        selected=chosen.count(),
        without_time=chosen.time.isnull().sum(),
        coarse_time=coarse.sum(),
        fractional_weight=(chosen.weight.notnull() & (chosen.weight != 1.0)).sum(),
    )
    found = store.query(str(ibis.to_sql(expression, dialect=store.dialect))).to_pylist()[0]
    return {"rows": layer.n_rows, **{name: int(value or 0) for name, value in found.items()}}


def latest_coarse_times(store: Store, layer: Layer) -> dict[str, datetime]:
    """Return the latest time of those known only to the month or the year: `month`, `year` → UTC."""
    rows = incidents_table(layer.table)
    coarse = rows.filter(rows.time_precision.isin(["month", "year"]), rows.time.notnull())
    latest = coarse.group_by("time_precision").agg(latest=coarse.time.max())
    found = store.query(str(ibis.to_sql(latest, dialect=store.dialect))).to_pylist()
    return {row["time_precision"]: row["latest"].replace(tzinfo=UTC) for row in found}


def incident_rows(store: Store, layer: Layer, selection: Selection, columns: Sequence[str]) -> pa.Table:
    """Return some columns of the selected incidents, in their order."""
    rows = incidents_table(layer.table)
    chosen = rows.filter(conditions(rows, selection)).order_by("ordinal").select(*columns)
    return store.query(str(ibis.to_sql(chosen, dialect=store.dialect)))


def crowding(store: Store, layer: Layer, selection: Selection) -> Crowding:
    """Return how the selected incidents crowd on single places, and their first and last time."""
    rows = incidents_table(layer.table)
    chosen = rows.filter(conditions(rows, selection))
    by_place = chosen.group_by("cell15").agg(
        count=chosen.count(), first_time=chosen.time.min(), last_time=chosen.time.max()
    )
    by_count = by_place.group_by("count").agg(
        places=by_place.count(),
        cell=by_place.cell15.min(),
        first_time=by_place.first_time.min(),
        last_time=by_place.last_time.max(),
    )
    table = store.query(str(ibis.to_sql(by_count.order_by("count"), dialect=store.dialect)))
    times = [[value for value in table[name].to_pylist() if value] for name in ("first_time", "last_time")]
    return Crowding(
        count=table["count"].to_numpy().astype(np.int64),
        places=table["places"].to_numpy().astype(np.int64),
        cell=table["cell"].to_numpy().view(np.uint64),
        first_time=min(times[0], default=None),
        last_time=max(times[1], default=None),
    )


def categories_of(store: Store, layer: Layer, limit: int = 1000) -> list[tuple[str, int]]:
    """Return the layer's categories with their counts, commonest first."""
    rows = incidents_table(layer.table)
    named = rows.filter(rows.category.notnull())
    counted = named.group_by("category").agg(n=named.count())
    ordered = counted.order_by([ibis.desc("n"), "category"]).limit(limit)
    table = store.query(str(ibis.to_sql(ordered, dialect=store.dialect)))
    return list(zip(table["category"].to_pylist(), table["n"].to_pylist(), strict=True))


def incidents_table(name: str) -> Any:
    """Return the unbound table of an incident layer: the columns that expressions use."""
    return ibis.table(
        {
            "ordinal": "int64",
            "id": "string",
            "cell15": "int64",
            "time": "timestamp",
            "time_precision": "string",
            "lng": "float64",
            "lat": "float64",
            "category": "string",
            "severity": "string",
            "street": "string",
            "mode": "string",
            "weight": "float64",
            "attributes": "string",
        },
        name=name,
    )


def cell_at(cell15: Any, resolution: int) -> Any:
    """Return the expression of the parent of a resolution-15 cell: bit operations alone."""
    keep, fill = parent_masks(resolution)
    return (cell15 & ibis.literal(keep, "int64")) | ibis.literal(fill, "int64")


def conditions(rows: Any, selection: Selection) -> list[Any]:
    """Return the selection as Ibis conditions on an incidents table."""
    found = []
    if selection.start is not None:
        found.append(rows.time >= _instant(selection.start))
    if selection.end is not None:
        found.append(rows.time <= _instant(selection.end))
    if selection.categories:
        found.append(_category_is(rows.category, selection.categories))
    if selection.bbox is not None:
        west, south, east, north = selection.bbox
        inside = rows.lng.between(west, east) if west <= east else (rows.lng >= west) | (rows.lng <= east)
        found.append(inside & rows.lat.between(south, north))
    return found or [ibis.literal(True)]


def local_time(time: Any, timezone: str, first: datetime | None, last: datetime | None) -> Any:
    """Return the local wall-clock time as an expression, from the zone's offsets between two instants."""
    changes = offset_changes(timezone, first, last)
    offset = ibis.literal(changes[0][1], "int64")
    for instant, seconds in changes[1:]:
        offset = ibis.ifelse(time >= _instant(instant), ibis.literal(seconds, "int64"), offset)
    return time.epoch_seconds() + offset


def offset_changes(
    timezone: str, first: datetime | None, last: datetime | None
) -> list[tuple[datetime, int]]:
    """Return the zone's offsets from UTC in seconds: (from when, offset), the first open to the past."""
    zone = ZoneInfo(timezone)
    start = first or datetime(1970, 1, 1, tzinfo=UTC)
    end = last or start
    changes = [(start, _offset(zone, start))]
    # No zone changes its offset twice within twelve hours; each change is then closed in on by halves.
    step = timedelta(hours=12)
    instant = start
    while instant < end:
        following = instant + step
        if _offset(zone, following) != changes[-1][1]:
            exact = _change_between(zone, instant, following)
            changes.append((exact, _offset(zone, exact)))
        instant = following
    return changes


@lru_cache(maxsize=256)
def _compiled(
    layer: Layer,
    resolution: int,
    selection: Selection,
    measures: tuple[str, ...],
    group: str | None,
    bins: TimeBins | None,
    *,
    dialect: str,
) -> str:
    expression = aggregation(layer, resolution, selection, measures=measures, group=group, bins=bins)
    return str(ibis.to_sql(expression, dialect=dialect))


def _order(table: pa.Table, cell: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
    """Return the order by cell, then bin, then group (null last)."""
    keys: list[npt.NDArray[Any]] = [cell]
    if "bin" in table.column_names:
        keys.insert(0, table["bin"].to_numpy())
    if "group" in table.column_names:
        keys.insert(0, table["group"].combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy())
        labels = table["group"].combine_chunks().dictionary_encode().dictionary.to_pylist()
        rank = np.argsort(np.argsort(np.array(labels, dtype=object))) if labels else np.zeros(0, np.int64)
        codes = keys[0]
        keys[0] = np.where(codes < 0, len(labels), rank[np.maximum(codes, 0)] if labels else 0)
    return np.lexsort(keys) if len(keys) > 1 else np.argsort(cell, kind="stable")


def _bin_of(time: Any, bins: TimeBins, layer: Layer) -> Any:
    """Return the number of the bin that holds a time, in the layer's timezone."""
    local = local_time(time, layer.timezone, layer.first_time, layer.last_time)
    origin = int((bins.origin - datetime(1970, 1, 1)).total_seconds())
    width = int(bins.width.total_seconds())
    return ((local - origin) / width).floor().cast("int64")


def _category_is(category: Any, wanted: tuple[str, ...]) -> Any:
    exact = [value for value in wanted if not value.endswith("||")]
    below = [value for value in wanted if value.endswith("||")]
    tests = [category.isin(exact)] if exact else []
    tests += [category.startswith(value) | (category == value.removesuffix("||")) for value in below]
    found = tests[0]
    for test in tests[1:]:
        found = found | test
    return found


def _instant(value: datetime) -> Any:
    return ibis.literal(value.astimezone(UTC).replace(tzinfo=None), "timestamp")


def _offset(zone: ZoneInfo, instant: datetime) -> int:
    offset = instant.astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _change_between(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Return the first second in (low, high] with the offset that holds at `high`."""
    wanted = _offset(zone, high)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        middle = middle.replace(microsecond=0)
        if middle <= low:
            break
        low, high = (low, middle) if _offset(zone, middle) == wanted else (middle, high)
    return high.replace(microsecond=0)
