"""`gaps` on made layers: what is counted, how finely it is tested, and what the reader is told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely

from data.duckdb_store import DuckDBStore
from data.errors import LayerNotFound
from models.errors import DegenerateInput, InvalidParameter
from service.methods import inputs_of
from spatial.errors import TooManyCells
from spatial.grid import boundaries, cells_within, centers, children, disk, hex_strings, parents
from tests.service.gaps_data import add, columns, run, stored, told
from tests.service.made import client_of, emberline

CENTER = 0x8829B6C8D7FFFFF  # in Tempe
CELLS = disk([CENTER], 9)
DESERT = disk([CENTER], 1)
DENSE = disk([int(CELLS[0])], 1)
TOWN = shapely.box(-112.0, 33.35, -111.9, 33.45)


def offers(seed: int = 0, *, rules: str = "bead-2024", cells: np.ndarray = CELLS) -> list[dict[str, Any]]:
    """Return availability by cell: a desert of few homes, and dense cells with an ordinary share."""
    rng = np.random.default_rng(seed)
    n = rng.integers(10, 120, len(cells))
    share = rng.beta(0.3, 2.7, len(cells))
    desert, dense = np.isin(cells, DESERT), np.isin(cells, DENSE)
    n[desert], share[desert] = 9, 0.98
    n[dense], share[dense] = 3000, 0.1
    unserved = rng.binomial(n, share)
    under = rng.binomial(n - unserved, 0.2)
    return [
        {
            "source_id": f"{rules}:{name}",
            "cell": int(cell),
            "source": rules,
            "locations": float(n[i]),
            "unserved": float(unserved[i]),
            "underserved": float(under[i]),
            "served": float(n[i] - unserved[i] - under[i]),
        }
        for i, (cell, name) in enumerate(zip(cells.tolist(), hex_strings(cells), strict=True))
    ]


def blocks(n: int = 14, seed: int = 1, box: tuple[float, ...] = TOWN.bounds) -> list[dict[str, Any]]:
    """Return rectangles of uneven size over the town, with counts."""
    rng = np.random.default_rng(seed)
    x = np.linspace(box[0], box[2], n + 1)
    y = np.linspace(box[1], box[3], n + 1)
    homes = rng.integers(1, 90, (n, n))
    unserved = rng.binomial(homes, rng.beta(0.3, 2.0, (n, n)))
    return [
        {
            "source_id": f"b{i}-{j}",
            "geometry": shapely.box(x[i], y[j], x[i + 1], y[j + 1]),
            "locations": float(homes[i, j]),
            "unserved": float(unserved[i, j]),
            "served": float(homes[i, j] - unserved[i, j]),
            "margin": 5.0,
        }
        for i in range(n)
        for j in range(n)
    ]


def total(rows: list[dict[str, Any]], name: str) -> float:
    return float(sum(row[name] for row in rows))


# How finely places are known


def test_a_desert_of_few_homes_is_found_and_dense_cells_with_more_unserved_are_not() -> None:
    found = columns(run(stored(offers()), resolution=8))
    classes, h3 = np.array(found["class"]), np.array(found["h3"])
    is_desert, is_dense = np.isin(h3, hex_strings(DESERT)), np.isin(h3, hex_strings(DENSE))
    assert found["unserved"][is_dense].min() > found["unserved"][is_desert].max()
    assert (classes[is_desert] == "hot").all()
    assert (classes[is_dense] == "none").all()
    assert set(found["support"]) == {"equal"}
    assert (found["q"][classes == "hot"] <= 0.05).all()


def test_a_run_tells_its_tests_and_its_edge_as_others_do() -> None:
    found = told(run(stored(offers()), resolution=8))
    tests = [found["tests_of_cells"], found["tests_of_areas"]]
    assert found["n_tests"] == sum(one["n_tests"] for one in tests) > 0
    assert found["p_method"] == "beta-binomial"
    assert found["smallest_attainable_p"] == min(one["smallest_attainable_p"] for one in tests) < 1e-3
    assert set(found["share_on_edge"]) == set(found["tests_of_cells"]["rings"])
    assert 0 < found["share_on_edge"][1] < found["share_on_edge"][3] <= 1
    assert all(0 <= one["zeros"] <= one["units_with_locations"] for one in tests)
    shares = told(run(stored([{**row, "unserved": 0} for row in offers()]), resolution=8))
    assert (shares["n_tests"], shares["p_method"], shares["smallest_attainable_p"]) == (0, None, None)


@pytest.mark.parametrize("resolution", [6, 7, 8, 9, 10])
def test_no_location_is_lost_or_made_at_any_resolution(resolution: int) -> None:
    rows = offers()
    found = columns(run(stored(rows), resolution=resolution))
    for name in ("locations", "unserved", "underserved"):
        assert np.nansum(found[name]) == pytest.approx(total(rows, name), rel=1e-9)


@pytest.mark.parametrize(("resolution", "word"), [(7, "finer"), (8, "equal"), (9, "coarser")])
def test_support_compares_cells_of_availability_with_the_cells_asked_for(resolution: int, word: str) -> None:
    found = run(stored(offers()), resolution=resolution)
    assert set(columns(found)["support"]) == {word}
    assert set(columns(found, "areas")["support"]) == {word}


def test_cells_finer_than_the_source_inherit_the_verdict_of_their_area() -> None:
    found = run(stored(offers()), resolution=9)
    fine, areas = columns(found), columns(found, "areas")
    row_of = {name: row for row, name in enumerate(areas["area"])}
    at = np.array([row_of[name] for name in fine["area"]])
    own = hex_strings(parents(np.array([int(h, 16) for h in fine["h3"]], dtype=np.uint64), 8))
    assert [name.removeprefix("bead-2024:") for name in fine["area"]] == own
    for name in ("z", "p", "q", "share_eb", "share_unserved"):
        assert fine[name] == pytest.approx(areas[name][at], nan_ok=True)
    assert fine["class"] == [areas["class"][row] for row in at]
    assert fine["locations"] == pytest.approx(areas["locations"][at] / 7)
    assert told(found)["tests_of_cells"] is None
    assert any("inherit" in note for note in told(found)["notes"])


def test_areas_of_availability_are_tested_as_the_cells_that_they_are() -> None:
    """The verdict at the layer's own resolution and that of its areas at a finer one are the same test."""
    rows = offers()
    own = columns(run(stored(rows), resolution=8))
    areas = columns(run(stored(rows), resolution=9), "areas")
    by_name = dict(zip(own["h3"], own["q"], strict=True))
    expected = [by_name[name.removeprefix("bead-2024:")] for name in areas["area"]]
    assert areas["q"] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(("n", "word"), [(40, "finer"), (14, "equal"), (3, "coarser")])
