import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial.errors import InvalidValues
from spatial.network.lixels import lixels_of
from spatial.network.parts import Network, Snaps
from spatial.network.pieces import class_order, route_paths
from spatial.network.routes import routes_of
from spatial.network.snapping import TIE_M, snapped
from tests.spatial.network.made_networks import (
    grid_network,
    grid_roads,
    made_network,
    moved,
    network_from,
    shuffled,
    turned_xy,
)
from tests.spatial.network.test_routes import ragged_roads


def snaps_of(network: Network, x: object, y: object, **options: object) -> Snaps:
    routes = routes_of(network)
    return snapped(network, routes, lixels_of(network, routes), x, y, **options)  # type: ignore[arg-type]


def street_at(network: Network, snaps: Snaps) -> list[str | None]:
    routes = routes_of(network)
    return [routes.name[route] if route >= 0 else None for route in snaps.route.tolist()]


def points_along(network: Network, n: int, spread_m: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return points near the network and the edges that they were drawn from, by length."""
    rng = np.random.default_rng(seed)
    edge = rng.choice(len(network.line), n, p=network.length_m / network.length_m.sum())
    at = shapely.line_interpolate_point(network.line[edge], rng.random(n), normalized=True)
    return shapely.get_coordinates(at) + rng.normal(0, spread_m, (n, 2)), edge


@pytest.fixture(scope="module")
def cross() -> Network:
    """Return a cross: Main Street (primary) from west to east, Oak Street from south to north, 200 m each."""
    return made_network(
        [[(-100, 0), (0, 0)], [(0, 0), (100, 0)], [(0, -100), (0, 0)], [(0, 0), (0, 100)]],
        ["Main St", "Main St", "Oak St", "Oak St"],
        ["primary", "primary", "residential", "residential"],
    )


def test_a_cross_worked_by_hand(cross: Network) -> None:
    # 3 m north of Main Street at 40 m from its west end; beside Oak Street; at the crossing; too far away.
    snaps = snaps_of(cross, [-60.0, 4.0, 0.0, 60.0], [3.0, -50.0, 0.0, 26.0])
    assert street_at(cross, snaps) == ["Main St", "Oak St", "Main St", None]
    assert snaps.offset_m.tolist() == pytest.approx([40, 50, 100, np.nan], nan_ok=True)
    assert snaps.distance_m.tolist() == pytest.approx([3, 4, 0, 26])
    assert snaps.second_m.tolist() == pytest.approx([np.inf, np.inf, 0, np.inf])
    assert snaps.is_ambiguous.tolist() == [False, False, True, False]
    assert snaps.by_name.tolist() == [False] * 4
    # Two pieces of 100 m of each route (200 / 80 = 2.5, rounded to 2); Main Street starts farther west.
    assert snaps.lixel.tolist() == [0, 2, 1, -1]


def test_the_reported_street_beats_a_nearer_one(cross: Network) -> None:
    x, y = [4.0] * 5, [10.0] * 5
    streets = ["MAIN STREET", "100 block of Main", "OAK ST & MAIN ST", "ELM ST", None]
    snaps = snaps_of(cross, x, y, street=streets)
    assert street_at(cross, snaps) == ["Main St", "Main St", "Oak St", "Oak St", "Oak St"]
    assert snaps.by_name.tolist() == [True, True, False, False, False]
    assert snaps.distance_m.tolist() == pytest.approx([10, 10, 4, 4, 4])
    assert snaps.second_m.tolist() == pytest.approx([4, 4, 10, 10, 10])
    assert not snaps.is_ambiguous.any()


def test_at_a_crossing_the_first_street_of_the_report_decides(cross: Network) -> None:
    streets = ["OAK ST / MAIN ST", "MAIN ST AT OAK ST", "Elm St & Oak St", None]
    snaps = snaps_of(cross, [0.0] * 4, [0.0] * 4, street=streets)
    assert street_at(cross, snaps) == ["Oak St", "Main St", "Oak St", "Main St"]
    assert snaps.by_name.tolist() == [True, True, True, False]
    assert snaps.is_ambiguous.tolist() == [False, False, False, True]


def test_ties_go_by_class_then_traffic_then_name() -> None:
    lines = [[(0, 0), (100, 0)], [(0, 10), (100, 10)]]
    cases = [
        (["A St", "B St"], ["residential", "primary"], [np.nan, np.nan], "B St"),
        (["A St", "B St"], ["primary", "primary"], [1_000.0, 9_000.0], "B St"),
        (["A St", "B St"], ["primary", "primary"], [np.nan, 10.0], "B St"),
        (["B St", "A St"], ["primary", "primary"], [10.0, 10.0], "A St"),
        ([None, "Z St"], ["primary", "primary"], [10.0, 10.0], "Z St"),
    ]
    found = []
    for names, classes, aadt, _ in cases:
        network = made_network(lines, names, classes, aadt)
        snaps = snaps_of(network, [50.0], [5.0 - 0.4 * TIE_M])
        found.append((street_at(network, snaps)[0], bool(snaps.is_ambiguous[0])))
    assert found == [(winner, True) for *_, winner in cases]


def test_what_is_clearly_nearer_wins_whatever_its_class() -> None:
    network = made_network([[(0, 0), (100, 0)], [(0, 10), (100, 10)]], ["A", "B"], ["service", "motorway"])
    snaps = snaps_of(network, [50.0], [5.0 - 0.6 * TIE_M])
    assert street_at(network, snaps) == ["A"]
    assert not snaps.is_ambiguous[0]


def test_an_end_where_one_route_goes_on_is_not_ambiguous(cross: Network) -> None:
    # The corner of two edges of one route has no other route near it.
    network = made_network([[(-100, 0), (0, 0)], [(0, 0), (100, 0)]], ["Main St"] * 2)
    snaps = snaps_of(network, [0.0], [2.0])
    assert not snaps.is_ambiguous[0]
    assert snaps.second_m[0] == np.inf


def test_points_on_a_folded_line_belong_to_the_edge_that_stands_for_it() -> None:
    # The second carriageway lies 30 m north; the edge is run from east to west in the file.
    network = made_network(
        [[(200, 0), (0, 0)]], ["Main Blvd"], ["primary"], folded=[([(0, 30), (200, 30)], 0, 0)]
    )
    snaps = snaps_of(network, [50.0, 50.0, 50.0], [32.0, 1.0, 90.0])
    assert snaps.offset_m.tolist() == pytest.approx([50, 50, np.nan], nan_ok=True)
    assert snaps.distance_m.tolist() == pytest.approx([2, 1, 60])
    assert snaps.lixel.tolist() == [0, 0, -1]
    assert not snaps.is_ambiguous.any()


@pytest.mark.parametrize("tolerance_m", [3.0, 25.0, 120.0])
def test_nearest_agrees_with_every_line_measured(tolerance_m: float) -> None:
    network = network_from(ragged_roads())
    routes = routes_of(network)
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-150, 750, (2, 1_500))
    snaps = snaps_of(network, x, y, tolerance_m=tolerance_m)
    every = shapely.distance(shapely.points(x, y)[:, None], network.line[None, :])
    nearest = every.min(axis=1)
    assert (snaps.is_snapped == (nearest <= tolerance_m)).all()
    inside = snaps.is_snapped
    assert (snaps.distance_m[inside] <= nearest[inside] + TIE_M + 1e-9).all()
    # A tie apart, the answer is the nearest line itself; the second is the nearest of another route.
    clear = inside & ~snaps.is_ambiguous
    assert snaps.distance_m[clear] == pytest.approx(nearest[clear], abs=2e-6)
    route_of = np.empty(len(network.line), dtype=np.int64)
    route_of[routes.edge] = routes.route
    others = np.where(route_of[None, :] == snaps.route[:, None], np.inf, every).min(axis=1)
    expected = np.where(others <= tolerance_m, others, np.inf)
    assert snaps.second_m[inside] == pytest.approx(expected[inside], abs=1e-9)
    assert (
        snaps.is_ambiguous[inside] == (np.abs(others - nearest)[inside] <= TIE_M)
    ).sum() > 0.9 * inside.sum()


def test_offsets_are_where_the_nearest_place_of_the_route_is() -> None:
    network = network_from(ragged_roads())
    routes = routes_of(network)
    xy, _ = points_along(network, 2_000, 6.0)
    lixels = lixels_of(network, routes)
    snaps = snapped(network, routes, lixels, xy[:, 0], xy[:, 1])
    on = snaps.is_snapped
    x, y = route_paths(network, routes).at(snaps.route[on], snaps.offset_m[on])
    away = np.hypot(x - xy[on, 0], y - xy[on, 1])
    assert away == pytest.approx(snaps.distance_m[on], abs=1e-6)
    lixel = snaps.lixel[on]
    assert (lixels.route[lixel] == snaps.route[on]).all()
    assert (lixels.start_m[lixel] <= snaps.offset_m[on] + 1e-9).all()
    assert (snaps.offset_m[on] <= lixels.end_m[lixel] + 1e-9).all()


def test_every_point_is_snapped_or_unmatched_and_counted_once() -> None:
    network = grid_network(8, 8)
    xy, _ = points_along(network, 5_000, 15.0)
    xy[::100] += 5_000_000.0
    xy[7] = np.nan
    routes = routes_of(network)
    lixels = lixels_of(network, routes)
    snaps = snapped(network, routes, lixels, xy[:, 0], xy[:, 1])
    counts = np.bincount(snaps.lixel[snaps.is_snapped], minlength=len(lixels.route))
    unmatched = ~snaps.is_snapped
    assert counts.sum() + unmatched.sum() == 5_000
    assert len(counts) == len(lixels.route)
    assert not snaps.is_snapped[::100].any() and not snaps.is_snapped[7]
    assert np.isinf(snaps.distance_m[[7, 100]]).all()
    assert np.isnan(snaps.offset_m[unmatched]).all() and (snaps.route[unmatched] == -1).all()
    assert not snaps.is_ambiguous[unmatched].any()


def test_crashes_shaken_by_5_m_come_back_to_their_street() -> None:
    network = grid_network(15, 15)
    xy, edge = points_along(network, 20_000, 5.0)
    routes = routes_of(network)
    route_of = np.empty(len(network.line), dtype=np.int64)
    route_of[routes.edge] = routes.route
    bare = snaps_of(network, xy[:, 0], xy[:, 1])
    told = snaps_of(network, xy[:, 0], xy[:, 1], street=network.roads.name[edge])
    assert (bare.route == route_of[edge]).mean() >= 0.90
    assert (told.route == route_of[edge]).mean() >= 0.999


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_orders_of_points_and_rows_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    roads = ragged_roads()
    network = network_from(roads)
    # Junctions, corners and places between: where rules decide.
    x = np.concatenate([network.node_x, network.node_x + 0.7, rng.uniform(0, 600, 100)])
    y = np.concatenate([network.node_y, network.node_y - 0.3, rng.uniform(0, 600, 100)])
    street = rng.choice(np.array(["E 2th St", "Avenue 3 & E 4th St", None], dtype=object), len(x))
    one = snaps_of(network, x, y, street=street)
    order = rng.permutation(len(x))
    other = snaps_of(network_from(shuffled(roads, rng)[0]), x[order], y[order], street=street[order])
    for field in ("route", "lixel", "is_ambiguous", "by_name"):
        assert getattr(other, field).tolist() == getattr(one, field)[order].tolist()
    for field in ("offset_m", "distance_m", "second_m"):
        assert getattr(other, field) == pytest.approx(getattr(one, field)[order], abs=1e-6, nan_ok=True)


def test_equal_points_have_equal_answers(cross: Network) -> None:
    snaps = snaps_of(cross, np.zeros(500), np.zeros(500), street=["OAK ST", None] * 250)
    assert len(set(zip(snaps.route, snaps.offset_m, snaps.is_ambiguous, snaps.by_name, strict=True))) == 2


@pytest.mark.parametrize("degrees", [30.0, 135.0])
def test_turning_and_shifting_the_plane_changes_no_street(degrees: float) -> None:
    roads = grid_roads(6, 6)
    here = network_from(roads)
    there = network_from(moved(roads, degrees=degrees, dx=-2_000.0, dy=90_000.0))
    xy, _ = points_along(here, 2_000, 5.0)
    turned = shapely.get_coordinates(turned_xy(shapely.points(xy), degrees, -2_000.0, 90_000.0))
    one, other = snaps_of(here, xy[:, 0], xy[:, 1]), snaps_of(there, turned[:, 0], turned[:, 1])
    assert street_at(here, one) == street_at(there, other)
    assert other.distance_m == pytest.approx(one.distance_m, abs=1e-6)


def test_a_long_diagonal_is_found_all_along() -> None:
    network = made_network([[(0, 0), (7_000, 4_000)]])
    t = np.linspace(0, 1, 700)
    # 20 m beside it, to the left.
    side = np.array([-4_000.0, 7_000.0]) / np.hypot(7_000, 4_000) * 20
    snaps = snaps_of(network, 7_000 * t + side[0], 4_000 * t + side[1])
    assert snaps.is_snapped.all()
    assert snaps.distance_m == pytest.approx(20.0)
    assert snaps.offset_m == pytest.approx(t * network.length_m[0], abs=1e-6)


def test_all_points_far_away_are_unmatched(cross: Network) -> None:
    snaps = snaps_of(cross, [5_000_000.0, 0.0], [0.0, 300.0])
    assert snaps.lixel.tolist() == [-1, -1]
    # 200 m from the end of Oak Street; the other one is beyond ten times the tolerance.
    assert snaps.distance_m.tolist() == [np.inf, 200.0]


def test_nothing_to_snap_or_to_snap_to(cross: Network) -> None:
    assert len(snaps_of(cross, [], []).lixel) == 0
    assert snaps_of(made_network([]), [1.0], [2.0]).lixel.tolist() == [-1]
    assert snaps_of(cross, [np.nan], [0.0]).lixel.tolist() == [-1]


def test_what_does_not_fit_is_refused(cross: Network) -> None:
    with pytest.raises(InvalidValues, match="as many y"):
        snaps_of(cross, [1.0, 2.0], [1.0])
    with pytest.raises(InvalidValues, match="and 1 streets"):
        snaps_of(cross, [1.0, 2.0], [1.0, 2.0], street=["Main St"])
    with pytest.raises(InvalidValues, match="tolerance above 0 m, got 0"):
        snaps_of(cross, [1.0], [1.0], tolerance_m=0.0)


def test_classes_stand_in_the_order_of_roads() -> None:
    words = ["motorway", "trunk", "Primary", "secondary", "tertiary", "motorway_link", "residential", "S1400"]
    order = class_order([*words, "service", "footway"])
    assert (np.diff(order) > 0).all()


def test_what_lies_on_the_border_of_two_pieces_belongs_to_the_next() -> None:
    # 240 m in three pieces; a nanometre to either side is the same place.
    for corners in ([(0, 0), (240, 0)], [(240, 0), (0, 0)]):
        network = made_network([corners])
        snaps = snaps_of(network, [80 - 1e-9, 80.0, 80 + 1e-9, 79.99, 0.0, 240.0, 250.0], [0.0] * 7)
        assert snaps.lixel.tolist() == [1, 1, 1, 0, 0, 2, 2]


def test_where_a_route_meets_itself_the_first_passing_counts() -> None:
    loop, stem = [(0, 0), (0, 100), (-100, 100), (-100, 0), (0, 0)], [(0, 0), (100, 0)]
    network = [made_network([corners, stem], ["Oak Cir"] * 2) for corners in (loop, loop[::-1])]
    places = [snaps_of(one, [0.0], [0.0]) for one in network]
    assert [snaps.offset_m.tolist() for snaps in places] == [places[0].offset_m.tolist()] * 2
    assert not places[0].is_ambiguous[0]
