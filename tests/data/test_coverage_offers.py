"""From offers to counts by cell: the rules at their boundaries, and the best offer of each location."""

from collections import defaultdict

import h3
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import coverage_offers
from data.coverage_offers import CellCounts, LocationOffers
from data.coverage_rules import RULE_SETS, TECHNOLOGIES, RuleSet
from data.readers.availability import Offers

CELLS = sorted(int(cell, 16) for cell in h3.grid_disk(h3.latlng_to_cell(33.42, -111.93, 8), 1))
NAMES = [rules.name for rules in RULE_SETS]

#: location, cell, technology, down, up, low latency, customers
Offer = tuple[int, int, int, float, float, bool, str]


def offers(rows: list[Offer]) -> Offers:
    location, cell, technology, down, up, latency, customer = zip(*rows, strict=True)
    return Offers(
        np.array(location, np.uint64),
        np.array(cell, np.uint64),
        np.array(technology, np.uint8),
        np.array(down, np.float64),
        np.array(up, np.float64),
        np.array(latency, np.bool_),
        np.array([ord(c) for c in customer], np.uint8),
    )


def counted(rows: list[Offer]) -> dict[str, CellCounts]:
    found = LocationOffers()
    found.add(offers(rows))
    return {counts.rules.name: counts for counts in found.counts()[0]}


def state(name: str, *rows: tuple[int, float, float, bool, str]) -> str:
    """Return what one location is under a rule set, with these offers."""
    counts = counted([(1_000_000_001, CELLS[0], *row) for row in rows])[name]
    assert counts.locations.tolist() == [1]
    states = ("served", "underserved", "unserved")
    return next(one for one in states if getattr(counts, one).tolist() == [1])


@pytest.mark.parametrize(
    ("down", "up", "expected"),
    [
        (100, 20, "served"),
        (100, 19, "underserved"),
        (99, 20, "underserved"),
        (99.9, 20, "underserved"),
        (25, 3, "underserved"),
        (24, 3, "unserved"),
        (25, 2, "unserved"),
        (1000, 2, "unserved"),
        (24.9, 1000, "unserved"),
        (0, 0, "unserved"),
    ],
)
@pytest.mark.parametrize("name", ["bead-2024", "bead-2023", "any-technology"])
def test_speeds_that_equal_a_threshold_reach_it(name: str, down: float, up: float, expected: str) -> None:
    assert state(name, (50, down, up, True, "X")) == expected


@pytest.mark.parametrize(
    ("down", "up", "expected"), [(100, 20, "served"), (99, 20, "unserved"), (25, 3, "unserved")]
)
def test_the_benchmark_knows_no_underserved(down: float, up: float, expected: str) -> None:
    assert state("fcc-706-2024", (70, down, up, False, "R")) == expected


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_only_reliable_technologies_count_for_bead(technology: int) -> None:
    offer = (technology, 1000.0, 1000.0, True, "X")
    reliable = {10, 40, 50, 71}
    assert state("bead-2024", offer) == ("served" if technology in reliable else "unserved")
    assert state("bead-2023", offer) == ("served" if technology in {*reliable, 72} else "unserved")
    assert state("any-technology", offer) == "served"
    assert state("fcc-706-2024", offer) == "served"


def test_latency_counts_where_the_rules_say_so() -> None:
    slow = (50, 1000.0, 1000.0, False, "X")
    assert [state(name, slow) for name in NAMES] == ["unserved", "unserved", "served", "served"]


def test_offers_to_businesses_alone_serve_nobody() -> None:
    assert {state(name, (50, 1000.0, 1000.0, True, "B")) for name in NAMES} == {"unserved"}
    assert {state(name, (50, 1000.0, 1000.0, True, "R")) for name in NAMES} == {"served"}


def test_speeds_of_different_offers_are_not_put_together() -> None:
    # Fast down from one, fast up from another: nobody can buy 100/20.
    both = [(40, 1000.0, 3.0, True, "X"), (10, 25.0, 20.0, True, "X")]
    assert state("bead-2024", *both) == "underserved"


def test_locations_without_an_offer_that_counts_are_told() -> None:
    satellite = (1, CELLS[0], 60, 100.0, 20.0, True, "X")
    slow = (2, CELLS[0], 10, 10.0, 1.0, True, "X")
    found = counted([satellite, slow])["bead-2024"]
    assert (found.unserved.tolist(), found.n_without_offer) == ([2], 1)


many_offers = st.lists(
    st.tuples(
        st.integers(1_000_000_000, 1_000_000_020),
        st.sampled_from(CELLS),
        st.sampled_from(sorted(TECHNOLOGIES)),
        st.sampled_from([0.0, 24.0, 25.0, 99.0, 100.0, 1000.0]),
        st.sampled_from([0.0, 2.0, 3.0, 19.0, 20.0, 1000.0]),
        st.booleans(),
        st.sampled_from("RBX"),
    ),
    min_size=1,
    max_size=80,
)


@settings(max_examples=150, deadline=None)
@given(many_offers, st.integers(1, 40), st.integers(1, 30), st.integers(1, 30))
def test_counts_are_those_of_going_through_the_rows_one_by_one(
    rows: list[Offer], per_file: int, merge_rows: int, slice_locations: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coverage_offers, "MERGE_ROWS", merge_rows)
        patch.setattr(coverage_offers, "SLICE_LOCATIONS", slice_locations)
        found = LocationOffers()
        for first in range(0, len(rows), per_file):
            found.add(offers(rows[first : first + per_file]))
        counts, n_locations, n_several = found.counts()
    cells_of = defaultdict(set)
    for location, cell, *_ in rows:
        cells_of[location].add(cell)
    assert n_locations == len(cells_of)
    assert n_several == sum(len(cells) > 1 for cells in cells_of.values())
    assert {one.rules.name: as_dict(one) for one in counts} == {
        rules.name: one_by_one(rows, rules) for rules in RULE_SETS
    }


def as_dict(counts: CellCounts) -> dict[int, tuple[int, int, int]]:
    assert (counts.locations == counts.served + counts.underserved + counts.unserved).all()
    columns = (counts.served, counts.underserved, counts.unserved)
    return dict(zip(counts.cells.tolist(), zip(*(c.tolist() for c in columns), strict=True), strict=True))


def one_by_one(rows: list[Offer], rules: RuleSet) -> dict[int, tuple[int, int, int]]:
    best: dict[int, int] = defaultdict(int)
    where: dict[int, int] = {}
    for location, cell, technology, down, up, latency, customer in rows:
        where[location] = min(cell, where.get(location, cell))
        counts = technology in rules.technologies and customer in rules.customers
        counts = counts and (latency or not rules.low_latency)
        reach = [down >= d and up >= u for d, u in (rules.unserved_below, rules.underserved_below)]
        best[location] = max(best[location], counts * (2 if reach[1] else int(reach[0])))
    result: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for location, cell in where.items():
        result[cell][2 - best[location]] += 1
    return {cell: (n[0], n[1], n[2]) for cell, n in result.items()}
