"""Whole bins in local time: widths, alignment, what is left out."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from data.duckdb_store import DuckDBStore
from data.engine import Selection, cell_counts
from data.store import Layer
from models.errors import InvalidParameter, TooFewObservations
from service.ingesting import IngestOrder, ingest_file
from service.time_bins import bins_of, counted_by_bin, covered, notes_of_bins, one_bin_of, width_of
from spatial.study_area import study_area_from_data
from tests.service.made import ZONE, calls, write_rows


@pytest.fixture
def store(tmp_path: Path) -> DuckDBStore:
    """Calls every five hours from noon of 1 January 2024, local time: 400 of them, 83 days and a bit."""
    made = DuckDBStore(None)
    ingest_file(made, write_rows(tmp_path / "calls.csv", calls()), IngestOrder("calls", timezone=ZONE))
    return made


def _layer(store: DuckDBStore) -> Layer:
    return store.layer("calls")


@pytest.mark.parametrize(
    ("text", "months", "seconds"),
    [("P7D", 0, 604_800), ("P1W", 0, 604_800), ("PT6H", 0, 21_600), ("P1DT12H", 0, 129_600), ("P1M", 1, 0),
     ("P1Y6M", 18, 0)],
)  # fmt: skip
def test_widths_are_iso_durations(text: str, months: int, seconds: int) -> None:
    width = width_of(text)
    assert (width.months, width.fixed.total_seconds()) == (months, seconds)


@pytest.mark.parametrize("text", ["", "7", "P", "P0D", "week", "P1M7D", "-P7D", "P1.5D"])
def test_other_texts_are_no_widths(text: str) -> None:
    with pytest.raises(InvalidParameter, match="ISO 8601 duration"):
        width_of(text)


@pytest.mark.parametrize("text", ["P99999999999D", "P20000Y", "PT999999999999999H"])
def test_a_width_beyond_any_calendar_is_told(text: str) -> None:
    with pytest.raises(InvalidParameter, match="max_duration needs a duration of at most 10,000 years"):
        width_of(text, "max_duration")


def test_the_last_bin_ends_with_the_data_and_the_part_before_the_first_is_left_out(
    store: DuckDBStore,
) -> None:
    bins = bins_of(_layer(store), Selection(), width_of("P7D"))
    # The last call is at 15:00 on 24 March.
    assert str(bins.edges[-1]) == "2024-03-25T00:00:00"
    assert str(bins.edges[0]) == "2024-01-01T00:00:00"
    assert (len(bins), bins.dropped) == (12, [])
    ten = bins_of(_layer(store), Selection(), width_of("P10D"))
    assert (str(ten.edges[0]), len(ten)) == ("2024-01-05T00:00:00", 8)
    assert ten.dropped == ["from 2024-01-01T00:00:00 to 2024-01-05T00:00:00: part of a bin"]


def test_the_first_bin_begins_with_the_data_where_that_is_asked(store: DuckDBStore) -> None:
    bins = bins_of(_layer(store), Selection(), width_of("P10D"), "start")
    assert (str(bins.edges[0]), str(bins.edges[-1])) == ("2024-01-01T00:00:00", "2024-03-21T00:00:00")
    assert len(bins.dropped) == 1


def test_a_bin_begins_at_a_named_time(store: DuckDBStore) -> None:
    bins = bins_of(_layer(store), Selection(), width_of("P7D"), "2030-01-02T06:00")
    assert {str(edge)[11:] for edge in bins.edges} == {"06:00:00"}
    assert {edge.astype("datetime64[D]").item().weekday() for edge in bins.edges} == {2}
    assert len(bins.dropped) == 2


def test_calendar_months_are_whole_months(store: DuckDBStore) -> None:
    bins = bins_of(_layer(store), Selection(), width_of("P1M"))
    assert bins.starts == ["2024-01-01T00:00", "2024-02-01T00:00"]
    assert bins.dropped == ["from 2024-03-01T00:00:00 to 2024-03-25T00:00:00: part of a bin"]


@pytest.mark.parametrize(
    ("align", "starts"),
    [("end", ["2024-01-01T00:00"]), ("start", ["2024-01-01T00:00"]), ("2024-02-01", []),
     ("2030-03-01T00:00", ["2024-01-01T00:00"])],
)  # fmt: skip
def test_calendar_bins_of_several_months_lie_as_they_are_aligned(
    store: DuckDBStore, align: str, starts: list[str]
) -> None:
    if not starts:
        with pytest.raises(TooFewObservations, match="no whole bin"):
            bins_of(_layer(store), Selection(), width_of("P2M"), align)
        return
    assert bins_of(_layer(store), Selection(), width_of("P2M"), align).starts == starts


def test_calendar_bins_begin_with_the_first_whole_month(store: DuckDBStore) -> None:
    # From 8 January of Phoenix to the end of June: the data end before, the period does not.
    period = Selection(
        datetime(2024, 1, 8, 7, tzinfo=UTC), datetime(2024, 7, 1, 6, 59, 59, 999_999, tzinfo=UTC)
    )
    assert bins_of(_layer(store), period, width_of("P3M"), "start").starts == ["2024-02-01T00:00"]
    assert bins_of(_layer(store), period, width_of("P3M"), "end").starts == ["2024-04-01T00:00"]
    two = bins_of(_layer(store), period, width_of("P2M"), "2023-12-01")
    assert two.starts == ["2024-02-01T00:00", "2024-04-01T00:00"]
    assert two.dropped == [
        "from 2024-01-08T00:00:00 to 2024-02-01T00:00:00: part of a bin",
        "from 2024-06-01T00:00:00 to 2024-07-01T00:00:00: part of a bin",
    ]


@pytest.mark.parametrize("align", ["monday", "2024-01-15", "2024-01-01T06:00"])
def test_calendar_bins_begin_on_the_first_of_a_month(store: DuckDBStore, align: str) -> None:
    with pytest.raises(InvalidParameter, match="align needs end, start or"):
        bins_of(_layer(store), Selection(), width_of("P1M"), align)


@pytest.mark.parametrize("bins", ["P7D", "P1M"])
def test_a_period_after_the_data_is_told(store: DuckDBStore, bins: str) -> None:
    late = Selection(datetime(2030, 1, 1, 7, tzinfo=UTC))
    words = "nothing from 2030-01-01T00:00:00 to 2024-03-25T00:00:00"
    with pytest.raises(TooFewObservations, match=words):
        bins_of(_layer(store), late, width_of(bins))
    with pytest.raises(TooFewObservations, match=words):
        one_bin_of(_layer(store), late)


def test_a_closed_period_sets_the_bins(store: DuckDBStore) -> None:
    # Midnight of Phoenix is seven hours after that of UTC.
    period = Selection(
        datetime(2024, 1, 8, 7, tzinfo=UTC), datetime(2024, 1, 29, 6, 59, 59, 999_999, tzinfo=UTC)
    )
    bins = bins_of(_layer(store), period, width_of("P7D"))
    assert (str(bins.edges[0]), str(bins.edges[-1]), bins.dropped) == (
        "2024-01-08T00:00:00", "2024-01-29T00:00:00", [],
    )  # fmt: skip


@pytest.mark.parametrize("bin_", ["P1D", "P7D", "P10D", "P1M", "PT5H"])
def test_every_incident_is_in_a_bin_or_counted_as_outside(store: DuckDBStore, bin_: str) -> None:
    every = cell_counts(store, _layer(store), 8)
    area = study_area_from_data(every.cell, every.count, 8, 10**6)
    bins = bins_of(_layer(store), Selection(), width_of(bin_))
    found = counted_by_bin(store, _layer(store), area, Selection(), bins)
    assert found.counts.shape == (len(area.cells), len(bins))
    assert found.counts.sum() + found.outside_bins + found.outside_area == 400
    starts = np.array([np.datetime64(row["time"].replace(" ", "T"), "s") for row in calls()])
    expected = np.histogram(
        starts.astype(np.int64), np.append(bins.edges[:-1], bins.edges[-1]).astype(np.int64)
    )[0]
    assert found.counts.sum(axis=0).tolist() == expected.tolist()


def test_a_period_shorter_than_a_bin_is_told(store: DuckDBStore) -> None:
    with pytest.raises(TooFewObservations, match="no whole bin"):
        bins_of(_layer(store), Selection(), width_of("P1Y"))


def test_a_layer_without_times_has_no_bins(tmp_path: Path) -> None:
    rows = [{name: row[name] for name in ("id", "lng", "lat")} for row in calls(20)]
    store = DuckDBStore(None)
    ingest_file(store, write_rows(tmp_path / "bare.csv", rows), IngestOrder("bare"))
    with pytest.raises(TooFewObservations, match="has none"):
        bins_of(store.layer("bare"), Selection(), width_of("P7D"))


def test_nonsense_for_an_alignment_is_told(store: DuckDBStore) -> None:
    with pytest.raises(InvalidParameter, match="align needs"):
        bins_of(_layer(store), Selection(), width_of("P7D"), "monday")


@pytest.mark.parametrize(
    ("times", "bin_", "starts"),
    [(["2021", "2022", "2024"], "P1Y", ["2021", "2022", "2023", "2024"]),
     (["2024-01", "2024-02", "2024-03"], "P1M", ["2024-01", "2024-02", "2024-03"]),
     (["2024-01", "2024-02", "2024-03-09 05:00"], "P1M", ["2024-01", "2024-02"])],
)  # fmt: skip
def test_the_last_month_or_year_is_whole_where_no_more_is_known(
    tmp_path: Path, times: list[str], bin_: str, starts: list[str]
) -> None:
    rows = [row | {"time": time} for row, time in zip(calls(3), times, strict=True)]
    store = DuckDBStore(None)
    ingest_file(store, write_rows(tmp_path / "coarse.csv", rows), IngestOrder("calls", timezone=ZONE))
    found = bins_of(covered(store, _layer(store)), Selection(), width_of(bin_))
    assert [start[: len(starts[0])] for start in found.starts] == starts


def _stray(tmp_path: Path, when: str, n: int = 400) -> DuckDBStore:
    rows = calls(n)
    rows[0] |= {"time": when}
    store = DuckDBStore(None)
    ingest_file(store, write_rows(tmp_path / "stray.csv", rows), IngestOrder("calls", timezone=ZONE))
    return store


def test_a_date_mistyped_by_a_century_does_not_make_endless_bins(tmp_path: Path) -> None:
    store = _stray(tmp_path, "1900-01-01 00:00:00")
    with pytest.raises(InvalidParameter, match=r"about 6,4\d\d bins, 2,000 are allowed.*mistyped"):
        bins_of(_layer(store), Selection(), width_of("P7D"))


@pytest.mark.parametrize(
    ("when", "told"),
    [("2014-01-01 00:00:00", "incidents lie after 2024-01"), ("2034-01-01 00:00:00", "incidents lie before")],
)
def test_a_date_mistyped_by_years_is_told_with_the_bins(tmp_path: Path, when: str, told: str) -> None:
    store = _stray(tmp_path, when)
    bins = bins_of(_layer(store), Selection(), width_of("P7D"))
    every = cell_counts(store, _layer(store), 8)
    area = study_area_from_data(every.cell, every.count, 8, 10**6)
    found = counted_by_bin(store, _layer(store), area, Selection(), bins)
    notes = notes_of_bins(bins, found.found, found.counts.sum(axis=0))
    assert told in notes[0]


def test_bins_in_which_all_is_well_are_not_suspected(store: DuckDBStore) -> None:
    bins = bins_of(_layer(store), Selection(), width_of("P7D"))
    assert notes_of_bins(bins, {"coarse_time": 0}, np.full(len(bins), 30)) == []


def test_incidents_known_to_the_month_do_not_fall_into_weeks(tmp_path: Path) -> None:
    rows = [row | {"time": f"2024-{1 + i % 6:02}"} for i, row in enumerate(calls(60))]
    store = DuckDBStore(None)
    ingest_file(store, write_rows(tmp_path / "coarse.csv", rows), IngestOrder("calls", timezone=ZONE))
    every = cell_counts(store, _layer(store), 8)
    area = study_area_from_data(every.cell, every.count, 8, 10**6)
    weeks, months = (
        bins_of(covered(store, _layer(store)), Selection(), width_of(width)) for width in ("P7D", "P1M")
    )
    with pytest.raises(InvalidParameter, match="known only to the month or year: bins of P1M"):
        counted_by_bin(store, _layer(store), area, Selection(), weeks)
    assert counted_by_bin(store, _layer(store), area, Selection(), months).counts.sum() == 60
