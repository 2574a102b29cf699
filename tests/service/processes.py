"""`emberline` in processes of its own, as a user starts it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = (sys.executable, "-c", "from service.cli import entry; entry()")


def started(folder: Path, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def serving(folder: Path, store: str) -> Iterator[str]:
    """Serve a store on a free port; yields the address that the service prints."""
    process = started(folder, "serve", "--store", f"duckdb:///{store}", "--port", "0")
    try:
        yield address(process)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def address(process: "subprocess.Popen[str]") -> str:
    """Return where a started service says that it serves."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"at (http://\S+?)/ ", line)
    if found is None:
        process.kill()
        raise AssertionError(f"{line}{process.communicate()[1]}")
    return found.group(1)
