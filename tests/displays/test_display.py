"""What all displays have in common."""

import numpy as np
import pytest

import sklearn_wsca
from sklearn_wsca._displays.display import Display, check_choice, check_count

DISPLAYS = [name for name in sklearn_wsca.__all__ if name.endswith("Display")]


@pytest.mark.parametrize("name", DISPLAYS)
def test_every_display_is_drawn_by_the_same_method(name):
    assert getattr(sklearn_wsca, name).plot is Display.plot


def test_choices_are_named():
    check_choice("kind", "b", ("a", "b"))
    with pytest.raises(ValueError, match=r"^kind must be 'a' or 'b', got 'c'\.$"):
        check_choice("kind", "c", ("a", "b"))
    with pytest.raises(ValueError, match=r"^kind must be 'a', 'b' or 'c', got 1\.$"):
        check_choice("kind", 1, ("a", "b", "c"))


def test_counts_are_whole_numbers_from_one():
    check_count("most", np.int64(3), "maps")
    for bad in (0, 1.5, "2"):
        with pytest.raises(ValueError, match=f"^most: {bad!r} is no number of maps"):
            check_count("most", bad, "maps")
