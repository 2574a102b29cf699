"""Real broadband tables: every row accounted for, and sums that other readers find too."""

import csv
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.data.reading import read_coverage, read_layer
from tests.requirements import dataset_path

#: File → features, locations and unserved as the rows sum, rows that are parts of one area.
MAINE = {
    "Knox/Knox_eligible": (113, 15_510, 1_595, 0),
    "Knox/Knox_may_unserved": (38, 6_806, 4_660, 14),
    "Knox/Knox_may_unserved_density": (119, 17_382, 2_356, 94),
    "Knox/Knox_unserved": (112, 1_966, 1_966, 87),
    "Waldo/Waldo_eligible": (49, 16_990, 6_179, 0),
    "Waldo/Waldo_may_unserved": (110, 26_149, 18_836, 53),
    "Waldo/Waldo_may_unserved_density": (81, 34_986, 1_837, 48),
    "Waldo/Waldo_unserved": (68, 1_898, 1_898, 39),
}
LINES = {
    "Knox/Knox_tier_0": 17,
    "Knox/Knox_tier_1": 377,
    "Knox/Knox_tier_2": 230,
    "Knox/Knox_tier_3": 6,
    "Knox/Knox_tier_5": 1_182,
    "Waldo/Waldo_tier_0": 20,
    "Waldo/Waldo_tier_1": 760,
    "Waldo/Waldo_tier_2": 1_083,
    "Waldo/Waldo_tier_3": 8,
    "Waldo/Waldo_tier_4": 1_648,
    "Waldo/Waldo_tier_5": 1_306,
}
LOCATIONS = ("Service Locations", "#Total Subscribers")
UNSERVED = ("#Unserved", "Unserved", "May Be Unserved")


def features_of(name: str) -> tuple[Path, list[dict[str, Any]]]:
    path = dataset_path("broadband/maine") / f"{name}.geojson.gz"
    with gzip.open(path) as file:
        return path, [one["properties"] for one in json.load(file)["features"]]


def summed(features: list[dict[str, Any]], names: tuple[str, ...]) -> int:
    column = next(name for name in names if features[0].get(name) is not None)
    return sum(int(one[column]) for one in features)


def test_all_of_maine_is_here() -> None:
    assert sum(n for n, *_ in MAINE.values()) + sum(LINES.values()) == 7_327


@pytest.mark.parametrize("name", MAINE)
def test_polygons_of_maine_add_up(name: str) -> None:
    path, features = features_of(name)
    rows, rejects, report = read_coverage(path)
    n_rows, n_locations, n_unserved, n_parts = MAINE[name]
    assert (len(rows), rejects) == (n_rows, [])
    assert [row["source_id"] for row in rows] == [one["vetro_id"] for one in features]
    found = (sum(row["locations"] for row in rows), sum(row["unserved"] for row in rows))
    assert found == (summed(features, LOCATIONS), summed(features, UNSERVED))
    assert found == (n_locations, n_unserved)
    assert report.counts.get("counts.shared", 0) == n_parts
    assert "counts.contradict" not in report.counts


@pytest.mark.parametrize("name", LINES)
def test_roads_of_maine_are_kept_without_counts(name: str) -> None:
    path, features = features_of(name)
    rows, rejects, report = read_coverage(path)
    assert (len(rows), rejects, len(features)) == (LINES[name], [], LINES[name])
    assert report.counts["figures.none"] == len(rows)
    assert {row["source_id"] for row in rows} == {one["vetro_id"] for one in features}


USAGE = {
    "broadband_data_2019November": (3_143, 316, 0, 9),
    "broadband_data_2020October": (3_142, 316, 0, 11),
    "broadband_data_zipcode": (32_735, 2_406, 82, 0),
}


@pytest.mark.parametrize("name", USAGE)
def test_codes_of_usage_get_back_their_zeros(name: str) -> None:
    path = dataset_path("broadband/microsoft_usage") / f"{name}.csv.gz"
    rows, rejects, report = read_coverage(path)
    n_rows, n_padded, n_repeated, n_blank = USAGE[name]
    assert (len(rows), rejects) == (n_rows, [])
    with gzip.open(path, "rt", encoding="utf-8-sig") as file:
        raw = list(csv.DictReader(file))
    column = "POSTAL CODE" if "zipcode" in name else "COUNTY ID"
    assert [row["code"] for row in rows] == [f"{int(one[column]):05d}" for one in raw]
    assert sum(len(one[column]) < 5 for one in raw) == n_padded == report.counts["code.padded"]
    assert report.counts.get("code.repeated", 0) == n_repeated
    shares = [row["share_served"] for row in rows]
    assert shares.count(None) == n_blank
    usage = next(name for name in raw[0] if name.strip() == "BROADBAND USAGE")
    told = [one[usage].strip() for one in raw]
    assert shares == [None if text == "-" else pytest.approx(float(text)) for text in told]
    assert all(share is None or 0 <= share <= 1 for share in shares)


def test_the_error_range_is_the_margin_of_the_share() -> None:
    path = dataset_path("broadband/microsoft_usage") / "broadband_data_zipcode.csv.gz"
    rows, _, report = read_coverage(path)
    assert report.columns["margin"] == "ERROR RANGE (95%)(+/-)"
    assert (rows[0]["code"], rows[0]["share_served"], rows[0]["margin"]) == ("29639", 0.948, 0.11)
    assert any("a margin of 95 %, was taken as it is" in note for note in report.notes)


def test_counties_of_a_topology_keep_their_codes() -> None:
    path = dataset_path("broadband/microsoft_usage") / "us_counties_10m.topojson"
    rows, rejects, report = read_layer(path, "boundary")
    codes = Counter(row["source_id"] for row in rows)
    # One county of the topology has no arcs left at this scale.
    assert (len(rows), [reject["reason"] for reject in rejects]) == (3_230, ["no_geometry"])
    assert {len(code) for code in codes} == {5}
    assert set(codes.values()) == {1}
    assert sum(code.startswith("0") for code in codes) == 316
    assert any("counties was taken; left aside: states, nation" in note for note in report.notes)
    usage = read_coverage(path.parent / "broadband_data_2020October.csv.gz")[0]
    # Falls Church: the county without a shape.
    assert {row["code"] for row in usage} - codes.keys() == {"51610"}
