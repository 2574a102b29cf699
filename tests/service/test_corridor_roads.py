"""Which lines of a roads layer make the network, and where they lie in metres."""

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod

from data.duckdb_store import DuckDBStore
from data.errors import LayerNotFound
from service.corridors.roads import road_lines, taken_roads
from service.errors import InvalidInputs
from service.ingesting import IngestOrder, ingest_file
from tests.data.roads import write_geojson, write_osm, write_table
from tests.requirements import dataset_path
from tests.service.made import calls, client_of, emberline, write_rows

WAYS: list[dict[str, str]] = [
    {"highway": "primary", "name": "High Street", "oneway": "yes", "bridge": "yes"},
    {"highway": "residential"},
    {"highway": "trunk_link"},
    {"highway": "service", "service": "parking_aisle"},
    {"highway": "residential", "access": "private"},
    {"highway": "residential", "access": "private", "motor_vehicle": "permissive"},
    {"highway": "residential", "motor_vehicle": "no", "bicycle": "yes"},
    {"highway": "footway"},
    {"highway": "footway", "footway": "sidewalk"},
    {"highway": "footway", "footway": "crossing"},
    {"highway": "steps"},
    {"highway": "path", "access": "no"},
    {"highway": "path", "access": "private", "foot": "permissive"},
    {"highway": "cycleway"},
    {"highway": "pedestrian"},
    {"highway": "track"},
]


@pytest.fixture
def city(tmp_path: Path) -> DuckDBStore:
    return _store(write_osm(tmp_path / "city.osm", *WAYS))


def _store(path: Path, **options: Any) -> DuckDBStore:
    store = DuckDBStore()
    ingest_file(store, path, IngestOrder("streets", kind="roads", **options))
    return store


@pytest.mark.parametrize("mode", [None, "motor", "motor vehicle"])
def test_motor_vehicles_have_the_public_streets(city: DuckDBStore, mode: str | None) -> None:
    found = taken_roads(city, "streets", travel_mode=mode)
    assert found.row.tolist() == [0, 1, 2, 5]
    assert found.report == {
        "rows": 16,
        "taken": 4,
        "lines": 4,
        "left_out": {
            "closed or private": 2, "cycleway": 1, "footway": 3, "path": 2, "pedestrian": 1, "service": 1,
            "steps": 1, "track": 1,
        },
    }  # fmt: skip


def test_people_on_foot_have_their_ways_besides_but_no_sidewalks(city: DuckDBStore) -> None:
    found = taken_roads(city, "streets", travel_mode="pedestrian")
    assert found.row.tolist() == [0, 1, 2, 5, 7, 10, 12, 14]
    assert found.report["left_out"]["beside a street"] == 2


def test_bicycles_have_cycleways_paths_and_tracks_besides(city: DuckDBStore) -> None:
    found = taken_roads(city, "streets", travel_mode="bicycle")
    assert found.row.tolist() == [0, 1, 2, 5, 12, 13, 14, 15]


def test_lines_carry_what_the_layer_knows(city: DuckDBStore) -> None:
    lines, _ = road_lines(city, "streets")
    assert lines.name.tolist() == ["High Street", None, None, None]
    assert lines.road_class.tolist() == ["primary", "residential", "ramp", "residential"]
    assert (lines.oneway.tolist(), lines.level.tolist()) == ([1, 0, 0, 0], [1, 0, 0, 0])
    assert [str(a.dtype) for a in (lines.oneway, lines.level, lines.is_roundabout)] == [
        "int8",
        "int16",
        "bool",
    ]
    assert np.isnan(lines.aadt).all()


def test_parts_become_lines_of_their_row_with_its_class_and_traffic(tmp_path: Path) -> None:
    one = shapely.LineString([(7.0, 45.0), (7.001, 45.0)])
    two = shapely.MultiLineString([[(7.0, 45.1), (7.001, 45.1)], [(7.002, 45.1), (7.003, 45.1)]])
    path = write_geojson(
        tmp_path / "r.geojson", (two, {"class": "arterial", "aadt": 900}), (one, {"class": None, "aadt": 0})
    )
    found = taken_roads(_store(path), "streets")
    assert found.row.tolist() == [0, 0, 1]
    assert found.lines.road_class.tolist() == ["primary", "primary", ""]
    assert found.lines.aadt[:2].tolist() == [900.0, 900.0] and np.isnan(found.lines.aadt[2])
    assert set(shapely.get_type_id(found.lines.line).tolist()) == {1}
    assert (found.report["rows"], found.report["lines"]) == (2, 3)


@pytest.mark.parametrize("system", ["EPSG:2223", "EPSG:2225", "EPSG:3857", "EPSG:32612"])
def test_lengths_in_the_plane_are_those_on_the_ground(tmp_path: Path, system: str) -> None:
    middle = (-122.0, 40.0) if system == "EPSG:2225" else (-111.9, 33.4)
    lng, lat = middle
    lines = [shapely.LineString([middle, end]) for end in ((lng + 0.05, lat), (lng, lat + 0.05))]
    moved = gpd.GeoSeries(lines, crs=4326).to_crs(system)
    path = tmp_path / "r.csv"
    path.write_text("wkt\n" + "".join(f'"{line.wkt}"\n' for line in moved))
    found, plane = road_lines(_store(path, crs=system), "streets")
    on_ground = [Geod(ellps="WGS84").geometry_length(line) for line in lines]
    assert shapely.length(found.line) == pytest.approx(on_ground, rel=1e-6)
    back = plane.to_degrees(found.line)
    assert shapely.hausdorff_distance(back, np.array(lines)).max() < 1e-7


