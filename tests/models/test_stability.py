"""How much of an area keeps its class: shares by hand, what has no answer, and what does not fit."""

import numpy as np
import pytest

from models.errors import InvalidParameter
from models.stability import area_stability, kept_in_parts, kept_in_wholes


def test_an_area_is_the_mean_of_its_cells_and_then_of_the_changes() -> None:
    kept = {"coarser": [1, 1, 0, 1], "finer": [0.5, 0, 0, 1]}
    found = area_stability([0, 0, -1, 1], kept, 2)
    assert found.by_change["coarser"].tolist() == [1, 1]
    assert found.by_change["finer"].tolist() == [0.25, 1]
    assert found.share.tolist() == [0.625, 1]


def test_a_change_without_an_answer_does_not_count_against_an_area() -> None:
    found = area_stability([0, 0, 1], {"coarser": [np.nan, 1, np.nan], "wider": [0.5, 0.5, 0]}, 2)
    np.testing.assert_array_equal(found.by_change["coarser"], [1, np.nan])
    assert found.share.tolist() == [0.75, 0]


def test_nothing_asked_is_no_answer() -> None:
    assert np.isnan(area_stability([0, 1, -1], {}, 2).share).all()
    assert len(area_stability([-1, -1], {}, 0).share) == 0


def test_cells_that_are_in_no_area_say_nothing() -> None:
    found = area_stability([-1, 0], {"wider": [1.0, 0.0]}, 1)
    assert found.share.tolist() == [0]


def test_a_pentagon_is_shared_among_its_six_children() -> None:
    owner = [0] * 6 + [1] * 7
    found = kept_in_parts(["hot", "hot"], owner, ["hot"] * 3 + ["none"] * 3 + ["hot"] * 7, [True] * 13)
    assert found.tolist() == [0.5, 1]


def test_the_class_must_be_the_same_one() -> None:
    assert kept_in_wholes(["hot", "cold"], [0, 1], ["cold", "cold"], [True, True]).tolist() == [0, 1]
    assert kept_in_parts(["cold"], [0, 0], ["hot", "cold"], [True, True]).tolist() == [0.5]


def test_untested_counterparts_are_no_answer() -> None:
    assert np.isnan(kept_in_wholes(["hot", "hot"], [0, -1], ["none"], [False])).all()


def test_shares_must_fit_the_cells() -> None:
    with pytest.raises(InvalidParameter, match="3 cells"):
        area_stability([0, 0, -1], {"wider": [1.0]}, 1)
