"""Rates by cell and time bin: what disks over several bins should hold by a denominator, and their p.

Null hypothesis: cells are independent, and what a cell holds over the bins that a disk reaches back to is
negative binomial around its share of the exposure. Bins of one cell need not be independent: a cell may be
riskier than others for ever. So the dispersion is that of sums over as many bins. It takes in what stays with
the cell, which does not shrink as bins are added, and what every bin draws anew, which does.
The laws stand in `negative_binomial`, dispersion and level in `dispersion`; no verdict is made here.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.dispersion import DispersionFit, checked_expectation, fit_dispersion, fit_level
from models.errors import InvalidParameter
from models.exposure import DiskExpectation, Exposure, background_of, disk_expectation, exposure_of
from models.negative_binomial import disk_tails
from models.rates import RelativeRisk, expected_counts, relative_risk
from models.scales import scale_of
from models.space_time import Cube, Design, combined, lagged_sums

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# A disk that expects all but this share of everything has nothing left to be compared with.
_NOTHING_OUTSIDE = 1e-12
# Dispersion comes from so many sums at most, of windows evenly spread over time.
_MOST_SUMS = 1 << 22
# Where bins have levels of their own, these and the dispersion are found in turns.
_ROUNDS = 2
_PASSES = 3


@dataclass(frozen=True)
class BinLaws:
    """What cells hold over the bins that a disk at every bin reaches back to.

    Attributes
    ----------
    shares : array, shape (n_bins,)
        Share of what is expected in all bins together.
    levels : array, shape (n_bins,)
        Factor on the expectation that fits the cells that do not stand out.
    phis : array, shape (n_bins,)
        Dispersion of the cells' sums.
    fit : DispersionFit
        Of sums over as many bins as the last bin reaches back to.
    """

    shares: Floats
    levels: Floats
    phis: Floats
    fit: DispersionFit


@dataclass(frozen=True)
class Rates:
    """The denominator of a cube.

    Attributes
    ----------
    population : array, shape (n_cells,)
    whole : Exposure
        Of the incidents of all bins together; its dispersion is that of the whole period.
    disks : tuple of DiskExpectation
        For every radius of the cube, what its disks should hold in all bins together.
    single, lagged : BinLaws
        Of every bin by itself, and with those that a disk reaches back to.
    is_asked : array of bool, shape (n_cells,)
        False where nobody lives and nothing ever happened: there is nothing to be told of such a cell.
    """

    population: Floats
    whole: Exposure
    disks: tuple[DiskExpectation, ...]
    single: BinLaws
    lagged: BinLaws
    is_asked: Mask


def rates_of(cube: Cube, design: Design, population: ArrayLike) -> Rates:
    """Return what the cells of a cube should hold by their population, and how they scatter around it.

    Under the window "cube" every bin should hold the same; under "step" and "neighborhood" what all cells
    together hold in the bins reached back to is shared out.

    Parameters
    ----------
    cube : Cube
        Of counts.
    design : Design
    population : array, shape (n_cells,)
        Or any other exposure; 0 or more.

    Raises
    ------
    InvalidParameter
        If there is not one population per cell, one is negative or not finite, or a value is no count.
    DegenerateInput
        If nobody lives anywhere.

    Examples
    --------
    Seven cells of 10 to 70 people and 28 incidents in each of two bins: a cell of 10 should hold one.

    >>> from models.space_time import cube_of
    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> people = 10 * np.arange(1, 8)
    >>> cube = cube_of(neighbor_index(disk([0x882A135927FFFFF], 1)), np.tile(people // 10, (2, 1)), (1,))
    >>> rates = rates_of(cube, Design(0, "cube", "both"), people)
    >>> (rates.whole.expected * rates.single.shares[0]).round(6).tolist(), rates.single.fit.phi
    ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 0.0)
    """
    people = checked_expectation(population)
    if people.shape != (len(cube.index),):
        raise InvalidParameter(
            f"one population for each of {len(cube.index)} cells was needed, got {people.shape}"
        )
    if not cube.is_counts or int(cube.counts.min()) < 0:
        raise InvalidParameter(
            "with a population counts are needed, got values that are negative or no whole numbers"
        )
    totals = cube.counts.sum(axis=0, dtype=np.int64)
    whole = exposure_of(totals, expected_counts(int(totals.sum()), people), "negative-binomial")
    whole = _with_passers_by(cube, whole, totals)
    scales = [scale_of(cube.index, totals, radius, "uniform") for radius in cube.radii]
    single = _bin_laws(cube, Design(0, design.window, design.side), whole, None)
    lagged = single if design.time_lag == 0 else _bin_laws(cube, design, whole, single)
    return Rates(
        population=people,
        whole=whole,
        disks=tuple(disk_expectation(cube.index, whole, scale) for scale in scales),
        single=single,
        lagged=lagged,
        is_asked=(people > 0) | (totals > 0),
    )


def judged_rates(cube: Cube, design: Design, rates: Rates) -> tuple[Floats, Mask]:
    """Return the p of every bin, and whether it speaks for hot; see `space_time.judged`.

    Examples
    --------
    30 incidents where 7 are usual, in the last of five bins:

    >>> from models.space_time import cube_of
    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> index = neighbor_index(disk([0x882A135927FFFFF], 4))
    >>> middle = index.cells == 0x882A135927FFFFF
    >>> counts = np.ones((5, len(index)), dtype=int) + 23 * (middle & (np.arange(5) == 4)[:, None])
    >>> cube, design = cube_of(index, counts, (1,)), Design(0, "cube", "hot")
    >>> p, is_hot = judged_rates(cube, design, rates_of(cube, design, np.ones(len(index))))
    >>> bool(p[4, middle][0] < 1e-6), bool(p[3].min() > 0.3), bool(is_hot.all())
    (True, True, True)
    """
    p, is_hot = np.empty(cube.counts.shape), np.empty(cube.counts.shape, dtype=bool)
    base, laws = _usual(rates.whole), rates.lagged
    for t in range(cube.n_bins):
        usual, tails = base * (laws.shares[t] * laws.levels[t]), []
        for ring, sums in enumerate(lagged_sums(cube, design, t)):
            upper, lower = disk_tails(cube.index, sums, usual, cube.radii[ring], float(laws.phis[t]))
            nothing = ~is_tested(cube, design, rates, laws, ring, t)
            upper[nothing] = lower[nothing] = np.nan
            tails.append((upper, lower))
        p[t], is_hot[t] = combined(tails, design.side)
    return p, is_hot


def is_tested(cube: Cube, design: Design, rates: Rates, laws: BinLaws, ring: int, t: int) -> Mask:
    """Return which disks of a radius have something to be compared with at bin t."""
    mean, share = rates.disks[ring].mean, laws.shares[t]
    # Under "cube" other bins of the same cells are something to compare with.
    whole = 1.0 if design.window == "cube" else share
    limit = float(rates.whole.expected.sum()) * whole * (1 - _NOTHING_OUTSIDE)
    found: Mask = rates.is_asked & (mean * share > 0) & (mean * share < limit)
    return found


def lag0_rate_z(cube: Cube, ring: int, design: Design, rates: Rates) -> NDArray[Any]:
    """Return, for the trend, (O - E) / sqrt(Var) of every bin by itself, or sums in the same order.

    Under the window "cube" E is the same in all bins, so that z rises with the disk sum, which is returned:
    whole numbers have exact ties. Otherwise z is rounded to nine places, so that equal z are ties; NaN where
    there is nothing to compare with.

    Returns
    -------
    array, shape (n_bins, n_cells)
    """
    if design.window == "cube":
        return cube.sums[ring]
    laws, disks = rates.single, rates.disks[ring]
    z = np.full(cube.counts.shape, np.nan)
    for t, (row, share) in enumerate(zip(z, laws.shares.tolist(), strict=True)):
        mean = disks.mean * share
        variance = mean + laws.phis[t] * disks.squares * share**2
        where = is_tested(cube, design, rates, laws, ring, t)
        np.divide(cube.sums[ring][t] - mean, np.sqrt(variance), out=row, where=where)
    return np.round(z, 9)


def latest_risk(cube: Cube, design: Design, rates: Rates, ring: int) -> RelativeRisk:
    """Return the risk in every disk, in the last bin and those it reaches back to, over the risk outside.

    Outside is what the bin is compared with: other cells in the same bins, or under "cube" all other cells
    and bins.
    """
    laws, disks, t = rates.lagged, rates.disks[ring], cube.n_bins - 1
    share, expected = float(laws.shares[t]), rates.whole.expected
    reached = slice(design.reach(t).start, t + 1)
    total = rates.whole.total if design.window == "cube" else int(cube.counts[reached].sum(dtype=np.int64))
    whole = 1.0 if design.window == "cube" else share
    found = relative_risk(
        lagged_sums(cube, design, t)[ring],
        disks.mean * share,
        total,
        total_expected=float(expected.sum()) * whole,
        phi=float(laws.phis[t]),
        squares=disks.squares * share**2,
        total_squares=float(expected @ expected) * whole**2,
    )
    nothing = ~is_tested(cube, design, rates, laws, ring, t)
    for values in (found.value, found.low, found.high):
        values[nothing] = np.nan
    return found


def _with_passers_by(cube: Cube, whole: Exposure, totals: NDArray[np.int64]) -> Exposure:
    """Return the exposure with the background of single bins, where that is more than all together tell of.

    Where all cells without people hold something in the whole period, that they do tells little of how much.
    Each is a lower limit; so is the larger.
    """
    e = whole.expected
    background = sum(background_of(row, e) for row in cube.counts) if (e > 0).any() else 0.0
    if background <= whole.background:
        return whole
    for _ in range(_PASSES):  # the level is for what the people bring alone
        beside = background / (whole.fit.level or 1.0)
        fit = fit_dispersion(totals, np.where(e > 0, e + beside, 0.0))
        whole = replace(whole, beside=beside, fit=fit)
    return whole


def _usual(whole: Exposure) -> Floats:
    """Return what the cells share out: their expectation, and what those who only come by add to it."""
    return whole.expected + whole.beside


def _bin_laws(cube: Cube, design: Design, whole: Exposure, single: BinLaws | None) -> BinLaws:
    """Return shares, levels and dispersion of what disks reach back to; `single` has those of lag 0."""
    n_bins, reaches = cube.n_bins, [design.reach(t) for t in range(cube.n_bins)]
    lengths = np.array([len(reach) for reach in reaches])
    if design.window == "cube":
        shares = lengths / n_bins
    else:
        by_bin = np.cumsum(np.append(0, cube.counts.sum(axis=1, dtype=np.int64)))
        held = np.array([by_bin[reach.stop] - by_bin[reach.start] for reach in reaches])
        shares = held / max(whole.total, 1)
    base = np.where(whole.expected > 0, _usual(whole), 0.0)
    full = np.flatnonzero(lengths == lengths[-1])
    levels = np.ones(n_bins)
    if design.window == "cube":
        fit = _fit(cube, reaches, full, base, shares)
        levels *= fit.level
        return BinLaws(shares, levels, _phis(lengths, fit, single), fit)
    for _ in range(_ROUNDS):
        fit = _fit(cube, reaches, full, base, shares * levels)
        phis = _phis(lengths, fit, single)
        levels = np.array(
            [
                fit_level(_sums(cube, reach), base * share, float(phi))
                for reach, share, phi in zip(reaches, shares, phis, strict=True)
            ]
        )
    return BinLaws(shares, levels, phis, fit)


def _fit(
    cube: Cube, reaches: list[range], windows: NDArray[np.intp], base: Floats, factors: Floats
) -> DispersionFit:
    """Fit the sums of all cells over several windows together."""
    step = -(-len(windows) * len(base) // _MOST_SUMS)
    chosen = windows[::-1][:: max(step, 1)]
    sums = np.concatenate([_sums(cube, reaches[t]) for t in chosen.tolist()])
    return fit_dispersion(sums, (base * factors[chosen, None]).ravel())


def _sums(cube: Cube, reach: range) -> NDArray[np.int64]:
    """Return what every cell holds over some bins."""
    found: NDArray[np.int64] = cube.counts[reach.start : reach.stop].sum(axis=0, dtype=np.int64)
    return found


def _phis(lengths: NDArray[Any], fit: DispersionFit, single: BinLaws | None) -> Floats:
    """Return the dispersion by bin: the first bins reach back to fewer.

    With a part a that stays with the cell and a part b that every bin draws anew it is a + b / n for n bins:
    a straight line in 1 / n.
    """
    n = int(lengths[-1])
    if single is None or n == 1:
        return np.full(len(lengths), fit.phi)
    weight = (1 / lengths - 1 / n) / (1 - 1 / n)
    return fit.phi + (single.fit.phi - fit.phi) * weight
