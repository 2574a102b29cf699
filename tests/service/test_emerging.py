"""`outliers` and `emerging` from a layer to published collections."""

from pathlib import Path
from typing import Any

import h3
import orjson
import pytest

from data.duckdb_store import DuckDBStore
from models.errors import InvalidParameter, TooFewObservations
from service.ingesting import IngestOrder, ingest_file
from service.store_use_cases import StoreUseCases
from tests.service.made import ZONE, calls, client_of, filled_store, write_rows

OUTLIERS = ("h3", "count", "moran_i", "quadrant", "p", "q", "class")
EMERGING = (
    *("h3", "pattern", "short", "reason", "trend_z", "trend_p", "share_hot", "share_cold", "last_bin"),
    "bins",
)


@pytest.fixture
def city(tmp_path: Path) -> DuckDBStore:
    """Calls with a pile all along, and one that begins in the last two weeks elsewhere."""
    new = calls(60, seed=4, at=(-111.95, 33.40))
    for i, row in enumerate(new):
        row["lng"], row["lat"] = f"{-111.972 + (i % 8) * 0.003:.6f}", f"{33.383 + (i // 8) * 0.003:.6f}"
        row["time"] = f"2024-03-{18 + i % 6:02d} 10:00:00"
    store = filled_store(None, tmp_path)
    ingest_file(store, write_rows(tmp_path / "new.csv", new), IngestOrder("calls", timezone=ZONE))
    return store


def _asked(store: DuckDBStore, method: str, **inputs: Any) -> Any:
    found = StoreUseCases(store, max_cells=10**6).execute(
        method, {"layer": "calls", "resolution": 8, **inputs}
    )
    return orjson.loads(found)


def _of(found: Any, name: str) -> list[Any]:
    return [feature["properties"][name] for feature in found["features"]]


def test_outliers_have_every_property_of_the_contract(city: DuckDBStore) -> None:
    found = _asked(city, "outliers")
    assert set(OUTLIERS) <= set(found["features"][0]["properties"])
    assert sum(_of(found, "count")) == 460
    assert "HH" in _of(found, "class") or "HL" in _of(found, "class")
    called = _asked(city, "outliers", significant=True)
    assert {f["id"] for f in called["features"]} == {
        f["id"] for f in found["features"] if f["properties"]["class"] != "none"
    }


def test_emerging_finds_the_place_that_is_new(city: DuckDBStore) -> None:
    found = _asked(city, "emerging", boundary="boundary")
    assert set(EMERGING) <= set(found["features"][0]["properties"])
    told = found["emberline"]["diagnostics"]
    assert told["n_bins"] == len(told["bin_starts"]) == 12
    assert told["outside_bins"] == 0
    assert sum(_of(found, "count")) + told["outside_study_area"] == 460
    by_cell = {f["id"]: f["properties"] for f in found["features"]}
    new = by_cell[_cell(-111.96, 33.395)]
    assert new["short"] == "emerging"
    assert new["bins"][-1] == 3
    assert new["share_hot"] == pytest.approx(1 / 12)
    assert {p["short"] for p in by_cell.values()} == {"emerging", "none"}
    assert all(len(bins) == 12 for bins in _of(found, "bins"))


def test_a_map_of_cells_that_never_held_anything_says_so(city: DuckDBStore) -> None:
    never = "held nothing in any bin"
    wide = _asked(city, "emerging", k=3, time_lag=4)
    hot = _asked(city, "emerging", k=3, time_lag=4, side="hot")
    cold = [
        count
        for count, pattern in zip(_of(wide, "count"), _of(wide, "pattern"), strict=True)
        if "cold" in pattern
    ]
    notes = wide["emberline"]["diagnostics"]["notes"]
    assert cold.count(0) > len(cold) / 2
    assert [f"{cold.count(0):,} of {len(cold):,} cells" in words for words in notes if never in words] == [
        True
    ]
    assert not any(never in words for words in hot["emberline"]["diagnostics"]["notes"])


def test_emerging_takes_a_population_for_a_denominator(city: DuckDBStore, tmp_path: Path) -> None:
    # As many people everywhere, but a hundred times as many about the new place: its risk is not high.
    new = _cell(-111.96, 33.395)
    rows = []
    for feature in _asked(city, "cells", boundary="boundary")["features"]:
        lat, lng = h3.cell_to_latlng(feature["id"])
        near = h3.grid_distance(feature["id"], new) <= 2
        rows.append({"lng": f"{lng}", "lat": f"{lat}", "population": "90000" if near else "900"})
    order = IngestOrder("people", kind="population", timezone=ZONE)
    ingest_file(city, write_rows(tmp_path / "people.csv", rows), order)
    found = _asked(city, "emerging", population="people", boundary="boundary")
    told = found["emberline"]["diagnostics"]
    assert told["denominator"] is True
    assert told["p_method"] == "negative-binomial"
    assert told["population"] > 0
    assert not any("not of risk" in words for words in told["notes"])
    by_cell = {f["id"]: f["properties"] for f in found["features"]}
    assert by_cell[new]["bins"][-1] <= 0
    assert by_cell[new]["relative_risk"] < 1
    assert sum(_of(found, "expected")) == pytest.approx(sum(_of(found, "count")))
    assert by_cell[new]["rate"] == pytest.approx(by_cell[new]["count"] / 90000)
    with pytest.raises(InvalidParameter, match="takes all cells for alike"):
        _asked(city, "emerging", population="people", boundary="boundary", p_method="exact")
    assert set(_of(_asked(city, "emerging", boundary="boundary"), "expected")) == {None}


def _cell(lng: float, lat: float) -> str:
    return str(h3.latlng_to_cell(lat, lng, 8))


def test_the_same_question_gives_the_same_bytes_and_another_bin_another_run(city: DuckDBStore) -> None:
    cases = StoreUseCases(city, max_cells=10**6)
    asked = [
        cases.execute("emerging", {"layer": "calls", "resolution": 8, "bin": b})
        for b in ("P7D", "P7D", "P10D")
    ]
    assert asked[0] == asked[1] != asked[2]


def test_too_few_bins_are_told_with_the_number_needed(city: DuckDBStore) -> None:
    with pytest.raises(TooFewObservations, match="4"):
        _asked(city, "emerging", bin="P1M")


def test_a_mistyped_category_is_told_with_the_commonest_ones(city: DuckDBStore) -> None:
    found = _asked(city, "emerging", category=["zzz"])
    assert "no incident is selected by category zzz" in found["emberline"]["diagnostics"]["notes"][0]


def test_both_are_published_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    filled_store(path, tmp_path).close()
    with client_of(path) as client:
        for method in ("outliers", "emerging"):
            body = {"id": f"x-{method}", "method": method, "inputs": {"layer": "calls", "resolution": 8}}
            assert client.post("/analyses", json=body).status_code in (200, 201)
            items = client.get(f"/collections/x-{method}/items?f=json&limit=3").json()
            assert items["numberMatched"] > 100
            assert items["features"][0]["id"] == items["features"][0]["properties"]["h3"]
            schema = client.get(f"/collections/x-{method}/schema").json()
            assert all(
                "description" in part
                for part in schema["properties"].values()
                if part.get("title") != "geometry"
            )
