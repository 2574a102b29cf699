"""The best stretches of a network for a given length: disjoint, none too short, together within a budget.

For a price per metre the best stretches of a route follow from a dynamic program. The price at which they use
up the budget gives an upper bound that no choice can pass; a second dynamic program, over all choices that
come near the bound, closes what the last stretch leaves open. What was proven is told with the choice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameter

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Lengths that differ by less are equal: sums of pieces are not exact.
_SAME_M = 1e-6
_PRICES = 100
# The second program looks at choices this near to the bound (as a share of it), then at farther ones.
_FIRST_ALLOWANCE, _GROWTH, _ALLOWANCES = 1e-7, 8.0, 12
# What it may cost: ways on the routes, choices kept per route and over all.
_MOST_ARCS, _MOST_STATES, _MOST_SUMS = 6_000, 200, 4_000

# A choice on one route: windows as (first node, last node, rest of the choice).
_Chain = tuple[int, int, "_Chain"] | None


@dataclass(frozen=True)
class CorridorChoice:
    """Windows of consecutive pieces, disjoint, in the order of the pieces.

    Attributes
    ----------
    first, last : array of int, shape (m,)
        Pieces; `last` is exclusive.
    gain, length_m : array of float, shape (m,)
        Of each window.
    bound : float
        No choice can gain more.
    gap : float
        At most this share of the bound is missing; 0 where the choice is proven to be the best.
    price : float
        Gain per metre at which the budget is used up: what the next metre would add; 0 where not scarce.
    """

    first: Ints
    last: Ints
    gain: Floats
    length_m: Floats
    bound: float
    gap: float
    price: float


def chosen_corridors(
    gain: ArrayLike,
    route: ArrayLike,
    length_m: ArrayLike,
    *,
    budget_m: float,
    min_length_m: float = 400.0,
    max_length_m: float = 5000.0,
) -> CorridorChoice:
    """Return the disjoint windows of the largest summed gain within a budget of length.

    Every window lies on one route and is `min_length_m` to `max_length_m` long; two may touch. A route that
    is shorter than `min_length_m` is never chosen.

    Parameters
    ----------
    gain : array, shape (n,)
        What a piece adds (crashes expected, excess, …); any sign.
    route : array of int, shape (n,)
        Route of every piece, ascending; the pieces of a route follow each other.
    length_m : array, shape (n,)
        Above 0.
    budget_m : float
        Longest sum of all windows.
    min_length_m, max_length_m : float
        Bounds of one window.

    Raises
    ------
    InvalidParameter
        If shapes differ, routes are not ascending, a length is not above 0, or bounds and budget make no
        sense.

    References
    ----------
    Everett (1963), Operations Research 11(3), 399-417: prices for a shared budget.
    Bentley (1984), Communications of the ACM 27(9), 865-873: best stretches in linear time.

    Examples
    --------
    Two pieces at least: the 5 is bought with a neighbour, and 3 + 3 is better than 9 alone with nothing.

    >>> best = chosen_corridors(
    ...     [0, 5, 1, 0, 3, 3, 0], [0] * 7, [100] * 7, budget_m=400, min_length_m=200, max_length_m=400
    ... )
    >>> best.first.tolist(), best.last.tolist(), best.gain.tolist(), best.gap
    ([1, 4], [3, 6], [6.0, 6.0], 0.0)
    """
    g, r, m = _checked(gain, route, length_m, budget_m, min_length_m, max_length_m)
    roads = _Roads(g, r, m, min_length_m, max_length_m)
    lines, price, bound = _priced(roads, budget_m)
    windows, gap = (
        (lines, 0.0)
        if roads.metres(lines) <= budget_m + _SAME_M and price == 0
        else _closed(roads, lines, price, bound, budget_m)
    )
    pairs = np.array(sorted(roads.in_bounds(windows)), dtype=np.int64).reshape(-1, 2)
    first, last = pairs[:, 0], pairs[:, 1]
    sums = [roads.gains[last] - roads.gains[first], roads.lengths[last] - roads.lengths[first]]
    first, last = first - roads.route_of_node[first], last - roads.route_of_node[last]
    if not gap:
        bound = float(sums[0].sum())
    return CorridorChoice(first, last, sums[0], sums[1], bound, gap, price)


def _checked(
    gain: ArrayLike, route: ArrayLike, length_m: ArrayLike, budget: float, shortest: float, longest: float
) -> tuple[Floats, Ints, Floats]:
    g, m = np.asarray(gain, dtype=np.float64), np.asarray(length_m, dtype=np.float64)
    r = np.asarray(route, dtype=np.int64)
    if g.ndim != 1 or g.shape != r.shape or g.shape != m.shape:
        raise InvalidParameter(f"gain, route and length must match: {g.shape}, {r.shape}, {m.shape}")
    if (np.diff(r) < 0).any():
        raise InvalidParameter("routes must be ascending: the pieces of a route follow each other")
    if not np.isfinite(g).all() or not np.isfinite(m).all() or (m <= 0).any():
        raise InvalidParameter("gains must be finite and lengths finite and above 0")
    if not 0 <= budget < np.inf:
        raise InvalidParameter(f"the budget must be 0 or more metres, got {budget}")
    if not 0 <= shortest <= longest:
        raise InvalidParameter(f"lengths of a corridor must be ordered, got {shortest} to {longest}")
    return g, r, m


class _Roads:
    """Routes as rows of nodes: piece i of the r-th route lies between the nodes i + r and i + r + 1."""

    def __init__(self, gain: Floats, route: Ints, length: Floats, shortest: float, longest: float) -> None:
        starts = np.flatnonzero(np.diff(route, prepend=route[:1] - 1)) if len(route) else np.zeros(0, int)
        n_routes, self.n_nodes = len(starts), len(route) + len(starts)
        order = np.arange(n_routes, dtype=np.int64)
        self.begin = starts + order
        self.end = np.append(starts[1:], len(route)) + order
        self.route_of_node = np.repeat(order, self.end - self.begin + 1)
        self.gains, self.lengths = self._sums(gain), self._sums(length)
        self.shortest, self.longest = shortest, longest
        piece = float(length.max(initial=0.0))
        # Stretches of any length above the shortest can be cut into windows that keep to both bounds.
        self.is_loose = longest >= 2 * shortest + 3 * piece
        self.longest_arc = 2 * shortest + 2 * piece if self.is_loose else longest
        nodes = np.arange(self.n_nodes)
        own_begin, own_end = self.begin[self.route_of_node], self.end[self.route_of_node]
        at = self.lengths
        # A window holds at least one piece.
        near = np.searchsorted(at, at - shortest + _SAME_M, side="right") - 1
        self.latest_start = np.minimum(near, nodes - 1)
        self.latest_start[self.latest_start < own_begin] = -1
        self.earliest_start = np.maximum(
            np.searchsorted(at, at - self.longest_arc - _SAME_M, side="left"), own_begin
        )
        far = np.maximum(np.searchsorted(at, at + shortest - _SAME_M, side="left"), nodes + 1)
        self.earliest_end = np.where(far <= own_end, far, self.n_nodes)
        self.usable = np.flatnonzero(self.latest_start[self.end] >= 0)

    def _sums(self, values: Floats) -> Floats:
        """Return running sums by node; from one route to the next nothing is added."""
        padded = np.zeros(self.n_nodes)
        inner = np.ones(self.n_nodes, dtype=np.bool_)
        inner[self.begin] = False
        padded[inner] = values
        return np.cumsum(padded)

    def metres(self, windows: Iterable[tuple[int, int]]) -> float:
        """Return the length of all windows."""
        return float(sum(self.lengths[b] - self.lengths[a] for a, b in windows))

    def gained(self, windows: Iterable[tuple[int, int]]) -> float:
        """Return the gain of all windows."""
        return float(sum(self.gains[b] - self.gains[a] for a, b in windows))

    def in_bounds(self, windows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return the windows, touching ones joined and then cut evenly where they are too long."""
        if not self.is_loose:
            return list(windows)
        joined: list[list[int]] = []
        for a, b in sorted(windows):
            if joined and joined[-1][1] == a:
                joined[-1][1] = b
            else:
                joined.append([a, b])
        return [part for a, b in joined for part in self._cut(a, b)]

    def _cut(self, a: int, b: int) -> list[tuple[int, int]]:
        length = float(self.lengths[b] - self.lengths[a])
        if length <= self.longest + _SAME_M:
            return [(a, b)]
        piece = float(np.diff(self.lengths[a : b + 1]).max())
        n_parts = int(np.ceil(length / (self.longest - piece)))
        marks = self.lengths[a] + length * np.arange(1, n_parts) / n_parts
        inner = np.searchsorted(self.lengths[a : b + 1], marks) + a
        return list(pairwise([a, *inner.tolist(), b]))


