"""`scan` from a layer to published clusters: windows, folding, denominators, wrong inputs."""

from datetime import datetime
from pathlib import Path
from typing import Any

import h3
import numpy as np
import orjson
import pytest

from data.duckdb_store import DuckDBStore
from models.errors import InvalidParameter, TooFewObservations
from service.ingesting import IngestOrder, ingest_file
from service.store_use_cases import StoreUseCases
from tests.service.made import Row, calls, client_of, filled_store, write_rows

CONTRACT = (
    *("rank", "count", "expected", "relative_risk", "llr", "p", "p_source", "recurrence_days"),
    *("window_start", "window_end", "radius_cells", "center"),
)
NEW = (-111.96, 33.395)


def _spread(n: int, seed: int) -> list[Row]:
    """Return calls without any pile."""
    rng = np.random.default_rng(seed)
    rows = calls(n, seed=seed)
    for row, (x, y) in zip(rows, rng.uniform(-0.04, 0.04, (n, 2)), strict=True):
        row["lng"], row["lat"] = f"{-111.93 + x:.6f}", f"{33.42 + y:.6f}"
    return rows


def _new(n: int) -> list[Row]:
    """Return calls of the last week around one place."""
    rows = calls(n, seed=8)
    for i, row in enumerate(rows):
        row["lng"], row["lat"] = f"{NEW[0] + (i % 5) * 0.002:.6f}", f"{NEW[1] + (i // 5) * 0.002:.6f}"
        row["time"] = f"2024-03-{18 + i % 6:02d} 10:{i % 60:02d}:00"
    return rows


@pytest.fixture
def city(tmp_path: Path) -> DuckDBStore:
    return filled_store(None, tmp_path, [*_spread(400, 1), *_new(25)])


def _asked(store: DuckDBStore, **inputs: Any) -> Any:
    given = {"layer": "calls", "resolution": 8, "boundary": "boundary", "simulations": 199, **inputs}
    return orjson.loads(StoreUseCases(store, max_cells=10**6).execute("scan", given))


def test_what_is_new_is_found_in_its_place_and_week(city: DuckDBStore) -> None:
    found = _asked(city, max_radius=4)
    first = found["features"][0]
    told = first["properties"]
    assert set(CONTRACT) <= set(told)
    assert first["id"] == f"scan-{told['center']}"
    assert told["p"] <= 0.01
    assert told["significant"] is True
    middle = h3.latlng_to_cell(NEW[1] + 0.004, NEW[0] + 0.004, 8)
    assert h3.grid_distance(told["center"], middle) <= 1
    # The last week of local time: Phoenix is seven hours behind UTC all year.
    assert told["window_start"] == "2024-03-18T07:00:00Z"
    assert told["window_end"] == "2024-03-25T06:59:59.999999Z"
    assert told["recurrence_days"] == pytest.approx(7 / told["p"])
    assert told["count"] >= 20 > 2 * told["expected"]
    assert set(told["cells"]) == set(h3.grid_disk(told["center"], told["radius_cells"])) & _area(city)


def _area(city: DuckDBStore) -> set[str]:
    found = StoreUseCases(city, max_cells=10**6).execute(
        "hotspots", {"layer": "calls", "resolution": 8, "boundary": "boundary"}
    )
    return {feature["id"] for feature in orjson.loads(found)["features"]}


def test_without_anything_new_nothing_is_significant(tmp_path: Path) -> None:
    quiet = filled_store(None, tmp_path, _spread(400, 2))
    assert _asked(quiet, significant=True, max_radius=4)["features"] == []


def test_records_of_one_event_are_folded(tmp_path: Path) -> None:
    again = [{**row, "id": f"again-{i}"} for i, row in enumerate(_spread(400, 1)[:40])]
    store = filled_store(None, tmp_path, [*_spread(400, 1), *again])
    folded = _asked(store, max_radius=2)["emberline"]["diagnostics"]
    assert folded["folded"] == 40
    assert any("fold=false" in note for note in folded["notes"])
    assert _asked(store, max_radius=2, fold=False)["emberline"]["diagnostics"]["folded"] == 0


def test_calendar_bins_fold_across_their_days(tmp_path: Path) -> None:
    rows = _spread(400, 1)
    again = [{**rows[0], "id": f"again-{day}", "time": f"2024-01-{day:02d} 12:00:00"} for day in (3, 9, 27)]
    store = filled_store(None, tmp_path, [*rows, *again])
    assert _asked(store, max_radius=2, bin="P1M")["emberline"]["diagnostics"]["folded"] == 3


@pytest.fixture
def peopled(city: DuckDBStore, tmp_path: Path) -> DuckDBStore:
    """Return the city with as many people wherever calls come from."""
    rng = np.random.default_rng(0)
    rows = [
        {"id": i, "lng": f"{-111.93 + x:.6f}", "lat": f"{33.42 + y:.6f}", "population": 10}
        for i, (x, y) in enumerate(rng.uniform(-0.04, 0.04, (3000, 2)))
    ]
    ingest_file(city, write_rows(tmp_path / "people.csv", rows), IngestOrder("people", kind="population"))
    return city


