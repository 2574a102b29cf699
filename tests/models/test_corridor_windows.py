"""Windows of a corridor scan against plain enumeration: which there are, and what they score."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.corridor_windows import (
    Score,
    Windows,
    negative_binomial_llr,
    poisson_llr,
    thresholds,
    windows_of,
)

Key = tuple[int, int]


def llr_in_plain(c: float, e: float, squares: float, total: int, k: float) -> float:
    if c <= e:
        return 0.0
    if k == 0:
        rest = (total - c) * np.log((total - c) / (total - e)) if c < total else 0.0
        return float(c * np.log(c / e) + rest)
    a = e * e / (k * squares)
    return float(c * np.log(c / e) - (c + a) * np.log((c + a) / (e + a)))


def enumerated(
    mu: NDArray[np.float64], route: NDArray[np.int64], length_m: NDArray[np.float64], low: float, high: float
) -> set[Key]:
    """Return all windows as (first, last), by two plain loops."""
    return {
        (first, last)
        for first in range(len(mu))
        for last in range(first + 1, len(mu) + 1)
        if route[first] == route[last - 1]
        and low - 1e-6 <= length_m[first:last].sum() <= high + 1e-6
        and 0 < mu[first:last].sum() <= mu.sum() / 2
    }


def listed(windows: Windows) -> set[Key]:
    return {
        (int(windows.order[start]), int(windows.order[start]) + size)
        for size, reach in windows.reach
        for start in np.flatnonzero(windows.is_window(size, reach)).tolist()
    }


@st.composite
def networks(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64], int]:
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=6))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    route = np.repeat(np.cumsum(rng.integers(1, 4, len(sizes))), sizes)
    length_m = np.repeat(rng.uniform(40, 120, len(sizes)), sizes)
    mu = rng.gamma(0.5, 2, len(route)) * (rng.random(len(route)) > 0.2)
    return mu, route, length_m, seed


@settings(max_examples=40, deadline=None)
@given(networks(), st.sampled_from([(100.0, 300.0), (80.0, 80.0), (250.0, 1000.0)]))
def test_windows_are_all_runs_of_a_route_within_the_bounds(network, bounds) -> None:
    mu, route, length_m, _ = network
    windows = windows_of(mu, route, length_m, *bounds)
    assert listed(windows) == enumerated(mu, route, length_m, *bounds)
    assert len(windows) == len(listed(windows))


@settings(max_examples=40, deadline=None)
@given(networks(), st.sampled_from([0.0, 0.3, 4.0]), st.sampled_from([1e-9, 0.5, 2.0]))
def test_windows_that_reach_a_level_are_those_of_plain_enumeration(network, k, level) -> None:
    mu, route, length_m, seed = network
    y = np.random.default_rng(seed).poisson(mu * 2)
    if y.sum() == 0 or mu.sum() == 0:
        return
    y = np.where(mu > 0, y, 0)
    mu = mu * max(y.sum(), 1) / mu.sum()
    total = int(y.sum())
    windows = windows_of(mu, route, length_m, 100.0, 400.0)
    limits = thresholds(windows, Score(total, k), level)
    found = {
        (int(windows.order[start]), int(windows.order[start]) + size): score
        for size, _, starts, scores in limits.reached(y[None, windows.order])
        for start, score in zip(starts.tolist(), scores.tolist(), strict=True)
        if score >= level
    }
    plain = {
        (first, last): llr_in_plain(
            y[first:last].sum(), mu[first:last].sum(), np.square(mu[first:last]).sum(), total, k
        )
        for first, last in enumerated(mu, route, length_m, 100.0, 400.0)
        if y[first:last].sum() >= 3
    }
    wanted = {key: score for key, score in plain.items() if score >= level}
    clear = {key for key, score in wanted.items() if score > level + 1e-6}
    assert clear <= set(found) <= set(wanted) | {key for key in plain if abs(plain[key] - level) < 1e-6}
    assert [found[key] for key in sorted(clear)] == pytest.approx([wanted[key] for key in sorted(clear)])
    assert limits.largest(y[None, windows.order])[0] == pytest.approx(max(wanted.values(), default=0.0))


@pytest.mark.parametrize("k", [0.0, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("level", [0.1, 3.0, 12.0])
def test_the_critical_count_is_the_least_that_reaches_the_level(k: float, level: float) -> None:
    expected = np.geomspace(1e-4, 150, 200)
    squares = np.square(expected) / 7
    score = Score(400, k)
    critical = score.critical_counts(level, expected, squares)
    reachable = critical <= 400
    c, e, s = critical[reachable], expected[reachable], squares[reachable]
    assert (score.llr(c, e, s) >= level - 1e-9).all()
    assert ((score.llr(c - 1, e, s) < level) | (c == 3)).all()
    assert (
        score.llr(np.full((~reachable).sum(), 400), expected[~reachable], squares[~reachable]) < level
    ).all()


@pytest.mark.parametrize(("count", "kind"), [(800, np.int16), (80_000, np.int32)])
def test_counts_are_as_wide_as_all_incidents_need(count: int, kind: type) -> None:
    y = np.full(40, count)
    y[10:15] += count // 10
    windows = windows_of(np.full(40, float(count)), np.zeros(40, dtype=np.int64), np.full(40, 80.0), 400, 400)
    limits = thresholds(windows, Score(int(y.sum()), 0.0), 1.0)
    assert limits.kind is kind
    wanted = poisson_llr([5.5 * count], [5.0 * count], int(y.sum()))
    assert limits.largest(y[None]) == pytest.approx(wanted)


def test_no_heterogeneity_is_the_limit_of_little() -> None:
    c, e = np.array([5.0, 12.0]), np.array([2.0, 8.0])
    assert negative_binomial_llr(c, e, np.full(2, 1e9)) == pytest.approx(
        c * np.log(c / e) - (c - e), rel=1e-6
    )


def test_the_second_order_score_bounds_every_score() -> None:
    """What the bound in the literature promises: (c - E)²(1/(2E) + 1/(C - E)) is no less than the score."""
    e = np.repeat(np.geomspace(0.1, 40, 30), 60)
    c = np.tile(np.arange(1, 61), 30).astype(float)
    assert (poisson_llr(c, e, 100) <= np.square(c - e) * (1 / (2 * e) + 1 / (100 - e)) + 1e-9).all()
