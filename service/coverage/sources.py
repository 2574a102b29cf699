"""What a coverage layer says, place by place: locations, unserved, shares, margins, each with its source.

The rows of a layer become sources (polygons, lines, points, cells, or areas named by codes) with counts that
add up. Nothing is interpolated here and nothing tested.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from data.store import Store
from models.errors import DegenerateInput, InvalidParameter
from service.coverage.area_codes import named_areas
from service.coverage.denominators import Locations, in_areas, in_cells, locations_of
from service.parameters import GapsInputs
from spatial.grid import boundaries, children, hex_strings, parents, resolutions

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Shapes = npt.NDArray[np.object_]
Cells = npt.NDArray[np.uint64]

_COLUMNS = (
    "name", "code", "cell", "geometry", "locations", "served", "underserved", "unserved", "margin",
    "share_served", "source", "attributes",
)  # fmt: skip
_NUMBERS = ("locations", "served", "underserved", "unserved", "margin", "share_served")
#: Codes and rules named in a message.
_MANY = 20
#: Cells without any offer are looked for beside cells that have one, within their common ancestor.
_STEPS_UP = 2


# A column names areas if so many of them have a value of their own: some exports repeat a name.
_NEARLY_ALL = 0.9
# Parts of an area lie together if it is no longer than this share of the layer.
_SMALL_PART = 0.25


@dataclass(frozen=True)
class Sources:
    """The places of a coverage layer and what is counted there; NaN where the layer does not tell.

    Attributes
    ----------
    ids, names : list
        Unique ids; names may be None.
    shapes : array of geometries
        Where each lies; of a cell its outline.
    cells : array of uint64
        H3 cells of their own resolution, 0 for other shapes.
    locations, underserved, unserved : array of float
        Unserved never exceeds locations.
    share : array of float
        Share of unserved locations: of the counts, else of the table.
    margin, share_margin : array of float
        90 % margin of error of `unserved` and of `share`.
    denominator : list of str or None
        Where `locations` comes from.
    """

    ids: list[str]
    names: list[str | None]
    shapes: Shapes
    cells: Cells
    locations: Floats
    underserved: Floats
    unserved: Floats
    share: Floats
    margin: Floats
    share_margin: Floats
    denominator: list[str | None]
    diagnostics: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        """Return the number of places."""
        return len(self.ids)


@dataclass
class _Rows:
    """Rows while they are put in order."""

    ids: list[str]
    names: list[str | None]
    codes: list[str | None]
    attributes: list[str | None]
    cells: Cells
    shapes: Shapes
    number: dict[str, Floats]
    diagnostics: dict[str, Any]
    notes: list[str]

    def kept(self, keep: Mask) -> "_Rows":
        at = np.flatnonzero(keep)
        return replace(
            self,
            ids=[self.ids[row] for row in at],
            names=[self.names[row] for row in at],
            codes=[self.codes[row] for row in at],
            attributes=[self.attributes[row] for row in at],
            cells=self.cells[at],
            shapes=self.shapes[at],
            number={name: values[at] for name, values in self.number.items()},
        )


def coverage_sources(store: Store, inputs: GapsInputs) -> Sources:
    """Return the places of the layer with their counts.

    Raises
    ------
    InvalidParameter
        If the layer holds counts by rule sets and not those asked for, or codes and no areas for them.
    DegenerateInput
        If no row has a place.
    """
    table, is_availability = _of_rules(store, inputs)
    rows = _rows(table)
    rows = _parts_joined(_placed(store, rows, inputs))
    given = locations_of(store, inputs.locations) if inputs.locations else None
    if given is not None:
        rows = _with_offerless(rows, given)
    label = inputs.layer
    if is_availability:
        rows.diagnostics["rules"] = inputs.rules
        if given is None:
            label = f"{inputs.layer}: locations with an offer"
            rows.notes.append(
                "Availability data leave locations without any offer out: the share of unserved ones is too"
                " low by these; a layer of homes as `locations` counts them"
            )
    return _counted(rows, label, given)


def _of_rules(store: Store, inputs: GapsInputs) -> tuple[pa.Table, bool]:
    """Return the layer's rows, of availability data those counted by the rules asked for; is it such data."""
    table = store.rows(inputs.layer, list(_COLUMNS))
    # Availability data are counted at ingest: one row per rule set and cell, called by both.
    before_cell = pc.replace_substring_regex(table["id"], r":[0-9a-f]{15}$", "")
    is_cell = pc.and_(pc.is_valid(table["cell"]), pc.not_equal(before_cell, table["id"]))
    by_rules = pc.fill_null(pc.and_(is_cell, pc.equal(before_cell, table["source"])), False)
    if not pc.any(by_rules).as_py():
        return table, False
    chosen = pc.and_(by_rules, pc.equal(table["source"], inputs.rules))
    if not pc.any(chosen).as_py():
        known = sorted(set(table.filter(by_rules)["source"].to_pylist()))
        raise InvalidParameter(
            f"rules needs one of {', '.join(known[:_MANY])}, by which {inputs.layer!r} is counted;"
            f" got {inputs.rules!r}"
        )
    return table.filter(pc.or_(chosen, pc.invert(by_rules))), True


