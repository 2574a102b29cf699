import numpy as np
import pytest

from models.baselines import baseline_of

TIME = 30.0 * np.arange(20)


def level(seed: int = 0) -> np.ndarray:
    return 2 + 0.2 * np.random.default_rng(seed).normal(size=20)


def test_one_wild_campaign_moves_the_robust_centre_little() -> None:
    wild = level()
    wild[5] += 10
    robust, mean = (baseline_of(method, TIME, wild, 600.0) for method in ("robust", "prediction"))
    assert abs(robust.center - 2) < 0.2 < abs(mean.center - 2)
    assert robust.variance < 0.2 < mean.variance


def test_the_regression_keeps_a_trend_that_leads_to_values_seen() -> None:
    falling = level() - 0.01 * (TIME - 300)
    inside = baseline_of("regression", TIME, falling, 420.0)
    assert inside.center == pytest.approx(2 - 0.01 * 120, abs=0.2)
    assert inside.df == 18
    beyond = baseline_of("regression", TIME, falling, 3000.0)
    assert beyond.center == pytest.approx(2, abs=0.3)
    assert beyond.df == 19


def test_the_regression_weighs_an_outbreak_down() -> None:
    wild = level(1)
    wild[8] += 4
    assert baseline_of("regression", TIME, wild, 600.0).center == pytest.approx(2, abs=0.12)
    assert baseline_of("prediction", TIME, wild, 600.0).center > 2.12


def test_the_regression_without_outliers_is_least_squares() -> None:
    y = 2 + 0.1 * np.cos(2 * np.arange(20)) + 0.02 * TIME
    slope, intercept = np.polyfit(TIME, y, 1)
    found = baseline_of("regression", TIME, y, 555.0)
    assert found.center == pytest.approx(intercept + 555 * slope)
    residual = y - intercept - slope * TIME
    assert found.variance == pytest.approx((residual**2).sum() / 18)
    spread = ((TIME - TIME.mean()) ** 2).sum()
    assert found.factor == pytest.approx(1 + 1 / 20 + (555 - TIME.mean()) ** 2 / spread)


@pytest.mark.parametrize("method", ["prediction", "robust", "regression", "c1"])
def test_a_constant_baseline_has_no_variance(method: str) -> None:
    found = baseline_of(method, TIME, np.full(20, 0.1 + 0.2), 600.0)
    assert (found.variance, found.center) == (0, pytest.approx(0.3))


def test_ears_takes_the_last_seven() -> None:
    y = np.r_[np.full(13, 50.0), 1, 1, 1, 2, 3, 3, 3]
    found = baseline_of("c1", TIME, y, 600.0)
    assert (found.center, found.variance, found.df) == (2, pytest.approx(1), 6)
