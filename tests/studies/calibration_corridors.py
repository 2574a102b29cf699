"""Does the corridor scan hold? False alarms under unlike risks, planted corridors found, decoys told apart.

    python -m tests.studies.calibration_corridors [--maps 200] [--processes 2] [--out docs/calibration.md]

Writes its section into the page, in place of the one that stands there. Every map is made from its own seed.
A null law is one row of `LAWS`, a planted scene one pair of `SCENE_LAWS` and `RATIOS`.
"""

import argparse
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.corridor_scan import CorridorScan, corridor_scan
from tests.studies.page_sections import put_into, table_lines

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Spread = Callable[..., Iterable[Any]]

ALPHA = 0.05
BAR = 0.08
SIMULATIONS = 99
SCENE_MAPS = 50
RATIOS = (2.0, 3.0, 4.0)
N_PLANTED = 4
FEWEST_EXPECTED = 20.0
BEGIN, END = "<!-- corridors: begin -->", "<!-- corridors: end -->"

# A grid of 20 arterials of 8 km, 24 collectors of 3.2 km, locals of 240 to 1,120 m, stubs of one lixel.
N_ARTERIALS, N_COLLECTORS = 20, 24
_SIZES = np.concatenate(
    [np.full(N_ARTERIALS, 100), np.full(N_COLLECTORS, 40), np.tile([3, 6, 8, 10, 14], 40), np.ones(60, int)]
)
_CLASSES = np.repeat([0, 1, 2], [N_ARTERIALS, N_COLLECTORS, 260])
ROUTE: Ints = np.repeat(np.arange(len(_SIZES)), _SIZES)
ROAD_CLASS: Ints = _CLASSES[ROUTE]
LENGTH_M: Floats = np.full(len(ROUTE), 80.0)
MEAN: Floats = np.array([1.2, 0.4, 0.1])[ROAD_CLASS]
STUBS: Ints = np.flatnonzero(_SIZES[ROUTE] == 1)
SPARSE = 0.2