def _rows(table: pa.Table) -> _Rows:
    number = {name: table[name].cast(pa.float64()).fill_null(np.nan).to_numpy().copy() for name in _NUMBERS}
    shapes = np.array(shapely.from_wkb(table["geometry"].to_pylist()), dtype=object)
    cells = table["cell"].fill_null(0).to_numpy().astype(np.uint64)
    return _Rows(
        ids=table["id"].to_pylist(),
        names=table["name"].to_pylist(),
        codes=table["code"].to_pylist(),
        attributes=table["attributes"].to_pylist(),
        cells=cells,
        shapes=shapes,
        number=number,
        diagnostics={"rows": table.num_rows},
        notes=[],
    )


def _placed(store: Store, rows: _Rows, inputs: GapsInputs) -> _Rows:
    """Give rows that lie by their code the area of that code; rows of one area become one."""
    has_place = (rows.cells > 0) | ~(shapely.is_missing(rows.shapes) | shapely.is_empty(rows.shapes))
    coded = ~has_place & np.array([code is not None for code in rows.codes], dtype=bool)
    rows.diagnostics["rows_without_place"] = int((~has_place & ~coded).sum())
    if not coded.any():
        return _some(rows.kept(has_place), inputs)
    if not inputs.areas:
        raise InvalidParameter(
            f"areas needs a layer with the areas of the codes: {int(coded.sum()):,} of {len(rows.ids):,}"
            f" rows of {inputs.layer!r} lie by a code alone"
            f" (such as {next(code for code in rows.codes if code)!r}); got none"
        )
    codes = sorted({code for code, ask in zip(rows.codes, coded, strict=True) if ask and code})
    areas = named_areas(store, inputs.areas, codes)
    place_of = dict(zip(codes, areas.place.tolist(), strict=True))
    place = np.array(
        [place_of[str(code)] if ask else -1 for code, ask in zip(rows.codes, coded, strict=True)]
    )
    lost = [code for code in codes if place_of[code] < 0]
    rows.diagnostics |= {
        "codes_found_in": areas.column,
        "codes": len(codes),
        "unmatched_codes": len(lost),
        "unmatched_codes_first": lost[:_MANY],
        "unmatched_rows": int((coded & (place < 0)).sum()),
        "areas_without_row": len(
            {n for n, s in enumerate(areas.shapes) if s is not None} - set(place.tolist())
        ),
    }
    if lost:
        rows.notes.append(
            f"{len(lost):,} of {len(codes):,} codes match no area of {inputs.areas}: {', '.join(lost[:5])} …"
        )
    found = np.flatnonzero(place >= 0)
    rows.shapes[found] = areas.shapes[place[found]]
    for row in found:
        rows.names[row] = rows.names[row] or areas.names[place[row]]
    return _some(_one_per_area(rows.kept(has_place | (place >= 0)), place[has_place | (place >= 0)]), inputs)


