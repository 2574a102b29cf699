"""Roundabouts and divided roads: what becomes one, what stays two, and where the rest belongs."""

import numpy as np
import pytest
import shapely

from spatial.network.build import network_of
from spatial.network.parts import Network, RoadLines
from tests.spatial.network.drawn_roads import drawn_backwards, junctions, moved, roads_along, split, taken

NORTH, SOUTH = 10.0, -10.0


def divided_road(apart_m: float = 20.0, oneway: tuple[int, int] = (1, -1)) -> RoadLines:
    """Return a road that is divided for a kilometre, cut at other places on each side, with cross streets."""
    north, south = apart_m / 2, -apart_m / 2
    lines = [
        [(-200, 0), (0, 0)],
        [(0, 0), (30, south), (300, south)],
        [(300, south), (700, south)],
        [(700, south), (970, south), (1000, 0)],
        [(0, 0), (30, north), (500, north)],
        [(500, north), (970, north), (1000, 0)],
        [(1000, 0), (1200, 0)],
        [(250, 150), (250, north)],
        [(600, -150), (600, south)],
        [(400, 150), (400, -150)],
    ]
    return roads_along(
        lines,
        name=["Main St"] * 7 + ["Elm St", "Oak St", "Pine St"],
        oneway=[0, *[oneway[0]] * 3, *[oneway[1]] * 2, 0, 0, 0, 0],
        aadt=[20_000, *[11_000] * 3, *[10_000] * 2, 20_000, *[np.nan] * 3],
    )


def length_of(network: Network, name: str) -> float:
    of = network.roads.name[network.road] == name
    return float(network.length_m[of].sum())


def test_a_divided_road_becomes_one_line_and_cross_streets_run_to_it() -> None:
    network = network_of(divided_road())
    assert length_of(network, "Main St") == pytest.approx(1400, abs=10)
    assert network.report["divided_m"] == pytest.approx(1000, abs=10)
    assert network.report["components"] == 1
    assert network.length_m[network.is_divided].sum() == network.report["divided_m"]
    # Two ends of the road and four of cross streets; a crossing of four, two of three.
    assert sorted(junctions(network)[:, 2]) == [1] * 6 + [3, 3, 4]


def test_what_folds_belongs_to_the_piece_beside_it_and_nothing_is_lost() -> None:
    roads = divided_road()
    network = network_of(roads)
    middle = shapely.line_interpolate_point(network.folded_line, 0.5, normalized=True)
    away = shapely.distance(middle, network.line[network.folded_edge])
    assert away.max() <= 20 + 1e-6
    folded = shapely.length(network.folded_line).sum()
    # One of Elm and Oak Street ends at the carriageway that folded; Pine Street is cut by it.
    led_on = 20.0 + 20.0
    assert network.length_m.sum() + folded == pytest.approx(shapely.length(roads.line).sum() + led_on)


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [(11_000.0, 10_000.0, 21_000.0), (15_000.0, 15_000.0, 15_000.0), (np.nan, 9_000.0, 9_000.0)],
    ids=["a figure for each", "one figure for both", "one side only"],
)
def test_aadt_of_a_divided_road_is_that_of_the_whole(first: float, second: float, both: float) -> None:
    roads = divided_road()
    roads.aadt[1:4], roads.aadt[4:6] = first, second
    network = network_of(roads)
    assert network.aadt[network.is_divided] == pytest.approx(both)


@pytest.mark.parametrize("seed", range(6))
def test_neither_rows_directions_nor_cuts_change_a_divided_road(seed: int) -> None:
    rng = np.random.default_rng(seed)
    roads = divided_road()
    one = network_of(roads)
    n = len(roads.line)
    other = network_of(taken(drawn_backwards(roads, rng.random(n) < 0.5), rng.permutation(n)))
    cut = network_of(split(roads, rng))
    assert shapely.equals_exact(one.line, other.line, 0.0).all()
    assert shapely.equals_exact(one.folded_line, other.folded_line, 0.0).all()
    assert cut.length_m.sum() == pytest.approx(one.length_m.sum(), abs=1)
    assert junctions(cut) == pytest.approx(junctions(one), abs=1e-6)


@pytest.mark.parametrize("angle", [0.3, 2.0, 4.0])
def test_a_turned_divided_road_is_the_same_road(angle: float) -> None:
    one, other = network_of(divided_road()), network_of(moved(divided_road(), angle, (5_000.0, -3_000.0)))
    assert np.sort(other.length_m) == pytest.approx(np.sort(one.length_m), abs=1e-6)
    assert other.report["divided_m"] == pytest.approx(one.report["divided_m"])


def test_carriageways_drawn_the_same_way_with_no_opposite_are_a_pair() -> None:
    assert network_of(divided_road(oneway=(1, 1))).report["divided_m"] == pytest.approx(1000, abs=10)


