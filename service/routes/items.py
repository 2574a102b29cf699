"""Features of a collection: pages, single ones, downloads; and features sent into a layer."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
import orjson
import pyarrow as pa
from fastapi import APIRouter, Depends
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from service import formats, html
from service.bodies import ingest_answer, media_type_of, read_body
from service.catalog import CollectionInfo, info_of
from service.context import context_of, view_of
from service.describe import item_formats
from service.encode import json_bytes
from service.errors import FeatureNotFound, UnsupportedBody
from service.layer_snapshots import snapshot_of_rows
from service.links import (
    GEOJSON,
    HTML,
    JSON,
    Link,
    base_url,
    header,
    link,
    path_to,
    self_and_alternates,
    with_query,
)
from service.query import CRS84, EVERYWHERE, ItemsQuery, check_crs, items_query, known
from service.responses import negotiate, respond
from service.routes.collections import crumbs
from service.routing import reads, same_origin
from service.snapshots import Snapshot, page

router = APIRouter()

_CRS_HEADER = {"Content-Crs": f"<{CRS84}>"}
_SENT_FEATURES = (GEOJSON, JSON, "application/x-ndjson", "application/ndjson", "application/geo+json-seq")


@reads(router, "/collections/{collection_id}/items")
def items(request: Request) -> Response:
    """Return features as a page, or everything that matches as a download."""
    catalog, view = context_of(request).catalog, view_of(request)
    info = catalog.collection(request.path_params["collection_id"], view)
    if info.kind == "layer":
        return _layer_items(request, info)
    whole = catalog.snapshot(info.id, view, request.query_params.get("run"))
    return _snapshot_items(request, info if whole.id == info.version else info_of(whole), whole)


@reads(router, "/collections/{collection_id}/items/{fid:path}")
def item(request: Request) -> Response:
    """Return one feature."""
    catalog, view = context_of(request).catalog, view_of(request)
    info, fid = catalog.collection(request.path_params["collection_id"], view), request.path_params["fid"]
    if info.kind == "layer":
        return _item_answer(request, info, fid, catalog.layer_item(info.id, fid), info.version)
    whole = catalog.snapshot(info.id, view, request.query_params.get("run"))
    row = whole.row_of.get(fid)
    if row is None:
        raise FeatureNotFound(f"{info.id} has no feature {fid!r}")
    return _item_answer(request, info, fid, whole.feature(row), whole.id)


@router.post("/collections/{layer_id}/items", response_model=None)
async def append(request: Request, layer_id: str, _: Annotated[None, Depends(same_origin)]) -> Response:
    """Take features into a layer; answered after they are committed."""
    known(request.query_params, EVERYWHERE)
    kind = media_type_of(request)
    if kind not in _SENT_FEATURES:
        raise UnsupportedBody(
            f"features come as {', '.join(_SENT_FEATURES)}; got {kind or 'no Content-Type'}"
        )
    context = context_of(request)
    body = await read_body(request, context.settings.max_body_bytes)
    counts = await run_in_threadpool(context.use_cases.append_items, layer_id, body, kind)
    ids = counts.get("ids") or []
    location = path_to(base_url(request), "collections", layer_id, "items", ids[0]) if len(ids) == 1 else None
    return ingest_answer(counts, location)


def _snapshot_items(request: Request, info: CollectionInfo, whole: Snapshot) -> Response:
    settings = context_of(request).settings
    query = items_query(request.query_params, info.properties, settings.max_limit)
    offered = item_formats(info)
    chosen = negotiate(request, offered)
    limit = query.limit or (None if chosen in formats.DOWNLOADS else settings.default_limit)
    found = page(
        whole,
        limit=limit,
        offset=query.offset,
        bbox=query.bbox,
        datetime=query.datetime,
        filters=query.filters,
    )
    request.state.n_features = found.number_returned
    links = _page_links(request, info, query, limit, found.number_returned, found.has_next, chosen)
    members = _members(links, whole.timestamp, found.number_matched, found.number_returned)
    makers: dict[str, Callable[[], bytes]] = {
        "json": lambda: _collection_bytes(found.features, members, whole.emberline_json),
        "html": lambda: _items_page(base_url(request), info, whole, found.rows, members),
    }
    make = makers.get(chosen) or (lambda: _download(chosen, whole, found.rows, members))
    return respond(
        request,
        make,
        media_type=offered[chosen],
        version=whole.id,
        headers=_headers(info, chosen, links),
        keep=chosen in formats.DOWNLOADS,
    )


def _layer_items(request: Request, info: CollectionInfo) -> Response:
    context = context_of(request)
    query = items_query(request.query_params, info.properties, context.settings.max_limit)
    offered = item_formats(info)
    chosen = negotiate(request, offered)
    is_download = chosen in formats.DOWNLOADS
    limit = query.limit or (context.settings.max_limit if is_download else context.settings.default_limit)
    found = context.catalog.layer_page(
        info.id,
        limit=limit,
        offset=query.offset,
        bbox=query.bbox,
        datetime=query.datetime,
        filters=query.filters,
    )
    request.state.n_features = found.number_returned
    links = _page_links(request, info, query, limit, found.number_returned, found.has_next, chosen)
    members = _members(links, info.timestamp, found.number_matched, found.number_returned)

    def make() -> bytes:
        if chosen == "json":
            return _collection_bytes(found.features, members, b"")
        rows = snapshot_of_rows(info, found.features)
        everything = np.arange(len(rows))
        if chosen == "html":
            return _items_page(base_url(request), info, rows, everything, members)
        return _download(chosen, rows, everything, members)

    return respond(
        request,
        make,
        media_type=offered[chosen],
        version=info.version,
        headers=_headers(info, chosen, links),
        keep=is_download,
    )


def _item_answer(request: Request, info: CollectionInfo, fid: str, feature: bytes, version: str) -> Response:
    given = known(request.query_params, ("crs", "run", *EVERYWHERE))
    check_crs(given)
    offered = {"json": GEOJSON, "html": HTML}
    chosen = negotiate(request, offered)
    base = base_url(request)
    here = path_to(base, "collections", info.id)
    links = [
        *self_and_alternates(path_to(here, "items", fid), given, chosen, offered),
        link(here, "collection", JSON, info.title),
    ]
    headers = _CRS_HEADER | {"Link": header(links)}
    if chosen == "json":
        text = feature[:-1] + b',"links":' + json_bytes(links) + b"}"
        return respond(request, lambda: text, media_type=GEOJSON, version=version, headers=headers)
    properties = orjson.loads(feature)["properties"]
    trail = [("Emberline", f"{base}/"), *crumbs(base, info), ("Features", f"{here}/items?f=html")]
    body = html.page(fid, trail, html.definitions(properties), html.heading("Links"), html.link_list(links))
    return respond(
        request, lambda: body, media_type=HTML, version=version, headers=headers | html.PAGE_HEADERS
    )


def _page_links(
    request: Request,
    info: CollectionInfo,
    query: ItemsQuery,
    limit: int | None,
    returned: int,
    has_next: bool,
    chosen: str,
) -> list[Link]:
    """Return self, alternates, collection, and next and prev, which stay on the run this page is of."""
    base = base_url(request)
    here = path_to(base, "collections", info.id)
    given = dict(request.query_params)
    offered = item_formats(info)
    links = self_and_alternates(f"{here}/items", given, chosen, offered)
    links.append(link(here, "collection", JSON, info.title))
    if limit is None:
        return links
    steady = given | ({"run": info.run} if info.run else {}) | {"limit": str(limit)}
    turns = [
        ("next", query.offset + returned, has_next),
        ("prev", max(query.offset - limit, 0), query.offset > 0),
    ]
    for rel, offset, is_there in turns:
        if is_there:
            href = with_query(f"{here}/items", steady | {"offset": str(offset)})
            links.append(link(href, rel, offered[chosen], f"The {rel} page"))
    return links


def _members(links: list[Link], timestamp: str, matched: int | None, returned: int) -> dict[str, Any]:
    members: dict[str, Any] = {"links": links, "timeStamp": timestamp, "numberReturned": returned}
    return members if matched is None else members | {"numberMatched": matched}


def _collection_bytes(features: bytes | memoryview, members: Mapping[str, Any], emberline: bytes) -> bytes:
    # Features first: readers that sniff a document look for them near its start.
    foreign = b',"emberline":' + emberline if emberline else b""
    head = b'{"type":"FeatureCollection","features":['
    return b"".join((head, features, b"],", json_bytes(members)[1:-1], foreign, b"}"))


def _download(chosen: str, whole: Snapshot, rows: NDArray[np.int64], members: Mapping[str, Any]) -> bytes:
    if chosen == "ndjson":
        return formats.ndjson_bytes([whole.feature(row) for row in rows.tolist()])
    if chosen in ("parquet", "fgb", "gpkg"):
        return formats.file_bytes(chosen, whole, rows)
    taken = pa.array(rows)
    if chosen == "h3":
        return formats.h3_bytes(whole.columns.take(taken), members)
    return formats.csv_bytes(
        whole.columns.take(taken), [whole.fids[row] for row in rows], whole.wkb.take(taken)
    )


def _items_page(
    base: str, info: CollectionInfo, whole: Snapshot, rows: NDArray[np.int64], members: Mapping[str, Any]
) -> bytes:
    here = path_to(base, "collections", info.id)
    table = whole.columns.take(pa.array(rows))
    columns = [formats.json_values(table, name) for name in table.column_names]
    ids = [html.anchor(whole.fids[row], path_to(here, "items", whole.fids[row])) for row in rows.tolist()]
    matched = members.get("numberMatched")
    count = f"{len(rows)} of {'an unknown number of' if matched is None else matched} features"
    turns = [one for one in members["links"] if one["rel"] in ("prev", "next")]
    others = [one for one in members["links"] if one["rel"] == "alternate"]
    return html.page(
        info.title,
        [("Emberline", f"{base}/"), *crumbs(base, info)],
        html.paragraph(info.description),
        html.link_list(turns),
        html.table(count, ["id", *table.column_names], zip(ids, *columns, strict=True)),
        html.heading("The same as"),
        html.link_list(others),
    )


def _headers(info: CollectionInfo, chosen: str, links: list[Link]) -> dict[str, str]:
    shown = [one for one in links if one["rel"] in ("self", "next", "prev", "collection")]
    headers = _CRS_HEADER | {"Link": header(shown)}
    if chosen == "html":
        return headers | html.PAGE_HEADERS
    if chosen in ("csv", "ndjson", "parquet", "fgb", "gpkg"):
        name = re.sub(r"[^A-Za-z0-9._-]", "_", info.id)
        return headers | {"Content-Disposition": f'attachment; filename="{name}.{chosen}"'}
    return headers
