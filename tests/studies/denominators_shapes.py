"""Do hotspots with a denominator hold where the study is not tidy? Null maps over odd shapes and odd people.

    python -m tests.studies.denominators_shapes [--maps 100] [--out docs/calibration-denominators.md]

`denominators` asks the same over one round study area; its generator is not used here.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from models.hotspots import hotspots
from models.rates import expected_counts
from spatial.grid import cells_at, centers, disk
from spatial.neighbors import NeighborIndex, neighbor_index

LNG, LAT = -111.93, 33.42
RADIUS = 18
#: Columns of the table: ring, side, level.
COLUMNS: tuple[tuple[int | str, str, float], ...] = (
    (1, "hot", 0.05),
    ("auto", "hot", 0.01),
    ("auto", "hot", 0.05),
    ("auto", "hot", 0.1),
    ("auto", "cold", 0.05),
)
LAWS = ((0.0, 2.0), (2.0, 2.0))

Floats = NDArray[np.float64]
Generator = np.random.Generator

_HEAD = """\
# Calibration of the hotspots with a denominator: odd shapes, odd people

Made by `python -m tests.studies.denominators_shapes --maps {maps} --out docs/calibration-denominators.md`;
seeds are fixed. The plain case stands in [calibration.md](calibration.md).

Share (%) of maps with at least one cell called, {maps} maps a figure; variance of a cell mean + φ mean². In
all rows but the last two the rate is the same everywhere, so every call is false. A true share of 5 % shows
as more than 10 % once in {once} figures.

"""
_TAIL = """
- *Passers-by*: three of five cells have no people, and every cell holds a fifth of the mean besides what its
  people bring. The null takes the background from the cells without people, at its lower limit: the share
  of false maps falls, but at φ = 0 not below 8 %.
- *Uneven in 20 polygons*: people are known for 20 polygons only and live unevenly within them (log-sd 1
  between patches of a dozen cells). No test on finer cells can hold there: what is called is where people
  really live. The service says so (`population_in_coarse_polygons` and a note); ask on coarser cells or with
  finer people.
