"""The series that are watched: every analyte in every sewershed, with or without samples."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data.store import Store
from service.parameters import SurveillanceInputs
from service.wastewater.sample_series import SampleRows, spelled
from service.wastewater.sewersheds import Sewersheds, joined_sewersheds

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Panel:
    """All series that are watched, with or without samples, by sewershed and analyte.

    `place` and `analyte` have shape (n_series,); `series` (n_rows,) numbers the series of each row. `places`
    are the sewersheds of the layer, then those that only samples name (from `n_drawn` on).
    """

    places: Sewersheds
    n_drawn: int
    analytes: list[str]
    place: Integers
    analyte: Integers
    series: Integers
    place_of_row: Integers

    def __len__(self) -> int:
        return len(self.place)

    def people_of_rows(self, rows: SampleRows) -> Floats:
        """Return the population of each sample: its own, else that of its sewershed."""
        own = rows.population
        return np.where(own > 0, own, self.places.population[self.place_of_row])


def panel_of(store: Store, inputs: SurveillanceInputs, rows: SampleRows) -> Panel:
    """Join the samples to their sewersheds and number the series, those without any sample included."""
    drawn = Sewersheds([], [], np.zeros(0), np.zeros(0, dtype=object), [])
    place_of: dict[str, int | None] = dict.fromkeys(rows.sewersheds)
    if inputs.sewersheds:
        joined = joined_sewersheds(store, inputs.sewersheds, rows.sewersheds)
        drawn, place_of = joined.sewersheds, joined.place_of
    others = [name for name in rows.sewersheds if place_of[name] is None]
    taken = set(drawn.keys)
    # A name that several polygons bear fits none of them, and must not be taken for one of them either.
    keys = [name if name not in taken else f"{name} (samples)" for name in others]
    places = Sewersheds(
        [*drawn.keys, *keys],
        [*drawn.names, *([None] * len(others))],
        np.concatenate([drawn.population, np.full(len(others), np.nan)]),
        np.concatenate([drawn.shapes, np.full(len(others), None, dtype=object)]),
        drawn.notes,
    )
    number = {name: len(drawn.keys) + i for i, name in enumerate(others)}
    place_of_name = np.array(
        [number.get(name, place_of[name]) for name in rows.sewersheds] or [0], dtype=np.int64
    )
    analytes, chosen = _analytes(inputs, rows)
    pairs = {(place, analyte) for place in range(len(drawn.keys)) for analyte in chosen}
    pairs |= {(int(place_of_name[s]), a) for s, a in rows.pairs if a in chosen}
    ordered = sorted(pairs, key=lambda pair: (places.keys[pair[0]], analytes[pair[1]]))
    number_of = np.full((max(len(places.keys), 1), max(len(analytes), 1)), -1, dtype=np.int64)
    place, analyte = (np.array([pair[i] for pair in ordered], dtype=np.int64) for i in (0, 1))
    number_of[place, analyte] = np.arange(len(ordered))
    place_of_row = place_of_name[rows.sewershed]
    series = number_of[place_of_row, rows.analyte]
    return Panel(places, len(drawn.keys), analytes, place, analyte, series, place_of_row)


def _analytes(inputs: SurveillanceInputs, rows: SampleRows) -> tuple[list[str], list[int]]:
    """Return the names of all analytes, and which of them are watched; those asked for but unknown too."""
    if not inputs.analyte:
        return rows.analytes, list(range(len(rows.analytes)))
    names = list(rows.analytes)
    known = {spelled(name): number for number, name in enumerate(names)}
    chosen = []
    for asked in inputs.analyte:
        key = spelled(asked)
        if key not in known:
            known[key] = len(names)
            names.append(asked)
        chosen.append(known[key])
    return names, chosen
