"""Plain pages for people who open an address of the API in a browser. Every text is escaped here.

One inline stylesheet, no script, no request to anywhere else.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from html import escape
from typing import Any

import orjson

from service.links import Link

_STYLE = """
:root{color-scheme:light dark;--ink:#1d1b18;--paper:#fff;--line:#d9d4cc;--accent:#a8320b}
@media(prefers-color-scheme:dark){:root{--ink:#eee9e2;--paper:#171513;--line:#443e37;--accent:#ff9a6b}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
body{margin:0 auto;max-width:72rem;padding:1rem}
a{color:var(--accent)}a:focus-visible{outline:3px solid var(--accent)}
h1{font-size:1.6rem;margin:.5rem 0}h2{font-size:1.2rem;margin:1.5rem 0 .5rem}
nav ol{display:flex;flex-wrap:wrap;gap:.5rem;list-style:none;padding:0;margin:0}
nav li+li::before{content:"/ "}
.scroll{overflow-x:auto}table{border-collapse:collapse}
th,td{border:1px solid var(--line);padding:.25rem .5rem;text-align:left;vertical-align:top}
td.number{text-align:right;font-variant-numeric:tabular-nums}dt{font-weight:600}dd{margin:0 0 .5rem 1rem}
pre{overflow-x:auto;border:1px solid var(--line);padding:.5rem}
""".strip()

_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()

#: What a page of this module may load: its own stylesheet, nothing else.
PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)

PAGE_HEADERS = {"Content-Security-Policy": PAGE_POLICY, "X-Content-Type-Options": "nosniff"}

Crumbs = Sequence[tuple[str, str]]


class Markup(str):
    """Text that is HTML already."""


def page(title: str, crumbs: Crumbs, *parts: str) -> bytes:
    """Return a whole page; `crumbs` are (name, address) from the landing page on."""
    trail = "".join(f'<li><a href="{escape(href)}">{escape(name)}</a></li>' for name, href in crumbs)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f'<body><nav aria-label="Where you are"><ol>{trail}</ol></nav>'
        f"<main><h1>{escape(title)}</h1>{''.join(parts)}</main></body></html>"
    ).encode()


def paragraph(text: str) -> Markup:
    """Return a paragraph, nothing for an empty text."""
    return Markup(f"<p>{escape(text)}</p>" if text else "")


def heading(text: str) -> Markup:
    """Return a second-level heading."""
    return Markup(f"<h2>{escape(text)}</h2>")


def anchor(text: str, href: str) -> Markup:
    """Return a link."""
    return Markup(f'<a href="{escape(href)}">{escape(text)}</a>')


def items(texts: Iterable[str]) -> Markup:
    """Return sentences as a list, nothing for none."""
    rows = "".join(f"<li>{cell(text)}</li>" for text in texts)
    return Markup(f"<ul>{rows}</ul>" if rows else "")


def definitions(values: Mapping[str, Any]) -> Markup:
    """Return names with their values."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{cell(value)}</dd>" for name, value in values.items())
    return Markup(f"<dl>{rows}</dl>")


def table(caption: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Markup:
    """Return a table with a caption and column headings."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(f"<tr>{''.join(_td(value) for value in row)}</tr>" for row in rows)
    return Markup(
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def link_list(links: Iterable[Link]) -> Markup:
    """Return links as a list, named by their title, else their relation."""
    items = "".join(
        f"<li>{anchor(one.get('title') or one['rel'], one['href'])} <small>{escape(one['type'])}</small></li>"
        for one in links
    )
    return Markup(f"<ul>{items}</ul>")


def json_block(value: Any) -> Markup:
    """Return a value as indented JSON."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return Markup(f'<pre tabindex="0">{escape(text)}</pre>')


def cell(value: Any) -> str:
    """Return a value as people read it."""
    if isinstance(value, Markup):
        return value
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return escape(f"{value:.6g}")
    if isinstance(value, list | dict):
        return escape(orjson.dumps(value).decode())
    return escape(str(value))


def _td(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f'<td class="number">{cell(value)}</td>' if is_number else f"<td>{cell(value)}</td>"
