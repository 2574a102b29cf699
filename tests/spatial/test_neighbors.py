import h3.api.numpy_int as h3
import numpy as np
import pytest
from numpy.typing import NDArray

from spatial.errors import InvalidCells
from spatial.grid import cells_at, children, disk
from spatial.neighbors import (
    NeighborIndex,
    connected_components,
    disk_sizes,
    disk_sums,
    full_disk_sizes,
    neighbor_index,
    neighbor_pairs,
    on_edge,
    ring_sums,
)

Cells = NDArray[np.uint64]


def around(lng: float, lat: float, resolution: int, k: int) -> Cells:
    return disk(cells_at([lng], [lat], resolution), k)


def holed(cells: Cells, share: float) -> Cells:
    return cells[np.random.default_rng(7).random(len(cells)) < share]


def around_pentagons(resolution: int) -> Cells:
    return disk(np.array(h3.get_pentagons(resolution)[2:4], dtype=np.uint64), 30)


AREAS = {
    "compact": around(-111.93, 33.42, 9, 60),
    "holed": holed(around(-111.93, 33.42, 9, 60), 0.5),
    "sparse": holed(around(-75.2, 40.1, 8, 80), 0.05),
    "islands": np.unique(np.concatenate([around(lng, 20.0, 10, 6) for lng in range(-150, 150, 25)])),
    "antimeridian": around(180.0, -17.0, 7, 50),
    "north pole": around(0.0, 90.0, 6, 40),
    "pentagons, class II": around_pentagons(8),
    "pentagons, class III": around_pentagons(7),
    "pentagonal base cell": children(np.array([h3.get_pentagons(0)[1]], dtype=np.uint64), 4),
    "far from a pentagon in its base cell": around(126.98, 37.57, 7, 50),
    "three base cells": children(disk(np.array([h3.get_pentagons(0)[4]], dtype=np.uint64), 1)[:3], 4),
    "coarse": disk(cells_at([10.0], [50.0], 2), 4),
    "one cell": around(-111.93, 33.42, 9, 0),
}


