"""Analyses that follow their data: runs, what changed since the run before, and service under fire."""

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.service.made import ZONE, calls, client_of, filled_store, wait_for_refresh, write_rows

HOT = {"id": "hot", "method": "hotspots", "inputs": {"layer": "calls", "k": 1}}


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    path = tmp_path / "city.duckdb"
    filled_store(path, tmp_path).close()
    return path


@pytest.fixture
def client(store_path: Path) -> Iterator[TestClient]:
    with client_of(store_path) as opened:
        assert opened.post("/analyses", json=HOT).status_code == 201
        yield opened


def _items(client: TestClient, collection: str = "hot", **asked: Any) -> Any:
    return client.get(f"/collections/{collection}/items", params={"limit": 10_000, **asked}).json()


def _upload(client: TestClient, folder: Path, rows: list[dict[str, Any]], **asked: Any) -> Any:
    path = write_rows(folder / "more.csv", rows)
    parameters = {"filename": "more.csv", "timezone": ZONE, **asked}
    answer = client.post("/layers/calls/uploads", params=parameters, content=path.read_bytes())
    assert answer.status_code < 300, answer.text
    wait_for_refresh(client)
    return answer.json()


def test_publishing_twice_is_the_same_run_with_the_same_bytes(client: TestClient) -> None:
    before = [client.get(f"/collections/{name}/items?limit=10000") for name in ("hot", "hot.cells")]
    client.post("/analyses", json=HOT)
    after = [client.get(f"/collections/{name}/items?limit=10000") for name in ("hot", "hot.cells")]
    assert [one.content for one in before] == [one.content for one in after]
    assert [one.headers["etag"] for one in before] == [one.headers["etag"] for one in after]


def test_new_rows_make_a_new_run_and_the_one_before_stays_readable(
    client: TestClient, tmp_path: Path
) -> None:
    before = _items(client)
    _upload(client, tmp_path, calls(40, seed=5))
    after = _items(client)
    run = before["emberline"]["run"]
    assert after["emberline"]["run"] != run
    assert _items(client, run=run)["features"] == before["features"]
    assert sum(f["properties"]["count"] for f in _items(client, "hot.cells")["features"]) == 440


def test_a_run_is_gone_when_its_grace_is_over(store_path: Path, tmp_path: Path) -> None:
    with client_of(store_path, snapshot_grace_minutes=0) as client:
        client.post("/analyses", json=HOT)
        run = _items(client)["emberline"]["run"]
        _upload(client, tmp_path, calls(40, seed=5))
        answer = client.get("/collections/hot/items", params={"run": run})
        assert (answer.status_code, answer.json()["type"]) == (410, "/problems/snapshot-gone")
        _upload(client, tmp_path, calls(40, seed=6))
        kept = client.app.state.context.use_cases.store.snapshot_keys()  # type: ignore[attr-defined]
        assert run not in {key.run for key in kept}


def test_an_unknown_run_is_gone(client: TestClient) -> None:
    assert client.get("/collections/hot/items?run=0123").status_code == 410


def test_areas_know_the_run_before_by_overlap(client: TestClient, tmp_path: Path) -> None:
    (first,) = _items(client)["features"]
    stamp = first["properties"]["since"]
    assert first["properties"]["previous"] is None
    places = [(f"{-111.8 + i % 10 * 6e-4:.6f}", f"{33.42 + i // 10 * 6e-4:.6f}") for i in range(100)]
    rows = zip(calls(100, seed=9), places, strict=True)
    _upload(client, tmp_path, [{**row, "lng": lng, "lat": lat} for row, (lng, lat) in rows])
    found = {f["properties"]["previous"]: f["properties"] for f in _items(client)["features"]}
    assert set(found) == {first["id"], None}
    assert found[first["id"]]["since"] == stamp
    assert found[None]["since"] >= stamp


def test_publishing_again_keeps_what_the_areas_know_of_the_run_before(
    client: TestClient, tmp_path: Path
) -> None:
    _upload(client, tmp_path, calls(40, seed=5))
    before = client.get("/collections/hot/items").content
    assert json.loads(before)["features"][0]["properties"]["previous"] is not None
    client.post("/analyses", json=HOT)
    assert client.get("/collections/hot/items").content == before


