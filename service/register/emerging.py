"""What the register says of `emerging`."""

from service.register.entry import Entry, Measured, Risk

_PAGE = "docs/calibration.md"
_COMMAND = "python -m tests.studies.calibration --maps 200"

EMERGING = Entry(
    description_short="Tells which places turn hot or cold, stay so, come and go, or cool down (space-time).",
    goal="To tell new hotspots from old ones, so that work can begin early and end where it is done.",
    impact="Places called new may get attention sooner; places called historical may lose it.",
    methods_and_models=(
        "Incidents are counted by cell and time bin. Each bin of each cell is tested by Gi* over the"
        " cells and"
        " bins before it, with an exact p. The trend is Mann-Kendall of the series without time lag.",
        "With a population the disk is compared with the share of its people in what the window holds,"
        " under a negative binomial null whose dispersion is fitted to cells over as many bins as the disk"
        " reaches back to: a risk that stays with a cell is part of it.",
        "The sequence of hot and cold bins and the trend give one of seventeen patterns, by"
        " published rules in a"
        " fixed order; `reason` says which rule held.",
    ),
    assumptions=(
        "Without a pattern, counts are exchangeable over the cells and bins of the window; with a population"
        " they follow it, and cells differ from it independently of each other.",
        "Bins are independent of each other, but for what the test of the trend allows for and, with a"
        " population, for risks that stay with a cell.",
    ),
    known_limitations=(
        "Fewer than 4 bins are refused, and 10 are advised.",
        "Where counts keep a memory from bin to bin, false trends exceed their level (see performance).",
        "Slow cooling is rarely named `diminishing`: mostly such a place is no longer hot in its last bin.",
        "Without a population it shows where incidents are, not where risk is; with one it takes residents"
        " for those at risk. Seasons look like trends when the period is less than some years.",
        "With a population: where a large part of the risk stays with a cell and a large part is drawn anew,"
        " more false bins are called than the level says; a warning tells it (see docs/calibration.md).",
        "With window=step or neighborhood few incidents a bin make trends unsure: the z of an empty disk"
        " falls as the total rises. Where nothing ever was no trend is told.",
    ),
    when_not_to_use=(
        "To prove that a measure worked: nothing here compares with places without it.",
        "On bins so short that most hold no incident in any disk.",
    ),
    multiple_testing=(
        "Benjamini-Hochberg over all cells and bins. The trends of the cells are not corrected: at"
        " 0.05 one in"
        " twenty quiet cells has one, and a pattern needs hot bins besides."
    ),
    source_data="Incidents with a place and a time at least to the day; where known a category; a boundary; a"
    " population.",
    performance=(
        Measured(
            "In cubes without a pattern at most 7 % had any bin called.",
            _PAGE,
            _COMMAND,
            ("| Poisson 10 | 52 | 3.0 | 7.0 | 2.0 | 4.0 | – | – |",),
        ),
        Measured(
            "With a population of 16 : 1 at most 2 % of cubes without a pattern had any bin called, whether"
            " risks of cells are drawn anew or stay; where both parts are large 28.5 %.",
            _PAGE,
            _COMMAND,
            (
                "| negative binomial (size 0.5) 2, anew in every bin | 2.0 | 1.0 | 1.5 |",
                "| negative binomial (size 1) 2, of the cell for ever | 1.5 | 2.0 | 1.5 |",
                "| both parts (size 1 each) 2 | **28.5** | **22.0** | **27.0** |",
            ),
        ),
        Measured(
            "Six times the risk in a village of seven cells was found in all of them; downtown in none.",
            _PAGE,
            _COMMAND,
            ("| Poisson 2 | 6 | 1.00 | 0.00 | 0.64 | 1.00 |",),
        ),
        Measured(
            "Of planted new places 99 % of the inner cells had that name; of diminishing ones 11 %.",
            _PAGE,
            _COMMAND,
            ("| new | 0.99 | 0.99 | 0.00 |", "| diminishing | 0.11 | 0.37 | 0.00 |"),
        ),
        Measured(
            "Where two incidents in five carry on from bin to bin, 13.5 % of quiet cells show a"
            " trend at 5 %.",
            _PAGE,
            _COMMAND,
            ("| memory 0.4, mean 2 | 12 | **13.5 ± 0.2** |",),
        ),
    ),
    human_intervention="Staff read the bins beside the name, and ask what changed in recording,"
    " before they act.",
    non_discrimination=(
        "A new reporting app or patrol makes a place look new. Hold names against changes in how"
        " records are made."
    ),
    risk_management=(
        Risk(
            "A part of a bin looks like a decline.", "Parts of bins are dropped, and the diagnostics say so."
        ),
        Risk("A change in recording looks like a trend.", "Compare with the sum of all cells."),
    ),
    monitoring="Each run tells its bins, tests, trend method and autocorrelation; warnings name what"
    " exceeds.",
    references=(
        "Mann (1945), Econometrica 13(3), 245-259.",
        "Ord and Getis (1995), Geographical Analysis 27(4), 286-306.",
    ),
    source_code=(
        "models/emerging.py",
        "models/space_time_rates.py",
        "models/emerging_patterns.py",
        "models/mann_kendall.py",
    ),
    last_review="2026-11-22",
)
