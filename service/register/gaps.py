"""What the register says of `gaps`."""

from service.register.entry import Entry, Measured, Risk

_PAGE = "docs/calibration-gaps.md"
_COMMAND = "python -m tests.studies.calibration_gaps --maps 200"

GAPS = Entry(
    description_short="Finds where the share of homes without broadband is higher than chance explains.",
    goal="To show where unserved homes come together, so that lines, hubs or help are planned there first.",
    impact="Grants, building works or places for public access may go to some neighbourhoods before others.",
    methods_and_models=(
        "Unserved locations over all locations, by cell and by source area. Around each the shares"
        " within some"
        " steps are pooled and compared with units that all draw their shares from one law (beta-binomial),"
        " however clumped, fitted to the map itself.",
        "Areas coarser than a cell are tested as areas; their cells inherit the verdict and say so"
        " in `support`.",
    ),
    assumptions=(
        "Places are alike but for chance and clumping, and independent of their neighbours.",
        "The locations counted are all there are; a file of offers alone does not list the unserved.",
    ),
    known_limitations=(
        "Availability is what providers report, not what homes can buy or pay.",
        "Availability files know places no finer than cells of resolution 8.",
        "Its false alarms as areas are known only roughly: few maps were simulated (see performance).",
    ),
    when_not_to_use=(
        "To decide whether a single address is served.",
        "To compare rule sets or years by their maps; run both and compare the numbers.",
    ),
    multiple_testing="q is Benjamini-Hochberg over all tested cells, and apart from them over all"
    " tested areas.",
    source_data=(
        "Counts of served, underserved and unserved locations, or availability files summed up by"
        " cell; census"
        " estimates with their margins. No data of persons."
    ),
    performance=(
        Measured(
            "On 200 maps whose shares differ by chance alone, at a share of 10 % and strong"
            " clumping, 2.5 % had"
            " a cell called.",
            _PAGE,
            _COMMAND,
            ("| 0.1 | 0.85 | 2.5 |",),
        ),
        Measured(
            "Tested as areas, at a share of 10 % and little clumping, 3 of 20 such maps had an area called.",
            _PAGE,
            _COMMAND,
            ("| 0.1 | 0.1 | 3.5 | 0.0 | 15.0 |",),
        ),
    ),
    human_intervention="Planners check places on the ground and with providers before money is promised.",
    non_discrimination=(
        "An unserved home that no file counts is missed, more often where housing is informal. Compare with"
        " census figures of subscriptions."
    ),
    risk_management=(
        Risk("Providers overstate what they offer.", "Hold against measurements or census figures."),
        Risk("A coarse area passes for a finding of each cell.", "`support` is coarser there."),
    ),
    monitoring="Each run tells rows without a place, locations capped, and what units had no answer and why.",
    references=(
        "Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57(1), 289-300.",
        "Griffiths (1973), Biometrics 29(4), 637-648.",
    ),
    source_code=("models/gaps.py", "models/beta_binomial.py", "service/analyses/gaps.py"),
    last_review="2026-11-22",
)
