"""What published analyses say of places, as evidence that can be put side by side.

One function per method reads a snapshot; every finding stays at its own support, a cell or an area, until it
is looked up for the cells of the one who asks. Nothing is interpolated and nothing is tested here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from data.store import Store
from service.errors import InvalidInputs
from service.snapshots import Snapshot, from_blobs
from spatial.grid import Cells, cells_from_hex, parents, resolutions
from spatial.overlaps import overlaps

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

_VIEW = "responder"
# An area speaks for a cell of which it and its like cover at least so much.
_LEAST_COVERED = 0.5


@dataclass(frozen=True)
class Evidence:
    """What one analysis says, unit by unit: its cells, or the areas that it has tested.

    Attributes
    ----------
    cells, shapes : array, shape (n,)
        Where the units lie: one of the two is there.
    p : array, shape (n,)
        One-sided, small where there is need; NaN where nothing can be said.
    significant : array of bool, shape (n,)
        Whether the unit is significant in its own analysis.
    is_coarse : array of bool, shape (n,)
        Whether what is said of a unit was found for an area larger than it.
    n_independent : float
        Independent places that stand behind the units.
    has_denominator : bool
        Whether it allows for how much there is to be counted in a place: people, locations, its own past.
    notes : list of str
        What a reader must know.
    """

    p: Floats
    significant: Mask
    is_coarse: Mask
    n_independent: float
    cells: Cells | None = None
    shapes: npt.NDArray[np.object_] | None = None
    has_denominator: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def resolution(self) -> int | None:
        """Resolution of the cells; None for areas."""
        return None if self.cells is None or not len(self.cells) else int(resolutions(self.cells[:1])[0])


@dataclass(frozen=True)
class CellEvidence:
    """Evidence as it holds for given cells, and by which rule it came there."""

    p: Floats
    significant: Mask
    is_coarse: Mask
    n_independent: float
    rule: str


@dataclass(frozen=True)
class Source:
    """How the findings of a method are read: from which of its collections, by which function."""

    suffix: str
    read: Callable[[Snapshot], Evidence]


def fault_of(definition: Mapping[str, Any]) -> str | None:
    """Return why an analysis cannot be an input of `priority`, or None where it can."""
    method = definition["method"]
    if method not in SOURCES:
        return f"is of method {method}; needed one of {', '.join(SOURCES)}"
    if definition.get("inputs", {}).get("significant"):
        return "publishes only what is significant; priority needs all of it (significant=false)"
    return None


def evidence_of(store: Store, analysis_id: str, method: str, run: str) -> Evidence:
    """Return what the current run of a published analysis says.

    Raises
    ------
    InvalidInputs
        If it has no places to speak of.
    """
    source = SOURCES[method]
    whole = from_blobs(store.snapshot(analysis_id + source.suffix, _VIEW, run).blobs)
    if whole.geometry_kind is None and "h3" not in whole.columns.column_names:
        raise InvalidInputs(f"inputs: {analysis_id!r} has neither cells nor polygons")
    if not len(whole):
        raise InvalidInputs(f"inputs: {analysis_id!r} has no cells: its run found no place to speak of")
    return source.read(whole)


def of_cells(whole: Snapshot) -> Evidence:
    """Read findings by cell: hotspots, and gaps where they were tested by cell."""
    cells = cells_from_hex(whole.columns["h3"].to_pylist())
    p, notes = _one_sided(whole)
    is_coarse = _texts(whole, "support") == "coarser"
    return Evidence(
        p=p,
        significant=_is_called(whole),
        is_coarse=is_coarse,
        n_independent=_independent_disks(whole, p, is_coarse),
        cells=cells,
        has_denominator=bool(whole.emberline.get("parameters", {}).get("population", True)),
        notes=notes,
    )


def of_cells_or_areas(whole: Snapshot) -> Evidence:
    """Read gaps: by cell, or by the areas of their source where these were tested."""
    if "h3" in whole.columns.column_names and not whole.columns["h3"].null_count:
        return of_cells(whole)
    p, notes = _one_sided(whole)
    shapes = _shapes(whole)
    everywhere = np.ones(len(p), dtype=bool)
    return Evidence(p, _is_called(whole), everywhere, _n_known(p), shapes=shapes, notes=notes)


def of_sewersheds(whole: Snapshot) -> Evidence:
    """Read alarms: per sewershed the strongest of its analytes, paid for having looked at several."""
    p, notes = _one_sided(whole)
    p = np.where(_texts(whole, "state") == "stale", np.nan, p)
    keys, unit = np.unique(_texts(whole, "sewershed"), return_inverse=True)
    first = np.unique(unit, return_index=True)[1]
    shapes = _shapes(whole)[first]
    strongest, n_tested = strongest_of(p, unit, len(keys))
    called = np.zeros(len(keys), dtype=bool)
    np.logical_or.at(called, unit, _is_called(whole) & ~np.isnan(p))
    if without := int(shapely.is_missing(shapes).sum()):
        notes.append(f"{without:,} sewersheds have no polygon and speak of no cell")
    if (n_tested > 1).any():
        notes.append("several analytes: the smallest p of a sewershed, corrected for their number")
    everywhere = np.ones(len(keys), dtype=bool)
    return Evidence(strongest, called, everywhere, _n_known(strongest), shapes=shapes, notes=notes)


#: Methods that can be an input: which of their collections speaks of places, and what reads it.
SOURCES: dict[str, Source] = {
    "hotspots": Source(".cells", of_cells),
    "gaps": Source("", of_cells_or_areas),
    "surveillance": Source("", of_sewersheds),
}


def strongest_of(p: Floats, group: Integers, n_groups: int) -> tuple[Floats, Integers]:
    """Return the smallest p of every group, corrected for the number of tests in it (Šidák), and that number.

    Examples
    --------
    >>> p, n = strongest_of(np.array([0.1, 0.5, np.nan, np.nan]), np.array([0, 0, 0, 1]), 2)
    >>> p.round(2).tolist(), n.tolist()
    ([0.19, nan], [2, 0])
    """
    known = ~np.isnan(p)
    n_tested = np.bincount(group[known], minlength=n_groups)
    smallest = np.ones(n_groups)
    np.minimum.at(smallest, group[known], p[known])
    tested = n_tested > 0
    with np.errstate(divide="ignore"):  # at p = 1 the logarithm is -inf, and the answer 1
        log_missed = n_tested[tested] * np.log1p(-smallest[tested])
    corrected = np.full(n_groups, np.nan)
    corrected[tested] = -np.expm1(log_missed)
    return corrected, n_tested


def on_cells(evidence: Evidence, cells: Cells) -> CellEvidence:
    """Return the evidence as it holds for cells of one resolution.

    A cell finer than the evidence takes over what was found for its parent. A coarser one takes the strongest
    of its children, corrected for their number. Of areas the one speaks that covers most of the cell, if
    areas cover at least half of it.
    """
    if evidence.shapes is not None:
        return _from_areas(evidence, evidence.shapes, cells)
    own = evidence.resolution
    asked = int(resolutions(cells[:1])[0])
    if own is None or evidence.cells is None:
        raise ValueError("evidence needs cells or shapes")
    if own > asked:
        return _from_children(evidence, evidence.cells, cells, asked)
    row = _rows(evidence.cells, cells if own == asked else parents(cells, own))
    rule = "cell" if own == asked else f"finding of the parent at resolution {own}"
    return _looked_up(evidence, row, rule, coarser=own < asked)


def _from_children(evidence: Evidence, children: Cells, cells: Cells, asked: int) -> CellEvidence:
    position = _rows(cells, parents(children, asked))
    inside = position >= 0
    p, _ = strongest_of(evidence.p[inside], position[inside], len(cells))
    known = inside & ~np.isnan(evidence.p)
    significant, is_fine = np.zeros(len(cells), dtype=bool), np.zeros(len(cells), dtype=bool)
    significant[position[known & evidence.significant]] = True
    is_fine[position[known & ~evidence.is_coarse]] = True
    n_independent = min(evidence.n_independent, _n_known(p))
    rule = "smallest p of the children, corrected for their number"
    return CellEvidence(p, significant, ~is_fine & ~np.isnan(p), n_independent, rule)


def _from_areas(evidence: Evidence, shapes: npt.NDArray[np.object_], cells: Cells) -> CellEvidence:
    row = overlaps(shapes, cells).covering(_LEAST_COVERED)
    rule = "finding of the area that covers most of the cell"
    return _looked_up(evidence, row, rule, coarser=True)


def _looked_up(evidence: Evidence, row: Integers, rule: str, *, coarser: bool) -> CellEvidence:
    """Return what was found for the unit of every cell; -1 where there is none."""
    has = row >= 0
    p = np.where(has, evidence.p[row], np.nan)
    known = ~np.isnan(p)
    used = np.unique(row[known])
    # Of the units that are used as many are independent as of all.
    share = len(used) / max(_n_known(evidence.p), 1)
    return CellEvidence(
        p=p,
        significant=known & evidence.significant[row],
        is_coarse=known & (evidence.is_coarse[row] | coarser),
        n_independent=min(evidence.n_independent * share, float(known.sum())),
        rule=rule,
    )


def _rows(sorted_or_not: Cells, sought: Cells) -> Integers:
    """Return where each sought cell stands among the others, -1 where it does not."""
    if not len(sorted_or_not):
        return np.full(len(sought), -1, dtype=np.int64)
    order = np.argsort(sorted_or_not)
    place = np.minimum(np.searchsorted(sorted_or_not, sought, sorter=order), len(order) - 1)
    row = order[place]
    return np.where(sorted_or_not[row] == sought, row, -1)


def _one_sided(whole: Snapshot) -> tuple[Floats, list[str]]:
    """Return p of the side that is asked about: that of need, or of the analysis where it looks for lows."""
    names = whole.columns.column_names
    side = whole.emberline.get("parameters", {}).get("side", "hot")
    notes = []
    if "p" in names:
        p = _numbers(whole, "p")
    else:
        p = _numbers(whole, "q")
        notes.append("no p is published: q stands for it, which understates the evidence")
    if side == "cold":
        notes.append("looks for lows: its evidence is that of lows")
    if side == "both":
        is_high = (
            _numbers(whole, "p_hot") <= _numbers(whole, "p_cold")
            if {"p_hot", "p_cold"} <= set(names)
            else _numbers(whole, "z") >= 0
        )
        p = np.where(is_high, p / 2, 1 - p / 2)
    return p, notes


def _is_called(whole: Snapshot) -> Mask:
    """Return which units are significant on the side of `_one_sided`."""
    side = whole.emberline.get("parameters", {}).get("side", "hot")
    if "alarm" in whole.columns.column_names:
        alarm = np.array([bool(one) for one in whole.columns["alarm"].to_pylist()], dtype=bool)
        return alarm & (_numbers(whole, "z") >= 0) if side == "both" else alarm
    return np.asarray(_texts(whole, "class") == ("cold" if side == "cold" else "hot"), dtype=bool)


def _independent_disks(whole: Snapshot, p: Floats, is_coarse: Mask) -> float:
    """Return how many disks without common cells the tested cells amount to."""
    known = ~np.isnan(p)
    names = whole.columns.column_names
    if "neighbors" in names:
        size = _numbers(whole, "neighbors")
    elif "ring" in names:
        ring = _numbers(whole, "ring")
        size = 1 + 3 * ring * (ring + 1)
    else:
        size = np.ones(len(p))
    fine = known & ~is_coarse
    # Cells that share the finding of one area; where these are not named they share its p too.
    of_area = _texts(whole, "area") if "area" in names else p.astype(str)
    n_areas = len(set(of_area[known & is_coarse].tolist()))
    return float((1 / np.maximum(np.nan_to_num(size[fine], nan=1.0), 1.0)).sum()) + n_areas


def _n_known(p: Floats) -> float:
    return float(np.count_nonzero(~np.isnan(p)))


def _shapes(whole: Snapshot) -> npt.NDArray[np.object_]:
    return np.asarray(shapely.from_wkb(np.array(whole.wkb.to_pylist(), dtype=object)), dtype=object)


def _numbers(whole: Snapshot, name: str) -> Floats:
    """Return a column as numbers, NaN where it is null or not there."""
    if name not in whole.columns.column_names:
        return np.full(len(whole), np.nan)
    # Nulls become NaN on the way to NumPy.
    column = whole.columns[name].cast(pa.float64())
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _texts(whole: Snapshot, name: str) -> npt.NDArray[np.object_]:
    """Return a column as texts, empty where it is null or not there."""
    if name not in whole.columns.column_names:
        return np.full(len(whole), "", dtype=object)
    return np.array([one or "" for one in whole.columns[name].to_pylist()] + [None], dtype=object)[:-1]
