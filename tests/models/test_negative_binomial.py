import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from models.negative_binomial import disk_tails, sum_tail, tails, upper_tail
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, disk_sums, neighbor_index

Floats = NDArray[np.float64]


def area(k: int) -> NeighborIndex:
    return neighbor_index(disk(cells_at([-111.93], [33.42], 9), k))


def law_by_convolution(expected: Floats, phi: float, last: int) -> Floats:
    """Return P(S = 0), … P(S = last) of a sum of negative binomial counts."""
    law: Floats = np.eye(1, last + 1)[0]
    for mean in expected:
        one = stats.nbinom.pmf(np.arange(last + 1), 1 / phi, 1 / (1 + phi * mean))
        law = np.asarray(np.convolve(law, one)[: last + 1], dtype=np.float64)
    return law


@pytest.mark.reference
@pytest.mark.parametrize("phi", [0.01, 0.5, 2.0])
def test_one_cell_has_the_negative_binomial_tails_of_scipy(phi: float) -> None:
    s, mean = np.arange(0, 60), np.full(60, 4.0)
    p_hot, p_cold = tails(s, mean, mean + phi * mean**2)
    law = stats.nbinom(1 / phi, 1 / (1 + phi * 4.0))
    np.testing.assert_allclose(p_hot, law.sf(s - 1), rtol=1e-9)
    np.testing.assert_allclose(p_cold, law.cdf(s), rtol=1e-9)


@pytest.mark.reference
def test_without_dispersion_a_disk_is_poisson_to_the_far_tail() -> None:
    index = area(6)
    expected = np.random.default_rng(0).lognormal(0, 1, len(index))
    sums = np.random.default_rng(1).integers(0, 90, len(index))
    p_hot, p_cold = disk_tails(index, sums, expected, 1, 0.0)
    means = disk_sums(index, expected, 1)
    np.testing.assert_allclose(p_hot, stats.poisson.sf(sums - 1, means), rtol=1e-9)
    np.testing.assert_allclose(p_cold, stats.poisson.cdf(sums, means), rtol=1e-9)
    assert p_hot.min() < 1e-20


def test_a_vanishing_dispersion_leads_to_poisson() -> None:
    index = area(6)
    expected = np.random.default_rng(0).lognormal(0, 1, len(index))
    sums = np.random.default_rng(1).integers(0, 60, len(index))
    nearly, poisson = (disk_tails(index, sums, expected, 1, phi) for phi in (1e-7, 0.0))
    np.testing.assert_allclose(nearly[0], poisson[0], rtol=1e-3)
    np.testing.assert_allclose(nearly[1], poisson[1], rtol=1e-3)


UNLIKE = {
    "equal": np.full(7, 1.3),
    "one outweighs": np.array([3.0, *[0.01] * 6]),
    "log-normal": np.random.default_rng(3).lognormal(0, 1, 19),
    "tiny": np.random.default_rng(4).lognormal(-3, 1, 19),
    "large": np.random.default_rng(5).lognormal(2, 1, 7),
}


@pytest.mark.parametrize("name", UNLIKE)
@pytest.mark.parametrize("phi", [0.01, 0.2, 2.0])
def test_the_saddlepoint_agrees_with_the_convolution(name: str, phi: float) -> None:
    expected, last = UNLIKE[name], 3000
    law = law_by_convolution(expected, phi, last)
    upper, lower = np.cumsum(law[::-1])[::-1], np.cumsum(law)
    hot = np.flatnonzero((upper <= 0.2) & (upper > 1e-12))[:400]
    cold = np.flatnonzero((lower <= 0.2) & (lower > 1e-12))
    mean, variance = expected.sum(), (expected + phi * expected**2).sum()
    # A few per cent, over twelve orders of magnitude; the worst is .09, with phi = 2 and tiny means.
    for s, truth, is_upper in ((hot, upper[hot], True), (cold, lower[cold], False)):
        two_moment = tails(s, np.full(len(s), mean), np.full(len(s), variance))[0 if is_upper else 1]
        found = sum_tail(s, np.tile(expected, (len(s), 1)), phi, two_moment, is_upper=is_upper)
        np.testing.assert_allclose(found, truth, rtol=0.10 if phi == 2 else 0.02)


def test_equal_cells_are_exact_where_the_law_is_known() -> None:
    s = np.arange(8, 60)
    two_moment = upper_tail(s, np.full(len(s), 3.5), np.full(len(s), 3.5 + 2 * 7 * 0.25))
    found = sum_tail(s, np.full((len(s), 7), 0.5), 2.0, two_moment, is_upper=True)
    np.testing.assert_allclose(found, stats.nbinom.sf(s - 1, 3.5, 1 / (1 + 2 * 0.5)), rtol=1e-6)


def test_a_disk_asks_for_its_own_cells() -> None:
    index = area(3)
    expected = np.random.default_rng(0).lognormal(0, 1, len(index))
    middle = int(np.flatnonzero(index.cells == cells_at([-111.93], [33.42], 9)[0])[0])
    members = expected[np.isin(index.cells, disk([index.cells[middle]], 1))]
    sums = np.full(len(index), 40)
    p_hot, _ = disk_tails(index, sums, expected, 1, 0.5)
    truth = 1 - law_by_convolution(members, 0.5, 39).sum()
    assert p_hot[middle] == pytest.approx(truth, rel=0.02)


def test_where_nothing_is_expected_there_is_no_answer() -> None:
    index = area(4)
    p_hot, p_cold = disk_tails(index, np.ones(len(index), dtype=int), np.zeros(len(index)), 1, 1.0)
    assert np.isnan(p_hot).all()
    assert np.isnan(p_cold).all()


def test_a_huge_pile_has_a_p_of_nothing_and_no_warning() -> None:
    index = area(4)
    p_hot, p_cold = disk_tails(index, np.full(len(index), 10**6), np.full(len(index), 0.01), 1, 0.5)
    assert (p_hot < 1e-300).all()
    assert (p_cold == 1).all()


def test_the_order_of_the_cells_of_a_sum_does_not_matter() -> None:
    expected, two_moment = UNLIKE["log-normal"], [1e-6]
    there = sum_tail([90], [expected], 0.5, two_moment, is_upper=True)
    back = sum_tail([90], [expected[::-1]], 0.5, two_moment, is_upper=True)
    np.testing.assert_allclose(there, back, rtol=1e-9)
