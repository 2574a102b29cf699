"""Texts to instants: layouts, precision, order of day and month, times of day."""

import numpy as np
import pyarrow as pa
import pytest

from data.times import PRECISIONS, DateOrder, gather_order, has_hours_only, instants, time_of_day
from data.timezones import HOUR_US, MINUTE_US, SECOND_US

LAYOUTS = [
    ("2015-12-10 17:40:00", "2015-12-10T17:40:00", "second"),
    ("2015-12-10T17:40", "2015-12-10T17:40:00", "minute"),
    ("2015-12-10 17:40:00.250", "2015-12-10T17:40:00.25", "second"),
    ("2014/01/06", "2014-01-06", "day"),
    ("2015/01/02 00:00:00", "2015-01-02", "second"),
    ("2018-11", "2018-11-01", "month"),
    ("11/2018", "2018-11-01", "month"),
    ("2017", "2017-01-01", "year"),
    ("20190102", "2019-01-02", "day"),
    ("20190102153000", "2019-01-02T15:30:00", "second"),
    ("12/25/2015 12:05:00 AM", "2015-12-25T00:05:00", "second"),
    ("12/25/2015 12:05 PM", "2015-12-25T12:05:00", "minute"),
    ("1/2/15", "2015-01-02", "day"),
    ("5 Mar 2024", "2024-03-05", "day"),
    ("05-MAR-24", "2024-03-05", "day"),
    ("March 5, 2024 4:05 pm", "2024-03-05T16:05:00", "minute"),
    ("Tuesday, March 5, 2024", "2024-03-05", "day"),
    ("5 de março de 2024", "2024-03-05", "day"),
    ("12 août 2024", "2024-08-12", "day"),
    ("1. Dezember 2024", "2024-12-01", "day"),
    ("43466.5", "2019-01-01T12:00:00", "second"),
    ("2024-02-29", "2024-02-29", "day"),
    ("2024-12-31 24:00:00", "2025-01-01T00:00:00", "second"),
]

WITH_OFFSET = [
    ("20190102T1530Z", "2019-01-02T15:30:00"),
    ("2019-01-01T01:30:00Z", "2019-01-01T01:30:00"),
    ("2019-01-01T01:30:00-05:00", "2019-01-01T06:30:00"),
    ("2019-01-01 01:30:00+0530", "2018-12-31T20:00:00"),
    ("1546300800", "2019-01-01T00:00:00"),
    ("1546300800123", "2019-01-01T00:00:00.123"),
]


def _column(*texts: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(texts, pa.string())])


@pytest.mark.parametrize(("text", "expected", "precision"), LAYOUTS)
def test_instants_reads_the_layouts_that_cities_use(text: str, expected: str, precision: str) -> None:
    found = instants(_column(text), DateOrder())
    assert np.datetime64(int(found.micros[0]), "us") == np.datetime64(expected, "us")
    assert PRECISIONS[found.precision[0]] == precision
    assert not found.is_utc[0]


@pytest.mark.parametrize(("text", "expected"), WITH_OFFSET)
def test_instants_are_utc_when_the_text_tells_an_offset(text: str, expected: str) -> None:
    found = instants(_column(text), DateOrder())
    assert np.datetime64(int(found.micros[0]), "us") == np.datetime64(expected, "us")
    assert found.is_utc[0]


@pytest.mark.parametrize(
    "text", ["soon", "2015-02-30", "2015-13-01", "2024-03-01 25:00", "13:99", "12/34/2015", "x" * 80]
)
def test_instants_says_unreadable_when_it_is(text: str) -> None:
    found = instants(_column(text), DateOrder())
    assert found.is_unreadable[0]


@pytest.mark.parametrize("text", ["9999-12-31", "0001-01-01", "1899-12-31", "12/31/9999 11:59:59 PM"])
def test_instants_says_out_of_range_when_the_year_is_absurd(text: str) -> None:
    assert instants(_column(text), DateOrder()).is_out_of_range[0]


