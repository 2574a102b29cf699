"""The scan: which disk, during which window, holds more cases than chance, and one p for the whole of it.

With a denominator the discrete Poisson model asks where risk is raised, by more than the risks of ordinary
cells differ; without one the space-time permutation model asks where cases come together in space and time,
given how many each place and each time has. In both the best candidate is compared with the best of every
simulated map: the p is family-wise, no correction for the number of candidates is left to be made.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.dispersion import DispersionFit
from models.errors import InvalidParameter
from models.replicates import OnReplicates, say_nothing
from models.scan_candidates import (
    Candidates,
    Floats,
    Integers,
    log_likelihood_ratio,
    scan_windows,
    stack,
)
from models.scan_null import null_maxima
from models.scan_question import (
    NEGATIVE_BINOMIAL,
    PERMUTATION,
    POISSON,
    Cases,
    checked_cases,
    dispersion_of,
    null_model_of,
    question,
    why_nothing,
)
from spatial.disks import growing_disk_sums
from spatial.grid import disk
from spatial.neighbors import MAX_K, NeighborIndex

# Scores that differ by less are ties.
_TIE = 1e-9
# Counts whose variance in a cell exceeds the mean by this share differ more than Poisson counts do.
_NOTABLE_INFLATION = 0.1
# A Gumbel tail fitted to fewer maxima is off by a factor of 2 to 4 and decides nothing.
_ENOUGH_FOR_GUMBEL = 999
_EULER = 0.5772156649015329


@dataclass(frozen=True)
class Cluster:
    """A disk and a window that hold more cases than expected.

    Attributes
    ----------
    rank : int
        1 for the largest score.
    center, radius : int
        Position of the cell in the middle, and steps from it.
    members : array of int64
        Positions of the cells of the disk inside the study area, ascending.
    window_start, window_end : int
        First and last bin, both inside; the first bin of all is 0.
    count : int
    expected : float
    relative_risk : float
        (c / E) / ((C - c) / (C - E)); NaN where no case lies outside.
    llr : float
        Log-likelihood ratio.
    p : float
        Family-wise: how often the best of a map without clusters scores as much.
    p_source : {"monte-carlo", "gumbel"}
        (1 + #) / (1 + R); or, where no simulated map reaches the score and R is at least 999, the tail of a
        Gumbel law fitted to the maxima, if that is smaller.
    p_monte_carlo, p_gumbel : float
        Both; the latter NaN where the maxima do not vary.
    recurrence_days : float
        Days between analyses over p: how long one waits for such a signal without any cluster; NaN where
        the days are not given.
    """

    rank: int
    center: int
    radius: int
    members: Integers
    window_start: int
    window_end: int
    count: int
    expected: float
    relative_risk: float
    llr: float
    p: float
    p_source: str
    p_monte_carlo: float
    p_gumbel: float
    recurrence_days: float


@dataclass(frozen=True)
class Scan:
    """What a scan found.

    Attributes
    ----------
    clusters : tuple of Cluster
        By falling score; no two share a cell. Whether they mean anything is up to their p.
    maxima : array, shape (R,)
        Largest scores of the simulated maps.
    model : {"poisson", "space-time-permutation"}
    reason : str or None
        Why there is nothing to be found in these data, if so.
    diagnostics : dict
        What a reader needs to trust the above; `warnings` holds sentences.
    """

    clusters: tuple[Cluster, ...]
    maxima: Floats
    model: str
    reason: str | None
    diagnostics: dict[str, Any]


@dataclass(frozen=True)
class _Best:
    """For every radius and cell the score of its best window, and which window that is; shape (k + 1, n)."""

    score: Floats
    window: NDArray[np.int32]
    count: Integers


def scan(
    counts: ArrayLike,
    index: NeighborIndex,
    *,
    expected: ArrayLike | None = None,
    mode: str = "prospective",
    max_radius: int = 10,
    max_bins: int | None = None,
    null_model: str = "auto",
    simulations: int = 999,
    days_between_analyses: float | None = None,
    max_clusters: int = 20,
    on_replicates: OnReplicates = say_nothing,
    rng: np.random.Generator,
) -> Scan:
    """Return the most likely clusters of cases over a study area.

    Candidates are disks of radius 0 to `max_radius` around every cell, cut by the study area, during windows
    of at most half the period, that expect at most half of all cases and hold 2 or more.

    Parameters
    ----------
    counts : array of int, shape (n,) or (n, n_bins)
        Cases per cell, or per cell and time bin, in the order of the index; fold cases of one event first,
        see `scan_cases.fold_cases`. One bin is a purely spatial scan and needs `expected`.
    index : NeighborIndex
        Neighbourhoods of the study area.
    expected : array, shape (n,) or (n, n_bins), optional
        The denominator, in any unit: population or expected cases per cell, alike in all bins or for each.
        Given: discrete Poisson model. Not given: space-time permutation model. Cases where nothing is
        expected are left out and counted.
    mode : {"prospective", "retrospective"}
        Windows that end with the last bin, or all windows.
    max_radius : int
        Steps, 0 to 10.
    max_bins : int, optional
        Bins of the longest window; never more than half of them.
    null_model : {"auto", "poisson", "negative-binomial"}
        With a denominator, what a map without clusters looks like. negative-binomial, and auto: risks that
        differ from cell to cell, at random and at all times alike, as much as those of the ordinary cells do
        (variance mean + phi mean²). poisson: the same risk in every cell; any difference in risk is then
        taken for a cluster. Without a denominator auto permutes the dates, and poisson too, with a warning.
    simulations : int
        R, maps without clusters.
    days_between_analyses : float, optional
        For the recurrence interval of a prospective scan.
    max_clusters : int
        How many clusters come back at most.
    on_replicates : callable, optional
        Told now and then how many of the maps without clusters are done.
    rng : numpy.random.Generator
        The same state gives the same answer; more simulations keep the maps of fewer.

    Raises
    ------
    InvalidParameter
        If a parameter is outside its range, counts and expectations are no counts and expectations, or
        risks that differ are to be simulated without a denominator.
    TooFewObservations
        If there is no cell.

    References
    ----------
    Kulldorff (1997), Communications in Statistics - Theory and Methods 26(6), 1481-1496.
    Kulldorff et al. (2005), PLoS Medicine 2(3), e59.
    Abrams, Kulldorff and Kleinman (2010), American Journal of Epidemiology 172(Suppl), S9.

    Examples
    --------
    A case in each of 37 cells in the first of four weeks, and nine around the middle in the last. Of the 46
    cases 16 lie in the seven cells of the middle and nine in that week, so 16 · 9 / 46 = 3.13 are expected.

    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> index = neighbor_index(disk([0x892A1358B17FFFF], 3))
    >>> middle = np.isin(index.cells, disk([0x892A1358B17FFFF], 1))
    >>> counts = np.zeros((37, 4), dtype=int)
    >>> counts[:, 0], counts[middle, 3] = 1, [2, 2, 1, 1, 1, 1, 1]
    >>> first = scan(counts, index, max_radius=2, rng=np.random.default_rng(0)).clusters[0]
    >>> first.radius, first.window_start, first.window_end, first.count, round(first.expected, 2)
    (1, 3, 3, 9, 3.13)
    """
    cases = checked_cases(counts, expected, len(index))
    _check_parameters(max_radius, simulations, days_between_analyses, max_clusters)
    null_used = null_model_of(null_model, cases)
    windows = scan_windows(cases.n_bins, mode, max_bins)
    fit, reason = dispersion_of(cases), why_nothing(cases)
    notes = _of_cases(cases, fit) | {
        "mode": mode if cases.n_bins > 1 else None,
        "null_model": null_used,
        "max_radius": max_radius,
        "longest_window": windows.longest,
        "simulations": simulations,
    }
    if reason is not None:
        notes["warnings"] = [f"Nothing to be found: {reason}."]
        return Scan((), np.empty(0), notes["model"], reason, notes)
    phi = fit.phi if fit is not None and null_used == NEGATIVE_BINOMIAL else 0.0
    candidates, null = question(cases, index, windows, max_radius, phi)
    best = _observed(candidates, cases.counts)
    maxima = null_maxima(candidates, null, simulations, rng, on_replicates)
    days = days_between_analyses if windows.ends_now and cases.n_bins > 1 else None
    clusters = tuple(
        _cluster(rank, place, best, candidates, index, maxima, days)
        for rank, place in enumerate(_without_overlap(best, index, max_radius, max_clusters), 1)
    )
    notes |= _of_simulations(candidates, maxima)
    return Scan(clusters, maxima, notes["model"], None, notes | {"warnings": _warnings(notes, null_model)})


def gumbel_tail(score: float, maxima: ArrayLike) -> float:
    """Return the chance of a maximum of at least `score`, by a Gumbel law with the moments of the maxima.

    Returns
    -------
    float
        NaN where the maxima do not vary.

    Examples
    --------
    Maxima with mean 5 and standard deviation 1: scale √6/π = 0.7797, mode 5 - 0.5772 · 0.7797 = 4.55.

    >>> round(gumbel_tail(10.0, [4, 6, 4, 6]), 6)
    0.000921
    """
    found = np.asarray(maxima, dtype=np.float64)
    spread = float(found.std()) if len(found) else 0.0
    if spread <= _TIE:
        return float("nan")
    scale = spread * np.sqrt(6) / np.pi
    mode = found.mean() - _EULER * scale
    return float(-np.expm1(-np.exp(-(score - mode) / scale)))


def _check_parameters(
    max_radius: int, simulations: int, days_between_analyses: float | None, max_clusters: int
) -> None:
    if not 0 <= max_radius <= MAX_K:
        raise InvalidParameter(f"max_radius must be 0 to {MAX_K}, got {max_radius}")
    if simulations < 1:
        raise InvalidParameter(f"at least 1 simulation is needed, got {simulations}")
    if max_clusters < 1:
        raise InvalidParameter(f"at least 1 cluster has to be asked for, got {max_clusters}")
    if days_between_analyses is not None and not 0 < days_between_analyses < np.inf:
        raise InvalidParameter(f"days between analyses must be positive, got {days_between_analyses}")


def _observed(candidates: Candidates, cases: Integers) -> _Best:
    """Score every candidate, and keep the best window of every disk."""
    shape = (candidates.k + 1, candidates.n_cells)
    best = _Best(np.zeros(shape), np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int64))
    maps = np.ascontiguousarray(stack(cases, candidates.windows))
    for sheet in candidates.sheets:
        for radius, sums in enumerate(sheet.grow(maps)):
            for first, counts in candidates.windows.counts(sums[:, sheet.places]):
                number = first + np.arange(len(counts))[:, None]
                means = candidates.expectation.at(radius, number, sheet.rows)
                scores = log_likelihood_ratio(counts, means, candidates.total)
                which = scores.argmax(axis=0)
                column = np.arange(len(sheet.rows))
                better = scores[which, column] > best.score[radius, sheet.rows]
                rows = sheet.rows[better]
                best.score[radius, rows] = scores[which, column][better]
                best.window[radius, rows] = first + which[better]
                best.count[radius, rows] = counts[which, column][better]
    return best


def _without_overlap(best: _Best, index: NeighborIndex, k: int, most: int) -> list[tuple[int, int]]:
    """Return (radius, cell) of the best disks that share no cell; of ties the smallest, then the first."""
    found: list[tuple[int, int]] = []
    scores, taken = best.score.copy(), np.zeros(len(index), dtype=np.int64)
    while len(found) < most and scores.max() > _TIE:
        radius, cell = np.argwhere(scores >= scores.max() - _TIE)[0].tolist()
        found.append((radius, cell))
        taken[_members(index, cell, radius)] = 1
        scores[growing_disk_sums(index, taken, k) > 0] = 0
    return found


def _members(index: NeighborIndex, cell: int, radius: int) -> Integers:
    around = disk(index.cells[cell : cell + 1], radius)
    return np.flatnonzero(np.isin(index.cells, around, assume_unique=True))


def _cluster(
    rank: int,
    place: tuple[int, int],
    best: _Best,
    candidates: Candidates,
    index: NeighborIndex,
    maxima: Floats,
    days: float | None,
) -> Cluster:
    radius, cell = place
    window, count = int(best.window[place]), int(best.count[place])
    first, last = candidates.windows.bins
    mean, score = float(candidates.expectation.at(radius, window, cell)), float(best.score[place])
    p, source, p_monte_carlo, p_gumbel = _p_of(score, maxima)
    outside = candidates.total - count
    return Cluster(
        rank=rank,
        center=cell,
        radius=radius,
        members=_members(index, cell, radius),
        window_start=int(first[window]),
        window_end=int(last[window]),
        count=count,
        expected=mean,
        relative_risk=count / mean * (candidates.total - mean) / outside if outside else float("nan"),
        llr=score,
        p=p,
        p_source=source,
        p_monte_carlo=p_monte_carlo,
        p_gumbel=p_gumbel,
        recurrence_days=float("nan") if days is None else days / p,
    )


def _p_of(score: float, maxima: Floats) -> tuple[float, str, float, float]:
    """Return p, where it comes from, and both of its kinds."""
    n_reached = int((maxima >= score - _TIE).sum())
    p_monte_carlo = (1 + n_reached) / (1 + len(maxima))
    p_gumbel = gumbel_tail(score, maxima)
    if n_reached == 0 and len(maxima) >= _ENOUGH_FOR_GUMBEL and p_gumbel < p_monte_carlo:
        return max(p_gumbel, np.finfo(float).tiny), "gumbel", p_monte_carlo, p_gumbel
    return p_monte_carlo, "monte-carlo", p_monte_carlo, p_gumbel


def _of_cases(cases: Cases, fit: DispersionFit | None) -> dict[str, Any]:
    found = {
        "model": PERMUTATION if cases.expected is None else POISSON,
        "n": len(cases.counts),
        "n_bins": cases.n_bins,
        "cases": cases.total,
        "unexpected_cases": cases.n_unexpected,
        "phi": None,
        "dispersion_converged": None,
        "variance_inflation": None,
    }
    if fit is not None and cases.expected is not None:
        means = cases.expected.reshape(len(cases.counts), -1).sum(axis=1)
        weighted_mean = float(np.square(means).sum() / means.sum()) * cases.total / float(means.sum())
        found |= {
            "phi": fit.phi,
            "dispersion_converged": fit.converged,
            "variance_inflation": 1 + fit.phi * weighted_mean,
        }
    return found


def _of_simulations(candidates: Candidates, maxima: Floats) -> dict[str, Any]:
    n_above = int(0.05 * (1 + len(maxima)))  # one fewer may reach a score that has p = .05
    return {
        "n_windows": len(candidates.windows),
        "n_candidates": candidates.n,
        "smallest_monte_carlo_p": 1 / (1 + len(maxima)),
        "llr_above_for_p_05": float(np.sort(maxima)[-n_above]) if n_above else None,
    }


def _warnings(notes: dict[str, Any], asked: str) -> list[str]:
    """Return the caveats as sentences; `asked` is the null model that was asked for."""
    sentences = []
    if notes["model"] == PERMUTATION:
        sentences.append(
            "No denominator was given: clusters are cases that come together in space and time. A place that "
            "has many cases all the time, or a time that has many everywhere, is none."
        )
    if notes["model"] == PERMUTATION and asked == POISSON:
        sentences.append(
            "null_model=poisson was not used: it needs a denominator. The dates of the cases were permuted."
        )
    if notes["null_model"] == POISSON and notes["variance_inflation"] > 1 + _NOTABLE_INFLATION:
        sentences.append(
            f"The counts of the cells scatter {notes['variance_inflation']:.2g} times as much as they would "
            "with the same risk everywhere: differences in risk of any kind are called clusters. "
            "null_model=negative-binomial, the default, asks for more than that."
        )
    if notes["null_model"] == NEGATIVE_BINOMIAL and not notes["dispersion_converged"]:
        sentences.append("The fit of the dispersion did not come to its end; p may be off.")
    if notes["unexpected_cases"]:
        sentences.append(
            f"{notes['unexpected_cases']} cases lie where none is expected and were left out: the "
            "denominator does not reach there."
        )
    if notes["simulations"] < _ENOUGH_FOR_GUMBEL:
        sentences.append(
            f"With {notes['simulations']} simulations no p is below {notes['smallest_monte_carlo_p']:.2g}; "
            f"{_ENOUGH_FOR_GUMBEL} are wanted."
        )
    return sentences
