"""Which class a row of a trained head is, and heads that are not those of a target."""

import re

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._heads.classes import (
    HeadMismatchError,
    check_classes,
    describe_assumption,
    levels_to_name,
    match_classes,
)
from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.typed_columns import read_column

N = 60


def head_of(classes, n_rows=None, kind="logistic"):
    n_rows = len(classes) if n_rows is None else n_rows
    return Head(np.eye(n_rows, 8), np.zeros(n_rows), classes, kind)


def column_of(values, **options):
    series = pd.Series(np.resize(np.asarray(values, dtype=object), N), name="diagnosis")
    return read_column(series.infer_objects(), **options)


@pytest.mark.parametrize(
    ("values", "n_rows", "expected"),
    [
        (["ill", "well"], 2, ("ill", "well")),
        (["ill", "well"], 1, ("ill", "well")),
        # One row is of a class that is too rare to be used; the network has it.
        ([*["ill", "well"] * 30, "odd"], 3, ("ill", "odd", "well")),
        (["ill", "well"], 4, ("ill", "well")),
        (np.linspace(0, 1, N), 1, None),
    ],
)
def test_levels_that_rows_are_named_by(values, n_rows, expected):
    values = np.resize(np.asarray(values, dtype=object), max(N, len(values)))
    series = pd.Series(values, name="diagnosis").infer_objects()
    column = read_column(series)
    assert levels_to_name(n_rows, column, series) == expected


def test_categories_that_a_table_declares_are_named_in_their_order():
    values = pd.Categorical(
        np.resize(["severe", "mild"], N), ["mild", "moderate", "severe"], ordered=True
    )
    series = pd.Series(values, name="grade")
    column = read_column(series)
    assert levels_to_name(2, column, series) == ("mild", "severe")
    assert levels_to_name(3, column, series) == ("mild", "moderate", "severe")


@pytest.mark.parametrize(
    ("classes", "values", "expected"),
    [
        (("0", "1"), [0, 1], (0, 1)),
        ((1, 0), ["0", "1"], ("1", "0")),
        ((1.0, 0.0), [0, 1], (1.0, 0.0)),
        (("False", "True"), [True, False], (False, True)),
        (("ill", "well"), ["well", "ill"], ("ill", "well")),
        (("0", "1", "2"), [0, 1], (0, 1, "2")),
        (("a", "b"), ["ill", "well"], ("a", "b")),
        (("01", "1"), [0, 1], ("01", 1)),
    ],
)
def test_classes_are_written_as_the_levels(classes, values, expected):
    found = match_classes(head_of(classes), column_of(values)).classes
    assert found == expected
    assert [type(a) for a in found] == [type(b) for b in expected]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (head_of((0, 1, 2)), ""),
        (head_of((False, True), 1), ""),
        (head_of(("ill", "well")), "its rows are taken for 'ill', 'well', in the sort"),
        (head_of(("ill", "well"), 1), "its output is taken for the score of 'well'"),
        (head_of((1, 2)), "its rows are taken for 1, 2"),
        (head_of(None, 1, "ridge"), ""),
    ],
)
def test_what_was_assumed_of_a_head_without_classes(head, said):
    found = describe_assumption(head)
    assert len(found) == bool(said)
    assert all(f"names no classes: {said}" in text for text in found)


TEXT = ["ill", "well"]
MISMATCHES = {
    "a typo": (
        head_of(("il", "well")),
        TEXT,
        {},
        "the 2 classes 'il', 'well', and .* the 2 levels 'ill', 'well'; 'ill' is none "
        r"of its classes \(did you mean 'il'\?\)",
    ),
    "another task": (
        head_of(("cat", "dog", "owl")),
        TEXT,
        {},
        "the 3 classes 'cat', 'dog', 'owl', .* levels 'ill', 'well'; 'ill' is none",
    ),
    "a level that the head does not know": (
        head_of(("ill", "well")),
        ["ill", "well", "unknown"],
        {},
        "'unknown' is none of its classes. .* must be missing in 'diagnosis'",
    ),
    "more rows than levels": (
        head_of(None, 5),
        TEXT,
        {},
        "the head has 5 rows, without classes, .* 2 levels 'ill', 'well'. Which row",
    ),
    "fewer rows than levels": (
        head_of(None, 2),
        ["a", "b", "c"],
        {},
        "the head has 2 rows, without classes, .* 3 levels 'a', 'b', 'c'",
    ),
    "one row for three words": (
        head_of(None, 1, "ridge"),
        ["a", "b", "c"],
        {},
        "the head has 1 row, without classes, .* 3 levels",
    ),
    "several rows for a number": (
        head_of(None, 3),
        np.linspace(20, 90, N),
        {},
        "has 3 rows, without classes, .*'diagnosis' is continuous.*: 'categorical'}",
    ),
    "classes for a number": (
        head_of((0, 1)),
        np.linspace(20, 90, N),
        {},
        "has the 2 classes 0, 1, .*'diagnosis' is continuous",
    ),
}


@pytest.mark.parametrize("case", MISMATCHES)
def test_a_head_of_something_else(case):
    head, values, options, message = MISMATCHES[case]
    with pytest.raises(HeadMismatchError, match=message) as caught:
        check_classes(head, column_of(values, **options))
    text = str(caught.value)
    assert text.startswith("target_head: ") and "\n" not in text
    assert re.search(r"check_head=False \(--no-check-head\)\.$", text)


@pytest.mark.parametrize(
    ("head", "values"),
    [
        (head_of(("ill", "well")), TEXT),
        (head_of(("ill", "well"), 1), TEXT),
        # A class that does not occur here.
        (head_of(("ill", "odd", "well")), TEXT),
        (head_of(None, 1, "ridge"), np.linspace(20, 90, N)),
        # Grades, by a regression.
        (head_of(None, 1, "ridge"), [0, 1, 2, 3]),
    ],
)
def test_a_head_of_the_target(head, values):
    check_classes(head, column_of(values))
