"""Who borders on whom, and sums over areas and those around them."""

import numpy as np
import pytest
import shapely

from spatial.contiguity import area_sums, area_values, contiguity, contiguity_of_pairs
from spatial.errors import InvalidValues
from spatial.grid import boundaries, disk
from spatial.neighbors import disk_sums, neighbor_index

CELLS = disk([0x882A135927FFFFF], 4)


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_cells_as_areas_have_the_disks_of_the_grid(k: int) -> None:
    values = np.arange(len(CELLS))
    found = area_sums(contiguity(boundaries(CELLS)).disks(k), values)
    assert np.array_equal(found, disk_sums(neighbor_index(CELLS), values, k))


def test_the_values_of_a_neighbourhood_are_those_that_are_summed() -> None:
    rng = np.random.default_rng(0)
    n = 3000
    disks = contiguity_of_pairs(rng.integers(0, n, 9000), rng.integers(0, n, 9000), n).disks(2)
    values, rows = rng.random(n), rng.permutation(n)[:2000]
    sums = np.full(n, np.nan)
    for some, table in area_values(disks, values, rows):
        assert np.isnan(sums[some]).all()
        sums[some] = table.sum(axis=1)
    assert sums[rows] == pytest.approx(area_sums(disks, values)[rows])
    assert np.isnan(sums).sum() == n - len(rows)


def test_empty_shapes_touch_only_themselves() -> None:
    shapes = [shapely.box(0, 0, 1, 1), shapely.Polygon(), None, shapely.box(1, 1, 2, 2)]
    assert contiguity(shapes).touching.sum(axis=1).tolist() == [2, 1, 1, 2]


def test_a_value_per_area_is_needed() -> None:
    with pytest.raises(InvalidValues):
        area_sums(contiguity_of_pairs([0], [1], 2).disks(1), [1])
