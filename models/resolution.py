"""Which resolution the data carry: how strong a place must be to show, at each resolution.

Finer cells tell more precisely where, and less surely whether: a disk holds fewer incidents, and more cells
are tested. The advice looks at numbers alone, not at where the incidents lie.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, gammainc, gammaincinv

from models.errors import InvalidParameter
from models.exact import ValueGroups, smallest_attainable_p

#: The risk in a disk against the rest that a resolution should show, to be said to carry the data.
WANTED_RISK = 2.0
# In so many of all cases.
_POWER = 0.8
# A disk wider than this share of the study area has too little around it to stand out from.
_WIDEST_DISK = 0.25
# Closer to 1 than this a dispersion is that of Poisson counts.
_POISSON = 1e-9


@dataclass(frozen=True)
class Support:
    """Incidents of a study area at one resolution: those of each occupied cell, and all cells."""

    occupied: NDArray[np.int64]
    n_cells: int


def resolution_advice(
    supports: Mapping[int, Support],
    asked: int,
    *,
    k: int,
    alpha: float = 0.05,
    side: str = "hot",
    p_method: str = "exact",
    simulations: int = 999,
    phi: float | None = None,
) -> dict[str, Any]:
    """Return for each resolution what it could show, and which is the finest that carries the data.

    Parameters
    ----------
    supports : mapping of int to Support
        Resolution → incidents there; `asked` among them.
    asked : int
        The resolution in use.
    k : int
        Radius of the (widest) disk in steps.
    alpha, side, p_method, simulations
        As in `hotspots`.
    phi : float, optional
        Dispersion of the cells about a denominator, where there is one; else the counts' own is taken.

    Returns
    -------
    dict
        `asked`, `finest` (the finest resolution that carries the data; None if there is none), `advice` (a
        sentence), and `resolutions`, one entry each: `resolution`, `cells`, `mean`, `expected_per_disk`,
        `disk_share` (of the study area), `smallest_p_needed` (alpha over the cells), `smallest_attainable_p`
        (None where the p has no floor), `confirmed_at` (incidents in a disk that are about enough by
        themselves, with the scatter that the counts have; for side "cold" so few; None if no number is),
        `detectable_risk` and `verdict`. The detectable risk, as a multiple of the rest, would be found in a
        disk alone in four of five cases if counts scattered by chance alone: it tells how far numbers reach.
        A resolution carries the data where that is twice the risk or less.

    Raises
    ------
    InvalidParameter
        If `asked` is not among the resolutions.

    Examples
    --------
    >>> coarse, fine = Support(np.arange(1, 40).repeat(8), 343), Support(np.arange(1, 6).repeat(416), 2401)
    >>> found = resolution_advice({8: coarse, 9: fine}, 9, k=1)
    >>> found["finest"], [one["confirmed_at"] for one in found["resolutions"]]
    (8, [275, 40])
    """
    if asked not in supports:
        raise InvalidParameter(f"resolution {asked} was needed among {sorted(supports)}, got none")
    entries = [
        _entry(resolution, support, k, alpha, side, p_method, simulations, phi)
        for resolution, support in sorted(supports.items())
    ]
    finest = max((one["resolution"] for one in entries if _carries(one)), default=None)
    return {
        "asked": asked,
        "finest": finest,
        "advice": _advice(entries, asked, finest),
        "resolutions": entries,
    }


def _entry(
    resolution: int,
    support: Support,
    k: int,
    alpha: float,
    side: str,
    p_method: str,
    simulations: int,
    phi: float | None,
) -> dict[str, Any]:
    n, size = support.n_cells, 3 * k * (k + 1) + 1
    mean = float(support.occupied.sum()) / n
    needed = alpha / n / (2 if side == "both" else 1)
    enough, risk = None, None
    if mean > 0 and size < n:
        enough = _enough(mean * size, needed, side, _dispersion(support, size, phi))
        risk = _detectable(mean * size, needed, side)
    entry = {
        "resolution": resolution,
        "cells": n,
        "mean": mean,
        "expected_per_disk": mean * size,
        "smallest_p_needed": alpha / n,
        "smallest_attainable_p": _floor(support, size, side, p_method, simulations),
        "confirmed_at": enough,
        "detectable_risk": risk,
        "disk_share": min(1.0, size / n),
    }
    return entry | {"verdict": _verdict(entry, alpha)}


def _dispersion(support: Support, size: int, phi: float | None) -> float:
    """Return variance over mean of a disk's sum: by the scatter of all cells, or about a denominator."""
    n, mean = support.n_cells, float(support.occupied.sum()) / support.n_cells
    if phi is not None:
        return 1 + phi * mean
    variance = float((support.occupied.astype(np.float64) ** 2).sum()) / n - mean**2
    return max(1.0, variance / mean * (n - size) / (n - 1))


