"""Emberline as it is installed: the command as a process, the service as a process, and GDAL as a client.

What tests and studies of real data share. Nothing of Emberline is imported here: what a user runs is run.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio

#: Starts a command and writes its peak memory (KB) and processor time (s); itself small, for Linux hands
#: the memory of the process that starts another on to it as a first peak.
_METER = (
    "import os,sys;pid=os.posix_spawn(sys.argv[2],sys.argv[2:],os.environ);_,status,used=os.wait4(pid,0);"
    "open(sys.argv[1],'w').write(f'{used.ru_maxrss} {used.ru_utime+used.ru_stime}');"
    "sys.exit(os.waitstatus_to_exitcode(status))"
)
_COUNTS = re.compile(r"accepted=(\d+) rejected=(\d+) duplicate=(\d+) updated=(\d+)")
_START_S = 120


@dataclass(frozen=True)
class Ran:
    """What a command printed, and what it took."""

    lines: list[str]
    seconds: float
    cpu_s: float
    peak_mb: float

    @property
    def counts(self) -> dict[str, int]:
        """The accounting on the last line of an ingest."""
        found = _COUNTS.fullmatch(self.lines[-1])
        if found is None:
            raise AssertionError(f"the last line is no accounting: {self.lines[-1]!r}")
        names = ("accepted", "rejected", "duplicate", "updated")
        return dict(zip(names, map(int, found.groups()), strict=True))


def emberline(folder: Path, *arguments: str) -> Ran:
    """Run the installed command in a folder; any word on standard error is a failure."""
    meter = folder / ".meter"
    command = [sys.executable, "-SE", "-c", _METER, str(meter), str(_installed()), *arguments]
    begun = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=_environment(), check=False
    )
    seconds = time.perf_counter() - begun
    if done.returncode or done.stderr:
        raise AssertionError(
            f"emberline {' '.join(arguments)}: exit {done.returncode}, {done.stderr.strip()}"
        )
    peak_kb, cpu_s = map(float, meter.read_text().split())
    return Ran(done.stdout.splitlines(), seconds, cpu_s, peak_kb / 1024)


class Service:
    """A running `emberline serve`."""

    def __init__(self, process: subprocess.Popen[bytes], base: str) -> None:
        self.base = base
        self._process = process

    def json(self, path: str) -> Any:
        """Return the answer of a GET."""
        with urllib.request.urlopen(f"{self.base}{path}", timeout=60) as answer:
            return json.load(answer)

    @property
    def peak_mb(self) -> float:
        """The most memory that the service has held."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]


@contextmanager
def serving(store: Path) -> Iterator[Service]:
    """Serve a store on a free port of this machine, from a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = store.with_suffix(".log")
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [str(_installed()), "serve", "--store", f"duckdb:///{store}", "--port", str(port)],
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=_environment(),
        )
    service = Service(process, f"http://127.0.0.1:{port}")
    try:
        _await(service, process, log)
        yield service
    finally:
        process.terminate()
        process.wait(30)


def read_back(service: Service, collection: str) -> gpd.GeoDataFrame:
    """Return a whole collection through the GDAL of pyogrio, as a notebook would read it."""
    return pyogrio.read_dataframe(f"OAPIF:{service.base}/collections/{collection}")


def ogrinfo(program: str, service: Service, collection: str, *options: str) -> dict[str, Any]:
    """Return the feature count and the field types that Debian's GDAL reports."""
    command = [program, "-ro", "-al", "-so", *options, f"OAPIF:{service.base}/collections/{collection}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or "ERROR" in done.stderr or "Warning" in done.stderr:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}, {done.stderr.strip()}")
    count = re.search(r"^Feature Count: (\d+)$", done.stdout, re.MULTILINE)
    if count is None:
        raise AssertionError(f"{' '.join(command)}: no feature count in {done.stdout[:200]!r}")
    fields = re.findall(r"^(\S.*): ([A-Z]\w+(?:\(\w+\))?) \(\d+\.\d+\)", done.stdout, re.MULTILINE)
    return {"count": int(count[1]), "fields": dict(fields)}


def ogr_features(program: str, service: Service, collection: str, page_size: int) -> int:
    """Return how many features Debian's GDAL really reads, page by page (`-so` asks for the number alone)."""
    command = [program, "-ro", "-al", "-q", "-geom=NO", "-fields=NO", "-oo", f"PAGE_SIZE={page_size}"]
    done = subprocess.run(
        [*command, f"OAPIF:{service.base}/collections/{collection}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or "ERROR" in done.stderr:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}, {done.stderr.strip()}")
    return done.stdout.count("OGRFeature(")


def write_analysis(path: Path, name: str, layer: str, parameters: dict[str, Any]) -> Path:
    """Write the definition of a hotspot analysis, as a user would keep it."""
    path.write_text(
        json.dumps({"id": name, "method": "hotspots", "layer": layer, "parameters": parameters}, indent=1)
    )
    return path


def _installed() -> Path:
    """Return the command beside the Python that runs this."""
    found = Path(sys.executable).with_name("emberline")
    if not found.exists():
        raise AssertionError(f"the command {found} is not installed; `make setup` does")
    return found


def _environment() -> dict[str, str]:
    """Return an environment in which Python keeps what it compiled, as it does for installed commands."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "emberline-compiled")}


def _await(service: Service, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            service.json("/conformance")
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the service did not start: {_last_words(log)}") from None
            time.sleep(0.1)


def _last_words(log: Path) -> Sequence[str]:
    return log.read_text(errors="replace").splitlines()[-5:]
