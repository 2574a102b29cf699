"""The one call that runs any method."""

from collections.abc import Callable

from data.store import Store
from models.errors import InvalidParameter
from service.analyses.cells import cells_findings
from service.analyses.clusters import cluster_findings
from service.analyses.corridors import corridor_findings
from service.analyses.emerging import emerging_findings
from service.analyses.findings import Findings, Progress, Recall
from service.analyses.forecast import forecast_findings
from service.analyses.gaps import gaps_findings
from service.analyses.hotspots import hotspot_findings
from service.analyses.near_repeat import near_repeat_findings
from service.analyses.outliers import outlier_findings
from service.analyses.priority import priority_findings
from service.analyses.provenance import layers_of
from service.analyses.scan import scan_findings
from service.analyses.surveillance import surveillance_findings
from service.parameters import Inputs

_RUNS: dict[str, Callable[..., Findings]] = {
    "hotspots": hotspot_findings,
    "cells": cells_findings,
    "outliers": outlier_findings,
    "emerging": emerging_findings,
    "clusters": cluster_findings,
    "scan": scan_findings,
    "near-repeat": near_repeat_findings,
    "forecast": forecast_findings,
    "corridors": corridor_findings,
    "surveillance": surveillance_findings,
    "gaps": gaps_findings,
    "priority": priority_findings,
}

#: Methods that can go on from what the run before left.
_REMEMBERING = ("emerging",)


def findings(
    method: str,
    store: Store,
    inputs: Inputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
    recall: Recall | None = None,
) -> Findings:
    """Run a method on what its inputs name, all of it as it is at one moment.

    `only` names the one collection that is wanted; by default all are made. `recall` returns what the run
    before left; with it the findings carry what this one leaves. They are the same without.
    """
    if method not in _RUNS:
        raise InvalidParameter(f"needed one of the methods {', '.join(_RUNS)}, got {method!r}")
    with store.reading():
        layers_of(store, inputs)
        more = {"recall": recall} if method in _REMEMBERING else {}
        return _RUNS[method](store, inputs, max_cells=max_cells, only=only, progress=progress, **more)
