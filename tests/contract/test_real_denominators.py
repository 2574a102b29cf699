"""Real incidents over real populations, through the installed command, a real service and GDAL.

`python -m tests.studies.real_denominators` writes the page about them.
"""

from pathlib import Path

import pytest

from tests.requirements import dataset_path
from tests.studies.real_denominators import MEMPHIS, SAO_PAULO, UK, Looked, Place, looked_at

pytestmark = pytest.mark.contract


def _walked(place: Place, folder: Path) -> Looked:
    return looked_at(place, dataset_path(place.name).parents[1], folder)


def test_crashes_over_the_residents_of_the_centre_of_sao_paulo(tmp_path: Path) -> None:
    seen = _walked(SAO_PAULO, tmp_path)
    assert seen.wrong == []
    assert (seen.accepted, seen.rejected) == (93_556, 2_574)
    assert len(seen.cells) == 323
    assert seen.told["population"] == 517_570
    assert (seen.told["unexpected_cells"], seen.told["unexpected_incidents"]) == (4, 92)
    assert any("do not follow this denominator" in words for words in seen.told["warnings"])
    # Without people every cell of the centre is hot, as the city around it has fewer crashes.
    in_centre = seen.plain_cells[seen.plain_cells["h3"].isin(seen.cells["h3"])]
    assert len(seen.hot(in_centre)) > 0.5 * len(in_centre)
    assert len(seen.hot(seen.cells)) < 0.05 * len(seen.cells)


def test_crime_over_the_residents_of_wards_on_the_british_grid(tmp_path: Path) -> None:
    seen = _walked(UK, tmp_path)
    assert seen.wrong == []
    assert (seen.accepted, seen.rejected) == (64_464, 1_864)
    # 30 of 448 wards have codes that the spreadsheets do not know: nothing may be expected or called there.
    assert seen.told["population_rows_without_value"] == 30
    assert seen.told["unexpected_cells"] == 0
    assert any("no number of people" in words for words in seen.told["notes"])
    by_rank = seen.areas.sort_values("rank")
    assert by_rank["name"].iloc[0] == "Newgate Street / Collingwood Street"  # the centre of Newcastle
    assert by_rank["rr_low"].iloc[0] > 1
    assert by_rank["relative_risk"].max() < 50  # thousands where wards without a number counted as empty


def test_robberies_over_the_residents_of_census_blocks(tmp_path: Path) -> None:
    seen = _walked(MEMPHIS, tmp_path)
    assert seen.wrong == []
    assert (seen.told["unexpected_cells"], seen.told["unexpected_incidents"]) == (236, 349)
    assert 0.02 < seen.told["background"] < 349 / 3_924
    assert len(seen.hot(seen.cells)) < 0.2 * len(seen.hot(seen.plain_cells))
    first = seen.areas.sort_values("rank").iloc[0]
    assert 2 < first["rr_low"] < first["relative_risk"] < first["rr_high"]
