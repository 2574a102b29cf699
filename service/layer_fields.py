"""The properties of a layer's rows: the canonical ones of its kind, and the columns that no field took."""

from collections.abc import Mapping
from typing import Any

import orjson

from data.store import Layer, Store

#: Canonical properties of a row, with their JSON schemas, by kind of layer.
INCIDENT_PROPERTIES = {
    "time": {"title": "time", "type": "string", "format": "date-time"},
    "time_precision": {"title": "time_precision", "type": "string"},
    "category": {"title": "category", "type": "string"},
    "severity": {"title": "severity", "type": "string"},
    "street": {"title": "street", "type": "string"},
    "mode": {"title": "mode", "type": "string"},
    "weight": {"title": "weight", "type": "number"},
}
FEATURE_PROPERTIES = {
    "name": {"title": "name", "type": "string"},
    "value": {"title": "value", "type": "number"},
}
SAMPLE_PROPERTIES = {
    "sewershed": {"title": "sewershed", "type": "string"},
    "start": {"title": "start", "type": "string", "format": "date-time"},
    "end": {"title": "end", "type": "string", "format": "date-time"},
    "time_precision": {"title": "time_precision", "type": "string"},
    "analyte": {"title": "analyte", "type": "string"},
    "value": {"title": "value", "type": "number"},
    "unit": {"title": "unit", "type": "string"},
    "below_limit": {"title": "below_limit", "type": "boolean"},
    "limit": {"title": "limit", "type": "number"},
    "flow": {"title": "flow", "type": "number"},
    "flow_unit": {"title": "flow_unit", "type": "string"},
    "population": {"title": "population", "type": "number"},
    "replicate": {"title": "replicate", "type": "string"},
    "quality": {"title": "quality", "type": "string"},
}
COVERAGE_PROPERTIES = {
    "name": {"title": "name", "type": "string"},
    "code": {"title": "code", "type": "string"},
    "cell": {"title": "cell", "type": "string"},
    "locations": {"title": "locations", "type": "number"},
    "served": {"title": "served", "type": "number"},
    "underserved": {"title": "underserved", "type": "number"},
    "unserved": {"title": "unserved", "type": "number"},
    "margin": {"title": "margin", "type": "number"},
    "share_served": {"title": "share_served", "type": "number"},
    "source": {"title": "source", "type": "string"},
}
ROAD_PROPERTIES = {
    "name": {"title": "name", "type": "string"},
    "class": {"title": "class", "type": "string"},
    "oneway": {"title": "oneway", "type": "integer"},
    "level": {"title": "level", "type": "integer"},
    "roundabout": {"title": "roundabout", "type": "boolean"},
    "aadt": {"title": "aadt", "type": "number"},
}

#: Rows looked at for the further columns: the first of the layer, and the first of its largest uploads.
_FIRST_ROWS = 1000
_UPLOADS = 50
_ROWS_OF_UPLOAD = 200


def canonical_properties(layer: Layer) -> Mapping[str, dict[str, str]]:
    """Return the schemas of the properties that every row of this kind has."""
    own = {
        "incidents": INCIDENT_PROPERTIES,
        "samples": SAMPLE_PROPERTIES,
        "coverage": COVERAGE_PROPERTIES,
        "roads": ROAD_PROPERTIES,
    }
    return own.get(layer.kind, FEATURE_PROPERTIES)


def layer_properties(store: Store, layer: Layer) -> dict[str, Any]:
    """Return the schema of each property of the layer's rows."""
    canonical = canonical_properties(layer)
    further = {
        name: {"title": name, "type": _common_type(found - {"null"})}
        for name, found in _attribute_types(store, layer).items()
        if name not in canonical
    }
    return {**canonical, **further}


def attribute_spellings(store: Store, layer: Layer) -> dict[str, str]:
    """Return the layer's further columns by their names without case.

    Next year's export may spell them otherwise; they are the same columns, and clients (GDAL among them)
    tell no case in field names.
    """
    spellings: dict[str, str] = {}
    for name in _attribute_types(store, layer):
        spellings.setdefault(name.casefold(), name)
    return spellings


def _attribute_types(store: Store, layer: Layer) -> dict[str, set[str]]:
    """Return the JSON types of the further columns, from the first rows of the layer and of its uploads."""
    uploads = store.query(
        f"SELECT min(ordinal) AS first FROM {layer.table} GROUP BY ingest"
        f" ORDER BY count(*) DESC, first LIMIT {_UPLOADS}"
    )
    spans = [(0, _FIRST_ROWS), *((first, _ROWS_OF_UPLOAD) for first in sorted(uploads["first"].to_pylist()))]
    where = " OR ".join(f"ordinal BETWEEN {first:d} AND {first + n - 1:d}" for first, n in spans)
    sample = store.query(
        f"SELECT attributes FROM {layer.table} WHERE ({where}) AND attributes IS NOT NULL ORDER BY ordinal"
    )
    types: dict[str, set[str]] = {}
    for text in sample["attributes"].to_pylist():
        for name, value in orjson.loads(text).items():
            types.setdefault(name, set()).add(_json_type(value))
    return types


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
