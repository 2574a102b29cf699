"""What crashes amount to by severity: the columns that corridors, segments and intersections share."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import ModelError
from models.severity import CODES, WeightTable, epdo, ksi, pooled_ka, severity_counts, weights

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Severity:
    """Crashes by lixel and code, and the weights that sum them up to a score."""

    counts: Ints
    table: WeightTable

    @property
    def total(self) -> Ints:
        """Crashes of the network by code."""
        return np.asarray(self.counts.sum(axis=0), dtype=np.int64)

    def columns(self, first: Ints, last: Ints) -> dict[str, Any]:
        """Return k, a, b, c, o, u, ksi, epdo and epdo_table of stretches first … last - 1."""
        until = np.concatenate([np.zeros((1, len(CODES)), dtype=np.int64), np.cumsum(self.counts, axis=0)])
        inside = until[last] - until[first]
        found: dict[str, Any] = {code.lower(): inside[:, place] for place, code in enumerate(CODES)}
        return found | {
            "ksi": ksi(inside),
            "epdo": epdo(inside, self.table).round(3),
            "epdo_table": [self.table.name] * len(first),
        }


def severity_of(lixel: Ints, codes: npt.NDArray[np.str_], n_lixels: int, table: str) -> Severity:
    """Return the crashes of every lixel by code; K and A are pooled in the table where there are any."""
    counts = severity_counts(codes, lixel, n_lixels)
    chosen = weights(table)
    try:
        return Severity(counts, pooled_ka(chosen, counts))
    except ModelError:
        return Severity(counts, chosen)
