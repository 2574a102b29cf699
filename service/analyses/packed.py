"""Frozen dataclasses of arrays as named parts of bytes, and back: what a run keeps for the next one.

Nothing that runs is written, so nothing that runs is read. What bears another stamp, has other fields or is
damaged comes back as None: it is computed anew, never misread.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_type_hints
from zlib import crc32

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

T = TypeVar("T")
Array = npt.NDArray[Any]

#: Grows with every change of how parts are written.
_FORMAT = 1
_HEAD = "head"
_PLAIN = (str, int, float, bool, type(None))


def packed(value: Any, stamp: Mapping[str, Any], *, given: Sequence[object] = ()) -> dict[str, bytes]:
    """Return a dataclass as parts: one head, and one part for each array; equal arrays share theirs.

    Parameters
    ----------
    value : dataclass
        Of arrays, plain values, tuples and dataclasses of these.
    stamp : mapping
        What must be the same for the parts to be read again; plain values.
    given : sequence
        Objects whose like is left out, because the reader has its own.

    Examples
    --------
    >>> from models.space_time import Design
    >>> parts = packed(Design(1, "cube", "hot"), {"version": "1"})
    >>> unpacked(parts, Design, {"version": "1"}), unpacked(parts, Design, {"version": "2"})
    (Design(time_lag=1, window='cube', side='hot'), None)
    """
    arrays: list[Array] = []
    tree = _node(value, arrays, tuple(type(one) for one in given))
    codec = _codec()
    written = [_narrowed(array) for array in arrays]
    parts = {str(number): bytes(codec.compress(array.data)) for number, array in enumerate(written)}
    told = [
        [array.dtype.str, narrow.dtype.str, array.shape]
        for array, narrow in zip(arrays, written, strict=True)
    ]
    sums = [crc32(part) for part in parts.values()]
    head = {"format": _FORMAT, "stamp": dict(stamp), "tree": tree, "arrays": told, "sums": sums}
    return {_HEAD: orjson.dumps(head), **parts}


def unpacked(
    parts: Mapping[str, bytes], kind: type[T], stamp: Mapping[str, Any], *, given: Sequence[object] = ()
) -> T | None:
    """Return what was packed, with `given` in the places left out; None where it does not fit any more."""
    try:
        head = orjson.loads(parts[_HEAD])
        if (head["format"], head["stamp"]) != (_FORMAT, dict(stamp)):
            return None
        arrays = [
            _array(parts[str(number)], dtype, written, shape, expected)
            for number, ((dtype, written, shape), expected) in enumerate(
                zip(head["arrays"], head["sums"], strict=True)
            )
        ]
        left_out = {type(one).__name__: one for one in given}
        classes = {one.__name__: one for one in _classes(kind) if one.__name__ not in left_out}
        found = _value(head["tree"], arrays, classes, left_out)
    except (KeyError, ValueError, TypeError, IndexError, OSError):
        return None
    return found if isinstance(found, kind) else None


def size_of(value: Any, *, given: Sequence[object] = ()) -> int:
    """Return the bytes of all arrays before they are compressed."""
    arrays: list[Array] = []
    _node(value, arrays, tuple(type(one) for one in given))
    return sum(array.nbytes for array in arrays)


def _node(value: Any, arrays: list[Array], left_out: tuple[type, ...]) -> dict[str, Any]:
    """Return the place of a value in the tree of the head; arrays are added to those before."""
    if isinstance(value, left_out):
        return {"given": type(value).__name__}
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return {"array": _number_of(value, arrays)}
    if isinstance(value, tuple):
        return {"tuple": [_node(one, arrays, left_out) for one in value]}
    if is_dataclass(value) and not isinstance(value, type):
        named = {one.name: _node(getattr(value, one.name), arrays, left_out) for one in fields(value)}
        return {"class": type(value).__name__, "fields": named}
    if type(value) in _PLAIN and not (isinstance(value, float) and not math.isfinite(value)):
        return {"plain": value}
    raise TypeError(f"arrays, plain values, tuples and dataclasses can be kept, got {type(value).__name__}")


def _number_of(array: Array, arrays: list[Array]) -> int:
    for number, known in enumerate(arrays):
        is_alike = known.dtype == array.dtype and known.shape == array.shape
        if is_alike and array.dtype.kind in "iub" and np.array_equal(known, array):
            return number
    arrays.append(np.ascontiguousarray(array))
    return len(arrays) - 1


def _narrowed(array: Array) -> Array:
    """Return integers in the narrowest type that holds them: half the bytes take half the time."""
    if array.dtype.kind not in "iu" or not array.size:
        return array
    low, high = int(array.min()), int(array.max())
    for kind in (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return array.astype(kind, copy=False)
    return array


def _array(part: bytes, dtype: str, written: str, shape: Sequence[int], expected: int) -> Array:
    if crc32(part) != expected:
        raise ValueError("the part is damaged")
    kind = np.dtype(written)
    held = _codec().decompress(part, kind.itemsize * math.prod(shape))
    return np.frombuffer(held, dtype=kind).reshape(tuple(shape)).astype(dtype, copy=False)


def _codec() -> pa.Codec:
    return pa.Codec("zstd", compression_level=1)


def _value(
    node: Mapping[str, Any],
    arrays: Sequence[Array],
    classes: Mapping[str, type],
    left_out: Mapping[str, object],
) -> Any:
    ((what, held),) = ((name, one) for name, one in node.items() if name != "fields")
    if what == "given":
        return left_out[held]
    if what == "array":
        return arrays[held]
    if what == "tuple":
        return tuple(_value(one, arrays, classes, left_out) for one in held)
    if what == "class":
        kind = classes[held]
        if set(node["fields"]) != {one.name for one in fields(kind)}:
            raise ValueError(f"{held} has other fields now")
        named = node["fields"].items()
        return kind(**{name: _value(one, arrays, classes, left_out) for name, one in named})
    return held


def _classes(kind: type) -> Iterator[type]:
    """Return a dataclass and all that stand in its fields."""
    yield kind
    for hint in get_type_hints(kind).values():
        for one in _types_in(hint):
            if isinstance(one, type) and is_dataclass(one):
                yield from _classes(one)


def _types_in(hint: Any) -> Iterator[Any]:
    yield hint
    for part in get_args(hint):
        yield from _types_in(part)
