"""Findings to a file: its ending chooses GeoJSON, GeoPackage, GeoParquet, FlatGeobuf or CSV."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely

from service.errors import ServiceError
from service.formats import csv_bytes, file_bytes
from service.publishing import feature_collection
from service.snapshots import Snapshot, snapshot

#: Arrow's type of each type in a schema; lists and objects are told by their values.
_ARROW: dict[str, pa.DataType] = {
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "date-time": pa.timestamp("us", tz="UTC"),
}

_KINDS = {
    ".geojson": "geojson",
    ".json": "geojson",
    ".gpkg": "gpkg",
    ".parquet": "parquet",
    ".geoparquet": "parquet",
    ".fgb": "fgb",
    ".csv": "csv",
}


class UnknownOutput(ServiceError, ValueError):
    """The output's ending names no format."""


class OutputFailed(ServiceError, OSError):
    """The output cannot be written where it was asked for."""


def output_kind(path: Path) -> str:
    """Return the format that a file's ending chooses; raise `UnknownOutput`."""
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise UnknownOutput(f"the output needs one of the endings {', '.join(_KINDS)}; got {path.name!r}")
    return kind


def require_place(path: Path, *inputs: Path) -> None:
    """Raise `OutputFailed` where a file cannot be, before the work whose result it is to hold."""
    if not path.parent.is_dir():
        raise OutputFailed(f"{path} needs the directory {path.parent}, which does not exist")
    if path.is_dir():
        raise OutputFailed(f"{path} is a directory; the name of a file is needed")
    if not os.access(path.parent, os.W_OK):
        raise OutputFailed(f"{path} cannot be written: the directory {path.parent} is read-only")
    if path.exists() and any(path.samefile(one) for one in inputs):
        raise OutputFailed(f"{path} is the file that is read; write to another")


def write_output(whole: Snapshot, path: Path) -> None:
    """Write a collection, whole or not at all; a table gets the file's name."""
    body = _body(output_kind(path), replace(whole, collection=path.stem), path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(body)
        temporary.replace(path)
    except OSError as err:
        temporary.unlink(missing_ok=True)
        raise OutputFailed(f"{path} cannot be written: {err.strerror}") from err


def told_of(whole: Snapshot) -> list[str]:
    """Return what a run says to its reader."""
    diagnostics = whole.emberline.get("diagnostics", {})
    return [*diagnostics.get("notes", []), *diagnostics.get("warnings", [])]


def collection_read(document: bytes, name: str) -> Snapshot:
    """Return the FeatureCollection that a service sent, its columns of the types that its `schema` tells."""
    found = orjson.loads(document)
    features, schema = found["features"], found["schema"]
    shapes = None
    if schema["geometry"] is not None:
        texts = [orjson.dumps(one["geometry"]) if one["geometry"] else None for one in features]
        shapes = shapely.from_geojson(np.array(texts, dtype=object))
    columns = {
        key: _column([one["properties"][key] for one in features], kind)
        for key, kind in schema["properties"].items()
    }
    fids = [str(one["id"]) for one in features]
    return snapshot(
        name, "responder", fids, shapes, columns, found["emberline"], timestamp=found["timeStamp"]
    )


def _body(kind: str, whole: Snapshot, path: Path) -> bytes:
    if kind == "geojson":
        return feature_collection(whole) + b"\n"
    if kind == "csv":
        return csv_bytes(whole.columns, whole.fids, whole.wkb)
    if kind == "fgb" and whole.geometry_kind is None:
        raise OutputFailed(
            f"{path.name}: FlatGeobuf needs geometries, got a table without; .csv, .parquet and .gpkg hold it"
        )
    return file_bytes(kind, whole, np.arange(len(whole)))


def _column(values: list[Any], kind: Mapping[str, str]) -> list[Any] | pa.Array:
    """Return JSON values as a column of the type that its schema names."""
    if kind.get("format") == "date-time":
        times = [None if value is None else datetime.fromisoformat(value) for value in values]
        return pa.array(times, _ARROW["date-time"])
    if kind["type"] == "number":
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array(values, _ARROW[kind["type"]]) if kind["type"] in _ARROW else values