@dataclass(frozen=True)
class Law:
    """Risks that differ between lixels or blocks; k is their squared coefficient of variation."""

    name: str
    k: float = 0.0
    block_lixels: int = 1

    def risks(self, rng: np.random.Generator) -> Floats:
        """Return the factor on the mean of every lixel; blocks begin anywhere on each route."""
        if not self.k:
            return np.ones(len(ROUTE))
        if self.block_lixels == 1:
            return rng.gamma(1 / self.k, self.k, len(ROUTE))
        shifted = np.concatenate([np.arange(size) + rng.integers(self.block_lixels) for size in _SIZES])
        _, block = np.unique(ROUTE * 1000 + shifted // self.block_lixels, return_inverse=True)
        return rng.gamma(1 / self.k, self.k, int(block.max()) + 1)[block]


LAWS = (
    Law("no heterogeneity"),
    Law("k = 0.5 per lixel", 0.5),
    Law("k = 2 per lixel", 2.0),
    Law("k = 5 per lixel", 5.0),
    Law("k = 0.5 per 640 m", 0.5, 8),
)
SCENE_LAWS = LAWS[:3]
# Column, null model, factor on the means.
WAYS = (
    ("nb (default)", "nb", 1.0),
    ("nb, a fifth of the incidents", "nb", SPARSE),
    ("poisson", "poisson", 1.0),
)


@dataclass(frozen=True)
class Plant:
    """What a scan makes of four planted corridors and some decoys on one map.

    `power`: share of the corridors that some called one overlaps. `iou`: mean of length in common over length
    of both together, 0 for one not found; `iou_found` of those found (NaN without any). `false`: called
    corridors that overlap none. `decoys_called`: decoys inside a called corridor that overlaps none.
    """

    power: float
    iou: float
    iou_found: float
    false: int
    decoys_called: int


def class_mean(y: Ints) -> Floats:
    """Return what is expected of every lixel: the mean of its class."""
    return (np.bincount(ROAD_CLASS, y) / np.bincount(ROAD_CLASS))[ROAD_CLASS]


def scanned(y: Ints, null_model: str, seed: int, simulations: int) -> CorridorScan:
    return corridor_scan(
        y,
        class_mean(y),
        ROUTE,
        LENGTH_M,
        null_model=null_model,
        alpha=ALPHA,
        simulations=simulations,
        bootstraps=0,
        threads=1,
        rng=np.random.default_rng(seed),
    )


def false_alarm(
    law: Law, null_model: str, seed: int, *, simulations: int = SIMULATIONS, factor: float = 1.0
) -> bool:
    """Return whether anything at all is called on a map without corridors."""
    rng = np.random.default_rng([seed, 9])
    y = rng.poisson(MEAN * factor * law.risks(rng))
    return bool(scanned(y, null_model, seed, simulations).diagnostics["best_p"] <= ALPHA)


def planted(k: float, ratio: float, seed: int, *, simulations: int = SIMULATIONS) -> Plant:
    """Return what is found of four corridors of 1 to 3 km with 20 or more expected, and of decoys.

    Decoys, all away from the corridors: a junction in one lixel, a junction where two meet, a stub.
    """
    rng = np.random.default_rng([seed, 10])
    mean = MEAN * Law("", k).risks(rng)
    street = rng.choice(N_ARTERIALS, N_PLANTED + 2, replace=False)
    fewest = int(np.ceil(FEWEST_EXPECTED / MEAN[0]))
    truth = []
    for one in street[:N_PLANTED].tolist():
        size = int(rng.integers(fewest, 38))
        first = 100 * one + int(rng.integers(100 - size))
        truth.append((first, first + size))
        mean[first : first + size] *= ratio
    y = rng.poisson(mean)
    junction, between = (100 * street[N_PLANTED:] + rng.integers(5, 90, 2)).tolist()
    stub = int(rng.choice(STUBS))
    y[junction] += 15
    y[between : between + 2] += 8
    y[stub] += 5
    return _compared(scanned(y, "nb", seed, simulations), truth, [junction, between, between + 1, stub])


def _compared(found: CorridorScan, truth: list[tuple[int, int]], decoys: list[int]) -> Plant:
    corridor = ~found.is_intersection
    called = list(zip(found.first[corridor].tolist(), found.last[corridor].tolist(), strict=True))
    ious = np.array([max((_iou(one, other) for other in called), default=0.0) for one in truth])
    false = [one for one in called if not any(_iou(one, other) for other in truth)]
    return Plant(
        power=float((ious > 0).mean()),
        iou=float(ious.mean()),
        iou_found=float(ious[ious > 0].mean()) if ious.any() else float("nan"),
        false=len(false),
        decoys_called=sum(any(first <= lixel < last for first, last in false) for lixel in decoys),
    )


def _iou(one: tuple[int, int], other: tuple[int, int]) -> float:
    common = min(one[1], other[1]) - max(one[0], other[0])
    return max(common, 0) / (max(one[1], other[1]) - min(one[0], other[0]))


def null_rows(maps: int, spread: Spread) -> Iterable[list[str]]:
    """Yield the rows of the first table."""
    for law in LAWS:
        shares = []
        for _, null_model, factor in WAYS:
            alarm = partial(false_alarm, law, null_model, factor=factor)
            shares.append(float(np.mean(list(spread(alarm, range(maps))))))
        yield [law.name, *(_percent(share, bold=share > BAR) for share in shares)]


def planted_rows(maps: int, spread: Spread) -> Iterable[list[str]]:
    """Yield the rows of the second table."""
    for law in SCENE_LAWS:
        for ratio in RATIOS:
            plants: list[Plant] = list(spread(partial(planted, law.k, ratio), range(maps)))
            yield [
                f"{law.name}, RR {ratio:g}",
                f"{np.mean([one.power for one in plants]):.2f}",
                f"{np.mean([one.iou for one in plants]):.2f}",
                f"{np.nanmean([one.iou_found for one in plants]):.2f}",
                f"{np.mean([one.false for one in plants]):.2f}",
                f"{sum(one.decoys_called for one in plants)}",
            ]


def section(maps: int, spread: Spread) -> str:
    """Return the section of the page."""
    scene_maps = min(maps, SCENE_MAPS)
    return "\n".join(
        [
            BEGIN,
            "",
            "## Corridors: false alarms",
            "",
            f"Made by `python -m tests.studies.calibration_corridors --maps {maps}`. A made network of "
            f"{len(ROUTE):,} lixels of 80 m: {N_ARTERIALS} arterials of 8 km (1.2 incidents expected on a "
            f"lixel), {N_COLLECTORS} collectors of 3.2 km (0.4), locals and stubs (0.1); the expectation is "
            f"fitted as the mean of each class; stretches of 400 to 5,000 m, {SIMULATIONS} simulations.",
            f"Share (%) of maps without any corridor on which something has p ≤ {ALPHA:g}, {maps} maps a "
            f"figure. Wanted with `nb`: at most {100 * BAR:g} % (more is set in bold); risks that differ "
            "over 640 m reach into the length of a corridor and are only reported. `poisson` stands for "
            "contrast.",
            "",
            *table_lines(["risks", *(way[0] for way in WAYS)], null_rows(maps, spread)),
            "",
            "## Corridors: planted ones",
            "",
            f"{N_PLANTED} corridors of {np.ceil(FEWEST_EXPECTED / MEAN[0]) * 0.08:.2g} to 3 km on arterials, "
            f"{FEWEST_EXPECTED:g} or more expected on each, {scene_maps} maps a figure, "
            "`null_model=nb`. Power: share that a called corridor overlaps. IoU: length in common over "
            "length of both together; where nothing is found 0, and of those found alone. False: called "
            "corridors that overlap none, a map. Decoys called: of three a map (a junction in one lixel, "
            "one where two lixels meet, a stub), how many lie in such a corridor. Wanted at RR 3 without "
            "heterogeneity: IoU of 0.70 or more; no decoy.",
            "",
            *table_lines(
                ["scene", "power", "IoU", "IoU of found", "false", "decoys called"],
                planted_rows(scene_maps, spread),
            ),
            "",
            END,
            "",
        ]
    )


def _percent(share: float, *, bold: bool) -> str:
    return f"**{100 * share:.1f}**" if bold else f"{100 * share:.1f}"


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--maps", type=int, default=200)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.processes) as pool:
        text = section(arguments.maps, partial(pool.map, chunksize=5))
    if arguments.out:
        page = arguments.out.read_text(encoding="utf-8") if arguments.out.exists() else ""
        arguments.out.write_text(put_into(page, text, (BEGIN, END)), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
