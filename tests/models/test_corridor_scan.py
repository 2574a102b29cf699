"""The corridor scan: planted corridors found, decoys told apart, invariances, input that cannot carry it."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.corridor_scan import CorridorScan, corridor_scan, critical_llr, family_wise_p
from models.errors import DegenerateInput, InvalidParameter, TooFewObservations
from tests.studies.calibration_corridors import (
    LAWS,
    LENGTH_M,
    ROUTE,
    class_mean,
    false_alarm,
    planted,
)

Ints = NDArray[np.int64]

STREETS, LIXELS = 20, 30
N = STREETS * LIXELS
SMALL_ROUTE = np.repeat(np.arange(STREETS), LIXELS)


def scanned(y: Any, mu: Any = None, route: Any = SMALL_ROUTE, seed: int = 0, **options: Any) -> CorridorScan:
    options = {"simulations": 99, "bootstraps": 0} | options
    length_m = options.pop("length_m", np.full(len(route), 80.0))
    mu = np.ones(len(route)) if mu is None else mu
    return corridor_scan(y, mu, route, length_m, rng=np.random.default_rng(seed), **options)


def small_city(raised: tuple[int, int] = (95, 110)) -> Ints:
    y = np.random.default_rng(3).poisson(1.0, N)
    y[slice(*raised)] = np.random.default_rng(4).poisson(4.0, raised[1] - raised[0])
    return y


def test_planted_corridors_are_found_where_they_are() -> None:
    found = [planted(0.0, 3.0, seed) for seed in range(6)]
    assert np.mean([one.iou for one in found]) >= 0.7
    assert np.mean([one.power for one in found]) >= 0.8
    assert sum(one.decoys_called for one in found) == 0


def test_a_found_corridor_says_what_it_holds() -> None:
    y = small_city()
    found = scanned(y, bootstraps=20)
    assert len(found) == 1
    first, last = int(found.first[0]), int(found.last[0])
    assert found.route.tolist() == [3]
    assert abs(first - 95) <= 2
    assert abs(last - 110) <= 2
    assert found.count.tolist() == [y[first:last].sum()]
    assert found.expected[0] == pytest.approx(last - first)
    assert found.locations.tolist() == [np.count_nonzero(y[first:last])]
    assert found.p.tolist() == [0.01]
    assert found.p_source.tolist() == ["monte-carlo"]
    assert found.stability[0] > 0.9
    assert not found.is_intersection[0]
    assert found.diagnostics["best_llr"] == pytest.approx(found.llr[0])


def test_a_single_hot_junction_is_an_intersection_finding() -> None:
    y = np.random.default_rng(3).poisson(1.0, N)
    y[200] = 60
    found = scanned(y, null_model="poisson")
    assert found.is_intersection.tolist() == [True]
    assert (int(found.first[0]), int(found.last[0])) == (200, 201)


def test_a_dead_end_stub_is_too_short_for_a_corridor() -> None:
    y = np.append(np.random.default_rng(3).poisson(1.0, N), 9)
    found = scanned(y, mu=np.append(np.ones(N), 0.1), route=np.append(SMALL_ROUTE, STREETS))
    assert len(found) == 0
    assert found.diagnostics["scanned_lixels"] == N


def test_places_tell_a_junction_from_a_stretch() -> None:
    y = small_city()
    lixel = np.repeat(np.arange(N), y)
    place = np.where((lixel >= 95) & (lixel < 110), -1, lixel)
    assert scanned(y, location=(lixel, lixel)).is_intersection.tolist() == [False]
    assert scanned(y, location=(lixel, place), max_length_m=1200).is_intersection.tolist() == [True]


def test_the_same_seed_gives_the_same_answer_whatever_the_threads() -> None:
    y = small_city()
    one, other = scanned(y, threads=1, bootstraps=10), scanned(y, threads=3, bootstraps=10)
    assert one.maxima.tobytes() == other.maxima.tobytes()
    assert one.stability.tobytes() == other.stability.tobytes()
    assert one.diagnostics == other.diagnostics


def test_more_simulations_keep_the_maps_of_fewer() -> None:
    y = small_city()
    few, many = scanned(y, simulations=19), scanned(y, simulations=60)
    assert many.maxima[:19].tolist() == few.maxima.tolist()


def test_routes_in_another_order_give_the_same_corridors() -> None:
    y, mu = small_city(), np.random.default_rng(5).gamma(9, 1 / 9, N)
    order = np.random.default_rng(6).permutation(STREETS)
    rows = np.concatenate([np.flatnonzero(SMALL_ROUTE == one) for one in order])
    here, there = scanned(y, mu), scanned(y[rows], mu[rows])
    assert rows[there.first].tolist() == here.first.tolist()
    assert there.llr == pytest.approx(here.llr)
    assert (there.p <= 0.05).tolist() == (here.p <= 0.05).tolist()


def test_a_street_run_backwards_gives_the_same_corridors() -> None:
    y, mu = small_city(), np.random.default_rng(5).gamma(9, 1 / 9, N)
    back = np.concatenate([np.flatnonzero(SMALL_ROUTE == one)[::-1] for one in range(STREETS)])
    here, there = scanned(y, mu), scanned(y[back], mu[back])
    assert back[there.last - 1].tolist() == here.first.tolist()
    assert back[there.first].tolist() == (here.last - 1).tolist()
    assert there.llr == pytest.approx(here.llr, rel=1e-6)


def test_the_unit_of_the_expectation_does_not_matter() -> None:
    y, mu = small_city(), np.random.default_rng(5).gamma(9, 1 / 9, N)
    here, there = scanned(y, mu), scanned(y, 1000 * mu)
    assert there.first.tolist() == here.first.tolist()
    assert there.llr == pytest.approx(here.llr)


def test_progress_is_told_up_to_all_maps() -> None:
    heard: list[int] = []
    scanned(small_city(), simulations=30, progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 30


def test_poisson_takes_for_corridors_what_nb_takes_for_heterogeneity() -> None:
    rng = np.random.default_rng(8)
    y = rng.poisson(rng.gamma(0.5, 2.0, N))
    poisson, nb = scanned(y, null_model="poisson"), scanned(y)
    assert poisson.diagnostics["best_p"] == 0.01
    assert nb.diagnostics["best_p"] > 0.05
    assert nb.heterogeneity.k_1 == pytest.approx(2.0, abs=0.5)
    assert "640 m" in nb.diagnostics["warnings"][0]


def test_more_than_the_level_is_reported_on_request() -> None:
    y = np.random.default_rng(3).poisson(1.0, N)
    usual, more = scanned(y), scanned(y, report_p=1.0)
    assert len(usual) == 0
    assert usual.diagnostics["best_p"] > 0.05
    assert len(more) > 0
    assert more.p[0] == usual.diagnostics["best_p"]
    assert (np.diff(more.llr) <= 1e-8).all()


def test_what_is_significant_stays_as_it_is_where_more_is_reported() -> None:
    y = small_city()
    usual, more = scanned(y), scanned(y, report_p=1.0)
    assert len(more) > len(usual) > 0
    kept = more.p <= 0.05
    assert more.first[kept].tolist() == usual.first.tolist()
    assert more.last[kept].tolist() == usual.last.tolist()


def test_no_two_corridors_share_a_lixel() -> None:
    found = scanned(np.random.default_rng(3).poisson(1.0, N), report_p=1.0)
    corridors = ~found.is_intersection
    used = np.concatenate(
        [np.arange(a, b) for a, b in zip(found.first[corridors], found.last[corridors], strict=True)]
    )
    assert len(np.unique(used)) == len(used)
    assert (SMALL_ROUTE[found.first] == SMALL_ROUTE[found.last - 1]).all()
    length_m = 80.0 * (found.last - found.first)[corridors]
    assert length_m.min() >= 400
    assert length_m.max() <= 5000


@pytest.mark.parametrize("seed", [2, 11, 16, 23, 31, 44, 58, 77])
def test_rough_networks_give_findings_within_their_bounds(seed: int) -> None:
    """Expectations over many orders of size and zeros among them; incidents where hardly any is expected."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 60, 30)
    route = np.repeat(np.arange(30) * 3, sizes)
    mu = rng.gamma(0.05, 1, len(route)) * (rng.random(len(route)) > 0.3)
    y = rng.multinomial(int(rng.choice([3, 30, 1000])), rng.dirichlet(np.full(len(route), 0.1)))
    length_m = np.repeat(rng.uniform(20, 110, 30), sizes)
    found = scanned(
        y, mu, route, length_m=length_m, report_p=1.0, simulations=19, bootstraps=3, min_length_m=200
    )
    corridor = ~found.is_intersection
    lengths = [length_m[a:b].sum() for a, b in zip(found.first[corridor], found.last[corridor], strict=True)]
    assert all(200 - 1e-5 <= length <= 5000 + 1e-5 for length in lengths)
    assert (found.count[corridor] >= 3).all()
    assert (found.locations[corridor] >= 2).all()
    assert ((found.p > 0) & (found.p <= 1)).all()
    assert np.isfinite(found.llr).all()


