"""The page that the study of real data writes: short sentences and tables."""

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pyogrio

from tests.studies.real_walk import PAGE_SIZE, Examined, Published

_HEAD = """\
# Real data

Four public exports, taken through the installed `emberline` command and a running service: ingest, hotspots,
OGC API, and back into two GDALs. This page is generated;
`EMBERLINE_DATASETS=… python -m tests.studies.real_data --out docs/real-data.md` makes it anew and ends with
exit code 1 where anything does not add up. With population denominators:
[real-data-denominators.md](real-data-denominators.md). Emerging hotspots and the scan:
[real-data-methods.md](real-data-methods.md).

{date}; {machine}.
pyogrio carries GDAL {gdal}; `ogrinfo` is {ogr}.
Times are wall time beside processor time ("CPU") of the process, on a machine that others used too;
memory is the peak of the process. `emberline --help` alone takes {start_s:.1f} s of processor time.

How to read it:

- *Accounting.* accepted + rejected + duplicate + updated is the number of rows, counted by other means than
  Emberline's readers. A second ingest of the same file adds nothing.
- *Defects.* What the data set's README counts, beside what the ingest reported. Where the figures differ, the
  evidence stands below the table.
- *Hotspots.* Gi\\*, rings 1 to 3 combined, q ≤ 0.05 over all cells of the study area.
- *Read back.* Rows through `pyogrio.read_dataframe("OAPIF:…")`; the count that `ogrinfo -ro -al -so` tells;
  the features that `ogrinfo -al` walks through in pages of {page_size}. All three must be what was stored.
"""


def page(seen: Sequence[Examined], ogr: str, start_s: float) -> str:
    """Return the whole page."""
    version = subprocess.run([ogr, "--version"], capture_output=True, text=True, check=True).stdout
    head = _HEAD.format(
        date=datetime.now(UTC).strftime("%d %B %Y"),
        machine=f"{os.cpu_count()} shared cores, Python {platform.python_version()}",
        gdal=".".join(map(str, pyogrio.__gdal_version__)),
        ogr=version.split(",")[0].strip(),
        page_size=f"{PAGE_SIZE:,}",
        start_s=start_s,
    )
    return "\n".join([head, *(_section(one) for one in seen)]) + "\n"


def _section(one: Examined) -> str:
    parts = [f"## {one.case.title}", f"`{one.case.name}`, {one.case.timezone}.", _accounting(one), _told(one)]
    if one.case.defects:
        parts.append(_defects(one))
    parts += [_hotspots(one), *map(_areas, one.published), _read_back(one)]
    if one.wrong:
        parts.append("**Does not add up:**\n\n" + "\n".join(f"- {words}" for words in one.wrong))
    return "\n\n".join(parts) + "\n"


def _accounting(one: Examined) -> str:
    rows = []
    for file in one.ingested:
        for words, ran in (("first", file.first), ("again", file.again)):
            counts = ran.counts
            rows.append(
                [
                    f"`{file.file}`, {words}",
                    _mb(file.n_bytes),
                    _n(file.n_rows),
                    *(_n(counts[name]) for name in ("accepted", "rejected", "duplicate", "updated")),
                    f"{ran.seconds:.1f} s",
                    f"{ran.cpu_s:.1f} s",
                    f"{ran.peak_mb:,.0f} MB",
                ]
            )
    titles = "File|Size|Rows|Accepted|Rejected|Duplicate|Updated|Time|CPU|Memory".split("|")
    return "### Ingest\n\n" + _table(titles, rows, left=1)


def _told(one: Examined) -> str:
    """The words of the command, as it printed them."""
    texts = [
        f"    $ emberline ingest {file.file} … \n" + _indented(file.first.lines) for file in one.ingested
    ]
    return "What the command said:\n\n" + "\n\n".join(text.replace("… \n", "…\n") for text in texts)


