"""Networks of real cities: what is known of them comes back, lengths are those of geodesics."""

from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Geod

from spatial.local_plane import LocalPlane, plane_around
from spatial.network.build import network_of
from spatial.network.parts import RoadLines
from tests.requirements import dataset_path
from tests.spatial.network.drawn_roads import drawn_backwards, roads_along, taken

FOOT_M = 0.3048
CASES = ("montreal", "mesa", "cambridge", "sao_paulo")


def in_metres(frame: geopandas.GeoDataFrame) -> tuple[geopandas.GeoDataFrame, np.ndarray, LocalPlane]:
    parts = frame.explode(index_parts=False).to_crs(4326)
    lines = np.asarray(parts.geometry.values, dtype=object)
    plane = plane_around(*shapely.get_coordinates(lines).T)
    return parts, plane.to_metres(lines), plane


def packed(path: Path) -> geopandas.GeoDataFrame:
    return geopandas.read_file(f"/vsigzip/{path}")


def city(name: str) -> tuple[RoadLines, LocalPlane]:
    """Return the roads of a city in metres, with what its file says of names, ways and levels."""
    if name == "montreal":
        table = pd.read_csv(dataset_path("corridors/montreal_bike/mtl_network_wkt.csv"))
        frame = geopandas.GeoDataFrame(table, geometry=geopandas.GeoSeries.from_wkt(table["wkt"]), crs=3797)
        parts, lines, plane = in_metres(frame)
        return roads_along(list(lines), road_class=parts["ClsRte"].tolist()), plane
    if name == "mesa":
        _, lines, plane = in_metres(geopandas.read_file(dataset_path("corridors/mesa_geodanet/streets.shp")))
        return roads_along(list(lines)), plane
    if name == "cambridge":
        parts, lines, plane = in_metres(
            packed(dataset_path("places/cambridge_ma/TRANS_Centerlines.geojson.gz"))
        )
        names = [value if isinstance(value, str) else None for value in parts["Street"]]
        return roads_along(list(lines), name=names), plane
    parts, lines, plane = in_metres(packed(dataset_path("places/sao_paulo/roads.geojson.gz")))
    tags = parts["other_tags"].fillna("")
    level = pd.to_numeric(tags.str.extract(r'"layer"=>"(-?\d+)"')[0]).fillna(0).astype(int)
    return (
        roads_along(
            list(lines),
            name=[value if isinstance(value, str) else None for value in parts["name"]],
            road_class=parts["highway"].fillna("").tolist(),
            oneway=tags.str.contains('"oneway"=>"yes"').astype(int).tolist(),
            level=level.tolist(),
            is_roundabout=tags.str.contains('"junction"=>"roundabout"').tolist(),
        ),
        plane,
    )


def test_a_network_that_is_one_already_comes_back_as_it_is() -> None:
    folder = dataset_path("corridors/chicago_spatstat")
    vertices = pd.read_csv(folder / "chi_vertices.csv").to_numpy() * FOOT_M
    edges = pd.read_csv(folder / "chi_edges.csv").to_numpy() - 1
    lines = list(shapely.linestrings(vertices[edges]))
    network = network_of(roads_along(lines))
    assert (len(network.line), len(network.node_x)) == (503, 338)
    assert network.report["components"] == 1
    assert shapely.equals(network.line, np.array(lines)[network.road]).all()


@pytest.mark.parametrize("name", CASES)
def test_edges_are_as_long_as_geodesics(name: str) -> None:
    roads, plane = city(name)
    network = network_of(roads)
    degrees = plane.to_degrees(network.line)
    geod = Geod(ellps="WGS84")
    true = np.array([geod.geometry_length(line) for line in degrees])
    assert network.length_m == pytest.approx(true, rel=1e-3)


@pytest.mark.parametrize("name", CASES)
def test_every_metre_is_an_edge_or_folded_and_near_the_line_it_was(name: str) -> None:
    roads, _ = city(name)
    network = network_of(roads)
    vertices, line = shapely.get_coordinates(roads.line, return_index=True)
    all_lines = np.concatenate([network.line, network.folded_line])
    _, away = shapely.STRtree(all_lines).query_nearest(
        shapely.points(vertices), all_matches=False, return_distance=True
    )
    assert away.max() <= 0.76
    folded = shapely.length(network.folded_line).sum()
    # Cross streets led on to the carriageway that stayed make it longer, overlaps shorter.
    share = (network.length_m.sum() + folded) / network.report["metres_given"]
    assert 0.995 <= share <= 1.03
    assert network.report["share_in_largest"] > 0.98
    assert len(line) == len(vertices)


@pytest.mark.parametrize("name", CASES)
def test_rows_and_directions_do_not_matter(name: str) -> None:
    roads, _ = city(name)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(roads.line))
    one = network_of(roads)
    other = network_of(taken(drawn_backwards(roads, rng.random(len(order)) < 0.5), order))
    assert shapely.equals_exact(one.line, other.line, 0.0).all()
    assert (one.start == other.start).all() and (one.end == other.end).all()
    assert shapely.equals_exact(one.folded_line, other.folded_line, 0.0).all()
    assert (one.folded_edge == other.folded_edge).all()


def test_what_sao_paulo_needs_is_mended_and_told() -> None:
    roads, _ = city("sao_paulo")
    report = network_of(roads).report
    assert report["n_lines"] == 5974
    assert report["roundabouts"] >= 5
    assert report["levels_respected"] > 100
    assert report["divided_m"] > 50_000
    assert report["metres"] < report["metres_given"]
