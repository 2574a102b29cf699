"""What the tests of the readers share: made incidents, and a source read to its end."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from data.readers.open import open_coverage, open_features, open_incidents, open_roads, open_samples
from data.records import (
    COVERAGE_SCHEMA,
    FEATURE_SCHEMA,
    INCIDENT_SCHEMA,
    REJECT_SCHEMA,
    ROADS_SCHEMA,
    SAMPLE_SCHEMA,
    CleanBatch,
    CleanSource,
    IngestSpec,
    ReadReport,
)


def read(path: Path, **options: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]], ReadReport]:
    """Return a file's incidents, its rejects and the report."""
    return read_source(open_incidents(path, IngestSpec("test", **options)), INCIDENT_SCHEMA)


def read_layer(
    path: Path, kind: str, **options: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], ReadReport]:
    """Return a layer's features, its rejects and the report."""
    spec = IngestSpec("test", kind=kind, **options)
    if kind == "roads":
        return read_source(open_roads(path, spec), ROADS_SCHEMA)
    return read_source(open_features(path, spec), FEATURE_SCHEMA)


def read_samples(
    path: Path, text: str | None = None, **options: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], ReadReport]:
    """Return a file's samples (of the text, written there first), its rejects and the report."""
    if text is not None:
        path.write_text(text)
    return read_source(open_samples(path, IngestSpec("test", kind="samples", **options)), SAMPLE_SCHEMA)


def read_coverage(
    path: Path, text: str | None = None, **options: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], ReadReport]:
    """Return a file's rows of coverage (of the text, written there first), its rejects and the report."""
    if text is not None:
        path.write_text(text)
    return read_source(open_coverage(path, IngestSpec("test", kind="coverage", **options)), COVERAGE_SCHEMA)


def read_text(
    directory: Path, text: str | bytes, **options: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], ReadReport]:
    """Return what comes of a text as a file."""
    path = directory / "table.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path, **options)


def read_source(
    source: CleanSource, schema: pa.Schema
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], ReadReport]:
    """Return rows and rejects of a source, its books checked."""
    batches = list(source.batches())
    rows = _joined((batch.rows for batch in batches), schema)
    rejects = _joined((batch.rejects for batch in batches), REJECT_SCHEMA)
    assert source.report.n_rows == len(rows) + len(rejects)
    assert sum(source.report.rejected.values()) == len(rejects)
    return rows, rejects, source.report


def counted(path: Path, **options: Any) -> tuple[int, ReadReport, list[CleanBatch]]:
    """Return how many rows of a large file are accepted, its report and its batches."""
    source = open_incidents(path, IngestSpec("test", **options))
    batches = list(source.batches())
    accepted = sum(batch.rows.num_rows for batch in batches)
    assert source.report.n_rows == accepted + sum(batch.rejects.num_rows for batch in batches)
    return accepted, source.report, batches


def _joined(tables: Iterable[pa.Table], schema: pa.Schema) -> list[dict[str, Any]]:
    return [row for table in tables for row in table.cast(schema).to_pylist()]
