"""What an analysis answers: every property, sound numbers, the same bytes for the same question."""

import json
import math
from pathlib import Path
from typing import Any

import h3
import numpy as np
import pytest

from data.duckdb_store import DuckDBStore
from data.errors import LayerNotFound
from data.records import IngestSpec
from models.errors import InvalidParameter
from service.errors import InvalidInputs
from service.ingesting import IngestOrder, ingest_file
from service.store_use_cases import StoreUseCases
from spatial.errors import SpatialError
from tests.data.rows import MadeSource, incident
from tests.service.made import ZONE, calls, filled_store, write_rows

CELL = [
    *(
        "h3",
        "count",
        "expected",
        "rate",
        "rate_eb",
        "relative_risk",
        "rr_low",
        "rr_high",
        "ring",
        "neighbors",
        "edge",
        "z",
        "p_hot",
        "p_cold",
    ),
    *("p", "q", "gi_bin", "class", "p_method"),
]
AREA = [
    *("rank", "class", "name", "district", "n_cells", "cells", "area_km2", "count", "expected", "excess"),
    *("relative_risk", "rr_low", "rr_high", "peak_z", "min_q", "share_of_count", "share_of_area"),
    *("first_time", "last_time", "top_categories", "stability", "stability_by"),
    *("since", "previous"),
]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> DuckDBStore:
    return filled_store(None, tmp_path_factory.mktemp("city"))


def _asked(store: DuckDBStore, method: str = "hotspots", max_cells: int = 5_000_000, **inputs: Any) -> Any:
    use_cases = StoreUseCases(store, max_cells=max_cells)
    answer = use_cases.execute(method, {"layer": "calls", **inputs})
    assert b"NaN" not in answer
    return json.loads(answer)


def _of(found: Any, name: str) -> list[Any]:
    return [feature["properties"][name] for feature in found["features"]]


def _made_store(rows: list[dict[str, object]]) -> DuckDBStore:
    store = DuckDBStore()
    store.ingest(IngestSpec("calls"), MadeSource(rows), title="", drop_duplicates=False, replace=False)
    return store


def test_cells_have_every_property_of_the_contract(city: DuckDBStore) -> None:
    found = _asked(city)
    assert list(found["features"][0]["properties"]) == CELL
    assert [feature["id"] for feature in found["features"]] == _of(found, "h3")
    assert sum(_of(found, "count")) == 400
    assert (
        set(_of(found, "expected")) == set(_of(found, "rate")) == set(_of(found, "relative_risk")) == {None}
    )


def test_the_study_area_is_all_children_of_what_holds_data_and_a_ring(city: DuckDBStore) -> None:
    rows = calls()
    cells = {h3.latlng_to_cell(float(row["lat"]), float(row["lng"]), 15) for row in rows}
    parents = {h3.cell_to_parent(cell, 7) for cell in cells}
    around = {cell for parent in parents for cell in h3.grid_disk(parent, 1)}
    expected = {child for cell in around for child in h3.cell_to_children(cell, 9)}
    found = _asked(city)
    assert {feature["id"] for feature in found["features"]} == expected
    assert len(found["features"]) == len(expected)
    assert found["emberline"]["diagnostics"]["study_area_source"] == "data"


def test_hot_cells_hold_the_pile_and_are_joined_to_an_area(city: DuckDBStore) -> None:
    cells, areas = _asked(city), _asked(city, output="areas")
    hot = {p["h3"] for p in (f["properties"] for f in cells["features"]) if p["class"] == "hot"}
    assert h3.latlng_to_cell(33.42, -111.93, 9) in hot
    assert {cell for some in _of(areas, "cells") for cell in some} == hot
    assert list(areas["features"][0]["properties"]) == AREA
    first = areas["features"][0]
    peak = max(first["properties"]["cells"], key=lambda cell: _value(cells, cell, "z"))
    assert first["id"] == f"hot-{peak}"
    assert first["properties"]["count"] == sum(
        _value(cells, c, "count") for c in first["properties"]["cells"]
    )
    assert first["properties"]["name"] in ("Mill Lane / High St", "High St / Mill Lane")
    assert len(first["properties"]["top_categories"]) == 3
    assert first["properties"]["first_time"].endswith("Z")


