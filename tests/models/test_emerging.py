"""Emerging hotspots whole: planted truth, one bin more, invariances, degenerate input."""

import json

import h3.api.numpy_int as h3
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csc_array
from scipy.stats import false_discovery_control

from models.emerging import Emerging, emerging, extended, shortened
from models.errors import InvalidParameter, TooFewObservations
from models.getis_ord import gi_star_z
from models.mann_kendall import kendall_scores, mann_kendall_z, two_sided_p
from models.significance import gi_bin
from models.space_time import WINDOWS
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, disk_sizes, disk_sums, neighbor_index

MIDDLE = cells_at([-111.93], [33.42], 9)


def area(radius: int) -> NeighborIndex:
    return neighbor_index(disk(MIDDLE, radius))


def found_in(counts: object, index: NeighborIndex, seed: int = 0, **options: object) -> Emerging:
    return emerging(counts, index, rng=np.random.default_rng(seed), **options)  # type: ignore[arg-type]


def null_counts(
    index: NeighborIndex, n_bins: int = 12, mean: float = 1.0, seed: int = 0
) -> NDArray[np.int64]:
    return np.random.default_rng(seed).poisson(mean, (len(index), n_bins))


def with_place(index: NeighborIndex, extra: list[int], radius: int = 2) -> NDArray[np.int64]:
    """Return counts with so many incidents more per bin in every cell of the middle disk."""
    counts = null_counts(index, len(extra))
    counts[np.isin(index.cells, disk(MIDDLE, radius))] += np.array(extra)
    return counts


def same(one: Emerging, other: Emerging) -> bool:
    """Whether two answers agree to the last bit."""
    names = (
        "pattern",
        "short",
        "reason",
        "trend_z",
        "trend_p",
        "share_hot",
        "share_cold",
        "last_bin",
        "bins",
        "p",
    )
    return one.diagnostics == other.diagnostics and all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes()
        if name != "reason"
        else one.reason.tolist() == other.reason.tolist()
        for name in names
    )


PLACES = {
    "new": [0] * 11 + [6],
    "consecutive": [0] * 8 + [6] * 4,
    "sporadic": [0, 6, 0, 0, 0, 6, 0, 0, 0, 0, 0, 6],
    "historical": [6] * 11 + [0],
    "persistent": [7, 6] * 6,
    "intensifying": list(range(4, 16)),
    "diminishing": list(range(15, 3, -1)),
}


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("k", [2, "auto"])
def test_a_planted_place_has_its_pattern(kind: str, k: int | str) -> None:
    index = area(12)
    found = found_in(with_place(index, PLACES[kind]), index, k=k, time_lag=0)
    at = int(np.searchsorted(index.cells, MIDDLE[0]))
    assert found.pattern[at] == f"{kind} hot spot"
    far = ~np.isin(index.cells, disk(MIDDLE, 6))
    assert (found.pattern[far] == "no pattern detected").mean() > 0.95
    assert found.share_hot[at] == (found.p[at] <= 0.001).mean()


@pytest.mark.parametrize("window", WINDOWS)
def test_a_place_that_empties_is_a_cold_spot(window: str) -> None:
    index = area(10)
    counts = null_counts(index, 12, 6.0)
    counts[np.isin(index.cells, disk(MIDDLE, 3)), 9:] = 0
    found = found_in(counts, index, k=2, time_lag=0, window=window)
    at = int(np.searchsorted(index.cells, MIDDLE[0]))
    assert found.pattern[at] == "consecutive cold spot"
    assert found.last_bin[at] == found.bins[at, -1] == -3
    assert (found_in(counts, index, k=2, window=window, side="hot").bins >= 0).all()


def test_the_lag_reaches_back_and_never_forward() -> None:
    index = area(10)
    counts = with_place(index, [0] * 5 + [9] + [0] * 6)
    at = int(np.searchsorted(index.cells, MIDDLE[0]))
    hot = [
        np.flatnonzero(found_in(counts, index, k=1, time_lag=lag).bins[at] > 0).tolist() for lag in (0, 1, 2)
    ]
    assert hot == [[5], [5, 6], [5, 6, 7]]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("k", [1, "auto"])