def _enough(expected: float, needed: float, side: str, dispersion: float = 1) -> int | None:
    """Return the incidents in a disk that are enough by themselves; None where not even none are."""
    if side == "cold":
        most = _last(lambda c: 1 - _at_least(c + 1, expected, dispersion) <= needed, expected)
        return most if most >= 0 else None
    return _last(lambda c: _at_least(c, expected, dispersion) > needed, expected) + 1


def _detectable(expected: float, needed: float, side: str) -> float | None:
    """Return the risk at which Poisson counts are enough in four of five cases."""
    enough = _enough(expected, needed, side)
    if enough is None:
        return None
    # P(X >= m) for Poisson X of mean l is the regularized gamma function of m and l.
    is_cold = side == "cold"
    return float(gammaincinv(enough + is_cold, 1 - _POWER if is_cold else _POWER)) / expected


def _last(holds: Callable[[int], bool], start: float) -> int:
    """Return the last whole number for which what is true below and false above still holds; -1 if none."""
    low, high = -1, max(1, int(start))
    while holds(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _at_least(count: int, mean: float, dispersion: float) -> float:
    """Return P(X >= count) for a negative binomial X of this mean and variance over mean; Poisson at 1."""
    if count <= 0:
        return 1.0
    if dispersion <= 1 + _POISSON:
        return float(gammainc(count, mean))
    return float(betainc(count, mean / (dispersion - 1), 1 - 1 / dispersion))


def _floor(support: Support, size: int, side: str, p_method: str, simulations: int) -> float | None:
    """Return the smallest p that any map with these counts could give a disk; None without a floor."""
    if p_method == "monte-carlo":
        return min(1.0, (2.0 if side == "both" else 1.0) / (1 + simulations))
    if p_method != "exact" or size >= support.n_cells:
        return None
    hot, cold = smallest_attainable_p(_groups(support), [size])
    return {"hot": hot, "cold": cold, "both": min(1.0, 2 * min(hot, cold))}[side]


def _groups(support: Support) -> ValueGroups:
    """Return the counts of all cells as groups, the empty cells without making them."""
    distinct, frequencies = np.unique(support.occupied, return_counts=True)
    if n_empty := support.n_cells - len(support.occupied):
        distinct, frequencies = np.append(0, distinct), np.append(n_empty, frequencies)
    return ValueGroups(distinct, frequencies, 0, 1)


def _carries(entry: dict[str, Any]) -> bool:
    risk, floor = entry["detectable_risk"], entry["smallest_attainable_p"]
    if risk is None or risk <= 0 or entry["disk_share"] > _WIDEST_DISK:
        return False
    return max(risk, 1 / risk) <= WANTED_RISK and (floor is None or floor <= entry["smallest_p_needed"])


def _verdict(entry: dict[str, Any], alpha: float) -> str:
    """Return what the resolution can show, as a sentence."""
    if entry["mean"] <= 0:
        return "No incident: nothing can be found."
    if entry["disk_share"] > _WIDEST_DISK:
        return f"Too coarse: one disk covers {entry['disk_share']:.0%} of the study area."
    floor, needed = entry["smallest_attainable_p"], entry["smallest_p_needed"]
    if floor is not None and floor > alpha:
        return f"Nothing can be confirmed: the smallest p that these counts allow is {floor:.2g}."
    if floor is not None and floor > needed:
        return (
            f"No disk can be confirmed alone: the smallest p is {floor:.2g}, {needed:.2g} is needed; several "
            "together can."
        )
    risk = entry["detectable_risk"]
    if risk is None or risk <= 0:
        return "Too few incidents: not even an empty disk stands out."
    words = "Carries the data" if _carries(entry) else "Strong places only"
    return (
        f"{words}: numbers suffice for {risk:.3g} times the risk in a disk, which expects "
        f"{_readable(entry['expected_per_disk'])} incidents."
    )


def _readable(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.2g}"


def _advice(entries: list[dict[str, Any]], asked: int, finest: int | None) -> str:
    by_resolution = {one["resolution"]: one for one in entries}
    if by_resolution[asked]["mean"] <= 0:
        return "No incident is selected: no resolution shows anything."
    if finest is None:
        return (
            f"At no resolution from {entries[0]['resolution']} to {entries[-1]['resolution']} do numbers "
            "suffice for twice the risk: take a longer period, more categories or a larger area, and read an "
            "empty map as no answer."
        )
    if asked == finest:
        return f"Resolution {asked} is the finest at which numbers suffice for twice the risk."
    if asked < finest:
        return f"Up to resolution {finest} numbers suffice for twice the risk; {asked} is less precise."
    return (
        f"Resolution {asked} is finer than the data carry: numbers suffice for twice the risk up to "
        f"{finest}, here only stronger places show."
    )


def support_of(counts: ArrayLike, n_cells: int) -> Support:
    """Return the counts of the occupied cells among `n_cells`.

    Examples
    --------
    >>> support_of([0, 3, 1], 7).occupied.tolist()
    [3, 1]
    """
    values = np.asarray(counts, dtype=np.int64)
    return Support(values[values > 0], n_cells)
