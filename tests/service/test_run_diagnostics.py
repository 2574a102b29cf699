"""What every run tells of the rows it was asked of, how they lie, and what it tested: one set of names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.duckdb_store import DuckDBStore
from service.analyses.carried import spread_of
from service.analyses.run import findings
from service.methods import inputs_of
from tests.service.made import filled_store

ROWS = {"rows", "rows_selected", "rows_without_time", "rows_with_coarse_time"}
DATES = {"first_time", "last_time", "first_selected", "last_selected"}
COUNTS = {"n", "total"}
SPREAD = {"zeros", "mean", "variance", "dispersion"}
TESTS = {"n_tests", "p_method", "smallest_attainable_p"}
AREA = {"study_area_source", "study_area_cells", "isolated_rows", "outside_study_area", "share_on_edge"}
EVERY = ROWS | DATES | COUNTS | TESTS | {"piles", "timezone", "notes"}
ON_CELLS = EVERY | SPREAD | AREA

ASKED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "hotspots": ({"resolution": 8}, ON_CELLS | {"resolution_advice"}),
    "outliers": ({"resolution": 8}, ON_CELLS | {"resolution_advice"}),
    "emerging": ({"resolution": 8}, ON_CELLS),
    "scan": ({"resolution": 8, "simulations": 99}, ON_CELLS),
    "forecast": ({"resolution": 8, "model": "smoothed"}, ON_CELLS),
    "clusters": ({"eps_m": 300}, EVERY | {"left_out"}),
    "near-repeat": ({"simulations": 99}, EVERY | {"left_out"}),
}
TESTING = {"hotspots", "outliers", "emerging", "scan", "near-repeat"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> DuckDBStore:
    folder: Path = tmp_path_factory.mktemp("city")
    return filled_store(None, folder)


@pytest.fixture(scope="module")
def told(store: DuckDBStore) -> dict[str, dict[str, Any]]:
    return {
        method: findings(
            method, store, inputs_of(method, {"layer": "calls", **inputs}), max_cells=10**6
        ).emberline["diagnostics"]
        for method, (inputs, _) in ASKED.items()
    }


@pytest.mark.parametrize("method", ASKED)
def test_a_run_tells_all_that_its_kind_tells(told: dict[str, dict[str, Any]], method: str) -> None:
    assert ASKED[method][1] - set(told[method]) == set()


@pytest.mark.parametrize("method", ASKED)
def test_what_is_told_is_so(told: dict[str, dict[str, Any]], store: DuckDBStore, method: str) -> None:
    one, layer = told[method], store.layer("calls")
    assert one["rows"] == one["rows_selected"] == layer.n_rows
    assert one["first_time"] == layer.first_time.isoformat()  # type: ignore[union-attr]
    assert one["last_time"] == layer.last_time.isoformat()  # type: ignore[union-attr]
    assert one["last_selected"] == str(layer.last_time.replace(tzinfo=None).isoformat())  # type: ignore[union-attr]
    assert one["first_selected"] <= one["last_selected"]
    assert one["piles"]
    assert (one["n_tests"] > 0) == (one["p_method"] is not None) == (method in TESTING)
    assert (one["smallest_attainable_p"] is not None) == (method in TESTING)


@pytest.mark.parametrize("method", [name for name, (_, keys) in ASKED.items() if keys >= ON_CELLS])
def test_counts_are_those_of_the_cells(told: dict[str, dict[str, Any]], method: str) -> None:
    one = told[method]
    assert 0 < one["zeros"] < one["study_area_cells"] * one.get("n_bins", 1)  # of emerging: cells by bins
    assert one["mean"] > 0
    assert one["dispersion"] > 0
    assert all(0 < share < 1 for share in one["share_on_edge"].values())


def test_cells_tell_the_same_of_each_layer(store: DuckDBStore) -> None:
    found = findings(
        "cells", store, inputs_of("cells", {"layer": "calls", "resolution": 8}), max_cells=10**6
    ).emberline["diagnostics"]
    of_calls = found["incidents"]["calls"]
    assert set(of_calls) >= ROWS | DATES | COUNTS | SPREAD | {"piles", "outside_study_area"}
    assert of_calls["total"] + of_calls["outside_study_area"] == of_calls["rows_selected"]
    assert set(found) >= TESTS | {"share_on_edge"}
    assert found["n_tests"] == 0


def test_the_spread_of_nothing_has_no_dispersion() -> None:
    assert spread_of(np.zeros(3, dtype=np.int64))["dispersion"] is None
    assert spread_of(np.zeros(0, dtype=np.int64))["mean"] == 0
