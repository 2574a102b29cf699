import warnings

import geopandas
import h3.api.numpy_int as h3
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial.errors import InvalidCells, InvalidGeometry, InvalidValues
from spatial.geometry import dissolve
from spatial.grid import areas_km2, boundaries, cells_at, cells_within, centers, children, disk, parents
from spatial.interpolate import (
    Overlaps,
    cells_to_cells,
    overlaps,
    points_to_cells,
    to_cells,
    to_polygons,
)
from spatial.overlaps import spherical_areas_km2
from tests.requirements import dataset_path

CELLS = disk(cells_at([-111.93], [33.42], 9), 12)
WEST, SOUTH, EAST, NORTH = shapely.total_bounds(boundaries(CELLS))
RADIUS_KM = 6371.007180918475

# Two polygons of 10 and 8 km² on three cells of 4. The first has 4 km² in cell 0, 2 in cell 1, 4 outside;
# the second 2 in cell 1, 2 in cell 2 and 4 outside. Cell 2 is half empty.
BY_HAND = Overlaps(
    polygon=np.array([0, 0, 1, 1]),
    cell=np.array([0, 1, 1, 2]),
    area_km2=np.array([4.0, 2.0, 2.0, 2.0]),
    polygon_area_km2=np.array([10.0, 8.0]),
    cell_area_km2=np.array([4.0, 4.0, 4.0]),
    polygon_shared_km2=np.zeros(2),
    cell_covered_km2=np.array([4.0, 4.0, 2.0]),
    n_repaired=0,
)


def mosaic(n: int, seed: int) -> np.ndarray:
    """Return a random mosaic of n polygons that just covers the box around the cells."""
    rng = np.random.default_rng(seed)
    box = shapely.box(WEST, SOUTH, EAST, NORTH)
    sites = shapely.MultiPoint(np.column_stack([rng.uniform(WEST, EAST, n), rng.uniform(SOUTH, NORTH, n)]))
    return shapely.intersection(shapely.get_parts(shapely.voronoi_polygons(sites, extend_to=box)), box)


