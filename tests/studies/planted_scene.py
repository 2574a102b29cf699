"""The made city as a study of planted truth asks about it: questions, truth, and how a map is judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from data.samples import calls, requests
from data.samples.city import CitySample, write_city
from data.samples.layout import END, START, city, to_lnglat
from data.samples.planted import PLANTS, RISES, Plant, day_number
from service.analyses.findings import Finding
from service.analyses.run import findings
from service.ingesting import IngestOrder, ingest_file
from service.methods import inputs_of
from service.stores import StoreBesideFiles, open_store
from spatial.grid import cells_from_hex, cells_within, disk

Cells = NDArray[np.uint64]

RESOLUTION = 9
MARGIN = 3
MAX_CELLS = 100_000
#: What raises the numbers of a question by less, on average over its period, is not held true.
_LEAST_RISK = 1.1
_CATEGORIES = {"ems": calls.CATEGORIES, "requests_311": requests.CATEGORIES}


@dataclass(frozen=True)
class Question:
    """What is asked of the city; `sought` are the planted places that the answer should hold."""

    name: str
    layer: str
    category: str
    since: str
    until: str
    sought: tuple[str, ...]

    def asks_for(self, label: str) -> bool:
        """Whether incidents of a category are counted."""
        asked = self.category
        return label.startswith(asked) if asked.endswith("||") else label == asked

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs that every method shares; the last day is within the interval."""
        last = np.datetime64(self.until, "D") - 1
        return {
            "layer": self.layer,
            "category": [self.category],
            "datetime": f"{self.since}/{last}",
            "boundary": "boundary",
        }


QUESTIONS = (
    Question("medical, second half of 2025", "ems", "MEDICAL||", "2025-07-01", END,
             ("ems-downtown", "ems-new-medical")),
    Question("medical, 2023", "ems", "MEDICAL||", START, "2024-01-01",
             ("ems-downtown", "ems-fading-medical")),
    Question("falls, three years", "ems", "MEDICAL||INJURY||FALL", START, END, ("ems-falls",)),
    Question("outdoor fires since May 2025", "ems", "FIRE||OUTSIDE_FIRE||", "2025-05-01", END,
             ("ems-outdoor-fires",)),
    Question("overdoses until October 2024", "ems", "MEDICAL||ILLNESS||OVERDOSE", START, "2024-10-01",
             ("ems-opioid-outreach", "ems-opioid-hotline")),
    Question("overdoses of the last 8 weeks", "ems", "MEDICAL||ILLNESS||OVERDOSE", "2025-11-06", END,
             ("ems-opioid-rise",)),
    Question("dumping, three years", "requests_311", "Illegal Dumping", START, END, ("311-dumping",)),
    Question("graffiti since March 2025", "requests_311", "Graffiti Removal", "2025-03-01", END,
             ("311-graffiti",)),
    Question("streetlights, 2023", "requests_311", "Streetlight Out", START, "2024-01-01",
             ("311-streetlights",)),
)  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """The cells of each sought place, and those near any place whose risk is raised in the question."""

    places: Mapping[str, Cells]
    near_any: Cells


@dataclass(frozen=True)
class Judged:
    """How a map of called cells stands to the truth."""

    found: tuple[str, ...]
    sought: tuple[str, ...]
    planted_cells: int
    planted_called: int
    called: int
    false: int


