"""The map page: files that `make setup` built into `service/static/map`, and nothing outside that folder."""

from mimetypes import guess_type
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.errors import PageNotBuilt
from service.links import base_url
from service.responses import respond
from service.routing import reads

router = APIRouter()

#: Scripts, styles and workers are files of our own origin; data: is for the icons of the map's buttons.
_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

_HEADERS = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}


@reads(router, "/map")
def map_page(request: Request) -> Response:
    """Serve the page. Its assets are relative to `/map/`, so the address needs the slash."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{base_url(request)}/map/{query}", 307)


@reads(router, "/map/{name:path}")
def map_file(request: Request) -> Response:
    """Serve the page or one of its files."""
    root = map_folder(request)
    if not (root / "index.html").is_file():
        raise PageNotBuilt("the map page has not been built; `make setup` builds it")
    name = request.path_params["name"] or "index.html"
    if "\0" in name:
        raise HTTPException(404)
    file = (root / name).resolve()
    if not file.is_relative_to(root) or not file.is_file():
        raise HTTPException(404)
    media_type = guess_type(file.name)[0] or "application/octet-stream"
    headers = _HEADERS | ({} if file.suffix == ".html" else {"Cache-Control": "private, max-age=3600"})
    return respond(request, file.read_bytes, media_type=media_type, headers=headers)


def map_folder(request: Request) -> Path:
    """Return the folder with the built page."""
    folder: Path = request.app.state.static_folder
    return (folder / "map").resolve()
