"""The door: a path in, a clean source out, whatever the format."""

import shutil
import tempfile
import weakref
from pathlib import Path

import orjson

from data.coverage_availability import AvailabilitySource, FileOfOffers, coverage_source
from data.errors import UnreadableFile
from data.feature_source import FeatureSource
from data.incident_source import IncidentSource
from data.readers.availability_files import availability_files
from data.readers.delimited import DelimitedSource
from data.readers.dialect import open_text, scan_text
from data.readers.json_items import JsonArray, JsonLines
from data.readers.odm_tables import odm_tables
from data.readers.parquet import ParquetSource
from data.readers.raw import RawSource
from data.readers.recognise import (
    DELIMITED,
    FLATGEOBUF,
    GEOJSON,
    GEOPACKAGE,
    JSON_ARRAY,
    JSON_LINES,
    OSM_PBF,
    OSM_XML,
    PARQUET,
    SHAPEFILE,
    TOPOJSON,
)
from data.readers.unpack import unpacked
from data.records import CleanSource, IngestSpec
from data.road_source import RoadSource
from data.sample_source import SampleSource

#: A portal's error answer is no longer than this.
MOST_ANSWER_BYTES = 1 << 16

_ENDINGS = {
    GEOJSON: (".geojson", ".json"),
    GEOPACKAGE: (".gpkg",),
    SHAPEFILE: (".shp",),
    FLATGEOBUF: (".fgb",),
    TOPOJSON: (".topojson", ".json"),
    OSM_PBF: (".pbf",),
    OSM_XML: (".osm",),
}


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
    """Open a layer of areas or sites; raises as `open_incidents` does."""
    return FeatureSource(open_raw(path, spec.kind), spec)


def open_roads(path: Path, spec: IngestSpec) -> CleanSource:
    """Open a file of road lines; raises as `open_incidents` does."""
    return RoadSource(open_raw(path, "roads"), spec)


def open_samples(path: Path, spec: IngestSpec) -> CleanSource:
    """Open a file of wastewater samples; raises as `open_incidents` does, but for places: it has none.

    The tables of the open data model for surveillance may also come together, in a zip or a folder.
    """
    path = Path(path)
    with tempfile.TemporaryDirectory(prefix="emberline-") as room:
        tables = odm_tables(path, Path(room)) if path.exists() else None
    return SampleSource(tables or open_raw(path), spec)


def open_coverage(path: Path, spec: IngestSpec) -> CleanSource:
    """Open a table of broadband coverage: areas, cells, codes, or availability files; raises as above.

    Availability files may also be several in a zip, or a folder of them.
    """
    path = Path(path)
    files = availability_files(path) if path.exists() else []
    if files:
        return AvailabilitySource(path.name, [FileOfOffers(file) for file in files], spec)
    return coverage_source(open_raw(path), spec)


def open_raw(path: Path, kind: str = "") -> RawSource:
    """Open a file as columns, whatever its format; what was unpacked goes when the source goes.

    `kind` says which of its parts is meant, where a format has parts for several kinds.
    """
    path = Path(path)
    if not path.exists():
        raise UnreadableFile(f"{path}: a file is needed, there is none of this name")
    if not path.is_file():
        raise UnreadableFile(f"{path}: a file is needed, this is a directory")
    room = Path(tempfile.mkdtemp(prefix="emberline-"))
    try:
        source = _opened(path, room, kind)
    except PermissionError as err:
        _discard(room)
        raise UnreadableFile(f"{path}: a readable file is needed, access is denied") from err
    except BaseException:
        _discard(room)
        raise
    weakref.finalize(source, _discard, room)
    return source


def _opened(path: Path, room: Path, kind: str) -> RawSource:
    inside, name, form = unpacked(path, path.name, room)
    if form == DELIMITED:
        return DelimitedSource(inside, name)
    if form == PARQUET:
        return ParquetSource(inside, name)
    if form == JSON_LINES:
        return JsonLines(inside, name)
    if form == JSON_ARRAY:
        return JsonArray(inside, name)
    # GDAL brings pandas with it, which takes seconds to load: only where a file needs it.
    from data.readers.vector import VectorSource

    if form in (GEOJSON, TOPOJSON):
        _require_no_error_answer(inside, name)
        inside = _in_utf8(inside, room)
    return VectorSource(_rightly_named(inside, form, room), name, form, kind)


def _require_no_error_answer(path: Path, name: str) -> None:
    """Raise where a portal answered with an error instead of data."""
    if path.stat().st_size > MOST_ANSWER_BYTES:
        return
    try:
        answer = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        return
    error = answer.get("error") if isinstance(answer, dict) else None
    if error:
        words = error.get("message", error) if isinstance(error, dict) else error
        raise UnreadableFile(f"{name}: data are needed, this is a portal's error: {str(words)[:200]}")


def _rightly_named(path: Path, form: str, room: Path) -> Path:
    """Return the file under a name whose ending fits its content: GDAL goes by endings."""
    if path.suffix.lower() in _ENDINGS[form]:
        return path
    link = room / f"data{_ENDINGS[form][0]}"
    link.symlink_to(path.resolve())
    return link


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
