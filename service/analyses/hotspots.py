"""`hotspots`: Gi* of one incident layer, every cell of the study area and the connected significant areas."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from data.engine import CellCounts, cell_counts
from data.store import Layer, Store
from models.areas import Areas, areas
from models.hotspots import Hotspots
from models.rates import empirical_bayes
from service.analyses.carried import advice_on_resolution
from service.analyses.findings import Finding, Findings, Progress
from service.analyses.gridded import Grid, gridded, rate_of, with_people
from service.analyses.provenance import emberline_member, timestamp
from service.analyses.stability import changes_of, rows_of, stability_of, told_of
from service.analyses.verdict import verdict
from service.layer_kinds import incident_layer
from service.parameters import HotspotInputs
from service.places import named_places, streets_of
from service.population import Population
from spatial.geometry import dissolve
from spatial.grid import areas_km2, boundaries, hex_strings
from spatial.neighbors import neighbor_index


def hotspot_findings(
    store: Store,
    inputs: HotspotInputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
) -> Findings:
    """Gi* hotspots of one incident layer: every cell of the study area, and the connected areas."""
    layer = incident_layer(store, inputs.layer)
    progress("counting incidents by cell")
    grid, people = with_people(store, inputs, gridded(store, layer, inputs, max_cells))
    progress(f"testing {len(grid.area.cells):,} cells")
    index = neighbor_index(grid.area.cells)
    known = None if people is None else people.people
    found = verdict(inputs, grid.count, index, known)
    joined = areas(
        found.classes,
        index,
        grid.count,
        found.q,
        found.z,
        expected=None if people is None else found.expected,
        phi=0.0 if people is None or found.p_method == "binomial" else found.diagnostics["phi"],
    )
    changes = changes_of(inputs, grid.area, max_cells)
    advice = advice_on_resolution(
        store,
        layer,
        inputs,
        grid.area,
        grid.selection,
        side=inputs.side,
        p_method=found.p_method,
        phi=found.diagnostics.get("phi"),
    )
    told = {
        **grid.diagnostics,
        **found.diagnostics,
        "resolution_advice": advice,
        "stability": told_of(changes),
    }
    emberline = emberline_member("hotspots", store, inputs, told)
    progress(f"drawing {only or 'cells and areas'}")

    def drawn_areas() -> Finding:
        firm = stability_of(
            store,
            layer,
            inputs,
            grid,
            found,
            joined,
            people=known,
            index=index,
            changes=changes,
            progress=progress,
        )
        shares = {"stability": firm.share, "stability_by": list(rows_of(firm, changes))}
        return _area_finding(store, layer, inputs, grid, joined, shares)

    makers: dict[str, Callable[[], Finding]] = {
        "areas": drawn_areas,
        "cells": lambda: _cell_finding(inputs, grid, found, people),
    }
    return Findings(
        run=emberline["run"],
        emberline=emberline,
        timestamp=timestamp(store, inputs),
        collections={name: make() for name, make in makers.items() if only in (None, name)},
    )


def _cell_finding(inputs: HotspotInputs, grid: Grid, found: Hotspots, people: Population | None) -> Finding:
    """Return one feature per cell, with the properties of the contract."""
    keep = found.classes != "none" if inputs.significant else np.ones(len(found.q), dtype=bool)
    cells = grid.area.cells[keep]
    names = hex_strings(cells)
    nothing = np.full(len(cells), np.nan)
    columns = {
        "h3": names,
        "count": grid.count[keep],
        "expected": nothing if people is None else found.expected[keep],
        "rate": nothing if people is None else rate_of(grid.count, people.people)[keep],
        "rate_eb": nothing if people is None else empirical_bayes(grid.count, people.people).rate[keep],
        "relative_risk": found.relative_risk[keep],
        "rr_low": found.rr_low[keep],
        "rr_high": found.rr_high[keep],
        "ring": found.ring[keep],
        "neighbors": found.neighbors[keep],
        "edge": found.edge[keep],
        "z": found.z[keep],
        "p_hot": found.p_hot[keep],
        "p_cold": found.p_cold[keep],
        "p": found.p[keep],
        "q": found.q[keep],
        "gi_bin": found.gi_bin[keep],
        "class": found.classes[keep].tolist(),
        "p_method": [found.p_method] * len(cells),
    }
    return Finding(".cells", "cells", names, boundaries(cells), columns)


def _area_finding(
    store: Store,
    layer: Layer,
    inputs: HotspotInputs,
    grid: Grid,
    joined: Areas,
    stability: dict[str, Any],
) -> Finding:
    """Return one feature per connected area: where, how much, since when, what."""
    members = members_of(joined)
    cells = [grid.area.cells[member] for member in members]
    names = [hex_strings(some) for some in cells]
    shapes = np.array([dissolve(some) for some in cells], dtype=object)
    facts = _area_facts(store, layer, inputs, grid, cells)
    places = named_places(store, layer, inputs, shapes, facts.streets)
    classes = joined.classes.tolist()
    peaks = hex_strings(grid.area.cells[joined.peak_cell])
    unknown = [None] * len(joined)
    columns: dict[str, Any] = {
        "rank": joined.rank,
        "class": classes,
        "name": places.names,
        "district": places.districts,
        "n_cells": joined.n_cells,
        "cells": names,
        "area_km2": np.array([areas_km2(some).sum() for some in cells]).round(4),
        "count": joined.count,
        "expected": joined.expected,
        "excess": joined.excess,
        "relative_risk": joined.relative_risk,
        "rr_low": joined.rr_low,
        "rr_high": joined.rr_high,
        "peak_z": joined.peak_z,
        "min_q": joined.min_q,
        "share_of_count": joined.share_of_count,
        "share_of_area": joined.share_of_area,
        "first_time": facts.first_time,
        "last_time": facts.last_time,
        "top_categories": facts.top_categories,
        **stability,
        "since": unknown,
        "previous": unknown,
    }
    fids = [f"{klass}-{peak}" for klass, peak in zip(classes, peaks, strict=True)]
    return Finding("", "areas", fids, shapes, columns, start=facts.first_time, end=facts.last_time)


def members_of(joined: Areas) -> list[npt.NDArray[np.intp]]:
    """Return the positions of each area's cells, in the order of the areas."""
    order = np.argsort(joined.labels, kind="stable")
    starts = np.searchsorted(joined.labels[order], np.arange(len(joined) + 1))
    return [order[first:last] for first, last in itertools.pairwise(starts.tolist())]


