"""Near repeats beside all pairs by plain loops, beside R, and under chance."""

import subprocess
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import near_repeat as module
from models.errors import InvalidParameter
from models.near_repeat import NearRepeats, near_repeat
from tests.requirements import missing, need_tool

LIMITS_M, LIMITS_DAYS = (0.0, 100.0, 250.0), (1.0, 7.0, 28.0)


def made(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return incidents on a coarse raster of places and hours, so that many distances and lags are ties."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 20, n) * 50.0, rng.integers(0, 20, n) * 50.0, rng.integers(0, 24 * 60, n) / 24


def found(x: object, y: object, days: object, **options: object) -> NearRepeats:
    options = {
        "distance_limits_m": LIMITS_M,
        "day_limits": LIMITS_DAYS,
        "simulations": 19,
        "rng": np.random.default_rng(0),
    } | options
    return near_repeat(x, y, days, **options)  # type: ignore[arg-type]


def by_loops(x: np.ndarray, y: np.ndarray, days: np.ndarray) -> np.ndarray:
    counts = np.zeros((len(LIMITS_M), len(LIMITS_DAYS)), dtype=int)
    for i, j in combinations(range(len(x)), 2):
        distance, lag = np.hypot(x[i] - x[j], y[i] - y[j]), abs(days[i] - days[j])
        if distance <= LIMITS_M[-1] and lag <= LIMITS_DAYS[-1] + 1e-9:
            s = next(b for b, limit in enumerate(LIMITS_M) if distance <= limit)
            t = next(b for b, limit in enumerate(LIMITS_DAYS) if lag <= limit + 1e-9)
            counts[s, t] += 1
    return counts.ravel()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("portions", [(2_000, 1 << 15), (7, 11)])
def test_counts_are_those_of_all_pairs(
    seed: int, portions: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_POINTS_AT_ONCE", portions[0])
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", portions[1])
    x, y, days = made(120, seed)
    np.testing.assert_array_equal(found(x, y, days).observed, by_loops(x, y, days))


def test_expected_is_the_mean_over_all_orders_of_the_times() -> None:
    x, y, days = made(6, 3)
    x, y = x / 8, y / 8
    orders = [by_loops(x, y, days[list(order)]) for order in permutations(range(6))]
    np.testing.assert_allclose(found(x, y, days).expected, np.mean(orders, axis=0), rtol=1e-12)


def test_p_is_the_share_of_all_orders_of_the_times() -> None:
    x, y, days = made(6, 4)
    x, y = x / 8, y / 8
    table = found(x, y, days, simulations=4000)
    orders = np.array([by_loops(x, y, days[list(order)]) for order in permutations(range(6))])
    exact = (orders >= table.observed).mean(axis=0)
    assert (np.abs(table.p - exact) < 4 * np.sqrt(exact * (1 - exact) / 4000) + 1 / 4000).all()


def test_bands_are_named_by_their_limits() -> None:
    table = found(*made(50, 0))
    rows = zip(table.distance_from_m, table.distance_to_m, table.days_from, table.days_to, strict=True)
    assert list(rows)[:4] == [(0, 0, 0, 1), (0, 0, 1, 7), (0, 0, 7, 28), (0, 100, 0, 1)]
    assert len(table.p) == 9


def test_a_pair_at_the_limit_belongs_to_the_band() -> None:
    x = 400_000.1 + np.array([0.0, 100.0, 5000.0])
    table = found(x, np.full(3, 4e6), [18_000.3, 18_007.3, 3])
    assert table.observed.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("x_of_second", [100.0, 99.999999, 100.0000005])
def test_rounding_does_not_move_a_pair(x_of_second: float) -> None:
    assert found([0, x_of_second], [0, 0], [0, 7 + 1e-7]).observed[4] == 1


def test_series_longer_than_a_lifetime_are_counted() -> None:
    x, y, days = made(40, 1)
    days[0] = -60_000
    np.testing.assert_array_equal(found(x, y, days).observed, by_loops(x, y, days))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), order=st.randoms(use_true_random=False))
def test_order_and_origin_do_not_matter(seed: int, order: object) -> None:
    x, y, days = made(40, seed)
    rows = list(range(40))
    order.shuffle(rows)  # type: ignore[attr-defined]
    one, other = found(x, y, days), found(x[rows] + 5000, y[rows] - 750, days[rows] + 40)
    np.testing.assert_array_equal(one.observed, other.observed)
    np.testing.assert_array_equal(one.p, other.p)


def test_same_seed_same_p() -> None:
    np.testing.assert_array_equal(found(*made(80, 2)).p, found(*made(80, 2)).p)


