"""The demo as a user starts it: the installed command, a store of its own, a free port."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = Path(sys.executable).with_name("emberline")

_PATIENCE_S = 180.0


@contextmanager
def running_demo(folder: Path) -> Iterator[str]:
    """Run `emberline demo` in a folder; yield its address once it answers."""
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    log = folder / "demo.log"
    with (
        log.open("wb") as file,
        subprocess.Popen(
            [str(COMMAND), "demo", "--port", str(port)], cwd=folder, stdout=file, stderr=file
        ) as process,
    ):
        try:
            _wait_until_ready(process, address, log)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_until_ready(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise RuntimeError(f"the demo did not start: {log.read_text(encoding='utf-8', errors='replace')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
