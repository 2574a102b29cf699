"""Layers of coverage from file to items: areas, cells and codes; identity; sums that cannot be added."""

import json
from pathlib import Path
from typing import Any

import h3
import orjson
import pytest

from data.duckdb_store import DuckDBStore
from data.errors import SumsExist
from data.store import IngestResult
from service.ingesting import IngestOrder, ingest_features, ingest_file
from service.layer_fields import layer_properties
from service.layer_rows import layer_info, row_feature, rows_page
from service.layer_snapshots import snapshot_of_rows
from service.snapshots import Bbox
from tests.data.test_availability import CELL, HEADER, line
from tests.data.test_open_coverage import AREA, ROAD, collection, feature
from tests.service.made import client_of, emberline

CODES = "zip,locations,unserved\n1001,10,1\n1001,12,2\n85281,5,0\n"


@pytest.fixture
def store() -> DuckDBStore:
    return DuckDBStore()


def _take(store: DuckDBStore, path: Path, text: str | None = None, **more: Any) -> IngestResult:
    if text is not None:
        path.write_text(text)
    return ingest_file(store, path, IngestOrder("net", kind="coverage", **more))


def _fates(result: IngestResult) -> tuple[int, int, int, int]:
    return result.accepted, result.rejected, result.duplicate, result.updated


def _items(store: DuckDBStore, bbox: Bbox | None = None, **filters: Any) -> list[dict[str, Any]]:
    layer = store.layer("net")
    page = rows_page(store, layer, 100, 0, bbox, None, filters, layer_properties(store, layer))
    assert page.number_matched == page.number_returned
    found: list[dict[str, Any]] = orjson.loads(b"[" + page.features + b"]")
    return found


def test_codes_are_a_collection_without_geometry(store: DuckDBStore, tmp_path: Path) -> None:
    assert _fates(_take(store, tmp_path / "zips.csv", CODES)) == (3, 0, 0, 0)
    info = layer_info(store, store.layer("net"))
    assert (info.geometry_kind, info.bbox) == (None, None)
    items = _items(store)
    assert [item["geometry"] for item in items] == [None, None, None]
    assert [item["properties"]["code"] for item in items] == ["01001", "01001", "85281"]
    assert items[0]["properties"] == {
        "name": None,
        "code": "01001",
        "cell": None,
        "locations": 10.0,
        "served": None,
        "underserved": None,
        "unserved": 1.0,
        "margin": None,
        "share_served": None,
        "source": None,
    }
    # Rows without a place pass every box.
    assert len(_items(store, (0.0, 0.0, 1.0, 1.0))) == 3
    assert [item["properties"]["unserved"] for item in _items(store, code="01001")] == [1.0, 2.0]


def test_a_corrected_table_updates_its_codes_and_repeats_nothing(store: DuckDBStore, tmp_path: Path) -> None:
    path = tmp_path / "zips.csv"
    _take(store, path, CODES)
    assert _fates(_take(store, path)) == (0, 0, 3, 0)
    head, *rows = CODES.splitlines(keepends=True)
    assert _fates(_take(store, path, head + "".join(reversed(rows)))) == (0, 0, 3, 0)
    assert _fates(_take(store, path, CODES.replace("5,0", "5,4") + "85282,7,7\n")) == (1, 0, 2, 1)
    assert [item["properties"]["unserved"] for item in _items(store)] == [1.0, 2.0, 4.0, 7.0]
    assert _fates(_take(store, path, CODES, replace=True)) == (3, 0, 0, 0)


def test_cells_are_drawn_and_found_by_their_name(store: DuckDBStore, tmp_path: Path) -> None:
    cells = sorted(h3.grid_disk(CELL, 1))
    _take(store, tmp_path / "cells.csv", "h3,units,unserved\n" + "".join(f"{c},9,1\n" for c in cells))
    info = layer_info(store, store.layer("net"))
    assert info.geometry_kind == "Polygon"
    assert info.bbox is not None
    assert [item["properties"]["cell"] for item in _items(store)] == cells
    [one] = _items(store, cell=CELL.upper())
    corners = {(round(lng, 6), round(lat, 6)) for lat, lng in h3.cell_to_boundary(CELL)}
    assert {(round(x, 6), round(y, 6)) for x, y in one["geometry"]["coordinates"][0]} == corners
    lat, lng = h3.cell_to_latlng(CELL)
    assert CELL in {item["properties"]["cell"] for item in _items(store, (lng, lat, lng, lat))}
    assert _items(store, (10.0, 10.0, 11.0, 11.0)) == []


def test_areas_and_lines_are_one_collection(store: DuckDBStore, tmp_path: Path) -> None:
    path = collection(
        tmp_path / "net.geojson",
        feature(AREA, vetro_id="a", Unserved="3", color="red"),
        feature(ROAD, vetro_id="b", Unserved=4, color="blue"),
    )
    _take(store, path)
    layer = store.layer("net")
    info = layer_info(store, layer)
    assert info.geometry_kind == "Geometry"
    assert [(i["id"], i["geometry"]["type"], i["properties"]["color"]) for i in _items(store)] == [
        ("a", "Polygon", "red"),
        ("b", "LineString", "blue"),
    ]
    assert orjson.loads(row_feature(store, layer, "b"))["properties"]["unserved"] == 4.0
    page = rows_page(store, layer, 10, 0, None, None, {}, info.properties)
    assert snapshot_of_rows(info, page.features).fids == ["a", "b"]
    assert store.rows("net", ["locations", "unserved"])["unserved"].to_pylist() == [3.0, 4.0]
    assert store.geometries("net").column_names == ["name", "value", "geometry"]


