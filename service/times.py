"""Times of a query: RFC 3339 instants, dates and intervals to µs since 1970 (UTC), and back."""

import re
from datetime import UTC, datetime, timedelta

from service.errors import InvalidParameter
from service.snapshots import Interval

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US = 86_400_000_000
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}):(\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})")
_OPEN = ("", "..")


def parse_datetime(text: str, name: str = "datetime") -> Interval:
    """Return the interval that an instant, a date or an interval (also half-open) stands for.

    A date is the whole day; both ends are included.

    Raises
    ------
    InvalidParameter
        If the text is none of these, or the interval ends before it starts.

    Examples
    --------
    >>> parse_datetime("1970-01-01T00:00:01Z")
    Interval(start=1000000, end=1000000)
    >>> parse_datetime("../1970-01-01")
    Interval(start=None, end=86399999999)
    """
    parts = text.split("/")
    if len(parts) == 1:
        return _span(text, name)
    if len(parts) != 2 or all(part in _OPEN for part in parts):
        raise _unfit(text, name)
    start = None if parts[0] in _OPEN else _span(parts[0], name).start
    end = None if parts[1] in _OPEN else _span(parts[1], name).end
    if start is not None and end is not None and end < start:
        raise InvalidParameter(
            f"{name}={text}: the interval ends before it starts",
            [{"parameter": name, "detail": "start/end with start <= end is needed"}],
        )
    return Interval(start, end)


def instant_text(microseconds: int | None) -> str | None:
    """Return an instant as RFC 3339 in UTC.

    Examples
    --------
    >>> instant_text(1_500_000)
    '1970-01-01T00:00:01.500000Z'
    """
    if microseconds is None:
        return None
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")


def _span(text: str, name: str) -> Interval:
    try:
        if _DATE.fullmatch(text):
            start = _microseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))
            return Interval(start, start + _DAY_US - 1)
        found = _INSTANT.fullmatch(text)
        if not found:
            raise _unfit(text, name)
        instant = _instant(*found.groups())
    except (ValueError, OverflowError) as err:
        raise _unfit(text, name) from err
    return Interval(instant, instant)


def _instant(date: str, minute: str, second: str, fraction: str | None, zone: str) -> int:
    zone = "+00:00" if zone in "Zz" else zone
    # A leap second is read as the last microsecond before the next minute.
    is_leap = second == "60"
    moment = datetime.fromisoformat(f"{date}T{minute}:{'59' if is_leap else second}{zone}")
    below = 999_999 if is_leap else int((fraction or "0")[:6].ljust(6, "0"))
    return _microseconds(moment) + below


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _unfit(text: str, name: str) -> InvalidParameter:
    needed = "an RFC 3339 instant (2026-01-01T00:00:00Z), a date, or an interval (a/b, ../b, a/..)"
    return InvalidParameter(f"{name} needs {needed}, got {text!r}", [{"parameter": name, "detail": needed}])
