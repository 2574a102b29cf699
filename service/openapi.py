"""The OpenAPI 3.0 document that GIS clients read: one concrete path per collection, every queryable named.

GDAL, QGIS and ArcGIS learn the page size from `#/components/parameters/limit` and which filters they may
send from a collection's own parameters. They read version 3.0, not 3.1.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from service.catalog import CollectionInfo
from service.formats import ITEM_FORMATS
from service.links import GEOJSON, HTML, JSON, OPENAPI, SCHEMA
from service.query import CRS84, queryables
from service.settings import Settings

Json = dict[str, Any]

_ERRORS = {
    "400": "A query parameter is unknown or has a value it cannot have",
    "403": "Data was sent from a page of another site",
    "404": "Nothing is here",
    "405": "The method is not offered here",
    "406": "None of the accepted media types is offered",
    "409": "The id is taken",
    "410": "The run was superseded and is no longer kept",
    "413": "The body is too large",
    "415": "The media type of the body is not taken",
    "416": "The byte range lies outside the document",
    "422": "The body or the data does not fit",
    "500": "Something went wrong here",
    "503": "The store is not available; see Retry-After",
}
_READING = ("400", "404", "405", "406", "500", "503")
_WRITING = ("400", "403", "404", "405", "409", "413", "415", "422", "500", "503")


def document(
    base: str,
    settings: Settings,
    version: str,
    collections: Sequence[CollectionInfo],
    methods: Sequence[Mapping[str, Any]],
) -> Json:
    """Return the whole document."""
    paths: Json = {}
    for fixed in (_landing_paths(), _process_paths(methods), _layer_paths(), _service_paths()):
        paths |= fixed
    for info in collections:
        paths |= _collection_paths(info, settings)
    return {
        "openapi": "3.0.3",
        "info": {"title": settings.title, "description": settings.description, "version": version},
        "servers": [{"url": base}],
        "tags": [{"name": name} for name in ("Capabilities", "Data", "Processes", "Layers", "Service")],
        "paths": paths,
        "components": {
            "parameters": _parameters(settings),
            "responses": {code: _problem_response(text) for code, text in _ERRORS.items()},
            "schemas": {"problem": _PROBLEM, "link": _LINK, "featureCollection": _FEATURE_COLLECTION},
        },
    }


def _landing_paths() -> Json:
    return {
        "/": _get("Capabilities", "landing", "Landing page", {JSON: _OBJECT, HTML: _TEXT}),
        "/conformance": _get(
            "Capabilities", "conformance", "Conformance classes", {JSON: _OBJECT, HTML: _TEXT}
        ),
        "/api": _get("Capabilities", "api", "This document", {OPENAPI: _OBJECT, HTML: _TEXT}),
        "/api.html": _get("Capabilities", "apiHtml", "This document for people", {HTML: _TEXT}),
        "/collections": _get("Capabilities", "collections", "All collections", {JSON: _OBJECT, HTML: _TEXT}),
        "/collections/{collectionId}": _get(
            "Capabilities",
            "collection",
            "One collection",
            {JSON: _OBJECT, HTML: _TEXT},
            ["collectionId", "run"],
        ),
    }


def _collection_paths(info: CollectionInfo, settings: Settings) -> Json:
    """Return the paths of one collection, under its own name."""
    root, name = f"/collections/{info.id}", info.id
    query = [
        "limit",
        "offset",
        "bbox",
        "datetime",
        "crs",
        "bbox-crs",
        "run",
    ]
    filters = [_filter_parameter(prop, schema) for prop, schema in queryables(info.properties).items()]
    features = {GEOJSON: {"$ref": "#/components/schemas/featureCollection"}} | {
        media: (_TEXT if media == HTML else _OBJECT if media == JSON else _BINARY)
        for media in ITEM_FORMATS.values()
        if media != GEOJSON
    }
    items = _get("Data", f"{name}.items", f"Features of {info.title}", features, query)
    items["get"]["parameters"] = [_item_format(), *items["get"]["parameters"][1:], *filters]
    items["get"]["description"] = (
        "Filters only choose among the finished features. Without a limit, f=csv, ndjson, h3, parquet, "
        "fgb and gpkg hold every feature that matches."
    )
    if info.kind == "layer":
        items["get"]["description"] = (
            "Rows of a raw layer, page by page; files (f=csv, ndjson, parquet, fgb, gpkg) hold at most "
            f"{settings.max_limit} of them, and a `Link` header leads to the next."
        )
        items["post"] = _post_items(name)
    one = _get(
        "Data",
        f"{name}.item",
        f"One feature of {info.title}",
        {GEOJSON: _OBJECT, HTML: _TEXT},
        ["featureId", "crs", "run"],
    )
    return {
        f"{root}/items": items,
        f"{root}/items/{{featureId}}": one,
        f"{root}/queryables": _get(
            "Data",
            f"{name}.queryables",
            f"What {info.title} can be filtered by",
            {SCHEMA: _OBJECT, HTML: _TEXT},
        ),
        f"{root}/schema": _get(
            "Data", f"{name}.schema", f"Properties of {info.title}", {SCHEMA: _OBJECT, HTML: _TEXT}
        ),
        f"{root}/schema/feature": _get(
            "Data", f"{name}.featureSchema", f"JSON schema of a feature of {info.title}", {SCHEMA: _OBJECT}
        ),
    }


def _post_items(name: str) -> Json:
    kinds = (GEOJSON, JSON, "application/x-ndjson", "application/geo+json-seq")
    return {
        "tags": ["Layers"],
        "operationId": f"{name}.append",
        "summary": "Add features: a Feature, a FeatureCollection, or one Feature a line",
        "parameters": [_ref("token"), _ref("apikey"), _ref("api_key")],
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": _TEXT if "ndjson" in kind or "seq" in kind else _OBJECT} for kind in kinds
            },
        },
        "responses": {
            "200": {
                "description": "Nothing new was in it; the counts",
                "content": {JSON: {"schema": _OBJECT}},
            },
            "201": {"description": "Taken in; the counts", "content": {JSON: {"schema": _OBJECT}}},
            **_error_refs(_WRITING),
        },
    }


def _process_paths(methods: Sequence[Mapping[str, Any]]) -> Json:
    paths: Json = {
        "/processes": _get(
            "Processes", "processes", "All processes", {JSON: _OBJECT, HTML: _TEXT}, ["limit"]
        ),
        "/methods": _get("Processes", "methods", "All methods", {JSON: _OBJECT, HTML: _TEXT}),
        "/analyses": _get("Processes", "analyses", "All saved analyses", {JSON: _OBJECT, HTML: _TEXT}),
        "/analyses/{analysisId}": _get(
            "Processes", "analysis", "One analysis", {JSON: _OBJECT, HTML: _TEXT}, ["analysisId"]
        ),
    }
    paths["/analyses"]["post"] = {
        "tags": ["Processes"],
        "operationId": "publish",
        "summary": "Save an analysis, run it and publish its collections",
        "parameters": [_ref("token"), _ref("apikey"), _ref("api_key")],
        "requestBody": {"required": True, "content": {JSON: {"schema": _OBJECT}}},
        "responses": {
            "201": {"description": "Published", "content": {JSON: {"schema": _OBJECT}}},
            **_error_refs(_WRITING),
        },
    }
    for method in methods:
        name = str(method["id"])
        title = str(method.get("title", name))
        paths[f"/processes/{name}"] = _get(
            "Processes", f"process.{name}", title, {JSON: _OBJECT, HTML: _TEXT}
        )
        paths[f"/methods/{name}"] = _get("Processes", f"method.{name}", title, {JSON: _OBJECT, HTML: _TEXT})
        paths[f"/processes/{name}/execution"] = {"post": _execution(method, name, title)}
    return paths


def _execution(method: Mapping[str, Any], name: str, title: str) -> Json:
    inputs = {key: {"title": value.get("title", key)} for key, value in method.get("inputs", {}).items()}
    body = {
        "type": "object",
        "properties": {
            "inputs": {"type": "object", "properties": inputs},
            "response": {"type": "string", "enum": ["raw", "document"], "default": "raw"},
        },
    }
    return {
        "tags": ["Processes"],
        "operationId": f"execute.{name}",
        "summary": f"Run {title}",
        "description": "Answered synchronously, whatever `Prefer` says. "
        "The inputs' schemas are in the process description.",
        "parameters": [_ref("token"), _ref("apikey"), _ref("api_key")],
        "requestBody": {"required": True, "content": {JSON: {"schema": body}}},
        "responses": {
            "200": {
                "description": "The result",
                "content": {
                    GEOJSON: {"schema": {"$ref": "#/components/schemas/featureCollection"}},
                    JSON: {"schema": _OBJECT},
                },
            },
            **_error_refs(_WRITING),
        },
    }


def _layer_paths() -> Json:
    upload = {
        "tags": ["Layers"],
        "operationId": "upload",
        "summary": "Take in a file: as the body, or as a file of a multipart form",
        "parameters": [_ref("layerId"), *_UPLOAD_PARAMETERS, _ref("token"), _ref("apikey"), _ref("api_key")],
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": _BINARY},
                "multipart/form-data": {"schema": {"type": "object", "properties": {"file": _BINARY}}},
            },
        },
        "responses": {
            "200": {
                "description": "Nothing new was in it; the counts",
                "content": {JSON: {"schema": _OBJECT}},
            },
            "201": {"description": "Taken in; the counts", "content": {JSON: {"schema": _OBJECT}}},
            **_error_refs(_WRITING),
        },
    }
    both = {JSON: _OBJECT, HTML: _TEXT}
    return {
        "/layers": _get("Layers", "layers", "All layers", both),
        "/layers/{layerId}": _get("Layers", "layer", "One layer", both, ["layerId"]),
        "/layers/{layerId}/uploads": {"post": upload},
        "/layers/{layerId}/ingests": _get("Layers", "ingests", "What was taken in", both, ["layerId"]),
        "/layers/{layerId}/rejects": _get(
            "Layers",
            "rejects",
            "Rows that were rejected, with reasons",
            both,
            ["layerId", "ingest", "limit", "offset"],
        ),
    }


def _service_paths() -> Json:
    return {
        "/map": _get("Service", "map", "The map page", {HTML: _TEXT}),
        "/healthz": _get("Service", "health", "Whether the process answers", {JSON: _OBJECT}),
        "/readyz": _get("Service", "ready", "Whether the store answers", {JSON: _OBJECT}),
    }


def _get(tag: str, operation: str, summary: str, content: Json, parameters: Sequence[str] = ()) -> Json:
    names = ["f", *parameters, "token", "apikey", "api_key"]
    return {
        "get": {
            "tags": [tag],
            "operationId": operation,
            "summary": summary,
            "parameters": [_ref(name) for name in names],
            "responses": {
                "200": {
                    "description": summary,
                    "content": {media: {"schema": schema} for media, schema in content.items()},
                },
                **_error_refs(_READING),
            },
        }
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}


def _error_refs(codes: Sequence[str]) -> Json:
    return {code: {"$ref": f"#/components/responses/{code}"} for code in codes}


def _problem_response(description: str) -> Json:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/problem"}}}
    return {"description": description, "content": content}


def _filter_parameter(name: str, schema: Mapping[str, Any]) -> Json:
    kept = {key: schema[key] for key in ("type", "format") if key in schema}
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": schema.get("description", f"Only features whose {name} equals this value"),
        "schema": kept or _TEXT,
        "style": "form",
        "explode": False,
    }


def _item_format() -> Json:
    return _query("f", {"type": "string", "enum": list(ITEM_FORMATS)}, "Format, instead of `Accept`")


def _query(name: str, schema: Json, description: str, **more: Any) -> Json:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
    } | more


def _path(name: str, description: str) -> Json:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": _TEXT}


def _parameters(settings: Settings) -> Json:
    limit = {
        "type": "integer",
        "minimum": 1,
        "maximum": settings.max_limit,
        "default": settings.default_limit,
    }
    numbers = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6}
    crs = {"type": "string", "format": "uri", "enum": [CRS84], "default": CRS84}
    offset = {"type": "integer", "minimum": 0, "default": 0}
    flat = {"style": "form", "explode": False}
    return {
        "f": _query("f", {"type": "string", "enum": ["json", "html"]}, "Format, instead of `Accept`"),
        "limit": _query("limit", limit, "Most features of the answer", **flat),
        "offset": _query("offset", offset, "How many features to pass over", **flat),
        "bbox": _query("bbox", numbers, "Only features that intersect minx,miny,maxx,maxy", **flat),
        "datetime": _query(
            "datetime", _TEXT, "Only features of this time: an instant, a date, a/b, ../b or a/..", **flat
        ),
        "crs": _query("crs", crs, "Coordinates of the answer", **flat),
        "bbox-crs": _query("bbox-crs", crs, "Coordinates of `bbox`", **flat),
        "run": _query("run", _TEXT, "The run whose findings are read; `next` links carry it"),
        "ingest": _query("ingest", _TEXT, "Only of this ingest"),
        "token": _query("token", _TEXT, "Taken from clients that append one; not used"),
        "apikey": _query("apikey", _TEXT, "Taken from clients that append one; not used"),
        "api_key": _query("api_key", _TEXT, "Taken from clients that append one; not used"),
        "collectionId": _path("collectionId", "Id of a collection"),
        "featureId": _path("featureId", "Id of a feature"),
        "analysisId": _path("analysisId", "Id of an analysis"),
        "layerId": _path("layerId", "Id of a layer"),
    }


_TEXT: Json = {"type": "string"}
_OBJECT: Json = {"type": "object"}
_BINARY: Json = {"type": "string", "format": "binary"}
_LINK: Json = {
    "type": "object",
    "required": ["href"],
    "properties": {name: _TEXT for name in ("href", "rel", "type", "title")},
}
_PROBLEM: Json = {
    "type": "object",
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "instance": _TEXT,
        "errors": {"type": "array", "items": _OBJECT},
    },
}
_FEATURE_COLLECTION: Json = {
    "type": "object",
    "required": ["type", "features"],
    "properties": {
        "type": {"type": "string", "enum": ["FeatureCollection"]},
        "features": {"type": "array", "items": _OBJECT},
        "links": {"type": "array", "items": {"$ref": "#/components/schemas/link"}},
        "timeStamp": {"type": "string", "format": "date-time"},
        "numberMatched": {"type": "integer", "minimum": 0},
        "numberReturned": {"type": "integer", "minimum": 0},
        "emberline": _OBJECT,
    },
}
_UPLOAD_PARAMETERS = [
    _query("filename", _TEXT, "Name of the file; its ending tells the format"),
    _query("kind", {"type": "string", "default": "incidents"}, "Kind of the layer"),
    _query("map", {"type": "array", "items": _TEXT}, "field=column, may come several times", explode=True),
    _query("crs", _TEXT, "Coordinate reference system of the file, such as EPSG:2223"),
    _query("timezone", _TEXT, "IANA name of the zone of local times"),
    _query("boundary", _TEXT, "Layer outside of whose area rows are rejected"),
    _query("title", _TEXT, "Title of the layer"),
    _query("drop_duplicates", {"type": "boolean", "default": False}, "Drop equal rows of the file"),
    _query("replace", {"type": "boolean", "default": False}, "Put the file in the place of the layer's rows"),
]
