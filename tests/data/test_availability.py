"""The reader of availability files: any brand name, any line ending, odd rows named, blocks of any size."""

import csv
import io
from typing import Any

import h3
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import UnreadableFile
from data.readers import availability
from data.readers.availability import FIELDS, Offers, availability_layout, read_offers

COLUMNS = (
    "frn", "provider_id", "brand_name", "location_id", "technology", "max_advertised_download_speed",
    "max_advertised_upload_speed", "low_latency", "business_residential_code", "state_usps", "block_geoid",
    "h3_res8_id",
)  # fmt: skip
HEADER = ",".join(COLUMNS)
CELL = h3.latlng_to_cell(33.42, -111.93, 8)

Row = tuple[int, int, int, int, int, str, str]


def line(brand: str = "Net", row: Row = (1_000_000_001, 50, 1000, 500, 1, "X", CELL)) -> str:
    location, technology, down, up, latency, customer, cell = row
    return (
        f"0001,13,{brand},{location},{technology},{down},{up},{latency},{customer},AZ,040130101001000,{cell}"
    )


def read(text: str | bytes) -> tuple[list[tuple[Any, ...]], list[tuple[int, str]], int]:
    """Return the rows of a file, its rejects (row and reason) and how many rows were counted."""
    data = text if isinstance(text, bytes) else text.encode()
    head, _, body = data.partition(b"\n")
    layout = availability_layout(head)
    assert layout is not None
    rows, rejects, n_rows = [], [], 0
    for offers, bad, found in read_offers(io.BytesIO(body), layout, "made.csv"):
        rows += as_tuples(offers)
        rejects += [(one.row, one.reason) for one in bad]
        n_rows += found
    assert n_rows == len(rows) + len(rejects)
    return rows, rejects, n_rows


def as_tuples(offers: Offers) -> list[tuple[Any, ...]]:
    return list(
        zip(
            offers.location.tolist(),
            offers.technology.tolist(),
            offers.down.tolist(),
            offers.up.tolist(),
            offers.low_latency.tolist(),
            (chr(code) for code in offers.customer.tolist()),
            (f"{cell:x}" for cell in offers.cell.tolist()),
            strict=True,
        )
    )


rows_of_offers = st.tuples(
    st.integers(0, 9_999_999_999),
    st.sampled_from([0, 10, 40, 50, 60, 61, 70, 71, 72]),
    st.integers(0, 99_999_999),
    st.integers(0, 99_999_999),
    st.integers(0, 1),
    st.sampled_from("RBX"),
    st.tuples(st.floats(-89, 89), st.floats(-180, 180)).map(lambda p: h3.latlng_to_cell(*p, 8)),
)
NO_SURROGATES: Any = ("Cs",)
plain_names = st.text(
    st.characters(exclude_characters='"\r\n\x00', exclude_categories=NO_SURROGATES), max_size=30
)
any_names = st.text(st.characters(exclude_characters="\x00", exclude_categories=NO_SURROGATES), max_size=30)


