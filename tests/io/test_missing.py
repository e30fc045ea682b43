"""Words for missing values in columns of any type, and what is said about them."""

from collections import Counter

import pandas as pd
import pytest

from sklearn_wsca.io._missing import (
    count_words,
    describe_words,
    is_missing,
    without_words,
)


@pytest.mark.parametrize(
    "cell", ["", " \t", "NA", " n/a", "#N/A", "#NULL!", "#NAME?", "."]
)
def test_missing(cell):
    assert is_missing(cell)


@pytest.mark.parametrize(
    "cell", ["0", "-", "?", "no", "nano", "N A", "#1", "!", "#hash tag", "..", "nonE1"]
)
def test_not_missing(cell):
    assert not is_missing(cell)


def test_words_are_counted_as_they_are_written():
    cells = ["NA", " NA ", "na", "", " ", "x"]
    assert count_words(cells) == Counter({"NA": 2, "na": 1})


@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_words_of_typed_columns_are_taken_out(dtype):
    series = pd.Series(["x", "NA", "", None, "#REF!", "y", "NA"], name="a", dtype=dtype)
    column, words = without_words(series)
    assert column.isna().tolist() == [False, True, True, True, True, False, True]
    assert column.dropna().tolist() == ["x", "y"]
    assert column.name == "a"
    assert words == Counter({"NA": 2, "": 1, "#REF!": 1})
    assert without_words(column)[1] == Counter()


@pytest.mark.parametrize(
    "values", [[1, 2], [1.5, None], [[1], {"NA": 1}], [True, False], [b"NA", None]]
)
def test_other_columns_are_left_alone(values):
    series = pd.Series(values, name="a")
    column, words = without_words(series)
    assert column is series
    assert not words


def test_long_lists_of_columns_are_cut_off():
    found = {f"column {i}": Counter({"NA": i + 1}) for i in range(12)}
    text = describe_words(found)
    assert "'column 0': 'NA' (1); 'column 1': 'NA' (2); " in text
    assert "; and 2 more columns. They were read as missing; if one" in text
    assert describe_words({"a": Counter()}) is None
