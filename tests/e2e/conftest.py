"""A browser that notes whatever a page may not do, and the fixture service behind it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.e2e.fixtures import BUILT_PAGE, City, FixtureService, serving
from tests.requirements import missing, need_tool

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Watched:
    """A page and what went wrong on it."""

    page: Page
    console_errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def hosts(self) -> set[str]:
        """Hosts that were asked for anything; addresses inside the browser (data:, blob:) have none."""
        return {urlsplit(url).netloc for url in self.requests} - {""}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, drawing in software."""
    path = os.environ.get("EMBERLINE_CHROMIUM") or need_tool("chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=path, args=FLAGS, ignore_default_args=["--headless"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def built_page() -> None:
    """Need the page to be built."""
    if not (BUILT_PAGE / "index.html").exists():
        missing("the map page is not built: run `make setup`")


@pytest.fixture(scope="session")
def service(built_page: None) -> Iterator[FixtureService]:
    """A service with one analysis of hot spots and one of both sides."""
    cities = {
        "crash-hotspots": City(name="Main St and 3rd Ave"),
        "ems-hotspots": City(side="both"),
    }
    with serving(FixtureService(cities)) as running:
        yield running


@pytest.fixture
def base_url(service: FixtureService) -> str:
    """Return the root of the service under test. A module may put another service here."""
    return service.base_url


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(
        viewport={"width": 1280, "height": 800}, reduced_motion="reduce", color_scheme="light"
    )
    made.set_default_timeout(20_000)
    yield made
    made.close()


@pytest.fixture
def watched(context: BrowserContext) -> Watched:
    """A fresh page under watch."""
    return watch(context.new_page())


def watch(page: Page) -> Watched:
    """Note console errors, uncaught errors and every request of a page."""
    watched = Watched(page)
    page.on("console", lambda message: _note(watched, message.type, message.text))
    page.on("pageerror", lambda error: watched.console_errors.append(str(error)))
    page.on("request", lambda request: watched.requests.append(request.url))
    return watched


def _note(watched: Watched, kind: str, text: str) -> None:
    # Chromium warns of slow read-back when a screenshot is taken of a canvas drawn in software.
    if kind in {"error", "warning"} and "GPU stall due to ReadPixels" not in text:
        watched.console_errors.append(f"{kind}: {text}")
