import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.campaigns import NONDETECT_SHARES, campaigns
from models.errors import InvalidParameter

DAY = np.datetime64("2026-03-01")


def days(*offsets: float) -> np.ndarray:
    return DAY.astype("datetime64[h]") + (24 * np.array(offsets)).astype("timedelta64[h]")


def one_series(offsets: list[float], values: list[float], **options: object) -> object:
    return campaigns(np.zeros(len(offsets), dtype=int), days(*offsets), values, **options)  # type: ignore[arg-type]


def test_seven_days_are_one_observation_with_its_spread() -> None:
    values = [1, 2, 4, 8, 4, 2, 1]
    found = one_series(list(range(7)), values)
    assert len(found) == 1
    assert found.log_mean[0] == pytest.approx(np.log(values).mean())
    assert found.log_sd[0] == pytest.approx(np.log(values).std(ddof=1))
    assert (found.first_day[0], found.last_day[0]) == (DAY, DAY + 6)
    assert (found.n_days[0], found.day[0]) == (7, (DAY + 3).astype(int))


@pytest.mark.parametrize(("gap_days", "n"), [(1, 3), (2, 2), (3, 1)])
def test_silence_ends_a_campaign(gap_days: int, n: int) -> None:
    # One silent day after the first, two after the third.
    assert len(one_series([0, 2, 5], [1, 1, 1], gap_days=gap_days)) == n


def test_a_series_without_silence_is_cut_from_its_first_day() -> None:
    found = one_series(list(range(17)), [1.0] * 17)
    assert found.n_days.tolist() == [7, 7, 3]
    longer = one_series(list(range(18)), [1.0] * 18)
    assert longer.n_days.tolist() == [7, 7, 4]


def test_replicates_weigh_no_more_than_their_day() -> None:
    found = one_series([0, 0.25, 0.5, 1], [4, 4, 4, 1])
    assert found.log_mean[0] == pytest.approx(np.log(2))
    assert (found.n_days[0], found.n_samples[0]) == (2, 4)


def test_repeating_every_row_changes_no_value() -> None:
    once = one_series([0, 1, 30], [1, 2, 3])
    twice = one_series([0, 1, 30] * 2, [1, 2, 3] * 2)
    np.testing.assert_allclose(twice.log_mean, once.log_mean)
    np.testing.assert_allclose(twice.log_sd, once.log_sd)
    assert twice.n_days.tolist() == once.n_days.tolist()


@pytest.mark.parametrize("nondetect", list(NONDETECT_SHARES))
def test_a_value_below_its_limit_is_never_zero(nondetect: str) -> None:
    found = one_series([0], [0.0], below_limit=[True], limit=[2.0], nondetect=nondetect)
    assert np.exp(found.log_mean[0]) == pytest.approx(2 * NONDETECT_SHARES[nondetect])
    assert np.exp(found.log_limit[0]) == pytest.approx(2)
    assert found.n_censored[0] == 1


def test_zero_is_below_the_limit_though_no_flag_says_so() -> None:
    found = one_series([0], [0.0], limit=[2.0])
    assert found.samples.is_censored.tolist() == [True]


def test_a_missing_limit_is_the_reported_value_then_the_lowest_of_the_series() -> None:
    found = one_series([0, 10, 20], [3, 0, 5], below_limit=[True, True, False])
    assert np.exp(found.samples.log_limit).round(6).tolist()[:2] == [3, 3]
    assert found.samples.is_limit_assumed.tolist() == [False, True, False]
    measured = one_series([0, 10], [0, 5], below_limit=[True, False])
    assert np.exp(measured.log_limit[0]) == pytest.approx(5)
    stated = one_series([0, 10, 20], [0, 5, 7], below_limit=[True, False, False], limit=[np.nan, np.nan, 2])
    assert np.exp(stated.log_limit[0]) == pytest.approx(2)


def test_a_value_below_an_unknown_limit_is_not_used() -> None:
    found = one_series([0], [np.nan], below_limit=[True])
    assert len(found) == 0
    assert found.samples.is_usable.tolist() == [False]
    assert not found.samples.is_limit_assumed[0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_what_is_no_value_is_left_out(value: float) -> None:
    found = one_series([0, 1], [value, 2.0])
    assert found.samples.is_usable.tolist() == [False, True]
    assert found.samples.campaign.tolist() == [-1, 0]


def test_samples_without_time_or_series_are_left_out() -> None:
    found = campaigns([0, -1], np.array(["NaT", "2026-01-01"], dtype="datetime64[s]"), [1, 1])
    assert not found.samples.is_usable.any()


def test_a_campaign_partly_below_the_limit_is_measured() -> None:
    found = one_series([0, 1], [0, 4], below_limit=[True, False], limit=[2, 2])
    assert np.isnan(found.log_limit[0])
    assert found.n_censored[0] == 1


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 60), st.floats(0.1, 9)), min_size=1), st.randoms()
)
def test_the_order_of_the_rows_does_not_matter(rows: list[tuple[int, int, float]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    a, b = (
        campaigns([r[0] for r in x], days(*[r[1] for r in x]), [r[2] for r in x]) for x in (rows, shuffled)
    )
    assert a.series.tolist() == b.series.tolist()
    assert a.first_day.tolist() == b.first_day.tolist()
    np.testing.assert_allclose(a.log_mean, b.log_mean, atol=1e-12)
    assert a.n_samples.sum() == len(rows)


def test_series_do_not_mix() -> None:
    found = campaigns([1, 0, 1, 0], days(0, 0, 1, 1), [1, 10, 1, 10])
    assert found.series.tolist() == [0, 1]
    np.testing.assert_allclose(np.exp(found.log_mean), [10, 1])


def test_no_samples_are_no_campaigns() -> None:
    assert len(campaigns([], np.array([], dtype="datetime64[D]"), [])) == 0


@pytest.mark.parametrize(
    "options", [{"gap_days": 0}, {"max_days": 0}, {"nondetect": "zero"}, {"limit": [1, 2]}]
)
def test_parameters_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidParameter, match=r"got|equal length"):
        one_series([0], [1.0], **options)


def test_numbers_are_no_times() -> None:
    with pytest.raises(InvalidParameter, match="datetime64"):
        campaigns([0], [20000], [1.0])
