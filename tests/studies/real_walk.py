"""One real export walked from file to clients: ingested twice, analysed, served, read back, and checked."""

import argparse
import csv
import gzip
import io
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import geopandas as gpd
import pyarrow.parquet as pq

from tests.contract.installed import (
    Ran,
    Service,
    emberline,
    ogr_features,
    ogrinfo,
    read_back,
    serving,
    write_analysis,
)
from tests.studies.real_cases import Case, Question

#: Features a request that Debian's GDAL is told to ask for; its own default is 10.
PAGE_SIZE = 1000
#: Collections up to here are walked through by Debian's GDAL where not all are.
MEDIUM = 10_000
#: Collections up to here are also walked through with Debian's default of 10 features a page.
SMALL = 2_000


def walked(
    chosen: argparse.Namespace,
    walks: Mapping[str, Callable[[Path, Path], Any]],
    page: Callable[[list[Any]], str],
) -> int:
    """Walk through data sets by title, write the page, say what is wrong; return the exit code.

    Each walk takes the folder of all data sets and one of its own, and returns what it saw with `wrong`, the
    sentences about what does not add up.
    """
    root = os.environ.get("EMBERLINE_DATASETS")
    if not root:
        print("EMBERLINE_DATASETS is needed", file=sys.stderr)
        return 2
    seen = []
    for title, walk in walks.items():
        print(f"{title} …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            seen.append(walk(Path(root), Path(folder)))
        for words in seen[-1].wrong:
            print(f"  WRONG {words}", file=sys.stderr, flush=True)
    if chosen.out:
        chosen.out.write_text(page(seen), encoding="utf-8")
    else:
        print(page(seen))
    return int(any(one.wrong for one in seen))


@dataclass(frozen=True)
class Ingested:
    """One file taken into a layer, twice."""

    file: str
    n_bytes: int
    n_rows: int
    first: Ran
    again: Ran


@dataclass(frozen=True)
class Read:
    """One collection read back by both GDALs."""

    collection: str
    expected: int
    pyogrio: int
    pyogrio_s: float
    ogrinfo: int
    ogr: int | None
    ogr_s: float
    times: str


@dataclass(frozen=True)
class Published:
    """One analysis as it is served."""

    question: Question
    ran: Ran
    emberline: dict[str, Any]
    areas: gpd.GeoDataFrame
    cells: gpd.GeoDataFrame


@dataclass
class Examined:
    """All that was seen of one case; `wrong` holds what does not add up."""

    case: Case
    walk_all: bool = True
    ingested: list[Ingested] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    store_bytes: int = 0
    service_mb: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def check(self, holds: bool, words: str) -> None:
        """Note what does not add up."""
        if not holds:
            self.wrong.append(words)


def examined(case: Case, datasets: Path, folder: Path, ogr: str, *, walk_all: bool = True) -> Examined:
    """Walk one data set through ingest, analysis, service and two clients.

    Without `walk_all` Debian's GDAL walks through collections of up to 10,000 features alone.
    """
    seen = Examined(case, walk_all)
    store = folder / f"{case.layer}.duckdb"
    for side in case.sides:
        path = datasets / case.name / side.file
        emberline(
            folder, "ingest", str(path), "--layer", side.layer, "--kind", side.kind, "--store", _url(store)
        )
    for name in case.files:
        seen.ingested.append(_ingested(seen, datasets / case.name / name, store, folder))
    answers = [_published(question, case, store, folder) for question in case.questions]
    seen.store_bytes = store.stat().st_size
    with serving(store) as service:
        log = service.json(f"/layers/{case.layer}/ingests")["ingests"]
        # Newest first, and every file went in twice: the first time is what counts.
        seen.reports = [entry["report"] for entry in reversed(log)][::2]
        _check_defects(seen)
        for question, ran in answers:
            _read_analysis(seen, service, ogr, question, ran)
        _read_layer(seen, service, ogr)
        seen.service_mb = service.peak_mb
    return seen


def _ingested(seen: Examined, path: Path, store: Path, folder: Path) -> Ingested:
    """Take a file in twice; the second time must add nothing."""
    case = seen.case
    order = ("ingest", str(path), "--layer", case.layer, "--timezone", case.timezone, "--store", _url(store))
    rejects = folder / "rejects.csv"
    first = emberline(folder, *order, *case.options, "--rejects", str(rejects))
    again = emberline(folder, *order, *case.options)
    n_rows = rows_of(path)
    counts, second = first.counts, again.counts
    seen.check(sum(counts.values()) == n_rows, f"{path.name}: {counts} do not sum to {n_rows:,} rows")
    with rejects.open(newline="", encoding="utf-8") as file:
        n_written = sum(1 for _ in csv.reader(file)) - 1
    seen.check(n_written == counts["rejected"], f"{path.name}: {n_written:,} rejects were written")
    kept_before = counts["accepted"] + counts["updated"] + counts["duplicate"]
    seen.check(
        second == {**counts, "accepted": 0, "updated": 0, "duplicate": kept_before},
        f"{path.name}: a second time gave {second}",
    )
    return Ingested(path.name, path.stat().st_size, n_rows, first, again)


def _published(question: Question, case: Case, store: Path, folder: Path) -> tuple[Question, Ran]:
    file = write_analysis(
        folder / f"{question.name}.json", question.name, case.layer, dict(question.parameters)
    )
    return question, emberline(folder, "publish", str(file), "--store", _url(store))


def _check_defects(seen: Examined) -> None:
    n_rows = sum(one.n_rows for one in seen.ingested)
    seen.check(n_rows == seen.case.readme_rows, f"the README counts {seen.case.readme_rows:,} rows")
    for defect in seen.case.defects:
        found = defect.ours(seen.reports)
        seen.check(found == defect.must_be, f"{defect.words}: {found:,}, not {defect.must_be:,}")


def _read_analysis(seen: Examined, service: Service, ogr: str, question: Question, ran: Ran) -> None:
    """Read areas and cells back, and hold them against each other and against the incidents selected."""
    name = question.name
    told = service.json(f"/collections/{name}.cells/items?limit=1")
    diagnostics = told["emberline"]["diagnostics"]
    areas = _read(seen, service, ogr, name, _number(service, name))
    cells = _read(seen, service, ogr, f"{name}.cells", diagnostics["study_area_cells"])
    seen.published.append(Published(question, ran, told["emberline"], areas, cells))
    selected = diagnostics["rows_selected"]
    if question.selected is not None:
        seen.check(selected == question.selected, f"{name}: {selected:,} rows, not {question.selected:,}")
    total = int(cells["count"].sum())
    seen.check(
        total == selected - diagnostics["outside_study_area"],
        f"{name}: the cells count {total:,} of {selected:,} rows",
    )
    hot = cells[cells["class"] != "none"]
    seen.check(
        (len(hot), hot["count"].sum()) == (areas["n_cells"].sum(), areas["count"].sum()),
        f"{name}: {len(hot):,} significant cells, {areas['n_cells'].sum():,} in areas",
    )
    seen.check(bool((hot["q"] <= 0.05).all()), f"{name}: an area's cell has q above alpha")
    seen.check(cells["h3"].is_unique, f"{name}: a cell came twice")


def _read_layer(seen: Examined, service: Service, ogr: str) -> None:
    layer = seen.case.layer
    kept = sum(one.first.counts["accepted"] for one in seen.ingested)
    rows = _read(seen, service, ogr, layer, kept)
    seen.check(rows["id"].is_unique, f"{layer}: a row came twice")
    seen.check(not (rows.geometry.is_empty | rows.geometry.isna()).any(), f"{layer}: a row has no point")
    span = service.json(f"/layers/{layer}")
    first, last = (str(value.isoformat()) for value in (rows["time"].min(), rows["time"].max()))
    seen.check(
        (first[:19], last[:19]) == (span["first_time"][:19], span["last_time"][:19]),
        f"{layer}: read times from {first} to {last}",
    )


def _read(seen: Examined, service: Service, ogr: str, name: str, expected: int) -> gpd.GeoDataFrame:
    begun = time.perf_counter()
    frame = read_back(service, name)
    pyogrio_s = time.perf_counter() - begun
    told = ogrinfo(ogr, service, name, "-oo", f"PAGE_SIZE={PAGE_SIZE}")["count"]
    begun = time.perf_counter()
    is_walked = seen.walk_all or expected <= MEDIUM
    walked = ogr_features(ogr, service, name, PAGE_SIZE) if is_walked else None
    ogr_s = time.perf_counter() - begun
    times = [column for column in frame.columns if str(frame[column].dtype).startswith("datetime64")]
    seen.reads.append(
        Read(name, expected, len(frame), pyogrio_s, told, walked, ogr_s, ", ".join(times) or "none")
    )
    seen.check(
        {len(frame), told, walked} - {None} == {expected},
        f"{name}: pyogrio read {len(frame):,}, ogrinfo counts {told:,}, walks {walked} of {expected:,}",
    )
    if expected <= SMALL:
        tens = ogr_features(ogr, service, name, 10)
        seen.check(tens == expected, f"{name}: in pages of 10 {tens:,} come")
    return frame


def _number(service: Service, name: str) -> int:
    return int(service.json(f"/collections/{name}/items?limit=1")["numberMatched"])


def rows_of(path: Path) -> int:
    """Return the rows of an export, counted without Emberline."""
    if path.suffix == ".parquet":
        return int(pq.ParquetFile(path).metadata.num_rows)
    with _text(path) as file:
        return sum(1 for row in csv.reader(file) if row) - 1


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            yield file
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as whole, whole.open(whole.namelist()[0]) as inner:
            yield io.TextIOWrapper(inner, encoding="utf-8", newline="")
    else:
        with path.open(encoding="utf-8", newline="") as file:
            yield file


def _url(store: Path) -> str:
    return f"duckdb:///{store}"
