"""What is known of every cell before a period, and the boosted trees that learn from it.

Rates with exponential weights of the cell and of the disks around it, of the whole area, and of the same
season before. Nothing of the period itself or of a later one is in them.
"""

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spatial.neighbors import NeighborIndex, disk_sizes, disk_sums

Floats = NDArray[np.float64]

# Rows that the trees learn from at most, and periods that these reach back.
MAX_ROWS = 120_000
_LEAST_PERIODS, _MOST_PERIODS = 4, 26
# Radius of the surroundings that a smoothed rate is drawn to.
_AROUND = 2
# Half-lives of the rates that the trees see: of the cell, of disks around it (k, half-life), of the whole.
_OWN = (1.0, 4.0, 16.0, 64.0, np.inf)
_DISKS = ((1, 4.0), (1, 32.0), (2, 8.0))
_WHOLE = (1.0, 8.0)


class History:
    """Sums with exponential weights over the periods so far, for several half-lives at once."""

    def __init__(
        self, counts: Floats, index: NeighborIndex, half_lives: tuple[float, ...], season: int | None
    ) -> None:
        self._counts, self._index, self._season = counts, index, season
        self._half_lives = half_lives
        self._decay = np.array([0.5 ** (1 / one) for one in half_lives])
        self._sums = np.zeros((len(half_lives), len(counts)))
        self._weights = np.zeros(len(half_lives))
        self._sizes = {k: disk_sizes(index, k).astype(np.float64) for k in (1, 2)}

    def add(self, t: int) -> None:
        """Take a period into the sums."""
        self._sums = self._sums * self._decay[:, None] + self._counts[:, t]
        self._weights = self._weights * self._decay + 1

    def rates(self, i: int) -> tuple[Floats, float, Floats]:
        """Return for one half-life the weighted sum of each cell, the sum of weights, the rate around it.

        The rate around a cell is drawn to the rate of the whole as if that had been seen in one cell more.
        """
        own, weight = self._sums[i], float(self._weights[i])
        disk = disk_sums(self._index, own, _AROUND)
        around = (disk + own.mean()) / ((self._sizes[_AROUND] + 1) * weight)
        return own, weight, around

    def features(self, t: int) -> NDArray[np.float32]:
        """Return what is known before period t, shape (n_cells, n_features); NaN where nothing is."""
        columns = [self._rate(one) for one in _OWN]
        for k, half_life in _DISKS:
            columns.append(disk_sums(self._index, self._rate(half_life), k) / self._sizes[k])
        whole = [np.full(len(self._counts), self._rate(one).mean()) for one in _WHOLE]
        return np.column_stack([*columns, *whole, *self._season_before(t)]).astype(np.float32)

    def _rate(self, half_life: float) -> Floats:
        i = self._half_lives.index(half_life)
        rate: Floats = self._sums[i] / self._weights[i]
        return rate

    def _season_before(self, t: int) -> list[Floats]:
        """Return the rate around each cell, and of the whole, in the same season a year before."""
        if self._season is None:
            return []
        n = len(self._counts)
        if t - self._season < 1:
            return [np.full(n, np.nan), np.full(n, np.nan)]
        then = self._counts[:, t - self._season - 1 : t - self._season + 2].mean(axis=1)
        return [disk_sums(self._index, then, 1) / self._sizes[1], np.full(n, then.mean())]


class Trees:
    """Boosted trees with Poisson loss on the latest periods (scikit-learn), in one thread."""

    def __init__(self, n_cells: int, seed: int) -> None:
        self.n_periods = int(np.clip(MAX_ROWS // n_cells, _LEAST_PERIODS, _MOST_PERIODS))
        self._rows = min(n_cells, MAX_ROWS // self.n_periods)
        self._seed = seed
        self._rng = np.random.default_rng(seed)
        self._seen: deque[tuple[NDArray[np.float32], Floats]] = deque(maxlen=self.n_periods)
        self._model: Any = None
        self._columns: NDArray[np.intp] = np.empty(0, dtype=np.intp)

    def see(self, features: NDArray[np.float32], counts: Floats) -> None:
        """Keep a period to learn from; some of its cells where there are too many."""
        rows = np.arange(len(counts))
        if self._rows < len(counts):
            rows = np.sort(self._rng.choice(len(counts), self._rows, replace=False))
        self._seen.append((features[rows], counts[rows]))

    def fit(self) -> None:
        """Learn from the periods seen; from periods without any incident nothing is learned."""
        # They take a second to load, which only those pay who use them.
        from sklearn.ensemble import HistGradientBoostingRegressor
        from threadpoolctl import threadpool_limits

        features = np.concatenate([one for one, _ in self._seen])
        counts = np.concatenate([one for _, one in self._seen])
        if not counts.any():
            self._model = None
            return
        # A season that nothing is known of cannot be learned from.
        self._columns = np.flatnonzero(~np.isnan(features).all(axis=0))
        model = HistGradientBoostingRegressor(
            loss="poisson",
            max_iter=80,
            learning_rate=0.08,
            max_leaf_nodes=15,
            min_samples_leaf=int(np.clip(len(counts) // 200, 5, 60)),
            l2_regularization=1.0,
            early_stopping=False,
            random_state=self._seed % 2**32,
        )
        with threadpool_limits(limits=1):  # sums of several threads differ in the last bit
            self._model = model.fit(features[:, self._columns], counts)

    def predict(self, features: NDArray[np.float32]) -> Floats | None:
        """Return the expected counts; None where nothing was learned."""
        if self._model is None:
            return None
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1):
            return np.asarray(self._model.predict(features[:, self._columns]), dtype=np.float64)
