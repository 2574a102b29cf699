"""Evidence read from published findings, and brought onto cells: sides, supports, resolutions, areas."""

from typing import Any

import numpy as np
import pytest
import shapely

from service.analyses.evidence import (
    Evidence,
    fault_of,
    of_cells,
    of_cells_or_areas,
    of_sewersheds,
    on_cells,
    strongest_of,
)
from service.snapshots import Snapshot, snapshot
from spatial.grid import boundaries, cells_at, centers, children, disk, hex_strings, parents

CELLS = disk(cells_at([-111.93], [33.42], 8), 2)
NAN = float("nan")


def published(
    columns: dict[str, Any], shapes: Any = None, ids: list[str] | None = None, **parameters: Any
) -> Snapshot:
    n = len(next(iter(columns.values())))
    fids = ids or [str(i) for i in range(n)]
    return snapshot(
        "made", "responder", fids, shapes, columns, {"parameters": parameters}, timestamp="2026-01-01"
    )


def by_cell(**columns: Any) -> dict[str, Any]:
    n = len(next(iter(columns.values())))
    return {"h3": hex_strings(CELLS[:n]), **columns}


def evidence(p: Any, **where: Any) -> Evidence:
    found = np.asarray(p, dtype=float)
    flags = where.pop("significant", found <= 0.01)
    return Evidence(
        p=found,
        significant=flags,
        is_coarse=np.zeros(len(found), bool),
        n_independent=float(len(found)),
        **where,
    )


def test_hot_cells_are_the_evidence_of_hotspots() -> None:
    columns = by_cell(p=[0.001, 0.4, None], **{"class": ["hot", "none", "none"]}, neighbors=[7, 7, 7])
    found = of_cells(published(columns, side="hot"))
    np.testing.assert_array_equal(found.p, [0.001, 0.4, NAN])
    assert found.significant.tolist() == [True, False, False]
    assert found.n_independent == pytest.approx(2 / 7)
    assert found.resolution == 8
    assert found.notes == []


def test_of_an_analysis_of_both_sides_only_the_high_side_is_need() -> None:
    columns = by_cell(
        p=[0.002, 0.002, 0.9],
        p_hot=[0.001, 0.999, 0.45],
        p_cold=[0.999, 0.001, 0.6],
        **{"class": ["hot", "cold", "none"]},
    )
    found = of_cells(published(columns, side="both"))
    np.testing.assert_allclose(found.p, [0.001, 0.999, 0.45])
    assert found.significant.tolist() == [True, False, False]


def test_an_analysis_of_lows_gives_evidence_of_lows_and_says_so() -> None:
    columns = by_cell(p=[0.001, 0.5], **{"class": ["cold", "none"]})
    found = of_cells(published(columns, side="cold"))
    assert found.significant.tolist() == [True, False]
    assert "lows" in found.notes[0]


def test_without_a_p_the_q_stands_for_it() -> None:
    columns = by_cell(q=[0.04, 0.5], z=[3.0, 0.1], **{"class": ["hot", "none"]}, support=["equal", "coarser"])
    found = of_cells(published(columns))
    assert found.p.tolist() == [0.04, 0.5]
    assert found.is_coarse.tolist() == [False, True]
    assert "q stands for it" in found.notes[0]


def test_cells_that_share_the_finding_of_an_area_are_one_independent_place() -> None:
    columns = by_cell(
        p=[0.04, 0.04, 0.04, 0.2], support=["coarser"] * 3 + ["equal"], **{"class": ["none"] * 4}
    )
    assert of_cells(published(columns)).n_independent == 2


def test_gaps_of_areas_are_read_as_areas() -> None:
    shapes = np.array([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)])
    columns = {"p": [0.001, 0.5], "class": ["hot", "none"]}
    found = of_cells_or_areas(published(columns, shapes))
    assert found.cells is None
    assert found.shapes is not None
    assert found.significant.tolist() == [True, False]
    assert of_cells_or_areas(published(by_cell(**columns))).cells is not None


def test_a_sewershed_speaks_by_its_strongest_analyte_corrected_for_their_number() -> None:
    one, other = shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)
    columns = {
        "sewershed": ["S2", "S1", "S1", "S3", "S4"],
        "state": ["normal", "alarm", "normal", "stale", "unknown"],
        "alarm": [False, True, False, None, None],
        "p": [0.3, 0.01, 0.5, 1e-9, None],
        "z": [0.5, 3.0, 0.0, 6.0, None],
    }
    found = of_sewersheds(published(columns, np.array([other, one, one, other, None], dtype=object)))
    np.testing.assert_allclose(found.p, [1 - 0.99**2, 0.3, NAN, NAN])
    assert found.significant.tolist() == [True, False, False, False]
    assert found.n_independent == 2
    assert found.shapes is not None
    assert found.shapes[0] == one
    assert any("several analytes" in note for note in found.notes)
    assert any("1 sewersheds have no polygon" in note for note in found.notes)


