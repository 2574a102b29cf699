"""The catalog over a store: which collections there are, their snapshots in bounded memory, raw rows.

The process owns the store, so what it keeps in memory is refreshed by those who write (`refresh`).
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from data.errors import SnapshotNotFound
from data.store import Layer, SnapshotKey, Store
from service.catalog import CollectionInfo, LayerPage, info_of
from service.errors import CollectionNotFound, SnapshotGone
from service.layer_rows import layer_info, row_feature, rows_page
from service.snapshots import Bbox, Interval, Snapshot, from_blobs

#: Layers themselves are for those who may see records; the public view has findings alone.
_RECORD_VIEW = "responder"


class StoreCatalog:
    """See the protocol `service.catalog.Catalog`."""

    def __init__(self, store: Store, *, cache_bytes: int, grace: timedelta) -> None:
        self.store = store
        self._grace = grace
        self._cache_bytes = cache_bytes
        self._cache: OrderedDict[SnapshotKey, Snapshot] = OrderedDict()
        self._lock = threading.RLock()
        self._refreshing = threading.Lock()
        self._keys: list[SnapshotKey] = []
        self._layers: dict[str, Layer] = {}
        self._infos: dict[tuple[str, str], CollectionInfo] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take over what was written since; one at a time, so that the last one sees the most."""
        with self._refreshing, self.store.reading():
            self._refresh()

    def _refresh(self) -> None:
        layers = {layer.id: layer for layer in self.store.layers()}
        keys = self.store.snapshot_keys()
        with self._lock:
            unchanged = {
                place: info
                for place, info in self._infos.items()
                if info.kind == "layer" and layers.get(info.id) == self._layers.get(info.id)
            }
            self._keys, self._layers = keys, layers
        infos: dict[tuple[str, str], CollectionInfo] = {}
        for layer in layers.values():
            place = (layer.id, _RECORD_VIEW)
            infos[place] = unchanged.get(place) or layer_info(self.store, layer)
        for key in keys:
            if key.superseded is None:
                infos[key.collection, key.view] = info_of(self._loaded(key))
        with self._lock:
            self._infos = infos
            for gone in set(self._cache) - {_place(key) for key in keys}:
                del self._cache[gone]

    def collections(self, view: str) -> list[CollectionInfo]:
        """Return findings first, then raw layers, each by id."""
        found = [info for (_, of_view), info in self._infos.items() if of_view == view]
        return sorted(found, key=lambda info: (info.kind == "layer", info.id))

    def collection(self, collection_id: str, view: str) -> CollectionInfo:
        """Return one collection's description."""
        info = self._infos.get((collection_id, view))
        if info is None:
            raise CollectionNotFound(f"there is no collection {collection_id!r}; /collections lists them")
        return info

    def snapshot(self, collection_id: str, view: str, run: str | None) -> Snapshot:
        """Return the current snapshot, or that of a run within its grace."""
        info = self.collection(collection_id, view)
        wanted = run or info.run
        with self._lock:
            key = next(
                (k for k in self._keys if (k.collection, k.view, k.run) == (collection_id, view, wanted)),
                None,
            )
        if key is None or self._is_over(key):
            raise SnapshotGone(
                f"run {wanted!r} of {collection_id!r} is no longer kept; ask without run for the current one"
            )
        try:
            return self._loaded(key)
        except SnapshotNotFound as err:
            raise SnapshotGone(f"run {wanted!r} of {collection_id!r} is no longer kept") from err

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
        """Return a page of a raw layer in the order of its rows."""
        self._require_layer(layer_id)
        with self.store.reading():
            layer = self.store.layer(layer_id)
            names = self._properties(layer_id)
            return rows_page(self.store, layer, limit, offset, bbox, datetime, filters, names)

    def layer_item(self, layer_id: str, fid: str) -> bytes:
        """Return one row as a GeoJSON feature."""
        self._require_layer(layer_id)
        with self.store.reading():
            return row_feature(self.store, self.store.layer(layer_id), fid, self._properties(layer_id))

    def _properties(self, layer_id: str) -> Mapping[str, Any]:
        info = self._infos.get((layer_id, _RECORD_VIEW))
        return {} if info is None else info.properties

    def _require_layer(self, layer_id: str) -> None:
        if layer_id not in self._layers:
            raise CollectionNotFound(f"there is no layer {layer_id!r}")

    def _is_over(self, key: SnapshotKey) -> bool:
        return key.superseded is not None and key.superseded + self._grace < datetime.now(UTC)

    def _loaded(self, key: SnapshotKey) -> Snapshot:
        """Return a snapshot from memory or the store; what was used longest ago leaves first."""
        place = _place(key)
        with self._lock:
            if place in self._cache:
                self._cache.move_to_end(place)
                return self._cache[place]
        loaded = from_blobs(self.store.snapshot(key.collection, key.view, key.run).blobs)
        with self._lock:
            self._cache[place] = loaded
            while len(self._cache) > 1 and sum(s.n_bytes for s in self._cache.values()) > self._cache_bytes:
                self._cache.popitem(last=False)
        return loaded


def _place(key: SnapshotKey) -> SnapshotKey:
    """Return where a snapshot stands in memory: the same before and after it was superseded."""
    return replace(key, superseded=None)
