"""Real broadband tables: taken in, analysed by `gaps`, published, served, and read back by GDAL.

    python -m tests.studies.real_gaps [--out docs/real-data-gaps.md]

What is read is held against figures that are counted here, without Emberline. The exit code is 1 where
anything does not add up; the page is written anyway.
"""

import argparse
import gzip
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from scipy.stats import false_discovery_control

from tests.contract.installed import Ran, Service, emberline, read_back, serving
from tests.studies.real_walk import walked

_HEAD = """\
# Gaps in real broadband tables

Public tables of three shapes: polygons with counts, roads without, and shares by county; taken through the
installed `emberline` command and a running service, and read back by GDAL. This page is generated;
`EMBERLINE_DATASETS=… python -m tests.studies.real_gaps --out docs/real-data-gaps.md` makes it anew
and ends with exit code 1 where anything does not add up.

- *Places* are what is tested: areas after those that several rows draw in parts were joined. *ρ* is how
  clumped shares are (0: all equal, 1: all or nothing), *level* the mean share of the places that do not stand
  out.
- *Held against:* rows and sums counted here; Σ locations of the cells = Σ of the areas; every share and every
  q recomputed from what was read back; the shares of the counties joined here by their numbers.
"""


@dataclass(frozen=True)
class Table:
    """One file: how it is asked about, and what is counted in it without Emberline."""

    file: str
    title: str
    resolution: int
    readme_rows: int
    locations: str | None = None
    unserved: str | None = None
    is_usage: bool = False

    @property
    def layer(self) -> str:
        """Id of its layer."""
        return Path(self.file).name.split(".")[0].lower().replace("_", "-")


_MAINE = "broadband/maine"
_USAGE = "broadband/microsoft_usage"
_ELIGIBLE = ("#Total Subscribers", "#Unserved")
_DENSITY = ("Service Locations", "Unserved")
TABLES = (
    Table(f"{_MAINE}/Knox/Knox_eligible.geojson.gz", "Knox: project areas", 8, 113, *_ELIGIBLE),
    Table(f"{_MAINE}/Waldo/Waldo_eligible.geojson.gz", "Waldo: project areas", 8, 49, *_ELIGIBLE),
    Table(
        f"{_MAINE}/Knox/Knox_may_unserved_density.geojson.gz", "Knox: clusters of homes", 8, 119, *_DENSITY
    ),
    Table(
        f"{_MAINE}/Waldo/Waldo_may_unserved_density.geojson.gz", "Waldo: clusters of homes", 8, 81, *_DENSITY
    ),
    Table(f"{_MAINE}/Knox/Knox_unserved.geojson.gz", "Knox: unserved clusters alone", 8, 112, *_DENSITY),
    Table(f"{_MAINE}/Waldo/Waldo_tier_1.geojson.gz", "Waldo: roads of the lowest tier", 8, 760),
    Table(
        f"{_USAGE}/broadband_data_2019November.csv.gz",
        "Counties: use of broadband, November 2019",
        5,
        3143,  # its README counts 3,142, the number of the other table
        is_usage=True,
    ),
    Table(
        f"{_USAGE}/broadband_data_2020October.csv.gz",
        "Counties: use of broadband, October 2020",
        5,
        3142,
        is_usage=True,
    ),
)


@dataclass
class Looked:
    """What one table gave."""

    table: Table
    counts: dict[str, int] = field(default_factory=dict)
    ran: Ran | None = None
    told: dict[str, Any] = field(default_factory=dict)
    cells: gpd.GeoDataFrame = field(default_factory=gpd.GeoDataFrame)
    areas: gpd.GeoDataFrame = field(default_factory=gpd.GeoDataFrame)
    wrong: list[str] = field(default_factory=list)

    def check(self, is_right: bool, words: str) -> None:
        """Note what does not add up."""
        if not is_right:
            self.wrong.append(words)


