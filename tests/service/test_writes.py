"""What is sent in: features, files, runs, analyses."""

import json

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from service.use_cases import UploadSpec
from tests.service.memory import MemoryCatalog, NotingUseCases, cells

FEATURE = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {}}


@pytest.mark.parametrize(
    "kind", ["application/geo+json", "application/json; charset=utf-8", "application/x-ndjson"]
)
def test_features_are_handed_on_and_counted(client: TestClient, use_cases: NotingUseCases, kind: str) -> None:
    body = json.dumps(FEATURE).encode()
    answer = client.post("/collections/calls/items", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()) == (201, use_cases.counts)
    assert use_cases.asked == [("append", ("calls", body, kind.partition(";")[0]))]


def test_one_new_feature_has_a_location(client: TestClient, use_cases: NotingUseCases) -> None:
    use_cases.counts["ids"] = ["a b"]
    answer = client.post("/collections/calls/items", json=FEATURE)
    assert answer.headers["location"] == "http://testserver/collections/calls/items/a%20b"


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        ({"accepted": 0, "rejected": 0, "duplicate": 2, "updated": 0}, 200),
        ({"accepted": 0, "rejected": 1, "duplicate": 2, "updated": 0}, 200),
        ({"accepted": 0, "rejected": 0, "duplicate": 0, "updated": 1}, 201),
        ({"accepted": 1, "rejected": 5, "duplicate": 0, "updated": 0}, 201),
    ],
)
def test_the_status_says_whether_something_was_taken(
    client: TestClient, use_cases: NotingUseCases, counts: dict[str, int], status: int
) -> None:
    use_cases.counts = dict(counts)
    answer = client.post("/collections/calls/items", json=FEATURE)
    assert (answer.status_code, answer.json()) == (status, counts)


def test_records_that_are_all_rejected_are_a_422_with_reasons(
    client: TestClient, use_cases: NotingUseCases
) -> None:
    reject = {"row": 1, "reason": "no_coordinate", "detail": "a position is needed"}
    use_cases.counts = {"accepted": 0, "rejected": 1, "duplicate": 0, "updated": 0, "rejects": [reject]}
    answer = client.post("/collections/calls/items", json=FEATURE)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json() == {
        "type": "/problems/records-rejected",
        "title": "Records rejected",
        "status": 422,
        "detail": "all 1 records were rejected; the first: no_coordinate",
        "instance": "/collections/calls/items",
        "errors": [reject],
    }


@pytest.mark.parametrize(
    ("body", "kind", "status", "problem"),
    [
        (b"{}", "text/plain", 415, "unsupported-body"),
        (b"{}", "", 415, "unsupported-body"),
        (b"", "application/geo+json", 422, "unreadable-body"),
        (b"x" * 3000, "application/geo+json", 413, "body-too-large"),
    ],
)
def test_bodies_that_do_not_fit_are_refused(body: bytes, kind: str, status: int, problem: str) -> None:
    app = create_app(
        Settings(max_body_bytes=2048), catalog=MemoryCatalog(cells(1)), use_cases=NotingUseCases()
    )
    answer = TestClient(app).post("/collections/calls/items", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{problem}")


def test_a_streamed_body_is_cut_off_at_the_limit() -> None:
    app = create_app(
        Settings(max_upload_bytes=2048), catalog=MemoryCatalog(cells(1)), use_cases=NotingUseCases()
    )
    answer = TestClient(app).post("/layers/calls/uploads?filename=a.csv", content=iter([b"x" * 1000] * 4))
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")


def test_a_raw_file_is_handed_on_with_what_was_said_of_it(
    client: TestClient, use_cases: NotingUseCases
) -> None:
    query = (
        "filename=calls.csv&kind=incidents&map=time=When&map=category=Type&crs=EPSG:2223"
        "&timezone=America/Phoenix&drop_duplicates=true&replace=true&boundary=city&title=Calls"
    )
    answer = client.post(f"/layers/calls/uploads?{query}", content=b"a,b\n1,2\n")
    spec = UploadSpec(
        filename="calls.csv",
        mapping={"time": "When", "category": "Type"},
        crs="EPSG:2223",
        timezone="America/Phoenix",
        boundary="city",
        title="Calls",
        drop_duplicates=True,
        replace=True,
    )
    assert answer.status_code == 201
    assert answer.headers["location"] == "http://testserver/layers/calls/ingests"
    assert use_cases.asked == [("upload", ("calls", "calls.csv", b"a,b\n1,2\n", spec))]


@pytest.mark.parametrize(
    "content", [b"", b"a,b\r\n1,2\r\n", b"\r\n--", b"x" * 300_000, b"\r\n--not-the-boundary\r\n"]
)
@pytest.mark.parametrize("piece", [1 << 20, 7, 1])
def test_a_form_file_arrives_as_it_was_sent(
    client: TestClient, use_cases: NotingUseCases, content: bytes, piece: int
) -> None:
    if piece < 100 and len(content) > 1000:
        content = content[:1000]
    head = (
        b'Content-Disposition: form-data; name="file"; filename="calls.csv"\r\nContent-Type: text/csv\r\n\r\n'
    )
    other = b'--xyz\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
    body = b"preamble\r\n" + other + b"--xyz\r\n" + head + content + b"\r\n--xyz--\r\n"
    pieces = (body[at : at + piece] for at in range(0, len(body), piece))
    headers = {"Content-Type": 'multipart/form-data; boundary="xyz"'}
    answer = client.post("/layers/calls/uploads", content=pieces, headers=headers)
    if content:
        assert answer.status_code == 201
        assert use_cases.asked[0][1][1:3] == ("calls.csv", content)
    else:
        assert answer.json()["type"] == "/problems/unreadable-body"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form at all",
        b"--xyz\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\ncut off",
        b"--xyz--\r\n",
        b"--xyz\r\n" + b"A: b\r\n" * 5000,
    ],
)
def test_a_broken_form_is_unreadable(client: TestClient, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=xyz"}
    answer = client.post("/layers/calls/uploads", content=body, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unreadable-body")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\a.csv", "a.csv"),
        ("..", "upload"),
        ("a/", "upload"),
        ("", "upload"),
    ],
)
def test_a_file_name_leads_nowhere(
    client: TestClient, use_cases: NotingUseCases, name: str, kept: str
) -> None:
    client.post("/layers/calls/uploads", params={"filename": name}, content=b"x")
    assert use_cases.asked[0][1][1] == kept


