"""The door: a path in, a clean source out, whatever the format."""

import shutil
import tempfile
import weakref
from pathlib import Path

from data.errors import UnreadableFile
from data.feature_source import FeatureSource
from data.incident_source import IncidentSource
from data.readers.delimited import DelimitedSource
from data.readers.dialect import open_text, scan_text
from data.readers.json_items import JsonArray, JsonLines
from data.readers.parquet import ParquetSource
from data.readers.raw import RawSource
from data.readers.recognise import DELIMITED, GEOJSON, JSON_ARRAY, JSON_LINES, PARQUET
from data.readers.unpack import unpacked
from data.readers.vector import VectorSource
from data.records import CleanSource, IngestSpec


def open_incidents(path: Path, spec: IngestSpec) -> CleanSource:
    """Open a file of incidents; what cannot be read at all is raised here, bad rows come as rejects.

    Raises
    ------
    DataError
        UnreadableFile, UnknownFormat, MissingField or InvalidMapping, in one line each.
    SpatialError
        UnknownCrs, where coordinates are in no system that is known.
    """
    return IncidentSource(open_raw(path), spec)


def open_features(path: Path, spec: IngestSpec) -> CleanSource:
    """Open a layer of areas, lines or sites; raises as `open_incidents` does."""
    return FeatureSource(open_raw(path), spec)


def open_raw(path: Path) -> RawSource:
    """Open a file as columns, whatever its format; what was unpacked goes when the source goes."""
    path = Path(path)
    if not path.exists():
        raise UnreadableFile(f"{path}: a file is needed, there is none of this name")
    if not path.is_file():
        raise UnreadableFile(f"{path}: a file is needed, this is a directory")
    room = Path(tempfile.mkdtemp(prefix="emberline-"))
    try:
        source = _opened(path, room)
    except PermissionError as err:
        _discard(room)
        raise UnreadableFile(f"{path}: a readable file is needed, access is denied") from err
    except BaseException:
        _discard(room)
        raise
    weakref.finalize(source, _discard, room)
    return source


def _opened(path: Path, room: Path) -> RawSource:
    inside, name, form = unpacked(path, path.name, room)
    if form == DELIMITED:
        return DelimitedSource(inside, name)
    if form == PARQUET:
        return ParquetSource(inside, name)
    if form == JSON_LINES:
        return JsonLines(inside, name)
    if form == JSON_ARRAY:
        return JsonArray(inside, name)
    if form == GEOJSON:
        inside = _in_utf8(inside, room)
    return VectorSource(inside, name, form)


def _in_utf8(path: Path, room: Path) -> Path:
    """Return the file, or a copy of it in UTF-8 where its encoding is another."""
    scan = scan_text(path)
    if scan.is_plain:
        return path
    copy = room / "utf8.geojson"
    with open_text(path, scan) as text, copy.open("wb") as out:
        shutil.copyfileobj(text, out, 1 << 20)
    return copy


def _discard(room: Path) -> None:
    shutil.rmtree(room, ignore_errors=True)