@pytest.mark.parametrize(
    ("y", "reason"),
    [
        (np.zeros(N, dtype=int), "0 incidents"),
        (np.eye(1, N, 5, dtype=int)[0] * 2, "2 incidents"),
    ],
)
def test_hardly_any_incidents_give_an_empty_answer_with_the_reason(y: Ints, reason: str) -> None:
    found = scanned(y)
    assert len(found) == 0
    assert found.reason is not None
    assert reason in found.reason
    assert reason in found.diagnostics["warnings"][0]


def test_five_incidents_are_scanned_and_called_few() -> None:
    y = np.zeros(N, dtype=int)
    y[[3, 100, 250, 400, 599]] = 1
    found = scanned(y)
    assert len(found) == 0
    assert found.diagnostics["best_p"] == 1.0
    assert any("5 incidents are few" in said for said in found.diagnostics["warnings"])


def test_all_incidents_in_one_lixel_are_an_intersection() -> None:
    found = scanned(np.eye(1, N, 77, dtype=int)[0] * 40)
    assert found.is_intersection.tolist() == [True]
    assert (int(found.first[0]), int(found.last[0]), int(found.locations[0])) == (77, 78, 1)


def test_incidents_where_none_is_expected_are_left_out_and_counted() -> None:
    y, mu = small_city(), np.ones(N)
    mu[300:330] = 0
    lixel = np.repeat(np.arange(N), y)
    found = scanned(y, mu, location=(lixel, lixel))
    assert found.diagnostics["unexpected_incidents"] == y[300:330].sum() > 0
    assert found.diagnostics["incidents"] == y.sum() - y[300:330].sum()
    assert any("left out" in said for said in found.diagnostics["warnings"])
    assert found.route.tolist() == [3]