def test_a_fall_is_no_need_where_both_sides_are_watched() -> None:
    columns = {
        "sewershed": ["S1", "S2"],
        "state": ["alarm", "alarm"],
        "alarm": [True, True],
        "p": [0.002, 0.002],
        "z": [4.0, -4.0],
    }
    found = of_sewersheds(published(columns, np.array([shapely.box(0, 0, 1, 1)] * 2), side="both"))
    assert found.significant.tolist() == [True, False]
    np.testing.assert_allclose(found.p, [0.001, 0.999])


def test_at_its_own_resolution_evidence_stays_as_it_is_and_elsewhere_there_is_none() -> None:
    asked = np.sort(disk(CELLS[:1], 1))
    mine = evidence([0.001, NAN, 0.5], cells=CELLS[:3])
    found = on_cells(mine, asked)
    for cell, p in zip(CELLS[:3], mine.p, strict=True):
        if cell in asked:
            np.testing.assert_equal(found.p[asked == cell], [p])
    assert np.isnan(found.p[~np.isin(asked, CELLS[:3])]).all()
    assert not found.is_coarse.any()
    assert found.significant.sum() == 1


def test_finer_cells_take_over_what_was_found_for_their_parent() -> None:
    asked = np.sort(children(CELLS[:2], 9))
    found = on_cells(evidence([0.001, 0.5], cells=CELLS[:2]), asked)
    is_first = parents(asked, 8) == CELLS[0]
    assert set(found.p[is_first]) == {0.001}
    assert set(found.p[~is_first]) == {0.5}
    assert found.is_coarse.all()
    assert found.n_independent == 2
    assert "parent at resolution 8" in found.rule


def test_a_coarser_cell_takes_the_strongest_of_its_children_corrected_for_their_number() -> None:
    fine = children(CELLS[:2], 9)
    p = np.full(14, 0.5)
    p[3], p[7:] = 0.001, NAN
    found = on_cells(evidence(p, cells=fine), np.sort(CELLS[:2]))
    order = np.argsort(CELLS[:2])
    np.testing.assert_allclose(found.p[np.argsort(order)], [1 - 0.999**7, NAN])
    assert found.significant[np.argsort(order)].tolist() == [True, False]
    assert not found.is_coarse.any()


def test_the_correction_holds_for_children_at_rest() -> None:
    p = np.random.default_rng(1).random(70_000)
    found, n = strongest_of(p, np.arange(70_000) // 7, 10_000)
    assert set(n) == {7}
    assert (found <= 0.05).mean() == pytest.approx(0.05, abs=0.007)


def test_strongest_keeps_the_ends_of_the_scale() -> None:
    found, _ = strongest_of(np.array([0.0, 1.0, 1.0, 1e-12, 0.4]), np.array([0, 1, 1, 2, 2]), 3)
    assert found[0] == 0
    assert found[1] == 1
    assert found[2] == pytest.approx(2e-12, rel=1e-6)


def test_the_area_that_covers_most_of_a_cell_speaks_for_it() -> None:
    cell = CELLS[:1]
    west, south, east, north = boundaries(cell)[0].bounds
    middle = west + 0.4 * (east - west)
    areas = np.array([shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)])
    found = on_cells(evidence([0.001, 0.7], shapes=areas), cell)
    assert found.p.tolist() == [0.7]
    assert found.is_coarse.tolist() == [True]
    assert found.n_independent == 1
    assert "covers most" in found.rule


def test_a_cell_less_than_half_covered_has_no_evidence_of_areas() -> None:
    cell = CELLS[:1]
    west, south, east, north = boundaries(cell)[0].bounds
    some = np.array([shapely.box(west, south, west + 0.3 * (east - west), north)])
    assert np.isnan(on_cells(evidence([0.001], shapes=some), cell).p).all()


def test_of_two_areas_that_cover_a_cell_the_smaller_one_speaks() -> None:
    lng, lat = centers(CELLS[:1])
    point = shapely.Point(lng[0], lat[0])
    areas = np.array([point.buffer(1.0), point.buffer(0.1)])
    assert on_cells(evidence([0.5, 0.01], shapes=areas), CELLS[:1]).p.tolist() == [0.01]
    assert on_cells(evidence([0.01, 0.5], shapes=areas[::-1]), CELLS[:1]).p.tolist() == [0.01]


def test_an_area_that_says_nothing_does_not_leave_its_cells_to_its_neighbour() -> None:
    cell = CELLS[:1]
    west, south, east, north = boundaries(cell)[0].bounds
    middle = west + 0.2 * (east - west)
    areas = np.array([shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)])
    assert np.isnan(on_cells(evidence([0.001, NAN], shapes=areas), cell).p).all()


def test_what_can_be_an_input() -> None:
    assert fault_of({"method": "hotspots", "inputs": {"layer": "calls"}}) is None
    assert "is of method cells" in str(fault_of({"method": "cells"}))
    assert "only what is significant" in str(fault_of({"method": "gaps", "inputs": {"significant": True}}))
