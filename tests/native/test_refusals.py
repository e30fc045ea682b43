"""What a reading process says of sizes."""

import pytest

from sklearn_wsca._native.refusals import OversizeError, check_size


def test_sizes_up_to_the_limit_pass():
    check_size("X", 1000, 10, 1000)
    with pytest.raises(OversizeError, match="1001"):
        check_size("X", 1001, 10, 1000)


def test_what_grows_too_much_is_refused_unless_a_limit_allows_it():
    check_size("X", 2**24, 10, None)
    with pytest.raises(OversizeError):
        check_size("X", 2**24 + 1, 10, None)
    check_size("X", 2**24 + 1, 10, 2**25)
