"""How a file's columns become samples: chosen once, from the names and the first chunk's values."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data import aliases
from data.columns import checked_mapping, named, plain, ranked, with_words
from data.errors import InvalidMapping, MissingField
from data.numbers import NumberStyle, number_style
from data.plan import TimePlan, empty_columns, is_date_only, reads_as_time, runs_from
from data.readers.raw import RawChunk, RawFacts
from data.records import IngestSpec
from data.sample_units import flow_unit_in_name, tells_values, unit_in_name
from data.sample_values import amounts, detections
from data.times import has_hours_only

#: Fields that may be given once for the whole file, as `--map sewershed==Metro`.
CONSTANT_FIELDS = ("sewershed", "analyte", "unit", "limit", "flow_unit", "population")

#: Fields that hold numbers besides the value.
NUMBER_FIELDS = ("limit", "flow", "population")

#: Rows looked at to tell what a column holds.
_LOOKED_AT = 20_000


@dataclass(frozen=True)
class ValueColumn:
    """A column of values; `analyte` and `unit` where its name tells them, for rows that do not."""

    column: str
    analyte: str | None
    unit: str | None
    style: NumberStyle
    is_linear: bool = False


@dataclass
class SamplePlan:
    """Everything decided about a file of samples; `fields` and `constants` by canonical name."""

    fields: dict[str, str]
    constants: dict[str, str]
    values: list[ValueColumn]
    start: TimePlan
    end: TimePlan | None
    below: list[str]
    composes_id: bool
    styles: dict[str, NumberStyle]
    notes: list[str] = field(default_factory=list)

    @property
    def taken(self) -> set[str]:
        """The columns that do not go among the attributes."""
        times = [plan for plan in (self.start, self.end) if plan]
        of_times = {c for plan in times for c in (*plan.columns, *([plan.of_day] if plan.of_day else []))}
        return {*self.fields.values(), *(v.column for v in self.values), *self.below, *of_times}

    def recognised(self) -> dict[str, str]:
        """Return field → column, as told to people."""
        told = dict(self.fields) | {name: f"={text}" for name, text in self.constants.items()}
        told["value"] = "+".join(v.column for v in self.values)
        for name, plan in (("start", self.start), ("end", self.end)):
            if plan:
                told[name] = "+".join([*plan.columns, *([plan.of_day] if plan.of_day else [])])
        if self.below:
            told["below_limit"] = "+".join(self.below)
        return told


def sample_plan(sample: RawChunk, facts: RawFacts, spec: IngestSpec) -> SamplePlan:
    """Return the plan for a file.

    Raises
    ------
    MissingField
        If nothing among the columns says which sewershed, when, or how much.
    InvalidMapping
        If the mapping names a field or column that does not exist.
    """
    columns, table = facts.columns, sample.table.slice(0, _LOOKED_AT)
    constants, chosen = _mapped(spec, columns)
    fixed = {part for parts in chosen.values() for part in parts}
    free = [c for c in columns if c not in fixed]
    empty = empty_columns(table)
    start, end = _times(table, free, chosen, facts)
    taken = {c for plan in (start, end) if plan for c in (*plan.columns, plan.of_day or "")}
    fields = {f: parts[0] for f, parts in chosen.items() if parts and f in _SIMPLE}
    _recognise(("sewershed", "analyte", "unit"), fields, chosen, constants, free, taken, empty)
    if "sewershed" not in {*fields, *constants}:
        raise MissingField(
            f"{facts.name}: a column that names the sewershed is needed, found {_listed(columns)}; "
            "name it with --map sewershed=COLUMN, or one for the whole file with --map sewershed==NAME"
        )
    values, notes = _values(table, free, chosen, {*fields, *constants}, taken, facts)
    taken |= {v.column for v in values}
    rest = ("limit", "flow", "flow_unit", "population", "replicate", "quality")
    below = _below(table, free, chosen, taken)
    taken |= set(below)
    _recognise(rest, fields, chosen, constants, free, taken, empty)
    composes = _choose_id(fields, chosen, values, table, free, taken, empty)
    if "flow" in fields and "flow_unit" not in {*fields, *constants}:
        unit = flow_unit_in_name(fields["flow"]) or ("MGD" if _is_nwss(columns) else None)
        constants |= {"flow_unit": unit} if unit else {}
    styles = {f: number_style(sample.table[fields[f]]) for f in NUMBER_FIELDS if f in fields}
    return SamplePlan(fields, constants, values, start, end, below, composes, styles, notes)


_SIMPLE = {
    "sewershed": aliases.SAMPLE_SEWERSHED,
    "analyte": aliases.SAMPLE_ANALYTE,
    "unit": aliases.SAMPLE_UNIT,
    "limit": aliases.SAMPLE_LIMIT,
    "flow": aliases.SAMPLE_FLOW,
    "flow_unit": aliases.SAMPLE_FLOW_UNIT,
    "population": aliases.SAMPLE_POPULATION,
    "replicate": aliases.SAMPLE_REPLICATE,
    "quality": aliases.SAMPLE_QUALITY,
    "id": [*aliases.SAMPLE_ID, *aliases.SAMPLE_SPECIMEN_ID],
}


def _mapped(spec: IngestSpec, columns: Sequence[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return what the user gave for the whole file, and field → columns for the rest."""
    constants, rest = {}, {}
    for name, text in spec.mapping.items():
        if not text.startswith("=") or text in columns:
            rest[name] = text
            continue
        if name not in CONSTANT_FIELDS or not text[1:].strip():
            raise InvalidMapping(
                f"--map {name}={text}: one value for the whole file is possible for "
                f"{', '.join(CONSTANT_FIELDS)}, as in --map sewershed==Metro"
            )
        constants[name] = text[1:].strip()
    return constants, checked_mapping(rest, columns, aliases.SAMPLE_FIELDS, joined=("start", "end", "value"))


