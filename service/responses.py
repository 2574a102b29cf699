"""From a document to an HTTP answer: negotiation, ETag and 304, gzip, byte ranges, caching headers."""

import gzip
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from threading import Lock

from starlette.requests import Request
from starlette.responses import Response

from service.errors import InvalidParameter, NotAcceptable, RangeNotSatisfiable
from service.links import HTML, base_url

#: Formats that are compressed already, or that clients read in parts.
_INCOMPRESSIBLE = {
    "application/vnd.apache.parquet",
    "application/flatgeobuf",
    "application/geopackage+sqlite3",
}

#: The responder view is for its reader alone; asking whether it still holds costs one small answer.
_CACHE_HEADERS = {
    "Cache-Control": "private, no-cache",
    "Vary": "Accept, Accept-Encoding, Origin, Authorization",
}

_GZIP_LEVEL = 1  # fast: pages are compressed while a client waits


class ByteCache:
    """The bodies that were last asked for, up to a number of bytes."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> bytes | None:
        """Return a kept body."""
        with self._lock:
            if key in self._bodies:
                self._bodies.move_to_end(key)
            return self._bodies.get(key)

    def put(self, key: str, body: bytes) -> None:
        """Keep a body, and forget the oldest ones beyond the limit."""
        if len(body) > self.max_bytes // 2:
            return
        with self._lock:
            self.n_bytes += len(body) - len(self._bodies.pop(key, b""))
            self._bodies[key] = body
            while self.n_bytes > self.max_bytes:
                self.n_bytes -= len(self._bodies.popitem(last=False)[1])


def negotiate(request: Request, offered: Mapping[str, str]) -> str:
    """Return the format to answer in: what `f` says, else what `Accept` likes best, else the first.

    `offered` is f → media type.

    Raises
    ------
    InvalidParameter
        If `f` is none of those offered.
    NotAcceptable
        If `Accept` names none of them and no wildcard.
    """
    asked = request.query_params.get("f")
    if asked is not None:
        if asked not in offered:
            raise InvalidParameter(
                f"f needs one of {', '.join(offered)}, got {asked!r}",
                [{"parameter": "f", "detail": f"needs one of {', '.join(offered)}"}],
            )
        return asked
    accept = request.headers.get("accept")
    if not accept or accept == "*/*":
        return next(iter(offered))
    best = _best(accept, offered)
    if best is None:
        raise NotAcceptable(f"offered are {', '.join(offered.values())}; Accept was {accept!r}")
    return best


def respond(
    request: Request,
    body: Callable[[], bytes],
    *,
    media_type: str,
    version: str | None = None,
    headers: Mapping[str, str] | None = None,
    keep: bool = False,
) -> Response:
    """Answer with a document.

    `version` is what the document depends on besides the request's address; without it, its own bytes
    decide. `keep` says that it is dear to make and may be asked for again (a download read in ranges).
    """
    cache: ByteCache = request.app.state.context.cache
    text: bytes | None = None
    if version is None:
        text = body()
        version = blake2b(text, digest_size=16).hexdigest()
    tag = _tag(request, version, media_type)
    base = _CACHE_HEADERS | dict(headers or {})
    if _matches(request.headers.get("if-none-match"), tag):
        return Response(None, 304, base | {"ETag": f'"{tag}"'})
    wanted = request.headers.get("range")
    if _takes_gzip(request) and media_type not in _INCOMPRESSIBLE and not wanted:
        packed = cache.get(tag + "-gz")
        if packed is None:
            text = body() if text is None else text
            if len(text) >= request.app.state.context.settings.gzip_min_bytes:
                packed = gzip.compress(text, _GZIP_LEVEL, mtime=0)
                cache.put(tag + "-gz", packed)
        if packed is not None:
            coded = base | {"ETag": f'"{tag}-gz"', "Content-Encoding": "gzip"}
            return _typed(packed, 200, coded, media_type)
    if text is None:
        text = cache.get(tag) if keep else None
    if text is None:
        text = body()
        if keep:
            cache.put(tag, text)
    return _whole_or_part(request, text, base | {"ETag": f'"{tag}"', "Accept-Ranges": "bytes"}, media_type)


def _whole_or_part(request: Request, text: bytes, headers: dict[str, str], media_type: str) -> Response:
    wanted = request.headers.get("range")
    if_range = request.headers.get("if-range")
    if not wanted or (if_range is not None and if_range != headers["ETag"]):
        return _typed(text, 200, headers, media_type)
    span = _span(wanted, len(text))
    if span is None:
        return _typed(text, 200, headers, media_type)
    start, stop = span
    part = headers | {"Content-Range": f"bytes {start}-{stop - 1}/{len(text)}"}
    return _typed(text[start:stop], 206, part, media_type)


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """Return start and stop of a single byte range; None for forms that may be ignored."""
    found = re.fullmatch(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", wanted)
    if not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    if start >= size or stop <= start:
        raise RangeNotSatisfiable(f"the document has {size} bytes, asked was {wanted.strip()}")
    return start, stop


def _typed(body: bytes, status: int, headers: dict[str, str], media_type: str) -> Response:
    # Set as a header: Starlette would add a charset to text/* only, and to text/html it should.
    content_type = f"{media_type}; charset=utf-8" if media_type in (HTML, "text/csv") else media_type
    return Response(body, status, headers | {"Content-Type": content_type})


def _tag(request: Request, version: str, media_type: str) -> str:
    query = request.scope.get("query_string", b"").decode("latin-1")
    where = f"{base_url(request)}{request.url.path}?{query}"
    return blake2b(f"{version}\n{where}\n{media_type}".encode(), digest_size=12).hexdigest()


def _matches(if_none_match: str | None, tag: str) -> bool:
    if not if_none_match:
        return False
    known = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return "*" in known or f'"{tag}"' in known or f'"{tag}-gz"' in known


def _takes_gzip(request: Request) -> bool:
    for coding in request.headers.get("accept-encoding", "").split(","):
        name, _, weight = coding.partition(";")
        if name.strip().lower() in ("gzip", "*"):
            return _quality(weight) > 0
    return False


def _best(accept: str, offered: Mapping[str, str]) -> str | None:
    """Return the offered format with the highest quality; ties go to the order of the offer."""
    ranges = [_media_range(part) for part in accept.split(",") if part.strip()]
    best, best_quality = None, 0.0
    for name, media_type in offered.items():
        quality = _quality_of(media_type, ranges)
        if quality > best_quality:
            best, best_quality = name, quality
    return best


def _media_range(part: str) -> tuple[str, str, float]:
    """Return type, its parameters without q, and quality."""
    kind, *parameters = (piece.strip() for piece in part.split(";"))
    own = [piece for piece in parameters if not piece.lower().startswith("q=")]
    weight = next((piece for piece in parameters if piece.lower().startswith("q=")), "")
    return kind.lower(), ";".join(piece.replace(" ", "").lower() for piece in own), _quality(weight)


def _quality(weight: str) -> float:
    try:
        return float(weight.strip()[2:]) if weight.strip() else 1.0
    except ValueError:
        return 0.0


def _quality_of(media_type: str, ranges: Sequence[tuple[str, str, float]]) -> float:
    """Return the quality the most specific matching range gives; JSON is also taken as plain JSON."""
    kind = media_type.partition(";")[0]
    # A client that asks for application/json is content with its special forms.
    names = [kind, *(["application/json"] if kind.endswith("+json") else [])]
    main = kind.partition("/")[0]
    for accepted in (*names, f"{main}/*", "*/*"):
        found = [quality for name, _, quality in ranges if name == accepted]
        if found:
            return max(found)
    return 0.0
