"""Severity of crashes: labels and counts → K A B C O U, weight tables, persons folded into crashes.

What a label cannot say is left unknown and told, never guessed. Reading files, and which column holds the
severity, is decided above. EPDO sums rank; they are never tested for significance.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
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
#: What numbers mean. None is read unless the caller names one of these, or other labels of the set say it.
NUMBER_SCALES: Mapping[str, Mapping[int, str]] = {
    "1-5-worst-first": dict(zip(range(1, 6), "KABCO", strict=True)),
    "1-5-worst-last": dict(zip(range(1, 6), "OCBAK", strict=True)),
    "0-4-worst-last": dict(zip(range(5), "OCBAK", strict=True)),
    # Killed, seriously and slightly injured; slightly is taken for suspected minor.
    "1-3-worst-first": dict(zip(range(1, 4), "KAB", strict=True)),
}

_INJURED = "I"  # injured, degree not said: becomes what the caller chose
_UNREAD = ("unknown", "contradiction", "number")
_WORDS: Mapping[str, str] = {
    "K": "fatal|fatal injury|killed|death|dead|deceased|died",
    "A": """serious|severe|incapacitating|disabling|major|seriously|severely|evident incapacitating
        |incapacitating evident|visible incapacitating|serious visible|severe visible|life threatening""",
    "B": """minor|slight|slightly|evident|visible|other visible|other evident|nonincapacitating|nonserious
        |nondisabling|evident nonincapacitating|nonincapacitating evident|visible nonincapacitating
        |minor visible|minor evident|visible not incapacitating|not incapacitating""",
    "C": """possible|complaint of pain|complaint of injury|complaint|pain|reported not evident|not evident
        |nonevident|nonvisible|not visible|possible complaint of pain|possible not visible
        |possible nonevident|claimed""",
    "O": """no injury|not injury|uninjured|unhurt|noninjury|none injury|no apparent injury
        |no indication of injury|property damage|property damage only|damage only|pdo|property damage only pdo
        |no injury pdo|no apparent injury pdo|no injury property damage only|property damage only no injury
        |no apparent injury property damage only|property damage only no apparent injury
        |property damage no injury|no injury property damage""",
    "U": """unknown|unk|unknown injury|unknown if injury|not reported|unreported|not stated|not available
        |not known|undetermined|unknown severity|severity unknown|unknown not reported""",
    _INJURED: """injury|nonfatal|personal|bodily|casualty|injury severity unknown|unknown severity injury
        |severity unknown injury|injury unknown severity""",
}  # fmt: skip
_SAME_WORD = {
    "injuries": "injury", "injured": "injury", "inj": "injury", "fatality": "fatal", "fatalities": "fatal",
    "fatally": "fatal", "complains": "complaint", "complaints": "complaint", "noninjured": "noninjury",
}  # fmt: skip
_FILLERS = frozenset("suspected crash crashes collision collisions accident accidents involved".split())
#: Words that name one of two neighbours; a letter beside them decides.
_EITHER_B_OR_C = frozenset(
    {"minor", "slight", "slightly", "minor injury", "slight injury", "slightly injury"}
)

_NUMBER = re.compile(r"(\d+)(?:\.0+)?")
_LEADING_NUMBER = re.compile(r"(\d+)\s*[-.:=)]*\s*(?=[^\d\s.])")
_LETTER_FORMS = (
    (re.compile(r"\(([a-z])\)\s*[-.:=]*\s*(?P<rest>.*)"), True),
    (re.compile(r"(?P<rest>.*?)\s*\(([a-z])\)"), True),
    (re.compile(r"([a-z])\s*[-.:=)]\s*(?P<rest>.+)"), True),
    (re.compile(r"(?P<rest>.*?\S)\s+-\s*([a-z])"), True),
    (re.compile(r"([a-z])\s+(?P<rest>.+)"), False),
)


@dataclass(frozen=True)
class LabelRead:
    """What became of one label.

    Attributes
    ----------
    label : str
        As it came, without outer spaces; empty where the value was missing.
    code : str
        One of `CODES`.
    n : int
        Rows with it.
    reason : str
        ``given`` (the caller said), ``code`` (the letter alone), ``words`` (with or without the letter),
        ``scale`` (a number on the named scale), ``other labels`` (a number or letter that the other labels
        of the set explain), ``degree not said`` (injured, no more), ``missing``; and for what was not
        understood ``unknown``, ``number`` (no scale for it), ``contradiction`` (letter and words differ).
    """

    label: str
    code: str
    n: int
    reason: str


@dataclass(frozen=True)
class Severities:
    """Codes of n rows and how each label was read.

    Attributes
    ----------
    codes : array of str, shape (n,)
        One of `CODES` per row, in the order of the input.
    labels : tuple of LabelRead
        Every different label, most frequent first.
    """

    codes: Codes
    labels: tuple[LabelRead, ...]

    @property
    def not_understood(self) -> tuple[LabelRead, ...]:
        """Labels that are U because they were not understood; missing and "Unknown" itself are not here."""
        return tuple(read for read in self.labels if read.reason in _UNREAD)


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


def severities(
    labels: Iterable[object],
    *,
    meanings: Mapping[str, str] | None = None,
    numbers: str | None = None,
    unsaid_degree: str = "C",
) -> Severities:
    """Return the KABCO code of every label, and how each different label was read.

    Capitals, spaces, accents, dashes and "suspected" make no difference. Letter and words must not contradict
    each other.

    Parameters
    ----------
    labels : iterable of str, number or missing, length n
        Missing is None, NaN or blank: U.
    meanings : mapping of str to str, optional
        Labels whose code the caller knows; before all else.
    numbers : str, optional
        Key of `NUMBER_SCALES`. Without it a number is U, unless another label of the set carries the same
        number with words ("1 - Fatal").
    unsaid_degree : str
        Code of "Injury" with no degree: C is the least that is sure, so that KSI is never made larger.

    Returns
    -------
    Severities

    Raises
    ------
    InvalidParameter
        If a code or the scale is not known.

    References
    ----------
    NHTSA and GHSA (2017), Model Minimum Uniform Crash Criteria, 5th edition.

    Examples
    --------
    >>> read = severities(["A - Incapacitating Injury", "PDO", "104-(O) NO INJURY", "k", "3", "B - Fatal"])
    >>> "".join(read.codes)
    'AOOKUU'
    >>> [(label.label, label.reason) for label in read.not_understood]
    [('3', 'number'), ('B - Fatal', 'contradiction')]
    """
    given = {_plain(label): _known_code(code) for label, code in (meanings or {}).items()}
    scale = _scale(numbers)
    _known_code(unsaid_degree)
    index: dict[object, int] = {}
    row_value = np.array([index.setdefault(value, len(index)) for value in labels], dtype=np.int64)
    texts = [_text(value) for value in index]
    different = list(dict.fromkeys(texts))
    found = _read_all(different, given, scale)
    position = {text: i for i, text in enumerate(different)}
    row_text = np.array([position[text] for text in texts], dtype=np.int64)[row_value]
    n = np.bincount(row_text, minlength=len(different)).tolist()
    reads = [
        LabelRead(text, unsaid_degree if code == _INJURED else code, count, reason)
        for text, (code, reason), count in zip(different, found, n, strict=True)
    ]
    codes = np.array([read.code for read in reads], dtype="<U1")[row_text]
    return Severities(codes, tuple(sorted(reads, key=lambda read: (-read.n, read.label))))


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
    code_of = dict(zip(given, ("K", "A", "B", "C", _known_code(unsaid_degree)), strict=True))
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
    texts = np.array([_text(value) for value in crash_ids], dtype=np.str_)
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
    by_code = {_known_code(code): float(weight) for code, weight in table.items()}
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


@dataclass(frozen=True)
class _Parts:
    """A label taken apart: leading number, letter (and whether it is set off), code of the words."""

    number: int | None
    letter: str | None
    is_set_off: bool
    words: str
    code: str | None


def _read_all(
    texts: Sequence[str], given: Mapping[str, str], scale: Mapping[int, str]
) -> list[tuple[str, str]]:
    """Return code and reason of every different text."""
    parts = [_parts(_plain(text)) for text in texts]
    number_says = _numbers_explained(parts)
    letters_hold = _letters_hold(parts)
    found = []
    for text, part in zip(texts, parts, strict=True):
        plain = _plain(text)
        if plain in given:
            found.append((given[plain], "given"))
        elif not text:
            found.append(("U", "missing"))
        elif part.number is not None and not part.words and part.letter is None:
            found.append(_read_number(part.number, scale, number_says))
        else:
            found.append(_read_words(part, letters_hold))
    return found


def _read_number(number: int, scale: Mapping[int, str], number_says: Mapping[int, str]) -> tuple[str, str]:
    if number in scale:
        return scale[number], "scale"
    if not scale and number in number_says:
        return number_says[number], "other labels"
    return "U", "number"


def _read_words(part: _Parts, letters_hold: bool) -> tuple[str, str]:
    if part.letter is None or part.letter not in CODES:
        if part.code is None:
            return "U", "unknown"
        return part.code, "degree not said" if part.code == _INJURED else "words"
    if not part.words:
        return part.letter, "code"
    if part.code is None:
        # A letter set off from words we do not know counts where the other labels are lettered as they say.
        trusted = letters_hold and part.is_set_off and len(part.words) > 2
        return (part.letter, "other labels") if trusted else ("U", "unknown")
    return (part.letter, "words") if _agrees(part) else ("U", "contradiction")


def _agrees(part: _Parts) -> bool:
    if part.code == _INJURED:
        return part.letter in ("K", "A", "B", "C")
    return part.letter == part.code or (part.letter == "C" and part.words in _EITHER_B_OR_C)


def _numbers_explained(parts: Sequence[_Parts]) -> dict[int, str]:
    """Return what numbers mean by the labels that have words too; not where two of them differ."""
    says: dict[int, set[str]] = {}
    for part in parts:
        if part.number is not None and (part.words or part.letter):
            code, reason = _read_words(part, letters_hold=False)
            if reason in ("words", "code"):
                says.setdefault(part.number, set()).add(code)
    return {number: codes.pop() for number, codes in says.items() if len(codes) == 1}


def _letters_hold(parts: Sequence[_Parts]) -> bool:
    """Return whether two or more letters are borne out by their words, and none is contradicted."""
    both = [part for part in parts if part.letter in CODES and part.code is not None]
    confirmed = {part.letter for part in both if part.letter == part.code}
    return len(confirmed) >= 2 and all(_agrees(part) for part in both)


def _parts(plain: str) -> _Parts:
    """Take apart a label in plain writing."""
    alone = _NUMBER.fullmatch(plain)
    if alone:
        return _Parts(int(alone[1]), None, False, "", None)
    leading = _LEADING_NUMBER.match(plain)
    number = int(leading[1]) if leading else None
    rest = plain[leading.end() :] if leading else plain
    letter, is_set_off, rest = _letter(rest)
    words = _phrase(rest)
    return _Parts(number, letter, is_set_off, words, _CODE_OF_WORDS.get(words))


def _letter(text: str) -> tuple[str | None, bool, str]:
    """Return the letter of a label, whether it is set off, and the rest."""
    if re.fullmatch(r"\(?[a-z]\)?", text):
        return text.strip("()").upper(), True, ""
    for form, is_set_off in _LETTER_FORMS:
        match = form.fullmatch(text)
        if match:
            return match[1 if match.re.groupindex["rest"] == 2 else 2].upper(), is_set_off, match["rest"]
    return None, False, text


def _phrase(text: str) -> str:
    """Return the words in one writing: no fillers, "non" joined, "injury" last."""
    text = re.sub(r"\bnon[\s-]+(?=[a-z])", "non", text)
    tokens = [_SAME_WORD.get(token, token) for token in re.findall(r"[a-z0-9]+", text)]
    tokens = [token for token in tokens if token not in _FILLERS]
    if len(tokens) > 1 and tokens[0] == "injury":
        tokens = [*tokens[1:], "injury"]
    return " ".join(tokens)


def _words_table() -> dict[str, str]:
    """Return the code of every phrase, with and without "injury" behind it."""
    table: dict[str, str] = {}
    for code, text in _WORDS.items():
        for phrase in (" ".join(item.split()) for item in text.split("|")):
            table[phrase] = code
            if not phrase.endswith("injury") and code in ("A", "B", "C", _INJURED):
                table[f"{phrase} injury"] = code
    return table


_CODE_OF_WORDS = _words_table()


def _plain(text: str) -> str:
    """Return text without accents, capitals, doubled spaces and dashes left over at its ends."""
    flat = unicodedata.normalize("NFKD", re.sub("[\u2010-\u2015]", "-", text))
    flat = "".join(char for char in flat if not unicodedata.combining(char)).casefold()
    return " ".join(flat.split()).strip(" -.:;,*")


def _text(value: object) -> str:
    """Return a value as text; empty where it is missing, whole numbers without a point."""
    if value is None or value != value:
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    text = str(value).strip()
    return "" if text in ("nan", "NaN", "<NA>", "NaT") else text


def _known_code(code: str) -> str:
    if code not in CODES:
        raise InvalidParameter(f"severity must be one of {', '.join(CODES)}, got {code!r}")
    return code


def _scale(name: str | None) -> Mapping[int, str]:
    if name is None:
        return {}
    if name not in NUMBER_SCALES:
        raise InvalidParameter(f"numbers must be one of {', '.join(NUMBER_SCALES)}, got {name}")
    return NUMBER_SCALES[name]


def _ranks(codes: ArrayLike) -> Integers:
    """Return the place of every code in `CODES`."""
    array = np.asarray(codes, dtype=np.str_).ravel()
    different, row = np.unique(array, return_inverse=True)
    return np.array([CODES.index(_known_code(str(code))) for code in different], dtype=np.int64)[row]


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
