"""The analyses: load → grid → model → findings, one short function each. No HTTP here, and no SQL.

`findings(method, store, inputs, …)` is what everything calls; the digest of method, parameters, code version
and data makes the run's id, so that the same question on the same data is the same run.
"""

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import shapely

from data.engine import CellCounts, Selection, categories_of, cell_counts, totals
from data.errors import LayerNotFound
from data.store import Layer, Store
from models.areas import Areas, areas
from models.errors import InvalidParameter as ModelParameter
from models.hotspots import Hotspots, hotspots
from models.rates import expected_counts
from service.parameters import CellsInputs, HotspotInputs, SharedInputs, instants
from service.places import named_places, streets_of
from service.population import Population, population_area, population_on
from spatial.geometry import dissolve
from spatial.grid import areas_km2, boundaries, hex_strings
from spatial.neighbors import neighbor_index
from spatial.study_area import StudyArea, study_area_cut, study_area_from_data, study_area_from_polygon

#: Part of every run's id: grows with every change that changes a number.
METHOD_VERSIONS = {"hotspots": "2", "cells": "2"}

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Finding:
    """One collection before it is encoded: `suffix` is added to the analysis id (``""`` or ``".cells"``)."""

    suffix: str
    title: str
    fids: list[str]
    geometries: npt.NDArray[np.object_]
    columns: dict[str, Any]
    start: npt.NDArray[np.datetime64] | None = None
    end: npt.NDArray[np.datetime64] | None = None


@dataclass(frozen=True)
class Findings:
    """All that one run found: its collections and the member that every answer carries."""

    run: str
    emberline: dict[str, Any]
    timestamp: str
    collections: dict[str, Finding] = field(default_factory=dict)


def findings(
    method: str,
    store: Store,
    inputs: SharedInputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
) -> Findings:
    """Run a method on the layers that its inputs name, all of them as they are at one moment.

    `only` names the one collection that is wanted; by default all are made.
    """
    with store.reading():
        if isinstance(inputs, HotspotInputs):
            return hotspot_findings(store, inputs, max_cells=max_cells, only=only, progress=progress)
        if isinstance(inputs, CellsInputs):
            return cells_findings(store, inputs, max_cells=max_cells, progress=progress)
    raise ModelParameter(f"needed one of the methods {', '.join(METHOD_VERSIONS)}, got {method!r}")


def hotspot_findings(
    store: Store,
    inputs: HotspotInputs,
    *,
    max_cells: int,
    only: str | None = None,
    progress: Progress = lambda _: None,
) -> Findings:
    """Gi* hotspots of one incident layer: every cell of the study area, and the connected areas."""
    layer = _incident_layer(store, inputs.layer)
    progress("counting incidents by cell")
    grid = _gridded(store, layer, inputs, max_cells)
    people = _population(store, inputs, grid)
    progress(f"testing {len(grid.area.cells):,} cells")
    index = neighbor_index(grid.area.cells)
    found = hotspots(
        grid.count,
        index,
        k=inputs.k,
        alpha=inputs.alpha,
        side=inputs.side,
        kernel=inputs.kernel,
        p_method=inputs.p_method,
        expected=None if people is None else expected_counts(float(grid.count.sum()), people.people),
        simulations=inputs.simulations,
        rng=np.random.default_rng(inputs.seed),
    )
    joined = areas(
        found.classes,
        index,
        grid.count,
        found.q,
        found.z,
        expected=None if people is None else found.expected,
    )
    told = {**grid.diagnostics, **({} if people is None else people.diagnostics), **found.diagnostics}
    emberline = _emberline("hotspots", store, inputs, layer, told)
    progress(f"drawing {only or 'cells and areas'}")
    makers: dict[str, Callable[[], Finding]] = {
        "areas": lambda: _area_finding(store, layer, inputs, grid, joined),
        "cells": lambda: _cell_finding(inputs, grid, found, people),
    }
    return Findings(
        run=emberline["run"],
        emberline=emberline,
        timestamp=_timestamp(store, inputs),
        collections={name: make() for name, make in makers.items() if only in (None, name)},
    )


