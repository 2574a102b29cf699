"""What the register says of `scan`."""

from service.register.entry import Entry, Measured, Risk

_PAGE = "docs/calibration.md"
_COMMAND = "python -m tests.studies.calibration_scan --maps 200"

SCAN = Entry(
    description_short="Finds the disk and time window that stand out most, with one p for the whole cluster.",
    goal="To notice a cluster while it goes on, or to date and outline one that is over.",
    impact="An outbreak, a series or a failing asset may be looked for at the place that is named.",
    methods_and_models=(
        "All disks up to a radius and all time windows are candidates. The best one is compared with"
        " the best of"
        " every simulated map, so that p holds for the search as a whole.",
        "Without a population dates are permuted over places (space-time permutation); with one the expected"
        " cases follow the people (discrete Poisson likelihood).",
        "With a population the simulated maps have risks that differ from cell to cell as much as those of"
        " ordinary cells do (negative binomial, the default); `null_model=poisson` simulates equal risks.",
    ),
    assumptions=(
        "Permutation: place and time are independent but for clusters; each case is an event of its own.",
        "With a population: but for clusters the risks of cells scatter as the fitted dispersion says, each"
        " on its own and alike at all times; with `null_model=poisson` they are all the same.",
    ),
    known_limitations=(
        "Clusters are disks; a long street is found in pieces or not.",
        "The permutation model cannot see a rise that takes place everywhere, nor a place that is"
        " always high.",
        "With a population a place that is always high by no more than cells usually differ is no"
        " cluster, and where there are few cells a large cluster passes partly for such differences.",
        "A Gumbel p below what the simulations can reach is uncertain and marked.",
    ),
    when_not_to_use=(
        "On cases entered several times and left so (`fold=false`).",
        "To rank ordinary places: use `hotspots`.",
    ),
    multiple_testing=(
        "p is family-wise: the chance that any candidate of a map without clusters looks so strong."
        " Scanning every day is still repeated; `recurrence_days` says how often chance alone would"
        " come so far."
    ),
    source_data="Incidents with a place and a time; optionally people per area, a boundary and roads.",
    performance=(
        Measured(
            "With cases of one event folded, at most 7 % of the maps by batches had a cluster at 5"
            " %; as they came"
            " up to all of them had.",
            _PAGE,
            _COMMAND,
            (
                "| negative binomial 2, by batches, as they come | (94.0) | (100.0) |",
                "| negative binomial 2, by batches, folded | 7.0 | 4.0 |",
            ),
        ),
        Measured(
            "Where the risks of cells differ by themselves the default called at most 8 % of the maps,"
            " `null_model=poisson` 93 % to all of them.",
            _PAGE,
            _COMMAND,
            (
                "| negative binomial 0.2, risks of cells, φ = 1 | 7.5 | 4.0 | (100.0) | (93.5) | 3.0 | 3.5 |",
                "| negative binomial 0.2, risks of cells, φ = 2 | 4.0 | 4.0 | (100.0) | (99.5) | 8.0 | 7.0 |",
                "| negative binomial 2, risks of cells, φ = 2 | 6.5 | 4.5 | (100.0) | (100.0) | 6.5 | 7.0 |",
                "| negative binomial 10, risks of cells, φ = 2 | 4.0 | 3.5 | (100.0) | (100.0) | 2.0 | 2.5 |",
            ),
        ),
    ),
    human_intervention="An alarm opens an inquiry; an epidemiologist or analyst reads the cases behind it.",
    non_discrimination="A cluster names a small area and its people for a time: tell those there"
    " before the press.",
    risk_management=(
        Risk(
            "Duplicates raise false alarms.", "Cases of one place and bin are folded, and the number is told."
        ),
        Risk(
            "Places whose risk differs for reasons of their own raise false alarms.",
            "With a population the default allows for such differences; the fitted dispersion is told.",
        ),
        Risk(
            "Late reports make the last bin look quiet.",
            "Choose `datetime` to end where reports are complete.",
        ),
    ),
    monitoring="Each run tells cases, folded ones, candidates, simulations, the null model and its warnings.",
    references=(
        "Kulldorff (1997), Communications in Statistics: Theory and Methods 26(6), 1481-1496.",
        "Kulldorff, Heffernan, Hartman, Assuncao and Mostashari (2005), PLoS Medicine 2(3), e59.",
    ),
    source_code=("models/scan.py", "models/scan_null.py", "models/scan_cases.py"),
    last_review="2026-11-22",
)
