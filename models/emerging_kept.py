"""What of emerging hotspots is worth keeping for long, between one time bin and the next.

`emerging.extended` needs more than that; what is sooner made again than written down is made again.
"""

from dataclasses import replace

import numpy as np

from models.emerging import Kept
from models.space_time import lag0_z


def slim(kept: Kept) -> Kept:
    """Return what is worth keeping: without p that a later bin changes, and without what `refilled` makes.

    Examples
    --------
    >>> from models.emerging import emerging
    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> index = neighbor_index(disk([0x892A1358B17FFFF], 5))
    >>> counts = np.random.default_rng(0).poisson(1, (len(index), 8))
    >>> kept = emerging(counts, index, rng=np.random.default_rng(0)).kept
    >>> kept.p.shape, slim(kept).p.shape, slim(kept).trend.series.shape
    ((8, 91), (0, 91), (0, 91))
    >>> bool((refilled(slim(kept)).trend.series == kept.trend.series).all())
    True
    """
    n_p = len(kept.p) if kept.p_stays else 0
    trend, none = kept.trend, np.empty(0)
    trend = replace(trend, series=trend.series[:0], has_answer=trend.has_answer[:0], z=none, p=none)
    return replace(kept, p=kept.p[:n_p], is_hot=kept.is_hot[:n_p], trend=trend)


def refilled(kept: Kept) -> Kept:
    """Return what was made slim, with the series of its trend: ready for `shortened` and `extended`."""
    series = lag0_z(kept.cube, len(kept.cube.radii) // 2, kept.settings.design)
    if series.dtype.kind == "f":
        series = series[~np.isnan(series).all(axis=1)]
    return replace(kept, trend=replace(kept.trend, series=series))
