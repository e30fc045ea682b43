"""Workbooks: formulas, errors, merged cells and types."""

import datetime
import warnings
import zipfile

import openpyxl
import pandas as pd
import pytest

from sklearn_wsca.io import FileError, load_metadata

ROWS = [("id", "site", "age"), (1, "a", 5), (2, None, 6), (3, None, 7), (4, "b", 8)]


def save(folder, rows, merged=()):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for area in merged:
        book.active.merge_cells(area)
    book.save(folder / "y.xlsx")
    return folder / "y.xlsx"


def read_aloud(file, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read = load_metadata(file, **options)
    return read, [str(one.message) for one in caught]


def test_formulas_without_saved_values_are_named(tmp_path):
    rows = [("age", "double"), *((i, f"=A{i}*2") for i in range(40, 45))]
    read, (message,) = read_aloud(save(tmp_path, rows))
    assert read["age"].tolist() == [40, 41, 42, 43, 44]
    assert read["double"].isna().all()
    assert "values of 5 formulas were never saved (such as 'B2 =A40*2'" in message
    assert message.endswith("in Excel or LibreOffice and save it again.")


def with_saved_values(file, values):
    """The same workbook as a program leaves it that has computed the formulas."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    for old, new in values.items():
        assert old in members[name]
        members[name] = members[name].replace(old, new)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_formulas_with_saved_values_are_read(tmp_path):
    file = save(tmp_path, [("a", "b"), ("=1+1", "x"), ('=IF(A1=1,"y","")', "z")])
    with_saved_values(
        file,
        {
            b"<f>1+1</f><v />": b"<f>1+1</f><v>2</v>",
            b'<c r="A3"><f>': b'<c r="A3" t="str"><f>',
        },
    )
    read, messages = read_aloud(file)
    # Empty text is a value that was saved.
    assert read["a"].isna().tolist() == [False, True]
    assert read["a"][0] == 2
    assert messages == []


def test_errors_of_excel_are_missing(tmp_path):
    rows = [
        ("id", "site", "age"),
        (1, "#REF!", 5),
        (2, "#NULL!", "#DIV/0!"),
        (3, "c", 7),
    ]
    read, (message,) = read_aloud(save(tmp_path, rows))
    assert read["site"].isna().tolist() == [True, True, False]
    assert read["age"].isna().tolist() == [False, True, False]
    assert "'site': '#REF!' (1), '#NULL!' (1); 'age': '#DIV/0!' (1)" in message


def test_merged_cells_have_one_value_in_all_rows(tmp_path):
    read, (message,) = read_aloud(save(tmp_path, ROWS, ["B2:B4"]))
    assert read["site"].tolist() == ["a", "a", "a", "b"]
    assert read["age"].tolist() == [5, 6, 7, 8]
    assert "1 group of merged cells ('B2:B4'): each of their rows was given" in message


def test_empty_cells_that_are_not_merged_stay_empty(tmp_path):
    read, messages = read_aloud(save(tmp_path, ROWS))
    assert read["site"].isna().tolist() == [False, True, True, False]
    assert messages == []


def test_index_of_two_levels_as_pandas_writes_it(tmp_path):
    index = pd.MultiIndex.from_product([["p1", "p2"], ["left", "right"]])
    table = pd.DataFrame({"age": [60, 61, 62, 63]}, index.set_names(["patient", "eye"]))
    table.to_excel(tmp_path / "y.xlsx")
    read, messages = read_aloud(tmp_path / "y.xlsx")
    assert read["patient"].tolist() == ["p1", "p1", "p2", "p2"]
    assert len(messages) == 1


def test_cells_merged_over_columns_are_refused(tmp_path):
    rows = [("id", "site", "age"), (1, "a", None), (2, "b", 6)]
    with pytest.raises(FileError, match=r"cells B2:C2 are merged over several columns"):
        load_metadata(save(tmp_path, rows, ["B2:C2"]))


def test_title_over_all_columns_is_named(tmp_path):
    rows = [("Study", None), ("id", "age"), (1, 60)]
    with pytest.raises(FileError, match="first row of its sheet does not name every"):
        load_metadata(save(tmp_path, rows, ["A1:B1"]))


def test_numbers_that_excel_has_cut_are_named(tmp_path):
    file = save(tmp_path, [("id", "uid"), (1, 17), (2, 18)])
    uids = [1234567890123450000, 9007199254740990000]
    changes = {b"<v>17</v>": uids[0], b"<v>18</v>": uids[1]}
    with_saved_values(file, {old: b"<v>%d</v>" % new for old, new in changes.items()})
    read, (message,) = read_aloud(file)
    assert read["uid"].tolist() == list(map(str, uids))
    assert "all are zero behind 15 digits, as Excel leaves numbers: export" in message


def test_times_of_day_are_what_they_are(tmp_path):
    time, day = datetime.time(10, 30), datetime.datetime(2020, 1, 2)
    rows = [("time", "day", "share"), (time, day, 0.25), (time, day, 0.5)]
    read, messages = read_aloud(save(tmp_path, rows))
    assert read["time"].tolist() == [time, time]
    assert read["day"].tolist() == [pd.Timestamp(day)] * 2
    assert read["share"].tolist() == [0.25, 0.5]
    assert messages == []
