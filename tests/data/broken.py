# ruff: noqa: E501
"""Broken and odd files, made from code: what a city's export can look like on a bad day.

`BROKEN` says of each what must come of it: one error with these words, or rows accepted and rejected.
`write_broken` puts all of them into a directory.
"""

import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HEADER = "id,time,lng,lat,category\n"
ROWS = [
    f"{i},2024-03-{1 + i % 28:02d} 10:{i % 60:02d}:00,-111.{900 + i % 40},33.{400 + i % 30},EMS: FALL\n"
    for i in range(20)
]
GOOD = HEADER + "".join(ROWS)


@dataclass(frozen=True)
class Broken:
    """A file and what must come of it: words of the one error, else accepted rows, rejects by code and counts."""

    name: str
    make: Callable[[], bytes]
    error: str | None = None
    accepted: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)


def write_broken(directory: Path) -> list[Path]:
    """Write every broken file into a directory."""
    paths = []
    for broken in BROKEN:
        path = directory / broken.name
        path.write_bytes(broken.make())
        paths.append(path)
    return paths


def _text(text: str, encoding: str = "utf-8") -> Callable[[], bytes]:
    return lambda: text.encode(encoding)


def _bytes(data: bytes) -> Callable[[], bytes]:
    return lambda: data


def _with(*rows: str) -> Callable[[], bytes]:
    """Return the good table with further rows."""
    return _text(GOOD + "".join(f"{row}\n" for row in rows))


def _zip(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), data)
    return out.getvalue()


def _encrypted_zip() -> bytes:
    """Return a zip whose member is marked as encrypted, in both of its headers."""
    data = bytearray(_zip(("calls.csv", GOOD.encode())))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    return bytes(data)


def _nested_zip(levels: int) -> bytes:
    data = GOOD.encode()
    name = "calls.csv"
    for level in range(levels):
        data, name = _zip((name, data)), f"level{level}.zip"
    return data


def _gzip_bomb() -> bytes:
    """Return 300 MB of blanks in 300 KB: one gzip member again and again."""
    return gzip.compress(b" " * (1 << 20), mtime=0) * 300


