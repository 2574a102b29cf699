"""From findings to published collections: snapshots of one run, what changed since the run before."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from data.store import Store, StoredAnalysis, StoredSnapshot
from service.analyses.evidence import fault_of
from service.analyses.findings import Finding, Findings, Progress
from service.analyses.provenance import run_id
from service.analyses.run import findings
from service.errors import InvalidInputs
from service.methods import METHODS, inputs_of
from service.parameters import Inputs
from service.property_words import METHOD_WORDS, PROPERTY_WORDS
from service.snapshots import Snapshot, from_blobs, snapshot, to_blobs

VIEW = "responder"

_DEFINITION = ("id", "method", "title", "description", "inputs")


def definition_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return an analysis definition in its one form: id, method, title, description, inputs.

    `inputs` takes layers and parameters together; a file may also keep them apart as `layer`,
    `layers` and `parameters`.
    """
    for name in ("id", "method"):
        if not isinstance(given.get(name), str):
            raise InvalidInputs(f"an analysis needs {name} as text, got {given.get(name)!r}")
    method = given["method"]
    if method not in METHODS:
        raise InvalidInputs(f"method needs one of {', '.join(METHODS)}; got {method!r}")
    unknown = set(given) - {*_DEFINITION, "layer", "layers", "parameters"}
    if unknown:
        raise InvalidInputs(f"an analysis has {', '.join(_DEFINITION)}; got {', '.join(sorted(unknown))} too")
    inputs: dict[str, Any] = {}
    for part in ("layers", "parameters", "inputs"):
        if not isinstance(given.get(part, {}), Mapping):
            raise InvalidInputs(f"{part} of an analysis needs names and values, got {given[part]!r}")
        inputs |= given.get(part, {})
    if "layer" in given:
        inputs["layer"] = given["layer"]
    checked = inputs_of(method, inputs)
    return {
        "id": given["id"],
        "method": method,
        "title": str(given.get("title") or given["id"]),
        "description": str(given.get("description") or ""),
        "inputs": checked.model_dump(mode="json", exclude_defaults=True, exclude={"output"}),
    }


def publish_analysis(
    store: Store, given: Mapping[str, Any], *, max_cells: int, progress: Progress = lambda _: None
) -> dict[str, Any]:
    """Run an analysis and publish its collections; nothing is kept when the run fails."""
    definition = definition_of(given)
    store.check_analysis_id(definition["id"])
    _require_still_usable(store, definition)
    inputs = inputs_of(definition["method"], definition["inputs"])
    found = findings(
        definition["method"],
        store,
        inputs,
        max_cells=max_cells,
        progress=progress,
        recall=lambda: store.memory(definition["id"]),
    )
    before = next((one for one in store.analyses() if one.id == definition["id"]), None)
    snapshots = snapshots_of(definition, found, inputs, _areas_before(store, before))
    store.save_analysis(definition)
    store.publish(definition["id"], found.run, [_stored(one) for one in snapshots], found.memory)
    return {
        "id": definition["id"],
        "run": found.run,
        "collections": [one.collection for one in snapshots],
        "features": {one.collection: len(one) for one in snapshots},
    }


def refreshed(store: Store, analysis: StoredAnalysis, *, max_cells: int) -> bool:
    """Publish the analysis anew where its data, its method or the code changed; return whether it did."""
    inputs = inputs_of(analysis.definition["method"], analysis.definition["inputs"])
    if analysis.run == run_id(analysis.definition["method"], store, inputs):
        return False
    publish_analysis(store, analysis.definition, max_cells=max_cells)
    return True


def analyses_of(definition: Mapping[str, Any]) -> set[str]:
    """Return the published analyses that an analysis stands on; none where its definition is not valid."""
    try:
        return set(inputs_of(definition["method"], definition.get("inputs", {})).analyses())
    except (InvalidInputs, KeyError):
        return set()


def standing_on(store: Store, analysis_id: str) -> list[str]:
    """Return the analyses that stand on this one, by id."""
    return [one.id for one in store.analyses() if analysis_id in analyses_of(one.definition)]


def in_order(analyses: Sequence[StoredAnalysis]) -> list[StoredAnalysis]:
    """Return the analyses so that each comes after those that it stands on; else as they were."""
    named = {one.id: analyses_of(one.definition) for one in analyses}

    def depth(analysis_id: str, seen: frozenset[str] = frozenset()) -> int:
        below = [one for one in named.get(analysis_id, ()) if one in named and one not in seen]
        return 1 + max((depth(one, seen | {analysis_id}) for one in below), default=0)

    return sorted(analyses, key=lambda one: depth(one.id))


