"""Severity: labels of real families, counts of people, weight tables, folding."""

import csv
import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import DegenerateInput, InvalidParameter
from models.severity import (
    CODES,
    EPDO_TABLES,
    epdo,
    fold,
    is_counted,
    ksi,
    pooled_ka,
    severities_of_counts,
    severity_counts,
    weights,
)
from models.severity_labels import severities
from tests.requirements import dataset_path

LABELS = [
    ("A - Incapacitating Injury", "A"), ("Suspected Serious Injury (A)", "A"), ("A. Severe Injury", "A"),
    ("PDO", "O"), ("Property Damage Only", "O"), ("100-(K) FATAL INJURY", "K"),
    ("104-(O) PROPERTY DAMAGE ONLY", "O"), ("K - Fatal Injury -", "K"), ("B - Suspected Minor Injury", "B"),
    ("C - Possible Injury", "C"), ("O - No Apparent Injury", "O"), ("U - Unknown", "U"), ("(K)", "K"),
    ("Injury (Severe)", "A"), ("Injury (Other Visible)", "B"), ("Injury (Complaint of Pain)", "C"),
    ("NONINCAPACITATING INJURY", "B"), ("Non-Incapacitating Injury", "B"), ("REPORTED, NOT EVIDENT", "C"),
    ("NO INDICATION OF INJURY", "O"), ("Fatality Collision", "K"), ("Serious Injury Collision", "A"),
    ("Property Damage Only Collision", "O"), ("N - NOT INJURED", "O"), ("KILLED", "K"),
    ("Non Serious Injury (B)", "B"), ("seriously injured", "A"), ("slightly injured", "B"),
    ("1 - Fatal", "K"), ("C - Minor Injury", "C"), ("A-Injury Crash", "A"),
    ("Suspected Serious Injury \u2013 A", "A"),
    ("No Injury/PDO", "O"), ("Fatal (K)", "K"), ("Possible\u00a0Injury", "C"),
]  # fmt: skip


@pytest.mark.parametrize(("label", "code"), LABELS)
def test_label_is_read(label: str, code: str) -> None:
    read = severities([label])
    assert read.codes.tolist() == [code]
    assert read.not_understood == ()


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("3", "number"), ("B - Fatal", "contradiction"), ("O - Serious Injury", "contradiction"),
        ("K/A", "unknown"), ("Fatal or serious", "unknown"), ("A or B", "unknown"), ("A - B", "unknown"),
        ("A - Zebra", "unknown"), ("None", "unknown"), ("1.5", "unknown"), ("N", "unknown"),
    ],
)  # fmt: skip
def test_label_is_not_guessed(label: str, reason: str) -> None:
    read = severities([label])
    assert read.codes.tolist() == ["U"]
    assert [item.reason for item in read.not_understood] == [reason]


def test_report_counts_every_row() -> None:
    read = severities(["O", "o", "O ", None, float("nan"), "", "K", "zebra", "O"])
    assert "".join(read.codes) == "OOOUUUKUO"
    assert [(item.label, item.code, item.n, item.reason) for item in read.labels] == [
        ("", "U", 3, "missing"),
        ("O", "O", 3, "code"),
        ("K", "K", 1, "code"),
        ("o", "O", 1, "code"),
        ("zebra", "U", 1, "unknown"),
    ]


@pytest.mark.parametrize(
    ("scale", "codes"),
    [("1-5-worst-first", "KABCOU"), ("1-5-worst-last", "OCBAKU"), ("0-4-worst-last", "CBAKUO"),
     ("1-3-worst-first", "KABUUU")],
)  # fmt: skip
def test_numbers_mean_what_the_caller_says(scale: str, codes: str) -> None:
    assert "".join(severities([1, 2.0, "3", np.int64(4), "5.0", 0], numbers=scale).codes) == codes


def test_numbers_are_read_where_other_labels_explain_them() -> None:
    read = severities(
        ["1 - Fatal", "1", "5 - Property damage only", "5", "4", "2 - Serious", "2 - Minor", "2"]
    )
    assert "".join(read.codes) == "KKOOUABU"


def test_letter_counts_beside_strange_words_where_the_set_bears_it_out() -> None:
    assert severities(["A - Zebra", "K - Fatal", "O - No Injury"]).codes.tolist() == ["A", "K", "O"]
    assert severities(["A - Zebra", "K - Fatal", "O - No Injury", "B - Fatal"]).codes[0] == "U"