def _recognise(
    names: Sequence[str],
    fields: dict[str, str],
    chosen: dict[str, list[str]],
    constants: dict[str, str],
    free: Sequence[str],
    taken: set[str],
    empty: frozenset[str],
) -> None:
    """Find the columns of fields that nobody mapped; a flow may bear its unit in its name."""
    for name in names:
        if name in chosen or name in constants:
            continue
        column = named(free, _SIMPLE[name], taken, empty)
        if column is None and name == "flow":
            column = next((c for c in free if c not in taken and _is_flow(c)), None)
        if column:
            fields[name] = column
            taken.add(column)


def _is_flow(column: str) -> bool:
    return "flow" in column.lower() and flow_unit_in_name(column) is not None


def _is_nwss(columns: Sequence[str]) -> bool:
    """Return whether the columns are those of the national sample files, whose flow is in MGD."""
    names = {plain(c) for c in columns}
    return {"flowrate", "pcrtarget"} <= names


# times


def _times(
    table: pa.Table, free: Sequence[str], chosen: dict[str, list[str]], facts: RawFacts
) -> tuple[TimePlan, TimePlan | None]:
    if chosen.get("start"):
        start = _mapped_time(table, chosen["start"])
    else:
        start = _found_time(table, free, facts)
    if chosen.get("end"):
        return start, _mapped_time(table, chosen["end"])
    ends = [c for c in ranked(free, aliases.SAMPLE_END) if c not in start.columns and _has_times(table[c])]
    return start, TimePlan((ends[0],)) if ends and "end" not in chosen else None


def _mapped_time(table: pa.Table, columns: list[str]) -> TimePlan:
    if len(columns) < 3:
        return _with_clock(table, columns[0], columns[1] if len(columns) == 2 else None)
    return TimePlan(tuple(columns[:3]), columns[3] if len(columns) > 3 else None, parts=True)


def _found_time(table: pa.Table, free: Sequence[str], facts: RawFacts) -> TimePlan:
    by_words = with_words(free, aliases.TIME_WORDS, [*aliases.NOT_TIME_WORDS, "report", "upload", "updated"])
    times = [c for c in [*ranked(free, aliases.SAMPLE_START), *by_words] if _has_times(table[c])]
    if not times:
        raise MissingField(
            f"{facts.name}: a column that tells when a sample was taken is needed, found "
            f"{_listed(facts.columns)}; name it with --map start=COLUMN"
        )
    clocks = [c for c in ranked(free, aliases.SAMPLE_CLOCK) if c not in times]
    return _with_clock(table, times[0], clocks[0] if clocks and is_date_only(table[times[0]]) else None)


def _with_clock(table: pa.Table, column: str, of_day: str | None) -> TimePlan:
    return TimePlan((column,), of_day, has_hours_only(table[of_day]) if of_day else False)


def _has_times(column: pa.ChunkedArray) -> bool:
    return reads_as_time(column) and column.null_count < len(column)


# values


