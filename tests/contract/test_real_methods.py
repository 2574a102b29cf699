"""Emerging hotspots and the prospective scan on real incidents, through command, service and GDAL.

`python -m tests.studies.real_methods` writes the page about them.
"""

from pathlib import Path

import pytest

from tests.requirements import dataset_path
from tests.studies.real_methods import CHICAGO, MONTCO, Looked, Place, looked_at

pytestmark = pytest.mark.contract


def _walked(place: Place, folder: Path, only: str) -> Looked:
    return looked_at(place, dataset_path(place.name).parents[1], folder, only=[only])


def test_ten_years_of_assaults_by_month(tmp_path: Path) -> None:
    seen = _walked(CHICAGO, tmp_path, "in-the-city")
    assert seen.wrong == []
    told, cells = seen.told["in-the-city"], seen.found["in-the-city"]
    assert (told["n_bins"], told["study_area_source"]) == (120, "boundary")
    lasting = cells[cells["pattern"] == "persistent hot spot"]
    # The lasting places are a part of the city, and hold far more than their share of it.
    assert len(lasting) < 0.2 * len(cells)
    assert lasting["count"].sum() > 2 * cells["count"].sum() * len(lasting) / len(cells)


def test_a_map_of_empty_places_says_that_it_is_one(tmp_path: Path) -> None:
    seen = _walked(CHICAGO, tmp_path, "as-spanned")
    assert seen.wrong == []
    assert any("held nothing in any bin" in words for words in seen.told["as-spanned"]["notes"])


def test_overdoses_of_the_latest_weeks(tmp_path: Path) -> None:
    seen = _walked(MONTCO, tmp_path, "overdoses")
    assert seen.wrong == []
    told = seen.told["overdoses"]
    assert told["rows_selected"] == 1_191
    assert told["folded"] > 0
    assert any("folded into it" in words for words in told["notes"])
