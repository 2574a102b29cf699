"""Counts by cell and time bin, their disk sums, and the permutation p of a disk over the bins just before it.

Three nulls, by the window within which values are exchangeable: all cells in all bins ("cube"), all cells in
the bins that the disk reaches back to ("neighborhood"), or all cells within each bin, but not between bins
("step"). Under the last the sum over several bins is a sum of independent samples, one from each bin, and its
law the convolution of theirs. No verdict is made here; see `emerging`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.exact import (
    DiskSumLaw,
    ValueGroups,
    disk_sum_law,
    is_feasible,
    law_cost,
    smallest_attainable_p,
    value_groups,
)
from models.significance import HIGHEST_P, cauchy_scores, monte_carlo_p, p_of_cauchy_scores, truncated_cauchy
from spatial.neighbors import NeighborIndex, disk_sizes, disk_sums

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Sizes = NDArray[np.int64]

WINDOWS = ("cube", "neighborhood", "step")
# Sums that differ by less than this share of their size are ties.
_TIE = 1e-9
# Multiplications that the law of one bin may take where every bin has its own.
_MAX_OPERATIONS_PER_BIN = 2e8


@dataclass(frozen=True)
class Cube:
    """Counts of every bin, and their sums over the disks of every cell.

    Attributes
    ----------
    index : NeighborIndex
    counts : array, shape (n_bins, n_cells)
        Earliest bin first; integers if all counts are whole.
    radii : tuple of int
    sums : tuple of arrays, shape (n_bins, n_cells)
        One for each radius.
    sizes : tuple of arrays, shape (n_cells,)
        Cells in the disk of each radius.
    """

    index: NeighborIndex
    counts: NDArray[Any]
    radii: tuple[int, ...]
    sums: tuple[NDArray[Any], ...]
    sizes: tuple[Sizes, ...]

    @property
    def n_bins(self) -> int:
        """Number of time bins."""
        return len(self.counts)

    @property
    def is_counts(self) -> bool:
        """Whether all values are whole numbers."""
        return self.counts.dtype.kind == "i"


@dataclass(frozen=True)
class Design:
    """How bins are compared: how many bins a disk reaches back, within which window, on which side."""

    time_lag: int
    window: str
    side: str

    def reach(self, t: int) -> range:
        """Return the bins that a disk at bin t takes in: never later ones, and only those that exist."""
        return range(max(t - self.time_lag, 0), t + 1)


def cube_of(index: NeighborIndex, counts: NDArray[Any], radii: tuple[int, ...]) -> Cube:
    """Return the counts with their disk sums.

    Parameters
    ----------
    index : NeighborIndex
    counts : array, shape (n_bins, n_cells)
        int64 or float64.
    radii : tuple of int

    Examples
    --------
    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> index = neighbor_index(disk([0x882A135927FFFFF], 1))
    >>> cube_of(index, np.arange(14).reshape(2, 7), (1,)).sums[0].max(axis=1).tolist()
    [21, 70]
    """
    sums = tuple(_narrow(np.stack([disk_sums(index, row, k) for row in counts])) for k in radii)
    sizes = tuple(disk_sizes(index, k).astype(np.int64) for k in radii)
    return Cube(index, _narrow(counts), radii, sums, sizes)


def cube_with(cube: Cube, new: NDArray[Any]) -> Cube:
    """Return the cube with one bin more, of which alone disks are summed."""
    latest = cube_of(cube.index, new[None, :], cube.radii)
    counts = np.concatenate([cube.counts, latest.counts])
    sums = tuple(np.concatenate(pair) for pair in zip(cube.sums, latest.sums, strict=True))
    return Cube(cube.index, counts, cube.radii, sums, cube.sizes)


@dataclass(frozen=True)
class Extent:
    """What the exact law of a bin must cover; under the window "cube" one covers all bins.

    Attributes
    ----------
    groups : list of ValueGroups
        The values that the bin is compared with: one group, or under "step" one for each bin reached.
    max_size : int
        Most values that a disk takes from a group.
    max_excess : int
        Largest sum less what as many of the smallest values hold.
    """

    groups: list[ValueGroups]
    max_size: int
    max_excess: int


def extents(cube: Cube, design: Design, *, first: int = 0) -> list[Extent]:
    """Return what the exact laws of the bins from `first` on must cover, for whole numbers.

    Returns
    -------
    list of Extent
        One a bin, or a single one for the window "cube", whatever `first`.
    """
    if design.window != "cube":
        return [_extent(cube, design, range(t, t + 1)) for t in range(first, cube.n_bins)]
    return [_extent(cube, design, range(cube.n_bins))]


def are_feasible(found: list[Extent], cube: Cube, design: Design) -> bool:
    """Return whether exact laws of this extent are small enough to be worth their time and memory."""
    if not all(is_feasible(g, one.max_size, one.max_excess + 1) for one in found for g in one.groups):
        return False
    # Bin by bin, so that one bin more never changes what was decided for the earlier ones.
    n_sizes = len(np.unique(np.concatenate(cube.sizes)))
    return design.window == "cube" or all(_bin_cost(one, n_sizes) <= _MAX_OPERATIONS_PER_BIN for one in found)


def smallest_p(found: Extent, cube: Cube, design: Design, t: int) -> tuple[float, float]:
    """Return the smallest (hot, cold) tail that any disk at bin t could have; 1 where nothing varies."""
    sizes = np.unique(np.concatenate(law_sizes(cube, design, t)))
    sizes = sizes[sizes < len(found.groups[0])]
    if not len(sizes):
        return 1.0, 1.0
    of_groups = [[smallest_attainable_p(group, [size]) for group in found.groups] for size in sizes.tolist()]
    tails = np.prod(np.array(of_groups), axis=1).min(axis=0)
    return float(tails[0]), float(tails[1])


def judged(
    cube: Cube,
    design: Design,
    laws: list[Extent] | None,
    *,
    first: int = 0,
    simulations: int,
    rng: np.random.Generator,
) -> tuple[Floats, Mask]:
    """Return the p of every bin from `first` on, and whether it speaks for hot.

    Parameters
    ----------
    cube : Cube
    design : Design
    laws : list of Extent, or None
        What the exact laws of these bins must cover; None for Monte Carlo.
    first : int
        Bins before it are left out.
    simulations : int
        Draws of the Monte Carlo.
    rng : numpy.random.Generator
        Used by Monte Carlo only.

    Returns
    -------
    p : array, shape (n_bins - first, n_cells)
        One-sided for side "hot" or "cold", twice the smaller tail for "both". With several radii each tail is
        combined over them by the truncated Cauchy mean. NaN where nothing can vary.
    is_hot : array of bool, same shape
    """
    shape = (cube.n_bins - first, len(cube.index))
    p, is_hot = np.empty(shape), np.empty(shape, dtype=bool)
    bins = range(first, cube.n_bins)
    if laws is not None:
        found = _exact_bins(cube, design, laws, bins)
    else:
        found = _simulated_bins(cube, design, bins, simulations, rng)
    for row, (p_row, hot_row) in enumerate(found):
        p[row], is_hot[row] = p_row, hot_row
    return p, is_hot


def combined(tails: list[tuple[Floats, Floats]], side: str) -> tuple[Floats, Mask]:
    """Return the p that is judged, and whether it speaks for hot, from both tails at every radius.

    Examples
    --------
    >>> p, is_hot = combined([(np.array([0.01, 0.9]), np.array([0.99, 0.2]))], "both")
    >>> p.tolist(), is_hot.tolist()
    ([0.02, 0.4], [True, False])
    """
    if len(tails) == 1:
        return _one_p(*tails[0], side)
    upper = truncated_cauchy([upper for upper, _ in tails])
    lower = truncated_cauchy([lower for _, lower in tails])
    return _one_p(upper, lower, side)


def lag0_z(cube: Cube, ring: int, design: Design, *, first: int = 0) -> NDArray[Any]:
    """Return, for the trend, Gi* of every bin by itself, or sums that are ordered in the same way.

    Under the window "cube" all bins share mean and variance, so that z rises with the disk sum, which is
    returned as it is: whole numbers have exact ties. Otherwise z is standardised by its own bin and rounded
    to nine places, so that equal z are ties; NaN in a bin without variance, or where the disk is everything.

    Returns
    -------
    array, shape (n_bins - first, n_cells)
    """
    sums, sizes, n = cube.sums[ring][first:], cube.sizes[ring], len(cube.index)
    if design.window == "cube":
        return (
            sums if cube.is_counts else np.round(sums / max(float(np.abs(cube.sums[ring]).max()), 1e-300), 12)
        )
    factor = np.sqrt(np.maximum(n * sizes - sizes**2, 0) / max(n - 1, 1))
    z = np.full(sums.shape, np.nan)
    for row, (values, around) in enumerate(zip(cube.counts[first:], sums, strict=True)):
        spread = 0.0 if (values == values[0]).all() else float(values.std())
        np.divide(around - values.mean() * sizes, spread * factor, out=z[row], where=spread * factor > 0)
    return np.round(z, 9)


def law_sizes(cube: Cube, design: Design, t: int) -> list[Sizes]:
    """Return, for every radius, how many values each disk takes from a group of its `Extent`."""
    times = 1 if design.window == "step" else len(design.reach(t))
    return [sizes * times for sizes in cube.sizes]


def lagged_sums(cube: Cube, design: Design, t: int) -> list[NDArray[Any]]:
    """Return, for every radius, the sum of each disk over the bins that it reaches back to."""
    reached = slice(design.reach(t).start, t + 1)
    kind = np.int64 if cube.is_counts else np.float64
    return [sums[reached].sum(axis=0, dtype=kind) for sums in cube.sums]


def untested(cube: Cube, design: Design, t: int) -> list[Mask]:
    """Return, for every radius, which disks of bin t leave nothing to vary."""
    n = len(cube.index)
    rows = cube.counts if design.window == "cube" else cube.counts[design.reach(t).start : t + 1]
    population = n if design.window == "step" else n * len(rows)
    # Row by row: mostly the first one tells.
    nothing = all((row == (row[0] if design.window == "step" else rows[0, 0])).all() for row in rows)
    return [(sizes >= population) | nothing for sizes in law_sizes(cube, design, t)]


def _exact_bins(cube: Cube, design: Design, laws: list[Extent], bins: range) -> Iterator[tuple[Floats, Mask]]:
    tables = None
    for t in bins:
        if tables is None or design.window != "cube":
            law = _law(laws[0 if design.window == "cube" else t - bins.start], cube, design)
            tables = _tables(law, design.side, is_combined=len(cube.radii) > 1)
        rings = zip(lagged_sums(cube, design, t), law_sizes(cube, design, t), strict=True)
        spots = [tables.law.spots(sums, sizes) for sums, sizes in rings]
        yield tables.judged(spots, untested(cube, design, t))


@dataclass(frozen=True)
class _Tables:
    """A law turned into what is looked up: p and side for one radius, Cauchy scores for several."""

    law: DiskSumLaw
    side: str
    p: Floats
    is_hot: Mask
    hot_scores: Floats
    cold_scores: Floats

    def judged(self, spots: list[NDArray[np.int64]], missing: list[Mask]) -> tuple[Floats, Mask]:
        if len(spots) == 1:
            p = self.p.take(spots[0])
            if missing[0].any():
                p[missing[0]] = np.nan
            return p, self.is_hot.take(spots[0])
        n_tested = np.full(len(spots[0]), len(spots))
        for spot, left_out in zip(spots, missing, strict=True):
            if left_out.any():
                n_tested -= left_out
                spot[left_out] = self.law.upper.size  # the last entry of the scores: 0
        hot = self._summed(self.hot_scores, spots) if self.side != "cold" else np.full(len(n_tested), -np.inf)
        cold = (
            self._summed(self.cold_scores, spots) if self.side != "hot" else np.full(len(n_tested), -np.inf)
        )
        p = p_of_cauchy_scores(np.maximum(hot, cold), n_tested)
        return np.minimum(1, 2 * p) if self.side == "both" else p, hot >= cold

    def _summed(self, scores: Floats, spots: list[NDArray[np.int64]]) -> Floats:
        total = scores.take(spots[0])
        for spot in spots[1:]:
            total += scores.take(spot)
        return total


def _tables(law: DiskSumLaw, side: str, *, is_combined: bool) -> _Tables:
    upper, lower = law.upper.ravel(), law.lower.ravel()
    nothing = np.empty(0)
    if is_combined:
        hot = np.append(cauchy_scores(np.minimum(upper, HIGHEST_P)), 0.0)
        cold = np.append(cauchy_scores(np.minimum(lower, HIGHEST_P)), 0.0)
        return _Tables(law, side, nothing, nothing.astype(bool), hot, cold)
    p, is_hot = _one_p(upper, lower, side)
    return _Tables(law, side, p, is_hot, nothing, nothing)


def _one_p(upper: Floats, lower: Floats, side: str) -> tuple[Floats, Mask]:
    if side == "both":
        return np.minimum(1.0, 2 * np.minimum(upper, lower)), upper <= lower
    return (upper if side == "hot" else lower), np.full(upper.shape, side == "hot")


def _law(extent: Extent, cube: Cube, design: Design) -> DiskSumLaw:
    if design.window != "step":
        return disk_sum_law(extent.groups[0], extent.max_size, extent.max_excess)
    # One column more than is asked for: there alone a convolution would need what lies above the table.
    laws = [disk_sum_law(group, extent.max_size, extent.max_excess + 1) for group in extent.groups]
    sizes = np.unique(np.concatenate(cube.sizes))
    return reduce(lambda one, other: _sum_of_independent(one, other, sizes), laws)


def _extent(cube: Cube, design: Design, bins: range) -> Extent:
    groups = _window_groups(cube, design, bins[-1])
    max_size, max_excess = 0, 0
    for t in bins:
        for sums, sizes in zip(lagged_sums(cube, design, t), law_sizes(cube, design, t), strict=True):
            max_size = max(max_size, int(sizes.max()))
            max_excess = max(max_excess, int((sums - sizes * groups[0].minimum).max()))
    return Extent(groups, max_size, max_excess)


def _bin_cost(extent: Extent, n_sizes: int) -> float:
    tables = sum(law_cost(group, extent.max_size, extent.max_excess + 1)[0] for group in extent.groups)
    return tables + n_sizes * (len(extent.groups) - 1) * (extent.max_excess + 2.0) ** 2


def _window_groups(cube: Cube, design: Design, t: int) -> list[ValueGroups]:
    if design.window == "cube":
        return [value_groups(cube.counts.ravel())]
    reached = [cube.counts[u] for u in design.reach(t)]
    if design.window == "neighborhood":
        return [value_groups(np.concatenate(reached))]
    return [_plain_groups(values) for values in reached]


def _plain_groups(values: NDArray[Any]) -> ValueGroups:
    """Return groups counted from 0 in units of 1, so that the laws of several bins fit together."""
    groups = value_groups(values)
    distinct = groups.distinct * groups.unit + groups.minimum
    if distinct[0] == 0:
        return ValueGroups(distinct, groups.frequencies, 0, 1)
    return ValueGroups(np.append(0, distinct), np.append(0, groups.frequencies), 0, 1)


def _sum_of_independent(one: DiskSumLaw, other: DiskSumLaw, sizes: Sizes) -> DiskSumLaw:
    """Return the law of the sum of two independent samples of the same size, for these sizes.

    P(A + B >= s) = Σ_(a <= s) P(A = a) P(B >= s - a) + P(A > s): nothing is subtracted.
    """
    width = one.upper.shape[1]
    upper, lower = np.zeros_like(one.upper), np.zeros_like(one.lower)
    for c in sizes.tolist():
        mass = _mass(one.upper[c], one.lower[c])
        above = np.append(one.upper[c, 1:], 0.0)
        upper[c] = np.minimum(np.convolve(mass, other.upper[c])[:width] + above, 1)
        lower[c] = np.minimum(np.convolve(mass, other.lower[c])[:width], 1)
    # Sums of rounded terms may rise by a last bit; a tail must not.
    return DiskSumLaw(
        np.minimum.accumulate(upper, axis=1), np.maximum.accumulate(lower, axis=1), one.minimum, one.unit
    )


def _mass(upper: Floats, lower: Floats) -> Floats:
    """Return P(S = s) by the difference within the smaller of the two tails, which keeps its digits."""
    from_above = upper - np.append(upper[1:], 0.0)
    from_below = np.diff(lower, prepend=0.0)
    return np.where(upper < lower, from_above, from_below)


def _simulated_bins(
    cube: Cube, design: Design, bins: range, simulations: int, rng: np.random.Generator
) -> Iterator[tuple[Floats, Mask]]:
    draws = _step_draws(cube, simulations, rng) if design.window == "step" else None
    whole = _cube_tails(cube, design, simulations, rng) if design.window == "cube" else None
    for t in bins:
        tails = []
        rings = zip(lagged_sums(cube, design, t), law_sizes(cube, design, t), strict=True)
        for ring, (sums, sizes) in enumerate(rings):
            if whole is not None:
                upper, lower = whole[ring][0][t].copy(), whole[ring][1][t].copy()
            elif draws is not None:
                upper, lower = _tails_of_draws(sum(draws[u] for u in design.reach(t)), sums, sizes)
            else:
                values = cube.counts[design.reach(t).start : t + 1].ravel()
                upper, lower = monte_carlo_p(
                    sums, sizes[None, :], np.ones(1), values, simulations=simulations, rng=rng
                )
            nothing = untested(cube, design, t)[ring]
            upper[nothing] = lower[nothing] = np.nan
            tails.append((upper, lower))
        yield combined(tails, design.side)


def _cube_tails(
    cube: Cube, design: Design, simulations: int, rng: np.random.Generator
) -> list[tuple[Floats, Floats]]:
    """Return both tails of all bins at once, by ring."""
    found = []
    bins = range(cube.n_bins)
    for ring in range(len(cube.radii)):
        sums = np.stack([lagged_sums(cube, design, t)[ring] for t in bins])
        sizes = np.stack([law_sizes(cube, design, t)[ring] for t in bins])
        upper, lower = monte_carlo_p(
            sums.ravel(),
            np.minimum(sizes.ravel(), cube.counts.size)[None, :],
            np.ones(1),
            cube.counts.ravel(),
            simulations=simulations,
            rng=rng,
        )
        found.append((upper.reshape(sums.shape), lower.reshape(sums.shape)))
    return found


def _step_draws(cube: Cube, simulations: int, rng: np.random.Generator) -> list[Floats]:
    """Return for every bin the running sums of draws from its values alone, shape (R, largest disk + 1)."""
    size = min(max(int(sizes.max()) for sizes in cube.sizes), len(cube.index))
    found = []
    for values in cube.counts:
        drawn = np.stack([rng.choice(len(values), size, replace=False) for _ in range(simulations)])
        running = np.cumsum(values[drawn].astype(np.float64), axis=1)
        found.append(np.concatenate([np.zeros((simulations, 1)), running], axis=1))
    return found


def _tails_of_draws(draws: Any, sums: NDArray[Any], sizes: Sizes) -> tuple[Floats, Floats]:
    upper, lower = np.empty(len(sums)), np.empty(len(sums))
    tolerance = _TIE * max(float(np.abs(draws).max()), float(np.abs(sums).max()))
    for size in np.unique(sizes).tolist():
        cells, simulated = sizes == size, np.sort(draws[:, size])
        n_below = np.searchsorted(simulated, sums[cells] - tolerance, side="left")
        n_not_above = np.searchsorted(simulated, sums[cells] + tolerance, side="right")
        upper[cells] = (1 + len(simulated) - n_below) / (1 + len(simulated))
        lower[cells] = (1 + n_not_above) / (1 + len(simulated))
    return upper, lower


def _narrow(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return integers in the narrowest type that holds them: less memory, quicker comparisons."""
    if numbers.dtype.kind == "f" or not numbers.size:
        return numbers
    largest = max(int(numbers.max()), -int(numbers.min()))
    return numbers.astype(next(k for k in (np.int16, np.int32, np.int64) if largest <= np.iinfo(k).max))
