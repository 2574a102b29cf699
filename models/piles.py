"""Piles: many incidents on one coordinate, as geocoders leave them, and busy addresses.

A pile is a fact about coordinates, not a verdict: a hospital is one as well as the default of a geocoder.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameter

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: Fewest incidents of a pile, and how many times the usual number of a coordinate they are at least.
LEAST_PILE = 10
TIMES_USUAL = 10


@dataclass(frozen=True)
class Places:
    """The distinct coordinates of incidents, in the order of longitude, then latitude.

    Attributes
    ----------
    lng, lat : array, shape (n_places,)
    place : array of int, shape (n,)
        Position of every incident's coordinate in the other arrays.
    count : array of float, shape (n_places,)
        Incidents on the coordinate, by weight.
    is_pile : array of bool, shape (n_places,)
    usual : float
        Median number of incidents on a coordinate; NaN where there is none.
    """

    lng: Floats
    lat: Floats
    place: Indices
    count: Floats
    is_pile: Mask
    usual: float

    def __len__(self) -> int:
        """Return the number of distinct coordinates."""
        return len(self.lng)


def places(lng: ArrayLike, lat: ArrayLike, weights: ArrayLike | None = None) -> Places:
    """Return the distinct coordinates, how many incidents lie on each, and which are piles.

    A pile holds at least 10 incidents and at least 10 times as many as the median coordinate: where every
    address is moved to its block, blocks are no piles.

    Parameters
    ----------
    lng, lat : array, shape (n,)
        Degrees.
    weights : array, shape (n,), optional
        How many incidents each row stands for; 1 by default.

    Raises
    ------
    InvalidParameter
        If the arrays differ in length, a coordinate is not finite, or a weight is negative or not finite.

    Examples
    --------
    Twelve incidents on one coordinate among three that stand alone.

    >>> found = places([0.0] * 12 + [1.0, 2.0, 3.0], [5.0] * 15)
    >>> found.count.tolist(), found.is_pile.tolist(), found.usual
    ([12.0, 1.0, 1.0, 1.0], [True, False, False, False], 1.0)
    """
    x, y = np.asarray(lng, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    if not x.shape == y.shape == w.shape:
        raise InvalidParameter(f"as many lat and weights as lng were needed: {x.shape}, {y.shape}, {w.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InvalidParameter("finite coordinates were needed, got some that are not")
    if not (np.isfinite(w).all() and (w >= 0).all()):
        raise InvalidParameter("weights of 0 or more were needed, got some that are negative or not finite")
    order = np.lexsort((y, x))
    xs, ys = x[order] + 0.0, y[order] + 0.0
    is_first = np.ones(len(x), dtype=bool)
    is_first[1:] = (np.diff(xs) != 0) | (np.diff(ys) != 0)
    place = np.empty(len(x), dtype=np.int64)
    place[order] = np.cumsum(is_first) - 1
    # Summed in sorted order of the weights, so that the order of rows does not change the last bit.
    sorted_rows = np.lexsort((w, place))
    count = np.bincount(place[sorted_rows], w[sorted_rows], int(is_first.sum())).astype(np.float64)
    usual = float(np.median(count)) if len(count) else np.nan
    is_pile = (count >= LEAST_PILE) & (count >= TIMES_USUAL * usual)
    return Places(xs[is_first], ys[is_first], place, count, is_pile, usual)
