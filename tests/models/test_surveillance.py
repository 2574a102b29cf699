from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from models.activity import activity_names
from models.errors import InvalidParameter
from models.surveillance import METHODS, Surveillance, surveillance
from tests.requirements import dataset_path
from tests.studies.calibration_surveillance import Design, false_alarm_bar, figures, nz_esr, twin_cities

MONTHS = np.arange("2024-01", "2026-01", dtype="datetime64[M]").astype("datetime64[D]")


def monthly(values: list[float] | np.ndarray, **options: object) -> Surveillance:
    n = len(values)
    return surveillance(np.zeros(n, dtype=int), MONTHS[:n], values, **options)  # type: ignore[arg-type]


def noisy(n: int, seed: int = 0, sd: float = 0.2) -> np.ndarray:
    return np.exp(3 + sd * np.random.default_rng(seed).normal(size=n))


@pytest.mark.parametrize("side", ["hot", "cold", "both"])
def test_the_p_is_that_of_the_prediction_interval(side: str) -> None:
    values = noisy(15, 1)
    found = monthly(values, side=side)
    base = np.log(values[:12])
    z = (np.log(values[-1]) - base.mean()) / (base.std(ddof=1) * np.sqrt(1 + 1 / 12))
    tails = {"hot": t.sf(z, 11), "cold": t.cdf(z, 11), "both": 2 * t.sf(abs(z), 11)}
    assert found.z[0] == pytest.approx(z)
    assert found.p[0] == pytest.approx(tails[side])
    assert found.n_baseline[0] == 12
    assert found.baseline[0] == pytest.approx(np.exp(base.mean()))
    assert found.latest[0] == pytest.approx(values[-1])


def test_a_value_at_the_upper_limit_has_p_alpha() -> None:
    values = noisy(15, 1)
    values[-1] = monthly(values).upper[0]
    assert monthly(values).p[0] == pytest.approx(0.05)
    values[-1] = monthly(values, side="cold").upper[0]
    assert monthly(values, side="cold").p[0] == pytest.approx(0.05)


def test_recent_campaigns_do_not_hide_a_rise() -> None:
    values = noisy(15)
    values[-3:] *= 4
    assert monthly(values).alarm[0]
    assert monthly(values).p[0] < monthly(values, guard=0).p[0]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_calls_a_rise_and_no_fall(method: str) -> None:
    values = noisy(20, 2)
    values[-1] *= 8
    assert monthly(values, method=method).alarm.tolist() == [True]
    values[-1] /= 64
    assert monthly(values, method=method).alarm.tolist() == [False]
    assert monthly(values, method=method, side="cold").alarm.tolist() == [True]


@pytest.mark.parametrize("method", METHODS)
def test_unit_and_row_order_do_not_matter(method: str) -> None:
    values, order = noisy(20, 3), np.random.default_rng(0).permutation(20)
    plain = monthly(values, method=method)
    scaled = surveillance(np.zeros(20, int), MONTHS[:20][order], 1e6 * values[order], method=method)
    assert scaled.p[0] == pytest.approx(plain.p[0], rel=1e-6)
    assert scaled.z[0] == pytest.approx(plain.z[0], rel=1e-6)
    assert scaled.activity_level[0] == pytest.approx(plain.activity_level[0], rel=1e-6)
    assert scaled.trend.tolist() == plain.trend.tolist()


@pytest.mark.parametrize(
    ("method", "needed"), [("moderated", 11), ("regression", 11), ("c1", 8), ("c2", 10), ("c3", 12)]
)
def test_too_few_campaigns_are_unknown_with_the_number_needed(method: str, needed: int) -> None:
    short = monthly(noisy(needed - 1), method=method)
    assert np.isnan([short.z[0], short.p[0], short.q[0], short.baseline[0], short.activity_level[0]]).all()
    assert not short.alarm[0]
    assert f"{needed} campaigns" in short.reason[0]
    assert f"got {needed - 1}" in short.reason[0]
    assert np.isfinite(monthly(noisy(needed), method=method).p[0])


