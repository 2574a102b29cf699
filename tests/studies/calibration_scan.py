"""Does the scan hold? False alarms on null maps with and without duplicates, and planted clusters found.

    python -m tests.studies.calibration_scan [--maps 200] [--processes 2] [--out docs/calibration.md] [--keep]

Writes its section into the page, in place of the one that stands there. Every map is made from its own seed.
A null law is one row of `LAWS`, a planted cluster one row of `SCENES`. With `--keep` the rows that stand in
the page, made of as many maps, stay, and a new law alone is run: only where nothing else has changed.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.near_repeat import near_repeat
from models.scan import Scan, scan
from models.scan_cases import case_counts, fold_cases
from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, neighbor_index
from tests.studies.page_sections import put_into, table_lines

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Spread = Callable[[Callable[[Any], Any], list[Any]], Iterable[Any]]
Kept = Mapping[str, list[str]]

RESOLUTION, RADIUS = 9, 8  # 217 cells
N_BINS = 12
MAX_RADIUS = 4
SIMULATIONS = 99
ALPHA = 0.05
DUPLICATES = 0.09
PLACES_PER_CELL = 1000
SCENE_MAPS = 100
BEGIN, END = "<!-- scan: begin -->", "<!-- scan: end -->"


@dataclass(frozen=True)
class Cases:
    """Single cases: the cell, the place within it, and the bin of each."""

    cells: Ints
    places: Ints
    bins: Ints

    def counts(self, n_cells: int, n_bins: int, *, folded: bool) -> Ints:
        """Return cases per cell and bin, those of one place and bin once if they are to be folded."""
        kept = np.arange(len(self.bins))
        if folded:
            kept = fold_cases(self.bins, place=self.cells * PLACES_PER_CELL + self.places).kept
        return case_counts(self.cells[kept], self.bins[kept], n_cells=n_cells, n_bins=n_bins)


@dataclass(frozen=True)
class Law:
    """A null: the mean of a cell in a bin, and how many cases an event brings.

    `batch`: 1 + a number of copies of every event at its place and in its bin. `phi`: the risks of the cells
    differ by this squared coefficient of variation, beyond the denominator.
    """

    name: str
    mean: float
    batch: Callable[[np.random.Generator, int], Ints]
    phi: float = 0.0


def single(rng: np.random.Generator, n: int) -> Ints:
    return np.ones(n, dtype=np.int64)


def some_twice(rng: np.random.Generator, n: int) -> Ints:
    return 1 + (rng.random(n) < DUPLICATES).astype(np.int64)


def logarithmic(rng: np.random.Generator, n: int) -> Ints:
    """Return batches whose totals, of Poisson many events, are negative binomial."""
    return rng.logseries(0.5, n)


LAWS = (
    Law("Poisson 0.02", 0.02, single),
    Law("Poisson 0.2", 0.2, single),
    Law("Poisson 2", 2.0, single),
    Law("Poisson 10", 10.0, single),
    Law("Poisson 0.2, 9 % entered twice", 0.2, some_twice),
    Law("negative binomial 0.2, by batches", 0.2, logarithmic),
    Law("negative binomial 2, by batches", 2.0, logarithmic),
    Law("negative binomial 0.2, risks of cells, φ = 1", 0.2, single, 1.0),
    Law("negative binomial 0.2, risks of cells, φ = 2", 0.2, single, 2.0),
    Law("negative binomial 2, risks of cells, φ = 2", 2.0, single, 2.0),
    Law("negative binomial 10, risks of cells, φ = 2", 10.0, single, 2.0),
)
# Name of the column and how the scan is asked; what is not named is asked by default.
WAYS: dict[str, dict[str, Any]] = {
    "permutation, prospective": {"mode": "prospective"},
    "permutation, retrospective": {"mode": "retrospective"},
    "Poisson, purely spatial": {"bins": 1, "denominator": True, "null_model": "poisson"},
    "Poisson, prospective": {"mode": "prospective", "denominator": True, "null_model": "poisson"},
    "negative binomial (default), purely spatial": {"bins": 1, "denominator": True},
    "negative binomial (default), prospective": {"mode": "prospective", "denominator": True},
}


def area() -> NeighborIndex:
    """Return a round study area of 217 cells."""
    return neighbor_index(disk(cells_at([-111.93], [33.42], RESOLUTION), RADIUS))


def population(index: NeighborIndex) -> Floats:
    """Return people per cell: one centre of 16 : 1, times log-normal noise."""
    rng = np.random.default_rng(0)
    steps = np.linspace(0, 1, len(index))
    return rng.permutation(np.exp(np.log(16) * steps)) * rng.lognormal(0, 0.5, len(index))


def drawn(law: Law, people: Floats, rng: np.random.Generator, n_bins: int = N_BINS) -> Cases:
    """Return the cases of one null map: unlike cells, unlike weeks, nothing between them."""
    risks = people / people.mean()
    if law.phi:
        risks = risks * rng.gamma(1 / law.phi, law.phi, len(people))
    mean_batch = float(np.mean(law.batch(np.random.default_rng(0), 100_000)))
    events = rng.poisson(np.repeat(risks[:, None], n_bins, axis=1) * law.mean / mean_batch)
    cells, bins = (np.repeat(where, events.ravel()) for where in np.divmod(np.arange(events.size), n_bins))
    places = rng.integers(PLACES_PER_CELL, size=len(cells))
    copies = law.batch(rng, len(cells))
    return Cases(np.repeat(cells, copies), np.repeat(places, copies), np.repeat(bins, copies))


def scanned(
    cases: Cases,
    index: NeighborIndex,
    people: Floats,
    way: dict[str, Any],
    *,
    folded: bool,
    seed: int,
    simulations: int = SIMULATIONS,
) -> Scan:
    """Return the scan of some cases, asked in one of the ways."""
    options = {name: value for name, value in way.items() if name not in ("bins", "denominator")}
    counts = cases.counts(len(index), N_BINS, folded=folded)
    if way.get("bins") == 1:
        counts = counts.sum(axis=1)
    return scan(
        counts,
        index,
        expected=people if way.get("denominator") else None,
        max_radius=MAX_RADIUS,
        max_clusters=1,
        simulations=simulations,
        rng=np.random.default_rng([seed, 8]),  # its own: shared simulations err alike on all maps
        **options,
    )


def alarm_share(
    law: Law,
    way: dict[str, Any],
    index: NeighborIndex,
    maps: int,
    *,
    folded: bool,
    simulations: int = SIMULATIONS,
) -> float:
    """Return the share of null maps on which the best cluster has p <= 0.05."""
    people = population(index)
    alarms = 0
    for seed in range(maps):
        cases = drawn(law, people, np.random.default_rng([seed, 5]))
        found = scanned(cases, index, people, way, folded=folded, seed=seed, simulations=simulations).clusters
        alarms += bool(found) and found[0].p <= ALPHA
    return alarms / maps


def bar(maps: int) -> float:
    """Return the nominal level plus three standard errors."""
    return ALPHA + 3 * float(np.sqrt(ALPHA * (1 - ALPHA) / maps))


def is_judged(law: Law, way: dict[str, Any], *, folded: bool) -> bool:
    """Return whether the way promises to keep its level under the law."""
    knows_risks = not way.get("denominator") or way.get("null_model") != "poisson"
    return (folded or law.batch is single) and (not law.phi or knows_risks)


def null_rows(maps: int, spread: Spread, kept: Kept) -> Iterator[list[str]]:
    """Yield the rows of the first table."""
    rows = [(law, folded) for law in LAWS for folded in ((True,) if law.batch is single else (False, True))]
    new = [(law, folded) for law, folded in rows if row_name(law, folded=folded) not in kept]
    tasks = [(LAWS.index(law), way, maps, folded) for law, folded in new for way in WAYS]
    shares = iter(spread(_alarm_share, tasks))
    for law, folded in rows:
        row = [row_name(law, folded=folded)]
        if row[0] in kept:
            yield kept[row[0]]
            continue
        for way in WAYS.values():
            share = next(shares)
            judged = is_judged(law, way, folded=folded)
            text = f"{100 * share:.1f}" if judged else f"({100 * share:.1f})"
            row.append(f"**{text}**" if judged and share > bar(maps) else text)
        yield row


def row_name(law: Law, *, folded: bool) -> str:
    """Return what the row of a law is called."""
    return law.name + ("" if law.batch is single else ", folded" if folded else ", as they come")


def _alarm_share(task: tuple[int, str, int, bool]) -> float:
    law, way, maps, folded = task
    return alarm_share(LAWS[law], WAYS[way], area(), maps, folded=folded)


@dataclass(frozen=True)
class Scene:
    """A disk with a risk of its own during the last bins."""

    mean: float
    relative_risk: float
    radius: int
    n_bins: int

    @property
    def name(self) -> str:
        return f"mean {self.mean:g}, RR {self.relative_risk:g}, radius {self.radius}, last {self.n_bins} bins"


SCENES = (
    Scene(0.2, 3, 2, 3),
    Scene(0.2, 5, 2, 3),
    Scene(0.2, 5, 1, 2),
    Scene(2, 1.5, 3, 3),
    Scene(2, 2, 1, 2),
)
SCENE_WAYS = ("permutation, prospective", "Poisson, prospective", "negative binomial (default), prospective")


def planted_rows(maps: int, spread: Spread, kept: Kept) -> Iterator[list[str]]:
    """Yield the rows of the second table."""
    new = [scene for scene in SCENES if scene.name not in kept]
    found = iter(spread(_plants, [(scene, way, maps) for scene in new for way in SCENE_WAYS]))
    for scene in SCENES:
        if scene.name in kept:
            yield kept[scene.name]
            continue
        cells = [next(found) for _ in SCENE_WAYS]
        yield [scene.name, *(f"{power:.2f} ({recall:.2f}, {off:.2f})" for power, recall, off in cells)]


def _plants(task: tuple[Scene, str, int]) -> tuple[float, float, float]:
    """Return the share of maps on which the cluster is called, and means of those."""
    scene, way, maps = task
    index = area()
    found = [_one_plant(scene, WAYS[way], index, np.ones(len(index)), seed) for seed in range(maps)]
    hits = np.array([(recall, off) for called, recall, off in found if called]).reshape(-1, 2)
    recall, off = hits.mean(axis=0).tolist() if len(hits) else (np.nan, np.nan)
    return len(hits) / maps, recall, off


def _one_plant(
    scene: Scene, way: dict[str, Any], index: NeighborIndex, people: Floats, seed: int
) -> tuple[bool, float, float]:
    """Return whether the best cluster is called, the share of the disk it holds, and its share outside."""
    rng = np.random.default_rng([seed, 6])
    within = index.cells[rng.integers(len(index))]
    truth = np.isin(index.cells, disk([within], scene.radius))
    means = np.full((len(index), N_BINS), float(scene.mean))
    means[truth, -scene.n_bins :] *= scene.relative_risk
    counts = rng.poisson(means)
    cells, bins = (np.repeat(where, counts.ravel()) for where in np.divmod(np.arange(counts.size), N_BINS))
    cases = Cases(cells, rng.integers(PLACES_PER_CELL, size=len(cells)), bins)
    clusters = scanned(cases, index, people, way, folded=True, seed=seed).clusters
    if not clusters or clusters[0].p > ALPHA:
        return False, np.nan, np.nan
    members = clusters[0].members
    return True, float(truth[members].sum() / truth.sum()), float(1 - truth[members].mean())


def near_repeat_rows(maps: int, kept: Kept) -> Iterator[list[str]]:
    """Yield the rows of the third table: the share of null sets with p <= 0.05, band by band."""
    for name, n_piles in (("scattered", 0), ("a third on ten piles", 10)):
        if name in kept:
            yield kept[name]
            continue
        rejected = np.zeros(4)
        for seed in range(maps):
            rng = np.random.default_rng([seed, 7])
            x, y = rng.normal(0, 500, (2, 200))
            if n_piles:
                x[:66], y[:66] = (
                    np.repeat(x[66 : 66 + n_piles], 7)[:66],
                    np.repeat(y[66 : 66 + n_piles], 7)[:66],
                )
            days = 100 * rng.beta(2, 1, 200)
            found = near_repeat(
                x, y, days, distance_limits_m=[60, 180], day_limits=[3, 14], simulations=SIMULATIONS, rng=rng
            )
            rejected += found.p <= ALPHA
        shares = rejected / maps
        yield [name, *(f"**{100 * s:.1f}**" if s > bar(maps) else f"{100 * s:.1f}" for s in shares)]


def section(maps: int, spread: Spread, kept: Kept = MappingProxyType({})) -> str:
    """Return the section of the page; of rows in `kept` as they are given."""
    scene_maps = min(maps, SCENE_MAPS)
    return "\n".join(
        [
            BEGIN,
            "",
            "## Scan: false alarms",
            "",
            f"Made by `python -m tests.studies.calibration_scan --maps {maps}`. Study area: 217 cells with a "
            f"population of 16 : 1 times log-normal noise, {N_BINS} bins; disks of radius 0 to {MAX_RADIUS}, "
            f"{SIMULATIONS} simulations.",
            f"Share (%) of maps without any cluster on which the best one has p ≤ {ALPHA:g}, {maps} maps a "
            f"figure. Wanted: at most {100 * bar(maps):.1f} %, nominal plus three standard errors (more is "
            "set in bold). In brackets, for contrast, what breaks the assumptions of the column: cases of "
            "one event that are not folded, and risks that differ from cell to cell where the null says that "
            "they do not. Permutation is the default without a population. With one the default is "
            "`null_model=negative-binomial`, in the last two columns; `null_model=poisson` stands beside "
            "it.",
            "",
            *table_lines(["law, mean per cell and bin", *WAYS], null_rows(maps, spread, kept)),
            "",
            "## Scan: planted clusters",
            "",
            f"One disk at raised risk, anywhere, also cut by the border; equal population; {scene_maps} maps "
            f"a figure. Share of maps on which the best cluster has p ≤ {ALPHA:g}; in brackets, of those, "
            "the share of the planted cells that it holds, and the share of its cells that are not planted.",
            "",
            *table_lines(["scene", *SCENE_WAYS], planted_rows(scene_maps, spread, kept)),
            "",
            "## Near repeats: false alarms",
            "",
            f"Share (%) of 200 incidents without any link between place and time with p ≤ {ALPHA:g}, {maps} "
            "sets a figure.",
            "",
            *table_lines(
                [
                    "places",
                    "0-60 m, 0-3 days",
                    "0-60 m, 3-14 days",
                    "60-180 m, 0-3 days",
                    "60-180 m, 3-14 days",
                ],
                near_repeat_rows(maps, kept),
            ),
            "",
            END,
            "",
        ]
    )


def rows_in(page: str, maps: int) -> dict[str, list[str]]:
    """Return the rows of the section that stands in a page, by name; none of another number of maps."""
    if BEGIN not in page:
        return {}
    found = page.split(BEGIN, 1)[1].split(END, 1)[0]
    if f"--maps {maps}`" not in found:
        return {}
    rows = [line.strip("| ").split(" | ") for line in found.splitlines() if line.startswith("| ")]
    return {cells[0]: cells for cells in rows}


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--maps", type=int, default=200)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="keep the rows that stand in the page")
    arguments = parser.parse_args()
    page = _text_of(arguments.out)
    with ProcessPoolExecutor(arguments.processes) as pool:
        text = section(arguments.maps, pool.map, rows_in(page, arguments.maps) if arguments.keep else {})
    if arguments.out:
        arguments.out.write_text(put_into(_text_of(arguments.out), text, (BEGIN, END)), encoding="utf-8")
    print(text)


def _text_of(page: Path | None) -> str:
    return page.read_text(encoding="utf-8") if page and page.exists() else ""


if __name__ == "__main__":
    main()