def test_support_of_polygons_follows_their_size(n: int, word: str) -> None:
    found = columns(run(stored(blocks(n)), resolution=8))
    support = np.array(found["support"])
    assert (support == word).mean() > 0.95


def test_a_layer_of_mixed_sizes_is_tested_where_it_is_fine_and_inherits_where_it_is_coarse() -> None:
    """A town of small blocks beside three wide areas that hold little."""
    x = -111.9
    wide = [
        {
            "source_id": f"wide{i}",
            "geometry": shapely.box(x, 33.35 + i * 0.03, x + 0.2, 33.38 + i * 0.03),
            "locations": 200.0,
            "unserved": 150.0,
        }
        for i in range(3)
    ]
    found = run(stored([*blocks(30), *wide]), resolution=8)
    cells = columns(found)
    support, area = np.array(cells["support"]), np.array(cells["area"], dtype=object)
    assert {"finer", "coarser"} <= set(support)
    assert set(area[support == "coarser"]) == {"wide0", "wide1", "wide2"}
    assert (area[support == "finer"] == None).all()  # noqa: E711
    assert told(found)["tests_of_cells"]["n_tests"] > 50
    assert told(found)["tests_of_areas"]["n_tests"] == 903


def test_where_most_is_known_only_coarsely_no_cell_is_tested() -> None:
    tiny = [
        {
            "source_id": f"tiny{i}",
            "geometry": shapely.box(-111.90 + i * 0.002, 33.35, -111.899 + i * 0.002, 33.351),
            "locations": 5.0,
            "unserved": float(i % 3),
        }
        for i in range(8)
    ]
    found = run(stored([*blocks(3), *tiny]), resolution=8)
    assert told(found)["tests_of_cells"] is None
    assert all(name is not None for name in columns(found)["area"])


# Polygons, lines, points