def test_features_come_over_http_too(store: DuckDBStore) -> None:
    features = [feature(AREA, id="a", locations=10, served=7, underserved=1)]
    result = ingest_features(store, features, IngestOrder("net", kind="coverage"))
    assert _fates(result) == (1, 0, 0, 0)
    assert _items(store)[0]["properties"]["unserved"] == 2.0


def _availability(path: Path, *lines: str) -> Path:
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def test_availability_files_become_a_row_per_cell_and_rule_set(store: DuckDBStore, tmp_path: Path) -> None:
    path = _availability(tmp_path / "bdc.csv", line(), line("A, B"), "broken")
    assert _fates(_take(store, path)) == (4, 1, 0, 0)
    [one] = _items(store, source="bead-2024")
    assert one["id"] == f"bead-2024:{CELL}"
    assert (one["properties"]["locations"], one["properties"]["served"]) == (1.0, 1.0)
    [reject] = store.rejects(store.ingests("net")[0]["id"]).to_pylist()
    assert (reject["row"], reject["reason"]) == (3, "ragged_row")


def test_other_availability_files_cannot_be_added_to_sums(store: DuckDBStore, tmp_path: Path) -> None:
    one = _availability(tmp_path / "one.csv", line())
    other = _availability(tmp_path / "other.csv", line(row=(2, 10, 1, 1, 1, "X", CELL)))
    _take(store, one)
    before = store.layer("net")
    with pytest.raises(SumsExist, match=r"read all files at once .* or take these instead with --replace"):
        _take(store, other)
    assert store.layer("net") == before
    assert _fates(_take(store, one)) == (0, 0, 4, 0)
    assert _fates(_take(store, other, replace=True)) == (4, 0, 0, 0)
    # Now the layer holds the sums of the other file alone.
    assert _fates(_take(store, other)) == (0, 0, 4, 0)
    with pytest.raises(SumsExist):
        _take(store, one)


def test_a_table_may_lie_beside_the_sums_of_files(store: DuckDBStore, tmp_path: Path) -> None:
    _take(store, _availability(tmp_path / "one.csv", line()))
    assert _fates(_take(store, tmp_path / "zips.csv", CODES)) == (3, 0, 0, 0)
    assert len(_items(store)) == 7


def test_a_second_file_is_a_conflict_over_http(tmp_path: Path) -> None:
    with client_of(tmp_path / "city.duckdb") as client:
        bodies = [
            _availability(tmp_path / f"{i}.csv", line(row=(i, 50, 100, 20, 1, "X", CELL))).read_bytes()
            for i in (1, 2)
        ]
        asked = {"kind": "coverage", "filename": "bdc.csv"}
        answers = [client.post("/layers/net/uploads", params=asked, content=body) for body in bodies]
        items = client.get("/collections/net/items", params={"f": "json", "source": "bead-2024"}).json()
    assert [answer.status_code for answer in answers] == [201, 409]
    assert answers[1].json()["type"] == "/problems/sums-exist"
    assert items["features"][0]["geometry"]["type"] == "Polygon"
    assert json.loads(answers[0].content)["accepted"] == 4


@pytest.mark.parametrize("form", ["json", "html", "csv", "ndjson", "parquet", "fgb", "gpkg"])
def test_places_of_every_form_are_told_in_every_format(tmp_path: Path, form: str) -> None:
    path = collection(tmp_path / "net.geojson", feature(AREA, id="a", unserved=1), feature(ROAD, id="b"))
    bodies = {
        "net.geojson": path.read_bytes(),
        "zips.csv": CODES.encode(),
        "h3.csv": f"h3,unserved\n{CELL},1".encode(),
    }
    with client_of(tmp_path / "city.duckdb") as client:
        for name, body in bodies.items():
            asked = {"kind": "coverage", "filename": name}
            assert client.post("/layers/net/uploads", params=asked, content=body).status_code == 201
        answer = client.get("/collections/net/items", params={"f": form})
    assert answer.status_code == 200


def test_the_command_takes_a_folder_of_availability_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    _availability(folder / "fibre.csv", line(), "broken")
    _availability(folder / "copper.csv", line(row=(2, 10, 10, 1, 1, "R", CELL)))
    order = ("--layer", "net", "--kind", "coverage", "--store", f"duckdb:///{tmp_path / 'city.duckdb'}")
    assert emberline("ingest", folder, *order, "--rejects", tmp_path / "rejects.csv") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "accepted=4 rejected=1 duplicate=0 updated=0"
    assert "fibre.csv: too few fields" in (tmp_path / "rejects.csv").read_text()
    assert emberline("ingest", folder / "copper.csv", *order) == 1
    assert "read all files at once" in capsys.readouterr().err
    assert emberline("ingest", folder, "--layer", "calls", *order[4:]) == 1
    assert "is not a file" in capsys.readouterr().err


def test_the_command_takes_every_field_of_the_contract(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b,c,d,e,f,g,h\n7,4013,9,5,1,3,0.5,survey\nx,,9,5,1,3,0.5,survey\n")
    names = ("id", "code", "locations", "served", "underserved", "unserved", "margin", "source")
    mapping = [part for n, c in zip(names, "abcdefgh", strict=True) for part in ("--map", f"{n}={c}")]
    order = ("--layer", "net", "--kind", "coverage", "--store", f"duckdb:///{tmp_path / 'city.duckdb'}")
    assert emberline("ingest", path, *order, *mapping) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "accepted=1 rejected=1 duplicate=0 updated=0"
    store = DuckDBStore(tmp_path / "city.duckdb")
    [row] = store.rows("net", ["code", "locations", "margin", "source"]).to_pylist()
    store.close()
    assert row == {"id": "7", "code": "04013", "locations": 9.0, "margin": 0.5, "source": "survey"}
