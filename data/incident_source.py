"""Incidents out of any raw source: read, judge, bring to one form, and keep the books."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from data.attributes import RowJson, spelled
from data.bulk import Bulk, Window
from data.checks import CODES, REASONS, Judged, judge_degrees, judge_raw, judge_times
from data.numbers import NumberStyle, numbers
from data.observations import FEW_DECIMALS, Observations
from data.plan import crs_name, make_plan
from data.positions import Positions
from data.raw_rows import field_text, first_filled, rejected_rows, replayed
from data.readers.raw import RawChunk, RawSource
from data.records import INCIDENT_SCHEMA, CleanBatch, IngestSpec, ReadReport
from data.row_times import RowTimes, TimeReader, number_of
from spatial.coordinates import to_wgs84
from spatial.errors import InvalidGeometry
from spatial.grid import cells_at

Floats = NDArray[np.float64]

#: A file counts as turned round when this share of its first rows lies on the globe only once exchanged.
_TURNED_SHARE = 0.5


@dataclass(frozen=True)
class _Placed:
    lng: Floats
    lat: Floats
    judged: Judged


class IncidentSource:
    """A raw source as canonical incidents; `report` is complete when `batches` has ended."""

    def __init__(self, raw: RawSource, spec: IngestSpec) -> None:
        self._raw = raw
        self._chunks = raw.chunks()
        self._first = first_filled(self._chunks, raw.facts.name)
        sample = self._first[-1]
        self._plan = make_plan(sample, raw.facts, spec)
        self._boundary = _area(spec.boundary)
        self._spellings = spec.spellings
        self._json = RowJson()
        self._beside = ThreadPoolExecutor(1, "rows-as-json")
        self._bulk = Bulk()
        self._seen = Observations()
        self._times = TimeReader(self._plan.time, spec.timezone, raw)
        self._times.learn(sample.table)
        self._window = self._first_window(self._plan.first)
        self._seen.look_for_stamps(sample.table, set(self._plan.time.columns) if self._plan.time else set())
        self.report = ReadReport(
            format=raw.facts.format,
            encoding=raw.facts.encoding,
            crs=crs_name(self._plan.crs),
            timezone=self._times.timezone,
            columns=self._plan.recognised(),
        )

    def batches(self) -> Iterator[CleanBatch]:
        """Yield the rows chunk by chunk, in file order."""
        for chunk in replayed(self._first, self._chunks):
            yield self._clean(chunk)
        self._close_books()

    def _clean(self, chunk: RawChunk) -> CleanBatch:
        table = chunk.table
        self._seen.look_at(table)
        placed = self._place(chunk)
        times = self._times.read(table)
        judge_times(placed.judged, times.is_unreadable, times.is_out_of_range)
        good = placed.judged.is_good
        self._times.keep_books(times, good)
        self._seen.compare_stamps(table, times.local, times.has_time)
        lng, lat = placed.lng[good], placed.lat[good]
        self._bulk.add(lng, lat)
        self._seen.look_at_degrees(lng, lat)
        rows = self._canonical(chunk, placed, times, good)
        rejects = self._rejects(chunk, placed.judged.code)
        self._count(rows.num_rows, rejects)
        return CleanBatch(rows, rejects)

    def _place(self, chunk: RawChunk) -> _Placed:
        positions = self._plan.position.read(chunk)
        judged = judge_raw(positions)
        self.report_count("point.empty", int(positions.is_empty_point.sum()))
        lng, lat = to_wgs84(positions.x, positions.y, self._plan.crs)
        judge_degrees(judged, lng, lat, self._window, self._boundary)
        return _Placed(lng, lat, judged)

    def _first_window(self, positions: Positions) -> Window | None:
        """Return where most of the first rows lie; turned round where that alone puts them on the globe."""
        lng, lat = to_wgs84(positions.x, positions.y, self._plan.crs)
        finite = np.isfinite(lng) & np.isfinite(lat) & ((lng != 0) | (lat != 0))
        lng, lat = lng[finite], lat[finite]
        in_range = (np.abs(lng) <= 180) & (np.abs(lat) <= 90)
        turned = ~in_range & (np.abs(lat) <= 180) & (np.abs(lng) <= 90)
        bulk = Bulk()
        if len(lng) and turned.mean() > _TURNED_SHARE:
            bulk.add(lat[turned], lng[turned])
            self._plan.notes.append(
                "most positions lie on the globe only with longitude and latitude exchanged: "
                "map them the other way round (--map lng=… --map lat=…)"
            )
        else:
            bulk.add(lng[in_range], lat[in_range])
        return bulk.window()

    def _canonical(
        self, chunk: RawChunk, placed: _Placed, times: RowTimes, good: NDArray[np.bool_]
    ) -> pa.Table:
        keep = pa.array(good)
        table = chunk.table if good.all() else chunk.table.filter(keep)
        lng, lat = placed.lng[good], placed.lat[good]
        # The engine works beside this thread while the rest is made ready.
        others = [c for c in table.column_names if c not in self._plan.taken]
        names = spelled(others, self._spellings)
        attributes = self._beside.submit(self._json.of, table, others, names)
        has_time = times.has_time[good]
        columns = {
            "row": pa.array(chunk.rows[good], pa.int64()),
            "source_id": self._text(table, "id"),
            "time": pa.array(times.utc[good], pa.timestamp("us", tz="UTC"), mask=~has_time),
            "time_precision": times.precision_names(good),
            "lng": pa.array(lng, pa.float64()),
            "lat": pa.array(lat, pa.float64()),
            "cell15": pa.array(cells_at(lng, lat, 15).view(np.int64), pa.int64()),
            "category": self._label(table, "category"),
            "severity": self._label(table, "severity"),
            "street": self._text(table, "street"),
            "mode": self._text(table, "mode"),
            "weight": self._weight(table),
            "attributes": attributes.result(),
        }
        return pa.table(columns, schema=INCIDENT_SCHEMA)

    def _text(self, table: pa.Table, name: str) -> pa.ChunkedArray:
        return field_text(table, self._plan.fields.get(name))

    def _label(self, table: pa.Table, name: str) -> pa.ChunkedArray:
        column = self._plan.fields.get(name)
        text = self._text(table, name)
        return text if column is None else self._seen.trimmed(column, text)

    def _weight(self, table: pa.Table) -> pa.ChunkedArray:
        column = self._plan.fields.get("weight")
        if column is None:
            return pa.chunked_array([pa.nulls(table.num_rows, pa.float64())])
        found = numbers(table[column], self._plan.styles.get("weight", NumberStyle()))
        bad = ~np.isfinite(found.values) & ~found.is_missing
        self.report_count("weight.unreadable", int(bad.sum()))
        return pa.chunked_array([pa.array(found.values, mask=~np.isfinite(found.values))])

    def _rejects(self, chunk: RawChunk, code: NDArray[np.int8]) -> pa.Table:
        bad = np.flatnonzero(code)
        reasons = [CODES[c] for c in code[bad]]
        return rejected_rows(chunk, bad, reasons, [REASONS[one] for one in reasons], self._json)

    def _count(self, n_accepted: int, rejects: pa.Table) -> None:
        self.report.n_rows += n_accepted + rejects.num_rows
        for entry in pc.value_counts(rejects["reason"]).to_pylist():
            reason = entry["values"]
            self.report.rejected[reason] = self.report.rejected.get(reason, 0) + entry["counts"]

    def report_count(self, what: str, number: int) -> None:
        """Add to a named count of the report."""
        if number:
            self.report.counts[what] = self.report.counts.get(what, 0) + number

    def _close_books(self) -> None:
        report = self.report
        self._times.close_books()
        for name, number in (self._raw.facts.counts | self._seen.counts() | self._times.counts).items():
            self.report_count(name, number)
        report.notes += [*self._raw.facts.notes, *self._plan.notes, *self._times.notes()]
        for name in self._seen.constants():
            report.notes.append(f"column {name} holds one value throughout")
        for name, number in self._seen.n_trimmed.items():
            report.notes.append(f'{number:,} labels in {name} end in a mark such as " -"; it was taken off')
        for name, number in self._seen.n_stamp_differs.items():
            if number:
                report.notes.append(
                    f"{number_of(number, 'row')} with another time in {name}, more than an hour away"
                )
        self._note_places()

    def _note_places(self) -> None:
        report = self.report
        if 0 < self._seen.decimals <= FEW_DECIMALS:
            report.counts["place.decimals"] = self._seen.decimals
            report.notes.append(f"coordinates have {self._seen.decimals} decimals at most: they were rounded")
        strays = self._bulk.strays()
        self.report_count("place.far", strays.n_far)
        if strays.n_far and strays.farthest_km > 2 * strays.radius_km:
            report.notes.append(
                f"{number_of(strays.n_far, 'row')} far from the rest "
                f"(99 % within {strays.radius_km:,.0f} km of "
                f"the middle, the farthest at {strays.farthest_km:,.0f} km); they were kept"
            )
        if n := report.rejected.get("suspected_swap"):
            report.notes.append(
                f"{number_of(n, 'row')} seemingly with longitude and latitude exchanged; rejected, not turned"
            )


def _area(wkb: bytes | None) -> shapely.Geometry | None:
    """Return a boundary that was given as WKB.

    Raises
    ------
    InvalidGeometry
        If it is not an area.
    """
    if wkb is None:
        return None
    area = shapely.from_wkb(wkb, on_invalid="ignore")
    if area is None or shapely.area(area) == 0:
        raise InvalidGeometry("an area is needed as boundary, got something else")
    return shapely.make_valid(area)