def cells_findings(
    store: Store, inputs: CellsInputs, *, max_cells: int, progress: Progress = lambda _: None
) -> Findings:
    """Return the joined table: for each cell of the study area the incidents in all and by category."""
    layer = _incident_layer(store, inputs.layer)
    progress("counting incidents by cell and category")
    grid = _gridded(store, layer, inputs, max_cells)
    by_category = cell_counts(
        store, layer, inputs.resolution, grid.selection, measures=("weight",), group="category"
    )
    people = _population(store, inputs, grid)
    columns: dict[str, Any] = {
        "h3": hex_strings(grid.area.cells),
        "population": np.full(len(grid.area.cells), np.nan) if people is None else people.people,
        f"n_{layer.id}": grid.count,
        **_category_columns(layer, grid.area.cells, by_category),
    }
    told = grid.diagnostics if people is None else {**grid.diagnostics, **people.diagnostics}
    emberline = _emberline("cells", store, inputs, layer, told)
    finding = Finding("", "Cells", columns["h3"], boundaries(grid.area.cells), columns)
    return Findings(emberline["run"], emberline, _timestamp(store, inputs), {"cells": finding})


@dataclass(frozen=True)
class Grid:
    """The study area with the incidents of a layer counted into it."""

    area: StudyArea
    count: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    selection: Selection
    diagnostics: dict[str, Any]


def _gridded(store: Store, layer: Layer, inputs: SharedInputs, max_cells: int) -> Grid:
    """Count the selected incidents into the study area; zeros are data."""
    start, end = instants(inputs.datetime, layer.timezone)
    selection = Selection(start, end, tuple(inputs.category), inputs.bbox)
    found = totals(store, layer, selection)
    weighted = found.pop("fractional_weight") > 0
    measure = "weight" if weighted else "count"
    chosen = cell_counts(store, layer, inputs.resolution, selection, measures=(measure,))
    area = _study_area(store, layer, inputs, max_cells)
    values = _whole_numbers(chosen.weight) if chosen.weight is not None else chosen.count
    position = np.searchsorted(area.cells, chosen.cell)
    position = np.minimum(position, len(area.cells) - 1)
    inside = area.cells[position] == chosen.cell
    count = np.zeros(len(area.cells), dtype=values.dtype)
    count[position[inside]] = values[inside]
    outside = values[~inside].sum().item()
    diagnostics = _grid_diagnostics(layer, area, found, outside, measure)
    if not found["selected"]:
        diagnostics["notes"].append(_nothing_selected(store, layer, inputs))
    return Grid(area, count, selection, diagnostics)


def _nothing_selected(store: Store, layer: Layer, inputs: SharedInputs) -> str:
    """Tell a reader of an all-zero answer why: a mistyped category looks like a quiet month."""
    if not inputs.category:
        return "no incident is selected: every cell is zero"
    known = ", ".join(name for name, _ in categories_of(store, layer, limit=5)) or "none"
    asked = ", ".join(inputs.category)
    return f"no incident is selected by category {asked}: every cell is zero (commonest categories: {known})"


def _study_area(store: Store, layer: Layer, inputs: SharedInputs, max_cells: int) -> StudyArea:
    """Return the boundary's cells, else the population's, else those that the layer's rows span.

    Which rows are selected does not change the area.
    """
    if inputs.boundary:
        outline = boundary_outline(store, inputs.boundary)
        area = study_area_from_polygon(outline, inputs.resolution, max_cells)
    elif inputs.population:
        area = population_area(store, inputs.population, inputs.resolution, max_cells)
    else:
        every = cell_counts(store, layer, inputs.resolution)
        area = study_area_from_data(every.cell, every.count, inputs.resolution, max_cells)
    return study_area_cut(area, inputs.bbox) if inputs.bbox else area


def _population(store: Store, inputs: SharedInputs, grid: Grid) -> Population | None:
    return population_on(store, inputs.population, grid.area) if inputs.population else None


def boundary_outline(store: Store, layer_id: str) -> shapely.Geometry:
    """Return the union of a boundary layer's polygons."""
    layer = store.layer(layer_id)
    if layer.kind != "boundary":
        raise LayerNotFound(f"boundary needs a layer of kind boundary; {layer_id!r} is of kind {layer.kind}")
    table = store.geometries(layer_id)
    outline = shapely.union_all(shapely.from_wkb(table["geometry"].to_pylist()))
    shapely.prepare(outline)
    return outline


def _grid_diagnostics(
    layer: Layer, area: StudyArea, found: dict[str, int], outside: float, measure: str
) -> dict[str, Any]:
    notes = []
    if found["coarse_time"]:
        notes.append(
            f"{found['coarse_time']:,} incidents are known only to the month or year: a datetime filter takes"
            " them at its first instant"
        )
    if measure == "weight":
        notes.append("counts are sums of the layer's weight: a row stands for that many incidents")
    return {
        "study_area_source": area.source,
        "study_area_cells": len(area.cells),
        "isolated_parents": area.n_isolated_parents,
        "isolated_rows": area.n_isolated_rows,
        "rows": found["rows"],
        "rows_selected": found["selected"],
        "rows_without_time": found["without_time"],
        "rows_with_coarse_time": found["coarse_time"],
        "outside_study_area": outside,
        "measure": measure,
        "timezone": layer.timezone,
        "first_time": layer.first_time.isoformat() if layer.first_time else None,
        "last_time": layer.last_time.isoformat() if layer.last_time else None,
        "notes": notes,
    }


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
        "relative_risk": found.relative_risk[keep],
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


