"""Real exports through the installed command and a real service, read back by real clients.

`python -m tests.studies.real_data` walks through all of them, whole; here are the parts that are quick.
"""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.installed import emberline, ogr_features, ogrinfo, read_back, serving
from tests.requirements import dataset_path, need_tool
from tests.studies.real_cases import MONTCO, TEMPE, Case
from tests.studies.real_walk import Examined, examined, rows_of

pytestmark = pytest.mark.contract


def test_montco_overdoses_add_up_from_file_to_clients(tmp_path: Path) -> None:
    seen = _walked(replace(MONTCO, questions=MONTCO.questions[1:]), tmp_path)
    assert seen.wrong == []
    areas, cells = seen.published[0].areas.sort_values("rank"), seen.published[0].cells
    assert areas["district"].tolist() == ["Norristown", "Pottstown", "Upper Moreland"]
    assert areas["name"].iloc[0] == "MAIN ST / SPRUCE ST"
    assert {str(areas[name].dtype)[:10] for name in ("first_time", "last_time")} == {"datetime64"}
    assert {cells[name].dtype.kind for name in ("count", "neighbors", "gi_bin")} == {"i"}


def test_tempe_opioids_add_up_from_file_to_clients(tmp_path: Path) -> None:
    seen = _walked(TEMPE, tmp_path)
    assert seen.wrong == []
    assert [len(found.areas) for found in seen.published] == [1, 1]
    assert {found.cells["p_method"].iloc[0] for found in seen.published} == {"exact"}


def test_two_years_of_sao_paulo_become_one_layer_with_one_set_of_fields(tmp_path: Path) -> None:
    folder, store, program = dataset_path("places/sao_paulo"), tmp_path / "city.duckdb", need_tool("ogrinfo")
    order = ("--layer", "crashes", "--timezone", "America/Sao_Paulo", "--store", f"duckdb:///{store}")
    first, _ = (
        emberline(tmp_path, "ingest", str(folder / f"crashes_{year}.csv.gz"), *order) for year in (2011, 2014)
    )
    assert any("1 row with a time far from the rest (1911-" in line for line in first.lines)
    with serving(store) as service:
        rows = read_back(service, "crashes")
        told = ogrinfo(program, service, "crashes", "-oo", "PAGE_SIZE=1000")
        walked = ogr_features(program, service, "crashes", 10_000)
        of_district = service.json("/collections/crashes/items?limit=1&Distrito=53")["numberMatched"]
    assert (len(rows), told["count"], walked) == (47_221, 47_221, 47_221)
    assert rows["id"].is_unique
    # 2011 spells it Distrito, 2014 DISTRITO: one field, filled in both years.
    assert {name for name in rows.columns if name.casefold() == "distrito"} == {"Distrito"}
    local_year = rows["time"].dt.tz_convert("America/Sao_Paulo").dt.year
    # One row of the file of 2011 is dated 1911.
    assert rows.groupby(local_year)["Distrito"].count().to_dict() == {1911: 1, 2011: 22_202, 2014: 23_458}
    assert of_district == 489 + 345
    assert {told["fields"][name] for name in ("time", "category")} == {"DateTime", "String"}


def test_a_million_police_rows_are_accounted_for(tmp_path: Path) -> None:
    path = dataset_path("incidents/uk_police_slim") / "uk_street_crime_2018-10_2018-12_slim.parquet"
    order = ("ingest", str(path), "--layer", "uk", "--timezone", "Europe/London")
    ran = emberline(tmp_path, *order, "--rejects", "rejects.csv")
    with (tmp_path / "rejects.csv").open(newline="", encoding="utf-8") as file:
        reasons = {row["reason"] for row in csv.DictReader(file)}
    assert ran.counts == {"accepted": 1_045_096, "rejected": 25_058, "duplicate": 0, "updated": 0}
    assert sum(ran.counts.values()) == rows_of(path)
    assert reasons == {"no_coordinate"}
    assert any("212,926 rows equal an earlier row" in line for line in ran.lines)


def _walked(case: Case, folder: Path) -> Examined:
    program = need_tool("ogrinfo")
    datasets = dataset_path(case.name).parents[1]
    return examined(case, datasets, folder, program, walk_all=False)
