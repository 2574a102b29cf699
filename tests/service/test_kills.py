"""A small version of the study `tests.studies.kills`."""

from pathlib import Path

from tests.studies.kills import kill_rounds


def test_a_killed_ingest_leaves_what_was_acknowledged(tmp_path: Path) -> None:
    assert len(kill_rounds(tmp_path, 3, seed=1)) == 3
