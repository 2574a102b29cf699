"""How many of the crashes lie on how much of the network, and what chance alone would give.

A ranking is judged on crashes that it has not seen. The same curve of the crashes that it was made from is
steep even where roads are alike: `chance_coverage` says how steep.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameter, TooFewObservations
from models.screening import MILE_M, window_maximum

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Points, not tested for significance: a common flat table for severity-weighted windows.
FLAT_WEIGHTS: Mapping[str, float] = {"K": 3, "A": 3, "B": 1, "C": 0, "O": 0, "U": 0}
PRACTICE_WINDOW_M, PRACTICE_STEP_M = 0.5 * MILE_M, 0.1 * MILE_M
#: Shares of the length at which rankings are compared.
SHARES = (0.05, 0.1)


@dataclass(frozen=True)
class Coverage:
    """Cumulative shares, from the best pieces on.

    Attributes
    ----------
    length_share, count_share : array, shape (m + 1,)
        Both start at 0 and end at 1; between two points the curve is straight.
    """

    length_share: Floats
    count_share: Floats

    def at(self, length_share: ArrayLike) -> Floats:
        """Return the share of the crashes on the best pieces of this share of the length."""
        found: Floats = np.interp(np.asarray(length_share, float), self.length_share, self.count_share)
        return found

    def length_for(self, count_share: ArrayLike) -> Floats:
        """Return the smallest share of the length that holds this share of the crashes."""
        wanted = np.asarray(count_share, dtype=np.float64)
        step = np.clip(np.searchsorted(self.count_share, wanted - 1e-12), 1, len(self.count_share) - 1)
        low, high = self.count_share[step - 1], self.count_share[step]
        part = np.where(high > low, (wanted - low) / np.where(high > low, high - low, 1.0), 0.0)
        start = self.length_share[step - 1]
        return start + np.clip(part, 0, 1) * (self.length_share[step] - start)


def coverage_curve(count: ArrayLike, length_m: ArrayLike, *, score: ArrayLike | None = None) -> Coverage:
    """Return which share of the crashes lies on the best share of the length.

    Parameters
    ----------
    count : array, shape (n,)
        Crashes per piece, of the same period as the score or of a later one.
    length_m : array, shape (n,)
        Above 0.
    score : array, shape (n,), optional
        Largest first; pieces of one score come in together, so their order does not matter. Without it the
        crashes per metre themselves: the steepest of all curves, in hindsight.

    Raises
    ------
    InvalidParameter
        If shapes differ, a count is negative, or a length is not above 0.
    TooFewObservations
        If there is no crash.

    Examples
    --------
    >>> curve = coverage_curve([0, 6, 3, 1], [100, 100, 100, 100])
    >>> curve.at([0.25, 0.5, 0.6]).round(2).tolist()
    [0.6, 0.9, 0.94]
    >>> float(curve.length_for(0.9))
    0.5
    """
    c, m = _checked(count, length_m)
    s = c / m if score is None else np.asarray(score, dtype=np.float64)
    if s.shape != c.shape or np.isnan(s).any():
        raise InvalidParameter(f"one score per piece is needed, and no NaN: {s.shape}, {c.shape}")
    _, level = np.unique(-s, return_inverse=True)
    return Coverage(*(_shares(np.bincount(level.ravel(), a).astype(np.float64)) for a in (m, c)))


def _shares(sums: Floats) -> Floats:
    running: Floats = np.concatenate([[0.0], np.cumsum(sums)])
    shares: Floats = running / running[-1]
    return shares


def _checked(count: ArrayLike, length_m: ArrayLike) -> tuple[Floats, Floats]:
    c, m = np.asarray(count, dtype=np.float64), np.asarray(length_m, dtype=np.float64)
    if c.ndim != 1 or c.shape != m.shape:
        raise InvalidParameter(f"one length per count is needed, got {c.shape} and {m.shape}")
    if not np.isfinite(c).all() or (c < 0).any() or not np.isfinite(m).all() or (m <= 0).any():
        raise InvalidParameter("counts must not be negative, lengths must be above 0, both finite")
    if not c.sum() > 0:
        raise TooFewObservations("a coverage curve needs at least 1 crash, got 0")
    return c, m


@dataclass(frozen=True)
class ChanceCoverage:
    """What hindsight finds where there is nothing to find.

    Attributes
    ----------
    length_share, mean, low, high : array, shape (m,)
        Share of the crashes on the best pieces: mean and the middle 95 % of the simulations.
    simulations : int
    """

    length_share: Floats
    mean: Floats
    low: Floats
    high: Floats
    simulations: int


def chance_coverage(
    n_incidents: int,
    mu: ArrayLike,
    length_m: ArrayLike,
    *,
    length_share: ArrayLike = SHARES,
    simulations: int = 199,
    rng: np.random.Generator,
) -> ChanceCoverage:
    """Return the curve when as many crashes fall by exposure alone and pieces are picked afterwards.

    Parameters
    ----------
    n_incidents : int
        1 or more.
    mu : array, shape (n,)
        Exposure of every piece, in any unit.
    length_m : array, shape (n,)
        Above 0.
    length_share : array, shape (m,)
        Where the curve is told.
    simulations : int
        2 or more.
    rng : Generator

    Raises
    ------
    InvalidParameter
        If shapes differ, mu is negative or all 0, or there are no simulations.

    Examples
    --------
    Twenty crashes on a thousand like pieces: a tenth of the length, picked afterwards, holds them all.

    >>> rng = np.random.default_rng(0)
    >>> chance_coverage(20, np.ones(1000), np.ones(1000), simulations=9, rng=rng).mean.tolist()
    [1.0, 1.0]
    """
    exposure, m = np.asarray(mu, dtype=np.float64), np.asarray(length_m, dtype=np.float64)
    if exposure.shape != m.shape or (exposure < 0).any() or not exposure.sum() > 0:
        raise InvalidParameter("exposure must match the lengths, not be negative, and be above 0 somewhere")
    if n_incidents < 1 or simulations < 2:
        raise InvalidParameter(f"needs incidents and simulations, got {n_incidents} and {simulations}")
    shares = np.atleast_1d(np.asarray(length_share, dtype=np.float64))
    part = exposure / exposure.sum()
    found = np.array(
        [coverage_curve(rng.multinomial(n_incidents, part), m).at(shares) for _ in range(simulations)]
    )
    low, high = np.quantile(found, [0.025, 0.975], axis=0)
    return ChanceCoverage(shares, found.mean(axis=0), low, high, simulations)


@dataclass(frozen=True)
class Captured:
    """What lies on chosen windows.

    Attributes
    ----------
    count : float
    count_share, length_share : float
        Of all crashes, of all length; `count_share` is NaN where there is no crash at all.
    """

    count: float
    count_share: float
    length_share: float

    @property
    def lift(self) -> float:
        """Crashes caught for each that the same length would catch by chance; NaN for no length."""
        return self.count_share / self.length_share if self.length_share > 0 else float("nan")


def captured(first: ArrayLike, last: ArrayLike, count: ArrayLike, length_m: ArrayLike) -> Captured:
    """Return how much lies on windows; a piece in two of them counts once.

    Parameters
    ----------
    first, last : array of int, shape (m,)
        Windows of consecutive pieces; `last` is exclusive.
    count, length_m : array, shape (n,)
        Crashes (of the period that is judged) and length per piece.

    Examples
    --------
    >>> captured([1], [3], [1, 4, 3, 2], [100, 100, 100, 100])
    Captured(count=7.0, count_share=0.7, length_share=0.5)
    """
    c, m = np.asarray(count, dtype=np.float64), np.asarray(length_m, dtype=np.float64)
    is_in = covered_pieces(first, last, len(m))
    total = float(c.sum())
    inside = float(c[is_in].sum())
    return Captured(inside, inside / total if total else float("nan"), float(m[is_in].sum() / m.sum()))


def covered_pieces(first: ArrayLike, last: ArrayLike, n: int) -> Mask:
    """Return which of n pieces lie in a window.

    Examples
    --------
    >>> covered_pieces([1, 2], [3, 4], 5).tolist()
    [False, True, True, True, False]
    """
    depth = np.zeros(n + 1, dtype=np.int64)
    np.add.at(depth, np.asarray(first, dtype=np.int64), 1)
    np.add.at(depth, np.asarray(last, dtype=np.int64), -1)
    is_in: Mask = np.cumsum(depth[:n]) > 0
    return is_in


def practice_scores(
    counts: Mapping[str, ArrayLike],
    route: ArrayLike,
    length_m: ArrayLike,
    *,
    weights: Mapping[str, float] = FLAT_WEIGHTS,
) -> dict[str, Floats]:
    """Return the scores that cities rank streets by today: windows of half a mile in steps of a tenth.

    Parameters
    ----------
    counts : mapping of severity to array of int, shape (n,)
        Crashes per piece for each of K, A, B, C, O, U that there is.
    route, length_m : array, shape (n,)
        Pieces in the order of their routes.
    weights : mapping
        Points per severity.

    Returns
    -------
    dict
        ``severity windows`` and ``all-crash windows``: per piece the largest sum of the windows over it.

    Examples
    --------
    >>> scores = practice_scores({"K": [0, 1], "C": [4, 0]}, [0, 1], [80, 80])
    >>> scores["severity windows"].tolist(), scores["all-crash windows"].tolist()
    ([0.0, 3.0], [4.0, 1.0])
    """
    given = {name: np.asarray(values, dtype=np.float64) for name, values in counts.items()}
    unknown = sorted(set(given) - set(weights))
    if unknown or not given:
        raise InvalidParameter(f"no weight for the severities {', '.join(unknown) or '(none given)'}")
    weighted = sum(weights[name] * values for name, values in given.items())
    every = sum(given.values())
    size = {"window_m": PRACTICE_WINDOW_M, "step_m": PRACTICE_STEP_M}
    return {
        "severity windows": window_maximum(np.asarray(weighted), route, length_m, **size),
        "all-crash windows": window_maximum(np.asarray(every), route, length_m, **size),
    }


@dataclass(frozen=True)
class HoldOutRow:
    """One ranking at one share of the length.

    Attributes
    ----------
    ranking : str
    length_share : float
        What was chosen; for windows at most what was asked for.
    captured : dict
        Share of the later crashes on it, by measure.
    """

    ranking: str
    length_share: float
    captured: dict[str, float]


def held_out(
    scores: Mapping[str, ArrayLike],
    later: Mapping[str, ArrayLike],
    length_m: ArrayLike,
    *,
    shares: Sequence[float] = SHARES,
) -> list[HoldOutRow]:
    """Return what rankings of pieces catch of the crashes of a later period; first of all, a random one.

    Parameters
    ----------
    scores : mapping of name to array, shape (n,)
        Made from the earlier period only.
    later : mapping of measure to array of int, shape (n,)
        Crashes of the later period per piece. Measures without a crash are left out.
    length_m : array, shape (n,)
        Above 0.
    shares : sequence of float

    Examples
    --------
    >>> rows = held_out({"ours": [2, 1]}, {"injury": [3, 1]}, [100, 100], shares=[0.5])
    >>> [(row.ranking, row.length_share, row.captured) for row in rows]
    [('random', 0.5, {'injury': 0.5}), ('ours', 0.5, {'injury': 0.75})]
    """
    some = {name: np.asarray(count) for name, count in later.items() if np.asarray(count).sum() > 0}
    rows = [HoldOutRow("random", float(share), dict.fromkeys(some, float(share))) for share in shares]
    for ranking, score in scores.items():
        curves = {name: coverage_curve(count, length_m, score=score) for name, count in some.items()}
        rows += [
            HoldOutRow(
                ranking, float(share), {name: float(curve.at(share)) for name, curve in curves.items()}
            )
            for share in shares
        ]
    return rows
