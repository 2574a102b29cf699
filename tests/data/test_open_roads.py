"""Files of roads: recognised by content and columns, lines kept, the rest told by number and reason."""

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod

from data.errors import InvalidMapping, MissingField
from tests.data.reading import read_layer
from tests.data.roads import write_geojson, write_osm, write_table

ROAD = shapely.LineString([(7.0, 45.0), (7.001, 45.0)])


def _table(folder: Path, columns: str, *rows: tuple[object, ...], **options: Any) -> list[dict[str, Any]]:
    rows_read, rejects, _ = read_layer(
        write_table(folder / "roads.csv", columns.split(), *rows), "roads", **options
    )
    assert rejects == []
    return rows_read


def _column(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def test_openstreetmap_lines_become_roads_and_the_rest_is_left_out_and_told(tmp_path: Path) -> None:
    path = write_osm(
        tmp_path / "city.osm",
        {"highway": "primary", "name": "High Street", "oneway": "-1", "lanes": "2"},
        {"highway": "residential", "ref": "B 12", "bridge": "viaduct"},
        {"highway": "tertiary", "junction": "roundabout"},
        {"highway": "motorway", "layer": "2", "bridge": "yes"},
        {"highway": "motorway", "oneway": "no", "tunnel": "yes"},
        {"highway": "secondary_link", "name": 'The "Loop"'.replace('"', "&quot;")},
        {"highway": "platform"},
        {"highway": "construction", "name": "Later Street"},
        {"railway": "tram"},
    )
    rows, rejects, report = read_layer(path, "roads")
    assert rejects == []
    assert _column(rows, "class") == ["primary", "residential", "tertiary", "motorway", "motorway", "ramp"]
    assert _column(rows, "name") == ["High Street", "B 12", None, None, None, 'The "Loop"']
    assert _column(rows, "oneway") == [-1, 0, 1, 1, 0, 0]
    assert _column(rows, "level") == [0, 1, 0, 2, -1, 0]
    assert _column(rows, "roundabout") == [False, False, True, False, False, False]
    assert json.loads(rows[0]["attributes"])["lanes"] == "2"
    left_out = {name: n for name, n in report.counts.items() if name.startswith("left_out.")}
    assert left_out == {"left_out.platform": 1, "left_out.construction": 1, "left_out.no_highway": 1}
    assert any(note.startswith("3 lines are no roads and were left out") for note in report.notes)
    assert report.counts["oneway.implied"] == 2


@pytest.mark.parametrize("packed", ["zip", "gz"])
def test_packed_openstreetmap_files_are_recognised_by_content(tmp_path: Path, packed: str) -> None:
    plain = write_osm(tmp_path / "city.osm", {"highway": "primary"})
    path = tmp_path / f"download.{packed}"
    if packed == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(plain, "city.osm")
    else:
        path.write_bytes(gzip.compress(plain.read_bytes()))
    rows, _, report = read_layer(path, "roads")
    assert (len(rows), report.format) == (1, "OpenStreetMap XML")


def test_lines_are_kept_flat_and_the_rest_is_rejected_with_its_reason(tmp_path: Path) -> None:
    high = {"type": "LineString", "coordinates": [[7.0, 45.0, 210.0], [7.001, 45.0, 214.0]]}
    one = {"type": "LineString", "coordinates": [[7.0, 45.0]]}
    still = shapely.LineString([(7.0, 45.0), (7.0, 45.0)])
    parts = shapely.MultiLineString([ROAD, [(7.002, 45.0), (7.003, 45.0)], [(7.1, 45.0), (7.1, 45.0)]])
    mixed = shapely.GeometryCollection([shapely.Point(7, 45), ROAD])
    bow = shapely.LineString([(7.0, 45.0), (7.001, 45.001), (7.001, 45.0), (7.0, 45.001)])
    path = write_geojson(
        tmp_path / "roads.geojson", (ROAD, {"n": 1}), (high, {"n": 2}), (one, {"n": 3}), (still, {"n": 4}),
        (parts, {"n": 5}), (shapely.Point(7, 45), {"n": 6}), (ROAD.buffer(0.001), {"n": 7}), (None, {"n": 8}),
        (mixed, {"n": 9}), (bow, {"n": 10}),
    )  # fmt: skip
    rows, rejects, report = read_layer(path, "roads")
    shapes = shapely.from_wkb(_column(rows, "geometry"))
    assert _column(rows, "row") == [1, 2, 5, 9, 10]
    assert [shape.geom_type for shape in shapes] == [
        "LineString", "LineString", "MultiLineString", "LineString", "LineString",
    ]  # fmt: skip
    assert not shapely.has_z(shapes).any()
    assert shapely.equals_exact(shapes[4], bow)
    assert [(reject["row"], reject["reason"]) for reject in rejects] == [
        (3, "one_vertex"), (4, "zero_length"), (6, "wrong_geometry"), (7, "wrong_geometry"),
        (8, "no_geometry"),
    ]  # fmt: skip
    assert report.counts["geometry.heights_dropped"] == 1
    assert report.counts["geometry.parts_without_length"] == 1


def test_texts_of_one_vertex_have_their_reason(tmp_path: Path) -> None:
    path = tmp_path / "roads.csv"
    good = '"LINESTRING (7 45, 7 46)",b\n'
    path.write_text('wkt,name\n"LINESTRING (7 45)",a\n' + 4 * good + "nonsense,c\n")
    rows, rejects, _ = read_layer(path, "roads")
    assert _column(rows, "name") == 4 * ["b"]
    assert _column(rejects, "reason") == ["one_vertex", "unreadable_geometry"]


@pytest.mark.parametrize("system", [2223, 2225, 2263, 6404])
@pytest.mark.parametrize("is_told", [True, False])
def test_feet_of_both_kinds_come_back_to_the_same_place(tmp_path: Path, system: int, is_told: bool) -> None:
    # 2223 counts international feet, the others US survey feet: 2 millionths less, metres at their distance.
    middle = {2223: (-111.9, 33.4), 2225: (-122.0, 40.0), 2263: (-74.0, 40.7), 6404: (-111.9, 33.4)}[system]
    lng = middle[0] + np.linspace(0.0, 0.02, 9)
    line = shapely.LineString(np.column_stack([lng, np.full(9, middle[1])]))
    moved = gpd.GeoSeries([line], crs=4326).to_crs(system)
    path = tmp_path / ("roads.csv" if is_told else "roads.gpkg")
    if is_told:
        path.write_text(f'name,wkt\nx,"{moved.iloc[0].wkt}"\n')
    else:
        gpd.GeoDataFrame({"name": ["x"]}, geometry=moved).to_file(path)
    rows, rejects, _ = read_layer(path, "roads", **({"crs": f"EPSG:{system}"} if is_told else {}))
    found = shapely.from_wkb(rows[0]["geometry"])
    geodesic = Geod(ellps="WGS84").geometry_length
    assert rejects == []
    # A hundredth of a metre; the wrong foot would move the line by more than one.
    assert shapely.hausdorff_distance(found, line) < 1e-7
    assert geodesic(found) == pytest.approx(geodesic(line), rel=1e-7)


def test_a_whole_name_wins_over_its_parts(tmp_path: Path) -> None:
    rows = _table(
        tmp_path,
        "FULLNAME PREDIR NAME SUFTYPE",
        ("N Main St", "N", "Main", "St"),
        ("Elm Ave", "", "Elm", "Ave"),
    )
    assert _column(rows, "name") == ["N Main St", "Elm Ave"]


def test_parts_of_a_name_are_put_together_in_the_order_of_the_sign(tmp_path: Path) -> None:
    columns = "SUFDIR STREETTYPE NAME PREDIR"
    rows = _table(tmp_path, columns, ("", "St", "Main", "N"), ("NW", "Ave", "5th", ""), ("", "", "", ""))
    assert _column(rows, "name") == ["N Main St", "5th Ave NW", None]


def test_a_name_that_has_its_type_in_it_is_not_given_it_twice(tmp_path: Path) -> None:
    rows = _table(
        tmp_path, "Street_Name Street Street_Type", ("Oak", "Oak St", "St"), ("Main", "Main Rd", "Rd")
    )
    assert _column(rows, "name") == ["Oak St", "Main Rd"]


def test_numbers_of_names_give_way_to_names(tmp_path: Path) -> None:
    columns = "pre_dir streetname street_nam street_typ"
    rows = _table(tmp_path, columns, ("W", "1234", "MADISON", "ST"), ("N", "88", "CLARK", "ST"))
    assert _column(rows, "name") == ["W MADISON ST", "N CLARK ST"]


def test_columns_of_no_known_name_are_found_by_words_and_values(tmp_path: Path) -> None:
    columns = "HWY_TYPE SURFACE_TYPE lg_nome lg_cross_nome_id"
    path = write_table(
        tmp_path / "r.csv",
        columns.split(),
        ("Freeway", "Asphalt", "Leste", "9"),
        ("Local", "Dirt", "Augusta", "8"),
    )
    rows, _, report = read_layer(path, "roads")
    assert (report.columns["class"], report.columns["name"]) == ("HWY_TYPE", "lg_nome")
    assert _column(rows, "class") == ["motorway", "residential"]


def test_placeholders_are_no_names_and_numbers_stand_in(tmp_path: Path) -> None:
    rows = _table(tmp_path, "name ref", ("Unnamed Road", ""), ("", "SR 9"), ("Ash", "SR 9"), ("n/a", "0"))
    assert _column(rows, "name") == [None, "SR 9", "Ash", None]


def test_mapped_columns_make_a_name(tmp_path: Path) -> None:
    rows = _table(tmp_path, "a b c", ("N", "Main", "St"), mapping={"name": "a+b+c"})
    assert _column(rows, "name") == ["N Main St"]


def test_traffic_is_read_whatever_its_marks_and_nothing_is_unknown(tmp_path: Path) -> None:
    path = write_table(
        tmp_path / "roads.csv", ["AADT"], ("12,400",), ("0",), ("-1",), ("",), ("950",), ("?",)
    )
    rows, _, report = read_layer(path, "roads")
    assert _column(rows, "aadt") == [12_400.0, None, None, None, 950.0, None]
    assert (report.counts["aadt.none"], report.counts["aadt.unreadable"]) == (2, 1)


@pytest.mark.parametrize(
    ("columns", "taken"),
    [
        ("aadt_2019 AADT_2022 aadt_2021", "AADT_2022"), ("ADT AADT", "AADT"), ("vol", "vol"),
        ("TrafficVolume", "TrafficVolume"), ("aadt_2022 aadt", "aadt"), ("lanes", None),
    ],
)  # fmt: skip
def test_the_best_and_latest_column_of_traffic_is_taken(
    tmp_path: Path, columns: str, taken: str | None
) -> None:
    names = columns.split()
    path = write_table(tmp_path / "roads.csv", names, [100 * (i + 1) for i in range(len(names))])
    rows, _, report = read_layer(path, "roads")
    assert report.columns.get("aadt") == taken
    assert rows[0]["aadt"] == (100.0 * (names.index(taken) + 1) if taken else None)


def test_of_several_columns_of_classes_the_one_whose_labels_are_known_counts(tmp_path: Path) -> None:
    path = write_table(
        tmp_path / "roads.csv", ["CLASS", "ROADTYPE", "FUNC_CLASS"],
        ("x", "St", "Minor Arterial"), ("x", "Ave", "Local"), ("x", "St", "Local"),
    )  # fmt: skip
    rows, _, report = read_layer(path, "roads")
    assert report.columns["class"] == "FUNC_CLASS"
    assert _column(rows, "class") == ["secondary", "residential", "residential"]


def test_labels_that_no_rule_knows_stay_classes_and_are_told(tmp_path: Path) -> None:
    path = write_table(
        tmp_path / "roads.csv", ["class"], ("Zebra",), ("zebra",), ("Arterial",), ("3",), ("",)
    )
    rows, _, report = read_layer(path, "roads")
    assert _column(rows, "class") == ["zebra", "zebra", "primary", "class 3", None]
    assert report.counts["class.unknown"] == 3
    assert any("'Zebra' 1" in note for note in report.notes)
    assert json.loads(rows[0]["attributes"]) == {"original_class": "Zebra"}


def test_functional_systems_and_census_codes_are_classes(tmp_path: Path) -> None:
    federal = _table(tmp_path, "F_SYSTEM", ("1",), ("3",), ("5",))
    assert _column(federal, "class") == ["motorway", "primary", "tertiary"]
    path = write_table(
        tmp_path / "roads.csv", ["MTFCC", "RTTYP"], ("S1400", "M"), ("R1011", ""), ("S1630", "I")
    )
    rows, _, report = read_layer(path, "roads")
    assert _column(rows, "class") == ["residential", "ramp"]
    assert report.counts["left_out.no_road"] == 1


def test_directions_and_levels_of_a_navigation_map(tmp_path: Path) -> None:
    rows = _table(
        tmp_path,
        "DIR_TRAVEL F_ZLEV T_ZLEV",
        ("F", "0", "0"),
        ("T", "1", "1"),
        ("B", "0", "1"),
        ("B", "-1", "-2"),
    )
    assert _column(rows, "oneway") == [1, -1, 0, 0]
    assert _column(rows, "level") == [0, 1, 0, -1]


@pytest.mark.parametrize(
    ("columns", "rows", "directions"),
    [
        ("TRAFDIR", [("FT",), ("TF",), ("TW",)], [1, -1, 0]),
        ("F_SYSTEM FACILITY_TYPE", [("3", "1"), ("3", "2"), ("7", "2")], [1, 0, 0]),
        ("ONEWAY ARTDESCRIPT", [("Y", "Principal Arterial"), ("N", "Not Designated")], [1, 0]),
        ("SENS_CIR", [("0",), ("1",), ("-1",)], [0, 1, -1]),
    ],
)
def test_directions_of_known_exports(
    tmp_path: Path, columns: str, rows: list[tuple[str, ...]], directions: list[int]
) -> None:
    assert _column(_table(tmp_path, columns, *rows), "oneway") == directions


def test_numbers_of_another_order_stay_numbers(tmp_path: Path) -> None:
    rows = _table(tmp_path, "CLASSE", ("5",), ("6",), ("0",))
    assert _column(rows, "class") == ["class 5", "class 6", "class 0"]


def test_truth_values_of_a_typed_file_are_directions(tmp_path: Path) -> None:
    path = write_geojson(
        tmp_path / "r.geojson",
        (ROAD, {"oneway": True, "bridge": False, "tunnel": True}), (ROAD, {"oneway": False, "bridge": True}),
    )  # fmt: skip
    rows, _, _ = read_layer(path, "roads")
    assert (_column(rows, "oneway"), _column(rows, "level")) == ([1, 0], [-1, 1])


def test_compass_points_and_heights_are_neither_directions_nor_levels(tmp_path: Path) -> None:
    rows = _table(tmp_path, "direction layer", ("N", "412.7"), ("S", "398.2"))
    assert (_column(rows, "oneway"), _column(rows, "level")) == ([0, 0], [0, 0])


def test_a_file_without_names_and_classes_is_taken_and_told(tmp_path: Path) -> None:
    rows, rejects, report = read_layer(
        write_geojson(tmp_path / "r.geojson", (ROAD, {"length": 1.5})), "roads"
    )
    assert (rows[0]["name"], rows[0]["class"], rejects) == (None, None, [])
    assert [note.split(":")[0] for note in report.notes] == [
        "no column of names was found", "no column of classes was found",
    ]  # fmt: skip


def test_points_and_unknown_fields_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("name,lat,lon\na,45,7\n")
    with pytest.raises(MissingField, match="lines of roads"):
        read_layer(path, "roads")
    with pytest.raises(InvalidMapping, match="needs one of the fields"):
        read_layer(write_table(tmp_path / "x.csv", ["a"], ("b",)), "roads", mapping={"capacity": "a"})
