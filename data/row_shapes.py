"""Where the rows of areas, lines and sites lie: the columns that say so, and their geometries in degrees."""

import re
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from data.columns import position_columns
from data.errors import MissingField
from data.numbers import NumberStyle, number_style, numbers
from data.plan import WGS84, crs_name, is_geographic
from data.positions import looks_like_position, shapes_from_text
from data.raw_rows import as_text
from data.readers.raw import RawChunk, RawFacts
from data.records import IngestSpec
from spatial.coordinates import wgs84_geometries
from spatial.errors import UnknownCrs
from spatial.geometry import repaired
from spatial.grid import are_valid, boundaries

Shapes = NDArray[np.object_]
Flags = NDArray[np.bool_]

#: What can be wrong with a row's geometry, in the order in which it is tried, with words.
REASONS = {
    "no_geometry": "a geometry is needed, the row has none",
    "unreadable_geometry": "the geometry is not readable",
    "not_finite": "finite coordinates are needed",
    "out_of_range": "longitude within ±180 and latitude within ±90 are needed",
    "wrong_geometry": "the geometry is of another kind than the layer needs",
    "unusable_geometry": "nothing is left of the geometry after repair",
}
CODES = ("", *REASONS)


@dataclass
class ShapePlan:
    """Where geometry comes from; no column at all means that the format carries it."""

    geometry: str | None
    pair: tuple[str, str] | None
    cell: str | None
    crs: str = WGS84
    pair_style: NumberStyle = field(default_factory=NumberStyle)
    notes: list[str] = field(default_factory=list)

    @property
    def columns(self) -> set[str]:
        """The columns that say where the rows lie."""
        return {*(self.pair or ()), *(c for c in (self.geometry, self.cell) if c)}

    def recognised(self) -> dict[str, str]:
        """Return field → column, as told to people."""
        if self.pair:
            return dict(zip(("lng", "lat"), self.pair, strict=True))
        return {"cell": self.cell} if self.cell else {"geometry": self.geometry or "(geometry)"}


@dataclass(frozen=True)
class JudgedShapes:
    """Geometries fit to keep, None elsewhere; the index in `CODES` of what is wrong with each."""

    shapes: Shapes
    code: NDArray[np.int8]
    n_repaired: int


def shape_plan(
    sample: RawChunk, facts: RawFacts, spec: IngestSpec, chosen: dict[str, list[str]], free: list[str]
) -> ShapePlan | None:
    """Return where a file's geometries are: mapped, its own, or told by names and values; None if nowhere.

    Raises
    ------
    UnknownCrs
        If the coordinates are in no system that was named.
    """
    place = _place(sample, chosen, free)
    if place is None:
        return None
    geometry, pair, cell = place
    styles = [number_style(sample.table[c], degrees=True) for c in pair or ()]
    plan = ShapePlan(geometry, pair, cell, pair_style=NumberStyle(any(s.decimal_comma for s in styles)))
    plan.crs = _crs(plan, sample, facts, spec)
    return plan


def _place(
    sample: RawChunk, chosen: dict[str, list[str]], free: list[str]
) -> tuple[str | None, tuple[str, str] | None, str | None] | None:
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
    return next(((None, pair, None) for pair in [*pairs, *planar]), None)


def _crs(plan: ShapePlan, sample: RawChunk, facts: RawFacts, spec: IngestSpec) -> str:
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
    shapes, _ = read_shapes(sample, plan)
    bounds = shapely.bounds(shapes)
    finite = bounds[np.isfinite(bounds).all(axis=1)]
    if len(finite) and (np.abs(finite) > 360).any(axis=1).mean() > 0.5:
        x, y = finite[:, 0], finite[:, 1]
        raise UnknownCrs(
            f"{facts.name}: degrees or a named reference system are needed, got x from {x.min():.7g} to "
            f"{x.max():.7g} and y from {y.min():.7g} to {y.max():.7g}; say which with --crs EPSG:…"
        )
    return WGS84


def judged_shapes(shapes: Shapes, missing: Flags, crs: str, usable: tuple[int, ...] = ()) -> JudgedShapes:
    """Return geometries in WGS 84, repaired; `usable` are the types that may be, all where none is named."""
    code = np.zeros(len(shapes), np.int8)
    _mark(code, missing | shapely.is_empty(shapes), "no_geometry")
    _mark(code, shapely.is_missing(shapes), "unreadable_geometry")
    good = np.flatnonzero(code == 0)
    moved = wgs84_geometries(shapes[good], crs)
    _mark_at(code, good, ~_are_finite(moved), "not_finite")
    _mark_at(code, good, ~_are_on_globe(moved), "out_of_range")
    if usable:
        moved = _only_parts(moved, usable)
        _mark_at(code, good, ~np.isin(shapely.get_type_id(moved), usable), "wrong_geometry")
    sound = code[good] == 0
    fixed, n_repaired = repaired(moved[sound])
    _mark_at(code, good[sound], shapely.is_empty(fixed) | shapely.is_missing(fixed), "unusable_geometry")
    result = np.full(len(shapes), None, dtype=object)
    result[good[sound]] = fixed
    return JudgedShapes(result, code, n_repaired)


def read_shapes(chunk: RawChunk, plan: ShapePlan) -> tuple[Shapes, Flags]:
    """Return geometries as they came, and where there is none."""
    if plan.cell:
        return _cell_shapes(chunk.table[plan.cell])
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


def _are_finite(shapes: Shapes) -> Flags:
    points, of_shape = shapely.get_coordinates(shapes, return_index=True)
    result = np.ones(len(shapes), np.bool_)
    result[of_shape[~np.isfinite(points).all(axis=1)]] = False
    return result


def _are_on_globe(shapes: Shapes) -> Flags:
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


def _holds_cells(column: pa.ChunkedArray) -> bool:
    """Return whether a column of text holds H3 cells."""
    if not pa.types.is_string(column.type):
        return False
    head = column.drop_null().slice(0, 200)
    looks = pc.match_substring_regex(head, r"^8[0-9a-fA-F]{14}$")
    return len(head) > 0 and bool(pc.all(looks).as_py()) and bool((cells_of(head) > 0).all())


def cells_of(column: pa.ChunkedArray) -> NDArray[np.uint64]:
    """Return the H3 cells of a column (hexadecimal text, or integers as they are), 0 where there is none."""
    if pa.types.is_integer(column.type):
        cells = np.array(column.fill_null(0).to_numpy()).astype(np.uint64)
    else:
        text = pc.utf8_trim_whitespace(as_text(column))
        cells = np.array([_cell(t) for t in text.to_pylist()], dtype=np.uint64)
    cells[~are_valid(cells)] = 0
    return cells


def _cell(text: str | None) -> int:
    if text is None:
        return 0
    if re.fullmatch(r"0?8[0-9a-fA-F]{14}", text):
        return int(text, 16)
    return int(text) if re.fullmatch(r"\d{18,19}", text) else 0


def _cell_shapes(column: pa.ChunkedArray) -> tuple[Shapes, Flags]:
    cells = cells_of(column)
    shapes = np.full(len(cells), None, dtype=object)
    shapes[cells > 0] = boundaries(cells[cells > 0])
    return shapes, np.array(pc.is_null(column).to_numpy(), dtype=np.bool_)


def _mark(code: NDArray[np.int8], where: Flags, reason: str) -> None:
    code[(code == 0) & where] = CODES.index(reason)


def _mark_at(code: NDArray[np.int8], rows: NDArray[np.int64], where: Flags, reason: str) -> None:
    chosen = rows[where]
    code[chosen[code[chosen] == 0]] = CODES.index(reason)
