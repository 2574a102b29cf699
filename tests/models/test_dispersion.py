import time

import numpy as np
import pytest
from scipy import stats

from models.dispersion import DispersionFit, fit_dispersion
from models.errors import InvalidParameter


def made(mean: float, phi: float, n: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    expected = rng.lognormal(0, 1, n)
    expected *= mean * n / expected.sum()
    return rng.poisson(expected if phi == 0 else expected * rng.gamma(1 / phi, phi, n)), expected


@pytest.mark.parametrize(("mean", "phi"), [(0.5, 2.0), (2.0, 0.5), (2.0, 2.0), (10.0, 0.15), (10.0, 2.0)])
def test_dispersion_and_level_are_found(mean: float, phi: float) -> None:
    counts, expected = made(mean, phi, 20_000)
    fit = fit_dispersion(counts, expected / 1.25)
    assert fit.converged
    assert fit.phi == pytest.approx(phi, rel=0.08)  # three standard errors at 20,000 cells
    assert fit.level == pytest.approx(1.25, rel=0.04)


@pytest.mark.parametrize("mean", [0.1, 2.0, 10.0])
def test_poisson_counts_have_next_to_no_dispersion(mean: float) -> None:
    counts, expected = made(mean, 0.0, 20_000)
    assert fit_dispersion(counts, expected).phi < 0.1 / mean


def test_less_than_poisson_is_poisson() -> None:
    expected = np.full(500, 3.0)
    fit = fit_dispersion(np.full(500, 3), expected)
    assert (fit.phi, fit.n_censored, fit.converged) == (0.0, 0, True)
    assert fit.level == pytest.approx(1.0)


@pytest.mark.parametrize("pile", [300, 10**7])
def test_one_pile_does_not_pass_for_dispersion(pile: int) -> None:
    counts, expected = made(0.5, 0.15)
    plain = fit_dispersion(counts, expected)
    counts[7] = pile
    piled = fit_dispersion(counts, expected)
    assert piled.phi == pytest.approx(plain.phi, abs=0.05)
    assert piled.level == pytest.approx(plain.level, abs=0.02)
    assert piled.n_censored >= 1


@pytest.mark.reference
def test_without_cells_above_it_is_the_maximum_of_the_likelihood_of_scipy() -> None:
    counts, expected = made(2.0, 0.5, 400)
    fit = fit_dispersion(counts, expected)
    mean = fit.level * expected
    limits = stats.nbinom.ppf(0.99, 1 / fit.phi, 1 / (1 + fit.phi * mean))

    def log_likelihood(phi: float, level: float) -> float:
        law = stats.nbinom(1 / phi, 1 / (1 + phi * level * expected))
        above = counts > limits
        return float(np.where(above, law.logsf(limits), law.logpmf(counts)).sum())

    at_fit = log_likelihood(fit.phi, fit.level)
    for phi, level in ((1.05, 1), (0.95, 1), (1, 1.03), (1, 0.97)):
        assert log_likelihood(fit.phi * phi, fit.level * level) < at_fit


def test_order_and_empty_cells_change_nothing() -> None:
    counts, expected = made(2.0, 0.5, 500)
    fit = fit_dispersion(counts, expected)
    order = np.random.default_rng(1).permutation(500)
    again = fit_dispersion([*counts[order], 5, 0], [*expected[order], 0.0, 0.0])
    assert again.phi == pytest.approx(fit.phi, rel=1e-4)
    assert again.level == pytest.approx(fit.level, rel=1e-5)


def test_bins_of_like_cells_change_next_to_nothing() -> None:
    counts, expected = made(2.0, 0.5, 4096)
    twice = fit_dispersion(np.tile(counts, 2), np.tile(expected, 2))
    once = fit_dispersion(counts, expected)
    assert twice.phi == pytest.approx(once.phi, rel=1e-3)
    assert twice.level == pytest.approx(once.level, rel=1e-4)


@pytest.mark.parametrize(
    ("counts", "expected", "level"), [([0, 0], [1, 2], 0.0), ([3, 1], [0, 0], 1.0), ([], [], 1.0)]
)
def test_nothing_to_fit_is_poisson(counts: list[int], expected: list[float], level: float) -> None:
    assert fit_dispersion(counts, expected) == DispersionFit(0.0, level, 0, True)


@pytest.mark.parametrize(
    ("counts", "expected", "message"),
    [
        ([1, 2], [1.0], "one expectation for each of 2"),
        ([-1], [1.0], "negative value"),
        ([0.5], [1.0], "no whole numbers"),
        ([1], [-1.0], "1 that are negative"),
        ([1], [np.nan], "not finite"),
    ],
)
def test_what_is_no_count_is_refused(counts: list[float], expected: list[float], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        fit_dispersion(counts, expected)


def test_a_hundred_thousand_cells_take_no_time() -> None:
    counts, expected = made(2.0, 0.5, 100_000)
    start = time.process_time()
    fit_dispersion(counts, expected)
    assert time.process_time() - start < 1.0  # measured .1 to .3 s
