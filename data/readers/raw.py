"""What every reader hands on: named columns chunk by chunk, nothing interpreted yet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

#: Rows per chunk: large enough for vector work, small enough that a chunk never matters for memory.
CHUNK_ROWS = 131_072


@dataclass(frozen=True)
class RawReject:
    """A row that could not be taken apart into columns."""

    row: int
    reason: str
    detail: str
    original: str


@dataclass(frozen=True)
class RawChunk:
    """Rows as they came. `rows` numbers the data rows from 1; `geometry` is WKB where the format has one."""

    table: pa.Table
    rows: NDArray[np.int64]
    geometry: pa.Array | None = None
    rejects: Sequence[RawReject] = ()


@dataclass
class RawFacts:
    """What a reader knows of its file; counts and notes may grow while it is read."""

    name: str
    format: str
    columns: list[str]
    encoding: str | None = None
    crs: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def count(self, what: str, number: int = 1) -> None:
        """Add to a named count."""
        if number:
            self.counts[what] = self.counts.get(what, 0) + number


class RawSource(Protocol):
    """An opened file. `chunks` starts anew at every call, unless `rereadable` is false."""

    facts: RawFacts
    rereadable: bool

    def chunks(self, columns: Sequence[str] | None = None) -> Iterator[RawChunk]:
        """Yield the rows in file order; only the named columns where some are named."""
        ...


def told_apart(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return column names without repetition, and those that were repeated.

    Examples
    --------
    >>> told_apart(["id", "name", "", "name"])
    (['id', 'name', 'column_3', 'name_2'], ['name'])
    """
    taken = set(names)
    seen: dict[str, int] = {}
    result, repeated = [], []
    for position, name in enumerate(names, start=1):
        stem = name or f"column_{position}"
        number = seen.get(stem, 0) + 1
        unique = stem
        if number > 1:
            repeated.append(stem)
            while (unique := f"{stem}_{number}") in taken:
                number += 1
        seen[stem] = number
        taken.add(unique)
        result.append(unique)
    return result, repeated
