"""What the register says of `cells`."""

from service.register.entry import Entry, Risk

CELLS = Entry(
    description_short="Lays several layers side by side on one grid of hexagonal cells; it tests nothing.",
    goal="To give analysts one table of places: incidents by layer, people, wastewater and unserved homes.",
    impact="None by itself. What is read from the table, or computed from it elsewhere, may guide work.",
    methods_and_models=(
        "Incidents are counted in the cells they lie in. People and homes of areas are shared out by"
        " the ground"
        " that cells and areas have in common. A cell takes over the state of the sewershed that"
        " covers most of"
        " it, where one covers half of it.",
    ),
    assumptions=(
        "Within a census area people live evenly over its ground.",
        "A sewershed's sample stands for all of the sewershed alike.",
    ),
    known_limitations=(
        "Figures of areas larger than a cell look finer than they are known; `coverage_support` and the notes"
        " tell where.",
        "Rates of cells with few people jump; `hotspots` with a population tells which of them mean"
        " something.",
    ),
    when_not_to_use=(
        "To call a place high or low: a large number is no finding. Use `hotspots`, `gaps` or"
        " `surveillance`.",
        "As input to a test that takes cells for independent: cells of one area share one figure.",
    ),
    multiple_testing="Nothing is tested.",
    source_data=(
        "Incident layers; optionally people per area, wastewater samples with their sewersheds, and broadband"
        " coverage."
    ),
    performance=(),
    human_intervention="It decides nothing; it is a table for people to read.",
    non_discrimination=(
        "Small cells hold few people: a count of one can point to a household. Choose a coarser resolution"
        " before the table leaves the office."
    ),
    risk_management=(
        Risk("A small count points to a person.", "Coarser cells, or fewer categories."),
        Risk("Null is read as zero.", "Zeros are written as 0; what is not known is null."),
    ),
    monitoring="Each run tells its rows, those outside the study area, and how areas were shared out.",
    references=("Goodchild and Lam (1980), Geo-Processing 1, 297-312.",),
    source_code=("service/analyses/cells.py", "service/analyses/joined.py", "spatial/interpolate.py"),
    last_review="2026-11-22",
)
