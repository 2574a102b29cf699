"""Three places of the made city with too many crashes on every kind of street around them.

What is planted multiplies the expected crashes of all streets and junctions in a disc over a course of
time; the crashes added have hours, road users and severities of their own.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from data.samples.layout import City, Floats
from data.samples.planted import Phase, Plant, constant, fading, new, phase_truth, plant_facts
from data.samples.rhythm import CRASH, DAY_S, FIRST_DAY, NIGHTLIFE, SHOPPING, Rhythm, day_number
from data.samples.streets import Bools, Ints, Streets


@dataclass(frozen=True)
class Scene:
    """A planted place and its crashes: when, who (motor vehicle, pedestrian, bicycle), how harmful.

    `harm` multiplies the shares of the severities K, A and B.
    """

    plant: Plant
    rhythm: Rhythm
    mode_share: tuple[float, float, float]
    harm: float


def _plant(
    name: str,
    title: str,
    course: str,
    phases: tuple[Phase, ...],
    center: tuple[float, float],
    radius_m: float,
) -> Plant:
    return Plant(f"crash-{name}", "crashes", title, None, course, phases, center, radius_m)


SCENES = (
    Scene(_plant("nightlife", "Crashes in the entertainment district, at night and on weekends", "constant",
                 constant(3.5), (-3.0, 6.0), 700.0),
          NIGHTLIFE, (0.85, 0.11, 0.04), 1.4),
    Scene(_plant("new-mall", "Crashes at the driveways around the new shopping centre", "new",
                 new("2025-01-01", 7.0), (-32.0, 1.0), 900.0),
          SHOPPING, (0.93, 0.05, 0.02), 0.6),
    Scene(_plant("old-mall", "Crashes around the old shopping centre until it closed", "fading",
                 fading(5.0, "2024-01-01", "2025-01-01"), (14.0, -34.0), 900.0),
          SHOPPING, (0.93, 0.05, 0.02), 0.6),
)  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A scene on the network: where it lies and what is expected there in three years without it."""

    scene: Scene
    area: shapely.Geometry
    piece_even: Floats
    nodes: Bools
    even: float

    @property
    def extra(self) -> float:
        """Number of added crashes per crash expected without the plant."""
        return float((CRASH.day_weights() * (self.scene.plant.daily_risk() - 1.0)).sum())

    def contains(self, x: Floats, y: Floats) -> Bools:
        """Whether points lie in the area."""
        return np.asarray(shapely.contains_xy(self.area, x, y), dtype=bool)


def sites(place: City, net: Streets, piece_even: Floats, node_even: Floats) -> list[Site]:
    """Lay the scenes over the network and its expected crashes."""
    return [_site(scene, place, net, piece_even, node_even) for scene in SCENES]


def _site(scene: Scene, place: City, net: Streets, piece_even: Floats, node_even: Floats) -> Site:
    area = scene.plant.area(place)
    share = shapely.length(shapely.intersection(net.line, area)) / net.length_m
    nodes = np.asarray(shapely.contains_xy(area, net.node_x, net.node_y), dtype=bool)
    even = float((share * piece_even).sum() + node_even[nodes].sum())
    return Site(scene, area, np.where(share > 0, piece_even, 0.0), nodes, even)


def site_truth(site: Site, x: Floats, y: Floats, time: Ints, usable: Bools) -> dict[str, object]:
    """Describe a planted place: phases with expected and observed numbers.

    Observed are the distinct rows of the file with a good position in the disc and a good time.
    """
    plant = site.scene.plant
    inside = usable & site.contains(x, y)
    day = time // DAY_S - FIRST_DAY
    extra_by_day = _extra_by_day(site)
    phases = []
    for phase in plant.phases:
        a, b = day_number(phase.start), day_number(phase.end)
        even = site.even * float(CRASH.day_weights()[a:b].sum())
        observed = int((inside & (day >= a) & (day < b)).sum())
        phases.append(phase_truth(phase, even, even + float(extra_by_day[a:b].sum()), observed))
    return plant_facts(plant, phases)


def _extra_by_day(site: Site) -> Floats:
    """Return the expected number of added crashes of every day, which follow the scene's own rhythm."""
    weight = site.scene.rhythm.day_weights() * (site.scene.plant.daily_risk() - 1.0)
    return np.asarray(site.even * site.extra * weight / weight.sum())


def mode_shares(scene: NDArray[np.int64], elsewhere: tuple[float, float, float]) -> Floats:
    """Return the share of each travel mode per crash, shape (n, 3); `scene` is -1 elsewhere."""
    table = np.array([*(one.mode_share for one in SCENES), elsewhere])
    return np.asarray(table[scene])


def harm_of(scene: NDArray[np.int64]) -> Floats:
    """Return the factor on the shares of K, A and B per crash; `scene` is -1 elsewhere."""
    return np.array([*(one.harm for one in SCENES), 1.0])[scene]
