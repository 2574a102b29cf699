"""Safety performance function: how many crashes a piece of road of its kind, traffic and length would have.

Negative binomial regression, log link, length as offset. It says what is *predicted*; what a piece's own
crashes add to that is said in `empirical_bayes`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

from models.errors import InvalidParameter, TooFewObservations

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: With fewer crashes than this only length is used: a rate of a class would be noise.
FEWEST_FOR_CLASSES = 20
#: Crashes on pieces of known traffic, and their share of the length, before traffic is used.
FEWEST_FOR_AADT = 30
LEAST_AADT_SHARE = 0.2
#: Bounds of k. Above, one crash says nearly all; the lower end is the Poisson law.
LARGEST_K = 50.0
_SMALLEST_K = 1e-6
# Shorter pieces count as this long, so that every piece expects something.
_SHORTEST_M = 0.01
# Standard deviation, on the log scale, that slopes are believed to have before the data speak. It only
# matters where the data say nothing (no crash at any junction).
_SLOPE_SD = 5.0
_CLASS_VARIANCES = (1e-6, 9.0)
_ROUNDS, _STEPS, _TOLERANCE = 40, 60, 1e-9
_LARGEST_STEP = 4.0


@dataclass(frozen=True)
class Spf:
    """What is predicted for n pieces of road.

    Attributes
    ----------
    mu : array, shape (n,)
        Predicted crashes in the period of the counts; above 0; the sum is that of the counts.
    k : float
        Overdispersion of a piece: its variance is mu + k mu². It belongs to pieces of this length.
    exposure : str
        What mu rests on: ``aadt`` (traffic, classes, length), ``class`` (classes, length) or ``length``.
    coefficients : dict
        On the log scale: ``intercept`` (crashes per kilometre), ``log_aadt``, ``log1p_junctions``,
        ``aadt_unknown`` (level of pieces without known traffic, beside the intercept), ``class <name>`` and
        ``class <name>, aadt unknown``: how far the level of a class lies from the common one, shrunk.
    notes : tuple of str
        What could not be used, and why.
    """

    mu: Floats
    k: float
    exposure: Literal["aadt", "class", "length"]
    coefficients: dict[str, float]
    notes: tuple[str, ...] = ()


def fitted_spf(
    y: ArrayLike,
    length_m: ArrayLike,
    *,
    road_class: Sequence[object] | NDArray[np.object_] | None = None,
    aadt: ArrayLike | None = None,
    junctions: ArrayLike | None = None,
) -> Spf:
    """Return what a piece of this class, traffic, number of junctions and length would have.

        log mu = log length + a + b log AADT + c log(1 + junctions) + u(class),   Var = mu + k mu²

    k is found by maximum likelihood. The u of the classes are drawn towards 0 as far as the spread among the
    classes, itself estimated, says: a class of two streets stays near the common level, a large one has its
    own. Where traffic is known on a part of the network only, the slope is that of this part; the other
    pieces have a level per class of their own. At last mu is scaled so that it sums to the crashes.

    Parameters
    ----------
    y : array of int, shape (n,)
        Crashes per piece.
    length_m : array, shape (n,)
        Length; pieces of no length count as 1 cm.
    road_class : sequence, shape (n,), optional
        Class of each piece; None and "" are a class of their own.
    aadt : array, shape (n,), optional
        Vehicles a day. Not known where NaN, infinite or not above 0. Used if known on a fifth of the length
        at least, with `FEWEST_FOR_AADT` crashes there, and not the same everywhere.
    junctions : array, shape (n,), optional
        Junctions on the piece; 0 or more.

    Raises
    ------
    TooFewObservations
        If there is no piece or no crash.
    InvalidParameter
        If shapes differ, a count is negative or no whole number, or a length is negative or not finite.

    References
    ----------
    AASHTO (2010), Highway Safety Manual, parts B and C.
    Breslow and Clayton (1993), Journal of the American Statistical Association 88(421), 9-25.

    Examples
    --------
    Five crashes in all: only length counts.

    >>> spf = fitted_spf([3, 0, 2, 0], [80, 80, 160, 80], road_class=["a", "b", "a", "b"])
    >>> spf.exposure, spf.mu.tolist()
    ('length', [1.0, 1.0, 2.0, 1.0])
    """
    data = _checked(y, length_m, road_class, aadt, junctions)
    fit = _fitted(data)
    mu = np.exp(data.offset + _linear(data, fit))
    scale = float(data.y.sum() / mu.sum())
    mu *= scale
    mu *= data.y.sum() / mu.sum()
    coefficients = dict(zip(data.fixed_names, fit.fixed.tolist(), strict=True))
    if "aadt_unknown" in coefficients:
        coefficients["aadt_unknown"] -= coefficients["intercept"]
    coefficients["intercept"] += float(np.log(scale))
    if "log_aadt" in coefficients:
        coefficients["intercept"] -= coefficients["log_aadt"] * data.mean_log_aadt
        if "aadt_unknown" in coefficients:
            coefficients["aadt_unknown"] += coefficients["log_aadt"] * data.mean_log_aadt
    coefficients |= dict(zip(data.group_names, fit.classes.tolist(), strict=True))
    return Spf(mu, fit.k, data.exposure, coefficients, tuple(data.notes))


@dataclass
class _Data:
    """What the regression sees: counts, log length, columns of slopes, and the group of each piece."""

    y: Floats
    offset: Floats
    fixed: Floats
    fixed_names: list[str]
    precision: Floats
    group: Ints
    group_names: list[str]
    exposure: Literal["aadt", "class", "length"]
    mean_log_aadt: float = 0.0
    notes: list[str] = field(default_factory=list)


@dataclass
class _Fit:
    """Levels and slopes, classes, and the two variances."""

    fixed: Floats
    classes: Floats
    k: float
    class_variance: float


def _checked(
    y: ArrayLike,
    length_m: ArrayLike,
    road_class: Sequence[object] | NDArray[np.object_] | None,
    aadt: ArrayLike | None,
    junctions: ArrayLike | None,
) -> _Data:
    counts, length = np.asarray(y, dtype=np.float64), np.asarray(length_m, dtype=np.float64)
    if counts.ndim != 1 or counts.shape != length.shape:
        raise InvalidParameter(f"one length per count is needed, got {counts.shape} and {length.shape}")
    if not len(counts) or not counts.sum():
        raise TooFewObservations(
            f"predicting needs at least one crash on one piece, got {len(counts)} pieces"
        )
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts != np.floor(counts)).any():
        raise InvalidParameter("counts must be whole and not negative")
    if not np.isfinite(length).all() or (length < 0).any():
        raise InvalidParameter("lengths must be finite and not negative")
    length = np.maximum(length, _SHORTEST_M)
    notes: list[str] = []
    known, traffic = _known_traffic(aadt, counts, length, notes)
    group, names = _groups(road_class, known, counts, notes)
    columns, column_names, mean = _columns(known, traffic, junctions, counts, notes)
    is_slope = np.array([name in ("log_aadt", "log1p_junctions") for name in column_names])
    return _Data(
        y=counts,
        offset=np.log(length / 1000),
        fixed=np.column_stack(columns),
        fixed_names=column_names,
        precision=np.where(is_slope, _SLOPE_SD**-2, 1e-9),
        group=group,
        group_names=names,
        exposure="aadt" if "log_aadt" in column_names else "class" if names else "length",
        mean_log_aadt=mean,
        notes=notes,
    )


def _known_traffic(
    aadt: ArrayLike | None, y: Floats, length: Floats, notes: list[str]
) -> tuple[Mask, Floats]:
    """Return where traffic is known and used, and its logarithm there."""
    nothing = np.zeros(len(y), dtype=np.bool_)
    if aadt is None:
        return nothing, np.zeros(len(y))
    given = np.asarray(aadt, dtype=np.float64)
    if given.shape != y.shape:
        raise InvalidParameter(f"one AADT per count is needed, got {given.shape} and {y.shape}")
    known = np.isfinite(given) & (given > 0)
    if not known.any():
        return nothing, np.zeros(len(y))
    logs = np.log(np.where(known, given, 1.0))
    share, crashes = float(length[known].sum() / length.sum()), int(y[known].sum())
    if share < LEAST_AADT_SHARE or crashes < FEWEST_FOR_AADT:
        notes.append(
            f"AADT is known on {share:.0%} of the length with {crashes} crashes, too little to be used"
        )
        return nothing, logs
    if np.ptp(logs[known]) < 1e-9:
        notes.append("AADT is the same wherever it is known, so it tells nothing")
        return nothing, logs
    if not known.all():
        notes.append(f"AADT is known on {share:.0%} of the length; the rest goes by class")
    return known, logs


def _groups(
    road_class: Sequence[object] | NDArray[np.object_] | None, known: Mask, y: Floats, notes: list[str]
) -> tuple[Ints, list[str]]:
    """Return the group of every piece and the groups' names; none where classes do not tell."""
    if road_class is None:
        return np.zeros(len(y), dtype=np.int64), []
    if len(road_class) != len(y):
        raise InvalidParameter(f"one class per count is needed, got {len(road_class)} and {len(y)}")
    words = np.array(["" if word is None else str(word) for word in road_class], dtype=np.str_)
    if y.sum() < FEWEST_FOR_CLASSES:
        notes.append(
            f"{int(y.sum())} crashes are too few to tell classes apart ({FEWEST_FOR_CLASSES}); length only"
        )
        return np.zeros(len(y), dtype=np.int64), []
    classes, of_piece = np.unique(words, return_inverse=True)
    if len(classes) == 1:
        notes.append("all roads are of one class")
        return np.zeros(len(y), dtype=np.int64), []
    is_mixed = bool(known.any() and not known.all())
    key = of_piece.ravel().astype(np.int64) * 2 + (~known if is_mixed else 0)
    kept, group = np.unique(key, return_inverse=True)
    names = [
        f"class {classes[one // 2] or '(none)'}" + (", aadt unknown" if is_mixed and one % 2 else "")
        for one in kept.tolist()
    ]
    return group.ravel().astype(np.int64), names


