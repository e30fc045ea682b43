"""Rows of embeddings and metadata are brought together by their ids."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca.io import FileError, load_embeddings, match_rows

NAMES = ("X.csv", "y.csv")


def embeddings(ids):
    values = np.column_stack([np.arange(len(ids)) * 100.0, np.arange(len(ids)) - 5])
    return pd.DataFrame(values, index=pd.Index(ids, name="id"))


def metadata(ids):
    return pd.DataFrame({"of": [str(id) for id in ids]}, index=pd.Index(ids, name="id"))


def test_rows_come_in_the_order_of_the_embeddings():
    X, y = embeddings(["c", "a", "b"]), metadata(["a", "b", "c"])
    matched, rows, notes = match_rows(X, y)
    assert rows["of"].tolist() == ["c", "a", "b"]
    assert matched is X
    assert rows.index.equals(matched.index)
    assert notes == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([7, 12, 5], ["5", "12", "7"]),
        (["7", "12", "5"], [5.0, 12.0, 7.0]),
        ([7, 12, 5], np.array([5, 7, 12], dtype=np.uint8)),
        ([2**60 + 1, 2**60, 5], [str(2**60), "5", str(2**60 + 1)]),
    ],
)
def test_numbers_match_their_text(first, second):
    matched, rows, _ = match_rows(embeddings(first), metadata(second))
    assert [int(float(of)) if "." in of else int(of) for of in rows["of"]] == [
        int(id) for id in first
    ]
    assert rows.index.equals(matched.index)


def test_bytes_match_their_text(tmp_path):
    # As numpy saves text of a fixed width.
    ids = ["c1", "a7", "é2"]
    X = np.array([[1.5, 200], [2.5, 300], [3.5, 500]])
    np.savez(tmp_path / "X.npz", X=X, id=[id.encode() for id in ids])
    read = load_embeddings(tmp_path / "X.npz", id="id")
    _, rows, _ = match_rows(read, metadata(sorted(ids)))
    assert rows["of"].tolist() == ids


def test_padded_number_is_another_id():
    with pytest.raises(FileError, match=r"2 would match if leading zeros are removed"):
        match_rows(embeddings([7, 8]), metadata(["007", "008"]))


@pytest.mark.parametrize(
    ("first", "second", "hint"),
    [
        ("a1", "a1 ", "white space"),
        ("a1", "A1", "upper and lower case"),
        ("a1", "a1.png", "file extensions"),
        ("7", "7.0", "zeros behind their decimal point are removed"),
        ("0.", "0", "zeros behind their decimal point are removed"),
        ("a1", "x/a1", "folders in front"),
        ("a1", "C:\\x\\a1.nii.gz", "folders and file extensions"),
    ],
)
def test_hints(first, second, hint):
    with pytest.raises(FileError, match=f"would match if .*{hint}"):
        match_rows(embeddings([first]), metadata([second]), names=NAMES)


def test_no_hint_where_nothing_would_help():
    with pytest.raises(FileError) as caught:
        match_rows(embeddings(["a"]), metadata(["b"]), names=NAMES, unmatched="drop")
    assert "would match" not in str(caught.value)
    assert str(caught.value).startswith("X.csv: none of its 1 id (such as 'a')")


def test_unmatched_rows_are_dropped_on_request():
    X, y = embeddings(list("xcab")), metadata(list("abczw"))
    matched, rows, notes = match_rows(X, y, unmatched="drop", names=NAMES)
    assert rows["of"].tolist() == ["c", "a", "b"]
    assert matched.index.tolist() == ["c", "a", "b"]
    pd.testing.assert_frame_equal(matched, X.loc[["c", "a", "b"]])
    assert notes == [
        "1 of 4 row was left out of X.csv: no such id in y.csv ('x')",
        "2 of 5 rows were left out of y.csv: no such id in X.csv ('z', 'w')",
    ]


def test_unmatched_rows_are_an_error_with_both_counts():
    expected = (
        r"X\.csv: 1 of the 4 ids of X\.csv are not in y\.csv \('x'\) and 2 of the 5 "
        r"ids of y\.csv are not in X\.csv \('z', 'w'\); .*unmatched='drop'"
    )
    with pytest.raises(FileError, match=expected):
        match_rows(embeddings(list("xcab")), metadata(list("abczw")), names=NAMES)


@pytest.mark.parametrize("unmatched", ["error", "drop"])
def test_repeated_ids_are_an_error_in_any_case(unmatched):
    options = {"unmatched": unmatched, "names": NAMES}
    with pytest.raises(FileError, match=r"y\.csv: has 1 id of 'id' repeated \('a'; 2"):
        match_rows(embeddings(["a", "b"]), metadata(["a", "a", "b"]), **options)
    with pytest.raises(FileError, match=r"X\.csv: has 1 id of 'id' repeated \('7'; 2"):
        match_rows(embeddings([7, "7"]), metadata([7, 8]), **options)


def test_without_ids_only_the_length_counts():
    X, y = np.ones((3, 2)), pd.DataFrame({"age": [1, 2, 3]})
    assert match_rows(X, y)[0] is X
    with pytest.raises(FileError, match=r"X\.csv: has 3 rows and y\.csv has 2 rows"):
        match_rows(X, y[:2], names=NAMES)


def test_ids_on_one_side_only():
    y = metadata(["a", "b"])
    expected = r"X\.csv: has no ids, while y\.csv has 'id'; it holds no named columns"
    with pytest.raises(FileError, match=expected):
        match_rows(np.ones((2, 2)), y, names=NAMES)
    plain = y.reset_index(drop=True)
    expected = r"y\.csv: has no ids, while X\.csv has 'id'; it holds the columns 'of'"
    with pytest.raises(FileError, match=expected):
        match_rows(embeddings(["a", "b"]), plain, names=NAMES)


def test_unknown_way_to_treat_unmatched_rows():
    with pytest.raises(ValueError, match="unmatched='ignore': choose 'error' or"):
        match_rows(embeddings(["a"]), metadata(["a"]), unmatched="ignore")