def _values(
    table: pa.Table,
    free: Sequence[str],
    chosen: dict[str, list[str]],
    told: set[str],
    taken: set[str],
    facts: RawFacts,
) -> tuple[list[ValueColumn], list[str]]:
    """Return the columns of values: mapped, of a value's name, else with a unit in their name."""
    columns = chosen.get("value") or []
    notes: list[str] = []
    if not columns:
        open_ = [c for c in free if c not in taken]
        columns = [c for c in ranked(open_, aliases.SAMPLE_VALUE) if _has_values(table[c])][:1]
        if not columns:
            columns = _by_unit(table, open_, several="analyte" not in told)
            others = [c for c in _by_unit(table, open_, several=True, all_=True) if c not in columns]
            if others:
                notes.append(
                    f"{', '.join(others)} look like values too; they were kept as attributes (--map value=…)"
                )
        if not columns:
            # A year in which nothing was detected has no number in any row.
            columns = [c for c in ranked(open_, aliases.SAMPLE_VALUE) if _tells_only_below(table[c])][:1]
    if not columns:
        of_numbers = [c for c in free if c not in taken and _has_values(table[c])]
        raise MissingField(
            f"{facts.name}: a column of values is needed, columns of numbers are: {_listed(of_numbers)}; "
            "name it with --map value=COLUMN, or several analytes side by side with --map value=COLUMN+COLUMN"
        )
    is_wide = len(columns) > 1
    found = [_value_column(table, c, told, is_wide=is_wide) for c in columns]
    if is_wide and "analyte" not in told:
        notes.append(f"analytes stand side by side: {', '.join(v.analyte or v.column for v in found)}")
    elif not is_wide and found[0].analyte:
        notes.append(
            f"no column names the analyte: {found[0].analyte!r} was taken from the column of values "
            "(--map analyte==NAME says otherwise)"
        )
    return found, notes


def _by_unit(table: pa.Table, columns: Sequence[str], *, several: bool, all_: bool = False) -> list[str]:
    """Return columns with a unit in their name: those that name an analyte too, else the first."""
    fitting = [c for c in columns if unit_in_name(c)[1] and tells_values(c) and _has_values(table[c])]
    if all_:
        return fitting
    with_analyte = [c for c in fitting if unit_in_name(c)[0]]
    return with_analyte if several and with_analyte else fitting[:1]


def _value_column(table: pa.Table, column: str, told: set[str], *, is_wide: bool) -> ValueColumn:
    stem, unit = unit_in_name(column)
    analyte = None if "analyte" in told and not is_wide else (stem or column)
    linear = plain(column).endswith(("lin", "linear"))
    return ValueColumn(column, analyte, unit or None, number_style(table[column]), linear)


def _has_values(column: pa.ChunkedArray) -> bool:
    """Return whether a column holds numbers, or at least limits of them."""
    if pa.types.is_boolean(column.type) or pa.types.is_temporal(column.type):
        return False
    found = amounts(column, number_style(column))
    told = ~found.is_missing
    readable = np.isfinite(found.values) | np.isfinite(found.limits)
    bad = found.is_unreadable & told
    return bool(readable.any() and bad.sum() <= 0.5 * told.sum())


def _tells_only_below(column: pa.ChunkedArray) -> bool:
    """Return whether every filled cell of a column says that nothing was detected."""
    if not _is_words(column.type):
        return False
    found = amounts(column, number_style(column))
    told = ~found.is_missing
    return bool(told.any() and found.is_below[told].all())


def _is_words(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


# detection


def _below(table: pa.Table, free: Sequence[str], chosen: dict[str, list[str]], taken: set[str]) -> list[str]:
    """Return the columns that tell what was not detected: the mapped one, else all whose words do."""
    if "below_limit" in chosen:
        return chosen["below_limit"][:1]
    candidates = [c for c in ranked(free, aliases.SAMPLE_BELOW) if c not in taken]
    return [c for c in candidates if _has_words(table[c], c)]


def _has_words(column: pa.ChunkedArray, name: str) -> bool:
    if pa.types.is_temporal(column.type) or pa.types.is_nested(column.type):
        return False
    found = detections(column, name)
    return bool((found.below >= 0).any() and found.is_unreadable.mean() <= 0.5)


# identity


def _choose_id(
    fields: dict[str, str],
    chosen: dict[str, list[str]],
    values: list[ValueColumn],
    table: pa.Table,
    free: Sequence[str],
    taken: set[str],
    empty: frozenset[str],
) -> bool:
    """Find the column of ids; return whether several analytes share one, so that it needs their names."""
    if "id" not in chosen:
        open_ = [c for c in free if runs_from(table[c]) is None]
        column = named(open_, _SIMPLE["id"], taken, empty)
        if column is None:
            return False
        fields["id"] = column
        taken.add(column)
    if "id" not in fields:
        return False
    column = fields["id"]
    return len(values) > 1 or plain(column) in aliases.SAMPLE_SPECIMEN_ID or _is_shared(table, column, fields)


def _is_shared(table: pa.Table, column: str, fields: dict[str, str]) -> bool:
    """Return whether an id stands on rows of several analytes."""
    if "analyte" not in fields or pa.types.is_nested(table[column].type):
        return False
    pairs = table.select([column, fields["analyte"]]).group_by([column, fields["analyte"]]).aggregate([])
    ids = pairs[column].drop_null()
    return len(ids) > len(pc.unique(ids))


def _listed(columns: Sequence[str]) -> str:
    return (", ".join(columns[:12]) + (" …" if len(columns) > 12 else ""))[:300] or "none"
