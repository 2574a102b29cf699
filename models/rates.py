"""Rates: what a place should hold by its population, how far it is off, and estimates that borrow strength.

No test and no verdict; these stand in `hotspots`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

from models.dispersion import checked_counts, checked_expectation
from models.errors import DegenerateInput, InvalidParameter
from spatial.neighbors import NeighborIndex, disk_sums

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RelativeRisk:
    """Risk inside over risk outside, with its interval.

    Attributes
    ----------
    value : array of float
        NaN where one side expects nothing, or where no incident is left outside.
    low, high : array of float
        NaN where one side expects nothing; `high` also where no incident is left outside.
    """

    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class SmoothedRates:
    """Empirical Bayes estimates of rates, in the order of the cells.

    Attributes
    ----------
    rate : array of float
        The estimate, in incidents per unit of population; NaN without population.
    weight : array of float
        How much of the cell's own rate is in it, 0 to 1; NaN without population.
    mean : array of float
        The rate that it is drawn to.
    n_without_population : int
        Cells that hold incidents but no population: they have no rate, and take no part in the means.
    """

    rate: Floats
    weight: Floats
    mean: Floats
    n_without_population: int


def expected_counts(total: float, exposure: ArrayLike) -> Floats:
    """Return what every cell should hold if the risk were the same everywhere: total · exposure / Σ exposure.

    Parameters
    ----------
    total : float
        All incidents.
    exposure : array, shape (n,)
        Population, housing units, traffic or whatever the incidents come from; 0 or more.

    Raises
    ------
    InvalidParameter
        If the total or an exposure is negative or not finite.
    DegenerateInput
        If there is no exposure at all.

    Examples
    --------
    >>> expected_counts(12, [100, 0, 300]).tolist()
    [3.0, 0.0, 9.0]
    """
    population = checked_expectation(exposure)
    if not (np.isfinite(total) and total >= 0):
        raise InvalidParameter(f"a total of 0 or more was needed, got {total}")
    whole = float(population.sum())
    if whole <= 0:
        raise DegenerateInput("expected counts need a population above 0 somewhere, got none")
    return population * (total / whole)


def relative_risk(
    observed: ArrayLike,
    expected: ArrayLike,
    total: float,
    *,
    total_expected: float | None = None,
    phi: float = 0.0,
    squares: ArrayLike = 0.0,
    total_squares: float = 0.0,
    confidence: float = 0.95,
) -> RelativeRisk:
    """Return (O/E inside) / (O/E outside) of places, with an interval.

    Given the total, the incidents inside are binomial; the interval is the exact one of Clopper and Pearson
    for their share, carried over to the ratio. Dispersion makes every count worth less: the counts enter it
    divided by the factor by which phi raises the variance of the log ratio.

    Parameters
    ----------
    observed, expected : array, shape (m,)
        Incidents and expected incidents of each place.
    total : float
        Incidents of the whole study area.
    total_expected : float, optional
        What the whole study area expects; `total` if not given.
    phi : float
        Dispersion of the cells.
    squares, total_squares : array, shape (m,), and float
        Sum of the squared expectations of the cells of each place, and of the study area; used with phi.
    confidence : float
        Of the interval.

    Raises
    ------
    InvalidParameter
        If the confidence is not between 0 and 1, or phi is negative.

    References
    ----------
    Clopper and Pearson (1934), Biometrika 26(4), 404-413.
    Korn and Graubard (1998), Survey Methodology 24(2), 193-201.

    Examples
    --------
    20 incidents where 10 of 100 were expected: (20/10) / (80/90).

    >>> risk = relative_risk([20], [10.0], 100)
    >>> risk.value.round(2).tolist(), risk.low.round(2).tolist(), risk.high.round(2).tolist()
    ([2.25], [1.31], [3.71])
    """
    if not 0 < confidence < 1:
        raise InvalidParameter(f"confidence must lie between 0 and 1, got {confidence}")
    if phi < 0:
        raise InvalidParameter(f"phi must be 0 or more, got {phi}")
    o, e = np.asarray(observed, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    whole = float(total if total_expected is None else total_expected)
    outside, others = whole - e, total - o
    is_open = (e > 0) & (outside > 1e-12 * whole)
    inside = np.where(is_open, e, 1.0)
    outside = np.where(is_open, outside, 1.0)
    value = np.full(o.shape, np.nan)
    np.divide(o * outside, inside * others, out=value, where=is_open & (others > 0))
    own = 1 / inside + 1 / outside
    q = np.asarray(squares, dtype=np.float64)
    worth = own / (own + phi * (q / inside**2 + np.maximum(total_squares - q, 0) / outside**2))
    low, high = _clopper_pearson(o * worth, others * worth, 1 - confidence)
    with np.errstate(divide="ignore"):
        low, high = low / (1 - low) * (outside / inside), high / (1 - high) * (outside / inside)
    low[~is_open] = high[~is_open | ~np.isfinite(high)] = np.nan
    return RelativeRisk(value, low, high)


def empirical_bayes(observed: ArrayLike, population: ArrayLike) -> SmoothedRates:
    """Return the rates of all cells, drawn to the mean rate the more, the fewer people stand behind them.

    With r = O/P, m = ΣO/ΣP and A = ΣP(r - m)²/ΣP - m/mean(P), not below 0, the estimate is w r + (1 - w) m
    with w = A / (A + m/P). Sums and mean go over the cells with population.

    Parameters
    ----------
    observed : array of int, shape (n,)
        Incidents per cell.
    population : array, shape (n,)
        0 or more.

    Raises
    ------
    InvalidParameter
        If shapes differ, or a value is no count or a negative population.

    References
    ----------
    Marshall (1991), Journal of the Royal Statistical Society C 40(2), 283-294.
    Clayton and Kaldor (1987), Biometrics 43(3), 671-681.

    Examples
    --------
    m = 12/400 = .03 and A = (100 · .03² + 300 · .01²)/400 - .03/200 = .00015: the weights are 1/3 and 3/5.

    >>> empirical_bayes([6, 6], [100, 300]).rate.round(4).tolist()
    [0.04, 0.024]
    """
    o, p, has_population, n_without = _checked(observed, population)
    n, sum_o, sum_p = int(has_population.sum()), float(o.sum()), float(p.sum())
    if not n:
        nothing = np.full(len(o), np.nan)
        return SmoothedRates(nothing, nothing, nothing, n_without)
    mean = np.full(len(o), sum_o / sum_p)
    second = float(np.divide(o * o, p, out=np.zeros(len(o)), where=has_population).sum())
    return _smoothed(o, p, has_population, mean, np.full(len(o), second), sum_p, n, n_without)


def standardised_rates(observed: ArrayLike, population: ArrayLike) -> Floats:
    """Return how far the rate of every cell lies from the mean, in standard deviations of the rate there.

    With m and A as in `empirical_bayes`, A not held at 0: (O/P - m) / sqrt(A + m/P); where A + m/P is not
    above 0 the variance is m/P. So a high rate of few people counts less than the same rate of many.

    Parameters
    ----------
    observed : array of int, shape (n,)
        Incidents per cell.
    population : array, shape (n,)
        0 or more.

    Returns
    -------
    array, shape (n,)
        NaN without population; 0 everywhere if there is no incident.

    Raises
    ------
    InvalidParameter
        If shapes differ, or a value is no count or a negative population.

    References
    ----------
    Assuncao and Reis (1999), Statistics in Medicine 18(16), 2147-2162.

    Examples
    --------
    m = .03, A = .00015: .03 / sqrt(.00045) and -.01 / sqrt(.00025).

    >>> standardised_rates([6, 6], [100, 300]).round(4).tolist()
    [1.4142, -0.6325]
    """
    o, p, has_population, _ = _checked(observed, population)
    found: Floats = np.full(len(o), np.nan)
    o, p = o[has_population], p[has_population]
    if not len(p):
        return found
    whole = float(p.sum())
    mean = float(o.sum()) / whole
    between = float((p * (o / p - mean) ** 2).sum()) / whole - mean * len(p) / whole
    variance = np.where(between + mean / p > 0, between + mean / p, mean / p)
    found[has_population] = (o / p - mean) / np.sqrt(variance) if mean > 0 else 0.0
    return found


def spatial_empirical_bayes(
    observed: ArrayLike, population: ArrayLike, index: NeighborIndex, k: int
) -> SmoothedRates:
    """Return the rates of all cells, drawn to the mean rate of the disk around each.

    As `empirical_bayes`, with m and A from the cells of the disk of radius k, the cell itself included.

    Raises
    ------
    InvalidParameter
        If a shape does not fit the index, or a value is no count or a negative population.

    References
    ----------
    Marshall (1991), Journal of the Royal Statistical Society C 40(2), 283-294.

    Examples
    --------
    In a disk that is all there is, the answer is that of `empirical_bayes`.

    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> index = neighbor_index(disk([0x892A1358B17FFFF], 1))
    >>> o, p = np.array([6, 6, 3, 1, 0, 2, 4]), np.array([100, 300, 100, 100, 50, 70, 80])
    >>> bool(np.allclose(spatial_empirical_bayes(o, p, index, 2).rate, empirical_bayes(o, p).rate))
    True
    """
    o, p, has_population, n_without = _checked(observed, population)
    if len(o) != len(index):
        raise InvalidParameter(f"one count for each of {len(index)} cells was needed, got {len(o)}")
    sum_o, sum_p, n = (disk_sums(index, v, k).astype(np.float64) for v in (o, p, has_population))
    mean = np.full(len(o), np.nan)
    np.divide(sum_o, sum_p, out=mean, where=n > 0)
    squares = np.divide(o * o, p, out=np.zeros(len(o)), where=has_population)
    second = disk_sums(index, squares, k).astype(np.float64)
    return _smoothed(o, p, has_population, mean, second, sum_p, n, n_without)


def _checked(observed: ArrayLike, population: ArrayLike) -> tuple[Floats, Floats, NDArray[np.bool_], int]:
    """Return counts (0 where nobody lives) and population, where there is any, and counts left without it."""
    o, p = checked_counts(observed), checked_expectation(population)
    if o.shape != p.shape:
        raise InvalidParameter(f"one population for each of {len(o)} counts was needed, got {len(p)}")
    has_population = p > 0
    n_without = int(((o > 0) & ~has_population).sum())
    return np.where(has_population, o, 0).astype(np.float64), p, has_population, n_without


def _smoothed(
    o: Floats,
    p: Floats,
    has_population: NDArray[np.bool_],
    mean: Floats,
    second: Floats,
    sum_p: Floats | float,
    n: Floats | int,
    n_without: int,
) -> SmoothedRates:
    """Draw O/P to the mean; `second` holds ΣO²/P, so that ΣP(r - m)² = ΣO²/P - m² ΣP."""
    at = has_population
    m, whole = mean[at], np.broadcast_to(sum_p, o.shape)[at]
    between = np.maximum(
        (second[at] - m * m * whole) / whole - m * np.broadcast_to(n, o.shape)[at] / whole, 0
    )
    weight = np.zeros(len(m))
    np.divide(between, between + m / p[at], out=weight, where=between > 0)
    all_weights, rate = np.full((2, len(o)), np.nan)
    all_weights[at] = weight
    rate[at] = weight * o[at] / p[at] + (1 - weight) * m
    return SmoothedRates(rate, all_weights, mean, n_without)


def _clopper_pearson(hits: Floats, misses: Floats, alpha: float) -> tuple[Floats, Floats]:
    """Return the exact interval of a binomial share; counts need not be whole."""
    low, high = np.zeros(hits.shape), np.ones(hits.shape)
    some, not_all = hits > 0, misses > 0
    low[some] = betaincinv(hits[some], misses[some] + 1, alpha / 2)
    high[not_all] = betaincinv(hits[not_all] + 1, misses[not_all], 1 - alpha / 2)
    return low, high
