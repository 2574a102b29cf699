"""Features as tables and files: CSV, newline-delimited GeoJSON, H3 rows, GeoParquet, FlatGeobuf, GeoPackage.

In CSV a text that a spreadsheet would run as a formula (it starts with ``=``, ``+``, ``-``, ``@``, a tab or a
carriage return) gets an apostrophe in front; numbers stay numbers.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from threading import Lock
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import shapely
from numpy.typing import NDArray

from service.encode import json_bytes
from service.links import GEOJSON, HTML, JSON
from service.snapshots import Snapshot

#: f → media type of items, in the order they are preferred when `Accept` does not decide.
ITEM_FORMATS = {
    "json": GEOJSON,
    "html": HTML,
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "h3": JSON,
    "parquet": "application/vnd.apache.parquet",
    "fgb": "application/flatgeobuf",
    "gpkg": "application/geopackage+sqlite3",
}

#: Without a `limit` these hold every feature that matches, not a page.
DOWNLOADS = ("csv", "ndjson", "h3", "parquet", "fgb", "gpkg")

_FORMULA_START = r"^[=+\-@\t\r]"
_DRIVERS = {"fgb": "FlatGeobuf", "gpkg": "GPKG"}

# GDAL's options are the process's; the GeoPackage date below is set for one file at a time.
_gdal_lock = Lock()


def csv_bytes(table: pa.Table, fids: Sequence[str], wkb: pa.Array) -> bytes:
    """Return the features as CSV: `id`, the properties, then `lng`, `lat` for points, else `wkt`."""
    columns = {"id": pa.array(fids, pa.string())} if "id" not in table.column_names else {}
    columns |= {name: _csv_column(table[name]) for name in table.column_names}
    columns = {_without_formula(name): _without_formulas(values) for name, values in columns.items()}
    shapes = shapely.from_wkb(np.asarray(wkb.to_pylist(), dtype=object)).reshape(-1)
    present = shapes[~shapely.is_missing(shapes)]
    if len(present) and (shapely.get_type_id(present) == shapely.GeometryType.POINT).all():
        columns |= {"lng": pa.array(shapely.get_x(shapes), from_pandas=True)}
        columns |= {"lat": pa.array(shapely.get_y(shapes), from_pandas=True)}
    elif len(present):
        columns |= {"wkt": pa.array(shapely.to_wkt(shapes, rounding_precision=6), pa.string())}
    sink = BytesIO()
    pa.csv.write_csv(pa.table(columns), sink, pa.csv.WriteOptions(quoting_style="needed"))
    return sink.getvalue()


def ndjson_bytes(objects: Sequence[bytes]) -> bytes:
    """Return one feature a line."""
    return b"".join(one + b"\n" for one in objects)


def h3_bytes(table: pa.Table, members: Mapping[str, Any]) -> bytes:
    """Return the property rows without geometry, the cell first: `{"columns": […], "rows": [[…], …]}`."""
    names = ["h3", *(name for name in table.column_names if name != "h3")]
    columns = [json_values(table, name) for name in names]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return json_bytes({"columns": names, "rows": rows, **members})


def file_bytes(kind: str, whole: Snapshot, rows: NDArray[np.int64]) -> bytes:
    """Return features as a file of `kind`: `parquet`, `fgb` or `gpkg`."""
    taken = pa.array(rows)
    shapes = shapely.from_wkb(np.asarray(whole.wkb.take(taken).to_pylist(), dtype=object)).reshape(-1)
    table = whole.columns.take(taken)
    if "id" not in table.column_names:
        ids = pa.array([whole.fids[row] for row in rows.tolist()], pa.string())
        table = table.add_column(0, "id", ids)
    frame = table.to_pandas()
    return frame_bytes(kind, frame, shapes, whole.geometry_kind, whole.collection, whole.timestamp)


def frame_bytes(
    kind: str,
    frame: Any,
    shapes: NDArray[np.object_],
    geometry_kind: str | None,
    name: str,
    timestamp: str,
) -> bytes:
    """Return a table with its geometries as a file; a collection without geometry becomes a plain table."""
    # These take seconds to load, and a service or command that writes no such file should not wait for them.
    import geopandas as gpd
    import pyogrio

    sink = BytesIO()
    spatial = geometry_kind is not None
    table = gpd.GeoDataFrame(frame, geometry=shapes, crs="OGC:CRS84") if spatial else frame
    if kind == "parquet":
        table.to_parquet(sink, index=False)
        return sink.getvalue()
    options: dict[str, Any] = {}
    if geometry_kind not in (None, "Geometry"):
        options["geometry_type"] = geometry_kind
    if kind == "fgb" and shapely.is_missing(shapes).any():
        options["SPATIAL_INDEX"] = "NO"  # its index has no place for a feature without geometry
    with _gdal_lock:
        # The file's own date is the data's, so that the same findings are the same bytes.
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": timestamp})
        pyogrio.write_dataframe(
            _multi_if_mixed(table, geometry_kind), sink, layer=name, driver=_DRIVERS[kind], **options
        )
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
    return sink.getvalue()


def json_values(table: pa.Table, name: str) -> list[Any]:
    """Return a column as JSON values: lists and objects unfolded again."""
    values = table[name].to_pylist()
    if not (table.schema.field(name).metadata or {}).get(b"json"):
        return list(values)
    return [None if value is None else orjson.loads(value) for value in values]


def _multi_if_mixed(table: Any, geometry_kind: str | None) -> Any:
    if not geometry_kind or not geometry_kind.startswith("Multi"):
        return table
    makers: dict[str, Callable[..., Any]] = {
        "MultiPolygon": shapely.multipolygons,
        "MultiLineString": shapely.multilinestrings,
        "MultiPoint": shapely.multipoints,
    }
    single = geometry_kind.removeprefix("Multi")
    shapes = [
        makers[geometry_kind]([shape]) if shape is not None and shape.geom_type == single else shape
        for shape in table.geometry
    ]
    return table.set_geometry(np.array(shapes, dtype=object), crs=table.crs)


def _csv_column(column: pa.ChunkedArray) -> pa.Array:
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_timestamp(values.type):
        whole_seconds = values.cast(pa.timestamp("s", tz="UTC"), safe=False)
        exact = (
            values if pc.any(pc.not_equal(whole_seconds.cast(values.type), values)).as_py() else whole_seconds
        )
        return pc.strftime(exact, format="%Y-%m-%dT%H:%M:%SZ")
    return values


def _without_formula(name: str) -> str:
    return f"'{name}" if re.match(_FORMULA_START, name) else name


def _without_formulas(values: pa.Array) -> pa.Array:
    if not pa.types.is_string(values.type) and not pa.types.is_large_string(values.type):
        return values
    risky = pc.match_substring_regex(values, _FORMULA_START)
    return pc.if_else(risky, pc.binary_join_element_wise("'", values, ""), values)
