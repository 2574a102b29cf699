"""The samples of the made city: defects as told, and what is planted is found by the model."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely

from data.records import ReadReport
from data.samples.city import CitySample, SampleFile
from data.samples.export import write_csv
from data.samples.layout import city
from data.samples.people import blocks
from data.samples.sewersheds import sewersheds
from data.samples.wastewater import ANALYTES, CHANGES, campaign_starts, wastewater
from models.surveillance import Surveillance, surveillance
from models.wastewater import flow_l_day, load_mg_day_1000
from tests.data.samples.reading import read_rows

SEEDS = [1, 2, 3, 4, 5]
RISEN = [("SW-2", "fentanyl"), ("SW-2", "norfentanyl")]


@pytest.fixture(scope="module")
def lines(city_sample: CitySample) -> list[dict[str, str]]:
    """Return the file read with nothing but the csv module."""
    with city_sample["wastewater"].path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def told(city_truth: dict[str, Any]) -> dict[str, Any]:
    layer: dict[str, Any] = city_truth["layers"]["wastewater"]
    return layer


@pytest.fixture(scope="module")
def read(city_sample: CitySample) -> tuple[pd.DataFrame, ReadReport]:
    rows, report = read_rows(city_sample, "wastewater", is_mapped=False)
    return rows.to_pandas(), report


def test_reader_finds_the_columns_unaided_and_rejects_nothing(
    city_sample: CitySample, read: tuple[pd.DataFrame, ReadReport], told: dict[str, Any]
) -> None:
    rows, report = read
    assert city_sample["wastewater"].mapping.items() <= report.columns.items()
    assert report.rejected == {}
    assert len(rows) == told["rows"]
    assert report.counts["value.below_limit"] == told["below_limit"] > 300
    assert report.columns["flow_unit"] == "=MGD"


def test_results_below_the_limit_have_a_limit_and_no_value(read: tuple[pd.DataFrame, ReadReport]) -> None:
    below = read[0][read[0]["below_limit"]]
    assert below["value"].isna().all()
    assert below["limit"].notna().all()
    assert set(below["quality"]) == {"U"}


def test_words_for_not_detected_changed_with_the_method(lines: list[dict[str, str]]) -> None:
    words = {
        word: {line["Collection_Start"][:7] for line in lines if line["Concentration"] == word}
        for word in ("ND", "<LOD")
    }
    assert max(words["ND"]) < "2024-07" <= min(words["<LOD"])


def test_composites_last_a_day_from_seven_on_the_clocks(read: tuple[pd.DataFrame, ReadReport]) -> None:
    start = read[0]["start"].dt.tz_convert("America/Denver")
    end = read[0]["end"].dt.tz_convert("America/Denver")
    assert set(start.dt.hour) == set(end.dt.hour) == {7}
    assert set((end.dt.tz_localize(None) - start.dt.tz_localize(None)).dt.days) == {1}


def test_a_week_each_month_but_for_what_was_missed(lines: list[dict[str, str]], told: dict[str, Any]) -> None:
    composites = {(line["Sewershed"], line["Collection_Start"][:10]) for line in lines}
    months = {(shed, day[:7]) for shed, day in composites}
    every = {(f"SW-{i}", str(day)[:7]) for i in range(1, 6) for day in campaign_starts()}
    assert every - months == {(told["missed_campaign"]["sewershed"], told["missed_campaign"]["month"])}
    assert len(composites) == told["composites"] == 5 * 36 * 7 - 7 - told["missing_days"]
    assert 10 < told["missing_days"] < 70


def test_one_composite_was_analysed_twice(lines: list[dict[str, str]], told: dict[str, Any]) -> None:
    second = [line for line in lines if line["Replicate"] == "2"]
    pair = [line for line in lines if line["Sample_ID"] == second[0]["Sample_ID"]]
    assert {line["Sewershed"] for line in second} == {told["replicate_pair"]["sewershed"]}
    assert {line["Analyte"] for line in second} == {analyte.name for analyte in ANALYTES}
    assert len(pair) == told["replicate_pair"]["rows"] == 12


def test_a_late_row_corrects_a_slip_of_the_decimal_point(
    lines: list[dict[str, str]], told: dict[str, Any], read: tuple[pd.DataFrame, ReadReport]
) -> None:
    late = lines[-1]
    wrong, right = (
        float(line["Concentration"])
        for line in lines
        if (line["Sample_ID"], line["Analyte"]) == (late["Sample_ID"], late["Analyte"])
    )
    assert late["QC_Flag"] == "C"
    assert late["Sample_ID"] == told["correction"]["id"]
    assert right == told["correction"]["value"]
    assert wrong == pytest.approx(10 * right)
    ids = read[0]["source_id"]
    assert ids[ids.duplicated()].tolist() == [ids.iloc[-1]]


def test_campaigns_vary_by_a_fifth_and_days_by_a_little_more(read: tuple[pd.DataFrame, ReadReport]) -> None:
    rows = loads(read[0])
    calm = rows[(rows["analyte"] == "codeine") & ~rows["below_limit"]]
    calm = calm.assign(log=np.log(calm["load"]), month=calm["day"].dt.strftime("%Y-%m"))
    by_campaign = calm.groupby(["sewershed", "month"])["log"]
    between = by_campaign.mean().groupby("sewershed").std()
    within = np.sqrt((by_campaign.std() ** 2).mean())
    # The mean of 7 days with .22 adds .08 to the .2 between campaigns: .216; 36 of 5 sewersheds.
    assert np.sqrt((between**2).mean()) == pytest.approx(0.216, abs=0.03)
    assert within == pytest.approx(0.22, abs=0.02)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("measure", ["load", "value"])
def test_alarms_are_the_planted_rise_and_nothing_else(seed: int, measure: str, tmp_path: Path) -> None:
    found, names = surveyed(made(seed, tmp_path), measure)
    assert [names[i] for i in np.flatnonzero(found.alarm)] == RISEN
    assert found.q[~found.alarm].min() > 0.1
    assert not np.isnan(found.p).any()


@pytest.mark.parametrize("seed", SEEDS)
def test_no_alarm_before_the_rise(seed: int, tmp_path: Path) -> None:
    rows = made(seed, tmp_path)
    found, _ = surveyed(rows[rows["day"] < "2025-11-01"], "load")
    # Before the quiet end chance has its way: the alarms are no more than the false discovery rate allows.
    assert found.alarm.sum() <= 1


def test_truth_tells_what_is_planted(city_truth: dict[str, Any]) -> None:
    changes = {change["id"]: change for change in city_truth["wastewater"]}
    assert [
        (change["sewershed"], analyte)
        for change in changes.values()
        if change["alarm"]
        for analyte in change["analytes"]
    ] == RISEN
    works = {name: change["works"] for name, change in changes.items() if "works" in change}
    assert works == {
        "wastewater-outreach": True, "wastewater-hotline": False, "wastewater-clinic": True,
    }  # fmt: skip
    calls = {plant["id"] for plant in city_truth["hotspots"]}
    assert {change["incidents"] for change in changes.values() if "incidents" in change} <= calls


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.id)
def test_planted_factor_is_recoverable(change: Any, read: tuple[pd.DataFrame, ReadReport]) -> None:
    rows = loads(read[0])
    there = rows[(rows["sewershed"] == change.sewershed) & rows["analyte"].isin(change.analytes)]
    before = there[there["day"] < change.factors[0][0]]
    end = min(change.factors[-1][0], "2025-11-01") if change.course != "rise" else change.factors[-1][0]
    after = there[there["day"] >= end]
    planted = np.log(change.factor(after["day"].to_numpy().astype("datetime64[D]"))).mean()
    planted -= np.log(change.factors[0][1])
    measured = log_means(after) - log_means(before)
    # Campaigns of .2, shared by two analytes in part: two analytes, n campaigns on either side.
    n_before, n_after = (len({str(day)[:7] for day in part["day"]}) for part in (before, after))
    noise = 0.2 * np.sqrt(1 / n_before + 1 / n_after)
    assert abs(measured - planted) < 3 * noise


@pytest.mark.parametrize("seed", SEEDS)
def test_falling_series_are_seen_to_have_fallen(seed: int, tmp_path: Path) -> None:
    found, names = surveyed(made(seed, tmp_path), "load", side="cold")
    fallen = {names[i] for i in np.flatnonzero(found.alarm)}
    trend = dict(zip(names, found.trend.tolist(), strict=True))
    assert trend["SW-1", "oxycodone"] == trend["SW-1", "noroxycodone"] == "down"
    assert {("SW-1", "oxycodone"), ("SW-1", "noroxycodone")} <= fallen
    assert not {("SW-5", "fentanyl"), ("SW-5", "norfentanyl")} & fallen


def test_calls_rise_in_the_sewershed_that_alarms(city_sample: CitySample, city_truth: dict[str, Any]) -> None:
    plant = next(item for item in city_truth["hotspots"] if item["id"] == "ems-opioid-rise")
    with city_sample["ems"].path.open(encoding="utf-8", newline="") as file:
        late = [row for row in csv.DictReader(file) if row["Incident_Number"][6:] > "900000"]
    assert {row["Incident_Type"] for row in late} == {"MEDICAL||ILLNESS||OVERDOSE"}
    assert min(row["CallTime"] for row in late) >= "2025-11-06"
    added = plant["phases"][1]["expected"] - plant["phases"][1]["expected_even"]
    assert abs(len(late) - added) < 3.5 * np.sqrt(added)
    area = next(item for item in city_truth["sewersheds"] if item["id"] == "SW-2")["geometry"]
    assert_within(area, [(row["Longitude_of_Incident"], row["Latitude_of_Incident"]) for row in late])


def assert_within(geometry: dict[str, Any], positions: list[tuple[str, str]]) -> None:
    points = np.array(positions, dtype=float)
    assert shapely.contains_xy(shapely.from_geojson(json.dumps(geometry)), *points.T).all()


def made(seed: int, folder: Path) -> pd.DataFrame:
    """Return the samples of a seed as they are read, with loads."""
    table, order, _ = wastewater(sewersheds(city(), blocks(city(), seed)), seed)
    write_csv(folder / "wastewater.csv", table, order)
    file = SampleFile(folder / "wastewater.csv", "samples", "Samples")
    rows, _ = read_rows(
        CitySample(folder, "", seed, {"wastewater": file}, folder), "wastewater", is_mapped=False
    )
    return loads(rows.to_pandas())


def loads(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the last row of each id, as the store does; add local days and loads."""
    rows = rows.drop_duplicates("source_id", keep="last").reset_index(drop=True)
    litres = flow_l_day(rows["flow"].to_numpy(), "MGD")
    people = rows["population"].to_numpy()
    day = rows["start"].dt.tz_convert("America/Denver").dt.tz_localize(None).dt.normalize()
    load, limit = (load_mg_day_1000(rows[name].to_numpy(), litres, people) for name in ("value", "limit"))
    return rows.assign(day=day, load=load, load_limit=limit)


def surveyed(
    rows: pd.DataFrame, measure: str, side: str = "hot"
) -> tuple[Surveillance, list[tuple[str, str]]]:
    """Return the state of every series and their names, sewershed and analyte."""
    groups = rows.groupby(["sewershed", "analyte"])
    found = surveillance(
        groups.ngroup().to_numpy(),
        rows["day"].to_numpy(),
        rows[measure].to_numpy(),
        rows["below_limit"].to_numpy(),
        rows["load_limit" if measure == "load" else "limit"].to_numpy(),
        side=side,
    )
    return found, [(str(shed), str(analyte)) for shed, analyte in groups.groups]


def log_means(rows: pd.DataFrame) -> float:
    known = np.where(rows["below_limit"], rows["load_limit"] / np.sqrt(2), rows["load"])
    return float(np.log(known).mean())
