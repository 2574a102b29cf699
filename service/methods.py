"""What each method is, in the words of an OGC process description; inputs come from their schema."""

from typing import Any

from service.parameters import INPUTS

_FEATURES = {
    "features": {
        "title": "Findings",
        "description": "FeatureCollection with the member `emberline` (run, parameters, diagnostics).",
        "schema": {"type": "object", "contentMediaType": "application/geo+json"},
    }
}

_WORDS = {
    "hotspots": (
        "Hotspots (Getis-Ord Gi*)",
        "Cells whose neighbourhood holds more (or fewer) incidents than random placement explains: Gi*"
        " with an exact permutation p that holds on sparse counts, and the false discovery rate over all"
        " cells.",
    ),
    "cells": (
        "Cells",
        "Every cell of the study area with its incidents, in all and by category; zeros included.",
    ),
}


def method_descriptions(versions: dict[str, str]) -> list[dict[str, Any]]:
    """Return every method as a process description."""
    return [
        {
            "id": method,
            "title": _WORDS[method][0],
            "description": _WORDS[method][1],
            "version": versions[method],
            "inputs": _inputs(method),
            "outputs": _FEATURES,
        }
        for method in INPUTS
    ]


def _inputs(method: str) -> dict[str, Any]:
    schema = INPUTS[method].model_json_schema()
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
