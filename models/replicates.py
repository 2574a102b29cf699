"""How far a simulation has come: told to whom it concerns, without any bearing on the answer."""

from collections.abc import Callable

OnReplicates = Callable[[int], None]
"""Takes the number of replicates that are done."""

_PARTS = 100


def say_nothing(done: int) -> None:
    """Take the number of replicates that are done, and do nothing."""


def by_hundredths(total: int, on_replicates: OnReplicates) -> OnReplicates:
    """Return a callable that passes a number on when another hundredth of the replicates is done.

    Parameters
    ----------
    total : int
        Replicates in all.
    on_replicates : callable
        Hears rising numbers, at most a hundred of them.

    Examples
    --------
    >>> heard = []
    >>> tell = by_hundredths(300, heard.append)
    >>> for done in (1, 2, 3, 3, 4, 150, 300):
    ...     tell(done)
    >>> heard
    [3, 150, 300]
    """
    told = 0

    def tell(done: int) -> None:
        nonlocal told
        part = done * _PARTS // total
        if part > told:
            told = part
            on_replicates(done)

    return tell
