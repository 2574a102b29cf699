"""Density along a network against what the heat equation gives on lines, stars, rings and dead ends."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from spatial.errors import InvalidValues
from spatial.network.density import network_density, network_density_of_points
from spatial.network.parts import Lixels, Network, Routes
from tests.spatial.network.made_density import grid, lixels_along, made, star

Floats = NDArray[np.float64]

# Pieces are h = sigma / 10 long. A point between the middles of two pieces is shared by them, which adds a
# variance of at most h² / 4, and values are means over pieces, which adds h² / 12: together sigma² / 300, of
# which the peak loses half.
OF_PEAK = 2e-3


def line(length_m: float, lixel_m: float) -> tuple[Network, Routes, Lixels]:
    return made([0.0, length_m], [0.0, 0.0], [0], [1], lixel_m=lixel_m)


def gaussian(lixels: Lixels, at_m: float, sigma_m: float) -> Floats:
    """Return the mean of the normal density over each lixel, per kilometre."""
    share = norm.cdf(lixels.end_m, at_m, sigma_m) - norm.cdf(lixels.start_m, at_m, sigma_m)
    return np.asarray(1000 * share / lixels.length_m)


def total(density: Floats, lixels: Lixels) -> float:
    return float((density * lixels.length_m).sum() / 1000)


@pytest.mark.parametrize("at_m", [5000.0, 5003.7, 5020.0])
@pytest.mark.parametrize("sigma_m", [100.0, 250.0, 600.0])
def test_a_point_of_a_long_road_becomes_a_gaussian(at_m: float, sigma_m: float) -> None:
    network, routes, lixels = line(10_000.0, 40.0)
    found = network_density_of_points(network, routes, lixels, [0], [at_m], sigma_m=sigma_m)
    expected = gaussian(lixels, at_m, sigma_m)
    np.testing.assert_allclose(found, expected, rtol=0, atol=OF_PEAK * expected.max())


def test_the_bandwidth_is_the_standard_deviation() -> None:
    network, routes, lixels = line(10_000.0, 20.0)
    found = network_density_of_points(network, routes, lixels, [0], [5000.0], sigma_m=250.0)
    mass = found * lixels.length_m / 1000
    middle = (lixels.start_m + lixels.end_m) / 2
    assert (mass * middle).sum() == pytest.approx(5000.0, abs=1e-3)
    # The two ways of being spread over a piece, of a point and of a mean, add 20²/12 and less than 20²/3.
    assert 250**2 <= (mass * (middle - 5000) ** 2).sum() <= 250**2 + 170


def test_counts_of_lixels_are_spread_over_them_evenly() -> None:
    network, routes, lixels = line(8000.0, 80.0)
    counts = np.zeros(len(lixels.route))
    counts[[50, 53]] = 2, 1
    found = network_density(network, routes, lixels, counts, sigma_m=250.0)
    places = np.concatenate(
        [lixels.start_m[50] + np.arange(0.5, 80), lixels.start_m[53] + np.arange(0.5, 80)]
    )
    weight = np.repeat([2 / 80, 1 / 80], 80)
    exact = np.sum([w * gaussian(lixels, at, 250.0) for w, at in zip(weight, places, strict=True)], axis=0)
    np.testing.assert_allclose(found, exact, rtol=0, atol=OF_PEAK * exact.max())


@pytest.mark.parametrize("n_arms", [2, 3, 4, 5])
@pytest.mark.parametrize("at_m", [30.0, 140.0, 400.0])
def test_a_junction_lets_two_in_as_many_as_its_arms_pass_into_each(n_arms: int, at_m: float) -> None:
    network, routes, lixels = star(n_arms, 4000.0, lixel_m=40.0)
    found = network_density_of_points(network, routes, lixels, [0], [at_m], sigma_m=200.0)
    back, through = gaussian(lixels, -at_m, 200.0), 2 / n_arms * gaussian(lixels, -at_m, 200.0)
    own = gaussian(lixels, at_m, 200.0) + (2 / n_arms - 1) * back
    expected = np.where(lixels.route == 0, own, through)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2 * OF_PEAK * expected.max())


@pytest.mark.parametrize("n_arms", [3, 4, 7])
def test_a_point_on_a_junction_is_spread_over_its_arms_alike(n_arms: int) -> None:
    network, routes, lixels = star(n_arms, 4000.0, lixel_m=80.0)
    found = network_density_of_points(network, routes, lixels, [0], [0.0], sigma_m=250.0)
    by_arm = found.reshape(n_arms, -1)
    np.testing.assert_allclose(by_arm, np.tile(by_arm[0], (n_arms, 1)), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(by_arm.sum(axis=1) * 0.08, 1 / n_arms, rtol=1e-9)


def test_a_ring_wraps_the_gaussian() -> None:
    angle = np.arange(40) * 2 * np.pi / 40
    network, routes, lixels = made(
        300 * np.cos(angle), 300 * np.sin(angle), np.arange(40), (np.arange(40) + 1) % 40, lixel_m=16.0
    )
    around = float(network.length_m.sum())
    at = network.length_m[0] / 2
    found = network_density_of_points(network, routes, lixels, [0], [at], sigma_m=400.0)
    along = network.length_m[0] * lixels.route
    on_ring = replace(lixels, start_m=lixels.start_m + along, end_m=lixels.end_m + along)
    expected = np.sum([gaussian(on_ring, at + turn * around, 400.0) for turn in range(-4, 5)], axis=0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=OF_PEAK * expected.max())


def test_a_road_that_ends_where_it_starts_keeps_its_mass() -> None:
    network, routes, lixels = made([0.0, 500.0], [0.0, 0.0], [0, 1], [1, 1], lixel_m=50.0)
    ring = replace(network, length_m=np.array([500.0, 600.0]))
    routes = replace(routes, length_m=ring.length_m)
    lixels = lixels_along(routes, 50.0)
    found = network_density_of_points(ring, routes, lixels, [0], [450.0], sigma_m=150.0)
    assert total(found, lixels) == pytest.approx(1.0, abs=1e-9)
    on_ring = found[lixels.route == 1]
    np.testing.assert_allclose(on_ring, on_ring[::-1], rtol=1e-9)


def test_a_dead_end_turns_back() -> None:
    network, routes, lixels = line(6000.0, 40.0)
    found = network_density_of_points(network, routes, lixels, [0], [100.0], sigma_m=250.0)
    expected = gaussian(lixels, 100.0, 250.0) + gaussian(lixels, -100.0, 250.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=OF_PEAK * expected.max())


def test_parts_of_a_network_that_do_not_touch_never_mix() -> None:
    network, routes, lixels = made([0, 500, 0, 500], [0, 0, 1, 1], [0, 2], [1, 3], lixel_m=50.0)
    counts = np.where(lixels.route == 0, 3.0, 0.0)
    found = network_density(network, routes, lixels, counts, sigma_m=10_000.0)
    assert (found[lixels.route == 1] == 0).all()
    np.testing.assert_allclose(found[lixels.route == 0], 60.0, rtol=1e-9)


def test_a_wide_bandwidth_gives_the_mean_of_a_component() -> None:
    network, routes, lixels = grid(6, 160.0, lixel_m=80.0)
    found = network_density(network, routes, lixels, np.eye(1, len(lixels.route), 7)[0], sigma_m=1e6)
    np.testing.assert_allclose(found, 1000 / network.length_m.sum(), rtol=1e-9)


def test_what_one_lixel_gives_another_it_gets_back() -> None:
    network, routes, lixels = uneven()
    unit = np.eye(len(lixels.route))
    found = np.array([network_density(network, routes, lixels, row, sigma_m=90.0) for row in unit])
    np.testing.assert_allclose(found, found.T, rtol=1e-9, atol=1e-9)
    assert (found >= 0).all()


def test_the_density_is_linear_in_counts() -> None:
    network, routes, lixels = uneven()
    rng = np.random.default_rng(3)
    a, b = rng.poisson(2.0, (2, len(lixels.route))).astype(float)
    of = [network_density(network, routes, lixels, counts, sigma_m=120.0) for counts in (a, b, 2 * a + 3 * b)]
    np.testing.assert_allclose(of[2], 2 * of[0] + 3 * of[1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sigma_m", [5.0, 60.0, 250.0, 5000.0])
def test_the_density_keeps_its_mass(sigma_m: float) -> None:
    network, routes, lixels = uneven()
    rng = np.random.default_rng(4)
    counts = rng.poisson(3.0, len(lixels.route))
    found = network_density(network, routes, lixels, counts, sigma_m=sigma_m)
    assert total(found, lixels) == pytest.approx(counts.sum(), abs=1e-9)
    route = rng.integers(0, len(routes.length_m), 200)
    offset = rng.random(200) * routes.length_m[route]
    weight = rng.random(200)
    found = network_density_of_points(network, routes, lixels, route, offset, weight=weight, sigma_m=sigma_m)
    assert total(found, lixels) == pytest.approx(weight.sum(), abs=1e-9)


def test_routes_of_several_edges_in_both_directions_change_nothing() -> None:
    network, routes, _ = made(
        [0, 300, 450, 900, 300], [0, 0, 0, 0, 400], [0, 2, 2, 1], [1, 1, 3, 4], lixel_m=50.0
    )
    strung = Routes(
        np.array([0, 1, 2, 3]), np.array([False, True, False, False]), np.array([0, 0, 0, 1]),
        np.array([0.0, 300.0, 450.0, 0.0]), np.array([900.0, 400.0]), routes.name[:2], routes.road_class[:2],
        routes.is_loop[:2],
    )  # fmt: skip
    on_strung = network_density_of_points(
        network, strung, lixels_along(strung, 50.0), [0, 0, 1], [410.0, 480.0, 30.0], sigma_m=130.0
    )
    plain = network_density_of_points(
        network, routes, lixels_along(routes, 50.0), [1, 2, 3], [40.0, 30.0, 30.0], sigma_m=130.0
    )
    street = np.concatenate([plain[:6], plain[6:9][::-1], plain[9:18]])
    np.testing.assert_allclose(on_strung, np.concatenate([street, plain[18:]]), rtol=1e-9)


def test_lixels_that_straddle_junctions_hold_what_finer_ones_hold() -> None:
    network, routes, _ = made([0, 330, 700, 330], [0, 0, 0, 250], [0, 1, 1], [1, 2, 3], lixel_m=50.0)
    no = np.zeros(3, dtype=bool)
    strung = Routes(
        np.array([0, 1, 2]), no, np.array([0, 0, 1]), np.array([0.0, 330.0, 0.0]), np.array([700.0, 250.0]),
        routes.name[:2], routes.road_class[:2], no[:2],
    )  # fmt: skip
    coarse, fine = lixels_along(strung, 100.0), lixels_along(strung, 25.0)
    of = {
        size: network_density_of_points(network, strung, lixels, [0, 1], [320.0, 90.0], sigma_m=80.0)
        for size, lixels in (("coarse", coarse), ("fine", fine))
    }
    street = of["fine"][:28].reshape(7, 4).mean(axis=1)
    np.testing.assert_allclose(of["coarse"][:7], street, rtol=0, atol=2 * OF_PEAK * street.max())


def test_a_junction_that_almost_is_the_border_of_two_lixels_loses_nothing() -> None:
    network, routes, _ = made([0, 100.0004, 200], [0, 0, 0], [0, 1], [1, 2], lixel_m=50.0)
    no = np.zeros(2, dtype=bool)
    strung = Routes(
        np.array([0, 1]), no, np.array([0, 0]), np.array([0.0, 100.0004]), np.array([200.0]),
        routes.name[:1], routes.road_class[:1], no[:1],
    )  # fmt: skip
    lixels = lixels_along(strung, 50.0)
    found = network_density(network, strung, lixels, [1, 5, 0, 2], sigma_m=100.0)
    assert total(found, lixels) == pytest.approx(8.0, abs=1e-9)
    found = network_density_of_points(network, strung, lixels, [0, 0], [99.9999, 100.0002], sigma_m=100.0)
    assert total(found, lixels) == pytest.approx(2.0, abs=1e-9)


def test_sixty_thousand_lixels_take_seconds() -> None:
    network, routes, lixels = grid(124, 160.0, lixel_m=80.0)
    counts = np.random.default_rng(5).poisson(0.5, len(lixels.route))
    started = time.perf_counter()
    found = network_density(network, routes, lixels, counts, sigma_m=250.0)
    # Measured: 2 s on two shared cores.
    assert time.perf_counter() - started < 30
    assert len(found) > 60_000
    assert total(found, lixels) == pytest.approx(counts.sum(), rel=1e-12)


def test_no_incidents_are_no_density() -> None:
    network, routes, lixels = uneven()
    assert (network_density(network, routes, lixels, np.zeros(len(lixels.route))) == 0).all()
    assert (network_density_of_points(network, routes, lixels, [], []) == 0).all()


def test_no_roads_are_no_density() -> None:
    network, routes, lixels = made([], [], [], [], lixel_m=80.0)
    assert network_density(network, routes, lixels, []).shape == (0,)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda n, r, x: network_density(n, r, x, [1.0]), "a count for each lixel"),
        (lambda n, r, x: network_density(n, r, x, -np.ones(len(x.route))), "not negative"),
        (lambda n, r, x: network_density(n, r, x, np.full(len(x.route), np.nan)), "finite"),
        (lambda n, r, x: network_density(n, r, x, np.ones(len(x.route)), sigma_m=0.0), "above 0 m"),
        (lambda n, r, x: network_density(n, r, x, np.ones(len(x.route)), sigma_m=np.inf), "above 0 m"),
        (lambda n, r, x: network_density_of_points(n, r, x, [99], [1.0]), "route numbers"),
        (lambda n, r, x: network_density_of_points(n, r, x, [-1], [1.0]), "got -1"),
        (lambda n, r, x: network_density_of_points(n, r, x, [0], [np.nan]), "finite offset"),
        (lambda n, r, x: network_density_of_points(n, r, x, [0], [1.0], weight=[1, 2]), "weight for each"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(ask: Callable[..., Floats], message: str) -> None:
    with pytest.raises(InvalidValues, match=message):
        ask(*uneven())


def uneven() -> tuple[Network, Routes, Lixels]:
    """A few roads of uneven lengths with a triangle, a dead end and one street beside another."""
    node_x, node_y = [0.0, 310.0, 120.0, 130.0, 600.0, 300.0], [0.0, 40.0, 255.0, 260.0, 10.0, 90.0]
    return made(node_x, node_y, [0, 1, 2, 2, 1, 1, 5], [1, 2, 0, 3, 4, 5, 4], lixel_m=60.0)
