import json

import h3.api.numpy_int as h3
import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import InvalidParameter, TooFewObservations
from models.exact import disk_sum_law, value_groups
from models.getis_ord import gi_star_z
from models.hotspots import Hotspots, hotspots
from models.significance import benjamini_hochberg, cauchy_combination
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, disk_sizes, disk_sums, neighbor_index, on_edge

MIDDLE = cells_at([-111.93], [33.42], 9)


def area(k: int) -> NeighborIndex:
    return neighbor_index(disk(MIDDLE, k))


def counts(index: NeighborIndex, mean: float = 1.0, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).poisson(mean, len(index))


def with_hotspot(index: NeighborIndex, radius: int = 3, mean: float = 6.0) -> NDArray[np.int64]:
    inside = np.isin(index.cells, disk(MIDDLE, radius))
    return np.where(inside, np.random.default_rng(9).poisson(mean, len(index)), counts(index))


def found_in(values: object, index: NeighborIndex, **options: object) -> Hotspots:
    return hotspots(values, index, rng=np.random.default_rng(0), **options)  # type: ignore[arg-type]


FIELDS = ("ring", "neighbors", "edge", "z", "p_hot", "p_cold", "p", "q", "gi_bin", "classes")


def same(a: Hotspots, b: Hotspots, order: NDArray[np.int64] | slice = slice(None)) -> bool:
    return all(
        np.array_equal(
            getattr(a, name)[order], getattr(b, name), equal_nan=getattr(a, name).dtype.kind == "f"
        )
        for name in FIELDS
    )


@pytest.mark.parametrize("k", [1, 2, 3])
def test_one_ring_is_gi_star_with_its_exact_p(k: int) -> None:
    index = area(12)
    values = with_hotspot(index)
    found = found_in(values, index, k=k)
    sums, sizes = disk_sums(index, values, k), disk_sizes(index, k)
    law = disk_sum_law(value_groups(values), int(sizes.max()), int(sums.max()))
    p_hot, p_cold = law.tails(sums, sizes)
    assert np.array_equal(found.p_hot, p_hot)
    assert np.array_equal(found.p_cold, p_cold)
    assert np.array_equal(found.p, p_hot)
    assert np.array_equal(found.z, gi_star_z(sums, sizes, values))
    assert np.array_equal(found.neighbors, sizes)
    assert np.array_equal(found.edge, on_edge(index, k))
    assert np.array_equal(found.q, benjamini_hochberg(p_hot))
    assert set(found.ring) == {k}


@pytest.mark.parametrize("side", ["hot", "cold", "both"])
def test_auto_combines_rings_and_reports_the_best(side: str) -> None:
    index = area(12)
    values = with_hotspot(index)
    single = [found_in(values, index, k=k, side=side) for k in (1, 2, 3)]
    found = found_in(values, index, side=side)
    judged = np.stack([one.p for one in single])
    best = judged.argmin(axis=0)
    np.testing.assert_allclose(found.p, cauchy_combination(judged), rtol=1e-9)
    assert np.array_equal(found.ring, best + 1)
    for name in ("z", "p_hot", "p_cold", "neighbors", "edge"):
        assert np.array_equal(getattr(found, name), np.choose(best, [getattr(one, name) for one in single]))


def test_both_sides_judge_twice_the_smaller_tail() -> None:
    index = area(12)
    found = found_in(with_hotspot(index), index, k=2, side="both")
    assert np.array_equal(found.p, np.minimum(1, 2 * np.minimum(found.p_hot, found.p_cold)))
    hot = found.classes == "hot"
    assert hot.any()
    assert (found.p_hot[hot] < found.p_cold[hot]).all()
    assert (found.q[found.classes != "none"] <= 0.05).all()


def test_a_planted_hotspot_is_found_and_nothing_far_from_it() -> None:
    index = area(20)
    hot = index.cells[found_in(with_hotspot(index), index).classes == "hot"]
    assert np.isin(disk(MIDDLE, 2), hot).all()
    assert np.isin(hot, disk(MIDDLE, 6)).all()


def test_a_hole_in_the_data_is_cold_and_only_if_asked_for() -> None:
    index = area(20)
    values = np.where(np.isin(index.cells, disk(MIDDLE, 4)), 0, counts(index, 4))
    cold = found_in(values, index, side="cold")
    assert np.isin(disk(MIDDLE, 2), index.cells[cold.classes == "cold"]).all()
    assert cold.gi_bin.min() == -3
    assert cold.gi_bin.max() == 0
    assert "cold" not in found_in(values, index, side="hot").classes


@pytest.mark.parametrize("p_method", ["exact", "monte-carlo", "normal"])
@pytest.mark.parametrize("factor", [3, 10])
def test_scale_changes_no_verdict(p_method: str, factor: int) -> None:
    index = area(10)
    values = with_hotspot(index)
    plain = found_in(values, index, p_method=p_method)
    scaled = found_in(factor * values, index, p_method=p_method)
    np.testing.assert_allclose(scaled.p, plain.p, rtol=1e-9)
    np.testing.assert_allclose(scaled.z, plain.z, atol=1e-12)
    assert np.array_equal(scaled.classes, plain.classes)


