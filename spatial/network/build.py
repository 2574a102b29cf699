"""Roads to a network: cleaned, cut where they meet, second carriageways and roundabouts folded."""

from typing import Any

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spatial.errors import InvalidValues
from spatial.network.cleaning import clean_lines
from spatial.network.contraction import contracted
from spatial.network.noding import Noded, noded
from spatial.network.parts import Floats, Ints, Network, RoadLines


def network_of(roads: RoadLines, *, tolerance_m: float = 0.75) -> Network:
    """Return roads as edges between nodes; neither the order of roads nor the direction of drawing matters.

    Parameters
    ----------
    roads : RoadLines
    tolerance_m : float
        Ends this near to a line or to another end are joined to it.

    Raises
    ------
    InvalidGeometry
        If something other than a single line is given.
    InvalidValues
        If the attributes differ in length or the tolerance is not positive.
    """
    if not tolerance_m > 0:
        raise InvalidValues(f"the tolerance must be positive, got {tolerance_m}")
    clean = clean_lines(roads)
    is_named = np.array([name is not None for name in roads.name[clean.road]], dtype=np.bool_)
    edges, mended = noded(clean, is_named, tolerance_m)
    whole = contracted(edges, clean, roads)
    edges = whole.edges
    length = np.asarray(shapely.length(edges.line), dtype=np.float64)
    component = _components(edges, length)
    n_edges = len(length)
    report: dict[str, Any] = {
        "n_lines": len(roads.line),
        "dropped": clean.dropped,
        "duplicates": clean.duplicates,
        **mended,
        "edges": n_edges,
        "nodes": len(edges.node),
        "components": int(component.max(initial=-1)) + 1,
        "share_in_largest": float(length[component == 0].sum() / length.sum()) if n_edges else None,
        "roundabouts": whole.n_roundabouts,
        "divided_m": float(length[whole.is_divided].sum()),
        "metres_given": float(np.nansum(shapely.length(roads.line))),
        "metres": float(length.sum()),
    }
    return Network(
        node_x=edges.node[:, 0],
        node_y=edges.node[:, 1],
        start=edges.start,
        end=edges.end,
        line=edges.line,
        length_m=length,
        road=clean.road[edges.clean],
        component=component,
        folded_line=whole.folded_line,
        folded_edge=whole.folded_edge,
        folded_road=clean.road[whole.folded_clean],
        is_divided=whole.is_divided,
        aadt=whole.aadt,
        roads=roads,
        report=report,
    )


def _components(edges: Noded, length: Floats) -> Ints:
    """Return the part of the network that each edge belongs to; 0 is the longest."""
    n = len(edges.node)
    graph = coo_array((np.ones(len(length)), (edges.start, edges.end)), shape=(n, n))
    n_parts, part = connected_components(graph, directed=False)
    total = np.bincount(part[edges.start], length, n_parts)
    rank = np.empty(n_parts, dtype=np.int64)
    rank[np.argsort(-total, kind="stable")] = np.arange(n_parts)
    return np.asarray(rank[part[edges.start]], dtype=np.int64)
