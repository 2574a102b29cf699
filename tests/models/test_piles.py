import numpy as np
import pytest

from models.errors import InvalidParameter
from models.piles import places


def test_each_coordinate_is_counted_once_whatever_the_order_of_rows() -> None:
    lng, lat = [2.0, 1.0, 2.0, 1.0, 1.0], [0.0, 5.0, 0.0, 5.0, 6.0]
    found = places(lng, lat)
    assert (found.lng.tolist(), found.lat.tolist()) == ([1.0, 1.0, 2.0], [5.0, 6.0, 0.0])
    assert found.count.tolist() == [2, 1, 2]
    assert found.place.tolist() == [2, 0, 2, 0, 1]
    back = places(lng[::-1], lat[::-1])
    assert back.count.tolist() == found.count.tolist()
    assert back.place.tolist() == found.place.tolist()[::-1]


def test_where_every_coordinate_holds_many_none_is_a_pile() -> None:
    lng = np.repeat(np.arange(20.0), 15)
    assert not places(lng, lng).is_pile.any()
    more = np.concatenate([lng, np.full(140, 99.0)])
    assert not places(more, more).is_pile.any()  # 140 are less than 10 times the 15 that are usual
    most = np.concatenate([lng, np.full(150, 99.0)])
    assert places(most, most).lng[places(most, most).is_pile].tolist() == [99.0]


def test_nine_on_one_coordinate_are_no_pile() -> None:
    assert not places([0.0] * 9 + [1.0, 2.0], [0.0] * 11).is_pile.any()


def test_weights_count() -> None:
    found = places([0.0, 1.0, 2.0], [0.0] * 3, [12.0, 1.0, 0.5])
    assert found.count.tolist() == [12.0, 1.0, 0.5]
    assert found.is_pile.tolist() == [True, False, False]


def test_plus_and_minus_zero_are_one_coordinate() -> None:
    assert len(places([0.0, -0.0], [-0.0, 0.0])) == 1


def test_nothing_is_no_place() -> None:
    found = places([], [])
    assert len(found) == 0 and np.isnan(found.usual)


@pytest.mark.parametrize(
    ("lng", "lat", "weights"),
    [([np.nan], [0.0], None), ([0.0], [0.0, 1.0], None), ([0.0], [0.0], [-1.0]), ([0.0], [0.0], [np.inf])],
)
def test_what_is_no_coordinate_or_weight_is_refused(lng: object, lat: object, weights: object) -> None:
    with pytest.raises(InvalidParameter):
        places(lng, lat, weights)  # type: ignore[arg-type]