def _value(cells: Any, cell: str, name: str) -> Any:
    return next(f["properties"][name] for f in cells["features"] if f["id"] == cell)


def test_the_member_emberline_is_complete(city: DuckDBStore) -> None:
    member = _asked(city, boundary="boundary", roads="roads", resolution=8)["emberline"]
    assert set(member) == {
        *("run", "method", "method_version", "parameters", "layers", "data_version", "diagnostics")
    }
    assert [layer["id"] for layer in member["layers"]] == ["calls", "boundary", "roads"]
    assert member["parameters"]["resolution"] == 8
    assert member["diagnostics"]["study_area_source"] == "boundary"


def test_areas_are_named_by_roads_and_districts(city: DuckDBStore) -> None:
    found = _asked(city, boundary="boundary", roads="roads", output="areas")
    assert _of(found, "name")[0] == "Ash Avenue"
    assert set(_of(found, "district")) <= {"West", "East"}


def test_cells_count_by_category(city: DuckDBStore) -> None:
    found = _asked(city, "cells")
    names = list(found["features"][0]["properties"])
    assert names[:3] == ["h3", "population", "n_calls"]
    assert set(_of(found, "population")) == {None}
    assert sum(_of(found, "n_calls")) == 400
    assert sum(sum(_of(found, name)) for name in names[3:]) == 400
    assert len(names) == 6


