"""Availability files where they lie: one table, packed or not, several in a zip, or a folder of all of those.

Everything is streamed; nothing is unpacked to disk but a zip within a zip.
"""

import gzip
import hashlib
import io
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from data.errors import UnreadableFile
from data.readers.availability import Layout, availability_layout
from data.readers.unpack import MOST_RATIO, RATIO_FROM_BYTES

#: A header is no longer than this.
_HEAD_BYTES = 1 << 16

#: Zips within zips are followed this deep.
_MOST_LEVELS = 2

_GZIP_MAGIC, _ZIP_MAGIC = b"\x1f\x8b", b"PK\x03\x04"
_TABLES = (".csv", ".gz", ".zip")


@dataclass(frozen=True)
class AvailabilityFile:
    """One table: its path, then the names of the members that lead to it through zips."""

    path: Path
    members: tuple[str, ...]
    layout: Layout

    @property
    def name(self) -> str:
        """What people are told."""
        return "/".join([self.path.name, *(Path(member).name for member in self.members)])


class DigestedBytes(io.RawIOBase):
    """A stream that digests what is read of it, and refuses to unpack without end."""

    def __init__(self, file: IO[bytes], name: str, packed_bytes: int) -> None:
        self._file = file
        self._name = name
        self._packed_bytes = packed_bytes
        self._n_bytes = 0
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        """Return that this can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read the next bytes."""
        got = self._file.readinto(buffer) or 0  # type: ignore[attr-defined]
        self._n_bytes += got
        if self._n_bytes > RATIO_FROM_BYTES and self._n_bytes > MOST_RATIO * max(1, self._packed_bytes):
            raise UnreadableFile(
                f"{self._name}: data are needed, this unpacks to more than {MOST_RATIO} times its size "
                "(an archive bomb?)"
            )
        self._digest.update(buffer[:got])
        return got

    def digest(self) -> str:
        """Return the digest of all bytes read so far."""
        return self._digest.hexdigest()


def availability_files(path: Path) -> list[AvailabilityFile]:
    """Return the availability tables at a path, in the order of their names; none where it holds others.

    Raises
    ------
    UnreadableFile
        If some tables of a zip or folder are availability files and others are not, or a zip is broken.
    """
    places = list(_places(path))
    found = [AvailabilityFile(*place, layout) for place in places if (layout := _layout(place))]
    if found and len(found) < len(places):
        other = next(p for p in places if p not in {(f.path, f.members) for f in found})
        raise UnreadableFile(
            f"{path.name}: availability files only are needed, {_told(other)} is none of the "
            f"{len(found)} among {len(places)} tables"
        )
    return found


@contextmanager
def opened(file: AvailabilityFile) -> Iterator[DigestedBytes]:
    """Open a table for reading from its first byte."""
    packed = file.path.stat().st_size
    with _guarded(file.name), _stream(file.path, file.members) as stream:
        yield DigestedBytes(stream, file.name, packed)


_Place = tuple[Path, tuple[str, ...]]


def _places(path: Path) -> Iterator[_Place]:
    """Yield the tables of a file or folder."""
    if not path.is_dir():
        yield from _places_in(path)
        return
    inside = sorted(p for p in path.rglob("*") if p.is_file() and not _is_hidden(p.relative_to(path)))
    tables = [p for p in inside if p.suffix.lower() in _TABLES]
    if not tables:
        raise UnreadableFile(f"{path.name}: CSV files (also in .gz or .zip) are needed, the folder has none")
    for table in tables:
        yield from _places_in(table)


def _places_in(path: Path) -> Iterator[_Place]:
    with path.open("rb") as file:
        if file.read(4) != _ZIP_MAGIC:
            yield path, ()
            return
    with _guarded(path.name):
        yield from ((path, members) for members in _members(path, (), 0))


def _members(path: Path, above: tuple[str, ...], level: int) -> Iterator[tuple[str, ...]]:
    """Yield the ways to the tables in a zip, in the order of their names."""
    with _zip(path, above) as archive:
        names = sorted(
            m.filename
            for m in archive.infolist()
            if not m.is_dir()
            and not _is_hidden(Path(m.filename))
            and Path(m.filename).suffix.lower() in _TABLES
        )
    for name in names:
        if not name.lower().endswith(".zip"):
            yield (*above, name)
        elif level + 1 < _MOST_LEVELS:
            yield from _members(path, (*above, name), level + 1)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in path.parts)


@contextmanager
def _zip(path: Path, members: Sequence[str]) -> Iterator[zipfile.ZipFile]:
    """Open a zip, or one within it, through a copy on disk."""
    with zipfile.ZipFile(path) as archive:
        if not members:
            yield archive
            return
        with tempfile.TemporaryFile(prefix="emberline-") as copy, archive.open(members[0]) as packed:
            bounded = DigestedBytes(packed, members[0], path.stat().st_size)
            shutil.copyfileobj(io.BufferedReader(bounded), copy, 1 << 20)
            with zipfile.ZipFile(copy) as inner:
                yield inner


@contextmanager
def _stream(path: Path, members: Sequence[str]) -> Iterator[IO[bytes]]:
    """Open a table, unpacked."""
    if not members:
        with path.open("rb") as file, _unpacked(file) as stream:
            yield stream
        return
    with (
        _zip(path, members[:-1]) as archive,
        archive.open(members[-1]) as member,
        _unpacked(member) as stream,
    ):
        yield stream


@contextmanager
def _unpacked(file: IO[bytes]) -> Iterator[IO[bytes]]:
    packed = file.read(2) == _GZIP_MAGIC
    file.seek(0)
    if not packed:
        yield file
        return
    with closing(gzip.GzipFile(fileobj=file)) as stream:
        yield stream  # type: ignore[misc]


def _layout(place: _Place) -> Layout | None:
    with _guarded(_told(place)), _stream(*place) as stream:
        return availability_layout(stream.readline(_HEAD_BYTES))


def _told(place: _Place) -> str:
    return "/".join([place[0].name, *(Path(member).name for member in place[1])])


@contextmanager
def _guarded(name: str) -> Iterator[None]:
    """Turn what unpacking raises into one line of ours."""
    try:
        yield
    except EOFError as err:
        raise UnreadableFile(f"{name}: a whole file is needed, it ends too early (cut off?)") from err
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error) as err:
        raise UnreadableFile(f"{name}: cannot be unpacked: {err}") from err
    except (NotImplementedError, RuntimeError) as err:
        # zipfile's own words: a compression it lacks, or a password.
        raise UnreadableFile(f"{name}: the zip cannot be unpacked: {err}") from err
