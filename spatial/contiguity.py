"""Which areas border on which: the neighbourhood of places that are no cells of one grid.

Areas differ in size and shape, so steps between them are no distances; they only say who is next to whom.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, eye_array

from spatial.errors import InvalidValues

Indices = NDArray[np.int64]

_VALUES_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Contiguity:
    """Areas and who borders on whom; answers as the neighbour index of cells does.

    Attributes
    ----------
    touching : sparse array of bool, shape (n, n)
        Symmetric; every area touches itself.
    """

    touching: csr_array

    def __len__(self) -> int:
        """Return the number of areas."""
        return int(self.touching.shape[0])

    def disks(self, k: int) -> csr_array:
        """Return who is within k steps of whom; 0 steps: each area alone."""
        found = eye_array(len(self), dtype=np.int64, format="csr")
        for _ in range(k):
            found = csr_array((found @ self.touching.astype(np.int64)) > 0).astype(np.int64)
        return csr_array(found)


def contiguity(geometries: ArrayLike) -> Contiguity:
    """Return who shares a border, a corner or ground with whom.

    Parameters
    ----------
    geometries : array of shapely geometries, shape (n,)
        Polygons or lines; missing and empty ones touch nothing but themselves.

    Examples
    --------
    >>> row = [shapely.box(x, 0, x + 1, 1) for x in (0, 1, 2, 5)]
    >>> contiguity(row).touching.sum(axis=1).tolist()
    [2, 3, 2, 1]
    """
    shapes = np.asarray(geometries, dtype=object)
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    return contiguity_of_pairs(one, other, len(shapes))


def contiguity_of_pairs(rows: ArrayLike, columns: ArrayLike, n: int) -> Contiguity:
    """Return the contiguity of pairs of positions; a pair counts both ways, and each area with itself.

    Examples
    --------
    >>> contiguity_of_pairs([0], [2], 3).touching.toarray().astype(int).tolist()
    [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    """
    one, other = np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)
    own = np.arange(n)
    one, other = np.r_[one, other, own], np.r_[other, one, own]
    pairs = csr_array((np.ones(len(one), dtype=np.int64), (one, other)), shape=(n, n))
    return Contiguity(csr_array(pairs > 0))


def area_sums(disks: csr_array, values: ArrayLike) -> NDArray[Any]:
    """Return the sum of the values over the neighbourhood of every area.

    Raises
    ------
    InvalidValues
        If there is not one value per area.

    Examples
    --------
    >>> area_sums(contiguity_of_pairs([0], [1], 3).disks(1), [1, 2, 4]).tolist()
    [3, 3, 4]
    """
    found = np.asarray(values)
    if found.shape != (disks.shape[1],):
        raise InvalidValues(f"one value per area was needed ({disks.shape[1]}), got {found.shape}")
    return np.asarray(disks @ found)


def area_values(
    disks: csr_array, values: ArrayLike, rows: ArrayLike
) -> Iterator[tuple[Indices, NDArray[np.float64]]]:
    """Yield the values in the neighbourhoods of some areas, each a row filled up with 0, in portions.

    Those with few neighbours come first.

    Examples
    --------
    >>> disks = contiguity_of_pairs([0], [1], 3).disks(1)
    >>> [(rows.tolist(), found.tolist()) for rows, found in area_values(disks, [1, 2, 4], [0, 2])]
    [([2, 0], [[4.0, 0.0], [1.0, 2.0]])]
    """
    numbers, wanted = np.asarray(values, dtype=np.float64), np.asarray(rows, dtype=np.int64)
    sizes = np.diff(disks.indptr)
    wanted = wanted[np.argsort(sizes[wanted], kind="stable")]  # alike sizes together: little to fill up
    start = 0
    while start < len(wanted):
        # As wide as the widest of the portion: guess by the first, then cut to what fits.
        portion = wanted[start : start + max(_VALUES_AT_ONCE // max(int(sizes[wanted[start]]), 1), 1)]
        fits = np.arange(1, len(portion) + 1) * sizes[portion] <= _VALUES_AT_ONCE
        portion = portion[: max(int(fits.sum()), 1)]
        own = sizes[portion]
        table = np.zeros((len(portion), int(own.max(initial=1))))
        row = np.repeat(np.arange(len(portion)), own)
        nth = np.arange(len(row)) - np.repeat(np.cumsum(own) - own, own)
        table[row, nth] = numbers[disks.indices[np.repeat(disks.indptr[portion], own) + nth]]
        yield portion, table
        start += len(portion)
