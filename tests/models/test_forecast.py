"""The forecast: planted places are found, chance is not beaten, nothing of the future is used."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import InvalidParameter, TooFewObservations
from models.forecast import BASELINE, LEARNED, MODELS, SMOOTHED, Forecast, forecast
from models.hit_rates import hit_rates
from spatial.grid import disk
from spatial.neighbors import NeighborIndex, neighbor_index

CELLS = disk([0x892A1358B17FFFF], 12)
N = len(CELLS)
Counts = NDArray[np.int64]


@pytest.fixture(scope="module")
def index() -> NeighborIndex:
    return neighbor_index(CELLS)


def even(mean: float, n_periods: int = 30, seed: int = 0) -> Counts:
    return np.random.default_rng(seed).poisson(mean, (N, n_periods))


def planted(seed: int = 0) -> tuple[Counts, Counts]:
    """Return weekly counts with five lasting places, and the cells of these."""
    rng = np.random.default_rng(seed)
    rate = np.full(N, 0.05)
    hot = np.unique(disk(CELLS[rng.choice(N, 5, replace=False)], 1))
    hot = np.flatnonzero(np.isin(CELLS, hot))
    rate[hot] = 0.8
    return rng.poisson(rate[:, None], (N, 40)), hot


def pooled_pai(found: Forecast, counts: Counts, model: str, share: float = 0.05) -> float:
    tested = found.backtest
    rates = [
        hit_rates(tested.expected[model][row], counts[:, t], np.ones(N), share)
        for row, t in enumerate(tested.periods)
    ]
    return sum(one.hits for one in rates) / sum(one.incidents for one in rates) / share


@pytest.fixture(scope="module")
def on_planted(index: NeighborIndex) -> tuple[Forecast, Counts, Counts]:
    counts, hot = planted()
    return forecast(counts, index, seed=1), counts, hot


def test_planted_places_are_forecast_better_than_by_the_last_period(
    on_planted: tuple[Forecast, Counts, Counts],
) -> None:
    found, counts, hot = on_planted
    assert found.model in (SMOOTHED, LEARNED)
    best = np.isin(np.arange(N), hot).mean()
    for model in (SMOOTHED, LEARNED):
        assert pooled_pai(found, counts, model) > 1.2 * pooled_pai(found, counts, BASELINE) > 1.5
    top = np.argsort(found.rank)[: len(hot)]
    assert np.isin(top, hot).mean() > 0.8 > best


def test_the_total_is_about_right(on_planted: tuple[Forecast, Counts, Counts]) -> None:
    found, counts, _ = on_planted
    assert found.expected.sum() == pytest.approx(counts[:, -12:].sum(axis=0).mean(), rel=0.15)


def test_the_interval_holds_what_it_promises(on_planted: tuple[Forecast, Counts, Counts]) -> None:
    found = on_planted[0]
    assert found.coverage >= 0.9
    assert (found.low <= found.expected).all() and (found.high >= np.floor(found.expected)).all()


@pytest.mark.parametrize("size", [0.5, 2.0])
def test_the_interval_allows_for_counts_that_vary_more(index: NeighborIndex, size: float) -> None:
    rng = np.random.default_rng(3)
    counts = rng.negative_binomial(size, size / (size + 6.0), (N, 30))
    found = forecast(counts, index, model="smoothed")
    assert found.phi == pytest.approx(1 / size, rel=0.25)
    assert 0.88 < found.coverage < 0.97
    assert found.coverage_busy == found.coverage  # every cell expects 6
    following = rng.negative_binomial(size, size / (size + 6.0), N)
    assert ((following >= found.low) & (following <= found.high)).mean() > 0.86


@pytest.mark.parametrize("mean", [0.1, 2.0])
def test_on_even_counts_no_model_beats_chance(index: NeighborIndex, mean: float) -> None:
    counts = even(mean, seed=5)
    found = forecast(counts, index, seed=2)
    n_hits = counts[:, -12:].sum() * 0.05
    for model in MODELS:
        assert abs(pooled_pai(found, counts, model) - 1) < 3.5 / np.sqrt(n_hits)
    assert found.phi < 0.3
    assert found.expected.std() < 0.5 * np.sqrt(mean)


def test_the_forecast_of_a_period_knows_nothing_of_it_or_later(index: NeighborIndex) -> None:
    counts, _ = planted(7)
    changed = counts.copy()
    changed[:, 34:] = np.random.default_rng(8).poisson(3.0, (N, 6))
    one, other = forecast(counts, index, seed=3), forecast(changed, index, seed=3)
    assert one.backtest.periods.tolist() == list(range(28, 40))
    for model in MODELS:
        assert np.array_equal(one.backtest.expected[model][:7], other.backtest.expected[model][:7])
        assert not np.array_equal(one.backtest.expected[model][7:], other.backtest.expected[model][7:])
    assert one.backtest.chosen[:7] == other.backtest.chosen[:7]


def test_the_same_question_has_the_same_bytes(index: NeighborIndex) -> None:
    counts, _ = planted(9)
    one, other = forecast(counts, index, seed=4), forecast(counts, index, seed=4)
    assert one.expected.tobytes() == other.expected.tobytes()


def test_a_season_is_used_where_there_is_one(index: NeighborIndex) -> None:
    rng = np.random.default_rng(10)
    month = np.arange(60) % 12
    counts = rng.poisson(np.where(np.isin(month, (5, 6, 7)), 2.0, 0.2), (N, 60))
    found = forecast(counts, index, season=12, model="learned")  # the next is the first month of the year
    flat = forecast(counts[:, :54], index, season=12, model="learned")  # the sixth is warm, the fifth was not
    assert found.expected.mean() < 0.5
    assert flat.expected.mean() > 0.6


def test_a_season_without_a_year_of_history_plays_no_part(index: NeighborIndex) -> None:
    counts, _ = planted(12)
    one, other = forecast(counts, index, season=52), forecast(counts, index)
    assert np.array_equal(one.expected, other.expected)


def test_the_last_period_ranks_like_its_counts(index: NeighborIndex) -> None:
    counts, _ = planted(11)
    found = forecast(counts, index, model=BASELINE)
    order = np.argsort(-counts[:, -1], kind="stable")
    assert (np.diff(found.rank[order]) >= 0).all()
    assert len(np.unique(found.rank)) == len(np.unique(counts[:, -1]))


def test_weights_and_a_single_cell_are_fine() -> None:
    found = forecast(np.full((1, 12), 1.5), neighbor_index(CELLS[:1]))
    assert found.expected[0] == pytest.approx(1.5, rel=0.1)


@pytest.mark.parametrize("n_periods", [0, 9])
def test_too_few_periods_say_how_many_are_needed(index: NeighborIndex, n_periods: int) -> None:
    with pytest.raises(TooFewObservations, match=f"at least 10 whole periods, got {n_periods}"):
        forecast(np.ones((N, n_periods)), index)


def test_no_incident_is_no_forecast(index: NeighborIndex) -> None:
    with pytest.raises(TooFewObservations, match="needs incidents, got none in 12"):
        forecast(np.zeros((N, 12)), index)


def test_incidents_that_begin_late_are_forecast(index: NeighborIndex) -> None:
    counts = np.zeros((N, 20))
    counts[3, 17:] = 4
    found = forecast(counts, index)
    assert np.isfinite(found.expected).all() and found.rank[3] == 1


@pytest.mark.parametrize(
    ("counts", "model"),
    [
        (np.ones((3, 12)), "auto"),
        (-np.ones((N, 12)), "auto"),
        (np.full((N, 12), np.nan), "auto"),
        (np.ones((N, 12)), "oracle"),
    ],
)
def test_what_does_not_fit_is_refused(index: NeighborIndex, counts: Counts, model: str) -> None:
    with pytest.raises(InvalidParameter):
        forecast(counts, index, model=model)
