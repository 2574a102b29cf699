"""Local Moran beside esda, R spdep, enumeration, and its own invariances."""

import json
import subprocess
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from h3.api.basic_int import get_pentagons
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.conditional import conditional_p
from models.errors import InvalidParameter, TooFewObservations
from models.getis_ord import gi_star_z
from models.hotspots import hotspots
from models.moran import LocalMoran, local_moran
from models.significance import truncated_cauchy
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, disk_sizes, disk_sums, neighbor_index, neighbor_pairs
from tests.requirements import missing, need_tool

MIDDLE = cells_at([-111.93], [33.42], 9)
SPDEP_R = """
suppressMessages(library(spdep))
pairs <- as.matrix(read.table("pairs.txt")) + 1
x <- scan("values.txt", quiet = TRUE)
nb <- lapply(seq_along(x), function(i) as.integer(pairs[pairs[, 1] == i & pairs[, 2] != i, 2]))
class(nb) <- "nb"
attr(nb, "region.id") <- as.character(seq_along(x))
moran <- localmoran(x, nb2listw(nb, style = "W"), mlvar = TRUE)
star <- localG(x, nb2listw(include.self(nb), style = "B"))
out <- data.frame(formatC(moran[, 1], digits = 17), attr(moran, "quadr")$pysal,
  formatC(as.vector(star), digits = 17))
write.table(out, "out", row.names = FALSE, col.names = FALSE, quote = FALSE, sep = ",")
"""
R_QUADRANTS = {"Low-Low": "LL", "High-Low": "HL", "Low-High": "LH", "High-High": "HH"}


def area(radius: int) -> NeighborIndex:
    return neighbor_index(disk(MIDDLE, radius))


def found_in(values: object, index: NeighborIndex, seed: int = 0, **options: object) -> LocalMoran:
    return local_moran(values, index, rng=np.random.default_rng(seed), **options)  # type: ignore[arg-type]


