"""What a map of risk was worth, once the incidents of the next period are known: PAI, PEI and RRI.

All three ask what share of the incidents fell into a given share of the area, chosen by the map beforehand.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import InvalidParameter

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HitRates:
    """How well one map did in one period.

    Attributes
    ----------
    n_cells : int
        Cells that were chosen.
    area, total_area : float
        Area of the chosen cells, and of all.
    hits, incidents : float
        Incidents in the chosen cells, and in all.
    best_hits : float
        Most incidents that so many cells could have held.
    pai : float
        Prediction accuracy index (hits / incidents) / (area / total_area); 1 is chance. NaN without
        incidents.
    pei : float
        Prediction efficiency index hits / best_hits, 0 to 1. NaN without incidents.
    rri : float
        Recapture rate index: share of the incidents in the chosen cells over their share before; 1 where the
        map holds as much as before. NaN without incidents, or where the cells held none before.
    share_before : float
        Share of the incidents before that the chosen cells held; NaN where there were none.
    """

    n_cells: int
    area: float
    total_area: float
    hits: float
    incidents: float
    best_hits: float
    pai: float
    pei: float
    rri: float
    share_before: float


def hit_rates(
    scores: ArrayLike,
    counts: ArrayLike,
    areas: ArrayLike,
    area_share: float,
    *,
    before: ArrayLike | None = None,
) -> HitRates:
    """Return PAI, PEI and RRI of the cells with the highest scores.

    So many cells are chosen as make up the share of the area. Where equal scores lie on both sides of the
    limit, each of their cells is chosen in part: the hits are those to be expected of a draw among them.

    Parameters
    ----------
    scores : array, shape (n,)
        What the map says, made before the period.
    counts : array, shape (n,)
        Incidents of the period.
    areas : array, shape (n,)
        Areas of the cells; above 0.
    area_share : float
        Share of the area, above 0 up to 1; at least one cell is chosen.
    before : array, shape (n,), optional
        Incidents of the time that the map was made from.

    Raises
    ------
    InvalidParameter
        If shapes differ, there is no cell, the share is out of its range, or a score is NaN.

    References
    ----------
    Chainey, Tompson and Uhlig (2008), Security Journal 21, 4-28 (PAI).
    Hunt (2016), dissertation, Rutgers (PEI). Levine (2008), Security Journal 21, 295-302 (RRI).

    Examples
    --------
    Ten equal cells, two chosen (the first two): 6 of 12 incidents on a fifth of the area, PAI = .5 / .2.
    The best two hold 9, PEI = 6 / 9. They held 8 of 10 before, RRI = .5 / .8.

    >>> found = hit_rates(
    ...     [9, 8, 1, 0, 0, 0, 0, 0, 0, 0],
    ...     [5, 1, 4, 2, 0, 0, 0, 0, 0, 0],
    ...     [1] * 10,
    ...     0.2,
    ...     before=[5, 3, 1, 1, 0, 0, 0, 0, 0, 0],
    ... )
    >>> found.hits, round(found.pai, 3), round(found.pei, 3), round(found.rri, 3)
    (6.0, 2.5, 0.667, 0.625)
    """
    s, x, a = (np.asarray(array, dtype=np.float64) for array in (scores, counts, areas))
    if not s.shape == x.shape == a.shape or not len(s):
        raise InvalidParameter(
            f"a score, count and area per cell were needed: {s.shape}, {x.shape}, {a.shape}"
        )
    if not 0 < area_share <= 1:
        raise InvalidParameter(f"an area share above 0, at most 1, was needed, got {area_share}")
    if np.isnan(s).any():
        raise InvalidParameter("a score for every cell was needed, got NaN")
    n_chosen = max(1, round(area_share * len(s)))
    chosen = _chosen(s, n_chosen)
    hits, area = float(chosen @ x), float(chosen @ a)
    incidents, total_area = float(x.sum()), float(a.sum())
    best = float(np.sort(x)[-n_chosen:].sum())
    share = hits / incidents if incidents > 0 else np.nan
    share_before = np.nan
    if before is not None:
        b = np.asarray(before, dtype=np.float64)
        share_before = float(chosen @ b) / float(b.sum()) if b.sum() > 0 else np.nan
    return HitRates(
        n_cells=n_chosen,
        area=area,
        total_area=total_area,
        hits=hits,
        incidents=incidents,
        best_hits=best,
        pai=share / (area / total_area),
        pei=min(hits / best, 1.0) if best > 0 else np.nan,
        rri=share / share_before if share_before > 0 else np.nan,
        share_before=share_before,
    )


def _chosen(scores: Floats, n_chosen: int) -> Floats:
    """Return how much of each cell is chosen: 1, 0, or a part where equal scores share what is left."""
    limit = np.partition(scores, len(scores) - n_chosen)[len(scores) - n_chosen]
    above, tied = scores > limit, scores == limit
    chosen: Floats = above + tied * ((n_chosen - above.sum()) / tied.sum())
    return chosen
