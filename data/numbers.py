"""Numbers written by people and spreadsheets: decimal commas, thousands marks, blanks."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

#: What exports write where they have nothing; compared in lower case, without blanks around.
NULL_TOKENS = (
    "",
    "-",
    "--",
    "na",
    "n/a",
    "n.a.",
    "#n/a",
    "nan",
    "null",
    "none",
    "nil",
    "<null>",
    "(null)",
    "\\n",
)

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
# Spaces of no width to break at are thousands marks too.
_SPACES = "\u00a0\u202f"
_POINT_MARKS = f"[.' {_SPACES}]"
_COMMA_MARKS = f"[, '{_SPACES}]"
_GROUPED = rf"^[+-]?\d{{1,3}}([, '{_SPACES}]\d{{3}})+(\.\d*)?$"
_NOT_FINITE = r"(?i)^[+-]?(inf(inity)?|1\.#inf.*|1\.#qnan.*|1\.#ind.*)$"


@dataclass(frozen=True)
class NumberStyle:
    """How a column writes numbers: whether the comma is the decimal mark."""

    decimal_comma: bool = False


@dataclass(frozen=True)
class Numbers:
    """Values with NaN where there is none, and which texts are not numbers at all."""

    values: NDArray[np.float64]
    is_missing: NDArray[np.bool_]
    is_unreadable: NDArray[np.bool_]


def is_null(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return where a text column holds nothing, null tokens included."""
    return pc.is_in(column, value_set=_nulls())


@cache
def _nulls() -> pa.Array:
    # Made when first needed: the first array that Arrow makes loads pandas, where that is installed.
    forms = {form for token in NULL_TOKENS for form in (token, token.upper(), token.title())}
    return pa.array([*sorted(forms), None], pa.string())


def number_style(column: pa.ChunkedArray, *, degrees: bool = False) -> NumberStyle:
    """Return how a column writes its numbers, from all of its values.

    A lone comma before three digits is a decimal mark in a column of degrees, a thousands mark elsewhere.

    Examples
    --------
    >>> number_style(pa.chunked_array([["33,4196", "33,397"]])).decimal_comma
    True
    >>> number_style(pa.chunked_array([["521,748", "1,204"]])).decimal_comma
    False
    """
    if not _is_text(column.type):
        return NumberStyle()
    comma = pc.match_substring(column, ",")
    if not pc.any(comma).as_py():
        return NumberStyle()
    with_comma = pc.utf8_trim_whitespace(column.filter(comma.fill_null(False)))
    decimal = pc.match_substring_regex(with_comma, r"^[+-]?[\d. ']*,(\d{1,2}|\d{4,})$")
    thousands = pc.match_substring_regex(with_comma, r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$")
    n_decimal, n_thousands = pc.sum(decimal).as_py() or 0, pc.sum(thousands).as_py() or 0
    return NumberStyle(n_decimal > 0 or (degrees and n_thousands > 0 and not _several_commas(with_comma)))


def numbers(column: pa.ChunkedArray, style: NumberStyle) -> Numbers:
    """Return a column's numbers.

    Examples
    --------
    >>> numbers(pa.chunked_array([["1.234,5", "n/a", "x"]]), NumberStyle(decimal_comma=True)).values.tolist()
    [1234.5, nan, nan]
    """
    if not _is_text(column.type):
        return _from_typed(column)
    try:
        values = pc.cast(column, pa.float64())
        return _answer(column, values, pc.is_null(column))
    except pa.ArrowInvalid:
        return _from_text(column, style)


def _from_typed(column: pa.ChunkedArray) -> Numbers:
    missing = flags_of(pc.is_null(column))
    if (
        pa.types.is_floating(column.type)
        or pa.types.is_integer(column.type)
        or pa.types.is_decimal(column.type)
    ):
        values = floats_of(pc.cast(column, pa.float64(), safe=False))
        # NaN is how data frames write "nothing".
        missing |= np.isnan(values)
        return Numbers(values, missing, np.zeros(len(values), np.bool_))
    return Numbers(np.full(len(column), np.nan), missing, ~missing)


def _from_text(column: pa.ChunkedArray, style: NumberStyle) -> Numbers:
    text = pc.utf8_trim_whitespace(column)
    missing = is_null(text)
    text = pc.replace_substring(text, "−", "-")
    if style.decimal_comma:
        text = pc.replace_substring(pc.replace_substring_regex(text, _POINT_MARKS, ""), ",", ".")
    else:
        grouped = pc.match_substring_regex(text, _GROUPED)
        text = pc.if_else(grouped, pc.replace_substring_regex(text, _COMMA_MARKS, ""), text)
    readable = pc.match_substring_regex(text, _NUMBER)
    infinite = pc.match_substring_regex(text, _NOT_FINITE)
    digits = pc.replace_substring(text, "+", "")
    values = floats_of(pc.cast(pc.if_else(readable, digits, None), pa.float64()))
    values[flags_of(infinite)] = np.inf
    is_missing = flags_of(missing)
    unreadable = ~is_missing & ~flags_of(readable) & ~flags_of(infinite)
    return Numbers(values, is_missing, unreadable)


def _answer(column: pa.ChunkedArray, values: pa.ChunkedArray, missing: pa.ChunkedArray) -> Numbers:
    array = floats_of(values)
    is_missing = flags_of(missing) | np.isnan(array)
    return Numbers(array, is_missing, np.zeros(len(column), np.bool_))


def _several_commas(column: pa.ChunkedArray) -> bool:
    return bool(pc.any(pc.greater(pc.count_substring(column, ","), 1)).as_py())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def floats_of(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return a column of numbers as an array, null as NaN."""
    return np.array(column.fill_null(np.nan).to_numpy(), dtype=np.float64)


def flags_of(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return a column of truth values as an array, null as False."""
    return np.array(column.fill_null(False).to_numpy(), dtype=np.bool_)
