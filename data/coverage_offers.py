"""From offers to counts: the best offer of each location over all files, then the locations of each cell.

A location is one integer and what its offers reach one set of bits, so that the best of many offers is their
union. Both live in sorted arrays into which new rows are merged when enough have come: memory grows with the
locations, not with the rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.coverage_rules import RULE_SETS, RuleSet
from data.readers.availability import MOST_LOCATION_DIGITS, Offers

Words = NDArray[np.uint64]
Counts = NDArray[np.int64]

#: Rows that wait before they are merged, at least; else half of what is kept.
MERGE_ROWS = 4_000_000

#: A location's number stands above this many bits, in which its cell or what its offers reach is told.
_SHIFT = np.uint64(30)
_LOW = np.uint64((1 << 30) - 1)
_BITS, _STATES = 3, 8
_BASIC, _FULL = 2, 4

#: Locations counted at a time: what is held for a moment stays small beside what is kept.
SLICE_LOCATIONS = 2_000_000

if 10**MOST_LOCATION_DIGITS >= 1 << 34:
    raise AssertionError("a location id and 30 bits must fit into 64")


@dataclass(frozen=True)
class CellCounts:
    """The locations of each cell under one rule set; equal-length arrays in the order of the cells.

    `n_without_offer` are the locations for which no offer counts at all under the rules; they are unserved.
    """

    rules: RuleSet
    cells: Words
    locations: Counts
    served: Counts
    underserved: Counts
    unserved: Counts
    n_without_offer: int


class LocationOffers:
    """What the offers seen so far reach at each location, under each rule set."""

    def __init__(self, rule_sets: Sequence[RuleSet] = RULE_SETS) -> None:
        self._rules = tuple(rule_sets)
        if _BITS * len(self._rules) > int(_SHIFT):
            raise ValueError(f"at most {int(_SHIFT) // _BITS} rule sets fit, got {len(self._rules)}")
        # Sorted; each cell has a running number, which it keeps while others come between.
        self._cells: Words = np.zeros(0, np.uint64)
        self._number_of: Counts = np.zeros(0, np.int64)
        self._at: Words = np.zeros(0, np.uint64)
        self._reach: Words = np.zeros(0, np.uint64)
        self._waiting: list[tuple[Words, Words]] = []
        self._n_waiting = 0
        self._technologies = [_table(rules.technologies) for rules in self._rules]
        self._customers = [_table(map(ord, rules.customers)) for rules in self._rules]

    def add(self, offers: Offers) -> None:
        """Take in rows, in any order."""
        location = offers.location << _SHIFT
        at = location | self._cell_numbers(offers.cell)
        self._waiting.append((at, location | self._bits(offers)))
        self._n_waiting += len(at)
        if self._n_waiting >= max(MERGE_ROWS, len(self._reach) // 2):
            self._merge()

    def counts(self) -> tuple[list[CellCounts], int, int]:
        """Return the counts by cell under each rule set, how many locations, and how many in several cells.

        A location that its rows place in several cells counts in the one with the smallest number.
        """
        self._merge()
        if not len(self._reach):
            return [], 0, 0
        tally = np.zeros((len(self._rules), _STATES, len(self._cells)), np.int64)
        n_several = 0
        for first in range(0, len(self._reach), SLICE_LOCATIONS):
            n_several += self._tallied(slice(first, first + SLICE_LOCATIONS), tally)
        found = [self._counted(rules, one) for rules, one in zip(self._rules, tally, strict=True)]
        return found, len(self._reach), n_several

    def _tallied(self, part: slice, tally: Counts) -> int:
        """Count some locations by cell and what they are offered; return how many lie in several cells."""
        reach = self._reach[part]
        ends = np.array([reach[0] >> _SHIFT, (reach[-1] >> _SHIFT) + np.uint64(1)]) << _SHIFT
        start, stop = np.searchsorted(self._at, ends)
        at = self._at[start:stop]
        place = np.empty(len(self._cells), np.int64)
        place[self._number_of] = np.arange(len(self._cells))
        firsts = _firsts(at)
        cell = np.minimum.reduceat(place[(at & _LOW).astype(np.int64)], firsts)
        n = len(self._cells)
        for number in range(len(self._rules)):
            bits = ((reach >> np.uint64(_BITS * number)) & np.uint64(_STATES - 1)).astype(np.int64)
            tally[number] += np.bincount(bits * n + cell, minlength=_STATES * n).reshape(_STATES, n)
        return int((np.diff(firsts, append=len(at)) > 1).sum())

    def _counted(self, rules: RuleSet, tally: Counts) -> CellCounts:
        """Return the counts of one rule set from the locations of each cell by their bits."""
        bits = np.arange(_STATES)
        total = tally.sum(axis=0)
        basic, served = tally[bits & _BASIC > 0].sum(axis=0), tally[bits & _FULL > 0].sum(axis=0)
        kept = total > 0
        return CellCounts(
            rules,
            self._cells[kept],
            total[kept],
            served[kept],
            (basic - served)[kept],
            (total - basic)[kept],
            int(tally[0].sum()),
        )

    def _bits(self, offers: Offers) -> Words:
        """Return what each offer reaches: a bit per rule set for counting at all, basic and full speed."""
        result = np.zeros(len(offers.location), np.uint64)
        for number, rules in enumerate(self._rules):
            counts = self._technologies[number][offers.technology] & self._customers[number][offers.customer]
            if rules.low_latency:
                counts &= offers.low_latency
            for bit, (down, up) in ((1, rules.unserved_below), (2, rules.underserved_below)):
                reaches = counts & (offers.down >= down) & (offers.up >= up)
                result |= reaches.astype(np.uint64) << np.uint64(_BITS * number + bit)
            result |= counts.astype(np.uint64) << np.uint64(_BITS * number)
        return result

    def _cell_numbers(self, cells: Words) -> Words:
        """Return the running number of each cell, giving new ones to cells not seen before."""
        unique, where = np.unique(cells, return_inverse=True)
        place = np.searchsorted(self._cells, unique)
        known = np.zeros(len(unique), np.bool_)
        inside = place < len(self._cells)
        known[inside] = self._cells[place[inside]] == unique[inside]
        numbers = np.empty(len(unique), np.int64)
        numbers[known] = self._number_of[place[known]]
        n_new = int((~known).sum())
        if not n_new:
            return numbers[where].astype(np.uint64)
        numbers[~known] = np.arange(len(self._cells), len(self._cells) + n_new)
        self._cells = np.insert(self._cells, place[~known], unique[~known])
        self._number_of = np.insert(self._number_of, place[~known], numbers[~known])
        return numbers[where].astype(np.uint64)

    def _merge(self) -> None:
        """Bring the waiting rows among the others: one entry per location, one per location and cell."""
        if not self._waiting:
            return
        at = np.concatenate([self._at, *(at for at, _ in self._waiting)])
        # Let go of the old before the new is made.
        self._at = at[:0]
        self._at = _unique(at)
        del at
        reach = np.concatenate([self._reach, *(reach for _, reach in self._waiting)])
        self._waiting, self._n_waiting, self._reach = [], 0, reach[:0]
        reach.sort()
        self._reach = np.bitwise_or.reduceat(reach, _firsts(reach))


def _unique(values: Words) -> Words:
    values.sort()
    keep = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=keep[1:])
    return values[keep]


def _firsts(entries: Words) -> Counts:
    """Return where each location begins among sorted entries."""
    location = entries >> _SHIFT
    keep = np.ones(len(location), np.bool_)
    np.not_equal(location[1:], location[:-1], out=keep[1:])
    return np.flatnonzero(keep)


def _table(codes: Iterable[int]) -> NDArray[np.bool_]:
    return np.isin(np.arange(256), list(codes))
