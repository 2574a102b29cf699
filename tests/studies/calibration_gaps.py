"""Do the hotspots of unserved shares hold? Null maps, laws that the model does not know, deserts.

`python -m tests.studies.calibration_gaps --maps 200` writes docs/calibration-gaps.md. Every map is made from
its own seed.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.gaps import gaps
from models.hotspots import hotspots
from models.rates import expected_counts
from spatial.contiguity import contiguity
from spatial.grid import boundaries, disk
from spatial.neighbors import NeighborIndex, neighbor_index
from tests.studies.page_sections import table_lines

ALPHA = 0.05
BAR = 8.0  # per cent of null maps with anything called
CENTER = 0x892A1358B17FFFF
RADIUS = 11
PEAK, PEAK_CELLS, SPREAD = 16, 4, 1.0
MEAN_LOCATIONS = 30
CONTRAST_MAPS = 20
SHARES = (0.02, 0.1, 0.3, 0.6)
RHOS = (0.0, 0.1, 0.5, 0.85)

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
PAGE = Path(__file__).parents[2] / "docs" / "calibration-gaps.md"


@dataclass(frozen=True)
class ShareLaw:
    """How the shares of units scatter around one mean; `kind` beta, or one that the model does not know."""

    mean: float
    rho: float
    kind: str = "beta"

    def drawn(self, rng: np.random.Generator, n: int) -> Floats:
        """Return a share per unit."""
        if self.kind == "all or nothing":
            sure = np.where(rng.random(n) < self.mean, 1.0, 0.0)
            return np.where(rng.random(n) < 0.2, rng.beta(2 * self.mean, 2 * (1 - self.mean), n), sure)
        if self.kind == "two kinds of place":
            return np.where(rng.random(n) < 0.3, 3 * self.mean, self.mean / 7)
        if self.rho == 0:
            return np.full(n, self.mean)
        total = (1 - self.rho) / self.rho
        return rng.beta(self.mean * total, (1 - self.mean) * total, n)


NULL_LAWS = tuple(ShareLaw(mean, rho) for mean in SHARES for rho in RHOS)
STRANGE_LAWS = tuple(
    ShareLaw(mean, 0.0, kind) for kind in ("all or nothing", "two kinds of place") for mean in (0.05, 0.2)
)
DESERT_LAWS = tuple(ShareLaw(mean, rho) for mean in (0.02, 0.1, 0.3) for rho in RHOS)


def grid_of_study() -> NeighborIndex:
    """Return a round study area."""
    return neighbor_index(disk([CENTER], RADIUS))


def locations(index: NeighborIndex, rng: np.random.Generator) -> Counts:
    """Return homes: a peak of 16 : 1 in the middle, times log-normal noise; some cells have none."""
    steps = _steps(index)
    smooth = 1 + (PEAK - 1) * np.exp(-((steps / PEAK_CELLS) ** 2) / 2)
    uneven = smooth * np.exp(rng.normal(0, SPREAD, len(index)))
    return np.asarray(rng.poisson(uneven * (MEAN_LOCATIONS / uneven.mean())), dtype=np.int64)


def false_map_share(index: NeighborIndex, law: ShareLaw, maps: int, *, side: str = "hot") -> float:
    """Return the share of null maps with a cell that is called."""
    called = []
    for seed in range(maps):
        rng = np.random.default_rng([seed, 11])
        n = locations(index, rng)
        found = gaps(rng.binomial(n, law.drawn(rng, len(n))), n, index, side=side, alpha=ALPHA)
        called.append((found.classes != "none").any())
    return float(np.mean(called))


def false_area_map_share(index: NeighborIndex, law: ShareLaw, maps: int) -> float:
    """Return the same where the cells are taken for areas that border on one another."""
    neighbors = contiguity(boundaries(index.cells))
    called = []
    for seed in range(maps):
        rng = np.random.default_rng([seed, 12])
        n = 10 * locations(index, rng)
        found = gaps(rng.binomial(n, law.drawn(rng, len(n))), n, neighbors, alpha=ALPHA)
        called.append((found.classes != "none").any())
    return float(np.mean(called))


@dataclass(frozen=True)
class Desert:
    """Means over maps: share of the desert called hot, and of a dense place with an ordinary share.

    `by_rate`: the desert by the negative binomial test of `hotspots`, which knows no bound. `more`: how many
    times the unserved locations of a cell of the desert a cell of the dense place holds.
    """

    found: float
    dense: float
    by_rate: float
    more: float


def desert(index: NeighborIndex, law: ShareLaw, maps: int) -> Desert:
    """Return what is called: 19 cells of few homes at a share of .95, and the peak of the homes."""
    rows = []
    for seed in range(maps):
        rng = np.random.default_rng([seed, 13])
        steps = _steps(index)
        center = index.cells[rng.choice(np.flatnonzero((steps > 5) & (steps < 9)))]
        dry, dense = np.isin(index.cells, disk([center], 2)), steps <= 1
        n, share = locations(index, rng), law.drawn(rng, len(index))
        n[dry], share[dry], share[dense] = 8, 0.95, law.mean
        n[dense] = np.maximum(n[dense], int(16 / law.mean))
        u = rng.binomial(n, share)
        found = gaps(u, n, index, alpha=ALPHA).classes == "hot"
        expected = expected_counts(float(u.sum()), n)
        rate = hotspots(u, index, expected=expected, alpha=ALPHA, rng=rng).classes == "hot"
        rows.append(
            [found[dry].mean(), found[dense].mean(), rate[dry].mean(), u[dense].mean() / u[dry].mean()]
        )
    return Desert(*np.mean(rows, axis=0).tolist())


def _steps(index: NeighborIndex) -> Floats:
    """Return how many steps each cell is from the middle."""
    steps = np.full(len(index), float(RADIUS))
    for k in range(RADIUS - 1, -1, -1):
        steps[np.isin(index.cells, disk([CENTER], k))] = k
    return steps


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--maps", type=int, default=200)
    maps = parser.parse_args(arguments).maps
    with ProcessPoolExecutor(2) as pool:

        def rows(
            made: Callable[..., list[str]], laws: Sequence[ShareLaw], *numbers: int
        ) -> Iterable[list[str]]:
            return pool.map(made, laws, *([number] * len(laws) for number in numbers))

        PAGE.write_text("\n".join(_page(grid_of_study(), maps, rows)) + "\n", encoding="utf-8")


def _page(index: NeighborIndex, maps: int, rows: Callable[..., Iterable[list[str]]]) -> Iterator[str]:
    few = min(maps, CONTRAST_MAPS)
    yield "# Calibration of the gaps"
    yield ""
    yield f"Made by `python -m tests.studies.calibration_gaps --maps {maps}`; seeds are fixed."
    yield ""
    yield (
        f"{len(index)} cells with {MEAN_LOCATIONS} homes each on average: a peak of {PEAK} : 1 in the"
        f" middle, times log-normal noise of log-sd {SPREAD:g}. `k=auto`, alpha {ALPHA:g}. A map is false"
        f" when anything is called on it. Bold: above {BAR:g} %."
    )
    yield ""
    yield "## False maps where shares differ by chance alone (%)"
    yield ""
    yield (
        "Every cell draws its share from one beta law with this mean and this clumping rho (0: all shares"
        f" are equal; near 1: all or nothing). {maps} maps a figure; both sides and areas: {few}, and bold"
        " only three standard errors further up."
    )
    yield ""
    yield from table_lines(
        ["share", "rho", "hot", "both sides", "as areas"],
        list(rows(_null_row, NULL_LAWS, maps, few)),
    )
    yield ""
    yield "## The same where shares follow a law that the model does not know (%)"
    yield ""
    yield (
        "All or nothing: four cells in five are served wholly or not at all. Two kinds of place: three"
        " cells in ten have 21 times the share of the others, scattered at random."
    )
    yield ""
    yield from table_lines(
        ["law", "share", "hot"],
        list(rows(_strange_row, STRANGE_LAWS, maps)),
    )
    yield ""
    yield "## A desert of few homes beside a dense place (%)"
    yield ""
    yield (
        "Nineteen cells of 8 homes each, 95 % unserved, on a map as above; the seven cells in the middle"
        " have many homes, the common share, and more unserved homes than the desert (times per cell)."
        f" {few} maps a figure. The last column is the desert by `hotspots` with the homes as denominator,"
        " whose negative binomial law knows no bound."
    )
    yield ""
    yield from table_lines(
        ["share", "rho", "desert called", "dense place called", "unserved there : desert", "by rates"],
        list(rows(_desert_row, DESERT_LAWS, few)),
    )


def _null_row(law: ShareLaw, maps: int, few: int) -> list[str]:
    index = grid_of_study()
    return [
        f"{law.mean:g}",
        f"{law.rho:g}",
        _percent(false_map_share(index, law, maps)),
        _percent(false_map_share(index, law, few, side="both"), of=few),
        _percent(false_area_map_share(index, law, few), of=few),
    ]


def _strange_row(law: ShareLaw, maps: int) -> list[str]:
    return [law.kind, f"{law.mean:g}", _percent(false_map_share(grid_of_study(), law, maps))]


def _desert_row(law: ShareLaw, maps: int) -> list[str]:
    found = desert(grid_of_study(), law, maps)
    return [
        f"{law.mean:g}",
        f"{law.rho:g}",
        f"{100 * found.found:.0f}",
        f"{100 * found.dense:.0f}",
        f"{found.more:.1f}",
        f"{100 * found.by_rate:.0f}",
    ]


def _percent(share: float, *, of: int | None = None) -> str:
    """Return a share in per cent, bold above the bar; of few maps, above three standard errors more."""
    bar = BAR / 100 if of is None else BAR / 100 + 3 * np.sqrt(ALPHA * (1 - ALPHA) / of)
    text = f"{100 * share:.1f}"
    return f"**{text}**" if share > bar else text


if __name__ == "__main__":
    main()
