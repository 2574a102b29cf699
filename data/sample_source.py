"""Wastewater samples out of any raw source: read, judge, bring to one form, and keep the books."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.attributes import RowJson, spelled
from data.errors import InvalidMapping
from data.numbers import flags_of, floats_of, is_null, numbers
from data.observations import Observations
from data.raw_rows import as_text, first_filled, reject_table, replayed
from data.readers.raw import RawChunk, RawReject, RawSource
from data.records import SAMPLE_SCHEMA, CleanBatch, IngestSpec, ReadReport
from data.row_times import RowTimes, TimeReader, number_of
from data.sample_columns import NUMBER_FIELDS, SamplePlan, ValueColumn, sample_plan
from data.sample_values import amounts, detections

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Reject codes in the order in which they are tried, with their words.
REASONS = {
    "no_sewershed": "a sewershed is needed, the row names none",
    "no_time": "the time of the sample is needed, the row has none",
    "unreadable_time": "the time is not readable",
    "time_out_of_range": "the time lies outside the years 1900 to 2200",
    "no_analyte": "an analyte is needed, the row names none",
    "unreadable_value": "a number is needed as value, or a word for what was not detected",
    "not_finite": "a finite value is needed",
    "negative_value": "a value of zero or more is needed (unless its unit is a logarithm)",
    "no_value": "a value is needed, the row has none and does not say that nothing was detected",
}
_CODES = ("", *REASONS)

_NOTES = {
    "value.below_limit": "below a limit; they count as such, not as zeros",
    "value.zero": "of zero without a word on detection; they count as below a limit",
    "value.above_limit": "above what the laboratory could measure; the limit was taken as value",
    "value.blank": "left blank beside other analytes of the same sample",
    "unit.missing": "without a unit (--map unit==ng/L names one)",
    "below_limit.unreadable": "with a word on detection that is not known; it was left aside",
    "time.end_before_start": "with an end before the start; the end was left out",
    "flow.negative": "with a negative flow; it was left out",
    "flow.unreadable": "with a flow that is no number; it was left out",
    "population.unreadable": "with a population that is no number above zero; it was left out",
    "limit.unreadable": "with a limit that is no number above zero; it was left out",
}


@dataclass(frozen=True)
class _Measured:
    """The values of one column: NaN where none; what is wrong with each row."""

    values: Floats
    limits: Floats
    is_below: Flags
    units: pa.ChunkedArray
    code: NDArray[np.int8]


class SampleSource:
    """A raw source as canonical samples; `report` is complete when `batches` has ended."""

    def __init__(self, raw: RawSource, spec: IngestSpec) -> None:
        self._raw = raw
        self._spellings = spec.spellings
        self._chunks = raw.chunks()
        self._first = first_filled(self._chunks, raw.facts.name)
        sample = self._first[-1]
        self._plan = sample_plan(sample, raw.facts, spec)
        self._has_geometry = sample.geometry is not None and sample.geometry.null_count < len(sample.geometry)
        self._json = RowJson()
        self._seen = Observations()
        self._start = TimeReader(self._plan.start, spec.timezone, raw)
        self._start.learn(sample.table)
        self._end = TimeReader(self._plan.end, spec.timezone, raw)
        self._end.learn(sample.table)
        self._constants = {name: _number(name, self._plan) for name in NUMBER_FIELDS}
        self.report = ReadReport(
            format=raw.facts.format,
            encoding=raw.facts.encoding,
            timezone=self._start.timezone,
            columns=self._plan.recognised(),
        )

    def batches(self) -> Iterator[CleanBatch]:
        """Yield the samples chunk by chunk, in file order."""
        for chunk in replayed(self._first, self._chunks):
            yield self._clean(chunk)
        self._close_books()

    def _clean(self, chunk: RawChunk) -> CleanBatch:
        table = chunk.table
        self._seen.look_at(table)
        start, end = self._start.read(table), self._end.read(table)
        sewershed = self._text(table, "sewershed")
        row_code = np.zeros(table.num_rows, np.int8)
        _mark(row_code, flags_of(pc.is_null(sewershed)), "no_sewershed")
        _mark(row_code, start.is_unreadable, "unreadable_time")
        _mark(row_code, start.is_out_of_range, "time_out_of_range")
        _mark(row_code, ~start.has_time, "no_time")
        shared = self._shared(table, start, end, sewershed)
        parts, codes = [], []
        for value in self._plan.values:
            measured = self._measured(table, value, shared, row_code)
            codes.append(measured.code)
            parts.append(self._canonical(chunk, value, measured, shared))
        rows = pa.concat_tables(parts).combine_chunks()
        rejects = self._rejects(chunk, codes)
        self._start.keep_books(start, np.any([code == 0 for code in codes], axis=0))
        self._keep_count(rows, rejects)
        return CleanBatch(rows, rejects)

    def _shared(
        self, table: pa.Table, start: RowTimes, end: RowTimes, sewershed: pa.ChunkedArray
    ) -> pa.Table:
        """Return the fields that all values of a row share."""
        plan, n = self._plan, table.num_rows
        backwards = end.has_time & start.has_time & (end.utc < start.utc)
        self._count("time.end_before_start", backwards)
        has_end = end.has_time & ~backwards
        others = [c for c in table.column_names if c not in plan.taken]
        every = np.ones(n, np.bool_)
        return pa.table(
            {
                "id": self._text(table, "id"),
                "sewershed": sewershed,
                "start": pa.array(start.utc, pa.timestamp("us", tz="UTC"), mask=~start.has_time),
                "end": pa.array(end.utc, pa.timestamp("us", tz="UTC"), mask=~has_end),
                "time_precision": start.precision_names(every),
                "analyte": self._text(table, "analyte"),
                "unit": self._text(table, "unit"),
                "limit": self._numbers(table, "limit"),
                "flow": self._numbers(table, "flow"),
                "flow_unit": self._text(table, "flow_unit"),
                "population": self._numbers(table, "population"),
                "replicate": self._text(table, "replicate"),
                "quality": self._text(table, "quality"),
                "below": pa.array(self._told_below(table), pa.int8()),
                "attributes": self._json.of(table, others, spelled(others, self._spellings)),
            }
        )

    def _measured(
        self, table: pa.Table, value: ValueColumn, shared: pa.Table, row_code: NDArray[np.int8]
    ) -> _Measured:
        """Return the values of a column, and what is wrong with each row."""
        found = amounts(table[value.column], value.style)
        units = _units(shared["unit"], found.units, value)
        told = np.asarray(shared["below"])
        is_log = flags_of(pc.match_substring_regex(units, r"(?i)^\s*log"))
        values = found.values.copy()
        # What was not detected has no value: a number in its place is a limit, or a mark such as -1.
        is_below = found.is_below | (told == 1)
        with np.errstate(invalid="ignore"):
            values[is_below & ~is_log & (values < 0)] = np.nan
            is_zero = (values == 0) & ~is_log & ~is_below
            is_negative = (values < 0) & ~is_log
        code = row_code.copy()
        named_here = value.analyte is not None
        _mark(code, flags_of(pc.is_null(shared["analyte"])) & (not named_here), "no_analyte")
        _mark(code, found.is_unreadable & (told != 1), "unreadable_value")
        _mark(code, np.isinf(values), "not_finite")
        _mark(code, is_negative, "negative_value")
        _mark(code, np.isnan(values) & ~is_below, "no_value")
        good = code == 0
        self._count("value.below_limit", is_below & good)
        self._count("value.zero", is_zero & good)
        self._count("value.above_limit", found.is_above & good)
        self._count("unit.missing", flags_of(pc.is_null(units)) & good)
        return _Measured(values, found.limits, is_below | is_zero, units, code)

    def _canonical(
        self, chunk: RawChunk, value: ValueColumn, measured: _Measured, shared: pa.Table
    ) -> pa.Table:
        """Return the accepted rows of one column of values."""
        keep = measured.code == 0
        kept = shared.filter(pa.array(keep))
        analyte = kept["analyte"]
        if value.analyte is not None:
            own = pa.chunked_array([pa.array([value.analyte] * kept.num_rows, pa.string())])
            analyte = own if len(self._plan.values) > 1 else pc.coalesce(analyte, own)
        limits = measured.limits[keep]
        told_limits = floats_of(kept["limit"])
        limits = np.where(np.isfinite(limits), limits, told_limits)
        values = measured.values[keep]
        columns = {
            "row": pa.array(chunk.rows[keep], pa.int64()),
            "source_id": self._ids(kept, analyte),
            "analyte": analyte,
            "value": pa.array(values, mask=np.isnan(values)),
            "unit": measured.units.filter(pa.array(keep)),
            "below_limit": pa.array(measured.is_below[keep]),
            "limit": pa.array(limits, mask=np.isnan(limits)),
        }
        columns |= {name: kept[name] for name in SAMPLE_SCHEMA.names if name not in columns}
        return pa.table({name: columns[name] for name in SAMPLE_SCHEMA.names}, schema=SAMPLE_SCHEMA)

    def _ids(self, kept: pa.Table, analyte: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return the ids of the measurements: with the analyte where several come from one sample."""
        if not self._plan.composes_id:
            return kept["id"]
        replicate = kept["replicate"]
        whole = pc.binary_join_element_wise(kept["id"], analyte, ".")
        with_replicate = pc.binary_join_element_wise(whole, pc.coalesce(replicate, pa.scalar("")), ".")
        return pc.if_else(pc.is_null(replicate), whole, with_replicate)

    def _text(self, table: pa.Table, name: str) -> pa.ChunkedArray:
        column = self._plan.fields.get(name)
        if column is None:
            text = self._plan.constants.get(name)
            return pa.chunked_array([pa.array([text] * table.num_rows, pa.string())])
        text = pc.utf8_trim_whitespace(as_text(table[column]))
        return pc.if_else(is_null(text), pa.scalar(None, pa.string()), text)

    def _numbers(self, table: pa.Table, name: str) -> pa.Array:
        """Return a field's numbers, null where there is none that can be: a flow may be zero."""
        column = self._plan.fields.get(name)
        if column is None:
            return pa.array([self._constants[name]] * table.num_rows, pa.float64())
        found = numbers(table[column], self._plan.styles[name])
        with np.errstate(invalid="ignore"):
            is_sound = np.isfinite(found.values) & (
                (found.values >= 0) if name == "flow" else (found.values > 0) | self._may_be_negative(name)
            )
        negative = np.isfinite(found.values) & ~is_sound
        self._count(f"{name}.{'negative' if name == 'flow' else 'unreadable'}", negative)
        self._count(f"{name}.unreadable", ~np.isfinite(found.values) & ~found.is_missing)
        return pa.array(found.values, mask=~is_sound)

    def _may_be_negative(self, name: str) -> bool:
        """Return whether a limit is a logarithm."""
        unit = self._plan.constants.get("unit") or self._plan.values[0].unit or ""
        return name == "limit" and unit.lower().startswith("log")

    def _told_below(self, table: pa.Table) -> NDArray[np.int8]:
        """Return 1 where a column says that nothing was detected, 0 measured, -1 not told."""
        told = np.full(table.num_rows, -1, np.int8)
        for name in self._plan.below:
            found = detections(table[name], name)
            self._count("below_limit.unreadable", found.is_unreadable)
            told = np.maximum(told, found.below)
        return told

    def _rejects(self, chunk: RawChunk, codes: list[NDArray[np.int8]]) -> pa.Table:
        """Return rejected rows: one for each value that cannot be used, one for a row without any."""
        table = chunk.table
        blank = np.array([code == _CODES.index("no_value") for code in codes])
        if len(codes) > 1:
            filled_elsewhere = blank & ~blank.all(axis=0)
            self._count("value.blank", filled_elsewhere)
            blank &= ~filled_elsewhere
        by_row = _row_faults()
        bad: list[tuple[int, str, str]] = []
        for number, (value, code) in enumerate(zip(self._plan.values, codes, strict=True)):
            for place in np.flatnonzero(code):
                reason = _CODES[code[place]]
                whole_row = reason in by_row or reason == "no_value"
                if (reason == "no_value" and not blank[number, place]) or (whole_row and number):
                    continue
                where = f"{value.column}: " if len(codes) > 1 and not whole_row else ""
                bad.append((int(place), reason, f"{where}{REASONS[reason]}"))
        texts = self._json.of(table.take(pa.array([p for p, _, _ in bad], pa.int64())), table.column_names)
        own = [
            RawReject(int(chunk.rows[place]), reason, detail, text or "")
            for (place, reason, detail), text in zip(bad, texts.to_pylist(), strict=True)
        ]
        return reject_table([*own, *chunk.rejects])

    def _keep_count(self, rows: pa.Table, rejects: pa.Table) -> None:
        self.report.n_rows += rows.num_rows + rejects.num_rows
        for entry in pc.value_counts(rejects["reason"]).to_pylist():
            reason = entry["values"]
            self.report.rejected[reason] = self.report.rejected.get(reason, 0) + entry["counts"]

    def _count(self, what: str, where: Flags) -> None:
        if n := int(where.sum()):
            self.report.counts[what] = self.report.counts.get(what, 0) + n

    def _close_books(self) -> None:
        report = self.report
        self._start.close_books()
        for counts in (self._raw.facts.counts, self._seen.counts(), self._start.counts):
            for name, number in counts.items():
                report.counts[name] = report.counts.get(name, 0) + number
        report.notes += [*self._raw.facts.notes, *self._plan.notes, *self._start.notes()]
        report.notes += [
            f"{number_of(report.counts[name], 'sample')} {words}"
            for name, words in _NOTES.items()
            if report.counts.get(name)
        ]
        if self._has_geometry:
            report.notes.append("geometries were left aside: a sample lies where its sewershed does")


