"""Columns of crash files beyond the canonical fields: what one crash is, who was hurt, who took part.

Such columns stay among an incident's attributes under the file's own names. They are recognised without case,
accents, spaces and punctuation; within a list earlier names win. No values are judged here.
"""

import re
from collections.abc import Iterable, Sequence

import orjson

from data.columns import plain

#: Ids of a crash, that its person or vehicle rows share.
CRASH_ID = """
    crashid crashrecordid crashnumber crashno crashkey crashidentifier crashreportnumber crashnum
    collisionid collisionnumber collisionno collisionkey collisionreportnumber
    accidentid accidentnumber accidentno accidentindex accidentreference accidentreferencenumber
    accidentkey caseid casenumber caseno casenum casekey reportnumber reportno reportid reportnum
    incidentid incidentnumber incidentno incidentkey eventid eventnumber masterrecordnumber
    mstrrecnbrtxt mstrrecnbr documentnumber documentid hsmvreportnumber crn stcase numacc numeroaccident
    idacident idacidente idaccidente numeroocorrencia numbo unfallid unfallnummer expediente folio id
""".split()

#: People of each degree of injury in the whole crash. `injured` is all who were hurt, or no degree said.
PEOPLE: dict[str, list[str]] = {
    "killed": """
        killed numberkilled numberofpersonskilled personskilled totalkilled numkilled nkilled killedcount
        fatalities numberoffatalities totalfatalities fatalitycount numfatalities fatals fatalcount
        fatalinjuries injuriesfatal numberfatal totalfatalinjuries deaths deathcnt deathcount totaldeaths
        numberofdeaths totfatlcnt fatalcnt numberoffatalinjuries mortos obitos muertos fallecidos nummuertos
        tues nbtues nbmorts morts getoetete tote anzahlgetoetete totalmuertos vitimasfatais
    """.split(),
    "serious": """
        serious seriousinjuries seriouslyinjured numberseriouslyinjured seriousinjurycount numberserious
        suspectedseriousinjuries suspectedseriousinjurycount sussseriousinjrycnt susseriousinjrycnt
        suspectedseriousinjrycount injuriesincapacitating incapacitatinginjuries incapinjrycnt
        severeinjuries countsevereinj severeinjurycount majorinjuries numberofseriousinjuries
        seriousinjury severe incapacitating totalseriousinjuries feridosgraves heridosgraves
        blessesgraves blesseshospitalises nbblesseshospitalises schwerverletzte anzahlschwerverletzte
    """.split(),
    "minor": """
        minor minorinjuries slightlyinjured slightinjuries minorinjurycount suspectedminorinjuries
        suspectedminorinjurycount injuriesnonincapacitating nonincapacitatinginjuries nonincapinjrycnt
        countvisibleinj visibleinjuries evidentinjuries numberofminorinjuries numberslightlyinjured slight
        totalminorinjuries feridosleves heridosleves blesseslegers nbblesseslegers leichtverletzte
        anzahlleichtverletzte
    """.split(),
    "possible": """
        possible possibleinjuries possibleinjurycount injuriesreportednotevident possinjrycnt
        possibleinjrycnt countcomplaintpain complaintofpain numberofpossibleinjuries
        totalpossibleinjuries
    """.split(),
    "injured": """
        injured numberinjured numberofpersonsinjured personsinjured totalinjured numinjured ninjured
        injuredcount injuries numberofinjuries totalinjuries injuriestotal injurycount numinjuries
        totinjrycnt totalinjurycount injurycnt feridos heridos blesses nbblesses verletzte
        anzahlverletzte totalheridos vitimasferidas nbvictime nbvictimes nbvictimestotal victims
        numberofvictims totalvictims
    """.split(),
}

#: Two digits of people injured, then two of people killed, in one column.
INJURED_AND_KILLED = "vitimas".split()

