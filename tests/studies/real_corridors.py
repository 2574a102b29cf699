"""What corridors found in some years hold of the crashes of another year, beside what cities do today.

    python -m tests.studies.real_corridors [--out docs/corridors-holdout.md]

Crashes and roads are taken in, snapped and predicted as `corridors` does. The exit code is 1 where counts do
not add up, or where a way of today catches more than ours; the page is written anyway.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from data.duckdb_store import DuckDBStore
from models.corridor_choice import chosen_corridors
from models.corridor_scan import corridor_scan
from models.coverage_curve import captured, chance_coverage, coverage_curve, practice_scores
from models.empirical_bayes import EmpiricalBayes, empirical_bayes
from models.next_period import NextPeriod, expected_next
from models.severity import CODES, is_counted, severity_counts
from models.spf import Spf, fitted_spf
from service.corridors.crashes import Crashes, crashes_of
from service.corridors.roads import taken_roads
from service.corridors.streets import Streets, streets_of
from service.ingesting import IngestOrder, ingest_file
from service.layer_kinds import incident_layer
from service.methods import inputs_of
from service.parameters import CorridorsInputs
from spatial.network.parts import Snaps
from spatial.network.snapping import snapped
from tests.studies.real_walk import walked

_HEAD = """\
# Corridors held against a year they have not seen

Share of the crashes of a later year that lies on the chosen 5 % and 10 % of the network's length. Everything
is chosen from the other years alone. This page is generated;
`EMBERLINE_DATASETS=… python -m tests.studies.real_corridors --out docs/corridors-holdout.md` makes it
anew and ends with exit code 1 where counts do not add up or a way of today catches more than ours.

- *Class rate*: streets by the crashes per kilometre of their class. *Windows*: half a mile in steps of a
  tenth, a piece ranks by the best window over it; by severity 3/3/1/0/0, or all crashes alike. *Observed*:
  pieces by their own crashes. *Empirical Bayes*: pieces by what kind and own crashes make expect.
- *Ours*: what is expected of the next period, neighbours on the street included (`models/next_period.py`),
  chosen by the program of `models/corridor_choice.py`: pieces of at least 100 m, and corridors of at least
  400 m, on the network as `corridors` cuts it with `select=excess`.
- *Excess over kind* is the same choice by expected less predicted: where streets are worse than streets like
  them. That is another question, and its answer holds fewer crashes.
- Rankings of single pieces may take 80 m here and 80 m there, which no programme of works can. *In hindsight*
  is the most that pieces of this length could hold; *chance, in hindsight* what they would hold had as many
  crashes fallen by class and length alone.
