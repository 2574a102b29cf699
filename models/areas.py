"""Connected significant cells as areas: what a planner can drive to, ranked.

A cell is significant because its disk is; an area reaches up to k cells beyond the incidents that made it so.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameter
from models.rates import relative_risk
from spatial.neighbors import NeighborIndex, connected_components

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Areas:
    """Areas in the order of their rank, and the area of every cell.

    Attributes
    ----------
    labels : array of int, shape (n_cells,)
        Position of each cell's area in the other arrays; -1 for cells in none.
    rank : array of int, shape (n_areas,)
        1, 2, …: hot areas by excess, then cold ones by deficit; ties by the smallest q, then the first cell.
    classes : array of str
        "hot" or "cold".
    peak_cell : array of int
        Position of the cell with the most extreme z.
    n_cells : array of int
    count : array
        Incidents in the area.
    expected : array of float
        What the cells would hold by their number, or by the denominator where one was given.
    excess : array of float
        count - expected; negative in cold areas.
    relative_risk : array of float
        Risk inside over risk outside; NaN without a denominator.
    rr_low, rr_high : array of float
        Its 95 % interval; see `rates.relative_risk`. NaN without a denominator.
    peak_z, min_q : array of float
        At the peak cell; smallest of the area.
    share_of_count, share_of_area : array of float
        Of all incidents (NaN where there are none), and of all cells.
    """

    labels: Integers
    rank: Integers
    classes: NDArray[np.str_]
    peak_cell: Integers
    n_cells: Integers
    count: NDArray[np.int64] | Floats
    expected: Floats
    excess: Floats
    relative_risk: Floats
    rr_low: Floats
    rr_high: Floats
    peak_z: Floats
    min_q: Floats
    share_of_count: Floats
    share_of_area: Floats

    def __len__(self) -> int:
        """Return the number of areas."""
        return len(self.rank)


def areas(
    classes: ArrayLike,
    index: NeighborIndex,
    counts: ArrayLike,
    q: ArrayLike,
    z: ArrayLike,
    *,
    expected: ArrayLike | None = None,
    phi: float = 0.0,
) -> Areas:
    """Return the connected areas of hot cells, and of cold cells, ranked.

    Parameters
    ----------
    classes : array of str, shape (n_cells,)
        "hot", "cold" or "none".
    index : NeighborIndex
    counts, q, z : array, shape (n_cells,)
        Incidents, q-values and z-scores in the order of the index.
    expected : array, shape (n_cells,), optional
        Expected incidents per cell from a denominator; without it every cell expects the mean.
    phi : float
        Dispersion of the cells; widens the interval of the relative risk.

    Raises
    ------
    InvalidParameter
        If an array does not fit the index.

    Examples
    --------
    Two hot cells side by side with 9 + 8 of 18 incidents, where seven cells expect 18/7 each.

    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> index = neighbor_index(disk([0x892A1358B17FFFF], 1))
    >>> counts = [9, 8, 1, 0, 0, 0, 0]
    >>> found = areas(["hot", "hot"] + ["none"] * 5, index, counts, [0.01] * 7, [3, 4, 0, 0, 0, 0, 0])
    >>> found.count.tolist(), found.excess.round(2).tolist(), found.peak_cell.tolist()
    ([17], [11.86], [1])
    """
    x, kinds = np.asarray(counts), np.asarray(classes, dtype=np.str_)
    q_values, z_scores = np.asarray(q, dtype=np.float64), np.asarray(z, dtype=np.float64)
    by_cell = (
        np.full(len(x), x.mean() if len(x) else 0.0) if expected is None else np.asarray(expected, float)
    )
    for array in (x, kinds, q_values, z_scores, by_cell):
        if array.shape != (len(index),):
            raise InvalidParameter(f"one entry for each of {len(index)} cells was needed, got {array.shape}")
    raw, is_hot = _labels(kinds, index)
    n_cells, count = _sums(raw, np.ones(len(x), dtype=np.int64)), _sums(raw, x)
    expectation = _sums(raw, by_cell)
    peak = _peaks(raw, np.where(kinds == "hot", z_scores, -z_scores))
    min_q = np.full(len(is_hot), np.inf)
    np.minimum.at(min_q, raw[raw >= 0], q_values[raw >= 0])
    excess = count - expectation
    # Labels follow the first cell, so a stable sort breaks the last ties by it.
    order = np.lexsort((min_q, np.where(is_hot, -excess, excess), ~is_hot))
    total, total_expected = x.sum(), by_cell.sum()
    risk, low, high = np.full((3, len(order)), np.nan)
    if expected is not None:
        found = relative_risk(
            count,
            expectation,
            float(total),
            total_expected=float(total_expected),
            phi=phi,
            squares=_sums(raw, by_cell**2),
            total_squares=float(by_cell @ by_cell),
        )
        risk, low, high = found.value, found.low, found.high
    return Areas(
        labels=_relabelled(raw, order),
        rank=np.arange(1, len(order) + 1),
        classes=np.where(is_hot, "hot", "cold")[order],
        peak_cell=peak[order],
        n_cells=n_cells[order],
        count=count[order],
        expected=expectation[order],
        excess=excess[order],
        relative_risk=risk[order],
        rr_low=low[order],
        rr_high=high[order],
        peak_z=z_scores[peak[order]],
        min_q=min_q[order],
        share_of_count=(count / total if total else np.full(len(order), np.nan))[order],
        share_of_area=n_cells[order] / max(len(index), 1),
    )


def _labels(classes: NDArray[np.str_], index: NeighborIndex) -> tuple[Integers, NDArray[np.bool_]]:
    """Return a label per cell, hot areas first, and which labels are hot."""
    hot, cold = connected_components(index, classes == "hot"), connected_components(index, classes == "cold")
    n_hot, n_cold = int(hot.max(initial=-1)) + 1, int(cold.max(initial=-1)) + 1
    labels = np.where(hot >= 0, hot, np.where(cold >= 0, cold + n_hot, -1))
    return labels, np.arange(n_hot + n_cold) < n_hot


def _sums(labels: Integers, values: NDArray[Any]) -> NDArray[Any]:
    """Return the sum of the values of each label; integers stay exact."""
    sums = np.zeros(
        int(labels.max(initial=-1)) + 1, dtype=np.float64 if values.dtype.kind == "f" else np.int64
    )
    np.add.at(sums, labels[labels >= 0], values[labels >= 0])
    return sums


def _peaks(labels: Integers, height: Floats) -> Integers:
    """Return the cell of the greatest height in each label, the first of equals."""
    members = np.flatnonzero(labels >= 0)
    order = members[np.lexsort((members, -height[members], labels[members]))]
    return order[np.unique(labels[order], return_index=True)[1]]


def _relabelled(labels: Integers, order: Integers) -> Integers:
    place = np.empty(len(order) + 1, dtype=np.int64)
    place[order] = np.arange(len(order))
    place[-1] = -1  # where a label of -1 looks
    return place[labels]
