"""Times far from the rest of an upload are told; a file that spans many years is not suspected."""

from datetime import datetime, timedelta
from pathlib import Path

from data.duckdb_store import DuckDBStore
from data.readers.open import open_incidents
from data.records import IngestSpec
from data.store import IngestResult

START = datetime(2011, 1, 1)


def _ingested(folder: Path, times: list[datetime]) -> IngestResult:
    path = folder / "calls.csv"
    rows = (f"{-46.6 + n / 1000},-23.5,{time:%Y-%m-%d %H:%M:%S}\n" for n, time in enumerate(times))
    path.write_text("lng,lat,time\n" + "".join(rows))
    spec = IngestSpec("calls", timezone="UTC")
    return DuckDBStore().ingest(
        spec, open_incidents(path, spec), title="", drop_duplicates=False, replace=False
    )


def test_a_mistyped_year_is_told_and_kept(tmp_path: Path) -> None:
    times = [START + timedelta(days=7 * n) for n in range(40)]
    result = _ingested(tmp_path, [*times, datetime(1911, 9, 14, 2, 15)])
    assert result.accepted == 41
    assert result.report["counts"]["time.far"] == 1
    assert (
        "1 row with a time far from the rest (1911-09-14; the others from 2011-01-01 to 2011-10-01):"
        " a mistyped year? They were kept"
    ) in result.report["notes"]


def test_years_of_calls_are_not_far_from_each_other(tmp_path: Path) -> None:
    result = _ingested(tmp_path, [START + timedelta(days=200 * n) for n in range(40)])
    assert "time.far" not in result.report["counts"]


def test_a_second_batch_of_another_time_is_no_stray(tmp_path: Path) -> None:
    times = [START + timedelta(days=n) for n in range(40)]
    result = _ingested(tmp_path, [*times, *(time - timedelta(days=9000) for time in times[:8])])
    assert "time.far" not in result.report["counts"]
