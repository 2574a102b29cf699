"""Metres around the middle of points, against geodesics."""

import numpy as np
import pytest
import shapely
from pyproj import Geod

from spatial.errors import InvalidValues
from spatial.local_plane import local_metres, plane_around


@pytest.mark.parametrize("middle", [(-87.7, 41.8), (179.99, -17.0), (24.9, 60.2), (0.0, 0.0)])
def test_distances_are_those_of_geodesics_as_far_as_the_stretch_says(middle: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    lng = (middle[0] + rng.uniform(-0.4, 0.4, 200) + 180) % 360 - 180
    lat = middle[1] + rng.uniform(-0.4, 0.4, 200)
    found = local_metres(lng, lat)
    true = Geod(ellps="WGS84").inv(lng[:-1], lat[:-1], lng[1:], lat[1:])[2]
    ratio = np.hypot(np.diff(found.x_m), np.diff(found.y_m)) / true
    assert found.stretch < 3e-5
    assert ratio.min() > 1 - 1e-6
    # The radius of curvature differs from that of the sphere by half a percent, the stretch by twice that.
    assert ratio.max() < 1 + 1.02 * found.stretch


def test_order_changes_no_bit_and_equal_points_stay_equal() -> None:
    rng = np.random.default_rng(1)
    lng, lat = rng.uniform(10, 11, 500), rng.uniform(50, 51, 500)
    lng[1], lat[1] = lng[0], lat[0]
    mixed = rng.permutation(500)
    one, other = local_metres(lng, lat), local_metres(lng[mixed], lat[mixed])
    assert (one.x_m[mixed] == other.x_m).all() and (one.y_m[mixed] == other.y_m).all()
    assert one.x_m[0] == one.x_m[1] and one.y_m[0] == one.y_m[1]


def test_no_points_are_no_metres() -> None:
    found = local_metres([], [])
    assert len(found.x_m) == len(found.y_m) == 0 and found.stretch == 0


@pytest.mark.parametrize(("lng", "lat"), [([np.nan], [1.0]), ([0.0, 90.0, 180.0, -90.0], [0.0] * 4)])
def test_what_has_no_plane_is_refused(lng: list[float], lat: list[float]) -> None:
    with pytest.raises(InvalidValues):
        local_metres(lng, lat)


def test_a_plane_leads_there_and_back_over_the_antimeridian() -> None:
    lng, lat = np.array([179.9, -179.9, 179.95]), np.array([-17.0, -17.1, -16.9])
    plane = plane_around(lng, lat)
    x, y = plane.metres(lng, lat)
    back_lng, back_lat = plane.degrees(x, y)
    assert np.ptp(x) < 30_000
    assert np.abs((back_lng - lng + 180) % 360 - 180).max() < 1e-9
    assert np.abs(back_lat - lat).max() < 1e-9


def test_lines_move_without_their_heights() -> None:
    line = shapely.LineString([(0.0, 0.0, 5.0), (0.01, 0.0, 7.0)])
    plane = plane_around([0.0, 0.01], [0.0, 0.0])
    (metres,) = plane.to_metres(np.array([line]))
    assert not shapely.has_z(metres)
    assert shapely.length(metres) == pytest.approx(Geod(ellps="WGS84").line_length([0.0, 0.01], [0.0, 0.0]))
    assert shapely.equals_exact(plane.to_degrees(np.array([metres]))[0], shapely.force_2d(line), 1e-9)


@pytest.mark.parametrize(("lng", "lat"), [([], []), ([1.0], [1.0, 2.0]), ([np.inf], [0.0])])
def test_a_plane_without_a_middle_is_told(lng: list[float], lat: list[float]) -> None:
    with pytest.raises(InvalidValues):
        plane_around(lng, lat)
