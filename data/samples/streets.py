"""The street network of the made city: lines of the plan, cut at their crossings, and one freeway.

The plan's lines run every sixteenth of a mile: each sixteenth is an arterial, each eighth in between a
collector, the others locals where the square's letter has them. In curved squares some locals are taken
away (never one that would cut a place off), which leaves loops and cul-de-sacs.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from data.samples.layout import City, Floats, freeway_y, plan_to_metres, square_letters, stream
from data.samples.names import street_names

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FREEWAY, RAMP, ARTERIAL, COLLECTOR, LOCAL = range(5)
CLASS_NAMES = ("freeway", "ramp", "arterial", "collector", "local")
SPEED_KMH = np.array([105, 60, 70, 55, 40])
FREEWAY_NAME, FRONTAGE_NAME, RAMP_NAME = "Lumbre Fwy", "Frontage Rd", "Lumbre Fwy Ramp"
CARRIAGEWAY_GAP_M = 28.0
FRONTAGE_OFFSET_M = 52.0

_REACH = 57  # plan lines from -57 to 57
_WIDTH = 2 * _REACH + 1
#: Plan step between local lines: (east-west streets, north-south streets) per letter; 0: no locals.
_LOCAL_STEP = {"D": (1, 1), "G": (1, 2), "C": (2, 2), "I": (4, 4), "O": (0, 0)}
_INTERCHANGES = (-32, -16, 32)
_FRONTAGE_SPAN = (0, 16)


@dataclass(frozen=True)
class Streets:
    """One entry per piece of street between two junctions.

    `start`, `end` are node numbers (-1 for the freeway, its ramps and the frontage road, which are not
    noded with the plan); `aadt` is the true traffic of every piece, of which the file publishes only
    the counted ones; `span` the plan coordinates from and to along the street.
    """

    line: NDArray[np.object_]
    road_class: Ints
    name: NDArray[np.object_]
    aadt: Floats
    oneway: Bools
    level: Ints
    start: Ints
    end: Ints
    is_ns: Bools
    plan_line: Ints
    span: Floats
    node_x: Floats
    node_y: Floats
    node_u: Ints
    node_v: Ints

    @property
    def length_m(self) -> Floats:
        """Length of each piece in metres."""
        return np.asarray(shapely.length(self.line), dtype=float)

    @property
    def on_plan(self) -> Bools:
        """Whether a piece is an ordinary street, with addresses and junctions."""
        return self.start >= 0


def streets(place: City, seed: int) -> Streets:
    """Return the network of a seed."""
    rng = stream(seed, "roads")
    pieces = _connected(_thinned(_plan_pieces(place), rng))
    is_ns, line, low, high = pieces.T
    line_m = _bent_lines(is_ns == 1, line, low, high)
    keys = np.concatenate([_node_key(is_ns, line, low), _node_key(is_ns, line, high)])
    node_key, node = np.unique(keys, return_inverse=True)
    node_u, node_v = node_key // _WIDTH - _REACH, node_key % _WIDTH - _REACH
    node_x, node_y = plan_to_metres(node_u.astype(float), node_v.astype(float))
    road_class = _line_class(line)
    middle = (low + high) / 2
    letter = square_letters(np.where(is_ns, line, middle), np.where(is_ns, middle, line))
    names = street_names(line, middle, is_ns == 1, letter == "C")
    extra = _freeway_pieces(place)
    n, m = len(line), len(extra)
    return Streets(
        line=np.concatenate([line_m, np.array([piece[0] for piece in extra], dtype=object)]),
        road_class=np.concatenate([road_class, [piece[1] for piece in extra]]),
        name=np.array([*names, *(piece[2] for piece in extra)], dtype=object),
        aadt=np.concatenate([_aadt(is_ns, line, middle, road_class, rng), [piece[3] for piece in extra]]),
        oneway=np.concatenate([np.zeros(n, bool), np.ones(m, bool)]),
        level=np.concatenate([np.zeros(n, int), [piece[4] for piece in extra]]),
        start=np.concatenate([node[:n], np.full(m, -1)]),
        end=np.concatenate([node[n:], np.full(m, -1)]),
        is_ns=np.concatenate([is_ns == 1, np.zeros(m, bool)]),
        plan_line=np.concatenate([line, np.full(m, 9999)]),
        span=np.concatenate([np.column_stack([low, high]).astype(float), np.full((m, 2), np.nan)]),
        node_x=node_x,
        node_y=node_y,
        node_u=node_u,
        node_v=node_v,
    )


def _plan_pieces(place: City) -> Ints:
    """Return rows (is_ns, line, low, high): unit steps joined between the crossings of the plan."""
    east_west = _unit_steps(place, is_ns=False)
    north_south = _unit_steps(place, is_ns=True)
    return np.concatenate(
        [_joined(east_west, _touched(north_south), 0), _joined(north_south, _touched(east_west), 1)]
    )


def _unit_steps(place: City, *, is_ns: bool) -> Bools:
    """Return mask [line, step]: whether a street runs from `step` to `step + 1` on this plan line."""
    line, step = np.meshgrid(np.arange(-_REACH, _REACH + 1), np.arange(-_REACH, _REACH), indexing="ij")
    kind = _line_class(line)
    letter = square_letters(*_uv(line + 0.0, step + 0.5, is_ns))
    spacing = np.select(
        [letter == key for key in _LOCAL_STEP], [step_of[is_ns] for step_of in _LOCAL_STEP.values()]
    )
    local = (kind == LOCAL) & (spacing > 0) & (line % np.maximum(spacing, 1) == 0)
    built = (kind == ARTERIAL) | ((kind == COLLECTOR) & (letter != "O")) | local
    buildable = shapely.difference(place.land.buffer(-45.0), place.lake.buffer(45.0))
    shapely.prepare(buildable)
    for along in (0.0, 0.5, 1.0):
        x, y = plan_to_metres(*_uv(line + 0.0, step + along, is_ns))
        built &= shapely.contains_xy(buildable, x, y)
        off_m = np.abs(y - freeway_y(x))
        built &= off_m > np.where(kind == LOCAL, 110.0, 0.0 if is_ns else 110.0)
    return np.asarray(built)


def _uv(line: ArrayLike, along: ArrayLike, is_ns: bool) -> tuple[ArrayLike, ArrayLike]:
    return (line, along) if is_ns else (along, line)


def _line_class(line: Ints) -> Ints:
    return np.select([line % 16 == 0, line % 16 == 8], [ARTERIAL, COLLECTOR], LOCAL)


def _touched(steps: Bools) -> Bools:
    """Return mask [position along, line]: whether a street of this direction touches the point."""
    touched = np.zeros((_WIDTH, _WIDTH), dtype=bool)
    touched[:, :-1] |= steps
    touched[:, 1:] |= steps
    return touched.T


def _joined(steps: Bools, crossed: Bools, is_ns: int) -> Ints:
    """Join unit steps into pieces that end at a crossing or where the street ends.

    `crossed` is [line, position] of this direction.
    """
    before = np.pad(steps, ((0, 0), (1, 0)))[:, :-1]
    begins = steps & (~before | crossed[:, :-1])
    group = np.cumsum(begins.ravel())[steps.ravel()]
    line, step = np.nonzero(steps)
    first = np.flatnonzero(np.diff(group, prepend=0))
    last = np.append(first[1:], len(group)) - 1
    low, high = step[first] - _REACH, step[last] + 1 - _REACH
    return np.column_stack([np.full(len(first), is_ns), line[first] - _REACH, low, high])


def _node_key(is_ns: Ints, line: Ints, along: Ints) -> Ints:
    u, v = np.where(is_ns, line, along), np.where(is_ns, along, line)
    return (u + _REACH) * _WIDTH + v + _REACH


def _thinned(pieces: Ints, rng: np.random.Generator) -> Ints:
    """Take away about half of the curved locals that no place needs to be reached."""
    is_ns, line, low, high = pieces.T
    middle = (low + high) / 2
    letter = square_letters(np.where(is_ns, line, middle), np.where(is_ns, middle, line))
    loose = (letter == "C") & (_line_class(line) == LOCAL)
    draw = rng.random((2, len(pieces)))
    weight = np.where(loose, 1 + draw[0], 1e-3)
    start, end = _node_key(is_ns, line, low), _node_key(is_ns, line, high)
    graph = coo_array((weight, (start, end)), shape=(_WIDTH**2, _WIDTH**2)).tocsr()
    tree = minimum_spanning_tree(graph).tocoo()
    in_tree = np.isin(start * _WIDTH**2 + end, tree.row.astype(np.int64) * _WIDTH**2 + tree.col)
    kept: Ints = pieces[~loose | in_tree | (draw[1] < 0.5)]
    return kept


def _connected(pieces: Ints) -> Ints:
    """Keep the largest component."""
    is_ns, line, low, high = pieces.T
    start, end = _node_key(is_ns, line, low), _node_key(is_ns, line, high)
    graph = coo_array((np.ones(len(pieces)), (start, end)), shape=(_WIDTH**2, _WIDTH**2))
    _, component = connected_components(graph, directed=False)
    sizes = np.bincount(component[start])
    kept: Ints = pieces[component[start] == sizes.argmax()]
    return kept


def _bent_lines(is_ns: Bools, line: Ints, low: Ints, high: Ints) -> NDArray[np.object_]:
    """Return the pieces as lines in metres, a vertex each half unit, then only those that a curve needs."""
    n_points = 2 * (high - low) + 1
    piece = np.repeat(np.arange(len(line)), n_points)
    within = np.arange(len(piece)) - np.repeat(np.cumsum(n_points) - n_points, n_points)
    along = low[piece] + within / 2
    fixed = line[piece].astype(float)
    x, y = plan_to_metres(np.where(is_ns[piece], fixed, along), np.where(is_ns[piece], along, fixed))
    return np.asarray(shapely.simplify(shapely.linestrings(x, y, indices=piece), 0.5), dtype=object)


def _aadt(is_ns: Ints, line: Ints, middle: Floats, road_class: Ints, rng: np.random.Generator) -> Floats:
    """Return vehicles per day: a level per line, less towards the edge of the city, rounded as counts are."""
    level = rng.uniform([[[21_000]], [[5_000]], [[350]]], [[[33_000]], [[9_500]], [[1_100]]], (3, 2, _WIDTH))
    here = level[road_class - ARTERIAL, is_ns, line + _REACH]
    from_center = np.hypot(line, middle) / _REACH
    return np.asarray(np.round(here * (1.12 - 0.35 * from_center), -2).clip(200))


def _freeway_pieces(place: City) -> list[tuple[shapely.LineString, int, str, float, int]]:
    """Return (line, class, name, aadt, level) of carriageways, ramps and the frontage road."""
    half = CARRIAGEWAY_GAP_M / 2
    cuts = [float(plan_to_metres(i, -24)[0]) + side for i in _INTERCHANGES for side in (-330.0, 330.0)]
    west, east = _freeway_ends(place)
    stops = np.array([west, *cuts, east])
    pieces = []
    for a, b in pairwise(stops.tolist()):
        pieces.append((_beside_freeway(a, b, -half), FREEWAY, FREEWAY_NAME, 31_000.0, 1))
        pieces.append((_beside_freeway(b, a, half), FREEWAY, FREEWAY_NAME, 31_000.0, 1))
    for i in _INTERCHANGES:
        pieces.extend((line, RAMP, RAMP_NAME, 5_500.0, 0) for line in _ramps(i))
    a, b = (float(plan_to_metres(i, -24)[0]) for i in _FRONTAGE_SPAN)
    pieces.append((_beside_freeway(a, b, -FRONTAGE_OFFSET_M), COLLECTOR, FRONTAGE_NAME, 2_500.0, 0))
    return pieces


def _freeway_ends(place: City) -> tuple[float, float]:
    inner = place.land.buffer(-20.0)
    x = np.arange(-6500.0, 6500.0, 10.0)
    inside = x[shapely.contains_xy(inner, x, freeway_y(x))]
    return float(inside.min()), float(inside.max())


def _beside_freeway(start_x: float, end_x: float, offset_m: float) -> shapely.LineString:
    """Return the line at a distance from the freeway's middle, to the left of its west-east course."""
    x = np.linspace(start_x, end_x, max(2, int(abs(end_x - start_x) // 60) + 1))
    slope = (freeway_y(x + 1.0) - freeway_y(x - 1.0)) / 2.0
    norm = np.hypot(1.0, slope)
    return shapely.LineString(np.column_stack([x - offset_m * slope / norm, freeway_y(x) + offset_m / norm]))


def _ramps(i: int) -> list[shapely.LineString]:
    """Return the four one-way ramps of a diamond, from and to the arterial's nodes beside the freeway."""
    half = CARRIAGEWAY_GAP_M / 2
    ramps = []
    for side in (-1, 1):
        v = np.arange(-32.0, -15.0)
        x, y = plan_to_metres(np.full(len(v), float(i)), v)
        gap = (y - freeway_y(x)) * side
        at = int(np.where(gap > 110.0, gap, np.inf).argmin())
        junction = (float(x[at]), float(y[at]))
        center = float(plan_to_metres(i, -24)[0])
        upstream, downstream = center + side * 330.0, center - side * 330.0
        leave = np.asarray(_beside_freeway(upstream, upstream - side * 1.0, side * half).coords)[0]
        enter = np.asarray(_beside_freeway(downstream, downstream - side * 1.0, side * half).coords)[0]
        ramps.append(_curve(tuple(leave), junction, upstream - side * 210.0))
        ramps.append(_curve(tuple(enter), junction, downstream + side * 210.0).reverse())
    return ramps


def _curve(begin: tuple[float, ...], end: tuple[float, float], bend_x: float) -> shapely.LineString:
    """Return a quadratic curve that leaves `begin` almost along the freeway."""
    t = np.linspace(0.0, 1.0, 9)[:, None]
    control = np.array([bend_x, begin[1] + 0.35 * (end[1] - begin[1])])
    points = (1 - t) ** 2 * np.array(begin) + 2 * t * (1 - t) * control + t**2 * np.array(end)
    return shapely.LineString(points)
