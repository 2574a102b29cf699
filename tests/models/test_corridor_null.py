"""Heterogeneity is found again at both scales, corridors or not; maps without corridors follow it."""

import numpy as np
import pytest

from models.corridor_null import (
    FEWEST_SUMS,
    Heterogeneity,
    heterogeneity,
    lixels_per_block,
    null_law,
    scattered,
)

ROUTE = np.repeat(np.arange(150), 40)
N = len(ROUTE)
LENGTH = np.full(N, 80.0)


def drawn(k_l: float, k_b: float, mean: float = 1.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    risk = np.full(N, mean)
    if k_l:
        risk *= rng.gamma(1 / k_l, k_l, N)
    if k_b:
        risk *= np.repeat(rng.gamma(1 / k_b, k_b, N // 8), 8)
    return rng.poisson(risk)


@pytest.mark.parametrize(("k_l", "k_b"), [(0.0, 0.0), (0.5, 0.0), (2.0, 0.0), (0.0, 0.5), (0.5, 0.5)])
def test_both_scales_are_found_again(k_l: float, k_b: float) -> None:
    found = heterogeneity(drawn(k_l, k_b), np.ones(N), ROUTE)
    assert found.k_l == pytest.approx(k_l, abs=0.12)
    assert found.k_b == pytest.approx(k_b, abs=0.12)
    assert (1 + found.k_b) * (1 + found.k_l) == pytest.approx(1 + found.k_1)


def test_the_two_scales_follow_their_formula() -> None:
    found = heterogeneity(drawn(0.5, 0.5), np.ones(N), ROUTE)
    assert found.k_b == pytest.approx((found.k_8 - found.k_1 / 8) / (7 / 8))
    assert found.n_sums == N // 8


def test_corridors_and_piles_hardly_pass_for_heterogeneity() -> None:
    y = drawn(0.5, 0.0)
    with_corridors = y.copy()
    for first in (100, 1000, 2000, 3000):
        with_corridors[first : first + 25] += np.random.default_rng(first).poisson(2, 25)  # RR 3
    with_corridors[5000] += 300
    plain, found = (heterogeneity(counts, np.ones(N), ROUTE) for counts in (y, with_corridors))
    assert found.k_1 < plain.k_1 + 0.1
    assert found.k_b < plain.k_b + 0.06


def test_the_direction_of_routes_does_not_matter() -> None:
    sizes = np.random.default_rng(1).integers(3, 60, 100)
    route = np.repeat(np.arange(100), sizes)
    rng = np.random.default_rng(2)
    mu = rng.gamma(2, 0.5, len(route))
    y = rng.poisson(mu * rng.gamma(2, 0.5, len(route)))
    back = np.concatenate([np.flatnonzero(route == one)[::-1] for one in range(100)])
    one, other = heterogeneity(y, mu, route), heterogeneity(y[back], mu[back], route)
    assert (other.k_1, other.k_8) == pytest.approx((one.k_1, one.k_8), rel=1e-6)


def test_too_few_sums_of_eight_leave_all_heterogeneity_to_blocks() -> None:
    n = 8 * (FEWEST_SUMS - 1)
    found = heterogeneity(drawn(2.0, 0.0)[:n], np.ones(n), np.zeros(n, dtype=np.int64))
    assert np.isnan(found.k_8)
    assert (found.k_b, found.k_l) == (found.k_1, 0.0)


def test_maps_hold_all_incidents_at_the_heterogeneity_asked_for() -> None:
    law = null_law(np.ones(N), ROUTE, LENGTH, N, Heterogeneity(1.25, np.nan, 0.5, 0.5, 0))
    maps = np.stack([law.draw(np.random.default_rng(seed)) for seed in range(40)])
    assert (maps.sum(axis=1) == N).all()
    assert maps.var(axis=1).mean() == pytest.approx(1 + 1.25, rel=0.05)
    neighbours = ((maps[:, 1:] - 1) * (maps[:, :-1] - 1))[:, ROUTE[1:] == ROUTE[:-1]].mean()
    assert neighbours == pytest.approx(0.5 * 7 / 8, rel=0.15)  # one pair in eight lies in two blocks
    assert maps.mean(axis=0).std() < 0.5  # blocks begin elsewhere on other maps


def test_blocks_follow_metres_and_end_with_their_route() -> None:
    route = np.repeat([3, 7], [10, 30])
    law = null_law(np.ones(40), route, np.repeat([100.0, 80.0], [10, 30]), 5)
    assert (law.block[:, 10] > law.block[:, 9]).all()
    assert np.bincount(law.block[0]).tolist() == [
        6,
        4,
        8,
        8,
        8,
        6,
    ]  # 640 m: the middle of the 7th lies at 650
    assert [np.bincount(block).max() <= 8 for block in law.block] == [True] * 8


@pytest.mark.parametrize("total", [30, 3000])
def test_incidents_are_scattered_in_proportion(total: int) -> None:
    weights = np.array([0.0, 1.0, 3.0, 0.0] * 25)
    rng = np.random.default_rng(0)
    drawn_maps = np.array([scattered(weights, total, rng) for _ in range(300)])
    sums = drawn_maps.sum(axis=0).reshape(25, 4).sum(axis=0)
    assert sums[[0, 3]].tolist() == [0, 0]
    assert sums.sum() == 300 * total
    assert sums[2] / sums.sum() == pytest.approx(0.75, abs=0.02)


def test_shorter_lixels_do_not_shorten_the_blocks() -> None:
    rng = np.random.default_rng(4)
    blocks = rng.gamma(2.0, 0.5, N // 16)
    y = rng.poisson(0.5 * np.repeat(blocks, 16))
    route = np.repeat(np.arange(len(y) // 160 + 1), 160)[: len(y)]
    found = heterogeneity(y, np.full(len(y), 0.5), route, lixels_per_block(np.full(len(y), 40.0)))
    assert found.k_b == pytest.approx(0.5, abs=0.1)
    assert found.k_l < 0.1