def test_turning_the_map_turns_the_answer() -> None:
    """The grid has no preferred direction: the sixfold turn of a map about a cell only moves the cells."""
    index = area(8)
    origin = int(MIDDLE[0])
    ij = np.array([h3.cell_to_local_ij(origin, int(cell)) for cell in index.cells])
    i, j = (ij - h3.cell_to_local_ij(origin, origin)).T
    keys = i * 1000 + j
    turned = np.argsort(keys)[np.searchsorted(np.sort(keys), (i - j) * 1000 + i)]
    values = with_hotspot(index, radius=2)
    assert same(found_in(values[turned], index), found_in(values, index), np.argsort(turned))


def test_whole_numbers_as_floats_are_counts() -> None:
    index = area(8)
    values = with_hotspot(index)
    assert same(found_in(values.astype(float), index), found_in(values, index))
    assert found_in(values.astype(float), index).p_method == "exact"


@pytest.mark.parametrize(
    ("change", "options"),
    [
        (lambda x: x + 0.5, {}),
        (lambda x: x - 1, {}),
        (lambda x: x, {"kernel": "gaussian"}),
        (lambda x: x**2 * 1_000_003 + np.arange(len(x)), {}),
    ],
    ids=["fractions", "negative", "kernel", "table too large"],
)
def test_auto_goes_to_monte_carlo_where_the_exact_p_cannot(change: object, options: dict[str, str]) -> None:
    index = area(10)
    found = found_in(change(with_hotspot(index)), index, **options)  # type: ignore[operator]
    assert found.p_method == found.diagnostics["p_method"] == "monte-carlo"
    assert found.diagnostics["smallest_attainable_p"] == 1 / 1000
    assert found.p_hot.min() >= 1 / 1000
    assert (found.classes == "hot").any()


@pytest.mark.parametrize("kernel", ["triangular", "quartic", "gaussian"])
def test_kernels_find_the_hotspot_too(kernel: str) -> None:
    index = area(12)
    found = found_in(with_hotspot(index), index, kernel=kernel, k=3)
    assert MIDDLE[0] in index.cells[found.classes == "hot"]
    assert found.diagnostics["kernel"] == kernel


def test_monte_carlo_repeats_with_its_seed_and_differs_without() -> None:
    index = area(8)
    values = with_hotspot(index)
    runs = [
        hotspots(values, index, p_method="monte-carlo", rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    ]
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_monte_carlo_and_exact_p_agree() -> None:
    index = area(8)
    values = with_hotspot(index)
    exact = found_in(values, index, k=1)
    simulated = found_in(values, index, k=1, p_method="monte-carlo", simulations=20_000)
    np.testing.assert_allclose(simulated.p_hot, exact.p_hot, atol=0.015)


@pytest.mark.parametrize("value", [0, 3, 0.5])
def test_equal_values_have_no_answer_and_say_why(value: float) -> None:
    index = area(5)
    found = found_in(np.full(len(index), value), index)
    assert np.isnan([found.z, found.p, found.q, found.p_hot, found.p_cold]).all()
    assert set(found.classes) == {"none"}
    assert found.diagnostics["null_cells"] == {"all values are equal": len(index)}
    assert found.diagnostics["n_tests"] == 0


def test_a_disk_that_is_the_whole_area_has_no_answer_and_says_why() -> None:
    index = area(1)
    found = found_in([9, 0, 0, 0, 0, 0, 1], index, k=1)
    whole = found.neighbors == 7
    assert whole.sum() == 1
    assert np.isnan(found.z[whole]).all()
    assert np.isnan(found.q[whole]).all()
    assert np.isfinite(found.p[~whole]).all()
    assert found.diagnostics["null_cells"] == {"the disk is the whole study area": 1}
    assert found.diagnostics["n_tests"] == 6


def test_auto_leaves_out_the_rings_without_an_answer() -> None:
    index = area(2)
    values = np.arange(len(index))
    found = found_in(values, index)
    single = [found_in(values, index, k=k) for k in (1, 2, 3)]
    np.testing.assert_allclose(found.p, cauchy_combination([one.p for one in single]), rtol=1e-9)
    assert np.isnan(single[2].p).any()
    assert np.isfinite(found.p).all()


@pytest.mark.parametrize("p_method", ["auto", "monte-carlo", "normal"])
def test_one_cell_has_no_answer(p_method: str) -> None:
    found = found_in([4], area(0), p_method=p_method)
    assert np.isnan(found.p).all()
    assert found.classes.tolist() == ["none"]


@pytest.mark.parametrize("p_method", ["auto", "monte-carlo", "normal"])
def test_islands_are_tested_each_on_its_own(p_method: str) -> None:
    index = neighbor_index(np.unique(cells_at(np.arange(-100.0, 100.0), np.zeros(200), 9)))
    found = found_in([1000] + [0] * 199, index, p_method=p_method)
    assert set(found.neighbors) == {1}
    assert found.edge.all()
    # One cell in 200 cannot be confirmed by any permutation.
    assert p_method == "normal" or set(found.classes) == {"none"}


def test_pentagons_and_the_antimeridian_are_places_like_others() -> None:
    for middle in (np.array(h3.get_pentagons(9)[:1], dtype=np.uint64), cells_at([180.0], [-17.0], 9)):
        index = neighbor_index(disk(middle, 12))
        values = np.where(np.isin(index.cells, disk(middle, 2)), 8, counts(index))
        found = found_in(values, index)
        at = int(np.searchsorted(index.cells, middle[0]))
        assert found.classes[at] == "hot"
        assert not found.edge[at]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k must be 1 to 10 or auto, got 0"),
        ({"k": 11}, "k must be 1 to 10 or auto, got 11"),
        ({"k": "two"}, "k must be 1 to 10 or auto, got 'two'"),
        ({"k": 1.5}, "k must be 1 to 10 or auto, got 1.5"),
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 1.0}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"side": "left"}, "hot, cold, both"),
        ({"kernel": "flat"}, "uniform, triangular"),
        ({"p_method": "magic"}, "auto, exact, monte-carlo, normal"),
        ({"p_method": "binomial"}, "denominator"),
        ({"p_method": "negative-binomial"}, "denominator"),
        ({"p_method": "exact", "kernel": "quartic"}, "uniform kernel"),
        ({"simulations": 0}, "at least 1 simulation"),
    ],
)
def test_a_parameter_out_of_range_is_refused(options: dict[str, object], message: str) -> None:
    index = area(3)
    with pytest.raises(InvalidParameter, match=message):
        found_in(counts(index), index, **options)


