"""Areas under a changed resolution and ring: a strong place stands, a borderline one does not."""

import json
from typing import Any

import h3
import numpy as np
import pytest
import shapely

from data.duckdb_store import DuckDBStore
from data.records import IngestSpec
from service.population import Population, population_on
from service.store_use_cases import StoreUseCases
from spatial.study_area import StudyArea
from tests.data.rows import MadeSource, incident
from tests.service.test_population import MadeFeatures

TOWN = h3.latlng_to_cell(33.42, -111.93, 7)
STRONG = h3.latlng_to_cell(33.42, -111.93, 9)
CHANGES = {"coarser", "finer", "narrower", "wider"}


def _store(rows: list[dict[str, object]]) -> DuckDBStore:
    store = DuckDBStore()
    store.ingest(IngestSpec("calls"), MadeSource(rows), title="", drop_duplicates=False, replace=False)
    return store


def _town(seed: int, planted: dict[str, float], *, center: str = TOWN, mean: float = 0.5) -> DuckDBStore:
    """Return a store with Poisson counts in the cells around a town, more of them in the planted ones."""
    rng = np.random.default_rng(seed)
    cells = sorted(c for p in h3.grid_disk(center, 3) for c in h3.cell_to_children(p, 9))
    means = np.array([planted.get(cell, mean) for cell in cells])
    places = []
    for cell, count in zip(cells, rng.poisson(means).tolist(), strict=True):
        finest = h3.cell_to_children(cell, 12)
        places += [h3.cell_to_latlng(finest[i]) for i in rng.integers(len(finest), size=count)]
    return _store([incident(id=str(i), lng=lng, lat=lat) for i, (lat, lng) in enumerate(places)])


def _box(cell: str = TOWN) -> list[float]:
    """Return a box well inside the town: the empty ring around it would make the town itself hot."""
    lat, lng = h3.cell_to_latlng(cell)
    return [lng - 0.04, lat - 0.035, lng + 0.04, lat + 0.035]


def _areas(store: DuckDBStore, **inputs: Any) -> Any:
    use_cases = StoreUseCases(store, max_cells=inputs.pop("max_cells", 100_000))
    asked = {"layer": "calls", "output": "areas", "bbox": _box(), **inputs}
    return json.loads(use_cases.execute("hotspots", asked))


def _first(found: Any) -> dict[str, Any]:
    properties: dict[str, Any] = found["features"][0]["properties"]
    return properties


@pytest.fixture(scope="module")
def strong() -> DuckDBStore:
    return _town(1, dict.fromkeys(h3.grid_disk(STRONG, 3), 12.0))


@pytest.fixture(scope="module")
def weak() -> DuckDBStore:
    return _town(1, dict.fromkeys(h3.grid_disk(STRONG, 1), 2.2))


@pytest.mark.parametrize("k", ["auto", 2])
def test_a_strong_area_stands_at_every_setting(strong: DuckDBStore, k: object) -> None:
    area = _first(_areas(strong, k=k))
    assert set(area["stability_by"]) == CHANGES
    assert area["stability"] > 0.75
    assert area["stability"] == pytest.approx(np.mean(list(area["stability_by"].values())))
    assert min(area["stability_by"].values()) > 0.4


def test_a_borderline_area_hangs_on_its_setting(strong: DuckDBStore, weak: DuckDBStore) -> None:
    area = _first(_areas(weak, k=2))
    assert area["n_cells"] > 0
    assert area["stability"] < 0.6
    assert area["stability"] < _first(_areas(strong, k=2))["stability"] - 0.2


def test_each_share_is_that_of_the_question_asked_by_hand(strong: DuckDBStore) -> None:
    found = _first(_areas(strong, k=2))
    use_cases = StoreUseCases(strong, max_cells=100_000)

    def hot(**inputs: Any) -> set[str]:
        asked = {"layer": "calls", "significant": True, "bbox": _box(), **inputs}
        cells = json.loads(use_cases.execute("hotspots", asked))
        return {feature["id"] for feature in cells["features"]}

    cells = found["cells"]
    assert found["stability_by"]["narrower"] == pytest.approx(np.mean([c in hot(k=1) for c in cells]))
    assert found["stability_by"]["wider"] == pytest.approx(np.mean([c in hot(k=3) for c in cells]))
    assert 0 < found["stability_by"]["finer"] < 1
    assert found["stability_by"]["coarser"] == 1


