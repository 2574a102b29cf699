"""Areas, lines and sites out of any raw source: geometry to WGS 84, repaired, and the books kept."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from data import aliases
from data.attributes import RowJson, spelled
from data.columns import checked_mapping, named, position_columns
from data.errors import MissingField
from data.numbers import NumberStyle, is_null, number_style, numbers
from data.observations import Observations
from data.overlapping_areas import area_overlaps, n_rings
from data.plan import WGS84, crs_name, empty_columns, is_geographic
from data.positions import looks_like_position, shapes_from_text
from data.raw_rows import as_text, first_filled, reject_table, replayed, with_geometry
from data.readers.raw import RawChunk, RawFacts, RawReject, RawSource
from data.records import FEATURE_SCHEMA, CleanBatch, IngestSpec, ReadReport
from spatial.coordinates import wgs84_geometries
from spatial.errors import UnknownCrs
from spatial.geometry import repaired
from spatial.grid import are_valid, boundaries

Shapes = NDArray[np.object_]

#: Which geometries a kind can use: 0 point, 1/2/5 lines, 3/6 areas, 4 points; any where a kind is not named.
_AREAS, _LINES = (3, 6), (1, 2, 5)
_USABLE = {"boundary": _AREAS, "sewersheds": _AREAS, "roads": _LINES}
_NOUNS = {"boundary": "an area", "sewersheds": "an area", "roads": "a line"}

REASONS = {
    "no_geometry": "a geometry is needed, the row has none",
    "unreadable_geometry": "the geometry is not readable",
    "not_finite": "finite coordinates are needed",
    "out_of_range": "longitude within ±180 and latitude within ±90 are needed",
    "wrong_geometry": "the geometry is of another kind than the layer needs",
    "unusable_geometry": "nothing is left of the geometry after repair",
}
_CODES = ("", *REASONS)


@dataclass
class _FeaturePlan:
    """Where geometry and fields come from; no `geometry` column means the format carries it."""

    geometry: str | None
    pair: tuple[str, str] | None
    cell: str | None
    crs: str
    fields: dict[str, str]
    renamed: dict[str, str]
    style: NumberStyle
    pair_style: NumberStyle
    notes: list[str] = field(default_factory=list)

    @property
    def taken(self) -> set[str]:
        """The columns that do not go among the attributes under their own name."""
        columns = {*self.fields.values(), *self.renamed.values(), *(self.pair or ())}
        return columns | {c for c in (self.geometry, self.cell) if c}


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
            crs=crs_name(self._plan.crs),
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
        shapes, missing = _read_shapes(chunk, self._plan)
        if self._kind == "sewersheds":
            self._count("geometry.rings", n_rings(shapes))
        code = np.zeros(len(shapes), np.int8)
        empty = shapely.is_empty(shapes)
        _mark(code, missing | empty, "no_geometry")
        _mark(code, shapely.is_missing(shapes), "unreadable_geometry")
        good = np.flatnonzero(code == 0)
        moved = wgs84_geometries(shapes[good], self._plan.crs)
        _mark_at(code, good, ~_is_finite(moved), "not_finite")
        _mark_at(code, good, ~_is_on_globe(moved), "out_of_range")
        usable = _USABLE.get(self._kind)
        if usable:
            moved = _only_parts(moved, usable)
            _mark_at(code, good, ~np.isin(shapely.get_type_id(moved), usable), "wrong_geometry")
        sound = code[good] == 0
        fixed, n_repaired = repaired(moved[sound])
        self._count("geometry.repaired", n_repaired)
        _mark_at(code, good[sound], shapely.is_empty(fixed) | shapely.is_missing(fixed), "unusable_geometry")
        result = np.full(len(shapes), None, dtype=object)
        result[good[sound]] = fixed
        if self._kind == "sewersheds":
            kept = result[code == 0]
            self._count("geometry.rings_kept", n_rings(kept))
            self._areas.append(kept)
        return result, code

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
        column = self._plan.fields.get(name)
        if column is None:
            return pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
        text = pc.utf8_trim_whitespace(as_text(table[column]))
        return pc.if_else(is_null(text), pa.scalar(None, pa.string()), text)

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
        texts = self._json.of(chunk.table.take(pa.array(bad)), chunk.table.column_names).to_pylist()
        if chunk.geometry is not None:
            wkb = chunk.geometry.take(pa.array(bad)).to_numpy(zero_copy_only=False)
            shapes = shapely.from_wkb(wkb, on_invalid="ignore")
            texts = [with_geometry(text, shape) for text, shape in zip(texts, shapes, strict=True)]
        own = [
            RawReject(int(chunk.rows[i]), _CODES[code[i]], self._words(_CODES[code[i]]), text or "")
            for i, text in zip(bad, texts, strict=True)
        ]
        return reject_table([*own, *chunk.rejects])

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
        report.notes += [*self._raw.facts.notes, *self._plan.notes]
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
    geometry, pair, cell = _place(sample, facts, chosen, free)
    taken = {c for c in (geometry, *(pair or ()), cell) if c}
    fields = {f: parts[0] for f, parts in chosen.items() if parts and f in aliases.FEATURE_FIELDS}
    wanted = {
        "id": aliases.FEATURE_ID,
        "value": aliases.FEATURE_VALUE.get(kind, []),
        "name": [*aliases.KIND_NAME.get(kind, []), *aliases.FEATURE_NAME],
    }
    for name, names in wanted.items():
        # A cell is a good identity as well: only columns that another field holds are out.
        out = taken - {cell} if name == "id" and cell else taken
        if name not in chosen and (column := named(free, names, out, empty)):
            fields[name] = column
            taken.add(column)
    renamed = {f: chosen[f][0] for f in extras if chosen.get(f)}
    for name, names in extras.items():
        if name not in chosen and (column := named(free, names, taken, empty)):
            renamed[name] = column
            taken.add(column)
    style = number_style(sample.table[fields["value"]]) if "value" in fields else NumberStyle()
    pair_style = NumberStyle()
    if pair:
        styles = [number_style(sample.table[c], degrees=True) for c in pair]
        pair_style = NumberStyle(any(s.decimal_comma for s in styles))
    plan = _FeaturePlan(geometry, pair, cell, WGS84, fields, renamed, style, pair_style)
    plan.crs = _crs(plan, sample, facts, spec)
    return plan


def _place(
    sample: RawChunk, facts: RawFacts, chosen: dict[str, list[str]], free: list[str]
) -> tuple[str | None, tuple[str, str] | None, str | None]:
    """Return the column of geometries, the pair of coordinates or the cells; none for the file's own."""
    pairs, planar, geometries = position_columns(free, chosen)
    mapped = any(chosen.get(f) for f in ("geometry", "lng", "x", "cell"))
    if sample.geometry is not None and not mapped:
        return None, None, None
    if chosen.get("cell"):
        return None, None, chosen["cell"][0]
    texts = [c for c in geometries if chosen.get("geometry") or looks_like_position(sample.table[c])]
    if texts:
        return texts[0], None, None
    cell = next((c for c in free if _holds_cells(sample.table[c])), None) if "cell" not in chosen else None
    if cell and not (chosen.get("lng") or chosen.get("x")):
        return None, None, cell
    for pair in [*pairs, *planar]:
        return None, pair, None
    listed = ", ".join(facts.columns[:12]) + (" …" if len(facts.columns) > 12 else "")
    raise MissingField(
        f"{facts.name}: a geometry (WKT, coordinates or H3 cells) is needed, found {listed[:300]}; "
        "name it with --map geometry=…"
    )


