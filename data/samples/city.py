"""The made city, written as the files that a real one exports, with a truth file beside them.

    sample = write_city(directory, seed=1)

The same seed writes the same bytes. Each layer draws from a random stream of its own.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data.samples import layout
from data.samples.availability import write_availability
from data.samples.broadband import broadband, write_broadband
from data.samples.calls import calls
from data.samples.crashes import crashes
from data.samples.export import geojson, write_csv, write_features, write_json
from data.samples.layout import City, city
from data.samples.people import Blocks, addresses, block_codes, blocks, housing_units
from data.samples.requests import requests
from data.samples.sewersheds import Sewersheds, sewersheds, sewersheds_truth, write_sewersheds
from data.samples.streets import (
    CARRIAGEWAY_GAP_M,
    CLASS_NAMES,
    FREEWAY_NAME,
    FRONTAGE_NAME,
    LOCAL,
    SPEED_KMH,
    Streets,
    streets,
)
from data.samples.wastewater import wastewater


@dataclass(frozen=True)
class SampleFile:
    """One file of the city: what to ingest it as. `mapping` is field → column, for readers that want it."""

    path: Path
    kind: str
    title: str
    timezone: str = layout.TIMEZONE
    mapping: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CitySample:
    """The files of a made city by layer id, in the order in which they are best ingested."""

    directory: Path
    name: str
    seed: int
    layers: dict[str, SampleFile]
    truth: Path

    def __getitem__(self, layer: str) -> SampleFile:
        """Return the file of a layer."""
        return self.layers[layer]


def write_city(directory: Path, *, seed: int = 1) -> CitySample:
    """Write the city of a seed into a directory, which is made if need be."""
    directory.mkdir(parents=True, exist_ok=True)
    sample = CitySample(directory, layout.CITY_NAME, seed, _files(directory), directory / "truth.json")
    place, net = city(), streets(city(), seed)
    where, doors = blocks(place, seed), addresses(place, net)
    _write_boundary(sample["boundary"].path, place)
    _write_streets(sample["roads"].path, net)
    _write_blocks(sample["population"].path, where)
    sheds = sewersheds(place, where)
    write_sewersheds(sample["sewersheds"].path, sheds)
    counts = broadband(where, seed)
    truths = {
        "broadband": write_broadband(sample["broadband"].path, where, counts),
        "availability": write_availability(sample["availability"].path, where, counts, seed),
    }
    for layer, (table, order, truth) in {
        "ems": calls(place, net, where, doors, seed),
        "crashes": crashes(place, net, doors, seed),
        "requests_311": requests(place, net, where, doors, seed),
        "wastewater": wastewater(sheds, seed),
    }.items():
        write_csv(sample[layer].path, table, order)
        truths[layer] = truth
    write_json(sample.truth, _truth(sample, place, net, where, sheds, truths), indent=True)
    return sample


def _files(directory: Path) -> dict[str, SampleFile]:
    name = layout.CITY_NAME
    return {
        "boundary": SampleFile(directory / "boundary.geojson", "boundary", f"{name}: city limit"),
        "roads": SampleFile(
            directory / "roads.geojson", "roads", f"{name}: street centrelines",
            mapping={"id": "SEGMENTID", "name": "FULLNAME", "class": "ROADCLASS", "oneway": "ONEWAY",
                     "level": "Z_LEVEL", "aadt": "AADT"},
        ),
        "population": SampleFile(
            directory / "population.geojson", "population", f"{name}: census blocks",
            mapping={"id": "GEOID", "population": "population"},
        ),
        "ems": SampleFile(
            directory / "ems.csv", "incidents", f"{name}: EMS and fire calls",
            mapping={"id": "Incident_Number", "time": "CallTime", "lng": "Longitude_of_Incident",
                     "lat": "Latitude_of_Incident", "category": "Incident_Type"},
        ),
        "crashes": SampleFile(
            directory / "crashes.csv", "incidents", f"{name}: crashes",
            mapping={"id": "CrashID", "time": "CrashDate+CrashTime", "lng": "Longitude", "lat": "Latitude",
                     "severity": "CrashSeverity", "street": "OnStreet", "mode": "TravelMode"},
        ),
        "requests_311": SampleFile(
            directory / "requests_311.csv", "incidents", f"{name}: 311 service requests",
            mapping={"id": "service_request_id", "time": "requested_datetime", "lng": "long", "lat": "lat",
                     "category": "service_name"},
        ),
        "sewersheds": SampleFile(
            directory / "sewersheds.geojson", "sewersheds", f"{name}: sewersheds",
            mapping={"id": "ID", "name": "NAME", "population": "POP_SERVED"},
        ),
        "wastewater": SampleFile(
            directory / "wastewater.csv", "samples", f"{name}: opioids in wastewater",
            mapping={"id": "Sample_ID", "sewershed": "Sewershed", "start": "Collection_Start",
                     "end": "Collection_End", "analyte": "Analyte", "value": "Concentration", "unit": "Unit",
                     "limit": "LOD", "flow": "Flow_MGD", "population": "Population_Served",
                     "replicate": "Replicate", "quality": "QC_Flag"},
        ),
        "broadband": SampleFile(
            directory / "broadband.geojson", "coverage", f"{name}: broadband by census block",
            mapping={"id": "GEOID20", "locations": "LOCATIONS", "served": "SERVED",
                     "underserved": "UNDERSERVED", "unserved": "UNSERVED"},
        ),
        "availability": SampleFile(
            directory / "availability.csv", "coverage", f"{name}: broadband offers in the south-west",
        ),
    }  # fmt: skip


def _write_boundary(path: Path, place: City) -> None:
    properties: dict[str, object] = {"id": "city", "name": layout.CITY_NAME}
    write_features(path, [(properties, place.land)])


def _write_streets(path: Path, net: Streets) -> None:
    """Write centrelines. AADT is published where it is counted: not on local streets."""
    side = np.where(net.oneway, "FT", "B")
    house = np.where(np.isnan(net.span), 0, np.abs(net.span) * 50).astype(int)
    rows = []
    for i in range(len(net.line)):
        kind = int(net.road_class[i])
        rows.append(
            {
                "SEGMENTID": 10_001 + i, "FULLNAME": net.name[i], "ROADCLASS": CLASS_NAMES[kind],
                "ONEWAY": str(side[i]), "Z_LEVEL": int(net.level[i]), "SPEED_KMH": int(SPEED_KMH[kind]),
                "AADT": None if kind == LOCAL else int(net.aadt[i]),
                "FROM_ADDR": int(house[i, 0]) if net.on_plan[i] else None,
                "TO_ADDR": int(house[i, 1]) if net.on_plan[i] else None,
            }
        )  # fmt: skip
    write_features(path, list(zip(rows, net.line, strict=True)))


def _write_blocks(path: Path, where: Blocks) -> None:
    """Write census blocks."""
    facts = zip(block_codes(where), where.population.tolist(), housing_units(where), strict=True)
    rows: list[dict[str, object]] = [
        {"GEOID": code, "population": n, "housing_units": homes} for code, n, homes in facts
    ]
    write_features(path, list(zip(rows, where.polygon, strict=True)))


def _truth(
    sample: CitySample,
    place: City,
    net: Streets,
    where: Blocks,
    sheds: Sewersheds,
    truths: dict[str, dict[str, object]],
) -> dict[str, object]:
    """Put the layers' truths together with what the city is."""
    told = ("hotspots", "corridors", "decoys", "pile", "changes", "desert")
    return {
        "city": {
            "name": sample.name, "seed": sample.seed, "timezone": layout.TIMEZONE, "start": layout.START,
            "end": layout.END, "center": [layout.CENTER_LNG, layout.CENTER_LAT],
            "area_km2": round(place.land.area / 1e6, 3), "lake_km2": round(place.lake.area / 1e6, 3),
            "population": int(where.population.sum()),
        },
        "lake": {"name": layout.LAKE_NAME, "geometry": geojson(place.lake)},
        "districts": [
            {"id": key, "name": layout.DISTRICTS[key][0], "geometry": geojson(area)}
            for key, area in place.districts.items()
        ],
        "sewersheds": sewersheds_truth(sheds),
        "layers": {
            "roads": _streets_truth(net),
            "population": {"rows": len(where.population)},
            "sewersheds": {"rows": len(sheds.id)},
            **{
                layer: {key: value for key, value in truth.items() if key not in told}
                for layer, truth in truths.items()
            },
        },
        "hotspots": [plant for truth in truths.values() for plant in _list(truth, "hotspots")],
        "corridors": truths["crashes"]["corridors"],
        "decoys": [
            *_list(truths["crashes"], "decoys"),
            *(truth["pile"] for truth in truths.values() if "pile" in truth),
        ],
        "wastewater": truths["wastewater"]["changes"],
        "deserts": [truths["broadband"]["desert"]],
    }  # fmt: skip


def _streets_truth(net: Streets) -> dict[str, object]:
    """Count the network; the frontage road meets other streets without a node, as badly drawn ones do."""
    length_km = net.length_m / 1000
    by_class = {name: net.road_class == kind for kind, name in enumerate(CLASS_NAMES)}
    return {
        "rows": len(net.line),
        "length_km": round(float(length_km.sum()), 3),
        "by_class": {
            name: {"rows": int(of_class.sum()), "length_km": round(float(length_km[of_class].sum()), 3)}
            for name, of_class in by_class.items()
        },
        "not_noded": [FRONTAGE_NAME],
        "dual_carriageway": {"name": FREEWAY_NAME, "gap_m": CARRIAGEWAY_GAP_M},
    }


def _list(truth: dict[str, object], key: str) -> list[object]:
    value = truth.get(key)
    return value if isinstance(value, list) else []
