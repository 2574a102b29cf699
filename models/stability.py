"""How firmly areas stand: how much of each keeps its class when one choice of the analyst is changed.

Which resolution and which ring are asked is a choice, not a fact about the city. An area that is found at one
setting alone owes something to that setting. Only the comparison lives here; who repeats the analysis with a
setting changed hands in its verdicts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameter

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stability:
    """What of each area keeps its class, in the order of the areas.

    Attributes
    ----------
    share : array of float, shape (n_areas,)
        Mean over the changes that had an answer for the area; NaN where none had.
    by_change : dict of str to array of float, shape (n_areas,)
        Share of the area that keeps its class under each change; NaN where it had no answer.
    """

    share: Floats
    by_change: dict[str, Floats]


def area_stability(labels: ArrayLike, kept: Mapping[str, ArrayLike], n_areas: int) -> Stability:
    """Return how much of each area keeps its class.

    Parameters
    ----------
    labels : array of int, shape (n_cells,)
        The area of every cell; -1 for cells in none.
    kept : mapping of str to array of float, shape (n_cells,)
        For each change the share of every cell that keeps its class, 0 … 1; NaN where there is no answer.
    n_areas : int
        Number of areas.

    Raises
    ------
    InvalidParameter
        If an array does not fit the labels.

    Examples
    --------
    Two cells of one area: both hot in a wider ring, one of them at a coarser resolution.

    >>> found = area_stability([0, 0, -1], {"wider": [1, 1, 0], "coarser": [1, 0, 0]}, 1)
    >>> found.share.tolist(), found.by_change["coarser"].tolist()
    ([0.75], [0.5])
    """
    owner = np.asarray(labels, dtype=np.int64)
    by_change = {}
    for name, shares in kept.items():
        values = np.asarray(shares, dtype=np.float64)
        if values.shape != owner.shape:
            raise InvalidParameter(f"one share for each of {len(owner)} cells was needed, got {values.shape}")
        answered = (owner >= 0) & ~np.isnan(values)
        by_change[name] = _ratio(
            np.bincount(owner[answered], values[answered], n_areas),
            np.bincount(owner[answered], minlength=n_areas),
        )
    table = np.array(list(by_change.values())).reshape(len(by_change), n_areas)
    known = ~np.isnan(table)
    return Stability(_ratio(np.where(known, table, 0).sum(axis=0), known.sum(axis=0)), by_change)


def kept_in_wholes(classes: ArrayLike, position: ArrayLike, whole: ArrayLike, tested: ArrayLike) -> Floats:
    """Return 1 where the cell's counterpart has its class, 0 where not, NaN where it has no answer.

    Parameters
    ----------
    classes : array of str, shape (n_cells,)
        Class of every cell.
    position : array of int, shape (n_cells,)
        Where its counterpart (itself, or its parent) stands in the other verdict; -1 if nowhere.
    whole, tested : array, shape (m,)
        Classes of the other verdict, and whether there was an answer.

    Examples
    --------
    >>> kept_in_wholes(["hot", "hot", "none"], [0, 1, -1], ["hot", "none"], [True, True]).tolist()
    [1.0, 0.0, nan]
    """
    at = np.asarray(position, dtype=np.int64)
    answered = (at >= 0) & np.append(np.asarray(tested, dtype=bool), False)[at]
    same = np.append(np.asarray(whole, dtype=np.str_), "")[at] == np.asarray(classes, dtype=np.str_)
    return np.where(answered, same.astype(np.float64), np.nan)


def kept_in_parts(classes: ArrayLike, owner: ArrayLike, parts: ArrayLike, tested: ArrayLike) -> Floats:
    """Return the share of each cell's parts that have its class; NaN where no part has an answer.

    Parameters
    ----------
    classes : array of str, shape (n_cells,)
        Class of every cell.
    owner : array of int, shape (m,)
        Position of the cell that each part (child) belongs to. A pentagon has six, other cells seven.
    parts, tested : array, shape (m,)
        Classes of the parts, and whether there was an answer.

    Examples
    --------
    >>> kept_in_parts(["hot", "hot"], [0, 0, 1], ["hot", "none", "hot"], [True, True, False]).tolist()
    [0.5, nan]
    """
    kinds, of = np.asarray(classes, dtype=np.str_), np.asarray(owner, dtype=np.int64)
    answered = np.asarray(tested, dtype=bool)
    same = answered & (np.asarray(parts, dtype=np.str_) == kinds[of])
    return _ratio(
        np.bincount(of[same], minlength=len(kinds)), np.bincount(of[answered], minlength=len(kinds))
    )


def _ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> Floats:
    """Return part / whole, NaN where the whole is 0."""
    found: Floats = np.full(len(whole), np.nan)
    np.divide(part, whole, out=found, where=np.asarray(whole) > 0)
    return found