@pytest.mark.parametrize(
    "query", ["kind=unknown", "map=time", "map==x", "replace=perhaps", "kind=incidents&kind=roads", "foo=1"]
)
def test_an_upload_query_that_does_not_fit_is_refused(client: TestClient, query: str) -> None:
    answer = client.post(f"/layers/calls/uploads?{query}", content=b"x")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("url", ["/collections/calls/items", "/layers/calls/uploads", "/analyses"])
def test_pages_of_other_sites_may_not_write(client: TestClient, use_cases: NotingUseCases, url: str) -> None:
    answer = client.post(
        url, json={"id": "x", "method": "hotspots"}, headers={"Origin": "https://evil.example"}
    )
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/cross-origin-write")
    assert use_cases.asked == []


def test_pages_of_this_site_may_write(client: TestClient) -> None:
    headers = {"Origin": "http://testserver"}
    assert client.post("/collections/calls/items", json=FEATURE, headers=headers).status_code == 201


def test_a_process_runs_and_answers_with_features(client: TestClient, use_cases: NotingUseCases) -> None:
    inputs = {"layer": "calls", "resolution": 8}
    headers = {"Prefer": "respond-async"}
    answer = client.post("/processes/hotspots/execution", json={"inputs": inputs}, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/geo+json")
    assert "preference-applied" not in answer.headers
    assert use_cases.asked == [("hotspots", inputs)]


def test_a_process_can_answer_as_a_document(client: TestClient) -> None:
    answer = client.post("/processes/hotspots/execution", json={"response": "document"})
    assert answer.json() == {"features": {"type": "FeatureCollection", "features": []}}


@pytest.mark.parametrize(
    ("url", "body", "status", "type_"),
    [
        (
            "/processes/nope/execution",
            {},
            404,
            "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-process",
        ),
        ("/processes/hotspots/execution", {"inputs": 1}, 422, "/problems/unreadable-body"),
        ("/processes/hotspots/execution", {"foo": 1}, 422, "/problems/unreadable-body"),
        ("/processes/hotspots/execution", {"outputs": {"x": {}}}, 400, "/problems/invalid-parameter"),
        ("/processes/hotspots/execution", {"inputs": {"layer": "missing"}}, 404, "/problems/layer-not-found"),
        ("/analyses", {"method": "hotspots"}, 422, "/problems/unreadable-body"),
        ("/analyses", {"id": "../x", "method": "hotspots"}, 422, "/problems/unreadable-body"),
    ],
)
def test_a_request_that_does_not_fit_is_a_problem(
    client: TestClient, url: str, body: dict[str, object], status: int, type_: str
) -> None:
    answer = client.post(url, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["type"] == type_


def test_a_body_that_is_no_json_is_unreadable(client: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/processes/hotspots/execution", content=b"{nope", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unreadable-body")


def test_a_process_is_described_with_its_inputs(client: TestClient) -> None:
    body = client.get("/processes/hotspots").json()
    assert body["inputs"]["resolution"]["schema"]["default"] == 9
    assert body["jobControlOptions"] == ["sync-execute"]
    execute = next(one for one in body["links"] if one["rel"].endswith("/execute"))
    assert execute["href"] == "http://testserver/processes/hotspots/execution"


def test_publishing_answers_where_the_analysis_is(client: TestClient, use_cases: NotingUseCases) -> None:
    definition = {"id": "crash", "method": "hotspots", "inputs": {"layer": "calls"}}
    answer = client.post("/analyses", json=definition)
    assert answer.status_code == 201
    assert answer.headers["location"] == "http://testserver/analyses/crash"
    assert use_cases.asked == [("publish", definition)]
    assert answer.json()["links"][-1]["href"] == "http://testserver/collections/crash"


def test_an_analysis_that_is_not_there_is_a_404(client: TestClient) -> None:
    answer = client.get("/analyses/nope")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/analysis-not-found")


def test_rejects_are_paged(client: TestClient, use_cases: NotingUseCases) -> None:
    assert client.get("/layers/calls/rejects?limit=5&offset=2&ingest=1").json()["number_matched"] == 1
    assert use_cases.asked == [("rejects", ("calls", "1", 5, 2))]
