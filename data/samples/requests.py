"""311 service requests of the made city, with the fields of Open311 GeoReport v2."""

import numpy as np
from numpy.typing import NDArray

from data.samples.calls import address_texts, pile_truth, piled_up, station_point
from data.samples.dirt import Defects, Soiled, soiled
from data.samples.export import Table, coordinate_texts
from data.samples.layout import City, stream, to_lnglat
from data.samples.people import Addresses, Blocks, nearest_addresses
from data.samples.planted import Category, Events, drawn_events, plant_truth, plants_of
from data.samples.rhythm import FIRE, MEDICAL, OFFICE, OVERDOSE, texts, without_skipped_hour
from data.samples.streets import Ints, Streets

CATEGORIES = (
    Category("Missed Collection", 13.0, OFFICE),
    Category("Illegal Dumping", 8.0, OFFICE),
    Category("Graffiti Removal", 8.5, OFFICE),
    Category("Pothole", 9.0, OFFICE),
    Category("Weeds and Overgrowth", 8.0, FIRE),
    Category("Abandoned Vehicle", 7.0, OFFICE),
    Category("Streetlight Out", 7.5, OFFICE),
    Category("Stray Animal", 6.5, MEDICAL),
    Category("Noise", 6.0, OVERDOSE),
    Category("Water Leak", 4.5, MEDICAL),
    Category("Traffic Signal", 3.5, OFFICE),
    Category("Encampment", 3.0, OFFICE),
    Category("Sidewalk Damage", 2.5, OFFICE),
)
_AGENCIES = (
    "Solid Waste", "Solid Waste", "Code Compliance", "Streets", "Code Compliance", "Police", "Streets",
    "Animal Services", "Police", "Water Utility", "Streets", "Homeless Services", "Streets",
)  # fmt: skip
DEFECTS = Defects(
    duplicate=240, swapped=18, null_island=31, missing=420, lost_decimal_point=6, outside_boundary=12, 
    far_away=3, skipped_hour=4, repeated_hour=6, trailing_dash=22, day_only=900, month_only=60,
)  # fmt: skip
PILE = 150


def requests(
    place: City, net: Streets, where: Blocks, doors: Addresses, seed: int
) -> tuple[Table, NDArray[np.int64], dict[str, object]]:
    """Return the table of requests, the order of its rows in the file, and its part of the truth."""
    rng = stream(seed, "requests_311")
    drawn = drawn_events(rng, place, where, CATEGORIES, plants_of("requests_311"))
    door, piled = piled_up(rng, nearest_addresses(doors, drawn.x, drawn.y), drawn, doors, PILE)
    events = Events(doors.x[door], doors.y[door], drawn.time, drawn.category, drawn.plant)
    lng, lat = to_lnglat(events.x, events.y)
    dirt = soiled(rng, place, lng, lat, events.time, DEFECTS, piled)
    table = _table(rng, net, doors, door, events, dirt)
    station = int(doors.tree.query(station_point())[1])
    truth: dict[str, object] = {
        "rows": len(dirt.order), "distinct_rows": len(lng), "defects": dirt.counts,
        "hotspots": [
            plant_truth(plant, place, where, CATEGORIES, events, dirt.is_usable & ~piled)
            for plant in plants_of("requests_311")
        ],
        "pile": pile_truth("requests_311", doors, station, events, dirt.is_usable),
    }  # fmt: skip
    return table, dirt.order, truth


def _table(
    rng: np.random.Generator, net: Streets, doors: Addresses, door: Ints, events: Events, dirt: Soiled
) -> Table:
    n = len(door)
    name = np.array([category.label for category in CATEGORIES], dtype=object)[events.category]
    name[dirt.rows["trailing_dash"]] += " -"
    requested = texts(dirt.time, "T").astype(object)
    for rows, length in ((dirt.rows["day_only"], 10), (dirt.rows["month_only"], 7)):
        requested[rows] = [text[:length] for text in requested[rows]]
    updated = without_skipped_hour(dirt.time + rng.gamma(1.3, 260_000.0, n).astype(int))
    is_open = rng.random(n) < 0.06
    code = np.strings.zfill((101 + events.category).astype(str), 4)
    zipcode = 87_990 + (events.x > 0).astype(int) + 2 * (events.y > 0).astype(int)
    return {
        "service_request_id": (700_000 + np.arange(n)).tolist(),
        "status": np.where(is_open, "open", "closed").tolist(),
        "service_name": name.tolist(),
        "service_code": code.tolist(),
        "agency_responsible": np.array(_AGENCIES)[events.category].tolist(),
        "requested_datetime": requested.tolist(),
        "updated_datetime": texts(updated, "T").tolist(),
        "address": address_texts(net, doors, door),
        "zipcode": zipcode.tolist(),
        "lat": coordinate_texts(dirt.lat),
        "long": coordinate_texts(dirt.lng),
    }
