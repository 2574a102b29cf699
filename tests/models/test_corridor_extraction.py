"""From windows above a level to corridors: disjoint, trimmed, merged, told from intersections; stability."""

import numpy as np
import pytest

from models.corridor_extraction import (
    Found,
    Locations,
    Street,
    disjoint,
    extracted,
    spot_of,
    stability,
    trimmed,
)
from models.corridor_windows import Score, thresholds, windows_of
from models.errors import InvalidParameter

N = 120  # two routes of 60 lixels, one incident expected on each


def street(
    y: np.ndarray, *, place: np.ndarray | None = None, lowest_m: float = 400.0, highest_m: float = 2000.0
) -> Street:
    at = np.repeat(np.arange(N), y)
    return Street(
        y=y,
        mu=np.full(N, y.sum() / N),
        length_m=np.full(N, 80.0),
        route=np.repeat([0, 1], N // 2),
        locations=Locations(at, at if place is None else place, y),
        score=Score(int(y.sum()), 0.0),
        min_length_m=lowest_m,
        max_length_m=highest_m,
    )


def above(one: Street, level: float) -> Found:
    windows = windows_of(one.mu, one.route, one.length_m, one.min_length_m, one.max_length_m)
    parts = list(thresholds(windows, one.score, level).reached(one.y[None, windows.order]))
    first = np.concatenate([windows.order[start] for _, _, start, _ in parts])
    size = np.concatenate([np.full(len(start), size) for size, _, start, _ in parts])
    return Found(first, first + size, np.concatenate([llr for *_, llr in parts]))


def spans(one: Street, level: float) -> list[tuple[int, int, bool]]:
    return [(f.first, f.last, f.is_intersection) for f in extracted(one, above(one, level), level)]


def with_raised(*stretches: tuple[int, int], count: int = 5) -> np.ndarray:
    y = np.ones(N, dtype=np.int64)
    for first, last in stretches:
        y[first:last] = count
    return y


def test_the_stretch_that_is_raised_is_the_corridor() -> None:
    assert spans(street(with_raised((20, 32))), 6.0) == [(20, 32, False)]


def test_corridors_are_disjoint_and_the_best_comes_first() -> None:
    y = with_raised((5, 15), (90, 110))
    assert spans(street(y), 6.0) == [(90, 110, False), (5, 15, False)]


def test_neighbours_of_a_route_are_merged_over_less_than_300_m() -> None:
    apart_240, apart_320 = with_raised((10, 20), (23, 33), count=9), with_raised((10, 20), (24, 34), count=9)
    apart_240[20:23] = apart_320[20:24] = 0
    assert spans(street(apart_240, highest_m=800), 6.0) == [
        (10, 20, False),
        (23, 33, False),
    ]  # too long as one
    merged = street(apart_240, highest_m=1840)
    taken = Found(np.array([10, 23]), np.array([20, 33]), np.array([merged.llr(10, 20), merged.llr(23, 33)]))
    assert [(f.first, f.last) for f in extracted(merged, taken, 6.0)] == [(10, 33)]
    too_far = street(apart_320, highest_m=1920)
    taken = Found(
        np.array([10, 24]), np.array([20, 34]), np.array([too_far.llr(10, 20), too_far.llr(24, 34)])
    )
    assert [(f.first, f.last) for f in extracted(too_far, taken, 6.0)] == [(10, 20), (24, 34)]


def test_neighbours_are_not_merged_where_the_whole_falls_below_the_level() -> None:
    y = with_raised((10, 20), (22, 32), count=9)
    one = street(y)
    taken = Found(np.array([10, 22]), np.array([20, 32]), np.array([one.llr(10, 20), one.llr(22, 32)]))
    level = one.llr(10, 32) + 1.0
    assert [(f.first, f.last) for f in extracted(one, taken, level)] == [(10, 20), (22, 32)]


def test_stretches_of_two_routes_are_never_merged() -> None:
    one = street(with_raised((52, 68), count=6))
    assert sorted(spans(one, 6.0)) == [(52, 60, False), (60, 68, False)]


def test_empty_ends_are_trimmed_as_far_as_the_least_length_allows() -> None:
    y = np.zeros(N, dtype=np.int64)
    y[30:34] = 6
    assert trimmed(street(y), 25, 40) == (30, 35)
    assert trimmed(street(y, lowest_m=80.0), 25, 40) == (30, 34)
    assert trimmed(street(y), 30, 34) == (30, 34)


def test_a_single_hot_junction_is_an_intersection_even_among_other_incidents() -> None:
    y = with_raised()
    y[40] = 25
    assert spans(street(y), 6.0) == [(40, 41, True)]


def test_a_junction_that_lies_where_two_lixels_meet_is_an_intersection() -> None:
    y = with_raised()
    y[40:42] = 13
    assert spans(street(y), 6.0) == [(40, 42, True)]


def test_a_corridor_with_a_hot_junction_in_it_stays_a_corridor() -> None:
    y = with_raised((30, 50), count=4)
    y[40] = 25
    found = spans(street(y), 6.0)
    assert found == [(30, 50, False)]


def test_incidents_of_one_place_are_an_intersection() -> None:
    y = np.ones(N, dtype=np.int64)
    y[40:44] = 5
    at = np.repeat(np.arange(N), y)
    one = street(y, place=np.where((at >= 40) & (at < 44), 999, at))
    assert spot_of(one, 40, 44, 1.0) == (40, 44)
    assert spot_of(one, 40, 45, 1.0) is None  # a second place, and no spot that explains it all


def test_places_have_to_agree_with_the_counts() -> None:
    with pytest.raises(InvalidParameter, match="got 1 off"):
        Locations([0, 1], ["a", "b"], np.array([1, 2]))
    with pytest.raises(InvalidParameter, match="lixels 0 to 1"):
        Locations([0, 2], ["a", "b"], np.array([1, 1]))
    with pytest.raises(InvalidParameter, match="one place for each of 2"):
        Locations([0, 1], ["a"], np.array([1, 1]))
    assert Locations([-1, 0, 0], ["c", "a", "b"], np.array([2, 0])).distinct(0, 2) == 2


def test_stability_counts_what_is_found_again_by_half() -> None:
    one = street(with_raised((20, 30)))
    findings = extracted(one, above(one, 6.0), 6.0)
    none = np.empty(0, dtype=np.int64)
    again = [
        Found(np.array([25]), np.array([40]), np.array([7.0])),  # five of ten lixels
        Found(np.array([26]), np.array([40]), np.array([7.0])),  # four
        Found(np.array([18, 29]), np.array([23, 31]), np.array([7.0, 6.5])),  # three and one
        Found(none, none, np.empty(0)),
    ]
    assert stability(one, findings, iter(again)).tolist() == [0.25]
    assert np.isnan(stability(one, findings, iter(()))).all()


def test_the_best_of_overlapping_windows_remains() -> None:
    first, last = np.array([0, 5, 9, 20]), np.array([10, 12, 15, 25])
    assert disjoint(Found(first, last, np.array([3.0, 5.0, 4.0, 1.0]))) == [(5, 12), (20, 25)]