def looked_at(table: Table, datasets: Path, folder: Path) -> Looked:
    """Walk one table from its file to what a client reads."""
    seen = Looked(table)
    store = folder / f"{table.layer}.duckdb"
    to = ("--store", f"duckdb:///{store}")
    order = ("ingest", str(datasets / table.file), "--layer", table.layer, "--kind", "coverage", *to)
    seen.counts = emberline(folder, *order).counts
    seen.check(
        sum(seen.counts.values()) == table.readme_rows, f"{seen.counts}, not {table.readme_rows:,} rows"
    )
    inputs: dict[str, Any] = {"layer": table.layer, "resolution": table.resolution}
    if table.is_usage:
        counties = datasets / _USAGE / "us_counties_10m.topojson"
        emberline(folder, "ingest", str(counties), "--layer", "counties", "--kind", "boundary", *to)
        inputs["areas"] = "counties"
    definition = folder / "gaps.json"
    definition.write_text(json.dumps({"id": "gaps", "method": "gaps", "inputs": inputs}), encoding="utf-8")
    seen.ran = emberline(folder, "publish", str(definition), *to)
    with serving(store) as service:
        _read(seen, service)
    _hold_counts(seen)
    if table.locations and table.unserved:
        _hold_sums(seen, datasets)
    if table.is_usage:
        _hold_shares(seen, datasets)
    return seen


def _read(seen: Looked, service: Service) -> None:
    seen.cells, seen.areas = read_back(service, "gaps"), read_back(service, "gaps.areas")
    seen.told = service.json("/collections/gaps/items?limit=1")["emberline"]["diagnostics"]
    for name, frame in (("gaps", seen.cells), ("gaps.areas", seen.areas)):
        matched = service.json(f"/collections/{name}/items?limit=1")["numberMatched"]
        seen.check(matched == len(frame), f"{name}: {len(frame):,} of {matched:,} came back")


def _hold_counts(seen: Looked) -> None:
    """Hold shares, q and classes against the properties that they come from."""
    for frame in (seen.cells, seen.areas):
        n, u = (frame[name].to_numpy(dtype=float) for name in ("locations", "unserved"))
        some = n > 0
        share = frame["share_unserved"].to_numpy(dtype=float)
        seen.check(bool(np.allclose(share[some], u[some] / n[some])), "a share is not unserved / locations")
        smooth = frame["share_eb"].to_numpy(dtype=float)
        seen.check(bool(((smooth >= 0) & (smooth <= 1) | np.isnan(smooth)).all()), "a share_eb beyond 0–1")
        silent = frame["q"].isna()
        seen.check(bool(frame.loc[silent, "reason"].notna().all()), "no q and no reason")
        hot = (frame["class"] == "hot").to_numpy()
        seen.check(bool((hot == (frame["q"].to_numpy(dtype=float) <= 0.05)).all()), "class is not q <= .05")
    p, q = (seen.areas[name].to_numpy(dtype=float) for name in ("p", "q"))
    tested = ~np.isnan(p)
    again = false_discovery_control(p[tested]) if tested.any() else p[tested]
    seen.check(bool(np.allclose(again, q[tested])), "q of the areas is not Benjamini-Hochberg of their p")


def _hold_sums(seen: Looked, datasets: Path) -> None:
    """Hold the totals against those of the file, each area taken once."""
    with gzip.open(datasets / seen.table.file) as file:
        rows = pd.DataFrame([one["properties"] for one in json.load(file)["features"]])
    once = rows.drop(columns="vetro_id").astype(str).drop_duplicates().index
    for name, column in (("locations", seen.table.locations), ("unserved", seen.table.unserved)):
        expected = pd.to_numeric(rows.loc[once, str(column)]).sum()
        for frame in (seen.cells, seen.areas):
            found = frame[name].sum()
            seen.check(bool(np.isclose(found, expected, rtol=1e-9)), f"{found} {name}, not {expected}")
    seen.check(len(seen.areas) == len(once), f"{len(seen.areas)} areas, not {len(once)}")


def _hold_shares(seen: Looked, datasets: Path) -> None:
    """Hold the shares of the counties against the table, joined here by number."""
    table = pd.read_csv(datasets / seen.table.file, comment=None, skiprows=_title_rows(datasets, seen.table))
    table.columns = [name.strip() for name in table.columns]
    usage = pd.to_numeric(table["BROADBAND USAGE"].astype(str).str.strip(), errors="coerce")
    expected = pd.Series(1 - usage.to_numpy(), index=table["COUNTY ID"].astype(int))
    shapes = pyogrio.read_dataframe(datasets / _USAGE / "us_counties_10m.topojson", layer="counties")
    is_drawn = ~(shapely.is_missing(shapes.geometry.values) | shapely.is_empty(shapes.geometry.values))
    drawn = set(shapes.loc[is_drawn, "id"].astype(int))
    found = pd.Series(
        seen.areas["share_unserved"].to_numpy(dtype=float), index=seen.areas["area"].astype(int)
    )
    seen.check(set(found.index) <= drawn & set(expected.index), "areas that no county is")
    seen.check(
        len(found) == seen.told["codes"] - seen.told["unmatched_codes"],
        f"{len(found)} areas of {seen.told['codes']} codes",
    )
    same = np.allclose(found, expected.loc[found.index], atol=1e-9, equal_nan=True)
    seen.check(bool(same), "a share is not that of its county")
    seen.check(bool(seen.cells["q"].isna().all()), "a share without counts was tested")


