"""Corridors on the map page in a real browser: lines that can be seen, picked, told, filtered."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e import journeys
from tests.e2e.conftest import Watched
from tests.e2e.fixtures import serving
from tests.e2e.streets import ANALYSIS, FIRST, LAST, ROW, StreetService, place

pytestmark = pytest.mark.e2e

HERE = f"#collection={ANALYSIS}"


@pytest.fixture(scope="module")
def base_url(built_page: None) -> Iterator[str]:
    with serving(StreetService()) as running:
        yield running.base_url


def test_corridors_are_listed_summed_up_and_drawn_over_their_streets(watched: Watched, base_url: str) -> None:
    page = watched.page
    journeys.open_map(page, base_url, HERE)
    expect(page.locator("#overview")).to_contain_text("1 corridor that chance does not explain")
    expect(page.locator("#hotspots button")).to_have_text(
        "1Rural Road2.1 km · 34 crashes · 14 expected · p = 0.002"
    )
    expect(page.locator(".on-map .badge")).to_have_text("1")
    pixels = journeys.colours_on_map(page)
    assert all(pixels[row] > 100 for row in ("0", "1", "2", "3")), pixels
    options = page.locator("#analysis option").all_inner_texts()
    assert options == ["Crash hotspots", "Town corridors"]
    assert watched.console_errors == []


def test_click_on_a_corridor_tells_about_it_and_the_piece(watched: Watched, base_url: str) -> None:
    page = watched.page
    journeys.open_map(page, base_url, HERE)
    x, y = journeys.place_on_screen(page, *place(ROW, FIRST + 1.5))
    # Beside the line by a few pixels, as a hand does.
    page.mouse.click(x, y + 4)
    text = journeys.detail_text(page)
    assert "2.1 km of Rural Road: 34 crashes where 14 would be expected; p = .002." in text
    assert "It runs from E 3rd St to E 8th St." in text
    assert "Piece of street · in corridor 1" in text
    assert "7 crashes on these 180 m, where its kind and traffic predict 2.8." in text
    assert f"area=c0ffee&cell=e{ROW}-{FIRST + 1}" in page.url
    expect(page.locator(".on-map.selected .badge")).to_have_text("1")
    page.mouse.click(*journeys.place_on_screen(page, *place(ROW + 0.5, FIRST + 0.5)))
    expect(page.locator("#detail")).to_be_hidden()
    assert watched.console_errors == []


def test_a_street_beside_the_corridor_is_told_by_itself(watched: Watched, base_url: str) -> None:
    page = watched.page
    journeys.open_map(page, base_url, HERE)
    page.mouse.click(*journeys.place_on_screen(page, *place(2, 7.5)))
    text = journeys.detail_text(page)
    assert "An unnamed street (primary)" in text
    assert "A single piece is not tested" in text
    assert "corridor 1" not in text


def test_corridors_and_streets_can_be_taken_away(watched: Watched, base_url: str) -> None:
    page = watched.page
    journeys.open_map(page, base_url, HERE)
    page.get_by_label("Streets", exact=True).uncheck()
    journeys.wait_until_drawn(page)
    pixels = journeys.colours_on_map(page)
    assert sum(pixels[row] for row in ("1", "2")) == 0, pixels
    page.mouse.click(*journeys.place_on_screen(page, *place(ROW, LAST - 0.5)))
    expect(page.locator("#detail .over")).to_have_text(["Corridor 1"])
    page.get_by_label("Corridors", exact=True).uncheck()
    journeys.wait_until_drawn(page)
    expect(page.locator(".on-map")).to_be_hidden()
    page.mouse.click(*journeys.place_on_screen(page, *place(ROW, LAST - 0.5)))
    expect(page.locator("#detail")).to_be_hidden()
    assert watched.console_errors == []


def test_a_link_to_the_streets_opens_the_corridors(watched: Watched, base_url: str) -> None:
    journeys.open_map(watched.page, base_url, f"{HERE}.segments&area=c0ffee")
    expect(watched.page.locator("#detail h2")).to_have_text("Rural Road")