def test_the_ends_of_the_rings_have_one_neighbour_only(strong: DuckDBStore) -> None:
    for k, name in ((1, "narrower"), (10, "wider")):
        found = _areas(strong, k=k)
        assert "left_out" in found["emberline"]["diagnostics"]["stability"][name]
        if found["features"]:
            area = _first(found)
            assert area["stability_by"][name] is None
            rest = [share for share in area["stability_by"].values() if share is not None]
            assert area["stability"] == pytest.approx(np.mean(rest))


def test_too_many_finer_cells_are_left_out_and_said_so(strong: DuckDBStore) -> None:
    found = _areas(strong, k=2, max_cells=3_000)
    assert _first(found)["stability_by"]["finer"] is None
    assert "cells would be needed" in found["emberline"]["diagnostics"]["stability"]["finer"]["left_out"]


def test_the_same_question_has_the_same_bytes(strong: DuckDBStore) -> None:
    asked = {"layer": "calls", "output": "areas", "kernel": "gaussian", "simulations": 199, "bbox": _box()}
    first, second = (StoreUseCases(strong, max_cells=100_000).execute("hotspots", asked) for _ in range(2))
    assert first == second


def test_dear_laws_are_replaced_by_draws_without_changing_what_stands() -> None:
    # Thousands of incidents a cell make the exact law of the coarser question long.
    rng = np.random.default_rng(5)
    cells = sorted(h3.grid_disk(STRONG, 9))
    near = set(h3.grid_disk(STRONG, 2))
    counts = {cell: int(rng.integers(20, 60)) + (200 if cell in near else 0) for cell in cells}
    rows = [
        incident(id=f"{cell}-{i}", lng=h3.cell_to_latlng(cell)[1], lat=h3.cell_to_latlng(cell)[0])
        for cell, count in counts.items()
        for i in range(count)
    ]
    area = _first(_areas(_store(rows), k=1))
    assert area["stability_by"]["wider"] == 1
    assert area["stability"] > 0.5


@pytest.mark.parametrize("side", ["cold", "both"])
def test_cold_areas_are_held_against_cold(side: str) -> None:
    hole = dict.fromkeys(h3.grid_disk(STRONG, 4), 0.0)
    found = _areas(_town(3, hole, mean=4.0), side=side, k=2)
    cold = [f["properties"] for f in found["features"] if f["properties"]["class"] == "cold"]
    assert cold[0]["stability"] > 0.6


def test_an_area_about_a_pentagon_has_its_share() -> None:
    (pentagon,) = [c for c in h3.get_pentagons(9) if c.startswith("89080")]
    planted = dict.fromkeys(h3.grid_disk(pentagon, 2), 10.0)
    store = _town(4, planted, center=h3.cell_to_parent(pentagon, 7))
    area = _first(_areas(store, k=2, bbox=_box(pentagon)))
    assert pentagon in area["cells"]
    assert area["stability"] > 0.7
    assert all(0 <= share <= 1 for share in area["stability_by"].values())


def test_without_areas_nothing_is_asked_again() -> None:
    found = _areas(_town(2, {}))
    assert found["features"] == []
    assert set(found["emberline"]["diagnostics"]["stability"]) == CHANGES


def test_people_are_laid_on_the_grid_once_more_only_for_finer_cells(
    strong: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = sorted(c for p in h3.grid_disk(TOWN, 3) for c in h3.cell_to_children(p, 9))
    shapes = [shapely.Polygon([(lng, lat) for lat, lng in h3.cell_to_boundary(cell)]) for cell in cells]
    strong.ingest(
        IngestSpec("people", kind="population"),
        MadeFeatures(shapes, [100.0] * len(cells)),
        title="",
        drop_duplicates=False,
        replace=False,
    )
    asked: list[int] = []

    def laid(store: Any, layer_id: str, area: StudyArea) -> Population:
        asked.append(area.resolution)
        return population_on(store, layer_id, area)

    monkeypatch.setattr("service.analyses.stability.population_on", laid)
    found = _areas(strong, population="people", resolution=9)
    assert asked == [10]
    shares = _first(found)["stability_by"]
    assert set(shares) == CHANGES
    assert shares["coarser"] > 0.8
    # Evenly spread people change little: the place stands as it does without them.
    assert shares["coarser"] == pytest.approx(_first(_areas(strong))["stability_by"]["coarser"], abs=0.2)
