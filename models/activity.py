"""Names for wastewater activity levels, by pathogen and date, as the CDC publishes them. None for drugs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

NAMES = ("very low", "low", "moderate", "high", "very high")


@dataclass(frozen=True)
class Thresholds:
    """Upper bounds of the first four names, and the day from which they hold."""

    pathogen: str
    since: np.datetime64
    bounds: tuple[float, float, float, float]


# The day is that of the change of method; the earlier set is given without a first day.
THRESHOLDS = (
    Thresholds("sars-cov-2", np.datetime64("0001-01-01"), (1.5, 3.0, 4.5, 8.0)),
    Thresholds("sars-cov-2", np.datetime64("2025-08-15"), (2.0, 3.4, 5.3, 7.8)),
    Thresholds("influenza a", np.datetime64("2025-08-15"), (2.7, 6.2, 11.2, 17.6)),
    Thresholds("rsv", np.datetime64("2025-08-15"), (2.5, 5.2, 8.0, 11.0)),
)
_PATHOGENS = {
    **dict.fromkeys(("sars-cov-2", "sarscov2", "sars-cov2", "covid", "covid-19", "cov"), "sars-cov-2"),
    **dict.fromkeys(
        ("influenza a", "influenza-a", "influenzaa", "flu a", "flua", "fluav", "infa"), "influenza a"
    ),
    **dict.fromkeys(("rsv", "respiratory syncytial virus"), "rsv"),
}


def activity_names(level: ArrayLike, analyte: ArrayLike, day: ArrayLike) -> NDArray[np.str_]:
    """Return the name of each activity level; "" for an analyte or day without published thresholds.

    Parameters
    ----------
    level : array, shape (n,)
        As `surveillance` gives it; NaN has no name.
    analyte : array of text, shape (n,)
    day : array of datetime64, shape (n,)
        The day of the latest sample: it chooses the version of the thresholds.

    References
    ----------
    CDC, National Wastewater Surveillance System: Wastewater Viral Activity Level, method of 2025-08-15.

    Examples
    --------
    >>> days = np.array(["2025-08-14", "2025-08-15", "2026-01-01"], dtype="datetime64[D]")
    >>> activity_names([1.8, 1.8, 9.0], ["COVID-19", "COVID-19", "fentanyl"], days).tolist()
    ['low', 'very low', '']
    """
    levels, days = np.asarray(level, dtype=np.float64), np.asarray(day, dtype="datetime64[D]")
    analytes = np.asarray(analyte, dtype=np.str_).tolist()
    pathogens = np.array([_PATHOGENS.get(text.strip().lower(), "") for text in analytes], dtype=np.str_)
    names = np.full(levels.shape, "", dtype="U9")
    for version in THRESHOLDS:  # in the order of their days: a later one replaces the earlier
        held = (pathogens == version.pathogen) & (days >= version.since) & ~np.isnan(levels)
        names[held] = np.array(NAMES)[np.searchsorted(version.bounds, levels[held], side="left")]
    return names
