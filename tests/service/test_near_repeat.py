"""`near-repeat` from a layer or a file to a published table, and what the reader is told."""

import csv
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.duckdb_store import DuckDBStore
from models.errors import InvalidParameter, TooFewObservations
from models.near_repeat import near_repeat
from service.analyses.findings import Findings
from service.analyses.run import findings
from service.errors import InvalidInputs
from service.ingesting import IngestOrder, ingest_file
from service.methods import inputs_of
from tests.service.made import ZONE, Row, calls, client_of, emberline, filled_store, write_rows

CONTRACT = ("distance_m", "days", "observed", "expected", "ratio", "p")
BANDS = [f"{metres}m-{days}d" for metres in (0, 100, 200, 400, 800) for days in (7, 14, 28)]


def followed(n: int = 120) -> list[Row]:
    """Return calls all over a town in a year, each followed two days later some 60 metres further north."""
    rng = np.random.default_rng(3)
    rows: list[Row] = []
    for i in range(n):
        lng, lat = -111.93 + rng.uniform(-0.05, 0.05), 33.42 + rng.uniform(-0.05, 0.05)
        time = datetime(2024, 1, 1) + timedelta(hours=float(rng.uniform(0, 8000)))
        for step in range(2):
            rows.append(
                {
                    **calls(1)[0],
                    "id": f"{i}-{step}",
                    "time": f"{time + timedelta(days=2 * step):%Y-%m-%d %H:%M:%S}",
                    "lng": f"{lng:.6f}",
                    "lat": f"{lat + 60 / 110_900 * step:.6f}",
                }
            )
    return rows


@pytest.fixture
def store(tmp_path: Path) -> DuckDBStore:
    return filled_store(None, tmp_path, followed())


def run(store: DuckDBStore, **inputs: Any) -> Findings:
    given = inputs_of("near-repeat", {"layer": "calls", **inputs})
    return findings("near-repeat", store, given, max_cells=1_000_000)


def table(found: Findings) -> dict[str, dict[str, Any]]:
    finding = found.collections["near-repeat"]
    assert finding.geometries is None
    return {
        fid: {name: values[row] for name, values in finding.columns.items()}
        for row, fid in enumerate(finding.fids)
    }


def told(found: Findings) -> dict[str, Any]:
    diagnostics: dict[str, Any] = found.emberline["diagnostics"]
    return diagnostics


def test_the_planted_repeats_stand_out_and_nothing_else_does(store: DuckDBStore) -> None:
    found = table(run(store))
    assert list(found) == BANDS
    assert set(CONTRACT) <= set(found["100m-7d"])
    near = found["100m-7d"]
    assert near["observed"] >= 120 and near["ratio"] > 10 and near["p"] == 0.001
    assert found["0m-7d"]["observed"] == 0
    assert found["800m-28d"]["p"] > 0.01
    assert (near["distance_from_m"], near["distance_m"], near["days_from"], near["days"]) == (0, 100, 0, 7)


def test_observed_pairs_are_those_counted_one_by_one(store: DuckDBStore) -> None:
    rows = store.rows("calls", ["lng", "lat", "time"]).to_pandas()
    metres = np.radians(np.column_stack([rows.lng * np.cos(np.radians(33.42)), rows.lat])) * 6_371_000
    distance = np.hypot(*(metres[:, None] - metres[None]).transpose(2, 0, 1))
    days = np.abs(rows.time.to_numpy()[:, None] - rows.time.to_numpy()[None]) / np.timedelta64(1, "D")
    pairs = np.triu(np.ones(distance.shape, dtype=bool), 1)
    found = table(run(store, distances_m=[300, 1000], days=[3, 30]))
    by_hand = int((pairs & (distance > 300) & (distance <= 1000) & (days > 3) & (days <= 30)).sum())
    assert abs(found["1000m-30d"]["observed"] - by_hand) <= 0.03 * by_hand  # the sphere is no ellipsoid
    assert found["300m-3d"]["observed"] >= 120


