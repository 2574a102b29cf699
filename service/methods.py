"""The register of methods: inputs, version, and what each is in the words of an OGC process description."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from service.errors import InvalidInputs
from service.parameters import (
    CellsInputs,
    ClustersInputs,
    CorridorsInputs,
    EmergingInputs,
    ForecastInputs,
    GapsInputs,
    HotspotInputs,
    Inputs,
    NearRepeatInputs,
    OutliersInputs,
    PriorityInputs,
    ScanInputs,
    SurveillanceInputs,
)
from service.register.entries import ENTRIES


@dataclass(frozen=True)
class Method:
    """One method; `version` is part of every run's id: it grows with every change that changes a number."""

    inputs: type[Inputs]
    version: str
    title: str
    description: str


METHODS: dict[str, Method] = {
    "hotspots": Method(
        HotspotInputs,
        "5",
        "Hotspots (Getis-Ord Gi*)",
        "Cells whose neighbourhood holds more (or fewer) incidents than random placement explains: Gi*"
        " with an exact permutation p that holds on sparse counts, and the false discovery rate over all"
        " cells.",
    ),
    "cells": Method(
        CellsInputs,
        "5",
        "Cells",
        "Every cell of the study area with the incidents of each layer, in all and by category, its people"
        " and rates, the state of its sewershed's wastewater and its unserved homes; zeros included.",
    ),
    "outliers": Method(
        OutliersInputs,
        "2",
        "Clusters and outliers (local Moran)",
        "Cells that are like their neighbours (HH, LL) and cells that are odd among them (HL, LH), with an"
        " honest two-sided p: exact permutation given the cell's own value, ties fully counted; with a"
        " population of rates, against a negative binomial null of equal risk.",
    ),
    "emerging": Method(
        EmergingInputs,
        "4",
        "Emerging hotspots (space-time)",
        "How every cell has behaved over time: Gi* of each time bin with an exact permutation p, or with a"
        " population its risk against a negative binomial null, the false discovery rate over all cells and"
        " bins, Mann-Kendall of its trend, and that one of seventeen patterns that follows, with its reason.",
    ),
    "clusters": Method(
        ClustersInputs,
        "2",
        "Clusters (DBSCAN, HDBSCAN)",
        "Incidents that lie close together, in metres or in metres and days: DBSCAN or HDBSCAN, the same"
        " whatever the order of rows. Each cluster with its outline, count, dates and categories; piles on"
        " one coordinate told, and collapsed on request. Density, not significance.",
    ),
    "scan": Method(
        ScanInputs,
        "3",
        "Scan statistic",
        "The most likely clusters in space and time: disks of cells and windows that hold more cases than"
        " expected, each with one family-wise p. Space-time permutation without a denominator; with one"
        " discrete Poisson, allowing for risks that differ from cell to cell.",
    ),
    "near-repeat": Method(
        NearRepeatInputs,
        "2",
        "Near repeats (Knox)",
        "Whether incidents follow one another nearby in place and time more often than chance brings: pairs"
        " by distance and days apart against what is expected, with p from times permuted over the places."
        " A table, no map.",
    ),
    "forecast": Method(
        ForecastInputs,
        "3",
        "Forecast of the next period",
        "Expected incidents of every cell in the next period, with an interval: the last period, a smoothed"
        " rate and boosted trees, chosen by forecasting the latest periods from what was before each. Always"
        " with PAI, PEI and RRI of those periods beside the same cells as last period.",
    ),
    "corridors": Method(
        CorridorsInputs,
        "1",
        "Safety corridors",
        "Stretches of street with more crashes than their kind and traffic explain, each with a family-wise p"
        " against networks whose risks differ as ordinary ones do; or the stretches with the largest excess"
        " on a share of the length. Expected by a safety performance function and empirical Bayes; each crash"
        " counts on one street, and those on none or near several are told.",
    ),
    "surveillance": Method(
        SurveillanceInputs,
        "1",
        "Wastewater surveillance",
        "The latest campaign of every analyte in every sewershed against its own history, on the log scale:"
        " alarm with the false discovery rate over the sewersheds, trend, activity level. Too few samples or"
        " stale ones give no answer, with the reason.",
    ),
    "gaps": Method(
        GapsInputs,
        "1",
        "Broadband gaps",
        "Unserved and underserved locations by cell and by source area, an empirical Bayes share, and the"
        " places where the share of unserved locations is higher than chance explains. Areas coarser than a"
        " cell are tested as areas; their cells inherit the verdict.",
    ),
    "priority": Method(
        PriorityInputs,
        "1",
        "Priority",
        "Where several published analyses point to the same cells: the evidence of each on one scale, with"
        " weights, and the likeness between them discounted. Says what each contributes, how many agree, and"
        " how far the rank depends on the weights.",
    ),
}

