"""Findings as files: every ending is read back with what was found in it."""

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from service.outputs import OutputFailed, UnknownOutput, output_kind, require_place, write_output

FEATURES: list[dict[str, Any]] = [
    {
        "type": "Feature",
        "id": "hot-a",
        "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
        "properties": {"rank": 1, "name": "=cmd", "z": 2.5, "cells": ["a", "b"], "edge": True, "since": None},
    },
    {
        "type": "Feature",
        "id": "hot-b",
        "geometry": {
            "type": "MultiPolygon",
            "coordinates": [[[[2, 2], [3, 2], [3, 3], [2, 2]]], [[[5, 5], [6, 5], [6, 6], [5, 5]]]],
        },
        "properties": {"rank": 2, "name": "Añil, 2", "z": None, "cells": [], "edge": False, "since": None},
    },
]


def _collection(features: list[dict[str, Any]]) -> bytes:
    diagnostics = {"notes": ["a note"], "warnings": ["a warning"]}
    return json.dumps(
        {
            "type": "FeatureCollection",
            "timeStamp": "2024-03-01T00:00:00Z",
            "features": features,
            "emberline": {"run": "r", "diagnostics": diagnostics},
        }
    ).encode()


def _read(path: Path) -> pd.DataFrame:
    if path.suffix == ".csv":
        return pd.read_csv(path)
    return gpd.read_parquet(path) if "parquet" in path.suffix else gpd.read_file(path)


@pytest.mark.parametrize("ending", ["geojson", "json", "gpkg", "parquet", "geoparquet", "fgb", "csv", "GPKG"])
def test_every_ending_is_read_back(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out.{ending}"
    assert write_output(_collection(FEATURES), path) == (2, ["a note", "a warning"])
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
    write_output(_collection(FEATURES), path)
    assert sorted(_read(path)["cells"]) == ['["a","b"]', "[]"]


@pytest.mark.parametrize("ending", ["geojson", "gpkg", "parquet", "fgb", "csv"])
def test_no_findings_are_a_file_too(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out.{ending}"
    assert write_output(_collection([]), path)[0] == 0
    assert len(_read(path)) == 0


@pytest.mark.parametrize("ending", ["geojson", "gpkg", "parquet", "fgb", "csv"])
def test_the_same_findings_are_the_same_bytes(tmp_path: Path, ending: str) -> None:
    one, two = tmp_path / "one" / f"out.{ending}", tmp_path / "two" / f"out.{ending}"
    for path in (one, two):
        path.parent.mkdir()
        write_output(_collection(FEATURES), path)
    assert one.read_bytes() == two.read_bytes()


def test_a_formula_is_disarmed_in_csv(tmp_path: Path) -> None:
    write_output(_collection(FEATURES), tmp_path / "out.csv")
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
        write_output(_collection(FEATURES), path)
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["out.geojson"]
