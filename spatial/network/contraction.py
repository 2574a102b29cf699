"""What a driver takes for one road made one line: roundabouts and divided roads, and what folds onto it."""

from dataclasses import dataclass

import numpy as np
import shapely

from spatial.network.carriageways import Traffic, Undivided, undivided
from spatial.network.cleaning import CleanLines
from spatial.network.cutting import cut_lines
from spatial.network.names import normalised_streets
from spatial.network.noding import Noded, renumbered
from spatial.network.pairing import MAX_APART_M
from spatial.network.parts import Floats, Ints, Mask, Objects, RoadLines
from spatial.network.roundabouts import Folded, contracted_roundabouts, untold_rings

# A folded carriageway is cut where another edge becomes the nearest; it is looked at this often.
_STEP_M = 10.0


@dataclass(frozen=True)
class Contracted:
    """Edges, and the lines that folded onto them.

    Attributes
    ----------
    edges : Noded
    is_divided : array of bool, shape (n_edges,)
    aadt : array of float, shape (n_edges,)
    folded_line : array of shapely LineString, shape (n_folded,)
    folded_edge : array of int, shape (n_folded,)
    folded_clean : array of int, shape (n_folded,)
    n_roundabouts : int
    """

    edges: Noded
    is_divided: Mask
    aadt: Floats
    folded_line: Objects
    folded_edge: Ints
    folded_clean: Ints
    n_roundabouts: int


def contracted(edges: Noded, clean: CleanLines, roads: RoadLines) -> Contracted:
    """Return edges with each roundabout as a node and each divided road as one line."""
    road = clean.road[edges.clean]
    travel = roads.oneway[road].astype(np.int64) * np.where(clean.is_flipped[edges.clean], -1, 1)
    street = _streets(roads.name)[road]
    given = clean.road
    is_untold = untold_rings(clean.line, roads.name[given], roads.road_class[given], roads.oneway[given] != 0)
    is_ring = roads.is_roundabout[road] | is_untold[edges.clean]
    edges, stays, inside, n_roundabouts = contracted_roundabouts(edges, is_ring, travel, street)
    edges = edges.where(stays)
    traffic = Traffic(travel[stays], street[stays], clean.aadt[edges.clean])
    whole = undivided(edges, traffic)
    rings = Folded(inside.line, inside.clean, whole.onto[inside.node])
    ring_line, ring_edge, ring_clean = _to_nearest_at(whole.edges, rings)
    stub_line, stub_edge, stub_clean = _to_nearest_at(whole.edges, whole.stubs)
    second_line, second_edge, second_clean = _to_nearest_beside(whole)
    return Contracted(
        renumbered(whole.edges),
        whole.is_divided,
        whole.aadt,
        np.concatenate([ring_line, stub_line, second_line]),
        np.concatenate([ring_edge, stub_edge, second_edge]),
        np.concatenate([ring_clean, stub_clean, second_clean]),
        n_roundabouts,
    )


def _streets(names: Objects) -> Ints:
    """Return a number for each normalised name, -1 without one."""
    normal = normalised_streets(names)
    numbers = {name: number for number, name in enumerate(sorted({n for n in normal if n is not None}))}
    return np.array([-1 if name is None else numbers[name] for name in normal], dtype=np.int64)


def _to_nearest_at(edges: Noded, folded: Folded) -> tuple[Objects, Ints, Ints]:
    """Return folded lines with the nearest one of the edges that meet at the node that each went into."""
    edge = np.r_[np.arange(len(edges.line)), np.arange(len(edges.line))]
    node = np.r_[edges.start, edges.end]
    order = np.argsort(node, kind="stable")
    low, high = (np.searchsorted(node[order], folded.node, side=side) for side in ("left", "right"))
    n = high - low
    row = np.repeat(np.arange(len(folded.node)), n)
    near = edge[order[np.arange(len(row)) - np.repeat(np.cumsum(n) - n, n) + np.repeat(low, n)]]
    middle = np.asarray(shapely.line_interpolate_point(folded.line, 0.5, normalized=True), dtype=object)
    away = shapely.distance(middle[row], edges.line[near])
    best = np.lexsort((near, away, row))
    best = best[np.r_[True, np.diff(row[best]) > 0][: len(best)]]
    return folded.line[row[best]], near[best], folded.clean[row[best]]


def _to_nearest_beside(whole: Undivided) -> tuple[Objects, Ints, Ints]:
    """Return folded carriageways, cut where another edge of the street becomes the nearest one."""
    folded = whole.second
    length = np.asarray(shapely.length(folded.line), dtype=np.float64)
    n = np.maximum(1, np.round(length / _STEP_M)).astype(np.int64)
    row = np.repeat(np.arange(len(n)), n)
    rank = np.arange(len(row)) - np.repeat(np.cumsum(n) - n, n)
    step = (length / n)[row]
    places = np.asarray(shapely.line_interpolate_point(folded.line[row], (rank + 0.5) * step), dtype=object)
    nearest = _nearest_of_street(whole, places, folded.node[row])
    is_change = (row[1:] == row[:-1]) & (nearest[1:] != nearest[:-1])
    at = (rank * step)[1:][is_change]
    lines, parent, _ = cut_lines(folded.line, row[1:][is_change], at)
    is_first = np.r_[True, (row[1:] != row[:-1]) | (nearest[1:] != nearest[:-1])][: len(row)]
    return lines, nearest[is_first], folded.clean[parent]


def _nearest_of_street(whole: Undivided, places: Objects, street: Ints) -> Ints:
    """Return the nearest edge to each place, a divided one of its street if one is near."""
    tree = shapely.STRtree(whole.edges.line)
    row, edge = tree.query(places, predicate="dwithin", distance=2 * MAX_APART_M)
    fits = whole.is_divided[edge] & (whole.street[edge] == street[row])
    row, edge = row[fits], edge[fits]
    away = shapely.distance(whole.edges.line[edge], places[row])
    order = np.lexsort((edge, away, row))
    order = order[np.r_[True, np.diff(row[order]) > 0][: len(order)]]
    nearest = np.full(len(places), -1, dtype=np.int64)
    nearest[row[order]] = edge[order]
    far = np.flatnonzero(nearest < 0)
    if len(far):
        found, hit = tree.query_nearest(places[far], all_matches=False)
        nearest[far[found]] = hit
    return nearest
