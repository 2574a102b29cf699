"""One city for all tests of this folder."""

import json
from typing import Any

import pytest

from data.samples.city import CitySample, write_city


@pytest.fixture(scope="session")
def city_sample(tmp_path_factory: pytest.TempPathFactory) -> CitySample:
    return write_city(tmp_path_factory.mktemp("made-city"), seed=1)


@pytest.fixture(scope="session")
def city_truth(city_sample: CitySample) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(city_sample.truth.read_bytes())
    return loaded
