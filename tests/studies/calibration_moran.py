"""Does local Moran hold? False alarms on null maps, and odd cells found that Gi* cannot find.

    python -m tests.studies.calibration_moran [--maps 200]

Sections of their own for `calibration`, which writes them out. Every map is made from its own seed.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.hotspots import hotspots
from models.moran import local_moran
from models.moran_rates import local_moran_rates
from models.rates import expected_counts, standardised_rates
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, neighbor_index
from tests.studies import denominators
from tests.studies.page_sections import table_lines

RESOLUTION = 9
RADIUS = 31  # 2,977 cells
ALPHA = 0.05
FALSE_MAPS_BAR = 0.08
RINGS: tuple[int | str, ...] = (1, "auto")
SCENE_MAPS = 40
N_PLACES = 5
TAIL = 0.002
TAIL_MAPS = 15
TAIL_DRAWS = 1999

Counts = NDArray[np.int64]
Draw = Callable[[np.random.Generator, NDArray[np.float64]], Counts]


def negative_binomial(size: float) -> Draw:
    """Return a law with variance mean + mean² / size."""
    return lambda rng, means: rng.negative_binomial(size, size / (size + means))


@dataclass(frozen=True)
class NullLaw:
    name: str
    draw: Draw
    mean: float


NULL_LAWS = (
    *(
        NullLaw(f"Poisson {m:g}", lambda rng, means: rng.poisson(means), m)
        for m in (0.02, 0.1, 0.5, 2.0, 10.0)
    ),
    *(
        NullLaw(f"negative binomial (size {size:g}) {mean:g}", negative_binomial(size), mean)
        for size in (0.5, 1.0)
        for mean in (2.0, 10.0)
    ),
)


#: One rate everywhere, uneven people.
RATE_LAWS = tuple(
    NullLaw(f"{name}, mean {mean:g}", draw, mean)
    for name, draw in (
        ("Poisson", lambda rng, means: rng.poisson(means)),
        ("negative binomial (size 0.5)", negative_binomial(0.5)),
        ("negative binomial (size 1)", negative_binomial(1.0)),
    )
    for mean in (0.1, 0.5, 2.0, 10.0)
)


@dataclass(frozen=True)
class OddCells:
    """Places of `radius` with a mean of their own, in the midst of each one cell that is unlike them."""

    name: str
    quadrant: str
    mean: float
    around: float
    odd: float
    radius: int = 2


ODD_CELLS = (
    OddCells("high cell, low place", "HL", 4, 0.4, 20),
    OddCells("low cell, high place", "LH", 2, 8, 0),
    OddCells("high cell, low place, sparse", "HL", 1, 0.05, 8),
)


#: The same by risk: mean per cell, risk of the place and of its middle against the rest.
ODD_RATES = (
    OddCells("high risk, low place", "HL", 6, 0.1, 5),
    OddCells("low risk, high place", "LH", 4, 4, 0.1),
)


def grid_of_study() -> NeighborIndex:
    """Return a round study area of 2,977 cells."""
    return neighbor_index(disk(cells_at([-111.93], [33.42], RESOLUTION), RADIUS))


def false_map_share(
    index: NeighborIndex, law: NullLaw, k: int | str, maps: int, p_method: str = "auto"
) -> float:
    """Return the share of null maps with at least one cell called."""
    return float(np.mean([_any_called(index, law, k, seed, p_method) for seed in range(maps)]))


def _any_called(index: NeighborIndex, law: NullLaw, k: int | str, seed: int, p_method: str) -> bool:
    rng = np.random.default_rng([seed, 3])
    counts = law.draw(rng, np.full(len(index), law.mean))
    found = local_moran(counts, index, k=k, alpha=ALPHA, p_method=p_method, rng=rng)
    return bool((found.classes != "none").any())


def uneven_map(index: NeighborIndex, law: NullLaw, seed: int) -> tuple[Counts, NDArray[np.float64]]:
    """Return counts of one rate over people with a peak of 16 : 1, and the people."""
    rng = np.random.default_rng([seed, 7])
    people = denominators.people(index, rng)
    return law.draw(rng, expected_counts(law.mean * len(index), people)), people


def false_rate_map_share(index: NeighborIndex, law: NullLaw, k: int | str, maps: int) -> float:
    """Return the share of null maps over uneven people with at least one cell called by its rate."""

    def is_any_called(seed: int) -> bool:
        counts, people = uneven_map(index, law, seed)
        found = local_moran_rates(counts, people, index, k=k, alpha=ALPHA).moran
        return bool((found.classes != "none").any())

    return float(np.mean([is_any_called(seed) for seed in range(maps)]))


def tail_shares(index: NeighborIndex, law: NullLaw, maps: int) -> tuple[float, float]:
    """Return the share of cells with p at or below `TAIL`: of rates, and of standardised rates permuted."""
    found = []
    for seed in range(maps):
        counts, people = uneven_map(index, law, seed)
        ours = local_moran_rates(counts, people, index, k=1, alpha=ALPHA).moran
        permuted = local_moran(
            standardised_rates(counts, people),
            index,
            k=1,
            p_method="monte-carlo",
            simulations=TAIL_DRAWS,
            rng=np.random.default_rng([seed, 8]),
        )
        found.append([float((one.p <= TAIL).mean()) for one in (ours, permuted)])
    own, other = np.mean(found, axis=0).tolist()
    return own, other


@dataclass(frozen=True)
class Found:
    """Means over maps: odd cells called by their name, called by Gi*, and share of called cells far off."""

    called: float
    by_gi_star: float
    off: float


def odd_cells_found(index: NeighborIndex, scene: OddCells, k: int | str, maps: int) -> Found:
    """Return how many odd cells are found, by local Moran and by Gi*."""
    found = [_one_scene(index, scene, k, seed) for seed in range(maps)]
    return Found(*np.mean(found, axis=0).tolist())


def _one_scene(index: NeighborIndex, scene: OddCells, k: int | str, seed: int) -> tuple[float, float, float]:
    rng = np.random.default_rng([seed, 4])
    middles, near = _places(index, scene.radius, rng)
    means = np.where(near, scene.around, scene.mean)
    means[middles] = scene.odd
    counts = rng.poisson(means)
    moran = local_moran(counts, index, k=k, alpha=ALPHA, rng=rng)
    star = hotspots(counts, index, k=1, side="both", alpha=ALPHA, rng=rng)
    called = moran.classes != "none"
    within = np.isin(index.cells, disk(index.cells[near], 3))
    return (
        float((moran.classes[middles] == scene.quadrant).mean()),
        float((star.classes[middles] == ("hot" if scene.quadrant == "HL" else "cold")).mean()),
        float((called & ~within).sum() / max(called.sum(), 1)),
    )


def odd_rates_found(index: NeighborIndex, scene: OddCells, k: int | str, maps: int) -> Found:
    """Return how many odd cells among uneven people are found by rates; beside it by counts alone."""
    found = [_one_rate_scene(index, scene, k, seed) for seed in range(maps)]
    return Found(*np.mean(found, axis=0).tolist())


def _one_rate_scene(
    index: NeighborIndex, scene: OddCells, k: int | str, seed: int
) -> tuple[float, float, float]:
    rng = np.random.default_rng([seed, 9])
    people = denominators.people(index, rng)
    middles, near = _places(index, scene.radius, rng)
    risk = np.where(near, scene.around, 1.0)
    risk[middles] = scene.odd
    counts = rng.poisson(expected_counts(scene.mean * len(index), people) * risk)
    rates = local_moran_rates(counts, people, index, k=k, alpha=ALPHA).moran
    plain = local_moran(counts, index, k=k, alpha=ALPHA, rng=rng)
    called = rates.classes != "none"
    within = np.isin(index.cells, disk(index.cells[near], 3))
    return (
        float((rates.classes[middles] == scene.quadrant).mean()),
        float((plain.classes[middles] == scene.quadrant).mean()),
        float((called & ~within).sum() / max(called.sum(), 1)),
    )


def _places(
    index: NeighborIndex, radius: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the middles of whole disks apart from each other, and all their cells."""
    near = np.zeros(len(index), dtype=bool)
    taken = np.empty(0, dtype=np.uint64)
    middles: list[int] = []
    while len(middles) < N_PLACES:
        middle = int(rng.integers(len(index)))
        members = disk(index.cells[middle : middle + 1], radius)
        wide = disk(index.cells[middle : middle + 1], radius + 4)
        if np.isin(members, index.cells).all() and not np.isin(wide, taken).any():
            near |= np.isin(index.cells, members)
            taken = np.concatenate([taken, members])
            middles.append(middle)
    return np.array(middles), near


