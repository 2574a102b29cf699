"""EMS and fire calls of the made city, as a dispatch centre exports them."""

import numpy as np
from numpy.typing import NDArray

from data.samples.dirt import Defects, Soiled, soiled
from data.samples.export import Table, coordinate_texts
from data.samples.layout import POLICE_STATION_PLAN, City, plan_to_metres, stream, to_lnglat
from data.samples.people import Addresses, Blocks, nearest_addresses
from data.samples.planted import (
    OVERDOSE,
    RISES,
    Category,
    Events,
    drawn_events,
    plant_truth,
    plants_of,
    risen_events,
    together,
)
from data.samples.rhythm import FIRE, MEDICAL, OFFICE, texts, without_skipped_hour
from data.samples.rhythm import OVERDOSE as OVERDOSE_RHYTHM
from data.samples.streets import Ints, Streets

CATEGORIES = (
    Category("MEDICAL||ILLNESS||SICK_CASE", 17.0, MEDICAL),
    Category("MEDICAL||ILLNESS||BREATHING_PROBLEMS", 10.0, MEDICAL),
    Category("MEDICAL||ILLNESS||CHEST_PAIN_NON_TRAUMA", 8.5, MEDICAL),
    Category("MEDICAL||ILLNESS||UNCONSCIOUS_VICTIM", 6.5, MEDICAL),
    Category("MEDICAL||ILLNESS||ABDOMINAL_PAIN", 4.5, MEDICAL),
    Category("MEDICAL||ILLNESS||ALTERED_MENTAL_STATUS", 4.0, MEDICAL),
    Category("MEDICAL||ILLNESS||CONVULSIONS_SEIZURES", 3.6, MEDICAL),
    Category("MEDICAL||ILLNESS||PSYCHOLOGICAL_BEHAVIOR_ISSUES", 4.2, OVERDOSE_RHYTHM),
    Category("MEDICAL||ILLNESS||STROKE_CVA", 2.6, MEDICAL),
    Category("MEDICAL||ILLNESS||DIABETIC_PROBLEMS", 2.2, MEDICAL),
    Category("MEDICAL||ILLNESS||CARDIAC_ARREST", 1.1, MEDICAL),
    Category(OVERDOSE, 2.3, OVERDOSE_RHYTHM),
    Category("MEDICAL||INJURY||FALL", 14.0, MEDICAL),
    Category("MEDICAL||INJURY||MOTOR_VEHICLE_COLLISION", 6.5, OFFICE),
    Category("MEDICAL||INJURY||OTHER_TRAUMATIC_INJURY", 3.4, MEDICAL),
    Category("MEDICAL||INJURY||ASSAULT", 2.6, OVERDOSE_RHYTHM),
    Category("MEDICAL||OTHER||MEDICAL_ALARM", 3.2, MEDICAL),
    Category("PUBSERV||CITIZEN_ASSIST||LIFT_ASSIST", 4.2, MEDICAL),
    Category("PUBSERV||CITIZEN_ASSIST||CITIZEN_ASSIST_SERVICE_CALL", 2.0, OFFICE),
    Category("NOEMERG||FALSE_ALARM||MALFUNCTIONING_ALARM", 3.8, OFFICE),
    Category("NOEMERG||FALSE_ALARM||ACCIDENTAL_ALARM", 2.2, OFFICE),
    Category("NOEMERG||GOOD_INTENT||NO_INCIDENT_FOUND_LOCATION_ERROR", 1.8, OVERDOSE_RHYTHM),
    Category("NOEMERG||CANCELLED", 3.0, MEDICAL),
    Category("FIRE||OUTSIDE_FIRE||TRASH_RUBBISH_FIRE", 0.9, FIRE),
    Category("FIRE||OUTSIDE_FIRE||VEGETATION_GRASS_FIRE", 0.6, FIRE),
    Category("FIRE||STRUCTURE_FIRE||ROOM_AND_CONTENTS_FIRE", 0.35, FIRE),
    Category("FIRE||STRUCTURE_FIRE||CONFINED_COOKING_APPLIANCE_FIRE", 0.3, FIRE),
    Category("FIRE||TRANSPORTATION_FIRE||VEHICLE_FIRE_PASSENGER", 0.5, FIRE),
    Category("HAZSIT||HAZARDOUS_MATERIALS||GAS_LEAK_ODOR", 0.9, OFFICE),
    Category("HAZSIT||HAZARD_NONCHEM||ELEC_POWER_LINE_DOWN_ARCHING_MALFUNC", 0.5, FIRE),
    Category("RESCUE||STRUCTURE||ELEVATOR_ESCALATOR_RESCUE", 0.25, OFFICE),
    Category("LAWENFORCE", 0.8, OVERDOSE_RHYTHM),
)
DEFECTS = Defects(
    duplicate=160, swapped=24, null_island=12, missing=55, lost_decimal_point=9, outside_boundary=30, 
    far_away=5, skipped_hour=9, repeated_hour=12, trailing_dash=14,
)  # fmt: skip
PILE = 380


