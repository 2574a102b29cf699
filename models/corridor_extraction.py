"""From windows above a level to corridors: best first, disjoint, trimmed, merged; and how firmly they stand.

What owes its score to one spot, a junction as a rule, is no corridor but an intersection finding.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.corridor_windows import Score
from models.errors import InvalidParameter

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

MERGED_OVER_M = 300.0
FEWEST_LOCATIONS = 2
# A spot is a lixel or two that touch, for a junction may lie where one ends.
_SPOT_LIXELS = (1, 2)
# Of the score that should be left without a spot, what a corridor keeps at least.
_LEFT_WITHOUT_A_SPOT = 0.5
# Of the length of a corridor, what has to be found again.
_FOUND_AGAIN = 0.5
_TIE = 1e-9


class Found(NamedTuple):
    """Windows and their scores: lixels `first` … `last` - 1 each; arrays of one length."""

    first: Ints
    last: Ints
    llr: Floats

    def at(self, which: Ints | Mask) -> "Found":
        """Return some of the windows."""
        return Found(self.first[which], self.last[which], self.llr[which])


class Finding(NamedTuple):
    """A corridor, or the spot of an intersection with the score of the stretch in which it was found."""

    first: int
    last: int
    llr: float
    is_intersection: bool


class Locations:
    """Where incidents happened, so that those of a stretch can be told to be at one place or at several."""

    def __init__(self, lixel: ArrayLike, place: ArrayLike, y: Ints) -> None:
        """Keep the incidents in the order of the lixels.

        Parameters
        ----------
        lixel : array of int, shape (n_incidents,)
            Below 0 for incidents that take no part.
        place : array, shape (n_incidents,)
            Equal for incidents at one place: a number or a name.
        y : array of int, shape (n,)
            Incidents of every lixel, which `lixel` must give again.

        Raises
        ------
        InvalidParameter
            If the two do not agree.
        """
        at, where = np.asarray(lixel, dtype=np.int64), np.asarray(place)
        if at.ndim != 1 or at.shape != where.shape:
            raise InvalidParameter(f"one place for each of {at.size} incidents was needed, got {where.size}")
        where = np.unique(where[at >= 0], return_inverse=True)[1]
        at = at[at >= 0]
        if at.size and at.max() >= len(y):
            raise InvalidParameter(f"incidents on lixels 0 to {len(y) - 1} were needed, got lixel {at.max()}")
        n_off = int(np.abs(np.bincount(at, minlength=len(y)) - y).sum())
        if n_off:
            raise InvalidParameter(f"as many places as incidents on every lixel were needed, got {n_off} off")
        self._place = where[np.argsort(at, kind="stable")]
        self._until = np.concatenate([[0], np.cumsum(y)])

    def distinct(self, first: int, last: int) -> int:
        """Return the number of places on lixels first … last - 1."""
        return len(np.unique(self._place[self._until[first] : self._until[last]]))


@dataclass(frozen=True)
class Street:
    """Lixels with their incidents, and the sums of any run of them.

    Attributes
    ----------
    y, mu, length_m : array, shape (n,)
    route : array of int, shape (n,)
    locations : Locations
    score : Score
    min_length_m, max_length_m : float
    """

    y: Ints
    mu: Floats
    length_m: Floats
    route: Ints
    locations: Locations
    score: Score
    min_length_m: float
    max_length_m: float

    def llr(self, first: int, last: int) -> float:
        """Return the score of a run; 0 where it expects nothing, or more than half of all."""
        return self._llr(self.y[first:last], self.mu[first:last])

    def llr_without(self, first: int, last: int, spot_first: int, spot_last: int) -> float:
        """Return the score of a run without the lixels of a spot in it."""
        kept = np.r_[first:spot_first, spot_last:last]
        return self._llr(self.y[kept], self.mu[kept])

    def _llr(self, counts: Ints, means: Floats) -> float:
        mean = means.sum(keepdims=True)
        if not 0 < mean[0] <= self.score.total / 2:
            return 0.0
        return float(self.score.llr(counts.sum(keepdims=True), mean, np.square(means).sum(keepdims=True))[0])

    def metres(self, first: int, last: int) -> float:
        """Return the length of a run."""
        return float(self.length_m[first:last].sum())


def extracted(street: Street, above: Found, level: float) -> list[Finding]:
    """Return corridors and intersections, those with the largest score first.

    The best window is taken, then the best of those that do not overlap it, and so on. A window is trimmed to
    lixels with incidents as far as the least length allows. One whose excess lies at a single spot (see
    `spot_of`) gives an intersection, which takes no more than that spot; its surroundings go on being looked
    at. In the end corridors of a route are merged where less than 300 m lie between them, and what they make
    together still reaches the level and is not too long.

    Parameters
    ----------
    street : Street
    above : Found
        All windows that are to be considered, also such below the level.
    level : float
        Of significance: both parts and the whole of what is merged reach it.

    Returns
    -------
    list of Finding
        Corridors do not overlap; an intersection may lie between the parts that were merged to one.
    """
    corridors: list[tuple[int, int, float]] = []
    intersections = []
    left = by_score(above)
    while len(left.first):
        first, last = trimmed(street, int(left.first[0]), int(left.last[0]))
        spot = spot_of(street, first, last, level)
        llr = float(left.llr[0])
        if spot is None:
            corridors.append((first, last, max(llr, street.llr(first, last))))
            left = _apart(left, int(left.first[0]), int(left.last[0]))
        else:
            intersections.append(Finding(*spot, llr, True))
            left = _apart(left, *spot)
    found = [Finding(*corridor, False) for corridor in _merged(street, corridors, level)] + intersections
    return sorted(found, key=lambda one: (-round(one.llr, 9), one.first))


def by_score(found: Found) -> Found:
    """Return windows by falling score; of ties the shortest, then the first.

    Examples
    --------
    >>> by_score(Found(np.array([0, 1, 3]), np.array([9, 4, 5]), np.array([2.0, 2.0, 3.0]))).first.tolist()
    [3, 1, 0]
    """
    order = np.lexsort((found.first, found.last - found.first, -np.round(found.llr, 9)))
    return found.at(order)


def trimmed(street: Street, first: int, last: int) -> tuple[int, int]:
    """Return a run without the lixels at its ends that hold no incident, as far as the least length allows.

    Of two such ends the one that expects more goes first.
    """
    while last - first > 1:
        ends = [lixel for lixel in (first, last - 1) if street.y[lixel] == 0]
        spare_m = street.metres(first, last) - street.min_length_m + _TIE
        ends = [lixel for lixel in ends if street.length_m[lixel] <= spare_m]
        if not ends:
            break
        if max(ends, key=lambda lixel: street.mu[lixel]) == first:
            first += 1
        else:
            last -= 1
    return first, last


def spot_of(street: Street, first: int, last: int, level: float) -> tuple[int, int] | None:
    """Return the one spot that a run owes its score to, or None if it is a corridor.

    Where all incidents happened at one place, that is the spot. Else spots are one lixel, or two that touch.
    A stretch that is raised all along scores in proportion to what it expects: without a spot that expects
    the share f, about 1 - f of its score is left. A spot is to blame where less than half of that is left,
    and the level is not reached either.
    """
    y, mu = street.y[first:last], street.mu[first:last]
    if street.locations.distinct(first, last) < FEWEST_LOCATIONS:
        hit = np.flatnonzero(y)
        return first + int(hit[0]), first + int(hit[-1]) + 1
    whole = street.llr(first, last)
    for size in (size for size in _SPOT_LIXELS if size < len(y)):
        of_rest = 1 - np.convolve(mu, np.ones(size), "valid") / mu.sum()
        rest = np.array(
            [street.llr_without(first, last, at, at + size) for at in range(first, last - size + 1)]
        )
        left = rest / np.maximum(of_rest * whole, _TIE)
        at = int(np.round(left, 9).argmin())
        if left[at] < _LEFT_WITHOUT_A_SPOT and rest[at] < level:
            return first + at, first + at + size
    return None


def stability(street: Street, findings: list[Finding], bootstraps: Iterator[Found]) -> Floats:
    """Return for each finding the share of bootstraps that find at least half of its length again.

    Parameters
    ----------
    street : Street
    findings : list of Finding
    bootstraps : iterator of Found
        Of every bootstrap the windows that reach the level of the findings.

    Returns
    -------
    array, shape (n_findings,)
        NaN where there is no bootstrap.
    """
    hits, n_bootstraps = np.zeros(len(findings)), 0
    wanted = np.array([_FOUND_AGAIN * street.metres(one.first, one.last) for one in findings])
    for above in bootstraps:
        again = np.zeros(len(street.y), dtype=bool)
        for first, last in disjoint(above):
            again[first:last] = True
        metres = np.concatenate([[0.0], np.cumsum(street.length_m * again)])
        covered = np.array([metres[one.last] - metres[one.first] for one in findings])
        hits += covered >= wanted - 1e-6
        n_bootstraps += 1
    return hits / n_bootstraps if n_bootstraps else np.full(len(findings), np.nan)


def disjoint(above: Found) -> list[tuple[int, int]]:
    """Return the best window, the best of those that do not overlap it, and so on.

    Examples
    --------
    >>> disjoint(Found(np.array([0, 2, 5]), np.array([3, 6, 8]), np.array([1.0, 3.0, 2.0])))
    [(2, 6)]
    """
    left, found = by_score(above), []
    while len(left.first):
        best = int(left.first[0]), int(left.last[0])
        found.append(best)
        left = _apart(left, *best)
    return found


def _apart(found: Found, first: int, last: int) -> Found:
    """Return the windows that share no lixel with a run."""
    return found.at((found.last <= first) | (found.first >= last))


def _merged(
    street: Street, corridors: list[tuple[int, int, float]], level: float
) -> list[tuple[int, int, float]]:
    """Merge neighbours on a route, the pair that scores most together first, until no more can be."""
    kept = sorted(corridors)
    while True:
        pairs = [
            (_union(street, kept[i], kept[i + 1]), -i)
            for i in range(len(kept) - 1)
            if min(kept[i][2], kept[i + 1][2]) >= level
        ]
        best, position = max(pairs, default=((0, 0, -1.0), 0), key=lambda pair: (pair[0][2], pair[1]))
        if best[2] < level:
            return kept
        kept[-position : 2 - position] = [best]


def _union(
    street: Street, one: tuple[int, int, float], other: tuple[int, int, float]
) -> tuple[int, int, float]:
    """Return two runs and what lies between; with a negative score where they cannot be one."""
    first, last = one[0], other[1]
    can_be = (
        street.route[first] == street.route[last - 1]
        and street.metres(one[1], other[0]) < MERGED_OVER_M
        and street.metres(first, last) <= street.max_length_m + 1e-6
    )
    return first, last, street.llr(first, last) if can_be else -1.0