@dataclass(frozen=True)
class AreaFacts:
    """What the incidents of each area say beside their number."""

    first_time: npt.NDArray[np.datetime64]
    last_time: npt.NDArray[np.datetime64]
    top_categories: list[list[str]]
    streets: list[list[str]]


def _area_facts(
    store: Store, layer: Layer, inputs: HotspotInputs, grid: Grid, cells: list[npt.NDArray[np.uint64]]
) -> AreaFacts:
    n = len(cells)
    first = np.full(n, np.datetime64("NaT"), "datetime64[us]")
    last = first.copy()
    if n == 0:
        return AreaFacts(first, last, [], [])
    every = np.concatenate(cells)
    owner = np.repeat(np.arange(n), [len(some) for some in cells])
    order = np.argsort(every)
    every, owner = every[order], owner[order]

    def asked(**how: Any) -> tuple[CellCounts, npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        counts = cell_counts(store, layer, inputs.resolution, grid.selection, **how)
        place = np.minimum(np.searchsorted(every, counts.cell), len(every) - 1)
        return counts, owner[place], every[place] == counts.cell

    times, area, inside = asked(measures=("count", "first_time", "last_time"))
    if times.first_time is not None and times.last_time is not None:
        np.fmin.at(first, area[inside], times.first_time[inside].astype("datetime64[us]"))
        np.fmax.at(last, area[inside], times.last_time[inside].astype("datetime64[us]"))
    categories = _commonest(n, *asked(group="category"))
    streets = _commonest(n, *asked(group="street"), names_of=streets_of)
    return AreaFacts(first, last, categories, streets)


def _commonest(
    n: int,
    counts: CellCounts,
    area: npt.NDArray[np.intp],
    inside: npt.NDArray[np.bool_],
    *,
    names_of: Callable[[str], Sequence[str]] = lambda label: (label,),
    top: int = 3,
) -> list[list[str]]:
    """Return the commonest names that the labels of each area hold; ties in the order of the alphabet."""
    labels = pa.array(counts.group).dictionary_encode()
    codes = labels.indices.fill_null(-1).to_numpy()
    named = inside & (codes >= 0)
    used, code = np.unique(codes[named], return_inverse=True)
    words = [names_of(label) for label in labels.dictionary.take(pa.array(used)).to_pylist()]
    n_words = np.array([len(some) for some in words], dtype=np.intp)
    flat = np.array([word for some in words for word in some], dtype=object)
    names, code_of_word = np.unique(flat, return_inverse=True)
    # A label may hold several names or none: each row is repeated for every name of its label.
    times = n_words[code]
    row = np.repeat(np.arange(len(code)), times)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)
    word = code_of_word[(np.cumsum(n_words) - n_words)[code[row]] + nth]
    keys, inverse = np.unique(area[named][row] * max(len(names), 1) + word, return_inverse=True)
    summed = np.bincount(inverse, counts.count[named][row], len(keys)).astype(np.int64)
    found: list[list[tuple[int, str]]] = [[] for _ in range(n)]
    for key, number in zip(keys.tolist(), summed.tolist(), strict=True):
        found[key // len(names)].append((-number, names[key % len(names)]))
    return [[label for _, label in sorted(some) if label][:top] for some in found]
