"""The law of counts with an expectation: of one cell, and of the sum over a disk.

Null hypothesis: cells are independent, and a cell that expects E holds a negative binomial count with mean E
and variance E + φE². φ = 0 is the Poisson law. A disk then holds a sum of unlike negative binomials, of
which only the cumulants are simple; its tails come from a saddlepoint. How φ is found: see `dispersion`.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, gammainc, gammaincc, ndtr

from spatial.neighbors import NeighborIndex, disk_sizes, disk_sums, disk_values

Floats = NDArray[np.float64]

# Where the two-moment tail is above this it is kept: nothing is decided there.
_KEPT_ABOVE = 0.2
# Nearer to the mean, in standard deviations, the saddlepoint formula is 0 / 0.
_NEAREST_TO_MEAN = 1e-3
_NEWTON_STEPS = 60
_TOLERANCE = 1e-9
# A variance that exceeds the mean by less than this share of it is Poisson.
_NO_INFLATION = 1e-9


def tails(observed: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> tuple[Floats, Floats]:
    """Return P(S >= s) and P(S <= s) of the negative binomial law with this mean and variance.

    Exact for one cell; for a disk the two-moment approximation. A variance at the mean is Poisson.

    Examples
    --------
    The geometric law with mean 1: P(S >= s) is 1 / 2^s.

    >>> [p.round(6).tolist() for p in tails([0, 1, 3], [1.0, 1.0, 1.0], [2.0, 2.0, 2.0])]
    [[1.0, 0.5, 0.125], [0.5, 0.75, 0.9375]]
    """
    s, m, v = (np.asarray(array, dtype=np.float64) for array in (observed, mean, variance))
    lower = np.empty(s.shape)
    inflation = v - m
    is_poisson = inflation <= _NO_INFLATION * m
    lower[is_poisson] = gammaincc(s[is_poisson] + 1, m[is_poisson])
    s_nb, m_nb = s[~is_poisson], m[~is_poisson]
    r = m_nb * (m_nb / inflation[~is_poisson])
    lower[~is_poisson] = betainc(r, s_nb + 1, r / (m_nb + r))
    return upper_tail(s, m, v), lower


def upper_tail(observed: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Floats:
    """Return P(S >= s) alone; see `tails`.

    Examples
    --------
    >>> upper_tail([3], [1.0], [2.0]).round(6).tolist()
    [0.125]
    """
    s, m, v = (np.asarray(array, dtype=np.float64) for array in (observed, mean, variance))
    upper = np.ones(s.shape)
    inflation = v - m
    poisson, other = (s > 0) & (inflation <= _NO_INFLATION * m), (s > 0) & (inflation > _NO_INFLATION * m)
    upper[poisson] = gammainc(s[poisson], m[poisson])
    m_nb = m[other]
    r = m_nb * (m_nb / inflation[other])
    upper[other] = betainc(s[other], r, m_nb / (m_nb + r))
    return upper


def disk_tails(
    index: NeighborIndex,
    observed_sums: ArrayLike,
    expected: ArrayLike,
    k: int,
    phi: float,
    *,
    with_centre: bool = True,
) -> tuple[Floats, Floats]:
    """Return P(S >= s) and P(S <= s) for the incidents in the disk of every cell.

    Where the two-moment negative binomial law gives more than .2 that is the answer. Below, it is the
    Lugannani-Rice formula with continuity correction on the cumulants of the sum,

        K(t) = -Σ log(1 - φE (exp t - 1)) / φ.

    For φ = 0 the sum is Poisson and both tails are exact.

    Parameters
    ----------
    index : NeighborIndex
    observed_sums : array of int, shape (n,)
        Incidents in the disk of every cell.
    expected : array, shape (n,)
        Expected incidents of every *cell*.
    k : int
        Radius of the disks.
    phi : float
        Dispersion; 0 or more.
    with_centre : bool
        Whether the disk of a cell holds the cell itself; without it `observed_sums` must be without it, too.

    Returns
    -------
    p_hot, p_cold : array, shape (n,)
        NaN where the disk expects nothing.

    References
    ----------
    Lugannani and Rice (1980), Advances in Applied Probability 12(2), 475-490.
    Daniels (1987), International Statistical Review 55(1), 37-48.

    Examples
    --------
    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> index = neighbor_index(disk([0x892A1358B17FFFF], 1))
    >>> p_hot, p_cold = disk_tails(index, np.full(7, 4), np.full(7, 1.0), 1, 0.0)
    >>> sorted(set(p_hot.round(3).tolist()))  # Poisson with mean 4 at the rim and 7 in the middle
    [0.567, 0.918]
    """
    s, e = np.asarray(observed_sums, dtype=np.int64), np.asarray(expected, dtype=np.float64)
    mean, squares = disk_sums(index, e, k), disk_sums(index, e * e, k)
    if not with_centre:
        alone = disk_sizes(index, k) == 1  # nothing is left there, whatever the rounding of e - e says
        mean = np.where(alone, 0.0, np.maximum(mean - e, 0.0))
        squares = np.maximum(squares - e * e, 0.0)
    p_hot, p_cold = tails(s, np.where(mean > 0, mean, 1.0), mean + phi * squares)
    if phi * float(e.max(initial=0.0)) > _NO_INFLATION:
        is_open = mean > 0
        upper = np.flatnonzero(is_open & (p_hot <= _KEPT_ABOVE) & (s > 0))
        lower = np.flatnonzero(is_open & (p_cold <= _KEPT_ABOVE))
        for is_upper, p, wanted in ((True, p_hot, upper), (False, p_cold, lower)):
            for rows, found in disk_values(index, e, wanted, k):
                values = found if with_centre else _without_one(found, e[rows])
                p[rows] = sum_tail(s[rows], values, phi, p[rows], is_upper=is_upper)
    p_hot[mean <= 0] = p_cold[mean <= 0] = np.nan
    return p_hot, p_cold


def _without_one(values: Floats, own: Floats) -> Floats:
    """Return rows of values, in each row one that equals `own` struck out; equal ones are all the same."""
    left = values.copy()
    left[np.arange(len(own)), (values == own[:, None]).argmax(axis=1)] = 0
    return left


def sum_tail(
    observed: ArrayLike, expected: ArrayLike, phi: float, two_moment: ArrayLike, *, is_upper: bool
) -> Floats:
    """Return P(S >= s), or P(S <= s), for sums of unlike negative binomial counts, by saddlepoint.

    The same formula is also applied to the negative binomial law with the sum's mean and variance, where the
    truth is known; what it is wrong by there corrects the answer. So it is exact for equal expectations and
    for one that outweighs the others.

    Parameters
    ----------
    observed : array of int, shape (m,)
        The sums s.
    expected : array, shape (m, c)
        What the members of each sum expect; 0 for none. Every row has one above 0.
    phi : float
        Dispersion, above 0.
    two_moment : array, shape (m,)
        The tail of the law with the same mean and variance; see `tails`. Kept where the saddlepoint has no
        answer, next to the mean.
    is_upper : bool
        Whether P(S >= s) is asked for; s must then be above 0.

    References
    ----------
    Wood, Booth and Butler (1993), Journal of the American Statistical Association 88(422), 680-686.

    Examples
    --------
    Two cells that expect 1 with phi = 1: both geometric, P(S >= 4) = 6 / 2^5.

    >>> two_moment = tails([4], [2.0], [4.0])[0]
    >>> sum_tail([4], [[1.0, 1.0]], 1.0, two_moment, is_upper=True).round(6).tolist()
    [0.1875]
    """
    e, known = np.asarray(expected, dtype=np.float64), np.asarray(two_moment, dtype=np.float64)
    x = np.asarray(observed, dtype=np.float64) + (-0.5 if is_upper else 0.5)
    mean, squares = e.sum(axis=1), np.einsum("ij,ij->i", e, e)
    base = lugannani_rice(x, *_base_saddlepoint(x, mean, phi * squares / mean**2), is_upper)
    found = lugannani_rice(x, *_saddlepoint(x, e, phi), is_upper)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        corrected = np.where((base > 0) & (known > 0), found * (known / base), found)
    is_answer = np.isfinite(corrected) & (corrected >= 0)
    return np.minimum(np.where(is_answer, corrected, known), 1.0)


def _saddlepoint(x: Floats, e: Floats, phi: float) -> tuple[Floats, Floats, Floats]:
    """Return t with K'(t) = x, and K(t) and K''(t) there.

    In v = exp(-t) the reciprocal of K' is Σ(E / ((1 + φE) v - φE)) upside down: increasing, concave, and a
    straight line for equal E. Newton steps on it never overshoot and mostly end after three.
    """
    b = phi * e
    a = 1 + b
    largest = e.max(axis=1)
    lowest = (phi * largest + largest / x) / (1 + phi * largest)  # K' of the largest member alone is x
    mean = e.sum(axis=1)
    phi_of_sum = phi * np.einsum("ij,ij->i", e, e) / mean**2
    v = np.maximum(lowest, mean * (1 + phi_of_sum * x) / (x * (1 + phi_of_sum * mean)))
    for _ in range(_NEWTON_STEPS):
        gap = a * v[:, None] - b
        terms = e / gap
        first = terms.sum(axis=1)
        slope = np.einsum("ij,ij->i", terms, a / gap)
        off = first / x - 1
        if np.abs(off).max(initial=0.0) < _TOLERANCE:
            break
        v = np.maximum(lowest, v + first * off / slope)
    return -np.log(v), -np.log1p(-b * (1 / v - 1)[:, None]).sum(axis=1) / phi, v * slope


def _base_saddlepoint(x: Floats, mean: Floats, phi: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the same for single negative binomial counts."""
    u = x * (1 + phi * mean) / (mean * (1 + phi * x))
    return np.log(u), -np.log1p(-phi * mean * (u - 1)) / phi, x * (1 + phi * x)


def lugannani_rice(x: Floats, t: Floats, k: Floats, curvature: Floats, is_upper: bool) -> Floats:
    """Return the tail beyond x, with the second continuity correction; NaN next to the mean."""
    w = np.sign(t) * np.sqrt(np.maximum(2 * (t * x - k), 0))
    u = 2 * np.sinh(t / 2) * np.sqrt(curvature)
    with np.errstate(divide="ignore", invalid="ignore"):
        bend = np.exp(-w * w / 2) / np.sqrt(2 * np.pi) * (1 / u - 1 / w)
    tail: Floats = ndtr(-w) + bend if is_upper else ndtr(w) - bend
    return np.where(np.abs(w) > _NEAREST_TO_MEAN, tail, np.nan)
