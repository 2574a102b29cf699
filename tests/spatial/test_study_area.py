import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from spatial.errors import EmptyStudyArea, ResolutionOutOfRange, TooManyCells
from spatial.grid import cells_at, centers, children, disk, parents
from spatial.study_area import (
    StudyArea,
    cell_positions,
    study_area_cut,
    study_area_from_data,
    study_area_from_polygon,
)

Cells = NDArray[np.uint64]
MANY = 5_000_000
CITY = shapely.box(-112.1, 33.3, -111.8, 33.5)


def counted(
    lng: NDArray[np.float64], lat: NDArray[np.float64], resolution: int
) -> tuple[Cells, NDArray[np.int64]]:
    return np.unique(cells_at(lng, lat, resolution), return_counts=True)


def county(n: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    return rng.normal(-75.4, 0.12, n), rng.normal(40.2, 0.08, n)


def strays(n: int, seed: int = 1) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    return rng.uniform(-120, -80, n), rng.uniform(28, 48, n)


def test_an_area_from_a_polygon_has_the_cells_with_their_centre_in_it() -> None:
    area = study_area_from_polygon(CITY, 8, MANY)
    lng, lat = centers(area.cells)
    assert area.source == "boundary"
    assert (np.diff(area.cells.astype(np.int64)) > 0).all()
    assert ((lng > -112.1) & (lng < -111.8) & (lat > 33.3) & (lat < 33.5)).all()


def test_an_area_from_one_cell_is_its_parent_and_one_ring_of_parents() -> None:
    cell = cells_at([-111.93], [33.42], 9)
    area = study_area_from_data(cell, [1], 9, MANY)
    assert np.array_equal(np.unique(parents(area.cells, 7)), disk(parents(cell, 7), 1))
    assert len(area.cells) == 7 * 49


def test_an_area_around_a_pentagon_is_whole() -> None:
    pentagon = np.array([0x8009FFFFFFFFFFF], dtype=np.uint64)
    cell = children(pentagon, 9)[:1]
    area = study_area_from_data(cell, [1], 9, MANY)
    assert np.array_equal(area.cells, np.sort(children(disk(parents(cell, 7), 1), 9)))


def test_data_finer_than_the_study_area_is_taken() -> None:
    fine, coarse = cells_at([-111.93], [33.42], 15), cells_at([-111.93], [33.42], 9)
    by_fine, by_coarse = (study_area_from_data(cell, [1], 9, MANY) for cell in (fine, coarse))
    assert np.array_equal(by_fine.cells, by_coarse.cells)


@pytest.mark.parametrize("resolution", [7, 8, 9, 10])
def test_twenty_strays_leave_a_county_as_it_is(resolution: int) -> None:
    lng, lat = county(20_000)
    far_lng, far_lat = strays(20)
    cells, counts = counted(np.append(lng, far_lng), np.append(lat, far_lat), resolution)
    area = study_area_from_data(cells, counts, resolution, MANY)
    positions = cell_positions(area, cells_at(far_lng, far_lat, resolution))
    assert (positions == -1).all()
    assert area.n_isolated_rows >= 20
    assert area.n_isolated_parents >= 19
    assert area.n_isolated_rows == counts[cell_positions(area, cells) == -1].sum()


def test_strays_of_a_small_county_are_left_out_too() -> None:
    lng, lat = np.random.default_rng(0).normal([-75.4, 40.2], 0.01, (1_100, 2)).T
    far_lng, far_lat = strays(20)
    cells, counts = counted(np.append(lng, far_lng), np.append(lat, far_lat), 9)
    assert study_area_from_data(cells, counts, 9, MANY).n_isolated_rows == 20


@pytest.mark.parametrize("n", [40, 3_000, 30_000])
def test_a_scattered_rural_layer_loses_nothing(n: int) -> None:
    rng = np.random.default_rng(2)
    cells, counts = counted(rng.uniform(-108, -98, n), rng.uniform(44, 49, n), 9)
    area = study_area_from_data(cells, counts, 9, 50_000_000)
    assert (cell_positions(area, cells) >= 0).all()
    assert area.n_isolated_rows == area.n_isolated_parents == 0


def test_a_second_town_stays() -> None:
    lng, lat = county(10_000)
    cells, counts = counted(np.append(lng, np.full(50, -79.0)), np.append(lat, np.full(50, 41.5)), 9)
    area = study_area_from_data(cells, counts, 9, MANY)
    assert (cell_positions(area, cells_at([-79.0], [41.5], 9)) >= 0).all()


def test_cells_without_incidents_do_not_count_as_data() -> None:
    cells = cells_at([-111.93, 20.0], [33.42, 50.0], 9)
    area = study_area_from_data(cells, [5, 0], 9, MANY)
    assert len(area.cells) == 343


@pytest.mark.parametrize(("resolution", "fits"), [(12, 10), (11, 10)])
def test_too_many_cells_of_a_polygon_name_the_resolution_that_fits(resolution: int, fits: int) -> None:
    with pytest.raises(TooManyCells, match=f"more than the 50,000 allowed: resolution {fits} fits"):
        study_area_from_polygon(CITY, resolution, 50_000)
    assert len(study_area_from_polygon(CITY, fits, 50_000).cells) <= 50_000


def test_too_many_cells_are_noticed_before_they_are_made() -> None:
    with pytest.raises(TooManyCells, match="resolution 4 fits"):
        study_area_from_polygon(shapely.box(-125, 25, -70, 49), 15, 10_000)


def test_too_many_cells_of_data_name_the_resolution_that_fits() -> None:
    lng, lat = county(10_000)
    cells, counts = counted(lng, lat, 15)
    with pytest.raises(TooManyCells, match="allowed: resolution 9 fits"):
        study_area_from_data(cells, counts, 11, 100_000)
    assert len(study_area_from_data(cells, counts, 9, 100_000).cells) <= 100_000


def test_a_limit_that_nothing_meets_is_said() -> None:
    with pytest.raises(TooManyCells, match="no resolution fits"):
        study_area_from_data(cells_at([0.0], [0.0], 9), [1], 9, 3)


def test_a_polygon_without_a_centre_is_refused() -> None:
    with pytest.raises(EmptyStudyArea, match="resolution-5"):
        study_area_from_polygon(shapely.box(0, 0, 0.001, 0.001), 5, MANY)


@pytest.mark.parametrize("counts", [[], [0, 0]])
def test_no_data_is_refused(counts: list[int]) -> None:
    with pytest.raises(EmptyStudyArea, match="at least one incident"):
        study_area_from_data(cells_at([0.0, 1.0], [0.0, 1.0], 9)[: len(counts)], counts, 9, MANY)


def test_data_coarser_than_the_parents_is_refused() -> None:
    with pytest.raises(ResolutionOutOfRange):
        study_area_from_data(cells_at([0.0], [0.0], 5), [1], 9, MANY)


@pytest.mark.parametrize(
    ("bbox", "share"),
    [((-180, -90, 180, 90), 1.0), ((179.5, -18, -179.5, -16), 1.0), ((0, -90, 180, 90), 0.5)],
)
def test_a_cut_keeps_the_centres_in_the_box(bbox: tuple[float, float, float, float], share: float) -> None:
    cells = disk(cells_at([180.0], [-17.0], 9), 20)
    cut = study_area_cut(StudyArea(cells, 9, "data", 2, 3), bbox)
    assert len(cut.cells) / len(cells) == pytest.approx(share, abs=0.1)
    assert (cut.n_isolated_parents, cut.n_isolated_rows, cut.source) == (2, 3, "data")


def test_a_cut_beside_the_area_is_refused() -> None:
    area = study_area_from_polygon(CITY, 8, MANY)
    with pytest.raises(EmptyStudyArea, match="box"):
        study_area_cut(area, (0, 0, 1, 1))
