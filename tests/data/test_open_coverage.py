"""Coverage of any form: areas, cells, codes; counts and shares, sentinels and margins; nothing guessed."""

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import h3
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from data.errors import InvalidMapping, MissingField, UnreadableFile
from tests.data.reading import read_coverage
from tests.data.test_availability import CELL, HEADER, line

FIGURES = ("locations", "served", "underserved", "unserved")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


def counts_of(row: dict[str, Any]) -> list[float | None]:
    return [row[name] for name in FIGURES]


# codes


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("COUNTY ID", ["1001", "48453"], ["01001", "48453"]),
        ("fips", ["1001", "4013"], ["01001", "04013"]),
        ("FIPS", ["1001.0", "48453.0"], ["01001", "48453"]),
        ("zip", ["501", "1001", "85281"], ["00501", "01001", "85281"]),
        ("ZCTA5", ["501", "601"], ["00501", "00601"]),
        ("Postal Code", ["85281-1234", "1001"], ["85281", "01001"]),
        ("GEOID", ["4013010101", "48453001100"], ["04013010101", "48453001100"]),
        ("tract", ["4013010101", "6001400100"], ["04013010101", "06001400100"]),
        ("GEOID", ["40130101011", "484530011001"], ["040130101011", "484530011001"]),
        ("block_group", ["40130101011"], ["040130101011"]),
        ("block_geoid", ["40130101011000", "484530011001000"], ["040130101011000", "484530011001000"]),
        ("GEO_ID", ["0500000US01001", "0500000US48453"], ["01001", "48453"]),
        ("GEO_ID", ["1400000US04013010101", "1400000US04013010102"], ["04013010101", "04013010102"]),
        ("Geography", ["860Z200US85281", "860Z200US00601"], ["85281", "00601"]),
        ("GEOID", ['"=""01001"""', '"=""48453"""'], ["01001", "48453"]),
    ],
)
def test_codes_get_back_their_zeros(table: Path, column: str, values: list[str], expected: list[str]) -> None:
    lines = [f"{column},unserved", *(f"{value},1" for value in values)]
    rows, rejects, report = read_coverage(table, "\n".join(lines))
    assert [row["code"] for row in rows] == expected
    assert rejects == []
    bare = [value.strip('"=').split("US")[-1].split("-")[0].split(".")[0] for value in values]
    padded = sum(a != b for a, b in zip(bare, expected, strict=True))
    assert report.counts.get("code.padded", 0) == padded
    assert all(row["cell"] is None and row["geometry"] is None for row in rows)


def test_the_longest_code_of_the_whole_file_tells_the_width(table: Path) -> None:
    # The first 200,000 codes have all lost a zero; only the last one shows that they are tracts.
    lines = ["GEOID,households,unserved", *(f"{4013000000 + i},1,0" for i in range(200_000))]
    rows, _, report = read_coverage(table, "\n".join([*lines, "48453001100,1,0"]))
    assert rows[0]["code"] == "04013000000"
    assert report.counts["code.padded"] == 200_000


def test_a_width_that_nothing_tells_is_left_as_it_is(table: Path) -> None:
    rows, _, report = read_coverage(table, "GEOID,unserved\n4013010101,1\n4013010102,2\n")
    assert rows[0]["code"] == "4013010101"
    assert any("nothing tells how long a code" in note for note in report.notes)


def test_names_tell_block_groups_from_tracts(table: Path) -> None:
    text = 'GEOID,NAME,unserved\n40130101011,"Block Group 1, Census Tract 101.01",1\n'
    assert read_coverage(table, text)[0][0]["code"] == "040130101011"
    text = 'GEOID,NAME,unserved\n40130101011,"Census Tract 101.01, Oklahoma",1\n'
    assert read_coverage(table, text)[0][0]["code"] == "40130101011"


def test_codes_in_parts_are_put_together(table: Path) -> None:
    text = "state,county,tract,B28002_001E,B28002_013E\n4,13,10101,100,7\n48,453,1100,50,1\n"
    rows, _, report = read_coverage(table, text)
    assert [row["code"] for row in rows] == ["04013010101", "48453001100"]
    assert report.columns["code"] == "state+county+tract"
    mapped = read_coverage(table, text, mapping={"code": "state+county"})[0]
    assert [row["code"] for row in mapped] == ["04013", "48453"]


def test_repeated_codes_are_kept_and_counted(table: Path) -> None:
    rows, _, report = read_coverage(table, "zip,unserved\n1001,1\n1001,2\n1002,3\n")
    assert [row["code"] for row in rows] == ["01001", "01001", "01002"]
    assert report.counts["code.repeated"] == 1


