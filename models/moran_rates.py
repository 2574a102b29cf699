"""Local Moran of rates: places whose risk is like that around them, and those that are odd among them.

Unlike counts, rates of unlike populations are not exchangeable: a rate of few people scatters more, and
permuting even standardised rates calls cells on maps of one risk. So I and the quadrants are of standardised
rates (`rates.standardised_rates`), and p is that of the incidents around the cell under the negative binomial
null of equal risk (`exposure`, `negative_binomial`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.dispersion import checked_counts, checked_expectation
from models.errors import InvalidParameter
from models.exposure import Exposure, exposure_of
from models.getis_ord import is_constant
from models.moran import (
    NO_QUADRANT,
    LocalMoran,
    Surroundings,
    checked_rings,
    deviations_of,
    local_i,
    quadrants,
    surroundings,
)
from models.negative_binomial import disk_tails
from models.rates import expected_counts, relative_risk, standardised_rates
from models.scales import best_scale, of_best
from models.significance import benjamini_hochberg, truncated_cauchy
from models.values import checked_values
from spatial.neighbors import NeighborIndex, neighbor_index

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

P_METHOD = "negative-binomial"
# Fewer incidents than this are often none: that none came then tells nothing.
_TELLING = 3


@dataclass(frozen=True)
class RateMoran:
    """Local Moran of the cells where people live; the others have no rate and no answer.

    Attributes
    ----------
    moran : LocalMoran
        As for counts, with "rate" for "value". `p_upper` and `p_lower` are of the incidents around the cell;
        `p` is twice that on the side of the quadrant's second letter, at most 1.
    expected : array of float
        Expected incidents of the cell.
    relative_risk : array of float
        Risk in the cell over the risk in all others; NaN where nobody lives or no incident lies outside.
    relative_risk_around : array of float
        The same of the cells around it, up to `ring`.
    """

    moran: LocalMoran
    expected: Floats
    relative_risk: Floats
    relative_risk_around: Floats


def local_moran_rates(
    counts: ArrayLike,
    population: ArrayLike,
    index: NeighborIndex,
    *,
    k: int | str = "auto",
    alpha: float = 0.05,
) -> RateMoran:
    """Return clusters and outliers of rates over a study area.

    Parameters
    ----------
    counts : array of int, shape (n,)
        Incidents per cell, in the order of the index; zeros are data.
    population : array, shape (n,)
        What the incidents come from; 0 or more. Cells with 0 have no rate: they are nobody's neighbours.
    index : NeighborIndex
        Neighbourhoods of the study area.
    k : 1 … 10 or "auto"
        Neighbours are the cells within k steps; "auto" combines 1, 2 and 3.
    alpha : float
        False discovery rate up to which a cell is called.

    Returns
    -------
    RateMoran
        No incident, rates all equal, no neighbour with people: NaN and class "none", with the reason among
        the diagnostics.

    Raises
    ------
    InvalidParameter
        If a parameter is outside its range, a value is no count, or a population is negative or not finite.
    TooFewObservations
        If there is no cell.
    DegenerateInput
        If nobody lives anywhere.

    Notes
    -----
    p is two-sided whatever picks the side: each tail is at or below alpha / 2 in no more than that share of
    cases. Given the null, the incidents around a cell do not depend on those in it.

    References
    ----------
    Assuncao and Reis (1999), Statistics in Medicine 18(16), 2147-2162.
    Anselin (1995), Geographical Analysis 27(2), 93-115.

    Examples
    --------
    Ten thousand people in the middle with as many incidents as their number brings: rates are equal.

    >>> from spatial.grid import disk
    >>> cells = disk([0x892A1358B17FFFF], 1)
    >>> people = np.where(cells == 0x892A1358B17FFFF, 10_000, 1000)
    >>> found = local_moran_rates(people // 500, people, neighbor_index(cells), k=1)
    >>> found.moran.diagnostics["null_cells"]
    {'all rates are equal': 7}
    """
    x = checked_values(counts, len(index), "local Moran")
    if x.dtype.kind != "i":
        raise InvalidParameter("with a population counts are needed, got values that are no whole numbers")
    o, people = checked_counts(x), checked_expectation(population)
    if people.shape != o.shape:
        raise InvalidParameter(f"one population for each of {len(o)} counts was needed, got {people.shape}")
    radii = checked_rings(k, alpha)
    expected = expected_counts(float(o.sum()), people)
    lives = people > 0
    exposure = exposure_of(o, expected, P_METHOD)
    within = index if lives.all() else neighbor_index(index.cells[lives])
    rates = standardised_rates(o, people)[lives]
    found = _judged(o[lives], rates, exposure, lives, within, radii, alpha)
    told = _diagnostics(o, exposure, found, lives, k=k, alpha=alpha)
    return RateMoran(
        moran=_on_all(found, lives, told),
        expected=expected,
        relative_risk=relative_risk(o, expected, float(o.sum())).value,
        relative_risk_around=_spread(_risk_around(o, expected, lives, found), lives, np.nan),
    )


@dataclass(frozen=True)
class _Judged:
    """The verdict on the cells with people, in their order."""

    radii: tuple[int, ...]
    around: list[Surroundings]  # incidents
    expected_around: list[Floats]
    rates: Floats
    best: NDArray[np.int8]
    moran_i: Floats
    quadrant: NDArray[np.str_]
    p_upper: Floats
    p_lower: Floats
    p: Floats
    q: Floats
    classes: NDArray[np.str_]


def _judged(
    counts: NDArray[np.int64],
    rates: Floats,
    exposure: Exposure,
    lives: Mask,
    within: NeighborIndex,
    radii: tuple[int, ...],
    alpha: float,
) -> _Judged:
    """Judge every cell on every scale, and combine the scales."""
    around = [surroundings(within, counts, k) for k in radii]
    of_rates = [surroundings(within, rates, k) for k in radii]
    deviations = deviations_of(rates)
    names = [quadrants(rates, deviations, one.sums, one.sizes) for one in of_rates]
    usual = exposure.usual[lives]
    tails = []
    for one in around:
        upper, lower = disk_tails(within, one.sums, usual, one.k, exposure.fit.phi, with_centre=False)
        is_untested = (one.sizes == 0) | (one.sizes >= len(counts) - 1) | is_constant(rates)
        tails.append((np.where(is_untested, np.nan, upper), np.where(is_untested, np.nan, lower)))
    judged = [
        _two_sided(upper, lower, name, deviations) for (upper, lower), name in zip(tails, names, strict=True)
    ]
    best = best_scale(judged)
    p = judged[0] if len(judged) == 1 else truncated_cauchy(judged)
    q = benjamini_hochberg(p)
    quadrant = of_best(names, best)
    sums, sizes = of_best([one.sums for one in of_rates], best), of_best([one.sizes for one in around], best)
    return _Judged(
        radii=radii,
        around=around,
        expected_around=[
            surroundings(within, exposure.expected[lives], k).sums.astype(np.float64) for k in radii
        ],
        rates=rates,
        best=best,
        moran_i=local_i(rates, sums, sizes),
        quadrant=quadrant,
        p_upper=of_best([upper for upper, _ in tails], best),
        p_lower=of_best([lower for _, lower in tails], best),
        p=p,
        q=q,
        classes=np.where(q <= alpha, quadrant, "none"),
    )


def _two_sided(upper: Floats, lower: Floats, quadrant: NDArray[np.str_], deviations: NDArray[Any]) -> Floats:
    """Return twice the tail on the side on which the neighbours' rates lie; 1 where I is 0 by the cell."""
    is_high = np.char.endswith(quadrant, "H")
    p: Floats = np.minimum(1.0, 2 * np.where(is_high, upper, lower))
    return np.where((deviations == 0) & ~np.isnan(p), 1.0, p)


def _risk_around(counts: NDArray[np.int64], expected: Floats, lives: Mask, found: _Judged) -> Floats:
    """Return the risk in the cells around over that in all others, the cell itself among these."""
    return relative_risk(
        of_best([one.sums for one in found.around], found.best),
        np.maximum(of_best(found.expected_around, found.best), 0.0),
        float(counts.sum()),
        total_expected=float(expected.sum()),
    ).value


def _on_all(found: _Judged, lives: Mask, told: dict[str, Any]) -> LocalMoran:
    """Return the verdict on all cells: none where nobody lives."""
    sizes = of_best([one.sizes for one in found.around], found.best)
    return LocalMoran(
        ring=_spread(np.array(found.radii, dtype=np.int8)[found.best], lives, found.radii[0]),
        neighbors=_spread(sizes.astype(np.int32), lives, 0),
        moran_i=_spread(found.moran_i, lives, np.nan),
        quadrant=_spread(found.quadrant, lives, NO_QUADRANT),
        p_upper=_spread(found.p_upper, lives, np.nan),
        p_lower=_spread(found.p_lower, lives, np.nan),
        p=_spread(found.p, lives, np.nan),
        q=_spread(found.q, lives, np.nan),
        classes=_spread(found.classes, lives, "none"),
        p_method=P_METHOD,
        diagnostics=told,
    )


def _spread(values: NDArray[Any], lives: Mask, nothing: Any) -> NDArray[Any]:
    found = np.full(len(lives), nothing, dtype=values.dtype)
    found[lives] = values
    return found


def _diagnostics(
    counts: NDArray[np.int64],
    exposure: Exposure,
    found: _Judged,
    lives: Mask,
    *,
    k: int | str,
    alpha: float,
) -> dict[str, Any]:
    """Return what a reader needs to trust the result, in plain numbers and sentences."""
    n_tests = int((~np.isnan(found.p)).sum())
    mean, variance = float(counts.mean()), float(counts.var())
    told: dict[str, Any] = {
        "denominator": True,
        "n": len(counts),
        "total": int(counts.sum()),
        "zeros": int((counts == 0).sum()),
        "mean": mean,
        "variance": variance,
        "dispersion": variance / mean if mean > 0 else None,
        "k": k,
        "rings": list(found.radii),
        "alpha": alpha,
        "p_method": P_METHOD,
        "simulations": None,
        "n_tests": n_tests,
        "smallest_p_needed": alpha / n_tests if n_tests else None,
        "smallest_attainable_p": None,
        "phi": exposure.fit.phi,
        "level": exposure.fit.level,
        "background": exposure.background,
        "dispersion_converged": exposure.fit.converged,
        "unexpected_cells": exposure.unexpected_cells,
        "unexpected_incidents": exposure.unexpected_incidents,
        "expected_events_around": {
            radius: float(expected.mean())
            for radius, expected in zip(found.radii, found.expected_around, strict=True)
        },
        "null_cells": _null_cells(found, lives),
    }
    return told | {"warnings": _warnings(told)}


def _null_cells(found: _Judged, lives: Mask) -> dict[str, int]:
    """Return how many cells have no answer at all, by reason."""
    is_null = np.isnan(found.p)
    alone = np.all([one.sizes == 0 for one in found.around], axis=0)
    if is_constant(found.rates):
        reasons = {"all rates are equal": int(is_null.sum())}
    else:
        reasons = {
            "no neighbour with people": int((is_null & alone).sum()),
            "all other cells are neighbours": int((is_null & ~alone).sum()),
        }
    reasons["nobody lives there"] = int((~lives).sum())
    return {reason: count for reason, count in reasons.items() if count}


def _warnings(told: dict[str, Any]) -> list[str]:
    """Return the caveats as sentences."""
    sentences = [f"{count} cells have no answer: {why}." for why, count in told["null_cells"].items()]
    if told["unexpected_incidents"]:
        sentences.append(
            f"{told['unexpected_incidents']} incidents lie in {told['unexpected_cells']} cells without "
            "people: they have no rate and are in no cell's surroundings."
        )
    widest = told["rings"][-1]
    around = told["expected_events_around"][widest]
    if told["n_tests"] and around < _TELLING:
        sentences.append(
            f"{around:.2g} incidents are expected around a cell on average: that none came tells nothing, so "
            "low surroundings (LL, HL) cannot be confirmed. Choose a coarser resolution, a longer period or "
            "a larger k."
        )
    if not told["dispersion_converged"]:
        sentences.append("The fit of the dispersion did not come to an end: read p as a rough figure.")
    return sentences
