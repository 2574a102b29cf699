"""Lines that are none, lines drawn twice, and the order that shapes decide."""

import numpy as np
import pytest
import shapely

from spatial.errors import InvalidGeometry, InvalidValues
from spatial.network.build import network_of
from spatial.network.cleaning import clean_lines
from spatial.network.parts import RoadLines
from tests.spatial.network.drawn_roads import roads_along, taken


def test_lines_that_are_none_are_left_out_and_counted() -> None:
    with np.errstate(invalid="ignore"):
        not_finite = shapely.from_wkt("LINESTRING (0 0, nan 0, 5 5)")
    lines = [
        shapely.LineString([(0, 0, 5), (10, 0, 7)]),
        shapely.LineString(),
        shapely.from_wkt("LINESTRING (1 1, 1 1)"),
        shapely.from_wkt("LINESTRING (1 1, 1.0001 1)"),
        not_finite,
    ]
    clean = clean_lines(roads_along(lines))
    assert clean.dropped == {"empty": 1, "not finite": 1, "zero length": 2}
    assert clean.road.tolist() == [0]
    assert not shapely.has_z(clean.line).any()


def test_a_missing_line_is_left_out() -> None:
    roads = roads_along([[(0, 0), (1, 1)], [(0, 0), (5, 5)]])
    roads.line[0] = None
    assert network_of(roads).report["dropped"] == {"empty": 1}


def test_repeated_vertices_are_one() -> None:
    clean = clean_lines(roads_along([[(0, 0), (0, 0), (5, 0), (5, 0), (9, 9)]]))
    assert shapely.get_num_coordinates(clean.line).tolist() == [3]


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 1, 0]])
def test_of_equal_lines_the_named_one_stays_with_what_is_known_of_its_aadt(order: list[int]) -> None:
    line = [(0, 0), (50, 5), (90, 0)]
    roads = roads_along(
        [line, line[::-1], line, line],
        name=[None, None, "Main St", None],
        aadt=[np.nan, 900.0, np.nan, np.nan],
        level=[0, 0, 0, 1],
    )
    clean = clean_lines(taken(roads, order))
    assert clean.duplicates == 2
    assert sorted(np.array(order)[clean.road].tolist()) == [2, 3]
    assert clean.aadt[np.array(order)[clean.road] == 2].tolist() == [900.0]


def test_what_is_no_single_line_is_refused() -> None:
    roads = roads_along([[(0, 0), (1, 1)]])
    roads.line[0] = shapely.MultiLineString([[(0, 0), (1, 1)]])
    with pytest.raises(InvalidGeometry, match="single lines"):
        clean_lines(roads)


def test_attributes_of_another_length_are_refused() -> None:
    roads = roads_along([[(0, 0), (1, 1)]])
    short = RoadLines(
        roads.line,
        roads.name[:0],
        roads.road_class,
        roads.oneway,
        roads.level,
        roads.is_roundabout,
        roads.aadt,
    )
    with pytest.raises(InvalidValues, match="every attribute of 1 roads"):
        clean_lines(short)


@pytest.mark.parametrize("tolerance_m", [0.0, -1.0, np.nan])
def test_a_tolerance_that_is_none_is_refused(tolerance_m: float) -> None:
    with pytest.raises(InvalidValues, match="positive"):
        network_of(roads_along([[(0, 0), (1, 1)]]), tolerance_m=tolerance_m)


@pytest.mark.parametrize("lines", [[], [shapely.LineString()]])
def test_no_roads_are_no_edges(lines: list[shapely.LineString]) -> None:
    network = network_of(roads_along(lines))
    assert len(network.line) == len(network.node_x) == len(network.folded_line) == 0
    assert network.report["components"] == 0
    assert network.report["metres"] == 0
