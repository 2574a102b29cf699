"""The beta binomial law: its fit, and the tails of sums, held to scipy's law and to enumeration."""

import numpy as np
import pytest
from scipy.stats import betabinom, binom

from models.beta_binomial import fit_shares, sum_tail, upper_tail, variance, worth
from models.errors import InvalidParameter

TOTALS = np.array([30, 12, 50, 8, 100, 20, 45])


def parameters(mean: float, rho: float) -> tuple[float, float]:
    return mean * (1 - rho) / rho, (1 - mean) * (1 - rho) / rho


def exact_tail(totals: np.ndarray, mean: float, rho: float) -> np.ndarray:
    """Return P(S >= s) for every s, by adding the members up one by one."""
    law = np.ones(1)
    for n in totals:
        k = np.arange(n + 1)
        one = binom.pmf(k, n, mean) if rho == 0 else betabinom.pmf(k, n, *parameters(mean, rho))
        law = np.convolve(law, one)
    return law[::-1].cumsum()[::-1]


def tails(sums: np.ndarray, totals: np.ndarray, mean: float, rho: float) -> np.ndarray:
    """Return the tails of plain sums over units of one size."""
    w = worth(totals, rho)
    spread = np.full(len(sums), float(w**2 @ variance(totals, mean, rho)))
    s, most = sums * w[0], np.full(len(sums), float(w @ totals))
    return sum_tail(s, np.tile(totals, (len(s), 1)), mean, rho, upper_tail(s, most, mean, spread, w[0]))


def drawn(mean: float, rho: float, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    totals = rng.integers(0, 200, n)
    return rng.binomial(totals, rng.beta(*parameters(mean, rho), n)), totals


@pytest.mark.parametrize(("mean", "rho"), [(0.02, 0.3), (0.1, 0.1), (0.3, 0.85), (0.6, 0.5)])
def test_the_fit_finds_the_law_that_shares_were_drawn_from(mean: float, rho: float) -> None:
    fit = fit_shares(*drawn(mean, rho, 8000))
    assert fit.converged
    assert fit.mean == pytest.approx(mean, rel=0.1)
    assert fit.rho == pytest.approx(rho, rel=0.1)


def test_equal_shares_have_no_clumping() -> None:
    rng = np.random.default_rng(1)
    totals = rng.integers(1, 300, 4000)
    fit = fit_shares(rng.binomial(totals, 0.2), totals)
    assert fit.rho < 0.002
    assert fit.mean == pytest.approx(0.2, rel=0.02)


def test_one_large_unit_without_service_does_not_pass_for_clumping() -> None:
    counts, totals = drawn(0.1, 0.05, 800)
    ordinary = fit_shares(counts, totals)
    found = fit_shares(np.append(counts, 3000), np.append(totals, 3000))
    assert found.rho == pytest.approx(ordinary.rho, rel=0.05)
    assert found.n_censored > 0


@pytest.mark.parametrize(
    ("counts", "mean"), [([0, 0, 0], 0.0), ([3, 4, 5], 1.0)], ids=["none unserved", "all unserved"]
)
def test_shares_that_are_all_alike_at_a_bound_are_said_so(counts: list[int], mean: float) -> None:
    fit = fit_shares(counts, [3, 4, 5])
    assert (fit.mean, fit.rho) == (mean, 0.0)


@pytest.mark.reference
@pytest.mark.parametrize("rho", [0.1, 0.5, 0.85])
def test_the_variance_is_that_of_scipy(rho: float) -> None:
    expected = betabinom.var(TOTALS, *parameters(0.3, rho))
    assert variance(TOTALS, 0.3, rho) == pytest.approx(expected, rel=1e-9)


@pytest.mark.reference
@pytest.mark.parametrize("rho", [0.0, 0.02, 0.1, 0.5, 0.85])
@pytest.mark.parametrize("mean", [0.1, 0.3, 0.6])
def test_the_tail_of_a_sum_is_within_a_third_of_the_exact_one(mean: float, rho: float) -> None:
    """Where a false discovery rate decides: p from .05 down to 1e-6; the law is lumpy at rho near 1."""
    totals = np.full(7, 35)  # of one size, so that the weighted sum is on a lattice and can be enumerated
    exact = exact_tail(totals, mean, rho)
    sums = np.array([int(np.searchsorted(-exact, -p)) for p in (0.05, 1e-2, 1e-3, 1e-4, 1e-6)])
    sums = np.clip(sums, 1, totals.sum())
    assert tails(sums, totals, mean, rho) == pytest.approx(exact[sums], rel=1 / 3)


@pytest.mark.parametrize(
    ("mean", "rho", "off"),
    [(0.05, 0.02, 0.15), (0.05, 0.3, 0.15), (0.05, 0.85, 0.4), (0.3, 0.02, 0.15), (0.3, 0.85, 0.25)],
)
def test_the_tail_of_a_weighted_sum_is_that_of_draws(mean: float, rho: float, off: float) -> None:
    """Members of 8 to 2,000 locations, 400,000 draws, p of .05, .01 and .001.

    At mean .05 and rho .85 the seven are nearly coins of all or nothing, and their law has few steps.
    """
    rng = np.random.default_rng(4)
    totals = np.array([8, 2000, 30, 12, 300, 50, 20])
    w = worth(totals, rho)
    draws = rng.binomial(totals, rng.beta(*parameters(mean, rho), (400_000, 7))) @ w
    levels = (0.05, 0.01, 0.001)
    sums = np.quantile(draws, [1 - p for p in levels])
    expected = [float((draws >= s).mean()) for s in sums]
    two_moment = np.full(3, 0.1)
    found = sum_tail(sums, np.tile(totals, (3, 1)), mean, rho, two_moment)
    assert found == pytest.approx(expected, rel=off)


def test_a_large_unit_does_not_outweigh_many_small_ones() -> None:
    small, large = worth([20, 2000], 0.5) * [20, 2000]
    assert small > 0.9 * large
    assert worth([20, 2000], 0.0).tolist() == [1.0, 1.0]


def test_members_without_locations_change_nothing() -> None:
    alone = sum_tail([9.0], [TOTALS], 0.1, 0.3, [0.01])
    filled = sum_tail([9.0], [np.append(TOTALS, [0, 0])], 0.1, 0.3, [0.01])
    assert 0 < alone[0] < 0.2
    assert filled == pytest.approx(alone, rel=1e-12)


def test_large_units_keep_a_tail_within_bounds() -> None:
    """Tracts of 20,000 homes: an exact sum would be long; the points of the beta law are not."""
    totals = np.array([20_000, 5_000, 12_000])
    most = float(worth(totals, 0.4) @ totals)
    found = sum_tail(most * np.array([0.3, 0.6, 0.95]), np.tile(totals, (3, 1)), 0.1, 0.4, [0.1] * 3)
    assert ((found > 0) & (found < 1)).all()
    assert found.tolist() == sorted(found, reverse=True)


@pytest.mark.parametrize(
    ("counts", "totals"),
    [([1], [2, 3]), ([-1], [2]), ([0.5], [2]), ([3], [2])],
    ids=["shapes", "negative", "no count", "more than all"],
)
def test_what_is_no_count_out_of_a_total_is_refused(counts: list[float], totals: list[int]) -> None:
    with pytest.raises(InvalidParameter):
        fit_shares(counts, totals)
