"""A short version of the study of emerging hotspots; the long one writes docs/calibration.md."""

import pytest

from tests.studies.calibration_emerging import (
    ALPHA,
    DESIGNS,
    MEMORY_LAWS,
    NULL_LAWS,
    PLACES,
    RISK_LAWS,
    NullLaw,
    RiskLaw,
    figures,
    place_found,
    risk_figures,
    village_found,
)

CUBES = 40


# Many different counts make large tables: that law is left to the long study.
QUICK_LAWS = [law for law in NULL_LAWS if law.name != "Poisson 10"]


@pytest.mark.parametrize("law", QUICK_LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize(("window", "lag", "k"), [design for design in DESIGNS if design != ("cube", 1, 1)])
def test_null_cubes_stay_empty(law: NullLaw, window: str, lag: int, k: int | str) -> None:
    # At a true rate of 5 %, more than 6 of 40 cubes come up once in 150 times; the seeds are fixed.
    assert figures(law, 12, window, lag, k, CUBES).false <= 6 / CUBES


@pytest.mark.parametrize("law", NULL_LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("n_bins", [12, 24])
def test_trends_are_as_rare_as_their_level_says(law: NullLaw, n_bins: int) -> None:
    found = figures(law, n_bins, "cube", 0, 1, CUBES)
    assert found.trend <= ALPHA + 3 * found.trend_se
    assert found.by_blocks < 0.1


def test_a_memory_in_time_is_met_by_blocks() -> None:
    strong = MEMORY_LAWS[-1]
    found = figures(strong, 24, "cube", 0, 1, 20)
    assert found.by_blocks > 0.9
    # Not exchangeable even so: what is claimed is less harm, not the level.
    assert found.trend < figures(strong, 12, "cube", 0, 1, 20).trend


@pytest.mark.parametrize("kind", ["new", "consecutive", "sporadic", "historical", "persistent"])
def test_planted_places_have_their_name(kind: str) -> None:
    right, hot, off = place_found(kind, 5)
    assert right > 0.7
    assert hot > 0.8
    assert off < 0.1


def test_every_planted_place_is_hot() -> None:
    assert {kind for kind in PLACES if place_found(kind, 3)[1] > 0.3} == set(PLACES)


# One without dispersion, one that is drawn anew in every bin, one that stays with the cell.
QUICK_RISKS = [
    law for law in RISK_LAWS if law.name.startswith(("Poisson 0.5", "negative binomial (size 0.5)"))
]


@pytest.mark.parametrize("law", QUICK_RISKS, ids=lambda law: law.name)
def test_null_cubes_over_uneven_people_stay_empty(law: RiskLaw) -> None:
    found = risk_figures(law, "cube", 1, 1, CUBES)
    assert found.false <= 6 / CUBES
    assert found.trend <= ALPHA + 3 * found.trend_se


def test_a_rise_where_few_live_is_found_and_a_crowd_is_not() -> None:
    village, downtown, _, downtown_without = village_found(RiskLaw("Poisson 2", 2.0), 6.0, 5)
    assert village > 0.6
    assert downtown < 0.05
    assert downtown_without > 0.9
