"""Gaps: where the share of unserved locations is higher (or lower) than chance explains.

A share is bounded, and broadband comes by the street and the valley: most places have nearly all or nearly
nothing. The null of `hotspots` with a denominator, a negative binomial, knows no bound; fitted to clumped
shares its tail swallows every desert. So the null here is the law of `beta_binomial`: all units draw their
shares from one law, however clumped, independently of one another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.beta_binomial import ShareFit, checked_shares, fit_shares, sum_tail, upper_tail, variance, worth
from models.errors import InvalidParameter
from models.hotspots import SIDES
from models.scales import best_scale, of_best
from models.significance import benjamini_hochberg, cauchy_combination
from spatial.contiguity import Contiguity, area_sums, area_values
from spatial.neighbors import MAX_K, NeighborIndex, disk_sums, disk_values

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

#: Radii that "auto" combines: of disks of cells, and of areas, which are large and speak for themselves too.
AUTO_CELL_RINGS = (1, 2, 3)
AUTO_AREA_RINGS = (0, 1)

#: How p is found, as the diagnostics name it.
P_METHOD = "beta-binomial"

# Where the two-moment tail is above this it is kept: nothing is decided there.
_KEPT_ABOVE = 0.2
# Fewer units than this do not tell how shares scatter.
_FEW_UNITS = 30
_ROWS_AT_ONCE = 256
_CLASSES = np.array(["none", "hot", "cold"])


@dataclass(frozen=True)
class Gaps:
    """The verdict on every unit, in the order of the units.

    Attributes
    ----------
    share : array of float
        Unserved / locations of the unit; NaN without locations.
    share_eb : array of float
        The same drawn to the mean share, the more the fewer locations; NaN without locations.
    ring : array of int
        Radius of the neighbourhood that `z` refers to: the one with the smallest p.
    z : array of float
        Score of that neighbourhood in standard deviations: Σ w (u - n m) / sqrt(Σ w² Var u), where a
        location is worth w = 1 / (1 + (n - 1) rho); NaN without an answer.
    p : array of float
        The p that is judged: one-sided for side "hot" or "cold", doubled for "both", combined over the radii.
    q : array of float
        Benjamini-Hochberg of `p` over all tested units.
    classes : array of str
        "hot", "cold" or "none".
    diagnostics : dict
        What a reader needs to trust the above; `warnings` holds sentences, `null_units` reasons.
    """

    share: Floats
    share_eb: Floats
    ring: NDArray[np.int8]
    z: Floats
    p: Floats
    q: Floats
    classes: NDArray[np.str_]
    diagnostics: dict[str, Any]


def gaps(
    unserved: ArrayLike,
    locations: ArrayLike,
    neighbors: NeighborIndex | Contiguity,
    *,
    k: int | str = "auto",
    alpha: float = 0.05,
    side: str = "hot",
) -> Gaps:
    """Return where the share of unserved locations stands out from the whole.

    Units are cells with their grid neighbours or areas with those that they border on. Test statistic: the
    unserved locations of a unit and its neighbours, given all their locations, each for what it is worth
    (`beta_binomial.worth`: without clumping the plain sum). Null: the beta binomial law with the mean and the
    clumping that the ordinary units keep.

    Parameters
    ----------
    unserved, locations : array of int, shape (n,)
        Per unit; unserved never more than locations. A unit without locations has no answer, and adds nothing
        to its neighbours.
    neighbors : NeighborIndex or Contiguity
        Of the cells, or of the areas.
    k : int or "auto"
        Steps around a unit: 1 to 10 for cells, 0 to 10 for areas. "auto" combines 1, 2 and 3 for cells, 0
        and 1 for areas.
    alpha : float
        False discovery rate up to which a unit is called hot or cold.
    side : {"hot", "cold", "both"}
        What is looked for; "hot" is a high share of unserved locations.

    Raises
    ------
    InvalidParameter
        If a parameter is outside its range, or a value is no count, or unserved exceed the locations.

    References
    ----------
    Griffiths (1973), Biometrics 29(4), 637-648.
    Williams (1982), Journal of the Royal Statistical Society C 31(2), 144-148.
    Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57(1), 289-300.

    Examples
    --------
    Seven cells with 9 of 10 unserved among 162 where it is 1 of 10: with neighbours who share them.

    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> cells = disk([0x892A1358B17FFFF], 7)
    >>> unserved = np.where(np.isin(cells, disk([0x892A1358B17FFFF], 1)), 9, 1)
    >>> found = gaps(unserved, np.full(len(cells), 10), neighbor_index(cells), k=1)
    >>> int((found.classes == "hot").sum()), found.share.max(), round(float(found.share_eb.max()), 2)
    (13, np.float64(0.9), 0.55)
    """
    o, n = checked_shares(unserved, locations)
    if len(o) != len(neighbors):
        raise InvalidParameter(f"one count for each of {len(neighbors)} units was needed, got {len(o)}")
    radii = _radii(k, alpha, side, isinstance(neighbors, NeighborIndex))
    fit = fit_shares(o, n)
    disks = [_disks(neighbors, radius) for radius in radii]
    is_degenerate = fit.mean in (0.0, 1.0)
    hot = cold = np.full((len(radii), len(o)), np.nan)
    if not is_degenerate and side != "cold":
        hot = np.array([_tail(some, o, n, fit.mean, fit.rho) for some in disks])
    if not is_degenerate and side != "hot":
        cold = np.array([_tail(some, n - o, n, 1 - fit.mean, fit.rho) for some in disks])
    judged = list({"hot": hot, "cold": cold, "both": np.minimum(1.0, 2 * np.fmin(hot, cold))}[side])
    best = best_scale(judged)
    p = judged[0] if len(judged) == 1 else cauchy_combination(judged)
    q = benjamini_hochberg(p)
    floor = None if is_degenerate or np.isnan(p).all() else _smallest_attainable_p(disks, n, fit, side)
    is_hot = np.full(len(o), side == "hot") if side != "both" else of_best(list(hot <= cold), best)
    z = of_best([_z(some, o, n, fit) for some in disks], best)
    return Gaps(
        share=_ratio(o, n),
        share_eb=share_eb(o, n),
        ring=np.array(radii, dtype=np.int8)[best],
        z=np.where(np.isnan(p), np.nan, z),
        p=p,
        q=q,
        classes=_CLASSES[np.where(q <= alpha, np.where(is_hot, 1, 2), 0)],
        diagnostics=_diagnostics(o, n, fit, p)
        | {"smallest_attainable_p": floor}
        | {"k": k, "rings": list(radii), "side": side, "alpha": alpha},
    )


def share_eb(unserved: ArrayLike, locations: ArrayLike) -> Floats:
    """Return shares drawn to the mean share, the more, the fewer locations stand behind them.

    Marshall's estimate with the sampling variance of a share, m (1 - m) / n: with r = u/n, m = Σu/Σn and
    A = Σn(r - m)²/Σn - m(1 - m)/mean(n), not below 0, it is w r + (1 - w) m with w = A / (A + m(1 - m)/n).
    It lies between r and m, so within 0 and 1.

    Parameters
    ----------
    unserved, locations : array, shape (n,)
        0 or more, also interpolated amounts; unserved at most locations but for rounding.

    Returns
    -------
    array, shape (n,)
        NaN without locations.

    References
    ----------
    Marshall (1991), Journal of the Royal Statistical Society C 40(2), 283-294.

    Examples
    --------
    m = .1 and A = (10 · .2² + 100 · .02²)/110 - .09/55 = .00236; the weights are .21 and .72.

    >>> share_eb([3, 8], [10, 100]).round(3).tolist()
    [0.142, 0.086]
    """
    o, n = np.asarray(unserved, dtype=np.float64), np.asarray(locations, dtype=np.float64)
    some = n > 0
    found = np.full(len(n), np.nan)
    if not some.any():
        return found
    o, n = o[some], n[some]
    r, m = np.minimum(o / n, 1.0), min(float(o.sum() / n.sum()), 1.0)
    between = max(float(n @ (r - m) ** 2 / n.sum()) - m * (1 - m) / float(n.mean()), 0.0)
    within = m * (1 - m) / n
    weight = np.divide(between, between + within, out=np.zeros(len(n)), where=between > 0)
    found[some] = weight * r + (1 - weight) * m
    return found


class _Disks(Protocol):
    """The neighbourhoods of one radius."""

    def sums(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the sum over every neighbourhood."""

    def values(self, values: Floats, rows: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], Floats]]:
        """Yield the values in some neighbourhoods, a row each, in portions."""


