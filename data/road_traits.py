"""What a road's columns say of it: which way it is driven, on which level, whether it is a roundabout.

Every parser is asked once for each distinct text; None means that the text says nothing that is known.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.numbers import NULL_TOKENS
from data.raw_rows import as_text

#: Levels beyond this are heights or floors, not an order of bridges.
MOST_LEVELS = 20

_ALONG = frozenset(
    """
    yes y true 1 one 1way oneway onewaystreet oneway1 ft f+ + forward along with digitized positive fromto
    onewayforward onewaywithdigitization fwd oneway:yes sim si oui ja sensunique einbahnstrasse
    sentidounico onewayroadway
    """.split()
)
_AGAINST = frozenset(
    """
    -1 reverse reversed backward backwards against tf - negative tofrom onewaybackward rev
    onewayagainstdigitization opposite
    """.split()
)
_BOTH = frozenset(
    """
    no n false 0 2 b both two twoway 2way twowaystreet bidirectional bothways bothdirections tw reversible
    alternating nao non nein doublesens none undivided twowayroadway zweirichtungen doblesentido maodupla
    """.split()
)
_FALSE = frozenset("no n false f 0 none nao non nein".split())
_TRUE = frozenset("yes y true t 1 sim si oui ja".split())

#: Columns of from/to codes: F with the line, T against it, N closed to both.
DIRECTIONS, ANSWERS = "directions", "answers"


@dataclass(frozen=True)
class Traits:
    """One value per row, and how many texts said nothing that is known."""

    values: NDArray[np.float64]
    n_unreadable: int


def each_text(column: pa.ChunkedArray, value_of: Callable[[str], float | None]) -> Traits:
    """Return the value of each row's text: NaN where there is none or it is not readable."""
    coded = pc.dictionary_encode(pc.utf8_lower(pc.utf8_trim_whitespace(as_text(column)))).combine_chunks()
    texts = coded.dictionary.to_pylist()
    of_text = np.full(len(texts) + 1, np.nan)
    is_unreadable = np.zeros(len(texts) + 1, np.bool_)
    for place, text in enumerate(texts):
        if text not in NULL_TOKENS:
            value = value_of(text)
            is_unreadable[place] = value is None
            of_text[place] = np.nan if value is None else value
    code = np.array(coded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False), dtype=np.int64)
    return Traits(of_text[code], int(is_unreadable[code].sum()))


def oneway_style(counts: Mapping[str, int], n_blank: int) -> str:
    """Return whether F and T of a column mean from and to, or false and true.

    Where all rows hold F or T and few of them T, they are answers: most streets go both ways.

    Examples
    --------
    >>> oneway_style({"F": 500, "T": 60}, 0), oneway_style({"F": 80, "T": 70, "B": 400}, 0)
    ('answers', 'directions')
    >>> oneway_style({"F": 30, "T": 28}, 500)
    'directions'
    """
    found = Counter[str]()
    for text, number in counts.items():
        found[text.strip().casefold()] += number
    if set(found) & {"b", "ft", "tf"} or not set(found) & {"f", "t"}:
        return DIRECTIONS
    return ANSWERS if n_blank < 0.05 * (found["f"] + found["t"] + n_blank) else DIRECTIONS


def oneway(text: str, style: str = ANSWERS) -> int | None:
    """Return 1 for a road driven along its line only, -1 against it, 0 both ways; None for other words.

    Examples
    --------
    >>> [oneway(text) for text in ("yes", "-1", "One-Way", "TF", "two way", "1.0", "north")]
    [1, -1, 1, -1, 0, 1, None]
    >>> [oneway(text, "directions") for text in "FTBN"], [oneway(text, "answers") for text in "FT"]
    ([1, -1, 0, 0], [0, 1])
    """
    word = re.sub(r"^(-?\d+)\.0*$", r"\1", re.sub(r"[\s_]+", "", text.casefold()))
    if word in ("f", "t"):
        return {"f": 1, "t": -1}[word] if style == DIRECTIONS else {"f": 0, "t": 1}[word]
    word = word[:1] + word[1:].replace("-", "")
    return next((value for words, value in ((_ALONG, 1), (_AGAINST, -1), (_BOTH, 0)) if word in words), None)


def level(text: str) -> float | None:
    """Return the level that a text tells: a small number, or a word for above or below.

    Examples
    --------
    >>> [level(text) for text in ("1", "-2.0", "bridge", "At grade", "412.7", "A-ROAD")]
    [1.0, -2.0, 1.0, 0.0, None, None]
    """
    if re.fullmatch(r"[+-]?\d+(\.\d*)?", text):
        value = float(text)
        return value if abs(value) <= MOST_LEVELS and value == round(value) else None
    word = re.sub(r"[\s_-]+", "", text.casefold())
    if word in ("bridge", "overpass", "elevated", "viaduct", "above", "pont", "puente", "ponte", "bruecke"):
        return 1.0
    if word in ("tunnel", "underpass", "below", "underground", "subway", "tunel"):
        return -1.0
    return 0.0 if word in ("atgrade", "ground", "surface", "groundlevel", "grade", "none") else None


def truth(text: str) -> float | None:
    """Return 1 for yes and every kind of yes (a viaduct is a bridge), 0 for no.

    Examples
    --------
    >>> [truth(text) for text in ("viaduct", "no", "0", "T")]
    [1.0, 0.0, 0.0, 1.0]
    """
    word = text.strip().casefold()
    return 0.0 if word in _FALSE or re.fullmatch(r"0+(\.0*)?", word) else 1.0


def is_roundabout(text: str) -> float | None:
    """Return 1 where a junction, a form of way or an answer says roundabout, 0 elsewhere.

    Examples
    --------
    >>> [is_roundabout(text) for text in ("roundabout", "Traffic Circle", "yes", "intersection", "no")]
    [1.0, 1.0, 1.0, 0.0, 0.0]
    """
    word = re.sub(r"[\s_-]+", "", text.casefold())
    circles = (
        "roundabout",
        "circular",
        "trafficcircle",
        "rotary",
        "giratoire",
        "rondpoint",
        "rotonda",
        "rotatoria",
    )
    return float(word in _TRUE or any(circle in word for circle in circles))


def line_levels(
    told: NDArray[np.float64] | None,
    ends: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
    bridge: NDArray[np.float64] | None,
    tunnel: NDArray[np.float64] | None,
    n_rows: int,
) -> NDArray[np.int16]:
    """Return each line's level: as told, else that of both ends, else 1 on bridges and -1 in tunnels.

    A line whose ends lie on different levels is a slope, which meets other roads at its ends: it takes the
    level nearer to the ground.
    """
    result = np.full(n_rows, np.nan) if told is None else told.copy()
    if ends is not None:
        low, high = np.minimum(*ends), np.maximum(*ends)
        at_ends = np.where(low * high <= 0, 0.0, np.where(low > 0, low, high))
        # Where one end is not told the other one is no ground to go by.
        result = np.where(np.isnan(result), at_ends, result)
    result = np.where(np.isfinite(result), result, 0.0)
    for flags, beyond in ((bridge, 1.0), (tunnel, -1.0)):
        if flags is not None:
            result[(flags == 1) & (result == 0)] = beyond
    return result.astype(np.int16)
