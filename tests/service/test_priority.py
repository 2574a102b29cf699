"""Priority through the whole service: from published analyses to a score, and after them when they change."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pyogrio
import pytest
from starlette.testclient import TestClient

from data.duckdb_store import DuckDBStore
from service.errors import InvalidInputs
from service.ingesting import IngestOrder, ingest_file
from service.methods import inputs_of
from service.parameters import PriorityInputs
from service.publishing import in_order
from service.store_use_cases import StoreUseCases
from spatial.grid import cells_from_hex, disk, parents
from tests.service.gaps_data import stored
from tests.service.made import (
    CATEGORIES,
    ZONE,
    calls,
    client_of,
    emberline,
    filled_store,
    wait_for_refresh,
    write_rows,
)
from tests.service.made_samples import campaigns_of, write_samples, write_sewersheds
from tests.service.processes import serving
from tests.service.test_gaps import DESERT, offers

HOT: dict[str, Any] = {"id": "hot", "method": "hotspots", "inputs": {"layer": "calls", "k": 1}}
FIRES: dict[str, Any] = {
    "id": "fires",
    "method": "hotspots",
    "inputs": {"layer": "calls", "category": CATEGORIES[2]},
}
FIRST: dict[str, Any] = {
    "id": "first",
    "method": "priority",
    "inputs": {"inputs": {"calls": "hot", "fires": "fires"}, "weights": {"calls": 2}},
}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    filled_store(tmp_path / "city.duckdb", tmp_path).close()
    with client_of(tmp_path / "city.duckdb") as opened:
        for definition in (HOT, FIRES, FIRST):
            assert opened.post("/analyses", json=definition).status_code == 201
        yield opened


@pytest.fixture(scope="module")
def use_cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreUseCases]:
    """A store with two published analyses, to run priority on."""
    store = filled_store(None, tmp_path_factory.mktemp("calls"))
    opened = StoreUseCases(store, max_cells=100_000)
    opened.publish(HOT)
    opened.publish(FIRES)
    yield opened
    opened.close()


def _ran(use_cases: StoreUseCases, **inputs: Any) -> dict[str, Any]:
    given = {"inputs": {"calls": "hot", "fires": "fires"}, **inputs}
    found: dict[str, Any] = json.loads(use_cases.execute("priority", given))
    return found


def _properties(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [feature["properties"] for feature in found["features"]]


def _items(client: TestClient, collection: str) -> Any:
    return client.get(f"/collections/{collection}/items", params={"limit": 10_000}).json()


def _run_of(client: TestClient, analysis: str) -> str:
    return str(client.get(f"/analyses/{analysis}?f=json").json()["run"])


def test_every_cell_tells_how_its_score_comes_about(use_cases: StoreUseCases) -> None:
    found = _ran(use_cases)
    cells = _properties(found)
    assert all(cell["score"] == pytest.approx(sum(cell["contributions"].values())) for cell in cells)
    assert sorted(cell["rank"] for cell in cells) == list(range(1, len(cells) + 1))
    assert all(cell["rank_low"] <= cell["rank"] <= cell["rank_high"] for cell in cells)
    top = min(cells, key=lambda cell: cell["rank"])
    assert top["score"] == max(cell["score"] for cell in cells) > 50
    assert top["agreement"] == 2
    assert top["support"] == "equal"
    assert set(top["contributions"]) == set(top["evidence"]) == {"calls", "fires"}
    assert [feature["id"] for feature in found["features"]] == [cell["h3"] for cell in cells]


def test_agreement_counts_the_layers_whose_own_findings_are_significant(use_cases: StoreUseCases) -> None:
    hot = {
        name: {
            cell["h3"]
            for cell in _properties(json.loads(use_cases.execute("hotspots", one["inputs"])))
            if cell["class"] == "hot"
        }
        for name, one in (("hot", HOT), ("fires", FIRES))
    }
    for cell in _properties(_ran(use_cases)):
        assert cell["agreement"] == (cell["h3"] in hot["hot"]) + (cell["h3"] in hot["fires"])
    chosen = {cell["h3"] for cell in _properties(_ran(use_cases, significant=True))}
    assert chosen == hot["hot"] | hot["fires"]
    chosen = {cell["h3"] for cell in _properties(_ran(use_cases, min_agreement=2))}
    assert chosen == hot["hot"] & hot["fires"] != set()


def test_the_answer_says_what_it_stands_on(use_cases: StoreUseCases) -> None:
    member = _ran(use_cases, weights={"calls": 3})["emberline"]
    told = member["diagnostics"]
    runs = {one["id"]: one["run"] for one in use_cases.analyses()}
    assert {one["id"]: one["run"] for one in member["analyses"]} == runs
    assert {one["role"]: one["run"] for one in told["inputs"]} == {
        "calls": runs["hot"],
        "fires": runs["fires"],
    }
    assert told["weights"] == {"calls": 0.75, "fires": 0.25}
    assert told["correlation"]["calls"]["fires"] == told["correlation"]["fires"]["calls"] > 0
    assert told["common_cells"]["calls"]["fires"] == told["study_area_cells"]
    assert told["cells_without_evidence"] == 0
    assert "50" in told["scale"]


def test_a_layer_named_twice_does_not_count_twice(use_cases: StoreUseCases) -> None:
    once = _properties(_ran(use_cases, inputs={"a": "hot"}))
    twice = _properties(_ran(use_cases, inputs={"a": "hot", "again": "hot"}))
    np.testing.assert_allclose([cell["score"] for cell in twice], [cell["score"] for cell in once], atol=1e-9)
    assert [cell["rank"] for cell in twice] == [cell["rank"] for cell in once]


def test_layers_that_say_the_same_are_told_and_what_would_part_them(use_cases: StoreUseCases) -> None:
    notes = _ran(use_cases, inputs={"a": "hot", "again": "hot"})["emberline"]["diagnostics"]["notes"]
    (note,) = [one for one in notes if "say much of the same" in one]
    assert "a and again" in note
    assert "a population for a and again" in note


def test_a_layer_of_weight_0_changes_nothing(use_cases: StoreUseCases) -> None:
    without = _ran(use_cases, weights={"fires": 0})
    alone = _ran(use_cases, inputs={"calls": "hot"})
    assert without["features"] == alone["features"]
    assert without["emberline"]["diagnostics"]["without_weight"] == ["fires"]


def test_the_names_of_roles_and_their_order_change_no_number(use_cases: StoreUseCases) -> None:
    found = _properties(_ran(use_cases, weights={"calls": 2}))
    renamed = _properties(_ran(use_cases, inputs={"z": "hot", "a": "fires"}, weights={"z": 2}))
    for name in ("rank", "rank_low", "rank_high", "agreement"):
        assert [cell[name] for cell in renamed] == [cell[name] for cell in found]
    np.testing.assert_allclose([c["score"] for c in renamed], [c["score"] for c in found], rtol=1e-9)


def test_a_boundary_and_a_box_cut_the_study_area(use_cases: StoreUseCases) -> None:
    everywhere = {cell["h3"] for cell in _properties(_ran(use_cases))}
    within = _ran(use_cases, boundary="boundary")
    assert {cell["h3"] for cell in _properties(within)} < everywhere
    assert within["emberline"]["diagnostics"]["study_area_source"] == "boundary"
    assert [one["id"] for one in within["emberline"]["layers"]] == ["boundary"]
    box = [-111.95, 33.40, -111.91, 33.44]
    assert {cell["h3"] for cell in _properties(_ran(use_cases, bbox=box))} < everywhere


@pytest.mark.parametrize(("resolution", "rule"), [(8, "children"), (10, "parent at resolution 9")])
def test_other_resolutions_are_reached_by_a_stated_rule(
    use_cases: StoreUseCases, resolution: int, rule: str
) -> None:
    found = _ran(use_cases, resolution=resolution)
    assert all(rule in one["rule"] for one in found["emberline"]["diagnostics"]["inputs"])
    top = min(_properties(found), key=lambda cell: cell["rank"])
    assert top["score"] > 50
    assert top["support"] == ("equal" if resolution == 8 else "coarser")


def test_too_many_cells_are_refused_with_the_resolution_that_fits(use_cases: StoreUseCases) -> None:
    with pytest.raises(ValueError, match="resolution 11 fits"):
        _ran(use_cases, resolution=12)


def test_a_sewershed_speaks_for_its_cells_at_its_own_support(tmp_path: Path) -> None:
    store = filled_store(None, tmp_path)
    rows = campaigns_of("S1", rises={13: 4.0}) + campaigns_of("S2")
    path = write_samples(tmp_path / "samples.csv", rows)
    ingest_file(store, path, IngestOrder("ww", kind="samples", timezone=ZONE))
    sheds = write_sewersheds(tmp_path / "sheds.geojson", {"id": "S1"}, {"id": "S2"}, {"id": "S3"})
    ingest_file(store, sheds, IngestOrder("sheds", kind="sewersheds"))
    use_cases = StoreUseCases(store, max_cells=100_000)
    use_cases.publish(HOT)
    watch = {"id": "alerts", "method": "surveillance", "inputs": {"layer": "ww", "sewersheds": "sheds"}}
    use_cases.publish(watch)
    found = json.loads(use_cases.execute("priority", {"calls": "hot", "sewage": "alerts"}))
    (told,) = [one for one in found["emberline"]["diagnostics"]["inputs"] if one["role"] == "sewage"]
    assert (told["support"], told["independent_places"]) == ("area", 2)
    assert "covers most of the cell" in told["rule"]
    cells = {cell["h3"]: cell for cell in _properties(found)}
    evidence = {cell["evidence"]["sewage"] for cell in cells.values()}
    # One finding for each of the two sewersheds that have samples, none elsewhere.
    assert len(evidence) == 3
    assert None in evidence
    for cell in cells.values():
        assert (cell["support"] == "equal") == (cell["evidence"]["calls"] is not None)
    assert max(cell["agreement"] for cell in cells.values()) == 2
    alone = json.loads(use_cases.execute("priority", {"sewage": "alerts"}))
    assert {cell["support"] for cell in _properties(alone)} <= {"coarser", None}
    assert sum(cell["score"] is None for cell in _properties(alone)) > 0
    use_cases.close()


@pytest.mark.parametrize(
    "given",
    [
        {"inputs": {"hot": "hot", "fires": "fires"}},
        {"inputs": ["hot", "fires"]},
        {"inputs": "hot,fires"},
        {"inputs": '{"hot": "hot", "fires": "fires"}'},
        {"inputs": "hot=hot, fires=fires"},
        {"inputs": ["hot", "fires=fires"]},
        {"hot": "hot", "fires": "fires"},
    ],
)
def test_inputs_are_taken_as_people_write_them(given: dict[str, Any]) -> None:
    found = inputs_of("priority", given)
    assert isinstance(found, PriorityInputs)
    assert found.inputs == {"hot": "hot", "fires": "fires"}
    assert found.analyses() == ["hot", "fires"]


@pytest.mark.parametrize("weights", ["hot=2,fires=0.5", {"hot": 2, "fires": 0.5}, ["hot=2", "fires=.5"]])
def test_weights_are_taken_as_people_write_them(weights: object) -> None:
    found = inputs_of("priority", {"inputs": "hot,fires", "weights": weights})
    assert isinstance(found, PriorityInputs)
    assert (found.weight_of("hot"), found.weight_of("fires")) == (2, 0.5)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "inputs: is needed"),
        ({"inputs": {}}, "at least 1"),
        ({"inputs": "hot,hot"}, "every role once"),
        ({"inputs": "{broken"}, "JSON"),
        ({"inputs": "hot", "weights": {"cold": 1}}, "needs the roles hot, got 'cold'"),
        ({"inputs": "hot", "weights": {"hot": 0}}, "one above 0"),
        ({"inputs": "hot", "weights": {"hot": -1}}, "greater than or equal to 0"),
        ({"inputs": "hot", "weights": "2"}, "role=number"),
        ({"inputs": "hot", "resolution": 3}, "resolution"),
        ({"inputs": "hot", "wieghts": {"hot": 1}}, "no such input"),
    ],
)
def test_inputs_that_do_not_fit_are_told(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputs, match=words):
        inputs_of("priority", given)


def test_new_incidents_refresh_the_inputs_first_and_then_priority(client: TestClient, tmp_path: Path) -> None:
    before = {name: _run_of(client, name) for name in ("hot", "fires", "first")}
    path = write_rows(tmp_path / "more.csv", calls(40, seed=5))
    asked = {"filename": "more.csv", "timezone": ZONE}
    answer = client.post("/layers/calls/uploads", params=asked, content=path.read_bytes())
    assert answer.status_code < 300
    wait_for_refresh(client)
    after = {name: _run_of(client, name) for name in before}
    assert all(after[name] != before[name] for name in before)
    member = _items(client, "first")["emberline"]
    assert member["run"] == after["first"]
    assert {one["id"]: one["run"] for one in member["analyses"]} == {
        "hot": after["hot"],
        "fires": after["fires"],
    }


def test_a_new_definition_of_an_input_refreshes_priority(client: TestClient) -> None:
    before = _run_of(client, "first")
    answer = client.post("/analyses", json={**HOT, "inputs": {**HOT["inputs"], "k": 2}})
    assert answer.status_code == 201
    wait_for_refresh(client)
    assert _run_of(client, "first") != before
    again = _run_of(client, "first")
    client.post("/analyses", json={**HOT, "title": "Same numbers", "inputs": {**HOT["inputs"], "k": 2}})
    wait_for_refresh(client)
    assert _run_of(client, "first") == again


def test_an_input_cannot_become_what_gives_no_evidence(client: TestClient) -> None:
    before = _items(client, "hot.cells")
    refused = [
        {**HOT, "method": "cells", "inputs": {"layer": "calls"}},
        {**HOT, "inputs": {**HOT["inputs"], "significant": True}},
        {**HOT, "method": "priority", "inputs": {"inputs": {"all": "first"}}},
    ]
    for definition in refused:
        answer = client.post("/analyses", json=definition)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-inputs")
        assert "first stands on 'hot'" in answer.json()["detail"]
    assert _items(client, "hot.cells") == before


def test_an_input_that_vanished_keeps_the_findings_and_is_told(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    before = _items(client, "first")
    use_cases = client.app.state.context.use_cases  # type: ignore[attr-defined]
    use_cases.store.delete_analysis("fires")
    with caplog.at_level(logging.WARNING):
        use_cases.refresh_all()
        use_cases.refresher.wait()
    assert "analysis first was not refreshed: inputs needs published analyses" in caplog.text
    assert _items(client, "first") == before


@pytest.mark.parametrize(
    ("inputs", "status", "words"),
    [
        ({"a": "nowhere"}, 404, "there is no 'nowhere'"),
        ({"a": "calls"}, 404, "there is no 'calls'"),
        ({"a": "first"}, 422, "'first' is of method priority"),
        ({"a": "table", "b": "some"}, 422, "'some' publishes only what is significant"),
        ({"a": "new"}, 422, "cannot stand on itself"),
    ],
)
def test_an_analysis_that_cannot_be_an_input_is_refused(
    client: TestClient, inputs: dict[str, str], status: int, words: str
) -> None:
    client.post("/analyses", json={"id": "table", "method": "cells", "inputs": {"layer": "calls"}})
    client.post(
        "/analyses",
        json={"id": "some", "method": "hotspots", "inputs": {"layer": "calls", "significant": True}},
    )
    answer = client.post("/analyses", json={"id": "new", "method": "priority", "inputs": {"inputs": inputs}})
    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert client.get("/analyses/new?f=json").status_code == 404


def test_the_collection_says_what_its_properties_mean(client: TestClient) -> None:
    schema = client.get("/collections/first/schema").json()["properties"]
    assert schema["contributions"]["type"] == "object"
    assert schema["rank"]["type"] == "integer"
    assert "add up" in schema["contributions"]["description"]
    assert "score" in schema["rank"]["description"]
    assert client.get("/collections/first?f=json").json()["description"] == "priority of hot, fires"


@pytest.mark.parametrize(("resolution", "support"), [(8, "equal"), (9, "coarser")])
def test_a_digital_desert_is_found_at_the_support_of_its_data(resolution: int, support: str) -> None:
    use_cases = StoreUseCases(stored(offers()), max_cells=100_000)
    gaps = {"layer": "served", "resolution": resolution}
    use_cases.publish({"id": "gaps", "method": "gaps", "inputs": gaps})
    found = json.loads(use_cases.execute("priority", {"inputs": "gaps", "resolution": resolution}))
    use_cases.close()
    (told,) = found["emberline"]["diagnostics"]["inputs"]
    first = [cell for cell in _properties(found) if cell["rank"] and cell["rank"] <= 7]
    assert {cell["support"] for cell in first} == {support}
    assert all(cell["agreement"] == 1 for cell in first)
    own = parents(cells_from_hex([cell["h3"] for cell in first]), 8)
    assert np.isin(own, disk(DESERT, 1)).all()
    if support == "coarser":
        assert told["independent_places"] == pytest.approx(told["cells_with_evidence"] / 7)


@pytest.mark.parametrize("kind", ["html", "csv", "ndjson", "h3", "parquet", "fgb", "gpkg"])
def test_every_format_carries_the_findings(client: TestClient, kind: str) -> None:
    answer = client.get("/collections/first/items", params={"limit": 5, "f": kind})
    assert answer.status_code == 200
    assert len(answer.content) > 100
    if kind in ("csv", "h3", "ndjson"):
        assert "contributions" in answer.text
    assert client.get("/collections/first", params={"f": "html"}).status_code == 200


def test_alarms_without_polygons_speak_of_no_place(tmp_path: Path) -> None:
    store = DuckDBStore()
    path = write_samples(tmp_path / "samples.csv", campaigns_of("S1"))
    ingest_file(store, path, IngestOrder("ww", kind="samples", timezone=ZONE))
    use_cases = StoreUseCases(store, max_cells=1000)
    use_cases.publish({"id": "alerts", "method": "surveillance", "inputs": {"layer": "ww"}})
    with pytest.raises(InvalidInputs, match="'alerts' has neither cells nor polygons"):
        use_cases.execute("priority", {"inputs": "alerts"})
    use_cases.close()


def test_pyogrio_reads_contributions_as_the_text_of_an_object(tmp_path: Path) -> None:
    use_cases = StoreUseCases(filled_store(tmp_path / "city.duckdb", tmp_path), max_cells=100_000)
    for definition in (HOT, FIRES, {**FIRST, "inputs": {**FIRST["inputs"], "min_agreement": 1}}):
        use_cases.publish(definition)
    use_cases.close()
    with serving(tmp_path, "city.duckdb") as base:
        with httpx2.Client(transport=httpx2.HTTPTransport(retries=6)) as patient:
            # GDAL does not wait for a service that is only about to listen.
            assert patient.get(f"{base}/readyz", timeout=30).status_code == 200
        frame = pyogrio.read_dataframe(f"OAPIF:{base}/collections/first")
    parts = [json.loads(text) for text in frame["contributions"]]
    assert len(frame) > 5
    np.testing.assert_allclose([sum(part.values()) for part in parts], frame["score"], rtol=1e-9)
    assert frame["rank"].dtype.kind == "i"
    assert set(frame.geometry.geom_type) == {"Polygon"}


def test_the_command_line_runs_and_publishes_priority(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled_store(tmp_path / "city.duckdb", tmp_path).close()
    store = f"duckdb:///{tmp_path / 'city.duckdb'}"
    for definition in (HOT, FIRES):
        path = tmp_path / f"{definition['id']}.json"
        path.write_text(json.dumps(definition), encoding="utf-8")
        assert emberline("publish", path, "--store", store) == 0
    out = tmp_path / "first.geojson"
    asked = ("--param", "inputs=hot,fires", "--param", "weights=hot=2", "-o", out)
    assert emberline("run", "priority", "--store", store, *asked) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["emberline"]["parameters"]["weights"] == {"hot": 2}
    path = tmp_path / "first.toml"
    path.write_text('id = "first"\nmethod = "priority"\n[inputs.inputs]\ncalls = "hot"\nfires = "fires"\n')
    assert emberline("publish", path, "--store", store) == 0
    # A new definition of an input: priority has followed before the command ends.
    path = tmp_path / "hot.json"
    path.write_text(json.dumps({**HOT, "inputs": {"layer": "calls", "k": 2}}), encoding="utf-8")
    assert emberline("publish", path, "--store", store) == 0
    opened = DuckDBStore(tmp_path / "city.duckdb")
    runs = {one.id: one.run for one in opened.analyses()}
    (key,) = [one for one in opened.snapshot_keys() if one.collection == "first" and not one.superseded]
    meta = json.loads(opened.snapshot("first", "responder", key.run).blobs["meta"])
    opened.close()
    assert {one["id"]: one["run"] for one in meta["emberline"]["analyses"]}["hot"] == runs["hot"]
    capsys.readouterr()
    assert emberline("run", "priority", "--store", store, "--param", "inputs=nowhere", "-o", out) == 1
    assert "there is no 'nowhere'" in capsys.readouterr().err


def test_what_stands_on_others_comes_after_them(use_cases: StoreUseCases) -> None:
    first, *others = use_cases.store.analyses()
    later = type(first)("a-first", FIRST, None, first.created)
    assert [one.id for one in in_order([later, first, *others])] == ["fires", "hot", "a-first"]
