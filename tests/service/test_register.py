"""The register of methods: complete for every method, true to the code and the pages, readable as HTML."""

import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.methods import METHODS, method_descriptions
from service.register.entries import ENTRIES
from service.register.entry import Entry
from tests.service.made import client_of, filled_store

ROOT = Path(__file__).parent.parent.parent
NAMES = sorted(METHODS)
LISTS = (
    "methods_and_models",
    "assumptions",
    "known_limitations",
    "when_not_to_use",
    "references",
    "source_code",
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("register")
    filled_store(folder / "store.duckdb", folder).close()
    with client_of(folder / "store.duckdb") as opened:
        analysis = {"id": "hot", "method": "hotspots", "inputs": {"layer": "calls"}}
        assert opened.post("/analyses", json=analysis).status_code == 201
        yield opened


class Outline(HTMLParser):
    """Headings, links, captions and column heads of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.lang: str | None = None
        self.headings: list[int] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)
        if tag == "html":
            self.lang = given.get("lang")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "a":
            self.links.append(given.get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_method_has_an_entry_and_every_entry_a_method() -> None:
    assert sorted(ENTRIES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_is_complete(name: str) -> None:
    entry = ENTRIES[name]
    optional = {"performance", "learns_from_data"}
    empty = [one.name for one in fields(Entry) if one.name not in optional and not getattr(entry, one.name)]
    assert empty == []
    assert all(isinstance(getattr(entry, part), tuple) for part in LISTS)
    assert len(entry.description_short) <= 150
    assert date.fromisoformat(entry.last_review) >= date(2026, 11, 1)


@pytest.mark.parametrize("name", NAMES)
def test_figures_stand_on_the_page_that_is_named(name: str) -> None:
    for measured in ENTRIES[name].performance:
        page = (ROOT / measured.page).read_text(encoding="utf-8")
        missing = [row for row in measured.rows if row not in page]
        assert missing == [], f"{measured.page} was made anew: read `{measured.statement}` of {name} again"
        assert measured.rows
        module = measured.command.split()[2]
        assert (ROOT / (module.replace(".", "/") + ".py")).exists()


@pytest.mark.parametrize("name", NAMES)
def test_source_code_and_pages_are_there(name: str) -> None:
    assert [path for path in ENTRIES[name].source_code if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_sentences_end_and_are_short(name: str) -> None:
    entry = ENTRIES[name]
    texts = [entry.goal, entry.impact, entry.human_intervention, *entry.known_limitations]
    for sentence in [one for text in texts for one in re.split(r"(?<=[.:;]) ", text)]:
        assert len(sentence.split()) <= 45, sentence
    assert all(text.endswith(".") for text in texts)


def test_methods_that_test_nothing_say_so_and_others_name_their_correction() -> None:
    for name, entry in ENTRIES.items():
        words = ("Nothing is tested", "Benjamini-Hochberg", "family-wise", "calls nothing")
        assert any(word in entry.multiple_testing for word in words), name


@pytest.mark.parametrize("name", NAMES)
def test_the_data_sources_are_those_of_the_inputs(name: str) -> None:
    (told,) = [one["register"]["data_sources"] for one in method_descriptions() if one["id"] == name]
    schema = METHODS[name].inputs
    assert {one["input"] for one in told} == {*schema.LAYER_KINDS, *schema.ANALYSIS_FIELDS}
    assert all(one["kinds"] and one["description"] for one in told)


@pytest.mark.parametrize("name", NAMES)
def test_json_has_the_fields_of_registers_and_links_that_resolve(client: TestClient, name: str) -> None:
    told = client.get(f"/methods/{name}").json()
    wanted = {
        *("id", "title", "version", "description", "description_short", "goal", "impact", "parameters"),
        *("methods_and_models", "assumptions", "known_limitations", "when_not_to_use", "multiple_testing"),
        *("source_data", "data_sources", "performance", "human_intervention", "human_in_the_loop"),
        *("non_discrimination", "risk_management", "monitoring", "references", "source_code", "last_review"),
        *("automated_decisions", "learns_from_data", "completed_by_operator", "links"),
    }
    assert wanted <= set(told)
    assert told["automated_decisions"] is False
    assert set(told["parameters"]) == set(METHODS[name].inputs.model_fields)
    assert all("rows" not in one for one in told["performance"])
    hrefs = [one["href"] for one in told["links"]]
    assert [href for href in hrefs if client.get(href).status_code != 200] == []


def test_the_list_holds_every_method_whole(client: TestClient) -> None:
    listed = client.get("/methods").json()["methods"]
    assert [one["id"] for one in listed] == list(METHODS)
    assert all(one["goal"] and one["known_limitations"] for one in listed)


def test_a_method_links_to_what_it_has_published_and_back(client: TestClient) -> None:
    items = [one["href"] for one in client.get("/methods/hotspots").json()["links"] if one["rel"] == "item"]
    assert {href.rsplit("/", 1)[1] for href in items} == {"hot", "hot.cells"}
    for href in items:
        links = [one for one in client.get(href).json()["links"] if one["rel"] == "describedby"]
        assert links[0]["type"] == "application/schema+json"
        assert {one["type"] for one in links[1:]} == {"application/json", "text/html"}
        assert all("/methods/hotspots" in one["href"] for one in links[1:])
        assert all(client.get(one["href"]).status_code == 200 for one in links)


def test_a_layer_has_no_method(client: TestClient) -> None:
    links = client.get("/collections/calls").json()["links"]
    assert not any("/methods/" in one["href"] for one in links)


@pytest.mark.parametrize("path", ["/methods", *(f"/methods/{name}" for name in NAMES)])
def test_pages_are_readable(client: TestClient, path: str) -> None:
    answer = client.get(path, params={"f": "html"})
    assert answer.headers["content-type"].startswith("text/html")
    outline = Outline(answer.text)
    assert outline.open == []
    assert outline.lang == "en"
    assert outline.headings.count(1) == 1
    assert all(
        after <= before + 1 for before, after in zip(outline.headings, outline.headings[1:], strict=False)
    )
    assert outline.tags.count("table") == outline.tags.count("caption")
    assert {"nav", "main", "title"} <= set(outline.tags)
    assert all(outline.links)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_all_that_the_entry_says(client: TestClient, name: str) -> None:
    text = unescape(client.get(f"/methods/{name}?f=html").text)
    entry = ENTRIES[name]
    told = [entry.goal, entry.human_intervention, entry.multiple_testing, *entry.known_limitations]
    told += [*entry.when_not_to_use, *entry.references, *(one.mitigation for one in entry.risk_management)]
    assert [one for one in told if one not in text] == []


def test_an_unknown_method_is_a_problem(client: TestClient) -> None:
    answer = client.get("/methods/astrology")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/problem+json")