def test_what_took_part_is_told(store: DuckDBStore) -> None:
    found = told(run(store))
    assert (found["incidents"], found["pairs"], found["left_out"]) == (240, 240 * 239 // 2, {})
    assert found["compared_by"] == "time" and found["p_smallest"] == 0.001 and found["tests"] == 15
    assert 0 < found["distance_stretch"] < 1e-5
    assert any("15 bands are tested" in note for note in found["notes"])


def test_piles_are_repeats_at_distance_zero_and_told(tmp_path: Path) -> None:
    rows = followed(60)
    rows += [{**rows[i], "id": f"pile{i}", "lng": "-111.900000", "lat": "33.450000"} for i in range(30)]
    found = run(filled_store(None, tmp_path, rows))
    at_one_place = sum(one["observed"] for fid, one in table(found).items() if fid.startswith("0m"))
    assert 0 < at_one_place <= 30 * 29 // 2
    assert told(found)["piles"] == {"coordinates": 1, "incidents": 30}
    assert told(found)["pairs_at_one_place"] == 30 * 29 // 2
    assert any("1 piles" in note for note in told(found)["notes"])


def test_without_time_or_with_coarse_time_they_take_no_part(tmp_path: Path) -> None:
    rows = followed()
    rows[0]["time"], rows[1]["time"], rows[2]["time"] = "", "2024-03", "2024"
    found = told(run(filled_store(None, tmp_path, rows)))
    assert found["left_out"] == {"without time": 1, "known only to the month or year": 2}
    assert found["incidents"] == 237


def test_days_are_those_of_local_clocks(tmp_path: Path) -> None:
    """A week over the end of summer time has 169 hours, and is a week."""
    place = {"category": "A", "street": "B", "lng": "-87.6"}
    days = ["2024-10-30", "2024-11-06", "2024-03-07", "2024-06-01"]
    lats = ["41.8", "41.8", "41.9", "42.0"]
    rows = [
        {**place, "id": str(i), "time": day, "lat": lat}
        for i, (day, lat) in enumerate(zip(days, lats, strict=True))
    ]
    store = DuckDBStore()
    ingest_file(store, write_rows(tmp_path / "c.csv", rows), IngestOrder("calls", timezone="America/Chicago"))
    found = run(store)
    assert told(found)["compared_by"] == "day"
    assert table(found)["0m-7d"]["observed"] == 1


def test_no_times_at_all_are_an_error(tmp_path: Path) -> None:
    store = filled_store(None, tmp_path, [{**one, "time": ""} for one in followed()])
    with pytest.raises(TooFewObservations, match="near-repeat needs incidents with times"):
        run(store)


def test_nothing_selected_is_a_table_without_p(store: DuckDBStore) -> None:
    found = run(store, category=["NOTHING"])
    assert [one["observed"] for one in table(found).values()] == [0] * 15
    assert all(np.isnan(one["p"]) and np.isnan(one["ratio"]) for one in table(found).values())
    assert any("a pair needs 2 incidents, got 0" in note for note in told(found)["notes"])


def test_category_box_boundary_and_datetime_select(tmp_path: Path) -> None:
    rows = [*followed(), {**followed(1)[0], "id": "far", "lat": "34.1"}]
    store = filled_store(None, tmp_path, rows)
    assert told(run(store, boundary="boundary"))["left_out"] == {"outside the boundary": 1}
    assert 0 < told(run(store, bbox="-111.95,33.40,-111.91,33.44"))["incidents"] < 240
    assert 0 < told(run(store, datetime="2024-02-01/2024-03-31"))["incidents"] < 240
    assert told(run(store, category=[rows[0]["category"]]))["incidents"] == 241


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    rows = followed()
    mixed = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    one, other = run(filled_store(None, tmp_path / "a", rows)), run(filled_store(None, tmp_path / "b", mixed))
    assert str(table(one)) == str(table(other))


def test_an_epidemic_of_more_pairs_than_can_be_compared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.near_repeat.MAX_PAIRS", 10)
    with pytest.raises(InvalidParameter, match="at most 10 pairs"):
        near_repeat(
            [0.0] * 9,
            [0.0] * 9,
            list(range(9)),
            distance_limits_m=[1],
            day_limits=[1],
            rng=np.random.default_rng(0),
        )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"distances_m": [200, 100]}, "distances_m"),
        ({"distances_m": []}, "distances_m"),
        ({"days": "soon"}, "days"),
        ({"days": [-1]}, "days"),
        ({"simulations": 9}, "simulations"),
        ({"resolution": 9}, "there is no such input"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputs, match=words):
        inputs_of("near-repeat", {"layer": "calls", **given})


def test_a_published_table_is_read_back(tmp_path: Path) -> None:
    filled_store(tmp_path / "store.duckdb", tmp_path, followed()).close()
    inputs = {"layer": "calls", "distances_m": [100, 400], "days": [7, 14]}
    with client_of(tmp_path / "store.duckdb") as client:
        answer = client.post("/analyses", json={"id": "near", "method": "near-repeat", "inputs": inputs})
        assert answer.status_code == 201
        items = client.get("/collections/near/items").json()
        assert items["numberMatched"] == 4
        assert {one["geometry"] for one in items["features"]} == {None}
        one = client.get("/collections/near/items/400m-14d").json()["properties"]
        assert (one["distance_m"], one["days"]) == (400, 14)
        assert one["ratio"] is None or one["ratio"] >= 0
        again = client.get("/collections/near/items?f=csv").text.splitlines()
        assert len(again) == 5 and [name.strip('"') for name in again[0].split(",")[1:]] == list(one)
        empty = client.post(
            "/processes/near-repeat/execution", json={"inputs": {"layer": "calls", "category": ["NOTHING"]}}
        ).json()
        assert {row["properties"]["p"] for row in empty["features"]} == {None}


def test_the_command_line_takes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = write_rows(tmp_path / "calls.csv", followed()), tmp_path / "near.csv"
    params = ("--param", "distances_m=100,400", "--param", "days=7,14")
    assert emberline("run", "near-repeat", file, "--timezone", ZONE, *params, "-o", out) == 0
    with out.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["distance_m"], row["days"]) for row in rows] == [
        ("100", "7"),
        ("100", "14"),
        ("400", "7"),
        ("400", "14"),
    ]
    assert float(rows[0]["p"]) == 0.001
    assert "4 features" in capsys.readouterr().out


def test_progress_goes_on_while_times_are_permuted(store: DuckDBStore) -> None:
    heard: list[str] = []
    given = inputs_of("near-repeat", {"layer": "calls", "simulations": 199})
    aloud = findings("near-repeat", store, given, max_cells=1_000_000, progress=heard.append)
    assert "comparing pairs under permuted times, 199 of 199" in heard
    assert 3 < sum(words.startswith("comparing pairs") for words in heard) <= 100
    silent = findings("near-repeat", store, given, max_cells=1_000_000)
    np.testing.assert_equal(table(aloud), table(silent))