def _title_rows(datasets: Path, table: Table) -> int:
    """Return how many lines stand above the header."""
    with gzip.open(datasets / table.file, "rt", encoding="utf-8-sig") as file:
        return next(number for number, line in enumerate(file) if "COUNTY ID" in line)


def _page(seen: Sequence[Looked]) -> str:
    return "\n".join([_HEAD, *("\n".join(_section(one)) for one in seen)])


def _section(one: Looked) -> Iterator[str]:
    told, tests = one.told, one.told["tests_of_cells"] or one.told["tests_of_areas"]
    yield f"## {one.table.title}\n\n`{one.table.file}`, resolution {one.table.resolution}.\n"
    yield "| | |\n| --- | ---: |"
    parts = told.get("parts_joined", 0)
    sizes = told["support_of_places"]
    facts = [
        ("rows / accepted", f"{sum(one.counts.values()):,} / {one.counts['accepted']:,}"),
        ("places / rows joined as parts", f"{told['places']:,} / {parts:,}"),
        ("places finer / equal / coarser than a cell", " / ".join(f"{sizes[w]:,}" for w in sizes)),
        ("study area", f"{told['study_area_cells']:,} cells ({told['study_area_source']})"),
    ]
    if "codes" in told:
        lost = ", ".join(told["unmatched_codes_first"]) or "none"
        facts.append(("codes / without an area", f"{told['codes']:,} / {told['unmatched_codes']} ({lost})"))
    if told["locations"]:
        facts.append(("locations / unserved", f"{told['locations']:,.0f} / {told['unserved']:,.0f}"))
    elif one.areas["share_unserved"].notna().any():
        shares = one.areas["share_unserved"].astype(float)
        facts.append(
            ("places with a share / its median", f"{shares.notna().sum():,} / {shares.median():.3g}")
        )
    if tests:
        facts.append(
            ("level / ρ / tests", f"{tests['level']:.2f} / {tests['rho']:.2f} / {tests['n_tests']:,}")
        )
    hot_areas, hot_cells = (int((frame["class"] == "hot").sum()) for frame in (one.areas, one.cells))
    facts.append(("hot areas / cells", f"{hot_areas:,} / {hot_cells:,}"))
    yield from (f"| {name} | {value} |" for name, value in facts)
    if one.ran is not None:
        yield f"\nAnalysis and publication took {one.ran.cpu_s:.1f} s of processor time"
        yield f"and {one.ran.peak_mb:,.0f} MB. The answer says:\n"
    warnings = tests["warnings"] if tests else []
    reasons = one.areas["reason"].dropna().value_counts().to_dict()
    yield from (f"- {words}" for words in [*told["notes"], *warnings])
    yield from (f"- {number:,} areas without an answer: {words}" for words, number in reasons.items())
    yield ""
    yield from _hot_areas(one)
    if one.wrong:
        yield "**Does not add up:**\n\n" + "\n".join(f"- {words}" for words in one.wrong)


def _hot_areas(one: Looked) -> Iterator[str]:
    hot = one.areas[one.areas["class"] == "hot"].sort_values(["q", "area"]).head(5)
    if not len(hot):
        return
    yield "| Hot area | Unserved | Of | Share | Smoothed | z | q |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for row in hot.to_dict("records"):
        yield (
            f"| {row['name'] or row['area']} | {row['unserved']:,.0f} | {row['locations']:,.0f} |"
            f" {row['share_unserved']:.2f} | {row['share_eb']:.2f} | {row['z']:.1f} | {row['q']:.2g} |"
        )
    yield ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Walk through all tables, write the page, say what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies.real_gaps", description=__doc__)
    parser.add_argument("--out", type=Path, help="where the page goes (Markdown); else standard output")
    parser.add_argument("--only", nargs="*", default=[], help="ids of layers")
    chosen = parser.parse_args(arguments)
    walks = {
        one.title: partial(looked_at, one) for one in TABLES if not chosen.only or one.layer in chosen.only
    }
    return walked(chosen, walks, _page)


if __name__ == "__main__":
    sys.exit(main())
