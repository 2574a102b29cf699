"""Street names of the made city: what a line of the plan is called, and its house numbers."""

import numpy as np

_ARTERIALS_NS = (
    "Sagebrush Rd",
    "Ocotillo Rd",
    "Mission Rd",
    "Central Ave",
    "Foundry Rd",
    "Saltbush Rd",
    "Esperanza Rd",
)
_ARTERIALS_EW = ("Caliche Rd", "Rodeo Rd", "Mesquite Rd", "Main St", "Acequia Rd", "Union Rd", "Windmill Rd")
_COLLECTORS_NS = (
    "Arroyo Blvd",
    "Pinon Blvd",
    "College Ave",
    "Depot Ave",
    "Market Ave",
    "Hospital Dr",
    "Orchard Blvd",
    "Harbor Blvd",
)
_COLLECTORS_EW = (
    "Ridgeline Pkwy",
    "Summit Pkwy",
    "Juniper Blvd",
    "Library Blvd",
    "Railroad Ave",
    "Canal Blvd",
    "Cotton Blvd",
    "Prairie Pkwy",
)
_PLANTS = (
    "Agave", "Alder", "Apache Plume", "Aster", "Barberry", "Bluestem", "Brittlebush", "Buckwheat",
    "Bursage", "Catclaw", "Cedar", "Chamisa", "Cholla", "Cliffrose", "Columbine", "Coneflower",
    "Coyote Gourd", "Creosote", "Datura", "Desert Holly", "Elderberry", "Fairy Duster",
    "Feather Grass", "Fendler", "Fleabane", "Fourwing", "Foxtail", "Globemallow", "Grama",
    "Greasewood", "Hackberry", "Hopbush", "Indigo Bush", "Ironwood", "Jojoba", "Larkspur",
    "Lechuguilla", "Locoweed", "Lupine", "Manzanita", "Marigold", "Mariola", "Milkweed", "Mulberry",
    "Needlegrass", "Nolina", "Oleander", "Paintbrush", "Palo Verde", "Penstemon", "Peppergrass",
    "Phacelia", "Pinto Bean", "Poppy", "Primrose", "Rabbitbrush", "Ricegrass", "Sacaton",
    "Saltgrass", "Scarlet Sage", "Shadscale", "Skunkbush", "Snakeweed", "Sotol", "Spurge", "Sumac",
    "Sunflower", "Tamarisk", "Tarbush", "Thistle", "Tobosa", "Verbena", "Vetch", "Whitethorn",
    "Willow", "Winterfat", "Wolfberry", "Yarrow", "Yerba", "Yucca", "Zinnia",
)  # fmt: skip
_CURVED_FIRST = (
    "Amber", "Antelope", "Badger", "Canyon", "Copper", "Coyote", "Desert", "Dove", "Dry Creek",
    "Eagle", "Falcon", "Hidden", "Jackrabbit", "Lizard", "Lone", "Moon", "Painted", "Quail",
    "Red Rock", "Roadrunner", "Silver", "Star", "Sunset", "Thunder", "Wild Horse", "Wind",
)  # fmt: skip
_CURVED_SECOND = (
    "Bluff", "Crest", "Glen", "Hollow", "Meadow", "Mesa", "Pass", "Ridge", "Run", "Shadow", "Trail",
    "View", "Wash",
)  # fmt: skip
_CURVED_SUFFIX = ("Dr", "Ln", "Way", "Ct", "Pl")


def street_names(line: np.ndarray, along: np.ndarray, is_ns: np.ndarray, curved: np.ndarray) -> list[str]:
    """Return a full name per piece of street.

    `line` is the plan line (u of a north-south street, v of an east-west one), `along` the plan
    coordinate of the piece's middle on it. Main Street parts N from S, Central Avenue E from W. Local
    streets of a curved square are its own; elsewhere a line keeps its name through the city.
    """
    rows = zip(line.tolist(), along.tolist(), is_ns.tolist(), curved.tolist(), strict=True)
    return [_street_name(*row) for row in rows]


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th and so on.

    >>> [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 52)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '52nd']
    """
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _street_name(line: int, along: float, is_ns: bool, curved: bool) -> str:
    if line % 16 == 0:
        base = (_ARTERIALS_NS if is_ns else _ARTERIALS_EW)[line // 16 + 3]
    elif line % 16 == 8:
        base = (_COLLECTORS_NS if is_ns else _COLLECTORS_EW)[(line + 56) // 16]
    elif curved:
        return _curved_name(line, along, is_ns)
    elif is_ns:
        base = f"{ordinal(abs(line))} {'St' if line > 0 else 'Ave'}"
    else:
        base = f"{_PLANTS[(line + 57) % len(_PLANTS)]} St"
    return f"{_prefix(along, is_ns)} {base}"


def _prefix(along: float, is_ns: bool) -> str:
    positive, negative = ("N", "S") if is_ns else ("E", "W")
    return positive if along >= 0 else negative


def _curved_name(line: int, along: float, is_ns: bool) -> str:
    """Return a name that only one street of one square has: 338 pairs, five suffixes in turn."""
    square = (line // 16 + 4) * 8 + int(along // 16) + 4
    serial = (square * 16 + line % 16) * 2 + int(is_ns)
    scattered = serial * 211 % (len(_CURVED_FIRST) * len(_CURVED_SECOND) * len(_CURVED_SUFFIX))
    pair, suffix = divmod(scattered, len(_CURVED_SUFFIX))
    first, second = divmod(pair, len(_CURVED_SECOND))
    return f"{_CURVED_FIRST[first]} {_CURVED_SECOND[second]} {_CURVED_SUFFIX[suffix]}"
