"""Which column of a file holds which canonical field: by the user's mapping, else by its name."""

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from data import aliases
from data.errors import InvalidMapping

_NAMES: dict[str, list[str]] = {
    "id": aliases.ID,
    "time": aliases.TIME,
    "category": aliases.CATEGORY,
    "severity": aliases.SEVERITY,
    "street": aliases.STREET,
    "mode": aliases.MODE,
    "weight": aliases.WEIGHT,
}

_SHAPEFILE_NAME_LENGTH = 10
_LEAST_CUT_NAME = 8

_LNG_WORDS = {"lng", "lon", "long", "longitude", "longitud"}
_LAT_WORDS = {"lat", "latitude", "latitud"}
_X_WORDS = {"x"}
_Y_WORDS = {"y"}


@dataclass(frozen=True)
class Recognised:
    """The candidates among a file's columns, best first; what suits the values is chosen later.

    `pairs` are (x, y) columns in degrees, `planar` in any unit, `geometries` whole positions as text.
    `times` are columns for instants or dates, `times_of_day` complete a date, `date_parts` are year,
    month and day. `fixed` are the fields that the user mapped (their candidates are then the only ones).
    """

    fields: Mapping[str, str]
    pairs: Sequence[tuple[str, str]]
    planar: Sequence[tuple[str, str]]
    geometries: Sequence[str]
    times: Sequence[str]
    times_of_day: Sequence[str]
    date_parts: Sequence[str]
    fixed: frozenset[str]


