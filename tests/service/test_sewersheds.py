"""Which sewershed the samples mean."""

from pathlib import Path
from typing import Any

import pytest

from data.duckdb_store import DuckDBStore
from service.ingesting import IngestOrder, ingest_file
from service.wastewater.sewersheds import Joined, joined_sewersheds
from tests.service.made_samples import write_sewersheds


def _joined(folder: Path, sampled: list[str], *properties: dict[str, Any]) -> Joined:
    store = DuckDBStore()
    path = write_sewersheds(folder / "sewersheds.geojson", *properties)
    ingest_file(store, path, IngestOrder("sheds", kind="sewersheds"))
    return joined_sewersheds(store, "sheds", sampled)


NORTH, SOUTH = {"id": "S1", "name": "North Plant", "population": 5000}, {"id": "S2", "name": "South"}


@pytest.mark.parametrize(
    ("sampled", "keys"),
    [
        ("S2", ["S1", "S2"]),
        ("s2", ["S1", "S2"]),
        ("South", ["North Plant", "South"]),
        (" SOUTH", ["North Plant", "South"]),
        ("SOUTH ", ["North Plant", "South"]),
    ],
)
def test_by_id_or_name_without_regard_to_case_and_blanks(
    tmp_path: Path, sampled: str, keys: list[str]
) -> None:
    joined = _joined(tmp_path, [sampled], NORTH, SOUTH)
    assert (joined.place_of, joined.sewersheds.keys) == ({sampled: 1}, keys)


def test_blanks_and_hyphens_inside_do_not_count(tmp_path: Path) -> None:
    joined = _joined(tmp_path, ["north-plant", "NorthPlant"], NORTH, SOUTH)
    assert set(joined.place_of.values()) == {0}


def test_codes_that_lost_their_leading_zeros(tmp_path: Path) -> None:
    joined = _joined(tmp_path, ["7", "8.0"], {"id": "0007", "name": "A"}, {"id": "0008", "name": "B"})
    assert joined.place_of == {"7": 0, "8.0": 1}


def test_another_column_of_the_layer_may_hold_the_code(tmp_path: Path) -> None:
    properties = [{"name": "A", "npdes_permit": "AZ001"}, {"name": "B", "npdes_permit": "AZ002"}]
    joined = _joined(tmp_path, ["AZ002"], *properties)
    assert (joined.place_of, joined.sewersheds.keys) == ({"AZ002": 1}, ["AZ001", "AZ002"])


def test_a_value_that_many_sewersheds_share_joins_none(tmp_path: Path) -> None:
    properties = [{"name": "A", "county": "Pinal"}, {"name": "B", "county": "Pinal"}]
    joined = _joined(tmp_path, ["Pinal"], *properties)
    assert (joined.place_of, joined.sewersheds.keys) == ({"Pinal": None}, ["A", "B"])


def test_parts_of_one_name_are_one_sewershed(tmp_path: Path) -> None:
    parts = [{"name": "A", "population": 100}, {"name": "A", "population": 50}, {"name": "B"}]
    joined = _joined(tmp_path, ["A"], *parts)
    assert (joined.place_of, joined.sewersheds.keys) == ({"A": 0}, ["A", "B"])
    assert joined.sewersheds.population[0] == 150
    assert joined.sewersheds.shapes[0].area == pytest.approx(2 * joined.sewersheds.shapes[1].area)
    assert joined.sewersheds.notes == ["2 polygons were joined to 1 sewersheds: A"]


def test_parts_that_repeat_the_population_of_the_whole(tmp_path: Path) -> None:
    joined = _joined(tmp_path, ["A"], {"name": "A", "population": 100}, {"name": "A", "population": 100})
    assert joined.sewersheds.population.tolist() == [100]


def test_sewersheds_without_name_and_id_stay_apart(tmp_path: Path) -> None:
    joined = _joined(tmp_path, [], {"GRIDCODE": 4}, {"GRIDCODE": 4})
    assert joined.sewersheds.keys == ["row 1", "row 2"]