@pytest.mark.parametrize("n", [3, 14, 40])
def test_polygons_keep_their_totals_to_a_billionth(n: int) -> None:
    rows = blocks(n)
    found = columns(run(stored(rows), resolution=8))
    for name in ("locations", "unserved"):
        assert np.nansum(found[name]) == pytest.approx(total(rows, name), rel=1e-9)


def test_margins_are_carried_as_squares() -> None:
    rows = blocks(3)
    found = run(stored(rows), resolution=8)
    areas, cells = columns(found, "areas"), columns(found)
    assert (areas["margin"] == 5.0).all()
    assert areas["share_margin"] == pytest.approx(5.0 / areas["locations"])
    # A cell well inside an area has its part of the area's margin.
    whole = cells["locations"] > 0
    assert (cells["margin"][whole] <= 5.0).all()
    inner = np.flatnonzero(np.isclose(cells["margin"], np.median(cells["margin"]), rtol=0.2))
    part = cells["margin"][inner] / 5.0
    assert cells["share_margin"][inner] == pytest.approx(5.0 * part / cells["locations"][inner], rel=1e-9)


def test_roads_carry_their_locations_along_their_length() -> None:
    rows = [
        {
            "source_id": f"r{i}",
            "geometry": shapely.LineString([(-112.0, 33.35 + i * 0.004), (-111.9, 33.352 + i * 0.004)]),
            "locations": 50.0,
            "unserved": float(i),
        }
        for i in range(20)
    ]
    found = run(stored(rows), resolution=9)
    assert np.nansum(columns(found)["locations"]) == pytest.approx(1000.0, rel=1e-9)
    assert np.nansum(columns(found)["unserved"]) == pytest.approx(190.0, rel=1e-9)
    assert set(columns(found)["support"]) == {"coarser"}
    assert columns(found, "areas")["area"] == [f"r{i}" for i in range(20)]


def test_points_are_counted_where_they_are() -> None:
    rng = np.random.default_rng(2)
    at = rng.uniform((-112.0, 33.35), (-111.9, 33.45), (900, 2))
    rows = [
        {"source_id": f"p{i}", "geometry": shapely.Point(p), "locations": 1.0, "unserved": float(i % 4 == 0)}
        for i, p in enumerate(at)
    ]
    found = run(stored(rows), resolution=8)
    assert set(columns(found)["support"]) == {"finer"}
    assert columns(found)["locations"].sum() == 900
    assert told(found)["tests_of_cells"]["n_tests"] == len(columns(found)["h3"])
    assert len(found.collections["areas"].fids) == 0


def test_areas_over_one_another_are_reported() -> None:
    rows = blocks(5)
    twice = [
        row | {"source_id": f"again {row['source_id']}", "locations": row["locations"] + 1} for row in rows
    ]
    found = told(run(stored(rows + twice), resolution=8))
    assert found["overlapping_areas"] == 50
    assert found["locations_in_overlaps"] == pytest.approx(2 * total(rows, "locations") + 25)
    assert any("overlap" in note for note in found["notes"])


def test_parts_of_one_area_count_once() -> None:
    rows = blocks(6)
    for row in rows:
        row["attributes"] = json.dumps({"cluster": row["source_id"]})
    west, south, east, north = rows[0]["geometry"].bounds
    part = shapely.box(west - 0.5 * (east - west), south, west, north)
    parts = [rows[0] | {"source_id": "other part", "geometry": part}]
    found = run(stored(rows + parts), resolution=8)
    assert np.nansum(columns(found)["locations"]) == pytest.approx(total(rows, "locations"))
    assert told(found)["parts_joined"] == 2
    assert len(columns(found, "areas")["area"]) == 36


def test_equal_counts_alone_do_not_make_parts_of_one_area() -> None:
    rows = [row | {"locations": 10.0, "unserved": 3.0, "served": 7.0} for row in blocks(6)]
    found = run(stored(rows), resolution=8)
    assert np.nansum(columns(found)["locations"]) == pytest.approx(360.0)


def test_a_column_that_names_no_area_makes_no_parts_of_those_that_count_alike() -> None:
    rows = blocks(6)
    for number, row in enumerate(rows):
        unserved = float(number % 3)
        row |= {"locations": 10.0, "unserved": unserved, "served": 10.0 - unserved}
        row["attributes"] = json.dumps({"housing_units": 10 + number % 3, "state": "09"})
    found = run(stored(rows), resolution=8)
    assert np.nansum(columns(found)["locations"]) == pytest.approx(360.0)
    assert "parts_joined" not in told(found)


