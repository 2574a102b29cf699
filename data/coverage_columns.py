"""How a file's columns become coverage: chosen once, from the names and the values."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data import aliases
from data.columns import checked_mapping, named, plain, ranked
from data.coverage_codes import CodePlan, code_plan, longest_code
from data.errors import MissingField
from data.numbers import NumberStyle, number_style, numbers
from data.plan import empty_columns
from data.readers.raw import RawChunk, RawFacts, RawSource
from data.records import IngestSpec
from data.row_shapes import ShapePlan, cells_of, shape_plan

NUMBER_FIELDS = (*aliases.COVERAGE_COUNTS, "margin", *aliases.COVERAGE_SHARES)

_PLACES = ("geometry", "lng", "lat", "x", "y", "cell", "code")
_FIELDS = ("id", "name", "source", *NUMBER_FIELDS, *_PLACES)
_NAME = [*aliases.KIND_NAME["coverage"], *aliases.FEATURE_NAME]

_COUNTED = {name for field in aliases.COVERAGE_COUNTS for name in aliases.COVERAGE_NUMBERS[field]}

#: The second header of the census bureau's downloads says what each variable is.
_LABELS = ("Estimate!!", "Margin of Error!!")

#: A column counts something when no more than this share of its values cannot be read.
_MOST_UNREADABLE = 0.5

Columns = dict[str, list[str]]


@dataclass
class CoveragePlan:
    """Everything decided about a coverage table; `percent` are the columns of shares in hundredths."""

    place: ShapePlan | None
    code: CodePlan | None
    fields: dict[str, str]
    styles: dict[str, NumberStyle]
    has_labels: bool
    percent: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)

    @property
    def taken(self) -> set[str]:
        """The columns that do not go among the attributes."""
        of_place = self.place.columns if self.place else set()
        return {*self.fields.values(), *(self.code.columns if self.code else ())} | of_place

    @property
    def is_of_shares(self) -> bool:
        """Whether the margin is one of a share: nothing counts the unserved."""
        return "unserved" not in self.fields

    def recognised(self) -> dict[str, str]:
        """Return field → column, as told to people."""
        told = self.place.recognised() if self.place else {}
        return told | ({"code": "+".join(self.code.columns)} if self.code else {}) | self.fields


def coverage_plan(sample: RawChunk, raw: RawSource, spec: IngestSpec) -> CoveragePlan:
    """Return the plan for a file.

    Raises
    ------
    MissingField
        If nothing among the columns says where the rows lie, or nothing says how they are served.
    InvalidMapping
        If the mapping names a field or column that does not exist.
    UnknownCrs
        If the coordinates are in no system that was named.
    """
    facts = raw.facts
    has_labels = has_label_row(sample.table)
    if has_labels:
        sample = without_first_row(sample)
    table = sample.table
    chosen = checked_mapping(spec.mapping, facts.columns, _FIELDS, joined=("code",))
    fixed = {part for parts in chosen.values() for part in parts}
    free = [c for c in facts.columns if c not in fixed]
    place = _place(sample, facts, spec, chosen, free)
    code = _code(table, raw, place, chosen, free)
    _require_place(facts, place, code)
    taken = (place.columns if place else set()) | set(code.columns if code else ())
    fields = _fields(table, chosen, free, taken)
    if place is None and not any(name in fields for name in NUMBER_FIELDS):
        raise MissingField(
            f"{facts.name}: counts or a share of served locations are needed, found {_listed(facts)}; "
            "name them with --map locations=…, served=…, unserved=… or share_served=…"
        )
    styles = {f: number_style(table[fields[f]]) for f in NUMBER_FIELDS if f in fields}
    plan = CoveragePlan(place, code, fields, styles, has_labels)
    plan.percent = frozenset(c for c in _shares(plan) if _is_percent(raw, table, c, plan))
    plan.notes += _notes(plan)
    return plan


def has_label_row(table: pa.Table) -> bool:
    """Return whether the first row is a second header: the labels of census variables."""
    if not table.num_rows:
        return False
    first = [column[0].as_py() for column in table.columns if pa.types.is_string(column.type)]
    return any(isinstance(text, str) and text.startswith(_LABELS) for text in first)


def without_first_row(chunk: RawChunk) -> RawChunk:
    """Return the chunk that starts behind a second header."""
    geometry = None if chunk.geometry is None else chunk.geometry.slice(1)
    return RawChunk(chunk.table.slice(1), chunk.rows[1:], geometry, chunk.rejects)


def without_percent_signs(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of shares whose texts are numbers only."""
    return pc.replace_substring(column, "%", "") if pa.types.is_string(column.type) else column


