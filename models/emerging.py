"""Emerging hotspots: where places turn hot or cold, stay so, come and go.

Composes `space_time` (disk sums and their p) or, with a population, `space_time_rates`, then `significance`,
`mann_kendall` and `emerging_patterns`.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.emerging_caveats import diagnostics
from models.emerging_patterns import emerging_patterns
from models.errors import InvalidParameter, TooFewObservations
from models.mann_kendall import (
    block_permutation_p,
    kendall_scores,
    lag1_autocorrelation,
    mann_kendall_z,
    scores_with,
    two_sided_p,
)
from models.significance import fdr_cutoffs
from models.space_time import (
    WINDOWS,
    Cube,
    Design,
    Extent,
    are_feasible,
    cube_of,
    cube_with,
    extents,
    judged,
    lag0_z,
    untested,
)
from models.space_time_rates import Rates, is_tested, judged_rates, lag0_rate_z, latest_risk, rates_of
from spatial.neighbors import MAX_K, NeighborIndex, disk_sums

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

AUTO_RINGS = (1, 2, 3)
SIDES = ("hot", "cold", "both")
P_METHODS = ("auto", "exact", "monte-carlo")
P_METHODS_WITH_DENOMINATOR = ("auto", "negative-binomial")
FEWEST_BINS = 4
# Blocks stand in for single bins where these agree with their neighbours in time.
_BLOCK = 3
_BLOCKS_FROM_BINS = 24
_BLOCKS_FROM_AUTOCORRELATION = 0.1
_BLOCK_PERMUTATIONS = 999
_DISPLAY_LEVELS = (0.10, 0.05, 0.01)
_NEVER_HELD = " Its disk held nothing in any bin: no trend."


@dataclass(frozen=True)
class Settings:
    """The parameters of `emerging`, kept with its answer."""

    k: int | str
    time_lag: int
    window: str
    alpha: float
    side: str
    p_method: str
    trend_alpha: float
    simulations: int

    @property
    def design(self) -> Design:
        """How bins are compared."""
        return Design(self.time_lag, self.window, self.side)


@dataclass(frozen=True)
class Trend:
    """Mann-Kendall of the lag-0 z of every cell.

    Attributes
    ----------
    series : array, shape (n_usable_bins, n_cells)
        What is ordered in time; bins without variance are left out.
    has_answer : array of bool, shape (n_cells,)
    scores, ties : array, shape (n_cells,)
        See `mann_kendall.kendall_scores`.
    z, p : array, shape (n_cells,)
    method : str
        "mann-kendall", or "block-permutation" where neighbouring bins agree.
    autocorrelation : float or None
        Median over the cells of the lag-1 autocorrelation; None where there is none.
    """

    series: NDArray[Any]
    has_answer: Mask
    scores: NDArray[np.int32]
    ties: NDArray[np.int64]
    z: Floats
    p: Floats
    method: str
    autocorrelation: float | None


@dataclass(frozen=True)
class Kept:
    """What `extended` builds on: counts and disk sums, p of every bin, scores of the trend.

    Attributes
    ----------
    settings : Settings
    cube : Cube
    p, is_hot : array, shape (n_bins, n_cells)
    trend : Trend
    p_method : str
        "exact", "monte-carlo" or "negative-binomial".
    rates : Rates or None
        The denominator, where there is one.
    """

    settings: Settings
    cube: Cube
    p: Floats
    is_hot: Mask
    trend: Trend
    p_method: str
    rates: Rates | None = None

    @property
    def p_stays(self) -> bool:
        """Whether a later bin leaves the p of the earlier ones as they are; else `extended` asks for none."""
        return self.p_method == "exact" and self.settings.window != "cube"


@dataclass(frozen=True)
class Emerging:
    """The verdict on every cell, in the order of the cells.

    Attributes
    ----------
    pattern : array of str
        One of the seventeen; see `emerging_patterns.PATTERNS`.
    short : array of str
        "emerging", "persistent", "intermittent", "former" or "none".
    reason : array of object
        One sentence.
    trend_z, trend_p : array of float
        Mann-Kendall of the lag-0 z; NaN where there is none, as where the disk never held anything.
    trend_method : str
        Where `trend_p` comes from: "mann-kendall", or "block-permutation" where neighbouring bins agree.
    share_hot, share_cold : array of float
        Share of the bins that are hot, cold at `alpha`.
    last_bin : array of int
        The last of `bins`.
    bins : array of int, shape (n_cells, n_bins)
        -3 … 3 for display, from q at .01, .05, .10 over all cells and bins.
    p : array of float, shape (n_cells, n_bins)
        The p that is judged; NaN where the bin was not tested.
    p_method : str
        "exact" or "monte-carlo"; with a population "negative-binomial".
    expected, last_expected : array of float
        What the cell should hold by its population in all bins, and in the last; NaN without a population.
    relative_risk, rr_low, rr_high : array of float
        Risk in the disk (of the radius of the trend) over the risk outside it, in the last bin and those it
        reaches back to, with its 95 % interval; NaN without a population and where there is none.
    diagnostics : dict
        What a reader needs to trust the above; `warnings` holds sentences.
    kept : Kept
        For `extended`.
    """

    pattern: NDArray[np.str_]
    short: NDArray[np.str_]
    reason: NDArray[np.object_]
    trend_z: Floats
    trend_p: Floats
    trend_method: str
    share_hot: Floats
    share_cold: Floats
    last_bin: NDArray[np.int8]
    bins: NDArray[np.int8]
    p: Floats
    p_method: str
    expected: Floats
    last_expected: Floats
    relative_risk: Floats
    rr_low: Floats
    rr_high: Floats
    diagnostics: dict[str, Any]
    kept: Kept = field(repr=False)


def emerging(
    counts: Any,
    index: NeighborIndex,
    *,
    population: ArrayLike | None = None,
    k: int | str = "auto",
    time_lag: int = 1,
    window: str = "cube",
    alpha: float = 0.05,
    side: str = "both",
    p_method: str = "auto",
    trend_alpha: float = 0.05,
    simulations: int = 999,
    rng: np.random.Generator,
) -> Emerging:
    """Return the emerging hotspots of counts by cell and time bin.

    Parameters
    ----------
    counts : array or sparse array, shape (n_cells, n_bins)
        Incidents (or their weight) per cell and bin, cells in the order of the index, earliest bin first;
        zeros are data.
    index : NeighborIndex
        Neighbourhoods of the study area.
    population : array, shape (n_cells,), optional
        The denominator: people, or whatever the incidents come from; 0 or more. Bins are then judged by risk:
        cells are compared with their share of the incidents of the window, under a negative binomial law
        whose dispersion is fitted to the ordinary cells. "neighborhood" and "step" come to the same. The
        counts must be whole. A cell without people and incidents has no answer.
    k : 1 … 10 or "auto"
        Radius of the disk in steps; "auto" combines 1, 2 and 3, and takes the trend at 2.
    time_lag : int
        Bins that a disk reaches back, never forward; the first bins use those that exist.
    window : {"cube", "neighborhood", "step"}
        What a bin is compared with: all cells in all bins; all cells in the bins that it reaches back to; or
        all cells within each of these bins, which takes out what all cells have in common in time.
    alpha : float
        False discovery rate over all cells and bins up to which a bin is called hot or cold.
    side : {"hot", "cold", "both"}
        What is looked for.
    p_method : {"auto", "exact", "monte-carlo", "negative-binomial"}
        "auto" takes the exact permutation p for counts, Monte Carlo for values that are negative or no whole
        numbers, and where the exact tables would be too large. With a population it is "negative-binomial".
    trend_alpha : float
        Level of the trend that tells intensifying and diminishing from persistent.
    simulations : int
        Draws of the Monte Carlo; its smallest p is 1 / (1 + simulations).
    rng : numpy.random.Generator
        Used by Monte Carlo, and by the block permutation of the trend.

    Returns
    -------
    Emerging

    Raises
    ------
    InvalidParameter
        If a parameter is outside its range, or a value is not finite.
    TooFewObservations
        If there is no cell, or fewer than 4 bins.
    DegenerateInput
        If there is a population, and nobody in it.

    References
    ----------
    Ord and Getis (1995), Geographical Analysis 27(4), 286-306. Mann (1945), Econometrica 13(3), 245-259.
    Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57(1), 289-300.

    Examples
    --------
    One incident in every cell and bin; in the last of five bins nine in each of seven cells.

    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> cells = disk([0x892A1358B17FFFF], 5)
    >>> counts = np.ones((len(cells), 5), dtype=int)
    >>> counts[np.isin(cells, disk([0x892A1358B17FFFF], 1)), 4] = 9
    >>> found = emerging(counts, neighbor_index(cells), k=1, rng=np.random.default_rng(0))
    >>> at = int(np.searchsorted(cells, 0x892A1358B17FFFF))
    >>> str(found.pattern[at]), found.bins[at].tolist(), found.reason[at]
    ('new hot spot', [0, 0, 0, 0, 3], 'Hot in the last bin, for the first time in 5 bins.')
    """
    settings = Settings(k, time_lag, window, alpha, side, p_method, trend_alpha, simulations)
    radii = _checked_settings(settings, has_denominator=population is not None)
    cube = cube_of(index, _checked_counts(counts, index, p_method), radii)
    if population is not None:
        return _by_risk(cube, settings, population, rng)
    laws = _chosen_laws(cube, settings)
    p, is_hot = judged(cube, settings.design, laws, simulations=simulations, rng=rng)
    trend = _trend(cube, settings, rng)
    return _verdict(Kept(settings, cube, p, is_hot, trend, _p_method(laws)), laws)


def extended(previous: Emerging | Kept, new: ArrayLike, *, rng: np.random.Generator) -> Emerging:
    """Return what `emerging` returns with more time bins, from what it returned without.

    Disks are summed for the new bins alone, and the trend compares them with the earlier ones. With the
    windows "neighborhood" and "step" the exact p of earlier bins stay as they are; with "cube" the new counts
    belong to the null of every bin, so the table is built anew and looked up for all. The false discovery
    rate is over all bins, so classes and patterns are always drawn anew. Monte Carlo and the block
    permutation of the trend are repeated in full, and with a population all but the sums of the disks: level
    and dispersion are those of all bins.

    Parameters
    ----------
    previous : Emerging or Kept
        Not changed.
    new : array, shape (n_cells,) or (n_cells, n_new)
        Counts of the bin that follows, or of several.
    rng : numpy.random.Generator
        As for `emerging`: with a generator in the same state the answer is the same to the last bit.

    Raises
    ------
    InvalidParameter
        If the counts do not fit the cells, or are not finite.

    Examples
    --------
    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> index = neighbor_index(disk([0x892A1358B17FFFF], 5))
    >>> counts = np.random.default_rng(0).poisson(1, (len(index), 8))
    >>> rng = np.random.default_rng
    >>> longer = extended(emerging(counts[:, :7], index, rng=rng(0)), counts[:, 7], rng=rng(0))
    >>> bool((longer.p == emerging(counts, index, rng=rng(0)).p).all())
    True
    """
    kept = previous.kept if isinstance(previous, Emerging) else previous
    settings, cube = kept.settings, kept.cube
    counts = np.asarray(new)
    columns = counts[:, None] if counts.ndim == 1 else counts
    for row in _checked_counts(columns, cube.index, settings.p_method, fewest=1):
        cube = cube_with(cube, row)
    if kept.rates is not None:
        return _by_risk(cube, settings, kept.rates.population, rng)
    n_kept = kept.cube.n_bins if kept.p_stays else 0
    laws = _chosen_laws(cube, settings, first=n_kept)
    if laws is None and n_kept:
        n_kept = 0
    p, is_hot = judged(cube, settings.design, laws, first=n_kept, simulations=settings.simulations, rng=rng)
    if n_kept:
        p, is_hot = np.concatenate([kept.p, p]), np.concatenate([kept.is_hot, is_hot])
    if kept.cube.is_counts and cube.is_counts:
        trend = _trend(cube, settings, rng, earlier=kept.trend, first=kept.cube.n_bins)
    else:
        trend = _trend(cube, settings, rng)
    return _verdict(Kept(settings, cube, p, is_hot, trend, _p_method(laws)), laws)


def shortened(kept: Kept, n_bins: int) -> Kept:
    """Return what is kept of the first bins alone, for `extended` where later ones have changed.

    Nothing is summed or tested anew: comparisons with the bins that leave are taken back from the scores of
    the trend. Its verdict is left out: `extended` makes another.

    Parameters
    ----------
    kept : Kept
        Of whole numbers; not changed.
    n_bins : int
        Bins that stay, at least 1.

    Examples
    --------
    >>> from spatial.grid import disk
    >>> from spatial.neighbors import neighbor_index
    >>> index = neighbor_index(disk([0x892A1358B17FFFF], 5))
    >>> counts = np.random.default_rng(0).poisson(1, (len(index), 8))
    >>> rng = np.random.default_rng
    >>> first = shortened(emerging(counts, index, rng=rng(0)).kept, 6)
    >>> again = extended(first, counts[:, 6:], rng=rng(0))
    >>> bool((again.trend_p == emerging(counts, index, rng=rng(0)).trend_p).all())
    True
    """
    if not kept.cube.is_counts:
        raise InvalidParameter("only counts can be shortened, got values that are no whole numbers")
    if not 1 <= n_bins <= kept.cube.n_bins:
        raise InvalidParameter(f"1 to {kept.cube.n_bins} bins can stay, got {n_bins}")
    cube, trend = kept.cube, kept.trend
    leaving = _varying(lag0_z(cube, len(cube.radii) // 2, kept.settings.design, first=n_bins))
    n_left = len(trend.series) - len(leaving)
    scores, ties = trend.scores, trend.ties
    for t in range(n_left, len(trend.series)):
        more, more_ties = scores_with(0 * scores, 0 * ties, trend.series[:t], trend.series[t])
        scores, ties = scores - more, ties - more_ties
    empty = np.empty(0)
    return replace(
        kept,
        cube=replace(cube, counts=cube.counts[:n_bins], sums=tuple(sums[:n_bins] for sums in cube.sums)),
        p=kept.p[:n_bins],
        is_hot=kept.is_hot[:n_bins],
        trend=replace(trend, series=trend.series[:n_left], scores=scores, ties=ties, z=empty, p=empty),
    )


def _by_risk(cube: Cube, settings: Settings, population: ArrayLike, rng: np.random.Generator) -> Emerging:
    """Return the verdict with a denominator."""
    rates = rates_of(cube, settings.design, population)
    p, is_hot = judged_rates(cube, settings.design, rates)
    trend = _trend(cube, settings, rng, rates=rates)
    return _verdict(Kept(settings, cube, p, is_hot, trend, "negative-binomial", rates), None)


def _checked_counts(
    counts: Any, index: NeighborIndex, p_method: str, *, fewest: int = FEWEST_BINS
) -> NDArray[Any]:
    """Return the counts by bin and cell: whole numbers as int64, others as float64."""
    x = np.asarray(counts.toarray() if hasattr(counts, "toarray") else counts)
    if x.ndim != 2 or len(x) != len(index):
        raise InvalidParameter(f"counts of {len(index)} cells by time bins were needed, got shape {x.shape}")
    if not len(index):
        raise TooFewObservations("emerging hotspots need at least 1 cell, got 0")
    if x.shape[1] < fewest:
        raise TooFewObservations(
            f"emerging hotspots need at least {fewest} time bins (10 are advised), got {x.shape[1]}"
        )
    rows = np.ascontiguousarray(x.T)
    if rows.dtype.kind not in "iub":
        rows = rows.astype(np.float64, copy=False)
        if not np.isfinite(rows).all():
            n_missing = int((~np.isfinite(rows)).sum())
            raise InvalidParameter(f"finite counts were needed, got {n_missing} that are not")
        if not (rows == np.rint(rows)).all() or float(np.abs(rows).max()) >= 2**53 / rows.size:
            if p_method == "exact":
                raise InvalidParameter("the exact p needs counts, got values that are no whole numbers")
            return rows
    if p_method == "exact" and rows.min() < 0:
        raise InvalidParameter("the exact p needs counts, got values that are negative")
    return rows.astype(np.int64, copy=False)


def _checked_settings(settings: Settings, *, has_denominator: bool) -> tuple[int, ...]:
    """Return the radii to be analysed."""
    p_method = settings.p_method
    if has_denominator and p_method in P_METHODS and p_method not in P_METHODS_WITH_DENOMINATOR:
        raise InvalidParameter(
            f"p_method={p_method} takes all cells for alike, which a population says they are not; "
            f"choose one of {', '.join(P_METHODS_WITH_DENOMINATOR)}"
        )
    if not has_denominator and p_method == "negative-binomial":
        raise InvalidParameter(
            f"p_method=negative-binomial needs a population, got none; choose one of {', '.join(P_METHODS)}"
        )
    for name, value, allowed in (
        ("window", settings.window, WINDOWS),
        ("side", settings.side, SIDES),
        ("p_method", p_method, P_METHODS_WITH_DENOMINATOR if has_denominator else P_METHODS),
    ):
        if value not in allowed:
            raise InvalidParameter(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    for name, level in (("alpha", settings.alpha), ("trend_alpha", settings.trend_alpha)):
        if not 0 < level < 1:
            raise InvalidParameter(f"{name} must lie between 0 and 1, got {level}")
    if settings.simulations < 1:
        raise InvalidParameter(f"at least 1 simulation is needed, got {settings.simulations}")
    lag, k = settings.time_lag, settings.k
    if isinstance(lag, bool) or lag != int(lag) or lag < 0:
        raise InvalidParameter(f"time_lag must be 0 or more bins, got {lag!r}")
    if k == "auto":
        return AUTO_RINGS
    if isinstance(k, str) or isinstance(k, bool) or k != int(k) or not 1 <= k <= MAX_K:
        raise InvalidParameter(f"k must be 1 to {MAX_K} or auto, got {k!r}")
    return (int(k),)


def _chosen_laws(cube: Cube, settings: Settings, *, first: int = 0) -> list[Extent] | None:
    """Return what the exact laws of the bins from `first` on must cover; None for Monte Carlo."""
    if settings.p_method == "monte-carlo" or not cube.is_counts or int(cube.counts.min()) < 0:
        return None
    found = extents(cube, settings.design, first=first)
    if are_feasible(found, cube, settings.design):
        return found
    if settings.p_method == "exact":
        raise InvalidParameter("the tables of the exact p would be too large: choose p_method=monte-carlo")
    return None


def _trend(
    cube: Cube,
    settings: Settings,
    rng: np.random.Generator,
    *,
    earlier: Trend | None = None,
    first: int = 0,
    rates: Rates | None = None,
) -> Trend:
    """Return the trend of every cell; from the earlier one with the bins from `first` on."""
    ring = len(cube.radii) // 2
    if rates is None:
        rows = _varying(lag0_z(cube, ring, settings.design, first=first))
    else:
        rows = _varying(lag0_rate_z(cube, ring, settings.design, rates))
    if earlier is None:
        series = rows
        scores, ties = kendall_scores(series)
    else:
        series, scores, ties = earlier.series, earlier.scores, earlier.ties
        for row in rows:
            scores, ties = scores_with(scores, ties, series, row)
            series = np.concatenate([series, row[None, :]])
    has_answer = _is_held(cube)
    has_answer &= ~np.isnan(series).any(axis=0) if len(series) >= FEWEST_BINS else False
    if settings.window == "cube" and rates is not None:
        has_answer &= is_tested(cube, settings.design, rates, rates.single, ring, 0)
    elif settings.window == "cube":
        has_answer &= ~untested(cube, replace(settings.design, time_lag=0), 0)[ring]
    found = Trend(series, has_answer, scores, ties, np.empty(0), np.empty(0), "mann-kendall", None)
    return _judged_trend(found, rng)


def _is_held(cube: Cube) -> Mask:
    """Return whether the disk that the trend is of held anything in any bin.

    Where it did not, z moves with the mean of the window alone: that is no trend of the place.
    """
    ever = (cube.counts != 0).any(axis=0)
    found: Mask = disk_sums(cube.index, ever.astype(np.int64), cube.radii[len(cube.radii) // 2]) > 0
    return found


def _varying(rows: NDArray[Any]) -> NDArray[Any]:
    """Return the rows of z without those of bins that do not vary."""
    return rows[~np.isnan(rows).all(axis=1)] if rows.dtype.kind == "f" else rows


def _p_method(laws: list[Extent] | None) -> str:
    return "monte-carlo" if laws is None else "exact"


def _judged_trend(trend: Trend, rng: np.random.Generator) -> Trend:
    answered = trend.has_answer
    n_bins = len(trend.series)
    z = np.where(answered, mann_kendall_z(trend.scores, trend.ties, n_bins), np.nan)
    p = two_sided_p(z)
    if n_bins < FEWEST_BINS or not answered.any():
        return replace(trend, z=z, p=p)
    series = trend.series if answered.all() else trend.series[:, answered]
    found = lag1_autocorrelation(series)
    median = float(np.nanmedian(found)) if not np.isnan(found).all() else None
    method = "mann-kendall"
    if n_bins >= _BLOCKS_FROM_BINS and median is not None and median > _BLOCKS_FROM_AUTOCORRELATION:
        method = "block-permutation"
        p[answered] = block_permutation_p(series, block=_BLOCK, permutations=_BLOCK_PERMUTATIONS, rng=rng)
    return replace(trend, z=z, p=p, method=method, autocorrelation=median)


def _verdict(kept: Kept, laws: list[Extent] | None) -> Emerging:
    """Return classes, patterns and diagnostics from the p of all bins and the trend."""
    settings, p, trend = kept.settings, kept.p, kept.trend
    *display, called = fdr_cutoffs(p, [*_DISPLAY_LEVELS, settings.alpha])
    levels = np.zeros(p.shape, dtype=np.int8)
    signs = np.zeros(p.shape, dtype=np.int8)
    for p_row, hot_row, level_row, sign_row in zip(p, kept.is_hot, levels, signs, strict=True):
        side = np.where(hot_row, np.int8(1), np.int8(-1))
        for cutoff in display:
            level_row += p_row <= cutoff
        level_row *= side
        np.multiply(p_row <= called, side, out=sign_row)
    direction = np.sign(trend.z) * (trend.p <= settings.trend_alpha)
    found = emerging_patterns(signs, np.nan_to_num(direction).astype(np.int8))
    is_held = _is_held(kept.cube)
    why = diagnostics(
        kept.cube,
        settings.design,
        laws,
        p,
        k=settings.k,
        alpha=settings.alpha,
        simulations=settings.simulations,
        trend_method=trend.method,
        autocorrelation=trend.autocorrelation,
        is_held=is_held,
        rates=kept.rates,
    )
    reason = found.reason
    reason[~is_held] += _NEVER_HELD
    for mask, sentence in why.null_reasons:
        reason[mask] = sentence
    bins = np.ascontiguousarray(levels.T)
    return Emerging(
        pattern=found.pattern,
        short=found.short,
        reason=reason,
        trend_z=trend.z,
        trend_p=trend.p,
        trend_method=trend.method,
        share_hot=found.share_hot,
        share_cold=found.share_cold,
        last_bin=bins[:, -1].copy(),
        bins=bins,
        p=p.T,
        p_method=kept.p_method,
        **_risk(kept),
        diagnostics=why.facts,
        kept=kept,
    )


def _risk(kept: Kept) -> dict[str, Floats]:
    """Return what cells should hold, and the risk in their disks; NaN without a population."""
    rates, cube = kept.rates, kept.cube
    if rates is None:
        nothing = np.full(len(cube.index), np.nan)
        return dict.fromkeys(("expected", "last_expected", "relative_risk", "rr_low", "rr_high"), nothing)
    risk = latest_risk(cube, kept.settings.design, rates, len(cube.radii) // 2)
    return {
        "expected": rates.whole.expected,
        "last_expected": rates.whole.expected * rates.single.shares[-1],
        "relative_risk": risk.value,
        "rr_low": risk.low,
        "rr_high": risk.high,
    }
