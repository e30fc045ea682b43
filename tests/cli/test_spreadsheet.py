"""Cells of csv files: what a spreadsheet would execute, and what it would not."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._cli._spreadsheet import defuse, to_csv_text

FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1"]
# What begins with an apostrophe is text to a spreadsheet already.
HARMLESS = ["", "a", "-1", "+0.5", "-.5e-3", "-3.", "a=1", "1-2", "'=1", "−1", "; =1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_formula_becomes_text(text):
    assert defuse(text) == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS)
def test_anything_else_stays(text):
    assert defuse(text) == text


def test_names_headers_and_notes_are_defused_and_numbers_stay():
    table = pd.DataFrame(
        {
            "utilization": [-2.5, np.nan, 0.1],
            "single": np.float32([0.5, -0.25, 0.75]),
            "n": [1, -2, 3],
            "=cmd|' /C calc'!A0": ["a;=1", "-1", None],
        },
        index=pd.Index(["@x", "a\r=2", "b\n, c"], name="column"),
    )
    rows = list(csv.reader(io.StringIO(to_csv_text(table), newline="")))
    assert rows == [
        ["column", "utilization", "single", "n", "'=cmd|' /C calc'!A0"],
        ["'@x", "-2.5", "0.5", "1", "a;=1"],
        ["a\r=2", "", "-0.25", "-2", "-1"],
        ["b\n, c", "0.1", "0.75", "3", ""],
    ]
    # Quoted, so that no separator in a name begins a cell.
    assert '"a;=1"' in to_csv_text(table) and '"a\r=2"' in to_csv_text(table)
    again = pd.read_csv(io.StringIO(to_csv_text(table)))
    np.testing.assert_array_equal(again["utilization"], table["utilization"])


def test_several_levels_of_rows():
    index = pd.MultiIndex.from_tuples(
        [("=a", 0), ("b", 1)], names=["column", "feature"]
    )
    text = to_csv_text(pd.DataFrame({"shift": [-0.5, 0.5]}, index))
    assert text == '"column","feature","shift"\n"\'=a",0,-0.5\n"b",1,0.5\n'
