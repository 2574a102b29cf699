"""`emerging` goes on from the run before: only what changed is done again; the bytes are as from scratch."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from data.duckdb_store import DuckDBStore
from service.analyses import emerging_memory
from service.ingesting import IngestOrder, ingest_file
from service.publishing import publish_analysis, refreshed
from service.store_use_cases import StoreUseCases
from tests.service.made import ZONE, Row, calls, write_boundary, write_rows

CLOCK = datetime(2024, 7, 1, tzinfo=UTC)
START = datetime(2024, 1, 1, 9)
MAX_CELLS = 10**6


def week(number: int, n: int = 60) -> list[Row]:
    """Return calls from the first to the last day of a week, a quarter of them in one place."""
    rows = calls(n, seed=number)
    for i, row in enumerate(rows):
        row["id"] = f"w{number}-{i}"
        row["time"] = (START + timedelta(weeks=number, days=i % 7)).strftime("%Y-%m-%d %H:%M:%S")
    return rows


def weeks(*numbers: int) -> list[Row]:
    return [row for number in numbers for row in week(number)]


def late(number: int, n: int = 5) -> list[Row]:
    """Return rows of a week that come after the others."""
    return [row | {"id": f"late-{row['id']}"} for row in week(number, n)]


def moved(number: int) -> list[Row]:
    """Return some rows of a week at another place."""
    return [row | {"lng": "-111.9012", "lat": "33.4001"} for row in week(number)[:9]]


FIRST = weeks(*range(12))
ELSEWHERE = [row | {"lng": "-111.2", "lat": "33.9"} for row in late(5)]
NEXT = week(12)

#: name → rows that come later, whether they replace all, bins that are as they were (of how many).
CHANGES: dict[str, tuple[list[Row], bool, tuple[int, int] | None]] = {
    "one week": (NEXT, False, (12, 13)),
    "two weeks": (weeks(12, 13), False, (12, 14)),
    "a week and late rows in a late bin": (NEXT + late(9), False, (9, 13)),
    "a week and late rows in an early bin": (NEXT + late(2), False, None),
    "late rows alone": (late(11), False, (11, 12)),
    "rows at another place": (moved(10), False, (10, 12)),
    "rows outside the study area": (ELSEWHERE, False, (11, 12)),
    "rows replaced by fewer": (weeks(*range(10)) + week(10)[:30] + week(11), True, (10, 12)),
    "rows replaced by fewer weeks": (weeks(*range(10)), True, (9, 10)),
    "all rows replaced": ([row | {"lng": "-111.95"} for row in FIRST], True, None),
    "three days, which move all bins": (
        [row | {"time": row["time"].replace("2024-03-25", "2024-03-27")} for row in NEXT[::7]],
        False,
        None,
    ),
}


def store_of(folder: Path, first: Sequence[Row] = FIRST) -> DuckDBStore:
    store = DuckDBStore(clock=lambda: CLOCK)
    outline = write_boundary(folder / "boundary.geojson")
    ingest_file(store, outline, IngestOrder("boundary", kind="boundary", timezone=ZONE))
    added(store, folder, first)
    return store


def added(store: DuckDBStore, folder: Path, rows: Sequence[Row], *, replace: bool = False) -> None:
    ingest_file(
        store, write_rows(folder / "rows.csv", rows), IngestOrder("calls", timezone=ZONE, replace=replace)
    )


def asked(**inputs: Any) -> dict[str, Any]:
    inputs = {"layer": "calls", "boundary": "boundary", "resolution": 8, **inputs}
    return {"id": "x", "method": "emerging", "inputs": inputs}


def published(store: DuckDBStore, **inputs: Any) -> tuple[Mapping[str, bytes], str]:
    """Return the bytes of the collection, and what was said last while they were made."""
    said: list[str] = []
    found = publish_analysis(store, asked(**inputs), max_cells=MAX_CELLS, progress=said.append)
    return store.snapshot("x", "responder", found["run"]).blobs, said[-1]


def said_of(same: tuple[int, int] | None) -> str:
    if same is None:
        return "testing cells and bins"
    return f"testing cells and bins: the first {same[0]} of {same[1]} bins are as they were"


@pytest.mark.parametrize(
    ("change", "window"),
    [
        *((change, "step") for change in CHANGES),
        ("one week", "cube"),
        ("rows at another place", "cube"),
        ("one week", "neighborhood"),
        ("a week and late rows in a late bin", "neighborhood"),
    ],
)
def test_the_answer_is_that_of_a_run_from_scratch(tmp_path: Path, change: str, window: str) -> None:
    rows, replace, same = CHANGES[change]
    store, empty = store_of(tmp_path), store_of(tmp_path)
    published(store, window=window)
    for one in (store, empty):
        added(one, tmp_path, rows, replace=replace)
    found, said = published(store, window=window)
    expected, of_scratch = published(empty, window=window)
    assert (said, of_scratch) == (said_of(same), said_of(None))
    assert found == expected


@pytest.mark.parametrize(
    "inputs",
    [
        {"p_method": "monte-carlo", "simulations": 99},
        {"p_method": "monte-carlo", "simulations": 99, "window": "step", "seed": 3},
        {"k": 2, "time_lag": 3, "side": "hot", "window": "step"},
        {"bin": "P3D", "window": "neighborhood"},
        {"align": "start", "category": "MEDICAL||"},
    ],
)
def test_with_other_parameters_too(tmp_path: Path, inputs: dict[str, Any]) -> None:
    rows = weeks(12, 13, 14)  # three weeks are seven bins of three days
    store, empty = store_of(tmp_path), store_of(tmp_path)
    published(store, **inputs)
    for one in (store, empty):
        added(one, tmp_path, rows)
    found, said = published(store, **inputs)
    assert "bins are as they were" in said
    assert found == published(empty, **inputs)[0]


def test_week_after_week_is_the_same_as_all_at_once(tmp_path: Path) -> None:
    store, empty = store_of(tmp_path), store_of(tmp_path)
    published(store, window="step")
    for number in (12, 13, 14):
        for one in (store, empty):
            added(one, tmp_path, week(number))
        found, said = published(store, window="step")
        assert said == said_of((number, number + 1))
    assert found == published(empty, window="step")[0]


@pytest.mark.parametrize(
    "change",
    [
        {"k": 1, "p_method": "exact"},
        {"time_lag": 2},
        {"window": "step"},
        {"alpha": 0.1, "side": "hot"},
        {"resolution": 7},
        {"bbox": "-111.95,33.39,-111.91,33.44"},
    ],
)
def test_other_parameters_are_computed_anew(tmp_path: Path, change: dict[str, Any]) -> None:
    store = store_of(tmp_path)
    published(store)
    found, said = published(store, **change)
    assert said == said_of(None)
    assert found == published(store_of(tmp_path), **change)[0]


def test_another_study_area_is_computed_anew(tmp_path: Path) -> None:
    store, empty = store_of(tmp_path), store_of(tmp_path)
    published(store)
    outline = tmp_path / "other.geojson"
    outline.write_text((tmp_path / "boundary.geojson").read_text().replace("-111.98", "-111.97"))
    for one in (store, empty):
        order = IngestOrder("boundary", kind="boundary", timezone=ZONE, replace=True)
        ingest_file(one, outline, order)
    found, said = published(store)
    assert said == said_of(None)
    assert found == published(empty)[0]


@pytest.mark.parametrize(
    ("name", "value"), [("version", "0"), ("numpy", "1.0"), ("scipy", "1.0"), ("machine", "abacus")]
)
def test_what_other_code_left_is_not_read(tmp_path: Path, name: str, value: str) -> None:
    store = store_of(tmp_path)
    first, _ = published(store)
    head = orjson.loads(store.memory("x")["head"])
    head["stamp"][name] = value
    _overwrite(store, "head", orjson.dumps(head))
    found, said = published(store)
    assert said == said_of(None)
    assert found == first


def test_what_is_damaged_is_not_read(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    first, _ = published(store)
    _overwrite(store, "1", b"\x00" * 20)
    found, said = published(store)
    assert said == said_of(None)
    assert found == first


def test_the_same_run_again_is_the_same_bytes(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    first, _ = published(store)
    found, said = published(store)
    assert said == said_of((11, 12))
    assert found == first


def test_a_refresh_goes_on_from_the_run_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_of(tmp_path)
    published(store)
    added(store, tmp_path, NEXT)
    with monkeypatch.context() as patch, caplog.at_level("INFO"):
        patch.delattr(emerging_memory, "emerging")
        assert refreshed(store, store.analyses()[0], max_cells=MAX_CELLS)
    assert "12 of 13 bins are as they were" in caplog.text


def test_counts_that_are_not_whole_leave_no_memory(tmp_path: Path) -> None:
    rows = [row | {"weight": 0.5 + i % 2} for i, row in enumerate(FIRST)]
    store, empty = store_of(tmp_path), store_of(tmp_path)
    published(store)
    for one in (store, empty):
        added(one, tmp_path, rows, replace=True)
    assert store.memory("x")
    found, said = published(store, simulations=99)
    assert said == said_of(None)
    assert found == published(empty, simulations=99)[0]
    assert store.memory("x") == {}


def test_a_denominator_neither_leaves_nor_reads_a_memory(tmp_path: Path) -> None:
    people = [
        {"lng": f"{-111.97 + i % 9 * 0.01:.3f}", "lat": f"{33.38 + i // 9 * 0.01:.3f}", "population": 100 + i}
        for i in range(81)
    ]
    file = write_rows(tmp_path / "people.csv", people)
    store, empty = store_of(tmp_path), store_of(tmp_path)
    for one in (store, empty):
        ingest_file(one, file, IngestOrder("people", kind="population", timezone=ZONE))
    published(store)
    found, said = published(store, population="people")
    assert said == said_of(None)
    assert found == published(empty, population="people")[0]
    assert store.memory("x") == {}


def test_what_is_too_large_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(tmp_path)
    monkeypatch.setattr(emerging_memory, "MAX_BYTES", 1000)
    published(store)
    assert store.memory("x") == {}


def test_a_question_that_is_not_published_leaves_nothing(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    StoreUseCases(store, max_cells=MAX_CELLS).execute("emerging", asked()["inputs"])
    assert store.query("SELECT * FROM memories").num_rows == 0


def test_another_method_under_the_same_id_forgets(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    published(store)
    inputs = {"layer": "calls", "resolution": 8}
    publish_analysis(store, {"id": "x", "method": "outliers", "inputs": inputs}, max_cells=MAX_CELLS)
    assert store.memory("x") == {}


def test_there_is_one_memory_of_an_analysis_however_often_it_runs(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    published(store)
    parts = set(store.memory("x"))
    for number in (12, 13):
        added(store, tmp_path, week(number))
        published(store)
    assert set(store.memory("x")) == parts
    assert store.query("SELECT * FROM memories").num_rows == len(parts)
    assert np.sum([len(part) for part in store.memory("x").values()]) < 100_000


def _overwrite(store: DuckDBStore, part: str, content: bytes) -> None:
    connection = store._connection.cursor()
    connection.execute("UPDATE memories SET content = $1 WHERE part = $2", [content, part])
    connection.close()
