from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, theilslopes

from models.errors import TooFewObservations
from models.trend import _score_variance, _value_signs, mann_kendall, theil_sen

SERIES = st.lists(st.integers(-20, 20), min_size=3, max_size=30)


@pytest.mark.reference
@given(SERIES)
def test_the_slope_equals_scipy(values: list[int]) -> None:
    time = np.arange(len(values)) ** 1.5
    assert theil_sen(time, values) == pytest.approx(theilslopes(values, time).slope, abs=1e-12)


@pytest.mark.reference
@given(st.integers(3, 30), st.integers(0, 1000))
def test_the_exact_p_equals_scipy(n: int, seed: int) -> None:
    values = np.random.default_rng(seed).permutation(n)
    found = mann_kendall(np.arange(n), values)
    assert found.method == "exact"
    assert found.p_two_sided == pytest.approx(
        kendalltau(np.arange(n), values, method="exact").pvalue, rel=1e-9
    )


@given(st.lists(st.integers(0, 3), min_size=4, max_size=12).filter(lambda v: len(set(v)) > 1))
def test_the_variance_with_ties_is_the_textbook_form(values: list[int]) -> None:
    n, time = len(values), np.arange(len(values))
    ties = np.unique(values, return_counts=True)[1]
    textbook = (n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18
    signs = _value_signs(np.array(values, dtype=float), np.zeros(n, dtype=bool))
    assert _score_variance(signs, np.sign(time[None, :] - time[:, None])) == pytest.approx(textbook)


def test_the_variance_is_that_of_all_orders_with_limits() -> None:
    values = np.array([2.0, 3.0, 1.0, 4.0, 2.0])
    signs = _value_signs(values, np.array([True, False, False, True, False]))
    later = np.sign(np.arange(5)[None, :] - np.arange(5)[:, None]).astype(float)
    scores = [(signs[np.ix_(order, order)] * later).sum() / 2 for order in map(list, permutations(range(5)))]
    assert _score_variance(signs, later) == pytest.approx(np.var(scores))


def test_a_new_limit_makes_no_trend() -> None:
    found = mann_kendall(np.arange(8), [1, 1, 1, 1, 5, 5, 5, 5], np.ones(8, dtype=bool))
    assert (found.score, found.p_two_sided) == (0, 1)


def test_a_measured_value_at_the_limit_is_above_what_lies_below_it() -> None:
    assert mann_kendall([0, 1], [2, 2], [True, False]).score == 1
    assert mann_kendall([0, 1], [2, 2], [False, True]).score == -1
    assert mann_kendall([0, 1], [2, 1], [True, False]).score == 0


@given(SERIES, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(values: list[int], random: object) -> None:
    order = list(range(len(values)))
    random.shuffle(order)  # type: ignore[attr-defined]
    time = np.arange(len(values)) * 3.0
    shuffled = mann_kendall(time[order], np.array(values)[order])
    assert shuffled.score == mann_kendall(time, values).score
    assert shuffled.p_two_sided == pytest.approx(mann_kendall(time, values).p_two_sided, abs=1e-12)


@given(SERIES)
def test_a_mirrored_series_has_the_mirrored_trend(values: list[int]) -> None:
    up, down = (
        mann_kendall(range(len(values)), values),
        mann_kendall(range(len(values)), [-v for v in values]),
    )
    assert up.score == -down.score
    assert up.p_two_sided == down.p_two_sided


def test_false_trends_are_as_rare_as_they_should() -> None:
    rng = np.random.default_rng(0)
    calls = [mann_kendall(np.arange(8), rng.integers(0, 6, 8)).p_two_sided <= 0.05 for _ in range(2000)]
    assert np.mean(calls) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)


def test_missing_points_are_left_out() -> None:
    assert mann_kendall([0, 1, 2, np.nan], [1, np.nan, 3, 9]).score == 1
    assert theil_sen([0, 1, 2], [1, np.nan, 3]) == 1


def test_a_constant_series_has_no_trend() -> None:
    assert mann_kendall(range(6), [2] * 6) == (0, 1, "normal")
    assert theil_sen(range(6), [2] * 6) == 0


def test_one_point_has_no_answer() -> None:
    assert np.isnan(mann_kendall([1], [1]).p_two_sided)
    with pytest.raises(TooFewObservations, match="2 different times"):
        theil_sen([1, 1], [1, 2])