"""


@dataclass(frozen=True)
class Scene:
    """A study area, the people that are known, and what brings the incidents."""

    name: str
    index: NeighborIndex
    people: Callable[[NeighborIndex, Generator], Floats]
    true: Callable[[NeighborIndex, Generator, Floats], Floats] = lambda _index, _rng, people: people


def area(resolution: int, radius: int) -> NeighborIndex:
    """Return a round study area."""
    return neighbor_index(disk(cells_at([LNG], [LAT], resolution), radius))


def strip() -> NeighborIndex:
    """Return a study area five cells wide and some 200 long."""
    along = np.linspace(-0.35, 0.35, 2000)
    return neighbor_index(disk(np.unique(cells_at(LNG + along, np.full(2000, LAT), 9)), 2))


def peaked(at: float, width: float) -> Callable[[NeighborIndex, Generator], Floats]:
    """Return people with a peak of 16 : 1 on the way to the eastern rim, times log-normal noise."""

    def people(index: NeighborIndex, rng: Generator) -> Floats:
        x, y = _plane(index)
        away = ((x - at) ** 2 + y**2) / width**2
        return np.asarray((1 + 15 * np.exp(-away / 2)) * np.exp(rng.normal(0, 0.5, len(x))))

    return people


def with_holes(index: NeighborIndex, rng: Generator) -> Floats:
    """Return people in two of five cells."""
    found: Floats = peaked(0, 0.3)(index, rng) * (rng.random(len(index)) < 0.4)
    return found


def heavy_tailed(index: NeighborIndex, rng: Generator) -> Floats:
    """Return people of which a few cells hold most."""
    found: Floats = rng.pareto(1.2, len(index)) + 0.01
    return found


def in_polygons(index: NeighborIndex, rng: Generator) -> Floats:
    """Return people spread evenly within 20 polygons of unlike density."""
    x, y = _plane(index)
    seeds = rng.choice(len(x), 20, replace=False)
    owner = ((x[:, None] - x[seeds]) ** 2 + (y[:, None] - y[seeds]) ** 2).argmin(axis=1)
    found: Floats = np.exp(rng.normal(0, 1, 20))[owner]
    return found


def passers_by(index: NeighborIndex, rng: Generator, people: Floats) -> Floats:
    """Return people and, everywhere, a fifth of their mean."""
    found: Floats = people + 0.2 * people.mean()
    return found


def uneven_within(index: NeighborIndex, rng: Generator, people: Floats) -> Floats:
    """Return people that live unevenly, where only the sums of the polygons are known."""
    x, y = _plane(index)
    knots = rng.choice(len(x), len(x) // 12, replace=False)
    nearest = ((x[:, None] - x[knots]) ** 2 + (y[:, None] - y[knots]) ** 2).argmin(axis=1)
    true: Floats = people * np.exp(rng.normal(0, 1, len(knots)))[nearest]
    for density in np.unique(people):
        inside = people == density
        true[inside] *= people[inside].sum() / true[inside].sum()
    return true


def scenes() -> Iterator[Scene]:
    """Yield all scenes, those that must hold first."""
    round_area = area(9, RADIUS)
    yield Scene("peak at the rim", round_area, peaked(1.0, 0.3))
    yield Scene("long and narrow", strip(), peaked(0.0, 0.1))
    yield Scene("three of five cells empty", round_area, with_holes)
    yield Scene("heavy-tailed people (Pareto 1.2)", round_area, heavy_tailed)
    yield Scene("20 polygons", round_area, in_polygons)
    yield Scene("91 cells", area(9, 5), peaked(0.0, 0.3))
    yield Scene("resolution 8", area(8, RADIUS), peaked(0.0, 0.3))
    yield Scene("resolution 10", area(10, RADIUS), peaked(0.0, 0.3))
    yield Scene("passers-by", round_area, with_holes, passers_by)
    yield Scene("uneven in 20 polygons", round_area, in_polygons, uneven_within)


def false_shares(scene: Scene, phi: float, mean: float, maps: int) -> list[float]:
    """Return the share of maps with a call, for every column."""
    called = np.array([_called(scene, phi, mean, seed) for seed in range(maps)])
    return [float(share) for share in called.mean(axis=0)]


def _called(scene: Scene, phi: float, mean: float, seed: int) -> list[bool]:
    rng = np.random.default_rng([seed, 21])
    people = scene.people(scene.index, rng)
    rates = expected_counts(mean * len(people), scene.true(scene.index, rng, people))
    counts = rng.poisson(rates if phi == 0 else rates * rng.gamma(1 / phi, phi, len(rates)))
    expected = expected_counts(int(counts.sum()), people)
    smallest = {
        (k, side): _smallest_q(counts, scene.index, expected, k, side)
        for k, side in {(k, side) for k, side, _ in COLUMNS}
    }
    return [smallest[k, side] <= alpha for k, side, alpha in COLUMNS]


def _smallest_q(
    counts: NDArray[np.int64], index: NeighborIndex, expected: Floats, k: int | str, side: str
) -> float:
    rng = np.random.default_rng(0)  # never drawn from: p has a closed form
    return float(np.nanmin(hotspots(counts, index, k=k, side=side, expected=expected, rng=rng).q, initial=1))


def _plane(index: NeighborIndex) -> tuple[Floats, Floats]:
    """Return where the cells lie, from -1 to 1 in the wider direction."""
    lng, lat = centers(index.cells)
    x, y = (lng - lng.mean()) * np.cos(np.radians(LAT)), lat - lat.mean()
    half = max(float(np.abs(x).max()), float(np.abs(y).max()))
    return x / half, y / half


def page(maps: int) -> Iterator[str]:
    """Yield the page, a line at a time."""
    yield _HEAD.format(maps=maps, once=round(1 / max(1 - _binomial_cdf(maps), 1e-9)))
    names = [f"k={k} {side}, α = {alpha:g}" for k, side, alpha in COLUMNS]
    yield f"| scene | cells | law | {' | '.join(names)} |\n| --- | ---: | --- |{' ---: |' * len(names)}\n"
    for scene in scenes():
        for phi, mean in LAWS:
            shares = " | ".join(f"{100 * share:.0f}" for share in false_shares(scene, phi, mean, maps))
            yield f"| {scene.name} | {len(scene.index):,} | φ = {phi:g}, mean {mean:g} | {shares} |\n"
    yield _TAIL


def _binomial_cdf(maps: int) -> float:
    return float(binom.cdf(maps // 10, maps, 0.05))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies.denominators_shapes", description=__doc__)
    parser.add_argument("--maps", type=int, default=40)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args(arguments)
    lines = []
    for line in page(chosen.maps):
        lines.append(line)
        print(line, end="", file=sys.stderr, flush=True)
    if chosen.out:
        chosen.out.write_text("".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