def _zip_bomb() -> bytes:
    """Return a zip that claims, and holds, far more than it can be worth."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros, packed, crc, size = b"0" * (1 << 20), b"", 0, 0
    for _ in range(270):
        packed += packer.compress(zeros)
        crc, size = zlib.crc32(zeros, crc), size + len(zeros)
    packed += packer.flush()
    common = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0x5821, crc, len(packed), size, 8, 0)
    local = b"PK\x03\x04" + common + b"bomb.csv" + packed
    central = (
        b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"bomb.csv"
    )
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def _parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def _good_parquet() -> bytes:
    columns = {"id": list(range(500)), "lng": [-111.9] * 500, "lat": [33.4] * 500}
    return _parquet(pa.table(columns))


def _geoparquet_with_broken_metadata() -> bytes:
    table = pa.table({"geometry": pa.array([b"\x01"], pa.binary())})
    return _parquet(table.replace_schema_metadata({"geo": "{not json"}))


def _feature(geometry: object, **properties: object) -> dict[str, object]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _point(lng: float, lat: float) -> dict[str, object]:
    return {"type": "Point", "coordinates": [lng, lat]}


def _collection(*features: object) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": list(features)}).encode()


_GOOD_FEATURES = [
    _feature(_point(-111.9 - i / 1000, 33.4), id=i, time="2024-03-01T10:00:00Z") for i in range(5)
]
_SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
_GOOD_LINES = b"".join(json.dumps(feature).encode() + b"\n" for feature in _GOOD_FEATURES)


def _wide() -> bytes:
    names = ",".join(f"c{i}" for i in range(4998))
    cells = ",".join("1" for _ in range(4998))
    return f"lng,lat,{names}\n-111.9,33.4,{cells}\n-111.8,33.5,{cells}\n".encode()


def _sqlite(application_id: bytes) -> bytes:
    head = b"SQLite format 3\x00" + b"\x10\x00\x01\x01\x00\x40\x20\x20" + bytes(44) + application_id
    return head + bytes(4096 - len(head))


def _shp_alone() -> bytes:
    """Return the main file of a shapefile whose other parts are missing."""
    head = struct.pack(">i5ii", 9994, 0, 0, 0, 0, 0, 64) + struct.pack(
        "<ii8d", 1000, 1, 0, 0, 1, 1, 0, 0, 0, 0
    )
    record = struct.pack(">ii", 1, 10) + struct.pack("<idd", 1, -111.9, 33.4)
    return head + record


_SWAPPED = HEADER + "".join(
    f"{i},2024-03-01,33.{400 + i},-111.{900 + i},EMS\n" for i in range(12)
)  # latitude and longitude the wrong way round in every row

BROKEN = [
    # nothing in it
    Broken("empty.csv", _bytes(b""), error="the file is empty"),
    Broken("blank_lines.csv", _text("\n\n   \n"), error="the file is empty"),
    Broken("header_only.csv", _text(HEADER), error="rows are needed"),
    Broken("empty.parquet", lambda: _parquet(pa.table({"lng": pa.array([], pa.float64())})), error="holds none"),
    Broken("empty_collection.geojson", _bytes(_collection()), error="rows are needed"),
    Broken("empty_array.json", _bytes(b"[]"), error="the array is empty"),
    Broken("empty.zip", lambda: _zip(), error="holds none"),
    Broken("folders_only.zip", lambda: _zip(("data/", b"")), error="holds none"),
    # not what they claim
    Broken("binary.csv", _bytes(bytes(range(256)) * 40), error="binary data"),
    Broken("picture.csv", _bytes(b"\x89PNG\r\n\x1a\n" + bytes(64)), error="a picture"),
    Broken("web_page.csv", _text("<!DOCTYPE html><html><body>Please log in</body></html>"), error="a web page"),
    Broken("places.kml", _text('<?xml version="1.0"?><kml></kml>'), error="XML"),
    Broken("workbook.xlsx", lambda: _zip(("[Content_Types].xml", b"<x/>"), ("xl/a.xml", b"")), error="Excel"),
    Broken("old_workbook.csv", _bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)), error="old Excel"),
    Broken("calls.csv.bz2", _bytes(b"BZh91AY&SY" + bytes(50)), error="bzip2"),
    Broken("other.sqlite", _bytes(_sqlite(bytes(4))), error="another SQLite database"),
    Broken("only_text.gz", _text(GOOD), accepted=20),
    Broken("really_csv.geojson", _text(GOOD), accepted=20),
    Broken("really_geojson.csv", _bytes(_collection(*_GOOD_FEATURES)), accepted=5),
    Broken("error_answer.json", _text('{"error":{"code":400,"message":"Token required"}}'), error="Token required"),
    # cut off
    Broken("truncated.csv.gz", lambda: gzip.compress(GOOD.encode() * 50, mtime=0)[:-40], error="ends too early"),
    Broken("garbled.csv.gz", _bytes(b"\x1f\x8b\x08\x00" + b"\x00\x00\x00\x00\x00\x03" + b"\xff" * 60), error="gzip"),
    Broken("truncated.zip", lambda: _zip(("calls.csv", GOOD.encode()))[:-30], error="not readable as zip"),
    Broken("truncated.parquet", lambda: _good_parquet()[:-200], error="not readable as Parquet"),
    Broken("truncated.gpkg", _bytes(_sqlite(b"GPKG")), error="not readable as GeoPackage"),
    Broken("truncated.fgb", _bytes(b"fgb\x03fgb\x00" + b"\x40\x00\x00\x00" + bytes(20)), error="layer is needed"),
    Broken("truncated.geojson", lambda: _collection(*_GOOD_FEATURES)[:-70], error="not readable as GeoJSON"),
    Broken("truncated.json", _bytes(b'[{"lat": 33.4, "lng": -111.9}, {"lat"'), error="not readable as JSON"),
    Broken("alone.shp", _shp_alone, error="not readable as Shapefile"),
    # archives
    Broken("outside.zip", lambda: _zip(("../evil.csv", GOOD.encode())), error="points outside"),
    Broken("absolute.zip", lambda: _zip(("/etc/evil.csv", GOOD.encode())), error="points outside"),
    Broken("encrypted.zip", _encrypted_zip, error="is encrypted"),
    Broken("two_tables.zip", lambda: _zip(("a.csv", b"x"), ("b.csv", b"y")), error="holds 2: a.csv, b.csv"),
    Broken("no_table.zip", lambda: _zip(("a.docx", b"x"), ("b.pdf", b"y")), error="holds a.docx, b.pdf"),
    Broken("nested_five_deep.zip", lambda: _nested_zip(5), error="packed more than 3 times"),
    Broken("nested_twice.zip", lambda: _nested_zip(2), accepted=20),
    Broken("with_litter.zip", lambda: _zip(("__MACOSX/._a.csv", b"\0"), ("a.csv", GOOD.encode())), accepted=20),
    Broken("bomb.csv.gz", _gzip_bomb, error="times its size"),
    Broken("bomb.zip", _zip_bomb, error="times its size"),
    # reference systems
    Broken("metres_as_degrees.csv", _text("x,y\n412345.6,3701234.5\n412400.1,3701300.2\n"), error="--crs EPSG"),
    Broken("unknown_crs.csv", _text(GOOD), error="reference system", options={"crs": "EPSG:999999"}),
    Broken("unfit_crs.csv", _text(GOOD), error="reference system", options={"crs": "my own grid"}),
    # shape of the table
    Broken("ten_megabytes_in_one_line.csv", lambda: (HEADER + "1," + "x" * 10_000_000 + "\n" + "".join(ROWS)).encode(), accepted=20, rejected={"ragged_row": 1}),
    Broken("forty_megabytes_in_one_line.csv", lambda: (HEADER + "1," + "x" * 40_000_000).encode(), error="longer than 8 MB"),
    Broken("ten_megabytes_of_header.csv", lambda: b"x" * 10_000_000, error="first line is longer"),
    Broken("five_thousand_columns.csv", _wide, accepted=2),
    Broken("no_positions.csv", _text("id,title\n1,a\n2,b\n"), error="longitude and latitude"),
    Broken("no_positions.parquet", lambda: _parquet(pa.table({"id": [1]})), error="longitude and latitude"),
    Broken("unknown_zone.csv", _text(GOOD), error="America/Phoenixx", options={"timezone": "America/Phoenixx"}),
    Broken("mixed_delimiters.csv", _with("21;2024-03-01;-111.9;33.4;EMS", "22\t2024-03-01\t-111.9\t33.4\tEMS"), accepted=20, rejected={"ragged_row": 2}),
    Broken("ragged.csv", _with("21,2024-03-01,-111.9", "22,2024-03-01,-111.9,33.4,EMS,more"), accepted=20, rejected={"ragged_row": 2}),
    Broken("unclosed_quote.csv", _with('21,2024-03-01,-111.9,33.4,"EMS', *(r.strip() for r in ROWS[:3])), accepted=20, rejected={"unclosed_quote": 1}, counts={"unclosed_quote.lines": 3}),
    Broken("duplicate_headers.csv", _text("lng,lat,note,note\n-111.9,33.4,a,b\n"), accepted=1, counts={"duplicate_headers": 1}),
    Broken("nameless_headers.csv", _text("lng,lat,,\n-111.9,33.4,a,b\n"), accepted=1),
    Broken("formula_cells.csv", _with('21,2024-03-01,-111.9,33.4,"=cmd|\' /C calc\'!A0"', "22,2024-03-01,-111.9,33.4,@SUM(1+1)"), accepted=22),
    Broken("nul_bytes.csv", _with("21,2024-03-01,-111.9,33.4,E\x00MS\x00"), accepted=21, counts={"control_characters": 2}),
    Broken("bare_returns.csv", _text(GOOD.replace("\n", "\r")), accepted=20),
    Broken("utf16_cut_in_a_character.csv", lambda: GOOD.encode("utf-16")[:-1], accepted=20),
    Broken("utf16_without_mark.csv", _text(GOOD, "utf-16-le"), accepted=20),
    Broken("two_encodings.csv", lambda: (GOOD + "21,2024-03-01,-111.9,33.4,São João ação\n").encode() + "22,2024-03-01,-111.9,33.4,São\n".encode("latin-1"), accepted=22),
    # positions
    Broken("nan_and_inf.csv", _with("21,,nan,33.4,a", "22,,inf,33.4,a", "23,,-111.9,-Infinity,a", "24,,,,a"), accepted=20, rejected={"no_coordinate": 2, "not_finite": 2}),
    Broken("words_for_numbers.csv", _with("21,,unknown,33.4,a", "22,,-111.9,33.4N?,a"), accepted=20, rejected={"unreadable_coordinate": 2}),
    Broken("all_words.csv", _text("lng,lat\nwest,north\neast,south\n"), rejected={"unreadable_coordinate": 2}),
    Broken("zero_zero.csv", _with("21,,0,0,a", "22,,0.0,0.000,a"), accepted=20, rejected={"zero_coordinate": 2}),
    Broken("lost_decimal_point.csv", _with("21,,-111.92,33421,a", "22,,-1119123,33.42,a"), accepted=20, rejected={"lost_decimal_point": 2}),
    Broken("off_the_globe.csv", _with("21,,-111.9,95.5,a", "22,,777.7777,77.7777,a"), accepted=20, rejected={"out_of_range": 2}),
    Broken("some_swapped.csv", _with("21,,33.41,-111.91,a", "22,,33.42,-111.92,a"), accepted=20, rejected={"suspected_swap": 2}),
    Broken("all_swapped.csv", _text(_SWAPPED), rejected={"suspected_swap": 12}),
    Broken("empty_points.csv", _text('wkt,id\n"POINT (-111.9 33.4)",1\nPOINT EMPTY,2\nPOINT (x),3\n'), accepted=1, rejected={"no_coordinate": 1, "unreadable_coordinate": 1}, counts={"point.empty": 1}),
    Broken("areas.geojson", _bytes(_collection(_feature(_SQUARE), _feature(_SQUARE))), error="points are needed"),
    Broken("an_area_among_points.geojson", _bytes(_collection(*_GOOD_FEATURES, _feature(_SQUARE), _feature(None))), accepted=5, rejected={"not_a_point": 1, "no_coordinate": 1}),
    Broken("features_is_an_object.geojson", _text('{"type":"FeatureCollection","features":{}}'), error="GeoJSON"),
    Broken("any_object.json", _text('{\n"hello": [1, 2]\n}'), error="GeoJSON"),
    Broken("numbers.json", _bytes(b"[1, 2, 3]"), error="features are needed"),
    Broken("nested_deep.json", lambda: b"[" * 100_000 + b"]" * 100_000, error="not readable as JSON"),
    Broken("a_bad_line.ndjson", _bytes(_GOOD_LINES + b'{"type": "Feature", "prop\n' + b"17\n"), accepted=5, rejected={"unreadable_row": 1, "not_a_feature": 1}),
    Broken("all_bad_lines.ndjson", _bytes(b'{"a" 1}\n{"a" 2}\n'), error="features are needed"),
    Broken("broken_metadata.parquet", _geoparquet_with_broken_metadata, error="metadata"),
    # times
    Broken("year_9999.csv", _with("21,9999-12-31 00:00:00,-111.9,33.4,a", "22,0001-01-01,-111.9,33.4,a"), accepted=20, rejected={"time_out_of_range": 2}),
    Broken("no_such_day.csv", _with("21,2024-02-30,-111.9,33.4,a", "22,2024-03-01 25:61:00,-111.9,33.4,a", "23,soon,-111.9,33.4,a"), accepted=20, rejected={"unreadable_time": 3}),
]  # fmt: skip
