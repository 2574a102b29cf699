"""Numbers as people and spreadsheets write them."""

import math

import pyarrow as pa
import pytest

from data.numbers import NumberStyle, number_style, numbers


def _column(*texts: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(texts, pa.string())])


@pytest.mark.parametrize(
    ("texts", "degrees", "values"),
    [
        (["33.4", " -111.9 ", "+5"], False, [33.4, -111.9, 5.0]),
        (["33,4196", "33,397"], True, [33.4196, 33.397]),
        (["33,419"], True, [33.419]),
        (["33,419"], False, [33419.0]),
        (["412,345.6", "1,234"], False, [412345.6, 1234.0]),
        (["1.234,5", "412.345,25"], False, [1234.5, 412345.25]),
        (["1 234,5", "1\u202f234,5"], False, [1234.5, 1234.5]),
        (["1e3", "−5"], False, [1000.0, -5.0]),
    ],
)
def test_numbers_reads_marks_by_the_style_of_the_column(
    texts: list[str], degrees: bool, values: list[float]
) -> None:
    column = _column(*texts)
    found = numbers(column, number_style(column, degrees=degrees))
    assert found.values.tolist() == values


def test_numbers_tells_missing_from_unreadable() -> None:
    found = numbers(_column(None, "", "N/A", "nan", "x", "12N", "inf", "1.2.3"), NumberStyle())
    assert found.is_missing.tolist() == [True, True, True, True, False, False, False, False]
    assert found.is_unreadable.tolist() == [False, False, False, False, True, True, False, True]
    assert math.isinf(found.values[6])


def test_numbers_takes_typed_columns_as_they_are() -> None:
    floats = numbers(pa.chunked_array([pa.array([1.5, None, float("nan")])]), NumberStyle())
    flags = numbers(pa.chunked_array([pa.array([True, None])]), NumberStyle())
    assert floats.is_missing.tolist() == [False, True, True]
    assert flags.is_unreadable.tolist() == [True, False]
