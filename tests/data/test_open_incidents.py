# ruff: noqa: E501
"""The door for incidents: every format gives the same rows; dialects, positions, times and rejects are told."""

import gzip
import json
import warnings
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import h3
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import shapely

from data.errors import MissingField
from data.readers import delimited
from data.readers.feature_items import features_source
from data.records import INCIDENT_SCHEMA, IngestSpec
from spatial.errors import InvalidGeometry, UnknownCrs
from tests.data.reading import read, read_source, read_text

FORMATS = [
    "csv",
    "csv.gz",
    "zip",
    "geojson",
    "geojson.gz",
    "ndjson",
    "rs",
    "gpkg",
    "gpkg.zip",
    "fgb",
    "shp",
    "shp.zip",
    "parquet",
    "geoparquet",
]


def _frame() -> gpd.GeoDataFrame:
    rng = np.random.default_rng(3)
    n = 60
    frame = pd.DataFrame(
        {
            "case_id": [f"C{i:03d}" for i in range(n)],
            "date": [f"2024-03-{1 + i % 28:02d} {i % 24:02d}:15:00" for i in range(n)],
            "type": ["EMS: FALL" if i % 3 else "Fire: São José" for i in range(n)],
            "units": rng.integers(1, 9, n),
        }
    )
    points = gpd.points_from_xy(-111.9 + rng.random(n).round(5) / 10, 33.4 + rng.random(n).round(5) / 10)
    return gpd.GeoDataFrame(frame, geometry=points, crs="EPSG:4326")


