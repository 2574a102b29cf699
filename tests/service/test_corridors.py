"""`corridors` from crashes and roads to published collections: what is found, told, and refused."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Transformer
from shapely.geometry import shape

from data.duckdb_store import DuckDBStore
from data.errors import LayerNotFound
from models.errors import InvalidParameter, TooFewObservations
from service.analyses.findings import Finding, Findings
from service.analyses.run import findings
from service.errors import InvalidInputs
from service.ingesting import IngestOrder, ingest_file
from service.methods import inputs_of
from tests.service.made import ZONE, Row, client_of, emberline, write_boundary, write_rows
from tests.service.made_streets import (
    BLOCK_M,
    PLANE,
    PLANTED,
    PLANTED_FROM_M,
    PLANTED_TO_M,
    crashes,
    streets,
    write_crashes,
    write_streets,
)

#: Contract, section 5, in its order.
CONTRACT = (
    *("rank", "name", "from_street", "to_street", "length_m", "incidents", "k", "a", "b", "c", "o", "u"),
    *("ksi", "epdo", "epdo_table", "expected", "excess", "relative_risk", "rr_low", "rr_high", "llr", "p"),
    *("ksi_share", "length_share", "locations", "stability", "exposure", "null_model"),
)
QUICK = {"layer": "crashes", "roads": "roads", "simulations": 199}


def town(
    folder: Path,
    rows: Sequence[Row] | None = None,
    roads: Sequence[dict[str, Any]] | None = None,
    *,
    path: Path | None = None,
) -> DuckDBStore:
    """Return a store with the layers `crashes` and `roads`."""
    store = DuckDBStore(path)
    file = write_crashes(folder / "crashes.csv", rows)
    ingest_file(store, file, IngestOrder("crashes", timezone=ZONE))
    ingest_file(store, write_streets(folder / "roads.geojson", roads), IngestOrder("roads", kind="roads"))
    return store


def run(store: DuckDBStore, *, only: str | None = None, **inputs: Any) -> Findings:
    given = inputs_of("corridors", {**QUICK, **inputs})
    return findings("corridors", store, given, max_cells=1_000_000, only=only)


def told(found: Findings) -> dict[str, Any]:
    diagnostics: dict[str, Any] = found.emberline["diagnostics"]
    return diagnostics


def rows_of(finding: Finding) -> list[dict[str, Any]]:
    return [
        {name: values[row] for name, values in finding.columns.items()} for row in range(len(finding.fids))
    ]


def corridors(found: Findings) -> list[dict[str, Any]]:
    return rows_of(found.collections["corridors"])


def text(found: Findings) -> str:
    """Return all that was found, but for the run's own names."""
    return "\n".join(
        f"{name} {finding.fids} {[str(one) for one in finding.geometries]} {rows_of(finding)}"
        for name, finding in found.collections.items()
        if finding.geometries is not None
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> DuckDBStore:
    return town(tmp_path_factory.mktemp("town"))


@pytest.fixture(scope="module")
def found(store: DuckDBStore) -> Findings:
    return run(store)


def test_the_planted_corridor_is_found_and_nothing_else(found: Findings) -> None:
    (one,) = corridors(found)
    assert one["name"] == PLANTED and one["p"] <= 0.005
    line = found.collections["corridors"].geometries[0]  # type: ignore[index]
    x, _ = PLANE.metres(*np.array(line.coords).T)
    shared = min(x.max(), PLANTED_TO_M) - max(x.min(), PLANTED_FROM_M)
    assert shared / (max(x.max(), PLANTED_TO_M) - min(x.min(), PLANTED_FROM_M)) >= 0.8
    assert 2 < one["relative_risk"] < 4 and one["rr_low"] < 3 < one["rr_high"]
    assert one["stability"] >= 0.9


def test_a_corridor_has_the_properties_of_the_contract(found: Findings) -> None:
    columns = found.collections["corridors"].columns
    assert [name for name in columns if name in CONTRACT] == list(CONTRACT)
    (one,) = corridors(found)
    assert sum(one[code] for code in "kabcou") == one["incidents"]
    assert one["ksi"] == one["k"] + one["a"] and one["epdo_table"] == "fhwa-2024+ka"
    assert one["excess"] == pytest.approx(one["expected_eb"] - one["expected"], abs=1e-5)
    assert one["expected"] < one["expected_eb"] < one["incidents"]
    assert one["length_share"] == pytest.approx(one["length_m"] / 168_000, rel=1e-3)
    assert (one["exposure"], one["null_model"]) == ("class", "nb")
    assert {one["from_street"], one["to_street"]} <= {
        "7th Avenue",
        "8th Avenue",
        "13th Avenue",
        "14th Avenue",
    }


def test_a_corridor_is_said_in_a_sentence(found: Findings) -> None:
    (one,) = corridors(found)
    length = f"{one['length_m'] / 1000:.1f} km of {PLANTED}: {one['incidents']} crashes where"
    assert one["words"].startswith(length) and one["words"].endswith("; p = .005")


def test_segments_hold_every_snapped_crash_once(found: Findings) -> None:
    segments = rows_of(found.collections["segments"])
    assert len(segments) == told(found)["lixels"] == 2100
    assert sum(one["incidents"] for one in segments) == told(found)["snapped"] == 1506
    assert sum(one["predicted"] for one in segments) == pytest.approx(1506, abs=0.01)
    density = sum(one["density_km"] * one["length_m"] / 1000 for one in segments)
    assert density == pytest.approx(1506, rel=1e-3)
    on_corridor = sum(one["incidents"] for one in segments if one["corridor"] == 1)
    assert on_corridor == corridors(found)[0]["incidents"]


def test_segments_carry_the_measures_of_the_manual(found: Findings) -> None:
    segments = rows_of(found.collections["segments"])
    assert {one["loss"] for one in segments} <= {"I", "II", "III", "IV"}
    assert min(one["excess_rank"] for one in segments) == 1
    best = max(segments, key=lambda one: one["window_incidents"])
    assert best["name"] == PLANTED and best["window_incidents"] >= 15
    assert all(one["rate_mvmt"] != one["rate_mvmt"] for one in segments)  # no traffic is known


def test_diagnostics_tell_what_was_done(found: Findings) -> None:
    said = told(found)
    wanted = {"snapped", "unmatched", "ambiguous", "lixels", "simulations", "seed", "network", "k_block"}
    assert wanted | {"folded_rows", "exposure", "k_lixel", "coverage_curve", "holdout"} <= set(said)
    assert said["snapped"] + said["unmatched"] == said["crashes"] == 1506
    assert any("less than 640 m" in note for note in said["notes"])
    assert any("no traffic volumes" in note for note in said["notes"])
    curve = said["coverage_curve"]
    assert curve["measure"] == "ksi" and curve["share"][-1] == 1.0
    assert curve["chance_low"][0] <= curve["chance"][0] <= curve["chance_high"][0]


def test_the_same_question_gives_the_same_bytes(store: DuckDBStore, found: Findings) -> None:
    again = run(store)
    assert text(again) == text(found) and again.run == found.run


def test_no_order_of_crashes_or_roads_and_no_direction_changes_anything(
    found: Findings, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    rows, roads = crashes(), streets()
    for road in roads[::2]:
        road["geometry"]["coordinates"].reverse()
    other = run(
        town(
            tmp_path,
            [rows[i] for i in rng.permutation(len(rows))],
            [roads[i] for i in rng.permutation(len(roads))],
        )
    )
    assert text(other) == text(found)


def test_only_what_is_asked_for_is_made(store: DuckDBStore) -> None:
    assert list(run(store, only="segments", simulations=99).collections) == ["segments"]


def test_a_town_without_a_corridor_says_so(tmp_path: Path) -> None:
    found = run(town(tmp_path, crashes(risk=1.0, seed=4)))
    assert corridors(found) == []
    assert any(
        "no corridor: the stretch that stands out most has p =" in note for note in told(found)["notes"]
    )


def test_one_bad_junction_is_a_single_place_and_no_corridor(tmp_path: Path) -> None:
    lng, lat = PLANE.degrees([8 * BLOCK_M], [12 * BLOCK_M])
    rng = np.random.default_rng(0)
    pile = [
        {
            **one,
            "crash_id": f"pile{row}",
            "longitude": f"{lng[0] + rng.normal(0, 2e-5):.7f}",
            "latitude": f"{lat[0] + rng.normal(0, 2e-5):.7f}",
            "street": "12th Street",
        }
        for row, one in enumerate(crashes(risk=1.0)[:45])
    ]
    found = run(town(tmp_path, crashes(risk=1.0, seed=4) + pile))
    assert corridors(found) == []
    (place,) = rows_of(found.collections["intersections"])
    assert place["incidents"] >= 45 and place["p"] <= 0.05
    assert set(place["name"].split(" / ")) == {"8th Avenue", "12th Street"}
    point = found.collections["intersections"].geometries[0]  # type: ignore[index]
    assert PLANE.metres([point.x], [point.y])[0][0] == pytest.approx(8 * BLOCK_M, abs=5)
    assert found.collections["intersections"].fids[0].startswith("node-")


def test_crashes_on_no_road_and_near_several_come_back(tmp_path: Path) -> None:
    rows = crashes()
    lng, lat = PLANE.degrees([100.0, 400.0], [100.0, 400.0])
    rows[0] |= {"crash_id": "lost", "longitude": f"{lng[0]:.7f}", "latitude": f"{lat[0]:.7f}", "street": ""}
    rows[1] |= {"crash_id": "torn", "longitude": f"{lng[1]:.7f}", "latitude": f"{lat[1]:.7f}", "street": ""}
    found = run(town(tmp_path, rows), simulations=99)
    unmatched, ambiguous = found.collections["unmatched"], found.collections["ambiguous"]
    assert unmatched.fids == ["lost"] and rows_of(unmatched)[0]["distance_m"] == pytest.approx(100, abs=1)
    assert "torn" in ambiguous.fids
    torn = rows_of(ambiguous)[ambiguous.fids.index("torn")]
    assert torn["street"] in ("2nd Street", "2nd Avenue") and torn["second_m"] == pytest.approx(0, abs=0.2)
    assert unmatched.start is not None and not np.isnat(unmatched.start).any()
    assert told(found)["unmatched"] == 1 and told(found)["ambiguous"] == len(ambiguous.fids)


def test_excess_keeps_to_the_share_of_the_length(store: DuckDBStore) -> None:
    found = run(store, select="excess", length_share=0.05)
    chosen = corridors(found)
    assert sum(one["length_m"] for one in chosen) <= 0.05 * 168_000 + 1
    assert all(one["length_m"] >= 399 for one in chosen)
    gain = [one["expected_next"] - 1506 * one["length_m"] / 168_000 for one in chosen]
    assert np.diff(gain).max() < 0.01 and gain[-1] > 0
    assert chosen[0]["name"] == PLANTED and chosen[0]["p"] <= 0.05
    assert any("decides nothing here" in note for note in told(found)["notes"])
    ranked = sum(one["length_m"] for one in rows_of(found.collections["segments"]) if one["corridor"])
    assert ranked == pytest.approx(sum(one["length_m"] for one in chosen), rel=2e-3)
    few = corridors(run(store, select="excess", length_share=0.05, significant=True, only="corridors"))
    assert 0 < len(few) < len(chosen) and all(one["p"] <= 0.05 for one in few)


def test_excess_over_its_kind_looks_for_what_kind_does_not_explain(store: DuckDBStore) -> None:
    found = run(store, select="excess", excess_over="kind", length_share=0.01, only="corridors")
    chosen = corridors(found)
    assert chosen[0]["name"] == PLANTED
    best = [one["excess"] for one in chosen]
    assert np.diff(best).max(initial=0) < 1e-5 and best[-1] > 0


def test_stretches_that_no_scan_looks_at_have_no_score(store: DuckDBStore) -> None:
    given = {"select": "excess", "excess_over": "kind", "length_share": 0.2, "min_length_m": 100}
    few = [one for one in corridors(run(store, only="corridors", **given)) if one["incidents"] < 3]
    assert len(few) > 10 and {(one["llr"], one["p"]) for one in few} == {(0.0, 1.0)}


def test_a_p_far_below_what_is_simulated_is_still_above_zero(tmp_path: Path) -> None:
    (one,) = corridors(run(town(tmp_path, crashes(risk=20.0)), simulations=999, only="corridors"))
    assert one["name"] == PLANTED and one["p_source"] == "gumbel" and 0 < one["p"] < 5e-10


def test_a_ring_road_has_crashes_far_from_its_only_node(tmp_path: Path) -> None:
    angle = np.linspace(0, 2 * np.pi, 361)
    lng, lat = PLANE.degrees(8000 * np.cos(angle), 8000 * np.sin(angle))
    (road,) = [one for one in streets() if one["properties"]["name"] == PLANTED]
    road["geometry"]["coordinates"] = np.column_stack([lng, lat]).tolist()
    rows = [
        {**one, "longitude": f"{lng[row]:.7f}", "latitude": f"{lat[row]:.7f}", "street": "Ring"}
        for row, one in enumerate(crashes()[:360])
    ]
    assert told(run(town(tmp_path, rows, [road]), only="corridors"))["snapped"] == 360


def test_the_shares_of_many_short_corridors_sum_to_no_more_than_was_asked(store: DuckDBStore) -> None:
    given: dict[str, Any] = {"select": "excess", "min_length_m": 50, "max_length_m": 60}
    found = corridors(run(store, length_share=0.1, only="corridors", **given))
    assert len(found) > 100
    assert 0.099 < sum(one["length_share"] for one in found) <= 0.1 + 1e-9


def test_weights_choose_by_severity_and_p_stays_on_counts(store: DuckDBStore) -> None:
    given: dict[str, Any] = {"select": "excess", "length_share": 0.03, "only": "corridors"}
    by_points = run(store, measure="points-3-3-1", **given)
    by_hand = run(store, measure="K=3,A=3,B=1,C=0,O=0", **given)
    assert [one["words"] for one in corridors(by_points)] == [one["words"] for one in corridors(by_hand)]
    groups = told(by_points)["weights"]["groups"]
    assert "".join(group["severities"] for group in groups) == "KAB"
    assert told(by_points)["incidents"] == 1506


def test_a_measure_counts_its_severities(store: DuckDBStore) -> None:
    found = run(store, measure="injury", only="corridors")
    assert told(found)["incidents"] == 1506 - sum(one["crash_severity"] == "PDO" for one in crashes())
    assert all("injury crashes" in one["words"] for one in corridors(found))
    assert all(one["incidents"] == sum(one[code] for code in "kabc") for one in corridors(found))


def test_a_mode_has_its_own_expectation(store: DuckDBStore) -> None:
    found = run(store, travel_mode="pedestrian", only="segments")
    n = sum(one["mode"] == "Pedestrian" for one in crashes())
    assert told(found)["incidents"] == n and told(found)["other_modes"] == 1506 - n
    predicted = sum(one["predicted"] for one in rows_of(found.collections["segments"]))
    assert predicted == pytest.approx(n, abs=0.01)


def test_a_later_period_checks_what_was_found(store: DuckDBStore) -> None:
    found = run(store, train="2020-01-01/2022-12-31", test="2023-01-01/2023-12-31", only="corridors")
    held = told(found)["holdout"]
    assert told(found)["incidents"] + held["test_crashes"]["all"] == 1506
    assert sum(one["incidents"] for one in corridors(found)) < told(found)["incidents"]
    rankings = {(one["ranking"], one["length_share"]): one["all"] for one in held["rankings"]}
    mine, share = held["corridors"]["all"], held["corridors"]["length_share"]
    assert mine > rankings["class rate", share] > rankings["random", share] == share
    assert rankings["empirical Bayes along streets", 0.1] > rankings["random", 0.1]
    assert any("of the test period" in note for note in told(found)["notes"])


def test_a_box_of_the_whole_globe_cuts_nothing_and_one_far_away_leaves_no_road(store: DuckDBStore) -> None:
    whole = run(store, only="segments").collections["segments"]
    globe = run(store, bbox="-180,-90,180,90", only="segments").collections["segments"]
    assert globe.fids == whole.fids
    across = run(store, bbox="170,-80,-60,80", only="segments").collections["segments"]
    assert across.fids == whole.fids
    with pytest.raises(TooFewObservations, match="has none within the bbox"):
        run(store, bbox="0,0,1,1")


def test_a_box_and_a_boundary_cut_the_network(store: DuckDBStore, tmp_path: Path) -> None:
    west, east = PLANE.degrees([-10, 2100], [0, 0])[0].tolist()
    boxed = run(store, bbox=f"{west},33,{east},34", only="segments")
    assert 80_000 < told(boxed)["network_miles"] * 1609.344 < 90_000
    assert told(boxed)["unmatched"] == 0 and told(boxed)["crashes"] < 1506
    file = write_boundary(tmp_path / "boundary.geojson")
    ingest_file(store, file, IngestOrder("boundary", kind="boundary"))
    within = run(store, boundary="boundary", only="corridors")
    assert told(within)["outside_boundary"] == 0 and told(within)["lixels"] == 2100


def test_roads_without_names_have_corridors_without(tmp_path: Path) -> None:
    found = run(town(tmp_path, roads=streets(named=False)), only="corridors")
    (one,) = corridors(found)
    assert one["name"] is None and " of an unnamed street (primary): " in one["words"]


def test_roads_of_one_class_go_by_length(tmp_path: Path) -> None:
    found = run(town(tmp_path, roads=streets(classed=False)), only="corridors")
    assert told(found)["exposure"] == "length"
    assert any("follows length alone" in note for note in told(found)["notes"])


def test_five_crashes_have_an_answer_and_no_corridor(tmp_path: Path) -> None:
    found = run(town(tmp_path, crashes()[:5]))
    assert corridors(found) == [] and told(found)["incidents"] == 5
    said = "no corridor can be significant: 5 crashes are too few"
    assert any(note.startswith(said) for note in told(found)["notes"])
    assert len(rows_of(found.collections["segments"])) == 2100


def test_nothing_selected_is_an_empty_answer(store: DuckDBStore) -> None:
    found = run(store, datetime="2031-01-01")
    assert corridors(found) == [] and told(found)["snapped"] == 0
    assert any("no crash is selected" in note for note in told(found)["notes"])


def test_a_share_too_small_for_any_stretch_says_so(store: DuckDBStore) -> None:
    found = run(store, select="excess", length_share=0.001, only="corridors")
    assert corridors(found) == []
    said = "no stretch of 400 m or more that gains anything fits in 168 m"
    assert any(said in note for note in told(found)["notes"])


def test_crashes_all_at_one_place_are_no_corridor(tmp_path: Path) -> None:
    lng, lat = PLANE.degrees([1000.0], [1600.0])
    place = {"longitude": f"{lng[0]:.7f}", "latitude": f"{lat[0]:.7f}"}
    found = run(town(tmp_path, [{**one, **place} for one in crashes()[:100]]))
    assert corridors(found) == [] and len(rows_of(found.collections["intersections"])) == 1
    assert any("lies at single places" in note for note in told(found)["notes"])


def test_a_road_shorter_than_any_corridor_has_an_answer(tmp_path: Path) -> None:
    (road,) = [one for one in streets() if one["properties"]["name"] == PLANTED]
    lng, lat = PLANE.degrees([0.0, 300.0], [1600.0, 1600.0])
    road["geometry"]["coordinates"] = [[lng[0], lat[0]], [lng[1], lat[1]]]
    rows = [
        {**one, "longitude": f"{lng[0] + 1e-5 * (row % 200):.7f}", "latitude": f"{lat[0]:.7f}"}
        for row, one in enumerate(crashes()[:150])
    ]
    found = run(town(tmp_path, rows, [road]))
    assert corridors(found) == []
    assert any("no route has a stretch of 400 to 5000 m" in note for note in told(found)["notes"])


def test_roads_far_away_are_an_error_that_tells_how_far(tmp_path: Path) -> None:
    rows = [{**one, "longitude": f"{float(one['longitude']) + 53:.7f}"} for one in crashes()]
    with pytest.raises(TooFewObservations, match=r"within 25 m of a road of 'roads'.* away"):
        run(town(tmp_path, rows))


def test_roads_of_another_part_of_town_leave_a_note(tmp_path: Path) -> None:
    rows = [
        {**one, "longitude": f"{float(one['longitude']) - 0.2 * (row % 3 > 0):.7f}"}
        for row, one in enumerate(crashes())
    ]
    found = run(town(tmp_path, rows), only="corridors")
    assert any("only 502 of 1,506 crashes lie within 25 m" in note for note in told(found)["notes"])


def test_no_roads_and_layers_of_other_kinds_are_refused(store: DuckDBStore) -> None:
    with pytest.raises(InvalidInputs, match="roads: is needed: id of a roads layer"):
        inputs_of("corridors", {"layer": "crashes"})
    with pytest.raises(LayerNotFound, match="roads needs a layer of kind roads"):
        run(store, roads="crashes")
    with pytest.raises(LayerNotFound, match="layer needs a layer of kind incidents"):
        run(store, layer="roads")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"measure": "fhwa-2024"}, "never tested"),
        ({"measure": "deaths"}, "measure needs all, injury, ksi"),
        ({"select": "excess", "measure": "K=1"}, "a weight table needs K, A, B, C and O"),
        ({"train": "2020-01-01"}, "train and test are needed together"),
        ({"min_length_m": 900, "max_length_m": 800}, "min_length_m"),
        ({"length_share": 0}, "length_share"),
        ({"epdo_table": "mine"}, "weight table must be one of"),
        ({"severity_scale": "1-9"}, "severity_scale needs one of"),
        ({"travel_mode": "tram"}, "travel_mode"),
        ({"resolution": 9}, "there is no such input"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises((InvalidInputs, InvalidParameter), match=words):
        inputs_of("corridors", {"layer": "crashes", "roads": "roads", **given})


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("2020-01-01/2022-12-31", "2022-01-01/2023-12-31"),
        ("2022-01-01/2023-12-31", "2020-01-01/2021-12-31"),
        ("2020-01-01/..", "2023-01-01/.."),
        ("2020-01-01/2021-12-31", "../2023-12-31"),
    ],
)
def test_a_test_period_that_is_not_later_is_refused(store: DuckDBStore, train: str, test: str) -> None:
    with pytest.raises(InvalidParameter, match="test needs to begin when train has ended"):
        run(store, train=train, test=test)


