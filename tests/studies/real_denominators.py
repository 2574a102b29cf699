"""Real incidents over real populations: risk instead of numbers, from the files to a client of the service.

    python -m tests.studies.real_denominators [--out docs/real-data-denominators.md] [--only places/memphis …]

Each data set is taken in, analysed twice (without and with its population), published, served and read back
by GDAL. What is read is held against figures that are counted here, without Emberline. The exit code is 1
where anything does not add up; the page is written anyway.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import h3
import numpy as np
import pandas as pd
import pyogrio

from tests.contract.installed import Ran, Service, emberline, read_back, serving, write_analysis
from tests.studies.real_walk import walked

_HEAD = """\
# Real data with population denominators

Three public exports over the people who live there, taken through the installed `emberline` command and a
running service, and read back by GDAL. This page is generated;
`EMBERLINE_DATASETS=… python -m tests.studies.real_denominators --out docs/real-data-denominators.md` makes it
anew and ends with exit code 1 where anything does not add up.

- *Expected* is the number of incidents times the share of the people. *φ* is the dispersion of the cells
  around it (variance: mean + φ · mean²). *Usual* is what the cells that do not stand out hold, over what is
  expected of them. *Background* is what a cell without people is taken to hold (incidents a cell).
- *Without* and *with* are the same question without and with `population`: hot cells and areas at q ≤ 0.05.
- *Held against:* rows, people and incidents counted here; Σ expected = Σ count; z and relative risk of every
  cell recomputed from the counts that were read back, with another H3 library; cells without people that hold
  incidents are among the features, with null rate.
"""


@dataclass(frozen=True)
class Place:
    """One data set: incidents, the file with the people, and what its README counts."""

    name: str
    title: str
    files: Sequence[str]
    timezone: str
    resolution: int
    readme_rows: int
    people: Callable[[Path, Path], Path]
    readme_people: float
    boundary: str = ""


@dataclass
class Looked:
    """What one data set gave."""

    place: Place
    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    ran: Ran | None = None
    told: dict[str, Any] = field(default_factory=dict)
    cells: gpd.GeoDataFrame = field(default_factory=gpd.GeoDataFrame)
    areas: gpd.GeoDataFrame = field(default_factory=gpd.GeoDataFrame)
    plain_cells: gpd.GeoDataFrame = field(default_factory=gpd.GeoDataFrame)
    plain_areas: gpd.GeoDataFrame = field(default_factory=gpd.GeoDataFrame)
    wrong: list[str] = field(default_factory=list)

    def check(self, is_right: bool, words: str) -> None:
        """Note what does not add up."""
        if not is_right:
            self.wrong.append(words)

    def hot(self, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Return the hot cells among those read back."""
        return frame[frame["class"] == "hot"]


def _as_it_is(file: str) -> Callable[[Path, Path], Path]:
    return lambda source, _: source / file


def _wards_with_people(source: Path, folder: Path) -> Path:
    """Join the people of the spreadsheets to the wards by their codes, as one would in a GIS; EPSG:27700."""
    parts = []
    for force in ("northumbria", "lancashire"):
        wards = pyogrio.read_dataframe(source / f"{force}_wards.gpkg")
        people = pyogrio.read_dataframe(source / f"{force}_ward_pop.xlsx", read_geometry=False)
        people = people.rename(columns={"gss_code": "ward_code"})[["ward_code", "population"]]
        parts.append(wards.merge(people, on="ward_code", how="left"))
    path = folder / "wards.gpkg"
    pyogrio.write_dataframe(gpd.GeoDataFrame(pd.concat(parts, ignore_index=True)), path)
    return path


SAO_PAULO = Place(
    "places/sao_paulo",
    "São Paulo: injury crashes over the residents of the centre (H3 cells)",
    tuple(f"crashes_{year}.csv.gz" for year in (2011, 2012, 2014, 2015)),
    "America/Sao_Paulo",
    9,
    96_130,
    _as_it_is("spo_hexgrid.csv"),
    517_570,
)
UK = Place(
    "incidents/uk_north_wards",
    "Lancashire and Northumbria: street crime over the residents of wards (British grid)",
    tuple(
        f"2018-{month}-{force}-street.csv.gz" for month in (11, 12) for force in ("lancashire", "northumbria")
    ),
    "Europe/London",
    8,
    66_328,
    _wards_with_people,
    1_449_060 + 1_304_472,
)
MEMPHIS = Place(
    "places/memphis",
    "Memphis: robberies over the residents of census blocks (points)",
    ("memphis_robberies.csv.gz",),
    "America/Chicago",
    9,
    2_245,
    _as_it_is("memphis_population.csv.gz"),
    634_612,
    boundary="memphis_precincts.geojson",
)
PLACES = (SAO_PAULO, UK, MEMPHIS)


