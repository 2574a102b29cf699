"""Roads out of any raw source: lines in WGS 84 with class, direction, level, traffic; the books kept."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from data.attributes import RowJson, spelled
from data.numbers import numbers
from data.observations import Observations
from data.osm_roads import FIELD_TAGS, is_openstreetmap, kept_rows, openstreetmap_columns, openstreetmap_roads
from data.plan import crs_name
from data.raw_rows import as_text, field_text, first_filled, rejected_rows, replayed
from data.readers.raw import RawChunk, RawSource
from data.records import ROADS_SCHEMA, CleanBatch, IngestSpec, ReadReport
from data.road_classes import is_no_road, own_word, road_class
from data.road_columns import road_plan, unknown_labels
from data.road_lines import REASONS, have_one_vertex, judged_lines
from data.road_names import road_names
from data.road_traits import each_text, is_roundabout, level, line_levels, oneway, truth
from data.row_shapes import read_shapes

Floats = NDArray[np.float64]

_NOTES = {
    "geometry.heights_dropped": "lines have heights (three dimensions); the heights were left out",
    "geometry.parts_without_length": "parts of lines have no length; they were left out",
    "name.by_ref": "roads without a name are named by their number",
    "oneway.implied": "motorways and roundabouts tell no direction: one way, as their kind implies",
    "oneway.unreadable": "directions are not readable; these roads are taken as two-way",
    "level.unreadable": "levels are not readable; these roads are taken as on the ground",
    "aadt.none": "traffic figures of 0 or below stand for a missing count; they were taken as such",
    "aadt.unreadable": "traffic figures are no numbers; they were left out",
}

#: Tags of which the text stands in `other_tags`; as columns of their own they would only repeat it.
_REPEATED = frozenset(FIELD_TAGS)

_CANONICAL = frozenset(name.casefold() for name in ROADS_SCHEMA.names)


class RoadSource:
    """A raw source as canonical roads; `report` is complete when `batches` has ended."""

    def __init__(self, raw: RawSource, spec: IngestSpec) -> None:
        self._raw = raw
        self._spellings = spec.spellings
        self._is_openstreetmap = is_openstreetmap(raw.facts.columns)
        self._chunks = raw.chunks()
        columns = raw.facts.columns
        if self._is_openstreetmap:
            self._chunks = openstreetmap_roads(self._chunks, raw.facts)
            self._new = set(openstreetmap_columns(columns)) - set(columns)
            columns = openstreetmap_columns(columns)
        else:
            self._new = set()
        self._first = first_filled(self._chunks, raw.facts.name)
        self._plan = road_plan(self._first[-1], raw.facts, columns, spec)
        self._json = RowJson()
        self._seen = Observations()
        self._unknown: Counter[str] = Counter()
        self.report = ReadReport(
            format=raw.facts.format,
            encoding=raw.facts.encoding,
            crs=crs_name(self._plan.place.crs),
            timezone=spec.timezone or "UTC",
            columns=self._plan.recognised(),
        )

    def batches(self) -> Iterator[CleanBatch]:
        """Yield the roads chunk by chunk, in file order."""
        for chunk in replayed(self._first, self._chunks):
            yield self._clean(self._without_strangers(chunk))
        self._close_books()

    def _without_strangers(self, chunk: RawChunk) -> RawChunk:
        """Leave out lines whose census code is that of rails, water or medians, and count them."""
        column = self._plan.fields.get("class")
        if column is None or self._is_openstreetmap:
            return chunk
        stranger = each_text(chunk.table[column], lambda text: float(is_no_road(text))).values == 1
        self._raw.facts.count("left_out.no_road", int(stranger.sum()))
        return kept_rows(chunk, ~stranger)

    def _clean(self, chunk: RawChunk) -> CleanBatch:
        self._seen.look_at(chunk.table)
        place = self._plan.place
        shapes, missing = read_shapes(chunk, place)
        unread = np.flatnonzero(shapely.is_missing(shapes) & ~missing)
        one_vertex = np.zeros(len(shapes), np.bool_)
        written = chunk.table[place.geometry] if place.geometry else chunk.geometry
        if len(unread) and written is not None:
            one_vertex[unread] = have_one_vertex(written.take(pa.array(unread)))
        found = judged_lines(shapes, missing, one_vertex, place.crs)
        for name, number in found.counts.items():
            self._count(name, number)
        good = np.asarray(found.reasons == "", dtype=np.bool_)
        rows = self._canonical(kept_rows(chunk, good), found.shapes[good])
        rejects = self._rejects(chunk, found.reasons)
        self.report.n_rows += rows.num_rows + rejects.num_rows
        for entry in pc.value_counts(rejects["reason"]).to_pylist():
            reason = entry["values"]
            self.report.rejected[reason] = self.report.rejected.get(reason, 0) + entry["counts"]
        return CleanBatch(rows, rejects)

    def _canonical(self, chunk: RawChunk, shapes: NDArray[np.object_]) -> pa.Table:
        table = chunk.table
        names, n_by_ref = road_names(table, self._plan.name)
        self._count("name.by_ref", n_by_ref)
        classes = self._classes(table)
        roundabout = self._trait(table, "roundabout", is_roundabout) == 1
        columns = {
            "row": pa.array(chunk.rows, pa.int64()),
            "source_id": self._text(table, "id"),
            "name": names,
            "class": classes,
            "oneway": pa.array(self._oneway(table, roundabout), pa.int8()),
            "level": pa.array(self._levels(table), pa.int16()),
            "roundabout": pa.array(roundabout),
            "aadt": self._aadt(table),
            "geometry": pa.array(shapely.to_wkb(shapes), pa.binary()),
            "attributes": self._attributes(table),
        }
        return pa.table(columns, schema=ROADS_SCHEMA)

    def _text(self, table: pa.Table, name: str) -> pa.ChunkedArray:
        return field_text(table, self._plan.fields.get(name))

    def _classes(self, table: pa.Table) -> pa.Array:
        """Return the word of each road's class; labels that no rule knows are counted."""
        coded = pc.dictionary_encode(self._text(table, "class")).combine_chunks()
        labels = coded.dictionary.to_pylist()
        words = [road_class(label, self._plan.class_scheme) for label in labels]
        code = np.array(coded.indices.fill_null(len(labels)).to_numpy(zero_copy_only=False), dtype=np.int64)
        times = np.bincount(code, minlength=len(labels) + 1)
        for label, word, number in zip(labels, words, times, strict=False):
            if word is None:
                self._unknown[label] += int(number)
        known = [(own_word(a) if b is None else b) or None for a, b in zip(labels, words, strict=True)]
        return pa.array([*known, None], pa.string()).take(pa.array(code))

    def _trait(self, table: pa.Table, name: str, value_of: object) -> Floats:
        """Return what a column says of each road; NaN where it says nothing."""
        column = self._plan.fields.get(name)
        if column is None:
            return np.full(table.num_rows, np.nan)
        assert callable(value_of)
        found = each_text(table[column], value_of)
        self._count(f"{name}.unreadable", found.n_unreadable)
        return found.values

    def _oneway(self, table: pa.Table, roundabout: NDArray[np.bool_]) -> Floats:
        told = self._trait(table, "oneway", lambda text: oneway(text, self._plan.oneway_style))
        if self._is_openstreetmap:
            motorway = pc.equal(as_text(table["highway"]), "motorway").to_numpy().astype(bool)
            implied = np.isnan(told) & (motorway | roundabout)
            self._count("oneway.implied", int(implied.sum()))
            told[implied] = 1
        return np.nan_to_num(told)

    def _levels(self, table: pa.Table) -> NDArray[np.int16]:
        ends = self._plan.level_ends
        at_ends = tuple(each_text(table[column], level).values for column in ends) if ends else None
        return line_levels(
            self._trait(table, "level", level),
            (at_ends[0], at_ends[1]) if at_ends else None,
            self._trait(table, "bridge", truth),
            self._trait(table, "tunnel", truth),
            table.num_rows,
        )

    def _aadt(self, table: pa.Table) -> pa.Array:
        column = self._plan.fields.get("aadt")
        if column is None:
            return pa.nulls(table.num_rows, pa.float64())
        found = numbers(table[column], self._plan.aadt_style)
        with np.errstate(invalid="ignore"):
            none = found.values <= 0
        self._count("aadt.none", int(none.sum()))
        self._count("aadt.unreadable", int(found.is_unreadable.sum()))
        return pa.array(found.values, mask=~np.isfinite(found.values) | none)

    def _attributes(self, table: pa.Table) -> pa.Array:
        """Return the columns that no field has wholly; one named like a field is its original."""
        repeated = self._new & _REPEATED
        kept = [c for c in table.column_names if c and c not in self._plan.taken and c not in repeated]
        if not kept:
            return pa.nulls(table.num_rows, pa.string())
        names = [f"original_{c}" if c.casefold() in _CANONICAL else c for c in kept]
        return self._json.of(table, kept, spelled(names, self._spellings))

    def _rejects(self, chunk: RawChunk, reasons: NDArray[np.object_]) -> pa.Table:
        bad = np.flatnonzero(reasons != "")
        originals = [c for c in chunk.table.column_names if c not in self._new]
        told = reasons[bad].tolist()
        return rejected_rows(chunk, bad, told, [REASONS[one] for one in told], self._json, originals)

    def _count(self, what: str, number: int) -> None:
        if number:
            self.report.counts[what] = self.report.counts.get(what, 0) + number

    def _close_books(self) -> None:
        report, plan = self.report, self._plan
        for name, number in (self._raw.facts.counts | self._seen.counts()).items():
            self._count(name, number)
        report.notes += [*self._raw.facts.notes, *plan.place.notes, *plan.notes]
        report.notes += [f"{n:,} {words}" for name, words in _NOTES.items() if (n := report.counts.get(name))]
        left_out = [(n.partition(".")[2], k) for n, k in report.counts.items() if n.startswith("left_out.")]
        if left_out:
            total = sum(number for _, number in left_out)
            report.notes.append(f"{total:,} lines are no roads and were left out: {unknown_labels(left_out)}")
        if self._unknown:
            self._count("class.unknown", sum(self._unknown.values()))
            report.notes.append(
                "labels of classes that no rule knows stay classes of their own: "
                + unknown_labels(self._unknown.items())
            )
        if not plan.name.columns:
            report.notes.append(
                "no column of names was found: roads are joined by their class and direction alone"
            )
        if "class" not in plan.fields:
            report.notes.append("no column of classes was found: all roads are of one kind")
