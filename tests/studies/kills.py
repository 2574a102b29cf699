"""Kill `emberline ingest` at random moments: the store must open and hold exactly what was acknowledged.

    python -m tests.studies.kills --rounds 20

Each round ingests one file after the other into the same store and kills the process (signal 9) at a random
moment of one of them. What was acknowledged (exit code 0) must be there; what was killed may be there
whole, for the answer may be lost after the commit, or not at all.
"""

import argparse
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from data.duckdb_store import DuckDBStore
from tests.service.made import calls, write_rows
from tests.service.processes import started

ROWS = 4_000


@dataclass(frozen=True)
class Round:
    """What one round did: when it killed, whether the answer came before, whether the rows are there."""

    after_s: float
    acknowledged: bool
    present: bool


def kill_rounds(folder: Path, n_rounds: int, *, seed: int = 0) -> list[Round]:
    """Return what became of every round; raise `AssertionError` where the store breaks its word."""
    rng = random.Random(seed)
    place = folder / "city.duckdb"
    duration_s = _timed(folder, place, 0)
    expected = {"layer0": ROWS}
    rounds = []
    for number in range(1, n_rounds + 1):
        layer = f"layer{rng.randrange(3)}" if number % 2 else f"layer{number}"
        before = expected.get(layer, 0)
        process = _ingest(folder, layer, number)
        after_s = rng.uniform(0.4, 1.0) * duration_s
        start = time.monotonic()
        acknowledged = _ended_within(process, after_s)
        if acknowledged:
            # The machine has become quicker: aim earlier, or no later round is killed at all.
            duration_s = min(duration_s, time.monotonic() - start)
        process.kill()
        process.communicate()
        found = _rows_by_layer(place)
        present = found.get(layer, 0) == before + ROWS
        if acknowledged and not present:
            raise AssertionError(f"round {number}: acknowledged rows of {layer} are missing: {found}")
        expected[layer] = before + ROWS if present else before
        kept = {name: rows for name, rows in expected.items() if rows}
        if found != kept:
            raise AssertionError(f"round {number}: the store holds {found}, expected {kept}")
        rounds.append(Round(after_s, acknowledged, present))
    return rounds


def _timed(folder: Path, place: Path, number: int) -> float:
    start = time.monotonic()
    process = _ingest(folder, "layer0", number)
    _, error = process.communicate()
    assert process.returncode == 0, error
    assert _rows_by_layer(place) == {"layer0": ROWS}
    return time.monotonic() - start


def _ingest(folder: Path, layer: str, seed: int):  # type: ignore[no-untyped-def]
    write_rows(folder / f"{seed}.csv", calls(ROWS, seed=seed))
    return started(folder, "ingest", f"{seed}.csv", "--layer", layer, "--store", "duckdb:///city.duckdb")


def _ended_within(process, seconds: float) -> bool:  # type: ignore[no-untyped-def]
    """Wait so long at most; return whether the process ended well before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return bool(process.returncode == 0)
        time.sleep(0.002)
    return False


def _rows_by_layer(place: Path) -> dict[str, int]:
    """Open the store; return the rows of each layer, counted, and hold them against its books."""
    store = DuckDBStore(place)
    try:
        found = {}
        for layer in store.layers():
            counted = store.query(f"SELECT count(*) AS n FROM {layer.table}")["n"][0].as_py()
            logged = sum(one["accepted"] for one in store.ingests(layer.id))
            assert counted == layer.n_rows == logged, f"{layer.id}: {counted} rows, books say {layer.n_rows}"
            found[layer.id] = counted
        return found
    finally:
        store.close()


def main() -> None:
    """Run the study and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rounds = kill_rounds(Path(folder), asked.rounds, seed=asked.seed)
    n_whole = sum(one.present and not one.acknowledged for one in rounds)
    print(f"{len(rounds)} rounds: {sum(one.acknowledged for one in rounds)} ended before the kill,")
    print(
        f"{sum(not one.present for one in rounds)} killed and absent, {n_whole} killed and whole; none broken"
    )


if __name__ == "__main__":
    main()
