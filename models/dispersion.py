"""How much more than Poisson counts scatter around their expectation, as the ordinary cells tell it.

The law itself stands in `negative_binomial`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize

from models.errors import InvalidParameter
from models.negative_binomial import upper_tail

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

# A cell above this quantile of its own fitted law enters the next fit only as "above".
_CENSORED_ABOVE = 0.99
_PASSES = 2
# Counts beyond this are "above" in any case: they bound the work of the fit.
_LARGEST_COUNT = 1 << 20
_BINS = 4096
_LOG_PHIS = (float(np.log(1e-6)), float(np.log(1e4)))
_LOG_LEVELS = (-30.0, 30.0)
_OPTIONS: dict[str, Any] = {"method": "L-BFGS-B", "jac": True, "options": {"ftol": 1e-12, "gtol": 1e-8}}


@dataclass(frozen=True)
class DispersionFit:
    """How much more than Poisson the counts scatter around their expectation.

    Attributes
    ----------
    phi : float
        Variance of a cell: mean + phi · mean²; 0 is Poisson.
    level : float
        Factor on the expectation that fits the cells that are not unusually high.
    n_censored : int
        Cells that entered only as "above".
    converged : bool
        Whether the last fit came to an end.
    """

    phi: float
    level: float
    n_censored: int
    converged: bool


def fit_dispersion(counts: ArrayLike, expected: ArrayLike) -> DispersionFit:
    """Return dispersion and level by maximum likelihood; cells that stand out do not decide them.

    A plain fit comes first. Then, twice, a cell above the 99 % quantile of its fitted law enters only with
    the probability of lying above it, so that neither a hotspot nor a pile of incidents at one place passes
    for dispersion everywhere.

    Parameters
    ----------
    counts : array of int, shape (n,)
        Incidents per cell.
    expected : array, shape (n,)
        Expected incidents per cell; cells that expect nothing take no part.

    Raises
    ------
    InvalidParameter
        If the shapes differ, a count is negative or no whole number, or an expectation is negative or not
        finite.

    References
    ----------
    Lawless (1987), Canadian Journal of Statistics 15(3), 209-225.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> expected = rng.uniform(1, 5, 5000)
    >>> fit = fit_dispersion(rng.poisson(expected * rng.gamma(2, 1 / 2, 5000)), expected)
    >>> round(fit.phi, 1), round(fit.level, 1), fit.converged
    (0.5, 1.0, True)
    """
    o, e = checked_counts(counts), checked_expectation(expected)
    if o.shape != e.shape:
        raise InvalidParameter(f"one expectation for each of {len(o)} counts was needed, got {len(e)}")
    o, e = o[e > 0], e[e > 0]
    if not o.any():
        return DispersionFit(0.0, 0.0 if len(e) else 1.0, 0, True)
    above = o > _LARGEST_COUNT
    limits = np.full(int(above.sum()), _LARGEST_COUNT)
    start = (_moment_phi(o, e), float(o.sum() / e.sum()))
    phi, level, converged = _maximum_likelihood(_sample(o, e, above, limits), start)
    for _ in range(_PASSES):
        above = _is_above(o, level * e, phi)
        limits = np.minimum(_quantile(level * e[above], phi), _LARGEST_COUNT)
        phi, level, converged = _maximum_likelihood(_sample(o, e, above, limits), (phi, level))
    return DispersionFit(phi, level, int(above.sum()), converged)


def fit_level(counts: ArrayLike, expected: ArrayLike, phi: float) -> float:
    """Return the level alone by maximum likelihood, for a known dispersion; see `fit_dispersion`.

    Parameters
    ----------
    counts : array of int, shape (n,)
        Incidents per cell.
    expected : array, shape (n,)
        Expected incidents per cell; cells that expect nothing take no part.
    phi : float
        Dispersion of the cells, 0 or more.

    Returns
    -------
    float
        0 where no cell with an expectation holds an incident; 1 where no cell has one.

    Examples
    --------
    A pile of 500 among cells that hold two where one is expected.

    >>> counts = np.random.default_rng(0).poisson(2, 1000)
    >>> counts[0] = 500
    >>> round(fit_level(counts, np.ones(1000), 0.0), 1), round(fit_level(counts, np.ones(1000), 0.3), 1)
    (2.0, 2.0)
    """
    o, e = checked_counts(counts), checked_expectation(expected)
    if o.shape != e.shape:
        raise InvalidParameter(f"one expectation for each of {len(o)} counts was needed, got {len(e)}")
    if not (np.isfinite(phi) and phi >= 0):
        raise InvalidParameter(f"phi must be 0 or more, got {phi}")
    o, e = o[e > 0], e[e > 0]
    if not o.any():
        return 0.0 if len(e) else 1.0
    above = o > _LARGEST_COUNT
    limits = np.full(int(above.sum()), _LARGEST_COUNT)
    level = _likeliest_level(_sample(o, e, above, limits), float(o.sum() / e.sum()), phi)
    for _ in range(_PASSES):
        above = _is_above(o, level * e, phi)
        if not above.any():
            break
        limits = np.minimum(_quantile(level * e[above], phi), _LARGEST_COUNT)
        level = _likeliest_level(_sample(o, e, above, limits), level, phi)
    return level


def checked_counts(counts: ArrayLike) -> Integers:
    """Return counts as int64.

    Raises
    ------
    InvalidParameter
        If one is negative, no whole number or not finite.

    Examples
    --------
    >>> checked_counts([0.0, 2.0]).tolist()
    [0, 2]
    """
    found = np.asarray(counts)
    if found.dtype.kind not in "iub":
        found = found.astype(np.float64)
        if not (np.isfinite(found).all() and (found == np.rint(found)).all()):
            raise InvalidParameter("counts were needed, got values that are no whole numbers")
    if found.size and found.min() < 0:
        raise InvalidParameter(f"counts were needed, got the negative value {found.min()}")
    return found.astype(np.int64)


def checked_expectation(expected: ArrayLike) -> Floats:
    """Return expected incidents as float64.

    Raises
    ------
    InvalidParameter
        If one is negative or not finite.

    Examples
    --------
    >>> checked_expectation([0, 2]).tolist()
    [0.0, 2.0]
    """
    found = np.asarray(expected, dtype=np.float64)
    n_bad = int((~np.isfinite(found) | (found < 0)).sum())
    if n_bad:
        raise InvalidParameter(
            f"finite expectations of 0 or more were needed, got {n_bad} that are negative or not finite"
        )
    return found


def _moment_phi(o: Integers, e: Floats) -> float:
    """Return a first guess of phi from sums of squares, within bounds."""
    mean = e * (o.sum() / e.sum())
    phi = float((np.square(o - mean) - mean).sum() / np.square(mean).sum())
    return float(np.clip(phi, 0.01, 100.0))


def _is_above(o: Integers, mean: Floats, phi: float) -> Mask:
    """Return which counts lie above the 99 % quantile of their law."""
    above = np.zeros(len(o), dtype=bool)
    high = np.flatnonzero(o > mean)
    m = mean[high]
    above[high] = upper_tail(o[high], m, m + phi * m * m) <= 1 - _CENSORED_ABOVE
    return above


def _quantile(mean: Floats, phi: float) -> Integers:
    """Return the smallest q with P(O <= q) >= .99, by halving."""
    variance = mean + phi * mean * mean
    low = np.full(len(mean), -1, dtype=np.int64)
    high = np.ceil(mean + 10 * np.sqrt(variance)).astype(np.int64) + 1  # Cantelli: at most 1 / 101 lies above
    while (high - low > 1).any():
        middle = (low + high) // 2
        enough = upper_tail(middle + 1, mean, variance) <= 1 - _CENSORED_ABOVE
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    quantile: Integers = high
    return quantile


@dataclass(frozen=True)
class _Sample:
    """What the likelihood needs: cells counted in full, in bins of expectation, and cells above a limit."""

    n_beyond: Floats  # how many of the counts in full exceed 0, 1, 2, …
    expected: Floats
    n_cells: Floats
    counts: Floats
    limits: Integers
    expected_above: Floats

    def __len__(self) -> int:
        return int(self.n_cells.sum()) + len(self.limits)


def _sample(o: Integers, e: Floats, above: Mask, limits: Integers) -> _Sample:
    """Put cells of nearly equal expectation together: in bins so narrow, only their mean matters."""
    counts, expected = o[~above], e[~above]
    n_beyond = len(counts) - np.cumsum(np.bincount(counts, minlength=1))[:-1].astype(np.float64)
    if len(counts) <= _BINS:
        return _Sample(n_beyond, expected, np.ones(len(counts)), counts.astype(float), limits, e[above])
    height = np.log(expected)
    low, span = height.min(), max(float(np.ptp(height)), 1e-9)
    bins = np.minimum(((height - low) * (_BINS / span)).astype(np.int64), _BINS - 1)
    n_cells: Floats = np.bincount(bins, minlength=_BINS).astype(np.float64)
    some = n_cells > 0
    mean = np.bincount(bins, expected, _BINS)[some] / n_cells[some]
    sums = np.bincount(bins, counts.astype(np.float64), _BINS)[some].astype(np.float64)
    return _Sample(n_beyond, mean, n_cells[some], sums, limits, e[above])


def _maximum_likelihood(sample: _Sample, start: tuple[float, float]) -> tuple[float, float, bool]:
    """Return phi, level and whether they were found; phi is 0 where the likelihood falls from there on."""
    poisson = minimize(_poisson_loss, [np.log(start[1])], args=(sample,), bounds=[_LOG_LEVELS], **_OPTIONS)
    if _loss(np.array([_LOG_PHIS[0], poisson.x[0]]), sample)[1][0] >= 0:
        return 0.0, float(np.exp(poisson.x[0])), bool(poisson.success)
    at = [np.log(max(start[0], 1e-3)), poisson.x[0]]
    fit = minimize(_loss, at, args=(sample,), bounds=[_LOG_PHIS, _LOG_LEVELS], **_OPTIONS)
    return float(np.exp(fit.x[0])), float(np.exp(fit.x[1])), bool(fit.success)


def _likeliest_level(sample: _Sample, start: float, phi: float) -> float:
    """Return the level of the greatest likelihood for a given phi."""

    def slope(at: float) -> float:
        mean = np.exp(at) * sample.expected
        ordinary = float(((sample.counts - sample.n_cells * mean) / (1 + phi * mean)).sum())
        above = (log_above(at + 1e-6) - log_above(at)) / 1e-6 if len(sample.limits) else 0.0
        return -(ordinary + above)

    def log_above(at: float) -> float:
        mean = np.exp(at) * sample.expected_above
        p = upper_tail(sample.limits + 1, mean, mean + phi * mean * mean)
        return float(np.log(np.maximum(p, 1e-300)).sum())

    near = far = float(np.log(start))
    begin = slope(near)
    step = -0.05 if begin > 0 else 0.05  # the loss falls on the other side of its slope
    while begin * slope(far) > 0 and _LOG_LEVELS[0] < far < _LOG_LEVELS[1]:
        near, far, step = far, far + step, 2 * step
    return float(np.exp(brentq(slope, near, far, xtol=1e-8))) if slope(far) * begin < 0 else start


def _loss(at: Floats, sample: _Sample) -> tuple[float, Floats]:
    """Return the negative log-likelihood per cell, less a constant, and its slopes in log phi, log level."""
    phi, level = float(np.exp(at[0])), float(np.exp(at[1]))
    o, n, mean, j = sample.counts, sample.n_cells, level * sample.expected, np.arange(len(sample.n_beyond))
    inflated, logs = 1 + phi * mean, np.log1p(phi * mean)
    found = float(sample.n_beyond @ np.log1p(phi * j) + o.sum() * at[1] - o @ logs - n @ logs / phi)
    by_phi = phi * float(sample.n_beyond @ (j / (1 + phi * j)))
    by_phi += float((n * logs / phi - (phi * o + n) * mean / inflated).sum())
    by_level = float(((o - n * mean) / inflated).sum())
    above, above_phi, above_level = _log_above(at, sample)
    slopes = np.array([by_phi + above_phi, by_level + above_level])
    return -(found + above) / len(sample), -slopes / len(sample)


def _poisson_loss(at: Floats, sample: _Sample) -> tuple[float, Floats]:
    """Return the same for phi = 0."""
    mean = float(np.exp(at[0])) * float(sample.n_cells @ sample.expected)
    total = float(sample.counts.sum())
    above, _, above_level = _log_above(np.array([-np.inf, at[0]]), sample)
    loss, slope = -(total * at[0] - mean + above), -(total - mean + above_level)
    return loss / len(sample), np.array([slope]) / len(sample)


def _log_above(at: Floats, sample: _Sample) -> tuple[float, float, float]:
    """Return the log-probability of lying above the limits, and its slopes, by small differences."""
    if not len(sample.limits):
        return 0.0, 0.0, 0.0

    def log_probability(log_phi: float, log_level: float) -> float:
        mean = np.exp(log_level) * sample.expected_above
        p = upper_tail(sample.limits + 1, mean, mean + np.exp(log_phi) * mean * mean)
        return float(np.log(np.maximum(p, 1e-300)).sum())

    a, b, h = float(at[0]), float(at[1]), 1e-6
    here = log_probability(a, b)
    by_phi = (log_probability(a + h, b) - here) / h if np.isfinite(a) else 0.0
    return here, by_phi, (log_probability(a, b + h) - here) / h