def _columns(
    known: Mask, traffic: Floats, junctions: ArrayLike | None, y: Floats, notes: list[str]
) -> tuple[list[Floats], list[str], float]:
    """Return levels and slopes: columns, their names, and the mean of log AADT that was taken off."""
    n, mean = len(y), 0.0
    columns, names = [np.ones(n)], ["intercept"]
    if known.any():
        mean = float(traffic[known].mean())
        if not known.all():
            columns = [known.astype(np.float64), (~known).astype(np.float64)]
            names = ["intercept", "aadt_unknown"]
        columns.append(np.where(known, traffic - mean, 0.0))
        names.append("log_aadt")
    if junctions is not None:
        number = np.asarray(junctions, dtype=np.float64)
        if number.shape != y.shape:
            raise InvalidParameter(f"one number of junctions per count is needed, got {number.shape}")
        if not np.isfinite(number).all() or (number < 0).any():
            raise InvalidParameter("numbers of junctions must be finite and not negative")
        if y.sum() < FEWEST_FOR_CLASSES:
            notes.append(f"{int(y.sum())} crashes are too few to tell what junctions add")
        elif np.ptp(number) > 0:
            columns.append(np.log1p(number))
            names.append("log1p_junctions")
    return columns, names, mean


def _linear(data: _Data, fit: _Fit) -> Floats:
    eta: Floats = data.fixed @ fit.fixed
    return eta + fit.classes[data.group] if len(data.group_names) else eta


