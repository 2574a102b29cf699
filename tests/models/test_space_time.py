"""The p of disks in space and time beside enumeration, the model of single maps, and simulation."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.exact import disk_sum_law, value_groups
from models.getis_ord import gi_star_z
from models.hotspots import hotspots
from models.significance import truncated_cauchy
from models.space_time import (
    WINDOWS,
    Cube,
    Design,
    are_feasible,
    cube_of,
    cube_with,
    extents,
    judged,
    lag0_z,
    smallest_p,
)
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, disk_sizes, disk_sums, neighbor_index

MIDDLE = cells_at([-111.93], [33.42], 9)


def area(radius: int) -> NeighborIndex:
    return neighbor_index(disk(MIDDLE, radius))


def three_cells() -> NeighborIndex:
    """Three cells of which each two are neighbours, or two pairs that share one."""
    return neighbor_index(disk(MIDDLE, 1)[[0, 2, 4]])


def p_of(
    cube: Cube, design: Design, *, simulations: int = 0, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    laws = None if simulations else extents(cube, design)
    return judged(cube, design, laws, simulations=simulations, rng=np.random.default_rng(seed))


def enumerated(
    counts: NDArray[np.int64], cube: Cube, design: Design, t: int, cell: int
) -> tuple[float, float]:
    """Both tails by writing out every sample that the null allows."""
    reach = list(design.reach(t))
    size = int(cube.sizes[0][cell])
    seen = sum(int(cube.sums[0][u, cell]) for u in reach)
    if design.window == "step":
        drawn = [[sum(some) for some in combinations(counts[u].tolist(), size)] for u in reach]
        sums = np.array([sum(parts) for parts in product(*drawn)])
    else:
        values = counts if design.window == "cube" else counts[reach]
        sums = np.array([sum(some) for some in combinations(values.ravel().tolist(), size * len(reach))])
    return float((sums >= seen).mean()), float((sums <= seen).mean())


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=12, max_size=12),
    st.sampled_from(WINDOWS),
    st.integers(0, 2),
    st.sampled_from(["hot", "cold", "both"]),
)
def test_the_exact_p_equals_enumeration(values: list[int], window: str, lag: int, side: str) -> None:
    counts = np.array(values).reshape(4, 3)
    cube, design = cube_of(three_cells(), counts, (1,)), Design(lag, window, side)
    p, is_hot = p_of(cube, design)
    for t, cell in product(range(4), range(3)):
        if np.isnan(p[t, cell]):
            seen = enumerated(counts, cube, design, t, cell)
            assert seen == (1.0, 1.0)
            continue
        hot, cold = enumerated(counts, cube, design, t, cell)
        wanted = {"hot": hot, "cold": cold, "both": min(1.0, 2 * min(hot, cold))}[side]
        assert p[t, cell] == pytest.approx(wanted, rel=1e-10)
        assert side != "both" or hot == pytest.approx(cold) or is_hot[t, cell] == (hot < cold)


@pytest.mark.parametrize("side", ["hot", "cold", "both"])
@pytest.mark.parametrize("k", [1, 2])
def test_without_lag_the_window_step_is_a_map_a_bin(k: int, side: str) -> None:
    index = area(7)
    counts = np.random.default_rng(0).negative_binomial(0.5, 0.3, (5, len(index)))
    p, _ = p_of(cube_of(index, counts, (k,)), Design(0, "step", side))
    for row, found in zip(counts, p, strict=True):
        single = hotspots(row, index, k=k, side=side, rng=np.random.default_rng(0))
        np.testing.assert_allclose(found, single.p, rtol=1e-9)


def test_one_ring_of_the_cube_is_a_lookup_in_the_law_of_all_values() -> None:
    index = area(6)
    counts = np.random.default_rng(1).poisson(0.7, (6, len(index)))
    p, _ = p_of(cube_of(index, counts, (2,)), Design(1, "cube", "hot"))
    law = disk_sum_law(value_groups(counts.ravel()), 38, 200)
    for t in range(6):
        bins = [t] if t == 0 else [t - 1, t]
        sums = sum(disk_sums(index, counts[u], 2) for u in bins)
        upper, _ = law.tails(sums, disk_sizes(index, 2) * len(bins))
        np.testing.assert_allclose(p[t], upper, rtol=1e-9)


@pytest.mark.parametrize("window", WINDOWS)
def test_several_rings_are_combined_side_by_side(window: str) -> None:
    index = area(5)
    counts = np.random.default_rng(2).poisson(1, (4, len(index)))
    tails = {
        side: [p_of(cube_of(index, counts, (k,)), Design(1, window, side))[0] for k in (1, 2, 3)]
        for side in ("hot", "cold")
    }
    hot, cold = (truncated_cauchy([p.ravel() for p in tails[side]]) for side in ("hot", "cold"))
    for side, wanted in (("hot", hot), ("cold", cold), ("both", np.minimum(1, 2 * np.minimum(hot, cold)))):
        p, _ = p_of(cube_of(index, counts, (1, 2, 3)), Design(1, window, side))
        np.testing.assert_allclose(p.ravel(), wanted, rtol=1e-9)


@pytest.mark.parametrize("window", WINDOWS)
def test_simulation_agrees_with_the_exact_p(window: str) -> None:
    index = area(4)
    counts = np.random.default_rng(3).poisson(1.5, (5, len(index)))
    cube = cube_of(index, counts, (1,))
    for side in ("hot", "cold"):
        exact, _ = p_of(cube, Design(1, window, side))
        simulated, _ = p_of(cube, Design(1, window, side), simulations=20_000)
        # Standard error of a share of 20,000 draws: at most .0035; four of them.
        np.testing.assert_allclose(simulated, exact, atol=0.014)


@pytest.mark.parametrize("window", WINDOWS)
def test_several_rings_are_simulated_too(window: str) -> None:
    index = area(4)
    counts = np.random.default_rng(4).poisson(1.5, (4, len(index)))
    cube, design = cube_of(index, counts, (1, 2)), Design(1, window, "both")
    exact, simulated = p_of(cube, design)[0], p_of(cube, design, simulations=5_000)[0]
    # A p near 1 of one ring weighs much in the mean; what may be called is far from there.
    np.testing.assert_allclose(simulated[exact < 0.2], exact[exact < 0.2], atol=0.04)


@pytest.mark.parametrize("window", ["neighborhood", "step"])
def test_a_bin_never_looks_forward(window: str) -> None:
    index = area(5)
    counts = np.random.default_rng(5).poisson(1, (6, len(index)))
    other = counts.copy()
    other[4:] = 7 * np.random.default_rng(6).poisson(3, (2, len(index)))
    found = [p_of(cube_of(index, x, (1, 2)), Design(2, window, "both"))[0] for x in (counts, other)]
    assert np.array_equal(found[0][:4], found[1][:4])
    assert not np.array_equal(found[0][4], found[1][4])


def test_the_window_step_takes_out_what_all_cells_have_in_common() -> None:
    index = area(5)
    counts = np.random.default_rng(7).poisson(1, (5, len(index)))
    lifted = counts + np.array([0, 3, 9, 1, 20])[:, None]
    design = Design(1, "step", "both")
    plain, moved = (p_of(cube_of(index, x, (2,)), design)[0] for x in (counts, lifted))
    np.testing.assert_allclose(moved, plain, rtol=1e-9)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("factor", "shift"), [(3, 0), (1, 4), (2, 1)])
def test_scale_and_shift_change_no_p(window: str, factor: int, shift: int) -> None:
    index = area(5)
    counts = np.random.default_rng(8).poisson(1, (4, len(index)))
    design = Design(1, window, "both")
    plain, moved = (p_of(cube_of(index, x, (1,)), design)[0] for x in (counts, factor * counts + shift))
    np.testing.assert_allclose(moved, plain, rtol=1e-9)


@pytest.mark.parametrize("window", WINDOWS)
def test_a_far_tail_of_a_sum_over_bins_keeps_its_digits(window: str) -> None:
    # One pile in one bin: whoever holds it is found by hypergeometric counting alone.
    index = area(6)
    counts = np.zeros((4, len(index)), dtype=np.int64)
    counts[1:3, np.isin(index.cells, MIDDLE)] = 900
    counts[:, 0] = 1
    cube = cube_of(index, counts, (1,))
    p, _ = p_of(cube, Design(1, window, "hot"))
    at, n = int(np.searchsorted(index.cells, MIDDLE[0])), len(index)
    both = {"cube": 14 * 13 / (4 * n * (4 * n - 1)), "neighborhood": 14 * 13 / (2 * n * (2 * n - 1))}
    assert p[2, at] == pytest.approx(both.get(window, (7 / n) ** 2), rel=1e-9)


def test_z_without_lag_orders_as_gi_star() -> None:
    index = area(5)
    counts = np.random.default_rng(9).poisson(1, (5, len(index)))
    cube = cube_of(index, counts, (1,))
    single = np.array([gi_star_z(disk_sums(index, x, 1), disk_sizes(index, 1), x) for x in counts])
    np.testing.assert_allclose(lag0_z(cube, 0, Design(1, "step", "hot")), single, atol=1e-8)
    sums = lag0_z(cube, 0, Design(1, "cube", "hot"))
    assert np.array_equal(sums, [disk_sums(index, x, 1) for x in counts])
    halves = lag0_z(cube_of(index, counts / 2, (1,)), 0, Design(1, "cube", "hot"))
    assert np.array_equal(np.sign(halves[1:] - halves[:-1]), np.sign(sums[1:] - sums[:-1]))


@pytest.mark.parametrize("window", WINDOWS)
def test_a_bin_more_gives_the_same_cube(window: str) -> None:
    index = area(4)
    counts = np.random.default_rng(10).poisson(1, (5, len(index)))
    whole, grown = cube_of(index, counts, (1, 3)), cube_with(cube_of(index, counts[:4], (1, 3)), counts[4])
    assert np.array_equal(whole.counts, grown.counts)
    assert all(np.array_equal(a, b) for a, b in zip(whole.sums, grown.sums, strict=True))
    design = Design(1, window, "hot")
    first = 0 if window == "cube" else 4
    latest, _ = judged(
        grown,
        design,
        extents(grown, design, first=first),
        first=first,
        simulations=1,
        rng=np.random.default_rng(0),
    )
    assert np.array_equal(latest[-1], p_of(whole, design)[0][-1])


def test_a_bin_of_larger_numbers_widens_the_cube() -> None:
    index = area(3)
    counts = np.random.default_rng(10).poisson(1, (5, len(index)))
    counts[4] *= 10**10
    whole, grown = cube_of(index, counts, (1, 3)), cube_with(cube_of(index, counts[:4], (1, 3)), counts[4])
    assert np.array_equal(grown.counts, counts)
    assert all(np.array_equal(a, b) for a, b in zip(whole.sums, grown.sums, strict=True))


@pytest.mark.parametrize("window", WINDOWS)
def test_the_smallest_attainable_p_is_that_of_the_largest_sum(window: str) -> None:
    counts = np.array([[0, 0, 1], [2, 0, 0], [0, 3, 0], [5, 0, 1]])
    cube, design = cube_of(three_cells(), counts, (1,)), Design(1, window, "hot")
    law = extents(cube, design)[-1]
    found = smallest_p(law, cube, design, 3)
    attained = []
    for c in sorted({int(size) for size in cube.sizes[0]}):
        if window == "step":
            if c == 3:
                continue
            drawn = [[sum(s) for s in combinations(counts[u].tolist(), c)] for u in (2, 3)]
            sums = np.array([sum(parts) for parts in product(*drawn)])
        else:
            values = counts if window == "cube" else counts[2:]
            if 2 * c >= values.size:
                continue
            sums = np.array([sum(s) for s in combinations(values.ravel().tolist(), 2 * c)])
        attained.append(((sums == sums.max()).mean(), (sums == sums.min()).mean()))
    assert found == pytest.approx(tuple(np.min(attained, axis=0)) if attained else (1.0, 1.0))


def test_tables_that_would_be_too_large_are_told() -> None:
    index = area(3)
    counts = np.random.default_rng(11).integers(0, 10**9, (4, len(index)))
    cube = cube_of(index, counts, (1,))
    assert not any(
        are_feasible(extents(cube, Design(1, w, "hot")), cube, Design(1, w, "hot")) for w in WINDOWS
    )