def looked_at(place: Place, datasets: Path, folder: Path) -> Looked:
    """Walk one data set from its files to what a client reads."""
    seen, source = Looked(place), datasets / place.name
    store = folder / f"{Path(place.name).name}.duckdb"
    to = ("--store", f"duckdb:///{store}")
    emberline(
        folder, "ingest", str(place.people(source, folder)), "--layer", "people", "--kind", "population", *to
    )
    asked: dict[str, Any] = {"resolution": place.resolution}
    if place.boundary:
        emberline(
            folder, "ingest", str(source / place.boundary), "--layer", "city", "--kind", "boundary", *to
        )
        asked["boundary"] = "city"
    for file in place.files:
        order = ("ingest", str(source / file), "--layer", "incidents", "--timezone", place.timezone, *to)
        counts = emberline(folder, *order).counts
        seen.rows += sum(counts.values())
        seen.accepted += counts["accepted"]
        seen.rejected += counts["rejected"]
    seen.check(seen.rows == place.readme_rows, f"{seen.rows:,} rows, not {place.readme_rows:,}")
    for name, more in (("plain", {}), ("by-risk", {"population": "people"})):
        analysis = write_analysis(folder / f"{name}.json", name, "incidents", asked | more)
        seen.ran = emberline(folder, "publish", str(analysis), *to)
    with serving(store) as service:
        _read(seen, service)
    _hold(seen)
    return seen


def _read(seen: Looked, service: Service) -> None:
    seen.cells, seen.areas = read_back(service, "by-risk.cells"), read_back(service, "by-risk")
    seen.plain_cells, seen.plain_areas = read_back(service, "plain.cells"), read_back(service, "plain")
    seen.told = service.json("/collections/by-risk.cells/items?limit=1")["emberline"]["diagnostics"]
    for name, frame in (("by-risk.cells", seen.cells), ("by-risk", seen.areas)):
        matched = service.json(f"/collections/{name}/items?limit=1")["numberMatched"]
        seen.check(matched == len(frame), f"{name}: {len(frame):,} of {matched:,} came back")


def _hold(seen: Looked) -> None:
    """Hold what was read against the counts, the people and the definitions."""
    cells, told = seen.cells, seen.told
    count, expected = cells["count"].to_numpy(), cells["expected"].to_numpy()
    seen.check(
        told["rows_selected"] == seen.accepted and count.sum() + told["outside_study_area"] == seen.accepted,
        f"{count.sum():,} in cells and {told['outside_study_area']:,} outside are not {seen.accepted:,}",
    )
    people = told["population"] + told["population_outside_study_area"]
    unknown = seen.place.readme_people - people
    seen.check(
        abs(unknown) < 1e-3 if not told["population_rows_without_value"] else unknown >= 0,
        f"{people:,.0f} people, not {seen.place.readme_people:,.0f}",
    )
    seen.check(bool(np.isclose(expected.sum(), count.sum())), f"{expected.sum()} expected of {count.sum()}")
    nobody = cells[(expected == 0) & (count > 0)]
    seen.check(
        (len(nobody), int(nobody["count"].sum())) == (told["unexpected_cells"], told["unexpected_incidents"])
        and bool(nobody["rate"].isna().all()),
        f"{len(nobody)} cells without people hold incidents, {told['unexpected_cells']} were told",
    )
    z, risk = _recomputed(cells, told["phi"])
    for name, again in (("z", z), ("relative_risk", risk)):
        given = cells[name].to_numpy(dtype=float)
        answered = ~np.isnan(given)
        is_same = np.allclose(given[answered], again[answered], rtol=1e-6, atol=1e-9)
        seen.check(bool(is_same) and bool(answered.any()), f"{name} is not that of the counts read back")
    low, high = cells["rr_low"].to_numpy(dtype=float), cells["rr_high"].to_numpy(dtype=float)
    inside = ~((low > risk * (1 + 1e-9)) | (high < risk * (1 - 1e-9)))
    seen.check(bool(inside.all()), "a relative risk lies outside its interval")


