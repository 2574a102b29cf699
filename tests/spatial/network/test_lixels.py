from itertools import pairwise

import numpy as np
import pytest

from spatial.errors import InvalidValues
from spatial.network.lixels import lixels_of
from spatial.network.routes import routes_of
from tests.spatial.network.made_networks import grid_network, made_network, network_from
from tests.spatial.network.test_routes import ragged_roads, split_at_corners


@pytest.mark.parametrize(
    ("length_m", "n"), [(30.0, 1), (119.0, 1), (121.0, 2), (400.0, 5), (1_000.0, 12), (0.5, 1)]
)
def test_a_route_is_cut_in_equal_pieces(length_m: float, n: int) -> None:
    network = made_network([[(0, 0), (length_m, 0)]])
    lixels = lixels_of(network, routes_of(network))
    assert lixels.length_m.tolist() == pytest.approx([length_m / n] * n)
    assert lixels.x.tolist() == pytest.approx(((np.arange(n) + 0.5) * length_m / n).tolist())


def test_pieces_follow_one_another_and_cover_every_route() -> None:
    network = network_from(ragged_roads())
    routes = routes_of(network)
    lixels = lixels_of(network, routes)
    assert (np.diff(lixels.route) >= 0).all()
    assert np.bincount(lixels.route, weights=lixels.length_m) == pytest.approx(routes.length_m)
    goes_on = np.diff(lixels.route) == 0
    assert lixels.end_m[:-1][goes_on] == pytest.approx(lixels.start_m[1:][goes_on])
    assert (lixels.start_m[np.flatnonzero(np.diff(lixels.route, prepend=-1))] == 0).all()


def test_class_and_traffic_by_length() -> None:
    # 300 m in four pieces of 75 m: the primary part ends at 100 m, what is known of traffic at 210 m.
    network = made_network(
        [[(0, 0), (100, 0)], [(100, 0), (210, 0)], [(210, 0), (300, 0)]],
        ["Main St"] * 3,
        ["primary", "residential", "residential"],
        [9_000.0, 3_000.0, np.nan],
    )
    lixels = lixels_of(network, routes_of(network))
    assert lixels.road_class.tolist() == ["primary", "residential", "residential", "residential"]
    mixed = (25 * 9_000 + 50 * 3_000) / 75
    assert lixels.aadt.tolist() == pytest.approx([9_000, mixed, 3_000, np.nan], nan_ok=True)


def test_of_two_classes_of_equal_length_the_greater_one_counts() -> None:
    for classes in (["service", "primary"], ["primary", "service"]):
        network = made_network([[(0, 0), (40, 0)], [(40, 0), (80, 0)]], ["Main St"] * 2, classes)
        assert lixels_of(network, routes_of(network)).road_class.tolist() == ["primary"]


def test_junctions_on_a_piece_and_between_two() -> None:
    # Junctions of Main Street at 0, 100, 160, 200 m; four pieces of 80 m: 160 lies between two of them.
    cross = [0.0, 100.0, 160.0, 200.0, 320.0]
    main = [[(a, 0), (b, 0)] for a, b in pairwise(cross)]
    sides = [[(x, -50), (x, 0)] for x in cross[:-1]] + [[(0, 0), (0, 50)]]
    network = made_network(main + sides, ["Main St"] * 4 + [f"{i}th St" for i in range(5)])
    routes = routes_of(network)
    lixels = lixels_of(network, routes)
    own = lixels.route == routes.name.tolist().index("Main St")
    assert lixels.junctions[own].tolist() == [1.0, 1.5, 1.5, 0.0]
    # A side street of 50 m is one piece that holds the junction at its end.
    assert set(lixels.junctions[~own].tolist()) == {1.0}


def test_the_junction_that_closes_a_loop_counts_once() -> None:
    ring = [(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)]
    network = made_network([ring, [(-90, 0), (0, 0)], [(0, -90), (0, 0)]], ["Ring Rd", "Elm St", "Oak St"])
    routes = routes_of(network)
    lixels = lixels_of(network, routes)
    junctions = lixels.junctions[lixels.route == routes.name.tolist().index("Ring Rd")]
    assert junctions.tolist() == [0.5, 0.0, 0.0, 0.0, 0.5]


def test_every_passing_of_a_junction_is_counted() -> None:
    network = grid_network(6, 5)
    lixels = lixels_of(network, routes_of(network))
    # Each of 6 × 5 places is passed by both its streets but for the corners, where nobody has a choice.
    assert lixels.junctions.sum() == 2 * (6 * 5 - 4)


def test_where_a_road_is_cut_does_not_matter() -> None:
    roads = ragged_roads()
    whole, cut = network_from(roads), network_from(split_at_corners(roads))
    one, other = lixels_of(whole, routes_of(whole)), lixels_of(cut, routes_of(cut))
    assert other.start_m == pytest.approx(one.start_m)
    assert np.hypot(other.x - one.x, other.y - one.y).max() < 1e-6
    assert other.road_class.tolist() == one.road_class.tolist()
    assert other.aadt == pytest.approx(one.aadt, nan_ok=True)
    assert other.junctions == pytest.approx(one.junctions)


@pytest.mark.parametrize("length_m", [0.0, -1.0, np.nan])
def test_pieces_need_a_length(length_m: float) -> None:
    network = grid_network(2, 2)
    with pytest.raises(InvalidValues, match="above 0 m"):
        lixels_of(network, routes_of(network), length_m=length_m)


def test_no_route_has_no_piece() -> None:
    network = made_network([])
    assert len(lixels_of(network, routes_of(network)).route) == 0


@pytest.mark.parametrize(("length_m", "n"), [(30.0, 1), (119.0, 2), (100.0, 2), (99.9, 1), (400.0, 8)])
def test_pieces_are_not_shorter_where_that_is_asked(length_m: float, n: int) -> None:
    network = made_network([[(0, 0), (length_m, 0)]])
    lixels = lixels_of(network, routes_of(network), length_m=50.0, at_least=True)
    assert lixels.length_m.tolist() == pytest.approx([length_m / n] * n)
