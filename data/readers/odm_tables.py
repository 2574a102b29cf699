"""The long tables of the Public Health Environmental Surveillance open data model, as one table of samples.

Measures, samples, sites and polygons come as CSV files in one zip or folder, of any release of the model;
which is which their columns tell. A measure is joined to its sample and site; measures of flow and of people
served go to the samples of their site.
"""

import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from data.errors import UnreadableFile
from data.readers.delimited import DelimitedSource
from data.readers.raw import RawChunk, RawFacts, RawReject

#: More than these tables ever hold: a zip that tells of more is none of them.
MOST_BYTES = 4 << 30

_HEAD_BYTES = 1 << 16
_ZIP_MAGIC = b"PK\x03\x04"
_NOTHING = frozenset(("", "na", "n/a", "nan", "null", "none"))

_FLOWS = frozenset(("flow", "flowr", "flowrate", "wwflow", "infflow", "flowvol", "dailyflow"))
_PEOPLE = frozenset(("popserv", "popserved", "population", "pop", "contpop", "contributingpopulation"))
#: Summaries of several values that are no level themselves.
_SPREADS = frozenset(("sd", "sdn", "sdev", "stdev", "se", "var", "cv", "min", "max", "range", "iqr"))

#: What a table is known by: columns that it has, one of each group, and columns that it has not.
_KNOWN_BY: Mapping[str, tuple[Sequence[Sequence[str]], Sequence[str]]] = {
    "measures": ([["sampleid"], ["value"], ["measure", "type"]], []),
    "samples": ([["sampleid"], ["colldt", "colldtstart", "datetime", "datetimestart"]], ["value"]),
    "site measures": ([["siteid"], ["value"], ["measure", "type"]], ["sampleid"]),
    "sites": ([["siteid"], ["sitetype", "sampleshed", "polygonid", "type", "name"]], ["sampleid", "value"]),
    "polygons": ([["polygonid", "polyid"], ["pop", "popserved", "wkt", "name"]], ["siteid", "value"]),
}

Row = dict[str, str | None]


def odm_tables(path: Path, room: Path) -> "OdmTables | None":
    """Return the tables in a zip or folder as one source; None where it holds no measures with samples.

    Raises
    ------
    UnreadableFile
        If the zip is broken or would unpack to more than `MOST_BYTES`.
    """
    if path.is_dir():
        found = {one.name: one for one in sorted(path.glob("*.csv"))}
    elif path.is_file() and _is_zip(path):
        found = _members(path, room)
    else:
        return None
    roles: dict[str, Path] = {}
    for name, place in found.items():
        if (role := _role(place, name)) and role not in roles:
            roles[role] = place
    return OdmTables(path.name, roles) if {"measures", "samples"} <= roles.keys() else None


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == _ZIP_MAGIC
    except OSError:
        return False  # whoever opens it next says why


