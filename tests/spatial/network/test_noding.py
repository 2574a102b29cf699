"""Lines cut where they meet: hand-drawn cases, all crossings of random lines, and what must not matter."""

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spatial.network.build import network_of
from spatial.network.meetings import straight_pieces
from spatial.network.parts import Network, RoadLines
from tests.spatial.network.drawn_roads import (
    drawn_backwards,
    junctions,
    moved,
    roads_along,
    shapes,
    split,
    taken,
)

seeds = st.integers(0, 2**32 - 1)


def random_roads(seed: int, n: int = 14) -> RoadLines:
    """Return crooked lines over a square kilometre, on two levels."""
    rng = np.random.default_rng(seed)
    lines = [
        rng.uniform(0, 1000, 2) + np.cumsum(rng.normal(0, 120, (rng.integers(2, 7), 2)), axis=0)
        for _ in range(n)
    ]
    return roads_along(
        [[(float(x), float(y)) for x, y in line] for line in lines],
        level=rng.choice([0, 0, 0, 1], n).tolist(),
        oneway=rng.choice([-1, 0, 1], n).tolist(),
    )


def lattice_roads(seed: int) -> RoadLines:
    """Return lines between few places, so that they touch, overlap and cross themselves."""
    rng = np.random.default_rng(seed)
    lines: list[list[tuple[float, float]]] = []
    while len(lines) < 7:
        corners = rng.integers(0, 5, (rng.integers(2, 5), 2)) * 10.0
        if len(np.unique(corners, axis=0)) > 1:
            lines.append([(float(x), float(y)) for x, y in corners])
    return roads_along(lines)


def bends_near_lines(roads: RoadLines) -> bool:
    """Return whether a vertex lies within a metre of a straight piece that it is no end of."""
    pieces = straight_pieces(roads.line)
    point, piece = pieces.tree.query(shapely.points(pieces.start), predicate="dwithin", distance=1.0)
    is_own = (point == piece) | ((point == piece + 1) & (pieces.line[point] == pieces.line[piece]))
    return bool((~is_own & (pieces.at_m[point] > 0)).any())


def degrees_of_union(roads: RoadLines) -> dict[tuple[float, float], int]:
    """Return how many lines end at each place of the union of all lines, where that is not two."""
    parts = shapely.get_parts(shapely.node(shapely.unary_union(roads.line)))
    ends = np.concatenate([shapely.get_coordinates(shapely.get_point(parts, at)) for at in (0, -1)])
    places, counts = np.unique(np.round(ends, 3) + 0.0, axis=0, return_counts=True)
    return {(float(x), float(y)): int(n) for (x, y), n in zip(places, counts, strict=True) if n != 2}


