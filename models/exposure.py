"""Hotspots with a denominator: what the disks should hold, and how far they are off.

The laws stand in `negative_binomial`, the dispersion in `dispersion`, the relative risk in `rates`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincinv

from models.dispersion import DispersionFit, checked_expectation, fit_dispersion
from models.errors import InvalidParameter
from models.negative_binomial import disk_tails
from models.rates import RelativeRisk, relative_risk
from models.scales import Scale, of_best
from models.significance import normal_p
from spatial.neighbors import NeighborIndex, disk_sums

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# A disk that expects all but this share of everything has nothing left to be compared with.
_NOTHING_OUTSIDE = 1e-12
# How sure the data must make us that incidents happen where none are expected.
_SURE = 0.99
_PASSES = 3


@dataclass(frozen=True)
class Exposure:
    """What the cells of a study area are expected to hold, and how they scatter around it.

    Attributes
    ----------
    expected : array of float, shape (n,)
        Expected incidents per cell.
    beside : float
        What is added to every expectation for those who only come by; see `background_of`.
    fit : DispersionFit
        Dispersion of the cells around expectation and background.
    method : str
        "negative-binomial", "binomial" or "normal": where p comes from.
    total : int
        All incidents.
    unexpected_cells, unexpected_incidents : int
        Cells that expect nothing and hold incidents, and these incidents.
    """

    expected: Floats
    beside: float
    fit: DispersionFit
    method: str
    total: int
    unexpected_cells: int
    unexpected_incidents: int

    @property
    def usual(self) -> Floats:
        """Return what the negative binomial null gives every cell: (expected + beside) · level."""
        return (self.expected + self.beside) * (self.fit.level or 1.0)

    @property
    def background(self) -> float:
        """Return the incidents that the null gives a cell without expectation."""
        return self.beside * (self.fit.level or 1.0)


@dataclass(frozen=True)
class DiskExpectation:
    """What the disks of one scale should hold: Σ E, Σ E², and where there is an answer at all."""

    mean: Floats
    squares: Floats
    is_tested: Mask


def exposure_of(counts: NDArray[Any], expected: ArrayLike, method: str) -> Exposure:
    """Return the exposure of a study area with its dispersion.

    Raises
    ------
    InvalidParameter
        If there is not one expectation per cell, one is negative or not finite, or a value is no count.

    Examples
    --------
    >>> found = exposure_of(np.array([2, 3, 4, 1]), [3.0, 3.0, 4.0, 0.0], "negative-binomial")
    >>> found.fit.phi, found.unexpected_cells, found.unexpected_incidents
    (0.0, 1, 1)
    """
    e = checked_expectation(expected)
    if e.shape != counts.shape:
        raise InvalidParameter(f"one expectation for each of {len(counts)} cells was needed, got {e.shape}")
    if counts.dtype.kind != "i" or int(counts.min()) < 0:
        raise InvalidParameter(
            "with a denominator counts are needed, got values that are negative or no whole numbers"
        )
    total, whole = int(counts.sum()), float(e.sum())
    background = background_of(counts, e) if whole > 0 else 0.0
    fit = fit_dispersion(counts, e)
    beside = background
    for _ in range(_PASSES if background else 0):  # the level is for what the people bring alone
        beside = background_of(counts, e, fit.phi) / (fit.level or 1.0)
        fit = fit_dispersion(counts, np.where(e > 0, e + beside, 0.0))
    if method == "binomial" and whole > 0:  # given the total, only the shares count
        e = e * (total / whole)
    unexpected = counts[(counts > 0) & (e <= 0)] if whole > 0 else counts[counts > 0]
    return Exposure(e, beside, fit, method, total, len(unexpected), int(unexpected.sum()))


def background_of(counts: ArrayLike, expected: ArrayLike, phi: float = 0.0) -> float:
    """Return how many incidents a cell holds where none are expected: at least so many, at 99 % confidence.

    No population covers all who come by. Where cells without population hold incidents, a null that knows
    only residents takes every two of them for a hotspot. How many of these cells hold any tells the mean b:
    their share is 1 - (1 + phi b)^(-1 / phi), or 1 - exp(-b) for phi = 0. The share is taken at the lower
    limit of Clopper and Pearson. So one pile of incidents counts as one cell, and few cells tell little.

    Parameters
    ----------
    counts, expected : array, shape (n,)
        Incidents, and expected incidents, per cell.
    phi : float
        Dispersion of the cells.

    Returns
    -------
    float
        0 where no cell that expects nothing holds an incident; never above the mean of these cells.

    Examples
    --------
    >>> round(background_of([5, 0, 1, 0, 0, 300, 0, 2], [9.0, 0, 0, 0, 0, 0, 0, 9]), 2)
    0.03
    >>> round(background_of(np.arange(1000) < 100, np.zeros(1000)), 3)
    0.082
    """
    o, e = np.asarray(counts), np.asarray(expected, dtype=np.float64)
    without = o[e <= 0]
    n, n_with = len(without), int((without > 0).sum())
    if not n_with:
        return 0.0
    found = float(-np.log1p(-betaincinv(n_with, n - n_with + 1, 1 - _SURE)))
    return min(float(np.expm1(phi * found) / phi) if phi > 0 else found, float(without.mean()))


def disk_expectation(index: NeighborIndex, exposure: Exposure, scale: Scale) -> DiskExpectation:
    """Return what the disks of one scale should hold."""
    e = exposure.expected
    mean = disk_sums(index, e, scale.k).astype(np.float64, copy=False)
    squares = disk_sums(index, e * e, scale.k).astype(np.float64, copy=False)
    is_tested = (mean > 0) & (mean < float(e.sum()) * (1 - _NOTHING_OUTSIDE)) & (scale.sizes < len(e))
    return DiskExpectation(mean, squares, is_tested)


def exposure_z(scale: Scale, exposure: Exposure, disks: DiskExpectation) -> Floats:
    """Return (O - E) / sqrt(Var) of every disk; NaN where nothing is tested."""
    variance = disks.mean + exposure.fit.phi * disks.squares
    if exposure.method == "binomial":
        variance = disks.mean * (1 - disks.mean / max(exposure.total, 1))
    z = np.full(len(variance), np.nan)
    np.divide(scale.sums - disks.mean, np.sqrt(np.maximum(variance, 0)), out=z, where=disks.is_tested)
    return z


def exposure_tails(
    index: NeighborIndex, scale: Scale, exposure: Exposure, disks: DiskExpectation
) -> tuple[Floats, Floats]:
    """Return both tails of every disk sum; NaN where nothing is tested.

    The negative binomial null stands at the fitted level: the incidents of a pile or a hotspot raise what all
    other cells should hold, and would hide them. The background is part of it.
    """
    if exposure.method == "normal":
        return normal_p(exposure_z(scale, exposure, disks))
    if exposure.method == "binomial":
        p_hot, p_cold = _binomial_tails(scale.sums, exposure.total, disks)
    else:
        p_hot, p_cold = disk_tails(index, scale.sums, exposure.usual, scale.k, exposure.fit.phi)
    return np.where(disks.is_tested, p_hot, np.nan), np.where(disks.is_tested, p_cold, np.nan)


def exposure_risk(
    scales: list[Scale], exposure: Exposure, disks: list[DiskExpectation], best: NDArray[np.int8]
) -> RelativeRisk:
    """Return the relative risk of the disk of every cell at its best scale."""
    e = exposure.expected
    return relative_risk(
        of_best([scale.sums for scale in scales], best),
        of_best([disk.mean for disk in disks], best),
        exposure.total,
        total_expected=float(e.sum()),
        phi=0.0 if exposure.method == "binomial" else exposure.fit.phi,
        squares=of_best([disk.squares for disk in disks], best),
        total_squares=float(e @ e),
    )


def null_cells(p: Floats, disks: list[DiskExpectation]) -> dict[str, int]:
    """Return how many cells have no answer at all, by reason."""
    untested = np.isnan(p)
    empty = untested & (disks[-1].mean <= 0)
    reasons = {
        "nothing is expected in the disk": int(empty.sum()),
        "the disk holds all that is expected": int((untested & ~empty).sum()),
    }
    return {why: count for why, count in reasons.items() if count}


def _binomial_tails(sums: NDArray[Any], total: int, disks: DiskExpectation) -> tuple[Floats, Floats]:
    """Return the tails of a binomial count of all incidents that fall into the disk."""
    p_hot, p_cold = np.ones((2, len(sums)))
    share = np.clip(disks.mean / max(total, 1), 0, 1)
    s, rest = sums.astype(np.float64), (total - sums).astype(np.float64)
    upper, lower = (s > 0) & disks.is_tested, (rest > 0) & disks.is_tested
    p_hot[upper] = betainc(s[upper], rest[upper] + 1, share[upper])
    p_cold[lower] = betainc(rest[lower], s[lower] + 1, 1 - share[lower])
    return p_hot, p_cold
