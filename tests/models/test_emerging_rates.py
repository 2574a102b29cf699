"""Emerging hotspots with a population: the law of cells over several bins, planted risks, invariances."""

import json
from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import nbinom, poisson

from models.dispersion import fit_dispersion, fit_level
from models.emerging import Emerging, emerging, extended
from models.errors import DegenerateInput, InvalidParameter
from models.space_time import WINDOWS, Design, cube_of
from models.space_time_rates import judged_rates, lag0_rate_z, rates_of
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, disk_sums, neighbor_index

MIDDLE = cells_at([-111.93], [33.42], 9)
N_BINS = 12


def area(radius: int) -> NeighborIndex:
    return neighbor_index(disk(MIDDLE, radius))


def found_in(counts: object, index: NeighborIndex, people: object, **options: object) -> Emerging:
    return emerging(counts, index, population=people, rng=np.random.default_rng(0), **options)  # type: ignore[arg-type]


def uneven(index: NeighborIndex, seed: int = 0) -> NDArray[np.float64]:
    """Return a population that is 16 times as dense in the middle as at the rim, with noise."""
    near = np.sum([np.isin(index.cells, disk(MIDDLE, k)) for k in range(8)], axis=0)
    return 2.0 ** (near / 2) * np.random.default_rng(seed).lognormal(0, 0.5, len(index)) * 100


def counts_of(
    people: NDArray[np.float64], mean: float = 2.0, seed: int = 1, risk: object = 1.0
) -> NDArray[np.int64]:
    means = np.broadcast_to(people[:, None] / people.mean() * mean, (len(people), N_BINS)) * np.asarray(risk)
    return np.random.default_rng(seed).poisson(means)


def village_of(index: NeighborIndex) -> NDArray[np.bool_]:
    """Return seven cells near the rim, far from where the people are."""
    rim = index.cells[np.isin(index.cells, disk(MIDDLE, 7)) & ~np.isin(index.cells, disk(MIDDLE, 6))]
    return np.isin(index.cells, disk(rim[:1], 1))


@pytest.mark.parametrize("window", WINDOWS)
def test_a_rise_where_few_live_is_found_and_a_crowd_is_not(window: str) -> None:
    index = area(9)
    people, village = uneven(index), village_of(index)
    rises = np.where(village[:, None] & (np.arange(N_BINS) >= N_BINS - 3), 8.0, 1.0)
    counts = counts_of(people, risk=rises)
    found = found_in(counts, index, people, window=window, time_lag=0)
    bare = emerging(counts, index, window=window, time_lag=0, rng=np.random.default_rng(0))
    downtown = np.isin(index.cells, disk(MIDDLE, 2))
    assert (found.last_bin[village] >= 2).mean() > 0.8
    assert (found.short[village] == "emerging").mean() > 0.8
    assert (found.last_bin[downtown] == 0).all()
    assert (bare.last_bin[downtown] == 3).all()
    assert found.p_method == found.diagnostics["p_method"] == "negative-binomial"
    assert (found.relative_risk[village] > 2).all()
    assert (found.rr_low[village] > 1).mean() > 0.8
    assert not any("No denominator" in words for words in found.diagnostics["warnings"])
    json.dumps(found.diagnostics, allow_nan=False)


def test_a_risk_that_falls_is_a_cold_spot() -> None:
    index = area(9)
    people = uneven(index)
    emptied = np.isin(index.cells, disk(MIDDLE, 2))[:, None] & (np.arange(N_BINS) >= N_BINS - 3)
    found = found_in(counts_of(people, 4.0, risk=np.where(emptied, 0.05, 1.0)), index, people, time_lag=0)
    at = int(np.searchsorted(index.cells, MIDDLE[0]))
    assert found.pattern[at] == "consecutive cold spot"
    assert (
        found_in(counts_of(people, risk=np.where(emptied, 0.05, 1.0)), index, people, side="hot").bins >= 0
    ).all()


@pytest.mark.parametrize("lag", [0, 1, 2])
@pytest.mark.parametrize("window", WINDOWS)
def test_without_dispersion_p_is_that_of_poisson_sums(window: str, lag: int) -> None:
    index = area(4)
    people = uneven(index)
    cube = cube_of(index, counts_of(people).T, (1,))
    design = Design(lag, window, "both")
    rates = rates_of(cube, design, people)
    nothing = np.zeros(N_BINS)
    rates = replace(rates, lagged=replace(rates.lagged, phis=nothing, levels=nothing + 1))
    p, is_hot = judged_rates(cube, design, rates)
    expected = people / people.sum() * cube.counts.sum()
    for t in (0, 5):
        reached = cube.counts[max(t - lag, 0) : t + 1]
        share = len(reached) / N_BINS if window == "cube" else reached.sum() / cube.counts.sum()
        mean = disk_sums(index, expected * share, 1)
        s = disk_sums(index, reached.sum(axis=0), 1)
        upper, lower = poisson.sf(s - 1, mean), poisson.cdf(s, mean)
        np.testing.assert_allclose(p[t], np.minimum(1, 2 * np.minimum(upper, lower)), rtol=1e-9)
        assert np.array_equal(is_hot[t], upper <= lower)