@dataclass(frozen=True)
class Scene:
    """The city in a store, with the rows that a peer is given."""

    store: StoreBesideFiles | Any
    study_cells: Cells
    timezone: str

    def ask(self, method: str, inputs: Mapping[str, Any]) -> Finding:
        """Return what a method finds: its cells where it has some, else its areas."""
        found = findings(method, self.store, inputs_of(method, inputs), max_cells=MAX_CELLS).collections
        return found["cells"] if "cells" in found else next(iter(found.values()))

    def rows(self, question: Question) -> pd.DataFrame:
        """Return lng, lat and local time of the incidents of a question."""
        table = self.store.rows(question.layer, ["lng", "lat", "time", "category"]).to_pandas()
        local = table["time"].dt.tz_localize("UTC") if table["time"].dt.tz is None else table["time"]
        table["time"] = local.dt.tz_convert(self.timezone).dt.tz_localize(None)
        is_asked = table["category"].fillna("").map(question.asks_for).to_numpy(dtype=bool)
        is_in = (table["time"] >= pd.Timestamp(question.since)) & (
            table["time"] < pd.Timestamp(question.until)
        )
        return table[is_asked & is_in].reset_index(drop=True)


def made_scene(folder: Path) -> Scene:
    """Make the city, take the layers of the questions in, and lay the cells over it."""
    sample = write_city(folder)
    store = open_store(f"duckdb:///{folder / 'city.duckdb'}")
    for layer in ("boundary", "population", "ems", "requests_311"):
        _take(store, sample, layer)
    outline = shapely.union_all(shapely.from_wkb(store.geometries("boundary")["geometry"].to_pylist()))
    return Scene(store, cells_within(outline, RESOLUTION), sample["ems"].timezone)


def _take(store: Any, sample: CitySample, layer: str) -> None:
    file = sample[layer]
    mapping = file.mapping if file.kind == "incidents" else {}
    order = IngestOrder(layer, kind=file.kind, mapping=mapping, timezone=file.timezone)
    ingest_file(store, file.path, order)


def truth_of(question: Question) -> Truth:
    """Return the planted cells of a question, by the definition that the city was drawn from."""
    raised = [plant for plant in (*PLANTS, *RISES) if _is_raised(plant, question)]
    cells = {plant.id: _cells(plant) for plant in raised}
    everywhere = np.unique(np.concatenate(list(cells.values())))
    return Truth({name: cells[name] for name in question.sought}, np.unique(disk(everywhere, MARGIN)))


def _is_raised(plant: Plant, question: Question) -> bool:
    """Whether a plant raises what a question counts, in its period, by the categories' usual numbers."""
    if plant.layer != question.layer:
        return False
    asked = [one for one in _CATEGORIES[plant.layer] if question.asks_for(one.label)]
    covered = sum(one.rate for one in asked if plant.covers(one.label)) / sum(one.rate for one in asked)
    days = slice(day_number(question.since), day_number(question.until))
    return 1 + covered * (float(plant.daily_risk()[days].mean()) - 1) >= _LEAST_RISK


def _cells(plant: Plant) -> Cells:
    """Return the cells whose centre lies in the planted area."""
    in_degrees = shapely.transform(
        plant.area(city()), lambda metres: np.column_stack(to_lnglat(metres[:, 0], metres[:, 1]))
    )
    return cells_within(in_degrees, RESOLUTION)


def judged(called: Cells, truth: Truth) -> Judged:
    """Return what of the truth was found, and which calls lie more than the margin away from all of it.

    >>> truth = Truth({"a": cells_from_hex(["8928308280fffff"])}, cells_from_hex(["8928308280fffff"]))
    >>> answer = judged(cells_from_hex(["8928308280fffff", "89283082877ffff"]), truth)
    >>> answer.found, answer.called, answer.false
    (('a',), 2, 1)
    """
    called = np.unique(called)
    hits = {name: int(np.isin(cells, called).sum()) for name, cells in truth.places.items()}
    return Judged(
        tuple(name for name, n in hits.items() if n),
        tuple(truth.places),
        sum(len(cells) for cells in truth.places.values()),
        sum(hits.values()),
        len(called),
        int((~np.isin(called, truth.near_any)).sum()),
    )


def cells_named(names: Sequence[str]) -> Cells:
    """Return cells by their names, of which there may be none."""
    return cells_from_hex(list(names)) if len(names) else np.empty(0, dtype=np.uint64)