def expected(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [(loc, tech, float(d), float(u), lat == 1, who, cell) for loc, tech, d, u, lat, who, cell in rows]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(plain_names, rows_of_offers), min_size=1, max_size=20),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.sampled_from(["", "\n", "\r\n\r\n", "  \n"]),
    st.integers(400, 4000),
)
def test_unquoted_commas_never_shift_a_row(
    rows: list[tuple[str, Row]], newline: str, bom: bool, ending: str, block: int
) -> None:
    text = newline.join([HEADER, *(line(brand, row) for brand, row in rows)]) + ending
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(availability, "BLOCK_BYTES", block)
        found, rejects, _ = read(("\ufeff" if bom else "") + text)
    assert sorted(found) == sorted(expected([row for _, row in rows]))
    assert rejects == []


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(any_names, rows_of_offers), min_size=1, max_size=20),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(900, 4000),
)
def test_rows_of_a_csv_writer_come_back_whatever_the_name(
    rows: list[tuple[str, Row]], quoting: Any, newline: str, block: int
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, quoting=quoting, lineterminator=newline)
    writer.writerow(COLUMNS)
    for brand, (location, technology, down, up, latency, who, cell) in rows:
        writer.writerow(
            ["0001", 13, brand, str(location), technology, down, up, latency, who, "AZ", "04013", cell]
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(availability, "BLOCK_BYTES", block)
        found, rejects, n_rows = read(out.getvalue())
    assert n_rows == len(rows)
    assert sorted(found) == sorted(expected([row for _, row in rows]))
    assert rejects == []


GOOD: Row = (1_000_000_001, 50, 1000, 500, 1, "X", CELL)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0001,13,Net,1000000001", "ragged_row"),
        (line().replace("1000000001", "1000OO0001"), "bad_location"),
        (line().replace("1000000001", "10000000011"), "bad_location"),
        (line().replace("1000000001", ""), "bad_location"),
        (line().replace(",50,", ",51,"), "bad_technology"),
        (line().replace(",50,", ",050x,"), "bad_technology"),
        (line().replace(",1000,", ",fast,"), "bad_speed"),
        (line().replace(",500,", ",-5,"), "bad_speed"),
        (line().replace(",500,", ",,"), "bad_speed"),
        (line().replace(",1,X,", ",2,X,"), "bad_latency"),
        (line().replace(",1,X,", ",1,Q,"), "bad_customer"),
        (line().replace(CELL, h3.cell_to_parent(CELL, 7)), "bad_cell"),
        (line().replace(CELL, "88gggggggffffff"), "bad_cell"),
        (line().replace(CELL, "880000000000000"), "bad_cell"),
        (line().replace(CELL, CELL[:-1]), "bad_cell"),
        (line().replace(CELL, ""), "bad_cell"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_with_its_number(text: str, reason: str) -> None:
    found, rejects, _ = read("\n".join([HEADER, line(), "", text, line()]))
    # Blank lines are no rows.
    assert rejects == [(2, reason)]
    assert found == expected([GOOD, GOOD])


@pytest.mark.parametrize(
    "text",
    [
        line().replace(CELL, CELL.upper()),
        line().replace(CELL, f"0{CELL}"),
        line().replace(",1000,500,", ", 1000 ,500.0,"),
        line().replace(",1,X,", ",true,x,"),
        line("Bob's 19\" Racks"),
        line('"Quoted, Inc."'),
        line('"Two\nlines, Inc."'),
        line('"A ""quoted"" word, and\r\nmore"'),
    ],
)
def test_odd_spellings_mean_the_same(text: str) -> None:
    found, rejects, n_rows = read("\n".join([HEADER, line(), text, line()]))
    assert (rejects, n_rows) == ([], 3)
    assert sorted(found) == sorted(expected([GOOD, GOOD, GOOD]))


def test_two_broken_rows_with_quotes_do_not_swallow_each_other() -> None:
    found, rejects, _ = read("\n".join([HEADER, '0001,13,"Open', line(), 'x"', line()]))
    assert rejects == [(1, "ragged_row"), (3, "ragged_row")]
    assert len(found) == 2


def test_a_line_longer_than_a_block_is_an_error_that_names_the_row() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(availability, "BLOCK_BYTES", 500)
        with pytest.raises(UnreadableFile, match=r"a line after row 1 is longer"):
            read("\n".join([HEADER, line(), line("x" * 2000)]))


@pytest.mark.parametrize("wanted", FIELDS)
def test_a_header_without_a_needed_column_is_no_availability_file(wanted: str) -> None:
    assert availability_layout(HEADER.replace(wanted, "other").encode()) is None


def test_columns_may_stand_in_another_order_on_either_side_of_the_name() -> None:
    order = ("h3_res8_id", "location_id", "low_latency", "brand_name", "technology")
    rest = [name for name in COLUMNS if name not in order]
    names = [*order, *rest]
    values = dict(zip(COLUMNS, next(csv.reader([line('"A, B"')])), strict=True))
    text = ",".join(names) + "\r\n" + ",".join("A, B" if n == "brand_name" else values[n] for n in names)
    assert read(text)[0] == expected([GOOD])


def test_without_a_name_the_columns_are_counted_from_the_left() -> None:
    names = [name for name in COLUMNS if name in FIELDS]
    values = dict(zip(COLUMNS, line().split(","), strict=True))
    body = "\r\n".join(",".join(values[n] for n in names) for _ in range(3))
    assert read(",".join(names) + "\r\n" + body)[0] == expected([GOOD] * 3)


def test_numbers_are_read_to_the_last_digit() -> None:
    numbers = np.random.default_rng(0).integers(0, 10, (500, 10))
    ids = [int("".join(map(str, digits))) % 10 ** (1 + i % 10) for i, digits in enumerate(numbers.tolist())]
    found, _, _ = read("\n".join([HEADER, *(line(row=(one, *GOOD[1:])) for one in ids)]))
    assert [row[0] for row in found] == ids
