"""What the routes ask to be done: run a method, take in data, publish; see `service.store_use_cases`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class UploadSpec:
    """What the sender of a file said about it; `filename` is only a name, never a place."""

    filename: str
    kind: str = "incidents"
    mapping: dict[str, str] = field(default_factory=dict)
    crs: str | None = None
    timezone: str | None = None
    boundary: str | None = None
    title: str = ""
    drop_duplicates: bool = False
    replace: bool = False


class UseCases(Protocol):
    """Everything the API can be asked to do. All methods may be called from several threads at once.

    Answers are dicts that go out as JSON. Errors are those of the floors below, and `service.errors`.
    """

    def methods(self) -> list[dict[str, Any]]:
        """Return every method as an OGC process description.

        Each has `id`, `title`, `description`, `version`, `inputs` (name → `{title, schema, minOccurs,
        maxOccurs}`) and `outputs` (name → `{title, schema}`).
        """
        ...

    def execute(self, method: str, inputs: Mapping[str, Any]) -> bytes:
        """Run a method and return its FeatureCollection."""
        ...

    def layers(self) -> list[dict[str, Any]]:
        """Return every layer: at least `id`, `kind`, `title`, `timezone`, `rows`, `data_version`."""
        ...

    def layer(self, layer_id: str) -> dict[str, Any]:
        """Return one layer with its fields. Raises `LayerNotFound`."""
        ...

    def ingests(self, layer_id: str) -> list[dict[str, Any]]:
        """Return the layer's ingest log, newest first."""
        ...

    def rejects(self, layer_id: str, *, ingest: str | None, limit: int, offset: int) -> dict[str, Any]:
        """Return rejected rows (`row`, `reason`, `detail`, `original`) as `{rejects, number_matched}`."""
        ...

    def append_items(self, layer_id: str, body: bytes, content_type: str) -> dict[str, Any]:
        """Take in GeoJSON or NDJSON features; the answer is given after commit.

        `accepted`, `rejected`, `duplicate`, `updated` are counts; `ids` the ids of the taken features (may
        be left out beyond a few), `rejects` the first rejected rows.
        """
        ...

    def upload(self, layer_id: str, file: Path, spec: UploadSpec) -> dict[str, Any]:
        """Take in a file; the answer is given after commit, with the same counts and the `ingest` id."""
        ...

    def publish(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        """Save an analysis, run it and publish its collections; the answer has `id` and `collections`."""
        ...

    def analyses(self) -> list[dict[str, Any]]:
        """Return every saved analysis."""
        ...

    def analysis(self, analysis_id: str) -> dict[str, Any]:
        """Return one. Raises `AnalysisNotFound`."""
        ...
