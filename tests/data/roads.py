"""Made files of roads for the tests of the roads layer."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import shapely

LINE = "LINESTRING (7.0 45.0, 7.001 45.0)"

OSM = """<?xml version="1.0" encoding="UTF-8"?>
<osm version="0.6" generator="made">
{nodes}
{ways}
</osm>
"""


def write_osm(path: Path, *ways: Mapping[str, str]) -> Path:
    """Write an OpenStreetMap file with one short way for each set of tags."""
    nodes = "".join(
        f'<node id="{i}" version="1" lat="{45 + 0.001 * (i // 2)}" lon="{7 + 0.001 * (i % 2)}"/>'
        for i in range(2, 2 * len(ways) + 2)
    )
    texts = []
    for number, tags in enumerate(ways, start=1):
        listed = "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())
        ends = f'<nd ref="{2 * number}"/><nd ref="{2 * number + 1}"/>'
        texts.append(f'<way id="{number}" version="1">{ends}{listed}</way>')
    path.write_text(OSM.format(nodes=nodes, ways="\n".join(texts)), encoding="utf-8")
    return path


def write_table(path: Path, columns: Sequence[str], *rows: Sequence[object]) -> Path:
    """Write a CSV file whose rows all lie on one line, beside their own values."""
    lines = [",".join(["wkt", *columns])]
    lines += [",".join([f'"{LINE}"', *(f'"{value}"' for value in row)]) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_geojson(path: Path, *features: tuple[object, Mapping[str, Any]]) -> Path:
    """Write features; a geometry is a shapely one, GeoJSON, or None."""
    listed = []
    for geometry, properties in features:
        plain = (
            json.loads(shapely.to_geojson(geometry)) if isinstance(geometry, shapely.Geometry) else geometry
        )
        listed.append({"type": "Feature", "geometry": plain, "properties": dict(properties)})
    path.write_text(json.dumps({"type": "FeatureCollection", "features": listed}), encoding="utf-8")
    return path
