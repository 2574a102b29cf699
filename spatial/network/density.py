"""Kernel density along a network: incidents per kilometre of road, for a map.

The kernel is the heat kernel of the network: what spreads from a point of a long straight road is a Gaussian,
and at a junction it goes into all arms alike, so that the density is continuous there and nothing is lost
(McSwiggan, Baddeley and Nair 2017, Scandinavian Journal of Statistics 44(2), 324-345). It does not leave a
dead end or a component.

Method: finite volumes. Roads are cut into pieces of at most a tenth of the bandwidth; a piece exchanges with
its neighbours by 1 / (distance of their middles), over a junction of any number of arms by the same rule with
the junction itself, which holds nothing. This gives du/dt = -A u, and the density is exp(-tA) of the start
with t = sigma² / 2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.linalg import SuperLU, splu

from spatial.errors import InvalidValues
from spatial.network.parts import Floats, Ints, Lixels, Network, Routes

_PIECES_PER_SIGMA = 10
_SHORTEST_PIECE_M = 2.0
# Places along a route that are no farther apart are one.
_SAME_PLACE_M = 1e-3
# exp(-x) for all x >= 0 as a polynomial in 1 / (1 + GAMMA x): the error is below 3e-12.
_GAMMA = 0.055
_DEGREE = 28


def network_density(
    network: Network, routes: Routes, lixels: Lixels, counts: ArrayLike, *, sigma_m: float = 250.0
) -> Floats:
    """Return the density of incidents along roads, from counts of lixels.

    The incidents of a lixel are taken as spread over it evenly.

    Parameters
    ----------
    network, routes, lixels
        Lixels of these routes of this network.
    counts : array, shape (n_lixels,)
        Incidents, or a sum of weights; not negative.
    sigma_m : float
        Bandwidth: the standard deviation of the Gaussian on a long straight road, in metres. Above 0.

    Returns
    -------
    array, shape (n_lixels,)
        Incidents per kilometre, the mean over each lixel. Times the lixels' lengths in kilometres it sums to
        the number of incidents, in every component of the network.

    Raises
    ------
    InvalidValues
        If counts do not fit the lixels, are negative or not finite, or the bandwidth is not above 0.

    References
    ----------
    McSwiggan, Baddeley and Nair (2017), Scandinavian Journal of Statistics 44(2), 324-345.

    Examples
    --------
    One road of 160 m in two lixels, one incident on the first: with a wide bandwidth it is spread over both.

    >>> from spatial.network.parts import RoadLines
    >>> import shapely
    >>> one, zero, word = np.ones(1), np.zeros(1, dtype=np.int64), np.array(["residential"], dtype=object)
    >>> line = np.array([shapely.LineString([(0, 0), (160, 0)])])
    >>> roads = RoadLines(line, np.array([None]), word, zero, zero, zero > 0, one * np.nan)
    >>> network = Network(np.array([0.0, 160]), np.zeros(2), zero, zero + 1, line, one * 160, zero, zero,
    ...     line[:0], zero[:0], zero[:0], zero > 0, one * np.nan, roads)
    >>> routes = Routes(zero, zero > 0, zero, one * 0, one * 160, np.array([None]), word, zero > 0)
    >>> lixels = Lixels(np.array([0, 0]), np.array([0.0, 80]), np.array([80.0, 160]), np.array([40.0, 120]),
    ...     np.zeros(2), np.repeat(word, 2), np.full(2, np.nan), np.zeros(2))
    >>> network_density(network, routes, lixels, [1, 0], sigma_m=5000.0).round(6).tolist()
    [6.25, 6.25]
    >>> network_density(network, routes, lixels, [1, 0], sigma_m=20.0).round(1).tolist()
    [11.3, 1.2]
    """
    number = np.asarray(counts, dtype=np.float64)
    _check(number, len(lixels.route), sigma_m, "a count for each lixel")
    pieces = _pieces(network, routes, lixels, sigma_m)
    on_lixel_m = np.bincount(pieces.lixel, weights=pieces.length_m, minlength=len(number))
    return _per_km(pieces, (number / on_lixel_m)[pieces.lixel], lixels.length_m, sigma_m)


def network_density_of_points(
    network: Network,
    routes: Routes,
    lixels: Lixels,
    route: ArrayLike,
    offset_m: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    sigma_m: float = 250.0,
) -> Floats:
    """Return the density of incidents along roads, from where exactly they happened.

    Parameters
    ----------
    network, routes, lixels
        Lixels of these routes of this network.
    route : array of int, shape (n_points,)
    offset_m : array, shape (n_points,)
        Metres along the route; what lies beyond its ends counts at its end.
    weight : array, shape (n_points,), optional
        Not negative; 1 each without it.
    sigma_m : float
        Bandwidth, as of `network_density`.

    Returns
    -------
    array, shape (n_lixels,)
        As of `network_density`.

    Raises
    ------
    InvalidValues
        If a route is not one of these, an offset is not finite, or as of `network_density`.
    """
    number, offset = np.asarray(route, dtype=np.int64), np.asarray(offset_m, dtype=np.float64)
    weights = np.ones(len(number)) if weight is None else np.asarray(weight, dtype=np.float64)
    _check(weights, len(number), sigma_m, "a weight for each point")
    if len(number) and (number.min() < 0 or number.max() >= len(routes.length_m)):
        wrong = number.min() if number.min() < 0 else number.max()
        raise InvalidValues(f"route numbers must be 0 to {len(routes.length_m) - 1}, got {wrong}")
    if offset.shape != number.shape or not np.isfinite(offset).all():
        raise InvalidValues("points on a network need a finite offset each")
    pieces = _pieces(network, routes, lixels, sigma_m)
    mass = _mass_of_points(pieces, routes, number, offset, weights)
    return _per_km(pieces, mass / pieces.length_m, lixels.length_m, sigma_m)


def _check(values: Floats, n: int, sigma_m: float, what: str) -> None:
    if values.shape != (n,):
        raise InvalidValues(f"{what} is needed, {n} in all, got shape {values.shape}")
    if not (np.isfinite(values) & (values >= 0)).all():
        raise InvalidValues(f"{what} is needed, finite and not negative")
    if not (np.isfinite(sigma_m) and sigma_m > 0):
        raise InvalidValues(f"the bandwidth must be above 0 m, got {sigma_m}")


@dataclass(frozen=True)
class _Pieces:
    """Pieces of routes in their order, each within one edge and one lixel.

    `at_m` is where a piece begins, in metres along all routes laid end to end; `component` the part of the
    network; `first` and `last` are the places where it meets others: nodes of the network, then places
    between two pieces of an edge.
    """

    at_m: Floats
    length_m: Floats
    lixel: Ints
    component: Ints
    first: Ints
    last: Ints

    @property
    def conductance(self) -> csr_array:
        """Metres⁻¹ from the middle of each piece (column) to the places it meets others at (row)."""
        n = len(self.length_m)
        half = 2 / self.length_m
        place = np.concatenate([self.first, self.last])
        entries = (np.tile(half, 2), (place, np.tile(np.arange(n), 2)))
        return csr_array(entries, shape=(int(place.max(initial=-1)) + 1, n))


def _pieces(network: Network, routes: Routes, lixels: Lixels, sigma_m: float) -> _Pieces:
    base = np.concatenate([[0.0], np.cumsum(routes.length_m)])
    edge_at = base[routes.route] + routes.offset_m
    lixel_at = base[lixels.route] + lixels.start_m
    stops = np.append(edge_at, base[-1])
    after = np.searchsorted(stops, lixel_at).clip(1, len(stops) - 1)
    nearest = np.minimum(np.abs(lixel_at - stops[after - 1]), np.abs(lixel_at - stops[after]))
    cuts = np.sort(np.concatenate([edge_at, lixel_at[nearest > _SAME_PLACE_M]]))
    gaps = np.diff(cuts, append=base[-1])
    longest_m = max(sigma_m / _PIECES_PER_SIGMA, _SHORTEST_PIECE_M)
    n_each = np.maximum(1, np.ceil(gaps / longest_m - 1e-9)).astype(np.int64)
    of_gap = np.repeat(np.arange(len(gaps)), n_each)
    length = gaps[of_gap] / n_each[of_gap]
    step = np.arange(len(of_gap)) - (np.cumsum(n_each) - n_each)[of_gap]
    at = cuts[of_gap] + step * length
    entry = np.searchsorted(edge_at, at + length / 2) - 1
    lixel = np.searchsorted(lixel_at, at + length / 2) - 1
    first, last = _places(network, routes, entry)
    return _Pieces(at, length, lixel, network.component[routes.edge[entry]], first, last)


def _places(network: Network, routes: Routes, entry: Ints) -> tuple[Ints, Ints]:
    """Return the places between which each piece runs; `entry` is its place in `routes.edge`."""
    enters = np.where(routes.is_reversed, network.end[routes.edge], network.start[routes.edge])
    leaves = np.where(routes.is_reversed, network.start[routes.edge], network.end[routes.edge])
    is_first, is_last = np.diff(entry, prepend=-1) != 0, np.diff(entry, append=-1) != 0
    between = len(network.node_x) + np.arange(len(entry))
    first = np.where(is_first, enters[entry], between)
    last = np.where(is_last, leaves[entry], np.append(first[1:], -1))
    return first, last


def _mass_of_points(
    pieces: _Pieces, routes: Routes, route: Ints, offset_m: Floats, weights: Floats
) -> Floats:
    """Return what each piece holds at the start, by linear shares between its middle and its ends.

    What falls to an end belongs to all pieces that meet there, by their conductances: the mean place of a
    point is kept, and a point on a junction is on no arm more than on another.
    """
    base = np.concatenate([[0.0], np.cumsum(routes.length_m)])
    at = base[route] + np.clip(offset_m, 0.0, routes.length_m[route])
    low, high = np.searchsorted(pieces.at_m, base[route]), np.searchsorted(pieces.at_m, base[route + 1]) - 1
    piece = np.clip(np.searchsorted(pieces.at_m, at, side="right") - 1, low, high)
    along = np.clip((at - pieces.at_m[piece]) / pieces.length_m[piece], 0.0, 1.0)
    to_end = np.abs(2 * along - 1)
    place = np.where(along < 0.5, pieces.first[piece], pieces.last[piece])
    conductance = pieces.conductance
    at_place = np.bincount(place, weights=weights * to_end, minlength=conductance.shape[0])
    total = conductance.sum(axis=1)
    share = np.divide(at_place, total, out=np.zeros(len(total)), where=total > 0)
    own = np.bincount(piece, weights=weights * (1 - to_end), minlength=len(pieces.length_m))
    return np.asarray(own + conductance.T @ share, dtype=np.float64)


def _per_km(pieces: _Pieces, density: Floats, lixel_m: Floats, sigma_m: float) -> Floats:
    """Spread densities per metre; return their means over lixels, per kilometre."""
    if not len(density):
        return np.zeros(len(lixel_m))
    mass = _spread(pieces, density, sigma_m**2 / 2) * pieces.length_m
    # Far from all incidents the density is rounding, of either sign.
    mass = np.maximum(mass, 0.0)
    before = np.bincount(pieces.component, weights=density * pieces.length_m)
    after = np.bincount(pieces.component, weights=mass)
    kept = np.divide(before, after, out=np.zeros(len(after)), where=after > 0)
    on_lixel = np.bincount(pieces.lixel, weights=mass * kept[pieces.component], minlength=len(lixel_m))
    return np.asarray(on_lixel / lixel_m * 1000, dtype=np.float64)


def _spread(pieces: _Pieces, density: Floats, time_m2: float) -> Floats:
    """Return exp(-tA) of a density: a Chebyshev sum in S = 1 / (1 + GAMMA t A), one solve a term.

    The polynomial is 1 at S = 1 (what is spread evenly stays so), hence nothing is lost.
    """
    length = pieces.length_m
    solver = _solver(pieces, _GAMMA * time_m2)

    def step(values: Floats) -> Floats:
        return np.asarray(2 * solver.solve(length * values) - values, dtype=np.float64)

    weights = _chebyshev_of_exp()
    before, now = density, step(density)
    total = weights[0] * before + weights[1] * now
    for weight in weights[2:]:
        before, now = now, 2 * step(now) - before
        total += weight * now
    return np.asarray(total, dtype=np.float64)


def _solver(pieces: _Pieces, time_m2: float) -> SuperLU:
    """Return the factors of M + t K: M holds the lengths, K the exchange between pieces."""
    conductance = pieces.conductance
    total = conductance.sum(axis=1)
    inverse = np.divide(1.0, total, out=np.zeros(len(total)), where=total > 0)
    exchanged = conductance.T @ diags_array(inverse) @ conductance
    kept = np.asarray(conductance.sum(axis=0), dtype=np.float64)
    matrix = csc_array(diags_array(pieces.length_m + time_m2 * kept) - time_m2 * exchanged)
    return splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})


def _chebyshev_of_exp() -> NDArray[np.float64]:
    """Return Chebyshev coefficients in 2s - 1 of exp(-x), s = 1 / (1 + GAMMA x), exact at both ends of s."""
    nodes = np.cos(np.pi * np.arange(_DEGREE + 1) / _DEGREE)
    s = np.maximum((nodes + 1) / 2, 1e-300)
    return np.asarray(chebyshev.chebfit(nodes, np.exp((1 - 1 / s) / _GAMMA), _DEGREE), dtype=np.float64)
