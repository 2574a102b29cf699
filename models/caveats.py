"""What a reader needs to trust a map of hotspots: how it came about, and what it could not have shown."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.exact import DiskSumLaw, smallest_attainable_p, value_groups
from models.exposure import DiskExpectation, Exposure, null_cells
from models.getis_ord import is_constant
from models.scales import Scale

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Fewer cells than this do not tell how counts scatter.
_FEW_CELLS = 30
# Ordinary cells that hold so many times what is expected, or that much less, do not follow the denominator.
_FAR_OFF = 1.5


def diagnostics(
    x: NDArray[Any],
    scales: list[Scale],
    edges: list[Mask],
    p: Floats,
    *,
    k: int | str,
    method: str,
    law: DiskSumLaw | None,
    side: str,
    alpha: float,
    simulations: int,
    exposure: Exposure | None,
    disks: list[DiskExpectation] | None,
) -> dict[str, Any]:
    """Return what a reader needs to trust the result, in plain numbers and sentences."""
    n, n_tests = len(x), int((~np.isnan(p)).sum())
    mean, variance = float(x.mean()), float(x.var())
    found: dict[str, Any] = {
        "denominator": exposure is not None,
        "n": n,
        "total": float(x.sum()) if x.dtype.kind == "f" else int(x.sum()),
        "zeros": int((x == 0).sum()),
        "mean": mean,
        "variance": variance,
        "dispersion": variance / mean if mean > 0 else None,
        "k": k,
        "rings": [scale.k for scale in scales],
        "side": side,
        "alpha": alpha,
        "p_method": method,
        "simulations": simulations if method == "monte-carlo" else None,
        "n_tests": n_tests,
        "smallest_p_needed": alpha / n_tests if n_tests else None,
        "smallest_attainable_p": _floor(x, scales, method, side, simulations) if n_tests else None,
        "expected_events_per_disk": {scale.k: mean * float(scale.sizes.mean()) for scale in scales},
        "confirmed_alone_at": _confirmed_alone_at(x, scales, law, alpha / n_tests if n_tests else 0.0),
        "share_on_edge": {s.k: float(e.mean()) for s, e in zip(scales, edges, strict=True)},
        "null_cells": _null_cells(x, n - n_tests),
    }
    if exposure is not None and disks is not None:
        found |= _of_exposure(exposure, scales, disks, p)
    return found | {"warnings": _warnings(found)}


def denominator_warnings(found: dict[str, Any]) -> list[str]:
    """Return what is to be said of the denominator, or of its lack, as sentences."""
    if not found["denominator"]:
        return ["No denominator was given: the map shows where incidents are, not where risk is."]
    sentences = []
    if found["unexpected_incidents"]:
        sentences.append(
            f"{found['unexpected_incidents']} incidents lie in {found['unexpected_cells']} cells that expect "
            "none: the denominator does not reach there. They count in the disks around them"
            + (f", and p takes {found['background']:.2g} a cell for usual." if found["background"] else ".")
        )
    usual = found["usual_total"] / found["total_expected"] if found["total_expected"] > 0 else 1.0
    if found["total"] and found["p_method"] == "negative-binomial" and not 1 / _FAR_OFF < usual < _FAR_OFF:
        sentences.append(
            f"The cells that do not stand out hold {usual:.2g} times what is expected of them: the incidents "
            "do not follow this denominator closely. p compares with these cells; expected, z and the "
            "relative risk with the denominator alone."
        )
    if found["total_expected"] > 0 and abs(found["total"] / found["total_expected"] - 1) > 0.01:
        sentences.append(
            f"There are {found['total']} incidents where {found['total_expected']:.6g} were expected: "
            "p compares places with one another, z and the counts with the expectation."
        )
    if found["cells_with_expectation"] < _FEW_CELLS:
        sentences.append(
            f"Dispersion comes from {found['cells_with_expectation']} cells only; {_FEW_CELLS} are wanted."
        )
    if not found["dispersion_converged"]:
        sentences.append("The fit of the dispersion did not come to its end; p may be off.")
    if found["p_method"] == "binomial" and found["phi"] > 0:
        sentences.append(
            f"The binomial p knows no dispersion, and the counts have some (phi {found['phi']:.2g}): it "
            "calls false hotspots; prefer negative-binomial."
        )
    return sentences


def _of_exposure(
    exposure: Exposure, scales: list[Scale], disks: list[DiskExpectation], p: Floats
) -> dict[str, Any]:
    """Return what a denominator adds to the diagnostics, and what it changes in them."""
    return {
        "phi": exposure.fit.phi,
        "level": exposure.fit.level,
        "background": exposure.background,
        "usual_total": float(exposure.usual.sum()),
        "n_censored": exposure.fit.n_censored,
        "dispersion_converged": exposure.fit.converged,
        "total_expected": float(exposure.expected.sum()),
        "cells_with_expectation": int((exposure.expected > 0).sum()),
        "unexpected_cells": exposure.unexpected_cells,
        "unexpected_incidents": exposure.unexpected_incidents,
        "expected_events_per_disk": {s.k: float(d.mean.mean()) for s, d in zip(scales, disks, strict=True)},
        "null_cells": null_cells(p, disks),
    }


def _floor(x: NDArray[Any], scales: list[Scale], method: str, side: str, simulations: int) -> float | None:
    """Return the smallest p that any map with these values could give a cell; None without a floor."""
    if method not in ("exact", "monte-carlo"):
        return None
    if method == "monte-carlo":
        return min(1.0, (2.0 if side == "both" else 1.0) / (1 + simulations))
    sizes = {int(c) for scale in scales for c in np.flatnonzero(np.bincount(scale.sizes)) if c < len(x)}
    hot, cold = smallest_attainable_p(value_groups(x), sorted(sizes))
    return {"hot": hot, "cold": cold, "both": min(1.0, 2 * min(hot, cold))}[side]


def _confirmed_alone_at(
    x: NDArray[Any], scales: list[Scale], law: DiskSumLaw | None, needed: float
) -> dict[int, int | None]:
    """Return the incidents that call a full disk hot on their own; None if no sum seen is enough."""
    if law is None or needed <= 0:
        return {}
    found: dict[int, int | None] = {}
    for scale in scales:
        c = int(scale.sizes.max())
        enough = np.flatnonzero(law.upper[c] <= needed)
        found[scale.k] = int(enough[0]) * law.unit + c * law.minimum if len(enough) and c < len(x) else None
    return found


def _null_cells(x: NDArray[Any], n_null: int) -> dict[str, int]:
    """Return how many cells have no answer at all, by reason."""
    if not n_null:
        return {}
    return {"all values are equal" if is_constant(x) else "the disk is the whole study area": n_null}


def _warnings(found: dict[str, Any]) -> list[str]:
    """Return the caveats as sentences."""
    sentences = denominator_warnings(found)
    sentences += [f"{count} cells have no answer: {why}." for why, count in found["null_cells"].items()]
    mean, widest = found["mean"], found["rings"][-1]
    per_disk = found["expected_events_per_disk"][widest]
    if found["n_tests"] and per_disk < 1:
        sentences.append(
            f"A disk of radius {widest} holds {per_disk:.2g} incidents on average: too few to find anything "
            "but strong concentrations. Choose a coarser resolution, a longer period or a larger k."
        )
    if found["n_tests"] and 0 <= mean < 0.2:
        sentences.append(
            f"At {mean:.2g} incidents a cell, places with twice the risk are not found at all; "
            "a map without hotspots does not show that there are none."
        )
    sentences += _floor_warnings(found)
    if found["p_method"] == "normal":
        sentences.append(
            "The normal p calls false hotspots on sparse or overdispersed counts; prefer "
            f"the {'negative-binomial' if found['denominator'] else 'exact'} p."
        )
    edge = found["share_on_edge"][widest]
    if edge > 0.2:
        sentences.append(f"{edge:.0%} of the cells lack a part of their disk at the edge of the study area.")
    return sentences


def _floor_warnings(found: dict[str, Any]) -> list[str]:
    floor, needed = found["smallest_attainable_p"], found["smallest_p_needed"]
    if floor is None or needed is None or floor <= needed:
        return []
    if floor > found["alpha"]:
        return [
            f"Nothing could be confirmed: the smallest p that these values allow is {floor:.2g}, "
            f"above alpha {found['alpha']:g}."
        ]
    n_together = int(np.ceil(floor / needed))
    remedy = " Raise simulations." if found["p_method"] == "monte-carlo" else ""
    return [
        f"The smallest attainable p is {floor:.2g}, a single cell needs {needed:.2g}: "
        f"only {n_together} cells or more at that p can be confirmed, together.{remedy}"
    ]
