"""Denominators: people per cell from points and polygons, and what hotspots say with them."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely

from data.duckdb_store import DuckDBStore
from data.errors import LayerNotFound
from data.records import FEATURE_SCHEMA, CleanBatch, IngestSpec, ReadReport
from models.errors import DegenerateInput
from models.rates import empirical_bayes
from service.analyses.run import findings
from service.methods import inputs_of
from service.population import population_area, population_on
from spatial.grid import boundaries, cells_within, centers
from tests.data.rows import MadeSource, incident, reject_table
from tests.service.made import calls, emberline, write_rows

CITY = shapely.box(-112.05, 33.30, -111.85, 33.50)
CELLS = cells_within(CITY, 8)
MANY = 1_000_000


class MadeFeatures:
    """A clean source of ready geometries with a number each."""

    def __init__(self, shapes: Sequence[shapely.Geometry], values: Sequence[float | None]) -> None:
        self.shapes, self.values = shapes, values
        self.report = ReadReport(format="made", n_rows=len(shapes))

    def batches(self):  # type: ignore[no-untyped-def]
        n = len(self.shapes)
        columns = {name: [None] * n for name in FEATURE_SCHEMA.names} | {
            "row": list(range(1, n + 1)),
            "value": self.values,
            "geometry": [shapely.to_wkb(shape) for shape in self.shapes],
        }
        yield CleanBatch(pa.table(columns, schema=FEATURE_SCHEMA), reject_table(0))


def stored(shapes: Sequence[shapely.Geometry], values: Sequence[float | None]) -> DuckDBStore:
    store = DuckDBStore()
    spec = IngestSpec("people", kind="population")
    store.ingest(spec, MadeFeatures(shapes, values), title="", drop_duplicates=False, replace=False)
    return store


def uneven_people() -> np.ndarray:
    lng, lat = centers(CELLS)
    away = np.hypot(lng + 111.95, lat - 33.40)
    return np.round(50 + 750 * np.exp(-((away / 0.03) ** 2)))


def with_calls(people: np.ndarray, risk: np.ndarray, seed: int = 0) -> DuckDBStore:
    store = stored(list(boundaries(CELLS)), people.tolist())
    counts = np.random.default_rng(seed).poisson(0.01 * people * risk)
    lng, lat = centers(np.repeat(CELLS, counts))
    rows = [incident(float(x), float(y)) for x, y in zip(lng, lat, strict=True)]
    store.ingest(IngestSpec("calls"), MadeSource(rows), title="", drop_duplicates=False, replace=False)
    return store


def cell_columns(store: DuckDBStore, **inputs: object):  # type: ignore[no-untyped-def]
    given = inputs_of("hotspots", {"layer": "calls", "resolution": 8, **inputs})
    found = findings("hotspots", store, given, max_cells=MANY)
    return found.collections["cells"].columns, found


def test_points_are_counted_where_they_are_and_polygons_shared_out() -> None:
    lng, lat = centers(CELLS)
    shapes = [*(shapely.Point(x, y) for x, y in zip(lng, lat, strict=True)), CITY]
    store = stored(shapes, [1.0] * len(CELLS) + [1000.0])
    area = population_area(store, "people", 8, MANY)
    people = population_on(store, "people", area)
    assert area.source == "population"
    assert people.people.sum() + people.diagnostics["population_outside_study_area"] == pytest.approx(
        len(CELLS) + 1000.0, rel=1e-9
    )


def test_a_layer_without_numbers_is_refused_in_words() -> None:
    store = stored([CITY], [None])
    with pytest.raises(DegenerateInput, match="number of people per row"):
        population_area(store, "people", 8, MANY)


def test_a_layer_of_another_kind_is_refused() -> None:
    store = with_calls(uneven_people(), np.ones(len(CELLS)))
    with pytest.raises(LayerNotFound, match="kind population"):
        population_area(store, "calls", 8, MANY)


def test_incidents_that_follow_the_people_are_hot_alone_but_not_by_risk() -> None:
    store = with_calls(uneven_people(), np.ones(len(CELLS)))
    alone, _ = cell_columns(store)
    by_risk, found = cell_columns(store, population="people")
    assert "hot" in alone["class"]
    assert "hot" not in by_risk["class"]
    assert found.emberline["diagnostics"]["denominator"] is True
    assert not any("where risk is" in one for one in found.emberline["diagnostics"]["warnings"])


def test_excess_risk_where_few_live_is_found_and_the_centre_is_not() -> None:
    people, risk = uneven_people(), np.ones(len(CELLS))
    lng, lat = centers(CELLS)
    planted = np.hypot(lng + 112.02, lat - 33.33) < 0.02
    risk[planted] = 6.0
    columns, _ = cell_columns(with_calls(people, risk), population="people")
    is_hot = np.array(columns["class"]) == "hot"
    order = np.isin(columns["h3"], [f"{cell:x}" for cell in CELLS[planted]])
    assert is_hot[order].mean() > 0.8
    assert is_hot[~order].mean() < 0.1


def test_figures_with_a_denominator_are_those_of_the_definition() -> None:
    people = uneven_people()
    columns, _ = cell_columns(with_calls(people, np.ones(len(CELLS))), population="people")
    counts, expected = np.asarray(columns["count"]), np.asarray(columns["expected"])
    assert expected.sum() == pytest.approx(counts.sum())
    assert np.asarray(columns["rate"]) == pytest.approx(counts / people, rel=1e-6)
    assert np.isfinite(np.asarray(columns["relative_risk"])).all()


def blocks(names: dict[str, float | None]) -> tuple[list[shapely.Polygon], list[float | None]]:
    """Return strips of the city, from west to east, with their people."""
    edges = np.linspace(-112.05, -111.85, len(names) + 1)
    boxes = [shapely.box(west, 33.30, east, 33.50) for west, east in itertools.pairwise(edges)]
    return boxes, list(names.values())


def with_even_calls(people: dict[str, float | None]) -> DuckDBStore:
    store = stored(*blocks(people))
    counts = np.random.default_rng(1).poisson(3.0, len(CELLS))
    lng, lat = centers(np.repeat(CELLS, counts))
    rows = [incident(float(x), float(y)) for x, y in zip(lng, lat, strict=True)]
    store.ingest(IngestSpec("calls"), MadeSource(rows), title="", drop_duplicates=False, replace=False)
    outline = IngestSpec("city", kind="boundary")
    source = MadeFeatures([CITY], [None])
    store.ingest(outline, source, title="", drop_duplicates=False, replace=False)
    return store


@pytest.mark.parametrize("unknown", [None, -666666666.0])
@pytest.mark.parametrize("inputs", [{}, {"boundary": "city"}])
def test_where_the_population_is_unknown_nothing_is_tested(
    unknown: float | None, inputs: dict[str, str]
) -> None:
    store = with_even_calls({"west": 1000.0, "middle": unknown, "east": 1000.0})
    columns, found = cell_columns(store, population="people", **inputs)
    told = found.emberline["diagnostics"]
    lng, _ = centers(np.array([int(cell, 16) for cell in columns["h3"]], dtype=np.uint64))
    assert "hot" not in columns["class"]
    assert not ((lng > -111.98) & (lng < -111.92)).any()
    assert told["population_rows_without_value"] == 1
    assert told["study_area_cells"] == len(columns["h3"]) < 0.75 * len(CELLS)
    assert sum(columns["count"]) + told["outside_study_area"] == told["rows_selected"]
    assert told["cells_without_population"] == 0
    assert (told["incidents_of_unknown_population"] > 0) == (inputs != {})
    assert any("no number of people" in note for note in told["notes"])
    assert any("not counted" in note for note in told["notes"])


def test_people_known_only_in_wide_polygons_are_told() -> None:
    _, wide = cell_columns(with_even_calls({"west": 1000.0, "east": 1000.0}), population="people")
    _, fine = cell_columns(with_calls(uneven_people(), np.ones(len(CELLS))), population="people")
    assert any(
        "known only for polygons larger than 7 cells" in n for n in wide.emberline["diagnostics"]["notes"]
    )
    assert fine.emberline["diagnostics"]["notes"] == []


def test_rates_and_risks_come_with_what_chance_leaves_open() -> None:
    people, risk = uneven_people(), np.ones(len(CELLS))
    risk[:20] = 8.0
    columns, found = cell_columns(with_calls(people, risk), population="people")
    low, risk_of, high = (np.asarray(columns[name]) for name in ("rr_low", "relative_risk", "rr_high"))
    assert (low <= risk_of).all()
    assert (risk_of <= high).all()
    counts, rates = np.asarray(columns["count"]), np.asarray(columns["rate_eb"])
    assert rates == pytest.approx(empirical_bayes(counts, people).rate)
    areas = found.collections["areas"].columns
    assert (np.asarray(areas["rr_low"]) > 1).all()
    assert (np.asarray(areas["rr_high"]) > np.asarray(areas["relative_risk"])).all()
    assert len(areas["rank"]) > 0


def test_a_population_file_is_mapped_by_its_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "calls.csv", [{**row, "n": 1} for row in calls(200)])
    people = [{"lng": lng, "lat": lat, "souls": 40} for lng, lat in zip(*centers(CELLS), strict=True)]
    write_rows(tmp_path / "people.csv", people)
    asked = ("run", "hotspots", "calls.csv", "--param", "population=people.csv", "--param", "resolution=8")
    assert emberline(*asked, "-o", "out.geojson") == 1
    advice = "--map population.population=COLUMN"
    assert advice in capsys.readouterr().err
    given = advice.replace("COLUMN", "souls").split()
    assert emberline(*asked, *given, "--map", "weight=n", "-o", "out.geojson") == 0
    told = json.loads((tmp_path / "out.geojson").read_text())["emberline"]["diagnostics"]
    assert told["population"] + told["population_outside_study_area"] == pytest.approx(40 * len(CELLS))


def test_a_mapping_of_no_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "calls.csv", calls(50))
    asked = ("run", "hotspots", "calls.csv", "-o", "out.geojson", "--map")
    assert emberline(*asked, "population.population=souls") == 2
    assert "population is no parameter that names a file (such are: none)" in capsys.readouterr().err
    of_layer = ("run", "hotspots", "--layer", "calls", "-o", "out.geojson", "--map")
    assert emberline(*of_layer, "time=when") == 2
    assert "--map time=… needs a FILE to read" in capsys.readouterr().err
