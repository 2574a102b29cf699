"""What the incidents carry, as the diagnostics tell it: dates, piles and the advice on the resolution."""

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import h3
import numpy as np
import pytest

from data.duckdb_store import DuckDBStore
from data.engine import Selection, crowding
from data.records import IngestSpec
from service.store_use_cases import StoreUseCases
from tests.data.rows import MadeSource, incident


def _store(rows: list[dict[str, object]]) -> DuckDBStore:
    store = DuckDBStore()
    store.ingest(IngestSpec("calls"), MadeSource(rows), title="", drop_duplicates=False, replace=False)
    return store


def _rows(piles: dict[tuple[float, float], int], n: int = 300) -> list[dict[str, object]]:
    """Return incidents all over a town, one an hour, and piles on single points after them."""
    rng = np.random.default_rng(0)
    spread = [(-111.93 + x, 33.42 + y) for x, y in rng.uniform(-0.03, 0.03, (n, 2))]
    places = spread + [place for place, count in piles.items() for _ in range(count)]
    start = datetime(2024, 1, 1)
    return [
        incident(lng=lng, lat=lat, time=(start + timedelta(hours=i)).isoformat(), source_id=str(i))
        for i, (lng, lat) in enumerate(places)
    ]


def _told(store: DuckDBStore, method: str = "hotspots", **inputs: Any) -> Any:
    answer = StoreUseCases(store, max_cells=1_000_000).execute(method, {"layer": "calls", **inputs})
    assert b"NaN" not in answer
    return json.loads(answer)["emberline"]["diagnostics"]


def test_crowding_counts_places_by_their_incidents() -> None:
    rows = _rows({(-111.93, 33.42): 40, (-111.92, 33.43): 40, (-111.9, 33.4): 5})
    store = _store(rows)
    found = crowding(store, store.layer("calls"), Selection())
    places = Counter(h3.latlng_to_cell(row["lat"], row["lng"], 15) for row in rows)
    by_count = Counter(places.values())
    assert dict(zip(found.count.tolist(), found.places.tolist(), strict=True)) == by_count
    first = min(int(cell, 16) for cell, count in places.items() if count == 40)
    assert int(found.cell[-1]) == first
    assert found.first_time == datetime(2024, 1, 1)
    assert found.last_time == datetime(2024, 1, 1) + timedelta(hours=len(rows) - 1)


def test_crowding_of_nothing_is_empty() -> None:
    store = _store(_rows({}))
    found = crowding(store, store.layer("calls"), Selection(categories=("none such",)))
    assert len(found.count) == 0
    assert found.first_time is None


@pytest.mark.parametrize("method", ["hotspots", "outliers"])
def test_piles_are_counted_and_named(method: str) -> None:
    told = _told(_store(_rows({(-111.93, 33.42): 60, (-111.92, 33.43): 9})), method)
    piles = told["piles"]
    assert piles["places"] == 302
    assert piles["usual_on_a_place"] == 1
    assert piles["busiest_place"] == 60
    assert piles["busiest_place_share"] == pytest.approx(60 / 369)
    assert piles["busiest_place_in"] == h3.latlng_to_cell(33.42, -111.93, 9)
    assert piles["piles"] == 1
    assert piles["share_in_piles"] == pytest.approx(60 / 369)
    assert piles["busiest_cell"] == h3.latlng_to_cell(33.42, -111.93, 9)
    assert piles["busiest_cell_share"] >= piles["busiest_place_share"]
    assert any("16% of the incidents lie on 1 points" in note for note in told["notes"])


def test_where_every_place_is_busy_none_is_a_pile() -> None:
    blocks = {(-111.93 + 0.002 * i, 33.42): 30 for i in range(20)}
    told = _told(_store(_rows(blocks, n=0)))
    assert told["piles"]["piles"] == 0
    assert told["piles"]["usual_on_a_place"] == 30
    assert not any("points with ten times" in note for note in told["notes"])


def test_dates_are_those_of_the_selection() -> None:
    told = _told(_store(_rows({})), datetime="2024-01-02T00:00:00Z/2024-01-02T12:00:00Z")
    assert told["first_selected"] == "2024-01-02T00:00:00"
    assert told["last_selected"] == "2024-01-02T12:00:00"


def test_nothing_selected_has_no_piles_and_no_dates() -> None:
    told = _told(_store(_rows({})), category="none such")
    assert told["piles"] is None
    assert told["first_selected"] is told["last_selected"] is None
    assert told["resolution_advice"]["advice"].startswith("No incident is selected")


def test_advice_tells_every_resolution_with_the_incidents_of_the_same_ground() -> None:
    store = _store(_rows({(-111.93, 33.42): 60}))
    box = [-111.95, 33.4, -111.91, 33.44]
    for asked in (7, 9, 11):
        told = _told(store, resolution=asked, bbox=box, k=2)
        advice = told["resolution_advice"]
        by_resolution = {one["resolution"]: one for one in advice["resolutions"]}
        assert sorted(by_resolution) == sorted({6, 7, 8, 9, 10, asked})
        assert by_resolution[asked]["cells"] == told["n"]
        total = {round(one["mean"] * one["cells"]) for one in by_resolution.values()}
        assert total == {told["total"]}
        assert advice["asked"] == asked


def test_advice_agrees_with_the_diagnostics_of_the_run() -> None:
    busy = {(-111.93 + 0.003 * i, 33.42): 40 for i in range(5)}
    told = _told(_store(_rows(busy, n=3000)), bbox=[-111.955, 33.395, -111.905, 33.445], k=2)
    (asked,) = [one for one in told["resolution_advice"]["resolutions"] if one["resolution"] == 9]
    assert asked["mean"] == pytest.approx(told["mean"])
    assert asked["smallest_p_needed"] == pytest.approx(told["smallest_p_needed"])
    assert asked["smallest_attainable_p"] == pytest.approx(told["smallest_attainable_p"])
    assert asked["confirmed_at"] == pytest.approx(told["confirmed_alone_at"]["2"], rel=0.1)


def test_order_of_rows_changes_nothing() -> None:
    rows = _rows({(-111.93, 33.42): 60, (-111.92, 33.43): 60})
    assert _told(_store(rows)) == _told(_store(rows[::-1]))