def test_one_route_alone_is_scanned() -> None:
    y = np.random.default_rng(3).poisson(1.0, N)
    y[100:115] += 6
    found = scanned(y, route=np.zeros(N, dtype=int), max_length_m=2000)
    assert found.route.tolist() == [0]
    assert abs(int(found.first[0]) - 100) <= 2


def test_routes_too_short_for_a_corridor_give_the_longest_one_as_reason() -> None:
    found = scanned(np.ones(N, dtype=int), route=np.repeat(np.arange(N // 3), 3))
    assert found.reason == "no route has a stretch of 400 to 5000 m; the longest one has 240 m"


def test_a_stretch_that_is_half_of_everything_cannot_be_told_from_the_rest() -> None:
    found = scanned(np.full(6, 9), route=np.zeros(6, dtype=int))
    assert found.reason == "every stretch expects nothing, or more than half of all incidents"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"mu": np.ones(3)}, InvalidParameter, "one length"),
        ({"y": np.full(N, 0.5)}, InvalidParameter, "no whole numbers"),
        ({"y": np.full(N, -1)}, InvalidParameter, "negative"),
        ({"mu": np.full(N, np.nan)}, InvalidParameter, "not finite"),
        ({"route": SMALL_ROUTE[::-1]}, InvalidParameter, "ascending"),
        ({"length_m": np.zeros(N)}, InvalidParameter, "above 0 m"),
        ({"mu": np.zeros(N)}, DegenerateInput, "got 0 everywhere"),
        ({"y": [], "mu": [], "route": np.empty(0, dtype=int)}, TooFewObservations, "at least 1 lixel"),
        ({"min_length_m": 900, "max_length_m": 800}, InvalidParameter, "got 900 and 800"),
        ({"null_model": "gamma"}, InvalidParameter, "nb, poisson"),
        ({"alpha": 0.0}, InvalidParameter, "alpha"),
        ({"report_p": 0.01}, InvalidParameter, "report_p"),
        ({"simulations": 0}, InvalidParameter, "at least 1 simulation"),
        ({"bootstraps": -1}, InvalidParameter, "bootstraps"),
        ({"threads": 0}, InvalidParameter, "thread"),
        ({"location": ([0], [0])}, InvalidParameter, "places"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], error: type[Exception], message: str) -> None:
    given = {"y": small_city()} | change
    with pytest.raises(error, match=message):
        scanned(given.pop("y"), given.pop("mu", None), given.pop("route", SMALL_ROUTE), **given)


