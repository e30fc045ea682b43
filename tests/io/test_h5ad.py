"""Annotated matrices: their elements, and what they must not point to."""

import numpy as np
import pytest

from sklearn_wsca.io import FileError, load_embeddings
from tests.broken_files import D, N
from tests.io.test_embedding_files import X, write_h5ad


def test_sparse_matrix_and_obsm_of_h5ad(tmp_path):
    import h5py
    from anndata.io import write_elem
    from scipy import sparse

    file = tmp_path / "X.h5ad"
    write_h5ad(file, X)
    with h5py.File(file, "a") as content:
        write_elem(content, "layers/counts", sparse.csr_matrix(X.round()))
    np.testing.assert_array_equal(load_embeddings(file, key="twice"), 2 * X)
    np.testing.assert_array_equal(load_embeddings(file, key="counts"), X.round())
    index = load_embeddings(file, key="twice", id="index").index
    assert index.tolist() == [f"row {i}" for i in range(N)]


def test_sparse_matrix_that_would_not_fit_is_refused(tmp_path):
    import h5py

    file = tmp_path / "X.h5ad"
    write_h5ad(file, X)
    with h5py.File(file, "a") as content:
        del content["X"]
        group = content.create_group("X")
        group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        group.attrs["shape"] = np.array([10**9, 10**9])
        group["data"], group["indices"] = np.ones(1), np.zeros(1, dtype=int)
        group["indptr"] = np.array([0, 1])
    with pytest.raises(FileError, match="'X' would take 8e"):
        load_embeddings(file)


@pytest.mark.parametrize("link", ["external", "virtual"])
def test_h5ad_that_points_into_another_file_is_refused(tmp_path, link):
    import h5py

    write_h5ad(tmp_path / "other.h5ad", X)
    write_h5ad(tmp_path / "X.h5ad", X)
    with h5py.File(tmp_path / "X.h5ad", "a") as content:
        del content["X"]
        if link == "external":
            content["X"] = h5py.ExternalLink("other.h5ad", "/X")
        else:
            layout = h5py.VirtualLayout(shape=(N, D), dtype="f8")
            layout[:] = h5py.VirtualSource("other.h5ad", "X", shape=(N, D))
            content.create_virtual_dataset("X", layout)
    with pytest.raises(FileError, match=r"another file, which is not followed; copy"):
        load_embeddings(tmp_path / "X.h5ad")
