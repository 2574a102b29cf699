"""Severity of crashes: counts of people → K A B C O U, weight tables, persons folded into crashes.

Labels are read in `severity_labels`. Reading files, and which column holds the severity, is decided above.
EPDO sums rank; they are never tested for significance.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import DegenerateInput, InvalidParameter

Codes = NDArray[np.str_]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Worst first. Fatal, suspected serious, suspected minor, possible injury, no apparent injury, unknown.
CODES = ("K", "A", "B", "C", "O", "U")
#: What is counted by each measure of the corridors.
MEASURES = {"all": "KABCOU", "injury": "KABC", "ksi": "KA"}


@dataclass(frozen=True)
class Folded:
    """Crashes of person or vehicle rows.

    Attributes
    ----------
    crash_ids : array of str, shape (n_crashes,)
        Sorted; empty for rows without an id, which come last.
    severity : array of str, shape (n_crashes,)
        Worst code of the crash's rows; U only where no row has a known one.
    n_rows_each : array of int, shape (n_crashes,)
        Rows of each crash.
    first_row : array of int, shape (n_crashes,)
        First row of each crash in the input.
    crash : array of int, shape (n_rows,)
        Crash of every row: an index into the others.
    n_rows, n_folded : int
        Rows that came; rows that were folded away (n_rows - n_crashes).
    n_without_id : int
        Rows without an id: each is kept as a crash of its own.
    n_partly_unknown : int
        Crashes with a known severity that have rows of unknown severity too.
    """

    crash_ids: Codes
    severity: Codes
    n_rows_each: Integers
    first_row: Integers
    crash: Integers
    n_rows: int
    n_folded: int
    n_without_id: int
    n_partly_unknown: int


@dataclass(frozen=True)
class WeightTable:
    """What a crash of each severity weighs, and who says so.

    Attributes
    ----------
    name, title, source, date : str
        `date` is that of the figures: year of the dollars, month of the sheet or of reading it.
    values : tuple of 6 floats
        In the order of `CODES`: costs per crash, or points. Unknown severity is 0 where the source is silent.
    base : float
        Divisor that makes them weights: the cost of an O crash, or 1 for points.
    warnings : tuple of str
        What is odd about the table; empty for the named ones.
    """

    name: str
    title: str
    source: str
    date: str
    values: tuple[float, ...]
    base: float
    warnings: tuple[str, ...] = ()

    @property
    def weights(self) -> Floats:
        """Weights in the order of `CODES`."""
        return np.array(self.values, dtype=np.float64) / self.base


EPDO_TABLES: Mapping[str, WeightTable] = {
    table.name: table
    for table in (
        WeightTable(
            name="fhwa-2016",
            title="National comprehensive crash unit costs, 2016 US dollars",
            source="FHWA, Crash Costs for Highway Safety Analysis, FHWA-SA-17-071",
            date="2016",
            values=(11_295_400.0, 655_000.0, 198_500.0, 125_600.0, 11_900.0, 0.0),
            base=11_900.0,
        ),
        WeightTable(
            name="fhwa-2024",
            title="National comprehensive crash unit costs, 2024 US dollars",
            source="FHWA, Crash Costs fact sheet, FHWA-SA-25-021, table 1",
            date="2025-10",
            values=(15_988_000.0, 1_705_100.0, 384_000.0, 204_600.0, 18_100.0, 0.0),
            base=18_100.0,
        ),
        WeightTable(
            name="points-3-3-1",
            title="Points: K and A 3, B 1, others 0",
            source="Safer Streets Priority Finder, default sliding-window weights, revision 5dff6d9c93",
            date="2026-11",
            values=(3.0, 3.0, 1.0, 0.0, 0.0, 0.0),
            base=1.0,
        ),
    )
}


def severities_of_counts(
    killed: ArrayLike,
    *,
    serious: ArrayLike | None = None,
    minor: ArrayLike | None = None,
    possible: ArrayLike | None = None,
    injured: ArrayLike | None = None,
    unsaid_degree: str = "C",
) -> Codes:
    """Return the code of every crash from its numbers of people.

    Parameters
    ----------
    killed : array, shape (n,)
        People killed. NaN where not known, here and below.
    serious, minor, possible : array, shape (n,), optional
        People injured, by degree; slightly injured are `minor`.
    injured : array, shape (n,), optional
        People injured in all, or with no degree said.
    unsaid_degree : str
        Code where people were injured and no degree is said.

    Returns
    -------
    array of str, shape (n,)
        The worst that is known to have happened; O where nobody was hurt, which needs `injured`, or `serious`
        and `minor`, to be zero; else U.

    Raises
    ------
    InvalidParameter
        If a count is negative or broken, the lengths differ or the code is not known.

    Examples
    --------
    >>> severities_of_counts([1, 0, 0, 0], serious=[0, 2, 0, 0], minor=[3, 1, 1, 0]).tolist()
    ['K', 'A', 'B', 'O']
    >>> severities_of_counts([0, 0, 0], injured=[2, 0, float("nan")]).tolist()
    ['C', 'O', 'U']
    """
    given = {"killed": killed, "serious": serious, "minor": minor, "possible": possible, "injured": injured}
    counts = {name: _counts(name, values) for name, values in given.items() if values is not None}
    if len({array.size for array in counts.values()}) > 1:
        raise InvalidParameter(f"counts need one length, got {[array.size for array in counts.values()]}")
    code_of = dict(zip(given, ("K", "A", "B", "C", known_code(unsaid_degree)), strict=True))
    covers_all = "injured" in counts or {"serious", "minor"} <= counts.keys()
    nobody = np.all([array == 0 for array in counts.values()], axis=0) & covers_all
    codes = np.where(nobody, "O", "U").astype("<U1")
    for name in sorted(counts, key=lambda name: CODES.index(code_of[name]), reverse=True):
        codes[counts[name] > 0] = code_of[name]
    return codes


def fold(crash_ids: Iterable[object], codes: ArrayLike) -> Folded:
    """Return one crash per id, with the severity of its worst row.

    Parameters
    ----------
    crash_ids : iterable, length n_rows
        Compared as text without outer spaces. None, NaN and blank are no id.
    codes : array of str, shape (n_rows,)
        One of `CODES` each.

    Returns
    -------
    Folded
        The order of the rows changes only `first_row`, `crash` and the order of crashes without an id.

    Raises
    ------
    InvalidParameter
        If the lengths differ or a code is not known.

    Examples
    --------
    >>> crashes = fold(["x7", "x7", "x9", None, "x7"], ["O", "B", "U", "C", "U"])
    >>> crashes.crash_ids.tolist(), "".join(crashes.severity), crashes.n_folded, crashes.n_without_id
    (['x7', 'x9', ''], 'BUC', 2, 1)
    """
    texts = np.array([text_of(value) for value in crash_ids], dtype=np.str_)
    rank = _ranks(codes)
    if texts.size != rank.size:
        raise InvalidParameter(
            f"every row needs an id and a code, got {texts.size} ids and {rank.size} codes"
        )
    named = texts != ""
    ids, crash_named = np.unique(texts[named], return_inverse=True)
    n_without_id = int((~named).sum())
    crash = np.empty(texts.size, dtype=np.int64)
    crash[named] = crash_named
    crash[~named] = ids.size + np.arange(n_without_id)
    n_crashes = ids.size + n_without_id
    worst = np.full(n_crashes, len(CODES) - 1, dtype=np.int64)
    np.minimum.at(worst, crash, rank)
    first_row = np.full(n_crashes, texts.size, dtype=np.int64)
    np.minimum.at(first_row, crash, np.arange(texts.size))
    n_unknown = np.bincount(crash[rank == CODES.index("U")], minlength=n_crashes)
    return Folded(
        crash_ids=np.concatenate([ids, np.full(n_without_id, "", dtype=ids.dtype)]),
        severity=np.array(CODES)[worst],
        n_rows_each=np.bincount(crash, minlength=n_crashes).astype(np.int64),
        first_row=first_row,
        crash=crash,
        n_rows=texts.size,
        n_folded=texts.size - n_crashes,
        n_without_id=n_without_id,
        n_partly_unknown=int(((n_unknown > 0) & (worst < CODES.index("U"))).sum()),
    )


def weights(table: str | Mapping[str, float]) -> WeightTable:
    """Return a named weight table, or check the one given.

    Parameters
    ----------
    table : str or mapping of code to weight
        Key of `EPDO_TABLES`; or weights for K, A, B, C and O (U is 0 if left out), used as they are.

    Returns
    -------
    WeightTable
        With `warnings` where a milder crash weighs more than a worse one.

    Raises
    ------
    InvalidParameter
        If the name or a code is not known, a code is left out, or a weight is negative or not finite, or
        all are 0.

    Examples
    --------
    >>> dict(zip(CODES, weights("fhwa-2024").weights.round(1).tolist()))
    {'K': 883.3, 'A': 94.2, 'B': 21.2, 'C': 11.3, 'O': 1.0, 'U': 0.0}
    >>> weights({"K": 5, "A": 5, "B": 1, "C": 2, "O": 0}).warnings
    ('C weighs more than B (2 > 1)',)
    """
    if isinstance(table, str):
        if table not in EPDO_TABLES:
            raise InvalidParameter(f"weight table must be one of {', '.join(EPDO_TABLES)}, got {table}")
        return EPDO_TABLES[table]
    by_code = {known_code(code): float(weight) for code, weight in table.items()}
    left_out = [code for code in "KABCO" if code not in by_code]
    if left_out:
        raise InvalidParameter(f"a weight table needs K, A, B, C and O; {', '.join(left_out)} left out")
    values = tuple(by_code.get(code, 0.0) for code in CODES)
    if not all(np.isfinite(value) and value >= 0 for value in values) or not any(values):
        raise InvalidParameter(f"weights must be finite and not negative, one above 0, got {dict(by_code)}")
    odd = tuple(
        f"{milder} weighs more than {worse} ({by_code[milder]:g} > {by_code[worse]:g})"
        for worse, milder in pairwise("KABCO")
        if by_code[milder] > by_code[worse]
    )
    return WeightTable("given", "Given by the caller", "the caller", "", values, 1.0, odd)


def pooled_ka(table: WeightTable, counts: ArrayLike) -> WeightTable:
    """Return the table with K and A at their common mean, so that one death does not decide the rank.

    Parameters
    ----------
    table : WeightTable
    counts : array, shape (..., 6)
        Crashes by code (`severity_counts`) of the whole study area; summed over all but the last axis.

    Returns
    -------
    WeightTable
        K and A weigh (n_K w_K + n_A w_A) / (n_K + n_A): the sum over the study area stays the same.

    Raises
    ------
    DegenerateInput
        If there is no K and no A crash.

    Examples
    --------
    >>> pooled_ka(weights({"K": 10, "A": 2, "B": 1, "C": 1, "O": 1}), [1, 3, 0, 0, 0, 0]).values
    (4.0, 4.0, 1.0, 1.0, 1.0, 0.0)
    """
    n_k, n_a = _by_code(counts).reshape(-1, len(CODES)).sum(axis=0)[:2]
    if n_k + n_a == 0:
        raise DegenerateInput("pooling K and A needs at least one such crash, got 0")
    value = float((n_k * table.values[0] + n_a * table.values[1]) / (n_k + n_a))
    return WeightTable(
        f"{table.name}+ka", f"{table.title}; K and A pooled", table.source, table.date,
        (value, value, *table.values[2:]), table.base, table.warnings,
    )  # fmt: skip


def severity_counts(codes: ArrayLike, group: ArrayLike | None = None, n_groups: int = 1) -> Integers:
    """Return the number of crashes by group and code.

    Parameters
    ----------
    codes : array of str, shape (n,)
        One of `CODES` each.
    group : array of int, shape (n,), optional
        Group (corridor, segment, cell) of each crash, 0 to n_groups - 1; negative is in no group.
    n_groups : int

    Returns
    -------
    array of int, shape (n_groups, 6)
        Columns in the order of `CODES`.

    Raises
    ------
    InvalidParameter
        If a code is not known, the lengths differ or a group is out of range.

    Examples
    --------
    >>> severity_counts(["K", "O", "O", "A"], group=[0, 0, 1, -1], n_groups=2).tolist()
    [[1, 0, 0, 0, 1, 0], [0, 0, 0, 0, 1, 0]]
    """
    rank = _ranks(codes)
    groups = np.zeros(rank.size, dtype=np.int64) if group is None else np.asarray(group, dtype=np.int64)
    if groups.shape != rank.shape or n_groups < 1 or (groups.size and groups.max() >= n_groups):
        raise InvalidParameter(
            f"{rank.size} codes need groups below {n_groups}, got an array of {groups.shape}"
        )
    inside = groups >= 0
    flat = groups[inside] * len(CODES) + rank[inside]
    counts: Integers = np.bincount(flat, minlength=n_groups * len(CODES)).astype(np.int64)
    return counts.reshape(n_groups, len(CODES))


def ksi(counts: ArrayLike) -> Integers:
    """Return killed-or-seriously-injured crashes, K + A.

    Parameters
    ----------
    counts : array of int, shape (..., 6)
        From `severity_counts`.

    Returns
    -------
    array of int, shape (...)

    Examples
    --------
    >>> ksi([[1, 2, 5, 0, 9, 0], [0, 0, 1, 0, 0, 0]]).tolist()
    [3, 0]
    """
    counted = _by_code(counts)
    return np.asarray(counted[..., 0] + counted[..., 1], dtype=np.int64)


def epdo(counts: ArrayLike, table: WeightTable) -> Floats:
    """Return the equivalent property-damage-only score. It ranks; it carries no significance.

    Parameters
    ----------
    counts : array of int, shape (..., 6)
        From `severity_counts`.
    table : WeightTable
        From `weights`. Crashes of unknown severity weigh what it says of U (0 in the named ones).

    Returns
    -------
    array, shape (...)
        In O crashes, or in points of the table.

    Examples
    --------
    >>> epdo([1, 0, 2, 0, 4, 1], weights("points-3-3-1")).tolist()
    5.0
    """
    return np.asarray(_by_code(counts) @ table.weights, dtype=np.float64)


def is_counted(codes: ArrayLike, measure: str) -> Mask:
    """Return which crashes a measure counts.

    Parameters
    ----------
    codes : array of str, shape (n,)
    measure : {"all", "injury", "ksi"}
        Every crash, unknown ones too; K, A, B and C; K and A.

    Returns
    -------
    array of bool, shape (n,)

    Raises
    ------
    InvalidParameter
        If the measure or a code is not known.

    Examples
    --------
    >>> is_counted(["K", "C", "O", "U"], "injury").tolist()
    [True, True, False, False]
    """
    if measure not in MEASURES:
        raise InvalidParameter(f"measure must be one of {', '.join(MEASURES)}, got {measure}")
    counted = np.array([code in MEASURES[measure] for code in CODES])
    return np.asarray(counted[_ranks(codes)], dtype=np.bool_)


def text_of(value: object) -> str:
    """Return a value as text; empty where it is missing, whole numbers without a point."""
    if value is None or value != value:
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    text = str(value).strip()
    return "" if text in ("nan", "NaN", "<NA>", "NaT") else text


def known_code(code: str) -> str:
    """Return the code, if it is one.

    Raises
    ------
    InvalidParameter
        If it is none of `CODES`.
    """
    if code not in CODES:
        raise InvalidParameter(f"severity must be one of {', '.join(CODES)}, got {code!r}")
    return code


def _ranks(codes: ArrayLike) -> Integers:
    """Return the place of every code in `CODES`."""
    array = np.asarray(codes, dtype=np.str_).ravel()
    different, row = np.unique(array, return_inverse=True)
    return np.array([CODES.index(known_code(str(code))) for code in different], dtype=np.int64)[row]


def _counts(name: str, values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64).ravel()
    known = array[~np.isnan(array)]
    if (known < 0).any() or (known != np.floor(known)).any() or np.isinf(known).any():
        raise InvalidParameter(f"{name} must be whole numbers of people, not negative")
    return array


def _by_code(counts: ArrayLike) -> Integers:
    array = np.asarray(counts, dtype=np.int64)
    if array.ndim < 1 or array.shape[-1] != len(CODES):
        raise InvalidParameter(
            f"counts need {len(CODES)} columns ({' '.join(CODES)}), got shape {array.shape}"
        )
    return array
