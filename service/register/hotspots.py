"""What the register says of `hotspots`."""

from service.register.entry import Entry, Measured, Risk

_CALIBRATION = "docs/calibration.md"
_COMMAND = "python -m tests.studies.calibration --maps 200"

HOTSPOTS = Entry(
    description_short="Finds where incidents lie closer together than random placement explains"
    " (Getis-Ord Gi*).",
    goal=(
        "To show a city's staff which neighbourhoods hold more (or fewer) incidents than chance"
        " would put there,"
        " and how sure that is, so that they know where to look first."
    ),
    impact=(
        "Crews, inspections or works may be sent to some places before others. Residents of a named place"
        " may be looked at more closely, or feel that they are."
    ),
    methods_and_models=(
        "Incidents are counted in hexagonal cells. Around every cell the incidents within 1, 2 and 3"
        " steps are"
        " added up, and each sum is compared with what the same counts would give if they were dealt to the"
        " cells at random. The chance of so high a sum is computed exactly, not simulated.",
        "With a population each cell expects incidents by its people; the chance then comes from a"
        " negative binomial law whose scatter is fitted to the ordinary cells.",
        "Cells that pass are joined to areas, ranked by the incidents beyond those expected. For"
        " each area the"
        " question is asked again one resolution coarser and finer and one ring narrower and wider;"
        " `stability` is the share of the area that stays.",
    ),
    assumptions=(
        "Without a population: every cell is as likely as any other to hold each of the counts.",
        "With a population: incidents follow people, apart from chance and the hotspots.",
        "Incidents are independent of each other. A crash reported three times is three incidents to it.",
        "Empty cells of the study area are known to be empty, not unobserved.",
    ),
    known_limitations=(
        "A cell is called because its disk is high: an area can reach up to k cells beyond what made it so.",
        "A single high cell among quiet ones is not found. Use `outliers` for it.",
        "Below 0.2 incidents a cell, places with twice the risk are not found; an empty map is then"
        " no answer."
        " `resolution_advice` in the diagnostics tells what numbers suffice for.",
        "Cells at the edge of the study area have smaller disks, and less chance to be found.",
        "It knows what was recorded. Where people call less often, it sees less.",
    ),
    when_not_to_use=(
        "To say where risk is, without a population or another denominator: it then shows where people are.",
        "On incidents whose coordinates are those of an office or of a district's middle; see `piles`.",
        "To judge persons, households or single addresses.",
        "To see a change over time. Use `emerging` or `scan`.",
    ),
    multiple_testing=(
        "Every cell is a test. q is Benjamini-Hochberg over all tested cells: of the cells called, at most a"
        " share alpha (0.05) is false on average. The rings of k=auto are combined to one p before."
    ),
    source_data=(
        "Incidents with a place, where known a time and a category. Optionally people per area, a boundary"
        " and roads that name the areas. Names, addresses and free text of incidents are not used in"
        " the test."
    ),
    performance=(
        Measured(
            "On maps without any hotspot, sparse or clumped, at most 6 % had any cell called by the exact p;"
            " the usual normal p called some on up to 100 %.",
            _CALIBRATION,
            _COMMAND,
            (
                "| Poisson 0.02 | 0.5 | 0.5 | 0.5 | 0.0 | 0.5 | 0.0 | 100.0 |",
                "| negative binomial (size .5) 10 | 6.0 | 5.5 | 3.0 | 2.5 | 6.0 | 2.5 | 99.0 |",
            ),
        ),
        Measured(
            "Of places with three times the risk and half an incident a cell, 65 % of the cells were found"
            " (k=auto); 10 % of the cells called were not planted, all of them beside planted ones.",
            _CALIBRATION,
            _COMMAND,
            (
                "| mean 0.5, RR 3, radius 3 | hot | 0.13 (0.01, 0.00) | 0.50 (0.05, 0.00) | 0.70 (0.14, 0.00)"
                " | 0.65 (0.10, 0.00) |",
            ),
        ),
    ),
    human_intervention=(
        "It decides nothing. A person who knows the place looks at the map, at the count and at the stability"
        " before anyone is sent, and can set any area aside. Analyses are run and published by staff."
    ),
    non_discrimination=(
        "Records mirror where people report and where officers look. Where these differ between"
        " groups, so does"
        " the map. Give a population, compare with a second source, and do not feed back incidents that exist"
        " only because an earlier hotspot drew attention there."
    ),
    risk_management=(
        Risk(
            "Attention to a hotspot makes more records there, which make it hotter.",
            "Leave incidents out that staff themselves started (`category`), and look at a second source.",
        ),
        Risk("A geocoder's default point looks like a hotspot.", "`piles` in the diagnostics names it."),
        Risk(
            "An area hangs on the cell size that was chosen.",
            "`stability` tells how much of it stays at other sizes and rings.",
        ),
    ),
    monitoring=(
        "Each run carries its rows, those left out, the smallest p it could give, its warnings and notes."
        " `since` tells how long an area has stood."
    ),
    references=(
        "Ord and Getis (1995), Geographical Analysis 27(4), 286-306.",
        "Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57(1), 289-300.",
        "Liu and Xie (2020), Journal of the American Statistical Association 115(529), 393-402.",
    ),
    source_code=("models/hotspots.py", "models/exact.py", "models/exposure.py", "models/stability.py"),
    last_review="2026-11-22",
)
