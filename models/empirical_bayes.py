"""Empirical Bayes: what to expect of a road, from its kind (predicted) and its own crashes (observed).

Observed, predicted, expected and excess are four things; their names never mix. The prediction itself stands
in `spf`; what is expected of the *next* period, neighbours included, in `next_period`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import gamma

from models.errors import InvalidParameter

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class EmpiricalBayes:
    """What is expected of n sites in a period as long as the observed one.

    Attributes
    ----------
    expected : array, shape (n,)
        Weight times predicted, the rest times observed.
    weight : array, shape (n,)
        Of the prediction; between 0 and 1.
    variance : array, shape (n,)
        Of the expected crashes.
    excess : array, shape (n,)
        Expected less predicted.
    """

    expected: Floats
    weight: Floats
    variance: Floats
    excess: Floats


def empirical_bayes(mu: ArrayLike, y: ArrayLike, k: float) -> EmpiricalBayes:
    """Return what is expected of every site.

        w = 1 / (1 + k mu),  expected = w mu + (1 - w) y,  Var = (1 - w) expected,  excess = expected - mu

    Parameters
    ----------
    mu : array, shape (n,)
        Predicted crashes in the whole period; 0 or more.
    y : array, shape (n,)
        Observed crashes in the same period.
    k : float
        Overdispersion of the prediction for sites of this length; 0 or more. At 0 sites of one prediction are
        alike, and nothing is learned from their own crashes.

    Raises
    ------
    InvalidParameter
        If shapes differ or a value is negative or not finite.

    References
    ----------
    Hauer (1997), Observational Before-After Studies in Road Safety.
    AASHTO (2010), Highway Safety Manual, part B, section 4.4.2.

    Examples
    --------
    >>> one = empirical_bayes([4], [10], 0.5)
    >>> [float(a[0].round(3)) for a in (one.weight, one.expected, one.variance, one.excess)]
    [0.333, 8.0, 5.333, 4.0]
    """
    predicted, observed = np.asarray(mu, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if predicted.shape != observed.shape:
        raise InvalidParameter(f"one prediction per count is needed: {predicted.shape}, {observed.shape}")
    if not (np.isfinite(k) and k >= 0):
        raise InvalidParameter(f"k must be 0 or more, got {k}")
    for name, values in (("predictions", predicted), ("counts", observed)):
        if not np.isfinite(values).all() or (values < 0).any():
            raise InvalidParameter(f"{name} must be finite and not negative")
    weight = 1 / (1 + k * predicted)
    expected = weight * predicted + (1 - weight) * observed
    return EmpiricalBayes(expected, weight, (1 - weight) * expected, expected - predicted)


def window_sums(values: ArrayLike, first: ArrayLike, last: ArrayLike) -> Floats:
    """Return sums over windows of consecutive pieces.

    Parameters
    ----------
    values : array, shape (n,)
        Of the pieces: predicted, expected, excess or variance (pieces being independent).
    first, last : array of int, shape (m,)
        Windows; `last` is exclusive.

    Examples
    --------
    >>> window_sums([1, 2, 3, 4], [0, 1], [2, 4]).tolist()
    [3.0, 9.0]
    """
    total = np.concatenate([[0.0], np.cumsum(np.asarray(values, dtype=np.float64))])
    sums: Floats = total[np.asarray(last)] - total[np.asarray(first)]
    return sums


@dataclass(frozen=True)
class RateRatio:
    """How many times as many crashes as predicted, with an interval.

    Attributes
    ----------
    estimate, low, high : array, shape (n,)
        NaN where nothing is predicted; `high` is infinite nowhere else.
    basis : str
        ``poisson``: the count's own ratio with the exact Poisson interval of Garwood. ``gamma``: posterior
        mean and quantiles under a gamma prior of mean 1 and variance k, drawn towards 1.
    """

    estimate: Floats
    low: Floats
    high: Floats
    basis: Literal["poisson", "gamma"]


def rate_ratio_interval(
    count: ArrayLike, expected: ArrayLike, *, k: float | None = None, level: float = 0.95
) -> RateRatio:
    """Return observed over predicted, and between which ratios the truth lies.

    Without k nothing is assumed about how ratios vary among places: the exact Poisson interval. With k the
    ratio has a gamma prior of mean 1 and variance k; the posterior Gamma(1/k + count, 1/k + expected) is
    told.

    Parameters
    ----------
    count : array of int, shape (n,)
    expected : array, shape (n,)
        What the exposure predicts for the same places.
    k : float, optional
        Variance of the ratio among places as long as these; above 0.
    level : float
        Probability of the interval.

    Raises
    ------
    InvalidParameter
        If shapes differ, a value is negative, k is not above 0, or the level is not between 0 and 1.

    References
    ----------
    Garwood (1936), Biometrika 28(3/4), 437-442.

    Examples
    --------
    >>> one = rate_ratio_interval([10], [4])
    >>> one.estimate.tolist(), one.low.round(3).tolist(), one.high.round(3).tolist()
    ([2.5], [1.199], [4.598])
    >>> rate_ratio_interval([10], [4], k=0.5).estimate.tolist()  # empirical Bayes: 8 where 4 are predicted
    [2.0]
    """
    c, e = np.asarray(count, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if c.shape != e.shape or (c < 0).any() or (e < 0).any():
        raise InvalidParameter(
            f"counts and expectations must match and not be negative: {c.shape}, {e.shape}"
        )
    if not 0 < level < 1:
        raise InvalidParameter(f"level must be between 0 and 1, got {level}")
    if k is not None and not k > 0:
        raise InvalidParameter(f"k must be above 0, got {k}")
    tail, safe = (1 - level) / 2, np.where(e > 0, e, np.nan)
    if k is not None:
        shape, scale = c + 1 / k, 1 / (safe + 1 / k)
        low, high = gamma.ppf(tail, shape) * scale, gamma.isf(tail, shape) * scale
        return RateRatio(shape * scale, np.asarray(low), np.asarray(high), "gamma")
    low = np.where(c > 0, gamma.ppf(tail, np.maximum(c, 1)), 0.0) / safe
    return RateRatio(c / safe, np.asarray(low), np.asarray(gamma.isf(tail, c + 1) / safe), "poisson")
