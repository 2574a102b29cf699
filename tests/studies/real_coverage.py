"""Real broadband tables through the installed command and a real service: is every row accounted for?

    python -m tests.studies.real_coverage [--into docs/real-data.md]

Nineteen files of two counties of Maine, and three tables of broadband usage with their counties, are ingested
and read back by two GDALs. With `--into` the part "Broadband" of that page is made anew. The exit code is 1
where anything does not add up.
"""

import argparse
import gzip
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tests.contract.installed import serving
from tests.studies.real_data import PARTS_MARK
from tests.studies.real_wastewater import Walk

HEADING = "## Broadband"
_LOCATIONS = ("#Total Subscribers", "Service Locations")
_UNSERVED = ("#Unserved", "Unserved", "May Be Unserved")
_SHOWN = ("knox_eligible", "knox_unserved")
_ORDER = ("--kind", "coverage")


def maine(datasets: Path, folder: Path, ogr: str) -> tuple[Walk, str]:
    """Polygons and roads of two counties: every feature of nineteen files."""
    walk = Walk("broadband/maine", folder, folder / "maine.duckdb", ogr)
    files = sorted((datasets / "broadband/maine").glob("*/*.geojson.gz"))
    rows: list[list[Any]] = []
    n_features, sums = 0, {}
    for path in files:
        layer, features = path.name.removesuffix(".geojson.gz").lower(), _properties(path)
        quiet = Walk(walk.name, folder, walk.store, ogr)
        said = quiet.run("ingest", str(path), "--layer", layer, *_ORDER)
        walk.transcript += quiet.transcript if layer in _SHOWN else []
        parts = next(
            (line.split()[1].replace(",", "") for line in said if " repeat all columns" in line), "0"
        )
        sums[layer] = [_summed(features, names) for names in (_LOCATIONS, _UNSERVED)]
        rows.append([path.name, len(features), *_counts(said[-1]).values(), *sums[layer], int(parts)])
        n_features += len(features)
    walk.figure("files, features accepted", (len(files), sum(row[2] for row in rows)), (19, n_features))
    again = walk.run("ingest", str(files[0]), "--layer", "knox_eligible", *_ORDER)
    walk.figure("the first file again, duplicates", _counts(again[-1])["duplicate"], rows[0][1])
    with serving(walk.store) as service:
        for layer in ("knox_eligible", "waldo_may_unserved_density", "waldo_tier_4"):
            n = next(row[1] for row in rows if str(row[0]).lower().startswith(f"{layer}."))
            found = walk.read(service, layer, n)
            read = [round(float(found[name].sum())) for name in ("locations", "unserved")]
            walk.figure(f"`{layer}`: locations, unserved", tuple(read), tuple(sums[layer]))
    return walk, _table(rows)


def usage(datasets: Path, folder: Path, ogr: str) -> tuple[Walk, str]:
    """Shares of usage by county and zip, and the counties that the codes name."""
    data = datasets / "broadband/microsoft_usage"
    walk = Walk("broadband/microsoft_usage", folder, folder / "usage.duckdb", ogr)
    topology = str(data / "us_counties_10m.topojson")
    shapes = walk.run("ingest", topology, "--layer", "counties", "--kind", "boundary")
    tables = {"usage-2019": "2019November", "usage-2020": "2020October", "usage-zip": "zipcode"}
    paths = {layer: data / f"broadband_data_{name}.csv.gz" for layer, name in tables.items()}
    for layer, path in paths.items():
        walk.run("ingest", str(path), "--layer", layer, *_ORDER)
    again = walk.run("ingest", str(paths["usage-zip"]), "--layer", "usage-zip", *_ORDER)
    with serving(walk.store) as service:
        for layer, path in paths.items():
            raw = pd.read_csv(path, dtype=str, encoding="utf-8-sig")
            codes = raw["POSTAL CODE" if layer == "usage-zip" else "COUNTY ID"]
            shares = raw[next(c for c in raw if c.strip() == "BROADBAND USAGE")].str.strip()
            found = walk.read(service, layer, len(raw))
            is_whole = sorted(found["code"]) == sorted(codes.str.zfill(5))
            walk.figure(f"`{layer}`: codes as in the file, their zeros put back", is_whole, True)
            walk.figure(
                f"`{layer}`: codes with a zero in front",
                int(found["code"].str.startswith("0").sum()),
                int((codes.str.len() < 5).sum()),
            )
            n_blank = int(found["share_served"].isna().sum())
            walk.figure(f"`{layer}`: rows without a share", n_blank, int((shares == "-").sum()))
        counties = walk.read(service, "counties", _counts(shapes[-1])["accepted"])
    n_repeated = int(found["code"].duplicated().sum())
    walk.figure("rows on a zip code that another has too", n_repeated, int(codes.duplicated().sum()))
    walk.figure("the zip table again, duplicates", _counts(again[-1])["duplicate"], len(codes))
    walk.figure("counties with an id of five digits", int((counties["id"].str.len() == 5).sum()), 3_230)
    return walk, ""


