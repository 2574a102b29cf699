"""Whether corridors hold what they promise: crashes on miles, beside chance, and those of a later period."""

from typing import Any

import numpy as np
import numpy.typing as npt

from models.coverage_curve import SHARES, captured, chance_coverage, coverage_curve, held_out, practice_scores
from models.severity import CODES, is_counted
from service.corridors.chosen import Chosen, Exposure
from service.corridors.severity_columns import Severity
from service.corridors.streets import Streets

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: Shares of the length at which the coverage curve is told.
CURVE_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)

_MEASURES = ("all", "injury", "ksi")
_SIMULATIONS = 99
# Shares of the length that differ by less are told once.
_SAME_SHARE = 1e-3
_M_PER_MILE = 1609.344


def coverage_told(
    streets: Streets, exposure: Exposure, severity: Severity, seed: int
) -> dict[str, Any] | None:
    """Return how many killed-or-serious crashes lie on how many miles; None where there is no crash at all.

    `share` ranks pieces by what is expected per metre, `in_hindsight` by these crashes themselves; `chance`
    is what hindsight would find if as many had fallen by exposure alone.
    """
    by_measure = {name: _counts(severity.counts, name) for name in ("ksi", "injury", "all")}
    measure = next((name for name, count in by_measure.items() if count.sum() > 0), None)
    if measure is None or not exposure.mu.any():
        return None
    count, length = by_measure[measure], streets.lixels.length_m
    shares = np.array(CURVE_SHARES)
    chance = chance_coverage(
        int(count.sum()),
        exposure.mu,
        length,
        length_share=shares,
        simulations=_SIMULATIONS,
        rng=np.random.default_rng(seed),
    )
    return {
        "measure": measure,
        "crashes": int(count.sum()),
        "length_share": shares.tolist(),
        "miles": (shares * streets.length_m / _M_PER_MILE).round(3).tolist(),
        "share": _rounded(coverage_curve(count, length, score=exposure.expected / length).at(shares)),
        "in_hindsight": _rounded(coverage_curve(count, length).at(shares)),
        "chance": _rounded(chance.mean),
        "chance_low": _rounded(chance.low),
        "chance_high": _rounded(chance.high),
    }


def holdout_told(
    streets: Streets, exposure: Exposure, severity: Severity, found: Chosen, later: Ints, intervals: list[str]
) -> dict[str, Any]:
    """Return which share of the later crashes the corridors hold, and what other choices would have held.

    `later` are the crashes of the test period by lixel and code.
    """
    length, route = streets.lixels.length_m, streets.lixels.route
    counts = {name: _counts(later, name) for name in _MEASURES}
    is_corridor = ~found.is_intersection
    first, last = found.first[is_corridor], found.last[is_corridor]
    caught = {name: captured(first, last, count, length) for name, count in counts.items()}
    share = caught["all"].length_share
    early = {code: severity.counts[:, place] for place, code in enumerate(CODES)}
    scores = {
        "class rate": _class_rate(streets, exposure.y),
        **practice_scores(early, route, length),
        "empirical Bayes": exposure.expected / length,
        "empirical Bayes along streets": exposure.ahead / length,
    }
    is_told = any(abs(share - one) < _SAME_SHARE for one in SHARES)
    shares = sorted(SHARES if is_told or not share else (*SHARES, share))
    rows = held_out(scores, counts, length, shares=shares)
    return {
        "train": intervals[0],
        "test": intervals[1],
        "test_crashes": {name: int(count.sum()) for name, count in counts.items()},
        "corridors": {
            "length_share": round(share, 6),
            **{name: _share(one.count_share) for name, one in caught.items()},
        },
        "rankings": [
            {
                "ranking": row.ranking,
                "length_share": round(row.length_share, 6),
                **{name: _share(row.captured.get(name, np.nan)) for name in _MEASURES},
            }
            for row in rows
        ],
    }


def holdout_words(told: dict[str, Any]) -> list[str]:
    """Return what the hold-out says in a sentence; nothing where no crash is to be judged by."""
    mine = told["corridors"]
    if not told["test_crashes"]["all"]:
        return [f"no crash of the test period {told['test']} lies on the network: nothing to check by"]
    if not mine["length_share"]:
        return []
    by_class = min(
        (row for row in told["rankings"] if row["ranking"] == "class rate"),
        key=lambda row: abs(row["length_share"] - mine["length_share"]),
    )
    parts = [f"{mine[name]:.0%} of {words}" for name, words in _WORDS.items() if mine.get(name) is not None]
    return [
        f"of the test period {told['test']} the corridors hold {', '.join(parts)} on"
        f" {mine['length_share']:.1%} of the length; as much length chosen by class alone would hold"
        f" {by_class['all']:.0%} of all crashes"
    ]


_WORDS = {"all": "all crashes", "injury": "injury crashes", "ksi": "killed-or-serious crashes"}


def _class_rate(streets: Streets, y: Ints) -> Floats:
    """Return the crashes per metre of each piece's class."""
    words, of = np.unique(streets.lixels.road_class.astype(str), return_inverse=True)
    length = np.bincount(of, streets.lixels.length_m, len(words))
    rate = np.bincount(of, y, len(words)) / length
    return np.asarray(rate[of], dtype=np.float64)


def _counts(counts: Ints, measure: str) -> Ints:
    """Return the crashes of a measure per lixel."""
    return np.asarray(counts[:, is_counted(CODES, measure)].sum(axis=1), dtype=np.int64)


def _share(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)


def _rounded(values: Floats) -> list[float]:
    return [round(float(one), 6) for one in values]
