"""Priority: one scale, accounts that add up, nothing counted twice, chance judged with the correlation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtr, ndtri
from scipy.stats import combine_pvalues

from models.errors import DegenerateInput, InvalidParameter
from models.priority import MAX_EVIDENCE, Priority, layer_correlation, priority, score_of_p

NAN = float("nan")


def correlated_null(n: int, correlation: float, *, layers: int = 3, seed: int = 0) -> np.ndarray:
    """Return uniform p of layers at rest whose normal scores correlate."""
    matrix = np.full((layers, layers), correlation) + (1 - correlation) * np.eye(layers)
    z = np.random.default_rng(seed).multivariate_normal(np.zeros(layers), matrix, n).T
    return ndtr(-z)


def ranked(p: object, weights: object = None, **how: object) -> Priority:
    """Return the priority with equal weights and nothing significant unless told otherwise."""
    found = np.asarray(p, dtype=float)
    asked = np.ones(len(found)) if weights is None else weights
    return priority(found, asked, how.pop("significant", np.zeros(found.shape, bool)), **how)  # type: ignore[arg-type]


# p with ties, atoms at 1 and gaps, as sparse maps have them.
some_p = arrays(
    float,
    st.tuples(st.integers(1, 4), st.integers(3, 25)),
    elements=st.sampled_from([0.0, 1e-9, 1e-4, 0.003, 0.02, 0.1, 0.31, 0.5, 0.77, 1.0]),
)
some_gaps = st.integers(0, 2**32 - 1)


def with_gaps(p: np.ndarray, seed: int) -> np.ndarray:
    """Return p with a third of its values missing, but for the first."""
    gaps = np.random.default_rng(seed).random(p.shape) < 1 / 3
    gaps[0, 0] = False
    return np.where(gaps, NAN, p)


def test_one_layer_alone_keeps_its_p_up_to_the_bound() -> None:
    p = np.array([[1e-9, 1e-6, 0.003, 0.5, 1.0]])
    np.testing.assert_allclose(ranked(p).p, np.maximum(p[0], 10**-MAX_EVIDENCE), rtol=1e-9)


def test_unrelated_layers_are_combined_as_fisher_does() -> None:
    # The second layer is the first upside down: nothing suggests that they share anything.
    p = np.array([np.linspace(0.01, 0.99, 50), np.linspace(0.99, 0.01, 50)])
    found = ranked(p)
    assert found.correlation[0, 1] == 0
    fisher = [combine_pvalues(pair, method="fisher").pvalue for pair in p.T]
    np.testing.assert_allclose(found.p, fisher, rtol=1e-10)


def test_what_50_means() -> None:
    assert score_of_p([1e-3, 1e-6]).tolist() == pytest.approx([50, 75], abs=1e-12)
    assert np.isnan(score_of_p([NAN])).all()


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6, 0.9])
def test_layers_at_rest_that_correlate_pass_as_often_as_chance_says(correlation: float) -> None:
    p = correlated_null(20_000, correlation)
    for weights in ([1, 1, 1], [4, 1, 1]):
        found = ranked(p, weights)
        # 0.0015 is one standard error of a share of .05 in 20,000 cells; the gamma law is an approximation.
        assert (found.p <= 0.05).mean() == pytest.approx(0.05, abs=0.006)
        assert (found.p <= 0.01).mean() == pytest.approx(0.01, abs=0.004)
    # So would not the sum of normal scores, taken for independent.
    stouffer = ndtr(-(-ndtri(p)).sum(axis=0) / np.sqrt(3))
    assert ((stouffer <= 0.05).mean() > 0.08) == (correlation > 0)


def test_a_copy_of_a_layer_does_not_count_twice() -> None:
    # The other layer is the first upside down, so that its own likeness to the copies plays no part.
    a = correlated_null(500, 0.0, layers=1)[0]
    b = 1 - a
    twice, once = ranked([a, a, b]), ranked([a, b])
    np.testing.assert_allclose(twice.p, once.p, rtol=1e-9)
    np.testing.assert_array_equal(twice.rank, once.rank)
    np.testing.assert_allclose(twice.contributions[:2].sum(axis=0), once.contributions[0], atol=1e-9)
    np.testing.assert_allclose(ranked([a, a]).p, np.maximum(a, 1e-6), rtol=1e-9)


@pytest.mark.parametrize("correlation", [0.2, 0.4])
def test_a_copy_hardly_moves_the_weight_of_a_layer_that_is_like_it(correlation: float) -> None:
    a, b = correlated_null(5000, correlation, layers=2)
    assert ranked([a, a, b]).effective_weights[2] == pytest.approx(0.5, abs=0.02)
    assert np.abs(ranked([a, a, b]).score - ranked([a, b]).score).max() < 3


def test_three_copies_hardly_outweigh_another_layer_when_noise_is_added() -> None:
    rng = np.random.default_rng(2)
    z = rng.normal(size=(2, 3000))
    nearly = z[0] + rng.normal(scale=0.2, size=(3, 3000))
    found = ranked(ndtr(-np.vstack([nearly, z[1:]])))
    assert found.effective_weights[3] == pytest.approx(0.5, abs=0.06)


@given(some_p, some_gaps)
@settings(max_examples=60, deadline=None)
def test_accounts_add_up_and_ranks_are_ranks(p: np.ndarray, seed: int) -> None:
    gapped = with_gaps(p, seed)
    found = ranked(gapped, significant=gapped <= 0.01)
    is_known = ~np.isnan(gapped).all(axis=0)
    np.testing.assert_allclose(
        np.nansum(found.contributions, axis=0)[is_known], found.score[is_known], atol=1e-9
    )
    np.testing.assert_array_equal(np.isnan(found.contributions), np.isnan(gapped))
    np.testing.assert_array_equal(np.isnan(found.score), ~is_known)
    assert ((found.score[is_known] >= 0) & (found.score[is_known] <= 100)).all()
    assert sorted(found.rank[is_known]) == list(range(1, is_known.sum() + 1))
    assert (found.rank_low <= found.rank)[is_known].all()
    assert (found.rank <= found.rank_high)[is_known].all()
    by_rank = found.score[is_known][np.argsort(found.rank[is_known])]
    assert (np.diff(by_rank) <= 1e-6).all()
    np.testing.assert_array_equal(found.agreement, (gapped <= 0.01).sum(axis=0))


@given(some_p)
@settings(max_examples=60, deadline=None)
def test_a_place_that_no_layer_puts_below_another_does_not_score_below_it(p: np.ndarray) -> None:
    score = ranked(p).score
    nowhere_weaker = (p[:, :, None] <= p[:, None, :]).all(axis=0)
    assert (score[:, None] >= score[None, :] - 1e-9)[nowhere_weaker].all()


@given(some_p, some_gaps)
@settings(max_examples=40, deadline=None)
def test_the_order_of_cells_and_layers_changes_nothing(p: np.ndarray, seed: int) -> None:
    gapped = with_gaps(p, seed)
    rng = np.random.default_rng(seed)
    ids, weights = rng.permutation(p.shape[1]), rng.uniform(0.5, 3, len(p))
    cells, layers = rng.permutation(p.shape[1]), rng.permutation(len(p))
    found = ranked(gapped, weights, ids=ids)
    moved = ranked(gapped[np.ix_(layers, cells)], weights[layers], ids=ids[cells])
    for name in ("rank", "rank_low", "rank_high", "agreement"):
        np.testing.assert_array_equal(getattr(moved, name), getattr(found, name)[cells])
    np.testing.assert_allclose(moved.score, found.score[cells], rtol=1e-9)
    np.testing.assert_allclose(
        moved.contributions, found.contributions[np.ix_(layers, cells)], rtol=1e-8, atol=1e-9
    )


@given(some_p, some_gaps)
@settings(max_examples=40, deadline=None)
def test_a_layer_of_weight_0_changes_nothing(p: np.ndarray, seed: int) -> None:
    gapped = with_gaps(p, seed)
    extra = np.random.default_rng(seed).random((1, p.shape[1]))
    plain = ranked(gapped, significant=gapped <= 0.01)
    both = np.vstack([gapped, extra])
    found = ranked(both, [*np.ones(len(p)), 0], significant=both <= 0.01)
    for name in ("rank", "rank_low", "rank_high", "agreement", "n_layers"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))
    np.testing.assert_allclose(found.score, plain.score, rtol=1e-12)
    assert np.isnan(found.contributions[-1]).all()


def test_weights_matter_by_their_ratio_alone() -> None:
    p = correlated_null(200, 0.2)
    np.testing.assert_allclose(ranked(p, [3, 1, 1]).p, ranked(p, [30, 10, 10]).p, rtol=1e-12)
    heavier = ranked(p, [3, 1, 1]).contributions[0] - ranked(p).contributions[0]
    assert (heavier > 0).mean() > 0.75


def test_missing_evidence_is_not_evidence_of_no_need() -> None:
    background = correlated_null(300, 0.0, layers=2)
    p = np.hstack([[[0.001, 0.001, NAN], [NAN, 1.0, NAN]], background])
    found = ranked(p)
    assert found.score[0] == pytest.approx(50, abs=1e-9)
    assert found.score[1] < found.score[0]
    assert np.isnan(found.score[2])
    assert np.isnan(found.rank[[2]]).all()
    assert found.n_layers[:3].tolist() == [1, 2, 0]


def test_a_quiet_layer_takes_nothing_away_from_another() -> None:
    background = correlated_null(300, 0.0, layers=2)
    found = ranked(np.hstack([[[1e-5, 1e-5], [0.9, 0.99999]], background]))
    assert found.score[0] == pytest.approx(found.score[1], abs=1)
    assert found.contributions[1, 1] == pytest.approx(0, abs=1e-3)


def test_beyond_the_bound_evidence_counts_no_more_but_still_orders() -> None:
    found = ranked([[1e-7, 1e-40, 1e-7, 0.4, 0.9]])
    assert found.score[0] == found.score[1] == found.score[2] == pytest.approx(75)
    assert found.rank.tolist() == [2, 1, 3, 4, 5]


def test_the_rank_range_is_what_the_varied_weights_give() -> None:
    p = np.where(np.random.default_rng(4).random((3, 40)) < 0.15, NAN, correlated_null(40, 0.3, seed=4))
    weights = np.array([2.0, 1.0, 1.0])
    found = ranked(p, weights)
    tried = [found.rank]
    for layer in range(3):
        for factor in (0.5, 2.0):
            varied = weights.copy()
            varied[layer] *= factor
            tried.append(ranked(p, varied).rank)
    np.testing.assert_array_equal(found.rank_low, np.min(tried, axis=0))
    np.testing.assert_array_equal(found.rank_high, np.max(tried, axis=0))
    assert (found.rank_low < found.rank_high).mean() > 0.5
    assert found.n_variations == 6


def test_with_one_layer_there_is_nothing_to_vary() -> None:
    found = ranked(correlated_null(20, 0.0, layers=1))
    np.testing.assert_array_equal(found.rank_low, found.rank)
    np.testing.assert_array_equal(found.rank_high, found.rank)


def test_what_is_not_known_to_be_independent_does_not_count_as_such() -> None:
    p = correlated_null(2000, 0.0, layers=2, seed=5)
    many, few = layer_correlation(p), layer_correlation(p, [2000, 5])
    assert many.used[0, 1] < 0.06
    assert few.used[0, 1] > 0.4
    apart = np.array([[0.1, 0.2, NAN, NAN], [NAN, 0.3, 0.4, 0.1]])
    assert layer_correlation(apart).used[0, 1] == 1
    assert np.isnan(layer_correlation(apart).estimated[0, 1])


def test_the_correlation_is_that_of_the_normal_scores_and_does_not_hang_on_a_few_cells() -> None:
    p = correlated_null(20_000, 0.6, layers=2)
    assert layer_correlation(p).estimated[0, 1] == pytest.approx(0.6, abs=0.02)
    p[:, :20] = 1e-30
    assert layer_correlation(p).estimated[0, 1] == pytest.approx(0.6, abs=0.02)


def test_a_layer_that_does_not_vary_shares_nothing() -> None:
    assert layer_correlation([[0.1, 0.2, 0.3], [1.0, 1.0, 1.0]]).used[0, 1] == 0


@pytest.mark.parametrize(
    ("p", "weights", "error", "words"),
    [
        ([[0.5, 1.5]], [1], InvalidParameter, "between 0 and 1"),
        ([[0.5, -0.1]], [1], InvalidParameter, "between 0 and 1"),
        ([[0.5], [0.5]], [1], InvalidParameter, "one weight per layer"),
        ([[0.5]], [-1], InvalidParameter, "weights must be 0 or more"),
        ([[0.5]], [0], InvalidParameter, "not all 0"),
        ([[0.5]], [NAN], InvalidParameter, "weights"),
        ([[NAN, NAN]], [1], DegenerateInput, "got none in any cell"),
        ([[NAN], [0.5]], [1, 0], DegenerateInput, "weight above 0"),
        (np.full((63, 1), 0.5), np.ones(63), InvalidParameter, "at most 62"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    p: object, weights: object, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ranked(p, weights)
