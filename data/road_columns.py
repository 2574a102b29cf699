"""How a file's columns become roads: chosen once, from the names and the values."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from data import aliases
from data.columns import checked_mapping, named, plain, ranked, with_words
from data.errors import MissingField
from data.numbers import NumberStyle, is_null, number_style, numbers
from data.plan import empty_columns
from data.raw_rows import as_text
from data.readers.raw import RawChunk, RawFacts
from data.records import IngestSpec
from data.road_classes import functional_scheme, is_no_road, road_class
from data.road_names import NamePlan, name_plan
from data.road_traits import ANSWERS, level, oneway, oneway_style
from data.row_shapes import ShapePlan, shape_plan

#: A column is believed to tell directions, levels or traffic where this share of its texts can be read.
_READABLE_SHARE = 0.8

#: More labels than this are no classes, unless most of them are known.
_MOST_CLASSES = 40
_FEW_CLASSES = 8


@dataclass
class RoadPlan:
    """Where geometry and fields come from.

    `class_scheme` says what bare numbers mean as a class, `oneway_style` what F and T mean as a direction;
    `level_ends` are the columns of the levels at both ends of a line.
    """

    place: ShapePlan
    name: NamePlan
    fields: dict[str, str]
    class_scheme: str = ""
    oneway_style: str = ANSWERS
    level_ends: tuple[str, str] | None = None
    aadt_style: NumberStyle = field(default_factory=NumberStyle)
    notes: list[str] = field(default_factory=list)

    @property
    def taken(self) -> set[str]:
        """The columns that a field has wholly: nothing of them is left to tell."""
        whole = {column for name, column in self.fields.items() if name in ("id", "aadt")}
        return whole | set(self.name.columns) | self.place.columns

    def recognised(self) -> dict[str, str]:
        """Return field → column, as told to people."""
        names = {"name": "+".join(self.name.columns)} if self.name.columns else {}
        ref = {"ref": self.name.ref} if self.name.ref else {}
        ends = {"level": "+".join(self.level_ends)} if self.level_ends and "level" not in self.fields else {}
        return self.place.recognised() | names | self.fields | ends | ref


def road_plan(sample: RawChunk, facts: RawFacts, columns: Sequence[str], spec: IngestSpec) -> RoadPlan:
    """Return which columns hold what.

    Raises
    ------
    MissingField
        If nothing says where the roads lie.
    InvalidMapping
        If the mapping names a field or a column that does not exist.
    """
    allowed = (*aliases.ROAD_FIELDS, "geometry", "lng", "lat", "x", "y")
    chosen = checked_mapping(spec.mapping, columns, allowed, joined=("name",))
    mapped = {part for parts in chosen.values() for part in parts}
    free = [c for c in columns if c not in mapped]
    place = shape_plan(sample, facts, spec, chosen, free)
    if place is None or place.pair or place.cell:
        listed = ", ".join(columns[:12]) + (" …" if len(columns) > 12 else "")
        raise MissingField(
            f"{facts.name}: lines of roads (a geometry, or a column of WKT) are needed, found"
            f" {listed[:300]}; name it with --map geometry=…"
        )
    free = [c for c in free if c not in place.columns]
    table = sample.table
    plan = RoadPlan(place, NamePlan(), {f: parts[0] for f, parts in chosen.items() if _is_own(f, parts)})
    _choose_traits(plan, table, free, chosen)
    left = [c for c in free if c not in plan.fields.values()]
    found = name_plan(table, left)
    plan.name = NamePlan(
        tuple(chosen["name"]) if "name" in chosen else found.columns,
        next(iter(chosen["ref"]), None) if "ref" in chosen else found.ref,
    )
    return plan


def _is_own(name: str, parts: Sequence[str]) -> bool:
    return bool(parts) and name in aliases.ROAD_FIELDS and name not in ("name", "ref")


def _choose_traits(
    plan: RoadPlan, table: pa.Table, free: Sequence[str], chosen: dict[str, list[str]]
) -> None:
    """Fill in the columns of all fields but the name, the mapped ones as they are."""
    empty = empty_columns(table)
    filled = [c for c in free if c not in empty]
    candidates = {
        "class": _class_columns(table, filled),
        "oneway": [c for c in ranked(filled, aliases.ROAD_ONEWAY) if _tells_directions(table[c])],
        "aadt": _aadt_columns(table, filled),
        "level": [c for c in ranked(filled, aliases.ROAD_LEVEL) if _is_read(table[c], level)],
        "bridge": ranked(filled, aliases.ROAD_BRIDGE),
        "tunnel": ranked(filled, aliases.ROAD_TUNNEL),
    }
    for name, columns in candidates.items():
        best = next((c for c in columns if c not in plan.fields.values()), None)
        if name not in chosen and best:
            plan.fields[name] = best
    if "id" not in chosen and (column := named(free, aliases.ROAD_ID, set(plan.fields.values()), empty)):
        plan.fields["id"] = column
    if "roundabout" not in chosen and (around := ranked(filled, aliases.ROAD_ROUNDABOUT)):
        # The form of a way may be its class and tell roundabouts as well.
        plan.fields["roundabout"] = around[0]
    ends = [next(iter(ranked(filled, n)), None) for n in (aliases.ROAD_LEVEL_FROM, aliases.ROAD_LEVEL_TO)]
    if ends[0] and ends[1]:
        plan.level_ends = (ends[0], ends[1])
    if column := plan.fields.get("class"):
        plan.class_scheme = class_scheme(column, distinct_texts(table[column]))
    if column := plan.fields.get("oneway"):
        plan.oneway_style = _style(column, table)
    if column := plan.fields.get("aadt"):
        plan.aadt_style = number_style(table[column])


def class_scheme(column: str, counts: Counter[str]) -> str:
    """Return what bare codes of a column of classes mean."""
    name = plain(column)
    if name == "rttyp":
        return "route type"
    if name not in (*aliases.ROAD_FUNCTIONAL_CLASS, *aliases.ROAD_FUNCTIONAL_SYSTEM):
        return ""
    return functional_scheme(counts, is_federal=name in aliases.ROAD_FUNCTIONAL_SYSTEM)


def distinct_texts(column: pa.ChunkedArray) -> Counter[str]:
    """Return how often each text stands in a column, nothing and its tokens left out."""
    text = pc.utf8_trim_whitespace(as_text(column))
    filled = text.filter(pc.invert(is_null(text)))
    return Counter({entry["values"]: entry["counts"] for entry in pc.value_counts(filled).to_pylist()})


def _class_columns(table: pa.Table, columns: Sequence[str]) -> list[str]:
    """Return the columns that may tell classes: those whose labels are known first, then the fuller ones.

    One label for all tells nothing; labels as many as the roads are names.
    """
    scored = []
    by_name = ranked(columns, aliases.ROAD_CLASS)
    words = with_words([c for c in columns if c not in by_name], *aliases.ROAD_CLASS_WORDS)
    for rank, column in enumerate([*by_name, *words]):
        counts = distinct_texts(table[column])
        total = sum(counts.values())
        if not total or _are_street_types(counts) or _are_answers(counts):
            continue
        scheme = class_scheme(column, counts)
        known = sum(
            n for label, n in counts.items() if road_class(label, scheme) is not None or is_no_road(label)
        )
        if known < 0.5 * total and len(counts) > min(_MOST_CLASSES, max(_FEW_CLASSES, total // 4)):
            continue
        if column in words and known < _READABLE_SHARE * total:
            continue
        is_known, tells = known >= 0.5 * total, min(len(counts), 2)
        scored.append((-tells, -is_known, -round(total / table.num_rows, 1), rank, column))
    return [entry[-1] for entry in sorted(scored)]


def _are_street_types(counts: Counter[str]) -> bool:
    held = sum(n for label, n in counts.items() if label.casefold().rstrip(".") in aliases.STREET_TYPES)
    return held > 0.5 * sum(counts.values())


def _are_answers(counts: Counter[str]) -> bool:
    """Return whether texts are only yes and no."""
    return {label.casefold() for label in counts} <= {"y", "n", "yes", "no", "true", "false", "t", "f"}


def _aadt_columns(table: pa.Table, columns: Sequence[str]) -> list[str]:
    """Return the columns of traffic: without a year in front of those with one, of these the latest first."""
    years: dict[str, int] = {}
    stems: dict[str, str] = {}
    for column in columns:
        stem = plain(column)
        if found := re.search(r"(19|20)\d\d", stem):
            years[column] = int(found[0])
            stem = stem.replace(found[0], "", 1)
        stems[column] = stem
    by_stem = sorted(columns, key=lambda c: -years.get(c, 9999))
    order = {name: i for i, name in reversed(list(enumerate(aliases.ROAD_AADT)))}
    fitting = [c for c in by_stem if stems[c] in order and _holds_numbers(table[c])]
    return sorted(fitting, key=lambda c: order[stems[c]])


def _holds_numbers(column: pa.ChunkedArray) -> bool:
    found = numbers(column, number_style(column))
    return bool((~found.is_missing).any() and found.is_unreadable.sum() <= 0.2 * (~found.is_missing).sum())


def _tells_directions(column: pa.ChunkedArray) -> bool:
    return _is_read(column, oneway)


def _is_read(column: pa.ChunkedArray, parser: object) -> bool:
    """Return whether most texts of a column say something to a parser."""
    assert callable(parser)
    counts = distinct_texts(column)
    read = sum(n for text, n in counts.items() if parser(text.casefold()) is not None)
    return bool(counts) and read >= _READABLE_SHARE * sum(counts.values())


def _style(column: str, table: pa.Table) -> str:
    counts = distinct_texts(table[column])
    if pa.types.is_boolean(table[column].type):
        return ANSWERS
    return oneway_style(counts, table.num_rows - sum(counts.values()))


def unknown_labels(labels: Iterable[tuple[str, int]], most: int = 8) -> str:
    """Return labels with their numbers as words, the commonest first.

    Examples
    --------
    >>> unknown_labels([("zebra", 2), ("yak", 1_200)])
    "'yak' 1,200, 'zebra' 2"
    """
    ordered = sorted(labels, key=lambda entry: (-entry[1], entry[0]))
    told = ", ".join(f"{label!r} {number:,}" for label, number in ordered[:most])
    return told + (f" and {len(ordered) - most} more" if len(ordered) > most else "")