def _written(form: str, directory: Path) -> Path:
    frame = _frame()
    feet = frame.to_crs("EPSG:2223")
    table = pd.DataFrame(frame.drop(columns="geometry")).assign(lon=frame.geometry.x, lat=frame.geometry.y)
    path = directory / f"calls.{form}"
    lines = [json.dumps(feature) for feature in json.loads(frame.to_json())["features"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if form.startswith("csv"):
            text = table.to_csv(index=False).encode()
            path.write_bytes(gzip.compress(text) if form.endswith("gz") else text)
        elif form == "zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("export/calls.csv", table.to_csv(index=False))
        elif form.startswith("geojson"):
            text = frame.to_json().encode()
            path.write_bytes(gzip.compress(text) if form.endswith("gz") else text)
        elif form == "ndjson":
            path.write_text("\n".join(lines) + "\n")
        elif form == "rs":
            path.write_text("".join(f"\x1e{line}\n" for line in lines))
        elif form == "parquet":
            table.to_parquet(path)
        elif form == "geoparquet":
            feet.to_parquet(path)
        else:
            ending = form.split(".")[0]
            feet.to_file(directory / f"layer.{ending}")
            path = directory / f"layer.{ending}"
            if form.endswith("zip"):
                path = directory / "layer.zip"
                with zipfile.ZipFile(path, "w") as archive:
                    for part in directory.glob("layer.*"):
                        if part != path:
                            archive.write(part, f"sub/{part.name}")
    return path


@pytest.mark.parametrize("form", FORMATS)
def test_open_incidents_gives_the_same_rows_whatever_the_format(form: str, tmp_path: Path) -> None:
    rows, rejects, report = read(_written(form, tmp_path), timezone="America/Phoenix")
    frame = _frame()
    by_id = {row["source_id"]: row for row in rows}
    assert rejects == []
    assert set(by_id) == set(frame["case_id"])
    first = by_id["C000"]
    assert first["time"] == datetime(2024, 3, 1, 7, 15, tzinfo=UTC)
    assert first["time_precision"] == "second"
    assert first["category"] == "Fire: São José"
    assert json.loads(first["attributes"])["units"] in (int(frame["units"][0]), str(frame["units"][0]))
    lng = np.array([by_id[i]["lng"] for i in frame["case_id"]])
    lat = np.array([by_id[i]["lat"] for i in frame["case_id"]])
    # A projection there and back loses less than a nanodegree; shapes are stored in full.
    assert np.allclose(lng, frame.geometry.x, atol=1e-9)
    assert np.allclose(lat, frame.geometry.y, atol=1e-9)
    assert report.timezone == "America/Phoenix"


def test_open_incidents_indexes_every_row_at_resolution_15(tmp_path: Path) -> None:
    rows, _, _ = read(_written("csv", tmp_path))
    assert all(row["cell15"] == h3.str_to_int(h3.latlng_to_cell(row["lat"], row["lng"], 15)) for row in rows)


def test_features_source_reads_features_as_a_file_of_them(tmp_path: Path) -> None:
    features = json.loads(_frame().to_json())["features"]
    spec = IngestSpec("live", timezone="America/Phoenix")
    live, rejects, report = read_source(features_source(iter(features), spec), INCIDENT_SCHEMA)
    from_file, _, _ = read(_written("ndjson", tmp_path), timezone="America/Phoenix")
    assert live == from_file
    assert rejects == []
    assert report.format == "GeoJSON"


def test_features_source_counts_what_is_no_feature() -> None:
    features = [
        {
            "type": "Feature",
            "id": 7,
            "properties": None,
            "geometry": {"type": "Point", "coordinates": [-75.1, 40.1]},
        },
        {"type": "Feature", "properties": {}, "geometry": None},
        {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": ["a", 1]}},
        {
            "type": "Feature",
            "properties": {"late": 1},
            "geometry": {"type": "Point", "coordinates": [-75.1, 40.2]},
        },
        "not a feature",
    ]
    rows, rejects, _ = read_source(features_source(features, IngestSpec("live")), INCIDENT_SCHEMA)
    assert [(row["row"], row["source_id"]) for row in rows] == [(1, "7"), (4, None)]
    assert json.loads(rows[1]["attributes"]) == {"late": 1}
    assert [(r["row"], r["reason"]) for r in rejects] == [
        (2, "no_coordinate"),
        (3, "unreadable_coordinate"),
        (5, "not_a_feature"),
    ]


DIALECTS = {
    "semicolon, decimal comma": "id;lat;lng\n1;33,4;-111,9\n2;33,41;-111,91\n",
    "tab": "id\tlat\tlng\n1\t33.4\t-111.9\n2\t33.41\t-111.91\n",
    "pipe": "id|lat|lng\n1|33.4|-111.9\n2|33.41|-111.91\n",
    "sep line": "sep=;\nid;lat;lng\n1;33,4;-111,9\n2;33,41;-111,91\n",
    "preamble": "Calls of the city\nprinted,today\n\nid,lat,lng\n1,33.4,-111.9\n2,33.41,-111.91\n3,x,y\n",
    "blank lines": "\n\nid,lat,lng\n\n1,33.4,-111.9\n\n2,33.41,-111.91\n",
    "last delimiter": "id,lat,lng\n1,33.4,-111.9,\n2,33.41,-111.91,\n",
    "row names": '"id","lat","lng"\n"r1",1,33.4,-111.9\n"r2",2,33.41,-111.91\n',
    "carriage returns": "id,lat,lng\r1,33.4,-111.9\r2,33.41,-111.91\r",
    "quoted delimiter in header": 'id,"a,b",lat,lng\n1,"x,y",33.4,-111.9\n2,"x\ny",33.41,-111.91\n',
    "point text": "id,wkt\n1,POINT (-111.9 33.4)\n2,SRID=4326;POINT(-111.91 33.41)\n",
    "latitude first": 'id,Location\n1,"(33.4, -111.9)"\n2,"12 Main St\n(33.41, -111.91)"\n',
    "longitude first": 'id,Location\n1,"-111.9, 33.4"\n2,"-111.91, 33.41"\n',
    "socrata": "id,location\n1,\"{'latitude': '33.4', 'longitude': '-111.9'}\"\n2,\"{'latitude': '33.41', 'longitude': '-111.91'}\"\n",
    "geojson in a cell": 'id,point\n1,"{""type"":""Point"",""coordinates"":[-111.9,33.4]}"\n2,"{""type"":""Point"",""coordinates"":[-111.91,33.41]}"\n',
}  # fmt: skip


@pytest.mark.parametrize("name", DIALECTS)
def test_open_incidents_recognises_the_dialect(name: str, tmp_path: Path) -> None:
    rows, _, _ = read_text(tmp_path, DIALECTS[name])
    assert [(row["source_id"], row["lng"], row["lat"]) for row in rows] == [
        ("1", -111.9, 33.4),
        ("2", -111.91, 33.41),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1"])
def test_open_incidents_recognises_the_encoding(encoding: str, tmp_path: Path) -> None:
    text = "lng,lat,tipo\n-46.6,-23.5,Colisão\n-46.7,-23.6,Atropelamento de João\n"
    rows, _, report = read_text(tmp_path, text.encode(encoding))
    assert [row["category"] for row in rows] == ["Colisão", "Atropelamento de João"]
    assert report.encoding is not None


def test_rejects_carry_row_number_reason_and_original(tmp_path: Path) -> None:
    text = "id,lng,lat\n1,-111.9,33.4\n2,0,0\nshort\n\n4,-111.9,33.4\n5,x,33.4\n"
    rows, rejects, _ = read_text(tmp_path, text)
    assert [row["row"] for row in rows] == [1, 4]
    assert [(r["row"], r["reason"]) for r in rejects] == [
        (2, "zero_coordinate"),
        (3, "ragged_row"),
        (5, "unreadable_coordinate"),
    ]
    assert json.loads(rejects[0]["original"]) == {"id": "2", "lng": "0", "lat": "0"}
    assert rejects[1]["original"] == "short"
    assert rejects[1]["detail"] == "needed 3 fields, got 1"


def test_row_numbers_hold_across_blocks_with_ragged_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 1000)
    ragged = {i for i in range(1, 2001) if i % 37 == 0 or 500 < i < 560}
    lines = [f"{i}" if i in ragged else f"{i},-111.9,33.4" for i in range(1, 2001)]
    rows, rejects, _ = read_text(tmp_path, "id,lng,lat\n" + "\n".join(lines))
    assert all(row["row"] == int(row["source_id"]) for row in rows)
    assert {reject["row"] for reject in rejects} == ragged
    assert all(reject["row"] == int(reject["original"]) for reject in rejects)


def test_boundary_rejects_what_lies_outside_and_knows_swaps(tmp_path: Path) -> None:
    boundary = shapely.to_wkb(shapely.box(-112, 33, -111, 34))
    text = "lng,lat\n-111.5,33.5\n-110.5,33.5\n33.5,-111.5\n-112,33\n"
    rows, rejects, _ = read_text(tmp_path, text, boundary=boundary)
    assert [row["row"] for row in rows] == [1, 4]
    assert [(r["row"], r["reason"]) for r in rejects] == [(2, "outside_boundary"), (3, "suspected_swap")]


def test_boundary_raises_when_it_is_no_area(tmp_path: Path) -> None:
    with pytest.raises(InvalidGeometry, match="an area is needed"):
        read_text(tmp_path, "lng,lat\n-111.5,33.5\n", boundary=shapely.to_wkb(shapely.Point(0, 0)))


def test_swaps_that_stay_on_the_globe_are_told_by_where_the_others_lie(tmp_path: Path) -> None:
    rows = "".join(f"{-46.6 - i / 1000},{-23.5 - i / 1000}\n" for i in range(50))
    _, rejects, _ = read_text(tmp_path, f"lng,lat\n{rows}-23.52,-46.61\n")
    assert [(r["row"], r["reason"]) for r in rejects] == [(51, "suspected_swap")]


def test_a_file_turned_round_is_told_in_one_note(tmp_path: Path) -> None:
    _, rejects, report = read_text(tmp_path, "lat,lng\n-111.9,33.4\n-111.8,33.3\n")
    assert {r["reason"] for r in rejects} == {"suspected_swap"}
    assert any("map them the other way round" in note for note in report.notes)


def test_crs_moves_projected_columns_and_prefers_them_to_degrees(tmp_path: Path) -> None:
    text = "Latitude,Longitude,X Coordinate,Y Coordinate\n1,2,692000,870000\n"
    rows, _, report = read_text(tmp_path, text, crs="EPSG:2223")
    assert report.columns["lng"] == "X Coordinate"
    assert (round(rows[0]["lng"], 4), round(rows[0]["lat"], 4)) == (-111.9429, 33.3916)


def test_crs_raises_when_numbers_are_no_degrees_and_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownCrs, match="--crs EPSG"):
        read_text(tmp_path, 'wkt\n"POINT (520730.4 173752.4)"\n')


def test_daylight_saving_hours_are_counted_and_told(tmp_path: Path) -> None:
    text = "lng,lat,date,hour_minute\n-75,40,2024-03-10 02:30:00,\n-75,40,2024-11-03 01:30:00,\n-75,40,2024-06-01 12:00:00,\n"
    rows, _, report = read_text(tmp_path, text, timezone="America/New_York")
    assert [row["time"].hour for row in rows] == [7, 5, 16]
    assert (report.counts["time.missing"], report.counts["time.ambiguous"]) == (1, 1)
    assert any("the first was taken" in note for note in report.notes)
    assert any("moved on" in note for note in report.notes)


def test_times_without_offset_or_timezone_are_utc_and_say_so(tmp_path: Path) -> None:
    _, _, local = read_text(tmp_path, "lng,lat,time\n-75,40,2024-03-10 02:30:00\n")
    _, _, zoned = read_text(tmp_path, "lng,lat,time\n-75,40,2024-03-10T02:30:00Z\n")
    assert any("taken as UTC" in note for note in local.notes)
    assert not any("taken as UTC" in note for note in zoned.notes)


def test_date_and_time_of_day_columns_are_joined(tmp_path: Path) -> None:
    text = "lng,lat,data,hora\n-46,-23,2014/01/06,1605\n-46,-23,2014/01/06,9999\n-46,-23,2014/01/06,\n"
    rows, _, report = read_text(tmp_path, text, timezone="America/Sao_Paulo")
    assert [(row["time"].hour, row["time_precision"]) for row in rows] == [
        (18, "minute"),
        (2, "day"),
        (2, "day"),
    ]
    assert report.columns["time"] == "data+hora"
    assert report.counts["time.unreadable_time_of_day"] == report.counts["time.no_time_of_day"] == 1


def test_year_month_and_day_columns_are_joined_and_keep_their_precision(tmp_path: Path) -> None:
    text = "lng,lat,year,month,day\n-75,40,2020,3,5\n-75,40,2020,12,\n"
    rows, _, _ = read_text(tmp_path, text)
    assert [(row["time"].isoformat()[:10], row["time_precision"]) for row in rows] == [
        ("2020-03-05", "day"),
        ("2020-12-01", "month"),
    ]


def test_midnight_throughout_means_the_day(tmp_path: Path) -> None:
    _, _, report = read_text(
        tmp_path, "lng,lat,date\n-75,40,2020-01-01T00:00:00\n-75,40,2020-01-02T00:00:00\n"
    )
    assert report.counts["time.precision.day"] == 2
    assert any("midnight" in note for note in report.notes)


def test_the_whole_column_decides_the_order_of_day_and_month(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 400)
    text = "lng,lat,date\n" + "-75,40,03/04/2024\n" * 100 + "-75,40,25/04/2024\n"
    rows, rejects, report = read_text(tmp_path, text, timezone="America/New_York")
    assert rejects == []
    assert {row["time"].month for row in rows} == {4}
    assert any("day before month" in note for note in report.notes)


def test_an_order_that_nothing_decides_is_counted(tmp_path: Path) -> None:
    _, _, report = read_text(tmp_path, "lng,lat,date\n-75,40,03/04/2024\n", timezone="America/New_York")
    assert report.counts["time.order_ambiguous"] == 1
    assert any("month before day" in note for note in report.notes)


def test_labels_lose_trailing_marks_and_the_count_is_told(tmp_path: Path) -> None:
    rows, _, report = read_text(
        tmp_path, "lng,lat,title\n-75,40,Traffic: FIRE -\n-75,40, EMS \n-75,40,-\n-75,40,A.\n"
    )
    assert [row["category"] for row in rows] == ["Traffic: FIRE", "EMS", None, "A."]
    assert report.counts["trimmed.title"] == 1


def test_nothing_is_lost_of_other_columns(tmp_path: Path) -> None:
    text = 'lng,lat,zip,note,empty\n-75,40,01234,"a ""b"", =1+1 é",\n'
    rows, _, report = read_text(tmp_path, text)
    assert json.loads(rows[0]["attributes"]) == {"zip": "01234", "note": 'a "b", =1+1 é', "empty": None}
    assert report.counts["null.empty"] == 1


def test_mapping_of_positions_and_weight(tmp_path: Path) -> None:
    rows, _, report = read_text(
        tmp_path, 'a,b,c\n-75,40,"1,5"\n-75,40,x\n', mapping={"lng": "a", "lat": "b", "weight": "c"}
    )
    assert [row["weight"] for row in rows] == [1.5, None]
    assert report.counts["weight.unreadable"] == 1


def test_missing_positions_raise_with_the_columns_there_are(tmp_path: Path) -> None:
    with pytest.raises(MissingField, match="found id, title"):
        read_text(tmp_path, "id,title\n1,a\n")


def test_what_was_unpacked_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(room))
    read(_written("csv.gz", tmp_path))
    assert list(room.iterdir()) == []


def test_later_keys_of_json_lines_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.readers.json_items.ITEMS_PER_CHUNK", 2)
    path = tmp_path / "calls.ndjson"
    records = [{"lat": 40, "lng": -75, "n": i} for i in range(3)] + [
        {"lat": "40", "lng": "-75", "late": {"a": 1}}
    ]
    path.write_text("\n".join(json.dumps(record) for record in records))
    rows, _, _ = read(path)
    assert [row["row"] for row in rows] == [1, 2, 3, 4]
    assert json.loads(rows[3]["attributes"])["late"] == '{"a":1}'


def test_parquet_with_typed_columns_keeps_their_types(tmp_path: Path) -> None:
    path = tmp_path / "calls.parquet"
    table = pa.table(
        {
            "id": pa.array([1.0, 2.0]),
            "time": pa.array([datetime(2024, 1, 1, 5), None], pa.timestamp("ms")),
            "lng": [-75.0, -75.1],
            "lat": [40.0, float("nan")],
            "crime type": pa.array(["a", "b"]).dictionary_encode(),
            "n": [1, 2],
        }
    )
    pyarrow.parquet.write_table(table, path)
    rows, rejects, _ = read(path)
    assert (rows[0]["source_id"], rows[0]["category"]) == ("1", "a")
    assert json.loads(rows[0]["attributes"]) == {"n": 1}
    assert [r["reason"] for r in rejects] == ["no_coordinate"]
