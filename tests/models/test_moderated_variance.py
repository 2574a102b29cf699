import numpy as np
import pytest
from scipy.stats import kstest, t

from models.moderated_variance import moderated_variance


def test_fewer_than_three_variances_stay_as_they_are() -> None:
    variance, df = moderated_variance([1.0, 4.0, np.nan, 0.0], [5, 5, 5, 5])
    np.testing.assert_array_equal(variance, [1, 4, np.nan, 0])
    assert df.tolist() == [5] * 4


def test_the_law_of_the_prior_is_found_again() -> None:
    rng, d, prior_df = np.random.default_rng(0), 8, 6.0
    true = 2.0 * prior_df / rng.chisquare(prior_df, 20_000)
    sample = true * rng.chisquare(d, 20_000) / d
    variance, df = moderated_variance(sample, np.full(20_000, d))
    assert df[0] == pytest.approx(d + prior_df, rel=0.05)
    statistic = rng.normal(size=20_000) * np.sqrt(true) / np.sqrt(variance)
    assert kstest(statistic, t(df[0]).cdf).pvalue > 0.01


def test_scale_and_order_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    s2, d = rng.gamma(2, 1, 9), rng.integers(5, 20, 9)
    order = rng.permutation(9)
    variance, df = moderated_variance(s2, d)
    shuffled, shuffled_df = moderated_variance(100 * s2[order], d[order])
    np.testing.assert_allclose(shuffled, 100 * variance[order], rtol=1e-9)
    np.testing.assert_allclose(shuffled_df, df[order], rtol=1e-9)


def test_unlike_variances_keep_their_own() -> None:
    variance, df = moderated_variance([1e-6, 1.0, 1e6], [10, 10, 10])
    np.testing.assert_allclose(np.log10(variance), [-6, 0, 6], atol=0.1)
    assert (df < 11).all()
