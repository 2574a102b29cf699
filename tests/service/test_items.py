"""Items over HTTP: pages on one run, formats, filters, caching, ranges."""

import csv
import gzip
import io
import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pytest
from starlette.testclient import TestClient

from service.formats import file_bytes
from tests.service.memory import MemoryCatalog, areas, cells


def ids(client: TestClient, url: str) -> list[str]:
    return [one["id"] for one in client.get(url).json()["features"]]


def next_href(body: dict[str, list[dict[str, str]]]) -> str:
    return next(one["href"] for one in body["links"] if one["rel"] == "next")


def test_next_offset_equals_the_limit_on_the_first_page(client: TestClient) -> None:
    href = next_href(client.get("/collections/cells/items?limit=5").json())
    assert href == "http://testserver/collections/cells/items?limit=5&run=run-1&offset=5"


def test_next_keeps_the_filters_and_drops_credentials(client: TestClient) -> None:
    href = next_href(client.get("/collections/cells/items?ring=1&token=secret&limit=2").json())
    assert href == "http://testserver/collections/cells/items?ring=1&limit=2&run=run-1&offset=2"


def test_prev_never_goes_below_zero(client: TestClient) -> None:
    links = client.get("/collections/cells/items?limit=5&offset=3").json()["links"]
    assert next(one["href"] for one in links if one["rel"] == "prev").count("offset=0") == 1


def test_the_last_page_has_no_next(client: TestClient) -> None:
    body = client.get("/collections/cells/items?limit=5&offset=35").json()
    assert [one for one in body["links"] if one["rel"] == "next"] == []


def test_an_offset_behind_the_end_is_an_empty_page(client: TestClient) -> None:
    body = client.get("/collections/cells/items?offset=99").json()
    assert (body["features"], body["numberReturned"], body["numberMatched"]) == ([], 0, 40)


def test_pages_stay_on_their_run_when_the_collection_is_swapped(
    client: TestClient, catalog: MemoryCatalog
) -> None:
    href = next_href(client.get("/collections/cells/items?limit=39").json())
    catalog.replace(cells(3, run="run-2"))
    assert client.get(href).json()["numberMatched"] == 40
    assert client.get("/collections/cells/items").json()["numberMatched"] == 3


def test_a_run_past_its_grace_is_gone(client: TestClient, catalog: MemoryCatalog) -> None:
    catalog.replace(cells(3, run="run-2"))
    catalog.gone.add("run-1")
    answer = client.get("/collections/cells/items?run=run-1")
    assert (answer.status_code, answer.headers["content-type"]) == (410, "application/problem+json")
    assert answer.json() == {
        "type": "/problems/snapshot-gone",
        "title": "Snapshot gone",
        "status": 410,
        "detail": "run run-1 of cells is no longer kept",
        "instance": "/collections/cells/items",
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("rank=2", ["hot-b"]),
        ("rank=2.0", ["hot-b"]),
        ("rank=99999999999999999999", None),
        ("significant=true", ["hot-a", "hot-d", "none-f"]),
        ("significant=1", ["hot-a", "hot-d", "none-f"]),
        ("significant=2", None),
        ("peak_z=5.5", ["hot-a"]),
        ("peak_z=inf", []),
        ("name=Mill+Ave", ["hot-a"]),
        ("name=", []),
        ("first_time=1970-01-03T00:00:00Z", ["cold-c"]),
        ("first_time=1970-01-03T01:00:00%2B01:00", ["cold-c"]),
        ("significant=false&rank=5", ["a/b c?é"]),
    ],
)
def test_property_filters_compare_by_type(client: TestClient, query: str, expected: list[str] | None) -> None:
    answer = client.get(f"/collections/areas/items?{query}")
    found = [one["id"] for one in answer.json()["features"]] if answer.status_code == 200 else None
    assert found == expected


def test_a_property_named_like_a_parameter_cannot_be_filtered_by(client: TestClient) -> None:
    assert ids(client, "/collections/areas/items?limit=2") == ["hot-a", "hot-b"]
    assert "limit" not in client.get("/collections/areas/queryables").json()["properties"]


