"""Columns of text and of tables: numbers, text, and what would change."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca.io import load_metadata
from tests.io.test_text import read_text


def test_decimal_commas(tmp_path):
    read = read_text(tmp_path, "a;b\n1,5;x,y\n;z\n-2,25e1;z\n7;z\n")
    np.testing.assert_array_equal(read["a"], [1.5, np.nan, -22.5, 7])
    assert read["b"].tolist() == ["x,y", "z", "z", "z"]


def test_commas_that_may_separate_thousands_are_named(tmp_path):
    with pytest.warns(UserWarning, match=r"column 'a' .*thousands \(such as '1,500'\)"):
        read = read_text(tmp_path, "a;b\n1,500;x\n7;y\n")
    assert read["a"].tolist() == [1.5, 7.0]
    with pytest.warns(UserWarning, match=r"'a' mixes 2 numbers|'a' is kept as text"):
        read = read_text(tmp_path, 'a,b\n"1,500",x\n7,y\n')
    assert read["a"].tolist() == ["1,500", "7"]


def test_mixed_column_stays_text_as_a_whole(tmp_path):
    expected = (
        r"y\.csv: column 'age' mixes 2 numbers \(such as '45', '51\.5'\) with 1 other "
        r"values \(such as 'unknown'\).*leave cells empty"
    )
    with pytest.warns(UserWarning, match=expected):
        read = read_text(tmp_path, "age,b\n45,x\nunknown,x\n51.5,x\n,x\n")
    assert read["age"].tolist()[:3] == ["45", "unknown", "51.5"]
    assert read["age"].isna().tolist() == [False, False, False, True]


def test_words_for_missing_values(tmp_path):
    words = ["NA", "n/a", "NaN", "null", "None", "<NA>", "-nan", "NaT", "."]
    words += ["#N/A", "#NULL!", "#DIV/0!", "#NAME?", "1.#IND"]
    cells = ["1.5", "", " ", *words, " NA ", "2.5"]
    lines = "\n".join(f"{cell},x" for cell in ["a", *cells])
    with pytest.warns(UserWarning) as caught:
        read = read_text(tmp_path, lines)["a"]
    assert read.isna().tolist() == [False] + (len(cells) - 2) * [True] + [False]
    (warning,) = caught
    assert "'a': 'NA' (2), 'n/a' (1), 'NaN' (1), " in str(warning.message)


@pytest.mark.parametrize("word", ["none given", "missing", "#1", "?", "-", "nano"])
def test_other_words_are_levels(tmp_path, word):
    read = read_text(tmp_path, f"a,b\n{word},x\nz,y\n")
    assert read["a"].tolist() == [word, "z"]


def test_leading_zeros_and_huge_numbers_are_kept(tmp_path):
    ids = ["00012345678901234567890", "12345678901234567891"]
    text = f"id,code,huge,month\n{ids[0]},007,{2**53 + 1},1\n{ids[1]},010,3,12\n"
    with pytest.warns(UserWarning) as caught:
        read = read_text(tmp_path, text, id="id")
    assert read.index.tolist() == ids
    assert read["code"].tolist() == ["007", "010"]
    assert read["huge"].tolist() == [str(2**53 + 1), "3"]
    assert read["month"].tolist() == [1, 12]
    messages = [str(one.message) for one in caught]
    assert len(messages) == 2
    assert "column 'code' is kept as text: 2 of 2 numbers have leading" in messages[0]
    assert "column 'huge' is kept as text: 1 of 2 numbers are whole" in messages[1]


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_huge_numbers_of_binary_tables_are_kept(tmp_path, suffix, missing):
    values = [2**53 + 1, 7, None if missing else 8]
    y = pd.DataFrame({"huge": pd.array(values, "Int64"), "id": [2**60 + 1, 5, 6]})
    file = tmp_path / f"y.{suffix}"
    getattr(y, f"to_{suffix}")(file)
    with pytest.warns(UserWarning, match="column 'huge' is kept as text"):
        read = load_metadata(file, id="id")
    assert read["huge"].tolist()[:2] == [str(2**53 + 1), "7"]
    assert read["huge"].isna().sum() == missing
    assert read.index.tolist() == [2**60 + 1, 5, 6]


def test_whole_numbers_beside_missing_ones_are_numbers(tmp_path):
    y = pd.DataFrame({"n": pd.array([1, None, 3], "Int64")})
    y.to_parquet(tmp_path / "y.parquet")
    read = load_metadata(tmp_path / "y.parquet")["n"]
    np.testing.assert_array_equal(read, [1, np.nan, 3])


def test_truth_values_and_dates(tmp_path):
    read = read_text(tmp_path, "a,b,c\nTrue,true,2020-01-02\nFALSE,,2021-03-04\n")
    assert read["a"].tolist() == [True, False]
    assert read["b"].tolist()[0] is True
    dates = [pd.Timestamp("2020-01-02"), pd.Timestamp("2021-03-04")]
    assert read["c"].tolist() == dates


@pytest.mark.parametrize(
    "cells",
    [
        ["3.9", "3.10", "3.11"],
        ["1.1", "1.10", "2"],
        ["12.5", "12.10", "", "13"],
        ["5.0", "4.9", "4.10", "5.10"],
    ],
)
def test_versions_keep_their_last_zero(tmp_path, cells):
    text = "\n".join(["software,x", *(f"{cell},y" for cell in cells)])
    with pytest.warns(UserWarning, match=r"such as '\d+\.10'.* last zero|same number"):
        read = read_text(tmp_path, text)
    known = [cell for cell in cells if cell]
    assert read["software"].dropna().tolist() == known


@pytest.mark.parametrize(
    "cells",
    [
        ["12.50", "3.20", "7.10"],
        ["1.5", "2.50", "3.75"],
        ["0.05", "0.5", "0.10"],
        ["1.0", "1.5", "1.25"],
        ["100", "99.5", "98.75"],
        ["-1.9", "-1.10", "3.2"],
        ["1.2", "1.100", "1.35"],
    ],
)
def test_numbers_may_end_in_zero(tmp_path, cells):
    text = "\n".join(["dose,x", *(f"{cell},y" for cell in cells)])
    assert read_text(tmp_path, text)["dose"].tolist() == list(map(float, cells))
