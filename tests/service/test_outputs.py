"""Findings as files: every ending is read back with what was found in it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from service.outputs import (
    OutputFailed,
    UnknownOutput,
    collection_read,
    output_kind,
    require_place,
    told_of,
    write_output,
)
from service.publishing import feature_collection
from service.snapshots import Snapshot, snapshot
from service.store_use_cases import StoreUseCases
from tests.requirements import need_tool
from tests.service.made import calls, emberline, filled_store, write_rows

ONE = shapely.Polygon([(0, 0), (1, 0), (1, 1)])
TWO = shapely.MultiPolygon([shapely.Polygon([(x, x), (x + 1, x), (x + 1, x + 1)]) for x in (2, 5)])
TIMES = np.array(["2024-01-02T03:04:05", "NaT"], dtype="datetime64[us]")
COLUMNS: dict[str, Any] = {
    "rank": np.array([1, 2]),
    "name": ["=cmd", "Añil, 2"],
    "z": np.array([2.5, np.nan]),
    "cells": [["a", "b"], []],
    "edge": np.array([True, False]),
    "since": [None, None],
    "expected": np.full(2, np.nan),
    "last_time": TIMES,
}
TYPES = {
    "rank": pa.int64(),
    "name": pa.string(),
    "z": pa.float64(),
    "cells": pa.string(),
    "edge": pa.bool_(),
    "since": pa.string(),
    "expected": pa.float64(),
    "last_time": pa.timestamp("us", tz="UTC"),
}
MEMBER = {"run": "r", "diagnostics": {"notes": ["a note"], "warnings": ["a warning"]}}


def _found(n: int = 2, *, is_table: bool = False) -> Snapshot:
    shapes = None if is_table else np.array([ONE, TWO], dtype=object)[:n]
    columns = {name: values[:n] for name, values in COLUMNS.items()}
    fids = ["hot-a", "hot-b"][:n]
    return snapshot("hotspots", "responder", fids, shapes, columns, MEMBER, timestamp="2024-03-01T00:00:00Z")


def _types(path: Path) -> dict[str, pa.DataType]:
    """Return the types of a Parquet file's columns, large texts as texts; without id and geometry."""
    of = {one.name: one.type for one in pq.read_schema(path) if one.name not in ("id", "geometry")}
    return {name: pa.string() if pa.types.is_large_string(one) else one for name, one in of.items()}


def _read(path: Path) -> pd.DataFrame:
    if path.suffix == ".csv":
        return pd.read_csv(path)
    return gpd.read_parquet(path) if "parquet" in path.suffix else gpd.read_file(path)


