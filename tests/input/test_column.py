"""A column on other rows: in another order, on some of them, by the levels of fit."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._input.column import (
    LeftOutError,
    common_rows,
    match_levels,
    restrict_rows,
)
from sklearn_wsca._input.typed_columns import read_column
from tests.input.columns import CODES, TEXT, column
from tests.input_cases import N, with_gaps


def test_levels_that_are_rare_where_the_target_is_known_are_not_used():
    values = pd.Series(list("uuuuvvvvwwww"), name="site")
    target = pd.Series([60.5, 70.0, 80.25] * 4, name="age")
    target[[9, 10]] = np.nan
    site = read_column(values)
    age = read_column(target, kind="continuous")
    found, (held,) = common_rows(site, [age])
    assert found.rows.tolist() == held.rows.tolist() == list(range(8))
    assert found.levels == ("u", "v")
    known, (held,) = common_rows(
        site, [replace(age, rows=site.rows, labels=site.labels)]
    )
    assert len(known.rows) == len(held.rows) == 12


def test_new_levels_and_gaps_are_not_matched():
    new = pd.Series(["w", "never seen", None, "u"], name="a")
    rows, codes = match_levels(new, ("u", "v", "w"))
    assert rows.tolist() == [0, 3]
    assert codes.tolist() == [2, 0]


@pytest.mark.parametrize(
    "new",
    [
        pd.Series([2, 0], dtype="int32"),
        pd.Series([2.0, 0.0]),
        pd.Series([2, 0], dtype="Int64"),
        pd.Series([2, 0], dtype=object),
        pd.Series(pd.Categorical([2, 0])),
        pd.Series(pd.arrays.SparseArray([2, 0])),
    ],
    ids=lambda series: str(series.dtype),
)
def test_integer_levels_match_other_number_types(new):
    levels = column(CODES).levels
    rows, codes = match_levels(new.rename("a"), levels)
    assert rows.tolist() == [0, 1]
    assert codes.tolist() == [2, 0]


def test_take_follows_the_order_of_rows():
    values = with_gaps(TEXT)
    order = np.random.default_rng(1).permutation(N)
    moved = column(values).take(order)
    expected = column([values[i] for i in order])
    np.testing.assert_array_equal(moved.rows, expected.rows)
    np.testing.assert_array_equal(moved.labels, expected.labels)
    assert moved.levels == expected.levels


def test_restricted_rows():
    found = column(TEXT)
    kept = restrict_rows(found, np.arange(10))
    assert kept.rows.tolist() == list(range(10))
    np.testing.assert_array_equal(kept.labels, found.labels[:10])
    assert kept.levels == found.levels


@pytest.mark.parametrize("rows", [[], [0, 3, 6]])
def test_restricted_rows_must_vary(rows):
    with pytest.raises(LeftOutError, match="does not vary on the rows"):
        restrict_rows(column(TEXT), np.array(rows, dtype=int))
