"""Rows of numbers in text."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca.io import FileError, load_embeddings, load_head
from tests.broken_files import IDS, N
from tests.io.test_embedding_files import X, write_csv


def test_text_without_header_as_numpy_writes_it(tmp_path):
    np.savetxt(tmp_path / "X.csv", X, delimiter=",")
    np.testing.assert_array_equal(load_embeddings(tmp_path / "X.csv"), X)


def test_header_that_counts_the_columns_is_one(tmp_path):
    pd.DataFrame(X).to_csv(tmp_path / "X.csv", index=False)
    assert len(load_embeddings(tmp_path / "X.csv")) == N


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_decimal_commas(tmp_path, separator):
    write_csv(tmp_path / "X.csv", X, IDS, sep=separator, decimal=",")
    table = load_embeddings(tmp_path / "X.csv", id="sample")
    np.testing.assert_array_equal(table.to_numpy(), X)


def test_labels_with_underscores_are_no_numbers(tmp_path):
    (tmp_path / "X.csv").write_text("a,b\n1,2_000\n")
    with pytest.raises(FileError, match=r"'b' holds '2_000' in line 2"):
        load_embeddings(tmp_path / "X.csv")


@pytest.mark.parametrize(
    "cell",
    ["[0.1, 0.2]", "[0.1 0.2]", "tensor([0.1, 2.])", "array([1, 2])", "(0.1, 0.2)"],
)
@pytest.mark.parametrize("separator", [",", ";"])
def test_lists_as_text_are_named(tmp_path, cell, separator):
    lines = [["image", "embedding"], ["a", f'"{cell}"'], ["b", f'"{cell}"']]
    (tmp_path / "X.csv").write_text("\n".join(map(separator.join, lines)) + "\n")
    expected = r"column 'embedding' holds a list of numbers as text in line 2 \('"
    with pytest.raises(FileError, match=expected):
        load_embeddings(tmp_path / "X.csv", id="image")


THOUSANDS = 'a,b\n"1,000","2,345"\n"12,345","999"\n'
GROUPED = r"its numbers hold commas that may separate thousands \(such as '1,000'\)"


def test_commas_that_may_separate_thousands_are_refused(tmp_path):
    (tmp_path / "X.csv").write_text(THOUSANDS)
    with pytest.raises(FileError, match=GROUPED):
        load_embeddings(tmp_path / "X.csv")
    (tmp_path / "head.csv").write_text('class,a,b\nx,"1,000","7"\ny,"2,345","8"\n')
    with pytest.raises(FileError, match=GROUPED):
        load_head(tmp_path / "head.csv")


def test_commas_that_cannot_separate_thousands_are_decimal(tmp_path):
    (tmp_path / "X.csv").write_text('a,b\n"1,000","2,345"\n"0,345","99"\n')
    read = load_embeddings(tmp_path / "X.csv")
    np.testing.assert_array_equal(read, [[1.0, 2.345], [0.345, 99.0]])


def test_commas_between_semicolons_are_decimal_with_a_warning(tmp_path):
    (tmp_path / "X.csv").write_text("a;b\n1,000;2,345\n12,345;999\n")
    with pytest.warns(UserWarning, match="was read with decimal commas, but its num"):
        read = load_embeddings(tmp_path / "X.csv")
    np.testing.assert_array_equal(read, [[1.0, 2.345], [12.345, 999.0]])


@pytest.mark.parametrize("cell", ["1,234,567", "1'234", "1 234", "1.234.567"])
def test_other_thousands_are_shown_as_they_are_written(tmp_path, cell):
    (tmp_path / "X.csv").write_text(f'a,b\n"{cell}",2\n')
    with pytest.raises(FileError) as caught:
        load_embeddings(tmp_path / "X.csv")
    assert f"'a' holds {cell!r} in line 2, which is no number" in str(caught.value)
