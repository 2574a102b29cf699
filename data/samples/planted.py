"""What a planted risk is; those among the calls and requests of the made city, and how they are drawn.

A planted risk multiplies the expected number of some categories in an area over a course of time. The
rest of the city stays at its even rate per inhabitant.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from data.samples.layout import END, OPIOID_DISTRICT, START, City, Floats, plan_to_metres, to_lnglat
from data.samples.people import Blocks, points_in_blocks, population_in
from data.samples.rhythm import N_DAYS, Rhythm, day_number, wall_times
from data.samples.streets import Ints

YEARS = 3.0


@dataclass(frozen=True)
class Category:
    """One label of a layer: rate per 1,000 inhabitants and year, and its rhythm."""

    label: str
    rate: float
    rhythm: Rhythm


@dataclass(frozen=True)
class Phase:
    """Relative risk from a day up to another one, straight from `first` to `last`."""

    start: str
    end: str
    first: float
    last: float


@dataclass(frozen=True)
class Plant:
    """A planted risk: a disc around a plan point, or a district where `radius_m` is None.

    `category` is a label, a prefix that ends in ``||``, or None for every incident; `course` says
    constant, new, fading, rise or intervention; `phases` cover all three years without a gap.
    """

    id: str
    layer: str
    title: str
    category: str | None
    course: str
    phases: tuple[Phase, ...]
    center: tuple[float, float] = (0.0, 0.0)
    radius_m: float | None = None
    intervention: str | None = None

    def covers(self, label: str) -> bool:
        """Whether a label belongs to the planted category."""
        if self.category is None:
            return True
        return label.startswith(self.category) if self.category.endswith("||") else label == self.category

    def area(self, place: City) -> BaseGeometry:
        """Return the area in metres; the part of it where something can happen."""
        if self.radius_m is None:
            return place.districts[OPIOID_DISTRICT]
        x, y = plan_to_metres(*(np.array(value) for value in self.center))
        return shapely.intersection(shapely.Point(float(x), float(y)).buffer(self.radius_m, 64), place.land)

    def daily_risk(self) -> Floats:
        """Return the relative risk of every day."""
        risk = np.full(N_DAYS, np.nan)
        for phase in self.phases:
            a, b = day_number(phase.start), day_number(phase.end)
            risk[a:b] = np.linspace(phase.first, phase.last, b - a)
        return risk


@dataclass(frozen=True)
class Events:
    """Drawn incidents: local metres, wall time, index of the category, index of the plant or -1."""

    x: Floats
    y: Floats
    time: Ints
    category: Ints
    plant: Ints

    def take(self, index: NDArray[np.int64]) -> "Events":
        """Return some of the events, in this order."""
        x, y, time = self.x[index], self.y[index], self.time[index]
        return Events(x, y, time, self.category[index], self.plant[index])


def constant(risk: float) -> tuple[Phase, ...]:
    """Return the same risk over all years."""
    return (Phase(START, END, risk, risk),)


def new(since: str, risk: float) -> tuple[Phase, ...]:
    """Return a risk that begins on a day."""
    return Phase(START, since, 1.0, 1.0), Phase(since, END, risk, risk)


def fading(risk: float, until: str, gone: str) -> tuple[Phase, ...]:
    """Return a risk that falls from a day on and is gone on another."""
    return Phase(START, until, risk, risk), Phase(until, gone, risk, 1.0), Phase(gone, END, 1.0, 1.0)


OVERDOSE = "MEDICAL||ILLNESS||OVERDOSE"
_INTERVENTION = "2024-10-01"

PLANTS = (
    Plant("ems-downtown", "ems", "Medical calls around the downtown shelters", "MEDICAL||", "constant",
          constant(2.2), (-6.0, 3.0), 600.0),
    Plant("ems-falls", "ems", "Falls in the retirement village", "MEDICAL||INJURY||FALL", "constant",
          constant(4.0), (-24.0, 38.0), 900.0),
    Plant("ems-outdoor-fires", "ems", "Outdoor fires in the southern quarter", "FIRE||OUTSIDE_FIRE||", "new",
          new("2025-05-01", 8.0), (12.0, -40.0), 900.0),
    Plant("ems-new-medical", "ems", "Medical calls around the new apartments", "MEDICAL||", "new",
          new("2025-07-01", 2.5), (24.0, 8.0), 750.0),
    Plant("ems-fading-medical", "ems", "Medical calls where the motels were", "MEDICAL||", "fading",
          fading(3.0, "2024-01-01", "2025-01-01"), (-42.0, 20.0), 800.0),
    Plant("ems-opioid-outreach", "ems", "Overdoses before and after street outreach (it works)", OVERDOSE,
          "intervention",
          (Phase(START, _INTERVENTION, 4.5, 4.5), Phase(_INTERVENTION, END, 1.2, 1.2)),
          (15.0, -12.0), 800.0, _INTERVENTION),
    Plant("ems-opioid-hotline", "ems", "Overdoses before and after a hotline campaign (it does not work)",
          OVERDOSE, "intervention", constant(4.0), (28.0, -26.0), 800.0, _INTERVENTION),
    Plant("ems-opioid-district", "ems", "Overdoses that rise in one sewershed", OVERDOSE, "rise",
          (Phase(START, "2024-07-01", 1.0, 1.0), Phase("2024-07-01", "2025-01-01", 1.0, 2.6),
           Phase("2025-01-01", END, 2.6, 2.6))),
    Plant("311-dumping", "requests_311", "Illegal dumping along the wash", "Illegal Dumping", "constant",
          constant(5.0), (-28.0, -40.0), 900.0),
    Plant("311-graffiti", "requests_311", "Graffiti around the college", "Graffiti Removal", "new",
          new("2025-03-01", 5.0), (-12.0, 12.0), 700.0),
    Plant("311-streetlights", "requests_311", "Streetlights before the cable was renewed", "Streetlight Out",
          "fading", fading(4.0, "2024-01-01", "2024-10-01"), (28.0, 6.0), 800.0),
)  # fmt: skip

#: The calls that go with what rises in the wastewater of a sewershed. They have a stream of their own.
RISES = (
    Plant("ems-opioid-rise", "ems", "Overdoses of the last weeks in the sewershed whose wastewater alarms",
          OVERDOSE, "new", new("2025-11-06", 65.0), (10.0, 30.0), 600.0),
)  # fmt: skip


def plants_of(layer: str) -> tuple[Plant, ...]:
    """Return the planted risks of a layer, in their fixed order."""
    return tuple(plant for plant in PLANTS if plant.layer == layer)


def drawn_events(
    rng: np.random.Generator,
    place: City,
    where: Blocks,
    categories: tuple[Category, ...],
    plants: tuple[Plant, ...],
) -> Events:
    """Draw a layer that follows the inhabitants, with its planted excess, in order of time."""
    people = float(where.population.sum())
    even = [rng.poisson(category.rate * people / 1000 * YEARS) for category in categories]
    x, y = points_in_blocks(rng, int(sum(even)), where)
    times = [wall_times(rng, n, category.rhythm) for n, category in zip(even, categories, strict=True)]
    index = np.repeat(np.arange(len(categories)), even)
    parts = [Events(x, y, np.concatenate(times), index, np.full(len(x), -1))]
    parts += [_excess(rng, place, where, categories, plants, i) for i in range(len(plants))]
    events = together(parts)
    return events.take(np.argsort(events.time, kind="stable"))


def risen_events(
    rng: np.random.Generator,
    place: City,
    where: Blocks,
    categories: tuple[Category, ...],
    plants: tuple[Plant, ...],
) -> Events:
    """Draw only the excess of some planted risks, in order of time."""
    events = together([_excess(rng, place, where, categories, plants, i) for i in range(len(plants))])
    return events.take(np.argsort(events.time, kind="stable"))


def together(parts: Sequence[Events]) -> Events:
    """Return events one part after another."""
    return Events(
        np.concatenate([part.x for part in parts]),
        np.concatenate([part.y for part in parts]),
        np.concatenate([part.time for part in parts]),
        np.concatenate([part.category for part in parts]),
        np.concatenate([part.plant for part in parts]),
    )


def plant_truth(
    plant: Plant,
    place: City,
    where: Blocks,
    categories: tuple[Category, ...],
    events: Events,
    is_usable: NDArray[np.bool_],
) -> dict[str, object]:
    """Describe a planted risk: area, phases, expected and observed numbers per phase.

    Observed are the distinct rows of the file with a good position in the area and a good time.
    """
    area = plant.area(place)
    people = population_in(where, area)
    covered = np.array([plant.covers(category.label) for category in categories])
    inside = is_usable & covered[events.category] & shapely.contains_xy(area, events.x, events.y)
    day = events.time // 86_400 - int(np.datetime64(START, "D").astype(int))
    phases = []
    for phase in plant.phases:
        a, b = day_number(phase.start), day_number(phase.end)
        even, planted = _expected(plant, categories, people, a, b)
        observed = int((inside & (day >= a) & (day < b)).sum())
        phases.append(phase_truth(phase, even, planted, observed))
    return plant_facts(plant, phases, population=round(people))


def phase_truth(phase: Phase, even: float, planted: float, observed: int) -> dict[str, object]:
    """Describe one phase: its risk, the numbers expected without and with it, the number observed."""
    return {
        "start": phase.start, "end": phase.end, "relative_risk": [phase.first, phase.last],
        "mean_relative_risk": round(planted / even, 4), "expected_even": round(even, 2),
        "expected": round(planted, 2), "observed": observed,
    }  # fmt: skip


def plant_facts(plant: Plant, phases: list[dict[str, object]], **size: object) -> dict[str, object]:
    """Describe a planted risk: what, where, its phases; `size` says how much lies in its area."""
    truth: dict[str, object] = {
        "id": plant.id, "layer": plant.layer, "title": plant.title, "category": plant.category,
        "course": plant.course, **size, "phases": phases,
    }  # fmt: skip
    if plant.radius_m is None:
        truth["district"] = OPIOID_DISTRICT
    else:
        lng, lat = to_lnglat(*plan_to_metres(*(np.array(value) for value in plant.center)))
        truth |= {"center": [float(lng), float(lat)], "radius_m": plant.radius_m}
    if plant.intervention:
        truth |= {"intervention": plant.intervention, "works": plant.phases[-1].last < plant.phases[0].first}
    return truth


def _excess(
    rng: np.random.Generator,
    place: City,
    where: Blocks,
    categories: tuple[Category, ...],
    plants: tuple[Plant, ...],
    i: int,
) -> Events:
    """Draw what a planted risk adds to the even rate."""
    plant = plants[i]
    area = plant.area(place)
    people = population_in(where, area)
    extra_risk = plant.daily_risk() - 1.0
    times, index = [], []
    for c, category in enumerate(categories):
        if plant.covers(category.label):
            share = float((category.rhythm.day_weights() * extra_risk).sum())
            n = int(rng.poisson(category.rate * people / 1000 * YEARS * share))
            times.append(wall_times(rng, n, category.rhythm, extra_risk))
            index.append(np.full(n, c))
    time = np.concatenate(times)
    x, y = points_in_blocks(rng, len(time), where, area)
    return Events(x, y, time, np.concatenate(index), np.full(len(time), i))


def _expected(
    plant: Plant, categories: tuple[Category, ...], people: float, first_day: int, end_day: int
) -> tuple[float, float]:
    """Return the expected number of a span of days without and with the planted risk."""
    days = slice(first_day, end_day)
    risk = plant.daily_risk()[days]
    even = planted = 0.0
    for category in categories:
        if plant.covers(category.label):
            daily = category.rate * people / 1000 * YEARS * category.rhythm.day_weights()[days]
            even, planted = even + float(daily.sum()), planted + float((daily * risk).sum())
    return even, planted
