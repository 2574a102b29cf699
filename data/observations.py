"""What a file's columns show while they are read: gaps, constants, few decimals, labels, second stamps."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.plan import null_count
from data.times import DateOrder, instants
from data.timezones import HOUR_US

#: Coordinates with no more decimals than this are called rounded (4 decimals of a degree are some 10 m).
FEW_DECIMALS = 4

_STAMP = r"(?P<day>\d{4}-\d{2}-\d{2})[ T@]+(?P<clock>\d{2}:\d{2}(?::\d{2})?)"
_TRAILING = r"[\s\-–—:;,|/]+$"


@dataclass
class _Column:
    n_null: int = 0
    first: pa.Scalar | None = None
    is_constant: bool = True


@dataclass
class Observations:
    """Grows with every chunk; `n_rows` are the rows seen."""

    columns: dict[str, _Column] = field(default_factory=dict)
    n_rows: int = 0
    decimals: int = 0
    stamped: list[str] = field(default_factory=list)
    n_stamp_differs: dict[str, int] = field(default_factory=dict)
    n_trimmed: dict[str, int] = field(default_factory=dict)

    def look_at(self, table: pa.Table) -> None:
        """Take in a chunk's columns."""
        self.n_rows += table.num_rows
        for name in table.column_names:
            seen = self.columns.setdefault(name, _Column())
            column = table[name]
            seen.n_null += null_count(column)
            if seen.is_constant and not pa.types.is_nested(column.type):
                seen.is_constant = _stays_constant(column, seen)

    def look_for_stamps(self, table: pa.Table, but: set[str]) -> None:
        """Find the free-text columns that carry a time stamp in most of their rows."""
        head = table.slice(0, 500)
        for name in (n for n in head.column_names if n not in but and pa.types.is_string(head[n].type)):
            found = pc.match_substring_regex(head[name], _STAMP)
            whole = pc.match_substring_regex(head[name], r"^\s*\d{4}-\d{2}-\d{2}[ T@]+[\d:.]+\s*$")
            hits = pc.sum(pc.and_not(found, whole)).as_py() or 0
            if hits > 0.5 * len(head):
                self.stamped.append(name)

    def compare_stamps(self, table: pa.Table, local: NDArray[np.int64], has_time: NDArray[np.bool_]) -> None:
        """Count rows whose text tells a time that differs from the row's by more than an hour."""
        for name in self.stamped:
            found = pc.extract_regex(table[name], _STAMP).combine_chunks()
            text = pc.binary_join_element_wise(
                pc.struct_field(found, "day"), pc.struct_field(found, "clock"), " "
            )
            told = instants(pa.chunked_array([text]), DateOrder())
            both = has_time & ~told.is_missing & ~told.is_unreadable & ~told.is_out_of_range
            differs = both & (np.abs(told.micros - local) > HOUR_US)
            self.n_stamp_differs[name] = self.n_stamp_differs.get(name, 0) + int(differs.sum())

    def look_at_degrees(self, lng: NDArray[np.float64], lat: NDArray[np.float64]) -> None:
        """Learn how many decimals the coordinates have, up to one more than would be called few."""
        while self.decimals <= FEW_DECIMALS and not (
            _has_decimals(lng, self.decimals) and _has_decimals(lat, self.decimals)
        ):
            self.decimals += 1

    def trimmed(self, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return labels without blanks around and without trailing marks, counting the latter."""
        text = pc.utf8_trim_whitespace(column)
        # Most labels end well: look before replacing.
        ends_badly = pc.match_substring_regex(text, _TRAILING).fill_null(False)
        n = int(pc.sum(ends_badly).as_py() or 0)
        if not n:
            return text
        short = pc.replace_substring_regex(text, _TRAILING, "")
        kept = pc.if_else(pc.equal(short, ""), text, short)
        self.n_trimmed[name] = self.n_trimmed.get(name, 0) + n
        return kept

    def counts(self) -> dict[str, int]:
        """Return the named counts."""
        result = {f"null.{name}": seen.n_null for name, seen in self.columns.items() if seen.n_null}
        result |= {f"constant.{name}": self.n_rows for name in self.constants()}
        result |= {f"trimmed.{name}": n for name, n in self.n_trimmed.items()}
        result |= {f"time.second_stamp_differs.{name}": n for name, n in self.n_stamp_differs.items() if n}
        return result

    def constants(self) -> list[str]:
        """Return the columns that hold one value throughout."""
        if self.n_rows < 2:
            return []
        return [
            n
            for n, seen in self.columns.items()
            if seen.is_constant and not seen.n_null and seen.first is not None
        ]


def _stays_constant(column: pa.ChunkedArray, seen: _Column) -> bool:
    if seen.first is None and len(column):
        seen.first = column[0]
    if seen.first is None:
        return True
    # Parsed JSON may change its type on the way; then it is not one value.
    if not seen.first.is_valid or seen.first.type != column.type:
        return False
    same = pc.equal(column, seen.first)
    return bool(pc.all(same, skip_nulls=False).as_py())


def _has_decimals(values: NDArray[np.float64], decimals: int) -> bool:
    scaled = values * 10.0**decimals
    return bool((np.abs(scaled - np.round(scaled)) < 1e-6 * max(1.0, 10.0 ** (decimals - 4))).all())
