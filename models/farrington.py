"""Farrington's regression for weekly counts: the same weeks of earlier years set the limit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import t as student_t

from models.errors import DidNotConverge, InvalidParameter, TooFewObservations

Floats = NDArray[np.float64]

# y ** power has a more even spread than y; the factor is the variance of its delta method.
_POWERS = {"none": 1.0, "1/2": 0.5, "2/3": 2 / 3}
_TREND_LEVEL = 0.05
_TREND_YEARS = 3
_STEPS = 50
_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Farrington:
    """One entry per judged week.

    Attributes
    ----------
    expected : fitted mean of the week.
    upper : limit above which the count raises an alarm.
    p : upper tail of the count under the same law.
    alarm : whether the count is above the limit, and enough was counted of late.
    has_trend : whether the trend was kept.
    overdispersion : variance over mean of the baseline, 1 or more.
    """

    expected: Floats
    upper: Floats
    p: Floats
    alarm: NDArray[np.bool_]
    has_trend: NDArray[np.bool_]
    overdispersion: Floats


def farrington(
    counts: ArrayLike,
    at: ArrayLike,
    *,
    period: int = 52,
    years: int = 5,
    half_window: int = 3,
    alpha: float = 0.05,
    power: str = "2/3",
    reweight: bool = True,
    trend: bool = True,
    fewest_recent: tuple[int, int] = (5, 4),
) -> Farrington:
    """Return Farrington's expected count, limit and alarm for chosen weeks.

    A quasi-Poisson regression log mu = a + b t on the weeks within `half_window` of the same week in each of
    the `years` before. Base weeks that look like outbreaks (Anscombe residual s above 1) weigh 1/s². The
    trend is kept if it is significant at .05, there are three years or more, and it does not lead above all
    of the base weeks.

    Parameters
    ----------
    counts : array, shape (n,)
        By week, in time order; 0 or more.
    at : array of int, shape (m,)
        Indices of the weeks to judge.
    alpha : float
        Two-sided, as in the reference: the limit leaves alpha / 2 above it.
    power : {"2/3", "1/2", "none"}
        Transformation towards symmetry.
    fewest_recent : (cases, weeks)
        No alarm with fewer cases in the latest weeks, the judged one included.

    Raises
    ------
    TooFewObservations
        If a week has not enough years before it.
    InvalidParameter
        If the power is not known, or counts are negative or missing.
    DidNotConverge
        If a fit finds no answer.

    References
    ----------
    Farrington, Andrews, Beale and Catchpole (1996), Journal of the Royal Statistical Society A 159(3),
    547-563.

    Examples
    --------
    >>> counts = np.full(320, 10)
    >>> counts[::2], counts[319] = 12, 30
    >>> found = farrington(counts, [318, 319])
    >>> found.expected.round(1).tolist(), found.alarm.tolist()
    ([10.9, 11.1], [False, True])
    """
    y, weeks = np.asarray(counts, dtype=np.float64), np.asarray(at, dtype=np.int64)
    if power not in _POWERS:
        raise InvalidParameter(f"power must be one of {', '.join(_POWERS)}, got {power!r}")
    if not (np.isfinite(y) & (y >= 0)).all():
        raise InvalidParameter("counts of 0 or more are needed, got negative or missing ones")
    needed = period * years + half_window
    if len(weeks) and (weeks.min() < needed or weeks.max() >= len(y)):
        raise TooFewObservations(f"each judged week needs {needed} weeks before it, got {weeks.min()}")
    judged = [
        _judged(y, int(week), _base_weeks(int(week), period, years, half_window), years, reweight, trend)
        for week in weeks
    ]
    mean, fit_variance, phi, has_trend = (
        (np.array(column) for column in zip(*judged, strict=True)) if judged else np.empty((4, 0))
    )
    exponent = _POWERS[power]
    # Delta method: var(Y^e) = (e mu^(e-1))² var(Y), with var(Y) = phi mu and that of the fitted mean added.
    # A base without any count has no spread: then every count is above the limit.
    scale = np.where(mean > 0, mean, 1.0)
    sd = exponent * scale ** (exponent - 1) * np.sqrt(phi * mean + fit_variance)
    upper = (mean**exponent - float(ndtri(alpha / 2)) * sd) ** (1 / exponent)
    excess = y[weeks] ** exponent - mean**exponent
    p = np.where(sd > 0, ndtr(-excess / np.where(sd > 0, sd, 1.0)), np.where(excess > 0, 0.0, 1.0))
    cases, span = fewest_recent
    recent = np.array([y[max(week - span + 1, 0) : week + 1].sum() for week in weeks.tolist()])
    return Farrington(mean, upper, p, (y[weeks] > upper) & (recent >= cases), has_trend.astype(bool), phi)


def _base_weeks(week: int, period: int, years: int, half_window: int) -> NDArray[np.int64]:
    centres = week - period * np.arange(years, 0, -1)
    return (centres[:, None] + np.arange(-half_window, half_window + 1)).ravel()


def _judged(
    y: Floats, week: int, base: NDArray[np.int64], years: int, reweight: bool, trend: bool
) -> tuple[float, float, float, bool]:
    """Return mean, variance of the fitted mean, overdispersion and whether a trend is in it."""
    if not y[base].any():
        return 0.0, 0.0, 1.0, False
    if trend and years >= _TREND_YEARS:
        coef, unscaled, ratio = _fit(y[base], base - week, True, reweight)
        t = abs(coef[1]) / np.sqrt(ratio * unscaled[1, 1])
        is_significant = 2 * student_t.sf(t, len(base) - 2) <= _TREND_LEVEL
        if is_significant and np.exp(coef[0]) <= y[base].max():
            return *_fitted(coef, unscaled, ratio), True
    return *_fitted(*_fit(y[base], base - week, False, reweight)), False


def _fitted(coef: Floats, unscaled: Floats, ratio: float) -> tuple[float, float, float]:
    mean, phi = float(np.exp(coef[0])), max(ratio, 1.0)
    return mean, float(mean**2 * phi * unscaled[0, 0]), phi


def _fit(y: Floats, time: NDArray[np.int64], has_trend: bool, reweight: bool) -> tuple[Floats, Floats, float]:
    """Return coefficients, their covariance but for the dispersion, and that; time 0 is the judged week."""
    design = np.column_stack([np.ones(len(y)), time]) if has_trend else np.ones((len(y), 1))
    weights = np.ones(len(y))
    coef, information = _poisson_fit(y, design, weights)
    ratio, leverage = _dispersion(y, design, weights, coef, information)
    if reweight:
        mean = np.exp(design @ coef)
        residual = (
            1.5
            * (y ** (2 / 3) - mean ** (2 / 3))
            / mean ** (1 / 6)
            / np.sqrt(max(ratio, 1.0) * (1 - leverage))
        )
        weights = np.where(residual > 1, np.maximum(residual, 1) ** -2.0, 1.0)
        weights *= len(y) / weights.sum()
        coef, information = _poisson_fit(y, design, weights)
        ratio, _ = _dispersion(y, design, weights, coef, information)
    return coef, _inverse(information), ratio


def _inverse(matrix: Floats) -> Floats:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _poisson_fit(y: Floats, design: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the coefficients of a weighted log-linear Poisson fit and their information."""
    eta = np.log(y + 0.1)
    previous = np.full(design.shape[1], np.inf)
    for _ in range(_STEPS):
        mean = np.exp(eta)
        working = weights * mean
        information = design.T @ (working[:, None] * design)
        coef = _inverse(information) @ (design.T @ (working * (eta + (y - mean) / mean)))
        eta = design @ coef
        if np.abs(coef - previous).max() <= _TOLERANCE * (1 + np.abs(coef).max()):
            return coef, information
        previous = coef
    raise DidNotConverge(f"the regression found no answer in {_STEPS} steps")


def _dispersion(
    y: Floats, design: Floats, weights: Floats, coef: Floats, information: Floats
) -> tuple[float, Floats]:
    """Return Pearson's ratio of variance to mean, and the leverage of every base week."""
    mean = np.exp(design @ coef)
    pearson = float((weights * (y - mean) ** 2 / mean).sum()) / (len(y) - design.shape[1])
    hat = weights * mean * np.einsum("ij,jk,ik->i", design, _inverse(information), design)
    return pearson, hat
