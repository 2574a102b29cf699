"""Reading ahead: the next chunk is read while the one before is being stored."""

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")

_END = object()


def prefetched(chunks: Iterable[T], depth: int = 2) -> Generator[T]:
    """Yield the chunks in order, at most `depth` of them read ahead in a thread of its own.

    An error of the reader comes out where its chunk would have come. Closing the iterator ends the thread.

    Examples
    --------
    >>> list(prefetched(range(5)))
    [0, 1, 2, 3, 4]
    """
    ready: queue.Queue[object] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def read() -> None:
        try:
            for chunk in chunks:
                if not put(chunk):
                    return
        except BaseException as err:  # handed over, raised where the reader is used
            put(_Failure(err))
            return
        put(_END)

    thread = threading.Thread(target=read, name="read-ahead", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        thread.join()


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error
