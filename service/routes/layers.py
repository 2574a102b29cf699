"""Layers: what is in the store, what was taken in and rejected, and files sent to it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from data.records import KINDS
from service import html
from service.bodies import ingest_answer, save_upload
from service.context import context_of
from service.documents import answer
from service.errors import InvalidParameter
from service.links import JSON, base_url, link, path_to
from service.query import EVERYWHERE, known, parse_flag, parse_limit, parse_offset
from service.routing import reads, same_origin
from service.use_cases import UploadSpec

router = APIRouter()

_UPLOAD_PARAMETERS = (
    "filename",
    "kind",
    "title",
    "crs",
    "timezone",
    "boundary",
    "drop_duplicates",
    "replace",
)


@reads(router, "/layers")
def layers(request: Request) -> Response:
    """List the layers."""
    base = base_url(request)
    listed = [_linked(base, one) for one in context_of(request).use_cases.layers()]
    return answer(
        request, lambda links: {"layers": listed, "links": links}, title="Layers", render=_layers_page
    )


@reads(router, "/layers/{layer_id}")
def layer(request: Request) -> Response:
    """Show one layer."""
    base = base_url(request)
    found = _linked(base, context_of(request).use_cases.layer(request.path_params["layer_id"]))
    return answer(
        request,
        lambda links: found | {"links": [*links, *found["links"][1:]]},
        title=str(found.get("title") or found["id"]),
        crumbs=[("Layers", f"{base}/layers")],
    )


@reads(router, "/layers/{layer_id}/ingests")
def ingests(request: Request) -> Response:
    """List what was taken into a layer."""
    layer_id = request.path_params["layer_id"]
    listed = context_of(request).use_cases.ingests(layer_id)
    return answer(
        request,
        lambda links: {"ingests": listed, "links": links},
        title=f"Ingests of {layer_id}",
        crumbs=_crumbs(request, layer_id),
    )


@reads(router, "/layers/{layer_id}/rejects")
def rejects(request: Request) -> Response:
    """List the rows that were rejected, each with its reason."""
    layer_id, params = request.path_params["layer_id"], request.query_params
    limit = parse_limit(params, context_of(request).settings.max_limit) or 1000
    found = context_of(request).use_cases.rejects(
        layer_id, ingest=params.get("ingest"), limit=limit, offset=parse_offset(params)
    )
    return answer(
        request,
        lambda links: found | {"links": links},
        title=f"Rejects of {layer_id}",
        crumbs=_crumbs(request, layer_id),
        allowed=["ingest", "limit", "offset"],
    )


@router.post("/layers/{layer_id}/uploads", response_model=None)
async def upload(request: Request, layer_id: str, _: Annotated[None, Depends(same_origin)]) -> Response:
    """Take in a file; answered after it is committed."""
    spec = _upload_spec(request.query_params)
    context = context_of(request)
    with TemporaryDirectory(prefix="emberline-upload-") as folder:
        received = Path(folder) / "received"
        form_name = await save_upload(request, received, context.settings.max_upload_bytes)
        name = _safe_name(spec.filename or form_name or "upload")
        file = received.rename(Path(folder) / name)
        named = UploadSpec(**{**vars(spec), "filename": name})
        counts = await run_in_threadpool(context.use_cases.upload, layer_id, file, named)
    return ingest_answer(counts, path_to(base_url(request), "layers", layer_id, "ingests"))


def _upload_spec(params: QueryParams) -> UploadSpec:
    """Return what the query says of the file; only `map` may come several times."""
    mapping = params.getlist("map")
    once = QueryParams([(name, value) for name, value in params.multi_items() if name != "map"])
    given = known(once, (*_UPLOAD_PARAMETERS, *EVERYWHERE))
    kind = given.get("kind", "incidents")
    if kind not in KINDS:
        needed = f"one of {', '.join(KINDS)}"
        raise InvalidParameter(
            f"kind needs {needed}, got {kind!r}", [{"parameter": "kind", "detail": f"needs {needed}"}]
        )
    return UploadSpec(
        filename=given.get("filename", ""),
        kind=kind,
        mapping=dict(_pair(text) for text in mapping),
        crs=given.get("crs"),
        timezone=given.get("timezone"),
        boundary=given.get("boundary"),
        title=given.get("title", ""),
        drop_duplicates=parse_flag("drop_duplicates", given.get("drop_duplicates", "false")),
        replace=parse_flag("replace", given.get("replace", "false")),
    )


def _pair(text: str) -> tuple[str, str]:
    """Return field and column; an empty column leaves the field out, whatever would be recognised."""
    field, sign, column = text.partition("=")
    if not sign or not field:
        raise InvalidParameter(
            f"map needs field=column, got {text!r}", [{"parameter": "map", "detail": "needs field=column"}]
        )
    return field, column


def _safe_name(name: str) -> str:
    """Return the last part of a name without anything that leads to another folder."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(one for one in last if one.isprintable() and one != "\0").strip()
    return kept[-150:] if kept.strip(".") else "upload"


def _linked(base: str, layer: dict[str, Any]) -> dict[str, Any]:
    layer_id = str(layer["id"])
    here = path_to(base, "layers", layer_id)
    links = [
        link(here, "self", JSON),
        link(f"{here}/ingests", "related", JSON, "What was taken in"),
        link(f"{here}/rejects", "related", JSON, "What was rejected"),
        link(path_to(base, "collections", layer_id), "related", JSON, "Its features"),
    ]
    return layer | {"links": links}


def _crumbs(request: Request, layer_id: str) -> list[tuple[str, str]]:
    base = base_url(request)
    return [("Layers", f"{base}/layers"), (layer_id, path_to(base, "layers", layer_id))]


def _layers_page(document: dict[str, Any]) -> list[str]:
    rows = [
        (
            html.anchor(str(one["id"]), one["links"][0]["href"]),
            one.get("kind"),
            one.get("title"),
            one.get("rows"),
        )
        for one in document["layers"]
    ]
    return [html.table("All layers", ["Layer", "Kind", "Title", "Rows"], rows)]