#: Columns that say by a number or a yes whether someone of a mode took part.
INVOLVED: dict[str, list[str]] = {
    "pedestrian": """
        pedestrian pedestrians ped peds pedestrianinvolved pedinvolved pedestrianaccident pedestriancrash
        pedestriancollision pedestrianrelated pedestriancount pedcount pedcylcount numberofpedestrians
        totalpedestrians involvespedestrian ispedestrian pedestrianflag pedflag pedestriansinvolved
        numberofpedestriansinjured numberofpedestrianskilled countpedinjured countpedkilled
        fatalpedestrian majorinjuriespedestrian minorinjuriespedestrian unknowninjuriespedestrian istfuss
        pedestre pedestres peaton peatones pieton pietons
    """.split(),
    "bicycle": """
        bicycle bicycles bike bikes bicyclist bicyclists cyclist cyclists bicycleinvolved bikeinvolved
        bicycleaccident bicyclecrash bicyclecollision bicyclerelated bicyclecount pedcyclecount
        pedalcyclist pedalcyclists pedalcyclistcount numberofbicyclists totalbicycles bicyclistinvolved
        cyclistinvolved involvesbicycle involvesbicyclist isbicycle bicycleflag bikeflag
        bicyclistsinvolved numberofcyclistinjured numberofcyclistkilled countbicyclistinjured
        countbicyclistkilled fatalbicyclist majorinjuriesbicyclist minorinjuriesbicyclist
        unknowninjuriesbicyclist istrad bicicleta bicicletas velo velos
    """.split(),
    "motor vehicle": """
        motorvehicle motorvehicles motorvehicleinvolved motorvehiclecount motoristinvolved motorists
        numberofmotoristinjured numberofmotoristkilled motorcycleaccident truckaccident totalvehicles
        totalmotorvehicles istpkw istkrad istgkfz fataldriver majorinjuriesdriver minorinjuriesdriver
        unknowninjuriesdriver
    """.split(),
}

_YES = frozenset("y yes true t x sim s si ja j oui o".split())
_FEW = 1000


def named_values(texts: Sequence[str | None], columns: Iterable[str]) -> dict[str, list[object]]:
    """Return the values of some columns, by their names in the file, out of attributes as JSON text."""
    wanted = list(columns)
    found: dict[str, list[object]] = {name: [None] * len(texts) for name in wanted}
    if not wanted:
        return found
    for row, text in enumerate(texts):
        if text:
            values = orjson.loads(text)
            for name in wanted:
                found[name][row] = values.get(name)
    return found


def columns_of(texts: Sequence[str | None]) -> list[str]:
    """Return the names of the attributes: those of some rows, for all rows of an upload have the same."""
    step = max(1, len(texts) // _FEW)
    names: dict[str, None] = {}
    for text in [*texts[:_FEW], *texts[::step], *texts[-_FEW:]]:
        if text:
            names |= dict.fromkeys(orjson.loads(text))
    return sorted(names)


def all_named(columns: Sequence[str], aliases: Sequence[str]) -> list[str]:
    """Return the columns that bear one of the names, the best name first.

    Examples
    --------
    >>> all_named(["Report No", "CRASH_ID", "x"], CRASH_ID)
    ['CRASH_ID', 'Report No']
    """
    rank = {name: place for place, name in reversed(list(enumerate(aliases)))}
    fitting = [column for column in columns if plain(column) in rank]
    return sorted(fitting, key=lambda column: (rank[plain(column)], column))


def first_named(columns: Sequence[str], aliases: Sequence[str]) -> str | None:
    """Return the column that bears the best of the names."""
    return next(iter(all_named(columns, aliases)), None)


def number_of(value: object) -> float:
    """Return a count of people; NaN where the value is none.

    Examples
    --------
    >>> [number_of(value) for value in (2, "3", " 0 ", "1.0", None, "many", -1, True)]
    [2.0, 3.0, 0.0, 1.0, nan, nan, nan, 1.0]
    """
    try:
        number = float(str(value).strip()) if not isinstance(value, bool) else float(value)
    except ValueError:
        return float("nan")
    return number if number >= 0 and number.is_integer() else float("nan")


def injured_and_killed(value: object) -> tuple[float, float]:
    """Return people injured and killed out of four digits; NaN where the value is something else.

    Examples
    --------
    >>> injured_and_killed("0201"), injured_and_killed("2")
    ((2.0, 1.0), (nan, nan))
    """
    text = str(value).strip()
    if not re.fullmatch(r"\d{4}", text):
        return float("nan"), float("nan")
    return float(text[:2]), float(text[2:])


def is_yes(value: object) -> bool | None:
    """Return whether a value says that there was one; None where it says nothing.

    Examples
    --------
    >>> [is_yes(value) for value in ("Y", 2, "0", "No", "", None, True)]
    [True, True, False, False, None, None, True]
    """
    text = str(value).strip().casefold() if value is not None else ""
    if not text:
        return None
    number = number_of(value)
    return number > 0 if number == number else text in _YES
