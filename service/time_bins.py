"""Periods of equal length for methods that follow places through time, in the layer's own local time.

`bin` is an ISO 8601 duration: a fixed width (`P7D`, `PT6H`) or calendar months and years (`P1M`, `P1Y`). Only
whole bins are kept, for a part of one would look like a quiet period.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from data.engine import Selection, TimeBins, cell_counts, latest_coarse_times, totals
from data.store import Layer, Store
from models.errors import InvalidParameter, TooFewObservations
from service.analyses.gridded import whole_numbers
from spatial.errors import TooManyCells
from spatial.study_area import StudyArea

Edges = npt.NDArray[np.datetime64]

_DURATION = re.compile(
    r"P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?)?"
)
_DAY = timedelta(days=1)
_DAY_MINUTES = 1440
# Longer than any calendar that times are kept in.
_MOST_MONTHS, _MOST_DAYS = 120_000, 3_652_500
#: Most numbers (cells times bins) that are held at once.
MAX_NUMBERS = 200_000_000
#: Most bins: 38 years of weeks, five of days. More come from a mistyped date, and take a trend for ever.
MAX_BINS = 2_000
# Shortest calendar month: incidents known only to the month lie in no shorter bin.
_MONTH_DAYS = 28
# Share of the incidents that may be strays at either end of the period.
_STRAY = 0.01


@dataclass(frozen=True)
class Width:
    """Length of a bin: so many calendar months, or a fixed time."""

    months: int = 0
    fixed: timedelta = timedelta(0)


@dataclass(frozen=True)
class Bins:
    """Whole bins: bin t holds local times in [edges[t], edges[t + 1]); and what lies in no whole bin."""

    edges: Edges
    unit: timedelta
    dropped: list[str]

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def origin(self) -> datetime:
        """Local start of the first bin."""
        found: datetime = self.edges[0].astype("datetime64[s]").astype(datetime)
        return found

    @property
    def is_timed(self) -> bool:
        """Whether times decide the bin; not so where one bin holds everything."""
        return self.unit > timedelta(0)

    def number_of(self, unit_number: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Return the bin of rows that lie so many units after the origin; -1 where they lie in none."""
        number = np.asarray(unit_number, dtype=np.float64)
        timed = ~np.isnan(number)
        at = self.edges[0] + np.where(timed, number, 0).astype(np.int64) * _seconds(self.unit)
        t = np.searchsorted(self.edges, at, side="right") - 1
        found: npt.NDArray[np.int64] = np.where(timed & (t >= 0) & (t < len(self)), t, -1).astype(np.int64)
        return found

    def instant(self, edge: int, zone: ZoneInfo) -> np.datetime64:
        """Return an edge in UTC."""
        local = self.edges[edge].astype("datetime64[s]").astype(datetime).replace(tzinfo=zone)
        return np.datetime64(local.astimezone(UTC).replace(tzinfo=None), "us")

    @property
    def starts(self) -> list[str]:
        """Local start of every bin, as ISO 8601."""
        return [str(edge) for edge in self.edges[:-1].astype("datetime64[m]")]


@dataclass(frozen=True)
class BinnedCounts:
    """Incidents by cell and bin, shape (n_cells, n_bins); and how many are in no whole bin, or outside."""

    counts: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    measure: str
    outside_bins: float
    outside_area: float
    found: dict[str, int]


def width_of(text: str, name: str = "bin") -> Width:
    """Return the length that an ISO 8601 duration tells; `name` is the input that it stands in.

    Examples
    --------
    >>> width_of("P1W").fixed.days, width_of("P1Y").months
    (7, 12)
    """
    found = _DURATION.fullmatch(text)
    parts = {name: int(value or 0) for name, value in found.groupdict().items()} if found else {}
    months = parts.get("years", 0) * 12 + parts.get("months", 0)
    days = parts.get("weeks", 0) * 7 + parts.get("days", 0)
    minutes = parts.get("hours", 0) * 60 + parts.get("minutes", 0)
    if months > _MOST_MONTHS or days + minutes / _DAY_MINUTES > _MOST_DAYS:
        raise InvalidParameter(f"{name} needs a duration of at most 10,000 years, got {text[:50]!r}")
    fixed = timedelta(days=days, minutes=minutes)
    if bool(months) == bool(fixed):
        raise InvalidParameter(
            f"{name} needs an ISO 8601 duration such as P7D, P1M or PT12H (months or years not mixed with"
            f" shorter units), got {text!r}"
        )
    return Width(months, fixed)


