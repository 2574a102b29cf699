import numpy as np
import pytest
from numpy.typing import NDArray

from models.areas import Areas, areas
from models.errors import InvalidParameter
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, neighbor_index

CENTRES = cells_at([-111.93, -111.90, -111.87, -111.84], [33.42] * 4, 9)


@pytest.fixture(scope="module")
def index() -> NeighborIndex:
    return neighbor_index(disk(CENTRES, 6))


def marked(index: NeighborIndex, centre: int, radius: int = 1) -> NDArray[np.bool_]:
    return np.isin(index.cells, disk(CENTRES[centre : centre + 1], radius))


def scene(index: NeighborIndex) -> tuple[NDArray[np.str_], NDArray[np.int64], NDArray[np.float64]]:
    """A small and a large hot area, a cold one, and a hot one that touches the cold one's rim."""
    classes = np.full(len(index), "none")
    counts = np.full(len(index), 2)
    z = np.zeros(len(index))
    for centre, count, kind in ((0, 5, "hot"), (1, 30, "hot"), (2, 0, "cold")):
        inside = marked(index, centre)
        classes[inside], counts[inside], z[inside] = kind, count, {"hot": 4.0, "cold": -4.0}[kind]
    return classes, counts, z


def found_in(index: NeighborIndex, **options: object) -> Areas:
    classes, counts, z = scene(index)
    return areas(classes, index, counts, np.full(len(index), 0.01), z, **options)  # type: ignore[arg-type]


def test_areas_are_ranked_by_excess_with_cold_ones_last(index: NeighborIndex) -> None:
    found = found_in(index)
    assert found.classes.tolist() == ["hot", "hot", "cold"]
    assert found.rank.tolist() == [1, 2, 3]
    assert found.count.tolist() == [210, 35, 0]
    assert found.n_cells.tolist() == [7, 7, 7]


def test_an_area_expects_the_mean_of_its_cells(index: NeighborIndex) -> None:
    found = found_in(index)
    counts = scene(index)[1]
    np.testing.assert_allclose(found.expected, 7 * counts.mean())
    np.testing.assert_allclose(found.excess, found.count - found.expected)
    np.testing.assert_allclose(found.share_of_count, found.count / counts.sum())
    np.testing.assert_allclose(found.share_of_area, 7 / len(index))
    assert np.isnan(found.relative_risk).all()


def test_labels_point_at_the_areas(index: NeighborIndex) -> None:
    found = found_in(index)
    assert np.array_equal(found.labels == 0, marked(index, 1))
    assert np.array_equal(found.labels == 1, marked(index, 0))
    assert np.array_equal(found.labels == 2, marked(index, 2))


def test_hot_and_cold_cells_side_by_side_are_two_areas(index: NeighborIndex) -> None:
    ring = marked(index, 3, 2) & ~marked(index, 3, 1)
    classes = np.where(marked(index, 3, 1), "hot", np.where(ring, "cold", "none"))
    found = areas(classes, index, np.arange(len(index)), np.zeros(len(index)), np.zeros(len(index)))
    assert sorted(found.n_cells.tolist()) == [7, 12]


def test_the_peak_is_the_most_extreme_cell_and_the_first_of_equals(index: NeighborIndex) -> None:
    classes, counts, z = scene(index)
    hot, cold = np.flatnonzero(marked(index, 1)), np.flatnonzero(marked(index, 2))
    z[hot[3]], z[cold[[2, 5]]] = 9.0, -8.0
    found = areas(classes, index, counts, np.linspace(0, 0.05, len(index)), z)
    assert found.peak_cell[[0, 2]].tolist() == [hot[3], cold[2]]
    assert found.peak_z[[0, 2]].tolist() == [9.0, -8.0]
    np.testing.assert_allclose(found.min_q[0], np.linspace(0, 0.05, len(index))[hot[0]])


def test_equal_excess_is_ranked_by_the_smallest_q_then_the_first_cell(index: NeighborIndex) -> None:
    classes = np.where(marked(index, 0) | marked(index, 1) | marked(index, 2), "hot", "none")
    q = np.where(marked(index, 1), 0.001, 0.01)
    found = areas(classes, index, np.ones(len(index), dtype=int), q, np.ones(len(index)))
    first = [int(np.flatnonzero(found.labels == label)[0]) for label in range(3)]
    assert found.min_q.tolist() == [0.001, 0.01, 0.01]
    assert first[1] < first[2]


def test_the_risk_has_an_interval_and_dispersion_widens_it(index: NeighborIndex) -> None:
    counts, expected = 1 + np.arange(len(index)) % 5, np.full(len(index), 2.0)
    kinds = np.array(["none"] * len(index))
    kinds[:3] = "hot"
    nothing = np.zeros(len(index))
    plain, wide, without = (
        areas(kinds, index, counts, nothing, nothing, **options)
        for options in ({"expected": expected}, {"expected": expected, "phi": 1.0}, {})
    )
    assert (wide.rr_low < plain.rr_low).all()
    assert (plain.rr_low < plain.relative_risk).all()
    assert (plain.relative_risk < plain.rr_high).all()
    assert (plain.rr_high < wide.rr_high).all()
    assert np.isnan(without.rr_low).all()
    assert np.isnan(without.rr_high).all()


def test_a_denominator_gives_the_risk_inside_over_outside(index: NeighborIndex) -> None:
    expected = np.full(len(index), 4.0)
    found = found_in(index, expected=expected)
    total = scene(index)[1].sum()
    inside, outside = 210 / 28, (total - 210) / (4 * len(index) - 28)
    assert found.relative_risk[0] == pytest.approx(inside / outside)
    assert found.expected[0] == 28


def test_nothing_significant_gives_no_area(index: NeighborIndex) -> None:
    n = len(index)
    found = areas(np.full(n, "none"), index, np.zeros(n, dtype=int), np.full(n, np.nan), np.full(n, np.nan))
    assert len(found) == len(found.peak_cell) == len(found.share_of_count) == 0
    assert (found.labels == -1).all()


def test_arrays_that_do_not_fit_are_refused(index: NeighborIndex) -> None:
    with pytest.raises(InvalidParameter, match="one entry for each"):
        areas(["hot"], index, [1], [0.1], [1.0])
