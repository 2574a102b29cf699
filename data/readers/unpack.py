"""Out of .gz and .zip: one data set, written below a directory of ours, never beyond a bound.

Nothing is ever written under a name that an archive gives.
"""

import gzip
import shutil
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from data.errors import UnknownFormat, UnreadableFile
from data.readers.recognise import GZIP, ZIP, recognise_format

#: Packing within packing is followed this deep.
MOST_LEVELS = 3

#: Unpacked data may be this large at most, and must leave this share of the disk free.
MOST_BYTES = 64 << 30
FREE_SHARE = 0.1

#: Real tables pack to a hundredth at the very best. Past the first quarter gigabyte more than that is a bomb.
MOST_RATIO = 250
RATIO_FROM_BYTES = 256 << 20

MOST_MEMBERS = 10_000

_COPY_BYTES = 1 << 20
_DATA_ENDINGS = (
    ".csv .tsv .txt .tab .psv .json .topojson .geojson .geojsonl .geojsons .geojsonseq .ndjson .jsonl .gpkg "
    ".shp .fgb .parquet .geoparquet .pq .pbf .osm .gz .zip"
).split()
_SHAPE_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_OFFICE = {
    "[Content_Types].xml": "an Excel or Office file: save the sheet as CSV",
    "mimetype": "an OpenDocument or EPUB file: save the sheet as CSV",
}


def unpacked(path: Path, name: str, room: Path) -> tuple[Path, str, str]:
    """Return the data file inside a file (the file itself where nothing is packed), its name and its format.

    `room` is a directory for what is unpacked.

    Raises
    ------
    UnreadableFile
        If an archive is broken, encrypted, too large, or holds no or several data sets.
    UnknownFormat
        If what it holds is of no known format.
    """
    for level in range(MOST_LEVELS + 1):
        found = recognise_format(path, name)
        if found not in (GZIP, ZIP):
            return path, name, found
        if level == MOST_LEVELS:
            break
        inner = room / f"level{level}"
        inner.mkdir()
        path, name = (_from_gzip if found == GZIP else _from_zip)(path, name, inner)
    raise UnreadableFile(f"{name}: packed more than {MOST_LEVELS} times over, unpack it first")


def _from_gzip(path: Path, name: str, room: Path) -> tuple[Path, str]:
    inner = name[:-3] if name.lower().endswith(".gz") else name
    target = room / f"data{_safe_suffix(inner)}"
    try:
        with gzip.open(path) as packed:
            _copy(packed, target, path.stat().st_size, name)
    except EOFError as err:
        raise UnreadableFile(f"{name}: a whole gzip file is needed, it ends too early (cut off?)") from err
    except (gzip.BadGzipFile, zlib.error) as err:
        raise UnreadableFile(f"{name}: not readable as gzip: {err}") from err
    return target, inner


