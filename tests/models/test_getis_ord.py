import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.errors import InvalidParameter
from models.getis_ord import KERNELS, gi_star_z, gi_star_z_weighted, kernel_weights
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, disk_sizes, disk_sums, neighbor_index, neighbor_pairs, ring_sums
from spatial.study_area import cell_positions, study_area_from_data
from tests.requirements import dataset_path


def reference_z(index: NeighborIndex, values: NDArray[np.generic], k: int) -> NDArray[np.float64]:
    """Gi* of esda, binary weights, self included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about islands and deprecations
        from esda.getisord import G_Local
        from libpysal.weights import WSP

        rows, cols = neighbor_pairs(index, k)
        weights = WSP(csr_array((np.ones(len(rows)), (rows, cols)), shape=(len(index),) * 2)).to_W(
            silence_warnings=True
        )
        weights.transform = "B"
        return np.asarray(G_Local(values.astype(float), weights, transform="B", star=True, permutations=0).Zs)


def z_of(index: NeighborIndex, values: NDArray[np.generic], k: int) -> NDArray[np.float64]:
    return gi_star_z(disk_sums(index, values, k), disk_sizes(index, k), values)


@pytest.mark.reference
@pytest.mark.parametrize("k", [1, 2, 3])
def test_z_equals_esda_on_made_counts(k: int) -> None:
    index = neighbor_index(disk(cells_at([-111.93], [33.42], 9), 15))
    values = np.random.default_rng(0).negative_binomial(0.5, 0.2, len(index))
    np.testing.assert_allclose(z_of(index, values, k), reference_z(index, values, k), atol=1e-12)


@pytest.mark.reference
@pytest.mark.parametrize("k", [1, 3])
def test_z_equals_esda_on_overdose_calls_of_a_real_county(k: int) -> None:
    (path, *_) = sorted(dataset_path("incidents/montco_911").rglob("*.csv*"))
    calls = pd.read_csv(path)
    calls = calls[calls["title"].str.contains("OVERDOSE", case=False)]
    cells, counts = np.unique(cells_at(calls["lng"], calls["lat"], 8), return_counts=True)
    area = study_area_from_data(cells[cells > 0], counts[cells > 0], 8, 100_000)
    values = np.zeros(len(area.cells), dtype=np.int64)
    at = cell_positions(area, cells)
    values[at[at >= 0]] = counts[at >= 0]
    index = neighbor_index(area.cells)
    assert values.sum() > 1_000
    np.testing.assert_allclose(z_of(index, values, k), reference_z(index, values, k), atol=1e-12)


def test_z_does_not_depend_on_scale_shift_or_the_order_of_the_cells() -> None:
    index = neighbor_index(disk(cells_at([-111.93], [33.42], 9), 10))
    values = np.random.default_rng(1).poisson(2, len(index))
    rows, cols = neighbor_pairs(index, 2)
    order = np.random.default_rng(2).permutation(len(index))
    place = np.argsort(order)
    sums = np.bincount(place[rows], weights=values[order][place[cols]])
    expected = z_of(index, values, 2)
    np.testing.assert_allclose(z_of(index, 10 * values, 2), expected, atol=1e-12)
    np.testing.assert_allclose(z_of(index, values + 7, 2), expected, atol=1e-12)
    np.testing.assert_allclose(gi_star_z(sums, np.bincount(place[rows]), values)[place], expected, atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_weighted_z_equals_the_formula_written_out_with_a_matrix(kernel: str) -> None:
    index = neighbor_index(disk(cells_at([-111.93], [33.42], 9), 6))
    values = np.random.default_rng(3).poisson(3, len(index)).astype(float)
    weights = kernel_weights(kernel, 3)
    matrix = np.zeros((len(index),) * 2)
    for step in (3, 2, 1, 0):
        near = neighbor_pairs(index, step)
        matrix[near] = weights[step]
    n, w, w2 = len(values), matrix.sum(axis=1), (matrix**2).sum(axis=1)
    expected = (matrix @ values - values.mean() * w) / (values.std() * np.sqrt((n * w2 - w**2) / (n - 1)))
    rings = ring_sums(index, values, 3)
    sizes = ring_sums(index, np.ones(n), 3)
    found = gi_star_z_weighted(weights @ rings, weights @ sizes, weights**2 @ sizes, values)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("kernel", ["triangular", "quartic", "gaussian"])
def test_kernels_fall_from_one_and_stay_positive(kernel: str) -> None:
    weights = kernel_weights(kernel, 5)
    assert weights[0] == 1
    assert (np.diff(weights) < 0).all()
    assert weights[-1] > 0


def test_an_unknown_kernel_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="uniform, triangular, quartic, gaussian"):
        kernel_weights("epanechnikov", 1)


def test_equal_values_and_whole_area_disks_have_no_z() -> None:
    assert np.isnan(gi_star_z([6, 4], [3, 2], [2, 2, 2])).all()
    assert np.isnan(gi_star_z([3], [3], [0, 1, 2])).all()
    assert np.isnan(gi_star_z([3], [1], [3])).all()
