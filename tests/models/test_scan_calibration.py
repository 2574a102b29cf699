"""False alarms of the scan on small null maps; `tests.studies.calibration_scan` makes the whole table."""

from pathlib import Path

import pytest

from spatial.grid import cells_at, disk
from spatial.neighbors import NeighborIndex, neighbor_index
from tests.studies.calibration_scan import (
    BEGIN,
    END,
    LAWS,
    WAYS,
    alarm_share,
    bar,
    row_name,
    rows_in,
    section,
)
from tests.studies.page_sections import put_into

MAPS = 200
SIMULATIONS = 19  # the least with which p = .05 can be reached
LAW = {law.name: law for law in LAWS}


@pytest.fixture(scope="module")
def index() -> NeighborIndex:
    return neighbor_index(disk(cells_at([-111.93], [33.42], 9), 5))


def share(index: NeighborIndex, law: str, way: str, *, folded: bool, maps: int = MAPS) -> float:
    return alarm_share(LAW[law], WAYS[way], index, maps, folded=folded, simulations=SIMULATIONS)


@pytest.mark.parametrize(
    ("law", "way"),
    [
        ("Poisson 0.2, 9 % entered twice", "permutation, prospective"),
        ("negative binomial 2, by batches", "permutation, prospective"),
        ("negative binomial 2, by batches", "Poisson, purely spatial"),
        ("negative binomial 0.2, risks of cells, φ = 2", "permutation, prospective"),
        ("negative binomial 0.2, risks of cells, φ = 2", "negative binomial (default), purely spatial"),
    ],
)
def test_false_alarms_keep_to_the_level_once_events_are_folded(
    index: NeighborIndex, law: str, way: str
) -> None:
    assert share(index, law, way, folded=True) <= bar(MAPS)


def test_cases_of_one_event_raise_false_alarms_unless_folded(index: NeighborIndex) -> None:
    law = "negative binomial 2, by batches"
    assert share(index, law, "permutation, prospective", folded=False, maps=20) > 0.5


def test_the_section_of_the_page_replaces_the_old_one() -> None:
    page = "# Page\n\nfirst\n"
    once = put_into(page, f"{BEGIN}\none\n{END}\n", (BEGIN, END))
    assert once == f"# Page\n\nfirst\n\n{BEGIN}\none\n{END}\n"
    assert put_into(once, f"{BEGIN}\ntwo\n{END}\n", (BEGIN, END)) == once.replace("one", "two")


def test_rows_of_as_many_maps_are_kept_as_they_stand() -> None:
    page = (Path(__file__).parent.parent.parent / "docs/calibration.md").read_text(encoding="utf-8")
    kept = rows_in(page, 200)
    assert rows_in(page, 100) == rows_in("# Page\n", 200) == {}
    assert {row_name(law, folded=True) for law in LAWS} <= set(kept)
    again = section(200, lambda _, tasks: iter(()) if not tasks else pytest.fail("a row is made anew"), kept)
    assert put_into(page, again, (BEGIN, END)) == page