@pytest.mark.parametrize("phi", [0.5, 2.0])
def test_p_is_that_of_sums_of_unlike_negative_binomials(phi: float) -> None:
    # All sums of a disk by convolution; what is left is the error of the saddlepoint.
    index = area(2)
    people = uneven(index)
    counts = counts_of(people, 3.0)
    counts[np.isin(index.cells, disk(MIDDLE, 1)), 5] += 25
    cube, design = cube_of(index, counts.T, (1,)), Design(1, "cube", "hot")
    rates = rates_of(cube, design, people)
    rates = replace(rates, lagged=replace(rates.lagged, phis=np.full(N_BINS, phi)))
    p, _ = judged_rates(cube, design, rates)
    usual = rates.whole.expected * 2 / N_BINS * rates.lagged.levels[5]
    around = np.isin(index.cells, disk(MIDDLE, 1))
    s = int(cube.counts[4:6][:, around].sum())
    grid = np.arange(2000)
    laws = [nbinom.pmf(grid, 1 / phi, 1 / (1 + phi * mean)) for mean in usual[around]]
    exact = reduce(lambda one, other: np.convolve(one, other)[: len(grid)], laws)[s:].sum()
    at = int(np.searchsorted(index.cells, MIDDLE[0]))
    assert exact < 0.2
    assert p[5, at] == pytest.approx(exact, rel=0.1)


def test_dispersion_of_the_bins_together_tells_what_stays_with_the_cell() -> None:
    # What every bin draws anew is worth half over two bins; what stays with the cell is worth as much.
    index = area(12)
    people, rng = uneven(index), np.random.default_rng(3)
    shape = (len(index), N_BINS)
    means = people[:, None] / people.mean() * 4.0
    anew = rng.poisson(means * rng.gamma(1.0, 1.0, shape))
    for_ever = rng.poisson(means * rng.gamma(1.0, 1.0, (shape[0], 1)) * np.ones(shape))
    options = {"time_lag": 1, "k": 1}
    told = [found_in(counts, index, people, **options).diagnostics for counts in (anew, for_ever)]
    assert told[0]["phi_of_single_bins"] == pytest.approx(1.0, rel=0.15)
    assert told[0]["phi"] == pytest.approx(0.5, rel=0.15)
    assert told[0]["phi_of_whole_period"] == pytest.approx(1 / 12, rel=0.3)
    assert [told[1][name] for name in ("phi_of_single_bins", "phi", "phi_of_whole_period")] == pytest.approx(
        [1.0, 1.0, 1.0], rel=0.2
    )


def test_risks_in_two_large_parts_are_told() -> None:
    index = area(9)
    people, rng = uneven(index), np.random.default_rng(3)
    shape = (len(index), N_BINS)
    means = people[:, None] / people.mean() * 4.0
    stays, anew = rng.gamma(1.0, 1.0, (shape[0], 1)), rng.gamma(1.0, 1.0, shape)
    told = [
        any(
            "in two ways" in words
            for words in found_in(rng.poisson(m), index, people, k=1).diagnostics["warnings"]
        )
        for m in (means * stays * np.ones(shape), means * anew, means * stays * anew)
    ]
    assert told == [False, False, True]


def test_the_first_bins_have_the_dispersion_of_fewer_bins() -> None:
    index = area(9)
    people, rng = uneven(index), np.random.default_rng(3)
    means = people[:, None] / people.mean() * 4.0 * rng.gamma(1.0, 1.0, (len(index), N_BINS))
    cube = cube_of(index, rng.poisson(means).T, (1,))
    rates = rates_of(cube, Design(2, "cube", "both"), people)
    one, three = rates.single.fit.phi, rates.lagged.fit.phi
    assert rates.lagged.phis[[0, 2, 11]] == pytest.approx([one, three, three])
    assert three < rates.lagged.phis[1] < (one + three) / 2
    assert rates.lagged.shares[:3] == pytest.approx(np.array([1, 2, 3]) / N_BINS)


def test_a_busy_week_does_not_make_the_others_cold_by_step() -> None:
    # One bin holds a riot in two places: the others stay at their level in it.
    index = area(9)
    people = uneven(index)
    riot = (np.arange(len(index)) < 2)[:, None] & (np.arange(N_BINS) == 6)
    counts = counts_of(people, 3.0) + 300 * riot
    rates = rates_of(cube_of(index, counts.T, (1,)), Design(0, "step", "both"), people)
    plain = counts_of(people, 3.0)[:, 6].sum() / counts[:, 6].sum()
    assert rates.single.levels[6] == pytest.approx(plain, rel=0.1)
    assert np.delete(rates.single.levels, 6) == pytest.approx(1.0, abs=0.1)


