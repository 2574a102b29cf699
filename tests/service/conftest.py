"""One application over made collections, and a client for it."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from tests.service.memory import MemoryCatalog, NotingUseCases, areas, calls, cells


@pytest.fixture
def catalog() -> MemoryCatalog:
    return MemoryCatalog(cells(40), areas(), layers=(calls(),))


@pytest.fixture
def use_cases() -> NotingUseCases:
    return NotingUseCases()


@pytest.fixture
def client(catalog: MemoryCatalog, use_cases: NotingUseCases) -> Iterator[TestClient]:
    app = create_app(Settings(), catalog=catalog, use_cases=use_cases)
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as opened:
        yield opened
