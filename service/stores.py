"""Opening the store that a URL names, and layers that come from files beside it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from data.duckdb_store import DuckDBStore
from data.errors import LayerNotFound, StoreUnavailable
from data.store import Layer, Store


def is_remote(url: str) -> bool:
    """Return whether the URL names a running service."""
    return url.startswith(("http://", "https://"))


def store_path(url: str) -> Path | None:
    """Return the file of a ``duckdb:///PATH`` URL; None for ``duckdb:///:memory:``.

    Examples
    --------
    >>> store_path("duckdb:///city.duckdb").name
    'city.duckdb'
    """
    kind, _, place = url.partition(":///")
    if kind != "duckdb" or not place:
        raise StoreUnavailable(
            f"a store needs duckdb:///PATH or http(s)://HOST:PORT of a running service, got {url!r}"
        )
    return None if place == ":memory:" else Path(place)


def open_store(url: str) -> DuckDBStore:
    """Open the embedded store that a URL names, making it where it does not exist."""
    return DuckDBStore(store_path(url))


def file_clock(path: Path) -> Callable[[], datetime]:
    """Return the time of a file as the clock of the store it is read into: the same file, the same bytes."""
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return lambda: changed


class StoreBesideFiles:
    """A store in which some layer ids are files of the command line, kept in a store of their own."""

    def __init__(self, store: Store, files: Store) -> None:
        self._store = store
        self._files = files

    def layer(self, layer_id: str) -> Layer:
        """Return a layer of the files, else of the store."""
        return self._holder(layer_id).layer(layer_id)

    def geometries(self, layer_id: str) -> pa.Table:
        """Return a layer's geometries from where it lies."""
        return self._holder(layer_id).geometries(layer_id)

    def rows(self, layer_id: str, columns: Sequence[str]) -> pa.Table:
        """Return some columns of a layer's rows from where it lies."""
        return self._holder(layer_id).rows(layer_id, columns)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def _holder(self, layer_id: str) -> Store:
        try:
            self._files.layer(layer_id)
        except LayerNotFound:
            return self._store
        return self._files
