"""Sums over disks that grow ring by ring, for many maps over the same cells.

A scan asks for the disks of every radius up to k around every cell, a thousand times over. On a raster of
local (i, j) coordinates a ring of radius r consists of six straight sides of r cells, and the sums over all
runs of r cells come from those over r - 1 by one addition for each of the three axes: nine additions per
radius, whatever the radius. Where no raster holds (near pentagons) lists of cell pairs take its place.

The maps are stacked; a sheet is one piece of the study area on which they grow together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from spatial.errors import InvalidCells, InvalidValues
from spatial.grid import disk_pairs
from spatial.neighbors import MAX_K, Chart, Indices, NeighborIndex

Numbers = NDArray[Any]


class Sheet(Protocol):
    """A piece of the study area; every cell is answered by exactly one sheet."""

    @property
    def rows(self) -> Indices:
        """Positions (in the index) of the cells that this sheet answers for."""

    @property
    def places(self) -> Indices:
        """Where these cells stand in the sums, along their last axis."""

    @property
    def size(self) -> int:
        """Length of the last axis of the sums."""

    def grow(self, maps: Numbers) -> Iterator[Numbers]:
        """Yield the disk sums of radius 0, 1, … of stacked maps.

        Parameters
        ----------
        maps : array, shape (m, n)
            Values in the order of the index. The sums have their type: it has to hold the largest of them.

        Yields
        ------
        array, shape (m, size)
            Good until the next is asked for; places of no cell hold anything.
        """


@dataclass(frozen=True)
class RasterSheet:
    """Cells on a raster, stored row after row with k empty columns and k + 1 empty rows behind.

    Attributes
    ----------
    rows, places : arrays of int64, shape (a,)
        The cells that are answered, and where they stand on the raster.
    placed, at : arrays of int64, shape (b,)
        All cells that lie on the raster, and where.
    width, height, k : int
    """

    rows: Indices
    places: Indices
    placed: Indices
    at: Indices
    width: int
    height: int
    k: int

    @property
    def size(self) -> int:
        """Places of one map."""
        return self.width * self.height

    def grow(self, maps: Numbers) -> Iterator[Numbers]:
        """Yield the disk sums of radius 0, 1, … k of stacked maps; see `Sheet`."""
        lead, n = self.k * (self.width + 1), len(maps) * self.size
        values = np.zeros(lead + n + lead, dtype=maps.dtype)
        values[lead : lead + n].reshape(len(maps), self.size)[:, self.at] = maps[:, self.placed]
        sums = values[lead : lead + n].copy()
        yield sums.reshape(len(maps), self.size)
        steps = (1, self.width, self.width + 1)  # the axes i, j and i = j
        runs = [values.copy() for _ in steps]
        for radius in range(1, self.k + 1):
            if radius > 1:
                for run, step in zip(runs, steps, strict=True):
                    run[: -(radius - 1) * step] += values[(radius - 1) * step :]
            for axis, start in _sides(radius, self.width):
                sums += runs[axis][lead + start : lead + start + n]
            yield sums.reshape(len(maps), self.size)


@dataclass(frozen=True)
class PairSheet:
    """Cells whose rings are listed one by one.

    Attributes
    ----------
    rows : array of int64, shape (a,)
    rings : tuple of sparse arrays, each of shape (a, n)
        Ones where a cell lies at 0, 1, … k steps.
    """

    rows: Indices
    rings: tuple[csr_array, ...]

    @property
    def places(self) -> Indices:
        """Where the cells stand in the sums: in the order of `rows`."""
        return np.arange(len(self.rows))

    @property
    def size(self) -> int:
        """Cells answered."""
        return len(self.rows)

    def grow(self, maps: Numbers) -> Iterator[Numbers]:
        """Yield the disk sums of radius 0, 1, … k of stacked maps; see `Sheet`."""
        columns = np.ascontiguousarray(maps.T)
        sums = np.zeros((len(maps), self.size), dtype=maps.dtype)
        for ring in self.rings:
            sums += (ring @ columns).T.astype(maps.dtype, copy=False)
            yield sums


def disk_sheets(index: NeighborIndex, k: int) -> tuple[Sheet, ...]:
    """Return the sheets of a study area, for disks up to radius k.

    Parameters
    ----------
    index : NeighborIndex
    k : int
        Largest radius in steps, 0 to 10.

    Raises
    ------
    InvalidCells
        If k is outside its range.

    Examples
    --------
    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> sheet, = disk_sheets(neighbor_index(disk([0x882A135927FFFFF], 1)), 1)
    >>> [sums[0, sheet.places].tolist() for sums in sheet.grow(np.ones((1, 7), dtype=np.int16))]
    [[1, 1, 1, 1, 1, 1, 1], [4, 4, 4, 7, 4, 4, 4]]
    """
    if not 0 <= k <= MAX_K:
        raise InvalidCells(f"a disk radius k between 0 and {MAX_K} was needed, got {k}")
    sheets: list[Sheet] = []
    for chart in index.charts:
        sheets += _raster_sheets(chart, len(index), k)
    if len(index.safe_rows):
        sheets.append(_pair_sheet(index, k))
    return tuple(sheets)


def growing_disk_sums(index: NeighborIndex, values: ArrayLike, k: int) -> NDArray[Any]:
    """Return the sums over the disks of radius 0, 1, … k around every cell, itself included.

    Parameters
    ----------
    index : NeighborIndex
    values : array, shape (n,)
        In the order of the index; cells outside it count nothing.
    k : int
        Largest radius in steps, 0 to 10.

    Returns
    -------
    array, shape (k + 1, n)
        int64 for integer values, else float64.

    Raises
    ------
    InvalidValues
        If there is not one value for each cell.

    Examples
    --------
    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> growing_disk_sums(neighbor_index(disk([0x882A135927FFFFF], 2)), np.ones(19), 2).max(axis=1).tolist()
    [1.0, 7.0, 19.0]
    """
    numbers = np.asarray(values)
    if numbers.shape != (len(index),):
        raise InvalidValues(f"one value for each of {len(index)} cells was needed, got shape {numbers.shape}")
    numbers = numbers.astype(np.float64 if numbers.dtype.kind == "f" else np.int64, copy=False)
    found = np.empty((k + 1, len(index)), dtype=numbers.dtype)
    for sheet in disk_sheets(index, k):
        for radius, sums in enumerate(sheet.grow(numbers[None])):
            found[radius, sheet.rows] = sums[0, sheet.places]
    return found


def _sides(radius: int, width: int) -> tuple[tuple[int, int], ...]:
    """Return the six sides of a ring: the axis they run along, and where they start on the raster.

    The corners are `radius` times the six directions; each belongs to one side.
    """
    i, j, both = 1, width, width + 1
    return (
        (1, radius * i),
        (0, radius * j + i),
        (2, -radius * i + both),
        (1, -radius * both + j),
        (0, -radius * both),
        (2, -radius * j),
    )


def _raster_sheets(chart: Chart, n_cells: int, k: int) -> list[Sheet]:
    """Return the rasters of a chart, cut down to what they hold."""
    positions = np.arange(n_cells)[chart.placed]
    answered = np.ones(len(chart.at), dtype=bool) if chart.answered is None else chart.answered
    j, i = np.divmod(chart.at, chart.shape[1])
    islands = [own for own in _islands(i, j, k) if answered[own].any()]
    return [_raster_sheet(i[own], j[own], positions[own], answered[own], k) for own in islands]


def _raster_sheet(i: Indices, j: Indices, positions: Indices, answered: NDArray[np.bool_], k: int) -> Sheet:
    i, j = i - i.min(), j - j.min()
    width, height = int(i.max()) + 1 + max(k, 1), int(j.max()) + 2 + k
    at = j * width + i
    return RasterSheet(positions[answered], at[answered], positions, at, width, height, k)


def _islands(i: Indices, j: Indices, k: int) -> list[Indices]:
    """Part the cells of a chart along empty bands that no disk bridges: no raster is needed for the sea."""
    waiting, found = [np.arange(len(i))], []
    while waiting:
        group = waiting.pop()
        parts = next((p for p in (_parted(axis, group, k) for axis in (j, i)) if len(p) > 1), None)
        if parts is None:
            found.append(group)
        else:
            waiting += parts
    return sorted(found, key=lambda group: int(group[0]))


def _parted(axis: Indices, group: Indices, k: int) -> list[Indices]:
    """Part a group wherever neighbours along an axis are more than k steps apart."""
    taken = np.unique(axis[group])
    cuts = taken[1:][np.diff(taken) > k]
    if not len(cuts):
        return [group]
    which = np.searchsorted(cuts, axis[group], side="right")
    return [group[which == part] for part in range(len(cuts) + 1)]


def _pair_sheet(index: NeighborIndex, k: int) -> Sheet:
    row_of, members, steps = disk_pairs(index.cells[index.safe_rows], k)
    cols = np.minimum(np.searchsorted(index.cells, members), len(index) - 1)
    inside = index.cells[cols] == members
    shape = (len(index.safe_rows), len(index))
    rings = []
    for step in range(k + 1):
        here = inside & (steps == step)
        ones = np.ones(int(here.sum()), dtype=np.int16)
        rings.append(csr_array((ones, (row_of[here], cols[here])), shape=shape))
    return PairSheet(index.safe_rows, tuple(rings))