def _fitted(data: _Data) -> _Fit:
    """Return the fit: scoring for the coefficients, in turn with maximum likelihood for the variances."""
    start = np.log(data.y.sum() / np.exp(data.offset).sum())
    level = np.array([name in ("intercept", "aadt_unknown") for name in data.fixed_names])
    fit = _Fit(np.where(level, start, 0.0), np.zeros(len(data.group_names)), 0.5, 0.5)
    for _ in range(_ROUNDS):
        before = np.array([*fit.fixed, fit.k, fit.class_variance])
        spread = _scored(data, fit)
        fit.k = dispersion_k(data.y, np.exp(data.offset + _linear(data, fit)))
        if len(fit.classes):
            fit.class_variance = _class_variance(fit, spread)
        after = np.array([*fit.fixed, fit.k, fit.class_variance])
        if np.abs(after - before).max() < 1e-7:
            break
    return fit


def _scored(data: _Data, fit: _Fit) -> Floats:
    """Move the coefficients to where they are most likely for these variances; return the classes' variances.

    Fisher scoring. The classes' part of the information matrix is diagonal, so it is eliminated first.
    """
    n_groups, k = len(fit.classes), fit.k
    prior = 1 / fit.class_variance
    best, spread = _penalised(data, fit), np.zeros(n_groups)
    for _ in range(_STEPS):
        mu = np.exp(data.offset + _linear(data, fit))
        weight, residual = mu / (1 + k * mu), (data.y - mu) / (1 + k * mu)
        weighted = data.fixed * weight[:, None]
        matrix = data.fixed.T @ weighted + np.diag(data.precision)
        gradient = data.fixed.T @ residual - data.precision * fit.fixed
        if n_groups:
            diagonal = np.bincount(data.group, weight, minlength=n_groups) + prior
            class_gradient = np.bincount(data.group, residual, minlength=n_groups) - prior * fit.classes
            cross = np.column_stack(
                [np.bincount(data.group, column, minlength=n_groups) for column in weighted.T]
            )
            matrix = matrix - cross.T @ (cross / diagonal[:, None])
            gradient = gradient - cross.T @ (class_gradient / diagonal)
        step = np.asarray(np.linalg.lstsq(matrix, gradient, rcond=None)[0], dtype=np.float64)
        class_step = np.zeros(0)
        if n_groups:
            class_step = (class_gradient - cross @ step) / diagonal
            inverse = np.linalg.pinv(matrix)
            spread = 1 / diagonal + np.einsum("ij,jk,ik->i", cross, inverse, cross) / diagonal**2
        gain = _stepped(data, fit, step, class_step, best)
        best += gain
        if gain <= _TOLERANCE * (1 + abs(best)):
            break
    return spread


