"""The availability file of the made city: what is counted from it is what the blocks tell."""

import json
from typing import Any

import numpy as np
import pytest

from data.samples.city import CitySample
from tests.data.samples.reading import read_rows


@pytest.fixture(scope="module")
def told(city_truth: dict[str, Any]) -> dict[str, Any]:
    layer: dict[str, Any] = city_truth["layers"]["availability"]
    return layer


def test_reader_counts_what_is_planted(city_sample: CitySample, told: dict[str, Any]) -> None:
    rows, report = read_rows(city_sample, "availability", is_mapped=True)
    of_rules = rows.filter(np.array(rows["source"].to_pylist()) == told["rules"])
    assert report.rejected == {}
    assert report.counts["availability.rows"] == told["rows"]
    assert of_rules.num_rows == told["cells"]
    counted = {
        name: int(sum(of_rules[name].to_pylist())) for name in ("locations", "underserved", "unserved")
    }
    assert counted == {name: told[name] for name in counted}


def test_brand_names_hold_commas_and_codes_zeros(city_sample: CitySample) -> None:
    header, *lines = city_sample["availability"].path.read_text(encoding="utf-8").splitlines()
    lengths = {len(line.split(",")) - len(header.split(",")) for line in lines}
    assert lengths == {0, 1}
    assert all(line.startswith("00") and line.split(",")[-2].startswith("00001") for line in lines)


def test_locations_are_those_of_the_blocks(city_sample: CitySample) -> None:
    lines = city_sample["availability"].path.read_text(encoding="utf-8").splitlines()[1:]
    of_block: dict[str, set[str]] = {}
    for line in lines:
        *_, location, _, _, _, _, _, _, block, _ = line.split(",")
        of_block.setdefault(block, set()).add(location)
    collection = json.loads(city_sample["broadband"].path.read_bytes())
    published = {
        row["GEOID20"]: row["LOCATIONS"] for row in (f["properties"] for f in collection["features"])
    }
    assert {block: len(locations) for block, locations in of_block.items()} == {
        block: published[block] for block in of_block
    }
    assert len(of_block) > 100
