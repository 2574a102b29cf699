"""`gaps` on real tables, from the file to GIS software; `tests.studies.real_gaps` walks through more."""

import json
from pathlib import Path

import pandas as pd
import pyogrio
import pytest

from tests.requirements import dataset_path
from tests.service.made import client_of, emberline


def test_project_areas_of_maine_are_published_and_read_back(tmp_path: Path) -> None:
    source = dataset_path("broadband/maine/Waldo/Waldo_eligible.geojson.gz")
    url = f"duckdb:///{tmp_path / 's.duckdb'}"
    assert emberline("ingest", source, "--layer", "waldo", "--kind", "coverage", "--store", url) == 0
    with client_of(tmp_path / "s.duckdb") as client:
        definition = {"id": "gaps", "method": "gaps", "inputs": {"layer": "waldo", "resolution": 7}}
        assert client.post("/analyses", json=definition).status_code < 300
        for name in ("gaps", "gaps.areas"):
            answer = client.get(f"/collections/{name}/items?f=gpkg&limit=10000")
            (tmp_path / f"{name}.gpkg").write_bytes(answer.content)
    cells, areas = (pyogrio.read_dataframe(tmp_path / f"{name}.gpkg") for name in ("gaps", "gaps.areas"))
    drawn = pyogrio.read_dataframe(f"/vsigzip/{source}", read_geometry=False)
    for name, column in (("locations", "#Total Subscribers"), ("unserved", "#Unserved")):
        expected = pd.to_numeric(drawn[column]).sum()
        assert areas[name].sum() == expected
        assert cells[name].sum() == pytest.approx(expected, rel=1e-9)
    assert set(cells["support"]) <= {"finer", "equal", "coarser"}
    tested = areas[areas["q"].notna()]
    assert len(tested) == (areas["locations"] > 0).sum()
    assert tested.loc[tested["class"] == "hot", "q"].max() <= 0.05


def test_clusters_drawn_in_parts_count_once(tmp_path: Path) -> None:
    source = dataset_path("broadband/maine/Knox/Knox_may_unserved_density.geojson.gz")
    out = tmp_path / "gaps.geojson"
    assert emberline("run", "gaps", source, "--param", "resolution=7", "-o", out) == 0
    answer = json.loads(out.read_text(encoding="utf-8"))
    clusters = pyogrio.read_dataframe(f"/vsigzip/{source}", read_geometry=False)
    expected = pd.to_numeric(clusters.drop_duplicates("CLUSTER_ID")["Service Locations"]).sum()
    found = sum(one["properties"]["locations"] or 0 for one in answer["features"])
    assert found == pytest.approx(expected, rel=1e-9)
    assert any("parts of" in note for note in answer["emberline"]["diagnostics"]["notes"])


def test_usage_of_counties_is_shown_and_not_tested(tmp_path: Path) -> None:
    folder = dataset_path("broadband/microsoft_usage")
    out = tmp_path / "counties.csv"
    table = folder / "broadband_data_2020October.csv.gz"
    asked = ("--param", f"areas={folder / 'us_counties_10m.topojson'}", "--param", "resolution=5")
    assert emberline("run", "gaps", table, *asked, "--param", "output=areas", "-o", out) == 0
    found = pd.read_csv(out, dtype={"area": str})
    assert len(found) == 3141  # of 3,142: one county is too small for the quantised outlines
    autauga = found.set_index("area").loc["01001"]
    assert autauga["name"] == "Autauga County"
    assert autauga["share_unserved"] == pytest.approx(0.609)
    assert found["q"].isna().all()
    assert found["reason"].notna().all()
    assert found["share_unserved"].isna().sum() == 11
