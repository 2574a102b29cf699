"""Methods as OGC processes: listed, described, run; and saved analyses."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from service import html
from service.context import context_of
from service.documents import answer
from service.encode import json_bytes
from service.errors import InvalidParameter, ProcessNotFound
from service.links import GEOJSON, HTML, JSON, REL_EXECUTE, REL_PROCESSES, Link, base_url, link, path_to
from service.method_pages import method_page, register_page
from service.query import EVERYWHERE, known, parse_limit
from service.routing import reads, same_origin
from service.schemas import AnalysisDefinition, ExecuteRequest

router = APIRouter()

#: Jobs are not kept yet, so nothing is run asynchronously.
_JOB_CONTROL = ["sync-execute"]
_TRANSMISSION = ["value"]


@reads(router, "/processes")
def processes(request: Request) -> Response:
    """List what can be run."""
    base = base_url(request)
    limit = parse_limit(request.query_params, context_of(request).settings.max_limit)
    methods = context_of(request).use_cases.methods()[:limit]
    return answer(
        request,
        lambda links: {"processes": [_summary(base, one) for one in methods], "links": links},
        title="Processes",
        render=_processes_page,
        allowed=["limit"],
    )


@reads(router, "/processes/{method}")
def process(request: Request) -> Response:
    """Describe one process with its inputs and outputs."""
    base, method = base_url(request), method_for(request, request.path_params["method"])

    def make(links: list[Link]) -> dict[str, Any]:
        described = _summary(base, method) | {name: method.get(name, {}) for name in ("inputs", "outputs")}
        execute = link(path_to(base, "processes", method["id"], "execution"), REL_EXECUTE, JSON, "Run it")
        entry = link(
            path_to(base, "methods", method["id"]), "describedby", JSON, "What it is for; its limits"
        )
        onward = [execute, entry, link(f"{base}/processes", REL_PROCESSES, JSON)]
        return described | {"links": [*links, *onward]}

    return answer(
        request,
        make,
        title=str(method.get("title", method["id"])),
        crumbs=[("Processes", f"{base}/processes")],
        render=_process_page,
    )


@router.post("/processes/{method}/execution", response_model=None)
def execute(request: Request, method: str, body: ExecuteRequest) -> Response:
    """Run a process and answer with its result.

    A client that prefers `respond-async` is answered all the same, with the result: a preference may be
    passed over (RFC 7240), and no `Preference-Applied` claims otherwise.
    """
    known(request.query_params, EVERYWHERE)
    description = method_for(request, method)
    output = next(iter(description.get("outputs", {})), "features")
    if body.outputs and set(body.outputs) - {output}:
        raise InvalidParameter(f"{method} has the output {output}, asked was {', '.join(body.outputs)}")
    result = context_of(request).use_cases.execute(method, body.inputs)
    headers = {"Cache-Control": "no-store"}
    if body.response == "document":
        return Response(b'{"%b":%b}' % (output.encode(), result), 200, headers, media_type=JSON)
    return Response(result, 200, headers, media_type=GEOJSON)


@reads(router, "/methods")
def methods(request: Request) -> Response:
    """Show the register of methods: each with what it is for, its limits and who must look at it."""
    base = base_url(request)
    listed = [_registered(base, one) for one in context_of(request).use_cases.methods()]
    return answer(
        request,
        lambda links: {"methods": listed, "links": links},
        title="Register of methods",
        render=register_page,
    )


@reads(router, "/methods/{method}")
def method(request: Request) -> Response:
    """Show one method of the register."""
    found, base = method_for(request, request.path_params["method"]), base_url(request)
    used = [one for one in context_of(request).use_cases.analyses() if one.get("method") == found["id"]]
    return answer(
        request,
        lambda links: _registered(base, found, links, used),
        title=str(found.get("title", found["id"])),
        crumbs=[("Methods", f"{base}/methods")],
        render=method_page,
    )


@reads(router, "/analyses")
def analyses(request: Request) -> Response:
    """List the saved analyses."""
    base = base_url(request)
    saved = [_linked(base, one) for one in context_of(request).use_cases.analyses()]
    return answer(
        request,
        lambda links: {"analyses": saved, "links": links},
        title="Analyses",
        render=_analyses_page,
    )


@reads(router, "/analyses/{analysis_id}")
def analysis(request: Request) -> Response:
    """Show one saved analysis."""
    base = base_url(request)
    found = context_of(request).use_cases.analysis(request.path_params["analysis_id"])
    return answer(
        request,
        lambda links: _linked(base, found, links),
        title=str(found.get("title", found["id"])),
        crumbs=[("Analyses", f"{base}/analyses")],
    )


@router.post("/analyses", response_model=None)
def publish(request: Request, body: AnalysisDefinition, _: Annotated[None, Depends(same_origin)]) -> Response:
    """Save an analysis, run it and publish its collections."""
    known(request.query_params, EVERYWHERE)
    published = context_of(request).use_cases.publish(body.model_dump(exclude_unset=True))
    base = base_url(request)
    location = path_to(base, "analyses", str(published.get("id", body.id)))
    return Response(
        json_bytes(_linked(base, published)),
        201,
        {"Location": location, "Cache-Control": "no-store"},
        media_type=JSON,
    )


def method_for(request: Request, method_id: str) -> Mapping[str, Any]:
    """Return the description of a method.

    Raises
    ------
    ProcessNotFound
    """
    listed = context_of(request).use_cases.methods()
    for one in listed:
        if one["id"] == method_id:
            return one
    names = ", ".join(str(one["id"]) for one in listed)
    raise ProcessNotFound(f"no process {method_id!r}; there are: {names}")


def _summary(base: str, method: Mapping[str, Any]) -> dict[str, Any]:
    href = path_to(base, "processes", str(method["id"]))
    return {
        "id": method["id"],
        "title": method.get("title", method["id"]),
        "description": method.get("description", ""),
        "version": method.get("version", "1"),
        "jobControlOptions": _JOB_CONTROL,
        "outputTransmission": _TRANSMISSION,
        "links": [link(href, "self", JSON), link(f"{href}?f=html", "alternate", HTML)],
    }


def _registered(
    base: str,
    method: Mapping[str, Any],
    links: list[Link] | None = None,
    analyses: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return a method's entry in the register, with links to its process and to what it has published."""
    href = path_to(base, "methods", str(method["id"]))
    own = links or [link(href, "self", JSON), link(f"{href}?f=html", "alternate", HTML)]
    process = link(
        path_to(base, "processes", str(method["id"])), "related", JSON, "Inputs, and how to run it"
    )
    made = [
        link(path_to(base, "collections", name), "item", JSON, f"Found by this method: {name}")
        for one in analyses
        for name in one.get("collections", [])
    ]
    entry = {name: value for name, value in method.items() if name not in ("inputs", "outputs", "register")}
    told = {"parameters": method.get("inputs", {}), "links": [*own, process, *made]}
    return entry | dict(method.get("register", {})) | told


