"""How a file's columns become incidents: chosen once, from the names and the first chunk's values."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyproj import CRS
from pyproj.exceptions import CRSError

from data import aliases
from data.columns import Recognised, geometry_columns, named, recognise
from data.errors import MissingField
from data.numbers import NumberStyle, is_null, number_style, numbers
from data.positions import Positions, from_columns, from_text, from_wkb, looks_like_position
from data.readers.raw import RawChunk, RawFacts
from data.records import IngestSpec
from data.times import DateOrder, gather_order, has_hours_only, instants
from data.timezones import DAY_US
from spatial.errors import UnknownCrs

WGS84 = "OGC:CRS84"


@dataclass(frozen=True)
class PositionPlan:
    """Where positions come from: the file's geometry, a column of text, or two columns."""

    columns: tuple[str, ...]
    styles: tuple[NumberStyle, ...] = ()

    @property
    def is_geometry(self) -> bool:
        """Whether the format itself carries the geometry."""
        return not self.columns

    def read(self, chunk: RawChunk) -> Positions:
        """Return a chunk's positions."""
        if self.is_geometry:
            if chunk.geometry is None:
                raise MissingField("a geometry is needed, the chunk has none")
            return from_wkb(_chunked(chunk.geometry))
        if len(self.columns) == 1:
            return from_text(chunk.table[self.columns[0]])
        x, y = (chunk.table[c] for c in self.columns)
        return from_columns(x, y, *self.styles)


@dataclass(frozen=True)
class TimePlan:
    """Which columns make the time: one instant, a date and a time of day, or year, month and day."""

    columns: tuple[str, ...]
    of_day: str | None = None
    hours_only: bool = False
    parts: bool = False


@dataclass
class Plan:
    """Everything decided about a file before its first row is judged."""

    position: PositionPlan
    crs: str
    time: TimePlan | None
    fields: dict[str, str]
    taken: frozenset[str]
    first: Positions
    styles: dict[str, NumberStyle] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def recognised(self) -> dict[str, str]:
        """Return field → column, as told to people."""
        result = dict(self.fields)
        if len(self.position.columns) == 2:
            result["lng"], result["lat"] = self.position.columns
        elif self.position.columns:
            result["geometry"] = self.position.columns[0]
        else:
            result["geometry"] = "(geometry)"
        if self.time:
            result["time"] = "+".join([*self.time.columns, *([self.time.of_day] if self.time.of_day else [])])
        return result


def make_plan(sample: RawChunk, facts: RawFacts, spec: IngestSpec) -> Plan:
    """Return the plan for a file.

    Raises
    ------
    MissingField
        If nothing among the columns says where the rows lie.
    InvalidMapping
        If the mapping names a field or column that does not exist.
    UnknownCrs
        If the coordinates are in no system that was named.
    """
    positions = frozenset(c for c in geometry_columns(facts.columns) if looks_like_position(sample.table[c]))
    found = recognise(facts.columns, spec.mapping, empty_columns(sample.table), positions)
    planar = spec.crs is not None and not is_geographic(spec.crs)
    position = _position(sample, found, facts, positions, planar=planar)
    notes: list[str] = []
    first = position.read(sample)
    crs = _crs(position, first, facts, spec, notes)
    taken = set(position.columns)
    time = _time(sample, found, taken)
    if time:
        taken |= {*time.columns, *([time.of_day] if time.of_day else [])}
    fields = {f: c for f, c in found.fields.items() if c not in taken or f in found.fixed}
    _choose_id(fields, found, sample, facts, taken, notes)
    styles = {"weight": number_style(sample.table[fields["weight"]])} if "weight" in fields else {}
    return Plan(position, crs, time, fields, frozenset(taken | set(fields.values())), first, styles, notes)


def _choose_id(
    fields: dict[str, str],
    found: Recognised,
    sample: RawChunk,
    facts: RawFacts,
    taken: set[str],
    notes: list[str],
) -> None:
    """Put a real identity in place of a running number: two exports number different rows alike."""
    column = fields.get("id")
    if column is None or "id" in found.fixed:
        return
    start = runs_from(sample.table[column])
    if start is None:
        return
    out = taken | set(fields.values())
    others = [c for c in facts.columns if c not in out and runs_from(sample.table[c]) is None]
    other = named(others, aliases.ID, set(), empty_columns(sample.table))
    if other is not None:
        fields["id"] = other
    elif start == 0:
        del fields["id"]
        notes.append(
            f"{column} numbers the rows from 0: it was not taken as their identity (map it with --map id=…)"
        )


