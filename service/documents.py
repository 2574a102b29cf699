"""A JSON document and the same as a page: the answer of every route that is not items."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service import html
from service.encode import json_bytes
from service.links import HTML, JSON, Link, base_url, header, self_and_alternates
from service.query import EVERYWHERE, known
from service.responses import negotiate, respond

Render = Callable[[], Sequence[str]]


def answer(
    request: Request,
    make: Callable[[list[Link]], Any],
    *,
    title: str,
    media_type: str = JSON,
    crumbs: Sequence[tuple[str, str]] = (),
    render: Callable[[Any], Sequence[str]] | None = None,
    allowed: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with a document as JSON or as a page.

    `make` returns the document, given the links to itself; `render` returns the parts of the page, by
    default the links and the JSON. `allowed` are the query parameters besides those known everywhere.
    """
    given = known(request.query_params, (*allowed, *EVERYWHERE))
    offered = {"json": media_type, "html": HTML}
    chosen = negotiate(request, offered)
    base = base_url(request)
    links = self_and_alternates(
        base + request.scope["path"].removeprefix(request.scope.get("root_path", "")), given, chosen, offered
    )
    document = make(links)
    sent = {"Link": header(links)} | dict(headers or {})
    if chosen == "json":
        return respond(request, lambda: json_bytes(document), media_type=media_type, headers=sent)
    parts = render(document) if render else default_page(document)
    trail = [("Emberline", f"{base}/"), *crumbs]
    return respond(
        request,
        lambda: html.page(title, trail, *parts),
        media_type=HTML,
        headers=sent | html.PAGE_HEADERS,
    )


def default_page(document: Any) -> Sequence[str]:
    """Return a document's links and the document itself."""
    links = document.get("links", []) if isinstance(document, dict) else []
    shown = {name: value for name, value in document.items() if name != "links"} if links else document
    return [html.json_block(shown), html.heading("Links") if links else "", html.link_list(links)]