def test_the_order_of_rows_moves_nothing(tmp_path: Path) -> None:
    features = [
        (shapely.LineString([(7 + i / 1000, 45), (7 + i / 1000, 45.001)]), {"id": f"r{i}"}) for i in range(9)
    ]
    there = road_lines(_store(write_geojson(tmp_path / "a.geojson", *features)), "streets")
    back = road_lines(_store(write_geojson(tmp_path / "b.geojson", *features[::-1])), "streets")
    assert there[1] == back[1]
    assert shapely.equals_exact(there[0].line, back[0].line[::-1], tolerance=0.0).all()


def test_a_layer_without_streets_or_of_another_kind_is_refused_in_words(tmp_path: Path) -> None:
    store = _store(write_osm(tmp_path / "park.osm", {"highway": "footway"}, {"highway": "steps"}))
    ingest_file(store, write_rows(tmp_path / "calls.csv", calls()), IngestOrder("calls", timezone="UTC"))
    with pytest.raises(InvalidInputs, match="no such line, only: 1 footway, 1 steps"):
        road_lines(store, "streets")
    assert len(road_lines(store, "streets", travel_mode="pedestrian")[0].line) == 2
    with pytest.raises(LayerNotFound, match="kind roads"):
        road_lines(store, "calls")


def test_sao_paulo_has_a_network_for_each_mode() -> None:
    store = _store(dataset_path("places/sao_paulo") / "spo_osm.pbf")
    motor = taken_roads(store, "streets")
    walked = taken_roads(store, "streets", travel_mode="pedestrian")
    assert (motor.report["rows"], motor.report["taken"]) == (5_928, 4_035)
    assert sum(motor.report["left_out"].values()) == 5_928 - 4_035
    assert set(motor.row.tolist()) < set(walked.row.tolist())
    assert motor.report["left_out"]["service"] == 475
    km = float(shapely.length(motor.lines.line).sum()) / 1000
    assert km == pytest.approx(638.1, abs=0.1)


def test_roads_over_http_have_their_fields_and_take_features(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    store = DuckDBStore(path)
    columns = ["class", "FULLNAME", "AADT", "ONEWAY"]
    file = write_table(tmp_path / "r.csv", columns, ("Minor Arterial", "Main St", "12,400", "TF"))
    ingest_file(store, file, IngestOrder("streets", kind="roads"))
    store.close()
    line = {"type": "LineString", "coordinates": [[7, 45, 200], [7.01, 45, 210]]}
    feature = {"type": "Feature", "id": "r2", "geometry": line, "properties": {"class": "Local", "level": 1}}
    with client_of(path) as client:
        posted = client.post("/collections/streets/items", json=feature)
        items = client.get("/collections/streets/items").json()["features"]
        schema = client.get("/collections/streets/schema").json()["properties"]
        filtered = client.get("/collections/streets/items", params={"class": "secondary"}).json()
        page = client.get("/layers/streets").json()
    assert posted.status_code in (200, 201)
    assert items[0]["properties"] == {
        "name": "Main St", "class": "secondary", "oneway": -1, "level": 0, "roundabout": False,
        "aadt": 12_400.0, "original_class": "Minor Arterial", "original_ONEWAY": "TF", "original_level": None,
    }  # fmt: skip
    assert (items[1]["properties"]["class"], items[1]["properties"]["level"]) == ("residential", 1)
    assert items[1]["geometry"]["coordinates"] == [[7, 45], [7.01, 45]]
    assert (schema["oneway"]["type"], schema["roundabout"]["type"]) == ("integer", "boolean")
    assert (filtered["numberMatched"], page["kind"], page["fields"]["class"]) == (1, "roads", "class")


def test_the_command_line_takes_an_extract_as_roads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "calls.csv", calls())
    nodes = "".join(
        f'<node id="{i}" version="1" lat="33.42" lon="{lng}"/>' for i, lng in ((1, -111.98), (2, -111.88))
    )
    way = '<way id="1" version="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="primary"/>'
    text = f'<osm version="0.6">{nodes}{way}<tag k="name" v="Ash Avenue"/></way></osm>'
    (tmp_path / "area.osm").write_text(text, encoding="utf-8")
    asked = ("--param", "roads=area.osm", "--param", "output=areas")
    emberline("run", "hotspots", "calls.csv", "--timezone", "UTC", *asked, "-o", "out.geojson")
    capsys.readouterr()
    found = json.loads((tmp_path / "out.geojson").read_text(encoding="utf-8"))["features"]
    assert any(feature["properties"]["name"] == "Ash Avenue" for feature in found)
