"""PAI, PEI and RRI by hand, against chance, and within their bounds on anything."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidParameter
from models.hit_rates import hit_rates


def test_a_map_of_chance_has_a_pai_of_one() -> None:
    found = hit_rates(np.zeros(50), np.arange(50), np.ones(50), 0.1)
    assert found.pai == pytest.approx(1)
    assert found.hits == pytest.approx(0.1 * np.arange(50).sum())


def test_equal_scores_at_the_limit_share_the_places_that_are_left() -> None:
    # One cell above the limit, three tied for one place: 4 + (3 + 0 + 3) / 3.
    found = hit_rates([5, 2, 2, 2, 0], [4, 3, 0, 3, 9], [1.0] * 5, 0.4)
    assert found.hits == pytest.approx(6)
    assert found.best_hits == 13


def test_areas_count() -> None:
    found = hit_rates([3, 2, 1], [2, 1, 1], [1.0, 2.0, 3.0], 0.34)
    assert (found.n_cells, found.area, found.total_area) == (1, 1.0, 6.0)
    assert found.pai == pytest.approx((2 / 4) / (1 / 6))


def test_a_small_share_chooses_one_cell() -> None:
    assert hit_rates([1, 2, 3], [0, 0, 4], [1.0] * 3, 0.001).pei == 1


def test_where_nothing_happened_there_is_no_answer() -> None:
    found = hit_rates([1, 2], [0, 0], [1.0, 1.0], 0.5, before=[1, 1])
    assert np.isnan([found.pai, found.pei, found.rri]).all()


def test_no_incident_before_leaves_the_recapture_open() -> None:
    found = hit_rates([1, 2], [1, 3], [1.0, 1.0], 0.5, before=[4, 0])
    assert found.pai == pytest.approx(1.5)
    assert np.isnan(found.rri)


_cells = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 9), st.floats(0.5, 2.0), st.integers(0, 9)),
    min_size=1,
    max_size=40,
)


@given(_cells, st.floats(0.001, 1.0))
def test_efficiency_is_at_most_one_and_order_plays_no_part(
    cells: list[tuple[int, int, float, int]], share: float
) -> None:
    scores, counts, areas, before = (np.array(column, dtype=float) for column in zip(*cells, strict=True))
    found = hit_rates(scores, counts, areas, share, before=before)
    back = hit_rates(scores[::-1], counts[::-1], areas[::-1], share, before=before[::-1])
    for name in ("hits", "pai", "pei", "rri"):
        one, other = getattr(found, name), getattr(back, name)
        assert one == pytest.approx(other, nan_ok=True)
    if counts.sum():
        assert 0 <= found.pei <= 1
        assert found.hits <= found.best_hits + 1e-9
        assert hit_rates(counts, counts, areas, share).pei == pytest.approx(1)


@pytest.mark.parametrize(
    ("scores", "share"), [([], 0.1), ([1.0, 2.0], 0.0), ([1.0, 2.0], 1.5), ([1.0, np.nan], 0.5)]
)
def test_what_does_not_fit_is_refused(scores: list[float], share: float) -> None:
    with pytest.raises(InvalidParameter):
        hit_rates(scores, scores, [1.0] * len(scores), share)
    with pytest.raises(InvalidParameter):
        hit_rates([1.0], [1.0, 2.0], [1.0], 0.5)