def test_bins_are_those_of_benjamini_hochberg_over_all_cells_and_bins(window: str, k: int | str) -> None:
    index = area(8)
    counts = with_place(index, [0] * 9 + [2, 3, 4])
    found = found_in(counts, index, k=k, window=window, alpha=0.03)
    q = false_discovery_control(found.p.ravel()).reshape(found.p.shape)
    assert np.array_equal(np.abs(found.bins), np.abs(gi_bin(q, True)))
    called = q <= 0.03
    assert called.any()
    np.testing.assert_allclose(found.share_hot + found.share_cold, called.mean(axis=1))


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("k", "ring"), [(1, 1), (3, 3), ("auto", 2)])
def test_the_trend_is_mann_kendall_of_the_z_without_lag(window: str, k: int | str, ring: int) -> None:
    index = area(6)
    counts = null_counts(index, 14, 0.4)
    sums, sizes = [disk_sums(index, row, ring) for row in counts.T], disk_sizes(index, ring)
    # Whole numbers decide ties: under "cube" all bins share mean and variance.
    series = np.array(sums, dtype=np.float64)
    if window != "cube":
        z = [gi_star_z(s, sizes, row) for s, row in zip(sums, counts.T, strict=True)]
        series = np.round(z, 9)
    z = mann_kendall_z(*kendall_scores(series), 14)
    for lag in (0, 1, 2):
        found = found_in(counts, index, k=k, window=window, time_lag=lag)
        np.testing.assert_allclose(found.trend_z, z, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.trend_p, two_sided_p(z), rtol=1e-9)
        assert found.trend_method == "mann-kendall"


