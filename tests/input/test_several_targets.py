"""Names of several targets, and tables with a level for them."""

import pandas as pd
import pytest

from sklearn_wsca._input.several_targets import (
    audit_of,
    entry_of,
    is_joined,
    join_tables,
    list_targets,
    split_target,
)


def test_joined_tables_keep_names_that_are_tuples():
    index = pd.Index([("site", "sex"), "age"], name="column", tupleize_cols=False)
    tables = {"a": pd.Series([1.0, 2.0], index), "b": pd.Series([3.0], index[:1])}
    joined = join_tables(tables)
    assert joined.index.tolist() == [
        ("a", ("site", "sex")),
        ("a", "age"),
        ("b", ("site", "sex")),
    ]
    assert joined.index.names == ["target", "column"]


def test_one_target_is_taken_out_of_a_joined_table():
    index = pd.Index(["age", "sex"], name="column")
    tables = {"a": pd.DataFrame({"p": [0.1, 0.2]}, index)}
    tables["b"] = tables["a"] + 0.5
    joined = join_tables(tables)
    joined.attrs = {"effects": {"a": {"x": [1]}, "b": {"x": [2]}}}
    assert is_joined(joined) and not is_joined(tables["a"])
    found = audit_of(joined, "b")
    pd.testing.assert_frame_equal(found, tables["b"])
    assert found.attrs == {"effects": {"x": [2]}}


@pytest.mark.parametrize("target", [None, "a", 3, ("a", "b")])
def test_a_name_is_a_single_target(target):
    assert list_targets(target) is None


def test_a_dict_without_targets_is_an_entry_for_all():
    weights = {"weight": 1, "bias": 2}
    assert entry_of(weights, "a", ["a", "b"], "target_head") == weights
    assert entry_of({"a": 1, "b": 2}, "b", ["a", "b"], "target_head") == 2


def test_columns_of_y_are_taken_by_name_and_else_by_position():
    table = pd.DataFrame({"b": [1, 2], "a": [3, 4]}, index=[7, 8])
    (first, second) = split_target(table, table, ["a", "b"])
    assert first.tolist() == [3, 4] and first.index.tolist() == [7, 8]
    (first, second) = split_target(table, table, ["c", "d"])
    assert (first.tolist(), second.tolist()) == ([1, 2], [3, 4])