"""

SHARES = (0.05, 0.1)
#: Of today: what ours must not fall behind, by the columns of all crashes at the largest share.
TODAY = ("class rate", "severity windows", "all-crash windows")
#: Our choices, by the shortest length of each.
OURS = {"ours: pieces of 100 m and more": 100.0, "ours: corridors of 400 m and more": 400.0}
KINDS = {
    "excess over kind: pieces of 100 m and more": 100.0,
    "excess over kind: corridors of 400 m and more": 400.0,
}
_MEASURES = {"injury": "all injury crashes", "ksi": "killed"}


@dataclass(frozen=True)
class Place:
    """Crashes and roads of a place, and how its years are told apart."""

    folder: str
    title: str
    crashes: tuple[str, ...]
    roads: str
    timezone: str
    years: tuple[int, ...]
    rows: int
    note: str


SAO_PAULO = Place(
    folder="places/sao_paulo",
    title="São Paulo, the centre",
    crashes=tuple(f"crashes_{year}.csv.gz" for year in (2011, 2012, 2014, 2015)),
    roads="roads.geojson.gz",
    timezone="America/Sao_Paulo",
    years=(2011, 2012, 2014, 2015),
    rows=96_130,
    note="The file holds injury crashes only and tells who was killed, not who was seriously injured: the"
    " second measure is crashes with someone killed. There is no AADT.",
)
PLACES = (SAO_PAULO,)


@dataclass(frozen=True)
class Counted:
    """A network cut in pieces of one length, and the crashes on them by year: shape (n, codes)."""

    streets: Streets
    by_year: Mapping[int, np.ndarray]

    def of(self, years: Sequence[int], measure: str) -> np.ndarray:
        """Return the crashes of years that a measure counts, by piece."""
        total = sum(self.by_year[year] for year in years)
        return np.asarray(total)[:, is_counted(CODES, measure)].sum(axis=1)


@dataclass
class Looked:
    """What one place gave: shares by way, measure and share of the length, for each year left out."""

    place: Place
    facts: dict[str, str] = field(default_factory=dict)
    held: dict[int, dict[str, dict[tuple[str, float], float]]] = field(default_factory=dict)
    later: dict[int, dict[str, int]] = field(default_factory=dict)
    choices: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def check(self, is_right: bool, words: str) -> None:
        """Note what does not add up."""
        if not is_right:
            self.wrong.append(words)


#: What the city of Chicago named in 2016, by its own index; no crash points go with it.
OFFICIAL = "places/chicago/VZ_HighCrashCorridors.gpkg"
_M_PER_MILE = 1609.344
_BOUNDS_M = tuple(CorridorsInputs.model_fields[name].default for name in ("min_length_m", "max_length_m"))


@dataclass
class Official:
    """Corridors that a city named: miles by its file and by their lines, and serious crashes on a mile."""

    told: np.ndarray
    drawn: np.ndarray
    ksi: np.ndarray
    wrong: list[str] = field(default_factory=list)

    def section(self) -> Iterator[str]:
        """Yield what corridors of a city look like, beside what `corridors` looks for."""
        least, most = (metres / _M_PER_MILE for metres in _BOUNDS_M)
        fits = int(((self.told >= least) & (self.told <= most)).sum())
        yield f"## Chicago's official corridors, for their size\n\n`{OFFICIAL}`:"
        yield f"{len(self.told)} corridors of {self.told.min():.1f} to {self.told.max():.1f} miles (median"
        yield f"{np.median(self.told):.1f}), {self.told.sum():.0f} in all by the file and"
        yield f"{self.drawn.sum():.0f} along its lines, some of which draw a divided street twice, with"
        yield f"{np.min(self.ksi / self.told):.0f} to {np.max(self.ksi / self.told):.0f} killed-or-serious"
        yield f"crashes a mile. {fits} of them have a length that `corridors` looks for by default"
        yield f"({least:.2f} to {most:.1f} miles). There are no crash points to hold them against.\n"


def official(datasets: Path, folder: Path) -> Official:
    """Take the named corridors in as roads, and hold their lines to the miles that the file tells."""
    store = DuckDBStore(folder / "official.duckdb")
    ingest_file(store, datasets / OFFICIAL, IngestOrder("official", kind="roads"))
    taken = taken_roads(store, "official")
    own = [json.loads(text) for text in store.rows("official", ["attributes"])["attributes"].to_pylist()]
    told = np.array([float(one["MILES_1"]) for one in own])
    ksi = np.array([float(one["K_Crashes"]) + float(one["A_Crashes"]) for one in own])
    metres = np.bincount(taken.row, shapely.length(taken.lines.line), len(told))
    drawn = metres / _M_PER_MILE
    seen = Official(told, drawn, ksi)
    # Streets drawn once are as long as the file says, in the middle and in all but for those drawn twice.
    if len(told) != 43 or not (
        abs(np.median(drawn / told) - 1) < 0.01 and 1 <= drawn.sum() / told.sum() < 1.25
    ):
        seen.wrong.append(f"{len(told)} corridors, lines {drawn.sum():.1f} miles, told {told.sum():.1f}")
    return seen


def looked_at(place: Place, datasets: Path, folder: Path) -> Looked:
    """Take a place in, and hold every year against the others; the last one is the page's."""
    seen = Looked(place)
    store = DuckDBStore(folder / "city.duckdb")
    n_rows = 0
    for file in place.crashes:
        report = ingest_file(
            store, datasets / place.folder / file, IngestOrder("crashes", timezone=place.timezone)
        )
        n_rows += report.accepted + report.rejected + report.duplicate + report.updated
    ingest_file(store, datasets / place.folder / place.roads, IngestOrder("roads", kind="roads"))
    seen.check(n_rows == place.rows, f"{n_rows:,} rows, not {place.rows:,}")
    cuts = {
        "usual": _counted(store, place, seen),
        "chosen": _counted(store, place, seen, select="excess", min_length_m=min(OURS.values())),
    }
    for year in place.years:
        train = [other for other in place.years if other != year]
        seen.later[year] = {name: int(cuts["usual"].of([year], name).sum()) for name in _MEASURES}
        seen.held[year] = _held(cuts, train, year, seen if year == place.years[-1] else None)
    _check_ours(seen)
    return seen