def autocorrelated(index: NeighborIndex, n_bins: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(1)
    level = np.zeros(len(index))
    rows = []
    for _ in range(n_bins):
        level = 0.8 * level + rng.normal(0, 0.5, len(index))
        rows.append(rng.poisson(3 * np.exp(level)))
    return np.array(rows).T


def test_where_bins_agree_with_their_neighbours_blocks_are_permuted() -> None:
    index = area(6)
    counts = autocorrelated(index, 24)
    found = found_in(counts, index, k=1)
    assert found.trend_method == found.diagnostics["trend_method"] == "block-permutation"
    assert found.diagnostics["autocorrelation"] > 0.1
    assert any("blocks of three bins" in warning for warning in found.diagnostics["warnings"])
    assert np.array_equal(found.trend_p, np.round(found.trend_p * 1000) / 1000)
    assert same(found, found_in(counts, index, k=1))
    assert not same(found, found_in(counts, index, k=1, seed=1))
    shorter = found_in(counts[:, :23], index, k=1)
    assert shorter.trend_method == "mann-kendall"


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("k", [1, "auto"])
@pytest.mark.parametrize("options", [{}, {"p_method": "monte-carlo", "simulations": 50}, {"time_lag": 3}])
def test_one_bin_more_is_the_same_as_the_whole(window: str, k: int | str, options: dict[str, object]) -> None:
    index = area(5)
    counts = with_place(index, [0] * 6 + [2, 9])
    before = found_in(counts[:, :6], index, k=k, window=window, **options)
    kept = before.p.copy()
    found = extended(before, counts[:, 6], rng=np.random.default_rng(5))
    found = extended(found, counts[:, 7], rng=np.random.default_rng(6))
    assert same(found, found_in(counts, index, 6, k=k, window=window, **options))
    assert np.array_equal(before.p, kept)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("n_left", [4, 8, 10])
@pytest.mark.parametrize("options", [{}, {"p_method": "monte-carlo", "simulations": 50}, {"time_lag": 3}])
def test_later_bins_that_changed_are_the_same_as_the_whole(
    window: str, n_left: int, options: dict[str, object]
) -> None:
    index = area(5)
    counts = with_place(index, [0] * 8 + [2, 9])
    before = found_in(counts, index, window=window, **options)
    counts[:, n_left - 1 :] += null_counts(index, 11 - n_left, mean=0.2, seed=1)
    longer = np.column_stack([counts, null_counts(index, 2, seed=2)])
    found = extended(
        shortened(before.kept, n_left - 1), longer[:, n_left - 1 :], rng=np.random.default_rng(4)
    )
    assert same(found, found_in(longer, index, 4, window=window, **options))


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("n_left", range(1, 10))
def test_later_bins_that_changed_after_bins_without_variance(window: str, n_left: int) -> None:
    index = area(4)
    counts = null_counts(index, 10)
    counts[:, [0, 3, 6]] = 1
    before = found_in(counts[:, :9], index, k=1, window=window)
    counts[:, n_left:] = null_counts(index, 10 - n_left, seed=n_left)
    found = extended(shortened(before.kept, n_left), counts[:, n_left:], rng=np.random.default_rng(0))
    assert same(found, found_in(counts, index, k=1, window=window))


def test_what_cannot_be_shortened_is_refused() -> None:
    index = area(1)
    with pytest.raises(InvalidParameter, match="1 to 5 bins can stay, got 6"):
        shortened(found_in(null_counts(index, 5), index).kept, 6)
    with pytest.raises(InvalidParameter, match="no whole numbers"):
        shortened(found_in(null_counts(index, 5) / 2, index).kept, 4)


@pytest.mark.parametrize("window", WINDOWS)
def test_one_bin_more_where_blocks_begin_to_be_permuted(window: str) -> None:
    index = area(5)
    counts = autocorrelated(index, 25)
    found = found_in(counts[:, :23], index, k=1, window=window)
    for t in (23, 24):
        found = extended(found, counts[:, t], rng=np.random.default_rng(7))
    assert found.trend_method == "block-permutation"
    assert same(found, found_in(counts, index, 7, k=1, window=window))


@pytest.mark.parametrize("window", WINDOWS)
def test_one_bin_more_that_is_not_whole_or_too_large_for_tables(window: str) -> None:
    index = area(4)
    counts = null_counts(index, 6).astype(float)
    for last in (counts[:, 5] / 2, np.where(np.isin(index.cells, MIDDLE), 1e8, counts[:, 5])):
        whole = np.column_stack([counts[:, :5], last])
        before = found_in(counts[:, :5], index, k=1, window=window)
        found = extended(before, last, rng=np.random.default_rng(8))
        assert (before.p_method, found.p_method) == ("exact", "monte-carlo")
        assert same(found, found_in(whole, index, 8, k=1, window=window))


@pytest.mark.parametrize("window", WINDOWS)
def test_one_bin_more_after_bins_without_variance(window: str) -> None:
    index = area(4)
    counts = null_counts(index, 9)
    counts[:, :6] = 1
    found = found_in(counts[:, :5], index, k=1, window=window)
    assert np.isnan(found.trend_z).all()
    for t in range(5, 9):
        found = extended(found, counts[:, t], rng=np.random.default_rng(0))
    assert same(found, found_in(counts, index, k=1, window=window))


@pytest.mark.parametrize("window", WINDOWS)
def test_the_order_of_the_cells_does_not_matter(window: str) -> None:
    # The same counts turned by a sixth: another order of the cells, the same neighbours.
    index = area(6)
    origin = int(MIDDLE[0])
    i0, j0 = h3.cell_to_local_ij(origin, origin)
    turned = []
    for cell in index.cells.tolist():
        i, j = h3.cell_to_local_ij(origin, cell)
        turned.append(h3.local_ij_to_cell(origin, i0 + (i - i0) - (j - j0), j0 + (i - i0)))
    place = np.searchsorted(index.cells, np.array(turned, dtype=np.uint64))
    counts = with_place(index, [0] * 6 + [1, 5])
    other = np.empty_like(counts)
    other[place] = counts
    one, two = found_in(counts, index, window=window), found_in(other, index, window=window)
    assert not np.array_equal(other, counts)
    assert np.array_equal(two.bins[place], one.bins)
    assert np.array_equal(two.pattern[place], one.pattern)
    np.testing.assert_allclose(two.p[place], one.p, rtol=1e-12)
    np.testing.assert_allclose(two.trend_z[place], one.trend_z, rtol=1e-12)


def test_sparse_counts_floats_and_other_layouts_are_the_same_counts() -> None:
    index = area(5)
    counts = with_place(index, [0] * 7 + [5])
    found = found_in(counts, index)
    for other in (
        csc_array(counts),
        counts.astype(float),
        np.asfortranarray(counts),
        counts.astype(np.uint8),
    ):
        assert same(found, found_in(other, index))


def test_the_counts_are_not_changed() -> None:
    index = area(4)
    counts = null_counts(index, 6)
    before = counts.copy()
    found_in(counts, index)
    assert np.array_equal(counts, before)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("value", [0, 3, 0.5])
def test_equal_counts_have_no_answer_and_say_why(window: str, value: float) -> None:
    index = area(4)
    found = found_in(np.full((len(index), 6), value), index, window=window)
    assert np.isnan(found.p).all()
    assert np.isnan([found.trend_z, found.trend_p]).all()
    assert set(found.pattern) == {"no pattern detected"}
    assert set(found.reason) == {"No answer: all values are equal."}
    assert not found.bins.any()
    assert found.diagnostics["null_cells"] == {"all values are equal": len(index)}
    assert found.diagnostics["n_tests"] == 0
    json.dumps(found.diagnostics, allow_nan=False)


def test_empty_bins_are_left_out_of_the_trend_by_step() -> None:
    index = area(6)
    counts = null_counts(index, 12)
    counts[:, [0, 5]] = 0
    found = found_in(counts, index, k=1, window="step", time_lag=0)
    assert np.isnan(found.p[:, [0, 5]]).all()
    assert found.diagnostics["n_tests"] == 10 * len(index)
    rest = found_in(np.delete(counts, [0, 5], axis=1), index, k=1, window="step", time_lag=0)
    assert np.array_equal(found.trend_z, rest.trend_z)


@pytest.mark.parametrize("p_method", ["auto", "monte-carlo"])
def test_a_disk_that_is_the_whole_area_has_no_answer_by_step_and_says_why(p_method: str) -> None:
    index = area(1)
    found = found_in(null_counts(index, 8), index, k=1, window="step", p_method=p_method)
    middle = np.isin(index.cells, MIDDLE)
    assert np.isnan(found.p[middle]).all()
    assert np.isnan(found.trend_z[middle]).all()
    assert found.reason[middle].tolist() == ["No answer: the disk is the whole study area."]
    assert np.isfinite(found.p[~middle]).all()
    # In time there is more to compare with than the place itself.
    assert np.isfinite(found_in(null_counts(index, 8), index, k=1, p_method=p_method).p).all()


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("p_method", ["auto", "monte-carlo"])
def test_one_cell_is_compared_with_itself_in_time_alone(window: str, p_method: str) -> None:
    counts = [[0, 0, 1, 0, 0, 0, 0, 1, 0, 9]]
    found = found_in(counts, area(0), k=1, time_lag=0, window=window, p_method=p_method)
    assert np.isnan(found.p).all() == (window != "cube")
    assert found.pattern.tolist() == ["no pattern detected"]
    assert np.isfinite(found.trend_z[0]) == (window == "cube")


@pytest.mark.parametrize("window", WINDOWS)
def test_islands_are_tested_each_on_its_own(window: str) -> None:
    index = neighbor_index(np.unique(cells_at(np.arange(-15.0, 15.0), np.zeros(30), 9)))
    found = found_in(null_counts(index, 6, 0.5), index, window=window)
    assert np.isfinite(found.p).all()


def test_pentagons_and_the_antimeridian_are_places_like_others() -> None:
    for middle in (np.array(h3.get_pentagons(9)[:1], dtype=np.uint64), cells_at([180.0], [-17.0], 9)):
        index = neighbor_index(disk(middle, 8))
        counts = null_counts(index, 10)
        counts[np.isin(index.cells, disk(middle, 1)), 9] += 12
        found = found_in(counts, index, k=1, time_lag=0)
        assert found.pattern[np.isin(index.cells, middle)].tolist() == ["new hot spot"]


@pytest.mark.parametrize("window", WINDOWS)
def test_where_nothing_ever_was_there_is_no_trend(window: str) -> None:
    # The others grow, so that z of what is always empty falls under "step": no trend of the place.
    index = area(10)
    counts = np.random.default_rng(2).poisson(np.linspace(3, 9, 12), (len(index), 12))
    counts[np.isin(index.cells, disk(MIDDLE, 5))] = 0
    counts[np.isin(index.cells, MIDDLE), 2] = 1
    found = found_in(counts, index, k=2, time_lag=0, window=window)
    never = np.isin(index.cells, disk(MIDDLE, 3)) & ~np.isin(index.cells, disk(MIDDLE, 2))
    seldom = np.isin(index.cells, disk(MIDDLE, 2))
    assert np.isnan(found.trend_z[never]).all()
    assert np.isnan(found.trend_p[never]).all()
    assert set(found.pattern[never]) == {"persistent cold spot"}
    assert all("held nothing in any bin: no trend." in reason for reason in found.reason[never])
    assert np.isfinite(found.trend_z[seldom]).all()
    assert not any("no trend" in reason for reason in found.reason[~never])
    assert found.diagnostics["cells_that_never_held_anything_in_reach"] == never.sum()


def test_growth_everywhere_is_named_under_cube_and_taken_out_by_step() -> None:
    index = area(8)
    counts = np.random.default_rng(2).poisson(np.linspace(0.5, 6, 12), (len(index), 12))
    cube, step = found_in(counts, index), found_in(counts, index, window="step")
    assert any("trend of its own" in warning for warning in cube.diagnostics["warnings"])
    assert any("read there what is said" in warning for warning in step.diagnostics["warnings"])
    assert (cube.last_bin > 0).mean() > 0.5
    assert (step.last_bin != 0).mean() < 0.02


def test_what_could_not_be_found_is_said() -> None:
    index = area(5)
    few = found_in(null_counts(index, 5), index).diagnostics["warnings"]
    assert any("at least 10 are advised" in warning for warning in few)
    sparse = found_in(null_counts(index, 12, 0.003), index, k=1).diagnostics["warnings"]
    assert any("too few to find anything" in warning for warning in sparse)
    simulated = found_in(null_counts(index), index, p_method="monte-carlo", simulations=99).diagnostics
    assert simulated["smallest_attainable_p"] == 2 / 100
    assert any("Raise simulations" in warning for warning in simulated["warnings"])
    json.dumps(simulated, allow_nan=False)
    assert all("not where risk is" in warnings[0] for warnings in (few, sparse, simulated["warnings"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k must be 1 to 10 or auto, got 0"),
        ({"k": "two"}, "k must be 1 to 10 or auto, got 'two'"),
        ({"time_lag": -1}, "time_lag must be 0 or more bins, got -1"),
        ({"time_lag": 1.5}, "time_lag must be 0 or more bins, got 1.5"),
        ({"window": "year"}, "cube, neighborhood, step"),
        ({"side": "left"}, "hot, cold, both"),
        ({"p_method": "normal"}, "auto, exact, monte-carlo"),
        ({"alpha": 0.0}, "alpha must lie between 0 and 1"),
        ({"trend_alpha": 1.0}, "trend_alpha must lie between 0 and 1"),
        ({"simulations": 0}, "at least 1 simulation"),
    ],
)
def test_a_parameter_out_of_range_is_refused(options: dict[str, object], message: str) -> None:
    index = area(2)
    with pytest.raises(InvalidParameter, match=message):
        found_in(null_counts(index, 5), index, **options)


@pytest.mark.parametrize("window", WINDOWS)
def test_exact_tables_that_are_too_large_are_refused_on_request_only(window: str) -> None:
    index = area(3)
    counts = np.random.default_rng(3).integers(0, 10**9, (len(index), 5))
    assert found_in(counts, index, window=window, simulations=9).p_method == "monte-carlo"
    with pytest.raises(InvalidParameter, match="choose p_method=monte-carlo"):
        found_in(counts, index, window=window, p_method="exact")


@pytest.mark.parametrize("change", [-5, 0.5])
def test_the_exact_p_of_what_is_no_count_is_refused(change: float) -> None:
    index = area(2)
    with pytest.raises(InvalidParameter, match="needs counts"):
        found_in(null_counts(index, 5) + change, index, p_method="exact")
    assert found_in(null_counts(index, 5) + change, index, simulations=9).p_method == "monte-carlo"


@pytest.mark.parametrize(
    "counts", [np.full((7, 5), np.nan), np.full((7, 5), np.inf), np.ones(7), np.ones((6, 5))]
)
def test_unfit_counts_are_refused(counts: NDArray[np.float64]) -> None:
    with pytest.raises(InvalidParameter, match="needed"):
        found_in(counts, area(1))


def test_a_new_bin_that_does_not_fit_is_refused() -> None:
    index = area(1)
    found = found_in(null_counts(index, 5), index)
    for new in (np.ones(6), np.full(7, np.nan)):
        with pytest.raises(InvalidParameter, match="needed"):
            extended(found, new, rng=np.random.default_rng(0))


def test_too_few_bins_or_cells_are_refused() -> None:
    index = area(1)
    with pytest.raises(TooFewObservations, match=r"at least 4 time bins \(10 are advised\), got 3"):
        found_in(null_counts(index, 3), index)
    with pytest.raises(TooFewObservations, match="at least 1 cell"):
        found_in(np.ones((0, 5)), neighbor_index([]))