# where the rows lie


def _place(
    sample: RawChunk, facts: RawFacts, spec: IngestSpec, chosen: Columns, free: list[str]
) -> ShapePlan | None:
    """Return where shapes or cells are, unless the user named codes or switched shapes off."""
    mapped = any(chosen.get(name) for name in ("geometry", "lng", "x", "cell"))
    if not mapped and (chosen.get("code") or chosen.get("geometry") == []):
        return None
    if not mapped and sample.geometry is None and "cell" not in chosen:
        cell = named(free, aliases.CELL, set())
        if cell and _holds_cells(sample.table[cell]):
            return ShapePlan(None, None, cell)
    return shape_plan(sample, facts, spec, chosen, free)


def _holds_cells(column: pa.ChunkedArray) -> bool:
    head = column.drop_null().slice(0, 1000)
    return len(head) > 0 and bool((cells_of(head) > 0).mean() > 0.5)


def _code(
    table: pa.Table, raw: RawSource, place: ShapePlan | None, chosen: Columns, free: list[str]
) -> CodePlan | None:
    """Return where the codes are; beside shapes only where the user named them."""
    mapped = chosen.get("code", [])
    if not mapped and (place is not None or "code" in chosen):
        return None
    column = next(iter(chosen.get("name", [])), None) or named(free, _NAME, set())
    names = table[column] if column else None

    def longest(column: str) -> int:
        return max((longest_code(part) for part in _whole(raw, table, column)), default=0)

    return code_plan(table, mapped, free, names, longest)


def _require_place(facts: RawFacts, place: ShapePlan | None, code: CodePlan | None) -> None:
    if place is None and code is None:
        raise MissingField(
            f"{facts.name}: a geometry, H3 cells or codes (county, zip, tract …) are needed, found "
            f"{_listed(facts)}; name them with --map geometry=…, cell=… or code=…"
        )


# what the rows tell


def _fields(table: pa.Table, chosen: Columns, free: Sequence[str], place: set[str]) -> dict[str, str]:
    """Return the column of each field: mapped, else by name; one column serves one field."""
    empty = empty_columns(table)
    fields = {f: parts[0] for f, parts in chosen.items() if parts and f not in _PLACES}
    taken = set(place)

    def take(name: str, columns: Sequence[str]) -> None:
        column = next((c for c in columns if c not in taken), None)
        if name not in chosen and name not in fields and column:
            fields[name] = column
            taken.add(column)

    for name in NUMBER_FIELDS:
        if name == "share_unserved" and ("share_served" in fields or "unserved" in fields):
            continue
        if name == "margin":
            take(name, _margin_beside(fields.get("unserved"), free))
        bearing = [c for c in _bearing(name, free) if c not in empty and _holds_numbers(table[c])]
        take(name, bearing)
    wanted = {"id": aliases.COVERAGE_ID, "name": _NAME, "source": aliases.COVERAGE_SOURCE}
    for name, names in wanted.items():
        column = named(free, names, taken, empty)
        take(name, [column] if column else [])
    return fields


def _bearing(name: str, columns: Sequence[str]) -> list[str]:
    """Return the columns that bear a field's name, best first; shares are told from counts."""
    names = aliases.COVERAGE_NUMBERS[name]
    if name == "margin":
        # Not `% Unserved`, which a shapefile might have cut from a longer name.
        counted_shares = {c for c in columns if _is_share(c) and _without_share_words(c) in _COUNTED}
        return ranked([c for c in columns if c not in counted_shares], names)
    if name not in aliases.COVERAGE_SHARES:
        counts = [c for c in columns if not _is_share(c)]
        named_so = ranked(counts, names)
        return named_so + [c for c in counts if c not in named_so and _counts(c) == name]
    counted = aliases.COVERAGE_NUMBERS[name.removeprefix("share_")]
    of_counts = {c: _without_share_words(c) for c in columns if _is_share(c)}
    return ranked(columns, names) + [
        c for n in [*names, *counted] for c, bare in of_counts.items() if bare == n
    ]


