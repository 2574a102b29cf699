"""The door: a path in, a clean source out, whatever the format."""

from pathlib import Path

from data.incident_source import IncidentSource
from data.readers.delimited import DelimitedSource
from data.readers.parquet import ParquetSource
from data.readers.raw import RawSource
from data.records import CleanSource, IngestSpec


def open_incidents(path: Path, spec: IngestSpec) -> CleanSource:
    """Open a file of incidents; what cannot be read at all is raised here, bad rows come as rejects."""
    return IncidentSource(_raw(path), spec)


def _raw(path: Path) -> RawSource:
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(b"PAR1"):
        return ParquetSource(path, path.name)
    return DelimitedSource(path, path.name)
