"""Clusters of incidents by density, in metres or in metres and days: DBSCAN and HDBSCAN.

Distances are great-circle distances, so no projection is chosen and the antimeridian is no border. Nothing
here is a test: where there are enough incidents at random, chance alone makes clusters.

The order of rows changes nothing: points are put into an order of their own first, a border point goes to
its nearest core point, and clusters are numbered by what they hold.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from models.errors import InvalidParameter
from models.piles import Places, places
from spatial.grid import FINEST, cells_at

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

ALGORITHMS = ("dbscan", "hdbscan")
NOISE = -1
EARTH_RADIUS_M = 6_371_008.8
#: HDBSCAN compares every point with every other one: beyond so many points that takes too long.
MAX_HDBSCAN_POINTS = 50_000
#: Pairs of neighbours that DBSCAN looks at: with more, `eps_m` is wider than any place.
MAX_PAIRS = 300_000_000

# Pairs of neighbours that are held at a time, 24 bytes each.
_PAIRS_AT_ONCE = 2_000_000
# Distances are known to nanometres, times to fractions of a microsecond: what is equal must not fail by that.
_TOLERANCE_M = 1e-6
_TOLERANCE = 1e-9
# HDBSCAN measures density by distances: below a metre they say more about geocoders than about places.
_DECIMALS = 5


@dataclass(frozen=True)
class Clusters:
    """What belongs together.

    Attributes
    ----------
    labels : array of int, shape (n,)
        Cluster of every row: 0 holds the most of what entered, ties by the smallest cell, then the
        earliest row in time; -1 is noise.
    count, entered : array of float, shape (n_clusters,)
        Incidents of each cluster, by weight; and as they entered, piles once where they were collapsed.
    n_places : array of int, shape (n_clusters,)
        Distinct coordinates.
    pile_share : array of float, shape (n_clusters,)
        Share of the count that lies on piles.
    n_points : int
        Points that the algorithm saw: distinct coordinates, or coordinates and times.
    places : Places
        The distinct coordinates, and which are piles.
    """

    labels: Indices
    count: Floats
    entered: Floats
    n_places: Indices
    pile_share: Floats
    n_points: int
    places: Places

    def __len__(self) -> int:
        """Return the number of clusters."""
        return len(self.count)


@dataclass(frozen=True)
class _Points:
    """Distinct coordinates, or distinct pairs of coordinate and time, in an order of their own.

    `xyz` are metres from the centre of the earth; `weight` is what a point counts for its neighbours, 0 on a
    collapsed pile, which counts once however many of its points are near.
    """

    xyz: Floats
    days: Floats | None
    weight: Floats
    place: Indices
    is_collapsed: Mask
    point_of_row: Indices

    def __len__(self) -> int:
        return len(self.xyz)


def clusters(
    lng: ArrayLike,
    lat: ArrayLike,
    *,
    algorithm: str = "dbscan",
    min_samples: int,
    eps_m: float | None = None,
    days: ArrayLike | None = None,
    eps_days: float | None = None,
    weights: ArrayLike | None = None,
    collapse_piles: bool = False,
) -> Clusters:
    """Return the clusters of points.

    `dbscan`: a point with at least `min_samples` incidents within `eps_m` (and, with `eps_days`, within that
    many days before and after), itself included, is a core point. Core points that are each other's
    neighbours form a cluster; another point within reach of a core point joins the cluster of the nearest.

    `hdbscan`: the most persistent clusters over all distances, of at least `min_samples` incidents. With
    `eps_days` so many days count like `eps_m` metres. A coordinate enters at most `min_samples` - 1 times:
    a single coordinate has no density. Coordinates are taken to a metre.

    Parameters
    ----------
    lng, lat : array, shape (n,)
        Degrees.
    algorithm : str
        "dbscan" or "hdbscan".
    min_samples : int
        2 or more.
    eps_m : float, optional
        Metres; needed by dbscan, and by hdbscan with `eps_days`.
    days : array, shape (n,), optional
        Times in days since any moment; needed with `eps_days`.
    eps_days : float, optional
        Days; without them time plays no part.
    weights : array, shape (n,), optional
        How many incidents a row stands for; 1 by default. Not used by hdbscan but in the counts.
    collapse_piles : bool
        Whether a pile counts once, however many incidents lie on it; see `piles.places`. In space and time
        it counts once in every neighbourhood (hdbscan: once in `eps_days` days).

    Raises
    ------
    InvalidParameter
        If a parameter is out of its range, coordinates or times do not fit, or there are more points
        (hdbscan) or pairs of neighbours (dbscan) than can be compared.

    References
    ----------
    Ester, Kriegel, Sander and Xu (1996), KDD-96, 226-231.
    Birant and Kut (2007), Data and Knowledge Engineering 60(1), 208-221.
    Campello, Moulavi and Sander (2013), PAKDD 2013, 160-172.

    Examples
    --------
    Three points some 11 m apart, two of another place, and one alone.

    >>> found = clusters([0, 1e-4, 2e-4, 1, 1, 2], [0] * 6, min_samples=2, eps_m=12)
    >>> found.labels.tolist(), found.count.tolist()
    ([0, 0, 0, 1, 1, -1], [3.0, 2.0])
    """
    where = places(lng, lat, weights)
    rows = len(where.place)
    w = np.ones(rows) if weights is None else np.asarray(weights, dtype=np.float64)
    when = _times(days, eps_days, rows)
    _require(algorithm, min_samples, eps_m, eps_days)
    points = _points(where, when, w, collapse_piles)
    if not len(points):
        raw = np.empty(0, dtype=np.int64)
    elif algorithm == "dbscan":
        raw = _dbscan(points, float(eps_m or 0), eps_days, min_samples)
    else:
        raw = _hdbscan(points, where, eps_m, eps_days, min_samples)
    return _numbered(raw, points, where, when, w)


def _require(algorithm: str, min_samples: int, eps_m: float | None, eps_days: float | None) -> None:
    if algorithm not in ALGORITHMS:
        raise InvalidParameter(f"algorithm needs one of {', '.join(ALGORITHMS)}, got {algorithm!r}")
    if min_samples < 2:
        raise InvalidParameter(f"min_samples of 2 or more was needed, got {min_samples}")
    if eps_m is None and (algorithm == "dbscan" or eps_days is not None):
        raise InvalidParameter("eps_m is needed: dbscan has no default, and hdbscan weighs days by it")
    for name, value in (("eps_m", eps_m), ("eps_days", eps_days)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise InvalidParameter(f"{name} above 0 was needed, got {value}")


def _times(days: ArrayLike | None, eps_days: float | None, n_rows: int) -> Floats | None:
    if eps_days is None:
        return None
    if days is None:
        raise InvalidParameter("eps_days needs times, got none")
    when = np.asarray(days, dtype=np.float64)
    if when.shape != (n_rows,) or not np.isfinite(when).all():
        raise InvalidParameter(f"a finite time for each of {n_rows} rows was needed with eps_days")
    return when


def _points(where: Places, days: Floats | None, weights: Floats, collapse_piles: bool) -> _Points:
    """Return the distinct points by coordinate, then time."""
    if days is None:
        place, point_of_row, when = np.arange(len(where)), where.place, None
    else:
        keys, point_of_row = np.unique(np.stack([where.place, days]), axis=1, return_inverse=True)
        place, when, point_of_row = keys[0].astype(np.int64), keys[1], point_of_row.ravel()
    is_collapsed = where.is_pile[place] & collapse_piles
    order = np.lexsort((weights, point_of_row))
    weight = np.bincount(point_of_row[order], weights[order], len(place))
    xyz = _on_sphere(where.lng, where.lat)[place]
    return _Points(xyz, when, np.where(is_collapsed, 0.0, weight), place, is_collapsed, point_of_row)


def _on_sphere(lng: Floats, lat: Floats) -> Floats:
    """Return coordinates in metres from the centre of the earth, shape (n, 3)."""
    x, y = np.radians(lng), np.radians(lat)
    return EARTH_RADIUS_M * np.column_stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)])


def _chord_m(along_m: float) -> float:
    """Return the straight distance of two points so many metres apart along a great circle."""
    return 2 * EARTH_RADIUS_M * float(np.sin(min(along_m / (2 * EARTH_RADIUS_M), np.pi / 2)))


# DBSCAN


def _dbscan(points: _Points, eps_m: float, eps_days: float | None, min_samples: int) -> Indices:
    reach = _Reach(points, _chord_m(eps_m), eps_days)
    everything = np.arange(len(points))
    held = np.zeros(len(points))
    for near in reach.pairs(everything):
        held += np.bincount(near.i, points.weight[near.j], len(points))
        held += _piles_near(points, near)
    core = np.flatnonzero(held >= min_samples - _TOLERANCE)
    if not len(core):
        return np.full(len(points), NOISE)
    labels = np.full(len(points), NOISE)
    labels[core] = np.arange(len(core))
    nearest = np.full(len(points), np.inf)
    owner = np.full(len(points), -1)
    joined = np.arange(len(core))
    for near in reach.pairs(core):
        is_core = labels[near.i] >= 0
        joined = _joined(joined, labels[near.i[is_core]], labels[near.j[is_core]])
        _note_nearest(near, ~is_core, nearest, owner)
    labels[core] = joined
    is_border = owner >= 0
    labels[is_border] = labels[owner[is_border]]
    return labels


@dataclass(frozen=True)
class _Near:
    """Pairs of points within reach: i has j as its neighbour, at this distance (1 is just within reach)."""

    i: Indices
    j: Indices
    distance: Floats


class _Reach:
    """Who is within reach of whom, some pairs at a time."""

    def __init__(self, points: _Points, chord_m: float, eps_days: float | None) -> None:
        self._points, self._eps_days = points, eps_days
        self._chord_m = chord_m + _TOLERANCE_M
        at = points.xyz
        self._radius = self._chord_m
        if eps_days is not None and points.days is not None:
            # Within reach in space and in time: a cylinder, which lies in a ball of four dimensions.
            at = np.column_stack([at, (points.days - points.days.min()) * (self._chord_m / eps_days)])
            self._radius = self._chord_m * np.sqrt(2) * (1 + _TOLERANCE)
        self._at = at

    def pairs(self, among: Indices) -> Iterator[_Near]:
        """Yield each point with each of its neighbours among some; all pairs of a point come together."""
        tree = cKDTree(self._at[among])
        sizes = tree.query_ball_point(self._at, self._radius, return_length=True).astype(np.int64)
        if (n_pairs := int(sizes.sum())) > MAX_PAIRS:
            raise InvalidParameter(
                f"eps_m makes {n_pairs:,} pairs of neighbours of {len(self._at):,} points, {MAX_PAIRS:,} are"
                " allowed: a smaller eps_m, or fewer incidents by datetime, category or bbox, fits"
            )
        chunk = np.cumsum(sizes) // _PAIRS_AT_ONCE
        starts = np.flatnonzero(np.diff(chunk, prepend=-1) > 0)
        for first, last in zip(starts, [*starts[1:], len(self._at)], strict=True):
            own = cKDTree(self._at[first:last])
            found = own.sparse_distance_matrix(tree, self._radius, output_type="ndarray")
            yield self._within(found["i"].astype(np.int64) + first, among[found["j"]], found["v"])

    def _within(self, i: Indices, j: Indices, ball: Floats) -> _Near:
        days = self._points.days
        if self._eps_days is None or days is None:
            return _Near(i, j, ball / self._chord_m)
        space = np.sqrt(((self._points.xyz[i] - self._points.xyz[j]) ** 2).sum(axis=1)) / self._chord_m
        time = np.abs(days[i] - days[j]) / self._eps_days
        distance = np.maximum(space, time)
        inside = distance <= 1 + _TOLERANCE
        return _Near(i[inside], j[inside], distance[inside])


def _piles_near(points: _Points, near: _Near) -> Floats:
    """Return how many collapsed piles each point has in reach."""
    is_pile = points.is_collapsed[near.j]
    if not is_pile.any():
        return np.zeros(len(points))
    pairs = np.unique(np.stack([near.i[is_pile], points.place[near.j[is_pile]]]), axis=1)
    return np.bincount(pairs[0], minlength=len(points)).astype(np.float64)


def _joined(labels: Indices, first: Indices, second: Indices) -> Indices:
    """Return labels, one for each node, after the nodes of each pair have been joined."""
    n = int(labels.max()) + 1
    graph = csr_array((np.ones(len(first), dtype=np.int8), (labels[first], labels[second])), shape=(n, n))
    _, merged = connected_components(graph, directed=False)
    return np.asarray(merged, dtype=np.int64)[labels]


def _note_nearest(near: _Near, chosen: Mask, nearest: Floats, owner: Indices) -> None:
    """Keep for each point the nearest of its neighbours, of equals the first."""
    i, j, distance = near.i[chosen], near.j[chosen], near.distance[chosen]
    order = np.lexsort((j, distance, i))
    i, j, distance = i[order], j[order], distance[order]
    points, first = np.unique(i, return_index=True)
    better = distance[first] < nearest[points]
    nearest[points[better]] = distance[first][better]
    owner[points[better]] = j[first][better]


# HDBSCAN


def _hdbscan(
    points: _Points, where: Places, eps_m: float | None, eps_days: float | None, min_samples: int
) -> Indices:
    """Return the labels of the most persistent clusters (scikit-learn), of equal points the same."""
    xyz = _on_sphere(where.lng.round(_DECIMALS), where.lat.round(_DECIMALS))[points.place]
    at = xyz - xyz.mean(axis=0)
    if eps_days is not None and eps_m is not None and points.days is not None:
        since = points.days - points.days.min()
        # The points of a collapsed pile stand for one in each window of eps_days.
        since = np.where(points.is_collapsed, np.floor(since / eps_days) * eps_days, since)
        at = np.column_stack([at, since * (eps_m / eps_days)])
    distinct, which = np.unique(at.round(3), axis=0, return_inverse=True)
    which = which.ravel()
    rows = np.bincount(points.point_of_row, minlength=len(points))
    times = np.bincount(which, rows, len(distinct))
    times[np.unique(which[points.is_collapsed])] = 1
    times = np.minimum(times, min_samples - 1).astype(np.int64)
    n = int(times.sum())
    if n > MAX_HDBSCAN_POINTS:
        raise InvalidParameter(
            f"hdbscan needs at most {MAX_HDBSCAN_POINTS:,} points, got {n:,}: select fewer by datetime,"
            " category or bbox, or take dbscan"
        )
    if n < max(min_samples, 3):
        return np.full(len(points), NOISE)
    from sklearn.cluster import HDBSCAN  # it takes a second to load, which only those pay who use it

    model = HDBSCAN(
        min_cluster_size=min_samples, min_samples=min_samples, algorithm="kd_tree", n_jobs=1, copy=True
    )
    found = np.asarray(model.fit(np.repeat(distinct, times, axis=0)).labels_, dtype=np.int64)
    first = np.cumsum(times) - times
    labels: Indices = found[first][which]
    return labels


# Numbers for clusters


def _numbered(raw: Indices, points: _Points, where: Places, days: Floats | None, w: Floats) -> Clusters:
    """Return the clusters in the order of what entered, then the smallest cell, then the first time."""
    n = int(raw.max(initial=NOISE)) + 1
    labels = raw[points.point_of_row] if len(raw) else np.empty(0, dtype=np.int64)
    rows = np.flatnonzero(labels >= 0)
    rows = rows[np.lexsort((w[rows], labels[rows]))]
    own, place = labels[rows], where.place[rows]
    at = np.unique(np.stack([own, place]), axis=1) if len(rows) else np.empty((2, 0), dtype=np.int64)
    on_pile = where.is_pile[place]
    count = np.bincount(own, w[rows], n).astype(np.float64)
    piled = np.bincount(own[on_pile], w[rows][on_pile], n)
    inside = np.flatnonzero(raw >= 0)
    entered = np.bincount(raw[inside], points.weight[inside], n).astype(np.float64)
    if points.is_collapsed.any():
        entered = entered + np.bincount(at[0][where.is_pile[at[1]]], minlength=n)
    cells = cells_at(where.lng[at[1]], where.lat[at[1]], FINEST)
    smallest = np.full(n, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(smallest, at[0], cells)
    earliest = np.full(n, np.inf)
    if days is not None:
        np.minimum.at(earliest, own, days[rows])
    order = np.lexsort((earliest, smallest, -entered))
    number = np.full(n + 1, NOISE)
    number[order] = np.arange(n)
    share = np.divide(piled, count, out=np.zeros(n), where=count > 0)
    return Clusters(
        labels=number[labels],
        count=count[order],
        entered=entered[order],
        n_places=np.bincount(at[0], minlength=n)[order],
        pile_share=share[order],
        n_points=len(points),
        places=where,
    )
