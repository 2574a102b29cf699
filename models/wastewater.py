"""Units and loads of wastewater samples. No statistics here; see `campaigns`, `trend` and `surveillance`.

A unit is read as amount per something ("ng/L", "gene copies per mL", "gcMl"), not looked up in a list of
spellings, so the spellings of different laboratories meet. One base unit per family:

==========================  =====================
family                      base unit
==========================  =====================
mass concentration          ng/L
gene concentration          copies/L
genes in solids             copies/g
mass in solids              ng/g
mass per day                mg/day
genes per day               copies/day
mass per day and people     mg/day/1000
genes per day and people    copies/day/1000
==========================  =====================
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameter

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]

# Size of one unit in ng.
_MASSES = {"pg": 1e-3, "ng": 1.0, "ug": 1e3, "mcg": 1e3, "mg": 1e6, "g": 1e9, "kg": 1e12}
_MASSES |= {"picogram": 1e-3, "nanogram": 1.0, "microgram": 1e3, "milligram": 1e6, "gram": 1e9}
_GENE_WORDS = ("gc", "cp", "cps", "copy", "copies", "genecopy", "genecopies", "genomecopies", "gu")
_THOUSANDS = {"": 1.0, "thousand": 1e3, "k": 1e3, "million": 1e6, "m": 1e6, "billion": 1e9}
_GENES = {prefix + word: size for prefix, size in _THOUSANDS.items() for word in _GENE_WORDS}
# Size of one unit in litres.
_LITRE_WORDS = ("l", "liter", "litre", "liters", "litres")
_VOLUMES = dict.fromkeys(_LITRE_WORDS, 1.0)
_VOLUMES |= {
    "ml": 1e-3,
    "milliliter": 1e-3,
    "millilitre": 1e-3,
    "ul": 1e-6,
    "dl": 1e-1,
    "cm3": 1e-3,
    "m3": 1e3,
}
_SOLIDS = {"mg": 1e-3, "g": 1.0, "gram": 1.0, "kg": 1e3}
# Size of one unit in days.
_TIMES = dict.fromkeys(("d", "day", "days", "24h"), 1.0) | dict.fromkeys(("w", "wk", "week"), 7.0)
_TIMES |= dict.fromkeys(("s", "sec", "second"), 1 / 86400) | dict.fromkeys(("h", "hr", "hour"), 1 / 24)
_TIMES |= dict.fromkeys(("min", "minute"), 1 / 1440)
_PERSON_WORDS = (
    "person",
    "people",
    "persons",
    "capita",
    "cap",
    "inh",
    "inhabitant",
    "inhabitants",
    "p",
    "pe",
)
_DIVISORS = (("volume", _VOLUMES), ("solids", _SOLIDS), ("time", _TIMES))
# Words that say what was sampled, not how much.
_MATTER = re.compile(r"\b(of|raw|whole|influent|wastewater|sewage|water|dry|wet|weight|dw|sludge|solids?)\b")
# Whole units that carry no stroke.
_CODES = {"gcl": "gc/l", "gcml": "gc/ml", "gcg": "gc/g", "ngl": "ng/l", "ugl": "ug/l", "mgl": "mg/l"}
_CODES |= {
    "ppt": "ng/l",
    "ppb": "ug/l",
    "gcday": "gc/d",
    "gcd": "gc/d",
    "copiesl": "gc/l",
    "copiesml": "gc/ml",
}

_GALLON_L, _CUBIC_FOOT_L = 3.785411784, 28.316846592
_FLOW_VOLUMES = dict.fromkeys(_LITRE_WORDS, 1.0) | dict.fromkeys(
    ("m3", "cubicmeter", "cubicmeters", "cubicmetres", "kl"), 1e3
)
_FLOW_VOLUMES |= dict.fromkeys(("gal", "gallon", "gallons", "usgal"), _GALLON_L)
_FLOW_VOLUMES |= dict.fromkeys(("mgal", "mg", "milliongal", "milliongallons", "mgallons"), _GALLON_L * 1e6)
_FLOW_VOLUMES |= dict.fromkeys(("ml", "megaliter", "megalitre", "megaliters", "megalitres"), 1e6)
_FLOW_VOLUMES |= dict.fromkeys(("ft3", "cubicfeet", "cubicfoot", "cuft"), _CUBIC_FOOT_L)
_FLOW_CODES = {"mgd": "mgal/d", "gpd": "gal/d", "gpm": "gal/min", "mld": "ml/d", "lpd": "l/d", "lps": "l/s"}
_FLOW_CODES |= {"cmd": "m3/d", "cms": "m3/s", "cfs": "ft3/s", "m3d": "m3/d", "m3s": "m3/s", "ld": "l/d"}

KNOWN_UNITS = (
    "ng/L, ug/L, mg/L, copies/L, copies/mL, gc/L, log10 copies/L, copies/g, ng/g, copies/day, gc/day, "
    "mg/day, copies/day/person, copies/day/1000 people, mg/day/1000 people"
)
KNOWN_FLOW_UNITS = "MGD, gal/day, gpm, m3/day, m3/h, m3/s, ML/day, L/day, L/s, cfs"


def concentrations(value: ArrayLike, units: str | Sequence[str] | Texts) -> tuple[Floats, Texts]:
    """Return concentrations or loads in the base unit of their family, and that unit.

    Parameters
    ----------
    value : array, shape (n,)
        NaN stays NaN. Values in "log10 …" are taken back to the natural scale.
    units : text, or array of text, shape (n,)
        One unit for all, or one for each.

    Returns
    -------
    value : array, shape (n,)
    base : array of text, shape (n,)
        "ng/L", "copies/L", "copies/g", "ng/g", "mg/day", "copies/day", "mg/day/1000" or "copies/day/1000".

    Raises
    ------
    InvalidParameter
        If a unit is not known; the message names known ones.

    Examples
    --------
    >>> values, base = concentrations([1.5, 20, 3], ["ug/L", "gc/mL", "log10 copies/L"])
    >>> values.round(6).tolist(), base.tolist()
    ([1500.0, 20000.0, 1000.0], ['ng/L', 'copies/L', 'copies/L'])
    """
    numbers = np.asarray(value, dtype=np.float64)
    distinct, which = _distinct(units, numbers.shape)
    read = [_concentration_unit(text) for text in distinct]
    is_log = np.array([unit[2] for unit in read], dtype=bool)[which]
    natural = np.where(is_log, 10.0 ** np.where(is_log, numbers, 0.0), numbers)
    factors = np.array([unit[1] for unit in read], dtype=np.float64)[which]
    return natural * factors, np.array([unit[0] for unit in read], dtype=np.str_)[which]


def flow_l_day(flow: ArrayLike, units: str | Sequence[str] | Texts) -> Floats:
    """Return flows in litres a day.

    Parameters
    ----------
    flow : array, shape (n,)
        NaN stays NaN.
    units : text, or array of text, shape (n,)
        Gallons are US gallons; MGD is a million of them a day. ML is a million litres whatever the case of
        its letters, as no sewer is measured in millilitres.

    Raises
    ------
    InvalidParameter
        If a unit is not known; the message names known ones.

    Examples
    --------
    >>> flow_l_day([5, 1, 1], ["MGD", "m3/d", "L/s"]).tolist()
    [18927058.92, 1000.0, 86400.0]
    """
    numbers = np.asarray(flow, dtype=np.float64)
    distinct, which = _distinct(units, numbers.shape)
    factors = np.array([_flow_factor(text) for text in distinct], dtype=np.float64)
    litres: Floats = numbers * factors[which]
    return litres


def load_mg_day_1000(concentration_ng_l: ArrayLike, flow_l_day: ArrayLike, population: ArrayLike) -> Floats:
    """Return the load in mg a day for 1,000 people; NaN where flow or population is missing or not positive.

    load = C [ng/L] · Q [L/day] · 1e-6 [mg/ng] / (population / 1000)

    Examples
    --------
    100 ng/L at 5 million US gallons a day for 40,000 people:

    >>> round(float(load_mg_day_1000(100, 5 * 3.785411784e6, 40_000)), 1)
    47.3
    """
    return load_copies_day_1000(concentration_ng_l, flow_l_day, population) * 1e-6


def load_copies_day_1000(
    concentration_copies_l: ArrayLike, flow_l_day: ArrayLike, population: ArrayLike
) -> Floats:
    """Return the load in gene copies a day for 1,000 people; NaN as in `load_mg_day_1000`.

    Examples
    --------
    >>> load_copies_day_1000([2e4, 2e4], [1e6, 1e6], [10_000, 0]).tolist()
    [2000000000.0, nan]
    """
    amount = np.asarray(concentration_copies_l, dtype=np.float64)
    flow, people = np.asarray(flow_l_day, dtype=np.float64), np.asarray(population, dtype=np.float64)
    known = (flow > 0) & (people > 0) & np.isfinite(flow) & np.isfinite(people)
    load: Floats = amount * np.where(known, flow, np.nan) / (np.where(known, people, np.nan) / 1000)
    return load


def _distinct(
    units: str | Sequence[str] | Texts, shape: tuple[int, ...]
) -> tuple[list[str], NDArray[np.intp]]:
    """Return the distinct units, and which of them each value has."""
    distinct, which = np.unique(np.broadcast_to(np.asarray(units, dtype=np.str_), shape), return_inverse=True)
    return distinct.tolist(), which.reshape(shape)


def _concentration_unit(text: str) -> tuple[str, float, bool]:
    """Return base unit, factor to it, and whether the values are decadic logarithms."""
    log = re.match(r"log ?_?\(?10\)?[ _(]*", _plain(text))
    plain = _plain(text)[log.end() if log else 0 :].strip(" ()")
    amount, *per = _parts(_CODES.get(re.sub(r"[ _.]", "", plain), plain))
    divisors = sorted(_divisor(part) for part in per)
    dimensions = tuple(dimension for dimension, _ in divisors)
    kind, factor = ("ng", _MASSES[amount]) if amount in _MASSES else ("copies", _GENES.get(amount, np.nan))
    for _, size in divisors:
        factor /= size
    if kind == "ng" and "time" in dimensions:
        kind, factor = "mg", factor * 1e-6
    base = {
        ("volume",): f"{kind}/L",
        ("solids",): f"{kind}/g",
        ("time",): f"{kind}/day",
        ("people", "time"): f"{kind}/day/1000",
    }.get(dimensions, "")
    if not base or np.isnan(factor):
        raise InvalidParameter(f"a unit like {KNOWN_UNITS} is needed, got {text!r}")
    return base, factor, log is not None


def _divisor(part: str) -> tuple[str, float]:
    """Return what stands below a stroke, "100ml" or "1000people": its dimension and size."""
    digits, word = re.match(r"(\d*)(.*)", part).groups() if part != "24h" else ("", part)  # type: ignore[union-attr]
    count = float(digits or 1)
    if word in _PERSON_WORDS or (digits and not word):
        return "people", count / 1000
    for dimension, sizes in _DIVISORS:
        if word in sizes:
            return dimension, count * sizes[word]
    return "", np.nan


def _flow_factor(text: str) -> float:
    """Return the litres a day of one unit of flow."""
    plain = _plain(text)
    parts = _parts(_FLOW_CODES.get(re.sub(r"[ _.]", "", plain), plain))
    if len(parts) != 2 or parts[0] not in _FLOW_VOLUMES or parts[1] not in _TIMES:
        raise InvalidParameter(f"a flow unit like {KNOWN_FLOW_UNITS} is needed, got {text!r}")
    return _FLOW_VOLUMES[parts[0]] / _TIMES[parts[1]]


def _plain(text: str) -> str:
    """Return a unit in lower case, in ASCII, without the words for what was sampled."""
    plain = text.lower().replace("μ", "u").replace("µ", "u").replace("³", "3").replace("^3", "3")
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", plain.replace("_per_", " per "))
    return " ".join(_MATTER.sub("", plain).split())


def _parts(plain: str) -> list[str]:
    """Return amount and divisors, each without spaces."""
    return [re.sub(r"[ _.()*]", "", part) for part in re.split(r"/| per ", plain)]