def test_rows_without_a_code_are_rejected(table: Path) -> None:
    rows, rejects, _ = read_coverage(table, "zip,unserved\n85281,1\n,2\nMesa,3\n85282,4\n" + "85283,1\n" * 20)
    assert len(rows) == 22
    assert [(r["row"], r["reason"]) for r in rejects] == [(2, "no_code"), (3, "unreadable_code")]


def test_the_finest_code_is_taken(table: Path) -> None:
    rows, _, report = read_coverage(table, "COUNTY ID,POSTAL CODE,BROADBAND USAGE\n1001,36003,0.5\n")
    assert (rows[0]["code"], report.columns["code"]) == ("36003", "POSTAL CODE")
    assert json.loads(rows[0]["attributes"]) == {"COUNTY ID": "1001"}
    county = read_coverage(table, mapping={"code": "COUNTY ID"})[0]
    assert county[0]["code"] == "01001"


# cells and shapes


def test_cells_of_any_spelling_lie_where_they_are(table: Path, tmp_path: Path) -> None:
    cells = sorted(h3.grid_disk(CELL, 1))
    rows, _, _ = read_coverage(table, "h3,units,unserved\n" + "".join(f"{c},10,1\n" for c in cells))
    assert [row["cell"] for row in rows] == [int(c, 16) for c in cells]
    assert all(row["geometry"] is None and row["code"] is None for row in rows)
    path = tmp_path / "cells.parquet"
    numbers = pa.array([int(c, 16) for c in cells], pa.uint64())
    pq.write_table(pa.table({"cell": numbers, "unserved": [1] * len(cells)}), path)
    assert [row["cell"] for row in read_coverage(path)[0]] == [int(c, 16) for c in cells]


def test_a_bad_cell_is_rejected(table: Path) -> None:
    text = f"cell,unserved\n{CELL},1\n88fffffffffffff,2\n,3\n{CELL},4\n"
    rows, rejects, _ = read_coverage(table, text)
    assert len(rows) == 2
    assert [(r["row"], r["reason"]) for r in rejects] == [(2, "unreadable_cell"), (3, "no_cell")]


