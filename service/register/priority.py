"""What the register says of `priority`."""

from service.register.entry import Entry, Measured, Risk

PRIORITY = Entry(
    description_short="Combines published findings into one score per place, and shows what each"
    " contributes.",
    goal="To say where several kinds of evidence point to the same places, and why, so that people"
    " can choose.",
    impact="Places near the top may be helped, inspected or built in first, and those below later.",
    methods_and_models=(
        "The p of each published analysis is put on one scale of evidence, at most one in a million."
        " The weighted"
        " sum is judged against what layers at rest, as much alike as these, would sum to; likeness is"
        " discounted. The score is that p on a scale from 0 to 100.",
        "The range of the rank comes from halving and doubling each weight in turn.",
    ),
    assumptions=(
        "The p of each input is sound where it stands.",
        "Likeness between layers over the map tells how far they repeat each other.",
    ),
    known_limitations=(
        "It is about evidence, not about harm: one layer with many incidents can rank below two with few.",
        "Without denominators two incident layers are alike because both follow people, and count"
        " for little more"
        " than one.",
        "A single layer cannot pass 75.",
        "A sewershed's finding enters every cell that it covers most of; `support` says where only"
        " such speak.",
    ),
    when_not_to_use=(
        "To share out money by the score: it is no measure of need.",
        "With inputs that stand on one another, such as two analyses of one layer.",
    ),
    multiple_testing=(
        "The score ranks; it calls nothing. `agreement` counts the inputs that are significant on"
        " their own, each"
        " by its own false discovery rate."
    ),
    source_data="Published analyses (hotspots, gaps, surveillance). It reads no records of its own.",
    performance=(
        Measured(
            "With three layers at rest that correlate by 0.9, 5.0 % of the cells had p ≤ 0.05;"
            " Fisher's sum gave"
            " 11.8 %, Stouffer's 16.3 %.",
            "docs/decisions/0008-priority.md",
            "python -m tests.studies.priority_calibration",
            ("| normal scores, correlation 0.9 | 5.0% | 11.8% | 16.3% |",),
        ),
    ),
    human_intervention=(
        "Weights are choices of values and are made by people, in the open. `contributions`, `rank_low` and"
        " `rank_high` are read before a place is named."
    ),
    non_discrimination=(
        "What no layer records has no voice. Say which groups the layers do not see, and weigh that by hand."
    ),
    risk_management=(
        Risk("Weights are tuned until a wanted place is first.", "They stand in the published parameters."),
        Risk("A rank is taken for exact.", "Its range under other weights stands beside it."),
    ),
    monitoring="Each run names its inputs' runs, their cells with evidence, correlations and weights"
    " as used.",
    references=(
        "Brown (1975), Biometrics 31(4), 987-992.",
        "Kost and McDermott (2002), Statistics and Probability Letters 60(2), 183-190.",
    ),
    source_code=("models/priority.py", "service/analyses/priority.py", "service/analyses/evidence.py"),
    last_review="2026-11-22",
)
