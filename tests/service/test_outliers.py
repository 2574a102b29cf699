"""`outliers` with a population: cells judged by their rates."""

from typing import Any

import numpy as np
import pytest

from data.duckdb_store import DuckDBStore
from models.errors import InvalidParameter
from models.rates import empirical_bayes
from service.analyses.run import findings
from service.methods import METHODS, inputs_of
from service.property_words import METHOD_WORDS, PROPERTY_WORDS
from spatial.grid import centers
from tests.service.test_population import CELLS, MANY, uneven_people, with_calls

OF_RATES = ("expected", "rate", "rate_eb", "relative_risk", "relative_risk_around")


def _columns(store: DuckDBStore, **inputs: object) -> tuple[dict[str, Any], dict[str, Any]]:
    given = inputs_of("outliers", {"layer": "calls", "resolution": 8, **inputs})
    found = findings("outliers", store, given, max_cells=MANY)
    return dict(found.collections["cells"].columns), found.emberline["diagnostics"]


def _near(lng: float, lat: float, degrees: float) -> Any:
    x, y = centers(CELLS)
    return np.hypot(x - lng, y - lat) < degrees


def test_incidents_that_follow_the_people_are_called_alone_but_not_by_rate() -> None:
    store = with_calls(uneven_people(), np.ones(len(CELLS)))
    alone, told_alone = _columns(store)
    by_rate, told = _columns(store, population="people")
    assert "HH" in alone["class"]
    assert set(by_rate["class"]) == {"none"}
    assert (told_alone["denominator"], told["denominator"]) == (False, True)
    assert set(by_rate["p_method"]) == {"negative-binomial"}


def test_a_cell_at_risk_in_a_quarter_without_is_named() -> None:
    # 40 incidents a cell on average, so that a quarter without any stands out; the cell has few people.
    people, risk = uneven_people() + 300, np.ones(len(CELLS))
    risk[_near(-112.0, 33.34, 0.02)] = 0.05
    odd = int(np.hypot(*(np.array(centers(CELLS)) - [[-112.0], [33.34]])).argmin())
    risk[odd] = 8.0
    columns, _ = _columns(with_calls(people, risk), population="people")
    at = columns["h3"].index(f"{CELLS[odd]:x}")
    assert columns["class"][at] == "HL"
    assert columns["relative_risk"][at] > 4
    assert columns["relative_risk_around"][at] < 0.5


def test_figures_are_those_of_the_definition_and_null_without_people() -> None:
    people = uneven_people()
    store = with_calls(people, np.ones(len(CELLS)))
    columns, told = _columns(store, population="people")
    count = np.asarray(columns["count"])
    assert columns["expected"].sum() == pytest.approx(count.sum())
    assert columns["rate"] == pytest.approx(count / people, rel=1e-6)
    assert columns["rate_eb"] == pytest.approx(empirical_bayes(count, people).rate, rel=1e-6)
    assert told["n"] == len(CELLS)
    assert told["phi"] >= 0
    alone, _ = _columns(store)
    assert all(np.isnan(alone[name]).all() for name in OF_RATES)


def test_only_called_cells_come_where_asked() -> None:
    people, risk = uneven_people(), np.ones(len(CELLS))
    risk[_near(-112.02, 33.33, 0.02)] = 6.0
    store = with_calls(people, risk)
    called, _ = _columns(store, population="people", significant=True)
    every, _ = _columns(store, population="people")
    assert called["class"] == [one for one in every["class"] if one != "none"]
    assert "HH" in called["class"]
    assert len(called["expected"]) == len(called["h3"]) < len(every["h3"])


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"population": "people", "p_method": "exact"}, "takes all cells for alike"),
        ({"population": "people", "p_method": "monte-carlo"}, "takes all cells for alike"),
        ({"p_method": "negative-binomial"}, "needs a denominator"),
    ],
)
def test_a_null_that_does_not_fit_is_refused(inputs: dict[str, str], words: str) -> None:
    store = with_calls(uneven_people(), np.ones(len(CELLS)))
    with pytest.raises(InvalidParameter, match=words):
        _columns(store, **inputs)


def test_every_property_has_its_words() -> None:
    store = with_calls(uneven_people(), np.ones(len(CELLS)))
    columns, _ = _columns(store, population="people")
    assert set(columns) <= set(PROPERTY_WORDS) | set(METHOD_WORDS["outliers"])
    assert METHODS["outliers"].version == "2"