def test_layers_answer_like_collections(client: TestClient) -> None:
    assert ids(client, "/collections/calls/items?category=ems") == ["c2"]
    assert ids(client, "/collections/calls/items?bbox=-112,33,-111,34&limit=1&offset=1") == ["c2"]


def test_a_feature_without_an_answer_has_null_not_nan(client: TestClient) -> None:
    text = client.get("/collections/areas/items").text
    assert json.loads(text, parse_constant=pytest.fail)["features"][2]["properties"]["peak_z"] is None


def test_every_collection_carries_its_run(client: TestClient) -> None:
    assert client.get("/collections/areas/items").json()["emberline"] == {
        "run": "run-a",
        "method": "hotspots",
    }


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("/collections/nope/items", "collection-not-found"),
        ("/collections/cells/items/nope", "feature-not-found"),
        ("/collections/calls/items/nope", "feature-not-found"),
    ],
)
def test_what_is_not_there_is_a_404(client: TestClient, url: str, problem: str) -> None:
    answer = client.get(url)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["type"] == f"/problems/{problem}"


def test_accept_without_an_offered_type_is_a_406(client: TestClient) -> None:
    answer = client.get("/collections/cells/items", headers={"Accept": "image/png"})
    assert (answer.status_code, answer.json()["type"]) == (406, "/problems/not-acceptable")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/geo+json"),
        ("application/json", "application/geo+json"),
        ("application/geo+json, application/json;q=0.9", "application/geo+json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("text/csv;q=0.5, text/html;q=0.1", "text/csv; charset=utf-8"),
        ("application/geo+json;q=0, text/*", "text/html; charset=utf-8"),
    ],
)
def test_accept_decides_where_f_does_not(client: TestClient, accept: str, media_type: str) -> None:
    assert (
        client.get("/collections/cells/items", headers={"Accept": accept}).headers["content-type"]
        == media_type
    )


def test_csv_holds_everything_and_runs_no_formula(client: TestClient) -> None:
    answer = client.get("/collections/areas/items?f=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-disposition"] == 'attachment; filename="areas.csv"'
    assert [row["name"] for row in rows][1:4] == ["'=cmd()", '<script>alert("x")</script>', "'-5"]
    assert [row["peak_z"] for row in rows] == ["5.5", "", "", "1", "0", "-2"]
    assert rows[0]["cells"] == '["8928308280fffff"]'
    assert rows[0]["first_time"] == "1970-01-01T00:00:00Z"
    assert rows[1]["wkt"].startswith("POLYGON ((")


def test_csv_of_points_has_lng_and_lat(client: TestClient) -> None:
    rows = list(csv.DictReader(io.StringIO(client.get("/collections/calls/items?f=csv").text)))
    assert [(row["id"], row["lng"], row["lat"]) for row in rows][:1] == [("c1", "-111.9", "33.4")]


def test_ndjson_has_one_feature_a_line(client: TestClient) -> None:
    lines = client.get("/collections/cells/items?f=ndjson").text.splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["Feature"] * 40


def test_h3_rows_start_with_the_cell(client: TestClient) -> None:
    body = client.get("/collections/cells/items?f=h3&limit=2").json()
    assert body["columns"][:2] == ["h3", "count"]
    assert [row[0] for row in body["rows"]] == ["890000000000000", "890000000000001"]
    assert (body["numberMatched"], body["numberReturned"]) == (40, 2)


@pytest.mark.parametrize("kind", ["fgb", "gpkg"])
@pytest.mark.parametrize("name", ["cells", "areas", "calls"])
def test_files_read_back_complete(client: TestClient, tmp_path: Path, kind: str, name: str) -> None:
    file = tmp_path / f"{name}.{kind}"
    file.write_bytes(client.get(f"/collections/{name}/items?f={kind}").content)
    frame = pyogrio.read_dataframe(file)
    features = client.get(f"/collections/{name}/items?limit=100").json()["features"]
    assert set(frame["id"] if "id" in frame else frame["h3"]) == {one["id"] for one in features}
    assert frame.crs is not None


