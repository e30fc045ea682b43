"""Metadata come back from every format as they were written, or with a warning."""

import datetime
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca.io import FileError, load_embeddings, load_metadata, match_rows
from tests.broken_files import IDS, N, table


def write_h5ad(file, metadata):
    import h5py
    from anndata.io import write_elem

    # As anndata does, but for the text type of pandas 3 that it does not write yet.
    obs = metadata.copy()
    for name in metadata.select_dtypes(exclude=["number", "bool"]):
        levels = pd.Index(metadata[name].dropna().unique(), dtype=object)
        obs[name] = pd.Categorical(metadata[name], categories=levels)
    obs.index = pd.Index(IDS, dtype=object)
    with h5py.File(file, "w") as content:
        write_elem(content, "obs", obs)


WRITERS = {
    "y.csv": lambda file, y: y.to_csv(file, index=False),
    "y.tsv": lambda file, y: y.to_csv(file, index=False, sep="\t"),
    "y.parquet": lambda file, y: y.to_parquet(file),
    "y.feather": lambda file, y: y.to_feather(file),
    "y.xlsx": lambda file, y: y.to_excel(file, index=False),
    "y.h5ad": write_h5ad,
}


def read_text(folder, text, encoding="utf-8", **options):
    file = folder / "y.csv"
    file.write_bytes(text.encode(encoding))
    return load_metadata(file, **options)


@pytest.mark.parametrize("name", WRITERS)
def test_round_trip(tmp_path, name):
    y = table().assign(count=np.arange(N), known=np.arange(N) % 3 == 0)
    y.loc[5, "scanner"] = None
    y.loc[6, "age"] = np.nan
    WRITERS[name](tmp_path / name, y)
    read = load_metadata(tmp_path / name)
    for column in y:
        found, expected = (t[column].astype(object) for t in (read, y))
        pd.testing.assert_series_equal(found.isna(), expected.isna())
        pd.testing.assert_series_equal(found.dropna(), expected.dropna())
    assert read["age"].dtype == np.float64
    assert read["count"].dtype == np.int64
    assert read["known"].dtype == bool


@pytest.mark.parametrize("name", WRITERS)
def test_round_trip_with_ids(tmp_path, name):
    WRITERS[name](tmp_path / name, table())
    read = load_metadata(tmp_path / name, id="sample")
    assert read.index.tolist() == IDS
    assert read.index.name == "sample"
    assert list(read) == ["diagnosis", "scanner", "age", "patient"]


def test_row_names_of_h5ad(tmp_path):
    write_h5ad(tmp_path / "y.h5ad", table())
    assert load_metadata(tmp_path / "y.h5ad", id="index").index.tolist() == IDS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings(tmp_path, encoding):
    read = read_text(tmp_path, "Größe,name\n1.5,Zoë\n2.5,日本\n", encoding)
    assert list(read) == ["Größe", "name"]
    assert read["name"].tolist() == ["Zoë", "日本"]


def test_windows_encoding_is_read_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match=r"y\.csv: .*Windows-1252.*ße,x.*UTF-8"):
        read = read_text(tmp_path, "Größe,x\n1.5,Zoë\n", "cp1252")
    assert list(read) == ["Größe", "x"]
    assert read["x"].tolist() == ["Zoë"]


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
        read = read_text(tmp_path, "age,b\n45,x\nunknown,x\n51.5,x\nNA,x\n")
    assert read["age"].tolist()[:3] == ["45", "unknown", "51.5"]
    assert read["age"].isna().tolist() == [False, False, False, True]


def test_words_for_missing_values(tmp_path):
    cells = ["1.5", "", "NA", "n/a", "NaN", "null", "None", "<NA>", " ", "2.5"]
    lines = "\n".join(f"{cell},x" for cell in ["a", *cells])
    read = read_text(tmp_path, lines)["a"]
    assert read.isna().tolist() == [False] + 8 * [True] + [False]


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
    assert "column 'huge' is kept as text: 1 of 2 whole numbers" in messages[1]


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
    assert read["c"].tolist() == ["2020-01-02", "2021-03-04"]


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
    with pytest.warns(UserWarning, match=r"'mixed' mixes.*1 of number, 1 of text"):
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
    for row in [("id", "age"), (7, 61.5), (None, "NA"), (8, 70), ("", None), ("n/a",)]:
        book.active.append(row)
    book.save(tmp_path / "y.xlsx")
    read = load_metadata(tmp_path / "y.xlsx")
    np.testing.assert_array_equal(read["id"], [7, np.nan, 8])
    np.testing.assert_array_equal(read["age"], [61.5, np.nan, 70])


def test_title_above_the_table_of_a_workbook_is_named(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    for row in [("Patients of 2020",), ("id", "age"), (1, 60)]:
        book.active.append(row)
    book.save(tmp_path / "y.xlsx")
    with pytest.raises(FileError, match="first row of its sheet does not name every"):
        load_metadata(tmp_path / "y.xlsx")


def test_good_files_give_no_warning_and_can_be_analysed(tmp_path):
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(3, [1, 10, 0.1], size=(N, 3)), columns=list("abc"))
    X.assign(sample=IDS).to_csv(tmp_path / "X.csv", index=False)
    permuted = table().sample(frac=1, random_state=0)
    permuted.to_parquet(tmp_path / "y.parquet")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embeddings = load_embeddings(tmp_path / "X.csv", id="sample")
        metadata = load_metadata(tmp_path / "y.parquet", id="sample")
        matched = match_rows(embeddings, metadata)
    estimator = WeightSpaceCorrelation("diagnosis", n_permutations=0)
    by_file = estimator.fit(*matched[:2]).alignment_scores_
    by_hand = estimator.fit(X, table().drop(columns="sample")).alignment_scores_
    pd.testing.assert_series_equal(by_file, by_hand)


def test_bytes_of_a_parquet_file_become_text(tmp_path):
    pytest.importorskip("pyarrow")
    y = pd.DataFrame({"site": [b"north", None, "\u00d8st".encode()], "n": [3, 50, -7]})
    y.to_parquet(tmp_path / "y.parquet")
    read = load_metadata(tmp_path / "y.parquet")["site"]
    assert read.tolist()[::2] == ["north", "\u00d8st"] and pd.isna(read[1])
