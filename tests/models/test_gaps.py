"""Gaps: a desert is found, a dense ordinary place is not, and shares that differ by chance make no map."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidParameter
from models.gaps import gaps, share_eb
from models.rates import empirical_bayes
from spatial.contiguity import contiguity_of_pairs
from spatial.grid import disk
from spatial.neighbors import neighbor_index

CELLS = disk([0x892A1358B17FFFF], 9)
INDEX = neighbor_index(CELLS)
CENTER = int(np.searchsorted(CELLS, 0x892A1358B17FFFF))
DESERT = np.searchsorted(CELLS, disk([0x892A1358B17FFFF], 2))


def homes(rng: np.random.Generator, mean: float = 30) -> np.ndarray:
    """Return strongly uneven numbers of homes, some cells without any."""
    return np.asarray(rng.poisson(mean * rng.lognormal(0, 1.2, len(CELLS)) / np.exp(0.72)))


def shares(rng: np.random.Generator, mean: float, rho: float) -> np.ndarray:
    if rho == 0:
        return np.full(len(CELLS), mean)
    return rng.beta(mean * (1 - rho) / rho, (1 - mean) * (1 - rho) / rho, len(CELLS))


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.85])
def test_a_small_desert_is_found_where_dense_places_hold_more_unserved(rho: float) -> None:
    rng = np.random.default_rng(3)
    n, share = homes(rng), shares(rng, 0.1, rho)
    n[DESERT], share[DESERT] = 6, 0.97
    dense = np.setdiff1d(np.argsort(n)[-20:], DESERT)
    n[dense], share[dense] = 2000, 0.1
    unserved = rng.binomial(n, share)
    found = gaps(unserved, n, INDEX)
    assert unserved[dense].min() > unserved[DESERT].max()
    assert (found.classes[DESERT] == "hot").mean() > 0.9
    far = np.setdiff1d(dense, np.searchsorted(CELLS, disk(CELLS[DESERT], 3)))
    assert len(far) > 5
    assert (found.classes[far] == "none").all()


@pytest.mark.parametrize(("side", "law"), [("hot", 0.3**7), ("cold", 0.7**7), ("both", 2 * 0.3**7)])
def test_the_smallest_attainable_p_is_that_of_a_disk_all_alike(side: str, law: float) -> None:
    n = np.ones(len(CELLS), dtype=np.int64)  # one home each leaves no room for clumping: the binomial law
    unserved = np.random.default_rng(1).permutation(np.arange(len(n)) < 0.3 * len(n)).astype(np.int64)
    found = gaps(unserved, n, INDEX, k=1, side=side).diagnostics
    assert found["smallest_attainable_p"] == pytest.approx(law, rel=0.35)  # the saddlepoint at the very end
    assert found["zeros"] == int((unserved == 0).sum())
    assert found["p_method"] == "beta-binomial"


@pytest.mark.parametrize("k", [1, "auto"])
def test_no_p_is_smaller_than_the_smallest_attainable(k: int | str) -> None:
    rng = np.random.default_rng(3)
    n, share = homes(rng, 3), shares(rng, 0.2, 0.3)
    share[DESERT] = 1.0
    found = gaps(rng.binomial(n, share), n, INDEX, k=k)
    assert 0 < found.diagnostics["smallest_attainable_p"] <= np.nanmin(found.p)


def test_without_a_test_there_is_no_p() -> None:
    found = gaps(np.zeros(len(CELLS), dtype=np.int64), np.ones(len(CELLS), dtype=np.int64), INDEX).diagnostics
    assert (found["n_tests"], found["p_method"], found["smallest_attainable_p"]) == (0, None, None)


@pytest.mark.parametrize("rho", [0.0, 0.5])
@pytest.mark.parametrize("mean", [0.05, 0.6])
def test_shares_that_differ_by_chance_alone_make_few_maps(mean: float, rho: float) -> None:
    """12 maps, each false with a chance of .05: 4 or more come in 2 of 1,000 such tests; seeds are fixed."""
    maps = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        n = homes(rng)
        found = gaps(rng.binomial(n, shares(rng, mean, rho)), n, INDEX, side="both")
        maps += int((found.classes != "none").any())
    assert maps <= 3


def test_units_without_locations_have_no_answer_and_change_no_other() -> None:
    rng = np.random.default_rng(5)
    n = homes(rng)
    n[::7] = 0
    unserved = rng.binomial(n, shares(rng, 0.2, 0.3))
    found = gaps(unserved, n, INDEX, k=1)
    inner = gaps(unserved[n > 0], n[n > 0], neighbor_index(CELLS[n > 0]), k=1)
    assert np.isnan(found.p[n == 0]).all()
    assert (found.classes[n == 0] == "none").all()
    assert found.diagnostics["null_units"]["no locations"] == (n == 0).sum()
    assert found.q[n > 0] == pytest.approx(inner.q, rel=1e-9)


def test_served_and_unserved_change_places() -> None:
    rng = np.random.default_rng(6)
    n = homes(rng)
    unserved = rng.binomial(n, shares(rng, 0.3, 0.4))
    unserved[DESERT] = n[DESERT]
    hot = gaps(unserved, n, INDEX, side="hot", k=2)
    cold = gaps(n - unserved, n, INDEX, side="cold", k=2)
    # Not the same fit: units that are unusually high are censored, and high is low on the other side.
    assert np.corrcoef(np.log(hot.p[n > 0]), np.log(cold.p[n > 0]))[0, 1] > 0.99
    assert np.array_equal(hot.classes == "hot", cold.classes == "cold")


def test_the_order_of_the_units_does_not_matter() -> None:
    rng = np.random.default_rng(7)
    n = rng.integers(1, 80, 40)
    unserved = rng.binomial(n, rng.beta(0.3, 1.5, 40))
    one, other = np.arange(39), np.arange(1, 40)
    found = gaps(unserved, n, contiguity_of_pairs(one, other, 40))
    order = rng.permutation(40)
    place = np.argsort(order)
    moved = gaps(unserved[order], n[order], contiguity_of_pairs(place[one], place[other], 40))
    assert moved.p == pytest.approx(found.p[order], rel=1e-9)


def test_areas_are_tested_alone_and_with_those_they_border_on() -> None:
    """A row of 60 areas: one alone stands out at 0 steps, three together at 1 step."""
    rng = np.random.default_rng(8)
    n = np.full(60, 400)
    unserved = rng.binomial(n, rng.beta(8, 72, 60))
    unserved[10], unserved[[39, 40, 41]] = 280, 150
    row = contiguity_of_pairs(np.arange(59), np.arange(1, 60), 60)
    found = gaps(unserved, n, row)
    assert found.diagnostics["rings"] == [0, 1]
    assert (found.classes[[10, 39, 40, 41]] == "hot").all()
    assert found.ring[10] == 0
    assert found.ring[40] == 1
    assert (found.classes[[20, 30, 50]] == "none").all()


@pytest.mark.parametrize(
    ("unserved", "why"), [(0, "no location is unserved"), (9, "every location is unserved")]
)
def test_a_layer_that_says_one_thing_everywhere_has_no_answer(unserved: int, why: str) -> None:
    found = gaps(np.full(len(CELLS), unserved), np.full(len(CELLS), 9), INDEX)
    assert np.isnan(found.z).all()
    assert found.diagnostics["null_units"] == {why: len(CELLS)}


def test_few_units_are_said_to_be_few() -> None:
    found = gaps([1, 5, 0], [10, 12, 9], contiguity_of_pairs([0], [1], 3))
    assert any("3 units only" in words for words in found.diagnostics["warnings"])


def test_phi_is_what_hotspots_would_call_the_dispersion() -> None:
    rng = np.random.default_rng(9)
    n = homes(rng)
    told = gaps(rng.binomial(n, shares(rng, 0.2, 0.3)), n, INDEX).diagnostics
    assert told["phi"] == pytest.approx(told["rho"] * (1 - told["level"]) / told["level"], rel=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": 0},
        {"k": 11},
        {"k": "wide"},
        {"alpha": 0.0},
        {"side": "left"},
    ],
    ids=str,
)
def test_a_parameter_outside_its_range_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidParameter):
        gaps(np.zeros(len(CELLS)), np.ones(len(CELLS)), INDEX, **wrong)  # type: ignore[arg-type]


def test_more_unserved_than_locations_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="exceed"):
        gaps(np.full(len(CELLS), 2), np.ones(len(CELLS)), INDEX)


def test_a_count_per_unit_is_needed() -> None:
    with pytest.raises(InvalidParameter, match="one count for each"):
        gaps([1], [2], INDEX)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=30))
def test_the_smoothed_share_stays_between_its_own_and_the_mean(pairs: list[tuple[int, int]]) -> None:
    o = np.array([min(pair) for pair in pairs])
    n = np.array([max(pair) for pair in pairs])
    found = share_eb(o, n)
    some = n > 0
    assert np.isnan(found[~some]).all()
    own, mean = o[some] / n[some], o.sum() / max(n.sum(), 1)
    assert (found[some] >= np.minimum(own, mean) - 1e-12).all()
    assert (found[some] <= np.maximum(own, mean) + 1e-12).all()


def test_rare_shares_are_smoothed_as_rates_are() -> None:
    """For a small share m (1 - m) is m: the estimate of `rates` is the limit."""
    rng = np.random.default_rng(10)
    n = rng.integers(1000, 90_000, 300)
    o = rng.binomial(n, rng.gamma(2, 1e-4 / 2, 300))
    assert share_eb(o, n) == pytest.approx(empirical_bayes(o, n).rate, rel=2e-3)