_FEATURES = {
    "features": {
        "title": "Findings",
        "description": "FeatureCollection with the member `emberline` (run, parameters, diagnostics).",
        "schema": {"type": "object", "contentMediaType": "application/geo+json"},
    }
}


def inputs_of(method: str, given: Mapping[str, Any]) -> Inputs:
    """Return the method's inputs, checked; raise `InvalidInputs` with one entry per field."""
    schema = METHODS[method].inputs
    try:
        return schema.model_validate(dict(given))
    except ValidationError as err:
        entries = [
            {"field": ".".join(map(str, e["loc"])) or "inputs", "detail": _words(e, schema)}
            for e in err.errors()
        ]
        first = "; ".join(
            detail if detail.startswith(f"{field} ") else f"{field}: {detail}"
            for field, detail in (entry.values() for entry in entries)
        )
        known = ", ".join(schema.model_fields)
        unknown = any(e["type"] == "extra_forbidden" for e in err.errors())
        hint = f" (inputs of {method}: {known})" if unknown else ""
        raise InvalidInputs(f"{method} cannot take this: {first}{hint}", entries) from err


def method_descriptions() -> list[dict[str, Any]]:
    """Return every method as a process description, with its entry in the register."""
    return [
        {
            "id": name,
            "title": method.title,
            "description": method.description,
            "version": method.version,
            "inputs": _inputs(method),
            "outputs": _FEATURES,
            "register": register_of(name),
        }
        for name, method in METHODS.items()
    ]


def register_of(name: str) -> dict[str, Any]:
    """Return what the register says of a method, with the data that its inputs name."""
    schema = METHODS[name].inputs
    fields = schema.model_fields
    sources = [
        {
            "input": role,
            "kinds": list(kinds),
            "required": fields[role].is_required(),
            "description": fields[role].description or "",
        }
        for role, kinds in schema.LAYER_KINDS.items()
    ]
    sources += [
        {
            "input": role,
            "kinds": ["analysis"],
            "required": fields[role].is_required(),
            "description": fields[role].description or "",
        }
        for role in schema.ANALYSIS_FIELDS
    ]
    return ENTRIES[name].told() | {"data_sources": sources}


def _inputs(method: Method) -> dict[str, Any]:
    schema = method.inputs.model_json_schema()
    needed = set(schema.get("required", []))
    return {
        name: {
            "title": name,
            "description": part.get("description", ""),
            "schema": {key: value for key, value in part.items() if key not in ("title", "description")},
            "minOccurs": int(name in needed),
            "maxOccurs": 1,
        }
        for name, part in schema["properties"].items()
    }


def _words(error: Any, schema: type[Inputs]) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such input"
    if error["type"] == "missing":
        described = getattr(schema.model_fields.get(str(error["loc"][-1])), "description", None)
        return f"is needed: {described[:1].lower()}{described[1:].rstrip('.')}" if described else "is needed"
    message = str(error["msg"]).removeprefix("Value error, ")
    # What is wrong with several inputs together names them; all that came would bury it.
    is_told = ", got " in message or not error["loc"]
    came = "" if is_told else f", got {str(error['input'])[:100]!r}"
    return f"{message[:1].lower()}{message[1:]}{came}"