@pytest.mark.parametrize("values", [[np.nan] * 7, [np.inf] * 7, [1, 2], [[1] * 7]])
def test_unfit_values_are_refused(values: object) -> None:
    with pytest.raises(InvalidParameter, match="needed"):
        found_in(values, area(1))


@pytest.mark.parametrize("change", [-1, 0.5])
def test_the_exact_p_of_what_is_no_count_is_refused(change: float) -> None:
    index = area(3)
    with pytest.raises(InvalidParameter, match="needs counts"):
        found_in(counts(index) + change, index, p_method="exact")


def test_no_cell_is_refused() -> None:
    with pytest.raises(TooFewObservations, match="at least 1 cell, got 0"):
        found_in([], neighbor_index([]))


def test_the_values_are_not_changed() -> None:
    index = area(5)
    values = counts(index)
    before = values.copy()
    found_in(values, index)
    assert np.array_equal(values, before)


def test_diagnostics_say_what_the_data_can_show() -> None:
    index = area(15)
    values = with_hotspot(index)
    found = found_in(values, index, k=2).diagnostics
    assert found["n"] == found["n_tests"] == len(index)
    assert found["zeros"] == (values == 0).sum()
    assert found["mean"] == pytest.approx(values.mean())
    assert found["variance"] == pytest.approx(values.var())
    assert found["dispersion"] == pytest.approx(values.var() / values.mean())
    assert found["smallest_p_needed"] == pytest.approx(0.05 / len(index))
    assert found["expected_events_per_disk"] == {
        2: pytest.approx(values.mean() * disk_sizes(index, 2).mean())
    }
    assert found["share_on_edge"] == {2: pytest.approx(on_edge(index, 2).mean())}
    json.dumps(found, allow_nan=False)


def test_the_sum_that_is_confirmed_alone_is_the_first_below_the_level_needed() -> None:
    index = area(15)
    found = found_in(with_hotspot(index), index, k=2)
    full = found.neighbors == 19
    sums = disk_sums(index, with_hotspot(index), 2)
    enough = sums >= found.diagnostics["confirmed_alone_at"][2]
    assert np.array_equal(found.p_hot[full] <= found.diagnostics["smallest_p_needed"], enough[full])


@pytest.mark.parametrize(
    ("mean", "options", "sentence"),
    [
        (2.0, {}, "not where risk is"),
        (0.02, {}, "twice the risk are not found at all"),
        (0.01, {"k": 1}, "too few to find anything but strong concentrations"),
        (2.0, {"p_method": "monte-carlo", "simulations": 99}, "Raise simulations"),
        (2.0, {"p_method": "normal"}, "normal p calls false hotspots"),
        (0.05, {"k": 1, "side": "cold"}, "Nothing could be confirmed"),
    ],
)
def test_warnings_are_sentences(mean: float, options: dict[str, object], sentence: str) -> None:
    index = area(20)
    warnings = found_in(counts(index, mean), index, **options).diagnostics["warnings"]
    assert any(sentence in warning for warning in warnings)
    assert all(warning.endswith(".") for warning in warnings)
