"""Clusters: against scikit-learn, by hand, in any order of rows, on piles and across the antimeridian."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.cluster import DBSCAN, HDBSCAN
from sklearn.metrics import adjusted_rand_score

from models import clusters as module
from models.clusters import EARTH_RADIUS_M, MAX_HDBSCAN_POINTS, clusters
from models.errors import InvalidParameter

DEG_M = np.pi / 180 * EARTH_RADIUS_M
Floats = NDArray[np.float64]


def town(seed: int = 0, n: int = 600, at: tuple[float, float] = (-111.9, 33.4)) -> tuple[Floats, Floats]:
    """Return points all over 8 km and four dense places, some of them equal."""
    rng = np.random.default_rng(seed)
    spread = rng.uniform(-4000, 4000, (n, 2))
    dense = [rng.normal(c, 60, (80, 2)) for c in ((0, 0), (900, 200), (-2000, 1500), (3000, -3000))]
    xy = np.concatenate([spread, *dense, np.repeat(spread[:20], 3, axis=0)])
    return at[0] + xy[:, 0] / (DEG_M * np.cos(np.radians(at[1]))), at[1] + xy[:, 1] / DEG_M


def line(*metres: float) -> tuple[list[float], list[float]]:
    """Return points along the equator."""
    return [one / DEG_M for one in metres], [0.0] * len(metres)


# DBSCAN


@pytest.mark.reference
@pytest.mark.parametrize(("eps_m", "min_samples"), [(80.0, 5), (150.0, 10), (400.0, 4), (20.0, 3)])
def test_core_points_and_noise_are_those_of_scikit_learn(eps_m: float, min_samples: int) -> None:
    lng, lat = town()
    found = clusters(lng, lat, eps_m=eps_m, min_samples=min_samples).labels
    radians = np.radians(np.column_stack([lat, lng]))
    theirs = DBSCAN(
        eps=eps_m / EARTH_RADIUS_M, min_samples=min_samples, metric="haversine", algorithm="ball_tree"
    ).fit(radians)
    assert ((found < 0) == (theirs.labels_ < 0)).all()
    core = theirs.core_sample_indices_
    pairs = set(zip(found[core].tolist(), theirs.labels_[core].tolist(), strict=True))
    assert len(pairs) == len(set(found[core].tolist())) == len(set(theirs.labels_[core].tolist())) > 1


@pytest.mark.reference
def test_space_and_time_are_those_of_a_full_matrix_in_scikit_learn() -> None:
    lng, lat = town(1)
    days = np.random.default_rng(2).uniform(0, 200, len(lng))
    found = clusters(lng, lat, eps_m=300, min_samples=4, days=days, eps_days=20).labels
    y, x = np.radians(lat), np.radians(lng)
    half = (
        np.sin((y[:, None] - y) / 2) ** 2 + np.cos(y[:, None]) * np.cos(y) * np.sin((x[:, None] - x) / 2) ** 2
    )
    space = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(half))
    far = np.maximum(space / 300, np.abs(days[:, None] - days) / 20)
    theirs = DBSCAN(eps=1, min_samples=4, metric="precomputed").fit(far)
    assert ((found < 0) == (theirs.labels_ < 0)).all()
    core = theirs.core_sample_indices_
    pairs = set(zip(found[core].tolist(), theirs.labels_[core].tolist(), strict=True))
    assert len(pairs) == len(set(theirs.labels_[core].tolist())) > 3


def test_within_reach_means_at_most_eps() -> None:
    assert clusters(*line(0, 100, 200), min_samples=2, eps_m=100).labels.tolist() == [0, 0, 0]
    assert clusters(*line(0, 100, 200), min_samples=2, eps_m=99.99).labels.tolist() == [-1, -1, -1]


def test_a_border_point_joins_the_nearest_core_point() -> None:
    # Two rows of five; the point between them is in reach of one core point of each, nearer to the right.
    metres = (0, 10, 20, 30, 40, 64, 85, 95, 105, 115, 125)
    found = clusters(*line(*metres), min_samples=4, eps_m=24.5)
    assert found.labels.tolist() == [1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]


def test_the_order_of_rows_changes_nothing() -> None:
    lng, lat = town(3)
    days = np.random.default_rng(4).integers(0, 50, len(lng)).astype(float)
    mixed = np.random.default_rng(5).permutation(len(lng))
    for how in (
        {"eps_m": 120.0, "min_samples": 6},
        {"eps_m": 300.0, "min_samples": 4, "days": days, "eps_days": 5.0},
        {"algorithm": "hdbscan", "min_samples": 8},
        {"algorithm": "hdbscan", "min_samples": 8, "eps_m": 100.0, "days": days, "eps_days": 5.0},
    ):
        one = clusters(lng, lat, **how)  # type: ignore[arg-type]
        shuffled = {**how, **({"days": days[mixed]} if "days" in how else {})}
        other = clusters(lng[mixed], lat[mixed], **shuffled)  # type: ignore[arg-type]
        assert len(one) > 1
        assert other.labels.tolist() == one.labels[mixed].tolist()
        assert other.count.tolist() == one.count.tolist()


def test_pieces_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    lng, lat = town(6)
    whole = clusters(lng, lat, eps_m=150, min_samples=8)
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", 50)
    assert clusters(lng, lat, eps_m=150, min_samples=8).labels.tolist() == whole.labels.tolist()


def test_a_weight_counts_like_as_many_rows() -> None:
    lng, lat = line(0, 50, 1000)
    assert clusters(lng, lat, min_samples=5, eps_m=60, weights=[3, 2, 4]).labels.tolist() == [0, 0, -1]
    assert clusters(lng, lat, min_samples=5, eps_m=60, weights=[3, 1, 4]).labels.tolist() == [-1, -1, -1]


def test_days_part_what_lies_on_one_place() -> None:
    lng, lat = [0.0] * 8, [0.0] * 8
    found = clusters(lng, lat, min_samples=3, eps_m=10, days=[0, 1, 2, 2, 50, 51, 52, 99], eps_days=2)
    assert found.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, -1]


def test_the_largest_is_first_and_of_equals_the_smallest_cell() -> None:
    found = clusters(*line(0, 1, 50_000, 50_001, 50_002, 90_000, 90_001), min_samples=2, eps_m=10)
    assert found.count.tolist() == [3, 2, 2]
    assert found.labels.tolist()[2] == 0
    back = clusters(*line(90_001, 90_000, 50_002, 50_001, 50_000, 1, 0), min_samples=2, eps_m=10)
    assert back.labels.tolist() == found.labels.tolist()[::-1]


def test_the_antimeridian_is_no_border() -> None:
    found = clusters([179.9999, -179.9999, 180.0, 0.0], [10.0] * 4, min_samples=3, eps_m=30)
    assert found.labels.tolist() == [0, 0, 0, -1]


# Piles


def piled() -> tuple[Floats, Floats]:
    """Return 60 incidents on one coordinate, eleven strewn around it, and fifty alone."""
    rng = np.random.default_rng(7)
    around = rng.normal(0, 40, (11, 2)) / DEG_M
    alone = np.column_stack([np.arange(1, 51) * 0.1, np.zeros(50)])
    lng_lat = np.concatenate([np.zeros((60, 2)), around, alone])
    return lng_lat[:, 0], lng_lat[:, 1]


def test_a_pile_alone_is_a_cluster_unless_it_is_collapsed() -> None:
    lng, lat = [0.0] * 40 + [1.0, 2.0, 3.0], [0.0] * 43
    assert clusters(lng, lat, min_samples=10, eps_m=50).pile_share.tolist() == [1.0]
    assert len(clusters(lng, lat, min_samples=10, eps_m=50, collapse_piles=True)) == 0


def test_a_collapsed_pile_enters_once_and_its_count_is_told() -> None:
    found = clusters(*piled(), min_samples=5, eps_m=120, collapse_piles=True)
    assert (found.count.tolist(), found.entered.tolist()) == ([71], [12])
    assert found.n_places.tolist() == [12]
    assert found.pile_share.round(3).tolist() == [round(60 / 71, 3)]


def test_a_collapsed_pile_counts_once_in_every_neighbourhood_in_time() -> None:
    lng, lat = piled()
    days = np.concatenate([np.arange(60) / 10, np.full(11, 3.0), np.zeros(50)])
    how = {"eps_m": 300.0, "min_samples": 12, "days": days, "eps_days": 1.0}
    # Core are those of days 2 to 4 (eleven around and the pile); those within a day of them come along.
    assert clusters(lng, lat, **how, collapse_piles=True).count.tolist() == [52]  # type: ignore[arg-type]
    alone = {**how, "min_samples": 13}
    assert len(clusters(lng, lat, **alone, collapse_piles=True)) == 0  # type: ignore[arg-type]
    assert clusters(lng, lat, **alone).count.tolist() == [71]  # type: ignore[arg-type]


# HDBSCAN


@pytest.mark.reference
def test_hdbscan_is_that_of_scikit_learn_where_no_coordinate_is_shared() -> None:
    lng, lat = town(8)
    lng, lat = np.unique(np.stack([lng.round(5), lat.round(5)]), axis=1)
    found = clusters(lng, lat, algorithm="hdbscan", min_samples=10).labels
    x, y = np.radians(lng), np.radians(lat)
    at = EARTH_RADIUS_M * np.column_stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)])
    at -= at.mean(axis=0)
    theirs = HDBSCAN(min_cluster_size=10, min_samples=10, algorithm="brute", copy=True).fit(at).labels_
    # Edges of equal length (core distances) join in the order of rows: a few points on the rim may differ.
    assert found.max() == theirs.max() > 3
    assert adjusted_rand_score(found, theirs) > 0.98


def test_a_pile_inside_a_dense_place_does_not_swallow_it() -> None:
    rng = np.random.default_rng(9)
    dense = rng.normal(0, 100, (200, 2)) / DEG_M
    wide = rng.uniform(-5000, 5000, (1000, 2)) / DEG_M
    lng, lat = np.concatenate([dense, wide, np.zeros((300, 2))]).T
    labels = clusters(lng, lat, algorithm="hdbscan", min_samples=10).labels
    assert (labels[1200:] == labels[1200]).all() and labels[1200] >= 0
    assert (labels[:200] == labels[1200]).mean() > 0.7


def test_hdbscan_says_how_many_points_it_can_take() -> None:
    n = MAX_HDBSCAN_POINTS + 1
    lng = np.arange(n) * 1e-4 - 20
    with pytest.raises(InvalidParameter, match=r"at most 50,000 points, got 50,001"):
        clusters(lng, np.zeros(n), algorithm="hdbscan", min_samples=5)


def test_an_eps_wider_than_any_place_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PAIRS", 24)
    assert len(clusters(*line(0, 1, 2, 3), eps_m=5, min_samples=2)) == 1
    with pytest.raises(InvalidParameter, match="eps_m makes 25 pairs of neighbours of 5 points, 24"):
        clusters(*line(0, 1, 2, 3, 4), eps_m=5, min_samples=2)


# What cannot be answered


@pytest.mark.parametrize("algorithm", ["dbscan", "hdbscan"])
@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_points_are_noise(algorithm: str, n: int) -> None:
    found = clusters([0.5] * n, [0.5] * n, algorithm=algorithm, min_samples=5, eps_m=100)
    assert found.labels.tolist() == [-1] * n
    assert len(found) == 0


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"algorithm": "kmeans"}, "algorithm needs one of dbscan, hdbscan"),
        ({"min_samples": 1}, "min_samples of 2 or more"),
        ({"eps_m": None}, "eps_m is needed"),
        ({"eps_m": 0.0}, "eps_m above 0"),
        ({"eps_m": np.nan}, "eps_m above 0"),
        ({"eps_days": -1.0, "days": [0.0, 1.0]}, "eps_days above 0"),
        ({"eps_days": 1.0}, "eps_days needs times"),
        ({"eps_days": 1.0, "days": [0.0, np.nan]}, "a finite time"),
    ],
)
def test_what_does_not_fit_is_refused(how: dict[str, object], words: str) -> None:
    given: dict[str, object] = {"min_samples": 2, "eps_m": 10.0, **how}
    with pytest.raises(InvalidParameter, match=words):
        clusters([0.0, 1.0], [0.0, 1.0], **given)  # type: ignore[arg-type]