def test_a_new_title_is_shown_although_the_run_is_the_same(client: TestClient) -> None:
    client.post("/analyses", json={**HOT, "title": "Where it burns"})
    assert client.get("/collections/hot?f=json").json()["title"] == "Where it burns"
    _items(client)
    client.post("/analyses", json={**HOT, "title": "Another"})
    assert client.get("/collections/hot?f=json").json()["title"] == "Another"


def test_an_analysis_whose_layer_vanished_keeps_its_collections(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    before = _items(client)
    use_cases = client.app.state.context.use_cases  # type: ignore[attr-defined]
    use_cases.store.delete_layer("calls")
    with caplog.at_level(logging.WARNING):
        use_cases.refresh_all()
        use_cases.refresher.wait()
    assert "analysis hot was not refreshed: there is no layer 'calls'" in caplog.text
    assert _items(client) == before


def test_one_analysis_that_fails_does_not_hold_up_the_others(
    client: TestClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = client.app.state.context.use_cases.store  # type: ignore[attr-defined]
    store.save_analysis({"id": "a-broken", "method": "magic", "inputs": {"layer": "calls"}})
    run = _items(client)["emberline"]["run"]
    _upload(client, tmp_path, calls(40, seed=5))
    assert _items(client)["emberline"]["run"] != run
    assert "a-broken was not refreshed" in caplog.text


def test_data_that_came_while_nobody_served_are_followed_at_the_start(
    store_path: Path, tmp_path: Path
) -> None:
    from data.duckdb_store import DuckDBStore
    from service.ingesting import IngestOrder, ingest_file

    with client_of(store_path) as client:
        client.post("/analyses", json=HOT)
        run = _items(client)["emberline"]["run"]
    store = DuckDBStore(store_path)
    ingest_file(store, write_rows(tmp_path / "new.csv", calls(40, seed=5)), IngestOrder("calls"))
    store.close()
    with client_of(store_path) as client:
        wait_for_refresh(client)
        assert _items(client)["emberline"]["run"] != run


@pytest.mark.parametrize(
    ("definition", "status", "words"),
    [
        ({"id": "calls", "method": "hotspots", "inputs": {"layer": "calls"}}, 409, "namespace"),
        ({"id": "a", "method": "magic", "inputs": {"layer": "calls"}}, 422, "hotspots, cells"),
        ({"id": "a", "method": "hotspots"}, 422, "layer"),
        ({"id": "a", "method": "hotspots", "inputs": {"layer": "nope"}}, 404, "nope"),
        ({"id": "a", "method": "hotspots", "inputs": {"layer": "roads"}}, 404, "kind incidents"),
        ({"id": "a", "method": "hotspots", "inputs": {"layer": "calls", "k": 99}}, 422, "k needs 1 to 10"),
        ({"id": "a", "method": "hotspots", "inputs": [1]}, 422, "names and values"),
        ({"id": "a", "method": "hotspots", "inputs": {"layer": "calls"}, "colour": 1}, 422, "colour"),
        ({"id": "a.cells", "method": "hotspots", "inputs": {"layer": "calls"}}, 409, "analysis id"),
    ],
    ids=str,
)
def test_a_definition_that_does_not_fit_leaves_nothing(
    client: TestClient, definition: dict[str, Any], status: int, words: str
) -> None:
    answer = client.post("/analyses", json=definition)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert words in answer.json()["detail"]
    assert [one["id"] for one in client.get("/analyses?f=json").json()["analyses"]] == ["hot"]


FEATURE = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [-111.93, 33.42]},
    "properties": {"time": "2024-03-01T10:00:00Z", "category": "EMS"},
}


