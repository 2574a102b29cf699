"""What a campaign is expected to be, from the campaigns before it, on the log scale."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

from models.ears import EARS_LAGS, ears

Floats = NDArray[np.float64]

METHODS = ("moderated", "prediction", "robust", "regression", "c1", "c2", "c3")
EARS_BASELINE = 7
_MAD_TO_SD = 1.4826
# Efficiency of the median absolute deviation under the normal law.
_MAD_EFFICIENCY = 0.37
_OUTLIER = 2.58
_TREND_LEVEL = 0.05
# A spread below this share of the values is rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Baseline:
    """A t prediction: (y - center) / sqrt(variance · factor) has the t law with `df` degrees of freedom.

    Attributes
    ----------
    center, variance : of the logarithms.
    df : degrees of freedom of the variance.
    factor : 1 for the campaign to come plus the uncertainty of the centre in units of the variance.
    """

    center: float
    variance: float
    df: float
    factor: float


def fewest_campaigns(method: str, min_baseline: int, guard: int) -> tuple[int, int]:
    """Return the fewest campaigns of the baseline, and how many between it and the latest are left out.

    Examples
    --------
    >>> fewest_campaigns("moderated", 8, 2), fewest_campaigns("c1", 8, 2), fewest_campaigns("c3", 8, 2)
    ((8, 2), (7, 0), (9, 2))
    """
    if method in EARS_LAGS:
        return EARS_BASELINE + (2 if method == "c3" else 0), EARS_LAGS[method]
    return min_baseline, guard


def baseline_of(method: str, day: Floats, log_mean: Floats, judged_day: float) -> Baseline:
    """Return the prediction from a baseline in time order.

    Parameters
    ----------
    method : one of METHODS
        "moderated" and "prediction": mean and variance. "robust": median and median absolute deviation.
        "regression": a line in time after Farrington, past outliers weighed down, the trend kept only if
        it is significant and leads to no value beyond those seen. "c1", "c2", "c3": the last 7 campaigns.
    day, log_mean : array, shape (n,)
        Two campaigns or more.
    judged_day : float
        When the campaign to be judged was.

    References
    ----------
    Rousseeuw and Croux (1993), Journal of the American Statistical Association 88(424), 1273-1283.
    Noufaily et al. (2013), Statistics in Medicine 32(7), 1206-1222 (outliers from 2.58 on).

    Examples
    --------
    >>> baseline_of("prediction", np.arange(4.0), np.array([1.0, 2.0, 3.0, 2.0]), 9.0)
    Baseline(center=2.0, variance=0.6666666666666666, df=3.0, factor=1.25)
    """
    if method == "robust":
        return _robust(log_mean)
    if method == "regression":
        return _regression(day - judged_day, log_mean)
    used = log_mean[-EARS_BASELINE:] if method in EARS_LAGS else log_mean
    n = len(used)
    variance = float(used.var(ddof=1))
    return Baseline(float(used.mean()), _without_rounding(variance, used), n - 1.0, 1 + 1 / n)


def c3_statistics(log_mean: Floats) -> tuple[float, float]:
    """Return C3 of the last campaign upwards and downwards; NaN without eleven campaigns before it.

    Examples
    --------
    >>> c3_statistics(np.array([1, 1, 1, 2, 3, 3, 3, 1, 1, 5, 3.5, 4]))
    (3.5, 0.0)
    """
    up, down = (ears(sign * log_mean, "c3", baseline=EARS_BASELINE).statistic[-1] for sign in (1, -1))
    return float(up), float(down)


def _robust(y: Floats) -> Baseline:
    n, center = len(y), float(np.median(y))
    sd = _MAD_TO_SD * float(np.median(np.abs(y - center))) * n / (n - 0.8)
    return Baseline(
        center, _without_rounding(sd**2, y), max(1.0, _MAD_EFFICIENCY * (n - 1)), 1 + np.pi / (2 * n)
    )


def _regression(time: Floats, y: Floats) -> Baseline:
    """Return the line at time 0, or the level where no trend is kept."""
    if len(y) > 3 and np.ptp(time) > 0:
        line, slope_p = _weighted_fit(np.column_stack([np.ones(len(y)), time]), y)
        if slope_p <= _TREND_LEVEL and y.min() <= line.center <= y.max():
            return line
    return _weighted_fit(np.ones((len(y), 1)), y)[0]


def _weighted_fit(design: Floats, y: Floats) -> tuple[Baseline, float]:
    """Return the prediction at time 0 after one step of weighing outliers down, and the p of the slope."""
    n, k = design.shape
    weights = np.ones(n)
    for _ in range(2):
        inverse = np.linalg.inv(design.T @ (weights[:, None] * design))
        coef = inverse @ (design.T @ (weights * y))
        residual = y - design @ coef
        variance = _without_rounding(float((weights * residual**2).sum()) / (n - k), y)
        if variance == 0:
            break
        leverage = weights * np.einsum("ij,jk,ik->i", design, inverse, design)
        scaled = np.abs(residual) * np.sqrt(weights) / np.sqrt(variance * np.maximum(1 - leverage, _ROUNDING))
        if not (scaled > _OUTLIER).any():
            break
        weights = np.where(scaled > _OUTLIER, np.maximum(scaled, 1.0) ** -2, 1.0)
        weights *= n / weights.sum()
    slope_p = 1.0
    if k > 1 and variance > 0:
        slope_p = 2 * float(student_t.sf(abs(coef[1]) / np.sqrt(variance * inverse[1, 1]), n - k))
    return Baseline(float(coef[0]), variance, float(n - k), 1 + float(inverse[0, 0])), slope_p


def _without_rounding(variance: float, y: Floats) -> float:
    return variance if variance > (_ROUNDING * (1 + float(np.abs(y).max()))) ** 2 else 0.0
