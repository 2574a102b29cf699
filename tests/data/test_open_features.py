"""The door for areas, lines and sites."""

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely

from data.errors import InvalidMapping, MissingField
from spatial.errors import UnknownCrs
from tests.data.reading import read_layer

BOW_TIE = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
SQUARE = shapely.box(-112, 33, -111, 34)


def _geojson(directory: Path, *features: tuple[Any, dict[str, Any]]) -> Path:
    path = directory / "layer.geojson"
    collection = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": p,
                "geometry": None if g is None else shapely.geometry.mapping(g),
            }
            for g, p in features
        ],
    }
    path.write_text(json.dumps(collection))
    return path


def _text(directory: Path, text: str) -> Path:
    path = directory / "layer.csv"
    path.write_text(text)
    return path


def test_areas_are_repaired_and_the_repair_is_counted(tmp_path: Path) -> None:
    path = _geojson(tmp_path, (BOW_TIE, {"name": "tie"}), (SQUARE, {"name": "square"}))
    rows, _, report = read_layer(path, "boundary")
    shapes = shapely.from_wkb([row["geometry"] for row in rows])
    assert [row["name"] for row in rows] == ["tie", "square"]
    assert shapely.is_valid(shapes).all()
    assert report.counts["geometry.repaired"] == 1
    assert any("repaired" in note for note in report.notes)


def test_a_layer_rejects_geometries_of_another_kind(tmp_path: Path) -> None:
    line = shapely.LineString([(0, 0), (1, 1)])
    path = _geojson(tmp_path, (line, {"n": 1}), (SQUARE, {"n": 2}), (None, {"n": 3}))
    roads, road_rejects, _ = read_layer(path, "roads")
    areas, area_rejects, _ = read_layer(path, "boundary")
    assert [row["row"] for row in roads] == [1]
    assert [row["row"] for row in areas] == [2]
    assert [(r["row"], r["reason"]) for r in road_rejects] == [(2, "wrong_geometry"), (3, "no_geometry")]
    assert [(r["row"], r["reason"]) for r in area_rejects] == [(1, "wrong_geometry"), (3, "no_geometry")]
    assert "an area is needed" in area_rejects[0]["detail"]


def test_areas_in_another_system_come_in_wgs84(tmp_path: Path) -> None:
    path = tmp_path / "layer.gpkg"
    gpd.GeoDataFrame({"name": ["x"]}, geometry=[SQUARE], crs=4326).to_crs(2223).to_file(path)
    rows, _, report = read_layer(path, "boundary")
    assert report.crs == "EPSG:2223"
    assert shapely.hausdorff_distance(shapely.from_wkb(rows[0]["geometry"]), SQUARE) < 1e-8


def test_wkt_without_a_system_raises_when_it_is_no_degrees(tmp_path: Path) -> None:
    path = _text(tmp_path, 'name,wkt\na,"LINESTRING (521748 174060, 521727 174025)"\n')
    with pytest.raises(UnknownCrs, match="--crs EPSG"):
        read_layer(path, "roads")


def test_roads_have_the_fields_of_the_contract_and_keep_what_the_file_tells(tmp_path: Path) -> None:
    text = 'the_geom,FullName,MTFCC,one_way,AADT,lanes\n"LINESTRING (0 0, 1 1)",Main St,S1200,FT,"12,400",4\n'
    rows, _, report = read_layer(_text(tmp_path, text), "roads")
    assert (rows[0]["name"], rows[0]["class"], rows[0]["aadt"]) == ("Main St", "primary", 12_400.0)
    assert (rows[0]["oneway"], rows[0]["level"], rows[0]["roundabout"]) == (1, 0, False)
    assert json.loads(rows[0]["attributes"]) == {"lanes": "4", "MTFCC": "S1200", "one_way": "FT"}
    assert report.columns["aadt"] == "AADT"


def test_sites_come_as_points_from_columns(tmp_path: Path) -> None:
    text = "site_name,type,beds,lat,lon\nClinic A,clinic,12,33.4,-111.9\nClinic B,clinic,,x,-111.9\n"
    rows, rejects, _ = read_layer(_text(tmp_path, text), "sites")
    assert shapely.from_wkb(rows[0]["geometry"]) == shapely.Point(-111.9, 33.4)
    assert (rows[0]["name"], rows[0]["value"]) == ("Clinic A", 12.0)
    assert [r["reason"] for r in rejects] == ["unreadable_geometry"]


def test_population_comes_from_cells(tmp_path: Path) -> None:
    text = "hex,pop\n882a135927fffff,120\n882a135927ffff,5\n,7\n"
    path = _text(tmp_path, text)
    rows, rejects, report = read_layer(path, "population", mapping={"cell": "hex"})
    assert shapely.get_num_coordinates(shapely.from_wkb(rows[0]["geometry"])) == 7
    assert rows[0]["value"] == 120.0
    assert [r["reason"] for r in rejects] == ["unreadable_geometry", "no_geometry"]
    assert report.columns["cell"] == "hex"


def test_negative_estimates_are_missing_values_and_counted(tmp_path: Path) -> None:
    text = "geoid,B01003_001E,lat,lon\n1,-666666666,33.4,-111.9\n2,10,33.4,-111.9\n"
    rows, _, report = read_layer(_text(tmp_path, text), "population")
    assert [row["value"] for row in rows] == [None, 10.0]
    assert report.counts["value.negative"] == 1


def test_a_layer_without_any_place_raises(tmp_path: Path) -> None:
    with pytest.raises(MissingField, match="--map geometry"):
        read_layer(_text(tmp_path, "ward,population\na,1\n"), "population")


def test_mapping_knows_the_fields_of_the_kind(tmp_path: Path) -> None:
    path = _text(tmp_path, "a,b,lat,lon\nx,7,33.4,-111.9\n")
    rows, _, _ = read_layer(path, "sites", mapping={"name": "a", "capacity": "b"})
    assert (rows[0]["name"], rows[0]["value"]) == ("x", 7.0)
    with pytest.raises(InvalidMapping, match="needs one of the fields"):
        read_layer(path, "sites", mapping={"aadt": "b"})
