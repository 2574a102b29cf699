"""Street names: one spelling for each, and what a reported street or address names.

Spelling is normalised, meaning is not guessed: `N Main St` is `North Main Street`, but it is not `Main
Street`. A name that says no kind (`Main`) fits every kind, since nothing is said against it. A missing name
equals nothing, not even another missing one.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Objects = NDArray[np.object_]
Mask = NDArray[np.bool_]

_DIRECTIONS = {
    word: direction
    for direction, words in {
        "north": "n no north norte nord",
        "south": "s so south sur sul sud",
        "east": "e east este leste est",
        "west": "w west oeste ouest",
        "northeast": "ne northeast nordeste noreste",
        "northwest": "nw northwest noroeste",
        "southeast": "se southeast sudeste sureste",
        "southwest": "sw southwest sudoeste suroeste",
    }.items()
    for word in words.split()
}

_FOREIGN_DIRECTIONS = _DIRECTIONS | {"o": "west"}

# Kinds that follow the name. Those of the second table mean something else elsewhere (Saint, Doctor).
_PLAIN_KINDS = {
    spelling: kind
    for kind, spellings in {
        "alley": "alley aly ally",
        "avenue": "avenue ave aven avn avenu avnue",
        "boulevard": "boulevard blvd boul boulv",
        "bypass": "bypass byp",
        "circle": "circle cir circ crcl",
        "crescent": "crescent cres",
        "crossing": "crossing xing",
        "drive": "drive drv",
        "expressway": "expressway expy expwy expr",
        "freeway": "freeway fwy frwy",
        "gardens": "gardens gdns",
        "heights": "heights hts",
        "highway": "highway hwy hiwy hway",
        "lane": "lane ln",
        "loop": "loop",
        "parkway": "parkway pkwy pkway pky",
        "road": "road rd",
        "route": "route rte",
        "street": "street strt",
        "terrace": "terrace terr",
        "trail": "trail trl",
        "turnpike": "turnpike tpke tnpk",
    }.items()
    for spelling in spellings.split()
}
_LAST_KINDS = _PLAIN_KINDS | {
    spelling: kind
    for kind, spellings in {
        "avenue": "av",
        "bend": "bend bnd",
        "bridge": "bridge brg",
        "close": "close",
        "court": "court ct crt",
        "cove": "cove cv",
        "drive": "dr",
        "grove": "grove grv",
        "landing": "landing lndg",
        "mews": "mews",
        "pass": "pass",
        "path": "path",
        "pike": "pike",
        "place": "place pl",
        "plaza": "plaza plz",
        "point": "point pt",
        "ridge": "ridge rdg",
        "route": "rt",
        "row": "row",
        "run": "run",
        "square": "square sq",
        "street": "st str",
        "terrace": "ter",
        "trace": "trace trce",
        "view": "view vw",
        "walk": "walk",
        "way": "way wy",
    }.items()
    for spelling in spellings.split()
}
# Kinds that stand before the name. The first table is never part of an English name.
_FIRST_KINDS = {
    spelling: kind
    for kind, spellings in {
        "alameda": "alameda al",
        "avenue": "avenida av avda avinguda",
        "calle": "calle cll",
        "calzada": "calzada calz",
        "camino": "camino",
        "carrera": "carrera cra",
        "carretera": "carretera ctra",
        "chemin": "chemin ch",
        "estrada": "estrada estr",
        "ladeira": "ladeira",
        "largo": "largo lgo",
        "paseo": "paseo",
        "praca": "praca pca",
        "rodovia": "rodovia rod",
        "rue": "rua rue r",
        "travessa": "travessa tv",
        "viaduto": "viaduto vd",
    }.items()
    for spelling in spellings.split()
}
_FIRST_WORD_KINDS = {
    "avenue": "avenue",
    "ave": "avenue",
    "boulevard": "boulevard",
    "blvd": "boulevard",
    "boul": "boulevard",
    "bd": "boulevard",
    "bulevar": "boulevard",
    "highway": "highway",
    "hwy": "highway",
    "place": "place",
    "pl": "place",
    "plaza": "plaza",
    "pza": "plaza",
    "route": "route",
    "rte": "route",
}
_FOREIGN_FIRST = frozenset(_FIRST_KINDS.values()) - frozenset(_LAST_KINDS)
_ANY_FIRST = frozenset(_FIRST_KINDS.values()) | frozenset(_FIRST_WORD_KINDS.values())
# Abbreviated before a name of these tongues, spelled out in maps.
_TITLES = {
    "dr": "doutor",
    "dra": "doutora",
    "prof": "professor",
    "profa": "professora",
    "gen": "general",
    "cel": "coronel",
    "pres": "presidente",
    "mal": "marechal",
    "sta": "santa",
    "sto": "santo",
}

_UNITS = "first second third fourth fifth sixth seventh eighth ninth".split()
_ORDINALS = {word: i for i, word in enumerate(_UNITS, 1)} | {
    word: i
    for i, word in enumerate(
        "tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
        " twentieth".split(),
        10,
    )
}
_ORDINALS |= {
    word: 10 * i
    for i, word in enumerate("thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth".split(), 3)
}
_TENS = {
    word: 10 * i for i, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}

_NO_NAMES = frozenset(
    "unknown|unk|unnamed|un named|no name|noname|none|null|nan|na|n a|not named|not applicable|not available"
    "|not reported|tbd|sem nome|sin nombre|sans nom|s n".split("|")
)

_BETWEEN = re.compile(
    r"\s*(?:[&@;+\\|]|(?<!\bc)/(?!\d)|(?<![\dc])/)\s*"
    r"|\s+(?:and|at|x|con|com|esq|esquina|near|off)\.?\s+"
    r"|\s+(?:[nsew]|north|south|east|west)\s*(?:/\s*|\s)(?:o|of)\b\.?\s*",
)
_INTRODUCED = re.compile(r"^\s*(?:the\s+)?(?:intersection|corner|junction)\s+of\s+")
_BLOCK = re.compile(r"\b(?:block|blk|hundred block)\b\.?(?:\s+of\b)?")
_HOUSE = re.compile(r"^\s*(?:no\.?\s+)?(?:\d+[a-z]?|\d*x{2,})(?:\s*-\s*\d+[a-z]?)?(?:\s+\d/\d)?\s+(?=\S)")
_AWAY = re.compile(r"\s+\d+(?:\.\d+)?\s*(?:ft|feet|foot|mi|miles?|m|km|met(?:er|re)s?)\.?\s*$")
_CALLE = re.compile(r"^\s*c/\s*")
_INITIALS = re.compile(r"\b([a-z])\.(?=[a-z]\b)")  # N.E. is NE
_APOSTROPHE = re.compile(r"(?<=\w)['’`](?=\w)")  # O'Neil is ONeil
_NO_WORD = re.compile(r"[\W_]+")
_FIGURES = re.compile(r"(\d+)(?:st|nd|rd|th)")
_BRACKETS = re.compile(r"\([^)]*\)")
_ONLY_NUMBER = re.compile(r"^\s*\d+[a-z]?\s*$")


@lru_cache(maxsize=65_536)
def normalised_street(name: str | None) -> str | None:
    """Return one spelling of a street's name, None where there is none.

    Case, accents, punctuation, spellings of directions, of kinds (`St`, `Av.`, `Rua`, `R.`) and of ordinals
    are evened out. Nothing is taken away: two streets with different names keep different names.

    Parameters
    ----------
    name : str or None

    Returns
    -------
    str or None
        Lower case ASCII words (other scripts as they are), single spaces; None for no name and for words that
        say so (`unknown`, `unnamed`).

    Examples
    --------
    >>> normalised_street("N. Main St."), normalised_street("NORTH MAIN STREET")
    ('north main street', 'north main street')
    >>> normalised_street("St. James Av"), normalised_street("Third Ave"), normalised_street("E St NW")
    ('saint james avenue', '3rd avenue', 'e street northwest')
    >>> normalised_street("R. Dr. Arnaldo") == normalised_street("Rua Doutor Arnaldo")
    True
    >>> normalised_street("  unnamed ") is None
    True
    """
    return " ".join(_words(name)) or None if isinstance(name, str) else None


def normalised_streets(names: Sequence[object] | Objects) -> Objects:
    """Return `normalised_street` of each name; each different spelling is looked at once.

    Parameters
    ----------
    names : sequence of str or None, shape (n,)
        Anything that is no text (NaN) is no name.

    Returns
    -------
    array of str or None, shape (n,)

    Examples
    --------
    >>> normalised_streets(["Elm Rd", None, "ELM ROAD"]).tolist()
    ['elm road', None, 'elm road']
    """
    listed = list(names)
    known = {
        name: normalised_street(name) if isinstance(name, str) else None for name in dict.fromkeys(listed)
    }
    result = np.empty(len(listed), dtype=object)
    result[:] = [known[name] for name in listed]
    return result


@lru_cache(maxsize=65_536)
def reported_streets(text: str | None) -> tuple[tuple[str, ...], ...]:
    """Return the streets that a reported street, address or crossing names, the primary one first.

    Parameters
    ----------
    text : str or None
        `Main St`, `1200 BLOCK OF N MAIN ST`, `MAIN ST & 3RD AVE`, `MAIN ST AT 3RD`, `Rua Augusta, 1200` …

    Returns
    -------
    tuple of tuple of str
        For each street its possible readings in normalised spelling, the fullest one first: the words may
        be the name itself (`Lewis and Clark Blvd`, `100 Mile Rd`) or an address or a crossing on it. The
        reading as one whole name belongs to the primary street.

    Examples
    --------
    >>> reported_streets("1200 BLOCK OF N MAIN ST")
    (('north main street',),)
    >>> reported_streets("MAIN/THIRD")
    (('main 3rd', 'main'), ('3rd',))
    >>> reported_streets("100 Mile Rd")
    (('100 mile road', 'mile road'),)
    """
    if not isinstance(text, str):
        return ()
    lowered = _before_comma(_plain(text))
    parts = [_AWAY.sub("", part) for part in _BETWEEN.split(_INTRODUCED.sub("", lowered)) if part.strip()]
    streets = [_readings(part) for part in parts]
    if len(parts) > 1:
        whole = normalised_street(lowered)
        streets[0] = tuple(dict.fromkeys(([whole] if whole else []) + list(streets[0])))
    return tuple(street for street in streets if street)


def street_parts(name: str) -> tuple[str, str]:
    """Return the kind of a normalised name ("" where it says none) and the name without it.

    Examples
    --------
    >>> street_parts("north main street"), street_parts("rue augusta"), street_parts("broadway")
    (('street', 'north main'), ('rue', 'augusta'), ('', 'broadway'))
    """
    words = name.split()
    last = _last_kind_at(words)
    if len(words) > 1 and words[0] in _FOREIGN_FIRST:
        return words[0], " ".join(words[1:])
    if last is not None:
        return words[last], " ".join(words[:last] + words[last + 1 :])
    if len(words) > 1 and words[0] in _ANY_FIRST:
        return words[0], " ".join(words[1:])
    return "", name


def same_street(one: str, other: str) -> bool:
    """Return whether two normalised names are one street: equal, or but for a kind that one leaves out.

    Examples
    --------
    >>> same_street("main street", "main"), same_street("main street", "main avenue")
    (True, False)
    """
    kind, stem = street_parts(one)
    other_kind, other_stem = street_parts(other)
    return stem == other_stem and (kind == other_kind or not kind or not other_kind)


def street_matches(reported: Iterable[object], names: Iterable[object]) -> Mask:
    """Return whether each reported street names the street beside it; each different pair is looked at once.

    Parameters
    ----------
    reported : sequence of str or None, shape (n,)
        Streets, addresses or crossings as reported; any of the streets that one names may match.
    names : sequence of str or None, shape (n,)
        Street names as the map spells them.

    Returns
    -------
    array of bool, shape (n,)
        False where either is missing: no name never equals no name.

    Examples
    --------
    >>> street_matches(
    ...     ["1200 BLK MAIN ST", "MAIN ST & 3RD AVE", "N Main St", None],
    ...     ["Main Street", "Third Avenue", "Main Street", None],
    ... ).tolist()
    [True, True, False, False]
    """
    known: dict[tuple[str, str], bool] = {}
    result = []
    for text, name in zip(reported, names, strict=True):
        if not isinstance(text, str) or not isinstance(name, str):
            result.append(False)
            continue
        if (text, name) not in known:
            street = normalised_street(name)
            known[text, name] = street is not None and any(
                same_street(reading, street) for readings in reported_streets(text) for reading in readings
            )
        result.append(known[text, name])
    return np.array(result, dtype=bool)


def _plain(text: str) -> str:
    """Return lower case without accents."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in folded if not unicodedata.combining(letter))


