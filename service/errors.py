"""Everything that can go wrong, as HTTP says it: the only module that knows statuses.

ServiceError
├── InvalidQuery            400, with one entry per parameter
│   ├── UnknownParameter
│   └── InvalidParameter
├── CollectionNotFound      404
├── FeatureNotFound         404
├── ProcessNotFound         404
├── JobNotFound             404
├── CrossOriginWrite        403
├── NotAcceptable           406
├── SnapshotGone            410
├── BodyTooLarge            413
├── UnsupportedBody         415
├── RangeNotSatisfiable     416
├── UnreadableBody          422
├── InvalidInputs           422, with one entry per field
├── RecordsRejected         422
├── PageNotBuilt            503
└── NonLoopbackRefused      never over HTTP: `serve` refuses to start

Errors of the floors below are listed in `STATUS`. The answer is `application/problem+json` (RFC 9457).
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from data.errors import (
    AnalysisNotFound,
    DataError,
    InvalidFilter,
    LayerExists,
    LayerNotFound,
    SnapshotNotFound,
    StoreLocked,
    StoreUnavailable,
    SumsExist,
)
from models.errors import ModelError
from service.encode import json_bytes
from spatial.errors import SpatialError

PROBLEM_MEDIA_TYPE = "application/problem+json"

_PROCESSES = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"


class ServiceError(Exception):
    """Base of every error of this floor.

    `errors` names what was wrong where: dicts with `parameter`, `field` or `row`, and `detail`.
    """

    def __init__(self, detail: str, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(detail)
        self.errors = [dict(error) for error in errors]


class InvalidQuery(ServiceError, ValueError):
    """A query that does not fit."""


class UnknownParameter(InvalidQuery):
    """A query parameter that this resource does not have."""


class InvalidParameter(InvalidQuery):
    """A query parameter with a value it cannot have."""


class CollectionNotFound(ServiceError, LookupError):
    """No collection has this id."""


class FeatureNotFound(ServiceError, LookupError):
    """No feature of the collection has this id."""


class ProcessNotFound(ServiceError, LookupError):
    """No process has this id."""


class JobNotFound(ServiceError, LookupError):
    """No job has this id."""


class CrossOriginWrite(ServiceError, PermissionError):
    """A page of another site tried to send data."""


class NotAcceptable(ServiceError, ValueError):
    """None of the media types that the client accepts is offered."""


class SnapshotGone(ServiceError, LookupError):
    """The run was superseded and its grace is over."""


class BodyTooLarge(ServiceError, ValueError):
    """A body beyond the limit."""


class UnsupportedBody(ServiceError, ValueError):
    """A body of a media type that this resource does not take."""


class RangeNotSatisfiable(ServiceError, ValueError):
    """A byte range that lies outside the document."""


class UnreadableBody(ServiceError, ValueError):
    """A body that is not what its media type says."""


class InvalidInputs(ServiceError, ValueError):
    """Inputs of a method or an analysis that do not fit."""


class RecordsRejected(ServiceError, ValueError):
    """None of the records could be taken."""


class PageNotBuilt(ServiceError, OSError):
    """The map page has not been built."""


class NonLoopbackRefused(ServiceError, ValueError):
    """The service would be reachable without access control."""


#: What each error answers; the nearest base counts.
STATUS: dict[type[Exception], int] = {
    InvalidQuery: 400,
    CrossOriginWrite: 403,
    CollectionNotFound: 404,
    FeatureNotFound: 404,
    ProcessNotFound: 404,
    AnalysisNotFound: 404,
    JobNotFound: 404,
    NotAcceptable: 406,
    SnapshotGone: 410,
    BodyTooLarge: 413,
    UnsupportedBody: 415,
    RangeNotSatisfiable: 416,
    UnreadableBody: 422,
    InvalidInputs: 422,
    RecordsRejected: 422,
    PageNotBuilt: 503,
    NonLoopbackRefused: 500,
    InvalidFilter: 400,
    LayerNotFound: 404,
    SnapshotNotFound: 404,
    LayerExists: 409,
    SumsExist: 409,
    StoreLocked: 503,
    StoreUnavailable: 503,
    DataError: 422,
    ModelError: 422,
    SpatialError: 422,
}

#: Types that a standard names; all others are `/problems/<name of the error>`.
_STANDARD_TYPES: dict[type[Exception], str] = {
    ProcessNotFound: _PROCESSES + "no-such-process",
    JobNotFound: _PROCESSES + "no-such-job",
}

_RETRY_AFTER_S = 5


def problem(
    status: int,
    title: str,
    detail: str | None,
    *,
    type_: str,
    instance: str | None = None,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
    **extension: Any,
) -> Response:
    """Return a problem document (RFC 9457)."""
    body: dict[str, Any] = {"type": type_, "title": title, "status": status}
    if detail is not None:
        body["detail"] = detail
    if instance is not None:
        body["instance"] = instance
    if errors:
        body["errors"] = list(errors)
    return Response(
        json_bytes(body | extension),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        media_type=PROBLEM_MEDIA_TYPE,
    )


def status_of(error: Exception) -> int:
    """Return the status of an error: that of its nearest listed base, else 500.

    Examples
    --------
    >>> status_of(LayerNotFound("no layer x"))
    404
    """
    return next((STATUS[base] for base in type(error).__mro__ if base in STATUS), 500)


def problem_of(error: Exception, instance: str | None = None) -> Response:
    """Return the problem document of one of our errors."""
    status = status_of(error)
    return problem(
        status,
        title_of(type(error)),
        str(error),
        type_=_STANDARD_TYPES.get(type(error), f"/problems/{slug_of(type(error))}"),
        instance=instance,
        errors=getattr(error, "errors", ()),
        headers={"Retry-After": str(_RETRY_AFTER_S)} if status == 503 else None,
    )


def slug_of(error: type[Exception]) -> str:
    """Return the last part of a problem's type.

    Examples
    --------
    >>> slug_of(CollectionNotFound)
    'collection-not-found'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", error.__name__).lower()


