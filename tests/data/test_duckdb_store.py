import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data.duckdb_store import DuckDBStore
from data.errors import LayerExists, LayerNotFound, SnapshotNotFound, StoreLocked, StoreUnavailable
from data.holder import note_holder
from data.records import IngestSpec
from data.store import IngestResult, StoredMemory, StoredSnapshot
from tests.data.rows import MadeSource, incident

THREE = [incident(source_id=name, lng=-111.9 + step / 100) for step, name in enumerate("abc")]


def ingested(
    store: DuckDBStore,
    rows: Sequence[dict[str, object]],
    *,
    drop_duplicates: bool = False,
    replace: bool = False,
    mapping: dict[str, str] | None = None,
    **how: object,
) -> IngestResult:
    spec = IngestSpec("calls", mapping=mapping or {})
    source = MadeSource(rows, **how)  # type: ignore[arg-type]
    return store.ingest(spec, source, title="", drop_duplicates=drop_duplicates, replace=replace)


def counts(result: IngestResult) -> tuple[int, int, int, int]:
    return result.accepted, result.rejected, result.duplicate, result.updated


def test_ingest_counts_every_row() -> None:
    store = DuckDBStore()
    result = ingested(store, THREE, rejects=2)
    assert counts(result) == (3, 2, 0, 0)
    assert store.layer("calls").n_rows == 3
    assert store.rejects(result.ingest).num_rows == 2


def test_ingest_twice_changes_nothing() -> None:
    store = DuckDBStore()
    ingested(store, THREE)
    before = store.layer("calls")
    assert counts(ingested(store, THREE)) == (0, 0, 3, 0)
    assert store.layer("calls") == before


def test_ingest_updates_a_known_id_when_its_content_changed() -> None:
    store = DuckDBStore()
    ingested(store, THREE)
    before = store.layer("calls")
    changed = [*THREE[:2], {**THREE[2], "category": "FIRE"}]
    assert counts(ingested(store, changed)) == (0, 0, 2, 1)
    after = store.layer("calls")
    assert (after.n_rows, after.data_version) == (3, before.data_version + 1)
    assert after.data_digest != before.data_digest


def test_overlapping_upload_adds_only_what_is_new() -> None:
    store = DuckDBStore()
    ingested(store, THREE[:2])
    assert counts(ingested(store, THREE)) == (1, 0, 2, 0)


def test_equal_rows_without_id_are_kept_and_reported() -> None:
    store = DuckDBStore()
    rows = [incident(), incident(), incident(category="FIRE")]
    result = ingested(store, rows)
    assert counts(result) == (3, 0, 0, 0)
    assert result.report["counts"]["rows.equal"] == 1
    assert counts(ingested(store, rows)) == (0, 0, 3, 0)


def test_equal_rows_beyond_those_known_are_new() -> None:
    store = DuckDBStore()
    ingested(store, [incident(), incident()])
    assert counts(ingested(store, [incident()] * 3)) == (1, 0, 2, 0)


def test_drop_duplicates_drops_equal_rows() -> None:
    store = DuckDBStore()
    result = ingested(store, [incident(), incident(), incident(category="FIRE")], drop_duplicates=True)
    assert counts(result) == (2, 0, 1, 0)


def test_an_id_repeated_with_other_content_counts_once_the_last_row() -> None:
    store = DuckDBStore()
    rows = [incident(source_id="a", category=category) for category in ("first", "second")]
    assert counts(ingested(store, rows, mapping={"id": "id"})) == (1, 0, 0, 1)
    assert store.query(f"SELECT category FROM {store.layer('calls').table}")["category"].to_pylist() == [
        "second"
    ]
    assert counts(ingested(store, rows, mapping={"id": "id"})) == (0, 0, 2, 0)


def test_a_column_that_repeats_is_not_believed_to_be_the_id() -> None:
    store = DuckDBStore()
    rows = [incident(source_id=str(number % 5), lng=-111 - number / 1000) for number in range(40)]
    result = ingested(store, rows)
    assert counts(result) == (40, 0, 0, 0)
    assert any("was not taken as identity" in note for note in result.report["notes"])


def test_what_is_no_identity_stays_with_the_rows() -> None:
    store, mixed = DuckDBStore(), DuckDBStore()
    rows = [
        incident(source_id=str(number % 5), lng=-111 - number / 1000, attributes=attributes)
        for number, attributes in enumerate([json.dumps({"unit": 'a"b'}), None, "{}", '{"unit":null}'] * 10)
    ]
    ingested(store, rows)
    ingested(mixed, rows[::-1])
    kept = [json.loads(text) for text in store.rows("calls", ["attributes"])["attributes"].to_pylist()]
    assert kept[:4] == [{"unit": 'a"b', "id": "0"}, {"id": "1"}, {"id": "2"}, {"unit": None, "id": "3"}]
    assert [one["id"] for one in kept] == [str(number % 5) for number in range(40)]
    assert store.layer("calls").data_digest == mixed.layer("calls").data_digest
    assert counts(ingested(store, rows)) == (0, 0, 40, 0)


def test_digest_depends_on_rows_not_on_their_order_or_uploads() -> None:
    one, two = DuckDBStore(), DuckDBStore()
    ingested(one, THREE)
    ingested(two, THREE[::-1][:2])
    ingested(two, THREE[:1])
    assert one.layer("calls").data_digest == two.layer("calls").data_digest


def test_replace_swaps_the_layer() -> None:
    store = DuckDBStore()
    ingested(store, THREE)
    assert counts(ingested(store, THREE[:1], replace=True)) == (1, 0, 0, 0)
    assert store.layer("calls").n_rows == 1


