"""Ids of rows: columns, indexes, and as many as there are rows."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca.io import FileError, load_embeddings
from tests.broken_files import IDS, NAMES, arrays

X = arrays()


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
