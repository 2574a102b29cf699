import h3.api.numpy_int as h3
import numpy as np
import pytest
import shapely

from spatial.errors import InvalidCells
from spatial.geometry import dissolve, repaired
from spatial.grid import boundaries, cells_at, disk

PLACES = [(-111.93, 33.42), (180.0, 3.58), (179.99, -17.0), (0.0, 90.0), (30.0, -90.0), (100.0, 89.9)]


@pytest.mark.parametrize(("lng", "lat"), PLACES)
@pytest.mark.parametrize("resolution", [3, 8, 9])
@pytest.mark.parametrize("share", [0.6, 0.95, 1.0])
def test_dissolve_equals_the_union_of_the_cells(
    lng: float, lat: float, resolution: int, share: float
) -> None:
    cells = disk(cells_at([lng], [lat], resolution), 4)
    cells = cells[np.random.default_rng(4).random(len(cells)) < share]
    outline = dissolve(cells)
    union = shapely.union_all(boundaries(cells), grid_size=1e-9)
    assert shapely.is_valid(outline)
    assert shapely.symmetric_difference(outline, union).area <= 1e-4 * union.area


@pytest.mark.parametrize("resolution", [5, 6])
def test_dissolve_holds_at_pentagons_and_face_edges(resolution: int) -> None:
    cells = disk(np.array(h3.get_pentagons(resolution)[:1], dtype=np.uint64), 3)
    union = shapely.union_all(boundaries(cells), grid_size=1e-9)
    assert shapely.symmetric_difference(dissolve(cells), union).area <= 1e-4 * union.area


def test_dissolve_keeps_holes_and_islands_within_them() -> None:
    middle = cells_at([-111.93], [33.42], 9)
    ring = np.setdiff1d(disk(middle, 3), disk(middle, 2))
    outline = dissolve(np.concatenate([ring, middle]))
    holes = [len(part.interiors) for part in outline.geoms]
    assert sorted(holes) == [0, 1]
    assert shapely.is_valid(outline)


def test_dissolve_turns_shells_left_and_holes_right() -> None:
    middle = cells_at([-111.93], [33.42], 9)
    outline = dissolve(np.setdiff1d(disk(middle, 2), middle))
    assert outline.exterior.is_ccw
    assert not outline.interiors[0].is_ccw


def test_dissolve_across_180_has_its_parts_on_their_sides() -> None:
    outline = dissolve(disk(cells_at([180.0], [-17.0], 8), 3))
    assert outline.geom_type == "MultiPolygon"
    assert [part.bounds[2] - part.bounds[0] < 1 for part in outline.geoms] == [True, True]


def test_dissolve_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidCells, match="at least one cell"):
        dissolve([])


def test_repaired_counts_what_was_wrong_and_leaves_the_rest() -> None:
    spiked = shapely.Polygon([(0, 0), (1, 0), (1, 1), (1, 2), (1, 1), (0, 1)])
    sound = shapely.box(2, 2, 3, 3)
    geometries, n_repaired = repaired([spiked, sound, None])
    assert n_repaired == 1
    assert geometries[0].equals(shapely.box(0, 0, 1, 1))
    assert geometries[1] is sound
    assert geometries[2] is None
