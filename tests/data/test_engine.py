from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import h3
import numpy as np
import pytest

from data.duckdb_store import DuckDBStore
from data.engine import CellCounts, Selection, TimeBins, categories_of, cell_counts, offset_changes, totals
from data.errors import InvalidFilter
from data.records import IngestSpec
from data.store import Layer
from tests.data.rows import MadeSource, incident


@pytest.fixture(scope="module")
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture(scope="module")
def rows(rng: np.random.Generator) -> list[dict[str, object]]:
    categories = ["MEDICAL||ILLNESS||OVERDOSE", "MEDICAL||INJURY||FALL", "FIRE||STRUCTURE", None]
    start = datetime(2024, 2, 1)
    return [
        incident(
            lng=float(-112 + rng.uniform(0, 0.2)),
            lat=float(33.3 + rng.uniform(0, 0.2)),
            time=(start + timedelta(minutes=int(rng.integers(0, 60 * 24 * 60)))).isoformat(),
            category=categories[int(rng.integers(0, 4))],
            weight=float(rng.integers(1, 4)),
        )
        for _ in range(2000)
    ]


@pytest.fixture(scope="module")
def store(rows: list[dict[str, object]]) -> DuckDBStore:
    made = DuckDBStore()
    spec = IngestSpec("calls", timezone="America/Denver")
    made.ingest(spec, MadeSource(rows), title="Calls", drop_duplicates=False, replace=False)
    return made


@pytest.fixture(scope="module")
def layer(store: DuckDBStore) -> Layer:
    return store.layer("calls")


def by_hand(rows: list[dict[str, object]], resolution: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for row in rows:
        cell = int(h3.cell_to_parent(h3.latlng_to_cell(row["lat"], row["lng"], 15), resolution), 16)
        found[cell] = found.get(cell, 0) + 1
    return found


def as_dict(counts: CellCounts) -> dict[int, int]:
    return dict(zip(counts.cell.tolist(), counts.count.tolist(), strict=True))


@pytest.mark.parametrize("resolution", [5, 8, 9, 12])
def test_cells_hold_the_descendants_that_h3_knows(
    store: DuckDBStore, layer: Layer, rows: list[dict[str, object]], resolution: int
) -> None:
    counts = cell_counts(store, layer, resolution)
    assert as_dict(counts) == by_hand(rows, resolution)
    assert np.all(np.diff(counts.cell.astype(object)) > 0)


def test_weight_first_and_last_time(store: DuckDBStore, layer: Layer, rows: list[dict[str, object]]) -> None:
    counts = cell_counts(store, layer, 5, measures=("count", "weight", "first_time", "last_time"))
    assert counts.weight is not None and counts.first_time is not None and counts.last_time is not None
    assert counts.weight.sum() == sum(row["weight"] for row in rows)  # type: ignore[misc]
    times = [row["time"].replace(tzinfo=None) for row in rows]  # type: ignore[attr-defined]
    assert counts.first_time.min() == np.datetime64(min(times))
    assert counts.last_time.max() == np.datetime64(max(times))


@pytest.mark.parametrize(
    ("categories", "wanted"),
    [
        (("FIRE||STRUCTURE",), ["FIRE||STRUCTURE"]),
        (("MEDICAL||",), ["MEDICAL||ILLNESS||OVERDOSE", "MEDICAL||INJURY||FALL"]),
        (("MEDICAL||INJURY||FALL||",), ["MEDICAL||INJURY||FALL"]),
        (("FIRE||", "MEDICAL||INJURY||"), ["FIRE||STRUCTURE", "MEDICAL||INJURY||FALL"]),
        (("it's; DROP TABLE layers --",), []),
    ],
)
def test_categories_select_themselves_and_what_lies_below(
    store: DuckDBStore,
    layer: Layer,
    rows: list[dict[str, object]],
    categories: tuple[str, ...],
    wanted: list[str],
) -> None:
    counts = cell_counts(store, layer, 8, Selection(categories=categories))
    assert counts.count.sum() == sum(row["category"] in wanted for row in rows)


def test_datetime_selects_both_ends(store: DuckDBStore, layer: Layer, rows: list[dict[str, object]]) -> None:
    start, end = datetime(2024, 2, 10, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
    counts = cell_counts(store, layer, 8, Selection(start=start, end=end))
    assert counts.count.sum() == sum(start <= row["time"] <= end for row in rows)  # type: ignore[operator]


@pytest.mark.parametrize("bbox", [(-111.95, 33.35, -111.85, 33.45), (170.0, 33.35, -111.9, 33.45)])
def test_bbox_selects_points_across_the_antimeridian_too(
    store: DuckDBStore,
    layer: Layer,
    rows: list[dict[str, object]],
    bbox: tuple[float, float, float, float],
) -> None:
    west, south, east, north = bbox
    counts = cell_counts(store, layer, 8, Selection(bbox=bbox))
    expected = [
        row
        for row in rows
        if south <= row["lat"] <= north  # type: ignore[operator]
        and ((west <= row["lng"] <= east) if west <= east else (row["lng"] >= west or row["lng"] <= east))
    ]
    assert counts.count.sum() == len(expected)


def test_bins_follow_the_wall_clock_across_a_daylight_saving_change(
    store: DuckDBStore, layer: Layer, rows: list[dict[str, object]]
) -> None:
    origin = datetime(2024, 2, 1)
    counts = cell_counts(store, layer, 5, bins=TimeBins(origin, timedelta(days=1)))
    assert counts.bin is not None
    zone = ZoneInfo("America/Denver")
    days = [(row["time"].astimezone(zone).replace(tzinfo=None) - origin).days for row in rows]  # type: ignore[attr-defined]
    found = np.zeros(max(days) + 2, dtype=int)
    np.add.at(found, counts.bin + 1, counts.count)
    assert found[1:].tolist() == np.bincount([day for day in days if day >= 0]).tolist()
    assert found[0] == sum(day < 0 for day in days)


def test_groups_come_ordered_with_null_last(store: DuckDBStore, layer: Layer) -> None:
    counts = cell_counts(store, layer, 5, group="category")
    assert counts.group is not None
    first = [label for label, cell in zip(counts.group, counts.cell, strict=True) if cell == counts.cell[0]]
    assert first == [*sorted(label for label in first if label is not None), None]


def test_an_unknown_grouping_is_refused(store: DuckDBStore, layer: Layer) -> None:
    with pytest.raises(InvalidFilter, match="grouping needs one of category"):
        cell_counts(store, layer, 8, group="attributes")


def test_totals_say_what_was_selected(store: DuckDBStore, layer: Layer) -> None:
    found = totals(store, layer, Selection(categories=("nothing",)))
    assert found == {"rows": 2000, "selected": 0, "without_time": 0, "coarse_time": 0, "fractional_weight": 0}


def test_categories_come_commonest_first(store: DuckDBStore, layer: Layer) -> None:
    counts = [count for _, count in categories_of(store, layer)]
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize(
    "timezone", ["America/Denver", "Europe/London", "America/Phoenix", "Africa/Casablanca"]
)
def test_offset_changes_agree_with_the_zone_at_every_hour(timezone: str) -> None:
    first, last = datetime(2023, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
    changes = offset_changes(timezone, first, last)
    hours = [first + timedelta(hours=number) for number in range(0, 731 * 24, 1)]
    found = [[seconds for instant, seconds in changes if instant <= hour][-1] for hour in hours]
    assert found == [int(hour.astimezone(ZoneInfo(timezone)).utcoffset().total_seconds()) for hour in hours]  # type: ignore[union-attr]
