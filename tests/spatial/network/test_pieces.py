from itertools import pairwise

import numpy as np
import pytest
import shapely

from spatial.errors import InvalidValues
from spatial.network.pieces import cross_streets, route_piece, route_pieces, stations
from spatial.network.routes import routes_of
from tests.spatial.network.made_networks import grid_network, made_network, network_from
from tests.spatial.network.test_routes import ragged_roads


def test_a_piece_has_the_corners_between_its_ends() -> None:
    # The second edge is run against the route.
    network = made_network([[(0, 0), (50, 0), (100, 0)], [(100, 100), (100, 0)]], ["Main St"] * 2)
    routes = routes_of(network)
    assert list(route_piece(network, routes, 0, 20, 130).coords) == [(20, 0), (50, 0), (100, 0), (100, 30)]
    assert list(route_piece(network, routes, 0, 0, 50).coords) == [(0, 0), (50, 0)]
    assert list(route_piece(network, routes, 0, 100, 900).coords) == [(100, 0), (100, 100)]
    assert list(route_piece(network, routes, 0, 60, 70).coords) == [(60, 0), (70, 0)]


def test_pieces_are_as_long_as_asked_and_whole_routes_are_their_edges() -> None:
    network = network_from(ragged_roads())
    routes = routes_of(network)
    route = np.repeat(np.arange(len(routes.length_m)), 3)
    low, high = np.tile([0.0, 0.2, 0.5], len(routes.length_m)), np.tile([1.0, 0.4, 0.9], len(routes.length_m))
    start, end = low * routes.length_m[route], high * routes.length_m[route]
    pieces = route_pieces(network, routes, route, start, end)
    assert shapely.length(pieces) == pytest.approx(end - start)
    assert (shapely.get_type_id(pieces) == 1).all()
    of_edge = np.array([pieces[3 * r] for r in routes.route.tolist()], dtype=object)
    assert shapely.covers(shapely.buffer(of_edge, 1e-6), network.line[routes.edge]).all()


@pytest.mark.parametrize(
    ("route", "start_m", "end_m"), [(-1, 0, 10), (99, 0, 10), (0, 10, 10), (0, 500, 600)]
)
def test_pieces_that_are_none(route: int, start_m: float, end_m: float) -> None:
    network = grid_network(3, 3)
    with pytest.raises(InvalidValues):
        route_piece(network, routes_of(network), route, start_m, end_m)


def test_cross_streets_are_the_nearest_ones_of_another_name() -> None:
    # Elm crosses at 100, an unnamed alley at 150, Oak (primary) and Ash meet Main at 200.
    x = [0.0, 100.0, 150.0, 200.0, 400.0]
    main = [[(a, 0), (b, 0)] for a, b in pairwise(x)]
    sides = [[(100, 0), (100, 80)], [(150, 0), (150, 80)], [(200, 0), (200, 80)], [(200, 0), (200, -80)]]
    names = ["Main St"] * 4 + ["Elm Rd", None, "Ash Ln", "Oak Blvd"]
    classes = ["primary"] * 4 + ["residential", "service", "residential", "primary"]
    network = made_network(main + sides, names, classes)
    routes = routes_of(network)
    route = routes.name.tolist().index("Main St")
    offsets = [0.0, 45.0, 101.0, 149.0, 151.0, 230.0, 261.0, 400.0]
    found = cross_streets(network, routes, [route] * len(offsets), offsets)
    assert found == [None, "Elm Rd", "Elm Rd", "Elm Rd", "Oak Blvd", "Oak Blvd", None, None]
    assert cross_streets(network, routes, [route], [0.0], 150.0) == ["Elm Rd"]


def test_a_street_does_not_cross_itself_and_routes_do_not_borrow() -> None:
    lines = [[(0, 0), (100, 0)], [(100, 0), (200, 0)], [(100, 0), (100, 100)]]
    network = made_network(lines, ["Main St", "Main St", "MAIN STREET"])
    routes = routes_of(network)
    assert cross_streets(network, routes, np.arange(2), [100.0, 0.0]) == [None, None]


def test_stations_pass_every_node_of_a_route_in_order() -> None:
    network = grid_network(4, 3)
    routes = routes_of(network)
    route, offset, node = stations(network, routes)
    assert len(route) == len(routes.edge) + len(routes.length_m)
    goes_on = np.diff(route) == 0
    assert (np.diff(offset)[goes_on] > 0).all()
    step = np.hypot(np.diff(network.node_x[node]), np.diff(network.node_y[node]))
    assert step[goes_on] == pytest.approx(100.0)
