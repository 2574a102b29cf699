"""Ingest from CSV and Parquet, beside the engine merely reading the same file."""

import tempfile
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from data.duckdb_store import DuckDBStore
from service.ingesting import IngestOrder, ingest_file
from tests.benchmarks.timing import interleaved, peak_rss_mib, table

ROWS = 1_000_000


def made_calls(rows: int, seed: int = 0) -> pa.Table:
    """Return made emergency calls as a city exports them: text times, twelve columns."""
    rng = np.random.default_rng(seed)
    start = datetime(2023, 1, 1)
    seconds = np.sort(rng.integers(0, 3 * 365 * 86400, rows))
    times = (np.datetime64(start, "s") + seconds.astype("timedelta64[s]")).astype(str)
    kinds = np.array(["EMS: FALL", "EMS: OVERDOSE", "FIRE: ALARM", "TRAFFIC: CRASH", "EMS: CARDIAC"])
    return pa.table(
        {
            "incident_id": pa.array([f"C{number:09d}" for number in range(rows)]),
            "call_time": pa.array(np.char.replace(times, "T", " ")),
            "longitude": np.round(-112 + rng.normal(0, 0.1, rows), 6),
            "latitude": np.round(33.4 + rng.normal(0, 0.08, rows), 6),
            "call_type": kinds[rng.integers(0, len(kinds), rows)],
            "street": np.char.add("STREET ", rng.integers(1, 3000, rows).astype(str)),
            "unit": np.char.add("E", rng.integers(1, 40, rows).astype(str)),
            "priority": rng.integers(1, 5, rows),
            "zip": rng.integers(85000, 85400, rows),
            "battalion": rng.integers(1, 9, rows),
            "disposition": np.array(["transported", "cancelled", "no patient"])[rng.integers(0, 3, rows)],
            "shift": np.array(["A", "B", "C"])[rng.integers(0, 3, rows)],
        }
    )


def markdown(rows: int = ROWS) -> str:
    """Measure and return the table."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        made = made_calls(rows)
        files = {"CSV": Path(folder) / "calls.csv", "Parquet": Path(folder) / "calls.parquet"}
        pyarrow.csv.write_csv(made, files["CSV"], pyarrow.csv.WriteOptions(quoting_style="needed"))
        pq.write_table(made, files["Parquet"])
        for name, path in files.items():
            taken = interleaved({"ours": lambda p=path: ingested(p), "bare": lambda p=path: read(p)}, runs=3)
            ours, bare = taken["ours"].median_s, taken["bare"].median_s
            lines.append([name, f"{rows / ours:,.0f}", f"{rows / bare:,.0f}", f"{ours / bare:.1f}"])
    head = ["file", "ingest, rows/s", "engine reading it, rows/s", "ratio of times"]
    note = f"\n{rows:,} rows of twelve columns; peak memory of the run {peak_rss_mib():,.0f} MiB.\n"
    return "## Ingest\n\n" + table(head, lines) + note


def ingested(path: Path) -> None:
    """Take the file into a new store on disk."""
    with tempfile.TemporaryDirectory() as folder:
        store = DuckDBStore(Path(folder) / "bench.duckdb")
        ingest_file(store, path, IngestOrder("calls", timezone="America/Phoenix"))
        store.close()


def read(path: Path) -> None:
    """Read every value of the file with the engine alone."""
    function = "read_csv" if path.suffix == ".csv" else "read_parquet"
    duckdb.sql(f"CREATE OR REPLACE TEMP TABLE bare AS SELECT * FROM {function}('{path}')")


if __name__ == "__main__":
    print(markdown())
