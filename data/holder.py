"""Who holds an embedded store: a note beside its file, so that a command that meets the lock can say so."""

import json
import os
import re
from pathlib import Path


def note_holder(path: Path, url: str) -> None:
    """Write beside the store that this process serves it at `url`."""
    _note(path).write_text(json.dumps({"pid": os.getpid(), "url": url}), encoding="utf-8")


def forget_holder(path: Path) -> None:
    """Remove the note, if it is this process's own."""
    found = _read(path)
    if found and found.get("pid") == os.getpid():
        _note(path).unlink(missing_ok=True)


def store_holder(path: Path, lock_message: str) -> str:
    """Return one sentence: who holds the store, and the `--store` that goes through it."""
    found = re.search(r"PID (\d+)", lock_message)
    pid = int(found.group(1)) if found else None
    note = _read(path)
    if note and (pid is None or note.get("pid") == pid):
        return (
            f"the store {path} is held by the Emberline service at {note['url']} (process {note['pid']});"
            f" go through it with --store {note['url']}"
        )
    holder = f"process {pid}" if pid else "another process"
    return f"the store {path} is held by {holder}; only one process can hold it: wait for it, or end it"


def _note(path: Path) -> Path:
    return path.with_name(path.name + ".service")


def _read(path: Path) -> dict[str, object] | None:
    try:
        found = json.loads(_note(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "url" in found else None