def _defects(one: Examined) -> str:
    rows, evidence = [], []
    for defect in one.case.defects:
        found = defect.ours(one.reports)
        differs = defect.readme is not None and found != defect.readme
        if defect.why:
            evidence.append(f"- *{defect.words}*: {defect.why}")
        readme = "not counted" if defect.readme is None else _n(defect.readme)
        rows.append(
            [defect.words, readme, _n(found), "see below" if differs else "yes" if defect.readme else "—"]
        )
    table = _table(["Defect", "README", "Found", "As told"], rows, left=1)
    return "\n\n".join(["### Defects", table, *(["\n".join(evidence)] if evidence else [])])


def _hotspots(one: Examined) -> str:
    rows = []
    for found in one.published:
        diagnostics = found.emberline["diagnostics"]
        isolated = diagnostics["isolated_rows"] + diagnostics["outside_study_area"]
        rows.append(
            [
                f"`{found.question.name}`",
                str(found.question.parameters["resolution"]),
                _n(diagnostics["rows_selected"]),
                f"{_n(len(found.cells))} ({diagnostics['study_area_source']})",
                _n(isolated),
                str(found.cells["p_method"].iloc[0]),
                _n(int((found.cells["class"] != "none").sum())),
                _n(len(found.areas)),
                f"{found.ran.seconds:.1f} s",
                f"{found.ran.cpu_s:.1f} s",
                f"{found.ran.peak_mb:,.0f} MB",
            ]
        )
    titles = "Analysis|Resolution|Incidents|Cells (from)|Left out|p|Hot cells|Areas|Time|CPU|Memory".split(
        "|"
    )
    told = [f"- `{found.question.name}`: {words}" for found in one.published for words in _warnings(found)]
    parts = ["### Hotspots", _table(titles, rows, left=1)]
    return "\n\n".join([*parts, *(["What the diagnostics warn of:", "\n".join(told)] if told else [])])


def _warnings(found: Published) -> list[str]:
    diagnostics = found.emberline["diagnostics"]
    return [*diagnostics.get("warnings", []), *diagnostics.get("notes", [])]


def _areas(found: Published) -> str:
    rows = [
        [
            str(row["rank"]),
            _or_dash(row["name"]),
            _or_dash(row["district"]),
            str(row["n_cells"]),
            _n(int(row["count"])),
            f"{row['expected']:,.1f}",
            f"{row['peak_z']:.1f}",
            f"{row['min_q']:.1g}",
            ", ".join(_listed(row["top_categories"])) or "—",
        ]
        for _, row in found.areas.sort_values("rank").head(3).iterrows()
    ]
    titles = "Rank|Name|District|Cells|Count|Expected|Peak z|Smallest q|Commonest".split("|")
    return f"First areas of `{found.question.name}`:\n\n" + _table(titles, rows, left=3)


def _read_back(one: Examined) -> str:
    rows = [
        [
            f"`{read.collection}`",
            _n(read.expected),
            _n(read.pyogrio),
            f"{read.pyogrio_s:.1f} s",
            _n(read.ogrinfo),
            "—" if read.ogr is None else _n(read.ogr),
            f"{read.ogr_s:.1f} s",
            read.times,
        ]
        for read in one.reads
    ]
    titles = "Collection|Stored|pyogrio|Time|ogrinfo counts|ogrinfo walks|Time|Read as times".split("|")
    facts = f"The store takes {_mb(one.store_bytes)}; the service held {one.service_mb:,.0f} MB at most."
    return "### Read back\n\n" + _table(titles, rows, left=1) + f"\n\n{facts}"


def _or_dash(value: object) -> str:
    return value if isinstance(value, str) and value else "—"


def _listed(value: object) -> list[str]:
    """Return a list property as pyogrio brings it: GDAL's text `(2:a,b)`, or a list."""
    if isinstance(value, str):
        return value[value.find(":") + 1 : -1].split(",") if value.startswith("(") else []
    return [str(item) for item in value] if isinstance(value, Iterable) else []


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, left: int) -> str:
    rule = ["---"] * left + ["---:"] * (len(titles) - left)
    lines = [titles, rule, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def _n(value: int) -> str:
    return f"{value:,}"


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"