def _counted(store: DuckDBStore, place: Place, seen: Looked, **given: Any) -> Counted:
    inputs = inputs_of("corridors", {"layer": "crashes", "roads": "roads", **given})
    assert isinstance(inputs, CorridorsInputs)
    layer = incident_layer(store, "crashes")
    crashes = crashes_of(store, layer, inputs)
    streets = streets_of(store, inputs, lambda _: None)
    where = _snaps(streets, crashes, inputs.tolerance_m)
    n, by_year = len(streets.lixels.route), {}
    for year in place.years:
        inside = crashes.within(f"{year}-01-01/{year}-12-31", place.timezone)
        by_year[year] = severity_counts(crashes.severity, np.where(inside, where.lixel, -1), n)
    snapped = int((where.lixel >= 0).sum())
    total = int(severity_counts(crashes.severity, where.lixel, n).sum())
    seen.check(total == snapped, f"{total:,} crashes on pieces, {snapped:,} snapped")
    dated = int(sum(counts.sum() for counts in by_year.values()))
    if not given:
        seen.facts |= {
            "crashes with a place": f"{len(crashes):,}",
            "of these on a street of the extract": f"{snapped:,}",
            "of these dated in another year: not used": f"{snapped - dated:,}",
            "on more than one street (given by the rule)": f"{int(where.is_ambiguous.sum()):,}",
            "network": f"{streets.length_m / 1000:,.0f} km, {n:,} pieces",
        }
    return Counted(streets, by_year)


def _snaps(streets: Streets, crashes: Crashes, tolerance_m: float) -> Snaps:
    """Return where the crashes belong; those far from the extract have no place in its plane."""
    lng, lat = streets.plane.degrees(streets.network.node_x, streets.network.node_y)
    is_near = (crashes.lng > lng.min() - 0.01) & (crashes.lng < lng.max() + 0.01)
    is_near &= (crashes.lat > lat.min() - 0.01) & (crashes.lat < lat.max() + 0.01)
    x, y = np.full(len(crashes), np.nan), np.full(len(crashes), np.nan)
    x[is_near], y[is_near] = streets.plane.metres(crashes.lng[is_near], crashes.lat[is_near])
    street = crashes.street if any(crashes.street.tolist()) else None
    return snapped(
        streets.network, streets.routes, streets.lixels, x, y, street=street, tolerance_m=tolerance_m
    )


