"""Findings to a file: its ending chooses GeoJSON, GeoPackage, GeoParquet, FlatGeobuf or CSV."""

import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely

from service.errors import ServiceError
from service.formats import csv_bytes, file_bytes
from service.snapshots import Snapshot, snapshot

_UTC = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z")

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


def write_output(collection: bytes, path: Path) -> tuple[int, list[str]]:
    """Write a FeatureCollection, whole or not at all; return how many features it holds, and its notes."""
    kind = output_kind(path)
    document = orjson.loads(collection)
    body = collection + b"\n" if kind == "geojson" else _as(kind, document, path.stem)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(body)
        temporary.replace(path)
    except OSError as err:
        temporary.unlink(missing_ok=True)
        raise OutputFailed(f"{path} cannot be written: {err.strerror}") from err
    diagnostics = document.get("emberline", {}).get("diagnostics", {})
    notes = [*diagnostics.get("notes", []), *diagnostics.get("warnings", [])]
    return len(document["features"]), notes


def _as(kind: str, document: dict[str, Any], name: str) -> bytes:
    whole = _snapshot_of(document, name)
    if kind == "csv":
        return csv_bytes(whole.columns, whole.fids, whole.wkb)
    return file_bytes(kind, whole, np.arange(len(whole)))


def _snapshot_of(document: dict[str, Any], name: str) -> Snapshot:
    """Return a FeatureCollection as a snapshot: columns and geometries side by side."""
    features = document["features"]
    texts = [orjson.dumps(one["geometry"]) if one["geometry"] else None for one in features]
    shapes = shapely.from_geojson(np.array(texts, dtype=object))
    names = list(features[0]["properties"]) if features else []
    return snapshot(
        name,
        "responder",
        [str(one["id"]) for one in features],
        shapes,
        {key: _column([one["properties"][key] for one in features]) for key in names},
        document.get("emberline", {}),
        timestamp=document.get("timeStamp", ""),
    )


def _column(values: list[Any]) -> list[Any] | pa.Array:
    """Return values as they are, texts that are all times in UTC as times: files have a type for them."""
    told = [value for value in values if value is not None]
    if not told or not all(isinstance(value, str) and _UTC.fullmatch(value) for value in told):
        return values
    return pa.array(
        [None if value is None else datetime.fromisoformat(value) for value in values],
        pa.timestamp("us", tz="UTC"),
    )
