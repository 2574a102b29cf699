"""What to expect of every piece of road in the next period: its kind, its street around it, its own crashes.

Empirical Bayes in two steps. Crashes before and behind a piece on the same route say how far this part of the
street is above or below its kind; that becomes the prediction which the piece's own crashes are weighed with.
How far neighbours reach and how much they count is what best tells each piece's crashes from the others'.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from models.empirical_bayes import empirical_bayes
from models.errors import InvalidParameter, TooFewObservations
from models.spf import FEWEST_FOR_CLASSES, dispersion_k

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: How far a neighbour counts e times less, and the variance of streets around their kind, that are tried.
REACHES_M = (80.0, 160.0, 320.0, 640.0)
SPREADS = (0.1, 0.3, 1.0, 3.0)
# Neighbours of which less than this is left count for nothing.
_NOTHING = 1e-9
# Neighbours are used where they raise the log likelihood by more than their two numbers would by chance.
_LEAST_GAIN = 2.0


@dataclass(frozen=True)
class NextPeriod:
    """What is expected of n pieces in a period as long as the one seen.

    Attributes
    ----------
    expected : array, shape (n,)
        Sums to the crashes.
    around : array, shape (n,)
        What kind and street alone make expect; the prediction itself where neighbours tell nothing.
    k : float
        Overdispersion of a piece around that.
    reach_m, spread : float
        What was chosen of `REACHES_M` and `SPREADS`; 0 where neighbours tell nothing.
    gain : float
        By how much neighbours raise the log likelihood of pieces that did not see themselves.
    """

    expected: Floats
    around: Floats
    k: float
    reach_m: float
    spread: float
    gain: float


def expected_next(
    y: ArrayLike, mu: ArrayLike, route: ArrayLike, length_m: ArrayLike, *, k: float
) -> NextPeriod:
    """Return what to expect of every piece of road.

        f = (1/s + Σ w v y) / (1/s + Σ w v mu),   w = exp(-distance / reach),   v = 1 / (1 + k mu)

    over the pieces of the route, the piece itself included; then `empirical_bayes` with f mu for prediction.
    Reach and s are those under which the crashes of a piece are most likely when f is made without it.

    Parameters
    ----------
    y : array of int, shape (n,)
        Crashes per piece.
    mu : array, shape (n,)
        What the safety performance function predicts; above 0.
    route : array of int, shape (n,)
        Ascending; the pieces of a route follow each other.
    length_m : array, shape (n,)
        Above 0.
    k : float
        Overdispersion of the prediction.

    Raises
    ------
    InvalidParameter
        If shapes differ, routes are not ascending, or a prediction or length is not above 0.
    TooFewObservations
        If there is no crash.

    References
    ----------
    Hauer (1997), Observational Before-After Studies in Road Safety.
    Clayton and Kaldor (1987), Biometrics 43(3), 671-681: relative risks drawn towards their neighbours.

    Examples
    --------
    Two streets of one kind, alike but for the one empty piece on each: the worse street makes it expect more.

    >>> y = [6, 5, 0, 7, 6, 5, 1, 1, 0, 2, 1, 0]
    >>> one = expected_next(y, [3.0] * 12, [0] * 6 + [1] * 6, [80] * 12, k=0.7)
    >>> bool(one.expected[2] > 2 * one.expected[8])
    True
    """
    c, m, r, at = _checked(y, mu, route, length_m)
    m = m * (c.sum() / m.sum())
    if c.sum() < FEWEST_FOR_CLASSES:
        return _as_predicted(c, m, k)
    sight = 1 / (1 + k * m)
    best, found = _log_likelihood(c, m) + _LEAST_GAIN, None
    for reach in REACHES_M:
        crashes, exposure = _beside(np.stack([sight * c, sight * m]), r, at, reach)
        for spread in SPREADS:
            value = _log_likelihood(c, _scaled(c, m * (1 / spread + crashes) / (1 / spread + exposure)))
            if value > best:
                best, found = value, (reach, spread, crashes + sight * c, exposure + sight * m)
    if found is None:
        return _as_predicted(c, m, k)
    reach, spread, crashes, exposure = found
    around = _scaled(c, m * (1 / spread + crashes) / (1 / spread + exposure))
    own_k = dispersion_k(c, around)
    expected = _scaled(c, empirical_bayes(around, c, own_k).expected)
    return NextPeriod(expected, around, own_k, reach, spread, best - _log_likelihood(c, m))


def _checked(
    y: ArrayLike, mu: ArrayLike, route: ArrayLike, length_m: ArrayLike
) -> tuple[Floats, Floats, Ints, Floats]:
    c, m, length = (np.asarray(a, dtype=np.float64) for a in (y, mu, length_m))
    r = np.asarray(route, dtype=np.int64)
    if c.ndim != 1 or not c.shape == m.shape == length.shape == r.shape:
        raise InvalidParameter(f"shapes must match: {c.shape}, {m.shape}, {r.shape}, {length.shape}")
    if (np.diff(r) < 0).any():
        raise InvalidParameter("routes must be ascending: the pieces of a route follow each other")
    if not (np.isfinite(m).all() and np.isfinite(length).all() and (m > 0).all() and (length > 0).all()):
        raise InvalidParameter("predictions and lengths must be finite and above 0")
    if not np.isfinite(c).all() or (c < 0).any():
        raise InvalidParameter("counts must be finite and not negative")
    if not c.sum() > 0:
        raise TooFewObservations("what to expect needs at least 1 crash, got 0")
    return c, m, r, np.cumsum(length) - length / 2


def _as_predicted(c: Floats, m: Floats, k: float) -> NextPeriod:
    return NextPeriod(_scaled(c, empirical_bayes(m, c, k).expected), m, k, 0.0, 0.0, 0.0)


def _scaled(c: Floats, values: Floats) -> Floats:
    scaled: Floats = values * (c.sum() / values.sum())
    return scaled


def _beside(values: Floats, route: Ints, at: Floats, reach_m: float) -> Floats:
    """Return the weighted sums over the other pieces of the route; `values` has one row per quantity."""
    kept = np.where(np.diff(route) == 0, np.exp(-np.diff(at) / reach_m), 0.0)
    before = _faded(values, np.concatenate([[0.0], kept]))
    behind = _faded(values[:, ::-1], np.concatenate([[0.0], kept[::-1]]))[:, ::-1]
    return before + behind - 2 * values


def _faded(values: Floats, kept: Floats) -> Floats:
    """Return running sums of which each step keeps a part, found by doubling the number of steps."""
    sums, part, step = values.copy(), kept.copy(), 1
    while (part > _NOTHING).any():
        sums[:, step:] += part[step:] * sums[:, :-step]
        part[step:] *= part[:-step]
        part[:step] = 0.0
        step *= 2
    return sums


def _log_likelihood(c: Floats, m: Floats) -> float:
    """Return that of the negative binomial law around m with its own best k, less what does not change."""
    k = dispersion_k(c, m)
    if k <= 0:
        return float(c @ np.log(m) - m.sum())
    values, times = np.unique(c, return_counts=True)
    gammas = gammaln(values + 1 / k) - gammaln(1 / k) + values * np.log(k)
    return float(times @ gammas + c @ np.log(m) - (c + 1 / k) @ np.log1p(k * m))
