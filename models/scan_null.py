"""What the best candidate scores when nothing is there: maxima of a scan over simulated maps.

Every replicate has random numbers of its own, so it does not matter which is made first. A replicate is
scored in full only where its counts reach a critical count, and the critical counts belong to a score that
nearly all replicates exceed; those that do not are made again with a lower one. The maxima are the same as
if every candidate had been scored.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.replicates import OnReplicates, by_hundredths, say_nothing
from models.scan_candidates import (
    Candidates,
    Counts,
    Floats,
    Integers,
    Windows,
    critical_counts,
    critical_expectations,
    log_likelihood_ratio,
)
from spatial.disks import Sheet

_PILOTS = 10
# What most maxima exceed where there are thousands of candidates; any guess gives the same answer.
_FIRST_LEVEL = 5.0
# Maps that grow together: few enough to stay in a processor's cache.
_PLACES_AT_ONCE = 1 << 17
# Above this many cases for each place, drawing place by place is quicker than case by case.
_CASES_PER_PLACE = 8


class Null(Protocol):
    """A law of maps without any cluster."""

    def draw(self, rng: np.random.Generator) -> Counts:
        """Return a stack of maps: one row for each number of last bins."""


@dataclass(frozen=True)
class PermutedDates:
    """The dates of the cases, in any order, over their fixed places.

    Attributes
    ----------
    cells : array of int64, shape (C,)
        Position of the cell of every case, sorted.
    ages : array of int, shape (C,)
        Bins between each case and the last bin, sorted.
    """

    cells: Integers
    ages: NDArray[np.int32]
    windows: Windows
    n_cells: int
    kind: type[Any]

    def draw(self, rng: np.random.Generator) -> Counts:
        """Return a stack of maps; see `Null`."""
        return _stacked(self.cells, rng.permutation(self.ages), self)


@dataclass(frozen=True)
class ScatteredCases:
    """A fixed number of cases, each falling on its own: multinomial.

    Attributes
    ----------
    places : CategoricalLaw
        Over the cells, or over cells and bins, cell by cell.
    by_bin : bool
        Whether the places are cells and bins; if not, every bin is as likely.
    phi : float
        Squared coefficient of variation of a risk that every cell draws for itself, for all bins; 0: none.
    """

    places: "CategoricalLaw"
    by_bin: bool
    phi: float
    total: int
    windows: Windows
    n_cells: int
    kind: type[Any]

    def draw(self, rng: np.random.Generator) -> Counts:
        """Return a stack of maps; see `Null`."""
        n_bins = self.windows.n_bins
        if n_bins == 1:
            counts = self.places.counts(self.total, rng) if not self.phi else self._cell_counts(rng)
            return counts.astype(self.kind)[None]
        if self.phi:
            return self._at_unlike_risks(rng)
        place = self.places.draw(self.total, rng)
        if self.by_bin:
            cells, bins = np.divmod(place, n_bins)
            return _stacked(cells, n_bins - 1 - bins, self)
        return _stacked(place, rng.integers(n_bins, size=self.total), self)

    def _cell_counts(self, rng: np.random.Generator) -> Integers:
        """Return the cases of every cell, each with a risk of its own."""
        p = self.places.p.reshape(self.n_cells, -1).sum(axis=1)
        risks = rng.gamma(1 / self.phi, size=self.n_cells) * p
        return rng.multinomial(self.total, risks / risks.sum() if risks.any() else p)

    def _at_unlike_risks(self, rng: np.random.Generator) -> Counts:
        """Return a stack of maps; given the cell, the bins are as likely as without the risks."""
        n_bins = self.windows.n_bins
        cells = np.repeat(np.arange(self.n_cells), self._cell_counts(rng))
        if not self.by_bin:
            return _stacked(cells, rng.integers(n_bins, size=self.total), self)
        until = np.cumsum(self.places.p)
        ends = until[n_bins - 1 :: n_bins]
        starts = np.concatenate([[0.0], ends[:-1]])
        spot = starts[cells] + rng.random(self.total) * (ends - starts)[cells]
        bins = np.searchsorted(until, spot, side="right") - cells * n_bins
        return _stacked(cells, n_bins - 1 - np.clip(bins, 0, n_bins - 1), self)


@dataclass(frozen=True)
class CategoricalLaw:
    """Draws of one of n places, by Walker's alias table: one look-up each.

    Attributes
    ----------
    p : array, shape (n,)
        Probabilities, summing to 1.
    kept : array, shape (n,)
        Of the draws that meet a place, the share that stays there.
    other : array of int64, shape (n,)
        Where the rest goes.
    """

    p: Floats
    kept: Floats
    other: Integers

    def draw(self, size: int, rng: np.random.Generator) -> Integers:
        """Return places, drawn independently."""
        spot = rng.random(size) * len(self.p)
        place = np.minimum(spot.astype(np.int64), len(self.p) - 1)
        return np.where(spot - place < self.kept[place], place, self.other[place])

    def counts(self, size: int, rng: np.random.Generator) -> Integers:
        """Return how many of `size` draws fall on each place."""
        if size > _CASES_PER_PLACE * len(self.p):
            return rng.multinomial(size, self.p)
        return np.bincount(self.draw(size, rng), minlength=len(self.p))


def categorical_law(weights: Floats) -> CategoricalLaw:
    """Return the law of draws in proportion to weights.

    Examples
    --------
    >>> law = categorical_law(np.array([1.0, 0.0, 3.0]))
    >>> law.kept.tolist(), law.other.tolist()
    ([0.75, 0.0, 1.0], [2, 2, 2])

    References
    ----------
    Walker (1977), ACM Transactions on Mathematical Software 3(3), 253-256.
    """
    p = weights / weights.sum()
    scaled = p * len(p)
    poor, rich = np.flatnonzero(scaled < 1), np.flatnonzero(scaled >= 1)
    lent = np.cumsum(1 - scaled[poor])  # what the poor have taken, one after the other
    spare = np.cumsum(scaled[rich] - 1)  # what the rich can give, one after the other
    kept, other = np.ones(len(p)), np.arange(len(p))
    kept[poor] = scaled[poor]
    giver = np.searchsorted(spare, lent - (1 - scaled[poor]))
    other[poor] = rich[np.minimum(giver, len(rich) - 1)]
    # Who has given too much is poor itself, and takes from the next of the rich.
    taker = np.searchsorted(lent, spare, side="right")
    exhausted = np.flatnonzero(taker[:-1] < len(lent))
    kept[rich[exhausted]] = np.clip(1 + spare[exhausted] - lent[taker[exhausted]], 0, 1)
    other[rich[exhausted]] = rich[exhausted + 1]
    return CategoricalLaw(p, kept, other)


def null_maxima(
    candidates: Candidates,
    null: Null,
    simulations: int,
    rng: np.random.Generator,
    on_replicates: OnReplicates = say_nothing,
) -> Floats:
    """Return the largest score of every simulated map.

    Parameters
    ----------
    candidates : Candidates
    null : Null
    simulations : int
        R, the number of maps.
    rng : numpy.random.Generator
    on_replicates : callable, optional
        Told how many maps have their maximum, at most a hundred times; the last time all of them have.

    Returns
    -------
    array, shape (R,)
        0 for a map on which no candidate holds more than it expects. More simulations only add to them.
    """
    root = rng.integers(2**63, size=4).tolist()
    maxima = np.full(simulations, np.nan)
    pilots = maxima[:_PILOTS]
    tell = by_hundredths(simulations, on_replicates)
    for level in (_FIRST_LEVEL, _FIRST_LEVEL / 2, 0.0):
        _fill(pilots, level, candidates, null, root, tell)
    usual = float(pilots.min())
    for level in (usual, usual / 2, 0.0):
        _fill(maxima, level, candidates, null, root, tell)
    return maxima


def _fill(
    maxima: Floats, level: float, candidates: Candidates, null: Null, root: list[int], tell: OnReplicates
) -> None:
    """Score the maps that have no maximum yet, as far as they reach the level."""
    missing = np.flatnonzero(np.isnan(maxima))
    if not len(missing):
        return
    thresholds = [_thresholds(sheet, candidates, level) for sheet in candidates.sheets]
    n_places = candidates.windows.n_rows * max(sheet.size for sheet in candidates.sheets)
    at_once = max(_PLACES_AT_ONCE // n_places, 1)
    for start in range(0, len(missing), at_once):
        numbers = missing[start : start + at_once]
        maps = np.stack([null.draw(np.random.default_rng([*root, number])) for number in numbers.tolist()])
        found = np.zeros(len(numbers))
        for sheet, limits in zip(candidates.sheets, thresholds, strict=True):
            np.maximum(found, _largest(sheet, limits, maps, candidates), out=found)
        reached = found >= level
        maxima[numbers[reached]] = found[reached]
        tell(int(np.isfinite(maxima).sum()))


def _thresholds(sheet: Sheet, candidates: Candidates, level: float) -> list[Counts]:
    """Return the critical counts on a sheet, for every radius one row for each window."""
    windows, kind = np.arange(len(candidates.windows))[:, None], candidates.count_type
    widest = candidates.expectation.at(candidates.k, windows, sheet.rows)
    largest = min(float(widest.max()), candidates.total / 2)
    limits = critical_expectations(level, largest, candidates.total)
    found = []
    for radius in range(candidates.k + 1):
        expected = candidates.expectation.at(radius, windows, sheet.rows)
        counts = np.full((len(windows), sheet.size), np.iinfo(kind).max, dtype=kind)
        counts[:, sheet.places] = critical_counts(expected, limits, candidates.total, kind)
        found.append(counts)
    return found


def _largest(sheet: Sheet, thresholds: list[Counts], maps: Counts, candidates: Candidates) -> Floats:
    """Return for each stack of maps the largest score of those candidates that reach their critical count."""
    windows, n_stacks = candidates.windows, len(maps)
    best = np.zeros(n_stacks)
    cell_at = np.zeros(sheet.size, dtype=np.int64)
    cell_at[sheet.places] = sheet.rows
    n_rows = max(_PLACES_AT_ONCE // (n_stacks * sheet.size), 1) if windows.ends_now else windows.n_rows
    for start in range(0, windows.n_rows, n_rows):
        portion = maps[:, start : start + n_rows]
        for radius, sums in enumerate(sheet.grow(portion.reshape(-1, maps.shape[2]))):
            for first, counts in windows.counts(sums.reshape(n_stacks, -1, sheet.size)):
                number, n_windows = start + first, counts.shape[1]
                reached = counts >= thresholds[radius][number : number + n_windows]
                if reached.any():
                    spot = np.flatnonzero(reached)
                    window, place = np.divmod(spot % (n_windows * sheet.size), sheet.size)
                    expected = candidates.expectation.at(radius, number + window, cell_at[place])
                    scores = log_likelihood_ratio(counts.ravel()[spot], expected, candidates.total)
                    np.maximum.at(best, spot // (n_windows * sheet.size), scores)
    return best


def _stacked(cells: Integers, ages: NDArray[Any], null: PermutedDates | ScatteredCases) -> Counts:
    """Return the stack of maps of cases that happened some bins before the last."""
    n, windows = null.n_cells, null.windows
    if windows.ends_now:
        recent = ages < windows.longest
        cells, ages, n_rows = cells[recent], ages[recent], windows.longest
    else:
        ages, n_rows = ages + 1, windows.n_bins + 1
    counts = np.bincount(ages.astype(np.int64) * n + cells, minlength=n_rows * n)
    return np.cumsum(counts.reshape(n_rows, n), axis=0, dtype=null.kind)
