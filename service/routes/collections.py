"""What collections there are, and what each one's features look like."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service import html
from service.catalog import CollectionInfo, info_of
from service.context import context_of, view_of
from service.describe import (
    collection_json,
    feature_schema_json,
    queryables_json,
    schema_json,
)
from service.documents import answer
from service.links import HTML, JSON, SCHEMA, Link, base_url, link, path_to
from service.query import CRS84
from service.routing import reads

router = APIRouter()


@reads(router, "/collections")
def collections(request: Request) -> Response:
    """List every collection."""
    base = base_url(request)
    infos = context_of(request).catalog.collections(view_of(request))

    def make(links: list[Link]) -> dict[str, Any]:
        described = [collection_json(base, info, _own_links(base, info)) for info in infos]
        return {"links": links, "crs": [CRS84], "collections": described}

    return answer(request, make, title="Collections", render=_collections_page)


@reads(router, "/collections/{collection_id}")
def collection(request: Request) -> Response:
    """Describe one collection."""
    info = info_for(request)
    base = base_url(request)
    return answer(
        request,
        lambda links: collection_json(base, info, links),
        title=info.title,
        crumbs=[("Collections", f"{base}/collections")],
        render=_collection_page,
        allowed=["run"],
    )


@reads(router, "/collections/{collection_id}/queryables")
def queryables(request: Request) -> Response:
    """Say what the collection can be filtered by."""
    info = info_for(request)
    href = path_to(base_url(request), "collections", info.id, "queryables")
    return _schema_answer(request, info, "Queryables", queryables_json(href, info))


@reads(router, "/collections/{collection_id}/schema")
def schema(request: Request) -> Response:
    """Describe all properties."""
    info = info_for(request)
    href = path_to(base_url(request), "collections", info.id, "schema")
    return _schema_answer(request, info, "Schema", schema_json(href, info))


@reads(router, "/collections/{collection_id}/schema/feature")
def feature_schema(request: Request) -> Response:
    """Describe a GeoJSON feature of the collection."""
    info = info_for(request)
    href = path_to(base_url(request), "collections", info.id, "schema", "feature")
    return _schema_answer(request, info, "Feature schema", feature_schema_json(href, info))


def info_for(request: Request) -> CollectionInfo:
    """Return the collection of the path, as the asked run made it.

    Raises
    ------
    CollectionNotFound, SnapshotGone
    """
    catalog, view = context_of(request).catalog, view_of(request)
    collection_id, run = request.path_params["collection_id"], request.query_params.get("run")
    info = catalog.collection(collection_id, view)
    if run is None or run == info.run or info.kind == "layer":
        return info
    return info_of(catalog.snapshot(collection_id, view, run))


def crumbs(base: str, info: CollectionInfo) -> list[tuple[str, str]]:
    """Return the way from the landing page to a collection."""
    return [("Collections", f"{base}/collections"), (info.title, path_to(base, "collections", info.id))]


def _schema_answer(request: Request, info: CollectionInfo, title: str, body: dict[str, Any]) -> Response:
    return answer(
        request,
        lambda _: body,
        title=f"{title} of {info.title}",
        media_type=SCHEMA,
        crumbs=crumbs(base_url(request), info),
        render=_schema_page,
    )


def _own_links(base: str, info: CollectionInfo) -> list[Link]:
    here = path_to(base, "collections", info.id)
    return [link(here, "self", JSON, info.title), link(f"{here}?f=html", "alternate", HTML, info.title)]


def _collections_page(document: dict[str, Any]) -> list[str]:
    rows = [
        (html.anchor(one["title"], one["links"][0]["href"]), one["description"], one.get("itemCount"))
        for one in document["collections"]
    ]
    return [html.table("All collections", ["Collection", "What it holds", "Features"], rows)]


def _collection_page(document: dict[str, Any]) -> list[str]:
    names = ("id", "itemCount", "extent", "run")
    shown = {name: document[name] for name in names if name in document}
    return [
        html.paragraph(document["description"]),
        html.definitions(shown),
        html.heading("Links"),
        html.link_list(document["links"]),
    ]


def _schema_page(document: dict[str, Any]) -> list[str]:
    rows = [
        (name, one.get("type", one.get("format")), one.get("description"))
        for name, one in document["properties"].items()
    ]
    return [html.table("Properties", ["Name", "Type", "Meaning"], rows)]
