"""What an analysis hands on: its collections before they are encoded, and what every answer carries."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from data.store import StoredMemory

Progress = Callable[[str], None]
#: Returns what the run before left for this one; empty where it left nothing.
Recall = Callable[[], Mapping[str, bytes]]


@dataclass(frozen=True)
class Finding:
    """One collection before it is encoded: `suffix` is added to the analysis id (``""`` or ``".cells"``)."""

    suffix: str
    title: str
    fids: list[str]
    geometries: npt.NDArray[np.object_] | None
    columns: dict[str, Any]
    start: npt.NDArray[np.datetime64] | None = None
    end: npt.NDArray[np.datetime64] | None = None


@dataclass(frozen=True)
class Findings:
    """All that one run found: its collections, the member of every answer, what is left for the next."""

    run: str
    emberline: dict[str, Any]
    timestamp: str
    collections: dict[str, Finding] = field(default_factory=dict)
    memory: StoredMemory | None = None


def replicates_told(progress: Progress, what: str, total: int) -> Callable[[int], None]:
    """Return what a model calls with the number of replicates that are done."""
    return lambda done: progress(f"{what}, {done:,} of {total:,}")
