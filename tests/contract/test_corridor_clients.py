"""GDAL reads published corridors and their pieces over HTTP, and the files that the command line writes."""

from collections.abc import Iterator
from pathlib import Path

import geopandas
import pyogrio
import pytest

from tests.contract.installed import serving
from tests.service.made import ZONE, client_of, emberline
from tests.service.made_streets import PLANTED, write_crashes, write_streets
from tests.service.test_corridors import CONTRACT, QUICK, town

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    town(folder, path=folder / "store.duckdb").close()
    with client_of(folder / "store.duckdb") as client:
        analysis = {"id": "safe", "method": "corridors", "inputs": QUICK}
        assert client.post("/analyses", json=analysis).status_code == 201
    with serving(folder / "store.duckdb") as service:
        yield service.base


def test_pyogrio_reads_corridors_as_lines_with_their_types(base: str) -> None:
    frame = pyogrio.read_dataframe(f"OAPIF:{base}/collections/safe")
    assert set(frame.geom_type) == {"LineString"} and frame["name"].tolist() == [PLANTED]
    assert set(CONTRACT) <= set(frame.columns)
    assert [frame[name].dtype.kind for name in ("rank", "incidents", "k", "p")] == ["i", "i", "i", "f"]


def test_pyogrio_reads_every_piece_and_asks_for_those_of_one_corridor(base: str) -> None:
    whole = pyogrio.read_dataframe(f"OAPIF:{base}/collections/safe.segments")
    assert len(whole) == 2100 and whole["incidents"].sum() == 1506
    assert set(whole.geom_type) == {"LineString"}
    mine = pyogrio.read_dataframe(f"OAPIF:{base}/collections/safe.segments", where="corridor = 1")
    assert 0 < len(mine) == (whole["corridor"] == 1).sum()


def test_empty_collections_are_read_as_points(base: str) -> None:
    assert len(pyogrio.read_dataframe(f"OAPIF:{base}/collections/safe.unmatched")) == 0


@pytest.mark.parametrize("ending", ["gpkg", "fgb", "parquet", "geojson"])
def test_files_of_corridors_are_read_back(tmp_path: Path, ending: str) -> None:
    file, roads = write_crashes(tmp_path / "crashes.csv"), write_streets(tmp_path / "roads.geojson")
    out = tmp_path / f"corridors.{ending}"
    params = ("--param", f"roads={roads}", "--param", "simulations=199")
    assert emberline("run", "corridors", file, "--timezone", ZONE, *params, "-o", out) == 0
    frame = geopandas.read_parquet(out) if ending == "parquet" else pyogrio.read_dataframe(out)
    assert frame["name"].tolist() == [PLANTED] and set(frame.geom_type) == {"LineString"}
    assert frame.to_crs(32612).length.iloc[0] == pytest.approx(frame["length_m"].iloc[0], rel=2e-3)
