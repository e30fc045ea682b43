"""Tables as R, SPSS, SAS, REDCap, Excel, polars, pyarrow and DICOM tools write them.

Each is what the program writes by default or at a usual setting, made here; with it
come the columns that must be read, and what must be said besides.
"""

from __future__ import annotations

import datetime
import re
import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca.io import FileError, load_embeddings, load_metadata


@dataclass(frozen=True)
class Export:
    """A text table, the columns that must be read, and patterns of all warnings."""

    text: str | bytes
    columns: dict
    said: tuple[str, ...] = ()
    suffix: str = ".csv"
    options: dict = field(default_factory=dict)


def days(*texts):
    return [pd.Timestamp(text) if text else pd.NaT for text in texts]


WORDS = "words for missing values, with their numbers of rows: "
UNITS = [f"{number:03d}Y" for number in range(30, 42)]
UIDS = [f"1.2.840.113619.2.{number}" for number in range(9, 21)]
EXPORTS = {
    "R write.csv": Export(
        '"","sex","age"\n"1","f",61.5\n"2",NA,NA\n"3","m",70\n',
        {"Unnamed: 0": [1, 2, 3], "sex": ["f", None, "m"], "age": [61.5, None, 70]},
        (WORDS + r"'sex': 'NA' \(1\); 'age': 'NA' \(1\)\. They were read as missing",),
    ),
    "R write.csv without quotes": Export(
        ",sex,age\nP1,f,61.5\nP2,m,1e+05\n",
        {"Unnamed: 0": ["P1", "P2"], "sex": ["f", "m"], "age": [61.5, 100000]},
    ),
    "R write.csv2": Export(
        '"";"sex";"age"\n"1";"f";61,5\n"2";"m";60\n',
        {"Unnamed: 0": [1, 2], "sex": ["f", "m"], "age": [61.5, 60]},
    ),
    "R write.table": Export(
        '"sex" "site name"\n"s1" "f" "a b"\n"s2" "m" "c"\n',
        {"Unnamed: 0": ["s1", "s2"], "sex": ["f", "m"], "site name": ["a b", "c"]},
    ),
    "R write.table of one column": Export(
        '"sex"\n"1" "f"\n"2" "m"\n', {"Unnamed: 0": [1, 2], "sex": ["f", "m"]}
    ),
    "R write.table with a name above the row names": Export(
        '"" "sex" "age"\n"1" "f" 5\n"2" "m" 6\n',
        {"Unnamed: 0": [1, 2], "sex": ["f", "m"], "age": [5, 6]},
    ),
    "R write.table by tabs": Export(
        "sex\tage\ns1\tf\t61\ns2\tm\t60\n",
        {"Unnamed: 0": ["s1", "s2"], "sex": ["f", "m"], "age": [61, 60]},
        suffix=".tsv",
    ),
    "R write.table by tabs, one column": Export(
        "sex\ns1\tf\ns2\tm\n",
        {"Unnamed: 0": ["s1", "s2"], "sex": ["f", "m"]},
        suffix=".tsv",
    ),
    "R row names by index": Export(
        '"sex" "age"\n"007" "f" 61\n"010" "m" 60\n',
        {"sex": ["f", "m"], "age": [61, 60]},
        options={"id": "index"},
    ),
    "comment lines of a tool": Export(
        "# exported by a tool\n#\n# 3, columns\n\nsex,age\nf,61\nm,62\n",
        {"sex": ["f", "m"], "age": [61, 62]},
    ),
    "a comment of as many cells as the header": Export(
        "# exported, by a tool\nsex,age\nf,61\nm,62\n",
        {"sex": ["f", "m"], "age": [61, 62]},
    ),
    "VCF": Export(
        "##fileformat=VCFv4.2\n##source=x\n#CHROM\tPOS\n1\t5\nX\t7\n",
        {"#CHROM": ["1", "X"], "POS": [5, 7]},
        ("column '#CHROM' mixes 1 numbers",),
        suffix=".tsv",
    ),
    "SPSS": Export(
        "\ufeffID;SEX;AGE;DATE\r\n1;Male;61,5;31.12.2020\r\n"
        "2;#NULL!; ;01.01.2021\r\n3;Female;60,25;01.02.2021\r\n",
        {
            "ID": [1, 2, 3],
            "SEX": ["Male", None, "Female"],
            "AGE": [61.5, None, 60.25],
            "DATE": ["31.12.2020", "01.01.2021", "01.02.2021"],
        },
        (
            WORDS + r"'SEX': '#NULL!' \(1\)",
            r"'DATE' is kept as text: dates such as '31\.12\.2020'.*as 2026-01-31\.$",
        ),
    ),
    "SPSS with padded labels": Export(
        "SEX,AGE\nmale  ,61\nfemale,60\nmale,59\n",
        {"SEX": ["male  ", "female", "male"], "AGE": [61, 60, 59]},
        ("column 'SEX' holds values that differ in .*'male  ' beside 'male'",),
    ),
    "SAS and Stata": Export(
        "id,age\n1,61.5\n2,.\n",
        {"id": [1, 2], "age": [61.5, None]},
        (WORDS + r"'age': '\.' \(1\)",),
    ),
    "REDCap": Export(
        "record_id,age,race___1,race___2,smoker\n"
        "1,61,1,0,Yes\n2,-99,0,1,yes\n3,55,0,0,No\n",
        {
            "record_id": [1, 2, 3],
            "age": [61, -99, 55],
            "race___1": [1, 0, 0],
            "race___2": [0, 1, 0],
            "smoker": ["Yes", "yes", "No"],
        },
        (
            "column 'age' holds -99, far from all its other numbers; leave these",
            "column 'smoker' holds values that differ in .*'yes' beside 'Yes'",
        ),
    ),
    "REDCap with numbers as they were typed": Export(
        "record_id,weight\n1,70\n2,70.0\n3,65.5\n",
        {"record_id": [1, 2, 3], "weight": ["70", "70.0", "65.5"]},
        ("column 'weight' is kept as text: '70' and '70.0' would be the same number",),
    ),
    "codes of 999": Export(
        "age,stage\n61,1\n999,2\n55,9\n999,1\n",
        {"age": [61, 999, 55, 999], "stage": [1, 2, 9, 1]},
        ("column 'age' holds 999, far from",),
    ),
    "Excel, with its separator": Export(
        b"\xef\xbb\xbfsep=;\r\nsite;note\r\n#REF!;a,b\r\nx;#DIV/0!\r\n",
        {"site": [None, "x"], "note": ["a,b", None]},
        (WORDS + r"'site': '#REF!' \(1\); 'note': '#DIV/0!' \(1\)",),
    ),
    "Excel in German and Spanish": Export(
        "site;age\n#BEZUG!;61,5\nx;#WERT!\n#\u00a1REF!;#NV\n",
        {"site": [None, "x", None], "age": [61.5, None, None]},
        (WORDS,),
    ),
    "thousands of Excel": Export(
        'count,cost,area\n"1,234",1 234,1\'234\n"2,345","2 345,5",2\'345\n',
        {
            "count": ["1,234", "2,345"],
            "cost": ["1 234", "2 345,5"],
            "area": ["1'234", "2'345"],
        },
        tuple(
            f"column '{name}' is kept as text: its 2 numbers hold commas or other"
            for name in ("count", "cost", "area")
        ),
    ),
    "thousands in German": Export(
        "a;b\n1.234.567;1.234,5\n2.345.678;2.345,5\n",
        {"a": ["1.234.567", "2.345.678"], "b": ["1.234,5", "2.345,5"]},
        tuple(f"column '{name}' is kept as text: its 2 numbers" for name in "ab"),
    ),
    "genes that Excel takes for numbers": Export(
        "clone,well\n2310009E13,1E1\n1700001E04,2E3\n",
        {"clone": ["2310009E13", "1700001E04"], "well": ["1E1", "2E3"]},
        (
            "'clone' is kept as text: codes such as '2310009E13', '1700001E04' would",
            "'well' is kept as text: codes such as '1E1', '2E3' would become other",
        ),
    ),
    "versions, codes and numbers of programs": Export(
        "version,well,code,zero,tiny\n1.1,1E1,007,0.0,1e-05\n1.10,10,7,-0.0,2.5e-07\n",
        {
            "version": ["1.1", "1.10"],
            "well": ["1E1", "10"],
            "code": ["007", "7"],
            "zero": [0.0, 0.0],
            "tiny": [1e-05, 2.5e-07],
        },
        (
            r"'version' is kept as text: '1\.1' and '1\.10' would be the same number",
            "'well' is kept as text: codes such as '1E1'",
            "'code' is kept as text: 1 of 2 numbers have leading zeros",
        ),
    ),
    "numbers with a fixed count of decimals": Export(
        "age,dose\n61.50,1.10\n61.25,1.20\n", {"age": [61.5, 61.25], "dose": [1.1, 1.2]}
    ),
    "numbers beyond doubles": Export(
        "a,b\n1e400,1e-400\n1,2\n",
        {"a": ["1e400", "1"], "b": ["1e-400", "2"]},
        tuple(f"'{name}' is kept as text: 1 of 2 numbers are beyond" for name in "ab"),
    ),
    "DICOM header dump": Export(
        "uid,age,date,field\n"
        + "".join(
            f"{uid},{unit},202001{10 + i},{1.5 * (i % 2 + 1)}T\n"
            for i, (uid, unit) in enumerate(zip(UIDS, UNITS, strict=True))
        ),
        {
            "uid": UIDS,
            "age": UNITS,
            "date": [20200110 + i for i in range(12)],
            "field": ["1.5T", "3.0T"] * 6,
        },
        (
            "'age' is kept as text: its numbers have something behind .*'030Y'",
            "'date' holds whole numbers such as 20200110, which look like dates",
        ),
    ),
    "dates by ISO 8601": Export(
        "a,b,c,d\n"
        "2020-01-02,2020-01-02 10:00,2020-01-02T10:00:00Z,9999-12-31\n"
        ",2020-01-03 11:00:01.5,2020-01-02T10:00:00+02:00,1000-01-01\n",
        {
            "a": days("2020-01-02", None),
            "b": days("2020-01-02 10:00", "2020-01-03 11:00:01.5"),
            "c": days("2020-01-02T10:00Z", "2020-01-02T08:00Z"),
            "d": [datetime.datetime(9999, 12, 31), datetime.datetime(1000, 1, 1)],
        },
    ),
    "dates of polars in nanoseconds": Export(
        "a,b\n2020-01-02T10:00:00.123456789,1\n,2\n2020-01-02T10:00:00.5,3\n",
        {
            "a": days("2020-01-02T10:00:00.123456789", None, "2020-01-02T10:00:00.5"),
            "b": [1, 2, 3],
        },
    ),
    "two byte order marks": Export(
        "\ufeff\ufeffid,age\n1,61\n2,62\n", {"id": [1, 2], "age": [61, 62]}
    ),
    "dates that do not exist": Export(
        "a,b\n2020-02-30,2020-01-01T00:00:00Z\n2020-02-28,2020-01-01T00:00:00\n",
        {
            "a": ["2020-02-30", "2020-02-28"],
            "b": ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00"],
        },
        tuple(f"'{name}' is kept as text: some of its dates" for name in "ab"),
    ),
    "dates among words": Export(
        "a,b\n2020-02-01,1\nunknown,2\n",
        {"a": ["2020-02-01", "unknown"], "b": [1, 2]},
        ("'a' mixes 1 dates .* with 1 other values",),
    ),
    "a semicolon in every row of a comma file": Export(
        "s,d;e,a\ns0,x;y,0\ns1,x;y,1\n",
        {"s": ["s0", "s1"], "d;e": ["x;y", "x;y"], "a": [0, 1]},
    ),
    "a semicolon in every row of two columns": Export(
        "a,b;c\n1,x;y\n2,x;z\n", {"a": [1, 2], "b;c": ["x;y", "x;z"]}
    ),
    "a bar in every row of a comma file": Export(
        "a,b|c,d\n1,x|y,2\n2,x|z,3\n", {"a": [1, 2], "b|c": ["x|y", "x|z"], "d": [2, 3]}
    ),
    "a comma in every row of a semicolon file": Export(
        "name, first;age\nDoe, John;5\nRoe, Jane;6\n",
        {"name, first": ["Doe, John", "Roe, Jane"], "age": [5, 6]},
    ),
    "letters in two encodings": Export(
        "a,b\nZo\u00e9,1\nZoe\u0301,2\nx\u00a0,3\nx,4\n",
        {"a": ["Zo\u00e9", "Zoe\u0301", "x\u00a0", "x"], "b": [1, 2, 3, 4]},
        ("column 'a' holds values that differ in nothing but blanks, case or the enc",),
    ),
    "a cell of 200000 characters": Export(
        'image,report\na,"' + "1 2, " * 40000 + '"\nb,none given\n',
        {"image": ["a", "b"], "report": ["1 2, " * 40000, "none given"]},
    ),
    "a cell of 20000 digits": Export(
        "a,b\n" + "9" * 20000 + "x,1\n1,2\n",
        {"a": ["9" * 20000 + "x", "1"], "b": [1, 2]},
        (r"'a' mixes 1 numbers .*'9{28}\.\.\.9{26}x'\)",),
    ),
}


