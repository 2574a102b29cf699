import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatial.network.names import (
    normalised_street,
    normalised_streets,
    reported_streets,
    same_street,
    street_matches,
    street_parts,
)


@pytest.mark.parametrize(
    "spellings",
    [
        ("N Main St", "North Main Street", "n. main st.", "NORTH  MAIN  STR"),
        ("Main St N", "Main Street North"),
        ("Oak Ave", "OAK AVENUE", "Oak Av.", "oak ave"),
        ("Sunset Blvd", "Sunset Boulevard", "SUNSET BLVD."),
        ("Elm Dr", "Elm Drive"),
        ("Mill Ln", "Mill Lane"),
        ("Ring Rd", "ring road"),
        ("Valley Pkwy", "Valley Parkway", "VALLEY PKY"),
        ("King Ct", "King Court"),
        ("Park Pl", "Park Place"),
        ("Hwy 101", "Highway 101", "HWY. 101"),
        ("County Rd 12", "County Road 12"),
        ("St. James St", "Saint James Street", "ST JAMES ST"),
        ("3rd Ave", "Third Avenue", "03RD AVE"),
        ("21st St", "Twenty-First Street", "twenty first st"),
        ("12th St", "Twelfth Street"),
        ("O'Neil Rd", "ONEIL RD", "O’Neil Road"),
        ("N.E. 5th Ave", "NE Fifth Avenue", "Northeast 5th Ave"),
        ("Martin Luther King Jr. Blvd", "MARTIN LUTHER KING JR BLVD"),
        ("Rua Augusta", "R. Augusta", "R Augusta", "RUA  AUGUSTA"),
        ("Avenida Paulista", "Av. Paulista", "AV PAULISTA", "Avda. Paulista"),
        ("Rua da Consolação", "R. DA CONSOLACAO"),
        ("Rua Doutor Arnaldo", "R. Dr. Arnaldo"),
        ("Calle Mayor", "C/ Mayor", "CALLE MAYOR"),
        ("Rue Saint-Denis", "rue St-Denis", "RUE ST. DENIS"),
        ("Rue Sherbrooke Ouest", "rue Sherbrooke O"),
        ("Straße des 17. Juni", "STRASSE DES 17 JUNI"),
        ("Ave K", "Avenue K"),
        ("E St NW", "E Street Northwest"),
    ],
    ids=lambda spellings: spellings[0],
)
def test_spellings_of_one_street(spellings: tuple[str, ...]) -> None:
    assert len({normalised_street(spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("N Main St", "Main St"),
        ("N Main St", "S Main St"),
        ("Main St", "Main Ave"),
        ("Main St N", "N Main St"),
        ("E St", "East St"),
        ("Avenue N", "Avenue North"),
        ("R St", "Rua St"),
        ("3rd Ave", "3 Ave"),
        ("St James Ct", "James Ct"),
        ("Rua Augusta", "Avenida Augusta"),
        ("Doctor Dr", "Drive Doctor"),
    ],
)
def test_two_streets_stay_two(one: str, other: str) -> None:
    assert normalised_street(one) != normalised_street(other)


@pytest.mark.parametrize(
    "name", [None, "", "  ", "-", "unknown", "UNNAMED", "N/A", "none", "No Name", "s/n", float("nan"), 7]
)
def test_no_name(name: object) -> None:
    assert normalised_streets([name]).tolist() == [None]
    assert not street_matches([name], [name])[0]


@given(st.text(alphabet="NSEWstavrd.1 3-'/é", max_size=14))
def test_a_normalised_name_stays_as_it_is(name: str) -> None:
    once = normalised_street(name)
    assert once is None or normalised_street(once) in (once, None)


@pytest.mark.parametrize(
    ("text", "streets"),
    [
        ("1200 BLOCK OF N MAIN ST", ["north main street"]),
        ("1200 BLK N MAIN ST", ["north main street"]),
        ("001XX N STATE ST", ["north state street"]),
        ("1200-1298 N MAIN ST", ["north main street"]),
        ("123 1/2 MAIN ST", ["main street"]),
        ("123A MAIN ST", ["main street"]),
        ("1200 N MAIN ST, TEMPE, AZ", ["north main street"]),
        ("Rua Augusta, 1200", ["rue augusta"]),
        ("1200, rue Sherbrooke", ["rue sherbrooke"]),
        ("MAIN ST & 3RD AVE", ["main street", "3rd avenue"]),
        ("MAIN ST AND 3RD AVE", ["main street", "3rd avenue"]),
        ("MAIN ST AT 3RD", ["main street", "3rd"]),
        ("MAIN/THIRD", ["main", "3rd"]),
        ("MAIN ST @ 3RD AVE", ["main street", "3rd avenue"]),
        ("Intersection of Main St and Oak Ave", ["main street", "oak avenue"]),
        ("MAIN ST N/O 3RD AVE", ["main street", "3rd avenue"]),
        ("Main St 50 ft north of Oak Ave", ["main street", "oak avenue"]),
        ("Rua Augusta x Av. Paulista", ["rue augusta", "avenue paulista"]),
        ("Calle Mayor con C/ Sol", ["calle mayor", "calle sol"]),
        ("12 ST", ["12 street"]),
        ("MAIN ST (NB)", ["main street"]),
        ("UNKNOWN", []),
        ("", []),
        ("MAIN ST & UNKNOWN", ["main street"]),
    ],
)
def test_what_a_report_names(text: str, streets: list[str]) -> None:
    found = reported_streets(text)
    assert len(found) == len(streets)
    assert all(street in readings for street, readings in zip(streets, found, strict=True))


@pytest.mark.parametrize(
    ("reported", "name", "matches"),
    [
        ("1200 BLOCK OF N MAIN ST", "North Main Street", True),
        ("MAIN ST & 3RD AVE", "Third Avenue", True),
        ("MAIN ST AT 3RD", "3rd Ave", True),
        ("MAIN", "Main St", True),
        ("MAIN ST", "Main", True),
        ("MAIN ST", "N Main St", False),
        ("MAIN ST", "Main Ave", False),
        ("100 MILE RD", "100 Mile Road", True),
        ("100 MAIN ST", "Main Street", True),
        ("LEWIS AND CLARK BLVD", "Lewis and Clark Boulevard", True),
        ("AV PAULISTA", "Avenida Paulista", True),
        ("N/A", "N/A", False),
    ],
)
def test_reports_and_names(reported: str, name: str, matches: bool) -> None:
    assert street_matches([reported], [name]).tolist() == [matches]


def test_parts_of_names() -> None:
    assert street_parts("avenue of the americas") == ("avenue", "of the americas")
    assert street_parts("main street north") == ("street", "main north")
    assert not same_street("north main street", "main street")


def test_names_many_times_over_are_looked_at_once() -> None:
    names = np.array(["Main St", None, "MAIN STREET"] * 1_000, dtype=object)
    assert normalised_streets(names).tolist() == ["main street", None, "main street"] * 1_000
