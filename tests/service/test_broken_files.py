"""Every broken file through the command line: one line or counted rows, and never half a layer."""

from pathlib import Path

import pytest

from data.duckdb_store import DuckDBStore
from tests.data.broken import BROKEN, Broken
from tests.service.made import emberline


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_broken_file_gives_one_line_or_counts(
    broken: Broken, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, place = tmp_path / broken.name, tmp_path / "city.duckdb"
    file.write_bytes(broken.make())
    options = [part for name, value in broken.options.items() for part in (f"--{name}", value)]
    code = emberline("ingest", file, "--layer", "odd", "--store", f"duckdb:///{place}", *options)
    told = capsys.readouterr()
    last = told.out.splitlines()[-1] if told.out else ""
    n_rejected = sum(broken.rejected.values())
    if broken.error is not None:
        assert (code in (1, 2), last) == (True, "")
        assert broken.error in told.err
    else:
        assert last == f"accepted={broken.accepted} rejected={n_rejected} duplicate=0 updated=0"
        assert code == (0 if broken.accepted else 1)
    assert len(told.err.splitlines()) == (0 if code == 0 else 1)
    assert _rows(place) == ([broken.accepted] if broken.accepted else [])


def _rows(place: Path) -> list[int]:
    """Return the rows of each layer, by its own books and by counting."""
    if not place.exists():
        return []
    store = DuckDBStore(place)
    try:
        layers = store.layers()
        counted = [store.query(f"SELECT count(*) AS n FROM {one.table}")["n"][0].as_py() for one in layers]
        assert counted == [one.n_rows for one in layers]
        return counted
    finally:
        store.close()