def _best(roads: _Roads, prefix: Floats, *, is_backward: bool = False) -> tuple[list[float], list[int]]:
    """Return, by node, the best sum of windows up to it (from it on), and where its last window starts.

    -1 stands for no window that ends here. Ties go to the shorter choice.
    """
    n = roads.n_nodes
    if is_backward:
        p, begin, end = (-prefix[::-1]).tolist(), n - 1 - roads.end, n - 1 - roads.begin
        latest = (n - 1 - roads.earliest_end)[::-1].tolist()
        earliest = None if roads.is_loose else (n - 1 - _latest_ends(roads))[::-1].tolist()
    else:
        p, begin, end = prefix.tolist(), roads.begin, roads.end
        latest = roads.latest_start.tolist()
        earliest = None if roads.is_loose else roads.earliest_start.tolist()
    best, started = [0.0] * n, [-1] * n
    rising = np.diff(prefix, prepend=0.0) > 0
    rising[roads.begin] = False
    hopeful = roads.usable[np.logical_or.reduceat(rising, roads.begin)[roads.usable]]
    for a, b in zip(begin[hopeful].tolist(), end[hopeful].tolist(), strict=True):
        held, top, source, to_try = 0.0, -np.inf, -1, a
        for node in range(a + 1, b + 1):
            last = latest[node]
            if earliest is not None and last >= a:
                starts = range(max(earliest[node], a), last + 1)
                source = max(starts, key=lambda i: best[i] - p[i], default=-1)
                top = best[source] - p[source] if source >= 0 else -np.inf
            elif earliest is None:
                while to_try <= last:
                    value = best[to_try] - p[to_try]
                    if value >= top:
                        top, source = value, to_try
                    to_try += 1
            else:
                top = -np.inf
            value = p[node] + top
            if value > held + 1e-12 * abs(held):
                held, started[node] = value, source
            best[node] = held
    return (best[::-1] if is_backward else best), started


