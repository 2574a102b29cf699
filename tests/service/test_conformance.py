"""The abstract tests of OGC API Features, part 1 (numbers as there) and part 2, on made collections."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator
from starlette.testclient import TestClient

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
COLLECTIONS = ["cells", "areas", "calls"]
BOXES = ["-1.5,50,1.5,53", "-80,-5,-70,5", "177,65,-177,70", "-180,85,180,90", "-180,-90,180,-85"]

every_collection = pytest.mark.parametrize("name", COLLECTIONS)


def links_of(body: dict[str, Any], rel: str) -> list[dict[str, str]]:
    return [one for one in body["links"] if one["rel"] == rel]


def local(href: str) -> str:
    parts = urlsplit(href)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def all_pages(client: TestClient, url: str) -> list[dict[str, Any]]:
    pages = [client.get(url).json()]
    while following := links_of(pages[-1], "next"):
        pages.append(client.get(local(following[0]["href"])).json())
    return pages


def test_01_http_every_link_of_the_landing_page_answers(client: TestClient) -> None:
    hrefs = {local(one["href"]) for one in client.get("/").json()["links"]} - {"/map"}
    assert {href: client.get(href).status_code for href in hrefs} == dict.fromkeys(hrefs, 200)


def test_02_crs84_coordinates_are_longitude_latitude(client: TestClient) -> None:
    assert client.get("/collections/calls/items").json()["features"][0]["geometry"]["coordinates"] == [
        -111.9,
        33.4,
    ]


def test_03_04_root_links_to_description_conformance_and_data(client: TestClient) -> None:
    body = client.get("/").json()
    assert {"title", "description", "links"} <= set(body)
    assert links_of(body, "service-desc")[0]["type"] == OPENAPI
    assert links_of(body, "service-doc")[0]["type"] == "text/html"
    assert links_of(body, "conformance")[0]["type"] == "application/json"
    assert links_of(body, "data")[0]["type"] == "application/json"


@pytest.mark.parametrize("rel", ["service-desc", "service-doc"])
def test_05_06_api_definition_answers_in_the_linked_type(client: TestClient, rel: str) -> None:
    link = links_of(client.get("/").json(), rel)[0]
    answer = client.get(local(link["href"]), headers={"Accept": link["type"]})
    assert answer.status_code == 200
    assert answer.headers["content-type"].removesuffix("; charset=utf-8") == link["type"]


def test_06_api_definition_is_valid_openapi_3_0(client: TestClient) -> None:
    OpenAPIV30SpecValidator(client.get("/api").json()).validate()


@pytest.mark.parametrize("part", ["core", "geojson", "html", "oas30"])
def test_07_08_conformance_names_the_classes(client: TestClient, part: str) -> None:
    declared = client.get("/conformance").json()["conformsTo"]
    assert f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{part}" in declared


def test_09_10_collections_link_to_self_alternate_and_items(client: TestClient) -> None:
    body = client.get("/collections").json()
    assert [one["id"] for one in body["collections"]] == COLLECTIONS
    assert all(one["type"] for one in body["links"])
    assert links_of(body, "self") and links_of(body, "alternate")
    assert all(links_of(one, "items")[0]["type"] == "application/geo+json" for one in body["collections"])


@every_collection
def test_10_extent_holds_every_feature(client: TestClient, name: str) -> None:
    minx, miny, maxx, maxy = client.get(f"/collections/{name}").json()["extent"]["spatial"]["bbox"][0]
    inside = client.get(f"/collections/{name}/items?limit=1000&bbox={minx},{miny},{maxx},{maxy}").json()
    assert inside["numberMatched"] == client.get(f"/collections/{name}").json()["itemCount"]


@every_collection
def test_11_12_a_collection_says_what_the_list_says(client: TestClient, name: str) -> None:
    listed = next(one for one in client.get("/collections").json()["collections"] if one["id"] == name)
    alone = client.get(f"/collections/{name}").json()
    kept = ("id", "title", "description", "extent", "itemType", "crs", "storageCrs")
    assert {key: alone.get(key) for key in kept} == {key: listed.get(key) for key in kept}


@every_collection
def test_13_22_items_answer_as_a_feature_collection(client: TestClient, name: str) -> None:
    answer = client.get(f"/collections/{name}/items")
    body = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/geo+json")
    assert body["type"] == "FeatureCollection"
    assert {"features", "links", "timeStamp", "numberMatched", "numberReturned"} <= set(body)


@every_collection
@pytest.mark.parametrize("parameter", ["limit", "bbox", "datetime"])
def test_14_16_18_parameters_are_defined_as_the_standard_has_them(
    client: TestClient, name: str, parameter: str
) -> None:
    document = client.get("/api").json()
    refs = [one.get("$ref") for one in document["paths"][f"/collections/{name}/items"]["get"]["parameters"]]
    assert f"#/components/parameters/{parameter}" in refs
    found = document["components"]["parameters"][parameter]
    expected = {
        "limit": {"type": "integer", "minimum": 1, "maximum": 10000, "default": 10},
        "bbox": {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}},
        "datetime": {"type": "string"},
    }[parameter]
    flat = {"in": "query", "required": False, "style": "form", "explode": False}
    assert (found["schema"], {key: found[key] for key in flat}) == (expected, flat)


@pytest.mark.parametrize(
    ("bbox", "expected"),
    list(zip(BOXES, [["hot-b"], ["hot-d"], ["cold-c"], [], []], strict=True)),
)
def test_15_bbox_returns_what_intersects_and_what_has_no_geometry(
    client: TestClient, bbox: str, expected: list[str]
) -> None:
    body = client.get(f"/collections/areas/items?bbox={bbox}").json()
    assert {one["id"] for one in body["features"]} == {*expected, "a/b c?é"}


def test_15_bbox_goes_by_the_shape_not_its_bounds(client: TestClient) -> None:
    body = client.get("/collections/areas/items?bbox=-71,4,-70.5,4.5").json()
    assert [one["id"] for one in body["features"]] == ["a/b c?é"]


def test_15_bbox_of_six_numbers_ignores_heights(client: TestClient) -> None:
    flat = client.get("/collections/areas/items?bbox=0,50,1,51").json()["features"]
    assert client.get("/collections/areas/items?bbox=0,50,-5,1,51,9").json()["features"] == flat


@pytest.mark.parametrize(("limit", "returned"), [(1, 1), (39, 39), (10_000, 40), (10_001, 40), (10**12, 40)])
def test_17_limit_is_never_exceeded_and_clamped(client: TestClient, limit: int, returned: int) -> None:
    assert client.get(f"/collections/cells/items?limit={limit}").json()["numberReturned"] == returned


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-02T06:00:00Z", ["hot-b"]),
        ("1970-01-02T14:00:00Z", []),
        ("1970-01-02", ["hot-b"]),
        ("1970-01-02T12:00:00Z/1970-01-03T00:00:00Z", ["hot-b", "cold-c"]),
        ("../1970-01-01T00:00:00Z", ["hot-a"]),
        ("/1970-01-01T00:00:00Z", ["hot-a"]),
        ("1970-01-05T12:00:00Z/..", ["a/b c?é"]),
        ("1970-01-05T12:00:00Z/", ["a/b c?é"]),
        ("1970-01-01T23:00:00-01:00/1970-01-02T01:00:00%2B01:00", ["hot-b"]),
    ],
)
def test_19_datetime_returns_what_intersects_and_what_has_no_time(
    client: TestClient, text: str, expected: list[str]
) -> None:
    body = client.get(f"/collections/areas/items?datetime={text}").json()
    assert [one["id"] for one in body["features"]] == [*expected, "none-f"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=1.5",
        "limit=",
        "limit=%D9%A3",
        "limit=1&limit=2",
        "offset=-1",
        "bbox=1,2,3",
        "bbox=1,2,3,x",
        "bbox=1,2,3,nan",
        "bbox=0,10,1,5",
        "bbox=0,0,181,1",
        "bbox=",
        "datetime=junk",
        "datetime=1970-13-01",
        "datetime=1970-01-01T00:00:00",
        "datetime=../..",
        "datetime=1970-01-02/1970-01-01",
        "datetime=a/b/c",
        "crs=http://www.opengis.net/def/crs/EPSG/0/3857",
        "bbox-crs=EPSG:4326",
        "rank=one",
        "significant=maybe",
        "first_time=yesterday",
        "first_time=9999-12-31T23:59:59-23:59",
        "significant=2",
        "f=xml",
        "f=h3",
    ],
)
def test_20_an_invalid_value_is_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/collections/areas/items?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["type"] == "/problems/invalid-parameter"
    assert answer.json()["errors"][0]["parameter"] == query.partition("=")[0]


@pytest.mark.parametrize(
    "url",
    [
        "/",
        "/conformance",
        "/api",
        "/api.html",
        "/collections",
        "/collections/cells",
        "/collections/cells/items",
        "/collections/calls/items",
        "/collections/cells/items/890000000000000",
        "/collections/cells/queryables",
        "/collections/cells/schema",
        "/processes",
        "/layers",
        "/healthz",
    ],
)
def test_21_an_unknown_parameter_is_refused(client: TestClient, url: str) -> None:
    answer = client.get(f"{url}?unknownQueryParameter=1")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["errors"] == [{"parameter": "unknownQueryParameter", "detail": "not known here"}]


@every_collection
def test_23_links_carry_types_and_are_absolute(client: TestClient, name: str) -> None:
    links = client.get(f"/collections/{name}/items?limit=1&offset=1").json()["links"]
    assert {"self", "alternate", "next", "collection"} <= {one["rel"] for one in links}
    assert all(one["type"] and one["href"].startswith("http://testserver/") for one in links)


def test_24_time_stamp_is_the_data_versions(client: TestClient) -> None:
    assert client.get("/collections/areas/items").json()["timeStamp"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize("query", ["limit=7", "limit=3&edge=true", "limit=4&bbox=-111.9,33.4,-111.89,33.42"])
def test_25_26_numbers_are_those_counted_by_following_next(client: TestClient, query: str) -> None:
    pages = all_pages(client, f"/collections/cells/items?{query}")
    ids = [one["id"] for body in pages for one in body["features"]]
    assert {body["numberMatched"] for body in pages} == {len(ids)}
    assert [body["numberReturned"] for body in pages] == [len(body["features"]) for body in pages]
    assert len(set(ids)) == len(ids) > 3


@pytest.mark.parametrize("url", ["/collections/cells/items/890000000000003", "/collections/calls/items/c2"])
def test_27_28_29_one_feature_is_that_of_the_page(client: TestClient, url: str) -> None:
    answer = client.get(url)
    body = answer.json()
    collection, fid = url.split("/")[2], url.rpartition("/")[2]
    page = client.get(f"/collections/{collection}/items?limit=10").json()["features"]
    links = body.pop("links")
    assert answer.headers["content-type"] == "application/geo+json"
    assert body == next(one for one in page if one["id"] == fid)
    assert {one["rel"] for one in links} == {"self", "alternate", "collection"}
    assert all(one["type"] for one in links)


@every_collection
def test_crs_1_2_3_default_and_storage_crs_are_listed(client: TestClient, name: str) -> None:
    body = client.get(f"/collections/{name}").json()
    assert (body["crs"], body["storageCrs"]) == ([CRS84], CRS84)


@pytest.mark.parametrize("url", ["/collections/cells/items", "/collections/cells/items/890000000000000"])
@pytest.mark.parametrize("query", ["", f"?crs={CRS84}"])
def test_crs_4_6_the_header_names_the_crs(client: TestClient, url: str, query: str) -> None:
    assert client.get(url + query).headers["content-crs"] == f"<{CRS84}>"


def test_crs_5_an_unlisted_crs_is_refused_on_one_feature(client: TestClient) -> None:
    url = "/collections/cells/items/890000000000000?crs=http://www.opengis.net/def/crs/EPSG/0/3857"
    assert client.get(url).status_code == 400


def test_crs_8_10_bbox_crs_default_is_crs84(client: TestClient) -> None:
    plain = client.get("/collections/areas/items?bbox=0,50,1,51").json()["features"]
    named = client.get(f"/collections/areas/items?bbox=0,50,1,51&bbox-crs={CRS84}").json()["features"]
    assert named == plain