def _some(rows: _Rows, inputs: GapsInputs) -> _Rows:
    if not rows.ids:
        raise DegenerateInput(f"gaps needs rows with a place; {inputs.layer!r} has none")
    return rows


def _one_per_area(rows: _Rows, place: npt.NDArray[np.int64]) -> _Rows:
    """Add up the rows that name one area; shares and their margins are averaged."""
    own = np.where(place >= 0, place, place.max(initial=0) + 1 + np.arange(len(place)))
    _, first, owner = np.unique(own, return_index=True, return_inverse=True)
    if len(first) == len(own):
        return replace(rows, ids=_by_code(rows))
    n_merged = len(own) - len(first)
    rows.diagnostics["rows_of_one_area"] = n_merged
    rows.notes.append(f"{n_merged:,} rows name an area that another row names: counts added, shares averaged")
    number = {}
    for name, values in rows.number.items():
        known = ~np.isnan(values)
        times = np.bincount(owner[known], minlength=len(first))
        sums: Floats = np.bincount(owner[known], values[known], len(first)).astype(np.float64)
        if name == "margin":
            is_count = ~np.isnan(rows.number["unserved"])[first]
            root = np.sqrt(np.bincount(owner[known], values[known] ** 2, len(first)))
            sums = np.where(is_count, root, sums / np.maximum(times, 1))
        elif name == "share_served":
            sums = sums / np.maximum(times, 1)
        number[name] = np.where(times > 0, sums, np.nan)
    keep = np.zeros(len(own), dtype=bool)
    keep[first] = True
    order = np.argsort(first)
    merged = rows.kept(keep)
    return replace(merged, ids=_by_code(merged), number={n: v[order] for n, v in number.items()})


def _parts_joined(rows: _Rows) -> _Rows:
    """Make one place of polygons that repeat every column of one another: each tells the counts of the whole.

    Only where some column names the areas and their parts lie together. Else rows that are alike are areas
    that count alike.
    """
    dimension = shapely.get_dimensions(rows.shapes)
    told = zip(
        rows.names, rows.attributes, *(values.tolist() for values in rows.number.values()), strict=True
    )
    first_of: dict[str, int] = {}
    first = np.arange(len(rows.ids))
    for row, (name, attributes, *numbers) in enumerate(told):
        if dimension[row] == 2 and rows.cells[row] == 0 and attributes and rows.codes[row] is None:
            first[row] = first_of.setdefault(repr((name, attributes, numbers)), row)
    keep = first == np.arange(len(first))
    areas = np.fromiter(first_of.values(), dtype=np.int64)
    if keep.all() or not _are_named(rows, areas) or not _lie_together(rows.shapes, first):
        return rows
    n_parts = int(np.isin(first, first[~keep]).sum())
    for one in np.unique(first[~keep]):
        rows.shapes[one] = shapely.union_all(rows.shapes[first == one])
    rows.diagnostics["parts_joined"] = n_parts
    rows.notes.append(
        f"{n_parts:,} polygons repeat all columns of another: they are parts of"
        f" {len(np.unique(first[~keep])):,} areas, whose counts are taken once"
    )
    return rows.kept(keep)


def _are_named(rows: _Rows, at: npt.NDArray[np.int64]) -> bool:
    """Return whether a column has another value for (nearly) every area that the whole rows tell apart."""
    values: dict[str, set[str]] = {"": {str(rows.names[row]) for row in at.tolist() if rows.names[row]}}
    for row in at.tolist():
        for name, value in orjson.loads(rows.attributes[row] or "{}").items():
            if value is not None:
                values.setdefault(name, set()).add(repr(value))
    return max(len(one) for one in values.values()) >= _NEARLY_ALL * len(at)