def feature(shape: shapely.Geometry | None, **properties: Any) -> dict[str, Any]:
    geometry = None if shape is None else json.loads(shapely.to_geojson(shape))
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def collection(path: Path, *features: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


AREA, ROAD = shapely.box(-69.2, 44.0, -69.1, 44.1), shapely.LineString([(-69.2, 44.0), (-69.1, 44.1)])


def test_mixed_types_in_one_file_are_numbers(tmp_path: Path) -> None:
    path = collection(
        tmp_path / "mixed.geojson",
        feature(
            AREA, **{"#Total": "93", "#Served": 50, "#Underserved": "6", "#Unserved": 37, "%Unserved": "40"}
        ),
        feature(
            ROAD, **{"#Total": 12, "#Served": "10", "#Underserved": 1, "#Unserved": "1", "%Unserved": 8.3}
        ),
        feature(None, **{"#Total": 1, "#Served": 1, "#Underserved": 0, "#Unserved": 0, "%Unserved": 0}),
    )
    rows, rejects, _ = read_coverage(path)
    assert [counts_of(row) for row in rows] == [[93, 50, 6, 37], [12, 10, 1, 1]]
    assert [shapely.from_wkb(row["geometry"]).geom_type for row in rows] == ["Polygon", "LineString"]
    assert [(r["row"], r["reason"]) for r in rejects] == [(3, "no_geometry")]
    # Counts tell more than a rounded share.
    assert [row["share_served"] for row in rows] == [None, None]


def test_parts_of_one_area_with_the_counts_of_the_whole_are_told(tmp_path: Path) -> None:
    other = shapely.box(-69.0, 44.0, -68.9, 44.1)
    whole = {"Service Locations": "93", "Unserved": 37, "CLUSTER_ID": 966}
    path = collection(
        tmp_path / "parts.geojson",
        feature(AREA, vetro_id="a", **whole),
        feature(other, vetro_id="b", **whole),
        feature(AREA, vetro_id="c", **{**whole, "CLUSTER_ID": 967}),
    )
    rows, _, report = read_coverage(path)
    assert [row["source_id"] for row in rows] == ["a", "b", "c"]
    assert report.counts["counts.shared"] == 1
    assert any("sum to 279 locations, rows that are alike taken once to 186" in note for note in report.notes)


def test_geometry_goes_before_the_code_unless_the_code_is_mapped(tmp_path: Path) -> None:
    path = collection(tmp_path / "tracts.geojson", feature(AREA, GEOID="4013010101", units=9, unserved=1))
    [row] = read_coverage(path)[0]
    assert (row["code"], row["source_id"]) == (None, "4013010101")
    assert row["geometry"] is not None
    [row] = read_coverage(path, mapping={"code": "GEOID"})[0]
    assert (row["code"], row["geometry"]) == ("4013010101", None)


def test_feet_become_degrees(table: Path) -> None:
    text = 'wkt,units,unserved\n"POLYGON((700000 880000,701000 880000,701000 881000,700000 880000))",5,1\n'
    [row] = read_coverage(table, text, crs="EPSG:2223")[0]
    west, south, *_ = shapely.from_wkb(row["geometry"]).bounds
    assert (west, south) == (pytest.approx(-111.91, abs=0.02), pytest.approx(33.42, abs=0.02))


# figures


def test_sentinels_and_margins_of_the_census(table: Path) -> None:
    text = (
        "GEO_ID,NAME,B28002_001E,B28002_001M,B28002_004E,B28002_013E,B28002_013M\n"
        "Geography,Geographic Area Name,Estimate!!Total:,Margin of Error!!Total:,"
        "Estimate!!Total:!!With an Internet subscription:!!Broadband of any type,"
        "Estimate!!Total:!!No Internet access,Margin of Error!!Total:!!No Internet access\n"
        '1400000US04013010101,"Census Tract 101.01",1200,90,1000,150,45\n'
        '1400000US04013010102,"Census Tract 101.02",-666666666,-222222222,-666666666,-999999999,-333333333\n'
        '1400000US04013010103,"Census Tract 101.03",0,13,0,0,**\n'
    )
    rows, rejects, report = read_coverage(table, text)
    assert [row["row"] for row in rows] == [1, 2, 3]
    assert rejects == []
    assert counts_of(rows[0]) == [1200, 1000, None, 150]
    assert [row["margin"] for row in rows] == [45, None, None]
    assert counts_of(rows[1]) == [None] * 4
    assert report.counts["sentinel.locations"] == 1
    assert report.counts["sentinel.unserved"] == 1
    assert report.counts["sentinel.margin"] == 2
    assert rows[0]["name"] == "Census Tract 101.01"
    assert any("second header" in note for note in report.notes)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            "Estimate!!Total:,Estimate!!Total:!!No Internet access,"
            "Margin of Error!!Total:!!No Internet access",
            (1200, 150, 45),
        ),
        ("S2801_C01_001E,S2801_C01_019E,S2801_C01_019M", (1200, 150, 45)),
        ("B28002_001,B28002_013,moe", (1200, 150, 45)),
        ("households,no_internetE,no_internetM", (1200, None, None)),
        ("Total Households,unserved,unserved_moe", (1200, 150, 45)),
        ("HouseholdsWithoutInternet,units,margin of error", (150, 1200, 45)),
    ],
)
def test_the_census_is_read_under_its_names(
    table: Path, header: str, expected: tuple[float | None, ...]
) -> None:
    rows, _, _ = read_coverage(table, f"GEOID,{header}\n04013010101,1200,150,45\n04013010102,1,1,1\n")
    found = (rows[0]["locations"], rows[0]["unserved"], rows[0]["margin"])
    assert found == expected


@pytest.mark.parametrize(
    "header",
    [
        "locations,served,underserved,unserved",
        "#Total,#Served,#Underserved,#Unserved",
        "Service Locations,Served Locations,Underserved Locations,Unserved Locations",
        "bsl_total,bsl_served,bsl_underserved,bsl_unserved",
        "Total BSLs,Number of Served BSLs,num_underserved_bsls,totalUnservedHouseholds",
    ],
)
def test_counts_are_known_by_their_words(table: Path, header: str) -> None:
    assert counts_of(read_coverage(table, f"zip,{header}\n85281,10,5,2,3\n")[0][0]) == [10, 5, 2, 3]


def test_a_download_of_the_census_is_read_with_its_legend(tmp_path: Path) -> None:
    path = tmp_path / "acs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        text = '"GEO_ID","B28002_001E","B28002_013E"\n"1400000US04013010101","10","1"\n'
        archive.writestr("ACSDT5Y2022.B28002-Data.csv", text)
        archive.writestr("ACSDT5Y2022.B28002-Column-Metadata.csv", "Column Name,Label\n")
        archive.writestr("ACSDT5Y2022.B28002-Table-Notes.txt", "notes\n")
    assert read_coverage(path)[0][0]["code"] == "04013010101"


