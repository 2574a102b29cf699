"""Amounts shared out to cells by one matrix: as the interpolation does, and nothing is lost."""

import numpy as np
import pytest
import shapely

from spatial.allocation import allocation, cells_touched, polygons_in_polygons
from spatial.errors import InvalidValues
from spatial.grid import boundaries, cells_within, centers, children, disk, parents
from spatial.interpolate import cells_to_cells, overlaps, to_cells

TOWN = shapely.box(-75.30, 40.00, -75.20, 40.08)
CELLS = cells_within(TOWN, 8)
NONE = np.zeros(3, dtype=np.uint64)


def blocks(n: int = 12) -> np.ndarray:
    """Return a grid of blocks over the town and a little beyond it."""
    x, y = np.linspace(-75.31, -75.19, n + 1), np.linspace(39.99, 40.09, n + 1)
    found = [shapely.box(x[i], y[j], x[i + 1], y[j + 1]) for i in range(n) for j in range(n)]
    return np.array(found, dtype=object)


@pytest.mark.parametrize("keep_total", [False, True])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_polygons_are_shared_out_as_the_interpolation_does(keep_total: bool, is_weighted: bool) -> None:
    shapes = blocks()
    values = np.arange(len(shapes), dtype=float)
    weights = None
    if is_weighted:
        weights = np.random.default_rng(0).integers(0, 3, len(CELLS)).astype(float)
    found = allocation(
        shapes, np.zeros(len(shapes), np.uint64), CELLS, weights=weights, keep_total=keep_total
    )
    expected = to_cells(
        values, overlaps(shapes, CELLS), extensive=True, weights=weights, keep_total=keep_total
    )
    assert found.shares @ values == pytest.approx(np.nan_to_num(expected.values), rel=1e-9, abs=1e-9)
    assert np.array_equal(found.by_area, expected.by_area)
    assert (1 - found.inside) * values == pytest.approx(expected.outside, abs=1e-7)


@pytest.mark.parametrize("resolution", [6, 7, 8, 9])
def test_cells_are_shared_out_as_the_hierarchy_says(resolution: int) -> None:
    source = disk([0x882A135927FFFFF], 3)
    target = np.unique(parents(source, resolution)) if resolution < 8 else children(source, resolution)[5:]
    values = np.arange(len(source), dtype=float) + 1
    found = allocation(np.full(len(source), None), source, target)
    expected = cells_to_cells(source, values, target, extensive=True)
    assert found.shares @ values == pytest.approx(np.nan_to_num(expected.values), rel=1e-12)
    assert (found.relative_size == 7.0 ** (resolution - 8)).all()


def test_a_cell_given_twice_counts_twice() -> None:
    parent = parents(CELLS[:1], 7)
    found = allocation([None, None], np.repeat(parent, 2), children(parent, 8))
    assert (found.shares @ np.array([7.0, 14.0])) == pytest.approx(np.full(7, 3.0))


def test_a_line_is_shared_out_by_length_and_keeps_its_total() -> None:
    line = shapely.LineString([(-75.29, 40.01), (-75.25, 40.03), (-75.21, 40.07)])
    found = allocation([line], [0], CELLS)
    assert found.inside == pytest.approx([1.0], abs=1e-12)
    shares = found.shares.toarray()[:, 0]
    lengths = shapely.length(shapely.intersection(line, boundaries(CELLS)))
    # In degrees here: the two directions of the line differ a little in what a degree is worth.
    assert shares == pytest.approx(lengths / lengths.sum(), rel=0.05, abs=1e-9)
    assert 5 < found.relative_size[0] < 15


def test_a_line_that_leaves_the_cells_leaves_the_rest_outside() -> None:
    lng, lat = (float(x[0]) for x in centers(CELLS[:1]))
    line = shapely.LineString([(lng, lat), (lng + 0.5, lat)])
    inside = allocation([line], [0], CELLS[:1]).inside[0]
    assert 0.001 < inside < 0.05
    assert allocation([line], [0], CELLS[:1], keep_total=True).inside == pytest.approx([1.0])


def test_points_lie_in_their_cell_and_several_points_share() -> None:
    lng, lat = centers(CELLS[:2])
    one, two = shapely.points(lng, lat)
    found = allocation([one, shapely.MultiPoint([one, two]), shapely.Point(0, 0)], NONE, CELLS[:2])
    assert found.shares.toarray().tolist() == [[1.0, 0.5, 0.0], [0.0, 0.5, 0.0]]
    assert found.relative_size.tolist() == [0.0, 0.0, 0.0]


def test_what_has_no_place_goes_nowhere() -> None:
    found = allocation([None, shapely.Polygon()], NONE[:2], CELLS)
    assert found.shares.nnz == 0
    assert np.isnan(found.relative_size).all()


def test_sizes_are_counted_in_cells() -> None:
    found = allocation([TOWN], [0], CELLS)
    assert found.relative_size[0] == pytest.approx(len(CELLS), rel=0.05)


def test_wrong_weights_are_refused() -> None:
    with pytest.raises(InvalidValues):
        allocation([TOWN], [0], CELLS, weights=[1.0])
    with pytest.raises(InvalidValues):
        allocation([TOWN], [0, 0], CELLS)


@pytest.mark.parametrize("resolution", [6, 8, 9])
def test_cells_along_outlines_hold_all_of_lines_and_small_shapes(resolution: int) -> None:
    shapes = np.array(
        [
            shapely.LineString([(-75.29, 40.01), (-75.21, 40.07)]),
            shapely.box(-75.2501, 40.0201, -75.2499, 40.0203),
            shapely.Point(-75.22, 40.02),
        ],
        dtype=object,
    )
    found = allocation(shapes, NONE, cells_touched(shapes, NONE, resolution))
    # Corners of cells that a line cuts shorter than a step hold next to nothing.
    assert (found.inside > 0.97).all()


def test_amounts_of_points_and_polygons_are_summed_by_area() -> None:
    areas = blocks(4)
    shapes = np.array([TOWN, shapely.Point(-75.25, 40.04), shapely.Point(10, 10)], dtype=object)
    sums, outside = polygons_in_polygons([100.0, 5.0, 7.0], shapes, areas)
    assert sums.sum() == pytest.approx(105.0, rel=1e-9)
    assert outside.tolist() == pytest.approx([0.0, 0.0, 7.0], abs=1e-6)
