"""GDAL reads the service: the one inside pyogrio (pages of 1,000) and Debian's ogrinfo (pages of 10)."""

import subprocess
from collections.abc import Iterator

import httpx2
import numpy as np
import pyogrio
import pytest
import shapely

from tests.contract.made import N_CELLS
from tests.contract.server import served
from tests.requirements import need_tool
from tests.service.memory import areas, cells

pytestmark = pytest.mark.contract

BOX = (-111.7, 33.5, -111.675, 33.525)


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with served("tests.contract.made:made_app") as address:
        yield address


def asked(base: str) -> list[str]:
    requests: list[str] = httpx2.get(f"{base}/asked").json()
    return requests


def test_pyogrio_reads_every_cell_as_it_is(base: str) -> None:
    made = cells(N_CELLS)
    frame = pyogrio.read_dataframe(f"OAPIF:{base}/collections/cells")
    assert frame["h3"].tolist() == made.fids
    assert (shapely.to_wkb(frame.geometry.to_numpy()) == np.array(made.wkb.to_pylist(), dtype=object)).all()
    for name in ("count", "expected", "z", "gi_bin", "edge", "class"):
        assert frame[name].tolist() == made.columns[name].to_pylist()


def test_pyogrio_reads_types_and_nulls(base: str) -> None:
    frame = pyogrio.read_dataframe(f"OAPIF:{base}/collections/cells")
    kinds = {name: frame[name].dtype.kind for name in ("count", "relative_risk", "edge")}
    assert kinds == {"count": "i", "relative_risk": "f", "edge": "b"}
    assert int(frame["relative_risk"].isna().sum()) == len(range(0, N_CELLS, 3))
    assert frame.crs.to_epsg() == 4326 or frame.crs.to_authority() == ("OGC", "CRS84")


def test_pyogrio_reads_odd_areas(base: str) -> None:
    frame = pyogrio.read_dataframe(f"OAPIF:{base}/collections/areas")
    assert frame["id"].tolist() == areas().fids
    assert frame.geometry.isna().tolist() == [False] * 4 + [True, False]
    assert str(frame["first_time"].dtype) == "datetime64[ms, UTC]"


def test_a_bbox_is_pushed_down(base: str) -> None:
    asked(base)
    frame = pyogrio.read_dataframe(f"OAPIF:{base}/collections/cells", bbox=BOX)
    shapes = shapely.from_wkb(np.array(cells(N_CELLS).wkb.to_pylist(), dtype=object))
    assert len(frame) == int(shapely.intersects(shapely.box(*BOX), shapes).sum())
    assert sum("bbox=" in one for one in asked(base)) == 1


def test_equality_is_pushed_down(base: str) -> None:
    asked(base)
    frame = pyogrio.read_dataframe(f"OAPIF:{base}/collections/cells", where="class = 'hot' AND gi_bin = 2")
    made = cells(N_CELLS).columns.to_pandas()
    assert frame["h3"].tolist() == made[(made["class"] == "hot") & (made["gi_bin"] == 2)]["h3"].tolist()
    assert any("class=hot" in one and "gi_bin=2" in one for one in asked(base))


def test_a_yes_or_no_is_asked_for_as_its_clients_write_it(base: str) -> None:
    frame = pyogrio.read_dataframe(f"OAPIF:{base}/collections/cells", where="edge = 1")
    made = cells(N_CELLS).columns.to_pandas()
    assert 0 < len(frame) == made["edge"].sum()


def test_one_feature_is_asked_for_by_its_id(base: str) -> None:
    asked(base)
    frame = pyogrio.read_dataframe(f"OAPIF:{base}/collections/cells", where="id = '890000000000005'")
    assert frame["h3"].tolist() == ["890000000000005"]
    assert any("/items/890000000000005" in one for one in asked(base))


def test_all_layers_are_listed_with_their_geometry(base: str) -> None:
    listed = pyogrio.list_layers(f"OAPIF:{base}").tolist()
    assert listed == [["cells", "Polygon"], ["areas", "Unknown"], ["calls", "Point"]]


@pytest.mark.parametrize("f", ["json", "fgb"])
def test_an_address_is_read_like_a_file(base: str, f: str) -> None:
    frame = pyogrio.read_dataframe(f"{base}/collections/cells/items?limit=10000&f={f}")
    assert sorted(frame["h3"]) == cells(N_CELLS).fids


def test_ogrinfo_reads_every_cell_in_pages_of_ten(base: str) -> None:
    command = [need_tool("ogrinfo"), "-ro", "-al", "-q", "-geom=NO", f"OAPIF:{base}/collections/cells"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    lines = [one for one in done.stdout.splitlines() if one.startswith("  h3 (String) = ")]
    assert [one.rpartition(" ")[2] for one in lines] == cells(N_CELLS).fids


def test_ogrinfo_summarises_without_reading_all(base: str) -> None:
    asked(base)
    command = [need_tool("ogrinfo"), "-ro", "-al", "-so", f"OAPIF:{base}/collections/cells"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert f"Feature Count: {N_CELLS}" in done.stdout
    assert "Geometry: Polygon" in done.stdout
    assert len(asked(base)) < 10
