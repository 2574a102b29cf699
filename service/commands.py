"""What the commands do, through a store of their own or through a running service alike."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from data.duckdb_store import DuckDBStore
from data.errors import StoreUnavailable
from data.store import Store
from service.analyses.findings import Progress
from service.errors import InvalidInputs, RecordsRejected
from service.ingesting import IngestOrder, ingest_file, result_json
from service.methods import METHODS
from service.outputs import collection_read, output_kind, require_place, told_of, write_output
from service.remote import RemoteService
from service.settings import Settings
from service.store_use_cases import StoreUseCases
from service.stores import StoreBesideFiles, file_clock, is_remote, open_store, store_path
from spatial.errors import UnknownCrs

#: Columns with gaps that are named at the end of an ingest; the report counts them all.
MAX_GAPS = 8


@dataclass(frozen=True)
class Done:
    """What a command says at its end: notes, one summary line, and why it failed if it did."""

    summary: str
    notes: list[str] = field(default_factory=list)
    failure: str | None = None


def ingest_command(
    store_url: str, path: Path, order: IngestOrder, rejects: Path | None, progress: Progress
) -> Done:
    """Take a file into a layer; write its rejects where asked."""
    if rejects:
        require_place(rejects, path)
    order = _with_boundary_file(order, is_remote(store_url))
    progress(f"reading {path.name}")
    if is_remote(store_url):
        if path.is_dir():
            raise InvalidInputs(f"{path}: a service takes one file; send the folder as one zip")
        with RemoteService(store_url) as service:
            result = service.ingest(path, order)
            rows = service.rejects(order.layer, result["ingest"], result["rejected"]) if rejects else []
        table = pa.Table.from_pylist(rows)
    else:
        store = open_store(store_url)
        try:
            result = result_json(ingest_file(store, path, order))
            table = store.rejects(result["ingest"])
            _refresh(store, order.layer, result, progress)
        finally:
            store.close()
    if rejects:
        _write_rejects(rejects, table)
    counts = " ".join(f"{name}={result[name]}" for name in ("accepted", "rejected", "duplicate", "updated"))
    return Done(counts, _notes(result["report"]), _nothing_kept(result))


def run_command(
    method: str,
    store_url: str,
    path: Path | None,
    order: IngestOrder,
    parameters: dict[str, Any],
    out: Path,
    progress: Progress,
) -> Done:
    """Run a method on a layer or on a file and write what it found."""
    output_kind(out)
    require_place(out, *([path] if path else []))
    if "layer" in parameters:
        raise InvalidInputs("the layer is named by --layer ID, or is the FILE; got --param layer=… too")
    kinds = METHODS[method].inputs.LAYER_KINDS
    files = {role: Path(parameters[role]) for role in kinds if _is_file(parameters.get(role))}
    own, of_roles = _mappings(order.mapping, files)
    if own and path is None:
        raise InvalidInputs(f"--map {next(iter(own))}=… needs a FILE to read; the layer is read already")
    order = replace(order, mapping=own)
    inputs = {**parameters, **({"layer": order.layer} if "layer" in kinds else {})}
    notes: list[str] = []
    if path is None and is_remote(store_url):
        if files:
            raise _no_file_there(next(iter(files)))
        with RemoteService(store_url) as service:
            progress(f"running {method} in the service")
            whole = collection_read(service.execute(method, inputs), method)
    else:
        store: Store
        if path is None:
            _require_existing(store_url)
            store = open_store(store_url)
        else:
            store = DuckDBStore(clock=file_clock(path))
            progress(f"reading {path.name}")
            kind = kinds["layer"][0]
            result = result_json(ingest_file(store, path, replace(order, kind=kind)))
            notes = _notes(result["report"])
            if failure := _nothing_kept(result):
                raise RecordsRejected(failure)
        try:
            beside, inputs, said = _beside_files(
                store, files, kinds, inputs, of_roles, progress, crs=order.crs
            )
            notes += said
            use_cases = StoreUseCases(beside, max_cells=Settings().max_cells, progress=progress)
            whole = use_cases.run(method, inputs)
        finally:
            store.close()
    progress(f"writing {out.name}")
    write_output(whole, out)
    return Done(f"{out}: {len(whole)} features", notes + [f"note: {note}" for note in told_of(whole)])


def publish_command(store_url: str, definition: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Publish an analysis in a store, or through a service."""
    if is_remote(store_url):
        progress("running the analysis in the service")
        with RemoteService(store_url) as service:
            return service.publish(definition)
    _require_existing(store_url)
    store = open_store(store_url)
    try:
        use_cases = StoreUseCases(store, max_cells=Settings().max_cells, progress=progress)
        published = use_cases.publish(definition)
        # What stands on it follows before the command ends.
        use_cases.refresher.wait()
        use_cases.refresher.close()
        return published
    finally:
        store.close()


