"""From counts and a denominator to what a scan compares: its candidates, and maps without clusters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.dispersion import DispersionFit, fit_dispersion
from models.errors import InvalidParameter, TooFewObservations
from models.scan_candidates import (
    FEWEST_CASES,
    Candidates,
    Floats,
    Integers,
    Windows,
    permutation_candidates,
    poisson_candidates,
)
from models.scan_null import Null, PermutedDates, ScatteredCases, categorical_law
from spatial.neighbors import NeighborIndex

POISSON, NEGATIVE_BINOMIAL, PERMUTATION = "poisson", "negative-binomial", "space-time-permutation"
NULL_MODELS = ("auto", POISSON, NEGATIVE_BINOMIAL)


@dataclass(frozen=True)
class Cases:
    """Checked cases and their denominator.

    Attributes
    ----------
    counts : array of int64, shape (n, n_bins)
        Cases where some are expected.
    expected : array, shape (n,) or (n, n_bins), or None
        In any unit; None without a denominator.
    n_unexpected : int
        Cases left out because none are expected there.
    """

    counts: Integers
    expected: Floats | None
    n_unexpected: int

    @property
    def total(self) -> int:
        """All cases that are scanned."""
        return int(self.counts.sum())

    @property
    def n_bins(self) -> int:
        """Time bins."""
        return int(self.counts.shape[1])


def checked_cases(counts: ArrayLike, expected: ArrayLike | None, n: int) -> Cases:
    """Return cases and denominator of n cells.

    Raises
    ------
    InvalidParameter
        If shapes do not fit, a count is no count, an expectation is negative, not finite or nowhere positive,
        or there is neither time nor denominator.
    TooFewObservations
        If there is no cell.

    Examples
    --------
    >>> cases = checked_cases([3, 1, 2], [0.0, 1.0, 1.0], 3)
    >>> cases.counts.tolist(), cases.n_unexpected
    ([[0], [1], [2]], 3)
    """
    found = _checked_counts(counts, n)
    if expected is None:
        if found.shape[1] == 1:
            raise InvalidParameter("a scan without time bins needs a denominator (population or expected)")
        return Cases(found, None, 0)
    means = np.asarray(expected, dtype=np.float64)
    if means.shape not in ((n,), found.shape):
        raise InvalidParameter(
            f"expected cases of shape {(n,)} or {found.shape} were needed, got {means.shape}"
        )
    if not np.isfinite(means).all() or (means < 0).any() or not means.any():
        raise InvalidParameter("expected cases must be finite, not negative and not all zero")
    possible = np.where(means.reshape(n, -1) > 0, found, 0)
    means = means.reshape(n) if means.size == n else means
    return Cases(possible, means, int(found.sum() - possible.sum()))


def why_nothing(cases: Cases) -> str | None:
    """Return why nothing can be found in these cases, whatever the simulations would say; else None.

    Examples
    --------
    >>> why_nothing(checked_cases([1, 0], [1.0, 1.0], 2))
    'a cluster needs at least 2 cases, got 1'
    """
    if cases.total < FEWEST_CASES:
        return f"a cluster needs at least {FEWEST_CASES} cases, got {cases.total}"
    if cases.expected is None:
        for axis, what in ((0, "time bin"), (1, "cell")):
            if int((cases.counts.sum(axis=axis) > 0).sum()) == 1:
                return f"all cases lie in one {what}, so that no order of their dates differs from another"
    return None


def null_model_of(asked: str, cases: Cases) -> str:
    """Return what a map without clusters looks like: "negative-binomial", "poisson" or the permutation.

    Parameters
    ----------
    asked : {"auto", "poisson", "negative-binomial"}
        auto: with a denominator risks that differ from cell to cell. Without one the dates are permuted,
        whatever is asked: this holds whatever the risks of the cells are.
    cases : Cases

    Raises
    ------
    InvalidParameter
        If no such model is known, or risks that differ are to be fitted without a denominator.

    Examples
    --------
    >>> null_model_of("auto", checked_cases([3, 1], [1.0, 1.0], 2))
    'negative-binomial'
    >>> null_model_of("auto", checked_cases([[3, 1], [0, 2]], None, 2))
    'space-time-permutation'
    """
    if asked not in NULL_MODELS:
        raise InvalidParameter(f"null_model must be one of {', '.join(NULL_MODELS)}, got {asked!r}")
    if cases.expected is not None:
        return NEGATIVE_BINOMIAL if asked == "auto" else asked
    if asked == NEGATIVE_BINOMIAL:
        raise InvalidParameter(
            f"null_model={asked} needs a denominator; without one the dates of the cases are permuted, "
            "which holds whatever the risks of the cells are"
        )
    return PERMUTATION


def question(
    cases: Cases, index: NeighborIndex, windows: Windows, k: int, phi: float
) -> tuple[Candidates, Null]:
    """Return all candidates, and the law of maps without clusters.

    Parameters
    ----------
    cases : Cases
    index : NeighborIndex
    windows : Windows
    k : int
        Largest radius.
    phi : float
        With a denominator: how much the risk of the cells differs without any cluster.
    """
    counts, n_bins = cases.counts, cases.n_bins
    if cases.expected is not None:
        found = poisson_candidates(index, windows, k, cases.expected, cases.total)
        law, by_bin = categorical_law(cases.expected.ravel()), cases.expected.ndim == 2
        return found, ScatteredCases(law, by_bin, phi, cases.total, windows, len(index), found.count_type)
    found = permutation_candidates(index, windows, k, counts)
    cell, one_bin = np.nonzero(counts)
    repeats = counts[cell, one_bin]
    ages: NDArray[np.int32] = np.sort(np.repeat(n_bins - 1 - one_bin, repeats)).astype(np.int32)
    return found, PermutedDates(np.repeat(cell, repeats), ages, windows, len(index), found.count_type)


def dispersion_of(cases: Cases) -> DispersionFit | None:
    """Return how much the cells differ beyond their denominator; None without one.

    Examples
    --------
    >>> fit = dispersion_of(checked_cases([2, 3, 4, 1], [3.0, 3.0, 4.0, 2.0], 4))
    >>> fit.phi
    0.0
    """
    if cases.expected is None or not cases.total:
        return None
    means = cases.expected.reshape(len(cases.counts), -1).sum(axis=1)
    return fit_dispersion(cases.counts.sum(axis=1), means * (cases.total / means.sum()))


def _checked_counts(counts: ArrayLike, n: int) -> Integers:
    found = np.asarray(counts)
    if found.ndim not in (1, 2) or len(found) != n or (found.ndim == 2 and not found.shape[1]):
        raise InvalidParameter(f"counts for each of {n} cells (and each bin) were needed, got {found.shape}")
    if not n:
        raise TooFewObservations("a scan needs at least 1 cell, got 0")
    is_number = found.dtype.kind in "iub" or (found.dtype.kind == "f" and bool(np.isfinite(found).all()))
    if not is_number or (found < 0).any() or (found != np.rint(found)).any():
        raise InvalidParameter("a scan needs counts: whole numbers, not negative")
    return found.astype(np.int64).reshape(n, -1)