def _words(name: str) -> list[str]:
    plain = _plain(name)
    plain = _CALLE.sub("calle ", plain)
    plain = _INITIALS.sub(r"\1", plain)
    plain = _APOSTROPHE.sub("", plain)
    words = _NO_WORD.sub(" ", plain).split()
    if not words or " ".join(words) in _NO_NAMES:
        return []
    return _spelled(_numbered(words))


def _numbered(words: list[str]) -> list[str]:
    """Write ordinals as figures: third, twenty third, 03rd."""
    result: list[str] = []
    for word in words:
        tens = _TENS.get(result[-1]) if result else None
        if word in _ORDINALS:
            unit = _ORDINALS[word]
            if tens is not None and unit < 10:
                result.pop()
                unit += tens
            result.append(_ordinal(unit))
        elif match := _FIGURES.fullmatch(word):
            result.append(_ordinal(int(match[1])))
        else:
            result.append(word)
    return result


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _spelled(words: list[str]) -> list[str]:
    """Spell out kinds, directions and saints, each where it stands as one."""
    words = list(words)
    n = len(words)
    last = _last_kind_at(words)
    is_foreign = n > 1 and words[0] in _FIRST_KINDS and not (words[0] in ("r", "al", "ch") and last == 1)
    core = set(range(n))
    if is_foreign:
        words[0] = _FIRST_KINDS[words[0]]
        core.discard(0)
        if n > 2 and words[-1] in _FOREIGN_DIRECTIONS:
            words[-1] = _FOREIGN_DIRECTIONS[words[-1]]
            core.discard(n - 1)
        return [_TITLES.get(w, _saint(w)) if i in core and i < n - 1 else w for i, w in enumerate(words)]
    if last is not None:
        words[last] = _LAST_KINDS[words[last]]
        core.discard(last)
    elif n > 1 and words[0] in _FIRST_WORD_KINDS:
        words[0] = _FIRST_WORD_KINDS[words[0]]
        core.discard(0)
    for i in (n - 1, 0):
        # A direction needs a name beside it: E Street and Avenue N are letters.
        if i in core and words[i] in _DIRECTIONS and len(core) > 1:
            words[i] = _DIRECTIONS[words[i]]
            core.discard(i)
    return [
        (_PLAIN_KINDS.get(w) or (_saint(w) if i < n - 1 else w)) if i in core else w
        for i, w in enumerate(words)
    ]


