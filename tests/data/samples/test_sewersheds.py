"""The sewersheds of the made city: what the file holds, and that the reader brings it home."""

import json
from typing import Any

import numpy as np
import pytest
import shapely

from data.samples import layout
from data.samples.city import CitySample
from data.samples.sewersheds import PUMPED, TOUCHING
from tests.data.samples.reading import read_rows


@pytest.fixture(scope="module")
def areas(city_sample: CitySample) -> dict[str, Any]:
    """Return the areas as they are read, in local metres."""
    rows, _ = read_rows(city_sample, "sewersheds", is_mapped=True)
    shapes = shapely.from_wkb(np.array(rows["geometry"].to_pylist(), dtype=object))
    return dict(zip(rows["source_id"].to_pylist(), in_metres(shapes), strict=True))


def in_metres(shapes: Any) -> Any:
    return shapely.transform(shapes, lambda c: np.column_stack(layout.to_metres(c[:, 0], c[:, 1])))


def test_file_is_in_state_plane_feet_with_one_ring_that_touches_itself(city_sample: CitySample) -> None:
    collection = json.loads(city_sample["sewersheds"].path.read_bytes())
    shapes = {
        item["properties"]["ID"]: shapely.from_geojson(json.dumps(item["geometry"]))
        for item in collection["features"]
    }
    assert collection["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::2258"
    assert shapely.bounds(list(shapes.values())).min() > 100_000
    assert [name for name, shape in shapes.items() if not shape.is_valid] == [TOUCHING]
    assert shapely.is_valid_reason(shapes[TOUCHING]).startswith("Ring Self-intersection")


def test_reader_repairs_the_ring_and_finds_the_fields_unaided(city_sample: CitySample) -> None:
    rows, report = read_rows(city_sample, "sewersheds", is_mapped=False)
    assert report.crs == "EPSG:2258"
    assert report.counts["geometry.repaired"] == 1
    assert "geometry.overlapping_pairs" not in report.counts
    assert city_sample["sewersheds"].mapping.items() <= report.columns.items()
    assert rows["source_id"].to_pylist() == list(layout.DISTRICTS)


def test_sewersheds_share_out_the_city_but_for_the_works(areas: dict[str, Any]) -> None:
    shapes = list(areas.values())
    left_out = shapely.difference(layout.city().land, shapely.union_all(shapes))
    works = max(shapely.get_parts(left_out), key=lambda part: part.area)
    assert shapely.area(shapes).sum() == pytest.approx(layout.city().land.area, rel=2e-4)
    assert works.area == pytest.approx(9_000, rel=0.01)
    assert left_out.area - works.area < 2_000


def test_one_is_in_two_parts_and_two_have_holes(areas: dict[str, Any]) -> None:
    holes = {
        name: sum(len(part.interiors) for part in shapely.get_parts(area)) for name, area in areas.items()
    }
    parts = {name: len(shapely.get_parts(area)) for name, area in areas.items()}
    assert parts == {"SW-1": 1, PUMPED: 2, "SW-3": 1, "SW-4": 1, "SW-5": 1}
    assert holes["SW-5"] == 1
    lake_side = max(shapely.get_parts(areas[PUMPED]), key=lambda part: part.area)
    assert lake_side.intersection(layout.city().lake).area < 100


def test_read_areas_are_those_of_the_truth(areas: dict[str, Any], city_truth: dict[str, Any]) -> None:
    for told in city_truth["sewersheds"]:
        meant = in_metres(shapely.from_geojson(json.dumps(told["geometry"])))
        assert meant.is_valid
        assert meant.symmetric_difference(areas[told["id"]]).area < 1e-4 * meant.area


def test_population_served_is_that_of_the_blocks(city_sample: CitySample, areas: dict[str, Any]) -> None:
    blocks, _ = read_rows(city_sample, "population", is_mapped=True)
    middle = in_metres(
        shapely.point_on_surface(shapely.from_wkb(np.array(blocks["geometry"].to_pylist(), dtype=object)))
    )
    people = blocks["value"].to_numpy()
    rows, _ = read_rows(city_sample, "sewersheds", is_mapped=True)
    found = [people[shapely.contains(area, middle)].sum() for area in areas.values()]
    assert rows["value"].to_pylist() == pytest.approx(found, abs=5)
    assert sum(rows["value"].to_pylist()) == 200_000