def test_a_failing_file_leaves_the_store_as_it_was() -> None:
    store = DuckDBStore()
    ingested(store, THREE)
    before = store.layer("calls")
    many = [incident(source_id=str(number)) for number in range(50)]
    with pytest.raises(ValueError, match="ends in the middle"):
        ingested(store, many, batch_size=10, fails_after=3, replace=True)
    assert store.layer("calls") == before
    assert len(store.ingests("calls")) == 1


def test_a_file_without_a_good_row_makes_no_layer() -> None:
    store = DuckDBStore()
    assert counts(ingested(store, [], rejects=3)) == (0, 3, 0, 0)
    with pytest.raises(LayerNotFound, match="no layer 'calls'"):
        store.layer("calls")


def test_piles_are_reported() -> None:
    store = DuckDBStore()
    rows = [incident(time=f"2024-03-01T12:00:{number:02d}") for number in range(20)]
    result = ingested(store, rows)
    assert result.report["counts"]["place.largest_pile"] == 20
    assert any("one coordinate" in note for note in result.report["notes"])


@pytest.mark.parametrize("layer_id", ["", "a b", "a.cells", "../x", "x" * 64])
def test_a_malformed_layer_id_is_refused(layer_id: str) -> None:
    with pytest.raises(LayerExists, match="layer id needs"):
        DuckDBStore().check_new_id(layer_id, "incidents")


def test_layers_and_analyses_share_one_namespace() -> None:
    store = DuckDBStore()
    ingested(store, THREE)
    with pytest.raises(LayerExists, match="id of a layer"):
        store.save_analysis({"id": "calls"})
    store.save_analysis({"id": "hot"})
    with pytest.raises(LayerExists, match="id of an analysis"):
        store.check_new_id("hot", "incidents")


def test_publish_supersedes_the_run_before() -> None:
    store = DuckDBStore()
    store.save_analysis({"id": "hot"})
    for run in ("r1", "r2"):
        store.publish("hot", run, [StoredSnapshot("hot", "responder", run, {"features": b"x"}, None)])
    keys = {key.run: key.superseded for key in store.snapshot_keys()}
    assert keys["r2"] is None
    assert keys["r1"] is not None
    assert store.snapshot("hot", "responder", "r1").blobs == {"features": b"x"}
    store.drop_snapshots(datetime.now(UTC) + timedelta(minutes=1))
    with pytest.raises(SnapshotNotFound):
        store.snapshot("hot", "responder", "r1")


def test_an_analysis_has_one_memory_and_takes_it_along(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    store = DuckDBStore(path)
    for name in ("hot", "cold"):
        store.save_analysis({"id": name})
        store.publish(name, "r1", [], StoredMemory("calls", {"head": b"1", "old": b"x" * 100}))
    store.publish("hot", "r2", [], StoredMemory("calls", {"head": b"2"}))
    store.close()
    store = DuckDBStore(path)
    assert store.memory("hot") == {"head": b"2"}
    store.publish("hot", "r3", [])
    assert store.memory("hot") == {}
    assert store.memory("cold")["head"] == b"1"
    store.delete_analysis("cold")
    assert store.query("SELECT * FROM memories").num_rows == 0


def test_what_is_remembered_of_a_layer_goes_with_it() -> None:
    store = DuckDBStore()
    ingested(store, THREE)
    for name, layer in (("hot", "calls"), ("cold", "crashes")):
        store.save_analysis({"id": name})
        store.publish(name, "r1", [], StoredMemory(layer, {"head": b"1"}))
    store.delete_layer("calls")
    assert (store.memory("hot"), store.memory("cold")) == ({}, {"head": b"1"})


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.duckdb"
    path.write_text("dear diary")
    with pytest.raises(StoreUnavailable, match=r"notes\.duckdb"):
        DuckDBStore(path)


HOLD = """
    import sys, time
    from pathlib import Path
    from data.duckdb_store import DuckDBStore
    from data.records import IngestSpec
    from tests.data.rows import MadeSource, incident

    class Endless(MadeSource):
        def batches(self):
            yield from super().batches()
            print("staged", flush=True)
            time.sleep(60)

    store = DuckDBStore(Path(sys.argv[1]))
    rows = [incident(source_id=str(n)) for n in range(100)]
    spec = IngestSpec("calls")
    store.ingest(spec, MadeSource(rows), title="", drop_duplicates=False, replace=False)
    more = [incident(source_id=f"more-{n}") for n in range(5000)]
    store.ingest(spec, Endless(more), title="", drop_duplicates=False, replace=False)
"""


@pytest.fixture
def holding(tmp_path: Path):
    """Start a process that has acknowledged one ingest and is in the middle of another."""
    path = tmp_path / "held.duckdb"
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLD), str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "staged"
    yield path, process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_killed_process_leaves_what_was_acknowledged(holding: tuple[Path, subprocess.Popen[str]]) -> None:
    path, process = holding
    process.send_signal(signal.SIGKILL)
    process.wait()
    store = DuckDBStore(path)
    assert store.layer("calls").n_rows == 100
    assert len(store.ingests("calls")) == 1


def test_the_lock_names_who_holds_it(holding: tuple[Path, subprocess.Popen[str]]) -> None:
    path, process = holding
    with pytest.raises(StoreLocked, match=f"process {process.pid}"):
        DuckDBStore(path)


def test_the_lock_names_the_service_and_the_way_through_it(
    holding: tuple[Path, subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, process = holding
    monkeypatch.setattr(os, "getpid", lambda: process.pid)
    note_holder(path, "http://127.0.0.1:8000")
    with pytest.raises(StoreLocked, match=r"--store http://127\.0\.0\.1:8000"):
        DuckDBStore(path)
