"""Annotated matrices: their elements, and what they must not point to."""

import numpy as np
import pytest

from sklearn_wsca.io import FileError, load_embeddings, load_metadata
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


def test_sparse_matrix_with_a_lie_for_a_shape_is_refused(tmp_path):
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
    with pytest.raises(
        FileError, match=r"'X' has the shape \(1000000000, 1000000000\)"
    ):
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


def write_old(file, **changes):
    """A file as anndata wrote it before 0.7: tables are records."""
    import h5py

    obs = [(b"c%d" % i, i % 2, i * 1.5, b"s%d" % (i % 3), [i, 1]) for i in range(6)]
    fields = [("index", "S2"), ("batch", "i1"), ("age", "f4"), ("site", "S2")]
    with h5py.File(file, "w") as content:
        content["X"] = X[:6]
        content["obs"] = np.array(obs, [*fields, ("place", "i4", (2,))])
        content["var"] = np.array([(b"g%d" % i,) for i in range(D)], [("index", "S2")])
        content["obsm"] = np.array(
            [([i, 2 * i], [i] * 3) for i in range(6)],
            [("X_pca", "f4", (2,)), ("X_umap", "f8", (3,))],
        )
        uns = content.create_group("uns")
        uns["batch_categories"] = np.array([b"day 1", b"day 2"])
        for name, value in changes.items():
            content[name] = value


def test_records_of_old_files_are_tables(tmp_path):
    write_old(tmp_path / "y.h5ad")
    read = load_metadata(tmp_path / "y.h5ad", id="index")
    assert read.index.tolist() == [f"c{i}" for i in range(6)]
    assert list(read) == ["batch", "age", "site", "place"]
    assert read["batch"].tolist() == ["day 1", "day 2"] * 3
    assert read["age"].tolist() == [0.0, 1.5, 3.0, 4.5, 6.0, 7.5]
    assert read["site"].tolist() == ["s0", "s1", "s2"] * 2
    # Left out of an analysis with a reason, like any column of lists.
    assert read["place"].tolist() == [[i, 1] for i in range(6)]


@pytest.mark.parametrize("id", [None, "site", "index"])
def test_matrices_of_old_files(id, tmp_path):
    file = tmp_path / "X.h5ad"
    write_old(file)
    np.testing.assert_array_equal(load_embeddings(file, id=None), X[:6])
    pca = np.asarray(load_embeddings(file, key="X_pca", id=id))
    np.testing.assert_array_equal(pca, [[i, 2 * i] for i in range(6)])
    assert load_embeddings(file, key="X_umap").shape == (6, 3)
    with pytest.raises(FileError, match=r"'X_pca' \(6, 2\), 'X_umap' \(6, 3\)"):
        load_embeddings(file, key="nothing")


def test_sparse_matrices_of_old_files(tmp_path):
    import h5py
    from scipy import sparse

    file = tmp_path / "X.h5ad"
    write_old(file)
    matrix = sparse.csr_matrix(X[:6].round())
    with h5py.File(file, "a") as content:
        del content["X"]
        group = content.create_group("X")
        group.attrs["h5sparse_format"] = "csr"
        group.attrs["h5sparse_shape"] = np.array(matrix.shape)
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(matrix, name)
    np.testing.assert_array_equal(load_embeddings(file), X[:6].round())


def test_old_levels_with_missing_ones_and_a_single_one(tmp_path):
    import h5py

    file = tmp_path / "y.h5ad"
    write_old(file)
    with h5py.File(file, "a") as content:
        records = content["obs"][()]
        records["batch"] = [0, -1, 0, 0, 0, 0]
        del content["obs"], content["uns/batch_categories"]
        content["obs"] = records
        content["uns/batch_categories"] = np.bytes_(b"only")
    read = load_metadata(file)["batch"]
    assert read.isna().tolist() == [False, True, False, False, False, False]
    assert read.dropna().tolist() == ["only"] * 5
