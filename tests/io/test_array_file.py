"""Which array of a file is meant."""

import numpy as np
import pytest

from sklearn_wsca.io import FileError, load_embeddings
from tests.broken_files import N, arrays

X = arrays()


def test_key_chooses_an_array(tmp_path):
    np.savez(tmp_path / "X.npz", first=X, second=2 * X, labels=np.arange(N))
    read = load_embeddings(tmp_path / "X.npz", key="second")
    np.testing.assert_array_equal(read, 2 * X)
    expected = r"nothing named 'secnd' \(did you mean 'second'\?\).*'first' \(60, 6\)"
    with pytest.raises(FileError, match=expected):
        load_embeddings(tmp_path / "X.npz", key="secnd")


@pytest.mark.parametrize("other", [np.arange(N), np.empty((N, 0)), np.empty((0, 6))])
def test_matrix_beside_vectors_and_empty_ones_needs_no_key(other, tmp_path):
    np.savez(tmp_path / "X.npz", labels=other, features=X)
    np.testing.assert_array_equal(load_embeddings(tmp_path / "X.npz"), X)
