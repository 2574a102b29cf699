import numpy as np
import pytest

from models.errors import InvalidParameter
from models.wastewater import concentrations, flow_l_day, load_copies_day_1000, load_mg_day_1000


@pytest.mark.parametrize(
    ("unit", "value", "base"),
    [
        ("ng/L", 1, "ng/L"),
        ("µg/L", 1e3, "ng/L"),
        ("ug/liter", 1e3, "ng/L"),
        ("mg/L", 1e6, "ng/L"),
        ("ng/mL", 1e3, "ng/L"),
        ("pg/mL", 1, "ng/L"),
        ("copies/L", 1, "copies/L"),
        ("copies/l wastewater", 1, "copies/L"),
        ("copies/mL", 1e3, "copies/L"),
        ("gcMl", 1e3, "copies/L"),
        ("GC/100 mL", 10, "copies/L"),
        ("gene copies per litre", 1, "copies/L"),
        ("log10 copies/l wastewater", 10, "copies/L"),
        ("log10(copies/mL)", 1e4, "copies/L"),
        ("copies/g dry sludge", 1, "copies/g"),
        ("ng/kg", 1e-3, "ng/g"),
        ("gc/day", 1, "copies/day"),
        ("mg/day", 1, "mg/day"),
        ("g/d", 1e3, "mg/day"),
        ("copies_per_day_per_person", 1e3, "copies/day/1000"),
        ("million copies/person/day", 1e9, "copies/day/1000"),
        ("mg/day/1,000 people", 1, "mg/day/1000"),
        ("mg/day/1000", 1, "mg/day/1000"),
        ("ug/person/day", 1, "mg/day/1000"),
    ],
)
def test_units_meet_in_the_base_of_their_family(unit: str, value: float, base: str) -> None:
    converted, found = concentrations([1.0], unit)
    assert converted[0] == pytest.approx(value, rel=1e-12)
    assert found.tolist() == [base]


@pytest.mark.parametrize("base", ["ng/L", "ng/g", "mg/day", "mg/day/1000", "copies/L", "copies/day/1000"])
def test_a_base_unit_is_its_own_base(base: str) -> None:
    converted, found = concentrations([2.5], base)
    assert (converted.tolist(), found.tolist()) == ([pytest.approx(2.5)], [base])


@pytest.mark.parametrize("unit", ["", "ng", "bananas", "copies/L/L", "/L", "L/ng", "Ct"])
def test_an_unknown_unit_names_known_ones(unit: str) -> None:
    with pytest.raises(InvalidParameter, match=r"copies/mL.*got"):
        concentrations([1.0], unit)


@pytest.mark.parametrize(
    ("unit", "litres"),
    [
        ("MGD", 3785411.784),
        ("million gallons per day", 3785411.784),
        ("m3/d", 1e3),
        ("m³/s", 8.64e7),
        ("m^3/h", 2.4e4),
        ("cubic meters per day", 1e3),
        ("ML/day", 1e6),
        ("MLD", 1e6),
        ("L/day", 1),
        ("L/s", 86400),
        ("gpm", 1440 * 3.785411784),
        ("cfs", 86400 * 28.316846592),
    ],
)
def test_flows_become_litres_a_day(unit: str, litres: float) -> None:
    assert flow_l_day([1.0], unit)[0] == pytest.approx(litres, rel=1e-12)


@pytest.mark.parametrize("unit", ["", "m3", "ng/L", "L/fortnight"])
def test_an_unknown_flow_unit_names_known_ones(unit: str) -> None:
    with pytest.raises(InvalidParameter, match=r"MGD.*got"):
        flow_l_day([1.0], unit)


def test_units_may_differ_by_row_and_missing_values_stay_missing() -> None:
    converted, base = concentrations([1.0, np.nan, 2.0], ["ng/L", "copies/mL", "log10 copies/L"])
    np.testing.assert_allclose(converted, [1, np.nan, 100])
    assert base.tolist() == ["ng/L", "copies/L", "copies/L"]


def test_no_rows_need_no_unit() -> None:
    converted, base = concentrations([], [])
    assert (len(converted), len(base), len(flow_l_day([], []))) == (0, 0, 0)


def test_the_load_of_the_published_arithmetic() -> None:
    assert load_mg_day_1000(100, flow_l_day(5, "MGD"), 40_000) == pytest.approx(47.3, abs=0.05)


@pytest.mark.parametrize(("flow", "people"), [(0, 1), (-1, 1), (1, 0), (np.nan, 1), (1, np.nan), (1, np.inf)])
def test_no_load_without_flow_or_people(flow: float, people: float) -> None:
    assert np.isnan(load_copies_day_1000(1, flow, people))
