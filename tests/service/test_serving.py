"""`emberline serve` as a process: what it says when it cannot start, and how it ends."""

import signal
import socket
from pathlib import Path

import httpx2
import pytest

from tests.service.processes import address, started


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = started(tmp_path, "serve", "--port", taken.getsockname()[1])
        out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    (line,) = error.splitlines()
    assert "choose another with --port" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_service_ends_quietly_when_it_is_asked_to(tmp_path: Path, number: signal.Signals) -> None:
    process = started(tmp_path, "serve", "--store", "duckdb:///city.duckdb", "--port", "0")
    url = address(process)
    assert httpx2.get(f"{url}/collections?f=json").json()["collections"] == []
    assert (tmp_path / "city.duckdb.service").is_file()
    process.send_signal(number)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in error
    assert not (tmp_path / "city.duckdb.service").exists()
