"""Emerging hotspots of the made city by month, beside pyehsa on the same counts.

pyehsa needs python-geohash, which is only there as source and wants a compiler; so it is no requirement of
this project. Where some Python has it, the study is told which (`--pyehsa PYTHON`) and runs it as a process.
"""

import csv
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from data.samples.layout import END, START
from data.samples.planted import PLANTS, RISES
from spatial.grid import boundaries, cells_at, hex_strings
from tests.studies.planted_scene import RESOLUTION, Cells, Question, Scene, Truth, cells_named, truth_of

#: All three years; what is sought is what began in the last of them.
QUESTIONS = (
    Question("medical", "ems", "MEDICAL||", START, END, ("ems-new-medical",)),
    Question("outdoor fires", "ems", "FIRE||OUTSIDE_FIRE||", START, END, ("ems-outdoor-fires",)),
    Question("overdoses", "ems", "MEDICAL||ILLNESS||OVERDOSE", START, END, ("ems-opioid-rise",)),
    Question("dumping", "requests_311", "Illegal Dumping", START, END, ()),
    Question("graffiti", "requests_311", "Graffiti Removal", START, END, ("311-graffiti",)),
    Question("streetlights", "requests_311", "Streetlight Out", START, END, ()),
)
PEER_SECONDS = 60
#: Runs pyehsa on a file of cell, month, count and outline, and writes one line of cell and class for each.
PEER = """
import contextlib, logging, sys, warnings
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
import pandas as pd
from pyehsa.emerging_hotspot_analysis import EmergingHotspotAnalysis
table = pd.read_csv(sys.argv[1], dtype={"cell": str})
with contextlib.redirect_stdout(sys.stderr):
    found = EmergingHotspotAnalysis.emerging_hotspot_analysis(table, "cell", "month", "count", k=1, nsim=199)
found[["cell", "classification"]].to_csv(sys.argv[2], index=False, header=False)
"""


@dataclass(frozen=True)
class Patterns:
    """The pattern of every cell of the study area by one way."""

    cells: Cells
    pattern: Sequence[str]

    def among(self, cells: Cells) -> Counter[str]:
        """Return how many of some cells have each pattern."""
        chosen = np.isin(self.cells, cells)
        return Counter(np.asarray(self.pattern, dtype=object)[chosen].tolist())


def emberline_patterns(scene: Scene, question: Question, window: str) -> Patterns:
    """Return the patterns that `emerging` finds by month."""
    asked = {"resolution": RESOLUTION, "bin": "P1M", "window": window}
    columns = scene.ask("emerging", question.inputs | asked).columns
    return Patterns(cells_named(columns["h3"]), columns["pattern"])


def pyehsa_patterns(python: str, scene: Scene, question: Question) -> Patterns | None:
    """Return the patterns that pyehsa finds on the same counts; None where it does not end in time."""
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "given.csv", Path(folder) / "answer.csv"
        _monthly(scene, question).to_csv(given, index=False)
        command = [python, "-c", PEER, str(given), str(answer)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=PEER_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        with answer.open(encoding="utf-8", newline="") as lines:
            rows = sorted(csv.reader(lines))
    return Patterns(cells_named([cell for cell, _ in rows]), [_in_our_words(name) for _, name in rows])


def _monthly(scene: Scene, question: Question) -> pd.DataFrame:
    """Return count and outline of every cell and month, zeros included."""
    rows = scene.rows(question)
    cell = cells_at(rows["lng"].to_numpy(), rows["lat"].to_numpy(), RESOLUTION)
    month = ((rows["time"].dt.year - int(START[:4])) * 12 + rows["time"].dt.month - 1).to_numpy()
    n, n_months = len(scene.study_cells), 12 * (int(END[:4]) - int(START[:4]))
    place = np.minimum(np.searchsorted(scene.study_cells, cell), n - 1)
    inside = scene.study_cells[place] == cell
    counts = np.zeros((n, n_months), dtype=np.int64)
    np.add.at(counts, (place[inside], month[inside]), 1)
    return pd.DataFrame(
        {
            "cell": np.repeat(hex_strings(scene.study_cells), n_months),
            "month": np.tile(np.arange(n_months), n),
            "count": counts.ravel(),
            "geometry": np.repeat(
                shapely.to_wkt(boundaries(scene.study_cells), rounding_precision=9), n_months
            ),
        }
    )


def _in_our_words(name: str) -> str:
    """Return pyehsa's name of a pattern as the contract spells it."""
    name = name.replace("oscilating", "oscillating")
    for whole in ("hotspot", "coldspot"):
        name = name.replace(whole, f"{whole[:-4]} spot")
    return name if name.endswith(" spot") else "no pattern detected"


def rows_of(ways: Mapping[str, Patterns | None], question: Question) -> list[list[str]]:
    """Return one line for each planted place of a question: the commonest patterns of its cells."""
    table = []
    every = [plant for plant in (*PLANTS, *RISES) if plant.category == question.category]
    asked = Question(question.name, question.layer, question.category, question.since, question.until,
                     tuple(plant.id for plant in every))  # fmt: skip
    truth: Truth = truth_of(asked)
    for plant in every:
        line = [plant.title, plant.course]
        for found in ways.values():
            line.append(
                "not within the time" if found is None else _told(found.among(truth.places[plant.id]))
            )
        table.append(line)
    return table


def _told(patterns: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in patterns.most_common(3))
