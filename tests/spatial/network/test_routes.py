import numpy as np
import pytest
import shapely

from spatial.network.parts import Network, RoadLines, Routes
from spatial.network.routes import routes_of
from tests.spatial.network.made_networks import (
    grid_network,
    grid_roads,
    made_network,
    moved,
    network_from,
    shuffled,
)


def members(network: Network, routes: Routes) -> list[set[int]]:
    """Return the roads of each route."""
    return [
        set(network.road[routes.edge[routes.route == route]].tolist())
        for route in range(len(routes.length_m))
    ]


def partition(network: Network, routes: Routes) -> set[frozenset[int]]:
    return {frozenset(roads) for roads in members(network, routes)}


def test_every_edge_lies_in_one_route_and_routes_run_through() -> None:
    network = grid_network(7, 6)
    routes = routes_of(network)
    assert sorted(routes.edge.tolist()) == list(range(len(network.line)))
    assert routes.length_m.sum() == pytest.approx(network.length_m.sum())
    leaves = np.where(routes.is_reversed, network.start[routes.edge], network.end[routes.edge])
    enters = np.where(routes.is_reversed, network.end[routes.edge], network.start[routes.edge])
    same = routes.route[1:] == routes.route[:-1]
    assert (leaves[:-1][same] == enters[1:][same]).all()
    assert (np.diff(routes.route) >= 0).all()


def test_streets_of_a_grid_are_its_routes() -> None:
    routes = routes_of(grid_network(4, 3))
    assert sorted(routes.name.tolist()) == [
        *(f"Avenue {i}" for i in range(1, 5)),
        *(f"E {i}th St" for i in range(1, 4)),
    ]
    assert not routes.is_loop.any()


def test_a_grid_without_names_is_strung_straight_on() -> None:
    named, unnamed = grid_network(5, 5), grid_network(5, 5, named=False)
    both = [partition(network, routes_of(network)) for network in (named, unnamed)]
    # At the four corners nothing but the bend is there, and classes differ at two of them.
    inner = [{route for route in routes if not route & _border(named)} for routes in both]
    assert inner[0] == inner[1]
    assert len(inner[0]) == 6


def _border(network: Network) -> set[int]:
    box = shapely.box(1, 1, 399, 399)
    return set(np.flatnonzero(~shapely.intersects(network.line, box)).tolist())


def test_the_name_goes_before_the_straight_way() -> None:
    # Main Street turns by 60° to the left; Elm Street goes straight on.
    lines = [[(-100, 0), (0, 0)], [(0, 0), (100, 0)], [(0, 0), (50, 86.6)]]
    network = made_network(lines, ["Main St", "Elm St", "MAIN STREET"])
    assert partition(network, routes_of(network)) == {frozenset({0, 2}), frozenset({1})}


def test_a_name_does_not_turn_back() -> None:
    # The third part of Main Street bends by 135°.
    lines = [[(-100, 0), (0, 0)], [(0, 0), (100, 0)], [(0, 0), (-70, 70)]]
    network = made_network(lines, ["Main St", "Elm St", "Main St"])
    assert len(routes_of(network).length_m) == 3


def test_the_class_goes_before_the_straight_way_among_unnamed() -> None:
    lines = [[(-100, 0), (0, 0)], [(0, 0), (100, 0)], [(0, 0), (94, 34)]]
    network = made_network(lines, None, ["primary", "service", "primary"])
    assert partition(network, routes_of(network)) == {frozenset({0, 2}), frozenset({1})}


def test_unnamed_roads_do_not_join_round_a_corner_of_a_junction() -> None:
    lines = [[(-100, 0), (0, 0)], [(0, 0), (0, 100)], [(0, 0), (70, -70)]]
    network = made_network(lines, None, ["primary", "primary", "service"])
    # 90° for the pair of one class; service lies at 45° from both and 135° on.
    assert frozenset({0, 1}) not in partition(network, routes_of(network))


@pytest.mark.parametrize(
    ("names", "classes", "n_routes"),
    [
        (["Main St", "Elm St"], ["primary", "primary"], 2),
        (["Main St", None], ["primary", "primary"], 1),
        (["Main St", None], ["primary", "service"], 2),
        ([None, None], ["primary", "secondary"], 1),
        (["Main St", "Main Ave"], ["primary", "primary"], 2),
        (["N Main St", "Main St"], ["primary", "primary"], 2),
        (["unknown", None], ["primary", "primary"], 1),
    ],
)
def test_what_goes_straight_on(names: list[str | None], classes: list[str], n_routes: int) -> None:
    network = made_network([[(-100, 0), (0, 0)], [(0, 0), (100, 0)]], names, classes)
    assert len(routes_of(network).length_m) == n_routes


def test_two_names_are_not_strung_together_by_what_has_none() -> None:
    # The bridge in the middle has no name; it bends less towards Main Street and stays with it.
    lines = [[(-100, 0), (0, 0)], [(0, 0), (100, 10)], [(100, 10), (200, 50)]]
    network = made_network(lines, ["Main St", None, "Elm St"])
    assert partition(network, routes_of(network)) == {frozenset({0, 1}), frozenset({2})}


def test_a_corner_between_two_pieces_of_one_road_is_no_end() -> None:
    lines = [[(0, 0), (100, 0)], [(100, 0), (100, 100)], [(100, 100), (90, 0.5)]]
    for names in (["Elm St"] * 3, [None] * 3):
        routes = routes_of(made_network(lines, names))
        assert routes.length_m.tolist() == pytest.approx([200 + np.hypot(10, 99.5)])