def test_the_level_alone_agrees_with_the_joint_fit() -> None:
    rng = np.random.default_rng(0)
    expected = rng.uniform(0.5, 5, 3000)
    counts = rng.poisson(1.7 * expected * rng.gamma(2, 0.5, 3000))
    counts[:5] = 900
    joint = fit_dispersion(counts, expected)
    assert fit_level(counts, expected, joint.phi) == pytest.approx(joint.level, rel=1e-3)
    assert fit_level([0, 0], [1.0, 2.0], 0.5) == 0.0
    assert fit_level([3], [0.0], 0.5) == 1.0
    with pytest.raises(InvalidParameter, match="phi"):
        fit_level([3], [1.0], -1.0)
    with pytest.raises(InvalidParameter, match="one expectation"):
        fit_level([3, 4], [1.0], 0.0)


@pytest.mark.parametrize("window", ["cube", "step"])
def test_the_scale_of_the_population_does_not_matter(window: str) -> None:
    index = area(6)
    people = uneven(index)
    counts = counts_of(people)
    one, other = (found_in(counts, index, people * factor, window=window) for factor in (1.0, 1024.0))
    np.testing.assert_allclose(other.p, one.p, rtol=1e-6)
    assert np.array_equal(other.pattern, one.pattern)
    np.testing.assert_allclose(other.expected, one.expected, rtol=1e-12)


@pytest.mark.parametrize("window", ["cube", "step"])
def test_the_order_of_the_cells_does_not_matter(window: str) -> None:
    # Turned by a sixth: another order of the cells, the same neighbours.
    import h3.api.numpy_int as h3

    index, origin = area(6), int(MIDDLE[0])
    i0, j0 = h3.cell_to_local_ij(origin, origin)
    turned = []
    for cell in index.cells.tolist():
        i, j = h3.cell_to_local_ij(origin, cell)
        turned.append(h3.local_ij_to_cell(origin, i0 + (i - i0) - (j - j0), j0 + (i - i0)))
    place = np.searchsorted(index.cells, np.array(turned, dtype=np.uint64))
    people = uneven(index)
    counts = counts_of(people)
    other_counts, other_people = np.empty_like(counts), np.empty_like(people)
    other_counts[place], other_people[place] = counts, people
    one = found_in(counts, index, people, window=window)
    two = found_in(other_counts, index, other_people, window=window)
    assert not np.array_equal(other_counts, counts)
    np.testing.assert_allclose(two.p[place], one.p, rtol=1e-5)
    np.testing.assert_allclose(two.relative_risk[place], one.relative_risk, rtol=1e-9)
    assert np.array_equal(two.pattern[place], one.pattern)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("lag", [0, 2])
def test_bins_more_are_the_same_as_the_whole(window: str, lag: int) -> None:
    index = area(5)
    people = uneven(index)
    counts = counts_of(people)
    before = found_in(counts[:, :9], index, people, window=window, time_lag=lag)
    found = extended(before, counts[:, 9:], rng=np.random.default_rng(0))
    whole = found_in(counts, index, people, window=window, time_lag=lag)
    assert found.diagnostics == whole.diagnostics
    for name in ("p", "trend_z", "bins", "relative_risk"):
        assert np.array_equal(getattr(found, name), getattr(whole, name), equal_nan=True)


def test_neighborhood_and_step_come_to_the_same() -> None:
    index = area(5)
    people = uneven(index)
    one, other = (
        found_in(counts_of(people), index, people, window=w, time_lag=2) for w in ("step", "neighborhood")
    )
    assert np.array_equal(one.p, other.p)
    assert np.array_equal(one.trend_z, other.trend_z)


def test_the_trend_is_that_of_the_disk_against_its_expectation() -> None:
    index = area(5)
    people = uneven(index)
    cube = cube_of(index, counts_of(people).T, (1,))
    assert (
        lag0_rate_z(cube, 0, Design(1, "cube", "both"), rates_of(cube, Design(1, "cube", "both"), people))
        is (cube.sums[0])
    )
    design = Design(1, "step", "both")
    rates = rates_of(cube, design, people)
    e = people / people.sum() * cube.counts[4].sum()
    mean, squares = disk_sums(index, e, 1), disk_sums(index, e * e, 1)
    z = (cube.sums[0][4] - mean) / np.sqrt(mean + rates.single.fit.phi * squares)
    np.testing.assert_allclose(lag0_rate_z(cube, 0, design, rates)[4], z, atol=1e-8)


