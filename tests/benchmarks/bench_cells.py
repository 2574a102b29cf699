"""The joined `cells` table, beside the same joins in pandas and geopandas.

python -m tests.benchmarks.bench_cells
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from data.duckdb_store import DuckDBStore
from service.analyses.run import findings
from service.ingesting import IngestOrder, ingest_file
from service.methods import inputs_of
from spatial.grid import Cells, boundaries, centers, parents
from tests.benchmarks.timing import interleaved, peak_rss_mib, table

CENTER = (-111.93, 33.42)
# Half a box of about 100 thousand cells at resolution 9.
HALF = 0.5
CALLS, CRASHES = 1_000_000, 250_000
CATEGORIES = 12
BLOCKS = 40
MONTHS = 24
RESOLUTION = 9
RUNS = 3


def markdown() -> str:
    """Measure and return the table."""
    with TemporaryDirectory() as folder:
        store = filled_store(Path(folder))
    inputs = inputs_of("cells", _INPUTS)
    area = _cells_of(store, inputs)
    taken = interleaved(
        {
            "Emberline, `cells`": lambda: findings("cells", store, inputs, max_cells=10**6),
            "pandas and geopandas": lambda: by_pandas(store, area),
        },
        runs=RUNS,
    )
    store.close()
    ours = taken["Emberline, `cells`"].median_s
    rows = [[name, f"{one.median_s:.1f}", f"{one.median_s / ours:.1f}"] for name, one in taken.items()]
    return (
        f"{len(area):,} cells of resolution {RESOLUTION}: {CALLS:,} calls and {CRASHES:,} crashes by"
        f" {CATEGORIES} categories each, people of {BLOCKS**2:,} blocks, their unserved homes, and the"
        f" latest state of 15 wastewater series; median of {RUNS} runs. The reference joins counts, people,"
        " homes and the name of the sewershed; it is given the cells, their shapes and every incident's"
        f" cell, and judges no wastewater. Peak memory of the run {peak_rss_mib():,.0f} MiB.\n\n"
        + table(["way", "s", "ratio"], rows)
    )


_INPUTS = {
    "layer": "calls",
    "incidents": ["crashes"],
    "resolution": RESOLUTION,
    "boundary": "boundary",
    "population": "people",
    "samples": "samples",
    "sewersheds": "sewersheds",
    "coverage": "blocks",
}


def filled_store(folder: Path) -> DuckDBStore:
    """Return a store with incidents, blocks with people and homes, sewersheds and their samples."""
    rng = np.random.default_rng(0)
    store = DuckDBStore()
    blocks = _grid(BLOCKS)
    homes = rng.integers(5, 60, len(blocks))
    tables = {
        "boundary": geopandas.GeoDataFrame({"name": ["city"]}, geometry=[_box()], crs=4326),
        "people": geopandas.GeoDataFrame(
            {"id": np.arange(len(blocks)), "population": homes * 2}, geometry=blocks, crs=4326
        ),
        "blocks": geopandas.GeoDataFrame(
            {"id": np.arange(len(blocks)), "locations": homes, "unserved": rng.binomial(homes, 0.05)},
            geometry=blocks,
            crs=4326,
        ),
        "sewersheds": geopandas.GeoDataFrame(
            {"id": [f"S{i}" for i in range(25)]}, geometry=_grid(5), crs=4326
        ),
    }
    kinds = {"people": "population", "blocks": "coverage"}
    for name, frame in tables.items():
        path = folder / f"{name}.gpkg"
        frame.to_file(path)
        ingest_file(store, path, IngestOrder(name, kind=kinds.get(name, name)))
    for name, n in (("calls", CALLS), ("crashes", CRASHES)):
        path = folder / f"{name}.parquet"
        pq.write_table(_incidents(rng, n), path)
        ingest_file(store, path, IngestOrder(name, timezone="America/Phoenix"))
    _samples(rng).to_csv(folder / "samples.csv", index=False)
    ingest_file(
        store, folder / "samples.csv", IngestOrder("samples", kind="samples", timezone="America/Phoenix")
    )
    return store


def by_pandas(store: DuckDBStore, cells: Cells) -> pd.DataFrame:
    """Return the same counts, people, homes and sewersheds, as an analyst would join them."""
    shapes = geopandas.GeoDataFrame({"h3": cells}, geometry=boundaries(cells), crs=4326)
    table = shapes.set_index("h3")
    for name in ("calls", "crashes"):
        rows = store.rows(name, ["cell15", "category"])
        cell = parents(rows["cell15"].to_numpy().view(np.uint64), RESOLUTION)
        counts = pd.crosstab(cell, rows["category"].to_pandas())
        counts["n"] = counts.sum(axis=1)
        table = table.join(counts.add_prefix(f"{name}."), how="left")
    blocks = _frame(store, "blocks", ["locations", "unserved"])
    people = _frame(store, "people", ["value"])
    for frame, columns in ((blocks, ["locations", "unserved"]), (people, ["value"])):
        flat = frame.to_crs(32612)
        flat["whole"] = flat.area
        parts = geopandas.overlay(flat, shapes.to_crs(32612), how="intersection")
        share = parts.area / parts["whole"]
        shared = parts[columns].mul(share, axis=0).groupby(parts["h3"]).sum()
        table = table.join(shared, how="left")
    lng, lat = centers(cells)
    points = geopandas.GeoDataFrame({"h3": cells}, geometry=shapely.points(lng, lat), crs=4326)
    within = points.sjoin(_frame(store, "sewersheds", ["source_id"]), predicate="within", how="left")
    return table.join(within.set_index("h3")["id"].rename("sewershed"))


def _frame(store: DuckDBStore, layer: str, columns: list[str]) -> geopandas.GeoDataFrame:
    names = [name for name in columns if name != "source_id"]
    rows = store.rows(layer, [*names, "geometry"])
    return geopandas.GeoDataFrame(
        rows.drop_columns(["geometry"]).to_pandas(),
        geometry=shapely.from_wkb(rows["geometry"].to_pylist()),
        crs=4326,
    )


def _cells_of(store: DuckDBStore, inputs: Any) -> Cells:
    from service.analyses.gridded import study_area

    return study_area(store, [store.layer("calls")], inputs, 10**6).cells


def _box() -> shapely.Geometry:
    return shapely.box(CENTER[0] - HALF, CENTER[1] - HALF, CENTER[0] + HALF, CENTER[1] + HALF)


def _grid(n: int) -> Any:
    """Return n times n boxes that fill the city."""
    edges = np.linspace(-HALF, HALF, n + 1)
    x, y = (CENTER[0] + edges, CENTER[1] + edges)
    west, south = np.meshgrid(x[:-1], y[:-1])
    return shapely.box(west, south, west + x[1] - x[0], south + y[1] - y[0]).ravel()


def _incidents(rng: np.random.Generator, n: int) -> pa.Table:
    x, y = rng.uniform(-HALF, HALF, (2, n))
    names = np.array([f"KIND {number}" for number in range(CATEGORIES)])
    return pa.table(
        {
            "id": np.arange(n),
            "lng": CENTER[0] + x,
            "lat": CENTER[1] + y,
            "category": names[rng.integers(0, CATEGORIES, n)],
            "time": np.datetime64("2024-01-01", "s") + rng.integers(0, 63_000_000, n),
        }
    )


def _samples(rng: np.random.Generator) -> pd.DataFrame:
    """Return monthly samples of three analytes in five of the sewersheds."""
    months = pd.date_range("2024-01-10", periods=MONTHS, freq="MS") + pd.Timedelta(days=9)
    index = pd.MultiIndex.from_product(
        [[f"S{i}" for i in range(5)], ["fentanyl", "codeine", "oxycodone"], months],
        names=["sewershed", "analyte", "start"],
    )
    frame = index.to_frame(index=False)
    frame["start"] = frame["start"].dt.strftime("%Y-%m-%d")
    frame["value"] = np.exp(rng.normal(4, 0.2, len(frame)))
    frame["unit"] = "ng/L"
    return frame


if __name__ == "__main__":
    print(markdown())
