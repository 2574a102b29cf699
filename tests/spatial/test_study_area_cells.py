"""The study area that cells of any resolution span."""

import numpy as np
import pytest

from spatial.errors import EmptyStudyArea, TooManyCells
from spatial.grid import children, disk, parents
from spatial.study_area import study_area_from_cells

CELLS = disk([0x882A135927FFFFF], 2)


@pytest.mark.parametrize("resolution", [6, 7, 8, 9, 10])
def test_cells_become_their_ancestors_or_their_descendants(resolution: int) -> None:
    found = study_area_from_cells(CELLS, resolution, 10_000).cells
    expected = np.unique(parents(CELLS, resolution)) if resolution <= 8 else children(CELLS, resolution)
    assert np.array_equal(found, np.sort(expected))


def test_resolutions_may_be_mixed() -> None:
    mixed = np.concatenate([CELLS[:3], parents(CELLS[-1:], 6), children(CELLS[3:4], 10)])
    found = study_area_from_cells(mixed, 8, 1000)
    inside = children(parents(CELLS[-1:], 6), 8)
    assert set(found.cells) == {*CELLS[:4], *inside}
    assert found.source == "coverage"


def test_too_many_cells_name_the_resolution_that_fits() -> None:
    with pytest.raises(TooManyCells, match="resolution"):
        study_area_from_cells(CELLS, 12, 1000)


def test_no_cell_is_no_area() -> None:
    with pytest.raises(EmptyStudyArea):
        study_area_from_cells([], 8, 1000)
