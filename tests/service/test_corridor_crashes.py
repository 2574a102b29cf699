"""Crashes for the corridors: severity from labels or people, rows folded into crashes, modes."""

from pathlib import Path
from typing import Any

import pytest

from data.duckdb_store import DuckDBStore
from models.errors import InvalidParameter
from service.corridors.crashes import Crashes, crashes_of
from service.ingesting import IngestOrder, ingest_file
from service.parameters import CorridorsInputs
from tests.service.made import Row, write_rows


def row(number: int, **more: Any) -> Row:
    return {
        "date": f"2024-01-{number % 28 + 1:02d} 10:00",
        "lng": f"{-111.9 + number / 1000:.6f}",
        "lat": "33.400000",
        **more,
    }


def read(folder: Path, rows: list[Row], **inputs: Any) -> Crashes:
    store = DuckDBStore()
    ingest_file(store, write_rows(folder / "c.csv", rows), IngestOrder("c", timezone="UTC"))
    given = CorridorsInputs(layer="c", roads="r", **inputs)
    return crashes_of(store, store.layer("c"), given)


def codes(found: Crashes) -> str:
    return "".join(found.severity[found.lng.argsort()].tolist())


def test_labels_become_kabco_and_what_is_not_understood_is_told(tmp_path: Path) -> None:
    labels = ["Fatal", "A - Incapacitating Injury", "PDO", "Moderate?", ""]
    found = read(tmp_path, [row(i, severity=label) for i, label in enumerate(labels)])
    assert codes(found) == "KAOUU" and found.severity_source == "labels"
    assert found.told["unknown_severity_labels"] == {"Moderate?": 1}
    assert any("'Moderate?'" in note for note in found.notes)


def test_injured_without_a_degree_is_told_also_where_every_label_is_understood(tmp_path: Path) -> None:
    found = read(tmp_path, [row(i, severity=label) for i, label in enumerate(["Injury", "PDO", "Injury"])])
    assert codes(found) == "COC" and found.told["unknown_severity_labels"] == {}
    assert any(note.startswith("2 rows say injured but not how badly") for note in found.notes)


def test_numbers_need_a_scale_and_the_note_names_it(tmp_path: Path) -> None:
    rows = [row(i, severity=number) for i, number in enumerate((1, 2, 3))]
    unread = read(tmp_path, rows)
    assert codes(unread) == "UUU" and unread.severity_source is None
    assert any("severity_scale" in note for note in unread.notes)
    assert codes(read(tmp_path, rows, severity_scale="1-3-worst-first")) == "KAB"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (("NUMBER OF PERSONS KILLED", "NUMBER OF PERSONS INJURED"), "KCO"),
        (("Killed", "Serious Injuries", "Minor Injuries"), "KAB"),
        (("fatalities", "injuries_total"), "KCO"),
        (("Death_Cnt", "Tot_Injry_Cnt"), "KCO"),
        (("mortos", "feridos"), "KCO"),
    ],
)
def test_people_killed_and_injured_make_the_severity(
    tmp_path: Path, columns: tuple[str, ...], expected: str
) -> None:
    people = {2: ((1, 0), (0, 2), (0, 0)), 3: ((1, 0, 0), (0, 1, 4), (0, 0, 2))}[len(columns)]
    rows = [row(i, **dict(zip(columns, counts, strict=True))) for i, counts in enumerate(people)]
    found = read(tmp_path, rows)
    assert codes(found) == expected and found.severity_source == "counts"
    assert set(found.told["severity_columns"].values()) == set(columns)


def test_injured_and_killed_in_one_column_of_four_digits(tmp_path: Path) -> None:
    rows = [row(i, VITIMAS=people) for i, people in enumerate(("0200", "0001", "0100", "0000"))]
    assert codes(read(tmp_path, rows)) == "CKCO"


def persons(n: int = 20) -> list[Row]:
    """Return two persons of each crash, the second one hurt worse, at one place and time."""
    return [
        row(crash, crash_id=f"x{crash}", person=person, severity=("No Injury", "Serious Injury")[person])
        for crash in range(n)
        for person in range(2)
    ]


def test_rows_of_persons_are_folded_into_crashes(tmp_path: Path) -> None:
    found = read(tmp_path, persons())
    assert len(found) == 20 and codes(found) == "A" * 20
    assert found.told["folded_rows"] == 20 and found.told["crash_id_column"] == "crash_id"
    assert any("40 rows were folded into 20 crashes" in note for note in found.notes)


