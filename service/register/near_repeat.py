"""What the register says of `near-repeat`."""

from service.register.entry import Entry, Measured, Risk

NEAR_REPEAT = Entry(
    description_short="Tells whether incidents follow one another nearby and soon more often than by chance.",
    goal="To know how far and how long after an incident others are likely, before visits are planned.",
    impact="Visits or checks around a fresh incident may be planned, or be found not worth while.",
    methods_and_models=(
        "All pairs of incidents are counted by how far and how long they lie apart (Knox). The times are then"
        " dealt out anew over the places many times; what is expected is the exact mean over all orders.",
        "`ratio` is observed over expected pairs; `p` the share of the dealt-out maps with as many pairs.",
    ),
    assumptions=(
        "Without contagion the course of time is the same at every place.",
        "Each row is one event.",
    ),
    known_limitations=(
        "It speaks of the layer as a whole and names no place: use `scan` or `emerging` for that.",
        "Whatever moves from place to place over time raises near pairs too: a new estate, a campaign.",
        "Records of one event entered twice are repeats; times that are guessed blur the bands.",
        "Layers with more than 100 million near pairs are refused.",
    ),
    when_not_to_use=(
        "On places moved to blocks, districts or one default coordinate; `piles` in the diagnostics tell.",
        "On times known only to the month or year; such incidents take no part.",
        "To say who will be struck next: ratios are averages over all pairs.",
    ),
    multiple_testing=(
        "`p` is for one band on its own and calls nothing; the notes tell how small it must be for all bands"
        " together (Bonferroni)."
    ),
    source_data="Incidents with a place and a time, best to the hour; a boundary to leave some out.",
    performance=(
        Measured(
            "On 200 sets of incidents without any link between place and time, scattered or a third on piles,"
            " 3 % to 8 % of the bands had p at or below .05.",
            "docs/calibration.md",
            "python -m tests.studies.calibration_scan",
            ("| scattered | 3.5 | 4.5 | 5.5 | 8.0 |", "| a third on ten piles | 8.0 | 7.5 | 4.0 | 3.0 |"),
        ),
    ),
    human_intervention="It decides nothing. An analyst reads the table and weighs whether visits would help.",
    non_discrimination=(
        "It repeats what was reported: where reports lead to more patrols and these to more reports, near"
        " repeats are made by the patrols. Do not use it alone to choose whom to watch."
    ),
    risk_management=(
        Risk("One event recorded several times passes for a series.", "The band at 0 m keeps repeats apart."),
        Risk(
            "One band out of many is picked.", "The notes tell how many were tested, and at which p all hold."
        ),
    ),
    monitoring="Each run tells incidents used and left out, pairs, piles, and how times were compared.",
    references=(
        "Knox (1964), Applied Statistics 13(1), 25-29.",
        "Johnson et al. (2007), Journal of Quantitative Criminology 23(3), 201-219.",
    ),
    source_code=("models/near_repeat.py", "service/analyses/near_repeat.py", "spatial/local_plane.py"),
    last_review="2026-11-22",
)