def _members(path: Path, room: Path) -> dict[str, Path]:
    """Unpack the tables of a zip, where its directory tells that they can be those of the model."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if one.filename.lower().endswith(".csv")]
            if len(members) < 2 or "measures" not in {_role_of(_head(archive, one)) for one in members}:
                return {}
            if sum(one.file_size for one in members) > MOST_BYTES:
                raise UnreadableFile(f"{path.name}: tables of up to 4 GiB are needed, these are larger")
            found = {}
            for number, one in enumerate(members):
                target = room / f"table-{number}.csv"
                with archive.open(one) as packed, target.open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
                found[Path(one.filename).name] = target
            return found
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as err:
        raise UnreadableFile(f"{path.name}: the zip cannot be unpacked: {err}") from err


def _head(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Sequence[str]:
    with archive.open(member) as file:
        line = file.readline(_HEAD_BYTES).decode("utf-8-sig", errors="replace")
    return [_plain(one.strip(' "')) for one in line.strip().replace(";", ",").replace("\t", ",").split(",")]


def _role(path: Path, name: str) -> str | None:
    return _role_of([_plain(one) for one in DelimitedSource(path, name).facts.columns])


def _role_of(columns: Sequence[str]) -> str | None:
    there = set(columns)
    for role, (groups, without) in _KNOWN_BY.items():
        if all(there & set(group) for group in groups) and not there & set(without):
            return role
    return None


class OdmTables:
    """Measures joined to samples and sites; one chunk, as the tables refer to each other."""

    rereadable = True

    def __init__(self, name: str, roles: Mapping[str, Path]) -> None:
        broken: list[RawReject] = []
        tables = {
            role: _rows(path, role, broken if role == "measures" else []) for role, path in roles.items()
        }
        self._table, self._numbers, rejects, notes = _joined(tables)
        self._rejects = [*broken, *rejects]
        listed = ", ".join(tables)
        self.facts = RawFacts(name, "PHES-ODM", self._table.column_names, encoding="UTF-8")
        self.facts.notes += [f"read from the tables {listed}; measures were joined to their samples", *notes]

    def chunks(self, columns: Sequence[str] | None = None) -> Iterator[RawChunk]:
        """Yield the joined measures."""
        table = self._table if columns is None else self._table.select(list(columns))
        yield RawChunk(table, self._numbers, rejects=self._rejects)


def _rows(path: Path, name: str, rejects: list[RawReject]) -> list[Row]:
    """Return a table as rows by plain column names, "#" their numbers; what stands for nothing is None."""
    source = DelimitedSource(path, name)
    rows: list[Row] = []
    for chunk in source.chunks():
        columns = {_plain(one): chunk.table[one].to_pylist() for one in chunk.table.column_names}
        rejects += chunk.rejects
        for number, values in zip(chunk.rows.tolist(), zip(*columns.values(), strict=True), strict=True):
            row = {key: _told(value) for key, value in zip(columns, values, strict=True)}
            rows.append(row | {"#": str(number)})
    return rows


def _told(value: object) -> str | None:
    text = "" if value is None else str(value).strip()
    return None if text.casefold() in _NOTHING else text


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def _first(row: Row, *names: str) -> str | None:
    return next((value for name in names if (value := row.get(name))), None)


def _kind(row: Row) -> str:
    return _plain(_first(row, "measure", "type") or "")


def _joined(
    tables: Mapping[str, list[Row]],
) -> tuple[pa.Table, NDArray[np.int64], list[RawReject], list[str]]:
    """Return one row per measured level, their numbers, the measures that are none, and notes."""
    samples = {row["sampleid"]: row for row in tables["samples"] if row.get("sampleid")}
    sites = {row["siteid"]: row for row in tables.get("sites", []) if row.get("siteid")}
    measured = [*tables["measures"], *tables.get("site measures", [])]
    flow, people = _of_sites(measured, samples)
    people = _of_polygons(tables.get("polygons", []), sites) | people
    levels, numbers, rejects, n_taken = [], [], [], 0
    for row in tables["measures"]:
        number = int(row["#"] or 0)
        if _kind(row) in _FLOWS | _PEOPLE:
            n_taken += 1
        elif (how := _plain(row.get("aggregation") or "")) in _SPREADS:
            words = f"a level is needed, this is the {how!r} of several"
            rejects.append(RawReject(number, "no_level", words, orjson.dumps(row).decode()))
        else:
            levels.append(_level(row, samples, sites, flow, people))
            numbers.append(number)
    n_taken += sum(_kind(row) in _FLOWS | _PEOPLE for row in tables.get("site measures", []))
    notes = [f"{n_taken:,} measures of flow and people served were joined to the samples"] if n_taken else []
    names = list(levels[0]) if levels else list(_level({}, {}, {}, {}, {}))
    columns = {name: [row[name] for row in levels] for name in names}
    table = pa.table(
        {
            name: pa.array(values, pa.string())
            for name, values in columns.items()
            if name in ("sewershed", "start", "analyte", "value") or any(values)
        }
    )
    return table, np.array(numbers, dtype=np.int64), rejects, notes


def _level(
    row: Row,
    samples: Mapping[str | None, Row],
    sites: Mapping[str | None, Row],
    flow: Mapping[tuple[str | None, str], Row],
    people: Mapping[str | None, str],
) -> Row:
    """Return one measure under the names of a sample's fields."""
    sample = samples.get(row.get("sampleid"), {})
    site = _first(sample, "siteid") or _first(row, "siteid")
    start = _first(sample, "colldtstart", "datetimestart", "colldt", "datetime")
    of_day = flow.get((site, (start or "")[:10]), {})
    return {
        "id": _first(row, "measurerepid", "uwwmeasureid", "wwmeasureid", "measureid"),
        "sewershed": _first(sites.get(site, {}), "sampleshed", "polygonid") or site,
        "start": start,
        "end": _first(sample, "colldtend", "datetimeend"),
        "analyte": _first(row, "measure", "type"),
        "value": row.get("value"),
        "unit": row.get("unit"),
        "replicate": row.get("index"),
        "quality": row.get("qualityflag"),
        "flow": of_day.get("value"),
        "flow_unit": of_day.get("unit"),
        "population": people.get(site),
        "sampleID": row.get("sampleid"),
        "siteID": site,
        "fraction": _first(row, "fraction", "fractionanalyzed"),
        "notes": row.get("notes"),
    }


def _of_sites(
    measured: Sequence[Row], samples: Mapping[str | None, Row]
) -> tuple[dict[tuple[str | None, str], Row], dict[str | None, str]]:
    """Return the flow of each site by day, and the people that each serves (the last told)."""
    flow: dict[tuple[str | None, str], Row] = {}
    people: dict[str | None, str] = {}
    for row in measured:
        sample = samples.get(row.get("sampleid"), {})
        site = _first(row, "siteid") or _first(sample, "siteid")
        drawn = _first(sample, "colldtstart", "datetimestart", "colldt", "datetime")
        day = drawn or _first(row, "datetime", "adatestart")
        if _kind(row) in _FLOWS and row.get("value"):
            flow[site, (day or "")[:10]] = row
        elif _kind(row) in _PEOPLE and (number := row.get("value")):
            people[site] = number
    return flow, people


def _of_polygons(polygons: Sequence[Row], sites: Mapping[str | None, Row]) -> dict[str | None, str]:
    """Return the people of the polygon that each site drains."""
    told = {_first(row, "polygonid", "polyid"): _first(row, "pop", "popserved") for row in polygons}
    found = {site: told.get(_first(row, "sampleshed", "polygonid")) for site, row in sites.items()}
    return {site: number for site, number in found.items() if number}
