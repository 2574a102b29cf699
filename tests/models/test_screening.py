"""Screening measures: the manual's arithmetic, windows against enumeration, and what no data can break."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidParameter
from models.screening import (
    MILE_M,
    STEP_M,
    WINDOW_M,
    crash_rates,
    critical_rate,
    exposure_mvmt,
    level_of_service,
    peak_search,
    simple_ranking,
    sliding_windows,
    window_maximum,
)


def test_the_manuals_critical_rate():
    assert critical_rate([2.0], [10.0])[0] == pytest.approx(2.7857, abs=5e-5)


def test_critical_rate_without_travel_is_nan():
    assert np.isnan(critical_rate([2.0, 2.0], [0.0, np.nan])).all()


def test_windows_of_a_third_of_a_mile_in_steps_of_a_tenth():
    found = sliding_windows(np.ones(10), np.zeros(10, dtype=int), np.full(10, STEP_M))
    assert (found.start_m / STEP_M).round(6).tolist() == list(range(8))
    np.testing.assert_allclose(found.end_m - found.start_m, WINDOW_M)
    np.testing.assert_allclose(found.value, 3)


def test_the_last_window_is_moved_to_end_at_the_end():
    found = sliding_windows([1, 2, 3], [4, 4, 4], [200.0] * 3, window_m=250, step_m=100)
    assert found.start_m.tolist() == [0, 100, 200, 300, 350]
    assert found.end_m.tolist() == [250, 350, 450, 550, 600]
    np.testing.assert_allclose(found.value, [1.5, 2.0, 2.75, 3.25, 3.5])
    assert found.route.tolist() == [4] * 5


@pytest.mark.parametrize("length", [20.0, 250.0])
def test_a_route_no_longer_than_the_window_is_one_window(length):
    found = sliding_windows([7], [0], [length], window_m=250, step_m=100)
    assert (found.start_m.tolist(), found.end_m.tolist(), found.value.tolist()) == ([0], [length], [7])


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_windows_and_their_maxima_are_those_of_enumeration(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, 4)
    route = np.repeat([1, 3, 4, 9], sizes)
    length, values = rng.uniform(20, 120, len(route)), rng.poisson(2, len(route))
    window, step = float(rng.uniform(30, 400)), float(rng.uniform(20, 200))
    found = sliding_windows(values, route, length, window_m=window, step_m=step)
    best = window_maximum(values, route, length, window_m=window, step_m=step)
    for name in np.unique(route):
        own = route == name
        at = np.concatenate([[0], np.cumsum(length[own])])
        starts = [0.0]
        while starts[-1] + window < at[-1] - 1e-6:
            starts.append(min(starts[-1] + step, at[-1] - window))
        ends = np.minimum(np.array(starts) + window, at[-1])
        of_route = found.route == name
        np.testing.assert_allclose(found.start_m[of_route], starts, atol=1e-6)
        overlap = np.minimum(ends[:, None], at[1:]) - np.maximum(np.array(starts)[:, None], at[:-1])
        sums = (np.maximum(overlap, 0) / length[own]) @ values[own]
        np.testing.assert_allclose(found.value[of_route], sums, atol=1e-6)
        middle = (at[:-1] + at[1:]) / 2
        holds = (np.array(starts)[:, None] <= middle + 1e-6) & (middle <= ends[:, None] + 1e-6)
        expected = np.where(holds, sums[:, None], -np.inf).max(axis=0)
        np.testing.assert_allclose(best[own], expected, atol=1e-6)


def test_steps_longer_than_the_window_leave_pieces_without_a_window():
    best = window_maximum([1, 2, 3, 4], [0] * 4, [100.0] * 4, window_m=100, step_m=300)
    assert best.tolist() == [1, -np.inf, -np.inf, 4]


def test_a_short_stub_is_not_blown_up():
    best = window_maximum([1, 5, 5, 5], [0, 1, 1, 1], [20.0, 200, 200, 200], window_m=400, step_m=100)
    assert best.tolist() == [1, 10, 10, 10]


def test_peak_search_takes_the_first_size_that_is_precise():
    # One step: CV of the best window is sqrt(4) / 4 = .5; two steps: sqrt(8) / 8 = .354.
    peak = peak_search([1, 4, 4, 1], [1, 4, 4, 1], np.zeros(4, dtype=int), [STEP_M] * 4, largest_cv=0.4)
    assert peak.is_precise.tolist() == [True]
    assert (peak.start_m[0] / STEP_M, peak.end_m[0] / STEP_M) == pytest.approx((1, 3))
    assert peak.cv[0] == pytest.approx(8**-0.5)
    assert peak.value[0] == pytest.approx(8 / (2 * STEP_M) * 1000)


def test_peak_search_tells_the_whole_route_where_nothing_is_precise():
    peak = peak_search([0.1] * 5, [0.1] * 5, np.zeros(5, dtype=int), [STEP_M] * 5, largest_cv=0.5)
    assert peak.is_precise.tolist() == [False]
    assert (peak.start_m[0], peak.end_m[0]) == pytest.approx((0, 5 * STEP_M))


def test_peak_search_answers_each_route_by_itself():
    rng = np.random.default_rng(1)
    route = np.repeat([2, 5, 7], [4, 30, 1])
    length, expected = rng.uniform(60, 100, 35), rng.gamma(1, 2, 35)
    both = peak_search(expected, expected / 2, route, length)
    alone = [
        peak_search(expected[route == r], expected[route == r] / 2, route[route == r], length[route == r])
        for r in (2, 5, 7)
    ]
    np.testing.assert_allclose(both.value, [one.value[0] for one in alone])
    np.testing.assert_allclose(both.start_m, [one.start_m[0] for one in alone], atol=1e-6)
    assert both.route.tolist() == [2, 5, 7]


def test_peak_search_ends_where_nothing_is_expected():
    peak = peak_search(np.zeros(3), np.zeros(3), np.zeros(3, dtype=int), [500.0] * 3)
    assert peak.is_precise.tolist() == [False]
    assert peak.value.tolist() == [0]


def test_travel_of_a_mile():
    assert exposure_mvmt([1000], [MILE_M], 2)[0] == pytest.approx(1000 * 365 * 2 / 1e6)


def test_unknown_traffic_has_no_rate_and_exceeds_nothing():
    found = crash_rates([5, 5, 5, 1], [MILE_M] * 4, [np.nan, 0, -3, 9000], years=1)
    assert np.isnan(found.rate).tolist() == [True, True, True, False]
    assert found.exceeds.tolist() == [False] * 4


def test_rates_are_held_against_their_kind():
    found = crash_rates([40, 10, 4, 1], [MILE_M] * 4, [10_000] * 4, years=1, group=["a", "a", "b", "b"])
    np.testing.assert_allclose(found.rate, np.array([40, 10, 4, 1]) / 3.65)
    np.testing.assert_allclose(found.average_rate, np.array([25, 25, 2.5, 2.5]) / 3.65)
    np.testing.assert_allclose(found.critical_rate, critical_rate(found.average_rate, [3.65] * 4))
    assert found.exceeds.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("y", "level"), [(0, "I"), (2.4, "I"), (2.5, "II"), (9, "II"), (10, "III"), (17, "III"), (17.5, "IV")]
)
def test_levels_of_service_of_safety(y, level):
    # 1.5 standard deviations of 10 with k = 1/4 are 7.5.
    assert level_of_service([y], [10.0], 0.25).tolist() == [level]


def test_ranks_share_the_better_place():
    assert simple_ranking([3, 1, 3, np.nan]).tolist() == [1, 3, 1, 4]


def test_nothing_has_no_windows():
    assert len(sliding_windows([], [], []).value) == 0
    assert len(peak_search([], [], [], []).value) == 0
    assert len(crash_rates([], [], [], years=1).rate) == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: sliding_windows([1], [0, 0], [1, 1]),
        lambda: sliding_windows([1, 1], [1, 0], [1, 1]),
        lambda: sliding_windows([1, 1], [0, 0], [1, 0]),
        lambda: sliding_windows([1], [0], [1], window_m=0),
        lambda: sliding_windows([1], [0], [1], step_m=-1),
        lambda: peak_search([1], [1], [0], [1], largest_cv=0),
        lambda: exposure_mvmt([1], [1], 0),
        lambda: crash_rates([1, 2], [1], [1], years=1),
        lambda: level_of_service([1], [1], -1),
    ],
)
def test_what_cannot_be_is_told(call):
    with pytest.raises(InvalidParameter):
        call()