def test_a_spatial_scan_judges_against_the_people(peopled: DuckDBStore) -> None:
    found = _asked(peopled, population="people", bin="none", max_radius=4)
    told = found["features"][0]["properties"]
    assert told["p"] <= 0.05
    assert told["recurrence_days"] is None
    assert h3.latlng_to_cell(NEW[1] + 0.004, NEW[0] + 0.004, 8) in told["cells"]
    diagnostics = found["emberline"]["diagnostics"]
    assert diagnostics["population_layer"] == "people"
    assert (diagnostics["model"], diagnostics["null_model"]) == ("poisson", "negative-binomial")
    assert found["emberline"]["parameters"]["null_model"] == "auto"


def test_a_null_of_equal_risks_is_taken_where_it_is_asked_for(peopled: DuckDBStore) -> None:
    asked = {"population": "people", "bin": "none", "max_radius": 2}
    by_name = _asked(peopled, **asked, null_model="negative-binomial")
    assert by_name["features"] == _asked(peopled, **asked)["features"]
    found = _asked(peopled, **asked, null_model="poisson")["emberline"]
    assert found["diagnostics"]["null_model"] == "poisson"
    assert found["diagnostics"]["phi"] > 0


def test_a_null_model_without_people_is_told_to_be_unused(city: DuckDBStore) -> None:
    told = _asked(city, max_radius=2, null_model="poisson")["emberline"]["diagnostics"]
    assert told["null_model"] == "space-time-permutation"
    assert any("null_model=poisson was not used" in text for text in told["warnings"])
    told = _asked(city, max_radius=2)["emberline"]["diagnostics"]
    assert told["null_model"] == "space-time-permutation"
    assert not any("was not used" in text for text in told["warnings"])


def test_progress_goes_on_while_maps_are_simulated(city: DuckDBStore) -> None:
    heard: list[str] = []
    given = {"layer": "calls", "resolution": 8, "boundary": "boundary", "max_radius": 2, "simulations": 199}
    aloud = StoreUseCases(city, max_cells=10**6, progress=heard.append).execute("scan", given)
    assert "scanning simulated maps, 199 of 199" in heard
    assert 3 < sum(words.startswith("scanning simulated maps") for words in heard) <= 100
    assert aloud == StoreUseCases(city, max_cells=10**6).execute("scan", given)


def test_space_time_with_people_finds_the_week_too(peopled: DuckDBStore) -> None:
    told = _asked(peopled, population="people", mode="retrospective", max_radius=4)["features"][0][
        "properties"
    ]
    assert told["window_end"] == "2024-03-25T06:59:59.999999Z"
    assert told["p"] <= 0.05


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"bin": "none"}, "needs a denominator"),
        ({"bin": "weekly"}, "ISO 8601"),
        ({"null_model": "negative-binomial"}, "needs a denominator"),
        ({"max_duration": "long"}, "ISO 8601"),
        ({"bin": "P50D"}, "P50D makes 1 bin of the period, 2 are needed"),
    ],
)
def test_questions_without_an_answer_say_why(city: DuckDBStore, inputs: Any, message: str) -> None:
    with pytest.raises((InvalidParameter, TooFewObservations), match=message):
        _asked(city, **inputs)


def test_a_longest_window_is_kept(city: DuckDBStore) -> None:
    found = _asked(city, max_duration="P14D", mode="retrospective", max_radius=3)
    for feature in found["features"]:
        start, end = (
            datetime.fromisoformat(feature["properties"][f"window_{one}"]) for one in ("start", "end")
        )
        assert (end - start).days < 14


def test_the_same_scan_gives_the_same_bytes_whatever_the_order_of_rows(tmp_path: Path) -> None:
    rows = [*_spread(200, 1), *_new(25)]
    answers = set()
    for number, some in enumerate((rows, rows[::-1])):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = _asked(filled_store(None, folder, some), max_radius=3)
        answers.add(orjson.dumps(found["features"]))
    assert len(answers) == 1


def test_clusters_are_published_with_their_window_as_time(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    filled_store(path, tmp_path, [*_spread(400, 1), *_new(25)]).close()
    inputs = {"layer": "calls", "resolution": 8, "max_radius": 4, "simulations": 199}
    with client_of(path) as client:
        assert (
            client.post("/analyses", json={"id": "s", "method": "scan", "inputs": inputs}).status_code < 300
        )
        items = client.get("/collections/s/items?f=json&limit=50").json()
        assert items["features"][0]["geometry"]["type"] in ("Polygon", "MultiPolygon")
        late = client.get("/collections/s/items?f=json&datetime=2024-03-24/..").json()
        assert late["numberMatched"] == items["numberMatched"]
        early = client.get("/collections/s/items?f=json&datetime=../2023-12-01").json()
        assert early["numberMatched"] == 0