@pytest.mark.parametrize("what", EXPORTS)
def test_values_come_back_and_doubts_are_said(what, tmp_path):
    export = EXPORTS[what]
    file = tmp_path / f"table{export.suffix}"
    text = export.text
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    read, messages = read_aloud(file, **export.options)
    same(read, export.columns)
    assert len(messages) == len(export.said), messages
    for message, pattern in zip(messages, export.said, strict=True):
        assert message.startswith(f"{file}: ")
        assert re.search(pattern, message), message


def read_aloud(file, **options):
    """Table of a file, and what was said about it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read = load_metadata(file, **options)
    return read, [str(one.message) for one in caught]


def same(read, columns):
    assert list(read) == list(columns)
    for name, values in columns.items():
        found = read[name].astype(object).where(read[name].notna(), None).tolist()
        assert found == [None if pd.isna(value) else value for value in values], name


def test_row_names_are_ids(tmp_path):
    export = EXPORTS["R row names by index"]
    (tmp_path / "y.csv").write_text(export.text)
    assert load_metadata(tmp_path / "y.csv", id="index").index.tolist() == [
        "007",
        "010",
    ]
    assert load_metadata(tmp_path / "y.csv", id="Unnamed: 0").index.name == "Unnamed: 0"


REFUSED = {
    "separators behind every row": (
        "sex\tage\nf\t61\t\nm\t60\t\n",
        "line 2 has 3 cells and the first line has 2",
    ),
    "unquoted decimal commas": ("id,age\n1,61,5\n2,60,5\n", "line 2 has 3 cells"),
    "unquoted commas in text": (
        "image,report\na.png,normal, none\nb.png,mass, left\n",
        "line 2 has 3 cells",
    ),
    "row names that repeat": ("sex\tage\nx\tf\t61\nx\tm\t60\n", "line 2 has 3 cells"),
    "a row without a name": (
        "sex\tage\n" + "".join(f"r{i}\tf\t{i}\n" for i in range(50_000)) + "m\t60\n",
        "line 50002 has 2 cells and the lines before it have 3",
    ),
    "R write.table without quotes": (
        "sex age\na1 f 61.5\na2 m 60\n",
        "one column only, and every line holds ' ' as if it separated cells",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_may_be_read_in_two_ways_is_refused(what, tmp_path):
    text, error = REFUSED[what]
    (tmp_path / "y.csv").write_text(text)
    with pytest.raises(FileError, match=error):
        load_metadata(tmp_path / "y.csv")


@pytest.mark.parametrize("delimiter", [" ", ",", "\t"])
@pytest.mark.parametrize("header", ["", "f0{0}f1{0}f2"])
def test_numbers_of_numpy(delimiter, header, tmp_path):
    X = np.arange(12.0).reshape(4, 3) * [1.0, 50.0, 0.01] + 0.5
    header = header.format(delimiter)
    np.savetxt(tmp_path / "X.csv", X, delimiter=delimiter, header=header)
    np.testing.assert_array_equal(load_embeddings(tmp_path / "X.csv"), X)
    if header:
        assert list(load_metadata(tmp_path / "X.csv")) == ["f0", "f1", "f2"]


# --- one table, four formats ---------------------------------------------------------

TABLE = pd.DataFrame(
    {
        "contrast": ["None", "iodine", "gadolinium"] * 2,
        "country": ["NA", "ZA", "BW"] * 2,
        "text": [" nan ", "b", "c"] * 2,
        "age": [61.5, 60.25, 70.0] * 2,
    }
)
FORMATS = {
    "y.csv": lambda file: TABLE.to_csv(file, index=False),
    "y.xlsx": lambda file: TABLE.to_excel(file, index=False),
    "y.parquet": lambda file: TABLE.to_parquet(file),
    "y.feather": lambda file: TABLE.to_feather(file),
    "z.parquet": lambda file: TABLE.astype(
        dict.fromkeys(["contrast", "country"], "category")
    ).to_parquet(file),
}


@pytest.mark.parametrize("name", FORMATS)
def test_words_for_missing_values_are_the_same_in_every_format(name, tmp_path):
    FORMATS[name](tmp_path / name)
    read, messages = read_aloud(tmp_path / name)
    assert read.isna().sum().tolist() == [2, 2, 2, 0]
    assert read["contrast"].dropna().tolist() == ["iodine", "gadolinium"] * 2
    (message,) = messages
    assert "'contrast': 'None' (2); 'country': 'NA' (2); 'text': " in message


def test_empty_text_of_typed_tables_is_counted(tmp_path):
    pd.DataFrame({"a": ["", "x", None], "b": [1, 2, 3]}).to_parquet(
        tmp_path / "y.parquet"
    )
    read, messages = read_aloud(tmp_path / "y.parquet")
    assert read["a"].isna().tolist() == [True, False, True]
    assert len(messages) == 1 and "'a': '' (1)" in messages[0]
