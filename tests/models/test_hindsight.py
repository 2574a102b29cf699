"""Campaigns of the past, each against those before it."""

import numpy as np
import pytest

from models.campaigns import Campaigns, campaigns
from models.hindsight import hindsight
from models.surveillance import surveillance


def _months(n: int) -> np.ndarray:
    return (np.datetime64("2020-01") + np.arange(n)).astype("datetime64[D]")


def _made(n: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return _months(n), np.exp(0.3 * np.random.default_rng(seed).normal(size=n))


def _found(days: np.ndarray, values: np.ndarray) -> Campaigns:
    return campaigns(np.zeros(len(days), dtype=int), days, values)


@pytest.mark.parametrize("method", ["prediction", "robust", "regression", "c1", "c2"])
@pytest.mark.parametrize("side", ["hot", "cold", "both"])
def test_every_campaign_is_judged_as_when_it_was_the_latest(method: str, side: str) -> None:
    days, values = _made()
    past = hindsight(_found(days, values), method=method, side=side)
    for n in (15, 22, 30):
        then = surveillance(np.zeros(n, dtype=int), days[:n], values[:n], method=method, side=side)
        assert past.p[n - 1] == pytest.approx(then.p[0], rel=1e-12)
        assert past.upper[n - 1] == pytest.approx(then.upper[0], rel=1e-12)
        assert past.baseline[n - 1] == pytest.approx(then.baseline[0], rel=1e-12)


@pytest.mark.parametrize("method", ["prediction", "regression", "c2"])
def test_campaigns_of_several_days_with_gaps_and_limits(method: str) -> None:
    rng = np.random.default_rng(3)
    month = np.repeat(np.cumsum(1 + (rng.random(40) < 0.2)), 7)
    days = (np.datetime64("2018-01") + month).astype("datetime64[D]") + np.tile(np.arange(7), 40)
    kept = rng.random(280) < 0.8
    days, values = days[kept], np.exp(rng.normal(2, 0.4, kept.sum()))
    below = values < 5
    limit = np.where(below, 5.0, np.nan)
    found = campaigns(np.zeros(len(days), dtype=int), days, values, below, limit)
    past = hindsight(found, method=method, lookback_days=500)
    for last in range(20, 40, 3):
        until = days <= found.last_day[last]
        then = surveillance(
            np.zeros(until.sum(), dtype=int),
            days[until],
            values[until],
            below[until],
            limit[until],
            method=method,
            lookback_days=500,
        )
        assert past.z[last] == pytest.approx(then.z[0], rel=1e-9)
        assert past.upper[last] == pytest.approx(then.upper[0], rel=1e-9)


def test_a_constant_baseline_has_no_limit() -> None:
    days = _months(60)
    values = np.full(60, np.e) * 10.0 ** np.repeat([5, -3], 30)
    found = campaigns(np.repeat([0, 1], 30), np.tile(days[:30], 2), values)
    assert np.isnan(hindsight(found).upper).all()


def test_too_few_campaigns_give_no_limit() -> None:
    past = hindsight(_found(*_made()))
    assert np.isnan(past.upper[:10]).all()
    assert np.isfinite(past.upper[10:]).all()


def test_a_step_exceeds_its_limit_and_the_quiet_months_do_not() -> None:
    days, values = _made()
    values[20] *= 10
    past = hindsight(_found(days, values), alpha=0.001)
    assert np.flatnonzero(past.exceeds).tolist() == [20]


def test_series_do_not_look_at_each_other() -> None:
    days, values = _made()
    two = campaigns(np.repeat([0, 1], 30), np.tile(days, 2), np.concatenate([values, 100 * values]))
    past = hindsight(two)
    assert past.z[:30] == pytest.approx(past.z[30:], nan_ok=True)


def test_what_lies_below_a_limit_shows_no_rise() -> None:
    days, values = _made()
    below = np.zeros(30, dtype=bool)
    below[-1] = True
    found = campaigns(np.zeros(30, dtype=int), days, values, below, np.where(below, 50.0, np.nan))
    past = hindsight(found)
    assert (past.p[-1], bool(past.exceeds[-1])) == (1.0, False)


def test_mostly_below_the_limit_gives_no_t_limit() -> None:
    days, values = _made()
    below = np.arange(30) % 3 > 0
    found = campaigns(np.zeros(30, dtype=int), days, values, below, np.full(30, 0.5))
    assert np.isnan(hindsight(found).upper).all()


def test_false_exceedances_are_near_alpha() -> None:
    rng = np.random.default_rng(1)
    n_series, n = 200, 20
    found = campaigns(
        np.repeat(np.arange(n_series), n),
        np.tile(_months(n), n_series),
        np.exp(rng.normal(size=n_series * n)),
    )
    past = hindsight(found)
    judged = ~np.isnan(past.p)
    # Ten campaigns of each series are judged, against baselines that overlap: 4 standard errors of the mean.
    shares = past.exceeds.reshape(n_series, n)[:, 10:].mean(axis=1)
    assert judged.reshape(n_series, n).sum(axis=1).tolist() == [10] * n_series
    assert shares.mean() == pytest.approx(0.05, abs=4 * shares.std() / np.sqrt(n_series))