# The study area


def test_a_lake_and_what_lies_outside_the_boundary_get_nothing() -> None:
    lake = shapely.box(-111.97, 33.38, -111.93, 33.42)
    city = shapely.box(-112.0, 33.35, -111.92, 33.45).difference(lake)
    rows = blocks(10)
    store = stored(rows, city=("boundary", [{"source_id": "c", "geometry": city}]))
    found = run(store, resolution=9, boundary="city")
    cells = np.array([int(h, 16) for h in columns(found)["h3"]], dtype=np.uint64)
    lng, lat = centers(cells)
    assert not shapely.contains_xy(lake, lng, lat).any()
    assert shapely.contains_xy(city, lng, lat).all()
    inside = np.nansum(columns(found)["locations"])
    assert inside + told(found)["locations_outside_study_area"] == pytest.approx(total(rows, "locations"))
    # The blocks of the lake (4 x 4 of the 8 x 10 in the city) are drowned; others keep all they have.
    assert told(found)["study_area_source"] == "boundary"
    assert told(found)["places_outside_study_area"] >= 20


def test_a_block_partly_in_the_lake_keeps_its_homes_on_land() -> None:
    land = shapely.box(-111.9995, 33.35, -111.90, 33.45)
    lake = shapely.box(-111.95, 33.36, -111.91, 33.44)
    row = {"source_id": "shore", "geometry": shapely.box(-111.97, 33.38, -111.93, 33.42), "locations": 100.0}
    rest = {"source_id": "far", "geometry": shapely.box(-111.998, 33.36, -111.99, 33.37), "locations": 10.0}
    rows = [one | {"unserved": 5.0} for one in (row, rest)]
    store = stored(rows, city=("boundary", [{"source_id": "c", "geometry": land.difference(lake)}]))
    found = run(store, resolution=10, boundary="city")
    assert np.nansum(columns(found)["locations"]) > 107
    assert told(found)["study_area_cells"] > 500


def test_a_box_cuts_the_study_area() -> None:
    found = run(stored(blocks()), resolution=8, bbox="-111.98,33.37,-111.92,33.43")
    lng, _ = centers(np.array([int(h, 16) for h in columns(found)["h3"]], dtype=np.uint64))
    assert lng.min() >= -111.98
    assert lng.max() <= -111.92
    assert told(found)["locations_outside_study_area"] > 0


def test_too_many_cells_name_the_resolution_that_fits() -> None:
    rows = [
        {"source_id": "state", "geometry": shapely.box(-114, 31, -109, 37), "locations": 1.0, "unserved": 1.0}
    ]
    with pytest.raises(TooManyCells, match="resolution"):
        run(stored(rows), resolution=10)


# Rules and denominators


def test_the_rules_choose_among_what_was_counted_at_ingest() -> None:
    rows = offers() + offers(1, rules="fcc-2024")
    found = columns(run(stored(rows), resolution=8))
    assert np.nansum(found["locations"]) == total(rows[: len(CELLS)], "locations")
    other = columns(run(stored(rows), resolution=8, rules="fcc-2024"))
    assert np.nansum(other["locations"]) == total(rows[len(CELLS) :], "locations")


def test_rules_that_nothing_was_counted_by_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="bead-2024"):
        run(stored(offers()), resolution=8, rules="bead-2099")


def test_locations_without_any_offer_are_the_rest_of_the_denominator() -> None:
    rows = offers()
    homes = [
        {"source_id": row["source_id"], "geometry": shape, "value": row["locations"] + 4}
        for row, shape in zip(rows, boundaries(CELLS), strict=True)
    ]
    found = run(stored(rows, homes=("population", homes)), resolution=8, locations="homes")
    cells = columns(found)
    # The outlines of cells share corners to within rounding, so the homes are all but whole.
    assert cells["locations"].sum() == pytest.approx(total(rows, "locations") + 4 * len(rows), rel=1e-6)
    provided = total(rows, "served") + total(rows, "underserved")
    assert cells["unserved"].sum() == pytest.approx(cells["locations"].sum() - provided, rel=1e-6)
    assert set(cells["denominator_source"]) == {"homes"}
    assert told(found)["capped"] == 0


