"""A catalog in memory and use cases that only note what they were asked: the doubles of the HTTP tests."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from data.errors import AnalysisNotFound, LayerNotFound
from service.catalog import CollectionInfo, LayerPage, info_of
from service.errors import CollectionNotFound, FeatureNotFound, SnapshotGone
from service.snapshots import Bbox, Interval, Snapshot, page, snapshot
from service.use_cases import UploadSpec

DAY_US = 86_400_000_000


class MemoryCatalog:
    """Snapshots and layers held as Python objects; earlier runs readable unless named in `gone`."""

    def __init__(self, *snapshots: Snapshot, layers: tuple[Snapshot, ...] = ()) -> None:
        self.current = {one.collection: one for one in snapshots}
        self.earlier: dict[tuple[str, str], Snapshot] = {}
        self.gone: set[str] = set()
        self.layers = {one.collection: one for one in layers}

    def replace(self, new: Snapshot) -> None:
        old = self.current[new.collection]
        self.earlier[old.collection, old.run] = old
        self.current[new.collection] = new

    def collections(self, view: str) -> list[CollectionInfo]:
        return [info_of(one) for one in self.current.values()] + [
            _layer_info(one) for one in self.layers.values()
        ]

    def collection(self, collection_id: str, view: str) -> CollectionInfo:
        if collection_id in self.layers:
            return _layer_info(self.layers[collection_id])
        return info_of(self.snapshot(collection_id, view, None))

    def snapshot(self, collection_id: str, view: str, run: str | None) -> Snapshot:
        if collection_id not in self.current:
            raise CollectionNotFound(f"no collection {collection_id!r}")
        current = self.current[collection_id]
        if run is None or run == current.run:
            return current
        if (collection_id, run) not in self.earlier or run in self.gone:
            raise SnapshotGone(f"run {run} of {collection_id} is no longer kept")
        return self.earlier[collection_id, run]

    def layer_page(
        self,
        layer_id: str,
        *,
        limit: int,
        offset: int,
        bbox: Bbox | None,
        datetime: Interval | None,
        filters: Mapping[str, Any],
    ) -> LayerPage:
        whole = self.layers[layer_id]
        found = page(whole, limit=limit, offset=offset, bbox=bbox, datetime=datetime, filters=filters)
        return LayerPage(bytes(found.features), found.number_matched, found.number_returned, found.has_next)

    def layer_item(self, layer_id: str, fid: str) -> bytes:
        whole = self.layers[layer_id]
        if fid not in whole.row_of:
            raise FeatureNotFound(f"{layer_id} has no feature {fid!r}")
        return whole.feature(whole.row_of[fid])


class NotingUseCases:
    """Use cases that answer from what they were given and keep what they were asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.counts: dict[str, Any] = {"accepted": 1, "rejected": 0, "duplicate": 0, "updated": 0}

    def methods(self) -> list[dict[str, Any]]:
        return [
            {
                "id": "hotspots",
                "title": "Hotspots",
                "description": "Where incidents cluster.",
                "version": "1.0.0",
                "inputs": {
                    "layer": {"title": "Layer of incidents", "schema": {"type": "string"}},
                    "resolution": {
                        "title": "H3 resolution",
                        "schema": {"type": "integer", "minimum": 5, "maximum": 12, "default": 9},
                    },
                },
                "outputs": {"features": {"title": "Cells or areas", "schema": {"type": "object"}}},
            }
        ]

    def execute(self, method: str, inputs: Mapping[str, Any]) -> bytes:
        self.asked.append((method, dict(inputs)))
        if inputs.get("layer") == "missing":
            raise LayerNotFound("no layer 'missing'")
        if inputs.get("layer") == "broken":
            raise RuntimeError("secret detail")
        return b'{"type":"FeatureCollection","features":[]}'

    def layers(self) -> list[dict[str, Any]]:
        return [{"id": "calls", "kind": "incidents", "title": "Calls", "timezone": "UTC", "rows": 3}]

    def layer(self, layer_id: str) -> dict[str, Any]:
        if layer_id != "calls":
            raise LayerNotFound(f"no layer {layer_id!r}")
        return self.layers()[0]

    def ingests(self, layer_id: str) -> list[dict[str, Any]]:
        return [{"ingest": "1", "accepted": 3}]

    def rejects(self, layer_id: str, *, ingest: str | None, limit: int, offset: int) -> dict[str, Any]:
        self.asked.append(("rejects", (layer_id, ingest, limit, offset)))
        return {"rejects": [{"row": 4, "reason": "no-coordinate"}], "number_matched": 1}

    def append_items(self, layer_id: str, body: bytes, content_type: str) -> dict[str, Any]:
        self.asked.append(("append", (layer_id, body, content_type)))
        return dict(self.counts)

    def upload(self, layer_id: str, file: Path, spec: UploadSpec) -> dict[str, Any]:
        self.asked.append(("upload", (layer_id, file.name, file.read_bytes(), spec)))
        return dict(self.counts)

    def publish(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append(("publish", dict(definition)))
        return {"id": definition["id"], "method": definition["method"], "collections": [definition["id"]]}

    def analyses(self) -> list[dict[str, Any]]:
        return [{"id": "crash-hotspots", "method": "hotspots", "collections": ["crash-hotspots"]}]

    def analysis(self, analysis_id: str) -> dict[str, Any]:
        if analysis_id != "crash-hotspots":
            raise AnalysisNotFound(f"no analysis {analysis_id!r}")
        return self.analyses()[0]


def hexagons(
    n: int, center: tuple[float, float] = (-111.9, 33.4)
) -> tuple[NDArray[np.object_], list[str], dict[str, Any]]:
    """Return n made hexagons in rows, their ids, and properties like those of hotspots."""
    rng = np.random.default_rng(n)
    across = max(int(np.sqrt(n)), 1)
    columns, rows = np.arange(n) % across, np.arange(n) // across
    x, y = center[0] + 0.004 * columns, center[1] + 0.0035 * rows + 0.00175 * (columns % 2)
    angle = np.deg2rad(np.arange(0, 361, 60))
    ring = np.stack([0.002 * np.cos(angle), 0.002 * np.sin(angle)], axis=1)
    ring[-1] = ring[0]
    shapes = np.asarray(shapely.polygons(np.stack([x, y], axis=1)[:, None, :] + ring))
    ids = [f"89{row:013x}" for row in range(n)]
    z = rng.normal(size=n)
    properties = {
        "h3": ids,
        "count": rng.poisson(3, n),
        "expected": np.full(n, 3.0),
        "relative_risk": np.where(np.arange(n) % 3 == 0, np.nan, rng.random(n)),
        "ring": np.ones(n, dtype=np.int64),
        "neighbors": np.full(n, 7),
        "edge": np.arange(n) % 5 == 0,
        "z": z,
        "p": rng.random(n),
        "q": rng.random(n),
        "gi_bin": rng.integers(-3, 4, n),
        "class": np.where(z > 2, "hot", "none"),
        "p_method": ["exact"] * n,
    }
    return shapes, ids, properties


def cells(
    n: int, *, collection: str = "cells", run: str = "run-1", center: tuple[float, float] = (-111.9, 33.4)
) -> Snapshot:
    """Return made hexagons as a collection of cells."""
    shapes, ids, properties = hexagons(n, center)
    emberline = {"run": run, "method": "hotspots", "parameters": {"resolution": 9}, "data_version": "1"}
    return snapshot(
        collection,
        "responder",
        ids,
        shapes,
        properties,
        emberline,
        timestamp="2026-01-01T00:00:00Z",
        title="Made cells",
        description="Hexagons in rows.",
        descriptions={"count": "Incidents in the cell"},
    )


def areas() -> Snapshot:
    """Return six features that try a standard's corners: times, missing ones, multipolygons, odd text."""
    shapes = np.array(
        [
            shapely.box(-112.0, 33.0, -111.9, 33.1),
            shapely.box(0.0, 50.0, 1.0, 51.0),
            shapely.MultiPolygon([shapely.box(179, 66, 180, 67), shapely.box(-180, 66, -179, 67)]),
            shapely.Polygon([(-80, -5), (-70, -5), (-80, 5)]),
            None,
            shapely.box(10, 10, 11, 11),
        ]
    )
    day = np.arange(6) * DAY_US
    start = np.where(np.arange(6) == 5, np.iinfo(np.int64).min, day)
    end = np.where(np.arange(6) == 5, np.iinfo(np.int64).min, day + DAY_US // 2)
    return snapshot(
        "areas",
        "responder",
        ["hot-a", "hot-b", "cold-c", "hot-d", "a/b c?é", "none-f"],
        shapes,
        {
            "rank": [1, 2, 3, 4, 5, None],
            "name": ["Mill Ave", "=cmd()", '<script>alert("x")</script>', "-5", None, 'Ünï, "q"'],
            "peak_z": [5.5, np.nan, np.inf, 1.0, 0.0, -2.0],
            "significant": [True, False, None, True, False, True],
            "cells": [["8928308280fffff"], [], None, ["a", "b"], [], ["c"]],
            "top_categories": [{"fire": 3}, None, {}, {}, {}, {}],
            "first_time": np.array(day, dtype="datetime64[us]"),
            "limit": [1, 2, 3, 4, 5, 6],
        },
        {"run": "run-a", "method": "hotspots"},
        timestamp="2026-01-02T03:04:05Z",
        title="Areas",
        start=start,
        end=end,
    )


def calls() -> Snapshot:
    """Return three incidents as a raw layer."""
    return snapshot(
        "calls",
        "responder",
        ["c1", "c2", "c3"],
        shapely.points([[-111.9, 33.4], [-111.8, 33.5], [12.0, 48.0]]),
        {"category": ["fire", "ems", None], "weight": [1.0, 2.0, np.nan], "lng": [-111.9, -111.8, 12.0]},
        {},
        timestamp="2026-01-03T00:00:00Z",
        title="Calls",
        start=np.array([0, DAY_US, 2 * DAY_US]),
    )


def _layer_info(whole: Snapshot) -> CollectionInfo:
    return replace(info_of(whole), kind="layer", run=None)
