import h3.api.numpy_int as h3
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from spatial import grid
from spatial.errors import InvalidCells, InvalidGeometry, ResolutionOutOfRange

PENTAGONS = [int(cell) for resolution in range(16) for cell in h3.get_pentagons(resolution)]
PLACES = [(-111.93, 33.42), (180.0, 3.58), (-180.0, -17.0), (0.0, 90.0), (45.0, -90.0), (10.5, 64.7)]
SQUARE_ACROSS_180 = [
    shapely.MultiPolygon([shapely.box(179.5, -17, 180, -16), shapely.box(-180, -17, -179.5, -16)]),
    shapely.Polygon([(179.5, -17), (-179.5, -17), (-179.5, -16), (179.5, -16)]),
    shapely.box(179.5, -17, 180.5, -16),
    shapely.box(-180.5, -17, -179.5, -16),
]


def cells_of_any_kind() -> st.SearchStrategy[int]:
    points = st.tuples(st.floats(-180, 180), st.floats(-90, 90), st.integers(0, 15))
    return st.one_of(
        st.sampled_from(PENTAGONS),
        points.map(lambda point: int(h3.latlng_to_cell(point[1], point[0], point[2]))),
        st.sampled_from(PLACES).flatmap(
            lambda place: st.integers(0, 15).map(lambda r: int(h3.latlng_to_cell(place[1], place[0], r)))
        ),
    )


@given(cells_of_any_kind(), st.data())
def test_parents_equal_the_library_at_every_resolution(cell: int, data: st.DataObject) -> None:
    resolution = data.draw(st.integers(0, h3.get_resolution(cell)))
    assert int(grid.parents([cell], resolution)[0]) == int(h3.cell_to_parent(cell, resolution))


@pytest.mark.parametrize("finer", range(16))
def test_parents_equal_the_library_for_all_pentagons_and_their_neighbours(finer: int) -> None:
    cells = grid.disk(np.array(h3.get_pentagons(finer), dtype=np.uint64), 1)
    expected = [[h3.cell_to_parent(int(cell), r) for cell in cells] for r in range(finer + 1)]
    assert np.array_equal([grid.parents(cells, r) for r in range(finer + 1)], expected)


@pytest.mark.parametrize("resolution", range(16))
def test_parent_masks_fit_a_signed_64_bit_integer(resolution: int) -> None:
    assert all(0 <= mask < 2**63 for mask in grid.parent_masks(resolution))


def test_parents_finer_than_the_cells_are_refused() -> None:
    with pytest.raises(ResolutionOutOfRange, match="cells at 9 or finer, got a cell at 8"):
        grid.parents(grid.cells_at([0.0], [0.0], 8), 9)


@pytest.mark.parametrize("resolution", [-1, 16])
def test_a_resolution_that_h3_does_not_have_is_refused(resolution: int) -> None:
    with pytest.raises(ResolutionOutOfRange, match="between 0 and 15"):
        grid.cells_at([0.0], [0.0], resolution)


@pytest.mark.parametrize(("lng", "lat"), PLACES)
def test_cells_at_equals_the_library(lng: float, lat: float) -> None:
    assert int(grid.cells_at([lng], [lat], 9)[0]) == int(h3.latlng_to_cell(lat, lng, 9))


@pytest.mark.parametrize(
    ("lng", "lat"), [(np.nan, 0.0), (0.0, np.inf), (0.0, 91.0), (0.0, -90.1), (1e6, 0.0)]
)
def test_cells_at_gives_0_for_a_place_that_is_none(lng: float, lat: float) -> None:
    assert grid.cells_at([lng, 1.0], [lat, 1.0], 9)[0] == 0


def test_cells_survive_the_way_to_hexadecimal_and_back() -> None:
    cells = np.array(PENTAGONS, dtype=np.uint64)
    texts = grid.hex_strings(cells)
    assert texts == [h3.int_to_str(cell) for cell in PENTAGONS]
    assert np.array_equal(grid.cells_from_hex(texts), cells)


@pytest.mark.parametrize("text", ["", "nonsense", "ffffffffffffffff", "0", "-1", "1" * 40])
def test_cells_from_hex_refuses_what_is_no_cell(text: str) -> None:
    with pytest.raises(InvalidCells, match="H3 cells"):
        grid.cells_from_hex(["882a1358b1fffff", text])