@pytest.mark.parametrize("name", ["cells", "areas"])
def test_geoparquet_reads_back_with_types(client: TestClient, name: str) -> None:
    content = client.get(f"/collections/{name}/items?f=parquet").content
    frame = gpd.read_parquet(io.BytesIO(content))
    assert b"geo" in pq.read_schema(io.BytesIO(content)).metadata
    features = client.get(f"/collections/{name}/items?limit=100").json()["features"]
    column = "count" if name == "cells" else "limit"
    assert frame[column].dtype == np.int64
    assert frame[column].tolist() == [one["properties"][column] for one in features]


def test_the_same_findings_are_the_same_geopackage() -> None:
    whole = areas()
    assert file_bytes("gpkg", whole, np.arange(6)) == file_bytes("gpkg", whole, np.arange(6))


def test_html_escapes_what_it_shows(client: TestClient) -> None:
    answer = client.get("/collections/areas/items?f=html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("f", ["json", "html", "csv", "ndjson", "parquet", "gpkg"])
def test_an_etag_that_still_holds_is_a_304(client: TestClient, f: str) -> None:
    url = f"/collections/areas/items?f={f}"
    first = client.get(url)
    again = client.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"].removesuffix('-gz"').strip('"') in first.headers["etag"]


def test_an_etag_changes_with_query_format_and_snapshot(client: TestClient, catalog: MemoryCatalog) -> None:
    url = "/collections/cells/items"
    tags = [client.get(url + query).headers["etag"] for query in ("", "?limit=2", "?f=csv", "?f=html")]
    catalog.replace(cells(3, run="run-2"))
    assert len({*tags, client.get(url).headers["etag"]}) == 5


def test_large_bodies_are_compressed_with_their_own_etag(client: TestClient) -> None:
    url = "/collections/cells/items?limit=40"
    plain = client.get(url, headers={"Accept-Encoding": "identity"})
    with client.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert packed.headers["etag"] == plain.headers["etag"][:-1] + '-gz"'
    assert "Accept-Encoding" in packed.headers["vary"]


@pytest.mark.parametrize("coding", ["identity", "gzip;q=0", "br"])
def test_bodies_are_plain_for_clients_without_gzip(client: TestClient, coding: str) -> None:
    answer = client.get("/collections/cells/items?limit=40", headers={"Accept-Encoding": coding})
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("asked", "part"), [("0-9", slice(0, 10)), ("10-", slice(10, None)), ("-5", slice(-5, None))]
)
def test_a_byte_range_is_a_206(client: TestClient, asked: str, part: slice) -> None:
    url = "/collections/areas/items?f=fgb"
    whole = client.get(url)
    answer = client.get(url, headers={"Range": f"bytes={asked}", "If-Range": whole.headers["etag"]})
    assert (answer.status_code, answer.content) == (206, whole.content[part])
    assert answer.headers["content-range"].endswith(f"/{len(whole.content)}")


def test_a_range_behind_the_end_is_a_416(client: TestClient) -> None:
    answer = client.get("/collections/areas/items?f=fgb", headers={"Range": "bytes=9999999-"})
    assert (answer.status_code, answer.json()["type"]) == (416, "/problems/range-not-satisfiable")


def test_a_range_of_another_version_is_answered_whole(client: TestClient) -> None:
    headers = {"Range": "bytes=0-9", "If-Range": '"other"'}
    assert client.get("/collections/areas/items?f=fgb", headers=headers).status_code == 200


def test_describedby_has_the_shape_of_a_feature(client: TestClient) -> None:
    links = client.get("/collections/areas").json()["links"]
    href = next(one["href"] for one in links if one["rel"] == "describedby")
    properties = client.get(href).json()["properties"]["properties"]["properties"]
    assert [properties[name]["type"] for name in ("rank", "peak_z", "significant", "cells")] == [
        "integer",
        "number",
        "boolean",
        "array",
    ]


def test_queryables_leave_out_lists_and_forbid_the_unknown(client: TestClient) -> None:
    answer = client.get("/collections/areas/queryables")
    body = answer.json()
    assert answer.headers["content-type"] == "application/schema+json"
    assert body["$id"] == "http://testserver/collections/areas/queryables"
    assert body["additionalProperties"] is False
    assert list(body["properties"]) == ["geometry", "rank", "name", "peak_z", "significant", "first_time"]
    assert body["properties"]["first_time"]["format"] == "date-time"