def test_where_nobody_lives_and_nothing_happens_there_is_no_answer() -> None:
    index = area(7)
    people = uneven(index)
    lake, park = np.isin(index.cells, disk(MIDDLE, 2)), np.isin(index.cells, MIDDLE)
    people[lake] = 0
    counts = counts_of(people)
    counts[park, 3] = 2
    found = found_in(counts, index, people, k=1)
    bare = lake & ~park
    assert np.isnan(found.p[bare]).all()
    assert set(found.reason[bare]) == {"No answer: nobody lives in the cell, and nothing happened there."}
    # The disk of the middle expects nothing at all, though something happened in it.
    assert found.reason[park].tolist() == ["No answer: nothing is expected in the disk."]
    assert np.isfinite(found.p[~lake]).all()
    told = found.diagnostics
    assert (told["unexpected_cells"], told["unexpected_incidents"]) == (1, 2)
    assert any("2 incidents lie in 1 cells that expect none" in words for words in told["warnings"])
    assert told["null_cells"] == {
        "nobody lives in the cell, and nothing happened there": 18,
        "nothing is expected in the disk": 1,
    }


def test_passers_by_are_usual_where_they_are_many() -> None:
    # Half of the cells have no residents, and all hold the same: the null takes that for usual.
    index = area(8)
    people = np.where(np.arange(len(index)) % 2, 100.0, 0.0)
    counts = np.random.default_rng(0).poisson(1.0, (len(index), N_BINS))
    found = found_in(counts, index, people, k=1)
    assert found.diagnostics["background"] > 0.5 * 2
    assert (found.bins == 0).mean() > 0.99


@pytest.mark.parametrize("window", WINDOWS)
def test_no_incident_at_all_has_no_answer(window: str) -> None:
    index = area(3)
    found = found_in(np.zeros((len(index), 6), dtype=int), index, np.ones(len(index)), window=window)
    assert np.isnan(found.p).all()
    assert np.isnan(found.relative_risk).all()
    assert set(found.reason) == {"No answer: nothing is expected in the disk."}
    json.dumps(found.diagnostics, allow_nan=False)


def test_a_disk_that_is_everything_is_compared_in_time_alone() -> None:
    index = area(1)
    people = np.arange(1.0, 8.0)
    counts = counts_of(people)
    middle = np.isin(index.cells, MIDDLE)
    step, cube = (found_in(counts, index, people, k=1, window=window) for window in ("step", "cube"))
    assert step.reason[middle].tolist() == ["No answer: the disk holds all that is expected."]
    assert np.isnan(step.trend_z[middle]).all()
    assert np.isfinite(step.p[~middle]).all()
    assert np.isfinite(cube.p).all()


def test_expected_counts_are_shares_of_the_window() -> None:
    index = area(4)
    people = uneven(index)
    counts = counts_of(people)
    share = people / people.sum()
    cube, step = (found_in(counts, index, people, window=window, time_lag=0) for window in ("cube", "step"))
    np.testing.assert_allclose(cube.expected, share * counts.sum())
    np.testing.assert_allclose(cube.last_expected, share * counts.sum() / N_BINS)
    np.testing.assert_allclose(step.last_expected, share * counts[:, -1].sum())
    inside = disk_sums(index, counts[:, -1], 2), disk_sums(index, step.last_expected, 2)
    total = counts[:, -1].sum()
    np.testing.assert_allclose(
        step.relative_risk, (inside[0] / inside[1]) / ((total - inside[0]) / (total - inside[1]))
    )
    bare = emerging(counts, index, rng=np.random.default_rng(0))
    assert np.isnan([bare.expected, bare.last_expected, bare.relative_risk, bare.rr_low]).all()


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({"p_method": "exact"}, "takes all cells for alike"),
        ({"p_method": "monte-carlo"}, "takes all cells for alike"),
        ({"p_method": "odd"}, "auto, negative-binomial"),
        ({"people": [1.0]}, "one population for each"),
        ({"people": -1.0}, "finite expectations of 0 or more"),
        ({"counts": 0.5}, "with a population counts are needed"),
        ({"counts": -1}, "with a population counts are needed"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, object], needed: str) -> None:
    index = area(2)
    people = options.pop("people", 1.0)
    if isinstance(people, float):
        people = np.full(len(index), people)
    counts = np.full((len(index), 6), options.pop("counts", 1))
    with pytest.raises(InvalidParameter, match=needed):
        found_in(counts, index, people, **options)


def test_a_population_of_nobody_is_refused_and_a_law_without_one_too() -> None:
    index = area(2)
    counts = np.ones((len(index), 6), dtype=int)
    with pytest.raises(DegenerateInput, match="population above 0"):
        found_in(counts, index, np.zeros(len(index)))
    with pytest.raises(InvalidParameter, match="needs a population"):
        emerging(counts, index, p_method="negative-binomial", rng=np.random.default_rng(0))