@dataclass(frozen=True)
class _CellDisks:
    index: NeighborIndex
    k: int

    def sums(self, values: NDArray[Any]) -> NDArray[Any]:
        return disk_sums(self.index, values, self.k)

    def values(self, values: Floats, rows: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], Floats]]:
        return disk_values(self.index, values, rows, self.k)


class _AreaDisks:
    def __init__(self, neighbors: Contiguity, k: int) -> None:
        self._disks = neighbors.disks(k)

    def sums(self, values: NDArray[Any]) -> NDArray[Any]:
        return area_sums(self._disks, values)

    def values(self, values: Floats, rows: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], Floats]]:
        return area_values(self._disks, values, rows)


def _disks(neighbors: NeighborIndex | Contiguity, k: int) -> _Disks:
    return _CellDisks(neighbors, k) if isinstance(neighbors, NeighborIndex) else _AreaDisks(neighbors, k)


def _radii(k: int | str, alpha: float, side: str, are_cells: bool) -> tuple[int, ...]:
    """Return the radii to be analysed."""
    if side not in SIDES:
        raise InvalidParameter(f"side must be one of {', '.join(SIDES)}, got {side!r}")
    if not 0 < alpha < 1:
        raise InvalidParameter(f"alpha must lie between 0 and 1, got {alpha}")
    if k == "auto":
        return AUTO_CELL_RINGS if are_cells else AUTO_AREA_RINGS
    least = 1 if are_cells else 0
    if isinstance(k, str) or isinstance(k, bool) or k != int(k) or not least <= k <= MAX_K:
        raise InvalidParameter(f"k must be {least} to {MAX_K} or auto, got {k!r}")
    return (int(k),)


