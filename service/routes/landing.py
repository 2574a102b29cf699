"""The landing page, conformance, the API's own description, and whether the service is up."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service import html, openapi
from service.context import context_of, view_of
from service.documents import answer
from service.encode import json_bytes
from service.links import (
    HTML,
    JSON,
    OPENAPI,
    REL_CONFORMANCE,
    REL_DATA,
    REL_PROCESSES,
    Link,
    base_url,
    link,
)
from service.query import EVERYWHERE, known
from service.responses import respond
from service.routing import reads

router = APIRouter()

#: What this API keeps to; each is tested in tests/service/test_conformance.py.
CONFORMANCE = [
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/landing-page",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/json",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables-query-parameters",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/schemas",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/ogc-process-description",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/json",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/oas30",
]


@reads(router, "/")
def landing(request: Request) -> Response:
    """Where everything begins."""
    settings, base = context_of(request).settings, base_url(request)

    def make(links: list[Link]) -> dict[str, Any]:
        return {
            "title": settings.title,
            "description": settings.description,
            "links": [
                *links,
                link(f"{base}/api", "service-desc", OPENAPI, "The API, for machines"),
                link(f"{base}/api.html", "service-doc", HTML, "The API, for people"),
                link(f"{base}/conformance", "conformance", JSON, "Standards it keeps to"),
                link(f"{base}/conformance", REL_CONFORMANCE, JSON, "Standards it keeps to"),
                link(f"{base}/collections", "data", JSON, "Collections"),
                link(f"{base}/collections", REL_DATA, JSON, "Collections"),
                link(f"{base}/processes", REL_PROCESSES, JSON, "Processes"),
                link(f"{base}/layers", "related", JSON, "Layers"),
                link(f"{base}/analyses", "related", JSON, "Analyses"),
                link(f"{base}/map", "related", HTML, "Map"),
            ],
        }

    return answer(request, make, title=settings.title, render=_landing_page)


@reads(router, "/conformance")
def conformance(request: Request) -> Response:
    """Which conformance classes hold."""
    return answer(request, lambda links: {"conformsTo": CONFORMANCE, "links": links}, title="Conformance")


@reads(router, "/api")
def api(request: Request) -> Response:
    """Describe the API as OpenAPI 3.0; for a browser, as a page."""
    return answer(request, lambda _: _document(request), title="API", media_type=OPENAPI, render=_api_page)


@reads(router, "/api.html")
def api_page(request: Request) -> Response:
    """Describe the API for people."""
    known(request.query_params, EVERYWHERE)
    base = base_url(request)
    return respond(
        request,
        lambda: html.page("API", [("Emberline", f"{base}/")], *_api_page(_document(request))),
        media_type=HTML,
        headers=html.PAGE_HEADERS,
    )


@reads(router, "/healthz")
def health(request: Request) -> Response:
    """Say that the process answers."""
    known(request.query_params, EVERYWHERE)
    return Response(b'{"status":"ok"}', media_type=JSON, headers={"Cache-Control": "no-store"})


@reads(router, "/readyz")
def ready(request: Request) -> Response:
    """Say whether the store answers; its errors are 503."""
    known(request.query_params, EVERYWHERE)
    n = len(context_of(request).catalog.collections(view_of(request)))
    body = json_bytes({"status": "ready", "collections": n})
    return Response(body, media_type=JSON, headers={"Cache-Control": "no-store"})


def service_version() -> str:
    """Return the version of the installed package."""
    try:
        return version("emberline")
    except PackageNotFoundError:
        return "0"


def _document(request: Request) -> dict[str, Any]:
    context = context_of(request)
    collections = context.catalog.collections(view_of(request))
    return openapi.document(
        base_url(request), context.settings, service_version(), collections, context.use_cases.methods()
    )


def _landing_page(document: dict[str, Any]) -> list[str]:
    return [html.paragraph(document["description"]), html.link_list(document["links"])]


def _api_page(document: dict[str, Any]) -> list[str]:
    rows = [
        (html.Markup(f"<code>{method.upper()}</code>"), path, operation.get("summary", ""), _names(operation))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    return [
        html.paragraph(document["info"]["description"]),
        html.anchor("OpenAPI 3.0 document", "api?f=json"),
        html.table("Everything that can be asked", ["Method", "Path", "Answer", "Parameters"], rows),
    ]


def _names(operation: dict[str, Any]) -> str:
    own = [
        one.get("name") or one["$ref"].rpartition("/")[2]
        for one in operation.get("parameters", [])
        if one.get("name") or one["$ref"].rpartition("/")[2] not in ("token", "apikey", "api_key")
    ]
    return ", ".join(own)
