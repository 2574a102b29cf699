"""Parameters as a request or the command line gives them: one meaning, whatever the spelling."""

from datetime import UTC, datetime
from typing import Any

import pytest

from service.errors import InvalidInputs
from service.methods import inputs_of
from service.parameters import instants

PHOENIX = "America/Phoenix"


def _inputs(**given: Any) -> dict[str, Any]:
    return inputs_of("hotspots", {"layer": "calls", **given}).model_dump(exclude_defaults=True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ({"k": "3"}, {"k": 3}),
        ({"resolution": "8"}, {"resolution": 8}),
        ({"alpha": "0.1"}, {"alpha": 0.1}),
        ({"category": "A"}, {"category": ["A"]}),
        ({"bbox": "-112, 33 -111,34"}, {"bbox": [-112, 33, -111, 34]}),
        ({"significant": "true"}, {"significant": True}),
    ],
    ids=str,
)
def test_text_and_values_mean_the_same(text: dict[str, Any], value: dict[str, Any]) -> None:
    assert _inputs(**text) == _inputs(**value) != _inputs()


def test_every_field_that_does_not_fit_has_an_entry() -> None:
    with pytest.raises(InvalidInputs) as raised:
        _inputs(k=99, alpha=7, colour="red")
    assert {entry["field"] for entry in raised.value.errors} == {"k", "alpha", "colour"}
    assert "inputs of hotspots: layer, resolution" in str(raised.value)


def test_a_long_value_is_not_told_in_full() -> None:
    with pytest.raises(InvalidInputs) as raised:
        _inputs(side="x" * 10_000)
    assert len(str(raised.value)) < 400


def test_inputs_that_do_not_fit_together_are_not_told_in_full() -> None:
    with pytest.raises(InvalidInputs) as raised:
        inputs_of("corridors", {"layer": "crashes", "roads": "roads", "train": "2020-01-01"})
    assert "train and test are needed together" in str(raised.value)
    assert "'layer'" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        (None, None, None),
        ("../2024-03-01", None, datetime(2024, 3, 2, 6, 59, 59, 999_999, UTC)),
        ("2024-03-01/..", datetime(2024, 3, 1, 7, tzinfo=UTC), None),
        ("2024-03-01T00:00:00-07:00/..", datetime(2024, 3, 1, 7, tzinfo=UTC), None),
        ("9999-12-31/..", datetime.max.replace(tzinfo=UTC, hour=7, minute=0, second=0, microsecond=0), None),
    ],
)
def test_intervals_are_local_days_and_instants(
    text: str | None, start: datetime | None, end: datetime | None
) -> None:
    assert instants(text, PHOENIX) == (start, end)


def test_a_day_has_25_hours_when_the_clock_goes_back() -> None:
    start, end = instants("2024-11-03", "America/New_York")
    assert start is not None
    assert end is not None
    assert (end - start).total_seconds() == pytest.approx(25 * 3600, abs=1e-3)
