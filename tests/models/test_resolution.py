"""What a resolution can show: held against scipy, the exact law and draws; and the advice that follows."""

import json

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from models.errors import InvalidParameter
from models.exact import disk_sum_law, smallest_attainable_p, value_groups
from models.resolution import Support, resolution_advice, support_of


def poisson_support(mean: float, n: int, seed: int = 0) -> Support:
    return support_of(np.random.default_rng(seed).poisson(mean, n), n)


def entry(support: Support, **options: object) -> dict[str, object]:
    (one,) = resolution_advice({9: support}, 9, **{"k": 2, **options})["resolutions"]  # type: ignore[arg-type]
    return dict(one)


def test_the_figures_are_those_of_the_counts() -> None:
    one = entry(Support(np.array([3, 1, 1]), 500), k=1)
    assert one["cells"] == 500
    assert one["mean"] == 5 / 500
    assert one["expected_per_disk"] == pytest.approx(7 * 5 / 500)
    assert one["smallest_p_needed"] == 0.05 / 500
    assert one["disk_share"] == 7 / 500


def test_empty_cells_count_although_they_are_not_made() -> None:
    values = np.random.default_rng(1).poisson(0.3, 800)
    expected = smallest_attainable_p(value_groups(values), [19])[0]
    assert entry(support_of(values, 800))["smallest_attainable_p"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("mean", "n"), [(0.05, 3000), (0.5, 3000), (5.0, 3000), (60.0, 400)])
def test_poisson_counts_need_what_a_poisson_sum_needs(mean: float, n: int) -> None:
    # All cells about a denominator without dispersion: the sum of a disk is Poisson.
    support = poisson_support(mean, n)
    expected = 19 * support.occupied.sum() / n
    enough = entry(support, phi=0.0)["confirmed_at"]
    assert isinstance(enough, int)
    assert poisson.sf(enough - 1, expected) <= 0.05 / n < poisson.sf(enough - 2, expected)


def test_scatter_raises_what_a_disk_needs_to_that_of_a_negative_binomial() -> None:
    values = np.random.default_rng(2).negative_binomial(0.5, 0.2, 2000)
    one = entry(support_of(values, 2000))
    mean, dispersion = 19 * values.mean(), values.var() / values.mean() * (2000 - 19) / 1999
    law = nbinom(mean / (dispersion - 1), 1 / dispersion)
    enough = one["confirmed_at"]
    assert isinstance(enough, int)
    assert law.sf(enough - 1) <= 0.05 / 2000 < law.sf(enough - 2)


@pytest.mark.parametrize("mean", [0.1, 1.0, 8.0])
def test_what_a_disk_needs_is_near_the_exact_law(mean: float) -> None:
    n = 3000
    values = np.random.default_rng(3).negative_binomial(0.7, 0.7 / (0.7 + mean), n)
    law = disk_sum_law(value_groups(values), 19, int(30 * 19 * mean + 60))
    exact = int(np.flatnonzero(law.upper[19] <= 0.05 / n)[0])
    assert entry(support_of(values, n))["confirmed_at"] == pytest.approx(exact, rel=0.1, abs=1)


def test_a_detectable_risk_is_found_in_four_of_five_cases() -> None:
    support = poisson_support(0.5, 3000)
    expected = 19 * support.occupied.sum() / 3000
    risk = entry(support)["detectable_risk"]
    enough = int(poisson.isf(0.05 / 3000, expected)) + 1
    draws = np.random.default_rng(4).poisson(float(risk) * expected, 20_000)  # type: ignore[arg-type]
    assert (draws >= enough).mean() == pytest.approx(0.8, abs=0.01)


def test_cold_asks_for_how_few() -> None:
    support = poisson_support(3.0, 2000)
    one, expected = entry(support, side="cold"), 19 * support.occupied.sum() / 2000
    few = entry(support, side="cold", phi=0.0)["confirmed_at"]
    assert isinstance(few, int)
    assert poisson.cdf(few, expected) <= 0.05 / 2000 < poisson.cdf(few + 1, expected)
    assert 0 < float(one["detectable_risk"]) < 1  # type: ignore[arg-type]
    nothing = entry(poisson_support(0.02, 2000), side="cold")
    assert nothing["confirmed_at"] is None
    assert nothing["detectable_risk"] is None
    assert "Nothing can be confirmed" in str(nothing["verdict"])
    without_floor = entry(poisson_support(0.02, 2000), side="cold", p_method="normal")
    assert "Too few incidents" in str(without_floor["verdict"])


def test_both_sides_need_half_the_p() -> None:
    support = poisson_support(2.0, 2000)
    both, hot = entry(support, side="both"), entry(support)
    assert both["confirmed_at"] >= hot["confirmed_at"]  # type: ignore[operator]
    assert both["detectable_risk"] > hot["detectable_risk"]  # type: ignore[operator]


def test_the_finest_resolution_that_carries_is_named() -> None:
    supports = {7: poisson_support(20, 500), 8: poisson_support(3, 3500), 9: poisson_support(0.4, 24_500)}
    found = resolution_advice(supports, 9, k=2)
    assert found["finest"] == 8
    assert "9 is finer than the data carry" in found["advice"]
    assert "less precise" in resolution_advice(supports, 7, k=2)["advice"]
    assert "8 is the finest" in resolution_advice(supports, 8, k=2)["advice"]
    assert [one["verdict"].split(":")[0] for one in found["resolutions"]] == [
        "Carries the data",
        "Carries the data",
        "Strong places only",
    ]


def test_a_few_incidents_carry_nothing_and_the_advice_says_so() -> None:
    supports = {8: support_of([1, 1, 1, 1], 500), 9: support_of([1, 1, 1, 1], 3500)}
    found = resolution_advice(supports, 9, k=2)
    assert found["finest"] is None
    assert "At no resolution from 8 to 9" in found["advice"]


def test_disks_that_are_the_study_area_are_too_coarse() -> None:
    one = entry(poisson_support(50, 19))
    assert one["confirmed_at"] is None
    assert str(one["verdict"]).startswith("Too coarse: one disk covers 100%")


def test_nothing_selected_shows_nothing() -> None:
    found = resolution_advice({9: support_of([], 100)}, 9, k=1)
    assert found["advice"].startswith("No incident is selected")
    assert found["resolutions"][0]["verdict"].startswith("No incident")
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("options", "floor"),
    [
        ({"p_method": "monte-carlo", "simulations": 999}, 0.001),
        ({"p_method": "monte-carlo", "simulations": 999, "side": "both"}, 0.002),
        ({"p_method": "negative-binomial"}, None),
        ({"p_method": "normal"}, None),
    ],
)
def test_the_floor_is_that_of_the_p(options: dict[str, object], floor: float | None) -> None:
    assert entry(poisson_support(1, 3000), **options)["smallest_attainable_p"] == floor


def test_draws_too_few_for_one_disk_are_told() -> None:
    one = entry(poisson_support(5, 3000), p_method="monte-carlo")
    assert "No disk can be confirmed alone" in str(one["verdict"])


def test_the_asked_resolution_must_be_among_them() -> None:
    with pytest.raises(InvalidParameter, match="resolution 8"):
        resolution_advice({9: poisson_support(1, 10)}, 8, k=1)
