"""Workbooks: formulas, errors, merged cells and types."""

import datetime
import gc
import re
import warnings
import zipfile

import openpyxl
import pandas as pd
import pytest

from sklearn_wsca.io import FileError, _workbooks, load_metadata

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


def repacked(file, change):
    """Write a workbook again, with its sheet changed."""
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    name = "xl/worksheets/sheet1.xml"
    members[name] = change(members[name].decode()).encode()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


TO_CSV = r"which takes a workbook long to read; export the sheet as \.csv"


@pytest.mark.parametrize("formulas", [False, True])
def test_more_cells_than_are_read_in_half_a_minute(tmp_path, monkeypatch, formulas):
    file = tmp_path / "T.xlsx"
    pd.DataFrame({"a": range(40), "b": range(40)}).to_excel(file, index=False)
    if formulas:
        repacked(file, lambda sheet: sheet.replace("<v>7</v>", "<f>6+1</f><v>7</v>"))
    monkeypatch.setattr(_workbooks, "MOST_CELLS", 100)
    if not formulas:
        assert len(load_metadata(file)) == 40
        monkeypatch.setattr(_workbooks, "MOST_CELLS", 81)
    with pytest.raises(FileError, match=f"has 82 cells, {TO_CSV}"):
        load_metadata(file)


def test_few_cells_far_apart_do_not_become_many(tmp_path):
    file = tmp_path / "T.xlsx"
    pd.DataFrame({"a": [1]}).to_excel(file, index=False)
    far = "".join(
        f'<row r="{i}"><c r="XFD{i}"><v>1</v></c></row>' for i in range(3, 900)
    )
    repacked(file, lambda sheet: sheet.replace("</sheetData>", f"{far}</sheetData>"))
    with pytest.raises(FileError, match=f"rows of 16384 columns, {TO_CSV}"):
        load_metadata(file)
    # A file that was left open is told of when it is collected.
    gc.collect()


def test_merged_area_of_a_whole_sheet_costs_nothing(tmp_path):
    file = tmp_path / "T.xlsx"
    pd.DataFrame({"a": [1, None, None], "b": [4, 5, 6]}).to_excel(file, index=False)
    area = '<mergeCells><mergeCell ref="A2:A1048576"/></mergeCells>'
    repacked(file, lambda sheet: sheet.replace("</sheetData>", f"</sheetData>{area}"))
    with pytest.warns(UserWarning, match="1 group of merged cells .'A2:A1048576'."):
        assert load_metadata(file)["a"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ('r="C2"', 'r="B2"', "the cell B2"),
        ('r="B2"', "r='C2'", "the cell C2"),
        ('r="A2"', 'r="A4"', "the cell A4"),
        ('<row r="3"', '<row r="2"', "the row 2"),
        ('<row r="2"', '<row r="1"', "the row 1"),
    ],
)
def test_cells_that_are_not_where_they_should_be(tmp_path, old, new, found):
    """openpyxl takes the last of two, and moves what is out of order."""
    file = save(tmp_path, ROWS)
    repacked(file, lambda sheet: sheet.replace(old, new))
    with pytest.raises(FileError, match=f"{found} of .*sheet1.xml' is not"):
        load_metadata(file)


@pytest.mark.parametrize("places", [r'\sr="[A-Z]+\d+"', r'\sr="\d+"', r'\sr="\w+"'])
def test_places_may_be_left_out(tmp_path, places):
    rows = [row if None not in row else (row[0], "c", row[2]) for row in ROWS]
    file = save(tmp_path, rows)
    repacked(file, lambda sheet: re.sub(places, "", sheet))
    assert load_metadata(file)["site"].tolist() == ["a", "c", "c", "b"]


def test_order_of_calculation_is_no_order_of_cells(tmp_path):
    """Excel writes it beside the sheets of every workbook with formulas."""
    file = save(tmp_path, ROWS)
    chain = b'<calcChain><c r="C5" i="1"/><c r="C2"/><c r="A1"/><c r="C2"/></calcChain>'
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("xl/calcChain.xml", chain)
    assert load_metadata(file)["age"].tolist() == [5, 6, 7, 8]


def test_texts_are_counted_from_0(tmp_path):
    old, new = r'"inlineStr"><is><t>a</t></is>|"s"><v>\d+</v>', '"s"><v>-1</v>'
    file = save(tmp_path, ROWS)
    repacked(file, lambda sheet: re.sub(old, new, sheet))
    with pytest.raises(FileError, match="a text with a negative number"):
        load_metadata(file)
