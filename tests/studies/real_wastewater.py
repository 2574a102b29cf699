"""Real wastewater through the installed command and a real service: what comes out, and does it add up.

    python -m tests.studies.real_wastewater [--into docs/real-data.md]

Two monitoring programmes are ingested, watched, published and read back by two GDALs; two states' sewersheds
are held against their rings. With `--into` the part "Wastewater" of that page is made anew. The exit code is
1 where anything does not add up.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from tests.contract.installed import Service, emberline, ogr_features, ogrinfo, read_back, serving
from tests.studies.real_data import PARTS_MARK

PAGE_SIZE = 1000
HEADING = "## Wastewater"


@dataclass
class Walk:
    """One data set from file to clients: what was run and said, figures, and what does not add up."""

    name: str
    folder: Path
    store: Path
    ogr: str
    transcript: list[str] = field(default_factory=list)
    figures: list[tuple[str, str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def run(self, *arguments: str) -> list[str]:
        """Run a command on the store of this walk and keep what was said."""
        ran = emberline(self.folder, *arguments, "--store", f"duckdb:///{self.store}")
        shown = " ".join(Path(one).name if one.startswith("/") else one for one in arguments)
        self.transcript += [f"$ emberline {shown}", *ran.lines]
        return ran.lines

    def figure(self, words: str, found: object, must_be: object) -> None:
        """Keep a figure; note where it is not what it must be."""
        self.figures.append((words, _shown(found), _shown(must_be)))
        if found != must_be:
            self.wrong.append(f"{self.name}: {words}: {found}, not {must_be}")

    def read(self, service: Service, collection: str, expected: int) -> gpd.GeoDataFrame | pd.DataFrame:
        """Read a collection back by two GDALs."""
        frame = read_back(service, collection)
        told = ogrinfo(self.ogr, service, collection, "-oo", f"PAGE_SIZE={PAGE_SIZE}")["count"]
        walked = ogr_features(self.ogr, service, collection, PAGE_SIZE)
        words = f"`{collection}` read by pyogrio, counted by `ogrinfo -so`, walked by `ogrinfo -al`"
        self.figure(words, (len(frame), told, walked), (expected,) * 3)
        return frame


def twin_cities(datasets: Path, folder: Path, ogr: str) -> Walk:
    """One plant of nine reports: the others must say that they have no data."""
    data = datasets / "wastewater/twin_cities_metc"
    walk = Walk("wastewater/twin_cities_metc", folder, folder / "metc.duckdb", ogr)
    samples, sheds = data / "clean_load_data.csv.gz", data / "sewersheds.geojson.gz"
    walk.run("ingest", str(sheds), "--layer", "plants", "--kind", "sewersheds")
    order = ("--layer", "loads", "--kind", "samples", "--timezone", "America/Chicago")
    mapping = ("--map", "sewershed==Metro", "--map", "analyte==SARS-CoV-2")
    last = walk.run("ingest", str(samples), *order, *mapping)[-1]
    rows = pd.read_csv(samples)
    n_values = int(rows["copies_day_person_M_mn"].notna().sum())
    walk.figure("rows with a mean, accepted", _counts(last)["accepted"], n_values)
    walk.figure("rows without a mean, rejected", _counts(last)["rejected"], len(rows) - n_values)
    _publish(walk, "metro-alerts", "loads", sewersheds="plants")
    with serving(walk.store) as service:
        alerts = walk.read(service, "metro-alerts", 9)
        series = walk.read(service, "metro-alerts.series", n_values)
        silent = alerts[alerts["sewershed"] != "Metro"]
        walk.figure("sewersheds that say they have no data", int((silent["state"] == "no data").sum()), 8)
        reasons = set(silent["reason"])
        walk.figure("their reason", "; ".join(sorted(reasons)), "no samples from this sewershed")
        walk.figure("of them with an alarm", int(silent["alarm"].notna().sum()), 0)
        walk.figure("polygons", int(alerts.geometry.notna().sum()), 9)
        walk.figure("samples of Metro", int(alerts.set_index("sewershed")["n_samples"]["Metro"]), n_values)
        summer = rows["date"].between("2022-06-01", "2022-08-31") & rows["copies_day_person_M_mn"].notna()
        asked = "datetime=2022-06-01T05:00:00Z/2022-08-31T05:00:00Z&limit=1"
        found = service.json(f"/collections/metro-alerts.series/items?{asked}")
        walk.figure("samples of summer 2022 by `datetime`", found["numberMatched"], int(summer.sum()))
        in_order = bool((series["start"].diff().dropna() >= pd.Timedelta(0)).all())
        walk.figure("series in time order", in_order, True)
    return walk


def nz_esr(datasets: Path, folder: Path, ogr: str) -> Walk:
    """Two releases that overlap, in one layer: every sample counts once."""
    data = datasets / "wastewater/nz_esr"
    walk = Walk("wastewater/nz_esr", folder, folder / "nz.duckdb", ogr)
    files = [data / f"data_{name}ww_data_all.csv.gz" for name in ("historic_", "")]
    older, newer = (pd.read_csv(path) for path in files)
    key = ["SampleLocation", "Collected"]
    order = ("--layer", "sars", "--kind", "samples", "--timezone", "Pacific/Auckland")
    told = [
        _counts(walk.run("ingest", str(path), *order, "--map", "analyte==SARS-CoV-2")[-1]) for path in files
    ]
    both = pd.concat([older, newer]).drop_duplicates(key)
    known = newer.merge(older, on=key, how="left", suffixes=("", "_before"), indicator=True)
    is_known = known["_merge"] == "both"
    walk.figure("samples of the older release, accepted", told[0]["accepted"], len(older))
    walk.figure("samples new in the newer one, accepted", told[1]["accepted"], int((~is_known).sum()))
    walk.figure(
        "known ones, repeated or put right", told[1]["duplicate"] + told[1]["updated"], int(is_known.sum())
    )
    _publish(walk, "sars-alerts", "sars")
    with serving(walk.store) as service:
        alerts = walk.read(service, "sars-alerts", both["SampleLocation"].nunique())
        series = walk.read(service, "sars-alerts.series", len(both))
        walk.figure("series in the older release", older["SampleLocation"].nunique(), 134)
        new = set(newer["SampleLocation"]) - set(older["SampleLocation"])
        walk.figure("series that only the newer one has", ", ".join(sorted(new)), "AU_Central")
        walk.figure("samples used, over all series", int(alerts["n_samples"].sum()), len(both))
        walk.figure("sample ids, each once", series["id"].is_unique, True)
        per_series = both["SampleLocation"].value_counts().sort_index()
        found = alerts.set_index("sewershed")["n_samples"].sort_index()
        walk.figure("samples of every series as counted by hand", bool((found == per_series).all()), True)
        last = both.groupby("SampleLocation")["Collected"].max()
        behind = (pd.to_datetime(last.max()) - pd.to_datetime(last)).dt.days
        stale = set(alerts.loc[alerts["state"] == "stale", "sewershed"])
        walk.figure("stale though sampled in the last 14 days", len(stale & set(last[behind <= 14].index)), 0)
        walk.figure("not stale though silent for 90 days", len(set(last[behind > 90].index) - stale), 0)
        states = alerts["state"].value_counts().to_dict()
        walk.figures.append(("states", ", ".join(f"{n} {name}" for name, n in states.items()), ""))
    return walk


def epa_sewersheds(datasets: Path, folder: Path, ogr: str) -> Walk:
    """Two states' sewersheds: every ring is accounted for, and the layers come back."""
    data = datasets / "wastewater/epa_sewersheds"
    walk = Walk("wastewater/epa_sewersheds", folder, folder / "epa.duckdb", ogr)
    files = {
        "utah": data / "UTAH_merged_sewersheds.gpkg.zip",
        "rhode-island": data / "RHODEISLAND_statedata_publiconline_sewersheds.gpkg.zip",
    }
    for layer, path in files.items():
        walk.run("ingest", str(path), "--layer", layer, "--kind", "sewersheds")
    with serving(walk.store) as service:
        for layer, path in files.items():
            raw = gpd.read_file(path)
            report = service.json(f"/layers/{layer}/ingests")["ingests"][0]["report"]["counts"]
            walk.figure(f"{layer}: rings in the file", report["geometry.rings"], _rings(raw))
            invalid = int((~raw.geometry.is_valid).sum())
            walk.figure(f"{layer}: invalid, repaired", report.get("geometry.repaired", 0), invalid)
            read = walk.read(service, layer, len(raw))
            walk.figure(
                f"{layer}: rings kept, as told and as read", report["geometry.rings_kept"], _rings(read)
            )
            walk.figure(f"{layer}: valid as read", bool(read.geometry.is_valid.all()), True)
            # Repair may cut off slivers, and coordinates leave with six decimals.
            share = _km2(read) / _km2(raw.assign(geometry=shapely.make_valid(raw.geometry.to_numpy())))
            walk.figure(f"{layer}: area kept to 1e-4", abs(share - 1) < 1e-4, True)
    return walk


