"""Around every request: id and log line, 500 for the unforeseen, CORS, HEAD, proxies that are trusted."""

import logging
from collections.abc import Iterable
from time import perf_counter
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Match, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import internal_problem

log = logging.getLogger(__name__)

_EXPOSED = "Content-Crs, ETag, Link, Location, Content-Range, X-Request-ID"
_ALLOWED_HEADERS = "Accept, Authorization, Content-Type, If-None-Match, Prefer, Range"


class RequestLog:
    """Give each request an id, log one line for it, and answer 500 without detail when it breaks."""

    def __init__(self, app: ASGIApp, router: Router) -> None:
        self.app = app
        self.router = router
        self._templates: dict[object, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, request_id, status = perf_counter(), uuid4().hex[:16], 0
        is_head = scope["method"] == "HEAD"

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(raw=message["headers"])
                headers["X-Request-ID"] = request_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception:
            log.exception("%s %s failed, request %s", scope["method"], self._template(scope), request_id)
            if status:
                raise
            await internal_problem(request_id, scope["path"])(scope, receive, send_and_note)
        took_ms = 1000 * (perf_counter() - started)
        state = scope.get("state", {})
        log.log(
            logging.ERROR if status >= 500 else logging.INFO,
            "%s %s %d %.1f ms n=%s id=%s",
            scope["method"],
            self._template(scope),
            status,
            took_ms,
            state.get("n_features", "-"),
            request_id,
        )

    def _template(self, scope: Scope) -> str:
        """Return the path of the route that answered, without what a client put into it."""
        if not self._templates:
            for route in self.router.routes:
                self._templates[getattr(route, "endpoint", None)] = str(getattr(route, "path", "-"))
        return self._templates.get(scope.get("endpoint"), "-")


class Cors:
    """Let pages of any site read (no credentials); answer OPTIONS with what a path offers."""

    def __init__(self, app: ASGIApp, router: Router) -> None:
        self.app = app
        self.router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_open(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers["Access-Control-Allow-Origin"] = "*"
                headers["Access-Control-Expose-Headers"] = _EXPOSED
                if message["status"] == 405:  # the framework names the methods of the first route only
                    headers["Allow"] = ", ".join(sorted(self._methods(scope) | {"OPTIONS"}))
            await send(message)

        methods = self._methods(scope) if scope["method"] == "OPTIONS" else set()
        if not methods:
            await self.app(scope, receive, send_open)
            return
        allow = ", ".join(sorted(methods | {"OPTIONS"}))
        answer = [
            (b"allow", allow.encode()),
            (b"access-control-allow-methods", allow.encode()),
            (b"access-control-allow-headers", _ALLOWED_HEADERS.encode()),
            (b"access-control-max-age", b"86400"),
        ]
        await send_open({"type": "http.response.start", "status": 204, "headers": answer})
        await send({"type": "http.response.body", "body": b""})

    def _methods(self, scope: Scope) -> set[str]:
        found: set[str] = set()
        for route in self.router.routes:
            match, _ = route.matches(scope)
            if match != Match.NONE:
                found |= set(getattr(route, "methods", None) or {"GET", "HEAD"})
        return found


class TrustedProxies:
    """Believe `X-Forwarded-Proto`, `-Host` and `-Prefix`, but only from the proxies named in the settings."""

    def __init__(self, app: ASGIApp, addresses: Iterable[str]) -> None:
        self.app = app
        self.addresses = frozenset(addresses)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        client = scope.get("client")
        if scope["type"] == "http" and client and client[0] in self.addresses:
            scope = self._forwarded(scope)
        await self.app(scope, receive, send)

    @staticmethod
    def _forwarded(scope: Scope) -> Scope:
        headers = Headers(scope=scope)
        changed = dict(scope)
        scheme = headers.get("x-forwarded-proto", "").split(",")[0].strip()
        if scheme in ("http", "https"):
            changed["scheme"] = scheme
        host = headers.get("x-forwarded-host", "").split(",")[0].strip()
        if host:
            kept = [(name, value) for name, value in scope["headers"] if name != b"host"]
            changed["headers"] = [*kept, (b"host", host.encode("latin-1"))]
        prefix = headers.get("x-forwarded-prefix", "").split(",")[0].strip().rstrip("/")
        if prefix.startswith("/"):
            changed["root_path"] = prefix
            changed["path"] = prefix + scope["path"]
        return changed
