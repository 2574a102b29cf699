"""Values as laboratories write them: `<2.5`, `ND`, `< LOD`, `2.5 U`, and words for detected or not."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.numbers import NumberStyle, is_null, numbers

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_NUMBER = r"(?P<number>[+-]?\.?\d[\d.,' \u00a0\u202f]*(?:e[+-]?\d+)?)"
_UNIT = r"(?P<unit>(?:log10 )?[a-zµμ][\w³ .]*(?:/|\bper\b)[\w³ ./,]*)?"
_LIMIT_WORDS = r"(?:lod|loq|lloq|llod|mdl|mql|mrl|rl|dl|ql|pql|limit)"
_BELOW_SIGN = r"(?:<=?|≤|less\sthan|lt\b|below\b|under\b)"
_BELOW_WORDS = "|".join(
    (
        r"n\.?\s?d\.?", r"n\.?\s?q\.?", "u", "uj", "bdl", "bql", "blq", "bloq", "blod", "bld",
        r"not\sdetect\w*", r"non[-\s]?detect\w*", r"undetect\w*", "negative", "neg", r"none\sdetected",
        "absent", r"not\squantifi\w*", "traces?", rf"{_BELOW_SIGN}\s*(?:the\s)?{_LIMIT_WORDS}",
        r"below\s(?:the\s)?(?:detection|quantification|quantitation|reporting)(?:\s(?:limit|level))?",
        r"below\s(?:the\s)?limit(?:\sof\s(?:detection|quantification|quantitation))?",
    )
)  # fmt: skip
_BELOW_WITH_NUMBER = re.compile(rf"^{_BELOW_SIGN}\s*{_NUMBER}\s*{_UNIT}$")
_BELOW = re.compile(rf"^(?:{_BELOW_WORDS})(?:[\s:(<=,]*{_NUMBER}\s*\)?)?$")
_QUALIFIED_BELOW = re.compile(rf"^{_NUMBER}\s*\(?(?:u|uj|nd|bdl|bql|{_BELOW_SIGN}\s*{_LIMIT_WORDS})\)?$")
_ABOVE = re.compile(rf"^(?:>=?|≥|greater\sthan|above)\s*{_NUMBER}\s*{_UNIT}$")
_ESTIMATED = re.compile(rf"^(?:~|≈|ca\.?\s*)?\s*{_NUMBER}\s*\(?(?:j|b|e|h|est\.?|estimated|\*+)?\)?$")
_WITH_UNIT = re.compile(rf"^{_NUMBER}\s*{_UNIT}$")

#: Words of a column of flags, without case and blanks. Plain yes and no mean what the column's name says.
_SAYS_BELOW = re.compile(
    r"^(<=?|≤|lt|u|uj|nd|n\.d\.?|bdl|bql|blq|neg|negative|absent|undetected|censored|trace"
    r"|(not|non|below|none|under|no\b|<).*)$"
)
_SAYS_MEASURED = re.compile(
    r"^(=|>=?|≥|j|pos|positive|present|detect(ed)?|quantified|measured|above.*|detected.*)$"
)
_YES = frozenset(("yes", "y", "true", "t", "1", "1.0", "x"))
_NO = frozenset(("no", "n", "false", "f", "0", "0.0"))


@dataclass(frozen=True)
class Amounts:
    """Values of a column, NaN where there is none; `limits` where the text told one, units where it did."""

    values: Floats
    limits: Floats
    is_below: Flags
    is_above: Flags
    is_missing: Flags
    is_unreadable: Flags
    units: NDArray[np.object_]


def amounts(column: pa.ChunkedArray, style: NumberStyle) -> Amounts:
    """Return a column's values, with what the laboratory wrote in place of a number.

    Examples
    --------
    >>> found = amounts(pa.chunked_array([["12", "<2.5", "ND", "3 ng/L", "4,000 J", "lost"]]), NumberStyle())
    >>> found.values.tolist(), found.limits.tolist()
    ([12.0, nan, nan, 3.0, 4000.0, nan], [nan, 2.5, nan, nan, nan, nan])
    >>> found.is_below.tolist(), found.units[3], found.is_unreadable.tolist()
    ([False, True, True, False, False, False], 'ng/L', [False, False, False, False, False, True])
    """
    plain = numbers(column, style)
    n = len(plain.values)
    limits, none = np.full(n, np.nan), np.zeros(n, np.bool_)
    found = Amounts(
        plain.values.copy(), limits, none, none.copy(), plain.is_missing, plain.is_unreadable.copy(),
        np.full(n, None, dtype=object),
    )  # fmt: skip
    odd = np.flatnonzero(plain.is_unreadable)
    if not len(odd) or not _is_text(column.type):
        return found
    texts = column.take(pa.array(odd)).combine_chunks().dictionary_encode()
    words = [_read(text) for text in texts.dictionary.to_pylist()]
    digits = pa.chunked_array([pa.array([w.number for w in words], pa.string())])
    read = numbers(digits, style).values
    which = np.asarray(texts.indices)
    for place, word in enumerate(words):
        rows = odd[which == place]
        bad = word.kind == "" or (word.number is not None and not np.isfinite(read[place]))
        found.is_unreadable[rows] = bad
        if bad:
            continue
        found.is_below[rows] = word.kind == "below"
        found.is_above[rows] = word.kind == "above"
        found.units[rows] = word.unit
        (found.limits if word.kind == "below" else found.values)[rows] = read[place]
    return found


@dataclass(frozen=True)
class _Word:
    kind: str
    number: str | None = None
    unit: str | None = None


def _read(text: str) -> _Word:
    plain = " ".join(text.lower().replace("\u00a0", " ").replace("−", "-").split())
    for kind, pattern in (
        ("below", _BELOW_WITH_NUMBER), ("below", _BELOW), ("below", _QUALIFIED_BELOW),
        ("above", _ABOVE), ("value", _ESTIMATED), ("value", _WITH_UNIT),
    ):  # fmt: skip
        if match := pattern.match(plain):
            groups = match.groupdict()
            number = (groups.get("number") or "").strip() or None
            return _Word(kind, number, _unit_as_written(text, groups.get("unit")))
    return _Word("")


def _unit_as_written(text: str, unit: str | None) -> str | None:
    """Return the unit in the letters of the file, not in the lower case in which it was recognised."""
    if not unit or not unit.strip():
        return None
    place = text.lower().rfind(unit.strip())
    return text[place : place + len(unit.strip())] if place >= 0 else unit.strip()


@dataclass(frozen=True)
class Detections:
    """Per row 1 below the limit, 0 measured, -1 not told; and which texts are no such word."""

    below: NDArray[np.int8]
    is_unreadable: Flags


def detections(column: pa.ChunkedArray, name: str) -> Detections:
    """Return what a column of flags says of each row.

    Examples
    --------
    >>> column = pa.chunked_array([["yes", "no", "Not detected", "", "<", "?"]])
    >>> detections(column, "pcr_target_detect").below.tolist()
    [0, 1, 1, -1, 1, -1]
    >>> detections(column, "nondetect").below.tolist()
    [1, 0, 1, -1, 1, -1]
    """
    yes_is_below = not _speaks_of_detection(name)
    text = pc.cast(column, pa.string()) if not _is_text(column.type) else column
    trimmed = pc.utf8_trim_whitespace(text)
    codes = trimmed.combine_chunks().dictionary_encode()
    told = [_says(word, yes_is_below) for word in codes.dictionary.to_pylist()]
    which = np.asarray(codes.indices.fill_null(len(told)))
    below = np.array([*told, -1], dtype=np.int8)[which]
    empty = np.array(is_null(trimmed).to_numpy(), dtype=np.bool_)
    return Detections(below, (below < 0) & ~empty)


def _says(text: str, yes_is_below: bool) -> int:
    word = text.lower()
    if word in _YES:
        return int(yes_is_below)
    if word in _NO:
        return int(not yes_is_below)
    if _SAYS_BELOW.match(word):
        return 1
    return 0 if _SAYS_MEASURED.match(word) else -1


def _speaks_of_detection(name: str) -> bool:
    """Return whether yes in a column of this name means that the analyte was found."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    negated = re.search(r"non|not|below|under|undetect|limit|censor|lessthan", plain)
    return bool(re.search(r"detect|presen|positiv|quantified", plain)) and not negated


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