def _saint(word: str) -> str:
    return {"st": "saint", "ste": "sainte"}.get(word, word)


def _last_kind_at(words: list[str]) -> int | None:
    """Return where the kind stands that follows the name: last, or before a direction."""
    n = len(words)
    if n > 1 and words[-1] in _LAST_KINDS:
        return n - 1
    if n > 2 and words[-1] in _DIRECTIONS and words[-2] in _LAST_KINDS:
        return n - 2
    return None


def _before_comma(text: str) -> str:
    """Leave out what follows the street (house number, city); a number alone does not stand for it."""
    pieces = [piece for piece in _BRACKETS.sub(" ", text).split(",") if piece.strip()]
    if len(pieces) > 1 and _ONLY_NUMBER.match(pieces[0]):
        return pieces[1]
    return pieces[0] if pieces else ""


def _readings(part: str) -> tuple[str, ...]:
    """Return the name as it stands and without a house number; a block is never part of a name."""
    without_block = _BLOCK.sub(" ", part)
    is_block = without_block != part
    readings = [] if is_block else [normalised_street(part)]
    without_house = _HOUSE.sub("", without_block)
    # `12 St` is a street of that number: a kind alone is no name.
    if without_house.strip() not in _LAST_KINDS:
        readings.append(normalised_street(without_house))
    elif is_block:
        readings.append(normalised_street(without_block))
    return tuple(dict.fromkeys(reading for reading in readings if reading))