def section(walks: Sequence[Walk]) -> str:
    """Return the part of the page."""
    parts = [
        HEADING,
        "Made by `EMBERLINE_DATASETS=… python -m tests.studies.real_wastewater --into docs/real-data.md`;"
        " exit code 1 where a figure is not what it must be. What must be is counted with pandas and shapely"
        " from the files themselves.",
    ]
    for walk in walks:
        parts += [
            f"### `{walk.name}`",
            _NOTES[walk.name],
            "\n".join(f"    {line}" for line in walk.transcript),
        ]
        rows = [f"| {words} | {found} | {must_be} |" for words, found, must_be in walk.figures]
        parts.append("\n".join(["| Figure | Found | Must be |", "| --- | --- | --- |", *rows]))
        if walk.wrong:
            parts.append("**Does not add up:**\n\n" + "\n".join(f"- {words}" for words in walk.wrong))
    return "\n\n".join(parts) + "\n"


_NOTES = {
    "wastewater/twin_cities_metc": "Daily loads of one plant of nine, per person and day. The file names no"
    " sewershed, so `--map sewershed==Metro` does. The other eight sewersheds have no data and say so: no"
    " alarm, no trend, no value.",
    "wastewater/nz_esr": "Two releases in one layer. The older one has 134 series, as its site list; the"
    " newer one brings the 135th. A sample that both hold counts once, with what the newer one says. Most"
    " plants stopped in 2023 and 2024: their last states are not told as if they were of today.",
    "wastewater/epa_sewersheds": "Rings that cross themselves are repaired, which may split them: more rings"
    " are kept than read, and both numbers are told.",
}