def test_unserved_are_filled_only_where_they_alone_are_missing(table: Path) -> None:
    lines = ("85281,10,6,1,", "85282,10,6,,", "85283,5,6,1,", "85284,9,6,1,3")
    text = "\n".join(["zip,locations,served,underserved,unserved", *lines])
    rows, _, report = read_coverage(table, text)
    assert [row["unserved"] for row in rows] == [3, None, None, 3]
    assert [row["underserved"] for row in rows] == [1, None, 1, 1]
    assert report.counts["unserved.filled"] == 1
    # The third row's parts exceed its total already; so do those of the fourth.
    assert report.counts["counts.contradict"] == 2


def test_negative_and_unreadable_counts_are_left_out_and_counted(table: Path) -> None:
    text = "zip,locations,unserved\n85281,-3,1\n85282,many,1\n85283,10,inf\n85284,5,1\n85285,5,1\n85286,5,1\n"
    rows, _, report = read_coverage(table, text)
    assert [row["locations"] for row in rows] == [None, None, 10, 5, 5, 5]
    assert rows[2]["unserved"] is None
    noticed = {k: v for k, v in report.counts.items() if k.split(".")[0] in ("negative", "unreadable")}
    assert noticed == {"negative.locations": 1, "unreadable.locations": 1, "unreadable.unserved": 1}


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("BROADBAND USAGE", ["0.25", "1", "-"], [0.25, 1.0, None]),
        ("% Served", ["25", "100", "0.5"], [0.25, 1.0, 0.005]),
        ("pct_served", ["25%", "1%", "0.5 %"], [0.25, 0.01, 0.005]),
        ("share_served", ["0.25", "1", "0"], [0.25, 1.0, 0.0]),
        ("% Unserved", ["25", "100", "0"], [0.75, 0.0, 1.0]),
        ("Percent No Internet", ["0.25", "1", "0"], [0.75, 0.0, 1.0]),
        ("% Served", ["25", "101", "-1"], [0.25, None, None]),
    ],
)
def test_shares_come_out_between_zero_and_one(
    table: Path, column: str, values: list[str], expected: list[float | None]
) -> None:
    rows, _, _ = read_coverage(
        table, "\n".join([f"zip,{column}", *(f"8528{i},{v}" for i, v in enumerate(values))])
    )
    assert [row["share_served"] for row in rows] == [
        None if value is None else pytest.approx(value) for value in expected
    ]


def test_a_share_in_hundredths_shows_late_in_the_file(table: Path) -> None:
    lines = ["zip,% served", *("85281,1" for _ in range(200_000)), "85282,60"]
    rows, _, _ = read_coverage(table, "\n".join(lines))
    assert (rows[0]["share_served"], rows[-1]["share_served"]) == (pytest.approx(0.01), pytest.approx(0.6))


def test_contract_fields_can_all_be_mapped(table: Path) -> None:
    text = f"a,b,c,d,e,f,g,h\nX,{CELL},9,5,1,3,0.5,survey\n"
    names = ("id", "cell", "locations", "served", "underserved", "unserved", "margin", "source")
    [row] = read_coverage(table, text, mapping=dict(zip(names, "abcdefgh", strict=True)))[0]
    assert (row["source_id"], row["cell"], row["margin"], row["source"]) == (
        "X",
        int(CELL, 16),
        0.5,
        "survey",
    )
    assert counts_of(row) == [9, 5, 1, 3]
    with pytest.raises(InvalidMapping, match="got 'speed'"):
        read_coverage(table, mapping={"speed": "a"})


def test_a_table_that_tells_no_place_or_no_coverage_is_refused(table: Path) -> None:
    with pytest.raises(MissingField, match="a geometry, H3 cells or codes"):
        read_coverage(table, "town,unserved\nMesa,3\n")
    with pytest.raises(MissingField, match="counts or a share of served locations"):
        read_coverage(table, "zip,mayor\n85281,Ana\n")


# availability files