@pytest.mark.parametrize(
    "inputs",
    [
        {"resolution": 5}, {"resolution": "8"}, {"k": 1}, {"k": "10"}, {"k": "auto"}, {"alpha": 0.01},
        {"side": "cold"}, {"side": "both"}, {"kernel": "triangular"}, {"kernel": "quartic"},
        {"kernel": "gaussian"}, {"p_method": "exact"}, {"p_method": "monte-carlo"}, {"p_method": "normal"},
        {"simulations": 99, "p_method": "monte-carlo"}, {"seed": 5}, {"datetime": "2024-02-01/.."},
        {"datetime": "../2024-02-01T00:00:00Z"}, {"category": "FIRE||"}, {"category": ["FIRE||STRUCTURE"]},
        {"bbox": [-111.95, 33.4, -111.9, 33.44]}, {"bbox": "-111.95,33.4,-111.9,33.44"},
        {"boundary": "boundary"}, {"roads": "roads"}, {"significant": True}, {"output": "areas"},
    ],
    ids=str,
)  # fmt: skip
def test_every_parameter_is_accepted(city: DuckDBStore, inputs: dict[str, Any]) -> None:
    found = _asked(city, **inputs)
    assert found["type"] == "FeatureCollection"
    name, value = next(iter(inputs.items()))
    told = found["emberline"]["parameters"][name]
    assert told in (value, [value], pytest.approx(value)) or str(told) == str(value) or name == "bbox"


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"resolution": 4}, "greater than or equal to 5"), ({"resolution": 13}, "less than or equal to 12"),
        ({"resolution": 9.5}, "integer"), ({"k": 0}, "1 to 10 or auto"), ({"k": 11}, "1 to 10 or auto"),
        ({"k": "x"}, "1 to 10 or auto"), ({"k": True}, "1 to 10 or auto"), ({"alpha": 0}, "greater than 0"),
        ({"alpha": float("nan")}, "0.5"), ({"side": "up"}, "'hot', 'cold' or 'both'"),
        ({"kernel": "flat"}, "'uniform'"), ({"p_method": "z"}, "'exact'"), ({"simulations": 3}, "99"),
        ({"seed": -1}, "0"), ({"seed": 2**80}, "less than"), ({"datetime": "yesterday"}, "RFC 3339"),
        ({"datetime": "2024-02-01/2024-01-01"}, "ends before it starts"), ({"datetime": ""}, "RFC 3339"),
        ({"category": ""}, "1 character"), ({"bbox": "1,2,3"}, "west,south,east,north"),
        ({"bbox": [0, 5, 1, 4]}, "south <= north"), ({"bbox": "a,b,c,d"}, "degrees"),
        ({"bbox": [float("nan")] * 4}, "degrees"), ({"boundary": ""}, "1 character"),
        ({"significant": "maybe"}, "boolean"), ({"output": "lines"}, "'cells' or 'areas'"),
        ({"colour": "red"}, "no such input"), ({"layer": ""}, "1 character"), ({"layer": None}, "string"),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_value_says_what_was_needed(city: DuckDBStore, inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputs) as raised:
        _asked(city, **inputs)
    message = str(raised.value)
    assert words in message
    assert next(iter(inputs)) in message
    assert message.count("got ") <= 1


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ({"layer": "nope"}, LayerNotFound), ({"layer": "roads"}, LayerNotFound),
        ({"boundary": "roads"}, LayerNotFound), ({"roads": "boundary"}, LayerNotFound),
        ({"p_method": "binomial"}, InvalidParameter), ({"population": "boundary"}, LayerNotFound),
        ({"p_method": "exact", "kernel": "gaussian"}, InvalidParameter),
        ({"bbox": [1, 2, 3, 4]}, SpatialError), ({"max_cells": 100}, SpatialError),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_answered_is_refused(
    city: DuckDBStore, inputs: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        _asked(city, **inputs, **({"output": "areas"} if "roads" in inputs else {}))


def test_too_many_cells_name_the_resolution_that_fits(city: DuckDBStore) -> None:
    with pytest.raises(SpatialError, match="resolution 8 fits"):
        _asked(city, max_cells=1000, resolution=10)


def test_dates_are_days_of_the_layers_timezone() -> None:
    # 06:59:59 and 07:00:00 UTC are either side of midnight in Phoenix.
    rows = [incident(time="2024-03-01T06:59:59"), incident(time="2024-03-01T07:00:00")]
    rows += [incident(time="2024-03-02T06:59:59.999999"), incident(time="2024-03-02T07:00:00")]
    store = DuckDBStore()
    spec = IngestSpec("calls", timezone=ZONE)
    store.ingest(spec, MadeSource(rows), title="", drop_duplicates=False, replace=False)
    for text in ("2024-03-01", "2024-03-01/2024-03-01", "2024-03-01T07:00:00Z/2024-03-02T06:59:59.999999Z"):
        assert sum(_of(_asked(store, datetime=text), "count")) == 2
    assert sum(_of(_asked(store, datetime="0001-01-01/9999-12-31"), "count")) == 4
    assert sum(_of(_asked(store, datetime="9999-12-31"), "count")) == 0


def test_a_category_ending_in_bars_takes_what_stands_below(city: DuckDBStore) -> None:
    assert sum(_of(_asked(city, category="MEDICAL||"), "count")) == 267
    assert sum(_of(_asked(city, category="MEDICAL||ILLNESS"), "count")) == 0
    assert sum(_of(_asked(city, category=["MEDICAL||INJURY", "FIRE||"]), "count")) == 266


@pytest.mark.parametrize("category", ["'; DROP TABLE layers; --", "a\x00b", "%", "\\", "🔥||"])
def test_a_category_is_only_a_text(city: DuckDBStore, category: str) -> None:
    assert sum(_of(_asked(city, category=category), "count")) == 0
    assert city.layer("calls").n_rows == 400


def test_nothing_selected_is_all_zeros_and_says_why(city: DuckDBStore) -> None:
    found = _asked(city, category="NOPE")
    assert set(_of(found, "count")) == {0}
    assert set(_of(found, "class")) == {"none"}
    assert set(_of(found, "z")) == set(_of(found, "p")) == set(_of(found, "q")) == {None}
    assert "no incident is selected by category NOPE" in found["emberline"]["diagnostics"]["notes"][0]
    assert "FIRE||STRUCTURE" in found["emberline"]["diagnostics"]["notes"][0]
    assert _asked(city, category="NOPE", output="areas")["features"] == []


@pytest.mark.parametrize("n", [1, 3, 50])
def test_few_incidents_or_one_place_give_a_sound_answer(n: int) -> None:
    found = _asked(_made_store([incident() for _ in range(n)]))
    assert sum(_of(found, "count")) == n
    assert all(0 <= p <= 1 for p in _of(found, "p"))
    assert len(found["features"]) == 343


def test_weights_are_summed_and_said() -> None:
    rows = [incident(-111.93 + i / 300, 33.42, weight=1.5) for i in range(20)]
    found = _asked(_made_store(rows))
    assert sum(_of(found, "count")) == 30
    assert set(_of(found, "p_method")) == {"monte-carlo"}
    assert found["emberline"]["diagnostics"]["measure"] == "weight"


def test_data_across_the_antimeridian_are_one_place() -> None:
    rows = [incident(lng, -16.7 + i / 1000) for i in range(20) for lng in (179.995, -179.995)]
    store = _made_store(rows)
    found = _asked(store, bbox=[179.9, -17, -179.9, -16])
    assert sum(_of(found, "count")) == 40
    assert sum(_of(_asked(store, bbox=[179.9, -17, 180, -16]), "count")) == 20
    areas = _asked(store, output="areas")["features"]
    assert len(areas) == 1
    longitudes = np.array(_positions(areas[0]["geometry"]))[:, 0]
    assert (np.abs(longitudes) <= 180).all()
    assert (np.abs(longitudes) > 179).all()


def _positions(geometry: Any) -> list[list[float]]:
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return [position for polygon in polygons for ring in polygon for position in ring]


def test_a_pentagon_is_a_cell_like_others() -> None:
    lat, lng = h3.cell_to_latlng(h3.get_pentagons(9)[0])
    found = _asked(_made_store([incident(lng, lat) for _ in range(30)]), k=1)
    pentagon = next(f for f in found["features"] if f["id"] == h3.get_pentagons(9)[0])
    assert pentagon["properties"]["neighbors"] == 6
    assert pentagon["properties"]["edge"] is False
    assert len(_positions(pentagon["geometry"])) >= 6
    assert len(found["features"]) == len({f["id"] for f in found["features"]})


def test_significant_leaves_only_what_is_called(city: DuckDBStore) -> None:
    every, called = _asked(city), _asked(city, significant=True)
    hot = [f for f in every["features"] if f["properties"]["class"] == "hot"]
    assert 0 < len(hot) < len(every["features"])
    assert called["features"] == hot


def _bytes_of(store: DuckDBStore, **inputs: Any) -> bytes:
    return StoreUseCases(store, max_cells=10**6).execute("hotspots", {"layer": "calls", **inputs})


def _clocked(rows: list[dict[str, Any]], folder: Path, *uploads: slice) -> DuckDBStore:
    from datetime import UTC, datetime

    store = DuckDBStore(clock=lambda: datetime(2024, 6, 1, tzinfo=UTC))
    for part in uploads or (slice(None),):
        path = write_rows(folder / "part.csv", rows[part])
        ingest_file(store, path, IngestOrder("calls", timezone=ZONE))
    return store


@pytest.mark.parametrize("output", ["cells", "areas"])
def test_order_of_rows_and_repeated_uploads_change_no_byte(tmp_path: Path, output: str) -> None:
    rows = calls()
    usual = _bytes_of(_clocked(rows, tmp_path), output=output)
    turned = _bytes_of(_clocked(rows[::-1], tmp_path), output=output)
    repeated = _bytes_of(_clocked(rows, tmp_path, slice(None), slice(0, 100)), output=output)
    assert usual == turned == repeated


def test_threads_of_the_engine_change_no_byte(tmp_path: Path) -> None:
    store = _clocked(calls(), tmp_path)
    answers = set()
    for threads in (1, 2, 7):
        store.query(f"SELECT 1 FROM (SELECT {threads})")
        store._connection.execute(f"SET threads = {threads}")
        answers.add(_bytes_of(store, p_method="monte-carlo", seed=3))
    assert len(answers) == 1


def test_other_rows_make_another_run(tmp_path: Path) -> None:
    rows = calls()
    one, other = (_asked(_clocked(some, tmp_path)) for some in (rows, rows[:-1]))
    assert one["emberline"]["run"] != other["emberline"]["run"]
    assert not math.isclose(len(one["features"]), 0)


def test_the_seed_is_part_of_the_question(city: DuckDBStore) -> None:
    first, second = (_asked(city, k=1, p_method="monte-carlo", seed=seed) for seed in (1, 2))
    assert first["emberline"]["run"] != second["emberline"]["run"]
    assert _of(first, "p_hot") != _of(second, "p_hot")
    assert _of(first, "z") == _of(second, "z")