def _recomputed(cells: gpd.GeoDataFrame, phi: float) -> tuple[np.ndarray, np.ndarray]:
    """Return z and relative risk of the disks, from the properties of the cells alone."""
    place = {cell: row for row, cell in enumerate(cells["h3"])}
    count, expected = cells["count"].to_numpy(dtype=float), cells["expected"].to_numpy(dtype=float)
    o, e, squares = np.zeros((3, len(cells)))
    for row, (cell, ring) in enumerate(zip(cells["h3"], cells["ring"], strict=True)):
        members = [place[other] for other in h3.grid_disk(cell, int(ring)) if other in place]
        o[row], e[row], squares[row] = (
            count[members].sum(),
            expected[members].sum(),
            (expected[members] ** 2).sum(),
        )
    n = count.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return (o - e) / np.sqrt(e + phi * squares), (o / e) / ((n - o) / (expected.sum() - e))


def _page(seen: Sequence[Looked]) -> str:
    return "\n".join([_HEAD, *("\n".join(_section(one)) for one in seen)])


def _section(one: Looked) -> Iterator[str]:
    told, place = one.told, one.place
    usual = told["usual_total"] / told["total_expected"]
    yield f"## {place.title}\n\n`{place.name}`, resolution {place.resolution}.\n"
    yield "| | |\n| --- | ---: |"
    facts = (
        ("rows / accepted / rejected", f"{one.rows:,} / {one.accepted:,} / {one.rejected:,}"),
        ("study area", f"{told['study_area_cells']:,} cells ({told['study_area_source']})"),
        ("incidents in it / outside", f"{told['total']:,} / {told['outside_study_area']:,}"),
        (
            "people in it / outside",
            f"{told['population']:,.0f} / {told['population_outside_study_area']:,.0f}",
        ),
        ("population rows without a number", f"{told['population_rows_without_value']:,}"),
        ("cells without people / of them with incidents", _cells_without(told)),
        ("φ / usual / background", f"{told['phi']:.2f} / {usual:.2f} / {told['background']:.2g}"),
        ("hot cells without / with", f"{len(one.hot(one.plain_cells)):,} / {len(one.hot(one.cells)):,}"),
        ("areas without / with", f"{len(one.plain_areas)} / {len(one.areas)}"),
        (
            "hot in both",
            f"{len(set(one.hot(one.plain_cells)['h3']) & set(one.hot(one.cells)['h3'])):,} cells",
        ),
    )
    yield from (f"| {name} | {value} |" for name, value in facts)
    if one.ran is not None:
        yield f"\nThe analysis with its population took {one.ran.cpu_s:.1f} s of processor time"
        yield f"and {one.ran.peak_mb:,.0f} MB. First areas with the population:\n"
    yield "| Rank | Name | Cells | Count | Expected | Relative risk (95 %) | Smallest q |"
    yield "| ---: | --- | ---: | ---: | ---: | ---: | ---: |"
    yield from (_area(row) for _, row in one.areas.sort_values("rank").head(5).iterrows())
    yield "\nWhat the answer warns of:\n"
    yield from (f"- {words}" for words in [*told["notes"], *told["warnings"]])
    yield ""
    if one.wrong:
        yield "**Does not add up:**\n\n" + "\n".join(f"- {words}" for words in one.wrong)


def _cells_without(told: dict[str, Any]) -> str:
    found = f"{told['unexpected_cells']:,} ({told['unexpected_incidents']:,} incidents)"
    return f"{told['cells_without_population']:,} / {found}"


def _area(row: Any) -> str:
    risk = "—" if pd.isna(row["relative_risk"]) else f"{row['relative_risk']:.2f}"
    risk += "" if pd.isna(row["rr_high"]) else f" ({row['rr_low']:.2f}–{row['rr_high']:.2f})"
    numbers = f"{row['n_cells']:,} | {row['count']:,} | {row['expected']:,.1f} | {risk} | {row['min_q']:.1g}"
    return f"| {row['rank']} | {row['name'] or '—'} | {numbers} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Walk through all places, write the page, say what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies.real_denominators", description=__doc__)
    parser.add_argument("--out", type=Path, help="where the page goes (Markdown); else standard output")
    parser.add_argument("--only", nargs="*", default=[], help="names of data sets")
    chosen = parser.parse_args(arguments)
    walks = {
        one.title: partial(looked_at, one) for one in PLACES if not chosen.only or one.name in chosen.only
    }
    return walked(chosen, walks, _page)


if __name__ == "__main__":
    sys.exit(main())