def availability(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


OTHER = (1_000_000_002, 10, 10, 1, 1, "R", CELL)


def test_the_best_offers_of_a_file_become_cells(tmp_path: Path) -> None:
    path = availability(
        tmp_path / "bdc.csv", line(), line("A, B", OTHER), line("A, B").replace(",50,", ",99,")
    )
    rows, rejects, report = read_coverage(path)
    found = {row["source"]: (row["source_id"], row["cell"], *counts_of(row)) for row in rows}
    assert found["bead-2024"] == (f"bead-2024:{CELL}", int(CELL, 16), 2, 1, 0, 1)
    assert sorted(found) == ["any-technology", "bead-2023", "bead-2024", "fcc-706-2024"]
    assert [(r["row"], r["reason"], r["detail"][:18]) for r in rejects] == [
        (3, "bad_technology", "the technology is ")
    ]
    assert "A, B" in rejects[0]["original"]
    assert (report.counts["availability.rows"], report.counts["availability.locations"]) == (3, 2)
    assert any("never appear in these files" in note for note in report.notes)


def test_packed_files_and_folders_say_the_same(tmp_path: Path) -> None:
    parts = [(line(),), (line("A, B", OTHER), line("C", OTHER)), (line("D", (3, *OTHER[1:])),)]
    whole = read_coverage(availability(tmp_path / "whole.csv", *(one for part in parts for one in part)))[0]
    folder = tmp_path / "folder"
    folder.mkdir()
    availability(folder / "one.csv", *parts[0])
    (folder / "two.csv.gz").write_bytes(
        gzip.compress(availability(tmp_path / "two.csv", *parts[1]).read_bytes())
    )
    (folder / "README.md").write_text("hello")
    with zipfile.ZipFile(folder / "three.zip", "w") as archive:
        archive.write(availability(tmp_path / "three.csv", *parts[2]), "deep/three.csv")
        archive.writestr("readme.txt", "hello")
    assert read_coverage(folder)[0] == whole
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    rows, _, report = read_coverage(tmp_path / "all.zip")
    assert rows == whole
    assert report.counts["availability.files"] == 3


@pytest.mark.parametrize("form", ["parquet", "integers.parquet", "semicolons.csv", "utf16.csv"])
def test_offers_in_other_forms_say_the_same(tmp_path: Path, form: str) -> None:
    lines = (line(), line("A"), line("B", OTHER), line("C").replace(",50,", ",99,"))
    whole, rejected, _ = read_coverage(availability(tmp_path / "whole.csv", *lines))
    path = tmp_path / f"table.{form}"
    names, rows = HEADER.split(","), [one.split(",") for one in lines]
    if form == "utf16.csv":
        path.write_text("\n".join([HEADER, *lines]), encoding="utf-16")
    elif form == "semicolons.csv":
        path.write_text("\n".join([HEADER, *lines]).replace(",", ";"))
    else:
        columns: dict[str, Any] = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        if form == "integers.parquet":
            columns["h3_res8_id"] = pa.array([int(cell, 16) for cell in columns["h3_res8_id"]], pa.uint64())
            columns["low_latency"] = [value == "1" for value in columns["low_latency"]]
            columns["technology"] = pa.array([int(value) for value in columns["technology"]], pa.int32())
        pq.write_table(pa.table(columns), path)
    found, rejects, report = read_coverage(path)
    assert found == whole
    assert [(r["row"], r["reason"]) for r in rejects] == [(r["row"], r["reason"]) for r in rejected]
    assert report.digest is not None


def test_rejects_of_several_files_name_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    availability(folder / "a.csv", line())
    availability(folder / "b.csv", line(), "broken")
    _, [reject], _ = read_coverage(folder)
    assert (reject["row"], reject["reason"], reject["detail"]) == (2, "ragged_row", "b.csv: too few fields")


def test_what_is_no_availability_file_is_refused_among_them(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    availability(folder / "a.csv", line())
    (folder / "b.csv").write_text("zip,unserved\n85281,3\n")
    with pytest.raises(UnreadableFile, match=r"b.csv is none of the 1 among 2 tables"):
        read_coverage(folder)
    with pytest.raises(UnreadableFile, match="rows are needed"):
        read_coverage(availability(tmp_path / "empty.csv"))
    with pytest.raises(InvalidMapping, match="read by its own columns"):
        read_coverage(folder / "a.csv", mapping={"id": "frn"})


def test_a_cut_off_file_is_an_error_in_words(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [line(row=(int(i), 50, 100, 20, 1, "X", CELL)) for i in rng.integers(0, 10**9, 5000)]
    packed = gzip.compress(availability(tmp_path / "a.csv", *lines).read_bytes())
    (tmp_path / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(UnreadableFile, match="ends too early"):
        read_coverage(tmp_path / "cut.csv.gz")
