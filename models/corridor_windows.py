"""The windows that a corridor scan looks at, what each of them scores, and which ones reach a level.

Windows are all runs of whole lixels within one route whose length lies between two bounds. A lixel is a piece
of a route; lixels stand in the order of their routes. What is random lives in `corridor_null`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Counts = NDArray[np.signedinteger]

# A window with fewer incidents is no finding.
FEWEST_INCIDENTS = 3
# Of all incidents: a window that expects less has no expectation.
_NO_EXPECTATION = 1e-10
_LENGTH_TIE_M = 1e-6
_NEWTON_STEPS = 5


def poisson_llr(count: ArrayLike, expected: ArrayLike, total: float) -> Floats:
    """Return c ln(c/E) + (C - c) ln((C - c)/(C - E)), and 0 where c is not above E.

    Parameters
    ----------
    count, expected : arrays of one shape
        c, and E between 0 and C.
    total : float
        All incidents, C.

    References
    ----------
    Kulldorff (1997), Communications in Statistics - Theory and Methods 26(6), 1481-1496.

    Examples
    --------
    Five of ten incidents where two were expected: 5 ln 2.5 + 5 ln 0.625 = 4.5815 - 2.3500.

    >>> poisson_llr([5, 2], [2.0, 3.0], 10).round(4).tolist()
    [2.2314, 0.0]
    """
    c, e = np.asarray(count, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    found = xlogy(c, c / e) + xlogy(total - c, np.maximum(total - c, 0) / (total - e))
    return np.where(c > e, np.maximum(found, 0.0), 0.0)


def negative_binomial_llr(count: ArrayLike, expected: ArrayLike, size: ArrayLike) -> Floats:
    """Return c ln(c/E) - (c + A) ln((c + A)/(E + A)), and 0 where c is not above E.

    Parameters
    ----------
    count, expected : arrays of one shape
        c, and E above 0.
    size : array
        A = E² / (k ΣE_i²), which gives the sum over lixels the variance E + kΣE_i²; infinite for Poisson.

    Examples
    --------
    Ten incidents on two lixels that expect two each, k = 1: A = 16 / 8 = 2, and
    10 ln 2.5 - 12 ln 2 = 9.1629 - 8.3178. Without heterogeneity 10 ln 2.5 - 6 = 3.1629.

    >>> negative_binomial_llr([10, 10, 4], [4.0, 4.0, 4.0], [2.0, np.inf, 2.0]).round(4).tolist()
    [0.8451, 3.1629, 0.0]
    """
    c, e = np.asarray(count, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    a = np.minimum(np.asarray(size, dtype=np.float64), 1e12)
    found = xlogy(c, c / e) - (c + a) * np.log1p((c - e) / (e + a))
    return np.where(c > e, np.maximum(found, 0.0), 0.0)


@dataclass(frozen=True)
class Score:
    """How windows are scored.

    Attributes
    ----------
    total : int
        All incidents, C.
    k : float
        Heterogeneity of lixels; at 0 the score is Poisson's.
    """

    total: int
    k: float

    def llr(self, count: ArrayLike, expected: Floats, squares: Floats) -> Floats:
        """Return the scores of windows with counts c, expectations E and sums of squares ΣE_i²."""
        if self.k <= 0:
            return poisson_llr(count, expected, self.total)
        return negative_binomial_llr(count, expected, np.square(expected) / (self.k * squares))

    def critical_counts(self, level: float, expected: Floats, squares: Floats) -> Ints:
        """Return the smallest count that scores `level`, at least 3; more than C where none does.

        Newton's method: the score is convex in the count, so no step from above the root falls short of it.

        Examples
        --------
        >>> Score(10, 0.0).critical_counts(2.2, np.array([0.5, 2.0, 9.0]), np.ones(3)).tolist()
        [3, 5, 11]
        """
        total = float(self.total)
        variance = expected + (self.k * squares if self.k > 0 else 0.0)
        c = np.minimum(expected + np.sqrt(2 * level * variance), total)
        for _ in range(_NEWTON_STEPS):
            slope = np.log(c / expected)
            if self.k > 0:
                size = np.square(expected) / (self.k * squares)
                slope -= np.log1p((c - expected) / (expected + size))
            else:
                slope -= np.log(np.maximum(total - c, 0.5) / (total - expected))
            step = (level - self.llr(c, expected, squares)) / np.maximum(slope, 1e-12)
            c = np.clip(c + step, expected, total)
        found = np.ceil(c)
        while (lower := self.llr(found - 1, expected, squares) >= level).any():
            found = found - lower
        found[self.llr(found, expected, squares) < level - 1e-9] = total + 1
        return np.maximum(found, FEWEST_INCIDENTS).astype(np.int64)


@dataclass(frozen=True)
class Windows:
    """All windows of a network. Routes with many lixels come first, routes without a window are left out.

    Attributes
    ----------
    order : array of int, shape (m,)
        The lixels in the order in which they are scanned; those of a route follow one another.
    route : array of int, shape (m,)
    means, squares : array, shape (m + 1,)
        Running sums of E_i and E_i², a 0 in front.
    metres : array, shape (m + 1,)
        Running sums of lengths.
    reach : tuple of (int, int)
        Number of lixels of a window, and how many of the m lixels lie on routes with as many.
    min_length_m, max_length_m : float
    total : float
        All that is expected.
    """

    order: Ints
    route: Ints
    means: Floats
    squares: Floats
    metres: Floats
    reach: tuple[tuple[int, int], ...]
    min_length_m: float
    max_length_m: float
    total: float

    def sums(self, start: Ints, n_lixels: int | Ints) -> tuple[Floats, Floats]:
        """Return E and ΣE_i² of windows; the latter within what E allows, whatever differences round to."""
        end = start + n_lixels
        means = self.means[end] - self.means[start]
        squares = self.squares[end] - self.squares[start]
        return means, np.clip(squares, np.square(means) / n_lixels, np.square(means))

    def is_window(self, n_lixels: int, reach: int) -> Mask:
        """Return which starts 0 … reach - n_lixels are windows: one route, bounds kept, 0 < E <= C/2."""
        length = self.metres[n_lixels : reach + 1] - self.metres[: reach + 1 - n_lixels]
        mean = self.means[n_lixels : reach + 1] - self.means[: reach + 1 - n_lixels]
        found: Mask = (
            (self.route[n_lixels - 1 : reach] == self.route[: reach + 1 - n_lixels])
            & (length >= self.min_length_m - _LENGTH_TIE_M)
            & (length <= self.max_length_m + _LENGTH_TIE_M)
            & (mean > _NO_EXPECTATION * self.total)
            & (mean <= self.total / 2)
        )
        return found

    def __len__(self) -> int:
        return sum(int(self.is_window(*sizes).sum()) for sizes in self.reach)


def windows_of(
    mu: Floats, route: Ints, length_m: Floats, min_length_m: float, max_length_m: float
) -> Windows:
    """Return all windows.

    Parameters
    ----------
    mu : array, shape (n,)
        Expected incidents of every lixel.
    route : array of int, shape (n,)
        Ascending.
    length_m : array, shape (n,)
    min_length_m, max_length_m : float
        Bounds of a window, both inside.

    Examples
    --------
    On three lixels of 80 m there are two windows of two; the route of one lixel has none.

    >>> found = windows_of(np.ones(4), np.array([0, 1, 1, 1]), np.full(4, 80.0), 100.0, 200.0)
    >>> found.order.tolist(), len(found)
    ([1, 2, 3], 2)
    """
    begins = np.flatnonzero(np.concatenate([[True], route[1:] != route[:-1]]))
    n_lixels = np.diff(np.append(begins, len(route)))
    long_enough = np.add.reduceat(length_m, begins) >= min_length_m - _LENGTH_TIE_M
    chosen = np.flatnonzero(long_enough)
    chosen = chosen[np.argsort(-n_lixels[chosen], kind="stable")]
    order = _runs(begins[chosen], n_lixels[chosen])
    metres = _running(length_m[order])
    last = np.searchsorted(metres, metres[:-1] + max_length_m + _LENGTH_TIE_M, side="right") - 1
    longest = int((last - np.arange(len(order))).max(initial=0))
    sizes = np.arange(1, min(longest, int(n_lixels[chosen].max(initial=0))) + 1)
    with_as_many = _running(n_lixels[chosen])[np.searchsorted(-n_lixels[chosen], -sizes, side="right")]
    return Windows(
        order=order,
        route=route[order],
        means=_running(mu[order]),
        squares=_running(np.square(mu[order])),
        metres=metres,
        reach=_with_windows(sizes, with_as_many.astype(np.int64), metres, min_length_m),
        min_length_m=min_length_m,
        max_length_m=max_length_m,
        total=float(mu.sum()),
    )


@dataclass(frozen=True)
class Thresholds:
    """For a level the count at which each window reaches it, so that most windows need no score.

    Attributes
    ----------
    windows : Windows
    score : Score
    level : float
    counts : tuple of array
        One for each entry of `windows.reach`; what is no window has the largest number.
    kind : integer type
        Of counts and running sums: the narrowest that holds all incidents.
    """

    windows: Windows
    score: Score
    level: float
    counts: tuple[Counts, ...]
    kind: type[np.signedinteger]

    def reached(self, maps: Counts) -> Iterator[tuple[int, Ints, Ints, Floats]]:
        """Yield for each size of windows the maps and starts of those at the level, and their scores.

        Parameters
        ----------
        maps : array of int, shape (n_maps, m)
            Incidents per lixel in the order of the windows.
        """
        until = np.zeros((len(maps), maps.shape[1] + 1), dtype=self.kind)
        np.cumsum(maps, axis=1, out=until[:, 1:], dtype=self.kind)
        for (n_lixels, reach), critical in zip(self.windows.reach, self.counts, strict=True):
            counts = until[:, n_lixels : reach + 1] - until[:, : reach + 1 - n_lixels]
            spot = np.flatnonzero(counts >= critical)
            if not len(spot):
                continue
            number, start = np.divmod(spot, counts.shape[1])
            scores = self.score.llr(counts.ravel()[spot], *self.windows.sums(start, n_lixels))
            yield n_lixels, number, start, scores

    def largest(self, maps: Counts) -> Floats:
        """Return the largest score of each map; 0 where no window reaches the level."""
        best = np.zeros(len(maps))
        for _, number, _, scores in self.reached(maps):
            np.maximum.at(best, number, scores)
        return np.where(best >= self.level, best, 0.0)


def thresholds(windows: Windows, score: Score, level: float) -> Thresholds:
    """Return the counts at which windows reach a level."""
    kind: type[np.signedinteger] = np.int16 if score.total < np.iinfo(np.int16).max else np.int32
    found = []
    for n_lixels, reach in windows.reach:
        start = np.flatnonzero(windows.is_window(n_lixels, reach))
        critical = score.critical_counts(level, *windows.sums(start, n_lixels))
        counts = np.full(reach + 1 - n_lixels, np.iinfo(kind).max, dtype=kind)
        counts[start] = np.minimum(critical, np.iinfo(kind).max)
        found.append(counts)
    return Thresholds(windows, score, level, tuple(found), kind)


def _with_windows(
    sizes: Ints, reach: Ints, metres: Floats, min_length_m: float
) -> tuple[tuple[int, int], ...]:
    """Leave out the sizes of which no run of lixels is long enough."""
    return tuple(
        (size, to)
        for size, to in zip(sizes.tolist(), reach.tolist(), strict=True)
        if to >= size
        and (metres[size : to + 1] - metres[: to + 1 - size]).max() >= min_length_m - _LENGTH_TIE_M
    )


def _running(values: NDArray[np.generic]) -> Floats:
    return np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])


def _runs(starts: Ints, lengths: Ints) -> Ints:
    """Return start, start + 1, … of every run, one run after the other."""
    ends = np.cumsum(lengths)
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(int(lengths.sum()))
