"""What a network of roads is made of, from lines as given to the short pieces that incidents are counted on.

All coordinates are metres of one local plane (`spatial.local_plane`). Arrays of one class have one length.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Objects = NDArray[np.object_]


@dataclass(frozen=True)
class RoadLines:
    """Lines of roads as a file gives them.

    Attributes
    ----------
    line : array of shapely LineString, shape (n,)
        Two-dimensional, metres.
    name : array of str or None, shape (n,)
        As the file spells it; None where a road has none.
    road_class : array of str, shape (n,)
        One word of the class ("motorway", "primary", "residential" …); "" where it is not told.
    oneway : array of int8, shape (n,)
        1 along the line, -1 against it, 0 both ways.
    level : array of int16, shape (n,)
        Bridges above 0, tunnels below: lines that cross on different levels do not meet.
    is_roundabout : array of bool, shape (n,)
    aadt : array of float, shape (n,)
        Vehicles a day; NaN where it is not known.
    """

    line: Objects
    name: Objects
    road_class: Objects
    oneway: NDArray[np.int8]
    level: NDArray[np.int16]
    is_roundabout: Mask
    aadt: Floats


@dataclass(frozen=True)
class Network:
    """Roads cut at their junctions; edges run from node to node.

    Attributes
    ----------
    node_x, node_y : array of float, shape (n_nodes,)
    start, end : array of int, shape (n_edges,)
        Nodes.
    line : array of shapely LineString, shape (n_edges,)
        From `start` to `end`.
    length_m : array of float, shape (n_edges,)
    road : array of int, shape (n_edges,)
        The line of `roads` that an edge is a piece of.
    component : array of int, shape (n_edges,)
        Which part of the network hangs together with the edge; 0 is the longest.
    folded_line : array of shapely LineString, shape (n_folded,)
        Pieces that are no edges of their own: the second carriageway of a divided road, the ring of a
        roundabout. What lies on them belongs to the nearest place on `folded_edge`.
    folded_edge, folded_road : array of int, shape (n_folded,)
    is_divided : array of bool, shape (n_edges,)
        Edges that stand for two carriageways.
    aadt : array of float, shape (n_edges,)
        Vehicles a day on all that the edge stands for; NaN where it is not known.
    roads : RoadLines
        What was given.
    report : dict
        What was found and mended, by name: counts and metres.
    """

    node_x: Floats
    node_y: Floats
    start: Ints
    end: Ints
    line: Objects
    length_m: Floats
    road: Ints
    component: Ints
    folded_line: Objects
    folded_edge: Ints
    folded_road: Ints
    is_divided: Mask
    aadt: Floats
    roads: RoadLines
    report: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Routes:
    """Edges strung together as a driver would follow them; every edge lies in exactly one route.

    Attributes
    ----------
    edge : array of int, shape (n_edges,)
        Edges of the first route in their order, then of the second one and so on.
    is_reversed : array of bool, shape (n_edges,)
        Whether the route runs an edge from its end to its start; in the order of `edge`.
    route : array of int, shape (n_edges,)
        Route of each entry of `edge`; ascending.
    offset_m : array of float, shape (n_edges,)
        Metres from the start of the route to each entry of `edge`.
    length_m : array of float, shape (n_routes,)
    name : array of str or None, shape (n_routes,)
        The name that holds most of the route's length.
    road_class : array of str, shape (n_routes,)
    is_loop : array of bool, shape (n_routes,)
    """

    edge: Ints
    is_reversed: Mask
    route: Ints
    offset_m: Floats
    length_m: Floats
    name: Objects
    road_class: Objects
    is_loop: Mask


@dataclass(frozen=True)
class Lixels:
    """Equal pieces of each route, about 80 m long, in route order; the next one of a route follows it.

    Attributes
    ----------
    route : array of int, shape (n,)
        Ascending.
    start_m, end_m : array of float, shape (n,)
        Along the route.
    x, y : array of float, shape (n,)
        Middle.
    road_class : array of str, shape (n,)
        The class that holds most of the piece.
    aadt : array of float, shape (n,)
        Mean by length of what is known; NaN where nothing is.
    junctions : array of float, shape (n,)
        Junctions (nodes where three or more edges meet) on the piece; one between two pieces counts half in
        each.
    """

    route: Ints
    start_m: Floats
    end_m: Floats
    x: Floats
    y: Floats
    road_class: Objects
    aadt: Floats
    junctions: Floats

    @property
    def length_m(self) -> Floats:
        """Length of each piece."""
        return self.end_m - self.start_m


@dataclass(frozen=True)
class Snaps:
    """Where on the network points belong.

    Attributes
    ----------
    lixel : array of int, shape (n,)
        -1 where no road lies within the tolerance (unmatched).
    route : array of int, shape (n,)
        -1 where unmatched.
    offset_m : array of float, shape (n,)
        Along the route; NaN where unmatched.
    distance_m : array of float, shape (n,)
        To the line that was chosen; to the nearest one where unmatched, infinite beyond the search.
    second_m : array of float, shape (n,)
        To the nearest line of another route; infinite where none is within the tolerance.
    is_ambiguous : array of bool, shape (n,)
        Snapped, but another route is as good: a rule decided that the order of rows cannot change.
    by_name : array of bool, shape (n,)
        The reported street's name decided.
    """

    lixel: Ints
    route: Ints
    offset_m: Floats
    distance_m: Floats
    second_m: Floats
    is_ambiguous: Mask
    by_name: Mask

    @property
    def is_snapped(self) -> Mask:
        """Points that belong to a road."""
        return self.lixel >= 0
