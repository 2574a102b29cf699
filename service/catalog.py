"""What the routes ask of the store: which collections there are, their snapshots, pages of raw layers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from service.snapshots import Bbox, Interval, Snapshot
from service.times import instant_text


@dataclass(frozen=True)
class CollectionInfo:
    """One collection as the API describes it.

    `interval` is first and last time (RFC 3339; None: open), or None where nothing has a time. `properties`
    is the JSON schema of each property in order. `version` changes whenever an answer could: the
    snapshot's id, or the layer's data version. `run` and `method` are None for raw layers.
    """

    id: str
    kind: Literal["snapshot", "layer"]
    title: str
    description: str
    version: str
    timestamp: str
    geometry_kind: str | None = None
    bbox: Bbox | None = None
    interval: tuple[str | None, str | None] | None = None
    item_count: int | None = None
    properties: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    run: str | None = None
    method: str | None = None


@dataclass(frozen=True)
class LayerPage:
    """A page of raw rows: GeoJSON features joined by commas; `number_matched` exact, or None if unknown."""

    features: bytes
    number_matched: int | None
    number_returned: int
    has_next: bool


class Catalog(Protocol):
    """The collections that can be read. All methods may be called from several threads at once."""

    def collections(self, view: str) -> list[CollectionInfo]:
        """Return every collection of the view, in a stable order."""
        ...

    def collection(self, collection_id: str, view: str) -> CollectionInfo:
        """Return one of them; called for every request, so keep it in memory.

        Raises
        ------
        CollectionNotFound
        """
        ...

    def snapshot(self, collection_id: str, view: str, run: str | None) -> Snapshot:
        """Return the current snapshot, or the one that `run` made.

        Raises
        ------
        CollectionNotFound, SnapshotGone
        """
        ...

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
        """Return a page of a raw layer in a stable order. `filters` are typed by the layer's `properties`."""
        ...

    def layer_item(self, layer_id: str, fid: str) -> bytes:
        """Return one row as a GeoJSON feature.

        Raises
        ------
        FeatureNotFound
        """
        ...


def info_of(whole: Snapshot) -> CollectionInfo:
    """Describe the collection that a snapshot makes up."""
    span = whole.interval
    return CollectionInfo(
        id=whole.collection,
        kind="snapshot",
        title=whole.title,
        description=whole.description,
        version=whole.id,
        timestamp=whole.timestamp,
        geometry_kind=whole.geometry_kind,
        bbox=whole.bbox,
        interval=None if span is None else (instant_text(span.start), instant_text(span.end)),
        item_count=len(whole),
        properties=whole.properties,
        run=whole.run,
        method=whole.emberline.get("method"),
    )
