"""The seventeen patterns of a place in time: eight hot, eight cold, and none.

From the class of every time bin (hot, cold or neither) and the trend to a name, a short label for those who
respond, and one sentence that says why. No statistic is made here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameter

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

NO_PATTERN = "no pattern detected"
# In the order in which they are tried; the first that holds wins. Each holds for hot and for cold.
KINDS = (
    "historical",
    "intensifying",
    "diminishing",
    "persistent",
    "oscillating",
    "new",
    "consecutive",
    "sporadic",
)
PATTERNS = (NO_PATTERN, *(f"{kind} {side} spot" for side in ("hot", "cold") for kind in KINDS))
SHORT_LABELS = ("emerging", "persistent", "intermittent", "former", "none")
# Share of the bins from which on a place counts as always hot (or cold): nine in ten.
_ALWAYS = (9, 10)
_HISTORICAL, _INTENSIFYING, _DIMINISHING, _PERSISTENT, _OSCILLATING, _NEW, _CONSECUTIVE, _SPORADIC = range(8)
_SHORT_OF_KIND = {
    _HISTORICAL: "former",
    _INTENSIFYING: "emerging",
    _DIMINISHING: "persistent",
    _PERSISTENT: "persistent",
    _OSCILLATING: "intermittent",  # "emerging" where it was never on this side before
    _NEW: "emerging",
    _CONSECUTIVE: "emerging",
    _SPORADIC: "intermittent",
}


@dataclass(frozen=True)
class Patterns:
    """One entry a cell.

    Attributes
    ----------
    pattern : array of str
        One of `PATTERNS`.
    short : array of str
        One of `SHORT_LABELS`.
    reason : array of object
        One sentence.
    share_hot, share_cold : array of float
        Share of the bins that are hot, cold.
    """

    pattern: NDArray[np.str_]
    short: NDArray[np.str_]
    reason: NDArray[np.object_]
    share_hot: NDArray[np.float64]
    share_cold: NDArray[np.float64]


@dataclass(frozen=True)
class _Side:
    """What counts on the side of the last bin; of `historical` on the side that was."""

    sign: NDArray[np.int8]
    n_own: Integers
    kind: Integers


def emerging_patterns(signs: ArrayLike, trend: ArrayLike) -> Patterns:
    """Return the pattern of every cell.

    The side is that of the last bin. Where the last bin is neither hot nor cold only "historical" can hold,
    on a side that has nine in ten of the bins.

    Parameters
    ----------
    signs : array of int, shape (n_bins, n_cells)
        1 hot, -1 cold, 0 neither; earliest bin first.
    trend : array of int, shape (n_cells,)
        1 rising, -1 falling, 0 neither (or not known).

    Raises
    ------
    InvalidParameter
        If the shapes do not fit, or there is no bin.

    Examples
    --------
    Hot for the first time; hot always, and more and more.

    >>> found = emerging_patterns([[0, 1], [0, 1], [0, 1], [1, 1]], [0, 1])
    >>> found.pattern.tolist(), found.short.tolist()
    (['new hot spot', 'intensifying hot spot'], ['emerging', 'emerging'])
    >>> found.reason[1]
    'Hot in the last bin and in 4 of 4 bins, with a rising trend.'
    """
    marks, rising = np.asarray(signs, dtype=np.int8), np.asarray(trend, dtype=np.int8)
    if marks.ndim != 2 or not len(marks) or rising.shape != marks.shape[1:]:
        raise InvalidParameter(
            "signs of shape (bins, cells) and one trend a cell were needed, "
            f"got {marks.shape} and {rising.shape}"
        )
    n_bins = len(marks)
    n_hot = np.count_nonzero(marks == 1, axis=0)
    n_cold = np.count_nonzero(marks == -1, axis=0)
    side = _sides(marks, n_hot, n_cold, rising)
    code = np.where(side.kind < 0, 0, 1 + side.kind + np.where(side.sign < 0, len(KINDS), 0))
    labels = np.array([_SHORT_OF_KIND[kind] for kind in range(len(KINDS))] + ["none"])
    short = labels[side.kind]
    short = np.where((side.kind == _OSCILLATING) & (side.n_own == 1), "emerging", short)
    return Patterns(
        pattern=np.array(PATTERNS)[code],
        short=short,
        reason=_reasons(side, n_hot, n_cold, n_bins),
        share_hot=n_hot / n_bins,
        share_cold=n_cold / n_bins,
    )


def _sides(marks: NDArray[np.int8], n_hot: Integers, n_cold: Integers, rising: NDArray[np.int8]) -> _Side:
    """Return for every cell which side counts, and which kind of pattern holds on it; -1 for none."""
    n_bins, last = len(marks), marks[-1]
    many, of = _ALWAYS
    was = np.where(n_hot * of >= many * n_bins, 1, np.where(n_cold * of >= many * n_bins, -1, 0))
    sign = np.where(last != 0, last, was).astype(np.int8)
    n_own = np.where(sign > 0, n_hot, np.where(sign < 0, n_cold, 0))
    n_other = np.where(sign > 0, n_cold, np.where(sign < 0, n_hot, 0))
    is_on, is_always = last != 0, n_own * of >= many * n_bins
    deeper = rising * sign  # a cold spot intensifies as it falls
    rules = {
        _HISTORICAL: ~is_on & (sign != 0),
        _INTENSIFYING: is_on & is_always & (deeper > 0),
        _DIMINISHING: is_on & is_always & (deeper < 0),
        _PERSISTENT: is_on & is_always,
        _OSCILLATING: is_on & (n_other > 0),
        _NEW: is_on & (n_own == 1),
        _CONSECUTIVE: is_on & (_last_run(marks) == n_own),
        _SPORADIC: is_on,
    }
    kind = np.select(list(rules.values()), list(rules), default=-1)
    return _Side(sign, n_own, kind)


def _last_run(marks: NDArray[np.int8]) -> Integers:
    """Return how many bins at the end are of the sign of the last."""
    differs = marks[::-1] != marks[-1]
    return np.where(differs.any(axis=0), differs.argmax(axis=0), len(marks))


def _reasons(side: _Side, n_hot: Integers, n_cold: Integers, n_bins: int) -> NDArray[np.object_]:
    """Return one sentence a cell; cells that agree in all that it says share it."""
    base = n_bins + 1
    key = ((side.kind + 1) * 3 + side.sign + 1) * base**2 + n_hot * base + n_cold
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    sentences = np.empty(len(first), dtype=object)
    for number, cell in enumerate(first.tolist()):
        sentences[number] = _sentence(
            int(side.kind[cell]), int(side.sign[cell]), int(n_hot[cell]), int(n_cold[cell]), n_bins
        )
    return np.asarray(sentences[which], dtype=object)


def _sentence(kind: int, sign: int, n_hot: int, n_cold: int, n_bins: int) -> str:
    if kind < 0 and not n_hot + n_cold:
        return f"Neither hot nor cold in any of {n_bins} bins."
    if kind < 0:
        return f"Neither hot nor cold in the last bin; hot in {n_hot} and cold in {n_cold} of {n_bins} bins."
    own, other, n_own, n_other = (
        ("hot", "cold", n_hot, n_cold) if sign > 0 else ("cold", "hot", n_cold, n_hot)
    )
    deeper, weaker = ("rising", "falling") if sign > 0 else ("falling", "rising")
    start, bins = f"{own.capitalize()} in the last bin", f"{n_own} of {n_bins} bins"
    earlier = "1 earlier bin" if n_other == 1 else f"{n_other} earlier bins"
    return {
        _HISTORICAL: f"Not {own} in the last bin, but in {bins}.",
        _INTENSIFYING: f"{start} and in {bins}, with a {deeper} trend.",
        _DIMINISHING: f"{start} and in {bins}, with a {weaker} trend.",
        _PERSISTENT: f"{start} and in {bins}, without a clear trend.",
        _OSCILLATING: f"{start} and {other} in {earlier}; {own} in {bins}.",
        _NEW: f"{start}, for the first time in {n_bins} bins.",
        _CONSECUTIVE: f"{own.capitalize()} in the last {n_own} bins without a break, and never before.",
        _SPORADIC: f"{start} and, with breaks, in {bins}; never {other}.",
    }[kind]
