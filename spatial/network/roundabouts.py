"""Roundabouts to one node each: approaches run to the middle, so that a road goes on through it."""

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spatial.network.cutting import led_on
from spatial.network.noding import Noded
from spatial.network.parts import Floats, Ints, Mask, Objects

# Beyond this a ring is a road that comes back to itself, whatever it is called.
MAX_ACROSS_M = 300.0
# What no file calls a roundabout is one if it is this small and this round (1 is a circle, a square 0.79).
_UNTOLD_ACROSS_M = 100.0
_UNTOLD_ROUNDNESS = 0.7
# The two legs of an approach that splits before the ring.
_LEG_M = 150.0
_NOT_ROADS = (
    "service",
    "parking_aisle",
    "driveway",
    "footway",
    "path",
    "cycleway",
    "pedestrian",
    "steps",
    "track",
)


@dataclass(frozen=True)
class Folded:
    """Lines that are no edges any more, and the node that each went into.

    Attributes
    ----------
    line : array of shapely LineString, shape (n,)
    clean : array of int, shape (n,)
    node : array of int, shape (n,)
    """

    line: Objects
    clean: Ints
    node: Ints


def untold_rings(line: Objects, name: Objects, road_class: Objects, is_oneway: Mask) -> Mask:
    """Return which lines are roundabouts though nothing says so: small round unnamed one-way rings."""
    is_ring = shapely.is_closed(line) & (shapely.get_num_coordinates(line) >= 4) & is_oneway
    is_ring &= np.array([value is None for value in name], dtype=np.bool_)
    is_ring &= ~np.isin(road_class.astype(str), _NOT_ROADS)
    found = np.flatnonzero(is_ring)
    if not len(found):
        return np.asarray(is_ring, dtype=np.bool_)
    corners, index = shapely.get_coordinates(line[found], return_index=True)
    area = shapely.area(shapely.polygons(shapely.linearrings(corners, indices=index)))
    across = 2 * shapely.minimum_bounding_radius(line[found])
    roundness = 4 * np.pi * area / shapely.length(line[found]) ** 2
    is_ring[found] = (across <= _UNTOLD_ACROSS_M) & (roundness >= _UNTOLD_ROUNDNESS)
    return np.asarray(is_ring, dtype=np.bool_)


def contracted_roundabouts(
    edges: Noded, is_ring: Mask, travel: Ints, street: Ints
) -> tuple[Noded, Mask, Folded, int]:
    """Return edges led to the middle of roundabouts, which of them stay, what folds, and how many there are.

    Parameters
    ----------
    edges : Noded
    is_ring : array of bool, shape (n_edges,)
        Edges of roundabouts.
    travel : array of int, shape (n_edges,)
        1 where traffic runs along the edge only, -1 against it, 0 both ways.
    street : array of int, shape (n_edges,)
        Number of the street's name, -1 without one.

    Notes
    -----
    What says it is a roundabout but does not close (cut off at the border of the file), has no approach or
    is more than 300 m across stays a road. The two one-way legs of an approach that splits before the ring
    become one.
    """
    n_nodes = len(edges.node)
    group, middle, across = _rings(edges, is_ring)
    onto = np.where(group >= 0, n_nodes + group, np.arange(n_nodes))
    node = np.concatenate([edges.node, middle])
    start, end = onto[edges.start], onto[edges.end]
    is_inside = (start == end) & (start >= n_nodes)
    ring = np.maximum(start - n_nodes, 0)
    size = across[ring] if len(across) else np.zeros(len(start))
    is_inside &= is_ring | (shapely.length(edges.line) <= 1.5 * size)
    moved = Noded(node, start, end, led_on(edges.line, node[start], node[end]), edges.clean)
    at_middle = ~is_inside & (np.maximum(start, end) >= n_nodes)
    is_leg = np.zeros(len(start), dtype=np.bool_)
    is_leg[second_legs(moved, at_middle, travel, street)[1]] = True
    gone = np.flatnonzero(is_inside | is_leg)
    centre = np.where(start[gone] >= n_nodes, start[gone], end[gone])
    folded = Folded(edges.line[gone], edges.clean[gone], centre)
    return moved, ~(is_inside | is_leg), folded, len(middle)


def _rings(edges: Noded, is_ring: Mask) -> tuple[Ints, Floats, Floats]:
    """Return the roundabout that each node lies on (-1: none), and the middle and width of each."""
    n_nodes = len(edges.node)
    ring = np.flatnonzero(is_ring)
    graph = coo_array((np.ones(len(ring)), (edges.start[ring], edges.end[ring])), shape=(n_nodes, n_nodes))
    n_parts, part = connected_components(graph, directed=False)
    part = part.astype(np.int64)
    n_edges = np.bincount(part[edges.start[ring]], minlength=n_parts)
    others = np.flatnonzero(~is_ring)
    approaches = np.bincount(part[np.r_[edges.start[others], edges.end[others]]], minlength=n_parts)
    is_closed = (n_edges >= np.bincount(part, minlength=n_parts)) & (n_edges > 0) & (approaches > 0)
    number = np.where(is_closed, np.cumsum(is_closed) - 1, -1)
    closed = ring[is_closed[part[edges.start[ring]]]]
    of = number[part[edges.start[closed]]]
    order = np.argsort(of, kind="stable")
    whole = np.zeros(0, dtype=object)
    if len(closed):
        whole = np.asarray(shapely.multilinestrings(edges.line[closed[order]], indices=of[order]))
    across = 2 * np.asarray(shapely.minimum_bounding_radius(whole), dtype=np.float64)
    middle = shapely.get_coordinates(shapely.centroid(whole)).reshape(-1, 2)
    fits = across <= MAX_ACROSS_M
    again = np.where(fits, np.cumsum(fits) - 1, -1)
    group = np.where(number[part] >= 0, again[np.maximum(number[part], 0)], -1) if len(fits) else number[part]
    return group, middle[fits], across[fits]


def second_legs(edges: Noded, may: Mask, travel: Ints, street: Ints) -> tuple[Ints, Ints]:
    """Return pairs of one-way edges that run opposite ways between the same two nodes, the shorter one first.

    Parameters
    ----------
    edges : Noded
    may : array of bool, shape (n_edges,)
        Edges that may be one of a pair; long ones never are.
    travel, street : array of int, shape (n_edges,)
        Both edges of a pair have one street, or none.
    """
    length = shapely.length(edges.line)
    low, high = np.minimum(edges.start, edges.end), np.maximum(edges.start, edges.end)
    leg = np.flatnonzero(may & (low != high) & (travel != 0) & (length <= _LEG_M))
    onward = np.where(edges.end[leg] == high[leg], travel[leg], -travel[leg])
    order = np.lexsort((leg, length[leg], street[leg], high[leg], low[leg]))
    leg, onward = leg[order], onward[order]
    one, other = leg[:-1], leg[1:]
    is_pair = (low[one] == low[other]) & (high[one] == high[other]) & (street[one] == street[other])
    is_pair &= onward[:-1] != onward[1:]
    # The second of one pair is not the first of the next.
    is_pair[1:] &= ~is_pair[:-1]
    return one[is_pair], other[is_pair]