def test_without_any_crash_selected_nothing_is_said_of_severity(store: DuckDBStore) -> None:
    found = run(store, datetime="1999-01-01/1999-12-31", measure="ksi", only="corridors")
    assert told(found)["crashes"] == 0
    assert not [note for note in told(found)["notes"] if "severity" in note]


def test_long_work_reports_progress(store: DuckDBStore) -> None:
    heard: list[str] = []
    given = inputs_of("corridors", QUICK)
    findings("corridors", store, given, max_cells=1, progress=heard.append, only="corridors")
    assert "building the network of 42 roads" in heard
    assert "scanning simulated networks, 199 of 199" in heard


def test_published_corridors_and_their_collections_are_served(tmp_path: Path) -> None:
    town(tmp_path, path=tmp_path / "store.duckdb").close()
    with client_of(tmp_path / "store.duckdb") as client:
        analysis = {"id": "safe", "method": "corridors", "inputs": QUICK}
        answer = client.post("/analyses", json=analysis)
        assert answer.status_code == 201, answer.text
        ids = [one["id"] for one in client.get("/collections").json()["collections"]]
        suffixes = ("", ".segments", ".intersections", ".unmatched", ".ambiguous")
        assert {f"safe{suffix}" for suffix in suffixes} <= set(ids)
        items = client.get("/collections/safe/items").json()
        (one,) = items["features"]
        assert one["geometry"]["type"] == "LineString" and one["properties"]["name"] == PLANTED
        assert items["emberline"]["diagnostics"]["snapped"] == 1506
        busy = client.get("/collections/safe.segments/items?corridor=1&limit=100").json()
        assert busy["numberMatched"] == round(one["properties"]["length_m"] / 80)
        again = client.post("/processes/corridors/execution", json={"inputs": QUICK}).json()
        assert again["features"] == items["features"]
        one_shot = {"inputs": {**QUICK, "output": "segments"}}
        assert len(client.post("/processes/corridors/execution", json=one_shot).json()["features"]) == 2100
        problem = client.post("/processes/corridors/execution", json={"inputs": {"layer": "crashes"}})
        assert problem.status_code == 422 and "roads" in problem.json()["detail"]


