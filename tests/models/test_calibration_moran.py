"""A short version of the study of local Moran; the long one writes docs/calibration.md."""

import pytest

from spatial.neighbors import NeighborIndex
from tests.studies.calibration_moran import (
    NULL_LAWS,
    ODD_CELLS,
    ODD_RATES,
    RATE_LAWS,
    TAIL,
    NullLaw,
    OddCells,
    false_map_share,
    false_rate_map_share,
    grid_of_study,
    odd_cells_found,
    odd_rates_found,
    tail_shares,
)

MAPS = 40


@pytest.fixture(scope="module")
def index() -> NeighborIndex:
    return grid_of_study()


# Many different counts make many tables: those laws are left to the long study.
QUICK_LAWS = [law for law in NULL_LAWS if law.mean < 10]


@pytest.mark.parametrize("law", QUICK_LAWS, ids=lambda law: law.name)
def test_null_maps_stay_empty(index: NeighborIndex, law: NullLaw) -> None:
    # At a true rate of 5 %, more than 6 of 40 maps come up once in 150 times; the seeds are fixed.
    assert false_map_share(index, law, 1, MAPS) <= 6 / MAPS


def test_null_maps_stay_empty_with_three_rings(index: NeighborIndex) -> None:
    assert false_map_share(index, NULL_LAWS[2], "auto", MAPS) <= 6 / MAPS


def test_simulated_null_maps_stay_empty(index: NeighborIndex) -> None:
    assert false_map_share(index, NULL_LAWS[2], 1, 10, "monte-carlo") <= 2 / 10


@pytest.mark.parametrize(
    ("scene", "k", "least"), list(zip(ODD_CELLS, (1, 1, "auto"), (0.8, 0.9, 0.8), strict=True))
)
def test_odd_cells_are_found_and_little_else(
    index: NeighborIndex, scene: OddCells, k: int | str, least: float
) -> None:
    found = odd_cells_found(index, scene, k, 10)
    assert found.called >= least
    assert found.by_gi_star < 0.2
    assert found.off < 0.1


# The sparsest and the busiest of each law; the others are left to the long study.
@pytest.mark.parametrize("law", [RATE_LAWS[at] for at in (0, 4, 7, 11)], ids=lambda law: law.name)
def test_null_maps_over_uneven_people_stay_empty(index: NeighborIndex, law: NullLaw) -> None:
    # At a true rate of 5 %, more than 4 of 20 maps come up 3 times in a thousand; the seeds are fixed.
    assert false_rate_map_share(index, law, 1, 20) <= 4 / 20


def test_permuted_rates_are_not_safe_and_ours_are(index: NeighborIndex) -> None:
    ours, permuted = tail_shares(index, RATE_LAWS[4], 3)
    assert ours <= TAIL < 3 * TAIL < permuted


@pytest.mark.parametrize(("scene", "least"), list(zip(ODD_RATES, (0.6, 0.8), strict=True)))
def test_odd_rates_are_found_and_little_else(index: NeighborIndex, scene: OddCells, least: float) -> None:
    found = odd_rates_found(index, scene, 1, 6)
    assert found.called >= least
    assert found.off < 0.1
