"""What is kept of emerging hotspots, made slim and filled again: nothing of the next answer changes."""

import numpy as np
import pytest

from models.emerging import extended, shortened
from models.emerging_kept import refilled, slim
from models.space_time import WINDOWS
from tests.models.test_emerging import area, found_in, null_counts, same


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("p_method", ["exact", "monte-carlo"])
def test_slim_and_refilled_serves_the_next_bins(window: str, p_method: str) -> None:
    index = area(5)
    counts = null_counts(index, 10)
    counts[:, [2, 9]] = 1
    options = {"window": window, "p_method": p_method, "simulations": 50}
    kept = slim(found_in(counts[:, :8], index, **options).kept)
    found = extended(shortened(refilled(kept), 6), counts[:, 6:], rng=np.random.default_rng(3))
    assert same(found, found_in(counts, index, 3, **options))


@pytest.mark.parametrize(("window", "n_kept"), [("cube", 0), ("neighborhood", 6), ("step", 6)])
def test_p_is_kept_only_where_later_bins_leave_it_alone(window: str, n_kept: int) -> None:
    index = area(3)
    found = found_in(null_counts(index, 6), index, window=window)
    assert len(slim(found.kept).p) == len(slim(found.kept).is_hot) == n_kept
    drawn = found_in(null_counts(index, 6), index, window=window, p_method="monte-carlo", simulations=20)
    assert len(slim(drawn.kept).p) == 0
