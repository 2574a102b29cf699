"""What a road is called: one column that has the whole name, or its parts put together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data import aliases
from data.columns import ranked, with_words
from data.numbers import flags_of, is_null
from data.raw_rows import as_text

#: What exports write where a road has no name.
NO_NAMES = (
    "unnamed", "unnamed road", "unnamed street", "unnamed rd", "un-named", "no name", "noname", "unknown",
    "not named", "sem nome", "sem denominacao", "sem denominação", "sin nombre", "sans nom", "ohne namen",
    "tbd", "0", "?", ".", "none",
)  # fmt: skip

#: A column whose values end in the type of the street in this share of rows has the whole name.
_WHOLE_SHARE = 0.5


@dataclass(frozen=True)
class NamePlan:
    """The columns that make a name, in order; a whole name is one. `ref` stands in where none is."""

    columns: tuple[str, ...] = ()
    ref: str | None = None


def name_plan(table: pa.Table, free: Sequence[str]) -> NamePlan:
    """Return how names are made: from a column of whole names, else from a bare one and what goes with it."""
    ref = next(iter(_filled(table, ranked(free, aliases.ROAD_REF))), None)
    whole = _filled(table, ranked(free, aliases.ROAD_WHOLE_NAME))
    if whole:
        return NamePlan((whole[0],), ref)
    named = ranked(free, aliases.ROAD_NAME) or with_words(free, *aliases.ROAD_NAME_WORDS)
    bare = _with_words(table, _filled(table, named))
    if not bare:
        return NamePlan((), ref)
    parts = {
        place: next(iter(_filled(table, ranked([c for c in free if c not in bare], names))), None)
        for place, names in aliases.ROAD_NAME_PARTS.items()
    }
    around = [column for column in parts.values() if column]
    complete = [column for column in bare if any(_holds(table, column, part) for part in around)]
    if complete or not around:
        return NamePlan(((complete or bare)[0],), ref)
    order = (
        *(parts[p] for p in aliases.ROAD_NAME_BEFORE),
        bare[0],
        *(parts[p] for p in aliases.ROAD_NAME_AFTER),
    )
    return NamePlan(tuple(column for column in order if column), ref)


def road_names(table: pa.Table, plan: NamePlan) -> tuple[pa.ChunkedArray, int]:
    """Return each row's name, null where it has none, and how many were named by their number."""
    blank = pa.scalar(None, pa.string())
    names = pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
    if plan.columns:
        texts = [_text(table[column]).fill_null("") for column in plan.columns]
        joined = pc.binary_join_element_wise(*texts, " ") if len(texts) > 1 else texts[0]
        names = pc.utf8_trim_whitespace(pc.replace_substring_regex(joined, r"\s+", " "))
        unnamed = pc.is_in(pc.utf8_lower(names), value_set=pa.array(["", *NO_NAMES]))
        names = pc.if_else(unnamed, blank, names)
    if plan.ref is None:
        return names, 0
    ref = _text(table[plan.ref])
    ref = pc.if_else(pc.is_in(ref, value_set=pa.array(["0"])), blank, ref)
    n_by_ref = int(flags_of(pc.and_(pc.is_null(names), pc.is_valid(ref))).sum())
    return pc.coalesce(names, ref), n_by_ref


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    text = pc.utf8_trim_whitespace(as_text(column))
    return pc.if_else(is_null(text), pa.scalar(None, pa.string()), text)


def _filled(table: pa.Table, columns: Sequence[str]) -> list[str]:
    """Return the columns that hold words, in order; nearly empty ones only where all are."""
    shares = {
        c: float(flags_of(pc.is_valid(_text(table[c]))).mean()) if table.num_rows else 1.0 for c in columns
    }
    most = max(shares.values(), default=0.0)
    return [c for c in columns if shares[c] > 0.1 * most]


def _with_words(table: pa.Table, columns: list[str]) -> list[str]:
    """Return the columns that hold more than numbers, where one does: some exports number their names."""
    wordy = [c for c in columns if flags_of(pc.match_substring_regex(_text(table[c]), r"\p{L}")).any()]
    return wordy or columns


def _holds(table: pa.Table, column: str, part: str) -> bool:
    """Return whether the values of a column have the part of the name in them already."""
    whole, piece = (_text(table[c]).to_pylist() for c in (column, part))
    pairs = [(a.casefold().split(), b.casefold()) for a, b in zip(whole, piece, strict=True) if a and b]
    held = [b in (words[0], words[-1]) and len(words) > 1 for words, b in pairs]
    return bool(held) and float(np.mean(held)) > _WHOLE_SHARE
