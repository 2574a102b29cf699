"""Rows of samples as series: local days, one unit, load or concentration, nothing dropped."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.duckdb_store import DuckDBStore
from data.engine import Selection
from service.ingesting import IngestOrder, ingest_file
from service.wastewater.sample_series import Measures, SampleRows, measures, sample_rows

HEAD = "id,site,date,analyte,value,unit,flow,flow_unit,population,quality\n"


def _rows(folder: Path, text: str, selection: Selection = Selection(), *analytes: str) -> SampleRows:  # noqa: B008
    store = DuckDBStore()
    path = folder / "samples.csv"
    path.write_text(HEAD + text)
    ingest_file(store, path, IngestOrder("lab", kind="samples", timezone="America/Phoenix"))
    return sample_rows(store, store.layer("lab"), selection, analytes)


def _measured(rows: SampleRows, population: float = np.nan, **how: Any) -> Measures:
    """Take all rows for one series."""
    people = np.where(rows.population > 0, rows.population, population)
    return measures(rows, np.zeros(len(rows), dtype=np.int64), 1, people, **how)


def test_the_arithmetic_of_tempe(tmp_path: Path) -> None:
    found = _measured(_rows(tmp_path, "1,A,2024-01-01,fentanyl,100,ng/L,5,MGD,40000,\n"))
    assert found.value.round(1).tolist() == [47.3]
    assert found.load_mg_day_1000.round(1).tolist() == [47.3]
    assert found.unit == ["mg/day/1,000 people"]


@pytest.mark.parametrize(
    ("value", "unit", "flow", "flow_unit"),
    [
        ("0.1", "ug/L", "5", "MGD"),
        ("100", "ppt", "18927.05892", "m3/d"),
        ("100", "ng/l", "3472.2222222", "gpm"),
        ("1892705.892", "ug/day", "", ""),
    ],
)
def test_the_same_load_in_other_units(
    tmp_path: Path, value: str, unit: str, flow: str, flow_unit: str
) -> None:
    found = _measured(_rows(tmp_path, f"1,A,2024-01-01,x,{value},{unit},{flow},{flow_unit},40000,\n"))
    assert found.value.round(4).tolist() == [47.3176]


def test_the_population_of_the_sewershed_stands_in(tmp_path: Path) -> None:
    rows = _rows(tmp_path, "1,A,2024-01-01,x,100,ng/L,5,MGD,,\n")
    assert _measured(rows, 40_000).value.round(1).tolist() == [47.3]
    assert (_measured(rows).unit, _measured(rows).value.tolist()) == (["ng/L"], [100.0])


def test_genes_have_a_load_but_none_in_mg(tmp_path: Path) -> None:
    found = _measured(_rows(tmp_path, "1,A,2024-01-01,N1,20,gc/mL,1,ML/d,10000,\n"))
    assert (found.value.tolist(), found.unit) == ([2e9], ["copies/day/1,000 people"])
    assert np.isnan(found.load_mg_day_1000).all()


def test_units_meet_in_one(tmp_path: Path) -> None:
    text = "1,A,2024-01-01,N1,2,gc/mL,,,,\n2,A,2024-01-02,N1,3000,copies/L,,,,\n"
    text += "3,A,2024-01-03,N1,3.6020599913,log10 copies/L,,,,\n"
    found = _measured(_rows(tmp_path, text))
    assert (found.value.round().tolist(), found.unit) == ([2000.0, 3000.0, 4000.0], ["copies/L"])


def test_what_cannot_be_converted_is_left_out_with_the_reason(tmp_path: Path) -> None:
    text = "1,A,2024-01-01,x,2,ng/L,,,,\n2,A,2024-01-02,x,3,furlong,,,,\n3,A,2024-01-03,x,4,,,,,\n"
    text += "4,A,2024-01-04,x,5,ng/g,,,,\n5,A,2024-01-05,x,31.5,Ct,,,,\n6,A,2024-01-06,x,6,ng/L,,,,\n"
    found = _measured(_rows(tmp_path, text))
    assert found.left_out.tolist() == [
        "",
        "unit 'furlong' cannot be converted to ng/L",
        "no unit, while others of the analyte have one",
        "unit 'ng/g' cannot be converted to ng/L",
        "unit 'Ct' cannot be converted to ng/L",
        "",
    ]
    assert np.isnan(found.value).tolist() == [False, True, True, True, True, False]


@pytest.mark.parametrize("unit", ["", "per PMMoV copy"])
def test_one_unit_needs_no_conversion(tmp_path: Path, unit: str) -> None:
    text = f"1,A,2024-01-01,x,2,{unit},,,,\n2,A,2024-01-02,x,3,{unit},,,,\n"
    found = _measured(_rows(tmp_path, text))
    assert (found.value.tolist(), found.unit) == ([2.0, 3.0], [unit or None])


def test_cycles_are_no_level(tmp_path: Path) -> None:
    found = _measured(_rows(tmp_path, "1,A,2024-01-01,x,31.5,Ct,,,,\n"))
    assert (found.left_out.tolist(), found.unit) == (["no level can be made of unit 'Ct'"], [None])


def _with_flow(n_with: int, n_without: int) -> str:
    days = [
        f"{i},A,2024-01-{i + 1:02},x,100,ng/L,{'5' if i < n_with else ''},MGD,40000,\n" for i in range(10)
    ]
    return "".join(days[: n_with + n_without])


def test_the_load_is_tested_where_most_samples_have_one(tmp_path: Path) -> None:
    found = _measured(_rows(tmp_path, _with_flow(8, 2)))
    assert found.unit == ["mg/day/1,000 people"]
    assert found.left_out.tolist() == [""] * 8 + ["no load: no flow"] * 2


def test_the_concentration_is_tested_where_few_have_one(tmp_path: Path) -> None:
    found = _measured(_rows(tmp_path, _with_flow(7, 3)))
    assert (found.unit, set(found.left_out)) == (["ng/L"], {""})
    assert found.told == [["concentration, not load: only 7 of 10 samples have flow and population"]]
    assert np.isfinite(found.load_mg_day_1000).sum() == 7


def test_load_and_concentration_on_request(tmp_path: Path) -> None:
    rows = _rows(tmp_path, _with_flow(1, 9))
    assert (_measured(rows, measure="load").left_out == "").sum() == 1
    assert _measured(rows, measure="concentration").unit == ["ng/L"]
    native = _rows(tmp_path, "1,A,2024-01-01,x,2,mg/day/1000 people,,,,\n")
    assert _measured(native).value.tolist() == [2.0]
    assert _measured(native, measure="concentration").left_out.tolist() == [
        "unit 'mg/day/1000 people' is no concentration"
    ]


def test_limits_go_through_the_same_arithmetic(tmp_path: Path) -> None:
    rows = _rows(tmp_path, "1,A,2024-01-01,x,<100,ng/L,5,MGD,40000,\n")
    found = _measured(rows)
    assert (rows.is_below.tolist(), found.limit.round(1).tolist()) == ([True], [47.3])


def test_bad_quality_is_left_out_on_request(tmp_path: Path) -> None:
    rows = _rows(tmp_path, "1,A,2024-01-01,x,1,ng/L,,,,good\n2,A,2024-01-02,x,1,ng/L,,,,Suspect\n")
    assert _measured(rows).left_out.tolist() == ["", ""]
    assert _measured(rows, excluded_quality=["suspect"]).left_out.tolist() == ["", "quality 'Suspect'"]


def test_days_are_those_of_the_layer(tmp_path: Path) -> None:
    rows = _rows(tmp_path, "1,A,2024-01-01T06:59:00Z,x,1,ng/L,,,,\n2,A,2024-01-01T07:00:00Z,x,1,ng/L,,,,\n")
    assert np.datetime_as_string(rows.day).tolist() == ["2023-12-31", "2024-01-01"]


def test_selection_by_time_and_analyte(tmp_path: Path) -> None:
    text = "a,A,2024-01-02,Fentanyl,1,ng/L,,,,\nb,B,2024-01-01,Norfentanyl,1,ng/L,,,,\n"
    text += "c,A,2024-01-03, fentanyl,1,ng/L,,,,\n"
    of_one = _rows(tmp_path, text, Selection(), "FENTANYL")
    assert (of_one.ids, of_one.analytes) == (["a", "c"], ["Fentanyl", "Norfentanyl"])
    until = Selection(None, datetime(2024, 1, 2, 12, tzinfo=UTC))
    assert _rows(tmp_path, text, until).ids == ["b", "a"]


def test_an_unknown_flow_unit_is_counted(tmp_path: Path) -> None:
    rows = _rows(tmp_path, "1,A,2024-01-01,x,1,ng/L,5,buckets,4000,\n2,A,2024-01-02,x,1,ng/L,5,,4000,\n")
    assert rows.flow_unread == {"": 1, "buckets": 1}
    assert _measured(rows).unit == ["ng/L"]