def bins_of(layer: Layer, selection: Selection, width: Width, align: str = "end") -> Bins:
    """Return the whole bins of the period: that of the selection where it is closed, else of the layer.

    `align`: ``end`` lets the last bin end with the period, ``start`` the first one begin with it; a time lets
    an edge fall on it. Days are days of the layer's timezone. Calendar bins begin on the first of a month.

    Raises
    ------
    TooFewObservations
        If the layer has no times, or the period holds no whole bin.
    InvalidParameter
        If the period holds more than `MAX_BINS`.
    """
    start, end = _period(layer, selection, width)
    _check_number(start, end, width)
    if width.months:
        edges = _calendar_edges(start, end, width.months, align, ZoneInfo(layer.timezone))
        unit = _DAY
    else:
        edges = _fixed_edges(start, end, width.fixed, align, ZoneInfo(layer.timezone))
        unit = width.fixed
    whole = edges[(edges >= start) & (edges <= end)]
    if len(whole) < 2:
        raise TooFewObservations(
            f"the period from {start} to {end} holds no whole bin: a shorter bin may fit"
        )
    dropped = []
    if whole[0] > start:
        dropped.append(f"from {start} to {whole[0]}: part of a bin")
    if whole[-1] < end:
        dropped.append(f"from {whole[-1]} to {end}: part of a bin")
    return Bins(whole, unit, dropped)


def _check_number(start: np.datetime64, end: np.datetime64, width: Width) -> None:
    """Refuse more bins than can be, before they are made."""
    days = width.months * _MONTH_DAYS + width.fixed / _DAY
    number = int((end - start) / np.timedelta64(1, "D") / days)
    if number > MAX_BINS:
        raise InvalidParameter(
            f"the period from {start} to {end} holds about {number:,} bins, {MAX_BINS:,} are allowed: a"
            " longer bin fits, or datetime=FIRST/LAST where a mistyped date makes the period so long"
        )


def covered(store: Store, layer: Layer) -> Layer:
    """Return the layer with the end of its last month or year as its last time, where no more is known.

    Such incidents stand at the first instant of theirs: without this their last bin would never be whole.
    """
    zone = ZoneInfo(layer.timezone)
    ends = [layer.last_time] if layer.last_time else []
    for precision, moment in latest_coarse_times(store, layer).items():
        first = np.datetime64(moment.astimezone(zone).replace(tzinfo=None), "us")
        unit: Literal["M", "Y"] = "M" if precision == "month" else "Y"
        following = (first.astype(f"datetime64[{unit}]") + 1).astype("datetime64[us]").astype(datetime)
        ends.append(following.replace(tzinfo=zone).astimezone(UTC) - timedelta(microseconds=1))
    return replace(layer, last_time=max(ends, default=None))


def one_bin_of(layer: Layer, selection: Selection) -> Bins:
    """Return the whole period as one bin, for a question that asks of no time."""
    if layer.first_time is None and selection.start is None:
        edges = np.array(["1970-01-01", "1970-01-02"], dtype="datetime64[s]")
        return Bins(edges, timedelta(0), [])
    return Bins(np.array(_period(layer, selection, Width(fixed=_DAY))), timedelta(0), [])


def notes_of_bins(bins: Bins, found: Mapping[str, int], totals: npt.NDArray[Any]) -> list[str]:
    """Return what a reader must know of the bins, in sentences; `totals` are the incidents of each."""
    notes = [*_empty_ends(bins, totals), *(f"left out {part}" for part in bins.dropped)]
    if coarse := found["coarse_time"]:
        notes.append(
            f"{coarse:,} incidents are known only to the month or year: they count in the bin of its"
            " first day"
        )
    return notes


def _empty_ends(bins: Bins, totals: npt.NDArray[Any]) -> list[str]:
    """Tell of bins without any incident at the ends, where they are many: a mistyped date makes such."""
    held = np.flatnonzero(totals)
    if not len(held):
        return []
    first, last = int(held[0]), int(held[-1])
    # A single incident far before the others holds its own bin: what counts is where they set in.
    share = np.cumsum(totals) / totals.sum()
    sets_in, ends = int(np.searchsorted(share, _STRAY)), int(np.searchsorted(share, 1 - _STRAY))
    notes = []
    if max(first, sets_in) > len(bins) // 2:
        notes.append(
            f"{1 - _STRAY:.0%} of the incidents lie after {bins.starts[max(first, sets_in)]}, in the last"
            f" {len(bins) - max(first, sets_in):,} of {len(bins):,} bins: if a date is mistyped,"
            " datetime=FIRST/.. gives the start"
        )
    if min(last, ends) < (len(bins) - 1) // 2:
        notes.append(
            f"{1 - _STRAY:.0%} of the incidents lie before {bins.starts[min(last, ends) + 1]}, in the first"
            f" {min(last, ends) + 1:,} of {len(bins):,} bins: if a date is mistyped, datetime=../LAST gives"
            " the end"
        )
    return notes


def check_precision(layer: Layer, bins: Bins, found: Mapping[str, int]) -> None:
    """Refuse bins shorter than a month where most times are known only to the month or year.

    Raises
    ------
    InvalidParameter
        As all of these would lie in the bin of the first day of theirs, which is a pattern of the clerk's.
    """
    shortest = np.diff(bins.edges).min() / np.timedelta64(1, "D")
    coarse = found["coarse_time"]
    if bins.is_timed and shortest < _MONTH_DAYS and coarse > found["selected"] / 2:
        raise InvalidParameter(
            f"{coarse:,} of {found['selected']:,} incidents of layer {layer.id!r} are known only to the month"
            " or year: bins of P1M or longer are needed (P1Y where only the year is known)"
        )


