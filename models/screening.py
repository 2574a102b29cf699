"""Network screening by the Highway Safety Manual (part B, chapter 4): the numbers an engineer reports.

Sites are routes made of consecutive pieces. None of these measures is a test of significance.
What is predicted and expected stands in `spf` and `empirical_bayes`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameter

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Text = NDArray[np.str_]

MILE_M = 1609.344
#: The manual's sliding window and its step; its peak search starts with the step.
WINDOW_M, STEP_M = 0.3 * MILE_M, 0.1 * MILE_M
#: One-sided 95 %.
P_95 = 1.645
_SAME_M = 1e-6
_LOSS_SPREAD = 1.5


@dataclass(frozen=True)
class Windows:
    """Windows on routes, by route, then by start.

    Attributes
    ----------
    route : array of int, shape (m,)
    start_m, end_m : array, shape (m,)
        Along the route.
    value : array, shape (m,)
        Sum over the window; a piece that it cuts counts by length.
    """

    route: Ints
    start_m: Floats
    end_m: Floats
    value: Floats


def sliding_windows(
    values: ArrayLike,
    route: ArrayLike,
    length_m: ArrayLike,
    *,
    window_m: float = WINDOW_M,
    step_m: float = STEP_M,
) -> Windows:
    """Return the sums over windows that slide along every route.

    The last window of a route is moved back to end where the route ends; a route that is no longer than the
    window is one window.

    Parameters
    ----------
    values : array, shape (n,)
        Counts, weights or excess per piece.
    route : array of int, shape (n,)
        Ascending; the pieces of a route follow each other.
    length_m : array, shape (n,)
        Above 0.
    window_m, step_m : float
        Above 0.

    Raises
    ------
    InvalidParameter
        If shapes differ, routes are not ascending, or a length is not above 0.

    References
    ----------
    AASHTO (2010), Highway Safety Manual, section 4.4.2, sliding window method.

    Examples
    --------
    A site of 0.75 mi: 0.0-0.3, 0.1-0.4, …, 0.4-0.7, and the last one at its end.

    >>> found = sliding_windows([3, 0, 6], [0, 0, 0], [0.25 * MILE_M] * 3)
    >>> (found.start_m / MILE_M).round(2).tolist(), (found.end_m / MILE_M).round(2).tolist()
    ([0.0, 0.1, 0.2, 0.3, 0.4, 0.45], [0.3, 0.4, 0.5, 0.6, 0.7, 0.75])
    >>> found.value.round(2).tolist()
    [3.0, 1.8, 0.6, 2.4, 4.8, 6.0]
    """
    site = _Sites.of(values, route, length_m)
    if not (window_m > 0 and step_m > 0):
        raise InvalidParameter(f"window and step must be above 0 m, got {window_m} and {step_m}")
    n_windows = site.n_windows(window_m, step_m)
    of_route = np.repeat(np.arange(len(n_windows)), n_windows)
    number = np.arange(len(of_route)) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    length = site.route_length[of_route]
    start = np.maximum(np.minimum(number * step_m, length - window_m), 0.0)
    end = np.minimum(start + window_m, length)
    offset = site.route_start[of_route]
    return Windows(site.route[of_route], start, end, site.total(offset + start, offset + end))


def window_maximum(
    values: ArrayLike,
    route: ArrayLike,
    length_m: ArrayLike,
    *,
    window_m: float = WINDOW_M,
    step_m: float = STEP_M,
) -> Floats:
    """Return, for every piece, the largest sum of the sliding windows that its middle lies in.

    A route shorter than the window has its own sum, not one blown up to the window's length: a stub of 20 m
    with one crash stays one crash.

    Parameters
    ----------
    values, route, length_m, window_m, step_m
        As for `sliding_windows`.

    Returns
    -------
    array, shape (n,)
        Minus infinity where steps longer than the window leave a middle out.

    Examples
    --------
    >>> window_maximum([3, 0, 6], [0, 0, 1], [100, 100, 100], window_m=100, step_m=50).tolist()
    [3.0, 1.5, 6.0]
    """
    site, windows = (
        _Sites.of(values, route, length_m),
        sliding_windows(values, route, length_m, window_m=window_m, step_m=step_m),
    )
    n_windows = site.n_windows(window_m, step_m)
    first = (np.cumsum(n_windows) - n_windows)[site.of_piece]
    n_own = n_windows[site.of_piece]
    middle = (site.at[:-1] + site.at[1:]) / 2 - site.route_start[site.of_piece]
    latest = np.floor((middle + _SAME_M) / step_m).astype(np.int64)
    # The last window, moved back to the end, lies nearer than its number says.
    best = np.where(
        windows.start_m[first + n_own - 1] <= middle + _SAME_M, windows.value[first + n_own - 1], -np.inf
    )
    for back in range(int(window_m / step_m) + 1):
        number = np.clip(latest - back, 0, n_own - 1)
        at = first + number
        holds = (windows.start_m[at] <= middle + _SAME_M) & (middle <= windows.end_m[at] + _SAME_M)
        best = np.maximum(best, np.where(holds, windows.value[at], -np.inf))
    return best


@dataclass(frozen=True)
class Peaks:
    """The peak of every route.

    Attributes
    ----------
    route : array of int, shape (n_routes,)
    start_m, end_m : array, shape (n_routes,)
        Window of the peak along the route.
    value : array, shape (n_routes,)
        Expected crashes per kilometre there.
    cv : array, shape (n_routes,)
        Coefficient of variation: standard deviation over expected.
    is_precise : array of bool, shape (n_routes,)
        Whether the limit was kept; else the whole route is told.
    """

    route: Ints
    start_m: Floats
    end_m: Floats
    value: Floats
    cv: Floats
    is_precise: Mask


def peak_search(
    expected: ArrayLike,
    variance: ArrayLike,
    route: ArrayLike,
    length_m: ArrayLike,
    *,
    largest_cv: float = 0.5,
    step_m: float = STEP_M,
) -> Peaks:
    """Return for every route the densest window that is precise enough.

    Windows of one step are tried first; where none is known as well as `largest_cv` asks, windows of two
    steps, and so on up to the route itself.

    Parameters
    ----------
    expected, variance : array, shape (n,)
        Per piece, from `empirical_bayes`; pieces are taken as independent.
    route, length_m : array, shape (n,)
        As for `sliding_windows`.
    largest_cv : float
        Above 0.
    step_m : float
        First window, step, and what windows grow by.

    Raises
    ------
    InvalidParameter
        As for `sliding_windows`, or if `largest_cv` is not above 0.

    References
    ----------
    AASHTO (2010), Highway Safety Manual, section 4.4.2, peak searching method.

    Examples
    --------
    >>> peak = peak_search([1, 9, 2], [0.5, 4, 1], [0, 0, 0], [160.9344] * 3, largest_cv=0.25)
    >>> peak.start_m.round().tolist(), peak.value.round(1).tolist(), peak.cv.round(3).tolist()
    ([161.0], [55.9], [0.222])
    """
    if not largest_cv > 0:
        raise InvalidParameter(f"the largest coefficient of variation must be above 0, got {largest_cv}")
    e, v = np.asarray(expected, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    r, m = np.asarray(route, dtype=np.int64), np.asarray(length_m, dtype=np.float64)
    routes = np.unique(r)
    out = {name: np.full(len(routes), np.nan) for name in ("start", "end", "value", "cv")}
    is_precise, is_open = np.zeros(len(routes), dtype=np.bool_), np.ones(len(routes), dtype=np.bool_)
    window = 0.0
    while is_open.any():
        window += step_m
        rows = is_open[np.searchsorted(routes, r)]
        means = sliding_windows(e[rows], r[rows], m[rows], window_m=window, step_m=step_m)
        spread = sliding_windows(v[rows], r[rows], m[rows], window_m=window, step_m=step_m).value
        length = means.end_m - means.start_m
        with np.errstate(divide="ignore", invalid="ignore"):
            cv = np.where(means.value > 0, np.sqrt(spread) / means.value, np.inf)
        good = cv <= largest_cv
        # A window shorter than asked for is the whole route: nothing longer is to come.
        is_last = np.bincount(np.searchsorted(routes, means.route), minlength=len(routes)) == 1
        of_window = np.searchsorted(routes, means.route)
        told = good | is_last[of_window]
        order = np.lexsort((means.start_m[told], -means.value[told] / length[told], of_window[told]))
        rows_told = np.flatnonzero(told)[order]
        site, first = np.unique(of_window[rows_told], return_index=True)
        at = rows_told[first]
        out["start"][site], out["end"][site] = means.start_m[at], means.end_m[at]
        out["value"][site], out["cv"][site] = means.value[at] / length[at] * 1000, cv[at]
        is_precise[site], is_open[site] = good[at], False
    return Peaks(routes, out["start"], out["end"], out["value"], out["cv"], is_precise)


def exposure_mvmt(aadt: ArrayLike, length_m: ArrayLike, years: float) -> Floats:
    """Return million vehicle miles travelled; NaN where traffic is not known or not above 0.

    Examples
    --------
    >>> exposure_mvmt([10_000], [1609.344], 3).round(2).tolist()
    [10.95]
    """
    if not years > 0:
        raise InvalidParameter(f"the period must be above 0 years, got {years}")
    traffic = np.asarray(aadt, dtype=np.float64)
    known = np.where(np.isfinite(traffic) & (traffic > 0), traffic, np.nan)
    miles: Floats = np.asarray(length_m, dtype=np.float64) / MILE_M
    return known * 365 * years * miles / 1e6


def critical_rate(average_rate: ArrayLike, mvmt: ArrayLike, *, p: float = P_95) -> Floats:
    """Return the rate above which a site is unlike others of its kind.

        R_c = R_a + P sqrt(R_a / M) + 1 / (2 M)

    Parameters
    ----------
    average_rate : array
        Crashes per million vehicle miles of the site's kind.
    mvmt : array
        Million vehicle miles of the site; NaN or 0 give NaN.
    p : float
        Quantile of the normal law; 1.645 for 95 %.

    Examples
    --------
    >>> critical_rate([2], [10]).round(4).tolist()
    [2.7857]
    """
    average, travelled = np.asarray(average_rate, dtype=np.float64), np.asarray(mvmt, dtype=np.float64)
    m = np.where(travelled > 0, travelled, np.nan)
    rate: Floats = average + p * np.sqrt(average / m) + 1 / (2 * m)
    return rate


def level_of_service(y: ArrayLike, mu: ArrayLike, k: float) -> Text:
    """Return the level of service of safety, I (best) to IV.

    Bounds are the prediction and 1.5 standard deviations, sqrt(k mu²), to both sides of it.

    Parameters
    ----------
    y, mu : array, shape (n,)
        Observed and predicted.
    k : float
        Overdispersion of the prediction; 0 or more.

    Returns
    -------
    array of str, shape (n,)
        ``I``, ``II``, ``III``, ``IV``.

    References
    ----------
    Kononov and Allery (2003), Transportation Research Record 1840, 57-66.
    AASHTO (2010), Highway Safety Manual, section 4.4.2.

    Examples
    --------
    >>> level_of_service([0, 3, 5, 9], [4, 4, 4, 4], 0.16).tolist()
    ['I', 'II', 'III', 'IV']
    """
    if not k >= 0:
        raise InvalidParameter(f"k must be 0 or more, got {k}")
    observed, predicted = np.asarray(y, dtype=np.float64), np.asarray(mu, dtype=np.float64)
    spread = _LOSS_SPREAD * np.sqrt(k) * predicted
    level = np.select(
        [observed < predicted - spread, observed < predicted, observed < predicted + spread],
        ["I", "II", "III"],
        "IV",
    )
    return np.asarray(level, dtype=np.str_)


@dataclass(frozen=True)
class CrashRates:
    """Rates of n pieces, in crashes per million vehicle miles; NaN where traffic is not known.

    Attributes
    ----------
    mvmt, rate, average_rate, critical_rate : array, shape (n,)
        `average_rate` is that of all pieces of the same group with known traffic.
    exceeds : array of bool, shape (n,)
        Whether the rate is above the critical rate; False where not known.
    """

    mvmt: Floats
    rate: Floats
    average_rate: Floats
    critical_rate: Floats
    exceeds: Mask


def crash_rates(
    y: ArrayLike,
    length_m: ArrayLike,
    aadt: ArrayLike,
    *,
    years: float,
    group: ArrayLike | None = None,
    p: float = P_95,
) -> CrashRates:
    """Return rate and critical rate of every piece against its kind.

    Parameters
    ----------
    y, length_m, aadt : array, shape (n,)
        Traffic in vehicles a day; NaN where it is not known.
    years : float
        Length of the period of the counts.
    group : array, shape (n,), optional
        Kind of road; all are alike without it.
    p : float
        See `critical_rate`.

    Examples
    --------
    >>> found = crash_rates([4, 30], [1609.344] * 2, [10_000, 10_000], years=3)
    >>> found.rate.round(3).tolist(), found.exceeds.tolist()
    ([0.365, 2.74], [False, True])
    """
    count, travelled = np.asarray(y, dtype=np.float64), exposure_mvmt(aadt, length_m, years)
    if count.shape != travelled.shape:
        raise InvalidParameter(f"counts and traffic must match: {count.shape}, {travelled.shape}")
    kinds = np.zeros(len(count), dtype=np.int64) if group is None else np.asarray(group)
    _, kind = np.unique(kinds.astype(np.str_), return_inverse=True)
    known = np.isfinite(travelled) & (travelled > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(known, count / travelled, np.nan)
        sums = [
            np.bincount(kind[known], a[known], minlength=kind.max(initial=0) + 1) for a in (count, travelled)
        ]
        average = np.where(known, (sums[0] / sums[1])[kind], np.nan)
    critical = critical_rate(average, travelled, p=p)
    return CrashRates(travelled, rate, average, critical, np.nan_to_num(rate - critical, nan=-1.0) > 0)


def simple_ranking(measure: ArrayLike) -> Ints:
    """Return the rank of every site, 1 for the largest; equal sites share the better rank; NaN come last.

    Examples
    --------
    >>> simple_ranking([2.0, 5.0, 2.0, float("nan"), 1.0]).tolist()
    [2, 1, 2, 5, 4]
    """
    values = np.nan_to_num(np.asarray(measure, dtype=np.float64), nan=-np.inf)
    better = np.sort(-values)
    ranks: Ints = np.searchsorted(better, -values, side="left") + 1
    return ranks


@dataclass(frozen=True)
class _Sites:
    """Routes laid end to end: where each starts, and the running sum of the values along them."""

    route: Ints
    of_piece: Ints
    at: Floats
    sums: Floats
    route_start: Floats
    route_length: Floats

    @classmethod
    def of(cls, values: ArrayLike, route: ArrayLike, length_m: ArrayLike) -> "_Sites":
        v, m = np.asarray(values, dtype=np.float64), np.asarray(length_m, dtype=np.float64)
        r = np.asarray(route, dtype=np.int64)
        if v.ndim != 1 or v.shape != r.shape or v.shape != m.shape:
            raise InvalidParameter(f"values, routes and lengths must match: {v.shape}, {r.shape}, {m.shape}")
        if (np.diff(r) < 0).any():
            raise InvalidParameter("routes must be ascending: the pieces of a route follow each other")
        if not np.isfinite(m).all() or (m <= 0).any():
            raise InvalidParameter("lengths must be finite and above 0")
        names, first, of_piece = np.unique(r, return_index=True, return_inverse=True)
        at = np.concatenate([[0.0], np.cumsum(m)])
        sums = np.concatenate([[0.0], np.cumsum(v)])
        ends = np.append(first[1:], len(r))
        return cls(names, of_piece.ravel(), at, sums, at[first], at[ends] - at[first])

    def n_windows(self, window_m: float, step_m: float) -> Ints:
        """Return how many windows each route has."""
        beyond = np.ceil((self.route_length - window_m - _SAME_M) / step_m).astype(np.int64)
        return np.maximum(beyond, 0) + 1

    def total(self, start: Floats, end: Floats) -> Floats:
        """Return the sum of the values between two places; pieces that are cut count by length."""
        if not len(start):
            return np.zeros(0)
        sums: Floats = np.interp(end, self.at, self.sums) - np.interp(start, self.at, self.sums)
        return sums