@pytest.mark.parametrize("text", [None, "", "  ", "NA", "n/a", "null", "-"])
def test_instants_says_missing_when_nothing_is_told(text: str | None) -> None:
    found = instants(_column(text, "2024-01-01"), DateOrder())
    assert found.is_missing.tolist() == [True, False]
    assert not found.is_unreadable.any()


def test_instants_reads_mixed_layouts_in_one_column() -> None:
    found = instants(
        _column("2024-01-02", "1/2/2024 3:04 PM", "bad", None, "2024-01-02T00:00:00Z"), DateOrder()
    )
    assert found.is_unreadable.tolist() == [False, False, True, False, False]
    assert found.micros[0] == found.micros[4]
    assert found.micros[1] - found.micros[0] == 15 * HOUR_US + 4 * MINUTE_US


def test_instants_reads_typed_columns() -> None:
    day = np.datetime64("2024-05-06", "us")
    stamps = pa.chunked_array([pa.array([day.astype("datetime64[ns]")], pa.timestamp("ns"))])
    zoned = stamps.cast(pa.timestamp("us", tz="America/Phoenix"))
    dates = stamps.cast(pa.date32(), safe=False)
    numbers = pa.chunked_array([pa.array([2024.0, None])])
    assert np.datetime64(int(instants(stamps, DateOrder()).micros[0]), "us") == day
    assert instants(zoned, DateOrder()).is_utc[0]
    assert PRECISIONS[instants(dates, DateOrder()).precision[0]] == "day"
    assert PRECISIONS[instants(numbers, DateOrder()).precision[0]] == "year"
    assert instants(numbers, DateOrder()).is_missing.tolist() == [False, True]


def test_date_order_is_decided_by_the_values_that_fit_one_order_only() -> None:
    day_first, month_first, neither = DateOrder(), DateOrder(), DateOrder()
    gather_order(_column("01/02/2024", "31/01/2024"), day_first)
    gather_order(_column("01/02/2024", "01/31/2024"), month_first)
    gather_order(_column("01/02/2024", "03/04/2024", "05/05/2024"), neither)
    assert day_first.is_decided and day_first.day_first
    assert month_first.is_decided and not month_first.day_first
    assert not neither.is_decided and neither.n_open == 2


TIMES_OF_DAY = [
    ("0139", 99 * MINUTE_US, "minute"),
    ("815", (8 * 60 + 15) * MINUTE_US, "minute"),
    ("1605.0", (16 * 60 + 5) * MINUTE_US, "minute"),
    ("2400", 24 * HOUR_US, "minute"),
    ("13:05", (13 * 60 + 5) * MINUTE_US, "minute"),
    ("1:05:09 PM", (13 * 60 + 5) * MINUTE_US + 9 * SECOND_US, "second"),
    ("14h30", (14 * 60 + 30) * MINUTE_US, "minute"),
    ("235959", 24 * HOUR_US - SECOND_US, "second"),
]


@pytest.mark.parametrize(("text", "micros", "precision"), TIMES_OF_DAY)
def test_time_of_day_reads_clocks(text: str, micros: int, precision: str) -> None:
    found, precisions, unreadable = time_of_day(_column(text), hours_only=False)
    assert (found[0], PRECISIONS[precisions[0]], unreadable[0]) == (micros, precision, False)


def test_time_of_day_takes_bare_hours_as_hours_when_all_are() -> None:
    column = _column("9", "23", None)
    assert has_hours_only(column)
    assert not has_hours_only(_column("9", "1530"))
    found, precisions, _ = time_of_day(column, hours_only=True)
    assert found.tolist() == [9 * HOUR_US, 23 * HOUR_US, -1]
    assert PRECISIONS[precisions[0]] == "hour"


@pytest.mark.parametrize("text", ["9999", "2560", "25:00", "noon", "13:05 PM"])
def test_time_of_day_says_unreadable_when_no_clock_shows_it(text: str) -> None:
    found, _, unreadable = time_of_day(_column(text), hours_only=False)
    assert found[0] == -1 and unreadable[0]
