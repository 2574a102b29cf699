"""A planted place of the made city is found, and nothing beyond the margin."""

from pathlib import Path

import pytest

from tests.studies.planted_scene import QUESTIONS, Question, Scene, judged, made_scene, truth_of
from tests.studies.planted_ways import Way, hotspots_by_number, hotspots_by_risk, scan_by_risk

BY_NAME = {question.name: question for question in QUESTIONS}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder: Path = tmp_path_factory.mktemp("city")
    return made_scene(folder)


@pytest.mark.parametrize("way", [hotspots_by_risk, scan_by_risk], ids=["hotspots", "scan"])
@pytest.mark.parametrize("name", ["dumping, three years", "outdoor fires since May 2025"])
def test_a_planted_place_is_found_and_nothing_else(scene: Scene, way: Way, name: str) -> None:
    question: Question = BY_NAME[name]
    answer = judged(way(scene, question), truth_of(question))
    assert answer.found == question.sought
    assert answer.planted_called > 0.5 * answer.planted_cells
    assert answer.false == 0


def test_numbers_alone_show_where_people_are_as_well(scene: Scene) -> None:
    question = BY_NAME["dumping, three years"]
    answer = judged(hotspots_by_number(scene, question), truth_of(question))
    assert answer.found == question.sought
    assert answer.false > 0
