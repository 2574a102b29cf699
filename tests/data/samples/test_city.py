"""The made city as a whole: quick to make, and the same layer by layer."""

import csv
import hashlib
import time
from pathlib import Path

import pytest

from data.samples.city import CitySample, write_city

NEW = ("sewersheds", "wastewater", "broadband", "availability")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_city_is_made_in_seconds_and_made_alike(city_sample: CitySample, tmp_path: Path) -> None:
    begun = time.process_time()
    again = write_city(tmp_path, seed=1)
    # 3 s of one core on a small machine; makers in loops of Python would take minutes.
    assert time.process_time() - begun < 20
    assert {name: digest(file.path) for name, file in again.layers.items()} == {
        name: digest(file.path) for name, file in city_sample.layers.items()
    }
    assert digest(again.truth) == digest(city_sample.truth)


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> CitySample:
    return write_city(tmp_path_factory.mktemp("another-city"), seed=2)


@pytest.mark.parametrize("layer", NEW)
def test_another_seed_makes_another_file(layer: str, city_sample: CitySample, another: CitySample) -> None:
    assert digest(another[layer].path) != digest(city_sample[layer].path)


def test_calls_of_the_rise_are_rows_between_rows(city_sample: CitySample) -> None:
    with city_sample["ems"].path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = [int(row["Incident_Number"][6:]) for row in rows]
    usual = [number for number in numbers if number <= 900_000]
    late = [(number, row["CallTime"]) for number, row in zip(numbers, rows, strict=True) if number > 900_000]
    # Without them the file is numbered through, as it was.
    assert set(usual) == set(range(1, max(usual) + 1))
    assert [number for number, _ in late] == list(range(900_001, 900_001 + len(late)))
    assert late == sorted(late, key=lambda call: call[1])
