"""A collection in the words of the standards: its description, queryables and schemas."""

from typing import Any

from service.catalog import CollectionInfo
from service.formats import ITEM_FORMATS
from service.links import (
    GEOJSON,
    HTML,
    JSON,
    REL_QUERYABLES,
    REL_SCHEMA,
    SCHEMA,
    Link,
    link,
    path_to,
    with_query,
)
from service.query import CRS84, queryables

Json = dict[str, Any]

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"

_GEOMETRY_FORMATS = {
    "Point": "geometry-point",
    "MultiPoint": "geometry-multipoint",
    "LineString": "geometry-linestring",
    "MultiLineString": "geometry-multilinestring",
    "Polygon": "geometry-polygon",
    "MultiPolygon": "geometry-multipolygon",
}


def item_formats(info: CollectionInfo) -> dict[str, str]:
    """Return f → media type of what the collection's items are offered in."""
    left_out = set()
    if "h3" not in info.properties:
        left_out.add("h3")
    if info.geometry_kind is None:
        left_out.add("fgb")
    return {name: media for name, media in ITEM_FORMATS.items() if name not in left_out}


def collection_json(base: str, info: CollectionInfo, links: list[Link]) -> Json:
    """Return the description of a collection; `links` are those to the description itself."""
    body: Json = {
        "id": info.id,
        "title": info.title,
        "description": info.description,
        "itemType": "feature",
        "crs": [CRS84],
        "storageCrs": CRS84,
        "links": [*links, *_links_onward(base, info)],
    }
    extent: Json = {}
    if info.bbox is not None:
        extent["spatial"] = {"bbox": [list(info.bbox)], "crs": CRS84}
    if info.interval is not None:
        extent["temporal"] = {"interval": [list(info.interval)], "trs": GREGORIAN}
    if extent:
        body["extent"] = extent
    if info.item_count is not None:
        body["itemCount"] = info.item_count
    if info.run is not None:
        body["run"] = info.run
    if info.method is not None:
        body["method"] = info.method
    return body


def queryables_json(href: str, info: CollectionInfo) -> Json:
    """Return what the collection can be filtered by (OGC API Features, part 3)."""
    properties: Json = {name: dict(schema) for name, schema in queryables(info.properties).items()}
    return _schema(href, info) | {
        "properties": _geometry_property(info) | properties,
        "additionalProperties": False,
    }


def schema_json(href: str, info: CollectionInfo) -> Json:
    """Return all properties, flat (OGC API Features, part 5)."""
    properties = {name: dict(schema) for name, schema in info.properties.items()}
    return _schema(href, info) | {"properties": _geometry_property(info) | properties}


def feature_schema_json(href: str, info: CollectionInfo) -> Json:
    """Return the schema of a GeoJSON feature, from which GDAL takes fields and types."""
    properties = {name: dict(schema) for name, schema in info.properties.items()}
    geometry = {"type": "object"} if info.geometry_kind else {"type": "null"}
    return _schema(href, info) | {
        "required": ["type", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"type": "string"},
            "geometry": geometry,
            "properties": {"type": "object", "properties": properties},
        },
    }


def _schema(href: str, info: CollectionInfo) -> Json:
    return {
        "$schema": SCHEMA_DIALECT,
        "$id": href,
        "type": "object",
        "title": info.title,
        "description": info.description,
    }


def _geometry_property(info: CollectionInfo) -> Json:
    if info.geometry_kind is None:
        return {}
    kind = _GEOMETRY_FORMATS.get(info.geometry_kind, "geometry-any")
    return {"geometry": {"title": "geometry", "format": kind, "x-ogc-role": "primary-geometry"}}


def _links_onward(base: str, info: CollectionInfo) -> list[Link]:
    here = path_to(base, "collections", info.id)
    items = f"{here}/items"
    return [
        link(items, "items", GEOJSON, f"Features of {info.title}"),
        *(
            link(with_query(items, {"f": name}), "items", media, f"Features of {info.title} as {name}")
            for name, media in item_formats(info).items()
            if name != "json"
        ),
        link(f"{here}/queryables", REL_QUERYABLES, SCHEMA, "What can be filtered by"),
        link(f"{here}/schema", REL_SCHEMA, SCHEMA, "Properties"),
        link(f"{here}/schema/feature", "describedby", SCHEMA, "Schema of a feature"),
        *_links_to_method(base, info),
    ]


def _links_to_method(base: str, info: CollectionInfo) -> list[Link]:
    """Return links to what the register says of the method; after the schema, which clients take first."""
    if info.method is None:
        return []
    href = path_to(base, "methods", info.method)
    title = f"How it was found, and its limits: {info.method}"
    return [
        link(href, "describedby", JSON, title),
        link(with_query(href, {"f": "html"}), "describedby", HTML, title),
    ]
