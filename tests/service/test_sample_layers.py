"""A layer of samples from file to items: identity over releases, times, properties and filters."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from data.duckdb_store import DuckDBStore
from data.store import IngestResult
from service.ingesting import IngestOrder, ingest_features, ingest_file
from service.layer_fields import layer_properties
from service.layer_rows import layer_info, rows_page
from service.layer_snapshots import snapshot_of_rows
from service.snapshots import Interval
from service.times import parse_datetime
from tests.requirements import dataset_path

HEAD = "site,date,analyte,value,unit,replicate\n"
RELEASE = HEAD + "A,2024-01-01,x,10,ng/L,1\nA,2024-01-01,x,12,ng/L,2\nA,2024-01-08,x,<2.5,ng/L,1\n"
LATER = HEAD + "A,2024-01-08,x,3,ng/L,1\nA,2024-01-01,x,12,ng/L,2\nA,2024-01-15,x,9,ng/L,1\n"


@pytest.fixture
def store(tmp_path: Path) -> DuckDBStore:
    store = DuckDBStore()
    _take(store, tmp_path, RELEASE)
    return store


def _take(store: DuckDBStore, folder: Path, text: str, **more: Any) -> IngestResult:
    path = folder / "release.csv"
    path.write_text(text)
    return ingest_file(store, path, IngestOrder("lab", kind="samples", timezone="America/Phoenix", **more))


def _fates(result: IngestResult) -> tuple[int, int, int, int]:
    return result.accepted, result.rejected, result.duplicate, result.updated


def _items(store: DuckDBStore, **filters: Any) -> list[dict[str, Any]]:
    layer = store.layer("lab")
    page = rows_page(store, layer, 10, 0, None, None, filters, layer_properties(store, layer))
    found: list[dict[str, Any]] = orjson.loads(b"[" + page.features + b"]")
    return found


def test_a_later_release_updates_what_it_changed_and_adds_what_is_new(
    store: DuckDBStore, tmp_path: Path
) -> None:
    assert _fates(_take(store, tmp_path, LATER)) == (1, 0, 1, 1)
    assert [item["properties"]["value"] for item in _items(store)] == [10.0, 12.0, 3.0, 9.0]
    assert not any(item["properties"]["below_limit"] for item in _items(store))


def test_the_same_release_in_another_order_changes_nothing(store: DuckDBStore, tmp_path: Path) -> None:
    before = store.layer("lab")
    head, *rows = RELEASE.splitlines(keepends=True)
    assert _fates(_take(store, tmp_path, head + "".join(reversed(rows)))) == (0, 0, 3, 0)
    assert store.layer("lab").data_version == before.data_version


def test_repeated_measurements_without_number_are_all_kept(tmp_path: Path) -> None:
    store = DuckDBStore()
    text = "site,date,analyte,value\nA,2024-01-01,x,10\nA,2024-01-01,x,12\nA,2024-01-01,x,10\n"
    result = _take(store, tmp_path, text)
    assert _fates(result) == (3, 0, 0, 0)
    assert result.report["counts"]["rows.equal"] == 1
    assert _fates(_take(store, tmp_path, text)) == (0, 0, 3, 0)


def test_only_equal_rows_are_dropped_on_demand(tmp_path: Path) -> None:
    store = DuckDBStore()
    text = "site,date,analyte,value\nA,2024-01-01,x,10\nA,2024-01-01,x,12\nA,2024-01-01,x,10\n"
    assert _fates(_take(store, tmp_path, text, drop_duplicates=True)) == (2, 0, 1, 0)
    assert sorted(item["properties"]["value"] for item in _items(store)) == [10.0, 12.0]


def test_the_collection_has_times_and_no_place(store: DuckDBStore) -> None:
    info = layer_info(store, store.layer("lab"))
    assert (info.geometry_kind, info.bbox) == (None, None)
    assert info.interval == ("2024-01-01T07:00:00Z", "2024-01-08T07:00:00Z")
    assert info.properties["below_limit"]["type"] == "boolean"


def test_items_have_no_geometry_and_all_fields(store: DuckDBStore) -> None:
    last = _items(store)[2]
    assert last["geometry"] is None
    assert last["properties"] == {
        "sewershed": "A",
        "start": "2024-01-08T07:00:00Z",
        "end": None,
        "time_precision": "day",
        "analyte": "x",
        "value": None,
        "unit": "ng/L",
        "below_limit": True,
        "limit": 2.5,
        "flow": None,
        "flow_unit": None,
        "population": None,
        "replicate": "1",
        "quality": None,
    }


def test_filters_by_time_field_and_place(store: DuckDBStore) -> None:
    layer = store.layer("lab")
    from_january_8 = rows_page(store, layer, 10, 0, None, _interval("2024-01-08T00:00:00Z"), {})
    assert from_january_8.number_matched == 1
    assert rows_page(store, layer, 10, 0, (0, 0, 1, 1), None, {}).number_matched == 3
    assert len(_items(store, start="2024-01-01T07:00:00Z")) == 2
    assert len(_items(store, below_limit=True)) == 1
    assert len(_items(store, replicate="2")) == 1


def test_a_page_of_samples_can_be_written_in_other_formats(store: DuckDBStore) -> None:
    layer = store.layer("lab")
    page = rows_page(store, layer, 10, 0, None, None, {}, layer_properties(store, layer))
    whole = snapshot_of_rows(layer_info(store, layer), page.features)
    assert (len(whole.fids), whole.geometry_kind) == (3, None)


def test_samples_may_come_as_features_without_geometry(store: DuckDBStore) -> None:
    properties = {"site": "B", "date": "2024-02-01", "analyte": "x", "value": 4.5, "unit": "ng/L"}
    features = [{"type": "Feature", "geometry": None, "properties": properties}]
    result = ingest_features(store, features, IngestOrder("lab", kind="samples"))
    assert _fates(result) == (1, 0, 0, 0)
    assert _items(store, sewershed="B")[0]["properties"]["value"] == 4.5


def test_two_overlapping_releases_of_a_country_are_counted_once() -> None:
    store = DuckDBStore()
    order = IngestOrder("nz", kind="samples", timezone="Pacific/Auckland")
    folder = dataset_path("wastewater/nz_esr")
    older = ingest_file(store, folder / "data_historic_ww_data_all.csv.gz", order)
    newer = ingest_file(store, folder / "data_ww_data_all.csv.gz", order)
    assert _fates(older) == (17_095, 0, 0, 0)
    # Six measurements were put right, 2,089 are new.
    assert _fates(newer) == (2_089, 0, 17_089, 6)
    table = store.layer("nz").table
    sites = store.query(f"SELECT count(DISTINCT sewershed) AS n FROM {table}")["n"][0].as_py()
    assert (store.layer("nz").n_rows, sites) == (19_184, 135)


def _interval(start: str) -> Interval:
    return parse_datetime(f"{start}/..")
