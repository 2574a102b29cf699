"""The law of counts out of known totals, such as unserved locations out of all: of one unit, and of sums.

Null hypothesis: every unit has a share of its own, drawn from one beta law with mean m, and given it the
count is binomial. So a count keeps within its total, units without any and units with all are ordinary where
shares are clumped (rho near 1), and rho = 0 is the binomial law. The variance of a count out of n is
n m (1 - m) (1 + (n - 1) rho).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh_tridiagonal
from scipy.optimize import minimize
from scipy.special import betainc, betaincinv, betaln, expit, logit

from models.dispersion import checked_counts
from models.errors import InvalidParameter
from models.negative_binomial import lugannani_rice

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

# A unit above this quantile of its own fitted law enters the next fit only as "above".
_CENSORED_ABOVE = 0.99
_PASSES = 2
_RHOS = (1e-6, 0.999)
_MEANS = (1e-9, 1 - 1e-9)
# Points that stand for the beta law: up to 31 powers of the share are exact, which leaves 1e-12 of a tail.
_NODES = 16
_NEWTON_STEPS = 60
_TOLERANCE = 1e-7
# t beyond this moves nothing: e^40 to 1 that a location counts.
_LARGEST_T = 40.0


@dataclass(frozen=True)
class ShareFit:
    """The beta law that the shares of the ordinary units follow.

    Attributes
    ----------
    mean : float
        Mean share.
    rho : float
        Correlation of two locations of one unit, 0 to 1: how clumped the shares are.
    n_censored : int
        Units that entered only as "above".
    converged : bool
        Whether the last fit came to an end.
    """

    mean: float
    rho: float
    n_censored: int
    converged: bool


def fit_shares(counts: ArrayLike, totals: ArrayLike) -> ShareFit:
    """Return mean and clumping of the shares by maximum likelihood; units that stand out do not decide them.

    A plain fit comes first. Then, twice, a unit above the 99 % quantile of its fitted law enters only with
    the probability of lying above it, so that one large unit without service does not pass for clumping
    everywhere.

    Parameters
    ----------
    counts : array of int, shape (n,)
        Such as the unserved locations of each unit.
    totals : array of int, shape (n,)
        All locations of each; units without any take no part.

    Raises
    ------
    InvalidParameter
        If the shapes differ, a value is no count, or a count exceeds its total.

    References
    ----------
    Griffiths (1973), Biometrics 29(4), 637-648.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> totals = rng.integers(5, 200, 5000)
    >>> fit = fit_shares(rng.binomial(totals, rng.beta(0.1, 0.4, 5000)), totals)  # rho = 1 / (1 + .1 + .4)
    >>> round(fit.mean, 1), round(fit.rho, 1), fit.converged
    (0.2, 0.7, True)
    """
    o, n = checked_shares(counts, totals)
    o, n = o[n > 0], n[n > 0]
    if not o.any() or (o == n).all():
        return ShareFit(float(o.any()), 0.0, 0, True)
    above, limits = np.zeros(len(o), dtype=bool), np.empty(0)
    mean, rho, converged = _maximum_likelihood(o, n, above, limits, (float(o.sum() / n.sum()), 0.1))
    for _ in range(_PASSES):
        above = upper_tail(o, n, mean, variance(n, mean, rho)) <= 1 - _CENSORED_ABOVE
        limits = _quantiles(n[above], mean, rho)
        mean, rho, converged = _maximum_likelihood(o, n, above, limits, (mean, rho))
    return ShareFit(mean, rho, int(above.sum()), converged)


def checked_shares(counts: ArrayLike, totals: ArrayLike) -> tuple[Integers, Integers]:
    """Return counts and totals as int64.

    Raises
    ------
    InvalidParameter
        If the shapes differ, a value is no count, or a count exceeds its total.

    Examples
    --------
    >>> [array.tolist() for array in checked_shares([0.0, 2.0], [3, 2])]
    [[0, 2], [3, 2]]
    """
    o, n = checked_counts(counts), checked_counts(totals)
    if o.shape != n.shape:
        raise InvalidParameter(f"one total for each of {len(o)} counts was needed, got {len(n)}")
    if (n_over := int((o > n).sum())) > 0:
        raise InvalidParameter(f"counts within their totals were needed, got {n_over} that exceed them")
    return o, n


def variance(totals: ArrayLike, mean: float, rho: float) -> Floats:
    """Return the variance of counts with these totals.

    Examples
    --------
    >>> variance([1, 10], 0.5, 1.0).tolist()  # all or nothing
    [0.25, 25.0]
    """
    n = np.asarray(totals, dtype=np.float64)
    return np.asarray(n * mean * (1 - mean) * (1 + np.maximum(n - 1, 0) * rho))


def worth(totals: ArrayLike, rho: float) -> Floats:
    """Return what a location of each unit is worth: 1 / (1 + (n - 1) rho), its weight in an efficient score.

    Where shares are clumped, 2,000 homes of one unit say little more than 20: weighted so, one large unit
    does not drown its neighbours. Without clumping every location counts 1.

    Examples
    --------
    >>> worth([1, 11, 0], 0.1).tolist()
    [1.0, 0.5, 0.0]
    """
    n = np.asarray(totals, dtype=np.float64)
    return np.where(n > 0, 1 / (1 + np.maximum(n - 1, 0) * rho), 0.0)


def upper_tail(
    sums: ArrayLike,
    largest: ArrayLike,
    mean: float,
    spread: ArrayLike,
    step: ArrayLike = 1.0,
) -> Floats:
    """Return P(S >= s) by the beta law with the mean and the variance of S, with continuity correction.

    Parameters
    ----------
    sums, largest : array, shape (m,)
        s, and the most that S can be.
    mean : float
        Share of `largest` that is expected.
    spread : array, shape (m,)
        Variance of S.
    step : array, shape (m,)
        How far apart the values of S are.

    Examples
    --------
    The binomial law itself gives .623 and .055.

    >>> upper_tail([5, 8], [10, 10], 0.5, variance([10, 10], 0.5, 0.0)).round(3).tolist()
    [0.615, 0.059]
    """
    s, n = np.asarray(sums, dtype=np.float64), np.asarray(largest, dtype=np.float64)
    a, b = _matched(n, mean, np.asarray(spread, dtype=np.float64))
    below = np.clip((s - np.asarray(step) / 2) / n, 0.0, 1.0)
    found: Floats = np.where(s > 0, betainc(b, a, 1 - below), 1.0)
    return found


def sum_tail(sums: ArrayLike, totals: ArrayLike, mean: float, rho: float, two_moment: ArrayLike) -> Floats:
    """Return P(S >= s) for weighted sums over unlike units, by the saddlepoint of Lugannani and Rice.

    S adds up the counts times what they are `worth`. The cumulants of a unit come from the beta law as
    Gauss-Jacobi points: given the share r, the generating function of a count out of n is
    (1 + r (exp t - 1))^n, a smooth function of r.

    Parameters
    ----------
    sums : array, shape (m,)
        s; above 0.
    totals : array of int, shape (m, c)
        What the members of each sum are out of; 0 for none. Every row has one above 0.
    mean, rho : float
        Of the shares.
    two_moment : array, shape (m,)
        Kept where the saddlepoint has no answer, next to the mean; see `upper_tail`.

    References
    ----------
    Lugannani and Rice (1980), Advances in Applied Probability 12(2), 475-490.
    Golub and Welsch (1969), Mathematics of Computation 23(106), 221-230.

    Examples
    --------
    Two units of one location each, half of them unserved: P(S >= 2) = 1/4.

    >>> sum_tail([2.0], [[1, 1]], 0.5, 0.3, [0.3]).round(2).tolist()
    [0.24]
    """
    s, n = np.asarray(sums, dtype=np.float64), np.asarray(totals, dtype=np.float64)
    known, w = np.asarray(two_moment, dtype=np.float64), worth(n, rho)
    # In steps of the smallest weight the sum is nearly on whole numbers, as the formula wants it.
    step = np.where(n > 0, w, np.inf).min(axis=1)
    x, w = s / step - 0.5, w / step[:, None]
    shares, weights = _beta_points(mean, rho)
    found = lugannani_rice(x, *_saddlepoint(x, n, w, shares, np.log(weights)), is_upper=True)
    is_answer = np.isfinite(found) & (found >= 0)
    return np.minimum(np.where(is_answer, found, known), 1.0)


def _matched(n: Floats, mean: float, spread: Floats) -> tuple[Floats, Floats]:
    """Return the beta law of S / n by its mean and variance."""
    strength = np.maximum(mean * (1 - mean) * n * n / np.maximum(spread, 1e-300) - 1, 1e-9)
    return mean * strength, (1 - mean) * strength


def _quantiles(n: Integers, mean: float, rho: float) -> Floats:
    """Return counts that the law of each unit exceeds with a chance of about 1 %."""
    a, b = _matched(n.astype(np.float64), mean, variance(n, mean, rho))
    found: Floats = np.minimum(np.ceil(n * betaincinv(a, b, _CENSORED_ABOVE) - 0.5), n - 1)
    return found


def _maximum_likelihood(
    o: Integers, n: Integers, above: Mask, limits: Floats, start: tuple[float, float]
) -> tuple[float, float, bool]:
    """Return mean, rho and whether they were found; rho is 0 where the likelihood wants no clumping."""
    counts, totals = _tallied(o[~above], n[~above])
    above_n = n[above].astype(np.float64)

    def loss(at: Floats) -> float:
        mean, rho = float(expit(at[0])), float(expit(at[1]))
        a, b = mean * (1 - rho) / rho, (1 - mean) * (1 - rho) / rho
        found = float(counts[2] @ (betaln(counts[0] + a, totals - counts[0] + b) - betaln(a, b)))
        tail = upper_tail(limits + 1, above_n, mean, variance(above_n, mean, rho))
        return -(found + float(np.log(np.maximum(tail, 1e-300)).sum())) / len(o)

    bounds = [(float(logit(low)), float(logit(high))) for low, high in (_MEANS, _RHOS)]
    at = [min(max(float(logit(value)), low), high) for value, (low, high) in zip(start, bounds, strict=True)]
    options: dict[str, Any] = {"method": "L-BFGS-B", "options": {"ftol": 1e-12, "gtol": 1e-7}}
    fit = minimize(loss, at, bounds=bounds, **options)
    mean, rho = (float(value) for value in expit(fit.x))
    return mean, (rho if rho > 10 * _RHOS[0] else 0.0), bool(fit.success)


def _tallied(o: Integers, n: Integers) -> tuple[Floats, Floats]:
    """Return the distinct pairs of count and total with how often each comes."""
    pairs, times = np.unique(np.stack([o, n]), axis=1, return_counts=True)
    return np.vstack([pairs, times]).astype(np.float64), pairs[1].astype(np.float64)


def _beta_points(mean: float, rho: float) -> tuple[Floats, Floats]:
    """Return shares and weights that stand for the beta law: the eigenvalues of its Jacobi matrix."""
    if rho <= _RHOS[0] or mean in (0.0, 1.0):
        return np.array([mean]), np.ones(1)
    total = (1 - rho) / rho
    a, b, k = mean * total, (1 - mean) * total, np.arange(1.0, _NODES)
    twice = 2 * k + total - 2
    diagonal = np.r_[(a - b) / total, (a - b) * (total - 2) / (twice * (twice + 2))]
    # At k = 1 the factor (total - 1) stands in both parts of the fraction and may be 0.
    ratio = np.divide(k + total - 2, twice - 1, out=np.ones(len(k)), where=k > 1)
    off = np.sqrt(4 * k * (k + a - 1) * (k + b - 1) * ratio / (twice**2 * (twice + 1)))
    values, vectors = eigh_tridiagonal(diagonal, off)
    shares = np.clip((1 + values) / 2, 1e-15, 1 - 1e-15)
    weights = np.maximum(vectors[0] ** 2, 1e-300)
    return shares, weights / weights.sum()


def _saddlepoint(
    x: Floats, n: Floats, w: Floats, shares: Floats, log_weights: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return t with K'(t) = x, and K(t) and K''(t) there: Newton steps kept within a shrinking bracket."""
    high = _LARGEST_T / np.where(n > 0, w, np.inf).min(axis=1)
    low, t = -high, np.zeros(len(x))
    for _ in range(_NEWTON_STEPS):
        cumulant, slope, curvature = _cumulants(t, n, w, shares, log_weights)
        off = slope - x
        if (np.abs(off) <= _TOLERANCE * np.maximum(x, 1)).all():
            break
        low, high = np.where(off < 0, t, low), np.where(off > 0, t, high)
        step = t - off / np.maximum(curvature, 1e-300)
        t = np.where((step > low) & (step < high), step, (low + high) / 2)
    return t, cumulant, curvature


def _cumulants(
    t: Floats, n: Floats, w: Floats, shares: Floats, log_weights: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return K, K' and K'' of every sum at its t."""
    own = t[:, None] * w
    # log(1 + r (exp t - 1)) in a form that does not overflow, and the chance that a location counts.
    moved = np.log(shares) + own[:, :, None]
    log_odds = np.logaddexp(np.log1p(-shares), moved)
    tilted = np.exp(moved - log_odds)
    exponents = n[:, :, None] * log_odds + log_weights
    top = exponents.max(axis=2, keepdims=True)
    chances = np.exp(exponents - top)
    whole = chances.sum(axis=2)
    cumulant = (np.log(whole) + top[:, :, 0]).sum(axis=1)
    first = np.einsum("ijb,ijb->ij", chances, tilted) / whole
    second = np.einsum("ijb,ijb,ijb->ij", chances, tilted, tilted) / whole
    spread = n * (first - second) + n * n * np.maximum(second - first * first, 0)
    return cumulant, (w * n * first).sum(axis=1), (w * w * spread).sum(axis=1)