def _held(
    cuts: Mapping[str, Counted], train: Sequence[int], year: int, told: Looked | None
) -> dict[str, dict[tuple[str, float], float]]:
    """Return the shares of the year's crashes, by way, measure and share of the length."""
    coarse = cuts["usual"]
    lixels = coarse.streets.lixels
    length = lixels.length_m
    y, spf, eb, coming = _expected(coarse, train)
    expected = {name: _expected(pieces, train)[3] for name, pieces in cuts.items()}
    counts = sum(coarse.by_year[one] for one in train)
    by_code = {code: np.asarray(counts)[:, place] for place, code in enumerate(CODES)}
    by_class = fitted_spf(y, length, road_class=lixels.road_class)
    scores = {
        "class rate": by_class.mu / length,
        **practice_scores(by_code, lixels.route, length),
        "observed, pieces of 80 m": y / length,
        "empirical Bayes, pieces of 80 m": eb.expected / length,
        "ours: expected, pieces of 80 m": coming.expected / length,
    }
    found: dict[str, dict[tuple[str, float], float]] = {
        "random": {(name, share): share for name in _MEASURES for share in SHARES}
    }
    for way, score in scores.items():
        found[way] = _of_ranking(coarse, year, score)
    for way, shortest in OURS.items():
        found[way] = _of_choice(cuts["chosen"], year, expected["chosen"].expected, shortest, told, way)
    excess = _expected(cuts["chosen"], train)[2].excess
    for way, shortest in KINDS.items():
        found[way] = _of_choice(cuts["chosen"], year, excess, shortest, told, way)
    found["in hindsight, pieces of 80 m"] = _of_ranking(coarse, year, None)
    if told is not None:
        _tell_models(told, spf, expected)
        _tell_scan(told, coarse, train, year, spf)
        found["chance, in hindsight"] = _by_chance(coarse, year, by_class)
    return found


def _expected(pieces: Counted, train: Sequence[int]) -> tuple[np.ndarray, Spf, EmpiricalBayes, NextPeriod]:
    lixels = pieces.streets.lixels
    y = pieces.of(train, "all")
    aadt = lixels.aadt if np.isfinite(lixels.aadt).any() else None
    spf = fitted_spf(y, lixels.length_m, road_class=lixels.road_class, aadt=aadt, junctions=lixels.junctions)
    coming = expected_next(y, spf.mu, lixels.route, lixels.length_m, k=spf.k)
    return y, spf, empirical_bayes(spf.mu, y, spf.k), coming


def _of_ranking(pieces: Counted, year: int, score: np.ndarray | None) -> dict[tuple[str, float], float]:
    length = pieces.streets.lixels.length_m
    curves = {name: coverage_curve(pieces.of([year], name), length, score=score) for name in _MEASURES}
    return {(name, share): float(curves[name].at(share)) for name in _MEASURES for share in SHARES}


def _of_choice(
    pieces: Counted, year: int, gain: np.ndarray, shortest: float, told: Looked | None, way: str
) -> dict[tuple[str, float], float]:
    lixels, found = pieces.streets.lixels, {}
    for share in SHARES:
        budget = share * float(lixels.length_m.sum())
        begun = time.perf_counter()
        best = chosen_corridors(gain, lixels.route, lixels.length_m, budget_m=budget, min_length_m=shortest)
        took = time.perf_counter() - begun
        for name in _MEASURES:
            caught = captured(best.first, best.last, pieces.of([year], name), lixels.length_m)
            found[name, share] = caught.count_share
        if told is not None:
            told.check(best.length_m.sum() <= budget + 1e-3, f"{way}: more than the budget")
            told.choices.append(
                f"| {way} | {share:.0%} | {len(best.first):,} | {best.length_m.sum() / 1000:.1f} |"
                f" {np.median(best.length_m):,.0f} | {best.gap:.1e} | {took:.1f} |"
            )
    return found


def _by_chance(pieces: Counted, year: int, by_class: Spf) -> dict[tuple[str, float], float]:
    found = {}
    for name in _MEASURES:
        number = int(pieces.of([year], name).sum())
        band = chance_coverage(
            number,
            by_class.mu,
            pieces.streets.lixels.length_m,
            length_share=SHARES,
            simulations=199,
            rng=np.random.default_rng(0),
        )
        found |= {(name, share): float(band.mean[at]) for at, share in enumerate(SHARES)}
    return found


def _tell_models(told: Looked, spf: Spf, expected: Mapping[str, NextPeriod]) -> None:
    usual, fine = expected["usual"], expected["chosen"]
    told.facts |= {
        "exposure; overdispersion k of a piece of 80 m": f"{spf.exposure}; {spf.k:.2f}",
        "neighbours reach (80 m pieces / 50 m pieces)": f"{usual.reach_m:.0f} m / {fine.reach_m:.0f} m",
        "k that is left when they are counted": f"{usual.k:.2f} / {fine.k:.2f}",
    }


