"""What a reader needs to trust emerging hotspots: how they came about, and what they could not have shown."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.caveats import denominator_warnings
from models.mann_kendall import kendall_scores, mann_kendall_z, two_sided_p
from models.space_time import Cube, Design, Extent, smallest_p
from models.space_time_rates import Rates

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

ADVISED_BINS = 10
_TOTAL_TREND_ALPHA = 0.05
# Dispersion that stays with cells, and dispersion of single bins, are each worth a sentence from here on.
_LARGE_PART = 0.25


@dataclass(frozen=True)
class Caveats:
    """`facts`: the diagnostics, in plain numbers and sentences; `null_reasons`: why some cells have none."""

    facts: dict[str, Any]
    null_reasons: list[tuple[Mask, str]]


def diagnostics(
    cube: Cube,
    design: Design,
    laws: list[Extent] | None,
    p: Floats,
    *,
    k: int | str,
    alpha: float,
    simulations: int,
    trend_method: str,
    autocorrelation: float | None,
    is_held: Mask,
    rates: Rates | None,
) -> Caveats:
    """Return what a reader needs to trust the result."""
    counts, n_bins = cube.counts, cube.n_bins
    totals = counts.sum(axis=1, dtype=np.int64 if cube.is_counts else np.float64)
    n_tests = p.size - int(np.count_nonzero(np.isnan(p)))
    mean = float(totals.sum()) / counts.size
    reach = len(design.reach(n_bins - 1))
    reasons = _null_reasons(cube, design, p) if rates is None else _null_reasons_of_rates(rates, p)
    method = "negative-binomial" if rates is not None else "monte-carlo" if laws is None else "exact"
    is_permuted = n_tests > 0 and rates is None
    facts: dict[str, Any] = {
        "denominator": rates is not None,
        "n": len(cube.index),
        "n_bins": n_bins,
        "total": totals.sum().item(),
        "zeros": int(counts.size - np.count_nonzero(counts)),
        "mean": mean,
        "dispersion": float(counts.var(dtype=np.float64)) / mean if mean > 0 else None,
        "k": k,
        "rings": list(cube.radii),
        "trend_ring": cube.radii[len(cube.radii) // 2],
        "time_lag": design.time_lag,
        "window": design.window,
        "side": design.side,
        "alpha": alpha,
        "p_method": method,
        "simulations": simulations if method == "monte-carlo" else None,
        "trend_method": trend_method,
        "autocorrelation": autocorrelation,
        "trend_of_total_p": _trend_of_total(totals),
        "n_tests": n_tests,
        "smallest_p_needed": alpha / n_tests if n_tests else None,
        "smallest_attainable_p": _floor(cube, design, laws, simulations) if is_permuted else None,
        "expected_events_per_disk": {
            radius: mean * reach * float(sizes.mean())
            for radius, sizes in zip(cube.radii, cube.sizes, strict=True)
        },
        "cells_that_never_held_anything_in_reach": int(np.count_nonzero(~is_held)),
        "null_cells": {why: int(mask.sum()) for mask, why in reasons},
    }
    if rates is not None:
        facts |= _of_rates(cube, rates)
    sentences = [(mask, f"No answer: {why}.") for mask, why in reasons]
    return Caveats(facts | {"warnings": _warnings(facts)}, sentences)


def _null_reasons(cube: Cube, design: Design, p: Floats) -> list[tuple[Mask, str]]:
    """Return the cells of which no bin could be tested, and why."""
    is_null = np.isnan(p[-1])
    if is_null.any():  # mostly, a glance is enough
        is_null = np.isnan(p).all(axis=0)
    if not is_null.any():
        return []
    lone = [sizes < len(cube.index) for sizes in cube.sizes]
    is_whole = ~np.any(lone, axis=0) & (design.window == "step")
    reasons = [
        (is_null & is_whole, "the disk is the whole study area"),
        (is_null & ~is_whole, "all values are equal"),
    ]
    return [(mask, why) for mask, why in reasons if mask.any()]


def _null_reasons_of_rates(rates: Rates, p: Floats) -> list[tuple[Mask, str]]:
    """Return the cells of which no bin could be compared with its expectation, and why."""
    is_null = np.isnan(p).all(axis=0)
    is_bare = is_null & ~rates.is_asked
    is_beyond = is_null & ~is_bare & (rates.disks[-1].mean <= 0)
    reasons = [
        (is_bare, "nobody lives in the cell, and nothing happened there"),
        (is_beyond, "nothing is expected in the disk"),
        (is_null & ~is_bare & ~is_beyond, "the disk holds all that is expected"),
    ]
    return [(mask, why) for mask, why in reasons if mask.any()]


def _of_rates(cube: Cube, rates: Rates) -> dict[str, Any]:
    """Return what a denominator adds to the diagnostics, and what it changes in them."""
    whole, laws = rates.whole, rates.lagged
    share, level = float(laws.shares[-1]), float(laws.levels[-1])
    return {
        "phi": laws.fit.phi,
        "phi_of_single_bins": rates.single.fit.phi,
        "phi_of_whole_period": whole.fit.phi,
        "level": level,
        "background": whole.beside * level,
        "usual_total": float((whole.expected + whole.beside).sum()) * level,
        "n_censored": laws.fit.n_censored,
        "dispersion_converged": laws.fit.converged and rates.single.fit.converged,
        "total_expected": float(whole.expected.sum()),
        "cells_with_expectation": int((whole.expected > 0).sum()),
        "unexpected_cells": whole.unexpected_cells,
        "unexpected_incidents": whole.unexpected_incidents,
        "expected_events_per_disk": {
            radius: share * float(disks.mean.mean())
            for radius, disks in zip(cube.radii, rates.disks, strict=True)
        },
    }


def _trend_of_total(totals: NDArray[Any]) -> float | None:
    scores, ties = kendall_scores(totals[:, None])
    return float(two_sided_p(mann_kendall_z(scores, ties, len(totals)))[0])


def _floor(cube: Cube, design: Design, laws: list[Extent] | None, simulations: int) -> float:
    """Return the smallest p that any arrangement of these values could give the last bin."""
    both = 2.0 if design.side == "both" else 1.0
    if laws is None:
        return min(1.0, both / (1 + simulations))
    hot, cold = smallest_p(laws[-1], cube, design, cube.n_bins - 1)
    return {"hot": hot, "cold": cold, "both": min(1.0, 2 * min(hot, cold))}[design.side]


def _warnings(facts: dict[str, Any]) -> list[str]:
    """Return the caveats as sentences."""
    if facts["denominator"]:
        sentences = denominator_warnings(facts) + _mixture_warnings(facts)
    else:
        sentences = ["No denominator was given: the patterns show where incidents are, not where risk is."]
    sentences += [f"{count} cells have no answer: {why}." for why, count in facts["null_cells"].items()]
    if facts["n_bins"] < ADVISED_BINS:
        sentences.append(
            f"{facts['n_bins']} time bins are few for trends and patterns; at least {ADVISED_BINS} are "
            "advised."
        )
    if facts["trend_of_total_p"] <= _TOTAL_TREND_ALPHA and facts["window"] == "cube":
        sentences.append(
            "The total of the study area has a trend of its own, which window=cube shows everywhere; "
            "choose window=step for places that change against the others."
        )
    elif facts["trend_of_total_p"] <= _TOTAL_TREND_ALPHA:
        sentences.append(
            "The total of the study area has a trend of its own: the z of places that hold little "
            "follows it, so read there what is said to intensify or diminish with care."
        )
    if facts["trend_method"] == "block-permutation":
        sentences.append(
            f"Neighbouring bins agree (median lag-1 autocorrelation {facts['autocorrelation']:.2f}): the p "
            "of the trend comes from permuting blocks of three bins."
        )
    widest = facts["rings"][-1]
    per_disk = facts["expected_events_per_disk"][widest]
    if facts["n_tests"] and 0 <= per_disk < 1:
        sentences.append(
            f"A disk of radius {widest} over its bins holds {per_disk:.2g} incidents on average: too few to "
            "find anything but strong concentrations. Choose a coarser resolution, wider bins or a larger k."
        )
    return sentences + _floor_warnings(facts)


def _mixture_warnings(facts: dict[str, Any]) -> list[str]:
    """Tell where risks have two large parts: their product has a heavier tail than the fitted law."""
    single, whole = facts["phi_of_single_bins"], facts["phi_of_whole_period"]
    anew = (single - whole) / (1 - 1 / facts["n_bins"])
    if min(anew, single - anew) < _LARGE_PART:
        return []
    return [
        f"Risks differ from cell to cell in two ways: a part stays with the cell (phi {single - anew:.2g}), "
        f"another is drawn anew in every bin ({anew:.2g}). Together they scatter more widely than the law of "
        "p knows: some of what is called hot may be neither new nor real."
    ]


def _floor_warnings(facts: dict[str, Any]) -> list[str]:
    floor, needed = facts["smallest_attainable_p"], facts["smallest_p_needed"]
    if floor is None or needed is None or floor <= needed:
        return []
    if floor > facts["alpha"]:
        return [
            f"Nothing could be confirmed: the smallest p that these values allow is {floor:.2g}, "
            f"above alpha {facts['alpha']:g}."
        ]
    remedy = " Raise simulations." if facts["p_method"] == "monte-carlo" else ""
    return [
        f"The smallest attainable p is {floor:.2g}, a single bin needs {needed:.2g}: only "
        f"{int(np.ceil(floor / needed))} bins or more at that p can be confirmed, together.{remedy}"
    ]
