import warnings

import numpy as np
import pytest
from esda.smoothing import Empirical_Bayes, Spatial_Empirical_Bayes
from libpysal.weights import W
from scipy import stats

from models.errors import DegenerateInput, InvalidParameter
from models.rates import empirical_bayes, expected_counts, relative_risk, spatial_empirical_bayes
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, neighbor_index, neighbor_pairs


def area(k: int) -> NeighborIndex:
    return neighbor_index(disk(cells_at([-111.93], [33.42], 9), k))


def counts_and_people(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    people = rng.lognormal(6, 1, n)
    return rng.poisson(people * rng.gamma(4, 0.25, n) * 0.01), people


def test_expected_counts_keep_the_total_and_the_shares() -> None:
    _, people = counts_and_people(500)
    expected = expected_counts(1234, people)
    assert expected.sum() == pytest.approx(1234, rel=1e-12)
    np.testing.assert_allclose(expected / people, 1234 / people.sum())


def test_expected_counts_need_people() -> None:
    with pytest.raises(DegenerateInput, match="population above 0"):
        expected_counts(5, [0, 0])
    with pytest.raises(InvalidParameter, match="total of 0 or more"):
        expected_counts(-1, [1])


@pytest.mark.reference
@pytest.mark.parametrize(("o", "e"), [(0, 4.0), (1, 0.2), (20, 10.0), (60, 70.0), (99, 50.0)])
def test_the_interval_is_that_of_an_exact_binomial_share(o: int, e: float) -> None:
    risk = relative_risk([o], [e], 100)
    share = stats.binomtest(o, 100).proportion_ci(0.95, method="exact")
    odds = (100 - e) / e
    assert risk.value[0] == pytest.approx(o / (100 - o) * odds)
    assert risk.low[0] == pytest.approx(share.low / (1 - share.low) * odds)
    assert risk.high[0] == pytest.approx(share.high / (1 - share.high) * odds)


def test_dispersion_widens_the_interval_and_leaves_the_ratio() -> None:
    plain = relative_risk([20], [10.0], 100)
    wide = relative_risk([20], [10.0], 100, phi=1.0, squares=[30.0], total_squares=200.0)
    assert wide.value == plain.value
    assert wide.low < plain.low < plain.value < plain.high < wide.high


@pytest.mark.parametrize("phi", [0.0, 0.5])
def test_the_interval_holds_the_truth_as_often_as_it_says(phi: float) -> None:
    rng, expected = np.random.default_rng(0), np.full(400, 1.0)
    inside, n_maps = np.arange(400) < 19, 2000
    rates = expected * np.where(inside, 2.0, 1.0)
    counts = rng.poisson(rates * (rng.gamma(1 / phi, phi, (n_maps, 400)) if phi else np.ones((n_maps, 400))))
    held = []
    for row in counts:
        e = expected * (row.sum() / 400)
        risk = relative_risk(
            [row[inside].sum()],
            [e[inside].sum()],
            row.sum(),
            phi=phi,
            squares=[(e[inside] ** 2).sum()],
            total_squares=float((e**2).sum()),
        )
        held.append(risk.low[0] <= 2.0 <= risk.high[0])
    # Exact intervals hold at least .95; with dispersion they are approximate: three standard errors are .015.
    assert np.mean(held) >= 0.93


def test_without_an_outside_or_an_inside_there_is_no_ratio() -> None:
    risk = relative_risk([5, 5, 10, 0], [0.0, 10.0, 3.0, 3.0], 10)
    assert np.isnan(risk.value).tolist() == [True, True, True, False]
    assert np.isnan(risk.low).tolist() == [True, True, False, False]
    assert np.isnan(risk.high).tolist() == [True, True, True, False]
    assert risk.value[3] == risk.low[3] == 0


@pytest.mark.parametrize("options", [{"confidence": 1.0}, {"phi": -0.1}])
def test_impossible_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InvalidParameter):
        relative_risk([1], [1.0], 2, **options)


@pytest.mark.reference
def test_empirical_bayes_agrees_with_esda() -> None:
    counts, people = counts_and_people(300)
    found = empirical_bayes(counts, people)
    np.testing.assert_allclose(found.rate, Empirical_Bayes(counts, people).r.ravel(), rtol=1e-9)


@pytest.mark.reference
@pytest.mark.parametrize("k", [1, 2])
def test_spatial_empirical_bayes_agrees_with_esda(k: int) -> None:
    index = area(7)
    counts, people = counts_and_people(len(index))
    counts = counts + 1  # a disk without any incident is 0/0 there
    rows, cols = neighbor_pairs(index, k)
    others = rows != cols
    neighbors = {i: cols[others & (rows == i)].tolist() for i in range(len(index))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        w = W(neighbors, id_order=list(range(len(index))))
        theirs = Spatial_Empirical_Bayes(counts, people, w).r.ravel()
    np.testing.assert_allclose(spatial_empirical_bayes(counts, people, index, k).rate, theirs, rtol=1e-9)


def test_rates_lie_between_their_own_and_the_mean() -> None:
    counts, people = counts_and_people(300)
    found = empirical_bayes(counts, people)
    own = counts / people
    assert (found.rate >= np.minimum(own, found.mean) - 1e-15).all()
    assert (found.rate <= np.maximum(own, found.mean) + 1e-15).all()
    assert np.corrcoef(found.weight, np.log(people))[0, 1] > 0.5


def test_equal_rates_are_all_the_mean() -> None:
    assert empirical_bayes([1, 2, 4], [10, 20, 40]).rate.tolist() == pytest.approx([0.1] * 3)


def test_incidents_without_people_are_told_and_take_no_part() -> None:
    with_empty = empirical_bayes([6, 6, 9, 0], [100, 300, 0, 0])
    assert with_empty.n_without_population == 1
    assert np.isnan(with_empty.rate).tolist() == [False, False, True, True]
    np.testing.assert_allclose(with_empty.rate[:2], empirical_bayes([6, 6], [100, 300]).rate)


def test_a_place_without_people_or_incidents_has_rates_or_none() -> None:
    index = area(2)
    nobody = spatial_empirical_bayes(np.zeros(19, int), np.zeros(19), index, 1)
    assert np.isnan(nobody.rate).all()
    assert np.isnan(empirical_bayes([1, 0], [0, 0]).rate).all()
    quiet = spatial_empirical_bayes(np.zeros(19, int), np.ones(19), index, 1)
    assert (quiet.rate == 0).all()


def test_shapes_must_fit() -> None:
    with pytest.raises(InvalidParameter, match="one population"):
        empirical_bayes([1, 2], [1.0])
    with pytest.raises(InvalidParameter, match="19 cells"):
        spatial_empirical_bayes([1], [1.0], area(2), 1)