def test_the_command_line_takes_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, roads = write_crashes(tmp_path / "crashes.csv"), write_streets(tmp_path / "roads.geojson")
    out = tmp_path / "corridors.geojson"
    params = ("--param", f"roads={roads}", "--param", "simulations=199")
    assert emberline("run", "corridors", file, "--timezone", ZONE, *params, "-o", out) == 0
    (one,) = json.loads(out.read_text(encoding="utf-8"))["features"]
    assert one["properties"]["name"] == PLANTED
    first = out.read_bytes()
    assert emberline("run", "corridors", file, "--timezone", ZONE, *params, "-o", out) == 0
    assert out.read_bytes() == first
    assert "1 features" in capsys.readouterr().out
    assert emberline("run", "corridors", file, "--timezone", ZONE, "-o", out) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "roads: is needed" in said


def test_roads_without_a_reference_system_are_read_in_the_one_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to_feet = Transformer.from_crs("EPSG:4326", "EPSG:2223", always_xy=True).transform
    rows = crashes()
    for row in rows:
        row["x"], row["y"] = to_feet(row.pop("longitude"), row.pop("latitude"))
    file = write_rows(tmp_path / "crashes.csv", rows)
    lines = [
        {"name": one["properties"]["name"], "highway": one["properties"]["highway"], "wkt": line.wkt}
        for one in streets()
        for line in [shapely.transform(shape(one["geometry"]), to_feet, interleaved=False)]
    ]
    roads = write_rows(tmp_path / "roads.csv", [*lines, {**lines[0], "wkt": "POINT (700000 880000)"}])
    out = tmp_path / "corridors.geojson"
    asked = ("run", "corridors", file, "--timezone", ZONE, "--param", f"roads={roads}", "-o", out)
    assert emberline(*asked, "--param", "simulations=99", "--crs", "EPSG:2223") == 0
    said = capsys.readouterr().out
    assert "roads: roads.csv names no reference system; --crs EPSG:2223 was taken" in said
    assert "roads: rejected: wrong_geometry 1" in said
    (one,) = json.loads(out.read_text(encoding="utf-8"))["features"]
    assert one["properties"]["name"] == PLANTED


def test_short_pieces_are_cut_so_that_two_make_the_shortest_corridor(tmp_path: Path) -> None:
    found = run(town(tmp_path), select="excess", min_length_m=100, length_share=0.05, only="corridors")
    lengths = [one["length_m"] for one in corridors(found)]
    assert told(found)["lixel_m"] < 70
    assert min(lengths) >= 100 and min(lengths) < 160


def test_months_without_any_crash_are_no_exposure(tmp_path: Path) -> None:
    rows = crashes()
    rows[0] |= {"crash_date": "1911-09-14 10:00:00"}
    whole, stray = (
        told(run(town(folder, given), only="corridors"))["years"]
        for folder, given in ((_new(tmp_path / "a"), None), (_new(tmp_path / "b"), rows))
    )
    assert abs(stray - whole) < 0.2


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder
