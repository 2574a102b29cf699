"""Names of areas as planners would say them."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from service.places import districts_of, longest_roads, street_name, streets_of
from tests.service.made import filled_store


@pytest.mark.parametrize(
    ("address", "streets"),
    [
        ("On or near Mill Lane", ["Mill Lane"]),
        ("12 High St", ["High St"]),
        ("12-14 High St", ["High St"]),
        ("1200 BLOCK OF W MAIN ST", ["W MAIN ST"]),
        ("1200 BLK W MAIN ST", ["W MAIN ST"]),
        ("  5th Ave ", ["5th Ave"]),
        ("221B Baker Street", ["Baker Street"]),
        ("MAIN ST / HIGH ST", ["MAIN ST", "HIGH ST"]),
        ("MAIN ST & MAIN ST", ["MAIN ST"]),
        ("Sandy Lane", ["Sandy Lane"]),
        ("On or near Supermarket", []),
        ("", []),
    ],
)
def test_an_address_is_reduced_to_its_streets(address: str, streets: list[str]) -> None:
    assert streets_of(address) == streets


def test_two_streets_make_a_name_and_none_makes_none() -> None:
    assert street_name(["A", "B", "C"]) == "A / B"
    assert street_name([]) is None


def test_roads_and_districts_are_those_that_share_most(tmp_path: Path) -> None:
    store = filled_store(None, tmp_path)
    shapes = np.array([shapely.box(-111.94, 33.41, -111.90, 33.43), shapely.box(0, 0, 1, 1)])
    assert longest_roads(store, "roads", shapes) == ["Ash Avenue", None]
    assert districts_of(store, "boundary", shapes) == ["East", None]
    assert longest_roads(store, "roads", shapes[:0]) == []