def test_more_served_than_there_are_homes_is_capped_and_counted() -> None:
    rows = offers()
    homes = [
        {"source_id": f"h{i}", "geometry": shapely.Point(x, y), "value": 1.0 if i < 3 else 5000.0}
        for i, (x, y) in enumerate(zip(*centers(CELLS), strict=True))
    ]
    found = run(stored(rows, homes=("population", homes)), resolution=8, locations="homes")
    capped = [row for row in rows[:3] if row["served"] + row["underserved"] > 1]
    assert told(found)["capped"] == len(capped) > 0
    assert np.nanmin(columns(found)["unserved"]) == 0.0
    assert any("more locations counted" in note for note in told(found)["notes"])


def test_cells_where_nobody_offers_anything_are_deserts_once_homes_are_known() -> None:
    rows = [row for row in offers() if row["cell"] not in DESERT.tolist()]
    homes = [
        {"source_id": f"h{i}", "geometry": shapely.Point(x, y), "value": 100.0}
        for i, (x, y) in enumerate(zip(*centers(CELLS), strict=True))
    ]
    for row in rows:
        row |= {"served": 90.0, "underserved": 5.0, "unserved": 0.0, "locations": 95.0}
    without = run(stored(rows), resolution=8)
    assert not set(hex_strings(DESERT)) & set(columns(without)["h3"])
    found = run(stored(rows, homes=("population", homes)), resolution=8, locations="homes")
    cells = columns(found)
    is_desert = np.isin(cells["h3"], hex_strings(DESERT))
    assert told(found)["cells_without_any_offer"] == len(DESERT)
    assert cells["unserved"][is_desert].tolist() == [100.0] * len(DESERT)
    assert (np.array(cells["class"])[is_desert] == "hot").all()


def test_availability_without_denominators_says_that_they_are_missing() -> None:
    found = run(stored(offers()), resolution=8)
    assert any("without any offer" in note for note in told(found)["notes"])
    assert set(columns(found)["denominator_source"]) == {"served: locations with an offer"}


# Codes and shares


def counties(n: int = 6) -> list[dict[str, Any]]:
    """Return areas whose ids begin with zeros."""
    x = np.linspace(-112.0, -111.4, n + 1)
    y = np.linspace(33.0, 33.6, n + 1)
    return [
        {
            "source_id": f"0{i + 1}{j:03d}",
            "name": f"County {i} {j}",
            "geometry": shapely.box(x[i], y[j], x[i + 1], y[j + 1]),
        }
        for i in range(n)
        for j in range(n)
    ]


def test_codes_that_lost_their_zeros_find_their_areas() -> None:
    areas = counties()
    rows = [
        {"code": area["source_id"].lstrip("0"), "locations": 100.0, "unserved": float(i % 7)}
        for i, area in enumerate(areas)
    ]
    rows.append({"code": "99999", "locations": 10.0, "unserved": 1.0})
    found = run(stored(rows, counties=("boundary", areas)), resolution=7, areas="counties")
    assert told(found)["unmatched_codes"] == 1
    assert told(found)["unmatched_codes_first"] == ["99999"]
    assert columns(found, "areas")["name"][0] == "County 0 0"
    assert np.nansum(columns(found)["locations"]) == pytest.approx(3600.0, rel=1e-9)


def test_codes_are_found_in_whatever_column_holds_them() -> None:
    areas = [
        area | {"source_id": None, "attributes": json.dumps({"GEOID": area["source_id"], "state": "04"})}
        for area in counties()
    ]
    rows = [{"code": area["source_id"], "locations": 100.0, "unserved": 5.0} for area in counties()]
    found = told(run(stored(rows, counties=("boundary", areas)), resolution=7, areas="counties"))
    assert found["codes_found_in"] == "attribute GEOID"
    assert found["unmatched_codes"] == 0


def test_rows_of_one_code_add_up() -> None:
    areas = counties()
    rows = [
        {
            "source_id": f"{part}-{area['source_id']}",
            "code": area["source_id"],
            "locations": 50.0,
            "unserved": 4.0,
        }
        for area in areas
        for part in "ab"
    ]
    found = run(stored(rows, counties=("boundary", areas)), resolution=7, areas="counties")
    assert columns(found, "areas")["locations"].tolist() == [100.0] * 36
    assert told(found)["rows_of_one_area"] == 36


