"""Maps without corridors: how much risks differ from place to place, and counts drawn under it.

Risks differ at two scales. From lixel to lixel, as junctions and driveways do; and from block to block of
640 m, as parts of a street do. Both are estimated from the counts, in such a way that corridors do not pass
for heterogeneity; a difference as long as a corridor cannot be told from one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.dispersion import fit_dispersion

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK_LIXELS = 8
BLOCK_M = 640.0
# With fewer sums of eight lixels their heterogeneity is not estimated, but taken to be that of the lixels.
FEWEST_SUMS = 30
# Beyond, a single lixel holds nearly everything; more would only be noise.
_LARGEST_K = 100.0
_OFFSETS = 8
# Below this ratio of incidents to lixels, single draws are quicker than a multinomial law.
_INCIDENTS_PER_LIXEL = 0.75


@dataclass(frozen=True)
class Heterogeneity:
    """How much risks differ, as squared coefficients of variation.

    Attributes
    ----------
    k_1 : float
        Of lixels: the variance of a count is mean + k_1 · mean².
    k_8 : float
        Of the sums of eight lixels (of 80 m; of as many as make 640 m); NaN where there are too few sums.
    k_b, k_l : float
        Of blocks, and of lixels within them: (1 + k_b)(1 + k_l) = 1 + k_1.
    n_sums : int
        Such sums that do not overlap.
    """

    k_1: float
    k_8: float
    k_b: float
    k_l: float
    n_sums: int


NO_HETEROGENEITY = Heterogeneity(0.0, 0.0, 0.0, 0.0, 0)


def heterogeneity(y: Ints, mu: Floats, route: Ints, per_block: int = BLOCK_LIXELS) -> Heterogeneity:
    """Return the heterogeneity of lixels and of blocks.

    k_1 is fitted to the lixels and k_8 to sums of eight by maximum likelihood; of either fit, counts beyond
    the 99 % quantile of their law enter only as "above", so that corridors and piles do not decide it. Then
    k_b = min(k_1, max(0, (k_8 - k_1/8)/(1 - 1/8))) and k_l = (k_1 - k_b)/(1 + k_b). Sums are taken from both
    ends of a route, so that its direction does not matter. Shorter lixels need more of them to a block.

    Parameters
    ----------
    y : array of int, shape (n,)
        Incidents of every lixel.
    mu : array, shape (n,)
        Expected incidents.
    route : array of int, shape (n,)
        Ascending.
    per_block : int
        Lixels of a block of 640 m, at least 2; see `lixels_per_block`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> mu, route = np.ones(8000), np.repeat(np.arange(100), 80)
    >>> found = heterogeneity(rng.poisson(mu * np.repeat(rng.gamma(2, 0.5, 1000), 8)), mu, route)
    >>> round(found.k_1, 1), round(found.k_b, 1), found.n_sums
    (0.5, 0.5, 1000)
    """
    k_1 = min(fit_dispersion(y, mu).phi, _LARGEST_K)
    start, n_sums = _starts_of_sums(route, per_block)
    if n_sums < FEWEST_SUMS:
        return Heterogeneity(k_1, float("nan"), k_1, 0.0, n_sums)
    sums = [_running(values)[start + per_block] - _running(values)[start] for values in (y, mu)]
    k_8 = min(fit_dispersion(np.rint(sums[0]).astype(np.int64), np.maximum(sums[1], 0.0)).phi, _LARGEST_K)
    k_b = min(k_1, max(0.0, (k_8 - k_1 / per_block) / (1 - 1 / per_block)))
    return Heterogeneity(k_1, k_8, k_b, (k_1 - k_b) / (1 + k_b), n_sums)


def lixels_per_block(length_m: Floats) -> int:
    """Return how many lixels make a block of 640 m, at least 2.

    Examples
    --------
    >>> lixels_per_block(np.array([79.8, 80.1])), lixels_per_block(np.array([50.0]))
    (8, 13)
    """
    return max(2, round(BLOCK_M / float(np.median(length_m)))) if len(length_m) else BLOCK_LIXELS


@dataclass(frozen=True)
class NullLaw:
    """Maps without corridors: as many incidents, at risks that differ at random.

    Attributes
    ----------
    mu : array, shape (n,)
        Expected incidents of every lixel.
    total : int
        Incidents on every map.
    k_b, k_l : float
        See `Heterogeneity`.
    block : array of int32, shape (8, n)
        The block of every lixel, for eight places where blocks may begin.
    """

    mu: Floats
    total: int
    k_b: float
    k_l: float
    block: NDArray[np.int32]

    def draw(self, rng: np.random.Generator) -> Ints:
        """Return the incidents of every lixel on one map."""
        risks = self.mu
        if self.k_b > 0:
            block = self.block[rng.integers(_OFFSETS)]
            risks = risks * rng.gamma(1 / self.k_b, self.k_b, int(block[-1]) + 1)[block]
        if self.k_l > 0:
            risks = risks * rng.standard_gamma(1 / self.k_l, len(risks), dtype=np.float32)
        return scattered(risks if risks.any() else self.mu, self.total, rng)


def null_law(
    mu: Floats, route: Ints, length_m: Floats, total: int, risks: Heterogeneity = NO_HETEROGENEITY
) -> NullLaw:
    """Return the law of maps without corridors.

    Parameters
    ----------
    mu : array, shape (n,)
        Expected incidents, in any unit.
    route : array of int, shape (n,)
        Ascending.
    length_m : array, shape (n,)
    total : int
        Incidents on every map.
    risks : Heterogeneity
        By default there is none.

    Examples
    --------
    >>> law = null_law(np.array([1.0, 0.0, 3.0]), np.zeros(3, dtype=int), np.full(3, 80.0), 8)
    >>> counts = law.draw(np.random.default_rng(0))
    >>> int(counts.sum()), int(counts[1])
    (8, 0)
    """
    return NullLaw(mu, total, risks.k_b, risks.k_l, _blocks(route, length_m))


def scattered(weights: Floats, total: int, rng: np.random.Generator) -> Ints:
    """Return how many of `total` incidents fall on each place, in proportion to weights.

    Examples
    --------
    >>> int(scattered(np.array([0.0, 1.0, 1.0]), 5, np.random.default_rng(0))[1:].sum())
    5
    """
    if total > _INCIDENTS_PER_LIXEL * len(weights):
        return rng.multinomial(total, weights / weights.sum())
    until = np.cumsum(weights, dtype=np.float64)
    spots = np.sort(rng.random(total) * until[-1])  # sorted ones are found sooner
    place = np.searchsorted(until, spots, side="right")
    last = int(np.searchsorted(until, until[-1]))  # rounding may put a spot at the very end
    return np.bincount(np.minimum(place, last), minlength=len(weights))


def _starts_of_sums(route: Ints, per_block: int) -> tuple[Ints, int]:
    """Return where runs of so many lixels of a route start, from both ends, and how many from one end."""
    begins = np.flatnonzero(np.concatenate([[True], route[1:] != route[:-1]]))
    ends = np.append(begins[1:], len(route))
    n_runs = (ends - begins) // per_block
    number = np.arange(int(n_runs.sum())) - np.repeat(np.cumsum(n_runs) - n_runs, n_runs)
    forth = np.repeat(begins, n_runs) + per_block * number
    back = np.repeat(ends, n_runs) - per_block * (number + 1)
    return np.concatenate([forth, back]), len(forth)


def _blocks(route: Ints, length_m: Floats) -> NDArray[np.int32]:
    """Return the block of every lixel, where blocks begin at 0, 80, … 560 m before the route does."""
    is_first = np.concatenate([[True], route[1:] != route[:-1]])
    until = np.cumsum(length_m)
    middle = until - length_m / 2
    begins = np.flatnonzero(is_first)
    middle -= np.repeat(until[begins] - length_m[begins], np.diff(np.append(begins, len(route))))
    found = np.empty((_OFFSETS, len(route)), dtype=np.int32)
    for number in range(_OFFSETS):
        block = np.floor((middle + number * BLOCK_M / _OFFSETS) / BLOCK_M)
        is_new = is_first | np.concatenate([[True], block[1:] != block[:-1]])
        found[number] = np.cumsum(is_new) - 1
    return found


def _running(values: NDArray[np.generic]) -> Floats:
    return np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
