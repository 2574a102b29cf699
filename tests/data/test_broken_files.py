"""Every broken file gives one clear line or counted rows, through the same door as a good one."""

from collections import Counter
from pathlib import Path

import pytest

from data.errors import DataError
from data.readers.open import open_features, open_incidents
from data.records import INCIDENT_SCHEMA, REJECT_SCHEMA, IngestSpec
from spatial.errors import SpatialError
from tests.data.broken import BROKEN, Broken, write_broken

READABLE = [broken for broken in BROKEN if broken.error is None]
UNREADABLE = [broken for broken in BROKEN if broken.error is not None]


def _written(broken: Broken, directory: Path) -> Path:
    path = directory / broken.name
    path.write_bytes(broken.make())
    return path


def test_there_are_at_least_forty_broken_files(tmp_path: Path) -> None:
    assert len(write_broken(tmp_path)) == len({broken.name for broken in BROKEN}) >= 40


@pytest.mark.parametrize("broken", UNREADABLE, ids=lambda broken: broken.name)
def test_open_incidents_raises_one_clear_line_when_the_file_cannot_be_read(
    broken: Broken, tmp_path: Path
) -> None:
    path = _written(broken, tmp_path)
    with pytest.raises((DataError, SpatialError)) as raised:
        list(open_incidents(path, IngestSpec("broken", **broken.options)).batches())
    message = str(raised.value)
    assert broken.error is not None
    assert broken.error in message
    assert "\n" not in message
    assert str(tmp_path) not in message
    assert len(message) < 500


@pytest.mark.parametrize("broken", READABLE, ids=lambda broken: broken.name)
def test_open_incidents_counts_every_row_when_rows_are_bad(broken: Broken, tmp_path: Path) -> None:
    source = open_incidents(_written(broken, tmp_path), IngestSpec("broken", **broken.options))
    batches = list(source.batches())
    rejects = [reject for batch in batches for reject in batch.rejects.to_pylist()]
    assert sum(batch.rows.num_rows for batch in batches) == broken.accepted
    assert Counter(reject["reason"] for reject in rejects) == broken.rejected == source.report.rejected
    assert source.report.n_rows == broken.accepted + len(rejects)
    assert broken.counts.items() <= source.report.counts.items()
    assert all(batch.rows.schema == INCIDENT_SCHEMA for batch in batches)
    assert all(batch.rejects.schema == REJECT_SCHEMA for batch in batches)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_open_features_never_fails_otherwise(broken: Broken, tmp_path: Path) -> None:
    path = _written(broken, tmp_path)
    try:
        source = open_features(path, IngestSpec("broken", kind="boundary", crs=broken.options.get("crs")))
        n_rows = sum(batch.rows.num_rows + batch.rejects.num_rows for batch in source.batches())
    except (DataError, SpatialError) as err:
        assert "\n" not in str(err)
    else:
        assert n_rows == source.report.n_rows > 0


def test_open_incidents_says_so_when_there_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is none of this name"):
        open_incidents(tmp_path / "nothing.csv", IngestSpec("x"))
    with pytest.raises(DataError, match="this is a directory"):
        open_incidents(tmp_path, IngestSpec("x"))