def _from_zip(path: Path, name: str, room: Path) -> tuple[Path, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            member = _data_member(archive.infolist(), name)
            return _extracted(archive, member, name, room)
    except zipfile.BadZipFile as err:
        raise UnreadableFile(f"{name}: not readable as zip: {err}") from err
    except (zlib.error, EOFError, NotImplementedError, RuntimeError) as err:
        # zipfile's own words: NotImplementedError for a compression it lacks, RuntimeError for a password.
        raise UnreadableFile(f"{name}: the zip cannot be unpacked: {err}") from err


def _data_member(members: list[zipfile.ZipInfo], name: str) -> zipfile.ZipInfo:
    if len(members) > MOST_MEMBERS:
        raise UnreadableFile(f"{name}: one data file is needed, the zip has {len(members):,} members")
    for member in members:
        _require_harmless(member, name)
        if member.filename in _OFFICE:
            raise UnknownFormat(f"{name}: a data file is needed, this is {_OFFICE[member.filename]}")
    files = [m for m in members if not m.is_dir() and not _is_litter(m.filename)]
    data = [m for m in files if Path(m.filename).suffix.lower() in _DATA_ENDINGS]
    data = _without_shape_parts(data) or (files if len(files) == 1 else [])
    if not data:
        raise UnreadableFile(f"{name}: one data file is needed, the zip holds {_listed(files) or 'none'}")
    if len(data) > 1:
        tables = [m for m in data if Path(m.filename).suffix.lower() != ".txt"]
        if len(tables) != 1:
            raise UnreadableFile(
                f"{name}: one data file is needed, the zip holds {len(data)}: {_listed(data)}; "
                "unpack it and give one"
            )
        data = tables
    return data[0]


def _require_harmless(member: zipfile.ZipInfo, name: str) -> None:
    parts = member.filename.replace("\\", "/").split("/")
    if ".." in parts or member.filename.startswith(("/", "\\")) or ":" in parts[0]:
        raise UnreadableFile(
            f"{name}: members inside the archive are needed, {member.filename[:100]!r} points outside"
        )
    if member.flag_bits & 1:
        raise UnreadableFile(
            f"{name}: an archive without a password is needed, {member.filename[:100]!r} is encrypted"
        )


def _is_litter(filename: str) -> bool:
    parts = filename.split("/")
    # The census bureau packs the names of the columns beside its tables.
    is_legend = parts[-1].endswith("-Column-Metadata.csv")
    return parts[0] == "__MACOSX" or parts[-1].startswith(".") or is_legend


def _without_shape_parts(members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Leave out text files that only go along with a shapefile."""
    stems = {Path(m.filename).stem for m in members if m.filename.lower().endswith(".shp")}
    return [m for m in members if m.filename.lower().endswith(".shp") or Path(m.filename).stem not in stems]


def _extracted(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, room: Path) -> tuple[Path, str]:
    inner = Path(member.filename).name
    wanted = [member]
    if inner.lower().endswith(".shp"):
        stem = member.filename[:-4].lower()
        wanted += [
            m
            for m in archive.infolist()
            if m.filename[:-4].lower() == stem and m.filename[-4:].lower() in _SHAPE_PARTS and m is not member
        ]
    total = sum(m.file_size for m in wanted)
    _require_room(total, room, name)
    for part in wanted:
        with archive.open(part) as packed:
            _copy(packed, room / f"data{_safe_suffix(part.filename)}", part.compress_size, name)
    return room / f"data{_safe_suffix(inner)}", f"{name}/{inner}"


def _copy(packed: IO[bytes] | gzip.GzipFile, target: Path, packed_bytes: int, name: str) -> None:
    """Write a packed stream to disk within the bounds."""
    written = 0
    with target.open("wb") as out:
        while block := packed.read(_COPY_BYTES):
            written += len(block)
            if written > RATIO_FROM_BYTES and written > MOST_RATIO * max(1, packed_bytes):
                raise UnreadableFile(
                    f"{name}: data are needed, this unpacks to more than {MOST_RATIO} times its size "
                    "(an archive bomb?)"
                )
            if written % (64 * _COPY_BYTES) < len(block):
                _require_room(written, target.parent, name, written)
            out.write(block)


def _require_room(wanted: int, room: Path, name: str, written: int = 0) -> None:
    usage = shutil.disk_usage(room)
    if wanted > MOST_BYTES:
        raise UnreadableFile(f"{name}: at most {MOST_BYTES >> 30} GB unpacked can be read, this is more")
    if wanted - written > usage.free - FREE_SHARE * usage.total:
        raise UnreadableFile(
            f"{name}: unpacking needs {wanted >> 20:,} MB, the disk has {usage.free >> 20:,} MB free"
        )


def _safe_suffix(filename: str) -> str:
    suffix = Path(filename).suffix.lower()
    return suffix if suffix in (*_DATA_ENDINGS, *_SHAPE_PARTS) else ".data"


def _listed(members: Iterable[zipfile.ZipInfo]) -> str:
    names = [m.filename for m in members]
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