def degrees_of(network: Network) -> dict[tuple[float, float], int]:
    return {(round(x, 3) + 0.0, round(y, 3) + 0.0): int(n) for x, y, n in junctions(network)}


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_lines_that_touch_overlap_and_cross_are_cut_like_their_union(seed: int) -> None:
    roads = lattice_roads(seed)
    network = network_of(roads, tolerance_m=0.02)
    union = shapely.unary_union(roads.line)
    assert network.length_m.sum() == pytest.approx(shapely.length(union), abs=0.05)
    assert shapely.hausdorff_distance(shapely.multilinestrings(network.line), union) < 0.05
    assert degrees_of(network) == degrees_of_union(roads)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_neither_rows_nor_directions_change_a_bit(seed: int) -> None:
    roads = random_roads(seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(roads.line))
    one = network_of(roads)
    mixed = network_of(taken(drawn_backwards(roads, rng.random(len(order)) < 0.5), order))
    assert shapely.equals_exact(one.line, mixed.line, 0.0).all()
    assert (one.road == order[mixed.road]).all()
    assert (one.start == mixed.start).all() and (one.end == mixed.end).all()
    assert (one.node_x == mixed.node_x).all() and (one.node_y == mixed.node_y).all()


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_lines_cut_at_their_vertices_are_the_same_network(seed: int) -> None:
    roads = random_roads(seed)
    # What ends near a line meets it, what bends there does not: such vertices are no fair places to cut.
    assume(not bends_near_lines(roads))
    whole, cut = network_of(roads), network_of(split(roads, np.random.default_rng(seed)))
    # A loop as narrow as the tolerance is one street back and forth once it is cut at its tip.
    assume(whole.length_m[whole.start == whole.end].min(initial=np.inf) > 50)
    assert cut.length_m.sum() == pytest.approx(whole.length_m.sum(), abs=1e-6)
    assert junctions(cut) == pytest.approx(junctions(whole), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(seeds, st.floats(0, 6.28), st.floats(-1e5, 1e5), st.floats(-1e5, 1e5))
def test_turned_and_shifted_lines_are_the_turned_and_shifted_network(
    seed: int, angle: float, east: float, north: float
) -> None:
    roads = random_roads(seed)
    one, other = network_of(roads), network_of(moved(roads, angle, (east, north)))
    back = moved(roads_along(list(other.line)), 0.0, (-east, -north))
    back = moved(back, -angle, (0.0, 0.0))
    assert len(one.line) == len(other.line)
    assert np.sort(one.length_m) == pytest.approx(np.sort(other.length_m), abs=1e-6)
    assert (
        shapely.hausdorff_distance(shapely.multilinestrings(back.line), shapely.multilinestrings(one.line))
        < 1e-6
    )


@pytest.mark.parametrize(
    ("second", "ends_mended", "edges"),
    [
        ([(50, 0), (50, 40)], 1, 3),
        ([(50, 0.5), (50, 40)], 1, 3),
        ([(50, -0.5), (50, 40)], 1, 3),
        ([(50, 0.8), (50, 40)], 0, 2),
        ([(0.5, 0), (0.5, 40)], 0, 2),
    ],
    ids=["touches", "falls short", "overshoots", "beyond the tolerance", "at an end"],
)
def test_an_end_near_a_line_meets_it(second: list[tuple[float, float]], ends_mended: int, edges: int) -> None:
    network = network_of(roads_along([[(0, 0), (100, 0)], second]))
    assert network.report["ends_mended"] == ends_mended
    assert len(network.line) == edges
    assert network.report["components"] == (2 if second[0][1] == 0.8 else 1)


def test_ends_that_nearly_meet_are_one_node_between_them() -> None:
    network = network_of(roads_along([[(0, 0), (100, 0)], [(100.6, 0), (200, 0)], [(100.3, 0.3), (100, 90)]]))
    assert len(network.node_x) == 4
    assert network.report["ends_joined"] == 2
    assert network.length_m.sum() == pytest.approx(200 + 89.7, abs=0.5)


@pytest.mark.parametrize(("level", "crossed", "left"), [([0, 0], 1, 0), ([0, 1], 0, 1), ([-1, 0], 0, 1)])
def test_crossings_are_cut_on_one_level_only(level: list[int], crossed: int, left: int) -> None:
    network = network_of(roads_along([[(0, 0), (100, 0)], [(50, -50), (50, 50)]], level=level))
    assert network.report["crossings_cut"] == crossed
    assert network.report["levels_respected"] == left
    assert len(network.line) == (4 if crossed else 2)


def test_a_bridge_meets_the_road_that_goes_on_but_not_the_one_below() -> None:
    lines = [[(0, 0), (40, 0)], [(40, 0), (60, 0)], [(60, 0), (100, 0)], [(50, -50), (50, 50)]]
    network = network_of(roads_along(lines, level=[0, 1, 0, 0]))
    assert len(network.line) == 4
    assert network.report["components"] == 2
    assert network.report["levels_respected"] == 1


def test_a_bridge_that_starts_at_a_vertex_of_the_road_below_meets_it() -> None:
    shared = [[(0, 0), (50, 0), (100, 0)], [(50, 0), (50, 80)]]
    apart = [[(0, 0), (100, 0)], [(50, 0), (50, 80)]]
    assert network_of(roads_along(shared, level=[0, 1])).report["components"] == 1
    assert network_of(roads_along(apart, level=[0, 1])).report["components"] == 2


def test_a_line_that_crosses_itself_is_cut_there() -> None:
    network = network_of(roads_along([[(0, 0), (100, 0), (100, 50), (50, 50), (50, -50)]]))
    assert len(network.line) == 3
    assert sorted(junctions(network)[:, 2]) == [1, 1, 4]


def test_a_line_that_runs_back_over_itself_counts_once() -> None:
    network = network_of(roads_along([[(0, 0), (100, 0), (40, 0), (40, 50)]]))
    assert network.length_m.sum() == pytest.approx(150)
    assert sorted(junctions(network)[:, 2]) == [1, 1, 1, 3]


def test_a_line_drawn_twice_with_other_vertices_counts_once() -> None:
    twice = [
        [(0.0, 0.0), (100.0, 0.0), (200.0, 10.0)],
        [(0.0, 0.2), (30, 0.1), (60, -0.1), (100, 0.2), (200, 10)],
    ]
    network = network_of(roads_along([*twice, [(120, -50), (120, 50)]]))
    assert network.length_m.sum() == pytest.approx(100 + np.hypot(100, 10) + 100, abs=1)
    assert network.report["overlaps"] > 0


def test_lines_that_overlap_in_part_are_cut_where_they_part() -> None:
    network = network_of(roads_along([[(0, 0), (100, 0)], [(60, 0), (160, 0)]]))
    assert network.length_m.sum() == pytest.approx(160)
    assert len(network.line) == 3


def test_a_street_drawn_in_steps_shorter_than_the_tolerance_stays() -> None:
    steps = np.arange(0, 60, 0.5)
    lines = [[(float(x), 0.0), (float(x) + 0.5, 0.0)] for x in steps]
    network = network_of(roads_along([*lines, [(20.1, 0.3), (20.1, 50)]]))
    assert network.length_m.sum() == pytest.approx(60 + 50, abs=1)
    assert network.report["components"] == 1
    assert sorted(junctions(network)[:, 2]) == [1, 1, 1, 3]


def test_three_crossings_at_nearly_one_place_are_one_junction() -> None:
    lines = [[(-50.0, 0.0), (50.0, 0.0)], [(-50.0, -50.0), (50.2, 50.0)], [(-50.0, 50.0), (50.0, -49.8)]]
    network = network_of(roads_along(lines))
    assert sorted(junctions(network)[:, 2]) == [1] * 6 + [6]


def test_crossroads_whose_two_arms_end_a_little_apart_are_one_junction() -> None:
    network = network_of(roads_along([[(0, 0), (100, 0)], [(50, 0), (50, 50)], [(50.4, 0), (50.4, -50)]]))
    assert sorted(junctions(network)[:, 2]) == [1, 1, 1, 1, 4]


def test_components_are_numbered_by_length() -> None:
    network = network_of(roads_along([[(0, 0), (10, 0)], [(0, 50), (90, 50)], [(90, 50), (90, 80)]]))
    assert sorted(zip(network.road.tolist(), network.component.tolist(), strict=True)) == [
        (0, 1),
        (1, 0),
        (2, 0),
    ]
    assert network.report["share_in_largest"] == pytest.approx(120 / 130)


def test_every_edge_runs_from_its_start_to_its_end() -> None:
    network = network_of(random_roads(3, 60))
    for node, at in ((network.start, 0), (network.end, -1)):
        ends = shapely.get_coordinates(shapely.get_point(network.line, at))
        assert np.array_equal(ends, np.column_stack([network.node_x, network.node_y])[node])
    assert len(shapes(network)) == len(network.line)
