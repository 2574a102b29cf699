"""`clusters`: incidents that lie close together, in space or in space and time; what they are, and where."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data.store import Layer, Store
from models.clusters import Clusters, clusters
from models.piles import LEAST_PILE, TIMES_USUAL
from service.analyses.carried import NO_TEST
from service.analyses.findings import Finding, Findings, Progress
from service.analyses.gridded import whole_numbers
from service.analyses.points import Incidents, incidents_of, incidents_told
from service.analyses.provenance import emberline_member, timestamp
from service.layer_kinds import incident_layer
from service.parameters import ClustersInputs
from service.places import named_places, streets_of
from spatial.hulls import Hull, hull

Indices = npt.NDArray[np.int64]

#: How far a cluster's polygon reaches beyond its incidents.
HULL_MARGIN_M = 30.0

_NO_TEST = "none: density is compared with eps and min_samples, not with chance"
# A cluster with more than this share of the incidents says more about the parameters than about the place.
_SWALLOWED = 0.5
_MOST_TOLD = 5


def cluster_findings(
    store: Store,
    inputs: ClustersInputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
) -> Findings:
    """One feature per cluster: how many incidents, since when, of what kind, and the area they take up."""
    layer = incident_layer(store, inputs.layer)
    progress("reading incidents")
    timed_for = None if inputs.eps_days is None else "eps_days"
    incidents = incidents_of(store, layer, inputs, timed_for=timed_for)
    progress(f"clustering {len(incidents.rows):,} incidents")
    found = clusters(
        incidents.column("lng"),
        incidents.column("lat"),
        algorithm=inputs.algorithm,
        min_samples=inputs.min_samples,
        eps_m=inputs.eps_m,
        days=None if inputs.eps_days is None else incidents.days,
        eps_days=inputs.eps_days,
        weights=incidents.weight,
        collapse_piles=inputs.collapse_piles,
    )
    progress(f"drawing {len(found):,} clusters")
    emberline = emberline_member("clusters", store, inputs, _diagnostics(layer, inputs, incidents, found))
    finding = _finding(store, layer, inputs, incidents, found)
    return Findings(emberline["run"], emberline, timestamp(store, inputs), {"clusters": finding})


def _finding(
    store: Store, layer: Layer, inputs: ClustersInputs, incidents: Incidents, found: Clusters
) -> Finding:
    hulls = _hulls(incidents, found)
    shapes = np.array([one.geometry for one in hulls], dtype=object)
    area = np.array([one.area_km2 for one in hulls], dtype=np.float64)
    first, last = _times(incidents, found)
    streets = _commonest(incidents, found, "street", names_of=streets_of)
    places = named_places(store, layer, inputs, shapes, streets)
    count = whole_numbers(found.count)
    label = np.arange(1, len(found) + 1)
    columns: dict[str, Any] = {
        "label": label,
        "name": places.names,
        "district": places.districts,
        "count": count,
        "n_places": found.n_places,
        "first_time": first,
        "last_time": last,
        "top_categories": _commonest(incidents, found, "category"),
        "area_km2": area.round(6),
        "density_km2": (found.count / area if len(area) else area).round(1),
        "pile_share": found.pile_share.round(6),
        "entered": whole_numbers(found.entered),
    }
    fids = [f"cluster-{one}" for one in label.tolist()]
    return Finding("", "clusters", fids, shapes, columns, start=first, end=last)


def _hulls(incidents: Incidents, found: Clusters) -> list[Hull]:
    lng, lat = incidents.column("lng"), incidents.column("lat")
    order = np.argsort(found.labels, kind="stable")
    starts = np.searchsorted(found.labels[order], np.arange(len(found) + 1))
    members = [order[starts[one] : starts[one + 1]] for one in range(len(found))]
    return [hull(lng[mine], lat[mine], HULL_MARGIN_M) for mine in members]


def _times(
    incidents: Incidents, found: Clusters
) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.datetime64]]:
    """Return the first and the last time of each cluster; NaT where none is known."""
    times = incidents.rows["time"].cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]")
    inside = found.labels >= 0
    first = np.full(len(found), np.datetime64("NaT"), "datetime64[us]")
    last = first.copy()
    np.fmin.at(first, found.labels[inside], times[inside])
    np.fmax.at(last, found.labels[inside], times[inside])
    return first, last


def _commonest(
    incidents: Incidents,
    found: Clusters,
    column: str,
    *,
    names_of: Callable[[str], Sequence[str]] = lambda label: (label,),
    top: int = 3,
) -> list[list[str]]:
    """Return the commonest names that each cluster's incidents hold; ties in the order of the alphabet."""
    labels = incidents.rows[column].combine_chunks().dictionary_encode()
    words = [names_of(word) for word in labels.dictionary.to_pylist()]
    code = labels.indices.fill_null(-1).to_numpy()
    inside = np.flatnonzero((found.labels >= 0) & (code >= 0))
    keys, pair = np.unique(found.labels[inside] * max(len(words), 1) + code[inside], return_inverse=True)
    number = np.bincount(pair, incidents.weight[inside], len(keys)).round(6)
    sums: list[dict[str, float]] = [{} for _ in range(len(found))]
    for key, n in zip(keys.tolist(), number.tolist(), strict=True):
        mine = sums[key // len(words)]
        for word in words[key % len(words)]:
            mine[word] = mine.get(word, 0) + n
    return [sorted(mine, key=lambda word: (-mine[word], word))[:top] for mine in sums]


def _diagnostics(
    layer: Layer, inputs: ClustersInputs, incidents: Incidents, found: Clusters
) -> dict[str, Any]:
    total, inside = float(incidents.weight.sum()), float(found.count.sum())
    told = {
        **incidents_told(layer, incidents),
        **NO_TEST,
        "incidents": _number(total),
        "places": len(found.places),
        "points": found.n_points,
        "clusters": len(found),
        "clustered": _number(inside),
        "noise": _number(total - inside),
        "noise_share": round(1 - inside / total, 6) if total else None,
        "piles": _piles(found, total),
        "hull_margin_m": HULL_MARGIN_M,
        "significance_test": _NO_TEST,
    }
    return {**told, "notes": _notes(inputs, incidents, found, told)}


def _piles(found: Clusters, total: float) -> dict[str, Any]:
    """Return how much lies on piles, and the largest of them."""
    where = found.places
    piled = np.flatnonzero(where.is_pile)
    largest = piled[np.argsort(-where.count[piled], kind="stable")][:_MOST_TOLD]
    count = float(where.count[piled].sum())
    return {
        "coordinates": len(piled),
        "incidents": _number(count),
        "share": round(count / total, 6) if total else None,
        "usual_on_a_coordinate": None if np.isnan(where.usual) else _number(where.usual),
        "largest": [
            {"lng": float(where.lng[one]), "lat": float(where.lat[one]), "count": _number(where.count[one])}
            for one in largest
        ],
    }


def _notes(inputs: ClustersInputs, incidents: Incidents, found: Clusters, told: dict[str, Any]) -> list[str]:
    """Return what a reader must know, in sentences."""
    notes = ["clusters are no test: where incidents are many, chance alone makes some"]
    if not len(incidents.rows):
        notes.append("no incident is selected: there is nothing to cluster")
    elif not len(found):
        notes.append(
            "no cluster: nowhere are so many incidents so close; a larger eps_m or fewer min_samples may"
            " show some"
        )
    for why, number in incidents.left_out.items():
        notes.append(f"{number:,} incidents {why} take no part")
    if incidents.measure == "weight":
        notes.append(
            "counts are sums of the layer's weight: a row stands for that many incidents"
            + ("; hdbscan takes each row once" if inputs.algorithm == "hdbscan" else "")
        )
    if len(found) and found.count[0] > _SWALLOWED * told["incidents"] and inputs.algorithm == "dbscan":
        notes.append(
            f"cluster 1 holds {found.count[0] / told['incidents']:.0%} of the incidents: a smaller eps_m or"
            " more min_samples would tell places apart"
        )
    if piles := told["piles"]["coordinates"]:
        how = "each counts once" if inputs.collapse_piles else "collapse_piles=true lets each count once"
        notes.append(
            f"{piles:,} piles ({LEAST_PILE} incidents or more on one coordinate, and {TIMES_USUAL} times the"
            f" usual number) hold {told['piles']['share']:.1%} of the incidents: busy addresses or a"
            f" geocoder's defaults; {how}"
        )
    return notes


def _number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)
