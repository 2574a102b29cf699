"""Safety performance functions: against statsmodels, against planted truth, and on thin or broken input."""

import time

import numpy as np
import pytest
import statsmodels.api as sm

from models.errors import InvalidParameter, TooFewObservations
from models.spf import FEWEST_FOR_CLASSES, dispersion_k, fitted_spf

LEVELS = {"arterial": 0.8, "collector": 0.0, "local": -1.5}


def _city(n=20_000, k=0.5, seed=1):
    rng = np.random.default_rng(seed)
    length = rng.uniform(60, 100, n)
    road_class = rng.choice(list(LEVELS), n, p=[0.1, 0.3, 0.6])
    aadt = np.exp(rng.normal(8.5, 0.8, n))
    junctions = rng.integers(0, 3, n)
    level = np.array([LEVELS[word] for word in road_class])
    mu = length / 1000 * np.exp(-4.5 + 0.7 * np.log(aadt) + 0.6 * np.log1p(junctions) + level)
    y = rng.poisson(mu * rng.gamma(1 / k, k, n))
    return y, length, road_class, aadt, junctions, mu


@pytest.mark.reference
def test_slopes_and_k_are_those_of_statsmodels_when_no_class_is_given():
    y, length, _, aadt, junctions, _ = _city(6_000)
    spf = fitted_spf(y, length, aadt=aadt, junctions=junctions)
    x = np.column_stack([np.ones(len(y)), np.log(aadt), np.log1p(junctions)])
    reference = sm.NegativeBinomial(y, x, offset=np.log(length / 1000)).fit(disp=False, maxiter=200)
    # The slopes' prior (standard deviation 5) moves them in the fifth digit.
    assert spf.coefficients["log_aadt"] == pytest.approx(reference.params[1], abs=2e-4)
    assert spf.coefficients["log1p_junctions"] == pytest.approx(reference.params[2], abs=2e-4)
    assert spf.k == pytest.approx(reference.params[3], abs=1e-3)
    scaled = reference.predict() * y.sum() / reference.predict().sum()
    np.testing.assert_allclose(spf.mu, scaled, rtol=2e-3)


@pytest.mark.reference
def test_large_classes_have_the_levels_that_statsmodels_gives_to_dummies():
    y, length, road_class, aadt, junctions, _ = _city()
    spf = fitted_spf(y, length, road_class=road_class, aadt=aadt, junctions=junctions)
    dummies = np.column_stack([road_class == word for word in ("collector", "local")]).astype(float)
    x = np.column_stack([np.ones(len(y)), np.log(aadt), np.log1p(junctions), dummies])
    reference = sm.NegativeBinomial(y, x, offset=np.log(length / 1000)).fit(disp=False, maxiter=300)
    found = spf.coefficients
    assert found["log_aadt"] == pytest.approx(reference.params[1], abs=1e-3)
    gaps = [found[f"class {word}"] - found["class arterial"] for word in ("collector", "local")]
    # Classes are drawn together a little; with thousands of crashes each it is in the third digit.
    assert gaps == pytest.approx(reference.params[3:5].tolist(), abs=0.01)


def test_planted_coefficients_are_recovered():
    y, length, road_class, aadt, junctions, mu = _city(60_000)
    spf = fitted_spf(y, length, road_class=road_class, aadt=aadt, junctions=junctions)
    assert spf.exposure == "aadt"
    assert spf.coefficients["log_aadt"] == pytest.approx(0.7, abs=0.03)
    assert spf.coefficients["log1p_junctions"] == pytest.approx(0.6, abs=0.05)
    assert spf.coefficients["class arterial"] - spf.coefficients["class local"] == pytest.approx(2.3, abs=0.1)
    assert spf.k == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(spf.mu, mu, rtol=0.15)


