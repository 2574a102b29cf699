"""Surveillance through the whole service: what a health department sees."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow.parquet
import pyogrio
import pytest
from starlette.testclient import TestClient

from data.duckdb_store import DuckDBStore
from service.ingesting import IngestOrder, ingest_file
from service.store_use_cases import StoreUseCases
from tests.service.made import client_of, emberline, wait_for_refresh
from tests.service.made_samples import Row, campaigns_of, write_samples, write_sewersheds

ZONE = "America/Phoenix"
SHEDS = ("S1", "S2", "S3", "S4", "S5")
PROPERTIES = tuple({"id": one, "name": f"Shed {one[1:]}", "population": 40_000} for one in SHEDS)


def _panel(**of_first: Any) -> list[Row]:
    """Return fourteen months of fentanyl in four sewersheds; the first may differ."""
    rows = campaigns_of("S1", **of_first)
    return rows + [row for shed in SHEDS[1:4] for row in campaigns_of(shed)]


def _store(folder: Path, rows: list[Row], *properties: Row) -> DuckDBStore:
    store = DuckDBStore()
    ingest_file(
        store, write_samples(folder / "s.csv", rows), IngestOrder("ww", kind="samples", timezone=ZONE)
    )
    if properties:
        path = write_sewersheds(folder / "sheds.geojson", *properties)
        ingest_file(store, path, IngestOrder("sheds", kind="sewersheds"))
    return store


def _run(folder: Path, rows: list[Row], *properties: Row, **inputs: Any) -> dict[str, Any]:
    store = _store(folder, rows, *properties)
    given = {"layer": "ww", **({"sewersheds": "sheds"} if properties else {}), **inputs}
    found: dict[str, Any] = json.loads(StoreUseCases(store, max_cells=1000).execute("surveillance", given))
    return found


def _of(found: dict[str, Any], fid: str) -> dict[str, Any]:
    properties: dict[str, Any] = next(one for one in found["features"] if one["id"] == fid)["properties"]
    return properties


# the state of a series


def test_the_arithmetic_of_tempe_through_the_whole_service(tmp_path: Path) -> None:
    rows = campaigns_of("S1", months=1)
    found = _run(tmp_path, [row | {"value": 100} for row in rows], *PROPERTIES)
    first = _of(found, "S1.fentanyl")
    assert (round(first["load_mg_day_1000"], 1), round(first["latest"], 1)) == (47.3, 47.3)
    assert first["unit"] == "mg/day/1,000 people"


def test_the_population_may_come_from_the_sewersheds(tmp_path: Path) -> None:
    rows = [row | {"value": 100, "population": ""} for row in campaigns_of("S1", months=1)]
    first = _of(_run(tmp_path, rows, *PROPERTIES), "S1.fentanyl")
    assert (round(first["load_mg_day_1000"], 1), first["population"]) == (47.3, 40_000)


def test_a_planted_rise_raises_the_alarm_there_and_nowhere_else(tmp_path: Path) -> None:
    found = _run(tmp_path, _panel(rises={12: 2.5, 13: 2.5}), *PROPERTIES)
    first = _of(found, "S1.fentanyl")
    assert (first["state"], first["alarm"], first["n_campaigns"], first["n_baseline"]) == (
        "alarm",
        True,
        14,
        11,
    )
    assert first["latest"] > first["upper"] > first["baseline"] > 0
    assert first["q"] <= 0.05 < min(_of(found, f"S{i}.fentanyl")["q"] for i in (2, 3, 4))
    assert [_of(found, f"S{i}.fentanyl")["state"] for i in (2, 3, 4)] == ["normal"] * 3
    assert found["emberline"]["diagnostics"]["states"]["alarm"] == 1


def test_a_sewershed_without_samples_says_so(tmp_path: Path) -> None:
    found = _run(tmp_path, _panel(), *PROPERTIES)
    assert [one["id"] for one in found["features"]] == [f"{shed}.fentanyl" for shed in SHEDS]
    last = _of(found, "S5.fentanyl")
    assert (last["state"], last["trend"], last["n_samples"]) == ("no data", "unknown", 0)
    assert last["reason"] == "no samples from this sewershed"
    assert {last[name] for name in ("alarm", "latest", "p", "q", "last_sample", "unit")} == {None}
    assert found["emberline"]["diagnostics"]["sewersheds_without_samples"] == ["S5"]


def test_too_few_campaigns_say_how_many_are_needed(tmp_path: Path) -> None:
    first = _of(_run(tmp_path, campaigns_of("S1", months=4), *PROPERTIES), "S1.fentanyl")
    assert (first["state"], first["alarm"], first["trend"], first["q"]) == ("unknown", None, "unknown", None)
    assert first["reason"] == (
        "11 campaigns within 730 days needed (8 for the baseline, 2 left out, 1 to judge), got 4;"
        " trend: 5 campaigns needed, got 4"
    )
    assert first["latest"] > 0


def test_missed_months_are_no_zeros(tmp_path: Path) -> None:
    rows = [row for row in _panel() if row["sewershed"] != "S1" or not row["date"].startswith("2024-0")]
    first = _of(_run(tmp_path, rows, *PROPERTIES), "S1.fentanyl")
    assert (first["n_campaigns"], first["state"]) == (5, "unknown")
    assert first["latest"] == pytest.approx(47.3, rel=0.5)


def test_nondetects_are_censored_and_the_choice_is_recorded(tmp_path: Path) -> None:
    rows = campaigns_of("S1", months=1)
    rows[0] |= {"value": "<20"}
    rows[1] |= {"value": "<20"}
    others = [float(row["value"]) for row in rows[2:]]
    for choice, stand_in in (("limit/sqrt2", 20 * 2**-0.5), ("limit/2", 10.0), ("limit", 20.0)):
        found = _run(tmp_path, rows, measure="concentration", nondetect=choice)
        first = _of(found, "S1.fentanyl")
        mean = pd.Series([stand_in] * 2 + others).pipe(lambda x: x.prod() ** (1 / 7))
        assert (first["latest"], first["n_censored"]) == (pytest.approx(mean), 2)
        assert found["emberline"]["parameters"]["nondetect"] == choice


def test_what_was_never_detected_is_no_lack_of_samples(tmp_path: Path) -> None:
    rows = [row | {"value": "ND"} for row in campaigns_of("S1")]
    first = _of(_run(tmp_path, rows, *PROPERTIES), "S1.fentanyl")
    assert (first["state"], first["n_samples"], first["n_censored"]) == ("unknown", 98, 98)
    assert first["reason"] == "98 samples, all below a limit that is not told"
    assert first["last_sample"] == "2025-02-11T07:00:00Z"


def test_a_series_that_ended_long_ago_raises_no_alarm(tmp_path: Path) -> None:
    quiet = [row for row in _panel(rises={10: 6.0}) if row["sewershed"] != "S1" or row["date"] < "2024-11-15"]
    found = _run(tmp_path, [*quiet, *campaigns_of("S5", months=14)], *PROPERTIES)
    first = _of(found, "S1.fentanyl")
    assert (first["state"], first["alarm"], first["trend"], first["p"], first["q"]) == (
        ("stale", None, "unknown", None, None)
    )
    assert first["reason"].startswith(
        "stale: last sample on 2024-11-11, 92 days behind the newest of the layer (more than 77.5)"
    )
    assert first["latest"] > 0
    again = _run(tmp_path, quiet, *PROPERTIES, stale_days=120)
    assert _of(again, "S1.fentanyl")["alarm"] is True


def test_a_slip_of_the_pen_makes_nothing_stale(tmp_path: Path) -> None:
    rows = _panel()
    rows[3] |= {"date": "2052-01-08"}
    found = _run(tmp_path, rows, *PROPERTIES)
    assert [one["properties"]["state"] for one in found["features"]] == [*["normal"] * 4, "no data"]
    first = _of(found, "S1.fentanyl")
    assert first["reason"] == "1 of 98 samples left out: dated more than a year after all others"
    assert (first["last_sample"], first["n_samples"]) == ("2025-02-11T07:00:00Z", 97)
    assert found["emberline"]["diagnostics"]["newest_sample"] == "2025-02-11"


def test_replicates_weigh_as_one_day(tmp_path: Path) -> None:
    rows = campaigns_of("S1", months=1)
    doubled = [row | {"id": f"{row['id']}-{n}"} for row in rows for n in range(1 + (row is rows[0]))]
    once, twice = (_of(_run(tmp_path, some), "S1.fentanyl") for some in (rows, doubled))
    assert twice["latest"] == pytest.approx(once["latest"])
    assert (once["n_samples"], twice["n_samples"]) == (7, 8)


def test_parent_and_metabolite_are_series_of_their_own(tmp_path: Path) -> None:
    rows = [*campaigns_of("S1"), *campaigns_of("S1", analyte="norfentanyl", level=20)]
    found = _run(tmp_path, rows, {"id": "S1"})
    assert [one["id"] for one in found["features"]] == ["S1.fentanyl", "S1.norfentanyl"]
    assert len(_run(tmp_path, rows, {"id": "S1"}, analyte="Norfentanyl")["features"]) == 1


def test_false_discoveries_are_controlled_by_analyte_unless_asked_otherwise(tmp_path: Path) -> None:
    others = [
        r for a in ("codeine", "heroin", "oxycodone") for s in SHEDS[:4] for r in campaigns_of(s, analyte=a)
    ]
    rows = [*_panel(rises={13: 1.5}), *others]
    alone = _of(_run(tmp_path, _panel(rises={13: 1.5})), "S1.fentanyl")
    by_analyte = _run(tmp_path, rows)
    assert _of(by_analyte, "S1.fentanyl")["q"] == pytest.approx(alone["q"])
    assert by_analyte["emberline"]["diagnostics"]["q_over"] == "the series of one analyte"
    over_all = _run(tmp_path, rows, correction="all")
    assert _of(over_all, "S1.fentanyl")["q"] > alone["q"]
    assert over_all["emberline"]["diagnostics"]["q_over"] == "all series"


@pytest.mark.parametrize(
    "method", ["moderated", "prediction", "robust", "farrington", "ears-c1", "ears-c2", "ears-c3"]
)
def test_every_method_finds_a_plain_rise(tmp_path: Path, method: str) -> None:
    found = _run(tmp_path, _panel(rises={13: 8.0}), *PROPERTIES, method=method, alpha=0.01)
    assert [one["id"] for one in found["features"] if one["properties"]["alarm"]] == ["S1.fentanyl"]


def test_a_fall_is_found_on_the_cold_side(tmp_path: Path) -> None:
    found = _run(tmp_path, _panel(rises={13: 0.1}), *PROPERTIES, side="cold")
    assert _of(found, "S1.fentanyl")["alarm"] is True
    assert _of(_run(tmp_path, _panel(rises={13: 0.1}), *PROPERTIES), "S1.fentanyl")["alarm"] is False


def test_datetime_looks_at_the_past_as_it_was(tmp_path: Path) -> None:
    rows = _panel(rises={11: 4.0})
    now = _of(_run(tmp_path, rows, *PROPERTIES), "S1.fentanyl")
    then = _of(_run(tmp_path, rows, *PROPERTIES, datetime="../2024-12-31"), "S1.fentanyl")
    assert (now["alarm"], then["alarm"], then["last_sample"]) == (False, True, "2024-12-11T07:00:00Z")


def test_only_alarms_on_request(tmp_path: Path) -> None:
    found = _run(tmp_path, _panel(rises={13: 4.0}), *PROPERTIES, significant=True)
    assert [one["id"] for one in found["features"]] == ["S1.fentanyl"]


# places


def test_samples_without_polygon_are_kept_and_named(tmp_path: Path) -> None:
    found = _run(tmp_path, _panel(), PROPERTIES[0])
    assert [one["geometry"] is None for one in found["features"]] == [False, True, True, True]
    diagnostics = found["emberline"]["diagnostics"]
    assert diagnostics["samples_without_sewershed"] == ["S2", "S3", "S4"]
    assert "samples of 3 places have no polygon in sheds: S2, S3, S4" in diagnostics["notes"]


def test_samples_that_name_the_sewershed_are_joined_by_name(tmp_path: Path) -> None:
    found = _run(tmp_path, campaigns_of("SHED 1"), *PROPERTIES[:2])
    assert [one["id"] for one in found["features"]] == ["Shed 1.fentanyl", "Shed 2.fentanyl"]
    assert _of(found, "Shed 1.fentanyl")["n_samples"] == 98


def test_few_people_are_a_reason_to_review(tmp_path: Path) -> None:
    rows = campaigns_of("S1", population=2_500)
    diagnostics = _run(tmp_path, rows, *PROPERTIES)["emberline"]["diagnostics"]
    assert diagnostics["small_sewersheds"] == ["S1"]
    words = "1 sewersheds have fewer than 10,000 people (S1), 1 of them fewer than 3,000"
    assert any(note.startswith(words) for note in diagnostics["notes"])


def test_an_unknown_analyte_is_named(tmp_path: Path) -> None:
    found = _run(tmp_path, campaigns_of("S1"), *PROPERTIES[:1], analyte=["fentanil"])
    assert _of(found, "S1.fentanil")["state"] == "no data"
    assert "no samples of fentanil; the layer has fentanyl" in found["emberline"]["diagnostics"]["notes"]


def test_left_out_samples_are_counted_and_stay_in_the_series(tmp_path: Path) -> None:
    rows = campaigns_of("S1")
    rows[0] |= {"unit": "furlong"}
    found = _run(tmp_path, rows, measure="concentration")
    assert found["emberline"]["diagnostics"]["rows_left_out"] == {
        "unit 'furlong' cannot be converted to ng/L": 1
    }
    assert _of(found, "S1.fentanyl")["reason"] == (
        "1 of 98 samples left out: unit 'furlong' cannot be converted to ng/L"
    )
    series = _run(tmp_path, rows, measure="concentration", output="series")["features"]
    assert len(series) == 98
    assert series[0]["properties"]["left_out"] == "unit 'furlong' cannot be converted to ng/L"
    assert (series[0]["properties"]["value"], series[0]["properties"]["campaign"]) == (None, None)


# the series


def test_the_series_are_in_time_order_with_their_campaigns(tmp_path: Path) -> None:
    rows = _panel(rises={13: 4.0})
    found = _run(tmp_path, rows[::-1], *PROPERTIES, output="series")
    items = [one["properties"] for one in found["features"]]
    assert [one["start"] for one in items] == sorted(one["start"] for one in items)
    first = [one for one in items if one["sewershed"] == "S1"]
    assert [one["campaign"] for one in first] == [1 + i // 7 for i in range(98)]
    assert [one["day"] for one in first] == [row["date"] for row in rows[:98]]
    assert {one["alarm"] for one in first[:91]} == {None}
    assert {(one["alarm"], one["exceeds"]) for one in first[91:]} == {(True, True)}
    assert all(one["upper"] is None for one in first[:70])
    assert all(one["upper"] > one["baseline"] for one in first[70:])


def test_the_latest_campaign_says_the_same_in_both_collections(tmp_path: Path) -> None:
    rows = _panel(rises={13: 4.0})
    alert = _of(_run(tmp_path, rows, *PROPERTIES), "S1.fentanyl")
    series = _run(tmp_path, rows, *PROPERTIES, output="series")
    last = _of(series, "S1-fentanyl-250211")
    assert (last["campaign_mean"], last["baseline"], last["upper"]) == (
        pytest.approx((alert["latest"], alert["baseline"], alert["upper"]))
    )
    assert last["unit"] == alert["unit"]


def test_a_value_below_its_limit_is_no_value(tmp_path: Path) -> None:
    rows = campaigns_of("S1", months=1)
    rows[0] |= {"value": "<20"}
    series = _run(tmp_path, rows, output="series")["features"]
    first = series[0]["properties"]
    assert (first["below_limit"], first["value"], first["load_mg_day_1000"]) == (True, None, None)
    assert first["limit"] == pytest.approx(20 * 0.473176473)


def test_composites_lie_in_time_where_they_start(tmp_path: Path) -> None:
    rows = [row | {"end": f"{row['date'][:8]}{int(row['date'][8:]) + 1:02}"} for row in campaigns_of("S1")]
    path = tmp_path / "city.duckdb"
    store = DuckDBStore(path)
    ingest_file(store, write_samples(tmp_path / "s.csv", rows), IngestOrder("ww", kind="samples"))
    store.close()
    with client_of(path) as client:
        client.post("/analyses", json={"id": "x", "method": "surveillance", "inputs": {"layer": "ww"}})
        found = client.get("/collections/x.series/items?f=json&datetime=2024-02-06/2024-02-06").json()
    assert [one["properties"]["day"] for one in found["features"]] == ["2024-02-06"]
    assert found["features"][0]["properties"]["end"] == "2024-02-07T00:00:00Z"


# over HTTP


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("surveillance")
    path = folder / "city.duckdb"
    store = DuckDBStore(path)
    sheds = write_sewersheds(folder / "sheds.geojson", *PROPERTIES)
    ingest_file(store, sheds, IngestOrder("sheds", kind="sewersheds"))
    samples = write_samples(folder / "s.csv", _panel(rises={13: 4.0}))
    ingest_file(store, samples, IngestOrder("ww", kind="samples", timezone=ZONE))
    store.close()
    with client_of(path) as one:
        inputs = {"layer": "ww", "sewersheds": "sheds"}
        answer = one.post(
            "/analyses", json={"id": "wastewater-alerts", "method": "surveillance", "inputs": inputs}
        )
        assert answer.status_code < 300, answer.text
        yield one


def test_published_collections_have_their_shapes_and_times(client: TestClient) -> None:
    alerts = client.get("/collections/wastewater-alerts?f=json").json()
    series = client.get("/collections/wastewater-alerts.series?f=json").json()
    assert alerts["extent"]["temporal"]["interval"] == [["2025-02-11T07:00:00Z", "2025-02-11T07:00:00Z"]]
    assert series["extent"]["temporal"]["interval"] == [["2024-01-05T07:00:00Z", "2025-02-11T07:00:00Z"]]
    items = client.get("/collections/wastewater-alerts/items?f=json").json()
    assert (items["numberMatched"], items["features"][0]["geometry"]["type"]) == (5, "Polygon")


def test_series_answer_a_datetime(client: TestClient) -> None:
    asked = {"datetime": "2024-02-01/2024-03-31", "sewershed": "S1", "limit": 1000, "f": "json"}
    found = client.get("/collections/wastewater-alerts.series/items", params=asked).json()
    assert found["numberMatched"] == 14
    assert {one["properties"]["campaign"] for one in found["features"]} == {2, 3}
    assert found["features"][0]["geometry"] is None
    late = client.get("/collections/wastewater-alerts/items?f=json&datetime=2026-01-01/..").json()
    # Sewersheds without samples have no time and are always among the answers, as the standard has it.
    assert [one["id"] for one in late["features"]] == ["S5.fentanyl"]


def test_features_by_id_and_by_property(client: TestClient) -> None:
    one = client.get("/collections/wastewater-alerts/items/S1.fentanyl?f=json").json()
    assert one["properties"]["alarm"] is True
    asked = {"alarm": "true", "f": "json"}
    found = client.get("/collections/wastewater-alerts/items", params=asked).json()
    assert [one["id"] for one in found["features"]] == ["S1.fentanyl"]
    schema = client.get("/collections/wastewater-alerts/schema?f=json").json()
    assert "standard deviations, on the log scale" in schema["properties"]["z"]["description"]
    assert schema["properties"]["alarm"]["type"] == "boolean"


def _download(client: TestClient, collection: str, f: str) -> bytes:
    answer = client.get(f"/collections/{collection}/items?f={f}")
    assert answer.status_code == 200, answer.text
    return answer.content


def test_series_as_files_without_geometry(client: TestClient, tmp_path: Path) -> None:
    name = "wastewater-alerts.series"
    table = pd.read_csv(BytesIO(_download(client, name, "csv")))
    assert (len(table), "wkt" in table.columns) == (392, False)
    rows = pyarrow.parquet.read_table(BytesIO(_download(client, name, "parquet")))
    assert (rows.num_rows, rows["campaign_mean"].null_count) == (392, 0)
    path = tmp_path / "series.gpkg"
    path.write_bytes(_download(client, name, "gpkg"))
    assert pyogrio.list_layers(path)[0][1] is None
    assert len(pyogrio.read_dataframe(path)) == 392


@pytest.mark.parametrize("f", ["gpkg", "fgb", "parquet"])
def test_alerts_as_files(client: TestClient, tmp_path: Path, f: str) -> None:
    path = tmp_path / f"alerts.{f}"
    path.write_bytes(_download(client, "wastewater-alerts", f))
    frame = gpd.read_parquet(path) if f == "parquet" else pyogrio.read_dataframe(path)
    assert sorted(frame["id"]) == [f"{shed}.fentanyl" for shed in SHEDS]
    assert frame.geometry.notna().all()


def test_new_samples_renew_the_alerts(client: TestClient, tmp_path: Path) -> None:
    rows = [row for row in campaigns_of("S5", months=15) if row["date"] > "2025"]
    path = write_samples(tmp_path / "more.csv", rows)
    asked = {"filename": "more.csv"}
    answer = client.post("/layers/ww/uploads", params=asked | {"kind": "samples"}, content=path.read_bytes())
    assert answer.json()["accepted"] == 21
    wait_for_refresh(client)
    one = client.get("/collections/wastewater-alerts/items/S5.fentanyl?f=json").json()["properties"]
    assert (one["n_samples"], one["state"]) == (21, "unknown")


def test_inputs_that_do_not_fit(client: TestClient) -> None:
    def asked(**inputs: Any) -> Any:
        return client.post("/processes/surveillance/execution", json={"inputs": inputs})

    assert asked(layer="ww", method="magic").status_code == 422
    assert asked(layer="sheds").status_code == 404
    assert asked(layer="ww", sewersheds="ww").json()["detail"].startswith("sewersheds needs a layer of kind")
    assert asked(layer="ww", resolution=9).status_code == 422


# on the command line


def test_straight_from_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = write_samples(tmp_path / "samples.csv", _panel(rises={13: 4.0}))
    sheds = write_sewersheds(tmp_path / "sewersheds.geojson", *PROPERTIES)
    out = tmp_path / "alerts.geojson"
    arguments = (
        "run",
        "surveillance",
        samples,
        "--param",
        f"sewersheds={sheds}",
        "--timezone",
        ZONE,
        "-o",
        out,
    )
    assert emberline(*arguments) == 0
    found = json.loads(out.read_text())
    assert _of(found, "S1.fentanyl")["alarm"] is True
    told = capsys.readouterr().out
    assert "note: 1 of 5 sewersheds have no samples: S5" in told
    assert told.splitlines()[-1] == f"{out}: 5 features"


def test_times_are_times_in_files(tmp_path: Path) -> None:
    samples = write_samples(tmp_path / "samples.csv", _panel())
    sheds = write_sewersheds(tmp_path / "sewersheds.geojson", *PROPERTIES)
    arguments = ("run", "surveillance", samples, "--param", f"sewersheds={sheds}", "--timezone", ZONE)
    assert emberline(*arguments, "-o", tmp_path / "alerts.gpkg") == 0
    frame = pyogrio.read_dataframe(tmp_path / "alerts.gpkg")
    assert str(frame["last_sample"].dtype).startswith("datetime64")
    assert frame["last_sample"].isna().tolist() == [False] * 4 + [True]
    assert emberline(*arguments, "-o", tmp_path / "alerts.csv") == 0
    assert pd.read_csv(tmp_path / "alerts.csv")["last_sample"][0] == "2025-02-11T07:00:00Z"
