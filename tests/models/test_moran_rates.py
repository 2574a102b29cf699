"""Local Moran of rates beside esda, against enumeration of its law, and its own invariances."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import nbinom, poisson

from models.errors import DegenerateInput, InvalidParameter, TooFewObservations
from models.exposure import exposure_of
from models.moran import local_moran
from models.moran_rates import RateMoran, local_moran_rates
from models.negative_binomial import disk_tails
from models.rates import expected_counts, standardised_rates
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, disk_sizes, disk_sums, neighbor_index, neighbor_pairs

MIDDLE = cells_at([-111.93], [33.42], 9)
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def area(radius: int) -> NeighborIndex:
    return neighbor_index(disk(MIDDLE, radius))


def made(n: int, seed: int = 0, mean: float = 2.0, size: float = 1.0) -> tuple[Counts, Floats]:
    rng = np.random.default_rng(seed)
    people = rng.lognormal(5, 1, n)
    means = people * (mean * n / people.sum())
    return rng.negative_binomial(size, size / (size + means)), people


def without_self(index: NeighborIndex, k: int) -> csr_array:
    rows, cols = neighbor_pairs(index, k)
    keep = rows != cols
    return csr_array((np.ones(int(keep.sum())), (rows[keep], cols[keep])), shape=(len(index),) * 2)


@pytest.mark.reference
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("mean", [0.05, 2.0, 50.0])
def test_i_and_quadrants_equal_esda(mean: float, k: int) -> None:
    index = area(10)
    counts, people = made(len(index), mean=mean)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from esda.moran import Moran_Local_Rate
        from libpysal.weights import WSP

        weights = WSP(without_self(index, k)).to_W(silence_warnings=True)
        theirs = Moran_Local_Rate(counts.astype(float), people, weights, permutations=0)
    ours = local_moran_rates(counts, people, index, k=k).moran
    n = len(index)  # esda divides the variance by n - 1 and not by n
    np.testing.assert_allclose(ours.moran_i, theirs.Is * n / (n - 1), rtol=1e-9, atol=1e-12)
    assert np.array_equal(ours.quadrant, np.array(["", "HH", "LH", "LL", "HL"])[theirs.q])


@pytest.mark.reference
@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_standardised_rates_equal_esda(spread: float) -> None:
    from esda.smoothing import assuncao_rate

    rng = np.random.default_rng(3)
    people = rng.lognormal(5, 2, 400)
    # Without spread between the rates the variance between them is estimated below 0 in places.
    counts = rng.poisson(people * 0.02 * np.exp(rng.normal(0, spread, 400)))
    theirs = assuncao_rate(counts.astype(float), people)
    np.testing.assert_allclose(standardised_rates(counts, people), theirs, rtol=1e-9)


@pytest.mark.parametrize("phi", [0.0, 0.7])
def test_tails_around_equal_the_enumerated_law(phi: float) -> None:
    index = area(1)
    rng = np.random.default_rng(1)
    expected = rng.uniform(0.2, 2.5, len(index))
    counts = rng.poisson(expected * 1.5)
    sums = disk_sums(index, counts, 1) - counts
    upper, lower = disk_tails(index, sums, expected, 1, phi, with_centre=False)
    near = without_self(index, 1)
    most = 200
    for cell in range(len(index)):
        law = np.ones(1)
        for member in near.indices[near.indptr[cell] : near.indptr[cell + 1]]:
            e = expected[member]
            one = poisson(e) if phi == 0 else nbinom(1 / phi, 1 / (1 + phi * e))
            law = np.convolve(law, one.pmf(np.arange(most)))
        at = int(sums[cell])
        # The saddlepoint is good to about one part in a hundred; Poisson sums are exact.
        tolerance = 1e-9 if phi == 0 else 0.03
        assert upper[cell] == pytest.approx(law[at:].sum(), rel=tolerance)
        assert lower[cell] == pytest.approx(law[: at + 1].sum(), rel=tolerance)


def test_p_is_twice_the_tail_on_the_side_of_the_neighbours() -> None:
    index = area(8)
    counts, people = made(len(index))
    found = local_moran_rates(counts, people, index, k=1).moran
    exposure = exposure_of(counts, expected_counts(float(counts.sum()), people), "negative-binomial")
    sums = disk_sums(index, counts, 1) - counts
    upper, lower = disk_tails(index, sums, exposure.usual, 1, exposure.fit.phi, with_centre=False)
    tail = np.where(np.char.endswith(found.quadrant, "H"), upper, lower)
    np.testing.assert_allclose(found.p, np.minimum(1, 2 * tail))
    assert set(found.quadrant) == {"HH", "HL", "LH", "LL"}


def odd_place() -> tuple[NeighborIndex, Counts, Floats, int]:
    """Return a place of low risk with one cell of high risk in its midst."""
    index = area(15)
    rng = np.random.default_rng(5)
    people = rng.lognormal(6, 0.7, len(index))
    risk = np.where(np.isin(index.cells, disk(MIDDLE, 2)), 0.05, 1.0)
    middle = int(np.flatnonzero(index.cells == MIDDLE[0])[0])
    risk[middle] = 5.0
    return index, rng.poisson(people * (8 / people.mean()) * risk), people, middle


def test_an_odd_cell_is_named_and_its_risks_told() -> None:
    index, counts, people, middle = odd_place()
    found = local_moran_rates(counts, people, index)
    assert found.moran.classes[middle] == "HL"
    assert found.relative_risk[middle] > 3
    assert found.relative_risk_around[middle] < 0.3
    expected = counts.sum() * people / people.sum()
    np.testing.assert_allclose(found.expected, expected)
    rest = (counts.sum() - counts) / (expected.sum() - expected)
    np.testing.assert_allclose(found.relative_risk, counts / expected / rest)


def test_many_people_alone_call_nothing() -> None:
    index = area(15)
    people = np.where(np.isin(index.cells, disk(MIDDLE, 3)), 2000.0, 100.0)
    counts = np.random.default_rng(2).poisson(people / 50)
    assert set(local_moran(counts, index, rng=np.random.default_rng(0)).classes) > {"none"}
    assert set(local_moran_rates(counts, people, index).moran.classes) == {"none"}


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 999), unit=st.sampled_from([1e-3, 250.0]))
def test_the_unit_of_people_changes_nothing(seed: int, unit: float) -> None:
    index = area(6)
    counts, people = made(len(index), seed)
    one, other = (local_moran_rates(counts, people * factor, index) for factor in (1.0, unit))
    assert np.array_equal(one.moran.quadrant, other.moran.quadrant)
    assert np.array_equal(one.moran.classes, other.moran.classes)
    # The fit of the dispersion stops within 1e-8 of its end.
    np.testing.assert_allclose(one.moran.p, other.moran.p, rtol=1e-4)
    np.testing.assert_allclose(one.moran.moran_i, other.moran.moran_i, rtol=1e-9, atol=1e-12)


def test_cells_without_people_have_no_answer_and_are_nobodys_neighbours() -> None:
    index = area(6)
    counts, people = made(len(index))
    empty = np.isin(index.cells, disk(MIDDLE, 1))
    people[empty] = 0
    found = local_moran_rates(counts, people, index, k=1)
    alone = local_moran_rates(counts[~empty], people[~empty], neighbor_index(index.cells[~empty]), k=1)
    assert np.isnan(found.moran.p[empty]).all()
    assert np.isnan(found.relative_risk[empty]).all()
    assert set(found.moran.classes[empty]) == {"none"}
    np.testing.assert_allclose(found.moran.moran_i[~empty], alone.moran.moran_i)
    assert np.array_equal(found.moran.neighbors[~empty], alone.moran.neighbors)
    told = found.moran.diagnostics
    assert told["null_cells"] == {"nobody lives there": 7}
    assert told["unexpected_incidents"] == counts[empty].sum() > 0
    assert any("cells without people" in words for words in told["warnings"])


def null_reasons(found: RateMoran) -> list[str]:
    return list(found.moran.diagnostics["null_cells"])


def test_degenerate_maps_have_no_answer_and_say_why() -> None:
    index = area(3)
    people = np.full(len(index), 10.0)
    nothing = local_moran_rates(np.zeros(len(index), dtype=int), people, index)
    assert null_reasons(nothing) == ["all rates are equal"]
    single = local_moran_rates([3], [10.0], area(0))
    assert null_reasons(single) == ["all rates are equal"]
    apart = neighbor_index(np.unique(cells_at([-111.93, -111.0, -110.0], [33.42, 33.42, 33.0], 9)))
    assert null_reasons(local_moran_rates([3, 0, 1], [10.0, 5, 5], apart)) == ["no neighbour with people"]
    tiny = local_moran_rates(np.arange(7), np.full(7, 9.0), area(1), k=1)
    assert np.isnan(tiny.moran.p).sum() == 1
    assert (tiny.moran.classes == "none").all()


@pytest.mark.parametrize(
    ("counts", "people", "options", "error"),
    [
        ([1.5] * 7, [1.0] * 7, {}, InvalidParameter),
        ([-1] * 7, [1.0] * 7, {}, InvalidParameter),
        ([1] * 7, [-1.0] * 7, {}, InvalidParameter),
        ([1] * 7, [np.nan] * 7, {}, InvalidParameter),
        ([1] * 7, [1.0] * 6, {}, InvalidParameter),
        ([1] * 7, [1.0] * 7, {"k": 11}, InvalidParameter),
        ([1] * 7, [1.0] * 7, {"alpha": 0}, InvalidParameter),
        ([1] * 7, [0.0] * 7, {}, DegenerateInput),
    ],
)
def test_what_does_not_fit_is_refused(
    counts: list[float], people: list[float], options: dict[str, float], error: type[Exception]
) -> None:
    with pytest.raises(error):
        local_moran_rates(counts, people, area(1), **options)  # type: ignore[arg-type]


def test_no_cell_is_refused() -> None:
    with pytest.raises(TooFewObservations):
        local_moran_rates([], [], neighbor_index(np.empty(0, dtype=np.uint64)))


def test_the_arguments_are_not_changed() -> None:
    index = area(4)
    counts, people = made(len(index))
    before = counts.copy(), people.copy()
    local_moran_rates(counts, people, index)
    assert all(np.array_equal(a, b) for a, b in zip((counts, people), before, strict=True))


def test_disks_without_centre_count_the_others() -> None:
    index = area(4)
    e = np.random.default_rng(0).uniform(0.1, 3, len(index))
    sizes = disk_sizes(index, 2)
    near = without_self(index, 2)
    for cell, k in itertools.product((0, 30), (2,)):
        others = e[near.indices[near.indptr[cell] : near.indptr[cell + 1]]]
        assert len(others) == sizes[cell] - 1
        upper, _ = disk_tails(index, np.full(len(index), 90), e, k, 0.0, with_centre=False)
        assert upper[cell] == pytest.approx(poisson.sf(89, others.sum()))