def test_pentagons_are_told_from_hexagons_at_every_resolution() -> None:
    cells = grid.disk(np.array(PENTAGONS[-12:], dtype=np.uint64), 1)
    assert grid.are_pentagons(np.array(PENTAGONS, dtype=np.uint64)).all()
    assert grid.are_pentagons(cells).sum() == 12


def test_n_children_counts_what_children_makes() -> None:
    cells = grid.disk(np.array(PENTAGONS[:1], dtype=np.uint64), 1)
    assert grid.n_children(cells, 4) == len(grid.children(cells, 4))


def test_disk_holds_five_neighbours_of_a_pentagon() -> None:
    assert len(grid.disk(np.array(PENTAGONS[-1:], dtype=np.uint64), 1)) == 6


@pytest.mark.parametrize(("lng", "lat"), PLACES)
@pytest.mark.parametrize("resolution", [0, 3, 4, 10])
def test_boundaries_are_valid_oriented_and_hold_their_area(lng: float, lat: float, resolution: int) -> None:
    cells = grid.disk(grid.cells_at([lng], [lat], resolution), 1)
    drawn = grid.boundaries(cells)
    parts = shapely.get_parts(drawn)
    assert shapely.is_valid(drawn).all()
    assert shapely.is_ccw(shapely.get_exterior_ring(parts)).all()
    bounds = shapely.bounds(parts)
    assert (np.abs(bounds) <= [180, 90, 180, 90]).all()
    holds_a_pole = np.isin(cells, grid.cells_at([0.0, 0.0], [90.0, -90.0], resolution))
    wide = (bounds[:, 2] - bounds[:, 0]) > 180
    assert wide.sum() <= holds_a_pole.sum()


def test_boundaries_across_180_are_two_parts_that_meet_it() -> None:
    (cell,) = grid.boundaries(grid.cells_at([180.0], [10.0], 4))
    assert [part.bounds[0] == -180 or part.bounds[2] == 180 for part in cell.geoms] == [True, True]


def test_boundaries_of_nothing_are_nothing() -> None:
    assert len(grid.boundaries(np.empty(0, dtype=np.uint64))) == 0


def test_cells_within_equals_centre_containment() -> None:
    lake = shapely.Point(-111.9, 33.4).buffer(0.03)
    city = shapely.Point(-111.93, 33.42).buffer(0.12).difference(lake)
    candidates = grid.disk(grid.cells_at([-111.93], [33.42], 8), 40)
    expected = candidates[shapely.contains_xy(city, *grid.centers(candidates))]
    assert np.array_equal(grid.cells_within(city, 8), expected)


@pytest.mark.parametrize("square", SQUARE_ACROSS_180)
def test_cells_within_understands_every_way_across_180(square: shapely.Geometry) -> None:
    cells = grid.cells_within(square, 6)
    lng, _ = grid.centers(cells)
    assert len(cells) == 360
    assert (np.abs(lng) > 179.4).all()


def test_cells_within_the_whole_world_are_all_cells() -> None:
    assert len(grid.cells_within(shapely.box(-180, -90, 180, 90), 2)) == h3.get_num_cells(2)


def test_cells_within_the_arctic_hold_the_pole() -> None:
    cells = grid.cells_within(shapely.box(-180, 85, 180, 90), 3)
    assert grid.cells_at([0.0], [90.0], 3)[0] in cells
    assert (grid.centers(cells)[1] > 85).all()


@pytest.mark.parametrize(
    "empty", [shapely.Point(1, 1), shapely.LineString([(0, 0), (1, 1)]), shapely.Polygon()]
)
def test_cells_within_what_has_no_area_are_none(empty: shapely.Geometry) -> None:
    assert len(grid.cells_within(empty, 9)) == 0


def test_cells_within_repairs_a_bow_tie() -> None:
    bow_tie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    assert np.array_equal(grid.cells_within(bow_tie, 6), grid.cells_within(shapely.make_valid(bow_tie), 6))


def test_cells_within_refuses_metres() -> None:
    with pytest.raises(InvalidGeometry, match="degrees"):
        grid.cells_within(shapely.box(500_000, 4_000_000, 510_000, 4_010_000), 8)
