"""Every command through a running service, and what is said where there is none."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from service.app import create_app
from service.errors import InvalidInputs
from service.ingesting import IngestOrder
from service.remote import RemoteService, ServiceRefused
from service.settings import Settings
from tests.service.made import calls, emberline, write_boundary, write_rows
from tests.service.threads import served_here

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield the address of a service over an empty store; the working directory has a file of calls."""
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "calls.csv", calls(80))
    with served_here(create_app(Settings(store_url=f"duckdb:///{tmp_path / 'city.duckdb'}"))) as url:
        yield url


def test_every_command_goes_through_the_service(service: str, tmp_path: Path, capsys: Captured) -> None:
    write_boundary(tmp_path / "city.geojson")
    (tmp_path / "hot.json").write_text('{"id": "hot", "method": "hotspots", "layer": "calls"}')
    there = ("--store", service)
    assert emberline("ingest", "city.geojson", "--layer", "city", "--kind", "boundary", *there) == 0
    assert emberline("ingest", "calls.csv", "--layer", "calls", "--title", "All calls", *there) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "accepted=80 rejected=0 duplicate=0 updated=0"
    assert emberline("layers", *there) == 0
    assert capsys.readouterr().out.splitlines()[1].split("\t")[-1] == "All calls"
    assert emberline("publish", "hot.json", *there) == 0
    assert (
        emberline(
            "run", "hotspots", "--layer", "calls", "--param", "boundary=city", *there, "-o", "x.geojson"
        )
        == 0
    )
    found = json.loads((tmp_path / "x.geojson").read_text())
    assert found["emberline"]["diagnostics"]["study_area_source"] == "boundary"
    assert httpx2.get(f"{service}/collections/hot.cells/items").json()["numberReturned"] == 10


def test_the_answer_is_the_same_near_and_far(service: str, tmp_path: Path) -> None:
    emberline("ingest", "calls.csv", "--layer", "calls", "--store", "duckdb:///near.duckdb")
    emberline("ingest", "calls.csv", "--layer", "calls", "--store", service)
    for store, name in (("duckdb:///near.duckdb", "near.csv"), (service, "far.csv")):
        assert emberline("run", "hotspots", "--layer", "calls", "--store", store, "-o", name) == 0
    assert (tmp_path / "near.csv").read_bytes() == (tmp_path / "far.csv").read_bytes()


def test_rejects_come_back_from_the_service(service: str, tmp_path: Path, capsys: Captured) -> None:
    write_rows(tmp_path / "bad.csv", [{**row, "lng": "west"} for row in calls(30)])
    there = ("--store", service, "--rejects", "rejects.csv")
    assert emberline("ingest", "bad.csv", "--layer", "bad", *there) == 1
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "accepted=0 rejected=30 duplicate=0 updated=0"
    assert told.err == "emberline: no row of the file could be taken: unreadable_coordinate 30\n"
    lines = (tmp_path / "rejects.csv").read_text().splitlines()
    assert len(lines) == 31
    assert lines[1].startswith("1,unreadable_coordinate,")


def test_mapping_crs_and_zone_travel_with_the_file(service: str, tmp_path: Path, capsys: Captured) -> None:
    rows = [
        {"east": 500_000 + i, "north": 3_700_000 + i, "when": "2024-03-01 23:30", "category": "A"}
        for i in range(30)
    ]
    write_rows(tmp_path / "utm.csv", rows)
    told = ("--map", "x=east", "--map", "y=north", "--map", "time=when", "--map", "category=")
    there = ("--crs", "EPSG:32612", "--timezone", "America/Phoenix", "--store", service)
    assert emberline("ingest", "utm.csv", "--layer", "utm", *told, *there) == 0
    first = httpx2.get(f"{service}/collections/utm/items?limit=1").json()["features"][0]
    assert first["properties"]["time"] == "2024-03-02T06:30:00Z"
    assert first["geometry"]["coordinates"] == pytest.approx([-111.0, 33.44], abs=0.01)
    assert first["properties"]["category"] in (None, "A")


