"""Where the numbers of a run come from: its id, its data, its time.

The id is the digest of method, version, parameters and data, so that the same question on the same data
is the same run.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from data.errors import AnalysisNotFound
from data.store import Layer, Store, StoredAnalysis
from service.layer_kinds import layer_of_kind
from service.methods import METHODS
from service.parameters import Inputs

_VIEW = "responder"


@dataclass(frozen=True)
class Published:
    """A published analysis that another one stands on: its current run and the time of its data."""

    id: str
    method: str
    run: str
    timestamp: str
    data_version: int | None


def run_id(method: str, store: Store, inputs: Inputs) -> str:
    """Return the id of a run; nothing is computed for it."""
    parameters = inputs.model_dump(mode="json", exclude={"output"})
    data = [[one.id, one.data_digest] for one in layers_of(store, inputs)]
    data += [[one.id, str(one.run)] for one in _current(store, inputs)]
    basis = [method, METHODS[method].version, parameters, data]
    return hashlib.sha256(orjson.dumps(basis, option=orjson.OPT_SORT_KEYS)).hexdigest()[:20]


def emberline_member(
    method: str, store: Store, inputs: Inputs, diagnostics: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the member `emberline` of every answer."""
    layers, published = layers_of(store, inputs), published_of(store, inputs)
    versions = [layers[0].data_version] if layers else [one.data_version or 0 for one in published]
    member: dict[str, Any] = {
        "run": run_id(method, store, inputs),
        "method": method,
        "method_version": METHODS[method].version,
        "parameters": inputs.model_dump(mode="json"),
        "layers": [_told(one) for one in layers],
        "data_version": max(versions, default=0),
        "diagnostics": dict(diagnostics),
    }
    if published:
        member["analyses"] = [
            {"id": one.id, "method": one.method, "run": one.run, "timestamp": one.timestamp}
            for one in published
        ]
    return member


def timestamp(store: Store, inputs: Inputs) -> str:
    """Return the time of the data: when the last of all that the run stands on changed."""
    times = [one.data_time.isoformat().replace("+00:00", "Z") for one in layers_of(store, inputs)]
    return max(times + [one.timestamp for one in published_of(store, inputs)])


def layers_of(store: Store, inputs: Inputs) -> list[Layer]:
    """Return the layers that the inputs name, each checked against the kinds that its role takes."""
    return [
        layer_of_kind(store, role, layer_id, *inputs.LAYER_KINDS[role]) for role, layer_id in inputs.layers()
    ]


def published_of(store: Store, inputs: Inputs) -> list[Published]:
    """Return the published analyses that the inputs name.

    Raises
    ------
    AnalysisNotFound
        If one of them is not there or has no run yet.
    """
    found = []
    for one in _current(store, inputs):
        run = str(one.run)
        meta = orjson.loads(store.snapshot(one.id, _VIEW, run).blobs["meta"])
        version = meta["emberline"].get("data_version")
        found.append(Published(one.id, one.definition["method"], run, meta["timestamp"], version))
    return found


def _current(store: Store, inputs: Inputs) -> list[StoredAnalysis]:
    """Return the same as the store lists them, without reading what they published."""
    names = inputs.analyses()
    if not names:
        return []
    known = {one.id: one for one in store.analyses() if one.run}
    missing = [name for name in names if name not in known]
    if missing:
        raise AnalysisNotFound(
            f"inputs needs published analyses, there is no {missing[0]!r};"
            f" published are {', '.join(sorted(known)) or 'none'}"
        )
    return [known[name] for name in names]


def _told(layer: Layer) -> dict[str, Any]:
    return {
        "id": layer.id,
        "kind": layer.kind,
        "title": layer.title,
        "rows": layer.n_rows,
        "data_version": layer.data_version,
        "data_digest": layer.data_digest,
    }