def test_injury_without_degree_is_told_and_never_enlarges_ksi() -> None:
    read = severities(["Injury Crash", "Non-fatal Injury", "Injured, severity unknown"])
    assert read.codes.tolist() == ["C", "C", "C"]
    assert {item.reason for item in read.labels} == {"degree not said"}
    assert severities(["Injury"], unsaid_degree="B").codes.tolist() == ["B"]


def test_meanings_of_the_caller_come_first() -> None:
    read = severities(["Ileso", "MORTO ", "PDO"], meanings={"ileso": "O", "Morto": "K", "pdo": "U"})
    assert "".join(read.codes) == "OKU"
    with pytest.raises(InvalidParameter, match="severity must be one of"):
        severities(["x"], meanings={"x": "F"})


def test_unknown_scale_and_degree_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="numbers must be one of"):
        severities([1], numbers="texas")
    with pytest.raises(InvalidParameter, match="severity must be one of"):
        severities([1], unsaid_degree="I")


def test_nothing_gives_nothing() -> None:
    assert severities([]).codes.size == 0
    assert fold([], np.array([], dtype=str)).n_rows == 0
    assert severity_counts(np.array([], dtype=str)).tolist() == [[0] * 6]
    assert severities_of_counts([]).size == 0


@given(st.lists(st.sampled_from(CODES)))
def test_own_codes_stay(codes: list[str]) -> None:
    assert severities(severities(codes).codes).codes.tolist() == codes


@given(st.lists(st.one_of(st.text(max_size=12), st.integers(), st.floats(), st.none())))
def test_any_label_gives_a_code_and_is_counted(labels: list[object]) -> None:
    read = severities(labels)
    assert set(read.codes.tolist()) <= set(CODES)
    assert sum(item.n for item in read.labels) == len(labels)


@given(
    st.sampled_from(LABELS),
    st.sampled_from([str.upper, str.lower, str.title]),
    st.sampled_from(["", " ", "\t "]),
)
def test_capitals_and_spaces_make_no_difference(label: tuple[str, str], case, space: str) -> None:  # type: ignore[no-untyped-def]
    text = space + case(label[0]).replace(" ", " " + space) + space
    assert severities([text]).codes.tolist() == [label[1]]


def test_counts_need_all_degrees_before_nobody_was_hurt() -> None:
    assert severities_of_counts([0, 2]).tolist() == ["U", "K"]
    assert severities_of_counts([0], serious=[0]).tolist() == ["U"]
    assert severities_of_counts([0, 0], serious=[0, np.nan], minor=[0, 0]).tolist() == ["O", "U"]
    assert severities_of_counts([0], serious=[0], minor=[0], possible=[1]).tolist() == ["C"]
    assert severities_of_counts([0, 0], serious=[1, 0], injured=[4, 4], unsaid_degree="B").tolist() == [
        "A",
        "B",
    ]
    assert severities_of_counts([0], minor=[1], injured=[1], unsaid_degree="U").tolist() == ["B"]


@pytest.mark.parametrize("killed", [[-1.0], [0.5], [np.inf]])
def test_counts_of_people_are_whole(killed: list[float]) -> None:
    with pytest.raises(InvalidParameter, match="killed must be whole numbers"):
        severities_of_counts(killed)


def test_counts_of_different_lengths_are_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"one length, got \[1, 2\]"):
        severities_of_counts([0], injured=[0, 1])


def test_fold_keeps_the_worst_and_says_what_it_folded() -> None:
    crashes = fold([7, "7", 7.0, " 8 ", None, "", "8"], ["O", "A", "U", "U", "K", "O", "U"])
    assert crashes.crash_ids.tolist() == ["7", "8", "", ""]
    assert "".join(crashes.severity) == "AUKO"
    assert crashes.n_rows_each.tolist() == [3, 2, 1, 1]
    assert crashes.first_row.tolist() == [0, 3, 4, 5]
    assert crashes.crash.tolist() == [0, 0, 0, 1, 2, 3, 1]
    assert (crashes.n_rows, crashes.n_folded, crashes.n_without_id, crashes.n_partly_unknown) == (7, 3, 2, 1)


