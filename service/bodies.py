"""Bodies that come in: read up to a limit, or written to a file piece by piece; and what is answered."""

from collections.abc import AsyncIterator, Mapping
from email.message import Message
from pathlib import Path
from typing import Any, BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from service.encode import json_bytes
from service.errors import BodyTooLarge, RecordsRejected, UnreadableBody
from service.links import JSON

#: Rejected rows that a problem document names; the rest can be read from the layer's rejects.
_MAX_NAMED_REJECTS = 20

_MAX_PART_HEADER_BYTES = 16 * 1024


def media_type_of(request: Request) -> str:
    """Return the body's media type without parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the whole body.

    Raises
    ------
    BodyTooLarge
        As soon as more than `max_bytes` came, or were announced.
    UnreadableBody
        If there is none.
    """
    _refuse_announced(request, max_bytes)
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > max_bytes:
            raise _too_large(max_bytes)
        pieces.append(piece)
    if not size:
        raise UnreadableBody("a body is needed, none came")
    return b"".join(pieces)


async def save_upload(request: Request, target: Path, max_bytes: int) -> str | None:
    """Write the uploaded file to `target`; return the name that a form gave it, if it was a form.

    Raises
    ------
    BodyTooLarge, UnreadableBody
    """
    _refuse_announced(request, max_bytes)
    with target.open("wb") as sink:
        if media_type_of(request) == "multipart/form-data":
            name, size = await _save_form_file(request, sink, max_bytes)
        else:
            name, size = None, await _save_all(request.stream(), sink, max_bytes)
    if not size:
        raise UnreadableBody("a file is needed, an empty body came")
    return name


def ingest_answer(counts: Mapping[str, Any], location: str | None) -> Response:
    """Return what was taken in: 201 when something was, 200 when all of it was there already.

    Raises
    ------
    RecordsRejected
        If every record was rejected.
    """
    taken = int(counts.get("accepted", 0)) + int(counts.get("updated", 0))
    rejected, duplicate = int(counts.get("rejected", 0)), int(counts.get("duplicate", 0))
    if rejected and not taken and not duplicate:
        rejects = [dict(one) for one in counts.get("rejects", [])[:_MAX_NAMED_REJECTS]]
        first = f"; the first: {rejects[0].get('reason')}" if rejects else ""
        raise RecordsRejected(f"all {rejected} records were rejected{first}", rejects)
    headers = {"Cache-Control": "no-store"} | ({"Location": location} if location else {})
    return Response(json_bytes(dict(counts)), 201 if taken else 200, headers, media_type=JSON)


def _refuse_announced(request: Request, max_bytes: int) -> None:
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > max_bytes:
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"a body of at most {max_bytes} bytes is taken here")


async def _save_all(stream: AsyncIterator[bytes], sink: BinaryIO, max_bytes: int) -> int:
    size = 0
    async for piece in stream:
        size += len(piece)
        if size > max_bytes:
            raise _too_large(max_bytes)
        await run_in_threadpool(sink.write, piece)
    return size


async def _save_form_file(request: Request, sink: BinaryIO, max_bytes: int) -> tuple[str | None, int]:
    """Write the first file of a multipart form; other fields are passed over."""
    reader = _FormReader(request.stream(), _boundary(request), max_bytes)
    while True:
        headers = await reader.next_part()
        if headers is None:
            raise UnreadableBody("a multipart form with one file is needed, it has none")
        name = headers.get_filename()
        size = 0
        async for piece in reader.content():
            size += len(piece)
            if name is not None:
                await run_in_threadpool(sink.write, piece)
        if name is not None:
            return name, size


def _boundary(request: Request) -> bytes:
    head = Message()
    head["Content-Type"] = request.headers["content-type"]
    boundary = head.get_param("boundary")
    if not isinstance(boundary, str) or not 0 < len(boundary) <= 70:
        raise UnreadableBody("multipart/form-data needs a boundary of 1 to 70 characters")
    return b"--" + boundary.encode("latin-1")


class _FormReader:
    """Parts of a multipart body, one after the other, holding no more than a few pieces in memory."""

    def __init__(self, stream: AsyncIterator[bytes], delimiter: bytes, max_bytes: int) -> None:
        self._stream = stream
        self._delimiter = b"\r\n" + delimiter
        # The first delimiter has no line break of its own in front.
        self._buffer = bytearray(b"\r\n")
        self._n_bytes = 0
        self._max_bytes = max_bytes

    async def next_part(self) -> Message | None:
        """Return the headers of the next part, None after the last one."""
        async for _ in self.content():
            pass  # what stands before the delimiter: the preamble, or the rest of a part
        await self._need(len(self._delimiter) + 2)
        after = bytes(self._buffer[len(self._delimiter) : len(self._delimiter) + 2])
        if after == b"--":
            return None
        del self._buffer[: len(self._delimiter)]
        return await self._part_headers()

    async def content(self) -> AsyncIterator[bytes]:
        """Yield what stands before the next delimiter."""
        while True:
            at = self._buffer.find(self._delimiter)
            if at >= 0:
                if at:
                    yield bytes(self._buffer[:at])
                del self._buffer[:at]
                return
            safe = len(self._buffer) - len(self._delimiter)
            if safe > 0:
                yield bytes(self._buffer[:safe])
                del self._buffer[:safe]
            await self._more()

    async def _part_headers(self) -> Message:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _MAX_PART_HEADER_BYTES:
                raise UnreadableBody("a part of the form has too many headers")
            await self._more()
        headers = Message()
        for line in bytes(self._buffer[:end]).decode("utf-8", "replace").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon:
                headers[name.strip()] = value.strip()
        del self._buffer[: end + 4]
        return headers

    async def _need(self, n_bytes: int) -> None:
        while len(self._buffer) < n_bytes:
            await self._more()

    async def _more(self) -> None:
        piece = await anext(self._stream, None)
        if piece is None:
            raise UnreadableBody("the multipart form ends before its closing delimiter")
        self._n_bytes += len(piece)
        if self._n_bytes > self._max_bytes:
            raise _too_large(self._max_bytes)
        self._buffer += piece
