"""Do hotspots with a denominator hold? Null maps over uneven people, a pile, and a small place at high risk.

Tables of their own for `calibration`, which writes them out. Every map is made from its own seed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.hotspots import Hotspots, hotspots
from models.rates import expected_counts
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, disk_sums

ALPHA = 0.05
PEAK = 16
PEAK_CELLS = 8  # standard deviation of the peak, in cells
SPREAD = 0.5  # standard deviation of the logarithm from cell to cell
PILE = 300
RINGS: tuple[int | str, ...] = (1, 2, "auto")
METHODS = ("negative-binomial", "binomial")

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class UnevenLaw:
    """A constant rate over uneven people; variance of a cell: mean + phi · mean²."""

    phi: float
    mean: float

    @property
    def name(self) -> str:
        return f"φ = {self.phi:g}, mean {self.mean:g}"


UNEVEN_LAWS = tuple(UnevenLaw(phi, mean) for phi in (0.0, 2.0) for mean in (0.1, 0.5, 2.0, 10.0))


def people(index: NeighborIndex, rng: np.random.Generator) -> Floats:
    """Return a population with one peak of 16 : 1 in the middle, times log-normal noise."""
    smooth = 1 + (PEAK - 1) * np.exp(-((_steps(index) / PEAK_CELLS) ** 2) / 2)
    return np.asarray(smooth * np.exp(rng.normal(0, SPREAD, len(index))), dtype=np.float64)


def drawn(rng: np.random.Generator, means: Floats, phi: float) -> Counts:
    """Return counts with these means and variance mean + phi · mean²."""
    return rng.poisson(means if phi == 0 else means * rng.gamma(1 / phi, phi, len(means)))


def false_map_share(index: NeighborIndex, law: UnevenLaw, k: int | str, p_method: str, maps: int) -> float:
    """Return the share of null maps with at least one cell called hot."""
    return float(np.mean([_any_called(index, law, k, p_method, seed) for seed in range(maps)]))


def _any_called(index: NeighborIndex, law: UnevenLaw, k: int | str, p_method: str, seed: int) -> bool:
    rng = np.random.default_rng([seed, 3])
    population = people(index, rng)
    counts = drawn(rng, expected_counts(law.mean * len(index), population), law.phi)
    return bool((_found(counts, index, population, k, p_method).classes == "hot").any())


@dataclass(frozen=True)
class PileEffect:
    """Recall of five planted discs without and with a pile, and the dispersion fitted; means over maps."""

    recall: float
    recall_with_pile: float
    phi: float
    phi_with_pile: float


def pile_effect(
    index: NeighborIndex, mean: float, relative_risk: float, phi: float, k: int | str, maps: int
) -> PileEffect:
    """Return what one cell with 300 incidents does to five planted discs of radius 3."""
    found = [_one_pile(index, mean, relative_risk, phi, k, seed) for seed in range(maps)]
    return PileEffect(*np.mean(found, axis=0).tolist())


def _one_pile(
    index: NeighborIndex, mean: float, relative_risk: float, phi: float, k: int | str, seed: int
) -> tuple[float, float, float, float]:
    rng = np.random.default_rng([seed, 4])
    population = people(index, rng)
    planted, pile = _discs_and_a_cell(index, rng)
    rates = expected_counts(mean * len(index), population) * np.where(planted, relative_risk, 1)
    counts = drawn(rng, rates, phi)
    plain = _found(counts, index, population, k)
    counts[pile] += PILE
    piled = _found(counts, index, population, k)
    recalls = [float((found.classes == "hot")[planted].mean()) for found in (plain, piled)]
    return recalls[0], recalls[1], plain.diagnostics["phi"], piled.diagnostics["phi"]


@dataclass(frozen=True)
class SmallPlace:
    """Means over maps, for a village at raised risk beside a city at the common one.

    `found`: share of the village's cells called hot with a denominator; `city`: the same of the city's cells,
    which hold more incidents each. The same without a denominator beside it.
    """

    found: float
    city: float
    found_without: float
    city_without: float
    incidents_village: float
    incidents_city: float


def small_place(index: NeighborIndex, relative_risk: float, phi: float, maps: int) -> SmallPlace:
    """Return what is called: seven cells at raised risk near the rim, or the peak of the population."""
    found = [_one_village(index, relative_risk, phi, seed) for seed in range(maps)]
    return SmallPlace(*np.mean(found, axis=0).tolist())


def _one_village(index: NeighborIndex, relative_risk: float, phi: float, seed: int) -> list[float]:
    rng = np.random.default_rng([seed, 5])
    population, steps = people(index, rng), _steps(index)
    centre = index.cells[rng.choice(np.flatnonzero((steps > 20) & (steps < 28)))]
    village, city = np.isin(index.cells, disk([centre], 1)), steps <= 4
    rates = expected_counts(2.0 * len(index), population) * np.where(village, relative_risk, 1)
    counts = drawn(rng, rates, phi)
    with_people = _found(counts, index, population, "auto").classes == "hot"
    without = hotspots(counts, index, alpha=ALPHA, rng=np.random.default_rng(0)).classes == "hot"
    shares = [float(called[place].mean()) for called in (with_people, without) for place in (village, city)]
    return [*shares, float(counts[village].mean()), float(counts[city].mean())]


def denominator_rows(index: NeighborIndex, maps: int, contrast_maps: int, bar: float) -> Iterator[list[str]]:
    """Yield the rows of the table of false alarms."""
    for law in UNEVEN_LAWS:
        row = [law.name]
        for p_method in METHODS:
            n = maps if p_method == METHODS[0] else contrast_maps
            for k in RINGS:
                share = false_map_share(index, law, k, p_method, n)
                above = p_method == METHODS[0] and share > bar
                row.append(f"**{100 * share:.1f}**" if above else f"{100 * share:.1f}")
        yield row


def pile_rows(index: NeighborIndex, maps: int) -> Iterator[list[str]]:
    """Yield the rows of the table about the pile."""
    for mean, relative_risk, phi in ((0.5, 3.0, 0.0), (0.5, 3.0, 0.15), (2.0, 2.0, 0.15)):
        for k in RINGS:
            e = pile_effect(index, mean, relative_risk, phi, k, maps)
            recalls = f"{e.recall:.2f} → {e.recall_with_pile:.2f}"
            phis = f"{e.phi:.2f} → {e.phi_with_pile:.2f}"
            yield [f"mean {mean:g}, RR {relative_risk:g}, φ = {phi:g}", f"k={k}", recalls, phis]


def village_rows(index: NeighborIndex, maps: int) -> Iterator[list[str]]:
    """Yield the rows of the table about the village."""
    for relative_risk, phi in ((4.0, 0.0), (6.0, 0.0), (8.0, 0.5)):
        s = small_place(index, relative_risk, phi, maps)
        yield [
            f"RR {relative_risk:g}, φ = {phi:g}",
            f"{s.incidents_village:.1f} / {s.incidents_city:.1f}",
            f"{s.found:.2f} / {s.city:.2f}",
            f"{s.found_without:.2f} / {s.city_without:.2f}",
        ]


def _found(
    counts: Counts, index: NeighborIndex, population: Floats, k: int | str, p_method: str = "auto"
) -> Hotspots:
    expected = expected_counts(int(counts.sum()), population)
    rng = np.random.default_rng(0)  # never drawn from: p has a closed form
    return hotspots(counts, index, k=k, expected=expected, p_method=p_method, alpha=ALPHA, rng=rng)


def _steps(index: NeighborIndex) -> Floats:
    """Return how many steps every cell lies from the middle of the study area."""
    middle = cells_at([-111.93], [33.42], index.resolution)
    steps = np.zeros(len(index))
    inside = np.isin(index.cells, middle).astype(np.int64)
    for radius in range(1, len(index)):
        inside = (disk_sums(index, inside, 1) > 0).astype(np.int64)
        steps[(inside == 1) & (steps == 0)] = radius
        if inside.all():
            break
    steps[np.isin(index.cells, middle)] = 0
    return steps


def _discs_and_a_cell(index: NeighborIndex, rng: np.random.Generator) -> tuple[NDArray[np.bool_], int]:
    """Return five discs of radius 3, and a cell far from all of them."""
    planted = np.zeros(len(index), dtype=bool)
    free = np.ones(len(index), dtype=bool)
    for _ in range(5):
        centre = index.cells[rng.choice(np.flatnonzero(free))]
        planted |= np.isin(index.cells, disk([centre], 3))
        free &= ~np.isin(index.cells, disk([centre], 10))
    return planted, int(rng.choice(np.flatnonzero(free)))
