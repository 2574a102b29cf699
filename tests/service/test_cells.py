"""The joined table: several layers in the same cells, each with its own columns."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from data.duckdb_store import DuckDBStore
from data.errors import LayerNotFound
from service.ingesting import IngestOrder, ingest_file
from service.store_use_cases import StoreUseCases
from tests.service.made import ZONE, calls, filled_store, write_rows


@pytest.fixture
def city(tmp_path: Path) -> DuckDBStore:
    store = filled_store(None, tmp_path)
    crashes = [
        {**row, "category": f"kind {i % 2}"} for i, row in enumerate(calls(90, seed=9, at=(-111.85, 33.42)))
    ]
    path = write_rows(tmp_path / "crashes.csv", crashes)
    ingest_file(store, path, IngestOrder("crashes", kind="incidents", timezone=ZONE))
    return store


def _table(store: DuckDBStore, **inputs: Any) -> Any:
    return orjson.loads(StoreUseCases(store, max_cells=10**6).execute("cells", {"layer": "calls", **inputs}))


def _sum(found: Any, name: str) -> float:
    return sum(feature["properties"][name] for feature in found["features"])


def test_layers_meet_in_one_row_per_cell(city: DuckDBStore) -> None:
    found = _table(city, incidents=["crashes"], resolution=8)
    told = found["emberline"]["diagnostics"]["incidents"]
    assert _sum(found, "n_calls") == 400 == told["calls"]["rows"]
    assert _sum(found, "n_crashes") == 90 == told["crashes"]["rows"]
    assert _sum(found, "n_crashes.kind 0") == _sum(found, "n_crashes.kind 1") == 45
    both = [f for f in found["features"] if f["properties"]["n_calls"] and f["properties"]["n_crashes"]]
    assert both
    assert [layer["id"] for layer in found["emberline"]["layers"]] == ["calls", "crashes"]


def test_the_study_area_holds_the_cells_of_every_layer(city: DuckDBStore) -> None:
    alone = {f["id"] for f in _table(city, resolution=8)["features"]}
    joined = {f["id"] for f in _table(city, incidents="crashes", resolution=8)["features"]}
    assert alone < joined


def test_a_category_selects_from_the_first_layer_alone(city: DuckDBStore) -> None:
    found = _table(city, incidents=["crashes"], category=["FIRE||"], resolution=8)
    assert 0 < _sum(found, "n_calls") < 400
    assert _sum(found, "n_crashes") == 90


def test_a_layer_named_twice_is_counted_once(city: DuckDBStore) -> None:
    once, twice = _table(city, resolution=8), _table(city, incidents=["calls"], resolution=8)
    assert once["features"] == twice["features"]


def test_a_further_layer_of_another_kind_is_refused(city: DuckDBStore) -> None:
    with pytest.raises(LayerNotFound, match="incidents needs a layer of kind incidents"):
        _table(city, incidents=["roads"])
