"""Options with several values in a row."""

import pytest

from sklearn_wsca._cli._lists import repeat_options


@pytest.mark.parametrize(
    ("given", "expanded"),
    [
        (["x", "-c", "a", "b"], ["x", "-c", "a", "-c", "b"]),
        (["-c", "a", "-d", "b", "e"], ["-c", "a", "-d", "b", "e"]),
        (["-c", "a", "--", "b"], ["-c", "a", "--", "b"]),
        (["-c", "a", "-c", "b", "d"], ["-c", "a", "-c", "b", "-c", "d"]),
        ([], []),
    ],
)
def test_several_values_in_a_row(given, expanded):
    assert repeat_options(given, {"-c"}) == expanded
