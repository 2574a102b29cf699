"""Absolute links, from the request's own base or the configured public one."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode

from starlette.requests import Request

from service.query import CREDENTIAL_PARAMETERS

Link = dict[str, str]

JSON = "application/json"
GEOJSON = "application/geo+json"
HTML = "text/html"
SCHEMA = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"

REL_CONFORMANCE = "http://www.opengis.net/def/rel/ogc/1.0/conformance"
REL_DATA = "http://www.opengis.net/def/rel/ogc/1.0/data"
REL_PROCESSES = "http://www.opengis.net/def/rel/ogc/1.0/processes"
REL_EXECUTE = "http://www.opengis.net/def/rel/ogc/1.0/execute"
REL_QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
REL_SCHEMA = "http://www.opengis.net/def/rel/ogc/1.0/schema"


def base_url(request: Request) -> str:
    """Return the address of the landing page, without a slash at its end."""
    public: str | None = request.app.state.context.settings.public_url
    return public or str(request.base_url).rstrip("/")


def link(href: str, rel: str, type_: str, title: str = "") -> Link:
    """Return a link object."""
    return {"href": href, "rel": rel, "type": type_} | ({"title": title} if title else {})


def path_to(base: str, *parts: str) -> str:
    """Return the address below the base, every part quoted.

    Examples
    --------
    >>> path_to("http://x", "collections", "a b", "items")
    'http://x/collections/a%20b/items'
    """
    return "/".join([base, *(quote(part, safe="") for part in parts)])


def with_query(href: str, query: Iterable[tuple[str, str]] | Mapping[str, str]) -> str:
    """Return the address with a query, credentials left out: links get passed on."""
    pairs = query.items() if isinstance(query, Mapping) else query
    kept = [(name, value) for name, value in pairs if name not in CREDENTIAL_PARAMETERS]
    text = urlencode(kept, safe=":/,.") if kept else ""
    return f"{href}?{text}" if text else href


def self_and_alternates(
    href: str, query: Mapping[str, str], chosen: str, offered: Mapping[str, str]
) -> list[Link]:
    """Return `self` for the chosen format and `alternate` for the others; `offered` is f → media type."""
    links = [link(with_query(href, query), "self", offered[chosen], "This document")]
    others = with_query(href, {name: value for name, value in query.items() if name != "f"})
    others += "&f=" if "?" in others else "?f="
    for name, media_type in offered.items():
        if name != chosen:
            links.append(link(others + name, "alternate", media_type, f"This document as {name}"))
    return links


def header(links: Iterable[Link]) -> str:
    """Return the links as the value of a `Link` header (RFC 8288)."""
    return ", ".join(f'<{one["href"]}>; rel="{one["rel"]}"; type="{one["type"]}"' for one in links)
