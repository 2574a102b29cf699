"""What the register says of `clusters`."""

from service.register.entry import Entry, Risk

CLUSTERS = Entry(
    description_short="Groups incidents that lie close together in metres, or in metres and days. It"
    " is no test.",
    goal="To see groups of incidents as they lie, without a grid: a string of fires, a corner, a week.",
    impact="A group may be looked into as one thing.",
    methods_and_models=(
        "DBSCAN: incidents with at least `min_samples` within `eps_m` metres (and `eps_days` days)"
        " are joined."
        " HDBSCAN: groups that persist over many densities. Distances are great-circle distances.",
        "Hull, count, dates and commonest categories of each group come back; what belongs to none"
        " is left out.",
    ),
    assumptions=("The metres, days and numbers that were chosen fit the question.",),
    known_limitations=(
        "Nothing is tested: random incidents make groups too, the more the denser they lie.",
        "Where people live densely there are groups; there is no denominator.",
        "HDBSCAN is refused above 50,000 points.",
    ),
    when_not_to_use=(
        "To say that a place is worse than chance explains: use `hotspots` or `scan`.",
        "On incidents moved to the middle of a block or a district.",
    ),
    multiple_testing="Nothing is tested.",
    source_data="Incidents with a place, where known a time and a category; a boundary and roads for names.",
    performance=(),
    human_intervention="It decides nothing. An analyst chooses the distances and reads the groups.",
    non_discrimination="A tight group can be one address: look before it is published.",
    risk_management=(
        Risk(
            "One busy coordinate passes for a cluster.",
            "`pile_share` tells; `collapse_piles` counts it once.",
        ),
        Risk("A group is taken for a finding.", "The diagnostics say that nothing was tested."),
    ),
    monitoring="Each run tells incidents used, noise, piles and the parameters.",
    references=(
        "Ester, Kriegel, Sander and Xu (1996), Proceedings of KDD-96, 226-231.",
        "Campello, Moulavi and Sander (2013), Advances in Knowledge Discovery and Data Mining, 160-172.",
    ),
    source_code=("models/clusters.py", "models/piles.py"),
    last_review="2026-11-22",
)