@pytest.mark.parametrize(
    "change", ["other name", "no names", "two-way", "too far apart"], ids=lambda change: change
)
def test_what_is_no_divided_road_stays_two_roads(change: str) -> None:
    roads = divided_road(apart_m=90.0 if change == "too far apart" else 20.0)
    if change == "other name":
        roads.name[4:6] = "Main St Frontage Rd"
    if change == "no names":
        roads.name[:] = None
    if change == "two-way":
        roads.oneway[4:6] = 0
    network = network_of(roads)
    assert network.report["divided_m"] == 0
    assert not network.is_divided.any() and len(network.folded_line) == 0


def test_names_are_compared_as_streets_not_as_letters() -> None:
    roads = divided_road()
    roads.name[4:6] = "MAIN STREET"
    assert network_of(roads).report["divided_m"] == pytest.approx(1000, abs=10)


def test_two_divided_roads_cross_at_one_node() -> None:
    lines = [
        [(-500, SOUTH), (500, SOUTH)],
        [(-500, NORTH), (500, NORTH)],
        [(SOUTH, -500), (SOUTH, 500)],
        [(NORTH, -500), (NORTH, 500)],
    ]
    network = network_of(roads_along(lines, name=["Main", "Main", "Cross", "Cross"], oneway=[1, -1, 1, -1]))
    assert sorted(junctions(network)[:, 2]) == [1, 1, 1, 1, 4]
    assert network.length_m.sum() == pytest.approx(2000)
    assert network.is_divided.all()


def test_a_road_that_is_divided_for_a_part_only_is_folded_there() -> None:
    lines = [
        [(0, SOUTH), (2000, SOUTH)],
        [(600, 300), (600, NORTH), (1400, NORTH), (1400, 300)],
    ]
    network = network_of(roads_along(lines, name=["Main", "Main"], oneway=[1, -1]))
    assert network.report["divided_m"] == pytest.approx(800, abs=40)
    assert network.length_m.sum() == pytest.approx(2000 + 2 * 300, abs=60)
    assert network.report["components"] == 1


def ring(radius_m: float, n: int = 24) -> list[tuple[float, float]]:
    angle = np.linspace(0, 2 * np.pi, n + 1)
    corners = np.column_stack([radius_m * np.cos(angle), radius_m * np.sin(angle)])
    corners[-1] = corners[0]
    return [(float(x), float(y)) for x, y in corners]


def roundabout(radius_m: float, *, oneway: int = 1, told: bool = True, name: str | None = None) -> RoadLines:
    r = radius_m
    lines = [ring(r), [(-300, 0), (-r, 0)], [(r, 0), (300, 0)], [(0, 300), (0, r)], [(0, -r), (0, -300)]]
    return roads_along(
        lines,
        name=[name, "Main", "Main", "Elm", "Elm"],
        oneway=[oneway, 0, 0, 0, 0],
        is_roundabout=[told, False, False, False, False],
    )


@pytest.mark.parametrize("told", [True, False])
def test_a_roundabout_becomes_a_node_that_approaches_run_to(told: bool) -> None:
    network = network_of(roundabout(20.0, told=told))
    assert network.report["roundabouts"] == 1
    assert len(network.line) == 4 and len(network.node_x) == 5
    assert network.length_m == pytest.approx(300)
    centre = junctions(network)[junctions(network)[:, 2] == 4][0]
    assert centre[:2] == pytest.approx([0, 0], abs=1e-6)
    assert shapely.length(network.folded_line).sum() == pytest.approx(2 * np.pi * 20, rel=0.01)
    assert (network.folded_road == 0).all()


@pytest.mark.parametrize(
    "roads",
    [
        roundabout(20.0, told=False, oneway=0),
        roundabout(20.0, told=False, name="Oval Court"),
        roundabout(80.0, told=False),
        roundabout(200.0),
    ],
    ids=["two-way", "a street of its own", "large", "told but larger still"],
)
def test_a_ring_that_is_no_roundabout_stays(roads: RoadLines) -> None:
    network = network_of(roads)
    assert network.report["roundabouts"] == 0
    assert len(network.line) == 8


def test_a_roundabout_cut_off_at_the_border_stays() -> None:
    half = ring(20.0)[:13]
    network = network_of(roads_along([half, [(0, 300), (0, 20)]], oneway=[1, 0], is_roundabout=[True, False]))
    assert network.report["roundabouts"] == 0
    assert network.report["components"] == 1


def test_a_roundabout_in_pieces_with_split_approaches_is_one_node() -> None:
    corners = ring(20.0)
    lines = [
        corners[:9],
        corners[8:17],
        corners[16:],
        [(-300, 0), (-60, 0)],
        [(-60, 0), corners[11]],
        [(-60, 0), corners[13]],
        [(20, 0), (300, 0)],
        [(0, 300), corners[6]],
    ]
    network = network_of(
        roads_along(
            lines,
            name=[None, None, None, "Main", "Main", "Main", "Main", "Elm"],
            oneway=[1, 1, 1, 0, -1, 1, 0, 0],
            is_roundabout=[True] * 3 + [False] * 5,
        )
    )
    assert network.report["roundabouts"] == 1
    assert sorted(junctions(network)[:, 2]) == [1, 1, 1, 3]
    assert length_of(network, "Main") == pytest.approx(600, abs=2)
