"""Census and postal codes as tables hold them: without their zeros, with prefixes, in parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data import aliases
from data.columns import plain, ranked
from data.numbers import flags_of, is_null
from data.raw_rows import as_text

Flags = NDArray[np.bool_]

#: `1400000US04013010101`: summary level, variant and component, then the code itself.
_PREFIX = r"^\d{3}[0-9A-Z]{2,6}US(?P<code>\d+)$"

#: What spreadsheets put around codes: ="01001", '01001, 1001.0.
_WRAPPING = r"^(?:=?\"|')?(?P<code>[0-9A-Z]+(?:-\d{4})?)(?:\.0+)?\"?$"
_LONG_ZIP = r"^(?P<code>\d{5})-\d{4}$"

_STATES = frozenset(f"{n:02d}" for n in (*range(1, 57), 60, 66, 69, 72, 78) if n not in (3, 7, 14, 43, 52))

#: How long the longest code of a column may be: whole, or without a zero in front (postal codes lose two).
_LENGTHS = {
    "any": (4, 5, 10, 11, 12, 14, 15),
    "block": (14, 15),
    "block group": (11, 12),
    "tract": (10, 11),
    "zip": (3, 4, 5),
    "county": (4, 5, 10, 11, 12, 14, 15),
}

#: A column is one of codes when at least this share of its values are.
_LEAST_SHARE = 0.9
_LOOKED_AT = 20_000


@dataclass(frozen=True)
class CodePlan:
    """Which columns make the code, and to which width it is filled; None where nothing tells it."""

    columns: tuple[str, ...]
    widths: tuple[int | None, ...]
    level: str = "any"

    @property
    def is_split(self) -> bool:
        """Whether the code comes in parts."""
        return len(self.columns) > 1


@dataclass(frozen=True)
class Codes:
    """The code of each row, null where there is none; which texts are no codes, and which were filled."""

    values: pa.ChunkedArray
    is_missing: Flags
    is_unreadable: Flags
    is_padded: Flags


def code_plan(
    table: pa.Table,
    chosen: Sequence[str],
    free: Sequence[str],
    names: pa.ChunkedArray | None,
    longest: Callable[[str], int],
) -> CodePlan | None:
    """Return where the codes are: mapped, else the column of codes with the finest level, else in parts.

    `names` are the rows' names, which tell block groups from tracts; `longest` returns the digits of the
    longest code of a column.
    """
    if len(chosen) > 1:
        return _split_plan(chosen)
    candidates = [(c, _level_of(c)) for c in chosen] or _candidates(table, free)
    for column, level in candidates:
        digits = longest(column)
        if chosen or digits in _LENGTHS[level]:
            return CodePlan((column,), (_width(level, digits, table[column], names),), level)
    return _found_parts(table, free)


def codes(table: pa.Table, plan: CodePlan) -> Codes:
    """Return the rows' codes.

    Examples
    --------
    >>> table = pa.table({"fips": ["1001", "48453", "x", None]})
    >>> found = codes(table, CodePlan(("fips",), (5,)))
    >>> found.values.to_pylist(), int(found.is_padded.sum())
    (['01001', '48453', None, None], 1)
    """
    parts = [_digits(table[c]) for c in plan.columns]
    missing = np.all([flags_of(is_null(_text(table[c]))) for c in plan.columns], axis=0)
    filled = [
        part if width is None else pc.utf8_lpad(part, width, "0")
        for part, width in zip(parts, plan.widths, strict=True)
    ]
    whole = filled[0] if len(filled) == 1 else pc.binary_join_element_wise(*filled, "")
    good = ~flags_of(pc.is_null(whole))
    if (width := _total(plan)) is not None:
        good &= flags_of(pc.equal(pc.utf8_length(whole), width))
    padded = np.any([flags_of(pc.not_equal(a, b)) for a, b in zip(parts, filled, strict=True)], axis=0)
    values = pc.if_else(pa.array(good), whole, pa.scalar(None, pa.string()))
    return Codes(values, missing, ~good & ~missing, padded & good)


def longest_code(column: pa.ChunkedArray) -> int:
    """Return the digits of the longest code of a column; 0 where it holds none."""
    return int(pc.max(pc.utf8_length(_digits(column))).as_py() or 0)


def holds_codes(column: pa.ChunkedArray) -> bool:
    """Return whether most values of a column are codes."""
    kind = column.type
    if not (pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return False
    head = column.slice(0, _LOOKED_AT)
    told = len(head) - (pc.sum(is_null(_text(head))).as_py() or 0)
    found = _digits(head)
    return bool(told and len(found) - found.null_count >= _LEAST_SHARE * told)


def has_prefix(column: pa.ChunkedArray) -> bool:
    """Return whether a column holds codes with the census bureau's prefix."""
    if not pa.types.is_string(column.type):
        return False
    head = column.slice(0, _LOOKED_AT).drop_null()
    return len(head) > 0 and (pc.sum(pc.match_substring_regex(head, _PREFIX)).as_py() or 0) > 0.5 * len(head)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_upper(pc.utf8_trim_whitespace(as_text(column)))


