"""Sewersheds: every ring accounted for, overlaps told, feet and compound systems."""

from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from tests.data.reading import read_layer
from tests.requirements import dataset_path

WEST, EAST = shapely.box(-112.0, 33.3, -111.9, 33.4), shapely.box(-111.95, 33.3, -111.85, 33.4)


def _written(folder: Path, shapes: list[shapely.Geometry], crs: str) -> Path:
    names = [f"Area {number + 1}" for number in range(len(shapes))]
    frame = gpd.GeoDataFrame({"WWTP": names, "popserved": 21_000}, geometry=shapes, crs="EPSG:4326")
    path = folder / "sheds.gpkg"
    frame.to_crs(crs).to_file(path)
    return path


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2223", "EPSG:2223+5703"])
def test_areas_come_back_from_feet_and_compound_systems(tmp_path: Path, crs: str) -> None:
    rows, _, report = read_layer(_written(tmp_path, [WEST], crs), "sewersheds")
    assert (rows[0]["name"], rows[0]["value"]) == ("Area 1", 21_000.0)
    assert shapely.from_wkb(rows[0]["geometry"]).bounds == pytest.approx(WEST.bounds, abs=1e-4)
    assert "geometry.overlapping_pairs" not in report.counts


def test_overlaps_are_counted_and_told(tmp_path: Path) -> None:
    _, _, report = read_layer(_written(tmp_path, [WEST, EAST], "EPSG:4326"), "sewersheds")
    assert report.counts["geometry.overlapping_pairs"] == 1
    assert any("overlap, by 50 % of the smaller one" in note for note in report.notes)


def test_areas_that_touch_do_not_overlap(tmp_path: Path) -> None:
    beside = shapely.box(-111.9, 33.3, -111.8, 33.4)
    _, _, report = read_layer(_written(tmp_path, [WEST, beside], "EPSG:4326"), "sewersheds")
    assert "geometry.overlapping_pairs" not in report.counts


def test_holes_and_crossing_rings_are_accounted_for(tmp_path: Path) -> None:
    with_hole = WEST - shapely.box(-111.97, 33.33, -111.96, 33.34)
    crossing = shapely.Polygon([(-110, 33), (-109, 34), (-109, 33), (-110, 34), (-110, 33)])
    rows, rejects, report = read_layer(_written(tmp_path, [with_hole, crossing], "EPSG:4326"), "sewersheds")
    assert (len(rows), len(rejects)) == (2, 0)
    assert report.counts["geometry.repaired"] == 1
    assert (report.counts["geometry.rings"], report.counts["geometry.rings_kept"]) == (3, 4)
    assert any("3 rings were read, 4 are left" in note for note in report.notes)


@pytest.mark.parametrize(
    ("name", "n_areas", "n_repaired", "n_overlapping"),
    [
        ("epa_sewersheds/RHODEISLAND_statedata_publiconline_sewersheds.gpkg.zip", 122, 7, 5),
        ("epa_sewersheds/UTAH_merged_sewersheds.gpkg.zip", 256, 0, 9),
        ("twin_cities_metc/sewersheds.geojson.gz", 9, 1, 2),
    ],
)
def test_real_sewersheds_are_all_taken(name: str, n_areas: int, n_repaired: int, n_overlapping: int) -> None:
    rows, rejects, report = read_layer(dataset_path(f"wastewater/{name}"), "sewersheds")
    assert (len(rows), len(rejects)) == (n_areas, 0)
    assert report.counts.get("geometry.repaired", 0) == n_repaired
    assert report.counts["geometry.overlapping_pairs"] == n_overlapping
    kept = shapely.get_parts(shapely.from_wkb([row["geometry"] for row in rows]))
    assert report.counts["geometry.rings_kept"] == len(kept) + shapely.get_num_interior_rings(kept).sum()
