"""What an analysis hands on: its collections before they are encoded, and what every answer carries."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Progress = Callable[[str], None]


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
    """All that one run found: its collections and the member that every answer carries."""

    run: str
    emberline: dict[str, Any]
    timestamp: str
    collections: dict[str, Finding] = field(default_factory=dict)


def replicates_told(progress: Progress, what: str, total: int) -> Callable[[int], None]:
    """Return what a model calls with the number of replicates that are done."""
    return lambda done: progress(f"{what}, {done:,} of {total:,}")
