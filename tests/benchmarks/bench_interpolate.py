"""Polygons to cells: overlaps and sharing out, beside tobler and geopandas on the same shapes.

python -m tests.benchmarks.bench_interpolate
"""

import time
import warnings
from collections.abc import Callable
from statistics import median

import geopandas
import numpy as np
import shapely

from spatial.grid import Cells, Geometries, boundaries, cells_at, centers, disk
from spatial.interpolate import overlaps, to_cells
from tests.benchmarks.timing import table

N_POLYGONS = 5_000
RADIUS = 183  # about 100 thousand cells at resolution 9
RUNS = 3
CORNERS_OF_A_COAST = 40_000
# What each reference is asked: neither cuts large polygons up, so a coastline against every cell is left out.
TOBLER = ("mosaic", "mosaic, detailed")
OVERLAY = ("mosaic",)
UTM = 32612


def polygons_over(cells: Cells, n: int) -> Geometries:
    """Return a random mosaic over the box around the cells."""
    lng, lat = centers(cells)
    rng = np.random.default_rng(0)
    box = shapely.box(lng.min(), lat.min(), lng.max(), lat.max())
    sites = np.column_stack([rng.uniform(lng.min(), lng.max(), n), rng.uniform(lat.min(), lat.max(), n)])
    mosaic = shapely.get_parts(shapely.voronoi_polygons(shapely.MultiPoint(sites), extend_to=box))
    return np.asarray(shapely.intersection(mosaic, box), dtype=object)


def markdown() -> str:
    """Return the measurements as a table."""
    cells = disk(cells_at([-111.93], [33.42], 9), RADIUS)
    mosaic = polygons_over(cells, N_POLYGONS)
    detailed = np.asarray(shapely.segmentize(mosaic, 0.001), dtype=object)
    corners = CORNERS_OF_A_COAST // 4
    coast = np.array([shapely.Point(-111.93, 33.42).buffer(0.4, quad_segs=corners)], dtype=object)
    shapes = {"mosaic": mosaic, "mosaic, detailed": detailed, "one coastline": coast}
    rows = [row for name, polygons in shapes.items() for row in _rows(name, polygons, cells)]
    head = ("polygons", "n", "corners each", "cells", "way", "s", "ratio", "people kept")
    return (
        "Areal interpolation, polygons to cells of resolution 9: overlaps, then one extensive value shared "
        f"out. Ours on the sphere in degrees, median of {RUNS} runs, the shapes of the cells included; "
        "references on the same shapes in UTM, given for nothing, one run; a missing reference was "
        "not asked.\n\n" + table(head, rows)
    )


def _rows(name: str, polygons: Geometries, cells: Cells) -> list[list[object]]:
    people = np.random.default_rng(1).lognormal(6, 1, len(polygons))

    def ours() -> float:
        return float(
            to_cells(people, overlaps(polygons, cells), extensive=True, keep_total=True).values.sum()
        )

    measured = {"Emberline": _measured(ours, RUNS)}
    if name in TOBLER:
        source = geopandas.GeoDataFrame({"people": people}, geometry=polygons, crs=4326).to_crs(UTM)
        target = geopandas.GeoDataFrame(geometry=boundaries(cells), crs=4326).to_crs(UTM)
        measured["tobler"] = _measured(lambda: _by_tobler(source, target), 1)
        if name in OVERLAY:
            measured["geopandas overlay"] = _measured(lambda: _overlaid(source, target), 1)
    n_corners = f"{shapely.get_num_coordinates(polygons).mean():,.0f}"
    base = measured["Emberline"][0]
    return [
        [
            name,
            f"{len(polygons):,}",
            n_corners,
            f"{len(cells):,}",
            way,
            f"{seconds:.1f}",
            f"{seconds / base:.1f}",
            f"{kept / people.sum():.4f}",
        ]
        for way, (seconds, kept) in measured.items()
    ]


def _by_tobler(source: geopandas.GeoDataFrame, target: geopandas.GeoDataFrame) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tobler.area_weighted import area_interpolate

        return float(area_interpolate(source, target, ["people"])["people"].sum())


def _overlaid(source: geopandas.GeoDataFrame, target: geopandas.GeoDataFrame) -> float:
    """Return the people placed by shares of the pieces that an overlay makes, summed by cell."""
    numbered = source.assign(polygon=np.arange(len(source)))
    pieces = geopandas.overlay(numbered, target.assign(cell=np.arange(len(target))), how="intersection")
    area = pieces.area.groupby(pieces["polygon"]).transform("sum")
    return float((pieces["people"] * pieces.area / area).groupby(pieces["cell"]).sum().sum())


def _measured(work: Callable[[], float], runs: int) -> tuple[float, float]:
    """Return the median seconds and what the work gave."""
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        result = float(work())
        taken.append(time.perf_counter() - start)
    return median(taken), result


if __name__ == "__main__":
    print(markdown())