def runs_from(column: pa.ChunkedArray) -> int | None:
    """Return the start of a column that numbers its rows, from 0 or 1; None where it does not."""
    head = column.slice(0, 10_000)
    if len(head) < 3 or not (pa.types.is_string(head.type) or pa.types.is_integer(head.type)):
        return None
    values = numbers(head, NumberStyle()).values
    for start in (0, 1):
        if np.array_equal(values, np.arange(start, start + len(values))):
            return start
    return None


def is_geographic(crs: str) -> bool:
    """Return whether a reference system counts in degrees.

    Raises
    ------
    UnknownCrs
        If the system is not known.
    """
    try:
        return bool(CRS.from_user_input(crs).is_geographic)
    except CRSError as err:
        raise UnknownCrs(f"a known reference system such as EPSG:4326 is needed, got {crs[:60]!r}") from err


def crs_name(crs: str) -> str:
    """Return a short name for a reference system: its authority's code, else its own name."""
    if len(crs) < 40 and "\n" not in crs:
        return crs
    system = CRS.from_user_input(crs)
    authority = system.to_authority()
    return ":".join(authority) if authority else str(system.name)


def _position(
    sample: RawChunk, found: Recognised, facts: RawFacts, positions: frozenset[str], *, planar: bool
) -> PositionPlan:
    mapped = bool({"lng", "lat", "x", "y", "geometry"} & found.fixed)
    if sample.geometry is not None and not mapped and not _all_null(sample.geometry):
        return PositionPlan(())
    table = sample.table
    degrees = [p for p in found.pairs if _has_numbers(table, p) or mapped]
    plane = [p for p in found.planar if _has_numbers(table, p) or mapped]
    texts = [c for c in found.geometries if mapped or c in positions]
    if planar and plane:
        return _pair_plan(table, plane[0], degrees=False)
    if degrees:
        return _pair_plan(table, degrees[0], degrees=True)
    if texts:
        return PositionPlan((texts[0],))
    if plane:
        return _pair_plan(table, plane[0], degrees=False)
    # Columns of the right name without one readable number: let the rows say so, one by one.
    for pairs, in_degrees in ((found.pairs, True), (found.planar, False)):
        if pairs:
            return _pair_plan(table, pairs[0], degrees=in_degrees)
    if sample.geometry is not None:
        return PositionPlan(())
    columns = ", ".join(facts.columns[:12]) + (" …" if len(facts.columns) > 12 else "")
    raise MissingField(
        f"{facts.name}: columns for longitude and latitude (or x and y, or a WKT geometry) are needed, "
        f"found {columns[:300]}; name them with --map lng=… --map lat=…"
    )


def _pair_plan(table: pa.Table, pair: tuple[str, str], *, degrees: bool) -> PositionPlan:
    x, y = (number_style(table[c], degrees=degrees) for c in pair)
    comma = NumberStyle(x.decimal_comma or y.decimal_comma)
    return PositionPlan(pair, (comma, comma))


def _has_numbers(table: pa.Table, pair: tuple[str, str]) -> bool:
    for column in (table[c] for c in pair):
        style = number_style(column, degrees=True)
        if not np.isfinite(numbers(column, style).values).any():
            return False
    return True


def _all_null(column: pa.Array) -> bool:
    return len(column) > 0 and column.null_count == len(column)


def _crs(
    position: PositionPlan,
    first: Positions,
    facts: RawFacts,
    spec: IngestSpec,
    notes: list[str],
) -> str:
    _require_points(first, facts)
    own = facts.crs if position.is_geometry else None
    if spec.crs is not None:
        is_geographic(spec.crs)
        if own and crs_name(own) != crs_name(spec.crs):
            notes.append(f"--crs {spec.crs} was taken instead of the file's own {crs_name(own)}")
        return spec.crs
    if own:
        return own
    _require_degrees(first, facts)
    return WGS84


