"""Who is near whom on the grid, and sums over disks of cells, for millions of cells at once.

Two routes lead to the same answer. The fast one lays the cells out on a raster of local (i, j)
coordinates, where the disk of a cell is a fixed pattern and its sum a few shifted additions. It holds
wherever the grid is flat. The safe one asks the H3 library for every single disk; it serves the cells
near the twelve pentagons, and whatever the rasters could not place.

How it is known that the grid is flat: cells are placed with their ancestor four resolutions up (2,401
cells, a rigid pattern). A cell is answered by a raster only if its ancestor is no pentagon and not next
to one, and if the ancestors around it lie on the raster exactly where the grid says that they are. No
disk of radius 10 reaches further.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components as connected_in_graph

from spatial.errors import InvalidCells
from spatial.grid import Cells, are_pentagons, children, disk_pairs, local_ij, parents, resolutions

MAX_K = 10
_STEPS_UP = 4
_CODES = 8**_STEPS_UP
_SPACING = 7 ** (_STEPS_UP // 2)
_MAX_CHARTS = 256
_WINDOW = 2048
_SAFE_AT_ONCE = 20_000
_VALUES_AT_ONCE = 1 << 16  # as many as stay in a processor's cache
# The six neighbours in local (i, j), counter-clockwise; turning by 60° sends (i, j) to (i - j, i).
_DIRECTIONS = np.array([(1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1)])

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Chart:
    """A flat piece of the grid, laid out on a raster.

    Attributes
    ----------
    shape : (int, int)
        Rows (j) and columns (i) of the raster, with a margin of 10 empty cells all round.
    placed : array of int64 or slice
        Positions (in the index) of all cells on the raster.
    at : array of int64
        Where each of these stands on the raster, flattened.
    answered : array of bool or None
        Which of these have their whole disk on this raster; None: all of them.
    """

    shape: tuple[int, int]
    placed: Indices | slice
    at: Indices
    answered: Mask | None

    @property
    def rows(self) -> Indices | slice:
        """Positions of the cells that this chart answers for."""
        if self.answered is None or isinstance(self.placed, slice):
            return self.placed
        return self.placed[self.answered]

    @property
    def spots(self) -> Indices:
        """Where the cells that this chart answers for stand on the raster."""
        return self.at if self.answered is None else self.at[self.answered]


@dataclass(frozen=True)
class NeighborIndex:
    """Sorted cells of one resolution, ready for questions about their neighbourhoods.

    Attributes
    ----------
    cells : array of uint64, shape (n,)
    resolution : int
    charts : tuple of Chart
        The fast route; every cell is answered by at most one.
    safe_rows : array of int64
        Positions of the cells that the safe route answers for.
    """

    cells: Cells
    resolution: int
    charts: tuple[Chart, ...]
    safe_rows: Indices

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.cells)


def neighbor_index(cells: ArrayLike, *, safe_only: bool = False) -> NeighborIndex:
    """Return the neighbour index of a study area.

    Parameters
    ----------
    cells : array of uint64, shape (n,)
        Sorted, each once, valid and of one resolution.
    safe_only : bool
        Take the safe route for every cell; for tests of the fast one.

    Raises
    ------
    InvalidCells
        If the cells are not sorted, not unique or of several resolutions.

    Examples
    --------
    >>> from spatial.grid import disk
    >>> index = neighbor_index(disk([0x882A135927FFFFF], 3))
    >>> len(index), disk_sizes(index, 1).max(), int(on_edge(index, 1).sum())
    (37, np.int32(7), 18)
    """
    found = np.ascontiguousarray(cells, dtype=np.uint64)
    if not found.size:
        return NeighborIndex(found, 0, (), np.empty(0, dtype=np.int64))
    if not (found[1:] > found[:-1]).all():
        raise InvalidCells("sorted cells, each once, were needed")
    kinds = resolutions(found)
    if kinds.min() != kinds.max():
        raise InvalidCells(f"cells of one resolution were needed, got {kinds.min()} to {kinds.max()}")
    resolution = int(kinds[0])
    if safe_only or resolution < _STEPS_UP:
        return NeighborIndex(found, resolution, (), np.arange(len(found)))
    charts, safe_rows = _charts(found, resolution)
    return NeighborIndex(found, resolution, charts, safe_rows)


def disk_sums(index: NeighborIndex, values: ArrayLike, k: int) -> NDArray[np.int64] | NDArray[np.float64]:
    """Return the sum of the values over the disk of every cell, itself included.

    Parameters
    ----------
    index : NeighborIndex
    values : array, shape (n,)
        In the order of the index; cells outside it count nothing.
    k : int
        Radius of the disk in steps, 0 to 10.

    Returns
    -------
    array, shape (n,)
        int64 and exact for integer values, else float64.

    Examples
    --------
    >>> from spatial.grid import disk
    >>> index = neighbor_index(disk([0x882A135927FFFFF], 1))
    >>> sorted(disk_sums(index, np.arange(7), 1).tolist())[-1]
    21
    """
    _require_k(k)
    numbers = _numbers(index, values)
    work = _working_copy(numbers, k)
    sums = np.empty(len(index), dtype=numbers.dtype)
    for chart in index.charts:
        sums[chart.rows] = _raster_disk_sums(_raster(chart, work), chart.shape[1], k)[chart.spots]
    for rows, row_of, members, _ in _safe_disks(index, k):
        sums[rows] = _sums_by_row(row_of, numbers[members], len(rows))
    return sums


def disk_sizes(index: NeighborIndex, k: int) -> NDArray[np.int32]:
    """Return how many cells of the index lie in the disk of every cell, itself included.

    Examples
    --------
    >>> from spatial.grid import disk
    >>> sorted(disk_sizes(neighbor_index(disk([0x882A135927FFFFF], 1)), 1).tolist())
    [4, 4, 4, 4, 4, 4, 7]
    """
    _require_k(k)
    sizes = np.empty(len(index), dtype=np.int32)
    for chart in index.charts:
        raster = np.zeros(chart.shape[0] * chart.shape[1], dtype=np.int16)
        raster[chart.at] = 1
        sizes[chart.rows] = _raster_disk_sums(raster, chart.shape[1], k)[chart.spots]
    for rows, row_of, _, _ in _safe_disks(index, k):
        sizes[rows] = np.bincount(row_of, minlength=len(rows))
    return sizes


def on_edge(index: NeighborIndex, k: int) -> Mask:
    """Return whether a cell of the full disk lies outside the index.

    Examples
    --------
    >>> from spatial.grid import disk
    >>> int(on_edge(neighbor_index(disk([0x882A135927FFFFF], 1)), 1).sum())
    6
    """
    return disk_sizes(index, k) < full_disk_sizes(index, k)


def full_disk_sizes(index: NeighborIndex, k: int) -> NDArray[np.int32]:
    """Return the size of every full disk: 1 + 3k(k + 1), less where it holds a pentagon.

    Examples
    --------
    >>> full_disk_sizes(neighbor_index([0x8009FFFFFFFFFFF]), 2).tolist()
    [16]
    """
    _require_k(k)
    sizes = np.full(len(index), 1 + 3 * k * (k + 1), dtype=np.int32)
    for start in range(0, len(index.safe_rows), _SAFE_AT_ONCE):
        rows = index.safe_rows[start : start + _SAFE_AT_ONCE]
        sizes[rows] = np.bincount(disk_pairs(index.cells[rows], k)[0], minlength=len(rows))
    return sizes


def ring_sums(index: NeighborIndex, values: ArrayLike, k: int) -> NDArray[np.int64] | NDArray[np.float64]:
    """Return the sums over the rings at 0, 1, … k steps from every cell.

    Parameters
    ----------
    index : NeighborIndex
    values : array, shape (n,)
    k : int
        Outermost ring, 0 to 10.

    Returns
    -------
    array, shape (k + 1, n)
        int64 and exact for integer values, else float64. Row 0 holds the values themselves.

    Examples
    --------
    >>> from spatial.grid import disk
    >>> ring_sums(neighbor_index(disk([0x882A135927FFFFF], 2)), np.ones(19), 2).max(axis=1).tolist()
    [1.0, 6.0, 12.0]
    """
    _require_k(k)
    numbers = _numbers(index, values)
    work = _working_copy(numbers, k)
    sums = np.empty((k + 1, len(index)), dtype=numbers.dtype)
    for chart in index.charts:
        raster = _raster(chart, work)
        for step in range(k + 1):
            sums[step, chart.rows] = _raster_ring_sums(raster, chart.shape[1], step)[chart.spots]
    for rows, row_of, members, steps in _safe_disks(index, k):
        for step in range(k + 1):
            here = steps == step
            sums[step, rows] = _sums_by_row(row_of[here], numbers[members[here]], len(rows))
    return sums


def disk_values(
    index: NeighborIndex, values: ArrayLike, rows: ArrayLike, k: int
) -> Iterator[tuple[Indices, NDArray[np.float64]]]:
    """Yield the values in the disks of some cells, each disk a row of an array, in portions.

    Parameters
    ----------
    index : NeighborIndex
    values : array, shape (n,)
        In the order of the index.
    rows : array of int, shape (m,)
        Positions of the cells that are asked about.
    k : int
        Radius of the disk in steps, 0 to 10.

    Yields
    ------
    rows : array of int64
        The positions that this portion answers; each of those asked for comes once.
    values : array of float64, shape (rows of the portion, 1 + 3k(k + 1))
        The values of the disk, in no particular order; 0 where a cell lies outside the index.

    Examples
    --------
    >>> from spatial.grid import disk
    >>> index = neighbor_index(disk([0x882A135927FFFFF], 1))
    >>> rows, found = next(disk_values(index, np.arange(1.0, 8.0), [0, 3], 1))
    >>> rows.tolist(), (found > 0).sum(axis=1).tolist(), found[1].sum()
    ([0, 3], [4, 7], np.float64(28.0))
    """
    _require_k(k)
    numbers = _numbers(index, values).astype(np.float64, copy=False)
    wanted = np.zeros(len(index), dtype=bool)
    wanted[np.asarray(rows, dtype=np.int64)] = True
    positions = np.arange(len(index))
    at_once = max(_VALUES_AT_ONCE // (1 + 3 * k * (k + 1)), 1)
    for chart in index.charts:
        raster = _raster(chart, numbers)
        offsets = [i + j * chart.shape[1] for step in range(k + 1) for i, j in _ring_offsets(step)]
        chosen = wanted[chart.rows]
        at, spots = positions[chart.rows][chosen], chart.spots[chosen]
        for start in range(0, len(at), at_once):
            portion = slice(start, start + at_once)
            yield at[portion], raster[spots[portion, None] + np.array(offsets)]
    for found, row_of, members, _ in _safe_disks(index, k, wanted):
        table = np.zeros((len(found), 1 + 3 * k * (k + 1)))
        table[row_of, np.arange(len(row_of)) - np.searchsorted(row_of, row_of)] = numbers[members]
        yield found, table


def neighbor_pairs(index: NeighborIndex, k: int, *, mask: ArrayLike | None = None) -> tuple[Indices, Indices]:
    """Return all (cell, member of its disk) pairs as positions, itself included, sorted.

    Parameters
    ----------
    index : NeighborIndex
    k : int
        Radius of the disk in steps, 0 to 10.
    mask : array of bool, shape (n,), optional
        Only pairs of which both cells are in the mask.

    Returns
    -------
    rows, cols : arrays of int64
        Ordered by row, then by column.

    Examples
    --------
    >>> from spatial.grid import disk
    >>> rows, cols = neighbor_pairs(neighbor_index(disk([0x882A135927FFFFF], 1)), 1)
    >>> len(rows), np.bincount(rows).tolist()
    (31, [4, 4, 4, 7, 4, 4, 4])
    """
    _require_k(k)
    wanted = np.ones(len(index), dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    found = [_raster_pairs(chart, wanted, k) for chart in index.charts]
    for rows, row_of, members, _ in _safe_disks(index, k, wanted):
        found.append((rows[row_of], members))
    empty = np.empty(0, dtype=np.int64)
    rows = np.concatenate([empty, *(pair[0] for pair in found)])
    cols = np.concatenate([empty, *(pair[1] for pair in found)])
    both = wanted[cols]
    rows, cols = rows[both], cols[both]
    order = np.argsort(rows * len(index) + cols)
    return rows[order], cols[order]


def connected_components(index: NeighborIndex, mask: ArrayLike) -> Indices:
    """Return a label for every connected group of marked cells.

    Returns
    -------
    array of int64, shape (n,)
        0, 1, … in the order of each group's first cell; -1 where the mask is False.

    Examples
    --------
    >>> from spatial.grid import disk
    >>> index = neighbor_index(disk([0x882A135927FFFFF], 2))
    >>> corners = disk_sizes(index, 1) == 4
    >>> connected_components(index, corners)[corners].tolist()
    [0, 1, 2, 3, 4, 5]
    """
    wanted = np.asarray(mask, dtype=bool)
    labels = np.full(len(index), -1, dtype=np.int64)
    marked = np.flatnonzero(wanted)
    if not len(marked):
        return labels
    number = np.cumsum(wanted) - 1
    rows, cols = neighbor_pairs(index, 1, mask=wanted)
    graph = coo_array(
        (np.ones(len(rows), dtype=bool), (number[rows], number[cols])), shape=(len(marked),) * 2
    )
    found = connected_in_graph(graph, directed=False)[1]
    _, first, which = np.unique(found, return_index=True, return_inverse=True)
    labels[marked] = np.argsort(np.argsort(first))[which]
    return labels


@dataclass(frozen=True)
class _Blocks:
    """The ancestors ("blocks") of the cells: which cells are theirs, and which blocks touch."""

    cells: Cells
    starts: Indices
    sizes: Indices
    links: tuple[Indices, Indices]
    is_far_from_pentagons: Mask


@dataclass(frozen=True)
class _Layout:
    """Where blocks lie around an anchor: centre in fine (i, j), and sixths of a turn of their pattern."""

    i: Indices
    j: Indices
    turns: Indices
    is_placed: Mask


def _charts(cells: Cells, resolution: int) -> tuple[tuple[Chart, ...], Indices]:
    """Return rasters for as many cells as can be placed safely, and the positions of the rest."""
    blocks = _blocks(cells, resolution)
    waiting = blocks.is_far_from_pentagons.copy()
    charts: list[Chart] = []
    while waiting.any() and len(charts) < _MAX_CHARTS:
        candidates = np.flatnonzero(waiting)
        anchor = int(candidates[len(candidates) // 2])
        layout = _layout(blocks, waiting, anchor, resolution)
        answered = _lies_as_on_the_grid(blocks, layout) & waiting
        if answered.any():
            charts.append(_chart(cells, blocks, layout, answered, resolution))
        waiting &= ~answered
        waiting[anchor] = False
    is_left = np.ones(len(cells), dtype=bool)
    for chart in charts:
        is_left[chart.rows] = False
    return tuple(charts), np.flatnonzero(is_left)


def _blocks(cells: Cells, resolution: int) -> _Blocks:
    of_cell = parents(cells, resolution - _STEPS_UP)
    starts = np.flatnonzero(np.concatenate([[True], of_cell[1:] != of_cell[:-1]]))
    blocks = of_cell[starts]
    rows, members, steps = disk_pairs(blocks, 1)
    is_far = np.bincount(rows, weights=are_pentagons(members), minlength=len(blocks)) == 0
    cols = _positions(blocks, members)
    linked = (cols >= 0) & (steps == 1)
    sizes = np.diff(np.append(starts, len(cells)))
    return _Blocks(blocks, starts, sizes, (rows[linked], cols[linked]), is_far)


def _layout(blocks: _Blocks, waiting: Mask, anchor: int, resolution: int) -> _Layout:
    """Place the waiting blocks, and those that touch them, around the anchor."""
    is_needed = waiting.copy()
    is_needed[blocks.links[1][waiting[blocks.links[0]]]] = True
    needed = np.flatnonzero(is_needed)
    middles = _first_descendants(blocks.cells[needed], resolution)
    pointers = middles | np.uint64(2 << 3 * (15 - resolution))
    origin = int(_first_descendants(blocks.cells[anchor : anchor + 1], resolution)[0])
    i, j, known = local_ij(np.concatenate([middles, pointers]), origin)
    n = len(needed)
    i_step, j_step = i[n:] - i[:n], j[n:] - j[:n]
    turns = np.argmax((i_step[:, None] == _DIRECTIONS[:, 0]) & (j_step[:, None] == _DIRECTIONS[:, 1]), axis=1)
    points_somewhere = (_DIRECTIONS[turns] == np.stack([i_step, j_step], axis=1)).all(axis=1)
    own = int(np.searchsorted(needed, anchor))
    i, j = i[:n] - i[own], j[:n] - j[own]
    is_placed = known[:n] & known[n:] & points_somewhere & (i % _SPACING == 0) & (j % _SPACING == 0)
    is_placed &= _in_window(i, j, is_placed, int(blocks.sizes[needed].sum()))
    is_placed &= _is_alone(i, j, is_placed)
    zeros = np.zeros((3, len(blocks.cells)), dtype=np.int64)
    layout = _Layout(zeros[0], zeros[1], zeros[2], is_needed)
    layout.i[needed], layout.j[needed], layout.turns[needed] = i, j, turns
    layout.is_placed[needed] = is_placed
    return layout


def _in_window(i: Indices, j: Indices, is_placed: Mask, n_cells: int) -> Mask:
    """Keep to a window around the anchor where the raster of everything would be mostly empty."""
    if not is_placed.any():
        return is_placed
    spread = (np.ptp(i[is_placed]) + _SPACING) * (np.ptp(j[is_placed]) + _SPACING)
    if spread <= 16 * n_cells + _WINDOW**2:
        return is_placed
    return (np.abs(i) < _WINDOW // 2) & (np.abs(j) < _WINDOW // 2)


def _is_alone(i: Indices, j: Indices, is_placed: Mask) -> Mask:
    """Return which blocks share their place with no other placed block."""
    counts: Indices
    _, which, counts = np.unique(_keys(i, j), return_inverse=True, return_counts=True)
    if len(counts) == len(i):
        return np.ones(len(i), dtype=bool)
    n_placed = np.bincount(which, weights=is_placed)
    return np.isin(which, np.flatnonzero(n_placed <= 1))


def _lies_as_on_the_grid(blocks: _Blocks, layout: _Layout) -> Mask:
    """Return which blocks have exactly their true neighbours around them in the layout."""
    rows, cols = blocks.links
    i_step, j_step = layout.i[cols] - layout.i[rows], layout.j[cols] - layout.j[rows]
    touches = (np.abs(i_step) <= _SPACING) & (np.abs(j_step) <= _SPACING)
    touches &= np.abs(i_step - j_step) <= _SPACING
    touches &= layout.is_placed[rows] & layout.is_placed[cols]
    n_misplaced = np.bincount(rows[~touches], minlength=len(blocks.cells))
    n_true = np.bincount(rows, minlength=len(blocks.cells))
    placed_keys = np.sort(_keys(layout.i, layout.j)[layout.is_placed])
    n_found = np.zeros(len(blocks.cells), dtype=np.int64)
    for i_step, j_step in _DIRECTIONS * _SPACING:
        n_found += _positions(placed_keys, _keys(layout.i + i_step, layout.j + j_step)) >= 0
    is_true: Mask = layout.is_placed & (n_misplaced == 0) & (n_found == n_true)
    return is_true


def _chart(cells: Cells, blocks: _Blocks, layout: _Layout, answered: Mask, resolution: int) -> Chart:
    """Lay the answered blocks, and those that touch them, out on a raster."""
    is_on_it = answered.copy()
    is_on_it[blocks.links[1][answered[blocks.links[0]]]] = True
    chosen = np.flatnonzero(is_on_it)
    pattern_i, pattern_j = _pattern(resolution)
    margin = int(max(np.abs(pattern_i).max(), np.abs(pattern_j).max())) + MAX_K
    i, j, sizes = layout.i[chosen], layout.j[chosen], blocks.sizes[chosen]
    i, j = i - i.min() + margin, j - j.min() + margin
    height, width = int(j.max()) + margin + 1, int(i.max()) + margin + 1
    all_placed = len(chosen) == len(blocks.cells)
    placed = slice(None) if all_placed else _ranges(blocks.starts[chosen], sizes)
    codes = (cells[placed] >> np.uint64(3 * (15 - resolution))).astype(np.int64) & (_CODES - 1)
    codes += np.repeat(layout.turns[chosen] * _CODES, sizes)
    at = (pattern_j * width + pattern_i).ravel()[codes] + np.repeat(j * width + i, sizes)
    if answered[chosen].all():
        return Chart((height, width), placed, at, None)
    rows = _ranges(blocks.starts[chosen], sizes)
    return Chart((height, width), rows, at, np.repeat(answered[chosen], sizes))


@cache
def _pattern(resolution: int) -> tuple[Indices, Indices]:
    """Return (i, j) of a block's descendants from its middle, by sixths of a turn and by their last digits.

    With no turn, the middle's neighbour of digit 2 lies in the first of the directions.
    """
    block = np.array([1 << 59 | (resolution - _STEPS_UP) << 52 | (1 << 3 * (19 - resolution)) - 1], np.uint64)
    members = children(block, resolution)
    codes = (members >> np.uint64(3 * (15 - resolution))).astype(np.int64) & (_CODES - 1)
    i, j = np.zeros((2, 6, _CODES), dtype=np.int64)
    i[0, codes], j[0, codes], _ = local_ij(members, int(_first_descendants(block, resolution)[0]))
    i[0, codes] -= i[0, 0]
    j[0, codes] -= j[0, 0]
    first = int(np.flatnonzero((_DIRECTIONS == [i[0, 2], j[0, 2]]).all(axis=1))[0])
    for _ in range(-first % 6):
        i[0], j[0] = i[0] - j[0], i[0].copy()
    for turn in range(1, 6):
        i[turn], j[turn] = i[turn - 1] - j[turn - 1], i[turn - 1]
    return i, j


def _first_descendants(blocks: Cells, resolution: int) -> Cells:
    """Return the middle descendant of every block: the one whose further digits are 0."""
    raised = blocks + np.uint64(_STEPS_UP << 52)
    return raised & ~np.uint64((_CODES - 1) << 3 * (15 - resolution))


def _raster(chart: Chart, values: NDArray[Any]) -> NDArray[Any]:
    raster = np.zeros(chart.shape[0] * chart.shape[1], dtype=values.dtype)
    raster[chart.at] = values[chart.placed]
    return raster


def _raster_disk_sums(raster: NDArray[Any], width: int, k: int) -> NDArray[Any]:
    """Sum over |i| <= k, |j| <= k, |i - j| <= k: one run of 2k + 1 - |j| values for every raster row j."""
    n, margin = len(raster), k * (width + 1)
    total = np.zeros_like(raster)
    run = raster.copy()
    for length in range(1, 2 * k + 2):
        if length > 1:
            run[: n - length + 1] += raster[length - 1 :]
        for j in sorted({2 * k + 1 - length, length - 2 * k - 1}):
            if abs(j) <= k:
                shift = j * width + max(j, 0) - k
                total[margin : n - margin] += run[margin + shift : n - margin + shift]
    return total


def _raster_ring_sums(raster: NDArray[Any], width: int, step: int) -> NDArray[Any]:
    """Sum over the cells at exactly `step` steps."""
    n, margin = len(raster), step * (width + 1)
    total = np.zeros_like(raster)
    for i, j in _ring_offsets(step):
        shift = j * width + i
        total[margin : n - margin] += raster[margin + shift : n - margin + shift]
    return total


def _ring_offsets(step: int) -> list[tuple[int, int]]:
    span = range(-step, step + 1)
    return [(i, j) for j in span for i in span if max(abs(i), abs(j), abs(i - j)) == step]


def _raster_pairs(chart: Chart, wanted: Mask, k: int) -> tuple[Indices, Indices]:
    positions = np.arange(len(wanted))
    ids = np.full(chart.shape[0] * chart.shape[1], -1, dtype=np.int64)
    ids[chart.at] = positions[chart.placed]
    chosen = wanted[chart.rows]
    rows, spots = positions[chart.rows][chosen], chart.spots[chosen]
    offsets = [i + j * chart.shape[1] for step in range(k + 1) for i, j in _ring_offsets(step)]
    found = [(rows, ids[spots + offset]) for offset in offsets]
    members = np.concatenate([cols for _, cols in found])
    return np.concatenate([pair[0] for pair in found])[members >= 0], members[members >= 0]


def _safe_disks(
    index: NeighborIndex, k: int, wanted: Mask | None = None
) -> Iterator[tuple[Indices, Indices, Indices, NDArray[np.int32]]]:
    """Yield (rows, row within these, member, steps) for the cells that no chart answers for, in portions."""
    safe_rows = index.safe_rows if wanted is None else index.safe_rows[wanted[index.safe_rows]]
    for start in range(0, len(safe_rows), _SAFE_AT_ONCE):
        rows = safe_rows[start : start + _SAFE_AT_ONCE]
        row_of, members, steps = disk_pairs(index.cells[rows], k)
        cols = _positions(index.cells, members)
        inside = cols >= 0
        yield rows, row_of[inside], cols[inside], steps[inside]


def _sums_by_row(row_of: Indices, values: NDArray[Any], n_rows: int) -> NDArray[Any]:
    """Sum values by row; exact for integers of any size."""
    sums = np.zeros(n_rows, dtype=values.dtype)
    np.add.at(sums, row_of, values)
    return sums


def _positions(haystack: NDArray[Any], needles: NDArray[Any]) -> Indices:
    """Return where each needle stands in a sorted array, -1 where it does not."""
    if not len(haystack):
        return np.full(len(needles), -1)
    found = np.minimum(np.searchsorted(haystack, needles), len(haystack) - 1)
    return np.where(haystack[found] == needles, found, -1)


def _ranges(starts: Indices, sizes: Indices) -> Indices:
    """Return all positions of several ranges, one after the other."""
    ends = np.cumsum(sizes)
    return np.repeat(starts - (ends - sizes), sizes) + np.arange(int(ends[-1]))


def _keys(i: Indices, j: Indices) -> Indices:
    return (i << 32) + j


def _numbers(index: NeighborIndex, values: ArrayLike) -> NDArray[Any]:
    numbers = np.asarray(values)
    if numbers.shape != (len(index),):
        raise InvalidCells(f"one value for each of {len(index)} cells was needed, got shape {numbers.shape}")
    return numbers.astype(np.float64 if numbers.dtype.kind == "f" else np.int64, copy=False)


def _working_copy(numbers: NDArray[Any], k: int) -> NDArray[Any]:
    """Return integers in the narrowest type that holds every disk sum: half the bytes, half the time."""
    if numbers.dtype.kind == "f" or not len(numbers):
        return numbers
    largest = int(max(numbers.max(), -numbers.min())) * (1 + 3 * k * (k + 1))
    fitting = next(kind for kind in (np.int16, np.int32, np.int64) if largest <= np.iinfo(kind).max)
    return numbers.astype(fitting)


def _require_k(k: int) -> None:
    if not 0 <= k <= MAX_K:
        raise InvalidCells(f"a disk radius k between 0 and {MAX_K} was needed, got {k}")
