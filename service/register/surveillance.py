"""What the register says of `surveillance`."""

from service.register.entry import Entry, Measured, Risk

_PAGE = "docs/calibration-surveillance.md"
_COMMAND = "python -m tests.studies.calibration_surveillance --series 2000"

SURVEILLANCE = Entry(
    description_short="Tells when a substance or virus in a sewershed's wastewater leaves its own history.",
    goal=(
        "To warn health staff when the latest samples of a sewershed are higher (or lower) than its"
        " own earlier"
        " ones explain, and to say plainly where samples are too few to tell."
    ),
    impact=(
        "Outreach, naloxone, testing or messages may go to the area of a sewershed. Its residents"
        " may be spoken"
        " of as a group."
    ),
    methods_and_models=(
        "Samples of consecutive days are one campaign. The latest campaign is compared, on the log"
        " scale, with"
        " a baseline that leaves out the ones just before it, by a t prediction interval; the spreads of like"
        " series inform each other. Median, regression and EARS are options.",
        "The trend is Theil-Sen with Mann-Kendall over the latest campaigns. The activity level counts"
        " spreads above the 10th percentile.",
    ),
    assumptions=(
        "Without a change, campaigns of a series scatter about one level, on the log scale, independently.",
        "Flow and population, where loads are asked, belong to the day of the sample.",
        "What lies below a limit is censored, not absent; `nondetect` says what stands for it.",
    ),
    known_limitations=(
        "A short history tells little: below 8 campaigns of baseline there is no verdict, with the reason.",
        "Epidemics have memory: an alarm tells a high state against the history, not that it began now.",
        "The p of EARS C3 is that of its makers and too small.",
        "No spatial test is made: few sewersheds cannot carry one.",
    ),
    when_not_to_use=(
        "To find a building, a street or a person: a sample stands for all who drain to it.",
        "For sewersheds of fewer than 10,000 people without review; the diagnostics name them.",
        "To compare substances with each other by their levels, or laboratories with different methods.",
    ),
    multiple_testing=(
        "q is Benjamini-Hochberg over the series of one analyte, or over all with `correction=all`."
        " Stale series"
        " take no part. The trend of each series is a test of its own and is not corrected."
    ),
    source_data=(
        "Concentrations by sewershed and day, with limits, and where known flow and population. No data of"
        " persons."
    ),
    performance=(
        Measured(
            "With five sewersheds and twelve campaigns of history, 2.2 % of the panels at rest had"
            " an alarm; a"
            " doubling in one of them was caught at once in 76.5 %, within two campaigns in 93 %.",
            _PAGE,
            _COMMAND,
            (
                "| 5 series, 12 baseline campaigns, log-sd 0.2 | moderated | 0.05 | 4.2 | 0.4 | 2.2"
                " | 76.5 | 93.0 |",
            ),
        ),
        Measured(
            "With EARS C3 18.8 % of such panels had a false alarm.",
            _PAGE,
            _COMMAND,
            ("| c3 | 0.05 | **8.2** | 4.9 | **18.8** |",),
        ),
    ),
    human_intervention=(
        "An alarm is a reason to look, not to act: staff check the laboratory's note, the flow of"
        " these days and"
        " the next campaign before anything is said in public."
    ),
    non_discrimination=(
        "A small or uniform sewershed describes a group that can be named. Publish such findings only after"
        " review, and never as a map of who uses what."
    ),
    risk_management=(
        Risk("A laboratory changes its method, and the level jumps.", "`exclude_quality`, and `datetime`."),
        Risk("Old samples pass for the present.", "A stale series has no alarm, trend, p or q."),
        Risk("Few people are behind a sewershed.", "The diagnostics name those below 10,000."),
    ),
    monitoring="Each run tells samples used, censored and left out with reasons; `X.series` shows"
    " every limit.",
    references=(
        "Hutwagner, Thompson, Seeman and Treadwell (2003), Journal of Urban Health 80(2 Suppl 1), i89-i96.",
        "Farrington, Andrews, Beale and Catchpole (1996), Journal of the Royal Statistical Society A 159(3),"
        " 547-563.",
        "Smyth (2004), Statistical Applications in Genetics and Molecular Biology 3(1), 3.",
    ),
    source_code=("models/surveillance.py", "models/campaigns.py", "models/moderated_variance.py"),
    last_review="2026-11-22",
)