@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from(CODES)), min_size=1), st.randoms())
def test_folding_does_not_depend_on_order(rows: list[tuple[int, str]], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = rows[:]
    random.shuffle(shuffled)
    one, other = (fold([row[0] for row in order], [row[1] for row in order]) for order in (rows, shuffled))
    assert one.crash_ids.tolist() == other.crash_ids.tolist()
    assert one.severity.tolist() == other.severity.tolist()
    worst = {i: min((row[1] for row in rows if row[0] == i), key=CODES.index) for i, _ in rows}
    assert dict(zip(one.crash_ids.tolist(), one.severity.tolist(), strict=True)) == {
        str(i): code for i, code in worst.items()
    }


def test_fold_refuses_what_does_not_fit() -> None:
    with pytest.raises(InvalidParameter, match="2 ids and 1 codes"):
        fold(["a", "b"], ["K"])
    with pytest.raises(InvalidParameter, match="got 'F'"):
        fold(["a"], ["F"])


def test_tables_are_sourced_and_weigh_the_worse_more() -> None:
    for table in EPDO_TABLES.values():
        assert table.source and table.date and table.warnings == ()
        assert (np.diff(table.weights) <= 0).all()
    # 11,295,400 / 11,900 and 655,000 / 11,900.
    assert weights("fhwa-2016").weights.round(3).tolist() == [949.193, 55.042, 16.681, 10.555, 1.0, 0.0]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("texas", "must be one of fhwa-2016"),
        ({"K": 1, "A": 1}, "B, C, O left out"),
        ({"K": 1, "A": 1, "B": 1, "C": -1, "O": 0}, "not negative"),
        ({"K": np.nan, "A": 1, "B": 1, "C": 1, "O": 0}, "finite"),
        (dict.fromkeys("KABCO", 0), "one above 0"),
        ({"K": 1, "A": 1, "B": 1, "C": 1, "O": 0, "X": 1}, "got 'X'"),
    ],
)
def test_table_is_refused(table: object, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        weights(table)  # type: ignore[arg-type]


def test_sums_by_group() -> None:
    counts = severity_counts(["K", "A", "A", "O", "U", "B"], group=[0, 0, 2, 2, 2, -1], n_groups=3)
    assert ksi(counts).tolist() == [2, 0, 1]
    table = weights({"K": 100, "A": 10, "B": 5, "C": 2, "O": 1, "U": 0.5})
    assert epdo(counts, table).tolist() == [110.0, 0.0, 11.5]
    assert epdo(counts, pooled_ka(table, counts)).tolist() == [80.0, 0.0, 41.5]


def test_sums_refuse_what_does_not_fit() -> None:
    with pytest.raises(InvalidParameter, match="groups below 1"):
        severity_counts(["K"], group=[1])
    with pytest.raises(InvalidParameter, match="6 columns"):
        ksi([1, 2, 3])
    with pytest.raises(DegenerateInput, match="got 0"):
        pooled_ka(weights("fhwa-2024"), [0, 0, 1, 1, 1, 0])
    with pytest.raises(InvalidParameter, match="measure must be one of all, injury, ksi"):
        is_counted(["K"], "fatal")


def test_measures() -> None:
    assert is_counted(CODES, "all").sum() == 6
    assert is_counted(CODES, "injury").tolist() == [True] * 4 + [False] * 2
    assert is_counted(CODES, "ksi").tolist() == [True] * 2 + [False] * 4


def test_new_orleans_is_read_whole() -> None:
    path = dataset_path("crashes/sspf_new_orleans_urban") / "urban_crash_2014-2018.csv.gz"
    with gzip.open(path, "rt") as file:
        read = severities(row["severity"] for row in csv.DictReader(file))
    assert severity_counts(read.codes).tolist() == [[220, 1051, 6782, 23152, 66310, 0]]
    assert read.not_understood == ()


def test_sao_paulo_counts_of_people() -> None:
    path = dataset_path("places/sao_paulo") / "crashes_2015.csv.gz"
    with gzip.open(path, "rt") as file:
        people = [row["VITIMAS"].zfill(4) for row in csv.DictReader(file) if row["VITIMAS"].isdigit()]
    injured, killed = [int(text[:2]) for text in people], [int(text[2:]) for text in people]
    counts = severity_counts(severities_of_counts(killed, injured=injured))[0]
    assert counts[0] == np.count_nonzero(killed) > 0
    assert counts[3] == sum(i > 0 and k == 0 for i, k in zip(injured, killed, strict=True)) > 1000
    assert counts.sum() == len(people)
