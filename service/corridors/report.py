"""What a run of `corridors` tells beside its corridors: the way of the data, the null model, what to mind."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from data.store import Layer
from service.analyses.carried import NO_TEST, dates_of
from service.corridors.chosen import Chosen, Exposure
from service.corridors.crashes import Crashes
from service.corridors.holdout import coverage_told, holdout_words
from service.corridors.placed import Placed
from service.corridors.severity_columns import Severity
from service.corridors.streets import Streets
from service.parameters import CorridorsInputs, instants

_DAYS_PER_YEAR = 365.25
# A month that expects so many is not empty by chance (e^-20).
_CRASHES_A_MONTH = 20


class Case(Protocol):
    """What the report is about."""

    @property
    def streets(self) -> Streets:
        """The network."""

    @property
    def crashes(self) -> Crashes:
        """The crashes that were selected."""

    @property
    def where(self) -> Placed:
        """Their places on it."""

    @property
    def severity(self) -> Severity:
        """Crashes by piece and code."""

    @property
    def exposure(self) -> Exposure:
        """What is predicted and expected."""

    @property
    def found(self) -> Chosen:
        """The corridors."""

    @property
    def years(self) -> float | None:
        """Length of the period."""


def diagnostics_of(
    layer: Layer, inputs: CorridorsInputs, case: Case, holdout: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the diagnostics of a run."""
    scan, exposure = case.found.scan, case.exposure
    n_corridors = int((~case.found.is_intersection).sum())
    told: dict[str, Any] = {
        **dates_of(layer),
        **_selected(case.crashes),
        **case.crashes.told,
        **case.where.told,
        **case.streets.told,
        "incidents": int(exposure.y.sum()),
        "ksi": int(case.severity.total[:2].sum()),
        "years": None if case.years is None else round(case.years, 3),
        "simulations": inputs.simulations,
        "seed": inputs.seed,
        "null_model": inputs.null_model,
        **exposure.told,
        **_tested(case),
        "scan": {name: value for name, value in scan.diagnostics.items() if name != "warnings"},
        **case.found.told,
        "corridors": n_corridors,
        "intersections": int(case.found.is_intersection.sum()),
        "epdo_table": case.severity.table.name,
        "epdo_source": f"{case.severity.table.source} ({case.severity.table.date})",
        "coverage_curve": coverage_told(case.streets, exposure, case.severity, inputs.seed),
        "holdout": holdout,
    }
    return {**told, "notes": _notes(case, inputs, told, n_corridors)}


def years_of(
    crashes: Crashes, taken: npt.NDArray[np.bool_], inputs: CorridorsInputs, timezone: str
) -> float | None:
    """Return the length of the period of the crashes in years; None where none of them has a time.

    The interval that was asked for where both its ends are given, else from the first crash to the last;
    where all are known only to the year whole years. Months without any crash do not count where the others
    hold so many that only a gap in the record, or a mistyped date, leaves one empty.
    """
    period = _period_years(crashes, taken, inputs, timezone)
    months = np.unique(crashes.time[taken & ~np.isnat(crashes.time)].astype("datetime64[M]"))
    is_coarse = crashes.told.get("rows_with_coarse_time", 0) > 0
    if period is None or is_coarse or taken.sum() < _CRASHES_A_MONTH * len(months):
        return period
    return min(period, len(months) / 12)


def _period_years(
    crashes: Crashes, taken: npt.NDArray[np.bool_], inputs: CorridorsInputs, timezone: str
) -> float | None:
    start, end = instants(inputs.train or inputs.datetime, timezone)
    if start is not None and end is not None and end > start:
        return (end - start).total_seconds() / 86_400 / _DAYS_PER_YEAR
    times = crashes.time[taken & ~np.isnat(crashes.time)]
    if not len(times):
        return None
    first, last = times.min(), times.max()
    if crashes.told.get("rows_with_coarse_time") == crashes.told.get("rows_selected"):
        last = last + np.timedelta64(365, "D")
    days = float((last - first) / np.timedelta64(1, "D"))
    return days / _DAYS_PER_YEAR if days >= 1 else None


def _selected(crashes: Crashes) -> dict[str, str | None]:
    times = crashes.time[~np.isnat(crashes.time)]
    if not len(times):
        return {"first_selected": None, "last_selected": None}
    return {"first_selected": str(times.min()), "last_selected": str(times.max())}


def _tested(case: Case) -> dict[str, Any]:
    """Return what was tested under the names of every method; one p is for all stretches together."""
    scan = case.found.scan
    risks = scan.heterogeneity
    ks = {"k_block": risks.k_b, "k_within_block": risks.k_l}
    if scan.reason is not None:
        return {**ks, **NO_TEST, "reason": scan.reason}
    return {
        **ks,
        "n_tests": scan.diagnostics.get("windows"),
        "p_method": "monte-carlo",
        "smallest_attainable_p": 1 / (1 + len(scan.maxima)),
        "reason": None,
    }


def _why_no_corridor(case: Case, inputs: CorridorsInputs) -> str:
    if case.found.is_intersection.any():
        return "no corridor: what stands out lies at single places (collection .intersections)"
    best, level = case.found.scan.diagnostics["best_p"], inputs.alpha
    return f"no corridor: the stretch that stands out most has p = {best:.2g} against a level of {level:g}"


def _notes(case: Case, inputs: CorridorsInputs, told: dict[str, Any], n_corridors: int) -> list[str]:
    """Return what a reader must know, in sentences."""
    scan = case.found.scan
    notes = [*case.crashes.notes, *case.where.notes, *case.exposure.notes]
    if not told["crashes"]:
        notes.append("no crash is selected: there is nothing to look for")
    elif scan.reason is not None:
        notes.append(f"no corridor can be significant: {scan.reason}")
    elif inputs.select == "scan" and not n_corridors:
        notes.append(_why_no_corridor(case, inputs))
    elif inputs.select == "excess" and not n_corridors:
        notes.append(
            f"no corridor: no stretch of {inputs.min_length_m:g} m or more that gains anything fits in"
            f" {told['budget_m']:,.0f} m"
        )
    if scan.reason is None:
        notes += [str(one) for one in scan.diagnostics.get("warnings", [])]
    if inputs.select == "excess" and n_corridors:
        notes.append(
            "corridors were chosen by what they gather; p tells of each how often the best stretch of a"
            " network without corridors scores as much, and decides nothing here"
        )
    if told["exposure"] in ("class", "length"):
        basis = "class and length" if told["exposure"] == "class" else "length alone"
        notes.append(
            f"no traffic volumes are used: what is expected follows {basis}, so a corridor may be a street"
            " with more traffic than others of its kind"
        )
    return notes + ([] if told["holdout"] is None else holdout_words(told["holdout"]))