def title_of(error: type[Exception]) -> str:
    """Return the error's name in words.

    Examples
    --------
    >>> title_of(CollectionNotFound)
    'Collection not found'
    """
    return slug_of(error).replace("-", " ").capitalize()


def internal_problem(request_id: str, instance: str) -> Response:
    """Return what is said outward of an error that nobody foresaw: nothing but where to look."""
    return problem(
        500,
        "Internal server error",
        f"Something went wrong here; the log has it under request {request_id}.",
        type_="/problems/internal-server-error",
        instance=instance,
    )


def install(app: FastAPI) -> None:
    """Make the application answer every foreseen error as a problem document."""
    for base in (ServiceError, DataError, ModelError, SpatialError):
        app.add_exception_handler(base, _answer_own)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_http)


async def _answer_own(request: Request, error: Exception) -> Response:
    return problem_of(error, request.url.path)


async def _answer_validation(request: Request, error: Exception) -> Response:
    """Answer what FastAPI found: 422 for a body, 400 for a path or query that does not fit."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    in_body = any(item["loc"] and item["loc"][0] == "body" for item in found)
    entries = [{"field": ".".join(map(str, item["loc"])), "detail": item["msg"]} for item in found]
    kind = UnreadableBody if in_body else InvalidQuery
    detail = "; ".join(f"{entry['field']}: {entry['detail']}" for entry in entries)
    return problem_of(kind(detail or "the request does not fit", entries), request.url.path)


async def _answer_http(request: Request, error: Exception) -> Response:
    """Answer what the framework raised: no such path, method not allowed."""
    if not isinstance(error, HTTPException):
        raise error
    phrase = HTTPStatus(error.status_code).phrase
    details = {404: f"nothing is at {request.url.path}", 405: f"{request.method} is not offered here"}
    return problem(
        error.status_code,
        phrase.capitalize(),
        details.get(error.status_code, str(error.detail)),
        type_=f"/problems/{phrase.lower().replace(' ', '-')}",
        instance=request.url.path,
        headers=error.headers,
    )
