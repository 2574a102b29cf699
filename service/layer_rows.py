"""Raw rows of a layer as GeoJSON features, page by page."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely

from data.records import time_column
from data.store import Layer, Store
from service.catalog import CollectionInfo, LayerPage
from service.errors import FeatureNotFound
from service.layer_fields import canonical_properties, layer_properties
from service.snapshots import Bbox, Interval
from spatial.grid import boundaries

#: Times without a zone are UTC, and say so.
_TIMES = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z


def layer_info(store: Store, layer: Layer) -> CollectionInfo:
    """Describe the collection of a layer's rows."""
    return CollectionInfo(
        id=layer.id,
        kind="layer",
        title=layer.title,
        description=f"Rows of the layer {layer.id} ({layer.kind}) as they were ingested.",
        version=f"{layer.data_version}-{layer.data_digest}",
        timestamp=_text(layer.data_time) or "",
        geometry_kind=_geometry_kind(store, layer),
        bbox=layer.bbox,
        interval=(_text(layer.first_time), _text(layer.last_time)) if layer.first_time else None,
        item_count=layer.n_rows,
        properties=layer_properties(store, layer),
    )


def rows_page(
    store: Store,
    layer: Layer,
    limit: int,
    offset: int,
    bbox: Bbox | None,
    asked: Interval | None,
    filters: Mapping[str, Any],
    names: Collection[str] = (),
) -> LayerPage:
    """Return a page of rows in their order; unfiltered pages are one range of ordinals.

    Every row has the properties `names`, null where it has no value: clients take the fields from the first
    rows that they see.
    """
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
    features = _features(layer, rows, names)
    return LayerPage(features, matched, rows.num_rows, offset + rows.num_rows < matched)


def row_feature(store: Store, layer: Layer, fid: str, names: Collection[str] = ()) -> bytes:
    """Return one row as a GeoJSON feature."""
    rows = store.query(f"SELECT * FROM {layer.table} WHERE id = ? LIMIT 1", [fid])
    if not rows.num_rows:
        raise FeatureNotFound(f"layer {layer.id!r} has no row {fid!r}")
    return _features(layer, rows, names)


def _features(layer: Layer, rows: pa.Table, names: Collection[str]) -> bytes:
    """Return the rows as features, joined by commas."""
    if not rows.num_rows:
        return b""
    canonical = list(canonical_properties(layer))
    blank = dict.fromkeys(name for name in names if name not in canonical)
    attributes = (blank | orjson.loads(text) if text else blank for text in rows["attributes"].to_pylist())
    values = zip(*(_property(rows, name) for name in canonical), strict=True)
    features = [
        {
            "type": "Feature",
            "id": fid,
            "geometry": geometry,
            # A canonical field is never overwritten by a column of its name.
            "properties": {**further, **dict(zip(canonical, own, strict=True))},
        }
        for fid, geometry, further, own in zip(
            rows["id"].to_pylist(), _geometries(layer, rows), attributes, values, strict=True
        )
    ]
    return orjson.dumps(features, option=_TIMES)[1:-1]


def _property(rows: pa.Table, name: str) -> list[Any]:
    """Return a canonical property of each row; cells as the world writes them."""
    values: list[Any] = rows[name].to_pylist()
    return values if name != "cell" else [None if cell is None else f"{cell:x}" for cell in values]


def _geometries(layer: Layer, rows: pa.Table) -> list[Any]:
    """Return the GeoJSON geometry of each row; None for those that lie where their sewershed or code does."""
    if layer.kind == "samples":
        return [None] * rows.num_rows
    if layer.kind != "incidents":
        shapes = shapely.from_wkb(np.array(rows["geometry"].to_pylist(), dtype=object))
        if "cell" in rows.column_names:
            cells = rows["cell"].fill_null(0).to_numpy().astype(np.uint64)
            shapes[cells > 0] = boundaries(cells[cells > 0])
        texts = shapely.to_geojson(shapes).tolist()
        return [None if text is None else orjson.Fragment(text) for text in texts]
    places = zip(*(np.round(rows[name].to_numpy(), 7).tolist() for name in ("lng", "lat")), strict=True)
    return [{"type": "Point", "coordinates": place} for place in places]


def _conditions(
    layer: Layer, bbox: Bbox | None, asked: Interval | None, filters: Mapping[str, Any]
) -> tuple[list[str], list[Any]]:
    where: list[str] = []
    values: list[Any] = []
    if layer.kind == "samples":
        # Features without a geometry pass every box, as the standard has it.
        bbox = None
    if bbox is not None and layer.kind == "incidents":
        west, south, east, north = bbox
        across = "AND" if west <= east else "OR"
        where.append(f"(lng >= ? {across} lng <= ?) AND lat BETWEEN ? AND ?")
        values += [west, east, south, north]
    elif bbox is not None:
        west, south, east, north = bbox
        across = "AND" if west <= east else "OR"
        inside = f"(east >= ? {across} west <= ?) AND north >= ? AND south <= ?"
        where.append(f"(west IS NULL OR ({inside}))" if layer.kind == "coverage" else inside)
        values += [west, east, south, north]
    time = time_column(layer.kind)
    if asked is not None and time is not None:
        for sign, microseconds in ((">=", asked.start), ("<=", asked.end)):
            if microseconds is not None:
                where.append(f'("{time}" IS NULL OR "{time}" {sign} make_timestamp(?))')
                values.append(microseconds)
    for name, value in filters.items():
        where.append(_equals(layer, name))
        values.append(value)
    return where, values


def _equals(layer: Layer, name: str) -> str:
    canonical = canonical_properties(layer)
    if canonical.get(name, {}).get("format") == "date-time":
        return f"\"{name}\" = ?::TIMESTAMPTZ AT TIME ZONE 'UTC'"
    if name == "cell" and layer.kind == "coverage":
        return "lower(to_hex(cell)) = lower(?)"
    if name in canonical:
        return f'"{name}" = ?'
    path = name.replace("'", "''").replace('"', '\\"')
    return f"json_extract_string(attributes, '$.\"{path}\"') = ?::VARCHAR"


def _geometry_kind(store: Store, layer: Layer) -> str | None:
    """Name the GeoJSON type that holds all of the layer's geometries; None where its rows have none."""
    if layer.kind in ("incidents", "samples"):
        return "Point" if layer.kind == "incidents" else None
    # The first five bytes of WKB name the type; only one geometry of each has to be opened.
    table = store.query(
        f"SELECT any_value(geometry) AS geometry FROM {layer.table} GROUP BY hex(geometry[1:5])"
    )
    shapes = shapely.from_wkb(table["geometry"].drop_null().to_pylist())
    kinds = {shape.geom_type for shape in shapes}
    if layer.kind == "coverage" and _has_cells(store, layer):
        kinds.add("Polygon")
    if not kinds:
        return None
    if len(kinds) == 1:
        return str(kinds.pop())
    plain = {kind.removeprefix("Multi") for kind in kinds}
    return f"Multi{plain.pop()}" if len(plain) == 1 else "Geometry"


def _has_cells(store: Store, layer: Layer) -> bool:
    return bool(store.query(f"SELECT count(cell) > 0 AS found FROM {layer.table}")["found"][0].as_py())


def _text(value: datetime | None) -> str | None:
    if value is None:
        return None
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