def _holds_cells(column: pa.ChunkedArray) -> bool:
    """Return whether a column of text holds H3 cells."""
    if not pa.types.is_string(column.type):
        return False
    head = column.drop_null().slice(0, 200)
    looks = pc.match_substring_regex(head, r"^8[0-9a-fA-F]{14}$")
    return len(head) > 0 and bool(pc.all(looks).as_py()) and bool(are_valid(_cells(head)).all())


def _cells(column: pa.ChunkedArray) -> NDArray[np.uint64]:
    texts = pc.if_else(pc.match_substring_regex(column, r"^[0-9a-fA-F]{15}$"), column, pa.scalar("0"))
    return np.array([int(t or "0", 16) for t in texts.to_pylist()], dtype=np.uint64)


def _crs(plan: _FeaturePlan, sample: RawChunk, facts: RawFacts, spec: IngestSpec) -> str:
    if plan.cell:
        return WGS84
    own = facts.crs if plan.geometry is None and plan.pair is None else None
    if spec.crs is not None:
        is_geographic(spec.crs)
        if own and crs_name(own) != crs_name(spec.crs):
            plan.notes.append(f"--crs {spec.crs} was taken instead of the file's own {crs_name(own)}")
        return spec.crs
    if own:
        return own
    shapes, _ = _read_shapes(sample, plan)
    bounds = shapely.bounds(shapes)
    finite = bounds[np.isfinite(bounds).all(axis=1)]
    if len(finite) and (np.abs(finite) > 360).any(axis=1).mean() > 0.5:
        x, y = finite[:, 0], finite[:, 1]
        raise UnknownCrs(
            f"{facts.name}: degrees or a named reference system are needed, got x from {x.min():.7g} to "
            f"{x.max():.7g} and y from {y.min():.7g} to {y.max():.7g}; say which with --crs EPSG:…"
        )
    return WGS84


