"""The long tables of the open data model for surveillance, joined."""

import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data.errors import UnreadableFile
from data.readers.open import open_samples
from data.records import IngestSpec

MEASURES = """\
measureRepID,sampleID,measure,value,unit,aggregation,index,qualityFlag,aDateStart
m1,s1,covN1,1250,gcMl,single,1,NA,2024-01-09
m2,s1,covN1,1310,gcMl,single,2,NA,2024-01-09
m3,s1,covN2,ND,gcMl,mean,1,low,2024-01-09
m4,s2,covN1,900,gcMl,mean,1,NA,2024-01-12
m5,s2,covN1,55,gcMl,sd,1,NA,2024-01-12
m6,s2,flowRate,20000,m3/d,mean,1,NA,2024-01-10
m7,s9,covN1,12,gcMl,mean,1,NA,2024-01-10
m8,,popServ,40000,peeps,total,1,NA,2024-01-10
"""
SAMPLES = """\
sampleID,siteID,saMaterial,collType,collDT,collDTStart
s1,plant,rawWW,comp24h,2024-01-03 08:00,2024-01-02 08:00
s2,plant,rawWW,comp24h,2024-01-06 08:00,2024-01-05 08:00
"""
SITES = "siteID,name,siteType,sampleShed\nplant,The Plant,wwtp,shed-1\n"
POLYGONS = "polygonID,name,pop\nshed-1,North,41000\n"


def _zipped(path: Path, tables: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in tables.items():
            archive.writestr(name, text)
    return path


def _read(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Any]:
    source = open_samples(path, IngestSpec("lab", kind="samples", timezone="America/Toronto"))
    batches = list(source.batches())
    rows = [row for batch in batches for row in batch.rows.to_pylist()]
    return rows, [row for batch in batches for row in batch.rejects.to_pylist()], source.report


ALL = {"measures.csv": MEASURES, "samples.csv": SAMPLES, "sites.csv": SITES, "polygons.csv": POLYGONS}


def test_measures_are_joined_to_sample_site_and_polygon(tmp_path: Path) -> None:
    rows, _, report = _read(_zipped(tmp_path / "odm.zip", ALL))
    first = rows[0]
    assert (first["source_id"], first["sewershed"], first["analyte"]) == ("m1", "shed-1", "covN1")
    # The sample was drawn on the 2nd and analysed on the 9th.
    assert first["start"] == datetime(2024, 1, 2, 13, tzinfo=UTC)
    assert (first["value"], first["unit"], first["replicate"], first["population"]) == (
        1250,
        "gcMl",
        "1",
        41_000,
    )
    assert report.format == "PHES-ODM"
    assert report.notes[0].startswith("read from the tables measures, samples, sites, polygons")


def test_not_detected_and_quality_come_along(tmp_path: Path) -> None:
    rows, _, _ = _read(_zipped(tmp_path / "odm.zip", ALL))
    third = rows[2]
    assert (third["below_limit"], third["value"], third["quality"]) == (True, None, "low")


def test_flow_goes_to_the_samples_of_its_day(tmp_path: Path) -> None:
    rows, _, report = _read(_zipped(tmp_path / "odm.zip", ALL))
    assert [(row["source_id"], row["flow"], row["flow_unit"]) for row in rows] == [
        ("m1", None, None),
        ("m2", None, None),
        ("m3", None, None),
        ("m4", 20_000, "m3/d"),
    ]
    assert "2 measures of flow and people served were joined to the samples" in report.notes


def test_what_is_no_level_and_what_has_no_sample_is_refused(tmp_path: Path) -> None:
    _, rejects, report = _read(_zipped(tmp_path / "odm.zip", ALL))
    assert [(one["row"], one["reason"]) for one in sorted(rejects, key=lambda one: one["row"])] == [
        (5, "no_level"),
        (7, "no_sewershed"),
    ]
    assert (report.n_rows, report.rejected) == (6, {"no_level": 1, "no_sewershed": 1})


def test_people_served_by_a_site_without_polygon(tmp_path: Path) -> None:
    measures = MEASURES.replace("m8,,popServ", "m8,s2,popServ")
    rows, _, _ = _read(_zipped(tmp_path / "odm.zip", {"m.csv": measures, "s.csv": SAMPLES}))
    assert {(row["sewershed"], row["population"]) for row in rows} == {("plant", 40_000.0)}


def test_tables_of_the_first_release(tmp_path: Path) -> None:
    measures = "uWwMeasureID,sampleID,type,value,unit,analysisDate\nw1,s1,covN1,5,gcMl,2021-03-09\n"
    samples = "sampleID,siteID,type,dateTime\ns1,plant,rawWW,2021-03-02 08:00\n"
    of_site = "siteID,dateTime,type,value,unit\nplant,2021-03-02 00:00,wwFlow,3,ML/d\n"
    sites = "siteID,name,type,polygonID\nplant,The Plant,wwtp,p7\n"
    tables = {"WWMeasure.csv": measures, "Sample.csv": samples, "SiteMeasure.csv": of_site, "Site.csv": sites}
    rows, _, _ = _read(_zipped(tmp_path / "odm.zip", tables))
    assert [(r["source_id"], r["sewershed"], r["flow"], r["flow_unit"]) for r in rows] == [
        ("w1", "p7", 3, "ML/d")
    ]
    assert rows[0]["start"] == datetime(2021, 3, 2, 13, tzinfo=UTC)


def test_a_folder_of_tables(tmp_path: Path) -> None:
    for name, text in ALL.items():
        (tmp_path / name).write_text(text)
    assert len(_read(tmp_path)[0]) == 4


def test_a_zip_of_one_table_is_read_as_before(tmp_path: Path) -> None:
    rows, _, report = _read(
        _zipped(tmp_path / "one.zip", {"x.csv": "site,date,analyte,value\nA,2024-01-01,x,1\n"})
    )
    assert (len(rows), report.format) == (1, "CSV")


def test_a_broken_zip_is_named(tmp_path: Path) -> None:
    whole = _zipped(tmp_path / "odm.zip", ALL).read_bytes()
    (tmp_path / "odm.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableFile, match=r"odm\.zip: .*cannot be unpacked"):
        _read(tmp_path / "odm.zip")
