"""Labels of severity → K A B C O U: letters, words and numbers, read as the labels of one set explain them.

What a label cannot say is left unknown and told, never guessed. What codes are counted and weighed for stands
in `severity`.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.errors import InvalidParameter
from models.severity import CODES, Codes, known_code, text_of

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
    given = {_plain(label): known_code(code) for label, code in (meanings or {}).items()}
    scale = _scale(numbers)
    known_code(unsaid_degree)
    index: dict[object, int] = {}
    row_value = np.array([index.setdefault(value, len(index)) for value in labels], dtype=np.int64)
    texts = [text_of(value) for value in index]
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


def _scale(name: str | None) -> Mapping[int, str]:
    if name is None:
        return {}
    if name not in NUMBER_SCALES:
        raise InvalidParameter(f"numbers must be one of {', '.join(NUMBER_SCALES)}, got {name}")
    return NUMBER_SCALES[name]
