"""Every pattern by its rule: fifteen series with a known answer, precedence, mirror, sentences."""

from itertools import product

import numpy as np
import pytest

from models.emerging_patterns import NO_PATTERN, PATTERNS, SHORT_LABELS, Patterns, emerging_patterns
from models.errors import InvalidParameter
from models.mann_kendall import kendall_scores, mann_kendall_z, two_sided_p

RISING = np.linspace(2, 6, 10).round(2)
QUIET, SPIKE = [0.3] * 9, [3.0]
FLAT = [3.0, 3.2, 2.9, 3.1, 3.0, 3.2, 2.9, 3.1, 3.0, 3.05]
# Bins as 1 hot, -1 cold; z by bin; the pattern; the short label.
KNOWN = {
    "hot in the last bin only": ([0] * 9 + [1], QUIET + SPIKE, "new hot spot", "emerging"),
    "hot in the last two": (
        [0] * 8 + [1, 1],
        [0.3] * 8 + [3.0, 3.1],
        "consecutive hot spot",
        "emerging",
    ),
    "always hot and rising": ([1] * 10, RISING, "intensifying hot spot", "emerging"),
    "always hot and level": ([1] * 10, FLAT, "persistent hot spot", "persistent"),
    "always hot and falling": ([1] * 10, RISING[::-1], "diminishing hot spot", "persistent"),
    "on and off, on at last": (
        [1, 0, 1, 0, 0, 1, 0, 0, 0, 1],
        [3, 0.3, 3, 0.3, 0.3, 3, 0.3, 0.3, 0.3, 3],
        "sporadic hot spot",
        "intermittent",
    ),
    "on and off, off at last": (
        [1, 0, 1, 0, 0, 1, 0, 0, 0, 0],
        [3, 0.3, 3, 0.3, 0.3, 3, 0.3, 0.3, 0.3, 0.3],
        NO_PATTERN,
        "none",
    ),
    "cold once, hot at last": (
        [0, -1] + [0] * 7 + [1],
        [0.3, -3] + [0.3] * 7 + [3],
        "oscillating hot spot",
        "emerging",
    ),
    "cold just before, hot at last": (
        [0] * 8 + [-1, 1],
        [0.3] * 8 + [-3, 3],
        "oscillating hot spot",
        "emerging",
    ),
    "hot nine times, then above the mean": (
        [1] * 9 + [0],
        [3.0] * 9 + [0.9],
        "historical hot spot",
        "former",
    ),
    "hot nine times, then below it": ([1] * 9 + [0], [3.0] * 9 + [-0.2], "historical hot spot", "former"),
    "always cold and deeper": ([-1] * 10, -RISING, "intensifying cold spot", "emerging"),
    "always cold and weaker": ([-1] * 10, -RISING[::-1], "diminishing cold spot", "persistent"),
    "cold nine times, then hot": (
        [-1] * 9 + [1],
        [-6, -5.51, -5.03, -4.54, -4.05, -3.56, -3.08, -2.59, -2.1, 3],
        "oscillating hot spot",
        "emerging",
    ),
    "nothing": ([0] * 10, [0.3] * 10, NO_PATTERN, "none"),
}


def trend_of(z: object) -> int:
    series = np.asarray(z, dtype=float)[:, None]
    score = mann_kendall_z(*kendall_scores(series), len(series))
    return int(np.sign(score[0]) * (two_sided_p(score)[0] <= 0.05))


def found_in(bins: list[int], trend: int = 0) -> Patterns:
    return emerging_patterns(np.array(bins)[:, None], [trend])


@pytest.mark.parametrize("name", KNOWN)
def test_series_with_a_known_answer(name: str) -> None:
    bins, z, pattern, short = KNOWN[name]
    found = found_in(bins, trend_of(z))
    assert (found.pattern[0], found.short[0]) == (pattern, short)


@pytest.mark.parametrize("name", KNOWN)
def test_the_mirror_image_has_the_mirrored_name(name: str) -> None:
    bins, z, pattern, short = KNOWN[name]
    found = found_in([-b for b in bins], -trend_of(z))
    swapped = {"hot": "cold", "cold": "hot"}
    assert found.pattern[0] == " ".join(swapped.get(word, word) for word in pattern.split())
    assert found.short[0] == short


def by_the_rules(bins: tuple[int, ...], trend: int) -> str:
    """The rules once more, cell by cell and in words."""
    last, n = bins[-1], len(bins)
    for side, word in ((1, "hot"), (-1, "cold")):
        share = sum(b == side for b in bins) / n
        if last == 0 and share >= 0.9:
            return f"historical {word} spot"
        if last != side:
            continue
        earlier = bins[:-1]
        if share >= 0.9:
            kind = {1: "intensifying", -1: "diminishing", 0: "persistent"}[trend * side]
        elif -side in earlier:
            kind = "oscillating"
        elif side not in earlier:
            kind = "new"
        elif "".join("x" if b == side else "." for b in bins).lstrip(".") == "x" * sum(
            b == side for b in bins
        ):
            kind = "consecutive"
        else:
            kind = "sporadic"
        return f"{kind} {word} spot"
    return NO_PATTERN


