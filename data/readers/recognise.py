"""What a file is, told from its first bytes; its name's ending only settles what content leaves open."""

import codecs
import re
from pathlib import Path

from data.errors import UnknownFormat, UnreadableFile
from data.readers.dialect import CONTROLS

HEAD = 1 << 16

GZIP, ZIP = "gzip", "zip"
DELIMITED, PARQUET, GEOJSON, JSON_LINES, JSON_ARRAY = (
    "delimited",
    "parquet",
    "geojson",
    "json lines",
    "json array",
)
GEOPACKAGE, SHAPEFILE, FLATGEOBUF, TOPOJSON = "GPKG", "ESRI Shapefile", "FlatGeobuf", "TopoJSON"
OSM_PBF, OSM_XML = "OSM PBF", "OSM XML"

_MAGIC = (
    (b"\x1f\x8b", GZIP),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"PAR1", PARQUET),
    (b"fgb\x03fgb", FLATGEOBUF),
    (b"\x00\x00\x27\x0a", SHAPEFILE),
)

_STRANGERS = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file: save the sheet as CSV"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it, or pack it as zip"),
    (b"Rar!", "a RAR archive: unpack it, or pack it as zip"),
    (b"BZh", "bzip2-packed: unpack it, or pack it as gzip"),
    (b"\xfd7zXZ", "xz-packed: unpack it, or pack it as gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd-packed: unpack it, or pack it as gzip"),
    (b"\x7fELF", "a program"),
    (b"ARROW1", "an Arrow file: save it as Parquet"),
    (b"ORC", "an ORC file: save it as Parquet"),
    (b"RDX", "an R file: save it as CSV"),
)

_ENDINGS = (
    "CSV, TSV, GeoJSON, TopoJSON, GeoPackage, Shapefile, FlatGeobuf, Parquet, GeoParquet or OSM .pbf"
    " (each also in .gz or .zip)"
)


def recognise_format(path: Path, name: str) -> str:
    """Return the format of a file.

    Raises
    ------
    UnreadableFile
        If the file is empty, or not what its first bytes claim.
    UnknownFormat
        If no reader takes it.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise UnreadableFile(f"{name}: {_ENDINGS} is needed, the file is empty")
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    if head[4:15] == b"\x0a\x09OSMHeader":
        return OSM_PBF
    if head.startswith(b"SQLite format 3\x00"):
        return _sqlite(head, name)
    for magic, words in _STRANGERS:
        if head.startswith(magic):
            raise UnknownFormat(f"{name}: {_ENDINGS} is needed, this is {words}")
    return _text_format(head, name)


def _sqlite(head: bytes, name: str) -> str:
    # The application id stands at byte 68; GeoPackages before 1.2 wrote GP10 or GP11.
    if head[68:72] in (b"GPKG", b"GP10", b"GP11") or name.lower().endswith(".gpkg"):
        return GEOPACKAGE
    raise UnknownFormat(f"{name}: a GeoPackage is needed, this is another SQLite database")


def _text_format(head: bytes, name: str) -> str:
    text = _decoded(head)
    if text is None:
        raise UnknownFormat(f"{name}: {_ENDINGS} is needed, this is binary data of an unknown kind")
    start = text.lstrip("\ufeff \t\r\n")
    lower = start[:200].lower()
    if lower.startswith(("<!doctype html", "<html", "<head")):
        raise UnknownFormat(f"{name}: data are needed, this is a web page (a login or error page?)")
    if re.search(r"<osm[\s>]", start[:2000]) and lower.startswith(("<?xml", "<osm")):
        return OSM_XML
    if lower.startswith("<?xml") or re.match(r"<[a-z:]+[ >]", lower):
        raise UnknownFormat(f"{name}: {_ENDINGS} is needed, this is XML (KML, GML or a feed)")
    if start.startswith("\x1e"):
        return JSON_LINES
    if start.startswith("["):
        return JSON_ARRAY
    if start.startswith("{"):
        return _json_format(start)
    return DELIMITED


def _json_format(start: str) -> str:
    """Return which JSON: a line that closes the object it opens means one object per line."""
    first, newline, rest = start.partition("\n")
    closed = first.rstrip().endswith("}") and first.count("{") == first.count("}")
    if closed and newline and rest.lstrip().startswith("{"):
        return JSON_LINES
    if closed and re.match(r'\{\s*"type"\s*:\s*"Feature"', first):
        return JSON_LINES
    if re.search(r'^\{[^{}]*"type"\s*:\s*"Topology"', start):
        return TOPOJSON
    return GEOJSON


def _decoded(head: bytes) -> str | None:
    """Return the first bytes as text; None where they are not text."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return head[: len(head) // 4 * 4].decode("utf-32", "replace")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head[: len(head) // 2 * 2].decode("utf-16", "replace")
    even, odd = head[0:4096:2], head[1:4096:2]
    for some, other, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if len(head) >= 8 and some.count(0) > 0.4 * len(some) and other.count(0) < 0.1 * len(other):
            return head[: len(head) // 2 * 2].decode(encoding, "replace")
    n_controls = len(head) - len(head.translate(None, CONTROLS.replace(b"\x1e", b"")))
    if n_controls > max(2, 0.05 * len(head)):
        return None
    return head.decode("utf-8", "replace")
