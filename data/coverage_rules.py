"""Who counts as served: named, versioned sets of rules for broadband availability. Data only.

A set never changes under its name: another reading of a programme gets another name.
"""

from dataclasses import dataclass
from datetime import date

#: Technology codes of the Broadband Data Collection.
TECHNOLOGIES = {
    0: "other",
    10: "copper wire",
    40: "coaxial cable, hybrid fibre",
    50: "optical fibre to the premises",
    60: "geostationary satellite",
    61: "other satellite",
    70: "unlicensed terrestrial fixed wireless",
    71: "licensed terrestrial fixed wireless",
    72: "licensed-by-rule terrestrial fixed wireless",
}

#: Who may buy: residential only, business only, both.
CUSTOMERS = ("R", "B", "X")

_ALL = frozenset(TECHNOLOGIES)
_HOMES = frozenset("RX")


@dataclass(frozen=True)
class RuleSet:
    """When an offer serves a location.

    `technologies`, `low_latency` (at most 100 ms needed) and `customers` say which offers count at all. Of
    those, one that reaches `underserved_below` (Mbit/s down, up) serves; one that reaches only
    `unserved_below` leaves the location underserved; without either it is unserved. Speeds that equal a
    threshold reach it.
    """

    name: str
    title: str
    source: str
    dated: date
    technologies: frozenset[int]
    low_latency: bool
    unserved_below: tuple[int, int]
    underserved_below: tuple[int, int]
    customers: frozenset[str] = _HOMES


#: Offers to businesses alone (B) count in no set: the programmes ask what a home can buy.
RULE_SETS = (
    RuleSet(
        name="bead-2024",
        title="BEAD: reliable technologies without licensed-by-rule wireless",
        source=(
            "Infrastructure Investment and Jobs Act, section 60102 (47 U.S.C. 1702); NTIA, BEAD Notice of "
            "Funding Opportunity, section I.C: unserved below 25/3, underserved below 100/20 Mbit/s; "
            "reliable are fibre, cable, copper and wireless in licensed spectrum"
        ),
        dated=date(2022, 5, 13),
        technologies=frozenset({10, 40, 50, 71}),
        low_latency=True,
        unserved_below=(25, 3),
        underserved_below=(100, 20),
    ),
    RuleSet(
        name="bead-2023",
        title="BEAD: licensed-by-rule wireless (72) counted as reliable too",
        source=(
            "As bead-2024, with terrestrial fixed wireless licensed by rule (code 72) read as part of "
            "licensed or hybrid spectrum, as states did in their challenge processes"
        ),
        dated=date(2022, 5, 13),
        technologies=frozenset({10, 40, 50, 71, 72}),
        low_latency=True,
        unserved_below=(25, 3),
        underserved_below=(100, 20),
    ),
    RuleSet(
        name="fcc-706-2024",
        title="FCC section 706 benchmark: 100/20 by any technology",
        source="FCC, 2024 Section 706 Report (FCC 24-27): advanced capability is 100/20 Mbit/s",
        dated=date(2024, 3, 18),
        technologies=_ALL,
        low_latency=False,
        unserved_below=(100, 20),
        underserved_below=(100, 20),
    ),
    RuleSet(
        name="any-technology",
        title="Speeds of BEAD by any technology and latency",
        source="The speeds of bead-2024 without its conditions: shows what those conditions take away",
        dated=date(2022, 5, 13),
        technologies=_ALL,
        low_latency=False,
        unserved_below=(25, 3),
        underserved_below=(100, 20),
    ),
)
