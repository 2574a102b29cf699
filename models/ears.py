"""EARS C1, C2 and C3: the latest value of a regular series against the few before it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from models.errors import InvalidParameter

Floats = NDArray[np.float64]

# Time steps between the baseline and the judged one.
EARS_LAGS = {"c1": 0, "c2": 2, "c3": 2}
# What C2 must exceed before C3 counts it.
_C3_SLACK = 1.0


@dataclass(frozen=True)
class Ears:
    """One entry per time step; NaN and False where there is no full baseline.

    Attributes
    ----------
    statistic : C1, C2 or C3, in standard deviations.
    expected : mean of the baseline, in the unit of the values.
    upper : the value above which an alarm is raised; minus infinity where the two steps before C3 suffice.
    alarm : whether the value is above it.
    """

    statistic: Floats
    expected: Floats
    upper: Floats
    alarm: NDArray[np.bool_]


def ears(
    values: ArrayLike, method: str = "c1", *, alpha: float = 0.001, baseline: int = 7, min_sd: float = 0.0
) -> Ears:
    """Return EARS statistics and alarms of a regular series, such as counts by day or week.

    C1 compares a value with the `baseline` values just before it, C2 leaves two out between, C3 sums what C2
    exceeds 1 by over three steps. EARS takes C1, C2 and C3 as standard normal; with a baseline of seven the
    tails are heavier, and false alarms more frequent than alpha. `surveillance` uses the t law instead.

    Parameters
    ----------
    values : array, shape (n,)
        In time order, one per step.
    method : {"c1", "c2", "c3"}
    alpha : float
        One-sided; the practice of its makers is .001 for C1 and C2, .025 for C3.
    baseline : int
        Values in the baseline, 2 or more.
    min_sd : float
        Smallest standard deviation, for sparse counts.

    Raises
    ------
    InvalidParameter
        If the method is not known or the baseline is shorter than 2.

    References
    ----------
    Hutwagner, Thompson, Seeman and Treadwell (2003), Journal of Urban Health 80(S1), i89-i96.
    Fricker, Hegler and Dunfee (2008), Statistics in Medicine 27(17), 3407-3429.

    Examples
    --------
    Mean 2, standard deviation 1: the upper limit lies 3.09 above the mean.

    >>> found = ears([1, 1, 1, 2, 3, 3, 3, 9])
    >>> found.statistic[-1].round(3), found.upper[-1].round(2), bool(found.alarm[-1])
    (np.float64(7.0), np.float64(5.09), True)
    """
    if method not in EARS_LAGS:
        raise InvalidParameter(f"method must be c1, c2 or c3, got {method!r}")
    if baseline < 2:
        raise InvalidParameter(f"a baseline of 2 values or more is needed, got {baseline}")
    y, quantile = np.asarray(values, dtype=np.float64), float(-ndtri(alpha))
    mean, sd = _moving_baseline(y, baseline, EARS_LAGS[method])
    sd = np.maximum(sd, min_sd)
    statistic = _standardised(y - mean, sd)
    if method != "c3":
        upper = mean + quantile * sd
        return Ears(statistic, mean, upper, y > upper)
    beyond = np.maximum(statistic - _C3_SLACK, 0)
    before = np.full(len(y), np.nan)
    before[2:] = beyond[1:-1] + beyond[:-2]
    reach = np.where(before < quantile, quantile - before + _C3_SLACK, np.nan)
    upper = np.where(before < quantile, mean + reach * sd, np.where(np.isnan(before), np.nan, -np.inf))
    return Ears(beyond + before, mean, upper, y > upper)


def _moving_baseline(y: Floats, size: int, lag: int) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of the `size` values that end `lag` + 1 steps before each."""
    mean, sd = np.full(len(y), np.nan), np.full(len(y), np.nan)
    if len(y) > size + lag:
        windows = np.lib.stride_tricks.sliding_window_view(y, size)[: len(y) - size - lag]
        mean[size + lag :], sd[size + lag :] = windows.mean(axis=1), windows.std(axis=1, ddof=1)
    return mean, sd


def _standardised(excess: Floats, sd: Floats) -> Floats:
    """Return excess / sd; over a constant baseline a change is infinitely many deviations, none is 0."""
    flat = np.where(excess == 0, 0.0, np.copysign(np.inf, excess))
    return np.divide(excess, sd, out=np.where(np.isnan(excess), np.nan, flat), where=sd > 0)
