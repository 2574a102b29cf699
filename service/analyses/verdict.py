"""The verdict on every cell, by the inputs of `hotspots`: what the question and its repetitions share."""

import numpy as np
import numpy.typing as npt

from models.hotspots import Hotspots, hotspots
from models.rates import expected_counts
from service.parameters import HotspotInputs
from spatial.neighbors import NeighborIndex

Floats = npt.NDArray[np.float64]
Count = npt.NDArray[np.int64] | Floats


def verdict(inputs: HotspotInputs, count: Count, index: NeighborIndex, people: Floats | None) -> Hotspots:
    """Test counts by cell as the inputs ask; `people` of the cells, where they are the denominator."""
    return hotspots(
        count,
        index,
        k=inputs.k,
        alpha=inputs.alpha,
        side=inputs.side,
        kernel=inputs.kernel,
        p_method=inputs.p_method,
        expected=None if people is None else expected_counts(float(count.sum()), people),
        simulations=inputs.simulations,
        rng=np.random.default_rng(inputs.seed),
    )