def test_a_loop_is_one_route_that_closes() -> None:
    ring = [(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)]
    pieces = [ring[i : i + 2] for i in range(4)]
    for lines in ([ring], pieces, [corners[::-1] for corners in pieces]):
        routes = routes_of(made_network(lines, ["Ring Rd"] * len(lines)))
        assert routes.length_m.tolist() == [400.0]
        assert routes.is_loop.tolist() == [True]


def test_a_ring_with_junctions_opens_at_the_one_farthest_west() -> None:
    angle = np.radians(np.arange(0, 361, 30))
    corners = [(200 * np.cos(a), 200 * np.sin(a)) for a in angle]
    lines = [corners[i : i + 2] for i in range(12)] + [[corners[1], (400, 300)], [corners[4], (-200, 400)]]
    network = made_network(lines, ["Ring Rd"] * 12 + ["Elm St", "Oak St"])
    routes = routes_of(network)
    ring = routes.name.tolist().index("Ring Rd")
    first = np.flatnonzero(routes.route == ring)[0]
    starts_at = network.start[routes.edge[first]] if not routes.is_reversed[first] else -1
    assert (network.node_x[starts_at], network.node_y[starts_at]) == pytest.approx(corners[4], abs=0.01)
    assert bool(routes.is_loop[ring])


def test_a_stem_and_its_loop_are_one_cul_de_sac() -> None:
    lines = [[(0, 0), (100, 0)], [(100, 0), (150, 50), (200, 0), (150, -50), (100, 0)]]
    routes = routes_of(made_network(lines, ["Oak Circle"] * 2))
    assert len(routes.length_m) == 1


def test_a_route_goes_on_through_a_contracted_roundabout() -> None:
    # Four arms that end in the middle of what was a ring of 15 m.
    arms = [
        [(-200, 3), (-15, 1), (0, 0)],
        [(0, 0), (15, -2), (200, 0)],
        [(0, 200), (0, 0)],
        [(0, 0), (4, -200)],
    ]
    network = made_network(arms, ["Main St", "Main St", None, None])
    assert partition(network, routes_of(network)) == {frozenset({0, 1}), frozenset({2, 3})}


@pytest.mark.parametrize("seed", range(5))
def test_order_and_direction_of_rows_do_not_matter(seed: int) -> None:
    roads = ragged_roads()
    rng = np.random.default_rng(seed)
    other, came_from = shuffled(roads, rng)
    network, mixed = network_from(roads), network_from(other)
    routes, mixed_routes = routes_of(network), routes_of(mixed)
    assert mixed_routes.length_m.tolist() == pytest.approx(routes.length_m.tolist())
    assert mixed_routes.name.tolist() == routes.name.tolist()
    assert came_from[mixed.road[mixed_routes.edge]].tolist() == network.road[routes.edge].tolist()


def test_splitting_edges_changes_no_route() -> None:
    roads = ragged_roads()
    whole, cut = network_from(roads), network_from(split_at_corners(roads))
    one, other = routes_of(whole), routes_of(cut)
    assert other.length_m.tolist() == pytest.approx(one.length_m.tolist())
    assert other.name.tolist() == one.name.tolist()


@pytest.mark.parametrize("degrees", [17.0, 90.0, 211.0])
def test_turning_and_shifting_the_plane_changes_no_route(degrees: float) -> None:
    roads = ragged_roads()
    there = network_from(moved(roads, degrees=degrees, dx=3_000.0, dy=-500.0))
    assert partition(there, routes_of(there)) == partition(
        network_from(roads), routes_of(network_from(roads))
    )


def test_no_road_makes_no_route() -> None:
    routes = routes_of(made_network([]))
    assert len(routes.edge) == len(routes.length_m) == 0


def ragged_roads() -> RoadLines:
    """Return a grid with shaken nodes, curved edges, and names left out here and there."""
    rng = np.random.default_rng(7)
    grid = grid_roads(7, 7)
    shift = {}
    lines = []
    for line in grid.line:
        (x0, y0), (x1, y1) = line.coords
        a = shift.setdefault((x0, y0), rng.normal(0, 8, 2))
        b = shift.setdefault((x1, y1), rng.normal(0, 8, 2))
        begin, end = np.array([x0, y0]) + a, np.array([x1, y1]) + b
        inner = [begin + (end - begin) * t + rng.normal(0, 3, 2) for t in (0.3, 0.5, 0.8)]
        lines.append(np.round([begin, *inner, end], 2))
    keep = rng.random(len(lines)) < 0.85
    name = np.where(rng.random(len(lines)) < 0.3, None, grid.name)
    line = np.array([shapely.LineString(corners) for corners in lines], dtype=object)
    return RoadLines(
        line[keep],
        name[keep],
        grid.road_class[keep],
        grid.oneway[keep],
        grid.level[keep],
        grid.is_roundabout[keep],
        grid.aadt[keep],
    )


def split_at_corners(roads: RoadLines) -> RoadLines:
    """Return the roads cut at every corner."""
    xy = shapely.get_coordinates(roads.line)
    of = np.repeat(np.arange(len(roads.line)), shapely.get_num_coordinates(roads.line))
    is_part = of[1:] == of[:-1]
    parts = np.stack([xy[:-1][is_part], xy[1:][is_part]], axis=1)
    which = of[:-1][is_part]
    return RoadLines(
        np.asarray(shapely.linestrings(parts), dtype=object),
        roads.name[which],
        roads.road_class[which],
        roads.oneway[which],
        roads.level[which],
        roads.is_roundabout[which],
        roads.aadt[which],
    )
