"""Areas that codes name: the features of a layer, found by the column that holds the codes."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from data.store import Store

Shapes = npt.NDArray[np.object_]
Indices = npt.NDArray[np.int64]

#: What stands before a code in some census files: `0500000US04013`.
_PREFIXED = re.compile(r"^\d{3}[0-9A-Z]{2,6}US(\d+)$")
#: What spreadsheets leave behind: `4013.0`.
_DECIMALS = re.compile(r"\.0+$")


@dataclass(frozen=True)
class NamedAreas:
    """The areas of a layer, one per code, and the place of every code that was asked for (-1: none)."""

    shapes: Shapes
    names: list[str | None]
    place: Indices
    column: str


def named_areas(store: Store, layer_id: str, codes: Sequence[str]) -> NamedAreas:
    """Return the areas that codes mean.

    The codes are looked for in every column of the layer (id, code, name, attributes); the one that holds
    most of them is taken. A code is compared as it stands, then without the zeros in front that tables lose,
    where only one area fits. Rows of one code are parts of one area.
    """
    layer = store.layer(layer_id)
    is_coverage = layer.kind == "coverage"
    columns = ["name", "geometry", "attributes", *(["code"] if is_coverage else [])]
    table = store.rows(layer_id, columns)
    wkb = table["geometry"].to_pylist()
    kept = [row for row, one in enumerate(wkb) if one is not None]
    shapes = np.array(shapely.from_wkb([wkb[row] for row in kept]), dtype=object)
    texts = _columns({name: table[name].to_pylist() for name in table.column_names}, kept)
    found = {name: _places(values, codes) for name, values in texts.items()}
    column = max(found, key=lambda name: int((found[name][1] >= 0).sum()), default="")
    if not column:
        return NamedAreas(np.empty(0, dtype=object), [], np.full(len(codes), -1), "")
    owner, place = found[column]
    n_areas = int(owner.max(initial=-1)) + 1
    rows_of = [np.flatnonzero(owner == number) for number in np.unique(place[place >= 0])]
    merged: Shapes = np.full(n_areas, None, dtype=object)
    names: list[str | None] = [None] * n_areas
    for rows in rows_of:
        number = int(owner[rows[0]])
        merged[number] = shapes[rows[0]] if len(rows) == 1 else shapely.union_all(shapes[rows])
        names[number] = texts["name"][rows[0]]
    return NamedAreas(merged, names, place, column)


def _columns(table: dict[str, list[str | None]], kept: list[int]) -> dict[str, list[str | None]]:
    """Return every column of the layer as texts, attributes too."""
    told = [json.loads(str(table["attributes"][row])) if table["attributes"][row] else {} for row in kept]
    found: dict[str, list[str | None]] = {
        name: [table[name][row] for row in kept] for name in table if name in ("id", "code", "name")
    }
    for name in dict.fromkeys(name for one in told for name in one):
        values = [one.get(name) for one in told]
        found[f"attribute {name}"] = [
            str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
            for value in values
        ]
    return found


def _places(values: Sequence[str | None], codes: Sequence[str]) -> tuple[Indices, Indices]:
    """Return the area of each row (rows of one text are one area) and the area of each code, -1 for none."""
    exact: dict[str, int] = {}
    owner = np.full(len(values), -1, dtype=np.int64)
    for row, value in enumerate(values):
        if value and value.strip():
            owner[row] = exact.setdefault(_code(value), len(exact))
    bare: dict[str, int] = {}
    for text, number in exact.items():
        key = _bare(text)
        bare[key] = -1 if key in bare else number
    place = [exact.get(_code(code), bare.get(_bare(_code(code)), -1)) for code in codes]
    return owner, np.array(place, dtype=np.int64)


def _code(text: str) -> str:
    plain = _DECIMALS.sub("", text.strip())
    prefixed = _PREFIXED.match(plain)
    return prefixed[1] if prefixed else plain


def _bare(text: str) -> str:
    return text.lstrip("0") if text.isdecimal() else text.casefold()
