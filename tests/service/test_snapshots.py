"""Snapshots without HTTP: encoding, columns, pages, blobs."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from service.encode import geometry_members, published_geometries
from service.snapshots import Snapshot, from_blobs, page, snapshot, to_blobs
from tests.service.memory import areas, calls, cells

STAMP = "2026-01-01T00:00:00Z"


def made(columns: dict[str, Any], n: int = 2) -> Snapshot:
    return snapshot("x", "responder", [str(i) for i in range(n)], None, columns, {}, timestamp=STAMP)


def parsed(whole: Snapshot) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(b"[" + whole.features + b"]")
    return found


@pytest.mark.parametrize(
    ("values", "published", "type_"),
    [
        (np.array([1.5, np.nan]), [1.5, None], "number"),
        (np.array([np.inf, -np.inf]), [None, None], "number"),
        (np.array([1, 2], dtype=np.uint8), [1, 2], "integer"),
        ([1, None], [1, None], "integer"),
        ([1, 2.5], [1, 2.5], "number"),
        (np.array([True, False]), [True, False], "boolean"),
        (np.array(["a", "b"]), ["a", "b"], "string"),
        (np.array(["a", None], dtype=object), ["a", None], "string"),
        ([["a"], []], [["a"], []], "array"),
        ([None, {"k": np.int64(3)}], [None, {"k": 3}], "object"),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]], "array"),
        (np.array(["2026-01-01", "NaT"], dtype="datetime64[s]"), ["2026-01-01T00:00:00Z", None], "string"),
        (pa.array([1, None]), [1, None], "integer"),
        (pa.chunked_array([["a"], ["b"]]), ["a", "b"], "string"),
        (pa.array([[1], None]), [[1], None], "array"),
        ([None, None], [None, None], "string"),
        ([np.float64(2.0), np.nan], [2.0, None], "number"),
    ],
)
def test_a_column_is_published_by_its_type(values: Any, published: list[Any], type_: str) -> None:
    whole = made({"p": values})
    assert [one["properties"]["p"] for one in parsed(whole)] == published
    assert whole.properties["p"]["type"] == type_


def test_a_time_column_has_the_format_of_a_time() -> None:
    whole = made({"t": np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[D]")})
    assert whole.properties["t"] == {"title": "t", "type": "string", "format": "date-time"}


@pytest.mark.parametrize(
    ("wkt", "coordinates"),
    [
        ("POINT (1.00000049 -0.0000001)", [1.0, 0.0]),
        ("LINESTRING (0 0, 1 1)", [[0, 0], [1, 1]]),
        ("MULTIPOINT (0 0, 1 1)", [[0, 0], [1, 1]]),
        ("MULTILINESTRING ((0 0, 1 1), (2 2, 3 3, 4 4))", [[[0, 0], [1, 1]], [[2, 2], [3, 3], [4, 4]]]),
        ("POLYGON ((0 0, 0 1, 1 1, 0 0))", [[[0, 0], [1, 1], [0, 1], [0, 0]]]),
        (
            "POLYGON ((0 0, 4 0, 4 4, 0 0), (2 1, 3 1, 3 2, 2 1))",
            [[[0, 0], [4, 0], [4, 4], [0, 0]], [[2, 1], [3, 2], [3, 1], [2, 1]]],
        ),
        (
            "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((5 5, 6 5, 6 6, 5 5)))",
            [[[[0, 0], [1, 0], [1, 1], [0, 0]]], [[[5, 5], [6, 5], [6, 6], [5, 5]]]],
        ),
        ("POINT Z (1 2 3)", [1, 2]),
    ],
)
def test_a_geometry_is_encoded_level_by_level(wkt: str, coordinates: list[Any]) -> None:
    shapes = published_geometries(np.array([shapely.from_wkt(wkt)], dtype=object))
    assert json.loads(geometry_members(shapes)[0])["coordinates"] == coordinates


@given(st.lists(st.sampled_from(["P0", "P1", "L", "MP", "G", "hole", "none", "empty"]), max_size=12))
def test_mixed_geometries_are_encoded_as_shapely_does(kinds: list[str]) -> None:
    table = {
        "P0": shapely.Point(1.5, 2.25),
        "P1": shapely.Point(-1, 2),
        "L": shapely.LineString([(0, 0), (1, 1), (2, 0)]),
        "MP": shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(2, 2, 3, 3)]),
        "G": shapely.GeometryCollection([shapely.Point(0, 0), shapely.LineString([(0, 0), (1, 1)])]),
        "hole": shapely.box(0, 0, 9, 9).difference(shapely.box(1, 1, 2, 2)),
        "none": None,
        "empty": shapely.Polygon(),
    }
    shapes = np.array([table[kind] for kind in kinds], dtype=object)
    published = published_geometries(shapes)
    encoded = [json.loads(one) for one in geometry_members(published)]
    expected = [None if one is None else json.loads(shapely.to_geojson(one)) for one in published]
    assert encoded == expected


@pytest.mark.parametrize(
    "whole", [cells(30), areas(), calls(), made({}), made({"a": []}, 0)], ids=lambda s: s.title
)
def test_a_snapshot_survives_the_store(whole: Snapshot) -> None:
    again = from_blobs(to_blobs(whole))
    assert (again.id, again.fids, again.features) == (whole.id, whole.fids, whole.features)
    assert (again.properties, again.bbox, again.interval) == (whole.properties, whole.bbox, whole.interval)
    assert again.columns.equals(whole.columns)
    assert again.wkb.equals(whole.wkb)
    np.testing.assert_array_equal(again.bounds, whole.bounds)
    np.testing.assert_array_equal(again.offsets, whole.offsets)
    assert page(again, limit=3, offset=1).rows.tolist() == page(whole, limit=3, offset=1).rows.tolist()


def test_the_same_input_is_the_same_snapshot_and_another_view_another_one() -> None:
    assert cells(5).id == cells(5).id
    assert cells(5).id != cells(5, run="other").id
    one = snapshot("x", "public", ["0", "1"], None, {"p": [1, 2]}, {}, timestamp=STAMP)
    assert one.id != made({"p": [1, 2]}).id


@given(st.integers(0, 12), st.integers(1, 12), st.integers(0, 14))
def test_pages_are_slices_of_the_whole(n: int, limit: int, offset: int) -> None:
    whole = made({"p": list(range(n))}, n)
    found = page(whole, limit=limit, offset=offset)
    features = json.loads(b"[" + bytes(found.features) + b"]")
    assert features == parsed(whole)[offset : offset + limit]
    assert (found.number_matched, found.number_returned) == (n, len(features))
    assert found.has_next == (offset + limit < n)


@given(st.integers(1, 6), st.integers(0, 8))
def test_filtered_pages_hold_what_matches_in_order(limit: int, offset: int) -> None:
    whole = made({"p": [i % 3 for i in range(20)]}, 20)
    found = page(whole, limit=limit, offset=offset, filters={"p": 1})
    ids = [one["id"] for one in json.loads(b"[" + bytes(found.features) + b"]")]
    assert ids == [str(i) for i in range(20) if i % 3 == 1][offset : offset + limit]
    assert found.number_matched == 7


@given(st.tuples(*[st.floats(-112.2, -111.6)] * 2), st.tuples(*[st.floats(33.2, 33.7)] * 2))
def test_bbox_agrees_with_shapely(xs: tuple[float, float], ys: tuple[float, float]) -> None:
    whole = cells(400)
    box = (min(xs), min(ys), max(xs), max(ys))
    shapes = shapely.from_wkb(np.array(whole.wkb.to_pylist(), dtype=object))
    expected = np.flatnonzero(shapely.intersects(shapely.box(*box), shapes))
    assert page(whole, limit=None, bbox=box).rows.tolist() == expected.tolist()


def test_a_value_a_column_cannot_hold_matches_nothing() -> None:
    whole = made({"p": np.array([1, 2], dtype=np.uint8)})
    assert page(whole, limit=None, filters={"p": 1000}).number_matched == 0


@pytest.mark.parametrize(
    ("fids", "view", "columns", "said"),
    [
        (["a", "a"], "responder", {}, "ids must differ"),
        (["a"], "everyone", {}, "a view is one of"),
        (["a"], "responder", {"p": [1, 2]}, "needs 1 values, got 2"),
    ],
)
def test_what_makes_no_snapshot_is_refused(fids: list[str], view: str, columns: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        snapshot("x", view, fids, None, columns, {}, timestamp=STAMP)


def test_one_geometry_per_feature_is_needed() -> None:
    with pytest.raises(ValueError, match="one geometry per feature"):
        snapshot("x", "responder", ["a"], np.array([None, None]), {}, {}, timestamp=STAMP)