def _tail(disks: _Disks, o: Counts, n: Counts, mean: float, rho: float) -> Floats:
    """Return P(S >= s) of every neighbourhood; NaN without locations, or where it holds all there are."""
    w = worth(n, rho)
    s, largest, spread = disks.sums(w * o), disks.sums(w * n), disks.sums(w * w * variance(n, mean, rho))
    counts = disks.sums(o)
    tested = np.flatnonzero((n > 0) & (disks.sums(n) < n.sum()))
    p = np.full(len(o), np.nan)
    p[tested] = upper_tail(s[tested], largest[tested], mean, spread[tested], w[tested])
    p[tested[counts[tested] == 0]] = 1.0  # whatever rounding left of the sum
    decisive = tested[(p[tested] <= _KEPT_ABOVE) & (counts[tested] > 0)]
    for portion, values in disks.values(n.astype(np.float64), decisive):
        for start in range(0, len(portion), _ROWS_AT_ONCE):
            rows, of = portion[start : start + _ROWS_AT_ONCE], values[start : start + _ROWS_AT_ONCE]
            p[rows] = sum_tail(s[rows], of, mean, rho, p[rows])
    return p


def _smallest_attainable_p(disks: list[_Disks], n: Counts, fit: ShareFit, side: str) -> float:
    """Return the p of the unit with most evidence behind it, were all (or none) around it unserved."""
    floors = []
    for mean in {"hot": [fit.mean], "cold": [1 - fit.mean], "both": [fit.mean, 1 - fit.mean]}[side]:
        rough = np.array([_tail_of_all(some, n, mean, fit.rho) for some in disks])
        together = rough[0] if len(disks) == 1 else cauchy_combination(list(rough))
        row = np.array([np.nanargmin(together)])
        exact = np.array([_tail_of_all(some, n, mean, fit.rho, row)[row] for some in disks])
        floors.append(float(exact[0, 0] if len(disks) == 1 else cauchy_combination(list(exact))[0]))
    return min(1.0, min(floors) * len(floors))


