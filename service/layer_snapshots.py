"""A page of raw rows as a small snapshot, so that every format of findings is also one of layers."""

import numpy as np
import orjson
import shapely

from service.catalog import CollectionInfo
from service.snapshots import Snapshot, snapshot


def snapshot_of_rows(info: CollectionInfo, features: bytes) -> Snapshot:
    """Return the features (joined by commas) as a snapshot with the layer's properties as columns."""
    parsed = orjson.loads(b"[" + features + b"]")
    texts = [None if one.get("geometry") is None else orjson.dumps(one["geometry"]) for one in parsed]
    shapes = shapely.from_geojson(np.array(texts, dtype=object))
    names = list(info.properties) or sorted({name for one in parsed for name in one["properties"]})
    return snapshot(
        info.id,
        "responder",
        [str(one["id"]) for one in parsed],
        None if info.geometry_kind is None else shapes,
        {name: [one["properties"].get(name) for one in parsed] for name in names},
        {},
        timestamp=info.timestamp,
        title=info.title,
        description=info.description,
    )
