import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, norm

from models.exact import disk_sum_law, value_groups
from models.significance import (
    benjamini_hochberg,
    cauchy_combination,
    fdr_cutoffs,
    gi_bin,
    monte_carlo_p,
    normal_p,
    truncated_cauchy,
)

PROBABILITIES = st.floats(0, 1)


@pytest.mark.reference
@given(st.lists(PROBABILITIES, min_size=1, max_size=60))
def test_q_equals_scipy(p: list[float]) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p), rtol=1e-12)


@given(st.lists(PROBABILITIES, min_size=2, max_size=40), st.randoms(use_true_random=False))
def test_q_does_not_depend_on_order(p: list[float], random: object) -> None:
    order = list(range(len(p)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert np.array_equal(benjamini_hochberg(np.array(p)[order]), benjamini_hochberg(p)[order])


def test_untested_cells_are_no_tests() -> None:
    q = benjamini_hochberg([np.nan, 0.01, np.nan, 0.02])
    assert np.isnan(q[[0, 2]]).all()
    assert np.array_equal(q[[1, 3]], benjamini_hochberg([0.01, 0.02]))


def test_no_test_gives_no_q() -> None:
    assert len(benjamini_hochberg([])) == 0
    assert np.isnan(benjamini_hochberg([np.nan])).all()


@given(st.floats(1e-14, 1 - 1e-8), st.integers(1, 5))
def test_equal_p_combine_to_themselves(p: float, n: int) -> None:
    assert cauchy_combination(np.full((n, 1), p))[0] == pytest.approx(p, rel=1e-6)


def test_the_combination_is_the_textbook_form() -> None:
    p = np.random.default_rng(0).uniform(0.001, 0.999, (3, 200))
    expected = 0.5 - np.arctan(np.tan((0.5 - p) * np.pi).mean(axis=0)) / np.pi
    np.testing.assert_allclose(cauchy_combination(p), expected, rtol=1e-10)


def test_the_combination_keeps_small_p_and_survives_the_ends() -> None:
    combined = cauchy_combination([[1e-13, 0.0, 1.0], [0.5, 0.5, 1.0], [0.5, 1.0, 1.0]])
    assert combined[0] == pytest.approx(3e-13, rel=1e-6)
    assert 0 < combined[1] < 1e-5
    assert combined[2] == pytest.approx(1, abs=1e-8)


def test_cells_without_any_p_stay_without() -> None:
    assert np.isnan(cauchy_combination([[np.nan], [np.nan]])).all()


@pytest.mark.reference
def test_normal_tails_equal_scipy() -> None:
    z = np.array([-40.0, -1.0, 0.0, 3.0, 37.0])
    p_hot, p_cold = normal_p(z)
    np.testing.assert_allclose(p_hot, norm.sf(z), rtol=1e-12)
    np.testing.assert_allclose(p_cold, norm.cdf(z), rtol=1e-12)


def test_monte_carlo_agrees_with_the_exact_law() -> None:
    values = np.random.default_rng(1).poisson(1, 400)
    sums, sizes = np.array([2, 7, 12, 40, 55]), np.array([7, 7, 7, 37, 37])
    exact = disk_sum_law(value_groups(values), 37, 55).tails(sums, sizes)
    found = monte_carlo_p(sums, sizes[None], [1.0], values, simulations=20_000, rng=np.random.default_rng(2))
    # Four standard errors of a share near one half.
    np.testing.assert_allclose(found, exact, atol=4 * 0.5 / np.sqrt(20_000))


def test_monte_carlo_takes_ring_weights() -> None:
    values = np.array([0.0, 0.0, 1.0, 2.0])
    found = monte_carlo_p(
        [2.5], [[1], [1]], [1.0, 0.5], values, simulations=20_000, rng=np.random.default_rng(3)
    )
    # Of the twelve ordered pairs only (2, 1) reaches 2 + 1/2.
    assert found[0][0] == pytest.approx(1 / 12, abs=0.01)
    assert found[1][0] == 1


def test_monte_carlo_counts_ties_of_fractions_on_both_sides() -> None:
    values = np.full(50, 0.1)
    values[0] = 0.3
    p_hot, p_cold = monte_carlo_p(
        [0.1 + 0.1 + 0.1], [[3]], [1.0], values, simulations=999, rng=np.random.default_rng(4)
    )
    assert p_hot[0] == 1
    assert p_cold[0] == pytest.approx(1 - 3 / 50, abs=0.03)


def test_monte_carlo_has_the_floor_of_its_simulations() -> None:
    values = np.zeros(1_000)
    values[:7] = 50
    p_hot, _ = monte_carlo_p([350.0], [[7]], [1.0], values, simulations=99, rng=np.random.default_rng(5))
    assert p_hot[0] == 0.01


def test_monte_carlo_repeats_with_its_seed() -> None:
    values = np.random.default_rng(6).normal(size=100)
    first, again = (
        monte_carlo_p([1.0], [[7]], [1.0], values, simulations=99, rng=np.random.default_rng(7))
        for _ in range(2)
    )
    assert np.array_equal(first, again)


@pytest.mark.parametrize(
    ("q", "is_hot", "expected"),
    [
        (0.01, True, 3),
        (0.010001, True, 2),
        (0.05, False, -2),
        (0.1, True, 1),
        (0.11, True, 0),
        (np.nan, False, 0),
    ],
)
def test_bins_take_their_upper_limits(q: float, is_hot: bool, expected: int) -> None:
    assert gi_bin([q], [is_hot])[0] == expected


@given(
    st.lists(PROBABILITIES | st.sampled_from([0.001, 0.01, float("nan")]), min_size=1, max_size=60),
    st.lists(st.floats(0.001, 0.999), min_size=1, max_size=3),
)
def test_cut_offs_call_what_q_calls(p: list[float], levels: list[float]) -> None:
    q = benjamini_hochberg(p)
    for level, cutoff in zip(levels, fdr_cutoffs(p, levels), strict=True):
        assert np.array_equal(np.array(p) <= cutoff, q <= level)


@given(st.lists(st.floats(1e-6, 0.98), min_size=1, max_size=5))
def test_truncation_leaves_ordinary_p_alone_and_no_p_of_one_outweighs_evidence(p: list[float]) -> None:
    column = np.array(p)[:, None]
    assert np.array_equal(truncated_cauchy(column), cauchy_combination(column))
    with_one = truncated_cauchy(np.append(column, [[1.0]], axis=0))[0]
    assert with_one == cauchy_combination(np.append(column, [[0.99]], axis=0))[0]