def counted_by_bin(
    store: Store, layer: Layer, area: StudyArea, selection: Selection, bins: Bins
) -> BinnedCounts:
    """Count the selected incidents into cells and bins; zeros are data."""
    n_numbers = len(area.cells) * len(bins)
    if n_numbers > MAX_NUMBERS:
        raise TooManyCells(
            f"{len(area.cells):,} cells in {len(bins):,} bins are {n_numbers:,} numbers, {MAX_NUMBERS:,} are"
            " allowed: a coarser resolution, longer bins or a shorter period fits"
        )
    found = totals(store, layer, selection)
    check_precision(layer, bins, found)
    measure = "weight" if found.pop("fractional_weight") > 0 else "count"
    rows = cell_counts(
        store, layer, area.resolution, selection, measures=(measure,), bins=TimeBins(bins.origin, bins.unit)
    )
    values = whole_numbers(rows.weight) if rows.weight is not None else rows.count
    t = bins.number_of(np.zeros(0) if rows.bin is None else rows.bin)
    in_bins = t >= 0
    place = np.minimum(np.searchsorted(area.cells, rows.cell), len(area.cells) - 1)
    in_area = area.cells[place] == rows.cell
    keep = in_bins & in_area
    counts = np.zeros((len(area.cells), len(bins)), dtype=values.dtype)
    np.add.at(counts, (place[keep], t[keep]), values[keep])
    return BinnedCounts(
        counts,
        measure,
        values[~in_bins].sum().item(),
        values[in_bins & ~in_area].sum().item(),
        found,
    )


def _period(layer: Layer, selection: Selection, width: Width) -> tuple[np.datetime64, np.datetime64]:
    """Return start and end of the period in local time, widened to whole days (hours for shorter bins)."""
    zone = ZoneInfo(layer.timezone)
    first, last = selection.start or layer.first_time, selection.end or layer.last_time
    if first is None or last is None:
        raise TooFewObservations(f"bins need times, layer {layer.id!r} has none")
    local = [moment.astimezone(zone).replace(tzinfo=None) for moment in (first, last)]
    unit = "h" if width.fixed and width.fixed % _DAY else "D"
    start = np.datetime64(local[0], "s").astype(f"datetime64[{unit}]")
    # The end is exclusive: the day after the last incident, or the instant after a closed interval.
    end = np.datetime64(local[1] + timedelta(microseconds=1), "us")
    whole = end.astype(f"datetime64[{unit}]")
    first_edge = start.astype("datetime64[s]")
    last_edge = (whole if whole == end else whole + 1).astype("datetime64[s]")
    if first_edge >= last_edge:
        raise TooFewObservations(
            f"layer {layer.id!r} has nothing from {first_edge} to {last_edge}: the period ends before it"
            " begins"
        )
    return first_edge, last_edge


def _fixed_edges(
    start: np.datetime64, end: np.datetime64, width: timedelta, align: str, zone: ZoneInfo
) -> Edges:
    step = _seconds(width)
    anchor = {"start": start, "end": end}.get(align)
    if anchor is None:
        anchor = _anchor(align, zone)
    before = int((anchor - start) // step)
    after = int((end - anchor) // step)
    return np.asarray(anchor + step * np.arange(-before, after + 1))


def _anchor(align: str, zone: ZoneInfo) -> np.datetime64:
    """Return a reference time in local time."""
    try:
        found = datetime.fromisoformat(align)
    except ValueError as err:
        raise InvalidParameter(f"align needs end, start or a time, got {align!r}") from err
    local = found.astimezone(zone).replace(tzinfo=None) if found.tzinfo else found
    return np.datetime64(local, "s")


def _calendar_edges(
    start: np.datetime64, end: np.datetime64, months: int, align: str, zone: ZoneInfo
) -> Edges:
    """Return first days of months, so many months apart."""
    first, last = start.astype("datetime64[M]"), end.astype("datetime64[M]")
    if align == "start":
        # A month that has begun before the period is no whole one.
        anchor = first + int(first < start)
    else:
        anchor = last if align == "end" else _first_of_month(align, zone)
    before = int((anchor - first).astype(int)) // months
    after = int((last - anchor).astype(int)) // months
    edges = anchor + months * np.arange(-before, after + 1)
    return np.asarray(edges.astype("datetime64[s]"))


def _first_of_month(align: str, zone: ZoneInfo) -> np.datetime64:
    """Return the month that begins at a reference time."""
    anchor = _anchor(align, zone)
    month: np.datetime64 = anchor.astype("datetime64[M]")
    if month != anchor:
        raise InvalidParameter(
            "align needs end, start or the first of a month where bins are calendar months or years,"
            f" got {align!r}"
        )
    return month


def _seconds(width: timedelta) -> np.timedelta64:
    return np.timedelta64(int(width.total_seconds()), "s")
