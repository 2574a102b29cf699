"""The choice within a budget: against enumeration of all choices, its bounds, its invariances, its speed."""

import time
from functools import cache

import numpy as np
import pytest

from models.corridor_choice import chosen_corridors
from models.errors import InvalidParameter


def _by_enumeration(gain, route, length, budget, shortest, longest):
    """Return the best summed gain, all sets of disjoint windows tried."""
    n = len(gain)

    @cache
    def best(at, left):
        if at >= n:
            return 0.0
        value = best(at + 1, left)
        total_gain = total_length = 0.0
        for stop in range(at, n):
            if route[stop] != route[at]:
                break
            total_gain += gain[stop]
            total_length += length[stop]
            if total_length > min(longest, left) + 1e-9:
                break
            if total_length >= shortest - 1e-9:
                value = max(value, total_gain + best(stop + 1, round(left - total_length, 6)))
        return value

    return best(0, round(budget, 6))


def _network(rng, n_routes, pieces, *, is_even=False):
    sizes = rng.integers(1, pieces, n_routes)
    route = np.repeat(np.arange(n_routes) * 3 + 5, sizes)
    length = np.full(len(route), 80.0) if is_even else np.round(rng.uniform(60, 110, len(route)), 1)
    return route, length


@pytest.mark.parametrize("seed", range(60))
def test_choice_is_the_best_of_all_on_small_networks(seed):
    rng = np.random.default_rng(seed)
    route, length = _network(rng, 3, 8, is_even=seed % 3 == 0)
    # Whole numbers make ties; negative gains are pieces below what is predicted.
    gain = np.round(rng.gamma(0.5, 3, len(route)) - (seed % 2), seed % 4)
    shortest = float(rng.choice([50, 160, 250]))
    longest = float(rng.choice([shortest + 90, shortest + 150, 5000]))
    budget = float(rng.uniform(0.1, 0.8) * length.sum())
    best = chosen_corridors(gain, route, length, budget_m=budget, min_length_m=shortest, max_length_m=longest)
    truth = _by_enumeration(
        tuple(gain.tolist()), tuple(route.tolist()), tuple(length.tolist()), budget, shortest, longest
    )
    assert best.gap == 0
    assert best.gain.sum() == pytest.approx(truth, abs=1e-9)
    assert best.bound >= truth - 1e-9


def _holds(best, gain, route, length, budget, shortest, longest):
    assert (best.last > best.first).all()
    assert (best.first[1:] >= best.last[:-1]).all()
    assert (route[best.first] == route[best.last - 1]).all()
    assert best.length_m.sum() <= budget + 1e-3
    assert (best.length_m >= shortest - 1e-3).all()
    assert (best.length_m <= longest + 1e-3).all()
    for at, (first, last) in enumerate(zip(best.first, best.last, strict=True)):
        assert gain[first:last].sum() == pytest.approx(best.gain[at])
        assert length[first:last].sum() == pytest.approx(best.length_m[at])


@pytest.mark.parametrize(
    ("shortest", "longest"), [(100, 5000), (400, 5000), (400, 900), (400, 420), (0, 150)]
)
@pytest.mark.parametrize("kind", ["even", "uneven", "ties"])
def test_windows_keep_to_all_bounds(shortest, longest, kind):
    rng = np.random.default_rng(7)
    route, length = _network(rng, 60, 90, is_even=kind == "even")
    gain = rng.poisson(0.4, len(route)).astype(float) if kind == "ties" else rng.gamma(0.3, 3, len(route))
    budget = 0.2 * length.sum()
    best = chosen_corridors(gain, route, length, budget_m=budget, min_length_m=shortest, max_length_m=longest)
    _holds(best, gain, route, length, budget, shortest, longest)
    assert best.gap < 1e-3
    assert best.bound * (1 - best.gap) == pytest.approx(best.gain.sum())


def test_a_long_good_road_is_cut_into_windows_that_keep_to_the_longest():
    gain, route, length = np.ones(100), np.zeros(100, dtype=int), np.full(100, 80.0)
    best = chosen_corridors(gain, route, length, budget_m=8000, min_length_m=400, max_length_m=2000)
    _holds(best, gain, route, length, 8000, 400, 2000)
    assert best.gain.sum() == 100
    assert len(best.first) == 5


def test_only_what_gains_is_chosen_when_the_budget_is_not_scarce():
    gain = np.array([-1.0, 2, -1, -1, 3, -1])
    best = chosen_corridors(gain, [0] * 6, [100.0] * 6, budget_m=1e9, min_length_m=100)
    assert best.first.tolist() == [1, 4]
    assert best.price == 0
    assert best.gap == 0


