"""A layer as plain data, as `/layers` and the command line tell it."""

from typing import Any

from data.store import Layer


def layer_json(layer: Layer) -> dict[str, Any]:
    """Return a layer as plain data."""
    return {
        "id": layer.id,
        "kind": layer.kind,
        "title": layer.title,
        "timezone": layer.timezone,
        "rows": layer.n_rows,
        "data_version": layer.data_version,
        "data_digest": layer.data_digest,
        "data_time": layer.data_time.isoformat().replace("+00:00", "Z"),
        "bbox": layer.bbox,
        "first_time": layer.first_time and layer.first_time.isoformat().replace("+00:00", "Z"),
        "last_time": layer.last_time and layer.last_time.isoformat().replace("+00:00", "Z"),
        "fields": layer.columns,
    }