def test_one_campaign_has_a_latest_and_nothing_else() -> None:
    found = monthly([5.0])
    assert (found.latest[0], found.trend[0], found.n_campaigns[0]) == (pytest.approx(5), "unknown", 1)
    assert "5 campaigns needed, got 1" in found.reason[0]
    assert found.last_sample[0] == MONTHS[0]


def test_series_without_samples_say_so_and_are_no_tests() -> None:
    values = noisy(15)
    values[-1] *= 3
    found = surveillance(np.full(15, 2), MONTHS[:15], values, n_series=4)
    assert found.reason.tolist() == ["no sample", "no sample", "", "no sample"]
    assert np.isnat(found.last_sample).tolist() == [True, True, False, True]
    assert found.q[2] == found.p[2]
    assert found.trend.tolist()[0] == "unknown"


def test_nothing_at_all_is_an_empty_answer() -> None:
    assert len(surveillance([], np.array([], dtype="datetime64[D]"), [])) == 0


def test_unusable_samples_are_counted() -> None:
    values = noisy(15)
    values[3], values[4] = np.nan, -1
    found = monthly(values)
    assert "2 of 15 samples not usable" in found.reason[0]
    assert found.n_samples[0] == 13


def test_a_constant_series_is_judged_by_rank() -> None:
    same = monthly([2.0] * 15)
    assert (same.p[0], same.alarm[0], same.p_method[0], same.trend[0]) == (1, False, "rank", "flat")
    assert np.isnan([same.z[0], same.activity_level[0]]).all()
    assert "constant baseline" in same.reason[0]
    assert monthly([2.0] * 14 + [3.0]).p[0] == pytest.approx(1 / 13)
    assert monthly([2.0] * 23 + [3.0]).alarm[0]


def test_all_below_the_limit_is_no_alarm_and_no_trend() -> None:
    found = monthly([0.0] * 15, below_limit=[True] * 15, limit=[2.0] * 15)
    assert (found.p[0], found.alarm[0], found.trend[0], found.n_censored[0]) == (1, False, "unknown", 15)
    assert "no rise can be shown" in found.reason[0]
    assert found.latest[0] == pytest.approx(2 / np.sqrt(2))


def test_a_higher_limit_is_no_rise() -> None:
    values, limit = noisy(15, 4, 0.1), np.full(15, 1.0)
    limit[-1], below = 1000.0, np.arange(15) == 14
    assert monthly(values, below_limit=below, limit=limit).p[0] == 1
    assert not monthly(values, below_limit=below, limit=limit, side="cold").alarm[0]


def test_a_first_detection_is_judged_by_rank_among_non_detects() -> None:
    values, below = np.r_[np.zeros(23), 9.0], np.r_[np.ones(23, bool), False]
    found = monthly(values, below_limit=below, limit=np.full(24, 2.0))
    assert found.p[0] == pytest.approx(1 / 22)
    assert "21 of 21 campaigns of the baseline below the limit" in found.reason[0]
    high_limit = monthly(values, below_limit=below, limit=np.full(24, 20.0))
    assert high_limit.p[0] == 1


def test_a_missing_limit_is_told() -> None:
    values = np.r_[noisy(14), 0.0]
    found = monthly(values, below_limit=np.arange(15) == 14)
    assert "limit not stated for 1 samples" in found.reason[0]


def test_a_short_latest_campaign_is_less_certain() -> None:
    start = (MONTHS[:15, None] + np.arange(7)).ravel()
    values = np.exp(np.random.default_rng(5).normal(0, 0.5, 105))
    values[98:] *= 3
    whole = surveillance(np.zeros(105, int), start, values)
    geometric = np.exp(np.log(values[98:]).mean())
    short = surveillance(np.zeros(99, int), start[:99], np.r_[values[:98], geometric])
    assert short.latest[0] == pytest.approx(whole.latest[0])
    assert 0 < short.z[0] < whole.z[0]


