"""What holds for every route: HEAD, OPTIONS, CORS, problems, the unforeseen, proxies, the map page, logs."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.app import STATIC_FOLDER, create_app, uvicorn_options
from service.errors import STATUS, NonLoopbackRefused, ServiceError, problem_of
from service.settings import Settings, check_bind
from tests.service.memory import MemoryCatalog, NotingUseCases, areas, calls, cells

READS = [
    "/",
    "/conformance",
    "/api",
    "/api.html",
    "/collections",
    "/collections/cells",
    "/collections/cells/items",
    "/collections/cells/items/890000000000001",
    "/collections/cells/queryables",
    "/collections/cells/schema",
    "/collections/cells/schema/feature",
    "/processes",
    "/processes/hotspots",
    "/methods",
    "/methods/hotspots",
    "/analyses",
    "/analyses/crash-hotspots",
    "/layers",
    "/layers/calls",
    "/layers/calls/ingests",
    "/layers/calls/rejects",
    "/healthz",
    "/readyz",
]


def opened(settings: Settings, static_folder: Path = STATIC_FOLDER) -> TestClient:
    catalog = MemoryCatalog(cells(4), areas(), layers=(calls(),))
    app = create_app(settings, catalog=catalog, use_cases=NotingUseCases(), static_folder=static_folder)
    return TestClient(app, raise_server_exceptions=False, follow_redirects=False)


@pytest.mark.parametrize("url", READS)
def test_head_says_what_get_would(client: TestClient, url: str) -> None:
    head, get = client.head(url), client.get(url)
    kept = ("content-type", "content-length", "etag", "link")
    assert (head.status_code, head.content) == (200, b"")
    assert [head.headers.get(name) for name in kept] == [get.headers.get(name) for name in kept]


@pytest.mark.parametrize("url", READS)
def test_any_site_may_read_without_credentials(client: TestClient, url: str) -> None:
    headers = client.get(url, headers={"Origin": "https://maps.example"}).headers
    assert headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in headers
    assert {"Content-Crs", "ETag", "Link", "Location"} <= set(
        headers["access-control-expose-headers"].split(", ")
    )


@pytest.mark.parametrize("url", [one for one in READS if one not in ("/api.html", "/healthz", "/readyz")])
def test_every_document_is_also_a_page_that_loads_nothing(client: TestClient, url: str) -> None:
    answer = client.get(url, headers={"Accept": "text/html"})
    if url.endswith("schema/feature") or answer.status_code == 200:
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "<script" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("/collections/cells", "GET, HEAD, OPTIONS"),
        ("/collections/calls/items", "GET, HEAD, OPTIONS, POST"),
        ("/processes/hotspots/execution", "OPTIONS, POST"),
    ],
)
def test_options_lists_the_methods(client: TestClient, url: str, allow: str) -> None:
    answer = client.options(url)
    assert (answer.status_code, answer.headers["allow"]) == (204, allow)


@pytest.mark.parametrize(
    ("method", "url", "status"), [("DELETE", "/collections", 405), ("GET", "/nope", 404)]
)
def test_the_frameworks_own_errors_are_problems(
    client: TestClient, method: str, url: str, status: int
) -> None:
    answer = client.request(method, url)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert set(answer.json()) == {"type", "title", "status", "detail", "instance"}
    assert answer.json()["status"] == status


def test_a_method_not_offered_names_those_that_are(client: TestClient) -> None:
    answer = client.delete("/collections/calls/items")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")


def test_the_unforeseen_is_a_500_without_detail(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.post("/processes/hotspots/execution", json={"inputs": {"layer": "broken"}})
    request_id = answer.headers["x-request-id"]
    assert answer.status_code == 500
    assert answer.json() == {
        "type": "/problems/internal-server-error",
        "title": "Internal server error",
        "status": 500,
        "detail": f"Something went wrong here; the log has it under request {request_id}.",
        "instance": "/processes/hotspots/execution",
    }
    assert "secret detail" in caplog.text
    assert request_id in caplog.text
    assert answer.headers["access-control-allow-origin"] == "*"


def test_the_log_has_one_line_without_query(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="service.middleware"):
        client.get("/collections/cells/items?token=secret&limit=3")
    lines = [record.getMessage() for record in caplog.records if record.name == "service.middleware"]
    assert len(lines) == 1
    assert lines[0].startswith("GET /collections/{collection_id}/items 200 ")
    assert "n=3" in lines[0]
    assert "secret" not in lines[0]


@pytest.mark.parametrize("error", [one for one in STATUS if issubclass(one, ServiceError)])
def test_every_own_error_becomes_a_problem(error: type[ServiceError]) -> None:
    answer = problem_of(error("what was needed"))
    assert (answer.status_code, answer.media_type) == (STATUS[error], "application/problem+json")
    assert ("Retry-After" in answer.headers) == (answer.status_code == 503)


@pytest.mark.parametrize(
    ("headers", "trusted", "expected"),
    [
        ({"X-Forwarded-Host": "evil.example"}, [], "http://testserver/"),
        (
            {"X-Forwarded-Host": "maps.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/fire"},
            ["testclient"],
            "https://maps.example/fire/",
        ),
    ],
)
def test_forwarded_headers_count_only_from_trusted_proxies(
    headers: dict[str, str], trusted: list[str], expected: str
) -> None:
    client = opened(Settings(trusted_proxies=trusted))
    links = client.get("/", headers=headers).json()["links"]
    assert next(one["href"] for one in links if one["rel"] == "self") == expected


def test_the_root_path_is_in_every_link() -> None:
    client = opened(Settings())
    mounted = TestClient(client.app, root_path="/fire")
    body = mounted.get("/fire/collections/cells/items?limit=1").json()
    assert {one["href"].partition("/collections")[0] for one in body["links"]} == {"http://testserver/fire"}
    assert uvicorn_options(Settings(root_path="/fire"))["root_path"] == "/fire"


def test_the_public_url_is_in_every_link() -> None:
    client = opened(Settings(public_url="https://maps.example/fire/"))
    body = client.get("/collections/cells").json()
    bases = {re.split("/collections|/methods", one["href"])[0] for one in body["links"]}
    assert bases == {"https://maps.example/fire"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.9.1"])
def test_loopback_addresses_are_served(host: str) -> None:
    check_bind(host, insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "maps.example", ""])
def test_reachable_addresses_are_refused_in_words(host: str) -> None:
    with pytest.raises(NonLoopbackRefused, match="--insecure"):
        check_bind(host, insecure=False)
    check_bind(host, insecure=True)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBERLINE_MAX_CELLS", "1234")
    monkeypatch.setenv("EMBERLINE_WRITE_ORIGINS", '["https://maps.example"]')
    settings = Settings()
    assert (settings.max_cells, settings.write_origins) == (1234, ["https://maps.example"])


def test_uvicorn_believes_no_proxy_by_itself() -> None:
    assert uvicorn_options(Settings(port=9))["proxy_headers"] is False


def test_a_map_that_is_not_built_is_a_503_that_says_how(tmp_path: Path) -> None:
    answer = opened(Settings(), static_folder=tmp_path).get("/map/")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/page-not-built")
    assert "make setup" in answer.json()["detail"]


@pytest.fixture
def built(tmp_path: Path) -> Iterator[TestClient]:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "map"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Map</title>")
    (folder / "assets" / "main.js").write_text("1")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    yield opened(Settings(), static_folder=tmp_path)


def test_the_map_page_and_its_assets_are_served(built: TestClient) -> None:
    assert built.get("/map").headers["location"] == "http://testserver/map/"
    page, script = built.get("/map/"), built.get("/map/assets/main.js")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "worker-src 'self';" in policy
    assert "unsafe" not in policy
    assert script.headers["content-type"] == "text/javascript"
    assert script.headers["cache-control"] == "private, max-age=3600"


@pytest.mark.parametrize(
    "path", ["..%2Fsecret.txt", "%2e%2e/secret.txt", "link.txt", "assets", "%2Fetc/passwd", "a%00b"]
)
def test_nothing_outside_the_maps_folder_is_served(built: TestClient, path: str) -> None:
    answer = built.get(f"/map/{path}")
    assert answer.status_code in (404, 400)
    assert "secret" not in answer.text.replace("secret.txt", "")
