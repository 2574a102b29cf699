"""The joined table: several layers in the same cells, each with its own columns."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from data.duckdb_store import DuckDBStore
from data.errors import LayerNotFound
from service.errors import InvalidInputs
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


def test_incidents_without_categories_get_no_column_for_them(city: DuckDBStore, tmp_path: Path) -> None:
    bare = [{name: row[name] for name in ("id", "time", "lng", "lat")} for row in calls(30, seed=3)]
    ingest_file(city, write_rows(tmp_path / "bare.csv", bare), IngestOrder("bare", timezone=ZONE))
    names = list(_table(city, incidents=["bare"], resolution=8)["features"][0]["properties"])
    assert [name for name in names if name.startswith("n_bare")] == ["n_bare"]


@pytest.fixture
def joined(city: DuckDBStore, tmp_path: Path) -> Any:
    """Two sewersheds side by side over the town, one of them sampled; ten blocks with homes in the west."""
    west = [[-111.98, 33.37], [-111.93, 33.37], [-111.93, 33.47], [-111.98, 33.47], [-111.98, 33.37]]
    east = [[x + 0.05, y] for x, y in west]
    shapes = [("W", west), ("E", east)]
    _write(
        tmp_path / "sewersheds.geojson", [(ring, {"id": id_, "population": 30_000}) for id_, ring in shapes]
    )
    months = [f"2024-{month:02d}-10" for month in range(1, 13)] + ["2025-01-10"]
    samples = [
        {"sewershed": "W", "start": day, "analyte": "fentanyl", "value": 100 + 3 * (i % 4), "unit": "ng/L"}
        for i, day in enumerate(months)
    ]
    samples[-1]["value"] = 900
    blocks = [
        (
            [[x + 0.005 * i, y] for x, y in _square(-111.979, 33.40)],
            {"id": f"b{i}", "locations": 20, "unserved": i},
        )
        for i in range(10)
    ]
    _write(tmp_path / "blocks.geojson", blocks)
    for name, kind in (("sewersheds", "sewersheds"), ("blocks", "coverage")):
        ingest_file(city, tmp_path / f"{name}.geojson", IngestOrder(name, kind=kind))
    path = write_rows(tmp_path / "samples.csv", samples)
    ingest_file(city, path, IngestOrder("samples", kind="samples", timezone=ZONE))
    return _table(
        city, resolution=8, boundary="boundary", samples="samples", sewersheds="sewersheds", coverage="blocks"
    )


def _square(west: float, south: float) -> list[list[float]]:
    east, north = west + 0.005, south + 0.005
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def _write(path: Path, features: list[tuple[list[list[float]], dict[str, Any]]]) -> None:
    listed = [
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties}
        for ring, properties in features
    ]
    path.write_bytes(orjson.dumps({"type": "FeatureCollection", "features": listed}))


def test_cells_know_the_state_of_their_sewershed(joined: Any) -> None:
    rows = [feature["properties"] for feature in joined["features"]]
    assert {(row["sewershed"], row["fentanyl_state"]) for row in rows} == {("W", "alarm"), ("E", "no data")}
    assert all((row["fentanyl_level"] is not None) == (row["sewershed"] == "W") for row in rows)
    assert joined["emberline"]["diagnostics"]["wastewater"]["cells_outside_sewersheds"] == 0


def test_homes_keep_their_number_in_the_joined_cells(joined: Any) -> None:
    rows = [feature["properties"] for feature in joined["features"] if feature["properties"]["locations"]]
    assert sum(row["locations"] for row in rows) == pytest.approx(200, rel=1e-9)
    assert sum(row["unserved"] for row in rows) == pytest.approx(45, rel=1e-9)
    assert {row["coverage_support"] for row in rows} <= {"finer", "equal", "coarser"}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"samples": "s"}, "needed together"),
        ({"locations": "p"}, "belong to coverage"),
        ({"analyte": ["x"]}, "belongs to samples"),
    ],
)
def test_inputs_that_need_one_another_say_so(city: DuckDBStore, inputs: Any, message: str) -> None:
    with pytest.raises(InvalidInputs, match=message):
        _table(city, **inputs)
