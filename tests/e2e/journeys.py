"""What a user does on the map page, and what she must then see: the same on any service.

Each function takes the page and the root of a service, learns from the API what is published there,
and holds the page to it.
"""

import base64
import json
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from playwright.sync_api import Page, expect


def published(base_url: str) -> list[str]:
    """Return the ids of the hotspots analyses of a service."""
    ids = [one["id"] for one in _get(f"{base_url}/collections?f=json")["collections"]]
    return [name for name in ids if f"{name}.cells" in ids]


def published_by(base_url: str, method: str) -> list[str]:
    """Return the ids of the analyses of a method: their own collections, not those beside them."""
    found = _get(f"{base_url}/collections?f=json")["collections"]
    ids = [one["id"] for one in found if one.get("method") == method]
    return [name for name in ids if name.rpartition(".")[0] not in ids]


def areas_of(base_url: str, analysis: str) -> list[dict[str, Any]]:
    """Return the areas of an analysis by rank (the first page of them)."""
    items = _get(f"{base_url}/collections/{quote(analysis)}/items?f=json&limit=1000")
    return sorted(items["features"], key=lambda area: area["properties"]["rank"])


def open_map(page: Page, base_url: str, address: str = "") -> None:
    """Open the page and wait until the findings are there and drawn."""
    page.goto(f"{base_url}/map{address}")
    page.wait_for_selector("html[data-state=ready]")
    wait_until_drawn(page)


def wait_until_drawn(page: Page) -> None:
    page.wait_for_selector("#map[data-drawn=true]")
    # One more frame, so that a movement just begun has said so.
    page.wait_for_timeout(150)
    page.wait_for_selector("#map[data-drawn=true]")


def colours_on_map(page: Page) -> dict[str, int]:
    """Return how many pixels of the map have each colour of the legend, by `gi_bin` (`null`: not tested)."""
    colours = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('.swatches li[data-bin]')].map((row) => [
             row.dataset.bin,
             getComputedStyle(row.querySelector('.swatch')).backgroundColor.match(/\\d+/g).map(Number)]))"""
    )
    return dict(zip(colours, _count_pixels(page, list(colours.values())), strict=True))


def line_pixels(page: Page) -> int:
    """Return how many pixels have the colour of the lines that are there for orientation."""
    colour = page.evaluate(
        """() => getComputedStyle(document.querySelector('.swatch.line'))
             .backgroundColor.match(/\\d+/g).map(Number)"""
    )
    return _count_pixels(page, [colour])[0]


def _count_pixels(page: Page, colours: list[list[int]]) -> list[int]:
    _show_legend(page, False)
    picture = page.locator("#map").screenshot()
    _show_legend(page, True)
    blank = page.context.new_page()
    try:
        return list(blank.evaluate(_COUNT_COLOURS, [base64.b64encode(picture).decode(), colours]))
    finally:
        blank.close()


def place_on_screen(page: Page, lng: float, lat: float) -> tuple[float, float]:
    """Return where a place is on the screen, from the view in the address (Web Mercator, 512-pixel tiles)."""
    x, y = page.evaluate(
        """([lng, lat]) => {
             const view = new URLSearchParams(location.hash.slice(1)).get('view');
             const [zoom, atLat, atLng] = view.split('/').map(Number);
             const mercator = (value) => Math.log(Math.tan(Math.PI / 4 + value * Math.PI / 360));
             const scale = 512 * 2 ** zoom;
             const box = document.querySelector('#map').getBoundingClientRect();
             return [box.x + box.width / 2 + (lng - atLng) / 360 * scale,
                     box.y + box.height / 2 - (mercator(lat) - mercator(atLat)) / (2 * Math.PI) * scale];
           }""",
        [lng, lat],
    )
    return x, y


def point_inside(area: dict[str, Any], cells: list[dict[str, Any]]) -> tuple[float, float]:
    """Return a place inside an area: the middle of its peak cell, which the area's id names."""
    peak = area["id"].split("-", 1)[1]
    (cell,) = [cell for cell in cells if cell["id"] == peak]
    corners = cell["geometry"]["coordinates"][0][:-1]
    return sum(lng for lng, _ in corners) / len(corners), sum(lat for _, lat in corners) / len(corners)


def cell_of(base_url: str, analysis: str, cell: str) -> dict[str, Any]:
    """Return one cell of an analysis, looked for page by page."""
    offset = 0
    while True:
        url = f"{base_url}/collections/{quote(analysis)}.cells/items?f=json&limit=10000&offset={offset}"
        features = _get(url)["features"]
        for feature in features:
            if feature["id"] == cell:
                return dict(feature)
        if not features:
            raise LookupError(cell)
        offset += len(features)


def detail_text(page: Page) -> str:
    """Return what the panel says about the selection."""
    detail = page.locator("#detail")
    expect(detail).to_be_visible()
    return detail.inner_text()


def _show_legend(page: Page, shown: bool) -> None:
    page.evaluate(
        "(value) => { document.querySelector('#legend').style.visibility = value }",
        "visible" if shown else "hidden",
    )


def _get(url: str) -> Any:
    with urlopen(url) as response:
        return json.load(response)


# A colour counts when every channel is within 3 of the legend's: drawing in software rounds.
_COUNT_COLOURS = """async ([picture, colours]) => {
  const image = new Image();
  image.src = 'data:image/png;base64,' + picture;
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.width, image.height];
  const drawing = canvas.getContext('2d');
  drawing.drawImage(image, 0, 0);
  const data = drawing.getImageData(0, 0, canvas.width, canvas.height).data;
  const counts = colours.map(() => 0);
  for (let at = 0; at < data.length; at += 4) {
    const near = (value, channel) => Math.abs(value - data[at + channel]) <= 3;
    const found = colours.findIndex((colour) => colour.every(near));
    if (found >= 0) counts[found] += 1;
  }
  return counts;
}"""
