"""Units in the names of columns: `sars_gcl`, `Fentanyl (ng/L)`, `copies_per_day_per_person`, `flow_mgd`.

Units are told as text; what they mean is not decided here.
"""

import re

#: Amounts that make a unit together with what stands below the stroke. "M" before or behind is a million.
_AMOUNTS = frozenset(
    "gc gu cp copies copy pg ng ug µg μg mg microgram micrograms nanograms milligrams".split()
)
_DIVISORS = frozenset(
    "l liter litre liters litres ml milliliter millilitre m3 g gram kg d day days person persons people "
    "capita cap inhabitant inhabitants week".split()
)
_PEOPLE = frozenset("person persons people capita cap inhabitant inhabitants".split())
_MILLION = frozenset(("m", "million"))
_CODES = {
    "gcl": "gc/L", "gcml": "gc/mL", "gcg": "gc/g", "gcday": "gc/day", "gcd": "gc/day", "cpl": "cp/L",
    "cpml": "cp/mL", "copiesl": "copies/L", "copiesml": "copies/mL", "ngl": "ng/L", "ugl": "ug/L",
    "mgl": "mg/L", "ngml": "ng/mL", "pgml": "pg/mL",
}  # fmt: skip
_SPELLED = {"l": "L", "ml": "mL", "d": "day", "cap": "capita"}

#: Words of a column's name that tell neither what was measured nor in what unit.
_FILLERS = re.compile(
    r"(?:^|[\s_.-]+)(?:mean|mn|avg|average|median|conc|concentration|value|result|load|in|of|per|daily|"
    r"level|measurement|raw|x)(?=$|[\s_.-])",
    re.IGNORECASE,
)

#: Words of columns that hold a spread, a limit or a smoothed series rather than values.
_NOT_VALUES = frozenset(
    """
    se sd std stdev stddev error err ci lower upper lo hi low high min max var variance cv lod loq mdl limit
    flow smooth smoothed rolling moving ma trend median7 log10sd baseline percentile percent pct change
    normalization normalisation recovery uncertainty hover text date ntc
    """.split()
)

_FLOWS = {
    "mgd": "MGD", "mgal_d": "MGD", "mgal_day": "MGD", "million_gallons_day": "MGD",
    "million_gallons_per_day": "MGD", "gpd": "gal/day", "gal_day": "gal/day", "gallons_day": "gal/day",
    "gpm": "gpm", "mld": "ML/day", "ml_d": "ML/day", "ml_day": "ML/day", "megaliters_day": "ML/day",
    "m3d": "m3/day", "m3_d": "m3/day", "m3_day": "m3/day", "cmd": "m3/day", "m3_h": "m3/h",
    "m3_hr": "m3/h", "m3_s": "m3/s", "cms": "m3/s", "l_d": "L/day", "l_day": "L/day", "lpd": "L/day",
    "l_s": "L/s", "lps": "L/s", "cfs": "cfs",
}  # fmt: skip


def unit_in_name(name: str) -> tuple[str, str]:
    """Return what a column's name says besides its unit, and the unit; empty where it says none.

    Examples
    --------
    >>> unit_in_name("sars_gcl"), unit_in_name("SARS-CoV-2 (gene copies/L)")
    (('sars', 'gc/L'), ('SARS-CoV-2', 'gene copies/L'))
    >>> unit_in_name("copies_day_person_M_mn"), unit_in_name("fentanyl mg/day/1,000 people")
    (('', 'million copies/day/person'), ('fentanyl', 'mg/day/1000 people'))
    >>> unit_in_name("frequency_7day")
    ('frequency_7day', '')
    """
    words = [(m.group().lower(), m.start(), m.end()) for m in re.finditer(r"[A-Za-zµμ]+3?|\d+", name)]
    for place, (word, start, end) in enumerate(words):
        if word in _CODES:
            log, first = _prefix(words, place, start)
            return _rest(name, first, end), log + _CODES[word]
        if word in _AMOUNTS:
            below, last = _below(words, place + 1)
            if below:
                return _whole(name, words, place, last, below)
    return name, ""


def tells_values(name: str) -> bool:
    """Return whether a column's name speaks of values: not of their spread, limits or running means."""
    words = set(re.findall(r"[a-z]+", name.lower()))
    return not words & _NOT_VALUES and not re.search(r"\d+[\s_-]*d(ay)?s?([\s_-]|avg|mean|$)", name.lower())


def flow_unit_in_name(name: str) -> str | None:
    """Return the unit of flow that stands in a column's name.

    Examples
    --------
    >>> flow_unit_in_name("flow_mgd"), flow_unit_in_name("Flow rate (m3/day)"), flow_unit_in_name("flow")
    ('MGD', 'm3/day', None)
    """
    plain = "_".join(w for w in re.findall(r"[a-z]+3?|\d+", name.lower().replace("³", "3")) if w != "per")
    fitting = [unit for unit in _FLOWS if f"_{plain}".endswith(f"_{unit}")]
    return _FLOWS[max(fitting, key=len)] if fitting else None


def _whole(
    name: str, words: list[tuple[str, int, int]], place: int, last: int, below: list[str]
) -> tuple[str, str]:
    """Return stem and unit of an amount with its divisors: thousands, genes and logarithms before it too."""
    amount, start, _ = words[place]
    end = words[last][2]
    prefix = ""
    if place and words[place - 1][0] in ("gene", "genome"):
        place -= 1
        prefix, start = f"{words[place][0]} ", words[place][1]
    if place and words[place - 1][0] in _MILLION:
        place -= 1
        prefix, start = f"million {prefix}", words[place][1]
    elif last + 1 < len(words) and words[last + 1][0] in _MILLION:
        prefix, end = f"million {prefix}", words[last + 1][2]
    log, start = _prefix(words, place, start)
    return _rest(name, start, end), f"{log}{prefix}{'/'.join([amount, *below])}"


def _below(words: list[tuple[str, int, int]], place: int) -> tuple[list[str], int]:
    """Return the divisors from a word on, and the last word that belongs to them."""
    below: list[str] = []
    last = place - 1
    while place < len(words):
        word = words[place][0]
        following = [w for w, _, _ in words[place + 1 : place + 3]]
        if word == "1" and following[:1] == ["000"]:
            word, place, following = "1000", place + 1, following[1:]
        if word in _DIVISORS:
            below.append(_SPELLED.get(word, word))
        elif word == "1000" and below:
            is_said = following[:1] and following[0] in _PEOPLE
            below.append(f"1000 {following[0]}" if is_said else "1000")
            place += int(bool(is_said))
        elif word != "per":
            break
        if word != "per":
            last = place
        place += 1
    return below, last


def _prefix(words: list[tuple[str, int, int]], place: int, start: int) -> tuple[str, int]:
    """Return "log10 " where it stands before a word, and where the unit then starts."""
    before = [word for word, _, _ in words[max(place - 2, 0) : place]]
    if before[-2:] == ["log", "10"]:
        return "log10 ", words[place - 2][1]
    if before[-1:] == ["log"]:
        return "log10 ", words[place - 1][1]
    return "", start


def _rest(name: str, start: int, end: int) -> str:
    """Return a name without its unit and without words that tell nothing."""
    parts = [_FILLERS.sub("", part).strip(" _-.,:;/()[]{}") for part in (name[:start], name[end:])]
    return "_".join(part for part in parts if part)
