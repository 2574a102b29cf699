"""Real streets and five years of injury crashes: corridors hold more of a year unseen than today's ways."""

from pathlib import Path

import pytest

from tests.requirements import dataset_path
from tests.studies.real_corridors import OURS, PLACES, TODAY, looked_at

pytestmark = pytest.mark.contract


def test_a_year_unseen_is_held_better_than_by_class_or_windows(tmp_path: Path) -> None:
    place = PLACES[0]
    seen = looked_at(place, dataset_path(place.folder).parent.parent, tmp_path)
    assert seen.wrong == []
    last = seen.held[place.years[-1]]
    best = max(last[way]["injury", 0.1] for way in TODAY)
    pieces, corridors = (last[way]["injury", 0.1] for way in OURS)
    assert pieces > 1.1 * best
    assert corridors > best
    assert pieces > last["empirical Bayes, pieces of 80 m"]["injury", 0.1]
