"""What single texts say of a road: class, direction, level, tags; and what no text may do."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.osm_roads import tag_values
from data.road_classes import VOCABULARY, functional_scheme, is_no_road, own_word, road_class
from data.road_traits import ANSWERS, DIRECTIONS, level, line_levels, oneway, oneway_style, truth

TEXTS = st.text(max_size=30)
TAG_KEYS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8
).filter(lambda text: '"' not in text and "\\" not in text)
TAG_VALUES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)


@pytest.mark.parametrize(
    ("label", "word"),
    [
        ("motorway", "motorway"), ("Motorway_Link", "ramp"), ("living_street", "residential"),
        ("unclassified", "residential"), ("bridleway", "path"), ("['tertiary', 'residential']", "tertiary"),
        ("S1100", "motorway"), ("s1200", "primary"), ("S1400", "residential"), ("S1500", "track"),
        ("S1630", "ramp"), ("S1640", "frontage"), ("S1730", "service"), ("S1740", "service"),
        ("S1820", "cycleway"), ("A41", "residential"), ("A63", "ramp"), ("A11", "motorway"),
        ("Interstate", "motorway"), ("Principal Arterial - Interstate", "motorway"),
        ("Principal Arterial – Other Freeways and Expressways", "trunk"),
        ("Principal Arterial - Other", "primary"), ("Major Arterial", "primary"), ("ARTERIAL", "primary"),
        ("Minor Arterial", "secondary"), ("Major Collector", "tertiary"), ("Minor Collector", "tertiary"),
        ("COLLECTOR", "tertiary"), ("Local", "residential"), ("Local Street", "residential"),
        ("Residential Collector", "tertiary"), ("Freeway", "motorway"), ("On Ramp", "ramp"),
        ("Alley", "service"), ("Private Road", "service"), ("Frontage Road", "frontage"),
        ("State Highway", "primary"), ("County Road", "secondary"), ("Parkway", "trunk"),
        ("Pedestrian Mall", "pedestrian"), ("Bike Path", "cycleway"), ("Sidewalk", "footway"),
        ("A Road", "primary"), ("B Road", "secondary"), ("Minor Road", "tertiary"),
        ("Autoroute", "motorway"), ("Nationale", "trunk"), ("Artère", "primary"), ("Artere", "primary"),
        ("Collectrice municipale", "tertiary"), ("Locale", "residential"), ("Bundesstraße", "primary"),
        ("Kreisstraße", "tertiary"), ("VIA ARTERIAL", "primary"), ("Via Coletora", "tertiary"),
        ("Via de Trânsito Rápido", "trunk"), ("Unknown", ""),
    ],
)  # fmt: skip
def test_labels_of_exports_become_one_word(label: str, word: str) -> None:
    assert road_class(label) == word


@pytest.mark.parametrize("word", VOCABULARY)
def test_the_vocabulary_reads_itself(word: str) -> None:
    assert road_class(word) == word


@given(TEXTS, st.sampled_from(["", "functional", "functional before", "route type"]))
def test_a_class_is_of_the_vocabulary_or_not_known(label: str, scheme: str) -> None:
    assert road_class(label, scheme) in {*VOCABULARY, "", None}


@given(TEXTS)
def test_an_unknown_label_keeps_its_word_whatever_its_case_and_blanks(label: str) -> None:
    assert own_word(own_word(label)) == own_word(label)
    assert own_word(f"  {label} ") == own_word(label)


def test_functional_systems_are_read_by_number() -> None:
    words = [road_class(str(number), "functional") for number in range(1, 8)]
    assert words == ["motorway", "trunk", "primary", "secondary", "tertiary", "tertiary", "residential"]
    assert road_class("0", "functional") == ""
    assert functional_scheme(["1", "5", "7"]) == "functional"


def test_five_classes_of_an_unnamed_order_stay_numbers() -> None:
    assert functional_scheme(["1", "2", "3", "4", "5"]) == ""
    assert road_class("3") is None


@pytest.mark.parametrize(
    ("code", "is_stranger"), [("R1011", True), ("H3010", True), ("S2000", True), ("S1400", False)]
)
def test_codes_of_rails_and_water_are_no_roads(code: str, is_stranger: bool) -> None:
    assert is_no_road(code) is is_stranger


@pytest.mark.parametrize(
    ("text", "style", "direction"),
    [
        ("FT", DIRECTIONS, 1), ("TF", DIRECTIONS, -1), ("B", DIRECTIONS, 0), ("N", DIRECTIONS, 0),
        ("F", DIRECTIONS, 1), ("T", DIRECTIONS, -1), ("F", ANSWERS, 0), ("T", ANSWERS, 1),
        ("yes", ANSWERS, 1), ("true", ANSWERS, 1), ("1", ANSWERS, 1), ("1.0", ANSWERS, 1),
        ("-1", ANSWERS, -1),
        ("reverse", ANSWERS, -1), ("no", ANSWERS, 0), ("0", ANSWERS, 0), ("Y", ANSWERS, 1),
        ("One Way", ANSWERS, 1), ("ONE-WAY", ANSWERS, 1), ("Two Way", ANSWERS, 0), ("2-way", ANSWERS, 0),
        ("Against", ANSWERS, -1), ("reversible", ANSWERS, 0), ("NB", ANSWERS, None),
    ],
)  # fmt: skip
def test_directions_of_exports_are_read(text: str, style: str, direction: int | None) -> None:
    assert oneway(text, style) == direction


@given(TEXTS, st.sampled_from([ANSWERS, DIRECTIONS]))
def test_a_direction_is_one_of_three_or_not_known(text: str, style: str) -> None:
    assert oneway(text, style) in {-1, 0, 1, None}
    assert oneway(text.upper(), style) == oneway(text.upper().lower(), style)


def test_f_and_t_are_answers_where_every_street_has_one() -> None:
    assert oneway_style({"f": 2_367, "t": 276}, 0) == ANSWERS
    assert oneway_style({"F": 40, "T": 38}, 900) == DIRECTIONS
    assert oneway_style({"F": 40, "T": 38, "B": 900}, 0) == DIRECTIONS


@given(TEXTS)
def test_a_level_is_small_and_whole_or_not_known(text: str) -> None:
    found = level(text)
    assert found is None or (abs(found) <= 20 and found == int(found))


@pytest.mark.parametrize(("text", "flag"), [("yes", 1), ("viaduct", 1), ("no", 0), ("N", 0), ("0.0", 0)])
def test_every_kind_of_bridge_is_one(text: str, flag: float) -> None:
    assert truth(text) == flag


def test_levels_come_from_what_is_told_then_both_ends_then_bridges() -> None:
    nan = np.nan
    told = np.array([2.0, nan, nan, nan, nan, 0.0])
    low, high = np.array([0, 1, 0, -1, nan, 0.0]), np.array([0, 2, 1, -2, nan, 0.0])
    bridge, tunnel = np.array([1, 0, 0, 0, 1, 0.0]), np.array([0, 0, 0, 0, 0, 1.0])
    assert line_levels(told, (low, high), bridge, tunnel, 6).tolist() == [2, 1, 0, -1, 1, -1]
    assert line_levels(None, None, None, None, 2).tolist() == [0, 0]


@given(st.dictionaries(TAG_KEYS, TAG_VALUES, min_size=1, max_size=5), TAG_KEYS)
def test_a_tag_comes_out_of_its_text_as_it_went_in(tags: dict[str, str], other: str) -> None:
    text = ",".join(f'"{key}"=>"{_escaped(value)}"' for key, value in tags.items())
    column = pa.chunked_array([[text, None]])
    for key in (*tags, other):
        assert tag_values(column, key).to_pylist() == [tags.get(key), None]


def _escaped(value: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", value)
