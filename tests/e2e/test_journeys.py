"""What must hold on any service: learnt from its API, then held against the page.

Run against made collections and against the demo as a user starts it, or against the running service that
`EMBERLINE_E2E_URL` names.
"""

import os
import re
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import expect

from tests.e2e import journeys
from tests.e2e.conftest import Watched
from tests.e2e.demo import running_demo

pytestmark = pytest.mark.e2e


GIVEN = os.environ.get("EMBERLINE_E2E_URL")


@pytest.fixture(scope="session")
def demo_url(built_page: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if GIVEN:
        yield GIVEN.rstrip("/")
        return
    with running_demo(tmp_path_factory.mktemp("demo")) as address:
        yield address


TOLD = {
    "emerging": r"incidents here in all periods",
    "corridors": r"crashes where [\d,.]+ would be expected; p",
    "surveillance": r"Alarm: had nothing changed",
    "gaps": r"of [\d,.]+ locations are unserved",
    "priority": r"What adds up: ",
}


@pytest.mark.parametrize("method", TOLD)
def test_the_first_place_of_every_method_is_told_and_coloured(
    watched: Watched, demo_url: str, method: str
) -> None:
    page = watched.page
    analyses = journeys.published_by(demo_url, method)
    assert analyses
    for analysis in analyses:
        journeys.open_map(page, demo_url, f"#collection={quote(analysis)}")
        assert sum(journeys.colours_on_map(page).get(row, 0) for row in ("2", "3")) > 100, analysis
        page.locator("#hotspots button").first.focus()
        page.keyboard.press("Enter")
        journeys.wait_until_drawn(page)
        expect(page.locator("#detail")).to_contain_text(re.compile(TOLD[method]))
    assert page.url.startswith(demo_url)
    assert watched.hosts() == {urlsplit(demo_url).netloc}
    assert watched.console_errors == []


@pytest.fixture(params=["given"] if GIVEN else ["made", "demo"])
def base_url(request: pytest.FixtureRequest) -> str:
    if GIVEN:
        return GIVEN.rstrip("/")
    if request.param == "demo":
        return str(request.getfixturevalue("demo_url"))
    return str(request.getfixturevalue("service").base_url)


def test_every_published_analysis_opens_in_colour(watched: Watched, base_url: str) -> None:
    analyses = journeys.published(base_url)
    assert analyses, "the service has published no hotspots analysis"
    for analysis in analyses:
        journeys.open_map(watched.page, base_url, f"#collection={quote(analysis)}")
        watched.page.reload()
        watched.page.wait_for_selector("html[data-state=ready]")
        journeys.wait_until_drawn(watched.page)
        pixels = journeys.colours_on_map(watched.page)
        assert sum(pixels.values()) > 1000, analysis
        if journeys.areas_of(base_url, analysis):
            assert sum(pixels.get(row, 0) for row in ("-3", "-2", "2", "3")) > 10, analysis
    assert watched.hosts() == {urlsplit(base_url).netloc}
    assert watched.console_errors == []


def test_first_area_is_told_from_the_list_and_from_the_map(watched: Watched, base_url: str) -> None:
    page = watched.page
    analysis = next(name for name in journeys.published(base_url) if journeys.areas_of(base_url, name))
    area = journeys.areas_of(base_url, analysis)[0]
    peak = journeys.cell_of(base_url, analysis, area["id"].split("-", 1)[1])
    journeys.open_map(page, base_url, f"#collection={quote(analysis)}")
    page.locator("#hotspots button").first.focus()
    page.keyboard.press("Enter")
    journeys.wait_until_drawn(page)
    counted = re.compile(rf"^{area['properties']['count']:,} incidents? here, where about ")
    expect(page.locator("#detail .lead").first).to_have_text(counted)
    page.get_by_role("button", name="Clear selection").click()
    expect(page.locator("#detail")).to_be_hidden()
    page.mouse.click(*journeys.place_on_screen(page, *journeys.point_inside(area, [peak])))
    expect(page.locator("#detail .lead").first).to_have_text(counted)
    expect(page.locator("#detail")).to_contain_text(f"Cell {peak['id']}")
    assert watched.console_errors == []
