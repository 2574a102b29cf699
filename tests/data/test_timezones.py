"""Local clocks to UTC: against zoneinfo one by one, and at every change of a year."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from data.errors import InvalidMapping
from data.timezones import LocalClock, zone

ZONES = [
    "America/New_York",
    "America/Sao_Paulo",
    "Europe/Berlin",
    "America/Phoenix",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
]


def _micros(moments: list[datetime]) -> np.ndarray:
    return np.array([np.datetime64(moment, "us") for moment in moments]).astype(np.int64)


@pytest.mark.parametrize("name", ZONES)
def test_to_utc_agrees_with_zoneinfo_through_two_years(name: str) -> None:
    moments = [datetime(2012, 1, 1) + timedelta(minutes=37 * i) for i in range(28_000)]
    expected = [m.replace(tzinfo=ZoneInfo(name)).astimezone(UTC).replace(tzinfo=None) for m in moments]
    found = LocalClock(name).to_utc(_micros(moments))
    assert np.array_equal(found.utc, _micros(expected))


@pytest.mark.parametrize("name", ZONES)
def test_to_utc_marks_exactly_the_hours_shown_twice_or_never(name: str) -> None:
    moments = [datetime(2012, 1, 1) + timedelta(minutes=15 * i) for i in range(70_000)]
    found = LocalClock(name).to_utc(_micros(moments))
    local = [m.replace(tzinfo=ZoneInfo(name)) for m in moments]
    # A reading is real when going to UTC and back gives it again; twice real when both folds do.
    first = [m.astimezone(UTC).astimezone(ZoneInfo(name)).replace(tzinfo=None, fold=0) for m in local]
    second = [m.replace(fold=1).utcoffset() != m.utcoffset() for m in local]
    skipped = [back != m for back, m in zip(first, moments, strict=True)]
    assert found.is_missing.tolist() == skipped
    assert found.is_ambiguous.tolist() == [t and not s for t, s in zip(second, skipped, strict=True)]


@pytest.mark.parametrize("name", ["America/Phoenixx", "", "../etc/passwd", "EST5EDT4"])
def test_zone_raises_when_there_is_none_of_the_name(name: str) -> None:
    with pytest.raises(InvalidMapping, match="IANA name"):
        zone(name)
