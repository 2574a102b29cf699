import numpy as np
import pytest
import shapely
from pyproj import CRS

from spatial.coordinates import to_wgs84, wgs84_geometries
from spatial.errors import UnknownCrs


@pytest.mark.parametrize(
    ("x", "y", "crs", "place"),
    [
        (-75.16, 39.95, "EPSG:4326", (-75.16, 39.95)),
        (-75.16, 39.95, "OGC:CRS84", (-75.16, 39.95)),
        (-75.16, 39.95, 4326, (-75.16, 39.95)),
        (-75.16, 39.95, "EPSG:4326+5773", (-75.16, 39.95)),
        # True origins, as the definitions of the systems give them; 2272 is in US survey feet.
        (500_000, 0, "EPSG:32633", (15, 0)),
        (1_968_500, 0, "EPSG:2272", (-77.75, 39 + 1 / 3)),
        (1_968_500, 0, "EPSG:2272+6360", (-77.75, 39 + 1 / 3)),
        (20_037_508.342789244, 0, "EPSG:3857", (180, 0)),
        # 400 km east and 100 km south of the true origin of the British grid lies 49° N, 2° W.
        (400_000, -100_000, "EPSG:27700", (-2, 49)),
    ],
)
def test_known_systems_lead_to_known_places(
    x: float, y: float, crs: str | int, place: tuple[float, float]
) -> None:
    lng, lat = to_wgs84([x], [y], crs)
    # Datum shifts move a point by some hundred metres at most.
    assert (lng[0], lat[0]) == pytest.approx(place, abs=2e-3)


def test_wkt_is_understood() -> None:
    lng, _ = to_wgs84([500_000.0], [0.0], CRS.from_epsg(32633).to_wkt())
    assert lng[0] == pytest.approx(15.0, abs=1e-9)


@pytest.mark.parametrize("crs", ["EPSG:999999", "nonsense", "", None, -1, 3.5])
def test_nonsense_is_refused(crs: object) -> None:
    with pytest.raises(UnknownCrs):
        to_wgs84([0.0], [0.0], crs)


def test_a_local_system_is_refused() -> None:
    local = 'LOCAL_CS["site grid",UNIT["metre",1]]'
    with pytest.raises(UnknownCrs, match="path to WGS 84"):
        to_wgs84([0.0], [0.0], local)


def test_a_place_outside_the_projection_is_nan() -> None:
    lng, lat = to_wgs84([1e12, 500_000.0], [1e12, 0.0], "EPSG:32633")
    assert np.isnan([lng[0], lat[0]]).all()
    assert np.isfinite([lng[1], lat[1]]).all()


def test_the_input_is_not_changed() -> None:
    x = np.array([500_000.0])
    to_wgs84(x, [0.0], "EPSG:32633")
    assert x[0] == 500_000.0


def test_geometries_lose_their_height_and_keep_their_order() -> None:
    points = [shapely.Point(500_000, 0, 7), None, shapely.Point(500_000, 1_000_000)]
    moved = wgs84_geometries(points, "EPSG:32633")
    assert moved[1] is None
    assert not moved[0].has_z
    assert moved[2].y == pytest.approx(9.047, abs=1e-3)