def null_rows(index: NeighborIndex, maps: int) -> Iterator[list[str]]:
    """Yield the rows of the first table."""
    for law in NULL_LAWS:
        shares = [false_map_share(index, law, k, maps) for k in RINGS]
        yield [law.name, *(f"**{100 * s:.1f}**" if s > FALSE_MAPS_BAR else f"{100 * s:.1f}" for s in shares)]


def odd_rows(index: NeighborIndex, maps: int) -> Iterator[list[str]]:
    """Yield the rows of the second table."""
    for scene in ODD_CELLS:
        row = [scene.name, scene.quadrant, f"{scene.mean:g} / {scene.around:g} / {scene.odd:g}"]
        for k in RINGS:
            found = odd_cells_found(index, scene, k, maps)
            row.append(f"{found.called:.2f} ({found.off:.2f})")
        yield [*row, f"{found.by_gi_star:.2f}"]


def rate_rows(index: NeighborIndex, maps: int) -> Iterator[list[str]]:
    """Yield the rows of the table about rates."""
    for law in RATE_LAWS:
        shares = [false_rate_map_share(index, law, k, maps) for k in RINGS]
        tails = tail_shares(index, law, min(maps, TAIL_MAPS))
        yield [
            law.name,
            *(f"**{100 * s:.1f}**" if s > FALSE_MAPS_BAR else f"{100 * s:.1f}" for s in shares),
            *(f"{100 * s:.2f}" for s in tails),
        ]