@lru_cache(maxsize=1 << 15)
def plain(name: str) -> str:
    """Return a column name without case, accents, spaces and punctuation.

    Examples
    --------
    >>> plain("Data_Ocorrência"), plain(" Crime ID"), plain("timeStamp")
    ('dataocorrencia', 'crimeid', 'timestamp')
    """
    spelled = name.replace("ß", "ss").replace("º", "").replace("°", "")
    bare = "".join(c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", "", bare.casefold())


def recognise(
    columns: Sequence[str],
    mapping: Mapping[str, str],
    empty: frozenset[str] = frozenset(),
    positions: frozenset[str] = frozenset(),
) -> Recognised:
    """Return the candidates for each incident field; columns seen `empty` come after all others.

    `positions` are columns whose values are positions: they are no street, whatever their name.


    Raises
    ------
    InvalidMapping
        If the mapping names a field or a column that does not exist.
    """
    chosen = checked_mapping(mapping, columns, (*aliases.INCIDENT_FIELDS, *aliases.POSITION_FIELDS))
    free = [c for c in columns if c not in {part for parts in chosen.values() for part in parts}]
    fields = {f: parts[0] for f, parts in chosen.items() if parts and f in _NAMES and f != "time"}
    pairs, planar, geometries = position_columns(free, chosen)
    times, of_day, parts = _times(free, chosen)
    # A column serves one field; what places the incident in space and time goes first.
    taken = {c for pair in pairs[:1] for c in pair} | positions | set(times[:1]) | set(fields.values())
    for field in ("id", "severity", "mode", "weight", "category", "street"):
        words = [c for c in _by_words(free, *aliases.FIELD_WORDS.get(field, ((), ()))) if c not in taken]
        column = named(free, _NAMES[field], taken, empty) or next(iter(words), None)
        if field not in chosen and column:
            fields[field] = column
            taken.add(column)
    return Recognised(fields, pairs, planar, geometries, times, of_day, parts, frozenset(chosen))


def named(
    columns: Sequence[str], names: Sequence[str], taken: set[str], empty: frozenset[str] = frozenset()
) -> str | None:
    """Return the column that bears the best of the names, one that is empty only where no other does."""
    return _first([c for c in columns if c not in empty], names, taken) or _first(columns, names, taken)


def ranked(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the columns that bear one of the names, the best first."""
    return _all(columns, names)


def with_words(columns: Sequence[str], wanted: Sequence[str], unwanted: Sequence[str]) -> list[str]:
    """Return the columns with a wanted word and no unwanted one in their name."""
    return _by_words(columns, wanted, unwanted)


def geometry_columns(columns: Sequence[str]) -> list[str]:
    """Return the columns named like a geometry or a pair of coordinates."""
    return _all(columns, aliases.GEOMETRY)


def checked_mapping(
    mapping: Mapping[str, str],
    columns: Sequence[str],
    fields: Sequence[str],
    joined: Sequence[str] = ("time",),
) -> dict[str, list[str]]:
    """Return field → columns as the user mapped them; an empty list switches recognition off.

    Fields that are `joined` may take several columns, named with `+` between them.
    """
    result: dict[str, list[str]] = {}
    for field, text in mapping.items():
        if field not in fields:
            raise InvalidMapping(
                f"--map needs one of the fields {', '.join(fields)}, got {field!r}{_near(field, fields)}"
            )
        result[field] = _mapped_columns(field, text, columns, may_join=field in joined)
    for one, other in (("lng", "lat"), ("x", "y")):
        if bool(result.get(one)) != bool(result.get(other)) and (result.get(one) or result.get(other)):
            given, missing = (one, other) if result.get(one) else (other, one)
            raise InvalidMapping(f"--map {given}=… needs --map {missing}=… too")
    return result


def _mapped_columns(field: str, text: str, columns: Sequence[str], *, may_join: bool) -> list[str]:
    if not text.strip():
        return []
    if (whole := _column(text, columns)) is not None:
        return [whole]
    parts = [part.strip() for part in text.split("+")] if may_join else [text]
    found = [_column(part, columns) for part in parts]
    for part, column in zip(parts, found, strict=True):
        if column is None:
            near = _near(part, columns)
            listing = (
                "" if near else f"; there are {', '.join(columns[:12])}{' …' if len(columns) > 12 else ''}"
            )
            raise InvalidMapping(
                f"--map {field}={text} needs a column of the file, got {part!r}{near}{listing}"
            )
    return [column for column in found if column is not None]


def _column(name: str, columns: Sequence[str]) -> str | None:
    """Return the column of this name: exactly, else without case and accents where only one fits."""
    if name in columns:
        return name
    fitting = [c for c in columns if plain(c) == plain(name)]
    return fitting[0] if len(fitting) == 1 and plain(name) else None


def _near(name: str, names: Sequence[str]) -> str:
    by_plain = {plain(n): n for n in names}
    near = [by_plain[n] for n in difflib.get_close_matches(plain(name), list(by_plain), n=3, cutoff=0.6)]
    return f"; near names: {', '.join(near)}" if near else ""


def _first(columns: Sequence[str], names: Sequence[str], taken: set[str]) -> str | None:
    fitting = _all([c for c in columns if c not in taken], names)
    return fitting[0] if fitting else None


def _all(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    rank = {name: i for i, name in reversed(list(enumerate(names)))}
    places = {c: rank.get(plain(c), _place_of_cut_name(c, names)) for c in columns}
    return sorted((c for c in columns if places[c] < len(names)), key=lambda c: places[c])


def _by_words(columns: Sequence[str], wanted: Sequence[str], unwanted: Sequence[str]) -> list[str]:
    """Return the columns with a wanted word and no unwanted one in their name."""
    return [c for c in columns if _words(c) & set(wanted) and not _words(c) & set(unwanted)]


def _place_of_cut_name(column: str, names: Sequence[str]) -> int:
    """Return the place of the name that a shapefile cut to ten characters; their number where none fits."""
    short = plain(column)
    if len(column) != _SHAPEFILE_NAME_LENGTH or len(short) < _LEAST_CUT_NAME:
        return len(names)
    return next((i for i, name in enumerate(names) if name.startswith(short)), len(names))


def position_columns(
    free: Sequence[str], chosen: Mapping[str, list[str]]
) -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[str]]:
    """Return pairs in degrees, pairs in any unit, and geometries, best first; mapped ones alone."""
    if chosen.get("lng"):
        return [(chosen["lng"][0], chosen["lat"][0])], [], []
    if chosen.get("x"):
        return [], [(chosen["x"][0], chosen["y"][0])], []
    if chosen.get("geometry"):
        return [], [], chosen["geometry"]
    degrees = _pairs(free, aliases.LNG, aliases.LAT, _LNG_WORDS, _LAT_WORDS)
    planar = _pairs(free, aliases.X, aliases.Y, _X_WORDS, _Y_WORDS)
    return (
        [] if "lng" in chosen else degrees,
        [] if "x" in chosen else planar,
        [] if "geometry" in chosen else _all(free, aliases.GEOMETRY),
    )


def _pairs(
    columns: Sequence[str], firsts: Sequence[str], seconds: Sequence[str], one: set[str], other: set[str]
) -> list[tuple[str, str]]:
    """Return the columns that go together: names that differ in one word, else the best on either side."""
    words = {c: _words(c) for c in columns}
    partners = {words[c] - other: c for c in reversed(columns) if words[c] & other}
    best_x, best_y = _all(columns, firsts), _all(columns, seconds)
    candidates = [*best_x, *(c for c in columns if words[c] & one and c not in best_x)]
    found = [(x, y) for x in candidates if words[x] & one and (y := partners.get(words[x] - one)) is not None]
    if best_x and best_y and (best_x[0], best_y[0]) not in found:
        known = {x for x, _ in found} | {y for _, y in found}
        alone = not {best_x[0], best_y[0]} & known
        found.insert(0 if alone else len(found), (best_x[0], best_y[0]))
    return found


def _words(name: str) -> frozenset[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return frozenset(plain(word) for word in re.split(r"[^0-9A-Za-zÀ-ÿ]+", spaced) if plain(word))


def _times(free: Sequence[str], chosen: Mapping[str, list[str]]) -> tuple[list[str], list[str], list[str]]:
    if "time" in chosen:
        mapped = chosen["time"]
        return (mapped[:1], mapped[1:2], []) if len(mapped) < 3 else ([], mapped[3:4], mapped[:3])
    times = [*_all(free, aliases.TIME), *_by_words(free, aliases.TIME_WORDS, aliases.NOT_TIME_WORDS)]
    of_day = [*_all(free, aliases.TIME_OF_DAY), *_by_words(free, aliases.CLOCK_WORDS, aliases.NOT_TIME_WORDS)]
    year, month, day = (_first(free, names, set()) for names in (aliases.YEAR, aliases.MONTH, aliases.DAY))
    parts = [p for p in (year, month, day) if p] if year and month else []
    return times, of_day, parts