def blob(lng: float, lat: float, size: float, rng: np.random.Generator) -> shapely.Polygon:
    """Return a star-shaped polygon with a hole."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, 12))
    radii = size * rng.uniform(0.3, 1, 12)
    ring = np.column_stack([lng + radii * np.cos(angles), lat + radii * np.sin(angles)])
    return shapely.make_valid(shapely.Polygon(ring)) - shapely.Point(lng, lat).buffer(0.1 * size)


# --- areas -----------------------------------------------------------------------------------------------


def test_area_of_a_box_is_the_zone_formula() -> None:
    box = shapely.box(10, 30, 12, 33)
    expected = RADIUS_KM**2 * np.radians(2) * (np.sin(np.radians(33)) - np.sin(np.radians(30)))
    assert spherical_areas_km2([box])[0] == pytest.approx(expected, rel=1e-13)


def test_area_of_a_slanted_edge_is_the_integral_of_its_latitude() -> None:
    # Below the line from (0, 0) to (60, 60), straight in degrees: the integral of sin over longitude.
    expected = RADIUS_KM**2 * (1 - np.cos(np.radians(60)))
    triangle = shapely.Polygon([(0, 0), (np.degrees(np.radians(60)), 0), (60, 60)])
    assert spherical_areas_km2([triangle])[0] == pytest.approx(expected, rel=1e-12)


def test_area_agrees_with_a_finely_cut_equal_area_projection() -> None:
    polygon = blob(-100.0, 45.0, 3.0, np.random.default_rng(1))
    flat = shapely.transform(
        shapely.segmentize(polygon, 0.001),
        lambda p: RADIUS_KM * np.column_stack([np.radians(p[:, 0]), np.sin(np.radians(p[:, 1]))]),
    )
    assert spherical_areas_km2([polygon])[0] == pytest.approx(flat.area, rel=1e-8)


@pytest.mark.parametrize(
    ("resolution", "tolerance"), [(4, 3e-6), (7, 1e-8), (9, 1e-9), (12, 1e-9), (15, 3e-9)]
)
@pytest.mark.parametrize(("lng", "lat"), [(-111.93, 33.42), (25.0, 60.2), (179.99, -17.0), (0.0, 0.0)])
def test_area_of_cells_agrees_with_the_grid(
    lng: float, lat: float, resolution: int, tolerance: float
) -> None:
    cells = disk(cells_at([lng], [lat], resolution), 3)
    np.testing.assert_allclose(spherical_areas_km2(boundaries(cells)), areas_km2(cells), rtol=tolerance)


def test_area_of_nothing_is_zero() -> None:
    shapes = [shapely.Point(1, 1), shapely.LineString([(0, 0), (1, 1)]), shapely.Polygon(), None]
    assert spherical_areas_km2(shapes).tolist() == [0.0] * 4


# --- overlaps --------------------------------------------------------------------------------------------


def test_overlaps_are_the_plain_intersections_of_all_pairs() -> None:
    rng = np.random.default_rng(2)
    polygons = np.array([blob(-111.93 + dx, 33.42, 0.02, rng) for dx in (-0.02, 0.0, 0.015)])
    found = overlaps(polygons, CELLS)
    full = np.zeros((3, len(CELLS)))
    full[found.polygon, found.cell] = found.area_km2
    plain = spherical_areas_km2(shapely.intersection(polygons[:, None], boundaries(CELLS)[None, :]).ravel())
    np.testing.assert_allclose(full, plain.reshape(full.shape), rtol=1e-9, atol=1e-12)


def test_overlaps_of_a_mosaic_add_up_to_cells_and_to_polygons() -> None:
    found = overlaps(mosaic(80, 3), CELLS)
    np.testing.assert_allclose(np.bincount(found.cell, found.area_km2), found.cell_area_km2, rtol=1e-10)
    around = cells_within(shapely.box(WEST, SOUTH, EAST, NORTH).buffer(0.01), 9)
    whole = overlaps(mosaic(80, 3), around)
    np.testing.assert_allclose(whole.inside_share, 1.0, rtol=1e-10)
    assert whole.overlap_share.max() == 0.0


def test_overlaps_of_a_polygon_with_many_corners_are_the_same_cut_or_not() -> None:
    angles = np.linspace(0, 2 * np.pi, 5000, endpoint=False)
    radii = 0.02 * (1 + 0.2 * np.sin(40 * angles))
    coast = shapely.Polygon(
        np.column_stack([-111.93 + radii * np.cos(angles), 33.42 + radii * np.sin(angles)])
    )
    found = overlaps([coast], CELLS)
    plain = spherical_areas_km2(shapely.intersection(coast, boundaries(CELLS)[found.cell]))
    np.testing.assert_allclose(found.area_km2, plain, rtol=1e-9)
    assert found.inside_share[0] == pytest.approx(1.0, rel=1e-10)


def test_overlaps_leave_holes_out() -> None:
    middle = CELLS[len(CELLS) // 2 :][:1]
    hole = boundaries(middle)[0]
    ring = shapely.box(WEST, SOUTH, EAST, NORTH) - hole
    found = overlaps([ring], CELLS)
    assert found.cell_covered_km2[CELLS == middle[0]] == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(
        found.cell_covered_km2[CELLS != middle[0]], found.cell_area_km2[CELLS != middle[0]]
    )


def test_overlaps_sum_the_parts_of_a_multipolygon() -> None:
    parts = [boundaries(CELLS[:1])[0].buffer(-1e-4), boundaries(CELLS[-1:])[0].buffer(-1e-4)]
    found = overlaps([shapely.MultiPolygon(parts)], CELLS)
    assert sorted(found.cell.tolist()) == [0, len(CELLS) - 1]
    np.testing.assert_allclose(found.area_km2, spherical_areas_km2(parts), rtol=1e-9)


@pytest.mark.parametrize(
    "polygon",
    [
        shapely.box(179.9, -17.1, 180.1, -16.9),
        shapely.box(-180.1, -17.1, -179.9, -16.9),
        shapely.Polygon([(179.9, -17.1), (-179.9, -17.1), (-179.9, -16.9), (179.9, -16.9)]),
        shapely.MultiPolygon(
            [shapely.box(179.9, -17.1, 180, -16.9), shapely.box(-180, -17.1, -179.9, -16.9)]
        ),
    ],
    ids=["past 180", "past -180", "jump", "cut"],
)
def test_overlaps_hold_across_the_antimeridian_however_it_is_written(polygon: shapely.Geometry) -> None:
    cells = disk(cells_at([180.0], [-17.0], 6), 8)
    found = overlaps([polygon], cells)
    expected = spherical_areas_km2([shapely.box(0, -17.1, 0.2, -16.9)])[0]
    assert found.polygon_area_km2[0] == pytest.approx(expected, rel=1e-10)
    assert found.inside_share[0] == pytest.approx(1.0, rel=1e-10)


@pytest.mark.parametrize("resolution", [4, 7])
def test_overlaps_hold_on_a_pentagon(resolution: int) -> None:
    pentagon = np.array(h3.get_pentagons(resolution)[:1], dtype=np.uint64)
    cells = disk(pentagon, 3)
    lng, lat = centers(pentagon)
    radius = 0.3 * np.sqrt(areas_km2(pentagon)[0]) / 60
    found = overlaps([shapely.Point(lng[0], lat[0]).buffer(radius)], cells)
    assert found.inside_share[0] == pytest.approx(1.0, rel=1e-9)
    assert to_cells([5.0], found, extensive=True).values.sum() == pytest.approx(5.0, rel=1e-9)


def test_overlaps_around_a_pole_add_up() -> None:
    cells = disk(cells_at([0.0], [90.0], 4), 6)
    found = overlaps([shapely.box(-180, 89, 180, 90)], cells)
    assert found.inside_share[0] == pytest.approx(1.0, rel=1e-9)


def test_overlaps_repair_and_count_invalid_rings() -> None:
    bow_tie = shapely.Polygon([(-111.94, 33.41), (-111.92, 33.43), (-111.92, 33.41), (-111.94, 33.43)])
    found = overlaps([bow_tie, shapely.box(-111.94, 33.41, -111.92, 33.43)], CELLS)
    assert found.n_repaired == 1
    assert found.polygon_area_km2[0] == pytest.approx(found.polygon_area_km2[1] / 2, rel=1e-3)


def test_overlaps_of_nothing_are_nothing() -> None:
    none = overlaps([], CELLS)
    assert len(none.polygon) == 0
    assert none.cell_covered_km2.tolist() == [0.0] * len(CELLS)
    no_cells = overlaps([shapely.box(0, 0, 1, 1)], np.empty(0, dtype=np.uint64))
    assert no_cells.touches_no_cell.tolist() == [True]
    shapeless = overlaps([None, shapely.Polygon(), shapely.Point(-111.93, 33.42)], CELLS)
    assert shapeless.touches_no_cell.tolist() == [True, True, True]
    assert shapeless.inside_share.tolist() == [0.0, 0.0, 0.0]


def test_overlapping_polygons_are_told_and_covered_ground_counts_once() -> None:
    left, right = shapely.box(-111.95, 33.41, -111.92, 33.43), shapely.box(-111.94, 33.41, -111.91, 33.43)
    found = overlaps([left, right, left, shapely.box(0, 0, 1, 1)], CELLS)
    np.testing.assert_allclose(found.overlap_share, [1.0, 2 / 3, 1.0, 0.0], rtol=1e-9)
    union = spherical_areas_km2([shapely.box(-111.95, 33.41, -111.91, 33.43)])[0]
    assert found.cell_covered_km2.sum() == pytest.approx(union, rel=1e-9)
    spread = to_cells([1.0, 2.0, 4.0, 8.0], found, extensive=True)
    assert spread.values.sum() == pytest.approx(7.0, rel=1e-12)
    assert spread.outside[3] == 8.0
    assert spread.coverage.max() <= 1.0


def test_a_polygon_within_another_is_told() -> None:
    found = overlaps(
        [shapely.box(WEST, SOUTH, EAST, NORTH), shapely.box(-111.94, 33.41, -111.92, 33.43)], CELLS
    )
    small, large = found.polygon_area_km2[1], found.polygon_area_km2[0]
    np.testing.assert_allclose(found.overlap_share, [small / large, 1.0], rtol=1e-9)


@pytest.mark.parametrize(
    "polygon",
    [
        shapely.box(0, 0, 1, 91),
        shapely.box(500000, 4000000, 500100, 4000100),
        shapely.Polygon([(0, 0), (1, np.inf), (1, 1)]),
    ],
)
def test_overlaps_refuse_what_is_no_degree(polygon: shapely.Polygon) -> None:
    with pytest.raises(InvalidGeometry, match="degrees"):
        overlaps([shapely.box(0, 0, 1, 1), polygon], CELLS)


@pytest.mark.parametrize(
    "cells", [[7], [CELLS[0], CELLS[0]], [CELLS[0], parents(CELLS[:1], 8)[0]]], ids=["none", "twice", "mixed"]
)
def test_overlaps_refuse_cells_that_do_not_tile(cells: list[int]) -> None:
    with pytest.raises(InvalidCells):
        overlaps([shapely.box(0, 0, 1, 1)], np.array(cells, dtype=np.uint64))


# --- polygons to cells -----------------------------------------------------------------------------------


def test_extensive_values_are_shared_by_area_worked_by_hand() -> None:
    spread = to_cells([100.0, 80.0], BY_HAND, extensive=True)
    assert spread.values.tolist() == [40.0, 40.0, 20.0]
    assert spread.outside.tolist() == [40.0, 40.0]
    assert spread.coverage.tolist() == [1.0, 1.0, 0.5]


def test_extensive_values_with_the_total_kept_worked_by_hand() -> None:
    spread = to_cells([90.0, 80.0], BY_HAND, extensive=True, keep_total=True)
    np.testing.assert_allclose(spread.values, [60.0, 70.0, 40.0])
    assert spread.outside.tolist() == [0.0, 0.0]


def test_extensive_values_follow_the_weights_worked_by_hand() -> None:
    # Of the first polygon's cells the weights inside are 10·4/4 and 20·2/4; of the second 20·2/4 and 0·2/4.
    spread = to_cells([90.0, 80.0], BY_HAND, extensive=True, weights=[10, 20, 0], keep_total=True)
    np.testing.assert_allclose(spread.values, [45.0, 125.0, 0.0])
    assert spread.by_area.tolist() == [False, False]


def test_a_polygon_without_weight_falls_back_to_area_and_says_so() -> None:
    spread = to_cells([90.0, 80.0], BY_HAND, extensive=True, weights=[10, 0, 0], keep_total=True)
    np.testing.assert_allclose(spread.values, [90.0, 40.0, 40.0])
    assert spread.by_area.tolist() == [False, True]


def test_intensive_values_are_means_weighted_by_overlap_worked_by_hand() -> None:
    spread = to_cells([0.2, 0.6], BY_HAND, extensive=False)
    np.testing.assert_allclose(spread.values, [0.2, 0.4, 0.6])


def test_a_missing_value_is_left_out_and_told() -> None:
    extensive = to_cells([np.nan, 80.0], BY_HAND, extensive=True)
    np.testing.assert_equal(extensive.values, [np.nan, 20.0, 20.0])
    assert extensive.is_missing.tolist() == [True, False]
    assert extensive.coverage.tolist() == [0.0, 0.5, 0.5]
    assert extensive.outside.tolist() == [0.0, 40.0]
    intensive = to_cells([np.nan, 0.6], BY_HAND, extensive=False)
    np.testing.assert_equal(intensive.values, [np.nan, 0.6, 0.6])


def test_cells_that_nothing_covers_are_zero_or_nan() -> None:
    found = overlaps([boundaries(CELLS[:1])[0].buffer(-1e-5)], CELLS)
    assert to_cells([3.0], found, extensive=True).values.tolist() == [3.0] + [0.0] * (len(CELLS) - 1)
    assert np.isnan(to_cells([3.0], found, extensive=False).values[1:]).all()


def test_a_polygon_that_touches_no_cell_is_not_lost() -> None:
    found = overlaps([shapely.box(0, 0, 1, 1), shapely.box(-111.94, 33.41, -111.92, 33.43)], CELLS)
    spread = to_cells([17.0, 5.0], found, extensive=True, keep_total=True)
    assert spread.touches_none.tolist() == [True, False]
    assert spread.outside.tolist() == [17.0, 0.0]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 40),
    scale=st.floats(1e-6, 1e12),
    keep_total=st.booleans(),
    weighted=st.booleans(),
)
def test_totals_are_kept_whatever_the_polygons(
    seed: int, n: int, scale: float, keep_total: bool, weighted: bool
) -> None:
    rng = np.random.default_rng(seed)
    lngs, lats = rng.uniform(WEST - 0.02, EAST + 0.02, n), rng.uniform(SOUTH - 0.02, NORTH + 0.02, n)
    polygons = [blob(x, y, rng.uniform(1e-4, 0.03), rng) for x, y in zip(lngs, lats, strict=True)]
    values = scale * rng.lognormal(0, 2, n)
    weights = (
        np.where(rng.random(len(CELLS)) < 0.5, 0.0, rng.lognormal(0, 3, len(CELLS))) if weighted else None
    )
    found = overlaps(polygons, CELLS)
    spread = to_cells(values, found, extensive=True, weights=weights, keep_total=keep_total)
    assert spread.values.sum() + spread.outside.sum() == pytest.approx(values.sum(), rel=1e-12)
    assert spread.values.min() >= 0
    placed_or_lost = (spread.outside == 0) | spread.touches_none | (not keep_total)
    assert placed_or_lost.all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 60))
def test_intensive_constants_stay_and_the_order_does_not_matter(seed: int, n: int) -> None:
    polygons = mosaic(n, seed)
    found = overlaps(polygons, CELLS)
    np.testing.assert_allclose(to_cells(np.full(n, 0.3), found, extensive=False).values, 0.3, rtol=1e-12)
    rng = np.random.default_rng(seed)
    values, shuffled, turned = rng.random(n), rng.permutation(n), rng.permutation(len(CELLS))
    there = to_cells(values, found, extensive=True).values[turned]
    again = to_cells(values[shuffled], overlaps(polygons[shuffled], CELLS[turned]), extensive=True).values
    np.testing.assert_allclose(again, there, rtol=1e-9)


@pytest.mark.parametrize(
    ("values", "weights", "message"),
    [
        ([1.0], None, "one value per polygon"),
        ([1.0, np.inf], None, "finite"),
        ([1.0, 2.0], [1.0], "one weight per cell"),
        ([1.0, 2.0], [1.0, -1.0, 0.0], "0 or more"),
        ([1.0, 2.0], [1.0, np.nan, 0.0], "0 or more"),
    ],
)
def test_values_that_do_not_fit_are_refused(
    values: list[float], weights: list[float] | None, message: str
) -> None:
    with pytest.raises(InvalidValues, match=message):
        to_cells(values, BY_HAND, extensive=True, weights=weights)


# --- cells to polygons -----------------------------------------------------------------------------------


def test_cells_to_polygons_worked_by_hand() -> None:
    amounts = to_polygons([40.0, 40.0, 20.0], BY_HAND, extensive=True)
    assert amounts.values.tolist() == [60.0, 30.0]
    assert amounts.outside.tolist() == [0.0, 0.0, 10.0]
    assert amounts.coverage.tolist() == [0.6, 0.5]
    means = to_polygons([0.3, 0.6, 0.0], BY_HAND, extensive=False)
    np.testing.assert_allclose(means.values, [0.4, 0.3])
    weighted = to_polygons([0.3, 0.6, 0.0], BY_HAND, extensive=False, weights=[10, 20, 0])
    np.testing.assert_allclose(weighted.values, [0.45, 0.6])


def test_cells_to_polygons_leave_unknown_cells_out() -> None:
    amounts = to_polygons([np.nan, 40.0, np.nan], BY_HAND, extensive=True)
    assert amounts.values.tolist() == [20.0, 20.0]
    assert to_polygons([np.nan, 1.0, 2.0], BY_HAND, extensive=False).values.tolist() == [1.0, 1.5]
    nobody = to_polygons([1.0, 1.0, 2.0], BY_HAND, extensive=False, weights=[1, 0, 0])
    np.testing.assert_equal(nobody.values, [1.0, np.nan])


def test_cells_to_a_mosaic_keep_the_total() -> None:
    found = overlaps(mosaic(60, 5), CELLS)
    counts = np.random.default_rng(5).poisson(4, len(CELLS)).astype(float)
    moved = to_polygons(counts, found, extensive=True)
    assert moved.values.sum() + moved.outside.sum() == pytest.approx(counts.sum(), rel=1e-9)
    assert moved.outside.tolist() == [0.0] * len(CELLS)


# --- points and cells ------------------------------------------------------------------------------------


def test_points_are_summed_by_cell_and_the_rest_is_told() -> None:
    lng, lat = centers(CELLS[:2])
    found = points_to_cells(
        [lng[1], lng[0], lng[1], 0.0, np.nan, lng[0]],
        [lat[1], lat[0], lat[1], 0.0, 1.0, lat[0]],
        [1.0, 2.0, 4.0, 8.0, 16.0, np.nan],
        CELLS[:2][::-1],
    )
    assert found.values.tolist() == [5.0, 2.0]
    assert found.n_points.tolist() == [2, 1]
    assert (found.outside, found.n_outside, found.n_missing) == (24.0, 2, 1)


def test_points_without_cells_are_all_outside() -> None:
    found = points_to_cells([0.0], [0.0], [3.0], np.empty(0, dtype=np.uint64))
    assert (len(found.values), found.outside) == (0, 3.0)


def test_points_of_unequal_lengths_are_refused() -> None:
    with pytest.raises(InvalidValues, match="latitudes"):
        points_to_cells([0.0, 1.0], [0.0], [3.0, 4.0], CELLS)


def test_cells_of_mixed_resolutions_meet_in_the_targets() -> None:
    coarse = parents(CELLS[:1], 8)
    targets = children(coarse, 9)
    sources = np.concatenate([coarse, targets[:1], children(targets[1:2], 11)[:2], cells_at([0.0], [0.0], 9)])
    spread = cells_to_cells(sources, [70.0, 5.0, 1.0, 2.0, 9.0], targets, extensive=True)
    np.testing.assert_allclose(spread.values, [15.0, 13.0, 10.0, 10.0, 10.0, 10.0, 10.0])
    assert spread.outside.tolist() == [0.0, 0.0, 0.0, 0.0, 9.0]
    assert spread.touches_none.tolist() == [False, False, False, False, True]
    means = cells_to_cells(targets[:3], [1.0, 2.0, 6.0], coarse, extensive=False)
    assert means.values.tolist() == [3.0]
    np.testing.assert_allclose(means.coverage, [3 / 7])


@pytest.mark.parametrize("resolution", [6, 7, 8, 9])
def test_cells_keep_their_total_around_a_pentagon(resolution: int) -> None:
    sources = disk(np.array(h3.get_pentagons(7)[:1], dtype=np.uint64), 2)
    values = np.random.default_rng(6).lognormal(0, 1, len(sources))
    targets = children(sources, resolution) if resolution > 7 else np.unique(parents(sources, resolution))
    spread = cells_to_cells(sources, values, targets, extensive=True)
    assert spread.outside.sum() == 0.0
    assert spread.values.sum() == pytest.approx(values.sum(), rel=1e-12)
    back = cells_to_cells(targets, spread.values, np.unique(parents(sources, 5)), extensive=True)
    assert back.values.sum() == pytest.approx(values.sum(), rel=1e-12)


def test_cells_follow_weights_and_keep_the_total() -> None:
    coarse = parents(CELLS[:1], 8)
    targets = children(coarse, 9)[:4]
    spread = cells_to_cells(coarse, [70.0], targets, extensive=True, weights=[0, 1, 3, 0], keep_total=True)
    np.testing.assert_allclose(spread.values, [0.0, 17.5, 52.5, 0.0])


# --- beside a reference, and on real data ----------------------------------------------------------------


def equal_area(shapes: np.ndarray) -> np.ndarray:
    """Return shapes on the cylinder that keeps areas, in metres."""
    return shapely.transform(
        shapes,
        lambda p: 1000 * RADIUS_KM * np.column_stack([np.radians(p[:, 0]), np.sin(np.radians(p[:, 1]))]),
    )


@pytest.mark.reference
@pytest.mark.parametrize("keep_total", [True, False])
def test_values_agree_with_tobler(keep_total: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tobler.area_weighted import area_interpolate

        rng = np.random.default_rng(7)
        polygons = mosaic(70, 7)
        values = pd.DataFrame({"people": rng.lognormal(5, 1, 70), "share": rng.random(70)})
        crs = f"+proj=cea +R={1000 * RADIUS_KM} +units=m"
        source = geopandas.GeoDataFrame(
            values, geometry=equal_area(shapely.segmentize(polygons, 5e-4)), crs=crs
        )
        target = geopandas.GeoDataFrame(
            geometry=equal_area(shapely.segmentize(boundaries(CELLS), 5e-4)), crs=crs
        )
        theirs = area_interpolate(source, target, ["people"], ["share"], allocate_total=keep_total)
    found = overlaps(polygons, CELLS)
    people = to_cells(values["people"], found, extensive=True, keep_total=keep_total)
    share = to_cells(values["share"], found, extensive=False)
    # 1e-6: edges straight in degrees against edges straight, in short pieces, on the cylinder.
    np.testing.assert_allclose(people.values, theirs["people"], rtol=1e-6)
    np.testing.assert_allclose(share.values, theirs["share"], rtol=1e-6)


def test_chicago_community_areas_keep_their_people() -> None:
    path = dataset_path("places/chicago/community_areas_pop2010.geojson.gz")
    areas = geopandas.read_file(f"/vsigzip/{path}")
    people = areas["pop10"].to_numpy(dtype=float)
    cells = cells_within(shapely.union_all(areas.geometry), 9)
    found = overlaps(areas.geometry, cells)
    assert found.inside_share.min() > 0.9
    assert found.overlap_share.max() < 1e-3
    kept = to_cells(people, found, extensive=True, keep_total=True)
    assert kept.values.sum() == pytest.approx(people.sum(), rel=1e-9)
    cut = to_cells(people, found, extensive=True)
    assert cut.values.sum() + cut.outside.sum() == pytest.approx(people.sum(), rel=1e-9)
    back = to_polygons(kept.values, found, extensive=True)
    assert back.values.sum() + back.outside.sum() == pytest.approx(people.sum(), rel=1e-9)
    assert np.corrcoef(back.values, people)[0, 1] > 0.99


def test_memphis_blocks_make_the_precincts_dasymetric() -> None:
    blocks = pd.read_csv(dataset_path("places/memphis/memphis_population.csv.gz"))
    precincts = geopandas.read_file(dataset_path("places/memphis/memphis_precincts.geojson"))
    cells = cells_within(shapely.union_all(precincts.geometry), 9)
    people = points_to_cells(blocks["longitude"], blocks["latitude"], blocks["population"], cells)
    assert people.values.sum() + people.outside == pytest.approx(blocks["population"].sum(), rel=1e-12)
    found = overlaps(precincts.geometry, cells)
    counts = np.arange(100.0, 100.0 + len(precincts))
    spread = to_cells(counts, found, extensive=True, weights=people.values, keep_total=True)
    assert spread.values.sum() == pytest.approx(counts.sum(), rel=1e-9)
    assert spread.values[people.values == 0].max() == 0.0


@pytest.mark.parametrize(
    ("name", "n", "n_invalid"),
    [("UTAH_merged_sewersheds", 256, 0), ("RHODEISLAND_statedata_publiconline_sewersheds", 122, 7)],
)
def test_every_real_sewershed_is_accounted_for(name: str, n: int, n_invalid: int) -> None:
    path = dataset_path(f"wastewater/epa_sewersheds/{name}.gpkg.zip")
    sewersheds = geopandas.read_file(f"/vsizip/{path}")
    areas = [cells_within(box, 7) for box in shapely.box(*sewersheds.bounds.T.values)]
    corners = cells_at(*shapely.get_coordinates(shapely.points(sewersheds.bounds.values[:, :2])).T, 7)
    found = overlaps(sewersheds.geometry, disk(np.unique(np.concatenate([corners, *areas])), 2))
    assert (len(found.polygon_area_km2), found.n_repaired) == (n, n_invalid)
    assert not found.touches_no_cell.any()
    np.testing.assert_allclose(found.inside_share, 1.0, rtol=1e-9)
    spread = to_cells(np.ones(n), found, extensive=True)
    assert spread.values.sum() == pytest.approx(n, rel=1e-9)
    ellipsoidal_km2 = geopandas.GeoSeries(found_shapes(sewersheds)).set_crs(4326).to_crs(6933).area / 1e6
    # 0.6 %: the sphere with the surface of the ellipsoid against the ellipsoid at these latitudes.
    np.testing.assert_allclose(found.polygon_area_km2, ellipsoidal_km2, rtol=6e-3)


def found_shapes(frame: geopandas.GeoDataFrame) -> np.ndarray:
    """Return the shapes of a table, valid."""
    return shapely.make_valid(np.asarray(frame.geometry, dtype=object))


def test_dissolved_cells_give_back_their_cells() -> None:
    chosen = CELLS[::3]
    found = overlaps([dissolve(chosen)], CELLS)
    spread = to_cells([1.0], found, extensive=True)
    inside = np.isin(CELLS, chosen)
    np.testing.assert_allclose(spread.coverage[inside], 1.0, rtol=1e-6)
    np.testing.assert_allclose(spread.coverage[~inside], 0.0, atol=1e-6)
