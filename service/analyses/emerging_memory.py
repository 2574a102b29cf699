"""What one run of `emerging` leaves for the next, and when it may be used.

Whether a bin changed is seen by its counts, cell by cell, not by what is said of uploads. The answer never
depends on whether there was a memory, to the last byte; progress and log tell that there was.
"""

import logging
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from models.emerging import FEWEST_BINS, Emerging, Kept, emerging, extended, shortened
from models.emerging_kept import refilled, slim
from service.analyses.findings import Progress, Recall
from service.analyses.packed import packed, size_of, unpacked
from service.methods import METHODS
from spatial.grid import Cells
from spatial.neighbors import NeighborIndex, neighbor_index

logger = logging.getLogger(__name__)

#: Arrays that take more than this before they are compressed are not kept: then all is computed anew.
MAX_BYTES = 1 << 30
# Where fewer bins than this share are as they were, taking the others back costs more than it saves.
_LEAST_SAME = 0.5


@dataclass(frozen=True)
class _Remembered:
    cells: Cells
    kept: Kept


def emerging_of(
    counts: npt.NDArray[Any],
    cells: Cells,
    options: Mapping[str, Any],
    *,
    seed: int,
    recall: Recall | None = None,
    progress: Progress = lambda _: None,
) -> Emerging:
    """Return what `models.emerging` finds, from what the run before left where that is of use."""
    index, rng = neighbor_index(cells), np.random.default_rng(seed)
    kept = None if recall is None else _usable(recall(), index, counts, options)
    n_same = 0 if kept is None else _same_bins(kept.cube.counts, counts)
    if kept is None or n_same < max(FEWEST_BINS, _LEAST_SAME * counts.shape[1]):
        progress("testing cells and bins")
        return emerging(counts, index, **options, rng=rng)
    progress(f"testing cells and bins: the first {n_same:,} of {counts.shape[1]:,} bins are as they were")
    logger.info("emerging: %d of %d bins are as they were", n_same, counts.shape[1])
    return extended(shortened(refilled(kept), n_same), counts[:, n_same:], rng=rng)


def memory_of(found: Emerging) -> dict[str, bytes] | None:
    """Return what is left for the next run; None where that could not use it, or it is too large."""
    kept = slim(found.kept)
    if not _is_of_use(kept) or size_of(kept, given=(kept.cube.index,)) > MAX_BYTES:
        return None
    return packed(_Remembered(kept.cube.index.cells, kept), _stamp(), given=(kept.cube.index,))


def _usable(
    parts: Mapping[str, bytes], index: NeighborIndex, counts: npt.NDArray[Any], options: Mapping[str, Any]
) -> Kept | None:
    """Return what was kept of the same cells and parameters; None where there is no such thing."""
    if not parts or counts.dtype.kind not in "iu" or options.get("population") is not None:
        return None
    found = unpacked(parts, _Remembered, _stamp(), given=(index,))
    if found is None or not np.array_equal(found.cells, index.cells):
        return None
    asked = {name: getattr(found.kept.settings, name, None) for name in options}
    return found.kept if asked == dict(options) and _is_of_use(found.kept) else None


def _is_of_use(kept: Kept) -> bool:
    """Return whether a later run saves anything: not so with other than whole numbers or a denominator."""
    return kept.cube.is_counts and kept.p_method in ("exact", "monte-carlo")


def _same_bins(before: npt.NDArray[Any], counts: npt.NDArray[Any]) -> int:
    """Return how many bins from the first on have the same counts; at most all but the last of the new."""
    most: int = min(len(before), counts.shape[1] - 1)
    for t in range(most):
        if not np.array_equal(before[t], counts[:, t]):
            return t
    return most


def _stamp() -> dict[str, str]:
    """Return what must be the same for the last digit of a kept number to be that of a new one."""
    return {
        "method": "emerging",
        "version": METHODS["emerging"].version,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "machine": platform.machine(),
    }
