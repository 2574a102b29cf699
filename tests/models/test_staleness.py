"""When a series no longer speaks of now."""

import numpy as np

from models.campaigns import campaigns
from models.staleness import is_stale, longest_silence_days, newest_day, usual_interval_days


def _monthly(n: int) -> np.ndarray:
    return (np.datetime64("2024-01") + np.arange(n)).astype("datetime64[D]")


def test_the_usual_interval_is_that_of_late() -> None:
    weekly = np.datetime64("2024-01-01") + 7 * np.arange(20)
    monthly = np.datetime64("2024-06-01") + 30 * np.arange(13)
    days = np.concatenate([weekly, monthly])
    found = campaigns(np.zeros(33, dtype=int), days, np.ones(33))
    assert usual_interval_days(found, 1).tolist() == [30.0]


def test_a_series_of_one_campaign_borrows_the_interval_of_the_others() -> None:
    series = np.array([0] * 6 + [1])
    days = np.concatenate([_monthly(6), _monthly(1)])
    found = campaigns(series, days, np.ones(7))
    assert usual_interval_days(found, 3).tolist() == [31.0, 31.0, 31.0]


def test_without_any_campaign_the_interval_is_a_month() -> None:
    none = np.zeros(0, dtype=int)
    found = campaigns(none, none.astype("datetime64[D]"), none.astype(float))
    assert usual_interval_days(found, 2).tolist() == [30.0, 30.0]


def test_a_programme_that_started_again_is_no_slip() -> None:
    before = np.datetime64("2022-01-01") + np.arange(100)
    again = np.datetime64("2024-01-01") + np.arange(3)
    assert newest_day(np.concatenate([before, again])) == again[-1]


def test_without_days_there_is_no_newest() -> None:
    assert np.isnat(newest_day(np.array(["NaT"], dtype="datetime64[D]")))


def test_two_missed_months_are_silence_and_one_is_not() -> None:
    last = np.array(["2025-03-10", "2025-02-08", "2025-01-08"], dtype="datetime64[D]")
    silence = longest_silence_days([30.0, 30.0, 30.0])
    assert is_stale(last, np.datetime64("2025-04-08"), silence).tolist() == [False, False, True]


def test_a_daily_series_is_given_two_weeks() -> None:
    last = np.array(["2025-03-18", "2025-03-17"], dtype="datetime64[D]")
    assert is_stale(last, np.datetime64("2025-04-01"), longest_silence_days([1.0, 1.0])).tolist() == [
        False,
        True,
    ]