def test_codes_without_areas_are_refused_in_words() -> None:
    with pytest.raises(InvalidParameter, match="areas needs a layer"):
        run(stored([{"code": "01001", "locations": 1.0, "unserved": 1.0}]), resolution=7)


def usage() -> list[dict[str, Any]]:
    rng = np.random.default_rng(4)
    return [
        {"code": area["source_id"], "share_served": round(float(rng.beta(6, 3)), 3), "margin": 0.02}
        for area in counties()
    ]


def test_a_share_alone_is_shown_and_not_tested() -> None:
    rows = usage()
    found = run(stored(rows, counties=("boundary", counties())), resolution=7, areas="counties")
    areas, cells = columns(found, "areas"), columns(found)
    assert areas["share_unserved"].tolist() == [round(1 - row["share_served"], 3) for row in rows]
    assert (areas["share_margin"] == 0.02).all()
    assert np.isnan(areas["q"]).all()
    assert set(areas["class"]) == {"none"}
    assert all("no counts" in why for why in areas["reason"])
    assert np.isnan(cells["locations"]).all()
    assert not np.isnan(cells["share_unserved"]).any()
    assert set(areas["denominator_source"]) == {None}


def test_homes_turn_shares_into_counts_that_are_tested() -> None:
    homes = [area | {"value": 1000.0} for area in counties()]
    store = stored(usage(), counties=("boundary", counties()), homes=("population", homes))
    found = run(store, resolution=7, areas="counties", locations="homes")
    areas = columns(found, "areas")
    assert areas["unserved"] == pytest.approx(areas["share_unserved"] * 1000.0, rel=1e-6)
    assert areas["margin"] == pytest.approx(0.02 * areas["locations"], rel=1e-6)
    assert not np.isnan(areas["q"]).any()
    assert told(found)["unserved_from_share"] == 36


def test_denominators_by_code_are_joined_by_code() -> None:
    homes = [{"code": row["code"].lstrip("0"), "locations": 500.0} for row in usage()]
    store = stored(usage(), counties=("boundary", counties()), homes=("coverage", homes))
    found = run(store, resolution=7, areas="counties", locations="homes")
    assert (columns(found, "areas")["locations"] == 500.0).all()


# What does not fit


def test_more_unserved_than_locations_is_no_share() -> None:
    rows = blocks(6)
    rows[0] |= {"locations": 3.0, "unserved": 5.0, "served": None}
    found = run(stored(rows), resolution=8)
    assert told(found)["more_unserved_than_locations"] == 1
    areas = columns(found, "areas")
    assert np.isnan(areas["share_unserved"][0])
    assert np.isnan(areas["q"][0])
    assert not np.isnan(areas["q"][1:]).any()


def test_places_without_homes_have_no_answer_and_say_so() -> None:
    rows = blocks(6)
    rows[3] |= {"locations": 0.0, "unserved": 0.0, "served": 0.0}
    areas = columns(run(stored(rows), resolution=8), "areas")
    assert areas["reason"][3] == "no locations"
    assert np.isnan(areas["share_eb"][3])
    assert areas["class"][3] == "none"


def test_counts_that_are_told_in_parts_add_up() -> None:
    rows = [row | {"locations": None, "underserved": 2.0} for row in blocks(6)]
    found = columns(run(stored(rows), resolution=8), "areas")
    expected = [row["served"] + row["unserved"] + 2 for row in rows]
    assert found["locations"].tolist() == expected


def test_a_layer_of_another_kind_is_refused() -> None:
    store = DuckDBStore()
    add(store, "served", "boundary", [{"source_id": "c", "geometry": TOWN}])
    with pytest.raises(LayerNotFound, match="kind coverage"):
        run(store)


def test_a_layer_without_any_place_is_refused() -> None:
    store = stored([{"code": "01001", "locations": 1.0}], areas=("boundary", counties()))
    with pytest.raises(DegenerateInput, match="rows with a place"):
        run(
            stored([{"code": "77777", "locations": 1.0}], counties=("boundary", counties())), areas="counties"
        )
    assert store.layer("served").n_rows == 1


def test_only_significant_features_on_request() -> None:
    found = run(stored(offers()), resolution=8, significant=True)
    assert set(columns(found)["class"]) == {"hot"}
    assert set(columns(found, "areas")["class"]) == {"hot"}


