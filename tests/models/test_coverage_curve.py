"""Coverage: shares add up, order does not matter, chance is what chance gives."""

import numpy as np
import pytest

from models.coverage_curve import (
    captured,
    chance_coverage,
    coverage_curve,
    covered_pieces,
    held_out,
    practice_scores,
)
from models.errors import InvalidParameter, TooFewObservations


def test_the_curve_is_the_share_on_the_best_pieces():
    curve = coverage_curve([0, 6, 3, 1], [100, 200, 100, 100])
    # 3 and 6 / 200 m are equally dense: they come in together.
    np.testing.assert_allclose(curve.length_share, [0, 0.6, 0.8, 1])
    np.testing.assert_allclose(curve.count_share, [0, 0.9, 1, 1])
    assert curve.at(0.3) == pytest.approx(0.45)


def test_a_given_score_decides_the_order():
    curve = coverage_curve([0, 6, 3, 1], [100] * 4, score=[4, 1, 3, 2])
    assert curve.at([0.25, 0.5, 0.75, 1]).tolist() == pytest.approx([0, 0.3, 0.4, 1])


def test_pieces_of_one_score_come_in_together():
    rng = np.random.default_rng(0)
    count, length = rng.poisson(1, 500), rng.uniform(50, 100, 500)
    score = rng.integers(0, 3, 500)
    order = rng.permutation(500)
    plain = coverage_curve(count, length, score=score)
    mixed = coverage_curve(count[order], length[order], score=score[order])
    np.testing.assert_allclose(plain.at([0.1, 0.4]), mixed.at([0.1, 0.4]))


def test_hindsight_is_the_steepest_of_all_curves():
    rng = np.random.default_rng(1)
    count, length = rng.poisson(1, 300), rng.uniform(50, 100, 300)
    best = coverage_curve(count, length)
    for _ in range(20):
        assert (
            best.at([0.05, 0.1, 0.5])
            >= coverage_curve(count, length, score=rng.random(300)).at([0.05, 0.1, 0.5])
        ).all()


def test_length_for_is_the_inverse():
    rng = np.random.default_rng(2)
    curve = coverage_curve(rng.poisson(2, 100), rng.uniform(50, 100, 100))
    wanted = np.array([0.1, 0.33, 0.8])
    np.testing.assert_allclose(curve.at(curve.length_for(wanted)), wanted)
    assert curve.length_for(0.0) == 0


def test_chance_is_the_curve_of_crashes_that_fall_by_exposure():
    rng = np.random.default_rng(3)
    mu, length = rng.gamma(0.5, 2, 2_000), np.full(2_000, 80.0)
    band = chance_coverage(500, mu, length, length_share=[0.05, 0.1], simulations=99, rng=rng)
    drawn = coverage_curve(rng.multinomial(500, mu / mu.sum()), length).at([0.05, 0.1])
    assert (band.low - 0.03 <= drawn).all() and (drawn <= band.high + 0.03).all()
    # Picking afterwards beats what is known beforehand.
    assert (band.mean > coverage_curve(mu, length).at([0.05, 0.1])).all()


def test_chance_is_the_same_for_the_same_seed():
    args = (50, np.ones(100), np.ones(100))
    one, two = (chance_coverage(*args, simulations=9, rng=np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one.mean, two.mean)


def test_chance_with_many_crashes_on_like_roads_comes_near_to_the_share_itself():
    band = chance_coverage(
        10**7, np.ones(100), np.ones(100), length_share=[0.1], simulations=5, rng=np.random.default_rng(0)
    )
    assert band.mean[0] == pytest.approx(0.1, abs=0.002)


def test_captured_counts_pieces_once():
    found = captured([0, 1], [2, 3], [5, 1, 2, 2], [100, 100, 100, 100])
    assert (found.count, found.count_share, found.length_share) == (8, 0.8, 0.75)
    assert found.lift == pytest.approx(0.8 / 0.75)


def test_nothing_chosen_captures_nothing():
    found = captured([], [], [5, 1], [100, 100])
    assert (found.count, found.length_share) == (0, 0)
    assert np.isnan(found.lift)


def test_a_period_without_crashes_has_no_share():
    assert np.isnan(captured([0], [1], [0, 0], [1, 1]).count_share)


def test_covered_pieces_of_windows_that_touch():
    assert covered_pieces([0, 2], [2, 3], 4).tolist() == [True, True, True, False]


def test_weighted_windows_see_the_severe_and_the_others_see_all():
    n = 60
    fatal, minor = np.zeros(n, dtype=int), np.zeros(n, dtype=int)
    fatal[9], minor[40:50] = 1, 1
    found = practice_scores(
        {"K": fatal, "B": minor, "O": 5 * minor}, np.zeros(n, dtype=int), np.full(n, 80.0)
    )
    # Ten pieces are 800 m; a window of 805 m in steps of 161 m cuts a little off.
    assert 9.5 < found["severity windows"].max() <= 10
    assert found["severity windows"][9] == pytest.approx(3)
    assert found["all-crash windows"][45] == pytest.approx(6 * found["severity windows"][45])
    assert found["all-crash windows"][0] == pytest.approx(1)  # 0 to 0.5 mi holds it whole
    assert found["all-crash windows"][25] == pytest.approx(0)


def test_hold_out_names_each_ranking_and_share():
    rng = np.random.default_rng(5)
    risk, length = rng.gamma(0.3, 3, 3_000), np.full(3_000, 80.0)
    train, test = rng.poisson(risk), rng.poisson(risk)
    rows = held_out({"observed": train, "truth": risk}, {"injury": test, "ksi": np.zeros(3_000)}, length)
    shares = {(row.ranking, row.length_share): row.captured for row in rows}
    assert len(rows) == 6
    assert shares["random", 0.05] == {"injury": 0.05}
    assert (
        shares["random", 0.1]["injury"] < shares["observed", 0.1]["injury"] < shares["truth", 0.1]["injury"]
    )


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: coverage_curve([0, 0], [1, 1]), TooFewObservations),
        (lambda: coverage_curve([1, 2], [1]), InvalidParameter),
        (lambda: coverage_curve([1, -2], [1, 1]), InvalidParameter),
        (lambda: coverage_curve([1, 2], [1, 0]), InvalidParameter),
        (lambda: coverage_curve([1, 2], [1, 1], score=[1, np.nan]), InvalidParameter),
        (lambda: chance_coverage(0, [1], [1], rng=np.random.default_rng(0)), InvalidParameter),
        (lambda: chance_coverage(5, [0], [1], rng=np.random.default_rng(0)), InvalidParameter),
        (lambda: practice_scores({}, [0], [1]), InvalidParameter),
        (lambda: practice_scores({"X": [1]}, [0], [1]), InvalidParameter),
    ],
)
def test_what_cannot_be_is_told(call, error):
    with pytest.raises(error):
        call()