@pytest.mark.parametrize("n_bins", [4, 7])
def test_every_series_has_the_pattern_that_the_rules_give(n_bins: int) -> None:
    series = list(product((-1, 0, 1), repeat=n_bins))
    for trend in (-1, 0, 1):
        found = emerging_patterns(np.array(series).T, np.full(len(series), trend))
        assert found.pattern.tolist() == [by_the_rules(bins, trend) for bins in series]


def test_nine_in_ten_is_counted_and_not_rounded() -> None:
    hot = "historical hot spot"
    assert found_in([1] * 9 + [0]).pattern[0] == hot
    assert found_in([1] * 18 + [0, 0]).pattern[0] == hot
    assert found_in([1] * 17 + [0] * 3).pattern[0] == NO_PATTERN
    assert found_in([1] * 47 + [0] * 5).pattern[0] == hot  # 90.4 %
    assert found_in([1] * 46 + [0] * 6).pattern[0] == NO_PATTERN  # 88.5 %


def test_oscillating_is_intermittent_once_it_was_hot_before() -> None:
    assert found_in([1, 0, -1, 0, 1]).pattern[0] == "oscillating hot spot"
    assert found_in([1, 0, -1, 0, 1]).short[0] == "intermittent"


def test_names_are_seventeen_and_labels_five() -> None:
    assert len(set(PATTERNS)) == 17
    series = np.array(list(product((-1, 0, 1), repeat=10))).T
    seen = [emerging_patterns(series, np.full(series.shape[1], trend)) for trend in (-1, 0, 1)]
    assert {name for found in seen for name in found.pattern.tolist()} == set(PATTERNS)
    assert {label for found in seen for label in found.short.tolist()} == set(SHORT_LABELS)


@pytest.mark.parametrize(
    ("bins", "trend", "reason"),
    [
        ([0, 0, 0, 1], 0, "Hot in the last bin, for the first time in 4 bins."),
        ([0, 0, 1, 1], 0, "Hot in the last 2 bins without a break, and never before."),
        ([1, 0, 0, 1], 0, "Hot in the last bin and, with breaks, in 2 of 4 bins; never cold."),
        ([1, -1, 0, 1], 0, "Hot in the last bin and cold in 1 earlier bin; hot in 2 of 4 bins."),
        ([1, 1, -1, -1], 0, "Cold in the last bin and hot in 2 earlier bins; cold in 2 of 4 bins."),
        ([1] * 4, 1, "Hot in the last bin and in 4 of 4 bins, with a rising trend."),
        ([1] * 4, -1, "Hot in the last bin and in 4 of 4 bins, with a falling trend."),
        ([1] * 4, 0, "Hot in the last bin and in 4 of 4 bins, without a clear trend."),
        ([-1] * 4, -1, "Cold in the last bin and in 4 of 4 bins, with a falling trend."),
        ([-1] * 9 + [0], 0, "Not cold in the last bin, but in 9 of 10 bins."),
        ([1, -1, 0, 0], 0, "Neither hot nor cold in the last bin; hot in 1 and cold in 1 of 4 bins."),
        ([0] * 4, 1, "Neither hot nor cold in any of 4 bins."),
    ],
)
def test_reasons_are_sentences(bins: list[int], trend: int, reason: str) -> None:
    assert found_in(bins, trend).reason[0] == reason


def test_reasons_of_many_series_count_right() -> None:
    series = np.array(list(product((-1, 0, 1), repeat=6))).T
    found = emerging_patterns(series, np.zeros(series.shape[1]))
    hot = (series == 1).sum(axis=0)
    np.testing.assert_array_equal(found.share_hot, hot / 6)
    of_hot = np.char.endswith(found.pattern, "sporadic hot spot")
    counted = [int(reason.split(" of 6")[0].split()[-1]) for reason in found.reason[of_hot]]
    assert counted == hot[of_hot].tolist()


@pytest.mark.parametrize(("signs", "trend"), [([1, 0], [0]), ([[1, 0]], [0]), (np.empty((0, 2)), [0, 0])])
def test_shapes_that_do_not_fit_are_refused(signs: object, trend: list[int]) -> None:
    with pytest.raises(InvalidParameter, match="one trend a cell"):
        emerging_patterns(signs, trend)  # type: ignore[arg-type]
