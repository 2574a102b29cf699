"""Real wastewater through the installed command and a real service, read back by real clients."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.requirements import dataset_path, need_tool
from tests.studies.real_wastewater import Walk, epa_sewersheds, nz_esr, twin_cities

pytestmark = pytest.mark.contract

WALKS = {
    "wastewater/twin_cities_metc": (twin_cities, 11),
    "wastewater/nz_esr": (nz_esr, 12),
    "wastewater/epa_sewersheds": (epa_sewersheds, 12),
}


@pytest.mark.parametrize("name", WALKS)
def test_every_figure_is_what_the_files_hold(tmp_path: Path, name: str) -> None:
    walk: Callable[[Path, Path, str], Walk]
    walk, fewest = WALKS[name]
    found = walk(dataset_path(name).parents[1], tmp_path, need_tool("ogrinfo"))
    assert found.wrong == []
    assert len(found.figures) >= fewest