def _row_faults() -> frozenset[str]:
    """Return the reasons that concern a whole row, not one of its values."""
    return frozenset(("no_sewershed", "no_time", "unreadable_time", "time_out_of_range"))


def _units(told: pa.ChunkedArray, in_cells: NDArray[np.object_], value: ValueColumn) -> pa.ChunkedArray:
    """Return the unit of each value: beside it, else behind it, else in the column's name."""
    behind = pa.chunked_array([pa.array(in_cells.tolist(), pa.string())])
    units = pc.coalesce(told, behind, pa.scalar(value.unit, pa.string()))
    if value.is_linear:
        # The unit beside is that of the logarithms which this column holds taken back.
        units = pc.replace_substring_regex(units, r"(?i)^\s*log\s*_?(10)?\s*", "")
    return units


def _number(name: str, plan: SamplePlan) -> float | None:
    """Return a number given for the whole file."""
    text = plan.constants.get(name)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError as err:
        raise InvalidMapping(f"--map {name}==… needs a number, got {text!r}") from err
    if not np.isfinite(number) or number <= 0:
        raise InvalidMapping(f"--map {name}==… needs a number above zero, got {text!r}")
    return number


def _mark(code: NDArray[np.int8], where: Flags, reason: str) -> None:
    code[(code == 0) & where] = _CODES.index(reason)