def _require_points(found: Positions, facts: RawFacts) -> None:
    """Raise where no row of the first chunk is a point, and some are lines or areas."""
    if found.is_not_a_point.any() and not np.isfinite(found.x).any():
        raise MissingField(f"{facts.name}: points are needed, the geometries are lines, areas or collections")


def _require_degrees(found: Positions, facts: RawFacts) -> None:
    """Raise where nobody named the system and the numbers cannot be degrees."""
    x, y = found.x[np.isfinite(found.x)], found.y[np.isfinite(found.y)]
    if not len(x) or not len(y):
        return
    beyond = np.mean((np.abs(x) > 360) | (np.abs(y[: len(x)]) > 360)) if len(x) == len(y) else 0.0
    if beyond > 0.5:
        raise UnknownCrs(
            f"{facts.name}: degrees or a named reference system are needed, got x from {x.min():.7g} to "
            f"{x.max():.7g} and y from {y.min():.7g} to {y.max():.7g}; "
            "say which with --crs EPSG:… (or were decimal points lost?)"
        )


def _time(sample: RawChunk, found: Recognised, taken: set[str]) -> TimePlan | None:
    table = sample.table
    fixed = "time" in found.fixed
    if found.date_parts and fixed:
        return TimePlan(tuple(found.date_parts), _of_day(found, ()), parts=True)
    times = [c for c in found.times if c not in taken]
    if not fixed:
        times = [c for c in times if reads_as_time(table[c])]
        coarse = not times or _is_year_only(table[times[0]])
        parts = [c for c in found.date_parts if c not in taken]
        if coarse and len(parts) >= 2 and _reads_as_parts(table, parts):
            of_day = next((c for c in found.times_of_day if c not in parts), None)
            return _with_clock(table, TimePlan(tuple(parts), of_day, parts=True))
    if not times:
        return None
    of_day = _of_day(found, (times[0],))
    if not fixed and of_day and not is_date_only(table[times[0]]):
        of_day = None
    return _with_clock(table, TimePlan((times[0],), of_day))


def _of_day(found: Recognised, used: Sequence[str]) -> str | None:
    return next((c for c in found.times_of_day if c not in used), None)


def _with_clock(table: pa.Table, plan: TimePlan) -> TimePlan:
    if plan.of_day is None:
        return plan
    return TimePlan(plan.columns, plan.of_day, has_hours_only(table[plan.of_day]), plan.parts)


def reads_as_time(column: pa.ChunkedArray) -> bool:
    """Return whether a column of a time's name holds times (a column `time` may hold the hour only)."""
    head = column.slice(0, 5000)
    order = DateOrder()
    gather_order(head, order)
    found = instants(head, order)
    filled = ~found.is_missing
    return bool(not filled.any() or (found.is_unreadable & filled).sum() <= 0.5 * filled.sum())


def is_date_only(column: pa.ChunkedArray) -> bool:
    """Return whether a column holds dates without a time of day."""
    head = column.slice(0, 20_000)
    found = instants(head, DateOrder())
    good = ~(found.is_missing | found.is_unreadable | found.is_out_of_range) & ~found.is_utc
    return bool(good.any() and (found.micros[good] % DAY_US == 0).all())


def _is_year_only(column: pa.ChunkedArray) -> bool:
    found = instants(column.slice(0, 5000), DateOrder())
    good = ~(found.is_missing | found.is_unreadable)
    return bool(good.any() and (found.precision[good] == 0).all())


def _reads_as_parts(table: pa.Table, parts: Sequence[str]) -> bool:
    limits = ((1900, 2200), (1, 12), (1, 31))
    for column, (low, high) in zip(parts, limits, strict=False):
        values = numbers(table[column].slice(0, 5000), NumberStyle()).values
        told = values[np.isfinite(values)]
        if not len(told) or ((told < low) | (told > high)).mean() > 0.1:
            return False
    return True


def _chunked(column: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])


def null_count(column: pa.ChunkedArray) -> int:
    """Return how many rows of a column hold nothing, null tokens included."""
    if pa.types.is_string(column.type):
        return int(pc.sum(is_null(column)).as_py() or 0)
    return int(column.null_count)


def empty_columns(table: pa.Table) -> frozenset[str]:
    """Return the columns that hold nothing."""
    return frozenset(c for c in table.column_names if null_count(table[c]) == table.num_rows)
