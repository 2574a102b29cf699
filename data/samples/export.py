"""How the files of the made city are written: CSV, GeoJSON in degrees, JSON. Same values, same bytes."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from data.samples.layout import Floats, to_lnglat

#: Column name → values, all of one length; None is an empty field.
Table = dict[str, list[object]]


def write_csv(path: Path, table: Table, order: NDArray[np.int64]) -> None:
    """Write the rows of a table in an order in which a row may come twice."""
    rows = order.tolist()
    columns = [[values[row] for row in rows] for values in table.values()]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table)
        writer.writerows(zip(*columns, strict=True))


def coordinate_texts(values: Floats) -> list[object]:
    """Return degrees as exports print them: None where missing, no point where it was lost."""
    return [None if v != v else int(v) if v == 0 or abs(v) > 1000 else v for v in values.tolist()]


def write_features(path: Path, rows: Iterable[tuple[dict[str, object], BaseGeometry]]) -> None:
    """Write a GeoJSON FeatureCollection of geometries in local metres."""
    features = [
        {"type": "Feature", "properties": row, "geometry": geojson(geometry)} for row, geometry in rows
    ]
    write_json(path, {"type": "FeatureCollection", "features": features})


def write_json(path: Path, value: object, *, indent: bool = False) -> None:
    """Write JSON."""
    path.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else None))


def geojson(geometry: BaseGeometry) -> dict[str, object]:
    """Return a line, polygon or multipolygon in degrees, rings as RFC 7946 wants them."""
    if geometry.geom_type == "LineString":
        return {"type": "LineString", "coordinates": _positions(geometry)}
    rings = [[_positions(ring) for ring in part] for part in rings_of(geometry)]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def rings_of(geometry: BaseGeometry) -> list[list[BaseGeometry]]:
    """Return the rings of each part of an area: the outline counter-clockwise, then its holes."""
    parts: Sequence[shapely.Polygon] = shapely.get_parts(geometry).tolist()
    return [[part.exterior, *part.interiors] for part in map(_oriented, parts)]


def _oriented(polygon: shapely.Polygon) -> shapely.Polygon:
    return shapely.geometry.polygon.orient(polygon)


def _positions(line: BaseGeometry) -> list[list[float]]:
    lng, lat = to_lnglat(*shapely.get_coordinates(line).T)
    return [list(position) for position in zip(lng.tolist(), lat.tolist(), strict=True)]
