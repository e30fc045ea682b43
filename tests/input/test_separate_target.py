"""The target as y, beside the metadata table."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._input.separate_target import (
    explain_single_column,
    join_target,
    name_target,
)

TABLE = pd.DataFrame(
    {"site": ["north", "south", "west"], "age": [61.5, np.nan, 40.0]}, index=[7, 3, 9]
)
TARGET = pd.Series(["ill", "well", "ill"], index=TABLE.index, name="disease")


@pytest.mark.parametrize(
    ("target", "y", "name"),
    [
        ("disease", TARGET.rename("label"), "disease"),
        (None, TARGET, "disease"),
        (None, TARGET.to_frame(), "disease"),
        (None, pd.Index(TARGET), "disease"),
        (None, TARGET.rename(0), 0),
        (None, TARGET.rename(("dx", 1)), ("dx", 1)),
        (None, TARGET.rename(None), "target"),
        (None, TARGET.to_numpy(), "target"),
        (None, TARGET.tolist(), "target"),
        (4, TARGET, 4),
    ],
)
def test_name_of_the_target(target, y, name):
    assert name_target(target, y, TABLE) == name
    # Without a table of their own y holds the metadata, and names nothing.
    assert name_target(target, y, None) == target


def test_name_of_a_polars_series():
    polars = pytest.importorskip("polars")
    assert name_target(None, polars.Series("disease", [1]), TABLE) == "disease"
    assert name_target(None, polars.Series([1]), TABLE) == "target"


@pytest.mark.parametrize(
    "y",
    [TARGET, TARGET.to_numpy(), TARGET.tolist(), TARGET.astype("category")],
    ids=["Series", "array", "list", "category"],
)
@pytest.mark.parametrize("name", ["disease", ("dx", 1), 5])
def test_the_target_becomes_a_column_of_its_name(y, name):
    joined = join_target(y, TABLE, name)
    assert joined.columns.tolist() == [name, "site", "age"]
    assert joined[name].tolist() == TARGET.tolist()
    assert joined.index.tolist() == [0, 1, 2]
    # Neither is changed.
    assert TABLE.columns.tolist() == ["site", "age"] and TARGET.name == "disease"


@pytest.mark.parametrize(
    ("values", "column"),
    [
        (["ill", "well", None], ["ill", "well", np.nan]),
        ([0, 1, 1], [0.0, 1.0, 1.0]),
        ([2**53 + 1, 5, 6], [2**53 + 1, 5, 6]),
        ([True, False, True], [True, False, True]),
        ([1.5, np.nan, 2.5], [1.5, np.nan, 2.5]),
    ],
    ids=str,
)
def test_a_column_of_its_name_may_hold_the_same(values, column):
    table = TABLE.assign(disease=column)
    joined = join_target(np.array(values, dtype=object), table, "disease")
    assert joined.columns.tolist() == ["site", "age", "disease"]


@pytest.mark.parametrize(
    ("y", "table", "name", "message"),
    [
        (
            [0, 1, 0],
            TABLE.assign(disease=TARGET),
            "disease",
            r"metadata: the column 'disease' .*differ in 3 of 3 rows, first in row 0 "
            r"\('ill' against 0 in y\).*metadata.drop\(columns='disease'\)",
        ),
        (
            ["ill", "well", None],
            TABLE.assign(disease=TARGET),
            "disease",
            "differ in 1 of 3 rows, first in row 2",
        ),
        (
            [2**53 + 1, 5, 6],
            TABLE.assign(disease=[2**53, 5, 6]),
            "disease",
            "differ in 1 of 3 rows, first in row 0",
        ),
        (
            TABLE["site"],
            TABLE,
            "disease",
            "y: its name 'site' is that of a column of metadata, and the target is "
            "'disease'; set target='site', or rename y",
        ),
        (TABLE, TABLE, "disease", "y: 2 columns, but with metadata y is the target"),
        (TARGET[:2], TABLE, "disease", "y has 2 rows and metadata has 3 rows: incons"),
        (TARGET, TABLE[:2], "disease", "y has 3 rows and metadata has 2 rows: incons"),
        (
            TARGET[::-1],
            TABLE,
            "disease",
            "indexes of y and metadata have the same labels in a different order",
        ),
        (TARGET, {"site": [1]}, "disease", "metadata: dict is no table"),
        (TARGET, TABLE[[]], "disease", "metadata: the metadata table has no column"),
        (
            TARGET,
            pd.concat([TABLE, TABLE], axis=1),
            "disease",
            "metadata: the metadata table has several columns named 'site'",
        ),
    ],
)
def test_a_target_that_contradicts_the_table_is_refused(y, table, name, message):
    with pytest.raises(ValueError, match=message):
        join_target(y, table, name)


def test_a_lazy_frame_is_named_by_its_argument():
    polars = pytest.importorskip("polars")
    lazy = polars.DataFrame({"site": ["a", "b", "c"]}).lazy()
    with pytest.raises(ValueError, match=r"metadata: .* lazy; pass metadata.collect"):
        join_target(TARGET, lazy, "disease")


def test_a_single_column_without_what_is_needed():
    table = pd.DataFrame({"x0": TARGET.to_numpy()})
    with pytest.raises(ValueError, match=r"'disease', 'site'; .*metadata= if y is the"):
        explain_single_column(TARGET.to_numpy(), table, ["disease", "x0", "site"])
    for y, needed in [(table, ["site"]), (TARGET, ["x0"])]:
        explain_single_column(y, table, needed)
