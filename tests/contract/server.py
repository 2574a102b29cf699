"""A real service on a free port of this machine, for clients that speak real HTTP.

It runs in a process of its own: GDAL holds Python's lock while it waits for an answer, so a service in
a thread of the same process could never give one. ``python -m tests.contract.server MODULE:FUNCTION``
serves the application that the function returns until its standard input ends.
"""

import importlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from service.app import uvicorn_options
from service.settings import Settings

ROOT = Path(__file__).parents[2]


@contextmanager
def served(app_maker: str) -> Iterator[str]:
    """Serve what `app_maker` (``module:function``) returns from another process; yields its address."""
    command = [sys.executable, "-m", "tests.contract.server", app_maker]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdin is not None and process.stdout is not None
            address = process.stdout.readline().strip()
            if not address:
                raise RuntimeError(f"the service of {app_maker} did not start")
            yield address
        finally:
            process.communicate(timeout=20)


def main(app_maker: str) -> None:
    """Serve on a free port with one worker; print the address; stop when standard input ends."""
    module, _, function = app_maker.partition(":")
    app = getattr(importlib.import_module(module), function)()
    # With the protocol named, asyncio turns Nagle's delay off, as it does for sockets it opens itself.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(app, **uvicorn_options(Settings())))

    def wait_for_the_end() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    server.run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1])
