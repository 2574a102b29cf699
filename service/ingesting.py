"""Taking a file or features into a layer: the reader, the checks, one transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import shapely

from data.errors import LayerNotFound
from data.readers.feature_items import features_source
from data.readers.open import open_coverage, open_features, open_incidents, open_roads, open_samples
from data.records import CleanSource, IngestSpec
from data.store import IngestResult, Layer, Store
from service.layer_fields import attribute_spellings


@dataclass(frozen=True)
class IngestOrder:
    """What a user asks of one upload; `boundary` is the id of a boundary layer, or the path of a file.

    A path comes from the command line alone: who sends a request must not make the service open its files.
    """

    layer: str
    kind: str = "incidents"
    mapping: dict[str, str] = field(default_factory=dict)
    crs: str | None = None
    timezone: str | None = None
    boundary: str | Path | None = None
    title: str = ""
    drop_duplicates: bool = False
    replace: bool = False


def ingest_file(store: Store, path: Path, order: IngestOrder) -> IngestResult:
    """Read a file into a layer; the answer is given after commit."""
    spec = ingest_spec(store, order)
    openers = {
        "incidents": open_incidents,
        "samples": open_samples,
        "coverage": open_coverage,
        "roads": open_roads,
    }
    opened = openers.get(order.kind, open_features)
    return _taken(store, spec, opened(path, spec), order)


def ingest_features(store: Store, features: Iterable[dict[str, Any]], order: IngestOrder) -> IngestResult:
    """Take GeoJSON features into a layer."""
    spec = ingest_spec(store, order)
    return _taken(store, spec, features_source(features, spec), order)


def ingest_spec(store: Store, order: IngestOrder) -> IngestSpec:
    """Return what the reader must know: what is not said is as it was for this layer before."""
    known = _known(store, order.layer)
    timezone = order.timezone or (known.timezone if known and not order.replace else None)
    return IngestSpec(
        layer=order.layer,
        kind=order.kind,
        mapping=order.mapping,
        crs=order.crs,
        timezone=timezone,
        boundary=_outline(store, order.boundary) if order.boundary else None,
        spellings=attribute_spellings(store, known) if known and not order.replace else {},
    )


def result_json(result: IngestResult) -> dict[str, Any]:
    """Return what became of an upload as plain data."""
    return {
        "layer": result.layer,
        "ingest": result.ingest,
        "accepted": result.accepted,
        "rejected": result.rejected,
        "duplicate": result.duplicate,
        "updated": result.updated,
        "report": result.report,
    }


def _taken(store: Store, spec: IngestSpec, source: CleanSource, order: IngestOrder) -> IngestResult:
    return store.ingest(
        spec, source, title=order.title, drop_duplicates=order.drop_duplicates, replace=order.replace
    )


def _known(store: Store, layer_id: str) -> Layer | None:
    try:
        return store.layer(layer_id)
    except LayerNotFound:
        return None


def _outline(store: Store, boundary: str | Path) -> bytes:
    """Return the union of a boundary's polygons as WKB, from a layer of the store or from a file."""
    if isinstance(boundary, Path):
        source = open_features(boundary, IngestSpec("boundary", kind="boundary"))
        shapes = [shape for batch in source.batches() for shape in batch.rows["geometry"].to_pylist()]
    else:
        if (layer := store.layer(boundary)).kind != "boundary":
            raise LayerNotFound(
                f"boundary needs a layer of kind boundary; {boundary!r} is of kind {layer.kind}"
            )
        shapes = store.geometries(boundary)["geometry"].to_pylist()
    return bytes(shapely.to_wkb(shapely.union_all(shapely.from_wkb(shapes))))
