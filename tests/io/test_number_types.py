"""Numbers of every type, as torch reads them."""

import numpy as np
import pytest

from sklearn_wsca.io._number_types import (
    ONLY_IN_TORCH,
    TYPES,
    Place,
    decode,
    item_size,
    row_major,
)

CODES = np.arange(0, 240, dtype=np.uint8)


@pytest.mark.parametrize("name", [n for n in TYPES if not n.startswith(("q", "bool"))])
def test_numbers_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    expected = torch.from_numpy(CODES.copy()).view(getattr(torch, name))
    if expected.is_floating_point() and item_size(name) < 4:
        expected = expected.float()
    found = decode(CODES, name, row_major((len(expected),)))
    np.testing.assert_array_equal(found, expected.numpy())
    assert set(ONLY_IN_TORCH) < set(TYPES)


def test_every_byte_but_zero_is_true():
    found = decode(CODES[:3], "bool", row_major((3,)))
    assert found.dtype == bool and found.tolist() == [False, True, True]


@pytest.mark.parametrize(
    "place",
    [
        Place(3, (4, 5), (1, 4)),
        Place(0, (2, 3, 2), (24, 8, 2)),
        Place(5, (), ()),
        Place(0, (7, 3), (0, 1)),
        Place(60, (0, 3), (3, 1)),
    ],
)
def test_places_are_those_of_torch(place):
    torch = pytest.importorskip("torch")
    numbers = torch.arange(60, dtype=torch.float32)
    expected = torch.as_strided(numbers, place.shape, place.strides, place.offset % 60)
    found = decode(numbers.numpy().view(np.uint8), "float32", place)
    np.testing.assert_array_equal(found, expected.numpy())


def test_byte_order():
    stored = np.arange(6, dtype=">f4").view(np.uint8)
    np.testing.assert_array_equal(
        decode(stored, "float32", row_major((6,)), ">"), range(6)
    )


@pytest.mark.parametrize(
    "place", [Place(0, (61,), (1,)), Place(60, (1,), (1,)), Place(0, (2, 2), (1, 59))]
)
def test_nothing_is_read_beyond_the_storage(place):
    stored = np.zeros(60, np.float32).view(np.uint8)
    with pytest.raises(ValueError, match="beyond its 60 numbers"):
        decode(stored, "float32", place)
