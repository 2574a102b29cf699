"""Tables and marked sections of the pages that the studies write."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

#: What marks the begin and the end of a section.
Marks = tuple[str, str]


def table_lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table line by line, each as soon as its row is there."""
    for cells in chain((head, ["---"] * len(head)), rows):
        yield f"| {' | '.join(cells)} |"


def put_into(page: str, text: str, marks: Marks) -> str:
    """Return a page with the section in the place of the one that stands there, or at its end."""
    begin, end = marks
    if begin not in page:
        return page.rstrip("\n") + "\n\n" + text
    before, rest = page.split(begin, 1)
    return before + text.rstrip("\n") + rest.split(end, 1)[1]
