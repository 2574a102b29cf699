"""Are planted places found, and nothing else? Every method on the made city, beside other packages.

    python -m tests.studies.planted_truth [--out docs/planted-truth.md] [--pyehsa PYTHON]

The city and all seeds are fixed. `--pyehsa` names a Python that has pyehsa, which then runs on one question.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tests.studies import planted_emerging
from tests.studies.planted_emerging import PEER_SECONDS, emberline_patterns, pyehsa_patterns, rows_of
from tests.studies.planted_scene import MARGIN, QUESTIONS, Judged, Scene, judged, made_scene, truth_of
from tests.studies.planted_ways import WAYS

_HEAD = """\
# Planted truth

The made city (seed 1) has places with more incidents than their inhabitants explain. Are they found, and is
anything else called? Made by `python -m tests.studies.planted_truth --out docs/planted-truth.md`.

{n_cells} cells of resolution 9 within the boundary; level 0.05. One line of the first table is one way of
calling cells, asked {n_questions} questions (category and period).

- *Places*: planted places with at least one called cell. *Recall*: share of their cells that is called.
- *False*: share of the called cells that lie more than {margin} cells from every place where what was
  planted raises the numbers asked for by a tenth or more. A hot cell says that its disk is high, so calls
  beside a planted place are right; the same margin is given to all.
- esda: 999 permutations, cells within two steps, Benjamini-Hochberg over all cells, high side. DBSCAN of
  scikit-learn: 300 m and 10 incidents. Emberline's methods run with their defaults.
- The geocoding pile at the police station counts as false: nothing happened there.
"""
_READING = """
How to read it: without a denominator every way finds where people are beside what was planted, so its share
of false calls is that of the question, not of the statistic. It is the population that sets the first group
apart. Outlines of clusters tell where incidents are dense; at the density of a whole city's medical calls
they hold most of the city, which is what their parameters ask for, and no significance is claimed for them.
"""
_EMERGING = """
## Emerging hotspots

`emerging` by month over three years, with the whole cube or the month itself as that which a bin is compared
with. Each line is a planted place with the commonest patterns of its cells. "fading" places are over by the
last month, so no hot pattern is right, and so is none for outreach that works. A few calls a month in a disk
(fires, overdoses) are beyond any test of single months: `hotspots` over a period finds them (above). The
overdoses of one district are spread over a quarter of the city.
"""
_NO_PEER = "\npyehsa was not run: it needs python-geohash, which wants a compiler (see `--pyehsa`).\n"


def first_table(scene: Scene) -> Iterator[str]:
    """Yield one line for each way, and its answers question by question below."""
    answers: dict[str, list[Judged]] = {name: [] for name in WAYS}
    for question in QUESTIONS:
        truth = truth_of(question)
        for name, way in WAYS.items():
            answers[name].append(judged(way(scene, question), truth))
    yield "| Way | Places | Recall | Called | False |\n| --- | ---: | ---: | ---: | ---: |"
    for name, seen in answers.items():
        called = sum(one.called for one in seen)
        yield f"| {name} | {_found(seen)} | {_recall(seen)} | {called:,} | {_false(seen)} |"
    yield _READING
    yield _share_near(scene)
    yield "## Question by question\n\nPlaces found, and share of false calls in brackets.\n"
    yield "| Way | " + " | ".join(question.name for question in QUESTIONS) + " |"
    yield "| --- |" + " ---: |" * len(QUESTIONS)
    for name, seen in answers.items():
        yield f"| {name} | " + " | ".join(f"{_found([one])} ({_false([one])})" for one in seen) + " |"


def _share_near(scene: Scene) -> str:
    """Tell how much of the city lies within the margin, where no call can be false."""
    shares = [
        f"{question.name} {len(np.intersect1d(truth_of(question).near_any, scene.study_cells)) / n:.0%}"
        for n in [len(scene.study_cells)]
        for question in QUESTIONS
    ]
    return f"Within the margin, where no call can be false, lie of the city: {'; '.join(shares)}.\n"


def _found(seen: Sequence[Judged]) -> str:
    return f"{sum(len(one.found) for one in seen)}/{sum(len(one.sought) for one in seen)}"


def _recall(seen: Sequence[Judged]) -> str:
    return f"{sum(one.planted_called for one in seen) / sum(one.planted_cells for one in seen):.2f}"


def _false(seen: Sequence[Judged]) -> str:
    called = sum(one.called for one in seen)
    return f"{sum(one.false for one in seen) / called:.2f}" if called else "—"


def second_table(scene: Scene, pyehsa: str | None) -> Iterator[str]:
    """Yield one line for each planted place with the patterns of its cells."""
    yield "| Place | Course | cube | step |\n| --- | --- | --- | --- |"
    for question in planted_emerging.QUESTIONS:
        ways = {window: emberline_patterns(scene, question, window) for window in ("cube", "step")}
        yield from ("| " + " | ".join(row) + " |" for row in rows_of(ways, question))
    if pyehsa is None:
        yield _NO_PEER
        return
    question = next(one for one in planted_emerging.QUESTIONS if one.name == "overdoses")
    found = pyehsa_patterns(pyehsa, scene, question)
    yield f"\npyehsa on the counts of {question.name} (199 simulations, lag 1):"
    if found is None:
        yield f"no answer within {PEER_SECONDS} seconds."
    else:
        yield "\n| Place | Course | Patterns |\n| --- | --- | --- |"
        yield from ("| " + " | ".join(row) + " |" for row in rows_of({"pyehsa": found}, question))


def markdown(scene: Scene, pyehsa: str | None) -> str:
    """Return the whole page."""
    head = _HEAD.format(n_cells=len(scene.study_cells), n_questions=len(QUESTIONS), margin=MARGIN)
    return "\n".join([head, *first_table(scene), _EMERGING, *second_table(scene, pyehsa)]).rstrip() + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the city, ask it, write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies.planted_truth", description=__doc__)
    parser.add_argument("--out", type=Path, help="where the page goes (Markdown); else standard output")
    parser.add_argument("--pyehsa", help="a Python that has pyehsa")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        text = markdown(made_scene(Path(folder)), chosen.pyehsa)
    if chosen.out:
        chosen.out.write_text(text, encoding="utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