def _lie_together(shapes: Shapes, first: npt.NDArray[np.int64]) -> bool:
    """Return whether most groups of rows extend over a small part of the layer."""
    bounds = shapely.bounds(shapes)
    alike = np.isin(first, first[first != np.arange(len(first))])
    groups, owner = np.unique(first[alike], return_inverse=True)
    low, high = np.full((len(groups), 2), np.inf), np.full((len(groups), 2), -np.inf)
    np.minimum.at(low, owner, bounds[alike, :2])
    np.maximum.at(high, owner, bounds[alike, 2:])
    whole = np.hypot(*(np.nanmax(bounds[:, 2:], axis=0) - np.nanmin(bounds[:, :2], axis=0)))
    return bool(np.median(np.hypot(*(high - low).T)) < _SMALL_PART * whole)


def _by_code(rows: _Rows) -> list[str]:
    """Call areas by their codes, which people know, and not by ids that were made up."""
    taken: set[str] = set()
    ids = []
    for own, code in zip(rows.ids, rows.codes, strict=True):
        called = code if code and code not in taken else own
        taken.add(called)
        ids.append(called)
    return ids


def _with_offerless(rows: _Rows, given: Locations) -> _Rows:
    """Add cells that hold locations and that nobody offers anything to: availability data leave them out.

    Cells of the layer's own resolution are looked at, where an ancestor two levels up holds some of its rows.
    """
    levels = np.unique(resolutions(rows.cells)) if (rows.cells > 0).all() else np.empty(0)
    if len(levels) != 1 or not given.is_placed.any():
        return rows
    level = int(levels[0])
    nearby = children(np.unique(parents(rows.cells, max(level - _STEPS_UP, 0))), level)
    missing = np.setdiff1d(nearby, rows.cells)
    amounts, _ = in_cells(given, missing) if len(missing) else (np.empty(0), 0.0)
    added = missing[amounts > 0]
    rows.diagnostics["cells_without_any_offer"] = len(added)
    if not len(added):
        return rows
    rows.notes.append(
        f"{len(added):,} cells hold locations of {given.layer} and have no row: nothing is offered there"
    )
    nothing = np.zeros(len(added))
    number = {name: np.r_[values, nothing * np.nan] for name, values in rows.number.items()}
    for name in ("served", "underserved"):
        number[name][len(rows.ids) :] = 0.0
    return replace(
        rows,
        ids=rows.ids + hex_strings(added),
        names=rows.names + [None] * len(added),
        codes=rows.codes + [None] * len(added),
        attributes=rows.attributes + [None] * len(added),
        cells=np.r_[rows.cells, added],
        shapes=np.r_[rows.shapes, np.full(len(added), None, dtype=object)],
        number=number,
    )


def _counted(rows: _Rows, own_label: str, given: Locations | None) -> Sources:
    """Make the counts of every source add up, and say where they come from."""
    shapes = rows.shapes
    at = np.flatnonzero(rows.cells > 0)
    if len(at):
        shapes = shapes.copy()
        shapes[at] = boundaries(rows.cells[at])
    told = rows.number
    share_only = np.round(1 - told["share_served"], 12)  # 1 - .01 is .99, not .9900000000000001
    served, under, unserved = told["served"], told["underserved"], told["unserved"]
    n, u, label = told["locations"], unserved, [own_label] * len(rows.ids)
    added = np.isnan(n) & ~np.isnan(served) & ~np.isnan(u)
    n = np.where(added, served + np.nan_to_num(under) + u, n)
    if given is not None:
        n, outside = _denominators(rows, shapes, given)
        rows.diagnostics |= {"locations_layer": given.layer, "locations_outside_areas": outside}
        label = [given.layer] * len(rows.ids)
        provided = served + np.nan_to_num(under)
        rest = n - provided
        rest = np.where(np.isnan(rest), n - u, rest)
        capped = rest < 0
        u = np.where(np.isnan(provided), u, np.maximum(rest, 0))
        n = np.where(capped, n - rest, n)
        rows.diagnostics |= {"capped": int(capped.sum()), "capped_locations": float(-rest[capped].sum())}
        if capped.any():
            rows.notes.append(
                f"{int(capped.sum()):,} places have more locations counted than {given.layer} has in all"
                f" ({-rest[capped].sum():,.0f} more): as many are taken as are counted, and none is added"
            )
    rest = n - served - np.nan_to_num(under)
    u = np.where(np.isnan(u) & ~np.isnan(rest), np.maximum(rest, 0), u)
    from_share = np.isnan(u) & ~np.isnan(n) & ~np.isnan(share_only)
    u = np.where(from_share, n * share_only, u)
    return _sources(rows, shapes, n, u, share_only, from_share, label)