def calls(
    place: City, net: Streets, where: Blocks, doors: Addresses, seed: int
) -> tuple[Table, NDArray[np.int64], dict[str, object]]:
    """Return the table of calls, the order of its rows in the file, and its part of the truth."""
    rng = stream(seed, "ems")
    drawn = drawn_events(rng, place, where, CATEGORIES, plants_of("ems"))
    door, piled = piled_up(rng, nearest_addresses(doors, drawn.x, drawn.y), drawn, doors, PILE)
    events = Events(doors.x[door], doors.y[door], drawn.time, drawn.category, drawn.plant)
    lng, lat = to_lnglat(events.x, events.y)
    dirt = soiled(rng, place, lng, lat, events.time, DEFECTS, piled)
    table = _table(rng, net, doors, door, events, dirt)
    risen, order = _with_risen(table, place, net, where, doors, events, dirt.order, stream(seed, "ems-rise"))
    every = together([events, risen])
    is_usable = np.concatenate([dirt.is_usable & ~piled, np.ones(len(risen.x), dtype=bool)])
    station = doors.tree.query(station_point())[1]
    truth: dict[str, object] = {
        "rows": len(order), "distinct_rows": len(lng) + len(risen.x), "defects": dirt.counts,
        "hotspots": [
            plant_truth(plant, place, where, CATEGORIES, every, is_usable)
            for plant in (*plants_of("ems"), *RISES)
        ],
        "pile": pile_truth("ems", doors, int(station), events, dirt.is_usable),
    }  # fmt: skip
    return table, order, truth


def station_point() -> NDArray[np.float64]:
    """Return the police station in metres."""
    return np.array([float(value) for value in plan_to_metres(*(np.array(at) for at in POLICE_STATION_PLAN))])


def piled_up(
    rng: np.random.Generator, door: Ints, events: Events, doors: Addresses, n: int
) -> tuple[Ints, NDArray[np.bool_]]:
    """Geocode n rows without a known place to the police station's door; planted rows keep theirs."""
    rows = rng.permutation(np.flatnonzero(events.plant < 0))[:n]
    piled = np.zeros(len(door), dtype=bool)
    piled[rows] = True
    return np.where(piled, doors.tree.query(station_point())[1], door), piled


def pile_truth(
    layer: str, doors: Addresses, station: int, events: Events, is_usable: NDArray[np.bool_]
) -> dict[str, object]:
    """Describe the pile: the point and how many distinct usable rows lie on it."""
    on_it = (events.x == doors.x[station]) & (events.y == doors.y[station])
    lng, lat = to_lnglat(doors.x[station], doors.y[station])
    return {
        "id": f"{layer}-police-station", "layer": layer, "kind": "geocoding pile",
        "title": "Rows without a known place, geocoded to the police station",
        "point": [float(lng), float(lat)], "rows": int((on_it & is_usable).sum()),
    }  # fmt: skip


def address_texts(net: Streets, doors: Addresses, door: Ints) -> list[object]:
    """Return house number and street."""
    numbers, names = doors.number[door].tolist(), net.name[doors.street[door]].tolist()
    return [f"{number} {name}" for number, name in zip(numbers, names, strict=True)]


def _with_risen(
    table: Table,
    place: City,
    net: Streets,
    where: Blocks,
    doors: Addresses,
    events: Events,
    order: Ints,
    rng: np.random.Generator,
) -> tuple[Events, Ints]:
    """Add the calls of a late rise to a table, and their places in the file; the other rows stay as they are.

    They are without defects, and numbered from 900001 on as the dispatch centre numbers a neighbour's calls.
    """
    drawn = risen_events(rng, place, where, CATEGORIES, RISES)
    door = nearest_addresses(doors, drawn.x, drawn.y)
    risen = Events(doors.x[door], doors.y[door], drawn.time, drawn.category, drawn.plant)
    lng, lat = to_lnglat(risen.x, risen.y)
    n, n_before = len(risen.x), len(events.x)
    sound = Soiled(
        lng, lat, risen.time, np.ones(n, dtype=bool), np.arange(n), {},
        {"trailing_dash": np.empty(0, dtype=np.int64)},
    )  # fmt: skip
    added = _table(rng, net, doors, door, risen, sound, 900_001)
    for name, values in added.items():
        table[name].extend(values)
    originals = np.full(n_before + 1, len(order))
    # Copies stand after their originals: written backwards, the first place of a row is what stays.
    originals[order[::-1]] = np.arange(len(order))[::-1]
    places = originals[np.searchsorted(events.time, risen.time, side="right")]
    return risen, np.insert(order, places, n_before + np.arange(n))


def _table(
    rng: np.random.Generator,
    net: Streets,
    doors: Addresses,
    door: Ints,
    events: Events,
    dirt: Soiled,
    first_number: int = 1,
) -> Table:
    n = len(door)
    label = np.array([category.label for category in CATEGORIES], dtype=object)[events.category]
    label[dirt.rows["trailing_dash"]] += " -"
    dispatched = without_skipped_hour(dirt.time + rng.gamma(3.0, 22.0, n).astype(int))
    on_scene = without_skipped_hour(dispatched + 60 + rng.gamma(6.0, 55.0, n).astype(int))
    year = np.datetime_as_string(events.time.astype("datetime64[s]"), unit="Y").astype(object)
    serial = np.strings.zfill((first_number + np.arange(n)).astype(str), 6).astype(object)
    zone = 1 + (events.x > 0).astype(int) + 2 * (events.y > 0).astype(int)
    priority = np.array(["1", "2", "3"])[rng.choice(3, n, p=[0.35, 0.45, 0.2])]
    return {
        "Incident_Number": ("LS" + year + serial).tolist(),
        "Incident_Type": label.tolist(),
        "Priority": priority.tolist(),
        "Address": address_texts(net, doors, door),
        "Fire_Zone": zone.tolist(),
        "Longitude_of_Incident": coordinate_texts(dirt.lng),
        "Latitude_of_Incident": coordinate_texts(dirt.lat),
        "CallTime": texts(dirt.time).tolist(),
        "Dispatched": texts(dispatched).tolist(),
        "Onscene": texts(on_scene).tolist(),
    }