def _tell_scan(told: Looked, pieces: Counted, train: Sequence[int], year: int, spf: Spf) -> None:
    """Say what the significant corridors hold, beside the best ranking of pieces on as much length."""
    lixels = pieces.streets.lixels
    found = corridor_scan(
        pieces.of(train, "all"),
        spf.mu,
        lixels.route,
        lixels.length_m,
        simulations=999,
        rng=np.random.default_rng(0),
    )
    is_sure = (found.p <= 0.05) & ~found.is_intersection
    first, last = found.first[is_sure], found.last[is_sure]
    caught = captured(first, last, pieces.of([year], "all"), lixels.length_m)
    told.facts["significant corridors (p ≤ .05): number, share of the length, of the later crashes"] = (
        f"{int(is_sure.sum())}, {caught.length_share:.1%}, {caught.count_share:.1%}"
    )


def _check_ours(seen: Looked) -> None:
    """Each of our choices must catch more than every way of today, on average."""
    for way in OURS:
        mine = _mean(seen, way, "injury", SHARES[-1])
        for other in TODAY:
            theirs = _mean(seen, other, "injury", SHARES[-1])
            seen.check(mine > theirs, f"{way}: {mine:.1%} caught, {other} {theirs:.1%}")


def _mean(seen: Looked, way: str, measure: str, share: float) -> float:
    return float(np.mean([held[way][measure, share] for held in seen.held.values()]))


def _page(seen: Sequence[Looked | Official]) -> str:
    parts = (one.section() if isinstance(one, Official) else _section(one) for one in seen)
    return "\n".join([_HEAD, *("\n".join(part) for part in parts)])


def _section(one: Looked) -> Iterator[str]:
    place, last = one.place, one.place.years[-1]
    train = ", ".join(str(year) for year in place.years[:-1])
    yield f"## {place.title}\n\n`{place.folder}`: found in {train}, held against {last}. {place.note}\n"
    yield "| | |\n| --- | ---: |"
    yield from (f"| {name} | {value} |" for name, value in one.facts.items())
    counts = ", ".join(f"{one.later[last][name]:,} {words}" for name, words in _MEASURES.items())
    yield f"\n### Share of the crashes of {last} ({counts})\n"
    yield from _table(one, lambda way, name, share: one.held[last].get(way, {}).get((name, share)))
    yield f"\n### The same, every year left out once: mean of {len(place.years)}\n"
    yield "A year in the middle is held against years before and after it: less like practice, but surer.\n"
    yield from _table(
        one,
        lambda way, name, share: (
            _mean(one, way, name, share) if all(way in held for held in one.held.values()) else None
        ),
    )
    yield f"\n### What was chosen from {train}\n"
    yield "*Gap*: the share of the best possible gain that the choice may miss, proven; 0 is proven best.\n"
    yield "| | Share | Number | km | Median m | Gap | s |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    yield from one.choices
    if one.wrong:
        yield "\n**Does not add up:**\n\n" + "\n".join(f"- {words}" for words in one.wrong)
    yield ""


def _table(one: Looked, value: Callable[[str, str, float], float | None]) -> Iterator[str]:
    columns = [(name, share) for name in _MEASURES for share in SHARES]
    yield "| | " + " | ".join(f"{_MEASURES[name]}, {share:.0%}" for name, share in columns) + " |"
    yield "| --- |" + " ---: |" * len(columns)
    for way in one.held[one.place.years[-1]]:
        found: list[Any] = [value(way, name, share) for name, share in columns]
        if None not in found:
            yield f"| {way} | " + " | ".join(f"{100 * share:.1f} %" for share in found) + " |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Look at all places, write the page, say what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies.real_corridors", description=__doc__)
    parser.add_argument("--out", type=Path, help="where the page goes (Markdown); else standard output")
    chosen = parser.parse_args(arguments)
    walks: dict[str, Callable[[Path, Path], Any]] = {
        place.title: partial(looked_at, place) for place in PLACES
    }
    return walked(chosen, {**walks, "Chicago, official corridors": official}, _page)


if __name__ == "__main__":
    sys.exit(main())
