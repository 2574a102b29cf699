"""Real streets and five years of injury crashes: corridors hold more of a year unseen than today's ways."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.errors import InvalidInputs
from service.methods import inputs_of
from tests.contract.installed import emberline
from tests.requirements import dataset_path
from tests.studies.real_corridors import OFFICIAL, OURS, PLACES, TODAY, looked_at, official

pytestmark = pytest.mark.contract


def test_a_year_unseen_is_held_better_than_by_class_or_windows(tmp_path: Path) -> None:
    place = PLACES[0]
    seen = looked_at(place, dataset_path(place.folder).parent.parent, tmp_path)
    assert seen.wrong == []
    last = seen.held[place.years[-1]]
    best = max(last[way]["injury", 0.1] for way in TODAY)
    pieces, corridors = (last[way]["injury", 0.1] for way in OURS)
    assert pieces > 1.1 * best
    assert corridors > best
    assert pieces > last["empirical Bayes, pieces of 80 m"]["injury", 0.1]


def _found(folder: Path, *arguments: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    emberline(folder, "run", "corridors", *arguments, "--param", "simulations=199", "-o", "out.geojson")
    document = json.loads((folder / "out.geojson").read_bytes())
    told = document["emberline"]["diagnostics"]
    assert told["snapped"] + told["unmatched"] == told["crashes"]
    return [one["properties"] for one in document["features"]], told


def test_bicycle_crashes_of_montreal_in_metres_of_a_named_system(tmp_path: Path) -> None:
    folder = dataset_path("corridors/montreal_bike")
    roads = f"roads={folder / 'mtl_network_wkt.csv'}"
    given = (str(folder / "bike_accidents_wkt.csv"), "--crs", "EPSG:3797", "--param", roads)
    found, told = _found(tmp_path, *given)
    assert (told["crashes"], told["unmatched"]) == (347, 0)
    assert [one["name"] for one in found] == [None] * len(found)
    assert all(one["length_m"] >= 400 and one["incidents"] > one["expected"] for one in found)


def test_streets_of_mesa_without_names_in_feet(tmp_path: Path) -> None:
    folder = dataset_path("corridors/mesa_geodanet")
    _, told = _found(tmp_path, str(folder / "crimes.shp"), "--param", f"roads={folder / 'streets.shp'}")
    assert (told["crashes"], told["exposure"]) == (287, "length")
    assert any("129 of 287 crashes lie within 25 m of a road" in note for note in told["notes"])


def test_crashes_without_roads_are_told_what_is_needed() -> None:
    with pytest.raises(InvalidInputs, match="roads: is needed: id of a roads layer"):
        inputs_of("corridors", {"layer": "crashes"})


def test_the_corridors_that_chicago_named_come_with_their_miles(tmp_path: Path) -> None:
    seen = official(dataset_path(OFFICIAL).parents[2], tmp_path)
    assert seen.wrong == []
    assert seen.told.sum() == pytest.approx(69.07, abs=0.01)
