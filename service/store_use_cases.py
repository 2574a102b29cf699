"""The use cases over a store: what the routes and the command line ask to be done."""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from data.errors import AnalysisNotFound, DataError
from data.store import Store
from models.errors import ModelError
from service.analyses.findings import Progress
from service.analyses.run import findings
from service.errors import InvalidInputs, InvalidParameter, ProcessNotFound, ServiceError, UnreadableBody
from service.ingesting import IngestOrder, ingest_features, ingest_file, result_json
from service.layer_facts import layer_json
from service.methods import METHODS, inputs_of, method_descriptions
from service.publishing import (
    analyses_of,
    feature_collection,
    in_order,
    publish_analysis,
    refreshed,
    snapshot_of,
    standing_on,
)
from service.snapshots import Snapshot
from service.use_cases import UploadSpec
from spatial.errors import SpatialError

logger = logging.getLogger(__name__)

#: Rejected rows told in the answer to an upload; all of them stay readable from the layer.
MAX_REJECTS_TOLD = 100


class StoreUseCases:
    """See the protocol `service.use_cases.UseCases`. `changed` is called after every write."""

    def __init__(
        self,
        store: Store,
        *,
        max_cells: int,
        grace: timedelta = timedelta(minutes=15),
        changed: Callable[[], None] = lambda: None,
        progress: Progress = lambda _: None,
    ) -> None:
        self.store = store
        self.max_cells = max_cells
        self.grace = grace
        self.changed = changed
        self.progress = progress
        self.refresher = Refresher(self._refresh)
        self._publishing = threading.Lock()

    def close(self) -> None:
        """Finish the refresh under way, then let go of the store."""
        self.refresher.close()
        self.store.close()

    def methods(self) -> list[dict[str, Any]]:
        """Return every method as an OGC process description."""
        return method_descriptions()

    def execute(self, method: str, inputs: Mapping[str, Any]) -> bytes:
        """Run a method and return its FeatureCollection."""
        return feature_collection(self.run(method, inputs))

    def run(self, method: str, inputs: Mapping[str, Any]) -> Snapshot:
        """Run a method and return the collection that its inputs ask for."""
        if method not in METHODS:
            raise ProcessNotFound(f"there is no method {method!r}; known are {', '.join(METHODS)}")
        checked = inputs_of(method, inputs)
        wanted = getattr(checked, "output", None)
        found = findings(
            method, self.store, checked, max_cells=self.max_cells, only=wanted, progress=self.progress
        )
        return snapshot_of(wanted or next(iter(found.collections)), found)

    def layers(self) -> list[dict[str, Any]]:
        """Return every layer."""
        return [layer_json(layer) for layer in self.store.layers()]

    def layer(self, layer_id: str) -> dict[str, Any]:
        """Return one layer."""
        return layer_json(self.store.layer(layer_id))

    def ingests(self, layer_id: str) -> list[dict[str, Any]]:
        """Return the layer's ingest log, newest first."""
        found = self.store.ingests(layer_id)
        if not found:
            self.store.layer(layer_id)
        return [{**one, "finished": one["finished"].isoformat() + "Z"} for one in found]

    def rejects(self, layer_id: str, *, ingest: str | None, limit: int, offset: int) -> dict[str, Any]:
        """Return rejected rows of one ingest, by default the newest."""
        known = {str(one["id"]): one["id"] for one in self.store.ingests(layer_id)}
        if not known:
            self.store.layer(layer_id)
        if ingest is not None and ingest not in known:
            detail = f"needs the id of an ingest of layer {layer_id!r}, got {ingest!r}"
            raise InvalidParameter(f"ingest {detail}", [{"parameter": "ingest", "detail": detail}])
        newest = next(iter(known.values()), 0)
        rows = self.store.rejects(newest if ingest is None else known[ingest])
        return {"rejects": rows.slice(offset, limit).to_pylist(), "number_matched": rows.num_rows}

    def append_items(self, layer_id: str, body: bytes, content_type: str) -> dict[str, Any]:
        """Take in a GeoJSON Feature, FeatureCollection or newline-delimited features."""
        order = IngestOrder(layer_id, kind=self._kind_of(layer_id))
        result = ingest_features(self.store, features_of(body, content_type), order)
        return self._told(result_json(result))

    def upload(self, layer_id: str, file: Path, spec: UploadSpec) -> dict[str, Any]:
        """Take in a file."""
        order = IngestOrder(
            layer_id,
            kind=spec.kind,
            mapping=spec.mapping,
            crs=spec.crs,
            timezone=spec.timezone,
            boundary=spec.boundary,
            title=spec.title,
            drop_duplicates=spec.drop_duplicates,
            replace=spec.replace,
        )
        return self._told(result_json(ingest_file(self.store, file, order)))

    def publish(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        """Save an analysis, run it and publish its collections."""
        with self._publishing:
            published = publish_analysis(
                self.store, definition, max_cells=self.max_cells, progress=self.progress
            )
            self._drop_superseded()
        self.changed()
        if standing_on(self.store, published["id"]):
            self.refresher.ask(lambda one: published["id"] in analyses_of(one))
        return published

    def analyses(self) -> list[dict[str, Any]]:
        """Return every saved analysis with its current run and collections."""
        keys = self.store.snapshot_keys()
        return [
            {
                **one.definition,
                "run": one.run,
                "created": one.created.isoformat().replace("+00:00", "Z"),
                "collections": sorted({key.collection for key in keys if key.run == one.run}),
            }
            for one in self.store.analyses()
        ]

    def analysis(self, analysis_id: str) -> dict[str, Any]:
        """Return one analysis."""
        for one in self.analyses():
            if one["id"] == analysis_id:
                return one
        raise AnalysisNotFound(f"there is no analysis {analysis_id!r}")

    def refresh_layers(self, layer_ids: set[str]) -> None:
        """Publish anew, in the background, every analysis that stands on these layers."""
        self.refresher.ask(lambda one: bool(layers_of(one) & layer_ids))

    def refresh_all(self) -> None:
        """Publish anew, in the background, what was computed on other data or by another version."""
        self.refresher.ask(lambda _: True)

    def _told(self, result: dict[str, Any]) -> dict[str, Any]:
        """Add the first rejects, and let the analyses follow the data."""
        rejects = self.store.rejects(result["ingest"])
        self.changed()
        if result["accepted"] or result["updated"]:
            self.refresh_layers({result["layer"]})
        return {**result, "rejects": rejects.slice(0, MAX_REJECTS_TOLD).to_pylist()}

    def _kind_of(self, layer_id: str) -> str:
        return next((layer.kind for layer in self.store.layers() if layer.id == layer_id), "incidents")

    def _refresh(self, wanted: Callable[[Mapping[str, Any]], bool]) -> None:
        """Refresh what is wanted, and after it what stands on it: whether that is due its run tells."""
        due: set[str] = set()
        for listed in in_order(self.store.analyses()):
            if wanted(listed.definition) or due & analyses_of(listed.definition):
                due.add(listed.id)
                if self._refreshed(listed.id):
                    self.changed()

    def _refreshed(self, analysis_id: str) -> bool:
        """Publish one analysis anew where that is due; what fails keeps its old collections."""
        with self._publishing:
            # Read again: a new definition may have been published while this one waited.
            current = next((one for one in self.store.analyses() if one.id == analysis_id), None)
            if current is None:
                return False
            try:
                is_new = refreshed(self.store, current, max_cells=self.max_cells)
                self._drop_superseded()
            except (DataError, ModelError, SpatialError, ServiceError) as err:
                logger.warning("analysis %s was not refreshed: %s", analysis_id, err)
                return False
            except Exception:
                # One analysis that cannot be computed must not hold up the others.
                logger.exception("analysis %s was not refreshed", analysis_id)
                return False
        return is_new

    def _drop_superseded(self) -> None:
        """Let go of snapshots whose grace is over."""
        self.store.drop_snapshots(datetime.now(UTC) - self.grace)


class Refresher:
    """One refresh running, one waiting: bursts of new data are answered by the one that waits."""

    def __init__(self, refresh: Callable[[Callable[[Mapping[str, Any]], bool]], None]) -> None:
        self._refresh = refresh
        self._condition = threading.Condition()
        self._wanted: list[Callable[[Mapping[str, Any]], bool]] = []
        self._busy = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def ask(self, wanted: Callable[[Mapping[str, Any]], bool]) -> None:
        """Ask for a refresh of the analyses for which `wanted` holds; returns at once."""
        with self._condition:
            if self._closed:
                return
            self._wanted.append(wanted)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="refresh", daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def wait(self) -> None:
        """Return when nothing is left to refresh."""
        with self._condition:
            self._condition.wait_for(lambda: not self._wanted and not self._busy)

    def close(self) -> None:
        """Finish what runs, forget what waits."""
        with self._condition:
            self._closed = True
            self._wanted.clear()
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._wanted or self._closed)
                if self._closed:
                    return
                asked, self._wanted = tuple(self._wanted), []
                self._busy = True
            try:
                self._refresh(_any_of(asked))
            except Exception:
                # A refresh must never end the thread that serves the next one.
                logger.exception("a refresh failed")
            finally:
                with self._condition:
                    self._busy = False
                    self._condition.notify_all()


