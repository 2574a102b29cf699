"""The exact permutation law of a disk sum.

Null hypothesis: the n values are exchangeable over the cells. Then the sum over a disk of c cells, the
cell itself included, is the sum of a simple random sample of c of the n values. Its law is built once,
for all disk sizes, by adding one group of equal values after the other: how many of a sample fall into
the new group is hypergeometric. No simulation, no seed, no floor, and no normal theory that fails on
sparse counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, comb, log2

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameter

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MAX_OPERATIONS = 5e9
MAX_ENTRIES = 2e7


@dataclass(frozen=True)
class ValueGroups:
    """The values of a study area, equal ones together.

    Attributes
    ----------
    distinct : array of int
        Distinct values from 0 upwards, less `minimum` and in units of `unit`.
    frequencies : array of int
        How often each occurs.
    minimum, unit : int
        Smallest value, and greatest common divisor of the differences.
    """

    distinct: Integers
    frequencies: Integers
    minimum: int
    unit: int

    def __len__(self) -> int:
        """Return the number of values."""
        return int(self.frequencies.sum())


@dataclass(frozen=True)
class DiskSumLaw:
    """Tails of the sum of a simple random sample, for every sample size and sum that occurs.

    Attributes
    ----------
    upper, lower : array, shape (max_size + 1, max_sum + 1)
        P(S >= s) and P(S <= s) for samples of j values: row j, column s in units of the law.
    minimum, unit : int
        A sum S of j values stands in column (S - j · minimum) / unit.
    """

    upper: Floats
    lower: Floats
    minimum: int
    unit: int

    def tails(self, sums: ArrayLike, sizes: ArrayLike) -> tuple[Floats, Floats]:
        """Return (P(S >= s), P(S <= s)) for every disk.

        Parameters
        ----------
        sums, sizes : array of int, shape (m,)
            Sum over each disk, and cells in it.

        Examples
        --------
        >>> law = disk_sum_law(value_groups([0, 0, 1, 2]), 2, 3)
        >>> upper, lower = law.tails([3, 0], [2, 2])
        >>> (6 * upper).round(12).tolist(), (6 * lower).round(12).tolist()
        ([1.0, 6.0], [6.0, 1.0])
        """
        spots = self.spots(sums, sizes)
        return self.upper.ravel()[spots], self.lower.ravel()[spots]

    def spots(self, sums: ArrayLike, sizes: ArrayLike) -> Integers:
        """Return where each disk stands in the flattened tables."""
        c = np.asarray(sizes, dtype=np.int64)
        spots = np.array(sums, dtype=np.int64)
        if self.minimum:
            spots -= c * self.minimum
        if self.unit > 1:
            spots //= self.unit
        spots += c * self.upper.shape[1]
        return spots


def value_groups(values: ArrayLike) -> ValueGroups:
    """Return the values of a study area as groups of equal ones.

    Examples
    --------
    >>> groups = value_groups([5, 5, 7, 11])
    >>> groups.distinct.tolist(), groups.frequencies.tolist(), groups.minimum, groups.unit
    ([0, 1, 3], [2, 1, 1], 5, 2)
    """
    distinct, frequencies = _histogram(np.asarray(values, dtype=np.int64))
    minimum = int(distinct[0])
    unit = max(int(np.gcd.reduce(distinct - minimum)), 1)
    return ValueGroups((distinct - minimum) // unit, frequencies, minimum, unit)


def disk_sum_law(groups: ValueGroups, max_size: int, max_excess: int) -> DiskSumLaw:
    """Return the permutation law of disk sums.

    P(S = s) for a disk of j cells is the coefficient of y^j t^s in Π (1 + y t^x)^h over C(n, j), the product
    over the distinct values x with their frequencies h.

    Parameters
    ----------
    groups : ValueGroups
        The values of the whole study area.
    max_size : int
        Cells in the largest disk, at most n.
    max_excess : int
        The largest S - j · min(values) that will be asked for; what lies above is kept as one number.

    Raises
    ------
    InvalidParameter
        If the table would be too large; see `law_cost`.

    Examples
    --------
    Of the six pairs out of 0, 0, 1, 2 one has the sum 0, two have 1, two have 2 and one has 3.

    >>> law = disk_sum_law(value_groups([0, 0, 1, 2]), 2, 3)
    >>> (6 * law.upper[2]).round(12).tolist()
    [6.0, 5.0, 3.0, 1.0]
    """
    last = max_excess // groups.unit
    if not is_feasible(groups, max_size, max_excess):
        raise InvalidParameter(
            f"the exact p needs at most {MAX_ENTRIES:.0e} table entries and {MAX_OPERATIONS:.0e} operations; "
            f"disks of {max_size} cells with sums to {max_excess} exceed that: choose p_method=monte-carlo"
        )
    mass = np.zeros((max_size + 1, last + 2))  # the last column: everything above `last`
    n_so_far = int(groups.frequencies[0])
    mass[: n_so_far + 1, 0] = 1
    filled = 0
    for x, h in zip(groups.distinct[1:].tolist(), groups.frequencies[1:].tolist(), strict=True):
        mass = _with_group(mass, filled, n_so_far, x, h)
        n_so_far += h
        filled = min(last, max_size * x)
    return _law_of(mass, groups)


def other_sum_laws(groups: ValueGroups, max_size: int, max_excess: int) -> Iterator[tuple[int, DiskSumLaw]]:
    """Yield for every distinct value the permutation law of sums of the values of the others.

    What lies around a cell of value v, the cell itself left out, is a simple random sample of the other
    n - 1 values. Each law is built by adding, never by taking away: halves of the groups are added for the
    other half, and so on down to the single group, of which all but one value are added at last.

    Parameters
    ----------
    groups : ValueGroups
        The values of the whole study area.
    max_size : int
        Cells in the largest sample, at most n - 1.
    max_excess : int
        The largest S - j · min(values) that will be asked for.

    Yields
    ------
    number : int
        Which of the distinct values the focal cell has.
    law : DiskSumLaw
        Rows beyond n - 1 hold zeros.

    Raises
    ------
    InvalidParameter
        If the tables would be too large; see `are_other_laws_feasible`.

    Examples
    --------
    Beside the 2 of 0, 0, 1, 2 there are three pairs: one has the sum 0, two have 1.

    >>> laws = dict(other_sum_laws(value_groups([0, 0, 1, 2]), 2, 3))
    >>> (3 * laws[2].upper[2]).round(12).tolist()
    [3.0, 2.0, 0.0, 0.0]
    """
    if not are_other_laws_feasible(groups, max_size, max_excess):
        raise InvalidParameter(
            f"the exact p needs at most {MAX_ENTRIES:.0e} table entries and {MAX_OPERATIONS:.0e} operations; "
            f"{max_size} neighbours with sums to {max_excess} exceed that: choose p_method=monte-carlo"
        )
    mass = np.zeros((max_size + 1, max_excess // groups.unit + 2))
    mass[0, 0] = 1
    for number, found in _without_one(groups, mass, np.empty(0, dtype=np.int64), 0, len(groups.distinct)):
        yield number, _law_of(found, groups)


def are_other_laws_feasible(groups: ValueGroups, max_size: int, max_excess: int) -> bool:
    """Return whether the laws of `other_sum_laws` are small enough to be worth their time and memory.

    Examples
    --------
    >>> are_other_laws_feasible(value_groups([0, 0, 1, 2]), 2, 3)
    True
    """
    operations, entries = law_cost(groups, max_size, max_excess)
    rounds = ceil(log2(len(groups.distinct))) + 1
    return operations * rounds <= MAX_OPERATIONS and entries * rounds <= MAX_ENTRIES


def law_cost(groups: ValueGroups, max_size: int, max_excess: int) -> tuple[float, float]:
    """Return how many operations and how many table entries the law needs.

    Examples
    --------
    >>> law_cost(value_groups([0, 0, 1, 2]), 2, 3)
    (40.0, 12.0)
    """
    n_columns = max_excess // groups.unit + 1
    terms = float(np.minimum(groups.frequencies, max_size).sum()) + 1
    return terms * max_size * n_columns, float(max_size + 1) * n_columns


def is_feasible(groups: ValueGroups, max_size: int, max_excess: int) -> bool:
    """Return whether the law is small enough to be worth its time and memory.

    Examples
    --------
    >>> is_feasible(value_groups([0, 0, 1, 2]), 2, 3)
    True
    >>> is_feasible(value_groups([0, 1, 10**9]), 2, 10**9)
    False
    """
    operations, entries = law_cost(groups, max_size, max_excess)
    return operations <= MAX_OPERATIONS and entries <= MAX_ENTRIES


def smallest_attainable_p(groups: ValueGroups, sizes: ArrayLike) -> tuple[float, float]:
    """Return the smallest (P(S >= s), P(S <= s)) that any disk of one of these sizes can have.

    The largest possible sum takes the largest values; ties at the last place can be taken in several ways.

    Examples
    --------
    One of six pairs out of 0, 0, 1, 2 has the largest sum, one the smallest.

    >>> [round(6 * p, 12) for p in smallest_attainable_p(value_groups([0, 0, 1, 2]), [2])]
    [1.0, 1.0]
    """
    wanted = np.unique(np.asarray(sizes, dtype=np.int64)).tolist()
    n_samples = [comb(len(groups), size) for size in wanted]
    from_top, from_bottom = _ways(groups.frequencies[::-1], wanted), _ways(groups.frequencies, wanted)
    return (
        min(ways / n for ways, n in zip(from_top, n_samples, strict=True)),
        min(ways / n for ways, n in zip(from_bottom, n_samples, strict=True)),
    )


def _ways(frequencies: Integers, sizes: list[int]) -> list[int]:
    """Return in how many ways each number of cells can be taken, group by group."""
    until = np.cumsum(frequencies)
    last = np.searchsorted(until, sizes)
    n_tied = frequencies[last]
    n_taken = np.array(sizes) - until[last] + n_tied
    return [comb(h, m) for h, m in zip(n_tied.tolist(), n_taken.tolist(), strict=True)]


def _law_of(mass: Floats, groups: ValueGroups) -> DiskSumLaw:
    upper = np.cumsum(mass[:, ::-1], axis=1)[:, ::-1][:, :-1]
    lower = np.cumsum(mass[:, :-1], axis=1)
    return DiskSumLaw(np.minimum(upper, 1), np.minimum(lower, 1), groups.minimum, groups.unit)


def _without_one(
    groups: ValueGroups, mass: Floats, joined: Integers, first: int, end: int
) -> Iterator[tuple[int, Floats]]:
    """Yield the laws without one value of each group first … end - 1; all other groups have joined."""
    if end - first == 1:
        yield first, _with_groups(groups, mass, joined, np.array([first]), less=1)
        return
    middle = (first + end) // 2
    left, right = np.arange(first, middle), np.arange(middle, end)
    with_right = _with_groups(groups, mass, joined, right)
    yield from _without_one(groups, with_right, np.append(joined, right), first, middle)
    with_left = _with_groups(groups, mass, joined, left)
    yield from _without_one(groups, with_left, np.append(joined, left), middle, end)


def _with_groups(
    groups: ValueGroups, mass: Floats, joined: Integers, new: Integers, *, less: int = 0
) -> Floats:
    """Return the law after the new groups, each `less` so many cells, have joined those that have already."""
    n_rows, last = mass.shape[0], mass.shape[1] - 2
    n_so_far = int(groups.frequencies[joined].sum())
    highest = int(groups.distinct[joined].max(initial=0))
    for x, h in zip(groups.distinct[new].tolist(), (groups.frequencies[new] - less).tolist(), strict=True):
        if h:
            mass = _with_group(mass, min(last, (n_rows - 1) * highest), n_so_far, x, h)
        n_so_far += h
        highest = max(highest, x)
    return mass


def _histogram(values: Integers) -> tuple[Integers, Integers]:
    low, high = int(values.min()), int(values.max())
    if high - low > 4 * len(values):
        return np.unique(values, return_counts=True)
    counts = np.bincount(values - low)
    found = np.flatnonzero(counts)
    return found + low, counts[found]


def _with_group(mass: Floats, filled: int, n_so_far: int, x: int, h: int) -> Floats:
    """Return the law after h cells of value x have joined n_so_far others.

    Of j cells drawn m are new with probability C(h, m) C(N, j - m) / C(N + h, j); each of them adds x.
    """
    n_rows, last = mass.shape[0], mass.shape[1] - 2
    weights = _hypergeometric(n_so_far, h, n_rows - 1)
    at_least = np.cumsum(mass[:, ::-1], axis=1)[:, ::-1]
    joined = np.zeros_like(mass)
    for m in range(min(h, n_rows - 1, last // x if x else h) + 1):
        width = min(filled, last - m * x) + 1
        joined[m:, m * x : m * x + width] += weights[m, m:, None] * mass[: n_rows - m, :width]
    new, drawn = _pairs(n_rows)  # what leaves the table is only kept as "more"
    more = at_least[drawn - new, np.maximum(last + 1 - new * x, 0)]
    joined[:, -1] = np.bincount(drawn, weights=weights[new, drawn] * more, minlength=n_rows)
    return joined


def _hypergeometric(n_old: int, n_new: int, most: int) -> Floats:
    """Return P(m of j drawn are new) as a table [m, j], 0 where j exceeds all there are."""
    log_new, log_old = _log_choices(n_new, most), _log_choices(n_old, most)
    log_all = _log_choices(n_old + n_new, most)
    m, j = _pairs(most + 1)
    possible = np.isfinite(log_all)[j]
    m, j = m[possible], j[possible]
    table = np.zeros((most + 1, most + 1))
    table[m, j] = np.exp(log_new[m] + log_old[j - m] - log_all[j])
    return table


@lru_cache(maxsize=8)
def _pairs(n: int) -> tuple[Integers, Integers]:
    """Return all (m, j) with m <= j < n."""
    m, j = np.triu_indices(n)
    return m, j


def _log_choices(n: int, most: int) -> Floats:
    """Return log C(n, m) for m = 0 … most, -inf beyond n; by ratios, so that no rounding of log n! enters."""
    ratios = np.maximum(n - np.arange(most, dtype=np.float64), 0) / np.arange(1, most + 1)
    with np.errstate(divide="ignore"):
        return np.concatenate([[0.0], np.cumsum(np.log(ratios))])
