"""Rows of numbers in text."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca.io import FileError, load_embeddings
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