def odd_rate_rows(index: NeighborIndex, maps: int) -> Iterator[list[str]]:
    """Yield the rows of the table about odd cells among uneven people."""
    for scene in ODD_RATES:
        row = [scene.name, scene.quadrant, f"1 / {scene.around:g} / {scene.odd:g}"]
        for k in RINGS:
            found = odd_rates_found(index, scene, k, maps)
            row.append(f"{found.called:.2f} ({found.off:.2f})")
        yield [*row, f"{found.by_gi_star:.2f}"]


def sections(maps: int) -> Iterator[str]:
    """Yield the lines of both tables with their captions, as they are found."""
    index, scenes = grid_of_study(), min(maps, SCENE_MAPS)
    yield from (
        "## Local Moran: false alarms",
        "",
        "Share (%) of maps without any pattern on which at least one cell is called HH, LL, HL or LH, exact "
        f"two-sided p, {maps} maps a figure, 2,977 cells. Wanted: at most {100 * FALSE_MAPS_BAR:g} % (more "
        "is set in bold).",
        "",
    )
    yield from table_lines(["law, mean per cell", *(f"k={k}" for k in RINGS)], null_rows(index, maps))
    yield from (
        "",
        "## Local Moran: odd cells",
        "",
        f"{N_PLACES} places of radius 2 with a mean of their own, in the midst of each one cell unlike them. "
        "Share of these cells that is called by the right name, in brackets the share of called cells that "
        "lie more than three cells from any place; beside it the share that Gi* (k=1, both sides) calls hot "
        f"(HL) or cold (LH). {scenes} maps a figure.",
        "",
    )
    head = ["scene", "name", "mean / place / cell", *(f"k={k}" for k in RINGS), "Gi*"]
    yield from table_lines(head, odd_rows(index, scenes))
    yield from (
        "",
        "## Local Moran of rates: false alarms",
        "",
        "The same where the rate is one everywhere and the people are not: one peak of "
        f"{denominators.PEAK} : 1, times log-normal noise of log-sd {denominators.SPREAD:g}. Negative "
        f"binomial p, {maps} maps a figure; wanted: at most {100 * FALSE_MAPS_BAR:g} %. Beside it the share "
        f"(%) of cells with p at or below {100 * TAIL:g} % at k=1, and the same where standardised rates are "
        f"permuted ({TAIL_DRAWS:,} draws), which is not offered: more than {100 * TAIL:g} is too many. "
        f"{min(maps, TAIL_MAPS)} maps a figure.",
        "",
    )
    columns = ["law", *(f"k={k}" for k in RINGS), "tail", "tail, permuted"]
    yield from table_lines(columns, rate_rows(index, maps))
    yield from (
        "",
        "## Local Moran of rates: odd cells",
        "",
        "Places and cells of their own risk among the same people, as above; the last column is what the "
        f"counts alone call by that name (k={RINGS[-1]}). {scenes} maps a figure.",
        "",
    )
    head = ["scene", "name", "risk / place / cell", *(f"k={k}" for k in RINGS), "counts alone"]
    yield from table_lines(head, odd_rate_rows(index, scenes))
    yield ""


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--maps", type=int, default=200)
    for line in sections(parser.parse_args().maps):
        print(line, flush=True)


if __name__ == "__main__":
    main()