def test_rows_of_persons_with_ids_of_their_own_are_folded_too(tmp_path: Path) -> None:
    rows = [{"id": f"p{i}", **one} for i, one in enumerate(persons())]
    found = read(tmp_path, [{**one, "Collision Number": one["crash_id"], "crash_id": ""} for one in rows])
    assert len(found) == 20 and found.told["crash_id_column"] == "Collision Number"


def test_rows_of_persons_under_the_crash_s_plain_id_are_folded_too(tmp_path: Path) -> None:
    rows = [{"id": one["crash_id"], **one, "crash_id": ""} for one in persons()]
    found = read(tmp_path, rows)
    assert len(found) == 20 and found.told["crash_id_column"] == "id"


def test_a_number_that_repeats_over_places_folds_nothing(tmp_path: Path) -> None:
    rows = [row(i * 30, id=f"c{i}", case_number=f"{i % 3}", severity="PDO") for i in range(30)]
    found = read(tmp_path, rows)
    assert len(found) == 30 and found.told["folded_rows"] == 0
    assert any("'case_number' repeats" in note for note in found.notes)


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    one, other = read(tmp_path, persons()), read(tmp_path, persons()[::-1])
    assert one.id.tolist() == other.id.tolist()
    assert one.severity.tolist() == other.severity.tolist()


@pytest.mark.parametrize(("mode", "n"), [("pedestrian", 2), ("bicycle", 1), ("motor vehicle", 3)])
def test_a_mode_selects_the_crashes_that_involve_it(tmp_path: Path, mode: str, n: int) -> None:
    labels = ["Ped", "Vehicle-Pedestrian", "bike", "Other", "MV", "hovercraft"]
    found = read(tmp_path, [row(i, mode=label) for i, label in enumerate(labels)], travel_mode=mode)
    assert len(found) == n
    assert found.told["unknown_mode_labels"] == {"hovercraft": 1}
    assert any("'other' was taken for motor vehicle" in note for note in found.notes)


def test_a_crash_has_the_modes_of_all_its_rows(tmp_path: Path) -> None:
    rows = [{**one, "mode": ("Driver", "Pedestrian")[one["person"]]} for one in persons()]
    assert len(read(tmp_path, rows, travel_mode="pedestrian")) == 20
    assert len(read(tmp_path, rows, travel_mode="motor vehicle")) == 20


@pytest.mark.parametrize(
    ("column", "values"),
    [("IstFuss", (1, 0, 1)), ("pedestrian_accident", ("Y", "", "Y")), ("ped_count", ("2", "0", "1"))],
)
def test_columns_of_those_involved_tell_the_mode(tmp_path: Path, column: str, values: tuple[Any]) -> None:
    rows = [row(i, **{column: value}) for i, value in enumerate(values)]
    found = read(tmp_path, rows, travel_mode="pedestrian")
    assert len(found) == 2 and found.told["mode_columns"] == [column]


def test_a_mode_that_nobody_tells_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="travel_mode=pedestrian needs crashes that tell who took"):
        read(tmp_path, [row(i) for i in range(3)], travel_mode="pedestrian")


@pytest.mark.parametrize("measure", ["injury", "ksi"])
def test_a_measure_of_severity_without_any_is_an_error(tmp_path: Path, measure: str) -> None:
    rows = [row(i) for i in range(3)]
    with pytest.raises(InvalidParameter, match=f"measure={measure} needs crashes with a severity"):
        read(tmp_path, rows, measure=measure)
    assert codes(read(tmp_path, rows)) == "UUU"


def test_datetime_category_and_bbox_select(tmp_path: Path) -> None:
    rows = [row(i, crash_type=("REAR END", "ANGLE")[i % 2]) for i in range(20)]
    assert len(read(tmp_path, rows, category=["ANGLE"])) == 10
    assert len(read(tmp_path, rows, datetime="2024-01-01/2024-01-05")) == 5
    assert len(read(tmp_path, rows, bbox="-111.9005,33,-111.8955,34")) == 5
    assert len(read(tmp_path, rows, datetime="2030-01-01")) == 0


def test_an_interval_holds_the_crashes_of_its_local_days(tmp_path: Path) -> None:
    found = read(tmp_path, [row(0), row(1), {**row(2), "date": ""}])
    assert found.within("2024-01-01", "UTC").sum() == 1
    assert found.within("2024-01-01/..", "UTC").sum() == 2
    assert found.within("2024-01-01/2024-01-01", "Asia/Tokyo").sum() == 1