def test_the_coefficients_give_mu_again():
    y, length, road_class, aadt, junctions, _ = _city(4_000)
    aadt[::3] = np.nan
    spf = fitted_spf(y, length, road_class=road_class, aadt=aadt, junctions=junctions)
    c, known = spf.coefficients, np.isfinite(aadt)
    level = c["intercept"] + np.where(
        known, c["log_aadt"] * np.log(np.where(known, aadt, 1)), c["aadt_unknown"]
    )
    names = [
        f"class {word}" + ("" if is_known else ", aadt unknown")
        for word, is_known in zip(road_class, known, strict=True)
    ]
    again = length / 1000 * np.exp(level + c["log1p_junctions"] * np.log1p(junctions) + [c[n] for n in names])
    np.testing.assert_allclose(spf.mu, again, rtol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_sum_is_kept(seed):
    y, length, road_class, aadt, junctions, _ = _city(3_000, k=3, seed=seed)
    for extra in ({}, {"road_class": road_class}, {"road_class": road_class, "aadt": aadt}):
        spf = fitted_spf(y, length, junctions=junctions, **extra)
        assert spf.mu.sum() == pytest.approx(y.sum(), rel=1e-13)
        assert (spf.mu > 0).all()


def test_without_traffic_classes_and_length_are_used_and_thin_classes_shrunk():
    y, length, road_class, *_ = _city(20_000)
    road_class = road_class.astype(object)
    thin = np.flatnonzero(road_class == "collector")[:3]
    road_class[thin] = "track"
    spf = fitted_spf(y, length, road_class=road_class)
    assert spf.exposure == "class"
    rate = {word: spf.mu[road_class == word].sum() / length[road_class == word].sum() for word in LEVELS}
    observed = {word: y[road_class == word].sum() / length[road_class == word].sum() for word in LEVELS}
    for word in LEVELS:
        assert rate[word] == pytest.approx(observed[word], rel=0.03)
    # Three pieces say next to nothing: far nearer to the common level than any class of thousands.
    assert abs(spf.coefficients["class track"]) < 0.9 * abs(spf.coefficients["class local"])


def test_a_class_without_a_crash_still_expects_something():
    y, length, road_class, *_ = _city(5_000)
    y = np.where(road_class == "local", 0, y)
    spf = fitted_spf(y, length, road_class=road_class)
    per_km = spf.mu / length * 1000
    assert 0 < per_km[road_class == "local"].max() < 0.05 * per_km[road_class == "collector"].min()


def test_traffic_known_in_part_has_a_slope_there_and_levels_elsewhere():
    y, length, road_class, aadt, *_ = _city(30_000)
    unknown = np.arange(len(y)) % 2 == 0
    spf = fitted_spf(y, length, road_class=road_class, aadt=np.where(unknown, np.nan, aadt))
    assert spf.exposure == "aadt"
    assert spf.coefficients["log_aadt"] == pytest.approx(0.7, abs=0.06)
    assert "the rest goes by class" in spf.notes[0]
    local = unknown & (road_class == "local")
    assert np.ptp(spf.mu[local] / length[local]) < 1e-9 * spf.mu.max()
    assert spf.mu[local].sum() == pytest.approx(y[local].sum(), rel=0.1)


@pytest.mark.parametrize("broken", [0.0, -5.0, np.nan, np.inf])
def test_traffic_that_cannot_be_is_not_known(broken):
    y, length, road_class, aadt, *_ = _city(4_000)
    there = np.arange(len(y)) < 400
    spf = fitted_spf(y, length, road_class=road_class, aadt=np.where(there, broken, aadt))
    without = fitted_spf(y, length, road_class=road_class, aadt=np.where(there, np.nan, aadt))
    np.testing.assert_array_equal(spf.mu, without.mu)


def test_traffic_on_a_twentieth_of_the_length_is_not_used():
    y, length, road_class, aadt, *_ = _city(4_000)
    spf = fitted_spf(
        y, length, road_class=road_class, aadt=np.where(np.arange(len(y)) % 20 == 0, aadt, np.nan)
    )
    assert spf.exposure == "class"
    assert "too little" in spf.notes[0]


def test_the_same_traffic_everywhere_is_not_used():
    y, length, *_ = _city(2_000)
    spf = fitted_spf(y, length, aadt=np.full(len(y), 5000.0))
    assert spf.exposure == "length"
    assert "the same" in spf.notes[0]


def test_one_class_leaves_length_and_junctions():
    y, length, _, _, junctions, _ = _city(5_000)
    spf = fitted_spf(y, length, road_class=["x"] * len(y), junctions=junctions)
    assert spf.exposure == "length"
    assert set(spf.coefficients) == {"intercept", "log1p_junctions"}
    np.testing.assert_allclose(spf.mu, fitted_spf(y, length, junctions=junctions).mu)


@pytest.mark.parametrize("n_crashes", [1, 5, FEWEST_FOR_CLASSES - 1])
def test_few_crashes_leave_length_only(n_crashes):
    rng = np.random.default_rng(n_crashes)
    y = np.bincount(rng.integers(0, 2_000, n_crashes), minlength=2_000)
    length = rng.uniform(60, 100, 2_000)
    spf = fitted_spf(
        y,
        length,
        road_class=rng.choice(list("abc"), 2_000),
        aadt=rng.uniform(1, 9, 2_000),
        junctions=rng.integers(0, 3, 2_000),
    )
    assert spf.exposure == "length"
    np.testing.assert_allclose(spf.mu, length / length.sum() * n_crashes, rtol=1e-12)
    assert len(spf.notes) == 3
    assert 0 <= spf.k <= 50


@pytest.mark.parametrize("case", ["one piece", "one pile", "each class apart", "no crash at junctions"])
def test_extreme_counts_end_in_finite_answers(case):
    rng = np.random.default_rng(0)
    n = 1 if case == "one piece" else 1_000
    y = rng.poisson(0.5, n)
    y[0] += 100_000 if case == "one pile" else 30
    junctions = np.arange(n) % 2
    if case == "no crash at junctions":
        y[junctions == 1] = 0
    spf = fitted_spf(
        y,
        np.full(n, 80.0),
        road_class=np.arange(n) if case == "each class apart" else None,
        junctions=junctions,
    )
    assert np.isfinite(spf.mu).all()
    assert (spf.mu > 0).all()
    assert spf.mu.sum() == pytest.approx(y.sum())
    assert all(np.isfinite(value) for value in spf.coefficients.values())


def test_pieces_of_no_length_expect_next_to_nothing():
    y, length, *_ = _city(1_000)
    length[:5] = 0
    spf = fitted_spf(y, length)
    assert (spf.mu[:5] > 0).all()
    assert spf.mu[:5].max() < 1e-3 * spf.mu[5:].min()


def test_order_of_pieces_does_not_matter():
    y, length, road_class, aadt, junctions, _ = _city(3_000)
    order = np.random.default_rng(5).permutation(len(y))
    spf = fitted_spf(y, length, road_class=road_class, aadt=aadt, junctions=junctions)
    mixed = fitted_spf(
        y[order],
        length[order],
        road_class=road_class[order],
        aadt=aadt[order],
        junctions=junctions[order],
    )
    np.testing.assert_allclose(mixed.mu, spf.mu[order], rtol=1e-6)


def test_longer_units_of_traffic_change_nothing():
    y, length, road_class, aadt, *_ = _city(3_000)
    spf = fitted_spf(y, length, road_class=road_class, aadt=aadt)
    thousands = fitted_spf(y, length, road_class=road_class, aadt=aadt / 1000)
    np.testing.assert_allclose(thousands.mu, spf.mu, rtol=1e-9)


def test_sixty_thousand_pieces_take_less_than_a_second():
    data = _city(60_000, seed=3)
    y, length, road_class, aadt, junctions, _ = data
    aadt = np.where(np.arange(len(y)) % 3 == 0, np.nan, aadt)
    begin = time.process_time()
    fitted_spf(y, length, road_class=road_class, aadt=aadt, junctions=junctions)
    # 0.3 s on an idle core; threads of the linear algebra are counted in.
    assert time.process_time() - begin < 2.0


def test_k_is_zero_where_counts_scatter_less_than_poisson():
    assert dispersion_k([2, 2, 2, 2, 2], [2.0] * 5) == 0


@pytest.mark.parametrize(
    ("y", "length", "extra", "error", "words"),
    [
        ([], [], {}, TooFewObservations, "at least one crash"),
        ([0, 0], [1, 1], {}, TooFewObservations, "at least one crash"),
        ([1, 2], [1], {}, InvalidParameter, "one length per count"),
        ([1, -2], [1, 1], {}, InvalidParameter, "not negative"),
        ([1, 0.5], [1, 1], {}, InvalidParameter, "whole"),
        ([1, 2], [1, np.nan], {}, InvalidParameter, "lengths"),
        ([1, 2], [1, 1], {"aadt": [1]}, InvalidParameter, "AADT"),
        ([1, 2], [1, 1], {"road_class": ["a"]}, InvalidParameter, "class"),
        ([1, 2], [1, 1], {"junctions": [1]}, InvalidParameter, "junctions"),
        ([1, 2], [1, 1], {"junctions": [1, -1]}, InvalidParameter, "junctions"),
    ],
)
def test_what_cannot_be_is_told(y, length, extra, error, words):
    with pytest.raises(error, match=words):
        fitted_spf(y, length, **extra)
