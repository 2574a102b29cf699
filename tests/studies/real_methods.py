"""Emerging hotspots and the prospective scan on real incidents, through the public interface.

    python -m tests.studies.real_methods [--out docs/real-data-methods.md]

Each data set is taken in by the installed command, analysed, published, served and read back by GDAL. The
exit code is 1 where anything does not add up; the page is written anyway. Rates over residents have a study
of their own (`real_denominators`).
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd

from tests.contract.installed import Ran, emberline, read_back, serving
from tests.studies.real_walk import walked

_HEAD = """\
# Real data: emerging hotspots and the scan

Two public exports, taken through the installed `emberline` command and a running service, and read back by
GDAL. Made by `EMBERLINE_DATASETS=… python -m tests.studies.real_methods --out docs/real-data-methods.md`,
which ends with exit code 1 where anything does not add up: rows against the README, every feature read back,
incidents inside and outside the study area against those accepted. Rates over residents (Memphis and others):
[real-data-denominators.md](real-data-denominators.md).
"""


@dataclass(frozen=True)
class Analysis:
    """One question of a data set."""

    name: str
    method: str
    words: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """One data set with its questions."""

    name: str
    title: str
    file: str
    boundary: str
    timezone: str
    readme_rows: int
    analyses: Sequence[Analysis]


@dataclass
class Looked:
    """What one data set gave, by analysis."""

    place: Place
    counts: dict[str, int] = field(default_factory=dict)
    ran: dict[str, Ran] = field(default_factory=dict)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    found: dict[str, gpd.GeoDataFrame] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def check(self, is_right: bool, words: str) -> None:
        """Note what does not add up."""
        if not is_right:
            self.wrong.append(words)


_MONTHLY = {"resolution": 8, "bin": "P1M"}
CHICAGO = Place(
    "places/chicago",
    "Chicago: aggravated assaults by month, ten years",
    "aggravated_assaults_2010-.csv.gz",
    "community_areas_pop2010.geojson.gz",
    "America/Chicago",
    148_636,
    (
        Analysis("in-the-city", "emerging", "within the community areas", _MONTHLY | {"boundary": "outline"}),
        Analysis("as-spanned", "emerging", "without a boundary", _MONTHLY),
    ),
)
_WEEKLY = {"resolution": 8, "bin": "P7D", "mode": "prospective", "boundary": "outline"}
MONTCO = Place(
    "incidents/montco_911",
    "Montgomery County: 911 calls by week",
    "911.csv.zip",
    "municipalities.geojson.gz",
    "America/New_York",
    99_492,
    (
        Analysis("all-calls", "scan", "all calls", _WEEKLY),
        Analysis("overdoses", "scan", "overdoses", _WEEKLY | {"category": ["EMS: OVERDOSE"]}),
    ),
)
PLACES = (CHICAGO, MONTCO)


def looked_at(place: Place, datasets: Path, folder: Path, *, only: Sequence[str] = ()) -> Looked:
    """Walk one data set from its file to what a client reads."""
    seen, source = Looked(place), datasets / place.name
    store = folder / f"{Path(place.name).name}.duckdb"
    to = ("--store", f"duckdb:///{store}")
    outline = str(source / place.boundary)
    emberline(folder, "ingest", outline, "--layer", "outline", "--kind", "boundary", *to)
    order = ("--layer", "incidents", "--timezone", place.timezone, *to)
    seen.counts = emberline(folder, "ingest", str(source / place.file), *order).counts
    n_rows = sum(seen.counts.values())
    seen.check(n_rows == place.readme_rows, f"{n_rows:,} rows, not {place.readme_rows:,}")
    asked = [one for one in place.analyses if not only or one.name in only]
    for one in asked:
        definition = {"id": one.name, "method": one.method, "inputs": {"layer": "incidents", **one.inputs}}
        path = folder / f"{one.name}.json"
        path.write_text(json.dumps(definition), encoding="utf-8")
        seen.ran[one.name] = emberline(folder, "publish", str(path), *to)
    with serving(store) as service:
        for one in asked:
            answer = service.json(f"/collections/{one.name}/items?limit=1")
            seen.told[one.name] = answer["emberline"]["diagnostics"]
            seen.found[one.name] = read_back(service, one.name)
            n_read = len(seen.found[one.name])
            matched = answer["numberMatched"]
            seen.check(n_read == matched, f"{one.name}: {n_read:,} of {matched:,} came back")
    for one in asked:
        _hold(seen, one)
    return seen


def _hold(seen: Looked, one: Analysis) -> None:
    """Hold an answer against the accounting and its own definitions."""
    told, found = seen.told[one.name], seen.found[one.name]
    left_out = told["outside_study_area"] + told["outside_bins"]
    if one.method == "emerging":
        accounted = int(found["count"].sum()) + left_out
        seen.check(accounted == seen.counts["accepted"], f"{one.name}: {accounted:,} incidents accounted for")
        patterns = found["pattern"].value_counts().to_dict()
        seen.check(patterns == told["patterns"], f"{one.name}: the patterns told are not those read back")
        seen.check(len(found) == told["study_area_cells"], f"{one.name}: a cell has no feature")
        return
    accounted = told["cases"] + told["folded"] + left_out
    seen.check(accounted == told["rows_selected"], f"{one.name}: {accounted:,} cases accounted for")
    is_sure = found["p"] <= 0.05
    seen.check(
        bool((found["significant"].astype(bool) == is_sure).all()), f"{one.name}: significant is not p"
    )
    days = (7 / found["p"] - found["recurrence_days"]).abs() / (7 / found["p"])
    seen.check(bool((days < 1e-9).all()), f"{one.name}: the recurrence interval is not 7 days / p")
    ends = found["window_end"].nunique()
    seen.check(ends == 1, f"{one.name}: prospective windows end at {ends} times")


def _page(seen: Sequence[Looked]) -> str:
    return "\n".join([_HEAD, *("\n".join(_section(one)) for one in seen)]).rstrip() + "\n"


def _section(seen: Looked) -> Iterator[str]:
    counts = seen.counts
    yield f"## {seen.place.title}\n\n`{seen.place.name}`, resolution 8; {sum(counts.values()):,} rows,"
    yield f"{counts['accepted']:,} accepted, {counts['rejected']:,} rejected.\n"
    for one in seen.place.analyses:
        ran, told = seen.ran[one.name], seen.told[one.name]
        yield f"### `{one.method}`, {one.words}\n"
        yield f"{told['study_area_cells']:,} cells ({told['study_area_source']}), {told['n_bins']} bins;"
        yield f"{ran.cpu_s:.1f} s of processor time, {ran.peak_mb:,.0f} MB.\n"
        yield from (_emerging if one.method == "emerging" else _scan)(told, seen.found[one.name])
        yield "\nWhat the answer says of itself:\n"
        yield from (f"- {words}" for words in [*told["notes"], *told["warnings"]])
        yield ""
    if seen.wrong:
        yield "**Does not add up:**\n\n" + "\n".join(f"- {words}" for words in seen.wrong)


def _emerging(told: Mapping[str, Any], found: gpd.GeoDataFrame) -> Iterator[str]:
    yield "| Pattern | Cells | Of them never with an incident | Incidents | Share of incidents |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    total = found["count"].sum()
    groups = sorted(found.groupby("pattern"), key=lambda one: -one[1]["count"].sum())
    for name, some in groups:
        count, never = some["count"].sum(), int((some["count"] == 0).sum())
        yield f"| {name} | {len(some):,} | {never:,} | {count:,} | {count / total:.1%} |"


def _scan(told: Mapping[str, Any], found: gpd.GeoDataFrame) -> Iterator[str]:
    n_sure = int(found["significant"].astype(bool).sum())
    yield f"{told['rows_selected']:,} calls, {told['folded']:,} of them folded (another one at the same place"
    yield f"in the same week), {told['cases']:,} cases; clusters at 0.05: {n_sure}."
    yield "The first five:\n"
    yield "| Rank | Cases | Expected | Relative risk | p | Recurrence (days) | Radius (cells) | From |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    for _, row in found.sort_values("rank").head(5).iterrows():
        numbers = f"{row['count']:,} | {row['expected']:.1f} | {row['relative_risk']:.2f} | {row['p']:.3f}"
        rest = f"{row['recurrence_days']:.0f} | {row['radius_cells']} | {str(row['window_start'])[:10]}"
        yield f"| {row['rank']} | {numbers} | {rest} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Walk through all places, write the page, say what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies.real_methods", description=__doc__)
    parser.add_argument("--out", type=Path, help="where the page goes (Markdown); else standard output")
    chosen = parser.parse_args(arguments)
    walks = {one.title: partial(looked_at, one) for one in PLACES}
    return walked(chosen, walks, _page)


if __name__ == "__main__":
    sys.exit(main())
