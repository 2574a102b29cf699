"""The map page in a real browser, on the made city."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from tests.e2e import journeys
from tests.e2e.conftest import Watched
from tests.e2e.fixtures import City, FixtureService, serving

pytestmark = pytest.mark.e2e

EVERY_ROW = {"-3", "-2", "-1", "0", "1", "2", "3", "null"}


def test_page_draws_every_class_and_asks_no_other_host(watched: Watched, base_url: str) -> None:
    journeys.open_map(watched.page, base_url, "#collection=ems-hotspots")
    pixels = journeys.colours_on_map(watched.page)
    assert {row for row, count in pixels.items() if count > 150} == EVERY_ROW
    assert watched.hosts() == {urlsplit(base_url).netloc}
    assert watched.console_errors == []


def test_page_reads_every_page_of_the_cells(watched: Watched, base_url: str) -> None:
    journeys.open_map(watched.page, base_url)
    asked = [url for url in watched.requests if "crash-hotspots.cells/items" in url]
    assert len(asked) == 3
    expect(watched.page.locator("#legend")).to_contain_text("No clear difference (288 cells)")


def test_boundary_that_took_part_is_drawn_for_orientation(watched: Watched, base_url: str) -> None:
    journeys.open_map(watched.page, base_url)
    expect(watched.page.locator("#legend [data-line=boundary]")).to_have_text("City limits")
    journeys.wait_until_drawn(watched.page)
    assert journeys.line_pixels(watched.page) > 100


def test_origin_of_the_numbers_can_be_read(watched: Watched, base_url: str) -> None:
    journeys.open_map(watched.page, base_url)
    watched.page.get_by_text("How this was made").click()
    expect(watched.page.locator("#overview dl")).to_contain_text("alpha0.05")
    expect(watched.page.locator("#overview dl")).to_contain_text("boundaryCity limits")


def test_first_analysis_is_chosen_and_summed_up(watched: Watched, base_url: str) -> None:
    journeys.open_map(watched.page, base_url)
    overview = watched.page.locator("#overview")
    expect(watched.page.get_by_label("Analysis", exact=True)).to_have_value(journeys.published(base_url)[0])
    expect(overview).to_contain_text("2 hot spots found. The hot spots hold 42 % of all incidents on")
    expect(overview).to_contain_text("Data as of Jan 4, 2026, 21:00 (America/Phoenix)")
    expect(overview).to_contain_text("The map shows where incidents are, not where risk is.")
    assert overview.inner_text().count("not where risk is") == 1


def test_layer_without_cells_is_not_offered(watched: Watched, base_url: str) -> None:
    journeys.open_map(watched.page, base_url)
    options = watched.page.locator("#analysis option").all_inner_texts()
    assert options == ["Crash hotspots", "Ems hotspots"]


def test_click_on_an_area_tells_about_it_and_the_cell(watched: Watched, base_url: str) -> None:
    journeys.open_map(watched.page, base_url)
    area = journeys.areas_of(base_url, "crash-hotspots")[0]
    peak = journeys.cell_of(base_url, "crash-hotspots", area["id"].split("-", 1)[1])
    watched.page.mouse.click(*journeys.place_on_screen(watched.page, *journeys.point_inside(area, [peak])))
    text = journeys.detail_text(watched.page)
    assert "Main St and 3rd Ave" in text
    assert "190 incidents here, where about 38 would be expected if incidents were spread evenly" in text
    assert "fewer than 1 in 1,000 are expected to be false alarms" in text
    assert f"Cell {peak['id']}" in text
    assert "14 incidents in this cell, where about 2 would be expected" in text
    assert f"area={area['id']}" in watched.page.url


def test_click_beside_everything_clears_the_selection(watched: Watched, base_url: str) -> None:
    area = journeys.areas_of(base_url, "crash-hotspots")[0]
    journeys.open_map(watched.page, base_url, f"#collection=crash-hotspots&area={area['id']}")
    expect(watched.page.locator("#detail")).to_be_visible()
    watched.page.mouse.click(430, 120)
    expect(watched.page.locator("#detail")).to_be_hidden()


def test_areas_are_reached_by_keyboard_and_zoomed_to(watched: Watched, base_url: str) -> None:
    page = watched.page
    journeys.open_map(page, base_url)
    before = page.url
    page.locator("#hotspots").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    journeys.wait_until_drawn(page)
    second = journeys.areas_of(base_url, "crash-hotspots")[1]
    expect(page.locator("#detail h2")).to_have_text("Hot spot 2")
    expect(page.locator("[aria-pressed=true]")).to_be_focused()
    assert f"area={second['id']}" in page.url
    assert page.url.split("view=")[1] != before.split("view=")[1]


def test_cell_under_the_cross_is_selected_by_enter(watched: Watched, base_url: str) -> None:
    page = watched.page
    journeys.open_map(page, base_url)
    page.locator("#map canvas").focus()
    page.keyboard.press("+")
    journeys.wait_until_drawn(page)
    expect(page.locator(".crosshair")).to_be_visible()
    page.keyboard.press("Enter")
    assert "2 incidents in this cell" in journeys.detail_text(page)
    assert "It does not show that nothing is here." in journeys.detail_text(page)
    first = page.locator("#detail .over").inner_text()
    page.keyboard.press("ArrowRight")
    journeys.wait_until_drawn(page)
    page.keyboard.press("Enter")
    expect(page.locator("#detail .over")).not_to_have_text(first)
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()


def test_filters_take_cells_and_areas_away(watched: Watched, base_url: str) -> None:
    page = watched.page
    journeys.open_map(page, base_url, "#collection=ems-hotspots")
    page.get_by_label("Hot spots (").uncheck()
    journeys.wait_until_drawn(page)
    pixels = journeys.colours_on_map(page)
    assert pixels["3"] < 20
    assert pixels["-3"] > 150
    expect(page.locator("#hotspots li")).to_have_count(1)
    page.get_by_label("Cells", exact=True).uncheck()
    journeys.wait_until_drawn(page)
    pixels = journeys.colours_on_map(page)
    assert max(pixels[row] for row in EVERY_ROW - {"0", "null"}) < 20
    assert "hide=hot" in page.url
    assert "layers=areas" in page.url


def test_link_restores_analysis_view_and_selection(watched: Watched, base_url: str) -> None:
    area = journeys.areas_of(base_url, "ems-hotspots")[2]
    address = f"#collection=ems-hotspots&view=12.50/33.40000/-111.90000&area={area['id']}&hide=none"
    journeys.open_map(watched.page, base_url, address)
    expect(watched.page.locator("#detail h2")).to_have_text("Cold spot 3")
    expect(watched.page.get_by_label("No clear difference (")).not_to_be_checked()
    assert watched.page.url.endswith(address)


def test_other_analysis_is_opened_from_the_list(watched: Watched, base_url: str) -> None:
    journeys.open_map(watched.page, base_url)
    watched.page.get_by_label("Analysis", exact=True).select_option("ems-hotspots")
    expect(watched.page.locator("#overview")).to_contain_text("2 hot spots and 1 cold spot found")
    assert watched.console_errors == []


def test_unknown_analysis_is_named_and_the_first_shown(watched: Watched, base_url: str) -> None:
    journeys.open_map(watched.page, base_url, "?collection=nowhere")
    expect(watched.page.locator("#status")).to_contain_text(
        "There is no analysis “nowhere”; this is “Crash hotspots”."
    )


def test_the_page_is_ready_when_the_findings_are_on_the_screen(watched: Watched, base_url: str) -> None:
    for analysis in ("crash-hotspots", "ems-hotspots"):
        watched.page.goto("about:blank")
        watched.page.goto(f"{base_url}/map#collection={analysis}")
        watched.page.wait_for_selector("html[data-state=ready]")
        pixels = journeys.colours_on_map(watched.page)
        assert sum(pixels.values()) > 10_000
        assert pixels["3"] > 150


def test_a_table_is_told_and_no_other_analysis_opened_for_it(watched: Watched, base_url: str) -> None:
    page = watched.page
    page.goto(f"{base_url}/map?collection=call-pairs")
    expect(page.locator("#status")).to_contain_text("“Call pairs” has no map.")
    expect(page.locator("#status")).to_contain_text("It is a table")
    href = f"{base_url}/collections/call-pairs/items?f=html"
    expect(page.get_by_role("link", name="Read its rows")).to_have_attribute("href", href)
    expect(page.locator("#overview")).to_be_hidden()
    assert not [url for url in watched.requests if "/items" in url]
    page.get_by_label("Analysis", exact=True).select_option("ems-hotspots")
    expect(page.locator("#overview")).to_contain_text("2 hot spots and 1 cold spot found")
    page.wait_for_selector("html[data-state=ready]")
    page.evaluate("location.hash = '#collection=incidents'")
    expect(page.locator("#status")).to_contain_text("“Incidents” has no map.It is data")
    expect(page.locator("#hotspots")).to_be_hidden()
    assert watched.console_errors == []


def test_the_cells_of_an_analysis_open_it(watched: Watched, base_url: str) -> None:
    journeys.open_map(watched.page, base_url, "?collection=ems-hotspots.cells")
    expect(watched.page.get_by_label("Analysis", exact=True)).to_have_value("ems-hotspots")
    expect(watched.page.locator("#status")).to_be_empty()


@pytest.mark.parametrize("width", [360, 1920])
def test_nothing_is_cut_off_at_width(watched: Watched, base_url: str, width: int) -> None:
    page = watched.page
    page.set_viewport_size({"width": width, "height": 740 if width < 500 else 1080})
    journeys.open_map(page, base_url)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(
        "document.querySelector('.side').scrollWidth <= document.querySelector('.side').clientWidth"
    )
    page.locator("#hotspots button").first.click()
    expect(page.locator("#detail h2")).to_be_in_viewport()
    expect(page.locator("#map canvas")).to_be_in_viewport(ratio=0.99)


def test_problem_is_shown_in_the_words_of_the_service_and_can_be_retried(
    watched: Watched, service: FixtureService
) -> None:
    page = watched.page
    service.broken = (
        503,
        {"title": "Store unavailable", "detail": "Another process holds the store.", "status": 503},
    )
    try:
        page.goto(f"{service.base_url}/map")
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("Store unavailable")
        expect(alert).to_contain_text("Another process holds the store.")
    finally:
        service.broken = None
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector("html[data-state=ready]")
    expect(page.get_by_role("alert")).to_be_empty()


def test_lost_connection_is_said(watched: Watched, base_url: str) -> None:
    watched.page.route("**/collections/**", lambda route: route.abort())
    watched.page.goto(f"{base_url}/map")
    expect(watched.page.get_by_role("alert")).to_contain_text("The service cannot be reached.")


def test_loading_shows_how_far_it_is(watched: Watched, base_url: str) -> None:
    held: list[Route] = []
    watched.page.route("**/items?*offset=300*", lambda route: held.append(route))
    watched.page.goto(f"{base_url}/map")
    expect(watched.page.locator("#status")).to_contain_text("Loading: 302 of 333 areas and cells")
    expect(watched.page.locator("#status progress")).to_have_attribute("max", "333")
    held[0].continue_()
    watched.page.wait_for_selector("html[data-state=ready]")


def test_service_without_analyses_says_how_to_publish_one(watched: Watched, built_page: None) -> None:
    with serving(FixtureService({})) as bare:
        watched.page.goto(f"{bare.base_url}/map")
        expect(watched.page.locator("#status")).to_contain_text("No analysis published yet.")
        expect(watched.page.locator("#status")).to_contain_text("emberline publish")
        assert watched.console_errors == []


def test_page_works_below_a_root_path(watched: Watched, built_page: None) -> None:
    with serving(FixtureService({"a": City()}), root_path="/gis/city") as placed:
        journeys.open_map(watched.page, placed.base_url)
        assert all(
            "/gis/city/" in url or url.endswith("/gis/city/map") for url in watched.requests if "127" in url
        )
        assert watched.console_errors == []


def test_text_from_data_never_becomes_markup(watched: Watched, built_page: None) -> None:
    name = "<img src=x onerror=\"document.body.dataset.owned='1'\"><b>bold</b>"
    with serving(FixtureService({"<i>a</i>": City(name=name)})) as hostile:
        journeys.open_map(watched.page, hostile.base_url)
        watched.page.locator("#hotspots button").first.click()
        expect(watched.page.locator("#detail h2")).to_have_text(name)
        assert watched.page.locator(".side img, .side b, .side i").count() == 0
        assert watched.page.evaluate("document.body.dataset.owned") is None


def test_twenty_thousand_cells_are_drawn(watched: Watched, built_page: None) -> None:
    with serving(FixtureService({"large": City(resolution=10, radius=81)}, page_size=10_000)) as large:
        journeys.open_map(watched.page, large.base_url)
        expect(watched.page.locator("#legend")).to_contain_text("cells")
        pixels = journeys.colours_on_map(watched.page)
        assert pixels["0"] > 20_000
        assert watched.console_errors == []


def test_dark_scheme_has_its_own_colours(context: BrowserContext, watched: Watched, base_url: str) -> None:
    journeys.open_map(watched.page, base_url, "#collection=ems-hotspots")
    watched.page.emulate_media(color_scheme="dark")
    journeys.wait_until_drawn(watched.page)
    pixels = journeys.colours_on_map(watched.page)
    assert {row for row, count in pixels.items() if count > 150} == EVERY_ROW
