"""Areas and sites out of any raw source: geometry to WGS 84, repaired, and the books kept."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from data import aliases
from data.attributes import RowJson, spelled
from data.columns import checked_mapping, named
from data.errors import MissingField
from data.numbers import NumberStyle, number_style, numbers
from data.observations import Observations
from data.overlapping_areas import area_overlaps, n_rings
from data.plan import crs_name, empty_columns
from data.raw_rows import field_text, first_filled, rejected_rows, replayed
from data.readers.raw import RawChunk, RawFacts, RawSource
from data.records import FEATURE_SCHEMA, CleanBatch, IngestSpec, ReadReport
from data.row_shapes import CODES, REASONS, ShapePlan, Shapes, judged_shapes, read_shapes, shape_plan

#: Which geometries a kind can use: 3/6 areas; any where a kind is not named.
_AREAS = (3, 6)
_USABLE = {"boundary": _AREAS, "sewersheds": _AREAS}
_NOUNS = {"boundary": "an area", "sewersheds": "an area"}


@dataclass
class _FeaturePlan:
    """Where geometry and fields come from."""

    place: ShapePlan
    fields: dict[str, str]
    renamed: dict[str, str]
    style: NumberStyle

    @property
    def taken(self) -> set[str]:
        """The columns that do not go among the attributes under their own name."""
        return {*self.fields.values(), *self.renamed.values()} | self.place.columns


class FeatureSource:
    """A raw source as canonical features; `report` is complete when `batches` has ended."""

    def __init__(self, raw: RawSource, spec: IngestSpec) -> None:
        self._raw = raw
        self._kind = spec.kind
        self._spellings = spec.spellings
        self._chunks = raw.chunks()
        self._first = first_filled(self._chunks, raw.facts.name)
        self._plan = _plan(self._first[-1], raw.facts, spec)
        self._json = RowJson()
        self._seen = Observations()
        # Sewersheds are few: all of them are kept, to be held against each other at the end.
        self._areas: list[Shapes] = []
        self.report = ReadReport(
            format=raw.facts.format,
            encoding=raw.facts.encoding,
            crs=crs_name(self._plan.place.crs),
            timezone=spec.timezone or "UTC",
            columns=_told(self._plan, spec.kind),
        )

    def batches(self) -> Iterator[CleanBatch]:
        """Yield the features chunk by chunk, in file order."""
        for chunk in replayed(self._first, self._chunks):
            yield self._clean(chunk)
        self._close_books()

    def _clean(self, chunk: RawChunk) -> CleanBatch:
        self._seen.look_at(chunk.table)
        shapes, code = self._shapes(chunk)
        good = code == 0
        rows = self._canonical(chunk, shapes, good)
        rejects = self._rejects(chunk, code)
        self.report.n_rows += rows.num_rows + rejects.num_rows
        for entry in pc.value_counts(rejects["reason"]).to_pylist():
            reason = entry["values"]
            self.report.rejected[reason] = self.report.rejected.get(reason, 0) + entry["counts"]
        return CleanBatch(rows, rejects)

    def _shapes(self, chunk: RawChunk) -> tuple[Shapes, NDArray[np.int8]]:
        """Return repaired geometries in WGS 84 and what is wrong with each row."""
        shapes, missing = read_shapes(chunk, self._plan.place)
        if self._kind == "sewersheds":
            self._count("geometry.rings", n_rings(shapes))
        found = judged_shapes(shapes, missing, self._plan.place.crs, _USABLE.get(self._kind, ()))
        self._count("geometry.repaired", found.n_repaired)
        if self._kind == "sewersheds":
            kept = found.shapes[found.code == 0]
            self._count("geometry.rings_kept", n_rings(kept))
            self._areas.append(kept)
        return found.shapes, found.code

    def _canonical(self, chunk: RawChunk, shapes: Shapes, good: NDArray[np.bool_]) -> pa.Table:
        table = chunk.table.filter(pa.array(good))
        columns = {
            "row": pa.array(chunk.rows[good], pa.int64()),
            "source_id": self._text(table, "id"),
            "name": self._text(table, "name"),
            "value": self._value(table),
            "geometry": pa.array(shapely.to_wkb(shapes[good]), pa.binary()),
            "attributes": self._attributes(table),
        }
        return pa.table(columns, schema=FEATURE_SCHEMA)

    def _text(self, table: pa.Table, name: str) -> pa.ChunkedArray:
        return field_text(table, self._plan.fields.get(name))

    def _value(self, table: pa.Table) -> pa.ChunkedArray:
        column = self._plan.fields.get("value")
        if column is None:
            return pa.chunked_array([pa.nulls(table.num_rows, pa.float64())])
        found = numbers(table[column], self._plan.style)
        self._count("value.unreadable", int(found.is_unreadable.sum()))
        with np.errstate(invalid="ignore"):
            negative = found.values < 0
        # Census tables write large negative numbers where there is no estimate.
        self._count("value.negative", int(negative.sum()))
        usable = np.isfinite(found.values) & ~negative
        return pa.chunked_array([pa.array(found.values, mask=~usable)])

    def _attributes(self, table: pa.Table) -> pa.Array:
        plan = self._plan
        kept = {c: c for c in table.column_names if c not in plan.taken}
        kept |= {name: column for name, column in plan.renamed.items()}
        if not kept:
            return pa.nulls(table.num_rows, pa.string())
        further = pa.table({name: table[column] for name, column in kept.items()})
        return self._json.of(further, list(kept), spelled(list(kept), self._spellings))

    def _rejects(self, chunk: RawChunk, code: NDArray[np.int8]) -> pa.Table:
        bad = np.flatnonzero(code)
        reasons = [CODES[one] for one in code[bad]]
        return rejected_rows(chunk, bad, reasons, [self._words(one) for one in reasons], self._json)

    def _words(self, reason: str) -> str:
        if reason == "wrong_geometry":
            return f"{_NOUNS[self._kind]} is needed for the kind {self._kind}, the geometry is another"
        return REASONS[reason]

    def _count(self, what: str, number: int) -> None:
        if number:
            self.report.counts[what] = self.report.counts.get(what, 0) + number

    def _close_books(self) -> None:
        report = self.report
        for name, number in (self._raw.facts.counts | self._seen.counts()).items():
            self._count(name, number)
        report.notes += [*self._raw.facts.notes, *self._plan.place.notes]
        if n := report.counts.get("geometry.repaired"):
            report.notes.append(
                f"{n:,} geometries were not valid (rings crossing and the like); they were repaired"
            )
        self._note_areas()
        if n := report.counts.get("value.negative"):
            report.notes.append(f"{n:,} negative numbers stand for a missing value; they were taken as such")

    def _note_areas(self) -> None:
        """Tell what became of rings, and how many sewersheds overlap."""
        counts, notes = self.report.counts, self.report.notes
        read, kept = counts.get("geometry.rings", 0), counts.get("geometry.rings_kept", 0)
        if read != kept:
            notes.append(f"{read:,} rings were read, {kept:,} are left after repair and rejects")
        if not self._areas:
            return
        found = area_overlaps(np.concatenate(self._areas))
        self._count("geometry.overlapping_pairs", found.n_pairs)
        if found.n_pairs:
            notes.append(
                f"{found.n_pairs:,} pairs of sewersheds overlap, by {100 * found.largest_share:.2g} % of the "
                "smaller one at most: what lies there belongs to both"
            )


def _plan(sample: RawChunk, facts: RawFacts, spec: IngestSpec) -> _FeaturePlan:
    kind, columns = spec.kind, facts.columns
    value_name = aliases.VALUE_NAME.get(kind)
    extras = aliases.FEATURE_EXTRAS.get(kind, {})
    allowed = (
        "id",
        "name",
        "value",
        *([value_name] if value_name else []),
        "geometry",
        "lng",
        "lat",
        "x",
        "y",
    )
    chosen = checked_mapping(spec.mapping, columns, (*allowed, "cell", *extras))
    if value_name and value_name in chosen:
        chosen["value"] = chosen.pop(value_name)
    free = [c for c in columns if c not in {part for parts in chosen.values() for part in parts}]
    empty = empty_columns(sample.table)
    place = shape_plan(sample, facts, spec, chosen, free)
    if place is None:
        listed = ", ".join(facts.columns[:12]) + (" …" if len(facts.columns) > 12 else "")
        raise MissingField(
            f"{facts.name}: a geometry (WKT, coordinates or H3 cells) is needed, found {listed[:300]}; "
            "name it with --map geometry=…"
        )
    taken = place.columns
    fields = {f: parts[0] for f, parts in chosen.items() if parts and f in aliases.FEATURE_FIELDS}
    wanted = {
        "id": aliases.FEATURE_ID,
        "value": aliases.FEATURE_VALUE.get(kind, []),
        "name": [*aliases.KIND_NAME.get(kind, []), *aliases.FEATURE_NAME],
    }
    for name, names in wanted.items():
        # A cell is a good identity as well: only columns that another field holds are out.
        out = taken - {place.cell} if name == "id" and place.cell else taken
        if name not in chosen and (column := named(free, names, out, empty)):
            fields[name] = column
            taken.add(column)
    renamed = {f: chosen[f][0] for f in extras if chosen.get(f)}
    for name, names in extras.items():
        if name not in chosen and (column := named(free, names, taken, empty)):
            renamed[name] = column
            taken.add(column)
    style = number_style(sample.table[fields["value"]]) if "value" in fields else NumberStyle()
    return _FeaturePlan(place, fields, renamed, style)


def _told(plan: _FeaturePlan, kind: str) -> dict[str, str]:
    result = {aliases.VALUE_NAME.get(kind, f) if f == "value" else f: c for f, c in plan.fields.items()}
    return result | plan.place.recognised() | plan.renamed
