"""Wastewater samples: the laboratories' formats, what stands in place of numbers, and what is refused."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data.errors import InvalidMapping, MissingField
from tests.data.reading import read_samples
from tests.requirements import dataset_path

NWSS = """\
record_id,sewershed_id,wwtp_jurisdiction,sample_location,population_served,sample_collect_date,flow_rate,\
pcr_target,pcr_gene_target_agg,pcr_target_avg_conc,pcr_target_units,lod_sewage,pcr_target_detect,\
pcr_target_avg_conc_lin,county_fips
a1,1201,az,Treatment plant,40000,2025-03-02,5.0,sars-cov-2,n1,4.2,log10 copies/l wastewater,\
1000,yes,15848.9,"04013,04021"
a2,1201,az,Treatment plant,40000,2025-03-05,5.2,sars-cov-2,n1,0,log10 copies/l wastewater,1000,no,1,04013
"""

NWSS_OLDER = """\
key_plot_id,sample_collect_date,pcr_target,pcr_target_avg_conc_lin,pcr_target_units,pcr_target_below_lod
az_12_Treatment plant,2024-03-02,FLUAV,512.5,log10 copies/l wastewater,no
az_12_Treatment plant,2024-03-05,FLUAV,,log10 copies/l wastewater,yes
"""

ODM = """\
measureRepID,sampleID,siteID,aDateStart,aDateEnd,fraction,measure,value,unit,aggregation,index,qualityFlag
m1,s1,ottawa,2024-01-02 08:00,2024-01-03 08:00,sol,covN1,1250,gcMl,mean,1,NA
m2,s1,ottawa,2024-01-02 08:00,2024-01-03 08:00,sol,covN1,1310,gcMl,mean,2,NA
m3,s1,ottawa,2024-01-02 08:00,2024-01-03 08:00,sol,covN2,ND,gcMl,mean,1,low
"""

WIDE = """\
Sewershed,Sample Date,Fentanyl (ng/L),Norfentanyl (ng/L),Fentanyl LOD (ng/L),Flow (MGD),Population
Area 1,03/14/2024,12.5,<2.5,1,5.0,"40,000"
Area 1,03/15/2024,,,1,5.1,"40,000"
Area 2,03/14/2024,-3,8.1,1,2.0,"21,000"
"""

BROKEN = """\
sewershed,date,analyte,value,unit
A,2024-01-01,fentanyl,1,ng/L
,2024-01-02,fentanyl,1,ng/L
A,,fentanyl,1,ng/L
A,soon,fentanyl,1,ng/L
A,1024-01-02,fentanyl,1,ng/L
A,2024-01-03,,1,ng/L
A,2024-01-04,fentanyl,lost,ng/L
A,2024-01-05,fentanyl,inf,ng/L
A,2024-01-06,fentanyl,-2,ng/L
A,2024-01-07,fentanyl,,ng/L
A,2024-01-08,fentanyl,-0.5,log10 gc/L
"""


def _values(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["value"], row["below_limit"], row["limit"]) for row in rows]


def test_sample_level_file_of_the_national_system(tmp_path: Path) -> None:
    rows, rejects, report = read_samples(tmp_path / "nwss.csv", NWSS, timezone="America/Phoenix")
    assert not rejects
    first = rows[0]
    assert first["source_id"] == "a1"
    assert (first["sewershed"], first["analyte"]) == ("1201", "sars-cov-2")
    assert (first["start"], first["time_precision"]) == (datetime(2025, 3, 2, 7, tzinfo=UTC), "day")
    assert (first["flow"], first["flow_unit"], first["population"]) == (5.0, "MGD", 40000.0)
    assert first["unit"] == "log10 copies/l wastewater"
    assert _values(rows) == [(4.2, False, 1000.0), (0.0, True, 1000.0)]
    assert report.columns["below_limit"] == "pcr_target_detect"
    assert '"county_fips":"04013,04021"' in first["attributes"]


def test_older_names_and_values_taken_back_from_logarithms(tmp_path: Path) -> None:
    rows, _, _ = read_samples(tmp_path / "older.csv", NWSS_OLDER)
    assert [row["sewershed"] for row in rows] == ["az_12_Treatment plant"] * 2
    assert _values(rows) == [(512.5, False, None), (None, True, None)]
    assert rows[0]["unit"] == "copies/l wastewater"


def test_long_table_of_measures(tmp_path: Path) -> None:
    rows, rejects, _ = read_samples(tmp_path / "measures.csv", ODM, timezone="America/Toronto")
    assert not rejects
    assert [(r["source_id"], r["analyte"], r["replicate"], r["value"]) for r in rows] == [
        ("m1", "covN1", "1", 1250.0),
        ("m2", "covN1", "2", 1310.0),
        ("m3", "covN2", "1", None),
    ]
    assert (rows[2]["below_limit"], rows[2]["quality"], rows[2]["sewershed"]) == (True, "low", "ottawa")
    assert rows[0]["start"] == datetime(2024, 1, 2, 13, tzinfo=UTC)
    assert rows[0]["end"] == datetime(2024, 1, 3, 13, tzinfo=UTC)


def test_analytes_side_by_side_become_rows(tmp_path: Path) -> None:
    rows, rejects, report = read_samples(tmp_path / "wide.csv", WIDE)
    assert [(r["row"], r["analyte"], r["value"], r["limit"], r["unit"]) for r in rows] == [
        (1, "Fentanyl", 12.5, None, "ng/L"),
        (1, "Norfentanyl", None, 2.5, "ng/L"),
        (3, "Norfentanyl", 8.1, None, "ng/L"),
    ]
    assert [(r["row"], r["reason"]) for r in rejects] == [(2, "no_value"), (3, "negative_value")]
    assert rejects[1]["detail"].startswith("Fentanyl (ng/L): ")
    assert (rows[0]["flow"], rows[0]["flow_unit"], rows[0]["population"]) == (5.0, "MGD", 40000.0)
    assert report.columns["value"] == "Fentanyl (ng/L)+Norfentanyl (ng/L)"


def test_columns_of_values_can_be_mapped_side_by_side(tmp_path: Path) -> None:
    text = "zone,day taken,lab no,a,b\nN,2024-01-02,7,1,2\nN,2024-01-03,8,3,\n"
    mapping = {"sewershed": "zone", "start": "day taken", "value": "a+b", "id": "lab no", "unit": "=ng/L"}
    rows, rejects, report = read_samples(tmp_path / "mapped.csv", text, mapping=mapping)
    assert not rejects
    assert [(r["source_id"], r["analyte"], r["value"], r["unit"]) for r in rows] == [
        ("7.a", "a", 1.0, "ng/L"),
        ("8.a", "a", 3.0, "ng/L"),
        ("7.b", "b", 2.0, "ng/L"),
    ]
    assert report.counts["value.blank"] == 1


def test_ids_of_samples_are_told_apart_by_analyte(tmp_path: Path) -> None:
    text = "sample_id,site,date,analyte,value\ns1,A,2024-01-01,x,1\ns1,A,2024-01-01,y,2\n"
    rows, _, _ = read_samples(tmp_path / "specimens.csv", text)
    assert [row["source_id"] for row in rows] == ["s1.x", "s1.y"]


@pytest.mark.parametrize(
    ("written", "value", "below", "limit"),
    [
        ("<2.5", None, True, 2.5),
        ("< 1,000", None, True, 1000.0),
        ("<2.5 ng/L", None, True, 2.5),
        ("ND", None, True, None),
        ("n.d.", None, True, None),
        ("ND (1.5)", None, True, 1.5),
        ("<LOD", None, True, None),
        ("< LLOQ", None, True, None),
        ("BDL", None, True, None),
        ("Not detected", None, True, None),
        ("non-detect", None, True, None),
        ("below detection limit", None, True, None),
        ("2.5 U", None, True, 2.5),
        ("0", 0.0, True, None),
        ("7.1 J", 7.1, False, None),
        (">1000", 1000.0, False, None),
        ("1.2E+04", 12000.0, False, None),
        ("3.5 µg/L", 3.5, False, None),
    ],
)
def test_what_laboratories_write(
    tmp_path: Path, written: str, value: float | None, below: bool, limit: float | None
) -> None:
    text = f'sewershed,date,analyte,value\nA,2024-01-01,x,9\nA,2024-01-02,x,"{written}"\n'
    rows, rejects, _ = read_samples(tmp_path / "written.csv", text)
    assert not rejects
    assert _values(rows)[1] == (value, below, limit)


def test_limits_with_decimal_commas(tmp_path: Path) -> None:
    text = "sewershed;date;analyte;value\nA;2024-01-01;x;9,25\nA;2024-01-02;x;<2,5\n"
    rows, _, _ = read_samples(tmp_path / "commas.csv", text)
    assert _values(rows) == [(9.25, False, None), (None, True, 2.5)]


def test_a_mark_for_what_was_not_detected_is_no_negative_value(tmp_path: Path) -> None:
    text = "sewershed,date,analyte,value,nondetect,lod\nA,2024-01-01,x,-1,TRUE,4\nA,2024-01-02,x,8,FALSE,4\n"
    rows, rejects, _ = read_samples(tmp_path / "marks.csv", text)
    assert not rejects
    assert _values(rows) == [(None, True, 4.0), (8.0, False, 4.0)]


def test_a_file_in_which_nothing_was_detected(tmp_path: Path) -> None:
    text = "sewershed,date,analyte,value,unit\nA,2024-01-01,heroin,ND,ng/L\nA,2024-01-02,heroin,<LOD,ng/L\n"
    rows, rejects, _ = read_samples(tmp_path / "none.csv", text)
    assert not rejects
    assert _values(rows) == [(None, True, None)] * 2


def test_each_bad_row_has_its_reason(tmp_path: Path) -> None:
    rows, rejects, report = read_samples(tmp_path / "broken.csv", BROKEN)
    assert [row["row"] for row in rows] == [1, 11]
    assert [(r["row"], r["reason"]) for r in rejects] == [
        (2, "no_sewershed"),
        (3, "no_time"),
        (4, "unreadable_time"),
        (5, "time_out_of_range"),
        (6, "no_analyte"),
        (7, "unreadable_value"),
        (8, "not_finite"),
        (9, "negative_value"),
        (10, "no_value"),
    ]
    assert '"value":"lost"' in rejects[5]["original"]
    assert report.rejected["negative_value"] == 1


def test_an_end_before_the_start_is_left_out(tmp_path: Path) -> None:
    text = "sewershed,start,end,analyte,value\nA,2024-01-05,2024-01-02,x,1\nA,2024-01-05,2024-01-06,x,1\n"
    rows, _, report = read_samples(tmp_path / "ends.csv", text)
    assert [row["end"] for row in rows] == [None, datetime(2024, 1, 6, tzinfo=UTC)]
    assert report.counts["time.end_before_start"] == 1


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("date,value\n2024-01-01,1\n", "--map sewershed==NAME"),
        ("sewershed,value\nA,1\n", "--map start=COLUMN"),
        ("sewershed,date,remarks,n\nA,2024-01-01,fine,7\n", "columns of numbers are: n"),
    ],
)
def test_a_file_that_lacks_a_field_says_how_to_name_it(tmp_path: Path, text: str, needed: str) -> None:
    with pytest.raises(MissingField, match=needed):
        read_samples(tmp_path / "lacking.csv", text)


@pytest.mark.parametrize("mapping", [{"value": "=3"}, {"population": "=many"}, {"sewershed": "="}])
def test_only_some_fields_can_be_one_value_for_the_file(tmp_path: Path, mapping: dict[str, str]) -> None:
    text = "sewershed,date,analyte,value\nA,2024-01-01,x,1\n"
    with pytest.raises(InvalidMapping, match="--map"):
        read_samples(tmp_path / "constant.csv", text, mapping=mapping)


def test_national_series_without_a_column_for_the_analyte() -> None:
    path = dataset_path("wastewater/nz_esr/data_ww_data_all.csv.gz")
    rows, rejects, report = read_samples(path, timezone="Pacific/Auckland")
    assert (len(rows), len(rejects)) == (19_184, 0)
    assert {(row["analyte"], row["unit"]) for row in rows} == {("sars", "gc/L")}
    assert sum(row["below_limit"] for row in rows) == report.counts["value.below_limit"] == 3_793
    assert sum(row["value"] is None for row in rows) == 18


def test_a_series_of_one_plant() -> None:
    path = dataset_path("wastewater/twin_cities_metc/clean_load_data.csv.gz")
    mapping = {"sewershed": "=Metro", "analyte": "=SARS-CoV-2"}
    rows, rejects, report = read_samples(path, timezone="America/Chicago", mapping=mapping)
    assert (len(rows), len(rejects)) == (1_007, 23)
    assert report.columns["value"] == "copies_day_person_M_mn"
    assert report.rejected == {"no_value": 23}
    assert {(row["sewershed"], row["unit"]) for row in rows} == {("Metro", "million copies/day/person")}
