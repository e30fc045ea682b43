"""Tables with types of their own: parquet and workbooks."""

import datetime

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca.io import FileError, load_metadata


def test_workbook_with_types_of_its_own(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    rows = [
        ("id", "age", "date", "mixed", "formula"),
        (7, 61.5, datetime.datetime(2020, 1, 2), 5, "=1+1"),
        (8, None, datetime.datetime(2021, 3, 4), "five", "=1+2"),
        (9, 3, None, None, "=1+3"),
    ]
    for row in rows:
        book.active.append(row)
    book.create_sheet("empty")
    book.save(tmp_path / "y.xlsx")
    with (
        pytest.warns(UserWarning, match=r"'mixed' mixes.*1 of number, 1 of text"),
        pytest.warns(
            UserWarning, match=r"values of 3 formulas.*'E2 =1\+1'.*save it ag"
        ),
    ):
        read = load_metadata(tmp_path / "y.xlsx", id="id")
    assert read.index.tolist() == [7, 8, 9]
    np.testing.assert_array_equal(read["age"], [61.5, np.nan, 3])
    assert read["date"].iloc[0] == pd.Timestamp(2020, 1, 2)
    assert read["mixed"].tolist()[:2] == ["5", "five"]
    # No program has computed the formulas yet.
    assert read["formula"].isna().all()


def test_rows_behind_the_last_one_of_a_workbook_are_left_out(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    rows = [("id", "age"), (7, 61.5), (None, "NA"), ("n/a",), ("", None), (None, " ")]
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "y.xlsx")
    with pytest.warns(UserWarning, match=r"'id': 'n/a' \(1\); 'age': 'NA' \(1\)"):
        read = load_metadata(tmp_path / "y.xlsx")
    # Rows that say that something is missing are rows.
    np.testing.assert_array_equal(read["id"], [7, np.nan, np.nan])
    np.testing.assert_array_equal(read["age"], [61.5, np.nan, np.nan])


def test_title_above_the_table_of_a_workbook_is_named(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    for row in [("Patients of 2020",), ("id", "age"), (1, 60)]:
        book.active.append(row)
    book.save(tmp_path / "y.xlsx")
    with pytest.raises(FileError, match="first row of its sheet does not name every"):
        load_metadata(tmp_path / "y.xlsx")


def test_bytes_of_a_parquet_file_become_text(tmp_path):
    pytest.importorskip("pyarrow")
    y = pd.DataFrame({"site": [b"north", None, "\u00d8st".encode()], "n": [3, 50, -7]})
    y.to_parquet(tmp_path / "y.parquet")
    read = load_metadata(tmp_path / "y.parquet")["site"]
    assert read.tolist()[::2] == ["north", "\u00d8st"] and pd.isna(read[1])
