"""Values that are almost the same, codes for missing ones, and dates as numbers."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation, utilization_test
from sklearn_wsca._input.doubtful_values import describe_doubts, warn_of_doubts

ALIKE = {
    "trailing blank": ["benign", "benign ", "malignant"],
    "case": ["benign", "Benign", "malignant"],
    "blank within": ["New York", "NewYork", "Bonn"],
    "no-break space": ["a b", "a\u00a0b", "c"],
    "letters in two encodings": ["Zo\u00e9", "Zoe\u0301", "x"],
    "mark that has no width": ["a", "\ufeffa", "b"],
    "sharp s": ["Stra\u00dfe", "STRASSE", "b"],
}


@pytest.mark.parametrize("what", ALIKE)
@pytest.mark.parametrize("dtype", [object, "category", "string"])
def test_values_that_look_alike_are_paired(what, dtype):
    series = pd.Series([*ALIKE[what] * 3, None], name="diagnosis", dtype=dtype)
    (doubt,) = describe_doubts(series)
    assert doubt.startswith("column 'diagnosis' holds values that differ in nothing")
    first, second, other = ALIKE[what]
    assert repr(first) in doubt and repr(second) in doubt
    assert repr(other) not in doubt


@pytest.mark.parametrize(
    "values",
    [
        ["benign ", "malignant ", None],
        ["a", "b"],
        [1, 2, 7, 90],
        [True, False],
        [[1], [2]],
        pd.to_datetime(["2020-01-01", "2021-01-01"]),
        pd.Categorical(["a", "b"], ["a", "A", "b"]),
        pd.Categorical([1, 2]),
        [np.inf, 1.0, np.nan],
        [1 + 2j, 3],
        [],
    ],
)
def test_other_values_are_not(values):
    assert describe_doubts(pd.Series(values, name="a")) == []


def test_many_pairs_are_counted():
    names = [f"level {i}" for i in range(9)]
    (doubt,) = describe_doubts(pd.Series([*names, *map(str.upper, names)], name="a"))
    assert doubt.count(" beside ") == 5 and "and 4 more" in doubt


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([61, -99, 55], "-99"),
        ([0.5, -999.0, np.nan], "-999"),
        ([-99, -88, 3], "-99 and -88"),
        ([*range(40, 70), 999], "999"),
        ([*range(40, 70), -99, 999], "-99 and 999"),
        ([*range(40, 70), -99, 999, -99, 999, None], "-99 and 999"),
        ([*range(12), 99], "99"),
        ([*np.linspace(-3, 3, 20), 999], "999"),
        ([*np.linspace(-3, 3, 20), -99], "-99"),
        ([*range(30, 60), 888, 999, 999], "888 and 999"),
        ([*range(12), 9999, 9999, 99, 99], "99 and 9999"),
        ([61, 999, 55, 999], "999"),
        ([1, 2, 99, 99], "99"),
        (pd.array([61, -99, None], "Int64"), "-99"),
    ],
)
def test_codes_for_missing_values(values, code):
    (doubt,) = describe_doubts(pd.Series(values, name="age"))
    assert doubt.startswith(f"column 'age' holds {code}, far from all its other numb")


@pytest.mark.parametrize(
    "values",
    [
        [-99, -5, 3],
        [-99, -99],
        [61, 99, 99],
        [50, 999],
        [3, 50, -7],
        [99, 1],
        [*range(40, 99), 99],
        [*range(5, 50), 99],
        [*range(0, 400, 7), 999],
        [*range(-90, 90, 7), -99, 99],
    ],
)
def test_numbers_that_may_be_meant(values):
    assert describe_doubts(pd.Series(values, name="age")) == []


@pytest.mark.parametrize(
    ("values", "doubtful"),
    [
        ([20200110, 20191231], True),
        ([20200110.0, np.nan, 20191231.0], True),
        ([20200110, 20200110], False),
        ([20201310, 20200101], False),
        ([20200110.5, 20200101.5], False),
    ],
)
def test_dates_without_anything_between(values, doubtful):
    assert len(describe_doubts(pd.Series(values, name="day"))) == doubtful


def test_each_column_is_named_once():
    table = pd.DataFrame({"a": ["x", "X"], "b": ["y", "y "], "c": ["z", "Z"]})
    with pytest.warns(UserWarning) as caught:
        warn_of_doubts(table, ["a", "b", "a"], stacklevel=2)
    assert [str(one.message)[:10] for one in caught] == ["column 'a'", "column 'b'"]
    assert all(one.filename == __file__ for one in caught)


def test_users_are_told_where_they_are():
    rng = np.random.default_rng(0)
    X = rng.normal(3, [1, 20, 0.1], size=(60, 3))
    table = pd.DataFrame(
        {
            "disease": ["ill", "well", "Well"] * 20,
            "site": ["a", "b"] * 30,
            "unit": np.repeat([*(f"p{i}" for i in range(29)), "P0"], 2),
        }
    )
    estimator = WeightSpaceCorrelation("disease", groups="unit", n_permutations=0)
    with pytest.warns(UserWarning, match="differ in nothing") as caught:
        estimator.fit(X, table)
    assert len(caught) == 2
    assert all(one.filename == __file__ for one in caught)
    with pytest.warns(UserWarning, match="'p0' beside 'P0'") as caught:
        utilization_test(
            X, table["site"], target=None, groups=table["unit"], n_permutations=39
        )
    assert [one.filename for one in caught] == [__file__]
