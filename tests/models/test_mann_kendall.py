"""Mann-Kendall of many series beside scipy and the textbook, and the block permutation beside all orders."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import kendalltau, norm

from models.mann_kendall import (
    block_permutation_p,
    kendall_scores,
    lag1_autocorrelation,
    mann_kendall_z,
    scores_with,
    two_sided_p,
)

SERIES = st.lists(st.integers(0, 6), min_size=4, max_size=30)


def textbook(x: NDArray[np.generic]) -> tuple[int, float, float]:
    """S, z and p written out as in the books, one series at a time."""
    n = len(x)
    s = sum(int(np.sign(x[j] - x[i])) for i in range(n) for j in range(i + 1, n))
    groups = np.unique(x, return_counts=True)[1].tolist()
    variance = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in groups)) / 18
    z = 0.0 if s == 0 else (s - 1 if s > 0 else s + 1) / variance**0.5
    return s, z, 2 * (1 - norm.cdf(abs(z)))


def answers(
    series: NDArray[np.generic],
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    scores, ties = kendall_scores(series)
    z = mann_kendall_z(scores, ties, len(series))
    return scores, z, two_sided_p(z)


@given(SERIES)
def test_score_z_and_p_are_those_of_the_textbook(values: list[int]) -> None:
    scores, z, p = answers(np.array(values)[:, None])
    expected = textbook(np.array(values))
    assert scores[0] == expected[0]
    assert z[0] == pytest.approx(expected[1], rel=1e-9, abs=1e-12)
    assert p[0] == pytest.approx(expected[2], rel=1e-9, abs=1e-12)


@pytest.mark.reference
@given(SERIES.filter(lambda values: len(set(values)) > 1))
def test_score_and_variance_are_those_of_scipy(values: list[int]) -> None:
    x = np.array(values)
    scores, ties = kendall_scores(x[:, None])
    theirs = kendalltau(np.arange(len(x)), x, method="asymptotic", variant="b")
    # scipy tests without the correction for continuity: from z ± 1/sd the p must be the same.
    sd = np.sqrt((len(x) * (len(x) - 1) * (2 * len(x) + 5) - ties[0]) / 18)
    z = mann_kendall_z(scores, ties, len(x))[0] + np.sign(scores[0]) / sd
    assert two_sided_p(z) == pytest.approx(theirs.pvalue, rel=1e-9, abs=1e-12)


def test_many_series_are_each_on_its_own() -> None:
    rng = np.random.default_rng(0)
    series = rng.poisson(1, (12, 70_000)).astype(np.int16)  # more than one portion
    scores, z, p = answers(series)
    for at in (0, 32_767, 32_768, 69_999):
        assert (scores[at], z[at], p[at]) == pytest.approx(textbook(series[:, at]), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kind", [np.int16, np.int64, np.float64])
def test_a_series_may_be_of_any_numbers_and_longer_than_a_byte_counts(kind: type) -> None:
    series = np.random.default_rng(1).permutation(300)[:, None].astype(kind)
    assert answers(series)[0][0] == textbook(series[:, 0].astype(np.int64))[0]
    assert answers(np.arange(300)[:, None].astype(kind))[0][0] == 300 * 299 // 2


@given(SERIES, st.integers(0, 6))
def test_one_more_bin_is_one_more_row_of_comparisons(values: list[int], new: int) -> None:
    series = np.array(values)[:, None]
    longer = np.append(values, new)[:, None]
    assert scores_with(*kendall_scores(series), series, np.array([new])) == kendall_scores(longer)


@given(SERIES, st.integers(1, 9), st.integers(-20, 20))
def test_scale_and_shift_change_nothing_and_a_mirror_the_sign(
    values: list[int], factor: int, shift: int
) -> None:
    series = np.array(values)[:, None]
    _, z, p = answers(series)
    assert answers(factor * series + shift)[1] == z
    assert answers(-series)[1] == -z
    assert answers(series[::-1])[1] == -z
    assert answers(-series)[2] == p


def test_a_constant_series_has_no_trend() -> None:
    assert [found[0] for found in answers(np.full((9, 1), 3))] == [0, 0.0, 1.0]


@settings(max_examples=20)
@given(st.lists(st.floats(-5, 5), min_size=4, max_size=20))
def test_autocorrelation_is_that_of_what_a_line_leaves(values: list[float]) -> None:
    time = np.arange(len(values))
    x = np.array(values)
    e = x - np.polyval(np.polyfit(time, x, 1), time)
    found = lag1_autocorrelation(x[:, None])[0]
    if (e**2).sum() < 1e-9:
        return
    assert found == pytest.approx((e[:-1] * e[1:]).sum() / (e**2).sum(), abs=1e-6)


def test_a_straight_line_has_no_autocorrelation() -> None:
    assert np.isnan(lag1_autocorrelation(np.array([[1.0, 4], [2, 4], [3, 4], [4, 4]]))).all()


def test_the_block_permutation_agrees_with_all_orders_of_the_blocks() -> None:
    rng = np.random.default_rng(2)
    series = np.round(np.cumsum(rng.normal(size=(14, 5)), axis=0))  # the first block has two bins
    blocks = [list(range(2)), *(list(range(2 + 3 * b, 5 + 3 * b)) for b in range(4))]
    p = block_permutation_p(series, block=3, permutations=20_000, rng=np.random.default_rng(3))
    for column in range(5):
        x = series[:, column]
        orders = [[i for b in order for i in blocks[b]] for order in permutations(range(5))]
        scores = [textbook(x[order])[0] for order in orders]
        share = np.mean(np.abs(scores) >= abs(textbook(x)[0]))
        assert p[column] == pytest.approx(share, abs=0.015)  # four standard errors


def test_the_block_permutation_repeats_with_its_seed_whatever_the_portions() -> None:
    series = np.random.default_rng(4).poisson(2, (24, 40))
    p = block_permutation_p(series, rng=np.random.default_rng(5))
    assert np.array_equal(p, block_permutation_p(series, rng=np.random.default_rng(5)))
    assert np.array_equal(p[7:9], block_permutation_p(series[:, 7:9], rng=np.random.default_rng(5)))
    many = np.tile(series, (1, 300))  # more than one portion
    assert np.array_equal(np.tile(p, 300), block_permutation_p(many, rng=np.random.default_rng(5)))