def _tail_of_all(
    disks: _Disks, n: Counts, mean: float, rho: float, refined: NDArray[np.int64] | None = None
) -> Floats:
    """Return P(S >= all there are) of every neighbourhood; that of some rows by their own units."""
    w = worth(n, rho)
    largest, spread = disks.sums(w * n), disks.sums(w * w * variance(n, mean, rho))
    tested = np.flatnonzero((n > 0) & (disks.sums(n) < n.sum()))
    p = np.full(len(n), np.nan)
    p[tested] = upper_tail(largest[tested], largest[tested], mean, spread[tested], w[tested])
    if refined is not None:
        for rows, values in disks.values(n.astype(np.float64), refined[~np.isnan(p[refined])]):
            p[rows] = sum_tail(largest[rows], values, mean, rho, p[rows])
    return p


def _z(disks: _Disks, o: Counts, n: Counts, fit: ShareFit) -> Floats:
    w = worth(n, fit.rho)
    spread = disks.sums(w * w * variance(n, fit.mean, fit.rho))
    z = np.full(len(o), np.nan)
    np.divide(disks.sums(w * (o - fit.mean * n)), np.sqrt(np.maximum(spread, 0)), out=z, where=spread > 0)
    return z


def _ratio(o: Counts, n: Counts) -> Floats:
    found: Floats = np.divide(o, n, out=np.full(len(n), np.nan), where=n > 0)
    return found


def _diagnostics(o: Counts, n: Counts, fit: ShareFit, p: Floats) -> dict[str, Any]:
    total, n_units, n_tests = int(n.sum()), int((n > 0).sum()), int((~np.isnan(p)).sum())
    found: dict[str, Any] = {
        "units": len(n),
        "units_with_locations": n_units,
        "locations": total,
        "unserved": int(o.sum()),
        "share_unserved": int(o.sum()) / total if total else None,
        "level": fit.mean if total else None,
        "rho": fit.rho,
        "phi": fit.rho * (1 - fit.mean) / fit.mean if fit.mean > 0 else 0.0,
        "n_censored": fit.n_censored,
        "dispersion_converged": fit.converged,
        "zeros": int(((n > 0) & (o == 0)).sum()),
        "n_tests": n_tests,
        "p_method": P_METHOD if n_tests else None,
        "null_units": _null_units(o, n, n_units, n_tests),
    }
    return found | {"warnings": _warnings(found)}


def _null_units(o: Counts, n: Counts, n_units: int, n_tests: int) -> dict[str, int]:
    """Return how many units have no answer, by reason."""
    why = "it holds, with its neighbours, all locations that there are"
    if not o.any():
        why = "no location is unserved"
    elif o.sum() == n.sum():
        why = "every location is unserved"
    reasons = {"no locations": len(n) - n_units, why: n_units - n_tests}
    return {reason: count for reason, count in reasons.items() if count}


def _warnings(found: dict[str, Any]) -> list[str]:
    sentences = []
    if 0 < found["units_with_locations"] < _FEW_UNITS:
        sentences.append(
            f"How shares scatter is known from {found['units_with_locations']} units only;"
            f" {_FEW_UNITS} are wanted."
        )
    if not found["dispersion_converged"]:
        sentences.append("The fit of the shares did not come to its end; p may be off.")
    return sentences
