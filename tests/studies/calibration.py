"""Do the hotspots hold? False alarms on null maps, and planted truth found.

    python -m tests.studies.calibration [--maps 200] [--out docs/calibration.md]

Every map is made from its own seed, so a table can be repeated to the last digit. A method is one row of
`METHODS`, a null law one row of `NULL_LAWS`, a planted scene one row of `SCENES`.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.hotspots import hotspots
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, disk_sums, neighbor_index
from tests.studies import calibration_emerging, calibration_moran, denominators
from tests.studies.page_sections import table_lines

RESOLUTION = 9
RADIUS = 31  # 2,977 cells
ALPHA = 0.05
FALSE_MAPS_BAR = 0.08
RECALL_BAR = 0.05
SIDES = ("hot", "both")
CONTRAST_MAPS = 40  # for methods that are known to fail
SCENE_MAPS = 40
RINGS: tuple[int | str, ...] = (1, 2, "auto")

Counts = NDArray[np.int64]
Draw = Callable[[np.random.Generator, NDArray[np.float64]], Counts]


def poisson(rng: np.random.Generator, means: NDArray[np.float64]) -> Counts:
    return rng.poisson(means)


def negative_binomial(rng: np.random.Generator, means: NDArray[np.float64]) -> Counts:
    size = 0.5  # variance: mean + mean² / size
    return rng.negative_binomial(size, size / (size + means))


@dataclass(frozen=True)
class NullLaw:
    name: str
    draw: Draw
    mean: float


NULL_LAWS = (
    *(NullLaw(f"Poisson {mean:g}", poisson, mean) for mean in (0.02, 0.1, 0.5, 2.0, 10.0)),
    *(NullLaw(f"negative binomial (size .5) {mean:g}", negative_binomial, mean) for mean in (2.0, 10.0)),
)
METHODS = {"exact": "auto", "normal": "normal"}


@dataclass(frozen=True)
class Scene:
    """Five discs with a risk of their own; `reference` holds the recall to be met with side=both, by k."""

    mean: float
    relative_risk: float
    radius: int
    reference: dict[int | str, float]

    @property
    def name(self) -> str:
        return f"mean {self.mean:g}, RR {self.relative_risk:g}, radius {self.radius}"


SCENES = (
    Scene(0.5, 3, 3, {1: 0.07, 2: 0.41, 3: 0.60, "auto": 0.54}),
    Scene(2.0, 2, 3, {1: 0.15, 2: 0.55, 3: 0.72}),
    Scene(0.5, 6, 1, {}),
    Scene(2.0, 3, 1, {}),
)


def grid_of_study() -> NeighborIndex:
    """Return a round study area of 2,977 cells."""
    return neighbor_index(disk(cells_at([-111.93], [33.42], RESOLUTION), RADIUS))


def false_map_share(
    index: NeighborIndex, law: NullLaw, k: int | str, side: str, p_method: str, maps: int
) -> float:
    """Return the share of null maps with at least one cell called."""
    return float(np.mean([_any_called(index, law, k, side, p_method, seed) for seed in range(maps)]))


def _any_called(
    index: NeighborIndex, law: NullLaw, k: int | str, side: str, p_method: str, seed: int
) -> bool:
    rng = np.random.default_rng([seed, 1])
    counts = law.draw(rng, np.full(len(index), law.mean))
    found = hotspots(counts, index, k=k, side=side, p_method=p_method, alpha=ALPHA, rng=rng)
    return bool((found.classes != "none").any())


@dataclass(frozen=True)
class Recovery:
    """Means over maps.

    `recall`: share of the planted cells that is called hot. `off_discs`: share of all called cells that is
    not planted (or called cold). `off_rings`: the same, but a hot cell is right with a planted cell within
    its ring, for what it says is that its disk is high.
    """

    recall: float
    off_discs: float
    off_rings: float


def recovery(
    index: NeighborIndex, scene: Scene, k: int | str, side: str, maps: int, p_method: str = "auto"
) -> Recovery:
    """Return how much of the planted truth is found, and how much else."""
    found = [_one_recovery(index, scene, k, side, p_method, seed) for seed in range(maps)]
    return Recovery(*np.mean(found, axis=0).tolist())


def _one_recovery(
    index: NeighborIndex, scene: Scene, k: int | str, side: str, p_method: str, seed: int
) -> tuple[float, float, float]:
    rng = np.random.default_rng([seed, 2])
    planted = planted_discs(index, scene.radius, rng)
    means = np.where(planted, scene.mean * scene.relative_risk, scene.mean)
    found = hotspots(rng.poisson(means), index, k=k, side=side, p_method=p_method, alpha=ALPHA, rng=rng)
    is_hot, n_called = found.classes == "hot", max(int((found.classes != "none").sum()), 1)
    near = np.zeros(len(index), dtype=bool)
    for ring in np.unique(found.ring):
        near |= (found.ring == ring) & (disk_sums(index, planted.astype(np.int64), int(ring)) > 0)
    n_cold = int((found.classes == "cold").sum())
    off_discs, off_rings = int((is_hot & ~planted).sum()), int((is_hot & ~near).sum())
    return float(is_hot[planted].mean()), (off_discs + n_cold) / n_called, (off_rings + n_cold) / n_called


def planted_discs(
    index: NeighborIndex, radius: int, rng: np.random.Generator, n_discs: int = 5
) -> NDArray[np.bool_]:
    """Return five whole discs, at least four cells apart."""
    planted = np.zeros(len(index), dtype=bool)
    taken = np.empty(0, dtype=np.uint64)
    n_placed = 0
    while n_placed < n_discs:
        centre = index.cells[rng.integers(len(index))]
        members = disk([centre], radius)
        if np.isin(members, index.cells).all() and not np.isin(disk([centre], radius + 4), taken).any():
            planted |= np.isin(index.cells, members)
            taken = np.concatenate([taken, members])
            n_placed += 1
    return planted


def null_rows(maps: int) -> Iterator[list[str]]:
    """Yield the rows of the first table."""
    index = grid_of_study()
    for law in NULL_LAWS:
        row = [law.name]
        for p_method in METHODS.values():
            for side in SIDES:
                for k in RINGS:
                    share = false_map_share(index, law, k, side, p_method, maps)
                    above = p_method == "auto" and share > FALSE_MAPS_BAR
                    row.append(f"**{100 * share:.1f}**" if above else f"{100 * share:.1f}")
        yield row


def planted_rows(maps: int) -> Iterator[list[str]]:
    """Yield the rows of the second table."""
    index = grid_of_study()
    for scene in SCENES:
        for side in ("both", "hot"):
            row = [scene.name, side]
            for k in (1, 2, 3, "auto"):
                found = recovery(index, scene, k, side, maps)
                aim = f"; aim {scene.reference[k]:.2f}" if side == "both" and k in scene.reference else ""
                row.append(f"{found.recall:.2f} ({found.off_discs:.2f}, {found.off_rings:.2f}{aim})")
            yield row


def markdown(maps: int) -> str:
    """Return both tables with their captions."""
    columns = [f"{name} {side} k={k}" for name in METHODS for side in SIDES for k in RINGS]
    return "\n".join(
        [
            "# Calibration of the hotspots",
            "",
            f"Made by `python -m tests.studies.calibration --maps {maps}`; seeds are fixed.",
            f"Study area: 2,977 cells, a disk of radius {RADIUS} at resolution {RESOLUTION}; "
            f"level {ALPHA:g}.",
            "",
            "## False alarms",
            "",
            "Share (%) of maps without any hotspot on which at least one cell is called, "
            f"{maps} maps a figure. Wanted with the exact p: at most {100 * FALSE_MAPS_BAR:g} % "
            "(more is set in bold). The normal p stands beside it for contrast.",
            "",
            *table_lines(["law, mean per cell", *columns], null_rows(maps)),
            "",
            "## Planted hotspots",
            "",
            "Five discs of raised risk, exact p. First the share of their cells that is called hot. "
            "In brackets the share of called cells that are not planted, and the same where a hot cell "
            "counts as right with a planted cell within its ring, as it says that its disk is high. "
            f"Wanted with side=both: recall within {RECALL_BAR:g} of the aim. {maps} maps a figure.",
            "",
            *table_lines(["scene", "side", "k=1", "k=2", "k=3", "k=auto"], planted_rows(maps)),
            "",
            *with_denominator(maps),
            *calibration_moran.sections(maps),
            *calibration_emerging.sections(maps),
        ]
    )


def with_denominator(maps: int) -> list[str]:
    """Return the tables about expected counts with their captions."""
    index = grid_of_study()
    return denominator_sections(
        maps,
        denominators.denominator_rows(index, maps, min(maps, CONTRAST_MAPS), FALSE_MAPS_BAR),
        denominators.pile_rows(index, min(maps, SCENE_MAPS)),
        denominators.village_rows(index, min(maps, SCENE_MAPS)),
    )


def denominator_sections(
    maps: int, nulls: Iterator[list[str]], piles: Iterator[list[str]], villages: Iterator[list[str]]
) -> list[str]:
    """Put the captions to the rows."""
    columns = [f"{method} k={k}" for method in denominators.METHODS for k in denominators.RINGS]
    return [
        "## False alarms with a denominator",
        "",
        "Share (%) of maps with at least one cell called hot where the rate is the same everywhere and the "
        f"people are not: one peak of {denominators.PEAK} : 1, times log-normal noise of log-sd "
        f"{denominators.SPREAD:g}; variance of a cell mean + φ mean². {maps} maps a figure, "
        f"{min(maps, CONTRAST_MAPS)} for binomial, which stands for contrast. "
        f"Wanted with negative-binomial: at most {100 * FALSE_MAPS_BAR:g} % (more is set in bold).",
        "",
        *table_lines(["law, mean per cell", *columns], nulls),
        "",
        "## One pile",
        "",
        "Five discs of radius 3 at raised risk over the same people. Recall, and the fitted dispersion, "
        f"without → with {denominators.PILE} incidents in one cell elsewhere. "
        f"{min(maps, SCENE_MAPS)} maps a figure.",
        "",
        *table_lines(["scene", "k", "recall", "φ"], piles),
        "",
        "## A village at risk beside a city",
        "",
        "Seven cells near the rim at raised risk, and the 61 cells at the peak of the population at the "
        f"common one; k=auto, mean 2 a cell. {min(maps, SCENE_MAPS)} maps a figure. "
        "Village / city: incidents a cell, and share of the cells called hot.",
        "",
        *table_lines(["scene", "incidents a cell", "called", "called without denominator"], villages),
        "",
    ]


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--maps", type=int, default=200)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    text = markdown(arguments.maps)
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
