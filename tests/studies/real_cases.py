"""The real exports that the study walks through: files, orders, questions, and what their READMEs count.

A defect's `readme` is the figure of the data set's README. `ours` says which figure of the ingest reports
answers it; where the two differ, `why` is the evidence, and `expected` what we must find.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Defect:
    """One known defect: its words, the README's figure, the figure to be found, and how it is read."""

    words: str
    readme: int | None
    ours: Callable[[Sequence[Report]], int]
    expected: int | None = None
    why: str = ""

    @property
    def must_be(self) -> int | None:
        """The figure that the reports must show."""
        return self.readme if self.expected is None else self.expected


@dataclass(frozen=True)
class Side:
    """A layer beside the incidents: boundary or roads."""

    layer: str
    kind: str
    file: str


@dataclass(frozen=True)
class Question:
    """One hotspot analysis; `selected` is how many rows it must count, where a README tells."""

    name: str
    parameters: Mapping[str, Any]
    selected: int | None = None


@dataclass(frozen=True)
class Case:
    """One data set and all that is done with it."""

    name: str
    title: str
    files: Sequence[str]
    layer: str
    timezone: str
    readme_rows: int
    questions: Sequence[Question]
    defects: Sequence[Defect]
    options: Sequence[str] = ()
    sides: Sequence[Side] = field(default=())


def counted(name: str) -> Callable[[Sequence[Report]], int]:
    """Return the sum of a named count over the reports."""
    return lambda reports: sum(report["counts"].get(name, 0) for report in reports)


def most(name: str) -> Callable[[Sequence[Report]], int]:
    """Return the largest of a named count over the reports."""
    return lambda reports: max(report["counts"].get(name, 0) for report in reports)


def rejected(reason: str) -> Callable[[Sequence[Report]], int]:
    """Return the rows rejected for a reason."""
    return lambda reports: sum(report["rejected"].get(reason, 0) for report in reports)


def headers(reports: Sequence[Report]) -> int:
    """Return how many different spellings of the recognised columns the files have."""
    return len({tuple(sorted(report["columns"].values())) for report in reports})


_MONTCO_DEFECTS = (
    Defect("points far outside the county", 20, counted("place.far")),
    Defect("`zip` empty", 12_855, counted("null.zip")),
    Defect("`addr` empty", 519, counted("null.addr")),
    Defect("`twp` empty", 43, counted("null.twp")),
    Defect("second time in `desc` differs by more than 1 h", 75, counted("time.second_stamp_differs.desc")),
    Defect(
        'titles with a trailing " -"',
        36_024,
        counted("trimmed.title"),
        35_695,
        'The README counts every title that holds " -" anywhere. In 329 of them it stands inside'
        ' ("RESCUE - ELEVATOR"); 35,695 end in it, all of them traffic calls.',
    ),
    Defect("column `e` holds one value", 99_492, counted("constant.e")),
    Defect("one default geocode repeated", 1_491, most("place.largest_pile")),
)

MONTCO = Case(
    name="incidents/montco_911",
    title="Montgomery County 911 calls",
    files=("911.csv.zip",),
    layer="montco",
    timezone="America/New_York",
    readme_rows=99_492,
    sides=(Side("municipalities", "boundary", "municipalities.geojson.gz"),),
    questions=(
        Question("overdoses", {"resolution": 8, "category": ["EMS: OVERDOSE"]}, 1_191),
        Question(
            "overdoses-in-county",
            {"resolution": 8, "category": ["EMS: OVERDOSE"], "boundary": "municipalities"},
            1_191,
        ),
    ),
    defects=_MONTCO_DEFECTS,
)

MONTCO_INSIDE = Case(
    name="incidents/montco_911",
    title="Montgomery County 911 calls, cut at the county's boundary",
    files=("911.csv.zip",),
    layer="montco-inside",
    timezone="America/New_York",
    readme_rows=99_492,
    options=("--boundary", "municipalities"),
    sides=(Side("municipalities", "boundary", "municipalities.geojson.gz"),),
    questions=(
        Question(
            "overdoses-inside",
            {"resolution": 8, "category": ["EMS: OVERDOSE"], "boundary": "municipalities"},
        ),
    ),
    defects=(),
)

