"""Variances of many short series that inform each other, as far as they are alike."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

Floats = NDArray[np.float64]

_FEWEST_SERIES = 3


def moderated_variance(variance: ArrayLike, df: ArrayLike) -> tuple[Floats, Floats]:
    """Return variances drawn towards a common one, and their degrees of freedom.

    The true variances are taken to follow a scaled inverse chi-square law, whose two parameters come from
    the mean and spread of the logarithms of the variances. The less the variances differ beyond chance, the
    more each is drawn. A t statistic with the new variance and degrees of freedom keeps its law.

    Parameters
    ----------
    variance : array, shape (n,)
        Sample variances. NaN and 0 (nothing to learn from) come back as they are.
    df : array, shape (n,)
        Their degrees of freedom.

    Returns
    -------
    variance, df : array, shape (n,)
        As given where fewer than 3 variances are positive. No df exceeds the sum of all.

    References
    ----------
    Smyth (2004), Statistical Applications in Genetics and Molecular Biology 3(1), 3.

    Examples
    --------
    Three variances as alike as chance lets them be meet; one that differs widely keeps them apart.

    >>> variance, df = moderated_variance([1.0, 1.2, 0.9], [10, 10, 10])
    >>> variance.round(3).tolist(), df.tolist()
    ([1.138, 1.138, 1.138], [30.0, 30.0, 30.0])
    >>> moderated_variance([1.0, 1000.0, 0.001], [10, 10, 10])[0].round(3).tolist()
    [0.972, 971.4, 0.001]
    """
    given, given_df = np.asarray(variance, dtype=np.float64), np.asarray(df, dtype=np.float64)
    out, out_df = given.copy(), given_df.copy()
    used = (given > 0) & (given_df > 0)
    if np.count_nonzero(used) < _FEWEST_SERIES:
        return out, out_df
    s2, d = given[used], given_df[used]
    logs = np.log(s2) - digamma(d / 2) + np.log(d / 2)
    spread = float(logs.var(ddof=1) - polygamma(1, d / 2).mean())
    if spread <= 0:
        out[used], out_df[used] = np.exp(logs.mean()), d.sum()
        return out, out_df
    prior_df = 2 * _inverse_trigamma(spread)
    prior = np.exp(logs.mean() + digamma(prior_df / 2) - np.log(prior_df / 2))
    out[used] = (prior_df * prior + d * s2) / (prior_df + d)
    out_df[used] = np.minimum(prior_df + d, d.sum())
    return out, out_df


def _inverse_trigamma(y: float) -> float:
    """Return x with trigamma(x) = y; 1/x < trigamma(x) < 1/x + 1/x² bounds it."""
    low, high = 1 / y, 0.5 / y * (1 + np.sqrt(1 + 4 * y))
    return float(
        brentq(lambda x: float(polygamma(1, x)) - y, low * (1 - 1e-9), high * (1 + 1e-9), rtol=1e-12)
    )
