"""Ids of rows: columns, indexes, and as many as there are rows."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca.io import (
    FileError,
    load_embeddings,
    load_metadata,
    match_rows,
)
from tests.broken_files import IDS, NAMES, arrays

X = arrays()
X_OF_THREE = X[:3]


def test_index_that_pandas_wrote_is_no_feature(tmp_path):
    pd.DataFrame(X, columns=NAMES).to_csv(tmp_path / "X.csv")
    with pytest.raises(FileError, match="'Unnamed: 0' looks like ids"):
        load_embeddings(tmp_path / "X.csv")
    table = load_embeddings(tmp_path / "X.csv", id="Unnamed: 0")
    np.testing.assert_array_equal(table.to_numpy(), X)


def test_ids_of_a_pandas_index(tmp_path):
    table = pd.DataFrame(X, columns=NAMES, index=pd.Index(IDS, name="sample"))
    table.to_parquet(tmp_path / "X.parquet")
    for name in ("sample", "index"):
        read = load_embeddings(tmp_path / "X.parquet", id=name)
        assert read.index.tolist() == IDS
        np.testing.assert_array_equal(read.to_numpy(), X)


def test_ids_of_another_length_are_refused(tmp_path):
    np.savez(tmp_path / "X.npz", X=X, sample=IDS[:-1])
    with pytest.raises(FileError, match="59 ids in 'sample' for 60 rows"):
        load_embeddings(tmp_path / "X.npz", id="sample")


ROUNDED = [float(2**53 + 2), 2.0**60, 7.0]


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_ids_that_were_rounded_are_refused(tmp_path, suffix):
    table = pd.DataFrame({"sample": ROUNDED, "age": [60, 61, 62]})
    getattr(table, f"to_{suffix}")(tmp_path / f"y.{suffix}")
    with pytest.raises(FileError, match="ids in 'sample' are floating-point numbers"):
        load_metadata(tmp_path / f"y.{suffix}", id="sample")


@pytest.mark.parametrize("dtype", [np.float64, np.float32, object])
def test_ids_of_frames_that_were_rounded_are_refused(dtype):
    index = pd.Index(np.array(ROUNDED, dtype), name="sample")
    X, y = pd.DataFrame(X_OF_THREE, index), pd.DataFrame({"age": [1, 2, 3]}, index)
    with pytest.raises(FileError, match=r"^embeddings: the ids in 'sample' are float"):
        match_rows(X, y)
    exact = index.astype(np.float64).astype(np.int64)
    assert len(match_rows(X.set_axis(exact), y.set_axis(exact))[1]) == 3


def test_row_names_of_a_text_table_are_ids(tmp_path):
    pd.DataFrame(X, columns=NAMES, index=IDS).to_csv(tmp_path / "X.csv")
    for name in ("index", "Unnamed: 0"):
        read = load_embeddings(tmp_path / "X.csv", id=name)
        assert read.index.tolist() == IDS
        np.testing.assert_array_equal(read.to_numpy(), X)
    with pytest.raises(FileError, match="has no id column 'patient'"):
        load_embeddings(tmp_path / "X.csv", id="patient")