TEMPE = Case(
    name="incidents/tempe_opioid",
    title="Tempe opioid calls",
    files=("tempe_opioid_calls.csv",),
    layer="tempe",
    timezone="America/Phoenix",
    readme_rows=3_379,
    questions=(
        Question("opioids-8", {"resolution": 8}, 3_379),
        Question("opioids-9", {"resolution": 9}, 3_379),
    ),
    defects=(
        Defect("`narcan_given` empty", 501, counted("null.narcan_given")),
        Defect("duplicate rows", 22, counted("rows.equal")),
        Defect("no time of day: rows with a time known to the day", 3_379, counted("time.precision.day")),
        Defect("coordinates rounded to so many decimals", 4, most("place.decimals")),
        Defect(
            "rows claimed by the package's text",
            3_813,
            lambda reports: sum(report["n_rows"] for report in reports),
            3_379,
            "The text is wrong, as the README says: the file holds 3,379 rows, and all of them are read.",
        ),
    ),
)

SAO_PAULO = Case(
    name="places/sao_paulo",
    title="São Paulo injury crashes, four years in one layer",
    files=tuple(f"crashes_{year}.csv.gz" for year in (2011, 2012, 2014, 2015)),
    layer="sao-paulo",
    timezone="America/Sao_Paulo",
    readme_rows=96_130,
    sides=(Side("roads", "roads", "roads.geojson.gz"),),
    questions=(
        Question("crashes-8", {"resolution": 8}, 93_556),
        Question("crashes-9", {"resolution": 9, "roads": "roads"}, 93_556),
    ),
    defects=(
        Defect('rows "POINT EMPTY"', 2_574, counted("point.empty")),
        Defect(
            'rows "POINT EMPTY" in 2011', 1_644, lambda reports: reports[0]["counts"].get("point.empty", 0)
        ),
        Defect("rows rejected for want of a position", 2_574, rejected("no_coordinate")),
        Defect(
            "column names change case and set",
            None,
            headers,
            2,
            "Two spellings of the columns in use; all four years fill the same fields of one layer.",
        ),
        Defect(
            "local time with no zone: hours that the clock showed twice",
            None,
            counted("time.ambiguous"),
            20,
            "Read in the zone that was given; the first of the two hours is taken, and counted.",
        ),
        Defect(
            "local time with no zone: hours that the clock skipped",
            None,
            counted("time.missing"),
            3,
            "Moved on by what the clock skipped, and counted.",
        ),
        Defect(
            "a time far from the rest",
            None,
            counted("time.far"),
            1,
            "One row of the file of 2011 is dated 1911; the README does not tell. It is kept, and reported.",
        ),
    ),
)

UK = Case(
    name="incidents/uk_police_slim",
    title="Street crime in England and Wales",
    files=("uk_street_crime_2018-10_2018-12_slim.parquet",),
    layer="uk",
    timezone="Europe/London",
    readme_rows=1_070_154,
    questions=(Question("crime-8", {"resolution": 8}, 1_045_096),),
    defects=(
        Defect("rows without coordinates", 25_058, rejected("no_coordinate")),
        Defect(
            "no day or time: times known to the month",
            None,
            counted("time.precision.month"),
            1_045_096,
            "Every row that was kept.",
        ),
        Defect(
            "equal rows (22 % of the file)",
            234_864,
            counted("rows.equal"),
            212_926,
            "234,864 rows equal an earlier one (21.9 %). 21,938 of them have no coordinate and are rejected;"
            " 212,926 are kept and reported.",
        ),
        Defect(
            "points snapped to about 380,000 anchors",
            380_000,
            most("place.distinct"),
            308_655,
            "An estimate of the README that no columns of the file give: it holds 308,655 distinct pairs of"
            " longitude and latitude, 308,657 with the street beside them, 309,780 with the force.",
        ),
    ),
)

CASES = (MONTCO, MONTCO_INSIDE, TEMPE, SAO_PAULO, UK)
