"""The scan beside plain loops over all candidates, and what must not change its answer."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import scan as scan_module
from models.dispersion import DispersionFit
from models.errors import InvalidParameter, TooFewObservations
from models.scan import Cluster, Scan, gumbel_tail, scan
from models.scan_candidates import (
    critical_counts,
    critical_expectations,
    log_likelihood_ratio,
    scan_windows,
    stack,
)
from models.scan_cases import case_counts, fold_cases
from models.scan_null import PermutedDates, ScatteredCases, categorical_law
from spatial.grid import cells_at, cells_from_hex, children, disk
from spatial.neighbors import neighbor_index

CELL = 0x892A1358B17FFFF
SMALL = disk([CELL], 3)
AREAS = {
    "round": SMALL,
    "holes": SMALL[np.random.default_rng(4).random(len(SMALL)) < 0.7],
    "two islands": np.union1d(disk([CELL], 1), disk(cells_at([-75.0], [40.0], 9), 2)),
    "antimeridian": disk(cells_at([180.0], [-17.0], 8), 2),
    "pentagon": disk(children(cells_from_hex(["8009fffffffffff"]), 6)[:1], 3),
}


def disks_of(cells: np.ndarray, k: int) -> list[tuple[int, int, np.ndarray]]:
    """Return every (radius, cell, members), by asking the grid for each."""
    return [
        (radius, row, np.flatnonzero(np.isin(cells, disk(cells[row : row + 1], radius))))
        for radius, row in product(range(k + 1), range(len(cells)))
    ]


def windows_of(n_bins: int, mode: str, longest: int) -> list[tuple[int, int]]:
    every = [(a, b) for a, b in product(range(n_bins), repeat=2) if 1 <= b - a + 1 <= longest]
    return [w for w in every if mode == "retrospective" or w[1] == n_bins - 1]


def score(c: float, mean: float, total: int) -> float:
    if c < 2 or c <= mean or mean > total / 2 or mean <= 0:
        return 0.0
    rest = (total - c) * np.log((total - c) / (total - mean)) if c < total else 0.0
    return float(c * np.log(c / mean) + rest)


def every_score(
    counts: np.ndarray, expected: np.ndarray | None, disks: list, windows: list
) -> dict[tuple[int, int, int, int], tuple[float, float, float]]:
    """Return (llr, count, expected) of every candidate, by loops."""
    total, found = int(counts.sum()), {}
    means = None if expected is None else expected * total / expected.sum()
    for (radius, row, members), (a, b) in product(disks, windows):
        c = counts[members, a : b + 1].sum()
        if means is None:
            mean = counts[members].sum() * counts[:, a : b + 1].sum() / total
        else:
            mean = means[members, a : b + 1].sum()
        found[radius, row, a, b] = (score(c, mean, total), c, mean)
    return found


def largest_score(counts: np.ndarray, expected: np.ndarray | None, disks: list, windows: list) -> float:
    return max(value[0] for value in every_score(counts, expected, disks, windows).values())


def made_counts(n: int, n_bins: int, seed: int, mean: float = 0.4) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, (n, n_bins))


def scanned(counts: np.ndarray, cells: np.ndarray = SMALL, **options: object) -> Scan:
    options = {"max_radius": 2, "simulations": 19, "rng": np.random.default_rng(0)} | options
    return scan(counts, neighbor_index(cells), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS.keys())
@pytest.mark.parametrize("mode", ["prospective", "retrospective"])
@pytest.mark.parametrize("denominator", ["none", "per cell", "per cell and bin"])
def test_best_cluster_is_that_of_all_candidates(area: np.ndarray, mode: str, denominator: str) -> None:
    counts = made_counts(len(area), 6, 1)
    means = np.random.default_rng(2).uniform(0.5, 2, (len(area), 6))
    expected = {"none": None, "per cell": means[:, 0], "per cell and bin": means}[denominator]
    found = scanned(counts, area, mode=mode, expected=expected).clusters[0]
    spread = None if expected is None else np.broadcast_to(means[:, :1], means.shape)
    spread = means if denominator == "per cell and bin" else spread
    brute = every_score(counts, spread, disks_of(area, 2), windows_of(6, mode, 3))
    assert found.llr == pytest.approx(max(value[0] for value in brute.values()), rel=1e-12)
    theirs = brute[found.radius, found.center, found.window_start, found.window_end]
    assert (found.llr, found.count, found.expected) == pytest.approx(theirs, rel=1e-12)
    assert found.members.tolist() == next(
        members.tolist()
        for radius, row, members in disks_of(area, 2)
        if (radius, row) == (found.radius, found.center)
    )


@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS.keys())
def test_purely_spatial_best_cluster_is_that_of_all_disks(area: np.ndarray) -> None:
    counts = made_counts(len(area), 1, 3, mean=2)
    expected = np.random.default_rng(2).uniform(0, 2, len(area))
    found = scanned(counts[:, 0], area, expected=expected).clusters[0]
    brute = every_score(counts, expected[:, None], disks_of(area, 2), [(0, 0)])
    assert found.llr == pytest.approx(max(value[0] for value in brute.values()), rel=1e-12)
    assert (found.window_start, found.window_end) == (0, 0)


@pytest.mark.parametrize("mode", ["prospective", "retrospective"])
@pytest.mark.parametrize(
    ("denominator", "null_model"),
    [
        ("none", "auto"),
        ("per cell", "auto"),
        ("per cell", "poisson"),
        ("per cell and bin", "auto"),
        ("per cell and bin", "poisson"),
    ],
)
@pytest.mark.parametrize("mean", [0.03, 0.4])
def test_maxima_are_those_of_all_candidates_of_the_simulated_maps(
    mode: str, denominator: str, null_model: str, mean: float
) -> None:
    counts = np.random.default_rng(5).poisson(
        mean * np.random.default_rng(6).gamma(0.5, 2, (len(SMALL), 1)), (len(SMALL), 6)
    )
    means = np.random.default_rng(2).uniform(0.5, 2, (len(SMALL), 6))
    expected = {"none": None, "per cell": means[:, 0], "per cell and bin": means}[denominator]
    rng, windows = np.random.default_rng(7), scan_windows(6, mode, None)
    options = {"mode": mode, "null_model": null_model, "rng": np.random.default_rng(7), "simulations": 25}
    found = scanned(counts, expected=expected, **options)
    cell, one_bin = np.nonzero(counts)
    repeats = counts[cell, one_bin]
    total, n = int(counts.sum()), len(SMALL)
    if expected is None:
        ages = np.sort(np.repeat(5 - one_bin, repeats)).astype(np.int32)
        null = PermutedDates(np.repeat(cell, repeats), ages, windows, n, np.int64)
    else:
        law, phi = categorical_law(expected.ravel()), found.diagnostics["phi"]
        assert phi > 0 or mean < 0.1
        phi = phi if null_model == "auto" else 0.0
        null = ScatteredCases(law, expected.ndim == 2, phi, total, windows, n, np.int64)
    root = rng.integers(2**63, size=4).tolist()
    spread = None if expected is None else np.broadcast_to(expected.reshape(n, -1), (n, 6))
    disks, pairs = disks_of(SMALL, 2), windows_of(6, mode, 3)
    brute = []
    for number in range(25):
        maps = null.draw(np.random.default_rng([*root, number]))
        brute.append(largest_of_stack(maps, counts, spread, disks, pairs, mode))
    np.testing.assert_allclose(found.maxima, brute, rtol=1e-12)


def largest_of_stack(
    maps: np.ndarray,
    counts: np.ndarray,
    expected: np.ndarray | None,
    disks: list,
    windows: list[tuple[int, int]],
    mode: str,
) -> float:
    """Return the largest score of a simulated stack, its expectations from the true margins."""
    total, best = int(counts.sum()), 0.0
    means = None if expected is None else expected * total / expected.sum()
    full = np.vstack([np.zeros_like(maps[:1]), maps]) if mode == "prospective" else maps
    for (_, _, members), (a, b) in product(disks, windows):
        c = full[6 - a, members].sum() - full[5 - b, members].sum()
        if means is None:
            mean = counts[members].sum() * counts[:, a : b + 1].sum() / total
        else:
            mean = means[members, a : b + 1].sum()
        best = max(best, score(c, mean, total))
    return best


def test_p_counts_the_maxima_that_reach_the_score() -> None:
    found = scanned(made_counts(len(SMALL), 6, 8), simulations=99)
    for cluster in found.clusters:
        reached = int((found.maxima >= cluster.llr - 1e-9).sum())
        assert cluster.p_monte_carlo == (1 + reached) / 100
        assert (cluster.p, cluster.p_source) == (cluster.p_monte_carlo, "monte-carlo")


def test_permuted_dates_keep_both_margins() -> None:
    counts = made_counts(len(SMALL), 6, 1)
    windows = scan_windows(6, "retrospective", None)
    cell, one_bin = np.nonzero(counts)
    repeats = counts[cell, one_bin]
    ages = np.repeat(5 - one_bin, repeats).astype(np.int32)
    null = PermutedDates(np.repeat(cell, repeats), ages, windows, len(SMALL), np.int16)
    maps = null.draw(np.random.default_rng(3))
    by_bin = np.diff(maps, axis=0)[::-1].T
    np.testing.assert_array_equal(by_bin.sum(axis=1), counts.sum(axis=1))
    np.testing.assert_array_equal(by_bin.sum(axis=0), counts.sum(axis=0))
    assert (by_bin != counts).any()


def test_alias_table_holds_the_law_to_the_last_place() -> None:
    rng = np.random.default_rng(0)
    for weights in (rng.lognormal(0, 3, 1000), np.ones(7), np.r_[0.0, 5, 0, 0, 1], rng.random(3), [2.0]):
        law = categorical_law(np.asarray(weights))
        reached = law.kept + np.bincount(law.other, weights=1 - law.kept, minlength=len(law.p))
        np.testing.assert_allclose(reached, law.p * len(law.p), atol=1e-11)
        assert (law.kept >= 0).all() and (law.kept <= 1).all()
        assert not np.bincount(law.draw(5000, rng), minlength=len(law.p))[law.p == 0].any()


@pytest.mark.parametrize("size", [2000, 100])
def test_both_ways_of_drawing_have_the_law(size: int) -> None:
    law, rng = categorical_law(np.arange(1.0, 21)), np.random.default_rng(1)
    drawn = np.array([law.counts(size, rng) for _ in range(2000)])
    assert (drawn.sum(axis=1) == size).all()
    sd = np.sqrt(size * law.p * (1 - law.p) / 2000)
    assert (np.abs(drawn.mean(axis=0) - size * law.p) < 4.5 * sd).all()


@pytest.mark.parametrize("by_bin", [False, True])
def test_unlike_risks_scatter_as_negative_binomial_counts(by_bin: bool) -> None:
    n, phi, rng = 400, 0.5, np.random.default_rng(0)
    shares = np.array([0.1, 0.4, 0.0, 0.5]) if by_bin else np.full(4, 0.25)
    law = categorical_law(np.outer(np.ones(n), shares).ravel() if by_bin else np.ones(n))
    null = ScatteredCases(law, by_bin, phi, 5 * n, scan_windows(4, "retrospective", None), n, np.int32)
    maps = np.array([null.draw(rng) for _ in range(100)])
    totals = maps[:, -1]
    assert (totals.sum(axis=1) == 5 * n).all()
    assert totals.var() == pytest.approx(5 + phi * 25, rel=0.05)
    by_bins = np.diff(maps, axis=1)[:, ::-1].sum(axis=(0, 2)) / totals.sum()
    np.testing.assert_allclose(by_bins, shares, atol=4 * np.sqrt(0.25 / totals.sum()))


def unlike_risks(seed: int) -> np.ndarray:
    """Return cases of 397 cells whose risks differ by themselves, with no cluster."""
    rng = np.random.default_rng(seed)
    return rng.poisson(4 * rng.gamma(1, 1, 397))


def test_unlike_risks_of_the_cells_are_clusters_to_one_null_and_not_to_the_default() -> None:
    cells = disk([CELL], 11)
    options = {"expected": np.ones(397), "simulations": 99}
    by_poisson = scanned(unlike_risks(3), cells, null_model="poisson", **options)
    by_default, by_name = (
        scanned(unlike_risks(3), cells, **options, **more)
        for more in ({}, {"null_model": "negative-binomial"})
    )
    assert by_poisson.clusters[0].p == 0.01 < 0.05 < by_default.clusters[0].p
    assert by_poisson.clusters[0].llr == by_default.clusters[0].llr
    assert plain(by_default) == plain(by_name)
    assert any("scatter" in text for text in by_poisson.diagnostics["warnings"])
    assert not any("scatter" in text for text in by_default.diagnostics["warnings"])


@pytest.mark.parametrize("n_bins", [1, 4])
def test_the_default_seldom_alarms_where_risks_differ_and_poisson_nearly_always(n_bins: int) -> None:
    cells, alarms = disk([CELL], 11), {"auto": 0, "poisson": 0}
    for seed, null_model in product(range(12), alarms):
        maps = np.random.default_rng(seed).multinomial(unlike_risks(seed), np.full(n_bins, 1 / n_bins))
        options = {"expected": np.ones(397), "null_model": null_model, "simulations": 19}
        alarms[null_model] += scanned(maps, cells, **options).clusters[0].p <= 0.05
    assert alarms["poisson"] >= 11
    assert alarms["auto"] <= 3  # 12 maps at a level of .05: more alarms in 0.2 % of such tests


@pytest.mark.parametrize(
    ("asked", "expected", "used"),
    [
        ("auto", np.ones(37), "negative-binomial"),
        ("negative-binomial", np.ones(37), "negative-binomial"),
        ("poisson", np.ones(37), "poisson"),
        ("auto", None, "space-time-permutation"),
        ("poisson", None, "space-time-permutation"),
    ],
)
def test_the_null_that_was_used_is_told(asked: str, expected: np.ndarray | None, used: str) -> None:
    counts = made_counts(37, 6, 8)
    told = scanned(counts, expected=expected, null_model=asked).diagnostics
    assert told["null_model"] == used
    was_ignored = asked == "poisson" and expected is None
    assert any("was not used" in text for text in told["warnings"]) is was_ignored
    assert scanned(0 * counts, expected=expected, null_model=asked).diagnostics["null_model"] == used


def test_a_fit_without_end_is_told_where_it_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = DispersionFit(phi=0.5, level=1.0, n_censored=0, converged=False)
    monkeypatch.setattr(scan_module, "dispersion_of", lambda cases: fit)
    for null_model, is_told in (("auto", True), ("poisson", False)):
        told = scanned(made_counts(37, 6, 8), expected=np.ones(37), null_model=null_model).diagnostics
        assert any("did not come to its end" in text for text in told["warnings"]) is is_told


@pytest.mark.parametrize("simulations", [19, 250])
@pytest.mark.parametrize("expected", [None, np.ones(37)])
def test_replicates_are_told_and_change_nothing(simulations: int, expected: np.ndarray | None) -> None:
    counts, heard = made_counts(37, 6, 8), list[int]()
    options = {"expected": expected, "simulations": simulations}
    told = scanned(counts, on_replicates=heard.append, **options)
    assert heard == sorted(set(heard)) and heard[-1] == simulations and len(heard) <= 100
    silent = scanned(counts, **options)
    assert plain(told) == plain(silent)
    np.testing.assert_array_equal(told.maxima, silent.maxima)


def test_critical_counts_are_the_smallest_that_reach_the_level() -> None:
    expected = np.r_[0, 1e-6, np.linspace(0.01, 60, 400)]
    for total, level in product((2, 9, 100), (0.0, 0.3, 4.0, 11.0)):
        limits = critical_expectations(level, total / 2, total)
        found = critical_counts(expected, limits, total, np.int16)
        counts = np.arange(total + 1)[:, None]
        scores = log_likelihood_ratio(*np.broadcast_arrays(counts, expected), total)
        enough = (scores > 0) & (scores >= level)
        first = np.where(enough.any(axis=0), enough.argmax(axis=0), 32767)
        assert ((found == first) | (found == first - 1)).all()
        assert (found == first).mean() > 0.95


def test_windows_are_no_longer_than_half_the_period() -> None:
    first, last = scan_windows(7, "retrospective", None).bins
    assert sorted(zip(first.tolist(), last.tolist(), strict=True)) == sorted(
        windows_of(7, "retrospective", 3)
    )
    assert len(scan_windows(28, "prospective", None)) == 14
    assert len(scan_windows(28, "prospective", 4)) == 4


@pytest.mark.parametrize("mode", ["prospective", "retrospective"])
def test_a_stack_holds_every_window(mode: str) -> None:
    values = made_counts(4, 6, 0)
    windows = scan_windows(6, mode, None)
    found = np.vstack([counts for _, counts in windows.counts(stack(values, windows))])
    first, last = windows.bins
    expected = [values[:, a : b + 1].sum(axis=1) for a, b in zip(first, last, strict=True)]
    np.testing.assert_array_equal(found, expected)


def test_secondary_clusters_share_no_cell_and_fall() -> None:
    found = scanned(made_counts(len(SMALL), 6, 2, mean=1), mode="retrospective").clusters
    members = np.concatenate([cluster.members for cluster in found])
    assert len(found) > 2
    assert len(np.unique(members)) == len(members)
    assert [cluster.rank for cluster in found] == list(range(1, len(found) + 1))
    assert np.all(np.diff([cluster.llr for cluster in found]) <= 1e-9)


def test_secondary_cluster_is_the_best_of_what_is_left() -> None:
    counts = made_counts(len(SMALL), 6, 2, mean=1)
    first, second = scanned(counts, mode="retrospective").clusters[:2]
    apart = [d for d in disks_of(SMALL, 2) if not np.isin(d[2], first.members).any()]
    left = largest_score(counts, None, apart, windows_of(6, "retrospective", 3))
    assert second.llr == pytest.approx(left, rel=1e-12)


def planted(seed: int) -> np.ndarray:
    """Return 12 weeks over 919 cells with 16 more cases in seven of them in the last two weeks."""
    cells = disk([CELL], 17)
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.1, (len(cells), 12))
    places = np.flatnonzero(np.isin(cells, disk(cells[400:401], 1)))
    np.add.at(counts, (rng.choice(places, 16), rng.integers(10, 12, 16)), 1)
    return counts


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("has_denominator", [False, True])
def test_planted_cluster_is_found_where_it_is(seed: int, has_denominator: bool) -> None:
    cells = disk([CELL], 17)
    expected = np.ones(len(cells)) if has_denominator else None
    options = {"expected": expected, "max_radius": 5, "simulations": 199, "days_between_analyses": 7.0}
    found = scanned(planted(seed), cells, **options).clusters[0]
    truth = np.flatnonzero(np.isin(cells, disk(cells[400:401], 1)))
    assert found.p <= 0.01
    assert found.recurrence_days == 7 / found.p
    assert np.isin(truth, found.members).sum() >= 4
    assert found.window_end == 11 and found.window_start in (9, 10, 11)
    assert found.relative_risk > 3


def test_gumbel_takes_over_below_the_floor_of_999() -> None:
    cells = disk([CELL], 17)
    counts, options = planted(1), {"expected": np.ones(len(cells)), "max_radius": 3}
    many, few = (scanned(counts, cells, simulations=n, **options).clusters[0] for n in (999, 199))
    assert (many.p_source, few.p_source) == ("gumbel", "monte-carlo")
    assert many.p == many.p_gumbel < many.p_monte_carlo == 0.001
    assert few.p == few.p_monte_carlo
    assert 0.01 < few.p_gumbel / many.p_gumbel < 100


def test_gumbel_tail_is_that_of_a_gumbel_law() -> None:
    draws = np.random.default_rng(0).gumbel(5, 1.5, 200_000)
    assert gumbel_tail(15, draws) == pytest.approx(1 - np.exp(-np.exp(-10 / 1.5)), rel=0.05)
    assert np.isnan(gumbel_tail(3, [2, 2, 2]))


def plain(found: Scan) -> list[tuple]:
    return [
        (
            c.center,
            c.radius,
            c.window_start,
            c.window_end,
            c.count,
            c.expected,
            c.llr,
            c.p,
            c.members.tolist(),
        )
        for c in found.clusters
    ]


def test_same_seed_same_answer_and_more_simulations_keep_the_first() -> None:
    counts = made_counts(len(SMALL), 6, 8)
    once, again = scanned(counts, simulations=40), scanned(counts, simulations=40)
    assert plain(once) == plain(again)
    np.testing.assert_array_equal(once.maxima, again.maxima)
    np.testing.assert_array_equal(scanned(counts, simulations=90).maxima[:40], once.maxima)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-6, 0.5, 7.0, 1e9]))
def test_scale_of_the_denominator_does_not_matter(seed: int, scale: float) -> None:
    counts = made_counts(len(SMALL), 1, seed, 1.5)[:, 0]
    expected = np.random.default_rng(seed).uniform(0.5, 2, len(SMALL))
    one, other = (scanned(counts, expected=e) for e in (expected, scale * expected))
    np.testing.assert_allclose(one.maxima, other.maxima, rtol=1e-9)
    assert [c.center for c in one.clusters] == [c.center for c in other.clusters]
    np.testing.assert_allclose(
        [c.expected for c in one.clusters], [c.expected for c in other.clusters], rtol=1e-9
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), order=st.randoms(use_true_random=False))
def test_order_of_the_cases_does_not_matter(seed: int, order: object) -> None:
    rng = np.random.default_rng(seed)
    cells, bins, places = rng.integers(37, size=60), rng.integers(6, size=60), rng.integers(90, size=60)
    shuffled = list(range(60))
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    answers = []
    for rows in (np.arange(60), np.array(shuffled)):
        kept = rows[fold_cases(bins[rows], place=places[rows] * 100 + cells[rows]).kept]
        counts = case_counts(cells[kept], bins[kept], n_cells=37, n_bins=6)
        answers.append(plain(scanned(counts)))
    assert answers[0] == answers[1]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_permutation_model_does_not_see_what_is_only_place_or_only_time(seed: int) -> None:
    place, time = np.random.default_rng(seed).integers(1, 4, 37), np.array([1, 1, 1, 1, 1, 3])
    assert scanned(np.outer(place, time), mode="retrospective").clusters == ()


def test_a_whole_raised_part_of_the_city_is_not_called_by_its_rim() -> None:
    counts = made_counts(len(SMALL), 6, 1)
    assert all(c.expected <= counts.sum() / 2 for c in scanned(counts, max_radius=10).clusters)


def nothing(cluster_free: Scan) -> str:
    assert cluster_free.clusters == ()
    assert len(cluster_free.maxima) == 0
    assert cluster_free.reason is not None and cluster_free.reason in cluster_free.diagnostics["warnings"][0]
    return cluster_free.reason


def test_data_that_carry_nothing_say_why() -> None:
    none, one = np.zeros((37, 6), dtype=int), np.zeros((37, 6), dtype=int)
    one[3, 5] = 1
    in_one_bin, in_one_cell = np.zeros((37, 6), dtype=int), np.zeros((37, 6), dtype=int)
    in_one_bin[:, 2] = 1
    in_one_cell[4] = 1
    assert nothing(scanned(none)) == "a cluster needs at least 2 cases, got 0"
    assert nothing(scanned(none, expected=np.ones(37))) == "a cluster needs at least 2 cases, got 0"
    assert nothing(scanned(one)) == "a cluster needs at least 2 cases, got 1"
    assert "one time bin" in nothing(scanned(in_one_bin))
    assert "one cell" in nothing(scanned(in_one_cell))
    assert "one cell" in nothing(scanned(np.full((1, 6), 2), SMALL[:1]))


def test_one_cell_with_a_denominator_has_only_windows() -> None:
    found = scanned(np.array([[1, 1, 1, 1, 1, 9]]), SMALL[:1], expected=np.ones(1))
    (cluster,) = found.clusters
    assert (cluster.window_start, cluster.count, cluster.expected) == (5, 9, pytest.approx(14 / 6))
    assert scanned(np.array([5]), SMALL[:1], expected=np.ones(1)).clusters == ()


def test_all_cases_in_a_cluster_have_no_relative_risk() -> None:
    counts = np.zeros(37, dtype=int)
    counts[5] = 4
    cluster: Cluster = scanned(counts, expected=np.ones(37)).clusters[0]
    assert (cluster.count, cluster.radius, cluster.center) == (4, 0, 5)
    assert cluster.llr == pytest.approx(4 * np.log(37))
    assert np.isnan(cluster.relative_risk) and np.isnan(cluster.recurrence_days)


def test_cases_where_none_is_expected_are_left_out_and_counted() -> None:
    counts, expected = made_counts(37, 1, 0, 2)[:, 0], np.ones(37)
    expected[:4], counts[:4] = 0, 3
    found = scanned(counts, expected=expected)
    assert found.diagnostics["unexpected_cases"] == 12
    assert found.diagnostics["cases"] == counts[4:].sum()
    assert any("12 cases lie where none is expected" in text for text in found.diagnostics["warnings"])


def test_diagnostics_say_what_was_looked_at() -> None:
    notes = scanned(made_counts(37, 6, 1), simulations=99).diagnostics
    assert notes["n_candidates"] == 37 * 3 * 3
    assert (notes["n_windows"], notes["longest_window"], notes["n_bins"]) == (3, 3, 6)
    assert notes["smallest_monte_carlo_p"] == 0.01
    assert any("999 are wanted" in text for text in notes["warnings"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "future"}, "mode must be one of"),
        ({"max_radius": 11}, "max_radius must be 0 to 10, got 11"),
        ({"max_bins": 0}, "at least 1 bin"),
        ({"simulations": 0}, "at least 1 simulation"),
        ({"null_model": "gamma"}, "null_model must be one of"),
        ({"null_model": "negative-binomial"}, "needs a denominator"),
        ({"max_clusters": 0}, "at least 1 cluster"),
        ({"days_between_analyses": 0.0}, "days between analyses must be positive"),
        ({"expected": np.ones(36)}, "expected cases of shape"),
        ({"expected": -np.ones(37)}, "not negative"),
        ({"expected": np.zeros(37)}, "not all zero"),
        ({"expected": np.full(37, np.nan)}, "finite"),
    ],
)
def test_wrong_parameters_are_refused(options: dict, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        scanned(made_counts(37, 6, 1), **options)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.ones(36), "counts for each of 37 cells"),
        (np.full((37, 2), 0.5), "whole numbers"),
        (np.full((37, 2), np.nan), "whole numbers"),
        (np.full((37, 2), -1), "not negative"),
        (np.ones((37, 0)), "counts for each"),
        (np.ones(37), "needs a denominator"),
    ],
)
def test_what_is_no_count_is_refused(counts: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        scanned(counts)


def test_no_cell_and_too_many_candidates_are_refused() -> None:
    with pytest.raises(TooFewObservations, match="at least 1 cell"):
        scanned(np.ones((0, 3)), SMALL[:0])
    cells = disk([CELL], 58)
    with pytest.raises(InvalidParameter, match="a longer bin"):
        scanned(np.ones((len(cells), 200), dtype=int), cells, max_radius=10, mode="retrospective")


def test_cases_of_one_event_are_folded() -> None:
    folded = fold_cases([0, 0, 0, 1], place=[5, 5, 6, 5])
    assert (folded.kept.tolist(), folded.n_folded) == ([0, 2, 3], 1)
    by_id = fold_cases([3, 1, 2], incident=["x", "x", "y"])
    assert (by_id.kept.tolist(), by_id.n_same_incident) == ([1, 2], 1)
    assert fold_cases([], place=[], incident=[]).n_folded == 0
    with pytest.raises(InvalidParameter, match="place for each of 2 cases"):
        fold_cases([1, 2], place=[1])
    with pytest.raises(InvalidParameter, match="bins from 0 to 1"):
        case_counts([0], [2], n_cells=1, n_bins=2)