def _digits(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the digits of each code, null where there are none."""
    text = _text(column)
    bare = pa.chunked_array([_group(text, _WRAPPING)], pa.string())
    for pattern in (_PREFIX, _LONG_ZIP):
        if pc.any(pc.match_substring_regex(bare, pattern)).as_py():
            bare = pc.coalesce(pa.chunked_array([_group(bare, pattern)], pa.string()), bare)
    return pc.if_else(pc.match_substring_regex(bare, r"^\d{1,15}$"), bare, pa.scalar(None, pa.string()))


def _group(text: pa.ChunkedArray, pattern: str) -> pa.Array:
    found = pc.extract_regex(text, pattern).combine_chunks()
    return pc.struct_field(found, "code")


def _candidates(table: pa.Table, free: Sequence[str]) -> list[tuple[str, str]]:
    """Return columns of whole codes with their level: prefixed ones, then by name, the finest first."""
    prefixed = [(c, "any") for c in free if has_prefix(table[c])]
    named = [
        (c, level)
        for level in ("any", *aliases.CODE_WIDTH)
        for c in ranked(free, aliases.CODE_NAMES[level])
        if holds_codes(table[c])
    ]
    return prefixed + named


def _level_of(column: str) -> str:
    names = plain(column)
    return next((level for level in aliases.CODE_WIDTH if names in aliases.CODE_NAMES[level]), "any")


def _width(level: str, digits: int, column: pa.ChunkedArray, names: pa.ChunkedArray | None) -> int | None:
    """Return the width of a column's codes: by its name's level, else by its longest code."""
    told = aliases.CODE_WIDTH.get(level)
    if told is not None and digits <= told:
        return told
    if digits == 11 and _are_block_groups(column, names):
        return 12
    # No level has codes of 4 or 14 digits; 10 may be a county subdivision, unless the names say tract.
    if digits == 10:
        return 11 if names is not None and _mentions(names, "Census Tract") else None
    return {3: 5, 4: 5, 14: 15}.get(digits, digits if digits in aliases.CODE_WIDTH.values() else None)


def _are_block_groups(column: pa.ChunkedArray, names: pa.ChunkedArray | None) -> bool:
    """Return whether codes of 11 digits are those of block groups in a state below 10, not of tracts."""
    if names is not None and (_mentions(names, "Block Group") or _mentions(names, "Census Tract")):
        return _mentions(names, "Block Group")
    found = {v[:2] for v in _digits(column.slice(0, _LOOKED_AT)).drop_null().to_pylist() if len(v) == 11}
    return not found <= _STATES and all(f"0{first[0]}" in _STATES for first in found)


def _mentions(names: pa.ChunkedArray, words: str) -> bool:
    head = as_text(names).slice(0, _LOOKED_AT).drop_null()
    return len(head) > 0 and (pc.sum(pc.match_substring(head, words)).as_py() or 0) > 0.5 * len(head)


def _split_plan(columns: Sequence[str]) -> CodePlan:
    """Return the plan for mapped parts: state, county, tract, block group in this order."""
    widths = [width for width, _ in aliases.CODE_PARTS.values()][: len(columns)]
    return CodePlan(tuple(columns), (*widths, *([None] * (len(columns) - len(widths)))), "parts")


def _found_parts(table: pa.Table, free: Sequence[str]) -> CodePlan | None:
    found: list[str] = []
    for width, names in aliases.CODE_PARTS.values():
        fitting = [
            c
            for c in ranked(free, names)
            if c not in found and holds_codes(table[c]) and longest_code(table[c]) <= width
        ]
        if not fitting:
            break
        found.append(fitting[0])
    return _split_plan(found) if len(found) > 1 else None


def _total(plan: CodePlan) -> int | None:
    known = [width for width in plan.widths if width is not None]
    return sum(known) if len(known) == len(plan.widths) else None