def test_a_boundary_layer_of_the_service_cuts_an_upload(
    service: str, tmp_path: Path, capsys: Captured
) -> None:
    write_boundary(tmp_path / "city.geojson")
    write_rows(tmp_path / "far.csv", [*calls(20), {**calls(1)[0], "id": "far", "lng": "-112.5"}])
    emberline("ingest", "city.geojson", "--layer", "city", "--kind", "boundary", "--store", service)
    capsys.readouterr()
    asked = ("ingest", "far.csv", "--layer", "far", "--store", service, "--boundary")
    assert emberline(*asked, "city") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "accepted=20 rejected=1 duplicate=0 updated=0"
    assert emberline(*asked, "city.geojson") == 2
    assert "ingest the file first" in capsys.readouterr().err


def test_the_service_opens_no_file_of_its_own_for_a_sender(service: str, tmp_path: Path) -> None:
    write_boundary(tmp_path / "secret.geojson")
    path = tmp_path / "secret.geojson"
    answer = httpx2.post(
        f"{service}/layers/x/uploads", params={"boundary": str(path)}, content=b"lng,lat\n1,2\n"
    )
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/layer-not-found")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "hotspots", "--layer", "nope", "-o", "x.csv"], 1, "no layer 'nope'"),
        (["run", "hotspots", "--layer", "calls", "--param", "k=99", "-o", "x.csv"], 2, "k needs 1 to 10"),
        (
            ["run", "hotspots", "--layer", "calls", "--param", "boundary=calls.csv", "-o", "x.csv"],
            2,
            "layer id",
        ),
        (["ingest", "calls.csv", "--layer", "a b"], 1, "layer id needs"),
        (["ingest", "calls.csv", "--layer", "a", "--crs", "EPSG:999999"], 1, "EPSG:999999"),
        (["publish", "odd.json"], 2, "colour"),
    ],
)
def test_what_the_service_refuses_is_one_line(
    service: str, tmp_path: Path, capsys: Captured, arguments: list[str], code: int, words: str
) -> None:
    (tmp_path / "odd.json").write_text('{"id": "a", "method": "hotspots", "layer": "calls", "colour": 1}')
    assert emberline(*arguments, "--store", service) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_a_command_that_meets_the_lock_names_the_service(tmp_path: Path, capsys: Captured) -> None:
    from tests.service.processes import serving

    with serving(tmp_path, "city.duckdb") as url:
        assert emberline("layers", "--store", f"duckdb:///{tmp_path / 'city.duckdb'}") == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert f"--store {url}" in line
        assert "held by the Emberline service" in line
        assert emberline("layers", "--store", url) == 0


def test_a_server_that_is_no_emberline_is_told(capsys: Captured) -> None:
    for text in (b"<html>hello</html>", b"[]", b'{"links": []}'):
        transport = httpx2.MockTransport(lambda _, text=text: httpx2.Response(200, content=text))
        client = httpx2.Client(base_url="http://elsewhere", transport=transport)
        with pytest.raises(ServiceRefused, match="no Emberline service"):
            RemoteService("http://elsewhere", client).layers()


def test_problems_keep_their_words() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(422, json={"type": "/problems/invalid-inputs", "detail": "k needs 1 to 10"})

    client = httpx2.Client(base_url="http://there", transport=httpx2.MockTransport(answer))
    with RemoteService("http://there", client) as service, pytest.raises(InvalidInputs, match="k needs 1"):
        service.execute("hotspots", {})


def test_a_broken_gateway_is_told(tmp_path: Path) -> None:
    client = httpx2.Client(
        base_url="http://there",
        transport=httpx2.MockTransport(lambda _: httpx2.Response(502, content=b"<html>bad gateway</html>")),
    )
    path = write_rows(tmp_path / "calls.csv", calls(3))
    with (
        RemoteService("http://there", client) as service,
        pytest.raises(ServiceRefused, match="502: Bad Gateway"),
    ):
        service.ingest(path, IngestOrder("calls"))