def _counts(column: str) -> str | None:
    """Return which count a column's words say: a word on service among units, or units alone, all of them."""
    words = _words(column)
    rest = words - {*aliases.COVERAGE_UNITS, *aliases.COVERAGE_COUNTING}
    if not rest:
        is_total = words & {*aliases.COVERAGE_UNITS} and words & {*aliases.COVERAGE_COUNTING}
        return "locations" if is_total else None
    return next((name for name in aliases.COVERAGE_COUNTS[1:] if rest == {name}), None)


def _is_share(column: str) -> bool:
    return any(s in column for s in aliases.SHARE_SIGNS) or bool(_words(column) & {*aliases.SHARE_WORDS})


def _without_share_words(column: str) -> str:
    return "".join(w for w in _split(column) if w not in aliases.SHARE_WORDS)


def _words(column: str) -> set[str]:
    return set(_split(column))


def _split(column: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", column)
    return [plain(word) for word in re.split(r"[^0-9A-Za-zÀ-ÿ]+", spaced) if plain(word)]


def _margin_beside(unserved: str | None, columns: Sequence[str]) -> list[str]:
    """Return the column whose name says that it is the margin of the column of unserved locations."""
    if unserved is None:
        return []
    stem = plain(unserved)
    wanted = {f"{stem}moe", f"moe{stem}", f"{stem}margin", f"{stem}marginoferror"}
    if unserved.endswith("E"):
        wanted.add(f"{stem[:-1]}m")
    return [c for c in columns if plain(c) in wanted]


def _holds_numbers(column: pa.ChunkedArray) -> bool:
    if pa.types.is_boolean(column.type) or pa.types.is_nested(column.type):
        return False
    told = without_percent_signs(column)
    found = numbers(told, number_style(told))
    is_told = ~found.is_missing
    return bool(is_told.any() and found.is_unreadable.sum() <= _MOST_UNREADABLE * is_told.sum())


# shares


def _shares(plan: CoveragePlan) -> list[str]:
    names = [*aliases.COVERAGE_SHARES, *(["margin"] if plan.is_of_shares else [])]
    return [plan.fields[name] for name in names if name in plan.fields]


def _is_percent(raw: RawSource, table: pa.Table, column: str, plan: CoveragePlan) -> bool:
    """Return whether a share is told in hundredths: by its sign, or because a value exceeds one.

    The margin of a share is told as the share is.
    """
    told = [plan.fields[name] for name in aliases.COVERAGE_SHARES if name in plan.fields]
    column = told[0] if told and column == plan.fields.get("margin") else column
    for part in _whole(raw, table, column):
        if pa.types.is_string(part.type) and pc.any(pc.match_substring(part, "%")).as_py():
            return True
        bare = without_percent_signs(part)
        values = numbers(bare, number_style(bare)).values
        with np.errstate(invalid="ignore"):
            if (values > 1.0 + 1e-9).any():
                return True
    return False


def _whole(raw: RawSource, table: pa.Table, column: str) -> Iterator[pa.ChunkedArray]:
    """Yield a column from the first row to the last, as far as the source can be read twice."""
    if not raw.rereadable:
        yield table[column]
        return
    counted = dict(raw.facts.counts)
    try:
        for chunk in raw.chunks([column]):
            yield chunk.table[column]
    finally:
        # What is noticed on the way is counted when the rows themselves are read.
        raw.facts.counts.clear()
        raw.facts.counts.update(counted)


# words


def _notes(plan: CoveragePlan) -> list[str]:
    notes = list(plan.place.notes) if plan.place else []
    fields = plan.fields
    if "unserved" in fields and "may" in _words(fields["unserved"]):
        notes.append(
            f"column {fields['unserved']!r} was taken as unserved (--map unserved=COLUMN names another)"
        )
    if "margin" in fields and "95" in fields["margin"]:
        notes.append(f"column {fields['margin']!r}, a margin of 95 %, was taken as it is")
    if plan.percent:
        notes.append(f"shares in hundredths were divided by 100: {', '.join(sorted(plan.percent))}")
    if plan.has_labels:
        notes.append("a second header with the labels of the variables was skipped")
    if plan.code and None in plan.code.widths:
        notes.append(
            f"nothing tells how long a code in {'+'.join(plan.code.columns)} is: zeros that it may have lost "
            "in front were not put back"
        )
    return notes


def _listed(facts: RawFacts) -> str:
    columns = facts.columns
    return (", ".join(columns[:12]) + (" …" if len(columns) > 12 else ""))[:300] or "none"