def test_more_budget_never_gains_less_and_the_price_falls():
    rng = np.random.default_rng(3)
    route, length = _network(rng, 40, 60)
    gain = rng.gamma(0.3, 3, len(route))
    found = [
        chosen_corridors(gain, route, length, budget_m=share * length.sum())
        for share in (0.05, 0.1, 0.2, 0.5)
    ]
    assert np.all(np.diff([one.gain.sum() for one in found]) > 0)
    assert np.all(np.diff([one.price for one in found]) < 0)


def test_shorter_pieces_allowed_gain_at_least_as_much():
    rng = np.random.default_rng(4)
    route, length = _network(rng, 40, 60)
    gain = rng.gamma(0.3, 3, len(route))
    budget = 0.1 * length.sum()
    gains = [
        chosen_corridors(gain, route, length, budget_m=budget, min_length_m=shortest).gain.sum()
        for shortest in (0, 100, 400, 1000)
    ]
    assert np.all(np.diff(gains) < 0)


def test_order_of_routes_and_their_direction_do_not_matter():
    rng = np.random.default_rng(6)
    route, length = _network(rng, 30, 40)
    gain = rng.gamma(0.3, 3, len(route))
    plain = chosen_corridors(gain, route, length, budget_m=0.15 * length.sum())
    turned = chosen_corridors(
        gain[::-1], route.max() - route[::-1], length[::-1], budget_m=0.15 * length.sum()
    )
    assert turned.gain.sum() == pytest.approx(plain.gain.sum())
    assert sorted(len(gain) - turned.last) == plain.first.tolist()


def test_dearer_and_longer_units_scale():
    rng = np.random.default_rng(8)
    route, length = _network(rng, 30, 40)
    gain = rng.gamma(0.3, 3, len(route))
    plain = chosen_corridors(gain, route, length, budget_m=2000)
    scaled = chosen_corridors(gain * 1e6, route, length, budget_m=2000)
    np.testing.assert_array_equal(scaled.first, plain.first)
    assert scaled.price == pytest.approx(plain.price * 1e6)


@pytest.mark.parametrize("budget", [0.0, 399.0])
def test_a_budget_below_one_corridor_chooses_nothing(budget):
    best = chosen_corridors([5.0] * 9, [0] * 9, [80.0] * 9, budget_m=budget)
    assert len(best.first) == 0


def test_roads_that_are_all_too_short_give_nothing():
    best = chosen_corridors([5.0, 5, 5], [0, 1, 2], [80.0] * 3, budget_m=1000, min_length_m=100)
    assert len(best.first) == 0
    assert best.bound == 0
    assert best.gap == 0


def test_no_piece_at_all_gives_nothing():
    best = chosen_corridors([], [], [], budget_m=100)
    assert len(best.first) == 0


@pytest.mark.parametrize("kind", ["rates", "ties", "one road"])
def test_sixty_thousand_pieces_take_seconds_and_the_gap_is_tiny(kind):
    rng = np.random.default_rng(1)
    sizes = rng.geometric(1 / 25, 2_400) if kind != "one road" else np.array([60_000])
    route = np.repeat(np.arange(len(sizes)), sizes)
    length = np.repeat(rng.uniform(60, 100, len(sizes)), sizes)
    gain = rng.poisson(0.3, len(route)) if kind == "ties" else rng.gamma(0.3, 3, len(route))
    begin = time.process_time()
    best = chosen_corridors(gain, route, length, budget_m=0.1 * length.sum())
    assert time.process_time() - begin < 5  # about 1 s on an idle core
    assert best.gap < 1e-3
    _holds(best, np.asarray(gain), route, length, 0.1 * length.sum(), 400, 5000)


@pytest.mark.parametrize(
    ("gain", "route", "length", "extra", "words"),
    [
        ([1], [0, 0], [1, 1], {}, "match"),
        ([1, 1], [1, 0], [1, 1], {}, "ascending"),
        ([1, np.nan], [0, 0], [1, 1], {}, "finite"),
        ([1, 1], [0, 0], [1, 0], {}, "above 0"),
        ([1, 1], [0, 0], [1, 1], {"budget_m": -1}, "budget"),
        ([1, 1], [0, 0], [1, 1], {"min_length_m": 10, "max_length_m": 5}, "ordered"),
    ],
)
def test_what_cannot_be_is_told(gain, route, length, extra, words):
    with pytest.raises(InvalidParameter, match=words):
        chosen_corridors(gain, route, length, **{"budget_m": 1.0, **extra})
