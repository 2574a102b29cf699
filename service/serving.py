"""Serving until told to stop: the socket first, then the store, then the note that tells others where."""

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from data.holder import forget_holder, note_holder
from service.app import create_app, uvicorn_options
from service.errors import ServiceError
from service.log import set_up_logging
from service.settings import Settings, check_bind
from service.stores import store_path


class AddressTaken(ServiceError, OSError):
    """The address cannot be listened on."""


def bound_socket(settings: Settings) -> socket.socket:
    """Return a socket on the address to listen on, so that a taken port is known before any work.

    Raises
    ------
    NonLoopbackRefused, AddressTaken
    """
    check_bind(settings.host, settings.insecure)
    host, port = settings.host.strip("[]"), settings.port
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # With the protocol named, asyncio turns Nagle's delay off, as it does for sockets it opens itself.
        bound = socket.socket(family, kind, socket.IPPROTO_TCP)
    except OSError as err:
        raise AddressTaken(f"{host} is no address of this machine: {err.strerror}") from err
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as err:
        bound.close()
        raise AddressTaken(
            f"cannot listen on {host} port {port}: {err.strerror}; choose another with --port"
        ) from err
    return bound


def serve(settings: Settings, bound: socket.socket) -> None:
    """Serve until interrupted; a note beside the store's file tells other commands where."""
    set_up_logging(settings.log_level)
    application = create_app(settings)
    host, port = bound.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    server = uvicorn.Server(uvicorn.Config(application, **uvicorn_options(settings)))
    with _noted(settings, url), _ended_by_signals():
        print(f"serving {settings.store_url} at {url}/ (map: {url}/map); stop with Ctrl-C", flush=True)
        server.run(sockets=[bound])


@contextmanager
def _noted(settings: Settings, url: str) -> Iterator[None]:
    path = store_path(settings.store_url)
    if path is None:
        yield
        return
    note_holder(path, url)
    try:
        yield
    finally:
        forget_holder(path)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Take the signal that the server hands on when it has finished as the wish to end, which it was."""

    def end(_number: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