def _read_shapes(chunk: RawChunk, plan: _FeaturePlan) -> tuple[Shapes, NDArray[np.bool_]]:
    """Return geometries as they came, and where there is none."""
    if plan.cell:
        return _cell_shapes(as_text(chunk.table[plan.cell]))
    if plan.pair:
        x, y = (numbers(chunk.table[c], plan.pair_style) for c in plan.pair)
        shapes = np.asarray(shapely.points(x.values, y.values), dtype=object)
        bad = x.is_unreadable | y.is_unreadable
        shapes[bad] = None
        return shapes, x.is_missing | y.is_missing
    if plan.geometry:
        return shapes_from_text(chunk.table[plan.geometry])
    if chunk.geometry is None:
        raise MissingField("a geometry is needed, the layer has none")
    missing = np.array(pc.is_null(chunk.geometry).to_numpy(zero_copy_only=False), dtype=np.bool_)
    values = chunk.geometry.to_numpy(zero_copy_only=False)
    return np.asarray(shapely.from_wkb(values, on_invalid="ignore"), dtype=object), missing


def _cell_shapes(column: pa.ChunkedArray) -> tuple[Shapes, NDArray[np.bool_]]:
    cells = _cells(column)
    known = are_valid(cells)
    shapes = np.full(len(cells), None, dtype=object)
    shapes[known] = boundaries(cells[known])
    return shapes, np.array(pc.is_null(column).to_numpy(), dtype=np.bool_)


def _is_finite(shapes: Shapes) -> NDArray[np.bool_]:
    points, of_shape = shapely.get_coordinates(shapes, return_index=True)
    result = np.ones(len(shapes), np.bool_)
    result[of_shape[~np.isfinite(points).all(axis=1)]] = False
    return result


def _is_on_globe(shapes: Shapes) -> NDArray[np.bool_]:
    west, south, east, north = shapely.bounds(shapes).T
    # Half a millionth of a degree is what projections lose at the edge of the world.
    slack = 5e-7
    with np.errstate(invalid="ignore"):
        return np.asarray(
            (west >= -180 - slack) & (east <= 180 + slack) & (south >= -90 - slack) & (north <= 90 + slack),
            dtype=np.bool_,
        )


def _only_parts(shapes: Shapes, usable: tuple[int, ...]) -> Shapes:
    """Return collections reduced to the parts that the layer can use; the rest as it is."""
    result = shapes.copy()
    for row in np.flatnonzero(shapely.get_type_id(shapes) == 7):
        parts = shapely.get_parts(shapes[row])
        fitting = parts[np.isin(shapely.get_type_id(parts), usable)]
        if len(fitting):
            result[row] = shapely.union_all(fitting)
    return result


def _mark(code: NDArray[np.int8], where: NDArray[np.bool_], reason: str) -> None:
    code[(code == 0) & where] = _CODES.index(reason)


def _mark_at(code: NDArray[np.int8], rows: NDArray[np.int64], where: NDArray[np.bool_], reason: str) -> None:
    chosen = rows[where]
    code[chosen[code[chosen] == 0]] = _CODES.index(reason)


def _told(plan: _FeaturePlan, kind: str) -> dict[str, str]:
    result = {aliases.VALUE_NAME.get(kind, f) if f == "value" else f: c for f, c in plan.fields.items()}
    if plan.pair:
        result["lng"], result["lat"] = plan.pair
    elif plan.cell:
        result["cell"] = plan.cell
    else:
        result["geometry"] = plan.geometry or "(geometry)"
    return result | plan.renamed
