"""The metadata argument: all its forms give one table, or one clear error."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._input.table import (
    as_table,
    check_same_index,
    require_columns,
    row_fingerprints,
)

COLUMNS = {
    "site": ["north", "south", None, "north"],
    "age": [61.0, None, 48.0, 70.0],
    "smoker": [True, False, True, None],
    "beds": [1, 2, 3, 4],
}


def test_frame_keeps_names_and_values(make_frame):
    table = as_table(make_frame(COLUMNS))
    assert list(table.columns) == list(COLUMNS)
    for name, values in COLUMNS.items():
        known = [value is not None for value in values]
        assert table[name].notna().tolist() == known
        found = table[name][known].tolist()
        assert found == [value for value in values if value is not None]


def test_frame_index_is_replaced_by_positions_in_a_copy():
    frame = pd.DataFrame({"a": [3, 1, 2]}, index=["r", "s", "t"])
    before, table = frame.copy(), as_table(frame)
    assert table.index.tolist() == [0, 1, 2]
    table["a"] = 0
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize(("name", "expected"), [("site", "site"), (None, "x0")])
def test_series(library, name, expected):
    if library == "pandas":
        series = pd.Series(["a", "b"], index=[5, 6], name=name)
    else:
        series = pytest.importorskip("polars").Series(name or "", ["a", "b"])
    table = as_table(series)
    assert table.columns.tolist() == [expected]
    assert table[expected].tolist() == ["a", "b"]


HUGE = [2**53 + 1, None, 2**53 + 2, 7]


def as_polars(values):
    return pytest.importorskip("polars").DataFrame({"a": values})


def as_arrow(values):
    return pytest.importorskip("pyarrow").table({"a": values})


@pytest.mark.parametrize(
    "make",
    [
        as_polars,
        as_arrow,
        lambda values: as_polars(values)["a"],
        lambda values: as_arrow(values)["a"],
        lambda values: pd.Series(values, dtype="Int64"),
        lambda values: pd.Series(values, dtype=object),
        lambda values: np.array(values, dtype=object),
        lambda values: np.array(values, dtype=object)[:, None],
        lambda values: [[value] for value in values],
        list,
        tuple,
    ],
)
def test_whole_numbers_beside_missing_ones_are_exact(make):
    column = as_table(make(HUGE)).iloc[:, 0]
    assert column.isna().tolist() == [False, True, False, False]
    assert list(map(int, column.dropna())) == [2**53 + 1, 2**53 + 2, 7]


def test_numbers_beside_missing_ones_stay_numbers():
    table = as_table(
        [[1, 1.5, True, "x"], [None, None, None, None], [3, 2, False, "y"]]
    )
    assert table.iloc[0].tolist() == [1, 1.5, True, "x"]
    assert table["x1"].dtype == np.float64
    assert isinstance(table["x2"][0], bool)


def test_polars_types_survive():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(
        {
            "when": pd.date_range("2024-01-01", periods=3).to_pydatetime().tolist(),
            "level": polars.Series(["lo", "hi", "lo"], dtype=polars.Categorical),
            "grade": polars.Series(
                ["mild", "severe", None], dtype=polars.Enum(["mild", "severe"])
            ),
            "small": polars.Series([1, 2, None], dtype=polars.Int8),
        }
    )
    table = as_table(frame)
    assert pd.api.types.is_datetime64_any_dtype(table["when"])
    assert table["level"].tolist() == ["lo", "hi", "lo"]
    assert table["grade"].isna().tolist() == [False, False, True]
    assert table["small"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize("values", [[1.5, 2.5], ["a", "b"], [True, False]])
@pytest.mark.parametrize("form", [list, np.array, tuple])
def test_one_dimensional_array_is_one_column(values, form):
    table = as_table(form(values))
    assert table.columns.tolist() == ["x0"]
    assert table["x0"].tolist() == values


def test_two_dimensional_array_names():
    table = as_table(np.arange(6).reshape(2, 3))
    assert table.columns.tolist() == ["x0", "x1", "x2"]
    assert table["x2"].tolist() == [2, 5]


def test_object_array_keeps_the_type_of_each_column():
    array = np.array([["a", 1.5, None], ["b", 2.5, True]], dtype=object)
    table = as_table(array)
    assert pd.api.types.is_float_dtype(table["x1"])
    assert table["x2"].isna().tolist() == [True, False]


def test_rows_of_mixed_types_keep_the_type_of_each_column():
    # numpy alone would turn the numbers into strings.
    table = as_table([["a", 1.5], ["b", 2.5]])
    assert table["x0"].tolist() == ["a", "b"]
    assert table["x1"].tolist() == [1.5, 2.5]


@pytest.mark.parametrize(
    "empty", [pd.DataFrame(index=range(3)), np.empty((3, 0))], ids=["frame", "array"]
)
def test_no_column_is_an_error(empty):
    with pytest.raises(ValueError, match=r"no column|0 feature"):
        as_table(empty)


X = pd.DataFrame(np.zeros((3, 2)), index=["p", "q", "r"])


def test_same_index_passes():
    check_same_index(X, pd.DataFrame({"a": [1, 2, 3]}, index=X.index))
    check_same_index(X, pd.Series([1, 2, 3], index=X.index))


def test_one_instant_in_two_time_zones_is_one_label():
    taken = pd.date_range("2020-01-01", periods=3, freq="h", tz="UTC")
    y = pd.Series([1, 20, 300], index=taken.tz_convert("Asia/Tokyo"))
    assert not y.index.equals(taken)
    check_same_index(X.set_axis(taken), y)
    with pytest.raises(ValueError, match="different order"):
        check_same_index(X.set_axis(taken[::-1]), y)


def test_equal_labels_of_another_type_pass():
    texts = pd.Series([1, 2, 3], index=pd.CategoricalIndex(["p", "q", "r"]))
    check_same_index(X, texts)
    with pytest.raises(ValueError, match="different order"):
        check_same_index(X, texts.iloc[::-1])


@pytest.mark.parametrize("X_like", [X.to_numpy(), X])
def test_index_is_compared_only_where_both_have_one(X_like):
    check_same_index(X_like, np.zeros(3))
    check_same_index(X.to_numpy(), pd.Series([1, 2, 3], index=["z", "y", "x"]))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (["q", "p", "r"], r"different order.*y\.loc\[X\.index\]"),
        (["p", "s", "r"], r"first in row 1 \('q' against 's'\)"),
        # Labels that cannot be sorted, and of another depth.
        (["p", 7, "r"], r"first in row 1 \('q' against 7\)"),
        (
            pd.MultiIndex.from_product([["p"], [1, 2, 3]]),
            "different labels, first in row 0",
        ),
    ],
)
def test_other_indexes_are_an_error_that_names_the_first_row(index, message):
    with pytest.raises(ValueError, match=message):
        check_same_index(X, pd.Series([1, 2, 3], index=index))


def test_required_column_suggests_the_close_match():
    table = pd.DataFrame({"hospital": [1], "scanner": [2]})
    with pytest.raises(ValueError, match=r"did you mean 'hospital'\?.*'scanner'"):
        require_columns(["hospitl"], table, "target")
    with pytest.raises(ValueError) as without_match:
        require_columns(["zzz"], table, "target")
    assert "did you mean" not in str(without_match.value)


def test_required_column_lists_at_most_ten_names():
    table = pd.DataFrame({f"column{i}": [1] for i in range(14)})
    with pytest.raises(ValueError, match="and 4 more"):
        require_columns(["zzz"], table, "target")


def test_fingerprints_follow_rows_and_ignore_the_order_of_columns():
    table = pd.DataFrame({"a": ["u", "v", None, "u"], "b": [1.0, np.nan, 2.0, 1.0]})
    prints = row_fingerprints(table)
    assert prints[0] == prints[3]
    assert len(set(prints)) == 3
    np.testing.assert_array_equal(prints, row_fingerprints(table[["b", "a"]]))
    order = [2, 0, 3, 1]
    np.testing.assert_array_equal(prints[order], row_fingerprints(table.iloc[order]))


def test_fingerprints_tell_what_values_are_of():
    """As many as there are rows, where columns have the same codes."""
    codes = np.indices((3, 3, 3)).reshape(3, -1).T
    prints = row_fingerprints(pd.DataFrame(codes, columns=["a", "b", 7]))
    assert len(set(prints)) == 27
    # Columns that differ in what they hold are told apart by that.
    codes = codes[codes.sum(axis=1) % 4 > 0]
    uneven = pd.DataFrame(codes[codes[:, 0] + 2 * codes[:, 1] > 1], columns=list("abc"))
    prints = row_fingerprints(uneven)
    assert len(set(prints)) == len(uneven)
    renamed = uneven.set_axis(["target", "sex", "age"], axis=1)
    np.testing.assert_array_equal(row_fingerprints(renamed), prints)
    table = pd.DataFrame({"x0": [0, 1]})
    assert not np.any(row_fingerprints(table) == row_fingerprints(table, "target"))


@pytest.mark.parametrize("dtype", ["category", "string", "Int64", "datetime64[ns]"])
def test_fingerprints_of_extension_types(dtype):
    values = pd.Series([1, 2, None, 1]).astype("Int64")
    if dtype != "Int64":
        values = values.astype("category" if dtype == "category" else object)
        values = pd.Series(values.tolist(), dtype=object).where(values.notna(), None)
        values = values.astype(str if dtype == "string" else dtype)
    prints = row_fingerprints(values.to_frame("a"))
    assert prints[0] == prints[3]
    assert len(set(prints)) == 3


@pytest.mark.parametrize("dtype", [object, "category"])
def test_bytes_that_are_not_utf8_become_escapes(dtype):
    values = pd.Series(["n\udcff", "n", None, 3, "n\ud800"], dtype=object)
    if dtype == "category":
        categories = pd.Index(["n\udcff", "n", 3, "n\ud800"], dtype=object)
        values = pd.Series(pd.Categorical(values, categories=categories))
    frame = pd.DataFrame({"plain": range(5), "other": values})
    frame.columns = pd.Index(["plain", "a\udcff"], dtype=object)
    table = as_table(frame)
    assert list(table.columns) == ["plain", "a\\udcff"]
    labels = table["a\\udcff"].astype(object)
    assert labels.isna().tolist() == [False, False, True, False, False]
    assert labels.dropna().tolist() == ["n\\udcff", "n", 3, "n\\ud800"]
    assert table["a\\udcff"].dtype == dtype
    # That of the user stays as it was.
    assert list(frame.columns) == ["plain", "a\udcff"]
    assert frame.iloc[0, 1] == "n\udcff"


def test_an_escape_is_merged_with_nothing():
    frame = pd.DataFrame({"a": pd.Series(["n\udcff", "n\\udcff"], dtype=object)})
    with pytest.raises(ValueError, match="y: column 'a' has a label with bytes"):
        as_table(frame)
    names = pd.Index(["n\udcff", "n\\udcff"], dtype=object)
    with pytest.raises(ValueError, match="several columns named"):
        as_table(pd.DataFrame([[1, 2]]).set_axis(names, axis=1))
