"""Tables of text: encodings, separators, line ends, and where they end."""

import time
import warnings

import pytest

from sklearn_wsca.io import FileError, load_metadata
from sklearn_wsca.io._text import text_table


def read_text(folder, text, encoding="utf-8", **options):
    file = folder / "y.csv"
    file.write_bytes(text.encode(encoding))
    return load_metadata(file, **options)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends(tmp_path, separator, newline):
    lines = ["a,b,c", "1,x y,2.5", '2,"p;q|r\ts",3.5']
    if separator != ",":
        lines = [line.replace(",", separator) for line in lines]
    read = read_text(tmp_path, newline.join(lines))
    assert read.to_dict("list") == {
        "a": [1, 2],
        "b": ["x y", "p;q|r\ts"],
        "c": [2.5, 3.5],
    }


def test_separator_that_excel_announces(tmp_path):
    read = read_text(tmp_path, "sep=;\na;b\n1;x,y\n")
    assert read.to_dict("list") == {"a": [1], "b": ["x,y"]}


def test_names_with_line_breaks_and_markup(tmp_path):
    read = read_text(tmp_path, '"two\nlines",<script>,é\n1,a,b\n2,c,d\n')
    assert list(read) == ["two\nlines", "<script>", "é"]
    with pytest.raises(FileError) as caught:
        read_text(tmp_path, '"two\nlines",<script>,é\n1,a,b\n2,c,d\n', id="lines")
    assert str(caught.value).isprintable()


def test_rows_behind_the_last_one_are_left_out(tmp_path):
    read = read_text(tmp_path, "a;b\n1;x\n;\n2;y\n;\n;\n\n")
    assert len(read) == 3
    assert read["a"].isna().tolist() == [False, True, False]


def test_single_column_of_words(tmp_path):
    read = read_text(tmp_path, "age at scan\n61.5\n70\n")
    assert read["age at scan"].tolist() == [61.5, 70]


def test_many_columns_and_long_cells_take_time_in_proportion(tmp_path):
    file = tmp_path / "wide.csv"
    names = [f"c{i}" for i in range(100_000)]
    file.write_text("\n".join([",".join(names), ",".join(["1"] * len(names))]))
    start = time.perf_counter()
    with text_table(file, file) as table:
        assert table.names == names
    assert time.perf_counter() - start < 10
    file.write_text("\n".join([",".join([*names, "c7"]), ",".join(["1"] * 100_001)]))
    start = time.perf_counter()
    repeated = pytest.raises(FileError, match="several columns named 'c7'")
    with repeated, text_table(file, file):
        pass
    assert time.perf_counter() - start < 10


LONG = 100_000
CELLS = [
    "9" * LONG + "x",
    "9" * LONG,
    "0" * LONG,
    "1," * LONG + "x",
    "1." * LONG + "x",
    "1" + ",000" * LONG + "x",
    "1'000" * LONG,
    "1e" + "9" * LONG,
    "2026-01-31" + " " * LONG + "x",
    "#" + "a" * LONG,
    "_" * LONG,
    "-" * LONG,
]


@pytest.mark.parametrize("other", ["1", "1,5", "2026-01-31", "a"])
def test_patterns_take_time_in_proportion_to_a_cell(tmp_path, other):
    rows = [f"{i};{cell};{other}" for i, cell in enumerate([other] * 20 + CELLS)]
    (tmp_path / "T.csv").write_text("\n".join(["s;d;e", *rows]))
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = load_metadata(tmp_path / "T.csv")
    assert time.perf_counter() - start < 10
    assert table["d"].tolist()[20:23] == CELLS[:3]
