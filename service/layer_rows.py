"""Raw rows of a layer as GeoJSON features, page by page."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa
import shapely

from data.store import Layer, Store
from service.catalog import CollectionInfo, LayerPage
from service.errors import FeatureNotFound
from service.snapshots import Bbox, Interval

#: Canonical properties of a row, with their JSON schemas, by kind of layer.
_INCIDENT = {
    "time": {"title": "time", "type": "string", "format": "date-time"},
    "time_precision": {"title": "time_precision", "type": "string"},
    "category": {"title": "category", "type": "string"},
    "severity": {"title": "severity", "type": "string"},
    "street": {"title": "street", "type": "string"},
    "mode": {"title": "mode", "type": "string"},
    "weight": {"title": "weight", "type": "number"},
}
_FEATURE = {
    "name": {"title": "name", "type": "string"},
    "value": {"title": "value", "type": "number"},
}

_SAMPLE = 1000


def layer_info(store: Store, layer: Layer) -> CollectionInfo:
    """Describe the collection of a layer's rows."""
    canonical = _canonical(layer)
    return CollectionInfo(
        id=layer.id,
        kind="layer",
        title=layer.title,
        description=f"Rows of the layer {layer.id} ({layer.kind}) as they were ingested.",
        version=f"{layer.data_version}-{layer.data_digest}",
        timestamp=_text(layer.data_time) or "",
        geometry_kind="Point" if layer.kind == "incidents" else _geometry_kind(store, layer),
        bbox=layer.bbox,
        interval=(_text(layer.first_time), _text(layer.last_time)) if layer.first_time else None,
        item_count=layer.n_rows,
        properties={**canonical, **_attribute_schemas(store, layer, canonical)},
    )


def rows_page(
    store: Store,
    layer: Layer,
    limit: int,
    offset: int,
    bbox: Bbox | None,
    asked: Interval | None,
    filters: Mapping[str, Any],
) -> LayerPage:
    """Return a page of rows in their order; unfiltered pages are one range of ordinals."""
    where, values = _conditions(layer, bbox, asked, filters)
    if not where:
        rows = store.query(
            f"SELECT * FROM {layer.table} WHERE ordinal >= ? AND ordinal < ? ORDER BY ordinal",
            [offset, offset + limit],
        )
        matched = layer.n_rows
    else:
        clause = " AND ".join(where)
        matched = store.query(f"SELECT count(*) AS n FROM {layer.table} WHERE {clause}", values)["n"][
            0
        ].as_py()
        rows = store.query(
            f"SELECT * FROM {layer.table} WHERE {clause} ORDER BY ordinal LIMIT {limit:d} OFFSET {offset:d}",
            values,
        )
    features = _features(layer, rows)
    return LayerPage(b",".join(features), matched, len(features), offset + len(features) < matched)


def row_feature(store: Store, layer: Layer, fid: str) -> bytes:
    """Return one row as a GeoJSON feature."""
    rows = store.query(f"SELECT * FROM {layer.table} WHERE id = ? LIMIT 1", [fid])
    if not rows.num_rows:
        raise FeatureNotFound(f"layer {layer.id!r} has no row {fid!r}")
    return _features(layer, rows)[0]


def _features(layer: Layer, rows: pa.Table) -> list[bytes]:
    if layer.kind == "incidents":
        return [orjson.dumps(_incident(row)) for row in rows.to_pylist()]
    return [_feature(row) for row in rows.to_pylist()]


def _incident(row: dict[str, Any]) -> dict[str, Any]:
    time = row["time"]
    properties = {**row, "time": None if time is None else _text(time)}
    return {
        "type": "Feature",
        "id": row["id"],
        "geometry": {"type": "Point", "coordinates": [round(row["lng"], 7), round(row["lat"], 7)]},
        "properties": _with_attributes({name: properties[name] for name in _INCIDENT}, row["attributes"]),
    }


def _feature(row: dict[str, Any]) -> bytes:
    geometry = orjson.Fragment(shapely.to_geojson(shapely.from_wkb(row["geometry"])))
    properties = _with_attributes({name: row[name] for name in _FEATURE}, row["attributes"])
    return orjson.dumps({"type": "Feature", "id": row["id"], "geometry": geometry, "properties": properties})


def _with_attributes(properties: dict[str, Any], attributes: str | None) -> dict[str, Any]:
    """Add the columns that no canonical field took; a canonical field is never overwritten."""
    return {**orjson.loads(attributes), **properties} if attributes else properties


def _conditions(
    layer: Layer, bbox: Bbox | None, asked: Interval | None, filters: Mapping[str, Any]
) -> tuple[list[str], list[Any]]:
    where: list[str] = []
    values: list[Any] = []
    is_incident = layer.kind == "incidents"
    if bbox is not None and is_incident:
        west, south, east, north = bbox
        across = "AND" if west <= east else "OR"
        where.append(f"(lng >= ? {across} lng <= ?) AND lat BETWEEN ? AND ?")
        values += [west, east, south, north]
    elif bbox is not None:
        west, south, east, north = bbox
        across = "AND" if west <= east else "OR"
        where.append(f"(east >= ? {across} west <= ?) AND north >= ? AND south <= ?")
        values += [west, east, south, north]
    if asked is not None and is_incident:
        for sign, microseconds in ((">=", asked.start), ("<=", asked.end)):
            if microseconds is not None:
                where.append(f"(time IS NULL OR time {sign} make_timestamp(?))")
                values.append(microseconds)
    for name, value in filters.items():
        where.append(_equals(layer, name))
        values.append(value)
    return where, values


def _equals(layer: Layer, name: str) -> str:
    if name == "time":
        return "time = ?::TIMESTAMPTZ AT TIME ZONE 'UTC'"
    if name in _canonical(layer):
        return f'"{name}" = ?'
    path = name.replace("'", "''").replace('"', '\\"')
    return f"json_extract_string(attributes, '$.\"{path}\"') = ?::VARCHAR"


def _canonical(layer: Layer) -> dict[str, dict[str, str]]:
    return _INCIDENT if layer.kind == "incidents" else _FEATURE


def _geometry_kind(store: Store, layer: Layer) -> str:
    """Name the GeoJSON type that holds the layer's geometries, judged by its first rows."""
    table = store.query(f"SELECT geometry FROM {layer.table} ORDER BY ordinal LIMIT {_SAMPLE}")
    kinds = {shape.geom_type for shape in shapely.from_wkb(table["geometry"].to_pylist())}
    if len(kinds) == 1:
        return str(kinds.pop())
    plain = {kind.removeprefix("Multi") for kind in kinds}
    return f"Multi{plain.pop()}" if len(plain) == 1 else "Geometry"


def _attribute_schemas(store: Store, layer: Layer, canonical: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Return the schemas of the further columns, from the first rows."""
    sample = store.query(
        f"SELECT attributes FROM {layer.table} WHERE attributes IS NOT NULL ORDER BY ordinal LIMIT {_SAMPLE}"
    )
    types: dict[str, set[str]] = {}
    for text in sample["attributes"].to_pylist():
        for name, value in orjson.loads(text).items():
            types.setdefault(name, set()).add(_json_type(value))
    return {
        name: {"title": name, "type": _common_type(found - {"null"})}
        for name, found in types.items()
        if name not in canonical
    }


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "string"


def _common_type(found: set[str]) -> str:
    if len(found) == 1:
        return next(iter(found))
    return "number" if found == {"integer", "number"} else "string"


def _text(value: datetime | None) -> str | None:
    if value is None:
        return None
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
