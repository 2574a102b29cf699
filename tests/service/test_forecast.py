"""`forecast` from a layer or a file to published collections, with its hit rates."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest

from data.duckdb_store import DuckDBStore
from models.errors import InvalidParameter, TooFewObservations
from models.forecast import MODELS
from service.analyses.findings import Findings
from service.analyses.run import findings
from service.errors import InvalidInputs
from service.methods import inputs_of
from tests.service.made import ZONE, Row, calls, client_of, emberline, filled_store, write_rows

CONTRACT = ("h3", "expected", "low", "high", "rank")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBStore]:
    """Sixteen weeks of calls, a quarter of them at one place all along."""
    filled = filled_store(None, tmp_path_factory.mktemp("forecast"), sixteen_weeks())
    yield filled
    filled.close()


def sixteen_weeks() -> list[Row]:
    rows = calls(800)
    start = datetime(2024, 1, 1, 0, 30)
    for i, row in enumerate(rows):
        row["time"] = (start + timedelta(minutes=201 * i)).strftime("%Y-%m-%d %H:%M:%S")
    return rows


def run(store: DuckDBStore, **inputs: Any) -> Findings:
    given = inputs_of("forecast", {"layer": "calls", "resolution": 8, **inputs})
    return findings("forecast", store, given, max_cells=1_000_000)


def told(found: Findings) -> dict[str, Any]:
    diagnostics: dict[str, Any] = found.emberline["diagnostics"]
    return diagnostics


def columns(found: Findings, name: str = "cells") -> dict[str, Any]:
    return found.collections[name].columns


def test_every_cell_has_what_the_contract_asks_for(store: DuckDBStore) -> None:
    found = run(store)
    one = columns(found)
    assert set(CONTRACT) <= set(one)
    assert len(one["h3"]) == told(found)["study_area_cells"]
    assert (one["low"] <= one["high"]).all() and (one["expected"] > 0).all()
    assert one["rank"].min() == 1
    assert np.argmax(one["expected"]) == np.argmax(one["last_count"])
    assert told(found)["expected_total"] == pytest.approx(800 / 16, rel=0.2)


def test_hit_rates_stand_beside_the_same_cells_as_last_period(store: DuckDBStore) -> None:
    found = told(run(store))
    assert set(found["pai"]) == set(found["pei"]) == set(found["rri"]) == {"0.01", "0.05"}
    for name in ("pai", "pei", "rri"):
        assert {*MODELS, "chosen"} == set(found[name]["0.05"])
        assert all(len(some) == len(found["backtest"]) for some in found[name]["0.05"].values())
    assert max(found["pei"]["0.05"]["chosen"]) <= 1
    assert found["pooled"]["0.01"]["chosen"]["pai"] > 5
    assert found["pooled"]["0.05"]["chosen"]["pai"] >= 0.9 * found["pooled"]["0.05"]["last-period"]["pai"]
    assert found["model"] in MODELS and "deviance" in found["model_why"]


def test_the_period_forecast_follows_the_last_whole_one(store: DuckDBStore) -> None:
    found = told(run(store))
    assert (found["forecast_start"], found["forecast_end"]) == ("2024-04-22T00:00", "2024-04-29T00:00")
    assert found["periods"] == 16
    months = told(run(store, bin="P10D", align="start"))
    assert (months["forecast_start"], months["periods"]) == ("2024-04-20T00:00", 11)
    assert any("part of a bin" in note for note in months["notes"])


def test_notes_begin_with_the_caution_and_end_with_what_was_left_out(store: DuckDBStore) -> None:
    notes = told(run(store, bin="P10D", align="start"))["notes"]
    assert notes[0].startswith("a forecast says where incidents were recorded")
    assert notes[-1].startswith("left out ") and notes[-1].endswith("part of a bin")


def test_a_small_share_is_told_in_full_and_the_whole_area_not_at_all(store: DuckDBStore) -> None:
    found = told(run(store, area_share=[0.0004, 1], model="learned"))
    pooled = {share: {m: rates["pai"] for m, rates in one.items()} for share, one in found["pooled"].items()}
    assert pooled["1"]["chosen"] == pooled["1"]["last-period"] == 1
    said = [note for note in found["notes"] if "worth no more" in note]
    is_worse = pooled["0.0004"]["chosen"] <= pooled["0.0004"]["last-period"]
    assert [note.split(" of the area")[0] for note in said] == (["at 0.04 %"] if is_worse else [])
    assert is_worse


def test_the_back_test_is_a_table_of_its_own(store: DuckDBStore) -> None:
    found = run(store, area_share="0.02", backtest=5)
    table = columns(found, "backtest")
    finding = found.collections["backtest"]
    assert finding.geometries is None and len(set(finding.fids)) == len(finding.fids) == 5 * 3
    assert set(table["model"]) == set(MODELS)
    assert sum(table["chosen"]) == 5
    week = told(found)["backtest"][0]
    assert table["period_start"][0] == week["start"]
    assert table["incidents"][0] == week["incidents"]
    # Phoenix lies seven hours behind.
    assert str(finding.start[0]) == week["start"].replace("T00:00", "T07:00:00.000000")  # type: ignore[index]


def test_a_model_can_be_asked_for(store: DuckDBStore) -> None:
    found = told(run(store, model="last-period"))
    assert found["model"] == "last-period" and found["model_why"] == "as asked for"
    assert found["pai"]["0.05"]["chosen"] == found["pai"]["0.05"]["last-period"]


def test_too_few_periods_say_how_many_are_needed(store: DuckDBStore) -> None:
    with pytest.raises(TooFewObservations, match="at least 10 whole periods of P30D, got 3"):
        run(store, bin="P30D")
    with pytest.raises(TooFewObservations, match="holds no whole bin"):
        run(store, bin="P1Y")


def test_no_incident_of_a_category_is_an_error(store: DuckDBStore) -> None:
    with pytest.raises(TooFewObservations, match="needs incidents, got none in 16 periods"):
        run(store, category=["NOTHING"])


def test_times_that_end_early_are_told(store: DuckDBStore) -> None:
    found = told(run(store, datetime="2024-01-01/2024-05-12"))
    assert any("the last 3 periods hold no incident" in note for note in found["notes"])


@pytest.mark.parametrize(
    "given",
    [
        {"area_share": 0},
        {"area_share": [1.5]},
        {"area_share": []},
        {"backtest": 2},
        {"model": "oracle"},
        {"k": 2},
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputs):
        inputs_of("forecast", {"layer": "calls", **given})


def test_a_bin_that_is_no_duration_is_refused(store: DuckDBStore) -> None:
    with pytest.raises(InvalidParameter, match="bin needs an ISO 8601 duration"):
        run(store, bin="week")


def test_a_published_forecast_is_read_back(tmp_path: Path) -> None:
    filled_store(tmp_path / "store.duckdb", tmp_path, sixteen_weeks()).close()
    definition = {"id": "next-week", "method": "forecast", "inputs": {"layer": "calls", "resolution": 8}}
    with client_of(tmp_path / "store.duckdb") as client:
        made = client.post("/analyses", json=definition)
        assert made.status_code == 201
        assert made.json()["collections"] == ["next-week", "next-week.backtest"]
        top = client.get("/collections/next-week/items?rank=1").json()
        assert top["features"][0]["id"] == top["features"][0]["properties"]["h3"]
        assert top["emberline"]["diagnostics"]["pai"]["0.05"]["last-period"]
        rows = client.get("/collections/next-week.backtest/items?model=smoothed&area_share=0.05").json()
        assert rows["numberMatched"] == 10
        assert rows["features"][0]["geometry"] is None
        again = client.post("/analyses", json=definition)
        assert again.json()["run"] == made.json()["run"]
        flat = client.get("/collections/next-week/items?f=fgb&limit=10000")
    frame = pyogrio.read_dataframe(flat.content)
    assert set(CONTRACT) <= set(frame.columns)
    assert set(frame.geometry.geom_type) == {"Polygon"}


def test_the_command_line_takes_a_file(tmp_path: Path) -> None:
    file, out = write_rows(tmp_path / "calls.csv", sixteen_weeks()), tmp_path / "next.gpkg"
    params = ("--param", "bin=P7D", "--param", "resolution=8", "--param", "area_share=0.01,0.1")
    assert emberline("run", "forecast", file, "--timezone", ZONE, *params, "-o", out) == 0
    frame = pyogrio.read_dataframe(out)
    assert set(CONTRACT) <= set(frame.columns) and len(frame) > 100
    table = tmp_path / "worth.csv"
    asked = ("--timezone", ZONE, *params, "--param", "output=backtest", "-o", table)
    assert emberline("run", "forecast", file, *asked) == 0
    assert "last-period" in table.read_text(encoding="utf-8")
