"""The polygons of a sewershed layer, one per sewershed, and which of them each series of samples means."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from data.store import Store

Floats = npt.NDArray[np.float64]
Shapes = npt.NDArray[np.object_]

#: What the store makes up for a row that brought no id of its own.
_MADE_ID = re.compile(r"[0-9a-f]{20,}-\d+")


@dataclass(frozen=True)
class Sewersheds:
    """The sewersheds of a layer in its order; `keys` are how the findings call them, each once.

    `population` is NaN where the layer tells none. `names` are None where it tells none.
    """

    keys: list[str]
    names: list[str | None]
    population: Floats
    shapes: Shapes
    notes: list[str]


@dataclass(frozen=True)
class Joined:
    """Sewersheds with samples joined to them: sampled name → its sewershed's place, or None without one."""

    sewersheds: Sewersheds
    place_of: dict[str, int | None]


@dataclass(frozen=True)
class _Polygons:
    ids: list[str | None]
    names: list[str | None]
    attributes: list[dict[str, str]]
    population: Floats
    shapes: Shapes


def joined_sewersheds(store: Store, layer_id: str, sampled: Sequence[str]) -> Joined:
    """Return a layer's sewersheds, and which of them the names in the samples mean.

    A name is looked for among the ids, then the names, then the other columns of the layer: as it stands,
    then without regard to case, blanks and hyphens, then without leading zeros. Where a name fits several
    sewersheds it fits none of them. Findings call the sewersheds as most samples do: by id, name or another
    column.
    """
    polygons = _polygons(store, layer_id)
    columns = {"id": polygons.ids, "name": polygons.names} | _further(polygons)
    found = _found(sampled, columns)
    used = [where.column for where in found.values()]
    keyed_by = max(dict.fromkeys(used), key=used.count) if used else "name"
    keys = [_key(columns, keyed_by, row) for row in range(len(polygons.ids))]
    sewersheds = _merged(polygons, keys)
    place = {key: number for number, key in enumerate(sewersheds.keys)}
    place_of: dict[str, int | None] = dict.fromkeys(sampled)
    for text, where in found.items():
        # Rows of one value are the parts of one sewershed only where that value is what it is called.
        if len({keys[row] for row in where.rows}) == 1:
            place_of[text] = place[keys[where.rows[0]]]
    return Joined(sewersheds, place_of)


@dataclass(frozen=True)
class _Where:
    column: str
    rows: list[int]


def _polygons(store: Store, layer_id: str) -> _Polygons:
    table = store.rows(layer_id, ["name", "value", "geometry", "attributes"])
    told = [json.loads(text) if text else {} for text in table["attributes"].to_pylist()]
    return _Polygons(
        [None if _MADE_ID.fullmatch(one) else one for one in table["id"].to_pylist()],
        [name.strip() or None if name else None for name in table["name"].to_pylist()],
        [{key: str(value) for key, value in one.items() if isinstance(value, str | int)} for one in told],
        np.array([np.nan if v is None else v for v in table["value"].to_pylist()], dtype=float),
        np.array(shapely.from_wkb(table["geometry"].to_pylist()), dtype=object),
    )


def _further(polygons: _Polygons) -> dict[str, list[str | None]]:
    names = dict.fromkeys(name for one in polygons.attributes for name in one)
    return {f"attribute {name}": [one.get(name) for one in polygons.attributes] for name in names}


def _found(sampled: Sequence[str], columns: dict[str, list[str | None]]) -> dict[str, _Where]:
    """Return the rows of the layer that each name means; none for a name that nothing or too much fits."""
    found: dict[str, _Where] = {}
    for spelling in (str, _plain, _without_zeros):
        for column, values in columns.items():
            rows_of: dict[str, list[int]] = {}
            for row, value in enumerate(values):
                if value:
                    rows_of.setdefault(spelling(value), []).append(row)
            for text in sampled:
                rows = rows_of.get(spelling(text), [])
                is_one = len(rows) == 1 or (column == "name" and len({values[row] for row in rows}) == 1)
                if text not in found and is_one:
                    found[text] = _Where(column, rows)
    return found


def _plain(text: str) -> str:
    return re.sub(r"[\s_\-.]+", "", text).casefold()


def _without_zeros(text: str) -> str:
    plain = re.sub(r"\.0+$", "", text.strip())
    return _plain(plain).lstrip("0") or "0"


def _key(columns: dict[str, list[str | None]], keyed_by: str, row: int) -> str:
    """Return how a sewershed is called: by the column that the samples use, else name, else id."""
    for column in (keyed_by, "name", "id"):
        if text := columns[column][row]:
            return text
    return f"row {row + 1}"


def _merged(polygons: _Polygons, keys: Sequence[str]) -> Sewersheds:
    """Make one sewershed of the rows of one key: a layer may hold its parts in rows of their own."""
    rows_of: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        rows_of.setdefault(key, []).append(row)
    parts = [polygons.shapes[rows] for rows in rows_of.values()]
    several = [key for key, rows in rows_of.items() if len(rows) > 1]
    notes = []
    if several:
        n_rows = sum(len(rows_of[key]) for key in several)
        notes.append(f"{n_rows:,} polygons were joined to {len(several):,} sewersheds: {named_some(several)}")
    shapes = np.full(len(parts), None, dtype=object)
    shapes[:] = [some[0] if len(some) == 1 else shapely.union_all(some) for some in parts]
    return Sewersheds(
        list(rows_of),
        [
            next((polygons.names[row] for row in rows if polygons.names[row]), None)
            for rows in rows_of.values()
        ],
        np.array([_people(polygons.population[rows]) for rows in rows_of.values()], dtype=float),
        shapes,
        notes,
    )


def _people(parts: Floats) -> float:
    """Return the people of a sewershed: the sum of its parts, or what each part repeats of the whole."""
    known = parts[~np.isnan(parts)]
    if not len(known):
        return float("nan")
    return float(known[0] if (known == known[0]).all() else known.sum())


def named_some(names: Sequence[str], most: int = 8) -> str:
    """Return names for a sentence, the first of them where they are many.

    Examples
    --------
    >>> named_some(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
