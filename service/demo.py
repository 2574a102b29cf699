"""The sample city, made, ingested, analysed and published: what `emberline demo` starts from."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from service.analyses.findings import Progress
from service.ingesting import IngestOrder, ingest_file, result_json
from service.publishing import definition_of, publish_analysis
from service.remote import RemoteService
from service.settings import Settings
from service.stores import is_remote, open_store

DEMO_STORE = "duckdb:///demo.duckdb"

SEED = 1

#: Grows when the city or its analyses change: a store of an older edition is filled anew.
EDITION = 7

_PLACE = {"boundary": "boundary", "roads": "roads"}

ANALYSES: list[dict[str, Any]] = [
    {
        "id": "ems-opioid-hotspots",
        "method": "hotspots",
        "title": "Opioid overdose calls: hotspots",
        "inputs": {
            **_PLACE,
            "layer": "ems",
            "category": ["MEDICAL||ILLNESS||OVERDOSE"],
            "population": "population",
            "resolution": 9,
        },
    },
    {
        "id": "crash-hotspots",
        "method": "hotspots",
        "title": "Crashes: hotspots",
        "inputs": {**_PLACE, "layer": "crashes", "resolution": 9},
    },
    {
        "id": "ems-hotspots",
        "method": "hotspots",
        "title": "All EMS and fire calls: hotspots",
        "inputs": {**_PLACE, "layer": "ems", "resolution": 9},
    },
    {
        # Two rings hold enough calls of a month to see a place begin; with months there are no weekly waves.
        "id": "emerging-ems",
        "method": "emerging",
        "title": "Medical calls: what is new, lasting or fading",
        "inputs": {
            "layer": "ems",
            "category": ["MEDICAL||"],
            "boundary": "boundary",
            "bin": "P1M",
            "k": 2,
            "resolution": 9,
        },
    },
    {
        "id": "safety-corridors",
        "method": "corridors",
        "title": "Crashes: safety corridors",
        "inputs": {**_PLACE, "layer": "crashes"},
    },
    {
        "id": "wastewater-alerts",
        "method": "surveillance",
        "title": "Opioids in wastewater: alarms by sewershed",
        "inputs": {"layer": "wastewater", "sewersheds": "sewersheds"},
    },
    {
        "id": "broadband-gaps",
        "method": "gaps",
        "title": "Broadband: where unserved locations stand out",
        "inputs": {"layer": "broadband", "boundary": "boundary", "resolution": 9},
    },
    {
        "id": "priority-areas",
        "method": "priority",
        "title": "Where to go first: overdoses, wastewater and broadband together",
        "inputs": {
            "inputs": {
                "overdoses": "ems-opioid-hotspots",
                "wastewater": "wastewater-alerts",
                "broadband": "broadband-gaps",
            },
            "weights": {"overdoses": 2.0, "wastewater": 1.0, "broadband": 1.0},
            "boundary": "boundary",
            "resolution": 9,
        },
    },
]


def prepare_demo(store_url: str, progress: Progress) -> list[str]:
    """Fill the store with the city unless it holds this edition; return what was done, line by line."""
    if is_remote(store_url):
        with RemoteService(store_url) as service:
            return _filled(service.ingest, service.publish, progress)
    store = open_store(store_url)
    try:
        if _is_ready({one.id: one.definition for one in store.analyses() if one.run}):
            return [f"the sample city is in {store_url} already"]
        max_cells = Settings().max_cells
        return _filled(
            lambda path, order: result_json(ingest_file(store, path, order)),
            lambda definition: publish_analysis(store, definition, max_cells=max_cells),
            progress,
        )
    finally:
        store.close()


def _filled(
    ingest: Callable[[Path, IngestOrder], dict[str, Any]],
    publish: Callable[[dict[str, Any]], dict[str, Any]],
    progress: Progress,
) -> list[str]:
    # The city's makers are loaded only when there is a city to make: a second demo starts without them.
    from data.samples.city import write_city

    told = []
    with TemporaryDirectory(prefix="emberline-city-") as folder:
        progress("making the sample city")
        sample = write_city(Path(folder), seed=SEED)
        for name, order in _orders(sample.layers).items():
            progress(f"ingesting {name}")
            result = ingest(sample[name].path, order)
            counts = " ".join(
                f"{key}={result[key]}" for key in ("accepted", "rejected", "duplicate", "updated")
            )
            told.append(f"{name}: {counts}")
    for definition in _definitions():
        progress(f"running {definition['id']}")
        published = publish(definition)
        features = ", ".join(f"{name} {count}" for name, count in published["features"].items())
        told.append(f"{definition['id']}: {features} features")
    return told


def _orders(files: Mapping[str, Any]) -> dict[str, IngestOrder]:
    return {
        name: IngestOrder(
            name,
            kind=file.kind,
            mapping=file.mapping if file.kind == "incidents" else {},
            timezone=file.timezone,
            title=file.title,
            replace=True,
        )
        for name, file in files.items()
    }


def _definitions() -> list[dict[str, Any]]:
    words = f"Made data of a made city (edition {EDITION}, seed {SEED})."
    return [{**one, "description": words} for one in ANALYSES]


def _is_ready(saved: dict[str, dict[str, Any]]) -> bool:
    return all(saved.get(one["id"]) == definition_of(one) for one in _definitions())