@pytest.mark.parametrize("ending", ["geojson", "json", "gpkg", "parquet", "geoparquet", "fgb", "csv", "GPKG"])
def test_every_ending_is_read_back(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out.{ending}"
    write_output(_found(), path)
    found = _read(path).sort_values("rank")
    assert found["rank"].tolist() == [1, 2]
    assert found["name"].iloc[1] == "Añil, 2"
    assert found["z"].iloc[0] == 2.5
    assert pd.isna(found["z"].iloc[1])
    cells = found["cells"].iloc[0]
    assert (json.loads(cells) if isinstance(cells, str) else list(cells)) == ["a", "b"]
    shapes = shapely.from_wkt(found["wkt"]) if ending == "csv" else found.geometry.to_numpy()
    assert shapely.area(shapes).tolist() == [0.5, 1.0]
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", ["gpkg", "parquet", "fgb", "csv"])
def test_lists_are_json_text_in_tables(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out.{ending}"
    write_output(_found(), path)
    assert sorted(_read(path)["cells"]) == ['["a","b"]', "[]"]


@pytest.mark.parametrize("ending", ["geojson", "gpkg", "parquet", "fgb", "csv"])
def test_no_findings_are_a_file_too(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out.{ending}"
    write_output(_found(0), path)
    assert len(_read(path)) == 0
    if ending != "geojson":
        assert set(COLUMNS) <= set(_read(path).columns)


@pytest.mark.parametrize("ending", ["geojson", "gpkg", "parquet", "fgb", "csv"])
def test_the_same_findings_are_the_same_bytes(tmp_path: Path, ending: str) -> None:
    one, two = tmp_path / "one" / f"out.{ending}", tmp_path / "two" / f"out.{ending}"
    for path in (one, two):
        path.parent.mkdir()
        write_output(_found(), path)
    assert one.read_bytes() == two.read_bytes()


def test_what_is_told_are_notes_and_warnings() -> None:
    assert told_of(_found()) == ["a note", "a warning"]


@pytest.mark.parametrize("is_sent", [False, True])
def test_columns_have_their_types_also_where_nothing_is_known(tmp_path: Path, is_sent: bool) -> None:
    found = collection_read(feature_collection(_found()), "x") if is_sent else _found()
    write_output(found, tmp_path / "out.parquet")
    assert _types(tmp_path / "out.parquet") == TYPES


@pytest.mark.parametrize("n", [0, 2])
@pytest.mark.parametrize("is_table", [False, True])
def test_what_a_service_sends_is_what_was_found(n: int, is_table: bool) -> None:
    found = _found(n, is_table=is_table)
    read = collection_read(feature_collection(found), found.collection)
    assert (read.fids, read.geometry_kind, read.features) == (
        found.fids,
        found.geometry_kind,
        found.features,
    )
    if n:
        assert read.columns.equals(found.columns)
    else:  # no value tells that a text is the JSON of a list
        assert read.columns.schema.names == found.columns.schema.names


@pytest.mark.parametrize("is_sent", [False, True])
def test_a_table_without_geometry_is_a_plain_table(tmp_path: Path, is_sent: bool) -> None:
    found = _found(is_table=True)
    found = collection_read(feature_collection(found), "x") if is_sent else found
    for ending in ("gpkg", "parquet"):
        write_output(found, tmp_path / f"out.{ending}")
    assert pyogrio.read_info(tmp_path / "out.gpkg")["geometry_type"] is None
    told = subprocess.run(
        [need_tool("ogrinfo"), "-so", "-al", str(tmp_path / "out.gpkg")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Geometry: None" in told
    assert b"geo" not in (pq.read_schema(tmp_path / "out.parquet").metadata or {})
    assert _types(tmp_path / "out.parquet") == TYPES
    with pytest.raises(OutputFailed, match=r"out\.fgb: FlatGeobuf needs geometries.*\.gpkg hold it"):
        write_output(found, tmp_path / "out.fgb")


#: What finds something in made calls, and what of it leaves nothing to find, by method.
ASKED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "hotspots": ({"resolution": 8, "output": "areas"}, {"category": ["NOTHING"]}),
    "outliers": ({"resolution": 8, "significant": True}, {"category": ["NOTHING"]}),
    "emerging": ({"resolution": 8, "significant": True}, {"alpha": 1e-12}),
    "clusters": ({"eps_m": 100, "min_samples": 5}, {"min_samples": 10_000}),
    "scan": ({"resolution": 8, "simulations": 99}, {"significant": True}),
}


@pytest.mark.parametrize("method", ASKED)
def test_a_run_that_finds_nothing_has_the_columns_of_one_that_does(tmp_path: Path, method: str) -> None:
    cases = StoreUseCases(filled_store(None, tmp_path), max_cells=10**6)
    asked, more = ASKED[method]
    some = cases.run(method, {"layer": "calls", **asked})
    none = cases.run(method, {"layer": "calls", **asked, **more})
    assert len(some) > 0
    assert len(none) == 0
    assert none.columns.schema.equals(some.columns.schema)


def test_a_table_from_the_command_line_is_told_where_it_cannot_be_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "calls.csv", calls(80))
    asked = ("run", "near-repeat", "calls.csv", "--param", "simulations=99", "-o")
    assert emberline(*asked, "pairs.gpkg") == 0
    assert pyogrio.read_info(tmp_path / "pairs.gpkg")["geometry_type"] is None
    capsys.readouterr()
    assert emberline(*asked, "pairs.fgb") == 1
    told = capsys.readouterr().err
    assert told.startswith("emberline: pairs.fgb: FlatGeobuf needs geometries")
    assert len(told.splitlines()) == 1


def test_a_formula_is_disarmed_in_csv(tmp_path: Path) -> None:
    write_output(_found(), tmp_path / "out.csv")
    assert "'=cmd" in (tmp_path / "out.csv").read_text()


def test_an_unknown_ending_names_those_that_there_are() -> None:
    with pytest.raises(UnknownOutput, match=r"\.geojson, .*\.csv; got 'a\.shp'"):
        output_kind(Path("a.shp"))


def test_places_that_cannot_be_written_are_told_before_the_work(tmp_path: Path) -> None:
    here = tmp_path / "in.csv"
    here.write_text("x")
    with pytest.raises(OutputFailed, match="which does not exist"):
        require_place(tmp_path / "no" / "x.csv")
    with pytest.raises(OutputFailed, match="is a directory"):
        require_place(tmp_path)
    with pytest.raises(OutputFailed, match="the file that is read"):
        require_place(here, here)


def test_a_failed_write_leaves_the_file_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.geojson"
    path.write_text("before")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputFailed, match="No space left on device"):
        write_output(_found(), path)
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["out.geojson"]