def walks(datasets: Path, folder: Path, ogr: str) -> list[Walk]:
    """Walk through all three data sets."""
    return [walk(datasets, folder, ogr) for walk in (twin_cities, nz_esr, epa_sewersheds)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Walk, write the part of the page, say what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies.real_wastewater", description=__doc__)
    parser.add_argument("--into", type=Path, help="the page whose part is made anew; else standard output")
    chosen = parser.parse_args(arguments)
    root, ogr = os.environ.get("EMBERLINE_DATASETS"), shutil.which("ogrinfo")
    if not root or ogr is None:
        print("EMBERLINE_DATASETS and the program ogrinfo are needed", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        seen = walks(Path(root), Path(folder), ogr)
    text = section(seen)
    if chosen.into:
        chosen.into.write_text(_with_part(chosen.into.read_text(encoding="utf-8"), text), encoding="utf-8")
    else:
        print(text)
    for walk in seen:
        print("\n".join(walk.wrong), file=sys.stderr)
    return int(any(walk.wrong for walk in seen))


def _with_part(page: str, part: str) -> str:
    """Return a page with its part of this heading made anew, at its place or at the end."""
    if PARTS_MARK not in page:
        page = f"{page.rstrip()}\n\n{PARTS_MARK}\n"
    before, found, rest = page.partition(f"{HEADING}\n")
    after = re.search(r"^## ", rest, re.MULTILINE) if found else None
    return before.rstrip("\n") + "\n\n" + part + ("\n" + rest[after.start() :] if after else "")


def _publish(walk: Walk, name: str, layer: str, **inputs: Any) -> None:
    path = walk.folder / f"{name}.json"
    path.write_text(json.dumps({"id": name, "method": "surveillance", "inputs": {"layer": layer, **inputs}}))
    walk.run("publish", str(path))


def _counts(line: str) -> Mapping[str, int]:
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", line)}


def _rings(frame: gpd.GeoDataFrame) -> int:
    parts = shapely.get_parts(frame.geometry.to_numpy())
    return int((1 + shapely.get_num_interior_rings(parts)).sum())


def _km2(frame: gpd.GeoDataFrame) -> float:
    return float(frame.to_crs("EPSG:6933").area.sum() / 1e6)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    sys.exit(main())