def _features(n: int) -> list[dict[str, Any]]:
    return [
        {**FEATURE, "id": f"f{i}", "properties": {**FEATURE["properties"], "id": f"f{i}"}} for i in range(n)
    ]  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("body", "kind", "accepted"),
    [
        (json.dumps(FEATURE), "application/geo+json", 1),
        (json.dumps({"type": "FeatureCollection", "features": _features(3)}), "application/json", 3),
        ("\n".join(map(json.dumps, _features(5))) + "\n\n", "application/x-ndjson", 5),
        ("".join(f"\x1e{json.dumps(one)}\n" for one in _features(2)), "application/geo+json-seq", 2),
        (json.dumps({"type": "FeatureCollection", "features": _features(9_999)}), "application/json", 9_999),
    ],
    ids=["feature", "collection", "lines", "sequence", "thousands"],
)  # fmt: skip
def test_features_are_taken_into_a_layer(client: TestClient, body: str, kind: str, accepted: int) -> None:
    for expected in ({"accepted": accepted, "duplicate": 0}, {"accepted": 0, "duplicate": accepted}):
        answer = client.post("/collections/calls/items", content=body, headers={"Content-Type": kind})
        assert answer.status_code in (200, 201), answer.text
        assert expected.items() <= answer.json().items()
    wait_for_refresh(client)
    assert sum(f["properties"]["count"] for f in _items(client, "hot.cells")["features"]) == 400 + accepted


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "[]", "1", '"text"', '{"type": "Point", "coordinates": [1, 2]}',
        '{"type": "FeatureCollection"}', '{"type": "FeatureCollection", "features": []}',
        '{"type": "FeatureCollection", "features": [1, null]}',
        '{"type": "Feature"}', '{"type": "Feature", "geometry": null, "properties": null}',
        '{"type": "Feature", "geometry": {"type": "Point", "coordinates": []}, "properties": {}}',
        '{"type": "Feature", "geometry": {"type": "Point", "coordinates": ["a", {}]}, "properties": {}}',
        '{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1e999, 2]}, "properties": {}}',
        '{"type": "Feature", "geometry": 5, "properties": 7}', "\x00\xff",
    ],
    ids=str,
)  # fmt: skip
def test_a_body_that_is_no_feature_changes_nothing(client: TestClient, body: str) -> None:
    answer = client.post(
        "/collections/calls/items", content=body, headers={"Content-Type": "application/geo+json"}
    )
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert client.get("/layers/calls?f=json").json()["rows"] == 400


def test_features_for_a_layer_of_areas_are_judged_as_areas(client: TestClient) -> None:
    answer = client.post("/collections/boundary/items", json=FEATURE)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert client.get("/layers/boundary?f=json").json()["rows"] == 2


@pytest.mark.parametrize("ingest", ["nope", "²", "-1", "99999999999999999999", "0"])
def test_rejects_of_an_ingest_that_is_not_there_are_a_400(client: TestClient, ingest: str) -> None:
    answer = client.get("/layers/calls/rejects", params={"ingest": ingest, "f": "json"})
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-parameter")


def test_reads_stay_whole_while_many_write(client: TestClient, tmp_path: Path) -> None:
    """Every answer is of one moment: its cells sum to the rows of the layer that its run names."""
    failures: list[str] = []
    done = threading.Event()

    def write(seed: int) -> None:
        for part in range(4):
            rows = calls(50, seed=100 * seed + part)
            path = write_rows(tmp_path / f"{seed}-{part}.csv", rows)
            asked = {"filename": path.name, "timezone": ZONE}
            answer = client.post("/layers/calls/uploads", params=asked, content=path.read_bytes())
            if answer.json().get("accepted") != 50:
                failures.append(answer.text)

    def read() -> None:
        while not done.is_set():
            answers = [
                client.post("/processes/hotspots/execution", json={"inputs": {"layer": "calls", "k": 1}}),
                client.get("/collections/hot.cells/items?limit=10000"),
            ]
            for answer in answers:
                found = answer.json()
                counted = sum(feature["properties"]["count"] for feature in found["features"])
                member = found["emberline"]
                outside = member["diagnostics"]["outside_study_area"]
                if counted + outside != member["layers"][0]["rows"]:
                    failures.append(f"{counted} + {outside} of {member['layers'][0]['rows']}")
            page = client.get("/collections/calls/items?limit=10000").json()
            if page["numberReturned"] != page["numberMatched"]:
                failures.append(f"{page['numberReturned']} of {page['numberMatched']}")

    writers = [threading.Thread(target=write, args=(seed,)) for seed in (1, 2, 3)]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in (*writers, *readers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    wait_for_refresh(client)
    assert failures == []
    assert client.get("/layers/calls?f=json").json()["rows"] == 1000
    assert _items(client, "hot.cells")["emberline"]["layers"][0]["rows"] == 1000