def section(walks: Sequence[tuple[Walk, str]]) -> str:
    """Return the part of the page."""
    parts = [
        HEADING,
        "Made by `EMBERLINE_DATASETS=… python -m tests.studies.real_coverage --into docs/real-data.md`;"
        " exit code 1 where a figure is not what it must be. What must be is counted with json and pandas"
        " from the files themselves. What gaps come out of these tables stands on a page of its own.",
    ]
    for walk, table in walks:
        parts += [f"### `{walk.name}`", _NOTES[walk.name], *([table] if table else [])]
        parts.append("\n".join(f"    {line}" for line in walk.transcript))
        rows = [f"| {words} | {found} | {must_be} |" for words, found, must_be in walk.figures]
        parts.append("\n".join(["| Figure | Found | Must be |", "| --- | --- | --- |", *rows]))
        if walk.wrong:
            parts.append("**Does not add up:**\n\n" + "\n".join(f"- {words}" for words in walk.wrong))
    return "\n\n".join(parts) + "\n"


_NOTES = {
    "broadband/maine": "Counts are numbers in one column and text in the next; both are read. Roads by speed"
    " tier carry no counts and are kept without. Clusters were exported piece by piece, each piece with the"
    " counts of the whole cluster (Parts): the rows sum to several times the truth, which the report says."
    " `May Be Unserved` is taken as unserved only where no column says `Unserved`.",
    "broadband/microsoft_usage": "Shares alone, joined by codes that lost their zeros. 82 zip codes span"
    " counties and stand on several rows. The error range is one of 95 % and is kept as it is. One county of"
    " the topology (Falls Church) has no shape left at its scale and is rejected.",
}


def _table(rows: Sequence[Sequence[object]]) -> str:
    head = (
        "File",
        "Features",
        "Accepted",
        "Rejected",
        "Duplicate",
        "Updated",
        "Locations",
        "Unserved",
        "Parts",
    )
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    cells = [[f"{v:,}" if isinstance(v, int) else f"`{v}`" for v in row] for row in rows]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in cells)])


def _properties(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path) as file:
        return [one["properties"] for one in json.load(file)["features"]]


def _summed(features: Sequence[Mapping[str, Any]], names: Sequence[str]) -> int:
    """Return the sum of the first of some columns that the features have."""
    column = next((name for name in names if features[0].get(name) is not None), None)
    return 0 if column is None else sum(int(one[column]) for one in features)


def _counts(line: str) -> dict[str, int]:
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", line)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Walk, write the part of the page, say what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies.real_coverage", description=__doc__)
    parser.add_argument("--into", type=Path, help="the page whose part is made anew; else standard output")
    chosen = parser.parse_args(arguments)
    root, ogr = os.environ.get("EMBERLINE_DATASETS"), shutil.which("ogrinfo")
    if not root or ogr is None:
        print("EMBERLINE_DATASETS and the program ogrinfo are needed", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        seen = [walk(Path(root), Path(folder), ogr) for walk in (maine, usage)]
    text = section(seen)
    if chosen.into:
        chosen.into.write_text(_with_part(chosen.into.read_text(encoding="utf-8"), text), encoding="utf-8")
    else:
        print(text)
    for walk, _ in seen:
        print("\n".join(walk.wrong), file=sys.stderr)
    return int(any(walk.wrong for walk, _ in seen))


def _with_part(page: str, part: str) -> str:
    """Return a page with this part made anew, at its place or at the end."""
    if PARTS_MARK not in page:
        page = f"{page.rstrip()}\n\n{PARTS_MARK}\n"
    before, found, rest = page.partition(f"{HEADING}\n")
    after = re.search(r"^## ", rest, re.MULTILINE) if found else None
    return before.rstrip("\n") + "\n\n" + part + ("\n" + rest[after.start() :] if after else "")


if __name__ == "__main__":
    sys.exit(main())
