"""The class of a road as one word, whatever the export calls it.

The vocabulary is that of OpenStreetMap, links and minor roads pooled. A label that no rule knows stays as its
own lower-case word: it still tells roads apart.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

#: Roads that are driven on, from the largest to the smallest, then ways of their own kind.
VOCABULARY = (
    "motorway", "trunk", "primary", "secondary", "tertiary", "residential", "frontage", "ramp", "service",
    "track", "pedestrian", "footway", "cycleway", "path", "steps", "other",
)  # fmt: skip

#: OpenStreetMap's values that go under another word.
_OPENSTREETMAP = {
    "motorway_link": "ramp", "trunk_link": "ramp", "primary_link": "ramp", "secondary_link": "ramp",
    "tertiary_link": "ramp", "living_street": "residential", "unclassified": "residential",
    "residential_link": "residential", "minor": "residential", "unsurfaced": "track", "byway": "track",
    "bridleway": "path", "road": "other", "busway": "other", "bus_guideway": "other", "escape": "other",
    "mini_roundabout": "residential", "motorway_junction": "other",
}  # fmt: skip

#: Feature classes of the US Census Bureau's TIGER/Line files, the present ones and those before 2008.
_TIGER = {
    "s1100": "motorway", "s1200": "primary", "s1400": "residential", "s1500": "track", "s1630": "ramp",
    "s1640": "frontage", "s1710": "footway", "s1720": "steps", "s1730": "service", "s1740": "service",
    "s1750": "other", "s1780": "service", "s1810": "other", "s1820": "cycleway", "s1830": "path",
}  # fmt: skip
_CFCC = {"a1": "motorway", "a2": "primary", "a3": "secondary", "a4": "residential", "a5": "track"}
_CFCC_SPECIAL = {
    "a63": "ramp",
    "a64": "frontage",
    "a71": "footway",
    "a72": "steps",
    "a73": "service",
    "a74": "service",
}

#: Functional systems of the US Federal Highway Administration: 1 to 7, and the rural and urban codes before.
_FUNCTIONAL = {
    "1": "motorway", "2": "trunk", "3": "primary", "4": "secondary", "5": "tertiary", "6": "tertiary",
    "7": "residential",
}  # fmt: skip
_FUNCTIONAL_BEFORE = {
    "1": "motorway", "2": "primary", "6": "secondary", "7": "tertiary", "8": "tertiary", "9": "residential",
    "11": "motorway", "12": "trunk", "14": "primary", "16": "secondary", "17": "tertiary",
    "19": "residential",
}  # fmt: skip

_ROUTE_TYPES = {
    "i": "motorway", "u": "primary", "s": "primary", "c": "secondary", "m": "residential", "o": "residential",
}  # fmt: skip

#: Whole labels that the patterns below would read otherwise.
_LABELS = {
    "a road": "primary", "b road": "secondary", "minor road": "tertiary", "local road": "residential",
    "local street": "residential", "classified unnumbered": "tertiary", "not classified": "residential",
    "local access road": "residential", "restricted local access road": "service",
    "restricted access road": "service", "secondary access road": "service", "access road": "service",
    "traffic island link": "ramp", "slip road": "ramp", "unknown": "", "unspecified": "", "n a": "",
    "minor": "residential", "major": "primary", "arterials": "primary", "collectors": "tertiary",
    "highway": "trunk", "street": "residential", "avenue": "residential", "nationale": "trunk",
    "express": "trunk", "pedestrian": "pedestrian", "mall": "pedestrian",
}  # fmt: skip

#: What a label's words say, tried in this order; `_` is a blank.
_WORDS = (
    ("ramp", "ramps? links? slip interchange bretelles? echangeur auffahrt alcas? rampa"),
    ("trunk", "other_freeways? other_expressways?"),
    ("frontage", "frontage feeder service_drive marginal"),
    ("motorway", "interstates? freeways? motorways? autoroutes? autobahn autopistas? autovias? autostrada"),
    ("trunk", "express_?ways? parkways? transito_rapido voie_rapide vias?_expressas? trunk limited_access"),
    ("steps", "stairs? stairways? steps escaliers? treppe escadaria"),
    ("cycleway", "bike bicycle cycle_?ways? cycle_?tracks? cycle_?paths? cyclables? ciclovias? radweg"),
    ("footway", "side_?walks? walk_?ways? foot_?ways? foot_?paths? crosswalks? trottoir gehweg fussweg"),
    ("pedestrian", "pedestrian plaza pietonn?e?s? fussgangerzone calcadao peatonal(?:es)?"),
    ("path", "trails? paths? bridle_?ways? sentiers? pfad sendero trilha"),
    ("track", "4wd tracks? fire_?roads? forest_roads? logging jeep feldweg wirtschaftsweg"),
    ("service", "alleys? alleyways? service drive_?ways? parking ruelles? private privee?s? privad[ao]s?"),
    ("secondary", "minor_arterials? secondary_arterials? arterials?_minor"),
    ("primary", "arterial(?:es|s)? arter(?:e|es|ia|ias)"),
    ("tertiary", "collectors? collectrices? coletoras? colectoras? sammelstrasse distributors?"),
    ("residential", "locals? locales? locais residential residentielle neighbou?rhood subdivision"),
    ("residential", r"anlieger\w* desserte"),
    ("primary", "u_?s_highways? u_?s_routes? state_highways? state_routes? state_roads? bundesstrasse"),
    ("primary", r"national\w*"),
    ("secondary", "county_highways? county_routes? county_roads? landesstrasse staatsstrasse"),
    ("secondary", r"departementale provincial\w*"),
    ("tertiary", "kreisstrasse township_roads? town_roads? intercommunale"),
    ("residential", r"gemeindestrasse city_streets? municipal\w* communale vicinal"),
    ("primary", "primary principal major"),
    ("secondary", "secondary secundaria secondaire"),
    ("tertiary", "tertiary terciaria tertiaire"),
)
_PATTERNS = tuple(
    (re.compile(rf"\b(?:{'|'.join(one.replace('_', ' ') for one in words.split())})\b"), word)
    for word, words in _WORDS
)


def road_class(label: str, scheme: str = "") -> str | None:
    """Return the word of the vocabulary for a label, "" where the label says that it is not known; else None.

    `scheme` says what bare numbers and letters mean: "functional" and "functional before" for codes of the
    US Federal Highway Administration, "route type" for those of TIGER.

    Examples
    --------
    >>> labels = ("trunk_link", "S1400", "Principal Arterial - Other", "Artère", "zebra")
    >>> [road_class(label) for label in labels]
    ['ramp', 'residential', 'primary', 'primary', None]
    >>> road_class("4", "functional"), road_class("4")
    ('secondary', None)
    """
    given = label.strip().casefold()
    if given.startswith("["):
        # Several values of one road, as OSMnx writes them: the first one counts.
        given = re.sub(r"^\[\s*['\"]?([^'\",\]]*).*$", r"\1", given)
    if given in VOCABULARY or given in _OPENSTREETMAP:
        return _OPENSTREETMAP.get(given, given)
    word = _of_code(given, scheme)
    return _of_words(_bare(given)) if word is None else word


def own_word(label: str) -> str:
    """Return a label that no rule knows as a class of its own.

    Examples
    --------
    >>> own_word(" Scenic  Drive "), own_word("2.0"), own_word("class 2")
    ('scenic drive', 'class 2', 'class 2')
    """
    words = " ".join(label.casefold().split())
    number = re.fullmatch(r"(\d+)(\.0*)?", words)
    return f"class {int(number[1])}" if number else words


def is_no_road(label: str) -> bool:
    """Return whether a TIGER code is not one of a road: rails, water, medians.

    Examples
    --------
    >>> is_no_road("R1011"), is_no_road("S2000"), is_no_road("S1400"), is_no_road("Rural")
    (True, True, False, False)
    """
    code = label.strip().casefold()
    return bool(re.fullmatch(r"[bcdhklpr]\d{4}|s2\d{3}", code))


def functional_scheme(labels: Iterable[str], *, is_federal: bool = False) -> str:
    """Return what the numbers of a column of functional classes mean; "" where they are none of them.

    Classes up to five are as likely those of a map maker, whose order is another: they stay numbers unless
    the column's name `is_federal`.

    Examples
    --------
    >>> [functional_scheme(labels) for labels in (["1", "4", "7.0", ""], ["11", "17", "9"], ["A"])]
    ['functional', 'functional before', '']
    >>> functional_scheme(["1", "5"]), functional_scheme(["1", "5"], is_federal=True)
    ('', 'functional')
    """
    numbers = {_number(label) for label in labels if label.strip()}
    if None in numbers or not numbers:
        return ""
    if numbers <= {"0", "99", *_FUNCTIONAL}:
        return "functional" if is_federal or numbers & {"6", "7"} else ""
    return "functional before" if numbers <= {"0", "99", *_FUNCTIONAL_BEFORE} else ""


def _of_code(given: str, scheme: str) -> str | None:
    if scheme:
        tables = {
            "functional": _FUNCTIONAL,
            "functional before": _FUNCTIONAL_BEFORE,
            "route type": _ROUTE_TYPES,
        }
        code = _number(given) or given
        return "" if code in ("0", "99") else tables[scheme].get(code)
    if given in _TIGER:
        return _TIGER[given]
    if re.fullmatch(r"a\d\d", given):
        return _CFCC_SPECIAL.get(given, _CFCC.get(given[:2], "other"))
    return None


@lru_cache(maxsize=1 << 12)
def _of_words(words: str) -> str | None:
    if words in _LABELS:
        return _LABELS[words]
    return next((word for pattern, word in _PATTERNS if pattern.search(words)), None)


def _number(text: str) -> str | None:
    found = re.fullmatch(r"\s*0*(\d+)(\.0*)?\s*", text)
    return found[1] if found else None


def _bare(text: str) -> str:
    """Return words without case, accents and punctuation, one blank apart."""
    spelled = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    plain = "".join(c for c in spelled if not unicodedata.combining(c))
    return " ".join(re.split(r"[^a-z0-9]+", plain)).strip()
