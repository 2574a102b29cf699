"""`clusters` from a layer or a file to a published collection, and what the reader is told."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely

from data.duckdb_store import DuckDBStore
from data.samples.city import write_city
from models.errors import TooFewObservations
from service.analyses.findings import Findings
from service.analyses.run import findings
from service.errors import InvalidInputs
from service.ingesting import IngestOrder, ingest_file
from service.methods import inputs_of
from tests.service.made import ZONE, Row, calls, client_of, emberline, filled_store, write_rows

NEAR = {"eps_m": 100, "min_samples": 8}
CONTRACT = (*("label", "count", "first_time", "last_time", "top_categories", "density_km2", "pile_share"),)


def piled() -> list[Row]:
    """Return the town of `calls` with forty calls on one coordinate, and five that know no time."""
    rows = calls()
    rows += [{**one, "id": f"p{one['id']}", "lng": "-111.900000", "lat": "33.450000"} for one in rows[:40]]
    return rows + [{**one, "id": f"t{one['id']}", "time": ""} for one in rows[4:24:4]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBStore]:
    filled = filled_store(None, tmp_path, piled())
    yield filled
    filled.close()


def run(store: DuckDBStore, **inputs: Any) -> Findings:
    given = inputs_of("clusters", {"layer": "calls", **NEAR, **inputs})
    return findings("clusters", store, given, max_cells=1_000_000)


def columns(found: Findings) -> dict[str, Any]:
    return found.collections["clusters"].columns


def told(found: Findings) -> dict[str, Any]:
    diagnostics: dict[str, Any] = found.emberline["diagnostics"]
    return diagnostics


def test_each_cluster_tells_what_the_contract_asks_for(store: DuckDBStore) -> None:
    found = run(store)
    one = columns(found)
    assert set(CONTRACT) <= set(one)
    assert one["label"].tolist() == [1, 2]
    assert one["count"].tolist() == [106, 40]
    assert one["pile_share"].tolist() == [0.0, 1.0]
    assert one["top_categories"][1][0] == "MEDICAL||ILLNESS||OVERDOSE"
    assert str(one["first_time"][0]) == "2024-01-01T19:00:00.000000"
    assert found.collections["clusters"].fids == ["cluster-1", "cluster-2"]


def test_outlines_hold_the_incidents_and_density_is_count_over_area(store: DuckDBStore) -> None:
    found = run(store)
    finding, one = found.collections["clusters"], columns(found)
    assert finding.geometries is not None
    rows = store.rows("calls", ["lng", "lat"]).to_pandas()
    inside = [int(shapely.intersects_xy(shape, rows.lng, rows.lat).sum()) for shape in finding.geometries]
    assert all(n >= count for n, count in zip(inside, one["count"].tolist(), strict=True))
    assert one["density_km2"] == pytest.approx(one["count"] / one["area_km2"], rel=0.01)
    assert one["area_km2"][1] == pytest.approx(np.pi * 0.03**2, rel=0.02)  # one coordinate and its margin


def test_names_come_from_streets_roads_and_districts(store: DuckDBStore) -> None:
    assert columns(run(store))["name"][0] == "High St / Low Street"
    named = columns(run(store, roads="roads", boundary="boundary"))
    assert named["name"][0] == "Ash Avenue"
    assert named["district"][0] in ("East", "West")


def test_a_collapsed_pile_is_no_cluster_and_its_count_is_told(store: DuckDBStore) -> None:
    found = run(store, collapse_piles=True)
    assert columns(found)["count"].tolist() == [106]
    piles = told(found)["piles"]
    assert (piles["coordinates"], piles["incidents"]) == (1, 40)
    assert piles["largest"] == [{"lng": -111.9, "lat": 33.45, "count": 40}]
    assert any("each counts once" in note for note in told(found)["notes"])


def test_what_is_in_no_cluster_is_counted(store: DuckDBStore) -> None:
    found = told(run(store))
    assert found["incidents"] == found["clustered"] + found["noise"] == 445
    assert found["significance_test"].startswith("none")
    assert "no test" in found["notes"][0]


def test_with_days_the_unknown_times_take_no_part_and_are_counted(store: DuckDBStore) -> None:
    found = told(run(store, eps_days=30))
    assert found["left_out"] == {"without time": 5}
    assert found["incidents"] == 440
    assert any("5 incidents without time" in note for note in found["notes"])


def test_days_part_a_place_into_its_times(store: DuckDBStore) -> None:
    whole, parts = columns(run(store)), columns(run(store, eps_days=1, min_samples=3, eps_m=300))
    assert max(parts["count"]) < max(whole["count"])
    spans = (parts["last_time"] - parts["first_time"]) / np.timedelta64(1, "D")
    assert len(spans) > 3 and spans.max() < 80


def test_months_are_no_days(tmp_path: Path) -> None:
    rows = [{**one, "time": "2024-03"} for one in calls(100)]
    store = filled_store(None, tmp_path, [*rows, {**calls(101)[100], "id": "z"}])
    assert told(run(store, eps_days=7))["left_out"] == {"known only to the month or year": 100}


def test_no_times_at_all_are_an_error_with_days(tmp_path: Path) -> None:
    rows = [{**one, "time": ""} for one in piled()]
    store = filled_store(None, tmp_path, rows)
    assert len(columns(run(store))["label"]) > 0
    with pytest.raises(TooFewObservations, match="eps_days needs incidents with times"):
        run(store, eps_days=7)


@pytest.mark.parametrize("inputs", [{"category": ["NOTHING"]}, {"category": ["NOTHING"], "eps_days": 7}])
def test_nothing_selected_is_no_cluster(store: DuckDBStore, inputs: dict[str, Any]) -> None:
    found = run(store, **inputs)
    assert len(columns(found)["label"]) == 0
    assert told(found)["noise_share"] is None
    assert any("no incident is selected" in note for note in told(found)["notes"])


def test_incidents_outside_the_boundary_take_no_part(tmp_path: Path) -> None:
    store = filled_store(None, tmp_path, [*piled(), {**calls(1)[0], "id": "far", "lat": "34.1"}])
    assert told(run(store, boundary="boundary"))["left_out"] == {"outside the boundary": 1}
    assert told(run(store))["incidents"] == told(run(store, boundary="boundary"))["incidents"] + 1


def test_a_box_selects(store: DuckDBStore) -> None:
    assert 0 < told(run(store, bbox="-111.98,33.37,-111.93,33.47"))["incidents"] < 445


def test_hdbscan_finds_the_dense_place_too(store: DuckDBStore) -> None:
    found = columns(run(store, algorithm="hdbscan", min_samples=10))
    assert 90 <= found["count"][0] <= 125


def test_a_weight_stands_for_that_many_incidents(tmp_path: Path) -> None:
    rows = [{**one, "weight": "3"} for one in calls(40)]
    file = write_rows(tmp_path / "w.csv", rows)
    store = DuckDBStore()
    ingest_file(store, file, IngestOrder("calls", timezone=ZONE))
    found = run(store, eps_m=400)
    assert told(found)["incidents"] == 120
    assert columns(found)["count"].tolist() == [30]
    assert columns(found)["n_places"].tolist() == [10]


def test_the_order_of_rows_changes_no_byte(tmp_path: Path) -> None:
    rows = piled()
    mixed = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    one, other = run(filled_store(None, tmp_path / "a", rows)), run(filled_store(None, tmp_path / "b", mixed))
    for name, values in columns(one).items():
        assert np.array_equal(
            np.asarray(values, dtype=object), np.asarray(columns(other)[name], dtype=object)
        )
    shapes = [found.collections["clusters"].geometries for found in (one, other)]
    assert (shapely.to_wkb(shapes[0]) == shapely.to_wkb(shapes[1])).all()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"eps_m": 0}, "eps_m"),
        ({"eps_days": "soon"}, "eps_days"),
        ({"min_samples": 1}, "min_samples"),
        ({"algorithm": "kmeans"}, "algorithm"),
        ({"resolution": 9}, "there is no such input"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputs, match=words):
        inputs_of("clusters", {"layer": "calls", **given})


def test_the_piles_of_the_made_city_are_told_and_its_planted_places_found(tmp_path: Path) -> None:
    city = write_city(tmp_path, seed=1)
    truth = json.loads(city.truth.read_text(encoding="utf-8"))
    crashes = city.layers["crashes"]
    store = DuckDBStore()
    order = IngestOrder("calls", timezone=crashes.timezone, mapping=crashes.mapping)
    ingest_file(store, crashes.path, order)
    near = {"eps_m": 150, "min_samples": 60, "collapse_piles": True}
    found = run(store, **near)
    station = next(one for one in truth["decoys"] if one["id"] == "crashes-police-station")
    largest = told(found)["piles"]["largest"][0]
    assert [largest["lng"], largest["lat"]] == pytest.approx(station["point"], abs=1e-6)
    assert largest["count"] >= station["rows"] * 0.9
    shapes = found.collections["clusters"].geometries
    assert shapes is not None
    places = [one for one in truth["hotspots"] if one["layer"] == "crashes" and one["course"] != "fading"]
    assert len(places) == 2
    for one in places:
        reach = shapely.Point(one["center"]).buffer(one["radius_m"] / 111_000)
        assert shapely.intersects(shapes, reach).any(), one["id"]
    share_of_land = (
        shapely.union_all(shapes).area
        / shapely.union_all(
            shapely.from_geojson(city.layers["boundary"].path.read_text(encoding="utf-8"))
        ).area
    )
    assert share_of_land < 0.15


def test_published_clusters_are_read_back_as_polygons(tmp_path: Path) -> None:
    filled_store(tmp_path / "store.duckdb", tmp_path, piled()).close()
    definition = {"id": "call-clusters", "method": "clusters", "inputs": {"layer": "calls", **NEAR}}
    with client_of(tmp_path / "store.duckdb") as client:
        assert client.post("/analyses", json=definition).status_code == 201
        items = client.get("/collections/call-clusters/items")
        assert items.status_code == 200
        one = client.get("/collections/call-clusters/items/cluster-2").json()
        assert one["properties"]["count"] == 40
        late = client.get("/collections/call-clusters/items?datetime=2025-01-01/..")
        assert late.json()["numberMatched"] == 0
        flat = client.get("/collections/call-clusters/items?f=fgb")
    frame = pyogrio.read_dataframe(flat.content)
    assert sorted(frame["count"]) == [40, 106]
    assert set(frame.geometry.geom_type) == {"Polygon"}


def test_the_command_line_takes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = write_rows(tmp_path / "calls.csv", piled()), tmp_path / "clusters.gpkg"
    params = ("--param", "eps_m=100", "--param", "min_samples=8", "--param", "collapse_piles=true")
    assert emberline("run", "clusters", file, "--timezone", ZONE, *params, "-o", out) == 0
    frame = pyogrio.read_dataframe(out)
    assert frame["count"].tolist() == [106]
    assert json.loads(frame["top_categories"][0])
    assert "1 features" in capsys.readouterr().out