def _latest_ends(roads: _Roads) -> Ints:
    """Return, by node, the last node at which a window that starts there may end."""
    at = roads.lengths
    ends = np.searchsorted(at, at + roads.longest_arc + _SAME_M, side="right") - 1
    return np.minimum(ends, roads.end[roads.route_of_node])


def _traced(roads: _Roads, started: list[int]) -> list[tuple[int, int]]:
    windows = []
    for a, b in zip(roads.begin[roads.usable].tolist(), roads.end[roads.usable].tolist(), strict=True):
        node = b
        while node > a:
            if started[node] >= 0:
                windows.append((started[node], node))
                node = started[node]
            else:
                node -= 1
    return windows


def _priced(roads: _Roads, budget: float) -> tuple[list[tuple[int, int]], float, float]:
    """Return the best windows at the price that uses up the budget, within it; the price; the bound.

    The best value as a function of the budget, made concave, is met by lines: each trial price is the slope
    between the best known choices on both sides of the budget. Where a trial finds nothing above that line
    the price is exact.
    """

    def best_at(price: float) -> tuple[list[tuple[int, int]], float, float]:
        windows = _traced(roads, _best(roads, roads.gains - price * roads.lengths)[1])
        return windows, roads.gained(windows), roads.metres(windows)

    inside: tuple[list[tuple[int, int]], float, float] = ([], 0.0, 0.0)
    outside = best_at(0.0)
    if outside[2] <= budget + _SAME_M:
        return outside[0], 0.0, outside[1]
    price = 0.0
    for _ in range(_PRICES):
        price = (outside[1] - inside[1]) / (outside[2] - inside[2])
        found = best_at(price)
        above = (found[1] - price * found[2]) - (inside[1] - price * inside[2])
        if above <= 1e-12 * max(1.0, abs(inside[1])):
            break
        if found[2] <= budget + _SAME_M:
            inside = found
        else:
            outside = found
    bound = max(inside[1], inside[1] + price * (budget - inside[2]))
    return inside[0], price, bound


