"""How routes are written down: reading is GET and HEAD, and whoever sends data must not be another site."""

from collections.abc import Callable
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.context import context_of
from service.errors import CrossOriginWrite

Endpoint = Callable[[Request], Response]


def reads(router: APIRouter, path: str) -> Callable[[Endpoint], Endpoint]:
    """Register an endpoint for GET and HEAD.

    A Starlette route: FastAPI's own answers 405 to HEAD, and its parameters cannot be known beforehand
    here, because each collection has its own.
    """

    def register(endpoint: Endpoint) -> Endpoint:
        router.add_route(path, endpoint, methods=["GET"])
        return endpoint

    return register


def same_origin(request: Request) -> None:
    """Refuse data that a page of another site sends: reading is open to all pages, writing is not.

    Raises
    ------
    CrossOriginWrite
    """
    origin = request.headers.get("origin")
    if origin is None or origin in context_of(request).settings.write_origins:
        return
    if urlsplit(origin).netloc != request.url.netloc:
        raise CrossOriginWrite(
            f"pages of {origin} may read but not send data; EMBERLINE_WRITE_ORIGINS can name that site"
        )
