"""Empirical Bayes: the manual's arithmetic, its limits, and intervals that hold what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from models.empirical_bayes import empirical_bayes, rate_ratio_interval, window_sums
from models.errors import InvalidParameter


def test_the_manuals_example():
    one = empirical_bayes([4.0], [10], 0.5)
    assert one.weight[0] == pytest.approx(1 / 3)
    assert one.expected[0] == pytest.approx(8)
    assert one.variance[0] == pytest.approx(16 / 3)
    assert one.excess[0] == pytest.approx(4)


@given(st.floats(0, 1e3), st.integers(0, 1000), st.floats(0, 50))
def test_expected_lies_between_predicted_and_observed(mu, y, k):
    one = empirical_bayes([mu], [y], k)
    slack = 1e-9 * (1 + mu + y)
    assert min(mu, y) - slack <= one.expected[0] <= max(mu, y) + slack
    assert one.excess[0] == pytest.approx(one.expected[0] - mu, abs=slack)


def test_without_dispersion_nothing_is_learned():
    one = empirical_bayes([2.0, 3.0], [9, 0], 0.0)
    assert one.expected.tolist() == [2, 3]
    assert one.variance.tolist() == [0, 0]


def test_expected_is_the_mean_of_the_next_period():
    """Sites of gamma rates: among sites that had y crashes, the next period has `expected`."""
    rng = np.random.default_rng(2)
    rate = 2.0 * rng.gamma(2, 1 / 2, 400_000)
    y, following = rng.poisson(rate), rng.poisson(rate)
    found = empirical_bayes(np.full(len(y), 2.0), y, 0.5)
    for count in (0, 2, 5):
        there = y == count
        assert following[there].mean() == pytest.approx(found.expected[there][0], rel=0.02)
        assert rate[there].var() == pytest.approx(found.variance[there][0], rel=0.05)


def test_sums_over_windows():
    values = np.arange(10.0)
    assert window_sums(values, np.array([0, 3, 9]), np.array([10, 3, 10])).tolist() == [45, 0, 9]


def test_interval_without_k_is_exact_poisson():
    found = rate_ratio_interval([0, 10, 200], [4.0, 4.0, 100.0])
    assert found.basis == "poisson"
    assert found.low[0] == 0
    means = found.high * [4, 4, 100]
    np.testing.assert_allclose(poisson.cdf([0, 10, 200], means), 0.025, rtol=1e-6)
    np.testing.assert_allclose(poisson.sf([9, 199], found.low[1:] * [4, 100]), 0.025, rtol=1e-6)


def test_interval_with_k_covers_rates_drawn_from_the_prior():
    rng = np.random.default_rng(4)
    ratio = rng.gamma(1 / 0.3, 0.3, 50_000)
    expected = rng.uniform(0.5, 20, 50_000)
    found = rate_ratio_interval(rng.poisson(ratio * expected), expected, k=0.3, level=0.9)
    covered = (found.low <= ratio) & (ratio <= found.high)
    assert covered.mean() == pytest.approx(0.9, abs=0.006)


def test_posterior_mean_is_empirical_bayes():
    mu, y = np.array([0.5, 4, 9]), np.array([3, 10, 2])
    found = rate_ratio_interval(y, mu, k=0.5)
    np.testing.assert_allclose(found.estimate * mu, empirical_bayes(mu, y, 0.5).expected)


def test_nothing_predicted_has_no_ratio():
    found = rate_ratio_interval([3], [0.0])
    assert np.isnan([found.estimate[0], found.low[0], found.high[0]]).all()


@pytest.mark.parametrize(
    ("mu", "y", "k"),
    [([1], [1, 2], 0.5), ([-1], [1], 0.5), ([1], [-1], 0.5), ([np.nan], [1], 0.5), ([1], [1], -1)],
)
def test_what_cannot_be_is_told(mu, y, k):
    with pytest.raises(InvalidParameter):
        empirical_bayes(mu, y, k)


@pytest.mark.parametrize(
    ("count", "expected", "extra"),
    [([1], [1, 2], {}), ([-1], [1], {}), ([1], [1], {"k": 0}), ([1], [1], {"level": 1})],
)
def test_intervals_of_what_cannot_be_are_refused(count, expected, extra):
    with pytest.raises(InvalidParameter):
        rate_ratio_interval(count, expected, **extra)
