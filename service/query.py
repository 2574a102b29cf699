"""Query parameters: what is not known or does not fit is refused, never ignored."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from starlette.datastructures import QueryParams

from service.errors import InvalidParameter, UnknownParameter
from service.snapshots import Bbox, Interval
from service.times import parse_datetime

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"

#: Clients append these to any URL; they are known everywhere and change nothing here.
CREDENTIAL_PARAMETERS = ("token", "apikey", "api_key")
EVERYWHERE = ("f", *CREDENTIAL_PARAMETERS)

#: What items take besides the properties; a property of such a name cannot be a query parameter.
ITEM_PARAMETERS = ("limit", "offset", "bbox", "bbox-crs", "crs", "datetime", "run", *EVERYWHERE)

_MAX_OFFSET = 2**53


@dataclass(frozen=True)
class ItemsQuery:
    """What a request for items asks; `limit` is None when it was not given."""

    limit: int | None = None
    offset: int = 0
    bbox: Bbox | None = None
    datetime: Interval | None = None
    run: str | None = None
    filters: Mapping[str, Any] = field(default_factory=dict)


def known(params: QueryParams, allowed: Iterable[str]) -> dict[str, str]:
    """Return the parameters, each of which must be allowed and come once.

    Raises
    ------
    UnknownParameter, InvalidParameter
    """
    names = [name for name, _ in params.multi_items()]
    if not names:
        return {}
    allowed = tuple(allowed)
    unknown = [name for name in dict.fromkeys(names) if name not in allowed]
    if unknown:
        raise UnknownParameter(
            f"unknown query parameter {', '.join(unknown)}; known here: {', '.join(sorted(allowed))}",
            [{"parameter": name, "detail": "not known here"} for name in unknown],
        )
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise _unfit(twice[0], "one value", f"{names.count(twice[0])} values")
    return dict(params)


def items_query(
    params: QueryParams, properties: Mapping[str, Mapping[str, Any]], max_limit: int
) -> ItemsQuery:
    """Return what a request for items asks of a collection with these properties.

    A limit above `max_limit` is lowered to it.

    Raises
    ------
    UnknownParameter, InvalidParameter
    """
    if not params:
        return ItemsQuery()
    queryable = queryables(properties)
    given = known(params, (*ITEM_PARAMETERS, *queryable))
    check_crs(given)
    return ItemsQuery(
        limit=parse_limit(params, max_limit),
        offset=parse_offset(params),
        bbox=parse_bbox(given["bbox"]) if "bbox" in given else None,
        datetime=parse_datetime(given["datetime"]) if "datetime" in given else None,
        run=given.get("run"),
        filters={name: _typed(name, given[name], queryable[name]) for name in queryable if name in given},
    )


def check_crs(given: Mapping[str, str]) -> None:
    """Refuse coordinates in anything but WGS 84 longitude and latitude."""
    for name in ("crs", "bbox-crs"):
        if name in given and given[name] != CRS84:
            raise _unfit(name, CRS84, repr(given[name]))


def queryables(properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the properties that can be asked for by equality: single values whose name is free."""
    return {
        name: schema
        for name, schema in properties.items()
        if schema.get("type") not in ("array", "object") and name not in ITEM_PARAMETERS
    }


def parse_limit(params: QueryParams, max_limit: int) -> int | None:
    """Return the limit, lowered to `max_limit`; None when it is not given."""
    return min(_integer("limit", params["limit"], least=1), max_limit) if "limit" in params else None


def parse_offset(params: QueryParams) -> int:
    """Return how many features to pass over."""
    return _integer("offset", params["offset"], least=0) if "offset" in params else 0


def parse_flag(name: str, text: str) -> bool:
    """Return a yes or no."""
    if text.lower() not in ("true", "false", "1", "0"):
        raise _unfit(name, "true or false", repr(text))
    return text.lower() in ("true", "1")


def parse_bbox(text: str) -> Bbox:
    """Return minx, miny, maxx, maxy of a bbox of 4 or 6 numbers; minx > maxx crosses the antimeridian.

    Examples
    --------
    >>> parse_bbox("177,65,-177,70")
    (177.0, 65.0, -177.0, 70.0)
    """
    needed = "4 or 6 numbers: minx,miny[,minz],maxx,maxy[,maxz] in degrees"
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as err:
        raise _unfit("bbox", needed, repr(text)) from err
    if len(numbers) not in (4, 6) or not all(map(math.isfinite, numbers)):
        raise _unfit("bbox", needed, repr(text))
    half = len(numbers) // 2
    (minx, miny), (maxx, maxy) = numbers[:2], numbers[half : half + 2]
    if miny > maxy:
        raise _unfit("bbox", "miny <= maxy", repr(text))
    if not (-180 <= minx <= 180 and -180 <= maxx <= 180 and miny >= -90 and maxy <= 90):
        raise _unfit("bbox", "longitudes within ±180 and latitudes within ±90", repr(text))
    return minx, miny, maxx, maxy


def _integer(name: str, text: str, *, least: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18 or not least <= int(text) <= _MAX_OFFSET:
        raise _unfit(name, f"a whole number from {least}", repr(text))
    return int(text)


def _typed(name: str, text: str, schema: Mapping[str, Any]) -> Any:
    """Return the value a filter compares with, of the property's type."""
    kind = schema.get("type", "string")
    try:
        if kind == "string" and schema.get("format") == "date-time":
            span = parse_datetime(text, name)
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=span.start or 0)
        if kind == "string" and schema.get("format") == "date":
            return date.fromisoformat(text)
        if kind == "boolean":
            # GDAL writes 1 and 0 where its users ask for true and false.
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        if kind == "integer":
            return _whole(text)
        if kind == "number":
            return float(text)
    except (ValueError, KeyError, OverflowError) as err:
        raise _unfit(name, f"a value of type {schema.get('format', kind)}", repr(text)) from err
    return text


def _whole(text: str) -> int:
    """Read an integer also where a client writes it as 3.0."""
    number = int(text) if text.lstrip("+-").isdigit() else float(text)
    if number != int(number) or abs(number) >= 2**63:
        raise ValueError(text)
    return int(number)


def _unfit(name: str, needed: str, came: str) -> InvalidParameter:
    return InvalidParameter(
        f"{name} needs {needed}, got {came}", [{"parameter": name, "detail": f"needs {needed}"}]
    )