def test_p_that_cannot_be_small_enough_is_told() -> None:
    found = scanned(small_city(), simulations=9)
    assert len(found) == 0
    assert found.diagnostics["critical_llr"] is None
    assert any("cannot be reached" in said for said in found.diagnostics["warnings"])


def test_what_cannot_be_significant_is_reported_on_request_without_stability() -> None:
    found = scanned(small_city(), simulations=9, report_p=0.2, bootstraps=5)
    assert found.p.tolist() == [0.1]
    assert np.isnan(found.stability).all()


def test_a_gumbel_tail_of_few_maps_decides_nothing() -> None:
    maxima = np.random.default_rng(0).gumbel(8, 1, 998)
    p, source = family_wise_p([40.0], maxima)
    assert (p.tolist(), source.tolist()) == ([1 / 999], ["monte-carlo"])
    assert critical_llr(maxima, 1e-4) == np.inf
    more = np.append(maxima, 8.0)
    p, source = family_wise_p([40.0, 8.0], more)
    assert p[0] < 1e-6
    assert source.tolist() == ["gumbel", "monte-carlo"]
    critical = critical_llr(more, 1e-4)
    assert family_wise_p([critical], more)[0][0] == pytest.approx(1e-4, rel=0.01)


def test_the_critical_score_is_where_p_meets_the_level() -> None:
    maxima = np.random.default_rng(0).gumbel(8, 1, 199)
    critical = critical_llr(maxima, 0.05)
    assert family_wise_p([critical], maxima)[0][0] <= 0.05 < family_wise_p([critical - 1e-6], maxima)[0][0]
    assert critical_llr(maxima, 1.0) < 1e-6


def test_false_alarms_keep_to_the_level_on_a_few_maps() -> None:
    law = {one.name: one for one in LAWS}["k = 2 per lixel"]
    alarms = [false_alarm(law, "nb", seed, simulations=39) for seed in range(40)]
    assert np.mean(alarms) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 40)
    assert false_alarm(law, "poisson", 0, simulations=39)


def test_the_made_city_has_the_size_of_a_city() -> None:
    assert 2_000 <= len(ROUTE) <= 6_000
    assert (LENGTH_M == 80).all()
    assert class_mean(np.ones(len(ROUTE))).tolist() == [1.0] * len(ROUTE)
