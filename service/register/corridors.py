"""What the register says of `corridors`."""

from service.register.entry import Entry, Measured, Risk

_CALIBRATION = "docs/calibration.md"
_STUDY = "python -m tests.studies.calibration_corridors --maps 200"
_HOLDOUT = "docs/corridors-holdout.md"
_HELD = "python -m tests.studies.real_corridors"

CORRIDORS = Entry(
    description_short="Names streets with more crashes than kind and traffic explain, with a p for each.",
    goal=(
        "To name the few streets on which works, speed or enforcement would prevent most harm, and to check"
        " a year later whether they were the right ones."
    ),
    impact="Some streets are rebuilt, slowed or patrolled before others; people who live elsewhere wait.",
    methods_and_models=(
        "Roads become a network: cut at their junctions, divided roads and roundabouts drawn together, strung"
        " into streets and cut in pieces of about 80 m. Every crash belongs to one piece, by nearness and by"
        " the street that was reported.",
        "A safety performance function (negative binomial; class, traffic where it is known, junctions,"
        " length) says what is predicted; empirical Bayes adds the crashes of the piece itself.",
        "All stretches of 400 to 5,000 m are scored by a likelihood ratio. The best score of simulated"
        " networks without corridors, whose risks differ from piece to piece and from block to block as the"
        " counts say, gives the family-wise p.",
        "Found stretches are taken best first, do not overlap, are trimmed, and joined over short gaps; what"
        " owes its score to one place is told as a single place instead.",
        "`select=excess` chooses, within a share of the length and by dynamic programming, the stretches that"
        " gather most: by default the crashes to expect next beyond an average street, with excess_over=kind"
        " those that kind and traffic do not explain.",
    ),
    assumptions=(
        "Reported crashes are those that happened, or miss the same share everywhere.",
        "Streets of one class and traffic have alike risks but for differences from piece to piece and from"
        " block to block.",
        "The roads cover the area of the crashes, and crashes were recorded on all of it.",
    ),
    known_limitations=(
        "Significant means: against variation of risk over less than 640 m; a longer one cannot be told from"
        " a corridor.",
        "Without traffic volumes a busy street stands out among quiet ones of its class.",
        "Crashes at junctions belong to one of the streets that meet there, by a fixed rule.",
        "Severity plays no part in the test; the weighted score ranks and is never tested.",
        "Chosen places look worse than they are: part of their excess was chance and goes away by itself.",
    ),
    when_not_to_use=(
        "To say who is at fault, or that a driver or a resident is dangerous.",
        "To measure whether a measure worked by counts before and after alone: chosen places get better by"
        " themselves.",
        "On roads that cover another area than the crashes, or on a handful of crashes.",
    ),
    multiple_testing=(
        "p is family-wise: how often the best stretch of a network without corridors scores as much. No"
        " correction for the number of stretches is left to be made."
    ),
    source_data=(
        "Crashes with a place, and if known time, severity, mode and street; roads with name, class, one-way"
        " and level, and traffic if known. Rows of persons are folded into crashes; nothing of a person is"
        " kept in the findings."
    ),
    performance=(
        Measured(
            "On networks without corridors, risks differing from piece to piece, at most 5 % had anything"
            " called; where they differ over 640 m and more, 21 %.",
            _CALIBRATION,
            _STUDY,
            ("| k = 5 per lixel | 4.5 | 5.0 | **100.0** |", "| k = 0.5 per 640 m | **21.0** | **11.5** |"),
        ),
        Measured(
            "Of planted corridors at three times the risk, 20 or more crashes expected on each, 97 % were"
            " found, with nine tenths of their length in common.",
            _CALIBRATION,
            _STUDY,
            ("| no heterogeneity, RR 3 | 0.97 | 0.90 | 0.92 | 0.00 | 0 |",),
        ),
        Measured(
            "In the centre of São Paulo 10 % of the length, chosen from three years, held 37 % of the injury"
            " crashes of a later one in corridors of 400 m and more, 42 % in pieces; by class 25 %.",
            _HOLDOUT,
            _HELD,
            (
                "| ours: corridors of 400 m and more | 23.4 % | 37.0 % | 28.4 % | 41.8 % |",
                "| ours: pieces of 100 m and more | 26.4 % | 42.4 % | 29.9 % | 52.2 % |",
            ),
        ),
    ),
    human_intervention=(
        "Engineers look at each corridor on the ground and at its crash reports before anything is planned."
    ),
    non_discrimination=(
        "Crashes of people on foot and in poorer districts are reported less often. Compare with hospital or"
        " EMS records, and look at pedestrians and bicycles by themselves (`travel_mode`)."
    ),
    risk_management=(
        Risk(
            "A geocoder puts many crashes on one point.",
            "What owes its score to one place is a single place, no corridor; distinct places are told.",
        ),
        Risk(
            "Crashes snap to the wrong street.",
            "Those on no road and those as near to another street come back as collections of their own.",
        ),
        Risk(
            "A corridor found in the past is taken for one of the future.",
            "`train` and `test` tell which share of a later period it holds, beside chance and class alone.",
        ),
    ),
    monitoring=(
        "Each run tells what became of every row, what was mended in the network, the fitted dispersion at"
        " both scales, the coverage curve with its chance baseline, and the hold-out where one is asked for."
    ),
    references=(
        "AASHTO (2010), Highway Safety Manual, parts B and C.",
        "Kulldorff (1997), Communications in Statistics: Theory and Methods 26(6), 1481-1496.",
        "Hauer (1997), Observational Before-After Studies in Road Safety.",
        "FHWA, Crash Costs fact sheet, FHWA-SA-25-021.",
    ),
    source_code=(
        "service/analyses/corridors.py",
        "models/corridor_scan.py",
        "models/corridor_choice.py",
        "models/spf.py",
        "models/empirical_bayes.py",
        "models/next_period.py",
        "models/severity.py",
        "models/severity_labels.py",
        "spatial/network/build.py",
        "spatial/network/snapping.py",
    ),
    last_review="2026-11-22",
)
