"""Near repeats (Knox): do incidents follow one another nearby in place and time more often than by chance.

All pairs of incidents are counted by how far and how long they lie apart. If place and time have nothing to
do with each other, any order of the times over the places is as likely: the observed count of every band is
compared with the counts under permuted times, and with their mean, which is known exactly.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from models.errors import InvalidParameter
from models.replicates import OnReplicates, by_hundredths, say_nothing

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Ticks = NDArray[Any]  # whole seconds, in 32 bits where these hold them

MAX_PAIRS = 100_000_000
_SECONDS_PER_DAY = 86_400
# Rounding of projected coordinates: a distance that exceeds a limit by less is at the limit.
_DISTANCE_TIE_M = 1e-6
_POINTS_AT_ONCE = 2_000
# Twice as many seconds still fit 32 bits.
_MOST_NARROW_TICKS = 2**30
# Pairs that are compared together: few enough to stay in a processor's cache.
_PAIRS_AT_ONCE = 1 << 15


@dataclass(frozen=True)
class NearRepeats:
    """The table of bands, one row for each distance and time band, by distance first.

    Attributes
    ----------
    distance_from_m, distance_to_m, days_from, days_to : arrays, shape (m,)
        Limits of the band; the upper belongs to it. The lower does only in the first band, where it is 0.
    observed : array of int64, shape (m,)
        Pairs of incidents in the band.
    expected : array, shape (m,)
        Their mean over all orders of the times: (pairs at the distance) (pairs at the lag) / (all pairs).
    ratio : array, shape (m,)
        Observed over expected; NaN where nothing is expected.
    p : array, shape (m,)
        One-sided: share of permuted times with as many pairs or more, (1 + #) / (1 + R), each band on its
        own. NaN where there is nothing to permute.
    n : int
        Incidents.
    n_near_pairs : int
        Pairs up to the largest distance.
    simulations : int
    reason : str or None
        Why there is no p, if so.
    """

    distance_from_m: Floats
    distance_to_m: Floats
    days_from: Floats
    days_to: Floats
    observed: Integers
    expected: Floats
    ratio: Floats
    p: Floats
    n: int
    n_near_pairs: int
    simulations: int
    reason: str | None


@dataclass(frozen=True)
class _Pairs:
    """Pairs of near points: the first of each by how often it comes, the second, and the distance band."""

    repeats: Integers
    second: NDArray[np.int32]
    band: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.second)


def near_repeat(
    x_m: ArrayLike,
    y_m: ArrayLike,
    days: ArrayLike,
    *,
    distance_limits_m: ArrayLike,
    day_limits: ArrayLike,
    simulations: int = 999,
    on_replicates: OnReplicates = say_nothing,
    rng: np.random.Generator,
) -> NearRepeats:
    """Return how many pairs of incidents lie near each other in place and time, and how many chance brings.

    Parameters
    ----------
    x_m, y_m : arrays, shape (n,)
        Projected coordinates in metres.
    days : array, shape (n,)
        Times in days from any origin; compared to the second.
    distance_limits_m : array
        Upper limits of the distance bands, ascending; a first limit of 0 is the band of exact repeats.
    day_limits : array
        Upper limits of the time bands in days, ascending.
    simulations : int
        R, how often the times are permuted.
    on_replicates : callable, optional
        Told how many permutations are counted, at most a hundred times.
    rng : numpy.random.Generator
        The same state gives the same answer, whatever the order of the incidents.

    Raises
    ------
    InvalidParameter
        If a parameter is outside its range, a coordinate or time is not finite, or there are more than 100
        million near pairs.

    References
    ----------
    Knox (1964), Applied Statistics 13(1), 25-29.
    Johnson et al. (2007), Journal of Quantitative Criminology 23(3), 201-219.

    Examples
    --------
    Four incidents: two at one place a day apart, two at another place a day apart. Of the six pairs two are
    near in place, two near in time, so 2 · 2 / 6 are expected to be both. Of the three ways to pair four
    times one leaves both pairs together: p is about 1/3.

    >>> found = near_repeat(
    ...     [0, 0, 900, 900], [0, 50, 0, 50], [0, 1, 30, 31], distance_limits_m=[100], day_limits=[7],
    ...     rng=np.random.default_rng(0),
    ... )
    >>> found.observed.tolist(), found.expected.round(3).tolist(), found.ratio.tolist()
    ([2], [0.667], [3.0])
    >>> bool(abs(found.p[0] - 1 / 3) < 0.05)
    True
    """
    x, y, ticks = _checked_points(x_m, y_m, days)
    limits_m, limits_s = _checked_limits(distance_limits_m, day_limits)
    if simulations < 1:
        raise InvalidParameter(f"at least 1 simulation is needed, got {simulations}")
    order = np.lexsort((ticks, y, x, y // limits_m[-1] if limits_m[-1] else y))
    x, y, ticks = x[order], y[order], ticks[order]
    pairs = _near_pairs(x, y, limits_m)
    shape = (len(limits_m), len(limits_s))
    observed = _counts(pairs, ticks, limits_s, shape)
    expected = _expected(pairs, ticks, limits_s, shape)
    reason = _reason(ticks)
    p = np.full(observed.shape, np.nan)
    if reason is None:
        n_reached = np.zeros(observed.shape, dtype=np.int64)
        tell = by_hundredths(simulations, on_replicates)
        for done in range(1, simulations + 1):
            n_reached += _counts(pairs, rng.permutation(ticks), limits_s, shape) >= observed
            tell(done)
        p = (1.0 + n_reached) / (1 + simulations)
    ratio = np.full(observed.shape, np.nan)
    np.divide(observed, expected, out=ratio, where=expected > 0)
    limits_days = limits_s / _SECONDS_PER_DAY
    return NearRepeats(
        distance_from_m=np.repeat(_lower(limits_m), len(limits_s)),
        distance_to_m=np.repeat(limits_m, len(limits_s)),
        days_from=np.tile(_lower(limits_days), len(limits_m)),
        days_to=np.tile(limits_days, len(limits_m)),
        observed=observed,
        expected=expected,
        ratio=ratio,
        p=p,
        n=len(x),
        n_near_pairs=len(pairs),
        simulations=simulations,
        reason=reason,
    )


def _checked_points(x_m: ArrayLike, y_m: ArrayLike, days: ArrayLike) -> tuple[Floats, Floats, Ticks]:
    """Return the coordinates, and the times in whole seconds from the first."""
    x, y, t = (np.asarray(array, dtype=np.float64) for array in (x_m, y_m, days))
    if x.ndim != 1 or x.shape != y.shape or x.shape != t.shape:
        raise InvalidParameter(
            f"x, y and days of one length were needed, got {x.shape}, {y.shape}, {t.shape}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all() and np.isfinite(t).all()):
        raise InvalidParameter("coordinates and times must be finite")
    ticks = np.rint((t - t.min()) * _SECONDS_PER_DAY) if len(t) else t
    return x, y, ticks.astype(np.int32 if ticks.max(initial=0) < _MOST_NARROW_TICKS else np.int64)


def _checked_limits(distance_limits_m: ArrayLike, day_limits: ArrayLike) -> tuple[Floats, Integers]:
    """Return the limits in metres and in seconds."""
    limits_m, limits_days = (
        np.atleast_1d(np.asarray(array, dtype=np.float64)) for array in (distance_limits_m, day_limits)
    )
    for name, limits in (("distance_limits_m", limits_m), ("day_limits", limits_days)):
        if limits.ndim != 1 or not len(limits) or not np.isfinite(limits).all() or limits[0] < 0:
            raise InvalidParameter(f"{name} must be finite and not negative, got {limits.tolist()}")
        if not (np.diff(limits) > 0).all():
            raise InvalidParameter(f"{name} must be ascending, got {limits.tolist()}")
        if len(limits) > np.iinfo(np.int8).max:
            raise InvalidParameter(f"{name} has {len(limits)} limits; at most 127 are counted")
    return limits_m, np.rint(limits_days * _SECONDS_PER_DAY).astype(np.int64)


def _near_pairs(x: Floats, y: Floats, limits_m: Floats) -> _Pairs:
    """List every pair of points up to the largest distance, once, ordered by its first point."""
    tree = KDTree(np.column_stack([x, y])) if len(x) else None
    reach = float(limits_m[-1]) + _DISTANCE_TIE_M
    n_pairs = (int(tree.count_neighbors(tree, reach)) - len(x)) // 2 if tree is not None else 0
    if n_pairs > MAX_PAIRS:
        raise InvalidParameter(
            f"at most {MAX_PAIRS:,} pairs of incidents can be compared, got {n_pairs:,} within "
            f"{limits_m[-1]:g} m: choose a smaller distance, a shorter period or fewer categories"
        )
    repeats = np.zeros(len(x), dtype=np.int64)
    second, band = np.empty(n_pairs, dtype=np.int32), np.empty(n_pairs, dtype=np.int8)
    filled = 0
    for first, other, distance in _pairs_in_portions(tree, reach) if tree is not None else ():
        end = filled + len(first)
        repeats += np.bincount(first, minlength=len(x))
        second[filled:end] = other
        band[filled:end] = np.searchsorted(limits_m + _DISTANCE_TIE_M, distance)
        filled = end
    return _Pairs(repeats, second[:filled], np.minimum(band[:filled], len(limits_m) - 1).astype(np.int8))


def _pairs_in_portions(tree: KDTree, reach: float) -> Iterator[tuple[Integers, Integers, Floats]]:
    """Yield (first point, second point, distance), the second after the first."""
    points = tree.data
    for start in range(0, len(points), _POINTS_AT_ONCE):
        some = KDTree(points[start : start + _POINTS_AT_ONCE])
        found = some.sparse_distance_matrix(tree, reach, output_type="ndarray")
        first, second = found["i"] + start, found["j"]
        later = second > first
        first, second, distance = first[later], second[later], found["v"][later]
        order = np.lexsort((second, first))
        yield first[order], second[order], distance[order]


def _counts(pairs: _Pairs, ticks: Ticks, limits_s: Integers, shape: tuple[int, int]) -> Integers:
    """Return the pairs in every band, by distance first."""
    counts = np.zeros(shape[0] * shape[1], dtype=np.int64)
    longest = min(int(limits_s[-1]), int(np.ptp(ticks)) if len(ticks) else 0)
    unsigned = np.dtype(f"u{ticks.dtype.itemsize}")
    first = np.repeat(ticks, pairs.repeats)
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        portion = slice(start, start + _PAIRS_AT_ONCE)
        lag = first[portion] - ticks.take(pairs.second[portion], mode="clip")
        lag += longest  # one comparison without sign stands for two
        near = np.flatnonzero(lag.view(unsigned) <= 2 * longest)
        in_time = np.searchsorted(limits_s, np.abs(lag[near] - longest))
        which = pairs.band[portion][near].astype(np.int64) * shape[1] + in_time
        counts += np.bincount(which, minlength=len(counts))
    return counts


def _expected(pairs: _Pairs, ticks: Ticks, limits_s: Integers, shape: tuple[int, int]) -> Floats:
    """Return the mean of the counts over all orders of the times."""
    n = len(ticks)
    if n < 2:
        return np.zeros(shape[0] * shape[1])
    times = np.sort(ticks)
    until = [
        int((np.searchsorted(times, times + limit, side="right") - np.arange(n) - 1).sum())
        for limit in limits_s
    ]
    at_lag = np.diff(until, prepend=0)
    at_distance = np.bincount(pairs.band, minlength=shape[0])
    return np.outer(at_distance, at_lag / (n * (n - 1) / 2)).ravel()


def _reason(ticks: Ticks) -> str | None:
    if len(ticks) < 2:
        return f"a pair needs 2 incidents, got {len(ticks)}"
    if (ticks == ticks[0]).all():
        return "all incidents have the same time, so that no order of the times differs from another"
    return None


def _lower(limits: Floats) -> Floats:
    return np.concatenate([[0.0], limits[:-1]])