def rate_of(count: npt.NDArray[Any], people: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return incidents per person; NaN where nobody lives."""
    rate: npt.NDArray[np.float64] = np.full(len(people), np.nan)
    np.divide(count, people, out=rate, where=people > 0)
    return rate


def _area_finding(store: Store, layer: Layer, inputs: HotspotInputs, grid: Grid, joined: Areas) -> Finding:
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
        "peak_z": joined.peak_z,
        "min_q": joined.min_q,
        "share_of_count": joined.share_of_count,
        "share_of_area": joined.share_of_area,
        "first_time": facts.first_time,
        "last_time": facts.last_time,
        "top_categories": facts.top_categories,
        "stability": unknown,
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


def _category_columns(
    layer: Layer, cells: npt.NDArray[np.uint64], counts: CellCounts, top: int = 100
) -> dict[str, npt.NDArray[np.float64]]:
    """Return one column per category, the commonest first."""
    if counts.weight is None or counts.group is None:
        return {}
    labels = pa.array(counts.group).dictionary_encode()
    codes = labels.indices.fill_null(-1).to_numpy()
    words = labels.dictionary.to_pylist()
    total = np.bincount(codes[codes >= 0], counts.weight[codes >= 0], len(words))
    columns = {}
    for code in sorted(range(len(words)), key=lambda code: (-total[code], words[code]))[:top]:
        mine = codes == code
        place = np.minimum(np.searchsorted(cells, counts.cell[mine]), len(cells) - 1)
        inside = cells[place] == counts.cell[mine]
        values = np.zeros(len(cells))
        values[place[inside]] = counts.weight[mine][inside]
        columns[f"n_{layer.id}.{words[code]}"] = _whole_numbers(values)
    return columns


def _whole_numbers(values: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """Return integers where all values are whole."""
    whole = values.astype(np.int64)
    return whole if np.array_equal(whole, values) else values


def _incident_layer(store: Store, layer_id: str) -> Layer:
    layer = store.layer(layer_id)
    if layer.kind != "incidents":
        raise LayerNotFound(f"layer needs one of kind incidents; {layer_id!r} is of kind {layer.kind}")
    return layer


def run_id(method: str, store: Store, inputs: SharedInputs) -> str:
    """Return the id of a run: the digest of method, version, parameters and data. Nothing is computed."""
    parameters = inputs.model_dump(mode="json", exclude={"output"})
    data = [[one.id, one.data_digest] for one in _layers(store, inputs)]
    basis = [method, METHOD_VERSIONS[method], parameters, data]
    return hashlib.sha256(orjson.dumps(basis, option=orjson.OPT_SORT_KEYS)).hexdigest()[:20]


def _emberline(
    method: str, store: Store, inputs: SharedInputs, layer: Layer, diagnostics: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the member that tells where the numbers come from; its run is the digest of all that."""
    layers = _layers(store, inputs)
    told = [
        {
            "id": one.id,
            "kind": one.kind,
            "title": one.title,
            "rows": one.n_rows,
            "data_version": one.data_version,
            "data_digest": one.data_digest,
        }
        for one in layers
    ]
    return {
        "run": run_id(method, store, inputs),
        "method": method,
        "method_version": METHOD_VERSIONS[method],
        "parameters": inputs.model_dump(mode="json"),
        "layers": told,
        "data_version": layer.data_version,
        "diagnostics": dict(diagnostics),
    }


def _layers(store: Store, inputs: SharedInputs) -> list[Layer]:
    return [_incident_layer(store, inputs.layer), *(store.layer(name) for name in _further_layers(inputs))]


def _further_layers(inputs: SharedInputs) -> list[str]:
    names = [inputs.boundary, getattr(inputs, "roads", None), getattr(inputs, "population", None)]
    return [name for name in names if name]


def _timestamp(store: Store, inputs: SharedInputs) -> str:
    """Return the time of the data: when the last of the layers changed."""
    return max(one.data_time for one in _layers(store, inputs)).isoformat().replace("+00:00", "Z")