def in_a_slow_way(cells: Cells, values: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    value_of = dict(zip(cells.tolist(), values.tolist(), strict=True))
    return np.array([sum(value_of.get(int(c), 0) for c in h3.grid_disk(cell, k)) for cell in cells.tolist()])


@pytest.fixture(params=AREAS)
def pair(request: pytest.FixtureRequest) -> tuple[NeighborIndex, NeighborIndex]:
    """The same cells by the fast and by the safe route."""
    cells = np.unique(AREAS[request.param])
    return neighbor_index(cells), neighbor_index(cells, safe_only=True)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_both_routes_give_the_same_sums_and_edges(pair: tuple[NeighborIndex, NeighborIndex], k: int) -> None:
    fast, safe = pair
    values = np.random.default_rng(0).integers(0, 100, len(fast))
    assert np.array_equal(disk_sums(fast, values, k), disk_sums(safe, values, k))
    assert np.array_equal(disk_sizes(fast, k), disk_sizes(safe, k))
    assert np.array_equal(on_edge(fast, k), on_edge(safe, k))


def test_both_routes_give_the_same_rings_pairs_and_components(
    pair: tuple[NeighborIndex, NeighborIndex],
) -> None:
    fast, safe = pair
    values = np.random.default_rng(0).integers(0, 100, len(fast))
    marked = values < 40
    assert np.array_equal(ring_sums(fast, values, 3), ring_sums(safe, values, 3))
    assert np.array_equal(neighbor_pairs(fast, 2), neighbor_pairs(safe, 2))
    assert np.array_equal(connected_components(fast, marked), connected_components(safe, marked))


@pytest.mark.parametrize("area", ["holed", "islands", "antimeridian", "pentagons, class III", "coarse"])
def test_disk_sums_equal_the_library_cell_by_cell(area: str) -> None:
    cells = np.unique(AREAS[area])
    index = neighbor_index(cells)
    values = np.random.default_rng(1).integers(0, 100, len(cells))
    some = np.unique(np.linspace(0, len(cells) - 1, 400).astype(int))
    expected = in_a_slow_way(cells, values, 2)[some]
    assert np.array_equal(disk_sums(index, values, 2)[some], expected)


@pytest.mark.parametrize("area", ["compact", "holed", "antimeridian", "far from a pentagon in its base cell"])
def test_the_fast_route_serves_where_the_grid_is_flat(area: str) -> None:
    index = neighbor_index(np.unique(AREAS[area]))
    assert len(index.safe_rows) < 0.9 * len(index)


@pytest.mark.parametrize("place", [(-111.93, 33.42), (180.0, -17.0), (126.98, 37.57), (10.75, 59.91)])
def test_cities_need_no_safe_route(place: tuple[float, float]) -> None:
    index = neighbor_index(around(*place, 9, 40))
    assert len(index.safe_rows) == 0


def test_every_cell_is_answered_once() -> None:
    index = neighbor_index(np.unique(AREAS["three base cells"]))
    answered = np.zeros(len(index), dtype=int)
    for chart in index.charts:
        answered[chart.rows] += 1
    answered[index.safe_rows] += 1
    assert (answered == 1).all()


@pytest.mark.parametrize("k", range(11))
def test_a_full_disk_has_1_plus_3k_k_plus_1_cells(k: int) -> None:
    index = neighbor_index(around(-111.93, 33.42, 9, 25))
    inner = np.isin(index.cells, around(-111.93, 33.42, 9, 25 - k))
    assert (disk_sizes(index, k)[inner] == 1 + 3 * k * (k + 1)).all()
    assert np.array_equal(on_edge(index, k), ~inner)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_disk_around_a_pentagon_is_full_with_fewer_cells(k: int) -> None:
    pentagon = np.array(h3.get_pentagons(9)[:1], dtype=np.uint64)
    index = neighbor_index(disk(pentagon, 8))
    at = int(np.searchsorted(index.cells, pentagon[0]))
    assert disk_sizes(index, k)[at] == 1 + 5 * k * (k + 1) // 2 == full_disk_sizes(index, k)[at]
    assert not on_edge(index, k)[at]


def test_disk_sums_stay_exact_beyond_32_bits() -> None:
    index = neighbor_index(around(-111.93, 33.42, 9, 3))
    values = np.full(len(index), 2**55 + 1)
    assert disk_sums(index, values, 1).max() == 7 * (2**55 + 1)


def test_disk_sums_of_fractions_and_negatives_equal_the_pairs() -> None:
    index = neighbor_index(np.unique(AREAS["holed"]))
    values = np.random.default_rng(3).normal(size=len(index))
    rows, cols = neighbor_pairs(index, 2)
    expected = np.bincount(rows, weights=values[cols])
    np.testing.assert_allclose(disk_sums(index, values, 2), expected, atol=1e-12)
    np.testing.assert_allclose(ring_sums(index, values, 2).sum(axis=0), expected, atol=1e-12)


def test_values_are_not_changed() -> None:
    index = neighbor_index(around(-111.93, 33.42, 9, 3))
    values = np.arange(len(index))
    disk_sums(index, values, 2)
    assert np.array_equal(values, np.arange(len(index)))


def test_components_are_numbered_by_their_first_cell() -> None:
    index = neighbor_index(np.unique(np.concatenate([around(lng, 20.0, 9, 2) for lng in (1.0, 2.0, 3.0)])))
    labels = connected_components(index, np.ones(len(index), dtype=bool))
    _, first = np.unique(labels, return_index=True)
    assert labels.max() == 2
    assert (np.diff(first) > 0).all()


def test_no_cell_gives_no_answer() -> None:
    index = neighbor_index(np.empty(0, dtype=np.uint64))
    assert len(disk_sums(index, [], 1)) == len(on_edge(index, 1)) == len(connected_components(index, [])) == 0


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (around(0.0, 0.0, 9, 1)[::-1], "sorted"),
        (np.repeat(around(0.0, 0.0, 9, 1), 2), "each once"),
        (np.array([cells_at([0.0], [0.0], r)[0] for r in (8, 9)]), "one resolution"),
    ],
)
def test_unfit_cells_are_refused(cells: Cells, message: str) -> None:
    with pytest.raises(InvalidCells, match=message):
        neighbor_index(cells)


@pytest.mark.parametrize("k", [-1, 11])
def test_a_radius_out_of_range_is_refused(k: int) -> None:
    with pytest.raises(InvalidCells, match="between 0 and 10"):
        disk_sizes(neighbor_index(around(0.0, 0.0, 9, 1)), k)


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidCells, match="7 cells"):
        disk_sums(neighbor_index(around(0.0, 0.0, 9, 1)), [1, 2], 1)
