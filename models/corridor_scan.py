"""The corridor scan: which stretches of street hold more incidents than their kind and traffic explain.

Every run of lixels between two lengths is scored; the best of maps without corridors says what the best run
of chance alone would score. So the p of a corridor is family-wise: no correction for the number of runs is
left to be made. What is expected of a lixel, and how incidents came to lie on it, is decided elsewhere.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.corridor_extraction import Finding, Found, Locations, Street, extracted, stability
from models.corridor_null import (
    BLOCK_M,
    FEWEST_SUMS,
    NO_HETEROGENEITY,
    Heterogeneity,
    NullLaw,
    heterogeneity,
    lixels_per_block,
    null_law,
    scattered,
)
from models.corridor_windows import FEWEST_INCIDENTS, Score, Windows, thresholds, windows_of
from models.dispersion import checked_counts, checked_expectation
from models.errors import DegenerateInput, InvalidParameter, TooFewObservations
from models.replicates import OnReplicates, by_hundredths, say_nothing
from models.scan import gumbel_tail

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Location = tuple[ArrayLike, ArrayLike]
T = TypeVar("T")

NULL_MODELS = ("nb", "poisson")
BOOTSTRAPS = 50
# Scores that differ by less are ties.
_TIE = 1e-9
# A Gumbel tail fitted to fewer maxima is off by a factor of 2 to 4 and decides nothing.
_ENOUGH_FOR_GUMBEL = 999
# Maps are scored from this multiple of log(lixels) up; the few that stay below are scored again from lower.
_FIRST_LEVEL = 0.6
_MAPS_AT_ONCE = 8
_FEW_INCIDENTS = 50


@dataclass(frozen=True)
class CorridorScan:
    """What a corridor scan found, by falling score; arrays of one length.

    Attributes
    ----------
    route : array of int
    first, last : array of int
        Lixels first … last - 1. Of an intersection the one, two or few lixels of its spot.
    count : array of int
    expected : array of float
        Before the incidents were seen: the sum of mu.
    llr : array of float
        Log-likelihood ratio. Of an intersection that of the stretch in which it was found, as is its p.
    p : array of float
        Family-wise: how often the best of a map without corridors scores as much.
    p_source : array of str
        "monte-carlo": (1 + #) / (1 + R). "gumbel": where no simulated map reaches the score and R is at least
        999, the tail of a Gumbel law fitted to the maxima, if that is smaller.
    stability : array of float
        Share of bootstraps (the incidents drawn again, with replacement) that find at least half of the
        length again at the level alpha; NaN where none was asked for, or no score reaches it.
    is_intersection : array of bool
        The excess lies at one spot: no corridor.
    locations : array of int
        Distinct places of the incidents.
    maxima : array of float, shape (R,)
        The largest score of each map without corridors.
    heterogeneity : Heterogeneity
        How much risks differ on such maps.
    reason : str or None
        Why nothing can be found, if so.
    diagnostics : dict
        What a reader needs to trust the above; `warnings` holds sentences.
    """

    route: Ints
    first: Ints
    last: Ints
    count: Ints
    expected: Floats
    llr: Floats
    p: Floats
    p_source: NDArray[np.str_]
    stability: Floats
    is_intersection: Mask
    locations: Ints
    maxima: Floats
    heterogeneity: Heterogeneity
    reason: str | None
    diagnostics: dict[str, Any]

    def __len__(self) -> int:
        return len(self.route)


def corridor_scan(
    y: ArrayLike,
    mu: ArrayLike,
    route: ArrayLike,
    length_m: ArrayLike,
    *,
    location: Location | None = None,
    min_length_m: float = 400.0,
    max_length_m: float = 5000.0,
    null_model: str = "nb",
    alpha: float = 0.05,
    report_p: float | None = None,
    simulations: int = 999,
    bootstraps: int = BOOTSTRAPS,
    threads: int = 2,
    rng: np.random.Generator,
    progress: OnReplicates | None = None,
) -> CorridorScan:
    """Return the corridors of a network, and single spots that stand out.

    Candidates are all runs of lixels of one route with a length between the bounds, at least 3 incidents, and
    an expectation of at most half of all incidents.

    Parameters
    ----------
    y : array of int, shape (n,)
        Incidents of every lixel, in route order.
    mu : array, shape (n,)
        Expected incidents; scaled to the number of incidents. Incidents where nothing is expected are left
        out and counted.
    route : array of int, shape (n,)
        Ascending.
    length_m : array, shape (n,)
    location : (array of int, array), optional
        Lixel and place of every incident: what happened at one place (a junction, an address) has the same
        place. Left out, all incidents of a lixel count as one place.
    min_length_m, max_length_m : float
        Bounds of a corridor.
    null_model : {"nb", "poisson"}
        nb: risks differ from lixel to lixel and from block to block of 640 m, as much as the counts say.
        poisson: only the expectation differs; any other difference in risk is then taken for a corridor.
    alpha : float
        Level of what is reported, of merging, of telling spots and of the stability.
    report_p : float, optional
        Report up to this p instead; what has p <= alpha stays as it is. Not below `alpha`.
    simulations : int
        R, maps without corridors.
    bootstraps : int
        For the stability; 0 for none.
    threads : int
        Never change the answer.
    rng : numpy.random.Generator
        The same state gives the same answer; more simulations keep the maps of fewer.
    progress : callable, optional
        Told now and then how many maps are done.

    Raises
    ------
    InvalidParameter
        If arrays do not fit each other or a parameter is outside its range.
    TooFewObservations
        If there is no lixel.
    DegenerateInput
        If nothing is expected anywhere, but incidents happened.

    References
    ----------
    Kulldorff (1997), Communications in Statistics - Theory and Methods 26(6), 1481-1496.
    Abrams, Kulldorff and Kleinman (2010), American Journal of Epidemiology 172(Suppl), S9.

    Examples
    --------
    Twenty streets of 25 lixels; on ten lixels of the fourth one, four incidents each instead of one.

    >>> route = np.repeat(np.arange(20), 25)
    >>> y = np.random.default_rng(0).poisson(1, 500)
    >>> y[85:95] = 4
    >>> found = corridor_scan(
    ...     y, np.ones(500), route, np.full(500, 80.0), simulations=199, rng=np.random.default_rng(0)
    ... )
    >>> found.route.tolist(), found.first.tolist(), found.last.tolist(), found.p.tolist()
    ([3], [85], [95], [0.005])
    """
    network = _checked(y, mu, route, length_m)
    reported_p = _checked_level(alpha, report_p)
    _check_parameters(min_length_m, max_length_m, null_model, simulations, bootstraps, threads)
    places = _places(location, network)
    windows = windows_of(network.mu, network.route, network.length_m, min_length_m, max_length_m)
    notes = _of_network(network, windows, null_model) | {"simulations": simulations}
    if (reason := _why_nothing(network, windows)) is not None:
        notes["warnings"] = [f"Nothing can be found: {reason}."]
        return _answer([], network, None, np.empty(0), NO_HETEROGENEITY, np.empty(0), notes, reason)
    risks = NO_HETEROGENEITY
    if null_model == "nb":
        per_block = lixels_per_block(network.length_m)
        risks = heterogeneity(network.y, network.mu, network.route, per_block)
    law = null_law(network.mu, network.route, network.length_m, network.total, risks)
    score, root = Score(network.total, risks.k_1), rng.integers(2**63, size=4).tolist()
    street = Street(
        network.y, network.mu, network.length_m, network.route, places, score, min_length_m, max_length_m
    )
    with ThreadPoolExecutor(threads) as pool:
        maps = _Maps(windows, score, law, network.y, root, pool)
        best, maxima = maps.maxima(simulations, by_hundredths(simulations, progress or say_nothing))
        level, reported = (critical_llr(maxima, one) for one in (alpha, reported_p))
        findings = _found(maps, street, reported, level) if best >= reported else []
        drawn_again = maps.bootstraps(bootstraps, level) if findings and np.isfinite(level) else iter(())
        shares = stability(street, findings, drawn_again)
    notes |= _of_scores(best, maxima, level, risks)
    notes["warnings"] = _warnings(notes, alpha)
    return _answer(findings, network, places, maxima, risks, shares, notes, None)


def family_wise_p(llr: ArrayLike, maxima: ArrayLike) -> tuple[Floats, NDArray[np.str_]]:
    """Return the p of scores by the maxima of maps without corridors, and where each comes from.

    Parameters
    ----------
    llr : array, shape (m,)
    maxima : array, shape (R,)

    Returns
    -------
    p : array, shape (m,)
    p_source : array of str, shape (m,)
        "monte-carlo" or "gumbel"; see `CorridorScan`.

    Examples
    --------
    >>> p, source = family_wise_p([2.0, 5.0], [1.0, 2.0, 3.0])
    >>> p.tolist(), source.tolist()
    ([0.75, 0.25], ['monte-carlo', 'monte-carlo'])
    """
    scores, found = np.asarray(llr, dtype=np.float64), np.sort(np.asarray(maxima, dtype=np.float64))
    n_reached = len(found) - np.searchsorted(found, scores - _TIE)
    p = (1 + n_reached) / (1 + len(found))
    tails = np.array([gumbel_tail(score, found) for score in scores.tolist()])
    by_gumbel = (n_reached == 0) & (len(found) >= _ENOUGH_FOR_GUMBEL) & (tails < p)
    p = np.where(by_gumbel, np.maximum(tails, np.finfo(np.float64).tiny), p)
    return p, np.where(by_gumbel, "gumbel", "monte-carlo")


def critical_llr(maxima: ArrayLike, alpha: float) -> float:
    """Return the least score with a family-wise p of at most alpha; infinite where none has.

    Below 1 / (1 + R) a Gumbel law fitted to the maxima decides, if there are 999 of them or more.

    Examples
    --------
    With 19 maxima p = 1 / 20 takes a score above all of them.

    >>> round(critical_llr(range(19), 0.05), 6), critical_llr(range(19), 0.01)
    (18.0, inf)
    """
    found = np.sort(np.asarray(maxima, dtype=np.float64))[::-1]
    allowed = int(np.floor(alpha * (1 + len(found)) + _TIE)) - 1
    if allowed >= len(found):
        return _TIE
    if allowed >= 0:
        return max(float(found[allowed]), 0.0) + 2 * _TIE
    if len(found) < _ENOUGH_FOR_GUMBEL or np.isnan(gumbel_tail(0.0, found)):
        return float("inf")
    scale = float(found.std()) * np.sqrt(6) / np.pi
    mode = float(found.mean()) - np.euler_gamma * scale
    return max(float(mode - scale * np.log(-np.log1p(-alpha))), float(found[0]) + 2 * _TIE)


class _Network(NamedTuple):
    """The lixels as they enter the scan: no incident where nothing is expected, Σmu = Σy."""

    y: Ints
    mu: Floats
    given_mu: Floats
    route: Ints
    length_m: Floats
    n_unexpected: int

    @property
    def total(self) -> int:
        return int(self.y.sum())


class _Maps:
    """The observed map and those without corridors, scored by chunks on some threads."""

    def __init__(
        self, windows: Windows, score: Score, law: NullLaw, y: Ints, root: list[int], pool: Executor
    ) -> None:
        self.windows, self.score, self.law, self.y = windows, score, law, y
        self.root, self.pool = root, pool

    def draw(self, number: int) -> Ints:
        """Return a map by its number, of which 0 is the observed one: each has a generator of its own."""
        if number == 0:
            return self.y
        return self.law.draw(np.random.default_rng([*self.root, number]))

    def drawn_again(self, number: int) -> Ints:
        """Return the observed incidents, drawn again with replacement."""
        rng = np.random.default_rng([*self.root, number, 1])
        return scattered(self.y.astype(np.float64), self.law.total, rng)

    def maxima(self, simulations: int, tell: OnReplicates) -> tuple[float, Floats]:
        """Return the largest score of the observed map, and of every map without corridors.

        Only windows at a level are scored. What stays below is scored again from half the level, then from
        nothing: the level has no bearing on the answer.
        """
        found = np.full(simulations + 1, np.nan)
        first = _FIRST_LEVEL * np.log(max(len(self.windows.order), 2))
        for level in (first, first / 2, _TIE):
            missing = np.flatnonzero(np.isnan(found))
            if not len(missing):
                break
            limits = thresholds(self.windows, self.score, level)
            for numbers, scores in self._chunks(missing, self.draw, limits.largest):
                found[numbers] = np.where(scores >= level, scores, np.nan)
                tell(int(np.isfinite(found[1:]).sum()))
        found = np.nan_to_num(found)
        tell(simulations)
        return float(found[0]), found[1:]

    def above(self, numbers: Ints, draw: Callable[[int], Ints], level: float) -> Iterator[Found]:
        """Yield for every map the windows that reach a level, by their lixels in route order."""
        limits = thresholds(self.windows, self.score, level)

        def scored(maps: Ints) -> list[Found]:
            return _split(list(limits.reached(maps)), len(maps), self.windows.order, level)

        for _, found in self._chunks(numbers, draw, scored):
            yield from found

    def bootstraps(self, n: int, level: float) -> Iterator[Found]:
        """Yield for every bootstrap the windows that reach a level."""
        return self.above(np.arange(n), self.drawn_again, level)

    def _chunks(
        self, numbers: Ints, draw: Callable[[int], Ints], work: Callable[[Ints], T]
    ) -> Iterator[tuple[Ints, T]]:
        """Yield chunks of map numbers, and the work on their maps, in order."""
        parts = [numbers[at : at + _MAPS_AT_ONCE] for at in range(0, len(numbers), _MAPS_AT_ONCE)]

        def done(part: Ints) -> T:
            return work(np.stack([draw(number)[self.windows.order] for number in part.tolist()]))

        yield from zip(parts, self.pool.map(done, parts), strict=True)


def _split(
    parts: list[tuple[int, Ints, Ints, Floats]], n_maps: int, order: Ints, level: float
) -> list[Found]:
    """Return windows of several sizes, each in its map."""
    number = np.concatenate([np.empty(0, dtype=np.int64), *(part[1] for part in parts)])
    first = np.concatenate([np.empty(0, dtype=np.int64), *(order[part[2]] for part in parts)])
    sizes = np.repeat([part[0] for part in parts], [len(part[1]) for part in parts]).astype(np.int64)
    llr = np.concatenate([np.empty(0), *(part[3] for part in parts)])
    kept = [np.flatnonzero((number == one) & (llr >= level)) for one in range(n_maps)]
    return [Found(first[at], first[at] + sizes[at], llr[at]) for at in kept]


def _found(maps: _Maps, street: Street, reported: float, level: float) -> list[Finding]:
    (above,) = maps.above(np.zeros(1, dtype=np.int64), maps.draw, reported)
    return extracted(street, above, level)


def _checked(y: ArrayLike, mu: ArrayLike, route: ArrayLike, length_m: ArrayLike) -> _Network:
    counts, means = checked_counts(y), checked_expectation(mu)
    routes, lengths = np.asarray(route), np.asarray(length_m, dtype=np.float64)
    shapes = {counts.shape, means.shape, routes.shape, lengths.shape}
    if len(shapes) > 1 or counts.ndim != 1:
        raise InvalidParameter(f"four arrays of one length were needed, got shapes {sorted(shapes)}")
    if not len(counts):
        raise TooFewObservations("a corridor scan needs at least 1 lixel, got 0")
    if routes.dtype.kind not in "iu" or (np.diff(routes) < 0).any():
        raise InvalidParameter("routes as ascending whole numbers were needed: lixels stand in route order")
    if not (np.isfinite(lengths) & (lengths > 0)).all():
        raise InvalidParameter("lengths above 0 m were needed, got others")
    if counts.any() and not means.any():
        raise DegenerateInput(
            f"expected incidents were needed for {counts.sum()} incidents, got 0 everywhere"
        )
    inside = np.where(means > 0, counts, 0)
    scale = inside.sum() / means.sum() if inside.any() else 1.0
    n_unexpected = int(counts.sum() - inside.sum())
    return _Network(inside, means * scale, means, routes.astype(np.int64), lengths, n_unexpected)


def _checked_level(alpha: float, report_p: float | None) -> float:
    if not 0 < alpha < 1:
        raise InvalidParameter(f"alpha must be above 0 and below 1, got {alpha}")
    if report_p is not None and not alpha <= report_p <= 1:
        raise InvalidParameter(f"report_p must be alpha ({alpha}) to 1, got {report_p}")
    return alpha if report_p is None else report_p


def _check_parameters(
    min_length_m: float, max_length_m: float, null_model: str, simulations: int, bootstraps: int, threads: int
) -> None:
    if not 0 < min_length_m <= max_length_m < np.inf:
        raise InvalidParameter(
            f"0 < min_length_m <= max_length_m was needed, got {min_length_m} and {max_length_m}"
        )
    if null_model not in NULL_MODELS:
        raise InvalidParameter(f"null_model must be one of {', '.join(NULL_MODELS)}, got {null_model!r}")
    if simulations < 1:
        raise InvalidParameter(f"at least 1 simulation is needed, got {simulations}")
    if bootstraps < 0 or threads < 1:
        raise InvalidParameter(
            f"bootstraps of 0 or more and 1 thread or more are needed, got {bootstraps} and {threads}"
        )


def _places(location: Location | None, network: _Network) -> Locations:
    if location is None:
        at = np.repeat(np.arange(len(network.y)), network.y)
        return Locations(at, at, network.y)
    lixel = np.asarray(location[0], dtype=np.int64)
    known = (lixel >= 0) & (lixel < len(network.y))
    left_out = known & (network.given_mu[np.where(known, lixel, 0)] <= 0)
    return Locations(np.where(left_out, -1, lixel), location[1], network.y)


def _why_nothing(network: _Network, windows: Windows) -> str | None:
    if network.total < FEWEST_INCIDENTS:
        return f"{network.total} incidents, and a corridor has at least {FEWEST_INCIDENTS}"
    if not windows.reach:
        lengths = np.bincount(np.unique(network.route, return_inverse=True)[1], network.length_m)
        return (
            f"no route has a stretch of {windows.min_length_m:g} to {windows.max_length_m:g} m; "
            f"the longest one has {lengths.max():,.0f} m"
        )
    if not len(windows):
        return "every stretch expects nothing, or more than half of all incidents"
    return None


def _answer(
    findings: list[Finding],
    network: _Network,
    places: Locations | None,
    maxima: Floats,
    risks: Heterogeneity,
    shares: Floats,
    notes: dict[str, Any],
    reason: str | None,
) -> CorridorScan:
    first = np.array([one.first for one in findings], dtype=np.int64)
    last = np.array([one.last for one in findings], dtype=np.int64)
    llr = np.array([one.llr for one in findings], dtype=np.float64)
    p, source = family_wise_p(llr, maxima)
    until_y, until_mu = (np.concatenate([[0], np.cumsum(a)]) for a in (network.y, network.given_mu))
    n_places = [places.distinct(one.first, one.last) for one in findings] if places else []
    return CorridorScan(
        route=network.route[first],
        first=first,
        last=last,
        count=(until_y[last] - until_y[first]).astype(np.int64),
        expected=until_mu[last] - until_mu[first],
        llr=llr,
        p=p,
        p_source=source,
        stability=shares,
        is_intersection=np.array([one.is_intersection for one in findings], dtype=bool),
        locations=np.array(n_places, dtype=np.int64),
        maxima=maxima,
        heterogeneity=risks,
        reason=reason,
        diagnostics=notes,
    )


def _of_network(network: _Network, windows: Windows, null_model: str) -> dict[str, Any]:
    return {
        "null_model": null_model,
        "incidents": network.total,
        "unexpected_incidents": network.n_unexpected,
        "lixels": len(network.y),
        "scanned_lixels": len(windows.order),
        "routes": len(np.unique(network.route)),
        "scanned_routes": len(np.unique(windows.route)),
        "windows": len(windows),
        "min_length_m": windows.min_length_m,
        "max_length_m": windows.max_length_m,
    }


def _of_scores(best: float, maxima: Floats, level: float, risks: Heterogeneity) -> dict[str, Any]:
    p, source = family_wise_p([best], maxima)
    return {
        "k_1": risks.k_1,
        "k_8": None if np.isnan(risks.k_8) else risks.k_8,
        "k_b": risks.k_b,
        "k_l": risks.k_l,
        "sums_of_eight": risks.n_sums,
        "critical_llr": level if np.isfinite(level) else None,
        "best_llr": best,
        "best_p": float(p[0]),
        "best_p_source": str(source[0]),
        "smallest_p": 1 / (1 + len(maxima)),
    }


def _warnings(notes: dict[str, Any], alpha: float) -> list[str]:
    said = []
    if notes["null_model"] == "nb":
        said.append(f"Significant means: against variation of risk over less than {BLOCK_M:g} m.")
        if notes["sums_of_eight"] < FEWEST_SUMS:
            said.append(
                f"Only {notes['sums_of_eight']} runs of {BLOCK_M:g} m: all variation of risk was taken to be "
                "as long as that, so that less is called."
            )
    else:
        said.append("Under null_model=poisson any difference in risk that mu does not explain is a corridor.")
    if notes["unexpected_incidents"]:
        said.append(f"{notes['unexpected_incidents']} incidents where none is expected were left out.")
    if notes["incidents"] < _FEW_INCIDENTS:
        said.append(f"{notes['incidents']} incidents are few: only extreme corridors can be found.")
    if notes["critical_llr"] is None:
        said.append(
            f"p <= {alpha:g} cannot be reached with {notes['simulations']} simulations; the smallest p is "
            f"{notes['smallest_p']:.2g}."
        )
    return said