def _linked(base: str, analysis: Mapping[str, Any], links: list[Link] | None = None) -> dict[str, Any]:
    """Return an analysis with links to itself and to the collections it publishes."""
    here = path_to(base, "analyses", str(analysis.get("id", "")))
    own = links or [link(here, "self", JSON)]
    published = [
        link(path_to(base, "collections", name), "item", JSON, name)
        for name in analysis.get("collections", [])
    ]
    return dict(analysis) | {"links": [*own, *published]}


def _processes_page(document: dict[str, Any]) -> list[str]:
    rows = [
        (html.anchor(one["title"], one["links"][0]["href"]), one["version"], one["description"])
        for one in document["processes"]
    ]
    return [html.table("All processes", ["Process", "Version", "What it does"], rows)]


def _process_page(document: dict[str, Any]) -> list[str]:
    rows = [
        (name, one.get("title"), one.get("schema", {}).get("default"), one.get("schema"))
        for name, one in document["inputs"].items()
    ]
    return [
        html.paragraph(document["description"]),
        html.table("Inputs", ["Name", "Meaning", "Default", "Schema"], rows),
        html.heading("Links"),
        html.link_list(document["links"]),
    ]


def _analyses_page(document: dict[str, Any]) -> list[str]:
    rows = [
        (html.anchor(str(one.get("id")), one["links"][0]["href"]), one.get("method"), one.get("title"))
        for one in document["analyses"]
    ]
    return [html.table("Saved analyses", ["Analysis", "Method", "Title"], rows)]
