import numpy as np
import pytest
import shapely

from spatial.errors import InvalidValues
from spatial.hulls import hull


@pytest.mark.parametrize(
    "points",
    [
        [(10, 50)],
        [(10, 50), (10, 50)],
        [(10, 50), (10.001, 50)],
        [(10, 50), (10.001, 50), (10.002, 50)],
        [(0, 89.9995), (90, 89.9995), (180, 89.9995)],
    ],
    ids=["one", "twice one", "two", "a line", "near a pole"],
)
def test_few_points_have_an_area_that_holds_them(points: list[tuple[float, float]]) -> None:
    lng, lat = np.array(points, dtype=float).T
    found = hull(lng, lat, 25.0)
    assert found.geometry.is_valid and found.area_km2 > 0
    assert shapely.intersects_xy(found.geometry, lng, lat).all()


def test_all_points_lie_inside_and_a_bend_is_followed() -> None:
    x, y = np.meshgrid(np.arange(41), np.arange(41))
    bent = (x < 8) | (y < 8)  # two streets that meet at a corner
    lng, lat = 10 + x[bent] * 1e-3, y[bent] * 1e-3
    found = hull(lng, lat, 30.0)
    assert shapely.contains_xy(found.geometry, lng, lat).all()
    whole = shapely.MultiPoint(np.column_stack([lng, lat])).convex_hull.area * 111.2**2
    assert found.area_km2 < 0.75 * whole


def test_the_area_is_that_on_the_sphere() -> None:
    lng, lat = np.meshgrid(np.linspace(10, 10.1, 30), np.linspace(60, 60.1, 30))
    found = hull(lng.ravel(), lat.ravel(), 1.0)
    expected = 6371.0088**2 * np.radians(0.1) * (np.sin(np.radians(60.1)) - np.sin(np.radians(60)))
    assert found.area_km2 == pytest.approx(expected, rel=0.002)  # the margin of 1 m adds .1 %


def test_the_order_of_points_changes_nothing() -> None:
    lng, lat = np.random.default_rng(0).normal(0, 0.01, (2, 300))
    mixed = np.random.default_rng(1).permutation(300)
    assert hull(lng, lat, 30.0).geometry.equals_exact(hull(lng[mixed], lat[mixed], 30.0).geometry, 0)


def test_the_antimeridian_cuts_the_polygon() -> None:
    found = hull([179.999, -179.999, 179.998], [0.0, 0.001, 0.0], 30.0)
    assert found.geometry.geom_type == "MultiPolygon"
    west, _, east, _ = found.geometry.bounds
    assert (west, east) == (-180, 180)


@pytest.mark.parametrize(("n", "margin"), [(0, 10.0), (1, 0.0), (1, float("nan"))])
def test_no_point_or_no_margin_is_refused(n: int, margin: float) -> None:
    with pytest.raises(InvalidValues):
        hull([1.0] * n, [1.0] * n, margin)
