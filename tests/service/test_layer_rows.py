"""Raw rows as features: one set of properties under one spelling, whatever the files called their columns."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from data.duckdb_store import DuckDBStore
from service.ingesting import IngestOrder, ingest_features, ingest_file
from service.layer_fields import layer_properties
from service.layer_rows import layer_info, row_feature, rows_page

FIRST_YEAR = "Lng,Lat,Date,Kind,Cadlog\n-46.6,-23.5,2011-01-02 16:12:00,CO,33306\n"
NEXT_YEAR = (
    "LNG,LAT,DATE,KIND,CADLOG,VICTIMS\n-46.7,-23.6,2014-01-06 16:05:00.25,AT,00057,2\n-46.7,-23.6,,AT,,\n"
)


@pytest.fixture
def store(tmp_path: Path) -> DuckDBStore:
    store = DuckDBStore()
    for name, text in (("2011.csv", FIRST_YEAR), ("2014.csv", NEXT_YEAR)):
        path = tmp_path / name
        path.write_text(text)
        ingest_file(store, path, IngestOrder("crashes", timezone="America/Sao_Paulo"))
    return store


def _features(store: DuckDBStore, **filters: Any) -> list[dict[str, Any]]:
    layer = store.layer("crashes")
    page = rows_page(store, layer, 10, 0, None, None, filters, layer_properties(store, layer))
    found: list[dict[str, Any]] = orjson.loads(b"[" + page.features + b"]")
    assert page.number_matched == page.number_returned == len(found)
    return found


def test_columns_that_differ_in_case_are_one_property(store: DuckDBStore) -> None:
    assert [one["properties"]["Cadlog"] for one in _features(store)] == ["33306", "00057", None]
    assert "CADLOG" not in layer_properties(store, store.layer("crashes"))


def test_every_row_has_every_property_of_the_layer(store: DuckDBStore) -> None:
    names = set(layer_properties(store, store.layer("crashes")))
    assert {frozenset(one["properties"]) for one in _features(store)} == {frozenset(names)}
    assert "VICTIMS" in names


def test_a_filter_finds_the_rows_of_all_spellings(store: DuckDBStore) -> None:
    assert [one["properties"]["category"] for one in _features(store, Cadlog="00057")] == ["AT"]


def test_the_same_rows_under_other_headers_are_the_same_rows(store: DuckDBStore, tmp_path: Path) -> None:
    again = tmp_path / "again.csv"
    again.write_text(FIRST_YEAR.replace("Cadlog", "CADLOG"))
    result = ingest_file(store, again, IngestOrder("crashes"))
    assert (result.accepted, result.duplicate) == (0, 1)


def test_times_are_utc_with_the_fractions_that_they_have(store: DuckDBStore) -> None:
    assert [one["properties"]["time"] for one in _features(store)] == [
        "2011-01-02T18:12:00Z",
        "2014-01-06T18:05:00.250000Z",
        None,
    ]


def test_one_row_is_the_same_feature_as_in_its_page(store: DuckDBStore) -> None:
    layer = store.layer("crashes")
    first = _features(store)[0]
    names = layer_properties(store, layer)
    assert orjson.loads(row_feature(store, layer, first["id"], names)) == first
    assert first["geometry"] == {"type": "Point", "coordinates": [-46.6, -23.5]}


def test_a_page_behind_the_last_row_is_empty(store: DuckDBStore) -> None:
    page = rows_page(store, store.layer("crashes"), 10, 3, None, None, {})
    assert (page.features, page.number_matched, page.has_next) == (b"", 3, False)


def test_the_geometry_type_holds_all_rows_not_only_the_first(store: DuckDBStore) -> None:
    ring = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]
    single = {"type": "Polygon", "coordinates": [ring]}
    double = {"type": "MultiPolygon", "coordinates": [[ring], [[[x + 5, y] for x, y in ring]]]}
    features = [{"type": "Feature", "properties": {}, "geometry": shape} for shape in (single, double)]
    ingest_features(store, features, IngestOrder("wards", kind="boundary"))
    assert layer_info(store, store.layer("wards")).geometry_kind == "MultiPolygon"
