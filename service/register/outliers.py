"""What the register says of `outliers`."""

from service.register.entry import Entry, Measured, Risk

_PAGE = "docs/calibration.md"
_COMMAND = "python -m tests.studies.calibration --maps 200"

OUTLIERS = Entry(
    description_short="Finds cells that are like their neighbours, and cells that are odd among them"
    " (local Moran).",
    goal="To find the single busy place in a quiet quarter, and the quiet one in a busy quarter.",
    impact="Single places may be visited, surveyed or asked about.",
    methods_and_models=(
        "Each cell's departure from the mean is multiplied by that of its neighbours' mean. High"
        " among high is HH,"
        " low among low LL, high among low HL, low among high LH.",
        "p is exact: given the cell's own value, its neighbours are a random draw from all others. Both tails"
        " count ties fully, and p is twice the smaller. Where the tables are too large it is simulated.",
        "With a population the values are rates, standardised by what their number of people lets them"
        " scatter (Assuncao and Reis). p is then that of the incidents around the cell under a negative"
        " binomial null of equal risk whose dispersion the ordinary cells tell: permuting rates of unlike"
        " populations is not safe.",
    ),
    assumptions=(
        "Under the null hypothesis the values of the other cells are exchangeable; with a population, their"
        " incidents are independent, expected by their people and scattered alike.",
        "Empty cells of the study area are known to be empty.",
    ),
    known_limitations=(
        "Without a population it knows no denominator: where many people live many cells are high.",
        "With a population whoever comes by is no part of the rate; cells without people have none, and no"
        " answer.",
        "On very sparse counts with k=1 an odd cell is not found; k=auto finds it.",
        "HL and LH tell of one cell: a geocoder's default point is HL as well as a bad junction.",
    ),
    when_not_to_use=("To outline areas: use `hotspots`.", "To judge single addresses."),
    multiple_testing="q is Benjamini-Hochberg over all tested cells; rings of k=auto are combined to"
    " one p before.",
    source_data="Incidents with a place, where known a time and a category; a boundary; a population.",
    performance=(
        Measured(
            "On maps without a pattern at most 3.5 % had any cell called.",
            _PAGE,
            _COMMAND,
            ("| Poisson 10 | 3.5 | 3.5 |",),
        ),
        Measured(
            "Of single high cells in sparse, low places k=auto named 96 %, k=1 none.",
            _PAGE,
            _COMMAND,
            ("| high cell, low place, sparse | HL | 1 / 0.05 / 8 | 0.00 (0.00) | 0.96 (0.01) | 0.00 |",),
        ),
        Measured(
            "With a population that is uneven 16 : 1, on maps of one rate at most 3.5 % had any cell called.",
            _PAGE,
            _COMMAND,
            ("| negative binomial (size 0.5), mean 10 | 2.5 | 3.5 | 0.09 | 0.19 |",),
        ),
    ),
    human_intervention="It decides nothing. Someone looks at what stands at an odd place before"
    " anything follows.",
    non_discrimination=(
        "A single cell can be a single building: a shelter, a clinic. Ask what it is before it is"
        " named in public."
    ),
    risk_management=(
        Risk("A pile of geocoded incidents is taken for a place.", "`piles` in the diagnostics names it."),
        Risk("One cell points to one household.", "Coarser cells, and review before publishing."),
    ),
    monitoring="Each run tells its tests, the smallest p it could give, cells without an answer, and piles.",
    references=(
        "Anselin (1995), Geographical Analysis 27(2), 93-115.",
        "Assuncao and Reis (1999), Statistics in Medicine 18(16), 2147-2162.",
    ),
    source_code=(
        "models/moran.py",
        "models/moran_rates.py",
        "models/exact.py",
        "models/conditional.py",
        "models/negative_binomial.py",
    ),
    last_review="2026-11-22",
)