def others(index: NeighborIndex, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows, cols = neighbor_pairs(index, k)
    return rows[rows != cols], cols[rows != cols]


VALUES = {
    "sparse": lambda n: np.random.default_rng(0).poisson(0.2, n),
    "overdispersed": lambda n: np.random.default_rng(1).negative_binomial(0.5, 0.2, n),
    "not whole": lambda n: np.random.default_rng(2).gamma(0.7, 3, n),
}


@pytest.mark.reference
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("name", VALUES)
def test_i_and_quadrants_equal_esda(name: str, k: int) -> None:
    index = area(12)
    values = VALUES[name](len(index))
    rows, cols = others(index, k)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from esda.moran import Moran_Local
        from libpysal.weights import WSP

        matrix = csr_array((np.ones(len(rows)), (rows, cols)), shape=(len(index),) * 2)
        theirs = Moran_Local(values.astype(float), WSP(matrix).to_W(silence_warnings=True), permutations=0)
    ours = found_in(values, index, k=k)
    # esda divides the variance by n - 1 and not by n.
    n = len(index)
    np.testing.assert_allclose(ours.moran_i, theirs.Is * n / (n - 1), rtol=1e-9, atol=1e-12)
    assert np.array_equal(ours.quadrant, np.array(["", "HH", "LH", "LL", "HL"])[theirs.q])


@pytest.mark.reference
@pytest.mark.parametrize("name", VALUES)
def test_i_quadrants_and_gi_star_equal_spdep(name: str, tmp_path: Path) -> None:
    index = area(8)
    values = VALUES[name](len(index))
    np.savetxt(tmp_path / "pairs.txt", np.stack(neighbor_pairs(index, 2), axis=1), fmt="%d")
    np.savetxt(tmp_path / "values.txt", values, fmt="%.17g")
    (tmp_path / "run.R").write_text(SPDEP_R, encoding="utf-8")
    program = need_tool("Rscript")
    done = subprocess.run([program, "run.R"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    if "no package called" in done.stderr:
        missing("the R package spdep is not installed")
    assert done.returncode == 0, done.stderr
    rows = [line.split(",") for line in (tmp_path / "out").read_text(encoding="utf-8").splitlines()]
    ours = found_in(values, index, k=2)
    np.testing.assert_allclose(ours.moran_i, [float(i) for i, _, _ in rows], rtol=1e-9, atol=1e-12)
    assert ours.quadrant.tolist() == [R_QUADRANTS[quadrant] for _, quadrant, _ in rows]
    z = gi_star_z(disk_sums(index, values, 2), disk_sizes(index, 2), values)
    np.testing.assert_allclose(z, [float(star) for _, _, star in rows], rtol=1e-9, atol=1e-12)


TINY = [[0, 0, 0, 1, 0, 2, 5], [3, 3, 1, 1, 0, 0, 12], [2, 4, 4, 8, 6, 2, 2], [0, 0, 0, 9, 0, 0, 0]]


@pytest.mark.parametrize("values", TINY)
def test_the_exact_p_equals_enumeration(values: list[int]) -> None:
    # Seven cells around one, and a chain of twelve, of which every neighbourhood is known.
    for cells, k in ((disk(MIDDLE, 1), 1), (np.sort(disk(MIDDLE, 2))[:12], 1)):
        index = neighbor_index(cells)
        x = np.resize(values, len(index))
        found = found_in(x, index, k=k)
        rows, cols = others(index, k)
        for i in range(len(index)):
            near = cols[rows == i]
            if not 0 < len(near) < len(x) - 1:
                assert np.isnan(found.p[i])
                continue
            rest = np.delete(x, i)
            moran = (x[i] - x.mean()) * np.array(
                [sum(some) - len(near) * x.mean() for some in combinations(rest, len(near))]
            )
            seen = (x[i] - x.mean()) * (x[near].sum() - len(near) * x.mean())
            tails = (moran >= seen - 1e-9).mean(), (moran <= seen + 1e-9).mean()
            assert found.p[i] == pytest.approx(min(1, 2 * min(tails)), rel=1e-10)


def test_simulation_agrees_with_the_exact_p() -> None:
    index = area(8)
    values = np.random.default_rng(3).negative_binomial(0.5, 0.2, len(index))
    exact = found_in(values, index, k=1)
    simulated = found_in(values, index, k=1, p_method="monte-carlo", simulations=40_000)
    assert (exact.p_method, simulated.p_method) == ("exact", "monte-carlo")
    # Standard error of a share of 40,000 draws: at most .0025; four of them.
    np.testing.assert_allclose(simulated.p_upper, exact.p_upper, atol=0.01)
    np.testing.assert_allclose(simulated.p_lower, exact.p_lower, atol=0.01)


def test_simulation_holds_the_focal_value_fixed() -> None:
    # With 5 of 6 others as neighbours the focal cell itself is in most draws.
    x = np.array([100, 0, 1, 2, 3, 4, 5])
    upper, lower = conditional_p(
        np.full(7, 11), np.full(7, 5), x, simulations=20_000, rng=np.random.default_rng(0)
    )
    shares = [
        ((sums := np.array([sum(s) for s in combinations(np.delete(x, i), 5)])) >= 11).mean()
        for i in range(7)
    ]
    np.testing.assert_allclose(upper, shares, atol=0.015)
    assert lower[0] == pytest.approx(2 / 6, abs=0.015)  # 10 and 11 of 10 … 15
    assert len(sums) == 6


def test_ties_are_not_folded() -> None:
    index = area(20)
    values = np.zeros(len(index), dtype=np.int64)
    values[::50] = 1
    found = found_in(values, index, k=1)
    # Most cells hold nothing and have nothing around them: that is the rule, and no evidence.
    is_empty = (values == 0) & (disk_sums(index, values, 1) == 0)
    assert (found.p[is_empty] == 1).all()
    assert set(found.classes) == {"none"}


def low_place_with_a_high_cell(index: NeighborIndex) -> NDArray[np.int64]:
    values = np.random.default_rng(4).poisson(4, len(index))
    values[np.isin(index.cells, disk(MIDDLE, 2))] = np.random.default_rng(5).poisson(0.2, 19)
    values[np.isin(index.cells, MIDDLE)] = 25
    return values


@pytest.mark.parametrize("k", [1, "auto"])
def test_a_single_high_cell_in_a_low_place_is_found_which_gi_star_cannot(k: int | str) -> None:
    index = area(15)
    values = low_place_with_a_high_cell(index)
    at = int(np.searchsorted(index.cells, MIDDLE[0]))
    assert found_in(values, index, k=k).classes[at] == "HL"
    assert hotspots(values, index, k=1, side="both", rng=np.random.default_rng(0)).classes[at] == "none"


@pytest.mark.parametrize("k", [1, "auto"])
def test_a_single_low_cell_in_a_high_place_is_found(k: int | str) -> None:
    index = area(15)
    values = np.random.default_rng(6).poisson(2, len(index))
    values[np.isin(index.cells, disk(MIDDLE, 2))] += 8
    values[np.isin(index.cells, MIDDLE)] = 0
    found = found_in(values, index, k=k)
    assert found.classes[np.isin(index.cells, MIDDLE)].tolist() == ["LH"]
    assert set(found.classes[np.isin(index.cells, disk(MIDDLE, 1)) & ~np.isin(index.cells, MIDDLE)]) == {"HH"}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=19, max_size=19).filter(lambda v: len(set(v)) > 1), st.data())
def test_shift_and_scale_change_nothing_and_a_change_of_sign_the_names(
    values: list[int], data: st.DataObject
) -> None:
    index, x = area(2), np.array(values)
    found = found_in(x, index, k=1)
    factor, shift = data.draw(st.integers(1, 9)), data.draw(st.integers(-50, 50))
    moved, mirrored = found_in(factor * x + shift, index, k=1), found_in(-x, index, k=1)
    for other in (moved, mirrored):
        np.testing.assert_allclose(other.moran_i, found.moran_i, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(other.p, found.p, rtol=1e-9)
    assert np.array_equal(moved.quadrant, found.quadrant)
    np.testing.assert_allclose(mirrored.p_upper, found.p_lower, rtol=1e-9)


def test_the_order_of_the_cells_does_not_matter() -> None:
    # The same pattern turned by a sixth: another order of the cells, the same neighbours.
    from h3 import cell_to_local_ij, int_to_str, local_ij_to_cell, str_to_int

    index, middle = area(6), int_to_str(int(MIDDLE[0]))
    i0, j0 = cell_to_local_ij(middle, middle)

    def turned(cell: int) -> int:
        i, j = cell_to_local_ij(middle, int_to_str(cell))
        i, j = i - i0, j - j0
        return str_to_int(local_ij_to_cell(middle, i0 + i - j, j0 + i))

    x = np.random.default_rng(7).poisson(1, len(index))
    place = np.searchsorted(index.cells, np.array([turned(int(c)) for c in index.cells], dtype=np.uint64))
    y = np.empty_like(x)
    y[place] = x
    found, other = found_in(x, index), found_in(y, index)
    assert not np.array_equal(x, y)
    assert np.array_equal(other.p[place], found.p)
    np.testing.assert_allclose(other.moran_i[place], found.moran_i, rtol=1e-12)


def test_auto_combines_the_three_rings_and_speaks_of_the_best() -> None:
    index = area(12)
    values = low_place_with_a_high_cell(index)
    single = [found_in(values, index, k=k) for k in (1, 2, 3)]
    found = found_in(values, index)
    np.testing.assert_allclose(found.p, truncated_cauchy([one.p for one in single]), rtol=1e-9)
    best = np.argmin([one.p for one in single], axis=0)
    assert np.array_equal(found.ring, best + 1)
    assert np.array_equal(
        found.quadrant, np.array([one.quadrant for one in single])[best, np.arange(len(best))]
    )


@pytest.mark.parametrize("value", [0, 3, 0.5])
def test_equal_values_have_no_answer_and_say_why(value: float) -> None:
    index = area(4)
    found = found_in(np.full(len(index), value), index)
    assert np.isnan([found.moran_i, found.p, found.q, found.p_upper, found.p_lower]).all()
    assert set(found.classes) == {"none"}
    assert set(found.quadrant) == {""}
    assert found.diagnostics["null_cells"] == {"all values are equal": len(index)}


@pytest.mark.parametrize("p_method", ["auto", "monte-carlo"])
def test_islands_and_whole_neighbourhoods_have_no_answer_and_say_why(p_method: str) -> None:
    far = cells_at([10.0, 20.0], [0.0, 0.0], 9)
    index = neighbor_index(np.sort(np.concatenate([disk(MIDDLE, 2), far])))
    found = found_in(np.arange(len(index)), index, k=1, p_method=p_method)
    assert np.isnan(found.p[np.isin(index.cells, far)]).all()
    assert set(found.quadrant[np.isin(index.cells, far)]) == {""}
    assert found.diagnostics["null_cells"] == {"no neighbour in the study area": 2}
    whole = found_in([9, 0, 0, 0, 0, 0, 1], area(1), k=1, p_method=p_method)
    assert whole.diagnostics["null_cells"] == {"all other cells are neighbours": 1}
    assert np.isfinite(whole.moran_i).all()


@pytest.mark.parametrize("p_method", ["auto", "monte-carlo"])
def test_one_cell_has_no_answer(p_method: str) -> None:
    found = found_in([4], area(0), p_method=p_method)
    assert np.isnan(found.p).all()
    assert found.classes.tolist() == ["none"]


def test_a_cell_that_equals_the_mean_is_never_called() -> None:
    index = area(10)
    values = np.where(np.isin(index.cells, disk(MIDDLE, 3)), 8, 0)
    middle = np.isin(index.cells, MIDDLE)
    values[middle] = 0
    rest = len(index) - 1
    # Make the mean of all the value of the middle cell.
    values = values * rest - values.sum()
    values[middle] = 0
    found = found_in(values, index, k=1)
    assert values.mean() == 0
    assert (found.p[middle][0], found.moran_i[middle][0]) == (1.0, 0.0)


def test_pentagons_and_the_antimeridian_are_places_like_others() -> None:
    for middle in (np.array(get_pentagons(9)[:1], dtype=np.uint64), cells_at([180.0], [-17.0], 9)):
        index = neighbor_index(disk(middle, 10))
        values = np.where(np.isin(index.cells, disk(middle, 2)), 8, 0)
        values += np.random.default_rng(8).poisson(0.5, len(index))
        assert found_in(values, index).classes[np.isin(index.cells, middle)].tolist() == ["HH"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k must be 1 to 10 or auto, got 0"),
        ({"k": True}, "k must be 1 to 10 or auto, got True"),
        ({"alpha": 1.0}, "alpha must lie between 0 and 1"),
        ({"p_method": "normal"}, "auto, exact, monte-carlo"),
        ({"simulations": 0}, "at least 1 simulation"),
    ],
)
def test_a_parameter_out_of_range_is_refused(options: dict[str, object], message: str) -> None:
    index = area(2)
    with pytest.raises(InvalidParameter, match=message):
        found_in(np.arange(len(index)), index, **options)


@pytest.mark.parametrize("values", [[np.nan] * 7, [np.inf] * 7, [1, 2], [[1] * 7]])
def test_unfit_values_are_refused(values: object) -> None:
    with pytest.raises(InvalidParameter, match="needed"):
        found_in(values, area(1))


def test_the_exact_p_of_what_is_not_whole_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="whole numbers"):
        found_in(np.arange(7) / 2, area(1), p_method="exact")


def test_no_cell_is_refused() -> None:
    with pytest.raises(TooFewObservations, match="at least 1 cell, got 0"):
        found_in([], neighbor_index([]))


def test_the_values_are_not_changed_and_a_run_repeats() -> None:
    index = area(6)
    values = np.random.default_rng(9).gamma(1, 1, len(index))
    before = values.copy()
    runs = [found_in(values, index, seed=seed) for seed in (1, 1, 2)]
    assert np.array_equal(values, before)
    assert np.array_equal(runs[0].p, runs[1].p)
    assert not np.array_equal(runs[0].p, runs[2].p)


def test_diagnostics_are_plain_and_say_what_could_not_be_found() -> None:
    index = area(10)
    sparse = found_in(np.random.default_rng(10).poisson(0.1, len(index)), index, k=1).diagnostics
    json.dumps(sparse, allow_nan=False)
    assert any("low surroundings (LL, HL) cannot be confirmed" in warning for warning in sparse["warnings"])
    simulated = found_in(np.arange(len(index)), index, k=1, p_method="monte-carlo").diagnostics
    assert simulated["smallest_attainable_p"] == 2 / 1000
    assert any("Raise simulations" in warning for warning in simulated["warnings"])