def _any_of(
    asked: tuple[Callable[[Mapping[str, Any]], bool], ...],
) -> Callable[[Mapping[str, Any]], bool]:
    return lambda one: any(wanted(one) for wanted in asked)


def layers_of(definition: Mapping[str, Any]) -> set[str]:
    """Return the layers that an analysis stands on; all its texts where its method is unknown."""
    inputs = definition.get("inputs", {})
    try:
        return {layer for _, layer in inputs_of(definition["method"], inputs).layers()}
    except (InvalidInputs, KeyError):
        # It is tried with the others, so that its failure is told.
        return {value for value in inputs.values() if isinstance(value, str)}


def features_of(body: bytes, content_type: str) -> list[dict[str, Any]]:
    """Return the features of a GeoJSON or newline-delimited body."""
    is_lines = "ndjson" in content_type or "seq" in content_type or "jsonl" in content_type
    lines = body.replace(b"\x1e", b"").splitlines() if is_lines else [body]
    found: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError as err:
            where = f"line {number}: " if is_lines else ""
            raise UnreadableBody(f"{where}JSON was needed: {err}") from err
        found += _features_in(document)
    return found


def _features_in(document: Any) -> list[dict[str, Any]]:
    kind = document.get("type") if isinstance(document, dict) else type(document).__name__
    if kind == "FeatureCollection" and isinstance(document.get("features"), list):
        return list(document["features"])
    if kind == "Feature":
        return [document]
    raise UnreadableBody(f"a GeoJSON Feature or FeatureCollection was needed, got {kind!r}")
