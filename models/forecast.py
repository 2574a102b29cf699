"""How many incidents each cell is to expect in the next period, and how far that can be believed.

Three candidates forecast every one of the latest periods from what was known before it. The one with the
smallest Poisson deviance forecasts the period to come. What is told of a past period, the choice of its
model included, never uses that period or a later one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import gammaln
from scipy.stats import nbinom, poisson

from models.errors import InvalidParameter, TooFewObservations
from models.forecast_features import History, Trees
from spatial.neighbors import NeighborIndex

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

BASELINE, SMOOTHED, LEARNED = "last-period", "smoothed", "learned"
MODELS = (BASELINE, SMOOTHED, LEARNED)
#: Periods before the first one that is forecast, and fewest that are.
LEAST_HISTORY, LEAST_BACKTEST = 6, 4
#: Share of cells that the interval is to hold.
COVERAGE = 0.9

# Share of the mean of all cells in the baseline: a cell without incidents last period is not without risk.
_MEAN_SHARES = (0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97)
# Periods after which a count weighs half, and periods that the surroundings weigh.
_HALF_LIVES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, np.inf)
_PRIORS = (0.25, 1.0, 4.0, 16.0, 64.0)
# Periods before the back-test on which half-life and prior are first judged.
_WARM_UP = 12
_LEAST_EXPECTED = 1e-9
_ROWS_FOR_DISPERSION = 200_000


@dataclass(frozen=True)
class Backtest:
    """Every model's forecast of the latest periods, each made from what was before.

    Attributes
    ----------
    periods : array of int, shape (b,)
        Positions of the periods.
    expected : dict of str to array, shape (b, n_cells)
    loss : dict of str to array, shape (b,)
        Mean Poisson deviance of the cells.
    chosen : list of str
        For each period the model with the smallest deviance in the earlier ones; "smoothed" for the first.
    """

    periods: Indices
    expected: dict[str, Floats]
    loss: dict[str, Floats]
    chosen: list[str]

    def expected_by_choice(self) -> Floats:
        """Return what the model chosen before each period said, shape (b, n_cells)."""
        return np.stack([self.expected[model][row] for row, model in enumerate(self.chosen)])


@dataclass(frozen=True)
class Forecast:
    """The next period.

    Attributes
    ----------
    expected, low, high : array, shape (n_cells,)
        Mean, and the ends of the interval that holds at least 90 % of the counts (negative binomial).
    rank : array of int, shape (n_cells,)
        1 is the highest; equal ones share a rank.
    model : str
    phi : float
        Dispersion of counts around the expectation: variance μ + φμ².
    coverage : float
        Share of counts in the later half of the back-test within intervals whose φ is from the earlier half.
    coverage_busy : float
        The same over cells that expect at least one incident; NaN where there are none.
    half_life, prior : float
        Of the smoothed rate: periods after which a count weighs half; periods that the surroundings weigh.
    backtest : Backtest
    """

    expected: Floats
    low: Floats
    high: Floats
    rank: Indices
    model: str
    phi: float
    coverage: float
    coverage_busy: float
    half_life: float
    prior: float
    backtest: Backtest


def forecast(
    counts: ArrayLike,
    index: NeighborIndex,
    *,
    model: str = "auto",
    backtest: int = 12,
    season: int | None = None,
    seed: int = 0,
) -> Forecast:
    """Return the expected incidents of the period that follows.

    Candidates: `last-period`, the counts of the last period drawn to their mean (its ranking is "same cells
    as last period"); `smoothed`, a rate with exponential weights that is drawn to the rate of the disk k = 2
    around the cell (gamma-Poisson); `learned`, boosted trees with Poisson loss on recent rates of the cell,
    its surroundings, the whole area, and the same season before. How much is drawn, half-life and weights
    are chosen anew for every period by the deviance in the periods before it.

    Parameters
    ----------
    counts : array, shape (n_cells, n_periods)
        Incidents, earliest period first; not negative.
    index : NeighborIndex
    model : str
        One of the candidates, or "auto".
    backtest : int
        Latest periods to forecast for the comparison; fewer where the history is short.
    season : int, optional
        Periods of a year, if so many are to be looked back.
    seed : int
        Of the trees and of the rows that they see, where there are too many.

    Raises
    ------
    TooFewObservations
        If there are fewer than 10 periods, or no incident.
    InvalidParameter
        If the counts do not fit the index, are negative or not finite, or the model is not known.

    References
    ----------
    Mohler et al. (2011), Journal of the American Statistical Association 106, 100-108 (recent history).
    Clayton and Kaldor (1987), Biometrics 43, 671-681 (gamma-Poisson rates).

    Examples
    --------
    Seven cells; the first holds two incidents each week, the others none.

    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> counts = np.zeros((7, 12), dtype=int)
    >>> counts[0] = 2
    >>> found = forecast(counts, neighbor_index(disk([0x892A1358B17FFFF], 1)), model="smoothed")
    >>> round(found.expected[0]), int(found.rank[0]), bool((found.expected[1:] < 0.2).all())
    (2, 1, True)
    """
    x = _checked(counts, index, model)
    n_periods = x.shape[1]
    n_tested = min(backtest, n_periods - LEAST_HISTORY)
    first = n_periods - n_tested
    rivals = _Rivals(
        x, index, first, season, seed, MODELS if model == "auto" else {BASELINE, SMOOTHED, model}
    )
    steps = list(rivals.run())
    past, coming = steps[:-1], steps[-1]
    expected = {name: np.stack([one[name] for one in past]) for name in coming}
    loss = {name: _deviance(x[:, first:].T, values) for name, values in expected.items()}
    chosen = [model] * n_tested if model != "auto" else [_best(loss, row) for row in range(n_tested)]
    tested = Backtest(np.arange(first, n_periods), expected, loss, chosen)
    final = model if model != "auto" else _best(loss, n_tested)
    own = expected[final]
    rng = np.random.default_rng(seed)
    phi = _dispersion(x[:, first:].T, own, rng)
    low, high = _interval(coming[final], phi)
    coverage, coverage_busy = _coverage(x[:, first:].T, tested.expected_by_choice(), rng)
    return Forecast(
        expected=coming[final],
        low=low,
        high=high,
        rank=_ranks(coming[final]),
        model=final,
        phi=phi,
        coverage=coverage,
        coverage_busy=coverage_busy,
        half_life=rivals.half_life,
        prior=rivals.prior,
        backtest=tested,
    )


def _checked(counts: ArrayLike, index: NeighborIndex, model: str) -> NDArray[np.float64]:
    x = np.asarray(counts, dtype=np.float64)
    if x.ndim != 2 or len(x) != len(index):
        raise InvalidParameter(f"counts for each of {len(index)} cells and period were needed, got {x.shape}")
    if not np.isfinite(x).all() or (x < 0).any():
        raise InvalidParameter("counts of 0 or more were needed, got some that are negative or not finite")
    if model not in (*MODELS, "auto"):
        raise InvalidParameter(f"model needs one of auto, {', '.join(MODELS)}; got {model!r}")
    needed = LEAST_HISTORY + LEAST_BACKTEST
    if x.shape[1] < needed:
        raise TooFewObservations(f"forecast needs at least {needed} whole periods, got {x.shape[1]}")
    if not x.any():
        raise TooFewObservations(f"forecast needs incidents, got none in {x.shape[1]} periods")
    return x


class _Rivals:
    """The candidates side by side, period after period, each knowing only what was before."""

    def __init__(
        self,
        counts: Floats,
        index: NeighborIndex,
        first: int,
        season: int | None,
        seed: int,
        names: "set[str] | tuple[str, ...]",
    ) -> None:
        self._counts, self._first, self._names = counts, first, names
        self._history = History(counts, index, _HALF_LIVES, season)
        n_tested = counts.shape[1] - first
        self._trees = Trees(len(counts), seed)
        self._refit_every = max(1, -(-n_tested // 4))
        self._mean_losses = np.zeros(len(_MEAN_SHARES))
        self._rate_losses = np.zeros((len(_HALF_LIVES), len(_PRIORS)))
        self.half_life, self.prior = 8.0, 4.0

    def run(self) -> Iterator[dict[str, Floats]]:
        """Yield the forecasts of each tested period by model, and last those of the period to come."""
        n_periods = self._counts.shape[1]
        start = max(3, self._first - max(_WARM_UP, self._trees.n_periods))
        for t in range(n_periods + 1):
            if t >= start:
                forecasts = self._step(t, is_last=t == n_periods)
                if t >= self._first:
                    yield forecasts
            if t < n_periods:
                self._history.add(t)

    def _step(self, t: int, *, is_last: bool) -> dict[str, Floats]:
        actual = None if is_last else self._counts[:, t]
        found = {BASELINE: self._baseline(actual, t), SMOOTHED: self._smoothed(actual)}
        if LEARNED in self._names:
            features = self._history.features(t)
            if t >= self._first:
                if is_last or (t - self._first) % self._refit_every == 0:
                    self._trees.fit()
                learned = self._trees.predict(features)
                found[LEARNED] = found[SMOOTHED] if learned is None else np.maximum(learned, _LEAST_EXPECTED)
            if actual is not None:
                self._trees.see(features, actual)
        return {name: values for name, values in found.items() if name in self._names}

    def _baseline(self, actual: Floats | None, t: int) -> Floats:
        last = self._counts[:, t - 1]
        overall = float(self._counts[:, max(0, t - 4) : t].mean())
        made = [np.maximum((1 - w) * last + w * overall, _LEAST_EXPECTED) for w in _MEAN_SHARES]
        best = int(np.argmin(self._mean_losses))
        if actual is not None:
            self._mean_losses += [_loss(actual, one) for one in made]
        return made[best]

    def _smoothed(self, actual: Floats | None) -> Floats:
        best = divmod(int(np.argmin(self._rate_losses)), len(_PRIORS))
        if not self._rate_losses.any():
            best = (_HALF_LIVES.index(8.0), _PRIORS.index(4.0))
        chosen = None
        for i in range(len(_HALF_LIVES)):
            if actual is None and i != best[0]:
                continue
            own, weight, around = self._history.rates(i)
            for j, prior in enumerate(_PRIORS):
                rate = np.maximum((own + prior * around) / (weight + prior), _LEAST_EXPECTED)
                if (i, j) == best:
                    chosen = rate
                if actual is not None:
                    self._rate_losses[i, j] += _loss(actual, rate)
        self.half_life, self.prior = _HALF_LIVES[best[0]], _PRIORS[best[1]]
        assert chosen is not None
        return chosen


def _loss(actual: Floats, expected: Floats) -> float:
    """Return the negative Poisson log-likelihood without what does not depend on the expectation."""
    some = actual > 0
    return float(expected.sum() - actual[some] @ np.log(expected[some]))


def _deviance(actual: Floats, expected: Floats) -> Floats:
    """Return the mean Poisson deviance of every row."""
    ratio = np.where(actual > 0, actual, 1.0) / expected
    logs = np.where(actual > 0, actual * np.log(np.where(actual > 0, ratio, 1.0)), 0.0)
    found: Floats = 2 * (logs - actual + expected).mean(axis=1)
    return found


def _best(loss: dict[str, Floats], row: int) -> str:
    """Return the model with the smallest deviance before a tested period; the smoothed before the first."""
    if row == 0:
        return SMOOTHED
    return min(loss, key=lambda name: float(loss[name][:row].sum()))


def _ranks(expected: Floats) -> Indices:
    _, place, numbers = np.unique(-expected, return_inverse=True, return_counts=True)
    before = np.cumsum(numbers) - numbers
    ranks: Indices = before[place] + 1
    return ranks


def _dispersion(actual: Floats, expected: Floats, rng: np.random.Generator) -> float:
    """Return the dispersion φ that makes the counts likeliest, variance μ + φμ²."""
    x, mean = actual.ravel(), expected.ravel()
    if len(x) > _ROWS_FOR_DISPERSION:
        rows = rng.choice(len(x), _ROWS_FOR_DISPERSION, replace=False)
        x, mean = x[rows], mean[rows]
    some = x > 0

    def loss(log_phi: float) -> float:
        r = np.exp(-log_phi)
        at = gammaln(x[some] + r) - gammaln(r) + x[some] * np.log(mean[some] / (r + mean[some]))
        return float(r * np.log1p(mean / r).sum() - at.sum())

    found = minimize_scalar(loss, bounds=(np.log(1e-4), np.log(1e3)), method="bounded")
    return float(np.exp(found.x)) if np.exp(found.x) > 2e-4 else 0.0


def _interval(expected: Floats, phi: float) -> tuple[Floats, Floats]:
    """Return the ends of the interval that holds at least 90 % of the counts."""
    tail = (1 - COVERAGE) / 2
    means, place = np.unique(expected, return_inverse=True)
    law: Any = nbinom(1 / phi, 1 / (1 + phi * means)) if phi > 0 else poisson(means)
    return law.ppf(tail)[place], law.ppf(1 - tail)[place]


def _coverage(actual: Floats, expected: Floats, rng: np.random.Generator) -> tuple[float, float]:
    half = len(actual) // 2
    phi = _dispersion(actual[:half], expected[:half], rng)
    low, high = _interval(expected[half:].ravel(), phi)
    later = actual[half:].ravel()
    held, busy = (later >= low) & (later <= high), expected[half:].ravel() >= 1
    return float(held.mean()), float(held[busy].mean()) if busy.any() else np.nan
