"""The canonical form of what is ingested: one Arrow schema per kind, and what a reader says of a file.

Readers produce `CleanBatch`es; the store takes them. Nothing here reads a file or a store.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

KINDS = ("incidents", "sewersheds", "samples", "coverage", "population", "roads", "sites", "boundary")

TIME_PRECISIONS = ("second", "minute", "hour", "day", "month", "year")

#: One row per incident. `row` is the 1-based number of the data row in the file (header not counted).
#: `time` is UTC; for a precision coarser than a second it is the start of that day, month or year in
#: the layer's timezone. `cell15` is the H3 cell at resolution 15. `attributes` is a JSON object with the
#: columns that no canonical field took; null where there are none.
INCIDENT_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("source_id", pa.string()),
        pa.field("time", pa.timestamp("us", tz="UTC")),
        pa.field("time_precision", pa.string()),
        pa.field("lng", pa.float64(), nullable=False),
        pa.field("lat", pa.float64(), nullable=False),
        pa.field("cell15", pa.int64(), nullable=False),
        pa.field("category", pa.string()),
        pa.field("severity", pa.string()),
        pa.field("street", pa.string()),
        pa.field("mode", pa.string()),
        pa.field("weight", pa.float64()),
        pa.field("attributes", pa.string()),
    ]
)

#: One row per feature of a polygon or site layer (boundary, population, sites …).
FEATURE_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("source_id", pa.string()),
        pa.field("name", pa.string()),
        pa.field("value", pa.float64()),
        pa.field("geometry", pa.binary(), nullable=False),
        pa.field("attributes", pa.string()),
    ]
)

#: One row per line of a roads layer. `class` is one word (`VOCABULARY` of road_classes.py, else the label's
#: own); null where the file tells none. `oneway` is 1 along the line, -1 against it, 0 both ways. `level` is
#: above 0 on bridges, below in tunnels. `aadt` is vehicles a day, null where unknown. `geometry` is a
#: LineString or a MultiLineString without heights. `attributes` has the other columns, and the class,
#: direction and level as the file tells them.
ROADS_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("source_id", pa.string()),
        pa.field("name", pa.string()),
        pa.field("class", pa.string()),
        pa.field("oneway", pa.int8(), nullable=False),
        pa.field("level", pa.int16(), nullable=False),
        pa.field("roundabout", pa.bool_(), nullable=False),
        pa.field("aadt", pa.float64()),
        pa.field("geometry", pa.binary(), nullable=False),
        pa.field("attributes", pa.string()),
    ]
)

#: One row per measured value of a wastewater sample; a file with several analytes side by side gives several
#: rows for each of its own. `start` and `end` are UTC, as `time` of an incident is; `end` is null where the
#: file tells one time. `value` is as the file tells it, in `unit`; null where it tells only that the analyte
#: lies below a limit. `below_limit` is true for what was not detected or not quantified: the value is then no
#: measurement, and `limit` is the limit where the file tells it.
SAMPLE_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("source_id", pa.string()),
        pa.field("sewershed", pa.string(), nullable=False),
        pa.field("start", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("end", pa.timestamp("us", tz="UTC")),
        pa.field("time_precision", pa.string()),
        pa.field("analyte", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("unit", pa.string()),
        pa.field("below_limit", pa.bool_(), nullable=False),
        pa.field("limit", pa.float64()),
        pa.field("flow", pa.float64()),
        pa.field("flow_unit", pa.string()),
        pa.field("population", pa.float64()),
        pa.field("replicate", pa.string()),
        pa.field("quality", pa.string()),
        pa.field("attributes", pa.string()),
    ]
)

#: One row per area, cell or code of a broadband table. One of `geometry` (WKB), `cell` (H3 at the table's own
#: resolution) and `code` (a county, zip, tract … as digits) says where the row lies; the other two are null.
#: `locations`, `served`, `underserved` and `unserved` count homes and businesses (or households); null where
#: the table does not tell. `margin` is the margin of error (90 %) of `unserved`; in a table of shares, of
#: the share. `share_served` lies within 0–1. `source` says by which table or rules the counts were made.
COVERAGE_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("source_id", pa.string()),
        pa.field("name", pa.string()),
        pa.field("code", pa.string()),
        pa.field("cell", pa.int64()),
        pa.field("geometry", pa.binary()),
        pa.field("locations", pa.float64()),
        pa.field("served", pa.float64()),
        pa.field("underserved", pa.float64()),
        pa.field("unserved", pa.float64()),
        pa.field("margin", pa.float64()),
        pa.field("share_served", pa.float64()),
        pa.field("source", pa.string()),
        pa.field("attributes", pa.string()),
    ]
)

#: One row per rejected row: number, a short code, the reason in words, the row as it came.
REJECT_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
        pa.field("original", pa.string(), nullable=False),
    ]
)


def time_column(kind: str) -> str | None:
    """Return the column by which a layer of this kind lies in time."""
    return {"incidents": "time", "samples": "start"}.get(kind)


@dataclass(frozen=True)
class IngestSpec:
    """What the user said about a file.

    `mapping` is field → column; `crs` a name such as ``EPSG:2223`` or None to take the file's own, else
    WGS 84; `timezone` an IANA name; `boundary` WKB in WGS 84 outside of which rows are rejected; `spellings`
    how the layer's rows already spell further columns, by their names without case.
    """

    layer: str
    kind: str = "incidents"
    mapping: dict[str, str] = field(default_factory=dict)
    crs: str | None = None
    timezone: str | None = None
    boundary: bytes | None = None
    spellings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CleanBatch:
    """One chunk of a file after the checks: canonical rows and the rows that were rejected."""

    rows: pa.Table
    rejects: pa.Table


@dataclass
class ReadReport:
    """What the file is and what was found in it; complete when its batches have been read.

    `columns` is field → column as recognised; `notes` are sentences for people; `counts` are named
    counts of what was seen (`null.<column>`, `time.ambiguous`, `swap.suspected` …); `rejected` counts
    rejects by code. `digest` tells the files apart whose rows were summed up while they were read: sums of
    other files cannot be added to them. None for files whose rows come as they are.
    """

    format: str = ""
    encoding: str | None = None
    crs: str = "OGC:CRS84"
    timezone: str = "UTC"
    n_rows: int = 0
    columns: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    digest: str | None = None


class CleanSource(Protocol):
    """A file opened for ingest: batches once, in file order, and a report that grows with them."""

    report: ReadReport

    def batches(self) -> Iterator[CleanBatch]:
        """Yield the file's rows chunk by chunk."""
        ...
