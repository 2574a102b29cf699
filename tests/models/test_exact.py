from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from models.errors import InvalidParameter
from models.exact import (
    are_other_laws_feasible,
    disk_sum_law,
    is_feasible,
    other_sum_laws,
    smallest_attainable_p,
    value_groups,
)

MULTISETS = {
    "one incident": [0, 0, 0, 1],
    "mostly zeros": [0] * 8 + [1, 1, 2, 5],
    "ties everywhere": [3, 3, 3, 7, 7, 1, 1, 0, 0, 12],
    "one big pile": [0] * 11 + [1000],
    "all equal": [5] * 6,
    "a common divisor": [2, 4, 4, 8, 6],
    "all different": list(range(12)),
    "no zero": [1, 1, 1, 1, 2, 2, 2, 2, 3],
    "two cells": [0, 4],
    "one cell": [3],
}


def enumerated(values: list[int], size: int) -> np.ndarray:
    return np.array([sum(sample) for sample in combinations(values, size)])


@pytest.mark.parametrize("name", MULTISETS)
def test_tails_equal_enumeration_for_every_size_and_sum(name: str) -> None:
    values = MULTISETS[name]
    sizes = range(1, len(values) + 1)
    sums = {size: enumerated(values, size) for size in sizes}
    asked = [(int(s), size) for size in sizes for s in np.unique(sums[size])]
    law = disk_sum_law(value_groups(values), len(values), sum(values) - len(values) * min(values))
    upper, lower = law.tails([s for s, _ in asked], [size for _, size in asked])
    # 1e-12: logarithms of at most a dozen ratios, each right to the last bit.
    np.testing.assert_allclose(upper, [(sums[c] >= s).mean() for s, c in asked], rtol=1e-12)
    np.testing.assert_allclose(lower, [(sums[c] <= s).mean() for s, c in asked], rtol=1e-12)


@given(st.lists(st.integers(0, 9), min_size=2, max_size=9), st.data())
def test_a_table_cut_at_the_largest_sum_asked_for_gives_the_same(
    values: list[int], data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, len(values)))
    sums = enumerated(values, size)
    observed = int(data.draw(st.sampled_from(sorted(set(sums.tolist())))))
    law = disk_sum_law(value_groups(values), size, observed - size * min(values))
    upper, lower = law.tails([observed], [size])
    assert upper[0] == pytest.approx((sums >= observed).mean(), rel=1e-12)
    assert lower[0] == pytest.approx((sums <= observed).mean(), rel=1e-12)


@pytest.mark.parametrize("name", MULTISETS)
@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_smallest_attainable_p_is_that_of_the_extreme_sums(name: str, size: int) -> None:
    values = MULTISETS[name]
    size = min(size, len(values))
    sums = enumerated(values, size)
    expected = ((sums == sums.max()).mean(), (sums == sums.min()).mean())
    assert smallest_attainable_p(value_groups(values), [size]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.reference
def test_zeros_and_ones_are_hypergeometric_far_into_the_tail() -> None:
    values = [0] * 2_900 + [1] * 77
    law = disk_sum_law(value_groups(values), 37, 37)
    upper, lower = law.tails(np.arange(38), np.full(38, 37))
    # scipy's own error: it subtracts logarithms of factorials of 3,000.
    np.testing.assert_allclose(upper, hypergeom.sf(np.arange(38) - 1, 2977, 77, 37), rtol=1e-9)
    np.testing.assert_allclose(lower, hypergeom.cdf(np.arange(38), 2977, 77, 37), rtol=1e-9)
    assert 0 < upper[37] < 1e-60


def test_a_million_cells_neither_overflow_nor_lose_the_tail() -> None:
    values = np.random.default_rng(0).negative_binomial(0.5, 0.2, 1_000_000)
    law = disk_sum_law(value_groups(values), 37, 400)
    assert np.isfinite(law.upper).all()
    np.testing.assert_allclose(law.upper[:, 0], 1, atol=1e-12)
    np.testing.assert_allclose(law.lower[37][:-1] + law.upper[37][1:], 1, atol=1e-12)
    assert (np.diff(law.upper, axis=1) <= 0).all()


def test_the_mean_and_variance_of_the_law_are_those_of_gi_star() -> None:
    values = np.random.default_rng(1).poisson(2, 300)
    law = disk_sum_law(value_groups(values), 7, int(np.sort(values)[-7:].sum()))
    mass = -np.diff(law.upper[7], append=0)
    sums = np.arange(len(mass))
    mean = mass @ sums
    assert mean == pytest.approx(7 * values.mean(), rel=1e-12)
    assert mass @ (sums - mean) ** 2 == pytest.approx(values.var() * 7 * 293 / 299, rel=1e-10)


def test_shift_and_scale_of_the_values_change_no_p() -> None:
    values = np.random.default_rng(2).poisson(1, 200)
    plain = disk_sum_law(value_groups(values), 7, 20).tails([12], [7])
    moved = disk_sum_law(value_groups(10 * values + 3), 7, 200).tails([141], [7])
    np.testing.assert_allclose(plain, moved, rtol=1e-13)


def test_a_table_that_is_too_large_is_refused() -> None:
    groups = value_groups(np.arange(1_000) ** 3)
    assert not is_feasible(groups, 37, 10**9)
    with pytest.raises(InvalidParameter, match="monte-carlo"):
        disk_sum_law(groups, 37, 10**9)


@pytest.mark.parametrize("name", [name for name in MULTISETS if len(MULTISETS[name]) > 1])
def test_laws_of_the_others_equal_enumeration_for_every_value_size_and_sum(name: str) -> None:
    values = MULTISETS[name]
    groups, n = value_groups(values), len(values)
    laws = dict(other_sum_laws(groups, n - 1, sum(values) - n * min(values)))
    assert sorted(laws) == list(range(len(groups.distinct)))
    for number, law in laws.items():
        others = list(values)
        others.remove(int(groups.distinct[number]) * groups.unit + groups.minimum)
        sums = {size: enumerated(others, size) for size in range(1, n)}
        asked = [(int(s), size) for size in sums for s in np.unique(sums[size])]
        upper, lower = law.tails([s for s, _ in asked], [size for _, size in asked])
        np.testing.assert_allclose(upper, [(sums[c] >= s).mean() for s, c in asked], rtol=1e-12)
        np.testing.assert_allclose(lower, [(sums[c] <= s).mean() for s, c in asked], rtol=1e-12)


def test_laws_of_the_others_that_are_too_large_are_refused() -> None:
    groups = value_groups(np.arange(1_000) ** 3)
    assert not are_other_laws_feasible(groups, 37, 10**9)
    with pytest.raises(InvalidParameter, match="monte-carlo"):
        list(other_sum_laws(groups, 37, 10**9))
