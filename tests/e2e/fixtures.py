"""A made city on a few hundred cells, and a small service that answers for it.

What the map page is tested on before, and beside, the real service: every class, untested cells, pages,
problems, hostile text. Nothing here is drawn at random, so a test can name what it expects.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import h3

BUILT_PAGE = Path(__file__).parents[2] / "service" / "static" / "map"
CENTER = (33.42, -111.93)

# The strictest policy that the page works under; `data:` is for the pictures of MapLibre's buttons.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

Feature = dict[str, Any]


class City:
    """Areas and cells of one analysis: discs of hot cells (and cold ones) on an even ground."""

    def __init__(
        self, *, side: str = "hot", resolution: int = 8, radius: int = 10, name: str | None = None
    ) -> None:
        center = h3.latlng_to_cell(*CENTER, resolution)
        self.side = side
        self.study_area = sorted(h3.grid_disk(center, radius))
        ring = sorted(h3.grid_ring(center, round(radius * 0.6)))
        self.discs = {ring[0]: "hot", ring[len(ring) // 2]: "hot"}
        if side == "both":
            self.discs[ring[-1]] = "cold"
        self.edge = set(h3.grid_ring(center, radius))
        self.untested = set(sorted(self.edge)[:5])
        self.name = name
        self.resolution = resolution

    def cells(self) -> list[Feature]:
        bins = self._bins()
        return [self._cell(cell, bins.get(cell, 0)) for cell in self.study_area]

    def areas(self) -> list[Feature]:
        bins = self._bins()
        return [
            self._area(rank, peak, kind, [c for c in h3.grid_disk(peak, 2) if abs(bins.get(c, 0)) >= 2])
            for rank, (peak, kind) in enumerate(self.discs.items(), start=1)
        ]

    def _bins(self) -> dict[str, int]:
        found = {}
        for peak, kind in self.discs.items():
            for distance, strength in ((3, 1), (2, 2), (1, 3)):
                for cell in h3.grid_disk(peak, distance):
                    found[cell] = strength if kind == "hot" else -strength
        return found

    def _cell(self, cell: str, gi_bin: int) -> Feature:
        q = {0: 0.62, 1: 0.08, 2: 0.03, 3: 0.0004}[abs(gi_bin)]
        kind = ("hot" if gi_bin > 0 else "cold") if abs(gi_bin) >= 2 else "none"
        tested = cell not in self.untested
        p = q / 20
        properties = {
            "h3": cell,
            "count": max(0, 2 + 4 * gi_bin),
            "expected": 2.0,
            "rate": None,
            "relative_risk": None,
            "ring": 2 if tested else None,
            "neighbors": 19 if tested else None,
            "edge": cell in self.edge,
            "z": 1.7 * gi_bin if tested else None,
            "p_hot": (p if gi_bin >= 0 else 1 - p) if tested else None,
            "p_cold": (1 - p if gi_bin >= 0 else p) if tested else None,
            "p": p if tested else None,
            "q": q if tested else None,
            "gi_bin": gi_bin if tested else None,
            "class": kind if tested else "none",
            "p_method": "exact" if tested else None,
        }
        return {"type": "Feature", "id": cell, "geometry": _geometry([cell]), "properties": properties}

    def _area(self, rank: int, peak: str, kind: str, cells: list[str]) -> Feature:
        count, expected = (0, 38.0) if kind == "cold" else (230 - 40 * rank, 38.0)
        properties = {
            "rank": rank,
            "class": kind,
            "name": self.name if rank == 1 else None,
            "district": None,
            "n_cells": len(cells),
            "cells": sorted(cells),
            "area_km2": sum(h3.cell_area(cell, "km^2") for cell in cells),
            "count": count,
            "expected": expected,
            "excess": count - expected,
            "relative_risk": None,
            "peak_z": 5.1,
            "min_q": 0.0004,
            "share_of_count": 0.21,
            "share_of_area": len(cells) / len(self.study_area),
            "first_time": "2023-01-02T06:30:00Z",
            "last_time": "2025-12-29T21:10:00Z",
            "top_categories": [{"category": "overdose", "count": 41}, {"category": "fall", "count": 12}],
            "stability": None,
            "since": None,
            "previous": None,
        }
        return {
            "type": "Feature",
            "id": f"{kind}-{peak}",
            "geometry": _geometry(cells),
            "properties": properties,
        }


class FixtureService:
    """Answers `/collections` and items of the cities given to it, and serves the built page at `/map/`."""

    def __init__(self, cities: dict[str, City], *, page_size: int = 150) -> None:
        self.collections: dict[str, Callable[[], list[Feature]]] = {
            "incidents": list,
            "city-limits": lambda: [_limits()],
            "call-pairs": list,
        }
        self.sides = {}
        for name, city in cities.items():
            self.collections[name] = city.areas
            self.collections[f"{name}.cells"] = city.cells
            self.sides[name] = self.sides[f"{name}.cells"] = city.side
        self.page_size = page_size
        self.broken: tuple[int, dict[str, Any]] | None = None
        self.base_url = ""
        self._features: dict[str, list[Feature]] = {}

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        """Return status and body for a path below the root."""
        if self.broken is not None:
            return self.broken
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if parts == ["collections"]:
            return 200, {"links": [], "collections": [self._describe(name) for name in self.collections]}
        if len(parts) == 3 and parts[2] == "items" and parts[1] in self.collections:
            return 200, self._items(parts[1], query)
        return 404, {"title": "Not found", "detail": f"There is nothing at {path}.", "status": 404}

    def _describe(self, name: str) -> dict[str, Any]:
        is_table = name == "call-pairs"
        place = {"method": "near-repeat"} if is_table else {"extent": {"spatial": {"bbox": [[0, 0, 1, 1]]}}}
        return {
            "id": name,
            "title": name.replace("-", " ").capitalize(),
            "description": "Made for tests.",
            "links": [],
            **place,
        }

    def _items(self, name: str, query: dict[str, list[str]]) -> dict[str, Any]:
        if name not in self._features:
            self._features[name] = self.collections[name]()
        everything = self._features[name]
        offset = int(query.get("offset", ["0"])[0])
        limit = min(self.page_size, int(query.get("limit", ["10"])[0]))
        page = everything[offset : offset + limit]
        links = []
        if offset + limit < len(everything):
            # A host that does not exist: the page must stay on its own.
            query_text = f"f=json&limit={limit}&offset={offset + limit}"
            href = f"http://elsewhere.invalid/collections/{name}/items?{query_text}"
            links.append({"rel": "next", "href": href, "type": "application/geo+json"})
        return {
            "type": "FeatureCollection",
            "features": page,
            "links": links,
            "timeStamp": "2026-01-05T04:00:00Z",
            "numberMatched": len(everything),
            "numberReturned": len(page),
            "emberline": {
                "run": "a1b2c3",
                "method": "hotspots",
                "parameters": {
                    "alpha": 0.05,
                    "side": self.sides.get(name, "hot"),
                    "k": 2,
                    "population": None,
                },
                "layers": [
                    {"id": "incidents", "kind": "incidents", "title": "Incidents", "rows": 1000},
                    {"id": "city-limits", "kind": "boundary", "title": "City limits", "rows": 1},
                ],
                "diagnostics": {
                    "timezone": "America/Phoenix",
                    "warnings": [
                        "The map shows where incidents are, not where risk is.",
                        "No power for a relative risk of 2 at this mean.",
                    ],
                },
            },
        }


@contextmanager
def serving(service: FixtureService, *, root_path: str = "") -> Iterator[FixtureService]:
    """Serve on a free port of the loopback while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(service, root_path))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    service.base_url = f"http://127.0.0.1:{server.server_address[1]}{root_path}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler_of(service: FixtureService, root_path: str) -> type[SimpleHTTPRequestHandler]:
    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, directory=str(BUILT_PAGE), **kwargs)

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            path = address.path.removeprefix(root_path)
            if path == "/map":
                self.send_response(307)
                self.send_header(
                    "Location", f"{root_path}/map/" + (f"?{address.query}" if address.query else "")
                )
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif path.startswith("/map/"):
                self.path = path.removeprefix("/map")
                super().do_GET()
            else:
                self._send(*service.answer(path, parse_qs(address.query)))

        def _send(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            media_type = "application/json" if status < 400 else "application/problem+json"
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
            super().end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def _limits() -> Feature:
    lat, lng = CENTER
    west, south, east, north = lng - 0.12, lat - 0.1, lng + 0.12, lat + 0.1
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "id": "1", "geometry": geometry, "properties": {"name": "City"}}


def _geometry(cells: list[str]) -> dict[str, Any]:
    return dict(h3.cells_to_h3shape(cells).__geo_interface__)