def _require_still_usable(store: Store, definition: Mapping[str, Any]) -> None:
    """Refuse a new definition with which analyses that stand on this one could not go on."""
    analysis_id = definition["id"]
    if analysis_id in analyses_of(definition):
        raise InvalidInputs(f"inputs: {analysis_id!r} cannot stand on itself")
    fault = fault_of(definition)
    if fault and (others := standing_on(store, analysis_id)):
        raise InvalidInputs(f"{', '.join(others)} stands on {analysis_id!r}, which then {fault}")


def snapshots_of(
    definition: Mapping[str, Any], found: Findings, inputs: Inputs, before: Snapshot | None
) -> list[Snapshot]:
    """Return the snapshots of a run, one per collection of the analysis."""
    made = []
    for finding in found.collections.values():
        columns = dict(finding.columns)
        if finding.suffix == "" and "previous" in columns:
            if before is not None and before.run == found.run:
                columns |= _as_published(finding, before)
            else:
                columns |= _since_before(finding, found.timestamp, before)
        words = definition["description"] or _words_of(definition["method"], inputs)
        title = definition["title"] + (f": {finding.title}" if finding.suffix else "")
        name = definition["id"] + finding.suffix
        made.append(_snapshot(name, finding, columns, found, title, words))
    return made


def snapshot_of(name: str, found: Findings) -> Snapshot:
    """Return one collection of a run that is not published, named after its method."""
    finding = found.collections[name]
    return _snapshot(found.emberline["method"], finding, finding.columns, found, "", "")


def feature_collection(whole: Snapshot) -> bytes:
    """Return a collection as GeoJSON with the member `emberline`, and `schema`: what its columns hold.

    Values alone do not tell a column's type where all of them are null, or where there are none.
    """
    types = {
        name: {key: one[key] for key in ("type", "format") if key in one}
        for name, one in whole.properties.items()
    }
    head = {
        "type": "FeatureCollection",
        "timeStamp": whole.timestamp,
        "numberReturned": len(whole),
        "emberline": whole.emberline,
        "schema": {"geometry": whole.geometry_kind, "properties": types},
    }
    return orjson.dumps(head)[:-1] + b',"features":[' + whole.features.rstrip(b",") + b"]}"


def _snapshot(
    name: str, finding: Finding, columns: Mapping[str, Any], found: Findings, title: str, words: str
) -> Snapshot:
    known = PROPERTY_WORDS | METHOD_WORDS.get(found.emberline["method"], {})
    return snapshot(
        name,
        VIEW,
        finding.fids,
        finding.geometries,
        columns,
        found.emberline,
        timestamp=found.timestamp,
        title=title,
        description=words,
        start=finding.start,
        end=finding.end,
        descriptions={key: known[key] for key in columns if key in known},
    )


def _areas_before(store: Store, before: StoredAnalysis | None) -> Snapshot | None:
    """Return the areas as published last, be it by this same run."""
    if before is None or before.run is None:
        return None
    return from_blobs(store.snapshot(before.id, VIEW, before.run).blobs)


def _as_published(finding: Finding, before: Snapshot) -> dict[str, list[str | None]]:
    """Return `since` and `previous` as the same run had them: what is run again stays as it is."""
    rows = [before.row_of[fid] for fid in finding.fids]
    kept = {name: before.columns[name].to_pylist() for name in ("since", "previous")}
    return {name: [values[row] for row in rows] for name, values in kept.items()}


def _since_before(finding: Finding, timestamp: str, before: Snapshot | None) -> dict[str, list[str | None]]:
    """Match areas with those of the run before by shared cells: `previous` and `since`."""
    n = len(finding.fids)
    if before is None or "cells" not in before.columns.column_names:
        return {"since": [timestamp] * n, "previous": [None] * n}
    owner = {
        cell: row
        for row, cells in enumerate(before.columns["cells"].to_pylist())
        for cell in orjson.loads(cells)
    }
    classes, sinces = before.columns["class"].to_pylist(), before.columns["since"].to_pylist()
    since: list[str | None] = []
    previous: list[str | None] = []
    for klass, cells in zip(finding.columns["class"], finding.columns["cells"], strict=True):
        shared: dict[int, int] = {}
        for cell in cells:
            row = owner.get(cell)
            if row is not None and classes[row] == klass:
                shared[row] = shared.get(row, 0) + 1
        best = max(shared, key=lambda row: (shared[row], -row)) if shared else None
        previous.append(None if best is None else before.fids[best])
        since.append(timestamp if best is None else sinces[best] or timestamp)
    return {"since": since, "previous": previous}


def _words_of(method: str, inputs: Inputs) -> str:
    """Return what a collection is where its definition does not say it."""
    named = [layer for role, layer in inputs.layers() if role == "layer"] or inputs.analyses()
    return f"{method} of {', '.join(named)}"


def _stored(whole: Snapshot) -> StoredSnapshot:
    blobs = {part: text.encode() if isinstance(text, str) else text for part, text in to_blobs(whole).items()}
    return StoredSnapshot(whole.collection, whole.view, whole.run, blobs, None)
