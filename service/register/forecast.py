"""What the register says of `forecast`."""

from service.register.entry import Entry, Risk

FORECAST = Entry(
    description_short="Says how many incidents each cell is to expect in the next period, and how"
    " well that has held.",
    goal="To plan the next week or month where it is not enough to know the last one.",
    impact="Crews or stock may be placed ahead of calls. Places with a low forecast may wait longer.",
    methods_and_models=(
        "Three models forecast each of the latest periods from what was before it: the last period again, a"
        " smoothed rate, and boosted trees on the recent history. The one with the smallest deviance"
        " is used.",
        "PAI, PEI and RRI on these held-out periods stand beside those of the same cells as last period.",
    ),
    assumptions=("The next period comes about as the latest ones did.", "Recording does not change."),
    known_limitations=(
        "It repeats history: a new cause shows only after it has left incidents.",
        "Where the figures are not above those of last period's cells, the forecast adds nothing.",
        "Intervals cover chance, not a change of circumstances.",
    ),
    when_not_to_use=(
        "To direct the stop, search or surveillance of persons.",
        "To place staff whose presence makes the records that are forecast.",
        "When the back-test is no better than last period's cells.",
    ),
    multiple_testing="Nothing is tested; the choice of the model in the back-test never uses the"
    " period it is judged on.",
    source_data="Incidents with a place and a time; a boundary or a population layer for the study area.",
    performance=(),
    human_intervention="Staff see the back-test beside the forecast and decide whether to use it at all.",
    non_discrimination=(
        "A forecast of records is no forecast of need: where records are biased it carries the bias forward."
        " Use it for calls of help, not for what officers record on their own."
    ),
    risk_management=(
        Risk("Work that follows the forecast makes it come true.", "Forecast what the public reports."),
        Risk("A model wears out.", "The back-test is made anew with each run."),
    ),
    monitoring="Each run tells PAI, PEI and RRI by period and model.",
    references=(
        "Chainey, Tompson and Uhlig (2008), Security Journal 21, 4-28.",
        "Hunt (2016), Do crime hot spots move?, American University, Washington.",
    ),
    source_code=("models/forecast.py", "models/forecast_features.py", "models/hit_rates.py"),
    last_review="2026-11-22",
    learns_from_data=True,
)