def test_followers_are_found_in_their_band() -> None:
    rng = np.random.default_rng(5)
    x, y, days = rng.uniform(0, 5000, 400), rng.uniform(0, 5000, 400), rng.uniform(0, 365, 400)
    followed = rng.choice(400, 40, replace=False)
    x, y = np.r_[x, x[followed] + rng.uniform(-40, 40, 40)], np.r_[y, y[followed] + rng.uniform(-40, 40, 40)]
    days = np.r_[days, days[followed] + rng.uniform(0, 7, 40)]
    table = found(x, y, days, distance_limits_m=[100, 500], day_limits=[7, 14], simulations=999)
    assert table.p[0] == 0.001
    assert table.ratio[0] > 5
    assert (table.p[1:] > 0.01).all()


def test_p_is_calibrated_under_chance() -> None:
    n_sets, alpha = 300, 0.05
    rejected = np.zeros(4)
    for seed in range(n_sets):
        rng = np.random.default_rng([seed, 9])
        x, y = rng.normal(0, 400, (2, 150))
        table = found(
            x,
            y,
            rng.uniform(0, 100, 150),
            distance_limits_m=[50, 150],
            day_limits=[3, 14],
            simulations=39,
            rng=rng,
        )
        rejected += table.p <= alpha
    bar = alpha + 3 * np.sqrt(alpha * (1 - alpha) / n_sets)
    assert (rejected / n_sets <= bar).all()
    assert rejected.sum() / n_sets / 4 > alpha / 3


KNOX_R = """
suppressMessages(library(surveillance))
points <- read.table("points.txt")
d <- dist(points[, 1:2]); t <- dist(points[, 3])
for (e in list(c(100, 7), c(100, 1), c(250, 28))) {
  k <- knox(t, d, eps.s = e[1], eps.t = e[2], simulate.p.value = FALSE)
  cat(k$statistic, formatC(unname(k$null.value), digits = 17), "\\n", file = "out", append = TRUE)
}
"""


# Only counts and means: for its p this package permutes pairs, which no order of the times can do.
@pytest.mark.reference
def test_counts_and_means_equal_r(tmp_path: Path) -> None:
    program = need_tool("Rscript")
    rng = np.random.default_rng(1)
    points = np.column_stack([rng.uniform(0, 900, (150, 2)), rng.uniform(0, 90, 150).round(3)])
    np.savetxt(tmp_path / "points.txt", points, fmt="%.17g")
    (tmp_path / "run.R").write_text(KNOX_R, encoding="utf-8")
    done = subprocess.run([program, "run.R"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    if "no package called" in done.stderr:
        missing("the R package surveillance is not installed")
    assert done.returncode == 0, done.stderr
    reference = np.loadtxt(tmp_path / "out")
    ours = [
        found(*points.T, distance_limits_m=[metres], day_limits=[days])
        for metres, days in ((100, 7), (100, 1), (250, 28))
    ]
    np.testing.assert_array_equal([t.observed[0] for t in ours], reference[:, 0])
    np.testing.assert_allclose([t.expected[0] for t in ours], reference[:, 1], rtol=1e-9)


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        ([], "a pair needs 2 incidents, got 0"),
        ([4.0], "a pair needs 2 incidents, got 1"),
        ([3.0] * 5, "same time"),
    ],
)
def test_data_that_carry_nothing_say_why(days: list[float], reason: str) -> None:
    table = found(np.zeros(len(days)), np.zeros(len(days)), days)
    assert reason in str(table.reason)
    assert np.isnan(table.p).all() and len(table.p) == 9
    assert (np.isnan(table.ratio) == (table.expected == 0)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"distance_limits_m": []}, "must be finite and not negative"),
        ({"distance_limits_m": [-1, 5]}, "not negative"),
        ({"distance_limits_m": [5, 5]}, "must be ascending"),
        ({"day_limits": [np.inf]}, "must be finite"),
        ({"day_limits": [7, 1]}, "must be ascending"),
        ({"simulations": 0}, "at least 1 simulation"),
    ],
)
def test_wrong_parameters_are_refused(options: dict, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        found(*made(20, 0), **options)


def test_wrong_points_and_too_many_pairs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidParameter, match="one length"):
        found([1, 2], [1, 2], [1])
    with pytest.raises(InvalidParameter, match="finite"):
        found([1, np.nan], [1, 2], [1, 2])
    monkeypatch.setattr(module, "MAX_PAIRS", 10)
    with pytest.raises(InvalidParameter, match="choose a smaller distance"):
        found(*made(50, 0))


def test_permutations_are_told_and_change_nothing() -> None:
    heard: list[int] = []
    told, silent = (
        found(*made(60, 1), simulations=250, on_replicates=hear) for hear in (heard.append, lambda _: None)
    )
    assert heard == sorted(set(heard)) and heard[-1] == 250 and len(heard) == 100
    np.testing.assert_array_equal(told.p, silent.p)
