"""Disks that grow ring by ring, against the sums of the neighbour index."""

import numpy as np
import pytest

from spatial.disks import PairSheet, RasterSheet, disk_sheets, growing_disk_sums
from spatial.errors import InvalidCells, InvalidValues
from spatial.grid import cells_at, cells_from_hex, children, disk
from spatial.neighbors import disk_sums, neighbor_index

CITY = disk(cells_at([-111.93], [33.42], 9), 14)
AREAS = {
    "round": CITY,
    "holes and fringes": CITY[np.random.default_rng(1).random(len(CITY)) < 0.6],
    "two islands": np.union1d(CITY, disk(cells_at([-111.2], [33.6], 9), 5)),
    "scattered": np.unique(cells_at(-112 + np.arange(30) / 7, np.full(30, 33.0), 8)),
    "antimeridian": disk(cells_at([179.99], [-17.0], 8), 12),
    "pentagon": disk(children(cells_from_hex(["8009fffffffffff"]), 6)[:1], 14),
    "coarse": disk(cells_from_hex(["8009fffffffffff"]), 3),
    "one": CITY[:1],
}


@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS.keys())
@pytest.mark.parametrize("k", [0, 1, 4, 10])
def test_sums_are_those_of_every_radius(area: np.ndarray, k: int) -> None:
    index = neighbor_index(area)
    values = np.random.default_rng(0).poisson(3, len(area))
    found = growing_disk_sums(index, values, k)
    np.testing.assert_array_equal(found, [disk_sums(index, values, radius) for radius in range(k + 1)])


@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS.keys())
def test_every_cell_is_answered_once(area: np.ndarray) -> None:
    rows = np.concatenate([sheet.rows for sheet in disk_sheets(neighbor_index(area), 3)])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(area)))


def test_stacked_maps_do_not_touch_each_other() -> None:
    index = neighbor_index(AREAS["holes and fringes"])
    maps = np.random.default_rng(0).poisson(3, (5, len(index))).astype(np.int16)
    (sheet,) = disk_sheets(index, 10)
    for radius, sums in enumerate(sheet.grow(maps)):
        expected = np.stack([disk_sums(index, one, radius) for one in maps])
        np.testing.assert_array_equal(sums[:, sheet.places], expected[:, sheet.rows])


def test_pairs_and_rasters_agree() -> None:
    values = np.random.default_rng(0).random(len(CITY))
    by_pairs = neighbor_index(CITY, safe_only=True)
    assert isinstance(disk_sheets(by_pairs, 2)[0], PairSheet)
    assert isinstance(disk_sheets(neighbor_index(CITY), 2)[0], RasterSheet)
    fast = growing_disk_sums(neighbor_index(CITY), values, 10)
    np.testing.assert_allclose(fast, growing_disk_sums(by_pairs, values, 10), rtol=1e-12)


def test_far_islands_take_no_room_for_the_sea() -> None:
    sheets = disk_sheets(neighbor_index(AREAS["two islands"]), 10)
    assert sum(sheet.size for sheet in sheets) < 4 * len(AREAS["two islands"])


def test_wrong_questions_are_refused() -> None:
    index = neighbor_index(CITY)
    with pytest.raises(InvalidCells, match="between 0 and 10"):
        disk_sheets(index, 11)
    with pytest.raises(InvalidValues, match="one value for each"):
        growing_disk_sums(index, [1, 2], 1)
