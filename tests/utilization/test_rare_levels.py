"""Levels and combinations in few units are no part of the headline."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._input.crossed_columns import cross
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._utilization.rare_levels import (
    describe_rare,
    find_rare_levels,
    leave_out_rare,
)
from tests.columns import column_of


@pytest.mark.parametrize(
    ("counts", "rare"),
    [
        # Many small hospitals are what the column is made of.
        ([8] * 15, []),
        ([200, 200, *[9] * 40], []),
        ([200, 200, *[9] * 11], list(range(2, 13))),
        ([200, 200, *[9] * 12], []),
        ([100, 50, 10], []),
        ([100, 50, 9], [2]),
        ([1000, 990, 19], [2]),
        ([1000, 990, 20], [2]),
        ([1000, 990, 21], []),
        # Two levels always remain.
        ([100, 9, 8], [2]),
        ([9, 9], []),
        ([5, 100, 9, 9], [0, 3]),
    ],
)
def test_a_level_is_rare_in_fewer_than_10_units_or_1_percent(counts, rare):
    labels = np.repeat(np.arange(len(counts)), counts)
    names = tuple(f"h{i}" for i in range(len(counts)))
    column = Column("x", "categorical", np.arange(len(labels)), labels, names)
    expected = {names[i]: counts[i] for i in rare}
    assert find_rare_levels(column, None) == expected
    # Patients count, not their images.
    again = np.repeat(labels, 3)
    groups = Groups.of(pd.Series(np.repeat(np.arange(len(labels)), 3)))
    column = replace(column, rows=np.arange(len(again)), labels=again)
    assert find_rare_levels(column, groups) == expected


def test_numbers_have_no_rare_levels():
    assert find_rare_levels(column_of(60.0 + np.arange(20) ** 2.0, "age"), None) == {}


def crossed(counts):
    """Interaction with so many rows of every combination of two columns."""
    cells = np.repeat(list(np.ndindex(np.shape(counts))), np.ravel(counts), axis=0)
    return cross(column_of(cells[:, 0], "a"), column_of(cells[:, 1], "b"), "a x b")


@pytest.mark.parametrize(
    ("counts", "left_out"),
    [
        ([[50, 50], [50, 50]], {}),
        # With one of four combinations gone nothing would be left.
        ([[500, 500], [500, 12]], {}),
        ([[500, 500, 500], [500, 500, 12]], {"1 x 2": 12, "0 x 2": 500}),
        ([[500, 500, 500], [500, 500, 500], [500, 500, 7]], {"2 x 2": 7}),
    ],
)
def test_rare_combinations_are_left_out_where_an_interaction_remains(counts, left_out):
    column = crossed(counts)
    common, found = leave_out_rare(column, None)
    assert found == left_out
    assert set(common.levels) == {*column.levels} - {*left_out}
    if left_out:
        assert "combinations in few units" in describe_rare(found, column)


def test_an_interaction_does_not_rest_on_fewer_than_10_units():
    with pytest.raises(LeftOutError, match=r"fewer than 10 units: '1 x 1' \(9\)"):
        leave_out_rare(crossed([[50, 50], [50, 9]]), None)
    patients = Groups.of(pd.Series(np.arange(170) // 2))
    with pytest.raises(LeftOutError, match=r"'1 x 1' \(9\)"):
        leave_out_rare(crossed([[50, 52], [50, 18]]), patients)
