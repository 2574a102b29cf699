"""The numbers of a coverage table: sentinels, shares, what follows from the others, and contradictions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data import aliases
from data.coverage_columns import CoveragePlan, without_percent_signs
from data.numbers import numbers
from data.raw_rows import as_text

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: What the census bureau writes where it has no estimate or no margin of error.
SENTINELS = (-999999999.0, -888888888.0, -666666666.0, -555555555.0, -333333333.0, -222222222.0)

#: The same as text.
_ANNOTATIONS = ("*", "**", "***", "****", "*****", "(x)", "x", "n", "(n)", "(d)", "d", "s", "(s)")

#: Sums may differ from the total by rounding: estimates spread over areas are no whole numbers.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Figures:
    """The canonical numbers of some rows, NaN where there is none; `counts` names what was noticed."""

    values: Mapping[str, Floats]
    counts: Mapping[str, int]

    @property
    def has_any(self) -> Flags:
        """Which rows have a count or a share."""
        names = (*aliases.COVERAGE_COUNTS, "share_served")
        return np.asarray(np.any([np.isfinite(self.values[name]) for name in names], axis=0))


def figures(table: pa.Table, plan: CoveragePlan) -> Figures:
    """Return the numbers of rows: what is no count or share is left out and counted, never guessed.

    The unserved are filled from locations − served − underserved where they alone are missing. A row whose
    parts exceed its locations stays as it is and is counted.
    """
    noticed: dict[str, int] = {}
    found = {name: _numbers(table, name, plan, noticed) for name in _all_numbers()}
    for name in aliases.COVERAGE_SHARES:
        _keep_shares(found, name, noticed)
    values = {name: found[name] for name in (*aliases.COVERAGE_COUNTS, "margin")}
    shares = found["share_served"]
    values["share_served"] = np.where(np.isfinite(shares), shares, 1.0 - found["share_unserved"])
    _fill_unserved(values, noticed)
    noticed["counts.contradict"] = int(_contradict(values).sum())
    return Figures(values, {name: n for name, n in noticed.items() if n})


def _all_numbers() -> tuple[str, ...]:
    return (*aliases.COVERAGE_COUNTS, "margin", *aliases.COVERAGE_SHARES)


def _numbers(table: pa.Table, name: str, plan: CoveragePlan, noticed: dict[str, int]) -> Floats:
    """Return a field's numbers without sentinels, negative ones and words."""
    column = plan.fields.get(name)
    if column is None:
        return np.full(table.num_rows, np.nan)
    told = without_percent_signs(table[column])
    found = numbers(told, plan.styles[name])
    values = found.values.copy()
    is_sentinel = np.isin(values, SENTINELS)
    is_word = found.is_unreadable & _are_annotations(told)
    with np.errstate(invalid="ignore"):
        is_negative = (values < 0) & ~is_sentinel
    is_unreadable = (found.is_unreadable & ~is_word) | np.isinf(values)
    for what, where in (
        ("sentinel", is_sentinel | is_word),
        ("negative", is_negative),
        ("unreadable", is_unreadable),
    ):
        noticed[f"{what}.{name}"] = int(where.sum())
    values[is_sentinel | is_negative | np.isinf(values)] = np.nan
    return values / 100.0 if column in plan.percent else values


def _are_annotations(column: pa.ChunkedArray) -> Flags:
    text = pc.utf8_lower(pc.utf8_trim_whitespace(as_text(column)))
    return np.array(pc.is_in(text, value_set=pa.array(_ANNOTATIONS)).to_numpy(), dtype=np.bool_)


def _keep_shares(found: dict[str, Floats], name: str, noticed: dict[str, int]) -> None:
    """Leave out shares beyond one."""
    with np.errstate(invalid="ignore"):
        beyond = found[name] > 1.0 + 1e-9
    noticed[f"out_of_range.{name}"] = int(beyond.sum())
    found[name] = np.minimum(np.where(beyond, np.nan, found[name]), 1.0)


def _fill_unserved(values: dict[str, Floats], noticed: dict[str, int]) -> None:
    rest = values["locations"] - values["served"] - values["underserved"]
    with np.errstate(invalid="ignore"):
        follows = np.isnan(values["unserved"]) & (rest >= 0)
    values["unserved"] = np.where(follows, rest, values["unserved"])
    noticed["unserved.filled"] = int(follows.sum())


def _contradict(values: Mapping[str, Floats]) -> Flags:
    """Return the rows whose known parts exceed their locations."""
    parts = [np.nan_to_num(values[name]) for name in ("served", "underserved", "unserved")]
    total = values["locations"]
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sum(parts, axis=0) > total * (1.0 + _ROUNDING) + _ROUNDING)