def _beside_files(
    store: Store,
    files: dict[str, Path],
    kinds: Mapping[str, tuple[str, ...]],
    inputs: dict[str, Any],
    mappings: Mapping[str, dict[str, str]],
    progress: Progress,
    *,
    crs: str | None,
) -> tuple[Store, dict[str, Any], list[str]]:
    """Read the files that parameters name into a store beside; return both as one, the new inputs and notes.

    `crs`, named for FILE, is taken for files that name none and hold no degrees.
    """
    if not files:
        return store, inputs, []
    clock = file_clock(max(files.values(), key=lambda path: path.stat().st_mtime))
    side = DuckDBStore(clock=clock)
    renamed = dict(inputs)
    notes = []
    for role, path in files.items():
        progress(f"reading {path.name}")
        layer = f"file-{role}"
        order = IngestOrder(layer, kind=kinds[role][0], mapping=mappings.get(role, {}), title=path.name)
        try:
            result = result_json(ingest_file(side, path, order))
        except UnknownCrs:
            if crs is None:
                raise
            result = result_json(ingest_file(side, path, replace(order, crs=crs)))
            notes.append(f"{role}: {path.name} names no reference system; --crs {crs} was taken")
        renamed[role] = layer
        if failure := _nothing_kept(result):
            raise RecordsRejected(f"{role}: {failure}")
        notes += [f"{role}: {note}" for note in _notes(result["report"]) if note.startswith("rejected: ")]
    both: Any = StoreBesideFiles(store, side)
    return both, renamed, notes


def _mappings(
    mapping: Mapping[str, str], files: Mapping[str, Path]
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Return the mapping of FILE, and by role those of the files that parameters name (`role.field`)."""
    own: dict[str, str] = {}
    of_roles: dict[str, dict[str, str]] = {}
    for name, column in mapping.items():
        role, dot, field_name = name.partition(".")
        if not dot:
            own[name] = column
        elif role in files:
            of_roles.setdefault(role, {})[field_name] = column
        else:
            known = ", ".join(files) or "none"
            raise InvalidInputs(f"--map {name}: {role} is no parameter that names a file (such are: {known})")
    return own, of_roles


def _refresh(store: DuckDBStore, layer: str, result: Mapping[str, Any], progress: Progress) -> None:
    """Let the analyses of the layer follow its new rows before the command ends."""
    if not (result["accepted"] or result["updated"]):
        return
    use_cases = StoreUseCases(store, max_cells=Settings().max_cells, progress=progress)
    use_cases.refresh_layers({layer})
    use_cases.refresher.wait()
    use_cases.refresher.close()


def _require_existing(store_url: str) -> None:
    path = store_path(store_url)
    if path is not None and not path.exists():
        raise StoreUnavailable(f"there is no store at {path}; `emberline ingest` makes one")


def _with_boundary_file(order: IngestOrder, is_sent: bool) -> IngestOrder:
    """Tell a boundary that is a file from one that is a layer."""
    if not isinstance(order.boundary, str) or not _is_file(order.boundary):
        return order
    if is_sent:
        raise _no_file_there("boundary")
    return replace(order, boundary=Path(order.boundary))


def _no_file_there(role: str) -> InvalidInputs:
    return InvalidInputs(f"{role} needs a layer id when a service does the work; ingest the file first")


def _is_file(value: object) -> bool:
    return isinstance(value, str) and Path(value).is_file()


def _notes(report: Mapping[str, Any]) -> list[str]:
    """Return what was found in the file, for people: recognised columns, rejects by reason, notes."""
    told = [f"read as {report['format']}" + (f", {report['encoding']}" if report.get("encoding") else "")]
    columns = ", ".join(f"{name}={column}" for name, column in report["columns"].items())
    if columns:
        told.append(f"columns: {columns}")
    if report["rejected"]:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(report["rejected"].items()))
        told.append(f"rejected: {reasons}")
    told += _gaps(report)
    return told + [f"note: {note}" for note in report["notes"]]


def _gaps(report: Mapping[str, Any]) -> list[str]:
    """Return the columns with gaps, the emptiest first, and those without any value."""
    nulls = {
        name.removeprefix("null."): n for name, n in report["counts"].items() if name.startswith("null.")
    }
    empty = [name for name, n in nulls.items() if n == report["n_rows"]]
    some = sorted((name for name in nulls if name not in empty), key=lambda name: (-nulls[name], name))
    told = [f"columns without any value: {', '.join(empty)}"] if empty else []
    if some:
        more = f" and {len(some) - MAX_GAPS} more columns" if len(some) > MAX_GAPS else ""
        told.append("gaps: " + ", ".join(f"{name} {nulls[name]:,}" for name in some[:MAX_GAPS]) + more)
    return told


def _nothing_kept(result: Mapping[str, Any]) -> str | None:
    if result["accepted"] or result["updated"] or result["duplicate"]:
        return None
    reasons = ", ".join(f"{name} {count}" for name, count in sorted(result["report"]["rejected"].items()))
    return f"no row of the file could be taken: {reasons or 'it has none'}"


def _write_rejects(path: Path, table: pa.Table) -> None:
    """Write rejects as CSV: row, reason, detail, original."""
    names = ("row", "reason", "detail", "original")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for batch in table.to_batches(max_chunksize=10_000):
            writer.writerows([row[name] for name in names] for row in batch.to_pylist())