@pytest.mark.parametrize(("growth", "trend"), [(0.1, "up"), (-0.1, "down"), (0.0, "flat")])
def test_the_trend_has_its_slope_in_percent_per_30_days(growth: float, trend: str) -> None:
    day = 30 * np.arange(12)
    wobble = np.where(np.arange(12) % 2, 1e-3, -1e-3) * (growth == 0)
    start = np.datetime64("2025-01-01") + day
    found = surveillance(np.zeros(12, int), start, np.exp(growth * day / 30 + wobble))
    assert found.trend[0] == trend
    assert found.trend_slope_pct[0] == pytest.approx(100 * np.expm1(growth), abs=0.2 if growth == 0 else 1e-6)


def test_the_activity_level_is_that_of_its_definition() -> None:
    values = noisy(15, 6)
    logs = np.log(values)
    expected = np.exp((logs[-1] - np.percentile(logs[:-1], 10)) / logs[:-1].std(ddof=1))
    assert monthly(values).activity_level[0] == pytest.approx(expected)


def test_old_campaigns_are_outside_the_lookback() -> None:
    assert "within 200 days" in monthly(noisy(20), lookback_days=200).reason[0]


def test_a_doubling_among_many_series_is_corrected_for() -> None:
    rng = np.random.default_rng(1)
    values = np.exp(rng.normal(0, 0.2, (40, 20)))
    values[0, -1] *= 5
    series = np.repeat(np.arange(40), 20)
    found = surveillance(series, np.tile(MONTHS[:20], 40), values.ravel())
    assert found.alarm[0]
    assert (found.q >= found.p).all()
    assert found.alarm.sum() <= 3


@pytest.mark.parametrize(
    "options",
    [
        {"alpha": 0},
        {"side": "up"},
        {"method": "cusum"},
        {"min_baseline": 2},
        {"guard": -1},
        {"lookback_days": 0},
        {"trend_campaigns": 4},
        {"n_series": 0},
    ],
)
def test_parameters_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidParameter, match="got"):
        monthly(noisy(3), **options)


def test_names_of_activity_levels_follow_the_date() -> None:
    days = np.array(["2025-08-14", "2025-08-15", "2025-08-14", "2025-08-15", "2026-01-01"], dtype="M8[D]")
    analytes = ["SARS-CoV-2", "sars-cov-2", "RSV", "rsv", "fentanyl"]
    assert activity_names([7.9] * 5, analytes, days).tolist() == ["high", "very high", "", "moderate", ""]
    assert activity_names([np.nan, 2.0], ["covid"] * 2, days[[1, 1]]).tolist() == ["", "very low"]


@pytest.mark.parametrize("design", [Design(1, 12, (0.2,)), Design(5, 12, (0.2,))], ids=lambda d: d.name)
def test_false_alarms_stay_rare_and_steps_are_caught(design: Design) -> None:
    panels = 150
    found = figures(design, "moderated", panels)
    assert found.p_share[0.05] <= false_alarm_bar(0.05, panels * design.n_series)
    assert found.panels[0.05] <= false_alarm_bar(0.05, panels)
    # Wanted are 90 %; three standard errors of 150 panels come off.
    assert found.caught[0.05] >= 0.90 - 3 * np.sqrt(0.9 * 0.1 / panels)


def test_the_real_series_of_new_zealand() -> None:
    folder: Path = dataset_path("wastewater/nz_esr")
    sites, found, n_repeated = nz_esr(folder)
    assert (len(found), n_repeated) == (len(sites), 17_089)
    assert found.n_samples.sum() == 36_279 - 17_089 - sum(~found.campaigns.samples.is_usable)
    assert np.isfinite(found.p).sum() >= 130
    assert ((found.reason != "") | np.isfinite(found.z)).all()


def test_eight_of_nine_sewersheds_have_no_data() -> None:
    found = twin_cities(dataset_path("wastewater/twin_cities_metc"))
    assert found.reason.tolist()[1:] == ["no sample"] * 8
    assert np.isfinite(found.p[0])
    assert found.n_samples.tolist() == [1007] + [0] * 8
