"""Dataclasses of arrays as bytes: what comes back is what was kept, or nothing."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from service.analyses.packed import packed, size_of, unpacked

STAMP = {"version": "1"}


@dataclass(frozen=True)
class Inner:
    values: NDArray[Any]
    more: tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Outer:
    name: str
    level: float
    missing: float | None
    inner: Inner | None
    spare: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Whole:
    inner: Inner
    kind: str | None
    index: Outer


GIVEN = Outer("index", 0.1, None, None)


def whole(values: NDArray[Any], *more: NDArray[Any]) -> Whole:
    return Whole(Inner(values, more), None, GIVEN)


def again(parts: dict[str, bytes]) -> Whole | None:
    return unpacked(parts, Whole, STAMP, given=(GIVEN,))


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0, 255], [3, 4]], dtype=np.int64),
        np.array([-129, 127], dtype=np.int64),
        np.array([0, 2**63 + 1], dtype=np.uint64),
        np.array([np.nan, -0.0, np.inf, 1 / 3]),
        np.array([[True, False]]),
        np.zeros((0, 7), dtype=np.int16),
        np.arange(12).reshape(3, 4).T,
        np.arange(5.0)[::2],
    ],
)
def test_arrays_come_back_to_the_last_bit(values: NDArray[Any]) -> None:
    found = again(packed(whole(values, values), STAMP, given=(GIVEN,)))
    assert found is not None
    for one in (found.inner.values, *found.inner.more):
        assert (one.dtype, one.shape, one.tobytes()) == (values.dtype, values.shape, values.tobytes())
    assert found.kind is None
    assert found.index is GIVEN


def test_equal_arrays_are_written_once_and_counted_once() -> None:
    values = np.arange(1000)
    twice = whole(values, values.copy(), values + 1)
    assert len(packed(twice, STAMP, given=(GIVEN,))) == 3
    assert size_of(twice, given=(GIVEN,)) == 2 * values.nbytes


def test_another_stamp_is_not_read() -> None:
    parts = packed(whole(np.arange(3)), STAMP, given=(GIVEN,))
    assert unpacked(parts, Whole, {"version": "2"}, given=(GIVEN,)) is None


def test_another_format_is_not_read() -> None:
    parts = packed(whole(np.arange(3)), STAMP, given=(GIVEN,))
    head = orjson.loads(parts["head"])
    assert again(parts | {"head": orjson.dumps(head | {"format": 0})}) is None


def test_other_fields_are_not_read() -> None:
    parts = packed(whole(np.arange(3)), STAMP, given=(GIVEN,))
    assert unpacked(parts, Inner, STAMP, given=(GIVEN,)) is None
    renamed = parts["head"].replace(b'"more"', b'"most"')
    assert again(parts | {"head": renamed}) is None
    short = parts["head"].replace(b'"kind":{"plain":null},', b"")
    assert short != parts["head"]
    assert again(parts | {"head": short}) is None


@pytest.mark.parametrize("part", ["head", "0"])
@pytest.mark.parametrize("damaged", [b"", b"{}", b"\x00" * 40, None])
def test_what_is_damaged_is_not_read(part: str, damaged: bytes | None) -> None:
    parts = packed(whole(np.arange(300)), STAMP, given=(GIVEN,))
    if damaged is None:
        del parts[part]
    else:
        parts[part] = damaged
    assert again(parts) is None


def test_a_changed_byte_is_seen() -> None:
    parts = packed(whole(np.arange(300)), STAMP, given=(GIVEN,))
    content = bytearray(parts["0"])
    content[len(content) // 2] ^= 1
    assert again(parts | {"0": bytes(content)}) is None


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), np.array([None, "x"], dtype=object)])
def test_what_cannot_be_kept_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="can be kept"):
        packed(Inner(np.zeros(1), (value,)), STAMP)