def _closed(
    roads: _Roads, windows: list[tuple[int, int]], price: float, bound: float, budget: float
) -> tuple[list[tuple[int, int]], float]:
    """Return the best choice found near the bound, and the share of the bound that it may miss.

    A choice loses against the bound what its windows lose at this price, and the price of every metre that it
    leaves over. So if all choices that lose no more than some allowance are looked at, and the best of them
    loses no more than that, it is the best of all.
    """
    best, reached = windows, roads.gained(windows)
    near = _Near(roads, price, budget)
    allowance = max(_FIRST_ALLOWANCE * abs(bound), 1e-12)
    for _ in range(_ALLOWANCES):
        missing = bound - reached
        if missing <= 1e-9 * max(abs(bound), 1e-12):
            return best, 0.0
        found, is_whole = near.best_within(min(allowance, missing), best)
        if found is not None and roads.gained(found) > reached:
            best, reached = found, roads.gained(found)
        if is_whole and bound - reached <= allowance * (1 + 1e-9):
            return best, 0.0
        if not is_whole:
            break
        allowance *= _GROWTH
    return best, max(0.0, bound - reached) / abs(bound)


class _Near:
    """All choices whose windows lose little at a price."""

    def __init__(self, roads: _Roads, price: float, budget: float) -> None:
        self.roads, self.price, self.budget = roads, price, budget
        self.prefix = roads.gains - price * roads.lengths
        ahead, _ = _best(roads, self.prefix)
        back, _ = _best(roads, self.prefix, is_backward=True)
        self.ahead, self.back = np.array(ahead), np.array(back)
        self.top = self.ahead[roads.end]
        self._lay_arcs()

    def _lay_arcs(self) -> None:
        """List windows and skipped pieces with what each must lose, whatever else is chosen on the route."""
        roads, nodes = self.roads, np.arange(self.roads.n_nodes)
        is_inner = np.ones(roads.n_nodes, dtype=np.bool_)
        is_inner[roads.begin] = False
        skipped = nodes[is_inner]
        starts, ends, kinds = [skipped - 1], [skipped], [np.zeros(len(skipped), dtype=np.bool_)]
        back = 0
        while True:
            start = roads.latest_start - back
            there = (roads.latest_start >= 0) & (start >= roads.earliest_start)
            if not there.any():
                break
            starts.append(start[there])
            ends.append(nodes[there])
            kinds.append(np.ones(int(there.sum()), dtype=np.bool_))
            back += 1
        a, b, is_window = np.concatenate(starts), np.concatenate(ends), np.concatenate(kinds)
        value = np.where(is_window, self.prefix[b] - self.prefix[a], 0.0)
        loss = self.top[roads.route_of_node[b]] - (self.ahead[a] + value + self.back[b])
        order = np.lexsort((a, b))
        self.start, self.stop, self.is_window = a[order], b[order], is_window[order]
        self.loss = np.maximum(loss[order], 0.0)

    def best_within(
        self, allowance: float, known: list[tuple[int, int]]
    ) -> tuple[list[tuple[int, int]] | None, bool]:
        """Return the best choice whose windows lose up to this, and whether all such choices were looked at.

        Where they are too many, routes stay as they are in the known choice.
        """
        roads, slack = self.roads, 1e-11 * max(1.0, float(np.abs(self.top).sum()))
        kept = np.flatnonzero(self.loss <= allowance + slack)
        route = roads.route_of_node[self.stop[kept]]
        # More ways than nodes: there is something to decide on the route.
        forks = np.bincount(route, self.loss[kept] >= 0, minlength=len(roads.begin))
        on_known: dict[int, list[tuple[int, int]]] = {}
        for window in known:
            on_known.setdefault(int(roads.route_of_node[window[0]]), []).append(window)
        in_order = kept[np.argsort(route, kind="stable")]
        edges = np.concatenate([[0], np.cumsum(np.bincount(route, minlength=len(roads.begin)))])
        open_routes, cost, is_whole = [], 0, True
        for one in np.argsort(forks, kind="stable").tolist():
            if not forks[one] or self._is_single(in_order[edges[one] : edges[one + 1]]):
                continue
            cost += int(forks[one])
            if cost > _MOST_ARCS:
                is_whole = False
                break
            open_routes.append(one)
        choices, fixed = [], []
        opened = set(open_routes)
        for one, windows in on_known.items():
            if one not in opened:
                fixed += windows
        for one in open_routes:
            options, all_kept = self._options(in_order[edges[one] : edges[one + 1]], one, allowance + slack)
            is_whole &= all_kept
            choices.append(options)
        picked, all_kept = self._summed(choices, self.budget - roads.metres(fixed), allowance + slack)
        if picked is None:
            return None, is_whole and all_kept
        return fixed + picked, is_whole and all_kept

    def _is_single(self, arcs: Ints) -> bool:
        """Return whether there is one way only through the arcs of a route."""
        return len(np.unique(self.start[arcs])) == len(arcs)

    def _options(
        self, arcs: Ints, route: int, allowance: float
    ) -> tuple[list[tuple[float, float, _Chain]], bool]:
        """Return (length, gain, windows) of all choices on one route that are worth a thought."""
        roads = self.roads
        begin, end, top = int(roads.begin[route]), int(roads.end[route]), float(self.top[route])
        states: dict[int, list[tuple[float, float, _Chain]]] = {begin: [(0.0, 0.0, None)]}
        all_kept, node, fresh = True, begin, states[begin]

        def settled(found: list[tuple[float, float, _Chain]], at: int) -> list[tuple[float, float, _Chain]]:
            floor = top - float(self.back[at]) - allowance
            return _undominated([s for s in found if s[1] - self.price * s[0] >= floor])

        for arc in arcs.tolist():
            a, b = int(self.start[arc]), int(self.stop[arc])
            if b != node:
                states[node], node, fresh = settled(fresh, node), b, []
                if len(states) > 1 and len(states[max(states)]) > _MOST_STATES:
                    last = max(states)
                    states[last], all_kept = states[last][:: len(states[last]) // _MOST_STATES + 1], False
            for length, gain, chain in states.get(a, ()):
                if self.is_window[arc]:
                    more = float(roads.lengths[b] - roads.lengths[a])
                    fresh.append(
                        (length + more, gain + float(roads.gains[b] - roads.gains[a]), (a, b, chain))
                    )
                else:
                    fresh.append((length, gain, chain))
        return (settled(fresh, node) if node == end else []), all_kept

    def _summed(
        self, choices: list[list[tuple[float, float, _Chain]]], budget: float, allowance: float
    ) -> tuple[list[tuple[int, int]] | None, bool]:
        """Return the best sum of one choice per route within what is left of the budget."""
        length, gain, steps, all_kept = np.zeros(1), np.zeros(1), [], True
        spans = [(min(s[0] for s in one), max(s[0] for s in one)) if one else (0.0, 0.0) for one in choices]
        least_ahead = np.cumsum([low for low, _ in spans][::-1])[::-1] if spans else np.zeros(0)
        best_value = sum(max((g - self.price * m for m, g, _ in one), default=0.0) for one in choices)
        so_far = 0.0
        for number, one in enumerate(choices):
            if not one:
                return None, True
            more, worth = np.array([s[0] for s in one]), np.array([s[1] for s in one])
            so_far += float((worth - self.price * more).max())
            lengths, gains = np.add.outer(length, more).ravel(), np.add.outer(gain, worth).ravel()
            ahead = float(least_ahead[number + 1]) if number + 1 < len(choices) else 0.0
            fits = (gains - self.price * lengths >= so_far - allowance) & (
                lengths + ahead <= budget + _SAME_M
            )
            rows = np.flatnonzero(fits)
            rows = rows[np.lexsort((-gains[rows], np.round(lengths[rows], 6)))]
            ceiling = np.maximum.accumulate(np.concatenate([[-np.inf], gains[rows]]))[:-1]
            rows = rows[gains[rows] > ceiling + 1e-12 * max(1.0, abs(best_value))]
            if len(rows) > _MOST_SUMS:
                nearest = np.argsort(self.price * lengths[rows] - gains[rows], kind="stable")
                rows, all_kept = np.sort(rows[nearest[:_MOST_SUMS]]), False
            if not len(rows):
                return None, all_kept
            steps.append((rows // len(more), rows % len(more)))
            length, gain = lengths[rows], gains[rows]
        at, windows = int(np.argmax(gain)), []
        for (before, option), one in zip(reversed(steps), reversed(choices), strict=True):
            chain = one[int(option[at])][2]
            while chain is not None:
                windows.append((chain[0], chain[1]))
                chain = chain[2]
            at = int(before[at])
        return windows, all_kept


def _undominated(found: list[tuple[float, float, _Chain]]) -> list[tuple[float, float, _Chain]]:
    """Return the choices that no shorter one beats, shortest first."""
    kept: list[tuple[float, float, _Chain]] = []
    for one in sorted(found, key=lambda s: (round(s[0], 6), -s[1])):
        if not kept or one[1] > kept[-1][1] + 1e-12 * max(1.0, abs(kept[-1][1])):
            kept.append(one)
    return kept
