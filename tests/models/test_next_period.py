"""What is expected of the next period: better where streets differ, no worse where they do not."""

import time

import numpy as np
import pytest

from models.coverage_curve import coverage_curve
from models.empirical_bayes import empirical_bayes
from models.errors import InvalidParameter, TooFewObservations
from models.next_period import _beside, _log_likelihood, expected_next
from models.spf import dispersion_k, fitted_spf


def _city(seed, *, per_block, per_piece, mean=1.2, n_routes=400):
    """Return two periods of the same rates, which vary by 640 m of a route, by piece, or both."""
    rng = np.random.default_rng(seed)
    sizes = rng.geometric(1 / 14, n_routes)
    route = np.repeat(np.arange(n_routes), sizes)
    length = np.repeat(rng.uniform(65, 95, n_routes), sizes)
    road_class = rng.choice(list("abcd"), n_routes)[route]
    rate = np.array([6, 3, 1, 0.25])[np.searchsorted(list("abcd"), road_class)] * length / 80
    at = np.cumsum(length)
    start = np.concatenate([[0], at])[np.searchsorted(route, np.arange(n_routes))][route]
    _, block = np.unique(route * 10_000 + ((at - start) // 640).astype(int), return_inverse=True)
    if per_block:
        rate = rate * rng.gamma(1 / per_block, per_block, block.max() + 1)[block]
    if per_piece:
        rate = rate * rng.gamma(1 / per_piece, per_piece, len(route))
    rate *= mean / rate.mean()
    return rng.poisson(rate), rng.poisson(rate), route, length, road_class, rate


def _both(city):
    y, later, route, length, road_class, rate = city
    spf = fitted_spf(y, length, road_class=road_class)
    plain = empirical_bayes(spf.mu, y, spf.k).expected
    return plain, expected_next(y, spf.mu, route, length, k=spf.k), later, rate, length


@pytest.mark.parametrize("seed", range(3))
def test_streets_that_differ_make_the_later_crashes_likelier(seed):
    plain, found, later, rate, length = _both(_city(seed, per_block=0.5, per_piece=0))
    assert found.reach_m > 0
    surprise = [(m - later * np.log(m)).sum() for m in (found.expected, plain)]
    assert surprise[0] < surprise[1] - 50
    assert np.mean((found.expected - rate) ** 2) < 0.8 * np.mean((plain - rate) ** 2)
    shares = [coverage_curve(later, length, score=m / length).at(0.1) for m in (found.expected, plain)]
    assert shares[0] > shares[1]


@pytest.mark.parametrize("seed", range(3))
def test_neighbours_that_tell_nothing_change_next_to_nothing(seed):
    plain, found, _, rate, _ = _both(_city(seed, per_block=0, per_piece=2))
    assert found.spread <= 0.1
    assert np.mean((found.expected - rate) ** 2) < 1.02 * np.mean((plain - rate) ** 2)


def test_the_sum_is_kept():
    _, found, *_ = _both(_city(0, per_block=0.5, per_piece=1))
    y = _city(0, per_block=0.5, per_piece=1)[0]
    assert found.expected.sum() == pytest.approx(y.sum())
    assert found.around.sum() == pytest.approx(y.sum())


def test_direction_of_routes_and_their_order_do_not_matter():
    y, _, route, length, road_class, _ = _city(1, per_block=0.5, per_piece=1)
    spf = fitted_spf(y, length, road_class=road_class)
    plain = expected_next(y, spf.mu, route, length, k=spf.k)
    turned = expected_next(y[::-1], spf.mu[::-1], route.max() - route[::-1], length[::-1], k=spf.k)
    np.testing.assert_allclose(turned.expected[::-1], plain.expected)


def test_pieces_of_other_routes_do_not_count():
    y, _, route, length, road_class, _ = _city(2, per_block=0.5, per_piece=1)
    spf = fitted_spf(y, length, road_class=road_class)
    plain = expected_next(y, spf.mu, route, length, k=spf.k)
    alone = np.flatnonzero(np.bincount(route)[route] == 1)
    # A route of one piece has only its own crashes, nothing of what lies beside it in the arrays.
    factor = (1 / plain.spread + y[alone] / (1 + spf.k * spf.mu[alone])) / (
        1 / plain.spread + spf.mu[alone] / (1 + spf.k * spf.mu[alone])
    )
    raised = plain.around[alone] / (spf.mu[alone] * factor)
    np.testing.assert_allclose(raised, raised[0])


def test_neighbours_count_by_distance_along_their_route():
    rng = np.random.default_rng(9)
    route = np.repeat([0, 1, 4], [40, 1, 7])
    length, values = rng.uniform(20, 150, 48), rng.random((2, 48))
    at = np.cumsum(length) - length / 2
    weight = np.exp(-np.abs(at[:, None] - at) / 160) * (route[:, None] == route)
    np.fill_diagonal(weight, 0)
    np.testing.assert_allclose(_beside(values, route, at, 160.0), values @ weight, rtol=1e-7, atol=1e-12)


def test_few_crashes_are_left_to_plain_empirical_bayes():
    y = np.zeros(200, dtype=int)
    y[[3, 50, 51]] = [1, 3, 1]
    mu = np.full(200, 5 / 200)
    found = expected_next(y, mu, np.zeros(200, dtype=int), np.full(200, 80.0), k=0.5)
    assert found.reach_m == 0
    expected = empirical_bayes(mu, y, 0.5).expected
    np.testing.assert_allclose(found.expected, expected * y.sum() / expected.sum())


def test_the_likelihood_is_that_of_the_law():
    from scipy.stats import nbinom

    rng = np.random.default_rng(0)
    m = rng.uniform(1, 3, 500)
    c = rng.poisson(m * rng.gamma(1, 1, 500)).astype(float)
    k = dispersion_k(c, m)
    law = [float(nbinom.logpmf(c, 1 / k, 1 / (1 + k * part)).sum()) for part in (m, 0.999 * m)]
    found = [_log_likelihood(c, part) for part in (m, 0.999 * m)]
    # k is refitted for the second, which moves the likelihood to second order only.
    assert found[1] - found[0] == pytest.approx(law[1] - law[0], abs=1e-3)


def test_sixty_thousand_pieces_take_seconds():
    y, _, route, length, road_class, _ = _city(5, per_block=0.5, per_piece=1, n_routes=4_300)
    spf = fitted_spf(y, length, road_class=road_class)
    begin = time.process_time()
    expected_next(y, spf.mu, route, length, k=spf.k)
    assert len(y) > 50_000
    assert time.process_time() - begin < 6  # about 2 s on an idle core


@pytest.mark.parametrize(
    ("y", "mu", "route", "length", "error"),
    [
        ([0, 0], [1, 1], [0, 0], [1, 1], TooFewObservations),
        ([1, 0], [1], [0, 0], [1, 1], InvalidParameter),
        ([1, 0], [1, 0], [0, 0], [1, 1], InvalidParameter),
        ([1, 0], [1, 1], [1, 0], [1, 1], InvalidParameter),
        ([1, -1], [1, 1], [0, 0], [1, 1], InvalidParameter),
        ([1, 0], [1, 1], [0, 0], [1, 0], InvalidParameter),
    ],
)
def test_what_cannot_be_is_told(y, mu, route, length, error):
    with pytest.raises(error):
        expected_next(y, mu, route, length, k=0.5)