def _stepped(data: _Data, fit: _Fit, step: Floats, class_step: Floats, before: float) -> float:
    """Go along the step as far as it does good; return by how much the penalised likelihood grew."""
    fixed, classes = fit.fixed, fit.classes
    furthest = max(np.abs(step).max(initial=0), np.abs(class_step).max(initial=0))
    length = min(1.0, _LARGEST_STEP / furthest) if furthest > 0 else 1.0
    for _ in range(30):
        fit.fixed, fit.classes = fixed + length * step, classes + length * class_step
        gain = _penalised(data, fit) - before
        if gain >= 0:
            return gain
        length /= 2
    fit.fixed, fit.classes = fixed, classes
    return 0.0


def _penalised(data: _Data, fit: _Fit) -> float:
    """Return the log likelihood given k, without what no coefficient changes, less the penalties."""
    eta = data.offset + _linear(data, fit)
    with np.errstate(over="ignore"):
        mu = np.exp(eta)
    k = max(fit.k, _SMALLEST_K)
    likelihood = data.y @ eta - (data.y + 1 / k) @ np.log1p(k * mu)
    penalty = data.precision @ (fit.fixed**2) + (fit.classes @ fit.classes) / fit.class_variance
    value = float(likelihood - penalty / 2)
    return value if np.isfinite(value) else -np.inf


def _class_variance(fit: _Fit, spread: Floats) -> float:
    """Return the variance among classes that explains the found ones and their uncertainty (one EM step)."""
    found = float((fit.classes**2 + spread).mean())
    return float(np.clip(found, *_CLASS_VARIANCES))


def dispersion_k(y: ArrayLike, mu: ArrayLike) -> float:
    """Return the k of Var = mu + k mu² that makes the counts most likely; 0 where Poisson does.

    Parameters
    ----------
    y : array of int, shape (n,)
    mu : array, shape (n,)
        Above 0.

    Returns
    -------
    float
        Between 0 and `LARGEST_K`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> mu = rng.uniform(0.5, 4, 20_000)
    >>> bool(abs(dispersion_k(rng.poisson(mu * rng.gamma(2, 1 / 2, 20_000)), mu) - 0.5) < 0.03)
    True
    >>> dispersion_k([1, 1, 1, 1], [1, 1, 1, 1])
    0.0
    """
    counts, mean = np.asarray(y, dtype=np.float64), np.asarray(mu, dtype=np.float64)
    # The slope of the likelihood at k = 0: without a surplus there Poisson is the best law.
    if ((counts - mean) ** 2 - counts).sum() <= 0:
        return 0.0
    values, times = np.unique(counts, return_counts=True)
    is_some = values > 0
    values, times = values[is_some], times[is_some]

    def surprise(log_k: float) -> float:
        k = np.exp(log_k)
        gammas = gammaln(values + 1 / k) - gammaln(1 / k) + values * log_k
        return float(((counts + 1 / k) * np.log1p(k * mean)).sum() - times @ gammas)

    bounds = (np.log(1e-4), np.log(LARGEST_K))
    found = minimize_scalar(surprise, bounds=bounds, method="bounded", options={"xatol": 1e-7})
    return float(np.exp(found.x))
