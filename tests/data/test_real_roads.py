"""Real files of roads, each with the numbers that its description gives."""

from collections import Counter
from typing import Any

import pytest
import shapely
from pyproj import Geod

from tests.data.reading import read_layer
from tests.requirements import dataset_path


def test_sao_paulo_reads_alike_from_the_extract_and_from_geojson() -> None:
    folder = dataset_path("places/sao_paulo")
    rows, rejects, report = read_layer(folder / "spo_osm.pbf", "roads")
    others, _, other_report = read_layer(folder / "roads.geojson.gz", "roads")
    left_out = {name: n for name, n in report.counts.items() if name.startswith("left_out.")}
    assert (rejects, report.format) == ([], "OpenStreetMap PBF")
    # 6,195 lines; 5,974 are highways of some kind, as the description says.
    assert len(rows) + sum(left_out.values()) == 6_195
    assert len(rows) + sum(left_out.values()) - left_out["left_out.no_highway"] == 5_974
    assert other_report.n_rows == len(rows) == 5_928
    told = ("source_id", "name", "class", "oneway", "level", "roundabout", "aadt")
    assert {tuple(row[name] for name in told) for row in rows} == {
        tuple(row[name] for name in told) for row in others
    }
    lengths = [sum(map(Geod(ellps="WGS84").geometry_length, _shapes(part))) for part in (rows, others)]
    # GeoJSON is rounded to seven decimals, a centimetre for each vertex.
    assert lengths[0] == pytest.approx(lengths[1], rel=2e-5)
    classes = Counter(row["class"] for row in rows)
    assert (classes["residential"], classes["ramp"], classes["motorway"]) == (1_899, 312, 4)
    assert Counter(row["oneway"] for row in rows) == {1: 3_303, 0: 2_625}


def test_cambridge_has_whole_names_and_directions_both_ways() -> None:
    path = dataset_path("places/cambridge_ma") / "TRANS_Centerlines.geojson.gz"
    rows, rejects, report = read_layer(path, "roads")
    assert (len(rows), rejects) == (2_643, [])
    assert (report.columns["name"], report.columns["oneway"]) == ("Street", "Direction")
    assert Counter(row["oneway"] for row in rows) == {0: 1_706, -1: 502, 1: 435}
    assert sum(row["name"] == "Massachusetts Ave" for row in rows) == 115


def test_montreal_has_french_classes_and_no_names() -> None:
    path = dataset_path("corridors/montreal_bike") / "mtl_network_wkt.csv"
    rows, rejects, report = read_layer(path, "roads", crs="EPSG:3797")
    assert rejects == []
    assert Counter(row["class"] for row in rows) == {
        "residential": 1_641, "primary": 693, "tertiary": 472, "trunk": 115, "motorway": 24,
    }  # fmt: skip
    assert "class.unknown" not in report.counts
    assert {row["name"] for row in rows} == {None}


def test_mesa_in_survey_feet_has_the_lengths_of_its_own_column() -> None:
    path = dataset_path("corridors/mesa_geodanet") / "streets.shp"
    rows, rejects, _ = read_layer(path, "roads")
    total = sum(map(Geod(ellps="WGS84").geometry_length, _shapes(rows)))
    assert (len(rows), rejects) == (293, [])
    # The column is in feet of the plane, which is up to 1e-4 shorter than the ground.
    assert total / 0.304800609601219 == pytest.approx(_sum_of_lengths(rows), rel=2e-4)


def test_chicagos_corridors_come_from_feet_with_their_miles() -> None:
    path = dataset_path("places/chicago") / "VZ_HighCrashCorridors.gpkg"
    rows, rejects, _ = read_layer(path, "roads")
    assert (len(rows), rejects, rows[0]["name"]) == (43, [], "STONY ISLAND")
    assert set(shapely.get_type_id(_shapes(rows)).tolist()) == {5}


def test_bike_routes_are_roads_without_a_class() -> None:
    path = dataset_path("places/chicago") / "bikeroutes.geojson.gz"
    rows, rejects, report = read_layer(path, "roads")
    assert (len(rows), rejects, report.columns["name"]) == (774, [], "street")


def _shapes(rows: list[dict[str, Any]]) -> list[shapely.Geometry]:
    return list(shapely.from_wkb([row["geometry"] for row in rows]))


def _sum_of_lengths(rows: list[dict[str, str]]) -> float:
    return float(sum(float(row["attributes"].split(":")[1].rstrip("}")) for row in rows))
