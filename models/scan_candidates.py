"""What a scan looks at: disks around every cell, windows of time, and what each of them expects.

A candidate is a disk of radius 0 … k around a cell during a window of bins. It is scored by the Poisson
log-likelihood ratio of its count against its expectation; only a maximum over all candidates is ever judged,
see `scan_null` and `scan`.

Counts come as stacks of maps: row l holds the cases of the last l bins, so that a window is the difference of
two rows, and one that ends now a row by itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

from models.errors import InvalidParameter
from spatial.disks import Sheet, disk_sheets, growing_disk_sums
from spatial.neighbors import NeighborIndex

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Counts = NDArray[Any]

MODES = ("prospective", "retrospective")
FEWEST_CASES = 2
MAX_CANDIDATES = 150_000_000
# Less of all cases than this is an expectation of nothing, up to rounding.
_NOTHING = 1e-12
_HALVINGS = 60
_TINY = 1e-300
# Critical expectations are taken this much too wide: what passes is scored exactly.
_SLACK = 1e-9


@dataclass(frozen=True)
class Windows:
    """The windows of time, the shortest first, among equals the latest first.

    Attributes
    ----------
    n_bins : int
    longest : int
        Bins in the longest window.
    ends_now : bool
        Only windows that end with the last bin.
    """

    n_bins: int
    longest: int
    ends_now: bool

    @property
    def n_rows(self) -> int:
        """Rows of a stack: the last 1 … longest bins, or the last 0 … n_bins."""
        return self.longest if self.ends_now else self.n_bins + 1

    @cached_property
    def rows(self) -> tuple[Integers, Integers]:
        """Row of the stack that each window is, and row to be taken off it (-1: none)."""
        if self.ends_now:
            return np.arange(self.longest), np.full(self.longest, -1)
        off = [np.arange(self.n_bins + 1 - length) for length in range(1, self.longest + 1)]
        return np.concatenate([row + length for length, row in enumerate(off, 1)]), np.concatenate(off)

    @cached_property
    def bins(self) -> tuple[Integers, Integers]:
        """First and last bin of each window."""
        row, off = self.rows
        if self.ends_now:
            return self.n_bins - 1 - row, np.full(self.longest, self.n_bins - 1)
        return self.n_bins - row, self.n_bins - 1 - off

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.rows[0])

    def counts(self, sums: Counts) -> Iterator[tuple[int, Counts]]:
        """Yield the counts of all windows from stacks of sums, with the number of the first of them.

        Parameters
        ----------
        sums : array, shape (…, n_rows, places)
        """
        if self.ends_now:
            yield 0, sums
            return
        first = 0
        for length in range(1, self.longest + 1):
            yield first, sums[..., length:, :] - sums[..., :-length, :]
            first += self.n_bins + 1 - length


@dataclass(frozen=True)
class Expectation:
    """What every candidate expects.

    Attributes
    ----------
    disks : array, shape (k + 1, n) or (rows of a stack, k + 1, n)
        Expected in the disks: during all bins, or in the last bins as the rows of a stack are.
    shares : array, shape (n_windows,), or None
        In the first case the share of each window; None in the second.
    """

    disks: Floats
    shares: Floats | None
    windows: Windows

    def at(self, radius: int, window: ArrayLike, cell: ArrayLike) -> Floats:
        """Return the expectations of some candidates; the arrays are broadcast together."""
        which, position = np.asarray(window), np.asarray(cell)
        if self.shares is not None:
            found: Floats = self.disks[radius, position] * self.shares[which]
            return found
        row, off = (rows[which] for rows in self.windows.rows)
        found = self.disks[row, radius, position]
        return np.where(off >= 0, found - self.disks[np.maximum(off, 0), radius, position], found)


@dataclass(frozen=True)
class Candidates:
    """All that can be found.

    Attributes
    ----------
    sheets : tuple of Sheet
    windows : Windows
    expectation : Expectation
    total : int
        All cases, C.
    k : int
        Largest radius.
    n_cells : int
    """

    sheets: tuple[Sheet, ...]
    windows: Windows
    expectation: Expectation
    total: int
    k: int
    n_cells: int

    @property
    def n(self) -> int:
        """Disks times windows; those that expect nothing or too much included."""
        return self.n_cells * (self.k + 1) * len(self.windows)

    @property
    def count_type(self) -> type[np.int16] | type[np.int32]:
        """The narrowest type that holds every count: half the bytes, half the time."""
        return np.int16 if self.total < np.iinfo(np.int16).max else np.int32


def scan_windows(n_bins: int, mode: str, max_bins: int | None) -> Windows:
    """Return the windows of a period: at most half of it, the whole of a single bin.

    Raises
    ------
    InvalidParameter
        If the mode is unknown or `max_bins` is below 1.

    Examples
    --------
    >>> [rows.tolist() for rows in scan_windows(4, "prospective", None).bins]
    [[3, 2], [3, 3]]
    >>> [rows.tolist() for rows in scan_windows(4, "retrospective", None).bins]
    [[3, 2, 1, 0, 2, 1, 0], [3, 2, 1, 0, 3, 2, 1]]
    """
    if mode not in MODES:
        raise InvalidParameter(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
    if max_bins is not None and max_bins < 1:
        raise InvalidParameter(f"a window of at least 1 bin was needed, got {max_bins}")
    half = max(n_bins // 2, 1)
    longest = half if max_bins is None else min(half, max_bins)
    return Windows(n_bins, longest, mode == "prospective" or n_bins == 1)


def poisson_candidates(
    index: NeighborIndex, windows: Windows, k: int, expected: Floats, total: int
) -> Candidates:
    """Return the candidates of the discrete Poisson model.

    Parameters
    ----------
    index : NeighborIndex
    windows : Windows
    k : int
        Largest radius.
    expected : array, shape (n,) or (n, n_bins)
        Expected cases in proportion; over the bins alike, or each on its own.
    total : int
        All cases; the expectations are brought to this sum.
    """
    _require_bearable(len(index) * (k + 1) * len(windows))
    scaled = expected * (total / expected.sum())
    if expected.ndim == 1:
        first, last = windows.bins
        expectation = Expectation(
            growing_disk_sums(index, scaled, k), (last - first + 1) / windows.n_bins, windows
        )
    else:
        rows = stack(scaled, windows)
        expectation = Expectation(np.stack([growing_disk_sums(index, row, k) for row in rows]), None, windows)
    return Candidates(disk_sheets(index, k), windows, expectation, total, k, len(index))


def permutation_candidates(index: NeighborIndex, windows: Windows, k: int, counts: Integers) -> Candidates:
    """Return the candidates of the space-time permutation model: what both margins of the cases expect.

    Parameters
    ----------
    counts : array of int, shape (n, n_bins)
    """
    _require_bearable(len(index) * (k + 1) * len(windows))
    total = int(counts.sum())
    until = np.concatenate([[0], np.cumsum(counts.sum(axis=0))])
    first, last = windows.bins
    shares = (until[last + 1] - until[first]) / total
    disks = growing_disk_sums(index, counts.sum(axis=1), k).astype(np.float64)
    return Candidates(
        disk_sheets(index, k), windows, Expectation(disks, shares, windows), total, k, len(index)
    )


def stack(values: Counts, windows: Windows) -> Counts:
    """Return the sums over the last bins: one row for each number of bins.

    Parameters
    ----------
    values : array, shape (n, n_bins)

    Examples
    --------
    >>> stack(np.array([[1, 2, 3, 4]]), scan_windows(4, "prospective", None)).tolist()
    [[4], [7]]
    """
    if windows.ends_now:
        return np.cumsum(values[:, ::-1][:, : windows.n_rows], axis=1, dtype=values.dtype).T
    sums = np.zeros((windows.n_rows, len(values)), dtype=values.dtype)
    sums[1:] = np.cumsum(values[:, ::-1], axis=1, dtype=values.dtype).T
    return sums


def log_likelihood_ratio(count: ArrayLike, expected: ArrayLike, total: int) -> Floats:
    """Return the score of candidates: c ln(c/E) + (C - c) ln((C - c)/(C - E)) where c > E, else 0.

    A candidate counts only with 2 cases or more, and with an expectation of at most half of all cases.

    Parameters
    ----------
    count, expected : arrays of one shape
        c and E.
    total : int
        All cases, C.

    Returns
    -------
    array
        Not negative; the last term is 0 at c = C.

    References
    ----------
    Kulldorff (1997), Communications in Statistics - Theory and Methods 26(6), 1481-1496.

    Examples
    --------
    Five of ten cases where two were expected: 5 ln 2.5 + 5 ln 0.625 = 4.5815 - 2.3500.

    >>> log_likelihood_ratio([5, 2, 10], [2.0, 2.0, 5.0], 10).round(4).tolist()
    [2.2314, 0.0, 6.9315]
    """
    c, mean = np.asarray(count, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    counts = (c >= FEWEST_CASES) & (c > mean) & _is_candidate(mean, total)
    safe = np.where(counts, mean, 1.0)
    found = xlogy(c, c / safe) + xlogy(total - c, (total - c) / (total - safe if total > 1 else 1.0))
    return np.where(counts, np.maximum(found, 0.0), 0.0)


def critical_counts(expected: Floats, limits: Floats, total: int, kind: type[Any]) -> Counts:
    """Return the smallest count that lifts each expectation to a score.

    It may be one too small, never too large.

    Parameters
    ----------
    expected : array
    limits : array
        Of that score; see `critical_expectations`.
    total : int
    kind : integer type
        Of the answer; its largest number where no count is enough.

    Examples
    --------
    >>> limits = critical_expectations(2.2, 5.0, 10)
    >>> critical_counts(np.array([0.0, 0.5, 2.0, 6.0]), limits, 10, np.int16).tolist()
    [32767, 3, 5, 32767]
    """
    counts = np.searchsorted(limits, expected) + FEWEST_CASES
    enough = _is_candidate(expected, total) & (counts < FEWEST_CASES + len(limits))
    return np.where(enough, counts, np.iinfo(kind).max).astype(kind)


def critical_expectations(level: float, largest: float, total: int) -> Floats:
    """Return, for the counts 2, 3, … the largest expectation at which they score `level`; ascending.

    Parameters
    ----------
    level : float
        0: any score at all.
    largest : float
        Largest expectation that will be asked for.
    total : int

    Examples
    --------
    >>> critical_expectations(2.2, 1.0, 10).round(2).tolist()
    [0.31, 0.75, 1.33, 2.02]
    """
    if level <= 0:  # c > E
        return np.nextafter(np.arange(FEWEST_CASES, int(largest) + 2, dtype=np.float64), 0)
    most, step = int(largest) + 1, 1
    while most < total and _score(np.array([most]), np.array([largest]), total)[0] < level:
        most, step = min(most + step, total), 2 * step
    counts = np.arange(FEWEST_CASES, max(most, FEWEST_CASES) + 1, dtype=np.float64)
    low, high = np.zeros(len(counts)), np.minimum(counts, total)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_enough = _score(counts, middle, total) >= level
        low, high = np.where(is_enough, middle, low), np.where(is_enough, high, middle)
    return np.maximum.accumulate(high * (1 + _SLACK))


def _is_candidate(expected: Floats, total: int) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (expected > _NOTHING * total) & (expected <= total / 2 * (1 + _NOTHING))
    return found


def _score(counts: Floats, means: Floats, total: int) -> Floats:
    """Return the score where 0 < E < c, without the other conditions."""
    tiny = np.maximum(means, _TINY)
    rest = np.maximum(total - tiny, _TINY)
    inside, outside = xlogy(counts, counts / tiny), xlogy(total - counts, (total - counts) / rest)
    return np.asarray(inside + outside, dtype=np.float64)


def _require_bearable(n: int) -> None:
    if n > MAX_CANDIDATES:
        raise InvalidParameter(
            f"at most {MAX_CANDIDATES:,} disks times windows can be scanned, got {n:,}: choose a smaller "
            "max_radius or max_duration, a longer bin, a coarser resolution, or mode=prospective"
        )