def test_the_same_question_is_the_same_run_with_the_same_bytes() -> None:
    one, other = (run(stored(offers()), resolution=8) for _ in range(2))
    assert one.run == other.run
    assert columns(one)["q"].tobytes() == columns(other)["q"].tobytes()


def test_inputs_are_checked() -> None:
    assert inputs_of("gaps", {"layer": "a", "k": "2", "output": "areas"}).k == 2  # type: ignore[attr-defined]
    for wrong in ({"k": "11"}, {"kernel": "quartic"}, {"resolution": 4}, {"population": "p"}):
        with pytest.raises(ValueError):
            inputs_of("gaps", {"layer": "a", **wrong})


# The whole way


def coverage_file(path: Path, rows: list[dict[str, Any]]) -> Path:
    features = [
        {
            "type": "Feature",
            "geometry": shapely.geometry.mapping(row["geometry"]),
            "properties": {
                "id": row["source_id"],
                "Service Locations": str(int(row["locations"])),
                "Unserved": int(row["unserved"]),
            },
        }
        for row in rows
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def test_gaps_are_published_and_read_back_by_gis_software(tmp_path: Path) -> None:
    file = coverage_file(tmp_path / "blocks.geojson", rows := blocks(8))
    store = tmp_path / "s.duckdb"
    assert (
        emberline(
            "ingest", file, "--layer", "broadband", "--kind", "coverage", "--store", f"duckdb:///{store}"
        )
        == 0
    )
    with client_of(store) as client:
        definition = {
            "id": "broadband-gaps",
            "method": "gaps",
            "inputs": {"layer": "broadband", "resolution": 8},
        }
        published = client.post("/analyses", json=definition)
        assert published.status_code in (200, 201), published.text
        assert set(published.json()["collections"]) == {"broadband-gaps", "broadband-gaps.areas"}
        cells = client.get("/collections/broadband-gaps/items?f=gpkg&limit=10000")
        (tmp_path / "cells.gpkg").write_bytes(cells.content)
        areas = client.get("/collections/broadband-gaps.areas/items?limit=100").json()
        schema = client.get("/collections/broadband-gaps/schema").json()["properties"]
    frame = pyogrio.read_dataframe(tmp_path / "cells.gpkg")
    assert frame["unserved"].sum() == pytest.approx(total(rows, "unserved"), rel=1e-9)
    assert set(frame.geometry.geom_type) == {"Polygon"}
    assert areas["numberMatched"] == 64
    assert areas["features"][0]["id"] == areas["features"][0]["properties"]["area"]
    assert {
        "h3",
        "locations",
        "unserved",
        "underserved",
        "share_unserved",
        "share_eb",
        "z",
        "q",
        "class",
    } <= set(schema)
    assert (
        "denominator_source" in schema["denominator_source"]["description"]
        or schema["support"]["description"]
    )


def test_a_file_goes_straight_into_gaps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = coverage_file(tmp_path / "blocks.geojson", blocks(8))
    out = tmp_path / "gaps.geojson"
    code = emberline("run", "gaps", file, "--param", "resolution=8", "-o", out)
    assert code == 0, capsys.readouterr().err
    answer = json.loads(out.read_text(encoding="utf-8"))
    assert answer["emberline"]["method"] == "gaps"
    first = answer["features"][0]
    assert first["id"] == first["properties"]["h3"]
    assert first["properties"]["support"] in ("finer", "equal", "coarser")


def test_areas_come_on_request(tmp_path: Path) -> None:
    file = coverage_file(tmp_path / "blocks.geojson", blocks(4))
    out = tmp_path / "areas.csv"
    assert (
        emberline("run", "gaps", file, "--param", "output=areas", "--param", "resolution=8", "-o", out) == 0
    )
    assert len(out.read_text(encoding="utf-8").strip().splitlines()) == 17


def test_neighbours_of_children_are_not_the_evidence() -> None:
    """Seven cells of one coarse area would look like seven; the area counts once."""
    fine = run(stored(offers()), resolution=9)
    tests = told(fine)["tests_of_areas"]
    assert tests["units"] == len(CELLS)
    assert len(columns(fine)["h3"]) == len(children(CELLS, 9))


def test_cells_within_the_town_are_those_that_the_blocks_touch() -> None:
    found = columns(run(stored(blocks()), resolution=8))
    assert set(hex_strings(cells_within(TOWN, 8))) <= set(found["h3"])