def _sources(
    rows: _Rows, shapes: Shapes, n: Floats, u: Floats, share_only: Floats, from_share: Mask, label: list[str]
) -> Sources:
    over = u > n * (1 + 1e-9)
    if over.any():
        rows.notes.append(f"{int(over.sum()):,} rows have more unserved than locations: no share, no test")
        n, u = np.where(over, np.nan, n), np.where(over, np.nan, u)
    has_counts = ~np.isnan(n) & ~np.isnan(u)
    of_counts = np.divide(u, n, out=np.full(len(n), np.nan), where=has_counts & (n > 0))
    share = np.where(np.isnan(of_counts) & ~has_counts, share_only, of_counts)
    # The table's margin is one of the count where it counts, else of the share.
    counts_margin = np.where(np.isnan(rows.number["unserved"]), np.nan, rows.number["margin"])
    own_share_margin = np.where(np.isnan(rows.number["unserved"]), rows.number["margin"], np.nan)
    margin = np.where(from_share, own_share_margin * n, counts_margin)
    by_counts = np.divide(counts_margin, n, out=np.full(len(n), np.nan), where=n > 0)
    rows.diagnostics |= {
        "places": len(rows.ids),
        "places_without_counts": int((~has_counts).sum()),
        "places_without_locations": int((has_counts & (n == 0)).sum()),
        "unserved_from_share": int(from_share.sum()),
        "more_unserved_than_locations": int(over.sum()),
    }
    if from_share.any():
        rows.notes.append(f"{int(from_share.sum()):,} places: unserved is the table's share of the locations")
    return Sources(
        _unique(rows.ids), rows.names, shapes, rows.cells, n, rows.number["underserved"], u, share, margin,
        np.where(np.isnan(by_counts), own_share_margin, by_counts),
        [name if known else None for name, known in zip(label, has_counts.tolist(), strict=True)],
        rows.diagnostics, rows.notes,
    )  # fmt: skip


def _denominators(rows: _Rows, shapes: Shapes, given: Locations) -> tuple[Floats, float]:
    """Return the locations of every source: by code where the layer has codes alone, else by place."""
    if not given.is_placed.any():
        known: dict[str, float] = {}
        for code, value in zip(given.codes, np.nan_to_num(given.values).tolist(), strict=True):
            if code is not None:
                known[code.lstrip("0")] = known.get(code.lstrip("0"), 0.0) + value
        asked = [(code or own).lstrip("0") for code, own in zip(rows.codes, rows.ids, strict=True)]
        found = np.array([known.pop(code, np.nan) for code in asked])
        return found, float(sum(known.values()))
    levels = np.unique(resolutions(rows.cells)) if (rows.cells > 0).all() else np.empty(0)
    if len(levels) == 1 and len(np.unique(rows.cells)) == len(rows.cells):
        return in_cells(given, rows.cells)
    flat = shapely.get_dimensions(shapes) == 2
    found = np.full(len(shapes), np.nan)
    found[flat], outside = in_areas(given, shapes[flat])
    return found, outside


def _unique(ids: list[str]) -> list[str]:
    """Return ids, each once: a number is added where one comes again."""
    seen: dict[str, int] = {}
    found = []
    for one in ids:
        seen[one] = seen.get(one, 0) + 1
        found.append(one if seen[one] == 1 else f"{one}.{seen[one]}")
    return found
