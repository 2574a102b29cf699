"""Rows of a sample layer as series: one analyte in one sewershed, on local days, in one unit, as load or not.

No row is dropped: what cannot take part in its series stays in it with the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from data.engine import Selection
from data.store import Layer, Store
from models.errors import InvalidParameter
from models.staleness import newest_day
from models.wastewater import concentrations, flow_l_day, load_copies_day_1000, load_mg_day_1000

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Times = npt.NDArray[np.datetime64]

#: How a base unit of `models.wastewater` is written for people, and the two that are loads.
LOAD_UNITS = {"mg/day/1000": "mg/day/1,000 people", "copies/day/1000": "copies/day/1,000 people"}
_LOAD_OF = {
    "ng/L": "mg/day/1000",
    "copies/L": "copies/day/1000",
    "mg/day": "mg/day/1000",
    "copies/day": "copies/day/1000",
    "mg/day/1000": "mg/day/1000",
    "copies/day/1000": "copies/day/1000",
}
_BASES = frozenset(("copies/g", "ng/g", *_LOAD_OF))

#: Least share of the samples of a series that must have a load, for the load to be tested by itself.
FEWEST_LOADS = 0.8

#: Counts of cycles fall where concentrations rise: no logarithm of them is a level.
_CYCLES = frozenset(("ct", "cq", "cycle", "cycles", "ctvalue", "cqvalue", "cyclethreshold"))

_COLUMNS = (
    "sewershed", "start", "end", "analyte", "value", "unit", "below_limit", "limit", "flow", "flow_unit",
    "population", "quality",
)  # fmt: skip


@dataclass(frozen=True)
class SampleRows:
    """The selected rows of a layer, by time; arrays of shape (n,).

    `sewershed` and `analyte` number the names in `sewersheds` and `analytes`, which are those of the whole
    layer, and so are `pairs`, the two numbers of every series. `day` is the local day of the start. `quality`
    is "" where none is told; `flow_unread` counts flows by the unit that could not be read.
    """

    ids: list[str]
    sewershed: Integers
    analyte: Integers
    sewersheds: list[str]
    analytes: list[str]
    start: Times
    end: Times
    day: Times
    value: Floats
    limit: Floats
    is_below: Flags
    unit: npt.NDArray[np.str_]
    flow_l_day: Floats
    population: Floats
    quality: npt.NDArray[np.str_]
    pairs: list[tuple[int, int]]
    n_rows: int
    flow_unread: dict[str, int]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Measures:
    """What is tested of each row; arrays of shape (n,).

    `value` and `limit` are in `unit` of the row's series, NaN where `left_out` says why ("" where it is
    used); `load_mg_day_1000` is NaN where it is not known. `unit` has shape (n_series,), for people.
    """

    value: Floats
    limit: Floats
    load_mg_day_1000: Floats
    left_out: npt.NDArray[np.object_]
    unit: list[str | None]
    told: list[list[str]]


def sample_rows(store: Store, layer: Layer, selection: Selection, analytes: Sequence[str]) -> SampleRows:
    """Return the rows of a sample layer that a selection takes, in time order.

    Names that differ in case or blanks only are one, spelled as most rows have it.
    """
    table = store.rows(layer.id, _COLUMNS)
    sewershed, sewersheds = _named(table["sewershed"])
    analyte, names = _named(table["analyte"])
    start = _times(table["start"])
    keep = np.ones(len(start), dtype=bool)
    if selection.start is not None:
        keep &= start >= _instant(selection.start)
    if selection.end is not None:
        keep &= start <= _instant(selection.end)
    if analytes:
        asked = {spelled(one) for one in analytes}
        wanted = np.array([spelled(name) in asked for name in names], dtype=bool)
        keep &= wanted[analyte] if len(names) else False
    rows = np.flatnonzero(keep)
    rows = rows[np.lexsort((rows, analyte[rows], sewershed[rows], start[rows]))]
    taken = table.take(pa.array(rows))
    flow, unread = _flows(taken["flow"], taken["flow_unit"])
    return SampleRows(
        ids=taken["id"].to_pylist(),
        sewershed=sewershed[rows],
        analyte=analyte[rows],
        sewersheds=sewersheds,
        analytes=names,
        start=start[rows],
        end=_times(taken["end"]),
        day=_local_days(taken["start"], layer.timezone),
        value=_floats(taken["value"]),
        limit=_floats(taken["limit"]),
        is_below=np.array(pc.fill_null(taken["below_limit"], False), dtype=bool),
        unit=_texts(taken["unit"]),
        flow_l_day=flow,
        population=_floats(taken["population"]),
        quality=_texts(taken["quality"]),
        pairs=sorted(set(zip(sewershed.tolist(), analyte.tolist(), strict=True))),
        n_rows=table.num_rows,
        flow_unread=unread,
    )


def measures(
    rows: SampleRows,
    series: Integers,
    n_series: int,
    population: Floats,
    *,
    measure: str = "auto",
    excluded_quality: Sequence[str] = (),
) -> Measures:
    """Return what is tested of every row, in one unit for each series.

    Parameters
    ----------
    rows : SampleRows
    series : array of int, shape (n,)
        Number of the series of each row: one analyte in one sewershed.
    n_series : int
    population : array, shape (n,)
        People that the sample stands for; NaN where unknown.
    measure : {"auto", "load", "concentration"}
        "auto" takes the load where at least 80 % of the samples of a series have one.
    excluded_quality : sequence of str
        Values of `quality` whose samples are left out.
    """
    value, limit, base = _in_base_units(rows)
    per_unit, load_unit = _load_per_unit(rows, base, population)
    left_out = np.full(len(rows), "", dtype=object)
    unwanted = {one.strip().casefold() for one in excluded_quality}
    is_bad = np.array([one.strip().casefold() in unwanted for one in rows.quality], dtype=bool)
    left_out[is_bad] = [f"quality {one!r}" for one in rows.quality[is_bad].tolist()]
    is_stray = rows.day > newest_day(rows.day)
    left_out[is_stray & ~is_bad] = "dated more than a year after all others"
    is_bad |= is_stray
    level = base if measure != "concentration" else or_none(base, ~_is_daily(base))
    level_of = _commonest_units(rows.analyte, level, ~is_bad, len(rows.analytes))
    load_of = _commonest_units(rows.analyte, or_none(load_unit, load_unit != ""), ~is_bad, len(rows.analytes))
    tested, tested_limit = (np.full(len(rows), np.nan) for _ in range(2))
    units: list[str | None] = []
    told: list[list[str]] = []
    for members in _members(series, n_series):
        words: list[str] = []
        good = members[~is_bad[members]]
        unit, by_load = None, False
        if len(good):
            analyte = int(rows.analyte[good[0]])
            is_load = (load_unit[good] == load_of[analyte]) & (load_of[analyte] is not None)
            is_level = (base[good] == level_of[analyte]) & (level_of[analyte] is not None)
            by_load = _tests_load(
                measure, is_load, is_level, words, level_is_load=level_of[analyte] in LOAD_UNITS
            )
            unit = load_of[analyte] if by_load else level_of[analyte]
            used = is_load if by_load else is_level
            factor = per_unit[good[used]] if by_load else 1.0
            tested[good[used]] = value[good[used]] * factor
            tested_limit[good[used]] = limit[good[used]] * factor
            for row in good[~used]:
                left_out[row] = _why(rows, row, base[row], unit, measure, by_load)
        units.append(None if unit is None else (LOAD_UNITS.get(unit, unit) or None))
        told.append(words)
    is_mg = load_unit == "mg/day/1000"
    load = np.where(is_mg & ~rows.is_below, value * per_unit, np.nan)
    return Measures(tested, tested_limit, load, left_out, units, told)


def or_none(values: npt.NDArray[Any], known: Flags) -> npt.NDArray[np.object_]:
    """Return values as objects, None where they are not known."""
    found = np.full(len(values), None, dtype=object)
    found[known] = values[known]
    return found


def _tests_load(
    measure: str, is_load: Flags, is_level: Flags, words: list[str], *, level_is_load: bool
) -> bool:
    """Return whether the load of a series is tested; add to `words` where that needs a reason."""
    if measure != "auto":
        return measure == "load"
    n, n_loads = len(is_load), int(is_load.sum())
    if n_loads >= max(FEWEST_LOADS * n, 1) or not is_level.any():
        return n_loads > 0
    if n_loads and not level_is_load:
        words.append(f"concentration, not load: only {n_loads} of {n} samples have flow and population")
    return False


def _why(rows: SampleRows, row: int, base: str | None, unit: str | None, measure: str, by_load: bool) -> str:
    """Return why a row does not take part in its series."""
    told = str(rows.unit[row])
    if by_load and base in _LOAD_OF:
        return f"no load: {_missing(rows, row, base)}"
    if not told:
        return "no unit, while others of the analyte have one"
    if measure == "concentration" and base is not None and "/day" in base:
        return f"unit {told!r} is no concentration"
    if by_load or not unit:
        return f"no {'load' if by_load else 'level'} can be made of unit {told!r}"
    return f"unit {told!r} cannot be converted to {LOAD_UNITS.get(unit, unit)}"


def _is_daily(base: npt.NDArray[np.object_]) -> Flags:
    return np.array([one is not None and "/day" in one for one in base], dtype=bool)


def _missing(rows: SampleRows, row: int, base: str) -> str:
    no_flow = base.endswith("/L") and not rows.flow_l_day[row] > 0
    return "no flow" if no_flow else "no population"


def _in_base_units(rows: SampleRows) -> tuple[Floats, Floats, npt.NDArray[np.object_]]:
    """Return values and limits in the base unit of their family, and that unit.

    The base unit is "" where none is told, the text itself where it is not known, None for what is no level.
    """
    value, limit = rows.value.copy(), rows.limit.copy()
    base = np.full(len(rows), "", dtype=object)
    for text in np.unique(rows.unit).tolist():
        mine = rows.unit == text
        if "".join(c for c in text.casefold() if c.isalpha()) in _CYCLES:
            base[mine] = None
        elif text:
            try:
                value[mine], units = concentrations(rows.value[mine], text)
                limit[mine], _ = concentrations(rows.limit[mine], text)
                base[mine] = str(units[0])
            except InvalidParameter:
                base[mine] = text
    return value, limit, base


def _load_per_unit(
    rows: SampleRows, base: npt.NDArray[np.object_], population: Floats
) -> tuple[Floats, npt.NDArray[np.object_]]:
    """Return the load for 1,000 people that one base unit stands for, and its unit; NaN and "" without."""
    people = np.where(population > 0, population, np.nan) / 1000
    ones = np.ones(len(rows))
    factors = {
        "ng/L": load_mg_day_1000(ones, rows.flow_l_day, population),
        "copies/L": load_copies_day_1000(ones, rows.flow_l_day, population),
        "mg/day": ones / people,
        "copies/day": ones / people,
        "mg/day/1000": ones,
        "copies/day/1000": ones,
    }
    factor = np.full(len(rows), np.nan)
    for name, known in factors.items():
        factor[base == name] = known[base == name]
    unit = np.full(len(rows), "", dtype=object)
    has = np.isfinite(factor)
    unit[has] = [_LOAD_OF[one] for one in base[has]]
    return factor, unit


def _commonest_units(
    analyte: Integers, unit: npt.NDArray[np.object_], counts: Flags, n_analytes: int
) -> list[str | None]:
    """Return the unit of most rows of each analyte: a known one, else none told, else an unknown one."""
    found: list[str | None] = []
    for number in range(n_analytes):
        mine = unit[(analyte == number) & counts].tolist()
        ranked = sorted(
            {one for one in mine if one is not None},
            key=lambda one: (one not in _BASES and one != "", -mine.count(one), one),
        )
        found.append(ranked[0] if ranked else None)
    return found


def _members(series: Integers, n_series: int) -> list[Integers]:
    """Return the rows of each series, in their order."""
    order = np.argsort(series, kind="stable")
    bounds = np.searchsorted(series[order], np.arange(n_series + 1))
    return [order[bounds[i] : bounds[i + 1]] for i in range(n_series)]


def spelled(name: str) -> str:
    """Return a name as it is compared: case and blanks do not count."""
    return " ".join(name.casefold().split())


def _named(column: pa.ChunkedArray) -> tuple[Integers, list[str]]:
    """Return numbers for names, and the names in the order of the alphabet; null is number -1."""
    codes = column.combine_chunks().dictionary_encode() if len(column) else pa.array([], pa.string())
    if not len(column):
        return np.zeros(0, dtype=np.int64), []
    spellings = codes.dictionary.to_pylist()
    told = np.asarray(codes.indices.fill_null(-1), dtype=np.int64)
    often = np.bincount(told[told >= 0], minlength=len(spellings))
    best: dict[str, int] = {}
    for code in sorted(range(len(spellings)), key=lambda code: (-often[code], spellings[code])):
        best.setdefault(spelled(spellings[code]), code)
    names = sorted(spellings[code] for code in best.values())
    number = {spelled(name): place for place, name in enumerate(names)}
    return np.array([*(number[spelled(one)] for one in spellings), -1], dtype=np.int64)[told], names


def _flows(column: pa.ChunkedArray, units: pa.ChunkedArray) -> tuple[Floats, dict[str, int]]:
    """Return flows in litres a day, and how many of each unit could not be read ("" without unit)."""
    flow, told = _floats(column), _texts(units)
    found, unread = np.full(len(flow), np.nan), {}
    for text in np.unique(told).tolist():
        mine = (told == text) & ~np.isnan(flow)
        try:
            found[mine] = flow_l_day(flow[mine], text)
        except InvalidParameter:
            if mine.any():
                unread[text] = int(mine.sum())
    return found, unread


def _times(column: pa.ChunkedArray) -> Times:
    """Return times as µs in UTC, NaT where there is none."""
    plain = column.cast(pa.timestamp("us"))
    return np.asarray(plain.to_numpy(zero_copy_only=False), dtype="datetime64[us]")


def _local_days(column: pa.ChunkedArray, timezone: str) -> Times:
    zoned = column.cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
    local = pc.local_timestamp(zoned.cast(pa.timestamp("us", tz=timezone)))
    return np.asarray(local.to_numpy(zero_copy_only=False), dtype="datetime64[D]")


def _instant(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _texts(column: pa.ChunkedArray) -> npt.NDArray[np.str_]:
    return np.array([one.strip() for one in pc.fill_null(column, "").to_pylist()], dtype=np.str_)
